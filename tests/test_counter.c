/* SPDX-License-Identifier: MIT */
/*
 * Tests of counter: what is counted, what is not, and that no addition is lost.
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

static cprom_counter *
make(void)
{
	cprom_counter *c = cprom_counter_new("c_total", "A counter.", .registry = registry);

	assert_non_null(c);
	return c;
}

/* ---- values --------------------------------------------------------------- */

static void
a_new_counter_shows_0(void **state)
{
	(void)state;
	assert_double(cprom_counter_value(make()), 0);
	assert_sample(registry, "c_total", "0");
}

static void
whole_numbers_and_fractions_are_one_sum(void **state)
{
	cprom_counter *c = make();

	(void)state;
	cprom_counter_inc(c);
	assert_double(cprom_counter_value(c), 1);
	cprom_counter_add(c, 41);
	assert_double(cprom_counter_value(c), 42);
	cprom_counter_add(c, 0.25);
	cprom_counter_add(c, 0.5);
	assert_double(cprom_counter_value(c), 42.75);
	cprom_counter_add(c, 1.25);
	cprom_counter_inc(c);
	assert_double(cprom_counter_value(c), 45);
	assert_sample(registry, "c_total", "45");
	cprom_counter_add(c, 0.125);
	assert_sample(registry, "c_total", "45.125");
}

static void
fractions_alone_are_summed(void **state)
{
	cprom_counter *c = make();

	(void)state;
	cprom_counter_add(c, DBL_TRUE_MIN);
	assert_double(cprom_counter_value(c), DBL_TRUE_MIN);
	assert_sample(registry, "c_total", "5e-324");
}

static void
adding_0_of_either_sign_changes_nothing(void **state)
{
	cprom_counter *c = make();

	(void)state;
	cprom_counter_add(c, 0.0);
	cprom_counter_add(c, -0.0);
	assert_double(cprom_counter_value(c), 0);
	assert_double(dropped(registry, "negative"), 0);
}

static void
whole_numbers_are_exact_above_2_to_the_53(void **state)
{
	cprom_counter *c = make();
	const struct handle *h = (const struct handle *)c;

	(void)state;
	cprom_counter_add(c, 0x1p53);
	cprom_counter_inc(c); /* a double would stay at 2^53 here, twice */
	cprom_counter_inc(c);
	assert_double(cprom_counter_value(c), 0x1p53 + 2);
	assert_sample(registry, "c_total", "9.007199254740994e+15");
	cprom_counter_inc(c);
	assert_true(cpromi_sum_u64(h, 0, 0) == ((uint64_t)1 << 53) + 3);
	for (int i = 0; i < 3; i++)
		cprom_counter_add(c, 0x1p62);
	assert_true(cpromi_sum_u64(h, 0, 0) == ((uint64_t)3 << 62) + ((uint64_t)1 << 53) + 3);
}

static void
numbers_at_and_above_2_to_the_63_are_added(void **state)
{
	cprom_counter *c = make();

	(void)state;
	cprom_counter_add(c, nextafter(0x1p63, 0));
	assert_double(cprom_counter_value(c), nextafter(0x1p63, 0));
	cprom_counter_add(c, 0x1p63);
	assert_double(cprom_counter_value(c), 0x1p64);
	cprom_counter_add(c, DBL_MAX);
	assert_double(cprom_counter_value(c), DBL_MAX);
}

/* ---- what is dropped ------------------------------------------------------ */

static void
what_would_not_count_up_is_dropped_and_counted(void **state)
{
	static const double negative[] = {-1, -0.5, -DBL_TRUE_MIN, -DBL_MAX, -INFINITY};
	cprom_counter *c = make();

	(void)state;
	cprom_counter_add(c, 7);
	for (size_t i = 0; i < sizeof(negative) / sizeof(*negative); i++) {
		cprom_counter_add(c, negative[i]);
		assert_double(cprom_counter_value(c), 7);
		assert_double(dropped(registry, "negative"), (double)i + 1);
	}
	cprom_counter_add(c, NAN);
	cprom_counter_add(c, -NAN);
	assert_double(dropped(registry, "nan"), 2);
	cprom_counter_add(c, INFINITY);
	assert_double(dropped(registry, "infinite"), 1);
	assert_double(cprom_counter_value(c), 7);
	assert_double(dropped(registry, "negative"), 5);
	assert_double(dropped(registry, "labels_missing"), 0);
}

