/* SPDX-License-Identifier: MIT */
/*
 * Tests of native: what a native histogram shows of what it was given, its limits and
 * resets, beside classic buckets and without, from many threads at once.
 */
#include "native.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "registry.h"
#include "with_registry.h"

#define VIEW_BYTES ((size_t)64 << 10)
#define LARGEST_M CPROM_MAX_BUCKETS

static _Alignas(8) char memory[VIEW_BYTES];

static void
read_view(struct native_view *v, const cprom_histogram *m)
{
	const struct handle *h = (const struct handle *)m;
	struct epoch_guard g = {0};

	assert_true(cpromi_native_is(h));
	assert_true(cpromi_native_bytes(h->chunk->shape) <= VIEW_BYTES);
	assert_true(cpromi_epoch_enter(&registry->epoch, &g));
	cpromi_native_read(v, h, memory);
	cpromi_epoch_leave(&g);
}

static cprom_histogram *
make(const cprom_native *native)
{
	cprom_histogram *h = cprom_histogram_new("n", "A native histogram.", .registry = registry,
						 .native = native);

	assert_non_null(h);
	return h;
}

static uint64_t
in_bucket(const struct native_view *v, enum native_sign sign, int32_t index)
{
	for (size_t i = 0; i < v->bucket_count; i++)
		if (v->buckets[i].index == index)
			return v->buckets[i].counts[sign];
	return 0;
}

static size_t
buckets_of(const struct native_view *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->bucket_count; i++)
		n += (v->buckets[i].counts[0] != 0) + (v->buckets[i].counts[1] != 0);
	return n;
}

/* What every server checks, and that buckets ascend. */
static void
assert_sound(const struct native_view *v)
{
	uint64_t sum = v->zero_count;

	for (size_t i = 0; i < v->bucket_count; i++) {
		assert_true(v->buckets[i].counts[0] + v->buckets[i].counts[1] > 0);
		assert_true(i == 0 || v->buckets[i - 1].index < v->buckets[i].index);
		sum += v->buckets[i].counts[0] + v->buckets[i].counts[1];
	}
	assert_true(sum == v->count);
	assert_true(v->schema >= -4 && v->schema <= 8);
}

/* ---- the published results ------------------------------------------------- */

struct listed {
	int32_t index;
	uint64_t counts[2];
};

struct vector {
	unsigned most;
	double widest;
	double observed[8];
	size_t n;
	int schema;
	double threshold; /* -1: as it was */
	uint64_t zero;
	struct listed buckets[6];
	size_t listed;
};

static void
assert_vector(const struct vector *want, const struct native_view *v)
{
	assert_sound(v);
	assert_int_equal(v->schema, want->schema);
	assert_double(v->zero_threshold, want->threshold < 0 ? 0x1p-128 : want->threshold);
	assert_true(v->zero_count == want->zero);
	assert_true(v->count == want->n);
	assert_int_equal(v->bucket_count, want->listed);
	for (size_t i = 0; i < want->listed; i++)
		for (unsigned sign = 0; sign < 2; sign++)
			assert_true(in_bucket(v, sign, want->buckets[i].index) ==
				    want->buckets[i].counts[sign]);
}

/*
 * Read once at the end, and after each observation, as a server might. In the seventh
 * client_golang stays at schema -1 for want of more observations: it takes one step with
 * each, and has three buckets of two. Here all steps are taken that there are.
 */
