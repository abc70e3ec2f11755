# SPDX-License-Identifier: MIT
"""figures: turns the rows of the benchmarks into a Markdown table.

usage: figures.py [FILE…], or rows on standard input

Value: the median of the repetitions, with the least and the most. Ratio: the
median of value over bound, each pair from the same repetition.
"""

import statistics
import sys


def read(files):
    """rows[(group, what, threads)] = (unit, bound, {repetition: value}), in the order of the files."""
    rows = {}
    for file in files:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 7 or fields[0] == "group":
                continue
            group, what, threads, repetition, value, unit, bound = fields
            row = rows.setdefault((group, what, int(threads)), (unit, bound, {}))
            row[2][int(repetition)] = float(value)
    return rows


def spell(value, unit):
    if unit == "ns" and value >= 10000:
        value, unit = value / 1000, "µs"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def span(values, unit):
    return f"{spell(min(values), unit)} – {spell(max(values), unit)}"


def ratio(values, bounds):
    pairs = [values[i] / bounds[i] for i in values if i in bounds]
    return f"{statistics.median(pairs):.2f}" if pairs else ""


def table(rows):
    yield "| work | threads | median | min – max | bound | ratio |"
    yield "|---|--:|--:|--:|--:|--:|"
    for (group, what, threads), (unit, bound, values) in rows.items():
        if what.startswith("bound: "):
            continue
        bounds = rows.get((group, bound, threads), ("", "", {}))[2]
        median = spell(statistics.median(values.values()), unit)
        bare = spell(statistics.median(bounds.values()), unit) if bounds else "–"
        yield (
            f"| {what} | {threads} | {median} | {span(values.values(), unit)} "
            f"| {bare} | {ratio(values, bounds) or '–'} |"
        )


def main(paths):
    files = [open(path, encoding="utf-8") for path in paths] or [sys.stdin]
    for line in table(read(files)):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
