#!/bin/sh
# SPDX-License-Identifier: MIT
# house_symbols: header, symbol list, shared library and archive agree on what is public and how it is called.
. "${0%/*}/common.sh"
need awk grep "${NM%% *}"
test "$SANITIZER" = no || skip "a sanitizer adds symbols of its own"
scratch

# same WHAT FILE: FILE must hold what the header declares.
same()
{
	diff "$tmp/header" "$2" || complain "$1 and the functions of cprom.h differ (< header, > $1)"
}

public_functions >"$tmp/header"
test "$(wc -l <"$tmp/header")" -ge 70 || complain "cprom.h: too few functions found"
test "$(wc -l <"$tmp/header")" -eq "$(code "$top_srcdir/include/cprom.h" | grep -c '^CPROM_API')" ||
	complain "cprom.h: not every CPROM_API is a function that was found"
same src/cprom.sym "$top_srcdir/src/cprom.sym"

archive=$top_builddir/.libs/libcprom.a
if test -f "$archive"; then
	$NM -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort >"$tmp/archive"
	grep -v -E '^(cprom|cpromi)_' "$tmp/archive" && complain "$archive: symbols without a prefix"
	grep '^cprom_' "$tmp/archive" >"$tmp/archive_public"
	same libcprom.a "$tmp/archive_public"
fi

shared=$top_builddir/.libs/libcprom.so
if test -f "$shared"; then
	# An older binutils shows the name of a version script, an absolute symbol, too.
	$NM -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sort >"$tmp/shared"
	same libcprom.so "$tmp/shared"
	command -v readelf >/dev/null 2>&1 && { readelf -d "$shared" | grep -q 'SONAME.*\[libcprom\.so\.0\]' ||
		complain "libcprom.so has no soname libcprom.so.0"; }
fi
test -f "$archive" || test -f "$shared" || die "no library in $top_builddir/.libs"

finish "$(wc -l <"$tmp/header") public functions"
