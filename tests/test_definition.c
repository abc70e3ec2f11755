/* SPDX-License-Identifier: MIT */
/*
 * Tests of definition: which names, labels, units and texts are taken, and that each
 * difference between two definitions of a name is found and named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "with_registry.h"

static double
failed(void)
{
	return sample(registry, "cprom_registrations_failed_total");
}

/* ---- names ---------------------------------------------------------------- */

static void
metric_names_are_of_letters_digits_underscores_and_colons(void **state)
{
	static const char *const good[] = {"a",   "Z",  "_",         ":", "a9",
					   "_1:", "::", "process_x", "le"};
	static const char *const bad[] = {"",    "9a", "a-b",  "a b",   "a.b", "a{", "\xc3\xa9",
					  "a\n", " a", "a\"b", "a\xff", "-",   "1",  "a/b"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_non_null(cprom_gauge_new(good[i], "G.", .registry = registry));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_null(cprom_gauge_new(bad[i], "G.", .registry = registry));
		assert_reason(EINVAL, bad[i]);
		assert_reason(EINVAL, "is not a metric name");
		assert_double(failed(), (double)i + 1);
	}
	assert_null(cprom_gauge_new(NULL, "G.", .registry = registry));
	assert_reason(EINVAL, "(null)");
}

static void
every_byte_is_judged_alike_at_every_place(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char first[] = {(char)c, 'x', 0}, second[] = {'y', (char)c, 0};
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool digit = c >= '0' && c <= '9';

		assert_int_equal(cprom_gauge_new(first, "G.", .registry = registry) != NULL,
				 letter || c == ':');
		assert_int_equal(cprom_gauge_new(second, "G.", .registry = registry) != NULL,
				 letter || digit || c == ':');
		first[1] = 'q'; /* as a label */
		second[0] = 'q';
		assert_int_equal(cprom_gauge_new("l1", "G.", .registry = registry,
						 .labels = CPROM_LABELS(first)) != NULL,
				 letter);
		cprom_unregister(cprom_gauge_new("l1", "G.", .registry = registry,
						 .labels = CPROM_LABELS(first)));
		assert_int_equal(cprom_gauge_new("l2", "G.", .registry = registry,
						 .labels = CPROM_LABELS(second)) != NULL,
				 letter || digit);
		cprom_unregister(cprom_gauge_new("l2", "G.", .registry = registry,
						 .labels = CPROM_LABELS(second)));
	}
}

static void
names_may_be_as_long_as_the_header_says(void **state)
{
	char name[CPROM_MAX_NAME_BYTES + 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[CPROM_MAX_NAME_BYTES + 1] = '\0';
	assert_null(cprom_gauge_new(name, "G.", .registry = registry));
	assert_reason(EINVAL, "\"nnn");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry, .labels = CPROM_LABELS(name)));
	assert_reason(EINVAL, "g: \"nnn");
	name[CPROM_MAX_NAME_BYTES] = '\0';
	assert_non_null(cprom_gauge_new(name, "G.", .registry = registry));
	assert_non_null(
		cprom_gauge_new("g", "G.", .registry = registry, .labels = CPROM_LABELS(name)));
}

/* ---- labels --------------------------------------------------------------- */

static void
refuse_label(const char *label, const char *why)
{
	errno = 0;
	assert_null(cprom_counter_new("bad_total", "Not to be.", .registry = registry,
				      .labels = CPROM_LABELS("ok", label)));
	assert_reason(EINVAL, why);
	errno = 0;
	assert_null(cprom_counter_new("bad_total", "Not to be.", .registry = registry,
				      .const_labels = CPROM_LABELS("ok", "v", label, "v")));
	assert_reason(EINVAL, why);
	assert_reason(EINVAL, "bad_total");
}

static void
labels_that_are_reserved_or_no_names_are_refused(void **state)
{
	(void)state;
	refuse_label("le", "\"le\" is reserved");
	refuse_label("quantile", "\"quantile\" is reserved");
	refuse_label("__name__", "\"__name__\" is reserved");
	refuse_label("__", "\"__\" is reserved");
	refuse_label("", "\"\" is not a label name");
	refuse_label("a:b", "\"a:b\" is not a label name");
	refuse_label("9", "\"9\" is not a label name");
	refuse_label("\xc3\xa9", "is not a label name");
	refuse_label(NULL, "(null)");
	refuse_label("ok", "\"ok\" is named twice");
	assert_null(cprom_counter_new("bad_total", "Not to be.", .registry = registry,
				      .labels = CPROM_LABELS("a"),
				      .const_labels = CPROM_LABELS("a", "v")));
	assert_reason(EINVAL, "\"a\" is named twice");
	assert_false(has_sample(registry, "bad_total"));
	assert_non_null(
		cprom_counter_new("good_total", "To be.", .registry = registry,
				  .labels = CPROM_LABELS("_", "_a", "LE", "le_", "quantiles")));
}

