/* SPDX-License-Identifier: MIT */
/*
 * platform: what differs between compilers and machines, decided here and nowhere else.
 */
#ifndef CPROMI_PLATFORM_H
#define CPROMI_PLATFORM_H

#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((cold, noinline))
#define NOINLINE __attribute__((noinline))
#define FLATTEN __attribute__((flatten)) /* what it calls becomes part of it */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CACHE_LINE 64

/* One load at a fixed distance from the thread register, in the shared library too. */
#ifndef THREAD_LOCAL /* tests/explore has threads of its own */
#define THREAD_LOCAL __attribute__((tls_model("initial-exec"))) _Thread_local
#if defined(__x86_64__) && defined(__LP64__)
#define THREAD_BASE_IN_FS 1
#endif
#endif

#define array_len(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t
double_bits(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static inline double
bits_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Eight bytes as a word whose lowest are the first, on machines of either order; and back. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE_ENDIAN_WORD(v) __builtin_bswap64(v)
#else
#define LITTLE_ENDIAN_WORD(v) (v)
#endif

static inline uint64_t
load_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return LITTLE_ENDIAN_WORD(v);
}

static inline void
store_le64(void *p, uint64_t v)
{
	v = LITTLE_ENDIAN_WORD(v);
	memcpy(p, &v, sizeof(v));
}

/* The 128-bit product of two words: the high word is returned, the low one stored. */
#if defined(__SIZEOF_INT128__)
static inline uint64_t
mul_high(uint64_t a, uint64_t b, uint64_t *low)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	*low = (uint64_t)product;
	return (uint64_t)(product >> 64);
}
#else
static inline uint64_t
mul_high(uint64_t a, uint64_t b, uint64_t *low)
{
	uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
	uint64_t mid = a1 * b0 + (a0 * b0 >> 32);
	uint64_t cross = a0 * b1 + (uint32_t)mid;

	*low = a * b;
	return a1 * b1 + (mid >> 32) + (cross >> 32);
}
#endif

#endif
