#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""flare-bench against our servers, nginx, and servers that do what none should:
what it counts is what happened.

    tests/tools/test_flare_bench.py [--build DIR] [WORD ...]

The last line is "N passed, N failed".
"""

import argparse
import html.parser
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))

from bench_peers import Peer, answer
from client_peers import Nginx, make_certificate
from proxies import program
from servers import BACKENDS, Server

try:
    import jsonschema
except ImportError:
    jsonschema = None


class Skip(Exception):
    """Something is not there; its text says what."""


class Result(dict):
    """What is long is left out of complaints."""

    def __repr__(self):
        return repr({key: value for key, value in self.items()
                     if key not in ("latency", "service", "connect", "series",
                                    "settings")})


class World:
    def __init__(self, build, backend):
        self.build = build
        self.backend = backend
        self.program = os.path.join(build, "tools/flare-bench")
        self.folder = tempfile.mkdtemp(prefix="flare-bench-")
        self.hello = Server(os.path.join(build, "examples/hello"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *arguments, **how):
        environment = dict(os.environ, NO_COLOR="1")
        environment.pop("FLARE_BACKEND", None)
        return subprocess.Popen(
            [self.program, "--backend", self.backend, *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment, cwd=self.folder, **how)

    def run(self, *arguments, code=0):
        """What it printed, and what it complained about."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        out, err = out.decode(), err.decode()
        codes = code if isinstance(code, tuple) else (code,)
        assert process.returncode in codes, \
            f"exit {process.returncode}, not {code}\n{out}\n{err}"
        return out, err

    def result(self, *arguments, code=0):
        out, _ = self.run("--json", "--warmup", "0s", *arguments, code=code)
        return Result(json.loads(out))

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        assert self.hello.stop() == 0, self.hello.complaints()


def errors_of(result):
    return {name: count for name, count in result["errors"].items()
            if count and name != "total"}


# ---- the command line ----

def says_what_it_is(world):
    out, _ = world.run("--help")
    assert out.startswith("Usage: flare-bench ") and "--find-peak" in out
    out, _ = world.run("--version")
    assert re.fullmatch(r"flare-bench \d+\.\d+\.\d+\n", out), out


BAD_USAGE = (
    ([], "one URL is wanted"),
    (["ftp://localhost/"], "begins with http://"),
    (["http://user:secret@localhost/"], "has a user in it"),
    (["http://localhost/ x"], "the URL: "),
    (["-c", "0", "http://localhost/"], "--connections is a number from 1"),
    (["-d", "soon", "http://localhost/"], "--duration is a time"),
    (["--fail-if", "p99", "http://localhost/"], "takes a condition"),
    (["--fail-if", "luck>1", "http://localhost/"], "nothing that is measured"),
    (["--fail-if", "p101>1ms", "http://localhost/"], "from 0 to 100"),
    (["--fail-if", "p99>much", "http://localhost/"], "is a time"),
    (["--fail-if", "errors>x", "http://localhost/"], "is a number"),
    (["--find-peak", "rate=5", "http://localhost/"], "takes the latency"),
    (["--find-peak", "p99>5ms", "http://localhost/"], "takes the latency"),
    (["--find-peak", "p99=5ms", "-R", "5", "http://localhost/"], "--rate"),
    (["-p", "2", "--no-keepalive", "http://localhost/"], "--no-keepalive"),
    (["--poisson", "http://localhost/"], "--rate"),
    (["-H", "no colon", "http://localhost/"], "'Name: value'"),
    (["-H", "Content-Length: 5", "http://localhost/"], "flare-bench itself"),
    (["-H", "A: b\r\nC: d", "http://localhost/"], "control character"),
    (["-m", "G T", "http://localhost/"], "no method"),
    (["-b", "@/no/such/file", "http://localhost/"], "No such file"),
    (["http://localhost/{rand:9-1}"], "the request"),
    (["http://localhost/{line:/no/such}"], "No such file"),
    (["--compare", "/dev/null"], "--compare takes two files"),
    (["--compare", "/dev/null", "/dev/null"], "no result of flare-bench"),
    (["--backend", "carrier-pigeon", "http://127.0.0.1:1/"], "pigeon"),
)


