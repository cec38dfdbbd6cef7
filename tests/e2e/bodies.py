# SPDX-License-Identifier: MIT
"""Bodies that are read in pieces, answers that come later, trailers: what a
peer sees, and what a handler is told when the peer leaves."""

import os
import subprocess
import tempfile
import time

from programs import CURL, curl
from rows import PROBE
from sockets import counts, until
from wire import Closed, Peer, SMUGGLED, chunked, post, request

EXPECT = "Expect: 100-continue"


def settles(server):
    """Every answer that was put off has been told its end, once."""
    def is_even():
        now = counts(server)
        assert now["done"] <= now["begun"], now
        return now["done"] == now["begun"]
    until(is_even)
    time.sleep(0.05)
    assert is_even(), counts(server)


# What is sent, how many handlers that put off have been begun by it, and what
# comes back at once.
LEAVES = [
    (request(path="/never"), 1, None),
    (request(path="/late"), 1, None),
    (request(path="/begin"), 1, b"HTTP/1.1 200 OK\r\n"),
    (post("Content-Length: 5", path="/stream"), 1, None),
    (post("Content-Length: 5", path="/stream", body=b"ab"), 1, None),
    (chunked(b"5\r\nab", path="/stream"), 1, None),
    (chunked(b"5\r\nabcde\r\n0\r\nX-S", path="/stream"), 1, None),
    (post("Content-Length: 5", EXPECT, path="/stream"), 1,
     b"HTTP/1.1 100 Continue\r\n\r\n"),
    (request(path="/late")[:-2], 0, None),
    (2 * request(path="/late"), 1, None),
]


def reset_later_answers(server):
    for wire, begun, expected in LEAVES:
        before = counts(server)
        peer = Peer(server.address)
        peer.send(wire)
        if expected:
            assert peer.exactly(len(expected)) == expected
        until(lambda wanted=before["begun"] + begun:
              counts(server)["begun"] >= wanted)
        peer.reset()
        settles(server)
        now = counts(server)
        assert now["begun"] - before["begun"] >= begun, (wire, before, now)
    with Peer(server.address) as peer:
        peer.send(PROBE)
        assert peer.response().status == 200


def half_close_then_a_late_answer(server):
    """Pipelined too; in order, and then the end."""
    for path in ("/late", "/users/7"):
        with Peer(server.address) as peer:
            peer.send(request(path="/late") + request(path=path))
            peer.finish()
            assert peer.response().body == b"late\n"
            assert peer.response().status == 200
            peer.end()
    settles(server)


def half_close_after_a_stream(server):
    with Peer(server.address) as peer:
        peer.send(chunked(b"5\r\nabcde\r\n0\r\n\r\n", path="/stream"))
        peer.finish()
        assert peer.response().body == b"bytes 5\nsum \n"
        peer.end()
    settles(server)


def half_close_inside_a_stream(server):
    """What was put off is given up; nothing stays."""
    for wire in (post("Content-Length: 5", body=b"ab", path="/stream"),
                 chunked(b"5\r\nab", path="/stream"),
                 chunked(b"1\r\na\r\n0\r\nX-", path="/stream")):
        with Peer(server.address) as peer:
            peer.send(wire)
            time.sleep(0.02)
            peer.finish()
            try:
                answer = peer.response()
                assert answer.status == 400 and answer.is_last, answer.status
                peer.end()
            except Closed:
                pass
        settles(server)


# ---- Expect: 100-continue ----

def continue_is_said_once(server):
    for path, body in (("/echo", b"hello"), ("/stream", b"bytes 5\nsum \n")):
        with Peer(server.address) as peer:
            peer.send(post("Content-Length: 5", EXPECT, path=path))
            assert peer.response().status == 100
            peer.send(b"he")
            time.sleep(0.01)
            peer.send(b"llo" + PROBE)
            answer = peer.response()
            assert (answer.status, answer.body) == (200, body), answer.body
            assert peer.response().body == b"user 77\n"


