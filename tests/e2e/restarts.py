#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drains and hot restarts under wrk: no request fails (FAILURES M01, M06, K14).

    tests/e2e/restarts.py [--build DIR] [--backend NAME] [--count N]

Three series on every backend, of N rounds each (100):

  drains     a server is told to end while wrk runs, and clients of our own;
             no connection that was made may see an error.  Those refused
             afterwards are no failures: nobody listens.  wrk calls them
             connect or, if the refusal comes late, write errors; it has
             written long before a queue closes, so that one that is lost there
             is a read error; our clients tell the two apart
  handovers  one wrk all along; the listening socket is ours, servers inherit
             it one after the other.  No error of any kind
  restarts   one wrk all along; each server takes the sockets of the one before
             it, with another number of workers.  No error of any kind

The last line is "N passed, N failed".
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import lifecycle
from servers import BACKENDS, Server

WRK = shutil.which("wrk")
CONNECTIONS = 32
ROUND_S = 0.15
ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), "
                    r"write (\d+), timeout (\d+)")


class Wrk:
    def __init__(self, port, seconds):
        self.process = subprocess.Popen(
            [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
             f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self):
        """Requests, and errors by kind."""
        text, _ = self.process.communicate(timeout=600)
        requests = int(re.search(r"(\d+) requests in", text).group(1))
        found = ERRORS.search(text)
        kinds = ("connect", "read", "write", "timeout")
        errors = dict(zip(kinds, map(int, found.groups()))) if found else {}
        other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        if other:
            errors["status"] = int(other.group(1))
        return requests, {kind: n for kind, n in errors.items() if n}


class Series:
    def __init__(self, like, count):
        self.like = like
        self.count = count
        self.requests = 0
        self.refused = 0
        self.failed = []

    def start(self, listen, *options, **more):
        return lifecycle.Life(self.like, listen, *options,
                              **more).listening()

    def take(self, result, may_refuse=False):
        requests, errors = result
        self.requests += requests
        if may_refuse:
            self.refused += errors.pop("connect", 0) + errors.pop("write", 0)
        if errors or not requests:
            self.failed.append(f"{requests} requests, {errors}")

    def drains(self):
        for i in range(self.count):
            with self.start("127.0.0.1:0", f"workers={i % 3 + 1}") as life:
                wrk = Wrk(life.port(), 1)
                load = lifecycle.Load(life.port(), 2, refused_ends=True)
                time.sleep(0.2 + i % 10 * 0.01)
                life.stop()
                self.take(wrk.stop(), may_refuse=True)
                load.end()

    def handovers(self):
        with lifecycle.listener(backlog=1024) as kept:
            wrk = Wrk(kept.getsockname()[1], 600)
            for i in range(self.count):
                with self.start("inherit:", f"workers={i % 3 + 1}",
                                inherit=(kept.fileno(),)) as life:
                    time.sleep(ROUND_S)
                    if i == self.count - 1:
                        self.take(wrk.stop())
                    life.stop()

    def restarts(self):
        with tempfile.TemporaryDirectory(prefix="flare-") as place:
            option = f"restart_socket={place}/restart"
            old = self.start("127.0.0.1:0", option)
            wrk = Wrk(old.port(), 600)
            for i in range(self.count):
                new = self.start("127.0.0.1:0", f"workers={i % 3 + 1}",
                                 option)
                with old:
                    old.ended()
                old = new
                time.sleep(ROUND_S)
            self.take(wrk.stop())
            with old:
                old.stop()


def run(like, count):
    """The names of the series, and what was wrong."""
    for name in ("drains", "handovers", "restarts"):
        series = Series(like, count)
        start = time.monotonic()
        try:
            getattr(series, name)()
        except Exception as error:  # pylint: disable=broad-except
            series.failed.append(repr(error))
        seconds = time.monotonic() - start
        refused = f", {series.refused} refused after the end" \
            if series.refused else ""
        print(f"{'FAIL' if series.failed else 'ok  '} {like.backend} {count} "
              f"{name}: {series.requests} requests, "
              f"{len(series.failed)} rounds with failures{refused}, "
              f"{seconds:.0f} s", flush=True)
        for fault in series.failed[:10]:
            print(f"     {fault}")
        yield not series.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    if WRK is None:
        print("SKIP restarts: wrk is not installed")
        return 77
    program = os.path.join(arguments.build, "tests/support/e2e_server")
    passed = failed = 0
    for backend in arguments.backend or BACKENDS:
        try:
            like = Server(program, backend=backend)
        except RuntimeError as error:
            print(f"SKIP {backend}: {error}")
            continue
        like.stop()
        for is_good in run(like, arguments.count):
            passed += is_good
            failed += not is_good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
