#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_formats: compares pages of one registry in every format, each read by a parser of its own.

    tests/random_registries SEED COUNT | check_formats.py DIRECTORY

The text format is read by prometheus_client.parser, OpenMetrics by the strict parser of
prometheus_client, protobuf by metrics_pb2.py in DIRECTORY, which protoc made of metrics.proto. All
must have the same families, types, help texts, samples, labels, values, timestamps and
exemplars, but for what OpenMetrics does not allow; native buckets must be as many as count says.
"""
import math
import struct
import sys

from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client import parser as text_parser

BOUNDS = ("le", "quantile")


class Wrong(Exception):
    """What differs."""


def bits(value):
    """A double as it compares: to the last bit; all NaN are one, and so are the zeros."""
    value = float(value)
    return "NaN" if math.isnan(value) else struct.pack(">d", value + 0.0 if value else 0.0)


def key_of(name, labels):
    """A sample's name and labels; one without value is none, bounds are numbers."""
    return (name, frozenset((k, bits(v) if k in BOUNDS else v) for k, v in labels.items() if v != ""))


class Page:
    """What a reader makes of a page."""

    def __init__(self):
        self.samples = {}    # key: value, timestamp in ms or None
        self.exemplars = {}  # key: labels, value, timestamp in ms
        self.created = {}    # short name of the family, labels: when it began, in ms
        self.types = {}      # of families, by the name that is their samples' in the text format
        self.helps = {}

    def add(self, name, labels, value, timestamp=None):
        key = key_of(name, labels)
        if key in self.samples:
            raise Wrong("twice: %s %s" % (name, labels))
        self.samples[key] = (bits(value), timestamp)
        return key

    def add_exemplar(self, key, labels, value, ms):
        self.exemplars[key] = (frozenset(labels.items()), bits(value), ms)


def family_names(text):
    """Names as they stand in TYPE lines: the parsers of prometheus_client change those of counters."""
    return [line.split(" ")[2] for line in text.split("\n") if line.startswith("# TYPE ")]


def read_text(body):
    page, text = Page(), body.decode()
    names = iter(family_names(text))
    for family in text_parser.text_string_to_metric_families(text):
        name = next(names)
        page.types[name] = "untyped" if family.type == "unknown" else family.type
        page.helps[name] = family.documentation.strip(" \t")  # the text parser strips
        for s in family.samples:
            stamp = None if s.timestamp is None else round(float(s.timestamp) * 1000)
            page.add(raw_name(name, family, s.name), s.labels, s.value, stamp)
    return page


def raw_name(name, family, sample):
    """prometheus_client takes "_total" off a counter's name and puts it behind the samples'."""
    return name if family.type == "counter" else sample


def read_openmetrics(body):
    page, text = Page(), body.decode()
    for family in openmetrics_parser.text_string_to_metric_families(text):
        page.types[family.name] = family.type
        page.helps[family.name] = family.documentation.strip(" \t")  # the text parser strips
        for s in family.samples:
            stamp = None if s.timestamp is None else round(float(s.timestamp) * 1000)
            if s.name == family.name + "_created":
                page.created[key_of(family.name, s.labels)] = round(float(s.value) * 1000)
                continue
            key = page.add(s.name, s.labels, s.value, stamp)
            if s.exemplar is not None:
                page.add_exemplar(key, s.exemplar.labels, s.exemplar.value,
                                  round(float(s.exemplar.timestamp) * 1000))
    return page


def read_protobuf(body, module):
    """Families spelled out as the text format has them."""
    from google.protobuf.internal.decoder import _DecodeVarint32  # framing is no message's
    page, at = Page(), 0
    while at < len(body):
        length, at = _DecodeVarint32(body, at)
        family = module.MetricFamily()
        family.ParseFromString(body[at:at + length])
        at += length
        if family.name in page.types:
            raise Wrong("%s is in two messages" % family.name)
        page.types[family.name] = module.MetricType.Name(family.type).lower()
        page.helps[family.name] = family.help.strip(" \t")
        for metric in family.metric:
            add_metric(page, family, metric, module)
    return page


