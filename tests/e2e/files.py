# SPDX-License-Identifier: MIT
"""Static files, driven by curl and by hand: examples/files over a folder."""

import atexit
import concurrent.futures
import gzip
import json
import os
import random
import shutil
import socket
import tempfile
import time

from programs import curl
from servers import Server
from wire import Peer

LARGE = 8 << 20
CUT = 16 << 20  # more than the kernel's buffers hold
PAST = 978307200  # 2001-01-01 00:00:00


def content(size, seed):
    return random.Random(seed).randbytes(size)


class Folder:
    """What is served; made when first asked for."""

    path = None

    @classmethod
    def make(cls):
        if cls.path:
            return cls.path
        top = tempfile.mkdtemp(prefix="flare-files-")
        atexit.register(shutil.rmtree, top, ignore_errors=True)
        cls.path = os.path.join(top, "root")
        os.mkdir(cls.path)
        for name, data in (("small.bin", content(4096, 1)),
                           ("large.bin", content(LARGE, 2)),
                           ("style.css", b"body {}\n" * 100),
                           ("a&b <i>.txt", b"odd\n"),
                           ("../outside", b"outside\n")):
            cls.write(name, data)
        cls.write("style.css.gz", gzip.compress(b"body {}\n" * 100))
        os.utime(os.path.join(cls.path, "small.bin"), (PAST, PAST))
        os.mkdir(os.path.join(cls.path, "sub"))
        cls.write("sub/index.html", b"<p>index\n")
        os.symlink("../outside", os.path.join(cls.path, "out"))
        os.mkfifo(os.path.join(cls.path, "fifo"))
        return cls.path

    @classmethod
    def write(cls, name, data):
        with open(os.path.join(cls.path, name), "wb") as file:
            file.write(data)


def status(*arguments):
    return curl("--write-out", "%{http_code}", "--output", os.devnull,
                *arguments).decode()


def whole(server):
    assert curl(server.url + "/static/small.bin") == content(4096, 1)
    assert curl(server.url + "/static/large.bin") == content(LARGE, 2)


def head(server):
    answer = curl("--head", server.url + "/static/large.bin").decode()
    assert f"\r\nContent-Length: {LARGE}\r\n" in answer, answer


def resume(server):
    """curl -C -: the rest of a file, by a range."""
    data = content(LARGE, 2)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data[:100000])
        file.flush()
        curl("--continue-at", "-", "--output", file.name,
             server.url + "/static/large.bin")
        with open(file.name, "rb") as got:
            assert got.read() == data


def ranges(server):
    data = content(LARGE, 2)
    for text, part in (("0-0", data[:1]), ("-5", data[-5:]),
                       ("4000000-", data[4000000:]),
                       ("100-199999", data[100:200000])):
        assert curl("--range", text, server.url + "/static/large.bin") == part
    assert status("--range", f"{LARGE}-", server.url +
                  "/static/large.bin") == "416"


def since(server):
    """curl -z: only if it is newer."""
    url = server.url + "/static/small.bin"
    assert status("--time-cond", "Mon, 01 Jan 2001 00:00:00 GMT", url) == "304"
    assert status("--time-cond", "Sun, 31 Dec 2000 00:00:00 GMT", url) == "200"


def tags(server):
    url = server.url + "/static/large.bin"
    with tempfile.TemporaryDirectory() as folder:
        tag = os.path.join(folder, "tag")
        curl("--etag-save", tag, "--output", os.devnull, url)
        assert status("--etag-compare", tag, url) == "304"
        assert status("--etag-compare", tag, server.url +
                      "/static/small.bin") == "200"


def compressed(server):
    url = server.url + "/static/style.css"
    assert curl("--compressed", url) == b"body {}\n" * 100
    raw = curl("--header", "Accept-Encoding: gzip", url)
    assert gzip.decompress(raw) == b"body {}\n" * 100
    answer = curl("--include", url).decode()
    assert "\r\nVary: Accept-Encoding\r\n" in answer, answer
    assert answer.endswith("body {}\n"), answer


