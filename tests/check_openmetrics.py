#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_openmetrics: judges OpenMetrics pages with the strict parser of python3-prometheus-client.

    check_openmetrics.py PAGE BOOK    the page is sound, and what the book of tests/pages.c says is in it
    check_openmetrics.py --sound PAGE...
                                      each page is sound

A sound page is one that the parser takes, and beyond what that looks at: TYPE, UNIT and HELP in this
order, each family once, numbers spelled as Go spells them, bounds and quantiles with a point or an
exponent, "_created" right behind the other samples of its series, and an end.

The book is of the text format, so what OpenMetrics calls otherwise or leaves out is worked out here.
"""
import io
import re
import sys

from check_page import (TOLERANCE, Wrong, check, go_text, judge, labels_of, number_of, same, text_of,
                        verdict, within)

try:
    from prometheus_client.openmetrics.parser import text_fd_to_metric_families
except ImportError:
    print("skipped: no prometheus_client")
    sys.exit(77)

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
VALUE = r'"(?:[^"\\\n]|\\[\\"n])*"'
LABELS = r"(?:[a-zA-Z_][a-zA-Z0-9_]*=%s,)*[a-zA-Z_][a-zA-Z0-9_]*=%s" % (VALUE, VALUE)
TYPES = "counter|gauge|histogram|gaugehistogram|summary|info|stateset|unknown"
TYPE_LINE = re.compile(r"# TYPE (%s) (%s)" % (NAME, TYPES))
UNIT_LINE = re.compile(r"# UNIT (%s) ([a-zA-Z0-9_:]+)" % NAME)
HELP_LINE = re.compile(r"# HELP (%s) ((?:[^\\\n\"]|\\[\\n\"])*)" % NAME)
EXEMPLAR = r" # \{(?:%s)?\} [-+0-9.eInfNa]+(?: [0-9.]+)?" % LABELS
SAMPLE_LINE = re.compile(r"(%s)(?:\{(%s)\})? ([-+0-9.eInfNa]+)(?: ([0-9]+(?:\.[0-9]{3})?))?(?:%s)?" %
                         (NAME, LABELS, EXEMPLAR))
SUFFIXES = {
    "counter": ["_total", "_created"], "gauge": [""], "unknown": [""], "stateset": [""], "info": ["_info"],
    "summary": ["", "_sum", "_count", "_created"],
    "histogram": ["_bucket", "_sum", "_count", "_created"],
    "gaugehistogram": ["_bucket", "_gsum", "_gcount"],
}
APART = {"histogram": "le", "gaugehistogram": "le", "summary": "quantile"}  # tells lines of a series apart


def canonical_text(value):
    """As go_text(), but with a point or an exponent."""
    text = go_text(value)
    return text if re.search(r"[.ea]|Inf", text) else text + ".0"


def read_lines(text):
    """The lines of a page by family: [(name, type, unit, [line of a sample])]."""
    families = []
    check(text.endswith("# EOF\n"), "the page has no end")
    head = []  # of a family: the lines so far
    for number, line in enumerate(text.split("\n")[:-2], 1):
        if not line.startswith("#"):
            check(families and not head, "a sample without family:", within(line, number))
            families[-1][3].append(line)
            continue
        head.append(line)
        if len(head) == 2 and line.startswith("# UNIT"):
            continue
        if len(head) == 1:
            check(TYPE_LINE.fullmatch(line), "not TYPE:", within(line, number))
            continue
        as_help, as_type = HELP_LINE.fullmatch(line), TYPE_LINE.fullmatch(head[0])
        as_unit = UNIT_LINE.fullmatch(head[1]) if len(head) == 3 else None
        check(as_help and (as_unit or len(head) == 2), "neither UNIT nor HELP:", within(line, number))
        name = as_type.group(1)
        check(as_help.group(1) == name and (as_unit is None or as_unit.group(1) == name),
              "of another family:", within(line, number))
        families.append((name, as_type.group(2), as_unit.group(2) if as_unit else "", []))
        head = []
    check(not head, "HELP is missing at the end")
    names = [name for name, _, _, _ in families]
    check(len(set(names)) == len(names), "a family is there twice")
    return families


def check_lines(name, kind, lines):
    """Spelling, and the order of each series: "_created" last."""
    ended = set()
    for line in lines:
        found = SAMPLE_LINE.fullmatch(line)
        check(found, "not a sample:", line[:200])
        sample, labels, value, _ = found.groups()
        check(sample in [name + suffix for suffix in SUFFIXES[kind]], "in another family:", line[:200])
        series = re.sub(r',?(?:le|quantile)="[^"]*"$', "", labels or "") if kind in APART else labels or ""
        check(series not in ended, "behind _created:", line[:200])
        if sample == name + "_created" and kind != "gauge":
            check(re.fullmatch(r"[0-9]+(\.[0-9]{3})?", value), "created:", line[:200])
            ended.add(series)
            continue
        check(go_text(float(value)) == value, "spelled otherwise:", line[:200])
        for bound in re.findall(r',?(?:le|quantile)="([^"]*)"$', labels or "") if kind in APART else []:
            check(canonical_text(float(bound)) == bound, "bound:", line[:200])


def check_sound(text):
    """The families as the parser has them, if the page is sound."""
    families = read_lines(text)
    try:
        parsed = list(text_fd_to_metric_families(io.StringIO(text)))
    except ValueError as error:
        raise Wrong("the parser says: %s" % str(error)[:300]) from None
    check(len(parsed) == len(families), "parsed as", len(parsed), "families instead of", len(families))
    for metric, (name, kind, unit, lines) in zip(parsed, families):
        check(metric.name == name and metric.type == kind and metric.unit == unit, "parsed as", metric.name)
        check(len(metric.samples) == len(lines), name, "parsed as", len(metric.samples), "samples")
        check_lines(name, kind, lines)
    return parsed


# ---- what was put in ------------------------------------------------------------------


def read_book(lines):
    """[(name, type, help or None, unit, [[kind, sample, value, time, labels]])] as the text format has them."""
    families = []
    for line in lines:
        words = line.split()
        if words[0] == "F":
            families.append([words[2], words[1], None if words[3] == "*" else text_of(words[3]), "", []])
        elif words[0] == "U":
            families[-1][3] = words[1]
        else:
            value = int(words[2]) if words[0] == "C" else number_of(words[2])
            when = None if words[3] == "-" else int(words[3])
            families[-1][4].append([words[0], words[1], value, when, labels_of(words[4:])])
    return families


def without(name, suffix):
    return name[:len(name) - len(suffix)] if name.endswith(suffix) else name


def family_name(name, kind):
    return without(name, {"counter": "_total", "info": "_info"}.get(kind, ""))


def series_of(labels, kind):
    return tuple(item for item in labels.items() if item[0] != APART.get(kind))


def sums_left_out(name, kind, samples):
    """The series whose sum and count cannot be in the page."""
    below = {series_of(l, kind) for _, _, _, _, l in samples if "le" in l and float(l["le"]) < 0}
    left_out = set()
    for _, sample, value, _, labels in samples:
        series = series_of(labels, kind)
        if sample != name + "_sum" or kind not in APART:
            continue
        negative_bound = kind != "summary" and series in below
        if kind == "gaugehistogram":
            allowed = value >= 0 or (value < 0 and negative_bound)
        else:
            allowed = value >= 0 and not negative_bound
        if not allowed:
            left_out.add(series)
    return left_out


def expected_samples(name, kind, samples):
    """As OpenMetrics has them."""
    family = family_name(name, kind)
    left_out = sums_left_out(name, kind, samples)
    for tag, sample, value, when, labels in samples:
        suffix = sample[len(name):]
        labels = dict(labels)
        own = APART.get(kind)
        if own in labels:
            labels[own] = canonical_text(float(labels[own]))
            if kind == "summary" and value < 0:
                continue
        if suffix in ("_sum", "_count") and kind in APART and series_of(labels, kind) in left_out:
            continue
        if kind == "info":
            when = None  # it has no time here
        if tag == "C":
            suffix = "_created"
        elif kind in ("counter", "info"):
            suffix = "_total" if kind == "counter" else "_info"
        elif kind == "gaugehistogram":
            suffix = {"_sum": "_gsum", "_count": "_gcount"}.get(suffix, suffix)
        yield tag, family + suffix, value / 1000 if tag == "C" else value, when, labels


def check_sample(seen, tag, sample, value, when, labels):
    near = (tag == "A" and abs(seen.value - value) <= TOLERANCE * abs(value)) or (
        tag == "C" and abs(seen.value - value) < 0.001)
    check(seen.name == sample, seen, "instead of", sample)
    check(same(seen.value, value) or near, seen, "instead of", repr(value))
    check((seen.timestamp is None) == (when is None) and
          (when is None or round(float(seen.timestamp) * 1000) == when), seen, "is not of", when)
    check(seen.labels == labels and list(seen.labels) == list(labels), seen, "instead of", labels)


def shown_type(name, kind, names):
    """A counter whose short name is that of another family cannot be shown as one."""
    if kind == "untyped" or (kind == "counter" and without(name, "_total") in names - {name}):
        return "unknown"
    return kind


def check_against_book(book, parsed):
    families = read_book(book)
    names = {family[0] for family in families}
    for metric, (name, kind, help_text, unit, samples) in zip(parsed, families):
        kind = shown_type(name, kind, names)
        check(metric.name == family_name(name, kind) and metric.type == kind, metric.name, metric.type,
              "instead of", name, kind)
        check(metric.unit == unit, name, "has the unit", metric.unit, "instead of", unit)
        check(help_text is None or metric.documentation == help_text, name, "help:",
              repr(metric.documentation), "instead of", repr(help_text))
        expected = list(expected_samples(name, kind, samples))
        check(len(metric.samples) == len(expected), name, "has", len(metric.samples), "samples instead of",
              len(expected))
        for seen, wanted in zip(metric.samples, expected):
            check_sample(seen, *wanted)
    check(len(parsed) == len(families), len(parsed), "families instead of", len(families))


def main(arguments):
    return judge(arguments, __doc__, check_sound, check_against_book,
                 lambda parsed: (len(parsed), sum(len(m.samples) for m in parsed)))


if __name__ == "__main__":
    sys.exit(verdict(main, sys.argv[1:]))
