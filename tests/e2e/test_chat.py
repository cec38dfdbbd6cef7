#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A browser as the client of the WebSocket server: the page of
examples/ws_chat in several tabs, beside others that chat; and examples/ws_echo
from a page's script, with and without compression, plain and over TLS.

    tests/e2e/test_chat.py [--build DIR] [--backend NAME] [--pictures DIR]
                           [WORD ...]

Each case is one line; with words, only cases whose name has one of them run.
The last line is "N passed, N failed".
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import traceback

sys.dont_write_bytecode = True

try:
    import browser
    import websockets
except ImportError:
    # Another Python before the system's, which has the package.
    if sys.executable != "/usr/bin/python3" and \
            os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    browser = None

from servers import BACKENDS, Server
from test_e2e import Tally, has_backend

OTHERS = 12  # members without a page: some on every worker

# What a page knows of the connections that it makes.
TOOLS = """window.open_ws = (url, protocols = []) => new Promise(resolve => {
    const ws = new WebSocket(url, protocols)
    const inbox = [], waiting = []
    ws.binaryType = 'arraybuffer'
    ws.onmessage = event => waiting.length > 0
        ? waiting.shift()(event.data) : inbox.push(event.data)
    ws.next = () => inbox.length > 0 ? Promise.resolve(inbox.shift())
        : new Promise(taken => waiting.push(taken))
    ws.ended = new Promise(ended => {
        ws.onclose = event => {
            const {code, reason, wasClean} = event
            ended([code, reason, wasClean])
            resolve(ws)
        }
    })
    ws.onopen = () => resolve(ws)
}); 0"""

ECHO = """(async () => {
    const ws = await open_ws(%s)
    const length = 16 * 1024 * 1024
    const sent = new Uint32Array(length / 4)
    let x = 1
    for (let i = 0; i < sent.length; i++) {
        if (i %% 1024 < 512) // half of it can be compressed
            x = Math.imul(x, 1664525) + 1013904223 >>> 0
        sent[i] = x
    }
    ws.send(sent)
    const got = new Uint32Array(await ws.next())
    if (got.length !== sent.length)
        return `${got.length} words came back`
    for (let i = 0; i < sent.length; i++)
        if (got[i] !== sent[i])
            return `word ${i}`
    const text = 'h\u00e9llo \U0001f600 '.repeat(10000)
    ws.send(text)
    if (await ws.next() !== text)
        return 'the text'
    const extensions = ws.extensions
    ws.close(4001, 'enough \u00e9')
    return [extensions, ...await ws.ended]
})()"""


class World:
    def __init__(self, arguments, backend, tabs):
        self.build = arguments.build
        self.pictures = arguments.pictures
        self.backend = backend
        self.browser = tabs
        self.servers = []

    def start(self, name, *arguments, **options):
        server = Server(os.path.join(self.build, "examples", name),
                        *arguments, backend=self.backend, **options)
        self.servers.append(server)
        return server

    def stop(self):
        statuses = [server.stop() for server in self.servers]
        assert not any(statuses), [server.complaints()
                                   for server in self.servers]


async def say(tab, text):
    await tab.run("$('text').value = %s, $('form').requestSubmit()"
                  % json.dumps(text))


async def rename(tab, name):
    await tab.run("$('name').value = %s, $('name').onchange()"
                  % json.dumps(name))


def seen(name, text):
    return ("[...document.querySelectorAll('li.text')].some(li => "
            "li.querySelector('b').textContent === %s && "
            "li.querySelector('div').textContent === %s)"
            % (json.dumps(name), json.dumps(text)))


def told(text):
    return ("[...document.querySelectorAll('li.event')].some(li => "
            "li.textContent === %s)" % json.dumps(text))


def counted(people):
    return f"$('people').textContent === '{people} people'"


async def other(server, number):
    ws = await websockets.connect(
        f"ws://127.0.0.1:{server.address[1]}/chat?name=other{number}",
        compression=None)
    while json.loads(await ws.recv())["name"] != f"other{number}":
        pass
    return ws


async def hear(ws, text):
    while True:
        event = json.loads(await ws.recv())
        if event.get("text") == text:
            return event["name"]


async def tabs_chat(world):
    server = world.start("ws_chat")
    others = [await other(server, number) for number in range(OTHERS)]
    tabs = [await world.browser.tab(server.url + "/") for _ in range(3)]
    names = ["Ada", "\u0141ukasz \U0001f600", "<b>\u5c0f\u660e</b>"]
    for tab, name in zip(tabs, names):
        await tab.wait("$('state').textContent === 'connected'")
        await rename(tab, name)
        await tab.wait(told(name + " is here"))
    for tab in tabs:
        await tab.wait(counted(OTHERS + 3))
    await tabs[0].wait(told(names[2] + " is here"))
    words = ["hello", "Gr\u00fc\u00dfe, \u4f60\u597d \U0001f44b\U0001f3fd",
             "<img src=x onerror=alert(1)> & \"quotes\" \\ "]
    for tab, name, text in zip(tabs, names, words):
        await say(tab, text)
        for one in tabs:
            await one.wait(seen(name, text))
        for ws in others:
            assert await hear(ws, text) == name
    await others[0].send("from outside")
    for tab in tabs:
        await tab.wait(seen("other0", "from outside"))
    assert not await tabs[0].run("document.querySelectorAll('li img').length")
    if world.pictures:
        for scheme in ("light", "dark"):
            await tabs[0].command("Emulation.setEmulatedMedia", features=[
                {"name": "prefers-color-scheme", "value": scheme}])
            await tabs[0].picture(os.path.join(
                world.pictures, f"chat_{world.backend}_{scheme}.png"))
    await tabs[2].go("about:blank")
    for tab in tabs[:2]:
        await tab.wait(told(names[2] + " has left"))
        await tab.wait(counted(OTHERS + 2))
    for ws in others:
        await ws.close()
    await tabs[0].wait(counted(2))


