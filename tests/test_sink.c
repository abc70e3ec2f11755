/* SPDX-License-Identifier: MIT */
/*
 * What collectors emit: spelled exactly, checked strictly, and never twice in a page.
 */
#include "sink.h"

#include <cprom.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "page.h"

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"

static uint64_t
invalid(void)
{
	return load_relaxed(&registry->counts[SELF_SAMPLES_INVALID]);
}

static uint64_t
duplicate(void)
{
	return load_relaxed(&registry->counts[SELF_SAMPLES_DUPLICATE]);
}

static uint64_t
failures(void)
{
	return load_relaxed(&registry->counts[SELF_COLLECTORS_FAILED]);
}

static void
run_void(cprom_sink *out, void *arg)
{
	void (**emit)(cprom_sink * out) = arg;

	(*emit)(out);
}

/* The page of the registry with this collector alone. */
static void
assert_emitted(void (*emit)(cprom_sink *out), const char *expected)
{
	cprom_collector *c = cprom_collector_new(run_void, &emit, .registry = registry);

	assert_page(registry, expected);
	cprom_collector_unregister(c);
}

#define assert_fails(call, error)                                                                  \
	do {                                                                                       \
		errno = 0;                                                                         \
		assert_int_equal((call), -1);                                                      \
		assert_int_equal(errno, (error));                                                  \
		assert_string_not_equal(cprom_error(), "");                                        \
	} while (0)

#define assert_works(call) assert_int_equal((call), 0)

/* ---- spelling ------------------------------------------------------------------- */

static void
emit_each_type(cprom_sink *out)
{
	static const uint64_t counts[] = {1, 0, 5, 2};
	static const double values[] = {0.25, NAN};

	assert_works(cprom_sink_family(out, CPROM_TYPE_COUNTER, "c_total", "C \\ \n \"."));
	assert_works(cprom_sink_sample(out, 0x1p53));
	assert_works(cprom_sink_sample(out, 0.5, .labels = CPROM_LABELS("a", "\"\\\n", "b", "")));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", ""));
	assert_works(cprom_sink_sample(out, -INFINITY, .timestamp_ms = 1));
	assert_works(cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "H."));
	assert_works(cprom_sink_sample(
		out, 0, .bounds = CPROM_BUCKETS(-1, 0, 1e6), .counts = counts, .sum = 12.5,
		.labels = CPROM_LABELS("a", "1"), .timestamp_ms = 1754006400123));
	assert_works(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "s", "S."));
	assert_works(cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(0.5, 1),
				       .values = values, .count = 3, .sum = -1));
	assert_works(
		cprom_sink_sample(out, 0, .labels = CPROM_LABELS("a", "1"), .count = 1, .sum = 2));
	assert_works(cprom_sink_family(out, CPROM_TYPE_UNTYPED, "u", "U."));
	assert_works(cprom_sink_sample(out, NAN));
}

static void
every_type_is_spelled_byte_for_byte(void **state)
{
	(void)state;
	assert_emitted(emit_each_type, "# HELP c_total C \\\\ \\n \".\n"
				       "# TYPE c_total counter\n"
				       "c_total 9.007199254740992e+15\n"
				       "c_total{a=\"\\\"\\\\\\n\",b=\"\"} 0.5\n"
				       "# HELP g \n"
				       "# TYPE g gauge\n"
				       "g -Inf 1\n"
				       "# HELP h H.\n"
				       "# TYPE h histogram\n"
				       "h_bucket{a=\"1\",le=\"-1\"} 1 1754006400123\n"
				       "h_bucket{a=\"1\",le=\"0\"} 1 1754006400123\n"
				       "h_bucket{a=\"1\",le=\"1e+06\"} 6 1754006400123\n"
				       "h_bucket{a=\"1\",le=\"+Inf\"} 8 1754006400123\n"
				       "h_sum{a=\"1\"} 12.5 1754006400123\n"
				       "h_count{a=\"1\"} 8 1754006400123\n"
				       "# HELP s S.\n"
				       "# TYPE s summary\n"
				       "s{quantile=\"0.5\"} 0.25\n"
				       "s{quantile=\"1\"} NaN\n"
				       "s_sum -1\n"
				       "s_count 3\n"
				       "s_sum{a=\"1\"} 2\n"
				       "s_count{a=\"1\"} 1\n"
				       "# HELP u U.\n"
				       "# TYPE u untyped\n"
				       "u NaN\n");
	assert_int_equal(invalid() + duplicate() + failures(), 0);
}

