# SPDX-License-Identifier: MIT
"""The examples below HTTP: addresses, names, errors, URLs, codings, bytes, TCP,
UDP."""

import gzip
import os
import socket
import subprocess
import threading
import zlib

MIB = 1 << 20


def run_bytes(server, program, *arguments, given=b"", status=0):
    """What another example wrote: to standard output, and to the other."""
    folder = os.path.dirname(server.process.args[0])
    environment = dict(os.environ, FLARE_BACKEND=server.backend)
    done = subprocess.run(
        [os.path.join(folder, program), *arguments], input=given,
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=60, check=False)
    assert done.returncode == status, (done.returncode, done.stderr)
    return done.stdout, done.stderr.decode()


def run(*arguments, **how):
    """The same as text."""
    out, told = run_bytes(*arguments, **how)
    return out.decode(), told


def addresses(server):
    out, _ = run(server, "addresses")
    for line in ("  socket [2001:db8::1]:443",
                 "  address 10.0.0.1, IPv4, private: not to be",
                 "  network 10.0.0.0/8, 10.1.2.3 is in it",
                 "  no network '127.1': "):
        assert line in out, out
    out, _ = run(server, "addresses", "::FFFF:8.8.8.8", "010.1.2.3", status=1)
    assert "\n  address 8.8.8.8, IPv4, global\n010.1.2.3\n  no " in out, out


def errors(server):
    """Every code has a row, and no other number has a name."""
    out, _ = run(server, "errors")
    rows = [line.split(None, 4) for line in out.split("\n\n")[0].splitlines()]
    own = [row for row in rows if row[1].startswith("FLARE_E_")]
    assert len(own) >= 50 and rows[0][1] == "FLARE_E_BAD_REQUEST", out
    assert [int(row[0]) for row in own] == \
        list(range(int(own[0][0]), int(own[0][0]) + len(own))), out
    assert all(len(row) == 5 and row[2] not in ("none", "unknown")
               for row in rows), out
    assert "ECONNREFUSED                system  500  connection refused" in out
    out, _ = run(server, "errors", str(int(own[-1][0]) + 1), "0")
    assert out.splitlines()[0].split()[1] == "UNKNOWN", out
    assert out.splitlines()[1].split()[2] == "none", out


def names(server):
    out, _ = run(server, "dns", "127.0.0.1", "::1", "bad host", "127.1",
                 status=1)
    lines = sorted(out.splitlines())
    assert lines.count("127.0.0.1: 127.0.0.1 (loopback)") == 2, out
    assert lines.count("::1: ::1 (loopback)") == 2, out
    assert lines.count("at once: FLARE_E_BAD_HOSTNAME") == 2, out
    assert any("host '127.1': " in line for line in lines), out


def urls(server):
    out, _ = run(server, "url")
    for line in ("  host 'EXAMPLE.com'", "  port 80", "  credentials, ",
                 "  for logs: HTTP://EXAMPLE.com:80/a/./%7Eb",
                 "  is the same as: http://joe:secret@example.com/a/~b"):
        assert line in out, out
    out, _ = run(server, "url", "http://[::1]/a/b", "../c?d", "//h/",
                 "a b", status=1)
    assert out.endswith(
        "../c?d: http://[::1]/c?d\n//h/: http://h/ (another origin)\n"
        "a b: URL: byte 2 is a space; it is to be percent-encoded\n"), out
    _, told = run(server, "url", "http://joe:secret@h\\/", status=1)
    assert "byte 20 is" in told and "secret" not in told, told


def codings(server):
    """Both ways, with Python's zlib on the other side."""
    text = b"".join(b"line %d of a text\n" % i for i in range(50000))
    try:
        packed, _ = run_bytes(server, "encoding", "gzip", given=text)
    except AssertionError as error:
        if b"not supported" not in error.args[0][1]:
            raise
        print("SKIP example_codings: built without zlib")
        return
    assert gzip.decompress(packed) == text
    for name, theirs in (("gzip", gzip.compress(text)),
                         ("zlib", zlib.compress(text)),
                         ("gzip", gzip.compress(b"") + gzip.compress(text))):
        out, _ = run_bytes(server, "encoding", "-d", name, given=theirs)
        assert out == text, name
    ours, _ = run_bytes(server, "encoding", "raw", given=text)
    assert zlib.decompress(ours, -15) == text
    for given, fault in ((packed[:-1], "coding is faulty"),
                         (packed + b"x", "coding is faulty"), (b"", "faulty"),
                         (gzip.compress(bytes(30 * MIB)), "too much")):
        _, told = run_bytes(server, "encoding", "-d", "gzip", given=given,
                            status=1)
        assert fault in told, told
    run_bytes(server, "encoding", "br", status=1)


