#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/reverse_proxy: our server and our client in one loop, with bodies
both ways.  What it holds in memory while it relays is printed.

    tests/e2e/test_relay.py [--build DIR] [WORD ...]

The last line is "N passed, N failed".
"""

import argparse
import http.client
import os
import socket
import sys
import threading
import traceback

sys.dont_write_bytecode = True

from client_peers import Listener, Recorder
from servers import BACKENDS, Server

GIB = 1 << 30
PIECE = b"0123456789abcdef" * 65536
# Past what the kernel's buffers and ours may hold on the way.
HELD_MAX = 64 << 20
MEMORY_MAX = 16 << 20


class Origin(Listener):
    """GET /N sends N bytes, PUT counts; `stalls`: it waits until told."""

    def __init__(self):
        self.sent = 0
        self.received = 0
        self.connections = 0
        self.is_stuck = threading.Event()
        self.may_read = threading.Event()
        self.may_read.set()
        self.has_ended = threading.Event()
        super().__init__()

    def serve(self, peer):
        self.connections += 1
        super().serve(peer)
        self.has_ended.set()

    def answer(self, peer, head):
        method, path, _ = head.split("\r\n")[0].split(" ")
        if method == "PUT":
            return self.take(peer, head)
        if path == "/cut":
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut")
            return False
        length = int(path[1:])
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        return self.give(peer, length)

    def give(self, peer, length):
        """Says so when nobody has taken anything for half a second."""
        peer.settimeout(0.5)
        while length > 0:
            try:
                n = peer.send(PIECE[:length])
            except TimeoutError:
                self.is_stuck.set()
                continue
            except OSError:
                return False
            length -= n
            self.sent += n
        peer.settimeout(None)
        return True

    def take(self, peer, head):
        self.may_read.wait()
        file = peer.makefile("rb", 1 << 20)
        if "chunked" in head:
            while size := int(file.readline(), 16):
                file.read(size + 2)
                self.received += size
            file.readline()
        else:
            left = int(head.lower().split("content-length: ")[1].split()[0])
            while left > 0 and (data := file.read(min(left, 1 << 20))):
                left -= len(data)
                self.received += len(data)
        peer.sendall(b"HTTP/1.1 201 Got it\r\nContent-Length: 0\r\n\r\n")
        return True


class World:
    def __init__(self, build, backend):
        self.origin = Origin()
        self.proxy = Server(os.path.join(build, "examples/reverse_proxy"),
                            self.origin.url, backend=backend)

    def connect(self):
        return http.client.HTTPConnection(*self.proxy.address, timeout=60)

    def memory(self):
        with open(f"/proc/{self.proxy.process.pid}/smaps_rollup",
                  encoding="ascii") as file:
            return sum(int(line.split()[1]) * 1024 for line in file
                       if line.startswith("Anonymous:"))

    def stop(self):
        self.origin.stop()
        assert self.proxy.stop() == 0, self.proxy.complaints()


def warm(world):
    """What is allocated once is no growth."""
    link = world.connect()
    link.request("GET", f"/{1 << 20}")
    assert len(link.getresponse().read()) == 1 << 20
    link.close()
    return world.memory()


def tell(what, grown):
    print(f"     {what}: {grown >> 10} KiB more memory at most")
    assert grown < MEMORY_MAX, f"{grown} bytes more"


def relays_a_gib_down(world):
    before, most, got = warm(world), 0, 0
    link = world.connect()
    link.request("GET", f"/{GIB}")
    answer = link.getresponse()
    assert answer.headers["Content-Length"] == str(GIB)
    while data := answer.read(1 << 20):
        got += len(data)
        if got % (64 << 20) == 0:
            most = max(most, world.memory() - before)
    assert got == GIB, got
    link.close()
    tell("1 GiB down", most)


def relays_a_gib_up(world, is_chunked=False):
    before, most = warm(world), 0

    def pieces():
        nonlocal most
        for i in range(GIB // len(PIECE)):
            if i % 64 == 0:
                most = max(most, world.memory() - before)
            yield PIECE

    link = world.connect()
    fields = {} if is_chunked else {"Content-Length": str(GIB)}
    link.request("PUT", "/file", body=pieces(), headers=fields,
                 encode_chunked=is_chunked)
    assert link.getresponse().status == 201
    assert world.origin.received == GIB, world.origin.received
    link.close()
    tell("1 GiB up" + (", chunked" if is_chunked else ""), most)


def relays_chunks_up(world):
    relays_a_gib_up(world, is_chunked=True)


def a_slow_reader_slows_the_origin(world):
    """Nothing is read here until the origin is stuck; then all comes."""
    before = warm(world)
    world.origin.sent = 0
    link = world.connect()
    link.request("GET", f"/{GIB // 4}")
    answer = link.getresponse()
    assert world.origin.is_stuck.wait(30), world.origin.sent
    held = world.origin.sent
    assert held < HELD_MAX, f"{held} bytes are held on the way"
    tell(f"slow reader, {held >> 10} KiB on the way", world.memory() - before)
    assert len(answer.read()) == GIB // 4
    link.close()


def a_slow_origin_slows_the_sender(world):
    before, sent = warm(world), 0
    world.origin.may_read.clear()
    with socket.create_connection(world.proxy.address) as peer:
        peer.sendall(b"PUT /file HTTP/1.1\r\nHost: a\r\nContent-Length: "
                     b"%d\r\n\r\n" % (GIB // 4))
        peer.settimeout(1)
        try:
            while sent < GIB // 4:
                sent += peer.send(PIECE[:GIB // 4 - sent])
        except TimeoutError:
            pass  # it is made to wait
        assert sent < HELD_MAX, f"{sent} bytes are held on the way"
        tell(f"slow origin, {sent >> 10} KiB on the way",
             world.memory() - before)
        peer.settimeout(60)
        world.origin.may_read.set()
        while sent < GIB // 4:
            sent += peer.send(PIECE[:GIB // 4 - sent])
        assert peer.recv(100).startswith(b"HTTP/1.1 201 "), "no answer"
    assert world.origin.received == GIB // 4


def keeps_connections_to_the_origin(world):
    link = world.connect()
    for i in range(50):
        link.request("GET", f"/{i}")
        assert len(link.getresponse().read()) == i
    link.request("PUT", "/file", body=b"some")
    assert link.getresponse().read() == b""
    assert world.origin.connections == 1, world.origin.connections
    link.close()


def a_client_that_leaves_ends_the_call(world):
    link = world.connect()
    link.request("GET", f"/{GIB}")
    answer = link.getresponse()
    answer.read(1000)
    answer.close()
    link.close()
    assert world.origin.has_ended.wait(30), "the origin goes on sending"


def what_is_cut_is_seen_to_be(world):
    link = world.connect()
    link.request("GET", "/cut")
    try:
        data = link.getresponse().read()
        raise AssertionError(f"{data} passes for the whole")
    except (http.client.IncompleteRead, ConnectionResetError):
        pass  # as it should be
    link.close()


def an_origin_that_is_gone_is_a_502(world):
    recorder = Recorder({})
    recorder.stop()
    proxy = Server(world.proxy.process.args[0], recorder.url,
                   backend=world.proxy.backend)
    try:
        link = http.client.HTTPConnection(*proxy.address, timeout=20)
        link.request("GET", "/")
        assert link.getresponse().status == 502, "no error"
        link.close()
    finally:
        proxy.stop()


def hop_by_hop_stays_behind(world):
    origin = Recorder({"/a?b=c": (203, [
        "Connection: X-Near", "X-Near: 1", "X-Far: 2", "Keep-Alive: max=3",
        "Set-Cookie: a=1", "Set-Cookie: b=2", "Content-Type: text/x"])})
    proxy = Server(world.proxy.process.args[0], origin.url,
                   backend=world.proxy.backend)
    try:
        link = http.client.HTTPConnection(*proxy.address, timeout=20)
        link.request("GET", "/a?b=c", headers={
            "Connection": "keep-alive, X-Hop", "X-Hop": "1", "X-End": "2",
            "TE": "trailers", "Proxy-Authorization": "Basic x",
            "Accept-Encoding": "br", "User-Agent": "me"})
        answer = link.getresponse()
        names = [name.lower() for name, _ in answer.getheaders()]
        assert answer.status == 203, answer.status
        assert answer.headers["X-Far"] == "2" and "x-near" not in names, names
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert answer.headers["Content-Type"] == "text/x"
        link.close()
        head = origin.heads[0]
        assert head.startswith("GET /a?b=c HTTP/1.1\r\n"), head
        assert f"\r\nHost: 127.0.0.1:{origin.port}\r\n" in head, head
        for field in ("X-End: 2", "Accept-Encoding: br", "User-Agent: me"):
            assert f"\r\n{field}\r\n" in head, head
        for name in ("X-Hop", "TE:", "Proxy-", "Keep-Alive"):
            assert f"\r\n{name}" not in head, head
    finally:
        proxy.stop()
        origin.stop()


CASES = (relays_a_gib_down, relays_a_gib_up, relays_chunks_up,
         a_slow_reader_slows_the_origin, a_slow_origin_slows_the_sender,
         keeps_connections_to_the_origin, a_client_that_leaves_ends_the_call,
         what_is_cut_is_seen_to_be, an_origin_that_is_gone_is_a_502,
         hop_by_hop_stays_behind)


def run_case(run, build, backend):
    """None, or what was wrong."""
    world = World(build, backend)
    try:
        run(world)
        world.stop()
        return None
    except Exception as error:  # pylint: disable=broad-except
        world.proxy.stop()
        return f"{error}\n{traceback.format_exc()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    for backend in BACKENDS:
        for run in CASES:
            name = f"{backend} {run.__name__}"
            if options.words and not any(word in name
                                         for word in options.words):
                continue
            fault = run_case(run, os.path.abspath(options.build), backend)
            passed += fault is None
            failed += fault is not None
            print(f"ok   {name}" if fault is None else f"FAIL {name}: {fault}",
                  flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
