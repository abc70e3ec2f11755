/* SPDX-License-Identifier: MIT */
/*
 * Tests of number: known spellings, and an oracle that prints with printf, ever
 * fewer digits as long as they read back to the same double.
 */
#define _GNU_SOURCE /* strtod_l */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number.h"
#include "number_table.h"
#include "platform.h"

#define GUARD 16
#define GUARD_BYTE 0x5a
#define ORACLE_DIGITS 17
#define RANDOM_PATTERNS 1000000

static const struct {
	uint64_t bits;
	const char *text;
} vectors[] = {
	{0x0000000000000000, "0"},
	{0x8000000000000000, "0"},
	{0x3ff0000000000000, "1"},
	{0xbff0000000000000, "-1"},
	{0x4000000000000000, "2"},
	{0x4024000000000000, "10"},
	{0x4059000000000000, "100"},
	{0x3fe0000000000000, "0.5"},
	{0xc002000000000000, "-2.25"},
	{0x3fb999999999999a, "0.1"},
	{0x3fc999999999999a, "0.2"},
	{0x3fd3333333333333, "0.3"},
	{0x3fd3333333333334, "0.30000000000000004"},
	{0x3fd5555555555555, "0.3333333333333333"},
	{0x3fe5555555555555, "0.6666666666666666"},
	{0x3fe6666666666666, "0.7"},
	{0x40f869f000000000, "99999"},
	{0x40f86a0000000000, "100000"},
	{0x40fe240000000000, "123456"},
	{0x412e847e00000000, "999999"},
	{0x412e847fcccccccd, "999999.9"},
	{0x412e848000000000, "1e+06"},
	{0x412e848100000000, "1.0000005e+06"},
	{0x4132d68700000000, "1.234567e+06"},
	{0x4170000000000000, "1.6777216e+07"},
	{0x41e0000000000000, "2.147483648e+09"},
	{0x41cdcd6500000000, "1e+09"},
	{0x4202a05f20000000, "1e+10"},
	{0x430c6bf526340000, "1e+15"},
	{0x4341c37937e08000, "1e+16"},
	{0x433fffffffffffff, "9.007199254740991e+15"},
	{0x4340000000000000, "9.007199254740992e+15"},
	{0x4340000000000001, "9.007199254740994e+15"},
	{0x4350000000000000, "1.8014398509481984e+16"},
	{0x43e0000000000000, "9.223372036854776e+18"},
	{0x43f0000000000000, "1.8446744073709552e+19"},
	{0x4415af1d78b58c40, "1e+20"},
	{0x444b1ae4d6e2ef50, "1e+21"},
	{0x4480f0cf064dd592, "1e+22"},
	{0x44b52d02c7e14af6, "1e+23"},
	{0x44b52d02c7e14af5, "9.999999999999997e+22"},
	{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
	{0x44dfe185ca57c517, "6.02214076e+23"},
	{0x3f847ae147ae147b, "0.01"},
	{0x3f50624dd2f1a9fc, "0.001"},
	{0x3f1a36e2eb1c432d, "0.0001"},
	{0x3f202e4b6ce5dc68, "0.00012345"},
	{0x3f1a36d1bd105b06, "9.9999e-05"},
	{0x3ee4f8b588e368f1, "1e-05"},
	{0x3efa36e2eb1c432d, "2.5e-05"},
	{0x3e7ad7f29abcaf48, "1e-07"},
	{0x3e112e0be826d695, "1e-09"},
	{0x3ddb7cdfd9d7bdbb, "1e-10"},
	{0x54b249ad2594c37d, "1e+100"},
	{0x2b2bff2ee48e0530, "1e-100"},
	{0x7fe1ccf385ebc8a0, "1e+308"},
	{0x000730d67819e8d2, "1e-308"},
	{0x400921fb54442d18, "3.141592653589793"},
	{0x4005bf0a8b145769, "2.718281828459045"},
	{0x3ff6a09e667f3bcd, "1.4142135623730951"},
	{0x3f50000000000000, "0.0009765625"},
	{0x3eb0000000000000, "9.5367431640625e-07"},
	{0x3bf0000000000000, "5.421010862427522e-20"},
	{0x37f0000000000000, "2.938735877055719e-39"},
	{0x3d30000000000000, "5.684341886080802e-14"},
	{0x0060000000000000, "7.120236347223045e-307"},
	{0x4630000000000000, "1.2676506002282294e+30"},
	{0x7fe0000000000000, "8.98846567431158e+307"},
	{0x7fefffffffffffff, "1.7976931348623157e+308"},
	{0x7feffffffffffffe, "1.7976931348623155e+308"},
	{0x0010000000000000, "2.2250738585072014e-308"},
	{0x0010000000000001, "2.225073858507202e-308"},
	{0x000fffffffffffff, "2.225073858507201e-308"},
	{0x0000000000000001, "5e-324"},
	{0x0000000000000002, "1e-323"},
	{0x0000000000000003, "1.5e-323"},
	{0x8000000000000001, "-5e-324"},
	{0x0000000000000123, "1.44e-321"},
	{0x00000000ffffffff, "2.1219957905e-314"},
	{0x3ff0000000000001, "1.0000000000000002"},
	{0x3fefffffffffffff, "0.9999999999999999"},
	{0x3fb9999999999999, "0.09999999999999999"},
	{0x3fb999999999999b, "0.10000000000000002"},
	{0x4330000000000001, "4.503599627370497e+15"},
	{0x4059000000000001, "100.00000000000001"},
	{0x47efffffe0000000, "3.4028234663852886e+38"},
	{0x1234567890abcdef, "5.626349108908516e-221"},
	{0xfedcba9876543210, "-1.2313300687736946e+303"},
	{0x41da2300e007df3b, "1.754006400123e+09"},
	{0x41da2300e0000000, "1.7540064e+09"},
	{0x4279862edac7b000, "1.754006400123e+12"},
	{0x40f5180000000000, "86400"},
	{0x7ff0000000000000, "+Inf"},
	{0xfff0000000000000, "-Inf"},
	{0x7ff8000000000001, "NaN"},
	{0x7ff0000000000002, "NaN"},
};

static locale_t c_locale;
static uint64_t random_state;

/* Splitmix64: the same sequence on every run. */
static uint64_t
next_random(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Room for one number between guard bytes. */
static char space[GUARD + CPROMI_NUMBER_MAX + GUARD];

static char *
guarded(void)
{
	memset(space, GUARD_BYTE, sizeof(space));
	return space + GUARD;
}

/* What was written, as a string; fails if it is too long or the guards were hit. */
static const char *
written(size_t n)
{
	static char text[CPROMI_NUMBER_MAX + 1];
	char before[GUARD], after[GUARD];

	memset(before, GUARD_BYTE, GUARD);
	memset(after, GUARD_BYTE, GUARD);
	assert_in_range(n, 1, CPROMI_NUMBER_MAX);
	assert_memory_equal(space, before, GUARD);
	assert_memory_equal(space + GUARD + CPROMI_NUMBER_MAX, after, GUARD);
	memcpy(text, space + GUARD, n);
	text[n] = '\0';
	return text;
}

static const char *
spell(double v)
{
	return written(cpromi_double_text(v, guarded()));
}

static const char *
spell_u64(uint64_t v)
{
	return written(cpromi_u64_text(v, guarded()));
}

static const char *
spell_i64(int64_t v)
{
	return written(cpromi_i64_text(v, guarded()));
}

static double
read_back(const char *text)
{
	char *end;
	double v = strtod_l(text, &end, c_locale);

	assert_true(end != text && *end == '\0');
	return v;
}

/* ---- the oracle ---------------------------------------------------------- */

/* digits × 10^exponent */
struct decimal {
	uint64_t digits;
	int exponent;
};

static int
reads_back(struct decimal d, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%llue%d", (unsigned long long)d.digits, d.exponent);
	return double_bits(read_back(text)) == double_bits(v);
}

/* The decimal of count digits that is closest to v > 0. */
static struct decimal
nearest(double v, int count)
{
	struct decimal d = {0, 0};
	char text[40], *p;

	snprintf(text, sizeof(text), "%.*e", count - 1, v);
	for (p = text; *p != 'e'; p++) {
		if (*p != '.')
			d.digits = d.digits * 10 + (uint64_t)(*p - '0');
	}
	d.exponent = atoi(p + 1) - (count - 1);
	return d;
}

/*
 * Finds the decimal of count digits that is closest to v > 0 among those that
 * read back. That is the nearest one, if any, except below powers of two: doubles
 * are denser there, so that the nearest may fall short and its neighbour above
 * not, though that is farther off.
 */
static int
nearest_that_reads_back(double v, int count, struct decimal *d)
{
	*d = nearest(v, count);
	if (reads_back(*d, v))
		return 1;
	if (double_bits(v) << 12 != 0)
		return 0;
	d->digits++;
	return reads_back(*d, v);
}

/* Go's layout, made with string functions. */
static void
lay_out(struct decimal d, char *out, size_t size)
{
	char digits[24];
	int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)d.digits);
	int x = d.exponent + count - 1;

	if (x < -4 || x > 5)
		snprintf(out, size, "%c%s%se%c%02d", digits[0], count > 1 ? "." : "", digits + 1,
			 x < 0 ? '-' : '+', abs(x));
	else if (x < 0)
		snprintf(out, size, "0.%.*s%s", -x - 1, "000", digits);
	else if (count > x + 1)
		snprintf(out, size, "%.*s.%s", x + 1, digits, digits + x + 1);
	else
		snprintf(out, size, "%s%.*s", digits, x + 1 - count, "00000");
}

