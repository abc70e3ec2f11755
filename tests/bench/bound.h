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

#define BOUND_MAX_BUCKETS 200

struct bound {
	uint32_t cell; /* of the calling thread's cells */
};

void bound_inc(const struct bound *b);                /* one load, add, store */
void bound_add(const struct bound *b, double v);      /* the same of a double */
void bound_summary(const struct bound *b, double v);  /* count, sum */
void bound_quantile(const struct bound *b, double v); /* and coarse clock, bucket of the exponent */
void bound_set(double v);                             /* one store to memory that all share */
void bound_gauge_add(double v);                       /* compare-and-swap on it */
void bound_timed(void);                               /* two reads of CLOCK_MONOTONIC */
void bound_ticks(void);                               /* two reads of the processor's own clock */

/*
 * Sign, exponent and five bits of the fraction name the first bucket that it can be; if no
 * two bounds share these bits, one comparison settles it, however many buckets there are.
 */
struct bound_buckets {
	uint32_t cell;
	double edges[BOUND_MAX_BUCKETS + 1];
	uint8_t first[1 << 17];
};

/* Of `count` bounds ≥ 0 that are at least 1/32 of an octave apart. */
void bound_make_buckets(struct bound_buckets *b, const double *edges, size_t count);
void bound_observe(const struct bound_buckets *b, double v);

/*
 * A table of label values → cell: the values hashed in the pass that finds their ends, then
 * compared with what is in the table, eight bytes at a time; then one add.
 */
struct bound_table;

struct bound_table *bound_new_table(size_t series); /* room for so many; NULL: no memory */
void bound_free_table(struct bound_table *t);
void bound_enter(struct bound_table *t, const char *const *values, size_t count);
void bound_look_up(const struct bound_table *t, const char *const *values, size_t count);

#endif
