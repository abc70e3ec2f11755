#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_example: examples/treecounter answers, counts what it answered, and stops when it is asked to.
. "${0%/*}/common.sh"
need "$CURL"
scratch

get()
{
	"$CURL" -sS -m 10 "$@"
}

# has PATTERN FILE: a line of the file matches.
has()
{
	grep -q -E -e "$1" "$2" || {
		complain "no line like: $1"
		sed 's/^/    /' "$2"
	}
}

start_treecounter

get "$app/treecounter" >"$tmp/page"
has '^<p><strong>[0-9]+[^0-9<]+[0-9]{3}[^0-9<]+[0-9]{3}</strong> trees planted' "$tmp/page"
get "$app/" >"$tmp/landing"
has 'href="/metrics"' "$tmp/landing"
test "$(get -o /dev/null -w '%{http_code}' "$app/-/healthy")" = 200 || complain "/-/healthy"
for path in nowhere else/where; do
	test "$(get -o /dev/null -w '%{http_code}' "$app/$path")" = 404 || complain "/$path is no 404"
done
test "$(get -I -o /dev/null -w '%{http_code}' "$app/metrics")" = 200 || complain "HEAD /metrics"

get -D "$tmp/head" "$app/metrics" >"$tmp/metrics"
has '^[Cc]ontent-[Tt]ype: text/plain; version=0\.0\.4' "$tmp/head"
has '^# TYPE requests_total counter$' "$tmp/metrics"
has '^requests_total\{status="200",endpoint="/treecounter"\} 1$' "$tmp/metrics"
has '^requests_total\{status="404",endpoint="other"\} 2$' "$tmp/metrics"
has '^# TYPE request_latency_seconds histogram$' "$tmp/metrics"
has '^request_latency_seconds_bucket\{endpoint="/treecounter",le="\+Inf"\} 1$' "$tmp/metrics"
has '^request_latency_seconds_count\{endpoint="/treecounter"\} 1$' "$tmp/metrics"
has '^process_cpu_seconds_total [0-9.e-]+$' "$tmp/metrics"

# A port that is taken is an error that names the address.
"$top_builddir/examples/treecounter/treecounter" "${app#http://}" >"$tmp/second" 2>&1 && complain "two on one port"
has "^treecounter: .*${app#http://}" "$tmp/second"

stop "$app_pid" || complain "SIGTERM: status $?"
get -o /dev/null "$app/metrics" 2>/dev/null && complain "it still answers after SIGTERM"

start_treecounter
kill -INT "$app_pid"
wait "$app_pid" || complain "SIGINT: status $?"
pids=

finish "the example does what it shows"
