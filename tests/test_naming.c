/* SPDX-License-Identifier: MIT */
/*
 * Tests of naming: what a family and its samples are called in each format.
 */
#include "naming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct expected {
	cprom_type type;
	const char *name;
	const char *text, *text_type;             /* of family and samples in the text format */
	const char *family, *samples, *type_word; /* in OpenMetrics */
};

static void
assert_naming(const struct expected *e, enum format_kind kind, bool clashes, const char *family,
	      const char *samples, const char *type)
{
	struct family_view v = {.name = e->name,
				.name_length = strlen(e->name),
				.type = e->type,
				.clashes = clashes,
				.legal = true};
	struct naming n;

	cpromi_naming_set(&n, &v, &(struct format){.kind = kind});
	assert_int_equal(n.name_length, strlen(samples));
	assert_memory_equal(n.name, samples, n.name_length);
	assert_int_equal(n.family_length, strlen(family));
	assert_memory_equal(n.name, family, n.family_length);
	assert_string_equal(cpromi_naming_type(&n), type);
}

static void
each_format_has_its_names_and_types(void **state)
{
	static const struct expected all[] = {
		{CPROM_TYPE_COUNTER, "a_total", "a_total", "counter", "a", "a_total", "counter"},
		{CPROM_TYPE_COUNTER, "a", "a", "counter", "a", "a_total", "counter"},
		{CPROM_TYPE_COUNTER, "_total", "_total", "counter", "_total", "_total_total",
		 "counter"},
		{CPROM_TYPE_GAUGE, "a_total", "a_total", "gauge", "a_total", "a_total", "gauge"},
		{CPROM_TYPE_HISTOGRAM, "a", "a", "histogram", "a", "a", "histogram"},
		{CPROM_TYPE_SUMMARY, "a_info", "a_info", "summary", "a_info", "a_info", "summary"},
		{CPROM_TYPE_UNTYPED, "a", "a", "untyped", "a", "a", "unknown"},
		{CPROM_TYPE_INFO, "a_info", "a_info", "gauge", "a", "a_info", "info"},
		{CPROM_TYPE_INFO, "a", "a_info", "gauge", "a", "a_info", "info"},
		{CPROM_TYPE_STATESET, "a", "a", "gauge", "a", "a", "stateset"},
		{CPROM_TYPE_GAUGE_HISTOGRAM, "a", "a", "histogram", "a", "a", "gaugehistogram"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct expected *e = &all[i];

		assert_naming(e, FORMAT_TEXT, false, e->text, e->text, e->text_type);
		assert_naming(e, FORMAT_TEXT, true, e->text, e->text, e->text_type);
		assert_naming(e, FORMAT_OPENMETRICS, false, e->family, e->samples, e->type_word);
	}
}

static void
in_openmetrics_counter_and_info_give_way_to_a_name_that_is_taken(void **state)
{
	static const struct expected counter = {CPROM_TYPE_COUNTER, "a_total", 0, 0, 0, 0, 0};
	static const struct expected bare = {CPROM_TYPE_COUNTER, "a", 0, 0, 0, 0, 0};
	static const struct expected info = {CPROM_TYPE_INFO, "a", 0, 0, 0, 0, 0};
	static const struct expected gauge = {CPROM_TYPE_GAUGE, "a", 0, 0, 0, 0, 0};

	(void)state;
	assert_naming(&counter, FORMAT_OPENMETRICS, true, "a_total", "a_total", "unknown");
	assert_naming(&bare, FORMAT_OPENMETRICS, true, "a", "a", "unknown");
	assert_naming(&info, FORMAT_OPENMETRICS, true, "a_info", "a_info", "gauge");
	assert_naming(&gauge, FORMAT_OPENMETRICS, true, "a", "a", "gauge");
}

static void
the_longest_name_has_room_for_its_suffix(void **state)
{
	char name[CPROM_MAX_NAME_BYTES + 1], samples[sizeof(name) + 6];
	struct expected e = {.type = CPROM_TYPE_COUNTER, .name = name};

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(samples, name, sizeof(name));
	strcat(samples, "_total");
	assert_naming(&e, FORMAT_OPENMETRICS, false, name, samples, "counter");
}

/* ---- beyond the legacy charset ----------------------------------------------- */

struct spelled {
	cprom_type type;
	const char *name;
	struct format format;
	const char *family, *samples;
	bool quoted;
};

static void
other_names_are_spelled_by_the_scheme_and_then_treated_alike(void **state)
{
	static const struct spelled all[] = {
		{CPROM_TYPE_GAUGE,
		 "disk.io",
		 {FORMAT_TEXT, false, ESCAPING_UNDERSCORES},
		 "disk_io",
		 "disk_io",
		 false},
		{CPROM_TYPE_GAUGE,
		 "disk.io",
		 {FORMAT_TEXT, false, ESCAPING_ALLOW_UTF8},
		 "disk.io",
		 "disk.io",
		 true},
		{CPROM_TYPE_GAUGE,
		 "a\"\n",
		 {FORMAT_OPENMETRICS, false, ESCAPING_ALLOW_UTF8},
		 "a\\\"\\n",
		 "a\\\"\\n",
		 true},
		{CPROM_TYPE_GAUGE,
		 "a\"\n",
		 {FORMAT_PROTOBUF, false, ESCAPING_ALLOW_UTF8},
		 "a\"\n",
		 "a\"\n",
		 false},
		{CPROM_TYPE_COUNTER,
		 "disk.io",
		 {FORMAT_OPENMETRICS, false, ESCAPING_ALLOW_UTF8},
		 "disk.io",
		 "disk.io_total",
		 true},
		{CPROM_TYPE_COUNTER,
		 "disk.io_total",
		 {FORMAT_OPENMETRICS, false, ESCAPING_DOTS},
		 "disk_dot_io_",
		 "disk_dot_io__total",
		 false},
		{CPROM_TYPE_COUNTER,
		 "jobs.total",
		 {FORMAT_OPENMETRICS, false, ESCAPING_UNDERSCORES},
		 "jobs",
		 "jobs_total",
		 false},
		{CPROM_TYPE_COUNTER,
		 "a.b",
		 {FORMAT_OPENMETRICS, true, ESCAPING_VALUES},
		 "U__a_2e_b",
		 "U__a_2e_b_total",
		 false},
		{CPROM_TYPE_INFO,
		 "a.b",
		 {FORMAT_TEXT, false, ESCAPING_DOTS},
		 "a_dot_b_info",
		 "a_dot_b_info",
		 false},
		{CPROM_TYPE_INFO,
		 "a.b_info",
		 {FORMAT_OPENMETRICS, false, ESCAPING_ALLOW_UTF8},
		 "a.b",
		 "a.b_info",
		 true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct spelled *e = &all[i];
		struct family_view v = {
			.name = e->name, .name_length = strlen(e->name), .type = e->type};
		struct naming n;

		cpromi_naming_set(&n, &v, &e->format);
		assert_true(n.escaped);
		assert_int_equal(n.quoted, e->quoted);
		assert_int_equal(n.name_length, strlen(e->samples));
		assert_memory_equal(n.name, e->samples, n.name_length);
		assert_int_equal(n.family_length, strlen(e->family));
		assert_memory_equal(n.name, e->family, n.family_length);
	}
}

static void
the_longest_name_fits_in_every_scheme(void **state)
{
	char name[CPROM_MAX_NAME_BYTES];
	struct family_view v = {
		.name = name, .name_length = sizeof(name), .type = CPROM_TYPE_COUNTER};
	struct naming n;

	(void)state;
	for (int c = 1; c < 256; c++) {
		memset(name, c, sizeof(name));
		for (int scheme = ESCAPING_UNDERSCORES; scheme <= ESCAPING_ALLOW_UTF8; scheme++) {
			struct format f = {FORMAT_OPENMETRICS, false, (enum escaping)scheme};

			cpromi_naming_set(&n, &v, &f);
			assert_true(n.name_length <= sizeof(n.room));
			assert_memory_equal(n.name + n.name_length - 6, "_total", 6);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_has_its_names_and_types),
		cmocka_unit_test(in_openmetrics_counter_and_info_give_way_to_a_name_that_is_taken),
		cmocka_unit_test(the_longest_name_has_room_for_its_suffix),
		cmocka_unit_test(other_names_are_spelled_by_the_scheme_and_then_treated_alike),
		cmocka_unit_test(the_longest_name_fits_in_every_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
