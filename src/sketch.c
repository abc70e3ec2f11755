/* SPDX-License-Identifier: MIT */
/*
 * sketch: exponential buckets over a sliding window, for the quantiles of a summary.
 */
#include "sketch.h"

#include "sketch_table.h"

#define ZERO_KEY 131072      /* the middle of 18 bits */
#define INDEX_SHIFT 34400    /* index -34400 would be ZERO_KEY; the smallest is -34368 */
#define INFINITE_INDEX 32769 /* one above that of DBL_MAX */
#define MANTISSA (((uint64_t)1 << 52) - 1)
#define LEAST_NORMAL ((uint64_t)1 << 52)
#define INFINITE ((uint64_t)0x7FF << 52)
#define BIRTH_BITS 20
#define SLOT_BITS 8
#define CLEARING ((uint64_t)1 << 63) /* in a stamp: K1, K3 */

/* ---- index arithmetic ------------------------------------------------------ */

/* v = f · 2^e with 0.5 ≤ f < 1: the mantissa bits of f, and e. */
static uint64_t
split(double v, int32_t *e)
{
	uint64_t bits = double_bits(v);
	int32_t biased = (int32_t)(bits >> 52);
	int shift;

	if (biased != 0) {
		*e = biased - 1022;
		return bits & MANTISSA;
	}
	shift = __builtin_clzll(bits) - 11; /* a subnormal: bring its first bit to bit 52 */
	*e = -1021 - shift;
	return (bits << shift) & MANTISSA;
}

static inline int32_t
index_of(uint64_t mantissa, int32_t e)
{
	uint32_t below = bucket_guess[mantissa >> 46];

	below += bound_mantissas[below] < mantissa;
	return (int32_t)below + (e - 1) * 32;
}

int32_t
cpromi_sketch_index(double v)
{
	int32_t e;
	uint64_t mantissa;

	if (v == __builtin_inf())
		return INFINITE_INDEX;
	mantissa = split(v, &e);
	return index_of(mantissa, e);
}

/* 2^e · x in two steps, either of which may be subnormal or large. */
static double
scale(double x, int32_t e)
{
	int32_t half = e / 2;

	return x * bits_double((uint64_t)(half + 1023) << 52) *
	       bits_double((uint64_t)(e - half + 1023) << 52);
}

double
cpromi_sketch_bound(int32_t index)
{
	double f = bits_double((uint64_t)1022 << 52 | bound_mantissas[index & 31]);

	if (index >= INFINITE_INDEX)
		return __builtin_inf();
	if (index == INFINITE_INDEX - 1)
		return 0x1.fffffffffffffp1023;
	return scale(f, (index >> 5) + 1);
}

static COLD uint32_t
key_of_rare(double v)
{
	if (v == 0)
		return ZERO_KEY;
	return v > 0 ? (uint32_t)(ZERO_KEY + INDEX_SHIFT + cpromi_sketch_index(v))
		     : (uint32_t)(ZERO_KEY - INDEX_SHIFT - cpromi_sketch_index(-v));
}

static inline uint32_t
key_of(double v)
{
	uint64_t bits = double_bits(v);

	if (UNLIKELY(bits - LEAST_NORMAL >= INFINITE - LEAST_NORMAL)) /* nor is it negative */
		return key_of_rare(v);
	return (uint32_t)(ZERO_KEY + INDEX_SHIFT +
			  index_of(bits & MANTISSA, (int32_t)(bits >> 52) - 1022));
}

/* The middle of a bucket in the sense of relative error. */
static double
value_of(uint32_t key)
{
	const double factor = 2 / (1 + 1.0218971486541166); /* b of schema 5 */

	if (key == ZERO_KEY)
		return 0;
	return key > ZERO_KEY
		       ? factor * cpromi_sketch_bound((int32_t)key - ZERO_KEY - INDEX_SHIFT)
		       : -factor * cpromi_sketch_bound(ZERO_KEY - (int32_t)key - INDEX_SHIFT);
}

/* ---- the tree -------------------------------------------------------------- */

