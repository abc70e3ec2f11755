#!/bin/sh
# SPDX-License-Identifier: MIT
# page_judges: promtool and prometheus_client read every page that tests/pages prints, as text and as
# OpenMetrics, in a comma locale too.
. "${0%/*}/common.sh"
no_threads_inside
need "$PROMTOOL" "$PYTHON3"
"$PYTHON3" -c 'import prometheus_client' 2>/dev/null || skip "no prometheus_client for $PYTHON3"
scratch

pages=$top_builddir/tests/pages
test -x "$pages" || die "no $pages"

# judge NAME: the page, which is in $tmp/NAME beside its book.
judge()
{
	"$PYTHON3" "$top_srcdir/tests/check_page.py" "$tmp/$1" "$tmp/$1.book" >"$tmp/verdict" 2>&1 ||
		complain "check_page.py, $1: $(tail -n 5 "$tmp/verdict")"
	found="$found
  $1: $(tail -n 1 "$tmp/verdict"), $(wc -c <"$tmp/$1") bytes"
	"$PROMTOOL" check metrics <"$tmp/$1" >"$tmp/verdict" 2>&1
	status=$?
	case $1 in
	blank_helps) # read without error; that nothing is said is all that may be said of it
		test "$status" -ne 1 && ! grep -v 'no help text$' "$tmp/verdict" ;;
	*)
		test "$status" -eq 0 && test ! -s "$tmp/verdict" ;;
	esac || complain "promtool check metrics, $1: $status $(head -n 5 "$tmp/verdict")"
}

openmetrics='application/openmetrics-text;version=1.0.0'

# judge_openmetrics NAME: the same page as OpenMetrics, in $tmp/NAME.openmetrics.
judge_openmetrics()
{
	"$pages" "$1" "$tmp/again.book" 4096 "$openmetrics" >"$tmp/$1.openmetrics" ||
		complain "pages $1 as OpenMetrics"
	"$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" "$tmp/$1.openmetrics" "$tmp/$1.book" \
		>"$tmp/verdict" 2>&1 ||
		complain "check_openmetrics.py, $1: $(tail -n 5 "$tmp/verdict")"
	found="$found
  $1 as OpenMetrics: $(tail -n 1 "$tmp/verdict"), $(wc -c <"$tmp/$1.openmetrics") bytes"
}

# same_again NAME BYTES: the page read in other pieces is the same.
same_again()
{
	"$pages" "$1" "$tmp/again.book" "$2" >"$tmp/again" || complain "pages $1 in pieces of $2 bytes"
	cmp "$tmp/$1" "$tmp/again" || complain "$1: other bytes in pieces of $2"
	"$pages" "$1" "$tmp/again.book" "$2" "$openmetrics" >"$tmp/again" ||
		complain "pages $1 as OpenMetrics in pieces of $2 bytes"
	cmp "$tmp/$1.openmetrics" "$tmp/again" || complain "$1 as OpenMetrics: other bytes in pieces of $2"
}

found=
comma=yes
find_comma_locale || comma=no
test "$comma" = yes || test -z "${CPROM_NO_SKIP-}" || complain "no locale with a decimal comma"

for page in $("$pages" list); do
	"$pages" "$page" "$tmp/$page.book" >"$tmp/$page" || complain "pages $page"
	test -s "$tmp/$page" || complain "pages $page: nothing"
	judge "$page"
	judge_openmetrics "$page"
	test "$page" != default || continue # tells of its process: each run differs
	for bytes in 1 61 1000000; do
		same_again "$page" "$bytes"
	done
	test "$comma" = no || {
		with_comma "$pages" "$page" "$tmp/comma.book" >"$tmp/comma" ||
			complain "pages $page in a comma locale"
		cmp "$tmp/$page" "$tmp/comma" || complain "$page: other bytes in a comma locale"
	}
done

