# SPDX-License-Identifier: MIT
"""Certificates of one run of the tests, and peers that speak TLS."""

import atexit
import functools
import os
import shutil
import socket
import ssl
import subprocess
import tempfile

from wire import Peer

OPENSSL = shutil.which("openssl")
NAMES = "DNS:a.test,DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"
MIB = 1 << 20


class Pki:
    """A CA, the servers a.test (ECDSA and RSA) and b.test, a client."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="flare-tls-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                      "-out", "ca.pem", "-days", "30", "-subj", "/CN=test CA",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._issue("a", NAMES, "ec", "1001")
        self._issue("rsa", NAMES, "rsa", "1002")
        self._issue("b", "DNS:b.test", "ec", "1003")
        self._issue("client", "email:alice@a.test", "ec", "1004",
                    "/O=Example/CN=alice")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                      "stranger.key", "-out", "stranger.pem", "-days", "30",
                      "-subj", "/CN=stranger")
        self._staple("a", "1001")
        with open(self["big"], "wb") as big:
            block = os.urandom(MIB)
            for i in range(64):
                big.write(i.to_bytes(4, "big") + block[4:])

    def __getitem__(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *arguments, stdin=b""):
        done = subprocess.run([OPENSSL, *arguments], cwd=self.folder,
                              input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    def _issue(self, name, names, kind, serial, subject=None):
        key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] \
            if kind == "ec" else ["rsa:2048"]
        self._openssl("req", "-newkey", *key, "-nodes", "-keyout",
                      name + ".key", "-out", name + ".csr", "-subj",
                      subject or "/CN=" + name)
        with open(self[name + ".ext"], "w", encoding="ascii") as text:
            text.write(f"subjectAltName={names}\n"
                       "basicConstraints=critical,CA:FALSE\n"
                       "keyUsage=critical,digitalSignature\n")
        self._openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem",
                      "-CAkey", "ca.key", "-days", "30", "-set_serial",
                      "0x" + serial, "-extfile", name + ".ext", "-out",
                      name + ".pem")

    def _staple(self, name, serial):
        with open(self["index.txt"], "w", encoding="ascii") as index:
            index.write(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN={name}\n")
        self._openssl("ocsp", "-index", "index.txt", "-rsigner", "ca.pem",
                      "-rkey", "ca.key", "-CA", "ca.pem", "-issuer", "ca.pem",
                      "-cert", name + ".pem", "-respout", name + ".der",
                      "-ndays", "30", "-noverify")

    def pair(self, name, staple=False):
        files = [self[name + ".pem"], self[name + ".key"]]
        return ",".join(files + ([self[name + ".der"]] if staple else []))


@functools.lru_cache(None)
def pki():
    return Pki()


def options(*more):
    """Of e2e_server: the three certificates, and all that there is."""
    p = pki()
    return ["tls_listen=127.0.0.2:0", f"tls_pair={p.pair('a', staple=True)}",
            f"tls_pair={p.pair('rsa')}", f"tls_pair={p.pair('b')}",
            "tls_alpn=http/1.1", f"file={p['big']}",
            f"body_bytes_max={16 * MIB}", *more]


def auth(kind):
    return options(f"tls_ca={pki()['ca.pem']}", f"tls_auth={kind}")


def context(client=None, **limits):
    """A client that believes the CA; `client` has the name of its pair."""
    made = ssl.create_default_context(cafile=pki()["ca.pem"])
    if client:
        made.load_cert_chain(pki()[client + ".pem"], pki()[client + ".key"])
    for name, value in limits.items():
        setattr(made, name, value)
    return made


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def only(version, client=None):
    return context(client, minimum_version=VERSIONS[version],
                   maximum_version=VERSIONS[version])


class TlsPeer(Peer):
    """A Peer over TLS; `before` goes out first, in clear."""

    def __init__(self, server, made=None, name="a.test", before=b"",
                 session=None, timeout=10):
        super().__init__(server.tls_address, timeout=timeout)
        if before:
            self.socket.sendall(before)
        self.socket = (made or context()).wrap_socket(
            self.socket, server_hostname=name, session=session)


class Memory:
    """TLS over a plain socket, whose records go out as `send` cuts them."""

    def __init__(self, plain, send, made=None, name="a.test"):
        self.plain = plain
        self.send = send
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = (made or context()).wrap_bio(
            self.incoming, self.outgoing, server_hostname=name)

    def run(self, call, *arguments):
        """The call, until it wants nothing more."""
        while True:
            try:
                result = call(*arguments)
            except ssl.SSLWantReadError:
                result = None
                is_done = False
            else:
                is_done = True
            out = self.outgoing.read()
            if out:
                self.send(self.plain, out)
            if is_done:
                return result
            data = self.plain.recv(65536)
            assert data, "closed in the middle"
            self.incoming.write(data)


def dribble(size):
    """Sends in pieces of `size`, each a segment of its own."""
    def send(plain, data):
        for i in range(0, len(data), size):
            plain.sendall(data[i:i + size])
    return send


def connect(server):
    plain = socket.create_connection(server.tls_address, 10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain
