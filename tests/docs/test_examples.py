#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The index of the examples, examples/README.md, is true.

It names every example and no other; each command there builds one against the
library, laid out as it is when installed; each test there runs its example, and
is run itself.  Last line: "N passed, N failed".
"""

import ast
import multiprocessing.pool
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
SRC = os.path.abspath(os.environ.get("srcdir") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.abspath(os.environ.get("builddir") or ".")
EXAMPLES = os.path.join(SRC, "examples")
TESTS = os.path.join(SRC, "tests")
LIBS = os.path.join(BUILD, ".libs")
CC = os.environ.get("CC", "cc") + " -Wall -Wextra -Werror"
ROW = re.compile(r"^\| \[(\w+)\]\((\w+)\.c\) \| [^|]+ \| "
                 r"\[([\w./]+)\]\(\.\./tests/([\w./]+)\) \| `([^`|]+)` \|$")
# What runs a program or starts a server, if called with its name.
RUNNERS = {"run", "run_bytes", "run_example", "start", "cases"}
MATRIX = "e2e/test_e2e.py"  # starts servers for the cases of what it imports


class Missing(Exception):
    """Something that is not there, and need not be."""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows():
    """(example, test, command) of each line of the index."""
    for line in read(os.path.join(EXAMPLES, "README.md")).split("\n"):
        if line.startswith("| ["):
            found = ROW.match(line)
            if not found:
                raise ValueError(f"no row of the index: {line}")
            name, file, test, target, command = found.groups()
            if (name, test) != (file, target):
                raise ValueError(f"leads elsewhere: {line}")
            yield name, test, command


# ---- the library, as it is when installed ----

def stage(prefix):
    """Headers, library and flare.pc below a folder."""
    os.symlink(os.path.join(SRC, "include"), os.path.join(prefix, "include"))
    os.symlink(LIBS, os.path.join(prefix, "lib"))
    places = {"prefix": prefix, "exec_prefix": prefix,
              "libdir": prefix + "/lib", "includedir": prefix + "/include"}
    text = read(os.path.join(BUILD, "flare.pc"))
    for name, place in places.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={place}", text, flags=re.M)
    os.mkdir(os.path.join(prefix, "pkgconfig"))
    with open(os.path.join(prefix, "pkgconfig", "flare.pc"), "w",
              encoding="utf-8") as file:
        file.write(text)


def cannot_build():
    """Why no command can be tried, if so."""
    library = os.path.join(LIBS, "libflare.so")
    if shutil.which("pkg-config") is None:
        return "no pkg-config"
    if not os.path.exists(library):
        return "no shared library"
    with open(library, "rb") as file:
        if re.search(rb"__[at]san_init", file.read()):
            return "a library with a sanitizer"
    return ""


def build(name, command, prefix):
    """Runs a command in a folder that has the example alone."""
    if not command.startswith("cc "):
        return f"{name}: does not begin with cc: {command}"
    path = os.path.join(prefix, "pkgconfig")
    path += os.pathsep + os.environ.get("PKG_CONFIG_PATH", "")
    env = {**os.environ, "LC_ALL": "C", "PKG_CONFIG_PATH": path}
    modules = re.findall(r"\$\(pkg-config --cflags --libs ([^)]*)\)", command)
    for module in " ".join(modules).split():
        done = subprocess.run(["pkg-config", "--exists", module], env=env,
                              check=False)
        if done.returncode != 0 and module != "flare":
            raise Missing(module)
    folder = tempfile.mkdtemp(dir=prefix)
    shutil.copy(os.path.join(EXAMPLES, name + ".c"), folder)
    # What stands behind $(...) is a command of ours, of a file of ours.
    done = subprocess.run(["sh", "-c", CC + command[2:]], cwd=folder, env=env,
                          text=True, capture_output=True, check=False)
    if done.returncode != 0:
        return f"{name}: {shlex.quote(command)}: {done.stderr}"
    if not os.access(os.path.join(folder, name), os.X_OK):
        return f"{name}: {command} makes no {name}"
    return ""


# ---- what a test runs ----

def called(node):
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def strings(nodes):
    return [node.value for node in nodes if isinstance(node, ast.Constant)
            and isinstance(node.value, str)]


def programs_of(test):
    """The paths it has of examples; names that it runs; kinds of its cases."""
    paths, names, kinds = set(), set(), set()
    for node in ast.walk(ast.parse(read(os.path.join(TESTS, test)))):
        for text in strings([node]):
            if re.search(r"(^|/)examples/\w+$", text):
                paths.add(os.path.basename(text))
        if isinstance(node, ast.Call) and called(node) in RUNNERS:
            names.update(strings(node.args))
        if isinstance(node, ast.Tuple) and len(node.elts) == 3:
            kinds.update(strings(node.elts[2:]))
    return paths, names, kinds


def imports_of(test):
    found = set()
    for node in ast.walk(ast.parse(read(os.path.join(TESTS, test)))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {f"{os.path.dirname(test)}/{name}.py" for name in found}


def registered():
    """The tests that `make check` runs."""
    text = read(os.path.join(TESTS, "files.mk")).replace("\\\n", " ")
    lists = re.findall(r"^(?:house|shell)_tests \+?=(.*)$", text, flags=re.M)
    return set(re.findall(r"%D%/(\S+)", " ".join(lists)))


def runs(test, name):
    """What is wrong with saying that this test runs that example, if any."""
    if not os.path.exists(os.path.join(TESTS, test)):
        return "there is no such test"
    is_listed = test in registered()
    if not is_listed and test not in imports_of(MATRIX):
        return f"it is neither run by make check nor imported by {MATRIX}"
    paths, names, kinds = programs_of(test)
    if name in paths or (name in names and test != MATRIX):
        return ""
    if name in kinds and name in programs_of(MATRIX)[0]:
        return ""
    return "it does not run it"


# ---- claims: each returns its findings ----

def index_names_all():
    """Every example is in the index once, and nothing else."""
    have = sorted(name for name, _, _ in rows())
    want = sorted(name[:-2] for name in os.listdir(EXAMPLES)
                  if name.endswith(".c"))
    for name in sorted(set(have) | set(want)):
        if have.count(name) != want.count(name):
            yield (f"{name}: {have.count(name)} times in the index, "
                   f"{want.count(name)} in the folder")


def commands_build():
    why = cannot_build()
    if why:
        raise Missing(why)

    with tempfile.TemporaryDirectory() as prefix:
        stage(prefix)

        def one(row):
            try:
                return build(row[0], row[2], prefix)
            except Missing as missing:
                print(f"SKIP {row[0]}: no {missing}")
                return ""

        with multiprocessing.pool.ThreadPool(2) as pool:
            yield from filter(None, pool.map(one, list(rows()), 1))


def tests_run_them():
    for name, test, _ in rows():
        why = runs(test, name)
        if why:
            yield f"{name}: {test}: {why}"


def main():
    passed = failed = 0
    for claim in (index_names_all, commands_build, tests_run_them):
        try:
            findings = list(claim())
        except Missing as missing:
            print(f"SKIP {claim.__name__}: {missing}")
            continue
        except ValueError as error:
            findings = [str(error)]
        print(f"{'FAIL' if findings else 'ok'} {claim.__name__}")
        for finding in findings:
            print(f"  {finding}")
        passed += not findings
        failed += bool(findings)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
