#!/bin/sh
# SPDX-License-Identifier: MIT
# cardinality: label values at random, and what they cannot do; see cardinality.c.
#
# CARDINALITY (300000) is how many updates each attack makes. check-long makes ten million of them.
. "${0%/*}/common.sh"
scratch

# A sanitizer's own memory is resident too, and it makes series slowly.
updates=300000
series=5000
growth=4096 # KiB
test "$SANITIZER" = no || {
	updates=40000
	series=1000
	growth=0
}
"$top_builddir/tests/cardinality" "${CARDINALITY:-$updates}" "$series" "$growth" "$tmp/page" ||
	complain "an attack with label values"
if "$PYTHON3" -c 'import prometheus_client' 2>/dev/null; then
	"$PYTHON3" "$top_srcdir/tests/check_page.py" --sound "$tmp/page" >"$tmp/verdict" 2>&1 ||
		complain "check_page.py: $(tail -n 5 "$tmp/verdict")"
fi
if command -v "$PROMTOOL" >/dev/null 2>&1; then
	"$PROMTOOL" check metrics <"$tmp/page" >"$tmp/verdict" 2>&1 ||
		complain "promtool: $(head -n 5 "$tmp/verdict")"
fi

finish "a label fed at random fills its own family alone"