def reads_messages(server):
    message = b"to: ada\r\nlength: 5\r\n\r\nhello"
    out, _ = run(server, "reader", given=message + b"length: 0\n\n")
    assert out == ('line "to: ada"\nline "length: 5"\nbody "hello"\n'
                   'line "length: 0"\nbody ""\n'), out
    for given, fault in ((message[:-1], "ended the stream too early"),
                         (b"a: b\n", "ended the stream too early"),
                         (101 * b"x", "line is too long"),
                         (b"length: -1\n\n", "absent or invalid"),
                         (b"length: 9999999\n\n", "out of range")):
        _, told = run(server, "reader", given=given, status=1)
        assert fault in told, told


def client_and_server(server):
    out, _ = run(server, "tcp_client", "localhost", str(server.address[1]),
                 "hello", "", "world")
    assert out == "hello\n\nworld\n", out


def client_in_a_loop_of_another_kind(server):
    port = str(server.address[1])
    out, _ = run(server, "embed", "localhost", port, given=b"hello\nworld\n")
    assert out == "hello\nworld\n", out
    text = "0123456789abcdef" * (MIB // 2)
    out, _ = run(server, "embed", "127.0.0.1", port, given=text.encode())
    assert out == text, len(out)
    _, told = run(server, "embed", "bad host", port, status=1)
    assert "bad host" in told, told


def client_is_refused(server):
    with socket.socket() as unheard:  # bound, and listens not
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        _, told = run(server, "tcp_client", "127.0.0.1", str(port), "hello",
                      status=1)
    assert f"127.0.0.1:{port}" in told and "refused" in told, told
    _, told = run(server, "tcp_client", "bad host", "1", "x", status=1)
    assert "bad host" in told, told


def echo_of_a_peer_that_reads_late(server):
    """More than any buffer holds, and all of it comes back in order."""
    wanted = os.urandom(32 * MIB)

    def send():
        peer.sendall(wanted)
        peer.shutdown(socket.SHUT_WR)

    with socket.create_connection(server.address, 30) as peer:
        thread = threading.Thread(target=send)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "all of it was taken"
        got = bytearray()
        while piece := peer.recv(MIB):
            got += piece
        thread.join()
    assert got == wanted, len(got)


def lines(server):
    with socket.create_connection(server.address, 10) as peer:
        for byte in b"one\r\n\ntwo\nqu":
            peer.sendall(bytes([byte]))
        peer.sendall(b"it\nnever\n")
        got = b""
        while piece := peer.recv(4096):
            got += piece
    assert got == b"one\n\ntwo\n", got


def line_too_long(server):
    with socket.create_connection(server.address, 10) as peer:
        peer.sendall(b"short\n" + 9000 * b"x")
        got = b""
        while piece := peer.recv(4096):
            got += piece
    assert got == b"short\n", got


def datagrams(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.connect(server.address)
        for size in (5, 0, 1, 1400, 60000):
            wanted = os.urandom(size)
            peer.send(wanted)
            assert peer.recv(65535) == wanted, size
    out, _ = run(server, "udp", "127.0.0.1:%d" % server.address[1], "hello")
    assert out == "hello\n", out


def nobody_hears_a_datagram(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    _, told = run(server, "udp", f"127.0.0.1:{port}", "hello", status=1)
    assert "refused" in told, told


CASES = [
    *[(f"example_{case.__name__}", case, "tcp_echo") for case in (
        addresses, errors, names, urls, codings, reads_messages,
        client_and_server, client_in_a_loop_of_another_kind,
        client_is_refused, echo_of_a_peer_that_reads_late)],
    *[(f"example_{case.__name__}", case, "line_protocol") for case in (
        lines, line_too_long)],
    *[(f"example_{case.__name__}", case, "udp") for case in (
        datagrams, nobody_hears_a_datagram)],
]