/* The text of a finite v > 0: with one digit less nothing reads back any more. */
static void
oracle(double v, char *out, size_t size)
{
	struct decimal best = nearest(v, ORACLE_DIGITS), shorter;

	assert_true(reads_back(best, v));
	for (int count = ORACLE_DIGITS - 1; count > 0; count--) {
		if (!nearest_that_reads_back(v, count, &shorter))
			break;
		best = shorter;
	}
	while (best.digits % 10 == 0) {
		best.digits /= 10;
		best.exponent++;
	}
	lay_out(best, out, size);
}

/* v and -v are spelled as the oracle does, and read back; v is finite and > 0. */
static void
check(double v)
{
	char expected[64];
	const char *text;

	expected[0] = '-';
	oracle(v, expected + 1, sizeof(expected) - 1);
	text = spell(v);
	if (strcmp(text, expected + 1) != 0)
		fail_msg("%016llx: \"%s\", not \"%s\"", (unsigned long long)double_bits(v), text,
			 expected + 1);
	if (double_bits(read_back(text)) != double_bits(v))
		fail_msg("%016llx: \"%s\" reads back differently",
			 (unsigned long long)double_bits(v), text);
	assert_string_equal(spell(-v), expected);
}

static void
check_with_neighbours(double v)
{
	uint64_t bits = double_bits(v);

	for (uint64_t near = bits - 1; near <= bits + 1; near++) {
		if (near != 0 && near < double_bits(__builtin_inf()))
			check(bits_double(near));
	}
}

