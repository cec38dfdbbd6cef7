# SPDX-License-Identifier: MIT
"""Slow clients beside honest traffic: what the honest see, when the slow are
gone, what the server holds meanwhile."""

import json
import subprocess
import threading
import time

from . import measure, report
from .servers import prepare

CLIENTS = 5000
CONNECTIONS = 16
SECONDS = 40  # of patience with the slow
SAMPLE_SECONDS = 0.25


def memory(server):
    """Anonymous bytes of all its processes."""
    total = 0
    for pid in server.pids():
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file
                             if line.startswith("Anonymous:"))
        except OSError:
            continue
    return total


class Watch(threading.Thread):
    """Looks at a server's memory until told to stop."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.peak = 0
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, memory(self.server))


def run_one(program, server, options):
    argv = [program, "--connections", str(CONNECTIONS), "--slow",
            str(options.slow_clients), "--slow-s", str(SECONDS),
            f"{server.name}@127.0.0.1:{server.port}@"
            + ",".join(str(pid) for pid in server.pids())]
    watch = None
    lines = []
    before = 0
    with subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: prepare(options.load_cpu, options.nice)) as run:
        for text in run.stdout:
            lines.append(json.loads(text))
            if lines[-1].get("phase") == "alone":
                before = memory(server)
                watch = Watch(server)
                watch.start()
    if watch:
        watch.done.set()
        watch.join()
    if run.returncode != 0:
        raise measure.LoadError(f"the load generator failed on {server.name}")
    time.sleep(0.5)
    phases = {line["phase"]: line for line in lines if "phase" in line}
    gone = [line for line in lines if "slow" in line]
    return {"target": server.name, "phases": phases, "raw": lines,
            "slow": gone[0] if gone else None, "before": before,
            "peak": watch.peak if watch else 0, "after": memory(server)}


def errors_of(result):
    return [line["error"] for line in result["raw"] if line.get("error")]


def is_good(result):
    """Without the ratio: the machine may be busy with other things."""
    slow = result["slow"]
    return not errors_of(result) and slow is not None and slow["left"] == 0


COLUMNS = ("target", "p50 us alone", "beside", "p99 us alone", "beside",
           "ratio", "requests/s alone", "beside", "errors", "slow gone after s",
           "with 408", "reset", "KiB before", "peak", "bytes/slow", "after")


def row_of(result, count):
    alone = result["phases"].get("alone")
    beside = result["phases"].get("beside")
    if alone is None or beside is None:
        return [result["target"]] + ["-"] * 7 + [
            "; ".join(errors_of(result))] + ["-"] * 7

    def us(phase, key):
        return report.number(phase[key] / 1e3)

    def rate(phase):
        return report.number(phase["requests"] / phase["elapsed_ns"] * 1e9)

    slow = result["slow"]
    gone = "-" if slow is None else \
        f"{slow['gone_first_ns'] / 1e9:.1f}-{slow['gone_last_ns'] / 1e9:.1f}"
    if slow and slow["left"]:
        gone += f" ({slow['left']} stay)"
    return [
        result["target"], us(alone, "p50_ns"), us(beside, "p50_ns"),
        us(alone, "p99_ns"), us(beside, "p99_ns"),
        f"{beside['p99_ns'] / alone['p99_ns']:.2f}", rate(alone), rate(beside),
        str(len(errors_of(result))), gone,
        str(slow["answered"]) if slow else "-",
        str(slow["resets"]) if slow else "-",
        f"{result['before'] >> 10}", f"{result['peak'] >> 10}",
        f"{(result['peak'] - result['before']) / count:,.0f}",
        f"{result['after'] >> 10}",
    ]


def print_results(results, count):
    print(f"\n{count} slow clients, a byte of a head each second, beside "
          f"{CONNECTIONS} honest connections")
    report.print_rows([list(COLUMNS)] +
                      [row_of(result, count) for result in results])


def run_all(program, running, options):
    results = []
    for server in running:
        results.append(run_one(program, server, options))
    print_results(results, options.slow_clients)
    return results
