/* SPDX-License-Identifier: MIT */
/*
 * Scrapes: the same page however it is read and whatever happens meanwhile, in order, nothing twice.
 */
#include "registry.h"
#include "text.h"

#include <cprom.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "page.h"

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"

static void
collect_one(cprom_sink *out, void *arg)
{
	cprom_sink_family(out, CPROM_TYPE_UNTYPED, arg, "From a collector.");
	cprom_sink_sample(out, 1);
	cprom_sink_sample(out, 2, .labels = CPROM_LABELS("a", "b"), .timestamp_ms = 1754006400123);
}

static double
seven(void *arg)
{
	(void)arg;
	return 7;
}

/* Every type in the test's registry, with and without labels, a callback and a collector. */
static void
fill(void)
{
	cprom_counter *c = cprom_counter_new("c_total", "C\\\n.", .registry = registry,
					     .labels = CPROM_LABELS("l"),
					     .const_labels = CPROM_LABELS("k", "v"));
	cprom_histogram *h;
	cprom_summary *s;

	cprom_counter_inc(cprom_labels(c, "\"\\\n\xf0\x9f\x8c\xb3"));
	cprom_counter_add(cprom_labels(c, "2"), 0.5);
	cprom_gauge_set(cprom_gauge_new("g", "G.", .registry = registry), -INFINITY);
	h = cprom_histogram_new("h", "H.", .registry = registry, .labels = CPROM_LABELS("l", "m"),
				.buckets = CPROM_BUCKETS(-1, 0.5, 1e6));
	cprom_histogram_observe(cprom_labels(h, "1", ""), 0.25);
	cprom_histogram_observe(cprom_labels(h, "", "1"), 1e7);
	s = cprom_summary_new("s", "S.", .registry = registry,
			      .quantiles = CPROM_QUANTILES(0, 0.99));
	(void)s;
	cprom_summary_observe(cprom_summary_new("p", "P.", .registry = registry), 3);
	cprom_collector_new(collect_one, (void *)"u", .registry = registry);
	cprom_gauge_new("called", "Called.", .registry = registry, .callback = seven);
	cprom_gauge_new("last", "Last.", .registry = registry);
}

static char filled[] = "# HELP c_total C\\\\\\n.\n"
		       "# TYPE c_total counter\n"
		       "c_total{k=\"v\",l=\"\\\"\\\\\\n\xf0\x9f\x8c\xb3\"} 1\n"
		       "c_total{k=\"v\",l=\"2\"} 0.5\n"
		       "# HELP g G.\n"
		       "# TYPE g gauge\n"
		       "g -Inf\n"
		       "# HELP h H.\n"
		       "# TYPE h histogram\n"
		       "h_bucket{l=\"1\",m=\"\",le=\"-1\"} 0\n"
		       "h_bucket{l=\"1\",m=\"\",le=\"0.5\"} 1\n"
		       "h_bucket{l=\"1\",m=\"\",le=\"1e+06\"} 1\n"
		       "h_bucket{l=\"1\",m=\"\",le=\"+Inf\"} 1\n"
		       "h_sum{l=\"1\",m=\"\"} 0.25\n"
		       "h_count{l=\"1\",m=\"\"} 1\n"
		       "h_bucket{l=\"\",m=\"1\",le=\"-1\"} 0\n"
		       "h_bucket{l=\"\",m=\"1\",le=\"0.5\"} 0\n"
		       "h_bucket{l=\"\",m=\"1\",le=\"1e+06\"} 0\n"
		       "h_bucket{l=\"\",m=\"1\",le=\"+Inf\"} 1\n"
		       "h_sum{l=\"\",m=\"1\"} 1e+07\n"
		       "h_count{l=\"\",m=\"1\"} 1\n"
		       "# HELP s S.\n"
		       "# TYPE s summary\n"
		       "s{quantile=\"0\"} NaN\n"
		       "s{quantile=\"0.99\"} NaN\n"
		       "s_sum 0\n"
		       "s_count 0\n"
		       "# HELP p P.\n"
		       "# TYPE p summary\n"
		       "p_sum 3\n"
		       "p_count 1\n"
		       "# HELP u From a collector.\n"
		       "# TYPE u untyped\n"
		       "u 1\n"
		       "u{a=\"b\"} 2 1754006400123\n"
		       "# HELP called Called.\n"
		       "# TYPE called gauge\n"
		       "called 7\n"
		       "# HELP last Last.\n"
		       "# TYPE last gauge\n"
		       "last 0\n";

