#!/bin/sh
# SPDX-License-Identifier: MIT
# explore: small programs over the real core under every interleaving; what and how is in explore/machine.h.
#
# The core is compiled with explore/atomic.h in the place of src/atomic.h. Every program is
# searched: as it is, with a weaker memory, with one thread frozen or one process killed at any
# operation. Then each mistake of explore/mutants.txt is made in turn, and has to be found.
#
# EXPLORE=long searches deeper and in all memory models: about twenty minutes. EXPLORE_SECONDS
# (10, long: 5) is the most that a search may take. EXPLORE_JOBS (2) run at a time. EXPLORE_MUTANTS, a pattern, picks some;
# EXPLORE_EVERY=3 each third of them.
# EXPLORE_KEEP, a directory, keeps the built program.
. "${0%/*}/common.sh"
here=$top_srcdir/tests/explore
jobs=${EXPLORE_JOBS:-2}

# ---- building -----------------------------------------------------------------

# What no program needs: above the model, or files and processes of the system.
unused=' access activation address build_info crc32 deflate dump http_body http_conn http_loop http_page http_parse http_query
	http_reply http_request http_site huffman instrument process server textfile timer '
machine="memory model hooks schedule search system coroutine explore"
programs="litmus rooms page metrics processes exemplars native"
warnings="-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef"

core_names()
{
	for source in "$top_srcdir"/src/*.c; do
		unit=${source##*/}
		case $unused in
		*[[:space:]]"${unit%.c}"[[:space:]]*) ;;
		*) echo "${unit%.c}" ;;
		esac
	done
}

# flags SRC: for the machine; the core and the programs are watched, too.
flags()
{
	echo "-std=gnu11 -O1 -g -fno-pie -I$top_srcdir/include -I$1 -I$here -DCPROM_VERSION='\"$PACKAGE_VERSION\"'"
}

watched="-fsanitize=thread -include $here/atomic.h"

# makefile SRC OUT OTHERS: compiles to OUT; objects that are not made there come from OTHERS.
makefile()
{
	core=$(core_names)
	objects=
	printf 'all: %s/explore\n' "$2"
	for unit in $machine; do
		printf '%s/m_%s.o: %s/%s.c\n\t%s %s -O2 %s -c -o $@ $<\n' "$2" "$unit" "$here" "$unit" \
			"$CC" "$(flags "$1")" "$warnings"
		objects="$objects $2/m_$unit.o"
	done
	for edge in first last; do
		printf '%s/%s.o: %s/edge.c\n\t%s %s -DEDGE=explore_%s -c -o $@ $<\n' "$2" $edge "$here" \
			"$CC" "$(flags "$1")" $edge
	done
	objects="$objects $2/first.o"
	for unit in $core; do
		printf '%s/c_%s.o: %s/%s.c\n\t%s %s %s -w -c -o $@ $<\n' "$2" "$unit" "$1" "$unit" \
			"$CC" "$(flags "$1")" "$watched"
		objects="$objects $2/c_$unit.o"
	done
	for unit in $programs; do
		printf '%s/p_%s.o: %s/%s.c\n\t%s %s %s %s -c -o $@ $<\n' "$2" "$unit" "$here" "$unit" \
			"$CC" "$(flags "$1")" "$watched" "$3"
		objects="$objects $2/p_$unit.o"
	done
	objects="$objects $2/last.o"
	printf '%s/explore: %s\n\t%s -no-pie -o $@ %s -lm\n' "$2" "$objects" "$CC" "$objects"
}

# build SRC OUT JOBS WARNINGS: what is in OUT already is not made again.
build()
{
	makefile "$1" "$2" "$4" >"$2/Makefile"
	MAKEFLAGS='' $MAKE -s -j"$3" -f "$2/Makefile" >"$2/build.log" 2>&1
}

# ---- one mutant, in a process of its own: explore.sh --mutant N BUILT -----------------

mutate()
{
	awk -v number="$1" -v src="${2-}" -f "$here/mutate.awk" "$here/mutants.txt"
}

