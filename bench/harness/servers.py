# SPDX-License-Identifier: MIT
"""Starts the servers, pinned to a core, and stops what it started."""

import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time

from . import build
from .build import files_max

ADDRESS = "127.0.0.1"
START_SECONDS = 10

PEERS = os.path.join(build.TOP, "bench", "peers")
# Reads the whole body into memory and says how long it was, as ours does.
NGINX_ECHO = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
NGINX_UPLOAD = """\
location ~ ^/(upload|stream)$ {
            echo_read_request_body;
            echo_exec /uploaded;
        }
        location = /uploaded {
            internal;
            return 200 "$http_content_length\\n";
        }"""
# One certificate, AES-128-GCM, tickets, and no other sessions.
NGINX_TLS = """\
listen {address}:{tls_port} ssl backlog=4096;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_session_cache off;"""
H2O_TLS = """\
listen:
  host: {address}
  port: {tls_port}
  ssl:
    certificate-file: {folder}/cert.pem
    key-file: {folder}/key.pem
    minimum-version: TLSv1.2
    cipher-suite: ECDHE-ECDSA-AES128-GCM-SHA256"""
# h2o 2.2 cannot choose the ciphers of TLS 1.3, so OpenSSL is told for it.
OPENSSL_CONF = """\
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = ciphers
[ciphers]
Ciphersuites = TLS_AES_128_GCM_SHA256
"""
HAPROXY_TLS = """
    bind {address}:{tls_port} backlog 4096 ssl crt {folder}/both.pem \
ciphers ECDHE-ECDSA-AES128-GCM-SHA256 ciphersuites TLS_AES_128_GCM_SHA256 \
alpn http/1.1"""
TLS = {"nginx": NGINX_TLS, "h2o": H2O_TLS, "haproxy": HAPROXY_TLS}
CONFIGURED = {
    "nginx": ("nginx.conf", ["-p", "{folder}", "-c", "{conf}"]),
    "h2o": ("h2o.conf", ["-c", "{conf}"]),
    "lighttpd": ("lighttpd.conf", ["-D", "-f", "{conf}"]),
    "haproxy": ("haproxy.cfg", ["-db", "-f", "{conf}"]),
}
# Beyond the connections: its logs, its listening sockets, the files it serves.
FILES_RESERVE = 128


class ServerError(Exception):
    """A server that did not come up, and what it said."""


def free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def prepare(cpu, nice):
    """In a child, before it becomes the program: a core or several, a
    priority, and all descriptors there are.  A session of its own makes it an
    autogroup of its own (sched(7)): without, `nice` would weigh only against
    its siblings."""
    os.setsid()
    os.sched_setaffinity(0, {cpu} if isinstance(cpu, int) else cpu)
    hard = files_max()
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if nice == 0:
        return
    os.nice(nice)
    try:
        with open("/proc/self/autogroup", "w", encoding="utf-8") as file:
            file.write(str(nice))
    except FileNotFoundError:
        pass  # a kernel without autogroups weighs `nice` itself


def fill_in(name, words):
    """The text of bench/peers/`name` with `words` in place of @...@."""
    with open(os.path.join(PEERS, name), encoding="utf-8") as file:
        text = file.read()
    return re.sub(r"@(\w+)@", lambda match: str(words[match.group(1)]), text)


class Server:
    """One running target: its name, port and the processes it consists of.
    With `is_tls` the port speaks TLS, with what is in `files`/cert.pem and
    key.pem."""

    def __init__(self, name, program, cpu, nice=0, files=None, workers=1,
                 is_tls=False):
        self.name = name
        self.files = files  # what it serves; None: nothing
        self.workers = workers
        self.is_tls = is_tls
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix=f"flare-bench-{name}-")
        self.log = os.path.join(self.folder, "output.log")
        argv, env = self.command(program)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                argv, env={**os.environ, **env}, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=lambda: prepare(cpu, nice))
        try:
            self.wait_until_listening()
        except ServerError:
            self.stop()
            raise

    def command(self, program):
        address = f"{ADDRESS}:{self.port}"
        pem = [os.path.join(self.files, name) for name in
               ("cert.pem", "key.pem")] if self.is_tls else []
        if self.name.startswith("floor-"):
            return [program, "-a", ADDRESS, "-p", str(self.port),
                    "-w", str(self.workers)], {}
        if self.name.startswith("flare-"):
            argv = [program, address] + ([self.files] if self.files else [])
            if self.is_tls:
                argv = [program, f"{ADDRESS}:{free_port()}", self.files,
                        address, *pem]
            return argv, {"FLARE_BACKEND": self.name.split("-", 1)[1],
                          "BENCH_WORKERS": str(self.workers)}
        if self.name == "go":
            argv = [program, "-listen", address]
            argv += ["-files", self.files] if self.files else []
            argv += ["-cert", pem[0], "-key", pem[1]] if pem else []
            return argv, {"GOMAXPROCS": str(self.workers)}
        if self.name in CONFIGURED:
            return [program] + self.configure(), \
                {"OPENSSL_CONF": self.openssl_conf()} if self.is_tls else {}
        raise ServerError(f"no target called {self.name}")

    def openssl_conf(self):
        path = os.path.join(self.folder, "openssl.cnf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(OPENSSL_CONF)
        return path

    def configure(self):
        """Writes the configuration; gives the arguments that name it."""
        template, argv = CONFIGURED[self.name]
        conf = os.path.join(self.folder, template)
        has_echo = os.path.exists(NGINX_ECHO)
        tls = TLS[self.name].format(address=ADDRESS, tls_port=self.port,
                                    folder=self.files) if self.is_tls else ""
        words = {
            "address": ADDRESS, "folder": self.folder, "tls": tls,
            "port": free_port() if self.is_tls else self.port,
            "files": self.files or self.folder, "files_max": files_max(),
            "connections": files_max() // self.workers - FILES_RESERVE,
            "workers": self.workers,
            # lighttpd counts the children of a parent that only waits
            "worker_children": self.workers if self.workers > 1 else 0,
            "modules": f"load_module {NGINX_ECHO};" if has_echo else "",
            "upload": NGINX_UPLOAD if has_echo else "",
        }
        with open(conf, "w", encoding="utf-8") as file:
            file.write(fill_in(template, words))
        os.chmod(self.folder, 0o777)  # their workers are others
        return [word.format(folder=self.folder, conf=conf) for word in argv]

    def wait_until_listening(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended at once: {self.output()}")
            if self.is_listening():
                return
            time.sleep(0.02)
        raise ServerError(f"{self.name} does not listen: {self.output()}")

    def is_listening(self):
        try:
            socket.create_connection((ADDRESS, self.port), 1).close()
            return True
        except OSError:
            return False

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read().strip()[-400:] or "(no output)"

    def pids(self):
        """The process and all below it: nginx works in a child."""
        parents = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8",
                          errors="replace") as file:
                    rest = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it has just ended
            parents.setdefault(int(rest[1]), []).append(int(entry))
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo.extend(parents.get(pid, []))
        return found

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_all(names, paths, cpu, nice=0, files=None, **more):
    servers = []
    try:
        for name in names:
            servers.append(Server(name, paths[name], cpu, nice, files, **more))
    except BaseException:
        stop_all(servers)
        raise
    return servers


def stop_all(servers):
    for server in servers:
        server.stop()
