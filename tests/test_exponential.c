/* SPDX-License-Identifier: MIT */
/*
 * Tests of exponential: bounds and indices of all schemas against the table rule of native
 * histograms, its checksums, published vectors, and arithmetic in long double.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "exponential.h"

#define RANDOM_VALUES 100000

/* ---- the oracle ----------------------------------------------------------- */

static double tables[9][256]; /* of schema n, entry k is about 2^(k/2^n - 1) */

/*
 * The reproduction rule: 0.5 times one factor per bit of k, most significant first. By fma(), for
 * the x87 would round each product twice.
 */
static double
entry(int n, unsigned k)
{
	static const uint64_t factors[] = {
		0x3ff6a09e667f3bcc, 0x3ff306fe0a31b715, 0x3ff172b83c7d517b, 0x3ff0b5586cf9890f,
		0x3ff059b0d3158574, 0x3ff02c9a3e778061, 0x3ff0163da9fb3335, 0x3ff00b1afa5abcbf};
	double x = 0.5;

	for (int j = 1; j <= n; j++)
		if (k >> (n - j) & 1)
			x = fma(x, bits_double(factors[j - 1]), 0);
	return x;
}

static int
make_tables(void **state)
{
	(void)state;
	for (int n = 1; n <= 8; n++)
		for (unsigned k = 0; k < 1u << n; k++)
			tables[n][k] = entry(n, k);
	return 0;
}

/* v > 0, step by step as the specification has it. */
static int32_t
expected_index(int n, double v)
{
	int e, more = isinf(v);
	double f = frexp(more ? DBL_MAX : v, &e);
	int32_t below = 0;

	if (n > 0) {
		while (below < 1 << n && tables[n][below] < f)
			below++;
		return below + (e - 1) * (1 << n) + more;
	}
	if (f == 0.5)
		e--;
	return (int32_t)ceil(ldexp(e, n)) + more;
}

static void
the_oracle_has_the_published_checksums(void **state)
{
	static const struct {
		int n;
		uint64_t folded, sum;
	} published[] = {
		{3, 0x000f7760828e2074, 0xff30c7cd3ae58790},
		{5, 0x0008447cdcef7a13, 0xfcdab05162a609fd},
		{8, 0x00029b46f76e785d, 0xe70d4851c3a10d23},
	};

	(void)state;
	for (size_t i = 0; i < array_len(published); i++) {
		uint64_t folded = 0, sum = 0;

		for (unsigned k = 0; k < 1u << published[i].n; k++) {
			folded ^= double_bits(tables[published[i].n][k]);
			sum += double_bits(tables[published[i].n][k]);
		}
		assert_true(folded == published[i].folded);
		assert_true(sum == published[i].sum);
	}
}

/* ---- bounds ---------------------------------------------------------------- */

static void
bounds_are_the_entries_of_every_schema(void **state)
{
	(void)state;
	for (int n = 1; n <= 8; n++)
		for (int k = 0; k < 1 << n; k++) {
			assert_double(cpromi_exponential_bound(n, k - (1 << n)), tables[n][k]);
			assert_double(cpromi_exponential_bound(n, k), 2 * tables[n][k]);
			assert_double(cpromi_exponential_bound(n, k + 99 * (1 << n)),
				      ldexp(tables[n][k], 100));
		}
}

static void
a_bound_is_the_last_value_of_its_bucket(void **state)
{
	(void)state;
	for (int n = -4; n <= 8; n++) {
		int32_t last = (int32_t)ldexp(1024, n), step = n == 8 ? 7 : 1;

		for (int32_t i = (int32_t)ldexp(-1021, n); i <= last; i += step) {
			double bound = cpromi_exponential_bound(n, i);

			assert_int_equal(cpromi_exponential_index(n, bound), i);
			assert_int_equal(cpromi_exponential_index(n, nextafter(bound, INFINITY)),
					 i + 1);
		}
	}
}

