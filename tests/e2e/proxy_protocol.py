# SPDX-License-Identifier: MIT
"""The PROXY protocol, versions 1 and 2: headers by hand, and HAProxy's own."""

import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from sockets import until
from wire import Peer, request

OPTIONS = ("proxy_protocol=1", "trusted=127.0.0.0/8", "forwarded=x",
           "head_timeout_ms=1500")
OTHERS = ("proxy_protocol=1", "trusted=10.0.0.0/8, unix")

V1 = b"PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

HAPROXY_CONF = """\
global
    maxconn 64
    nbthread 1
defaults
    mode http
    retries 0
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend front
    bind 127.0.0.1:{port}
    option forwardfor
    default_backend flare
backend flare
    server flare 127.0.0.1:{upstream} {word}
"""


def version_2(command=0x21, family=0x11, rest=b""):
    """A header of version 2; `rest` is addresses and TLVs."""
    return SIGNATURE + bytes([command, family]) + \
        struct.pack(">H", len(rest)) + rest


def inet(*tlvs):
    return socket.inet_aton("198.51.100.7") + socket.inet_aton("203.0.113.9") \
        + struct.pack(">HH", 4711, 443) + b"".join(tlvs)


def inet6():
    return socket.inet_pton(socket.AF_INET6, "2001:db8::7") + \
        socket.inet_pton(socket.AF_INET6, "2001:db8::9") + \
        struct.pack(">HH", 4711, 443)


NAMED = {"peer": "198.51.100.7:4711", "local": "203.0.113.9:443",
         "client": "198.51.100.7:4711"}
NAMED_6 = {"peer": "[2001:db8::7]:4711", "local": "[2001:db8::9]:443"}

# Name, header, what the handler is told; None: the socket's own ends.
GOOD = [
    ("v1_tcp4", V1, NAMED),
    ("v1_tcp6", b"PROXY TCP6 2001:db8::7 2001:db8::9 4711 443\r\n", NAMED_6),
    ("v1_unknown", b"PROXY UNKNOWN\r\n", None),
    ("v2_tcp4", version_2(rest=inet()), NAMED),
    ("v2_tcp4_and_a_TLV", version_2(rest=inet(b"\x04\0\x03abc")), NAMED),
    ("v2_tcp6", version_2(family=0x21, rest=inet6()), NAMED_6),
    ("v2_local", version_2(command=0x20, family=0), None),
    ("v2_local_with_addresses", version_2(command=0x20, rest=inet()), None),
]
BAD = [
    ("no_header", request(path="/ends")),
    ("a_port_too_large", b"PROXY TCP4 1.2.3.4 1.2.3.4 70000 443\r\n"),
    ("a_bare_LF", V1.replace(b"\r\n", b"\n")),
    ("two_spaces", V1.replace(b"TCP4 ", b"TCP4  ")),
    ("v2_version_3", version_2(command=0x31, rest=inet())),
    ("v2_too_short", version_2(rest=inet()[:8])),
    ("two_headers", V1 + V1),
]


def told(peer, *fields):
    """What /ends says."""
    peer.send(request("GET", "/ends", *fields))
    answer = peer.response()
    assert answer.status == 200, answer.status
    return dict(line.split(" ", 1)
                for line in answer.body.decode().splitlines())


def check_ends(peer, server, expected, *fields):
    if expected is None:
        own = "%s:%d" % peer.socket.getsockname()
        expected = {"peer": own, "client": own,
                    "local": "%s:%d" % server.address}
    got = told(peer, *fields)
    assert expected.items() <= got.items(), got


def accepts(header, expected):
    def run(server):
        for size in (len(header), 7, 1):
            with Peer(server.address) as peer:
                for at in range(0, len(header), size):
                    peer.send(header[at:at + size])
                check_ends(peer, server, expected)
                check_ends(peer, server, expected)  # of the connection
    return run


def is_cut(peer):
    """Closed without a byte."""
    try:
        return peer.socket.recv(4096) == b""
    except ConnectionResetError:
        return True


def refuses(header):
    def run(server):
        with Peer(server.address) as peer:
            peer.send(header + request(path="/smuggled"))
            if header == V1 + V1:  # the second one is a bad request
                assert peer.response().status == 400
            else:
                assert is_cut(peer)
    return run


def half_a_header(server):
    """It has the time that a head has."""
    with Peer(server.address) as peer:
        peer.send(V1[:20])
        started = time.monotonic()
        assert is_cut(peer)
        assert 1 < time.monotonic() - started < 5


def nothing_is_believed(server):
    with Peer(server.address) as peer:
        peer.send(V1 + request())
        assert is_cut(peer)


def forwarded_behind_it(server):
    """The header's source is no trusted proxy: its fields are its own."""
    with Peer(server.address) as peer:
        peer.send(V1)
        check_ends(peer, server, NAMED, "X-Forwarded-For: 192.0.2.1")
    with Peer(server.address) as peer:
        peer.send(version_2(command=0x20, family=0))
        assert told(peer, "X-Forwarded-For: 192.0.2.1")["client"] == \
            "192.0.2.1:0"


# ---- HAProxy ----

def haproxy():
    return shutil.which("haproxy",
                        path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def behind_haproxy(word):
    def run(server):
        port = free_port()
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as conf:
            conf.write(HAPROXY_CONF.format(
                port=port, upstream=server.address[1], word=word))
            conf.flush()
            process = subprocess.Popen([haproxy(), "-db", "-f", conf.name],
                                       stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            try:
                until(lambda: listens(port), 20)
                through(server, port)
            finally:
                process.terminate()
                process.wait(10)
    return run


def through(server, port):
    """The handler sees the client's own end, of each connection."""
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(request(path="/ends"))
            got = b""
            while b"\nclient " not in got or not got.endswith(b"\n"):
                piece = client.recv(4096)
                assert piece, got
                got += piece
            own = b"%s:%d" % (client.getsockname()[0].encode(),
                              client.getsockname()[1])
            assert b"\npeer " + own + b"\n" in got, (own, got)
            assert b"\nlocal 127.0.0.1:%d\n" % port in got, (port, got)
            # loopback is trusted, so the field that HAProxy adds counts
            assert b"\nclient 127.0.0.1:0\n" in got, got
    assert server.process.poll() is None


CASES = [
    *[(f"proxy_{name}", accepts(header, expected), "proxied")
      for name, header, expected in GOOD],
    *[(f"proxy_refuses_{name}", refuses(header), "proxied")
      for name, header in BAD],
    ("proxy_half_a_header", half_a_header, "proxied"),
    ("proxy_forwarded_behind_it", forwarded_behind_it, "proxied"),
    ("proxy_from_elsewhere", nothing_is_believed, "distrusting"),
]
if haproxy():
    CASES += [(f"haproxy_{word.replace('-', '_')}", behind_haproxy(word),
               "proxied") for word in ("send-proxy", "send-proxy-v2")]
else:
    print("SKIP haproxy send-proxy: not installed (scripts/setup test)")