static void
const_labels_are_on_every_series(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry,
					     .const_labels = CPROM_LABELS("x", "1\"\n\\", "y", ""),
					     .labels = CPROM_LABELS("a", "b"));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .const_labels = CPROM_LABELS("x", "1"));

	(void)state;
	cprom_counter_inc(cprom_labels(c, "v", "w"));
	cprom_histogram_observe(h, 1);
	assert_sample(registry, "c_total{x=\"1\\\"\\n\\\\\",y=\"\",a=\"v\",b=\"w\"}", "1");
	assert_sample(registry, "h_bucket{x=\"1\",le=\"0.5\"}", "0");
	assert_sample(registry, "h_count{x=\"1\"}", "1");
}

static void
const_labels_must_be_pairs_of_texts(void **state)
{
	(void)state;
	assert_null(cprom_gauge_new("g", "G.", .registry = registry,
				    .const_labels = CPROM_LABELS("a", "b", "c")));
	assert_reason(EINVAL, "a constant label has no value");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry,
				    .const_labels = CPROM_LABELS("a", "\xff")));
	assert_reason(EINVAL, "the value of the constant label \"a\" is not UTF-8");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry,
				    .const_labels = CPROM_LABELS("a", NULL)));
	assert_reason(EINVAL, "constant label \"a\"");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry, .const_labels = {NULL, 2}));
	assert_reason(EINVAL, "the labels are NULL");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry, .labels = {NULL, 1}));
	assert_reason(EINVAL, "the labels are NULL");
}

static void
there_may_be_as_many_labels_as_the_header_says(void **state)
{
	char names[CPROM_MAX_LABELS + 1][16];
	const char *items[CPROM_MAX_LABELS + 1];
	cprom_gauge *g;

	(void)state;
	for (int i = 0; i <= CPROM_MAX_LABELS; i++) {
		snprintf(names[i], sizeof(names[i]), "l%d", i);
		items[i] = names[i];
	}
	assert_null(cprom_gauge_new("g", "G.", .registry = registry,
				    .labels = {items, CPROM_MAX_LABELS + 1}));
	assert_reason(EINVAL, "more than 64 labels");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry, .labels = {items, SIZE_MAX}));
	assert_reason(EINVAL, "more than 64 labels");
	assert_null(cprom_gauge_new("g", "G.", .registry = registry,
				    .const_labels = {items, SIZE_MAX - 1}));
	assert_reason(EINVAL, "more than 64 labels");
	g = cprom_gauge_new("g", "G.", .registry = registry, .labels = {items, CPROM_MAX_LABELS},
			    .max_series = 1);
	assert_non_null(g);
	assert_non_null(
		cprom_metric_labels(CPROM_METRIC(g), (cprom_strings){items, CPROM_MAX_LABELS}));
	assert_non_null(
		cprom_metric_labels(CPROM_METRIC(g), (cprom_strings){items + 1, CPROM_MAX_LABELS}));
}

/* ---- texts ---------------------------------------------------------------- */

static void
help_is_needed_and_is_utf8(void **state)
{
	(void)state;
	assert_null(cprom_gauge_new("g", NULL, .registry = registry));
	assert_reason(EINVAL, "the help text is missing");
	assert_null(cprom_gauge_new("g", "\xff", .registry = registry));
	assert_reason(EINVAL, "the help text is not UTF-8");
	assert_non_null(cprom_gauge_new("g", "", .registry = registry));
}

static void
a_unit_is_a_name_and_empty_is_none(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry);

	(void)state;
	assert_ptr_equal(cprom_gauge_new("g", "G.", .registry = registry, .unit = ""), g);
	assert_null(cprom_gauge_new("h_seconds", "H.", .registry = registry, .unit = "sec onds"));
	assert_reason(EINVAL, "\"sec onds\" is not a unit");
	assert_non_null(
		cprom_gauge_new("h_seconds", "H.", .registry = registry, .unit = "seconds"));
}

/* ---- differences ---------------------------------------------------------- */

static void
assert_conflict(const void *made, const char *what)
{
	char differ[64];

	snprintf(differ, sizeof(differ), "%s differ", what);
	assert_null(made);
	assert_reason(EEXIST, differ);
	errno = 0;
}

