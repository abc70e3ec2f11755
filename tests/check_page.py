#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_page: judges pages of the text format with the parser of python3-prometheus-client.

    check_page.py PAGE BOOK           the page is sound, and what the book of tests/pages.c says is in it
    check_page.py --sound PAGE...     each page is sound
    check_page.py --series DIRECTORY COUNTER...
                                      each page of the directory is sound; in the order of their
                                      names no series of the counters goes down: of these names, in
                                      which "*" is any text, or of histograms and summaries of these
                                      names those that count

A sound page has whole lines, numbers spelled as Go spells them, no sample twice, no family in two
pieces, samples under their own family alone, and histograms that are cumulative and complete.
"""
import io
import math
import os
import re
import struct
import sys

try:
    from prometheus_client.parser import text_fd_to_metric_families
except ImportError:
    print("skipped: no prometheus_client")
    sys.exit(77)

TOLERANCE = 0.011  # of a quantile that a sketch knows
SUFFIXES = {
    "counter": [""], "gauge": [""], "untyped": [""],
    "summary": ["", "_sum", "_count"],
    "histogram": ["_bucket", "_sum", "_count"],
}
# Types that the format does not have, and what they are in it.
PLAIN = {"info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram"}
# As strict as the format is for those who write it: one blank, no blank at an end.
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
VALUE = r'"(?:[^"\\\n]|\\[\\"n])*"'
LABELS = r"(?:[a-zA-Z_][a-zA-Z0-9_]*=%s,)*[a-zA-Z_][a-zA-Z0-9_]*=%s" % (VALUE, VALUE)
HELP_LINE = re.compile(r"# HELP (%s) ((?:[^\\\n]|\\[\\n])*)" % NAME)
TYPE_LINE = re.compile(r"# TYPE (%s) (counter|gauge|histogram|summary|untyped)" % NAME)
SAMPLE_LINE = re.compile(r"(%s)(?:\{(%s)\})? ([-+0-9.eInfNa]+)(?: ([0-9]+))?" % (NAME, LABELS))


class Wrong(Exception):
    """What is wrong with a page."""


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(str(word) for word in words))


def go_text(value):
    """The shortest text of a double as Go's strconv.FormatFloat(value, 'g', -1, 64) has it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    place = len(whole.lstrip("0")) if whole.strip("0") else -(len(fraction) - len(fraction.lstrip("0")))
    digits = digits.rstrip("0")
    ten = place + int(exponent or 0) - 1  # value = d.ddd * 10 ** ten
    if ten < -4 or ten >= 6:
        point = "." if len(digits) > 1 else ""
        return "%s%s%s%se%+03d" % (sign, digits[0], point, digits[1:], ten)
    if ten < 0:
        return sign + "0." + "0" * (-ten - 1) + digits
    if len(digits) <= ten + 1:
        return sign + digits + "0" * (ten + 1 - len(digits))
    return sign + digits[:ten + 1] + "." + digits[ten + 1:]


def same(a, b):
    """Equal to the last bit; all NaN are one, and so are the zeros."""
    return a == b or (a != a and b != b)


def within(line, number):
    return "line %d: %r" % (number, line if len(line) < 200 else line[:200] + "...")


def read_lines(text):
    """The lines of a page, each in its one family: [(name, type, help, [(sample, value, time, text)])]."""
    families = []
    names = set()
    check(text == "" or text.endswith("\n"), "the last line has no end")
    pending_help = None
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.startswith("#"):
            as_help, as_type = HELP_LINE.fullmatch(line), TYPE_LINE.fullmatch(line)
            check(as_help or as_type, "neither HELP nor TYPE:", within(line, number))
            if as_help:
                check(pending_help is None, "two HELP lines:", within(line, number))
                pending_help = as_help
                continue
            check(pending_help is not None and pending_help.group(1) == as_type.group(1),
                  "TYPE without its HELP:", within(line, number))
            name, kind = as_type.groups()
            check(name not in names, "the family is there twice:", within(line, number))
            names.add(name)
            families.append((name, kind, pending_help.group(2), []))
            pending_help = None
        else:
            found = SAMPLE_LINE.fullmatch(line)
            check(found, "not a sample:", within(line, number))
            check(families and pending_help is None, "a sample without family:", within(line, number))
            name, kind, _, samples = families[-1]
            check(found.group(1) in [name + suffix for suffix in SUFFIXES[kind]],
                  "in another family:", within(line, number))
            value = float(found.group(3))
            check(go_text(value) == found.group(3), "spelled otherwise than", go_text(value),
                  within(line, number))
            when = None if found.group(4) is None else int(found.group(4))
            check(when is None or 0 < when < 1 << 63, "time:", within(line, number))
            samples.append((found.group(1), value, when, line))
    check(pending_help is None, "HELP at the end")
    for name, _, _, samples in families:
        check(samples, name, "has no samples")
    return families


