/* SPDX-License-Identifier: MIT */
/*
 * Tests of metric: what all four types have in common, above all that a handle which
 * outlived its series or its family does no harm.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "metric.h"
#include "with_registry.h"

#define CHURN 2000 /* removals after which the memory of a series was used again for sure */

/* ---- seconds -------------------------------------------------------------- */

static void
seconds_go_where_they_can_be_recorded(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry);
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry);
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry);
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry);

	(void)state;
	cpromi_metric_observe_seconds(NULL, 1);
	cpromi_metric_observe_seconds(CPROM_METRIC(c), 1);
	cpromi_metric_observe_seconds(CPROM_METRIC(g), 1.5);
	cpromi_metric_observe_seconds(CPROM_METRIC(h), 2.5);
	cpromi_metric_observe_seconds(CPROM_METRIC(s), 3.5);
	assert_double(cprom_counter_value(c), 0);
	assert_double(cprom_gauge_value(g), 1.5);
	assert_double(cprom_histogram_sum(h), 2.5);
	assert_double(cprom_summary_sum(s), 3.5);
}

static void
the_generic_call_and_the_macro_are_one(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("a", "b"));
	cprom_metric *m = CPROM_METRIC(g);

	(void)state;
	assert_ptr_equal(CPROM_METRIC(m), m);
	assert_ptr_equal(cprom_metric_labels(m, CPROM_LABELS("x", "y")), cprom_labels(g, "x", "y"));
	assert_non_null(cprom_labels(g, "x", "z"));
	assert_int_equal(cprom_metric_remove(m, CPROM_LABELS("x", "y")), 0);
	assert_int_equal(cprom_metric_remove_matching(m, "a", "x"), 1);
	assert_int_equal(cprom_metric_clear(m), 0);
	assert_int_equal(cprom_metric_unregister(m), 0);
	assert_sample(registry, "cprom_families", "0");
}

/* ---- handles that outlived ------------------------------------------------ */

/* One metric of each type, with the same label. */
struct four {
	cprom_counter *c;
	cprom_gauge *g;
	cprom_histogram *h;
	cprom_summary *s;
};

static struct four
make_four(const char *prefix)
{
	struct four f;
	char name[64];

	snprintf(name, sizeof(name), "%s_c_total", prefix);
	f.c = cprom_counter_new(name, "C.", .registry = registry, .labels = CPROM_LABELS("a"));
	snprintf(name, sizeof(name), "%s_g", prefix);
	f.g = cprom_gauge_new(name, "G.", .registry = registry, .labels = CPROM_LABELS("a"));
	snprintf(name, sizeof(name), "%s_h", prefix);
	f.h = cprom_histogram_new(name, "H.", .registry = registry, .labels = CPROM_LABELS("a"));
	snprintf(name, sizeof(name), "%s_s", prefix);
	f.s = cprom_summary_new(name, "S.", .registry = registry, .labels = CPROM_LABELS("a"),
				.quantiles = CPROM_QUANTILES(0.5));
	assert_true(f.c != NULL && f.g != NULL && f.h != NULL && f.s != NULL);
	return f;
}

static struct four
children(struct four f, const char *value)
{
	return (struct four){cprom_labels(f.c, value), cprom_labels(f.g, value),
			     cprom_labels(f.h, value), cprom_labels(f.s, value)};
}

static void
remove_children(struct four f, const char *value)
{
	assert_int_equal(cprom_remove(f.c, value), 0);
	assert_int_equal(cprom_remove(f.g, value), 0);
	assert_int_equal(cprom_remove(f.h, value), 0);
	assert_int_equal(cprom_remove(f.s, value), 0);
}

static void
unregister(struct four f)
{
	assert_int_equal(cprom_unregister(f.c), 0);
	assert_int_equal(cprom_unregister(f.g), 0);
	assert_int_equal(cprom_unregister(f.h), 0);
	assert_int_equal(cprom_unregister(f.s), 0);
}

/* Every update and every look at a value. */
static void
use(struct four f)
{
	cprom_counter_inc(f.c);
	cprom_counter_add(f.c, 0.5);
	cprom_counter_add(f.c, NAN);
	cprom_gauge_set(f.g, 3);
	cprom_gauge_inc(f.g);
	cprom_gauge_set_max(f.g, 9);
	cprom_histogram_observe(f.h, 0.3);
	cprom_histogram_observe_many(f.h, 7, 7);
	cprom_summary_observe(f.s, 0.2);
	(void)cprom_counter_value(f.c);
	(void)cprom_gauge_value(f.g);
	(void)cprom_histogram_count(f.h);
	(void)cprom_histogram_sum(f.h);
	(void)cprom_summary_count(f.s);
	(void)cprom_summary_quantile(f.s, 0.5);
}

static void
assert_untouched(struct four f)
{
	assert_double(cprom_counter_value(f.c), 0);
	assert_double(cprom_gauge_value(f.g), 0);
	assert_true(cprom_histogram_count(f.h) == 0);
	assert_double(cprom_histogram_sum(f.h), 0);
	assert_true(cprom_summary_count(f.s) == 0);
	assert_double(cprom_summary_sum(f.s), 0);
	assert_true(isnan(cprom_summary_quantile(f.s, 0.5)));
}