static const struct vector vectors[] = {
	{LARGEST_M, 0, {1, 2, 4, 8}, 4, 0, -1, 0, {{0, {1}}, {1, {1}}, {2, {1}}, {3, {1}}}, 4},
	{3, 0, {1, 2, 4, 8}, 4, -1, -1, 0, {{0, {1}}, {1, {2}}, {2, {1}}}, 3},
	{3, 1.5, {1, 2, 4, 8}, 4, 0, 1, 1, {{1, {1}}, {2, {1}}, {3, {1}}}, 3},
	{3, 1.5, {1, 2, 4, 8, 16}, 5, -1, 1, 1, {{1, {2}}, {2, {2}}}, 2},
	{3, 1.5, {1, -1, 2, -2}, 4, 0, 1, 2, {{1, {1, 1}}}, 1},
	{3, 0, {0.5, 0.25, 0.125, 0.0625}, 4, -1, -1, 0, {{-2, {1}}, {-1, {2}}, {0, {1}}}, 3},
	{2, 0, {1, 1e10, 1e-10}, 3, -4, -1, 0, {{-2, {1}}, {0, {1}}, {3, {1}}}, 3},
	{LARGEST_M, 0, {1, 16, 16}, 3, 0, -1, 0, {{0, {1}}, {4, {2}}}, 2},
	{LARGEST_M, 0, {1, 8, 8}, 3, 0, -1, 0, {{0, {1}}, {3, {2}}}, 2},
};

static void
assert_vectors(bool each)
{
	char name[32];

	for (size_t i = 0; i < array_len(vectors); i++) {
		const struct vector *want = &vectors[i];
		cprom_histogram *h;
		struct native_view v;

		snprintf(name, sizeof(name), "v%d%zu", each, i);
		h = cprom_histogram_new(name, "A vector.", .registry = registry,
					.native = CPROM_NATIVE(.growth = 2,
							       .max_buckets = want->most,
							       .max_zero_threshold = want->widest));
		assert_non_null(h);
		for (size_t j = 0; j < want->n; j++) {
			cprom_histogram_observe(h, want->observed[j]);
			if (each)
				read_view(&v, h);
		}
		read_view(&v, h);
		assert_vector(want, &v);
	}
}

static void
the_published_observations_have_the_published_buckets(void **state)
{
	(void)state;
	assert_vectors(false);
}

static void
the_same_if_it_is_read_after_each(void **state)
{
	(void)state;
	assert_vectors(true);
}

static void
special_values_have_their_buckets(void **state)
{
	const double values[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1e-40, DBL_MAX};
	cprom_histogram *h = make(CPROM_NATIVE(.growth = 2));
	struct native_view v;

	(void)state;
	for (size_t i = 0; i < array_len(values); i++)
		cprom_histogram_observe(h, values[i]);
	read_view(&v, h);
	assert_sound(&v);
	assert_int_equal(v.schema, 0);
	assert_true(v.count == 6); /* NaN is dropped and counted, as everywhere here */
	assert_double(dropped(registry, "nan"), 1);
	assert_true(isnan(v.sum)); /* infinite both ways */
	assert_true(v.zero_count == 3);
	assert_int_equal(v.bucket_count, 2);
	assert_true(in_bucket(&v, NATIVE_POSITIVE, 1024) == 1);
	assert_true(in_bucket(&v, NATIVE_POSITIVE, 1025) == 1);
	assert_true(in_bucket(&v, NATIVE_NEGATIVE, 1025) == 1);
}

/* ---- options ---------------------------------------------------------------- */

static void
an_empty_one_shows_its_options(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE());
	int64_t now = time(NULL);
	struct native_view v;

	(void)state;
	read_view(&v, h);
	assert_sound(&v);
	assert_int_equal(v.schema, 3);
	assert_double(v.zero_threshold, 0x1p-128);
	assert_true(v.count == 0 && v.bucket_count == 0);
	assert_double(v.sum, 0);
	assert_true(v.created_ms > (now - 10) * 1000 && v.created_ms < (now + 10) * 1000);
}

static void
growth_gives_the_schema(void **state)
{
	static const double growths[] = {65536, 256,  16,   4,    2,    1.5,  1.2,
					 1.1,   1.05, 1.03, 1.02, 1.01, 1.005};
	struct native_view v;
	char name[16];

	(void)state;
	for (int i = 0; i < 13; i++) {
		cprom_histogram *h;

		snprintf(name, sizeof(name), "g%d", i);
		h = cprom_histogram_new(name, "Growth.", .registry = registry,
					.native = CPROM_NATIVE(.growth = growths[i]));
		cprom_histogram_observe(h, 10);
		cprom_histogram_observe(h, -0.001);
		read_view(&v, h);
		assert_sound(&v);
		assert_int_equal(v.schema, i - 4);
		assert_true(in_bucket(&v, NATIVE_POSITIVE, cpromi_exponential_index(i - 4, 10)) ==
			    1);
		assert_true(in_bucket(&v, NATIVE_NEGATIVE,
				      cpromi_exponential_index(i - 4, 0.001)) == 1);
	}
}

