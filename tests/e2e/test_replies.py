#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What our reader of responses accepts, a second reader (http.client, which is
not ours) reads as the same status and body, where it accepts it at all.

Responses one byte away from good ones: each byte set to what readers differ
at, dropped, doubled; and cut off everywhere, with the end of the connection.

    tests/e2e/test_replies.py [--build DIR]

The last line is "N passed, N failed".
"""

import argparse
import http.client
import io
import os
import subprocess
import sys

sys.dont_write_bytecode = True

from second_reader import VALUES

# enum of src/http/reply.h, and the method that http.client is told.
GET, HEAD = 0, 1
METHODS = {GET: "GET", HEAD: "HEAD"}

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CANONICAL = (
    ("length", GET, OK + b"Content-Length: 5\r\n\r\nhello"),
    ("length_and_more", GET, OK + b"Content-Length: 5\r\n\r\nhello" + OK),
    ("length_of_none", GET, OK + b"Content-Length: 0\r\nX: y\r\n\r\n"),
    ("end", GET, OK + b"Server: a\r\nX:\r\n\r\nhello"),
    ("end_1_0", GET, b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nhello"),
    ("length_1_0", GET, b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
     b"Content-Length: 2\r\n\r\nhi"),
    ("chunks", GET, CHUNKED + b"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n"),
    ("extension", GET, CHUNKED + b"3;a=\"b\";c\r\nabc\r\n0\r\n\r\n"),
    ("trailers", GET, CHUNKED + b"1\r\n!\r\n0\r\nX-T: v\r\nX-U:\r\n\r\n"),
    ("continue", GET, b"HTTP/1.1 100 Continue\r\n\r\n" + OK
     + b"Content-Length: 2\r\n\r\nhi"),
    ("no_content", GET, b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"),
    ("not_modified", GET, b"HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n"),
    ("head", HEAD, OK + b"Content-Length: 5\r\n\r\n"),
    ("head_chunked", HEAD, CHUNKED),
)


class Wire:
    """What http.client takes for a socket."""

    def __init__(self, data):
        self.data = data

    def makefile(self, _mode):
        return io.BytesIO(self.data)


def theirs(request, data):
    """Status and body, or None where http.client refuses."""
    response = http.client.HTTPResponse(Wire(data), method=METHODS[request])
    try:
        response.begin()
        return response.status, response.read()
    except (http.client.HTTPException, ValueError):
        return None


def mutations(data):
    yield data
    for at in range(len(data)):
        for value in VALUES:
            yield data[:at] + bytes([value]) + data[at + 1:]
        yield data[:at] + data[at + 1:]
        yield data[:at + 1] + data[at:]
        yield data[:at]


def ours(program, request, inputs):
    """Of each: status and body, or the name of an error."""
    lines = "".join(f"{request} {data.hex()}\n" for data in inputs)
    done = subprocess.run([program], input=lines, capture_output=True,
                          text=True, check=True)
    for line in done.stdout.splitlines():
        words = line.split(" ")
        if words[0] == "DONE":
            yield int(words[1]), bytes.fromhex(words[3])
        else:
            yield words[0]


def fault_of(data, our, their):
    if isinstance(our, str) or their is None:
        return None
    if 100 <= their[0] < 200:
        return None  # it skips 100 alone; 103 is an answer to it
    if our == their:
        return None
    return f"{data!r}: {our}, http.client {their}"


def run(program, name, request, data):
    inputs = list(dict.fromkeys(mutations(data)))
    answers = list(ours(program, request, inputs))
    if len(answers) != len(inputs):
        return f"{name}: {len(answers)} answers to {len(inputs)} inputs", 0
    both = 0
    for bytes_, our in zip(inputs, answers):
        their = theirs(request, bytes_)
        fault = fault_of(bytes_, our, their)
        if fault is not None:
            return fault, both
        both += not isinstance(our, str) and their is not None
    if isinstance(answers[0], str):
        return f"we refuse it unchanged: {answers[0]}", both
    return None, both


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    options = parser.parse_args()
    program = os.path.join(options.build, "tests/support/reply_read")
    passed = failed = 0
    for name, request, data in CANONICAL:
        fault, both = run(program, name, request, data)
        failed += fault is not None
        passed += fault is None
        print(f"ok   {name}, {both} read by both" if fault is None
              else f"FAIL {name}: {fault}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
