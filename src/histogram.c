/* SPDX-License-Identifier: MIT */
/*
 * histogram: counts of observations per bucket, and their sum.
 *
 * Cells of a run: sequence word, sum, one per bound, +Inf. Buckets are counted one
 * by one and made cumulative when they are read; the count is their sum.
 */
#include "bounds.h"
#include "exemplar.h"
#include "family.h"

static const double default_buckets[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

cprom_histogram *
cprom_histogram_create(const cprom_histogram_options *from)
{
	cprom_histogram_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	if (o.buckets.count == 0)
		o.buckets = (cprom_doubles){default_buckets, array_len(default_buckets)};
	if (cpromi_bounds_check(o.name, &o.buckets) == -1)
		return (cprom_histogram *)cpromi_family_refuse(&spec);
	spec.shape.type = CPROM_TYPE_HISTOGRAM;
	spec.shape.bounds = o.buckets;
	return (cprom_histogram *)cpromi_family_register(&spec);
}

static inline void
observe(const struct handle *h, double v, double sum, uint64_t n)
{
	cpromi_snapshot_add(h, 2 + cpromi_bucket_of(&h->chunk->shape->buckets, v), n, sum);
}

/* The same, and an exemplar if the hook has labels for one. */
static NOINLINE void
observe_hooked(const struct handle *h, double v, double sum, uint64_t n)
{
	observe(h, v, sum, n);
	cpromi_exemplar_ask(h, cpromi_bucket_of(&h->chunk->shape->buckets, v), v);
}

void
cprom_histogram_observe(cprom_histogram *m, double v)
{
	const struct handle *h = (const struct handle *)m;

	if (UNLIKELY(h == NULL))
		return;
	if (UNLIKELY(v != v))
		cpromi_drop(h, DROP_NAN);
	else if (cpromi_exemplar_is_hooked())
		observe_hooked(h, v, v, 1);
	else
		observe(h, v, v, 1);
}

void
cprom_histogram_observe_exemplar(cprom_histogram *m, double v, cprom_strings labels)
{
	const struct handle *h = (const struct handle *)m;

	if (h == NULL)
		return;
	if (v != v) {
		cpromi_drop(h, DROP_NAN);
		return;
	}
	observe(h, v, v, 1);
	cpromi_exemplar_put(h, cpromi_bucket_of(&h->chunk->shape->buckets, v), v, labels);
}

void
cprom_histogram_observe_many(cprom_histogram *m, double v, uint64_t n)
{
	const struct handle *h = (const struct handle *)m;

	if (h == NULL || n == 0)
		return;
	if (v != v)
		cpromi_drop(h, DROP_NAN);
	else if (cpromi_exemplar_is_hooked())
		observe_hooked(h, v, v * (double)n, n);
	else
		observe(h, v, v * (double)n, n);
}

uint64_t
cprom_histogram_count(const cprom_histogram *m)
{
	const struct handle *h = (const struct handle *)m;
	uint64_t total = 0;

	if (h == NULL || h->kind != HANDLE_SERIES)
		return 0;
	for (unsigned i = 0; i <= h->chunk->shape->count; i++)
		total += cpromi_sum_u64(h, 0, 2 + i);
	return total;
}

double
cprom_histogram_sum(const cprom_histogram *m)
{
	const struct handle *h = (const struct handle *)m;

	if (h == NULL || h->kind != HANDLE_SERIES)
		return 0;
	return cpromi_sum_double(h, 0, 1);
}