static atomic_ptr *
root_of(const struct series *s)
{
	return (atomic_ptr *)(uintptr_t)load_acquire(&cpromi_shared_cells(&s->handle, 1)[0]);
}

/* The root, made now if it is not there; it stays with the series' memory for ever. */
static atomic_ptr *
make_root(const struct series *s)
{
	struct region *r = s->handle.chunk->shape->region;
	atomic_u64 *word = &cpromi_shared_cells(&s->handle, 1)[0];
	uint64_t none = 0;
	void *root = cpromi_region_alloc(r, SKETCH_LEAF_BUCKETS * sizeof(atomic_ptr));

	if (root == NULL)
		return NULL;
	/* Release: zeroed. Pairs with load_acquire in root_of(). */
	if (cas_acq_rel(word, &none, (uintptr_t)root))
		return root;
	cpromi_region_free(r, root, SKETCH_LEAF_BUCKETS * sizeof(atomic_ptr));
	return (atomic_ptr *)(uintptr_t)none;
}

static atomic_ptr *
make_branch(struct region *r, atomic_ptr *at)
{
	uintptr_t none = 0;
	void *branch = cpromi_region_alloc(r, SKETCH_LEAF_BUCKETS * sizeof(atomic_ptr));

	if (branch == NULL)
		return NULL;
	if (cas_acq_rel(at, &none, (uintptr_t)branch)) /* pairs as in make_root() */
		return branch;
	cpromi_region_free(r, branch, SKETCH_LEAF_BUCKETS * sizeof(atomic_ptr));
	return (atomic_ptr *)none;
}

static struct handle *
make_leaf(struct shape *shape, atomic_ptr *at)
{
	uintptr_t none = 0;
	struct handle *leaf = cpromi_shape_take(shape);

	if (leaf == NULL || cas_acq_rel(at, &none, (uintptr_t)leaf)) /* pairs as in make_root() */
		return leaf;
	cpromi_shape_give(leaf);
	return (struct handle *)none;
}

/* The leaf of a key, with all that leads to it, made now if need be; NULL without memory. */
static COLD struct handle *
grow_leaf(const struct series *s, uint32_t key)
{
	struct shape *shape = s->handle.chunk->shape;
	atomic_ptr *root = root_of(s);
	atomic_ptr *branch;
	struct handle *leaf;

	if (root == NULL)
		root = make_root(s);
	if (root == NULL)
		return NULL;
	branch = (atomic_ptr *)load_acquire(&root[key >> 12]);
	if (branch == NULL)
		branch = make_branch(shape->region, &root[key >> 12]);
	if (branch == NULL)
		return NULL;
	leaf = (struct handle *)load_acquire(&branch[key >> 6 & 63]);
	return leaf != NULL ? leaf : make_leaf(shape->leaf, &branch[key >> 6 & 63]);
}

static inline struct handle *
leaf_of(const struct series *s, uint32_t key)
{
	atomic_ptr *root = root_of(s);
	atomic_ptr *branch = root == NULL ? NULL : (atomic_ptr *)load_acquire(&root[key >> 12]);

	return branch == NULL ? NULL : (struct handle *)load_acquire(&branch[key >> 6 & 63]);
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
	for (unsigned i = 0; i < SKETCH_LEAF_BUCKETS; i++)
		store_release(&counts[i], 0); /* not before CLEARING: K1, K2 */
}

static atomic_u64 *
counts_of(const struct shape *shape, atomic_u64 *cells, uint64_t slot)
{
	return cells + shape->slices + slot * SKETCH_LEAF_BUCKETS;
}