def exemplar_of(page, key, message):
    if message.HasField("exemplar"):
        e = message.exemplar
        page.add_exemplar(key, {pair.name: pair.value for pair in e.label}, e.value,
                          e.timestamp.seconds * 1000 + e.timestamp.nanos // 1000000)


def short_name(family, module):
    """As OpenMetrics has it."""
    counter = family.type == module.MetricType.Value("COUNTER")
    return family.name[:-6] if counter and family.name.endswith("_total") else family.name


def add_created(page, family, metric, message, module):
    if message.HasField("created_timestamp"):
        t = message.created_timestamp
        labels = {pair.name: pair.value for pair in metric.label}
        page.created[key_of(short_name(family, module), labels)] = t.seconds * 1000 + t.nanos // 1000000


def check_native(h):
    """Each observation is in one bucket, and spans and deltas go together."""
    total = h.zero_count
    for spans, deltas in ((h.positive_span, h.positive_delta), (h.negative_span, h.negative_delta)):
        if sum(span.length for span in spans) != len(deltas) or any(s.offset < 0 for s in spans[1:]):
            raise Wrong("spans %s, deltas %s" % (spans, deltas))
        at = 0
        for delta in deltas:
            at += delta
            if at < 0:
                raise Wrong("a bucket below 0: %s" % deltas)
            total += at
    if h.HasField("schema") and total != h.sample_count:
        raise Wrong("%d in buckets, count %d" % (total, h.sample_count))


def add_metric(page, family, metric, module):
    labels = {pair.name: pair.value for pair in metric.label}
    stamp = metric.timestamp_ms if metric.HasField("timestamp_ms") else None

    def add(suffix, value, **more):
        return page.add(family.name + suffix, dict(labels, **more), value, stamp)

    for kind in ("counter", "gauge", "untyped"):
        if metric.HasField(kind):
            key = add("", getattr(metric, kind).value)
            if kind == "counter":
                exemplar_of(page, key, metric.counter)
                add_created(page, family, metric, metric.counter, module)
    if metric.HasField("summary"):
        for q in metric.summary.quantile:
            add("", q.value, quantile=q.quantile)
        add("_sum", metric.summary.sample_sum)
        add("_count", metric.summary.sample_count)
        add_created(page, family, metric, metric.summary, module)
    if metric.HasField("histogram"):
        h = metric.histogram
        for b in h.bucket:
            exemplar_of(page, add("_bucket", b.cumulative_count, le=b.upper_bound), b)
        if not h.bucket or not math.isinf(h.bucket[-1].upper_bound):
            add("_bucket", h.sample_count, le=math.inf)
        add("_sum", h.sample_sum)
        add("_count", h.sample_count)
        check_native(h)
        add_created(page, family, metric, h, module)


# ---- what OpenMetrics makes of a page of text ----------------------------------------------


def is_forbidden(text, name, labels):
    """Sums and counts that OpenMetrics has not; the type is that of the family in the text."""
    family = next((f for f in (name[:-4], name[:-6]) if text.types.get(f) in ("histogram", "summary")
                   and name in (f + "_sum", f + "_count")), None)
    if family is None:
        return False
    total = value_of(text.samples[(family + "_sum", labels)])
    below = any(n == family + "_bucket" and number_of(dict(l)["le"]) < 0 for n, l in text.samples)
    return below or not total >= 0


def number_of(packed):
    return math.nan if packed == "NaN" else struct.unpack(">d", packed)[0]


def value_of(sample):
    return number_of(sample[0])


def openmetrics_family(name, kind):
    """Name and type there of a family of the text format; of what it calls a gauge the name tells."""
    if kind == "counter":
        return name[:-6] if name.endswith("_total") else name, kind
    if kind == "gauge" and name.endswith("_info"):
        return name[:-5], "info"
    if kind == "gauge" and name.endswith("_state"):
        return name, "stateset"
    return name, "unknown" if kind == "untyped" else kind


def expected_openmetrics(text):
    """The samples that the page must have, under their names there."""
    page = Page()
    for name, kind in text.types.items():
        short, there = openmetrics_family(name, kind)
        page.types[short] = there
        page.helps[short] = text.helps[name]
    for (name, labels), sample in text.samples.items():
        kind = text.types.get(name)
        if is_forbidden(text, name, labels) or kind == "summary" and value_of(sample) < 0:
            continue
        if kind == "counter" and not name.endswith("_total"):
            name += "_total"
        page.samples[(name, labels)] = sample
    return page


def compare(what, expected, found, *parts):
    for part in parts or ("types", "helps", "samples"):
        a, b = getattr(expected, part), getattr(found, part)
        if a != b:
            missing = {k: v for k, v in a.items() if b.get(k) != v}
            more = {k: v for k, v in b.items() if a.get(k) != v}
            raise Wrong("%s, %s: expected %s, found %s" % (what, part, missing, more))


def check(pages, module):
    """The pages of one registry, by media type; how many samples and exemplars there are."""
    text = read_text(pages["text/plain"])
    openmetrics = read_openmetrics(pages["application/openmetrics-text"])
    protobuf = read_protobuf(pages["application/vnd.google.protobuf"], module)
    compare("OpenMetrics", expected_openmetrics(text), openmetrics)
    compare("protobuf", text, protobuf)
    protobuf.exemplars = {
        (n + "_total" if text.types.get(n) == "counter" and not n.endswith("_total") else n, l): e
        for (n, l), e in protobuf.exemplars.items()}
    compare("exemplars", openmetrics, protobuf, "exemplars")
    if openmetrics.created or not text.samples:  # else native histograms alone tell
        compare("created", openmetrics, protobuf, "created")
    return len(text.samples), len(openmetrics.exemplars)


def read_pages(stream):
    """(seed, pages) of each registry."""
    seed, pages = None, {}
    for line in iter(stream.readline, b""):
        if line.startswith(b"registry "):
            if seed is not None:
                yield seed, pages
            seed, pages = line.split()[1].decode(), {}
            continue
        length, kind = line.decode().rstrip("\n").split(" ", 1)
        pages[kind.split(";")[0]] = stream.read(int(length))
    yield seed, pages


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.path.insert(0, sys.argv[1])
    import metrics_pb2 as module
    registries = samples = exemplars = 0
    for seed, pages in read_pages(sys.stdin.buffer):
        try:
            found = check(pages, module)
        except (Wrong, ValueError, UnicodeDecodeError) as error:
            print("registry %s: %s" % (seed, error))
            return 1
        registries += 1
        samples += found[0]
        exemplars += found[1]
    print("%d registries, %d samples, %d exemplars, the same in every format"
          % (registries, samples, exemplars))
    return 0


if __name__ == "__main__":
    sys.exit(main())
