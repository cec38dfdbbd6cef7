# SPDX-License-Identifier: MIT
"""Every row of the bench: which targets, how much load, of what."""

from dataclasses import dataclass, field

FLOORS = ("floor-uring", "floor-epoll")
OURS = ("flare-uring", "flare-epoll")
FILE_SERVERS = ("nginx", "h2o", "lighttpd", "go")
ALL_PEERS = ("nginx", "h2o", "lighttpd", "haproxy", "go")


@dataclass
class Row:
    """`kind` is who runs it (rows.py).  The first target is what the others
    are compared with; `seconds` and `quick_seconds` are for all of them
    together, 0: not in such a run; `fixed`: it takes as long as it takes."""
    id: str
    workload: str
    kind: str
    title: str
    targets: tuple
    connections: int = 64
    depth: int = 1
    bytes: int = 0
    workers: int = 1
    unit: str = "request"
    seconds: float = 24
    quick_seconds: float = 0
    fixed: bool = False
    # The program that serves ours: examples/hello or bench/serve.
    is_hello: bool = False
    # For load_tls: its mode and options.
    words: tuple = ()
    # Part of what the first target can do, in percent, sent at a fixed rate.
    percent: int = 0
    marks: list = field(default_factory=list)


def http(name, title, targets, **more):
    return Row(more.pop("id", name), name, "http", title, targets, **more)


def plaintext():
    every = FLOORS + OURS + ALL_PEERS
    return [http("plaintext", f"Plaintext, {depth} in flight on each", every,
                 id=f"plaintext-{depth}", depth=depth, is_hello=True,
                 seconds=40, quick_seconds=9) for depth in (1, 16)]


def simple():
    return [
        http("json", "JSON, 48 bytes", OURS + ALL_PEERS, quick_seconds=5),
        http("mixed", "Mixed: hello, JSON with a browser's fields, 4 KiB, "
             "HEAD, POST, 404", OURS + ("nginx", "go"), quick_seconds=4),
        http("churn", "Churn: a connection for each request",
             OURS + ALL_PEERS, quick_seconds=5),
        http("file4k", "File, 4 KiB", OURS + FILE_SERVERS, quick_seconds=5),
        http("file1m", "File, 1 MiB", OURS + FILE_SERVERS, connections=16,
             quick_seconds=6),
        http("upload1m", "Upload, 1 MiB, kept whole",
             OURS + ("nginx", "go"), connections=16, quick_seconds=6),
        http("stream1m", "Upload, 1 MiB, read in pieces",
             OURS + ("nginx", "go"), connections=16),
    ]


def connections():
    return [http("connections", f"{count:,} connection{'s' * (count > 1)}",
                 FLOORS + OURS + ("nginx",), id=f"connections-{count}",
                 connections=count, is_hello=True, seconds=seconds,
                 quick_seconds=quick)
            for count, seconds, quick in ((1, 12, 0), (16, 15, 4),
                                          (256, 15, 0), (1024, 20, 5),
                                          (10000, 45, 0))]


def workers():
    return [http("workers", f"{count} worker{'s' * (count > 1)}",
                 FLOORS + OURS + ("nginx", "go"), id=f"workers-{count}",
                 workers=count, seconds=20, quick_seconds=5)
            for count in (1, 2)]


def rates():
    """Percent of what the first target answers in a closed loop."""
    return [http("rate", f"At a rate: {percent} % of what flare-uring can do",
                 OURS + ("nginx", "h2o", "haproxy", "go"),
                 id=f"rate-{percent}", is_hello=True, percent=percent,
                 seconds=12, quick_seconds=quick)
            for percent, quick in ((5, 0), (15, 3), (30, 0), (45, 0), (60, 3),
                                   (75, 0), (90, 3))]


def tool_rates():
    return [Row(f"rate-flare-bench-{percent}", "rate-flare-bench", "tool",
                f"At a rate, by flare-bench: {percent} % of what flare-uring "
                "can do", OURS + ("nginx", "go"), is_hello=True,
                percent=percent, seconds=16) for percent in (15, 60, 90)]


