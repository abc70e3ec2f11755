/* SPDX-License-Identifier: MIT */
/*
 * sparse: counts under 32-bit keys, of which few are used; per lane.
 */
#include "sparse.h"

static size_t
root_bytes(const struct sparse *a)
{
	return (((size_t)a->keys - 1) / (SPARSE_FAN * SPARSE_LEAF) + 1) * sizeof(atomic_ptr);
}

/* The root, made now if it is not there. */
static atomic_ptr *
get_root(const struct sparse *a)
{
	uint64_t there = load_acquire(a->root);
	void *root;

	if (there != 0)
		return sparse_array(there);
	root = cpromi_region_alloc(a->leaf->region, root_bytes(a));
	if (root == NULL)
		return NULL;
	/* Release: zeroed. Pairs with load_acquire in cpromi_sparse_leaf(). */
	if (cas_acq_rel(a->root, &there, (uintptr_t)root))
		return root;
	cpromi_region_free(a->leaf->region, root, root_bytes(a));
	return sparse_array(there);
}

static atomic_ptr *
get_branch(struct region *r, atomic_ptr *at)
{
	uintptr_t there = load_acquire(at);
	void *branch;

	if (there != 0)
		return (atomic_ptr *)there;
	branch = cpromi_region_alloc(r, SPARSE_FAN * sizeof(atomic_ptr));
	if (branch == NULL)
		return NULL;
	if (cas_acq_rel(at, &there, (uintptr_t)branch)) /* pairs as in get_root() */
		return branch;
	cpromi_region_free(r, branch, SPARSE_FAN * sizeof(atomic_ptr));
	return (atomic_ptr *)there;
}

static struct handle *
get_leaf(struct shape *shape, atomic_ptr *at, bool *made)
{
	uintptr_t there = load_acquire(at);
	struct handle *leaf;

	if (there != 0)
		return (struct handle *)there;
	leaf = cpromi_shape_take(shape);
	if (leaf == NULL)
		return NULL;
	*made = cas_acq_rel(at, &there, (uintptr_t)leaf); /* pairs as in get_root() */
	if (*made)
		return leaf;
	cpromi_shape_give(leaf);
	return (struct handle *)there;
}

struct handle *
cpromi_sparse_grow(const struct sparse *a, uint32_t key, bool *made)
{
	atomic_ptr *root = get_root(a);
	atomic_ptr *branch = root == NULL ? NULL : get_branch(a->leaf->region, &root[key >> 12]);

	*made = false;
	return branch == NULL ? NULL : get_leaf(a->leaf, &branch[key >> 6 & 63], made);
}

/* The same within one branch; *key goes to the next branch if there is none. */
static struct handle *
next_in_branch(atomic_ptr *branch, uint32_t *key, uint32_t end)
{
	uint32_t last = *key | (SPARSE_FAN * SPARSE_LEAF - 1);

	for (; branch != NULL && *key < end && *key <= last;
	     *key = (*key | (SPARSE_LEAF - 1)) + 1) {
		uintptr_t leaf = load_acquire(&branch[*key >> 6 & 63]);

		if (leaf != 0)
			return (struct handle *)leaf;
	}
	*key = last + 1;
	return NULL;
}

struct handle *
cpromi_sparse_next(const struct sparse *a, uint32_t *key, uint32_t end)
{
	atomic_ptr *root = sparse_array(load_acquire(a->root));
	struct handle *leaf = NULL;

	while (root != NULL && leaf == NULL && *key < end)
		leaf = next_in_branch((atomic_ptr *)load_acquire(&root[*key >> 12]), key, end);
	return leaf;
}

void
cpromi_sparse_empty(const struct sparse *a)
{
	struct handle *leaf;

	for (uint32_t key = 0; (leaf = cpromi_sparse_next(a, &key, a->keys)) != NULL;
	     key += SPARSE_LEAF) {
		atomic_ptr *root = sparse_array(load_relaxed(a->root));
		atomic_ptr *branch = (atomic_ptr *)load_relaxed(&root[key >> 12]);

		store_relaxed(&branch[key >> 6 & 63], 0);
		cpromi_shape_give(leaf);
	}
}
