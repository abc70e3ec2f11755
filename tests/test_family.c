/* SPDX-License-Identifier: MIT */
/*
 * Tests of family: one definition is one metric, names that collide exclude each
 * other, also when many threads register at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "family.h"
#include "with_registry.h"

/* A metric of any type, with labels or without. */
static cprom_metric *
make(cprom_type type, const char *name, cprom_strings labels)
{
	switch (type) {
	case CPROM_TYPE_COUNTER:
		return CPROM_METRIC(
			cprom_counter_new(name, "Help.", .registry = registry, .labels = labels));
	case CPROM_TYPE_GAUGE:
		return CPROM_METRIC(
			cprom_gauge_new(name, "Help.", .registry = registry, .labels = labels));
	case CPROM_TYPE_HISTOGRAM:
		return CPROM_METRIC(
			cprom_histogram_new(name, "Help.", .registry = registry, .labels = labels));
	default:
		return CPROM_METRIC(
			cprom_summary_new(name, "Help.", .registry = registry, .labels = labels));
	}
}

static const cprom_strings unlabelled = {NULL, 0};

/* ---- sameness ------------------------------------------------------------- */

static void
the_same_definition_gives_the_same_metric(void **state)
{
	(void)state;
	for (cprom_type t = CPROM_TYPE_COUNTER; t <= CPROM_TYPE_SUMMARY; t++) {
		char name[] = "t0", labelled[] = "l0";
		cprom_metric *m, *l;

		name[1] = labelled[1] = (char)('0' + t);
		m = make(t, name, unlabelled);
		l = make(t, labelled, CPROM_LABELS("a", "b"));
		assert_non_null(m);
		assert_non_null(l);
		assert_ptr_not_equal(m, l);
		assert_ptr_equal(make(t, name, unlabelled), m);
		assert_ptr_equal(make(t, labelled, CPROM_LABELS("a", "b")), l);
	}
	assert_double(sample(registry, "cprom_families"), 8);
	assert_double(sample(registry, "cprom_series"), 4);
	assert_double(sample(registry, "cprom_registrations_failed_total"), 0);
}

static void
registering_again_takes_no_memory(void **state)
{
	double used = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		if (i == 10)
			used = sample(registry, "cprom_memory_bytes");
		assert_non_null(make(CPROM_TYPE_SUMMARY, "s", CPROM_LABELS("a", "b")));
		assert_null(make(CPROM_TYPE_HISTOGRAM, "s_sum", unlabelled));
	}
	assert_double(sample(registry, "cprom_memory_bytes"), used);
}

static void
of_two_types_the_first_stays(void **state)
{
	(void)state;
	for (cprom_type a = CPROM_TYPE_COUNTER; a <= CPROM_TYPE_SUMMARY; a++) {
		cprom_metric *m = make(a, "x", unlabelled);

		for (cprom_type b = CPROM_TYPE_COUNTER; b <= CPROM_TYPE_SUMMARY; b++) {
			if (b == a)
				continue;
			assert_null(make(b, "x", unlabelled));
			assert_reason(EEXIST, "the type differs");
		}
		assert_ptr_equal(make(a, "x", unlabelled), m);
		assert_int_equal(cprom_unregister(m), 0);
	}
}

/* ---- collisions ----------------------------------------------------------- */

static bool
has_suffix(cprom_type type, const char *suffix)
{
	if (*suffix == '\0')
		return true;
	if (strcmp(suffix, "_bucket") == 0)
		return type == CPROM_TYPE_HISTOGRAM;
	return type == CPROM_TYPE_HISTOGRAM || type == CPROM_TYPE_SUMMARY;
}

/* By spelling out every sample's name. */
static bool
expect_collision(cprom_type type_a, const char *a, cprom_type type_b, const char *b)
{
	static const char *const suffixes[] = {"", "_sum", "_count", "_bucket"};
	char sample_a[64], sample_b[64];

	for (int i = 0; i < 16; i++) {
		if (!has_suffix(type_a, suffixes[i / 4]) || !has_suffix(type_b, suffixes[i % 4]))
			continue;
		snprintf(sample_a, sizeof(sample_a), "%s%s", a, suffixes[i / 4]);
		snprintf(sample_b, sizeof(sample_b), "%s%s", b, suffixes[i % 4]);
		if (strcmp(sample_a, sample_b) == 0)
			return true;
	}
	return false;
}

static const char *const names[] = {"x",    "x_sum",  "x_count",     "x_bucket",     "x_sum_count",
				    "x_su", "x_sum_", "x_count_sum", "x_bucket_sum", "y",
				    "_sum", "x_",     "x_counts",    "xx",           "x_sum_sum",
				    "X_sum"};
#define NAMES (sizeof(names) / sizeof(*names))