/* ---- the page ---------------------------------------------------------------- */

static void
every_type_is_shown_byte_for_byte(void **state)
{
	(void)state;
	fill();
	assert_page(registry, filled);
}

static void
a_page_is_the_same_in_pieces_of_every_size(void **state)
{
	(void)state;
	fill();
	for (size_t n = 1; n <= sizeof(filled) + 1; n++) {
		cprom_scrape *s = cprom_scrape_open(registry, NULL);
		char *page = read_rest(s, n);

		assert_string_equal(page, filled);
		assert_int_equal(cprom_scrape_read(s, page, 1), 0);
		free(page);
		cprom_scrape_close(s);
	}
}

static void
a_page_is_the_same_in_pieces_of_changing_sizes(void **state)
{
	char page[2 * sizeof(filled)];

	(void)state;
	fill();
	srandom(1);
	for (int round = 0; round < 500; round++) {
		cprom_scrape *s = cprom_scrape_open(registry, NULL);
		size_t length = 0;
		ssize_t got;

		do {
			size_t n = 1 + (size_t)random() % (random() % 4 == 0 ? 600 : 20);

			got = cprom_scrape_read(s, page + length, n);
			assert_in_range(got, 0, n);
			length += (size_t)got;
			assert_in_range(length, 0, sizeof(filled) - 1);
		} while (got > 0);
		assert_int_equal(length, sizeof(filled) - 1);
		assert_memory_equal(page, filled, length);
		cprom_scrape_close(s);
	}
}

static void
reading_writes_no_byte_behind_the_piece(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g0", "G.", .registry = registry,
					 .labels = CPROM_LABELS("l"));
	char label[501], canary[700];

	(void)state;
	memset(label, 'x',
	       sizeof(label) - 1); /* so long that a line is hardly shorter than its bound */
	label[sizeof(label) - 1] = '\0';
	cprom_labels(g, label);
	fill();
	for (size_t n = 1; n < 650; n++) {
		cprom_scrape *s = cprom_scrape_open(registry, NULL);
		char *piece = malloc(n); /* the address sanitizer sees its end */

		assert_non_null(piece);
		while (cprom_scrape_read(s, piece, n) > 0)
			continue;
		cprom_scrape_close(s);
		s = cprom_scrape_open(registry, NULL);
		memset(canary, '~', sizeof(canary));
		assert_in_range(cprom_scrape_read(s, canary, n), 1, n);
		for (size_t i = n; i < sizeof(canary); i++)
			assert_int_equal(canary[i], '~');
		cprom_scrape_close(s);
		free(piece);
	}
}

static void
an_empty_registry_is_an_empty_page(void **state)
{
	size_t length = 99;
	char *page = cprom_render(registry, NULL, &length);

	(void)state;
	assert_string_equal(page, "");
	assert_int_equal(length, 0);
	free(page);
}

