# SPDX-License-Identifier: MIT
"""The echo workloads: a plain program on epoll as the floor, and ours, which
know no HTTP.  Served by bench/floor_echo and bench/echo."""

import os
import signal
import socket

from . import servers

TARGETS = ("floor-epoll", "flare-uring", "flare-epoll")
PROGRAMS = {"floor-epoll": "bench/floor_echo", "flare-uring": "bench/echo",
            "flare-epoll": "bench/echo"}
PAIRS = (("flare-uring", "floor-epoll"), ("flare-epoll", "floor-epoll"),
         ("flare-epoll", "flare-uring"))
# Name of the workload: the protocol.
WORKLOADS = {"tcp-echo": "tcp", "udp-echo": "udp"}
SIZES = [64, 16384]
CONNECTIONS = [1, 64]


class Server(servers.Server):
    """One of TARGETS over `protocol`; says itself when it listens."""

    def __init__(self, name, program, cpu, protocol, nice=0, before=()):
        self.protocol = protocol
        self.before = list(before)
        super().__init__(name, program, cpu, nice)

    def command(self, program):
        if self.name.startswith("floor-"):
            udp = ["-u"] if self.protocol == "udp" else []
            argv = [program, "-a", servers.ADDRESS, "-p", str(self.port), *udp]
        else:
            argv = [program, f"{servers.ADDRESS}:{self.port}", self.protocol]
        return self.before + argv, {"FLARE_BACKEND": self.name.split("-")[1]}

    def stop_child(self):
        """Ends the server below `before`, which then ends by itself."""
        for pid in self.pids()[1:]:
            os.kill(pid, signal.SIGTERM)
        self.process.wait(10)
        self.stop()

    def is_listening(self):
        return "listening" in self.output()


def start_all(names, paths, cpu, protocol, nice):
    running = []
    try:
        for name in names:
            running.append(Server(name, paths[name], cpu, protocol, nice))
    except BaseException:
        servers.stop_all(running)
        raise
    return running


def connect(server):
    kind = socket.SOCK_DGRAM if server.protocol == "udp" else \
        socket.SOCK_STREAM
    peer = socket.socket(socket.AF_INET, kind)
    peer.settimeout(5)
    peer.connect((servers.ADDRESS, server.port))
    return peer


def receive(server, peer, size):
    """The echo of a message of so many bytes."""
    if server.protocol == "udp":
        return peer.recv(65536)
    got = b""
    while len(got) < size:
        more = peer.recv(size - len(got))
        if not more:
            raise OSError(f"closed after {len(got)} bytes")
        got += more
    return got


def check(server, sizes):
    """A verdict as integrity.check gives it."""
    wrong = []
    try:
        with connect(server) as peer:
            for size in [1, *sizes]:
                message = os.urandom(size)
                peer.sendall(message)
                if receive(server, peer, size) != message:
                    wrong.append(f"{size} bytes come back as others")
    except OSError as error:
        wrong.append(str(error) or "timeout")
    return {"target": server.name, "bytes": sum(sizes), "told": [],
            "wrong": wrong}
