/* SPDX-License-Identifier: MIT */
/*
 * summary: count and sum over the whole life, quantiles over a window if asked for.
 *
 * Cells of a run: sequence word, sum, count. The quantiles are a sketch's: sketch.h.
 */
#include "bounds.h"
#include "clock.h"
#include "error.h"
#include "family.h"
#include "sketch.h"

#include <errno.h>

#define DEFAULT_MAX_AGE 600
#define DEFAULT_AGE_BUCKETS 5
#define MIN_SLICE_NS 1000000u           /* 1 ms: slice numbers fit their bits */
#define MAX_AGE_SECONDS (366.0 * 86400) /* longer ones are a mistake in the unit */

/* The window as the sketch wants it: slices, one more than are read, and their length. */
static int
set_window(struct shape_key *key, const cprom_summary_options *o)
{
	const char *name = o->name == NULL ? "(null)" : o->name;
	double max_age = o->max_age == 0 ? DEFAULT_MAX_AGE : o->max_age;
	unsigned slices = o->age_buckets == 0 ? DEFAULT_AGE_BUCKETS : o->age_buckets;

	if (!(max_age > 0 && max_age <= MAX_AGE_SECONDS))
		return cpromi_fail(EINVAL, "%s: max_age is not between 0 and 366 days", name);
	if (slices > CPROM_MAX_AGE_BUCKETS)
		return cpromi_fail(EINVAL, "%s: more than %d age buckets", name,
				   CPROM_MAX_AGE_BUCKETS);
	key->slices = slices + 1;
	key->slice_ns = (uint64_t)(max_age * 1e9 / slices);
	if (key->slice_ns < MIN_SLICE_NS)
		return cpromi_fail(EINVAL, "%s: an age bucket is shorter than 1 ms", name);
	return 0;
}

cprom_summary *
cprom_summary_create(const cprom_summary_options *from)
{
	cprom_summary_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	if (cpromi_quantiles_check(o.name, &o.quantiles) == -1)
		return (cprom_summary *)cpromi_family_refuse(&spec);
	spec.shape.type = CPROM_TYPE_SUMMARY;
	spec.shape.bounds = o.quantiles;
	if (o.quantiles.count > 0 && set_window(&spec.shape, &o) == -1)
		return (cprom_summary *)cpromi_family_refuse(&spec);
	return (cprom_summary *)cpromi_family_register(&spec);
}

static inline void
observe(const struct handle *h, double v)
{
	cpromi_snapshot_add(h, 2, 1, v);
}

static void
observe_quantiles(const struct handle *h, double v)
{
	uint64_t now = cpromi_monotonic_coarse_ns();

	observe(h, v);
	cpromi_sketch_observe((const struct series *)h, v, now);
}

void
cprom_summary_observe(cprom_summary *m, double v)
{
	const struct handle *h = (const struct handle *)m;

	if (UNLIKELY(h == NULL))
		return;
	if (UNLIKELY(v != v))
		cpromi_drop(h, DROP_NAN);
	else if (h->chunk->shape->slices > 0 && h->kind == HANDLE_SERIES)
		observe_quantiles(h, v);
	else
		observe(h, v);
}

uint64_t
cprom_summary_count(const cprom_summary *m)
{
	const struct handle *h = (const struct handle *)m;

	return h == NULL || h->kind != HANDLE_SERIES ? 0 : cpromi_sum_u64(h, 0, 2);
}

double
cprom_summary_sum(const cprom_summary *m)
{
	const struct handle *h = (const struct handle *)m;

	return h == NULL || h->kind != HANDLE_SERIES ? 0 : cpromi_sum_double(h, 0, 1);
}

double
cprom_summary_quantile(const cprom_summary *m, double q)
{
	const struct handle *h = (const struct handle *)m;
	double value = __builtin_nan("");

	if (h == NULL || h->kind != HANDLE_SERIES || h->chunk->shape->slices == 0 ||
	    !(q >= 0 && q <= 1))
		return value;
	cpromi_sketch_quantiles((const struct series *)m, &q, 1, cpromi_monotonic_coarse_ns(),
				&value);
	return value;
}