static void
emit_types_of_openmetrics(cprom_sink *out)
{
	static const uint64_t counts[] = {1, 2};
	cprom_strings modes = CPROM_STATES("off", "o\"n");

	assert_works(cprom_sink_family(out, CPROM_TYPE_INFO, "i", "I."));
	assert_works(cprom_sink_sample(out, 0, .labels = CPROM_LABELS("k", "v")));
	assert_works(cprom_sink_family(out, CPROM_TYPE_STATESET, "m", "M."));
	assert_works(cprom_sink_sample(out, 0, .states = modes, .on = 2));
	assert_works(cprom_sink_sample(out, 0, .states = modes, .on = 3, .timestamp_ms = 5000,
				       .labels = CPROM_LABELS("l", "x")));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE_HISTOGRAM, "q_seconds", "Q.",
				       .unit = "seconds"));
	assert_works(
		cprom_sink_sample(out, 0, .bounds = CPROM_BUCKETS(1), .counts = counts, .sum = 4));
	assert_works(cprom_sink_sample(out, 0, .bounds = CPROM_BUCKETS(-1), .counts = counts,
				       .sum = -4, .labels = CPROM_LABELS("l", "x")));
	assert_works(cprom_sink_family(out, CPROM_TYPE_UNKNOWN, "u_total", "U.", .unit = "bytes"));
	assert_works(cprom_sink_sample(out, -2));
}

static void
types_of_openmetrics_are_spelled_in_both_texts(void **state)
{
	cprom_collector *c;
	void (*emit)(cprom_sink * out) = emit_types_of_openmetrics;

	(void)state;
	assert_emitted(emit, "# HELP i_info I.\n# TYPE i_info gauge\ni_info{k=\"v\"} 1\n"
			     "# HELP m M.\n# TYPE m gauge\nm{m=\"off\"} 0\nm{m=\"o\\\"n\"} 1\n"
			     "m{l=\"x\",m=\"off\"} 1 5000\nm{l=\"x\",m=\"o\\\"n\"} 1 5000\n"
			     "# HELP q_seconds Q.\n# TYPE q_seconds histogram\n"
			     "q_seconds_bucket{le=\"1\"} 1\nq_seconds_bucket{le=\"+Inf\"} 3\n"
			     "q_seconds_sum 4\nq_seconds_count 3\n"
			     "q_seconds_bucket{l=\"x\",le=\"-1\"} 1\n"
			     "q_seconds_bucket{l=\"x\",le=\"+Inf\"} 3\n"
			     "q_seconds_sum{l=\"x\"} -4\nq_seconds_count{l=\"x\"} 3\n"
			     "# HELP u_total U.\n# TYPE u_total untyped\nu_total -2\n");
	c = cprom_collector_new(run_void, &emit, .registry = registry);
	assert_openmetrics_page(
		registry,
		"# TYPE i info\n# HELP i I.\ni_info{k=\"v\"} 1\n"
		"# TYPE m stateset\n# HELP m M.\nm{m=\"off\"} 0\nm{m=\"o\\\"n\"} 1\n"
		"m{l=\"x\",m=\"off\"} 1 5\nm{l=\"x\",m=\"o\\\"n\"} 1 5\n"
		"# TYPE q_seconds gaugehistogram\n# UNIT q_seconds seconds\n# HELP q_seconds Q.\n"
		"q_seconds_bucket{le=\"1.0\"} 1\nq_seconds_bucket{le=\"+Inf\"} 3\n"
		"q_seconds_gsum 4\nq_seconds_gcount 3\n"
		"q_seconds_bucket{l=\"x\",le=\"-1.0\"} 1\n"
		"q_seconds_bucket{l=\"x\",le=\"+Inf\"} 3\n"
		"q_seconds_gsum{l=\"x\"} -4\nq_seconds_gcount{l=\"x\"} 3\n"
		"# TYPE u_total unknown\n# HELP u_total U.\nu_total -2\n# EOF\n");
	cprom_collector_unregister(c);
	assert_int_equal(invalid() + duplicate() + failures(), 0);
}