static void
the_zero_bucket_holds_what_its_threshold_says(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE(.growth = 2, .zero_threshold = 0.75));
	cprom_histogram *exact = cprom_histogram_new(
		"exact", "No threshold.", .registry = registry,
		.native = CPROM_NATIVE(.growth = 2, .zero_threshold = -1));
	struct native_view v;

	(void)state;
	for (int i = -1; i <= 1; i += 2) {
		cprom_histogram_observe(h, i * 0.75);
		cprom_histogram_observe(h, i * nextafter(0.75, 1));
		cprom_histogram_observe(exact, i * 5e-324);
		cprom_histogram_observe(exact, i * 0.0);
	}
	read_view(&v, h);
	assert_double(v.zero_threshold, 0.75);
	assert_true(v.zero_count == 2 && in_bucket(&v, NATIVE_POSITIVE, 0) == 1 &&
		    in_bucket(&v, NATIVE_NEGATIVE, 0) == 1);
	read_view(&v, exact);
	assert_double(v.zero_threshold, 0);
	assert_true(v.zero_count == 2 && in_bucket(&v, NATIVE_POSITIVE, -1074) == 1 &&
		    in_bucket(&v, NATIVE_NEGATIVE, -1074) == 1);
}

static void
wrong_options_are_refused(void **state)
{
	const cprom_native wrong[] = {
		{.size = sizeof(cprom_native), .growth = 1},
		{.size = sizeof(cprom_native), .growth = -2},
		{.size = sizeof(cprom_native), .growth = NAN},
		{.size = sizeof(cprom_native), .max_buckets = CPROM_MAX_BUCKETS + 1},
		{.size = sizeof(cprom_native), .zero_threshold = INFINITY},
		{.size = sizeof(cprom_native), .zero_threshold = NAN},
		{.size = sizeof(cprom_native), .max_zero_threshold = -1},
		{.size = sizeof(cprom_native), .max_zero_threshold = NAN},
		{.size = sizeof(cprom_native), .min_reset = -1},
		{.size = sizeof(cprom_native), .min_reset = 1e9},
		{.size = sizeof(cprom_native), .min_reset = NAN},
		{.size = 0},
	};

	(void)state;
	for (size_t i = 0; i < array_len(wrong); i++) {
		errno = 0;
		assert_null(cprom_histogram_new("w", "Wrong.", .registry = registry,
						.native = &wrong[i]));
		assert_int_equal(errno, EINVAL);
	}
	assert_non_null(
		cprom_histogram_new("w", "Right.", .registry = registry, .native = CPROM_NATIVE()));
}

static void
native_options_are_part_of_the_definition(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE(.growth = 1.1));

	(void)state;
	assert_ptr_equal(make(CPROM_NATIVE()), h);
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry));
	assert_int_equal(errno, EEXIST);
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry,
					.native = CPROM_NATIVE(.growth = 1.5)));
	assert_string_equal(cprom_error(),
			    "n is registered already as a histogram: the native options differ");
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry,
					.native = CPROM_NATIVE(.min_reset = 1)));
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry,
					.native = CPROM_NATIVE(.max_buckets = 10)));
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry,
					.native = CPROM_NATIVE(.zero_threshold = -1)));
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry,
					.native = CPROM_NATIVE(.max_zero_threshold = 1)));
	assert_null(cprom_histogram_new("n", "A native histogram.", .registry = registry,
					.buckets = CPROM_BUCKETS(1), .native = CPROM_NATIVE()));
	assert_string_equal(cprom_error(),
			    "n is registered already as a histogram: the buckets differ");
}

/* ---- beside classic buckets -------------------------------------------------- */

