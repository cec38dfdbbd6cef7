#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our HTTP client against servers and proxies that are not ours, over real
sockets: nginx, Go, node, Python; and what it says on the wire.

    tests/e2e/test_client.py [--build DIR] [WORD ...]

With words, only cases whose name has one of them.  The last line is "N passed,
N failed".
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True

from client_peers import (Nginx, Peer, Proxy, Recorder, free_port,
                          make_certificate, program, wait_for)
from servers import BACKENDS

LINES = b"".join(b"line %d\n" % i for i in range(10000))
PIECES = b"".join(b"piece %d\n" % i for i in range(100))


def sum_of(data):
    """FNV-1a, as tests/support/e2e_client.c has it."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return f"{value:016x}"


class Client:
    """One e2e_client: `options` are its configuration."""

    def __init__(self, world, **options):
        environment = dict(os.environ, FLARE_BACKEND=world.backend)
        # Nothing may be taken from these (FAILURES C15).
        environment.update(http_proxy="http://127.0.0.1:1",
                           HTTPS_PROXY="http://127.0.0.1:1",
                           ALL_PROXY="http://127.0.0.1:1")
        self.process = subprocess.Popen(
            [world.program, *(f"{key}={value}"
                              for key, value in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
            text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        assert status == 0, f"the client ended with {status}"

    def ask(self, method, url, wanted=None, **columns):
        """The reply; `wanted` is its status, or the name of an error."""
        line = "\t".join([method, url, *(f"{key}={value}" for key, value
                                         in columns.items())])
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if wanted is not None:
            got = reply["status"] if reply["rc"] == "0" else reply["rc"]
            assert got == wanted, f"{line!r}: {reply}"
        return reply

    def get(self, url, wanted=200, **columns):
        return self.ask("GET", url, wanted, **columns)


def header(reply, name, where="headers"):
    return [value for key, value in reply[where] if key.lower() == name.lower()]


# ---- what every server can ----

def keeps_its_connection(world, peer):
    """The server counts connections, and so do we."""
    with world.client() as client:
        for i in range(20):
            reply = client.get(peer.url + "/hello")
            assert reply["body"] == "hello\n", reply
            assert reply["reused"] == (i > 0), reply
        before = int(client.get(peer.url + "/count")["body"])
        for path in ("/zipped", "/pieces", "/empty"):
            client.get(peer.url + path, None)
        client.ask("HEAD", peer.url + "/hello", 200)
        client.ask("POST", peer.url + "/echo", 200, size=100000, chunked=1)
        reply = client.get(peer.url + "/count")
        assert int(reply["body"]) == before, reply
        assert reply["connections"] == 1, reply


def one_connection_each(world, peer):
    """HTTP/1.0: a body up to the end of the connection."""
    with world.client() as client:
        for i in range(3):
            reply = client.get(peer.url + "/hello")
            assert reply["body"] == "hello\n" and not reply["reused"], reply
            assert reply["minor"] == 0 and reply["connections"] == i + 1, reply


def decodes(world, peer):
    with world.client() as client:
        reply = client.get(peer.url + "/zipped")
        assert reply["length"] == len(LINES), reply
        assert reply["sum"] == sum_of(LINES), reply
        raw = client.get(peer.url + "/zipped", raw=1)
        assert 0 < raw["length"] < len(LINES) // 2, raw
        assert header(raw, "Content-Encoding") == ["gzip"], raw


def reads_pieces(world, peer):
    with world.client() as client:
        reply = client.get(peer.url + "/pieces")
        assert reply["body"].encode() == PIECES, reply
        if reply["minor"] == 1:
            assert header(reply, "X-Sum", "trailers") == ["100"], reply


def sends_bodies(world, peer):
    with world.client() as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            reply = client.ask(method, peer.url + "/echo", 200, body="a=1",
                               type="text/x")
            assert reply["body"] == "a=1", reply
            assert header(reply, "X-Method") == [method], reply
            assert header(reply, "X-Type") == ["text/x"], reply
            assert header(reply, "X-Length") == ["3"], reply
        for columns in ({}, {"chunked": 1}, {"expect": 1},
                        {"chunked": 1, "expect": 1}):
            reply = client.ask("POST", peer.url + "/echo", 200, size=1000000,
                               **columns)
            assert reply["length"] == 1000000, reply
            assert reply["sum"] == world.xs, reply
            assert header(reply, "X-Length") == [
                "-1" if "chunked" in columns else "1000000"], reply


def follows(world, peer):
    with world.client() as client:
        for code in (301, 302, 303):
            reply = client.ask("POST", f"{peer.url}/redirect?code={code}"
                               "&to=/hello", 200, body="x")
            assert reply["body"] == "hello\n", reply
            assert reply["redirects"] == 1, reply
            assert reply["url"] == peer.url + "/hello", reply
        for code in (307, 308):
            reply = client.ask("PUT", f"{peer.url}/redirect?code={code}"
                               "&to=/echo", 200, body="again", type="a/b")
            assert reply["body"] == "again", reply
            assert header(reply, "X-Method") == ["PUT"], reply
            reply = client.ask("POST", f"{peer.url}/redirect?code={code}"
                               "&to=/echo", 200, size=5000, chunked=1)
            assert reply["length"] == 5000, reply
        client.get(f"{peer.url}/redirect?code=302&to=/hello", 302, stay=1)
        client.get(f"{peer.url}/redirect?code=302&to=file:///etc/passwd",
                   "FLARE_E_REDIRECT")


def has_no_body(world, peer):
    with world.client() as client:
        for _ in range(3):
            assert client.get(peer.url + "/empty", 204)["length"] == 0
            reply = client.ask("HEAD", peer.url + "/hello", 200)
            assert reply["length"] == 0, reply
        client.get(peer.url + "/nowhere", 404)


def stops_at_an_early_answer(world, peer):
    """FAILURES C11: an answer before the end of a body that waits for 100."""
    with world.client() as client:
        reply = client.ask("POST", peer.url + "/refuse", 413, size=50000000,
                           expect=1)
        assert reply["status"] == 413, reply
        reply = client.get(peer.url + "/hello")
        assert reply["body"] == "hello\n", reply


EVERY = (keeps_its_connection, decodes, reads_pieces, sends_bodies, follows,
         has_no_body, stops_at_an_early_answer)
KINDS = ("go", "node", "python1.1", "go-tls", "node-tls", "python1.1-tls")
OLD = (one_connection_each, decodes, reads_pieces, sends_bodies, follows,
       has_no_body)


# ---- nginx ----

def nginx_keeps_until_it_closes(world):
    """keepalive_requests 10: the connection's number is nginx's word."""
    with Client(world) as client:
        seen = [client.get(world.nginx.url + "/connection")["body"].split()
                for _ in range(25)]
    numbers = [number for number, _ in seen]
    assert len(set(numbers)) == 3, seen
    assert [int(count) for _, count in seen] == [
        i % 10 + 1 for i in range(25)], seen


def nginx_zips(world):
    world.nginx.write("lines.txt", LINES)
    with Client(world) as client:
        reply = client.get(world.nginx.url + "/lines.txt")
        assert reply["sum"] == sum_of(LINES), reply
        assert header(reply, "Content-Encoding") == ["gzip"], reply
        plain = client.get(world.nginx.url + "/lines.txt", raw=1)
        assert plain["length"] == len(LINES), plain
        assert header(plain, "Content-Encoding") == [], plain
        tag = header(plain, "ETag")[0]
        same = client.get(world.nginx.url + "/lines.txt", 304, raw=1,
                          header=f"If-None-Match: {tag}")
        assert same["length"] == 0, same


def nginx_https(world):
    with world.client() as client:
        for i in range(3):
            reply = client.get(world.nginx.tls_url + "/hello")
            assert reply["tls"].startswith("TLSv1."), reply
            assert reply["reused"] == (i > 0), reply
    with Client(world) as client:  # the system does not know that CA
        client.get(world.nginx.tls_url + "/hello", "FLARE_E_TLS_UNTRUSTED")
    with world.client() as client:
        reply = client.get(f"{world.nginx.url}/redirect?to="
                           f"{world.nginx.tls_url}/hello")
        assert reply["url"] == world.nginx.tls_url + "/hello", reply
        client.get(f"{world.nginx.tls_url}/redirect?to="
                   f"{world.nginx.url}/hello", "FLARE_E_REDIRECT_INSECURE")


def content(path):
    with open(path, "rb") as file:
        return file.read()


def nginx_download_resumes(world):
    data = os.urandom(3 << 20)
    world.nginx.write("big", data)
    path = os.path.join(world.folder, "got")
    part = path + ".part"
    url = world.nginx.url + "/big"
    with Client(world) as client:
        client.get(url, None, download=path)
        assert content(path) == data and not os.path.exists(part)
        os.unlink(path)
        tag = header(client.get(url, 200, raw=1), "ETag")[0]
        for there in (data[:1 << 20], data[:1], data):
            with open(part, "wb") as file:
                file.write(there)
            with open(part + ".note", "wb") as file:
                file.write(f"{tag}\n{url}".encode())
            reply = client.get(url, None, download=path, resume=1)
            assert reply["rc"] == "0", reply
            assert content(path) == data
            assert not os.path.exists(part + ".note")
        # another one there by now: from the start
        with open(part, "wb") as file:
            file.write(b"not of it")
        with open(part + ".note", "wb") as file:
            file.write(f"\"old\"\n{url}".encode())
        reply = client.get(url, None, download=path, resume=1)
        assert reply["rc"] == "0" and content(path) == data, reply
        # what is no download leaves what was there
        reply = client.get(url + "/none", None, download=path)
        assert reply["rc"] == "FLARE_E_HTTP_STATUS", reply
        assert content(path) == data and not os.path.exists(part)
    shutil.rmtree(path, ignore_errors=True)


# ---- what is said on the wire ----

SECRET = "Authorization: Basic YWRhOnNlY3JldA=="


def credentials_stay_at_their_origin(world):
    """FAILURES C02: gone with the first step away, and on the way back."""
    home, away = Recorder({}), Recorder({})
    try:
        away.answers["/there"] = (302, [f"Location: {home.url}/back",
                                        "Set-Cookie: theirs=1"])
        home.answers["/go"] = (307, [f"Location: {away.url}/there"])
        home.answers["/in"] = (302, ["Location: /back"])
        with Client(world, user="ada", password="secret") as client:
            client.get(home.url + "/in")
            assert all(SECRET in head for head in home.heads), home.heads
            del home.heads[:]
            client.get(home.url + "/go", header="Cookie: own=1")
        assert SECRET in home.heads[0] and "own=1" in home.heads[0]
        for head in away.heads + home.heads[1:]:
            assert "Authorization" not in head and "Cookie" not in head, head
        assert len(away.heads) == 1 and len(home.heads) == 2
    finally:
        home.stop()
        away.stop()


def cookies_go_where_they_belong(world):
    home, away = Recorder({}), Recorder({})
    try:
        home.answers["/go"] = (302, [
            f"Location: {away.url.replace('127.0.0.1', 'localhost')}/x",
            "Set-Cookie: id=7; Path=/"])
        with Client(world, jar=1) as client:
            client.get(home.url + "/go")
            client.get(home.url + "/again")
        assert "Cookie" not in home.heads[0], home.heads
        assert "Cookie: id=7\r\n" in home.heads[1], home.heads
        assert "Cookie" not in away.heads[0], away.heads
    finally:
        home.stop()
        away.stop()


def heads_are_what_they_should_be(world):
    server = Recorder({})
    try:
        with Client(world, base=server.url + "/api/",
                    header="X-All: 1") as client:
            client.ask("PURGE", "items?a=b", 200, header="X-One: 2")
        line, *fields = server.heads[0].split("\r\n")
        names = [field.split(":")[0] for field in fields if field]
        assert line == "PURGE /api/items?a=b HTTP/1.1", line
        assert f"Host: 127.0.0.1:{server.port}" in fields, fields
        assert "X-All: 1" in fields and "X-One: 2" in fields, fields
        assert len(names) == len(set(names)), fields
        with Client(world) as client:
            for url in ("/a b", "/a\x0bb", "/a?\x7f", "://", "/%zz"):
                client.get(server.url + url, "FLARE_E_BAD_URL")
            client.get(server.url, "FLARE_E_BAD_HEADER", header="A b: c")
            client.ask("GE T", server.url, "FLARE_E_BAD_METHOD")
        assert len(server.heads) == 1, server.heads
    finally:
        server.stop()


# ---- proxies ----

BASIC = "Proxy-Authorization: Basic bWU6cHc="


def through_a_proxy(world):
    proxy, server = Proxy(BASIC), Recorder({})
    try:
        url = f"http://me:pw@127.0.0.1:{proxy.port}"
        with Client(world, proxy=url, **world.tls) as client:
            client.get(server.url + "/a")
            assert BASIC in proxy.heads[0], proxy.heads
            assert proxy.heads[0].startswith(f"GET {server.url}/a "), \
                proxy.heads
            reply = client.get(world.nginx.tls_url + "/hello",
                               header="Authorization: Bearer x")
            assert reply["tls"].startswith("TLSv1."), reply
            authority = world.nginx.tls_url[8:]
            assert proxy.heads[-1].startswith(f"CONNECT {authority} "), \
                proxy.heads
            assert BASIC in proxy.heads[-1], proxy.heads
            assert "Bearer" not in proxy.heads[-1], proxy.heads
            count = len(proxy.heads)
            assert client.get(world.nginx.tls_url + "/hello")["reused"]
            assert len(proxy.heads) == count, "a tunnel is used again"
        with Client(world, proxy=url, no_proxy="127.0.0.1") as client:
            client.get(server.url + "/direct")
        assert BASIC not in server.heads[-1], server.heads
        assert len(proxy.heads) == count, proxy.heads
        with Client(world, proxy=f"http://me:no@127.0.0.1:{proxy.port}",
                    **world.tls) as client:
            client.get(server.url + "/a", 407)
            client.get(world.nginx.tls_url + "/hello", "FLARE_E_PROXY")
    finally:
        proxy.stop()
        server.stop()


def through_tinyproxy(world):
    if program("tinyproxy") is None:
        print("SKIP through_tinyproxy: no tinyproxy")
        return
    port = free_port()
    conf = os.path.join(world.folder, "tinyproxy.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(f"Port {port}\nListen 127.0.0.1\nTimeout 30\n"
                   "MaxClients 20\nBasicAuth me pw\n")
    process = subprocess.Popen([program("tinyproxy"), "-d", "-c", conf],
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        with Client(world, proxy=f"http://me:pw@127.0.0.1:{port}",
                    **world.tls) as client:
            assert client.get(world.nginx.url + "/hello")["body"] == "hello\n"
            assert client.get(world.nginx.tls_url + "/hello")["body"] == \
                "hello\n"
        with Client(world, proxy=f"http://127.0.0.1:{port}",
                    **world.tls) as client:
            client.get(world.nginx.tls_url + "/hello", "FLARE_E_PROXY")
    finally:
        process.kill()
        process.wait()


# ---- the examples ----

def run_example(world, name, *arguments):
    done = subprocess.run(
        [os.path.join(world.build, "examples", name), *arguments],
        env=dict(os.environ, FLARE_BACKEND=world.backend), text=True,
        capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def example_http_get(world):
    url = world.peer("python1.1").url
    assert run_example(world, "http_get", url + "/hello") == "hello\n"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        out = run_example(world, "http_get", "-i", "-X", method, "-d", "some",
                          "-t", "text/x", url + "/echo")
        assert f"\nX-Method: {method}\n" in out and out.endswith("\n\nsome")
    out = run_example(world, "http_get", "-i", "-X", "HEAD", url + "/hello")
    assert out.startswith("HTTP/1.1 200 OK\n") and out.endswith("\n\n"), out
    path = os.path.join(world.folder, "example")
    run_example(world, "http_get", "-o", path, url + "/zipped")
    assert content(path)[:2] == b"\x1f\x8b", "as it is, not decoded"


def example_http_client_json(world):
    if not os.path.exists(os.path.join(world.build, "examples",
                                       "http_client_json")):
        print("SKIP example_http_client_json: built without jansson")
        return
    assert run_example(world, "http_client_json",
                       world.peer("python1.1").url + "/echo", "Ada \"A\"",
                       "36") == "Ada \"A\", 36\n"


# ---- the whole ----

OWN = (nginx_keeps_until_it_closes, nginx_zips, nginx_https,
       nginx_download_resumes, credentials_stay_at_their_origin,
       cookies_go_where_they_belong, heads_are_what_they_should_be,
       through_a_proxy, through_tinyproxy, example_http_get,
       example_http_client_json)


NEED_TLS = (nginx_https, through_a_proxy, through_tinyproxy)


class World:
    def __init__(self, build, folder):
        self.build = build
        self.program = os.path.join(build, "tests/support/e2e_client")
        self.folder = folder
        self.backend = None
        self.certificate = make_certificate(folder)
        self.tls = {"ca": self.certificate[0]}
        probe = subprocess.run([self.program, f"ca={self.certificate[0]}"],
                               stdin=subprocess.DEVNULL, check=False,
                               capture_output=True)
        self.has_tls = probe.returncode == 0
        self.nginx = Nginx(folder, self.certificate)
        self.xs = sum_of(b"x" * 1000000)
        self.peers = {}

    def client(self):
        """One that trusts the certificate of all these servers."""
        return Client(self, **(self.tls if self.has_tls else {}))

    def peer(self, kind):
        if kind not in self.peers:
            self.peers[kind] = Peer(kind, self.folder, self.certificate)
        return self.peers[kind]

    def stop(self):
        for server in [self.nginx, *self.peers.values()]:
            server.stop()


def all_cases(world):
    for run in OWN:
        if not world.has_tls and run in NEED_TLS:
            print(f"SKIP {run.__name__}: built without OpenSSL")
            continue
        yield run.__name__, lambda run=run: run(world)
    for kind in (*KINDS, "python1.0"):
        if not Peer.is_there(kind):
            print(f"SKIP {kind}: it is not installed")
            continue
        if not world.has_tls and kind.endswith("-tls"):
            print(f"SKIP {kind}: built without OpenSSL")
            continue
        for run in OLD if kind == "python1.0" else EVERY:
            yield (f"{kind}_{run.__name__}",
                   lambda run=run, kind=kind: run(world, world.peer(kind)))


def run_all(world, words):
    passed = failed = 0
    for backend in BACKENDS:
        world.backend = backend
        for name, run in all_cases(world):
            name = f"{backend} {name}"
            if words and not any(word in name for word in words):
                continue
            try:
                run()
                passed += 1
                print(f"ok   {name}", flush=True)
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"FAIL {name}: {error}\n{traceback.format_exc()}",
                      flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    for name in ("nginx", "openssl"):
        if program(name) is None:
            print(f"SKIP test_client.py: no {name}")
            return 77
    with tempfile.TemporaryDirectory(prefix="flare-client-") as folder:
        os.chmod(folder, 0o755)
        world = World(os.path.abspath(options.build), folder)
        try:
            passed, failed = run_all(world, options.words)
        finally:
            world.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
