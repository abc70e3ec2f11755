/* SPDX-License-Identifier: MIT */
/*
 * sketch: exponential buckets over a sliding window, for the quantiles of a summary.
 *
 * The buckets are those of Prometheus' native histograms at schema 5: bucket i
 * holds (b^(i-1), b^i] with b = 2^(1/32). The middle 2·b^i/(b+1) of a bucket is
 * within (b-1)/(b+1) = 1.083 % of everything in it, which is the relative error of a
 * quantile (C. Masson et al., "DDSketch", VLDB 2019, lemma 4). Negative values have
 * mirrored buckets, zero one of its own, infinities those at the ends.
 *
 * A key is a bucket's place in ascending order, 18 bits. Its leaf (sparse.h) has for each
 * slice of the window one stamp and 64 counts, per lane.
 *
 * The window of N slices moves over N+1: slot = slice number mod (N+1). A stamp
 * names the slice and the series (its birth, for the next owner of the memory)
 * that the counts are of. Counts of another stamp are not read.
 *
 * Invariants
 *  K1  In a lane, stamps and counts are written by its owner only. It clears the
 *      counts of a slot before it stamps it anew: stamp with the top bit set, clear,
 *      stamp. A signal handler that comes in between counts in lane 0.
 *  K2  A reader takes the counts of a slot only if it reads the same stamp, of
 *      the window, before and after.
 *  K3  In lane 0 the first to come sets the top bit by compare-and-swap and clears; who
 *      finds it set does not wait but leaves its observation out of the window (the
 *      summary's count and sum have it).
 *
 * Progress: observing is lock-free (wait-free once the leaf is there), reading
 * wait-free.
 */
#ifndef CPROMI_SKETCH_H
#define CPROMI_SKETCH_H

#include "series.h"

/*
 * Adds an observation, not NaN, made at now_ns. Without memory for a leaf it is left out, which
 * the library's own metrics count, as they do K3.
 */
void cpromi_sketch_observe(const struct series *s, double v, uint64_t now_ns);

/* The quantiles q[0 … n-1], ascending, of the window that ends at now_ns; NaN if it is empty. */
void cpromi_sketch_quantiles(const struct series *s, const double *q, size_t n, uint64_t now_ns,
			     double *out);

#endif
