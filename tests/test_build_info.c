/* SPDX-License-Identifier: MIT */
/*
 * The <application>_build_info gauge.
 */
#include <cprom.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"

static void
assert_page_has(const char *text)
{
	char *page = cprom_render(registry, NULL, NULL);

	assert_non_null(page);
	if (strstr(page, text) == NULL)
		fail_msg("'%s' is not in the page:\n%s", text, page);
	free(page);
}

static void
the_texts_are_labels_of_a_one(void **state)
{
	cprom_gauge *g = cprom_build_info("myd", .version = "1.2.3", .revision = "0fe1",
					  .branch = "main", .registry = registry);

	(void)state;
	assert_non_null(g);
	assert_true(cprom_gauge_value(g) == 1);
	assert_page_has("# TYPE myd_build_info gauge\n");
	assert_page_has(
		"\nmyd_build_info{version=\"1.2.3\",revision=\"0fe1\",branch=\"main\"} 1\n");
}

static void
only_given_texts_are_labels(void **state)
{
	(void)state;
	assert_non_null(cprom_build_info("a", .revision = "x", .registry = registry));
	assert_page_has("\na_build_info{revision=\"x\"} 1\n");
	assert_non_null(cprom_build_info("b", .version = "", .branch = "y", .registry = registry));
	assert_page_has("\nb_build_info{branch=\"y\"} 1\n");
	assert_non_null(cprom_build_info("c", .registry = registry));
	assert_page_has("\nc_build_info 1\n");
}

static void
texts_are_escaped(void **state)
{
	(void)state;
	assert_non_null(cprom_build_info("d", .version = "a\"b\\c\nd", .registry = registry));
	assert_page_has("\nd_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void
the_same_build_gives_the_same_gauge(void **state)
{
	cprom_gauge *g = cprom_build_info("e", .version = "1", .registry = registry);

	(void)state;
	assert_ptr_equal(cprom_build_info("e", .version = "1", .registry = registry), g);
}

static void
what_is_not_valid_is_an_error(void **state)
{
	cprom_build_info_options o = {.application = "x", .registry = registry};
	char name[CPROM_MAX_NAME_BYTES];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_null(cprom_build_info(NULL, .registry = registry));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_build_info("", .registry = registry));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_build_info("my-d", .registry = registry));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(cprom_error(), "my-d"));
	assert_null(cprom_build_info(name, .registry = registry));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_build_info("x", .version = "\xff\xfe", .registry = registry));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_build_info_create(NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_build_info_create(&o));
	assert_int_equal(errno, EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_texts_are_labels_of_a_one),
		TEST(only_given_texts_are_labels),
		TEST(texts_are_escaped),
		TEST(the_same_build_gives_the_same_gauge),
		TEST(what_is_not_valid_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