static void
texts_show_the_classic_part(void **state)
{
	cprom_histogram *alone = make(CPROM_NATIVE());
	cprom_histogram *both = cprom_histogram_new("both", "Both.", .registry = registry,
						    .buckets = CPROM_BUCKETS(1, 2),
						    .native = CPROM_NATIVE());

	(void)state;
	cprom_histogram_observe(alone, 0.5);
	cprom_histogram_observe_many(both, 0.5, 3);
	cprom_histogram_observe(both, 1.5);
	cprom_histogram_observe(both, 8);
	assert_sample(registry, "n_bucket{le=\"+Inf\"}", "1");
	assert_sample(registry, "n_sum", "0.5");
	assert_sample(registry, "n_count", "1");
	assert_false(has_sample(registry, "n_bucket{le=\"0.005\"}"));
	assert_sample(registry, "both_bucket{le=\"1\"}", "3");
	assert_sample(registry, "both_bucket{le=\"2\"}", "4");
	assert_sample(registry, "both_bucket{le=\"+Inf\"}", "5");
	assert_sample(registry, "both_sum", "11");
	assert_sample(registry, "both_count", "5");
	assert_true(cprom_histogram_count(both) == 5);
	assert_double(cprom_histogram_sum(both), 11);
}

static void
a_view_has_the_classic_buckets_too(void **state)
{
	cprom_histogram *h = cprom_histogram_new("both", "Both.", .registry = registry,
						 .buckets = CPROM_BUCKETS(1, 2, 4),
						 .native = CPROM_NATIVE());
	struct native_view v;

	(void)state;
	cprom_histogram_observe_many(h, 0.5, 3);
	cprom_histogram_observe(h, 1.5);
	cprom_histogram_observe(h, 8);
	read_view(&v, h);
	assert_sound(&v);
	assert_true(v.classic[0] == 3 && v.classic[1] == 4 && v.classic[2] == 4 && v.count == 5);
	assert_double(v.sum, 11);
	assert_true(in_bucket(&v, NATIVE_POSITIVE, -8) == 3);
}

static void
a_parent_takes_no_observation(void **state)
{
	cprom_histogram *parent = cprom_histogram_new("p", "Parent.", .registry = registry,
						      .labels = CPROM_LABELS("l"),
						      .native = CPROM_NATIVE());

	(void)state;
	cprom_histogram_observe(parent, 1);
	assert_double(dropped(registry, "labels_missing"), 1);
	assert_true(cprom_histogram_count(parent) == 0);
	cprom_histogram_observe(NULL, 1);
	cprom_histogram_observe(cprom_labels(parent, "x"), 1);
	assert_sample(registry, "p_count{l=\"x\"}", "1");
}

static void
a_removed_childs_record_is_empty_for_the_next(void **state)
{
	cprom_histogram *parent = cprom_histogram_new(
		"p", "Parent.", .registry = registry, .labels = CPROM_LABELS("l"),
		.buckets = CPROM_BUCKETS(1), .native = CPROM_NATIVE(.max_buckets = 10));
	struct native_view v;

	(void)state;
	for (int round = 0; round < 500; round++) {
		cprom_histogram *child = cprom_labels(parent, round % 2 ? "a" : "b");

		read_view(&v, child);
		assert_true(v.count == 0 && v.bucket_count == 0 && v.classic[0] == 0);
		assert_int_equal(v.schema, 3);
		assert_double(v.sum, 0);
		for (double x = 1e-5; x < 1e5; x *= 7) {
			cprom_histogram_observe(child, x);
			cprom_histogram_observe(child, -x);
		}
		read_view(&v, child);
		assert_sound(&v);
		assert_true(v.schema < 3 && buckets_of(&v) <= 10 && v.count == 24);
		assert_int_equal(cprom_clear(parent), 0);
	}
	assert_true(load_relaxed(&registry->region.used) < 1 << 20);
}

/* ---- limits ------------------------------------------------------------------ */

static uint64_t seed = 42;

