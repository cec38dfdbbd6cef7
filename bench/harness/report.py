# SPDX-License-Identifier: MIT
"""Tables of what was measured: aligned ones for a terminal, and Markdown."""

COLUMNS = ("target", "CPU us", "quartiles", "/ first", "quartiles",
           "per second", "p50 us", "p99 us", "server", "load", "")
MEMORY_COLUMNS = ("target", "bytes each", "Pss each", "KiB at rest",
                  "KiB with all", "")
SLOW_COLUMNS = ("target", "p50 us alone", "beside", "p99 us alone", "beside",
                "per second alone", "beside", "slow gone after s", "with 408",
                "reset", "bytes/slow", "KiB before, peak, after", "")


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


def notes_of(summary):
    marks = list(summary.get("marks", []))
    if summary.get("error") and not any("BROKE" in mark for mark in marks):
        marks.insert(0, "BROKE: " + summary["error"])
    return "; ".join(marks)


def has_rates(result):
    """A machine of few cores says nothing about scaling."""
    return not result.get("hides_rates")


def row_of(summary, result):
    if not summary.get("rotations"):
        return [summary["target"]] + ["-"] * 9 + [notes_of(summary)]
    cpu, to_first = summary["cpu_us"], summary["ratio"]
    is_first = summary["target"] == result["targets"][0]["target"]
    latency = summary["latency_us"] if has_rates(result) else {}
    return [
        summary["target"], number(cpu[1]), span(cpu),
        "1" if is_first else ratio(to_first[1]) if to_first else "-",
        span(to_first, ratio) if to_first and not is_first else "",
        number(summary["requests_per_s"][1]) if has_rates(result) else "-",
        number(latency["p50"]) if "p50" in latency else "-",
        number(latency["p99"]) if "p99" in latency else "-",
        f"{summary['server_busy']:.0%}",
        f"{summary['load_busy']:.0%}" if summary["load_busy"] else "-",
        notes_of(summary),
    ]


def memory_row(summary):
    if "bytes" not in summary:
        return [summary["target"], "-", "-", "-", "-", notes_of(summary)]
    more = [f"{summary[key]:,.0f}" if key in summary else "-"
            for key in ("pss_bytes", "rest_kib", "held_kib")]
    return [summary["target"], f"{summary['bytes']:,.0f}", *more,
            notes_of(summary)]


def slow_row(summary):
    if "p50_us" not in summary:
        return [summary["target"]] + ["-"] * 11 + [notes_of(summary)]
    gone = "-".join(f"{value:.1f}" for value in summary["gone_s"])
    return [
        summary["target"], *(number(value) for key in
                             ("p50_us", "p99_us", "per_s")
                             for value in summary[key]),
        gone, str(summary["answered"]), str(summary["resets"]),
        number(summary["bytes"]),
        ", ".join(f"{size:,}" for size in summary["kib"]), notes_of(summary),
    ]


def table_of(result):
    """The header and the rows, as lists of words."""
    if result["kind"].endswith("memory"):
        return MEMORY_COLUMNS, [memory_row(target)
                                for target in result["targets"]]
    if result["kind"] == "slow":
        return SLOW_COLUMNS, [slow_row(target) for target in result["targets"]]
    return COLUMNS, [row_of(target, result) for target in result["targets"]]


def shape(result):
    """What else there is to say beside the title."""
    words = []
    if result["kind"] != "slow" and \
            result["workload"] not in ("client", "connections"):
        words.append(f"{result['connections']:,} connections")
    if result["workers"] > 1:
        words.append("several workers on one core"
                     if result.get("hides_rates") else "a core for each")
    if result.get("rate"):
        words.append(f"{result['rate']:,} requests/s")
    if not result["kind"].endswith("memory") and result["kind"] != "slow":
        words.append(f"{result['rotations']} rotations"
                     + (", repeated" if result.get("is_repeated") else ""))
    return ", ".join(words)


def heading(result):
    unit = "" if result["unit"] == "request" else \
        f" (CPU of a {result['unit']})"
    return f"{result['title']}{unit}: {shape(result)}" if shape(result) \
        else result["title"] + unit


