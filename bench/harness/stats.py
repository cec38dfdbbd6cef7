# SPDX-License-Identifier: MIT
"""What is made of the figures of many rotations.  Nothing here knows where
they come from, so tests/bench/test_harness.py can hold it to known answers."""

import math
import random
import statistics

# Rounds that a run's rotations are cut into to see whether it repeats itself.
ROUNDS = 5
# The verdict that there are two modes asks for all three: at least so many
# values, so much of them in the smaller mode, and the means so far apart.
MODES_VALUES_MIN = 20
MODES_PART_MIN = 0.2
MODES_GAP_MIN = 0.05
# Ashman's D of the best cut: a normal distribution has 2.7, a flat one 3.5.
MODES_D_MIN = 5.0
RESAMPLES = 2000


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    values = list(values)
    if len(values) < 2:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def rounds_of(values, count=ROUNDS):
    """The values, in their order, as `count` stretches of equal length but
    for one; fewer if there are not so many."""
    count = min(count, len(values))
    return [values[len(values) * i // count:len(values) * (i + 1) // count]
            for i in range(count)]


def deviation(values):
    """The standard deviation of the rounds' medians, as a part of the median:
    by how much a run of a fifth the length would come out otherwise."""
    medians = [statistics.median(part) for part in rounds_of(values)]
    middle = statistics.median(values) if values else 0
    if len(medians) < 2 or middle == 0:
        return 0.0
    return statistics.stdev(medians) / middle


def best_cut(values):
    """(Ashman's D, part of the smaller side, gap of the means over their
    mean) where the sorted values fall into two best: the least variance
    within (Otsu 1979)."""
    values = sorted(values)
    total, count = math.fsum(values), len(values)
    below, best, where = 0.0, -1.0, 0
    for i in range(1, count):
        below += values[i - 1]
        apart = below / i - (total - below) / (count - i)
        if i * (count - i) * apart * apart > best:
            best, where = i * (count - i) * apart * apart, i
    low, high = values[:where], values[where:]
    if len(low) < 2 or len(high) < 2:
        return 0.0, 0.0, 0.0
    gap = statistics.fmean(high) - statistics.fmean(low)
    within = math.sqrt(statistics.pvariance(low) +
                       statistics.pvariance(high)) or 1e-12
    return (math.sqrt(2) * gap / within, min(len(low), len(high)) / count,
            gap / abs(statistics.fmean(values)))


def is_bimodal(values):
    """Do the values gather in two places rather than one?  A median of such
    says little: it is one place or the other by chance."""
    if len(values) < MODES_VALUES_MIN:
        return False
    apart, part, gap = best_cut(values)
    return apart > MODES_D_MIN and part >= MODES_PART_MIN and \
        gap > MODES_GAP_MIN


def paired(rows, base_rows):
    """The value of each rotation over the base's of the same; both map a
    rotation to its value.  Rotations that only one of them has are left out."""
    return {rotation: value / base_rows[rotation]
            for rotation, value in rows.items() if base_rows.get(rotation)}


def change(old, new, seed=1):
    """(change of the median as a part of the old one, lower and upper end of
    its 95 % confidence interval), by resampling both."""
    dice = random.Random(seed)
    middle = statistics.median(new) / statistics.median(old) - 1

    def again(values):
        return statistics.median(dice.choices(values, k=len(values)))

    found = sorted(again(new) / again(old) - 1 for _ in range(RESAMPLES))
    return (middle, found[int(RESAMPLES * 0.025)],
            found[int(RESAMPLES * 0.975)])
