# SPDX-License-Identifier: MIT
"""The server behind real reverse proxies, keep-alive upstream.

Ten thousand mixed requests through each: every answer is right, nothing is
retried, and afterwards the server holds what it held before.
"""

import concurrent.futures
import hashlib
import http.client
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time

BODY_MAX = 65536
BIG = bytes((i * 7 + i // 251) & 255 for i in range(4 * 1024 * 1024))
BIG_SUM = hashlib.sha256(BIG).digest()
REQUESTS = 10000
THREADS = 8
MEMORY_SLACK = 1 << 20
# Everything that /smuggled could be asked for by a front end goes to a path
# that is harmless: what reaches the real one was never seen by the front end.
HARMLESS = "/files/smuggled"

NGINX_CONF = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{
    worker_connections 256;
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream flare {{
        server 127.0.0.1:{upstream};
        keepalive {pool};
        keepalive_requests 1000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        keepalive_requests 1000000;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_request_buffering {buffering};
        proxy_ignore_client_abort on;
        proxy_next_upstream off;
        location / {{
            proxy_pass http://flare;
        }}
        location = /smuggled {{
            proxy_pass http://flare{harmless};
        }}
    }}
}}
"""

HAPROXY_CONF = """\
global
    maxconn 256
    nbthread 1
defaults
    mode http
    option http-keep-alive
    http-reuse always
    retries 0
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend front
    bind 127.0.0.1:{port}
    http-request set-path {harmless} if {{ path /smuggled }}
    default_backend flare
backend flare
    server flare 127.0.0.1:{upstream} pool-max-conn {pool}
"""


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """One running front end; `kind` is nginx, nginx-streaming or haproxy."""

    KINDS = ("nginx", "nginx-streaming", "haproxy")

    def __init__(self, kind, upstream, pool):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="flare-proxy-")
        conf = os.path.join(self.folder, "conf")
        numbers = {"port": self.port, "upstream": upstream, "pool": pool,
                   "folder": self.folder, "harmless": HARMLESS}
        if kind == "haproxy":
            text = HAPROXY_CONF.format(**numbers)
            argv = [program("haproxy"), "-db", "-f", conf]
        else:
            text = NGINX_CONF.format(
                buffering="off" if kind == "nginx-streaming" else "on",
                user="user root;" if os.geteuid() == 0 else "", **numbers)
            argv = [program("nginx"), "-p", self.folder, "-c", conf]
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
        self.log = os.path.join(self.folder, "output.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self._wait()

    def _wait(self):
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            said = log.read()
        self.stop()
        raise RuntimeError(f"the proxy does not listen: {said}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- the mixture ----

def pieces(data, dice):
    """`data` in chunks of any size."""
    at = 0
    while at < len(data):
        size = dice.choice((1, 7, 100, 4096, 20000))
        yield data[at:at + size]
        at += size


def get_user(dice):
    number = dice.randrange(10**9)
    return ("GET", f"/users/{number}", None, {}, 200, b"user %d\n" % number)


def echo(dice, is_chunked):
    size = dice.choice((0, 1, 100, 4095, 4096, 5000, 16384, 60000))
    data = dice.randbytes(size)
    if is_chunked:
        return ("POST", "/echo", pieces(data, dice),
                {"Transfer-Encoding": "chunked"}, 200, data)
    return ("POST", "/echo", data, {}, 200, data)


def seen(dice):
    word = f"{dice.randrange(10**9):x}"
    return ("PATCH", f"/request?q={word}", word.encode(), {"X-Word": word},
            200, lambda body: b"method PATCH\n" in body
            and b"query q=" + word.encode() in body
            and b"body %d\n" % len(word) in body
            and b"=" + word.encode() + b"\n" in body)


def too_large(dice):
    return ("POST", "/echo", dice.randbytes(BODY_MAX + 1), {}, 413, None)


def fixed(*case):
    return lambda dice: case


MIXTURE = [
    (20, fixed("GET", "/", None, {}, 200, b"hello\n")),
    (20, get_user),
    (8, fixed("HEAD", "/", None, {}, 200, b"")),
    (4, fixed("HEAD", "/static", None, {}, 200, b"")),
    (12, lambda dice: echo(dice, is_chunked=False)),
    (12, lambda dice: echo(dice, is_chunked=True)),
    (6, seen),
    (4, fixed("GET", "/nowhere", None, {}, 404, None)),
    (3, fixed("HEAD", "/nowhere", None, {}, 404, b"")),
    (3, fixed("GET", "/users/x", None, {}, 400, None)),
    (3, fixed("DELETE", "/users/1", None, {}, 204, b"")),
    (3, fixed("PUT", "/echo", b"not here", {}, 405, None)),
    (2, fixed("OPTIONS", "/echo", None, {}, 204, b"")),
    (2, fixed("GET", "/fails", None, {}, 409, None)),
    (2, fixed("GET", "/no-answer", None, {}, 500, None)),
    (2, fixed("GET", "/status/503", None, {}, 503, b"status\n")),
    (1, too_large),
]


def is_right(expected, body):
    if expected is None:
        return True
    return expected(body) if callable(expected) else expected == body


def ask(link, case):
    method, path, body, fields, status, expected = case
    link.request(method, path, body=body, headers=fields,
                 encode_chunked="Transfer-Encoding" in fields)
    answer = link.getresponse()
    got = answer.read()
    assert answer.status == status, f"{answer.status}, not {status}"
    assert is_right(expected, got), f"body {got[:100]!r}"
    if method == "HEAD" and status == 200:
        length = len(BIG) if path == "/static" else 6
        assert answer.headers["Content-Length"] == str(length)
    if status == 405:
        assert answer.headers["Allow"], "no Allow"
    if answer.will_close or status == 413:  # the rest of it may be unread
        link.close()


def big(link):
    link.request("GET", "/static")
    got = link.getresponse().read()
    assert hashlib.sha256(got).digest() == BIG_SUM, f"{len(got)} bytes"


def traffic(port, seed, count):
    """One client; the faults it met."""
    dice = random.Random(seed)
    weights = [weight for weight, _ in MIXTURE]
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for i in range(count):
        case = dice.choices(MIXTURE, weights)[0][1](dice)
        try:
            if i % 250 == 100:
                big(link)
            else:
                ask(link, case)
        except (AssertionError, OSError, http.client.HTTPException) as error:
            link.close()
            return f"seed {seed}, request {i}, {case[0]} {case[1]}: {error!r}"
    link.close()
    return None


def send_all(port, count, seed):
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        faults = [fault for fault in pool.map(
            lambda i: traffic(port, seed + i, count // THREADS),
            range(THREADS)) if fault]
    assert not faults, "\n".join(faults)


# ---- what the server holds ----

def memory(server):
    with open(f"/proc/{server.process.pid}/smaps_rollup",
              encoding="ascii") as file:
        return sum(int(line.split()[1]) * 1024 for line in file
                   if line.startswith("Anonymous:"))


def until_descriptors(server, count):
    end = time.monotonic() + 10
    while server.descriptors() != count:
        assert time.monotonic() < end, \
            f"{server.descriptors()} descriptors, not {count}"
        time.sleep(0.02)


def mixed_requests(server, kind):
    """The case: `server` is fresh."""
    descriptors = server.descriptors()
    proxy = Proxy(kind, server.address[1], THREADS)
    try:
        send_all(proxy.port, REQUESTS // 5, 1000)
    finally:
        proxy.stop()
    until_descriptors(server, descriptors)
    warm = memory(server)
    proxy = Proxy(kind, server.address[1], THREADS)
    try:
        send_all(proxy.port, REQUESTS, 1)
        assert server.descriptors() > descriptors, \
            "the proxy does not keep its connections: nothing was tested"
    finally:
        proxy.stop()
    until_descriptors(server, descriptors)
    grown = memory(server) - warm
    assert grown <= MEMORY_SLACK, f"{grown} bytes more than after the first"
