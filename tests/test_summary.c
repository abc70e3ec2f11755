/* SPDX-License-Identifier: MIT */
/*
 * Tests of summary: count and sum for life, quantiles within 1.1 % over many distributions.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "expect.h"
#include "with_registry.h"

#define N 5000

static cprom_summary *
make(cprom_doubles quantiles)
{
	cprom_summary *s = cprom_summary_new("s", "A summary.", .registry = registry,
					     .quantiles = quantiles);

	assert_non_null(s);
	return s;
}

/* ---- count and sum -------------------------------------------------------- */

static void
without_quantiles_it_is_count_and_sum(void **state)
{
	cprom_summary *s = make((cprom_doubles){NULL, 0});

	(void)state;
	assert_sample(registry, "s_sum", "0");
	assert_sample(registry, "s_count", "0");
	assert_false(has_sample(registry, "s{quantile=\"0.5\"}"));
	cprom_summary_observe(s, 1.5);
	cprom_summary_observe(s, -0.25);
	assert_true(cprom_summary_count(s) == 2);
	assert_double(cprom_summary_sum(s), 1.25);
	assert_sample(registry, "s_sum", "1.25");
	assert_sample(registry, "s_count", "2");
	assert_true(isnan(cprom_summary_quantile(s, 0.5)));
}

static void
an_empty_summary_shows_nan_quantiles(void **state)
{
	cprom_summary *s = make(CPROM_QUANTILES(0, 0.5, 1));

	(void)state;
	assert_sample(registry, "s{quantile=\"0\"}", "NaN");
	assert_sample(registry, "s{quantile=\"0.5\"}", "NaN");
	assert_sample(registry, "s{quantile=\"1\"}", "NaN");
	assert_sample(registry, "s_count", "0");
	assert_true(isnan(cprom_summary_quantile(s, 0.5)));
	assert_true(cprom_summary_count(s) == 0);
	assert_double(cprom_summary_sum(s), 0);
}

static void
nan_is_dropped_and_counted(void **state)
{
	cprom_summary *s = make(CPROM_QUANTILES(0.5));

	(void)state;
	cprom_summary_observe(s, NAN);
	assert_true(cprom_summary_count(s) == 0);
	assert_double(cprom_summary_sum(s), 0);
	assert_true(isnan(cprom_summary_quantile(s, 0.5)));
	assert_double(dropped(registry, "nan"), 1);
}

static void
the_window_passes_but_count_and_sum_stay(void **state)
{
	cprom_summary *s = cprom_summary_new("short", "A short memory.", .registry = registry,
					     .quantiles = CPROM_QUANTILES(0.5), .max_age = 0.3,
					     .age_buckets = 3);
	const struct timespec pause = {.tv_nsec = 450000000};

	(void)state;
	cprom_summary_observe(s, 8);
	cprom_summary_observe(s, 8);
	nanosleep(&pause, NULL);
	assert_true(isnan(cprom_summary_quantile(s, 0.5)));
	assert_sample(registry, "short{quantile=\"0.5\"}", "NaN");
	assert_true(cprom_summary_count(s) == 2);
	assert_double(cprom_summary_sum(s), 16);
}

static void
what_quantiles_leave_out_for_lack_of_memory_is_counted(void **state)
{
	static const char missed[] = "cprom_quantile_observations_dropped_total";
	cprom_registry *small = cprom_registry_new(.max_bytes = 128 << 10, .self_metrics = 1);
	cprom_summary *s = cprom_summary_new("s", "A summary.", .registry = small,
					     .quantiles = CPROM_QUANTILES(0.5));
	double v = DBL_MIN;

	(void)state;
	assert_non_null(s);
	cprom_summary_observe(s, v);
	assert_double(sample(small, missed), 0);
	for (uint64_t n = 2; sample(small, missed) == 0; n++) {
		v *= 4; /* further than a leaf reaches */
		assert_true(v < DBL_MAX / 4);
		cprom_summary_observe(s, v);
		assert_true(cprom_summary_count(s) == n);
	}
	assert_true(cprom_summary_quantile(s, 1) < v / 2);
	cprom_summary_observe(s, v);
	assert_double(sample(small, missed), 2);
	cprom_summary_observe(s, DBL_MIN);
	assert_double(sample(small, missed), 2);
	assert_double(dropped(small, "no_memory"), 0);
	cprom_registry_free(small);
}

/* ---- quantiles ------------------------------------------------------------ */

static uint64_t seed = 42;

/* Evenly between 0 and 1, never 0. */
static double
evenly(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return ((double)(seed >> 11) + 1) * 0x1p-53;
}

