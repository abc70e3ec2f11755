/* SPDX-License-Identifier: MIT */
/*
 * series: one combination of label values; what a metric handle points to.
 */
#ifndef CPROMI_SERIES_H
#define CPROMI_SERIES_H

#include "shape.h"
#include "table.h"

/* The labels as they stand in a line, without braces: method="GET",code="200". */
struct text {
	uint32_t length;
	uint32_t escaped; /* is any character escaped? */
	char bytes[];
};

/*
 * In registries that note when series are made, the time stands behind the labels, in milliseconds
 * since the Unix epoch, aligned so that it may be changed at once.
 */
static inline int64_t *
text_created(const struct text *t)
{
	return (int64_t *)((char *)t + ((sizeof(*t) + t->length + 7) & ~(size_t)7));
}

static inline size_t
text_bytes(size_t length, bool created)
{
	size_t n = sizeof(struct text) + length;

	return created ? ((n + 7) & ~(size_t)7) + sizeof(int64_t) : n;
}

#define SLOT_NONE 0          /* not in its family's index yet */
#define SLOT_GONE UINT32_MAX /* removed; never to be in the index again */

/*
 * Life: made private (text, family, hash) → inserted in the table → given a birth
 * → put into the index, slot set → removed: node marked, slot GONE, index entry
 * cleared → unlinked from the table → retired → reclaimed, memory for the next
 * series of the shape. Birth and slot are set by compare-and-swap: whoever finds
 * a series without them completes it, should its maker have died.
 */
struct series {
	_Alignas(CACHE_LINE) struct handle handle;
	struct node node;
	region_ref family;
	atomic_u32 slot;   /* place in the family's index + 1 */
	struct text *text; /* NULL: no labels */
	atomic_u64 birth;  /* order of creation in the registry, from 1; 0: not published yet */
};

_Static_assert(sizeof(struct series) == CACHE_LINE, "a series is one cache line");

/*
 * What the only cell of an info points to, or else 0: more labels, spelled. Replaced as a whole
 * (info.c), so that a page has the old ones or the new ones.
 */
struct info_text {
	struct handle handle; /* kind HANDLE_TEXT, to be retired by */
	uint32_t length;
	char bytes[];
};

static inline struct series *
series_of_node(struct node *n)
{
	return (struct series *)((char *)n - offsetof(struct series, node));
}

#endif
