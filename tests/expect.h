/* SPDX-License-Identifier: MIT */
/*
 * expect: what the tests of metrics ask of a page, of an error and of threads.
 * Included behind <cmocka.h>.
 */
#ifndef CPROM_TESTS_EXPECT_H
#define CPROM_TESTS_EXPECT_H

#include <cprom.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is it built with AddressSanitizer or ThreadSanitizer? */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

/* ---- pages ---------------------------------------------------------------- */

/* The text of the value of a series, such as x_total{a="b"}; false if it is not in the page. */
static inline bool
find_sample(cprom_registry *r, const char *series, char *text, size_t size)
{
	char *page = cprom_render(r, NULL, NULL);
	size_t n = strlen(series);
	bool found = false;

	assert_non_null(page);
	for (char *line = strtok(page, "\n"); line != NULL && !found; line = strtok(NULL, "\n")) {
		found = strncmp(line, series, n) == 0 && line[n] == ' ';
		if (found)
			snprintf(text, size, "%s", line + n + 1);
	}
	free(page);
	return found;
}

static inline bool
has_sample(cprom_registry *r, const char *series)
{
	char text[64];

	return find_sample(r, series, text, sizeof(text));
}

static inline double
sample(cprom_registry *r, const char *series)
{
	char text[64];

	if (!find_sample(r, series, text, sizeof(text)))
		fail_msg("%s is not in the page", series);
	return strtod(text, NULL);
}

static inline void
assert_sample(cprom_registry *r, const char *series, const char *expected)
{
	char text[64];

	if (!find_sample(r, series, text, sizeof(text)))
		fail_msg("%s is not in the page", series);
	assert_string_equal(text, expected);
}

/* The sum of all lines of a page that begin so. */
static inline double
sum_of_lines(cprom_registry *r, const char *prefix)
{
	char *page = cprom_render(r, NULL, NULL);
	double sum = 0;

	assert_non_null(page);
	for (char *line = strtok(page, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			sum += strtod(strrchr(line, ' '), NULL);
	free(page);
	return sum;
}

/* How many updates the registry's own metrics say were dropped, for that reason. */
static inline double
dropped(cprom_registry *r, const char *reason)
{
	char series[128];

	snprintf(series, sizeof(series), "cprom_updates_dropped_total{reason=\"%s\"}", reason);
	return sample(r, series);
}

/* ---- numbers and errors --------------------------------------------------- */

/* Are they the same double? NaN is like NaN, 0 not like -0. */
static inline bool
same_double(double a, double b)
{
	return (a != a && b != b) || memcmp(&a, &b, sizeof(a)) == 0;
}

#define assert_double(a, b)                                                                        \
	do {                                                                                       \
		double expect_a_ = (a), expect_b_ = (b);                                           \
		if (!same_double(expect_a_, expect_b_))                                            \
			fail_msg("%s is %.17g, not %.17g", #a, expect_a_, expect_b_);              \
	} while (0)

/* The last call failed in this way, and its reason contains the word. */
static inline void
assert_reason(int err, const char *word)
{
	assert_int_equal(errno, err);
	if (strstr(cprom_error(), word) == NULL)
		fail_msg("'%s' does not speak of '%s'", cprom_error(), word);
}

/* ---- threads -------------------------------------------------------------- */

/* How often threads do something that they may do at the same time: enough for them to meet. */
#if defined(__SANITIZE_THREAD__)
#define OFTEN 200000u
#else
#define OFTEN 2000000u
#endif

struct crew {
	pthread_barrier_t start;
	void (*work)(unsigned i, void *arg);
	void *arg;
};

struct hand {
	struct crew *crew;
	unsigned i;
	pthread_t thread;
};

static inline void *
hand_main(void *arg)
{
	struct hand *h = arg;

	pthread_barrier_wait(&h->crew->start);
	h->crew->work(h->i, h->crew->arg);
	return NULL;
}

/* Runs work(0 … n-1) in n threads that start together; returns when all have ended. */
static inline void
run_threads(unsigned n, void (*work)(unsigned i, void *arg), void *arg)
{
	struct crew crew = {.work = work, .arg = arg};
	struct hand *hands = calloc(n, sizeof(*hands));

	assert_non_null(hands);
	assert_int_equal(pthread_barrier_init(&crew.start, NULL, n), 0);
	for (unsigned i = 0; i < n; i++) {
		hands[i].crew = &crew;
		hands[i].i = i;
		assert_int_equal(pthread_create(&hands[i].thread, NULL, hand_main, &hands[i]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(hands[i].thread, NULL);
	pthread_barrier_destroy(&crew.start);
	free(hands);
}

#endif