static uint64_t
next_random(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Any finite double but 0, of either sign, or of a range around 1. */
static double
random_value(int range)
{
	double v;

	do
		v = bits_double(next_random());
	while (!(fabs(v) > 0 && fabs(v) <= DBL_MAX));
	return range >= 1024 ? v
			     : copysign(ldexp(frexp(v, &(int){0}),
					      (int)(next_random() % (unsigned)range) - range / 2),
					v);
}

/* The reference: all observations, counted anew under the limits that are shown. */
static void
assert_shows(const struct native_view *v, const double *values, size_t n)
{
	uint64_t zero = 0;

	assert_sound(v);
	assert_true(v->count == n);
	for (size_t i = 0; i < n; i++)
		zero += fabs(values[i]) <= v->zero_threshold;
	assert_true(v->zero_count == zero);
	for (size_t b = 0; b < v->bucket_count; b++) {
		uint64_t counts[2] = {0, 0};

		for (size_t i = 0; i < n; i++)
			if (fabs(values[i]) > v->zero_threshold &&
			    cpromi_exponential_index(v->schema, fabs(values[i])) ==
				    v->buckets[b].index)
				counts[signbit(values[i]) != 0]++;
		assert_true(v->buckets[b].counts[0] == counts[0]);
		assert_true(v->buckets[b].counts[1] == counts[1]);
	}
}

/* client_golang's steps, repeated until there are few enough. */
struct stepped {
	int schema;
	double threshold;
};

static size_t
count_of(const double *values, size_t n, const struct stepped *s, int32_t *smallest)
{
	size_t buckets = 0;

	*smallest = INT32_MAX;
	for (size_t i = 0; i < n; i++) {
		double size = fabs(values[i]);
		int32_t index = cpromi_exponential_index(s->schema, size);
		bool is_new = size > s->threshold;

		for (size_t j = 0; j < i && is_new; j++)
			is_new = !(fabs(values[j]) > s->threshold &&
				   signbit(values[j]) == signbit(values[i]) &&
				   cpromi_exponential_index(s->schema, fabs(values[j])) == index);
		buckets += is_new;
		if (size > s->threshold && index < *smallest)
			*smallest = index;
	}
	return buckets;
}

static void
step(struct stepped *s, const double *values, size_t n, size_t most, double widest)
{
	int32_t smallest;

	while (count_of(values, n, s, &smallest) > most) {
		double bound = cpromi_exponential_bound(s->schema, smallest);

		if (bound <= widest)
			s->threshold = bound;
		else if (s->schema > -4)
			s->schema--;
		else
			return;
	}
}

static void
random_observations_are_limited_as_step_by_step(void **state)
{
	static const int ranges[] = {4, 20, 60, 1024};
	static const double widths[] = {0, 1e-3, 0.7, 30};
	double values[200];
	unsigned exact = 0;
	char name[16];

	(void)state;
	for (int round = 0; round < 160; round++) {
		unsigned most = 1 + (unsigned)(next_random() % 40);
		double widest = widths[next_random() % 4];
		double growth = exp2(exp2(-(double)(next_random() % 13) + 4));
		struct stepped s = {cpromi_exponential_schema(growth), 0x1p-128};
		cprom_histogram *h;
		struct native_view v;

		snprintf(name, sizeof(name), "r%d", round);
		h = cprom_histogram_new(name, "Random.", .registry = registry,
					.native = CPROM_NATIVE(.growth = growth,
							       .max_buckets = most,
							       .max_zero_threshold = widest));
		assert_non_null(h);
		for (size_t i = 0; i < array_len(values); i++) {
			values[i] = random_value(ranges[round % 4]);
			cprom_histogram_observe(h, values[i]);
			if (next_random() % 50 != 0)
				continue;
			read_view(&v, h);
			step(&s, values, i + 1, most, widest);
			/* Unless an observer halved the resolution for want of leaves. */
			if (load_relaxed(&cpromi_record_of((const struct handle *)h)->leaves) <=
			    16) {
				exact++;
				assert_int_equal(v.schema, s.schema);
				assert_double(v.zero_threshold, s.threshold);
			}
			assert_shows(&v, values, i + 1);
			assert_true(buckets_of(&v) <= most || v.schema == -4);
		}
	}
	assert_true(exact > 200);
}

static void
memory_is_bounded_whatever_comes(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE(.growth = 1.001, .max_buckets = 20));
	uint64_t before = load_relaxed(&registry->region.used);
	struct native_view v;
	const size_t n = 200000;

	(void)state;
	for (size_t i = 0; i < n; i++)
		cprom_histogram_observe(h, random_value(1024));
	/* 13 schemas of 20 leaves at most, in two lanes, and their arrays. */
	assert_true(load_relaxed(&registry->region.used) - before < 600000);
	assert_double(dropped(registry, "no_memory"), 0);
	read_view(&v, h);
	assert_sound(&v);
	assert_true(v.count == n && v.schema <= -3);
	assert_true(v.schema == -4 || buckets_of(&v) <= 20);
}

