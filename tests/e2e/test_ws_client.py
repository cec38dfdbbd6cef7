#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our WebSocket client (tests/support/ws_client_peer.c) against the servers of
npm's ws and of python3-websockets, on every backend there is, plain and over
TLS, with and without permessage-deflate.

    tests/e2e/test_ws_client.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from client_peers import PEERS, make_certificate
from servers import BACKENDS
from test_e2e import Tally, has_backend
from test_ws_node import ENVIRONMENT, has_node

# Path of the peers, and what our client offers there.
KINDS = [("plain", []), ("plain", ["deflate"]), ("deflate", []),
         ("deflate", ["deflate"]), ("deflate", ["bits9"]),
         ("deflate", ["no_takeover"]), ("deflate9", ["deflate"]),
         ("deflate_no_takeover", ["deflate", "bits9"])]
# Over TLS the coding is the same: two say so, FLARE_TEST_ALL wants the rest.
TLS_KINDS = (KINDS if os.environ.get("FLARE_TEST_ALL")
             else [KINDS[0], KINDS[3]])
CASES = ("lengths", "sixteen_mib", "fragments", "many_at_once", "pings",
         "subprotocol", "close_of_ours", "close_of_theirs",
         "close_behind_messages", "lost", "W02_masked", "W11_no_utf8",
         "W06_too_large", "refused", "a_hundred")


def has_websockets():
    return subprocess.run(["/usr/bin/python3", "-c", "import websockets"],
                          check=False, capture_output=True).returncode == 0


class Peer:
    """A server that is not ours: port, and port of TLS."""

    def __init__(self, command, certificate, key):
        self.process = subprocess.Popen(
            [*command, certificate, key], env=ENVIRONMENT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        found = re.search(r":([0-9]+), .*:([0-9]+)", line)
        if not found:
            self.stop()
            raise RuntimeError(f"{command}: {line}")
        self.port, self.tls_port = map(int, found.groups())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run(program, url, words, backend):
    """{name: None, or what was wrong}."""
    told = {}
    try:
        done = subprocess.run(
            [program, url, *words], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
            env={**os.environ, "FLARE_BACKEND": backend})
        text, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        text, status = (late.stdout or b"").decode(errors="replace"), "late"
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        if word in ("ok", "FAIL"):
            told[name] = None if word == "ok" else why
    for name in CASES:
        told.setdefault(name, f"nothing was told of it: {text[-500:]}")
    told["ends"] = None if status == 0 else f"{status}: {text[-2000:]}"
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    program = os.path.join(arguments.build, "tests/support/ws_client_peer")
    peers = []
    if has_node():
        peers.append(("node", ["node", os.path.join(PEERS, "ws.js"),
                               "server"]))
    else:
        print("SKIP ws of npm: not installed (scripts/setup test)")
    if has_websockets():
        peers.append(("python", ["/usr/bin/python3",
                                 os.path.join(PEERS, "ws.py")]))
    else:
        print("SKIP websockets: not installed (scripts/setup test)")
    if not peers:
        return 77
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        _, certificate, key = make_certificate(folder)
        for name, command in peers:
            peer = Peer(command, certificate, key)
            try:
                run_peer(arguments, program, name, peer, tally)
            finally:
                peer.stop()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


def run_peer(arguments, program, peer_name, peer, tally):
    for backend in arguments.backend or BACKENDS:
        if not has_backend(arguments.build, backend):
            continue
        for scheme, port, kinds in (("ws", peer.port, KINDS),
                                    ("wss", peer.tls_port, TLS_KINDS)):
            for path, words in kinds:
                label = " ".join([backend, peer_name, scheme, path, *words])
                if arguments.words and not any(word in label for word
                                               in arguments.words):
                    continue
                url = f"{scheme}://127.0.0.1:{port}/{path}"
                for name, why in run(program, url, words, backend).items():
                    tally.add(f"{label} {name}", why)


if __name__ == "__main__":
    sys.exit(main())
