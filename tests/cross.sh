#!/bin/sh
# SPDX-License-Identifier: MIT
# cross: the unit tests on other machines, with another C library, and by each compiler at each level.
#
# cross.sh [TARGET…], from the build directory: each target is configured in cross/TARGET for itself. Programs for
# machines that this one cannot run go through qemu-user, with the C library of Debian's cross packages.
# The sources of cmocka and zlib, which tests need and no such package has, are fetched by apt-get into
# cross/sources; CROSS_SOURCES, a directory that holds cmocka-VERSION and zlib-VERSION, spares that.
. "${0%/*}/common.sh"

jobs=$(nproc 2>/dev/null || echo 2)
mkdir -p cross
cross=$PWD/cross
sources=${CROSS_SOURCES:-$cross/sources}

all="aarch64 armhf i386 riscv64 s390x musl
	gcc-O0 gcc-O2 gcc-O3 gcc-lto clang-O0 clang-O2 clang-O3 clang-lto"

# ---- targets -------------------------------------------------------------------

# describe TARGET: its compiler and what goes with it, and what runs its programs (nothing: they run as they are).
describe()
{
	host= emulator= cc= options= link=
	case $1 in
	aarch64) host=aarch64-linux-gnu emulator=qemu-aarch64 ;;
	armhf) host=arm-linux-gnueabihf emulator=qemu-arm ;;
	i386) host=i686-linux-gnu ;;
	riscv64) host=riscv64-linux-gnu emulator=qemu-riscv64 ;;
	s390x) host=s390x-linux-gnu emulator=qemu-s390x ;;
	musl) cc=musl-gcc link=-all-static ;;
	*-lto) cc=${1%-lto} options=-O2\ -flto ;;
	*-O?) cc=${1%-O?} options=-${1##*-} ;;
	*) die "there is no target $1" ;;
	esac
	: "${cc:=$host-gcc}" "${options:=-O2}"
	tools=${host:+$host-}
	case $1 in
	gcc-lto) tools=gcc- ;;
	clang-lto) tools=llvm- ;;
	i386) link="-Wl,--dynamic-linker=/usr/$host/lib/ld-linux.so.2 -Wl,-rpath,/usr/$host/lib" ;;
	esac
}

# lacks: what the target needs and is not here.
lacks()
{
	for program in "$cc" "${tools}ar" ${emulator:+"$emulator"}; do
		command -v "$program" >/dev/null 2>&1 || echo "$program"
	done
}

# ---- libraries for the tests ---------------------------------------------------

# fetch_sources: Debian's, by lists of packages of our own, for the system's seldom name sources.
fetch_sources()
{
	test -z "$(find_source cmocka)" || test -z "$(find_source zlib)" || return 0
	need apt-get dpkg-source
	mkdir -p "$sources/apt/lists/partial" "$sources/apt/cache/archives/partial" "$sources/apt/parts"
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $codename main" \
		>"$sources/apt/sources.list"
	(
		cd "$sources" || exit 1
		set -- -o Dir::Etc::sourcelist="$PWD/apt/sources.list" -o Dir::Etc::sourceparts="$PWD/apt/parts" \
			-o Dir::State::lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache"
		apt-get -qq "$@" update && apt-get -qq "$@" source cmocka zlib
	) >"$sources/apt.log" 2>&1 || {
		cat "$sources/apt.log"
		skip "apt-get gave no sources of cmocka and zlib"
	}
}

find_source()
{
	find "$sources" -maxdepth 1 -type d -name "$1-*" 2>/dev/null | sed 1q
}

# build_libraries: libcmocka.a and libz.a of the target, here.
build_libraries()
{
	mkdir -p include lib objects
	cmocka=$(find_source cmocka) zlib=$(find_source zlib)
	cp "$cmocka/include/cmocka.h" "$zlib/zlib.h" "$zlib/zconf.h" include/
	"$cc" -O2 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -I"$cmocka/include" -DHAVE_INTTYPES_H -DHAVE_MALLOC_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H \
		-DHAVE_STRUCT_TIMESPEC -DHAVE_CLOCK_REALTIME -DHAVE_SIGLONGJMP -DHAVE_STRSIGNAL \
		-DHAVE_GCC_THREAD_LOCAL_STORAGE -c "$cmocka/src/cmocka.c" -o objects/cmocka.o &&
		(cd objects && "$cc" -O2 -DHAVE_UNISTD_H -c "$zlib"/*.c) &&
		"${tools}ar" rcs lib/libcmocka.a objects/cmocka.o &&
		rm objects/cmocka.o &&
		"${tools}ar" rcs lib/libz.a objects/*.o
}

# ---- building and running ------------------------------------------------------

# A compiler for C++ that is not there is no mistake: one test less. What else the examples use is found nowhere.
configure()
{
	case $cc in
	musl-gcc) cxx=none ;;
	clang) cxx=clang++ ;;
	*) cxx=${host:+$host-}g++ ;;
	esac
	"$top_srcdir/configure" --quiet --enable-werror --disable-shared ${host:+--host="$host"} \
		CC="$cc" CXX="$cxx" AR="${tools}ar" RANLIB="${tools}ranlib" NM="${tools}nm" CFLAGS="$options" \
		CXXFLAGS="$options" CPPFLAGS="-I$PWD/include" LDFLAGS="-L$PWD/lib"
}

run_tests()
{
	runner="${TEST_WRAPPER-} timeout -k 10 ${TEST_TIMEOUT:-1200}"
	test -z "$emulator" || runner="env CPROM_EMULATED=1 $runner $emulator -L /usr/$host"
	$MAKE -s -j"$jobs" check-TESTS check_PROGRAMS= TESTS='$(plain_tests)' LDFLAGS="-L$PWD/lib $link" \
		LOG_COMPILER="$runner"
}

# count_logs WORD: how many of the tests in the logs cmocka counts so.
count_logs()
{
	cat tests/*.log 2>/dev/null | sed -n "s/^\[ *$1 *\] \([0-9]*\) test.*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}

count_results()
{
	cat tests/*.trs 2>/dev/null | grep -c "^:test-result: $1"
}

# run TARGET: builds and runs it; a row of the table.
run()
{
	describe "$1"
	missing=$(lacks)
	if [ -n "$missing" ]; then
		row "$1" skipped: no $missing
		test -z "${CPROM_NO_SKIP-}" || complain "$1: no $missing (and nothing may be skipped)"
		return
	fi
	started=$(date +%s)
	mkdir -p "cross/$1"
	(
		cd "cross/$1" || exit 1
		export MAKEFLAGS=
		rm -f tests/*.log tests/*.trs
		{ build_libraries && configure && run_tests; } >log 2>&1 </dev/null
	) || complain "$1: see cross/$1/log"
	row "$1" "$(cd "cross/$1" && printf '%4d %4d %4d   %5d %4d %4d' "$(count_results PASS)" \
		"$(count_results FAIL)" "$(count_results SKIP)" "$(count_logs PASSED)" "$(count_logs FAILED)" \
		"$(count_logs SKIPPED)")   $(($(date +%s) - started)) s"
}

row()
{
	target=$1
	shift
	printf '%-12s %s\n' "$target" "$*" | tee -a cross/table
}

: >cross/table
fetch_sources
test $# -gt 0 || set -- $all
for target; do
	run "$target"
done
finish "the unit tests hold on $*"
