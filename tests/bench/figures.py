# SPDX-License-Identifier: MIT
"""figures: turns the rows of the benchmarks into tables and a chart.

usage: figures.py [FILE…]             every row, for a terminal
       figures.py --table [FILE…]     a Markdown table of the works that have a goal
       figures.py --goals [FILE…]     the same beside the goals
       figures.py --svg FILE… OUT     a bar chart

A value is the median of the repetitions, with the least and the most. A ratio is the
median of one value over another, each pair from the same repetition. The bound is the
least that the machine must do for the same work.
"""

import math
import statistics
import sys
from html import escape

OURS, BOUND = "cprom", "bound"
NOT_PEERS = {OURS, BOUND, "copy"}  # copy: what copying a ready-made page costs


class Rows:
    """works[(group, what, threads)][library] = {repetition: value}, in the order of the files."""

    def __init__(self, files):
        self.works, self.units = {}, {}
        for line in (line for file in files for line in file):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 7 or fields[0] == "group":
                continue
            group, what, library, threads, repetition, value, unit = fields
            key = group, what, int(threads)
            self.units[key] = unit
            self.works.setdefault(key, {}).setdefault(library, {})[int(repetition)] = float(value)

    def median(self, key, library):
        values = self.works.get(key, {}).get(library)
        return statistics.median(values.values()) if values else None

    def ratio(self, key, library, other):
        values, others = (self.works.get(key, {}).get(name, {}) for name in (library, other))
        pairs = [values[i] / others[i] for i in values if others.get(i)]
        return statistics.median(pairs) if pairs else None

    def excess(self, key):
        ours, bound = self.median(key, OURS), self.median(key, BOUND)
        return None if ours is None or bound is None else ours - bound

    def best_peer(self, key):
        peers = [name for name in self.works.get(key, {}) if name not in NOT_PEERS]
        return min(peers, key=lambda name: self.median(key, name), default=None)

    def spell(self, key, library):
        return spell(self.median(key, library), self.units.get(key, ""))

    def span(self, key, library):
        values = self.works[key][library].values()
        return f"{spell(min(values), self.units[key])} – {spell(max(values), self.units[key])}"


def spell(value, unit):
    if value is None:
        return "–"
    for small, large, factor in ("ns", "µs", 1000), ("µs", "ms", 1000), ("B", "KiB", 1024), ("KiB", "MiB", 1024):
        if unit == small and value >= (10 * factor if unit.endswith("B") else factor):
            value, unit = value / factor, large
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def times(ratio):
    return "–" if ratio is None else f"{ratio:.{2 if ratio < 10 else 0}f}"


# ---- tables ---------------------------------------------------------------------


def listing(rows):
    """Every row, in columns."""
    lines = [("work", "threads", "library", "median", "min – max", "× bound")]
    for key, libraries in rows.works.items():
        for library in libraries:
            ratio = "" if library == BOUND else times(rows.ratio(key, library, BOUND))
            spelled = rows.spell(key, library), rows.span(key, library), ratio
            lines.append((key[1], str(key[2]), library, *spelled))
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        left = (cell.ljust(width) for cell, width in zip(line[:3], widths[:3]))
        right = (cell.rjust(width) for cell, width in zip(line[3:], widths[3:]))
        yield "  ".join((*left, *right)).rstrip()


def compared(rows, key):
    """Cells: the bound and our ratio to it, the best peer and our ratio to it."""
    peer = rows.best_peer(key)
    best = f"{rows.spell(key, peer)} {peer}" if peer else "–"
    return (
        f"{rows.spell(key, BOUND)} | {times(rows.ratio(key, OURS, BOUND))} "
        f"| {best} | {times(rows.ratio(key, OURS, peer))}"
    )


def table(rows):
    yield "| work | threads | cprom | min – max | bound | × bound | best peer | × peer |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for key in (goal[:3] for goal in GOALS):
        if OURS in rows.works.get(key, {}):
            yield (
                f"| {key[1]} | {key[2]} | {rows.spell(key, OURS)} "
                f"| {rows.span(key, OURS)} | {compared(rows, key)} |"
            )


