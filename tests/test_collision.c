/* SPDX-License-Identifier: MIT */
/*
 * Tests of collision: exactly those families collide that have a sample name in common, in the
 * text formats or in OpenMetrics.
 */
#include "collision.h"

#include <cprom.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPES CPROM_TYPE_GAUGE_HISTOGRAM
#define MOST 8

static const char *const names[] = {
	"x",      "x_sum",   "x_count",  "x_bucket",  "x_total",         "x_info",
	"x_gsum", "x_su",    "x_sum_",   "x_created", "x_total_total",   "x_info_info",
	"y",      "_total",  "x_gcount", "x_",        "x_total_created", "x_sum_count",
	"xx",     "x_infos", "_info",    "X_total",   "x_created_total", "x_bucket_sum",
};
#define NAMES (sizeof(names) / sizeof(*names))

struct list {
	size_t count;
	char items[MOST][64];
};

static void
add(struct list *l, const char *base, size_t length, const char *suffix)
{
	assert_true(l->count < MOST);
	snprintf(l->items[l->count++], sizeof(*l->items), "%.*s%s", (int)length, base, suffix);
}

static size_t
length_without(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && strcmp(name + n - k, suffix) == 0 ? n - k : n;
}

/* What the sheets of the two formats say that a family of this name shows. */
static void
spell(struct list *l, cprom_type type, const char *name, bool openmetrics)
{
	size_t n = strlen(name);

	l->count = 0;
	if (type == CPROM_TYPE_INFO) {
		n = length_without(name, "_info");
		add(l, name, n, "_info");
		if (openmetrics)
			add(l, name, n, "");
		return;
	}
	if (type == CPROM_TYPE_COUNTER && openmetrics) {
		n = length_without(name, "_total");
		add(l, name, n, "_total");
		add(l, name, n, "_created");
	}
	add(l, name, n, "");
	if (type == CPROM_TYPE_HISTOGRAM || type == CPROM_TYPE_SUMMARY ||
	    type == CPROM_TYPE_GAUGE_HISTOGRAM) {
		add(l, name, n, "_sum");
		add(l, name, n, "_count");
	}
	if (type == CPROM_TYPE_HISTOGRAM || type == CPROM_TYPE_GAUGE_HISTOGRAM)
		add(l, name, n, "_bucket");
	if (type == CPROM_TYPE_GAUGE_HISTOGRAM) {
		add(l, name, n, "_gsum");
		add(l, name, n, "_gcount");
	} else if (type == CPROM_TYPE_HISTOGRAM || type == CPROM_TYPE_SUMMARY) {
		add(l, name, n, "_created");
	}
}

static bool
have_common(const struct list *a, const struct list *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (strcmp(a->items[i], b->items[j]) == 0)
				return true;
	return false;
}

static void
compare_all(bool openmetrics, bool (*collide)(uint32_t, const char *, uint32_t, const char *))
{
	size_t found = 0;

	for (size_t i = 0; i < NAMES * NAMES * TYPES * TYPES; i++) {
		const char *a = names[i / (TYPES * TYPES) % NAMES];
		const char *b = names[i / (TYPES * TYPES) / NAMES];
		cprom_type type_a = (cprom_type)(1 + i % TYPES);
		cprom_type type_b = (cprom_type)(1 + i / TYPES % TYPES);
		struct list of_a, of_b;

		/* An info x and an info x_info are one name spelled twice. */
		spell(&of_a, type_a, a, openmetrics);
		spell(&of_b, type_b, b, openmetrics);
		found += have_common(&of_a, &of_b);
		if (collide(type_a, a, type_b, b) != have_common(&of_a, &of_b))
			fail_msg("%s (%d), %s (%d)", a, (int)type_a, b, (int)type_b);
	}
	assert_true(found > 1000);
}

static void
those_of_the_text_formats_are_found(void **state)
{
	(void)state;
	compare_all(false, cpromi_names_collide);
}

static void
those_of_openmetrics_are_found(void **state)
{
	(void)state;
	compare_all(true, cpromi_names_clash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_the_text_formats_are_found),
		cmocka_unit_test(those_of_openmetrics_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
