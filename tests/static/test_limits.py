#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Constant configurations that break a rule do not compile, and say which.

One translation unit per rule and compiler, made from the list in
<flare/limits.h> itself, so that no rule can be forgotten.
"""

import os
import shutil
import subprocess
import sys

SOURCES = os.environ.get("srcdir") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
         "-I" + os.path.join(SOURCES, "include"), "-"]
LANGUAGES = {"c": ["-x", "c", "-std=c11", "-Wshadow"],
             "c++": ["-x", "c++", "-std=c++17"]}

# What breaks each rule between members.
BROKEN = {
    "connections_for_workers": {"workers": 8, "connections_max": 7},
    "stall_before_abort": {"stall_ms": 50, "stall_abort_ms": 49},
}

UNIT = """#include <flare/limits.h>
#define LIST(X) {sets}
FLARE_CONSTANT_CONFIG(unit, LIST);
int main(void)
{{
    struct flare_server_config c;
    unit_apply(&c);
    return (int)c.workers;
}}
"""

LISTS = """#include <flare/limits.h>
#define LIMIT(name, standard, min, max) @limit name standard min max
#define RULE(name, holds, text) @rule name text
FLARE_LIMITS(LIMIT)
FLARE_LIMIT_RULES(RULE)
"""


def lists(compiler):
    """The limits and the rules, as the preprocessor sees them."""
    out = subprocess.run([compiler, "-E", "-P", *LANGUAGES["c"], FLAGS[-2],
                          "-"], input=LISTS, text=True, check=True,
                         stdout=subprocess.PIPE).stdout
    words = " ".join(out.split())
    limits, rules = [], []
    for part in words.split("@")[1:]:
        kind, name, rest = part.split(" ", 2)
        if kind == "limit":
            limits.append((name, *map(int, rest.split())))
        else:
            rules.append((name, rest.strip().strip('"')))
    return limits, rules


def complaint(compiler, language, sets):
    """What the compiler says to a configuration; None if it takes it."""
    text = " ".join(f"X({name}, {value})" for name, value in sets.items())
    done = subprocess.run([compiler, *LANGUAGES[language], *FLAGS],
                          input=UNIT.format(sets=text), text=True, check=False,
                          stderr=subprocess.PIPE)
    return None if done.returncode == 0 else done.stderr


def rows(limits, rules):
    """(name, constants, the text that must be said; None: it is right)"""
    yield "defaults", {}, None
    yield "all at their most", {limit[0]: limit[3] for limit in limits}, None
    yield "all at their least", {limit[0]: limit[2] for limit in limits}, None
    yield "a misspelt member", {"fieldz_max": 1}, "fieldz_max"
    for name, standard, least, most in limits:
        text = f"{name} must be from {least} to {most}"
        below = least - 1 if least - 1 != standard else -1
        yield f"{name} below", {name: below}, text
        yield f"{name} above", {name: most + 1}, text
    for name, text in rules:
        yield name, BROKEN[name], text


def check(compiler, language, row):
    name, sets, text = row
    said = complaint(compiler, language, sets)
    if text is None and said is None:
        return True
    if text is not None and said is not None and text in said:
        return True
    print(f"{compiler}, {language}: {name}: expected {text!r}, got:\n{said}")
    return False


def main():
    results = []
    for compiler, language in (("gcc", "c"), ("clang", "c"), ("g++", "c++")):
        if not shutil.which(compiler):
            print(f"SKIP: no {compiler} here")
            continue
        limits, rules = lists(compiler)
        todo = list(rows(limits, rules))
        if language == "c++":
            todo = todo[:6] + todo[-1:]  # the macros are the same
        results += [check(compiler, language, row) for row in todo]
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed")
    if not results:
        sys.exit(77)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
