#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The WebSocket server beside python3-websockets, on every backend there is,
plain and over TLS, with and without permessage-deflate; and what a careful
client never sends, byte by byte and all at once.

    tests/e2e/test_websocket.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
import socket
import ssl
import struct
import sys
import traceback

sys.dont_write_bytecode = True

try:
    import websockets
    from websockets.extensions.permessage_deflate import (
        ClientPerMessageDeflateFactory)
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


async def sixteen_mib_in_fragments(server, **options):
    piece = os.urandom(MIB) + b"flare" * 1000

    async def parts():
        for number in range(15):
            yield piece[number:]

    async with connect(server, **options) as ws:
        await ws.send(parts())
        answer = await ws.recv()
        assert answer == b"".join([part async for part in parts()])


async def parameters(server, **options):
    """All that permessage-deflate can be asked for."""
    text = "to be or not to be " * 5000
    for server_resets, client_resets, server_bits, client_bits in \
            itertools.product((False, True), (False, True),
                              (None, 9, 12, 15), (True, None, 9, 15)):
        offer = ClientPerMessageDeflateFactory(
            server_no_context_takeover=server_resets,
            client_no_context_takeover=client_resets,
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits)
        async with connect(server, compression=None, extensions=[offer],
                           **options) as ws:
            agreed = [ext for ext in ws.extensions
                      if ext.name == "permessage-deflate"]
            assert agreed, offer
            for message in ("", "x", text, text, os.urandom(70000)):
                await ws.send(message)
                assert await ws.recv() == message, agreed


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


async def W19_origins(server, **options):
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


# ---- frames by hand ----