static void
the_content_type_says_what_was_agreed_on(void **state)
{
	static const char *const agreed[][2] = {
		{NULL, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"*/*", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"application/openmetrics-text; version=1.0.0",
		 "application/openmetrics-text; version=1.0.0; charset=utf-8; "
		 "escaping=underscores"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(agreed); i++) {
		cprom_scrape *s = cprom_scrape_open(registry, agreed[i][0]);

		assert_non_null(s);
		assert_string_equal(cprom_scrape_content_type(s), agreed[i][1]);
		cprom_scrape_close(s);
	}
}

static void
nothing_to_read_or_no_place_is_an_error_not_a_crash(void **state)
{
	cprom_scrape *s = cprom_scrape_open(registry, NULL);
	char c;

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry);
	assert_int_equal(cprom_scrape_read(NULL, &c, 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_scrape_read(s, NULL, 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cprom_scrape_read(s, NULL, 0), 0);
	assert_int_equal(cprom_scrape_read(s, &c, 0), 0);
	assert_non_null(cprom_scrape_content_type(NULL));
	cprom_scrape_close(NULL);
	cprom_scrape_close(s);
}

static void
families_and_series_come_in_the_order_of_creation(void **state)
{
	static const char *const names[] = {"zz", "b", "aa", "y", "c"};
	cprom_gauge *g[array_len(names)];
	char expected[4096], *p = expected;
	char value[32];

	(void)state;
	for (size_t i = 0; i < array_len(names); i++)
		g[i] = cprom_gauge_new(names[i], "H.", .registry = registry,
				       .labels = CPROM_LABELS("l"));
	for (int v = 39; v >= 0; v--) /* interleaved */
		for (size_t i = 0; i < array_len(names); i++) {
			snprintf(value, sizeof(value), "%d", v);
			cprom_gauge_set(cprom_labels(g[i], value), v);
		}
	for (size_t i = 0; i < array_len(names); i++) {
		p += sprintf(p, "# HELP %s H.\n# TYPE %s gauge\n", names[i], names[i]);
		for (int v = 39; v >= 0; v--)
			p += sprintf(p, "%s{l=\"%d\"} %d\n", names[i], v, v);
	}
	assert_page(registry, expected);
}

static void
the_same_definition_again_is_not_shown_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		cprom_gauge_inc(cprom_gauge_new("g", "G.", .registry = registry));
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng 3\n");
}

static void
a_family_without_series_is_not_shown(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry,
					     .labels = CPROM_LABELS("l"));

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry, .labels = CPROM_LABELS("l"));
	assert_page(registry, "");
	cprom_labels(c, "x");
	assert_page(registry, "# HELP c_total C.\n# TYPE c_total counter\nc_total{l=\"x\"} 0\n");
	cprom_remove(c, "x");
	assert_page(registry, "");
	cprom_labels(c, "y");
	cprom_clear(c);
	assert_page(registry, "");
	cprom_unregister(c);
	assert_page(registry, "");
}

static void
what_went_past_a_limit_is_shown_as_overflow(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry, .max_series = 2,
					     .labels = CPROM_LABELS("l", "m"));
	char value[32];

	(void)state;
	for (int i = 0; i < 9; i++) {
		snprintf(value, sizeof(value), "%d", i);
		cprom_counter_inc(cprom_labels(c, value, "-"));
	}
	assert_page(registry, "# HELP c_total C.\n# TYPE c_total counter\n"
			      "c_total{l=\"0\",m=\"-\"} 1\n"
			      "c_total{l=\"1\",m=\"-\"} 1\n"
			      "c_total{l=\"overflow\",m=\"overflow\"} 7\n");
}

/* ---- what happens meanwhile ------------------------------------------------------ */

#define HEAD "# HELP g G.\n# TYPE g gauge\n"
#define KEPT 5

static cprom_gauge *
gauge_of_five(void)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("l"));

	cprom_gauge_new("before", "B.", .registry = registry, .labels = CPROM_LABELS("l"));
	for (int i = 0; i < KEPT; i++)
		cprom_gauge_inc(cprom_labels(g, (char[]){(char)('0' + i), '\0'}));
	return g;
}

/*
 * For every number of bytes: reads as many, one byte at a time if slow, then calls meddle
 * and reads on. The page, which is handed to look, is free()d. All in a new registry each time.
 */
