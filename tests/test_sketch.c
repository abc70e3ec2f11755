/* SPDX-License-Identifier: MIT */
/*
 * Tests of sketch: quantiles against sorted observations, windows by a made-up clock.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "sketch.h"

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"

#define MINUTE ((uint64_t)60 * 1000000000)

/* ---- quantiles ------------------------------------------------------------ */

static const struct series *
make_window(const char *name, double max_age, unsigned age_buckets)
{
	cprom_summary *s = cprom_summary_new(name, "A summary.", .registry = registry,
					     .quantiles = CPROM_QUANTILES(0.5), .max_age = max_age,
					     .age_buckets = age_buckets);

	assert_non_null(s);
	return (const struct series *)s;
}

static double
quantile(const struct series *s, double q, uint64_t now)
{
	double out = -12345;

	cpromi_sketch_quantiles(s, &q, 1, now, &out);
	return out;
}

static void
the_sheets_estimates_of_1_to_100(void **state)
{
	const double q[] = {0.5, 0.9, 0.99};
	const struct series *s = make_window("s", 600, 5);
	double out[3];

	(void)state;
	for (int v = 100; v >= 1; v--)
		cpromi_sketch_observe(s, v, 0);
	cpromi_sketch_quantiles(s, q, 3, 0, out);
	assert_true(fabs(out[0] - 49.8852150585624) < 1e-11);
	assert_true(fabs(out[1] - 89.52944817408361) < 1e-11);
	assert_true(fabs(out[2] - 99.7704301171248) < 1e-11);
}

static bool
is_near(double estimate, double exact)
{
	return estimate == exact || fabs(estimate - exact) <= 0.011 * fabs(exact);
}

/* The exact region of the sheet: of few values, which one is the quantile. */
static void
few_observations_give_the_value_of_their_rank(void **state)
{
	static const struct {
		int n;
		double q[3];
	} vectors[] = {{1, {1, 1, 1}},   {2, {1, 2, 2}},      {3, {2, 3, 3}},        {4, {2, 4, 4}},
		       {10, {5, 9, 10}}, {100, {50, 90, 99}}, {499, {250, 450, 495}}};
	const double q[] = {0.5, 0.9, 0.99};
	double out[3];
	char name[32];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct series *s;

		snprintf(name, sizeof(name), "s%zu", i);
		s = make_window(name, 600, 5);
		for (int v = 1; v <= vectors[i].n; v++)
			cpromi_sketch_observe(s, v, 0);
		cpromi_sketch_quantiles(s, q, 3, 0, out);
		for (int k = 0; k < 3; k++)
			assert_true(is_near(out[k], vectors[i].q[k]));
	}
}

static void
an_empty_window_has_no_quantile(void **state)
{
	const double q[] = {0, 0.5, 1};
	double out[3] = {1, 1, 1};

	(void)state;
	cpromi_sketch_quantiles(make_window("s", 600, 5), q, 3, 0, out);
	for (int i = 0; i < 3; i++)
		assert_true(isnan(out[i]));
}

/* ---- windows -------------------------------------------------------------- */

static void
the_window_of_the_sheet(void **state)
{
	const struct series *s = make_window("s", 600, 5);

	(void)state;
	cpromi_sketch_observe(s, 1, 0);
	cpromi_sketch_observe(s, 100, 9 * MINUTE);
	assert_true(is_near(quantile(s, 0.5, 9 * MINUTE), 1));
	assert_true(is_near(quantile(s, 0.51, 9 * MINUTE), 100));
	assert_true(is_near(quantile(s, 0, 11 * MINUTE), 100));
	assert_true(isnan(quantile(s, 0.5, 20 * MINUTE)));
}

static void
a_value_stays_for_between_four_fifths_and_all_of_the_age(void **state)
{
	const uint64_t slice = 2 * MINUTE;

	(void)state;
	for (uint64_t start = 0; start < 14; start++) {
		char name[32];
		const struct series *s;
		uint64_t at = start * slice + slice * start / 14;

		snprintf(name, sizeof(name), "s%u", (unsigned)start);
		s = make_window(name, 600, 5);
		cpromi_sketch_observe(s, 7, at);
		assert_true(is_near(quantile(s, 1, at), 7));
		assert_true(is_near(quantile(s, 1, (start + 5) * slice - 1), 7));
		assert_true(isnan(quantile(s, 1, (start + 5) * slice)));
		assert_true(isnan(quantile(s, 1, (start + 6) * slice)));
		assert_true(isnan(quantile(s, 1, (start + 12) * slice)));
	}
}

static double
value_of_slice(uint64_t slice)
{
	return 1 +
	       (double)(slice * 4 % 7) / 10; /* all in one leaf, and not in step with the slots */
}

static void
a_slot_that_is_used_again_starts_empty(void **state)
{
	const struct series *s = make_window("s", 600, 5);

	(void)state;
	for (uint64_t slice = 0; slice < 40; slice++) {
		uint64_t now = slice * 2 * MINUTE;

		cpromi_sketch_observe(s, value_of_slice(slice), now);
		if (slice < 4)
			continue;
		for (uint64_t i = slice - 4; i <= slice; i++) {
			unsigned rank = 0; /* of slice i among the last five */

			for (uint64_t j = slice - 4; j <= slice; j++)
				rank += value_of_slice(j) <= value_of_slice(i);
			assert_true(is_near(quantile(s, rank / 5.0, now), value_of_slice(i)));
		}
	}
}

static void
one_age_bucket_is_a_window_too(void **state)
{
	const struct series *s = make_window("s", 60, 1);

	(void)state;
	cpromi_sketch_observe(s, 3, 0);
	assert_true(is_near(quantile(s, 0.5, MINUTE - 1), 3));
	assert_true(isnan(quantile(s, 0.5, MINUTE)));
	cpromi_sketch_observe(s, 4, MINUTE);
	assert_true(is_near(quantile(s, 0, MINUTE), 4));
}

/* ---- threads -------------------------------------------------------------- */

static void
observe_own_range(unsigned i, void *arg)
{
	for (unsigned n = 0; n < 500; n++)
		cpromi_sketch_observe(arg, i * 500 + n + 1, 5 * MINUTE);
}

static void
all_lanes_are_in_the_window(void **state)
{
	static const unsigned lanes[] = {64, 2};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		cprom_registry *r = cprom_registry_new(.max_lanes = lanes[i]);
		cprom_summary *s = cprom_summary_new("s", "A summary.", .registry = r,
						     .quantiles = CPROM_QUANTILES(0.5));
		const struct series *series = (const struct series *)s;

		assert_non_null(s);
		cpromi_sketch_observe(series, 0, 5 * MINUTE);
		run_threads(8, observe_own_range, s);
		/* Exactly without sharing only: who comes while a shared slot is cleared is left out. */
		for (double q = 0.05; lanes[i] == 64 && q <= 1; q += 0.05)
			assert_true(is_near(quantile(series, q, 5 * MINUTE), ceil(q * 4001) - 1));
		assert_true(is_near(quantile(series, 1, 5 * MINUTE), 4000));
		assert_true(fabs(quantile(series, 0.5, 5 * MINUTE) - 2000) < 100);
		cprom_registry_free(r);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_sheets_estimates_of_1_to_100),
		TEST(few_observations_give_the_value_of_their_rank),
		TEST(an_empty_window_has_no_quantile),
		TEST(the_window_of_the_sheet),
		TEST(a_value_stays_for_between_four_fifths_and_all_of_the_age),
		TEST(a_slot_that_is_used_again_starts_empty),
		TEST(one_age_bucket_is_a_window_too),
		TEST(all_lanes_are_in_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
