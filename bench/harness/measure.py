# SPDX-License-Identifier: MIT
"""Runs the load generator on a group of targets and reads its lines."""

import json
import statistics
import subprocess

from .servers import prepare

# Beyond this a figure moved too much between rotations to be believed.
SPREAD_MAX = 0.05


class LoadError(Exception):
    """The load generator could not run."""


def run_load(program, servers, connections, depth, options):
    argv = [program, "--connections", str(connections), "--depth", str(depth),
            "--rotations", str(options.rotations),
            "--budget", str(options.seconds),
            "--slice-ms", str(options.slice_ms)]
    for path in options.requests:
        argv += ["--request", path]
    if options.is_short:
        argv.append("--short")
    if options.message:
        argv += ["--echo", str(options.message)]
    if options.protocol == "udp":
        argv.append("--udp")
    if options.sleep:
        argv.append("--sleep")
    for server in servers:
        pids = ",".join(str(pid) for pid in server.pids())
        argv.append(f"{server.name}@127.0.0.1:{server.port}@{pids}")
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: prepare(options.load_cpu, options.nice))
    if done.returncode != 0:
        raise LoadError(done.stderr.strip() or "the load generator failed")
    return [json.loads(line) for line in done.stdout.splitlines()]


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    if len(values) < 2:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def cpu_us(row):
    return row["server_cpu_ns"] / row["requests"] / 1e3


def floor_of(name, present):
    """The floor of the same backend; nginx and Go stand on epoll, and echoes
    have no other floor."""
    for floor in ("floor-uring", "floor-epoll"):
        if floor in present and (floor == "floor-epoll" or
                                 name.endswith("-uring")):
            return floor
    return None


def ratios(rows, base_rows):
    """CPU per request over the base's, rotation by rotation."""
    return [cpu_us(row) / cpu_us(base_rows[rotation])
            for rotation, row in rows.items() if rotation in base_rows]


def summarise(lines):
    """A dictionary per target: medians and quartiles over the rotations."""
    by_target, accounts, errors = {}, {}, {}
    for line in lines:
        if "account" in line:
            accounts[line["account"]] = line
        elif "error" in line:
            errors[line["target"]] = line["error"]
        else:
            by_target.setdefault(line["target"], {})[line["rotation"]] = line
    out = []
    for name, rows in by_target.items():
        floor = floor_of(name, by_target)
        out.append({
            "target": name,
            "rotations": len(rows),
            "error": errors.get(name),
            "cpu_us": quartiles([cpu_us(row) for row in rows.values()]),
            "requests_per_s": quartiles([
                row["requests"] / row["elapsed_ns"] * 1e9
                for row in rows.values()]),
            "p50_us": statistics.median(
                row["p50_ns"] for row in rows.values()) / 1e3,
            "p99_us": statistics.median(
                row["p99_ns"] for row in rows.values()) / 1e3,
            "server_busy": statistics.median(
                row["server_cpu_ns"] / row["elapsed_ns"]
                for row in rows.values()),
            "load_busy": statistics.median(
                row["client_cpu_ns"] / row["elapsed_ns"]
                for row in rows.values()),
            "floor": floor,
            "to_floor": quartiles(ratios(rows, by_target[floor]))
            if floor else None,
            "to": {base: quartiles(ratios(rows, by_target[base]))
                   for base in by_target if base != name},
            "account": accounts.get(name),
        })
    out += [{"target": name, "rotations": 0, "error": error}
            for name, error in errors.items() if name not in by_target]
    return out


def is_noisy(quarter):
    low, middle, high = quarter
    return (high - low) / 2 > SPREAD_MAX * middle


def account_error(summary):
    """How far the process clock and /proc/PID/stat are apart, as a part of
    the latter; its ticks are 10 ms, so a short run proves little."""
    account = summary["account"]
    if account is None:
        return 0.0  # it broke
    stat = account["stat_user_ns"] + account["stat_system_ns"]
    slack = 2 * 10_000_000
    apart = max(abs(account["clock_ns"] - stat) - slack, 0)
    return apart / stat if stat else 0.0
