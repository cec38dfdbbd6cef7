# SPDX-License-Identifier: MIT
"""Servers that are not ours, and proxies, for our client to meet."""

import os
import re
import shutil
import socket
import subprocess
import threading

from proxies import free_port, program

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")

NGINX_CONF = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 10;
    gzip on;
    gzip_min_length 1;
    gzip_types text/plain;
    default_type text/plain;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {folder}/files;
        location = /hello {{
            return 200 "hello\\n";
        }}
        location = /connection {{
            return 200 "$connection $connection_requests";
        }}
        location = /redirect {{
            return 302 $arg_to;
        }}
        location = /empty {{
            return 204;
        }}
    }}
}}
"""


def make_certificate(folder):
    """Of a CA and, signed by it, for 127.0.0.1 and localhost: CA, chain, key."""
    def run(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True,
                       capture_output=True)

    run("req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
        "ca.pem", "-subj", "/CN=flare test CA", "-days", "2")
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj",
        "/CN=localhost")
    with open(os.path.join(folder, "extensions"), "w",
              encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                   "basicConstraints=CA:FALSE\n")
    run("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey",
        "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions",
        "-out", "cert.pem")
    os.chmod(os.path.join(folder, "key.pem"), 0o644)
    return [os.path.join(folder, name)
            for name in ("ca.pem", "cert.pem", "key.pem")]


class Peer:
    """A program that says where it listens; `kind` is go, node, python1.1 or
    python1.0, with -tls behind it for HTTPS."""

    def __init__(self, kind, folder, certificate):
        name, _, tls = kind.partition("-")
        argv = self.command(name, folder) + (certificate[1:] if tls else [])
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
        if not found:
            self.stop()
            raise RuntimeError(f"{kind}: {line}")
        scheme = "https" if tls else "http"
        self.port = int(found.group(1))
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    @staticmethod
    def command(name, folder):
        if name == "go":
            path = os.path.join(folder, "peer")
            if not os.path.exists(path):
                subprocess.run(
                    ["go", "build", "-o", path, os.path.join(PEERS, "peer.go")],
                    check=True, cwd=folder)
            return [path]
        if name == "node":
            return ["node", os.path.join(PEERS, "peer.js")]
        return ["python3", os.path.join(PEERS, "peer.py"), name[6:]]

    @staticmethod
    def is_there(kind):
        name = kind.partition("-")[0]
        return name.startswith("python") or shutil.which(name) is not None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Nginx:
    def __init__(self, folder, certificate):
        self.folder = os.path.join(folder, "nginx")
        os.makedirs(os.path.join(self.folder, "files"))
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://localhost:{self.tls_port}"
        conf = os.path.join(self.folder, "conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(NGINX_CONF.format(
                user="user root;" if os.geteuid() == 0 else "",
                folder=self.folder, port=self.port, tls_port=self.tls_port,
                certificate=certificate[1], key=certificate[2]))
        self.process = subprocess.Popen(
            [program("nginx"), "-p", self.folder, "-c", conf],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process)

    def write(self, name, data):
        path = os.path.join(self.folder, "files", name)
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.rename(path + ".new", path)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wait_for(port, process):
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            pass  # not yet; connecting is refused at once, so this is no spin
    raise RuntimeError("it does not listen")


class Listener:
    """Serves each connection on a thread of its own."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.heads = []  # of every request, as it came
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,),
                             daemon=True).start()

    def serve(self, peer):
        with peer:
            while head := self.read_head(peer):
                self.heads.append(head)
                if not self.answer(peer, head):
                    return

    @staticmethod
    def read_head(peer):
        head = b""
        try:
            while not head.endswith(b"\r\n\r\n"):
                byte = peer.recv(1)
                if not byte:
                    return None
                head += byte
        except OSError:
            return None
        return head.decode("latin-1")

    def answer(self, peer, head):
        raise NotImplementedError

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)  # its thread waits in accept
        self.socket.close()


class Recorder(Listener):
    """Answers with what `answers` has for a path: status, fields."""

    def __init__(self, answers):
        self.answers = answers
        super().__init__()

    def answer(self, peer, head):
        path = head.split(" ")[1]
        status, fields = self.answers.get(path, (200, []))
        peer.sendall((f"HTTP/1.1 {status} Recorded\r\nContent-Length: 0\r\n" +
                      "".join(f"{field}\r\n" for field in fields) +
                      "\r\n").encode())
        return True


class Proxy(Listener):
    """CONNECT, and absolute-form; asks for `credentials` if there are any."""

    def __init__(self, credentials=None):
        self.credentials = credentials
        super().__init__()

    def answer(self, peer, head):
        if self.credentials and self.credentials not in head:
            peer.sendall(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n"
                         b"Proxy-Authenticate: Basic realm=\"a\"\r\n\r\n")
            return True
        method, target, _ = head.split("\r\n")[0].split(" ")
        authority = target if method == "CONNECT" else target.split("/")[2]
        host, port = authority.split(":")
        with socket.create_connection((host, int(port))) as other:
            if method == "CONNECT":
                peer.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                path = "/" + target.split("/", 3)[3]
                other.sendall(head.replace(target, path, 1).encode())
            back = threading.Thread(target=copy, args=(other, peer))
            back.start()
            copy(peer, other)
            back.join()
        return False


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other direction says so too
