/* SPDX-License-Identifier: MIT */
/*
 * Tests of histogram: which bucket an observation is counted in, and that none is lost.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "shape.h"
#include "with_registry.h"

static const double defaults[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
#define DEFAULTS (sizeof(defaults) / sizeof(*defaults))

static cprom_histogram *
make(cprom_doubles buckets)
{
	cprom_histogram *h = cprom_histogram_new("h", "A histogram.", .registry = registry,
						 .buckets = buckets);

	assert_non_null(h);
	return h;
}

/* The number of observations in one bucket, not cumulative. */
static uint64_t
in_bucket(const cprom_histogram *m, size_t i)
{
	const struct handle *h = (const struct handle *)m;
	uint64_t counts[CPROM_MAX_BUCKETS + 1], scratch[CPROM_MAX_BUCKETS + 2];
	double sum;

	assert_true(i <= h->chunk->shape->count);
	cpromi_snapshot(h, &sum, counts, scratch);
	return counts[i];
}

/* ---- buckets -------------------------------------------------------------- */

static void
a_new_histogram_shows_0_in_the_default_buckets(void **state)
{
	static const char *const le[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
					 "0.5",   "1",    "2.5",   "5",    "10",  "+Inf"};
	cprom_histogram *h = make((cprom_doubles){NULL, 0});
	char series[64];

	(void)state;
	for (size_t i = 0; i < sizeof(le) / sizeof(*le); i++) {
		snprintf(series, sizeof(series), "h_bucket{le=\"%s\"}", le[i]);
		assert_sample(registry, series, "0");
	}
	assert_sample(registry, "h_sum", "0");
	assert_sample(registry, "h_count", "0");
	assert_true(cprom_histogram_count(h) == 0);
	assert_double(cprom_histogram_sum(h), 0);
}

static void
a_value_on_a_bound_is_below_it(void **state)
{
	cprom_histogram *h = make((cprom_doubles){NULL, 0});

	(void)state;
	for (size_t i = 0; i < DEFAULTS; i++) {
		cprom_histogram_observe(h, defaults[i]);
		assert_int_equal(in_bucket(h, i), i == 0 ? 1 : 2);
		cprom_histogram_observe(h, nextafter(defaults[i], 0));
		assert_int_equal(in_bucket(h, i), i == 0 ? 2 : 3);
		cprom_histogram_observe(h, nextafter(defaults[i], INFINITY));
		assert_int_equal(in_bucket(h, i + 1), 1);
	}
	assert_true(cprom_histogram_count(h) == 3 * DEFAULTS);
}

static void
buckets_are_cumulative_in_a_page(void **state)
{
	cprom_histogram *h = make(CPROM_BUCKETS(-1, 0, 2.5));

	(void)state;
	cprom_histogram_observe(h, -1);
	cprom_histogram_observe(h, -0.0);
	cprom_histogram_observe(h, 0.5);
	cprom_histogram_observe(h, 2.5);
	cprom_histogram_observe(h, 3);
	assert_sample(registry, "h_bucket{le=\"-1\"}", "1");
	assert_sample(registry, "h_bucket{le=\"0\"}", "2");
	assert_sample(registry, "h_bucket{le=\"2.5\"}", "4");
	assert_sample(registry, "h_bucket{le=\"+Inf\"}", "5");
	assert_sample(registry, "h_count", "5");
	assert_sample(registry, "h_sum", "5");
}

/* As bucket_of() should find it, but by looking at every bound. */
static size_t
expected_bucket(const double *bounds, size_t n, double v)
{
	size_t i = 0;

	while (i < n && !(v <= bounds[i]))
		i++;
	return i;
}

static void
every_number_of_buckets_is_searched_right(void **state)
{
	double bounds[70];
	char name[32];

	(void)state;
	for (size_t n = 1; n <= sizeof(bounds) / sizeof(*bounds); n++) {
		uint64_t expected[sizeof(bounds) / sizeof(*bounds) + 1] = {0};
		cprom_histogram *h;

		bounds[n - 1] = (double)n * 3 - 100;
		snprintf(name, sizeof(name), "h%zu", n);
		h = cprom_histogram_new(name, "A histogram.", .registry = registry,
					.buckets = {bounds, n});
		for (double v = -101.5; v <= bounds[n - 1] + 2; v += 0.5) {
			cprom_histogram_observe(h, v);
			expected[expected_bucket(bounds, n, v)]++;
		}
		for (size_t i = 0; i <= n; i++)
			assert_true(in_bucket(h, i) == expected[i]);
	}
}

