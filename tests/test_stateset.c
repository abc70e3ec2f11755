/* SPDX-License-Identifier: MIT */
/*
 * Tests of stateset: one state or flags, by number and by name, in pages of both texts, from
 * many threads and several processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "page.h"
#include "with_registry.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define MODES CPROM_STATES("idle", "busy", "done")

CPROM_STATESET(at_file_scope, "at_file_scope", "F.", .states = CPROM_STATES("a", "b"));

enum mode { IDLE, BUSY, DONE };

static void
the_first_state_is_on_at_the_start(void **state)
{
	cprom_registry *r = cprom_registry_new();
	cprom_stateset *s = cprom_stateset_new("mode", "M.", .registry = r, .states = MODES);

	(void)state;
	assert_non_null(s);
	assert_int_equal(cprom_stateset_value(s), 1 << IDLE);
	assert_page(r, "# HELP mode M.\n# TYPE mode gauge\n"
		       "mode{mode=\"idle\"} 1\nmode{mode=\"busy\"} 0\nmode{mode=\"done\"} 0\n");
	assert_openmetrics_page(r, "# TYPE mode stateset\n# HELP mode M.\n"
				   "mode{mode=\"idle\"} 1\nmode{mode=\"busy\"} 0\n"
				   "mode{mode=\"done\"} 0\n# EOF\n");
	cprom_registry_free(r);
}

static void
one_state_at_a_time_is_on(void **state)
{
	cprom_stateset *s = cprom_stateset_new("mode", "M.", .registry = registry, .states = MODES);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		cprom_stateset_set(s, i);
		assert_int_equal(cprom_stateset_value(s), 1 << i);
		assert_double(sum_of_lines(registry, "mode{"), 1);
	}
	assert_int_equal(cprom_stateset_set_name(s, "busy"), 0);
	assert_sample(registry, "mode{mode=\"busy\"}", "1");
}

static void
flags_are_on_and_off_each_by_itself(void **state)
{
	cprom_stateset *s = cprom_stateset_new("mode", "M.", .registry = registry, .states = MODES,
					       .flags = 1);

	(void)state;
	assert_int_equal(cprom_stateset_value(s), 0);
	cprom_stateset_enable(s, BUSY, 1);
	cprom_stateset_enable(s, DONE, 7);
	cprom_stateset_enable(s, IDLE, 0);
	assert_int_equal(cprom_stateset_value(s), 1 << BUSY | 1 << DONE);
	cprom_stateset_enable(s, BUSY, 0);
	assert_int_equal(cprom_stateset_value(s), 1 << DONE);
	cprom_stateset_set(s, IDLE);
	assert_int_equal(cprom_stateset_value(s), 1 << IDLE);
}

static void
what_there_is_not_is_dropped_and_counted(void **state)
{
	cprom_stateset *s = cprom_stateset_new("mode", "M.", .registry = registry, .states = MODES);
	cprom_stateset *parent = cprom_stateset_new("modes", "M.", .registry = registry,
						    .states = MODES, .labels = CPROM_LABELS("l"));

	(void)state;
	cprom_stateset_set(s, BUSY);
	cprom_stateset_set(s, 3);
	cprom_stateset_set(s, UINT32_MAX);
	cprom_stateset_enable(s, DONE, 1); /* not made with .flags */
	assert_int_equal(cprom_stateset_set_name(s, "Busy"), -1);
	assert_reason(EINVAL, "Busy");
	assert_int_equal(cprom_stateset_value(s), 1 << BUSY);
	assert_double(dropped(registry, "no_such_state"), 4);
	cprom_stateset_set(parent, 0);
	assert_int_equal(cprom_stateset_set_name(parent, "busy"), -1);
	assert_reason(EINVAL, "children");
	assert_double(dropped(registry, "labels_missing"), 2);
	assert_int_equal(cprom_stateset_value(parent), 0);
}

static void
null_is_legal(void **state)
{
	(void)state;
	cprom_stateset_set(NULL, 0);
	cprom_stateset_enable(NULL, 0, 1);
	assert_int_equal(cprom_stateset_value(NULL), 0);
	assert_int_equal(cprom_stateset_set_name(NULL, "a"), -1);
	assert_reason(EINVAL, "NULL");
}

static void
children_have_states_of_their_own(void **state)
{
	cprom_stateset *s = cprom_stateset_new("mode", "M.", .registry = registry, .states = MODES,
					       .labels = CPROM_LABELS("l"),
					       .const_labels = CPROM_LABELS("c", "d"));

	(void)state;
	cprom_stateset_set(cprom_labels(s, "x"), DONE);
	cprom_labels(s, "y");
	assert_sample(registry, "mode{c=\"d\",l=\"x\",mode=\"done\"}", "1");
	assert_sample(registry, "mode{c=\"d\",l=\"x\",mode=\"idle\"}", "0");
	assert_sample(registry, "mode{c=\"d\",l=\"y\",mode=\"idle\"}", "1");
	assert_int_equal(cprom_remove(s, "x"), 0);
	assert_int_equal(cprom_clear(s), 0);
	assert_false(has_sample(registry, "mode{c=\"d\",l=\"x\",mode=\"done\"}"));
	for (int i = 0; i < 100; i++) /* in memory that was used before */
		assert_int_equal(
			cprom_stateset_value(cprom_labels(s, (char[]){(char)('A' + i % 50), 0})),
			1 << IDLE);
	assert_int_equal(cprom_unregister(s), 0);
}

