# SPDX-License-Identifier: MIT
"""What is asked over HTTP and what must come back.  Served by examples/hello
(only `/`), bench/serve and the peers of bench/peers."""

import os
from collections import namedtuple

HOST = b"Host: 127.0.0.1\r\n"
TEXT = b"text/plain; charset=utf-8"
BYTES = b"application/octet-stream"
JSON = b'{"message":"Hello, World!","id":12345,"ok":true}'
FILES = {
    "4k": bytes((i * 7 + i // 251) & 255 for i in range(4096)),
    "1m": bytes((i * 7 + i // 251) & 255 for i in range(1 << 20)),
    # for those that have no answers but files
    "json": JSON,
    "root/hello": b"hello\n",
}

# The bytes of a request; status, media type and body that it must get.  None:
# whatever the server says.
Exchange = namedtuple("Exchange", "request status media body")


def get(path, *fields, method=b"GET"):
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (
        method, path, HOST, b"".join(f + b"\r\n" for f in fields))


def upload(size, path=b"/upload"):
    return (b"POST " + path + b" HTTP/1.1\r\n" + HOST +
            b"Content-Length: %d\r\n\r\n" % size + size * b"u")


HELLO = Exchange(get(b"/"), 200, TEXT, b"hello\n")
FILE_4K = Exchange(get(b"/files/4k"), 200, BYTES, FILES["4k"])

WORKLOADS = {
    "plaintext": [HELLO],
    "json": [Exchange(get(b"/json"), 200, b"application/json", JSON)],
    "file4k": [FILE_4K],
    "file1m": [Exchange(get(b"/files/1m"), 200, BYTES, FILES["1m"])],
    "upload1m": [Exchange(upload(1 << 20), 200, TEXT, b"1048576\n")],
    "stream1m": [Exchange(upload(1 << 20, b"/stream"), 200, TEXT,
                          b"1048576\n")],
    "churn": [Exchange(get(b"/", b"Connection: close"), 200, TEXT,
                       b"hello\n")],
    "mixed": [
        HELLO,
        Exchange(get(b"/json", b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
                     b"Accept: application/json, text/plain, */*",
                     b"Accept-Encoding: gzip, deflate, br",
                     b"Accept-Language: en-US,en;q=0.5",
                     b"Cookie: session=0123456789abcdef0123456789abcdef"),
                 200, b"application/json", JSON),
        FILE_4K,
        Exchange(get(b"/", method=b"HEAD"), 200, TEXT, b""),
        Exchange(upload(1024), 200, TEXT, b"1024\n"),
        Exchange(get(b"/nowhere"), 404, None, None),
    ],
}


def write_files(folder):
    """What the servers serve, readable to all of them."""
    os.chmod(folder, 0o755)
    os.makedirs(os.path.join(folder, "root"), exist_ok=True)
    for name, data in FILES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


def write_requests(name, folder):
    """The workload's requests as files, for the load generator."""
    paths = []
    for i, exchange in enumerate(WORKLOADS[name]):
        paths.append(os.path.join(folder, f"request-{name}-{i}"))
        with open(paths[-1], "wb") as file:
            file.write(exchange.request)
    return paths
