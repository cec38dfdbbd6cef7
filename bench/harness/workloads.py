# SPDX-License-Identifier: MIT
"""What else than the smallest request: files, uploads, short connections,
mixtures.  Served by bench/serve and by nginx (servers.NGINX_CONF)."""

import hashlib
import os
import socket

from .integrity import parse

HOST = b"Host: 127.0.0.1\r\n"
JSON = b'{"message":"Hello, World!","id":12345,"ok":true}'
FILES = {
    "4k": bytes((i * 7 + i // 251) & 255 for i in range(4096)),
    "1m": bytes((i * 7 + i // 251) & 255 for i in range(1 << 20)),
}


def get(path, *fields, method=b"GET"):
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (
        method, path, HOST, b"".join(f + b"\r\n" for f in fields))


def upload(size, path=b"/upload"):
    return (b"POST " + path + b" HTTP/1.1\r\n" + HOST +
            b"Content-Length: %d\r\n\r\n" % size + size * b"u")


class Workload:
    """`requests` with the status and body each must get; `connections` and
    `depth` are what it is run with."""

    def __init__(self, requests, connections=64, is_short=False):
        self.requests = requests
        self.connections = connections
        self.is_short = is_short

    def files(self, folder):
        """The requests as files, for the load generator."""
        paths = []
        for i, (request, _, _) in enumerate(self.requests):
            paths.append(os.path.join(folder, f"request{i}"))
            with open(paths[-1], "wb") as file:
                file.write(request)
        return paths


HELLO_ROW = (get(b"/"), 200, b"hello\n")

WORKLOADS = {
    "json": Workload([(get(b"/json"), 200, JSON)]),
    "file4k": Workload([(get(b"/files/4k"), 200, FILES["4k"])]),
    "file1m": Workload([(get(b"/files/1m"), 200, FILES["1m"])], 16),
    "upload1m": Workload([(upload(1 << 20), 200, b"1048576\n")], 16),
    "stream1m": Workload([(upload(1 << 20, b"/stream"), 200, b"1048576\n")],
                         16),
    "short": Workload([(get(b"/", b"Connection: close"), 200, b"hello\n")],
                      is_short=True),
    "mixed": Workload([
        HELLO_ROW,
        (get(b"/json", b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
             b"Accept: application/json, text/plain, */*",
             b"Accept-Encoding: gzip, deflate, br",
             b"Accept-Language: en-US,en;q=0.5",
             b"Cookie: session=0123456789abcdef0123456789abcdef"), 200, JSON),
        (get(b"/files/4k"), 200, FILES["4k"]),
        (get(b"/", method=b"HEAD"), 200, b""),
        (upload(1024), 200, b"1024\n"),
        (get(b"/nowhere"), 404, None),
    ]),
}


def write_files(folder):
    for name, data in FILES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


def fetch(server, request):
    """The answer to one request on a connection of its own, to its end."""
    data = b""
    request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    with socket.create_connection(("127.0.0.1", server.port), 5) as peer:
        peer.sendall(request)
        while more := peer.recv(1 << 20):
            data += more
    return data


def differences(server, row):
    request, status, body = row
    try:
        line, fields, got = parse(fetch(server, request))
    except OSError as error:
        return [str(error)]
    wrong = []
    if line.split(b" ")[1:2] != [b"%d" % status]:
        wrong.append(f"{line!r}, not {status}")
    if body is not None and got != body:
        wrong.append(f"{len(got)} bytes of body "
                     f"{hashlib.sha256(got).hexdigest()[:8]}")
    if dict(fields).get(b"content-length") is None:
        wrong.append("no length")
    return wrong


def check_all(workload, running):
    """Verdicts as integrity.check_all gives them."""
    verdicts = []
    for server in running:
        wrong = [f"request {i}: {fault}"
                 for i, row in enumerate(workload.requests)
                 for fault in differences(server, row)]
        size = sum(len(fetch(server, row[0])) for row in workload.requests) \
            if not wrong else 0
        verdicts.append({"target": server.name, "bytes": size, "told": [],
                         "wrong": wrong})
    return verdicts
