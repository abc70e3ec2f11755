/* SPDX-License-Identifier: MIT */
/*
 * exponential: which exponential bucket a value is in, and where a bucket ends.
 *
 * The buckets are those of Prometheus' native histograms: at schema n, -4 … 8, bucket i
 * holds (b^(i-1), b^i] with b = 2^(2^-n); the one of DBL_MAX ends there, the next is
 * that of infinity. Indices and bounds are those of client_golang, bit for bit. They
 * are found at schema 8, where all others are nested: i buckets of schema 8 are
 * ceil(i / 2^d) of schema 8 - d.
 */
#ifndef CPROMI_EXPONENTIAL_H
#define CPROMI_EXPONENTIAL_H

#include "platform.h"

#define EXPONENTIAL_MIN_SCHEMA (-4)
#define EXPONENTIAL_MAX_SCHEMA 8
#define EXPONENTIAL_MAX_SHIFT (EXPONENTIAL_MAX_SCHEMA - EXPONENTIAL_MIN_SCHEMA)
#define EXPONENTIAL_LAST_INDEX ((int32_t)1024 << EXPONENTIAL_MAX_SCHEMA) /* of DBL_MAX */
#define DOUBLE_MANTISSA (((uint64_t)1 << 52) - 1)

extern const uint64_t cpromi_bound_mantissas[257]; /* exponential_table.h */
extern const uint16_t cpromi_bucket_guess[512];

/* The bucket of schema 8 of f · 2^e, 0.5 ≤ f < 1, from the mantissa bits of f. */
static inline int32_t
exponential_index_of(uint64_t mantissa, int32_t e)
{
	uint32_t below = cpromi_bucket_guess[mantissa >> (52 - 9)];

	below += cpromi_bound_mantissas[below] < mantissa;
	return (int32_t)below + (e - 1) * 256;
}

/* Of v > 0 that is subnormal or infinite. */
int32_t cpromi_exponential_index_rare(double v) COLD;

/* The bucket of v > 0 at schema 8. */
static inline int32_t
cpromi_exponential_finest(double v)
{
	uint64_t bits = double_bits(v), least = (uint64_t)1 << 52, infinite = (uint64_t)0x7FF << 52;

	if (UNLIKELY(bits - least >= infinite - least))
		return cpromi_exponential_index_rare(v);
	return exponential_index_of(bits & DOUBLE_MANTISSA, (int32_t)(bits >> 52) - 1022);
}

/* The bucket that a bucket is part of if the schema is less by shift. */
static inline int32_t
cpromi_exponential_merge(int32_t index, uint32_t shift)
{
	return ((index - 1) >> shift) +
	       1; /* rounds down, as gcc and clang say of negative numbers */
}

/* The bucket of v > 0. */
static inline int32_t
cpromi_exponential_index(int32_t schema, double v)
{
	return cpromi_exponential_merge(cpromi_exponential_finest(v),
					(uint32_t)(EXPONENTIAL_MAX_SCHEMA - schema));
}

/* The last bucket of schema 8 in a bucket: both end at the same bound. */
static inline int32_t
cpromi_exponential_end(int32_t index, uint32_t shift)
{
	return index * ((int32_t)1 << shift);
}

/* The upper bound of a bucket. */
double cpromi_exponential_bound(int32_t schema, int32_t index);

/* The finest schema whose buckets are not wider than the factor, > 1; or the nearest there is. */
int32_t cpromi_exponential_schema(double factor);

#endif
