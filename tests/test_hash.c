/* SPDX-License-Identifier: MIT */
/*
 * Tests of hash: what changes it, how even it is, and that it reads its bytes alone.
 */
#include "hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "guard_page.h"

#define LONGEST 64

static const struct hash_key keys[] = {
	{{0x0123456789abcdef, 0xfedcba9876543211}},
	{{0x243f6a8885a308d3, 0x13198a2e03707345}},
	{{0, 0xa4093822299f31d1}},
	{{0x9e3779b97f4a7c15, 0xd1b54a32d192ed03}},
};
static const struct hash_key *const good = &keys[3];

static bool refused; /* getrandom(2) */

ssize_t __real_getrandom(void *buffer, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t n, unsigned flags);

ssize_t
__wrap_getrandom(void *buffer, size_t n, unsigned flags)
{
	return refused ? -1 : __real_getrandom(buffer, n, flags);
}

static uint32_t
hash_of(const struct hash_key *key, const void *p, size_t n)
{
	return hash_end(hash_add(key, hash_begin(key, 0), p, n));
}

static uint32_t
hash_of_two(const char *a, const char *b)
{
	uint64_t h = hash_add(good, hash_begin(good, 0), a, strlen(a));

	return hash_end(hash_add(good, h, b, strlen(b)));
}

/* The fold by schoolbook multiplication of 16-bit digits. */
static uint64_t
slow_fold(uint64_t a, uint64_t b)
{
	uint32_t digits[9] = {0};
	uint64_t low = 0, high = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t carry = 0;

		for (int j = 0; j < 4; j++) {
			carry += digits[i + j] + (a >> 16 * i & 0xFFFF) * (b >> 16 * j & 0xFFFF);
			digits[i + j] = carry & 0xFFFF;
			carry >>= 16;
		}
		digits[i + 4] = (uint32_t)carry;
	}
	for (int i = 3; i >= 0; i--) {
		low = low << 16 | digits[i];
		high = high << 16 | digits[i + 4];
	}
	return low ^ high;
}

static void
the_fold_is_low_xor_high_of_the_whole_product(void **state)
{
	uint64_t a = 1, b = UINT64_MAX;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		assert_true(hash_fold(a, b) == slow_fold(a, b));
		a = a * 6364136223846793005u + 1442695040888963407u;
		b = b * 3935559000370003845u + 2691343689449507681u;
	}
	assert_true(hash_fold(UINT64_MAX, UINT64_MAX) == slow_fold(UINT64_MAX, UINT64_MAX));
}

static void
no_byte_beyond_the_string_is_read_and_its_place_does_not_matter(void **state)
{
	char text[LONGEST + 1];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		const char *p;

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(i * 37 + 11);
		text[n] = '\0';
		memset(page_end - LONGEST - 1, (int)n + 1, LONGEST + 1);
		p = at_guard(text, n + 1);
		assert_int_equal(hash_of(good, p, n), hash_of(good, text, n));
		assert_true(hash_same(p, text, n));
	}
}

static void
every_bit_of_every_byte_matters(void **state)
{
	unsigned char text[LONGEST];

	(void)state;
	for (size_t k = 0; k < array_len(keys); k++)
		for (size_t n = 1; n <= LONGEST; n++) {
			uint64_t h;

			memset(text, 0x55, n);
			h = hash_add(&keys[k], hash_begin(&keys[k], 7), (char *)text, n);
			for (size_t bit = 0; bit < n * 8; bit++) {
				text[bit / 8] ^= (unsigned char)(1u << bit % 8);
				assert_true(hash_add(&keys[k], hash_begin(&keys[k], 7),
						     (char *)text, n) != h);
				text[bit / 8] ^= (unsigned char)(1u << bit % 8);
			}
		}
}

/* Whatever stands behind them; nor does it help if it is the same. */
static void
every_byte_is_compared_and_none_behind_them(void **state)
{
	char a[LONGEST + 1], b[LONGEST + 1];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		memset(a, 'x', sizeof(a));
		memset(b, 'x', sizeof(b));
		a[n] = '"';
		b[n] = '\0';
		assert_true(hash_same(a, b, n));
		b[n] = a[n];
		for (size_t i = 0; i < n; i++)
			for (unsigned bit = 0; bit < 8; bit++) {
				b[i] = (char)('x' ^ (1u << bit));
				assert_false(hash_same(a, b, n));
				b[i] = 'x';
			}
	}
}

