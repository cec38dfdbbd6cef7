#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages say what the headers say.

mandoc finds nothing to complain of; every SYNOPSIS and EXAMPLES compiles; every
exported name has a page, an ownership word where it takes or gives something,
and a use in a test or example; what a page mentions exists; `man flare_serve`
opens what was installed, and nothing is left of it after uninstall.  Last line:
"N passed, N failed".
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
SRC = os.environ.get("srcdir") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SRC, "man"))

import synopsis  # noqa: E402 (found by the line above)

CC = os.environ.get("CC", "cc").split()
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
         "-fsyntax-only", "-xc", "-I" + synopsis.INCLUDE, "-"]
OWNERSHIP = re.compile(
    r"\b(borrow|borrows|borrowed|copy|copies|copied|take|takes|taken|give|gives"
    r"|given|gave|lend|lends|lent|share|shares|shared|static|caller's)\b", re.I)
ESCAPES = (("\\&", ""), ("\\(dq", '"'), ("\\-", "-"), ("\\e", "\\"))


def plain(text):
    for escape, char in ESCAPES:
        text = text.replace(escape, char)
    return text


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_pages():
    """The text of each page, by its path."""
    pages = {}
    for folder in ("man/man3", "man/man7"):
        for name in sorted(os.listdir(os.path.join(SRC, folder))):
            path = f"{folder}/{name}"
            pages[path] = read(os.path.join(SRC, path))
    return pages


def section(page, title):
    """The lines between two headings; empty if there is no such section."""
    found = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", page,
                      flags=re.M | re.S)
    return found.group(1) if found else ""


def compiles(source):
    """The compiler's complaints about it."""
    done = subprocess.run(CC + FLAGS, input=source, text=True, check=False,
                          capture_output=True)
    return done.stderr if done.returncode != 0 else ""


def includes_of(page):
    return "".join(f"#include <{name}>\n" for name in re.findall(
        r"^\.In (\S+)", section(page, "SYNOPSIS"), flags=re.M))


def prototypes_of(page):
    """(returns, name, parameters) of each function in the SYNOPSIS."""
    found = []
    for block in re.findall(r"^\.Ft (.*?)^\.Fc", section(page, "SYNOPSIS"),
                            flags=re.M | re.S):
        lines = block.split("\n")
        params = [line[4:].strip('"') for line in lines[2:]
                  if line.startswith(".Fa ")]
        found.append((lines[0].strip('"'), lines[1].split()[1], params))
    return found


def param_name(param):
    pointer = re.search(r"\(\*(\w+)\)", param)
    return pointer.group(1) if pointer else re.findall(r"\w+", param)[-1]


def declaration(prototype, macros):
    """Declares a function again; calls a macro with arguments of these types.
    """
    returns, name, params = prototype
    text = ", ".join(params)
    if name not in macros:
        return f"{returns} {name}({text});\n"
    call = f"{name}({', '.join(param_name(p) for p in params)});"
    word = "" if returns == "void" else "return "
    return (f"{returns} use_{name}({text});\n"
            f"{returns} use_{name}({text}) {{ {word}{call} }}\n")


def paragraphs(page):
    """The pieces of prose in which a function is spoken of."""
    text = page.split(".Sh DESCRIPTION", 1)[1]
    return re.split(r"^\.(?:Pp|It|Sh|Ss|El)\b", text, flags=re.M)


def moves_something(prototype):
    """Whether a pointer of the caller's or the library's outlives the call."""
    text = ", ".join(prototype.params)
    gives = "*" in prototype.returns or "flare_str" in prototype.returns
    return gives or "**" in text or "void *ctx" in text


