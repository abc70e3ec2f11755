/* SPDX-License-Identifier: MIT */
/*
 * Tests of huffman: its codes are complete, bounded, canonical, and as short as codes can be.
 */
#include "huffman.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 88172645463325252U;

static uint32_t
any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static uint64_t
cost(const uint16_t *counts, const struct huffman_code *codes, size_t n)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (uint64_t)counts[i] * codes[i].length;
	return bits;
}

/* What an optimal code costs: the two lightest are joined, by looking at all of them each time. */
static uint64_t
least_cost(const uint16_t *counts, size_t n)
{
	uint64_t nodes[CPROMI_HUFFMAN_SYMBOLS], bits = 0;
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		if (counts[i] > 0)
			nodes[left++] = counts[i];
	while (left > 1) {
		for (int k = 1; k <= 2; k++) {
			size_t lightest = 0;
			uint64_t kept;

			for (size_t i = 1; i <= left - (size_t)k; i++)
				if (nodes[i] < nodes[lightest])
					lightest = i;
			kept = nodes[left - (size_t)k];
			nodes[left - (size_t)k] = nodes[lightest];
			nodes[lightest] = kept;
		}
		nodes[left - 2] += nodes[left - 1];
		bits += nodes[left - 2];
		left--;
	}
	return bits;
}

/* The code with its first bit highest, as RFC 1951 writes codes. */
static unsigned
first_bit_first(struct huffman_code c)
{
	unsigned v = 0;

	for (unsigned i = 0; i < c.length; i++)
		v = v << 1 | (c.bits >> i & 1);
	return v;
}

/* Complete, canonical, in the limit; and of the symbols that occur, or two at least. */
static void
assert_sound(const uint16_t *counts, size_t n, unsigned limit, const struct huffman_code *codes)
{
	uint32_t space = 0;
	size_t coded = 0, occur = 0;
	unsigned next = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(codes[i].length <= limit);
		assert_true(counts[i] == 0 || codes[i].length > 0);
		space += codes[i].length > 0 ? 1U << (limit - codes[i].length) : 0;
		coded += codes[i].length > 0;
		occur += counts[i] > 0;
	}
	assert_int_equal(space, 1U << limit);
	assert_int_equal(coded, occur < 2 ? 2 : occur);
	for (unsigned length = 1; length <= limit; length++, next <<= 1)
		for (size_t i = 0; i < n; i++)
			if (codes[i].length == length)
				assert_int_equal(first_bit_first(codes[i]), next++);
}

static void
is_optimal_where_the_limit_allows(void **state)
{
	uint16_t counts[CPROMI_HUFFMAN_SYMBOLS];
	struct huffman_code codes[CPROMI_HUFFMAN_SYMBOLS];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t n = 2 + any(CPROMI_HUFFMAN_SYMBOLS - 1);
		uint32_t below = 2 + any(200), often = 1 + any(8);

		for (size_t i = 0; i < n; i++)
			counts[i] = any(often) == 0 ? (uint16_t)any(below) : (uint16_t)any(3);
		counts[any(2)] += 1;
		cpromi_huffman_make(counts, n, 15, codes);
		assert_sound(counts, n, 15, codes);
		if (least_cost(counts, n) > 0)
			assert_int_equal(cost(counts, codes, n), least_cost(counts, n));
	}
}

static void
keeps_its_limit(void **state)
{
	uint16_t counts[24] = {1, 1};
	struct huffman_code codes[CPROMI_HUFFMAN_SYMBOLS];

	uint64_t total = 2, least;

	(void)state;
	/* Of Fibonacci's numbers an optimal code is as long as can be. */
	for (size_t i = 2; i < 24; i++) {
		counts[i] = (uint16_t)(counts[i - 1] + counts[i - 2]);
		total += counts[i];
	}
	least = least_cost(counts, 24);
	for (unsigned limit = 5; limit <= 15; limit++) {
		cpromi_huffman_make(counts, 24, limit, codes);
		assert_sound(counts, 24, limit, codes);
		/* No worse than all of one length; and soon hardly worse than without a limit. */
		assert_true(cost(counts, codes, 24) <= 5 * total);
		assert_true(limit < 9 || cost(counts, codes, 24) < 105 * least / 100);
	}
}

static void
keeps_any_limit_that_has_room(void **state)
{
	uint16_t counts[CPROMI_HUFFMAN_SYMBOLS];
	struct huffman_code codes[CPROMI_HUFFMAN_SYMBOLS];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		unsigned limit = 3 + any(10);
		uint32_t most = 1U << limit;
		size_t n = 2 + any(most < CPROMI_HUFFMAN_SYMBOLS ? most - 1
								 : CPROMI_HUFFMAN_SYMBOLS - 1);

		for (size_t i = 0; i < n; i++)
			counts[i] = (uint16_t)(any(65536) >> any(16));
		cpromi_huffman_make(counts, n, limit, codes);
		assert_sound(counts, n, limit, codes);
	}
}

static void
has_two_codes_at_least(void **state)
{
	uint16_t counts[30] = {0};
	struct huffman_code codes[30];

	(void)state;
	cpromi_huffman_make(counts, 30, 15, codes);
	assert_sound(counts, 30, 15, codes);
	for (size_t i = 0; i < 30; i++) {
		memset(counts, 0, sizeof(counts));
		counts[i] = 7;
		cpromi_huffman_make(counts, 30, 15, codes);
		assert_sound(counts, 30, 15, codes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_optimal_where_the_limit_allows),
		cmocka_unit_test(keeps_its_limit),
		cmocka_unit_test(keeps_any_limit_that_has_room),
		cmocka_unit_test(has_two_codes_at_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
