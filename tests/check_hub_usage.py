#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_hub_usage: judges what hub_usage_report made of the history in a Prometheus.

    check_hub_usage.py PROMETHEUS END TIMES CSV SVG

END is the report's --end in Unix seconds. The CSV has to say what the pattern of examples/hub_usage/hubs.h,
written again here, says for each day, and so has Prometheus itself, asked for its raw samples; TIMES is how
many data sources were added up. The picture has to have a bar for each number, as high as it is.
"""
import collections
import csv
import datetime
import json
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree

DAY, HOUR, LOOKBACK = 86400, 3600, 300
HUBS = [("astronomy", 42, 6, False), ("climate", 96, 14, False), ("intro-course", 180, 0, True),
        ("neuroscience", 60, 3, False), ("staging", 7, 0, False)]
USUAL = [960, 1000, 1000, 980, 850, 330, 290]
EPOCH = datetime.date(1970, 1, 1)
SVG = "{http://www.w3.org/2000/svg}"


def check(good, *what):
    if not good:
        sys.exit("check_hub_usage: " + " ".join(str(w) for w in what))


# ---- the pattern ----


def date_of(day):
    return EPOCH + datetime.timedelta(days=day)


def is_up(hub, day):
    return not hub[3] or date_of(day).month in (2, 3, 4, 5, 9, 10, 11, 12)


def users_of_day(index, day):
    hub = HUBS[index]
    if not is_up(hub, day):
        return 0
    of_all = 10000 + hub[2] * (day - (datetime.date(2026, 1, 1) - EPOCH).days)
    x = (day * 2654435761 + index * 40503) & 0xffffffff
    chance = 900 + (x ^ x >> 15) % 201
    return hub[1] * of_all // 10000 * USUAL[date_of(day).weekday()] * chance // 1000000


def users_at(index, when):
    day, hour = when // DAY, when % DAY // HOUR
    return (users_of_day(index, day - 1) * (24 - hour) + users_of_day(index, day) * hour) // 24


def by_pattern(times):
    return {(hub[0], when // DAY): users_at(index, when)
            for index, hub in enumerate(HUBS) for when in times if is_up(hub, when // DAY)}


# ---- Prometheus ----


def by_samples(prometheus, times):
    """The last raw sample at each time, the greatest one of each namespace."""
    query = 'jupyterhub_active_users{period="24h"}[%ds]' % (times[-1] - times[0] + LOOKBACK)
    url = prometheus + "/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": times[-1]})
    with urllib.request.urlopen(url, timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    found = {}
    for series in result:
        hub = series["metric"]["namespace"]
        samples = iter(series["values"])
        sample, last = next(samples), None
        for when in times:
            while sample is not None and sample[0] <= when:
                last, sample = sample, next(samples, None)
            if last is not None and last[0] >= when - LOOKBACK:
                key = hub, when // DAY
                found[key] = max(found.get(key, 0), float(last[1]))
    return found


# ---- the report ----


def months_before(end, months):
    when = datetime.datetime.fromtimestamp(end, datetime.timezone.utc)
    month = when.year * 12 + when.month - 1 - months
    day = when.day
    while True:
        try:
            return int(when.replace(year=month // 12, month=month % 12 + 1, day=day).timestamp())
        except ValueError:
            day -= 1


def check_csv(path, expected):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, strict=True))
    hubs, sums = rows[0][1:], collections.Counter()
    for (hub, _), value in expected.items():
        sums[hub] += value
    check(rows[0][0] == "day" and hubs == sorted(sums, key=lambda hub: (-sums[hub], hub)), "columns:", rows[0])
    days = sorted({day for _, day in expected})
    check([row[0] for row in rows[1:]] == [str(date_of(day)) for day in days], "days:", rows[1][0], rows[-1][0])
    for row, day in zip(rows[1:], days):
        check(len(row) == len(rows[0]), row)
        for hub, text in zip(hubs, row[1:]):
            check(text == str(expected.get((hub, day), "")), hub, row[0], text, "not", expected.get((hub, day)))
    return hubs


def check_bars(hubs, groups, expected):
    """Bars of a day stand on each other, from the bottom on, each as high as its number."""
    scales, bottoms, count = set(), {}, 0
    for hub, group in zip(hubs, groups):
        days = sorted(day for h, day in expected if h == hub)
        bars = group.findall(SVG + "rect")
        check(len(bars) == len(days), len(bars), "bars of", hub, "instead of", len(days))
        count += len(bars)
        for bar, day in zip(bars, days):
            y, height, value = float(bar.get("y")), float(bar.get("height")), expected[hub, day]
            check(bar.find(SVG + "title").text == "%s, %s: %d" % (hub, date_of(day), value), hub, day)
            below = bottoms.setdefault(bar.get("x"), 530)
            check(abs(y + height - below) < 0.005, hub, date_of(day), "does not stand on what is below it")
            bottoms[bar.get("x")] = y
            scales.add(height / value if value > 100 else None)
    scales.discard(None)
    check(max(scales) / min(scales) < 1.001, "heights are not in proportion:", min(scales), max(scales))
    check(len(bottoms) == len({day for _, day in expected}), len(bottoms), "places of bars")
    check(len({group.get("fill") for group in groups}) == len(groups), "colours are there twice")
    return count


def check_svg(path, hubs, expected):
    root = xml.etree.ElementTree.parse(path).getroot()
    check((root.tag, root.get("width"), root.get("height")) == (SVG + "svg", "800", "600"), root.attrib)
    groups = [g for g in root.findall(SVG + "g") if g.get("class") == "hub"]
    check(len(groups) == len(hubs), len(groups), "hubs")
    legend = next(g for g in root.findall(SVG + "g") if g.get("class") == "legend")
    texts = [t.text for t in legend.findall(SVG + "text")]
    sums = [str(sum(v for (h, _), v in expected.items() if h == hub)) for hub in hubs]
    check(texts == ["Hub", "Sum"] + [t for pair in zip(hubs, sums) for t in pair], "legend:", texts)
    shown = "".join(root.itertext())
    for text in ("Unique users in the last 24 hours", "Users", "Date ("):
        check(text in shown, "no", text)
    return check_bars(hubs, groups, expected)


def main(prometheus, end, times, csv_path, svg_path):
    end = int(end)
    at = list(range(months_before(end, 3), end + 1, DAY))
    expected = by_pattern(at)
    found = by_samples(prometheus, at)
    check(found == expected, "Prometheus has", sorted(set(found.items()) ^ set(expected.items()))[:6])
    expected = {key: int(times) * value for key, value in expected.items()}
    hubs = check_csv(csv_path, expected)
    bars = check_svg(svg_path, hubs, expected)
    print("ok:", len(at), "days,", len(hubs), "hubs,", bars, "bars,", sum(expected.values()), "in all")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
