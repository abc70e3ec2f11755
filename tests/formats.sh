#!/bin/sh
# SPDX-License-Identifier: MIT
# formats: random registries say the same in every format, each read by a parser of its own; FORMATS=10000 for more.
. "${0%/*}/common.sh"
no_threads_inside
need "$PYTHON3" protoc
"$PYTHON3" -c 'import prometheus_client, google.protobuf' 2>/dev/null ||
	skip "no prometheus_client or protobuf for $PYTHON3"
scratch

# A sanitizer makes it slower, and watches all the more.
few=1000
test "$SANITIZER" = no || few=100

check()
{
	"$PYTHON3" "$top_srcdir/tests/check_formats.py" "$tmp" <"$1"
}

protoc --python_out="$tmp" -I"$top_srcdir/tests" "$top_srcdir/tests/metrics.proto" || die "protoc"
"$top_builddir/tests/random_registries" 1 "${FORMATS:-$few}" >"$tmp/pages" || complain "random_registries"
found=$(check "$tmp/pages") || complain "$found"

# The judge can tell: each of these changes to one of the pages must be found.
"$top_builddir/tests/random_registries" 1 100 >"$tmp/few"
fault()
{
	sed "$1" "$tmp/few" >"$tmp/faulty"
	if cmp -s "$tmp/few" "$tmp/faulty"; then
		complain "the fault '$1' changes nothing"
	elif check "$tmp/faulty" >/dev/null 2>&1; then
		complain "the fault '$1' was not found"
	fi
}
fault 's/_count \([0-9]\)$/_count 9/'
fault 's/^# TYPE \(.*\) summary$/# TYPE \1 untyped/'
fault 's/le="1\.0"/le="9.0"/'
fault 's/"4bf92f3577b34da6a3ce929d0e0e4736"/"4bf92f3577b34da6a3ce929d0e0e4737"/'
fault 's/^\(# HELP [^ ]* \)[A-Za-z0-9]/\1~/'
fault 's/version=/versi0n=/'

finish "$found"
