#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_workshop: what examples/treecounter/README.md promises: files that fit together, and a dashboard whose
# every expression has data in a Prometheus that scrapes the application.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
scratch
here=$top_srcdir/examples/treecounter

# Files, names and ports that one of them says and another must know.
"$PYTHON3" "$top_srcdir/tests/check_workshop.py" "$here" >"$tmp/expressions" || complain "the files do not fit together"

start_treecounter
sed "s|treecounter:8001|${app#http://}|; s|scrape_interval: 5s|scrape_interval: 1s|" "$here/prometheus.yml" >"$tmp/prometheus.yml"
start_prometheus "$tmp/prometheus.yml"
want 'up{job="treecounter"}' 1 1 15

# Traffic during a few scrapes, of both kinds.
for _ in $(seq 40); do
	"$CURL" -sS -m 10 -o "$tmp/answer" -o "$tmp/answer" "$app/treecounter" "$app/nowhere" || complain "no answer"
	sleep 0.05
done
want 'requests_total{status="200"}' 40 40 5
want 'count_over_time(up[1m])' 3 60 5

while read -r expression; do
	want "$expression" -1e300 1e300 5
done <"$tmp/expressions"
test "$(wc -l <"$tmp/expressions")" -ge 10 || complain "few expressions"

# The README's queries and its lines.
want 'rate(requests_total{status="200"}[1m])' 0.1 40
want 'histogram_quantile(0.5, rate(request_latency_seconds_bucket{endpoint="/treecounter"}[1m]))' 0.002 0.5
"$top_builddir/examples/treecounter/treecounter" "${app#http://}" 2>"$tmp/conflict" && complain "two on one port"
sed "s|${app#http://}|127.0.0.1:8001|" "$tmp/conflict" >"$tmp/said"
grep -q -x -F -f "$tmp/said" "$here/README.md" || complain "the README has another message than: $(cat "$tmp/said")"

finish "the workshop's files fit, and its dashboard has data"
