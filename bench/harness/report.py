# SPDX-License-Identifier: MIT
"""Prints what was measured as aligned tables."""

from . import measure

COLUMNS = ("target", "CPU us/request", "quartiles", "/ floor", "quartiles",
           "/ flare", "requests/s", "p50 us", "p99 us", "server", "load", "")


def number(value):
    """Three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}" \
        if value < 1 else f"{value:.2f}"


def span(quarter, form=number):
    return f"{form(quarter[0])}-{form(quarter[2])}"


def ratio(value):
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def row_of(summary):
    if summary["rotations"] == 0:
        return [summary["target"]] + [""] * 10 + [summary["error"]]
    cpu, to_floor = summary["cpu_us"], summary["to_floor"]
    flare = summary["to"].get("flare-uring") or summary["to"].get("flare-epoll")
    notes = []
    if summary["error"]:
        notes.append("BROKE: " + summary["error"])
    if to_floor and measure.is_noisy(to_floor):
        notes.append("noisy")
    if measure.account_error(summary) > 0.05:
        notes.append("the kernel's two CPU accounts differ")
    return [
        summary["target"], number(cpu[1]), span(cpu),
        ratio(to_floor[1]) if to_floor else "-",
        span(to_floor, ratio) if to_floor else "-",
        ratio(flare[1]) if flare and
        not summary["target"] == "flare-uring" else "-",
        number(summary["requests_per_s"][1]), number(summary["p50_us"]),
        number(summary["p99_us"]), f"{summary['server_busy']:.0%}",
        f"{summary['load_busy']:.0%}", "; ".join(notes),
    ]


def print_rows(rows, titles=None):
    """Aligned; the first column and the last to the left.  `titles` stand
    above the rows they are numbered with."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for i, row in enumerate(rows):
        if titles and i in titles:
            print(f"\n{titles[i]}")
        cells = [cell.ljust(width) if j in (0, len(row) - 1) else
                 cell.rjust(width)
                 for j, (cell, width) in enumerate(zip(row, widths))]
        print(("  " + "  ".join(cells)).rstrip())


def shape(group):
    size = f", {group['bytes']} bytes" if group["bytes"] else ""
    return f"{group['connections']} connections, depth {group['depth']}{size}"


def print_table(groups):
    """One table: all groups share their columns."""
    rows, titles = [list(COLUMNS)], {}
    for group in groups:
        titles[len(rows)] = f"{shape(group)}, {group['rotations']} rotations"
        rows += [row_of(summary) for summary in group["targets"]]
    print_rows(rows, titles)


def print_ratios(groups, pairs):
    """CPU per request of one target over another's, group by group."""
    rows = [["CPU per request"] + [
        f"{group['connections']}x{group['depth']}" +
        (f" {group['bytes']} B" if group["bytes"] else "")
        for group in groups]]
    for name, base in pairs:
        row = [f"{name} / {base}"]
        for group in groups:
            found = [summary["to"][base] for summary in group["targets"]
                     if summary["target"] == name and
                     base in summary.get("to", {})]
            row.append(f"{ratio(found[0][1])} ({span(found[0], ratio)})"
                       if found else "-")
        if any(cell != "-" for cell in row[1:]):
            rows.append(row)
    if len(rows) > 1:
        print("\nRatios, median (quartiles), connections x depth")
        print_rows(rows)


def print_witness(told):
    rows = [["target", "depth", "CPU us/request", "requests/s", ""]]
    rows += [[item["target"], str(item["depth"]), number(item["cpu_us"]),
              number(item["requests_per_s"]), "; ".join(item["faults"])]
             for item in told]
    print(f"\nwrk's word, {told[0]['connections']} connections; it is the "
          "bottleneck, and the servers pay for waking it")
    print_rows(rows)


def print_integrity(verdicts):
    print("Integrity: status, body and header fields but Date and Server")
    for verdict in verdicts:
        words = "DIFFERS, left out: " + "; ".join(verdict["wrong"]) \
            if verdict["wrong"] else "same"
        if verdict["told"]:
            words += " (" + "; ".join(verdict["told"]) + ")"
        print(f"  {verdict['target']:<12} {verdict['bytes']:>4} bytes  {words}")