static void
emit_bounds_with_infinity(cprom_sink *out)
{
	static const uint64_t counts[] = {4, 3, 0};
	static const uint64_t one[] = {9};

	assert_works(cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "H."));
	assert_works(
		cprom_sink_sample(out, 0, .bounds = CPROM_BUCKETS(1, INFINITY), .counts = counts));
	assert_works(cprom_sink_sample(out, 0, .counts = one, .labels = CPROM_LABELS("l", "none")));
}

static void
an_infinite_last_bound_is_the_one_that_is_implied(void **state)
{
	(void)state;
	assert_emitted(emit_bounds_with_infinity, "# HELP h H.\n"
						  "# TYPE h histogram\n"
						  "h_bucket{le=\"1\"} 4\n"
						  "h_bucket{le=\"+Inf\"} 7\n"
						  "h_sum 0\n"
						  "h_count 7\n"
						  "h_bucket{l=\"none\",le=\"+Inf\"} 9\n"
						  "h_sum{l=\"none\"} 0\n"
						  "h_count{l=\"none\"} 9\n");
}

static void
emit_no_sample(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "a", "A."));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "b", "B."));
	assert_works(cprom_sink_sample(out, 1));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "c", "C."));
	assert_fails(cprom_sink_sample(out, 1, .timestamp_ms = -1), EINVAL);
}

static void
a_family_without_samples_is_not_shown(void **state)
{
	(void)state;
	assert_emitted(emit_no_sample, "# HELP b B.\n# TYPE b gauge\nb 1\n");
}

static void
emit_an_old_sample(cprom_sink *out)
{
	struct {
		size_t size;
		double value;
	} old = {sizeof(old), 4};

	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "a", "A."));
	assert_works(cprom_sink_add(out, (const cprom_sample *)(const void *)&old));
}

static void
an_older_caller_has_fewer_fields(void **state)
{
	(void)state;
	assert_emitted(emit_an_old_sample, "# HELP a A.\n# TYPE a gauge\na 4\n");
}

/* ---- what is not valid -------------------------------------------------------------- */

static void
emit_invalid_families(cprom_sink *out)
{
	static const char *const names[] = {"", "9x", "a-b", "a.b", "a b", "\xc3\xa4", NULL, "a\n"};
	static char longest[CPROM_MAX_NAME_BYTES + 2];

	for (size_t i = 0; i < array_len(names); i++) {
		assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, names[i], "H."), EINVAL);
		assert_fails(cprom_sink_sample(out, 1), EINVAL);
	}
	memset(longest, 'x', CPROM_MAX_NAME_BYTES + 1);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, longest, "H."), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x", NULL), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x", "\xff"), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x", "\xed\xa0\x80"), EINVAL);
	assert_fails(cprom_sink_family(out, (cprom_type)0, "x", "H."), EINVAL);
	assert_fails(cprom_sink_family(out, (cprom_type)9, "x", "H."), EINVAL);
	assert_fails(cprom_sink_family(out, (cprom_type)-1, "x", "H."), EINVAL);
	assert_fails(cprom_sink_sample(out, 1), EINVAL);
	longest[CPROM_MAX_NAME_BYTES] = '\0';
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, longest, "H."));
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x_a", "H.", .unit = "a b"), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_INFO, "x_s", "H.", .unit = "s"), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_STATESET, "x_s", "H.", .unit = "s"), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_STATESET, "x:y", "H."), EINVAL);
	assert_fails(cprom_sink_begin(out, NULL), EINVAL);
	assert_fails(cprom_sink_begin(out, &(cprom_family_options){.size = 8}), EINVAL);
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x", "H."));
	assert_works(cprom_sink_sample(out, 1));
}

static void
an_invalid_family_and_its_samples_are_left_out_and_counted(void **state)
{
	(void)state;
	assert_emitted(emit_invalid_families, "# HELP x H.\n# TYPE x gauge\nx 1\n");
	assert_int_equal(invalid(), 28);
	assert_int_equal(duplicate(), 0);
}

static void
emit_samples_before_a_family(cprom_sink *out)
{
	assert_fails(cprom_sink_sample(out, 1), EINVAL);
	assert_fails(cprom_sink_add(out, NULL), EINVAL);
	assert_fails(cprom_sink_add(out, &(cprom_sample){.size = 0}), EINVAL);
	assert_fails(cprom_sink_add(out, &(cprom_sample){.size = 1 << 20}), EINVAL);
}

