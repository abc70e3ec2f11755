# SPDX-License-Identifier: MIT
# tests/bench/local.mk: `make bench` measures and prints a table; `make check` has no part in it.
#
# A group is a program of its name; a bound that is not C is bound_GROUP beside it, and other libraries are
# asked by what peers/build.sh has made. run.sh says how they take turns. The rows are kept in tests/bench/rows.tsv.
bench_programs = \
	tests/bench/update \
	tests/bench/look_up \
	tests/bench/render \
	tests/bench/deflate \
	tests/bench/create \
	tests/bench/http \
	tests/bench/scale \
	tests/bench/large \
	tests/bench/memory \
	tests/bench/start

bench_bounds =
if HAVE_CXX
bench_bounds += tests/bench/bound_render
endif

EXTRA_PROGRAMS += $(bench_programs) $(bench_bounds)
CLEANFILES += $(bench_programs) $(bench_bounds) tests/bench/rows.tsv

bench_common = tests/bench/bench.c tests/bench/bench.h
bench_bound = tests/bench/bound.c tests/bench/bound.h
bench_rendered = tests/bench/rendered.c tests/bench/rendered.h

tests_bench_update_SOURCES = tests/bench/update.c $(bench_common) $(bench_bound)
tests_bench_update_LDADD = libcprom.la -lm
tests_bench_look_up_SOURCES = tests/bench/look_up.c $(bench_common) $(bench_bound)
tests_bench_look_up_LDADD = libcprom.la -lm
tests_bench_render_SOURCES = tests/bench/render.c $(bench_common) $(bench_rendered)
tests_bench_render_LDADD = libcprom.la -lm
tests_bench_deflate_SOURCES = tests/bench/deflate.c $(bench_common) $(bench_rendered)
tests_bench_deflate_LDADD = libcprom.la -lm $(ZLIB_LIBS) $(LIBDEFLATE_LIBS)
tests_bench_deflate_CPPFLAGS = $(AM_CPPFLAGS) -DHAVE_ZLIB=$(HAVE_ZLIB) -DHAVE_LIBDEFLATE=$(HAVE_LIBDEFLATE)
tests_bench_bound_render_SOURCES = tests/bench/bound_render.cc $(bench_common) $(bench_rendered)
tests_bench_bound_render_LDADD = libcprom.la -lm
tests_bench_create_SOURCES = tests/bench/create.c $(bench_common) $(bench_bound)
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

# Quicker: make bench BENCH_REPETITIONS=3 BENCH_GROUPS='update render'
BENCH_REPETITIONS = 9
BENCH_MILLISECONDS = 200
BENCH_GROUPS = $(bench_programs)

bench: $(bench_programs) $(bench_bounds)
	@CXX='$(CXX)' PYTHON3='$(PYTHON3)' $(SHELL) $(srcdir)/tests/bench/peers/build.sh \
		$(srcdir)/tests/bench/peers tests/bench/bench.$(OBJEXT) tests/bench/built
	@CC='$(CC)' $(SHELL) $(srcdir)/tests/bench/run.sh $(BENCH_REPETITIONS) $(BENCH_MILLISECONDS) \
		tests/bench/built/list $(BENCH_GROUPS) >tests/bench/rows.tsv
	@$(PYTHON3) $(srcdir)/tests/bench/figures.py tests/bench/rows.tsv

# The chart of the README, from the rows that the last run left.
bench-chart:
	$(PYTHON3) $(srcdir)/tests/bench/figures.py --svg tests/bench/rows.tsv $(srcdir)/tests/bench/figures.svg

clean-local:
	rm -rf tests/bench/built tests/bench/start-programs tests/fuzz/built

.PHONY: bench bench-chart

EXTRA_DIST += \
	tests/bench/figures.py \
	tests/bench/figures.svg \
	tests/bench/run.sh \
	tests/bench/start.sh \
	tests/bench/daemon.c \
	tests/bench/bare_daemon.c