def tls():
    every = OURS + ("nginx", "h2o", "haproxy", "go")
    older = ("--tls12",)
    rows = [
        ("tls-keepalive", "TLS 1.3, open connections", every, 64, "request",
         ("requests",), 4),
        ("tls-bulk", "TLS 1.3, 1 MiB", OURS + ("nginx", "h2o", "go"), 16,
         "request", ("requests", "--path", "/files/1m"), 4),
        ("tls-handshake", "TLS 1.3, whole handshakes", every, 16, "handshake",
         ("full",), 4),
        ("tls-resumed", "TLS 1.3, resumed", OURS + ("nginx", "haproxy", "go"),
         16, "handshake", ("resumed",), 0),
        ("tls-handshake-1.2", "TLS 1.2, whole handshakes", every, 16,
         "handshake", ("full", *older), 0),
        ("tls-resumed-1.2", "TLS 1.2, resumed", OURS + ("nginx",), 16,
         "handshake", ("resumed", *older), 0),
    ]
    return [Row(name, name, "tls", title, targets, connections=count,
                unit=unit, words=words, quick_seconds=quick)
            for name, title, targets, count, unit, words, quick in rows]


def websocket():
    every = FLOORS + OURS + ("lws",)
    rows = [(32, 64, 1, 5), (32, 64, 16, 4), (1024, 64, 1, 0),
            (16384, 64, 1, 5)]
    found = [Row(f"ws-echo-{size}-{depth}", "ws-echo", "ws",
                 f"WebSocket echo, {size} bytes, {depth} in flight",
                 every if depth == 1 else every[:4],
                 connections=count, depth=depth, bytes=size, unit="message",
                 quick_seconds=quick) for size, count, depth, quick in rows]
    found.append(Row("ws-broadcast", "ws-broadcast", "room",
                     "WebSocket broadcast to 5 000", OURS, connections=5000,
                     bytes=32, unit="delivery", seconds=20, quick_seconds=6))
    return found


def echoes():
    return [Row(f"{kind}-echo-{size}", f"{kind}-echo", "echo",
                f"{kind.upper()} echo, {size} bytes",
                ("floor-epoll",) + OURS, bytes=size, unit="message",
                seconds=12) for kind in ("tcp", "udp") for size in (64, 16384)]


def clients():
    return [Row(f"client-{count}", "client", "client",
                f"HTTP client, {count} connections",
                OURS + ("libcurl", "wrk"), connections=count, seconds=30,
                quick_seconds=quick) for count, quick in ((64, 13), (256, 0))]


def fixed():
    return [
        Row("idle-memory", "idle-memory", "memory", "Idle connections",
            FLOORS + OURS + ALL_PEERS, connections=10000, seconds=60,
            quick_seconds=12, fixed=True, is_hello=True),
        Row("tls-idle-memory", "tls-idle-memory", "tls-memory",
            "Idle connections, TLS 1.3",
            ("openssl",) + OURS + ("nginx", "h2o", "haproxy", "go"),
            connections=2000, seconds=30, fixed=True),
        Row("ws-idle-memory", "ws-idle-memory", "ws-memory",
            "Idle WebSockets", OURS + ("lws",), connections=10000, seconds=25,
            fixed=True),
        Row("slow-clients", "slow-clients", "slow",
            "5 000 slow clients beside 16 honest connections",
            OURS + ("nginx",), connections=16, seconds=90, fixed=True),
    ]


ROWS = [*plaintext(), *simple(), *connections(), *workers(), *rates(),
        *tool_rates(), *tls(), *websocket(), *echoes(), *clients(), *fixed()]
# A few words for several, and what some of them were once called.
ALIASES = {
    "hello": ("plaintext",), "short": ("churn",),
    "tls": ("tls-keepalive", "tls-bulk", "tls-handshake", "tls-resumed",
            "tls-handshake-1.2", "tls-resumed-1.2", "tls-idle-memory"),
    "ws": ("ws-echo", "ws-broadcast", "ws-idle-memory"),
    "files": ("file4k", "file1m"), "uploads": ("upload1m", "stream1m"),
    "memory": ("idle-memory", "tls-idle-memory", "ws-idle-memory"),
}


def workload_names():
    return list(dict.fromkeys(row.workload for row in ROWS))


def choose(words):
    """The rows of these workloads, rows or aliases; KeyError names one that
    is none of them."""
    names = set()
    for word in words:
        names.update(ALIASES.get(word, (word,)))
    known = {name for row in ROWS for name in (row.workload, row.id)}
    for name in sorted(names - known):
        raise KeyError(name)
    return [row for row in ROWS if {row.workload, row.id} & names]
