#!/bin/sh
# SPDX-License-Identifier: MIT
# house_headers: each header compiles alone; the public ones in strict C11 and C++17, with every compiler found.
. "${0%/*}/common.sh"
scratch

# An inherited wrapper such as "ccache gcc" has a space.
found()
{
	command -v "${1%% *}" >/dev/null 2>&1
}

# try WHAT PROGRAM COMPILER FLAGS…: the program's text has to compile without a word.
try()
{
	what=$1
	printf '%s\n' "$2" >"$tmp/program"
	shift 2
	"$@" -Wall -Wextra -Werror -I"$top_srcdir/include" -fsyntax-only - <"$tmp/program" ||
		complain "$what: $*"
}

c_program='
#include <cprom.h>

CPROM_COUNTER(jobs, "jobs_done_total", "Jobs finished.", .labels = CPROM_LABELS("queue"));
static CPROM_HISTOGRAM(latency, "job_seconds", "Time.", .buckets = CPROM_BUCKETS(0.1, 1, 10));
CPROM_GAUGE(level, "level", "Level.");
CPROM_SUMMARY(sizes, "sizes_bytes", "Sizes.", .quantiles = CPROM_QUANTILES(0.5, 0.99));
CPROM_INFO(build, "build", "Build.");
static CPROM_STATESET(mode, "mode", "Mode.", .states = CPROM_STATES("idle", "busy"));

int main(void)
{
	cprom_registry *r = cprom_registry_new(.shared = 1);
	cprom_server *server = cprom_server_start("127.0.0.1:0", .registry = r);

	CPROM_TIME(latency) {
		cprom_counter_inc(cprom_labels(jobs, "odd"));
	}
	CPROM_TIME_SCOPE(sizes);
	cprom_gauge_set(level, 1);
	cprom_info_set(build, "version", "1.2");
	cprom_stateset_set(mode, 1);
	cprom_remove(jobs, "odd");
	cprom_remove_matching(jobs, "queue", "even");
	cprom_clear(jobs);
	cprom_unregister(jobs);
	cprom_server_stop(server);
	cprom_registry_free(r);
	return 0;
}
'
cxx_program='
#include <cprom.h>

static CPROM_COUNTER(jobs, "jobs_done_total", "Jobs finished.",
	[](auto &o) { o.labels = CPROM_LABELS("queue"); });
static CPROM_HISTOGRAM(latency, "job_seconds", "Time.");

int main()
{
	cprom_registry *r = cprom_registry_new();
	cprom_server *server = cprom_server_start("127.0.0.1:0", [&](auto &o) { o.registry = r; });

	CPROM_TIME(latency) {
		cprom_counter_inc(cprom_labels(jobs, "odd"));
	}
	cprom_remove(jobs, "odd");
	cprom_clear(jobs);
	cprom_server_stop(server);
	cprom_registry_free(r);
}
'

compilers=0
for cc in "$CC" gcc clang; do
	found "$cc" || continue
	compilers=$((compilers + 1))
	try cprom.h '#include <cprom.h>' $cc -std=c11 -pedantic -xc
	try "a C11 program" "$c_program" $cc -std=c11 -pedantic -xc
	for header in "$top_srcdir"/src/*.h; do
		try "${header##*/}" "#include \"${header##*/}\"" \
			$cc -std=gnu11 -I"$top_srcdir/src" -Wno-unused-function -xc
	done
done
for cxx in g++ clang++; do
	found "$cxx" || continue
	compilers=$((compilers + 1))
	try cprom.h '#include <cprom.h>' $cxx -std=c++17 -pedantic -xc++
	try "a C++17 program" "$cxx_program" $cxx -std=c++17 -pedantic -xc++
done
test -z "${CPROM_NO_SKIP-}" || test "$compilers" -eq 5 || die "gcc, g++, clang and clang++ are needed"

finish "headers compile alone ($compilers compilers)"
