#!/bin/sh
# SPDX-License-Identifier: MIT
# house_floors: a file of src/ includes only what stands on a lower floor, or further left on its own.
. "${0%/*}/common.sh"

# Floor, then its rooms; the order counts. HACKING.md has the same table in words.
floors='
0 platform error atomic clock
1 hash region index kinship lane epoch
2 number_table number escape put format name label_text
3 table bucket exponential_table exponential shape sparse series record collision family definition registry exemplar part labels metric
4 bounds sketch native counter gauge histogram summary info stateset collector process self build_info
5 buffer negotiate naming sample text openmetrics protobuf shown crc32_table crc32 huffman deflate selection sink scrape dump
6 http_parse http_body http_reply http_query http_request access http_page http_site http_conn activation address http_loop server
7 default timer instrument textfile
'

# "a b": a.c, though not a.h, may include b.h although b stands to the right:
# it works on what b lays out.
siblings='
lane epoch
shape series
family definition
family registry
'

# place_of ROOM: its floor and how far right it stands, as one number; nothing if there is no such room.
place_of()
{
	echo "$floors" | awk -v room="$1" '{ for (i = 2; i <= NF; i++) if ($i == room) print $1 * 100 + i }'
}

includes()
{
	code "$1" | sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)\.h".*/\1/p'
}

for file in "$top_srcdir"/src/*.[ch]; do
	name=${file##*/}
	room=${name%.*}
	here=$(place_of "$room")
	if test -z "$here"; then
		complain "src/$name stands on no floor; add it to the table"
		continue
	fi
	for header in $(includes "$file"); do
		there=$(place_of "$header")
		if test -z "$there"; then
			complain "src/$name includes \"$header.h\", which stands on no floor"
		elif test "$there" -gt "$here" && ! { test "$name" = "$room.c" &&
			echo "$siblings" | grep -qx "$room $header"; }; then
			complain "src/$name includes \"$header.h\", which stands above it or to its right"
		fi
	done
done

for room in $(echo "$floors" | cut -s -d' ' -f2-); do
	test -e "$top_srcdir/src/$room.c" || test -e "$top_srcdir/src/$room.h" ||
		complain "the table has a room \"$room\" that is not in src/"
done
for pair in $(echo "$siblings" | tr ' ' :); do
	includes "$top_srcdir/src/${pair%:*}.c" | grep -qx "${pair#*:}" ||
		complain "${pair%:*}.c does not include ${pair#*:}.h; take it off the list"
done

finish "every include in src/ points down"