async def page_comes_back(world):
    """1001 when the server drains; the next one on that port is found."""
    server = world.start("ws_chat")
    tab = await world.browser.tab(server.url + "/")
    await tab.wait("$('state').textContent === 'connected'")
    codes = tab.wait("$('state').dataset.code")
    server.signal(signal.SIGTERM)
    assert await codes == "1001"
    assert server.process.wait(timeout=15) == 0, server.complaints()
    world.start("ws_chat", address="%s:%d" % server.address)
    await tab.wait("$('state').textContent === 'connected'")
    await say(tab, "again")
    name = await tab.run("me")
    await tab.wait(seen(name, "again"))


async def echoes(world, scheme="http"):
    server = world.start("ws_echo", "127.0.0.2:0")
    at = server.address if scheme == "http" else server.tls_address
    tab = await world.browser.tab("%s://%s:%d/" % (scheme, *at))
    await tab.run(TOOLS)
    for path, extension in (("/plain", ""),
                            ("/echo", "permessage-deflate")):
        url = "%s://%s:%d%s" % (scheme.replace("http", "ws"), *at, path)
        got = await tab.run(ECHO % json.dumps(url))
        assert got[0].startswith(extension) and bool(got[0]) == \
            bool(extension), got
        assert got[1:] == [4001, "", True], got


async def tls_echoes(world):
    await echoes(world, "https")


async def close_codes(world):
    server = world.start("ws_echo")
    tab = await world.browser.tab(server.url + "/")
    await tab.run(TOOLS)
    url = json.dumps("ws" + server.url[4:] + "/echo")
    for what, wanted in (
            ("ws.close()", 1005), ("ws.close(1000)", 1000),
            ("ws.close(3000)", 3000), ("ws.close(4999, 'x')", 4999),
            ("ws.send(new Uint8Array(16 * 1024 * 1024 + 1))", 1009)):
        code = await tab.run(
            "(async () => { const ws = await open_ws(%s); %s; "
            "return (await ws.ended)[0] })()" % (url, what))
        assert code == wanted, (what, code)
    protocol = await tab.run("(async () => (await open_ws(%s, ['x', 'echo']))"
                             ".protocol)()" % url)
    assert protocol == "echo", protocol
    ended = tab.run("(async () => { const ws = await open_ws(%s); "
                    "ws.send('x'); await ws.next(); window.last = ws; "
                    "return 'open' })()" % url)
    assert await ended == "open"
    last = asyncio.ensure_future(tab.run("last.ended"))
    server.signal(signal.SIGTERM)
    assert (await last)[0] == 1001, last
    assert server.process.wait(timeout=15) == 0, server.complaints()


async def W19_other_origin(world):
    """A page of another site gets no connection, whatever it tries."""
    server = world.start("ws_echo")
    tab = await world.browser.tab(world.start("ws_chat").url + "/")
    await tab.run(TOOLS)
    for path in ("/echo", "/plain", "/shared"):
        url = json.dumps("ws" + server.url[4:] + path)
        await tab.command("Network.enable")
        refused = world.browser.expect(
            tab.session, "Network.webSocketFrameError")
        got = await tab.run("(async () => (await open_ws(%s)).ended)()" % url)
        assert got == [1006, "", False], got
        answer = await asyncio.wait_for(refused, 20)
        assert "403" in answer["errorMessage"], answer


CASES = (tabs_chat, page_comes_back, echoes, tls_echoes, close_codes,
         W19_other_origin)


async def run_backend(arguments, backend, tally):
    async with browser.Browser() as tabs:
        for case in CASES:
            name = f"{backend} {case.__name__}"
            if arguments.words and not any(word in name
                                           for word in arguments.words):
                continue
            world = World(arguments, backend, tabs)
            fault = None
            try:
                await asyncio.wait_for(case(world), 60)
                world.stop()
            except Exception:  # pylint: disable=broad-except
                fault = traceback.format_exc()
            finally:
                for server in world.servers:
                    server.stop()
            tally.add(name, fault)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.environ.get("builddir", "."))
    parser.add_argument("--backend", action="append")
    parser.add_argument("--pictures", help="where screenshots go")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    if browser is None or browser.find() is None:
        print("SKIP browser: no chromium, or no websockets for python3 "
              "(scripts/setup test)")
        return 77
    with open(os.path.join(arguments.build, "Makefile"),
              encoding="utf-8") as makefile:
        if re.search("^SANITIZE_FLAGS = .*-fsanitize", makefile.read(), re.M):
            print("SKIP browser: not beside a server with sanitizers")
            return 77
    # a test that is ended from outside ends its browser and servers too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tally = Tally()
    for backend in arguments.backend or BACKENDS:
        if has_backend(arguments.build, backend):
            asyncio.run(run_backend(arguments, backend, tally))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