# The goals: group, what, threads, then the most that it may be: so many times the bound, so much
# more than the bound, or a value.
GOALS = [
    ("update", "counter inc", 1, "× bound", 1.15),
    ("update", "counter inc", 2, "× bound", 1.15),
    ("update", "counter inc", 8, "× bound", 1.15),
    ("update", "counter add(1.5)", 1, "× bound", 1.1),
    ("update", "counter add(1.5)", 2, "× bound", 1.1),
    ("look_up", "look-up of 2 labels in 64 series, inc", 1, "ns", 18),
    ("look_up", "look-up of 2 labels in 64 series, inc", 2, "ns", 9),
    ("update", "histogram observe, 11 buckets", 1, "ns", 5.5),
    ("update", "histogram observe, 11 buckets", 2, "ns", 2.8),
    ("update", "summary observe, quantiles", 1, "ns", 12),
    ("update", "summary observe, quantiles", 2, "ns", 6),
    ("update", "timed block", 1, "× bound", 1.2),
    ("render", "line of 1k counters, 17 digits", 1, "ns", 35),
    ("render", "line of 1M counters, 17 digits", 1, "ns", 50),
    ("render", "line of 1k histograms, whole numbers", 1, "ns", 12),
    ("http", "time per request, 1k series, connections: 8", 1, "ns", 1e9 / 15000),
    ("http", "CPU per request, 1k series, connections: 8", 1, "ns", 60000),
    ("create", "resident, counter of 3 labels, at 100k", 1, "B", 180),
    ("create", "new series, the first 100k of a family", 1, "ns", 400),
    ("create", "new series, the last 100k of 1M", 1, "ns", 400),
    ("create", "new series, the last 100k of 10M", 1, "ns", 400),
    ("start", "resident memory, dynamic", 1, "B more", 0.3e6),
    ("large", "heap of a scrape, 1M series", 1, "B", 65536),
]
SET_AT = 1.37  # ns of the bound of `counter inc` on the machine where the values were set


def goals(rows):
    yield "| work | threads | goal | measured | reached | bound | × bound | best peer | × peer |"
    yield "|---|--:|--:|--:|---|--:|--:|--:|--:|"
    for group, what, threads, unit, most in GOALS:
        key = group, what, threads
        if rows.median(key, OURS) is None:
            yield f"| {what} | {threads} | | not measured | | | | | |"
            continue
        measured, goal = rows.median(key, OURS), spell(most, unit)
        if unit == "× bound":
            measured, goal = rows.ratio(key, OURS, BOUND), f"{most} × bound"
        elif unit == "B more":
            measured, goal = rows.excess(key), f"bound + {spell(most, 'B')}"
        reached = "–" if measured is None else "yes" if measured <= most else "no"
        yield (
            f"| {what} | {threads} | ≤ {goal} | {rows.spell(key, OURS)} "
            f"| {reached} | {compared(rows, key)} |"
        )
    bound = rows.median(("update", "counter inc", 1), BOUND)
    if bound is not None:
        yield ""
        yield (
            f"Goals in ns were set on a machine whose bound of `counter inc` was {SET_AT} ns; "
            f"in this run it was {bound:.2f} ns."
        )


# ---- chart ----------------------------------------------------------------------

PANELS = [
    (
        "time per operation",
        "ns",
        [
            ("counter, inc by handle", "update", "counter inc", 1),
            ("the same, 2 threads", "update", "counter inc", 2),
            ("counter, add(1.5)", "update", "counter add(1.5)", 1),
            ("look-up of 2 labels, inc", "look_up", "look-up of 2 labels in 64 series, inc", 1),
            ("histogram of 11 buckets", "update", "histogram observe, 11 buckets", 1),
            ("the same, 2 threads", "update", "histogram observe, 11 buckets", 2),
            ("summary with quantiles", "update", "summary observe, quantiles", 1),
            ("timed block", "update", "timed block", 1),
            ("page, a line of 17 digits", "render", "line of 1k counters, 17 digits", 1),
            ("page, a line of a histogram", "render", "line of 1k histograms, whole numbers", 1),
            ("new series", "create", "new series, the first 100k of a family", 1),
        ],
    ),
    (
        "resident memory per series",
        "B",
        [("counter of 3 labels", "create", "resident, counter of 3 labels, at 100k", 1)],
    ),
]
COLOURS = {BOUND: "#b9bec6", OURS: "#1f6feb"}
PEER_COLOURS = ["#d97706", "#0d9488", "#9f4b8f", "#7a8b2a", "#8b5e3c"]
INK, FAINT, LINE = "#1f2328", "#59636e", "#d8dde3"
WIDTH, LEFT, RIGHT = 900, 210, 80
BAR, GAP, PANEL_GAP = 11, 14, 58


