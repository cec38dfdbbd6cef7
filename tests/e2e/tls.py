# SPDX-License-Identifier: MIT
"""HTTPS from outside: OpenSSL's s_client, Python's ssl, bytes by hand."""

import contextlib
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from proxy_protocol import NAMED, SIGNATURE, V1, inet, version_2
from servers import Server
from sockets import until
from tls_pki import (MIB, OPENSSL, Memory, TlsPeer, auth, connect, context,
                     dribble, only, options, pki)
from wire import Closed, Peer, request

KINDS = {
    "tls": options,
    "own_tls": options,
    # alone: on a busy machine any handshake may take a second
    "tls_hasty": lambda: options("tls_handshake_timeout_ms=1000"),
    "tls_asked": lambda: auth("asked"),
    "tls_required": lambda: auth("required"),
    "tls_proxied": lambda: options("proxy_protocol=1", "trusted=127.0.0.0/8"),
}

GET = request(host="a.test")
LAST = request("GET", "/tls", "Connection: close", host="a.test")


def facts(answer):
    assert answer.status == 200, answer.body
    return dict(line.split(" ", 1) for line in
                answer.body.decode().splitlines() if " " in line)


def ask(peer, path="/tls", *fields, host="a.test"):
    peer.send(request("GET", path, *fields, host=host))
    return peer.response()


# ---- openssl s_client


# What a command of s_client makes it print, and a request.
EFFECTS = {b"k": b"KEYUPDATE", b"K": b"KEYUPDATE", b"R": b"RENEGOTIATING",
           b"G": b"200 OK"}