# Prints a line; 0 if the mistake was found.
try_mutant()
{
	dir=$2.mutant$1
	mutate "$1" >"$2.words$1"
	{ read -r name; read -r file; read -r arguments; } <"$2.words$1"
	mkdir "$dir" "$dir/src" || return 1
	cp "$2.src"/*.[ch] "$dir/src" || return 1
	if ! mutate "$1" "$2.src" >"$dir/src/$file"; then
		echo "mutant $name: rotten"
		return 1
	fi
	cp "$2"/*.o "$dir"
	case $file in
	*.h) rm -f "$dir"/[cp]_*.o ;;
	*) rm -f "$dir/c_${file%.c}.o" ;;
	esac
	# Only what the change touches is older than its source.
	find "$dir" -name '*.o' -exec touch {} +
	if ! build "$dir/src" "$dir" 1 -w; then
		echo "mutant $name: does not build"
		cat "$dir/build.log"
		return 1
	fi
	# shellcheck disable=SC2086 # words
	timeout 60 "$dir/explore" --quiet --seconds 20 $arguments >"$dir/log" 2>&1
	status=$?
	found=$(sed -n 's/ .* FAIL$//p' "$dir/log" | tr '\n' ' ')
	if test $status -eq 1 && test -n "$found"; then
		printf 'mutant %-26s found by %s\n' "$name" "$found"
		rm -rf "$dir"
		return 0
	fi
	printf 'mutant %-26s NOT FOUND (%s)\n' "$name" "$arguments"
	cat "$dir/log"
	return 1
}

if test "${1-}" = --mutant; then
	try_mutant "$3" "$2" >"$2.log$3" 2>&1 || echo 1 >"$2.failed$3"
	exit 0
fi

# ---- all of it -----------------------------------------------------------------------

test "$SANITIZER" = no || skip "the explorer compiles for itself, and looks for races itself"
need awk xargs timeout
scratch
: "${PACKAGE_VERSION:=0}"
export top_srcdir top_builddir CC MAKE PACKAGE_VERSION

# A copy, so that all that follows is of one state of the source.
{ mkdir "$tmp/built" "$tmp/built.src" && cp "$top_srcdir"/src/*.[ch] "$tmp/built.src"; } || die "cp"
build "$tmp/built.src" "$tmp/built" "$jobs" "$warnings" || {
	cat "$tmp/built/build.log"
	die "the explorer does not build"
}
explore=$tmp/built/explore
test -z "${EXPLORE_KEEP-}" || cp "$explore" "$EXPLORE_KEEP"

# Each a line of arguments, run at the same time as others, the longest first.
if test "${EXPLORE-}" = long; then
	limit="--seconds ${EXPLORE_SECONDS:-5} --walks 5000"
	runs="$limit --preemptions 3
$limit --mode c11 --preemptions 2 --stale 2
$limit --mode pso --preemptions 2 --stale 2
$limit --mode tso --preemptions 2 --stale 2
$limit --mode c11 --preemptions 3
$limit --freeze --preemptions 2
$limit --freeze --mode c11 --preemptions 1
$limit --kill --preemptions 2
$limit --kill --mode c11 --preemptions 1"
else
	limit="--seconds ${EXPLORE_SECONDS:-10}"
	runs="$limit
$limit --mode c11
$limit --freeze
$limit --kill
$limit --kill --mode c11 --preemptions 0
$limit --mode tso litmus
$limit --mode pso litmus"
fi

n=0
printf '%s\n' "$runs" >"$tmp/runs"
while read -r arguments; do
	n=$((n + 1))
	echo "$n $arguments"
done <"$tmp/runs" | xargs -P "$jobs" -L 1 sh -c \
	'explore=$0 tmp=$1 n=$2; shift 2; "$explore" "$@" >"$tmp/run$n" 2>&1 || echo "$n" >"$tmp/run_failed$n"' \
	"$explore" "$tmp"
for log in "$tmp"/run[0-9]*; do
	cat "$log"
done
for failed in "$tmp"/run_failed*; do
	test ! -f "$failed" || complain "a search failed: explore $(sed -n "$(cat "$failed")p" "$tmp/runs")"
done

# What must fail does.
for program in race race-release race-acquire "--freeze waits"; do
	# shellcheck disable=SC2086 # words
	"$explore" --quiet $program >"$tmp/log" && complain "nothing was found wrong with $program"
done

count=$(mutate '')
found=0
for number in $(seq "$count"); do
	name=$(mutate "$number" | sed 1q)
	case $name in
	${EXPLORE_MUTANTS:-*}) echo "$number" ;;
	esac
done | awk -v every="${EXPLORE_EVERY:-1}" 'NR % every == 0' | xargs -P "$jobs" -I '{}' sh "$0" --mutant "$tmp/built" '{}'
for log in "$tmp"/built.log*; do
	test -f "$log" || continue
	cat "$log"
	grep -q ' found by ' "$log" && found=$((found + 1))
done
for failed in "$tmp"/built.failed*; do
	test ! -f "$failed" || complain "mutant $(sed 1q "$tmp/built.words${failed#"$tmp"/built.failed}")"
done

cat "$tmp"/run[0-9]* | awk '
	/ runs / {
		searches++
		for (i = 2; i <= NF; i++) {
			if ($i == "runs") runs += $(i - 1)
			if ($i == "states") states += $(i - 1)
			if ($i == "CUT") cut++
		}
	}
	END {
		printf "%d searches (%d cut off by their limit), %.0f executions, %.0f states\n",
			searches, cut, runs, states
	}'
finish "explored; $found of $count mutants found"