static void
a_sample_needs_a_family_and_its_size(void **state)
{
	(void)state;
	assert_emitted(emit_samples_before_a_family, "");
	assert_true(invalid() >= 1);
}

static void
emit_invalid_labels(cprom_sink *out)
{
	const char *odd[] = {"a", "1", "b"}, *no_name[] = {NULL, "1"}, *no_value[] = {"a", NULL};

	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."));
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("", "1")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("9", "1")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a:b", "1")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a-b", "1")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("__a", "1")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("__name__", "1")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "\xff")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "\xf0\x9f\x8c")),
		     EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "1", "a", "2")), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "", "b", "", "a", "")),
		     EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = {odd, 3}), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = {odd, 1}), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = {no_name, 2}), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = {no_value, 2}), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .labels = {NULL, 2}), EINVAL);
	assert_works(cprom_sink_sample(out, 1, .labels = {NULL, 0}));
}

static void
a_sample_with_invalid_labels_is_left_out_and_counted(void **state)
{
	(void)state;
	assert_emitted(emit_invalid_labels, "# HELP g G.\n# TYPE g gauge\ng 1\n");
	assert_int_equal(invalid(), 15);
}

static void
emit_reserved_labels(cprom_sink *out)
{
	static const uint64_t counts[] = {1};

	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "H.");
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .labels = CPROM_LABELS("le", "1")),
		     EINVAL);
	cprom_sink_family(out, CPROM_TYPE_SUMMARY, "s", "S.");
	assert_fails(cprom_sink_sample(out, 0, .labels = CPROM_LABELS("quantile", "1")), EINVAL);
	cprom_sink_family(out, CPROM_TYPE_GAUGE_HISTOGRAM, "q", "Q.");
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .labels = CPROM_LABELS("le", "1")),
		     EINVAL);
	cprom_sink_family(out, CPROM_TYPE_STATESET, "m", "M.");
	assert_fails(cprom_sink_sample(out, 0, .states = CPROM_STATES("a"),
				       .labels = CPROM_LABELS("m", "1")),
		     EINVAL);
}

static void
what_tells_lines_apart_is_the_librarys_own(void **state)
{
	(void)state;
	assert_emitted(emit_reserved_labels, "");
	assert_int_equal(invalid(), 4);
}

static void
emit_invalid_values(cprom_sink *out)
{
	static const uint64_t counts[4];
	static const double values[2];
	static double many[CPROM_MAX_BUCKETS + 1];
	static uint64_t many_counts[CPROM_MAX_BUCKETS + 2];

	for (size_t i = 0; i < array_len(many); i++)
		many[i] = (double)i;
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "c_total", "C.");
	assert_fails(cprom_sink_sample(out, -1), EINVAL);
	assert_fails(cprom_sink_sample(out, NAN), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .timestamp_ms = -1), EINVAL);
	assert_fails(cprom_sink_sample(out, 1, .timestamp_ms = INT64_MIN), EINVAL);
	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "H.");
	assert_fails(cprom_sink_sample(out, 0), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .bounds = CPROM_BUCKETS(1, 2)), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .bounds = CPROM_BUCKETS(2, 1)),
		     EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .bounds = CPROM_BUCKETS(1, 1)),
		     EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .bounds = CPROM_BUCKETS(NAN)),
		     EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .bounds = {NULL, 2}), EINVAL);
	assert_fails(
		cprom_sink_sample(out, 0, .counts = many_counts, .bounds = {many, array_len(many)}),
		EINVAL);
	cprom_sink_family(out, CPROM_TYPE_SUMMARY, "s", "S.");
	assert_fails(cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(0.5)), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .quantiles = {NULL, 1}, .values = values), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(1.5), .values = values),
		     EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(-1), .values = values),
		     EINVAL);
	assert_fails(
		cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(1, 0), .values = values),
		EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(NAN), .values = values),
		     EINVAL);
	cprom_sink_family(out, CPROM_TYPE_GAUGE_HISTOGRAM, "q", "Q.");
	assert_fails(cprom_sink_sample(out, 0), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .counts = counts, .bounds = CPROM_BUCKETS(2, 1)),
		     EINVAL);
	cprom_sink_family(out, CPROM_TYPE_STATESET, "m", "M.");
	assert_fails(cprom_sink_sample(out, 1), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .states = CPROM_STATES("a", "a")), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .states = CPROM_STATES("a", "\xff")), EINVAL);
	assert_fails(cprom_sink_sample(out, 0, .states = CPROM_STATES("a", "b"), .on = 4), EINVAL);
}

