#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""WebSocket through examples/reverse_proxy: python3-websockets and npm's ws to
examples/ws_echo behind it; and by hand, against an origin that refuses, answers
wrongly, speaks early, stands still or breaks off.

    tests/e2e/test_ws_tunnel.py [--build DIR] [--backend NAME] [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import asyncio
import os
import socket
import struct
import sys
import threading
import traceback

sys.dont_write_bytecode = True

import test_websocket
import test_ws_node
from client_peers import Listener
from servers import BACKENDS, Server
from test_e2e import Tally, has_backend

MIB = 1 << 20
# Past what the kernel's buffers and ours may hold on the way.
HELD_MAX = 64 * MIB
PIECE = b"0123456789abcdef" * 65536
STUCK = threading.Event()  # who sends is made to wait

ASK = (b"GET /chat?a=b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade"
       b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
       b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
YES = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
       b"Connection: Upgrade\r\nX-Far: 1\r\nSec-WebSocket-Accept: abc\r\n\r\n")


class Origin(Listener):
    """Answers upgrades with `act(peer)`, anything else with its path."""

    def __init__(self, act):
        self.act = act
        self.fault = None
        self.done = threading.Event()  # `act` has returned
        super().__init__()

    def answer(self, peer, head):
        if head.startswith("GET /unasked "):
            peer.sendall(YES)
            return False
        if "upgrade: websocket" not in head.lower():
            text = head.split(" ")[1].encode()
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                         % (len(text), text))
            return True
        peer.settimeout(20)
        try:
            return self.act(peer)
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = fault
            return False
        finally:
            self.done.set()


class World:
    def __init__(self, build, backend, act):
        self.origin = Origin(act)
        self.proxy = Server(os.path.join(build, "examples/reverse_proxy"),
                            self.origin.url, backend=backend)

    def connect(self):
        peer = socket.create_connection(self.proxy.address, timeout=20)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def stop(self):
        self.origin.stop()
        status = self.proxy.stop()
        assert status == 0, (status, self.proxy.complaints())
        if self.origin.fault:
            raise self.origin.fault


def read_head(peer):
    head = Listener.read_head(peer)
    assert head, "no answer"
    return head


def read_all(peer):
    got = bytearray()
    while piece := peer.recv(MIB):
        got += piece
    return bytes(got)


def read_exact(peer, length):
    got = bytearray()
    while len(got) < length:
        piece = peer.recv(min(MIB, length - len(got)))
        assert piece, f"an end after {len(got)} of {length}"
        got += piece
    return bytes(got)


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    peer.close()


# ---- what the origin does, and what is seen of it ----

def answers(wire):
    def act(peer):
        peer.sendall(wire)
        return True
    return act


def refused(world):
    """A 403: both connections are HTTP still, and what the client had sent
    behind its request is a request, not the origin's to read as it likes."""
    with world.connect() as peer:
        peer.sendall(ASK + NEXT)
        head = read_head(peer)
        assert head.startswith("HTTP/1.1 403 "), head
        assert "upgrade" not in head.lower(), head
        assert read_exact(peer, 2) == b"no"
        head = read_head(peer)
        assert head.startswith("HTTP/1.1 200 "), head
        assert read_all(peer) == b"/next"
    heads = world.origin.heads
    assert [one.split(" ")[1] for one in heads] == ["/chat?a=b", "/next"]
    assert "\r\nUpgrade: websocket\r\n" in heads[0], heads[0]
    assert "\r\nSec-WebSocket-Key: dGhl" in heads[0], heads[0]


def garbage_behind_a_refusal(world):
    """Bytes that are no request die here: nothing of them is passed on."""
    with world.connect() as peer:
        peer.sendall(ASK + b"\x82\x85\x00\x00\x00\x00GET /admin HTTP/1.1\r\n"
                     b"Host: a\r\n\r\n")
        assert read_head(peer).startswith("HTTP/1.1 403 ")
        assert read_exact(peer, 2) == b"no"
        assert read_head(peer).startswith("HTTP/1.1 400 ")
    assert len(world.origin.heads) == 1, world.origin.heads


def a_502(world):
    with world.connect() as peer:
        peer.sendall(ASK + NEXT)
        head = read_head(peer)
        assert head.startswith("HTTP/1.1 502 "), head
    assert [one.split(" ")[1] for one in world.origin.heads][:1] == \
        ["/chat?a=b"]


def unasked_switch(world):
    """A 101 to an ordinary request, with more behind it."""
    with world.connect() as peer:
        peer.sendall(b"GET /unasked HTTP/1.1\r\nHost: a\r\n\r\n")
        head = read_head(peer)
        assert head.startswith("HTTP/1.1 502 "), head


