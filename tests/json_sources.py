#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""json_sources: a web server that gives documents as examples/json_exporter fetches them.

    json_sources.py DIRECTORY TOKEN

Says "port N", then serves the files of the directory to those that have the bearer token (401), unless
there is a file called "mode" that says something else:
    slow: the answer does not come     drip: it comes, but without end
    500, 302: this status              cut: the connection ends in the middle
    big: more than the exporter takes  empty: nothing
"""
import http.server
import os
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    def mode(self):
        try:
            with open(os.path.join(sys.argv[1], "mode"), encoding="ascii") as stream:
                return stream.read().strip()
        except FileNotFoundError:
            return ""

    def head(self, status, length=None):
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def do_GET(self):
        mode = self.mode()
        if mode == "slow":
            time.sleep(20)
        elif mode in ("500", "302"):
            self.head(int(mode), 0)
        elif mode == "empty":
            self.head(200, 0)
        elif mode in ("drip", "big"):
            self.head(200)
            self.stream(b"[" if mode == "drip" else b"[" * 65536, 0.05 if mode == "drip" else 0)
        elif self.headers["Authorization"] != "Bearer " + sys.argv[2]:
            self.head(401, 0)
        else:
            with open(os.path.join(sys.argv[1], os.path.basename(self.path)), "rb") as stream:
                document = stream.read()
            self.head(200, len(document))
            self.wfile.write(document[:len(document) // 2] if mode == "cut" else document)

    def stream(self, piece, pause):
        try:
            while True:
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            pass

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print("port %d" % server.server_address[1], flush=True)
server.serve_forever()