def continue_is_not_said(server):
    """To whom the body is of no use."""
    for path, status in (("/nowhere", 404), ("/users/7", 405),
                         ("/ignore", 200)):
        with Peer(server.address) as peer:
            peer.send(post("Content-Length: 5", EXPECT, path=path))
            answer = peer.response()
            assert answer.status == status, answer.status
            assert answer.is_last
            try:
                peer.send(SMUGGLED)
                peer.end()
            except (ConnectionError, AssertionError) as error:
                assert "more came" not in str(error)


def continue_with_curl(server):
    """curl waits for it: an answer without a 100 took a second more."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(3 << 20))
        file.flush()
        for path in ("/echo", "/stream"):
            done = subprocess.run(
                [CURL, "--silent", "--verbose", "--max-time", "20",
                 "--noproxy", "*", "--expect100-timeout", "10", "--header",
                 EXPECT, "--data-binary", "@" + file.name, "--output",
                 os.devnull, server.url + path], stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, check=False)
            said = done.stderr.decode(errors="replace")
            assert done.returncode == 0, said
            assert said.count("< HTTP/1.1 100 Continue") == 1, said
            assert "Done waiting" not in said, said
    assert curl("--header", EXPECT, "--expect100-timeout", "10", "--data",
                "a", "--write-out", "%{http_code}", "--output", os.devnull,
                server.url + "/nowhere") == b"404"


# ---- trailers ----

TRAILERS = [
    (b"3\r\nabc\r\n0\r\n\r\n", 0, b""),
    (b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n", 1, b"7"),
    (b"3\r\nabc\r\n0\r\nx-sum:\t 7 8 \r\nA: b\r\n\r\n", 2, b"7 8"),
]
BAD_TRAILERS = [
    b"0\r\nContent-Length: 3\r\n\r\n", b"0\r\ntransfer-encoding: a\r\n\r\n",
    b"0\r\nHost: b\r\n\r\n", b"0\r\nAuthorization: b\r\n\r\n",
    b"0\r\nX Y: b\r\n\r\n", b"0\r\nX: b\n\r\n", b"0\r\n X: b\r\n\r\n",
]


def trailers_are_given(server):
    for body, count, value in TRAILERS:
        whole = b"body 3\ncount %d\nsum %s\nhead 0\n" % (count, value)
        for path, said in (("/trailers", whole),
                           ("/stream", b"bytes 3\nsum %s\n" % value)):
            wire = chunked(body, path=path)
            for size in (len(wire), 1):
                with Peer(server.address) as peer:
                    for at in range(0, len(wire), size):
                        peer.send(wire[at:at + size])
                    peer.send(PROBE)
                    answer = peer.response()
                    assert answer.body == said, answer.body
                    assert peer.response().body == b"user 77\n"


def trailers_that_a_head_must_have(server):
    for body in BAD_TRAILERS:
        for path in ("/trailers", "/stream"):
            with Peer(server.address) as peer:
                peer.send(chunked(body, path=path) + SMUGGLED)
                answer = peer.response()
                assert answer.status == 400 and answer.is_last, body
                peer.end()
    settles(server)


# "alone": the counters are this case's own.
CASES = [
    ("K01_reset_later_answers", reset_later_answers, "alone"),
    ("K02_half_close_then_a_late_answer", half_close_then_a_late_answer,
     "alone"),
    ("K02_half_close_after_a_stream", half_close_after_a_stream, "alone"),
    ("K02_half_close_inside_a_stream", half_close_inside_a_stream, "alone"),
    ("F32_continue_is_said_once", continue_is_said_once, "plain"),
    ("F32_continue_is_not_said", continue_is_not_said, "plain"),
    ("F32_continue_with_curl", continue_with_curl, "plain"),
    ("F28_trailers_are_given", trailers_are_given, "plain"),
    ("F28_trailers_that_a_head_must_have", trailers_that_a_head_must_have,
     "alone"),
]
