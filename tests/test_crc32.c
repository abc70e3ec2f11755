/* SPDX-License-Identifier: MIT */
/*
 * Tests of crc32: both ways of it against the definition, at every length and place.
 */
#include "crc32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned char data[4096];

/* Bit by bit, from the polynomial (RFC 1952, 8). */
static uint32_t
by_definition(uint32_t crc, const unsigned char *p, size_t n)
{
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
	}
	return ~crc;
}

static int
fill(void **state)
{
	uint64_t x = 88172645463325252U;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (unsigned char)(x >> 32);
	}
	return 0;
}

static void
has_the_check_value(void **state)
{
	(void)state;
	assert_int_equal(cpromi_crc32(0, "123456789", 9), 0xCBF43926U);
	assert_int_equal(cpromi_crc32_portable(0, "123456789", 9), 0xCBF43926U);
	assert_int_equal(cpromi_crc32(0, "", 0), 0);
}

static void
is_right_at_every_length(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 700; n++) {
		const unsigned char *p = data + n % 17;
		uint32_t right = by_definition(0, p, n);

		assert_int_equal(cpromi_crc32(0, p, n), right);
		assert_int_equal(cpromi_crc32_portable(0, p, n), right);
	}
}

static void
goes_on_where_it_was(void **state)
{
	uint32_t right = by_definition(0, data, sizeof(data));

	(void)state;
	for (size_t first = 0; first <= sizeof(data); first += 13) {
		uint32_t crc = cpromi_crc32(0, data, first);

		assert_int_equal(cpromi_crc32(crc, data + first, sizeof(data) - first), right);
		crc = cpromi_crc32_portable(0, data, first);
		assert_int_equal(cpromi_crc32_portable(crc, data + first, sizeof(data) - first),
				 right);
	}
}

static void
takes_zeros_and_ones(void **state)
{
	unsigned char same[512];

	(void)state;
	for (unsigned byte = 0; byte <= 255; byte += 255) {
		memset(same, (int)byte, sizeof(same));
		for (size_t n = 0; n <= sizeof(same); n++)
			assert_int_equal(cpromi_crc32(0, same, n), by_definition(0, same, n));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_check_value),
		cmocka_unit_test(is_right_at_every_length),
		cmocka_unit_test(goes_on_where_it_was),
		cmocka_unit_test(takes_zeros_and_ones),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
