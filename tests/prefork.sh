#!/bin/sh
# SPDX-License-Identifier: MIT
# prefork: a shared registry outlives the death of any worker at any instant; see prefork.c.
#
# PREFORK_SECONDS (8) is how long in all, most of it with a lane for each thread, while
# pester.py scrapes and abuses the server, the rest with fewer lanes than threads. The pages
# that are kept are judged once more by promtool, check_page.py and check_openmetrics.py.
. "${0%/*}/common.sh"
scratch
mkdir "$tmp/own" "$tmp/text" "$tmp/openmetrics" || die "mkdir"
seconds=${PREFORK_SECONDS:-8}
most=$(((seconds * 3 + 3) / 4))
every=$((1 + most / 60)) # some hundred pages of each kind
end=$(($(date +%s) + most - 1))

"$top_builddir/tests/prefork" $most 64 "$tmp/own" $((4 * every)) >"$tmp/log" 2>&1 &
pid=$!
pids=$pid
if command -v "$PYTHON3" >/dev/null 2>&1; then
	wait_for_line "$tmp/log" 's/^port \([0-9]*\)$/\1/p' || die "no port: $(cat "$tmp/log")"
	"$PYTHON3" "$top_srcdir/tests/pester.py" "$line" $end "$tmp" $every || complain "those who scrape"
fi
end_of $pid || complain "with a lane for each thread"
cat "$tmp/log"
"$top_builddir/tests/prefork" $(((seconds + 3) / 4)) 4 || complain "with fewer lanes than threads"

# series DIRECTORY: no page there is wrong, or has less than the one before.
series()
{
	set -- "$1" "$1"/*.prom
	test -f "$2" || die "no page was kept in $1"
	"$PYTHON3" "$top_srcdir/tests/check_page.py" --series "$1" 'stable_*_total' stable_seconds \
		stable_size_count stable_wait_count || complain "the pages that were kept in $1"
}

if "$PYTHON3" -c 'import prometheus_client' 2>/dev/null; then
	series "$tmp/own"
	series "$tmp/text"
	"$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" --sound "$tmp"/openmetrics/*.prom ||
		complain "the pages in OpenMetrics"
fi
if command -v "$PROMTOOL" >/dev/null 2>&1; then
	for page in $(ls "$tmp"/text/*.prom | tail -n 3); do
		"$PROMTOOL" check metrics <"$page" || complain "promtool: $page"
	done
fi

finish "nothing is lost with a worker"
