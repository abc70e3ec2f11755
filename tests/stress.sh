#!/bin/sh
# SPDX-License-Identifier: MIT
# stress: pages stay right while threads update, create, remove and register; see stress.c.
#
# STRESS_SECONDS (6) is how long, once with a lane for each thread, and half as long
# with fewer lanes than threads. The pages that are kept are judged once more by
# check_page.py.
. "${0%/*}/common.sh"
scratch
seconds=${STRESS_SECONDS:-6}

mkdir "$tmp/large" "$tmp/small" || die "mkdir"
"$top_builddir/tests/stress" "$seconds" 64 "$tmp" $((20 + seconds / 2)) || complain "with a lane for each thread"
"$top_builddir/tests/stress" $(((seconds + 1) / 2)) 4 || complain "with fewer lanes than threads"

judge=$top_srcdir/tests/check_page.py
if test -f "$judge" && "$PYTHON3" -c 'import prometheus_client' 2>/dev/null; then
	for who in large small; do
		set -- "$tmp/$who"/*.prom
		test -f "$1" || die "no page of the $who scraper was kept"
		"$PYTHON3" "$judge" --series "$tmp/$who" stable_total stable_plain_total \
			stable_seconds stable_plain_seconds stable_size_count stable_plain_size_count || complain "pages of the $who scraper"
	done
fi

finish "pages stay right under stress"
