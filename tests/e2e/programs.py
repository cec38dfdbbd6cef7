# SPDX-License-Identifier: MIT
"""The examples, driven by curl; and what a signal does to them."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from rows import PROBE
from wire import Closed, Peer, post, request

CURL = shutil.which("curl")


def curl(*arguments, body=None):
    """What curl wrote to standard output; anything but success is a failure."""
    done = subprocess.run(
        [CURL, "--silent", "--show-error", "--max-time", "20", "--noproxy",
         "*", *arguments], input=body, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def hello_get(server):
    answer = curl("--include", server.url + "/").decode()
    assert answer.startswith("HTTP/1.1 200 OK\r\n"), answer
    assert answer.endswith("\r\n\r\nhello\n"), answer
    assert re.search(r"\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n",
                     answer), answer
    assert "\r\nServer: flare\r\n" in answer, answer
    assert "\r\nContent-Length: 6\r\n" in answer, answer


def hello_head(server):
    answer = curl("--head", server.url + "/").decode()
    assert answer.startswith("HTTP/1.1 200 OK\r\n"), answer
    assert "\r\nContent-Length: 6\r\n" in answer, answer
    assert answer.endswith("\r\n\r\n"), answer


def hello_keep_alive(server):
    """Two URLs, one connection."""
    out = curl("--write-out", "%{num_connects} ", server.url + "/",
               server.url + "/").decode()
    assert out == "hello\n1 hello\n0 ", out


def hello_http_1_0(server):
    answer = curl("--include", "--http1.0", server.url + "/").decode()
    assert answer.startswith("HTTP/1.1 200 OK\r\n"), answer
    assert "\r\nConnection: close\r\n" in answer, answer
    assert answer.endswith("hello\n"), answer


def hello_not_found(server):
    out = curl("--write-out", "%{http_code}", "--output", os.devnull,
               server.url + "/nope")
    assert out == b"404", out


def hello_not_allowed(server):
    answer = curl("--include", "--request", "DELETE", server.url + "/").decode()
    assert answer.startswith("HTTP/1.1 405 Method Not Allowed\r\n"), answer
    assert "\r\nAllow: GET, HEAD, OPTIONS\r\n" in answer, answer


def users_get(server):
    assert curl(server.url + "/users/7") == b"user 7\n"
    out = curl("--write-out", "%{http_code}", "--output", os.devnull,
               server.url + "/users/seven")
    assert out == b"400", out


def users_delete(server):
    answer = curl("--include", "--request", "DELETE",
                  server.url + "/users/7").decode()
    assert answer.startswith("HTTP/1.1 204 No Content\r\n"), answer
    assert "Content-Length" not in answer, answer
    assert answer.endswith("\r\n\r\n"), answer


def users_rest(server):
    assert curl("--path-as-is", server.url + "/files/a/b%20c") == \
        b"path a/b c\n"


def users_post(server):
    assert curl("--data", "some text", server.url + "/echo") == b"some text"


def users_post_chunked(server):
    assert curl("--header", "Transfer-Encoding: chunked", "--data",
                "some text", server.url + "/echo") == b"some text"


def users_post_100_kib(server):
    body = os.urandom(100 * 1024)
    for fields in ([], ["--header", "Transfer-Encoding: chunked"],
                   ["--header", "Expect: 100-continue"],
                   ["--header", "Expect: 100-continue", "--header",
                    "Transfer-Encoding: chunked"]):
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            got = curl(*fields, "--data-binary", "@" + file.name,
                       server.url + "/echo")
        assert got == body, f"{len(got)} bytes came back"


def users_post_too_large(server):
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(11 * 1024 * 1024)
        out = curl("--write-out", "%{http_code}", "--output", os.devnull,
                   "--data-binary", "@" + file.name, server.url + "/echo")
    assert out == b"413", out


def status(*arguments):
    return curl("--write-out", "%{http_code}", "--output", os.devnull,
                *arguments).decode()


def router_groups(server):
    key = ["--header", "X-Key: secret"]
    assert curl(server.url + "/") == b"home\n"
    assert curl(*key, server.url + "/api/items") == b"no items\n"
    assert curl(*key, server.url + "/api/items/7/") == b"item 7\n"
    assert status(server.url + "/api/items") == "403"
    assert status(*key, server.url + "/api") == "404"


def router_redirect(server):
    answer = curl("--include", server.url + "/docs/intro/?a=1").decode()
    assert answer.startswith("HTTP/1.1 308 Permanent Redirect\r\n"), answer
    assert "\r\nLocation: /docs/intro?a=1\r\n" in answer, answer
    assert curl("--location", server.url + "/docs/intro/") == b"intro\n"


def http_server_answers(server):
    answer = curl("--include", server.url + "/").decode()
    assert "\r\nX-Version: 7\r\n" in answer, answer
    assert answer.endswith(f"this is {server.url[7:]}\n"), answer
    assert curl("--user-agent", "me/1", server.url + "/agent") == b"me/1"
    assert status("--header", "User-Agent:", server.url + "/agent") == "400"


def http_server_limits(server):
    assert curl("--data-binary", "x" * 65536, server.url + "/count") == \
        b"65536 bytes\n"
    assert status("--data-binary", "x" * 65537, server.url + "/count") == "413"


def sse_ticks(server, seen=b"", first=1):
    """Events in order, from where the client was; a HEAD has none."""
    with Peer(server.address) as peer:
        peer.send(b"HEAD /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        peer.send(b"GET /ticks HTTP/1.1\r\nHost: a\r\n" + seen + b"\r\n")
        got = b""
        wanted = [b"event: tick\nid: %d\ndata: %d\n\n" % (n, n)
                  for n in range(first, first + 4)]
        while wanted[-1] not in got:
            piece = peer.socket.recv(4096)
            assert piece, got
            got += piece
    assert got.count(b"\r\nContent-Type: text/event-stream\r\n") == 2, got
    places = [got.index(text) for text in [b"retry: 1000\n\n", *wanted]]
    assert places == sorted(places), got


def sse_ticks_again(server):
    sse_ticks(server, b"Last-Event-ID: 41\r\n", 42)


def sse_drains(server):
    """A stream ends in order, and does not hold up the end."""
    with Peer(server.address) as peer:
        peer.send(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        started = time.monotonic()
        got = b""
        while True:
            piece = peer.socket.recv(4096)
            if not piece:
                break
            got += piece
        assert got.endswith(b"\r\n0\r\n\r\n"), got
    assert server.process.wait(timeout=10) == 0
    assert time.monotonic() - started < 5


def upload_3_mib(server):
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(3 << 20))
        file.flush()
        for fields in ([], ["--header", "Transfer-Encoding: chunked"]):
            assert curl(*fields, "--upload-file", file.name,
                        server.url + "/upload") == b"3145728 bytes\n"


def offload_health(server):
    """A query of seconds does not hold up a request."""
    answer, took = [], []

    def query():
        answer.append(curl("--max-time", "100", server.url + "/query"))

    thread = threading.Thread(target=query)
    thread.start()
    time.sleep(0.1)
    while thread.is_alive() and len(took) < 50:
        started = time.monotonic()
        with Peer(server.address) as peer:
            peer.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert peer.response().status == 200
        took.append((time.monotonic() - started, thread.is_alive()))
        time.sleep(0.02)
    thread.join()
    assert answer == [b"32000004000000\n"], answer
    during = [seconds for seconds, is_during in took if is_during]
    assert len(during) > 5, took
    assert max(during) < 0.5, took


def multicore_stats(server):
    numbers = json.loads(curl(server.url + "/stats"))
    numbers = json.loads(curl(server.url + "/stats"))
    assert numbers["workers"], numbers
    assert sum(one["accepted"] for one in numbers["workers"]) == \
        numbers["all"]["accepted"], numbers
    assert numbers["all"]["accepted"] >= 1, numbers


def state_counts_visits(server):
    for visits in range(1, 4):
        assert curl(server.url + "/") == b"hello, visitor %d\n" % visits


def middleware_answers(server):
    answer = curl("--include", server.url + "/").decode()
    name = re.search(r"\r\nX-Request-Id: ([0-9a-f]{32})\r\n", answer)
    assert name and answer.endswith(f"request {name[1]}\n"), answer
    assert curl(server.url + "/health") == b"ok\n"
    metrics = curl("--compressed", server.url + "/metrics").decode()
    assert re.search(r"\nflare_request_duration_seconds_count [1-9]", metrics)
    assert re.search(r"\nflare_connections_accepted_total [1-9]", metrics)
    assert "\r\nContent-Encoding: gzip\r\n" in curl(
        "--head", "--header", "Accept-Encoding: gzip",
        server.url + "/metrics").decode()


def middleware_asks_who(server):
    url = server.url + "/admin/who"
    assert curl("--user", "ada:secret", url) == b"you are ada\n"
    assert status("--user", "ada:wrong", url) == "401"
    answer = curl("--include", url).decode()
    assert "\r\nWWW-Authenticate: Basic realm=\"admin\"\r\n" in answer, answer


def bad_request(server):
    with Peer(server.address) as peer:
        peer.send(b"this is no HTTP\r\n\r\n" + 10 * request())
        answer = peer.response()
        assert answer.status == 400 and answer.is_last
        peer.end()


def drains(server):
    """SIGTERM: what is under way is finished, idle peers see an end."""
    idle, busy, late = (Peer(server.address) for _ in range(3))
    idle.send(request())
    assert idle.response().status == 200
    busy.send(post("Content-Length: 5", body=b"he", path="/"))
    late.send(b"GET / HT")
    time.sleep(0.1)
    server.signal(signal.SIGTERM)
    idle.end()
    idle.socket.close()
    busy.send(b"llo")
    answer = busy.response()
    assert answer.status in (200, 405), answer.status
    assert answer.is_last
    busy.end()
    busy.socket.close()
    late.send(b"TP/1.1\r\nHost: a\r\n\r\n")
    answer = late.response()
    assert answer.status == 200 and answer.is_last
    late.end()
    late.socket.close()
    assert server.process.wait(timeout=10) == 0, server.process.returncode


def second_signal_ends_at_once(server):
    with Peer(server.address) as peer:
        peer.send(b"GET / HT")
        time.sleep(0.1)
        server.signal(signal.SIGTERM)
        time.sleep(0.1)
        server.signal(signal.SIGTERM)
        assert server.process.wait(timeout=5) == 0


def drains_under_load(server):
    """M01: an answer that has begun is finished, the last one says so."""
    failures, served = [], []

    def connection():
        with Peer(server.address) as peer:
            while True:
                peer.send(PROBE)
                answer = peer.response()
                served.append(answer.status)
                if answer.is_last:
                    peer.end()
                    return

    def load():
        while True:
            try:
                connection()
            except ConnectionRefusedError:
                return  # it listens no more
            except (Closed, ConnectionError):
                pass  # an idle connection, closed as the request set out
            except AssertionError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    server.signal(signal.SIGTERM)
    status = server.process.wait(timeout=10)
    for thread in threads:
        thread.join()
    assert status == 0, status
    assert set(served) == {200} and len(served) > 50, len(served)
    assert not failures, failures


CASES = [
    *[(f"curl_hello_{run.__name__[6:]}", run, "hello") for run in (
        hello_get, hello_head, hello_keep_alive, hello_http_1_0,
        hello_not_found, hello_not_allowed)],
    *[(f"curl_users_{run.__name__[6:]}", run, "users") for run in (
        users_get, users_delete, users_rest, users_post, users_post_chunked,
        users_post_100_kib, users_post_too_large)],
    *[(f"curl_{run.__name__}", run, "router") for run in (
        router_groups, router_redirect)],
    *[(f"curl_{run.__name__}", run, "http_server") for run in (
        http_server_answers, http_server_limits)],
    ("curl_sse_ticks", sse_ticks, "sse"),
    ("curl_sse_ticks_again", sse_ticks_again, "sse"),
    ("M01_sse_drains", sse_drains, "own_sse"),
    ("curl_upload_3_mib", upload_3_mib, "upload"),
    ("curl_offload_health", offload_health, "offload"),
    ("curl_multicore_stats", multicore_stats, "multicore"),
    ("curl_state_counts_visits", state_counts_visits, "state"),
    *[(f"curl_{run.__name__}", run, "middleware") for run in (
        middleware_answers, middleware_asks_who)],
    ("netcat_hello_bad_request", bad_request, "hello"),
    ("netcat_users_bad_request", bad_request, "users"),
    ("M01_drains", drains, "own"),
    ("M01_drains_under_load", drains_under_load, "own"),
    ("M02_second_signal_ends_at_once", second_signal_ends_at_once, "own"),
]
