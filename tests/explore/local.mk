# SPDX-License-Identifier: MIT
# tests/explore/local.mk: the interleaving explorer, which tests/explore.sh compiles and runs.
#
# `make check-explore` runs the short version alone, EXPLORE=long the long one.

check-explore:
	$(MAKE) $(AM_MAKEFLAGS) check check_PROGRAMS= TESTS='$(explore_tests)'

.PHONY: check-explore

EXTRA_DIST += \
	tests/explore/atomic.h \
	tests/explore/core.h \
	tests/explore/coroutine.c \
	tests/explore/coroutine.h \
	tests/explore/edge.c \
	tests/explore/exemplars.c \
	tests/explore/explore.c \
	tests/explore/hooks.c \
	tests/explore/litmus.c \
	tests/explore/machine.h \
	tests/explore/memory.c \
	tests/explore/metrics.c \
	tests/explore/model.c \
	tests/explore/mutants.txt \
	tests/explore/mutate.awk \
	tests/explore/native.c \
	tests/explore/page.c \
	tests/explore/page.h \
	tests/explore/processes.c \
	tests/explore/rooms.c \
	tests/explore/schedule.c \
	tests/explore/schedule.h \
	tests/explore/search.c \
	tests/explore/system.c
