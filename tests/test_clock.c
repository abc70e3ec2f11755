/* SPDX-License-Identifier: MIT */
/*
 * Tests of clock: each reading lies between two of the system's, and none goes back.
 */
#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <cmocka.h>

#define READINGS 20000
#define EPSILON 1e-6 /* of a double that holds decades of seconds */

static double
system_seconds(clockid_t clock)
{
	struct timespec t;

	assert_int_equal(clock_gettime(clock, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
monotonic_seconds(void)
{
	return (double)cpromi_monotonic_ns() * 1e-9;
}

/* Those of a machine of 32 bits too: Makefile.am. */
static void
times_and_sizes_of_files_have_64_bits(void **state)
{
	(void)state;
	assert_int_equal(sizeof(time_t), 8);
	assert_int_equal(sizeof(off_t), 8);
}

static void
monotonic_nanoseconds_are_those_of_the_system(void **state)
{
	(void)state;
	for (int i = 0; i < READINGS; i++) {
		double before = system_seconds(CLOCK_MONOTONIC);
		double now = monotonic_seconds();
		double after = system_seconds(CLOCK_MONOTONIC);

		assert_true(now >= before - EPSILON && now <= after + EPSILON);
	}
}

static void
the_seconds_since_then_are_what_passed_and_never_negative(void **state)
{
	(void)state;
	for (int i = 0; i < READINGS; i++) {
		uint64_t then = cpromi_monotonic_ns();
		double passed = cpromi_seconds_since(then);
		double most = (double)(cpromi_monotonic_ns() - then) * 1e-9;

		assert_true(passed >= 0 && passed <= most);
		assert_true(cpromi_seconds_since(then - 1000000000) >= 1);
		assert_true(cpromi_seconds_since(then + 1000000000000) == 0);
	}
}

static void
milliseconds_are_of_the_same_clock_without_the_fraction(void **state)
{
	(void)state;
	for (int i = 0; i < READINGS; i++) {
		double before = monotonic_seconds();
		int64_t now = cpromi_monotonic_ms();
		double after = monotonic_seconds();

		assert_true((double)now > before * 1e3 - 1.001);
		assert_true((double)now <= after * 1e3 + 1e-3);
	}
}

static void
coarse_nanoseconds_lag_by_a_tick_at_most(void **state)
{
	double least_lag = 1;

	(void)state;
	for (int i = 0; i < READINGS; i++) {
		double before = monotonic_seconds();
		double now = (double)cpromi_monotonic_coarse_ns() * 1e-9;

		assert_true(now <= monotonic_seconds() + EPSILON);
		if (before - now < least_lag)
			least_lag = before - now;
	}
	assert_true(least_lag < 0.0101);
}

static void
unix_seconds_are_those_of_the_system(void **state)
{
	(void)state;
	for (int i = 0; i < READINGS; i++) {
		double before = system_seconds(CLOCK_REALTIME);
		double now = cpromi_unix_seconds();
		double after = system_seconds(CLOCK_REALTIME);

		if (after >= before) /* nobody has set the clock back */
			assert_true(now >= before - EPSILON && now <= after + EPSILON);
	}
}

static void
monotonic_readings_never_go_back(void **state)
{
	double seconds = 0;
	int64_t ms = 0;
	uint64_t coarse = 0;

	(void)state;
	for (int i = 0; i < READINGS; i++) {
		double s = monotonic_seconds();
		int64_t m = cpromi_monotonic_ms();
		uint64_t c = cpromi_monotonic_coarse_ns();

		assert_true(s >= seconds && m >= ms && c >= coarse);
		seconds = s;
		ms = m;
		coarse = c;
	}
}

static void
all_clocks_see_a_sleep(void **state)
{
	const struct timespec pause = {0, 60 * 1000000};
	double seconds = monotonic_seconds(), people = cpromi_unix_seconds();
	int64_t ms = cpromi_monotonic_ms();
	uint64_t coarse = cpromi_monotonic_coarse_ns();

	(void)state;
	assert_int_equal(nanosleep(&pause, NULL), 0);
	assert_true(monotonic_seconds() - seconds >= 0.0599);
	assert_true(cpromi_unix_seconds() - people >= 0.05);
	assert_true(cpromi_monotonic_ms() - ms >= 59);
	assert_true(cpromi_monotonic_coarse_ns() - coarse >= 40 * 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_sizes_of_files_have_64_bits),
		cmocka_unit_test(monotonic_nanoseconds_are_those_of_the_system),
		cmocka_unit_test(the_seconds_since_then_are_what_passed_and_never_negative),
		cmocka_unit_test(milliseconds_are_of_the_same_clock_without_the_fraction),
		cmocka_unit_test(coarse_nanoseconds_lag_by_a_tick_at_most),
		cmocka_unit_test(unix_seconds_are_those_of_the_system),
		cmocka_unit_test(monotonic_readings_never_go_back),
		cmocka_unit_test(all_clocks_see_a_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
