/* SPDX-License-Identifier: MIT */
/*
 * Tests of info: texts as labels of a 1, exchanged as a whole while pages are read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "atomic.h"
#include "expect.h"
#include "page.h"
#include "with_registry.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

CPROM_INFO(at_file_scope, "at_file_scope", "F.");

static void
it_is_1_under_a_name_with_info(void **state)
{
	cprom_registry *r = cprom_registry_new();

	(void)state;
	assert_non_null(cprom_info_new("build", "B.", .registry = r,
				       .const_labels = CPROM_LABELS("version", "1.2")));
	assert_non_null(cprom_info_new("os_info", "O.", .registry = r));
	assert_page(r,
		    "# HELP build_info B.\n# TYPE build_info gauge\nbuild_info{version=\"1.2\"} 1\n"
		    "# HELP os_info O.\n# TYPE os_info gauge\nos_info 1\n");
	assert_openmetrics_page(
		r, "# TYPE build info\n# HELP build B.\nbuild_info{version=\"1.2\"} 1\n"
		   "# TYPE os info\n# HELP os O.\nos_info 1\n# EOF\n");
	cprom_registry_free(r);
}

static void
what_it_says_is_exchanged_as_a_whole(void **state)
{
	cprom_info *i = cprom_info_new("build", "B.", .registry = registry,
				       .const_labels = CPROM_LABELS("app", "x"));

	(void)state;
	assert_int_equal(cprom_info_set(i, "version", "1.2", "commit", "a\"b\\c\nd"), 0);
	assert_sample(registry, "build_info{app=\"x\",version=\"1.2\",commit=\"a\\\"b\\\\c\\nd\"}",
		      "1");
	assert_int_equal(cprom_info_set(i, "version", "1.3"), 0);
	assert_sample(registry, "build_info{app=\"x\",version=\"1.3\"}", "1");
	assert_double(sum_of_lines(registry, "build_info"), 1);
	assert_int_equal(cprom_info_put(i, (cprom_strings){NULL, 0}), 0);
	assert_sample(registry, "build_info{app=\"x\"}", "1");
}

static void
children_say_it_by_their_labels_or_more(void **state)
{
	cprom_info *i = cprom_info_new("disk", "D.", .registry = registry,
				       .labels = CPROM_LABELS("name"));

	(void)state;
	assert_int_equal(cprom_info_set(cprom_labels(i, "sda"), "model", "M1"), 0);
	cprom_labels(i, "sdb");
	assert_sample(registry, "disk_info{name=\"sda\",model=\"M1\"}", "1");
	assert_sample(registry, "disk_info{name=\"sdb\"}", "1");
	assert_int_equal(cprom_remove(i, "sda"), 0);
	assert_int_equal(cprom_remove_matching(i, "name", "sdb"), 1);
	for (int n = 0; n < 300; n++) { /* in memory that was used before */
		char name[8];

		snprintf(name, sizeof(name), "%d", n);
		assert_non_null(cprom_labels(i, name));
	}
	assert_double(sum_of_lines(registry, "disk_info{name="), 300);
	assert_false(has_sample(registry, "disk_info{name=\"0\",model=\"M1\"}"));
	assert_int_equal(cprom_clear(i), 0);
	assert_int_equal(cprom_unregister(i), 0);
}

static void
bad_texts_change_nothing(void **state)
{
	static char long_text[CPROM_MAX_LABEL_BYTES];
	cprom_info *i = cprom_info_new("b", "B.", .registry = registry, .labels = CPROM_LABELS("l"),
				       .const_labels = CPROM_LABELS("c", "d"));
	cprom_info *child = cprom_labels(i, "x");

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	assert_int_equal(cprom_info_set(child, "k", "v"), 0);
	assert_int_equal(cprom_info_set(child, "k"), -1);
	assert_reason(EINVAL, "no value");
	assert_int_equal(cprom_info_set(child, "k", "v", "k", "w"), -1);
	assert_reason(EINVAL, "twice");
	assert_int_equal(cprom_info_set(child, "l", "v"), -1);
	assert_reason(EINVAL, "twice");
	assert_int_equal(cprom_info_set(child, "a", "b", "c", "v"), -1);
	assert_reason(EINVAL, "twice");
	assert_int_equal(cprom_info_set(child, "a b", "v"), -1);
	assert_reason(EINVAL, "label name");
	assert_int_equal(cprom_info_set(child, "__a", "v"), -1);
	assert_reason(EINVAL, "reserved");
	assert_int_equal(cprom_info_set(child, "a", "\xff"), -1);
	assert_reason(EINVAL, "UTF-8");
	assert_int_equal(cprom_info_set(child, "a", long_text), -1);
	assert_reason(EINVAL, "longer");
	assert_int_equal(cprom_info_put(child, (cprom_strings){NULL, 2}), -1);
	assert_reason(EINVAL, "NULL");
	assert_int_equal(cprom_info_set(i, "a", "b"), -1);
	assert_reason(EINVAL, "children");
	assert_int_equal(cprom_info_set(NULL, "a", "b"), -1);
	assert_reason(EINVAL, "NULL");
	assert_sample(registry, "b_info{c=\"d\",l=\"x\",k=\"v\"}", "1");
	assert_int_equal(cprom_unregister(i), 0);
	assert_int_equal(cprom_info_set(child, "k", "v"), -1);
	assert_reason(ENOENT, "removed");
}

