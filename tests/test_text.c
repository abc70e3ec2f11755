/* SPDX-License-Identifier: MIT */
/*
 * The text format: every byte of a head and of a line, and never more than was promised.
 */
#include "text.h"

#include <cprom.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "openmetrics.h"
#include "page.h"

#define ROOM 262144 /* a multiple of the page size */

static char *end_of_room; /* what lies behind cannot be written */

static int
make_room(void **state)
{
	char *room = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	(void)state;
	if (room == MAP_FAILED || mprotect(room + ROOM, ROOM, PROT_NONE) == -1)
		return -1;
	end_of_room = room + ROOM;
	return 0;
}

static int
give_room_back(void **state)
{
	(void)state;
	return munmap(end_of_room - ROOM, 2 * ROOM);
}

/* Writes the head into exactly the room that it asks for. */
static void
assert_head(const char *name, const char *help, cprom_type type, const char *expected)
{
	struct family_view v = {.name = name,
				.help = help,
				.unit = "",
				.name_length = strlen(name),
				.help_length = strlen(help),
				.type = type};
	struct naming names;
	char *p;
	size_t n;

	cpromi_naming_set(&names, &v, &(struct format){.kind = FORMAT_TEXT});
	p = end_of_room - cpromi_text_head_bound(&names, &v);
	n = (size_t)(cpromi_text_head(p, &names, &v) - p);
	assert_true(n <= cpromi_text_head_bound(&names, &v));
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(p, expected, n);
}

static void
assert_line(const struct text_line *l, const char *expected)
{
	char *p = end_of_room - cpromi_text_line_bound(l);
	size_t n = (size_t)(cpromi_text_line(p, l) - p);

	assert_true(n <= cpromi_text_line_bound(l));
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(p, expected, n);
}

#define LINE(name_, suffix_, labels_, extra_, ...)                                                 \
	(&(struct text_line){.name = name_,                                                        \
			     .suffix = suffix_,                                                    \
			     .labels = labels_,                                                    \
			     .extra = extra_,                                                      \
			     .name_length = strlen(name_),                                         \
			     .suffix_length = strlen(suffix_),                                     \
			     .labels_length = strlen(labels_),                                     \
			     .extra_length = strlen(extra_),                                       \
			     __VA_ARGS__})

static void
a_head_is_help_and_type(void **state)
{
	(void)state;
	assert_head("up", "Is it up?", CPROM_TYPE_GAUGE, "# HELP up Is it up?\n# TYPE up gauge\n");
}

static void
help_escapes_backslash_and_line_feed_but_no_quote(void **state)
{
	(void)state;
	assert_head("j_total", "by \"queue\".\nBackslash: \\", CPROM_TYPE_COUNTER,
		    "# HELP j_total by \"queue\".\\nBackslash: \\\\\n# TYPE j_total counter\n");
	assert_head("x", "\t\r\x01", CPROM_TYPE_UNTYPED, "# HELP x \t\r\x01\n# TYPE x untyped\n");
}

static void
an_empty_help_is_a_head_all_the_same(void **state)
{
	(void)state;
	assert_head("x", "", CPROM_TYPE_SUMMARY, "# HELP x \n# TYPE x summary\n");
}

static void
help_that_doubles_stays_in_its_bound(void **state)
{
	char help[8192], expected[2 * sizeof(help) + 64], *p = expected;

	(void)state;
	memset(help, '\\', sizeof(help) - 1);
	help[sizeof(help) - 1] = '\0';
	p = stpcpy(p, "# HELP x ");
	memset(p, '\\', 2 * (sizeof(help) - 1));
	strcpy(p + 2 * (sizeof(help) - 1), "\n# TYPE x histogram\n");
	assert_head("x", help, CPROM_TYPE_HISTOGRAM, expected);
}

static void
a_line_without_labels_has_no_braces(void **state)
{
	(void)state;
	assert_line(LINE("x", "", "", "", .value = 3), "x 3\n");
	assert_line(LINE("x", "_sum", "", "", .value = 0.5), "x_sum 0.5\n");
}

