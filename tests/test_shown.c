/* SPDX-License-Identifier: MIT */
/*
 * Tests of shown: which names may be in one page once they are escaped.
 */
#include "shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct buffer list;

static int
forget(void **state)
{
	(void)state;
	cpromi_buffer_free(&list);
	return 0;
}

static enum shown
note(enum format_kind kind, cprom_type type, const char *name)
{
	size_t n = strlen(name);
	struct family_view v = {.name = name,
				.name_length = n,
				.type = type,
				.legal = cpromi_name_is_legal(NAME_OF_METRIC, name, n)};
	struct naming naming;

	cpromi_naming_set(&naming, &v, &(struct format){kind, false, ESCAPING_UNDERSCORES});
	return cpromi_shown_note(&list, &naming);
}

static void
the_later_of_two_equal_names_is_told(void **state)
{
	(void)state;
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "a.b"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "a_b"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "a/b"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "c_d"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_COUNTER, "c.d"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "c.e"), SHOWN_NEW);
}

static void
suffixes_count(void **state)
{
	(void)state;
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_HISTOGRAM, "h.h"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "h_h_count"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "h_h_total"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_SUMMARY, "h.h"), SHOWN_BEFORE);
}

static void
openmetrics_has_more_of_them(void **state)
{
	(void)state;
	assert_int_equal(note(FORMAT_OPENMETRICS, CPROM_TYPE_COUNTER, "j.total"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_OPENMETRICS, CPROM_TYPE_GAUGE, "j"), SHOWN_BEFORE);
	cpromi_buffer_free(&list);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_COUNTER, "j.total"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "j"), SHOWN_NEW);
}

/* Names that the user gave are compared when he gives them (family.c, sink.c). */
static void
names_that_need_no_escaping_are_not_judged(void **state)
{
	(void)state;
	assert_int_equal(note(FORMAT_OPENMETRICS, CPROM_TYPE_COUNTER, "j_total"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_OPENMETRICS, CPROM_TYPE_GAUGE, "j"), SHOWN_NEW);
}

static void
what_was_refused_is_not_in_the_way(void **state)
{
	(void)state;
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "x_sum"), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_SUMMARY, "x."), SHOWN_NEW);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_SUMMARY, "x\xc3\xa9"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_SUMMARY, "x\\sum"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "x\xc3\xa9_count"), SHOWN_BEFORE);
	assert_int_equal(note(FORMAT_TEXT, CPROM_TYPE_GAUGE, "y\xc3\xa9"), SHOWN_NEW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_later_of_two_equal_names_is_told, forget),
		cmocka_unit_test_teardown(suffixes_count, forget),
		cmocka_unit_test_teardown(openmetrics_has_more_of_them, forget),
		cmocka_unit_test_teardown(names_that_need_no_escaping_are_not_judged, forget),
		cmocka_unit_test_teardown(what_was_refused_is_not_in_the_way, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