static void
extreme_values_are_counted_at_the_ends(void **state)
{
	cprom_histogram *h = make(CPROM_BUCKETS(-1e300, 0, 1e300));

	(void)state;
	cprom_histogram_observe(h, -DBL_MAX);
	cprom_histogram_observe(h, DBL_MAX);
	assert_double(cprom_histogram_sum(h), 0);
	cprom_histogram_observe(h, INFINITY);
	assert_double(cprom_histogram_sum(h), INFINITY);
	cprom_histogram_observe(h, DBL_TRUE_MIN);
	cprom_histogram_observe(h, -DBL_TRUE_MIN);
	assert_int_equal(in_bucket(h, 0), 1);
	assert_int_equal(in_bucket(h, 1), 1);
	assert_int_equal(in_bucket(h, 2), 1);
	assert_int_equal(in_bucket(h, 3), 2);
	cprom_histogram_observe(h, -INFINITY);
	assert_int_equal(in_bucket(h, 0), 2);
	assert_true(isnan(cprom_histogram_sum(h)));
	assert_true(cprom_histogram_count(h) == 6);
}

static void
nan_is_dropped_and_counted(void **state)
{
	cprom_histogram *h = make((cprom_doubles){NULL, 0});

	(void)state;
	cprom_histogram_observe(h, 0.25);
	cprom_histogram_observe(h, NAN);
	cprom_histogram_observe_many(h, -NAN, 10);
	assert_true(cprom_histogram_count(h) == 1);
	assert_double(cprom_histogram_sum(h), 0.25);
	assert_double(dropped(registry, "nan"), 2);
}

static void
many_are_as_often_one(void **state)
{
	cprom_histogram *h = make(CPROM_BUCKETS(1, 2));

	(void)state;
	cprom_histogram_observe_many(h, 1.5, 1000);
	assert_int_equal(in_bucket(h, 1), 1000);
	assert_double(cprom_histogram_sum(h), 1500);
	cprom_histogram_observe_many(h, 7, 0);
	assert_true(cprom_histogram_count(h) == 1000);
	assert_double(cprom_histogram_sum(h), 1500);
	cprom_histogram_observe_many(h, 0.5, (uint64_t)1 << 60);
	assert_true(cprom_histogram_count(h) == ((uint64_t)1 << 60) + 1000);
	assert_double(cprom_histogram_sum(h), 0x1p59 + 1500);
}

/* ---- definitions ---------------------------------------------------------- */

static void
the_last_infinity_is_implied(void **state)
{
	cprom_histogram *h = make(CPROM_BUCKETS(1, 2));

	(void)state;
	assert_ptr_equal(make(CPROM_BUCKETS(1, 2, INFINITY)), h);
}

static void
infinity_may_be_the_only_bucket(void **state)
{
	cprom_histogram *h = make(CPROM_BUCKETS(INFINITY));

	(void)state;
	cprom_histogram_observe(h, -5);
	cprom_histogram_observe(h, INFINITY);
	assert_true(cprom_histogram_count(h) == 2);
	assert_sample(registry, "h_bucket{le=\"+Inf\"}", "2");
}

static void
refuse(cprom_doubles buckets, const char *why)
{
	errno = 0;
	assert_null(
		cprom_histogram_new("bad", "Not to be.", .registry = registry, .buckets = buckets));
	assert_reason(EINVAL, why);
	assert_reason(EINVAL, "bad");
}

static void
buckets_that_do_not_ascend_are_refused(void **state)
{
	(void)state;
	refuse(CPROM_BUCKETS(1, 3, 2), "3 is followed by 2");
	refuse(CPROM_BUCKETS(0.1, 0.1), "0.1 is followed by 0.1");
	refuse(CPROM_BUCKETS(-0.0, 0.0), "ascend");
	refuse(CPROM_BUCKETS(1, INFINITY, INFINITY), "ascend");
	refuse(CPROM_BUCKETS(INFINITY, 1), "ascend");
	refuse(CPROM_BUCKETS(1, NAN), "not a number");
	refuse(CPROM_BUCKETS(NAN), "not a number");
	refuse((cprom_doubles){NULL, 3}, "NULL");
	assert_false(has_sample(registry, "bad_count"));
}