static void
without_memory_an_observation_is_dropped_as_a_whole(void **state)
{
	cprom_registry *small = cprom_registry_new(.max_bytes = 256 << 10, .self_metrics = 1);
	cprom_histogram *h = cprom_histogram_new(
		"s", "Small.", .registry = small, .buckets = CPROM_BUCKETS(1),
		.native = CPROM_NATIVE(.growth = 1.001, .max_buckets = 1024));
	uint64_t count;

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < 20000; i++)
		cprom_histogram_observe(h, random_value(1024));
	count = cprom_histogram_count(h);
	assert_true(count > 100 && count < 20000);
	assert_double(dropped(small, "no_memory"), (double)(20000 - count));
	cprom_registry_free(small);
}

/* ---- resets ------------------------------------------------------------------ */

static void
wait_a_little(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000};

	nanosleep(&pause, NULL);
}

static void
a_reset_shows_what_was_and_then_begins_anew(void **state)
{
	cprom_histogram *h = cprom_histogram_new(
		"r", "Reset.", .registry = registry, .buckets = CPROM_BUCKETS(2),
		.native = CPROM_NATIVE(.growth = 2, .max_buckets = 3, .min_reset = 0.2));
	struct native_view v;
	int64_t created;

	(void)state;
	for (double x = 1; x <= 8; x *= 2)
		cprom_histogram_observe(h, x);
	cprom_histogram_observe(h, INFINITY);
	read_view(&v, h);
	created = v.created_ms;
	assert_int_equal(v.schema, -2);
	assert_true(v.count == 5 && cprom_histogram_count(h) == 5);
	wait_a_little(300);
	cprom_histogram_observe(h, 1);
	read_view(&v, h);
	assert_true(v.count == 6 && v.classic[0] == 3 && isinf(v.sum));
	assert_true(v.created_ms == created);
	assert_true(cprom_histogram_count(h) == 0);
	assert_double(cprom_histogram_sum(h), 0);
	assert_sample(registry, "r_count", "0");
	cprom_histogram_observe(h, 3);
	read_view(&v, h);
	assert_int_equal(v.schema, 0);
	assert_true(v.count == 1 && v.classic[0] == 0 && in_bucket(&v, NATIVE_POSITIVE, 2) == 1);
	assert_double(v.sum, 3);
	assert_true(v.created_ms >= created + 200);
	assert_sample(registry, "r_bucket{le=\"2\"}", "0");
	assert_sample(registry, "r_sum", "3");
}

static void
what_has_its_full_resolution_is_not_reset(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE(.growth = 2, .max_buckets = 4, .min_reset = 0.05));
	struct native_view v;

	(void)state;
	for (int i = 0; i < 5; i++) {
		for (double x = 1; x <= 8; x *= 2)
			cprom_histogram_observe(h, x);
		wait_a_little(60);
		read_view(&v, h);
		assert_true(v.count == 4u * (unsigned)(i + 1) && v.schema == 0);
	}
}

static void
without_min_reset_limits_stay(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE(.growth = 2, .max_buckets = 3));
	struct native_view v;

	(void)state;
	for (double x = 1; x <= 8; x *= 2)
		cprom_histogram_observe(h, x);
	for (int i = 0; i < 3; i++) {
		wait_a_little(20);
		read_view(&v, h);
		assert_true(v.count == 4 && v.schema == -1);
	}
}

