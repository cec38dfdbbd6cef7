#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives the server over real sockets, on every backend there is.

    tests/e2e/test_e2e.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True

import bodies
import cookies
import deadlines
import files
import framing
import heads
import lifecycle
import plain
import programs
import proxy_protocol
import sockets
import supervise
import tls
import tls_programs
from servers import BACKENDS, Server

SMALL = {"body_bytes_max": 1000, "requests_per_connection_max": 5}
JOBS = 12


def options(numbers):
    return [f"{name}={number}" for name, number in numbers.items()]


class Servers:
    """One of each kind per backend; "own" and "alone" are started anew."""

    def __init__(self, build, backend):
        self.backend = backend
        support = os.path.join(build, "tests/support/e2e_server")
        self.commands = {
            "plain": [support],
            "small": [support, *options(SMALL)],
            "slow": [support, *options(deadlines.DEADLINES)],
            "steady": [support, *options(deadlines.STEADY)],
            "alone": [support],
            "own": [support],
            "hello": [os.path.join(build, "examples/hello")],
            "users": [os.path.join(build, "examples/users")],
            "middleware": [os.path.join(build, "examples/middleware")],
            "router": [os.path.join(build, "examples/router")],
            "http_server": [os.path.join(build, "examples/http_server")],
            "sse": [os.path.join(build, "examples/sse")],
            "own_sse": [os.path.join(build, "examples/sse")],
            "upload": [os.path.join(build, "examples/upload")],
            "offload": [os.path.join(build, "examples/offload")],
            "multicore": [os.path.join(build, "examples/multicore")],
            "tcp_echo": [os.path.join(build, "examples/tcp_echo")],
            "line_protocol": [os.path.join(build, "examples/line_protocol")],
            "udp": [os.path.join(build, "examples/udp")],
            "state": [os.path.join(build, "examples/state")],
            "proxied": [support, *proxy_protocol.OPTIONS],
            "distrusting": [support, *proxy_protocol.OTHERS],
            "https_server": [os.path.join(build, "examples/https_server"),
                             "127.0.0.2:0", "--self-signed"],
            **{kind: [support, *made()] for kind, made in tls.KINDS.items()
               if tls.CASES},
            "files": [os.path.join(build, "examples/files"),
                      files.Folder.make()],
        }
        self.running = {}

    def start(self, kind):
        program, *rest = self.commands[kind]
        return Server(program, *rest, backend=self.backend)

    def start_shared(self, kinds):
        for kind in kinds - {"alone", "own", "own_sse", "own_tls"}:
            self.running[kind] = self.start(kind)

    def run(self, case):
        _, run, kind = case
        if kind in self.running:
            run(self.running[kind])
            return
        server = self.start(kind)
        try:
            run(server)
            if kind == "alone":
                assert server.stop() == 0, server.complaints()
        finally:
            server.stop()

    def finish(self):
        """Cases of their own: nothing was smuggled, all ended well."""
        for kind, server in sorted(self.running.items()):
            if kind in ("plain", "small", "slow", "steady"):
                yield (f"{kind}_ran_nothing_it_refused",
                       self._check_counts(server))
            status = server.stop()
            yield (f"{kind}_drains_and_ends",
                   None if status == 0 else
                   f"exit status {status}\n{server.complaints()}")

    @staticmethod
    def _check_counts(server):
        try:
            counts = sockets.counts(server)
        except Exception:  # pylint: disable=broad-except
            return traceback.format_exc()
        return None if counts["smuggled"] == 0 and counts["given"] == 0 \
            else str(counts)


def all_cases():
    rows = [*framing.ROWS, *heads.ROWS]
    cases = [(row.name, row.run, row.server) for row in rows]
    cases += framing.CASES + heads.CASES + sockets.CASES
    cases += files.CASES + deadlines.CASES + programs.CASES + lifecycle.CASES
    cases += supervise.CASES + bodies.CASES + plain.CASES + proxy_protocol.CASES
    cases += tls.CASES + tls_programs.CASES
    cases += cookies.CASES
    names = [case[0] for case in cases]
    assert len(set(names)) == len(names), \
        [name for name in names if names.count(name) > 1]
    # The slow ones first: they wait, the others work.
    return sorted(cases, key=lambda case: case[2] not in ("slow", "steady"))


def outcome(servers, case):
    try:
        servers.run(case)
    except Exception as error:  # pylint: disable=broad-except
        if isinstance(error, AssertionError):
            return str(error) or traceback.format_exc()
        return traceback.format_exc()
    return None


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, name, fault):
        if fault is None:
            self.passed += 1
            print(f"ok   {name}")
        else:
            self.failed += 1
            print(f"FAIL {name}: {fault}")


def run_backend(build, backend, cases, tally):
    servers = Servers(build, backend)
    servers.start_shared({case[2] for case in cases})
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        futures = [(case[0], pool.submit(outcome, servers, case))
                   for case in cases]
        for name, future in sorted(futures, key=lambda pair: pair[0]):
            tally.add(f"{backend} {name}", future.result())
    for name, fault in servers.finish():
        tally.add(f"{backend} {name}", fault)


def has_backend(build, backend):
    try:
        return Server(os.path.join(build, "examples/hello"),
                      backend=backend).stop() == 0
    except RuntimeError as error:
        print(f"SKIP {backend}: {error}")
        return False


def without_tls(build, cases):
    """All of them, unless the library was built without OpenSSL."""
    tls_kinds = {*tls.KINDS, "https_server"}
    if not any(case[2] in tls_kinds for case in cases):
        return cases
    try:
        Server(os.path.join(build, "tests/support/e2e_server"),
               *tls.KINDS["tls"]()).stop()
    except RuntimeError as error:
        if "without OpenSSL" not in str(error):
            raise
        print("SKIP TLS: the library is built without OpenSSL")
        return [case for case in cases if case[2] not in tls_kinds]
    return cases


# A listener that is deaf to new connections alone, and a child that ends with
# its parent: see src/net/os.h.
LINUX_ONLY = ("M01_drains_lose_nobody",
              "supervise_SIGTERM_to_the_supervisor_loses_nobody",
              "supervise_processes_do_not_outlive_a_killed_supervisor")


def without_linux(backend, cases):
    if backend != "kqueue":
        return cases
    for case in cases:
        if case[0] in LINUX_ONLY:
            print(f"SKIP {case[0]}: the systems of kqueue cannot")
    return [case for case in cases if case[0] not in LINUX_ONLY]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    start = time.monotonic()
    cases = [case for case in all_cases()
             if not arguments.words
             or any(word in case[0] for word in arguments.words)]
    if programs.CURL is None:
        print("SKIP curl: not installed")
        cases = [case for case in cases if not case[0].startswith("curl")]
    cases = without_tls(arguments.build, cases)
    for name in tls_programs.SKIPPED:
        print(f"SKIP what {name} does over TLS: not installed")
    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if has_backend(arguments.build, backend):
            run_backend(arguments.build, backend, without_linux(backend, cases),
                        tally)
    print(f"in {time.monotonic() - start:.1f} s")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
