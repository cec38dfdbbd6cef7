# SPDX-License-Identifier: MIT
"""A server for flare-bench that answers what a test says."""

import socket
import struct
import threading


def answer(body, *fields):
    head = "".join(field + "\r\n" for field in fields)
    return (f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n"
            .encode() + body)


class Link:
    """A connection of a Peer."""

    def __init__(self, sock):
        self.socket = sock
        self.served = 0  # requests on it, the present one included
        self.head = b""  # of the present one
        self.file = None  # what is read from


class Peer:
    """`serve(link, number)` is called for each request, counted from 1 over all
    connections, and gives the answer's bytes; or a pair of bytes and what then
    happens: "end", "reset", or "wait" (nothing, until the client goes).
    `is_slow`: one byte at a time."""

    def __init__(self, serve=None, is_slow=False, path=None):
        self.serve = serve or (lambda link, number: answer(b"ok"))
        self.is_slow = is_slow
        self.path = path
        self.changed = threading.Condition()
        self.requests = 0
        self.connections = 0
        self.heads = []
        self.bodies = []
        self.links = set()
        self.port = 0
        self.listen_again()
        self.url = f"http://127.0.0.1:{self.port}"

    def listen_again(self):
        if self.path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.path)
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", self.port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(128)
        threading.Thread(target=self._accept, args=(self.listener,),
                         daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close_all()

    def close_all(self):
        """Nobody listens any more, and every connection is reset."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.changed:
            links = list(self.links)
        for link in links:
            self._reset(link.socket)

    def wait_for(self, requests):
        with self.changed:
            assert self.changed.wait_for(lambda: self.requests >= requests,
                                         30), self.requests

    @staticmethod
    def _reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass  # it has ended

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            if not self.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(sock)
            with self.changed:
                self.connections += 1
                self.links.add(link)
            threading.Thread(target=self._serve, args=(link,),
                             daemon=True).start()

    def _serve(self, link):
        try:
            self._talk(link)
        except (OSError, ValueError):
            pass  # the client has gone
        finally:
            with self.changed:
                self.links.discard(link)
            link.socket.close()

    def _talk(self, link):
        file = link.file = link.socket.makefile("rb", 65536)
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = file.readline()
                if not line:
                    return
                head += line
            length = head.lower().partition(b"content-length: ")[2]
            body = file.read(int(length.split()[0])) if length else b""
            with self.changed:
                self.requests += 1
                number = self.requests
                self.heads.append(head)
                self.bodies.append(body)
                self.changed.notify_all()
            link.served += 1
            link.head = head
            if not self._answer(link, number):
                return

    def _answer(self, link, number):
        told = self.serve(link, number)
        wire, then = told if isinstance(told, tuple) else (told, None)
        if self.is_slow:
            for i in range(len(wire)):
                link.socket.sendall(wire[i:i + 1])
        else:
            link.socket.sendall(wire)
        if then == "reset":
            self._reset(link.socket)
        elif then == "wait":
            while link.socket.recv(4096):
                pass
        return then is None