static void
a_parent_without_label_values_counts_nothing(void **state)
{
	cprom_counter *c = cprom_counter_new("l_total", "Labelled.", .registry = registry,
					     .labels = CPROM_LABELS("a"));

	(void)state;
	cprom_counter_inc(c);
	cprom_counter_add(c, 2);
	cprom_counter_add(c, 0.5);
	assert_double(cprom_counter_value(c), 0);
	assert_double(dropped(registry, "labels_missing"), 3);
}

static void
no_counter_is_no_counter(void **state)
{
	(void)state;
	cprom_counter_inc(NULL);
	cprom_counter_add(NULL, 1);
	cprom_counter_add(NULL, NAN);
	assert_double(cprom_counter_value(NULL), 0);
	assert_double(dropped(registry, "nan"), 0);
}

/* ---- callbacks ------------------------------------------------------------ */

static double
deref(void *arg)
{
	return *(double *)arg;
}

static void
a_callback_is_asked_at_every_scrape(void **state)
{
	double value = 3;

	(void)state;
	assert_non_null(cprom_counter_new("cb_total", "Asked.", .registry = registry,
					  .callback = deref, .arg = &value));
	assert_sample(registry, "cb_total", "3");
	value = 4.5;
	assert_sample(registry, "cb_total", "4.5");
}

static void
a_callback_that_gives_no_count_is_left_out(void **state)
{
	static const double bad[] = {-1, NAN, -INFINITY};
	const char *invalid = "cprom_collector_samples_dropped_total{reason=\"invalid\"}";
	double value, before = sample(registry, invalid);

	(void)state;
	assert_non_null(cprom_counter_new("cb_total", "Asked.", .registry = registry,
					  .callback = deref, .arg = &value));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		value = bad[i];
		assert_false(has_sample(registry, "cb_total"));
	}
	value = 0;
	assert_true(has_sample(registry, "cb_total"));
	assert_true(sample(registry, invalid) >= before + 3);
}

/* ---- threads -------------------------------------------------------------- */

static unsigned rounds; /* of one thread */

static void
count_ones_and_halves(unsigned i, void *arg)
{
	for (unsigned n = 0; n < rounds; n++) {
		cprom_counter_inc(arg);
		cprom_counter_add(arg, 2);
		cprom_counter_add(arg, 0.5);
		cprom_counter_add(arg, i % 2 == 0 ? -1 : NAN);
	}
}

static void
assert_no_addition_is_lost(unsigned threads, unsigned lanes)
{
	cprom_registry *r = cprom_registry_new(.max_lanes = lanes, .self_metrics = 1);
	cprom_counter *c = cprom_counter_new("c_total", "A counter.", .registry = r);

	assert_non_null(c);
	rounds = OFTEN / threads;
	run_threads(threads, count_ones_and_halves, c);
	assert_double(cprom_counter_value(c), 3.5 * threads * rounds);
	assert_double(dropped(r, "negative") + dropped(r, "nan"), (double)threads * rounds);
	assert_true(sample(r, "cprom_lanes") <= lanes);
	cprom_registry_free(r);
}

static void
threads_with_lanes_of_their_own_lose_nothing(void **state)
{
	(void)state;
	assert_no_addition_is_lost(8, 64);
}

static void
threads_that_share_the_overflow_lane_lose_nothing(void **state)
{
	(void)state;
	assert_no_addition_is_lost(8, 2);
	assert_no_addition_is_lost(4, 1);
}

static void
a_hundred_threads_lose_nothing(void **state)
{
	(void)state;
	assert_no_addition_is_lost(100, 64);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_counter_shows_0),
		TEST(whole_numbers_and_fractions_are_one_sum),
		TEST(fractions_alone_are_summed),
		TEST(adding_0_of_either_sign_changes_nothing),
		TEST(whole_numbers_are_exact_above_2_to_the_53),
		TEST(numbers_at_and_above_2_to_the_63_are_added),
		TEST(what_would_not_count_up_is_dropped_and_counted),
		TEST(a_parent_without_label_values_counts_nothing),
		TEST(no_counter_is_no_counter),
		TEST(a_callback_is_asked_at_every_scrape),
		TEST(a_callback_that_gives_no_count_is_left_out),
		cmocka_unit_test(threads_with_lanes_of_their_own_lose_nothing),
		cmocka_unit_test(threads_that_share_the_overflow_lane_lose_nothing),
		cmocka_unit_test(a_hundred_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
