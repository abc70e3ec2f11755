/* SPDX-License-Identifier: MIT */
/*
 * Timers, and the timing macros as a C program uses them.
 */
#include <cprom.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static cprom_registry *registry;
static cprom_histogram *histogram;
static cprom_summary *summary;
static cprom_gauge *gauge;
static cprom_counter *counter;

static unsigned seen;

/* How many observations the histogram got since the last call. */
static unsigned
observed(void)
{
	unsigned before = seen;

	seen = (unsigned)cprom_histogram_count(histogram);
	return seen - before;
}

static int
setup(void **state)
{
	(void)state;
	seen = 0;
	registry = cprom_registry_new();
	histogram = cprom_histogram_new("h_seconds", "H.", .registry = registry);
	summary = cprom_summary_new("s_seconds", "S.", .registry = registry);
	gauge = cprom_gauge_new("g", "G.", .registry = registry);
	counter = cprom_counter_new("c_total", "C.", .registry = registry);
	return histogram && summary && gauge && counter ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

static void
sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* ---- timers -------------------------------------------------------------- */

static void
a_timer_records_the_seconds_that_passed(void **state)
{
	cprom_timer t = cprom_timer_start(histogram);
	double seconds;

	(void)state;
	sleep_ms(20);
	seconds = cprom_timer_observe(&t);
	assert_true(seconds >= 0.02 && seconds < 20);
	assert_int_equal(cprom_histogram_count(histogram), 1);
	assert_true(cprom_histogram_sum(histogram) == seconds);
}

static void
a_summary_and_a_gauge_can_be_timed_into(void **state)
{
	cprom_timer a = cprom_timer_start(summary);
	cprom_timer b = cprom_timer_start(gauge);
	double seconds;

	(void)state;
	sleep_ms(2);
	seconds = cprom_timer_observe(&a);
	assert_true(seconds >= 0.002);
	assert_int_equal(cprom_summary_count(summary), 1);
	assert_true(cprom_summary_sum(summary) == seconds);
	seconds = cprom_timer_observe(&b);
	assert_true(seconds >= 0.002);
	assert_true(cprom_gauge_value(gauge) == seconds);
}

static void
a_timer_records_once(void **state)
{
	cprom_timer t = cprom_timer_start(histogram);

	(void)state;
	sleep_ms(1);
	assert_true(cprom_timer_observe(&t) > 0);
	assert_true(cprom_timer_observe(&t) == 0);
	assert_true(cprom_timer_observe_with(&t, histogram) == 0);
	assert_int_equal(cprom_histogram_count(histogram), 1);
}

static void
a_discarded_timer_records_nothing(void **state)
{
	cprom_timer t = cprom_timer_start(histogram);

	(void)state;
	cprom_timer_discard(&t);
	cprom_timer_discard(&t);
	assert_true(cprom_timer_observe(&t) == 0);
	assert_true(cprom_timer_observe_with(&t, histogram) == 0);
	assert_int_equal(cprom_histogram_count(histogram), 0);
}

static void
a_zeroed_timer_is_not_running(void **state)
{
	cprom_timer t = {0};

	(void)state;
	assert_true(cprom_timer_observe_with(&t, histogram) == 0);
	assert_int_equal(cprom_histogram_count(histogram), 0);
}

static void
a_timer_without_metric_gets_one_when_it_ends(void **state)
{
	cprom_timer t = cprom_timer_start(NULL);
	cprom_histogram *by_code = cprom_histogram_new(
		"by_code_seconds", "H.", .registry = registry, .labels = CPROM_LABELS("code"));
	double seconds;

	(void)state;
	sleep_ms(2);
	seconds = cprom_timer_observe_with(&t, cprom_labels(by_code, "200"));
	assert_true(seconds >= 0.002);
	assert_int_equal(cprom_histogram_count(cprom_labels(by_code, "200")), 1);
	assert_true(cprom_histogram_sum(cprom_labels(by_code, "200")) == seconds);
}

static void
a_timer_without_any_metric_still_tells_the_seconds(void **state)
{
	cprom_timer a = cprom_timer_start(NULL);
	cprom_timer b = cprom_timer_start(histogram);

	(void)state;
	sleep_ms(2);
	assert_true(cprom_timer_observe(&a) >= 0.002);
	assert_true(cprom_timer_observe_with(&b, NULL) >= 0.002);
	assert_int_equal(cprom_histogram_count(histogram), 0);
}

static void
a_duration_is_never_negative(void **state)
{
	cprom_timer t = cprom_timer_start(histogram);

	(void)state;
	t.start += 1000000000;
	assert_true(cprom_timer_observe(&t) == 0);
	assert_int_equal(cprom_histogram_count(histogram), 1);
	assert_true(cprom_histogram_sum(histogram) == 0);
}

static void
null_and_foreign_types_do_no_harm(void **state)
{
	cprom_timer t = cprom_metric_timer(CPROM_METRIC(counter));

	(void)state;
	cprom_timer_observe(&t);
	assert_true(cprom_counter_value(counter) == 0);
	assert_true(cprom_timer_observe(NULL) == 0);
	assert_true(cprom_metric_timer_observe(NULL, NULL) == 0);
	cprom_timer_discard(NULL);
}

/* ---- blocks and scopes: every way out ------------------------------------ */

static int
leave_by_return(void)
{
	CPROM_TIME (histogram) {
		return 7;
	}
	return 0;
}

static void
a_block_is_timed_on_every_way_out(void **state)
{
	int passes = 0;

	(void)state;
	CPROM_TIME (histogram) {
		passes++;
	}
	assert_int_equal(observed(), 1);
	CPROM_TIME (histogram) {
		passes++;
		break;
	}
	assert_int_equal(observed(), 1);
	CPROM_TIME (histogram) {
		passes++;
		continue;
	}
	assert_int_equal(observed(), 1);
	CPROM_TIME (histogram) {
		passes++;
		goto out;
	}
	passes = -100;
out:
	assert_int_equal(observed(), 1);
	assert_int_equal(leave_by_return(), 7);
	assert_int_equal(observed(), 1);
	assert_int_equal(passes, 4);
}

static int
scope_left_by_return(int early)
{
	CPROM_TIME_SCOPE(histogram);

	if (early)
		return 1;
	assert_int_equal(observed(), 0);
	return 2;
}

static void
a_scope_is_timed_on_every_way_out(void **state)
{
	(void)state;
	assert_int_equal(scope_left_by_return(1), 1);
	assert_int_equal(observed(), 1);
	assert_int_equal(scope_left_by_return(0), 2);
	assert_int_equal(observed(), 1);
	for (int i = 0; i < 4; i++) {
		CPROM_TIME_SCOPE(histogram);

		if (i == 1)
			continue;
		if (i == 2)
			break;
	}
	assert_int_equal(observed(), 3);
	{
		CPROM_TIME_SCOPE(histogram);
		goto out;
	}
out:
	assert_int_equal(observed(), 1);
}

static void
blocks_and_scopes_nest_and_repeat(void **state)
{
	(void)state;
	CPROM_TIME_SCOPE(summary);
	CPROM_TIME_SCOPE(summary);
	CPROM_TIME_SCOPE(summary);
	CPROM_TIME (histogram)
		CPROM_TIME (histogram) {
			CPROM_TIME (histogram) {
				CPROM_IN_PROGRESS(gauge) CPROM_IN_PROGRESS(gauge)
				{
					assert_true(cprom_gauge_value(gauge) == 2);
				}
				assert_true(cprom_gauge_value(gauge) == 0);
			}
			assert_int_equal(observed(), 1);
		}
	assert_int_equal(observed(), 2);
	assert_int_equal(cprom_summary_count(summary), 0);
}

static void
a_block_is_one_statement(void **state)
{
	int taken = 0;

	(void)state;
	for (int i = 0; i < 2; i++)
		if (i == 0)
			CPROM_TIME (histogram)
				taken += 1;
		else
			taken += 10;
	assert_int_equal(taken, 11);
	assert_int_equal(observed(), 1);
}

static int evaluations;

static cprom_histogram *
evaluated(void)
{
	evaluations++;
	return histogram;
}

static cprom_gauge *
evaluated_gauge(void)
{
	evaluations++;
	return gauge;
}

static cprom_counter *
evaluated_counter(void)
{
	evaluations++;
	return counter;
}

static void
arguments_are_evaluated_once(void **state)
{
	int result = -1;
	cprom_timer t;

	(void)state;
	evaluations = 0;
	CPROM_TIME (evaluated()) {
		assert_int_equal(evaluations, 1);
	}
	assert_int_equal(evaluations, 1);
	{
		CPROM_TIME_SCOPE(evaluated());
		CPROM_IN_PROGRESS_SCOPE(evaluated_gauge());
		CPROM_COUNT_ERRORS_SCOPE(evaluated_counter(), result);
	}
	assert_int_equal(evaluations, 4);
	CPROM_IN_PROGRESS(evaluated_gauge())
	{
	}
	assert_int_equal(evaluations, 5);
	t = cprom_timer_start(evaluated());
	cprom_timer_observe_with(&t, evaluated());
	assert_int_equal(evaluations, 7);
}

static void
blocks_and_scopes_take_null(void **state)
{
	cprom_histogram *no_histogram = NULL;
	int result = -1, passes = 0;

	(void)state;
	CPROM_TIME_SCOPE(no_histogram);
	CPROM_TIME_SCOPE(NULL);
	CPROM_IN_PROGRESS_SCOPE(NULL);
	CPROM_COUNT_ERRORS_SCOPE(NULL, result);
	CPROM_TIME (NULL) {
		passes++;
	}
	CPROM_IN_PROGRESS(NULL)
	{
		passes++;
	}
	assert_int_equal(passes, 2);
}

/* ---- in progress, errors ------------------------------------------------- */

static double
in_progress_inside(void)
{
	CPROM_IN_PROGRESS(gauge)
	{
		return cprom_gauge_value(gauge);
	}
	return -1;
}

static void
in_progress_goes_up_and_down_on_every_way_out(void **state)
{
	(void)state;
	assert_true(in_progress_inside() == 1);
	assert_true(cprom_gauge_value(gauge) == 0);
	CPROM_IN_PROGRESS(gauge)
	{
		break;
	}
	CPROM_IN_PROGRESS(gauge)
	{
		goto out;
	}
out:
	assert_true(cprom_gauge_value(gauge) == 0);
	{
		CPROM_IN_PROGRESS_SCOPE(gauge);
		CPROM_IN_PROGRESS_SCOPE(gauge);
		assert_true(cprom_gauge_value(gauge) == 2);
	}
	assert_true(cprom_gauge_value(gauge) == 0);
}

static int
with_result(int value, int early)
{
	int result = 0;
	CPROM_COUNT_ERRORS_SCOPE(counter, result);

	result = value;
	if (early)
		return result;
	result = result * 2;
	return result;
}

static void
errors_are_counted_by_the_result_at_the_end(void **state)
{
	(void)state;
	with_result(0, 0);
	with_result(5, 1);
	assert_true(cprom_counter_value(counter) == 0);
	with_result(-1, 0);
	assert_true(cprom_counter_value(counter) == 1);
	with_result(-1, 1);
	assert_true(cprom_counter_value(counter) == 2);
}

/* ---- decorators ---------------------------------------------------------- */

struct pair {
	int a;
	double b;
};

int decorated_public(int x);

CPROM_TIMED(histogram, int, decorated_public, (int x), (x))
{
	assert_int_equal(observed(), 0);
	if (x < 0)
		return -x;
	return x + 1;
}

static CPROM_TIMED(histogram, struct pair, decorated_structure, (int a, double b), (a, b))
{
	return (struct pair){a, b};
}

static CPROM_TIMED(cprom_labels(by, method), const char *, decorated_by_argument,
		   (cprom_histogram * by, const char *method), (by, method))
{
	return cprom_histogram_count(cprom_labels(by, method)) == 0 ? method : "?";
}

static int ticks;

static CPROM_TIMED_VOID(histogram, decorated_void, (void), ())
{
	ticks++;
	if (ticks > 1)
		return;
	decorated_void();
}

static void
a_decorated_function_is_timed(void **state)
{
	(void)state;
	assert_int_equal(decorated_public(1), 2);
	assert_int_equal(observed(), 1);
	assert_int_equal(decorated_public(-5), 5);
	assert_int_equal(observed(), 1);
	assert_int_equal(decorated_structure(3, 0.5).a, 3);
	assert_true(decorated_structure(3, 0.5).b == 0.5);
	assert_int_equal(observed(), 2);
	ticks = 0;
	decorated_void();
	assert_int_equal(ticks, 2);
	assert_int_equal(observed(), 2);
}

static void
a_decorator_may_use_the_arguments(void **state)
{
	cprom_histogram *by = cprom_histogram_new("by_method_seconds", "H.", .registry = registry,
						  .labels = CPROM_LABELS("method"));

	(void)state;
	assert_string_equal(decorated_by_argument(by, "GET"), "GET");
	assert_int_equal(cprom_histogram_count(cprom_labels(by, "GET")), 1);
	assert_int_equal(cprom_histogram_count(cprom_labels(by, "PUT")), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_records_the_seconds_that_passed),
		TEST(a_summary_and_a_gauge_can_be_timed_into),
		TEST(a_timer_records_once),
		TEST(a_discarded_timer_records_nothing),
		TEST(a_zeroed_timer_is_not_running),
		TEST(a_timer_without_metric_gets_one_when_it_ends),
		TEST(a_timer_without_any_metric_still_tells_the_seconds),
		TEST(a_duration_is_never_negative),
		TEST(null_and_foreign_types_do_no_harm),
		TEST(a_block_is_timed_on_every_way_out),
		TEST(a_scope_is_timed_on_every_way_out),
		TEST(blocks_and_scopes_nest_and_repeat),
		TEST(a_block_is_one_statement),
		TEST(arguments_are_evaluated_once),
		TEST(blocks_and_scopes_take_null),
		TEST(in_progress_goes_up_and_down_on_every_way_out),
		TEST(errors_are_counted_by_the_result_at_the_end),
		TEST(a_decorated_function_is_timed),
		TEST(a_decorator_may_use_the_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