HELLO = (b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
         b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
KEY = b"\x37\xfa\x21\x3d"


def frame(first, payload=b""):
    masked = bytes(byte ^ KEY[at % 4] for at, byte in enumerate(payload))
    return bytes((first, 0x80 | len(payload))) + KEY + masked


def close_of(code, reason=b""):
    return struct.pack(">H", code) + reason


# What is sent, and the frames that come back: (first byte, payload), where the
# payload of a close is its code.
ROWS = [
    ("W01_unmasked", b"\x81\x01x", [(0x88, 1002)]),
    ("W03_rsv1", frame(0xc1, b"x"), [(0x88, 1002)]),
    ("W03_rsv2", frame(0xa1, b"x"), [(0x88, 1002)]),
    ("W03_rsv3", frame(0x91, b"x"), [(0x88, 1002)]),
    ("W04_opcode_3", frame(0x83, b"x"), [(0x88, 1002)]),
    ("W04_opcode_b", frame(0x8b, b"x"), [(0x88, 1002)]),
    ("W05_ping_of_126", b"\x89\xfe\x00\x7e" + KEY, [(0x88, 1002)]),
    ("W05_ping_in_fragments", frame(0x09, b"x"), [(0x88, 1002)]),
    ("W06_length_with_msb", b"\x82\xff\x80" + bytes(7) + KEY,
     [(0x88, 1002)]),
    ("W06_length_past_the_limit", b"\x82\xff\x7f" + bytes(7) + KEY,
     [(0x88, 1009)]),
    ("W07_length_of_16_bits", b"\x82\xfe\x00\x7d" + KEY, [(0x88, 1002)]),
    ("W07_length_of_64_bits", b"\x82\xff" + bytes(6) + b"\xff\xff" + KEY,
     [(0x88, 1002)]),
    ("W08_continuation_of_nothing", frame(0x80, b"x"), [(0x88, 1002)]),
    ("W08_message_in_a_message", frame(0x01, b"x") + frame(0x81, b"y"),
     [(0x88, 1002)]),
    ("W09_ping_between", frame(0x01, b"he") + frame(0x89, b"p") +
     frame(0x80, b"llo"), {(0x81, b"hello"), (0x8a, b"p")}),
    ("W11_overlong", frame(0x81, b"\xc0\xaf"), [(0x88, 1007)]),
    ("W11_surrogate", frame(0x81, b"\xed\xa0\x80"), [(0x88, 1007)]),
    ("W11_cut_at_the_end", frame(0x81, b"\xe2\x82"), [(0x88, 1007)]),
    ("W12_empty", frame(0x88), [(0x88, None)]),
    ("W12_half_a_code", frame(0x88, b"x"), [(0x88, 1002)]),
    ("W12_code_1005", frame(0x88, close_of(1005)), [(0x88, 1002)]),
    ("W12_code_5000", frame(0x88, close_of(5000)), [(0x88, 1002)]),
    ("W12_code_4000", frame(0x88, close_of(4000, b"bye")), [(0x88, 4000)]),
    ("W12_reason_is_no_text", frame(0x88, close_of(1000, b"\xff")),
     [(0x88, 1007)]),
    ("W13_data_behind_a_close", frame(0x88, close_of(1000)) +
     frame(0x81, b"x"), [(0x88, 1000)]),
    ("W16_a_pong", frame(0x8a, b"x") + frame(0x81, b"y"), [(0x81, b"y")]),
]


def parse(data):
    """The frames of a server, which are short here."""
    frames = []
    while data:
        first, length = data[0], data[1]
        assert length < 126, data
        payload = data[2:2 + length]
        if first == 0x88:
            payload = struct.unpack(">H", payload[:2])[0] if payload else None
        frames.append((first, payload))
        data = data[2 + length:]
    return frames


def raw_peer(server, is_tls):
    host = server.tls_address if is_tls else server.address
    peer = socket.create_connection(host, timeout=10)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if is_tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        peer = context.wrap_socket(peer)
    return peer


def raw_head(peer):
    """The head of an answer, and what has come behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = peer.recv(65536)
        assert piece, data
        data += piece
    return data.split(b"\r\n\r\n", 1)


def raw(server, is_tls, pieces):
    with raw_peer(server, is_tls) as peer:
        for piece in pieces:
            peer.sendall(piece)
        head, data = raw_head(peer)
        assert head.startswith(b"HTTP/1.1 101 "), head
        # who is not closed asks for it, so that all ends by itself
        while piece := peer.recv(65536):
            data += piece
    return parse(data)


async def rows(server, compression=None, is_tls=False):
    del compression
    for name, sent, wanted in ROWS:
        wire = HELLO + sent
        if not any(first == 0x88 for first, _ in wanted):
            wire += frame(0x88, close_of(1000))
            wanted = (wanted | {(0x88, 1000)} if isinstance(wanted, set)
                      else wanted + [(0x88, 1000)])
        for pieces in ([wire], [wire[at:at + 1] for at in range(len(wire))]):
            got = raw(server, is_tls, pieces)
            same = set(got) if isinstance(wanted, set) else got
            assert same == wanted, (name, len(pieces), got)


# What is no handshake: the change to a good one, the status, more of the head.
NO_HANDSHAKES = [
    (b"GET ", b"POST ", 405, b"allow: get"),
    (b" HTTP/1.1", b" HTTP/1.0", 400, b""),
    (b"Upgrade: websocket", b"Upgrade: h2c", 400, b""),
    (b"Upgrade: websocket\r\n", b"", 400, b""),
    (b"Connection: Upgrade", b"Connection: keep-alive", 400, b""),
    (b"Version: 13", b"Version: 8", 426, b"sec-websocket-version: 13\r\n"),
    (b"Sec-WebSocket-Version: 13\r\n", b"", 400, b""),
    (b"Key: dGhlIHNhbXBsZSBub25jZQ==", b"Key: dGhlIHNhbXBsZSBub25j", 400, b""),
    (b"Key: dGhlIHNhbXBsZSBub25jZQ==", b"Key: dGhl*HNhbXBsZSBub25jZQ==", 400,
     b""),
    (b"\r\n\r\n", b"\r\nSec-WebSocket-Version: 13\r\n\r\n", 400, b""),
]


async def W20_handshakes(server, compression=None, is_tls=False):
    del compression
    for good, bad, status, more in NO_HANDSHAKES:
        assert HELLO.count(good) == 1, good
        wire = HELLO.replace(good, bad)
        with raw_peer(server, is_tls) as peer:
            peer.sendall(wire)
            head = raw_head(peer)[0]
        assert head.startswith(b"HTTP/1.1 %d " % status), (bad, head)
        assert more in head.lower() + b"\r\n", (bad, head)


# ---- a room on several workers ----

async def W27_a_deaf_member(server):
    """One who reads nothing is ended; those who read hear all."""
    rounds, each, text = 300, 20, "x" * 4000  # more than the kernel holds
    hello = HELLO.replace(b"GET /echo", b"GET /chat?name=deaf")
    left = []

    async def listen(ws, number):
        heard = 0
        while heard < number:
            event = json.loads(await ws.recv())
            heard += event["kind"] == "text"
            if event["kind"] == "leave":
                left.append(event["name"])

    async def told(ws):
        while "deaf" not in left:
            event = json.loads(await ws.recv())
            if event["kind"] == "leave":
                left.append(event["name"])

    with raw_peer(server, is_tls=False) as deaf:
        deaf.sendall(hello)
        assert raw_head(deaf)[0].startswith(b"HTTP/1.1 101 ")
        async with connect(server, "/chat?name=a") as speaker, \
                connect(server, "/chat?name=b") as other:
            for _ in range(rounds):
                for _ in range(each):
                    await speaker.send(text)
                await asyncio.gather(listen(speaker, each),
                                     listen(other, each))
            await told(other)


async def chat(server, **options):
    """Each hears all, its own words too, in one order per speaker; who comes
    and goes is told with how many there are."""
    clients = 24
    turns = 20
    wanted = sorted((f"name {number}", f"{number} {turn}")
                    for number in range(clients) for turn in range(turns))

    async def hear(ws, kind):
        while True:
            event = json.loads(await ws.recv())
            if event["kind"] == kind:
                return event

    async def listen(ws):
        texts = [await hear(ws, "text") for _ in wanted]
        return [(event["name"], event["text"]) for event in texts]

    peers = []
    for number in range(clients):
        peers.append(await connect(
            server, f"/chat?name=name%20{number}", **options))
        # itself: from then on it hears all that is said
        event = await hear(peers[-1], "join")
        assert event == {"kind": "join", "name": f"name {number}",
                         "people": number + 1}, event
    heard = asyncio.gather(*(listen(ws) for ws in peers))
    for turn in range(turns):
        await asyncio.gather(*(ws.send(f"{number} {turn}")
                               for number, ws in enumerate(peers)))
    for texts in await heard:
        assert sorted(texts) == wanted, len(texts)
        for number in range(clients):
            mine = [text for name, text in texts if name == f"name {number}"]
            assert mine == [f"{number} {turn}" for turn in range(turns)]
    for left in range(clients - 1, 0, -1):
        ws = peers.pop()
        await ws.close()
        event = await hear(peers[0], "leave")
        assert event["people"] == left, event
    await peers[0].send(b"no text")
    try:
        await hear(peers[0], "none")
    except websockets.ConnectionClosed as end:
        assert end.rcvd.code == 1003, end


CASES = [rows, lengths, sixteen_mib, sixteen_mib_in_fragments, many_at_once,
         fragments, parameters, pings, closes, subprotocols,
         W19_origins, W20_handshakes,
         two_hundred, drains_with_1001]
KINDS = [("plain", {"compression": None}), ("deflate", {}),
         ("tls", {"compression": None, "is_tls": True}),
         ("tls_deflate", {"is_tls": True})]


def program(build, case, options):
    if case in (chat, W27_a_deaf_member):
        return [os.path.join(build, "examples/ws_chat")]
    more = ["127.0.0.2:0"] if options.get("is_tls") else []
    return [os.path.join(build, "examples/ws_echo"), *more]


def outcome(build, backend, case, options):
    server = None
    try:
        server = Server(*program(build, case, options), backend=backend)
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
             for kind, how in KINDS for case in CASES
             if case is not parameters or "deflate" in kind]
    cases += [("chat", chat, {}),
              ("W27_a_deaf_member", W27_a_deaf_member, {})]
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