def parse(text, families):
    """What the parser of prometheus_client sees: [(sample name, labels, value, time in ms)] per family."""
    parsed = []
    metrics = list(text_fd_to_metric_families(io.StringIO(text)))
    check(len(metrics) == len(families), "parsed as", len(metrics), "families instead of", len(families))
    for metric, family in zip(metrics, families):
        name, kind, help_text, samples = family
        wanted = name[:-len("_total")] if kind == "counter" and name.endswith("_total") else name
        check(metric.name == wanted, "parsed as", metric.name, "instead of", wanted)
        check(metric.type == ("unknown" if kind == "untyped" else kind), name, "parsed as", metric.type)
        check(metric.documentation.strip() == unescape(help_text).strip(), name, "help:",
              repr(metric.documentation))
        check(len(metric.samples) == len(samples), name, "parsed as", len(metric.samples), "samples")
        own = []
        for seen, (sample, value, when, line) in zip(metric.samples, samples):
            if kind == "counter" and not name.endswith("_total"):
                sample += "_total"  # the parser's own addition
            check(seen.name == sample and same(seen.value, value), "parsed as", seen, ":", line[:200])
            check((seen.timestamp is None) == (when is None) and
                  (when is None or abs(seen.timestamp * 1000 - when) < 1), "time of", line[:200])
            own.append((line[:len(sample)] if seen.name != sample else seen.name, seen.labels, value, when))
        parsed.append(own)
    return parsed


def unescape(text):
    return re.sub(r"\\([\\n\"])", lambda m: "\n" if m.group(1) == "n" else m.group(1), text)


def key_of(name, labels, without=""):
    """A series; a label of no value is as none."""
    return (name,) + tuple(sorted(item for item in labels.items() if item[0] != without and item[1] != ""))


def check_unique(parsed):
    seen = set()
    for samples in parsed:
        for name, labels, _, _ in samples:
            key = key_of(name, labels)
            check(key not in seen, "there twice:", key)
            seen.add(key)


def check_histogram(name, samples):
    """Buckets ascend in bound and count up to +Inf, then comes the sum, then the same count."""
    state = None  # of the series at hand: (labels, last bound, last count, what comes next)
    for sample, labels, value, _ in samples:
        base = key_of(name, labels, "le")
        if sample == name + "_bucket":
            check("le" in labels, name, "has a bucket without bound")
            check(list(labels)[-1] == "le", name, "le is not the last label")
            check(go_text(float(labels["le"])) == labels["le"], name, "le is spelled", labels["le"])
            bound = float(labels["le"])
            if state is None:
                state = (base, bound, value, "_bucket")
            else:
                check(state[3] == "_bucket" and state[0] == base, "mixed up:", base)
                check(bound > state[1] and value >= state[2], "not cumulative:", base, bound, value)
            check(value == int(value) and value >= 0, "a bucket of", value, base)
            state = (base, bound, value, "_sum" if bound == math.inf else "_bucket")
        else:
            check(state is not None and state[0] == base and sample == name + state[3],
                  "mixed up:", sample, base)
            if sample == name + "_count":
                check(value == state[2], "count is not the +Inf bucket:", base, value, state[2])
                state = None
            else:
                state = state[:3] + ("_count",)
    check(state is None, "a histogram without its end:", name)


def check_summary(name, samples):
    """Quantiles ascend, then comes the sum, then the count."""
    state = None
    for sample, labels, value, _ in samples:
        base = key_of(name, labels, "quantile")
        if state is not None:
            check(state[0] == base, "mixed up:", base)
        if sample == name:
            check("quantile" in labels and list(labels)[-1] == "quantile", "no quantile:", base)
            check(go_text(float(labels["quantile"])) == labels["quantile"], labels["quantile"])
            q = float(labels["quantile"])
            check(0 <= q <= 1 and (state is None or (state[2] == "" and q > state[1])), "quantile", q, base)
            state = (base, q, "")
        elif sample == name + "_sum":
            check(state is None or state[2] == "", "mixed up:", base)
            state = (base, 2, "_sum")
        else:
            check(state is not None and state[2] == "_sum", "mixed up:", base)
            check(value == int(value) and value >= 0, "a count of", value, base)
            state = None
    check(state is None, "a summary without its end:", name)


def check_sound(text):
    """The families as read and as parsed, if the page is sound."""
    families = read_lines(text)
    parsed = parse(text, families)
    check_unique(parsed)
    for (name, kind, _, _), samples in zip(families, parsed):
        if kind == "histogram":
            check_histogram(name, samples)
        elif kind == "summary":
            check_summary(name, samples)
        elif kind == "counter":
            for sample, labels, value, _ in samples:
                check(value >= 0, "a counter of", value, key_of(sample, labels))
    return families, parsed


# ---- what was put in ------------------------------------------------------------------

