# SPDX-License-Identifier: MIT
"""User memory of idle connections: what a server's processes hold with them
open, over what they held at rest, after traffic that touches every receive
buffer.  Anonymous pages are exactly theirs; the kernel's own memory for a
connection is not in it."""

import socket
import time

from . import servers, tls

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
# Each from an address of its own, lest ports run out: 127.0.0.2 and on.
SOURCES = 8
# More than any server has receive buffers.
WARM_REQUESTS = 8192
WARM_CONNECTIONS = 16
WARM_TLS = 64
SETTLE_SECONDS = 0.3


def memory(server):
    """Bytes: anonymous, proportional, and anonymous in huge pages."""
    sums = {"Anonymous": 0, "Pss": 0, "AnonHugePages": 0}
    for pid in server.pids():
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                for line in file:
                    key, _, rest = line.partition(":")
                    if key in sums:
                        sums[key] += int(rest.split()[0]) * 1024
        except OSError:
            continue  # it has just ended
    return sums


def answered(peer):
    peer.sendall(REQUEST)
    data = b""
    while not data.endswith(b"\r\n\r\nhello\n"):
        more = peer.recv(4096)
        if not more:
            raise OSError("a connection was closed instead of answered")
        data += more


def connect(server, number):
    peer = socket.create_connection(
        (servers.ADDRESS, server.port), 10,
        source_address=(f"127.0.0.{2 + number % SOURCES}", 0))
    answered(peer)
    return peer


def connect_tls(server, _number):
    peer = tls.connect(server)
    tls.exchange(peer)
    return peer


def warm(server):
    peers = [connect(server, i) for i in range(WARM_CONNECTIONS)]
    for i in range(WARM_REQUESTS):
        answered(peers[i % WARM_CONNECTIONS])
    for peer in peers:
        peer.close()


def warm_tls(server):
    for _ in range(WARM_TLS):
        connect_tls(server, 0).close()


def measure(server, count, is_tls=False):
    """A dictionary for the report."""
    (warm_tls if is_tls else warm)(server)
    time.sleep(SETTLE_SECONDS)
    rest = memory(server)
    peers = []
    try:
        for i in range(count):
            peers.append((connect_tls if is_tls else connect)(server, i))
        time.sleep(SETTLE_SECONDS)
        held = memory(server)
    finally:
        for peer in peers:
            peer.close()
    return {
        "target": server.name, "error": None,
        "bytes": (held["Anonymous"] - rest["Anonymous"]) / count,
        "pss_bytes": (held["Pss"] - rest["Pss"]) / count,
        "rest_kib": rest["Anonymous"] >> 10,
        "held_kib": held["Anonymous"] >> 10,
        "marks": ["huge pages"]
        if held["AnonHugePages"] > rest["AnonHugePages"] else [],
    }
