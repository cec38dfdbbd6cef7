# SPDX-License-Identifier: MIT
"""Bytes that two readers may cut differently, sent through real front ends.

Each row hides a request for /smuggled.  The front ends send what they see of
that path elsewhere (proxies.HARMLESS), so /smuggled itself is reached only by
a request that the front end took for something else.  Behind each row a victim
on another connection, over the same kept upstream connection, must get the
answer to its own request.
"""

import re
import socket

from proxies import Proxy
from sockets import counts
from wire import request

HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
# A hidden request whose last field swallows the victim's first line.
PREFIX = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nX: "
TE = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"
VICTIM = request(path="/users/77")


def length(data):
    return f"Content-Length: {len(data)}"


def post(*fields, body=b"", method="POST", path="/echo", version="HTTP/1.1"):
    return request(method, path, *fields, body=body, version=version)


def conflict_rows():
    """CL.TE and TE.CL: both fields, and who believes which."""
    for tail_name, tail in (("whole", HIDDEN), ("prefix", PREFIX)):
        body = END + tail
        yield f"CL.TE_{tail_name}", post(length(body), TE, body=body)
        yield f"CL.TE_{tail_name}_coding_first", \
            post(TE, length(body), body=body)
        inner = b"%x\r\n" % len(tail) + tail + b"\r\n" + END
        yield f"TE.CL_{tail_name}", post(
            TE, f"Content-Length: {len(inner.split(b'GET')[0])}", body=inner)
    yield "CL.TE_http_1.0", post(length(END + HIDDEN), TE, body=END + HIDDEN,
                                 version="HTTP/1.0")
    yield "TE_http_1.0", post(TE, body=END + HIDDEN, version="HTTP/1.0")


# How a coding can look like chunked to one reader and not to the next.
CODINGS = [
    "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked;x",
    "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: \x0cchunked",
    "Transfer-Encoding: chunked\x0b", "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked,", "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: 'chunked'", "Transfer-Encoding: CHUNKED",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: x\r\n chunked",
    " Transfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked", "Transfer_Encoding: chunked",
    "Transfer-Encoding: chunk\xeed", "Transfer-Encoding: \xa0chunked",
    "Transfer-Encoding:", "Transfer-Encoding\r\n: chunked",
    "\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\x00",
]

LENGTHS = [
    "Content-Length: {0}\r\nContent-Length: 0",
    "Content-Length: 0\r\nContent-Length: {0}",
    "Content-Length: {0}, 0", "Content-Length: 0, {0}",
    "Content-Length: +{0}", "Content-Length: 0{0}", "Content-Length: 0x{0}",
    "Content-Length: -{0}", "Content-Length : {0}", "Content-Length: {0} 0",
    "Content-Length:\x0b{0}", "Content-Length: {0}\x00", "Content-Length:",
    "Content_Length: {0}", "X: y\nContent-Length: {0}",
    "X: y\rContent-Length: {0}", "Content-Length: 0\r\n {0}",
    "Content-Length: 184467440737095516{0}", " Content-Length: {0}",
]


def field_rows():
    body = END + HIDDEN
    for i, coding in enumerate(CODINGS):
        yield f"TE.TE[{i} {coding!r}]", post(coding, length(body), body=body)
        yield f"TE_alone[{i} {coding!r}]", post(coding, body=body)
    for i, field in enumerate(LENGTHS):
        wire = field.format(len(HIDDEN))
        yield f"0.CL[{i} {field!r}]", post(wire, body=HIDDEN)
        yield f"CL.0_get[{i} {field!r}]", post(wire, body=HIDDEN, path="/",
                                               method="GET")


def no_body_rows():
    """CL.0: methods and paths at which a reader may forget the body."""
    for method in ("GET", "HEAD", "OPTIONS", "DELETE", "PUT", "TRACE"):
        yield f"CL.0_{method}", post(length(HIDDEN), body=HIDDEN,
                                     method=method, path="/")
        yield f"CL.0_{method}_chunked", post(
            TE, body=b"%x\r\n%s\r\n%s" % (len(HIDDEN), HIDDEN, END),
            method=method, path="/")
    for path in ("/nowhere", "/users/x", "/fails", "/no-answer"):
        yield f"CL.0_at_{path}", post(length(HIDDEN), body=HIDDEN, path=path)
    yield "0.CL_expect", post("Expect: 100-continue", length(HIDDEN),
                              body=HIDDEN)
    yield "0.CL_expect_odd", post("Expect: y 100-continue", length(HIDDEN),
                                  body=HIDDEN)
    yield "0.CL_expect_at_nowhere", post("Expect: 100-continue",
                                         length(HIDDEN), body=HIDDEN,
                                         path="/nowhere")


# Chunked bodies with a request where one reader may think they end.
CHUNKS = [
    b"0;\r\n\r\n", b"0;x\n\r\n\r\n", b"0;x=\"\r\n\r\n", b"0 \r\n\r\n",
    b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"0\r\r\n\r\n", b"00\r\n\r\n",
    b"0x0\r\n\r\n", b"-0\r\n\r\n", b"+0\r\n\r\n", b"0\x00\r\n\r\n",
    b"0;a\rb\r\n\r\n", b"0;a\nb\r\n\r\n", b"1\r\nXX\r\n0\r\n\r\n",
    b"1\r\nX0\r\n\r\n", b"1;\nX\r\n0\r\n\r\n", b"2\r\nX\r\n0\r\n\r\n",
    b"1\nX\r\n0\r\n\r\n", b"1\rX\r\n0\r\n\r\n", b"1\r\nX\n0\r\n\r\n",
    b"10000000000000000\r\nX\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nX\r\n0\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\nTransfer-Encoding: x\r\n\r\n",
    b"0\r\nHost: b\r\n\r\n", b"0\r\nX: y\n\r\n", b"0\r\nX: y\r\n \r\n\r\n",
    b"0\r\n: y\r\n\r\n", b"0\r\nX y\r\n\r\n", b"0\r\nX: y\r\r\n\r\n",
    b"0\r\n\r\r\n", b"\r\n0\r\n\r\n", b"1;a=b;c\r\nX\r\n0\r\nX: y\r\n\r\n",
]


