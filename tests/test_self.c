/* SPDX-License-Identifier: MIT */
/*
 * The library's own metrics: each counts what it says, and only where it was asked for.
 */
#include "self.h"

#include "registry.h"

#include <cprom.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page.h"

static cprom_registry *registry;

static int
make_registry(void **state)
{
	(void)state;
	registry = cprom_registry_new(.self_metrics = 1, .max_series = 500, .max_bytes = 4 << 20);
	return registry == NULL ? -1 : 0;
}

static int
free_registry(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

#define DROPPED(reason) "cprom_updates_dropped_total{reason=\"" reason "\"}"
#define SAMPLES(reason) "cprom_collector_samples_dropped_total{reason=\"" reason "\"}"

#define assert_counts(series, value) assert_int_equal(value_of(registry, (series)), (value))

static void
a_fresh_registry_shows_every_metric_of_the_library(void **state)
{
	static const char *const counters[] = {
		DROPPED("nan"),
		DROPPED("negative"),
		DROPPED("infinite"),
		DROPPED("labels_missing"),
		DROPPED("no_memory"),
		DROPPED("no_such_state"),
		"cprom_exemplars_dropped_total{reason=\"invalid\"}",
		"cprom_exemplars_dropped_total{reason=\"memory\"}",
		"cprom_quantile_observations_dropped_total",
		SAMPLES("invalid"),
		SAMPLES("duplicate"),
		"cprom_collector_failures_total",
		"cprom_names_collided_total",
		"cprom_labels_rejected_total",
		"cprom_labels_overflowed_total",
		"cprom_registrations_failed_total",
		"cprom_families",
		"cprom_series",
	};
	char *page = page_of(registry);

	(void)state;
	for (size_t i = 0; i < array_len(counters); i++)
		assert_true(value_in(page, counters[i]) == 0);
	assert_true(value_in(page, "cprom_series_limit") == 500);
	assert_true(value_in(page, "cprom_memory_limit_bytes") == 4 << 20);
	assert_in_range(value_in(page, "cprom_memory_bytes"), 1000, 4 << 20);
	assert_in_range(value_in(page, "cprom_lanes"), 0, CPROM_DEFAULT_MAX_LANES);
	assert_int_equal(count_of_text(page, "# HELP "), 15);
	assert_int_equal(count_of_text(page, "# TYPE "), 15);
	free(page);
}

static void
they_are_shown_where_asked_for_and_in_the_default_registry(void **state)
{
	cprom_registry *plain = cprom_registry_new();
	char *page;

	(void)state;
	assert_page(plain, "");
	cprom_registry_free(plain);
	page = page_of(NULL);
	assert_non_null(find_value(page, "cprom_series_limit"));
	assert_non_null(find_value(page, "process_start_time_seconds"));
	assert_true(value_in(page, "cprom_series_limit") == CPROM_DEFAULT_MAX_SERIES);
	free(page);
}

static void
dropped_updates_are_counted_by_reason(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry);
	cprom_counter *parent = cprom_counter_new("p_total", "P.", .registry = registry,
						  .labels = CPROM_LABELS("l"));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry);
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry);

	(void)state;
	cprom_counter_add(c, NAN);
	cprom_histogram_observe(h, NAN);
	cprom_summary_observe(s, NAN);
	cprom_counter_add(c, -1);
	cprom_counter_add(c, -0.5);
	cprom_counter_inc(parent);
	cprom_counter_add(parent, 2);
	cprom_counter_add(c, INFINITY);
	assert_counts(DROPPED("nan"), 3);
	assert_counts(DROPPED("negative"), 2);
	assert_counts(DROPPED("labels_missing"), 2);
	assert_counts(DROPPED("infinite"), 1);
	assert_counts("c_total", 0);
	assert_counts("h_count", 0);
	assert_counts("s_count", 0);
}

static void
rejected_labels_are_counted(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("l"));

	(void)state;
	assert_null(cprom_labels(g, "a", "b"));
	assert_null(cprom_labels(g, "\xff"));
	assert_null(cprom_labels(g, (const char *)NULL));
	assert_counts("cprom_labels_rejected_total", 3);
	assert_non_null(cprom_labels(g, "a"));
	assert_counts("cprom_labels_rejected_total", 3);
}

static void
overflows_are_counted(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("l"), .max_series = 3);
	char value[32];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 10; i++) {
			snprintf(value, sizeof(value), "%d", i);
			assert_non_null(cprom_labels(g, value));
		}
	assert_counts("cprom_labels_overflowed_total", 14);
}

static void
failed_registrations_are_counted(void **state)
{
	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry);
	assert_null(cprom_gauge_new("", "G.", .registry = registry));
	assert_null(cprom_gauge_new("g", "Other.", .registry = registry));
	assert_null(cprom_counter_new("g", "G.", .registry = registry));
	cprom_gauge_new("g", "G.", .registry = registry); /* the same one */
	assert_counts("cprom_registrations_failed_total", 3);
}

