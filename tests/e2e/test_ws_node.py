#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""npm's ws (peers/ws.js) as the other end of the WebSocket server, on every
backend there is, plain and over TLS, with and without permessage-deflate.

    tests/e2e/test_ws_node.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True

from servers import BACKENDS, Server
from test_e2e import Tally, has_backend

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers",
                      "ws.js")
# Debian's own node looks there by itself.
ENVIRONMENT = {**os.environ, "NODE_PATH": "/usr/share/nodejs",
               "NODE_NO_WARNINGS": "1"}
# What every run has to tell of: a script that dies early is no success.
CASES = ("lengths", "sixteen_mib", "fragments", "many_at_once", "pings",
         "closes", "closes_of_the_server", "subprotocols", "origins",
         "parameters", "five_hundred", "drains_with_1001")
DRAIN = CASES[-1]


def has_node():
    try:
        return subprocess.run(
            ["node", "-e", "require('ws')"], env=ENVIRONMENT, check=False,
            capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


def run_node(server, kind, is_tls, names):
    """{name: None, or what was wrong}."""
    host, port = server.tls_address if is_tls else server.address
    url = f"{'wss' if is_tls else 'ws'}://{host}:{port}"
    told = {}
    try:
        done = subprocess.run(
            ["node", SCRIPT, "client", url, kind, str(server.process.pid),
             *names], env=ENVIRONMENT, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=180)
        lines = done.stdout.splitlines()
    except subprocess.TimeoutExpired as late:
        lines = (late.stdout or b"").decode(errors="replace").splitlines()
    for line in lines:
        word, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        if word in ("ok", "FAIL") and name in CASES:
            told[name] = None if word == "ok" else why
    for name in names:
        told.setdefault(name, "nothing was told of it: "
                        + " | ".join(lines[-5:]))
    return told


def run(arguments, backend, kind, is_tls, tally):
    label = f"{backend} {'tls' if is_tls else 'plain'}_{kind}"
    names = [name for name in CASES
             if (name != "parameters" or kind == "deflate") and
             (not arguments.words or
              any(word in f"{label} {name}" for word in arguments.words))]
    if not names:
        return
    more = ["127.0.0.2:0"] if is_tls else []
    server = Server(os.path.join(arguments.build, "examples/ws_echo"), *more,
                    backend=backend)
    try:
        told = run_node(server, kind, is_tls, names)
        status = (server.process.wait(timeout=15) if DRAIN in names
                  else server.stop())
    finally:
        server.stop()
    for name in names:
        tally.add(f"{label} {name}", told[name])
    tally.add(f"{label} ends",
              None if status == 0 else f"{status}: {server.complaints()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    if not has_node():
        print("SKIP ws of npm: not installed (scripts/setup test)")
        return 77
    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if not has_backend(arguments.build, backend):
            continue
        for is_tls in (False, True):
            for kind in ("plain", "deflate"):
                run(arguments, backend, kind, is_tls, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