def refuses_what_makes_no_sense(world):
    for arguments, text in BAD_USAGE:
        process = world.start(*arguments)
        out, err = process.communicate(timeout=30)
        wanted = 1 if "pigeon" in text else 2
        assert process.returncode == wanted and text in err.decode(), \
            (arguments, process.returncode, err)
        assert out == b"", out


# ---- what is counted ----

def counts_what_the_server_counts(world):
    for arguments in (["-n", 1], ["-n", 500, "-c", 7], ["-n", 500, "-p", 5],
                      ["-n", 100, "-c", 9, "-t", 3]):
        with Peer() as peer:
            result = world.result(*arguments, peer.url)
            assert peer.requests == arguments[1], peer.requests
        assert result["answers"] == arguments[1], result
        assert result["status"] == {"200": arguments[1]}, result
        assert result["latency"]["count"] == arguments[1]
        assert result["errors"]["total"] == 0


def loads_for_a_time(world):
    for depth in (1, 16):
        result = world.result("-d", "300ms", "-p", depth, world.hello.url)
        assert 0.29 < result["seconds"] < 0.31, result["seconds"]
        assert result["answers"] == result["status"]["200"] > 0
        assert result["errors"]["total"] == 0 and not result["partial"]
        assert result["backend"] == world.backend
        assert sum(part["answers"] for part in result["series"]) <= \
            result["answers"]


def warms_up_uncounted(world):
    with Peer() as peer:
        out, _ = world.run("--json", "-w", "200ms", "-d", "200ms", "-c", 2,
                           peer.url)
        result = json.loads(out)
        assert result["settings"]["warmup_s"] == 0.2
        assert result["answers"] < peer.requests, (result, peer.requests)


def keeps_a_rate(world):
    with Peer() as peer:
        result = world.result("-R", 200, "-d", "1s", "-c", 4, peer.url)
    assert result["answers"] == peer.requests
    assert result["answers"] + result["unsent"] == 200, result
    assert result["service"]["count"] == result["answers"]
    with Peer() as peer:
        result = world.result("-R", 400, "-n", 100, "--poisson", peer.url)
        assert result["answers"] == peer.requests == 100
    # So many at random moments take about so long, or longer.
    assert result["seconds"] > 0.1, result["seconds"]


def a_stall_shows_at_a_rate(world):
    """Coordinated omission: one connection, a server that stands still once for
    200 ms.  A tenth of the requests of these two seconds was to be sent
    meanwhile: the latency says so, although just one of them was really
    sent."""
    stall = threading.Event()

    def serve(peer, number):
        if number == 300:
            stall.wait(0.2)
        return answer(b"ok")

    with Peer(serve) as peer:
        result = world.result("-R", 500, "-d", "2s", "-c", 1, peer.url)
    p = result["latency"]["percentiles_ns"]
    service = result["service"]["percentiles_ns"]
    assert p["p99"] > 100e6, p
    assert p["p100"] > 199e6 and service["p100"] > 199e6, (p, service)
    assert p["p99"] > 10 * service["p99"], (p["p99"], service["p99"])
    assert result["answers"] + result["unsent"] == 1000, result


def what_is_due_and_never_sent_is_told(world):
    """The same without an end: who gives up at the end would see nothing."""
    stuck = threading.Event()

    def serve(peer, number):
        if number == 20:
            stuck.wait(30)
        return answer(b"ok")

    with Peer(serve) as peer:
        result = world.result("-R", 200, "-d", "500ms", "-c", 1,
                              "--timeout", "1s", peer.url)
        stuck.set()
    # 20 answers, one timeout; the rest of the 100 waited up to the end.
    assert errors_of(result) == {"timeout": 1}, result["errors"]
    assert 60 <= result["unsent"] <= 80, result["unsent"]
    assert result["latency"]["percentiles_ns"]["p50"] > 50e6, result
    total = result["answers"] + result["unsent"] + result["errors"]["total"]
    assert total == result["latency"]["count"] == 100, result


# ---- answers ----

