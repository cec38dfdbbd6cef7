# SPDX-License-Identifier: MIT
"""Latency histograms: pairs of a value in nanoseconds and how often it was
seen, and the percentile files that HdrHistogram's plotter reads."""

# A .hgrm has so many lines for each halving of the distance to 100 %.
TICKS = 5
NAMES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}


def total(pairs):
    return sum(count for _, count in pairs)


def merge(*histograms):
    counts = {}
    for pairs in histograms:
        for value, count in pairs:
            counts[value] = counts.get(value, 0) + count
    return sorted([value, count] for value, count in counts.items())


def at(pairs, fraction):
    """The value at which so much of all is reached; 0 if there is nothing."""
    wanted = total(pairs) * fraction - 1e-6  # a fraction is not exact
    seen, value = 0, 0
    for value, count in pairs:
        seen += count
        if seen >= wanted:
            return value
    return value


def percentiles(pairs):
    """Microseconds by name.  Beyond the last value that was seen there is no
    percentile: of 500 values none tells p99.9."""
    count = total(pairs)
    told = {name: at(pairs, fraction) / 1e3
            for name, fraction in NAMES.items()
            if count * (1 - fraction) >= 1 - 1e-9}
    if pairs:
        told["max"] = pairs[-1][0] / 1e3
    return told


def fractions():
    """0, and on in steps that halve with the distance to 1."""
    part, step = 0.0, 1 / (2 * TICKS)
    while step > 1e-8:
        for _ in range(TICKS):
            yield part
            part += step
        step /= 2
    yield 1.0


def hgrm(pairs):
    """The text of a .hgrm file; values in milliseconds."""
    count = total(pairs)
    lines = ["       Value     Percentile TotalCount 1/(1-Percentile)", ""]
    mean = sum(value * times for value, times in pairs) / count if count else 0
    square = sum((value - mean) ** 2 * times for value, times in pairs)
    for part in fractions():
        value = at(pairs, part)
        seen = sum(times for found, times in pairs if found <= value)
        line = f"{value / 1e6:12.6f} {part:.12f} {seen:10d}"
        lines.append(line + (f" {1 / (1 - part):14.2f}" if part < 1 else
                             f" {'inf':>14}"))
        if seen == count and part < 1:
            lines.append(f"{value / 1e6:12.6f} {1:.12f} {seen:10d} "
                         f"{'inf':>14}")
            break
    most = pairs[-1][0] if pairs else 0
    lines += [
        f"#[Mean    = {mean / 1e6:12.6f}, StdDeviation   = "
        f"{(square / count) ** 0.5 / 1e6 if count else 0:12.6f}]",
        f"#[Max     = {most / 1e6:12.6f}, Total count    = {count:12d}]",
        f"#[Buckets = {len(pairs):12d}, SubBuckets     = {64:12d}]", ""]
    return "\n".join(lines)


def read_hgrm(text):
    """Pairs of a fraction and its value in nanoseconds."""
    points = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0][0].isdigit():
            points.append((float(words[1]), float(words[0]) * 1e6))
    return points
