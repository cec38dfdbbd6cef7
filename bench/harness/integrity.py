# SPDX-License-Identifier: MIT
"""Do all targets do the same work?  Status, body and every header field but
the whitelisted are compared before anything is measured, over a connection
that stays open and with requests that follow each other without a pause."""

import hashlib
import socket

# A server may say who it is in its own words; the date moves.
FREE = (b"date", b"server")
# More bytes for who sends them, and no less work: told, and let pass.
HARMLESS = (b"connection", b"keep-alive", b"etag", b"last-modified",
            b"accept-ranges", b"x-content-type-options")
DEPTH = 16
TIMEOUT = 10


class Reader:
    """Answers off one connection, one after the other."""

    def __init__(self, peer):
        self.peer = peer
        self.data = b""

    def more(self):
        piece = self.peer.recv(1 << 18)
        if not piece:
            raise OSError("closed instead of answered")
        self.data += piece

    def answer(self, has_body=True):
        """(status line, [(name, value)], body, bytes of all)."""
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, _, rest = self.data.partition(b"\r\n\r\n")
        status, fields = parse(head)
        length = 0
        if has_body:
            lengths = [value for name, value in fields
                       if name == b"content-length"]
            if len(lengths) != 1 or not lengths[0].isdigit():
                raise OSError(f"no length in {head!r}")
            length = int(lengths[0])
        while len(rest) < length:
            self.more()
            rest = self.data[len(head) + 4:]
        self.data = rest[length:]
        return status, fields, rest[:length], len(head) + 4 + length


def parse(head):
    status, *lines = head.split(b"\r\n")
    fields = [line.partition(b":") for line in lines]
    return status, [(name.lower(), value.strip())
                    for name, _, value in fields]


def differences(exchange, status, fields, body):
    """(what disqualifies, what is only worth telling)."""
    wrong, told = [], []
    if status.split(b" ")[:2] != [b"HTTP/1.1", b"%d" % exchange.status]:
        wrong.append(f"{status!r}, not {exchange.status}")
    if exchange.body is not None and body != exchange.body:
        wrong.append(f"{len(body)} bytes of body, sha256 "
                     f"{hashlib.sha256(body).hexdigest()[:8]}")
    if exchange.media is None:
        return wrong, told  # a 404 is each server's own
    expected = {b"content-type": exchange.media}
    if not exchange.request.startswith(b"HEAD "):
        expected[b"content-length"] = b"%d" % len(body)
    names = [name for name, _ in fields]
    for name, value in fields:
        if name in FREE or name == b"content-length" and name not in expected:
            continue
        if name in HARMLESS:
            told.append(f"adds {name.decode()}")
        elif expected.get(name, b"").lower() != value.lower():
            wrong.append(f"field {name!r}: {value!r}")
    wrong += [f"no field {name!r}" for name in expected if name not in names]
    wrong += [f"field {name!r} twice" for name in sorted(set(names))
              if names.count(name) > 1]
    told += [f"no {name.decode()}" for name in FREE if name not in names]
    return wrong, told


def check_exchange(peer, exchange, count):
    """(wrong, told, bytes of an answer) of `count` requests at once."""
    reader = Reader(peer)
    has_body = not exchange.request.startswith(b"HEAD ")
    wrong, told, size = [], [], 0
    peer.sendall(exchange.request * count)
    for _ in range(count):
        status, fields, body, size = reader.answer(has_body)
        found = differences(exchange, status, fields, body)
        wrong += found[0]
        told += found[1]
    if reader.data:
        wrong.append(f"{len(reader.data)} bytes after the last answer")
    return wrong, told, size


def unique(words):
    return list(dict.fromkeys(words))


def check(server, exchanges, connect, is_short=False):
    """One target's verdict, as a dictionary for the report.  `connect` gives
    a connected socket; `is_short`: it serves for one request."""
    wrong, told, sizes = [], [], []
    for i, exchange in enumerate(exchanges):
        large = len(exchange.request) + len(exchange.body or b"") > 65536
        count = 1 if is_short else 2 if large else DEPTH
        try:
            with connect(server) as peer:
                peer.settimeout(TIMEOUT)
                found = check_exchange(peer, exchange, count)
        except OSError as error:
            found = ([str(error) or "timeout"], [], 0)
        prefix = f"request {i + 1}: " if len(exchanges) > 1 else ""
        wrong += [prefix + fault for fault in unique(found[0])]
        told += found[1]
        sizes.append(found[2])
    return {"target": server.name, "bytes": sum(sizes) // len(sizes),
            "wrong": unique(wrong), "told": unique(told)}


def connect_plain(server):
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
