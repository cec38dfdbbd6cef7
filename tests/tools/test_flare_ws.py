#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""flare-ws against itself, node's ws, and a peer that breaks the rules.

    tests/tools/test_flare_ws.py [--build DIR] [WORD ...]

The last line is "N passed, N failed".
"""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
sys.path.insert(0, HERE)

from bench_peers import Peer
from servers import BACKENDS
from tool_world import Skip, main

NODE_ECHO = """
const {WebSocketServer} = require("ws");
const server = new WebSocketServer({host: "127.0.0.1", port: 0,
    perMessageDeflate: {threshold: 0},
    handleProtocols: (all) => all.has("second") ? "second" : false});
server.on("listening", () => console.log(server.address().port));
server.on("connection", (ws, request) => {
    if (request.url === "/head")
        ws.send(JSON.stringify({headers: request.headers,
                                extensions: ws.extensions}));
    if (request.url === "/policy")
        ws.close(1008, "not \\u001b[1m you");
    ws.on("message", (data, isBinary) => ws.send(data, {binary: isBinary}));
});
"""
NODE_CLIENT = """
const WebSocket = require("ws");
const ws = new WebSocket(process.argv[1], {rejectUnauthorized: false});
ws.on("open", () => { ws.send("from node"); });
ws.on("message", (data, isBinary) => {
    console.log(isBinary, data.toString());
    ws.close(1000, "bye");
});
"""


def node_path():
    for path in ("/usr/share/nodejs", "/usr/lib/node_modules",
                 "/usr/local/lib/node_modules"):
        if os.path.isdir(os.path.join(path, "ws")):
            return dict(os.environ, NODE_PATH=path)
    raise Skip("no npm ws")


def node(world, path="/"):
    process = subprocess.Popen(["node", "-e", NODE_ECHO], env=node_path(),
                               stdout=subprocess.PIPE)

    def end():
        process.kill()
        process.wait()
        process.stdout.close()
    world.ended.append(end)
    port = int(process.stdout.readline())
    return f"ws://127.0.0.1:{port}{path}"


class Listener:
    def __init__(self, world, *arguments, stdin=None):
        self.process = world.start("--json", "-l", "127.0.0.1:0", *arguments,
                                   stdin=stdin or subprocess.DEVNULL)
        world.ended.append(self.end)
        self.address = self.event("listening")["address"]
        self.url = "ws://" + self.address

    def event(self, kind):
        while True:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            event = json.loads(line)
            if event["event"] == kind:
                return event

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        complaints = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert code == 0, (code, complaints)


def events(out):
    return [json.loads(line) for line in out.splitlines()]


BAD_USAGE = (
    ([], "a URL, or --listen"),
    (["ws://a.test/", "-l", ":0"], "a URL, or --listen"),
    (["http://a.test/"], "ws"),
    (["ws://a b/"], "URL"),
    (["ws://a.test/", "--echo"], "for --listen"),
    (["-l", ":0", "--ping", "3"], "not for --listen"),
    (["-l", "nowhere"], "nowhere"),
    (["ws://a.test/", "-n", "0"], "--count"),
    (["ws://a.test/", "--close-code", "5"], "--close-code"),
    (["ws://a.test/", "-H", "x"], "'Name: value'"),
    (["ws://a.test/", "-H", "Sec-WebSocket-Key: x"], "Sec-WebSocket-Key"),
)


def refuses_what_makes_no_sense(world):
    for arguments, text in BAD_USAGE:
        out, err = world.run(*arguments, code=2)
        assert text in err.decode() and out == b"", (arguments, err)


def speaks_to_itself(world):
    echo = Listener(world, "--echo", "-z")
    out, _ = world.run("-1", echo.url, stdin=b"hello\n")
    assert out == b"hello\n"
    out, _ = world.run("-n", "3", "-z", "-m", "a", "-m", "b" * 5000, "-m", "",
                       echo.url)
    assert out == b"a\n" + b"b" * 5000 + b"\n\n"
    out, _ = world.run("-w", "200ms", echo.url, stdin=b"1\n2\n3")
    assert out == b"1\n2\n3\n"
    echo = Listener(world, "--echo", "-q")  # nobody reads what it would tell
    lines = b"".join(b"line %d\n" % i for i in range(5000))
    out, _ = world.run("-n", "5000", echo.url, stdin=lines)
    assert out == lines


def binary_messages(world):
    echo = Listener(world, "--echo")
    out, _ = world.run("-1", "--hex", echo.url, stdin=b"00 ff 1B\n")
    assert out == b"00ff1b\n"
    out, err = world.run("-1", "--hex", echo.url, stdin=b"0\nzz\n41\n")
    assert out == b"41\n" and err.count(b"not hexadecimal") == 2
    out, _ = world.run("-1", "-b", echo.url, stdin=b"\xff\xfe\n")
    assert out == b"\xff\xfe\n"
    _, err = world.run("-w", "100ms", echo.url, stdin=b"\xff\n")
    assert b"not UTF-8" in err


def tells_events(world):
    echo = Listener(world, "--echo", "-s", "chat")
    out, _ = world.run("--json", "-1", "-s", "other", "-s", "chat", "-m", "hi",
                       echo.url)
    first, second, third = events(out)
    assert first == {"event": "open", "subprotocol": "chat"}
    assert second == {"event": "message", "kind": "text", "text": "hi"}
    assert third["event"] == "closed" and third["code"] == 1000
    out, _ = world.run("--json", "-1", "--hex", echo.url, stdin=b"00ff\n")
    assert events(out)[1]["hex"] == "00ff"


def broadcasts(world):
    server = Listener(world, "--broadcast", stdin=subprocess.PIPE)
    first = world.start("--stay", "-n", "2", server.url)
    server.event("open")
    out, _ = world.run("-1", "-m", "to all", server.url)
    assert out == b"to all\n"
    server.process.stdin.write(b"from the server\n")
    server.process.stdin.close()
    out, _ = first.communicate(timeout=30)
    assert out == b"to all\nfrom the server\n" and first.returncode == 0


def pings_like_ping(world):
    echo = Listener(world, "--echo")
    out, _ = world.run("-p", "3", "-i", "1ms", echo.url)
    assert re.search(rb"pong from 127\.0\.0\.1:\d+: seq=3 time=[\d.]+ \ws\n"
                     rb"3 pings, 3 answered, 0% lost\n"
                     rb"rtt min/avg/max/mdev = [\d./]+ ms\n$", out), out
    out, _ = world.run("--json", "-p", "2", "-i", "1ms", echo.url)
    last = events(out)[-1]
    assert last["event"] == "pings" and last["answered"] == 2
    assert last["rtt_ms"]["min"] <= last["rtt_ms"]["mean"] \
        <= last["rtt_ms"]["max"]


def fails_with_a_reason(world):
    peer = Peer(lambda link, number:
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    world.ended.append(peer.close_all)
    _, err = world.run(peer.url.replace("http", "ws"), code=1)
    assert b"403" in err, err
    out, _ = world.run("--json", "-m", "x", peer.url.replace("http", "ws"),
                       code=1)
    event = events(out)[0]
    assert event["event"] == "failed" and event["status"] == 403
    assert event["code"] == "FLARE_E_WS_REFUSED"
    _, err = world.run("ws://127.0.0.1:1/", code=1)
    assert b"refused" in err


def upgrade(head):
    key = re.search(rb"sec-websocket-key: (\S+)", head, re.I).group(1)
    mark = key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(mark).digest())
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
            b"\r\n\r\n")


def a_terminal_is_never_commanded(world):
    text = b"\x1b]0;x\x07 \xc3\xa4"
    frame = b"\x81" + bytes([len(text)]) + text
    close = b"\x88\x06\x03\xe8\x1b[1m"
    peer = Peer(lambda link, number: (upgrade(link.head) + frame + close,
                                      "wait"))
    world.ended.append(peer.close_all)
    url = peer.url.replace("http", "ws")
    shown, code = world.on_terminal("--color", "never", url)
    assert code == 0 and b"\x1b" not in shown, shown
    assert b"< \\x1b]0;x\\x07 \xc3\xa4\n" in shown, shown
    assert b"closed with 1000 \\x1b[1m" in shown, shown
    out, _ = world.run("-m", "x", url)
    assert out == text + b"\n"


def connects_anew(world):
    def serve(link, number):
        if number == 1:
            return (upgrade(link.head), "reset")
        return (upgrade(link.head) + b"\x81\x02ok", "wait")

    peer = Peer(serve)
    world.ended.append(peer.close_all)
    url = peer.url.replace("http", "ws")
    out, err = world.run("-r", "-1", "--close-reason", "done", "--stay", url,
                         code=1)
    # the peer answers no close: it is lost at the end, and that is told
    assert out == b"ok\n" and b"again in" in err, (out, err)
    world.run("--stay", url.replace(str(peer.port), "1"), code=1)


def speaks_tls(world):
    server = Listener(world, "--echo", "--self-signed")
    url = f"wss://{server.address}/"
    _, err = world.run("-m", "x", url, code=1)
    assert b"certificate" in err.lower(), err
    assert world.run("-k", "-1", "-m", "x", url)[0] == b"x\n"


def speaks_to_node(world):
    url = node(world, "/head")
    out, _ = world.run("-n", "2", "-z", "-s", "first", "-s", "second",
                       "-H", "X-A: b", "-o", "http://a.test", "-a", "me:pw",
                       "-m", "z" * 3000, url)
    head, echo = out.splitlines()
    head = json.loads(head)
    assert echo == b"z" * 3000
    assert head["headers"]["x-a"] == "b"
    assert head["headers"]["origin"] == "http://a.test"
    assert head["headers"]["authorization"] == "Basic bWU6cHc="
    assert "permessage-deflate" in head["extensions"]
    url = url.replace("/head", "/policy")
    _, err = world.run(url, code=3)
    assert b"closed with 1008 not \\x1b[1m you" in err, err
    out, _ = world.run("-p", "2", "-i", "1ms", url.replace("/policy", "/"))
    assert b"2 answered" in out


def node_speaks_to_it(world):
    environment = node_path()
    for tls in (False, True):
        server = Listener(world, "--echo", *(["--self-signed"] if tls else []))
        url = ("wss://" if tls else "ws://") + server.address
        done = subprocess.run(["node", "-e", NODE_CLIENT, url], timeout=60,
                              env=environment, stdout=subprocess.PIPE,
                              check=True)
        assert done.stdout == b"false from node\n", done
        assert server.event("message")["text"] == "from node"
        event = server.event("closed")
        assert event["code"] == 1000 and event["reason"] == "bye", event


TESTS = (
    refuses_what_makes_no_sense, speaks_to_itself, binary_messages,
    tells_events, broadcasts, pings_like_ping, fails_with_a_reason,
    a_terminal_is_never_commanded, connects_anew, speaks_tls, speaks_to_node,
    node_speaks_to_it,
)

if __name__ == "__main__":
    sys.exit(main("flare-ws", TESTS, BACKENDS))
