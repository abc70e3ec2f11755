/* SPDX-License-Identifier: MIT */
/*
 * page: rendered pages, read in pieces and looked into by the tests. Included after <cmocka.h>.
 */
#ifndef TESTS_PAGE_H
#define TESTS_PAGE_H

#include <cprom.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The page; free() it. */
__attribute__((unused)) static char *
page_of(cprom_registry *r)
{
	size_t length = 0;
	char *page = cprom_render(r, NULL, &length);

	assert_non_null(page);
	assert_int_equal(length, strlen(page));
	return page;
}

__attribute__((unused)) static void
assert_page(cprom_registry *r, const char *expected)
{
	char *page = page_of(r);

	assert_string_equal(page, expected);
	free(page);
}

/* The same for a reader that accepts OpenMetrics. */
__attribute__((unused)) static void
assert_openmetrics_page(cprom_registry *r, const char *expected)
{
	size_t length;
	char *page = cprom_render(r, "application/openmetrics-text;version=1.0.0", &length);

	assert_non_null(page);
	assert_string_equal(page, expected);
	assert_int_equal(length, strlen(expected));
	free(page);
}

/* What is left of the scrape, in pieces of at most n bytes, as a string; free() it. */
__attribute__((unused)) static char *
read_rest(cprom_scrape *s, size_t n)
{
	size_t length = 0, capacity = 4 * n + 65536;
	char *text = malloc(capacity);
	ssize_t got;

	assert_non_null(text);
	while ((got = cprom_scrape_read(s, text + length, n)) > 0) {
		assert_true((size_t)got <= n);
		length += (size_t)got;
		if (capacity - length < n + 1) {
			capacity = 2 * capacity + n;
			text = realloc(text, capacity);
			assert_non_null(text);
		}
	}
	assert_int_equal(got, 0);
	text[length] = '\0';
	return text;
}

/* How often the text stands in the page. */
__attribute__((unused)) static size_t
count_of_text(const char *page, const char *text)
{
	size_t n = 0;

	for (const char *p = page; (p = strstr(p, text)) != NULL; p += strlen(text))
		n++;
	return n;
}

/* The value of a series, spelled as in the page; NULL if it is not there. */
__attribute__((unused)) static const char *
find_value(const char *page, const char *series)
{
	size_t n = strlen(series);

	for (const char *p = page; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, series, n) == 0 && p[n] == ' ')
			return p + n + 1;
	}
	return NULL;
}

__attribute__((unused)) static double
value_in(const char *page, const char *series)
{
	const char *value = find_value(page, series);

	if (value == NULL)
		fail_msg("%s is not in the page:\n%s", series, page);
	return strtod(value, NULL);
}

/* The value of a series in the registry's page of now. */
__attribute__((unused)) static double
value_of(cprom_registry *r, const char *series)
{
	char *page = page_of(r);
	double value = value_in(page, series);

	free(page);
	return value;
}

#endif
