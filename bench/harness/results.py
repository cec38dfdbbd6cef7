# SPDX-License-Identifier: MIT
"""The folder of a run: env.json, integrity.md, a JSON for each row in runs/,
what the loads said in raw/, percentile files in hgrm/, summary.md and
report.html.  Everything but the raw lines can be read back."""

import json
import os

from . import hdr, integrity, machine, measure, page, report


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def write_row(folder, result, lines):
    write(folder, f"runs/{result['id']}.json",
          json.dumps(result, indent=1) + "\n")
    write(folder, f"raw/{result['id']}.jsonl",
          "".join(json.dumps(line) + "\n" for line in lines))
    for name, pairs in measure.histograms_of(lines).items():
        if pairs:
            write(folder, f"hgrm/{result['id']}.{name}.hgrm", hdr.hgrm(pairs))


def write_env(folder, env):
    write(folder, "env.json", json.dumps(env, indent=1) + "\n")


def write_integrity(folder, verdicts):
    write(folder, "integrity.json", json.dumps(verdicts, indent=1) + "\n")
    write(folder, "integrity.md", report.integrity_markdown(
        verdicts, integrity.FREE + integrity.HARMLESS))


def finish(folder):
    """Summary and report, made of what the folder has; the report's path."""
    env, results, verdicts, curves = read(folder)
    write(folder, "summary.md", report.summary_markdown(
        env, results, machine.limits(env)))
    return write(folder, "report.html", page.render(
        env, results, verdicts, curves, machine.limits(env)))


def read_json(folder, name, absent=None):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        if absent is None:
            raise
        return absent


def read(folder):
    """(environment, results in the order they were measured, verdicts,
    percentile curves by row and target)."""
    env = read_json(folder, "env.json")
    runs = os.path.join(folder, "runs")
    results = [read_json(runs, name) for name in sorted(os.listdir(runs))
               if name.endswith(".json")]
    results.sort(key=lambda result: result.get("number", 0))
    curves = {}
    below = os.path.join(folder, "hgrm")
    for name in sorted(os.listdir(below) if os.path.isdir(below) else []):
        row, _, target = name[:-len(".hgrm")].rpartition(".")
        with open(os.path.join(below, name), encoding="utf-8") as file:
            curves[row, target] = hdr.read_hgrm(file.read())
    return env, results, read_json(folder, "integrity.json", []), curves
