/* SPDX-License-Identifier: MIT */
/*
 * histogram: counts of observations per bucket, and their sum.
 *
 * Cells of a run: sequence word, sum, one per bound, +Inf. Buckets are counted one
 * by one and made cumulative when they are read; the count is their sum. A native
 * histogram has them in its record: native.h.
 */
#include "bounds.h"
#include "error.h"
#include "exemplar.h"
#include "family.h"
#include "native.h"

#include <errno.h>

#define DEFAULT_GROWTH 1.1 /* this and the next two as client_golang recommends */
#define DEFAULT_NATIVE_BUCKETS 160
#define DEFAULT_ZERO_THRESHOLD 0x1p-128
#define MAX_RESET_SECONDS (366.0 * 86400) /* longer ones are a mistake in the unit */

static const double default_buckets[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

static bool
is_between(double v, double low, double high)
{
	return v >= low && v <= high; /* not if it is NaN */
}

static int
set_native(struct native_limits *to, const char *name, const cprom_native *from)
{
	const double largest = 0x1.fffffffffffffp1023;
	cprom_native o = {0};

	name = name == NULL ? "(null)" : name;
	if (from->size < sizeof(from->size) || from->size > 4096)
		return cpromi_fail(EINVAL, "%s: native options without their size", name);
	memcpy(&o, from, from->size < sizeof(o) ? from->size : sizeof(o));
	if (o.growth == 0)
		o.growth = DEFAULT_GROWTH;
	if (o.zero_threshold == 0)
		o.zero_threshold = DEFAULT_ZERO_THRESHOLD;
	if (!(o.growth > 1))
		return cpromi_fail(EINVAL, "%s: the growth of native buckets is not above 1", name);
	if (o.max_buckets > CPROM_MAX_BUCKETS)
		return cpromi_fail(EINVAL, "%s: more than %d native buckets", name,
				   CPROM_MAX_BUCKETS);
	if (!is_between(o.zero_threshold, -largest, largest) ||
	    !is_between(o.max_zero_threshold, 0, largest))
		return cpromi_fail(EINVAL, "%s: a zero threshold is out of range", name);
	if (!is_between(o.min_reset, 0, MAX_RESET_SECONDS))
		return cpromi_fail(EINVAL, "%s: min_reset is not between 0 and 366 days", name);
	*to = (struct native_limits){
		.schema = cpromi_exponential_schema(o.growth),
		.max_buckets = o.max_buckets == 0 ? DEFAULT_NATIVE_BUCKETS : o.max_buckets,
		.zero_threshold = o.zero_threshold < 0 ? 0 : o.zero_threshold,
		.max_zero_threshold = o.max_zero_threshold,
		.min_reset_ns = (uint64_t)(o.min_reset * 1e9),
	};
	return 0;
}

cprom_histogram *
cprom_histogram_create(const cprom_histogram_options *from)
{
	cprom_histogram_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	if (o.buckets.count == 0 && o.native == NULL)
		o.buckets = (cprom_doubles){default_buckets, array_len(default_buckets)};
	if (o.buckets.count > 0 && cpromi_bounds_check(o.name, &o.buckets) == -1)
		return (cprom_histogram *)cpromi_family_refuse(&spec);
	if (o.native != NULL && set_native(&spec.shape.native, o.name, o.native) == -1)
		return (cprom_histogram *)cpromi_family_refuse(&spec);
	spec.shape.type = CPROM_TYPE_HISTOGRAM;
	spec.shape.bounds = o.buckets;
	return (cprom_histogram *)cpromi_family_register(&spec);
}

/* The bucket. */
static inline size_t
observe(const struct handle *h, double v, double sum, uint64_t n)
{
	size_t bucket = cpromi_bucket_of(&h->chunk->shape->buckets, v);

	if (LIKELY(cpromi_snapshot_own(h, 2 + bucket, n, sum)))
		return bucket;
	if (h->kind == HANDLE_NATIVE)
		cpromi_native_observe(h, bucket, v, sum, n);
	else
		cpromi_snapshot_add_slow(h, 2 + bucket, n, sum);
	return bucket;
}

/* The same, and an exemplar if the hook has labels for one. */
static NOINLINE void
observe_hooked(const struct handle *h, double v, double sum, uint64_t n)
{
	cpromi_exemplar_ask(h, observe(h, v, sum, n), v);
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
	cpromi_exemplar_put(h, observe(h, v, v, 1), v, labels);
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

/* Count and sum of any handle. */
static void
read_totals(const struct handle *h, uint64_t *count, double *sum)
{
	*count = 0;
	*sum = 0;
	if (h == NULL)
		return;
	if (h->kind == HANDLE_NATIVE)
		cpromi_native_totals(h, count, sum);
	if (h->kind != HANDLE_SERIES)
		return;
	for (unsigned i = 0; i <= h->chunk->shape->count; i++)
		*count += cpromi_sum_u64(h, 0, 2 + i);
	*sum = cpromi_sum_double(h, 0, 1);
}

uint64_t
cprom_histogram_count(const cprom_histogram *m)
{
	uint64_t count;
	double sum;

	read_totals((const struct handle *)m, &count, &sum);
	return count;
}

double
cprom_histogram_sum(const cprom_histogram *m)
{
	uint64_t count;
	double sum;

	read_totals((const struct handle *)m, &count, &sum);
	return sum;
}
