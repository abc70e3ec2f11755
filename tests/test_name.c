/* SPDX-License-Identifier: MIT */
/*
 * Tests of name: which are legal, and the schemes, against the examples of prometheus/common, a
 * decoder and exact room.
 */
#include "name.h"

#include "decode_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cprom.h>

#include "guard_page.h"

/* ---- legality --------------------------------------------------------------- */

static bool
metric_name(const char *name)
{
	return cpromi_name_is_valid(NAME_OF_METRIC, false, at_guard(name, strlen(name) + 1));
}

static bool
label_name(const char *name)
{
	return cpromi_name_is_valid(NAME_OF_LABEL, false, at_guard(name, strlen(name) + 1));
}

static void
every_byte_is_legal_in_names_as_the_grammar_says(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char first[] = {(char)c, 'x', '\0'}, second[] = {'x', (char)c, '\0'};
		bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool digit = c >= '0' && c <= '9';

		assert_int_equal(metric_name(first), letter || c == ':');
		assert_int_equal(metric_name(second), letter || c == ':' || digit);
		assert_int_equal(label_name(first), letter);
		assert_int_equal(label_name(second), letter || digit);
	}
}

static void
no_name_and_the_empty_name_are_illegal(void **state)
{
	(void)state;
	for (int utf8 = 0; utf8 <= 1; utf8++) {
		assert_false(cpromi_name_is_valid(NAME_OF_METRIC, utf8, NULL));
		assert_false(cpromi_name_is_valid(NAME_OF_LABEL, utf8, NULL));
		assert_false(cpromi_name_is_valid(NAME_OF_METRIC, utf8, at_guard("", 1)));
	}
	assert_false(metric_name(""));
	assert_false(label_name(""));
	assert_false(cpromi_name_is_legal(NAME_OF_METRIC, page_end, 0));
}

