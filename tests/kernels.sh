#!/bin/sh
# SPDX-License-Identifier: MIT
# kernels: where the kernel lacks something, or forbids it, the library goes on without it or says what it lacks.
#
# A line for each feature: what cprom_threads(7) promises for it.
. "${0%/*}/common.sh"
need "$CURL" "$PROMTOOL"
scratch
without=$top_builddir/tests/without
daemon=$top_builddir/tests/format_daemon
left_out=

"$without" -c rseq=ENOSYS true || skip "no seccomp filters here"

# can COMMAND…: this system lets us; else what needs it is named at the end.
can()
{
	"$@" >/dev/null 2>&1 && return 0
	left_out="$left_out; not here: $*"
	return 1
}

# has_begun: it says its port within 10 s, and did not end instead.
has_begun()
{
	for _ in $(seq 200); do
		port=$(sed -n 's/^.*port \([0-9]*\)$/\1/p' "$tmp/log")
		test -z "$port" || return 0
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

get_page()
{
	"$CURL" -sS -m 10 -o "$tmp/page" -w '%{http_code}' "http://${1:-127.0.0.1}:$port/metrics" 2>"$tmp/curl"
}

# What does not depend on the process.
stable()
{
	grep -v -E '^(# (HELP|TYPE) )?process_' "$1"
}

# Its page: promtool has read the one with everything.
judge()
{
	stable "$tmp/page" | cmp -s - "$tmp/stable" && return
	"$PROMTOOL" check metrics <"$tmp/page" >"$tmp/verdict" 2>&1 || complain "promtool, $1: $(head -n 3 "$tmp/verdict")"
}

# works COMMAND…: the daemon is started by it, and its page is the same as ever.
works()
{
	begin "$@" "$daemon"
	if has_begun; then
		code=$(get_page)
		test "$code" = 200 || complain "$*: the page has status $code $(cat "$tmp/curl")"
		stable "$tmp/page" | cmp - "$tmp/stable" || complain "$*: another page"
	else
		complain "$*: $(cat "$tmp/log")"
	fi
	end || complain "$*: status $?"
}

# says TEXT COMMAND…: what the command starts ends with status 1 and says that.
says()
{
	text=$1
	shift
	timeout 10 "$@" </dev/null >"$tmp/log" 2>&1
	status=$?
	test "$status" -eq 1 || complain "$*: status $status"
	grep -q -e "$text" "$tmp/log" || complain "$*: says $(cat "$tmp/log"), not $text"
}

# either COMMAND…: the daemon works, or answers that it cannot, or says why it does not start.
either()
{
	begin "$@" "$daemon"
	if has_begun; then
		code=$(get_page)
		case $code in
		200) judge "$*" ;;
		000 | 500 | 503) ;; # the first: closed, for want of memory for a connection
		*) complain "$*: the page has status $code $(cat "$tmp/curl")" ;;
		esac
		end || complain "$*: status $?"
		outcomes="$outcomes $code"
		return
	fi
	end
	test "$status" -eq 1 && grep -q -E 'no memory|cannot|refuses|gave no' "$tmp/log" ||
		complain "$*: status $status, and says: $(cat "$tmp/log")"
	outcomes="$outcomes none"
}

# passes TEST COMMAND…: that program of tests/ passes under the command.
passes()
{
	program=$1
	shift
	test -x "$top_builddir/tests/${program%% *}" || return 0 # without cmocka
	# shellcheck disable=SC2086
	timeout 60 "$@" "$top_builddir"/tests/$program >"$tmp/log" 2>&1 ||
		complain "$* $program: status $? $(grep -E 'FAIL|ERROR' "$tmp/log" | head -n 5)"
}

begin "$daemon"
has_begun && get_page >/dev/null || die "the daemon does not answer"
: >"$tmp/stable"
judge "with everything"
stable "$tmp/page" >"$tmp/stable"
end || die "the daemon ends with $status"

