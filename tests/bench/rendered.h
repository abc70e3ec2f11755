/* SPDX-License-Identifier: MIT */
/*
 * rendered: registries to render, and what their pages are.
 */
#ifndef CPROM_BENCH_RENDERED_H
#define CPROM_BENCH_RENDERED_H

#include <cprom.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rendered_kind {
	RENDERED_WHOLE,    /* counters of whole numbers */
	RENDERED_HALVES,   /* counters of x.5 */
	RENDERED_DIGITS,   /* counters of 16 or 17 digits */
	RENDERED_SPECIALS, /* gauges of NaN, +Inf and -Inf */
	RENDERED_HISTOGRAMS,
};

struct rendered {
	const char *what; /* the name of the case */
	enum rendered_kind kind;
	unsigned series;
	cprom_registry *registry;
	char *page;
	size_t bytes, lines;
};

#define RENDERED_COUNT 9
#define RENDERED_PIECE 65536 /* bytes that are read at once */
extern struct rendered rendered[RENDERED_COUNT];

/* Makes those that have the word in their names. */
void rendered_make(const char *word);

#ifdef __cplusplus
}
#endif

#endif
