#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""read_names: judges what random_names prints, with a reader and escaping schemes of its own.

    read_names.py [--promtool PROMTOOL PAGES] < OUTPUT

Each page is read strictly, and must have what was registered, in that order, but for those whose
names, or whose labels' names, are equal to earlier ones once they are escaped. The first PAGES escaped
pages of the text format go to promtool, and all escaped ones of OpenMetrics to prometheus_client, if
it is there.
"""
import re
import subprocess
import sys

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


class Wrong(Exception):
    """What is wrong with a page."""


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(str(word) for word in words))


# ---- schemes ------------------------------------------------------------------

def escape(name, scheme, legal):
    """As the Prometheus documentation has it, in lower case."""
    if scheme == "allow-utf-8" or legal.match(name):
        return name
    out = "U__" if scheme == "values" else ""
    for i, c in enumerate(name):
        kept = re.match("[a-zA-Z_]", c) or (c == ":" and legal is METRIC) or (i > 0 and c in "0123456789")
        if scheme == "underscores":
            out += c if kept else "_"
        elif c == "_":
            out += "__"
        elif kept:
            out += c
        elif scheme == "dots":
            out += "_dot_" if c == "." else "__"
        else:
            out += "_%x_" % ord(c)
    return out


# ---- what is expected ---------------------------------------------------------

def without(name, suffix):
    return name[:-len(suffix)] if name.endswith(suffix) and name != suffix else name


def names_of(kind, name, openmetrics):
    """All names that the family takes in a page."""
    names = {name}
    if openmetrics and kind == "counter":
        base = without(name, "_total")
        return {base, base + "_total", base + "_created"}
    if kind in ("histogram", "summary"):
        names |= {name + "_sum", name + "_count"}
        if kind == "histogram":
            names.add(name + "_bucket")
        if openmetrics:
            names.add(name + "_created")
    return names


class Family:
    def __init__(self, kind, name, help_text, *labels):
        self.kind, self.name, self.help, self.labels = kind, name, help_text, list(labels)
        self.series = []
        self.clashes = False


def mark_clashes(families):
    """Of names as they were registered, in OpenMetrics alone: the counter gives way."""
    for i, a in enumerate(families):
        for b in families[:i]:
            if names_of(a.kind, a.name, True) & names_of(b.kind, b.name, True):
                a.clashes = b.clashes = True


def samples_of(kind, name, labels, n, openmetrics):
    bound = "1.0" if openmetrics else "1"
    if kind == "histogram":
        return [(name + "_bucket", labels + [("le", bound)], n), (name + "_bucket", labels + [("le", "+Inf")], n),
                (name + "_sum", labels, n / 2), (name + "_count", labels, n)]
    if kind == "summary":
        return [(name + "_sum", labels, n / 2), (name + "_count", labels, n)]
    return [(name, labels, n)]


def expected(families, openmetrics, scheme):
    """(name, type, help, samples) of the families that have samples; which were left out."""
    page, taken = [], []
    for f in families:
        kind = "unknown" if openmetrics and f.clashes and f.kind == "counter" else f.kind
        name = escape(f.name, scheme, METRIC)
        labels = [escape(label, scheme, LABEL) for label in f.labels]
        escaped = name != f.name
        if scheme != "allow-utf-8":
            if len(set(labels)) < len(labels) or "__name__" in labels:
                continue
            names = names_of(kind, name, openmetrics)
            if any(names & others and (escaped or other) for others, other in taken):
                continue
            taken.append((names, escaped))
        shown = name
        if openmetrics and kind == "counter":
            shown = without(name, "_total") + "_total"
        samples = []
        for n, values in f.series:
            samples += samples_of(kind, shown, list(zip(labels, values)), n, openmetrics)
        if samples:
            head = without(shown, "_total") if openmetrics and kind == "counter" else name
            page.append((head, kind, f.help, samples))
    return page


# ---- reading ------------------------------------------------------------------

class Reader:
    """Of one line."""

    def __init__(self, line):
        self.line, self.at = line, 0

    def peek(self):
        return self.line[self.at:self.at + 1]

    def eat(self, text):
        check(self.line.startswith(text, self.at), "no", repr(text), "in", repr(self.line), "at", self.at)
        self.at += len(text)

    def match(self, pattern):
        found = re.compile(pattern).match(self.line, self.at)
        check(found, "no", pattern, "in", repr(self.line), "at", self.at)
        self.at = found.end()
        return found.group(0)

    def quoted(self):
        text = self.match(r'"(?:[^"\\\n]|\\[\\"n])*"')[1:-1]
        return re.sub(r"\\(.)", lambda m: "\n" if m.group(1) == "n" else m.group(1), text)

    def name(self, legal):
        """Quoted if and only if it has to be."""
        if self.peek() == '"':
            name = self.quoted()
            check(name and not legal.match(name), "quoted for nothing:", repr(self.line))
            return name
        return self.match(legal.pattern[:-2])

    def end(self):
        check(self.at == len(self.line), "more than expected in", repr(self.line))


def read_sample(line):
    r = Reader(line)
    name, labels, first = None, [], True
    if r.peek() != "{":
        name = r.name(METRIC)
    if r.peek() == "{":
        r.eat("{")
        if name is None:
            check(r.peek() == '"', "no name:", repr(line))
            name = r.name(METRIC)
            first = False
        while r.peek() != "}":
            if not first:
                r.eat(",")
            label = r.name(LABEL)
            r.eat("=")
            labels.append((label, r.quoted()))
            first = False
        check(not first, "empty braces:", repr(line))
        r.eat("}")
    r.eat(" ")
    value = float(r.match(r"[0-9.]+"))
    r.end()
    return name, labels, value


def read_head(line, what, openmetrics):
    r = Reader(line)
    r.eat("# %s " % what)
    name = r.name(METRIC)
    r.eat(" ")
    if what == "TYPE":
        rest = r.match("[a-z]+")
    else:
        text = r.match(r'(?:[^"\\\n]|\\[\\"n])*' if openmetrics else r"(?:[^\\\n]|\\[\\n])*")
        rest = re.sub(r"\\(.)", lambda m: "\n" if m.group(1) == "n" else m.group(1), text)
    r.end()
    return name, rest


def read(page, openmetrics):
    families = []
    lines = page.split("\n")
    check(lines.pop() == "", "no line feed at the end")
    if openmetrics:
        check(lines and lines.pop() == "# EOF", "no EOF")
    order = ["TYPE", "HELP"] if openmetrics else ["HELP", "TYPE"]
    while lines:
        heads = {}
        for what in order:
            check(lines, "no", what)
            heads[what] = read_head(lines.pop(0), what, openmetrics)
        check(heads["HELP"][0] == heads["TYPE"][0], "two names in one head:", heads)
        samples = []
        while lines and not lines[0].startswith("# "):
            samples.append(read_sample(lines.pop(0)))
        families.append((heads["TYPE"][0], heads["TYPE"][1], heads["HELP"][1], samples))
    return families


# ---- judging ------------------------------------------------------------------

def judge(page, families, openmetrics, scheme):
    found = read(page, openmetrics)
    wanted = expected(families, openmetrics, scheme)
    check(len(found) == len(wanted), [f[0] for f in found], "are not", [f[0] for f in wanted])
    for a, b in zip(found, wanted):
        check(a == b, a, "is not", b)
    if scheme == "allow-utf-8":
        return
    seen = set()
    for name, _, _, samples in found:
        check(METRIC.match(name), "not legal:", name)
        for sample, labels, _ in samples:
            check(METRIC.match(sample) and all(LABEL.match(label) for label, _ in labels), "not legal:", sample)
            check(len(dict(labels)) == len(labels), "a label twice:", sample, labels)
            key = sample, frozenset(labels)
            check(key not in seen, "a sample twice:", key)
            seen.add(key)
    if openmetrics and text_string_to_metric_families:
        others = sum(len(f.samples) for f in text_string_to_metric_families(page))
        check(others == len(seen), "prometheus_client finds", others, "samples, not", len(seen))


def text(word):
    check(word[0] == "x", word)
    return bytes.fromhex(word[1:]).decode()


def main(arguments):
    promtool, pages = (arguments[1], int(arguments[2])) if arguments else (None, 0)
    registries = judged = told = left_out = 0
    families = []
    source = sys.stdin.buffer
    for line in source:
        words = line.decode().split()
        if words[0] == "F":
            families.append(Family(words[1], *[text(word) for word in words[2:]]))
        elif words[0] == "S":
            pairs = [[text(w) for w in word.split("=")] for word in words[2:]]
            check(families[-1].labels == [pair[0] for pair in pairs], line)
            families[-1].series.append((int(words[1]), [pair[1] for pair in pairs]))
        elif words[0] == "P":
            page = source.read(int(words[3])).decode()
            if judged % 8 == 0:
                mark_clashes(families)
            openmetrics, scheme = words[1] == "openmetrics", words[2]
            try:
                judge(page, families, openmetrics, scheme)
            except Exception as wrong:
                print("registry %d, %s %s: %s\n%s" % (registries, words[1], scheme, wrong, page))
                return 1
            with_samples = sum(1 for f in families if f.series)
            left_out += with_samples - len(expected(families, openmetrics, scheme))
            judged += 1
            if told < pages and not openmetrics and scheme != "allow-utf-8":
                told += 1
                verdict = subprocess.run([promtool, "check", "metrics"], input=page.encode(),
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                if verdict.returncode not in (0, 3):  # 3: it has advice
                    print("promtool: %s\n%s" % (verdict.stdout.decode(), page))
                    return 1
        else:
            registries += 1
            families = []
    print("%d registries, %d pages, %d by promtool%s, %d families left out" % (
        registries, judged, told, ", escaped OpenMetrics by prometheus_client" if text_string_to_metric_families else "",
        left_out))
    return 0 if registries > 0 and left_out > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