def text(x, y, words, anchor="start", size=12, colour=INK, weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}" stroke="#ffffff" stroke-width="3" '
        f'paint-order="stroke">{escape(words)}</text>'
    )


def box(x, y, width, height, colour, title=""):
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">{inside}</rect>'


class Scale:
    """A log scale that holds all values, with a mark at each power of ten."""

    def __init__(self, values):
        self.low = math.floor(2 * math.log10(min(values)) - 0.5) / 2
        self.high = math.ceil(2 * math.log10(max(values))) / 2
        self.width = WIDTH - LEFT - RIGHT

    def x(self, value):
        return LEFT + self.width * (math.log10(value) - self.low) / (self.high - self.low)

    def marks(self):
        return [10.0**i for i in range(math.ceil(self.low), math.floor(self.high) + 1)]


def mark_of(value, unit):
    for factor, large in ((1e6, "ms" if unit == "ns" else "MB"), (1e3, "µs" if unit == "ns" else "KB")):
        if value >= factor:
            return f"{value / factor:g} {large}"
    return f"{value:g} {unit}"


def draw_group(rows, scale, y, label, key, colours):
    """The bars of one work from y on, and where they end."""
    shown = [name for name in colours if rows.median(key, name) is not None]
    parts = [text(LEFT - 10, y + len(shown) * BAR / 2 + 4, label, "end")]
    for name in shown:
        end = scale.x(rows.median(key, name))
        spelled = rows.spell(key, name)
        parts.append(box(LEFT, y, end - LEFT, BAR - 2, colours[name], f"{name}: {spelled}"))
        parts.append(
            text(end + 5, y + BAR - 2.5, spelled, size=10, weight="bold" if name == OURS else "normal",
                 colour=INK if name == OURS else FAINT)
        )
        y += BAR
    return parts, y + GAP


def draw_panel(rows, y, title, unit, works, colours):
    works = [(label, tuple(key)) for label, *key in works if rows.median(tuple(key), OURS) is not None]
    if not works:
        return [], y
    scale = Scale([rows.median(key, name) for _, key in works for name in colours if rows.median(key, name)])
    top, bars = y, []
    y += 24
    for label, key in works:
        parts, y = draw_group(rows, scale, y, label, key, colours)
        bars += parts
    parts = [text(LEFT, top, f"{title}, log scale; less is better", size=12, colour=FAINT)]
    for value in scale.marks():
        x = scale.x(value)
        parts.append(f'<path d="M{x:.1f} {top + 14}V{y - 4}" stroke="{LINE}" fill="none"/>')
        parts.append(text(x, y + 11, mark_of(value, unit), "middle", 11, FAINT))
    return parts + bars, y + PANEL_GAP


def draw_legend(y, colours):
    parts, x = [], 24
    for name, colour in colours.items():
        words = {OURS: "cprom", BOUND: "bound: the least the machine must do"}.get(name, name)
        width = 30 + 6.7 * len(words)
        if x + width > WIDTH - 10:
            x, y = 24, y + 20
        parts += [box(x, y - 9, 12, 11, colour), text(x + 17, y, words)]
        x += width
    return parts, y


def chart(rows):
    names = {name for libraries in rows.works.values() for name in libraries} - NOT_PEERS
    colours = dict(COLOURS)
    colours.update(zip((n for n in dict.fromkeys(n for w in rows.works.values() for n in w) if n in names),
                       PEER_COLOURS))
    parts, y = draw_legend(58, colours)
    y += 38
    for title, unit, works in PANELS:
        drawn, y = draw_panel(rows, y, title, unit, works, colours)
        parts += drawn
    height = y - PANEL_GAP + 26
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="Helvetica, Arial, DejaVu Sans, sans-serif" role="img">'
    )
    yield "<title>cprom beside the machine's bound and other Prometheus libraries</title>"
    yield f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="#ffffff" stroke="{LINE}"/>'
    yield text(24, 32, "What each piece of work costs", size=17, weight="bold")
    yield from parts
    yield "</svg>"


def main(arguments):
    views = {"--table": table, "--goals": goals, "--svg": chart}
    view = views.get(arguments[0], listing) if arguments else listing
    paths = arguments[1:] if arguments and arguments[0] in views else arguments
    out = open(paths.pop(), "w", encoding="utf-8") if view is chart else sys.stdout
    files = [open(path, encoding="utf-8") for path in paths] or [sys.stdin]
    for line in view(Rows(files)):
        print(line, file=out)


if __name__ == "__main__":
    main(sys.argv[1:])
