# SPDX-License-Identifier: MIT
"""Runs the rows of the catalogue: keeps the servers of neighbouring rows up,
looks at their integrity once, and repeats what was noisy."""

import copy
import os
import subprocess
import time

from . import (build, clients, echo, integrity, measure, memory, servers,
               slow, tls, tool, workloads, ws)

# Of what has few requests in a slice, or is looked at for its latencies.
LONG_SLICE_MS = 200
QUICK_SLICE_MS = 100
RATE_KEPT_MIN = 0.97
QUICK_IDLE = 2000
CALIBRATION_SECONDS = 1.5
ROOM_ROUNDS_MIN = 3
TLS_PATHS = {"/": 6, "/files/1m": 1 << 20}
# Descriptors of a load besides its connections.
FILES_RESERVE = 200

HELLO = {"floor-uring": "bench/floor_uring",
         "floor-epoll": "bench/floor_epoll",
         "flare-uring": "examples/hello", "flare-epoll": "examples/hello"}
SERVE = {**HELLO, "flare-uring": "bench/serve", "flare-epoll": "bench/serve"}
# The least that an idle connection over TLS can hold.
OPENSSL = {"openssl": "bench/tls_floor"}
LOADS = {"http": "bench/load", "slow": "bench/load", "ws": "bench/load",
         "echo": "bench/load", "tool": tool.PROGRAM, "tls": "bench/load_tls",
         "room": "bench/ws_room", "client": "bench/floor_epoll"}
# Without their libraries these cannot be built; the rest then goes on.
OPTIONAL = ("bench/lws_echo", "bench/client_curl")


def table_of(row):
    """The program of each target that is ours to build."""
    if row.kind in ("ws", "room", "ws-memory"):
        return ws.PROGRAMS
    if row.kind == "echo":
        return echo.PROGRAMS
    if row.kind == "client":
        return clients.PROGRAMS
    if row.kind == "tls-memory":
        return {**SERVE, **OPENSSL}
    return HELLO if row.is_hello else SERVE


def programs_of(rows):
    needed = {LOADS[row.kind] for row in rows if row.kind in LOADS}
    if any(row.percent for row in rows):
        needed.add(LOADS["http"])  # to see what the first target can do
    for row in rows:
        table = table_of(row)
        needed.update(table[name] for name in row.targets if name in table)
    return needed


def find(rows, folder):
    """(programs by their name, servers of others by theirs, why targets are
    left out)."""
    needed = programs_of(rows)
    built = build.make(needed - set(OPTIONAL), folder,
                       needed & set(OPTIONAL))
    peers, absent = {}, {}
    for row in rows:
        table = table_of(row)
        for name in row.targets:
            if name in peers or name in absent:
                continue
            try:
                if name not in table:
                    peers[name] = build.peer(name, folder)
                elif table[name] not in built:
                    absent[name] = f"{table[name]} cannot be built"
            except build.BuildError as error:
                absent[name] = str(error).splitlines()[0]
    return built, peers, absent