static void
many_resets_take_no_more_memory(void **state)
{
	cprom_histogram *h = make(CPROM_NATIVE(.max_buckets = 3, .min_reset = 1e-9));
	struct native_view v;
	uint64_t used = 0, shown = 0;

	(void)state;
	for (uint64_t i = 0; i < 2000; i++) {
		for (double x = 1e-4; x <= 1e4; x *= 10)
			cprom_histogram_observe(h, x);
		read_view(&v, h);
		assert_sound(&v);
		shown += v.count;
		if (i == 1000)
			used = load_relaxed(&registry->region.used);
	}
	assert_true(shown >= 2000 * 9); /* a coarse clock may not have moved: then it comes again */
	assert_true(load_relaxed(&registry->region.used) == used);
}

/* ---- threads ------------------------------------------------------------------ */

#define THREADS 8
#define EACH 20000

struct crowd {
	cprom_histogram *h;
	atomic_u64 dead; /* threads that are through */
};

/* Whole numbers, so that the sum is exact. */
static void
observe_many_sizes(unsigned t, void *arg)
{
	struct crowd *c = arg;
	uint64_t own = t * 7919 + 1;

	for (int i = 0; i < EACH; i++) {
		own = own * 6364136223846793005u + 1442695040888963407u;
		cprom_histogram_observe(c->h, (double)(int64_t)((own >> 33) % 2000000) - 500000);
	}
	add_relaxed(&c->dead, 1);
}

static void
read_meanwhile(unsigned t, void *arg)
{
	struct crowd *c = arg;
	static _Alignas(8) char own_memory[2][VIEW_BYTES];
	struct native_view v, before = {.schema = 8};
	const struct handle *h = (const struct handle *)c->h;
	struct epoch_guard g = {0};

	do {
		assert_true(cpromi_epoch_enter(&registry->epoch, &g));
		cpromi_native_read(&v, h, own_memory[t % 2]);
		cpromi_epoch_leave(&g);
		assert_sound(&v);
		assert_true(buckets_of(&v) <= h->chunk->shape->native.max_buckets ||
			    v.schema == -4);
		if (h->chunk->shape->native.min_reset_ns > 0)
			continue;
		for (size_t i = 0; i < h->chunk->shape->count; i++)
			assert_true(v.classic[i] <= v.count);
		assert_true(v.count >= before.count && v.schema <= before.schema &&
			    v.zero_threshold >= before.zero_threshold &&
			    v.zero_count >= before.zero_count);
		before = v;
	} while (load_relaxed(&c->dead) < THREADS);
}

static void
take_part(unsigned t, void *arg)
{
	if (t < THREADS)
		observe_many_sizes(t, arg);
	else
		read_meanwhile(t, arg);
}

static void
no_observation_is_lost_nor_seen_half(void **state)
{
	static const unsigned lanes[] = {64, 3};

	(void)state;
	for (size_t i = 0; i < array_len(lanes); i++) {
		cprom_registry *old = registry;
		struct crowd c = {NULL, 0};
		struct native_view v;

		registry = cprom_registry_new(.max_lanes = lanes[i]);
		c.h = cprom_histogram_new("t", "Threads.", .registry = registry,
					  .buckets = CPROM_BUCKETS(0, 1000, 100000),
					  .native = CPROM_NATIVE(.growth = 1.02, .max_buckets = 60,
								 .max_zero_threshold = 50));
		run_threads(THREADS + 2, take_part, &c);
		read_view(&v, c.h);
		assert_sound(&v);
		assert_true(v.count == THREADS * EACH);
		assert_true(cprom_histogram_count(c.h) == THREADS * EACH);
		assert_double(v.sum, cprom_histogram_sum(c.h));
		assert_true(v.classic[0] <= v.classic[1] && v.classic[2] <= v.count);
		cprom_registry_free(registry);
		registry = old;
	}
}

