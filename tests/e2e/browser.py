# SPDX-License-Identifier: MIT
"""Chromium without a window, spoken to in its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile

import websockets

NAMES = ("chromium", "chromium-headless-shell", "google-chrome")

# Resolves once the condition holds, looked at when anything on the page has
# changed.
WAIT = """new Promise(resolve => {
    const look = () => {
        const value = (%s)
        if (value) {
            observer.disconnect()
            resolve(value)
        }
    }
    const observer = new MutationObserver(look)
    observer.observe(document, {subtree: true, childList: true,
                                attributes: true, characterData: true})
    look()
})"""


def find():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """A page in a profile of its own."""

    def __init__(self, browser, session):
        self.browser = browser
        self.session = session

    def command(self, method, **parameters):
        return self.browser.command(method, self.session, **parameters)

    async def go(self, url):
        loaded = self.browser.expect(self.session, "Page.loadEventFired")
        answer = await self.command("Page.navigate", url=url)
        assert not answer.get("errorText"), answer
        await asyncio.wait_for(loaded, 30)

    async def run(self, script):
        """The value of an expression, of a promise what it comes to."""
        answer = await self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True,
            returnByValue=True, userGesture=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(details.get("exception", details))
        return answer["result"].get("value")

    async def wait(self, condition, seconds=20):
        try:
            return await asyncio.wait_for(self.run(WAIT % condition), seconds)
        except asyncio.TimeoutError:
            text = await self.run("document.body.innerText")
            raise AssertionError(f"never: {condition}\n{text}") from None

    async def picture(self, path):
        answer = await self.command("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))


class Browser:
    """async with Browser() as browser: tab = await browser.tab()"""

    async def __aenter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.numbers = itertools.count(1)
        self.waiting = {}   # number: future of its answer
        self.expected = []  # (session, method, future)
        self.process = subprocess.Popen(
            [find(), "--headless=new", "--remote-debugging-port=0",
             f"--user-data-dir={self.folder.name}", "--no-first-run",
             "--no-default-browser-check", "--disable-gpu",
             "--disable-dev-shm-usage", "--disable-extensions",
             "--disable-background-networking", "--disable-sync",
             "--no-proxy-server", "--ignore-certificate-errors",
             "--disable-background-timer-throttling",
             "--disable-renderer-backgrounding", "--window-size=900,700",
             *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "HOME": self.folder.name})
        try:
            url = await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(
                    None, self.find_url), 60)
            self.link = await websockets.connect(
                url, max_size=None, compression=None, ping_interval=None)
        except BaseException:
            self.end()
            raise
        self.reader = asyncio.ensure_future(self.read())
        return self

    def find_url(self):
        said = []
        for line in self.process.stderr:
            said.append(line.decode(errors="replace"))
            if "DevTools listening on " in said[-1]:
                return said[-1].split(" on ", 1)[1].strip()
        raise RuntimeError("no browser: " + "".join(said[-5:]))

    def end(self):
        """All of its processes, which are a group of their own."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stderr.close()
        self.folder.cleanup()

    async def __aexit__(self, *error):
        self.reader.cancel()
        await self.link.close()
        self.end()

    async def read(self):
        try:
            async for text in self.link:
                self.take(json.loads(text))
        finally:
            for future in self.waiting.values():
                future.cancel()

    def take(self, message):
        future = self.waiting.pop(message.get("id"), None)
        if future and not future.done():
            if "error" in message:
                future.set_exception(AssertionError(message["error"]))
            else:
                future.set_result(message["result"])
        for entry in list(self.expected):
            session, method, future = entry
            if (session, method) == (message.get("sessionId"),
                                     message.get("method")):
                self.expected.remove(entry)
                if not future.done():
                    future.set_result(message["params"])

    def expect(self, session, method):
        future = asyncio.get_running_loop().create_future()
        self.expected.append((session, method, future))
        return future

    async def command(self, method, session=None, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        future = asyncio.get_running_loop().create_future()
        self.waiting[number] = future
        await self.link.send(json.dumps(message))
        return await future

    async def tab(self, url=None):
        context = await self.command("Target.createBrowserContext")
        target = await self.command(
            "Target.createTarget", url="about:blank",
            browserContextId=context["browserContextId"])
        attached = await self.command(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, attached["sessionId"])
        await tab.command("Page.enable")
        if url:
            await tab.go(url)
        return tab
