# SPDX-License-Identifier: MIT
"""report.html: one file that needs nothing else, light and dark."""

import html

from . import report, svg

# Of light and dark: enough apart for the colour-blind, and the names stand
# beside every bar anyway.
COLOURS = {
    "floor-uring": ("#5c636a", "#a9b1b8"),
    "floor-epoll": ("#98a0a8", "#727b84"),
    "flare-uring": ("#d9480f", "#ff7a45"),
    "flare-epoll": ("#f08c00", "#ffc078"),
    "nginx": ("#2b8a3e", "#69db7c"),
    "h2o": ("#1864ab", "#4dabf7"),
    "lighttpd": ("#7048e8", "#b197fc"),
    "haproxy": ("#0b7285", "#3bc9db"),
    "go": ("#a61e4d", "#f783ac"),
    "lws": ("#1864ab", "#4dabf7"),
    "uws": ("#7048e8", "#b197fc"),
    "libcurl": ("#1864ab", "#4dabf7"),
    "openssl": ("#868e96", "#868e96"),
    "wrk": ("#2b8a3e", "#69db7c"),
}
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --card: #f8f9fa;
  --ink: #212529; --quiet: #5c636a; --rule: #dee2e6; --warn: #b02a37; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --card: #1d2126; --ink: #e6e8ea;
    --quiet: #9aa3ab; --rule: #343a40; --warn: #ff8787; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 2rem 1.5rem 4rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .3rem; }
h3 { font-size: .95rem; margin: 0; font-weight: 600; }
p, ul { margin: .3rem 0 .8rem; max-width: 56rem; }
ul { padding-left: 1.2rem; }
.quiet, figcaption { color: var(--quiet); }
.warn { color: var(--warn); }
.grid { display: grid; gap: 1rem; margin-top: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 370px), 1fr)); }
.wide { grid-template-columns:
  repeat(auto-fill, minmax(min(100%, 410px), 1fr)); }
figure { margin: 0; padding: .9rem 1rem 1rem; background: var(--card);
  border: 1px solid var(--rule); border-radius: 8px; min-width: 0; }
figcaption { font-size: .82rem; margin-bottom: .5rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--ink);
  font-variant-numeric: tabular-nums; }
svg .quiet { fill: var(--quiet); }
svg .value { fill: var(--quiet); }
.grid line.grid, svg line.grid { stroke: var(--rule); stroke-width: 1; }
svg line.axis { stroke: var(--quiet); stroke-width: 1; }
svg line.whisker { stroke: var(--ink); stroke-width: 1.2; }
svg .marked { opacity: .45; }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.keys { display: flex; flex-wrap: wrap; gap: .2rem .9rem; font-size: .82rem;
  margin: .1rem 0 .5rem; }
.key::before { content: ""; display: inline-block; width: .75em;
  height: .75em; border-radius: 2px; margin-right: .4em;
  background: var(--c); }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .84rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
