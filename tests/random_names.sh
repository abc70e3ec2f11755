#!/bin/sh
# SPDX-License-Identifier: MIT
# random_names: an independent reader, and promtool, read pages of random names in every escaping scheme.
. "${0%/*}/common.sh"
no_threads_inside
need "$PYTHON3" "$PROMTOOL"
scratch

"$top_builddir/tests/random_names" 1 1250 >"$tmp/pages" || complain "random_names"
"$PYTHON3" "$top_srcdir/tests/read_names.py" --promtool "$PROMTOOL" 100 <"$tmp/pages" >"$tmp/verdict" ||
	complain "$(cat "$tmp/verdict")"
found=$(tail -n 1 "$tmp/verdict")

# The reader can tell: each of these changes to the pages, of no byte more or less, must be found.
"$top_builddir/tests/random_names" 1 50 >"$tmp/sound"
fault()
{
	sed "$1" "$tmp/sound" >"$tmp/faulty"
	if cmp -s "$tmp/sound" "$tmp/faulty"; then
		complain "the fault '$1' changes nothing"
	elif "$PYTHON3" "$top_srcdir/tests/read_names.py" <"$tmp/faulty" >/dev/null 2>&1; then
		complain "the fault '$1' was not found"
	fi
}
fault '/^{"[a-z]/s/^{"[a-z]/{"Z/'
fault '/^[^#{]*{[a-z]/s/{[a-z]/{Q/'
fault '/^[^#].*} 1$/s/1$/2/'
fault '/^{".*\\n/s/\\n/nn/'
fault '/^# TYPE ".*gauge$/s/gauge$/guage/'
fault '/^U__/s/_2e_/_2f_/'
fault '/^{".*\\\\/s/\\\\/a\\/'

finish "$found"