# ---- what is done without ----
for error in ENOSYS EPERM; do
	for call in membarrier getrandom tgkill; do
		works "$without" -c $call=$error
	done
	passes test_epoch "$without" -c membarrier=$error
	passes 'churn 100000 0' "$without" -c membarrier=$error
	passes test_kinship "$without" -c getrandom=$error
	passes test_part "$without" -c getrandom=$error
done
for call in rseq prctl getrusage prlimit64 getdents64; do
	works "$without" -c $call=EPERM
done
works "$without" -c clone3=ENOSYS

# ---- an old container: whatever came since Linux 3.17 ----
if can "$without" -o true; then
	works "$without" -o
	for program in test_fork test_lane 'prefork 1'; do
		passes "$program" "$without" -o
	done
fi

# ---- what there has to be: the first refusal names it ----
for call in epoll_create1 timerfd_create timerfd_settime accept4; do
	says "the system refuses a server $call(2): Operation not permitted" "$without" -c $call=EPERM "$daemon"
	says "the system refuses a server $call(2): Function not implemented" "$without" -c $call=ENOSYS "$daemon"
done
says "the system refuses a server eventfd(2)" "$without" -c eventfd2=ENOSYS "$daemon"
says "the server cannot watch its descriptors" "$without" -c epoll_ctl=EPERM "$daemon"
says "gettid(2) is refused" "$without" -c gettid=EPERM "$daemon"

# ---- no IPv6 ----
example=$top_builddir/examples/treecounter/treecounter
for address in :0 localhost:0; do
	begin "$without" -i "$example" $address
	has_begun || complain "no IPv6, $address: $(cat "$tmp/log")"
	test "$(get_page)" = 200 || complain "no IPv6, $address: $(cat "$tmp/curl")"
	judge "no IPv6, $address"
	kill "$pid"
	end || complain "no IPv6, $address: status $?"
done
says 'address "\[::1\]:0": Address family not supported' "$without" -i "$example" '[::1]:0'
passes test_address "$without" -i

# ---- limits ----
says 'refuses a server .*Too many open files' "$without" -l nofile=4 "$daemon"
works "$without" -l nofile=8 # room for one client
says 'gave no memory for a registry' "$without" -l as=50000000 "$top_builddir/examples/prefork" 127.0.0.1:0 0 1
# Without overcommitment all that is mapped counts, as it does here.
outcomes=
for kib in 3584 4096 4608 5120 6144 8192 16384; do
	either "$without" -l as=$((kib * 1024))
done
for kib in 200 256 512 768 1024 1280 1536 2048 4096; do
	either "$without" -l data=$((kib * 1024))
done
echo "with little memory:$outcomes"
if test "$(id -u)" -eq 0 && can "$without" -u 64321 test -x "$daemon"; then
	says "the server's thread cannot start: Resource temporarily unavailable" \
		"$without" -l nproc=1 -u 64321 "$daemon"
fi

# ---- /proc: absent, read-only, of one's own processes ----
alone="unshare -m"
test "$(id -u)" -eq 0 || alone="unshare -rm"
# shellcheck disable=SC2086
if can $alone mount -t tmpfs none /proc; then
	works $alone sh -c 'mount -t tmpfs none /proc && exec "$@"' sh
	grep -q '^process_cpu_seconds_total ' "$tmp/page" || complain "no /proc: no processor time"
	grep -q '^process_threads ' "$tmp/page" && complain "no /proc: who says how many threads there are?"
fi
# shellcheck disable=SC2086
if can $alone mount -o remount,bind,ro /proc; then
	works $alone sh -c 'mount -o remount,bind,ro /proc && exec "$@"' sh
	grep -q '^process_threads ' "$tmp/page" || complain "read-only /proc: no threads"
fi
# shellcheck disable=SC2086
if can $alone -pf mount -t proc -o hidepid=2 proc /proc; then
	works $alone -pf sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh
	grep -q '^process_threads ' "$tmp/page" || complain "hidepid: no threads"
fi

finish "each is done without, or asked for by its name$left_out"
