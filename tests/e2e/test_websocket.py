#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The WebSocket server beside python3-websockets, on every backend there is,
plain and over TLS, with and without permessage-deflate.

    tests/e2e/test_websocket.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import asyncio
import os
import signal
import ssl
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

from servers import BACKENDS, Server
from test_e2e import Tally, has_backend

MIB = 1 << 20


def connect(server, path="/echo", is_tls=False, **options):
    host, port = server.tls_address if is_tls else server.address
    if is_tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        options["ssl"] = context
    return websockets.connect(
        f"{'wss' if is_tls else 'ws'}://{host}:{port}{path}",
        max_size=32 * MIB, open_timeout=20, close_timeout=20, **options)


async def lengths(server, **options):
    async with connect(server, **options) as ws:
        for length in (0, 1, 125, 126, 127, 4096, 65535, 65536, 300000):
            message = os.urandom(length)
            await ws.send(message)
            assert await ws.recv() == message, length
            text = "\u00e9" * length
            await ws.send(text)
            assert await ws.recv() == text, length


async def sixteen_mib(server, **options):
    message = os.urandom(MIB) * 16
    async with connect(server, **options) as ws:
        await ws.send(message)
        assert await ws.recv() == message
    async with connect(server, **options) as ws:
        await ws.send(message + b"x")
        try:
            await ws.recv()
            assert False, "past the limit, and taken"
        except websockets.ConnectionClosed as end:
            assert end.rcvd.code == 1009, end


async def many_at_once(server, **options):
    async with connect(server, **options) as ws:
        for number in range(2000):
            await ws.send(f"message {number}")
        for number in range(2000):
            assert await ws.recv() == f"message {number}"


async def fragments(server, **options):
    async def parts():
        for number in range(50):
            yield f"part {number} \u00e9 "

    async with connect(server, **options) as ws:
        await ws.send(parts())
        answer = await ws.recv()
        assert answer == "".join([part async for part in parts()]), answer


async def pings(server, **options):
    async with connect(server, **options) as ws:
        for payload in (b"", b"x", b"y" * 125):
            pong = await ws.ping(payload)
            await asyncio.wait_for(pong, 10)


async def closes(server, **options):
    async with connect(server, **options) as ws:
        await ws.close(4001, "enough")
        assert ws.close_code == 4001, ws.close_code


async def subprotocols(server, **options):
    async with connect(server, subprotocols=["x", "echo"], **options) as ws:
        assert ws.subprotocol == "echo", ws.subprotocol


async def origins(server, **options):
    for path, origin, is_taken in (
            ("/echo", "https://evil.example", False),
            ("/shared", "https://evil.example", False),
            ("/shared", "https://flare.example", True),
            ("/shared", None, True)):
        try:
            async with connect(server, path, origin=origin, **options):
                assert is_taken, (path, origin)
        except websockets.InvalidStatusCode as refusal:
            assert not is_taken and refusal.status_code == 403, refusal


async def two_hundred(server, **options):
    async def one(number):
        async with connect(server, **options) as ws:
            for turn in range(10):
                await ws.send(f"{number} {turn}")
                assert await ws.recv() == f"{number} {turn}"

    await asyncio.gather(*(one(number) for number in range(200)))


async def drains_with_1001(server, **options):
    async with connect(server, **options) as ws:
        await ws.send("x")
        await ws.recv()
        server.signal(signal.SIGTERM)
        try:
            await ws.recv()
            assert False, "no close"
        except websockets.ConnectionClosed as end:
            assert end.rcvd.code == 1001, end
    assert server.process.wait(timeout=10) == 0, server.complaints()


CASES = [lengths, sixteen_mib, many_at_once, fragments, pings, closes,
         subprotocols, origins, two_hundred, drains_with_1001]
KINDS = [("plain", {"compression": None}), ("deflate", {}),
         ("tls", {"compression": None, "is_tls": True}),
         ("tls_deflate", {"is_tls": True})]


def outcome(build, backend, case, options):
    server = None
    try:
        more = ["127.0.0.2:0"] if options.get("is_tls") else []
        server = Server(os.path.join(build, "examples/ws_echo"), *more,
                        backend=backend)
        asyncio.run(asyncio.wait_for(case(server, **options), 120))
        assert server.stop() == 0, server.complaints()
    except AssertionError as error:
        return str(error) or traceback.format_exc()
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    finally:
        if server:
            server.stop()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    if websockets is None:
        print("SKIP websockets: not installed (scripts/setup test)")
        return 77
    cases = [(f"{kind}_{case.__name__}", case, how)
             for kind, how in KINDS for case in CASES]
    cases = [case for case in cases if not arguments.words
             or any(word in case[0] for word in arguments.words)]
    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if not has_backend(arguments.build, backend):
            continue
        for name, case, how in cases:
            tally.add(f"{backend} {name}",
                      outcome(arguments.build, backend, case, how))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
