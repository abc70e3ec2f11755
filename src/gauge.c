/* SPDX-License-Identifier: MIT */
/*
 * gauge: one atomic double, in lane 0 alone, for all threads: the last store wins. In
 * shared registries it may have a part for each process instead: part.h.
 */
#include "clock.h"
#include "error.h"
#include "part.h"

#include <errno.h>

cprom_gauge *
cprom_gauge_create(const cprom_gauge_options *from)
{
	cprom_gauge_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	if ((unsigned)o.multiprocess_mode > CPROM_GAUGE_LIVE_ALL) {
		cpromi_fail(EINVAL, "%s: there is no multiprocess mode %d",
			    o.name == NULL ? "(null)" : o.name, (int)o.multiprocess_mode);
		return (cprom_gauge *)cpromi_family_refuse(&spec);
	}
	spec.shape.type = CPROM_TYPE_GAUGE;
	spec.shape.mode = o.multiprocess_mode;
	spec.callback = o.callback;
	spec.arg = o.arg;
	return (cprom_gauge *)cpromi_family_register(&spec);
}

/* The word of a gauge; NULL if there is none to write, or it has parts. */
static inline atomic_u64 *
word_of(cprom_gauge *g)
{
	const struct handle *h = (const struct handle *)g;

	return LIKELY(h != NULL && h->kind == HANDLE_SERIES) ? cpromi_shared_cells(h, 0) : NULL;
}

static COLD void
change_part(cprom_gauge *g, enum part_change what, double v)
{
	const struct handle *h = (const struct handle *)g;

	if (h == NULL)
		return;
	if (h->kind == HANDLE_PARTS)
		cpromi_part_change(h, what, v);
	else
		cpromi_drop(h, DROP_NOT_A_SERIES);
}

void
cprom_gauge_set(cprom_gauge *g, double v)
{
	atomic_u64 *word = word_of(g);

	if (LIKELY(word != NULL))
		store_relaxed(word, double_bits(v));
	else
		change_part(g, PART_SET, v);
}

void
cprom_gauge_add(cprom_gauge *g, double v)
{
	atomic_u64 *word = word_of(g);

	if (LIKELY(word != NULL))
		cpromi_add_double(word, v);
	else
		change_part(g, PART_ADD, v);
}

void
cprom_gauge_sub(cprom_gauge *g, double v)
{
	cprom_gauge_add(g, -v);
}

void
cprom_gauge_inc(cprom_gauge *g)
{
	cprom_gauge_add(g, 1);
}

void
cprom_gauge_dec(cprom_gauge *g)
{
	cprom_gauge_add(g, -1);
}

/* Stores v if it lies further in the direction of sign; a NaN in the gauge gives way. */
static void
set_extreme(cprom_gauge *g, double v, double sign)
{
	atomic_u64 *word = word_of(g);
	uint64_t old;

	if (g != NULL && v != v) {
		cpromi_drop((const struct handle *)g, DROP_NAN);
		return;
	}
	if (word == NULL) {
		change_part(g, sign > 0 ? PART_SET_MAX : PART_SET_MIN, v);
		return;
	}
	old = load_relaxed(word);
	while (!(bits_double(old) * sign >= v * sign) && !cas_relaxed(word, &old, double_bits(v)))
		;
}

void
cprom_gauge_set_max(cprom_gauge *g, double v)
{
	set_extreme(g, v, 1);
}

void
cprom_gauge_set_min(cprom_gauge *g, double v)
{
	set_extreme(g, v, -1);
}

void
cprom_gauge_set_to_current_time(cprom_gauge *g)
{
	cprom_gauge_set(g, cpromi_unix_seconds());
}

double
cprom_gauge_value(const cprom_gauge *g)
{
	const struct handle *h = (const struct handle *)g;

	if (h != NULL && h->kind == HANDLE_PARTS)
		return cpromi_part_value(h);
	if (h == NULL || h->kind != HANDLE_SERIES)
		return 0;
	return bits_double(load_relaxed(cpromi_shared_cells(h, 0)));
}
