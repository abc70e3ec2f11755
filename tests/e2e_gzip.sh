#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_gzip: clients that are not ours unpack the example's page: gzip, curl and python3.
. "${0%/*}/common.sh"
need "$CURL" gzip "$PYTHON3"
scratch

start_treecounter

# names FILE: the series of a page, without the values, which go on.
names()
{
	sed -n 's/^\([^# ][^ ]*\) .*/\1/p' "$1"
}

"$CURL" -sS -m 10 "$app/metrics" >"$tmp/plain" || complain "GET /metrics"
names "$tmp/plain" >"$tmp/names"
test -s "$tmp/names" || complain "the page has no series"

"$CURL" -sS -m 10 -D "$tmp/head" -H 'Accept-Encoding: gzip' "$app/metrics" >"$tmp/page.gz" ||
	complain "GET /metrics with gzip"
grep -qi '^content-encoding: gzip' "$tmp/head" || complain "no Content-Encoding: $(cat "$tmp/head")"
grep -qi '^vary: accept, accept-encoding' "$tmp/head" || complain "no Vary: $(cat "$tmp/head")"
gzip -t "$tmp/page.gz" || complain "gzip -t"
gzip -dc "$tmp/page.gz" >"$tmp/page" || complain "gzip -dc"
names "$tmp/page" | cmp - "$tmp/names" || complain "another page for gzip"
test "$(wc -c <"$tmp/page.gz")" -lt $(($(wc -c <"$tmp/page") / 2)) || complain "hardly smaller"

"$CURL" -sS -m 10 --compressed "$app/metrics" >"$tmp/curl" || complain "curl --compressed"
names "$tmp/curl" | cmp - "$tmp/names" || complain "another page for curl --compressed"

"$PYTHON3" - "$app/metrics" >"$tmp/python" <<-'END' || complain "python3"
	import gzip, sys, urllib.request
	request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})
	with urllib.request.urlopen(request, timeout=10) as answer:
	    assert answer.headers["Content-Encoding"] == "gzip"
	    sys.stdout.write(gzip.decompress(answer.read()).decode())
END
names "$tmp/python" | cmp - "$tmp/names" || complain "another page for python3"

finish "gzip, curl and python3 unpack the page"