def chunk_rows():
    for i, chunks in enumerate(CHUNKS):
        yield f"chunks[{i} {chunks!r}]", post(TE, body=chunks + HIDDEN)
    # The extension of a chunk as a place to hide.
    hidden = HIDDEN.replace(b"\r\n", b"\n")
    yield "extension_with_bare_lf", post(
        TE, body=b"5;\n" + hidden + b"\r\nhello\r\n" + END)
    yield "extension_long", post(
        TE, body=b"1;a=" + b"b" * 20000 + b"\r\nX\r\n" + END + HIDDEN)


def line_rows():
    for name, end in (("lf", "\n"), ("cr", "\r"), ("lflf", "\n\n")):
        yield f"bare_{name}_in_field", \
            f"GET / HTTP/1.1\r\nHost: a\r\nX: y{end}".encode() + HIDDEN
        yield f"bare_{name}_ends_head", \
            f"GET / HTTP/1.1\r\nHost: a{end}\r\n".encode() + HIDDEN
    yield "target_with_a_request", \
        b"GET /?x HTTP/1.1\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "escaped_crlf_in_target", request(
        path="/files/x%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0aGET%20/smuggled")
    yield "connection_nominates_length", post(
        "Connection: Content-Length", length(HIDDEN), body=HIDDEN)
    yield "connection_nominates_coding", post(
        "Connection: Transfer-Encoding", TE, length(END + HIDDEN),
        body=END + HIDDEN)
    yield "upgrade_with_body", post(
        "Connection: Upgrade", "Upgrade: websocket", length(HIDDEN),
        body=HIDDEN)
    yield "upgrade_h2c", request("GET", "/", "Connection: Upgrade",
                                 "Upgrade: h2c", body=HIDDEN)
    yield "connect", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + HIDDEN
    yield "absolute_form", request(path="http://a/") + HIDDEN
    yield "two_hosts", request("GET", "/", "Host: b") + HIDDEN
    yield "pipelined", request(path="/") + HIDDEN


def rows():
    for part in (conflict_rows, field_rows, no_body_rows, chunk_rows,
                 line_rows):
        yield from part()


# ---- what comes back ----

HEAD = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [^\r\n]*\r\n"
                  rb"((?:[!-9;-~]+:[^\r\n]*\r\n)*)\r\n")


def field(fields, name):
    found = re.search(rb"(?im)^%s:[ \t]*(.*?)[ \t]*\r$" % name, fields)
    return found.group(1) if found else None


def chunks_end(data, at):
    while True:
        size = re.compile(rb"([0-9a-fA-F]+)\r\n").match(data, at)
        assert size, f"no chunk at {data[at:at + 40]!r}"
        at = size.end() + int(size.group(1), 16) + 2
        if int(size.group(1), 16) == 0:
            return at


def answers(data, is_head):
    """Statuses of the final answers; they must fill the bytes exactly."""
    found, at = [], 0
    while at < len(data):
        head = HEAD.match(data, at)
        assert head, f"no answer: {data[at:at + 80]!r}"
        status, at = int(head.group(1)), head.end()
        if status < 200:
            continue
        found.append(status)
        coding = field(head.group(2), rb"Transfer-Encoding")
        bytes_of = field(head.group(2), rb"Content-Length")
        if is_head and len(found) == 1 or status in (204, 304):
            continue
        if coding:
            at = chunks_end(data, at)
        else:
            at = at + int(bytes_of) if bytes_of else len(data)
    assert at == len(data), "an answer is cut short"
    return found


def exchange(port, wire):
    """All that comes back; our half is closed behind `wire`."""
    data = b""
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        try:
            peer.sendall(wire)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # a front end may refuse before it has all
        try:
            while more := peer.recv(65536):
                data += more
        except ConnectionResetError:
            pass  # or refuse so; an answer cut short is found
    return data


def victim(port, name):
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(VICTIM)
        data = b""
        while not data.endswith(b"user 77\n"):
            more = peer.recv(65536)
            assert more, f"{name}: the victim got {data!r}"
            data += more
    assert answers(data, is_head=False) == [200], \
        f"{name}: the victim got {data!r}"


def attack(port, name, wire):
    data = exchange(port, wire)
    try:
        statuses = answers(data, wire.startswith(b"HEAD"))
    except AssertionError as error:
        raise AssertionError(f"{name}: {error}; got {data[:400]!r}") from error
    # What the row holds, and what is hidden in it, if seen as a request.
    assert len(statuses) <= 2, f"{name}: {statuses}"
    for _ in range(2):
        victim(port, name)


def table(server, kind):
    """The case: every row through one front end with one kept connection."""
    proxy = Proxy(kind, server.address[1], 1)
    try:
        for name, wire in rows():
            attack(proxy.port, name, wire)
            ran = counts(server)["smuggled"]
            assert ran == 0, f"{name}: what it hides has run"
    finally:
        proxy.stop()
