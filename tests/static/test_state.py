#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""State of another type than the declared one does not compile.

One translation unit per row and compiler; a row that is right shows that the
others fail for what they say and for nothing else.
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

UNIT = """#include <flare/flare.h>
struct app {{ int a; }};
struct other {{ int a; }};
struct counters {{ int c; }};
FLARE_APP_TYPE(struct app);
FLARE_WORKER_TYPE(struct counters);
{more}
void use(flare_req *req, flare_worker *worker, struct app *app,
         struct other *other, struct counters *counters,
         const struct app *constant, void *any);
void use(flare_req *req, flare_worker *worker, struct app *app,
         struct other *other, struct counters *counters,
         const struct app *constant, void *any)
{{
    (void)req, (void)worker, (void)app, (void)other, (void)counters;
    (void)constant, (void)any;
    {code}
}}
"""

# Name, what stands in the function, whether it is right, what stands before.
ROWS = [
    ("giving the application", "any = FLARE_APP(struct app, app);", True, ""),
    ("giving another", "any = FLARE_APP(struct app, other);", False, ""),
    ("giving another by its name", "any = FLARE_APP(struct other, other);",
     False, ""),
    ("giving the declared by another's name",
     "any = FLARE_APP(struct other, app);", False, ""),
    ("giving a constant", "any = FLARE_APP(struct app, constant);", False, ""),
    ("giving an untyped pointer", "any = FLARE_APP(struct app, any);", False,
     ""),
    ("giving the structure itself", "any = FLARE_APP(struct app, *app);",
     False, ""),
    ("taking the application", "app = flare_app(req, struct app);", True, ""),
    ("taking it as a constant", "constant = flare_app(req, struct app);", True,
     ""),
    ("taking it into another", "other = flare_app(req, struct app);", False,
     ""),
    ("taking another", "other = flare_app(req, struct other);", False, ""),
    ("taking the worker's for it",
     "counters = flare_app(req, struct counters);", False, ""),
    ("taking the worker's",
     "counters = flare_worker_state(req, struct counters);", True, ""),
    ("taking the application for the worker's",
     "app = flare_worker_state(req, struct app);", False, ""),
    ("taking the worker's into another",
     "other = flare_worker_state(req, struct counters);", False, ""),
    ("setting the worker's",
     "flare_worker_set_state(worker, struct counters, counters);", True, ""),
    ("setting another",
     "flare_worker_set_state(worker, struct counters, other);", False, ""),
    ("setting another by its name",
     "flare_worker_set_state(worker, struct other, other);", False, ""),
    ("getting the worker's",
     "counters = flare_worker_get_state(worker, struct counters);", True, ""),
    ("getting another",
     "other = flare_worker_get_state(worker, struct other);", False, ""),
    ("the application in a hook",
     "app = flare_worker_app(worker, struct app);", True, ""),
    ("another in a hook",
     "other = flare_worker_app(worker, struct other);", False, ""),
    ("the declaration again", "", True, "FLARE_APP_TYPE(struct app);"),
    ("a second application", "", False, "FLARE_APP_TYPE(struct other);"),
    ("a second worker's", "", False, "FLARE_WORKER_TYPE(struct other);"),
]


def complaint(compiler, language, row):
    """What the compiler says; None if it takes it."""
    _, code, _, more = row
    done = subprocess.run([compiler, *LANGUAGES[language], *FLAGS],
                          input=UNIT.format(code=code, more=more), text=True,
                          check=False, stderr=subprocess.PIPE)
    return None if done.returncode == 0 else done.stderr


def check(compiler, language, row):
    said = complaint(compiler, language, row)
    if (said is None) == row[2]:
        return True
    print(f"{compiler}, {language}: {row[0]}: "
          f"{'it compiles' if said is None else said}")
    return False


def main():
    results = []
    for compiler, language in (("gcc", "c"), ("clang", "c"), ("g++", "c++")):
        if not shutil.which(compiler):
            print(f"SKIP: no {compiler} here")
            continue
        results += [check(compiler, language, row) for row in ROWS]
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed")
    if not results:
        sys.exit(77)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
