/* SPDX-License-Identifier: MIT */
/*
 * Tests of what happens when somebody sets the clock: it tells people the time, and nothing else depends on it.
 */
#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "page.h"

#define REGISTRY_OPTIONS .created_timestamps = 1
#include "with_registry.h"
#include "wrapped_clock.h"

#define OPENMETRICS "application/openmetrics-text;version=1.0.0"
#define DAY 86400.0
#define YEAR (366 * DAY)
#define MOMENT 60.0 /* no test takes as long */

static const double steps[] = {-1, 1, -DAY, DAY, -10 * YEAR, 10 * YEAR};

/* ---- the clock ---------------------------------------------------------------------- */

static double step; /* seconds by which the clock was set */

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	int result = __real_clock_gettime(id, t);

	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		t->tv_sec += (time_t)step;
	return result;
}

static int
teardown_clock(void **state)
{
	step = 0;
	return teardown(state);
}

/* ---- tests ---------------------------------------------------------------------------- */

static void
a_timer_measures_what_passed(void **state)
{
	cprom_histogram *h = cprom_histogram_new("h_seconds", "H.", .registry = registry);
	cprom_summary *s = cprom_summary_new("s_seconds", "S.", .registry = registry);
	double most = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		cprom_timer t = cprom_timer_start(h);
		uint64_t from = cpromi_monotonic_ns();

		CPROM_TIME (s) {
			step = steps[i];
		}
		assert_true(cprom_timer_observe(&t) >= cpromi_seconds_since(from) - 0.1);
		most += MOMENT;
	}
	assert_true(cprom_histogram_sum(h) >= 0 && cprom_histogram_sum(h) < most);
	assert_true(cprom_summary_sum(s) >= 0 && cprom_summary_sum(s) < most);
}

static void
a_page_that_nobody_changes_stays_as_it_is(void **state)
{
	cprom_counter *c = cprom_counter_new("hits_total", "C.", .registry = registry,
					     .labels = CPROM_LABELS("l"));
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry, .max_age = 2 * MOMENT,
					     .quantiles = CPROM_QUANTILES(0.5));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry);
	char *text, *openmetrics;

	(void)state;
	cprom_counter_add_exemplar(cprom_labels(c, "x"), 2, CPROM_LABELS("trace_id", "t"));
	cprom_summary_observe(s, 3);
	cprom_histogram_observe(h, 4);
	text = page_of(registry);
	openmetrics = cprom_render(registry, OPENMETRICS, NULL);
	assert_non_null(strstr(openmetrics, "hits_created{l=\"x\"} "));
	assert_non_null(strstr(openmetrics, "# {trace_id=\"t\"} 2 "));
	assert_true(value_in(text, "s{quantile=\"0.5\"}") > 2.9);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		step = steps[i];
		assert_page(registry, text);
		assert_openmetrics_page(registry, openmetrics);
	}
	free(text);
	free(openmetrics);
}

/* When a series was made is told as the clock told it then. */
static double
created(const char *series)
{
	char *page = cprom_render(registry, OPENMETRICS, NULL);
	double seconds = value_in(page, series);

	free(page);
	return seconds;
}

static void
a_series_is_as_old_as_the_clock_said_when_it_was_made(void **state)
{
	cprom_counter *c = cprom_counter_new("hits_total", "C.", .registry = registry,
					     .labels = CPROM_LABELS("l"));
	double first, second;

	(void)state;
	cprom_counter_inc(cprom_labels(c, "a"));
	first = created("hits_created{l=\"a\"}");
	step = -DAY;
	cprom_counter_inc(cprom_labels(c, "b"));
	second = created("hits_created{l=\"b\"}");
	assert_true(second < first - DAY + MOMENT && second > first - DAY - MOMENT);
	assert_true(created("hits_created{l=\"a\"}") == first);
	cprom_remove(c, "a");
	cprom_counter_inc(cprom_labels(c, "a"));
	assert_true(created("hits_created{l=\"a\"}") <= second + MOMENT);
}

/* Observations that need more buckets than there may be; how many a page shows. */
static uint64_t
shown_after(cprom_histogram *h)
{
	for (int i = 0; i < 10; i++)
		cprom_histogram_observe(h, (double)(1 << i));
	free(cprom_render(registry,
			  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
			  "encoding=delimited",
			  NULL));
	return cprom_histogram_count(h);
}

static void
a_native_histogram_is_reset_by_the_time_that_passed(void **state)
{
	cprom_histogram *h = cprom_histogram_new(
		"h", "H.", .registry = registry,
		.native = CPROM_NATIVE(.growth = 2, .max_buckets = 4, .min_reset = MOMENT));
	cprom_histogram *soon = cprom_histogram_new(
		"soon", "H.", .registry = registry,
		.native = CPROM_NATIVE(.growth = 2, .max_buckets = 4, .min_reset = 0.01));

	(void)state;
	assert_int_equal(shown_after(h), 10);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		step = steps[i];
		assert_int_equal(shown_after(h), 10 * (i + 2));
	}
	shown_after(soon);
	step = -10 * YEAR;
	usleep(20000);
	assert_int_equal(shown_after(soon), 0);
}

/* Of a half request, which has a moment to become whole. */
static void
a_servers_deadlines_are_those_of_the_time_that_passed(void **state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char name[64], byte;
	cprom_server *s;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "unix:@cprom-steps-%ld", (long)getpid());
	s = cprom_server_open(name, .registry = registry,
			      .head_timeout_ms = (unsigned)MOMENT * 1000);
	assert_non_null(s);
	memcpy(to.sun_path + 1, name + 6, strlen(name + 6));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&to,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name + 6))),
		0);
	assert_int_equal(send(fd, "GET ", 4, MSG_NOSIGNAL), 4);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		step = steps[i];
		assert_int_equal(cprom_server_step(s, 10), 0);
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	}
	close(fd);
	cprom_server_stop(s);
}

static unsigned asked;

static void
count_and_answer(cprom_exemplar *e)
{
	asked++;
	cprom_exemplar_labels(e, CPROM_LABELS("trace_id", "t"));
}

static void
a_clock_that_is_set_back_does_not_keep_exemplars_from_being_new(void **state)
{
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry);

	(void)state;
	asked = 0;
	cprom_exemplar_hook(count_and_answer, MOMENT);
	cprom_histogram_observe(h, 1);
	cprom_histogram_observe(h, 1);
	assert_int_equal(asked, 1);
	step = -DAY;
	cprom_histogram_observe(h, 1);
	cprom_histogram_observe(h, 1);
	assert_int_equal(asked, 2);
	cprom_exemplar_hook(NULL, 0);
}

static void
a_gauge_of_the_current_time_goes_with_the_clock(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry);
	double before;

	(void)state;
	cprom_gauge_set_to_current_time(g);
	before = cprom_gauge_value(g);
	step = -DAY;
	cprom_gauge_set_to_current_time(g);
	assert_true(cprom_gauge_value(g) < before - DAY + MOMENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown_clock)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_measures_what_passed),
		TEST(a_page_that_nobody_changes_stays_as_it_is),
		TEST(a_series_is_as_old_as_the_clock_said_when_it_was_made),
		TEST(a_native_histogram_is_reset_by_the_time_that_passed),
		TEST(a_servers_deadlines_are_those_of_the_time_that_passed),
		TEST(a_clock_that_is_set_back_does_not_keep_exemplars_from_being_new),
		TEST(a_gauge_of_the_current_time_goes_with_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