static void
the_ends_are_those_of_doubles(void **state)
{
	(void)state;
	for (int n = -4; n <= 8; n++) {
		int32_t last = (int32_t)ldexp(1024, n);
		int32_t first = expected_index(n, 0x1p-1074);

		assert_double(cpromi_exponential_bound(n, 0), 1);
		assert_double(cpromi_exponential_bound(n, last), DBL_MAX);
		assert_double(cpromi_exponential_bound(n, last + 1), INFINITY);
		assert_int_equal(cpromi_exponential_index(n, 0x1p-1074), first);
		assert_true(cpromi_exponential_bound(n, first) >= 0x1p-1074);
	}
	assert_double(cpromi_exponential_bound(-4, 1), 65536);
	assert_double(cpromi_exponential_bound(-1, 1), 4);
	assert_double(cpromi_exponential_bound(0, 1), 2);
	assert_double(cpromi_exponential_bound(1, 1), 1.414213562373095);
	assert_double(cpromi_exponential_bound(2, 1), 1.189207115002721);
	assert_double(cpromi_exponential_bound(3, 1), 1.0905077326652577);
	assert_double(cpromi_exponential_bound(5, 1), 1.0218971486541166);
	assert_double(cpromi_exponential_bound(8, 1), 1.0027112750502025);
	assert_double(cpromi_exponential_bound(1, -1), 0.7071067811865475);
	assert_double(cpromi_exponential_bound(2, -1), 0.8408964152537144);
	assert_double(cpromi_exponential_bound(3, -1), 0.9170040432046711);
	assert_double(cpromi_exponential_bound(8, -1), 0.9972960560854698);
	assert_double(cpromi_exponential_bound(5, -34368), 0x1p-1074);
}

/* ---- indices --------------------------------------------------------------- */

