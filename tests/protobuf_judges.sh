#!/bin/sh
# SPDX-License-Identifier: MIT
# protobuf_judges: protoc decodes every page that tests/pages prints, and finds in it what the text page has.
. "${0%/*}/common.sh"
no_threads_inside
need "$PYTHON3" protoc
"$PYTHON3" -c 'import prometheus_client' 2>/dev/null || skip "no prometheus_client for $PYTHON3"
scratch

pages=$top_builddir/tests/pages
accept='application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

# judge NAME: the page against its text, and the same one in pieces of a byte.
judge()
{
	"$pages" "$1" "$tmp/book" >"$tmp/text" && "$pages" "$1" "$tmp/book" 4096 "$accept" >"$tmp/page" &&
		"$pages" "$1" "$tmp/book" 1 "$accept" >"$tmp/again" || complain "pages $1"
	cmp "$tmp/page" "$tmp/again" || complain "$1: other bytes in pieces of one"
	"$PYTHON3" "$top_srcdir/tests/check_protobuf.py" "$tmp/page" "$tmp/text" >"$tmp/verdict" 2>&1 ||
		complain "$1: $(tail -n 5 "$tmp/verdict")"
	found="$found
  $1: $(tail -n 1 "$tmp/verdict"), $(wc -c <"$tmp/page") bytes, $(wc -c <"$tmp/text") of text"
}

found=
for page in $("$pages" list); do
	test "$page" = default || judge "$page" # that one tells of its process: each run differs
done

# The judge can tell: each of these changes must be found.
"$pages" types "$tmp/book" >"$tmp/text" && "$pages" types "$tmp/book" 4096 "$accept" >"$tmp/page"
fault()
{
	sed "$1" "$tmp/page" >"$tmp/faulty"
	if cmp -s "$tmp/page" "$tmp/faulty"; then
		complain "the fault '$1' changes nothing"
	elif "$PYTHON3" "$top_srcdir/tests/check_protobuf.py" "$tmp/faulty" "$tmp/text" >/dev/null 2>&1; then
		complain "the fault '$1' was not found"
	fi
}
fault 's/Plain/Blain/'
fault 's/GET/PET/'
fault 's/acme_load_ratio/acme_load_radio/'
fault '1s/^./\x1f/'
fault '$s/.$//'

finish "protoc reads:$found"