def directories(server):
    url = server.url + "/static"
    assert curl("--location", url + "/sub") == b"<p>index\n"
    assert status(url) == "308"
    page = curl(url + "/").decode()
    assert '<a href="./a%26b%20%3Ci%3E.txt">a&amp;b &lt;i&gt;.txt</a>' in page
    assert "outside" not in page and "fifo" not in page, page
    entries = json.loads(curl("--header", "Accept: application/json",
                              url + "/"))["entries"]
    assert {"name": "small.bin", "type": "file", "size": 4096,
            "modified": PAST} in entries, entries
    assert curl(url + "/a%26b%20%3Ci%3E.txt") == b"odd\n"


def outside(server):
    """U01, U04: nothing above the root, whatever the spelling."""
    for path in ("../outside", "%2e%2e/outside", "..%2foutside", "out",
                 "%252e%252e/outside", "sub/../../outside", "....//outside",
                 "fifo", "none", "small.bin/", "sub%2findex.html"):
        out = curl("--path-as-is", "--write-out", "%{http_code}",
                   f"{server.url}/static/{path}").decode()
        assert out.endswith("404") and "outside\n" not in out, (path, out)
    for path in ("a%00", "a%zz", "..%5coutside", "%c0%ae%c0%ae/outside"):
        assert status("--path-as-is", f"{server.url}/static/{path}") == "400"


def together(server):
    """Many at once, each gets its own bytes."""
    data = content(LARGE, 2)

    def part(seed):
        start = random.Random(seed).randrange(LARGE)
        return curl("--range", f"{start}-", server.url +
                    "/static/large.bin") == data[start:]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(part, range(16)))


def begin(server, name):
    """A peer that has asked and reads slowly."""
    peer = Peer(server.address, receive_buffer=65536)
    peer.send(f"GET /static/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    time.sleep(0.3)
    return peer


def read_all(peer):
    got = bytearray()
    try:
        while len(got) <= CUT:
            piece = peer.socket.recv(1 << 20)
            if not piece:
                break
            got += piece
    except (ConnectionError, socket.timeout):
        pass
    return bytes(got)


def cut_meanwhile(server):
    """U05: a file that got shorter is no whole answer; others go on."""
    name = f"cut-{server.address[1]}"
    Folder.write(name, bytes(CUT))
    with begin(server, name) as peer:
        os.truncate(os.path.join(Folder.path, name), 1000)
        got = read_all(peer)
        assert got.startswith(b"HTTP/1.1 200 OK\r\n") and len(got) < CUT
    os.unlink(os.path.join(Folder.path, name))
    assert status(server.url + "/static/small.bin") == "200"


def replaced_meanwhile(server):
    """U05: what was opened is sent to its end."""
    name = f"replaced-{server.address[1]}"
    path = os.path.join(Folder.path, name)
    Folder.write(name, b"x" * CUT)
    Folder.write(name + ".new", b"new")
    with begin(server, name) as peer:
        os.rename(path + ".new", path)
        got = read_all(peer).split(b"\r\n\r\n", 1)[1]
        assert got == b"x" * CUT, len(got)
    assert curl(server.url + "/static/" + name) == b"new"
    os.unlink(path)


def leaves(server):
    """K04: peers that go in the middle; nothing is left open."""
    program, _, *rest = server.process.args
    own = Server(program, *rest, backend=server.backend)
    try:
        before = own.descriptors()
        for _ in range(5):
            with begin(own, "large.bin") as peer:
                peer.reset()
        for _ in range(50):
            if own.descriptors() <= before:
                break
            time.sleep(0.1)
        assert own.descriptors() <= before
        assert status(own.url + "/static/small.bin") == "200"
    finally:
        own.stop()


CASES = [
    *[(f"curl_files_{run.__name__}", run, "files") for run in (
        whole, head, resume, ranges, since, tags, compressed, directories,
        together)],
    ("curl_files_U01_outside", outside, "files"),
    ("curl_files_U05_cut_meanwhile", cut_meanwhile, "files"),
    ("curl_files_U05_replaced_meanwhile", replaced_meanwhile, "files"),
    ("curl_files_K04_leaves", leaves, "files"),
]
