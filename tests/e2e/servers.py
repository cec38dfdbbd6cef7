# SPDX-License-Identifier: MIT
"""Starts the programs under test on ports of their own."""

import os
import re
import signal
import subprocess
import tempfile

# What is tested, unless FLARE_BACKEND or an option says which.
BACKENDS = ([os.environ["FLARE_BACKEND"]] if os.environ.get("FLARE_BACKEND")
            else ["uring", "epoll"])


class Server:
    def __init__(self, program, *arguments, backend=None,
                 address="127.0.0.1:0"):
        environment = dict(os.environ)
        environment.pop("FLARE_BACKEND", None)
        # Freed memory is not to be counted as held, with AddressSanitizer.
        environment["ASAN_OPTIONS"] = ":".join(filter(None, (
            environment.get("ASAN_OPTIONS"), "quarantine_size_mb=1",
            "thread_local_quarantine_size_kb=64", "malloc_context_size=2")))
        if backend:
            environment["FLARE_BACKEND"] = backend
        self.backend = backend
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, address, *arguments], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.errors)
        line = self.process.stdout.readline().decode()
        found = re.search(r"listening on 127\.0\.0\.1:([0-9]+)"
                          r"(?:, (127\.0\.0\.[12]):([0-9]+))?", line)
        if not found:
            self.process.wait(timeout=10)
            raise RuntimeError(f"{program}: {line}{self.complaints()}")
        self.address = ("127.0.0.1", int(found.group(1)))
        self.url = f"http://127.0.0.1:{self.address[1]}"
        self.tls_address = None  # of the second, which speaks TLS
        if found.group(2):
            self.tls_address = (found.group(2), int(found.group(3)))

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Drains; the exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -signal.SIGKILL
        finally:
            self.process.stdout.close()
