# SPDX-License-Identifier: MIT
"""The servers of bench/tls: bench/serve and nginx with one certificate, the
same ciphers and no certificate asked of clients."""

import os
import ssl
import socket
import subprocess

from . import servers

TARGETS = ("flare-uring", "flare-epoll", "nginx")
PROGRAMS = {"flare-uring": "bench/serve", "flare-epoll": "bench/serve",
            "load_tls": "bench/load_tls", "tls_floor": "bench/tls_floor"}
# Mode of load_tls, its options, what a request is.
ROWS = {
    "keep-alive": ("requests", ["--connections", "64"], "request"),
    "1 MiB": ("requests", ["--connections", "16", "--path", "/files/1m"],
              "request"),
    "full": ("full", ["--connections", "16"], "handshake"),
    "resumed": ("resumed", ["--connections", "16"], "handshake"),
    "full 1.2": ("full", ["--connections", "16", "--tls12"], "handshake"),
    "resumed 1.2": ("resumed", ["--connections", "16", "--tls12"],
                    "handshake"),
}
NGINX_TLS = """\
        listen {address}:{port} ssl backlog=4096;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_session_cache off;
"""


def make_certificate(folder):
    """P-256, self-signed, in cert.pem and key.pem."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", os.path.join(folder, "key.pem"),
         "-out", os.path.join(folder, "cert.pem")],
        check=True, capture_output=True)


class Server(servers.Server):
    """One of TARGETS; its port is the one that speaks TLS."""

    def __init__(self, name, program, cpu, nice, files):
        self.pem = [os.path.join(files, name) for name in
                    ("cert.pem", "key.pem")]
        super().__init__(name, program, cpu, nice, files)

    def command(self, program):
        tls_port = self.port
        self.port = servers.free_port()
        argv, env = super().command(program)
        self.port = tls_port
        if self.name != "nginx":
            return argv + [f"{servers.ADDRESS}:{tls_port}", *self.pem], env
        conf = os.path.join(self.folder, "nginx.conf")
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("    server {\n", "    server {\n" + NGINX_TLS.format(
            address=servers.ADDRESS, port=tls_port, folder=self.files), 1)
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
        return argv, env


def connect(server, version=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    peer = socket.create_connection((servers.ADDRESS, server.port), 10)
    return context.wrap_socket(peer, server_hostname="localhost")


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


def check(server):
    """What is wrong with its answers."""
    wrong = []
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                          (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        for path, size in (("/", 6), ("/files/1m", 1 << 20)):
            with connect(server, version) as peer:
                told = exchange(peer, path)
                if told != (b"HTTP/1.1 200 OK", size):
                    wrong.append(f"{name} {path}: {told}")
                if peer.version() != name or \
                        "AES" not in peer.cipher()[0] or \
                        peer.cipher()[2] != 128:
                    wrong.append(f"{name}: {peer.version()} {peer.cipher()}")
    return wrong