static double
even(void)
{
	return evenly() * 1000;
}

static double
negative(void)
{
	return -evenly() * 50;
}

static double
around_zero(void)
{
	return evenly() - evenly();
}

static double
heavy_tail(void)
{
	return 1e-3 * pow(evenly(), -2);
}

static double
over_all_magnitudes(void)
{
	return ldexp(evenly(), (int)(evenly() * 2000) - 1000) * (evenly() < 0.3 ? -1 : 1);
}

static double
huge(void)
{
	return DBL_MAX * evenly() * (evenly() < 0.5 ? -1 : 1);
}

static double
tiny(void)
{
	return DBL_MIN * (1 + evenly());
}

static double
subnormal(void)
{
	return DBL_MIN * evenly();
}

static double
one_of_few(void)
{
	static const double few[] = {-INFINITY, -3, -0.0, 0, 0, 1e-9, 7, INFINITY};

	return few[(int)(evenly() * 7.999)];
}

static double
constant(void)
{
	return 0.1;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The doubles next to 0 are farther apart than 1.1 %: there one step is allowed, too. */
static bool
is_within_the_promise(double estimate, double exact)
{
	return estimate == exact || fabs(estimate - exact) <= 0.011 * fabs(exact) + DBL_TRUE_MIN;
}

static void
check_distribution(const char *name, double (*next)(void))
{
	static const double grid[] = {0,   0.001, 0.01, 0.05, 0.1, 0.2,  0.25, 0.3,   0.4,    0.5,
				      0.6, 0.7,   0.75, 0.8,  0.9, 0.95, 0.99, 0.999, 0.9999, 1};
	static double sorted[N];
	cprom_summary *s = cprom_summary_new(name, "A summary.", .registry = registry,
					     .quantiles = CPROM_QUANTILES(0.25, 0.5, 0.99));

	assert_non_null(s);
	for (int i = 0; i < N; i++) {
		sorted[i] = next();
		cprom_summary_observe(s, sorted[i]);
	}
	qsort(sorted, N, sizeof(*sorted), compare);
	for (size_t i = 0; i < sizeof(grid) / sizeof(*grid); i++) {
		double q = grid[i], rank = ceil(q * N);
		double exact = sorted[rank < 1 ? 0 : (int)rank - 1];
		double estimate = cprom_summary_quantile(s, q);

		if (!is_within_the_promise(estimate, exact))
			fail_msg("%s: quantile %g is %.17g, not %.17g", name, q, estimate, exact);
	}
	assert_true(cprom_summary_count(s) == N);
}

static void
every_quantile_is_within_1_1_percent(void **state)
{
	(void)state;
	check_distribution("even", even);
	check_distribution("negative", negative);
	check_distribution("around_zero", around_zero);
	check_distribution("heavy_tail", heavy_tail);
	check_distribution("over_all_magnitudes", over_all_magnitudes);
	check_distribution("huge", huge);
	check_distribution("tiny", tiny);
	check_distribution("subnormal", subnormal);
	check_distribution("one_of_few", one_of_few);
	check_distribution("constant", constant);
}

static void
the_page_shows_what_quantile_says(void **state)
{
	cprom_summary *s = make(CPROM_QUANTILES(0.5, 1));

	(void)state;
	for (int i = 1; i <= 9; i++)
		cprom_summary_observe(s, i);
	assert_double(sample(registry, "s{quantile=\"0.5\"}"), cprom_summary_quantile(s, 0.5));
	assert_double(sample(registry, "s{quantile=\"1\"}"), cprom_summary_quantile(s, 1));
	assert_true(fabs(cprom_summary_quantile(s, 0.5) - 5) <= 0.055);
}

static void
infinities_and_zero_are_themselves(void **state)
{
	cprom_summary *s = make(CPROM_QUANTILES(0.5));

	(void)state;
	cprom_summary_observe(s, INFINITY);
	assert_double(cprom_summary_sum(s), INFINITY);
	cprom_summary_observe(s, 0);
	cprom_summary_observe(s, -INFINITY);
	assert_double(cprom_summary_quantile(s, 0), -INFINITY);
	assert_true(cprom_summary_quantile(s, 0.5) == 0);
	assert_double(cprom_summary_quantile(s, 1), INFINITY);
	assert_true(isnan(cprom_summary_sum(s)));
	assert_true(cprom_summary_count(s) == 3);
}

static void
what_is_no_quantile_is_nan(void **state)
{
	cprom_summary *s = make(CPROM_QUANTILES(0.5));

	(void)state;
	cprom_summary_observe(s, 1);
	assert_true(isnan(cprom_summary_quantile(s, -0.1)));
	assert_true(isnan(cprom_summary_quantile(s, 1.1)));
	assert_true(isnan(cprom_summary_quantile(s, NAN)));
	assert_true(isnan(cprom_summary_quantile(NULL, 0.5)));
	assert_false(isnan(cprom_summary_quantile(s, 0)));
}

/* ---- definitions ---------------------------------------------------------- */

static void
refuse(const char *why, double max_age, unsigned age_buckets, double q)
{
	errno = 0;
	assert_null(cprom_summary_new("bad", "Not to be.", .registry = registry,
				      .quantiles = CPROM_QUANTILES(q), .max_age = max_age,
				      .age_buckets = age_buckets));
	assert_reason(EINVAL, why);
	assert_reason(EINVAL, "bad");
}

static void
windows_and_quantiles_out_of_range_are_refused(void **state)
{
	(void)state;
	refuse("max_age", -1, 0, 0.5);
	refuse("max_age", NAN, 0, 0.5);
	refuse("max_age", INFINITY, 0, 0.5);
	refuse("max_age", 1e9, 0, 0.5);
	refuse("60 age buckets", 600, CPROM_MAX_AGE_BUCKETS + 1, 0.5);
	refuse("shorter", 0.004, 5, 0.5);
	refuse("between 0 and 1", 0, 0, 1.5);
	refuse("not a number", 0, 0, NAN);
	assert_false(has_sample(registry, "bad_count"));
	assert_non_null(cprom_summary_new("good", "To be.", .registry = registry,
					  .quantiles = CPROM_QUANTILES(0, 1), .max_age = 60,
					  .age_buckets = CPROM_MAX_AGE_BUCKETS));
}

static void
a_parent_without_label_values_counts_nothing(void **state)
{
	cprom_summary *s = cprom_summary_new("l", "Labelled.", .registry = registry,
					     .labels = CPROM_LABELS("a"),
					     .quantiles = CPROM_QUANTILES(0.5));

	(void)state;
	cprom_summary_observe(s, 1);
	cprom_summary_observe(NULL, 1);
	assert_true(cprom_summary_count(s) == 0 && cprom_summary_count(NULL) == 0);
	assert_double(cprom_summary_sum(s) + cprom_summary_sum(NULL), 0);
	assert_true(isnan(cprom_summary_quantile(s, 0.5)));
	assert_double(dropped(registry, "labels_missing"), 1);
}

/* ---- threads -------------------------------------------------------------- */

static unsigned rounds; /* of one thread */

static void
observe_whole_numbers(unsigned i, void *arg)
{
	for (unsigned n = 0; n < rounds; n++)
		cprom_summary_observe(arg, (double)(n % 100 + i));
}

static void
threads_lose_no_observation(void **state)
{
	static const unsigned cases[][2] = {{8, 64}, {8, 2}, {4, 1}, {100, 64}};

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		unsigned threads = cases[c][0];
		cprom_registry *r = cprom_registry_new(.max_lanes = cases[c][1]);
		cprom_summary *plain = cprom_summary_new("p", "Count and sum.", .registry = r);
		cprom_summary *full = cprom_summary_new("f", "Quantiles.", .registry = r,
							.quantiles = CPROM_QUANTILES(0.5));
		double sum;

		rounds = OFTEN / threads / 100 * 100;
		sum = threads * rounds * (49.5 + (threads - 1) / 2.0);
		run_threads(threads, observe_whole_numbers, plain);
		run_threads(threads, observe_whole_numbers, full);
		assert_true(cprom_summary_count(plain) == threads * rounds);
		assert_double(cprom_summary_sum(plain), sum);
		assert_true(cprom_summary_count(full) == threads * rounds);
		assert_double(cprom_summary_sum(full), sum);
		assert_true(is_within_the_promise(cprom_summary_quantile(full, 1), 98 + threads));
		cprom_registry_free(r);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_quantiles_it_is_count_and_sum),
		TEST(an_empty_summary_shows_nan_quantiles),
		TEST(nan_is_dropped_and_counted),
		TEST(the_window_passes_but_count_and_sum_stay),
		cmocka_unit_test(what_quantiles_leave_out_for_lack_of_memory_is_counted),
		TEST(every_quantile_is_within_1_1_percent),
		TEST(the_page_shows_what_quantile_says),
		TEST(infinities_and_zero_are_themselves),
		TEST(what_is_no_quantile_is_nan),
		TEST(windows_and_quantiles_out_of_range_are_refused),
		TEST(a_parent_without_label_values_counts_nothing),
		cmocka_unit_test(threads_lose_no_observation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
