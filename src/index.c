/* SPDX-License-Identifier: MIT */
/*
 * index: the series of a family in the order of their creation.
 */
#include "index.h"

static unsigned
segment_of(uint32_t place)
{
	return 31u - (unsigned)__builtin_clz(place / INDEX_INLINE);
}

static size_t
segment_bytes(unsigned segment)
{
	return ((size_t)INDEX_INLINE << segment) * sizeof(atomic_ptr);
}

/* The word of a place; NULL if its segment is not there. */
static atomic_ptr *
word_of(struct index *x, uint32_t place)
{
	unsigned segment;
	atomic_ptr *words;

	if (place < INDEX_INLINE)
		return &x->inlined[place];
	segment = segment_of(place);
	words = (atomic_ptr *)load_acquire(&x->segments[segment]);
	return words == NULL ? NULL : &words[place - (INDEX_INLINE << segment)];
}

static bool
ensure_segment(struct index *x, struct region *r, uint32_t place)
{
	unsigned segment;
	uintptr_t none = 0;
	void *words;

	if (word_of(x, place) != NULL)
		return true;
	segment = segment_of(place);
	if (segment >= INDEX_SEGMENTS)
		return false;
	words = cpromi_region_alloc(r, segment_bytes(segment));
	if (words == NULL)
		return false;
	/* Release: zeroed. Pairs with load_acquire in word_of(). */
	if (!cas_acq_rel(&x->segments[segment], &none, (uintptr_t)words))
		cpromi_region_free(r, words, segment_bytes(segment));
	return true;
}

static uint32_t
pop(struct index *x)
{
	uint64_t old = load_acquire(&x->free);

	while ((uint32_t)old != 0) {
		uintptr_t link = load_relaxed(word_of(x, (uint32_t)old - 1));
		uint64_t next = (old & ~(uint64_t)UINT32_MAX) + ((uint64_t)1 << 32) +
				(uint32_t)(link >> 1);

		if (cas_acq_rel(&x->free, &old, next)) {
			sub_relaxed(&x->free_count, 1);
			return (uint32_t)old;
		}
	}
	return 0;
}

static bool
worth_reusing(struct index *x, uint32_t used)
{
	uint32_t free_count = load_relaxed(&x->free_count);

	return free_count >= INDEX_REUSE && free_count >= used / 2;
}

/* spare: how many places must be left behind it. */
static uint32_t
reserve(struct index *x, struct region *r, uint32_t spare)
{
	uint32_t used = load_relaxed(&x->used);

	do {
		uint32_t place = worth_reusing(x, used) ? pop(x) : 0;

		if (place != 0)
			return place;
		if (!ensure_segment(x, r, used) || !ensure_segment(x, r, used + spare))
			return pop(x);
	} while (!cas_acq_rel(&x->used, &used, used + 1));
	return used + 1;
}

static uint32_t
put(struct index *x, struct region *r, void *item, uint32_t spare)
{
	uint32_t place = reserve(x, r, spare);

	/* Release: the item is complete. Pairs with load_acquire in cpromi_index_at(). */
	if (place != 0)
		store_release(word_of(x, place - 1), (uintptr_t)item);
	return place;
}

uint32_t
cpromi_index_put(struct index *x, struct region *r, void *item)
{
	return put(x, r, item, 1);
}

uint32_t
cpromi_index_put_last(struct index *x, struct region *r, void *item)
{
	return put(x, r, item, 0);
}

void
cpromi_index_clear(struct index *x, uint32_t place)
{
	uint64_t old = load_relaxed(&x->free);

	do {
		store_relaxed(word_of(x, place), (uintptr_t)(uint32_t)old << 1 | 1);
	} while (!cas_acq_rel(&x->free, &old,
			      (old & ~(uint64_t)UINT32_MAX) + ((uint64_t)1 << 32) + place + 1));
	add_relaxed(&x->free_count, 1);
}

void *
cpromi_index_at(struct index *x, uint32_t place)
{
	atomic_ptr *word = word_of(x, place);

	return word == NULL ? NULL : cpromi_index_item(word);
}

struct index_row
cpromi_index_row(struct index *x, uint32_t place)
{
	uint32_t end = place < INDEX_INLINE ? INDEX_INLINE : INDEX_INLINE << segment_of(place) << 1;
	uint32_t used = cpromi_index_end(x);

	return (struct index_row){word_of(x, place), (end < used ? end : used) - place};
}

void
cpromi_index_free(struct index *x, struct region *r)
{
	for (unsigned i = 0; i < INDEX_SEGMENTS; i++)
		cpromi_region_free(r, (void *)load_relaxed(&x->segments[i]), segment_bytes(i));
	memset(x, 0, sizeof(*x));
}