static void
meddle_at_every_byte(void (*meddle)(cprom_gauge *g), void (*look)(const char *page, size_t at))
{
	char *whole, *rest;
	size_t length;

	gauge_of_five();
	whole = page_of(registry);
	length = strlen(whole);
	free(whole);
	for (size_t at = 0; at <= 2 * length; at++) {
		size_t first = at / 2;
		char page[8192];
		cprom_scrape *s;
		cprom_gauge *g;

		cprom_registry_free(registry);
		registry = cprom_registry_new();
		g = gauge_of_five();
		s = cprom_scrape_open(registry, NULL);
		if (at % 2 == 0)
			for (size_t i = 0; i < first; i++)
				assert_int_equal(cprom_scrape_read(s, page + i, 1), 1);
		else if (first > 0)
			first = (size_t)cprom_scrape_read(s, page, first);
		meddle(g);
		rest = read_rest(s, at % 3 == 0 ? 1 : 4096);
		memcpy(page + first, rest, strlen(rest) + 1);
		look(page, first);
		free(rest);
		cprom_scrape_close(s);
	}
}

/* Whole lines of the gauge only, its head once and first if any, each series once and in order. */
static void
assert_sound(const char *page)
{
	const char *p = page;
	char line[64];

	if (*p != '\0') {
		assert_int_equal(strncmp(p, HEAD, strlen(HEAD)), 0);
		p += strlen(HEAD);
	}
	for (int i = 0; i < KEPT; i++) {
		snprintf(line, sizeof(line), "g{l=\"%d\"} 1\n", i);
		if (strncmp(p, line, strlen(line)) == 0)
			p += strlen(line);
	}
	assert_string_equal(p, "");
}

static void
add_much(cprom_gauge *g)
{
	cprom_gauge *before = cprom_gauge_new("before", "B.", .registry = registry,
					      .labels = CPROM_LABELS("l"));
	char value[32];

	for (int i = 100; i < 150; i++) {
		snprintf(value, sizeof(value), "%d", i);
		assert_non_null(cprom_labels(g, value));
		cprom_labels(before, value);
	}
	cprom_gauge_new("new", "N.", .registry = registry);
	cprom_collector_new(collect_one, (void *)"u", .registry = registry);
}

static void
look_for_all_five(const char *page, size_t at)
{
	(void)at;
	assert_sound(page);
	assert_int_equal(count_of_text(page, "\ng{"), KEPT);
}

static void
what_is_added_during_a_scrape_is_not_in_its_page(void **state)
{
	char *page;

	(void)state;
	meddle_at_every_byte(add_much, look_for_all_five);
	page = page_of(registry);
	assert_int_equal(count_of_text(page, "\ng{"), KEPT + 50);
	assert_non_null(find_value(page, "new"));
	assert_non_null(find_value(page, "u"));
	free(page);
}

static void
remove_and_add_again(cprom_gauge *g)
{
	for (int i = 0; i < KEPT; i++) {
		char value[] = {(char)('0' + i), '\0'};

		assert_int_equal(cprom_remove(g, value), 0);
		cprom_gauge_inc(cprom_labels(g, value));
	}
}

static void
look_for_no_new_ones(const char *page, size_t at)
{
	assert_sound(page);
	/* What is shown was shown, in part at least, before it was removed. */
	if (*page != '\0')
		assert_true(at > 0);
	assert_true(strlen(page) < at + strlen(HEAD) + 16);
}

static void
a_series_removed_and_added_again_is_not_shown_twice(void **state)
{
	(void)state;
	meddle_at_every_byte(remove_and_add_again, look_for_no_new_ones);
}

/* Removes more than half and adds as many, so that places in the index are used again. */
static void
churn(cprom_gauge *g)
{
	char value[32];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			snprintf(value, sizeof(value), "x%d", i);
			cprom_labels(g, value);
		}
		assert_int_equal(cprom_clear(g), 0);
	}
	for (int i = 0; i < KEPT; i++)
		cprom_gauge_inc(cprom_labels(g, (char[]){(char)('0' + i), '\0'}));
}

