# SPDX-License-Identifier: MIT
# common: what the shell tests share; each sources it. Exit status: 0 passed, 77 skipped, else failed.
set -u
LC_ALL=C
export LC_ALL

# Set by `make check`; a test can also be run by hand from the build directory.
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}" "${top_builddir:=$PWD}"
: "${CC:=cc}" "${NM:=nm}" "${PYTHON3:=python3}" "${PROMETHEUS:=prometheus}" "${PROMTOOL:=promtool}"
: "${MANDOC:=mandoc}" "${CURL:=curl}" "${SANITIZER:=no}" "${MAKE:=make}"

# What a program needs that links this build's library.
case $SANITIZER in
address) sanitizer_flags="-fsanitize=address,undefined" ;;
thread) sanitizer_flags="-fsanitize=thread" ;;
*) sanitizer_flags= ;;
esac

failures=0

# complain WORDS: one reason why the test fails; it goes on, to show all of them.
complain()
{
	printf 'FAIL: %s\n' "$*"
	failures=$((failures + 1))
}

# die WORDS: the test cannot go on.
die()
{
	printf 'FAIL: %s\n' "$*"
	exit 1
}

# finish WORDS: the last line of a test.
finish()
{
	test "$failures" -eq 0 || exit 1
	echo "ok: $*"
	exit 0
}

# skip WORDS: the test cannot run here; CPROM_NO_SKIP makes that a failure.
skip()
{
	test -z "${CPROM_NO_SKIP-}" || die "$* (and nothing may be skipped)"
	echo "skipped: $*"
	exit 77
}

# no_threads_inside: what runs one thread alone ends here under ThreadSanitizer.
no_threads_inside()
{
	test "$SANITIZER" != thread || finish "nothing to do: there is one thread"
}

# need PROGRAM…: skips the test if one is not there.
need()
{
	for program; do
		command -v "$program" >/dev/null 2>&1 || skip "no $program"
	done
}

# code FILE: C source without its comments, line for line.
code()
{
	awk '{
		line = $0
		out = ""
		while (line != "") {
			if (in_comment) {
				end = index(line, "*/")
				if (end == 0)
					break
				line = substr(line, end + 2)
				in_comment = 0
			} else if (match(line, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047|\/\*/)) {
				if (substr(line, RSTART, 2) == "/*") {
					out = out substr(line, 1, RSTART - 1) " "
					in_comment = 1
				} else
					out = out substr(line, 1, RSTART + RLENGTH - 1)
				line = substr(line, RSTART + RLENGTH)
			} else {
				out = out line
				break
			}
		}
		print out
	}' "$1"
}

# public_functions: the functions of the public header, sorted.
public_functions()
{
	code "$top_srcdir/include/cprom.h" | tr '\n' ' ' |
		grep -oE 'CPROM_API[^;(]*[ *]cprom_[a-z0-9_]+ *\(' |
		sed -E 's/.*[ *](cprom_[a-z0-9_]+) *\($/\1/' | sort
}

# same_output WANTED FILE: whether they are the same, but for what "..." stands for in WANTED: a word
# or a part of one. Shows the difference if not.
same_output()
{
	test -s "$1" || {
		echo "nothing is said of what is printed:"
		cat "$2"
		return 1
	}
	awk '
		NR == FNR { wanted[++n] = $0; next }
		{
			pattern = wanted[FNR]
			gsub(/[][\\.^$*+?(){}|]/, "\\\\&", pattern)
			gsub(/\\\.\\\.\\\./, "[^ ]+", pattern)
			if (FNR > n || $0 !~ "^" pattern "$")
				different = 1
		}
		END { exit different || NR != 2 * n }
	' "$1" "$2" || {
		diff "$1" "$2"
		return 1
	}
}