def not_asked_for(world):
    """A request that asks for no WebSocket, or not as it must."""
    for fields, line, body in (
            (b"", b"HTTP/1.1", b""),
            (b"Upgrade: websocket\r\n", b"HTTP/1.1", b""),
            (b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"HTTP/1.1", b""),
            (b"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n",
             b"HTTP/1.1", b""),
            (b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"HTTP/1.0",
             b""),
            (b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Content-Length: 5\r\n", b"HTTP/1.1", b"hello")):
        with world.connect() as peer:
            peer.sendall(b"GET /plain " + line + b"\r\nHost: a\r\n" + fields +
                         b"\r\n" + body)
            head = read_head(peer)
            assert head.startswith("HTTP/1.1 200 "), (fields, head)
        assert "upgrade" not in world.origin.heads[-1].lower(), fields


def early_origin(peer):
    """Speaks with its 101, in one write, and hears what came early once."""
    peer.sendall(YES + b"EARLY FROM THE ORIGIN")
    assert read_exact(peer, 5) == b"EARLY", "the client's first bytes"
    peer.sendall(b", AND LATER")
    assert read_all(peer) == b" FROM THE CLIENT", "the client's other bytes"
    return False


def early_bytes(world):
    wire = ASK + b"EARLY FROM THE CLIENT"
    for pieces in ([wire], [wire[:len(ASK)], wire[len(ASK):]],
                   [wire[at:at + 1] for at in range(len(wire))]):
        world.origin.done.clear()
        with world.connect() as peer:
            for piece in pieces:
                peer.sendall(piece)
            head = read_head(peer)
            assert head.startswith("HTTP/1.1 101 Switching Protocols\r\n")
            lines = head.split("\r\n")
            for line in ("Upgrade: websocket", "Connection: Upgrade",
                         "X-Far: 1", "Sec-WebSocket-Accept: abc"):
                assert lines.count(line) == 1, (line, head)
            peer.shutdown(socket.SHUT_WR)
            got = read_all(peer)
            assert got == b"EARLY FROM THE ORIGIN, AND LATER", got
        assert world.origin.done.wait(20) and not world.origin.fault, \
            world.origin.fault


def early_pieces(peer):
    for at in range(len(YES)):
        peer.sendall(YES[at:at + 1])
    for byte in b"EARLY":
        peer.sendall(bytes((byte,)))
    peer.sendall(read_all(peer))
    return False


def origin_in_pieces(world):
    peer = world.connect()
    with peer:
        peer.sendall(ASK + b"x" * 20000)
        assert read_head(peer).startswith("HTTP/1.1 101 ")
        peer.shutdown(socket.SHUT_WR)
        assert read_all(peer) == b"EARLY" + b"x" * 20000


def counts_then_sends(peer):
    """The client's end is heard, and the other direction still goes."""
    peer.sendall(YES)
    got = len(read_all(peer))
    peer.sendall(b"%d\n" % got)
    for _ in range(16):
        peer.sendall(PIECE)
    return False


def half_close(world):
    with world.connect() as peer:
        peer.sendall(ASK)
        assert read_head(peer).startswith("HTTP/1.1 101 ")
        for _ in range(16):
            peer.sendall(PIECE)
        peer.shutdown(socket.SHUT_WR)
        got = read_all(peer)
        assert got == b"%d\n" % (16 * len(PIECE)) + 16 * PIECE, len(got)


def sends_until_stuck(peer):
    """As much as is taken while nobody reads, then the number of it."""
    peer.sendall(YES)
    sent = 0
    peer.settimeout(1)
    try:
        while sent < 4 * HELD_MAX:
            sent += peer.send(PIECE)
    except TimeoutError:
        pass
    STUCK.set()
    assert sent < HELD_MAX, f"{sent} bytes are held on the way"
    peer.settimeout(20)
    sent = len(PIECE) - sent % len(PIECE)
    peer.sendall(PIECE[-sent:])
    return False


def slow_client(world):
    with world.connect() as peer:
        peer.sendall(ASK)
        assert read_head(peer).startswith("HTTP/1.1 101 ")
        assert STUCK.wait(60), "the origin is never made to wait"
        got = read_all(peer)
        assert len(got) % len(PIECE) == 0 and \
            got == PIECE * (len(got) // len(PIECE)), len(got)


def reads_late(peer):
    peer.sendall(YES)
    assert peer.recv(1)  # and no more until the client is stuck
    assert STUCK.wait(60), "the client is never made to wait"
    peer.sendall(b"%d" % (1 + len(read_all(peer))))
    return False


def slow_origin(world):
    sent = 0
    with world.connect() as peer:
        peer.sendall(ASK)
        assert read_head(peer).startswith("HTTP/1.1 101 ")
        peer.settimeout(1)
        try:
            while sent < 4 * HELD_MAX:
                sent += peer.send(PIECE)
        except TimeoutError:
            pass
        assert sent < HELD_MAX, f"{sent} bytes are held on the way"
        STUCK.set()
        peer.settimeout(20)
        peer.shutdown(socket.SHUT_WR)
        assert read_all(peer) == b"%d" % sent, sent


def resets(peer):
    peer.sendall(YES)
    read_exact(peer, 1)
    reset(peer)
    return False


def origin_resets(world):
    with world.connect() as peer:
        peer.sendall(ASK)
        assert read_head(peer).startswith("HTTP/1.1 101 ")
        peer.sendall(b"x")
        try:
            assert read_all(peer) == b""
        except ConnectionResetError:
            pass  # as it should be


def waits_for_the_end(peer):
    peer.sendall(YES)
    try:
        while peer.recv(MIB):
            pass
    except ConnectionResetError:
        pass
    return False


def client_resets(world):
    peer = world.connect()
    peer.sendall(ASK)
    assert read_head(peer).startswith("HTTP/1.1 101 ")
    reset(peer)
    assert world.origin.done.wait(20), "the origin hears of no end"


def origin_ends(world):
    """With its last bytes on the way."""
    with world.connect() as peer:
        peer.sendall(ASK)
        assert read_head(peer).startswith("HTTP/1.1 101 ")
        assert read_all(peer) == b"the last"


def says_the_last(peer):
    peer.sendall(YES + b"the last")
    return False


NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
SCRIPTED = [
    ("refused", refused, answers(NO)),
    ("garbage_behind_a_refusal", garbage_behind_a_refusal, answers(NO)),
    ("switch_to_another_protocol", a_502, answers(
        YES.replace(b"Upgrade: websocket", b"Upgrade: h2c"))),
    ("switch_without_upgrade", a_502, answers(
        YES.replace(b"Upgrade: websocket\r\n", b""))),
    ("switch_on_http_1_0", a_502, answers(YES.replace(b"1.1 101",
                                                      b"1.0 101"))),
    ("no_answer", a_502, lambda peer: False),
    ("unasked_switch", unasked_switch, answers(YES)),
    ("not_asked_for", not_asked_for, answers(YES)),
    ("early_bytes", early_bytes, early_origin),
    ("origin_in_pieces", origin_in_pieces, early_pieces),
    ("half_close", half_close, counts_then_sends),
    ("slow_client", slow_client, sends_until_stuck),
    ("slow_origin", slow_origin, reads_late),
    ("origin_resets", origin_resets, resets),
    ("client_resets", client_resets, waits_for_the_end),
    ("origin_ends", origin_ends, says_the_last),
]
# Of test_websocket.py and peers/ws.js.
PYTHON = [test_websocket.lengths, test_websocket.many_at_once,
          test_websocket.sixteen_mib, test_websocket.sixteen_mib_in_fragments,
          test_websocket.pings, test_websocket.closes,
          test_websocket.subprotocols, test_websocket.two_hundred]
NODE = ["lengths", "sixteen_mib", "fragments", "many_at_once", "pings",
        "closes", "closes_of_the_server", "subprotocols", "five_hundred"]


def run_scripted(build, backend, run, act):
    world = None
    STUCK.clear()
    try:
        world = World(build, backend, act)
        run(world)
        world.stop()
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    finally:
        if world:
            world.proxy.stop()
    return None


def echo_servers(build, backend):
    origin = Server(os.path.join(build, "examples/ws_echo"), backend=backend)
    return origin, Server(os.path.join(build, "examples/reverse_proxy"),
                          origin.url, backend=backend)


def run_python(build, backend, case):
    servers = echo_servers(build, backend)
    try:
        for options in ({}, {"compression": None}):
            asyncio.run(asyncio.wait_for(case(servers[1], **options), 60))
        assert [one.stop() for one in servers] == [0, 0], \
            [one.complaints() for one in servers]
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    finally:
        for one in servers:
            one.stop()
    return None


def run_node(build, backend, names, tally):
    servers = echo_servers(build, backend)
    try:
        told = test_ws_node.run_node(servers[1], "deflate", False, names)
        for name in names:
            tally.add(f"{backend} node_{name}", told[name])
        tally.add(f"{backend} node_ends", None if not any(
            one.stop() for one in servers) else "not in order")
    finally:
        for one in servers:
            one.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()

    def is_wanted(name):
        return not arguments.words or any(word in name
                                          for word in arguments.words)

    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if not has_backend(arguments.build, backend):
            continue
        for name, run, act in SCRIPTED:
            if is_wanted(f"{backend} {name}"):
                tally.add(f"{backend} {name}",
                          run_scripted(arguments.build, backend, run, act))
        if test_websocket.websockets is None:
            print("SKIP websockets: not installed (scripts/setup test)")
        else:
            for case in PYTHON:
                name = f"{backend} python_{case.__name__}"
                if is_wanted(name):
                    tally.add(name, run_python(arguments.build, backend, case))
        names = [name for name in NODE if is_wanted(f"{backend} node_{name}")]
        if not test_ws_node.has_node():
            print("SKIP ws of npm: not installed (scripts/setup test)")
        elif names:
            run_node(arguments.build, backend, names, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