static void
places_that_are_used_again_show_nothing_twice(void **state)
{
	(void)state;
	meddle_at_every_byte(churn, look_for_no_new_ones);
}

static void
clear(cprom_gauge *g)
{
	assert_int_equal(cprom_clear(g), 0);
}

static void
a_family_cleared_during_a_scrape_ends_with_a_whole_line(void **state)
{
	(void)state;
	meddle_at_every_byte(clear, look_for_no_new_ones);
}

static void
unregister(cprom_gauge *g)
{
	assert_int_equal(cprom_unregister(g), 0);
}

static void
a_family_unregistered_during_a_scrape_ends_with_a_whole_line(void **state)
{
	(void)state;
	meddle_at_every_byte(unregister, look_for_no_new_ones);
}

static void
unregister_and_register_again(cprom_gauge *g)
{
	assert_int_equal(cprom_unregister(g), 0);
	gauge_of_five();
}

static void
a_family_registered_again_during_a_scrape_is_shown_at_most_once(void **state)
{
	(void)state;
	meddle_at_every_byte(unregister_and_register_again, look_for_no_new_ones);
	free(page_of(registry));
}

/* The memory of a family is used again for families, soon after it was unregistered. */
static void
unregister_and_use_the_memory_again(cprom_gauge *g)
{
	char name[16];

	assert_int_equal(cprom_unregister(g), 0);
	for (int i = 0; i < 300; i++)
		cprom_unregister(cprom_gauge_new("more", "M.", .registry = registry));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "new_%d", i);
		assert_non_null(cprom_gauge_new(name, "N.", .registry = registry));
	}
}

static void
another_family_in_the_same_memory_is_not_taken_for_the_old_one(void **state)
{
	(void)state;
	meddle_at_every_byte(unregister_and_use_the_memory_again, look_for_no_new_ones);
}

static void
the_scrape_goes_on_behind_a_family_that_is_gone(void **state)
{
	cprom_gauge *g[3];
	static const char *const names[] = {"one", "two", "three"};
	cprom_scrape *s;
	char first[8], *rest;

	(void)state;
	for (int i = 0; i < 3; i++)
		g[i] = cprom_gauge_new(names[i], "H.", .registry = registry);
	s = cprom_scrape_open(registry, NULL);
	assert_int_equal(cprom_scrape_read(s, first, sizeof(first)), sizeof(first));
	cprom_unregister(g[0]);
	cprom_unregister(g[1]);
	for (int i = 0; i < 1000; i++) /* its memory is another family's now, behind all others */
		cprom_unregister(cprom_gauge_new("more", "M.", .registry = registry));
	rest = read_rest(s, 5);
	assert_string_equal(rest, "ne H.\n# TYPE one gauge\none 0\n"
				  "# HELP three H.\n# TYPE three gauge\nthree 0\n");
	free(rest);
	cprom_scrape_close(s);
}

static void
two_scrapes_at_once_do_not_disturb_each_other(void **state)
{
	char pages[2][2 * sizeof(filled)];
	size_t lengths[2] = {0, 0};
	cprom_scrape *s[2];

	(void)state;
	fill();
	s[0] = cprom_scrape_open(registry, NULL);
	s[1] = cprom_scrape_open(registry, NULL);
	for (size_t turn = 0; turn < 2 * sizeof(filled); turn++) {
		size_t i = turn % 2;
		ssize_t got = cprom_scrape_read(s[i], pages[i] + lengths[i], i == 0 ? 3 : 17);

		assert_true(got >= 0);
		lengths[i] += (size_t)got;
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(lengths[i], sizeof(filled) - 1);
		assert_memory_equal(pages[i], filled, lengths[i]);
		cprom_scrape_close(s[i]);
	}
}

#define ROUNDS 300

