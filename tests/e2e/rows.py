# SPDX-License-Identifier: MIT
"""Rows: bytes to send, and what must come back.

`expects` is a list of answers in order: a status, with `h` behind it if it
answers HEAD and has no body, with `c` if it must be the last of the connection
(Connection: close, then an orderly end).

Behind the bytes of a row that must be refused comes a request for /smuggled,
in the same segment: it must not be answered, nor run (the counter is looked at
in the end).  A row that must not be refused is followed by an ordinary
request, which must be.  Each row is sent whole, in two pieces and bytewise.
"""

import time

from wire import Closed, Peer, SMUGGLED, request

PROBE = request(path="/users/77")
BYTEWISE_MAX = 700


class Row:
    def __init__(self, name, wire, expects, tail=True, fin=False,
                 server="plain", contains=None, rest=0):
        self.name = name
        self.wire = wire
        self.expects = expects.split()
        self.is_last = self.expects[-1].endswith("c")
        self.tail = tail and self.is_last and not fin
        self.fin = fin
        self.server = server
        self.contains = contains
        self.rest = rest  # bytes of wire that follow the request

    def run(self, server):
        wire = self.wire + (SMUGGLED if self.tail else b"")
        half = len(self.wire) // 2
        self._check("whole", server, [wire])
        self._check("halves", server, [wire[:half], wire[half:]])
        if len(wire) <= BYTEWISE_MAX:
            apart = len(wire)
            if self._asks_for_end():
                apart = len(self.wire) - self.rest - 1
            pieces = [wire[i:i + 1] for i in range(apart)]
            self._check("bytewise", server, pieces + [wire[apart:]])

    def _asks_for_end(self):
        """A peer that said it would send no more may be reset if it does: what
        follows must be there before the answer is."""
        return self.expects[-1].startswith("200c") and (
            b"close" in self.wire.lower() or b"HTTP/1.0" in self.wire)

    def _check(self, how, server, pieces):
        try:
            with Peer(server.address) as peer:
                self._send(peer, pieces)
                self._read(peer)
        except (AssertionError, OSError, Closed) as error:
            raise AssertionError(f"{how}: {error}") from error

    def _send(self, peer, pieces):
        for i, piece in enumerate(pieces):
            if i == 1 and len(pieces) == 2:
                time.sleep(0.005)  # so that they come apart
            peer.send(piece)
        if self.fin:
            peer.finish()

    def _read(self, peer):
        for expected in self.expects:
            answer = peer.response(is_head="h" in expected)
            assert str(answer.status) == expected.rstrip("ch"), \
                f"{answer.status}, not {expected}"
            assert answer.is_last == ("c" in expected), \
                f"{answer.status} with Connection {answer.all(b'Connection')}"
        if self.contains is not None:
            assert self.contains in answer.body, answer.body
        if self.is_last:
            peer.end()
            return
        peer.send(PROBE)
        answer = peer.response()
        assert (answer.status, answer.body) == (200, b"user 77\n"), \
            f"the next request got {answer.status}"
