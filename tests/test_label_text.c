/* SPDX-License-Identifier: MIT */
/*
 * Tests of label_text: stored labels, piece by piece.
 */
#include "label_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct expected {
	const char *name, *value;
	bool quoted, escaped;
};

static void
check(const char *text, const struct expected *expected, size_t count)
{
	const char *p = text, *end = text + strlen(text);
	struct label_piece l;

	for (size_t i = 0; i < count; i++) {
		assert_true(p < end);
		p = cpromi_label_next(p, end, &l);
		assert_int_equal(l.name_length, strlen(expected[i].name));
		assert_memory_equal(l.name, expected[i].name, l.name_length);
		assert_int_equal(l.value_length, strlen(expected[i].value));
		assert_memory_equal(l.value, expected[i].value, l.value_length);
		assert_int_equal(l.quoted, expected[i].quoted);
		assert_int_equal(l.escaped, expected[i].escaped);
	}
	assert_ptr_equal(p, end);
}

static void
labels_come_one_by_one(void **state)
{
	static const struct expected one[] = {{"a", "x", false, false}};
	static const struct expected three[] = {
		{"a", "", false, false}, {"bc", "yz", false, false}, {"_", "=,", false, false}};

	(void)state;
	check("", NULL, 0);
	check("a=\"x\"", one, 1);
	check("a=\"\",bc=\"yz\",_=\"=,\"", three, 3);
}

static void
an_escaped_quote_ends_no_value(void **state)
{
	static const struct expected pieces[] = {{"a", "\\\"", false, true},
						 {"b", "\\\\", false, true},
						 {"c", "\\n\\\\\\\",d=\\\"", false, true},
						 {"e", "f", false, false}};

	(void)state;
	check("a=\"\\\"\",b=\"\\\\\",c=\"\\n\\\\\\\",d=\\\"\",e=\"f\"", pieces, 4);
}

static void
a_name_may_be_quoted(void **state)
{
	static const struct expected pieces[] = {{"dev.id", "nvme0", true, false},
						 {"=", "", true, false},
						 {"a\\\"=\\\\", "b", true, true},
						 {"c", "d", false, false},
						 {"e:f", "\\\\", true, true}};

	(void)state;
	check("\"dev.id\"=\"nvme0\",\"=\"=\"\",\"a\\\"=\\\\\"=\"b\",c=\"d\",\"e:f\"=\"\\\\\"",
	      pieces, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_come_one_by_one),
		cmocka_unit_test(an_escaped_quote_ends_no_value),
		cmocka_unit_test(a_name_may_be_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
