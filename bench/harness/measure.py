# SPDX-License-Identifier: MIT
"""Runs the load generators on a group of targets and makes figures of their
lines."""

import contextlib
import json
import statistics
import subprocess

from . import hdr, stats
from .servers import ADDRESS, prepare

# What the deviation of a ratio may be where the machine says nothing better.
GATE = 0.05
# The kernel's two accounts of CPU time may be so far apart.
ACCOUNTS_MAX = 0.05
STEP_WARM_MS = 10


class LoadError(Exception):
    """The load generator could not run."""


def target_words(servers):
    """The targets as the load generators want them named."""
    return [f"{server.name}@{ADDRESS}:{server.port}@"
            + ",".join(str(pid) for pid in server.pids())
            for server in servers]


def run_program(argv, options):
    """The lines of a load generator, pinned to its core."""
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: prepare(options.load_cpu, options.nice))
    if done.returncode != 0:
        raise LoadError(done.stderr.strip() or f"{argv[0]} failed")
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_load(program, servers, more, options):
    """One load on all targets: more rotations until options.seconds are over
    or options.rotations done."""
    return run_program(
        [program, "--rotations", str(options.rotations),
         "--budget", str(options.seconds),
         "--slice-ms", str(options.slice_ms), *more,
         *target_words(servers)], options)


class Stepper:
    """A load on one target that runs a slice when told to."""

    def __init__(self, program, server, more, options):
        self.process = subprocess.Popen(
            [program, "--step", "--rotations", "1000000",
             "--slice-ms", str(options.slice_ms), *more,
             *target_words([server])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: prepare(options.load_cpu, options.nice))
        self.line()  # all connections are open

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise LoadError(self.process.stderr.read().strip() or
                            "the load ended")
        return json.loads(text)

    def step(self, rotation):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return {**self.line(), "rotation": rotation}

    def end(self):
        """What it tells at its end."""
        told, _ = self.process.communicate()
        return [json.loads(line) for line in told.splitlines()]


def run_stepped(program, servers, more, options, clock):
    """As run_load with a process for each target, taking turns: one alone
    could not hold all connections."""
    lines, steppers = [], []
    with contextlib.ExitStack() as stack:
        for server in servers:
            steppers.append(Stepper(program, server, more, options))
            stack.callback(steppers[-1].process.kill)
        end, rotation = clock() + options.seconds, 0
        while rotation < options.rotations and \
                (clock() < end or rotation < stats.ROUNDS):
            order = steppers if rotation % 2 == 0 else steppers[::-1]
            lines += [stepper.step(rotation) for stepper in order]
            rotation += 1
        for stepper in steppers:
            lines += stepper.end()
    return lines


def cpu_us(line):
    return line["server_cpu_ns"] / line["requests"] / 1e3


def per_second(line):
    return line["requests"] / line["elapsed_ns"] * 1e9


def account_error(account):
    """How far the process clock and /proc/PID/stat are apart, as a part of
    the latter; its ticks are 10 ms, so a short run proves little."""
    if account is None:
        return 0.0  # it broke, or the load keeps none
    stat = account["stat_user_ns"] + account["stat_system_ns"]
    slack = 2 * 10_000_000
    apart = max(abs(account["clock_ns"] - stat) - slack, 0)
    return apart / stat if stat else 0.0


def sort_lines(lines):
    """By target: slices by rotation, accounts, errors, histograms."""
    slices, accounts, errors, histograms = {}, {}, {}, {}
    for line in lines:
        if "account" in line:
            accounts[line["account"]] = line
        elif "histogram" in line:
            name = line["histogram"]
            histograms[name] = hdr.merge(histograms.get(name, []),
                                         line["pairs"])
        elif "target" not in line:
            continue  # of a load on one target, which tells in phases
        elif "error" in line:
            errors.setdefault(line["target"], line["error"])
        elif line.get("requests"):
            slices.setdefault(line["target"], {})[line["rotation"]] = line
    return slices, accounts, errors, histograms


def latency_of(rows, pairs):
    """Microseconds by percentile: of all requests, or where a load keeps no
    histogram the medians over the slices."""
    if pairs:
        return hdr.percentiles(pairs)
    return {name: statistics.median(row[key] for row in rows) / 1e3
            for name, key in (("p50", "p50_ns"), ("p99", "p99_ns"))
            if all(key in row for row in rows)}


def marks_of(summary, series, account, gate):
    """What a reader has to know before believing the row."""
    marks = []
    if summary["error"]:
        marks.append("BROKE: " + summary["error"])
    if summary["deviation"] > gate:
        marks.append(f"noisy (±{summary['deviation']:.0%})")
    if stats.is_bimodal(series):
        marks.append("two modes")
    if account_error(account) > ACCOUNTS_MAX:
        marks.append("the kernel's two CPU accounts differ")
    return marks


def summarise_one(name, base, sorted_lines, gate):
    slices, accounts, errors, histograms = sorted_lines
    rows = slices.get(name)
    if not rows:
        return {"target": name, "rotations": 0, "marks": [],
                "error": errors.get(name) or "no answer"}
    cpu = {i: cpu_us(row) for i, row in rows.items()}
    to = {other: stats.quartiles(stats.paired(cpu, {
        i: cpu_us(row) for i, row in slices[other].items()}).values())
        for other in slices if other != name}
    if base in slices:
        ratios = stats.paired(cpu, {i: cpu_us(row)
                                    for i, row in slices[base].items()})
    else:
        ratios = {}
    series = [value for _, value in
              sorted((cpu if name == base else ratios).items())]
    summary = {
        "target": name,
        "error": errors.get(name),
        "rotations": len(rows),
        "cpu_us": stats.quartiles(cpu.values()),
        "ratio": stats.quartiles(ratios.values()) or None,
        # the base has only itself to be compared with
        "deviation": 0.0 if name == base else stats.deviation(series),
        "requests_per_s": stats.quartiles(map(per_second, rows.values())),
        "latency_us": latency_of(rows.values(), histograms.get(name)),
        "server_busy": statistics.median(
            row["server_cpu_ns"] / row["elapsed_ns"]
            for row in rows.values()),
        "load_busy": statistics.median(
            row.get("client_cpu_ns", 0) / row["elapsed_ns"]
            for row in rows.values()),
        "to": {other: quarter for other, quarter in to.items() if quarter},
        "series": [[i, round(cpu[i], 4), round(per_second(rows[i]), 1)]
                   for i in sorted(rows)],
    }
    summary["marks"] = marks_of(summary, series, accounts.get(name), gate)
    if name == base:  # of its microseconds, not of a ratio
        summary["marks"] = [mark.replace("two modes", "two modes, of it or "
                                         "of the machine")
                            for mark in summary["marks"]]
    return summary


def summarise(lines, names=None, gate=GATE):
    """A dictionary for each target, in the order of `names` (that of the
    lines).  The first of them is what the others are compared with."""
    found = sort_lines(lines)
    names = names or list(dict.fromkeys([*found[0], *found[2]]))
    return [summarise_one(name, names[0], found, gate) for name in names]


def histograms_of(lines):
    return sort_lines(lines)[3]


def is_noisy(summaries, gate):
    return any(summary.get("deviation", 0) > gate for summary in summaries)


def pool(first, second):
    """The lines of two runs as of one: the rotations of the second follow."""
    after = 1 + max((line["rotation"] for line in first
                     if "rotation" in line), default=-1)
    return [line for line in first if "account" not in line] + [
        {**line, "rotation": line["rotation"] + after}
        if "rotation" in line else line for line in second]