static void *
render_again_and_again(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		char *page = cprom_render(registry, NULL, NULL);

		if (page == NULL || strcmp(page, filled) != 0)
			return page == NULL ? arg : page;
		free(page);
	}
	return NULL;
}

static void
scrapes_in_several_threads_give_the_same_page(void **state)
{
	pthread_t threads[3];
	void *wrong;

	(void)state;
	fill();
	for (size_t i = 0; i < array_len(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, render_again_and_again, filled),
				 0);
	for (size_t i = 0; i < array_len(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* ---- callbacks ------------------------------------------------------------------ */

static double
value_at(void *arg)
{
	return *(double *)arg;
}

static void
a_callback_is_asked_in_each_scrape(void **state)
{
	double value = 1;

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry, .callback = value_at, .arg = &value,
			.const_labels = CPROM_LABELS("k", "v"));
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng{k=\"v\"} 1\n");
	value = -0.5;
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng{k=\"v\"} -0.5\n");
	value = NAN;
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng{k=\"v\"} NaN\n");
}

static void
a_callback_counter_below_0_or_nan_is_left_out_and_counted(void **state)
{
	static const double bad[] = {-1, NAN, -INFINITY, -0x1p-1074};
	double value = 0;

	(void)state;
	cprom_counter_new("c_total", "C.", .registry = registry, .callback = value_at,
			  .arg = &value);
	assert_page(registry, "# HELP c_total C.\n# TYPE c_total counter\nc_total 0\n");
	for (size_t i = 0; i < array_len(bad); i++) {
		value = bad[i];
		assert_page(registry, "");
		assert_int_equal(load_relaxed(&registry->counts[SELF_SAMPLES_INVALID]), i + 1);
	}
	value = 0x1p53 + 2;
	assert_page(registry,
		    "# HELP c_total C.\n# TYPE c_total counter\nc_total 9.007199254740994e+15\n");
}

static double
register_and_unregister(void *arg)
{
	cprom_gauge **other = arg;

	cprom_unregister(*other);
	*other = cprom_gauge_new("other", "O.", .registry = registry);
	cprom_gauge_set(*other, 5);
	return 1;
}

static void
a_callback_may_register_and_unregister(void **state)
{
	cprom_gauge *other = NULL;
	char *page;

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry, .callback = register_and_unregister,
			.arg = &other);
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng 1\n");
	for (int i = 0; i < 1000; i++) {
		page = page_of(registry);
		/* The other one that was there at the start is gone, the new one too late. */
		assert_string_equal(page, "# HELP g G.\n# TYPE g gauge\ng 1\n");
		free(page);
	}
	assert_true(cprom_gauge_value(other) == 5);
}

static cprom_gauge *own; /* of the callback at work */

static double
unregister_itself(void *arg)
{
	assert_int_equal(cprom_unregister(own), 0);
	/* Its name is free at once. */
	if (arg != NULL)
		own = cprom_gauge_new("g", "G again.", .registry = registry,
				      .callback = unregister_itself, .arg = arg);
	for (int i = 0; i < 500; i++)
		cprom_unregister(cprom_gauge_new("churn", "C.", .registry = registry));
	return 3;
}

static void
a_callback_may_unregister_itself(void **state)
{
	(void)state;
	own = cprom_gauge_new("g", "G.", .registry = registry, .callback = unregister_itself);
	cprom_gauge_new("z", "Z.", .registry = registry);
	assert_page(registry,
		    "# HELP g G.\n# TYPE g gauge\ng 3\n# HELP z Z.\n# TYPE z gauge\nz 0\n");
	assert_page(registry, "# HELP z Z.\n# TYPE z gauge\nz 0\n");
}

static void
a_callback_may_replace_itself(void **state)
{
	(void)state;
	own = cprom_gauge_new("g", "G.", .registry = registry, .callback = unregister_itself,
			      .arg = registry);
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng 3\n");
	for (int i = 0; i < 100; i++)
		assert_page(registry, "# HELP g G again.\n# TYPE g gauge\ng 3\n");
}

static double
render_recursively(void *arg)
{
	int *depth = arg;
	char *page;
	double length;

	if (*depth == 0)
		return 0;
	--*depth;
	page = page_of(registry);
	++*depth;
	length = (double)strlen(page);
	free(page);
	return length;
}

static void
a_callback_may_render_the_same_registry(void **state)
{
	int depth = 5;

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry, .callback = render_recursively,
			.arg = &depth);
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\ng 32\n");
	assert_int_equal(depth, 5);
}