static void
resets_under_way_keep_every_page_sound(void **state)
{
	struct crowd c = {make(CPROM_NATIVE(.growth = 1.02, .max_buckets = 20, .min_reset = 1e-3)),
			  0};
	struct native_view v;

	(void)state;
	run_threads(THREADS + 2, take_part, &c);
	read_view(&v, c.h);
	assert_sound(&v);
	assert_true(v.count <= THREADS * EACH);
	assert_double(dropped(registry, "no_memory"), 0);
}

/* ---- processes ------------------------------------------------------------------ */

#define PROCESSES 6
#define KILLS 40

/* Until it is killed, or so often. */
static void
work(cprom_histogram *h, unsigned process, int times)
{
	for (int i = 0; i < times; i++)
		cprom_histogram_observe(h, ldexp((i + (int)process) % 200 - 50, (int)process));
}

static pid_t
start(cprom_histogram *h, unsigned process, int times)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		work(h, process, times);
		_exit(0);
	}
	return child;
}

static void
share(void)
{
	cprom_registry_free(registry);
	registry = cprom_registry_new(.shared = 1, .max_lanes = 4);
	assert_non_null(registry);
}

static void
processes_count_in_one_histogram(void **state)
{
	pid_t children[PROCESSES];
	struct native_view v;
	cprom_histogram *h;
	int status;

	(void)state;
	share();
	h = make(CPROM_NATIVE(.max_buckets = 30, .max_zero_threshold = 4));
	for (unsigned p = 0; p < PROCESSES; p++)
		children[p] = start(h, p, EACH);
	for (unsigned p = 0; p < PROCESSES; p++) {
		assert_true(waitpid(children[p], &status, 0) == children[p] && status == 0);
		read_view(&v, h);
		assert_sound(&v);
		assert_true(buckets_of(&v) <= 30);
	}
	assert_true(v.count == PROCESSES * EACH && cprom_histogram_count(h) == v.count);
}

static void
killed_processes_leave_every_view_sound(void **state)
{
	struct native_view v;
	cprom_histogram *h;
	uint64_t before;

	(void)state;
	share();
	h = make(CPROM_NATIVE(.growth = 1.01, .max_buckets = 30, .min_reset = 0.01));
	for (unsigned i = 0; i < KILLS; i++) {
		pid_t child = start(h, i % PROCESSES, INT32_MAX);

		do {
			wait_a_little(1 + i % 5);
			read_view(&v, h);
		} while (i == 0 && v.count == 0); /* not for nothing, though resets hide much */
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_true(waitpid(child, NULL, 0) == child);
		assert_sound(&v);
		read_view(&v, h);
		assert_sound(&v);
	}
	read_view(&v, h);
	before = v.count;
	cprom_histogram_observe(h, 3);
	read_view(&v, h);
	assert_true(v.count == before + 1 || v.count == 1); /* or it was reset */
	assert_true(load_relaxed(&registry->region.used) < 8 << 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_published_observations_have_the_published_buckets),
		TEST(the_same_if_it_is_read_after_each),
		TEST(special_values_have_their_buckets),
		TEST(an_empty_one_shows_its_options),
		TEST(growth_gives_the_schema),
		TEST(the_zero_bucket_holds_what_its_threshold_says),
		TEST(wrong_options_are_refused),
		TEST(native_options_are_part_of_the_definition),
		TEST(texts_show_the_classic_part),
		TEST(a_view_has_the_classic_buckets_too),
		TEST(a_parent_takes_no_observation),
		TEST(a_removed_childs_record_is_empty_for_the_next),
		TEST(random_observations_are_limited_as_step_by_step),
		TEST(memory_is_bounded_whatever_comes),
		TEST(without_memory_an_observation_is_dropped_as_a_whole),
		TEST(a_reset_shows_what_was_and_then_begins_anew),
		TEST(what_has_its_full_resolution_is_not_reset),
		TEST(without_min_reset_limits_stay),
		TEST(many_resets_take_no_more_memory),
		TEST(no_observation_is_lost_nor_seen_half),
		TEST(resets_under_way_keep_every_page_sound),
		TEST(processes_count_in_one_histogram),
		TEST(killed_processes_leave_every_view_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
