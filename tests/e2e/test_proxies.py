#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The server behind nginx and HAProxy, on every backend there is.

    tests/e2e/test_proxies.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True

import proxies
import smuggling
from servers import Server
from test_e2e import Tally, has_backend

CASES = [("mixed_requests", proxies.mixed_requests),
         ("smuggling_table", smuggling.table)]


def outcome(build, backend, kind, run):
    server = None
    try:
        server = Server(os.path.join(build, "tests/support/e2e_server"),
                        f"body_bytes_max={proxies.BODY_MAX}", backend=backend)
        run(server, kind)
        assert server.stop() == 0, server.complaints()
    except AssertionError as error:
        return str(error) or traceback.format_exc()
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    finally:
        if server:
            server.stop()
    return None


def kinds():
    """Those that are installed; the others are said to be skipped."""
    for name in ("nginx", "haproxy"):
        if proxies.program(name) is None:
            print(f"SKIP {name}: not installed (scripts/setup test)")
    return [kind for kind in proxies.Proxy.KINDS
            if proxies.program(kind.split("-", 1)[0])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    found = kinds()
    if not found:
        return 77
    tally = Tally()
    for backend in arguments.backend or ["uring", "epoll"]:
        if not has_backend(arguments.build, backend):
            continue
        for kind in found:
            for name, run in CASES:
                name = f"{backend} {kind}_{name}"
                if arguments.words and \
                        not any(word in name for word in arguments.words):
                    continue
                start = time.monotonic()
                tally.add(name, outcome(arguments.build, backend, kind, run))
                print(f"     in {time.monotonic() - start:.1f} s", flush=True)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
