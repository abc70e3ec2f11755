/* SPDX-License-Identifier: MIT */
/*
 * bound: the least that the machine must do for each kind of work, in plain C.
 *
 * Each is a function in a file of its own, behind a call as the library's is, on
 * memory that only the calling thread writes. None of them could be scraped.
 */
#ifndef CPROM_BENCH_BOUND_H
#define CPROM_BENCH_BOUND_H

#include <stddef.h>
#include <stdint.h>

struct bound {
	uint32_t cell; /* of the calling thread's cells */
};

#define BOUND_BUCKETS 11
#define BOUND_SERIES 64

void bound_inc(const struct bound *b);               /* one load, add, store */
void bound_add(const struct bound *b, double v);     /* the same of a double */
void bound_observe(const struct bound *b, double v); /* compare with all bounds, count, sum */
void bound_quantile(const struct bound *b,
		    double v); /* bucket of the exponent, coarse clock, count, sum */
void bound_summary(const struct bound *b, double v); /* count, sum */
void bound_set(double v);                            /* one store to memory that all share */
void bound_gauge_add(double v);                      /* compare-and-swap on it */
void bound_timed(void);                              /* two reads of CLOCK_MONOTONIC */

/* A table of two strings → cell, hashed and compared; then one add. */
void bound_enter(const char *a, const char *b, uint32_t cell);
void bound_look_up(const char *a, const char *b);

#endif