static void
half_of_the_result_flips_with_one_bit(void **state)
{
	unsigned char text[24];
	unsigned flips = 0, trials = 0, never = UINT32_MAX;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		uint32_t h;

		for (size_t j = 0; j < sizeof(text); j++)
			text[j] = (unsigned char)(i * 131 + j * (i + 7));
		h = hash_of(good, text, sizeof(text));
		for (size_t bit = 0; bit < sizeof(text) * 8; bit++, trials++) {
			text[bit / 8] ^= (unsigned char)(1u << bit % 8);
			flips += (unsigned)__builtin_popcount(h ^
							      hash_of(good, text, sizeof(text)));
			never &= ~(h ^ hash_of(good, text, sizeof(text)));
			text[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
	}
	assert_int_equal(never, 0);
	assert_true(flips > trials * 15 && flips < trials * 17);
}

static void
where_one_string_ends_and_the_next_begins_matters(void **state)
{
	(void)state;
	assert_int_not_equal(hash_of_two("ab", "c"), hash_of_two("a", "bc"));
	assert_int_not_equal(hash_of_two("abc", ""), hash_of_two("", "abc"));
	assert_int_not_equal(hash_of_two("a", "b"), hash_of_two("b", "a"));
	assert_int_not_equal(hash_of_two("12345678", "9"), hash_of_two("123456789", ""));
	assert_int_not_equal(hash_of_two("", ""), hash_of(good, "", 0));
}

static void
runs_of_the_same_byte_differ_by_their_length(void **state)
{
	char text[LONGEST];

	(void)state;
	for (int byte = 0; byte < 256; byte += 85) {
		uint32_t seen[LONGEST + 1];

		memset(text, byte, sizeof(text));
		for (size_t n = 0; n <= LONGEST; n++) {
			seen[n] = hash_of(good, text, n);
			for (size_t i = 0; i < n; i++)
				assert_int_not_equal(seen[i], seen[n]);
		}
	}
}

static void
key_and_salt_matter(void **state)
{
	uint64_t plain = hash_add(good, hash_begin(good, 1), "GET", 3);

	(void)state;
	assert_true(hash_add(good, hash_begin(good, 2), "GET", 3) != plain);
	assert_int_not_equal(hash_of(&keys[0], "GET", 3), hash_of(&keys[3], "GET", 3));
	assert_int_equal(hash_of(&keys[0], "GET", 3), hash_of(&keys[0], "GET", 3));
}

static void
keys_are_made_afresh_and_never_fold_all_to_zero(void **state)
{
	struct hash_key a = {{0, 0}}, b = {{0, 0}};

	(void)state;
	for (int i = 0; i < 64; i++) {
		cpromi_hash_key_make(&a);
		assert_true(a.k[1] & 1);
		assert_true(a.k[0] != b.k[0] && a.k[1] != b.k[1]);
		b = a;
	}
}

/* Thrown evenly, 2^16 values leave 1/e of 2^16 buckets empty, and no bucket is full. */
#define KEYS 1000

static int
by_high_bits(const void *a, const void *b)
{
	uint64_t x = ((const struct hash_key *)a)->k[0] >> 45,
		 y = ((const struct hash_key *)b)->k[0] >> 45;

	return x < y ? -1 : x > y;
}

/* By its 19 highest bits a process is told from others: of a thousand one pair may be the same. */
static void
without_getrandom_keys_differ_in_their_highest_bits(void **state)
{
	static struct hash_key made[KEYS];
	unsigned same = 0;

	(void)state;
	refused = true;
	for (int i = 0; i < KEYS; i++)
		cpromi_hash_key_make(&made[i]);
	refused = false;
	qsort(made, KEYS, sizeof(made[0]), by_high_bits);
	for (int i = 1; i < KEYS; i++) {
		same += by_high_bits(&made[i - 1], &made[i]) == 0;
		assert_true(made[i].k[0] != made[i - 1].k[0] && made[i].k[1] != made[i - 1].k[1]);
	}
	assert_true(same <= 10);
}

static void
numbered_values_spread_evenly_by_their_leading_bits(void **state)
{
	static unsigned char buckets[1 << 16];
	unsigned empty = 0, fullest = 0;
	char text[32];

	(void)state;
	memset(buckets, 0, sizeof(buckets));
	for (int i = 0; i < 1 << 16; i++) {
		int n = snprintf(text, sizeof(text), "/users/%d/profile", i);

		buckets[hash_of(good, text, (size_t)n) >> 16]++;
	}
	for (size_t i = 0; i < sizeof(buckets); i++) {
		empty += buckets[i] == 0;
		fullest = buckets[i] > fullest ? buckets[i] : fullest;
	}
	assert_in_range(empty, 23600, 24600); /* 24109 ± 4 sigma */
	assert_true(fullest <= 14);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fold_is_low_xor_high_of_the_whole_product),
		cmocka_unit_test(no_byte_beyond_the_string_is_read_and_its_place_does_not_matter),
		cmocka_unit_test(every_bit_of_every_byte_matters),
		cmocka_unit_test(every_byte_is_compared_and_none_behind_them),
		cmocka_unit_test(half_of_the_result_flips_with_one_bit),
		cmocka_unit_test(where_one_string_ends_and_the_next_begins_matters),
		cmocka_unit_test(runs_of_the_same_byte_differ_by_their_length),
		cmocka_unit_test(key_and_salt_matter),
		cmocka_unit_test(keys_are_made_afresh_and_never_fold_all_to_zero),
		cmocka_unit_test(without_getrandom_keys_differ_in_their_highest_bits),
		cmocka_unit_test(numbered_values_spread_evenly_by_their_leading_bits),
	};

	return cmocka_run_group_tests(tests, lay_guard_page, lift_guard_page);
}
