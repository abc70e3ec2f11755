/* SPDX-License-Identifier: MIT */
/*
 * record: what a native histogram counted from its beginning, or a reset, to the next.
 *
 * A record has the cells that a series of a classic histogram has itself, one for the zero
 * bucket behind them, and a tree of leaves (sparse.h) for all other buckets. The only cell
 * of the series points to it. Why, and who may use it when: native.h.
 *
 * A record takes the place of a series in its chunk. Limits are a word: the shift, by how
 * much the schema in force is less than 8, in the low half; and in the high half the last
 * bucket of schema 8 that is part of the zero bucket, if that was widened. As buckets of
 * coarser schemas end where buckets of schema 8 do, one number names all of them.
 *
 * Keys are by schema, sign, index: ranges for the schemas from -4 up, each twice
 * KEYS_OF_SIGN for schemas up to 0, and doubled with every one above.
 */
#ifndef CPROMI_RECORD_H
#define CPROMI_RECORD_H

#include "exponential.h"
#include "sparse.h"

#define KEYS_OF_SIGN 2112u /* whole leaves, of schema 0; it has 2100 indices */
#define KEY_OF_ZERO 1075   /* in those, of index 0; the smallest is -1074 */
#define NOT_WIDENED INT32_MIN

struct record {
	struct handle handle;
	atomic_u64 limits;  /* by compare-and-swap; only ever coarser */
	atomic_u64 root;    /* of the tree; stays when the record is given back */
	int64_t created_ms; /* Unix time */
	uint64_t started;   /* the same by the monotonic clock, in nanoseconds */
	atomic_u32 leaves;  /* at most; see cpromi_record_leaf() */
};

static inline uint64_t
record_limits(uint32_t shift, int32_t zero_end)
{
	return (uint64_t)(uint32_t)zero_end << 32 | shift;
}

static inline uint32_t
record_shift(uint64_t limits)
{
	return (uint32_t)limits;
}

static inline int32_t
record_zero_end(uint64_t limits)
{
	return (int32_t)(limits >> 32);
}

/* The shift that it begins with. */
static inline uint32_t
record_first_shift(const struct shape *s)
{
	return (uint32_t)(EXPONENTIAL_MAX_SCHEMA - s->native.schema);
}

/* The schemas above 0 double the number of keys so many times. */
static inline uint32_t
record_doublings(uint32_t shift)
{
	return shift < EXPONENTIAL_MAX_SCHEMA ? EXPONENTIAL_MAX_SCHEMA - shift : 0;
}

/* How many keys a schema has for one sign, and the first of them. */
static inline uint32_t
cpromi_record_keys(uint32_t shift)
{
	return KEYS_OF_SIGN << record_doublings(shift);
}

static inline uint32_t
cpromi_record_first_key(uint32_t shift, unsigned sign)
{
	uint32_t below = shift > EXPONENTIAL_MAX_SCHEMA ? EXPONENTIAL_MAX_SHIFT - shift
							: (1u << record_doublings(shift)) + 3;

	return 2 * KEYS_OF_SIGN * below + sign * cpromi_record_keys(shift);
}

/* Of index 0. */
static inline uint32_t
cpromi_record_middle_key(uint32_t shift, unsigned sign)
{
	return cpromi_record_first_key(shift, sign) + (KEY_OF_ZERO << record_doublings(shift));
}

/* The record of a series of HANDLE_NATIVE; NULL if it is none any more. N4 in native.h. */
static inline struct record *
cpromi_record_of(const struct handle *h)
{
	return (struct record *)(uintptr_t)load_acquire(cpromi_shared_cells(h, 0));
}

/* The cells of a histogram, native or not, as cpromi_snapshot() wants them. */
static inline const struct handle *
cpromi_record_cells(const struct handle *h)
{
	return h->kind == HANDLE_NATIVE ? &cpromi_record_of(h)->handle : h;
}

static inline struct sparse
cpromi_record_counts(struct record *r)
{
	const struct shape *s = r->handle.chunk->shape;
	uint32_t first = record_first_shift(s);

	return (struct sparse){
		&r->root, cpromi_record_first_key(first, 1) + cpromi_record_keys(first), s->leaf};
}

/* An empty record of that shape; NULL without memory. */
struct record *cpromi_record_take(struct shape *s);

/* Gives it back with its leaves; no thread uses it any more. */
void cpromi_record_give(struct record *r);

/* Gives a new series of a native histogram its first record; false without memory. Any series may come. */
bool cpromi_record_attach(struct handle *h);

/* Takes it away from one that nobody can reach any more. */
void cpromi_record_detach(struct handle *h);

#endif
