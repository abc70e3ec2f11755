/* SPDX-License-Identifier: MIT */
/*
 * table: a lock-free hash table of nodes.
 */
#include "table.h"

/*
 * A table of 16 to 1024 buckets has four and more of them for a series: where the look-ups of
 * a program go on and on, none should walk, for which of them do no processor can foretell.
 */
#define ROOMY_FROM 4
#define ROOMY_TO 10
#define SWEEP_GROWN (1 << (ROOMY_TO - 1)) /* markers made at once: all of such a table's */
#define SWEEP_EACH 2 /* with each series: all are made before half as many more came */

void
cpromi_table_init(struct table *t, struct epoch *e, size_t node_offset)
{
	t->epoch = e;
	t->node_offset = node_offset;
	store_relaxed(&t->root.state, MARKER_READY);
}

/* Where a node goes: between *before and what its next word held, after. */
struct place {
	struct node *before;
	struct node *after;
	struct node *match;
};

static bool
is_past(const struct node *n, const struct node *end, uint32_t hash, bool for_marker)
{
	return n == NULL || n == end || (for_marker ? n->hash >= hash : n->hash > hash);
}

/*
 * One walk from a marker; unlinks removed nodes on its way (T2). False if
 * something changed under it: walk again. match NULL finds the place of a marker.
 */
static bool
walk(struct table *t, uint32_t hash, table_match match, const void *key, struct place *p)
{
	uint32_t bits = load_relaxed(&t->bits);
	bool for_marker = match == NULL;
	uint32_t b = table_bucket(hash - for_marker, bits);
	struct node *end = table_marker(t, b + 1 + for_marker, bits); /* T4 */
	struct node *n;

	p->match = NULL;
	p->before = table_start(t, b, bits);
	n = node_at(load_acquire(&p->before->next));
	while (!is_past(n, end, hash, for_marker)) {
		uintptr_t next = load_acquire(&n->next);

		if (next & NODE_REMOVED) {
			uintptr_t expected = (uintptr_t)n;

			if (!cas_acq_rel(&p->before->next, &expected, next & ~NODE_REMOVED))
				return false;
			cpromi_epoch_retire(t->epoch, (char *)n - t->node_offset);
		} else {
			if (match != NULL && n->hash == hash && node_is_series(n) &&
			    match(n, key)) {
				p->match = n;
				return true;
			}
			p->before = n;
		}
		n = node_at(next);
	}
	p->after = n;
	return true;
}

static bool
link_at(const struct place *p, struct node *n)
{
	uintptr_t expected = (uintptr_t)p->after;

	store_relaxed(&n->next, (uintptr_t)p->after);
	/* Release: the node is complete. Pairs with load_acquire of next words. */
	return cas_acq_rel(&p->before->next, &expected, (uintptr_t)n);
}

/* ---- growing --------------------------------------------------------------- */

static void
add_marker(struct table *t, uint32_t b, uint32_t bits)
{
	struct node *m = table_marker(t, b, bits);
	uint32_t state = MARKER_EMPTY;
	struct place p;

	if (m == NULL || load_relaxed(&m->state) != MARKER_EMPTY ||
	    !cas_acq_rel(&m->state, &state, MARKER_CLAIMED))
		return;
	m->hash = b << (32 - bits);
	while (!walk(t, m->hash, NULL, NULL, &p) || !link_at(&p, m))
		;
	store_release(&m->state, MARKER_READY); /* T3 */
}

/* Bucket, among those of the level, of the marker that is made in turn as number n. */
static uint32_t
swept_bucket(uint32_t n, unsigned *level)
{
	*level = 32 - (unsigned)__builtin_clz(n);
	return 2 * n + 1 - (1u << *level);
}

/* Fetches the node that the walk to marker number n will meet first. */
static void
prefetch_for(struct table *t, uint32_t n)
{
	unsigned level;
	uint32_t b = swept_bucket(n, &level);

	__builtin_prefetch(node_at(load_relaxed(&table_start(t, b - 1, level)->next)));
}

/* Makes some markers in turn, those of level k, 2^(k-1) of them, before those of k+1. */
static void
sweep(struct table *t, unsigned some)
{
	uint32_t bits = load_relaxed(&t->bits);
	uint32_t swept = load_relaxed(&t->swept);

	while (some-- > 0 && (swept + 1) >> bits == 0) {
		unsigned level;
		uint32_t b = swept_bucket(swept + 1, &level);

		if (!cas_relaxed(&t->swept, &swept, swept + 1))
			continue;
		prefetch_for(t, ++swept + SWEEP_EACH);
		add_marker(t, b, level);
	}
}

static bool
is_full(struct table *t, uint32_t bits)
{
	unsigned spare = bits >= ROOMY_FROM && bits < ROOMY_TO ? 2 : 0;

	return load_relaxed(&t->count) << spare >> bits != 0;
}

/* Doubles the number of buckets when there are too many series; without memory it stays. */
static void
grow(struct table *t)
{
	struct region *r = t->epoch->lanes->region;
	uint32_t bits = load_relaxed(&t->bits);
	size_t bytes = ((size_t)1 << bits) * sizeof(struct node);
	uintptr_t none = 0;
	void *level;

	if (bits == TABLE_LEVELS || !is_full(t, bits))
		return;
	if (load_acquire(&t->levels[bits + 1]) == 0) {
		level = cpromi_region_alloc(r, bytes);
		if (level == NULL)
			return;
		/* Release: zeroed. Pairs with load_acquire in marker(). */
		if (!cas_acq_rel(&t->levels[bits + 1], &none, (uintptr_t)level))
			cpromi_region_free(r, level, bytes);
	}
	if (cas_acq_rel(&t->bits, &bits, bits + 1))
		sweep(t, SWEEP_GROWN);
}

/* ---- inserting and removing ------------------------------------------------ */

struct node *
cpromi_table_insert(struct table *t, struct node *n, table_match match, const void *key)
{
	uint32_t bits = load_relaxed(&t->bits);
	uint32_t b = table_bucket(n->hash, bits);
	struct place p;

	if (b != 0)
		add_marker(t, b, bits);
	store_relaxed(&n->state, NODE_SERIES);
	/* Counted before it is linked, lest a removal by another thread comes first:
	 * below 0 the count would wrap, and the table grow. */
	add_relaxed(&t->count, 1);
	do {
		while (!walk(t, n->hash, match, key, &p))
			;
		if (p.match != NULL) {
			sub_relaxed(&t->count, 1);
			return p.match;
		}
	} while (!link_at(&p, n));
	sweep(t, SWEEP_EACH);
	grow(t);
	return n;
}

static bool
never(const struct node *n, const void *key)
{
	(void)n;
	(void)key;
	return false;
}

bool
cpromi_table_remove(struct table *t, struct node *n)
{
	uintptr_t next = load_acquire(&n->next);
	struct place p;

	do {
		if (next & NODE_REMOVED)
			return false;
	} while (!cas_acq_rel(&n->next, &next, next | NODE_REMOVED));
	sub_relaxed(&t->count, 1);
	while (!walk(t, n->hash, never, NULL, &p)) /* past it, so it is unlinked: T2 */
		;
	return true;
}
