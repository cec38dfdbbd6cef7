# SPDX-License-Identifier: MIT
"""How files look: first lines, comments, formatting, build lists."""

import os
import re
import shutil
import subprocess

from .source import FOLDERS, Finding

OPENED = (".c", ".h", ".inc", ".sh", ".py", ".mk", ".m4", ".ac", ".am")
SPDX = "SPDX-License-Identifier: MIT"


def check_first_lines(tree):
    """The licence's name opens every file, and a C file says what it is."""
    for path in tree.paths:
        if "." in os.path.basename(path) and not path.endswith(OPENED):
            continue
        lines = tree.read(path).split("\n")
        if not any(SPDX in line for line in lines[:2]):
            yield Finding(path, 1, "first-lines", f"no {SPDX}")
        elif path.endswith((".c", ".h", ".inc")):
            if lines[0] != f"/* {SPDX} */":
                yield Finding(path, 1, "first-lines",
                              f"opens with /* {SPDX} */")
            elif not lines[1:2] or not lines[1].startswith("/*"):
                yield Finding(path, 2, "first-lines",
                              "says what the file guarantees")


def check_comments(tree):
    """Comments are /* */ only."""
    for source in tree.sources:
        for number in source.line_comments:
            yield Finding(source.path, number, "comments", "// comment")


def clang_format():
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            return name
    return None


def check_format(tree):
    """clang-format 14 would change nothing."""
    tool = clang_format()
    if tool is None or not tree.exists(".clang-format"):
        raise LookupError("clang-format is not installed")
    paths = [source.path for source in tree.sources
             if not source.is_generated()]
    if not paths:
        return
    run = subprocess.run([tool, "--dry-run", "--style=file", *paths],
                         cwd=tree.root, capture_output=True, text=True,
                         check=False)
    seen = set()
    for path, line in re.findall(r"^([^\s:]+):(\d+):\d+: ", run.stderr, re.M):
        if path not in seen:
            seen.add(path)
            yield Finding(path, int(line), "format",
                          f"{tool} -i {path} would change it")


def check_listed(tree):
    """Every C file is in a files.mk, else the tarball lacks it."""
    lists = {path: tree.read(path) for path in tree.paths
             if path.endswith("files.mk") or path == "Makefile.am"}
    listed = set()
    for path, text in lists.items():
        folder = os.path.dirname(path)
        for word in re.split(r"[\s\\]+", text):
            word = word.replace("%D%", folder).replace("$(srcdir)/", "")
            listed.add(word)
            listed.add(word + ".c")  # a program named after its only source
    for source in tree.sources:
        if source.path.startswith(FOLDERS) and source.path not in listed:
            yield Finding(source.path, 1, "listed", "is in no files.mk")


def check_shell(tree):
    """shellcheck has nothing to say about our scripts."""
    if not shutil.which("shellcheck"):
        raise LookupError("shellcheck is not installed")
    scripts = [path for path in tree.paths
               if re.match(r"#!.*\b(ba)?sh\b", tree.read(path)[:40])]
    if not scripts:
        return
    run = subprocess.run(["shellcheck", "-x", "-f", "gcc", *scripts],
                         cwd=tree.root, capture_output=True, text=True,
                         check=False)
    for line in run.stdout.splitlines():
        match = re.match(r"([^:]+):(\d+):\d+: (.*)", line)
        if match:
            yield Finding(match.group(1), int(match.group(2)), "shell",
                          match.group(3))
