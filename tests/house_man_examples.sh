#!/bin/sh
# SPDX-License-Identifier: MIT
# house_man_examples: each whole program of an EXAMPLES section compiles without a warning, runs and returns 0.
. "${0%/*}/common.sh"
scratch

library=$top_builddir/.libs/libcprom.a
flags="-std=gnu11 -Wall -Wextra -Werror -O1 -pthread $sanitizer_flags"

# programs PAGE: writes each literal block of EXAMPLES that has a main to $tmp/PAGE.N.c.
programs()
{
	awk -v stem="$tmp/${1##*/}" '
		/^\.Sh/ { in_examples = $2 == "EXAMPLES" }
		/^\.Bd/ && in_examples { in_block = 1; text = ""; next }
		/^\.Ed/ && in_block {
			in_block = 0
			if (text ~ /(^|\n| )main\(/) {
				file = stem "." ++n ".c"
				printf "%s", text >file
				close(file)
			}
		}
		in_block {
			gsub(/\\&/, "")
			gsub(/\\-/, "-")
			gsub(/\\\(aq/, "\047")
			gsub(/\\\(dq/, "\"")
			gsub(/\\e|\\\(rs/, "\\")
			text = text $0 "\n"
		}
	' "$1"
}

for page in "$top_srcdir"/man/*.[1-9] ; do
	test ! -f "$page" || programs "$page"
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
	(cd "$tmp" && timeout 30 ./a.out >"$tmp/output" 2>&1) || {
		complain "$name ended with status $?"
		cat "$tmp/output"
	}
done

finish "$count programs out of the manual"