static void
there_may_be_as_many_buckets_as_the_header_says(void **state)
{
	double bounds[CPROM_MAX_BUCKETS + 2];
	cprom_histogram *h;

	(void)state;
	for (size_t i = 0; i < CPROM_MAX_BUCKETS + 2; i++)
		bounds[i] = (double)i;
	refuse((cprom_doubles){bounds, CPROM_MAX_BUCKETS + 1}, "1024");
	refuse((cprom_doubles){bounds, SIZE_MAX}, "1024"); /* without reading them all */
	h = make((cprom_doubles){bounds, CPROM_MAX_BUCKETS});
	bounds[CPROM_MAX_BUCKETS] = INFINITY;
	assert_ptr_equal(make((cprom_doubles){bounds, CPROM_MAX_BUCKETS + 1}), h);
	for (size_t i = 0; i < CPROM_MAX_BUCKETS; i++)
		cprom_histogram_observe(h, bounds[i]);
	cprom_histogram_observe(h, 1e9);
	for (size_t i = 0; i <= CPROM_MAX_BUCKETS; i++)
		assert_int_equal(in_bucket(h, i), 1);
}

static void
a_parent_without_label_values_counts_nothing(void **state)
{
	cprom_histogram *h = cprom_histogram_new("l", "Labelled.", .registry = registry,
						 .labels = CPROM_LABELS("a"));

	(void)state;
	cprom_histogram_observe(h, 1);
	cprom_histogram_observe_many(h, 1, 5);
	assert_true(cprom_histogram_count(h) == 0);
	assert_double(cprom_histogram_sum(h), 0);
	assert_double(dropped(registry, "labels_missing"), 2);
}

static void
no_histogram_is_no_histogram(void **state)
{
	(void)state;
	cprom_histogram_observe(NULL, 1);
	cprom_histogram_observe(NULL, NAN);
	cprom_histogram_observe_many(NULL, 1, 2);
	assert_true(cprom_histogram_count(NULL) == 0);
	assert_double(cprom_histogram_sum(NULL), 0);
	assert_double(dropped(registry, "nan"), 0);
}

/* ---- threads -------------------------------------------------------------- */

static unsigned rounds; /* of one thread */

static void
observe_all_buckets(unsigned i, void *arg)
{
	for (unsigned n = 0; n < rounds; n++)
		cprom_histogram_observe(arg, (double)((n + i) % 4));
	cprom_histogram_observe_many(arg, 2, 3);
}

static void
assert_no_observation_is_lost(unsigned threads, unsigned lanes)
{
	cprom_registry *r = cprom_registry_new(.max_lanes = lanes);
	cprom_histogram *h = cprom_histogram_new("h", "A histogram.", .registry = r,
						 .buckets = CPROM_BUCKETS(0, 1, 2));

	assert_non_null(h);
	rounds = OFTEN / threads / 4 * 4;
	run_threads(threads, observe_all_buckets, h);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(in_bucket(h, i), threads * (rounds / 4 + (i == 2 ? 3 : 0)));
	assert_true(cprom_histogram_count(h) == threads * (rounds + 3));
	assert_double(cprom_histogram_sum(h), threads * (rounds * 1.5 + 6));
	cprom_registry_free(r);
}

static void
threads_lose_no_observation(void **state)
{
	(void)state;
	assert_no_observation_is_lost(8, 64);
	assert_no_observation_is_lost(8, 2);
	assert_no_observation_is_lost(4, 1);
	assert_no_observation_is_lost(100, 64);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_histogram_shows_0_in_the_default_buckets),
		TEST(a_value_on_a_bound_is_below_it),
		TEST(buckets_are_cumulative_in_a_page),
		TEST(every_number_of_buckets_is_searched_right),
		TEST(extreme_values_are_counted_at_the_ends),
		TEST(nan_is_dropped_and_counted),
		TEST(many_are_as_often_one),
		TEST(the_last_infinity_is_implied),
		TEST(infinity_may_be_the_only_bucket),
		TEST(buckets_that_do_not_ascend_are_refused),
		TEST(there_may_be_as_many_buckets_as_the_header_says),
		TEST(a_parent_without_label_values_counts_nothing),
		TEST(no_histogram_is_no_histogram),
		cmocka_unit_test(threads_lose_no_observation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
