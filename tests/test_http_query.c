/* SPDX-License-Identifier: MIT */
/*
 * Tests of http_query: parameters by name, whatever else is in the query.
 */
#include "http_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX 3

static const struct {
	const char *query;
	int count;
	const char *values[MAX];
} rows[] = {
	{"", 0, {NULL}},
	{"&&", 0, {NULL}},
	{"=", 0, {NULL}},
	{"name=a&names[]=b&Name[]=c&[]=d", 0, {NULL}},
	{"name[]=a", 1, {"a"}},
	{"name%5B%5D=a", 1, {"a"}},
	{"name%5b]=a", 1, {"a"}},
	{"%6eame[]=a", 1, {"a"}},
	{"name[]=a&name[]=b", 2, {"a", "b"}},
	{"x=1&name[]=a&y&name%5B%5D=b&", 2, {"a", "b"}},
	{"name[]=a&name[]=a", 2, {"a", "a"}},
	{"name[]", 1, {""}},
	{"name[]=", 1, {""}},
	{"name[]&name[]=a", 2, {"", "a"}},
	{"name[]=a=b", 1, {"a=b"}},
	{"name[]=a;name[]=b", 1, {"a;name[]=b"}},
	{"name[]=a%20b+c", 1, {"a b c"}},
	{"name[]=%2b%26%3D%25", 1, {"+&=%"}},
	{"name[]=%cf%80", 1, {"\xcf\x80"}},
	{"name[]=?/#", 1, {"?/#"}},
	{"%=1&%zz=2&%00=3&name[]=a&x=%", 1, {"a"}},
	{"name[]=a&name[]=b&name[]=c", 3, {"a", "b", "c"}},
	{"name[]=a&name[]=b&name[]=c&name[]=d", -1, {NULL}},
	{"name[]=%", -1, {NULL}},
	{"name[]=%4", -1, {NULL}},
	{"name[]=%4g", -1, {NULL}},
	{"name[]=%00", -1, {NULL}},
	{"name[]=a&name[]=b%", -1, {NULL}},
};

/* Each in memory of just its size. */
static void
values_of_one_name_are_taken_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].query) + 1;
		char *query = malloc(n);
		const char *values[MAX];
		int count;

		memcpy(query, rows[i].query, n);
		count = cpromi_http_query_take(query, "name[]", values, MAX);
		if (count != rows[i].count)
			fail_msg("%d instead of %d for %s", count, rows[i].count, rows[i].query);
		for (int k = 0; k < count; k++)
			assert_string_equal(values[k], rows[i].values[k]);
		free(query);
	}
}

static void
a_plus_is_a_blank_in_forms_alone(void **state)
{
	char form[] = "a+b%2B", path[] = "a+b%2B";

	(void)state;
	assert_true(cpromi_http_decode(form, strlen(form), true));
	assert_string_equal(form, "a b+");
	assert_true(cpromi_http_decode(path, strlen(path), false));
	assert_string_equal(path, "a+b+");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_one_name_are_taken_in_order),
		cmocka_unit_test(a_plus_is_a_blank_in_forms_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
