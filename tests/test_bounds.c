/* SPDX-License-Identifier: MIT */
/*
 * Tests of bounds: series of bucket bounds against exact values, and what is refused.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bounds.h"
#include "expect.h"

static double out[64];

static void
assert_bounds(cprom_doubles made, const double *expected, size_t n, double relative)
{
	assert_ptr_equal(made.items, out);
	assert_int_equal(made.count, n);
	for (size_t i = 0; i < n; i++)
		if (!(fabs(made.items[i] - expected[i]) <= relative * fabs(expected[i])))
			fail_msg("bound %zu is %.17g, not %.17g", i, made.items[i], expected[i]);
}

#define EXACTLY(made, ...)                                                                         \
	assert_bounds((made), (const double[]){__VA_ARGS__},                                       \
		      sizeof((double[]){__VA_ARGS__}) / sizeof(double), 0)
#define NEARLY(made, relative, ...)                                                                \
	assert_bounds((made), (const double[]){__VA_ARGS__},                                       \
		      sizeof((double[]){__VA_ARGS__}) / sizeof(double), (relative))

static void
assert_refused(cprom_doubles made, const char *function, const char *why)
{
	assert_null(made.items);
	assert_int_equal(made.count, 0);
	assert_reason(EINVAL, function);
	assert_reason(EINVAL, why);
	errno = 0;
}

/* ---- series of bounds ----------------------------------------------------- */

static void
linear_buckets_are_the_same_width_apart(void **state)
{
	(void)state;
	EXACTLY(cprom_linear_buckets(1, 2, 5, out), 1, 3, 5, 7, 9);
	EXACTLY(cprom_linear_buckets(-15, 5, 6, out), -15, -10, -5, 0, 5, 10);
	EXACTLY(cprom_linear_buckets(0.25, 0.125, 4, out), 0.25, 0.375, 0.5, 0.625);
	EXACTLY(cprom_linear_buckets(-1e300, 1e300, 3, out), -1e300, 0, 1e300);
	EXACTLY(cprom_linear_buckets(42, -1, 1, out), 42);
	NEARLY(cprom_linear_buckets(0.1, 0.1, 10, out), 3e-16, .1, .2, .3, .4, .5, .6, .7, .8, .9,
	       1);
}

static void
exponential_buckets_are_the_same_factor_apart(void **state)
{
	(void)state;
	EXACTLY(cprom_exponential_buckets(1, 2, 8, out), 1, 2, 4, 8, 16, 32, 64, 128);
	EXACTLY(cprom_exponential_buckets(0.5, 10, 4, out), 0.5, 5, 50, 500);
	EXACTLY(cprom_exponential_buckets(100, 1.5, 3, out), 100, 150, 225);
	EXACTLY(cprom_exponential_buckets(DBL_TRUE_MIN, 2, 3, out), 5e-324, 1e-323, 2e-323);
	EXACTLY(cprom_exponential_buckets(7, 1, 1, out), 7);
	NEARLY(cprom_exponential_buckets(1e-3, 10, 6, out), 1e-15, .001, .01, .1, 1, 10, 100);
}

static void
a_range_begins_and_ends_as_told(void **state)
{
	(void)state;
	EXACTLY(cprom_exponential_buckets_range(1, 1024, 11, out), 1, 2, 4, 8, 16, 32, 64, 128, 256,
		512, 1024);
	EXACTLY(cprom_exponential_buckets_range(3, 5, 2, out), 3, 5);
	EXACTLY(cprom_exponential_buckets_range(0.25, 4, 3, out), 0.25, 1, 4);
	NEARLY(cprom_exponential_buckets_range(1, 100, 10, out), 4e-15, 1, 1.6681005372000588,
	       2.7825594022071245, 4.641588833612779, 7.742636826811270, 12.91549665014884,
	       21.544346900318837, 35.93813663804628, 59.94842503189409, 100);
	for (size_t n = 2; n <= 64; n++) {
		cprom_doubles made = cprom_exponential_buckets_range(1e-9, 3600, n, out);

		assert_int_equal(made.count, n);
		assert_double(made.items[0], 1e-9);
		assert_double(made.items[n - 1], 3600);
		for (size_t i = 0; i < n; i++) {
			double exact = 1e-9 * pow(3.6e12, (double)i / (double)(n - 1));

			assert_true(fabs(made.items[i] - exact) <= 1e-13 * exact);
		}
	}
	assert_int_equal(cprom_exponential_buckets_range(DBL_MIN, 1, 64, out).count, 64);
}

static void
computed_buckets_are_good_for_a_histogram(void **state)
{
	cprom_registry *r = cprom_registry_new();
	cprom_histogram *h = cprom_histogram_new("h", "A histogram.", .registry = r,
						 .buckets = cprom_linear_buckets(1, 1, 3, out));

	(void)state;
	assert_non_null(h);
	memset(out, 0, sizeof(out)); /* they were copied */
	cprom_histogram_observe(h, 2);
	assert_sample(r, "h_bucket{le=\"1\"}", "0");
	assert_sample(r, "h_bucket{le=\"2\"}", "1");
	assert_sample(r, "h_bucket{le=\"3\"}", "1");
	cprom_registry_free(r);
}

