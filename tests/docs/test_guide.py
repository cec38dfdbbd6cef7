#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guide is true: its programs compile, run, and answer what it says.

A block "```c NAME" is a program, built as ./NAME; one that serves is started
with an address, which stands for 127.0.0.1:8080 in the blocks behind it.
"```c fragment" only compiles, at file scope.  "```sh run" is executed, and
the "```output" behind it compared; "..." there is anything.  Last line: "N
passed, N failed".
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SRC = os.environ.get("srcdir") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
SRC = os.path.abspath(SRC)
BUILD = os.path.abspath(os.environ.get("builddir") or ".")
GUIDE = os.path.join(SRC, "docs", "guide")
LIBS = os.path.join(BUILD, ".libs")
CC = os.environ.get("CC", "cc").split()
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror",
         "-I" + os.path.join(SRC, "include")]
PATIENCE = 20  # seconds, for anything


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks(text):
    """(words behind the fence, contents) of each block."""
    return [(head.split(), body) for head, body in re.findall(
        r"^```([^\n]*)\n(.*?)^```$", text, flags=re.M | re.S)]


def compiles(source, *args):
    """The compiler's complaints about it."""
    done = subprocess.run([*CC, *FLAGS, "-xc", "-", *args], input=source,
                          text=True, check=False, capture_output=True)
    return done.stderr if done.returncode != 0 else ""


def is_like(have, want):
    pattern = ".*".join(map(re.escape, want.strip().split("...")))
    return re.fullmatch(pattern, have.strip(), flags=re.S) is not None


def free_address():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % sock.getsockname()[1]


def wait_for(address, server):
    host, port = address.split(":")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection((host, int(port))).close()
            return ""
        except OSError:
            time.sleep(0.02)
    return f"nothing listens on {address}"


class Chapter:
    def __init__(self, path, folder):
        self.blocks = blocks(read(path))
        self.folder = folder
        self.server = None
        self.address = "127.0.0.1:8080"
        self.env = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": LIBS}

    def program(self, name, source):
        """Builds it, and starts it if it serves."""
        path = os.path.join(self.folder, name)
        errors = compiles(source, "-o", path, "-L" + LIBS, "-lflare",
                          "-lpthread")
        if errors or not re.search("flare_(serve|tcp_listen)", source):
            return errors
        self.stop()
        self.address = free_address()
        self.server = subprocess.Popen([path, self.address], env=self.env,
                                       cwd=self.folder)
        return wait_for(self.address, self.server)

    def run(self, command, want):
        done = subprocess.run(
            ["sh", "-c", command.replace("127.0.0.1:8080", self.address)],
            cwd=self.folder, env=self.env, text=True, check=False,
            capture_output=True, timeout=PATIENCE)
        have = (done.stdout.replace("\r", "") + done.stderr).replace(
            self.address, "127.0.0.1:8080")
        return "" if is_like(have, want) else f"{command}gave {have!r}"

    def findings(self):
        for place, (head, body) in enumerate(self.blocks):
            if head == ["c", "fragment"]:
                yield compiles("#include <flare/flare.h>\n#include <stdio.h>\n" + body,
                               "-fsyntax-only", "-Wno-unused")
            elif head[:1] == ["c"]:
                yield (self.program(head[1], body) if len(head) == 2
                       else "a program without a name")
            elif head == ["sh", "run"]:
                behind = (*self.blocks, ([], ""))[place + 1]
                yield (self.run(body, behind[1]) if behind[0] == ["output"]
                       else "no output behind " + body)

    def stop(self):
        if self.server is not None:
            self.server.terminate()
            try:
                self.server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()


def check(path):
    with tempfile.TemporaryDirectory() as folder:
        chapter = Chapter(path, folder)
        try:
            return [finding for finding in chapter.findings() if finding]
        except subprocess.TimeoutExpired as late:
            return [str(late)]
        finally:
            chapter.stop()


def links(names):
    """The files that the guide leads to, and are not there."""
    for name in names:
        prose = re.sub(r"^```.*?^```$", "", read(os.path.join(GUIDE, name)),
                       flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)#:]+)\)", prose):
            if not os.path.exists(os.path.join(GUIDE, target)):
                yield f"{name}: there is no {target}"
    index = read(os.path.join(GUIDE, "README.md"))
    for name in names:
        if name != "README.md" and f"({name})" not in index:
            yield f"README.md does not name {name}"


def cannot_run():
    """Why there is nothing to run, if so."""
    library = os.path.join(LIBS, "libflare.so")
    if shutil.which("curl") is None:
        return "no curl"
    if not os.path.exists(library):
        return "no shared library"
    with open(library, "rb") as file:
        if re.search(rb"__[at]san_init", file.read()):
            return "a library with a sanitizer"
    return ""


def has_tls():
    with open(os.path.join(LIBS, "libflare.so"), "rb") as file:
        return b"SSL_CTX_new" in file.read()


def main():
    why = cannot_run()
    if why:
        print(f"SKIP guide: {why}")
        return 77
    names = sorted(n for n in os.listdir(GUIDE) if n.endswith(".md"))
    passed = failed = 0
    for name in sys.argv[1:] or ["links", *names]:
        if name == "06-tls.md" and not has_tls():
            print(f"SKIP {name}: no TLS")
            continue
        findings = list(links(names) if name == "links"
                        else check(os.path.join(GUIDE, name)))
        print(f"{'FAIL' if findings else 'ok'} {name}")
        for finding in findings:
            print(f"  {finding}")
        passed += not findings
        failed += bool(findings)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
