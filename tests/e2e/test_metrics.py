#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What flare-serve tells Prometheus, read by Prometheus' own reader in Python.

Each family has a type, help, and samples of its own name; counters grow by what
was done, and by nothing else; no number goes back.
"""

import os
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import BACKENDS  # noqa: E402

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    # Debian's packages are Debian's Python's.
    if (sys.executable != "/usr/bin/python3" and
            os.path.exists("/usr/bin/python3")):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("SKIP test_metrics.py: no python3-prometheus-client")
    sys.exit(77)

SOURCE = os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__),
                                                  "../..")
BUILD = os.environ.get("builddir") or os.path.join(SOURCE, "build")
CALM = ssl._create_unverified_context()  # self-signed


class Server:
    def __init__(self, folder, backend):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tools/flare-serve"), "--listen",
             "127.0.0.1:0", "--self-signed", "--metrics", "/metrics", folder],
            env=dict(os.environ, FLARE_BACKEND=backend, NO_COLOR="1"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.said = ""
        while "127.0.0.1:" not in self.said:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"flare-serve: {self.said}")
            self.said += line
        port = self.said.split("127.0.0.1:")[1].split("/")[0].split()[0]
        self.url = f"https://127.0.0.1:{port.strip(',')}"

    def ask(self, path):
        try:
            with urllib.request.urlopen(self.url + path,
                                        context=CALM) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def samples(self):
        status, text, fields = self.ask("/metrics")
        assert status == 200, status
        assert fields["Content-Type"].startswith(
            "text/plain; version=0.0.4"), fields["Content-Type"]
        return check(text)

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.process.returncode


def check(text):
    """The samples of a text that breaks no rule: (name, labels) to number."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type in ("counter", "gauge", "histogram"), family
        assert family.documentation.endswith("."), family
        assert family.samples, family.name
        for sample in family.samples:
            assert sample.name.startswith(family.name), sample
            assert len(sample.labels) <= 1, sample
            key = sample.name, tuple(sample.labels.values())
            assert key not in found, key
            found[key] = sample.value
    assert len(found) > 60, len(found)
    return found


def run(backend):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "a"), "w", encoding="ascii") as file:
            file.write("a\n")
        server = Server(folder, backend)
        try:
            before = server.samples()
            for _ in range(5):
                assert server.ask("/a")[:2] == (200, "a\n")
            assert server.ask("/b")[0] == 404
            after = server.samples()
        finally:
            server.end()
    grown = {key: after[key] - before[key] for key in before}
    assert before.keys() == after.keys()
    for key, rise in grown.items():
        assert rise >= 0 or key[0].endswith("_connections"), key
    # The first look itself is among them, the second not yet.
    assert grown["flare_requests_total", ()] == 7, grown
    assert grown["flare_responses_total", ("2xx",)] == 6, grown
    assert grown["flare_responses_total", ("4xx",)] == 1, grown
    assert grown["flare_request_duration_seconds_count", ()] == 7, grown
    # Python's client neither keeps connections nor resumes.
    assert grown["flare_tls_handshakes_total", ("full",)] == 7, grown
    assert grown["flare_tls_handshakes_total", ("failed",)] == 0, grown
    assert grown["flare_websocket_opened_total", ()] == 0, grown


def main():
    failed = 0
    for backend in BACKENDS:
        try:
            run(backend)
            print(f"ok: {backend}")
        except Exception as error:  # of any kind: a failed test
            failed += 1
            print(f"FAILED: {backend}: {type(error).__name__}: {error}")
    print(f"{len(BACKENDS) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