static void
published_values_have_their_published_index(void **state)
{
	static const int schemas[] = {-4, -2, -1, 0, 1, 2, 3, 5, 8};
	static const struct {
		double v;
		int32_t index[9];
	} vectors[] = {
		{1, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{1.0000000000000002, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{0.9999999999999999, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{2, {1, 1, 1, 1, 2, 4, 8, 32, 256}},
		{0.5, {0, 0, 0, -1, -2, -4, -8, -32, -256}},
		{1.414213562373095, {1, 1, 1, 1, 1, 2, 4, 16, 128}},
		{1.4142135623730951, {1, 1, 1, 1, 2, 3, 5, 17, 129}},
		{1.5, {1, 1, 1, 1, 2, 3, 5, 19, 150}},
		{3, {1, 1, 1, 2, 4, 7, 13, 51, 406}},
		{0.1, {0, 0, -1, -3, -6, -13, -26, -106, -850}},
		{10, {1, 1, 2, 4, 7, 14, 27, 107, 851}},
		{0.001, {0, -2, -4, -9, -19, -39, -79, -318, -2551}},
		{1000, {1, 3, 5, 10, 20, 40, 80, 319, 2552}},
		{65536, {1, 4, 8, 16, 32, 64, 128, 512, 4096}},
		{65537, {2, 5, 9, 17, 33, 65, 129, 513, 4097}},
		{0x1p-128, {-8, -32, -64, -128, -256, -512, -1024, -4096, -32768}},
		{1e100, {21, 84, 167, 333, 665, 1329, 2658, 10631, 85042}},
		{DBL_MIN, {-63, -255, -511, -1022, -2044, -4088, -8176, -32704, -261632}},
		{2.225073858507201e-308,
		 {-63, -255, -511, -1022, -2044, -4088, -8176, -32704, -261632}},
		{0x1p-1074, {-67, -268, -537, -1074, -2148, -4296, -8592, -34368, -274944}},
		{DBL_MAX, {64, 256, 512, 1024, 2048, 4096, 8192, 32768, 262144}},
		{INFINITY, {65, 257, 513, 1025, 2049, 4097, 8193, 32769, 262145}},
	};

	(void)state;
	for (size_t i = 0; i < array_len(vectors); i++)
		for (size_t j = 0; j < array_len(schemas); j++) {
			assert_int_equal(cpromi_exponential_index(schemas[j], vectors[i].v),
					 vectors[i].index[j]);
			assert_int_equal(expected_index(schemas[j], vectors[i].v),
					 vectors[i].index[j]);
		}
}

static uint64_t
next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Any positive double, or a subnormal one, or one of everyday size. */
static double
random_value(uint64_t *seed, int i)
{
	uint64_t bits = next_random(seed) >> 1;

	if (i % 8 == 0)
		bits >>= 11 + bits % 52;
	else if (i % 2 == 0)
		bits = bits >> 11 | (uint64_t)(1013 + bits % 20) << 52;
	return bits_double(bits);
}

static void
random_values_have_the_index_of_the_table_rule(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < RANDOM_VALUES; i++) {
		double v = random_value(&seed, i);

		for (int n = -4; n <= 8 && v > 0; n++)
			if (cpromi_exponential_index(n, v) != expected_index(n, v))
				fail_msg("index of %a at %d is %d, not %d", v, n,
					 cpromi_exponential_index(n, v), expected_index(n, v));
	}
}

/* But for the last digits of bounds, which the tables round in their own way. */
static void
random_values_lie_between_powers_of_the_factor(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (int i = 0; i < RANDOM_VALUES; i++) {
		double v = random_value(&seed, i);
		int n = (int)(next_random(&seed) % 13) - 4;
		long double width = powl(2, -n), index, exact;

		if (!(v >= DBL_MIN) || isinf(v))
			continue;
		index = cpromi_exponential_index(n, v);
		exact = log2l(v) / width;
		assert_true(exact <= index + 1e-10L && exact > index - 1 - 1e-10L);
	}
}

static void
merging_is_what_a_coarser_schema_would_have_said(void **state)
{
	static const int32_t of_three[][2] = {{-3, -1}, {-2, -1}, {-1, 0}, {0, 0},
					      {1, 1},   {2, 1},   {3, 2}};
	uint64_t seed = 3;

	(void)state;
	for (size_t i = 0; i < array_len(of_three); i++)
		assert_int_equal(cpromi_exponential_merge(of_three[i][0], 1), of_three[i][1]);
	for (int i = 0; i < RANDOM_VALUES; i++) {
		double v = random_value(&seed, i);
		int n = (int)(next_random(&seed) % 13) - 4;
		uint32_t shift = (uint32_t)(next_random(&seed) % (uint32_t)(n + 5));
		int32_t fine = v > 0 ? cpromi_exponential_index(n, v) : 0;

		if (v > 0)
			assert_int_equal(cpromi_exponential_merge(fine, shift),
					 cpromi_exponential_index(n - (int)shift, v));
	}
}

static void
ends_are_buckets_of_schema_8_with_the_same_bound(void **state)
{
	(void)state;
	for (int n = -4; n <= 8; n++)
		for (int32_t i = -60; i <= 60; i++)
			assert_double(cpromi_exponential_bound(
					      8, cpromi_exponential_end(i, (uint32_t)(8 - n))),
				      cpromi_exponential_bound(n, i));
}

/* ---- schemas --------------------------------------------------------------- */

static void
a_factor_has_the_schema_of_client_golang(void **state)
{
	static const struct {
		double factor;
		int schema;
	} published[] = {
		{2, 0},    {1.5, 1},  {1.2, 2},    {1.1, 3},    {1.05, 4},
		{1.03, 5}, {1.02, 6}, {1.01, 7},   {1.005, 8},  {4, -1},
		{16, -2},  {256, -3}, {65536, -4}, {1.0001, 8}, {1.0000000000000002, 8},
		{3.99, 0}, {15, -1},  {65535, -3}, {1e9, -4},   {DBL_MAX, -4},
		{1.4, 2},  {1.42, 1}, {1.0027, 8}, {1.0055, 7}, {INFINITY, -4},
	};

	(void)state;
	for (size_t i = 0; i < array_len(published); i++)
		assert_int_equal(cpromi_exponential_schema(published[i].factor),
				 published[i].schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oracle_has_the_published_checksums),
		cmocka_unit_test(bounds_are_the_entries_of_every_schema),
		cmocka_unit_test(a_bound_is_the_last_value_of_its_bucket),
		cmocka_unit_test(the_ends_are_those_of_doubles),
		cmocka_unit_test(published_values_have_their_published_index),
		cmocka_unit_test(random_values_have_the_index_of_the_table_rule),
		cmocka_unit_test(random_values_lie_between_powers_of_the_factor),
		cmocka_unit_test(merging_is_what_a_coarser_schema_would_have_said),
		cmocka_unit_test(ends_are_buckets_of_schema_8_with_the_same_bound),
		cmocka_unit_test(a_factor_has_the_schema_of_client_golang),
	};

	return cmocka_run_group_tests(tests, make_tables, NULL);
}
