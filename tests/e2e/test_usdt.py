#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The trace points of the library are those of docs/OPERATIONS.md.

Read from .note.stapsdt by readelf, so that nothing need be attached: each has
its provider, its name and as many arguments as the table says.
"""

import os
import re
import subprocess
import sys

SOURCE = os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__),
                                                  "../..")
BUILD = os.environ.get("builddir") or os.path.join(SOURCE, "build")


def documented():
    with open(os.path.join(SOURCE, "docs/OPERATIONS.md"),
              encoding="utf-8") as file:
        section = file.read().split("**Trace points**")[1].split("\n\n")[1]
    # What is in brackets explains an argument, and is none.
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", section, re.M)
    return {name: len(re.sub(r"\([^)]*\)", "", text).split(", "))
            for name, text in rows}


def built():
    for name in (".libs/libflare.so", ".libs/libflare.a"):
        path = os.path.join(BUILD, name)
        if os.path.exists(path):
            break
    text = subprocess.run(["readelf", "-n", path], capture_output=True,
                          text=True, check=True).stdout
    points = {}
    for block in text.split("Provider: flare")[1:]:
        name = re.search(r"Name: (\S+)", block).group(1)
        arguments = re.search(r"Arguments:(.*)", block).group(1)
        points.setdefault(name, set()).add(len(arguments.split()))
    return points


def is_expected():
    with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
        return "-DFLARE_HAVE_USDT=1" in file.read()


def main():
    if not is_expected():
        print("SKIP test_usdt.py: no sys/sdt.h when it was configured")
        return 77
    said, found = documented(), built()
    failed = 0
    for name in sorted(set(said) | set(found)):
        is_good = found.get(name) == {said.get(name)}
        failed += not is_good
        print(f"{'ok' if is_good else 'FAILED'}: {name}: "
              f"{said.get(name)} arguments in the table, "
              f"{found.get(name)} in the library")
    print(f"{len(said) - failed} passed, {failed} failed")
    return failed != 0 or not said


if __name__ == "__main__":
    sys.exit(main())
