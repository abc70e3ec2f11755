#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pester: scrapes a server in every format, and is meanwhile every client that it should not have to suffer.

    pester.py PORT END [DIRECTORY [EVERY]]    until END, in Unix seconds

It leaves requests half sent and connections idle, resets them in the middle of a page, reads no page
that it asked for, sends rubbish and pipelines. What must hold: each scrape is answered within 5 s,
whole and in the format that was asked for, or refused with 503; most are not refused. Every EVERYth
page (default 10) of a text format goes to DIRECTORY/text or DIRECTORY/openmetrics, which must be
there, for another judge.
"""
import collections
import gzip
import http.client
import os
import random
import socket
import struct
import sys
import time

LIMIT = 5      # seconds for a scrape
KEPT = 90      # connections that are left open
PAUSE = 0.003  # seconds between two actions
ACCEPT = {
    "text": "text/plain;version=0.0.4",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"


class Wrong(Exception):
    """What is wrong with an answer."""


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(str(word) for word in words))


def check_protobuf(page):
    """Lengths lead from message to message, to the end."""
    at = 0
    while at < len(page):
        length = shift = 0
        while True:
            check(at < len(page), "a length is cut off")
            length |= (page[at] & 0x7f) << shift
            shift += 7
            at += 1
            if page[at - 1] < 0x80:
                break
        at += length
    check(at == len(page) > 0, "a message is cut off")


class Client:
    """All that is done to one server."""

    def __init__(self, port, directory, every):
        self.port, self.directory, self.every = port, directory, every
        self.kept = collections.deque()
        self.pages = collections.Counter()
        self.scrapes = self.refused = 0
        self.slowest = 0.0

    def connect(self, receive_buffer=None):
        s = socket.socket()
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(LIMIT)
        s.connect(("127.0.0.1", self.port))
        return s

    def keep(self, s):
        self.kept.append(s)
        if len(self.kept) > KEPT:
            self.kept.popleft().close()

    # ---- what may be expected of a client ----

    def scrape(self):
        name = list(ACCEPT)[self.scrapes % len(ACCEPT)]
        self.scrapes += 1
        headers = {"Accept": ACCEPT[name]}
        if random.random() < 0.5:
            headers["Accept-Encoding"] = "gzip"
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        for _ in range(random.choice((1, 1, 3))):
            connection.request("GET", "/metrics", headers=headers)
            answer = connection.getresponse()
            page = answer.read()
            if answer.status == 503:
                self.refused += 1
                break
            check(answer.status == 200, name, "has status", answer.status)
            if answer.headers.get("Content-Encoding") == "gzip":
                page = gzip.decompress(page)
            self.judge(name, page)
        connection.close()
        self.slowest = max(self.slowest, time.monotonic() - begun)
        check(self.slowest < LIMIT, name, "took", self.slowest, "s")

    def judge(self, name, page):
        self.pages[name] += 1
        if name == "protobuf":
            check_protobuf(page)
            return
        check(page.endswith(b"# EOF\n" if name == "openmetrics" else b"\n"), name, "has no end")
        if self.directory and self.pages[name] % self.every == 0:
            path = os.path.join(self.directory, name, "%08d.prom" % self.pages[name])
            with open(path, "wb") as f:
                f.write(page)

    def pipeline(self):
        n = random.randrange(2, 6)
        with self.connect() as s:
            s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n" * n +
                      b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answers = b"".join(iter(lambda: s.recv(65536), b""))
        check(answers.count(b"HTTP/1.1 200 ") == n + 1, "pipelined:", answers)

    # ---- what may not ----

    def send_half(self):
        s = self.connect()
        s.sendall(REQUEST[:random.randrange(len(REQUEST))])
        self.keep(s)

    def read_nothing(self):
        s = self.connect(4096)
        s.sendall(REQUEST.replace(b"gzip", b"none") * random.randrange(1, 4))
        self.keep(s)

    def reset(self):
        with self.connect() as s:
            s.sendall(REQUEST)
            if random.random() < 0.5:
                s.recv(random.randrange(1, 4096))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send_rubbish(self):
        with self.connect() as s:
            s.sendall(os.urandom(random.randrange(1, 20000)))
            if random.random() < 0.5:
                s.shutdown(socket.SHUT_WR)
                s.recv(4096)

    def act(self, number):
        if number % 5 == 0:
            self.scrape()
            return
        act = random.choice((self.pipeline, self.send_half, self.read_nothing, self.reset, self.send_rubbish))
        try:
            act()
        except OSError:  # dropped to make room, or for what was sent
            pass


def main(port, end, directory=None, every="10"):
    client = Client(int(port), directory, int(every))
    actions = 0
    while time.time() < float(end):
        try:
            client.act(actions)
        except (Wrong, OSError, EOFError, http.client.HTTPException) as wrong:
            if time.time() >= float(end):
                break
            sys.exit("pester: %s: %s" % (type(wrong).__name__, wrong))
        actions += 1
        time.sleep(PAUSE)
    pages = sum(client.pages.values())
    print("pester: %d actions; pages: %s, %d refused; the slowest scrape took %.3f s" %
          (actions, dict(client.pages), client.refused, client.slowest))
    if pages <= client.refused:
        sys.exit("pester: too few pages")


if __name__ == "__main__":
    main(*sys.argv[1:])