static void
a_sample_with_invalid_values_is_left_out_and_counted(void **state)
{
	(void)state;
	assert_emitted(emit_invalid_values, "");
	assert_int_equal(invalid(), 23);
}

static void
the_null_sink_is_refused(void **state)
{
	(void)state;
	assert_fails(cprom_sink_family(NULL, CPROM_TYPE_GAUGE, "g", "G."), EINVAL);
	assert_fails(cprom_sink_sample(NULL, 1), EINVAL);
	cprom_sink_fail(NULL, "nothing");
	cprom_sink_fail(NULL, NULL);
}

/* ---- duplicates ---------------------------------------------------------------------- */

static void
emit_what_is_registered(cprom_sink *out)
{
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."), EEXIST);
	assert_fails(cprom_sink_sample(out, 1), EINVAL);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_COUNTER, "g", "Other."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_UNTYPED, "h", "H."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "h_sum", "H."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "h_count", "H."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "h_bucket", "H."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "x", "X."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "later", "L."), EEXIST);
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "h_total", "H."));
	assert_works(cprom_sink_sample(out, 1));
}

static void
what_is_registered_is_not_emitted_too(void **state)
{
	cprom_collector *c;
	void (*emit)(cprom_sink * out) = emit_what_is_registered;

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry);
	cprom_histogram_new("h", "H.", .registry = registry, .labels = CPROM_LABELS("l"));
	cprom_gauge_new("x_count", "X.", .registry = registry);
	c = cprom_collector_new(run_void, &emit, .registry = registry);
	cprom_gauge_new("later", "L.", .registry = registry);
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng 0\n"
			      "# HELP x_count X.\n# TYPE x_count gauge\nx_count 0\n"
			      "# HELP h_total H.\n# TYPE h_total gauge\nh_total 1\n"
			      "# HELP later L.\n# TYPE later gauge\nlater 0\n");
	assert_int_equal(duplicate(), 8);
	assert_int_equal(invalid(), 1);
	cprom_collector_unregister(c);
}

static cprom_gauge *shown; /* by the page, before the collector is run */

static void
emit_what_was_shown(cprom_sink *out)
{
	assert_works(cprom_unregister(shown));
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "shown", "S."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "shown", "S."), EEXIST);
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "shown_too", "S."));
	assert_works(cprom_sink_sample(out, 1));
}

static void
what_was_shown_and_then_removed_is_not_emitted_too(void **state)
{
	(void)state;
	shown = cprom_gauge_new("shown", "S.", .registry = registry);
	assert_emitted(emit_what_was_shown,
		       "# HELP shown S.\n# TYPE shown gauge\nshown 0\n"
		       "# HELP shown_too S.\n# TYPE shown_too gauge\nshown_too 1\n");
}

static void
emit_x_summary(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "x", "X."));
	assert_works(cprom_sink_sample(out, 0, .count = 1));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "y_bucket", "Y."));
	assert_works(cprom_sink_sample(out, 1));
}

static void
emit_x_again(cprom_sink *out)
{
	assert_fails(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "x", "X."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x_sum", "X."), EEXIST);
	assert_fails(cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "y", "Y."), EEXIST);
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x_bucket", "X."));
	assert_works(cprom_sink_sample(out, 2));
	assert_works(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "y", "Y."));
	assert_works(cprom_sink_sample(out, 2));
	assert_fails(cprom_sink_family(out, CPROM_TYPE_GAUGE, "x_bucket", "X."), EEXIST);
}