static void
labels_and_the_bound_stand_in_braces_the_bound_last(void **state)
{
	(void)state;
	assert_line(LINE("x", "", "a=\"b\"", "", .value = 1), "x{a=\"b\"} 1\n");
	assert_line(LINE("x", "_bucket", "", "le=\"1\"", .value = 1), "x_bucket{le=\"1\"} 1\n");
	assert_line(LINE("x", "_bucket", "a=\"b\",c=\"\"", "le=\"+Inf\"", .value = 1),
		    "x_bucket{a=\"b\",c=\"\",le=\"+Inf\"} 1\n");
}

static void
a_timestamp_follows_the_value(void **state)
{
	(void)state;
	assert_line(LINE("x", "", "", "", .value = 1, .timestamp_ms = 1754006400123),
		    "x 1 1754006400123\n");
	assert_line(LINE("x", "", "a=\"b\"", "", .value = 1, .timestamp_ms = 1),
		    "x{a=\"b\"} 1 1\n");
}

static void
numbers_are_spelled_as_go_spells_them(void **state)
{
	(void)state;
	assert_line(LINE("x", "", "", "", .value = NAN), "x NaN\n");
	assert_line(LINE("x", "", "", "", .value = -NAN), "x NaN\n");
	assert_line(LINE("x", "", "", "", .value = INFINITY), "x +Inf\n");
	assert_line(LINE("x", "", "", "", .value = -INFINITY), "x -Inf\n");
	assert_line(LINE("x", "", "", "", .value = -0.0), "x 0\n");
	assert_line(LINE("x", "", "", "", .value = 1.5e7), "x 1.5e+07\n");
}

static void
the_longest_numbers_stay_in_the_bound(void **state)
{
	(void)state;
	assert_line(LINE("x", "", "", "", .value = -DBL_MAX, .timestamp_ms = INT64_MAX),
		    "x -1.7976931348623157e+308 9223372036854775807\n");
	assert_line(LINE("x", "", "a=\"\"", "le=\"1\"", .value = -2.2250738585072014e-308,
			 .timestamp_ms = INT64_MAX),
		    "x{a=\"\",le=\"1\"} -2.2250738585072014e-308 9223372036854775807\n");
}

/* Names and labels of all lengths that are copied differently. */
static void
names_and_labels_of_every_length_are_copied_whole(void **state)
{
	char name[150], labels[sizeof(name)], expected[2 * sizeof(name) + 16];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = (char)('a' + i % 23);
		labels[i] = (char)('A' + i % 25);
	}
	for (size_t n = 1; n < sizeof(name); n++) {
		for (size_t k = 0; k < sizeof(labels); k++) {
			struct text_line l = {.name = name,
					      .name_length = n,
					      .labels = labels,
					      .labels_length = k,
					      .value = 0.5};

			snprintf(expected, sizeof(expected),
				 k > 0 ? "%.*s{%.*s} 0.5\n" : "%.*s 0.5\n", (int)n, name, (int)k,
				 labels);
			assert_line(&l, expected);
		}
	}
}

static void
the_line_of_a_value_is_that_of_the_series(void **state)
{
	struct text *labels = calloc(1, sizeof(*labels) + 5);
	struct naming names = {.name = "x_total", .name_length = 7};
	char *p;
	static const char line[] = "x_total{a=\"b\"} -1.7976931348623157e+308\n";

	(void)state;
	assert_non_null(labels);
	labels->length = 5;
	memcpy(labels->bytes, "a=\"b\"", 5);
	p = end_of_room - cpromi_text_value_bound(&names, labels);
	assert_ptr_equal(cpromi_text_value(p, &names, labels, -DBL_MAX), p + sizeof(line) - 1);
	assert_memory_equal(p, line, sizeof(line) - 1);
	labels->length = 0;
	p = end_of_room - cpromi_text_value_bound(&names, labels);
	assert_ptr_equal(cpromi_text_value(p, &names, labels, 7), p + 10);
	assert_memory_equal(p, "x_total 7\n", 10);
	free(labels);
}

