# SPDX-License-Identifier: MIT
"""What is counted but fails nothing: tests that are still to be written."""

import os
import re

from .source import TOKEN

ID = re.compile(r"^\|\s*([A-Z]+\d+[a-z]?)\b", re.M)


def tests_text(tree):
    return "\n".join(tree.read(path) for path in tree.paths
                     if path.startswith(("tests/", "fuzz/")))


def names_in_tests(tree):
    """The identifiers and strings of the tests: a catalogue id counts there,
    not in a comment."""
    texts = []
    for source in tree.sources:
        if source.path.startswith(("tests/", "fuzz/")):
            texts.append(source.code)
            texts += [match.group(0) for match in TOKEN.finditer(source.text)
                      if match.group(0).startswith('"')]
    texts += [tree.read(path) for path in tree.paths
              if path.startswith("tests/") and path.endswith((".sh", ".py"))]
    return "\n".join(texts)


def numbered(ids):
    """F01 F02 F03 F07 as "F01-F03 F07"."""
    out, run = [], []
    for name in list(ids) + [None]:
        if run and name and name[0] == run[-1][0] and \
                name[1:].isdigit() and run[-1][1:].isdigit() and \
                int(name[1:]) == int(run[-1][1:]) + 1:
            run.append(name)
            continue
        if run:
            out.append(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}")
        run = [name]
    return " ".join(out)


def report_catalogue(tree):
    """Ids of the failure catalogue without a test that names them."""
    path = os.path.join(tree.root, "..", "shared", "FAILURES.md")
    if not os.path.exists(path):
        return ["catalogue: ../shared/FAILURES.md is not there: not counted"]
    with open(path, encoding="utf-8") as file:
        ids = list(dict.fromkeys(ID.findall(file.read())))
    named = set(re.findall(r"(?<![A-Za-z0-9])([A-Z]+\d+[a-z]?)(?![A-Za-z0-9])",
                           names_in_tests(tree)))
    without = [name for name in ids if name not in named]
    return [f"catalogue: {len(ids) - len(without)} of {len(ids)} ids of "
            "FAILURES.md have a test",
            f"catalogue: without one: {numbered(without)}"]


def report_errors(tree):
    """Error codes that no test mentions."""
    if not tree.exists("include/flare/error.h"):
        return []
    codes = re.findall(r"^\s*X\((\w+),", tree.read("include/flare/error.h"),
                       re.M)
    text = tests_text(tree)
    without = [code for code in codes if not re.search(
        rf"\bFLARE_E_{code}\b", text)]
    lines = [f"errors: {len(codes) - len(without)} of {len(codes)} codes are "
             "named in a test"]
    if without:
        lines.append("errors: not: " + " ".join(without))
    return lines
