/* SPDX-License-Identifier: MIT */
/*
 * record: what a native histogram counted from its beginning, or a reset, to the next.
 */
#include "record.h"

#include "clock.h"
#include "series.h"

_Static_assert(sizeof(struct record) <= sizeof(struct series), "a record takes a series' place");
_Static_assert(KEYS_OF_SIGN % SPARSE_LEAF == 0, "a leaf is of one schema and sign");

struct record *
cpromi_record_take(struct shape *s)
{
	struct record *r = (struct record *)cpromi_shape_take(s);

	if (r == NULL)
		return NULL;
	r->created_ms = cpromi_unix_ms();
	r->started = cpromi_monotonic_ns();
	store_relaxed(&r->leaves, 0);
	store_relaxed(&r->limits, record_limits(record_first_shift(s), NOT_WIDENED));
	return r;
}

void
cpromi_record_give(struct record *r)
{
	const struct sparse counts = cpromi_record_counts(r);

	cpromi_sparse_empty(&counts);
	cpromi_shape_give(&r->handle);
}

bool
cpromi_record_attach(struct handle *h)
{
	struct record *r;

	if (h->kind != HANDLE_NATIVE)
		return true;
	r = cpromi_record_take(h->chunk->shape->record);
	/* Release: it is empty. Pairs with load_acquire in cpromi_record_of(). */
	store_release(cpromi_shared_cells(h, 0), (uintptr_t)r);
	return r != NULL;
}

void
cpromi_record_detach(struct handle *h)
{
	struct record *r;

	if (h->kind != HANDLE_NATIVE)
		return;
	r = (struct record *)(uintptr_t)exchange_acq_rel(cpromi_shared_cells(h, 0), 0);
	if (r != NULL)
		cpromi_record_give(r);
}
