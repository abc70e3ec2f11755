#!/bin/sh
# SPDX-License-Identifier: MIT
# run: builds the library and fuzz targets with clang's libFuzzer and runs each target.
#
# run.sh SOURCES WHERE LIBS SECONDS TARGET…
set -eu
sources=$1 where=$2 libs=$3 seconds=$4
shift 4

flags="-std=gnu11 -O1 -g -pthread -fno-omit-frame-pointer -fno-sanitize-recover=all"
sanitizers=address,undefined

command -v "$CC" >/dev/null || {
	echo "fuzz: there is no $CC, which FUZZ_CC may name"
	exit 1
}

# compile SOURCE OBJECT: unless nothing of ours is newer.
compile()
{
	test -e "$2" && test -z "$(find "$sources/include" "$sources/src" "$sources/tests" -name '*.[ch]' -newer "$2")" ||
		"$CC" $flags -I"$sources/include" -I"$sources/src" -DCPROM_VERSION='"fuzzed"' \
			-fsanitize=fuzzer-no-link,$sanitizers -c "$1" -o "$2"
}

mkdir -p "$where/built" "$where/crashes"
for source in "$sources"/src/*.c; do
	name=${source##*/}
	compile "$source" "$where/built/${name%.c}.o"
done

for target; do
	compile "$sources/tests/fuzz/fuzz_$target.c" "$where/built/fuzz_$target.main"
	"$CC" $flags -fsanitize=fuzzer,$sanitizers -o "$where/built/fuzz_$target" \
		-x none "$where/built/fuzz_$target.main" "$where"/built/*.o -Wl,--as-needed $libs -lm
done

failed=
for target; do
	log=$where/built/$target.log
	mkdir -p "$where/found/$target"
	echo "fuzz: $target for $seconds s"
	"$where/built/fuzz_$target" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 -timeout=10 \
		-artifact_prefix="$where/crashes/$target-" \
		"$where/found/$target" "$sources/tests/fuzz/corpus/$target" >"$log" 2>&1 || {
		failed="$failed $target"
		cat "$log"
	}
	grep '^stat::number_of_executed_units' "$log" || true
done
test -z "$failed" || {
	echo "fuzz: failed:$failed; the inputs are in $where/crashes"
	exit 1
}