/* ---- doubles ------------------------------------------------------------- */

static void
known_doubles_are_spelled_as_go_spells_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(vectors); i++)
		assert_string_equal(spell(bits_double(vectors[i].bits)), vectors[i].text);
}

static void
every_nan_is_spelled_alike(void **state)
{
	uint64_t quiet = (uint64_t)0x7ff8 << 48, sign = (uint64_t)1 << 63;

	(void)state;
	for (int bit = 0; bit < 51; bit++) {
		assert_string_equal(spell(bits_double(quiet | (uint64_t)1 << bit)), "NaN");
		assert_string_equal(spell(bits_double(sign | quiet | (uint64_t)1 << bit)), "NaN");
	}
}

static void
the_longest_text_fills_the_buffer(void **state)
{
	(void)state;
	assert_int_equal(cpromi_double_text(-2.2250738585072014e-308, guarded()),
			 CPROMI_NUMBER_MAX);
	assert_string_equal(written(CPROMI_NUMBER_MAX), "-2.2250738585072014e-308");
}

static void
whole_numbers_to_a_million_are_right(void **state)
{
	char expected[32];

	(void)state;
	assert_string_equal(spell(0), "0");
	for (int i = 1; i < 1000000; i++) {
		snprintf(expected, sizeof(expected), "-%d", i);
		assert_string_equal(spell(i), expected + 1);
		assert_string_equal(spell(-i), expected);
	}
	assert_string_equal(spell(1000000), "1e+06");
}

static void
whole_numbers_of_every_size_are_right(void **state)
{
	(void)state;
	random_state = 1;
	for (int i = 0; i < 100000; i++)
		check((double)((next_random() >> 11 >> i % 53) | 1));
	for (double power = 1; power < 1e16; power *= 10) {
		for (int digit = 1; digit < 100; digit++)
			check(digit * power);
		check(power - 0.5);
		check(power + 0.5);
	}
}

