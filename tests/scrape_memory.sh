#!/bin/sh
# SPDX-License-Identifier: MIT
# scrape_memory: one scrape takes the same memory for a thousand series and for a million.
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
# shellcheck disable=SC2086
"$top_builddir/tests/scrape_memory" "$bound" "$what" $series >"$tmp/figures" ||
	complain "a scrape takes more than $bound KiB, or failed"
cat "$tmp/figures"
test "$(sed 's/.*: *\([0-9]*\) bytes of heap.*/\1/' "$tmp/figures" | sort -u | wc -l)" -eq 1 ||
	complain "the heap that a scrape takes is not the same for every number of series"

finish "one scrape takes less than $bound KiB"