static void
what_another_collector_emitted_is_not_emitted_again(void **state)
{
	void (*emit[])(cprom_sink * out) = {emit_x_summary, emit_x_again};

	(void)state;
	cprom_collector_new(run_void, &emit[0], .registry = registry);
	cprom_collector_new(run_void, &emit[1], .registry = registry);
	for (uint64_t i = 1; i <= 3; i++) { /* each scrape starts anew */
		assert_page(registry, "# HELP x X.\n# TYPE x summary\nx_sum 0\nx_count 1\n"
				      "# HELP y_bucket Y.\n# TYPE y_bucket gauge\ny_bucket 1\n"
				      "# HELP x_bucket X.\n# TYPE x_bucket gauge\nx_bucket 2\n"
				      "# HELP y Y.\n# TYPE y summary\ny_sum 0\ny_count 0\n");
		assert_int_equal(duplicate(), 4 * i);
	}
}

static void
emit_same_samples(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."));
	assert_works(cprom_sink_sample(out, 1));
	assert_fails(cprom_sink_sample(out, 2), EEXIST);
	assert_fails(cprom_sink_sample(out, 2, .timestamp_ms = 5), EEXIST);
	assert_works(
		cprom_sink_sample(out, 3, .labels = CPROM_LABELS("a", "1", "b", "2", "c", "3")));
	assert_fails(
		cprom_sink_sample(out, 4, .labels = CPROM_LABELS("a", "1", "b", "2", "c", "3")),
		EEXIST);
	assert_fails(
		cprom_sink_sample(out, 4, .labels = CPROM_LABELS("c", "3", "b", "2", "a", "1")),
		EEXIST);
	assert_fails(
		cprom_sink_sample(out, 4, .labels = CPROM_LABELS("b", "2", "c", "3", "a", "1")),
		EEXIST);
	/* Another family starts anew. */
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "f", "F."));
	assert_works(cprom_sink_sample(out, 5));
	assert_works(
		cprom_sink_sample(out, 6, .labels = CPROM_LABELS("c", "3", "b", "2", "a", "1")));
}

static void
labels_in_another_order_are_the_same_labels(void **state)
{
	(void)state;
	assert_emitted(emit_same_samples, "# HELP g G.\n# TYPE g gauge\n"
					  "g 1\n"
					  "g{a=\"1\",b=\"2\",c=\"3\"} 3\n"
					  "# HELP f F.\n# TYPE f gauge\n"
					  "f 5\n"
					  "f{c=\"3\",b=\"2\",a=\"1\"} 6\n");
	assert_int_equal(duplicate(), 5);
	assert_int_equal(invalid(), 0);
}

static void
emit_look_alikes(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."));
	assert_works(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "1", "b", "2")));
	assert_works(cprom_sink_sample(out, 2, .labels = CPROM_LABELS("a", "2", "b", "1")));
	assert_works(cprom_sink_sample(out, 3, .labels = CPROM_LABELS("b", "1", "c", "2")));
	assert_works(cprom_sink_sample(out, 4, .labels = CPROM_LABELS("a", "1\",b=\"2")));
	assert_works(cprom_sink_sample(out, 5, .labels = CPROM_LABELS("a", "1\\", "b", "2")));
	assert_works(cprom_sink_sample(out, 6, .labels = CPROM_LABELS("a", "\n")));
	assert_works(cprom_sink_sample(out, 7, .labels = CPROM_LABELS("a", "\\n")));
	assert_works(cprom_sink_sample(out, 8, .labels = CPROM_LABELS("a", "\\\\")));
	assert_works(cprom_sink_sample(out, 9, .labels = CPROM_LABELS("a", ",", "b", "\"")));
	assert_works(cprom_sink_sample(out, 10, .labels = CPROM_LABELS("a", "\"", "b", ",")));
	assert_fails(cprom_sink_sample(out, 11, .labels = CPROM_LABELS("b", ",", "a", "\"")),
		     EEXIST);
	assert_fails(cprom_sink_sample(out, 12, .labels = CPROM_LABELS("b", "2", "a", "1\\")),
		     EEXIST);
	/* The same bytes, cut elsewhere: a sum of hashes alone would not see it. */
	assert_works(cprom_sink_sample(out, 13, .labels = CPROM_LABELS("ab", "c", "d", "e")));
	assert_works(cprom_sink_sample(out, 14, .labels = CPROM_LABELS("a", "bc", "d", "e")));
	assert_works(cprom_sink_sample(out, 15, .labels = CPROM_LABELS("ab", "e", "d", "c")));
}