static void
powers_of_two_and_their_neighbours_are_right(void **state)
{
	(void)state;
	for (int e = 0; e < 52; e++)
		check_with_neighbours(bits_double((uint64_t)1 << e));
	for (uint64_t e = 1; e < 2047; e++)
		check_with_neighbours(bits_double(e << 52));
}

static void
powers_of_ten_and_their_neighbours_are_right(void **state)
{
	char text[16];

	(void)state;
	for (int x = -323; x <= 308; x++) {
		snprintf(text, sizeof(text), "1e%d", x);
		check_with_neighbours(read_back(text));
	}
}

static void
small_subnormals_are_right(void **state)
{
	(void)state;
	for (uint64_t bits = 1; bits < 5000; bits++)
		check(bits_double(bits));
}

static void
the_ends_of_every_binade_are_right(void **state)
{
	uint64_t ones = ((uint64_t)1 << 52) - 1;

	(void)state;
	check(bits_double(ones));
	for (uint64_t e = 1; e < 2047; e++) {
		check(bits_double(e << 52));
		check(bits_double(e << 52 | ones));
	}
}

static void
random_patterns_are_right(void **state)
{
	uint64_t bits;

	(void)state;
	random_state = 2;
	for (int i = 0; i < RANDOM_PATTERNS; i++) {
		do
			bits = next_random() >> 1;
		while (bits >> 52 == 2047 || bits == 0);
		check(bits_double(bits));
	}
}

static void
short_decimals_come_back_as_they_are(void **state)
{
	struct decimal d;
	char expected[64], text[64];

	(void)state;
	random_state = 3;
	for (int i = 0; i < 200000; i++) {
		d.digits = next_random() % 1000000000000000 / (i % 3 == 0 ? 1000000000 : 1) | 1;
		d.exponent = (int)(next_random() % 40) - 30;
		if (d.digits % 5 == 0)
			d.digits += 2;
		lay_out(d, expected, sizeof(expected));
		snprintf(text, sizeof(text), "%llue%d", (unsigned long long)d.digits, d.exponent);
		assert_string_equal(spell(read_back(text)), expected);
	}
}

static void
short_fractions_are_right(void **state)
{
	(void)state;
	random_state = 4;
	for (uint64_t n = 1; n < 3 * 256; n++)
		check_with_neighbours((double)n / 256); /* half of them too long by a place */
	for (int i = 0; i < 100000; i++) {
		check((double)(next_random() % (1000000 << 7)) / 128 + 1.0 / 128);
		check((double)(next_random() >> (11 + i % 50)) / 128 + 1.0 / 128);
	}
	check_with_neighbours(999999.9921875);
	check_with_neighbours(1000000.0078125);
	check_with_neighbours(0.0078125);
	check_with_neighbours(0.00390625);
}

/* Where a candidate lies on the border of the interval, or half-way: as few doubles are elsewhere. */
static void
ties_are_right(void **state)
{
	(void)state;
	random_state = 5;
	for (int q = -60; q <= 60; q++)
		for (int i = 0; i < 1000; i++)
			check(ldexp((double)(next_random() >> (11 + i % 52)) + 1, q));
	for (uint64_t n = 1; n < 100000; n++)
		check(9007199254740992.0 * 2 + (double)n * 4);
	for (int k = 15; k < 23; k++)
		for (int64_t n = -20; n <= 20; n++)
			check(pow(10, k) + (double)n * pow(2, k - 15));
}

/* ---- locale -------------------------------------------------------------- */

static const char *
set_comma_locale(void)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE",
					    "fr_FR.UTF-8", "fr_FR.utf8", "nl_NL.UTF-8",
					    "pl_PL.UTF-8"};

	for (size_t i = 0; i < array_len(names); i++) {
		/* musl takes any name, and changes nothing. */
		if (setlocale(LC_ALL, names[i]) != NULL && *localeconv()->decimal_point == ',')
			return names[i];
	}
	return NULL;
}

