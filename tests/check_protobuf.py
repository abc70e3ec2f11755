#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_protobuf: judges a page in protobuf by what protoc makes of it.

    check_protobuf.py PAGE TEXT    it says what the page of the same registry in the text format says,
                                   as the parser of python3-prometheus-client reads that

Each family is one message, with a name, a help and a type, and only fields that metrics.proto has.
"""
import io
import os
import re
import subprocess
import sys

try:
    from prometheus_client.parser import text_fd_to_metric_families
except ImportError:
    print("skipped: no prometheus_client")
    sys.exit(77)

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.proto")
KINDS = {"COUNTER": "counter", "GAUGE": "gauge", "SUMMARY": "summary", "UNTYPED": "unknown",
         "HISTOGRAM": "histogram"}
ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def check(condition, *words):
    if not condition:
        sys.exit("check_protobuf: " + " ".join(str(word) for word in words))


def messages(page):
    """The messages of a page."""
    at = 0
    while at < len(page):
        length = shift = 0
        while True:
            check(at < len(page) and shift < 35, "a length is cut off, or too long")
            byte = page[at]
            length |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                break
        check(at + length <= len(page), "a length points behind the end")
        yield page[at - (shift // 7):at + length]
        at += length


def unquote(text):
    def plain(match):
        what = match.group(1)
        return bytes([int(what, 8)]) if len(what) == 3 else SHORT.get(what, what)
    return ESCAPE.sub(plain, text[1:-1]).decode("utf-8")


def parse(lines):
    """A message of protoc's text format up to its closing brace: field name to values."""
    fields = {}
    for line in lines:
        line = line.strip()
        if line == b"}":
            break
        if line.endswith(b" {"):
            name, value = line[:-2], parse(lines)
        else:
            name, _, value = line.partition(b": ")
            value = unquote(value) if value.startswith(b'"') else value.decode()
        name = name.decode()
        check(not name.isdigit(), "there is an unknown field", name)
        fields.setdefault(name, []).append(value)
    return fields


def decode(page):
    whole = b"".join(b"\n" + message for message in messages(page))
    done = subprocess.run(["protoc", "--decode=io.prometheus.client.Page", "-I", os.path.dirname(PROTO),
                           PROTO], input=whole, stdout=subprocess.PIPE, check=True)
    return parse(iter(done.stdout.split(b"\n"))).get("family", [])


def number(message, name):
    check(len(message.get(name, [])) == 1, name, "is there", len(message.get(name, [])), "times")
    return float(message[name][0])


def samples_of(name, metric):
    """What a server makes of a Metric: suffix or bound, and value."""
    if "histogram" in metric:
        histogram, = metric["histogram"]
        count = number(histogram, "sample_count")
        buckets = [(number(b, "upper_bound"), number(b, "cumulative_count"))
                   for b in histogram.get("bucket", [])]
        if not buckets or buckets[-1][0] != float("inf"):
            buckets.append((float("inf"), count))
        for bound, value in buckets:
            yield name + "_bucket", ("le", bound), value
    elif "summary" in metric:
        histogram, = metric["summary"]
        count = number(histogram, "sample_count")
        for quantile in histogram.get("quantile", []):
            yield name, ("quantile", number(quantile, "quantile")), number(quantile, "value")
    else:
        value, = (metric[kind][0] for kind in ("counter", "gauge", "untyped") if kind in metric)
        yield name, None, number(value, "value")
        return
    yield name + "_sum", None, number(histogram, "sample_sum")
    yield name + "_count", None, count


def of_protobuf(page):
    families, samples = {}, {}
    for family in decode(page):
        name, = family["name"]
        check(name not in families, name, "is there twice")
        check(len(family["help"]) == 1 and len(family["type"]) == 1, name, "has no help or type")
        families[name] = KINDS[family["type"][0]], family["help"][0]
        check(family.get("metric"), name, "has no metric")
        for metric in family["metric"]:
            labels = {pair["name"][0]: pair["value"][0] for pair in metric.get("label", [])}
            check(len(labels) == len(metric.get("label", [])), name, "has a label twice")
            check(not labels.keys() & {"le", "quantile", "__name__"}, name, "has a label of the format")
            time = int(metric["timestamp_ms"][0]) / 1000 if "timestamp_ms" in metric else None
            for sample, bound, value in samples_of(name, metric):
                key = sample, bound, frozenset(labels.items()), time
                check(key not in samples, key, "is there twice")
                samples[key] = value
    return families, samples


def of_text(page):
    families, samples = {}, {}
    for family in text_fd_to_metric_families(io.StringIO(page, newline="\n")):
        total = family.type == "counter" and family.samples[0].name.endswith("_total")
        families[family.name + "_total" * total] = family.type, family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            bound = None
            for kind, special in (("histogram", "le"), ("summary", "quantile")):
                if family.type == kind and special in labels:
                    bound = special, float(labels.pop(special))
            key = sample.name, bound, frozenset(labels.items()), sample.timestamp
            samples[key] = sample.value
    return families, samples


def same(a, b):
    return a == b or (a != a and b != b)


def main(page, text):
    with open(page, "rb") as file:
        families, samples = of_protobuf(file.read())
    with open(text, encoding="utf-8", newline="\n") as file:
        wanted_families, wanted = of_text(file.read())
    check(families.keys() == wanted_families.keys(), "families:",
          families.keys() ^ wanted_families.keys())
    for name, (kind, text) in wanted_families.items():
        check(families[name][0] == kind, name, "is", families[name][0])
        check(families[name][1].strip() == text.strip(), name, "has the help", repr(families[name][1]))
    check(samples.keys() == wanted.keys(), "samples:", list(samples.keys() ^ wanted.keys())[:4])
    for key, value in wanted.items():
        check(same(samples[key], value), key, samples[key], "is not", value)
    print(len(families), "families,", len(samples), "samples")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
