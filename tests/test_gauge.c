/* SPDX-License-Identifier: MIT */
/*
 * Tests of gauge: every operation on every kind of number, alone and from many threads.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "atomic.h"
#include "expect.h"

static cprom_registry *registry;
static cprom_gauge *g;

static int
setup(void **state)
{
	(void)state;
	registry = cprom_registry_new(.self_metrics = 1);
	g = cprom_gauge_new("g", "A gauge.", .registry = registry);
	return g == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

static double
value(void)
{
	return cprom_gauge_value(g);
}

static void
a_new_gauge_shows_0(void **state)
{
	(void)state;
	assert_double(value(), 0);
	assert_sample(registry, "g", "0");
}

static void
set_takes_every_number(void **state)
{
	static const double numbers[] = {1,       -1,       0.1,       -0.0, DBL_MAX, -DBL_MAX,
					 DBL_MIN, INFINITY, -INFINITY, NAN,  5e-324,  0};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		cprom_gauge_set(g, numbers[i]);
		assert_double(value(), numbers[i]);
	}
	cprom_gauge_set(g, NAN);
	assert_sample(registry, "g", "NaN");
	cprom_gauge_set(g, -INFINITY);
	assert_sample(registry, "g", "-Inf");
	assert_double(dropped(registry, "nan") + dropped(registry, "infinite"), 0);
}

static void
add_sub_inc_and_dec_go_up_and_down(void **state)
{
	(void)state;
	cprom_gauge_inc(g);
	assert_double(value(), 1);
	cprom_gauge_add(g, 2.5);
	assert_double(value(), 3.5);
	cprom_gauge_sub(g, 10);
	assert_double(value(), -6.5);
	cprom_gauge_dec(g);
	assert_double(value(), -7.5);
	cprom_gauge_add(g, -0.5);
	assert_double(value(), -8);
	cprom_gauge_sub(g, -9);
	assert_double(value(), 1);
	assert_double(dropped(registry, "negative"), 0);
}

static void
infinities_and_nan_are_added_as_doubles_are(void **state)
{
	(void)state;
	cprom_gauge_add(g, INFINITY);
	cprom_gauge_dec(g);
	assert_double(value(), INFINITY);
	cprom_gauge_sub(g, INFINITY);
	assert_true(isnan(value()));
	cprom_gauge_inc(g);
	assert_true(isnan(value()));
	cprom_gauge_set(g, 1);
	cprom_gauge_add(g, NAN);
	assert_true(isnan(value()));
	cprom_gauge_set(g, 1);
	cprom_gauge_sub(g, NAN);
	assert_true(isnan(value()));
}

static void
set_max_keeps_the_larger(void **state)
{
	(void)state;
	cprom_gauge_set_max(g, -3);
	assert_double(value(), 0);
	cprom_gauge_set_max(g, 2);
	assert_double(value(), 2);
	cprom_gauge_set_max(g, 1);
	assert_double(value(), 2);
	cprom_gauge_set_max(g, -INFINITY);
	assert_double(value(), 2);
	cprom_gauge_set_max(g, INFINITY);
	assert_double(value(), INFINITY);
	cprom_gauge_set_max(g, DBL_MAX);
	assert_double(value(), INFINITY);
	cprom_gauge_set(g, -10);
	cprom_gauge_set_max(g, -9.5);
	assert_double(value(), -9.5);
}

static void
set_min_keeps_the_smaller(void **state)
{
	(void)state;
	cprom_gauge_set_min(g, 3);
	assert_double(value(), 0);
	cprom_gauge_set_min(g, -2);
	assert_double(value(), -2);
	cprom_gauge_set_min(g, -1);
	assert_double(value(), -2);
	cprom_gauge_set_min(g, INFINITY);
	assert_double(value(), -2);
	cprom_gauge_set_min(g, -INFINITY);
	assert_double(value(), -INFINITY);
	cprom_gauge_set(g, 10);
	cprom_gauge_set_min(g, 9.5);
	assert_double(value(), 9.5);
}

static void
an_extreme_of_nan_is_dropped_and_counted(void **state)
{
	(void)state;
	cprom_gauge_set(g, 5);
	cprom_gauge_set_max(g, NAN);
	cprom_gauge_set_min(g, NAN);
	assert_double(value(), 5);
	assert_double(dropped(registry, "nan"), 2);
}

static void
nan_gives_way_to_an_extreme(void **state)
{
	(void)state;
	cprom_gauge_set(g, NAN);
	cprom_gauge_set_max(g, -7);
	assert_double(value(), -7);
	cprom_gauge_set(g, NAN);
	cprom_gauge_set_min(g, 7);
	assert_double(value(), 7);
}

static double
unix_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
the_current_time_is_in_seconds_since_1970(void **state)
{
	double before = unix_time(), after;

	(void)state;
	cprom_gauge_set_to_current_time(g);
	after = unix_time();
	assert_true(value() >= before - 0.001 && value() <= after + 0.001);
}

static void
a_parent_without_label_values_holds_nothing(void **state)
{
	cprom_gauge *p = cprom_gauge_new("p", "Labelled.", .registry = registry,
					 .labels = CPROM_LABELS("a"));

	(void)state;
	cprom_gauge_set(p, 1);
	cprom_gauge_inc(p);
	cprom_gauge_dec(p);
	cprom_gauge_add(p, 1);
	cprom_gauge_sub(p, 1);
	cprom_gauge_set_max(p, 1);
	cprom_gauge_set_min(p, -1);
	cprom_gauge_set_to_current_time(p);
	assert_double(cprom_gauge_value(p), 0);
	assert_double(dropped(registry, "labels_missing"), 8);
}

static void
no_gauge_is_no_gauge(void **state)
{
	(void)state;
	cprom_gauge_set(NULL, 1);
	cprom_gauge_inc(NULL);
	cprom_gauge_dec(NULL);
	cprom_gauge_add(NULL, 1);
	cprom_gauge_sub(NULL, 1);
	cprom_gauge_set_max(NULL, NAN);
	cprom_gauge_set_min(NULL, NAN);
	cprom_gauge_set_to_current_time(NULL);
	assert_double(cprom_gauge_value(NULL), 0);
	assert_double(value(), 0);
	assert_double(dropped(registry, "nan"), 0);
}

static double
deref(void *arg)
{
	return *(double *)arg;
}

static void
a_callback_may_give_any_number(void **state)
{
	double number = -2.5;

	(void)state;
	assert_non_null(cprom_gauge_new("cb", "Asked.", .registry = registry, .callback = deref,
					.arg = &number));
	assert_sample(registry, "cb", "-2.5");
	number = NAN;
	assert_sample(registry, "cb", "NaN");
	number = INFINITY;
	assert_sample(registry, "cb", "+Inf");
}

/* ---- threads -------------------------------------------------------------- */

