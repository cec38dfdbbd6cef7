# SPDX-License-Identifier: MIT
"""What the tests of one program of tools/ have in common: a folder, the program
run in it, and the loop over tests."""

import argparse
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Skip(Exception):
    """Something is not there; its text says what."""


def wait_until_listening(port, process):
    """A peer that we have started; it may take its time to load."""
    import socket
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args}: it has ended") from None


class World:
    """`self.backend` is None where it makes no difference."""

    def __init__(self, tool, build, backend):
        self.tool = tool
        self.build = os.path.abspath(build)
        self.backend = backend
        self.program = os.path.join(self.build, "tools", tool)
        self.folder = tempfile.mkdtemp(prefix=tool + "-")
        self.ended = []  # called by stop, the last first

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def environment(self, **more):
        environment = dict(os.environ, TERM="xterm", **more)
        environment.pop("NO_COLOR", None)
        environment.pop("FLARE_BACKEND", None)
        if self.backend:
            environment["FLARE_BACKEND"] = self.backend
        return environment

    def start(self, *arguments, **how):
        return subprocess.Popen(
            [self.program, *map(str, arguments)], cwd=self.folder,
            env=self.environment(), **{
                "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, **how})

    def run(self, *arguments, code=0, stdin=None):
        """What it printed, and what it complained about, as bytes."""
        process = self.start(*arguments, stdin=subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == code, \
            f"{arguments}: exit {process.returncode}, not {code}\n" \
            f"{out[:2000]!r}\n{err[:2000]!r}"
        return out, err

    def json(self, *arguments, code=0):
        return json.loads(self.run("--json", *arguments, code=code)[0])

    def on_terminal(self, *arguments):
        """All that a terminal is shown."""
        primary, secondary = pty.openpty()
        process = subprocess.Popen(
            [self.program, *map(str, arguments)], cwd=self.folder,
            env=self.environment(), stdin=secondary, stdout=secondary,
            stderr=secondary, start_new_session=True)
        os.close(secondary)
        shown = b""
        while True:
            try:
                piece = os.read(primary, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(primary)
        process.wait(timeout=30)
        return shown.replace(b"\r\n", b"\n"), process.returncode

    def peer(self, *argv, port):
        """Starts another program, which listens at `port`."""
        process = subprocess.Popen(argv, cwd=self.folder,
                                   stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)

        def end():
            process.kill()
            process.wait()
        self.ended.append(end)
        wait_until_listening(port, process)
        return process

    def stop(self):
        for end in reversed(self.ended):
            end()
        shutil.rmtree(self.folder, ignore_errors=True)


def says_what_it_is(world):
    out, _ = world.run("--help")
    assert out.startswith(f"Usage: {world.tool} ".encode()), out
    assert b"\033" not in out
    out, _ = world.run("--version")
    assert out.startswith(f"{world.tool} 0.".encode()), out


def has_a_man_page(world):
    page = os.path.join(ROOT, "tools/man", world.tool + ".1")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    out, _ = world.run("--help")
    for word in out.decode().split():
        if word.startswith("--"):
            name = word[2:].split("=")[0].rstrip(",.;)")
            assert re.search(rf"^\.It Fl (. , )?-{name}\b", text, re.M), \
                f"--{name} is not in the page"
    if not shutil.which("mandoc"):
        raise Skip("no mandoc")
    subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], check=True)


def run_one(world, test):
    """True, False, or None for a skip."""
    name = test.__name__ + (f" [{world.backend}]" if world.backend else "")
    try:
        test(world)
    except Skip as why:
        print(f"SKIP {name}: {why}")
        return None
    except Exception:  # pylint: disable=broad-except
        print(f"FAIL {name}\n{traceback.format_exc()}")
        return False
    return True


def main(tool, tests, backends, make=World):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("words", nargs="*", metavar="WORD",
                        help="only tests with one of these in their name")
    arguments = parser.parse_args()
    if not os.path.exists(os.path.join(arguments.build, "tools", tool)):
        print(f"no {tool} in {arguments.build}")
        return 77
    verdicts = []
    for backend in backends:
        for test in (says_what_it_is, has_a_man_page) + tuple(tests):
            if arguments.words and not any(word in test.__name__
                                           for word in arguments.words):
                continue
            world = make(tool, arguments.build, backend)
            try:
                verdicts.append(run_one(world, test))
            finally:
                world.stop()
        sys.stdout.flush()
    failed = verdicts.count(False)
    print(f"{verdicts.count(True)} passed, {failed} failed")
    return 1 if failed else 0
