# SPDX-License-Identifier: MIT
"""What the server accepts, a second reader (h11, which is not ours) accepts
too, and with the same meaning.

Requests one byte away from good ones, each on a connection of its own, whose
end follows.  The other way round nothing is asked: stricter is fine.
"""

import importlib.util
import re
import socket
import sys

from wire import request

# Bytes at which readers differ: controls, separators, digits, letters, UTF-8.
VALUES = (b"\0\x01\t\n\x0b\r \"%+,/015:;=?@AZ\\_az|\x7f\x80\xff")
PATH = "/request"


def canonical():
    def post(*fields, body, version="HTTP/1.1"):
        return request("POST", PATH, *fields, body=body, version=version)

    coded = "Transfer-Encoding: chunked"
    return [
        request("GET", PATH),
        request("GET", PATH + "?x=1&y=%7e", "X-A: b c", host="a.example:80"),
        request("GET", "http://a.example" + PATH),
        request("GET", PATH, "Connection: close, TE", "X:"),
        request("GET", PATH, version="HTTP/1.0", host=None),
        post("Content-Length: 5", body=b"hello"),
        post("Content-Length: 11", "Content-Type: a/b", body=b"hello world"),
        post(coded, body=b"5\r\nhello\r\n0\r\n\r\n"),
        post(coded, body=b"3;a=\"b\";c\r\nabc\r\n00A\r\n0123456789\r\n"
             b"0\r\nX-T: v\r\n\r\n"),
        post("Connection: keep-alive", "Content-Length: 2", body=b"hi",
             version="HTTP/1.0"),
    ]


def mutations():
    for i, wire in enumerate(canonical()):
        for at in range(len(wire)):
            yield f"{i} without {at}", wire[:at] + wire[at + 1:]
            for value in VALUES:
                yield f"{i} at {at}", \
                    wire[:at] + bytes([value]) + wire[at + 1:]


def exchange(server, wire):
    data = b""
    with socket.create_connection(server.address, 8) as peer:
        try:
            peer.sendall(wire)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before it had all
        while more := peer.recv(65536):
            data += more
    return data


def first_answer(data):
    """Status and body; the length is what the head says."""
    while data.startswith(b"HTTP/1.1 100"):
        data = data.split(b"\r\n\r\n", 1)[1]
    head, _, rest = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    body = rest[:int(length.group(1))] if length else b""
    return int(head[9:12]), body


def read_by_h11(h11, wire):
    """The first request by h11: its head and body; raises if it refuses."""
    link = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    link.receive_data(wire)
    head, body = None, b""
    while True:
        event = link.next_event()
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return head, body
        else:
            raise AssertionError(f"h11 waits for more: {event!r}")


def seen_by_us(text):
    """What /request tells, as a dictionary and a list of fields."""
    told, fields = {}, []
    for line in text.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == b"field":
            key, _, value = value.partition(b"=")
            fields.append((key.lower(), value))
        elif name:
            told.setdefault(name, value)
    return told, fields


def differences(head, body, told, fields):
    target = head.target
    if target.lower().startswith((b"http://", b"https://")):
        target = target[target.index(b"//") + 2:]
        target = target[len(re.match(rb"[^/?]*", target).group(0)):]
    path, _, query = target.partition(b"?")
    pairs = [("method", head.method, told[b"method"]),
             ("path", path or b"/", told[b"path"]),
             ("query", query, told[b"query"]),
             ("minor", head.http_version[2:], told[b"minor"]),
             ("body", b"%d" % len(body), told[b"body"]),
             ("fields", [(bytes(n), bytes(v)) for n, v in head.headers],
              fields)]
    return [f"{name}: {theirs!r}, ours {ours!r}"
            for name, theirs, ours in pairs if theirs != ours]


def check(h11, name, wire, data):
    status, text = first_answer(data)
    # Refused: nothing is asked of h11.  501 may be any of two things.
    if b"\r\nConnection: close\r\n" in data.split(b"\r\n\r\n")[0] + b"\r\n" \
            and status in (400, 413, 414, 417, 431, 501, 505):
        return 0
    try:
        head, body = read_by_h11(h11, wire)
    except (h11.RemoteProtocolError, AssertionError) as error:
        raise AssertionError(f"{name}: we answer {status}, h11 says {error}: "
                             f"{wire!r}") from error
    if status == 200 and text.startswith(b"method "):
        wrong = differences(head, body, *seen_by_us(text))
        assert not wrong, f"{name}: {'; '.join(wrong)}: {wire!r}"
    return 1


# Debian's, where another Python comes first; h11 is Python only.
sys.path.append("/usr/lib/python3/dist-packages")


def is_there():
    return importlib.util.find_spec("h11") is not None


def accepted_means_the_same(server, _kind=None):
    """The case."""
    import h11  # pylint: disable=import-outside-toplevel

    accepted = 0
    for name, wire in mutations():
        accepted += check(h11, name, wire, exchange(server, wire))
    assert accepted > 2000, f"only {accepted} accepted: nothing was compared"
    print(f"     {accepted} accepted")