/* ---- without memory --------------------------------------------------------------- */

/* The filled page without its collector. */
static char *
filled_without_collector(void)
{
	static char page[sizeof(filled)];
	const char *from = strstr(filled, "# HELP u"), *to = strstr(filled, "# HELP called");

	memcpy(page, filled, (size_t)(from - filled));
	strcpy(page + (from - filled), to);
	return page;
}

static void
render_with_failing_allocations(bool only_one)
{
	const char *without = filled_without_collector();
	uint64_t collector_failures = 0;
	char *page;
	long n = 0, nulls = 0;

	do {
		errno = 0;
		heap_watch(++n, only_one);
		page = cprom_render(registry, NULL, NULL);
		if (page == NULL) {
			nulls++;
			assert_int_equal(errno, ENOMEM);
			assert_string_not_equal(cprom_error(), "");
		} else if (heap.failed > 0) { /* the collector lost its families, not the page */
			collector_failures++;
			assert_string_equal(page, without);
		} else {
			assert_string_equal(page, filled);
		}
		free(page);
		assert_int_equal(heap.blocks, 0);
	} while (heap.failed > 0);
	heap_watch(0, false);
	assert_true(n > 8);
	assert_true(nulls > 2);
	if (only_one)
		assert_true(collector_failures > 2);
	assert_true(load_relaxed(&registry->counts[SELF_COLLECTORS_FAILED]) >= collector_failures);
}

static void
rendering_without_memory_fails_with_enomem_and_leaks_nothing(void **state)
{
	(void)state;
	fill();
	render_with_failing_allocations(false);
}

static void
rendering_survives_any_single_failing_allocation(void **state)
{
	(void)state;
	fill();
	render_with_failing_allocations(true);
}

/* Reads to the end or to an error; what was read up to there is the start of a right page. */
static ssize_t
read_until_failure(cprom_scrape *s, char *page, size_t piece)
{
	size_t length = 0;
	ssize_t got;

	while ((got = cprom_scrape_read(s, page + length, piece)) > 0)
		length += (size_t)got;
	page[length] = '\0';
	return got;
}

static void
a_scrape_that_failed_gives_no_page_with_a_hole(void **state)
{
	static const size_t pieces[] = {1, 7, 64, 200, 4096};
	const char *without = filled_without_collector();
	char page[2 * sizeof(filled) + 4096];

	(void)state;
	fill();
	for (size_t i = 0; i < array_len(pieces); i++) {
		long n = 0;

		do {
			cprom_scrape *s;
			ssize_t got;

			heap_watch(++n, true);
			s = cprom_scrape_open(registry, NULL);
			if (s == NULL) {
				assert_int_equal(errno, ENOMEM);
				continue;
			}
			got = read_until_failure(s, page, pieces[i]);
			if (got == -1) {
				assert_int_equal(errno, ENOMEM);
				assert_true(strncmp(page, filled, strlen(page)) == 0 ||
					    strncmp(page, without, strlen(page)) == 0);
				/* There is memory again, but the page is lost. */
				assert_int_equal(cprom_scrape_read(s, page, pieces[i]), -1);
				assert_int_equal(errno, ENOMEM);
			} else if (strcmp(page, filled) != 0) {
				assert_string_equal(page, without);
			}
			cprom_scrape_close(s);
			assert_int_equal(heap.blocks, 0);
		} while (heap.failed > 0);
	}
	heap_watch(0, false);
}