#define FOUR(x) x "0", x "1", x "2", x "3"
#define SIXTEEN(x) FOUR(x "0"), FOUR(x "1"), FOUR(x "2"), FOUR(x "3")

static void
there_are_64_states_of_any_text(void **state)
{
	cprom_stateset *s = cprom_stateset_new(
		"many", "M.", .registry = registry, .flags = 1,
		.states = CPROM_STATES(SIXTEEN("a"), SIXTEEN("b"), SIXTEEN("c"), SIXTEEN("d")));
	cprom_stateset *odd = cprom_stateset_new(
		"odd", "O.", .registry = registry,
		.states = CPROM_STATES("a\"b\\c\nd", "\xe2\x82\xac"));

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		cprom_stateset_enable(s, i, 1);
	assert_true(cprom_stateset_value(s) == UINT64_MAX);
	assert_double(sum_of_lines(registry, "many{"), 64);
	assert_int_equal(cprom_stateset_set_name(s, "d33"), 0);
	assert_true(cprom_stateset_value(s) == (uint64_t)1 << 63);
	assert_int_equal(cprom_stateset_set_name(odd, "\xe2\x82\xac"), 0);
	assert_sample(registry, "odd{odd=\"a\\\"b\\\\c\\nd\"}", "0");
	assert_sample(registry, "odd{odd=\"\xe2\x82\xac\"}", "1");
}

static void
assert_refused(cprom_stateset *s, const char *word)
{
	assert_null(s);
	assert_reason(EINVAL, word);
}

static void
bad_definitions_are_refused(void **state)
{
	static const char *many[65];
	static char long_name[CPROM_MAX_NAME_BYTES + 2];
	cprom_strings ab = CPROM_STATES("a", "b");

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	for (int i = 0; i < 65; i++)
		many[i] = "s";
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry), "states");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry, .states = {many, 65}),
		       "64");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry, .states = {many, 2}),
		       "twice");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry,
					  .states = CPROM_STATES("a", "")),
		       "empty");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry,
					  .states = CPROM_STATES("a", NULL)),
		       "empty");
	assert_refused(
		cprom_stateset_new("m", "M.", .registry = registry, .states = CPROM_STATES("\xff")),
		"UTF-8");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry,
					  .states = CPROM_STATES(long_name)),
		       "long");
	assert_refused(cprom_stateset_new("m:n", "M.", .registry = registry, .states = ab),
		       "labels");
	assert_refused(cprom_stateset_new("m_seconds", "M.", .registry = registry, .states = ab,
					  .unit = "seconds"),
		       "unit");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry, .states = ab,
					  .labels = CPROM_LABELS("m")),
		       "\"m\"");
	assert_refused(cprom_stateset_new("m", "M.", .registry = registry, .states = ab,
					  .const_labels = CPROM_LABELS("m", "x")),
		       "\"m\"");
	assert_double(sample(registry, "cprom_registrations_failed_total"), 11);
}

static void
the_same_definition_is_the_same_metric(void **state)
{
	cprom_stateset *s = cprom_stateset_new("m", "M.", .registry = registry, .states = MODES);

	(void)state;
	assert_ptr_equal(s, cprom_stateset_new("m", "M.", .registry = registry, .states = MODES));
	assert_null(cprom_stateset_new("m", "M.", .registry = registry,
				       .states = CPROM_STATES("idle", "busy", "gone")));
	assert_reason(EEXIST, "the states differ");
	assert_null(
		cprom_stateset_new("m", "M.", .registry = registry, .states = MODES, .flags = 1));
	assert_reason(EEXIST, "the states differ");
	assert_null(cprom_gauge_new("m", "M.", .registry = registry));
	assert_reason(EEXIST, "stateset");
}

static void
at_file_scope_it_is_registered_before_main(void **state)
{
	(void)state;
	assert_non_null(at_file_scope);
	cprom_stateset_set(at_file_scope, 1);
	assert_sample(NULL, "at_file_scope{at_file_scope=\"b\"}", "1");
}

static void
turn_own_flag(unsigned i, void *arg)
{
	for (unsigned n = 0; n < OFTEN / 20; n++)
		cprom_stateset_enable(arg, i, n % 2 == 0 || n + 1 == OFTEN / 20);
}

static void
threads_do_not_lose_each_others_flags(void **state)
{
	cprom_stateset *s = cprom_stateset_new("m", "M.", .registry = registry, .flags = 1,
					       .states = CPROM_STATES("a", "b", "c", "d"));

	(void)state;
	run_threads(4, turn_own_flag, s);
	assert_int_equal(cprom_stateset_value(s), 15);
}

static void
processes_share_one_state(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1);
	cprom_stateset *s = cprom_stateset_new("mode", "M.", .registry = r, .states = MODES);
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		cprom_stateset_set(s, DONE);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(cprom_stateset_value(s), 1 << DONE);
	assert_sample(r, "mode{mode=\"done\"}", "1");
	cprom_registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_state_is_on_at_the_start),
		TEST(one_state_at_a_time_is_on),
		TEST(flags_are_on_and_off_each_by_itself),
		TEST(what_there_is_not_is_dropped_and_counted),
		TEST(null_is_legal),
		TEST(children_have_states_of_their_own),
		TEST(there_are_64_states_of_any_text),
		TEST(bad_definitions_are_refused),
		TEST(the_same_definition_is_the_same_metric),
		TEST(at_file_scope_it_is_registered_before_main),
		TEST(threads_do_not_lose_each_others_flags),
		TEST(processes_share_one_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
