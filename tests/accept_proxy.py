#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""accept_proxy: hands GET requests on with another Accept header, and says what came back.

    accept_proxy.py BASE ACCEPT

Serves a free port of 127.0.0.1, which it prints in a line "port NUMBER"; for each answer a line of
status, Content-Encoding and Content-Type.
"""
import http.server
import sys
import urllib.request


class Proxy(http.server.BaseHTTPRequestHandler):
    """One connection of a reader."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        base, accept = sys.argv[1:]
        headers = {"Accept-Encoding": self.headers.get("Accept-Encoding", "identity"),
                   "Accept": accept or self.headers.get("Accept", "")}
        with urllib.request.urlopen(urllib.request.Request(base + self.path, headers=headers),
                                    timeout=10) as answer:
            body = answer.read()
            coding = answer.headers.get("Content-Encoding", "identity")
            kind = answer.headers.get("Content-Type", "")
            print(answer.status, coding, kind, flush=True)
            self.send_response(answer.status)
        self.send_header("Content-Type", kind)
        if coding != "identity":
            self.send_header("Content-Encoding", coding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        print("port", server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