static void
collisions_are_refused_whichever_comes_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES * 16; i++) {
		const char *other = names[i / 16];
		cprom_type type_a = (cprom_type)(1 + i % 4), type_b = (cprom_type)(1 + i / 4 % 4);
		bool collide = expect_collision(type_a, "x", type_b, other);
		cprom_metric *first = make(type_a, "x", unlabelled), *second;

		if (strcmp(other, "x") != 0) {
			second = make(type_b, other, unlabelled);
			assert_int_equal(second == NULL, collide);
			if (collide)
				assert_reason(EEXIST, "collides with the samples of x ");
			else
				assert_int_equal(cprom_unregister(second), 0);
		}
		assert_int_equal(cprom_unregister(first), 0);
		assert_non_null(make(type_b, other, unlabelled)); /* the name is free again */
		first = make(type_a, "x", unlabelled);
		assert_int_equal(first == NULL,
				 collide && (type_a != type_b || strcmp(other, "x") != 0));
		if (first != NULL)
			cprom_unregister(first);
		if (strcmp(other, "x") != 0 || first == NULL)
			assert_int_equal(cprom_unregister(make(type_b, other, unlabelled)), 0);
	}
	assert_double(sample(registry, "cprom_families"), 0);
}

/* ---- unregistering -------------------------------------------------------- */

static void
an_unregistered_name_may_be_defined_anew(void **state)
{
	cprom_counter *c = cprom_counter_new("x", "First.", .registry = registry,
					     .labels = CPROM_LABELS("a"));

	(void)state;
	cprom_counter_add(cprom_labels(c, "v"), 5);
	assert_int_equal(cprom_unregister(c), 0);
	assert_false(has_sample(registry, "x{a=\"v\"}"));
	assert_non_null(cprom_gauge_new("x", "Second.", .registry = registry));
	assert_sample(registry, "x", "0");
	assert_double(sample(registry, "cprom_families"), 1);
	assert_double(sample(registry, "cprom_series"), 1);
}

static void
a_metric_is_unregistered_once(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry);

	(void)state;
	assert_int_equal(cprom_unregister(g), 0);
	assert_int_equal(cprom_unregister(g), -1);
	assert_reason(ENOENT, "unregistered");
	assert_int_equal(cprom_unregister((cprom_gauge *)NULL), -1);
	assert_reason(EINVAL, "NULL");
}

static void
families_are_shown_in_the_order_of_registration(void **state)
{
	const char *order[] = {"zebra", "apple", "mango"};
	char *page, *at[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_non_null(cprom_gauge_new(order[i], "G.", .registry = registry));
	page = cprom_render(registry, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		at[i] = strstr(page, order[i]);
		assert_non_null(at[i]);
	}
	assert_true(at[0] < at[1] && at[1] < at[2]);
	free(page);
}

/* ---- the family's limit --------------------------------------------------- */

static void
past_its_limit_a_family_gives_its_overflow_child(void **state)
{
	cprom_counter *c = cprom_counter_new("few_total", "Few.", .registry = registry,
					     .labels = CPROM_LABELS("a", "b"), .max_series = 2);
	cprom_counter *first = cprom_labels(c, "1", ""), *overflow;

	(void)state;
	assert_false(has_sample(registry, "few_total{a=\"overflow\",b=\"overflow\"}"));
	cprom_counter_inc(cprom_labels(c, "2", ""));
	overflow = cprom_labels(c, "3", "");
	assert_non_null(overflow);
	assert_ptr_equal(cprom_labels(c, "4", ""), overflow);
	assert_ptr_equal(cprom_labels(c, "overflow", "overflow"), overflow);
	assert_ptr_equal(cprom_labels(c, "1", ""), first);
	cprom_counter_add(overflow, 3);
	assert_sample(registry, "few_total{a=\"overflow\",b=\"overflow\"}", "3");
	assert_double(sample(registry, "cprom_labels_overflowed_total"),
		      2); /* the third asked for it */
	assert_int_equal(cprom_remove(c, "1", ""), 0);
	assert_ptr_not_equal(cprom_labels(c, "5", ""), overflow); /* there is room again */
	assert_ptr_equal(cprom_labels(c, "6", ""), overflow);
}

static void
the_overflow_child_always_stays(void **state)
{
	cprom_counter *c = cprom_counter_new("few_total", "Few.", .registry = registry,
					     .labels = CPROM_LABELS("a"), .max_series = 1);
	cprom_counter *overflow = cprom_labels(c, "overflow");

	(void)state;
	assert_non_null(overflow);
	cprom_counter_add(overflow, 2);
	assert_int_equal(cprom_clear(c), 0);
	assert_int_equal(cprom_remove(c, "overflow"), -1);
	assert_reason(ENOENT, "no such child");
	assert_int_equal(cprom_remove_matching(c, "a", "overflow"), 0);
	assert_sample(registry, "few_total{a=\"overflow\"}", "2");
	assert_ptr_equal(cprom_labels(c, "overflow"), overflow);
	assert_non_null(cprom_labels(c, "x")); /* it takes no place of another */
	assert_sample(registry, "few_total{a=\"x\"}", "0");
}

/* ---- threads -------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS 300

static void *found[THREADS][ROUNDS];

static void
register_the_same(unsigned i, void *arg)
{
	char name[32];

	(void)arg;
	for (unsigned n = 0; n < ROUNDS; n++) {
		cprom_counter *c;

		snprintf(name, sizeof(name), "x%u_total", n);
		c = cprom_counter_new(name, "C.", .registry = registry,
				      .labels = CPROM_LABELS("a"));
		found[i][n] = c;
		cprom_counter_inc(cprom_labels(c, "v"));
	}
}

static void
threads_that_register_the_same_get_the_same(void **state)
{
	(void)state;
	run_threads(THREADS, register_the_same, NULL);
	for (int n = 0; n < ROUNDS; n++) {
		cprom_counter *c = found[0][n];

		assert_non_null(c);
		for (int i = 1; i < THREADS; i++)
			assert_ptr_equal(found[i][n], c);
		assert_double(cprom_counter_value(cprom_labels(c, "v")), THREADS);
	}
	assert_double(sample(registry, "cprom_families"), ROUNDS);
	assert_double(sample(registry, "cprom_series"), ROUNDS);
}

static void
register_what_conflicts(unsigned i, void *arg)
{
	char name[32];

	(void)arg;
	for (unsigned n = 0; n < ROUNDS; n++) {
		snprintf(name, sizeof(name), i % 2 == 0 ? "x%u" : "x%u_count", n);
		found[i][n] = make(i < 2 ? CPROM_TYPE_HISTOGRAM : CPROM_TYPE_COUNTER, name,
				   unlabelled);
	}
}

static void
of_threads_that_register_what_conflicts_one_wins(void **state)
{
	(void)state;
	run_threads(THREADS, register_what_conflicts, NULL);
	for (int n = 0; n < ROUNDS; n++) {
		/* 0: histogram x; 1: histogram x_count; 2: counter x; 3: counter x_count */
		bool h = found[0][n], hc = found[1][n], c = found[2][n], cc = found[3][n];

		assert_true(h + c <= 1 && hc + cc <= 1 && h + hc <= 1 && h + cc <= 1);
		assert_true(h || c || hc || cc);
		assert_true(h || ((c || hc || cc) && (hc || cc)));
	}
}

