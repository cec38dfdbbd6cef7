# SPDX-License-Identifier: MIT
"""A peer that sends any bytes and reads answers strictly.

Nothing is forgiven: an answer with a doubtful byte, without Date or Server,
with no framing or two, is a failure of the server.
"""

import re
import socket
import struct

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([ -~]*)")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): "
                   rb"([!-~](?:[\t -~]*[!-~])?)")
DATE = re.compile(rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
                  rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
                  rb"[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


class Closed(Exception):
    """The server closed where an answer was expected."""


class Response:
    def __init__(self, status, fields, body):
        self.status = status
        self.fields = fields
        self.body = body

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) == 1, f"{len(values)} fields {name}"
        return values[0]

    @property
    def is_last(self):
        return b"close" in [v.lower() for v in self.all(b"Connection")]


class Peer:
    def __init__(self, address, timeout=8, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def finish(self):
        """Half-closes: nothing more is sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.socket.close()

    def fill(self):
        """Waits for more bytes; false at their end."""
        data = self.socket.recv(65536)
        self.pending += data
        return bool(data)

    def _until(self, mark):
        while mark not in self.pending:
            if not self.fill():
                if not self.pending:
                    raise Closed("closed without an answer")
                raise AssertionError(f"closed inside {self.pending[:200]!r}")
        head, self.pending = self.pending.split(mark, 1)
        return head

    def exactly(self, count):
        """Takes the next `count` bytes."""
        parts = [self.pending]
        have = len(self.pending)
        while have < count:
            data = self.socket.recv(262144)
            assert data, f"closed after {have} of {count} bytes of body"
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self.pending = whole[count:]
        return whole[:count]

    def _chunks(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n"), 16)
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n", "no CRLF after a chunk"
            if size == 0:
                return body

    def response(self, is_head=False):
        """Reads one answer; to HEAD without its body."""
        lines = self._until(b"\r\n\r\n").split(b"\r\n")
        first = STATUS_LINE.fullmatch(lines[0])
        assert first, f"status line {lines[0]!r}"
        status = int(first.group(1))
        fields = []
        for line in lines[1:]:
            field = FIELD.fullmatch(line)
            assert field, f"field {line!r}"
            fields.append(field.groups())
        answer = Response(status, fields, b"")
        if status < 200:
            assert not answer.all(b"Content-Length"), "length in a 1xx"
            assert not answer.all(b"Transfer-Encoding"), "coding in a 1xx"
            return answer
        assert DATE.fullmatch(answer.one(b"Date")), answer.one(b"Date")
        assert answer.one(b"Server") == b"flare", answer.one(b"Server")
        lengths = answer.all(b"Content-Length")
        codings = answer.all(b"Transfer-Encoding")
        if status in (204, 304):
            assert not lengths and not codings, f"framing in a {status}"
            return answer
        assert len(lengths) + len(codings) == 1, "no framing, or two"
        assert not codings or codings == [b"chunked"], codings
        if is_head:
            return answer
        if codings:
            answer.body = self._chunks()
        else:
            assert re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]), lengths
            answer.body = self.exactly(int(lengths[0]))
        return answer

    def end(self):
        """The server has closed, in order, and sent nothing more."""
        assert not self.pending, f"more came: {self.pending[:200]!r}"
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise AssertionError("reset instead of an orderly end") from None
        except socket.timeout:
            raise AssertionError("still open") from None
        assert not data, f"more came: {data[:200]!r}"


def request(method="GET", path="/", *fields, body=b"", host="a",
            version="HTTP/1.1"):
    """A request of these parts, as they are; no field is added but Host."""
    lines = [f"{method} {path} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    head = "".join(line + "\r\n" for line in [*lines, *fields]) + "\r\n"
    return head.encode("latin-1") + body


def post(*fields, body=b"", path="/echo"):
    return request("POST", path, *fields, body=body)


def chunked(body, *fields, path="/echo"):
    return post("Transfer-Encoding: chunked", *fields, body=body, path=path)


SMUGGLED = request(path="/smuggled")
