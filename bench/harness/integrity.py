# SPDX-License-Identifier: MIT
"""Do all targets do the same work?  Status, body and every header field but
Date and Server are compared byte for byte before anything is measured."""

import socket

STATUS = b"HTTP/1.1 200 OK"
FIELDS = {
    b"content-type": b"text/plain; charset=utf-8",
    b"content-length": b"6",
}
BODY = b"hello\n"
# A server may say who it is in its own words; the date moves.
FREE = (b"date", b"server")
# Says what HTTP/1.1 means anyway; more bytes for who sends it, no less work.
HARMLESS = {b"connection": b"keep-alive"}
DEPTH = 16


def exchange(server, count):
    """The bytes that answer `count` pipelined requests, as a list."""
    request = b"GET / HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (
        b"127.0.0.1", server.port)
    answers, data = [], b""
    with socket.create_connection(("127.0.0.1", server.port), 5) as peer:
        peer.settimeout(5)
        peer.sendall(request * count)
        while len(answers) < count:
            head, blank, rest = data.partition(b"\r\n\r\n")
            if blank and len(rest) >= len(BODY):
                length = len(head) + len(blank) + len(BODY)
                answers.append(data[:length])
                data = data[length:]
                continue
            more = peer.recv(65536)
            if not more:
                raise OSError(f"closed after {len(answers)} of {count} answers")
            data += more
    if data:
        raise OSError(f"{len(data)} bytes after the last answer")
    return answers


def without_date(answer):
    start = answer.lower().find(b"\r\ndate: ")
    if start < 0:
        return answer
    return answer[:start + 8] + b"*" * 29 + answer[start + 37:]


def parse(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    fields = [line.split(b": ", 1) for line in lines]
    return status, [(field[0].lower(), field[-1]) for field in fields], body


def differences(answer):
    """(what disqualifies, what is only worth telling)."""
    status, fields, body = parse(answer)
    wrong, told = [], []
    if status != STATUS:
        wrong.append(f"status line {status!r}")
    if body != BODY:
        wrong.append(f"body {body!r}")
    names = [name for name, _ in fields]
    for name, value in fields:
        if name in FREE:
            continue
        if HARMLESS.get(name) == value:
            told.append(f"adds {name.decode()}: {value.decode()}")
        elif FIELDS.get(name) != value:
            wrong.append(f"field {name!r}: {value!r}")
    wrong += [f"no field {name!r}" for name in FIELDS if name not in names]
    wrong += [f"field {name!r} twice" for name in set(names)
              if names.count(name) > 1]
    told += [f"no {name.decode()}" for name in FREE if name not in names]
    return wrong, told


def check(server):
    """One target's verdict, as a dictionary for the report."""
    try:
        answers = exchange(server, DEPTH)
    except OSError as error:
        return {"target": server.name, "bytes": 0, "told": [],
                "wrong": [str(error) or "timeout"]}, None
    wrong, told = differences(answers[0])
    bare = [without_date(answer) for answer in answers]
    if len(set(bare)) != 1:
        wrong.append(f"{DEPTH} pipelined answers are not all the same")
    return {"target": server.name, "bytes": len(answers[0]), "wrong": wrong,
            "told": told}, bare[0]


def check_all(servers):
    """Verdicts in the servers' order; a floor must send what flare sends."""
    checked = [check(server) for server in servers]
    floors = {answer for verdict, answer in checked
              if verdict["target"].startswith("floor-")}
    for verdict, answer in checked:
        if verdict["target"].startswith("flare-") and floors and \
                answer not in floors:
            verdict["told"].append("not byte for byte the floor's answer: "
                                   "bring bench/answer.h in line")
    return [verdict for verdict, _ in checked]