static void
register_and_unregister(unsigned i, void *arg)
{
	(void)arg;
	for (unsigned n = 0; n < ROUNDS; n++) {
		cprom_metric *m = make((cprom_type)(1 + (n + i) % 4), "x", CPROM_LABELS("a"));

		(void)cprom_metric_labels(m, CPROM_LABELS("v"));
		cprom_metric_unregister(m);
	}
}

static void
threads_register_and_unregister_one_name(void **state)
{
	(void)state;
	run_threads(THREADS, register_and_unregister, NULL);
	cprom_unregister(make(CPROM_TYPE_GAUGE, "x", CPROM_LABELS("a")));
	assert_double(sample(registry, "cprom_families"), 0);
	assert_double(sample(registry, "cprom_series"), 0);
	assert_non_null(make(CPROM_TYPE_COUNTER, "x", unlabelled));
}

static void
ask_for_all(unsigned i, void *arg)
{
	char value[32];

	(void)i;
	for (int n = 0; n < ROUNDS; n++) {
		snprintf(value, sizeof(value), "%d", n);
		cprom_counter_inc(cprom_labels((cprom_counter *)arg, value));
	}
}

static void
threads_do_not_pass_the_limit(void **state)
{
	cprom_counter *few = cprom_counter_new("few_total", "Few.", .registry = registry,
					       .labels = CPROM_LABELS("a"), .max_series = 50);
	double overflowed;

	(void)state;
	run_threads(THREADS, ask_for_all, few);
	assert_true(sample(registry, "cprom_series") <= 50);
	overflowed = sample(registry, "cprom_labels_overflowed_total");
	assert_true(overflowed >= THREADS * (ROUNDS - 50));
	assert_sample(registry, "few_total{a=\"0\"}", "4");
	assert_double(sample(registry, "few_total{a=\"overflow\"}"), overflowed);
	assert_double(sum_of_lines(registry, "few_total{"), THREADS * ROUNDS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_definition_gives_the_same_metric),
		TEST(registering_again_takes_no_memory),
		TEST(of_two_types_the_first_stays),
		TEST(collisions_are_refused_whichever_comes_first),
		TEST(an_unregistered_name_may_be_defined_anew),
		TEST(a_metric_is_unregistered_once),
		TEST(families_are_shown_in_the_order_of_registration),
		TEST(threads_that_register_the_same_get_the_same),
		TEST(of_threads_that_register_what_conflicts_one_wins),
		TEST(threads_register_and_unregister_one_name),
		TEST(past_its_limit_a_family_gives_its_overflow_child),
		TEST(the_overflow_child_always_stays),
		TEST(threads_do_not_pass_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
