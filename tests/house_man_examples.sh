#!/bin/sh
# SPDX-License-Identifier: MIT
# house_man_examples: each program of an EXAMPLES section compiles without a warning, returns 0, and prints what the page says.
#
# The literal blocks of EXAMPLES are by turns a whole program and what it prints, in which "..."
# stands for what is different each time.
. "${0%/*}/common.sh"
scratch

library=$top_builddir/.libs/libcprom.a
flags="-std=gnu11 -Wall -Wextra -Werror -O1 -pthread $sanitizer_flags"

# blocks PAGE: writes the literal blocks of EXAMPLES to $tmp/PAGE.N.c and $tmp/PAGE.N.wanted.
blocks()
{
	awk -v stem="$tmp/${1##*/}." '
		/^\.Sh/ { in_examples = $2 == "EXAMPLES" }
		/^\.Bd/ && in_examples { inside = 1; n++; next }
		/^\.Ed/ { inside = 0 }
		inside {
			gsub(/\\&/, "")
			gsub(/\\-/, "-")
			gsub(/\\\(aq/, "\047")
			gsub(/\\\(dq/, "\"")
			gsub(/\\e|\\\(rs/, "\\")
			print >(stem int((n + 1) / 2) (n % 2 ? ".c" : ".wanted"))
		}
	' "$1"
}

for page in "$top_srcdir"/man/*.[1-9]; do
	test ! -f "$page" || blocks "$page"
	case $page in
	*.3) test -f "$tmp/${page##*/}.1.c" || complain "${page##*/} has no example" ;;
	esac
done

count=0
for program in "$tmp"/*.c; do
	test -f "$program" || continue
	count=$((count + 1))
	name=${program##*/}
	if ! $CC $flags -I"$top_srcdir/include" -o "$tmp/a.out" "$program" "$library"; then
		complain "$name does not compile"
		cat "$program"
		continue
	fi
	expand "$program" | awk 'length($0) > 75' | grep . && complain "$name: lines too long for a terminal"
	(cd "$tmp" && timeout 30 ./a.out >"$tmp/printed" 2>&1) || complain "$name ended with status $?"
	same_output "${program%.c}.wanted" "$tmp/printed" || complain "$name prints something else"
done

finish "$count programs out of the manual"