class Pages:
    def __init__(self):
        self.pages = read_pages()
        self.known = synopsis.read_headers()
        self.macros = {n for n, p in self.known.items() if p.is_macro}
        self.exported = re.findall(r"^    (flare_\w+);",
                                   read(os.path.join(SRC, "flare.map")),
                                   flags=re.M)
        self.headers = "\n".join(
            read(os.path.join(synopsis.INCLUDE, "flare", name))
            for name in os.listdir(os.path.join(synopsis.INCLUDE, "flare")))

    def functions(self):
        """Path and text of the pages that have functions."""
        return [(path, page) for path, page in self.pages.items()
                if path.startswith("man/man3/")]

    def owner(self):
        """The pages that name a function, by its name."""
        found = {}
        for path, page in self.functions():
            for name in synopsis.names_of(page):
                found.setdefault(name, []).append(path)
        return found

    # ---- claims: each returns its findings ----

    def pages_lint_clean(self):
        if shutil.which("mandoc") is None:
            raise LookupError("no mandoc")
        done = subprocess.run(["mandoc", "-Tlint", *self.pages], cwd=SRC,
                              text=True, capture_output=True, check=False)
        # It looks for other pages among those of the system; see below.
        return [line for line in (done.stdout + done.stderr).split("\n")
                if line and not re.search(r"not found: Xr|outdated mandoc.db",
                                          line)]

    def references_lead_somewhere(self):
        there = {os.path.basename(path) for path in self.pages}
        there |= set(os.listdir(os.path.join(SRC, "tools", "man")))
        for path, page in self.pages.items():
            for name, number in re.findall(r"\bXr (flare\S*) (\d)", page):
                if f"{name}.{number}" not in there:
                    yield f"{path}: there is no {name}({number})"

    def synopsis_compiles(self):
        for path, page in self.functions():
            source = includes_of(page) + "".join(
                declaration(p, self.macros) for p in prototypes_of(page))
            errors = compiles(source)
            if errors:
                yield f"{path}: {errors}"

    def synopsis_is_whole(self):
        for path, page in self.functions():
            have = [name for _, name, _ in prototypes_of(page)]
            want = [n for n in synopsis.names_of(page) if n in self.known]
            if have != want:
                yield f"{path}: NAME and SYNOPSIS differ"
            if not section(page, "EXAMPLES"):
                yield f"{path}: no EXAMPLES"

    def examples_compile(self):
        for path, page in self.pages.items():
            for text in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed",
                                   section(page, "EXAMPLES"),
                                   flags=re.M | re.S):
                errors = compiles(plain(text))
                if errors:
                    yield f"{path}: {errors}"

    def exported_names_have_one_page(self):
        owner = self.owner()
        for name in self.exported:
            where = owner.get(name, [])
            if len(where) != 1:
                yield f"{name}: pages {where}"

    def exported_names_say_who_owns(self):
        owner = self.owner()
        for name in self.exported:
            plain_name = name.removesuffix("_sized")
            if not moves_something(self.known[name]):
                continue
            page = self.pages[owner.get(name, ["man/man7/flare.7"])[0]]
            if not any(re.search(rf"\b{plain_name}\b", text)
                       and OWNERSHIP.search(text) for text in paragraphs(page)):
                yield f"{name}: no word of ownership"

    def exported_names_are_described(self):
        owner = self.owner()
        for name in self.exported:
            plain_name = name.removesuffix("_sized")
            page = self.pages[owner.get(name, ["man/man7/flare.7"])[0]]
            if not re.search(rf"^\.(?:It )?.*Fn {plain_name}\b",
                             section(page, "DESCRIPTION"), flags=re.M):
                yield f"{name}: not in the DESCRIPTION"

    def exported_names_are_used(self):
        used = set()
        for top in ("tests", "examples", "tools"):
            for folder, _, files in os.walk(os.path.join(SRC, top)):
                for name in files:
                    if name.endswith((".c", ".h", ".inc", ".cc")):
                        text = read(os.path.join(folder, name))
                        used.update(re.findall(r"\b(?:flare|FLARE)_\w*", text))
        for name, body in re.findall(r"^#define (\w+)\([^)]*\)((?:.*\\\n)*.*)",
                                     self.headers, flags=re.M):
            if name in used:
                used.update(re.findall(r"\bflare_[a-z]\w*", body))
        for name in self.exported:
            if name.removesuffix("_sized") not in used and name not in used:
                yield f"{name}: in no test, example or tool"

    def mentioned_names_exist(self):
        words = set(re.findall(r"\w+", self.headers))
        words |= set(re.findall(r"X\((\w+), \"", self.headers))
        for path, page in self.pages.items():
            for name in re.findall(r"\bFn (flare_\w+|FLARE_\w+)", page):
                if name not in words:
                    yield f"{path}: {name} is no function"
            for name in re.findall(r"\bVt (?:struct |enum )?(flare_\w+)", page):
                if name not in words:
                    yield f"{path}: {name} is no type"
            for name in re.findall(r"\b(?:Dv|Er) (FLARE_\w+)\*?", page):
                part = name.removeprefix("FLARE_E_")
                if not any(w.startswith((name, part)) for w in words):
                    yield f"{path}: {name} is no constant"
            prose = page.split(".Sh DESCRIPTION", 1)[1]
            for name in re.findall(r"\bFa [*]?([a-z_]\w*)", prose):
                if name not in words:
                    yield f"{path}: {name} is no member or argument"

    def installed_pages_open(self):
        with tempfile.TemporaryDirectory() as root:
            install(root, "install")
            names = {name[:-2] for name in os.listdir(f"{root}/man3")}
            for name in self.exported:
                if name not in names:
                    yield f"{name}: no page is installed"
            if shutil.which("man") is not None:
                for name in ("flare_serve", "flare_get", "flare_ws_publish"):
                    text = subprocess.run(
                        ["man", "-M", root, "-P", "cat", "3", name], text=True,
                        env={**os.environ, "LC_ALL": "C", "MANWIDTH": "80"},
                        capture_output=True, check=False).stdout
                    if name not in re.sub(".\b", "", text):
                        yield f"man {name}: {text[:60]!r}"
            install(root, "uninstall")
            left = [name for _, _, files in os.walk(root) for name in files]
            if left:
                yield f"left behind: {left[:5]}"


def install(root, verb):
    """Installs or removes the pages and their links below a folder."""
    pages = [os.path.join(SRC, path) for path in read_pages()]
    subprocess.run(["sh", os.path.join(SRC, "man", "pages.sh"), verb, root,
                    *pages], check=True)


CLAIMS = ("pages_lint_clean", "references_lead_somewhere",
          "synopsis_is_whole", "synopsis_compiles", "examples_compile",
          "exported_names_have_one_page",
          "exported_names_are_described", "exported_names_say_who_owns",
          "exported_names_are_used", "mentioned_names_exist",
          "installed_pages_open")


def main():
    pages = Pages()
    passed = failed = 0
    for claim in sys.argv[1:] or CLAIMS:
        try:
            findings = list(getattr(pages, claim)())
        except LookupError as missing:
            print(f"SKIP {claim}: {missing}")
            continue
        failed += bool(findings)
        print(f"{'FAIL' if findings else 'ok'} {claim}")
        for finding in findings:
            print(f"  {finding}")
        passed += not findings
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
