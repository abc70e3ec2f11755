#!/bin/sh
# SPDX-License-Identifier: MIT
# run: lets the programs of each group take turns, and prints one row per case and repetition.
#
# usage: run.sh REPETITIONS MILLISECONDS PEERS GROUP…, in the build directory
#
# PEERS is the list that peers/build.sh made. In each repetition, each group: cprom and its bound by
# turns, then a bound that has a program of its own, then the peers.
set -u
repetitions=$1 milliseconds=$2 peers=$3 here=${0%/*}
shift 3
rows=$(mktemp "${TMPDIR:-/tmp}/cprom-bench.XXXXXX") || exit 1
trap 'rm -f "$rows"' EXIT
trap 'exit 129' HUP INT TERM

# turn COMMAND…: its rows. Peers do not know the number of the repetition.
turn()
{
	BENCH_REPETITION=$repetition "$@" >"$rows" </dev/null || {
		echo "bench: $1 failed" >&2
		return 1
	}
	awk -F '\t' -v OFS='\t' -v r="$repetition" 'NF == 7 && $1 != "group" { $5 = r; print }' "$rows"
}

printf 'group\twhat\tlibrary\tthreads\trepetition\tvalue\tunit\n'
repetition=0
while test "$repetition" -lt "$repetitions"; do
	for group; do
		group=${group##*/}
		echo "bench: repetition $((repetition + 1)) of $repetitions, $group" >&2
		if test -f "$here/$group.sh"; then
			turn "${SHELL:-sh}" "$here/$group.sh" "$here/../.." 1
		else
			turn "tests/bench/$group" 1 "$milliseconds" || exit 1
		fi
		test ! -x "tests/bench/bound_$group" || turn "tests/bench/bound_$group" 1 "$milliseconds"
		while IFS='	' read -r name command; do
			# shellcheck disable=SC2086
			BENCH_LIBRARY=$name turn $command "$group" "$milliseconds"
		done <"$peers"
	done
	repetition=$((repetition + 1))
done
