/* SPDX-License-Identifier: MIT */
/*
 * sketch: exponential buckets over a sliding window, for the quantiles of a summary.
 */
#include "sketch.h"

#include "exponential.h"
#include "registry.h"
#include "sparse.h"

#define SCHEMA 5
#define SHIFT (EXPONENTIAL_MAX_SCHEMA - SCHEMA)
#define KEYS ((uint32_t)1 << 18)
#define ZERO_KEY 131072   /* the middle of 18 bits */
#define INDEX_SHIFT 34400 /* index -34400 would be ZERO_KEY; the smallest is -34368 */
#define LEAST_NORMAL ((uint64_t)1 << 52)
#define INFINITE ((uint64_t)0x7FF << 52)
#define BIRTH_BITS 20
#define SLOT_BITS 8
#define CLEARING ((uint64_t)1 << 63) /* in a stamp: K1, K3 */

/* ---- keys ------------------------------------------------------------------ */

static COLD uint32_t
key_of_rare(double v)
{
	if (v == 0)
		return ZERO_KEY;
	return v > 0 ? (uint32_t)(ZERO_KEY + INDEX_SHIFT + cpromi_exponential_index(SCHEMA, v))
		     : (uint32_t)(ZERO_KEY - INDEX_SHIFT - cpromi_exponential_index(SCHEMA, -v));
}

static inline uint32_t
key_of(double v)
{
	uint64_t bits = double_bits(v);

	if (UNLIKELY(bits - LEAST_NORMAL >= INFINITE - LEAST_NORMAL)) /* nor is it negative */
		return key_of_rare(v);
	return (uint32_t)(ZERO_KEY + INDEX_SHIFT +
			  cpromi_exponential_merge(
				  exponential_index_of(bits & DOUBLE_MANTISSA,
						       (int32_t)(bits >> 52) - 1022),
				  SHIFT));
}

/* The middle of a bucket in the sense of relative error. */
static double
value_of(uint32_t key)
{
	const double factor = 2 / (1 + 1.0218971486541166); /* b of schema 5 */

	if (key == ZERO_KEY)
		return 0;
	return key > ZERO_KEY
		       ? factor * cpromi_exponential_bound(SCHEMA,
							   (int32_t)key - ZERO_KEY - INDEX_SHIFT)
		       : -factor * cpromi_exponential_bound(SCHEMA,
							    ZERO_KEY - (int32_t)key - INDEX_SHIFT);
}

static atomic_u64 *
root_of(const struct series *s)
{
	return cpromi_shared_cells(&s->handle, 1);
}

/* ---- observing ------------------------------------------------------------- */

/* Where an observation goes: the slot of the slice, and what must be written there. */
struct turn {
	uint64_t slot;
	uint64_t stamp;
};

/* slices of a shape count the one being cleared, too: N+1. */
static uint64_t
stamp_of(const struct series *s, uint64_t slice)
{
	return (slice + 1) << BIRTH_BITS |
	       (load_relaxed(&s->birth) & (((uint64_t)1 << BIRTH_BITS) - 1));
}

/* The shape knows the last slice and its slot, for one observation in many begins a new one. */
static inline struct turn
turn_at(const struct series *s, uint64_t now_ns)
{
	struct shape *shape = s->handle.chunk->shape;
	uint64_t last = load_relaxed(&shape->last_slice), slice = last >> SLOT_BITS;

	if (UNLIKELY(now_ns - slice * shape->slice_ns >= shape->slice_ns)) {
		slice = now_ns / shape->slice_ns;
		last = slice << SLOT_BITS | slice % shape->slices;
		store_relaxed(&shape->last_slice, last);
	}
	return (struct turn){last & (((uint64_t)1 << SLOT_BITS) - 1), stamp_of(s, slice)};
}

static void
clear(atomic_u64 *counts)
{
	for (unsigned i = 0; i < SPARSE_LEAF; i++)
		store_release(&counts[i], 0); /* not before CLEARING: K1, K2 */
}

static atomic_u64 *
counts_of(const struct shape *shape, atomic_u64 *cells, uint64_t slot)
{
	return cells + shape->slices + slot * SPARSE_LEAF;
}

/* False: it was left out, K3. */
static bool
observe_shared(const struct handle *leaf, const struct turn *t, uint32_t bucket)
{
	atomic_u64 *cells = cpromi_shared_cells(leaf, 0);
	atomic_u64 *counts = counts_of(leaf->chunk->shape, cells, t->slot);
	uint64_t old = load_acquire(&cells[t->slot]);

	if (old != t->stamp) {
		/* K3; one who died while clearing for an earlier slice is relieved. */
		if (old == (t->stamp | CLEARING) ||
		    !cas_acq_rel(&cells[t->slot], &old, t->stamp | CLEARING))
			return false;
		clear(counts);
		store_release(&cells[t->slot], t->stamp);
	}
	add_relaxed(&counts[bucket], 1);
	return true;
}

/*
 * Makes a slot of the own lane ready for the stamp. False if that has begun already: by
 * who was interrupted by the signal handler that this is, or died over it. K1.
 */
static bool
make_ready(const struct shape *shape, atomic_u64 *cells, const struct turn *t)
{
	uint64_t old = load_relaxed(&cells[t->slot]);

	/* In the last case, and if it was made ready since the caller looked, a handler was here. */
	if (old == t->stamp || old == (t->stamp | CLEARING) ||
	    !cas_owned_release(&cells[t->slot], &old, t->stamp | CLEARING))
		return old == t->stamp;
	clear(counts_of(shape, cells, t->slot));
	store_release(&cells[t->slot], t->stamp); /* pairs with load_acquire in add_slot() */
	return true;
}