class Runner:
    """Of all rows of one run.  `folder` holds what is served."""

    def __init__(self, options, rows, folder):
        self.all_options = options
        self.options = options
        self.folder = folder
        self.rows = rows
        self.built, self.peers, self.absent = find(rows, options.build)
        self.running = {}
        self.key = None
        self.verdicts = []  # of integrity, with the row they are for
        self.sound = {}     # by key and workload: the names that may take part
        self.capacity = {}  # by target: requests/s in a closed loop
        workloads.write_files(folder)
        if any(row.kind.startswith("tls") for row in rows):
            tls.make_certificate(folder)

    # ---- servers ----

    def path(self, row, name):
        table = table_of(row)
        return self.built[table[name]] if name in table else self.peers[name]

    @staticmethod
    def key_of(row):
        """Rows with the same key have the same servers."""
        if row.kind in ("memory", "tls-memory", "ws-memory", "slow", "client",
                        "room"):
            return None  # they start their own, one after the other
        kind = {"ws": "ws", "echo": row.workload, "tls": "tls"}.get(
            row.kind, "http")
        return kind, row.is_hello, row.workers

    def start(self, row, name):
        cpus = self.options.cpus_of(row.workers)
        nice = self.options.nice
        path = self.path(row, name)
        if row.kind in ("ws", "room", "ws-memory"):
            return ws.Server(name, path, cpus, nice)
        if row.kind == "echo":
            return echo.Server(name, path, cpus, row.workload.split("-")[0],
                               nice)
        is_tls = row.kind.startswith("tls")
        files = None if row.is_hello and name in HELLO else self.folder
        return servers.Server(name, path, cpus, nice, files,
                              workers=row.workers, is_tls=is_tls)

    def stop(self):
        servers.stop_all(self.running.values())
        self.running = {}
        self.key = None

    def servers_of(self, row):
        """Those of its targets that are there, running and sound."""
        key = self.key_of(row)
        if key != self.key:
            self.stop()
            self.key = key
        for name in row.targets:
            if name in self.running or name in self.absent:
                continue
            try:
                self.running[name] = self.start(row, name)
            except servers.ServerError as error:
                self.absent[name] = str(error)
        return self.check(row, [self.running[name] for name in row.targets
                                if name in self.running])

    # ---- integrity ----

    def check(self, row, running):
        key = self.key, row.workload
        known = self.sound.setdefault(key, {})
        for server in running:
            if server.name not in known:
                verdict = self.verdict(row, server)
                known[server.name] = not verdict["wrong"]
                self.verdicts.append({"workload": row.workload,
                                      "workers": row.workers, **verdict})
        return [server for server in running if known[server.name]]

    def verdict(self, row, server):
        if row.kind == "ws":
            return ws.check(server, [0, 32, 125, 126, 16384])
        if row.kind == "echo":
            return echo.check(server, [row.bytes])
        if row.kind == "tls":
            return tls.check(server, TLS_PATHS if "1m" in str(row.words)
                             else {"/": 6})
        return integrity.check(
            server, workloads.WORKLOADS[self.exchanges_of(row)],
            integrity.connect_plain, row.workload == "churn")

    @staticmethod
    def exchanges_of(row):
        return row.workload if row.workload in workloads.WORKLOADS \
            else "plaintext"

    # ---- rows ----

    def run(self, row, seconds):
        """The row's result, and the raw lines."""
        self.options = copy.copy(self.all_options)
        self.options.seconds = seconds
        if row.percent or row.kind == "tls":
            self.options.slice_ms = QUICK_SLICE_MS if self.options.quick \
                else LONG_SLICE_MS
        began = time.monotonic()
        result = {"id": row.id, "workload": row.workload, "kind": row.kind,
                  "title": row.title, "unit": row.unit,
                  "connections": row.connections, "depth": row.depth,
                  "bytes": row.bytes, "workers": row.workers, "rate": None}
        if row.kind in ("memory", "tls-memory", "ws-memory", "slow"):
            targets = [self.one_by_one(row, name) for name in row.targets
                       if name not in self.absent]
            lines = [line for target in targets
                     for line in target.pop("raw", [])]
            result["rotations"], result["is_repeated"] = 1, False
        else:
            lines, targets = self.run_load(row, result)
        result["targets"] = targets
        result["left_out"] = {
            name: self.absent.get(name, "its answers differ")
            for name in row.targets
            if name not in [target["target"] for target in targets]}
        result["seconds"] = round(time.monotonic() - began, 1)
        return result, lines

    def run_load(self, row, result):
        found = self.servers_of(row) if row.kind not in ("client", "room") \
            else []
        names = [server.name for server in found] or \
            [name for name in row.targets if name not in self.absent]
        if row.percent:
            result["rate"] = self.rate_of(row, found)
        lines = self.lines_of(row, found, result["rate"])
        targets = measure.summarise(lines, names, self.options.gate)
        result["is_repeated"] = \
            measure.is_noisy(targets, self.options.gate) and \
            self.options.may_repeat(row)
        if result["is_repeated"]:
            lines = measure.pool(lines, self.lines_of(row, found,
                                                      result["rate"]))
            targets = measure.summarise(lines, names, self.options.gate)
        result["rotations"] = max(target["rotations"] for target in targets)
        for target in targets:
            if result["rate"] and target["rotations"] and \
                    target["requests_per_s"][1] < \
                    RATE_KEPT_MIN * result["rate"]:
                target["marks"].append("cannot keep the rate")
        return lines, targets

    def lines_of(self, row, found, rate=None):
        if row.kind == "client":
            return self.client_lines(row)
        if row.kind == "room":
            return self.room_lines(row)
        # the calibration has no rate
        load = self.built[LOADS[row.kind if rate else "http"]] \
            if row.kind == "tool" else self.built[LOADS[row.kind]]
        if not found:
            raise measure.LoadError(f"{row.id}: no target answers as expected")
        if row.kind == "tool" and rate:
            return tool.run_rounds(load, found, row, rate, self.options)
        if row.kind == "ws":
            return ws.run_load(load, found, (row.bytes, row.connections,
                                             row.depth), self.options)
        if row.kind == "tls":
            mode, *words = row.words
            return measure.run_load(
                load, found, ["--connections", str(row.connections), *words,
                              mode], self.options)
        words = ["--connections", str(row.connections), "--depth",
                 str(row.depth)]
        if row.kind == "echo":
            words += ["--echo", str(row.bytes)]
            words += ["--udp"] if row.workload == "udp-echo" else []
        elif not row.is_hello or self.options.request:
            paths = [self.options.request] if self.options.request else \
                workloads.write_requests(self.exchanges_of(row), self.folder)
            for path in paths:
                words += ["--request", path]
        words += ["--short"] if row.workload == "churn" else []
        words += ["--rate", str(rate)] if rate else []
        words += ["--sleep"] if self.options.sleep else []
        if row.connections * len(found) + FILES_RESERVE > build.files_max():
            return measure.run_stepped(load, found, words, self.options,
                                       time.monotonic)
        return measure.run_load(load, found, words, self.options)

    def rate_of(self, row, found):
        """So many percent of what the first target does in a closed loop."""
        first = found[0]
        if first.name not in self.capacity:
            seconds = self.options.seconds
            self.options.seconds = CALIBRATION_SECONDS
            lines = self.lines_of(row, [first])
            self.options.seconds = seconds
            told = measure.summarise(lines)[0]
            self.capacity[first.name] = told["requests_per_s"][1]
        return max(int(self.capacity[first.name] * row.percent / 100), 1)

    def client_lines(self, row):
        with_floor = servers.Server(
            "floor-epoll", self.built[LOADS["client"]],
            self.options.cpus_of(1), self.options.nice)
        try:
            paths = {name: self.path(row, name) for name in row.targets
                     if name not in self.absent}
            return clients.run_rounds(paths, with_floor.port, row.connections,
                                      self.options, time.monotonic)
        finally:
            with_floor.stop()

    def room_lines(self, row):
        """Rounds of a second; each with a server of its own."""
        lines, number = [], 0
        self.options.room = row.connections
        end, self.options.seconds = time.monotonic() + self.options.seconds, 1
        while number < ROOM_ROUNDS_MIN or time.monotonic() < end:
            for name in row.targets[::-1 if number % 2 else 1]:
                server = self.start(row, name)
                try:
                    told = ws.run_room(self.built[LOADS["room"]], server,
                                       self.options)
                finally:
                    server.stop()
                lines.append({
                    "rotation": number, "target": name,
                    "requests": told["delivered"],
                    "elapsed_ns": told["s"] * 1e9,
                    "server_cpu_ns": told["cpu_us"] * told["delivered"] * 1e3,
                    "p50_ns": told["p50_ms"] * 1e6,
                    "p99_ns": told["p99_ms"] * 1e6})
            number += 1
        return lines

    def openssl_alone(self, count):
        """Of a bare SSL between memory BIOs, in the least of its modes."""
        pem = [os.path.join(self.folder, name)
               for name in ("cert.pem", "key.pem")]
        done = subprocess.run(
            [self.built[OPENSSL["openssl"]], str(count), *pem],
            capture_output=True, text=True, check=False)
        sizes = [float(line.split()[1]) for line in done.stdout.splitlines()]
        if done.returncode != 0 or not sizes:
            raise measure.LoadError(done.stderr.strip() or "no answer")
        return {"target": "openssl", "error": None, "marks": [],
                "bytes": min(sizes)}

    def one_by_one(self, row, name):
        """What is measured of one server after the other."""
        count = min(row.connections, build.files_max() - FILES_RESERVE)
        if self.options.quick:
            count = min(count, QUICK_IDLE)
        if name == "openssl":
            return self.openssl_alone(count)
        try:
            server = self.start(row, name)
        except servers.ServerError as error:
            return {"target": name, "error": str(error), "marks": []}
        try:
            if row.kind == "slow":
                return slow.run_one(self.built[LOADS["slow"]], server,
                                    self.options)
            if row.kind == "ws-memory":
                return {"target": name, "error": None, "marks": [],
                        "bytes": ws.idle_bytes(server, count)}
            return memory.measure(server, count, row.kind == "tls-memory")
        except (OSError, measure.LoadError) as error:
            return {"target": name, "error": str(error) or "timeout",
                    "marks": []}
        finally:
            server.stop()


def is_ours(name):
    return name.startswith(("flare-", "floor-"))


def is_broken(result):
    """Did a target of ours fail, or all of them?  A peer that does is marked,
    and its own affair."""
    broken = [target["target"] for target in result["targets"]
              if target.get("error")]
    return len(broken) == len(result["targets"]) or any(map(is_ours, broken))


def raw_name(result):
    return os.path.join("raw", result["id"] + ".jsonl")
