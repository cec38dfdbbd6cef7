#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The parts' instructions are those of bench/micro/baseline, and what holds
them to it fails where it should.  Last line: "N passed, N failed"."""

import os
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.environ.get(
    "srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
BUILD = os.environ.get("builddir", os.path.join(TOP, "build"))
RUN = os.path.join(TOP, "bench", "micro", "run")
KEPT = os.path.join(TOP, "bench", "micro", "baseline")
SKIPPED = 77
ROW = "head_short"


def run(*argv):
    done = subprocess.run(
        [sys.executable, RUN, "--program",
         os.path.join(BUILD, "bench", "micro", "bench_parts"), *argv],
        stdout=subprocess.PIPE, text=True, check=False,
        stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def edited(path, change):
    """The baseline with each line changed; its path."""
    with open(KEPT, encoding="utf-8") as file:
        lines = [change(line) for line in file]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
    return path


def lowered(line):
    words = line.split(None, 2)
    if words[:1] != [ROW]:
        return line
    return f"{ROW} {float(words[1]) / 1.05:.1f} {words[2]}"


def rows(path):
    with open(path, encoding="utf-8") as file:
        return {line.split()[0]: line for line in file
                if line.strip() and line[0] != "#"}


def claims(folder):
    """Each claim and whether it held."""
    path = os.path.join(folder, "baseline")

    edited(path, lowered)
    status, told = run("--check", "--baseline", path)
    yield ("a row of 5 % more fails, and no other",
           status == 1 and f"FAIL {ROW}" in told and told.count("FAIL") == 1)
    edited(path, lambda line: "" if line.startswith(ROW) else line)
    status, told = run("--check", "--baseline", path)
    yield ("a row without a baseline fails",
           status == 1 and f"FAIL {ROW}: not in the baseline" in told)
    edited(path, lambda line: line.replace("build: gcc", "build: tcc"))
    status, told = run("--check", "--baseline", path)
    yield ("another compiler's baseline is skipped in a sentence",
           status == SKIPPED and told.startswith("SKIP: ") and "tcc" in told)
    before = rows(edited(path, lowered))
    status, _ = run("--accept", ROW, "because of a test", "--baseline", path)
    after = rows(path)
    yield ("a row is accepted with its reason, and no other",
           status == 0 and after.pop(ROW).endswith("  because of a test\n")
           and before.pop(ROW) and before == after)


def main():
    status, told = run("--check")
    print(told, end="")
    if status == SKIPPED:
        return SKIPPED
    results = [("no part takes more instructions than its baseline",
                status == 0)]
    with tempfile.TemporaryDirectory(prefix="flare-micro-") as folder:
        results += claims(folder)
    for name, held in results:
        print(f"{'ok  ' if held else 'FAIL'} {name}")
    failed = sum(not held for _, held in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
