# SPDX-License-Identifier: MIT
"""wrk, which is not ours, as a witness: what it drives, what it complains
about, and what the servers spend on its requests."""

import os
import re
import statistics
import subprocess
import time

from . import build

SCRIPT = os.path.join(build.TOP, "bench", "pipeline.lua")
ROUNDS = 3
CONNECTIONS = 64
DEPTHS = (1, 16)


def run_wrk(server, depth, connections, seconds, cpu):
    argv = ["taskset", "-c", str(cpu), build.tool("wrk", "wrk"), "-t1",
            f"-c{connections}", f"-d{seconds}s", "--latency"]
    url = f"http://127.0.0.1:{server.port}/"
    argv += ["-s", SCRIPT, url, "--", str(depth)] if depth > 1 else [url]
    return subprocess.run(argv, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


def faults_of(done):
    """What wrk itself complains about; it says nothing when all is well."""
    text = done.stdout + done.stderr
    faults = [match.group(0) for match in re.finditer(
        r"Socket errors:.*|Non-2xx or 3xx responses:.*", text)]
    if done.returncode != 0 or requests_of(done) == 0:
        faults.append(text.strip()[-200:] or "wrk said nothing")
    return faults


def requests_of(done):
    return int(figure(r"(\d+) requests in", done.stdout, "0"))


def figure(pattern, text, absent="-"):
    match = re.search(pattern, text)
    return match.group(1) if match else absent


def cpu_seconds(server):
    """The process clocks: clockid_t of a process is ~pid, shifted, with the
    scheduler's clock in the low bits (clock_getcpuclockid(3) makes it so)."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in server.pids())


def run_rounds(servers, options):
    """Medians over a few rounds of a second, the targets in turn."""
    told = []
    for depth in DEPTHS:
        rows = {server.name: [] for server in servers}
        for _ in range(ROUNDS):
            for server in servers:
                before = cpu_seconds(server)
                done = run_wrk(server, depth, CONNECTIONS, 1,
                               options.load_cpu)
                used = cpu_seconds(server) - before
                rows[server.name].append(
                    (used * 1e6 / max(requests_of(done), 1),
                     float(figure(r"Requests/sec:\s+([0-9.]+)", done.stdout,
                                  "0")),
                     faults_of(done)))
        told += [{
            "target": name, "connections": CONNECTIONS, "depth": depth,
            "cpu_us": statistics.median(row[0] for row in found),
            "requests_per_s": statistics.median(row[1] for row in found),
            "faults": sorted({fault for row in found for fault in row[2]}),
        } for name, found in rows.items()]
    return told
