#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""flare-serve as people run it: what it serves, and what it never does.

    tests/tools/test_flare_serve.py [--build DIR] [WORD ...]

The last line is "N passed, N failed".
"""

import argparse
import asyncio
import base64
import gzip
import http.client
import http.server
import json
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import traceback
import urllib.parse

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from servers import BACKENDS

try:
    import browser  # it needs python3-websockets
except ImportError:
    browser = None

# Of the tests of crypt_blowfish: the password is "U*U".
BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
NUMBERS = "".join(f"{n}\n" for n in range(20000)).encode()


class Skip(Exception):
    """Something is not there; its text says what."""


class Serve:
    """A running flare-serve, by its own word on standard output."""

    def __init__(self, world, *arguments, root=None, **how):
        environment = dict(os.environ, NO_COLOR="1",
                           FLARE_BACKEND=world.backend)
        environment.update(how.pop("environment", {}))
        self.errors = tempfile.TemporaryFile()
        listen = how.pop("listen", ["--listen", "127.0.0.1:0"])
        self.process = subprocess.Popen(
            [world.program, "--json", *listen, *arguments,
             root or world.root], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.errors, env=environment, **how)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(10)
            raise RuntimeError(self.complaints())
        self.is_told = False  # to end: the second signal would end it at once
        self.facts = json.loads(line)
        self.ports = [urllib.parse.urlsplit(url).port
                      for url in self.facts["urls"]]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        summary = self.stop()
        if kind is None:
            assert self.process.returncode == 0, self.complaints()
            assert summary["event"] == "stopped"

    def end(self):
        if self.process.poll() is None and not self.is_told:
            self.process.send_signal(signal.SIGTERM)
        self.is_told = True

    def stop(self):
        """What it says at the end."""
        self.end()
        out, _ = self.process.communicate(timeout=20)
        return json.loads(out) if out else None

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.ports[0],
                                          timeout=10)

    def ask(self, path="/", method="GET", body=None, **fields):
        """The answer, with its body as .data."""
        connection = self.connect()
        headers = {name.replace("_", "-"): value
                   for name, value in fields.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.data = answer.read()
        connection.close()
        return answer

    def status(self, path="/", method="GET", body=None, **fields):
        return self.ask(path, method, body, **fields).status


class World:
    def __init__(self, build, backend):
        self.backend = backend
        self.program = os.path.join(os.path.abspath(build),
                                    "tools/flare-serve")
        self.folder = tempfile.mkdtemp(prefix="flare-serve-")
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(self.root, "a folder/deep"))
        os.makedirs(os.path.join(self.root, "site"))
        for name, data in (
                ("numbers.txt", NUMBERS), ("small.txt", b"small\n"),
                (".secret", b"no\n"), ("<b>&'\".txt", b"odd\n"),
                ("page.html", b"<html><body>page</body></html>\n"),
                ("lost.html", b"<h1>lost</h1>\n"), ("bin.dat", b"\0" * 5000),
                ("packed.css", b"a{}\n" * 900),
                ("site/index.html", b"<body>index</body>\n")):
            self.write(name, data)
        self.write("packed.css.gz", gzip.compress(b"a{}\n" * 900))
        os.symlink("/etc/passwd", os.path.join(self.root, "outside"))
        os.symlink("small.txt", os.path.join(self.root, "inside"))

    def write(self, name, data):
        with open(os.path.join(self.root, name), "wb") as file:
            file.write(data)

    def read(self, name):
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def refused(self, *arguments, environment=None):
        """Exit status and complaint of one that does not start."""
        done = subprocess.run([self.program, *arguments], timeout=20,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env=dict(os.environ, **(environment or {})),
                              check=False)
        return done.returncode, done.stderr.decode()

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- the command line ----

def says_what_it_is(world):
    out = subprocess.run([world.program, "--help"], capture_output=True,
                         check=True).stdout.decode()
    assert out.startswith("Usage: flare-serve ") and "--live" in out
    out = subprocess.run([world.program, "--version"], capture_output=True,
                         check=True).stdout.decode()
    assert re.fullmatch(r"flare-serve \d+\.\d+\.\d+\n", out), out


def has_a_man_page(world):
    """Each option is in it, and no other."""
    page = os.path.join(os.path.dirname(os.path.dirname(HERE)),
                        "tools/man/flare-serve.1")
    with open(page, encoding="ascii") as file:
        text = file.read()
    out = subprocess.run([world.program, "--help"], capture_output=True,
                         check=True).stdout.decode()
    wanted = set(re.findall(r"^  (?:-\w,|   ) --([\w-]+)", out, re.M))
    there = set(re.findall(r"^\.It .*", text, re.M))
    there = set(re.findall(r"(?:Fl | , )-([\w-]+)", "\n".join(there)))
    assert wanted == there, wanted ^ there
    if shutil.which("mandoc") is None:
        raise Skip("mandoc is not installed")
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page],
                          capture_output=True, check=False)
    assert lint.returncode == 0, lint.stdout.decode()


BAD_USAGE = (
    (["--cert", "x"], 2, "need each other"),
    (["--plain", "8081"], 2, "use --listen"),
    (["--self-signed", "--cert", "a", "--key", "b"], 2, "one of them"),
    (["--auth", "nobody"], 2, "NAME:PASSWORD"),
    (["--overwrite"], 2, "for --upload"),
    (["--chroot", "/"], 2, "without --user"),
    (["--metrics", "metrics"], 2, "a path below /"),
    (["--proxy", "api=http://a"], 2, "/prefix=http"),
    (["--proxy", "/api=ftp://a"], 2, "neither http nor https"),
    (["--header", "nothing"], 2, "'Name: value'"),
    (["--log-format", "prose"], 2, "none of common"),
    (["--listen", "nowhere at all"], 2, "nowhere at all"),
    (["--index", "../up"], 1, "no name below the root"),
    (["--upload-max", "0"], 2, "--upload-max"),
    (["a", "b"], 2, "one directory"),
    (["/no/such/folder"], 1, "no such file"),
    (["--auth-file", "/no/such"], 1, "no such file"),
    (["--user", "nobody-of-that-name", "--listen", "127.0.0.1:0"], 1,
     "no user"),
    (["--cert", "/no/c", "--key", "/no/k"], 1, "/no/c"),
    (["--cors", "not an origin"], 1, "cors"),
)


def refuses_what_makes_no_sense(world):
    for arguments, code, text in BAD_USAGE:
        status, err = world.refused(*arguments)
        assert status == code and text in err.split("\n")[0], \
            (arguments, status, err)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, err = world.refused(
            "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert status == 1 and "--listen takes another port" in err, err


def is_for_this_machine_only(world):
    """Nobody has asked for more."""
    process = subprocess.Popen([world.program, world.root],
                               stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE,
                               env=dict(os.environ, NO_COLOR="1"))
    said = b""
    while b"Ctrl-C" not in said:
        line = process.stderr.readline()
        if not line:
            process.wait()
            if b"in use" in said:
                raise Skip("port 8080 is taken")
            raise AssertionError(said)
        said += line
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=20)[1]
    assert b"http://127.0.0.1:8080/" in said and b"0.0.0.0" not in said, said
    assert b"0 requests" in said and b"\x1b" not in said, said
    assert process.returncode == 0


# ---- files ----

def serves_files_with_ranges_and_tags(world):
    with Serve(world) as s:
        answer = s.ask("/numbers.txt")
        assert answer.status == 200 and answer.data == NUMBERS
        tag = answer.getheader("ETag")
        assert s.status("/numbers.txt", If_None_Match=tag) == 304
        part = s.ask("/numbers.txt", Range="bytes=5-9")
        assert part.status == 206 and part.data == NUMBERS[5:10]
        assert s.status("/numbers.txt", Range="bytes=999999-") == 416
        assert s.ask("/numbers.txt", "HEAD").data == b""
        assert s.ask("/site").getheader("Location") == "/site/"
        assert b"index" in s.ask("/site/").data
        assert s.status("/numbers.txt", "DELETE") == 405
        assert answer.getheader("X-Content-Type-Options") == "nosniff"


def nothing_leaves_the_root(world):
    with Serve(world) as s:
        for path in ("/.secret", "/outside", "/inside", "/nothing",
                     "/..%2f..%2fetc%2fpasswd", "/site/..%2f.secret",
                     "/small.txt/", "/%2e%2e/", "/.flare/live.js"):
            assert s.status(path) == 404, path
        for path in ("/%zz", "/a%00b", "/a%5cb", "/a%0ab"):
            assert s.status(path) == 400, path
        listing = s.ask("/").data
        for name in (b".secret", b"outside", b"inside"):
            assert name not in listing, name
    with Serve(world, "--dotfiles", "--symlinks") as s:
        assert s.ask("/.secret").data == b"no\n"
        assert s.ask("/inside").data == b"small\n"
        assert s.status("/outside") in (403, 404)


def compresses_on_the_fly(world):
    with Serve(world) as s:
        for _ in range(2):  # made, and kept
            answer = s.ask("/numbers.txt", Accept_Encoding="br, gzip;q=0.5")
            assert answer.getheader("Content-Encoding") == "gzip"
            assert "Accept-Encoding" in answer.getheader("Vary")
            assert len(answer.data) < len(NUMBERS) // 2
            assert gzip.decompress(answer.data) == NUMBERS
        tag = answer.getheader("ETag")
        assert s.status("/numbers.txt", Accept_Encoding="gzip",
                        If_None_Match=tag) == 304
        for path, fields in (("/numbers.txt", {"Accept_Encoding": "gzip;q=0"}),
                             ("/numbers.txt", {"Accept_Encoding": "xgzip"}),
                             ("/small.txt", {"Accept_Encoding": "gzip"}),
                             ("/bin.dat", {"Accept_Encoding": "gzip"})):
            plain = s.ask(path, **fields)
            assert plain.getheader("Content-Encoding") is None, (path, fields)
        assert s.status("/numbers.txt", Accept_Encoding="gzip",
                        Range="bytes=0-1") == 206
        css = s.ask("/packed.css", Accept_Encoding="gzip")
        assert css.data == world.read("packed.css.gz")
        world.write("numbers.txt", NUMBERS + b"more\n")
        answer = s.ask("/numbers.txt", Accept_Encoding="gzip")
        world.write("numbers.txt", NUMBERS)
        assert gzip.decompress(answer.data).endswith(b"more\n")
    with Serve(world, "--no-gzip", "--no-precompressed") as s:
        for path in ("/numbers.txt", "/packed.css"):
            answer = s.ask(path, Accept_Encoding="gzip")
            assert answer.getheader("Content-Encoding") is None, path


def lists_directories(world):
    with Serve(world) as s:
        page = s.ask("/").data.decode()
        assert "&lt;b&gt;&amp;&#39;&quot;.txt" in page and "<b>" not in page
        assert "./%3Cb%3E%26%27%22.txt" in page and "a%20folder/" in page
        assert s.ask("/%3Cb%3E%26%27%22.txt").data == b"odd\n"
        assert "default-src 'none'" in \
            s.ask("/").getheader("Content-Security-Policy")
        names = re.findall(r'<a href="\./([^"]+)"',
                           s.ask("/?by=size&order=down").data.decode())
        assert names.index("site/") < names.index("numbers.txt") < \
            names.index("small.txt"), names
        data = s.ask("/", Accept="application/json")
        assert data.getheader("Content-Type") == "application/json"
        entries = {e["name"]: e for e in json.loads(data.data)["entries"]}
        assert entries["numbers.txt"]["size"] == len(NUMBERS)
        assert entries["a folder"]["type"] == "directory"
        deep = s.ask("/a%20folder/deep/").data.decode()
        assert 'href="../../"' in deep and "Nothing is here" in deep
        assert s.ask("/", "HEAD").data == b""
        assert s.status("/nowhere/") == 404
    with Serve(world, "--no-listing") as s:
        assert s.status("/") == 404


def has_pages_for_what_is_not_there(world):
    with Serve(world, "--404", "lost.html") as s:
        lost = s.ask("/nothing")
        assert lost.status == 404 and lost.data == b"<h1>lost</h1>\n"
    with Serve(world, "--spa", root=os.path.join(world.root, "site")) as s:
        page = s.ask("/users/7", Accept="text/html")
        assert page.status == 200 and b"index" in page.data
        assert s.status("/users/7.png", Accept="text/html") == 404


def says_what_it_is_told_to(world):
    with Serve(world, "-H", "X-A: b", "-H", "X-C:d", "--cache", "max-age=9",
               "--cors", "https://a.test") as s:
        answer = s.ask("/small.txt", Origin="https://a.test")
        assert answer.getheader("X-A") == "b" and answer.getheader("X-C") == "d"
        assert answer.getheader("Cache-Control") == "max-age=9"
        assert answer.getheader("Access-Control-Allow-Origin") == \
            "https://a.test"
        stranger = s.ask("/small.txt", Origin="https://b.test")
        assert stranger.getheader("Access-Control-Allow-Origin") is None
        assert s.ask("/nothing").getheader("X-A") == "b"


# ---- who ----

def basic(user):
    return "Basic " + base64.b64encode(user.encode()).decode()


def asks_for_a_password(world):
    users = os.path.join(world.folder, "users")
    sha = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True,
                         capture_output=True).stdout.decode().strip()
    with open(users, "w", encoding="ascii") as file:
        file.write(f"# who\nann:{BCRYPT}\n\nbob:{sha}\n")
    with Serve(world, "--auth-file", users, "--health", "/health") as s:
        assert s.status("/small.txt") == 401
        assert "flare-serve" in s.ask("/").getheader("WWW-Authenticate")
        assert s.status("/health") == 200
        for user, status in (("ann:U*U", 200), ("ann:U*U", 200),
                             ("ann:U*V", 401), ("bob:secret", 200),
                             ("bob:U*U", 401), ("eve:secret", 401),
                             ("ann:", 401), ("ann:" + 400 * "x", 401)):
            got = s.status("/small.txt", Authorization=basic(user))
            assert got == status, (user, got)
    with open(users, "w", encoding="ascii") as file:
        file.write("ann:$apr1$x$y\n")
    code, err = world.refused("--auth-file", users)
    assert code == 1 and "line 1" in err and "htpasswd -B" in err, err
    with Serve(world, "--auth", "ann:pass:word") as s:
        assert s.status("/", Authorization=basic("ann:pass:word")) == 200
        assert s.status("/", Authorization=basic("ann:pass")) == 401


def speaks_tls(world):
    ca = os.path.join(world.folder, "ca.pem")
    with Serve(world, "--self-signed", "--ca-out", ca, "--plain",
               "127.0.0.2:0") as s:
        assert [url.split(":")[0] for url in s.facts["urls"]] == \
            ["http", "https"], s.facts
        plain = http.client.HTTPConnection("127.0.0.2", s.ports[0], timeout=10)
        plain.request("GET", "/small.txt")
        assert plain.getresponse().read() == b"small\n"
        plain.close()
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(
            "localhost", s.ports[1], context=context, timeout=10)
        connection.request("GET", "/numbers.txt")
        assert connection.getresponse().read() == NUMBERS
        connection.close()


# ---- uploads ----

def hidden_files(world):
    return [name for name in os.listdir(world.root)
            if name.startswith(".flare-upload")]


def takes_files(world):
    with Serve(world) as s:
        assert s.status("/new.txt", "PUT", b"x") == 405
        assert "PUT" not in s.ask("/", "OPTIONS").getheader("Allow")
    with Serve(world, "--upload", "--upload-max", "1m") as s:
        assert s.status("/new.txt", "PUT", b"one") == 201
        assert world.read("new.txt") == b"one"
        assert s.status("/new.txt", "PUT", b"two") == 409
        assert world.read("new.txt") == b"one"
        assert s.status("/empty", "PUT", b"") == 201
        assert "PUT" in s.ask("/", "OPTIONS").getheader("Allow")
        for path, status in (("/.hidden", 404), ("/no/where", 404),
                             ("/a%20folder/", 409), ("/outside", 409),
                             ("/outside/x", 404), ("/a%2fb", 404),
                             ("/..%2fup", 404)):
            got = s.status(path, "PUT", b"x")
            assert got == status, (path, got)
        big = s.ask("/big", "PUT", iter([b"x" * 65536] * 20))
        assert big.status == 413, big.status
        assert s.status("/part", "PUT", b"x",
                        Content_Range="bytes 0-0/5") == 400
        assert "multipart/form-data" in s.ask("/").data.decode()
    assert not hidden_files(world)
    with Serve(world, "--upload", "--overwrite") as s:
        assert s.status("/new.txt", "PUT", b"three") == 204
        assert world.read("new.txt") == b"three"
        assert s.status("/site", "PUT", b"x") == 409


def form_of(*files):
    body = b"".join(
        b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\""
        b"\r\n\r\n%s\r\n" % file for file in files)
    return body + b"--B--\r\n"


def takes_forms(world):
    kind = {"Content_Type": "multipart/form-data; boundary=B"}
    with Serve(world, "--upload") as s:
        done = s.ask("/a%20folder/", "POST",
                     form_of((b"x.txt", b"x"), (b"C:\\y.txt", b"y")), **kind)
        assert done.status == 303 and \
            done.getheader("Location") == "/a%20folder/"
        assert world.read("a folder/x.txt") == b"x"
        assert world.read("a folder/y.txt") == b"y"
        assert s.status("/a%20folder/", "POST", form_of((b"x.txt", b"z")),
                        **kind) == 409
        assert s.status("/", "POST", form_of((b".x", b"z")), **kind) == 400
        assert s.status("/", "POST", form_of(), **kind) == 400
        assert s.status("/", "POST", form_of((b"e.txt", b"z")),
                        Origin="http://evil.test", **kind) == 403
        host = f"http://127.0.0.1:{s.ports[0]}"
        assert s.status("/", "POST", form_of((b"own.txt", b"z")), Origin=host,
                        **kind) == 303
        assert not os.path.exists(os.path.join(world.root, "e.txt"))
    assert not hidden_files(world)


def a_cut_upload_leaves_nothing(world):
    with Serve(world, "--upload") as s:
        with socket.create_connection(("127.0.0.1", s.ports[0]), 10) as peer:
            peer.sendall(b"PUT /cut HTTP/1.1\r\nHost: a\r\n"
                         b"Expect: 100-continue\r\n"
                         b"Content-Length: 9\r\n\r\n")
            assert b"100" in peer.recv(100)
            assert hidden_files(world)
            peer.sendall(b"half")
    assert not hidden_files(world)
    assert not os.path.exists(os.path.join(world.root, "cut"))


# ---- other servers ----

class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.flush()
            self.wfile.write(self.connection.recv(100).upper())
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length", 0))
        body = json.dumps({"path": self.path, "fields": dict(self.headers),
                           "body": len(self.rfile.read(length))}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET

    def log_message(self, *_):
        pass


def asks_other_servers(world):
    origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{origin.server_port}"
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with Serve(world, "--proxy", f"/api={url}/base", "--proxy",
               f"/dead={dead}", "--workers", "2") as s:
        got = json.loads(s.ask("/api/users?x=1", X_Forwarded_For="9.9.9.9",
                               X_Own="1").data)
        assert got["path"] == "/base/api/users?x=1", got
        assert got["fields"]["X-Forwarded-For"] == "127.0.0.1", got
        assert got["fields"]["X-Forwarded-Proto"] == "http"
        assert got["fields"]["X-Own"] == "1"
        got = json.loads(s.ask("/api", "PUT", b"x" * 3000000).data)
        assert got["body"] == 3000000 and got["path"] == "/base/api", got
        assert s.status("/apis") == 404 and s.status("/dead/x") == 502
        assert s.ask("/small.txt").data == b"small\n"
        with socket.create_connection(("127.0.0.1", s.ports[0]), 10) as peer:
            peer.sendall(b"GET /api/ws HTTP/1.1\r\nHost: a\r\n"
                         b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
                         b"Sec-WebSocket-Version: 13\r\n"
                         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(1000)
            assert head.startswith(b"HTTP/1.1 101"), head
            peer.sendall(b"bytes")
            assert peer.recv(100) == b"BYTES"
    origin.shutdown()
    origin.server_close()


def reloads_pages(world):
    with Serve(world, "--live", "--workers", "2") as s:
        page = s.ask("/page.html")
        assert b'page<script src="/.flare/live.js"></script></body>' in \
            page.data, page.data
        assert page.getheader("Cache-Control") == "no-store"
        assert b"live.js" in s.ask("/site/").data
        assert b"live.js" in s.ask("/").data
        assert b"EventSource" in s.ask("/.flare/live.js").data
        streams = []
        for _ in range(4):
            stream = s.connect()
            stream.request("GET", "/.flare/live")
            streams.append((stream, stream.getresponse()))
        for name in ("page.html", "a folder/deep/new.html"):
            world.write(name, b"<html><body>new</body></html>\n")
            for _, answer in streams:
                line = b""
                while line != b"event: reload\n":
                    line = answer.readline()
                    assert line
        assert b"new<script" in s.ask("/page.html").data
        for stream, answer in streams:
            answer.close()
            stream.close()
    with Serve(world, "--live", "--spa",
               root=os.path.join(world.root, "site")) as s:
        page = s.ask("/users/7", Accept="text/html")
        assert page.status == 200 and b"live.js" in page.data, page.data
        assert s.status("/users/7.png", Accept="text/html") == 404


SORTED = """[...document.querySelectorAll('tbody a')].map(a => a.textContent)"""


async def loads_until(tabs, tab, condition, change):
    """A page may load once more than was expected, as changes settle in groups,
    and it hears of none before its stream is open: so they are made again."""
    change()
    for _ in range(10):
        again = tabs.expect(tab.session, "Page.loadEventFired")
        try:
            if await tab.run(condition):
                return
        except AssertionError:
            pass  # it was just leaving
        try:
            await asyncio.wait_for(again, 3)
        except asyncio.TimeoutError:
            change()
    raise AssertionError(f"never: {condition}")


async def look_and_reload(world, s):
    url = f"http://127.0.0.1:{s.ports[0]}"
    async with browser.Browser() as tabs:
        tab = await tabs.tab(url + "/?by=size&order=down")
        names = await tab.run(SORTED)
        assert names.index("numbers.txt") < names.index("small.txt"), names
        ink, page = [await tab.run("getComputedStyle(document.body)." + what)
                     for what in ("color", "backgroundColor")]
        assert ink != page, "the style is refused"
        await loads_until(tabs, tab, SORTED + ".includes('fresh.txt')",
                          lambda: world.write("fresh.txt", b"x"))
        await tab.run("document.querySelector('th a').click()")
        await tab.wait("document.querySelector('th[aria-sort]') && "
                       "location.search == '?by=name'")
        await tab.go(url + "/page.html")
        await loads_until(
            tabs, tab, "document.body.innerText.includes('second')",
            lambda: world.write("page.html", b"<body>second</body>\n"))


def a_browser_lists_and_reloads(world):
    if browser is None or browser.find() is None:
        raise Skip("no Chromium, or no python3-websockets")
    with Serve(world, "--live") as s:
        asyncio.run(look_and_reload(world, s))


# ---- operation ----

def tells_what_it_does(world):
    log = os.path.join(world.folder, "access.log")
    with Serve(world, "--log", log, "--log-format", "json", "--metrics",
               "/metrics", "--health", "/health", "--workers", "2") as s:
        assert s.facts["workers"] == 2 and s.facts["root"] == world.root
        assert s.ask("/health").data == b"ok\n"
        s.ask("/small.txt")
        s.ask("/nothing")
        metrics = s.ask("/metrics").data.decode()
        assert "flare_requests_total" in metrics or \
            "flare_http_requests" in metrics, metrics
        summary = s.stop()
    assert summary["requests"] == 4 and summary["responses_4xx"] == 1, summary
    assert summary["errors"] == 0 and summary["body_bytes"] > 0
    assert 0 < summary["p50_ns"] <= summary["p99_ns"]
    with open(log, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) == 4, lines


def finishes_what_is_under_way(world):
    world.write("large", b"\0" * (8 << 20))
    with Serve(world) as s:
        connection = s.connect()
        connection.request("GET", "/large")
        answer = connection.getresponse()
        s.end()
        assert len(answer.read()) == 8 << 20
        connection.close()


def takes_sockets_of_the_service_manager(world):
    """Descriptor 3 and LISTEN_PID, set as systemd does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" --json "$1"'
        os.set_inheritable(listener.fileno(), True)
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec 3<&{listener.fileno()}; {script}",
             world.program, world.root], stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL, close_fds=False,
            env=dict(os.environ, FLARE_BACKEND=world.backend))
        facts = json.loads(process.stdout.readline())
        assert facts["urls"] == [f"http://127.0.0.1:{port}/"], facts
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/small.txt")
        assert connection.getresponse().read() == b"small\n"
        connection.close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0


