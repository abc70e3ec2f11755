#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""grafana_proxy: a stand-in for the part of Grafana that hub_usage_report asks, before a real Prometheus.

    GRAFANA_TOKEN=... grafana_proxy.py PROMETHEUS LOG

It says its port, and then serves until it is ended. Requests without the token get 401. In LOG is a line
for each request: "with" or "without" its token, and the path. The first part of a path may ask for trouble:
/redirect/api/datasources leads to another host, see TROUBLES for the others.
"""
import http.server
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SOURCES = [
    {"id": 1, "uid": "logs", "name": "Logs", "type": "loki", "url": "http://loki"},
    {"id": 2, "uid": "hubs", "name": "Hubs", "type": "prometheus", "url": "http://prometheus"},
    {"id": 3, "uid": "gone", "name": "Gone\x1b[31m", "type": "prometheus", "url": "http://gone"},
    {"id": 4, "uid": "pilot/ü", "name": "Pilot", "type": "prometheus", "url": "http://prometheus"},
]
LIST = "/api/datasources"
PROXIED = "/api/datasources/proxy/uid/"
REAL = ["hubs", "pilot/ü"]


def matrix(*series):
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": labels, "values": values} for labels, values in series]}})


DAY = 1767225600  # 2026-01-01
ODD = matrix(({"namespace": 'a<b>&"c"'}, [[DAY + 7, "1.5"], [DAY + 86400.5, "NaN"]]),
             ({"namespace": "\x1b[31m,ü" + "x" * 30}, [[DAY, "3"], [DAY + 2 * 86400, "2"]]),
             ({}, [[DAY + 2 * 86400, "+Inf"], [DAY + 86400, "-1"], [1e300, "5"]]))

STEERING = ["\x9b31m", "a\x7f", "b\ufffe", "c\uffff", "d\x85ü\u20ac\U0001f600"]

FORMULAS = ['=HYPERLINK("http://x","y")', "+1", "-1", "@x", "x=1", ""]

TROUBLES = {  # where, status and body, in which "START" is that of the query
    "malformed": (LIST, 200, '[{"uid": "hubs", "name"'),
    "page": (LIST, 200, "<!DOCTYPE html><title>Grafana</title>"),
    "object": (LIST, 200, '{"message": "no list"}'),
    "nameless": (LIST, 200, '[{"uid": "hubs", "type": "prometheus"}]'),
    "logs": (LIST, 200, json.dumps(SOURCES[:1])),
    "broken": (LIST, 500, "oops"),
    "forbidden": (PROXIED, 403, '{"message": "no"}'),
    "cut": (PROXIED, 200, ODD[:-20]),
    "vector": (PROXIED, 200, '{"data": {"result": [{"metric": {}, "value": [1, "2"]}]}}'),
    "wrong": (PROXIED, 200, matrix(({"namespace": "x"}, [[DAY, "1"], [DAY + 86400, "one"]]))),
    "timeless": (PROXIED, 200, matrix(({"namespace": "x"}, [["now", "1"]]))),
    "half": (PROXIED + "pilot", 200, matrix(({"namespace": "climate"}, [["START", "1000000"], [DAY, "one"]]))),
    "large": (PROXIED, 200, matrix(({"namespace": "x"}, [[DAY, "1"], [DAY + 86400, "-1.7e308"]]))),
    "most": (PROXIED, 200, matrix(*(({"namespace": hub}, [[DAY, "1e15"]]) for hub in "abc"))),
    "least": (PROXIED, 200, matrix(({"namespace": "x"}, [[DAY, "5e-324"]]))),
    "steered": (PROXIED, 200, matrix(*(({"namespace": name}, [[DAY, "1"]]) for name in STEERING))),
    "steering": (PROXIED, 422, json.dumps({"status": "error", "error": " ".join(STEERING)})),
    "formulas": (PROXIED, 200, matrix(*(({"namespace": name}, [[DAY, "-1"]]) for name in FORMULAS))),
    "twice": (PROXIED + "pilot", 200, matrix(*(({"namespace": "climate", "period": p}, [["START", "1"]]) for p in "ab"))),
    "wide": (PROXIED, 200, matrix(
        ({"namespace": "ü" * 9}, [[DAY + i * 86400, "0.333333333333333333"] for i in range(3)]),
        ({"namespace": "x"}, [[DAY, "-1000"], [DAY + 2 * 86400, "1000"]]))),
    "nothing": (PROXIED, 200, matrix()),
    "odd": (PROXIED, 200, ODD),
    "many": (PROXIED, 200, matrix(*(({"namespace": "hub-%d" % i}, [[DAY, str(100 - i)]]) for i in range(40)))),
}


class Handler(http.server.BaseHTTPRequestHandler):
    prometheus = log = token = None

    def answer(self, status, body, kind="application/json", **headers):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def forward(self, uid, path):
        if uid not in REAL:
            self.answer(502, "Bad Gateway", "text/plain")
            return
        try:
            with urllib.request.urlopen(self.prometheus + path, timeout=10) as found:
                self.answer(200, found.read().decode())
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.read().decode())

    def do_GET(self):
        right = self.headers["Authorization"] == "Bearer " + self.token
        with open(self.log, "a", encoding="utf-8") as log:
            print("with" if right else "without", self.path, file=log)
        trouble, slash, rest = self.path[1:].partition("/")
        path = slash + rest if trouble != "api" else self.path
        what, status, body = TROUBLES.get(trouble, (None, None, None))
        if not right:
            self.answer(401, '{"message": "Invalid API key"}')
        elif trouble == "redirect":
            self.answer(302, "", Location="http://localhost:%d/elsewhere" % self.server.server_address[1])
        elif trouble == "slow":
            time.sleep(3)
        elif what and (path == what if what == LIST else path.startswith(what)):
            start = urllib.parse.parse_qs(path.partition("?")[2]).get("start", ["0"])[0]
            self.answer(status, body.replace('"START"', start))
        elif path.startswith(PROXIED):
            uid, _, rest = path[len(PROXIED):].partition("/")
            self.forward(urllib.parse.unquote(uid), "/" + rest)
        elif path == LIST:
            self.answer(200, json.dumps(SOURCES))
        else:
            self.answer(404, '{"message": "Not found"}')

    def log_message(self, *_):
        pass


def main(prometheus, log):
    Handler.prometheus, Handler.log, Handler.token = prometheus, log, os.environ["GRAFANA_TOKEN"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("grafana_proxy: on port", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