static void
the_locale_does_not_matter(void **state)
{
	char text[16];

	(void)state;
	if (set_comma_locale() == NULL)
		skip();
	snprintf(text, sizeof(text), "%.1f", 0.5);
	assert_string_equal(text, "0,5");
	for (size_t i = 0; i < array_len(vectors); i++)
		assert_string_equal(spell(bits_double(vectors[i].bits)), vectors[i].text);
	assert_string_equal(spell_u64(1234567), "1234567");
	assert_string_equal(spell_i64(-1234567), "-1234567");
	random_state = 4;
	for (int i = 0; i < 10000; i++) {
		double v = (double)(int64_t)next_random() / 1e9;

		assert_true(double_bits(read_back(spell(v))) == double_bits(v));
	}
	setlocale(LC_ALL, "C");
}

/* ---- whole numbers ------------------------------------------------------- */

static void
check_u64(uint64_t v)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "%llu", (unsigned long long)v);
	assert_string_equal(spell_u64(v), expected);
}

static void
check_i64(int64_t v)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "%lld", (long long)v);
	assert_string_equal(spell_i64(v), expected);
}

static void
u64_is_printed_in_full(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < 200000; v++)
		check_u64(v);
	for (uint64_t power = 1;; power *= 10) {
		check_u64(power - 1);
		check_u64(power);
		if (power > UINT64_MAX / 10)
			break;
	}
	random_state = 5;
	for (int i = 0; i < 200000; i++)
		check_u64(next_random() >> i % 64);
	check_u64(UINT64_MAX);
}

static void
i64_is_printed_with_its_sign(void **state)
{
	(void)state;
	for (int64_t v = -1000; v < 1000; v++)
		check_i64(v);
	random_state = 6;
	for (int i = 0; i < 200000; i++)
		check_i64((int64_t)next_random() >> i % 64);
	check_i64(INT64_MAX);
	check_i64(INT64_MIN);
}

/* ---- the table of powers ------------------------------------------------- */

static void
the_table_has_its_checksums(void **state)
{
	uint64_t xor = 0, sum = 0;

	(void)state;
	assert_int_equal(POWERS_FIRST, -292);
	assert_int_equal(array_len(powers), 617);
	for (size_t i = 0; i < array_len(powers); i++) {
		assert_true(powers[i][0] >> 63 == 1);
		xor ^= powers[i][0] ^ powers[i][1];
		sum += powers[i][0] + powers[i][1];
	}
	assert_true(xor == 0x61abef5c4e4e7f1a);
	assert_true(sum == 0xd85c14582a23f870);
}

static void
the_table_has_the_known_powers(void **state)
{
	static const struct {
		int q;
		uint64_t high, low;
	} known[] = {
		{-1, 0xcccccccccccccccc, 0xcccccccccccccccd},
		{0, 0x8000000000000000, 0},
		{1, 0xa000000000000000, 0},
		{55, 0xd0cf4b50cfe20765, 0xfff4b4e3f741cf6d},
		{324, 0x9e19db92b4e31ba9, 0x6c07a2c26a8346d1},
	};

	(void)state;
	for (size_t i = 0; i < array_len(known); i++) {
		assert_true(powers[known[i].q - POWERS_FIRST][0] == known[i].high);
		assert_true(powers[known[i].q - POWERS_FIRST][1] == known[i].low);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_doubles_are_spelled_as_go_spells_them),
		cmocka_unit_test(every_nan_is_spelled_alike),
		cmocka_unit_test(the_longest_text_fills_the_buffer),
		cmocka_unit_test(whole_numbers_to_a_million_are_right),
		cmocka_unit_test(whole_numbers_of_every_size_are_right),
		cmocka_unit_test(powers_of_two_and_their_neighbours_are_right),
		cmocka_unit_test(powers_of_ten_and_their_neighbours_are_right),
		cmocka_unit_test(small_subnormals_are_right),
		cmocka_unit_test(the_ends_of_every_binade_are_right),
		cmocka_unit_test(random_patterns_are_right),
		cmocka_unit_test(short_decimals_come_back_as_they_are),
		cmocka_unit_test(short_fractions_are_right),
		cmocka_unit_test(ties_are_right),
		cmocka_unit_test(the_locale_does_not_matter),
		cmocka_unit_test(u64_is_printed_in_full),
		cmocka_unit_test(i64_is_printed_with_its_sign),
		cmocka_unit_test(the_table_has_its_checksums),
		cmocka_unit_test(the_table_has_the_known_powers),
	};
	int failed;

	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c_locale == (locale_t)0)
		return 1;
	failed = cmocka_run_group_tests_name("number", tests, NULL, NULL);
	freelocale(c_locale);
	return failed;
}
