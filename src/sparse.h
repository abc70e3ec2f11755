/* SPDX-License-Identifier: MIT */
/*
 * sparse: counts under 32-bit keys, of which few are used; per lane.
 *
 * A key is found through two arrays of pointers, made as needed and common to all lanes:
 * root, branch, leaf. A leaf is a series of cells of its own (shape.h): counts of
 * 64 keys per lane, by slice with a stamp if it is of a summary (sketch.h).
 *
 *   key:  … root | branch 6 bits | count 6 bits
 *
 * Roots and branches stay with the memory that they were made for; leaves may be given back.
 *
 * Progress: finding is wait-free, growing lock-free.
 */
#ifndef CPROMI_SPARSE_H
#define CPROMI_SPARSE_H

#include "shape.h"

#define SPARSE_FAN 64

struct sparse {
	atomic_u64 *root; /* the word that points to it */
	uint32_t keys;    /* are 0 … keys-1 */
	struct shape *leaf;
};

/* The array that *word points to; NULL if there is none yet. */
static inline atomic_ptr *
sparse_array(uint64_t word)
{
	return (atomic_ptr *)(uintptr_t)word;
}

/* The leaf of a key; NULL if there is none yet. */
static inline struct handle *
cpromi_sparse_leaf(atomic_u64 *root, uint32_t key)
{
	atomic_ptr *roots = sparse_array(load_acquire(root));
	atomic_ptr *branch = roots == NULL ? NULL : (atomic_ptr *)load_acquire(&roots[key >> 12]);

	return branch == NULL ? NULL : (struct handle *)load_acquire(&branch[key >> 6 & 63]);
}

/*
 * The same with all that leads to it, made now if need be; NULL without memory. *made says
 * whether the leaf was.
 */
struct handle *cpromi_sparse_grow(const struct sparse *a, uint32_t key, bool *made) COLD;

/* The next leaf at or after *key, which goes to its first key; NULL if there is none below end. */
struct handle *cpromi_sparse_next(const struct sparse *a, uint32_t *key, uint32_t end);

/* Gives all leaves back. Nobody else uses it. */
void cpromi_sparse_empty(const struct sparse *a);

#endif
