# SPDX-License-Identifier: MIT
# tests/bench/local.mk: `make bench` measures and prints a table; `make check` has no part in it.
#
# One program a group; BENCH_REPETITIONS for a longer or shorter run. The rows are
# kept in tests/bench/rows.tsv.
bench_programs = \
	tests/bench/update \
	tests/bench/render \
	tests/bench/create \
	tests/bench/http

EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs) tests/bench/rows.tsv tests/bench/*.rows

bench_common = tests/bench/bench.c tests/bench/bench.h
bench_bound = tests/bench/bound.c tests/bench/bound.h

tests_bench_update_SOURCES = tests/bench/update.c $(bench_common) $(bench_bound)
tests_bench_update_LDADD = libcprom.la -lm
tests_bench_render_SOURCES = tests/bench/render.c $(bench_common)
tests_bench_render_LDADD = libcprom.la -lm
tests_bench_create_SOURCES = tests/bench/create.c $(bench_common)
tests_bench_create_LDADD = libcprom.la -lm
tests_bench_http_SOURCES = tests/bench/http.c $(bench_common)
tests_bench_http_LDADD = libcprom.la -lm

BENCH_REPETITIONS = 9

bench: $(bench_programs)
	@for program in $(bench_programs); do \
		./$$program $(BENCH_REPETITIONS) >$$program.rows || exit 1; \
	done
	@for program in $(bench_programs); do cat $$program.rows; done >tests/bench/rows.tsv
	@$(PYTHON3) $(srcdir)/tests/bench/figures.py tests/bench/rows.tsv

.PHONY: bench

EXTRA_DIST += tests/bench/figures.py
