/* SPDX-License-Identifier: MIT */
/*
 * crc32: the checksum of gzip (RFC 1952, 8).
 *
 * By tables, eight bytes at a time ("slicing-by-8": M. Kounavis and F. Berry, A Systematic
 * Approach to Building High Performance Software-based CRC Generators, 2005). Where the processor
 * has a carry-less multiplication, 64 bytes at a time (V. Gopal et al., Fast CRC Computation
 * for Generic Polynomials Using PCLMULQDQ, Intel 2009), down to 16 bytes that have the same
 * remainder, which the tables then take: no constants for a last reduction are needed.
 * At a byte or less per cycle the tables alone would be a third of the time of a compressed page.
 * With -Os there is one table in place of eight (7 KiB less), and a byte at a time by it.
 */
#include "crc32.h"

#include "atomic.h"
#include "crc32_table.h"
#include "platform.h"

#include <stdbool.h>

/* ---- by tables ---- */

/* The register of the CRC behind these bytes: no inversions here. */
static uint32_t
by_tables(uint32_t crc, const unsigned char *p, size_t n)
{
#if CRC32_ROWS == 8
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v = load_le64(p) ^ crc;

		crc = crc32_table[7][v & 255] ^ crc32_table[6][v >> 8 & 255] ^
		      crc32_table[5][v >> 16 & 255] ^ crc32_table[4][v >> 24 & 255] ^
		      crc32_table[3][v >> 32 & 255] ^ crc32_table[2][v >> 40 & 255] ^
		      crc32_table[1][v >> 48 & 255] ^ crc32_table[0][v >> 56];
	}
#endif
	for (; n > 0; p++, n--)
		crc = crc32_table[0][(crc ^ *p) & 255] ^ crc >> 8;
	return crc;
}

/* ---- by multiplication ---- */

#define FOLDED 64 /* bytes at a time */

#if defined(__x86_64__)
#include <cpuid.h>
#include <emmintrin.h>
#include <wmmintrin.h>

#define CAN_MULTIPLY __attribute__((target("pclmul")))

/* The processor is asked once, for in a virtual machine the answer takes a microsecond and more. */
static bool
can_multiply(void)
{
	enum { NOT_ASKED, NO, YES };
	static atomic_u32 answer;
	uint32_t known = load_relaxed(&answer);

	if (known == NOT_ASKED) {
		unsigned a, b, c, d;

		known = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL) != 0 ? YES : NO;
		store_relaxed(&answer, known);
	}
	return known == YES;
}

/* The 16 bytes moved on by as much as the constants say, where more lie. */
static inline CAN_MULTIPLY __m128i
fold(__m128i block, __m128i by, __m128i more)
{
	return _mm_xor_si128(more, _mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00),
						 _mm_clmulepi64_si128(block, by, 0x11)));
}

static inline __m128i
load_block(const unsigned char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Over n bytes, a multiple of 64 and not 0: 16 bytes with their remainder. */
static CAN_MULTIPLY void
fold_all(uint32_t crc, const unsigned char *p, size_t n, unsigned char rest[16])
{
	const __m128i by_512 = load_block((const unsigned char *)crc32_by_512);
	const __m128i by_128 = load_block((const unsigned char *)crc32_by_128);
	__m128i a = _mm_xor_si128(load_block(p), _mm_cvtsi32_si128((int)crc));
	__m128i b = load_block(p + 16), c = load_block(p + 32), d = load_block(p + 48);

	for (p += FOLDED, n -= FOLDED; n > 0; p += FOLDED, n -= FOLDED) {
		a = fold(a, by_512, load_block(p));
		b = fold(b, by_512, load_block(p + 16));
		c = fold(c, by_512, load_block(p + 32));
		d = fold(d, by_512, load_block(p + 48));
	}
	d = fold(fold(fold(a, by_128, b), by_128, c), by_128, d);
	_mm_storeu_si128((__m128i *)(void *)rest, d);
}
#else
static bool
can_multiply(void)
{
	return false;
}

static void
fold_all(uint32_t crc, const unsigned char *p, size_t n, unsigned char rest[16])
{
	(void)crc, (void)p, (void)n, (void)rest;
}
#endif

uint32_t
cpromi_crc32_portable(uint32_t crc, const void *data, size_t n)
{
	return ~by_tables(~crc, data, n);
}

uint32_t
cpromi_crc32(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;
	size_t whole = n - n % FOLDED;
	unsigned char rest[16];

	crc = ~crc;
	if (whole > 0 && can_multiply()) {
		fold_all(crc, p, whole, rest);
		crc = by_tables(0, rest, sizeof(rest));
		p += whole;
		n -= whole;
	}
	return ~by_tables(crc, p, n);
}
