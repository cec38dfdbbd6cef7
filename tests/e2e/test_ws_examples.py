#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The WebSocket clients of examples/ beside a python3-websockets server, on every
backend there is, with and without permessage-deflate.

    tests/e2e/test_ws_examples.py [--build DIR] [--backend NAME]

Each case is one line; the last line is "N passed, N failed".
"""

import argparse
import asyncio
import os
import sys
import traceback

sys.dont_write_bytecode = True

try:
    import websockets
except ImportError:
    # Another Python before the system's, which has the package.
    if sys.executable != "/usr/bin/python3" and \
            os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    websockets = None

from servers import BACKENDS
from test_e2e import Tally, has_backend


async def echo(ws, *_):
    async for message in ws:
        await ws.send(message)


async def run(build, backend, name, *arguments):
    process = await asyncio.create_subprocess_exec(
        os.path.join(build, "examples", name), *arguments,
        env={**os.environ, "FLARE_BACKEND": backend},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


def url_of(server):
    return "ws://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]


async def echoes(build, backend, compression):
    texts = ["hello", "\u00e9" * 30000, "x" * 100000]
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["echo"],
                                compression=compression) as server:
        code, out, err = await run(build, backend, "ws_client",
                                   url_of(server), *texts)
    assert (code, out.split()) == (0, texts), (code, out[:200], err)


async def is_told_of_a_close(build, backend, compression):
    async def bye(ws, *_):
        await ws.recv()
        await ws.close(4005, "enough")

    async with websockets.serve(bye, "127.0.0.1", 0,
                                compression=compression) as server:
        code, out, err = await run(build, backend, "ws_client",
                                   url_of(server), "a", "b")
    assert (code, out, err) == (0, "", "closed with 4005 enough\n"), (
        code, out, err)


async def comes_back(build, backend, compression):
    seen = []

    async def once(ws, *_):
        seen.append(await ws.recv())
        await ws.send("news %d" % len(seen))
        if len(seen) < 3:
            await ws.close(1012)
        else:
            await ws.wait_closed()

    async with websockets.serve(once, "127.0.0.1", 0,
                                compression=compression) as server:
        code, out, err = await run(build, backend, "ws_reconnect",
                                   url_of(server), "topic", "3")
    lines = out.split("\n")
    assert (code, seen) == (0, ["topic"] * 3), (code, out, err, seen)
    assert lines[0::2] == ["news 1", "news 2", "news 3"], out
    assert lines[1].startswith("closed with 1012 "), out


def outcome(build, backend, case, compression):
    try:
        asyncio.run(asyncio.wait_for(case(build, backend, compression), 90))
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    arguments = parser.parse_args()
    if websockets is None:
        print("SKIP websockets: not installed (scripts/setup test)")
        return 77
    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if not has_backend(arguments.build, backend):
            continue
        for case in (echoes, is_told_of_a_close, comes_back):
            for kind, how in (("plain", None), ("deflate", "deflate")):
                tally.add(f"{backend} {kind}_{case.__name__}",
                          outcome(arguments.build, backend, case, how))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
