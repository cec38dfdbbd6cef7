#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""flare-get against nginx, node, Python's http.server and openssl s_server.

    tests/tools/test_flare_get.py [--build DIR] [WORD ...]

The last line is "N passed, N failed".
"""

import json
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
sys.path.insert(0, HERE)

from bench_peers import Peer, answer
from client_peers import Nginx, make_certificate
from proxies import free_port, program
from servers import BACKENDS
from tool_world import Skip, main


def node(world):
    """An echo; its URL as flare-get takes it."""
    if not shutil.which("node"):
        raise Skip("no node")
    port = free_port()
    world.peer("node", os.path.join(HERE, "peers/echo.js"), str(port),
               port=port)
    return f"127.0.0.1:{port}"


def own(world, serve):
    peer = Peer(serve)
    world.ended.append(peer.close_all)
    return peer


def nginx(world):
    if not program("nginx"):
        raise Skip("no nginx")
    world.certificate = make_certificate(world.folder)
    server = Nginx(world.folder, world.certificate)
    world.ended.append(server.stop)
    return server


BAD_USAGE = (
    ([], "a URL is wanted"),
    (["ftp://a.test/"], "http or https"),
    (["localhost", "no-mark"], "is no item"),
    (["localhost", "=x"], "is no item"),
    (["localhost", "-d", "x", "a=b"], "not both"),
    (["localhost", "-H", "no colon"], "'Name: value'"),
    (["localhost", "-o", "f", "a=b"], "without a body"),
    (["localhost", "-C"], "--resume is for"),
    (["http://localhost/", "-O"], "no name for a file"),
    (["http://localhost/..%2fx", "-O"], "no name for a file"),
    (["localhost", "-m", "soon"], "is a time"),
    (["localhost", "-a", "nobody"], "USER:PASSWORD"),
    (["localhost", "a:="], "no JSON"),
    (["localhost", "--pretty", "no"], "auto, always or never"),
    (["localhost", "-H", "Content-Length: 5"], "header"),
    (["localhost", "-H", "A: b\r\nC: d"], "header"),
    (["-X", "G T", "localhost"], "method"),
    (["http://a b/"], "URL"),
)


def refuses_what_makes_no_sense(world):
    for arguments, text in BAD_USAGE:
        out, err = world.run(*arguments, code=2)
        assert text in err.decode() and out == b"", (arguments, err)


def items_become_json(world):
    url = node(world)
    world.write("f.txt", b"from \"a\" file")
    world.write("f.json", b'{"x": [1]}')
    out, _ = world.run(url + "/p?a=1", "name=Ann Lee", "age:=41",
                       "ok:=[true,null]", "text=@f.txt", "more:=@f.json",
                       "X-Trace:7", "User-Agent:", "q==\xfc b&c",
                       "q2==")
    got = json.loads(out)
    assert got["method"] == "POST"
    assert got["url"] == "/p?a=1&q=%C3%BC+b%26c&q2=", got["url"]
    assert got["headers"]["x-trace"] == "7"
    assert "user-agent" not in got["headers"]
    assert got["headers"]["content-type"] == "application/json"
    assert json.loads(got["body"]) == {
        "name": "Ann Lee", "age": 41, "ok": [True, None],
        "text": 'from "a" file', "more": {"x": [1]}}


def items_become_a_form(world):
    url = node(world)
    got = json.loads(world.run("-f", "PUT", url, "a=1 & 2", "b=\xe4")[0])
    assert got["method"] == "PUT" and got["body"] == "a=1+%26+2&b=%C3%A4"
    assert got["headers"]["content-type"] == \
        "application/x-www-form-urlencoded"
    world.write("x.bin", b"\x00\r\n--\xff")
    got = json.loads(world.run(url, "a=1", "f@x.bin")[0])
    boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)",
                            got["headers"]["content-type"]).group(1)
    parts = got["body"].split("--" + boundary)
    assert parts[0] == "" and parts[-1] == "--\r\n" and len(parts) == 4
    assert parts[1] == \
        '\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    assert 'name="f"; filename="x.bin"\r\n' in parts[2]
    assert parts[2].endswith("\r\n\r\n\x00\r\n--\xff\r\n")


def data_is_sent_as_it_is(world):
    url = node(world)
    got = json.loads(world.run("-d", '{"a":1}', url)[0])
    assert got["body"] == '{"a":1}'
    assert got["headers"]["content-type"] == "application/json"
    got = json.loads(world.run("-d", "@-", "-H", "Content-Type: a/b", url,
                               stdin=b"piped")[0])
    assert got["body"] == "piped" and got["headers"]["content-type"] == "a/b"
    world.write("large", os.urandom(3 << 20))
    got = json.loads(world.run("-X", "PUT", "-d", "@large", url)[0])
    assert got["body"].encode("latin1") == world.read("large")
    got = json.loads(world.run("-d", "", url)[0])
    assert got["method"] == "POST" and got["headers"]["content-length"] == "0"


def credentials_and_cookies(world):
    url = node(world)
    world.write("secret", b"me:pass:word\n")
    got = json.loads(world.run("-a", "@secret", url)[0])
    assert got["headers"]["authorization"] == "Basic bWU6cGFzczp3b3Jk"
    got = json.loads(world.run("--bearer", "abc", url)[0])
    assert got["headers"]["authorization"] == "Bearer abc"
    got = json.loads(world.run("-b", "jar", url)[0])
    assert "cookie" not in got["headers"]
    assert world.read("jar").startswith(b"# Netscape HTTP Cookie File")
    got = json.loads(world.run("-b", "jar", url)[0])
    assert got["headers"]["cookie"] == "s=1"


def redirects_and_statuses(world):
    url = node(world)
    out, _ = world.run("-i", url + "/redirect")
    assert out.startswith(b"HTTP/1.1 302 Found\n"), out
    got = json.loads(world.run("-L", url + "/redirect")[0])
    assert got["url"] == "/to"
    for status, code in ((204, 0), (304, 3), (404, 4), (503, 5)):
        world.run(f"{url}/status/{status}", code=0)
        world.run("--check-status", f"{url}/status/{status}", code=code)


def tells_facts(world):
    url = node(world)
    facts = world.json("-L", url + "/redirect")
    assert facts["status"] == 200 and facts["redirects"] == 1
    assert facts["url"] == f"http://{url}/to"
    assert facts["connection"]["peer"] == url
    assert facts["connection"]["tls"] is None
    times = facts["times_ms"]
    assert 0 < times["begun"] <= times["sent"] <= times["first_byte"] \
        <= times["end"], times
    assert ["Content-Type", "application/json"] in facts["headers"]
    assert facts["body_bytes"] > 0
    port = free_port()
    facts = world.json(f"127.0.0.1:{port}", code=1)
    assert facts["error"]["code"] == "ECONNREFUSED", facts
    _, err = world.run(f"127.0.0.1:{port}", code=1)
    assert b"connection refused" in err
    assert world.run("-q", f"127.0.0.1:{port}", code=1) == (b"", b"")


def draws_times(world):
    _, err = world.run("-t", node(world))
    rows = [line.split()[0] for line in err.decode().splitlines()]
    assert rows == ["connect", "send", "wait", "receive", "total"], err


def verbose_tells_what_is_asked(world):
    _, err = world.run("-v", node(world), "a=\033[1m")
    text = err.decode()
    assert "> POST http://" in text and "> Content-Type: application/json" \
        in text and "\n* 127.0.0.1:" in text, text
    assert "\033" not in text


def a_terminal_is_never_commanded(world):
    body = b"one\033]0;title\007\r\ntwo \xc3\xa4 \xff\xc2\x9b1m\n"
    peer = own(world, lambda link, number: answer(
        body, "Content-Type: text/plain", "X-Evil: \x80\xfe"))
    shown, code = world.on_terminal(peer.url)
    assert code == 0
    assert b"one\\x1b]0;title\\x07\ntwo \xc3\xa4 \\xff\\xc2\\x9b1m\n" in shown, \
        shown
    assert b"X-Evil\033[0m: \\xc2\\x80\xc3\xbe\n" in shown, shown
    out, _ = world.run(peer.url)
    assert out == body
    shown, _ = world.on_terminal("--color", "never", peer.url)
    assert b"\033" not in shown


def what_is_no_text_stays_off_the_terminal(world):
    peer = own(world, lambda link, number: answer(b"\x7fELF\x00\x01"))
    shown, _ = world.on_terminal(peer.url)
    assert b"6 B of no text, not shown" in shown and b"ELF" not in shown


def json_is_indented_however_it_is_cut(world):
    value = {"a": [1, {"b": "x\u00e4\u20ac\U0001f600\"\\", "c": []}], "d": {},
             "e": None, "f": -1.5e3, "g": "\u0001"}
    text = json.dumps(value, ensure_ascii=False).encode()
    peer = own(world, lambda link, number: answer(
        text, "Content-Type: application/problem+json; charset=utf-8"))
    out, _ = world.run("--pretty=always", peer.url)
    assert out.decode() == json.dumps(value, ensure_ascii=False,
                                      indent=2) + "\n", out.decode()
    peer.is_slow = True
    again, _ = world.run("--pretty=always", peer.url)
    assert again == out
    coloured, _ = world.run("--pretty=always", "--color=always", peer.url)
    assert re.sub(rb"\033\[\d+m", b"", coloured) == out
    assert world.run(peer.url)[0] == text


def what_is_no_json_is_all_shown(world):
    text = b'}}]"open \x01\x1b{[,: tru'
    peer = own(world, lambda link, number: answer(
        text, "Content-Type: application/json"))
    out, _ = world.run("--pretty=always", peer.url)
    left = out.replace(b"\\x01", b"\1").replace(b"\\x1b", b"\x1b")
    assert b"\x1b" not in out
    assert left.replace(b"\n", b"").replace(b" ", b"") == \
        text.replace(b" ", b""), out


def a_cut_answer_fails(world):
    peer = own(world, lambda link, number: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "end"))
    out, err = world.run(peer.url, code=1)
    assert out == b"abc" and err, err
    peer = own(world, lambda link, number: (b"", "wait"))
    _, err = world.run("-m", "200ms", peer.url, code=1)
    assert b"too long" in err, err


def speaks_tls(world):
    server = nginx(world)
    ca = world.certificate[0]
    url = server.tls_url + "/hello"
    _, err = world.run(url, code=1)
    assert b"certificate" in err.lower(), err
    assert world.run("--cacert", ca, url)[0] == b"hello\n"
    facts = world.json("-k", url)
    assert facts["connection"]["tls"]["version"].startswith("TLSv1.")
    assert not facts["connection"]["tls"]["is_verified"]
    facts = world.json("--cacert", ca, url)
    assert facts["connection"]["tls"]["is_verified"]
    assert facts["times_ms"]["connected"] < facts["times_ms"]["tls"]
    _, err = world.run("-t", "--cacert", ca, url)
    assert b"\nTLS " in err, err


def speaks_to_openssl(world):
    if not shutil.which("openssl"):
        raise Skip("no openssl")
    _, cert, key = make_certificate(world.folder)
    port = free_port()
    world.peer("openssl", "s_server", "-accept", str(port), "-cert", cert,
               "-key", key, "-www", "-quiet", port=port)
    out, _ = world.run("-k", f"https://localhost:{port}/")
    assert b"s_server" in out, out


def undoes_codings_if_asked(world):
    server = nginx(world)
    server.write("t.txt", b"text " * 100)
    facts = world.json(server.url + "/t.txt")
    assert not any(n == "Content-Encoding" for n, _ in facts["headers"])
    out, _ = world.run("-i", "--compressed", server.url + "/t.txt")
    assert b"\nContent-Encoding: gzip\n" in out
    assert out.endswith(b"text " * 100)


def downloads_and_goes_on(world):
    server = nginx(world)
    data = os.urandom(2 << 20)
    server.write("large.bin", data)
    url = server.url + "/large.bin"
    world.run("-O", url)
    assert world.read("large.bin") == data
    shown, code = world.on_terminal("-o", "other", url)
    assert code == 0 and b"100%" in shown and b"2.00 MiB" in shown, shown
    assert world.read("other") == data
    facts = world.json("-o", "third", "--resume", url)
    assert facts["file_bytes"] == len(data)
    _, err = world.run("-o", "none", server.url + "/none", code=1)
    assert b"404" in err and not os.path.exists(world.path("none"))


def a_broken_download_is_resumed(world):
    data = os.urandom(200000)
    asked = []

    def serve(link, number):
        head = link.head.decode()
        asked.append(head)
        fields = "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n"
        found = re.search(r"Range: bytes=(\d+)-", head)
        if not found:
            return (f"HTTP/1.1 200 OK\r\n{fields}Content-Length: {len(data)}"
                    "\r\n\r\n".encode() + data[:100000], "end")
        at = int(found.group(1))
        return (f"HTTP/1.1 206 Partial Content\r\n{fields}Content-Length: "
                f"{len(data) - at}\r\nContent-Range: bytes {at}-"
                f"{len(data) - 1}/{len(data)}\r\n\r\n".encode() + data[at:])

    peer = own(world, serve)
    world.run("-C", "-o", "f", peer.url, code=1)
    assert not os.path.exists(world.path("f"))
    facts = world.json("-C", "-o", "f", peer.url)
    assert world.read("f") == data
    assert facts["resumed_at"] > 0, facts
    assert 'If-Range: "v1"' in asked[1], asked


def goes_through_a_proxy(world):
    peer = own(world, lambda link, number: answer(b"by proxy"))
    out, _ = world.run("-x", peer.url, "http://a.test/x")
    assert out == b"by proxy"
    assert peer.heads[0].startswith(b"GET http://a.test/x HTTP/1.1\r\n"), \
        peer.heads
    _, err = world.run("-x", "nonsense", "http://a.test/x", code=2)
    assert b"proxy" in err, err


def speaks_to_python(world):
    port = free_port()
    world.write("a.txt", b"file\n")
    world.peer("python3", "-m", "http.server", str(port), "--bind",
               "127.0.0.1", port=port)
    assert world.run(f"127.0.0.1:{port}/a.txt")[0] == b"file\n"
    out, _ = world.run("-I", f"127.0.0.1:{port}/a.txt")
    assert out.startswith(b"HTTP/1.0 200 OK\n") and b"Content-Length: 5" in out


TESTS = (
    refuses_what_makes_no_sense, items_become_json, items_become_a_form,
    data_is_sent_as_it_is, credentials_and_cookies, redirects_and_statuses,
    tells_facts, draws_times, verbose_tells_what_is_asked,
    a_terminal_is_never_commanded, what_is_no_text_stays_off_the_terminal,
    json_is_indented_however_it_is_cut, what_is_no_json_is_all_shown,
    a_cut_answer_fails, speaks_tls, speaks_to_openssl,
    undoes_codings_if_asked, downloads_and_goes_on,
    a_broken_download_is_resumed, goes_through_a_proxy, speaks_to_python,
)

if __name__ == "__main__":
    sys.exit(main("flare-get", TESTS, BACKENDS))
