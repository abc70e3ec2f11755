#!/bin/sh
# SPDX-License-Identifier: MIT
# start.sh: builds a minimal daemon with and without cprom, and measures how they start: start.c.
#
# usage: start.sh SOURCES REPETITIONS, in the build directory
#
# Three ways: linked with the system's libc, dynamically (but libcprom.a) and statically, and
# statically with musl, for which the library is configured and built once more, if there is a
# musl-gcc.
set -eu
sources=$(cd "$1" && pwd)
repetitions=$2
CC=${CC:-cc}
here=tests/bench/start-programs
flags="-O2 -std=gnu11 -pthread -ffunction-sections -fdata-sections -Wl,--gc-sections"
mkdir -p "$here"
list=

# build NAME COMPILER LIBRARY FLAG…: both programs, which go into the list.
build()
{
	name=$1
	compiler=$2
	library=$3
	shift 3
	bench=$sources/tests/bench
	$compiler $flags "$@" -o "$here/$name-bare" "$bench/bare_daemon.c" "$bench/bare.c"
	$compiler $flags "$@" -I"$sources/include" -o "$here/$name-cprom" "$bench/daemon.c" "$library"
	strip "$here/$name-bare" "$here/$name-cprom"
	list="$list $name $here/$name-bare $here/$name-cprom"
}

# musl_library: builds it; false if that cannot be.
musl_library()
{
	command -v musl-gcc >/dev/null 2>&1 || return 1
	mkdir -p "$here/musl"
	(cd "$here/musl" && { [ -f Makefile ] || "$sources/configure" --quiet --disable-shared \
		CC=musl-gcc CFLAGS=-O2; } && make -s libcprom.la) >"$here/musl.log" 2>&1
}

build dynamic "$CC" .libs/libcprom.a
build static "$CC" .libs/libcprom.a -static
if musl_library; then
	build musl musl-gcc "$here/musl/.libs/libcprom.a" -static
else
	echo "start.sh: no musl: $here/musl.log" >&2
fi
exec tests/bench/start "$repetitions" $list