def widths_of(rows):
    return [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]


def aligned(row, widths):
    """The first column and the last to the left, numbers to the right."""
    cells = [cell.ljust(width) if j in (0, len(row) - 1) else cell.rjust(width)
             for j, (cell, width) in enumerate(zip(row, widths))]
    return ("  " + "  ".join(cells)).rstrip()


def print_rows(rows):
    widths = widths_of(rows)
    for row in rows:
        print(aligned(row, widths))


def left_out(result):
    return "; ".join(f"{name} left out: {why}"
                     for name, why in result.get("left_out", {}).items())


def print_results(results):
    """One table: all rows of a kind share their columns."""
    by_columns = {}
    for result in results:
        by_columns.setdefault(table_of(result)[0], []).append(result)
    for columns, group in by_columns.items():
        widths = widths_of([list(columns)] +
                           [row for result in group
                            for row in table_of(result)[1]])
        print("\n" + aligned(list(columns), widths))
        for result in group:
            print("\n" + heading(result))
            for row in table_of(result)[1]:
                print(aligned(row, widths))
            if left_out(result):
                print("  " + left_out(result))


def print_table(groups, unit="message"):
    """As print_results, of groups that come from no catalogue."""
    print_results([{
        "kind": "ws", "workload": "", "workers": 1, "unit": unit,
        "title": f"{group['bytes']} bytes, {group['depth']} in flight",
        **group} for group in groups])


def print_ratios(groups, pairs):
    """CPU per request of one target over another's, row by row."""
    rows = [["CPU of one over another's"] + [
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
    rows = [["target", "depth", "CPU us", "per second", ""]]
    rows += [[item["target"], str(item["depth"]), number(item["cpu_us"]),
              number(item["requests_per_s"]), "; ".join(item["faults"])]
             for item in told]
    print(f"\nwrk's word, {told[0]['connections']} connections; it is the "
          "bottleneck, and the servers pay for waking it")
    print_rows(rows)


# ---- Markdown ----

def markdown_row(cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown_table(columns, rows):
    return "\n".join([markdown_row(columns), markdown_row(
        ["---"] + ["---:"] * (len(columns) - 2) + ["---"])] +
        [markdown_row(row) for row in rows])


def integrity_words(verdict):
    if verdict["wrong"]:
        return "DIFFERS, left out: " + "; ".join(verdict["wrong"])
    return "same" + (f" ({'; '.join(verdict['told'])})"
                     if verdict["told"] else "")


def integrity_markdown(verdicts, whitelist):
    rows = [[verdict["workload"], verdict["target"], str(verdict["workers"]),
             f"{verdict['bytes']:,}", integrity_words(verdict)]
            for verdict in verdicts]
    names = ", ".join(name.decode() for name in whitelist)
    return "\n".join([
        "# Integrity", "",
        "Status, body and every header field were compared with what each "
        "workload asks for, before anything was measured. Let pass, and told "
        f"where a target adds or omits it: {names}. A target that differs in "
        "anything else took no part.", "",
        markdown_table(("workload", "target", "workers", "bytes of an answer",
                        "verdict"), rows), ""])


def summary_markdown(env, results, limits):
    parts = [
        f"# flare bench, {env['utc']}, {env['commit']}"
        + (" with changes" if env["is_changed"] else ""), "",
        f"{env['cpu']}, {env['cpus']} cores, Linux {env['kernel']}; servers "
        f"on CPU {env['pinning']['servers']}, load on CPU "
        f"{env['pinning']['load']}; load average {env['load_average']}.", ""]
    parts += [f"* {sentence}" for sentence in limits]
    parts += ["", "CPU time of the server (user and system) for each request; "
              "`/ first` is the median of its ratios to the first target's in "
              "the same rotation, with quartiles.", ""]
    for result in results:
        columns, rows = table_of(result)
        parts += [f"## {heading(result)}", "", markdown_table(columns, rows),
                  ""]
        if left_out(result):
            parts += [left_out(result), ""]
    return "\n".join(parts)
