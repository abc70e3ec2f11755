#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""json_expected: judges what examples/json_exporter makes of documents, by reading them itself.

    json_expected.py values MAPPING DOCUMENTS BEFORE PAGE [SOURCE=REASON...]
        the page has exactly the mapped metrics of the documents; those sources have none, and
        since the page before one error more, of that kind
    json_expected.py dashboard MAPPING DASHBOARD
        the dashboard has a panel for each mapped metric; prints the expressions

A source's document is the file in DOCUMENTS that its file or url ends in.
"""
import datetime
import json
import os
import re
import sys

OWN = ("process_", "cprom_", "json_exporter_")
LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
UNESCAPE = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def samples_of(page):
    found = {}
    for line in page.split("\n"):
        if line and not line.startswith("#"):
            name, labels, value = LINE.fullmatch(line).groups()
            labels = frozenset((key, re.sub(r'\\.', lambda m: UNESCAPE[m[0]], text))
                               for key, text in LABEL.findall(labels or ""))
            found[name, labels] = float(value)
    return found


def number_of(value, kind):
    if kind == "length":
        return len(value)
    if kind == "time":
        text = re.sub(r"Z$", "+00:00", value)
        text = re.sub(r"([+-]\d\d)(?::?(\d\d))?$", lambda m: m[1] + ":" + (m[2] or "00"), text)
        text = re.sub(r"\.(\d+)", lambda m: "." + (m[1] + "000000")[:6], text)
        time = datetime.datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)).timestamp()
    return float(value)


def points_of(value, path, labels):
    """What the path leads to, each with the values of its labels."""
    if value is None:
        return
    if not path:
        yield [], value
        return
    first, rest = path[0], path[1:]
    if first != "*":
        here = value.get(first) if isinstance(value, dict) else value[int(first)]
        yield from points_of(here, rest, labels)
        return
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        if member is not None:
            name, _, source = labels[0].partition("=")
            text = member[source] if source else str(key)
            for others, point in points_of(member, rest, labels[1:]):
                yield [(name, text)] + others, point


def expected_of(source, document):
    for metric in source["metrics"]:
        path = metric["path"].split(".") if metric["path"] else []
        for labels, point in points_of(document, path, metric.get("labels", [])):
            value = number_of(point, metric.get("value", "number")) * metric.get("scale", 1)
            yield (metric["name"], frozenset(labels)), value


def read_page(path):
    with open(path, encoding="utf-8") as stream:
        return samples_of(stream.read())


def check_errors(before, found, troubles):
    for key in found:
        if key[0] == "json_exporter_errors_total":
            labels = dict(key[1])
            more = found[key] - before[key]
            if more != (troubles.get(labels["source"]) == labels["reason"]):
                yield "%s: %g errors more of %s" % (labels["source"], more, labels["reason"])


def check_values(mapping, documents, before, page, *troubles):
    found = read_page(page)
    troubles = dict(trouble.split("=") for trouble in troubles)
    wanted, wrong = {}, list(check_errors(read_page(before), found, troubles))
    for source in mapping["sources"]:
        name = source["name"]
        if found.get(("json_exporter_up", frozenset({("source", name)}))) != (name not in troubles):
            wrong.append("json_exporter_up of %s" % name)
        if name not in troubles:
            place = os.path.basename(source.get("file") or source.get("url"))
            with open(os.path.join(documents, place), encoding="utf-8") as stream:
                wanted.update(expected_of(source, json.load(stream)))
    for key in sorted(set(found) | set(wanted), key=str):
        if key[0].startswith(OWN):
            continue
        if key not in found or key not in wanted or abs(found[key] - wanted[key]) > 1e-6:
            wrong.append("%s is %s, not %s" % (key, found.get(key), wanted.get(key)))
    if not any(key[0].startswith("process_") for key in found):
        wrong.append("no process metrics")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


def boxes_overlap(a, b):
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and
            a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def check_dashboard(mapping, path):
    with open(path, encoding="utf-8") as stream:
        dashboard = json.load(stream)
    panels = dashboard["panels"]
    graphs = [panel for panel in panels if panel["type"] != "row"]
    expressions = [target["expr"] for panel in graphs for target in panel["targets"]]
    metrics = [metric for source in mapping["sources"] for metric in source["metrics"]]
    wrong = []
    if len({panel["id"] for panel in panels}) != len(panels):
        wrong.append("two panels have one id")
    if len(graphs) != len(metrics) + 2:
        wrong.append("%d panels for %d metrics and the exporter's two" % (len(graphs), len(metrics)))
    for i, panel in enumerate(panels):
        if any(boxes_overlap(panel["gridPos"], other["gridPos"]) for other in panels[:i]):
            wrong.append("%s lies on another panel" % panel["title"])
    for metric, panel in zip(metrics, graphs[2:]):
        wanted = "rate(%s[$__rate_interval])" if metric["type"] == "counter" else "%s"
        if metric["name"].endswith("_timestamp_seconds"):
            wanted = "time() - %s"
        if panel["targets"][0]["expr"] != wanted % metric["name"] or panel["title"] != metric["help"]:
            wrong.append("the panel of %s" % metric["name"])
        for label in metric.get("labels", []):
            if "{{%s}}" % label.partition("=")[0] not in panel["targets"][0]["legendFormat"]:
                wrong.append("the legend of %s" % metric["name"])
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    print(*expressions, sep="\n")
    return 1 if wrong else 0


def main(what, path, *words):
    with open(path, encoding="utf-8") as stream:
        mapping = json.load(stream)
    return {"values": check_values, "dashboard": check_dashboard}[what](mapping, *words)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