static void
a_name_has_1024_bytes_at_most(void **state)
{
	char name[CPROM_MAX_NAME_BYTES + 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[CPROM_MAX_NAME_BYTES + 1] = '\0';
	assert_false(metric_name(name));
	assert_false(label_name(name));
	name[CPROM_MAX_NAME_BYTES] = '\0';
	assert_true(metric_name(name));
	assert_true(label_name(name));
}

static void
any_utf8_is_a_name_where_it_may_be(void **state)
{
	static const char *const names[] = {"disk.io", "1st", " ",           "\"",
					    "\n",      "a:b", "\xc3\xa9tat", "\xf4\x8f\xbf\xbf"};
	char longest[CPROM_MAX_NAME_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(cpromi_name_is_valid(NAME_OF_METRIC, true, names[i]));
		assert_true(cpromi_name_is_valid(NAME_OF_LABEL, true, names[i]));
		assert_false(label_name(names[i]));
	}
	assert_false(cpromi_name_is_valid(NAME_OF_METRIC, true, at_guard("a\xc3", 3)));
	assert_false(cpromi_name_is_valid(NAME_OF_LABEL, true, at_guard("\xed\xa0\x80", 4)));
	memset(longest, '.', sizeof(longest));
	longest[CPROM_MAX_NAME_BYTES + 1] = '\0';
	assert_false(cpromi_name_is_valid(NAME_OF_LABEL, true, longest));
	longest[CPROM_MAX_NAME_BYTES] = '\0';
	assert_true(cpromi_name_is_valid(NAME_OF_LABEL, true, longest));
}

static void
a_zero_byte_is_as_illegal_as_any(void **state)
{
	(void)state;
	assert_false(cpromi_name_is_legal(NAME_OF_METRIC, at_guard("a\0b", 3), 3));
	assert_true(cpromi_name_is_legal(NAME_OF_METRIC, at_guard("a:b", 3), 3));
	assert_false(cpromi_name_is_legal(NAME_OF_LABEL, at_guard("a:b", 3), 3));
}

/* ---- schemes ---------------------------------------------------------------- */

static void
check(enum escaping scheme, enum name_kind kind, const char *name, const char *expected)
{
	size_t n = strlen(name), length = strlen(expected);
	char source[64], *out = page_end - length;

	memcpy(source, name, n);
	memset(out, '#', length);
	assert_int_equal(cpromi_name_escape(scheme, kind, source, n, out), length);
	assert_memory_equal(out, expected, length);
	assert_true(length <= NAME_ESCAPED_BOUND(n));
}

static void
names_are_escaped_as_prometheus_common_escapes_them(void **state)
{
	static const struct {
		const char *name, *underscores, *dots, *values;
	} rows[] = {
		{"up_total", "up_total", "up_total", "up_total"},
		{"disk.io", "disk_io", "disk_dot_io", "U__disk_2e_io"},
		{"a_b.c", "a_b_c", "a__b_dot_c", "U__a__b_2e_c"},
		{"a..b", "a__b", "a_dot__dot_b", "U__a_2e__2e_b"},
		{"net/rx bytes", "net_rx_bytes", "net__rx__bytes", "U__net_2f_rx_20_bytes"},
		{"1st", "_st", "__st", "U___31_st"},
		{"\xc3\xa9tat", "_tat", "__tat", "U___e9_tat"},
		{"\xe6\x97\xa5\xe6\x9c\xac", "__", "____", "U___65e5__672c_"},
		{"\xcf\x80_total", "__total", "____total", "U___3c0___total"},
		{"x.y:z", "x_y:z", "x_dot_y:z", "U__x_2e_y:z"},
		{"\xf0\x9f\x98\x80", "_", "__", "U___1f600_"},
		{"bad\xffutf", "bad_utf", "bad__utf", "U__bad_fffd_utf"},
		{"a:b", "a:b", "a:b", "a:b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(ESCAPING_UNDERSCORES, NAME_OF_METRIC, rows[i].name, rows[i].underscores);
		check(ESCAPING_DOTS, NAME_OF_METRIC, rows[i].name, rows[i].dots);
		check(ESCAPING_VALUES, NAME_OF_METRIC, rows[i].name, rows[i].values);
		check(ESCAPING_ALLOW_UTF8, NAME_OF_METRIC, rows[i].name, rows[i].name);
	}
}

static void
a_label_keeps_no_colon(void **state)
{
	(void)state;
	check(ESCAPING_VALUES, NAME_OF_METRIC, "", "");
	check(ESCAPING_UNDERSCORES, NAME_OF_LABEL, "a:b", "a_b");
	check(ESCAPING_DOTS, NAME_OF_LABEL, "a:b", "a__b");
	check(ESCAPING_VALUES, NAME_OF_LABEL, "a:b_c", "U__a_3a_b__c");
	check(ESCAPING_ALLOW_UTF8, NAME_OF_LABEL, "a:b", "a:b");
	check(ESCAPING_DOTS, NAME_OF_LABEL, "a_b", "a_b");
}

static size_t
random_name(char *name, size_t most)
{
	static const char *const parts[] = {"a",
					    "Z",
					    "_",
					    "__",
					    ":",
					    "0",
					    "9",
					    ".",
					    "U",
					    "U__",
					    " ",
					    "\"",
					    "\\",
					    "\n",
					    "\x7f",
					    "\x01",
					    "_dot_",
					    "\xc2\x80",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xef\xbf\xbd",
					    "\xef\xbf\xbf",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf"};
	size_t n = 0;

	while (random() % 8 != 0) {
		const char *part = parts[(size_t)random() % (sizeof(parts) / sizeof(parts[0]))];

		if (n + strlen(part) > most)
			break;
		memcpy(name + n, part, strlen(part));
		n += strlen(part);
	}
	return n;
}

static void
values_can_be_read_back(void **state)
{
	char name[40], escaped[NAME_ESCAPED_BOUND(sizeof(name)) + 1], back[40];

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		enum name_kind kind = i % 2 ? NAME_OF_METRIC : NAME_OF_LABEL;
		size_t n = random_name(name, sizeof(name));

		if (n == 0 || cpromi_name_is_legal(kind, name, n))
			continue;
		escaped[cpromi_name_escape(ESCAPING_VALUES, kind, name, n, escaped)] = '\0';
		assert_int_equal(decode_values(escaped, back), n);
		assert_memory_equal(back, name, n);
	}
}

static void
what_is_escaped_is_legal_in_its_place_and_within_the_bound(void **state)
{
	static const enum escaping schemes[] = {ESCAPING_UNDERSCORES, ESCAPING_DOTS,
						ESCAPING_VALUES};
	char name[40];

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		enum name_kind kind = i % 2 ? NAME_OF_METRIC : NAME_OF_LABEL;
		size_t n = random_name(name, sizeof(name));
		char *out = page_end - NAME_ESCAPED_BOUND(n);
		size_t length;

		if (n == 0)
			continue;
		name[(size_t)random() % n] = (char)random(); /* it may be no UTF-8 */
		length = cpromi_name_escape(schemes[i % 3], kind, name, n, out);
		assert_true(length <= NAME_ESCAPED_BOUND(n));
		assert_true(cpromi_name_is_legal(kind, out, length));
	}
}

static void
the_bound_is_reached(void **state)
{
	char name[8], out[NAME_ESCAPED_BOUND(sizeof(name))];

	(void)state;
	memset(name, 0xFF, sizeof(name));
	assert_int_equal(
		cpromi_name_escape(ESCAPING_VALUES, NAME_OF_METRIC, name, sizeof(name), out),
		NAME_ESCAPED_BOUND(sizeof(name)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_legal_in_names_as_the_grammar_says),
		cmocka_unit_test(no_name_and_the_empty_name_are_illegal),
		cmocka_unit_test(a_name_has_1024_bytes_at_most),
		cmocka_unit_test(any_utf8_is_a_name_where_it_may_be),
		cmocka_unit_test(a_zero_byte_is_as_illegal_as_any),
		cmocka_unit_test(names_are_escaped_as_prometheus_common_escapes_them),
		cmocka_unit_test(a_label_keeps_no_colon),
		cmocka_unit_test(values_can_be_read_back),
		cmocka_unit_test(what_is_escaped_is_legal_in_its_place_and_within_the_bound),
		cmocka_unit_test(the_bound_is_reached),
	};

	return cmocka_run_group_tests(tests, lay_guard_page, lift_guard_page);
}