static void
arguments_that_do_not_ascend_are_refused(void **state)
{
	const char *function = "cprom_linear_buckets";

	(void)state;
	assert_refused(cprom_linear_buckets(1, 0, 2, out), function, "ascending");
	assert_refused(cprom_linear_buckets(1, -1, 2, out), function, "ascending");
	assert_refused(cprom_linear_buckets(1, NAN, 2, out), function, "ascending");
	assert_refused(cprom_linear_buckets(NAN, 1, 1, out), function, "ascending");
	assert_refused(cprom_linear_buckets(0, INFINITY, 3, out), function, "ascending");
	assert_refused(cprom_linear_buckets(INFINITY, 1, 1, out), function, "ascending");
	assert_refused(cprom_linear_buckets(1e16, 1, 3, out), function, "ascending");
	assert_refused(cprom_linear_buckets(1, 1, 0, out), function, "no buckets");
	assert_refused(cprom_linear_buckets(1, 1, 3, NULL), function, "no buckets");
	function = "cprom_exponential_buckets";
	assert_refused(cprom_exponential_buckets(1, 1, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(1, 0.5, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(1, -2, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(1, NAN, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(0, 2, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(-1, 0.5, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(NAN, 2, 1, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(1e308, 10, 2, out), function, "ascending");
	assert_refused(cprom_exponential_buckets(1, 2, 0, out), function, "no buckets");
	assert_refused(cprom_exponential_buckets(1, 2, 3, NULL), function, "no buckets");
	function = "cprom_exponential_buckets_range";
	assert_refused(cprom_exponential_buckets_range(0, 1, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(-1, 1, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(2, 1, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(1, 1, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(NAN, 1, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(1, NAN, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(1, INFINITY, 3, out), function, "ascending");
	assert_refused(cprom_exponential_buckets_range(1, nextafter(1, 2), 3, out), function,
		       "ascending");
	assert_refused(cprom_exponential_buckets_range(1, 2, 0, out), function, "no buckets");
	assert_refused(cprom_exponential_buckets_range(1, 2, 3, NULL), function, "no buckets");
}

/* ---- checks --------------------------------------------------------------- */

static void
a_checked_list_loses_its_last_infinity_only(void **state)
{
	cprom_doubles with = CPROM_BUCKETS(-INFINITY, 1, INFINITY), without = CPROM_BUCKETS(1, 2);

	(void)state;
	assert_int_equal(cpromi_bounds_check("x", &with), 0);
	assert_int_equal(with.count, 2);
	assert_int_equal(cpromi_bounds_check("x", &without), 0);
	assert_int_equal(without.count, 2);
}

static void
refuse_quantiles(cprom_doubles q, const char *why)
{
	assert_int_equal(cpromi_quantiles_check("lat", &q), -1);
	assert_reason(EINVAL, why);
	assert_reason(EINVAL, "lat");
	errno = 0;
}

static void
quantiles_ascend_from_0_to_1(void **state)
{
	cprom_doubles good = CPROM_QUANTILES(0, 0.5, 0.999, 1), none = {NULL, 0};
	double many[CPROM_MAX_QUANTILES + 1];

	(void)state;
	assert_int_equal(cpromi_quantiles_check("lat", &good), 0);
	assert_int_equal(cpromi_quantiles_check("lat", &none), 0);
	refuse_quantiles(CPROM_QUANTILES(0.9, 0.5), "0.9 is followed by 0.5");
	refuse_quantiles(CPROM_QUANTILES(0.5, 0.5), "ascend");
	refuse_quantiles(CPROM_QUANTILES(-0.1, 0.5), "between 0 and 1");
	refuse_quantiles(CPROM_QUANTILES(0.5, 1.001), "between 0 and 1");
	refuse_quantiles(CPROM_QUANTILES(99), "between 0 and 1");
	refuse_quantiles(CPROM_QUANTILES(INFINITY), "between 0 and 1");
	refuse_quantiles(CPROM_QUANTILES(NAN), "not a number");
	refuse_quantiles((cprom_doubles){NULL, 1}, "NULL");
	for (size_t i = 0; i <= CPROM_MAX_QUANTILES; i++)
		many[i] = (double)i / 100;
	refuse_quantiles((cprom_doubles){many, CPROM_MAX_QUANTILES + 1}, "64");
	refuse_quantiles((cprom_doubles){many, SIZE_MAX}, "64");
	assert_int_equal(cpromi_quantiles_check("lat", &(cprom_doubles){many, CPROM_MAX_QUANTILES}),
			 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear_buckets_are_the_same_width_apart),
		cmocka_unit_test(exponential_buckets_are_the_same_factor_apart),
		cmocka_unit_test(a_range_begins_and_ends_as_told),
		cmocka_unit_test(computed_buckets_are_good_for_a_histogram),
		cmocka_unit_test(arguments_that_do_not_ascend_are_refused),
		cmocka_unit_test(a_checked_list_loses_its_last_infinity_only),
		cmocka_unit_test(quantiles_ascend_from_0_to_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
