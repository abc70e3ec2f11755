#!/bin/sh
# SPDX-License-Identifier: MIT
# page_judges: promtool and prometheus_client read every page that tests/pages prints, in a comma locale too.
. "${0%/*}/common.sh"
need "$PROMTOOL" "$PYTHON3"
"$PYTHON3" -c 'import prometheus_client' 2>/dev/null || skip "no prometheus_client for $PYTHON3"
scratch

pages=$top_builddir/tests/pages
test -x "$pages" || die "no $pages"

# with_comma COMMAND…: runs it in German, where a decimal point is a comma.
with_comma()
{
	LC_ALL=de_DE.UTF-8 LOCPATH="$locales" "$@"
}

# Of the system if it has it, else made for the test.
find_locale()
{
	locales=
	test "$(LC_ALL=de_DE.UTF-8 "$pages" decimal-point)" = , && return 0
	command -v localedef >/dev/null 2>&1 || return 1
	mkdir "$tmp/locales" && localedef -i de_DE -f UTF-8 "$tmp/locales/de_DE.UTF-8" >/dev/null 2>&1
	locales=$tmp/locales
	test "$(with_comma "$pages" decimal-point)" = ,
}

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

# same_again NAME BYTES: the page read in other pieces is the same.
same_again()
{
	"$pages" "$1" "$tmp/again.book" "$2" >"$tmp/again" || complain "pages $1 in pieces of $2 bytes"
	cmp "$tmp/$1" "$tmp/again" || complain "$1: other bytes in pieces of $2"
}

found=
comma=yes
find_locale || comma=no
test "$comma" = yes || test -z "${CPROM_NO_SKIP-}" || complain "no locale with a decimal comma"

for page in $("$pages" list); do
	"$pages" "$page" "$tmp/$page.book" >"$tmp/$page" || complain "pages $page"
	test -s "$tmp/$page" || complain "pages $page: nothing"
	judge "$page"
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
fault '$s/$/ /'
fault '$s/$/\r/'

finish "comma locale: $comma; pages:$found"