static void
lines_of_samples_differ_in_extra_label_and_value(void **state)
{
	static const struct bound_text extras[] = {{6, "le=\"1\""},
						   {38, "le=\"-1.2345678901234567e-300000000000\""},
						   {9, "le=\"+Inf\""}};
	static const double values[] = {0, -DBL_MAX, 1e6};
	const struct text_line *l = LINE("x", "_bucket", "a=\"b\"", "");
	static const char lines[] = "x_bucket{a=\"b\",le=\"1\"} 0\n"
				    "x_bucket{a=\"b\",le=\"-1.2345678901234567e-300000000000\"} "
				    "-1.7976931348623157e+308\n"
				    "x_bucket{a=\"b\",le=\"+Inf\"} 1e+06\n";
	char *p = end_of_room - 3 * cpromi_text_line_bound(l) - 6 - 38 - 9;

	(void)state;
	assert_ptr_equal(cpromi_text_lines(p, l, values, extras, 3), p + sizeof(lines) - 1);
	assert_memory_equal(p, lines, sizeof(lines) - 1);
	l = LINE("x", "_bucket", "", "");
	p = end_of_room - cpromi_text_line_bound(l) - 6;
	assert_ptr_equal(cpromi_text_lines(p, l, values, extras, 1), p + 19);
	assert_memory_equal(p, "x_bucket{le=\"1\"} 0\n", 19);
}

static void
the_worked_example_of_the_format_is_byte_exact(void **state)
{
	cprom_registry *r = cprom_registry_new();
	cprom_counter *jobs;
	cprom_histogram *wait, *x;

	(void)state;
	jobs = cprom_counter_new("jobs_done_total", "Jobs finished, by \"queue\".\nBackslash: \\",
				 .registry = r, .labels = CPROM_LABELS("queue"));
	cprom_counter_add(cprom_labels(jobs, "a\"b"), 12);
	cprom_counter_add(cprom_labels(jobs, "c:\\tmp"), 1.5e7);
	wait = cprom_histogram_new("wait_seconds", "Queue wait.", .registry = r,
				   .labels = CPROM_LABELS("queue"),
				   .buckets = CPROM_BUCKETS(0.25, 1));
	x = cprom_labels(wait, "x");
	cprom_histogram_observe(x, 0.125);
	cprom_histogram_observe_many(x, 0.25, 2);
	cprom_histogram_observe(x, 0.75);
	cprom_histogram_observe(x, 1);
	cprom_histogram_observe(x, 2.5);
	assert_page(r, "# HELP jobs_done_total Jobs finished, by \"queue\".\\nBackslash: \\\\\n"
		       "# TYPE jobs_done_total counter\n"
		       "jobs_done_total{queue=\"a\\\"b\"} 12\n"
		       "jobs_done_total{queue=\"c:\\\\tmp\"} 1.5e+07\n"
		       "# HELP wait_seconds Queue wait.\n"
		       "# TYPE wait_seconds histogram\n"
		       "wait_seconds_bucket{queue=\"x\",le=\"0.25\"} 3\n"
		       "wait_seconds_bucket{queue=\"x\",le=\"1\"} 5\n"
		       "wait_seconds_bucket{queue=\"x\",le=\"+Inf\"} 6\n"
		       "wait_seconds_sum{queue=\"x\"} 4.875\n"
		       "wait_seconds_count{queue=\"x\"} 6\n");
	cprom_registry_free(r);
}

/* ---- bounds ------------------------------------------------------------------ */

static uint32_t
below(uint32_t n)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(state >> 33) % n;
}

/* Up to max bytes of what is escaped, or is beyond the legacy charset, or is neither. */
static size_t
any_text(char *text, size_t max)
{
	size_t n = below(8) == 0 ? max : below(8);
	const char *bytes = below(2) ? "\"\\\n" : below(2) ? "..." : "a_1";

	for (size_t i = 0; i < n; i++)
		text[i] = bytes[below(3)];
	text[n] = '\0';
	return n;
}

