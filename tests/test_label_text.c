/* SPDX-License-Identifier: MIT */
/*
 * Tests of label_text: stored labels, piece by piece, and their names in other schemes.
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

/* ---- names in schemes ------------------------------------------------------- */

static void
check_spelled(const char *name, const char *expected)
{
	char out[32];
	size_t n = strlen(name);

	assert_int_equal(cpromi_label_name_spell(name, n, NULL), strlen(expected));
	assert_int_equal(cpromi_label_name_spell(name, n, out), strlen(expected));
	assert_memory_equal(out, expected, strlen(expected));
}

static void
what_is_no_legal_label_is_quoted(void **state)
{
	(void)state;
	check_spelled("dev_id", "dev_id");
	check_spelled("dev.id", "\"dev.id\"");
	check_spelled("a:b", "\"a:b\""); /* though a metric may be called so */
	check_spelled("1", "\"1\"");
	check_spelled("a\"\\\n", "\"a\\\"\\\\\\n\"");
}

static void
check_respelled(enum escaping scheme, const char *labels, const char *expected)
{
	char out[256];
	size_t n = strlen(labels);

	memset(out, '#', sizeof(out));
	assert_int_equal(cpromi_labels_respell(scheme, labels, n, out), strlen(expected));
	assert_memory_equal(out, expected, strlen(expected));
	assert_int_equal(out[strlen(expected)], '#');
	assert_true(strlen(expected) <= LABELS_RESPELLED_BOUND(n));
}

static void
names_are_respelled_and_values_are_not(void **state)
{
	static const char labels[] = "\"dev.id\"=\"n.v\\\"=,\",mode=\"\",\"a\\\"b\\n\"=\"\\\\\"";

	(void)state;
	check_respelled(ESCAPING_UNDERSCORES, "", "");
	check_respelled(ESCAPING_UNDERSCORES, labels,
			"dev_id=\"n.v\\\"=,\",mode=\"\",a_b_=\"\\\\\"");
	check_respelled(ESCAPING_DOTS, labels,
			"dev_dot_id=\"n.v\\\"=,\",mode=\"\",a__b__=\"\\\\\"");
	check_respelled(ESCAPING_VALUES, labels,
			"U__dev_2e_id=\"n.v\\\"=,\",mode=\"\",U__a_22_b_a_=\"\\\\\"");
	check_respelled(ESCAPING_VALUES, "\"\x01\"=\"\",\"\x02\"=\"\"", "U___1_=\"\",U___2_=\"\"");
}

static bool
distinct(const char *labels)
{
	return cpromi_labels_are_distinct(labels, strlen(labels));
}

static void
a_name_that_is_there_twice_is_found(void **state)
{
	(void)state;
	assert_true(distinct(""));
	assert_true(distinct("a=\"x\""));
	assert_true(distinct("a=\"x\",b=\"x\",ab=\"x\""));
	assert_false(distinct("a=\"x\",b=\"x\",a=\"y\""));
	assert_false(distinct("a=\"x\",ab=\"x\",ab=\"\""));
	assert_false(distinct("a=\"x\",__name__=\"y\""));
	assert_true(distinct("a=\"__name__=\\\"\",b=\"a=\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_come_one_by_one),
		cmocka_unit_test(an_escaped_quote_ends_no_value),
		cmocka_unit_test(a_name_may_be_quoted),
		cmocka_unit_test(what_is_no_legal_label_is_quoted),
		cmocka_unit_test(names_are_respelled_and_values_are_not),
		cmocka_unit_test(a_name_that_is_there_twice_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