static void
observe_shared(const struct handle *leaf, const struct turn *t, uint32_t bucket)
{
	atomic_u64 *cells = cpromi_shared_cells(leaf, 0);
	atomic_u64 *counts = counts_of(leaf->chunk->shape, cells, t->slot);
	uint64_t old = load_acquire(&cells[t->slot]);

	if (old != t->stamp) {
		/* K3; one who died while clearing for an earlier slice is relieved. */
		if (old == (t->stamp | CLEARING) ||
		    !cas_acq_rel(&cells[t->slot], &old, t->stamp | CLEARING))
			return;
		clear(counts);
		store_release(&cells[t->slot], t->stamp);
	}
	add_relaxed(&counts[bucket], 1);
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
	const struct handle *leaf = grow_leaf(s, key);
	atomic_u64 *cells;

	if (leaf == NULL)
		return;
	cells = cpromi_own_cells(leaf, 0);
	if (cells != NULL && make_ready(shape, cells, t))
		count(shape, cells, t, key % SKETCH_LEAF_BUCKETS);
	else
		observe_shared(leaf, t, key % SKETCH_LEAF_BUCKETS);
}

void
cpromi_sketch_observe(const struct series *s, double v, uint64_t now_ns)
{
	struct turn t = turn_at(s, now_ns);
	uint32_t key = key_of(v);
	const struct handle *leaf = leaf_of(s, key);
	atomic_u64 *cells = leaf == NULL ? NULL : cpromi_found_block(leaf, 0);

	if (LIKELY(cells != NULL && load_relaxed(&cells[leaf->offset + t.slot]) == t.stamp))
		count(s->handle.chunk->shape, cells + leaf->offset, &t, key % SKETCH_LEAF_BUCKETS);
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
	uint64_t copy[SKETCH_LEAF_BUCKETS];

	if (load_acquire(&cells[slot]) != stamp)
		return;
	for (unsigned i = 0; i < SKETCH_LEAF_BUCKETS; i++)
		copy[i] = load_acquire(&counts[i]);
	if (load_relaxed(&cells[slot]) != stamp)
		return;
	for (unsigned i = 0; i < SKETCH_LEAF_BUCKETS; i++)
		sums[i] += copy[i];
}

/* The counts of a leaf over all lanes and the slices of the window; returns their total. */
static uint64_t
sum_leaf(const struct series *s, const struct handle *leaf, uint64_t slice, uint64_t *sums)
{
	const struct shape *shape = s->handle.chunk->shape;
	uint64_t total = 0;

	memset(sums, 0, SKETCH_LEAF_BUCKETS * sizeof(*sums));
	for (unsigned lane = 0; lane < cpromi_lane_end(shape); lane++) {
		atomic_u64 *cells = cpromi_cells(leaf, 0, lane);

		for (uint64_t back = 0; cells != NULL && back + 1 < shape->slices && back <= slice;
		     back++)
			add_slot(s, cells, slice - back, sums);
	}
	for (unsigned i = 0; i < SKETCH_LEAF_BUCKETS; i++)
		total += sums[i];
	return total;
}

/* The next leaf at or after *key, which goes to its first key; NULL at the end. */
static const struct handle *
next_leaf(const struct series *s, uint32_t *key)
{
	atomic_ptr *root = root_of(s);

	while (root != NULL && *key < (uint32_t)1 << 18) {
		const struct handle *leaf = leaf_of(s, *key);

		if (leaf != NULL)
			return leaf;
		if (load_acquire(&root[*key >> 12]) == 0)
			*key = (*key | 0xFFF) + 1;
		else
			*key = (*key | 0x3F) + 1;
	}
	return NULL;
}

static uint64_t
total_of(const struct series *s, uint64_t slice)
{
	uint64_t sums[SKETCH_LEAF_BUCKETS], total = 0;
	const struct handle *leaf;

	for (uint32_t key = 0; (leaf = next_leaf(s, &key)) != NULL; key += SKETCH_LEAF_BUCKETS)
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
	uint64_t sums[SKETCH_LEAF_BUCKETS], passed = 0;
	const struct handle *leaf;
	double last = __builtin_nan("");
	size_t i = 0;

	for (uint32_t key = 0; i < n && (leaf = next_leaf(s, &key)) != NULL;
	     key += SKETCH_LEAF_BUCKETS) {
		sum_leaf(s, leaf, slice, sums);
		for (uint32_t b = 0; b < SKETCH_LEAF_BUCKETS; b++) {
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