static void
a_handle_of_a_removed_child_touches_no_other_child(void **state)
{
	struct four parents = make_four("m");
	struct four gone = children(parents, "gone"), there = children(parents, "there");

	(void)state;
	use(gone);
	remove_children(parents, "gone");
	use(gone);
	assert_untouched(there);
	assert_false(has_sample(registry, "m_c_total{a=\"gone\"}"));
	assert_untouched(children(parents, "gone"));
}

static void
memory_of_a_removed_child_is_used_again_by_another_family(void **state)
{
	struct four parents = make_four("m"), others = make_four("n");
	struct four gone = children(parents, "gone");
	bool again_c = false, again_g = false, again_h = false, again_s = false;
	char value[32];

	(void)state;
	use(gone);
	remove_children(parents, "gone");
	for (int i = 0; i < CHURN; i++) {
		struct four now;

		snprintf(value, sizeof(value), "v%d", i);
		now = children(others, value);
		assert_untouched(now); /* whatever was counted by whom had that memory before */
		again_c |= now.c == gone.c;
		again_g |= now.g == gone.g;
		again_h |= now.h == gone.h;
		again_s |= now.s == gone.s;
		use(now);
		remove_children(others, value);
	}
	assert_true(again_c && again_g && again_h && again_s);
	use(gone); /* may count falsely, but in a series of that kind alone */
}

static void
removed_children_take_no_more_memory_for_ever(void **state)
{
	struct four parents = make_four("m");
	double used = 0;
	char value[32];

	(void)state;
	for (int i = 0; i < 4 * CHURN; i++) {
		if (i == CHURN)
			used = sample(registry, "cprom_memory_bytes");
		snprintf(value, sizeof(value), "v%d", i);
		use(children(parents, value));
		remove_children(parents, value);
	}
	assert_true(sample(registry, "cprom_memory_bytes") <= used * 1.05);
}

static void
a_handle_of_an_unregistered_metric_does_no_harm(void **state)
{
	struct four gone = make_four("m"), child = children(gone, "x");
	char name[32];

	(void)state;
	use(child);
	unregister(gone);
	assert_false(has_sample(registry, "m_c_total{a=\"x\"}"));
	use(gone);
	use(child);
	assert_null(cprom_labels(gone.c, "x"));
	assert_reason(ENOENT, "unregistered");
	assert_int_equal(cprom_remove(gone.g, "x"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(cprom_clear(gone.h), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(cprom_unregister(gone.s), -1);
	assert_int_equal(errno, ENOENT);
	for (int i = 0; i < 100; i++) { /* others take the memory */
		struct four others;

		snprintf(name, sizeof(name), "n%d", i);
		others = make_four(name);
		use(gone);
		use(child);
		unregister(others);
	}
}

/* Fills the free memory of the registry with label values. */
static void
fill_with_values(cprom_counter *c)
{
	char value[1200];

	for (size_t n = 1; n < sizeof(value); n++) {
		memset(value, 'A', n);
		value[n] = '\0';
		assert_non_null(cprom_labels(c, value));
	}
}

static void
calls_on_an_unregistered_metric_do_no_harm(void **state)
{
	static const char *const values[] = {"1", "22", "333", NULL};
	cprom_counter *filler = cprom_counter_new("filler_total", "F.", .registry = registry,
						  .labels = CPROM_LABELS("a"));
	struct four gone = make_four("m");

	(void)state;
	for (int i = 0; i < 50; i++) {
		unregister(gone);
		gone = make_four("m");
	}
	unregister(gone);
	for (int i = 0; i < 50; i++) /* until the memory of the definition is free */
		unregister(make_four("n"));
	fill_with_values(filler);
	for (size_t n = 0; n <= 4; n++) {
		assert_null(cprom_metric_labels(CPROM_METRIC(gone.c), (cprom_strings){values, n}));
		assert_int_equal(errno, ENOENT);
		assert_int_equal(
			cprom_metric_remove(CPROM_METRIC(gone.g), (cprom_strings){values, n}), -1);
		assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(cprom_remove_matching(gone.h, "a", "x"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(cprom_remove_matching(gone.s, NULL, "x"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(cprom_clear(gone.s), -1);
	assert_int_equal(errno, ENOENT);
}

static void
a_metric_can_be_registered_again(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct four f = make_four("m");

		assert_untouched(children(f, "x"));
		use(children(f, "x"));
		assert_sample(registry, "m_c_total{a=\"x\"}", "1.5");
		unregister(f);
	}
	assert_sample(registry, "cprom_series", "0");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seconds_go_where_they_can_be_recorded),
		TEST(the_generic_call_and_the_macro_are_one),
		TEST(a_handle_of_a_removed_child_touches_no_other_child),
		TEST(memory_of_a_removed_child_is_used_again_by_another_family),
		TEST(removed_children_take_no_more_memory_for_ever),
		TEST(a_handle_of_an_unregistered_metric_does_no_harm),
		TEST(calls_on_an_unregistered_metric_do_no_harm),
		TEST(a_metric_can_be_registered_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