GOOD = (
    ("length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ("no reason", "GET", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    ("chunks", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"5;a=\"b\"\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-T: v\r\n\r\n"),
    ("continue", "GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early "
     b"Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
     b"ok"),
    ("head", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
    ("head, chunked", "HEAD",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("no content", "GET", b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"),
    ("not modified", "GET",
     b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
    ("1.0 that stays", "GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
     b"Content-Length: 1\r\n\r\nx"),
    ("a large head", "GET", b"HTTP/1.1 200 OK\r\nX: " + 60000 * b"x"
     + b"\r\nContent-Length: 1\r\n\r\nx"),
)


def reads_good_answers(world):
    """Whole, one byte at a time, and many in a row."""
    for name, method, wire in GOOD:
        for is_slow in (False, True):
            if is_slow and len(wire) > 1000:
                continue
            with Peer(lambda peer, number, wire=wire: wire,
                      is_slow=is_slow) as peer:
                count = 6 if is_slow else 40
                result = world.result("-m", method, "-n", count, "-c", 2, "-p",
                                      3, peer.url)
            assert not errors_of(result), (name, result["first_error"])
            assert result["answers"] == count, (name, result)


def reads_to_the_end_of_the_connection(world):
    for wire in (b"HTTP/1.1 200 OK\r\n\r\nhello",
                 b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n"
                 b"Content-Length: 2\r\n\r\nok"):
        with Peer(lambda peer, number, wire=wire: (wire, "end")) as peer:
            result = world.result("-n", 20, "-c", 2, peer.url)
            assert not errors_of(result), (wire, result)
            assert result["answers"] == 20 == peer.requests
            assert peer.connections >= 20, peer.connections


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = (
    (b"hello\r\n\r\n", "no status line"),
    (b"\r\n\r\n", "no status line"),
    (b"HTTP/2.0 200 OK\r\n\r\n", "no status line"),
    (b"HTTP/1.1 20 OK\r\n\r\n", "no status line"),
    (b"HTTP/1.1 999 OK\r\n\r\n", "no status line"),
    (OK[:-2] + b"\n\n", "without CR"),
    (OK + b"Content-Length: 0\n\r\n", "without CR"),
    (OK + b"Content-Length: 0\r\n\n", "without CR"),
    (OK + b"Content-Length 0\r\n\r\n", "without a colon"),
    (OK + b": 0\r\n\r\n", "without a name"),
    (OK + b"Content-Length : 0\r\n\r\n", "a character that none may have"),
    (OK + b" folded: 0\r\n\r\n", "a character that none may have"),
    (OK + b"X: a\x00b\r\n\r\n", "control character"),
    (OK + b"Content-Length: -1\r\n\r\n", "no length"),
    (OK + b"Content-Length: +1\r\n\r\n", "no length"),
    (OK + b"Content-Length: 0x1\r\n\r\n", "no length"),
    (OK + b"Content-Length: \r\n\r\n", "no length"),
    (OK + b"Content-Length: 99999999999999999999\r\n\r\n", "no length"),
    (OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "twice"),
    (OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     "both Content-Length and Transfer-Encoding"),
    (OK + b"Transfer-Encoding: gzip\r\n\r\n", "not chunked"),
    (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "not chunked"),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"),
    (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "status that has none"),
    (b"HTTP/1.1 101 Other\r\nUpgrade: x\r\n\r\n", "nobody asked for"),
    (CHUNKED + b"\r\n", "without a size"),
    (CHUNKED + b"g\r\n", "without a size"),
    (CHUNKED + b"5 hello\r\n5\r\nhelloo\r\n", "longer than its size"),
    (CHUNKED + b"1\nx", "no number"),
    (CHUNKED + b"fffffffffffffffff\r\n", "too large"),
    (CHUNKED + b"0\r\nX: \x01\r\n\r\n", "control character"),
    (CHUNKED + b"0\r\n\rx", "CR without LF"),
    (OK + b"Content-Length: 1\r\n\r\nxy", "nobody asked for"),
    (OK + b"X: " + 70000 * b"x", "above 64 KiB"),
)


def counts_bad_framing(world):
    for wire, text in BAD:
        with Peer(lambda peer, number, wire=wire: (wire, "wait")) as peer:
            result = world.result("-n", 2, "-c", 1, "-p", 1, peer.url,
                                  code=0 if wire[-2:] == b"xy" else 1)
        assert set(errors_of(result)) == {"framing"}, (wire[-60:], result)
        assert text in result["first_error"], (wire[-60:],
                                               result["first_error"])
        if wire[-2:] != b"xy":
            assert result["answers"] == 0 and result["errors"]["total"] == 2


def counts_what_ends_too_early(world):
    for how, kind, text in (
            ((b"", "end"), "closed", "before the answer"),
            ((OK, "end"), "closed", "within an answer"),
            ((OK + b"Content-Length: 5\r\n\r\nhell", "end"), "closed",
             "within an answer"),
            ((CHUNKED + b"5\r\nhello\r\n0\r\n", "end"), "closed",
             "within an answer"),
            ((b"", "reset"), "reset", ""),
            ((OK + b"Content-Length: 5\r\n\r\nhell", "reset"), "reset", "")):
        with Peer(lambda peer, number, how=how: how) as peer:
            result = world.result("-n", 6, "-c", 2, peer.url, code=1)
        assert errors_of(result) == {kind: 6}, (how, result["errors"])
        assert text in result["first_error"], result["first_error"]


def times_out(world):
    with Peer(lambda peer, number: (b"", "wait")) as peer:
        result = world.result("-n", 4, "-c", 2, "-p", 2, "--timeout", "1s",
                              peer.url, code=1)
    assert errors_of(result) == {"timeout": 4}, result["errors"]
    assert result["latency"]["count"] == 4
    assert result["latency"]["min_ns"] > 999e6, result["latency"]


def says_that_nobody_listens(world):
    out, err = world.run("-d", "1s", "http://127.0.0.1:1/", code=1)
    assert out == "" and "no connection to http://127.0.0.1:1/" in err, err
    assert "refused" in err, err


def goes_on_when_a_server_comes_back(world):
    """Refused for a while: told, and not the end."""
    with Peer() as peer:
        process = world.start("--json", "-w", "0s", "-d", "3s", "-c", 3,
                              peer.url)
        peer.wait_for(50)
        peer.close_all()
        before = peer.requests
        peer.listen_again()
        peer.wait_for(before + 50)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    result = json.loads(out)
    assert process.returncode == 130 and result["partial"], err
    assert result["answers"] >= 90, result


def sends_again_what_a_server_closed_over(world):
    """Three answers on a connection, the last one says so; five were asked for:
    the others go to the next connection, and nothing is lost."""
    def serve(peer, number):
        if peer.served == 3:
            return (answer(b"bye", "Connection: close"), "end")
        return answer(b"ok")

    with Peer(serve) as peer:
        result = world.result("-n", 60, "-c", 1, "-p", 5, peer.url)
    assert not errors_of(result), result["errors"]
    assert result["answers"] == 60 and result["resent"] >= 30, result


def a_connection_for_each_request(world):
    with Peer() as peer:
        result = world.result("-n", 50, "-c", 5, "--no-keepalive", peer.url)
        assert peer.connections >= 50, peer.connections
        assert peer.heads[0].count(b"\r\nConnection: close\r\n") == 1
    assert result["answers"] == 50 and result["connects"] >= 50, result


# ---- requests ----

def writes_what_it_is_told(world):
    with open(world.path("words"), "w", encoding="ascii") as file:
        file.write("one\ntwo\r\nthree\n")
    with open(world.path("body"), "wb") as file:
        file.write(bytes(range(256)))
    with Peer() as peer:
        world.result("-n", 30, "-c", 3, "-H", "X-N: {seq}", "-H",
                     "X-B: {b}", f"{peer.url}/{{line:words}}"
                     "?r={rand:5-7}&h={hex:10}")
        heads = list(peer.heads)
    numbers = sorted(int(re.search(rb"X-N: (\d+)\r\n", head).group(1))
                     for head in heads)
    assert numbers == list(range(30)), numbers
    for head in heads:
        assert re.match(rb"GET /(one|two|three)\?r=[567]&h=[0-9a-f]{10} "
                        rb"HTTP/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n", head), head
        assert b"\r\nX-B: {b}\r\n" in head and b"Content-Length" not in head
    assert {head.split(b"?")[0][5:] for head in heads} == \
        {b"one", b"two", b"three"}
    with Peer() as peer:
        world.result("-n", 1, "-c", 1, "-b", "@body", peer.url)
        assert peer.heads[0].startswith(b"POST / HTTP/1.1\r\n")
        assert peer.bodies[0] == bytes(range(256))
        world.result("-n", 1, "-c", 1, "-m", "PUT", "-b", '{"n":{seq}}',
                     peer.url + "/x?y#z")
        assert peer.heads[1].startswith(b"PUT /x?y HTTP/1.1\r\n")
        assert peer.bodies[1] == b'{"n":0}'


def sends_the_requests_of_a_file(world):
    with open(world.path("requests"), "w", encoding="ascii") as file:
        file.write("# three of them\n"
                   "GET /a{seq}\nAccept: x\n\n\n"
                   "POST /b\nContent-Type: t\n=one {seq}\n=two\n\n"
                   "HEAD /c\n")
    def serve(link, number):
        wire = answer(b"ok")
        return wire[:-2] if link.head.startswith(b"HEAD") else wire

    with Peer(serve) as peer:
        result = world.result("-n", 9, "-c", 1, "-p", 2, "-f", "requests", "-H",
                              "X-All: y", peer.url)
        heads, bodies = list(peer.heads), list(peer.bodies)
    assert result["answers"] == 9 and not errors_of(result), result
    for i in range(0, 9, 3):
        assert heads[i].startswith(b"GET /a%d HTTP" % i), heads[i]
        assert b"\r\nAccept: x\r\n" in heads[i]
        assert bodies[i + 1] == b"one %d\ntwo" % (i + 1), bodies
        assert heads[i + 2].startswith(b"HEAD /c HTTP"), heads[i + 2]
    assert all(b"\r\nX-All: y\r\n" in head for head in heads)
    for text, complaint in (("GET\n", "requests:1: a request begins"),
                            ("GET /\nno colon\n", "requests:2: a field is"),
                            ("GET nowhere\n", "a target begins with"),
                            ("GET /\n=x\nA: b\n", "a field after the body"),
                            ("\n# nothing\n", "has no request in it")):
        with open(world.path("requests"), "w", encoding="ascii") as file:
            file.write(text)
        _, err = world.run("-f", "requests", world.hello.url, code=2)
        assert complaint in err, err


def goes_over_unix_sockets(world):
    with Peer(path=world.path("socket")) as peer:
        result = world.result("-n", 20, "-c", 2, "--unix", "socket",
                              "http://name.test/x")
        assert peer.requests == 20 and result["answers"] == 20
        assert b"\r\nHost: name.test\r\n" in peer.heads[0]


def goes_over_tls(world):
    server = Server(os.path.join(world.build, "examples/https_server"),
                    "127.0.0.2:0", "--self-signed")
    try:
        url = ["https://localhost/", "--connect", "%s:%d" % server.tls_address]
        result = world.result("-n", 50, "-c", 3, "-k", *url)
        assert result["answers"] == 50 and not errors_of(result), result
        result = world.result("-n", 20, "-c", 2, "-k", "--no-keepalive",
                              "--no-resume", *url)
        assert result["answers"] == 20 and result["connects"] >= 20, result
        _, err = world.run("-n", 1, *url, code=1)
        assert "tls" in err and "self-signed" in err, err
    finally:
        server.stop()


def speaks_websocket(world):
    server = Server(os.path.join(world.build, "examples/ws_echo"))
    url = f"ws{server.url[4:]}/echo"
    try:
        for arguments in (["-n", 100], ["-n", 300, "-p", 7, "-c", 3],
                          ["--ws", "binary", "--size", "70k", "-n", 20],
                          ["--size", 0, "-n", 20], ["-b", "{seq} {hex:9}", "-n",
                                                    50, "-p", 4]):
            result = world.result(*arguments, url)
            assert not errors_of(result), (arguments, result)
            assert result["answers"] == arguments[arguments.index("-n") + 1]
            assert result["status"] == {}, result
        result = world.result("-R", 100, "-d", "300ms", "--ws", "text",
                              f"{server.url}/echo")
        assert result["answers"] == result["service"]["count"], result
        assert result["answers"] + result["unsent"] == 30, result
        _, err = world.run("-n", 1, url + "/nowhere", code=1)
        assert "answered with 404" in err, err
    finally:
        assert server.stop() == 0, server.complaints()


BAD_FRAMES = (
    (b"\x81\x81xxxxx", "framing", "masked"),
    (b"\xc1\x00", "framing", "reserved bits"),
    (b"\x80\x00", "framing", "has not begun"),
    (b"\x88\x02\x03\xe8", "closed", "a close before the answer"),
    (b"", "timeout", "no answer in time"),
)


def counts_bad_frames(world):
    accept = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
    for wire, kind, text in BAD_FRAMES:
        with Peer(lambda link, number, wire=wire:
                  (accept.encode() + wire, "wait")) as peer:
            result = world.result("-n", 2, "-c", 1, "--timeout",
                                  "10s" if wire else "1s",
                                  f"ws{peer.url[4:]}/", code=1)
        assert set(errors_of(result)) == {kind}, (wire, result)
        assert text in result["first_error"], (wire, result)
    for wire, text in (
            (accept.replace("+xOo", "+xOO").encode(), "what proves"),
            (accept.replace("websocket", "h2c").encode(), "what proves"),
            (answer(b"hello"), "answered with 200"),
            (b"SSH-2.0-x\r\n\r\n", "no status line")):
        with Peer(lambda link, number, wire=wire: (wire, "wait")) as peer:
            _, err = world.run("-n", 1, "-c", 1, f"ws{peer.url[4:]}/", code=1)
        assert text in err, (wire, err)


def answers_pings(world):
    """Between the messages of a fragmented echo."""
    pongs = []
    accept = (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade"
              b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")

    def serve(link, number):
        link.socket.sendall(accept)
        file = link.file
        while head := file.read(2):
            payload = file.read(4 + (head[1] & 0x7f))[4:]
            if head[0] == 0x8a:
                pongs.append(len(payload))
            elif head[0] == 0x81:
                link.socket.sendall(b"\x01\x02he\x89\x04ping\x80\x03llo")
            else:
                assert head[0] == 0x88, head
                return b"\x88\x02\x03\xe8", "end"
        return b"", "end"

    with Peer(serve) as peer:
        result = world.result("-n", 20, "-c", 1, f"ws{peer.url[4:]}/x?y")
        assert peer.heads[0].startswith(b"GET /x?y HTTP/1.1\r\nHost: 127.")
    assert result["answers"] == 20 and not errors_of(result), result
    assert len(pongs) >= 19 and set(pongs) == {4}, pongs


def meets_nginx(world):
    """Which closes after ten requests, in order."""
    if program("nginx") is None:
        raise Skip("nginx is not installed")
    nginx = Nginx(world.folder, make_certificate(world.folder))
    try:
        for depth in (1, 8):
            result = world.result("-n", 2000, "-c", 10, "-p", depth,
                                  nginx.url + "/hello")
            assert not errors_of(result), (depth, result)
            assert result["status"] == {"200": 2000}, result["status"]
            assert result["connects"] >= 200, result["connects"]
        result = world.result("-n", 300, "-m", "HEAD", nginx.url + "/nowhere")
        assert result["status"] == {"404": 300}, result["status"]
    finally:
        nginx.stop()


# ---- verdicts and files ----

def the_json_keeps_its_schema(world):
    if jsonschema is None:
        raise Skip("python3-jsonschema is not installed")
    with open(os.path.join(ROOT, "tools/bench/schema.json"),
              encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    url = world.hello.url
    with Peer(lambda peer, number: (b"\xff\xfe\r\n\r\n", "wait")) as peer:
        bad = world.result("-n", 3, peer.url, code=1)
    for result in (
            bad, world.result("-n", 10, url),
            world.result("-d", "300ms", "-R", 50, "--fail-if", "p50>1us", url,
                         code=3),
            world.result("-d", "60ms", "--find-peak", "p50=1s", "-c", 1, url,
                         code=(0, 1, 3))):
        jsonschema.validate(result, schema)


def finds_the_peak(world):
    """On a busy machine perhaps none; but what it says follows from its
    steps."""
    result = world.result("-d", "150ms", "-c", 4, "--find-peak", "p50<=5s",
                          world.hello.url, code=(0, 1, 3))
    if result["peak"]["steps"][0]["answers_per_s"] == 0:
        raise Skip("too busy a machine for any answer in 150 ms")
    peak, steps = result["peak"], result["peak"]["steps"]
    assert steps[0]["wanted_per_s"] == 0 and len(steps) > 3, steps
    assert peak["rate"] <= steps[0]["answers_per_s"], result
    held = [step["wanted_per_s"] for step in steps[1:]
            if step["verdict"] == "holds"]
    assert peak["rate"] == 0 or peak["rate"] in held, steps
    for step in steps[1:]:
        keeps_up = step["answers_per_s"] >= 0.98 * step["wanted_per_s"]
        assert keeps_up or step["verdict"] != "holds", step
        assert step["verdict"] != "too slow", step
    out, _ = world.run("-d", "100ms", "-w", "0s", "-c", 1, "--find-peak",
                       "p50=1ns", world.hello.url, code=(1, 3))
    assert "No rate that was tried keeps p50=1ns" in out, out
    


def fails_if_it_is_so(world):
    url = world.hello.url
    world.result("-n", 20, "--fail-if", "errors>0", "--fail-if", "p99>10s",
                 "--fail-if", "5xx>0%", "--fail-if", "answers<20", url)
    for condition in ("p99.9>=1ns", "mean>1ns", "max>1us", "min<1h",
                      "rate<1000000000", "answers=20", "errors<=0",
                      "errors<1%", "2xx>99%", "4xx<1", "unsent<1"):
        result = world.result("-n", 20, "--fail-if", condition, url, code=3)
        assert result["fail_if"] == [{
            "condition": condition, "met": True,
            "value": result["fail_if"][0]["value"]}], result["fail_if"]
    _, err = world.run("-q", "-n", 1, "--fail-if", "2xx>0", url, code=3)
    assert "it is so: 2xx>0" in err, err


def writes_hgrm(world):
    result = world.result("-n", 3000, "--hgrm", "x.hgrm", world.hello.url)
    with open(world.path("x.hgrm"), encoding="ascii") as file:
        lines = file.read().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount",
                                "1/(1-Percentile)"], lines[0]
    rows = [[float(word) for word in line.split()] for line in lines[2:-3]]
    assert rows[-1][1:] == [1.0, 3000.0], rows[-1]
    for before, after in zip(rows, rows[1:]):
        assert before[0] <= after[0] and before[1] < after[1], (before, after)
        assert before[2] <= after[2]
    for value, fraction, seen, inverse in (row for row in rows[:-1]):
        assert seen / 3000 >= fraction - 1e-9, (value, fraction, seen)
        assert abs(inverse - 1 / (1 - fraction)) < 0.01 * inverse
    median = next(row[0] for row in rows if row[1] == 0.5)
    assert abs(median * 1e6 - result["latency"]["percentiles_ns"]["p50"]) \
        < 1000, (median, result["latency"])
    assert re.fullmatch(r"#\[Mean    = +[\d.]+, StdDeviation   = +[\d.]+\]",
                        lines[-3]), lines[-3]
    assert re.fullmatch(r"#\[Max     = +[\d.]+, Total count    = +3000\]",
                        lines[-2]), lines[-2]
    assert lines[-1] == "#[Buckets =           32, SubBuckets     =         2048]"


class Page(html.parser.HTMLParser):
    """Fails at what is not closed, and at what comes from elsewhere."""
    EMPTY = {"meta", "path", "br"}

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "xlink:href"), (tag, value)
            assert "nan" not in (value or "") and "inf" not in (value or "")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def writes_and_compares_reports(world):
    results = []
    for name, arguments in (("a", ["-d", "600ms"]),
                            ("b", ["-d", "600ms", "-R", 100])):
        out, _ = world.run("--json", "-w", "0s", *arguments, "--html",
                           name + ".html", world.hello.url)
        results.append(json.loads(out))
        with open(world.path(name + ".json"), "w", encoding="utf-8") as file:
            file.write(out)
    out, err = world.run("--compare", "a.json", "b.json", "--html", "c.html")
    assert "differ in more than their results" in err, err
    assert "answers/s" in out and "p99.99" in out, out
    out, err = world.run("--compare", "a.json", "a.json")
    assert err == "" and "+0.0 %" in out, (out, err)
    for name in ("a.html", "b.html", "c.html"):
        page = Page()
        with open(world.path(name), encoding="utf-8") as file:
            page.feed(file.read())
        page.close()
        assert page.open == [], page.open
        assert {"svg", "table", "style"} <= page.seen, page.seen


def tells_what_there_was_until_it_was_interrupted(world):
    with Peer() as peer:
        process = world.start("-d", "60s", "-w", "0s", "-c", 2, peer.url)
        peer.wait_for(100)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    out = out.decode()
    assert process.returncode == 130, (out, err)
    assert "interrupted" in out and "Answers" in out and "99.9 %" in out, out


def shows_its_progress_on_a_terminal(world):
    main, terminal = os.openpty()
    process = subprocess.Popen(
        [world.program, "-d", "1s", "-w", "0s", world.hello.url],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal,
        env=dict(os.environ, TERM="xterm"))
    os.close(terminal)
    out, _ = process.communicate(timeout=30)
    seen = b""
    try:
        while piece := os.read(main, 4096):
            seen += piece
    except OSError:
        pass  # the end of a terminal
    os.close(main)
    assert process.returncode == 0
    assert re.search(rb"\d+/s.*p50 .*p99 .* s left", seen), seen
    assert seen.endswith(b"\r\x1b[K"), seen[-40:]
    assert b"\x1b" not in out, out


TESTS = [
    says_what_it_is, refuses_what_makes_no_sense,
    counts_what_the_server_counts, loads_for_a_time, warms_up_uncounted,
    keeps_a_rate, a_stall_shows_at_a_rate, what_is_due_and_never_sent_is_told,
    reads_good_answers, reads_to_the_end_of_the_connection,
    counts_bad_framing, counts_what_ends_too_early, times_out,
    says_that_nobody_listens, goes_on_when_a_server_comes_back,
    sends_again_what_a_server_closed_over, a_connection_for_each_request,
    writes_what_it_is_told, sends_the_requests_of_a_file,
    goes_over_unix_sockets, goes_over_tls, speaks_websocket,
    counts_bad_frames, answers_pings, meets_nginx,
    the_json_keeps_its_schema, finds_the_peak, fails_if_it_is_so, writes_hgrm,
    writes_and_compares_reports,
    tells_what_there_was_until_it_was_interrupted,
    shows_its_progress_on_a_terminal,
]


def run(world, test):
    name = f"{test.__name__} ({world.backend})"
    started = time.monotonic()
    try:
        test(world)
    except Skip as why:
        print(f"skip {name}: {why}")
        return None
    except Exception:  # whatever it is, the others go on
        print(f"FAIL {name}")
        traceback.print_exc(file=sys.stdout)
        return False
    print(f"ok   {name}, {time.monotonic() - started:.1f} s", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("words", nargs="*", metavar="WORD",
                        help="only tests with one of these in their name")
    arguments = parser.parse_args()
    verdicts = []
    for backend in BACKENDS:
        world = World(arguments.build, backend)
        for test in TESTS:
            if not arguments.words or any(word in test.__name__
                                          for word in arguments.words):
                verdicts.append(run(world, test))
        world.stop()
    failed = verdicts.count(False)
    print(f"{verdicts.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