static void
a_scrape_closed_at_any_byte_leaks_nothing(void **state)
{
	char page[sizeof(filled)];

	(void)state;
	fill();
	for (size_t n = 0; n < sizeof(filled); n++) {
		cprom_scrape *s;

		heap_watch(0, false);
		s = cprom_scrape_open(registry, NULL);
		for (size_t i = 0; i < n; i++)
			assert_in_range(cprom_scrape_read(s, page, 1), 0, 1);
		cprom_scrape_close(s);
		assert_int_equal(heap.blocks, 0);
	}
}

static void
a_page_of_many_series_takes_no_more_memory_than_one_of_few(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("l"));
	size_t peaks[3], lines = 0, made = 0;
	char piece[4096], value[24];

	(void)state;
	for (size_t i = 0; i < array_len(peaks); i++) {
		size_t wanted = (size_t[]){500, 5000, 50000}[i], length = 0;
		cprom_scrape *s;
		ssize_t got;

		for (; made < wanted; made++) {
			snprintf(value, sizeof(value), "%08zu", made);
			cprom_labels(g, value);
		}
		heap_watch(0, false);
		s = cprom_scrape_open(registry, NULL);
		while ((got = cprom_scrape_read(s, piece, sizeof(piece))) > 0)
			length += (size_t)got;
		cprom_scrape_close(s);
		peaks[i] = heap.peak;
		lines = (length - strlen(HEAD)) / strlen("g{l=\"00000000\"} 0\n");
		assert_int_equal(lines, wanted);
	}
	assert_int_equal(peaks[0], peaks[1]);
	assert_int_equal(peaks[0], peaks[2]);
	assert_true(peaks[0] < 16384);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_is_shown_byte_for_byte),
		TEST(a_page_is_the_same_in_pieces_of_every_size),
		TEST(a_page_is_the_same_in_pieces_of_changing_sizes),
		TEST(reading_writes_no_byte_behind_the_piece),
		TEST(an_empty_registry_is_an_empty_page),
		TEST(the_content_type_says_what_was_agreed_on),
		TEST(nothing_to_read_or_no_place_is_an_error_not_a_crash),
		TEST(families_and_series_come_in_the_order_of_creation),
		TEST(the_same_definition_again_is_not_shown_again),
		TEST(a_family_without_series_is_not_shown),
		TEST(what_went_past_a_limit_is_shown_as_overflow),
		TEST(what_is_added_during_a_scrape_is_not_in_its_page),
		TEST(a_series_removed_and_added_again_is_not_shown_twice),
		TEST(places_that_are_used_again_show_nothing_twice),
		TEST(a_family_cleared_during_a_scrape_ends_with_a_whole_line),
		TEST(a_family_unregistered_during_a_scrape_ends_with_a_whole_line),
		TEST(a_family_registered_again_during_a_scrape_is_shown_at_most_once),
		TEST(another_family_in_the_same_memory_is_not_taken_for_the_old_one),
		TEST(the_scrape_goes_on_behind_a_family_that_is_gone),
		TEST(two_scrapes_at_once_do_not_disturb_each_other),
		TEST(scrapes_in_several_threads_give_the_same_page),
		TEST(a_callback_is_asked_in_each_scrape),
		TEST(a_callback_counter_below_0_or_nan_is_left_out_and_counted),
		TEST(a_callback_may_register_and_unregister),
		TEST(a_callback_may_unregister_itself),
		TEST(a_callback_may_replace_itself),
		TEST(a_callback_may_render_the_same_registry),
		TEST(rendering_without_memory_fails_with_enomem_and_leaks_nothing),
		TEST(rendering_survives_any_single_failing_allocation),
		TEST(a_scrape_that_failed_gives_no_page_with_a_hole),
		TEST(a_scrape_closed_at_any_byte_leaks_nothing),
		TEST(a_page_of_many_series_takes_no_more_memory_than_one_of_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