static void
labels_that_only_look_alike_are_different(void **state)
{
	cprom_collector *c;
	void (*emit)(cprom_sink * out) = emit_look_alikes;
	char *page;

	(void)state;
	c = cprom_collector_new(run_void, &emit, .registry = registry);
	page = page_of(registry);
	assert_int_equal(count_of_text(page, "\ng{"), 13);
	assert_non_null(strstr(page, "g{a=\"1\\\",b=\\\"2\"} 4\n"));
	assert_non_null(strstr(page, "g{a=\"1\\\\\",b=\"2\"} 5\n"));
	assert_int_equal(duplicate(), 2);
	free(page);
	cprom_collector_unregister(c);
}

static void
emit_empty_values(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."));
	assert_works(cprom_sink_sample(out, 1));
	assert_fails(cprom_sink_sample(out, 2, .labels = CPROM_LABELS("a", "")), EEXIST);
	assert_works(cprom_sink_sample(out, 3, .labels = CPROM_LABELS("b", "", "a", "1", "c", "")));
	assert_fails(cprom_sink_sample(out, 4, .labels = CPROM_LABELS("a", "1")), EEXIST);
	assert_fails(cprom_sink_sample(out, 5, .labels = CPROM_LABELS("d", "", "a", "1")), EEXIST);
	assert_works(cprom_sink_sample(out, 6, .labels = CPROM_LABELS("a", "=\"", "b", "")));
	assert_works(cprom_sink_sample(out, 7, .labels = CPROM_LABELS("a", "=\\\"", "b", "")));
	assert_works(cprom_sink_sample(out, 8, .labels = CPROM_LABELS("a", "=")));
	assert_fails(cprom_sink_sample(out, 9, .labels = CPROM_LABELS("b", "", "a", "=\"")),
		     EEXIST);
}

static void
a_label_of_no_value_is_as_none(void **state)
{
	(void)state;
	assert_emitted(emit_empty_values, "# HELP g G.\n# TYPE g gauge\n"
					  "g 1\n"
					  "g{b=\"\",a=\"1\",c=\"\"} 3\n"
					  "g{a=\"=\\\"\",b=\"\"} 6\n"
					  "g{a=\"=\\\\\\\"\",b=\"\"} 7\n"
					  "g{a=\"=\"} 8\n");
	assert_int_equal(duplicate(), 4);
}

#define MANY 20000

static void
emit_many(cprom_sink *out)
{
	char a[16], b[16];

	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."));
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < MANY; i++) {
			snprintf(a, sizeof(a), "%d", i % 100);
			snprintf(b, sizeof(b), "%d", i / 100);
			if (round == 0)
				assert_works(cprom_sink_sample(
					out, i, .labels = CPROM_LABELS("a", a, "b", b)));
			else
				assert_fails(
					cprom_sink_sample(out, i,
							  .labels = CPROM_LABELS("b", b, "a", a)),
					EEXIST);
		}
}

static void
among_many_samples_each_duplicate_is_found(void **state)
{
	void (*emit)(cprom_sink * out) = emit_many;
	char *page;

	(void)state;
	cprom_collector_new(run_void, &emit, .registry = registry);
	page = page_of(registry);
	assert_int_equal(count_of_text(page, "\ng{"), MANY);
	assert_true(value_in(page, "g{a=\"99\",b=\"199\"}") == MANY - 1);
	assert_int_equal(duplicate(), MANY);
	free(page);
}

/* ---- failing ------------------------------------------------------------------------- */

static void
emit_and_fail(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "Failed."));
	assert_works(cprom_sink_sample(out, 1));
	cprom_sink_fail(out, "the disk is gone");
	assert_int_equal(errno, EIO);
	assert_non_null(strstr(cprom_error(), "the disk is gone"));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "more", "More."));
	assert_works(cprom_sink_sample(out, 1));
}

static void
emit_g(cprom_sink *out)
{
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "Works."));
	assert_works(cprom_sink_sample(out, 2));
	assert_works(cprom_sink_family(out, CPROM_TYPE_GAUGE, "before", "B."));
	assert_works(cprom_sink_sample(out, 2));
}

static void
fail_without_reason(cprom_sink *out)
{
	cprom_sink_fail(out, NULL);
	cprom_sink_fail(out, NULL);
}

