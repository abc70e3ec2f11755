/* SPDX-License-Identifier: MIT */
/*
 * table: a lock-free hash table of nodes, after O. Shalev and N. Shavit,
 * "Split-Ordered Lists" (JACM 53(3), 2006), on the list of M. Michael, "High
 * Performance Dynamic Lock-Free Hash Tables and List-Based Sets" (SPAA 2002).
 *
 * All nodes are in one list, ordered by hash. A bucket is a marker node in that
 * list from which a search starts; it holds the hashes with its leading bits, so
 * when the number of buckets doubles no node moves: a bucket gets a second marker
 * in its middle. Unlike in the paper, buckets are named by the *leading* bits of
 * the hash, which makes reversing bits needless: marker m·2^-k (k bits, m odd) is
 * entry m/2 of level k, and levels never move either.
 *
 *    hash:  0 ─────────── ¼ ─────────── ½ ─────────── ¾ ───────────
 *           root          level 2, 0    level 1, 0    level 2, 1
 *
 * Invariants
 *  T1  The list is ordered by hash; among equal hashes markers come first and
 *      series are added behind the last. At most one unmarked series that
 *      matches a key is in the list, for an insertion compares with all of its
 *      hash and its compare-and-swap fails if one was added behind them.
 *  T2  A node whose next word is marked is removed and never reached from a
 *      search that starts later, once it is unlinked. The one whose
 *      compare-and-swap unlinks it hands it to cpromi_epoch_retire().
 *  T3  A marker is linked by the one thread that claims it; it is used as a start
 *      once it is ready. If that thread dies, searches start at the marker before
 *      and take longer; nothing else is lost. Markers are never removed.
 *  T4  What stands behind a bucket's series is the next bucket's marker, if that is linked:
 *      a search that comes to it need not read it to know that it has gone too far.
 *
 * Markers are made by who inserts: that of its own bucket, and a few in turn, so that soon
 * after the buckets were doubled each has one, and few nodes stand between it and a series.
 *
 * Progress: look-ups write nothing and never start again, so they are wait-free
 * but for nodes added in front of them; insertion and removal are lock-free. All
 * may run at once, inside an epoch.
 */
#ifndef CPROMI_TABLE_H
#define CPROMI_TABLE_H

#include "epoch.h"

#define TABLE_LEVELS 28

struct node {
	atomic_ptr next; /* bit 0: this node is removed (T2) */
	uint32_t hash;
	atomic_u32 state;
};

enum node_state { MARKER_EMPTY, MARKER_CLAIMED, MARKER_READY, NODE_SERIES };

struct table {
	struct epoch *epoch;
	size_t node_offset;                  /* of a node in the object that is retired with it */
	atomic_u32 bits;                     /* log2 of the number of buckets */
	atomic_u32 count;                    /* series, about */
	atomic_u32 swept;                    /* markers made in turn: the root is number 0 */
	atomic_ptr levels[TABLE_LEVELS + 1]; /* [k]: 2^(k-1) markers; set once */
	struct node root;
};

/* Is this series the one looked for? Its hash is equal. */
typedef bool (*table_match)(const struct node *n, const void *key);

void cpromi_table_init(struct table *t, struct epoch *e, size_t node_offset);

/* ---- looking up -------------------------------------------------------------- */

#define NODE_REMOVED ((uintptr_t)1)

static inline struct node *
node_at(uintptr_t word)
{
	return (struct node *)(word & ~NODE_REMOVED);
}

static inline bool
node_is_series(struct node *n)
{
	return load_relaxed(&n->state) == NODE_SERIES;
}

/* The marker of bucket b of 2^bits, NULL if its level is not there yet, or b is 2^bits. b > 0. */
static inline struct node *
table_marker(struct table *t, uint32_t b, uint32_t bits)
{
	unsigned zeros = (unsigned)__builtin_ctz(b);
	struct node *level = (struct node *)load_acquire(&t->levels[bits - zeros]);

	return level == NULL ? NULL : &level[b >> (zeros + 1)];
}

static inline uint32_t
table_bucket(uint32_t hash, uint32_t bits)
{
	return bits == 0 ? 0 : hash >> (32 - bits);
}

/* The last ready marker at or before the bucket: T3. */
static inline struct node *
table_start(struct table *t, uint32_t b, uint32_t bits)
{
	for (; b != 0; b &= b - 1) {
		struct node *m = table_marker(t, b, bits);

		/* Acquire: the marker is linked. Pairs with the release in add_marker(). */
		if (m != NULL && load_acquire(&m->state) == MARKER_READY)
			return m;
	}
	return &t->root;
}

/* The node that matches, or NULL. Here, so that the caller's match becomes part of it. */
static inline struct node *
cpromi_table_find(struct table *t, uint32_t hash, table_match match, const void *key)
{
	uint32_t bits = load_relaxed(&t->bits);
	uint32_t b = table_bucket(hash, bits);
	struct node *start = table_start(t, b, bits), *end = table_marker(t, b + 1, bits); /* T4 */
	struct node *n = node_at(load_acquire(&start->next));

	while (n != end && n != NULL && n->hash <= hash) {
		uintptr_t next = load_acquire(&n->next);

		if (n->hash == hash && node_is_series(n) && !(next & NODE_REMOVED) && match(n, key))
			return n;
		n = node_at(next);
	}
	return NULL;
}

/* ---- changing ------------------------------------------------------------------ */

/*
 * Links n, with its hash set, unless a node matches: then that one is returned
 * and n is still the caller's. Returns n if it was linked.
 */
struct node *cpromi_table_insert(struct table *t, struct node *n, table_match match,
				 const void *key);

/* Removes the node; false if somebody else did. It is retired when it is unlinked. */
bool cpromi_table_remove(struct table *t, struct node *n);

#endif
