# SPDX-License-Identifier: MIT
"""Failure catalogue, section 4: peers that are too slow (R01 to R04).

The server of these cases has small deadlines (DEADLINES); each case measures
how long the server waits, and all run at once.
"""

import time

from rows import PROBE
from wire import Closed, Peer, chunked, post, request

DEADLINES = {
    "head_timeout_ms": 1000,
    "body_gap_ms": 800,
    "body_grace_ms": 1200,
    "body_rate_min": 10000,
    "idle_timeout_ms": 1400,
    "send_timeout_ms": 1200,
    "linger_timeout_ms": 1000,
}
STEADY = {"send_timeout_ms": 3000}
LATE = 4  # seconds past a deadline that a busy machine may take


class Clock:
    """Asserts that a block ended at a time after its start, in seconds."""

    def __init__(self, at):
        self.at = at

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, *rest):
        if kind is None:
            took = time.monotonic() - self.start
            assert self.at - 0.02 <= took <= self.at + LATE, \
                f"after {took:.3f} s, not {self.at}"


def dribble(peer, data, gap):
    """Sends bytewise until the server has had enough."""
    try:
        for i in range(len(data)):
            peer.send(data[i:i + 1])
            peer.socket.settimeout(gap)
            try:
                if peer.fill():
                    return
            except TimeoutError:
                pass
    except OSError:
        pass
    finally:
        peer.socket.settimeout(8)


def timed_out(peer):
    answer = peer.response()
    assert answer.status == 408, answer.status
    assert answer.is_last
    peer.end()


def closed_silently(peer):
    try:
        peer.response()
    except Closed:
        return
    raise AssertionError("it answered")


def silent_from_the_start(server):
    with Clock(1.0), Peer(server.address) as peer:
        closed_silently(peer)


def head_that_stops(server):
    for wire in (b"G", b"GET / HTTP/1.1\r\n", request()[:-1]):
        with Clock(1.0), Peer(server.address) as peer:
            peer.send(wire)
            timed_out(peer)


def head_that_dribbles(server):
    """The deadline is absolute: progress does not move it."""
    with Clock(1.0), Peer(server.address) as peer:
        dribble(peer, request("GET", "/", "X: " + 200 * "a"), 0.02)
        timed_out(peer)


def second_head_that_dribbles(server):
    with Peer(server.address) as peer:
        peer.send(PROBE)
        assert peer.response().status == 200
        time.sleep(0.1)
        with Clock(1.0):
            dribble(peer, request("GET", "/", "X: " + 200 * "a"), 0.02)
            timed_out(peer)


def head_behind_a_pipeline(server):
    with Clock(1.0), Peer(server.address) as peer:
        peer.send(3 * PROBE + b"GET / HT")
        for _ in range(3):
            assert peer.response().status == 200
        timed_out(peer)


def body_that_stops(server):
    for wire in (post("Content-Length: 9"), post("Content-Length: 9",
                                                 body=b"xyz"),
                 chunked(b"5\r\nhel"), chunked(b"5\r\nhello\r\n")):
        with Clock(0.8), Peer(server.address) as peer:
            peer.send(wire)
            timed_out(peer)


def body_that_dribbles(server):
    """50 bytes a second are fewer than the least that is asked for."""
    for wire in (post("Content-Length: 10000") + 500 * b"x",
                 chunked(500 * b"1\r\nx\r\n")):
        head = wire.index(b"\r\n\r\n") + 4
        with Clock(1.2), Peer(server.address) as peer:
            peer.send(wire[:head])
            dribble(peer, wire[head:], 0.02)
            timed_out(peer)


def idle_after_an_answer(server):
    with Peer(server.address) as peer:
        with Clock(1.4):
            peer.send(PROBE)
            assert peer.response().status == 200
            peer.end()


def requests_keep_it_open(server):
    with Peer(server.address) as peer:
        for _ in range(5):
            peer.send(PROBE)
            assert peer.response().status == 200
            time.sleep(0.5)


def peer_that_takes_nothing(server):
    """R03: a reset, once the stall has lasted its time."""
    with Peer(server.address, receive_buffer=2048) as peer:
        peer.send(20 * request(path="/give"))
        time.sleep(3.5)
        try:
            while peer.socket.recv(262144):
                pass
        except ConnectionResetError:
            return
        raise AssertionError("an orderly end, where bytes are missing")


def peer_that_takes_little(server):
    """R03: progress counts, as the peer acknowledges it: 300 kB/s of 20 MiB,
    most of which the kernel had taken long before."""
    with Peer(server.address, receive_buffer=65536) as peer:
        peer.send(5 * request(path="/static"))
        head = b""
        for _ in range(50):
            head += peer.exactly(30000)
            time.sleep(0.1)
        peer.pending = head + peer.pending
        for _ in range(5):
            assert len(peer.response().body) == 4 * 1024 * 1024


def lingering_ends(server):
    """K03: the peer that stays after a refusal is not kept for ever."""
    with Peer(server.address) as peer:
        peer.send(b"BAD\r\n\r\n")
        assert peer.response().status == 400
        peer.end()
        time.sleep(2.5)
        try:
            for _ in range(20):
                peer.send(b"x")
                time.sleep(0.02)
        except OSError:
            return
        raise AssertionError("still read from")


CASES = [(name, run, "slow") for name, run in (
    ("R01_silent_from_the_start", silent_from_the_start),
    ("R01_head_that_stops", head_that_stops),
    ("R01_head_that_dribbles", head_that_dribbles),
    ("R01_second_head_that_dribbles", second_head_that_dribbles),
    ("R01_head_behind_a_pipeline", head_behind_a_pipeline),
    ("R02_body_that_stops", body_that_stops),
    ("R02_body_that_dribbles", body_that_dribbles),
    ("R03_peer_that_takes_nothing", peer_that_takes_nothing),
    ("R04_idle_after_an_answer", idle_after_an_answer),
    ("R04_requests_keep_it_open", requests_keep_it_open),
    ("K03_lingering_ends", lingering_ends),
)] + [("R03_peer_that_takes_little", peer_that_takes_little, "steady")]
