/* SPDX-License-Identifier: MIT */
/*
 * Tests of bucket: the search against a look at every bound, over bounds that are hard to tell apart.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bucket.h"

#define MAX 1024

static uint64_t
next_random(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static size_t
expected_bucket(const double *bounds, size_t count, double v)
{
	size_t i = 0;

	while (i < count && !(v <= bounds[i]))
		i++;
	return i;
}

static struct bucket_table
make(const double *bounds, size_t count)
{
	struct bucket_table t = cpromi_bucket_plan(bounds, count);
	void *place = malloc(t.bytes); /* exactly, for who watches the ends of it */

	assert_non_null(place);
	assert_true(t.bytes <= 16 * count + 256);
	cpromi_bucket_fill(&t, place, bounds, count);
	return t;
}

static void
drop(struct bucket_table *t)
{
	free((void *)t->keys);
}

static void
check(const struct bucket_table *t, const double *bounds, size_t count, double v)
{
	size_t expected = expected_bucket(bounds, count, v);

	if (v == v && cpromi_bucket_of(t, v) != expected)
		fail_msg("%.17g (%a) of %zu bounds: bucket %zu, not %zu", v, v, count,
			 cpromi_bucket_of(t, v), expected);
}

/* On each bound, right beside it, at the ends of all doubles, and anywhere. */
static void
check_all(const double *bounds, size_t count)
{
	static const double ends[] = {0.0, -0.0, DBL_TRUE_MIN, -DBL_TRUE_MIN, DBL_MIN,  -DBL_MIN,
				      1.0, -1.0, DBL_MAX,      -DBL_MAX,      INFINITY, -INFINITY};
	struct bucket_table t = make(bounds, count);

	for (size_t i = 0; i < count; i++) {
		check(&t, bounds, count, bounds[i]);
		check(&t, bounds, count, -bounds[i]);
		check(&t, bounds, count, nextafter(bounds[i], INFINITY));
		check(&t, bounds, count, nextafter(bounds[i], -INFINITY));
		if (i > 0)
			check(&t, bounds, count, bounds[i - 1] / 2 + bounds[i] / 2);
	}
	for (size_t i = 0; i < array_len(ends); i++)
		check(&t, bounds, count, ends[i]);
	for (size_t i = 0; i < 200; i++)
		check(&t, bounds, count, bits_double(next_random()));
	drop(&t);
}

static void
keys_ascend_as_the_doubles_do(void **state)
{
	static const double ascending[] = {-INFINITY,     -DBL_MAX, -1,      -DBL_MIN,
					   -DBL_TRUE_MIN, -0.0,     0.0,     DBL_TRUE_MIN,
					   DBL_MIN,       1,        DBL_MAX, INFINITY};

	(void)state;
	for (size_t i = 1; i < array_len(ascending); i++)
		assert_true(cpromi_bucket_key(ascending[i - 1]) < cpromi_bucket_key(ascending[i]));
}

static void
few_bounds_are_searched_right(void **state)
{
	static const double usual[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
	static const double both[] = {-1e300, -5, -1e-310, 0, DBL_TRUE_MIN, 5, 1e300};
	static const double least[] = {-0.0}, lowest[] = {-INFINITY, 0.0},
			    far[] = {-DBL_MAX, DBL_MAX};

	(void)state;
	check_all(NULL, 0);
	check_all(usual, array_len(usual));
	check_all(both, array_len(both));
	check_all(least, array_len(least));
	check_all(lowest, array_len(lowest));
	check_all(far, array_len(far));
}

static void
many_adjacent_doubles_are_told_apart(void **state)
{
	static const double starts[] = {1,  2 - 512 * DBL_EPSILON, 0, DBL_MIN,
					-1, -512 * DBL_TRUE_MIN};
	double bounds[MAX];

	(void)state;
	for (size_t s = 0; s < array_len(starts); s++) {
		bounds[0] = starts[s];
		for (size_t i = 1; i < MAX; i++)
			bounds[i] = nextafter(bounds[i - 1], INFINITY);
		check_all(bounds, MAX);
		bounds[MAX - 1] = 1e300; /* one far away: all others fall in one slot */
		check_all(bounds, MAX);
		bounds[0] = -1e300;
		check_all(bounds, MAX);
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of any size, in clusters of any width. */
static double
random_bound(void)
{
	double center = bits_double(next_random() & next_random());
	double width = ldexp(1, -(int)(next_random() % 50));

	switch (next_random() % 4) {
	case 0:
		return center;
	case 1:
		return 1 + width * (double)(next_random() % 64);
	case 2:
		return -1e-3 - width * (double)(next_random() % 64);
	default:
		return (double)(int64_t)(next_random() % 2000) - 1000;
	}
}

static void
random_bounds_are_searched_right(void **state)
{
	double bounds[MAX];

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t wanted = 1 + next_random() % (round % 10 == 0 ? MAX : 40), count = 0;

		for (size_t i = 0; i < wanted; i++) {
			double b = random_bound();

			if (b == b && b < INFINITY)
				bounds[count++] = b;
		}
		qsort(bounds, count, sizeof(*bounds), compare);
		wanted = count;
		count = 0;
		for (size_t i = 0; i < wanted; i++)
			if (count == 0 || bounds[count - 1] < bounds[i])
				bounds[count++] = bounds[i];
		check_all(bounds, count);
	}
}

/* What the search costs: one comparison for bounds as people choose them. */
static void
usual_bounds_have_a_slot_each(void **state)
{
	double bounds[MAX];
	struct bucket_table t;

	(void)state;
	for (size_t n = 1; n <= 256; n++) {
		for (size_t i = 0; i < n; i++)
			bounds[i] = 0.001 * pow(20000, ((double)i + 0.5) / (double)n);
		t = make(bounds, n);
		assert_int_equal(t.window, 1);
		drop(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_ascend_as_the_doubles_do),
		cmocka_unit_test(few_bounds_are_searched_right),
		cmocka_unit_test(many_adjacent_doubles_are_told_apart),
		cmocka_unit_test(random_bounds_are_searched_right),
		cmocka_unit_test(usual_bounds_have_a_slot_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