static void
families_and_series_are_those_that_live(void **state)
{
	cprom_gauge *g, *plain;
	char value[32];

	(void)state;
	g = cprom_gauge_new("g", "G.", .registry = registry, .labels = CPROM_LABELS("l"));
	plain = cprom_gauge_new("plain", "P.", .registry = registry);
	assert_counts("cprom_families", 2);
	assert_counts("cprom_series", 1);
	for (int i = 0; i < 20; i++) {
		snprintf(value, sizeof(value), "%d", i);
		cprom_labels(g, value);
		cprom_labels(g, value);
	}
	assert_counts("cprom_series", 21);
	cprom_remove(g, "7");
	cprom_remove(g, "7");
	assert_counts("cprom_series", 20);
	cprom_clear(g);
	assert_counts("cprom_series", 1);
	cprom_labels(g, "again");
	cprom_unregister(g);
	assert_counts("cprom_series", 1);
	assert_counts("cprom_families", 1);
	cprom_unregister(plain);
	assert_counts("cprom_series", 0);
	assert_counts("cprom_families", 0);
}

static void
the_series_limit_holds_and_is_the_one_shown(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("l"));
	char value[32];

	(void)state;
	for (int i = 0; i < 700; i++) {
		snprintf(value, sizeof(value), "%d", i);
		assert_non_null(cprom_labels(g, value));
	}
	assert_counts("cprom_series", 500);
	assert_counts("cprom_labels_overflowed_total", 200);
}

static void
memory_grows_with_what_is_registered_and_not_with_scrapes(void **state)
{
	double before = value_of(registry, "cprom_memory_bytes"), after;
	cprom_gauge *g;
	char value[32];

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_true(value_of(registry, "cprom_memory_bytes") == before);
	g = cprom_gauge_new("g", "G.", .registry = registry, .labels = CPROM_LABELS("l"));
	for (int i = 0; i < 400; i++) {
		snprintf(value, sizeof(value), "%d", i);
		cprom_labels(g, value);
	}
	after = value_of(registry, "cprom_memory_bytes");
	assert_true(after > before + 400 * 64);
	assert_true(after <= value_of(registry, "cprom_memory_limit_bytes"));
}

static void *
count_one(void *arg)
{
	cprom_counter_inc(arg);
	return NULL;
}

static void
lanes_are_the_most_threads_at_a_time(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry);
	double lanes;
	pthread_t thread;

	(void)state;
	cprom_counter_inc(c);
	lanes = value_of(registry, "cprom_lanes");
	assert_true(lanes >= 1);
	for (int i = 0; i < 10; i++) { /* one after the other: they take over from each other */
		pthread_create(&thread, NULL, count_one, c);
		pthread_join(thread, NULL);
	}
	assert_counts("c_total", 11);
	assert_true(value_of(registry, "cprom_lanes") <= lanes + 1);
}

static void
emit_badly(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "not a name", "N.");
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "b", "B.");
	cprom_sink_sample(out, 1);
	cprom_sink_sample(out, 1);
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("l", "\xff"));
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "cprom_series", "Taken.");
}

static void
emit_and_fail(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_fail(out, "always");
}

static double
minus_one(void *arg)
{
	(void)arg;
	return -1;
}

static void
what_collectors_do_wrong_is_counted(void **state)
{
	(void)state;
	cprom_collector_new(emit_badly, NULL, .registry = registry);
	cprom_collector_new(emit_and_fail, NULL, .registry = registry);
	cprom_counter_new("c_total", "C.", .registry = registry, .callback = minus_one);
	for (int i = 0; i < 3;
	     i++) { /* shown in the next scrape: the library's metrics come first */
		char *page = page_of(registry);

		assert_int_equal(value_in(page, SAMPLES("invalid")), 3 * i);
		assert_int_equal(value_in(page, SAMPLES("duplicate")), 2 * i);
		assert_int_equal(value_in(page, "cprom_collector_failures_total"), i);
		assert_int_equal(count_of_text(page, "# TYPE cprom_series gauge\n"), 1);
		free(page);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_registry, free_registry)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fresh_registry_shows_every_metric_of_the_library),
		TEST(they_are_shown_where_asked_for_and_in_the_default_registry),
		TEST(dropped_updates_are_counted_by_reason),
		TEST(rejected_labels_are_counted),
		TEST(overflows_are_counted),
		TEST(failed_registrations_are_counted),
		TEST(families_and_series_are_those_that_live),
		TEST(the_series_limit_holds_and_is_the_one_shown),
		TEST(memory_grows_with_what_is_registered_and_not_with_scrapes),
		TEST(lanes_are_the_most_threads_at_a_time),
		TEST(what_collectors_do_wrong_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
