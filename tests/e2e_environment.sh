#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_environment: locale, time zone, a changing environment, umask, chroot and dropped privileges change no byte of a page.
. "${0%/*}/common.sh"
need "$CURL"
scratch
daemon=$top_builddir/tests/format_daemon
mkdir "$tmp/jail" || die "mkdir"

# fetch NAME ACCEPT: whole, in $tmp/NAME.
fetch()
{
	"$CURL" -sS -m 20 --compressed -H "Accept: $2" -o "$tmp/$1" "http://127.0.0.1:$line/metrics" || complain "no page: $what"
}

# Without what tells of this process and of this moment.
same_ever()
{
	grep -v -E '^(# (HELP|TYPE|UNIT) )?process_' "$1" | sed -E 's/( # \{.*\} [^ ]+) [0-9.]+$/\1/'
}

# families FILE: the process metrics that are there.
families()
{
	sed -n 's/^# TYPE \(process_[a-z_]*\) .*/\1/p' "$1" | sort
}

# pages WHAT COMMAND…: the pages of the daemon, as the command starts it, in $tmp/text and $tmp/openmetrics.
pages()
{
	what=$1
	shift
	begin "$@"
	wait_for_line "$tmp/log" 's/^port \([0-9]*\)$/\1/p' || die "$what: $(cat "$tmp/log")"
	fetch text 'text/plain;version=0.0.4'
	fetch openmetrics 'application/openmetrics-text;version=1.0.0'
	end || complain "$what: status $?"
}

# same WHAT COMMAND…: they are as they should be.
same()
{
	pages "$@"
	for format in text openmetrics; do
		same_ever "$tmp/$format" | cmp - "$tmp/$format.good" || complain "$what: another page of $format"
	done
	families "$tmp/text" | comm -3 - "$tmp/families" | tr -d '\t' | grep -v -x -E -e "$gone" |
		grep . && complain "$what: these process metrics come or go"
	done_for="$done_for, $what"
}

gone='nothing'
done_for=
pages "as ever" "$daemon"
for format in text openmetrics; do
	same_ever "$tmp/$format" >"$tmp/$format.good"
done
families "$tmp/text" >"$tmp/families"
! "$PYTHON3" -c 'import prometheus_client' 2>/dev/null ||
	"$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" --sound "$tmp/openmetrics" || complain "the page in OpenMetrics"
grep -q '^process_open_fds ' "$tmp/text" || complain "no process metrics"

if find_comma_locale; then
	same locale env LC_ALL=de_DE.UTF-8 LOCPATH="$locales" "$daemon" locale
	same "locale and environment" env LC_ALL=de_DE.UTF-8 LOCPATH="$locales" "$daemon" locale environment
else
	test -z "${CPROM_NO_SKIP-}" || complain "no locale with a decimal comma"
fi
same "time zone" env TZ=Asia/Kathmandu "$daemon"
same "no time zone" env TZ=:/nowhere "$daemon"
same "no environment" env -i "$daemon"
same environment "$daemon" environment
same umask "$daemon" umask

# The rest takes a privilege to lose. Files of a process that has lost one are root's in /proc.
if test "$(id -u)" -eq 0; then
	# Who looks for leaks needs /proc.
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	export ASAN_OPTIONS
	gone='process_io_[a-z_]*'
	same "no privileges" "$daemon" nobody
	cd "$tmp/jail" || die "cd"
	gone='process_(io_[a-z_]*|open_fds|threads|start_time_seconds|(virtual|resident)_memory_bytes)'
	same chroot "$daemon" chroot
	same "chroot, no privileges, umask" "$daemon" umask chroot nobody
fi

finish "the same bytes:${done_for#,}"