static inline void
count(const struct shape *shape, atomic_u64 *cells, const struct turn *t, uint32_t bucket)
{
	add_owned_release(&counts_of(shape, cells, t->slot)[bucket], 1);
}

static COLD void
observe_slow(const struct series *s, uint32_t key, const struct turn *t)
{
	const struct shape *shape = s->handle.chunk->shape;
	const struct sparse counts = {root_of(s), KEYS, shape->leaf};
	bool made;
	const struct handle *leaf = cpromi_sparse_grow(&counts, key, &made);
	atomic_u64 *cells = leaf == NULL ? NULL : cpromi_own_cells(leaf, 0);

	if (cells != NULL && make_ready(shape, cells, t))
		count(shape, cells, t, key % SPARSE_LEAF);
	else if (leaf == NULL || !observe_shared(leaf, t, key % SPARSE_LEAF))
		cpromi_registry_count(cpromi_registry_of(&s->handle), SELF_QUANTILES_MISSED);
}

void
cpromi_sketch_observe(const struct series *s, double v, uint64_t now_ns)
{
	struct turn t = turn_at(s, now_ns);
	uint32_t key = key_of(v);
	const struct handle *leaf = cpromi_sparse_leaf(root_of(s), key);
	atomic_u64 *cells = leaf == NULL ? NULL : cpromi_found_block(leaf, 0);

	if (LIKELY(cells != NULL && load_relaxed(&cells[leaf->offset + t.slot]) == t.stamp))
		count(s->handle.chunk->shape, cells + leaf->offset, &t, key % SPARSE_LEAF);
	else
		observe_slow(s, key, &t);
}

/* ---- reading --------------------------------------------------------------- */

/* Adds the counts of one slot in one lane, if they are of the window: K2. */
static void
add_slot(const struct series *s, atomic_u64 *cells, uint64_t slice, uint64_t *sums)
{
	const struct shape *shape = s->handle.chunk->shape;
	uint64_t slot = slice % shape->slices, stamp = stamp_of(s, slice);
	atomic_u64 *counts = counts_of(shape, cells, slot);
	uint64_t copy[SPARSE_LEAF];

	if (load_acquire(&cells[slot]) != stamp)
		return;
	for (unsigned i = 0; i < SPARSE_LEAF; i++)
		copy[i] = load_acquire(&counts[i]);
	if (load_relaxed(&cells[slot]) != stamp)
		return;
	for (unsigned i = 0; i < SPARSE_LEAF; i++)
		sums[i] += copy[i];
}

/* The counts of a leaf over all lanes and the slices of the window; returns their total. */
static uint64_t
sum_leaf(const struct series *s, const struct handle *leaf, uint64_t slice, uint64_t *sums)
{
	const struct shape *shape = s->handle.chunk->shape;
	uint64_t total = 0;

	memset(sums, 0, SPARSE_LEAF * sizeof(*sums));
	for (unsigned lane = 0; lane < cpromi_lane_end(shape); lane++) {
		atomic_u64 *cells = cpromi_cells(leaf, 0, lane);

		for (uint64_t back = 0; cells != NULL && back + 1 < shape->slices && back <= slice;
		     back++)
			add_slot(s, cells, slice - back, sums);
	}
	for (unsigned i = 0; i < SPARSE_LEAF; i++)
		total += sums[i];
	return total;
}

/* The next leaf at or after *key, which goes to its first key; NULL at the end. */
static const struct handle *
next_leaf(const struct series *s, uint32_t *key)
{
	const struct sparse counts = {root_of(s), KEYS, s->handle.chunk->shape->leaf};

	return cpromi_sparse_next(&counts, key, KEYS);
}

static uint64_t
total_of(const struct series *s, uint64_t slice)
{
	uint64_t sums[SPARSE_LEAF], total = 0;
	const struct handle *leaf;

	for (uint32_t key = 0; (leaf = next_leaf(s, &key)) != NULL; key += SPARSE_LEAF)
		total += sum_leaf(s, leaf, slice, sums);
	return total;
}

/* The rank of a quantile among total observations, from 1: ceil(q · total). */
static uint64_t
rank_of(double q, uint64_t total)
{
	double exact = q * (double)total;
	uint64_t rank = (uint64_t)exact;

	rank += (double)rank < exact;
	return rank == 0 ? 1 : rank > total ? total : rank;
}

void
cpromi_sketch_quantiles(const struct series *s, const double *q, size_t n, uint64_t now_ns,
			double *out)
{
	uint64_t slice = now_ns / s->handle.chunk->shape->slice_ns;
	uint64_t total = total_of(s, slice);
	uint64_t sums[SPARSE_LEAF], passed = 0;
	const struct handle *leaf;
	double last = __builtin_nan("");
	size_t i = 0;

	for (uint32_t key = 0; i < n && (leaf = next_leaf(s, &key)) != NULL; key += SPARSE_LEAF) {
		sum_leaf(s, leaf, slice, sums);
		for (uint32_t b = 0; b < SPARSE_LEAF; b++) {
			if (sums[b] == 0)
				continue;
			passed += sums[b];
			last = value_of(key + b);
			while (i < n && total > 0 && rank_of(q[i], total) <= passed)
				out[i++] = last;
		}
	}
	for (; i < n; i++) /* none, or counts that left the window since they were totalled */
		out[i] = last;
}
