# SPDX-License-Identifier: MIT
# tests/bench/local.mk: `make bench` measures and prints a table; `make check` has no part in it.
#
# One program a group; BENCH_REPETITIONS for a longer or shorter run. The rows are
# kept in tests/bench/rows.tsv.
bench_programs = \
	tests/bench/update \
	tests/bench/render \
	tests/bench/create \
	tests/bench/http \
	tests/bench/scale \
	tests/bench/large \
	tests/bench/memory

EXTRA_PROGRAMS += $(bench_programs) tests/bench/start
CLEANFILES += $(bench_programs) tests/bench/start tests/bench/rows.tsv tests/bench/*.rows

bench_common = tests/bench/bench.c tests/bench/bench.h
bench_bound = tests/bench/bound.c tests/bench/bound.h

tests_bench_update_SOURCES = tests/bench/update.c $(bench_common) $(bench_bound)
tests_bench_update_LDADD = libcprom.la -lm
tests_bench_render_SOURCES = tests/bench/render.c $(bench_common)
tests_bench_render_LDADD = libcprom.la -lm
tests_bench_create_SOURCES = tests/bench/create.c $(bench_common)
tests_bench_create_LDADD = libcprom.la -lm
tests_bench_http_SOURCES = tests/bench/http.c tests/bench/bare.c tests/bench/bare.h $(bench_common)
tests_bench_http_LDADD = libcprom.la -lm
tests_bench_scale_SOURCES = tests/bench/scale.c $(bench_common) $(bench_bound)
tests_bench_scale_LDADD = libcprom.la -lm
tests_bench_large_SOURCES = tests/bench/large.c $(bench_common) $(bench_bound)
tests_bench_large_LDADD = libcprom.la -lm
tests_bench_large_LDFLAGS = $(heap_ldflags)
tests_bench_memory_SOURCES = tests/bench/memory.c $(bench_common)
tests_bench_memory_LDADD = libcprom.la -lm
tests_bench_start_SOURCES = tests/bench/start.c $(bench_common)
tests_bench_start_LDADD = -lm

BENCH_REPETITIONS = 9

bench: $(bench_programs) tests/bench/start
	@for program in $(bench_programs); do \
		./$$program $(BENCH_REPETITIONS) >$$program.rows || exit 1; \
	done
	@CC='$(CC)' $(SHELL) $(srcdir)/tests/bench/start.sh $(srcdir) $(BENCH_REPETITIONS) \
		>tests/bench/start.rows
	@for program in $(bench_programs) tests/bench/start; do cat $$program.rows; done >tests/bench/rows.tsv
	@$(PYTHON3) $(srcdir)/tests/bench/figures.py tests/bench/rows.tsv

.PHONY: bench

clean-local:
	rm -rf tests/bench/start-programs

EXTRA_DIST += tests/bench/figures.py tests/bench/start.sh tests/bench/daemon.c \
	tests/bench/bare_daemon.c
