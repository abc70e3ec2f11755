#!/bin/sh
# SPDX-License-Identifier: MIT
# prefork: a shared registry outlives the death of any worker at any instant; see prefork.c.
#
# PREFORK_SECONDS (8) is how long in all, most of it with a lane for each thread, the
# rest with fewer lanes than threads. The pages that are kept are judged once more by
# check_page.py.
. "${0%/*}/common.sh"
scratch
seconds=${PREFORK_SECONDS:-8}

"$top_builddir/tests/prefork" $(((seconds * 3 + 3) / 4)) 64 "$tmp" 20 || complain "with a lane for each thread"
"$top_builddir/tests/prefork" $(((seconds + 3) / 4)) 4 || complain "with fewer lanes than threads"

judge=$top_srcdir/tests/check_page.py
if test -f "$judge" && "$PYTHON3" -c 'import prometheus_client' 2>/dev/null; then
	set -- "$tmp"/*.prom
	test -f "$1" || die "no page was kept"
	"$PYTHON3" "$judge" --series "$tmp" 'stable_*_total' stable_seconds stable_size_count \
		stable_wait_count || complain "the pages that were kept"
fi

finish "nothing is lost with a worker"
