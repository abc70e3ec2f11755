#!/bin/sh
# SPDX-License-Identifier: MIT
# house_abi: the shared library has the interface that src/cprom.abi records. `make record-abi` records it anew, which a
# change that breaks programs may do only together with -version-info in src/local.mk.
. "${0%/*}/common.sh"
need abidiff
shared=$top_builddir/.libs/libcprom.so
test -f "$shared" || skip "no shared library"
case $($CC -dumpmachine) in
x86_64-*) ;;
*) finish "nothing to do: recorded was that of x86-64" ;;
esac
readelf -S "$shared" | grep -q '\.debug_info' || skip "no debugging information in the library"
scratch

abidiff --drop-private-types --headers-dir2 "$top_srcdir/include" "$top_srcdir/src/cprom.abi" "$shared" >"$tmp/changes" 2>&1 ||
	complain "the interface is not the recorded one: $(cat "$tmp/changes")"
finish "$(grep -c '<elf-symbol ' "$top_srcdir/src/cprom.abi") symbols"
