# SPDX-License-Identifier: MIT
"""Slow clients beside honest traffic: what the honest see, when the slow are
gone, what the server holds meanwhile."""

import json
import subprocess
import threading
import time

from . import measure, memory
from .servers import prepare

CLIENTS = 5000
CONNECTIONS = 16
SECONDS = 40  # of patience with the slow
SAMPLE_SECONDS = 0.25


def anonymous(server):
    return memory.memory(server)["Anonymous"]


class Watch(threading.Thread):
    """Looks at a server's memory until told to stop."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.peak = 0
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, anonymous(self.server))


def run_one(program, server, options):
    argv = [program, "--connections", str(CONNECTIONS), "--slow",
            str(CLIENTS), "--slow-s", str(SECONDS),
            *measure.target_words([server])]
    watch = None
    lines = []
    before = 0
    with subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: prepare(options.load_cpu, options.nice)) as run:
        for text in run.stdout:
            lines.append(json.loads(text))
            if lines[-1].get("phase") == "alone":
                before = anonymous(server)
                watch = Watch(server)
                watch.start()
    if watch:
        watch.done.set()
        watch.join()
    if run.returncode != 0:
        raise measure.LoadError(f"the load generator failed on {server.name}")
    time.sleep(0.5)
    return result_of(server, lines, (before, watch.peak if watch else 0))


def result_of(server, lines, sizes):
    """A dictionary for the report."""
    phases = {line["phase"]: line for line in lines if "phase" in line}
    slow = [line for line in lines if "slow" in line]
    errors = [line["error"] for line in lines if line.get("error")]
    if slow and slow[0]["left"]:
        errors.append(f"{slow[0]['left']} slow clients stay")
    alone, beside = phases.get("alone"), phases.get("beside")
    if alone is None or beside is None or not slow:
        return {"target": server.name, "marks": [], "raw": lines,
                "error": "; ".join(errors) or "the load ended"}
    before, peak = sizes
    return {
        "target": server.name, "marks": [], "raw": lines,
        "error": "; ".join(errors) or None,
        "p50_us": [phase["p50_ns"] / 1e3 for phase in (alone, beside)],
        "p99_us": [phase["p99_ns"] / 1e3 for phase in (alone, beside)],
        "per_s": [phase["requests"] / phase["elapsed_ns"] * 1e9
                  for phase in (alone, beside)],
        "gone_s": [slow[0]["gone_first_ns"] / 1e9,
                   slow[0]["gone_last_ns"] / 1e9],
        "answered": slow[0]["answered"], "resets": slow[0]["resets"],
        "bytes": max(peak - before, 0) / slow[0]["slow"],
        "kib": [before >> 10, peak >> 10, anonymous(server) >> 10],
    }
