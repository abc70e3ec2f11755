/* SPDX-License-Identifier: MIT */
/*
 * native: the sparse exponential buckets of a native histogram, its limits and resets.
 *
 * What is recorded and what is shown are two things. An observation is counted in the
 * bucket of the resolution in force, in leaves (sparse.h) per lane, by plain adds of
 * the lane's owner. A read merges what was recorded into at most max_buckets buckets.
 *
 *   series ──► record: cells of the lanes   [ sequence | sum | classic … +Inf | zero ]
 *              its limits in one word, tree of leaves ──► [ 64 counts ] per lane
 *
 * Decisions
 *  - The limits in force are one word of the record: how much coarser than schema 8 buckets
 *    are, and which of them are in the zero bucket (record.h). It goes one way, by
 *    compare-and-swap; writers read it with each observation and never wait for it.
 *  - Limits are applied when a histogram is read, not when it is observed: between two
 *    reads nobody can see that there are too many buckets, and a read has them all
 *    before it. It does all steps that are needed at once, so that a page never shows more
 *    than max_buckets, as long as schema -4 can do with them. Order and meaning of the
 *    steps are those of client_golang: widen the zero bucket up to max_zero_threshold, then
 *    halve the resolution.
 *  - What was counted is never moved. A bucket of a finer schema is merged when it is
 *    read: N1.
 *  - Memory is bounded by leaves: an observer that needs one more than max_buckets of the
 *    schema in force halves the resolution first. Each leaf has a populated bucket, so the limit is
 *    exceeded anyway, unless they are in the zero bucket by now. In all there are at most
 *    max_buckets leaves of each schema (but at least FEWEST_LEAVES), and those that schema -4 takes.
 *  - A reset gives the series another record, empty, by one compare-and-swap; the read that
 *    does it reads the old record after that, and shows it. So nothing is lost between
 *    two pages but what is under way in that moment: an update that found the old record before
 *    is shown if it ends before it is read, else not at all; one per thread at most. The
 *    old record goes back through the epoch (epoch.h), as a removed series does. It is done
 *    in a read, if buckets were merged because of a limit and the record is min_reset old.
 *
 * Invariants
 *  N1  A bucket of a leaf lies either in the zero bucket of any later limits, or not: zero
 *      was widened to the end of a bucket of a schema at least as coarse as that of the leaf;
 *      or before the leaf's schema came into force, and then who counts in it knew.
 *  N2  count is the sum of the buckets that were read and the zero bucket, in every view. An
 *      observation is counted in a leaf first, then in the classic bucket; a read looks at
 *      them in the other order. So classic counts never exceed count.
 *  N3  The sum, and the classic buckets, are of the same observations if no lane was written
 *      meanwhile: READ_TRIES times the sequence words of all lanes are compared. Lane 0 has
 *      none (S1 in shape.h).
 *  N4  Who uses a record is in an epoch, or in a section of its lane (L5, E5): so no record
 *      is used again while somebody writes to it.
 *
 * Progress: observing is lock-free, wait-free once leaf and cells are there; a read is
 * repeated only when another read, or an observer, changed the limits meanwhile.
 */
#ifndef CPROMI_NATIVE_H
#define CPROMI_NATIVE_H

#include "record.h"

enum native_sign { NATIVE_POSITIVE, NATIVE_NEGATIVE };

/* What (b^(index-1), b^index] holds, and its mirror. At least one is not 0. */
struct native_bucket {
	int32_t index;
	uint64_t counts[2]; /* by enum native_sign */
};

struct native_view {
	int32_t schema; /* -4 … 8 */
	double zero_threshold;
	uint64_t zero_count;
	uint64_t count; /* N2 */
	double sum;
	int64_t created_ms;                  /* or reset: Unix time */
	const struct native_bucket *buckets; /* by ascending index */
	size_t bucket_count;
	const uint64_t *classic; /* cumulative, one per bound of the shape, without +Inf */
};

/* Has the series a native part? */
static inline bool
cpromi_native_is(const struct handle *h)
{
	return h->kind == HANDLE_NATIVE;
}

/* Memory that a view of such a series takes, the same for all of its shape. */
size_t cpromi_native_bytes(const struct shape *s);

/* Reads it into that memory, aligned as a double; may reset the series. In an epoch. */
void cpromi_native_read(struct native_view *v, const struct handle *h, void *memory);

/* The same without a reset, for who does not show what it reads. */
void cpromi_native_peek(struct native_view *v, const struct handle *h, void *memory);

/*
 * Adds n observations of v, not NaN, that are sum together; classic is their bucket among
 * the bounds. Without memory for a leaf they are dropped, and counted.
 */
void cpromi_native_observe(const struct handle *h, size_t classic, double v, double sum,
			   uint64_t n);

/* Count and sum since the last reset; 0 of a series that is none any more. */
void cpromi_native_totals(const struct handle *h, uint64_t *count, double *sum);

#endif
