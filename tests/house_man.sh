#!/bin/sh
# SPDX-License-Identifier: MIT
# house_man: mandoc has nothing to say about any manual page, each has its sections, and is installed.
. "${0%/*}/common.sh"
need "$MANDOC"

# has PAGE LINE…: each of the lines is in the page.
has()
{
	page=$1
	shift
	for line; do
		grep -q -x -e "$line" "$page" || complain "man/${page##*/}: no $line"
	done
}

pages=0
for page in "$top_srcdir"/man/*.[1-9]; do
	test -f "$page" || continue
	pages=$((pages + 1))
	"$MANDOC" -Tlint -Wwarning "$page" || complain "mandoc on man/${page##*/}"
	grep -q "^[^#]*man/${page##*/}\([[:space:]]\|\$\)" "$top_srcdir/man/local.mk" ||
		complain "man/${page##*/} is not in man/local.mk"
	case $page in
	*.3)
		has "$page" '\.Sh LIBRARY' '\.Sh SYNOPSIS' '\.Sh DESCRIPTION' '\.Sh RETURN VALUES' \
			'\.Sh EXAMPLES' '\.Sh ERRORS' '\.Sh ATTRIBUTES' '\.Sh SEE ALSO' \
			'\.It Threads' '\.It Signals' '\.It Fork' '\.It Progress'
		;;
	esac
done

finish "$pages manual pages"
