#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Happy Eyeballs over a real kernel: a client and a server of the examples in
a network namespace of their own, in which one family of addresses is swallowed
by a cable that leads nowhere, refused, or without a route (FAILURES K11, D04).

    tests/e2e/test_eyeballs.py [--build DIR] [--backend NAME] [WORD ...]

Needs to be root, and `ip`; exits with 77 where it is not.  The last line is
"N passed, N failed".
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from servers import BACKENDS
from test_e2e import Tally, has_backend

IP = shutil.which("ip")
# One for each run: the kernel closes what an io_uring of a killed process had
# some time after the process is gone.
PORTS = itertools.count(7007)
DELAY = 0.25  # RFC 8305's, and the library's default
SLACK = 2.0  # of a machine with other things to do; the next try is 10 s away

# Addresses of documentation: what answers is on the loopback interface, what
# is swallowed lies at the end of that cable, the last has no route.
V6_GOOD, V4_GOOD = "2001:db8:0:1::6", "198.51.100.4"
V6_DEAD, V4_DEAD = "2001:db8:0:2::6", "203.0.113.4"
V6_NONE = "2001:db8:0:3::6"

HOSTS = f"""
{V6_DEAD} v6-swallowed
{V4_GOOD} v6-swallowed
{V6_GOOD} v4-swallowed
{V4_DEAD} v4-swallowed
{V6_NONE} v6-unreachable
{V4_GOOD} v6-unreachable
{V6_GOOD} v6-refused
{V4_GOOD} v6-refused
"""

# Name, host, where the server listens but for the port, seconds from and to.
CASES = (
    ("v6_is_swallowed", "v6-swallowed", f"{V4_GOOD}:{{}}", DELAY, SLACK),
    ("v4_is_swallowed", "v4-swallowed", f"[{V6_GOOD}]:{{}}", 0, SLACK),
    ("v6_has_no_route", "v6-unreachable", f"{V4_GOOD}:{{}}", 0, SLACK),
    ("v6_is_refused", "v6-refused", f"{V4_GOOD}:{{}}", 0, SLACK),
)


class Namespace:
    """A network of its own, and a hosts file (ip-netns(8))."""

    def __init__(self):
        self.name = f"flare-{os.getpid()}"
        self.etc = f"/etc/netns/{self.name}"

    def ip(self, *words):
        subprocess.run([IP, *words], check=True, capture_output=True,
                       text=True)

    def __enter__(self):
        self.ip("netns", "add", self.name)
        try:
            os.makedirs(self.etc)
            with open(f"{self.etc}/hosts", "w", encoding="ascii") as file:
                file.write(HOSTS)
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def fill(self):
        inside = ("-n", self.name)
        self.ip(*inside, "link", "set", "lo", "up")
        self.ip(*inside, "addr", "add", f"{V4_GOOD}/32", "dev", "lo")
        self.ip(*inside, "addr", "add", f"{V6_GOOD}/128", "dev", "lo")
        self.ip(*inside, "link", "add", "hole", "type", "veth", "peer", "name",
                "end")
        for name in ("hole", "end"):
            self.ip(*inside, "link", "set", name, "arp", "off", "up")
        self.ip(*inside, "addr", "add", "203.0.113.1/24", "dev", "hole")
        self.ip(*inside, "addr", "add", "2001:db8:0:2::1/64", "dev", "hole",
                "nodad")
        self.ip(*inside, "route", "add", "unreachable", V6_NONE)

    def __exit__(self, *_):
        subprocess.run([IP, "netns", "del", self.name], check=False,
                       capture_output=True)
        shutil.rmtree(self.etc, ignore_errors=True)

    def start(self, backend, *words):
        return subprocess.Popen(
            [IP, "netns", "exec", self.name, *words], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=1,
            env={**os.environ, "FLARE_BACKEND": backend})


def run(space, build, backend, case):
    """What went wrong, or None."""
    _, host, listen, least, most = case
    port = next(PORTS)
    server = space.start(backend, os.path.join(build, "examples/tcp_echo"),
                         listen.format(port))
    try:
        if not server.stdout.readline():  # it listens, and says where
            return f"the server: {server.communicate()[1]!r}"
        start = time.monotonic()
        client = space.start(backend,
                             os.path.join(build, "examples/tcp_client"),
                             host, str(port), "hello")
        out, err = client.communicate(timeout=60)
        took = time.monotonic() - start
    finally:
        server.kill()
        server.communicate()
    if client.returncode != 0 or out != "hello\n":
        return f"status {client.returncode}, {out!r}, {err!r}"
    if not least <= took <= most:
        return f"took {took:.3f} s, not {least} to {most}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    tally = Tally()
    if IP is None:
        print("SKIP happy eyeballs: no ip program here")
        return 77
    try:
        with Namespace() as space:
            for backend in arguments.backend or BACKENDS:
                if not has_backend(arguments.build, backend):
                    continue
                for case in CASES:
                    if arguments.words and not any(
                            word in case[0] for word in arguments.words):
                        continue
                    tally.add(f"{backend} {case[0]}",
                              run(space, arguments.build, backend, case))
    except subprocess.CalledProcessError as error:
        print("SKIP happy eyeballs: no network namespace here: "
              f"{error.stderr.strip()}")
        return 77
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