# house_sources: every file of ours that is source text, one per line.
house_sources()
{
	(
		cd "$top_srcdir" || exit 1
		for file in configure.ac Makefile.am cprom.pc.in bootstrap .ci/run .clang-format; do
			test ! -f "$file" || echo "$file"
		done
		find include src tests man examples bench -type f \( -name '*.[ch]' -o -name '*.cc' \
			-o -name '*.go' -o -name '*.rs' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' -o -name '*.[1-9]' \
			-o -name '*.yml' -o -name '*.conf' \) 2>/dev/null | sort
	)
}

# scratch: a directory in $tmp, and a list of processes in $pids; both go away with the test.
scratch()
{
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/cprom-test.XXXXXX") || die "mktemp"
	pids=
	trap end_test EXIT
	trap 'exit 129' HUP INT TERM
}

# end_test: what scratch promises; a test that failed shows the ends of its logs first.
end_test()
{
	status=$?
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	case $status in
	0 | 77) ;;
	*) tail -n 50 "$tmp"/*.log 2>/dev/null ;;
	esac
	rm -rf "$tmp"
}

# wait_for_line FILE SED: the first line that the sed expression prints within 10 s, in $line.
wait_for_line()
{
	for _ in $(seq 100); do
		line=$(sed -n "$2" "$1" 2>/dev/null | sed 1q)
		test -z "$line" || return 0
		sleep 0.1
	done
	return 1
}

# start NAME COMMAND…: in the background, into NAME.log; the port that it says goes to $port, its number to $pid.
start()
{
	log=$tmp/$1.log
	shift
	"$@" >"$log" 2>&1 &
	pid=$!
	pids="$pids $pid"
	wait_for_line "$log" 's/^\(.* on \)\{0,1\}port \([0-9]*\)$/\2/p' || die "$* does not say its port"
	port=$line
}

# end_of PID: waits for one of $pids, which is none of them then; its status.
end_of()
{
	pids=$(echo " $pids " | sed "s/ $1 / /")
	wait "$1"
}

# stop PID: ends one that was started; its status.
stop()
{
	kill -TERM "$1"
	end_of "$1"
}

# begin COMMAND…: in the background, until its input ends; its output is $tmp/log, its number $pid.
begin()
{
	test -p "$tmp/input" || mkfifo "$tmp/input" || die "mkfifo"
	: >"$tmp/log" # not the port of the last one
	exec 3<>"$tmp/input"
	timeout 60 "$@" <"$tmp/input" >"$tmp/log" 2>&1 3>&- &
	pid=$!
	pids="$pids $pid"
}

# end: of what has begun; its status.
end()
{
	exec 3>&-
	end_of "$pid"
}

# start_treecounter: the example on a free port of loopback; its $app_pid and $app, the start of its URLs.
start_treecounter()
{
	start treecounter "$top_builddir/examples/treecounter/treecounter" 127.0.0.1:0
	app_pid=$pid
	app=http://127.0.0.1:$port
}

# start_prometheus CONFIGURATION OPTION…: on a free port; $prometheus is the start of its URLs, $pid its number.
start_prometheus()
{
	"$PROMTOOL" check config "$1" >"$tmp/config.log" || die "$(cat "$tmp/config.log")"
	configuration=$1
	shift
	"$PROMETHEUS" --config.file="$configuration" --storage.tsdb.path="$tmp/data" \
		--web.listen-address=127.0.0.1:0 "$@" >"$tmp/prometheus.log" 2>&1 &
	pid=$!
	pids="$pids $pid"
	wait_for_line "$tmp/prometheus.log" 's/.*msg="Listening on" address=\([0-9.:]*\).*/\1/p' ||
		die "Prometheus does not say its port"
	prometheus=http://$line
}

# want EXPRESSION LOW HIGH [SECONDS]: what that Prometheus answers.
want()
{
	"$PYTHON3" "$top_srcdir/tests/promql.py" "$prometheus" "$@" || complain "$1"
}

# with_comma COMMAND…: runs it in German, where a decimal point is a comma; after find_comma_locale.
with_comma()
{
	LC_ALL=de_DE.UTF-8 LOCPATH="$locales" "$@"
}

# find_comma_locale: that of the system if it has it, else one that is made in $tmp.
find_comma_locale()
{
	locales=
	test "$(LC_ALL=de_DE.UTF-8 "$top_builddir/tests/pages" decimal-point)" = , && return 0
	command -v localedef >/dev/null 2>&1 || return 1
	mkdir "$tmp/locales" && localedef -i de_DE -f UTF-8 "$tmp/locales/de_DE.UTF-8" >/dev/null 2>&1
	locales=$tmp/locales
	test "$(with_comma "$top_builddir/tests/pages" decimal-point)" = ,
}