static void
bad_definitions_are_refused(void **state)
{
	(void)state;
	assert_null(cprom_info_new("i_seconds", "I.", .registry = registry, .unit = "seconds"));
	assert_reason(EINVAL, "unit");
	assert_non_null(cprom_info_new("a", "A.", .registry = registry));
	assert_null(cprom_info_new("a_info", "A.", .registry = registry));
	assert_reason(EEXIST, "collides");
	assert_null(cprom_gauge_new("a_info", "A.", .registry = registry));
	assert_reason(EEXIST, "(info)");
}

static void
at_file_scope_it_is_registered_before_main(void **state)
{
	(void)state;
	assert_int_equal(cprom_info_set(at_file_scope, "k", "v"), 0);
	assert_sample(NULL, "at_file_scope_info{k=\"v\"}", "1");
}

static void
what_is_replaced_is_used_again(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = 1 << 20);
	cprom_info *i = cprom_info_new("i", "I.", .registry = r);
	static char text[4001];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (int n = 0; n < 10000; n++)
		assert_int_equal(cprom_info_set(i, "text", text + n % 4000), 0);
	cprom_registry_free(r);
}

/* A handle that outlived its child must not put a label of that family into another one. */
static void
a_removed_child_says_nothing(void **state)
{
	cprom_info *a = cprom_info_new("a", "A.", .registry = registry,
				       .labels = CPROM_LABELS("l"));
	cprom_info *b = cprom_info_new("b", "B.", .registry = registry,
				       .labels = CPROM_LABELS("m"));
	cprom_info *gone = cprom_labels(a, "x");

	(void)state;
	assert_int_equal(cprom_remove(a, "x"), 0);
	assert_int_equal(cprom_info_set(gone, "m", "1"), -1);
	assert_reason(ENOENT, "removed");
	for (int n = 0; n < 2000; n++) {
		cprom_labels(b, "y");
		cprom_info_set(gone, "m", "1");
		assert_int_equal(cprom_remove(b, "y"), 0);
	}
	cprom_labels(b, "y");
	cprom_info_set(gone, "m", "1");
	assert_sample(registry, "b_info{m=\"y\"}", "1");
}

struct exchange {
	cprom_info *info;
	atomic_u32 running;
};

/* A page has one line, whose two texts were said together. */
static void
check_line(const char *page)
{
	const char *first = strstr(page, "i_info{a=\"");
	char a[32], b[32];

	assert_non_null(first);
	assert_null(strstr(first + 1, "\ni_info"));
	assert_int_equal(sscanf(first, "i_info{a=\"%31[^\"]\",b=\"%31[^\"]\"} 1", a, b), 2);
	assert_string_equal(a, b);
}

static void
exchange_or_read(unsigned n, void *arg)
{
	struct exchange *x = arg;

	if (n < 2) {
		for (unsigned i = 0; i < OFTEN / 40; i++) {
			char text[32];

			snprintf(text, sizeof(text), "%u %u", n, i);
			assert_int_equal(cprom_info_set(x->info, "a", text, "b", text), 0);
		}
		sub_relaxed(&x->running, 1);
		return;
	}
	while (load_relaxed(&x->running) > 0) {
		char *page = cprom_render(registry, NULL, NULL);

		assert_non_null(page);
		check_line(page);
		free(page);
	}
}

static void
pages_have_the_old_or_the_new_never_none_nor_both(void **state)
{
	struct exchange x = {.info = cprom_info_new("i", "I.", .registry = registry)};

	(void)state;
	store_relaxed(&x.running, 2);
	assert_int_equal(cprom_info_set(x.info, "a", "0", "b", "0"), 0);
	run_threads(4, exchange_or_read, &x);
}

static void
processes_share_it(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1);
	cprom_info *i = cprom_info_new("i", "I.", .registry = r);
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(cprom_info_set(i, "by", "child") == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_sample(r, "i_info{by=\"child\"}", "1");
	cprom_registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_1_under_a_name_with_info),
		TEST(what_it_says_is_exchanged_as_a_whole),
		TEST(children_say_it_by_their_labels_or_more),
		TEST(bad_texts_change_nothing),
		TEST(bad_definitions_are_refused),
		TEST(at_file_scope_it_is_registered_before_main),
		TEST(what_is_replaced_is_used_again),
		TEST(a_removed_child_says_nothing),
		TEST(pages_have_the_old_or_the_new_never_none_nor_both),
		TEST(processes_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
