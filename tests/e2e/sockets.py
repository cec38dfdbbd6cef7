# SPDX-License-Identifier: MIT
"""Failure catalogue, section 5 (K01 to K08), and pipelining: what the shape
of the traffic must not change."""

import signal
import threading
import time

from rows import PROBE
from wire import Closed, Peer, SMUGGLED, chunked, post, request

BIG = bytes((i * 7 + i // 251) & 255 for i in range(4 * 1024 * 1024))


def is_served(server):
    with Peer(server.address) as peer:
        peer.send(PROBE)
        assert peer.response().body == b"user 77\n"


def counts(server):
    with Peer(server.address) as peer:
        peer.send(request(path="/counts"))
        lines = peer.response().body.decode().splitlines()
    return {name: int(n) for name, n in (line.split() for line in lines)}


def until(what, seconds=5):
    """Waits for something that another thread of the world brings about."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


# ---- K01, K04: the peer is gone ----

def reset_at_every_stage(server):
    stages = [b"", b"GET / HT", request()[:-2], post("Content-Length: 5"),
              post("Content-Length: 5", body=b"he"),
              chunked(b"5\r\nhel"), request(), request(path="/static"),
              request(path="/give"), 20 * request(path="/give"),
              b"BAD\r\n\r\n", post("Content-Length: 5",
                                   "Expect: 100-continue")]
    for wire in stages:
        for wait in (0, 0.003):
            peer = Peer(server.address)
            peer.send(wire)
            time.sleep(wait)
            peer.reset()
    is_served(server)
    until(lambda: counts(server)["given"] == 0)


def close_inside_an_answer(server):
    for _ in range(20):
        with Peer(server.address, receive_buffer=4096) as peer:
            peer.send(3 * request(path="/give"))
            peer.socket.recv(100)
    is_served(server)
    until(lambda: counts(server)["given"] == 0)


def no_descriptor_is_left(server):
    before = server.descriptors()
    for wire in (b"", request(), request()[:9], b"BAD\r\n\r\n",
                 post("Content-Length: 9")):
        for end in ("finish", "reset", "close"):
            peer = Peer(server.address)
            peer.send(wire)
            if end == "finish":
                peer.finish()
                while peer.socket.recv(4096):
                    pass
            if end == "reset":
                peer.reset()
            peer.socket.close()
    until(lambda: server.descriptors() <= before)


# ---- K02: half-close ----

def half_close_after_requests(server):
    for n in (1, 2, 50):
        with Peer(server.address) as peer:
            peer.send(n * PROBE)
            peer.finish()
            for _ in range(n):
                assert peer.response().body == b"user 77\n"
            peer.end()


def half_close_then_a_big_answer(server):
    with Peer(server.address) as peer:
        peer.send(request(path="/static"))
        peer.finish()
        assert peer.response().body == BIG
        peer.end()


def half_close_inside_a_request(server):
    for wire in (b"G", b"GET / HTTP/1.1\r\n", request()[:-1],
                 post("Content-Length: 5"), post("Content-Length: 5",
                                                 body=b"hell"),
                 chunked(b"5\r\nhel"), chunked(b"5\r\nhello\r\n"),
                 PROBE + b"GET"):
        with Peer(server.address) as peer:
            peer.send(wire)
            peer.finish()
            if wire.startswith(PROBE):
                assert peer.response().status == 200
            answer = peer.response()
            assert answer.status == 400 and answer.is_last
            peer.end()


def half_close_of_nothing(server):
    for wire in (b"", b"\r\n"):
        with Peer(server.address) as peer:
            peer.send(wire)
            peer.finish()
            try:
                assert peer.response().status == 400
            except Closed:
                pass
            peer.end()


# ---- K03: lingering close ----

def refusal_is_seen_whatever_more_is_sent(server):
    for size in (0, 1, 5000, 100000):
        with Peer(server.address) as peer:
            peer.send(b"BAD\r\n\r\n" + SMUGGLED + size * b"x")
            time.sleep(0.02)
            answer = peer.response()
            assert answer.status == 400 and answer.is_last
            peer.end()
            peer.send(b"more")  # still read, not reset


def refusal_is_seen_while_the_peer_still_sends(server):
    with Peer(server.address) as peer:
        peer.send(post("Content-Length: 99999999"))
        for _ in range(10):
            peer.send(10000 * b"x")
            time.sleep(0.002)
        answer = peer.response()
        assert answer.status == 413 and answer.is_last
        peer.end()


# ---- K05: interrupted calls ----

def stopped_and_continued(server):
    done = threading.Event()

    def interrupt():
        while not done.is_set():
            server.signal(signal.SIGSTOP)
            server.signal(signal.SIGCONT)
            time.sleep(0.002)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        for _ in range(30):
            with Peer(server.address) as peer:
                peer.send(5 * PROBE + request(path="/static"))
                for _ in range(5):
                    assert peer.response().body == b"user 77\n"
                assert peer.response().body == BIG
    finally:
        done.set()
        thread.join()


# ---- K06, K07: partial writes and reads ----

def small_windows(server):
    for path in ("/static", "/give"):
        with Peer(server.address, receive_buffer=2048) as peer:
            peer.send(request(path=path) + PROBE + request(path=path))
            assert peer.response().body == BIG
            assert peer.response().body == b"user 77\n"
            assert peer.response().body == BIG
    until(lambda: counts(server)["given"] == 0)


def cut_at_every_byte(server):
    requests = [
        (request("GET", "/users/7", "X: yz"), b"user 7\n"),
        (post("Content-Length: 5", body=b"hello"), b"hello"),
        (chunked(b"2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n"), b"hello"),
    ]
    with Peer(server.address) as peer:
        for wire, body in requests:
            for cut in range(1, len(wire)):
                peer.send(wire[:cut])
                time.sleep(0.001)
                peer.send(wire[cut:])
                answer = peer.response()
                assert (answer.status, answer.body) == (200, body), \
                    f"cut at {cut}: {answer.status} {answer.body!r}"


def cut_pipelines(server):
    """Ten requests, cut into pieces of every size."""
    wire = 5 * (PROBE + post("Content-Length: 3", body=b"abc"))
    for size in range(1, 120, 7):
        with Peer(server.address) as peer:
            for i in range(0, len(wire), size):
                peer.send(wire[i:i + size])
            for _ in range(5):
                assert peer.response().body == b"user 77\n"
                assert peer.response().body == b"abc"


# ---- K08: no busy loop ----

def quiet_connections_cost_nothing(server):
    peers = [Peer(server.address, receive_buffer=2048) for _ in range(12)]
    try:
        for i, peer in enumerate(peers):
            peer.send((b"", b"GET /", request(path="/give"),
                       post("Content-Length: 9", body=b"x"))[i % 4])
            if i % 4 == 2 and i > 4:
                peer.finish()
        time.sleep(0.5)
        before = server.cpu_seconds()
        time.sleep(1)
        spent = server.cpu_seconds() - before
        assert spent < 0.5, f"{spent} s of a CPU for nothing"
    finally:
        for peer in peers:
            peer.socket.close()


# ---- pipelining ----

def pipeline_of(count):
    def run(server):
        """`count` requests in one write, each told from the others."""
        wire = b"".join(request(path=f"/users/{i}") for i in range(count))
        with Peer(server.address) as peer:
            sender = threading.Thread(target=peer.send, args=(wire,))
            sender.start()
            try:
                for i in range(count):
                    body = peer.response().body
                    assert body == b"user %d\n" % i, f"{i}: {body!r}"
                peer.send(PROBE)
                assert peer.response().body == b"user 77\n"
            finally:
                sender.join()
    return run


def pipeline_with_bodies(server):
    bodies = [bytes([65 + i % 26]) * (i * 37 % 5000) for i in range(300)]
    wire = b"".join(
        chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(b), b)) if i % 3 == 0 and b
        else post(f"Content-Length: {len(b)}", body=b)
        for i, b in enumerate(bodies))
    with Peer(server.address) as peer:
        sender = threading.Thread(target=peer.send, args=(wire,))
        sender.start()
        try:
            for i, body in enumerate(bodies):
                assert peer.response().body == body, i
        finally:
            sender.join()


def pipeline_that_nobody_reads(server):
    """R06, R07: a flood waits in the sockets, then all of it is answered."""
    with Peer(server.address, receive_buffer=4096) as peer:
        wire = 30 * request(path="/static")
        peer.send(wire)
        time.sleep(0.2)
        for _ in range(30):
            assert peer.response().body == BIG
    is_served(server)


def pipeline_ends_with_close(server):
    with Peer(server.address) as peer:
        peer.send(10 * PROBE + request("GET", "/", "Connection: close")
                  + 10 * SMUGGLED)
        for _ in range(10):
            assert not peer.response().is_last
        assert peer.response().is_last
        peer.end()


def last_request_of_a_connection(server):
    """requests_per_connection_max: the last says so, the rest is not run."""
    with Peer(server.address) as peer:
        peer.send(5 * PROBE + SMUGGLED)
        for i in range(5):
            assert peer.response().is_last == (i == 4)
        peer.end()


CASES = [
    ("K01_reset_at_every_stage", reset_at_every_stage, "plain"),
    ("K01_no_descriptor_is_left", no_descriptor_is_left, "alone"),
    ("K02_half_close_after_requests", half_close_after_requests, "plain"),
    ("K02_half_close_then_a_big_answer", half_close_then_a_big_answer,
     "plain"),
    ("K02_half_close_inside_a_request", half_close_inside_a_request, "plain"),
    ("K02_half_close_of_nothing", half_close_of_nothing, "plain"),
    ("K03_refusal_is_seen_whatever_more_is_sent",
     refusal_is_seen_whatever_more_is_sent, "plain"),
    ("K03_refusal_is_seen_while_the_peer_sends",
     refusal_is_seen_while_the_peer_still_sends, "plain"),
    ("K04_peer_closes_inside_an_answer", close_inside_an_answer, "plain"),
    ("K05_stopped_and_continued", stopped_and_continued, "alone"),
    ("K06_small_windows", small_windows, "plain"),
    ("K07_cut_at_every_byte", cut_at_every_byte, "plain"),
    ("K07_cut_pipelines", cut_pipelines, "plain"),
    ("K08_quiet_connections_cost_nothing", quiet_connections_cost_nothing,
     "alone"),
    ("pipeline_of_2", pipeline_of(2), "plain"),
    ("pipeline_of_1000_in_one_write", pipeline_of(1000), "plain"),
    ("pipeline_of_20000", pipeline_of(20000), "plain"),
    ("pipeline_with_bodies", pipeline_with_bodies, "plain"),
    ("R06_R07_pipeline_that_nobody_reads", pipeline_that_nobody_reads,
     "plain"),
    ("pipeline_ends_with_close", pipeline_ends_with_close, "plain"),
    ("R05_last_request_of_a_connection", last_request_of_a_connection,
     "small"),
]
