# SPDX-License-Identifier: MIT
"""HTTPS: one certificate for all servers, and whether they speak it as the
others do."""

import functools
import os
import socket
import ssl
import subprocess

from . import servers

def make_certificate(folder):
    """P-256, self-signed, in cert.pem and key.pem, and in both.pem, which is
    how haproxy wants them."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", os.path.join(folder, "key.pem"),
         "-out", os.path.join(folder, "cert.pem")],
        check=True, capture_output=True)
    with open(os.path.join(folder, "both.pem"), "wb") as both:
        for name in ("cert.pem", "key.pem"):
            with open(os.path.join(folder, name), "rb") as file:
                both.write(file.read())
    for name in ("both.pem", "key.pem"):  # h2o reads it as another user
        os.chmod(os.path.join(folder, name), 0o644)


@functools.cache
def context_of(version):
    """One for all connections: each would hold a store of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    return context


def connect(server, version=None):
    peer = socket.create_connection((servers.ADDRESS, server.port), 10)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context_of(version).wrap_socket(peer, server_hostname="localhost")


def exchange(peer, path="/"):
    """Status line and length of the body that came."""
    peer.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(65536)
        if not more:
            raise OSError("closed instead of answered")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1)
                  for line in head.split(b"\r\n")[1:])
    length = int(fields[b"content-length"])
    while len(body) < length:
        body += peer.recv(1 << 20)
    return head.split(b"\r\n")[0], len(body)


def check(server, paths):
    """A verdict as integrity.check gives it; `paths`: what it has, and how
    many bytes."""
    wrong = []
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                          (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        for path, size in paths.items():
            try:
                with connect(server, version) as peer:
                    told = exchange(peer, path)
                    spoken = (peer.version(), *peer.cipher()[::2])
            except OSError as error:
                wrong.append(f"{name} {path}: {error}")
                continue
            if told != (b"HTTP/1.1 200 OK", size):
                wrong.append(f"{name} {path}: {told}")
            if spoken[0] != name or "AES" not in spoken[1] or \
                    spoken[2] != 128:
                wrong.append(f"{name}: {spoken}")
    return {"target": server.name, "bytes": sum(paths.values()), "told": [],
            "wrong": list(dict.fromkeys(wrong))}