static void
any_family(struct family_view *v)
{
	static char name[CPROM_MAX_NAME_BYTES + 1], help[1000];

	v->name_length = any_text(name, CPROM_MAX_NAME_BYTES - strlen("a_seconds"));
	strcpy(name + v->name_length, "a_seconds");
	v->name_length += strlen("a_seconds");
	v->name = name;
	v->help_length = any_text(help, sizeof(help) - 1);
	v->help = help;
	v->unit = below(2) ? "seconds" : "";
	v->type = CPROM_TYPE_COUNTER + below(CPROM_TYPE_GAUGE_HISTOGRAM);
	v->clashes = below(4) == 0;
	v->legal = cpromi_name_is_legal(NAME_OF_METRIC, name, v->name_length);
}

#define LONGEST "-1.2345678901234567e-300"
#define LONGEST_VALUE (-1.2345678901234567e-300)

/* As many values as the type has, each as long as it can be. */
static void
any_samples(struct samples *s, uint32_t type)
{
	static const struct bound_text bound = {37, "quantile=\"" LONGEST "\""};
	static char labels[2000], state[3000];
	static double values[6];
	static struct bound_text extras[6];
	static struct lead states[6];
	size_t n = 1 + below(4);

	for (size_t i = 0; i < array_len(values); i++) {
		values[i] = LONGEST_VALUE;
		extras[i] = bound;
		states[i] = (struct lead){state, any_text(state, sizeof(state) - 1)};
	}
	*s = (struct samples){.type = type,
			      .count = 1,
			      .values = values,
			      .labels = labels,
			      .labels_length = any_text(labels, sizeof(labels) - 1),
			      .timestamp_ms = below(2) ? 0 : INT64_MAX,
			      .created_ms = below(2) ? 0 : INT64_MAX};
	if (type == CPROM_TYPE_INFO || type == CPROM_TYPE_STATESET) {
		s->states = states;
		s->count = s->told_apart = type == CPROM_TYPE_INFO ? 1 : n;
	} else if (type == CPROM_TYPE_HISTOGRAM || type == CPROM_TYPE_GAUGE_HISTOGRAM ||
		   type == CPROM_TYPE_SUMMARY) {
		s->extras = extras;
		s->told_apart = n;
		s->count = n + 2;
	}
}

static void
whatever_is_written_stays_in_its_bound(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct format f = {(enum format_kind)(below(2) ? FORMAT_TEXT : FORMAT_OPENMETRICS),
				   false, (enum escaping)below(4)};
		struct family_view v = {0};
		struct naming names;
		struct text_line l;
		struct samples s;
		size_t bound;
		char *p;

		any_family(&v);
		cpromi_naming_set(&names, &v, &f);
		bound = cpromi_text_head_bound(&names, &v);
		p = end_of_room - bound;
		assert_in_range(cpromi_openmetrics_or_text_head(p, &names, &v) - p, 0, bound);
		any_samples(&s, v.type);
		cpromi_text_begin(&l, &names, &s);
		bound = cpromi_text_samples_bound(&l, &s);
		p = end_of_room - bound;
		assert_in_range(cpromi_text_samples(p, &l, &names, &s) - p, 0, bound);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_help_and_type),
		cmocka_unit_test(help_escapes_backslash_and_line_feed_but_no_quote),
		cmocka_unit_test(an_empty_help_is_a_head_all_the_same),
		cmocka_unit_test(help_that_doubles_stays_in_its_bound),
		cmocka_unit_test(a_line_without_labels_has_no_braces),
		cmocka_unit_test(labels_and_the_bound_stand_in_braces_the_bound_last),
		cmocka_unit_test(a_timestamp_follows_the_value),
		cmocka_unit_test(numbers_are_spelled_as_go_spells_them),
		cmocka_unit_test(the_longest_numbers_stay_in_the_bound),
		cmocka_unit_test(names_and_labels_of_every_length_are_copied_whole),
		cmocka_unit_test(the_line_of_a_value_is_that_of_the_series),
		cmocka_unit_test(lines_of_samples_differ_in_extra_label_and_value),
		cmocka_unit_test(the_worked_example_of_the_format_is_byte_exact),
		cmocka_unit_test(whatever_is_written_stays_in_its_bound),
	};

	return cmocka_run_group_tests(tests, make_room, give_room_back);
}
