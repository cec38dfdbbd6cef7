# SPDX-License-Identifier: MIT
"""Headers: complete alone, documented, and the list of exported names."""

import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from .source import Finding

PUBLIC_FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
DIALECTS = (
    ("gcc", ["-std=c11", "-Wshadow", "-Wstrict-prototypes"], ".c"),
    ("clang", ["-std=c11", "-Wshadow", "-Wstrict-prototypes"], ".c"),
    ("g++", ["-std=c++17"], ".cc"),
    ("clang++", ["-std=c++17"], ".cc"),
)


def compile_alone(tree, folder, header, dialect, flags):
    """The compiler's first complaint about a file that includes `header`
    twice and nothing else, or None."""
    compiler, standard, suffix = dialect
    name = re.sub(r"\W", "_", header) + "_" + compiler.replace("+", "x")
    path = os.path.join(folder, name + suffix)
    text = "<" + header[len("include/"):] + ">" \
        if header.startswith("include/") else f'"{header}"'
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#include {text}\n#include {text}\n"
                   "extern int flare__probe;\n")
    run = subprocess.run(
        [compiler, *standard, *flags, "-fsyntax-only", "-I" +
         tree.full("include"), "-I" + tree.full("src"), "-I" + tree.root,
         path], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL)
    if run.returncode == 0:
        return None
    for line in run.stderr.splitlines():
        if "error:" in line:
            return line.split("error:")[1].strip()
    return "does not compile"


def compile_all(tree, jobs):
    with tempfile.TemporaryDirectory() as folder, \
            ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        runs = [(header, dialect, pool.submit(
            compile_alone, tree, folder, header, dialect, flags))
                for header, dialect, flags in jobs]
        for header, dialect, run in runs:
            if run.result():
                yield Finding(header, 1, "alone",
                              f"{dialect[0]} {dialect[1][0]}: "
                              f"{run.result()}")


def check_public_alone(tree):
    """A public header compiles alone, as C11 and as C++17."""
    dialects = [dialect for dialect in DIALECTS if shutil.which(dialect[0])]
    if len(dialects) < len(DIALECTS):
        raise LookupError("needs gcc, g++, clang and clang++")
    yield from compile_all(tree, [
        (source.path, dialect, PUBLIC_FLAGS)
        for source in tree.public_headers() for dialect in dialects])


def check_internal_alone(tree):
    """An internal header includes what it needs."""
    headers = [source.path for source in tree.sources
               if source.path.endswith(".h") and
               source.path.startswith(("src/", "backends/", "tests/support"))]
    yield from compile_all(tree, [
        (path[len("src/"):] if path.startswith("src/") else path,
         DIALECTS[0], ["-D_GNU_SOURCE", "-pthread"]) for path in headers])


def api_declarations(source):
    """(line, name) of each FLARE_API declaration of a header."""
    code = source.without_directives()
    for match in re.finditer(r"\bFLARE_API\b([^;{]*)[;{]", code):
        text = re.sub(r"\bFLARE_(API|MUST_USE|PRINTF\s*\([^)]*\))", " ",
                      match.group(1))
        name = re.search(r"([A-Za-z_]\w*)\s*\(", text) or \
            re.search(r"([A-Za-z_]\w*)\s*(?:\[[^]]*\]\s*)*$", text.rstrip())
        yield source.line_of(match.start()), name.group(1) if name else "?"


def api_names(tree):
    return {name: (source.path, line) for source in tree.public_headers()
            for line, name in api_declarations(source)}


def map_names(tree):
    """name -> line of the exported names in flare.map."""
    names = {}
    if tree.exists("flare.map"):
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ",
                                                     m.group(0)),
                      tree.read("flare.map"), flags=re.S)
        for number, line in enumerate(text.split("\n"), 1):
            match = re.match(r"^\s*([\w*?\[\]]+);", line)
            if match and match.group(1) != "*":
                names[match.group(1)] = number
    return names


def check_symbols(tree):
    """flare.map lists what the public headers declare, name by name."""
    declared, mapped = api_names(tree), map_names(tree)
    for name, (path, line) in sorted(declared.items()):
        if name not in mapped:
            yield Finding(path, line, "symbols", f"{name} is not in flare.map")
        if not name.startswith("flare_") or name.startswith("flare__"):
            yield Finding(path, line, "symbols", f"{name}: exported names are "
                          "flare_noun_verb")
    for name, line in sorted(mapped.items()):
        if not re.fullmatch(r"\w+", name):
            yield Finding("flare.map", line, "symbols",
                          f"{name} is a pattern, not a name")
        elif name not in declared:
            yield Finding("flare.map", line, "symbols",
                          f"{name} is declared FLARE_API in no header")


def check_documented(tree):
    """A comment stands right before every FLARE_API declaration, or before
    the macro right before it that calls it."""
    for source in tree.public_headers():
        for line, name in api_declarations(source):
            above = line - 2
            while above > 0 and (source.lines[above].startswith("#define") or
                                 source.lines[above - 1].endswith("\\")):
                above -= 1
            if not source.lines[above].rstrip().endswith("*/"):
                yield Finding(source.path, line, "documented",
                              f"{name} has no comment before it")
