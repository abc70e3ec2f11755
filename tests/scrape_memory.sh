#!/bin/sh
# SPDX-License-Identifier: MIT
# scrape_memory: one scrape takes the same memory for a thousand series and for a million, in each format.
. "${0%/*}/common.sh"
scratch

bound=64 # KiB

# A sanitizer's own memory is resident too, and it makes a million series long to fill.
what=all
series='1000 10000 100000 1000000'
test "$SANITIZER" = no || {
	what=heap
	series='1000 10000 100000'
}

# measure ACCEPT
measure()
{
	# shellcheck disable=SC2086
	"$top_builddir/tests/scrape_memory" "$bound" "$what" "$1" $series >"$tmp/figures" ||
		complain "$1: a scrape takes more than $bound KiB, or failed"
	echo "$1:"
	cat "$tmp/figures"
	test "$(sed 's/.*: *\([0-9]*\) bytes of heap.*/\1/' "$tmp/figures" | sort -u | wc -l)" -eq 1 ||
		complain "$1: the heap that a scrape takes is not the same for every number of series"
}

measure text/plain
measure 'application/openmetrics-text;version=1.0.0'
measure 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

finish "one scrape takes less than $bound KiB"
