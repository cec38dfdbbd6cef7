# SPDX-License-Identifier: MIT
"""Two runs side by side, row by row: did a target change against the first of
its rotation, and is the difference more than chance and the gate?"""

import statistics

from . import measure, report, results, stats


def ratios_of(result, name):
    """(values, what they are): ratios to the first target in the rotation;
    of the first itself its microseconds, which the machine's mood moves."""
    by_target = {target["target"]: dict(
        (row[0], row[1]) for row in target.get("series", []))
        for target in result["targets"]}
    first = result["targets"][0]["target"]
    rows = by_target.get(name, {})
    if name == first:
        return list(rows.values()), "us"
    return list(stats.paired(rows, by_target.get(first, {})).values()), \
        f"/ {first}"


def verdict_of(middle, low, high, gate):
    if low <= 0 <= high:
        return "same"
    if abs(middle) < gate:
        return "within the gate"
    return "MORE" if middle > 0 else "less"


def rows_of(old, new, gate=measure.GATE):
    """Lists of words for the table; what only one run has is left out."""
    before = {result["id"]: result for result in old}
    rows = []
    for result in new:
        if result["id"] not in before or "ratio" not in \
                result["targets"][0]:
            continue
        for target in result["targets"]:
            name = target["target"]
            then, unit = ratios_of(before[result["id"]], name)
            now, now_unit = ratios_of(result, name)
            if len(then) < 2 or len(now) < 2 or unit != now_unit:
                continue
            middle, low, high = stats.change(then, now)
            words = verdict_of(middle, low, high, gate)
            if unit == "us" and words in ("MORE", "less"):
                words += " (absolute: not to be believed across runs)"
            rows.append([result["id"], name, unit,
                         report.ratio(statistics.median(then)),
                         report.ratio(statistics.median(now)),
                         f"{middle:+.1%}", f"{low:+.1%} to {high:+.1%}",
                         words])
    return rows


def print_comparison(old_folder, new_folder):
    """Whether nothing that flare costs has grown."""
    old_env, old, _, _ = results.read(old_folder)
    new_env, new, _, _ = results.read(new_folder)
    for key in ("cpu", "kernel", "cpus"):
        if old_env[key] != new_env[key]:
            print(f"not the same {key}: {old_env[key]}, {new_env[key]}")
    print(f"{old_env['commit']} ({old_env['utc']}) and {new_env['commit']} "
          f"({new_env['utc']}), CPU time")
    rows = rows_of(old, new, max(old_env["gate"], new_env["gate"]))
    if not rows:
        print("no row in common")
        return False
    report.print_rows([["row", "target", "of", "before", "after", "change",
                        "95 % sure", ""], *rows])
    return not any(row[1].startswith("flare-") and row[7] == "MORE"
                   for row in rows)
