#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the SYNOPSIS of manual pages from the public headers.

    man/synopsis.py PAGE ...

The functions are those of the page's NAME, the headers those of its `.In`
lines; macros (`.Fn` in the SYNOPSIS) are left as they are.  Everything else on
a page is written by hand.  tests/docs/test_man.py compiles what stands there.
"""

import os
import re
import sys
from dataclasses import dataclass

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = os.path.join(TOP, "include")
SIZES = {"size_t config_size", "size_t options_size", "size_t size"}


@dataclass
class Prototype:
    """A function, or a macro that is called like one."""

    name: str
    returns: str
    params: list
    is_macro: bool = False


def split_params(text):
    """The parameters between a prototype's parentheses."""
    params, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            params.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return params if last == "void" else params + [last]


def read_header(path):
    """Its prototypes by name, in the header's order."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    macros = re.findall(r"^#define (flare_\w+)\(", text, flags=re.M)
    text = re.sub(r"^#(.*\\\n)*.*\n", "", text, flags=re.M)
    text = re.sub(r"\s+", " ", text)
    found = {}
    pattern = (r"(?:FLARE_API|static inline) (?:FLARE_MUST_USE )?"
               r"([\w ]+?[ *]+)(flare_[a-z]\w*)\(((?:[^(){;]|\([^()]*\))*)\) ?"
               r"(?:FLARE_PRINTF\([^)]*\))? ?[;{]")
    for returns, name, params in re.findall(pattern, text):
        found[name] = Prototype(name, returns.strip(), split_params(params))
        plain = name.removesuffix("_sized")
        if plain in macros:
            kept = [p for p in found[name].params if p not in SIZES]
            found[plain] = Prototype(plain, returns.strip(), kept, True)
    return found


def read_headers(names=None):
    """The prototypes of these headers ("flare/loop.h"), or of all."""
    if names is None:
        names = ["flare/" + n for n in sorted(os.listdir(INCLUDE + "/flare"))]
    found = {}
    for name in names:
        found.update(read_header(os.path.join(INCLUDE, name)))
    return found


def names_of(page):
    """The names in a page's NAME section."""
    text = page.split(".Sh NAME\n", 1)[1].split("\n.Nd", 1)[0]
    return re.findall(r"^\.Nm (\S+)", text, flags=re.M)


def quoted(text):
    return f'"{text}"' if " " in text else text


def prototype_lines(prototype):
    lines = [f".Ft {quoted(prototype.returns)}", f".Fo {prototype.name}"]
    lines += [f'.Fa "{p}"' for p in prototype.params] or [".Fa void"]
    return lines + [".Fc"]


def rewrite(page):
    """The page with its SYNOPSIS as the headers have it."""
    head, rest = page.split(".Sh SYNOPSIS\n", 1)
    body, tail = rest.split(".Sh ", 1)
    headers = re.findall(r"^\.In (\S+)", body, flags=re.M)
    known = read_headers(headers)
    lines = [f".In {h}" for h in headers]
    for name in names_of(page):
        if name in known:
            lines += prototype_lines(known[name])
    lines += re.findall(r"^\.Fn .*", body, flags=re.M)
    return f"{head}.Sh SYNOPSIS\n" + "\n".join(lines) + f"\n.Sh {tail}"


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            page = file.read()
        new = rewrite(page)
        if new != page:
            with open(path, "w", encoding="utf-8") as file:
                file.write(new)
            print(path)


if __name__ == "__main__":
    main()