static void
each_difference_is_named(void **state)
{
	const cprom_counter_options base = {
		.size = sizeof(base),
		.name = "c",
		.help = "Help.",
		.registry = registry,
		.unit = "seconds",
		.max_series = 10,
		.labels = CPROM_LABELS("a", "b"),
		.const_labels = CPROM_LABELS("x", "1", "y", "2"),
	};
	const cprom_strings labels[] = {
		CPROM_LABELS("b", "a"), CPROM_LABELS("a"), {NULL, 0}, CPROM_LABELS("a", "b", "c")};
	const cprom_strings constants[] = {{NULL, 0},
					   CPROM_LABELS("x", "1"),
					   CPROM_LABELS("x", "1", "y", "22"),
					   CPROM_LABELS("x", "1", "y", ""),
					   CPROM_LABELS("x", "2", "y", "2"),
					   CPROM_LABELS("y", "2", "x", "1"),
					   CPROM_LABELS("x", "1\",y=\"2"),
					   CPROM_LABELS("x", "1", "y", "2", "z", "")};
	cprom_counter *c = cprom_counter_create(&base);
	cprom_counter_options o;

	(void)state;
	assert_non_null(c);
	assert_conflict(cprom_gauge_create((const cprom_gauge_options *)&base), "the type");
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		o = base;
		o.labels = labels[i];
		assert_conflict(cprom_counter_create(&o), "the labels");
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		o = base;
		o.const_labels = constants[i];
		assert_conflict(cprom_counter_create(&o), "the constant labels");
	}
	o = base;
	o.help = "Help";
	assert_conflict(cprom_counter_create(&o), "the help text");
	o.help = base.help;
	o.unit = "bytes";
	assert_conflict(cprom_counter_create(&o), "the unit");
	o.unit = NULL;
	assert_conflict(cprom_counter_create(&o), "the unit");
	o.unit = base.unit;
	o.max_series = 11;
	assert_conflict(cprom_counter_create(&o), "max_series");
	assert_ptr_equal(cprom_counter_create(&base), c);
	assert_double(failed(), 17);
	assert_double(sample(registry, "cprom_families"), 1);
}

static double
zero(void *arg)
{
	(void)arg;
	return 0;
}

static void
buckets_quantiles_windows_and_callbacks_differ_too(void **state)
{
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .buckets = CPROM_BUCKETS(1, 2));
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry,
					     .quantiles = CPROM_QUANTILES(0.5, 0.9));
	int arg;

	(void)state;
	assert_conflict(cprom_histogram_new("h", "H.", .registry = registry), "the buckets");
	assert_conflict(cprom_histogram_new("h", "H.", .registry = registry,
					    .buckets = CPROM_BUCKETS(1, 3)),
			"the buckets");
	assert_conflict(cprom_histogram_new("h", "H.", .registry = registry,
					    .buckets = CPROM_BUCKETS(1, 2, 3)),
			"the buckets");
	assert_conflict(cprom_summary_new("s", "S.", .registry = registry), "the quantiles");
	assert_conflict(cprom_summary_new("s", "S.", .registry = registry,
					  .quantiles = CPROM_QUANTILES(0.5)),
			"the quantiles");
	assert_conflict(cprom_summary_new("s", "S.", .registry = registry, .max_age = 60,
					  .quantiles = CPROM_QUANTILES(0.5, 0.9)),
			"the quantiles");
	assert_conflict(cprom_summary_new("s", "S.", .registry = registry, .age_buckets = 6,
					  .quantiles = CPROM_QUANTILES(0.5, 0.9)),
			"the quantiles");
	assert_ptr_equal(cprom_histogram_new("h", "H.", .registry = registry,
					     .buckets = CPROM_BUCKETS(1, 2)),
			 h);
	assert_ptr_equal(cprom_summary_new("s", "S.", .registry = registry, .max_age = 600,
					   .age_buckets = 5,
					   .quantiles = CPROM_QUANTILES(0.5, 0.9)),
			 s);
	assert_non_null(cprom_gauge_new("g", "G.", .registry = registry, .callback = zero));
	assert_non_null(cprom_gauge_new("g", "G.", .registry = registry, .callback = zero));
	assert_conflict(cprom_gauge_new("g", "G.", .registry = registry), "the callback");
	assert_conflict(
		cprom_gauge_new("g", "G.", .registry = registry, .callback = zero, .arg = &arg),
		"the callback");
	assert_null(cprom_gauge_new("k", "K.", .registry = registry, .callback = zero,
				    .labels = CPROM_LABELS("a")));
	assert_reason(EINVAL, "it takes no labels");
}

static void
every_refused_definition_is_counted(void **state)
{
	(void)state;
	assert_null(cprom_counter_new("1", "C.", .registry = registry));
	assert_null(cprom_gauge_new("1", "G.", .registry = registry));
	assert_null(cprom_histogram_new("h", "H.", .registry = registry,
					.buckets = CPROM_BUCKETS(2, 1)));
	assert_null(cprom_summary_new("s", "S.", .registry = registry,
				      .quantiles = CPROM_QUANTILES(2)));
	assert_null(cprom_summary_new("s", "S.", .registry = registry,
				      .quantiles = CPROM_QUANTILES(1), .max_age = -1));
	assert_double(failed(), 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metric_names_are_of_letters_digits_underscores_and_colons),
		TEST(every_byte_is_judged_alike_at_every_place),
		TEST(names_may_be_as_long_as_the_header_says),
		TEST(labels_that_are_reserved_or_no_names_are_refused),
		TEST(const_labels_are_on_every_series),
		TEST(const_labels_must_be_pairs_of_texts),
		TEST(there_may_be_as_many_labels_as_the_header_says),
		TEST(help_is_needed_and_is_utf8),
		TEST(a_unit_is_a_name_and_empty_is_none),
		TEST(each_difference_is_named),
		TEST(buckets_quantiles_windows_and_callbacks_differ_too),
		TEST(every_refused_definition_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
