#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The server beside other people's software, on every backend there is:
behind nginx and HAProxy, and against h11 as a second reader.

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
import second_reader
import smuggling
from servers import BACKENDS, Server
from test_e2e import Tally, has_backend

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


def all_cases():
    """Name, front end, function."""
    cases = []
    for kind in kinds():
        cases += [(f"{kind}_mixed_requests", kind, proxies.mixed_requests),
                  (f"{kind}_smuggling_table", kind, smuggling.table)]
    if second_reader.is_there():
        cases.append(("accepted_means_the_same_to_h11", None,
                      second_reader.accepted_means_the_same))
    else:
        print("SKIP h11: not installed (scripts/setup test)")
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    cases = all_cases()
    if not cases:
        return 77
    cases = [case for case in cases if not arguments.words
             or any(word in case[0] for word in arguments.words)]
    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if not has_backend(arguments.build, backend):
            continue
        for name, kind, run in cases:
            start = time.monotonic()
            tally.add(f"{backend} {name}",
                      outcome(arguments.build, backend, kind, run))
            print(f"     in {time.monotonic() - start:.1f} s", flush=True)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
