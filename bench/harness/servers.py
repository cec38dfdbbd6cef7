# SPDX-License-Identifier: MIT
"""Starts the servers, pinned to a core, and stops what it started."""

import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time

ADDRESS = "127.0.0.1"
START_SECONDS = 10

NGINX_CONF = """\
{modules}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{
    worker_connections {connections};
}}
http {{
    access_log off;
    server_tokens off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    default_type "text/plain; charset=utf-8";
    sendfile on;
    tcp_nodelay on;
    open_file_cache max=16;
    client_header_timeout 10s;
    client_max_body_size 10m;
    client_body_buffer_size 2m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address}:{port} backlog=4096;
        location / {{
            return 404;
        }}
        location = / {{
            return 200 "hello\\n";
        }}
        location = /json {{
            default_type application/json;
            return 200 '{{"message":"Hello, World!","id":12345,"ok":true}}';
        }}
        location /files/ {{
            default_type application/octet-stream;
            alias {files_folder}/;
        }}
{upload}
    }}
}}
"""


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
        }
"""


class ServerError(Exception):
    """A server that did not come up, and what it said."""


def free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def files_max():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def prepare(cpu, nice):
    """In a child, before it becomes the program: a core, a priority, and all
    descriptors there are.  A session of its own makes it an autogroup of its
    own (sched(7)): without, `nice` would weigh only against its siblings."""
    os.setsid()
    os.sched_setaffinity(0, {cpu})
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


class Server:
    """One running target: its name, port and the processes it consists of."""

    def __init__(self, name, program, cpu, nice=0, files=None):
        self.name = name
        self.files = files  # what it serves; None: nothing
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
        if self.name.startswith("floor-"):
            return [program, "-a", ADDRESS, "-p", str(self.port)], {}
        if self.name.startswith("flare-"):
            backend = self.name.split("-", 1)[1]
            return [program, address] + ([self.files] if self.files else []), \
                {"FLARE_BACKEND": backend}
        if self.name == "go":
            return [program, "-listen", address], {"GOMAXPROCS": "1"}
        if self.name == "nginx":
            conf = os.path.join(self.folder, "nginx.conf")
            with open(conf, "w", encoding="utf-8") as file:
                has_echo = os.path.exists(NGINX_ECHO)
                file.write(NGINX_CONF.format(
                    modules=f"load_module {NGINX_ECHO};" if has_echo else "",
                    upload=NGINX_UPLOAD if has_echo else "",
                    files_folder=self.files or self.folder,
                    folder=self.folder, files=files_max(),
                    connections=files_max() - 64,
                    address=ADDRESS, port=self.port))
            os.chmod(self.folder, 0o755)
            return [program, "-p", self.folder, "-c", conf], {}
        raise ServerError(f"no target called {self.name}")

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


def start_all(names, paths, cpu, nice=0, files=None):
    servers = []
    try:
        for name in names:
            servers.append(Server(name, paths[name], cpu, nice, files))
    except BaseException:
        stop_all(servers)
        raise
    return servers


def stop_all(servers):
    for server in servers:
        server.stop()
