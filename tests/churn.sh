#!/bin/sh
# SPDX-License-Identifier: MIT
# churn: a million series that come and go leave the resident memory as it is; see churn.c.
#
# CHURN_SERIES (1000000) is how many. check-long makes fifty million of them.
. "${0%/*}/common.sh"

# A sanitizer's own memory is resident too, and it makes series slowly.
series=1000000
growth=4096 # KiB
test "$SANITIZER" = no || {
	series=100000
	growth=0
}
"$top_builddir/tests/churn" "${CHURN_SERIES:-$series}" "$growth" || complain "series that came and went"

finish "memory stays flat while series come and go"
