#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The completions of our tools are those of their --help, and shells take them."""

import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__),
                                                  "../..")
BUILD = os.environ.get("builddir") or os.path.join(SOURCE, "build")
PATH = os.path.join(SOURCE, "tools/completion/generate")


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("generate", PATH)
    spec = importlib.util.spec_from_loader("generate", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def in_bash(path, tool, line):
    """What bash completes the last word of `line` to."""
    script = (f'. "{path}"; COMP_WORDS=({line}); '
              f'COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); '
              f'_{tool.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    return subprocess.run(["bash", "-c", script], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.split()


def rows(module, tool, program):
    """(name, problem or None) of each claim about a tool."""
    options = module.options_of(module.help_of(program))
    said = set(re.findall(r"^  (?:-\S, |    )--([a-z0-9-]+)",
                          module.help_of(program), re.M))
    yield (f"{tool}: every option of --help is understood",
           None if {o.name for o in options} == said else said)
    for path, text in module.files_of(tool, program):
        shell, name = path.split(os.sep)[-2:]
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == text
        except OSError as err:
            same, text = False, str(err)
        yield (f"{name} is what --help says",
               None if same else "run tools/completion/generate BUILD")
        if not shutil.which(shell):
            print(f"SKIP {name}: no {shell}")
            continue
        run = subprocess.run([shell, "-n", path], capture_output=True,
                             text=True)
        yield f"{shell} takes {name}", run.stderr or None
        if shell == "bash":
            got = in_bash(path, tool, f"{tool} --ver")
            yield (f"bash completes --ver to --version of {tool}",
                   None if "--version" in got else got)


def main():
    module = load()
    passed = failed = 0
    for tool in module.TOOLS:
        program = os.path.join(BUILD, "tools", tool)
        if not os.path.exists(program):
            print(f"SKIP {tool}: not built")
            continue
        for name, problem in rows(module, tool, program):
            print(f"{'FAIL' if problem else 'ok  '} {name}"
                  + (f": {problem}" if problem else ""))
            passed, failed = passed + (not problem), failed + bool(problem)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
