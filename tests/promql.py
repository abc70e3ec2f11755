#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""promql: asks a Prometheus server and judges the answer.

    promql.py BASE EXPRESSION LOW HIGH [SECONDS]

All values of EXPRESSION, at least one, have to lie in LOW ... HIGH; with
SECONDS, as soon as they do within that time. Status 1 if they do not.
"""
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def query(base, expression):
    url = base + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(url, timeout=10) as answer:
        data = json.load(answer)["data"]
    if data["resultType"] == "scalar":
        return [float(data["result"][1])]
    return [float(sample["value"][1]) for sample in data["result"]]


def main(base, expression, low, high, seconds="0"):
    deadline = time.monotonic() + float(seconds)
    while True:
        try:
            values = query(base, expression)
        except (urllib.error.URLError, ConnectionError) as error:
            values = []
            if isinstance(error, urllib.error.HTTPError):
                print(error.read().decode(), file=sys.stderr)
        right = bool(values) and all(float(low) <= value <= float(high) for value in values)
        if right or time.monotonic() >= deadline:
            break
        time.sleep(0.2)
    shown = ", ".join(f"{value:g}" for value in values) or "(nothing)"
    wanted = low if float(low) == float(high) else f"{float(low):g} ... {float(high):g}"
    print(f"{'ok' if right else 'WRONG':5} {expression} = {shown}   wanted {wanted}")
    return 0 if right else 1


if __name__ == "__main__":
    if not 5 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
