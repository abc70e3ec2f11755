/* SPDX-License-Identifier: MIT */
/*
 * index: the series of a family in the order of their creation.
 *
 * Places are numbered from 0 and never move, so a number is all that a scrape
 * has to remember. A new item goes to the end. Only when at least half of the
 * places, and INDEX_REUSE of them, are free does it go to a free one: so the
 * order of creation is kept until churn would make the index grow without end.
 *
 * A place holds 0, a pointer, or (bit 0 set) the next free place + 1, shifted.
 * Progress: lock-free; all calls but free may run at the same time.
 */
#ifndef CPROMI_INDEX_H
#define CPROMI_INDEX_H

#include "region.h"

#define INDEX_INLINE 4 /* places that need no segment; segment k has INDEX_INLINE << k */
#define INDEX_SEGMENTS 26
#define INDEX_REUSE 32

struct index {
	atomic_u32 used; /* places ever handed out */
	atomic_u32 free_count;
	atomic_u64 free; /* changes << 32 | first free place + 1 */
	atomic_ptr segments[INDEX_SEGMENTS];
	atomic_ptr inlined[INDEX_INLINE];
};

/* Puts item at a place; its number + 1, or 0 without memory: for it and one more. */
uint32_t cpromi_index_put(struct index *x, struct region *r, void *item);

/* For that one more, an item that must have a place when there is no memory left. */
uint32_t cpromi_index_put_last(struct index *x, struct region *r, void *item);

/* Frees the place. */
void cpromi_index_clear(struct index *x, uint32_t place);

/* The item there; NULL if the place is free or about to be filled. */
void *cpromi_index_at(struct index *x, uint32_t place);

/* What a word of a place holds, as above. */
static inline void *
cpromi_index_item(atomic_ptr *word)
{
	uintptr_t item = load_acquire(word);

	return item & 1 ? NULL : (void *)item;
}

/* Words of places that lie side by side. */
struct index_row {
	atomic_ptr *words;
	uint32_t count;
};

/* From a place before the end on, so far as they are there; good while the index is. */
struct index_row cpromi_index_row(struct index *x, uint32_t place);

/* One past the last place. */
static inline uint32_t
cpromi_index_end(struct index *x)
{
	return load_acquire(&x->used);
}

/* Frees all memory; the index is empty again. Nobody else may use it. */
void cpromi_index_free(struct index *x, struct region *r);

#endif