def number_of(word):
    return struct.unpack(">d", bytes.fromhex(word))[0]


def text_of(word):
    return bytes.fromhex(word[1:]).decode("utf-8")


def labels_of(words):
    labels = {}
    for word in words:
        if "=" in word:
            name, _, value = word.partition("=")
            labels[name] = text_of(value)
        else:
            name, _, value = word.partition(":")
            labels[name] = go_text(number_of(value))
    return labels


def check_against_book(book, families, parsed):
    """Each family, sample, label, value, time and its place; what is not in the book is not in the page."""
    lines = iter(line for line in book if line[0] not in "UC")
    count = 0
    for (name, kind, help_text, _), samples in zip(families, parsed):
        words = next(lines, "nothing more").split()
        check(words[0] == "F" and PLAIN.get(words[1], words[1]) == kind and words[2] == name, name,
              "instead of", words)
        if words[3] != "*":
            expected = text_of(words[3]).replace("\\", "\\\\").replace("\n", "\\n")
            check(help_text == expected, name, "help:", repr(help_text), "instead of", repr(expected))
        for sample, labels, value, when in samples:
            words = next(lines, "nothing more").split()
            check(words[:2] in (["S", sample], ["A", sample]), sample, "instead of", words)
            expected = number_of(words[2])
            near = words[0] == "A" and abs(value - expected) <= TOLERANCE * abs(expected)
            check(same(value, expected) or near, sample, labels, repr(value), "instead of", repr(expected))
            check(words[3] == ("-" if when is None else str(when)), sample, labels, when, words[3])
            wanted = labels_of(words[4:])
            check(labels == wanted and list(labels) == list(wanted), sample, repr(labels), "instead of",
                  repr(wanted))
            count += 1
    left = next(lines, None)
    check(left is None, "not in the page:", left)
    return count


# ---- pages in a row ------------------------------------------------------------------------


NEVER_DOWN = {"counter": [""], "histogram": ["_bucket", "_count"], "summary": ["_count"]}


def counting_samples(families, wanted, known):
    """Adds to known, for each sample name of these families: is it one that must not go down?"""
    for name, kind, _, _ in families:
        if name not in known:
            known[name] = False
            for suffix in NEVER_DOWN.get(kind, []):
                known[name + suffix] = bool(wanted.fullmatch(name) or wanted.fullmatch(name + suffix))


def check_series(directory, counters):
    wanted = re.compile("|".join(re.escape(c).replace(r"\*", ".*") for c in counters))
    known = {}
    last = {}   # series: (value, file)
    compared = 0
    names = sorted(os.listdir(directory))
    check(names, "no pages in", directory)
    for name in names:
        with open(os.path.join(directory, name), encoding="utf-8", newline="") as page:
            text = page.read()
        try:
            families, _ = check_sound(text)
        except Wrong as wrong:
            raise Wrong("%s: %s" % (name, wrong)) from None
        counting_samples(families, wanted, known)
        for _, _, _, samples in families:
            for sample, value, _, line in samples:
                if not known.get(sample):
                    continue
                series = line[:line.rindex("}") + 1] if "}" in line else sample
                before = last.get(series)
                if before is not None:
                    compared += 1
                    check(value >= before[0], "%s: %s went down: %r after %r in %s" %
                          (name, series, value, before[0], before[1]))
                last[series] = (value, name)
    check(compared > 0 or len(names) < 2, "none of", counters, "is in two pages")
    print("ok: %d pages, %d series that never go down, %d comparisons" % (len(names), len(last), compared))


def read_text(path):
    with open(path, encoding="utf-8", newline="") as page:
        return page.read()


def verdict(work, *arguments):
    """The status of a judge: 1 if the work finds a page wrong, which is said."""
    try:
        return work(*arguments)
    except Wrong as wrong:
        print("FAIL: %s" % wrong)
        return 1


def judge(arguments, usage, sound, against_book, counts):
    """The commands that judges have in common; counts: families and samples of what sound() gave."""
    if len(arguments) > 1 and arguments[0] == "--sound":
        for path in arguments[1:]:
            sound(read_text(path))
    elif len(arguments) == 2:
        parsed = sound(read_text(arguments[0]))
        with open(arguments[1], encoding="ascii") as book:
            lines = book.read().splitlines()
        if lines != ["*"]:
            against_book(lines, parsed)
        print("ok: %d families, %d samples" % counts(parsed))
    else:
        print(usage)
        return 2
    return 0


def main(arguments):
    if len(arguments) > 2 and arguments[0] == "--series":
        check_series(arguments[1], arguments[2:])
        return 0
    return judge(arguments, __doc__, check_sound,
                 lambda lines, page: check_against_book(lines, *page),
                 lambda page: (len(page[0]), sum(map(len, page[1]))))


if __name__ == "__main__":
    sys.exit(verdict(main, sys.argv[1:]))