th { font-weight: 600; color: var(--quiet); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { text-align: left; white-space: normal; }
table.words td { text-align: left; white-space: normal;
  vertical-align: top; }
table.words td:first-child, table.words td:nth-child(2) {
  white-space: nowrap; }
details { margin: .4rem 0; } summary { cursor: pointer; }
footer { margin-top: 3rem; font-size: .84rem; }
"""
PERCENTILES = [(2, "50 %"), (10, "90 %"), (100, "99 %"), (1000, "99.9 %"),
               (10000, "99.99 %"), (100000, "99.999 %")]
CURVED = ("plaintext", "churn", "tls-keepalive", "ws-echo")
# Without a figure for each request; and points of a curve.
OTHER_KINDS = ("memory", "tls-memory", "ws-memory", "slow")
OF_CURVES = ("rate", "rate-flare-bench", "connections")


def colours():
    rules = []
    for which, before, after in (
            (0, "", ""), (1, "@media (prefers-color-scheme: dark) {", "}")):
        rules.append(before + "".join(
            f".t-{name} {{ --c: {pair[which]}; }}"
            for name, pair in COLOURS.items()) + after)
    return "\n".join(rules) + (
        "\n.bar, .dot { fill: var(--c, var(--quiet)); }"
        "\n.line { stroke: var(--c, var(--quiet)); }")


def escape(words):
    return html.escape(str(words))


def figure(title, caption, drawing, targets=()):
    keys = "".join(f'<span class="key t-{escape(name)}">{escape(name)}</span>'
                   for name in targets)
    keys = f'<div class="keys">{keys}</div>' if keys else ""
    return (f"<figure><h3>{escape(title)}</h3>"
            f"<figcaption>{escape(caption)}</figcaption>{keys}{drawing}"
            "</figure>")


def section(title, words, figures, kind="grid"):
    if not figures:
        return ""
    return (f"<h2>{escape(title)}</h2><p class='quiet'>{escape(words)}</p>"
            f'<div class="{kind}">' + "".join(figures) + "</div>")


def measured(result):
    return [target for target in result["targets"] if target.get("rotations")]


def is_bars(result):
    """Rows that stand for themselves, not for a point of a curve."""
    return result["kind"] not in OTHER_KINDS and \
        result["workload"] not in OF_CURVES and measured(result)


# ---- sections ----

def cpu_figure(result):
    rows = []
    for target in measured(result):
        quarter = target["cpu_us"]
        words = f"{report.number(quarter[1])} µs"
        if target.get("ratio") and target is not result["targets"][0]:
            words += f" · {report.ratio(target['ratio'][1])}×"
        rows.append((target["target"], quarter, words,
                     bool(target["marks"])))
    return figure(result["title"], report.shape(result),
                  svg.bars(f"CPU time: {result['title']}", rows))


def rate_figure(result):
    rows = []
    for target in measured(result):
        quarter = target["requests_per_s"]
        rows.append((target["target"], quarter,
                     f"{report.number(quarter[1])}/s",
                     bool(target["marks"])))
    return figure(result["title"], report.shape(result),
                  svg.bars(f"Requests per second: {result['title']}", rows))


def percentile_figure(result, curves):
    series = []
    for target in measured(result):
        points = [(1 / (1 - part), value / 1e3)
                  for part, value in curves.get((result["id"],
                                                 target["target"]), [])
                  if 0.45 < part < 1 and value > 0]
        if points:
            series.append((target["target"], points))
    if not series:
        return None
    most = max(x for _, points in series for x, _ in points)
    ticks = [tick for tick in PERCENTILES if tick[0] <= most]
    return figure(result["title"], report.shape(result), svg.lines(
        f"Latency by percentile: {result['title']}", series,
        ("of all requests", "latency, µs"), ticks, has_dots=False),
        [name for name, _ in series])


def of_percentiles(results):
    """The rows whose whole curve is drawn: of the rates one that all can keep
    and the highest."""
    rates = [result for result in results if result["workload"] == "rate"]
    return [result for result in results if result["workload"] in CURVED] + \
        ([rates[(len(rates) - 1) // 2], rates[-1]] if len(rates) > 1 else
         rates)


def points_by_target(results, x_of, y_of):
    series = {}
    for result in results:
        for target in measured(result):
            x, y = x_of(result), y_of(target)
            if x and y:
                series.setdefault(target["target"], []).append((x, y))
    return [(name, sorted(points)) for name, points in series.items()]


def offered_figures(results, workload, by):
    rows = [result for result in results if result["workload"] == workload]
    figures = []
    for name, words in (("p50", "the median"), ("p99", "99 % are faster")):
        series = points_by_target(
            rows, lambda result: result["rate"],
            lambda target, name=name: target["latency_us"].get(name))
        if len(rows) > 1 and series:
            figures.append(figure(
                f"Latency, {name}{by}", words, svg.lines(
                    f"Latency {name} against the offered rate", series,
                    ("requests/s offered", "latency, µs"),
                    is_log=(False, True)),
                [target for target, _ in series]))
    return figures


def connection_figures(results):
    rows = [result for result in results
            if result["workload"] == "connections"]
    if len(rows) < 2:
        return []
    of_cpu = points_by_target(rows, lambda result: result["connections"],
                              lambda target: target["cpu_us"][1])
    of_ratio = points_by_target(
        rows, lambda result: result["connections"],
        lambda target: target["ratio"] and target["ratio"][1])
    ticks = [(result["connections"], f"{result['connections']:,}")
             for result in rows]
    return [figure(title, caption, svg.lines(
        title, series, ("connections", unit), ticks, (True, False)),
        [target for target, _ in series])
        for title, caption, series, unit in (
            ("CPU time per request", "from 0", of_cpu, "CPU, µs"),
            (f"Over that of {rows[0]['targets'][0]['target']}",
             "ratio inside a rotation; the axis does not begin at 0",
             of_ratio, "ratio")) if series]


def memory_figures(results):
    figures = []
    for result in results:
        targets = [target for target in result["targets"]
                   if "bytes" in target]
        if not result["kind"].endswith("memory") and \
                result["kind"] != "slow" or not targets:
            continue
        rows = [(target["target"], [max(target["bytes"], 0)],
                 f"{target['bytes']:,.0f} bytes", bool(target["marks"]))
                for target in targets]
        figures.append(figure(result["title"], report.shape(result),
                              svg.bars(result["title"], rows)))
    return figures


def table(columns, rows, kind=""):
    head = "".join(f"<th>{escape(cell)}</th>" for cell in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>"
                                    for cell in row) + "</tr>"
                   for row in rows)
    return (f'<div class="scroll"><table class="{kind}"><thead><tr>{head}'
            f"</tr></thead><tbody>{body}</tbody></table></div>")


def tables(results):
    parts = ["<h2>All figures</h2><p class='quiet'>CPU us: user and system "
             "time of the server for each request. / first: the median of the "
             "ratios to the first target in the same rotation. server and "
             "load: how busy they were; well below 100 % together they say "
             "that others used the machine.</p>"]
    for result in results:
        columns, rows = report.table_of(result)
        parts.append(f"<h3>{escape(report.heading(result))}</h3>"
                     + table(columns, rows))
        if report.left_out(result):
            parts.append(f'<p class="quiet">{escape(report.left_out(result))}'
                         "</p>")
    return "".join(parts)


def environment(env):
    rows = [(key.replace("_", " "), flat(value)) for key, value in env.items()
            if key not in ("versions", "mitigations") and
            value not in (None, "")]
    rows += [(f"version of {name}", told)
             for name, told in env["versions"].items() if told]
    rows += [(f"mitigation {name}", told)
             for name, told in env["mitigations"].items() if told]
    return "<details><summary>Environment</summary>" + table(
        ("what", "is", ""), [(*row, "") for row in rows], "words") + \
        "</details>"


def flat(value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {flat(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) \
        if isinstance(value, bool) else str(value)


def integrity(verdicts):
    wrong = sum(bool(verdict["wrong"]) for verdict in verdicts)
    rows = [(verdict["workload"], verdict["target"],
             f"{verdict['bytes']:,}", report.integrity_words(verdict))
            for verdict in verdicts]
    return (f"<details{' open' if wrong else ''}><summary>Integrity: "
            f"{len(verdicts) - wrong} of {len(verdicts)} targets gave the "
            "answers asked for</summary>" + table(
                ("workload", "target", "bytes of an answer", "verdict"),
                rows) + "</details>")


def marks(results):
    """What is not to be believed, before anything else is looked at."""
    found = [f"{result['title']}: {target['target']} "
             f"{report.notes_of(target)}"
             for result in results for target in result["targets"]
             if report.notes_of(target)]
    if not found:
        return "<p>No row is marked: each repeated itself within the gate.</p>"
    return (f"<details><summary>{len(found)} rows are marked and drawn pale: "
            "repeated once if there was time, still not within the gate, or "
            "something else is to be known of them</summary><ul>" + "".join(
                f"<li>{escape(words)}</li>" for words in found)
            + "</ul></details>")


def render(env, results, verdicts, curves, limits):
    """The whole page."""
    singles = [result for result in results if is_bars(result)]
    rates = [result for result in singles if report.has_rates(result)]
    curved = [percentile_figure(result, curves)
              for result in of_percentiles(results)]
    slow = [result for result in results if result["kind"] == "slow"]
    body = [
        f"<h1>flare bench</h1><p class='quiet'>{escape(env['utc'])} · commit "
        f"{escape(env['commit'])}{' with changes' * env['is_changed']} · "
        f"{escape(env['cpu'])}, {env['cpus']} cores · Linux "
        f"{escape(env['kernel'])}</p>",
        "<ul>" + "".join(f"<li>{escape(words)}</li>" for words in limits)
        + "</ul>", marks(results),
        section("CPU time per request", "User and system time of the server, "
                "median; whiskers are quartiles over the rotations. × is the "
                "ratio to the first target inside a rotation: the figure to "
                "believe. Shorter is better.", [cpu_figure(result)
                                                for result in singles]),
        section("Requests per second", "One server core, closed loop: what "
                "the load and the server did together on this machine.",
                [rate_figure(result) for result in rates]),
        section("Latency by percentile", "In a closed loop that never sleeps "
                "this is latency under full load; at a rate it runs from when "
                "a request was due.", [found for found in curved if found],
                "grid wide"),
        section("Latency against offered rate", "Requests are sent when due, "
                "whether or not earlier ones are answered, and none that was "
                "due is left out.", offered_figures(results, "rate", "") +
                offered_figures(results, "rate-flare-bench",
                                ", by flare-bench"), "grid wide"),
        section("Number of connections", "What a request costs as more are "
                "open, all of them busy.", connection_figures(results),
                "grid wide"),
        section("Memory", "User memory of each connection, over what the "
                "server holds at rest. The kernel's share comes on top.",
                memory_figures(results)),
        "".join(f"<h2>{escape(result['title'])}</h2>"
                + table(*report.table_of(result)) for result in slow),
        tables([result for result in results if result["kind"] != "slow"]),
        "<h2>What stood behind it</h2>", integrity(verdicts),
        environment(env),
        "<footer class='quiet'>bench/README.md says how this was measured and "
        "what it cannot show.</footer>",
    ]
    return ("<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, "
            "initial-scale=1'>"
            f"<title>flare bench {escape(env['utc'])}</title><style>{STYLE}"
            f"{colours()}</style></head><body>" + "\n".join(body)
            + "</body></html>\n")