#define THREADS 8
#define ROUNDS (OFTEN / THREADS)

static void
go_up_more_than_down(unsigned i, void *arg)
{
	(void)i;
	for (unsigned n = 0; n < ROUNDS; n++) {
		cprom_gauge_inc(arg);
		cprom_gauge_add(arg, 0.75);
		cprom_gauge_dec(arg);
		cprom_gauge_sub(arg, 0.25);
	}
}

static void
threads_lose_no_addition(void **state)
{
	(void)state;
	run_threads(THREADS, go_up_more_than_down, g);
	assert_double(value(), 0.5 * THREADS * ROUNDS);
}

static cprom_gauge *lowest;
static atomic_u64 next;        /* of all threads, so that they always try for the next extreme */
static unsigned lost[THREADS]; /* extremes that were not there after they were set */

static void
report_extremes(unsigned i, void *arg)
{
	for (unsigned n = 0; n < ROUNDS; n++) {
		double v = (double)(add_relaxed(&next, 1) + 1);

		cprom_gauge_set_max(arg, v);
		lost[i] += cprom_gauge_value(arg) < v;
		cprom_gauge_set_min(lowest, -v);
		lost[i] += cprom_gauge_value(lowest) > -v;
	}
}

static void
threads_lose_no_extreme(void **state)
{
	double highest = (double)THREADS * ROUNDS;

	(void)state;
	lowest = cprom_gauge_new("lowest", "A gauge.", .registry = registry);
	run_threads(THREADS, report_extremes, g);
	assert_double(value(), highest);
	assert_double(cprom_gauge_value(lowest), -highest);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(lost[i], 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_gauge_shows_0),
		TEST(set_takes_every_number),
		TEST(add_sub_inc_and_dec_go_up_and_down),
		TEST(infinities_and_nan_are_added_as_doubles_are),
		TEST(set_max_keeps_the_larger),
		TEST(set_min_keeps_the_smaller),
		TEST(an_extreme_of_nan_is_dropped_and_counted),
		TEST(nan_gives_way_to_an_extreme),
		TEST(the_current_time_is_in_seconds_since_1970),
		TEST(a_parent_without_label_values_holds_nothing),
		TEST(no_gauge_is_no_gauge),
		TEST(a_callback_may_give_any_number),
		TEST(threads_lose_no_addition),
		TEST(threads_lose_no_extreme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
