#!/bin/sh
# SPDX-License-Identifier: MIT
# house_man: mandoc has nothing to say about any manual page, and each page is installed.
. "${0%/*}/common.sh"
need "$MANDOC"

pages=0
for page in "$top_srcdir"/man/*.[1-9]; do
	test -f "$page" || continue
	pages=$((pages + 1))
	"$MANDOC" -Tlint -Wwarning "$page" || complain "mandoc on man/${page##*/}"
	grep -q "^[^#]*man/${page##*/}\([[:space:]]\|\$\)" "$top_srcdir/man/local.mk" ||
		complain "man/${page##*/} is not in man/local.mk"
done

finish "$pages manual pages"
