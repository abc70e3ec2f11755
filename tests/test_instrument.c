/* SPDX-License-Identifier: MIT */
/*
 * Instruments: four families, their children, calls and the decorator.
 */
#include <cprom.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

CPROM_INSTRUMENT(at_file_scope, "file_scope", "Defined before main().");
static CPROM_INSTRUMENT(at_file_scope_by_kind, "file_scope_by_kind", "With labels.",
			.labels = CPROM_LABELS("kind"));

static cprom_registry *registry;
static cprom_instrument work;

static int
setup(void **state)
{
	(void)state;
	registry = cprom_registry_new();
	return cprom_instrument_new(&work, "work", "Work done.", .registry = registry);
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

/* What was counted so far, and that nothing is under way. */
static void
assert_counted(const cprom_instrument *i, unsigned calls, unsigned errors)
{
	assert_true(cprom_counter_value(i->calls) == calls);
	assert_true(cprom_counter_value(i->errors) == errors);
	assert_int_equal(cprom_histogram_count(i->seconds), calls);
	assert_true(cprom_gauge_value(i->in_progress) == 0);
}

static void
assert_page_has(const char *text)
{
	char *page = cprom_render(registry, NULL, NULL);

	assert_non_null(page);
	if (strstr(page, text) == NULL)
		fail_msg("'%s' is not in the page:\n%s", text, page);
	free(page);
}

/* ---- families ------------------------------------------------------------ */

static void
an_instrument_is_four_families(void **state)
{
	(void)state;
	assert_page_has("\nwork_calls_total 0\n");
	assert_page_has("\nwork_errors_total 0\n");
	assert_page_has("\nwork_in_progress 0\n");
	assert_page_has("\nwork_seconds_count 0\n");
	assert_page_has("# HELP work_calls_total Calls: Work done.\n");
	assert_page_has("# HELP work_in_progress Calls under way: Work done.\n");
}

static void
options_reach_the_families(void **state)
{
	cprom_instrument i;

	(void)state;
	assert_int_equal(cprom_instrument_new(&i, "x", "X.", .registry = registry,
					      .labels = CPROM_LABELS("method"),
					      .const_labels = CPROM_LABELS("shard", "7"),
					      .buckets = CPROM_BUCKETS(0.25, 4)),
			 0);
	i = cprom_instrument_labels(&i, "GET");
	assert_non_null(i.calls);
	assert_page_has("le=\"0.25\"");
	assert_page_has("le=\"4\"");
	assert_page_has("method=\"GET\"");
	assert_page_has("shard=\"7\"");
}

static void
the_same_definition_gives_the_same_instrument(void **state)
{
	cprom_instrument again;

	(void)state;
	assert_int_equal(cprom_instrument_new(&again, "work", "Work done.", .registry = registry),
			 0);
	assert_memory_equal(&again, &work, sizeof(work));
}

static void
the_families_that_can_be_made_count(void **state)
{
	cprom_instrument i;
	cprom_call call;

	(void)state;
	assert_non_null(cprom_gauge_new("y_errors_total", "Taken.", .registry = registry));
	assert_int_equal(cprom_instrument_new(&i, "y", "Y.", .registry = registry), -1);
	assert_int_equal(errno, EEXIST);
	assert_non_null(strstr(cprom_error(), "y_errors_total"));
	assert_null(i.errors);
	call = cprom_call_begin(&i);
	call.failed = 1;
	cprom_call_end(&call);
	assert_counted(&i, 1, 0);
}

static void
bad_arguments_are_errors(void **state)
{
	cprom_instrument_options o = {.size = sizeof(o), .registry = registry};
	cprom_instrument i = work;

	(void)state;
	assert_int_equal(cprom_instrument_create(NULL, &o), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_instrument_create(&i, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_null(i.calls);
	assert_int_equal(cprom_instrument_create(&i, &o), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_instrument_new(&i, NULL, "H.", .registry = registry), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_instrument_new(&i, "a", NULL, .registry = registry), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_instrument_new(&i, "not a name", "H.", .registry = registry), -1);
	assert_int_equal(errno, EINVAL);
	assert_null(i.calls);
	assert_null(i.seconds);
	assert_int_equal(cprom_instrument_new(&i, "b", "H.", .registry = registry,
					      .buckets = CPROM_BUCKETS(2, 1)),
			 -1);
	assert_int_equal(errno, EINVAL);
	assert_null(i.seconds);
}

static void
a_name_too_long_is_an_error(void **state)
{
	cprom_instrument i;
	char name[3 * CPROM_MAX_NAME_BYTES];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(cprom_instrument_new(&i, name, "H.", .registry = registry), -1);
	assert_int_equal(errno, EINVAL);
}

static void
options_of_another_size_are_understood(void **state)
{
	struct {
		cprom_instrument_options o;
		char later_fields[64];
	} large = {.o = {.name = "large", .help = "H.", .registry = registry}};
	cprom_instrument_options small = {.name = "small", .help = "H.", .registry = registry};
	cprom_instrument i;

	(void)state;
	large.o.size = sizeof(large);
	memset(large.later_fields, 0xA5, sizeof(large.later_fields));
	assert_int_equal(cprom_instrument_create(&i, &large.o), 0);
	/* What lies behind the size is not read: an invalid list of buckets. */
	small.size = offsetof(cprom_instrument_options, labels);
	small.buckets.count = 1000;
	assert_int_equal(cprom_instrument_create(&i, &small), 0);
	small.size = 1;
	assert_int_equal(cprom_instrument_create(&i, &small), -1);
	assert_int_equal(errno, EINVAL);
}

static void
file_scope_instruments_are_there_before_main(void **state)
{
	cprom_instrument child = cprom_instrument_labels(&at_file_scope_by_kind, "a");

	(void)state;
	assert_non_null(at_file_scope.calls);
	assert_non_null(at_file_scope.errors);
	assert_non_null(at_file_scope.in_progress);
	assert_non_null(at_file_scope.seconds);
	assert_non_null(child.calls);
}

/* ---- children ------------------------------------------------------------ */

static void
children_are_made_together(void **state)
{
	cprom_instrument i;

	(void)state;
	cprom_instrument_new(&i, "q", "Q.", .registry = registry, .labels = CPROM_LABELS("method"));
	cprom_instrument_labels(&i, "GET");
	assert_page_has("q_calls_total{method=\"GET\"} 0\n");
	assert_page_has("q_errors_total{method=\"GET\"} 0\n");
	assert_page_has("q_in_progress{method=\"GET\"} 0\n");
	assert_page_has("q_seconds_count{method=\"GET\"} 0\n");
}

static void
children_that_cannot_be_are_null(void **state)
{
	cprom_instrument i = cprom_instrument_labels(NULL, "GET");

	(void)state;
	assert_null(i.calls);
	errno = 0;
	i = cprom_instrument_labels(&work, "one", "value", "too", "many");
	assert_null(i.calls);
	assert_null(i.errors);
	assert_null(i.in_progress);
	assert_null(i.seconds);
	assert_int_equal(errno, EINVAL);
}

/* ---- calls --------------------------------------------------------------- */

static void
a_call_is_in_progress_until_it_ends(void **state)
{
	cprom_call a = cprom_call_begin(&work);
	cprom_call b = cprom_call_begin(&work);

	(void)state;
	assert_true(cprom_gauge_value(work.in_progress) == 2);
	assert_true(cprom_counter_value(work.calls) == 2);
	assert_int_equal(cprom_histogram_count(work.seconds), 0);
	cprom_call_end(&a);
	assert_true(cprom_gauge_value(work.in_progress) == 1);
	b.failed = 1;
	cprom_call_end(&b);
	assert_counted(&work, 2, 1);
}

static void
a_call_ends_once(void **state)
{
	cprom_call call = cprom_call_begin(&work);

	(void)state;
	call.failed = 1;
	cprom_call_end(&call);
	call.failed = 1;
	cprom_call_end(&call);
	assert_counted(&work, 1, 1);
}

static void
a_call_never_takes_negative_time(void **state)
{
	cprom_call call = cprom_call_begin(&work);

	(void)state;
	call.start += 1000000000;
	cprom_call_end(&call);
	assert_counted(&work, 1, 0);
	assert_true(cprom_histogram_sum(work.seconds) == 0);
}

static void
calls_of_no_instrument_do_no_harm(void **state)
{
	cprom_call call = cprom_call_begin(NULL);
	cprom_call zeroed = {.failed = 1};

	(void)state;
	cprom_call_end(&call);
	cprom_call_end(&zeroed);
	cprom_call_end(NULL);
	assert_counted(&work, 0, 0);
}

static int
with_call_scope(int way)
{
	CPROM_CALL_SCOPE(call, &work);

	assert_true(cprom_gauge_value(work.in_progress) >= 1);
	if (way == 1)
		return 0;
	for (int i = 0; i < 3; i++) {
		CPROM_CALL_SCOPE(inner, work);

		inner.failed = i == 0;
		if (i == 1)
			break;
	}
	if (way == 2)
		goto out;
	call.failed = 1;
out:
	return 1;
}

static void
a_call_scope_ends_on_every_way_out(void **state)
{
	(void)state;
	with_call_scope(1);
	assert_counted(&work, 1, 0);
	with_call_scope(2);
	assert_counted(&work, 4, 1);
	with_call_scope(3);
	assert_counted(&work, 7, 3);
}

/* ---- the decorator ------------------------------------------------------- */

enum mode { MODE_BAD = -1, MODE_GOOD };

struct pair {
	int a, b;
};

int echo_int(int v);

CPROM_INSTRUMENTED(&work, int, echo_int, (int v), (v))
{
	assert_true(cprom_gauge_value(work.in_progress) == 1);
	return v;
}

static CPROM_INSTRUMENTED(&work, signed char, echo_char, (signed char v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, short, echo_short, (short v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, long, echo_long, (long v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, long long, echo_llong, (long long v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, unsigned, echo_unsigned, (unsigned v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, size_t, echo_size, (size_t v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, bool, echo_bool, (bool v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, float, echo_float, (float v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, double, echo_double, (double v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, enum mode, echo_enum, (enum mode v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, const char *, echo_text, (const char *v), (v))
{
	return v;
}
static CPROM_INSTRUMENTED(&work, struct pair, echo_pair, (struct pair v), (v))
{
	return v;
}

static CPROM_INSTRUMENTED(cprom_instrument_labels(by, method), void *, echo_by_value,
			  (const cprom_instrument *by, const char *method, void *v),
			  (by, method, v))
{
	(void)by;
	(void)method;
	return v;
}

static CPROM_INSTRUMENTED_VOID(work, echo_nothing, (int again), (again))
{
	if (again == 0)
		return;
	echo_nothing(again - 1);
}

static void
a_negative_number_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(echo_int(0), 0);
	assert_int_equal(echo_int(5), 5);
	assert_counted(&work, 2, 0);
	assert_int_equal(echo_int(-5), -5);
	assert_counted(&work, 3, 1);
	echo_char(1), echo_short(1), echo_long(1), echo_llong(1);
	assert_counted(&work, 7, 1);
	echo_char(-1), echo_short(-1), echo_long(-1), echo_llong(-1);
	assert_counted(&work, 11, 5);
	echo_float(0.5f), echo_double(0.5), echo_double(NAN), echo_double(-0.0);
	assert_counted(&work, 15, 5);
	echo_float(-0.5f), echo_double(-INFINITY);
	assert_counted(&work, 17, 7);
	assert_int_equal(echo_enum(MODE_GOOD), MODE_GOOD);
	assert_int_equal(echo_enum(MODE_BAD), MODE_BAD);
	assert_counted(&work, 19, 8);
}

static void
what_has_no_sign_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(echo_unsigned(UINT32_MAX), UINT32_MAX);
	assert_true(echo_size(SIZE_MAX) == SIZE_MAX);
	assert_int_equal(echo_bool(true), true);
	assert_int_equal(echo_bool(false), false);
	assert_int_equal(echo_pair((struct pair){-1, -2}).b, -2);
	assert_counted(&work, 5, 0);
}

static void
a_null_pointer_is_an_error(void **state)
{
	(void)state;
	assert_string_equal(echo_text("x"), "x");
	assert_counted(&work, 1, 0);
	assert_null(echo_text(NULL));
	assert_counted(&work, 2, 1);
}

static void
a_void_function_is_counted_too(void **state)
{
	(void)state;
	echo_nothing(2);
	assert_counted(&work, 3, 0);
}

static void
a_decorator_takes_an_instrument_by_value(void **state)
{
	cprom_instrument by, get;

	(void)state;
	cprom_instrument_new(&by, "z", "Z.", .registry = registry,
			     .labels = CPROM_LABELS("method"));
	get = cprom_instrument_labels(&by, "GET");
	assert_ptr_equal(echo_by_value(&by, "GET", &by), &by);
	assert_counted(&get, 1, 0);
	assert_null(echo_by_value(&by, "GET", NULL));
	assert_counted(&get, 2, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_instrument_is_four_families),
		TEST(options_reach_the_families),
		TEST(the_same_definition_gives_the_same_instrument),
		TEST(the_families_that_can_be_made_count),
		TEST(bad_arguments_are_errors),
		TEST(a_name_too_long_is_an_error),
		TEST(options_of_another_size_are_understood),
		TEST(file_scope_instruments_are_there_before_main),
		TEST(children_are_made_together),
		TEST(children_that_cannot_be_are_null),
		TEST(a_call_is_in_progress_until_it_ends),
		TEST(a_call_ends_once),
		TEST(a_call_never_takes_negative_time),
		TEST(calls_of_no_instrument_do_no_harm),
		TEST(a_call_scope_ends_on_every_way_out),
		TEST(a_negative_number_is_an_error),
		TEST(what_has_no_sign_is_no_error),
		TEST(a_null_pointer_is_an_error),
		TEST(a_void_function_is_counted_too),
		TEST(a_decorator_takes_an_instrument_by_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
