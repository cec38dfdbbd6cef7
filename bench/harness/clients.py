# SPDX-License-Identifier: MIT
"""Our HTTP client beside libcurl's multi interface and wrk: they take turns on
one core, a second each, with as many kept connections and one request in
flight on each, against one floor server on another.  The CPU time is theirs,
not the server's; wrk's has its start and end in it."""

import json
import os
import resource
import subprocess

from . import build, measure, servers, witness

PROGRAMS = {"flare-uring": "bench/client", "flare-epoll": "bench/client",
            "libcurl": "bench/client_curl"}
ROUNDS_MIN = 3


def run_child(argv, options, backend=None):
    environment = dict(os.environ)
    if backend:
        environment["FLARE_BACKEND"] = backend
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: servers.prepare(options.load_cpu, options.nice))
    if done.returncode != 0:
        raise measure.LoadError(f"{argv[0]}: {done.stderr.strip()}")
    return done


def run_wrk(url, connections, options):
    """wrk does not tell its CPU time, so it is asked of the kernel."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run_child([build.tool("wrk"), "-t1", f"-c{connections}", "-d1s",
                      url], options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    faults = witness.faults_of(done)
    if faults:
        raise measure.LoadError(f"wrk: {faults}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"requests": witness.requests_of(done), "cpu_ns": used * 1e9,
            "elapsed_ns": 1e9}


def run_one(name, program, url, connections, options):
    """A line as the load generators write it, of the client's CPU time."""
    if name == "wrk":
        row = run_wrk(url, connections, options)
    else:
        backend = name.split("-")[1] if "-" in name else None
        row = json.loads(run_child([program, url, str(connections), "1"],
                                   options, backend).stdout)
    return {"target": name, "requests": row["requests"],
            "elapsed_ns": row["elapsed_ns"], "server_cpu_ns": row["cpu_ns"]}


def run_rounds(paths, port, connections, options, clock):
    """Lines of as many rounds as options.seconds have room for; `paths`: the
    program of each client."""
    url = f"http://{servers.ADDRESS}:{port}/"
    lines, end, number = [], clock() + options.seconds, 0
    while number < ROUNDS_MIN or clock() < end:
        order = list(paths) if number % 2 == 0 else list(paths)[::-1]
        for name in order:
            lines.append({**run_one(name, paths[name], url, connections,
                                    options), "rotation": number})
        number += 1
    return lines
