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
				.clashes = clashes};
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_has_its_names_and_types),
		cmocka_unit_test(in_openmetrics_counter_and_info_give_way_to_a_name_that_is_taken),
		cmocka_unit_test(the_longest_name_has_room_for_its_suffix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
