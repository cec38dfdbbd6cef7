# SPDX-License-Identifier: MIT
"""flare-bench, the load that users have, at fixed rates: it measures from when
a request was due as bench/load does, but on the library's own engine, sleeps
when there is nothing to do, and drives one target for a second."""

import json
import subprocess

from . import measure, witness
from .servers import ADDRESS, prepare

PROGRAM = "tools/flare-bench"
ROUNDS_MIN = 3
SECONDS = 1


def run_one(program, server, connections, rate, options):
    """A line as bench/load writes it."""
    before = witness.cpu_seconds(server)
    done = subprocess.run(
        [program, "-c", str(connections), "-R", str(rate), "-d",
         f"{SECONDS}s", "-w", "0s", "--json",
         f"http://{ADDRESS}:{server.port}/"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        preexec_fn=lambda: prepare(options.load_cpu, options.nice))
    used = witness.cpu_seconds(server) - before
    try:
        told = json.loads(done.stdout)
    except ValueError as error:
        raise measure.LoadError(done.stderr.strip() or
                                "flare-bench says nothing") from error
    percentiles = told["latency"]["percentiles_ns"]
    line = {"target": server.name, "requests": told["answers"],
            "elapsed_ns": told["seconds"] * 1e9, "server_cpu_ns": used * 1e9,
            "client_cpu_ns": sum(told["cpu"].values()) * 1e9,
            "p50_ns": percentiles["p50"], "p99_ns": percentiles["p99"]}
    if told["errors"]["total"]:
        line["error"] = told.get("first_error", "errors")
    return line


def run_rounds(program, running, row, rate, options):
    """Lines of as many rounds as options.seconds have room for."""
    count = max(int(options.seconds / SECONDS / len(running)), ROUNDS_MIN)
    return [{**run_one(program, server, row.connections, rate, options),
             "rotation": number}
            for number in range(count)
            for server in (running if number % 2 == 0 else running[::-1])]
