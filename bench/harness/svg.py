# SPDX-License-Identifier: MIT
"""Charts as inline SVG: bars with whiskers, and lines.  Colours are classes
(page.STYLE), so that one drawing serves light and dark."""

import html
import math

BAR_WIDTH = 388
BAR_STEP = 24
BAR_LEFT = 82
BAR_RIGHT = 136
LINE_WIDTH = 560
LINE_HEIGHT = 300
MARGIN = {"left": 58, "right": 16, "top": 10, "bottom": 40}


def text(x, y, words, anchor="start", kind=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            f'{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>'
            f"{html.escape(words)}</text>")


def line(x1, y1, x2, y2, kind):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'class="{kind}"/>')


def drawing(width, height, label, parts):
    return (f'<svg viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="{html.escape(label)}">' + "".join(parts) + "</svg>")


def short(value):
    """A tick's words: at most three digits and a letter."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


# ---- bars ----

def bars(label, rows):
    """`rows`: (target, quartiles or a lone value, words beside it, whether it
    is marked).  From zero, since the length is what is compared."""
    most = max(row[1][-1] for row in rows) or 1
    room = BAR_WIDTH - BAR_LEFT - BAR_RIGHT
    parts = []
    for i, (target, quarter, words, is_marked) in enumerate(rows):
        y = i * BAR_STEP + 4
        middle = quarter[len(quarter) // 2]
        width = max(middle / most * room, 1)
        kind = f"bar t-{target}" + (" marked" if is_marked else "")
        parts += [
            text(BAR_LEFT - 8, y + 12, target, "end"),
            f'<rect x="{BAR_LEFT}" y="{y}" width="{width:.1f}" height="16" '
            f'rx="2" class="{kind}"/>']
        end = width
        if len(quarter) == 3 and quarter[2] > quarter[0]:
            low, high = (value / most * room for value in quarter[::2])
            end = max(width, high)
            parts += [line(BAR_LEFT + low, y + 8, BAR_LEFT + high, y + 8,
                           "whisker")]
            parts += [line(BAR_LEFT + at, y + 4, BAR_LEFT + at, y + 12,
                           "whisker") for at in (low, high)]
        parts.append(text(BAR_LEFT + end + 7, y + 12, words, kind="value"))
    return drawing(BAR_WIDTH, len(rows) * BAR_STEP + 4, label, parts)


# ---- axes ----

class Axis:
    """Maps values to a span of pixels, along a line or its logarithm."""

    def __init__(self, low, high, start, end, is_log=False):
        self.is_log = is_log
        if is_log:
            low = max(low, 1e-9)
            high = max(high, low * 1.01)
        elif high <= low:
            high = low + 1
        self.low, self.high, self.start, self.end = low, high, start, end

    def at(self, value):
        low, high = self.low, self.high
        if self.is_log:
            value, low, high = (math.log10(max(part, 1e-9))
                                for part in (value, low, high))
        return self.start + (value - low) / (high - low) * \
            (self.end - self.start)

    def ticks(self):
        if self.is_log:
            return log_ticks(self.low, self.high)
        step = nice_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def nice_step(least):
    """1, 2 or 5 times a power of ten, not below `least`."""
    size = 10 ** math.floor(math.log10(least))
    return next(size * n for n in (1, 2, 5, 10) if size * n >= least * 0.999)


def log_ticks(low, high):
    """Round numbers: the fewest in each decade that give four."""
    decades = range(math.floor(math.log10(low)),
                    math.ceil(math.log10(high)) + 1)
    found = []
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 5, 7)):
        found = [digit * 10.0 ** decade for decade in decades
                 for digit in digits
                 if low * 0.999 <= digit * 10.0 ** decade <= high * 1.001]
        if len(found) >= 4:
            break
    return found


def frame(x_axis, y_axis, words, x_ticks=None):
    """Grid, ticks and the words of both axes; x_ticks: (value, words)."""
    left, right = MARGIN["left"], LINE_WIDTH - MARGIN["right"]
    bottom = LINE_HEIGHT - MARGIN["bottom"]
    parts = []
    for value in y_axis.ticks():
        y = y_axis.at(value)
        parts += [line(left, y, right, y, "grid"),
                  text(left - 7, y + 4, short(value), "end")]
    for value, told in x_ticks or [(value, short(value))
                                   for value in x_axis.ticks()]:
        x = x_axis.at(value)
        parts += [line(x, bottom, x, bottom + 4, "axis"),
                  text(x, bottom + 18, told, "middle")]
    parts += [line(left, bottom, right, bottom, "axis"),
              text(right, LINE_HEIGHT - 4, words[0], "end", "quiet"),
              f'<text transform="translate(12 {MARGIN["top"]}) rotate(-90)" '
              f'text-anchor="end" class="quiet">{html.escape(words[1])}'
              "</text>"]
    return parts


def y_range(values, is_log, is_ratio):
    """From 0, but for logarithms and ratios, whose middle is elsewhere."""
    low, high = min(values), max(values)
    if is_log:
        return low / 1.15, high * 1.15
    spare = (high - low) * 0.08 + 0.01 * high
    return (low - spare if is_ratio else 0), high + spare


def lines(label, series, words, x_ticks=None, is_log=(True, True),
          has_dots=True):
    """`series`: (target, [(x, y), ...]) in order; `words`: of the x and the y
    axis."""
    points = [point for _, found in series for point in found]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_axis = Axis(min(xs), max(xs), MARGIN["left"] + 4,
                  LINE_WIDTH - MARGIN["right"] - 8, is_log[0])
    y_axis = Axis(*y_range(ys, is_log[1], words[1] == "ratio"),
                  LINE_HEIGHT - MARGIN["bottom"], MARGIN["top"], is_log[1])
    parts = frame(x_axis, y_axis, words, x_ticks)
    for target, found in series:
        path = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}"
                        for x, y in found)
        parts.append(f'<polyline points="{path}" class="line t-{target}"/>')
        parts += [f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" '
                  f'r="3" class="dot t-{target}"/>'
                  for x, y in found if has_dots]
    return drawing(LINE_WIDTH, LINE_HEIGHT, label, parts)
