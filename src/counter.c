/* SPDX-License-Identifier: MIT */
/*
 * counter: only grows; whole numbers and fractions are summed apart.
 *
 * Plane 0 holds whole numbers, added by the lane's owner in one instruction where the
 * machine has it; plane 1 doubles, added in a section (lane.h). Both are 0 at first, so
 * a counter that never sees a fraction is exact up to 2^64.
 */
#include "exemplar.h"
#include "family.h"

cprom_counter *
cprom_counter_create(const cprom_counter_options *from)
{
	cprom_counter_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	spec.shape.type = CPROM_TYPE_COUNTER;
	spec.callback = o.callback;
	spec.arg = o.arg;
	return (cprom_counter *)cpromi_family_register(&spec);
}

static COLD void
add_whole_slow(const struct handle *h, uint64_t n)
{
	atomic_u64 *cells = cpromi_own_cells_slow(h, 0);

	if (cells != NULL)
		add_owned_release(&cells[0], n);
	else if (h->kind == HANDLE_SERIES)
		add_relaxed(&cpromi_shared_cells(h, 0)[0], n);
	else
		cpromi_drop(h, DROP_NOT_A_SERIES);
}

static inline void
add_whole(const struct handle *h, uint64_t n)
{
	atomic_u64 *block = cpromi_found_block(h, 0);

	if (LIKELY(block != NULL))
		add_owned_release(&block[h->offset], n);
	else
		add_whole_slow(h, n);
}

/* False if there are no own cells yet, or none now. */
static inline bool
add_own_fraction(const struct handle *h, double v)
{
	int32_t at = h->entry_at;
	size_t column = cpromi_lane_column(at);
	atomic_u64 *block = cpromi_block_at(h, 1, column);
	struct seat *seat;

	if (UNLIKELY(block == NULL))
		return false;
	seat = cpromi_section_enter(at);
	cpromi_add_own_double(&block[h->offset], v);
	cpromi_section_leave(at, column, seat);
	return true;
}

static COLD void
add_fraction_slow(const struct handle *h, double v)
{
	/* Before there are cells, for whoever finds some does not come here. Pairs with
	 * load_acquire in cprom_counter_value(). */
	if (load_relaxed(&h->chunk->shape->fractions) == 0)
		store_release(&h->chunk->shape->fractions, 1);
	if (cpromi_own_cells_slow(h, 1) != NULL && add_own_fraction(h, v))
		return;
	if (h->kind == HANDLE_SERIES)
		cpromi_add_double(&cpromi_shared_cells(h, 1)[0], v);
	else
		cpromi_drop(h, DROP_NOT_A_SERIES);
}

static COLD void
reject(const struct handle *h, double v)
{
	cpromi_drop(h, v < 0 ? DROP_NEGATIVE : v > 0 ? DROP_INFINITE : DROP_NAN);
}

static inline bool
is_addable(double v)
{
	return v >= 0 && v <= 0x1.fffffffffffffp1023;
}

static inline void
add(const struct handle *h, double v)
{
	if (UNLIKELY(!is_addable(v)))
		reject(h, v);
	else if (v < 0x1p63 && (double)(int64_t)v == v)
		add_whole(h, (uint64_t)(int64_t)v);
	else if (UNLIKELY(!add_own_fraction(h, v)))
		add_fraction_slow(h, v);
}

void
cprom_counter_inc(cprom_counter *c)
{
	if (LIKELY(c != NULL))
		add_whole((const struct handle *)c, 1);
}

void
cprom_counter_add(cprom_counter *c, double v)
{
	if (LIKELY(c != NULL))
		add((const struct handle *)c, v);
}

void
cprom_counter_add_exemplar(cprom_counter *c, double v, cprom_strings labels)
{
	const struct handle *h = (const struct handle *)c;

	if (h == NULL)
		return;
	add(h, v);
	if (is_addable(v))
		cpromi_exemplar_put(h, 0, v, labels);
}

double
cprom_counter_value(const cprom_counter *c)
{
	const struct handle *h = (const struct handle *)c;

	if (h == NULL || h->kind != HANDLE_SERIES)
		return 0;
	if (load_acquire(&h->chunk->shape->fractions) == 0)
		return (double)cpromi_sum_u64(h, 0, 0);
	return (double)cpromi_sum_u64(h, 0, 0) + cpromi_sum_double(h, 1, 0);
}