# The judges can tell: each of these changes to a sound page must be found.
page=$tmp/types
fault()
{
	sed "$1" "$page" >"$tmp/faulty"
	if cmp -s "$page" "$tmp/faulty"; then
		complain "the fault '$1' changes nothing"
	elif "$PYTHON3" "$top_srcdir/tests/check_page.py" "$tmp/faulty" "$page.book" >/dev/null 2>&1; then
		complain "the fault '$1' was not found"
	fi
}
fault '/^acme_plain_total/s/42/43/'
fault '/^acme_plain_total/p'
fault '/^acme_plain_total/d'
fault '/^acme_plain_total/s/42/42.0/'
fault '/^acme_load_ratio/s/-1\.5/-1,5/'
fault '/^acme_rx_bytes_total/s/GET/PUT/'
fault '/^acme_wait_seconds_bucket{le="0.5"}/s/ 2$/ 0/'
fault '/^acme_wait_seconds_bucket{le="+Inf"}/d'
fault '/^acme_wait_seconds_count/s/5/6/'
fault '/^acme_turn_seconds{.*quantile="0.5"/s/ [0-9.]*$/ 2.03/'
fault '/^# TYPE acme_load_ratio/s/gauge/counter/'
fault '/^# HELP acme_load_ratio/s/taken/token/'
fault '/^# TYPE acme_load_ratio/p'
fault '/^acme_mode{acme_mode="on"}/s/ 0/ 1/'
fault '/^acme_os_info/s/6\.1/6.2/'
fault '$s/$/ /'
fault '$s/$/\r/'

# The same of OpenMetrics; in NAME, for some are of pages with times.
openmetrics_fault()
{
	sed "$2" "$tmp/$1.openmetrics" >"$tmp/faulty"
	if cmp -s "$tmp/$1.openmetrics" "$tmp/faulty"; then
		complain "the fault '$2' changes nothing in OpenMetrics"
	elif "$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" "$tmp/faulty" "$tmp/$1.book" >/dev/null 2>&1; then
		complain "the fault '$2' was not found in OpenMetrics"
	fi
}
openmetrics_fault types '/^acme_plain_total/s/42/43/'
openmetrics_fault types '/^acme_plain_total/p'
openmetrics_fault types '/^acme_plain_total/d'
openmetrics_fault types '/^acme_plain_total/s/_total//'
openmetrics_fault types '/^# TYPE acme_plain /s/acme_plain/acme_plain_total/'
openmetrics_fault types '/^# UNIT acme_rx_bytes/d'
openmetrics_fault types '/^# UNIT acme_rx_bytes/s/bytes$/seconds/'
openmetrics_fault types '/^# HELP acme_load_ratio/s/taken/token/'
openmetrics_fault types '/^# TYPE acme_load_ratio/s/gauge/unknown/'
openmetrics_fault types '/^acme_wait_seconds_bucket{le="1.0"}/s/1\.0/1/'
openmetrics_fault types '/^acme_wait_seconds_bucket{le="+Inf"}/d'
openmetrics_fault types '/^acme_wait_seconds_sum/d'
openmetrics_fault types '/^acme_mode{/s/ 0$/ 2/'
openmetrics_fault types '/^acme_mode{acme_mode="on"}/s/ 0/ 1/'
openmetrics_fault types '/^acme_mode{acme_mode="on"}/d'
openmetrics_fault types '/^acme_os_info/s/ 1$/ 0/'
openmetrics_fault types '/^# TYPE acme_os info/s/acme_os/acme_os_info/'
openmetrics_fault types '/^# EOF/d'
openmetrics_fault types '$s/$/\n/'
openmetrics_fault collectors '/^acme_ages_seconds_gsum{index="0"}/s/gsum/sum/'
openmetrics_fault collectors '/^acme_ages_seconds_gcount{index="0"}/d'
openmetrics_fault collectors '/^acme_collected_texts_info{a="plain"/s/$/ 1754006400/'
openmetrics_fault collectors '/^acme_collected_seconds_bucket{b="x",a="plain",le="0.1"}/s/\.123//'
openmetrics_fault collectors '/^acme_since_created/s/399/398/'
openmetrics_fault collectors '/^acme_since_created/d'
openmetrics_fault collectors '/^acme_since_total/{h;d};/^acme_since_created/{G}'
openmetrics_fault collectors '/^acme_collected_seconds_bucket{.*le="+Inf"}/{p;s/_bucket/_sum/;s/,le="+Inf"//}'

finish "comma locale: $comma; pages:$found"