def drops_privileges(world):
    if os.geteuid() != 0:
        raise Skip("only root has any to drop")
    nobody = pwd.getpwnam("nobody")
    world.write("private", b"x")
    os.chmod(os.path.join(world.root, "private"), 0o600)
    # LeakSanitizer looks for its threads in /proc, which is not there then.
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    with Serve(world, "--user", "nobody", "--chroot", world.root,
               "--workers", "2", environment={"ASAN_OPTIONS": options}) as s:
        with open(f"/proc/{s.process.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        assert status["Uid"].split() == [str(nobody.pw_uid)] * 4, status
        assert status["Gid"].split() == [str(nobody.pw_gid)] * 4, status
        assert int(status["CapEff"], 16) == 0, status
        assert os.readlink(f"/proc/{s.process.pid}/root") == world.root
        assert s.ask("/numbers.txt", Accept_Encoding="gzip").status == 200
        assert s.status("/private") == 403 and s.status("/") == 200


TESTS = (
    says_what_it_is, has_a_man_page, refuses_what_makes_no_sense,
    is_for_this_machine_only,
    serves_files_with_ranges_and_tags, nothing_leaves_the_root,
    compresses_on_the_fly, lists_directories, has_pages_for_what_is_not_there,
    says_what_it_is_told_to, asks_for_a_password, speaks_tls, takes_files,
    takes_forms, a_cut_upload_leaves_nothing, asks_other_servers,
    reloads_pages, a_browser_lists_and_reloads, tells_what_it_does, finishes_what_is_under_way,
    takes_sockets_of_the_service_manager, drops_privileges,
)


def run(world, test):
    """True, False, or None for a skip."""
    name = f"{test.__name__} [{world.backend}]"
    try:
        test(world)
    except Skip as why:
        print(f"SKIP {name}: {why}")
        return None
    except Exception:  # pylint: disable=broad-except
        print(f"FAIL {name}\n{traceback.format_exc()}")
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("words", nargs="*", metavar="WORD",
                        help="only tests with one of these in their name")
    arguments = parser.parse_args()
    if not os.path.exists(os.path.join(arguments.build, "tools/flare-serve")):
        print("no flare-serve on this system")
        return 77
    verdicts = []
    for backend in BACKENDS:
        for test in TESTS:
            if not arguments.words or any(word in test.__name__
                                          for word in arguments.words):
                world = World(arguments.build, backend)
                verdicts.append(run(world, test))
                world.stop()
    failed = verdicts.count(False)
    print(f"{verdicts.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
