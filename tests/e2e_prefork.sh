#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_prefork: one /metrics of examples/prefork speaks for all its workers, dead ones too.
. "${0%/*}/common.sh"
need "$CURL" "$PYTHON3"
scratch
workers=4

get()
{
	"$CURL" -sS -m 10 "$@"
}

# ask COUNT: so many requests; who answered is added to $tmp/answers.
ask()
{
	for _ in $(seq "$1"); do
		get "$app/" >>"$tmp/answers" || complain "a request is not answered"
	done
	asked=$((asked + $1))
}

# value SERIES: what the last page shows of it.
value()
{
	awk -v series="$1" '$1 == series { print $2 }' "$tmp/page"
}

# settle SERIES VALUE: reads pages until one shows it, for at most 10 s. What a worker does
# when its client has the answer already comes a little later.
settle()
{
	for _ in $(seq 100); do
		get "$metrics" >"$tmp/page"
		test "$(value "$1")" != "$2" || return 0
		sleep 0.1
	done
	complain "$1 is $(value "$1"), and should be $2"
}

# sum NAME: of all series of the name in the last page.
sum()
{
	awk -v name="$1{" 'index($1, name) == 1 { n += $2 } END { print n + 0 }' "$tmp/page"
}

# children PID: its child processes.
children()
{
	for stat in /proc/[0-9]*/stat; do
		sed -n "s/^\([0-9]*\) (.*) [^Z] $1 .*/\1/p" "$stat" 2>/dev/null
	done
}

# judge NAME: keeps the last page under that name; promtool judges it now, check_page.py in the end.
judge()
{
	cp "$tmp/page" "$tmp/pages/$1"
	if command -v "$PROMTOOL" >/dev/null 2>&1; then
		"$PROMTOOL" check metrics <"$tmp/page" >"$tmp/verdict" 2>&1 ||
			complain "promtool, $1: $(cat "$tmp/verdict")"
	fi
}

mkdir "$tmp/pages" || die "mkdir"
asked=0
: >"$tmp/answers"
"$top_builddir/examples/prefork" 127.0.0.1:0 0 $workers >"$tmp/prefork.log" 2>&1 &
master=$!
pids=$master
wait_for_line "$tmp/prefork.log" 's/^prefork: port \([0-9]*, .*\)$/\1/p' || die "the example does not say its ports"
app=http://127.0.0.1:${line%%,*}
metrics=http://127.0.0.1:${line##* }/metrics

ask 40
settle request_seconds_count $asked
judge 1
test "$(sum worker_requests_total)" = $asked || complain "the shares of the workers are not all"
test "$(children $master | wc -l)" -eq $workers || complain "not $workers workers"

for round in 1 2 3; do
	before=$(children $master)
	ask 10
	settle requests_in_progress 0
	victim=$(sed -n 's/^Answered by \([0-9]*\)$/\1/p' "$tmp/answers" | tail -n 1)
	echo "$before" | grep -q -x "$victim" || complain "$victim, who answered, is no worker"
	kill -KILL "$victim"
	settle worker_deaths_total $round
	ask 20
	settle request_seconds_count $asked
	judge $((round + 1))
	test "$(value 'requests_total{status="200"}')" = $asked || complain "round $round: not all requests"
	test "$(sum worker_requests_total)" = $asked || complain "round $round: not all shares"
	after=$(children $master)
	test "$(echo "$after" | wc -l)" -eq $workers || complain "round $round: not $workers workers"
	echo "$after" | grep -q -x "$victim" && complain "the dead one is still there"
done
test "$(sort -u "$tmp/answers" | wc -l)" -gt 1 || complain "one process answered all"

# Who dies over a request takes it off the gauge; what was counted of it stays.
mkfifo "$tmp/hold" || die "mkfifo"
"$PYTHON3" -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()' "${app##*:}" <"$tmp/hold" &
client=$!
pids="$pids $client"
exec 9>"$tmp/hold"
settle requests_in_progress 1
for victim in $(children $master); do
	kill -KILL "$victim"
done
settle worker_deaths_total $((3 + workers))
settle requests_in_progress 0
judge 5
test "$(sum worker_requests_total)" = $((asked + 1)) || complain "the share of the dead is lost"
test "$(value 'requests_total{status="200"}')" = $asked || complain "requests were counted twice"
exec 9>&-
wait "$client"
pids=$master
ask 10
settle request_seconds_count $asked

if "$PYTHON3" -c 'import prometheus_client' 2>/dev/null; then
	"$PYTHON3" "$top_srcdir/tests/check_page.py" --series "$tmp/pages" requests_total worker_requests_total \
		worker_deaths_total request_seconds || complain "the pages in a row"
fi

left=$(children $master)
stop "$master" || complain "SIGTERM: status $?"
for pid in $left; do
	kill -0 "$pid" 2>/dev/null && complain "worker $pid is still there"
done
get -o /dev/null "$metrics" 2>/dev/null && complain "it still serves after SIGTERM"

finish "one page speaks for all workers, and for those that died"