def s_client(server, *arguments, name="a.test", stdin=LAST, commands=()):
    """What it printed until the server's end; `commands` go before `stdin`."""
    process = subprocess.Popen(
        [OPENSSL, "s_client", "-connect", "%s:%d" % server.tls_address,
         "-servername", name, "-CAfile", pki()["ca.pem"], *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    seen = bytearray()

    def collect():
        while True:
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return
            seen.extend(data)

    reader = threading.Thread(target=collect)
    reader.start()
    try:
        def told(mark, count):
            return seen.count(mark) > count or process.poll() is not None

        if commands:
            until(lambda: told(b"Verify return code", 0))
        for words in commands:  # read together they would be none
            mark = EFFECTS[words[:1]]
            count = seen.count(mark)
            process.stdin.write(words)
            process.stdin.flush()
            until(lambda mark=mark, count=count: told(mark, count))
        process.stdin.write(stdin)
        process.stdin.flush()
        reader.join(20)
    except BrokenPipeError:
        reader.join(20)
    finally:
        process.kill()
        process.wait()
        reader.join()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
    return seen.decode(errors="replace")


CIPHERS = [
    ("1.3", "TLS_AES_128_GCM_SHA256"),
    ("1.3", "TLS_AES_256_GCM_SHA384"),
    ("1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ("1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("1.2", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("1.2", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("1.2", "ECDHE-RSA-CHACHA20-POLY1305"),
]
REFUSED = ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "AES128-SHA",
           "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"]


def s_client_has_each_cipher(server):
    for version, cipher in CIPHERS:
        word = "-ciphersuites" if version == "1.3" else "-cipher"
        out = s_client(server, "-tls" + version.replace(".", "_"), word, cipher,
                       "-verify_return_error")
        assert f"Cipher is {cipher}\n" in out, out
        assert "Verify return code: 0 (ok)" in out, out
        assert f"version TLSv{version}\n" in out, out
        assert "resumed 0\n" in out and "name a.test\n" in out, out


def s_client_is_refused_old_ciphers(server):
    for cipher in REFUSED:
        out = s_client(server, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
        assert "alert handshake failure" in out, (cipher, out)


def T01_s_client_is_refused_old_versions(server):
    for version in ("-tls1_1", "-tls1"):
        out = s_client(server, version, "-cipher", "ALL:@SECLEVEL=0")
        assert "alert protocol version" in out, out


def s_client_resumes(server):
    with tempfile.TemporaryDirectory() as folder:
        kept = os.path.join(folder, "session")
        for version in ("-tls1_2", "-tls1_3"):
            out = s_client(server, version, "-sess_out", kept)
            assert "\nNew, TLSv1" in out, out
            out = s_client(server, version, "-sess_in", kept)
            assert "\nReused, TLSv1" in out and "resumed 1\n" in out, out


def T06_s_client_alpn(server):
    out = s_client(server, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: http/1.1" in out and "alpn http/1.1\n" in out, out
    out = s_client(server, "-alpn", "h2")
    assert "alert no application protocol" in out, out
    assert "No ALPN negotiated" in s_client(server)


def s_client_is_shown_the_name_it_asks_for(server):
    for name, subject in (("a.test", "a"), ("b.test", "b"), ("A.TEST", "a"),
                          ("other.test", "a")):
        out = s_client(server, name=name)
        assert re.search(rf"^subject=CN ?= ?{subject}$", out, re.M), out


def s_client_status(server):
    out = s_client(server, "-status")
    assert "OCSP Response Status: successful" in out, out
    assert "Cert Status: good" in out, out
    assert "OCSP response: no response sent" in \
        s_client(server, "-status", name="b.test")


def s_client_key_update(server):
    for word in (b"k\n", b"K\n"):
        out = s_client(server, "-tls1_3", commands=[word] * 3)
        assert out.count("KEYUPDATE") == 3, out
        assert "version TLSv1.3\n" in out, out


def T02_s_client_renegotiation(server):
    out = s_client(server, "-tls1_2", commands=[b"R\n"])
    assert "RENEGOTIATING" in out and "no renegotiation" in out, out
    assert "version TLSv1.2" not in out, out
    out = s_client(server, "-tls1_2")
    assert "Secure Renegotiation IS supported" in out, out


# ---- who the client is


def client_certificates_asked_for(server):
    for version in ("1.2", "1.3"):
        with TlsPeer(server, only(version)) as peer:
            told = facts(ask(peer))
            assert told["verified"] == "0", told
            assert told["subject"] == "FLARE_E_TLS_NO_CERTIFICATE", told
        with TlsPeer(server, only(version, client="client")) as peer:
            told = facts(ask(peer))
        with open(pki()["client.pem"], encoding="ascii") as pem:
            der = ssl.PEM_cert_to_DER_cert(pem.read())
        want = {"verified": "1", "subject": "CN=alice,O=Example",
                "issuer": "CN=test CA", "san": "email:alice@a.test",
                "fingerprint": hashlib.sha256(der).hexdigest()}
        assert want.items() <= told.items(), told
        _refused(server, only(version, client="stranger"))


def client_certificates_required(server):
    for version in ("1.2", "1.3"):
        with TlsPeer(server, only(version, client="client")) as peer:
            assert facts(ask(peer))["verified"] == "1"
        _refused(server, only(version))
        _refused(server, only(version, client="stranger"))


def _refused(server, made):
    """With an alert; in TLS 1.3 the client has ended its handshake before."""
    try:
        with TlsPeer(server, made) as peer:
            ask(peer)
    except (ssl.SSLError, Closed):
        return
    raise AssertionError("was let in")


def a_resumed_client_is_still_known(server):
    for version in ("1.2", "1.3"):
        made = only(version, client="client")
        with TlsPeer(server, made) as peer:
            assert facts(ask(peer))["resumed"] == "0"
            session = peer.socket.session
        with TlsPeer(server, made, session=session) as peer:
            told = facts(ask(peer))
        assert told["resumed"] == "1", told
        assert told["subject"] == "CN=alice,O=Example", told


# ---- bytes


def T05_client_hello_in_pieces(server):
    for size in (1, 7, 1000):
        with connect(server) as plain:
            end = Memory(plain, dribble(size))
            end.run(end.tls.do_handshake)
            end.run(end.tls.write, LAST)
            assert b"200 OK" in end.run(end.tls.read, 4096)


def records_of_one_byte(server):
    with TlsPeer(server) as peer:
        for byte in GET + GET:
            peer.send(bytes([byte]))
        assert peer.response().body == peer.response().body == b"hello\n"


def T04_a_stalled_handshake_ends(server):
    hello = ssl.MemoryBIO()
    tls = context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.test")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    first = hello.read()
    for sent in (b"", first[:1], first[:100], first):
        start = time.monotonic()
        with connect(server) as plain:
            plain.sendall(sent)
            try:
                while plain.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        assert 0.9 < time.monotonic() - start < 8, len(sent)


def T04_a_byte_now_and_then_does_not_help(server):
    start = time.monotonic()
    with connect(server) as plain:
        plain.settimeout(0.1)
        try:
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9:
                plain.sendall(bytes([byte]))
                with contextlib.suppress(socket.timeout):
                    if not plain.recv(1):
                        break
            else:
                raise AssertionError("still open")
        except ConnectionError:
            pass
    assert time.monotonic() - start < 8


def T14_plain_http_is_told(server):
    for first in (GET, request("DELETE", "/x"), b"POST / HTTP/1.1\r\nContent"):
        with Peer(server.tls_address) as peer:
            peer.send(first)
            answer = peer.response()
            assert answer.status == 400 and answer.is_last, answer.status
            assert b"HTTPS" in answer.body, answer.body
            peer.end()
    with Peer(server.tls_address) as peer:  # no request: no answer
        peer.send(b"\0\1\2\3\4\5\6\7 noise")
        try:
            assert not peer.fill(), peer.pending
        except ConnectionResetError:
            pass
    with TlsPeer(server) as peer:
        assert ask(peer, "/").body == b"hello\n"


def T14_tls_on_the_plain_port(server):
    plain = socket.create_connection(server.address, 10)
    with plain:
        try:
            context().wrap_socket(plain, server_hostname="a.test")
        except (ssl.SSLError, ConnectionResetError):
            pass
        else:
            raise AssertionError("TLS on the plain port")
    with Peer(server.address) as peer:
        peer.send(b"\x16\x03\x01\x00\x10\x01\x00\x00\x0c\x03\x03")
        answer = peer.response()
        assert answer.status == 400 and answer.is_last
        peer.end()


def T07_misdirected(server):
    for host, status in (("a.test", 200), ("a.test:8443", 200),
                         ("localhost", 200), ("127.0.0.1", 200),
                         ("b.test", 421), ("other.test", 421),
                         ("10.0.0.1", 421)):
        with TlsPeer(server) as peer:
            answer = ask(peer, "/", host=host)
            assert answer.status == status, (host, answer.status)
            assert answer.is_last == (status == 421)
    with TlsPeer(server, name="b.test") as peer:
        assert ask(peer, "/", host="b.test").status == 200


def T08_an_end_without_close_notify(server):
    """It may be anybody's: an abort, whatever was under way."""
    for text in (request("GET", "/never", host="a.test"), GET[:20],
                 request("POST", "/echo", "Content-Length: 10", host="a.test",
                         body=b"half")):
        with TlsPeer(server) as peer:
            peer.send(text)
            socket.socket.shutdown(peer.socket, socket.SHUT_WR)
            try:
                peer.response()
            except (Closed, OSError):
                continue
            raise AssertionError("an answer")


def an_orderly_end_has_close_notify(server):
    for version in ("1.2", "1.3"):
        with TlsPeer(server, only(version)) as peer:
            answer = ask(peer, "/", "Connection: close")
            assert answer.is_last
            peer.socket.suppress_ragged_eofs = False
            assert peer.socket.recv(1) == b""


# ---- bodies


def http_and_https_side_by_side(server):
    with Peer(server.address) as plain, TlsPeer(server) as peer:
        told = facts(ask(plain))
        assert told == {"plain": "ENOTCONN", "scheme": "http"}, told
        assert facts(ask(peer))["scheme"] == "https"


def pipelined_requests(server):
    with TlsPeer(server) as peer:
        peer.send(GET * 100)
        for _ in range(100):
            assert peer.response().body == b"hello\n"


def a_file_of_64_mib(server):
    with open(pki()["big"], "rb") as big:
        want = hashlib.sha256(big.read()).digest()
    for version in ("1.2", "1.3"):
        with TlsPeer(server, only(version), timeout=60) as peer:
            answer = ask(peer, "/file")
            assert len(answer.body) == 64 * MIB
            assert hashlib.sha256(answer.body).digest() == want
            assert ask(peer, "/").body == b"hello\n"


def answers_in_pieces(server):
    letters = bytes(range(ord("a"), ord("z") + 1))
    with TlsPeer(server) as peer:
        assert ask(peer, "/pulled").body == (letters * 40330)[:MIB]
        assert ask(peer, "/events").body.count(b"tick\n\n") == 3
        big = ask(peer, "/static").body
        assert len(big) == 4 * MIB and ask(peer, "/give").body == big


def send_and_read(peer, data):
    """Sends all of it while what comes is taken into peer.pending: in one
    thread, as two may not use one connection of OpenSSL's at a time."""
    data = memoryview(data)
    end = time.monotonic() + 60
    peer.socket.setblocking(False)
    while data:
        assert time.monotonic() < end, f"{len(data)} bytes are not taken"
        try:
            data = data[peer.socket.send(data[:65536]):]
            continue
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        try:
            assert peer.fill(), "closed while it was sent to"
        except ssl.SSLWantReadError:
            select.select([peer.socket], [peer.socket], [], 1)
    peer.socket.settimeout(60)


def uploads(server):
    body = os.urandom(10 * MIB)
    length = f"Content-Length: {len(body)}"
    for version in ("1.2", "1.3"):
        with TlsPeer(server, only(version), timeout=60) as peer:
            peer.send(request("POST", "/stream", length, host="a.test",
                              body=body))
            assert peer.response().body == b"bytes %d\nsum \n" % len(body)
            send_and_read(peer, request("POST", "/echo", length,
                                        host="a.test", body=body))
            assert peer.response().body == body


def key_update_while_an_answer_is_sent(server):
    """Between any two records, both ways (T03 caps how many)."""
    big = request("GET", "/static", host="a.test")
    out = s_client(server, "-tls1_3", commands=[big, b"K\n", b"k\n", big,
                                                b"K\n"])
    assert out.count("KEYUPDATE") == 3 and "version TLSv1.3\n" in out, \
        out[-1000:]
    assert out.count("200 OK") == 3, out.count("200 OK")


# ---- the PROXY protocol


def proxy_header_before_tls(server):
    for header in (V1, version_2(rest=inet())):
        for size in (None, 1):
            with connect(server) as plain:
                first = [header]

                def send(to, data, first=first, size=size):
                    data = (first.pop() if first else b"") + data
                    dribble(size or len(data))(to, data)

                end = Memory(plain, send)
                end.run(end.tls.do_handshake)
                end.run(end.tls.write, request("GET", "/ends", host="a.test"))
                answer = end.run(end.tls.read, 4096).decode()
                for name, value in NAMED.items():
                    if name != "client":
                        assert f"{name} {value}\n" in answer, answer


def no_proxy_header_no_tls(server):
    for first in (b"", SIGNATURE[:5] + b"x" * 20):
        try:
            with TlsPeer(server, before=first, timeout=5) as peer:
                ask(peer)
        except (OSError, Closed):
            continue
        raise AssertionError("served")


# ---- reload, drain


class Load:
    """Threads that ask again and again; any failure is kept."""

    def __init__(self, server, keep_alive, threads=6):
        self.server = server
        self.keep_alive = keep_alive
        self.is_over = False
        self.answered = 0
        self.faults = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run)
                        for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def _connection(self, made):
        with TlsPeer(self.server, made) as peer:
            while not self.is_over:
                answer = ask(peer, "/")
                assert answer.body == b"hello\n", answer.status
                with self.lock:
                    self.answered += 1
                if not self.keep_alive:
                    return True
                if answer.is_last:
                    return False
        return False

    def _run(self):
        made = context()
        try:
            while not self.is_over and self._connection(made):
                pass
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(repr(error))


class Reloaded:
    """A server of its own, with one pair of files that are replaced."""

    def __init__(self, like):
        self.folder = tempfile.TemporaryDirectory()
        self.put("a")
        pair = ",".join(os.path.join(self.folder.name, name)
                        for name in ("cert.pem", "key.pem"))
        self.server = Server(like.process.args[0], "tls_listen=127.0.0.2:0",
                             f"tls_pair={pair}", "workers=2",
                             backend=like.backend)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.server.stop()
        self.folder.cleanup()

    def put(self, name):
        for end, to in (("pem", "cert.pem"), ("key", "key.pem")):
            shutil.copy(pki()[f"{name}.{end}"],
                        os.path.join(self.folder.name, to))

    def reload(self):
        self.server.signal(signal.SIGHUP)
        return self.server.process.stdout.readline().decode()

    def shown(self):
        with TlsPeer(self.server) as peer:
            return peer.socket.getpeercert()["serialNumber"]


def reload_under_load(server):
    """No connection fails, and the next one is shown the new certificate."""
    with Reloaded(server) as own:
        with Load(own.server, keep_alive=False) as new, \
                Load(own.server, keep_alive=True) as old:
            for i in range(10):
                name, serial = (("rsa", "1002"), ("a", "1001"))[i % 2]
                own.put(name)
                assert own.reload().endswith(": reloaded\n")
                assert own.shown() == serial
                at = new.answered
                until(lambda at=at: new.answered > at + 10 or new.faults)
        assert not new.faults and not old.faults, (new.faults, old.faults)
        assert old.answered > 100, old.answered
        with open(os.path.join(own.folder.name, "key.pem"), "wb"):
            pass
        assert "certs[0].key" in own.reload()
        assert own.shown() == "1001"  # all as it was
        assert own.server.stop() == 0, own.server.complaints()


def _ended(server):
    """By the signal that it has had."""
    status = server.process.wait(timeout=15)
    assert status == 0, (status, server.complaints())


def drain_under_load(server):
    """Keep-alive connections are told, and nobody is cut."""
    with Load(server, keep_alive=True) as load:
        until(lambda: load.answered > 200)
        server.signal(signal.SIGTERM)
        for thread in load.threads:
            thread.join(20)
    assert not load.faults, load.faults
    _ended(server)


def idle_connections_end_in_order(server):
    with TlsPeer(server) as peer:
        assert ask(peer, "/").body == b"hello\n"
        server.signal(signal.SIGTERM)
        peer.socket.suppress_ragged_eofs = False
        assert peer.socket.recv(1) == b""  # close_notify, not only FIN
    _ended(server)


def statistics(server):
    made = only("1.2")
    with TlsPeer(server, made) as peer:
        session = peer.socket.session
        ask(peer)
    with TlsPeer(server, made, session=session) as peer:
        ask(peer)
    with Peer(server.tls_address) as peer:
        peer.send(GET)
        peer.response()
    with Peer(server.address) as peer:
        told = facts(ask(peer, "/tls-stats"))
    want = {"handshakes": "2", "resumed": "1", "failed": "1"}
    assert want.items() <= told.items(), told


def M06_a_restart_hands_the_tls_sockets_over(server):
    """To the next process, by their words; nobody who connects is refused."""
    with tempfile.TemporaryDirectory() as folder:
        words = options("restart_socket=" + os.path.join(folder, "next"))
        program = server.process.args[0]
        old = Server(program, *words, backend=server.backend)
        try:
            with Load(old, keep_alive=False) as load:
                until(lambda: load.answered > 20 or load.faults)
                new = Server(program, *words, backend=server.backend)
                _ended(old)
                at = load.answered
                until(lambda: load.answered > at + 20 or load.faults)
            assert not load.faults, load.faults
            assert new.tls_address == old.tls_address
            assert new.stop() == 0, new.complaints()
        finally:
            old.process.kill()


def cases(kind, *runs):
    return [(("" if run.__name__[0] in "TM" else "tls_") + run.__name__, run,
             kind) for run in runs]


CASES = [] if OPENSSL is None else [
    *cases("tls", s_client_has_each_cipher, s_client_is_refused_old_ciphers,
           T01_s_client_is_refused_old_versions, s_client_resumes,
           T06_s_client_alpn, s_client_is_shown_the_name_it_asks_for,
           s_client_status, s_client_key_update, T02_s_client_renegotiation,
           T05_client_hello_in_pieces, records_of_one_byte,
           T14_plain_http_is_told, T14_tls_on_the_plain_port, T07_misdirected,
           T08_an_end_without_close_notify, an_orderly_end_has_close_notify,
           http_and_https_side_by_side, pipelined_requests, a_file_of_64_mib,
           answers_in_pieces, uploads, key_update_while_an_answer_is_sent,
           reload_under_load, M06_a_restart_hands_the_tls_sockets_over),
    *cases("tls_hasty", T04_a_stalled_handshake_ends,
           T04_a_byte_now_and_then_does_not_help),
    *cases("tls_asked", client_certificates_asked_for,
           a_resumed_client_is_still_known),
    *cases("tls_required", client_certificates_required),
    *cases("tls_proxied", proxy_header_before_tls, no_proxy_header_no_tls),
    *cases("own_tls", drain_under_load, idle_connections_end_in_order,
           statistics),
]