static void
one_that_fails_loses_all_its_families_and_no_other(void **state)
{
	void (*emit[])(cprom_sink * out) = {emit_and_fail, emit_g, fail_without_reason};
	cprom_scrape *s;
	char *page;

	(void)state;
	for (size_t i = 0; i < array_len(emit); i++)
		cprom_collector_new(run_void, &emit[i], .registry = registry);
	cprom_gauge_new("z", "Z.", .registry = registry);
	for (size_t n = 1; n < 200; n += 13) {
		s = cprom_scrape_open(registry, NULL);
		page = read_rest(s, n);
		assert_string_equal(page, "# HELP g Works.\n# TYPE g gauge\ng 2\n"
					  "# HELP before B.\n# TYPE before gauge\nbefore 2\n"
					  "# HELP z Z.\n# TYPE z gauge\nz 0\n");
		free(page);
		cprom_scrape_close(s);
	}
	assert_int_equal(failures(), 2 * ((200 - 1 + 12) / 13));
	assert_int_equal(duplicate(), 0);
}

/* Emits families with 200 samples each; says so if the sink took all of it. */
static bool took_all;

static void
emit_until_refused(cprom_sink *out)
{
	static const uint64_t counts[] = {1, 2, 3};
	char value[300];

	took_all = true;
	for (int f = 0; f < 3; f++) {
		snprintf(value, sizeof(value), "f%d", f);
		took_all &= cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, value, "F.") == 0;
		for (int i = 0; i < 200; i++) {
			memset(value, 'x', (size_t)i); /* each a byte longer */
			value[i] = '\0';
			took_all &= cprom_sink_sample(out, 0, .bounds = CPROM_BUCKETS(1, 2),
						      .counts = counts,
						      .labels = CPROM_LABELS("l", value)) == 0;
		}
	}
}

static void
without_memory_a_collector_fails_as_a_whole(void **state)
{
	void (*emit)(cprom_sink * out) = emit_until_refused;
	const char *without = "# HELP a A.\n# TYPE a gauge\na 0\n";
	uint64_t failed = 0;
	char *whole;
	long n = 0;

	(void)state;
	cprom_gauge_new("a", "A.", .registry = registry);
	cprom_collector_new(run_void, &emit, .registry = registry);
	whole = page_of(registry);
	assert_int_equal(count_of_text(whole, "_count{"), 600);
	do {
		char *page;

		heap_watch(++n, true);
		page = cprom_render(registry, NULL, NULL);
		if (page == NULL) {
			assert_int_equal(errno, ENOMEM);
		} else if (strcmp(page, whole) != 0) {
			failed++;
			assert_false(took_all);
			assert_string_equal(page, without);
		} else {
			assert_int_equal(heap.failed, 0);
			assert_true(took_all);
		}
		assert_true(failures() >= failed);
		free(page);
		assert_int_equal(heap.blocks, 0);
	} while (heap.failed > 0);
	heap_watch(0, false);
	assert_true(failed >= 15);
	assert_int_equal(failures(), failed);
	free(whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_is_spelled_byte_for_byte),
		TEST(types_of_openmetrics_are_spelled_in_both_texts),
		TEST(an_infinite_last_bound_is_the_one_that_is_implied),
		TEST(a_family_without_samples_is_not_shown),
		TEST(an_older_caller_has_fewer_fields),
		TEST(an_invalid_family_and_its_samples_are_left_out_and_counted),
		TEST(a_sample_needs_a_family_and_its_size),
		TEST(a_sample_with_invalid_labels_is_left_out_and_counted),
		TEST(what_tells_lines_apart_is_the_librarys_own),
		TEST(a_sample_with_invalid_values_is_left_out_and_counted),
		TEST(the_null_sink_is_refused),
		TEST(what_is_registered_is_not_emitted_too),
		TEST(what_was_shown_and_then_removed_is_not_emitted_too),
		TEST(what_another_collector_emitted_is_not_emitted_again),
		TEST(labels_in_another_order_are_the_same_labels),
		TEST(labels_that_only_look_alike_are_different),
		TEST(a_label_of_no_value_is_as_none),
		TEST(among_many_samples_each_duplicate_is_found),
		TEST(one_that_fails_loses_all_its_families_and_no_other),
		TEST(without_memory_a_collector_fails_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
