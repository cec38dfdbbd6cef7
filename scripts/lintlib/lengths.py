# SPDX-License-Identifier: MIT
"""Budgets: lines of a file and a function, columns, parameters, nesting."""

import re
from collections import namedtuple

from .source import Finding

LINE_MAX = 90
FILE_MAX = 800
PUBLIC_HEADER_MAX = 450
FUNCTION_MAX = 70
SWITCH_MAX = 100
PARAMS_MAX = 6
NESTING_MAX = 4

# name, first and last line, offset of the body's brace, of the signature
Function = namedtuple("Function", "name first last body signature")

WORDS = re.compile(r"[A-Za-z_]\w*|\S")


def functions(source):
    """Definitions, as the house writes them: braces alone in column 0."""
    code = source.without_directives()
    for match in re.finditer(r"^\{$", code, re.M):
        end = code.find("\n}", match.start())
        if end < 0:
            continue
        before = code[:match.start()].rstrip()
        start = max(before.rfind(mark) for mark in (";", "}")) + 1
        signature = code[start:match.start()]
        start += len(signature) - len(signature.lstrip())
        name = re.search(r"([A-Za-z_]\w*)\s*\(", signature)
        yield Function(name.group(1) if name else "?", source.line_of(start),
                       source.line_of(end + 1), match.start(),
                       signature.strip())


def check_lines(tree):
    """No file and no line is longer than the budget."""
    for source in tree.sources:
        public = source.path.startswith("include/")
        most = PUBLIC_HEADER_MAX if public else FILE_MAX
        count = len(source.lines) - 1
        if count > most and not source.is_generated():
            yield Finding(source.path, count, "lengths",
                          f"{count} lines, at most {most}")
        for number, line in enumerate(source.lines, 1):
            if len(line) > LINE_MAX and not source.is_generated():
                yield Finding(source.path, number, "lengths",
                              f"{len(line)} columns, at most {LINE_MAX}")


def check_functions(tree):
    """No function is longer than the budget."""
    for source in tree.sources:
        for function in functions(source):
            lines = source.lines[max(function.first - 3, 0):function.last]
            marked = any("/* long: " in line for line in lines)
            most = SWITCH_MAX if marked else FUNCTION_MAX
            count = function.last - function.first + 1
            if count > most:
                yield Finding(source.path, function.first, "lengths",
                              f"{function.name}: {count} lines, at most "
                              f"{most}")


def split_params(signature):
    """The parameters of the last parenthesis group that is no attribute."""
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature, flags=re.S)
    start = text.find("(")
    depth, params, current = 0, [], ""
    for char in text[start:]:
        if char == ")":
            depth -= 1
            if depth == 0:
                break
        if char == "," and depth == 1:
            params.append(current)
            current = ""
        elif depth >= 1:
            current += char
        if char == "(":
            depth += 1
    params.append(current)
    return [param for param in params if param.strip() not in ("", "void")]


def check_params(tree):
    """No function takes more parameters than the budget; a callback whose
    signature is another library's says so: /* params: OpenSSL's */."""
    for source in tree.sources:
        lines = source.text.split("\n")
        for function in functions(source):
            above = lines[max(0, function.first - 2):
                          source.line_of(function.body)]
            if any("/* params: " in line for line in above):
                continue
            count = len(split_params(function.signature))
            if count > PARAMS_MAX:
                yield Finding(source.path, function.first, "params",
                              f"{function.name}: {count} parameters, at most "
                              f"{PARAMS_MAX}; use a struct")


class Nesting:
    """How deep the control statements of one function body go, with or
    without braces; `else if` is no deeper than its `if`."""

    def __init__(self, body):
        self.words = WORDS.findall(body)
        self.at = 0
        self.deepest = 0

    def peek(self):
        return self.words[self.at] if self.at < len(self.words) else None

    def take(self):
        self.at += 1
        return self.words[self.at - 1]

    def skip_group(self):
        """Past a parenthesis group."""
        depth = 0
        while self.peek() is not None:
            word = self.take()
            depth += (word == "(") - (word == ")")
            if depth == 0:
                return

    def block(self, depth):
        self.take()
        while self.peek() not in ("}", None):
            self.statement(depth)
        if self.peek() == "}":
            self.take()

    def inner(self, depth):
        self.deepest = max(self.deepest, depth)
        self.statement(depth)

    def statement(self, depth):
        word = self.peek()
        if word is None:
            return
        if word == "{":
            self.block(depth)
        elif word in ("if", "for", "while", "switch"):
            self.take()
            self.skip_group()
            self.inner(depth + 1)
            if self.peek() == "else" and word == "if":
                self.take()
                if self.peek() == "if":
                    self.statement(depth)
                else:
                    self.inner(depth + 1)
        elif word == "do":
            self.take()
            self.inner(depth + 1)
            self.expression(depth)
        elif word in ("case", "default"):
            while self.peek() not in (":", None):
                self.take()
            self.at += 1
        else:
            self.expression(depth)

    def expression(self, depth):
        """Up to its semicolon; NAME(...) { is a macro that loops."""
        if self.words[self.at + 1:self.at + 2] == ["("]:
            self.take()
            self.skip_group()
            if self.peek() == "{":
                self.inner(depth + 1)
                return
        braces = 0
        while self.peek() is not None:
            word = self.peek()
            if word == "}" and braces == 0:
                return
            braces += (word == "{") - (word == "}")
            self.take()
            if word == ";" and braces == 0:
                return


def check_nesting(tree):
    """No control statement is nested deeper than the budget."""
    for source in tree.sources:
        code = source.without_directives()
        for function in functions(source):
            end = code.find("\n}", function.body)
            nesting = Nesting(code[function.body:end + 2])
            nesting.statement(0)
            if nesting.deepest > NESTING_MAX:
                yield Finding(source.path, function.first, "nesting",
                              f"{function.name}: {nesting.deepest} deep, at "
                              f"most {NESTING_MAX}")
