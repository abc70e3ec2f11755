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

# serve PROGRAM: its $master, $app and $metrics; nothing was asked yet.
serve()
{
	: >"$tmp/prefork.log"
	"$1" 127.0.0.1:0 0 $workers >"$tmp/prefork.log" 2>&1 &
	master=$!
	pids="$pids $master"
	wait_for_line "$tmp/prefork.log" 's/^prefork: port \([0-9]*, .*\)$/\1/p' || die "$1 does not say its ports"
	app=http://127.0.0.1:${line%%,*}
	metrics=http://127.0.0.1:${line##* }/metrics
	asked=0
}

# settle_workers: waits until there are as many as there should be, for at most 10 s.
settle_workers()
{
	for _ in $(seq 100); do
		test "$(children $master | wc -l)" -ne $workers || return 0
		sleep 0.1
	done
	complain "not $workers workers"
}

# hold COUNT: so many clients connect and say nothing, until they are let go.
hold()
{
	rm -f "$tmp/held"
	test -p "$tmp/hold" || mkfifo "$tmp/hold" || die "mkfifo"
	"$PYTHON3" -c 'import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(int(sys.argv[2]))]
print("held", flush=True)
sys.stdin.read()' "${app##*:}" "$1" <"$tmp/hold" >"$tmp/held" &
	holder=$!
	pids="$pids $holder"
	exec 9>"$tmp/hold"
	wait_for_line "$tmp/held" '/held/p' || die "nobody connects"
}

let_go()
{
	exec 9>&-
	end_of $holder || complain "the clients that say nothing: status $?"
}

mkdir "$tmp/pages" || die "mkdir"
: >"$tmp/answers"
serve "$top_builddir/examples/prefork"

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
victims=$(children $master)
hold 1
settle requests_in_progress 1
for victim in $victims; do
	kill -KILL "$victim"
done
settle worker_deaths_total $((3 + workers))
settle requests_in_progress 0
judge 5
test "$(sum worker_requests_total)" = $((asked + 1)) || complain "the share of the dead is lost"
test "$(value 'requests_total{status="200"}')" = $asked || complain "requests were counted twice"
let_go
ask 10
settle request_seconds_count $asked

# As many as there are workers say nothing: others are served all the same, a little later.
hold $workers
ask 1
settle 'requests_total{status="400"}' $workers
let_go

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

# A bad day: every other fork() and accept() fails, and with ORPHANS no worker is born before its master is dead.
cat >"$tmp/unlucky.c" <<'END'
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

pid_t __real_fork(void);
int __real_accept(int fd, struct sockaddr *from, socklen_t *size);
int __real_prctl(int option, ...);

pid_t
__wrap_fork(void)
{
	static int calls;

	errno = EAGAIN;
	return ++calls % 2 == 1 ? -1 : __real_fork();
}

int
__wrap_accept(int fd, struct sockaddr *from, socklen_t *size)
{
	static int calls;

	errno = ENOBUFS;
	return ++calls % 2 == 1 ? -1 : __real_accept(fd, from, size);
}

int
__wrap_prctl(int option, unsigned long value)
{
	pid_t master = getppid();

	while (getenv("ORPHANS") != NULL && getppid() == master)
		usleep(1000);
	return __real_prctl(option, value);
}
END
# shellcheck disable=SC2086 # words
$CC -std=gnu11 -pthread -I"$top_srcdir/include" -Wl,--wrap=fork,--wrap=accept,--wrap=prctl "$tmp/unlucky.c" \
	"$top_srcdir/examples/prefork.c" "$top_builddir/.libs/libcprom.a" $sanitizer_flags -o "$tmp/unlucky" ||
	die "the example does not compile with bad luck"

serve "$tmp/unlucky"
ask 5
settle request_seconds_count $asked
settle_workers
settle worker_deaths_total 0
kill -KILL "$(children $master | sed 1q)"
settle worker_deaths_total 1
settle_workers
stop $master || complain "SIGTERM after a bad day: status $?"

ORPHANS=1 serve "$tmp/unlucky"
settle_workers
orphans=$(children $master)
pids="$pids $(echo "$orphans" | tr '\n' ' ')"
kill -KILL $master
end_of $master 2>/dev/null
for orphan in $orphans; do
	for _ in $(seq 100); do
		grep -q '^[0-9]* (.*) [^ZX] ' "/proc/$orphan/stat" 2>/dev/null || continue 2
		sleep 0.1
	done
	complain "worker $orphan outlives its master"
done

for arguments in '8080x' '-1' '70000' '0 0' '0 x' '0 33'; do
	# shellcheck disable=SC2086 # words
	timeout 5 "$top_builddir/examples/prefork" 127.0.0.1:0 $arguments >"$tmp/refused" 2>&1
	test $? = 1 || complain "prefork takes $arguments"
	grep -q '^usage: prefork' "$tmp/refused" || complain "no usage: $(cat "$tmp/refused")"
done

finish "one page speaks for all workers, and for those that died"
