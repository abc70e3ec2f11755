#!/bin/sh
# SPDX-License-Identifier: MIT
# abuse: a server that is attacked goes on answering a normal scraper, and gives back what it took; see abuse.c.
#
# ABUSE=long: a thousand connections for each attack, and servers stopped under valgrind as well. check-long does that.
. "${0%/*}/common.sh"

connections=400
seconds=0.8
test "$SANITIZER" = no || connections=100
test "${ABUSE-}" != long || {
	connections=1000
	seconds=5
}

"$top_builddir/tests/abuse" "$connections" "$seconds" || complain "a server under attack"
if test "${ABUSE-}" = long && command -v valgrind >/dev/null 2>&1; then
	ABUSE_MS=30000 valgrind -q --leak-check=full --error-exitcode=1 --child-silent-after-fork=yes \
		"$top_builddir/tests/abuse" 50 5 stop || complain "stopping, under valgrind"
fi

finish "a server under attack answers, and gives back what it took"
