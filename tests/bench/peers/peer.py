# SPDX-License-Identifier: MIT
"""peer: the works of the benchmarks, done by Python's prometheus_client.

usage: peer.py GROUP [MILLISECONDS [WORD]]; BENCH_LIBRARY is what the rows call it.

The repetition is always 0. Time is measured as tests/bench/bench.h says: from the
start of the threads to the end of the last. Its summaries have no quantiles.
"""

import math
import os
import resource
import sys
import threading
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest

BATCH = 100
INPUTS = 16384
SERIES = 64
VERBS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "HEAD", "PATCH"]
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LIBRARY = os.environ.get("BENCH_LIBRARY", "client_python")


def make_inputs():
    doubles, choices, x = [], [], 0x9E3779B97F4A7C15
    for _ in range(INPUTS):
        x ^= x << 13 & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= x << 17 & 0xFFFFFFFFFFFFFFFF
        choices.append(x >> 32 & 63)
        doubles.append(math.exp((x >> 11) / 2**53 * math.log(20000)) * 0.001)
    return doubles, choices


DOUBLES, CHOICES = make_inputs()


def row(group, what, threads, value, unit):
    print(f"{group}\t{what}\t{LIBRARY}\t{threads}\t0\t{value:.4g}\t{unit}", flush=True)


def slices(inputs, number):
    """Goes round the inputs, BATCH of them at a time."""
    at = number * 977
    while True:
        at = (at + BATCH) % (INPUTS - BATCH)
        yield inputs[at : at + BATCH]


def measure(make_batch, threads, seconds):
    """Nanoseconds per operation; make_batch(number) gives a thread the function that it repeats."""
    stop, counts = [], []
    begin = threading.Barrier(threads + 1)

    def run(number):
        batch, operations = make_batch(number), 0
        batch()
        begin.wait()  # until all are ready
        begin.wait()  # until the clock has been read
        while not stop:
            operations += batch()
        counts.append(operations)

    runners = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for runner in runners:
        runner.start()
    begin.wait()
    start = time.monotonic_ns()
    begin.wait()
    time.sleep(seconds)
    stop.append(True)
    for runner in runners:
        runner.join()
    return (time.monotonic_ns() - start) / sum(counts)


def each(call, inputs):
    """Batches that call it with one input after the other."""

    def make_batch(number):
        turns = slices(inputs, number)

        def batch():
            for v in next(turns):
                call(v)
            return BATCH

        return batch

    return make_batch


def again(call):
    """Batches that call it without an argument."""

    def batch():
        for _ in range(BATCH):
            call()
        return BATCH

    return lambda number: batch


def update():
    counter = Counter("counter", "Counts.", registry=None)
    fraction = Counter("fraction", "Counts.", registry=None)
    gauge = Gauge("level", "Level.", registry=None)
    histogram = Histogram("seconds", "Times.", buckets=BUCKETS, registry=None)
    summary = Summary("size", "Sizes.", registry=None)

    def timed():
        with histogram.time():
            pass

    return [
        ("counter inc", (1, 2, 8), again(counter.inc)),
        ("counter add(1.5)", (1, 2), each(fraction.inc, [1.5] * INPUTS)),
        ("histogram observe, 11 buckets", (1, 2), each(histogram.observe, DOUBLES)),
        ("summary observe", (1, 2), each(summary.observe, DOUBLES)),
        ("gauge set", (1, 2), each(gauge.set, [1.0] * INPUTS)),
        ("gauge inc", (1, 2), again(gauge.inc)),
        ("timed block", (1, 2), again(timed)),
    ]


def look_up():
    requests = Counter("requests", "Requests.", ["method", "code"], registry=None)
    keys = [(VERBS[i % 8], str(200 + i // 8 * 100)) for i in range(SERIES)]
    for method, code in keys:
        requests.labels(method, code).inc()
    chosen = [keys[k] for k in CHOICES]
    what = "look-up of 2 labels in 64 series, inc"
    return [(what, (1, 2), each(lambda key: requests.labels(*key).inc(), chosen))]


def labels(i):
    return "GET" if i % 2 else "POST", "200" if i % 3 else "404"


def counters(n, value):
    registry = CollectorRegistry()
    names = ["method", "code", "instance"]
    family = Counter("http_requests_seconds", "Requests.", names, registry=registry)
    for i in range(n):
        family.labels(*labels(i), f"{i:06}").inc(value(i))
    return registry


def histograms(n):
    registry = CollectorRegistry()
    names = ["method", "instance"]
    family = Histogram("http_request_seconds", "Requests.", names, buckets=BUCKETS, registry=registry)
    for i in range(n):
        child = family.labels(labels(i)[0], f"{i:06}")
        for k in range(20):
            child.observe((i + k) % 12)
    return registry


def rendering(registry):
    lines = sum(line[:1] != b"#" for line in generate_latest(registry).splitlines())

    def batch():
        generate_latest(registry)
        return lines

    return lambda number: batch


def render():
    def digits(i):
        return DOUBLES[i % INPUTS] * (i + 1)

    pages = {
        "line of 1k counters, 17 digits": counters(1000, digits),
        "line of 1k counters, whole numbers": counters(1000, lambda i: i * 37),
        "line of 1k histograms, whole numbers": histograms(1000),
        "line of 100k counters, 17 digits": counters(100000, digits),
    }
    return [(what, (1,), rendering(registry)) for what, registry in pages.items()]


def resident():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def create():
    n = 100000
    names = [f"{i:07}" for i in range(n)]
    family = Counter("http_requests", "Requests.", ["method", "code", "instance"], registry=None)
    before, start = resident(), time.monotonic_ns()
    for i, name in enumerate(names):
        family.labels("GET" if i % 2 else "POST", "200" if i % 3 else "404", name).inc()
    row("create", "new series, the first 100k of a family", 1, (time.monotonic_ns() - start) / n, "ns")
    row("create", "resident, counter of 3 labels, at 100k", 1, (resident() - before) / n, "B")


def main(group="", milliseconds="200", word=""):
    threading.Thread(target=threading.Event().wait, daemon=True).start()  # as in the others
    if group == "create":
        create()
    for what, threads, make_batch in {"update": update, "look_up": look_up, "render": render}.get(group, list)():
        for n in threads if word in what else ():
            row(group, what, n, measure(make_batch, n, int(milliseconds) / 1000), "ns")


if __name__ == "__main__":
    main(*sys.argv[1:])
