/* SPDX-License-Identifier: MIT */
/*
 * number: doubles and whole numbers to text, in no locale.
 *
 * Fractions and large values go through Schubfach (Raffaello Giulietti, "The
 * Schubfach way to render doubles", 2020); whole numbers below 2^53 are their
 * own shortest digits. All arithmetic is on integers, so neither the rounding
 * mode nor the floating-point flags of the program matter or change. There is
 * no state but constant tables.
 *
 * What holds
 *  1. The digits of a shortest decimal are 1 … 10^17-1, and at least 10^15 unless
 *     the double is subnormal: they are c × 2^q / 10^k before rounding, where c is
 *     2^52 … 2^53-1 and 10^k the next power of ten below 2^q (below 3/4 × 2^q if
 *     c is 2^52).
 *  2. A value with an exponent of ten in 0 … 5 that reaches lay_out() has a
 *     fraction: whole numbers below 10^6 are printed as such before, and no
 *     other double has a whole number for its shortest digits there.
 *  3. Stores may go past the end of the text, but never past the
 *     CPROMI_NUMBER_MAX bytes that the caller has: sign, 17 digits and what
 *     lay_out() puts around them end at byte 24 in the longest case.
 */
#include "number.h"

#include "number_table.h"
#include "platform.h"

#define FRACTION_BITS 52
#define FRACTION_MASK (((uint64_t)1 << FRACTION_BITS) - 1)
#define EXPONENT_MASK 0x7ff
#define EXPONENT_BIAS 1023

#define MAX_DIGITS 17
#define CHUNK 100000000                /* 10^8: eight digits at a time */
#define EIGHT_ZEROS 0x3030303030303030 /* "00000000" */
#define PLAIN_WHOLE_END 1000000        /* from here on "1e+06" */

/* Seventeen digits, the first of which is not 0, and its power of ten. */
struct decimal {
	uint64_t digits;
	int exponent;
};

/* Seventeen digits as text, in bytes of words: 1 + 8 + 8. */
struct digits {
	uint64_t first;
	uint64_t middle; /* the first of the eight in the lowest byte */
	uint64_t last;
	unsigned count; /* without zeros at the end */
};

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

/* clang-format off */
static const uint64_t ten_to[] = {
	1u, 10u, 100u, 1000u, 10000u,
	100000u, 1000000u, 10000000u, 100000000u, 1000000000u,
	10000000000u, 100000000000u, 1000000000000u, 10000000000000u, 100000000000000u,
	1000000000000000u, 10000000000000000u, 100000000000000000u, 1000000000000000000u,
	10000000000000000000u,
};
/* clang-format on */

/* How many digits v has; 1 for 0. */
static unsigned
digit_count(uint64_t v)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
	unsigned least = bits * 1233 >> 12; /* floor(bits × log10(2)) */

	return least + ((v | 1) >= ten_to[least]);
}

/* digits × 10^exponent, digits as in invariant 1. */
static inline struct decimal
left_align(uint64_t digits, int exponent)
{
	unsigned count;

	if (LIKELY(digits >= ten_to[15])) { /* not subnormal */
		int full = digits >= ten_to[16];

		return (struct decimal){full ? digits : digits * 10, exponent + 15 + full};
	}
	count = digit_count(digits);
	return (struct decimal){digits * ten_to[MAX_DIGITS - count], exponent + (int)count - 1};
}

static void
put_2(uint32_t v, char *out)
{
	memcpy(out, pairs + 2 * v, 2);
}

/* Exactly eight digits, zeros in front. */
static void
put_8(uint32_t v, char *out)
{
	uint32_t high = v / 10000, low = v % 10000;

	put_2(high / 100, out);
	put_2(high % 100, out + 2);
	put_2(low / 100, out + 4);
	put_2(low % 100, out + 6);
}

size_t
cpromi_u64_text(uint64_t v, char *out)
{
	unsigned count = digit_count(v);
	char *p = out + count;
	uint32_t rest;

	while (v >= CHUNK) {
		p -= 8;
		put_8((uint32_t)(v % CHUNK), p);
		v /= CHUNK;
	}
	for (rest = (uint32_t)v; rest >= 100; rest /= 100) {
		p -= 2;
		put_2(rest % 100, p);
	}
	if (rest >= 10)
		put_2(rest, p - 2);
	else
		p[-1] = (char)('0' + rest);
	return count;
}

size_t
cpromi_i64_text(int64_t v, char *out)
{
	if (v >= 0)
		return cpromi_u64_text((uint64_t)v, out);
	*out = '-';
	return 1 + cpromi_u64_text(0 - (uint64_t)v, out + 1);
}

/* floor(log2(10^q)) for every q of the table; as below, >> rounds towards -∞. */
static int
log2_of_power(int q)
{
	return (q * 1741647) >> 19;
}

/*
 * p × 10^q without the power of two, to a multiple of 1/4; the last bit is set
 * if anything was cut off ("round to odd"), so that comparisons stay exact.
 */
static uint64_t
scale(uint64_t high, uint64_t low, uint64_t p)
{
	uint64_t ignored, bottom, top;
	uint64_t carry = mul_high(low, p, &ignored);

	top = mul_high(high, p, &bottom);
	bottom += carry;
	top += bottom < carry;
	return top | (bottom > 1);
}

/*
 * The shortest decimal that reads back as c × 2^q, of several the closest, of
 * two the even one. narrow: the next double below is only half as far away as
 * the one above. Which of the candidates wins is as good as random, so they
 * are picked without branches. (The paper leaves multiples of ten out if s < 10.
 * That is so for the two smallest doubles only, and they come out the same.)
 */
static struct decimal
shortest(uint64_t c, int q, int narrow)
{
	int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
	int shift = q + log2_of_power(-k) + 1;
	const uint64_t *power = powers[-k - POWERS_FIRST];
	uint64_t low_word = power[1] + (k <= 0);
	uint64_t odd = c & 1; /* the bounds belong to the interval only if c is even */
	uint64_t low = scale(power[0], low_word, (4 * c - 2 + (uint64_t)narrow) << shift) + odd;
	uint64_t value = scale(power[0], low_word, (4 * c) << shift);
	uint64_t high = scale(power[0], low_word, (4 * c + 2) << shift) - odd;
	uint64_t s = value / 4, tens = s / 10 * 10;
	int below = low <= 4 * s, above = 4 * s + 4 <= high;
	int tens_below = low <= 4 * tens, tens_above = 4 * tens + 40 <= high;
	int closer_above = value + (s & 1) > 4 * s + 2;
	uint64_t ones = s + (uint64_t)(below != above ? above : closer_above);

	tens += tens_above ? 10 : 0;
	return left_align(tens_below != tens_above ? tens : ones, k);
}

/*
 * Eight decimal digits as eight bytes 0 … 9 of a word, the first in the lowest:
 * halves, quarters and digits are split off side by side, x/100 and x/10 as
 * multiplications that are exact for the few digits that x has there. Unlike
 * with put_8(), zeros at the end can be counted without reading the text again.
 */
static inline uint64_t
eight_digits(uint32_t v)
{
	uint64_t halves = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t hundreds = (halves * 10486 >> 20) & 0x0000007f0000007f;
	uint64_t quarters = (halves << 16) - hundreds * ((100 << 16) - 1);
	uint64_t tens = (quarters * 103 >> 10) & 0x000f000f000f000f;

	return (quarters << 8) - tens * ((10 << 8) - 1);
}

/* The lowest byte first, on every machine. */
static inline void
put_word(uint64_t w, char *out)
{
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		w = __builtin_bswap64(w);
	memcpy(out, &w, sizeof(w));
}

static inline struct digits
split(uint64_t v)
{
	struct digits d;
	uint32_t head = (uint32_t)(v / CHUNK), tail = (uint32_t)(v % CHUNK);
	uint64_t middle = eight_digits(head % CHUNK), last = 0;

	if (tail != 0) {
		last = eight_digits(tail);
		d.count = MAX_DIGITS - (unsigned)__builtin_clzll(last) / 8;
	} else {
		d.count = middle != 0 ? 9 - (unsigned)__builtin_clzll(middle) / 8 : 1;
	}
	d.first = '0' + head / CHUNK;
	d.middle = middle + EIGHT_ZEROS;
	d.last = last + EIGHT_ZEROS;
	return d;
}

static inline void
put_17(const struct digits *d, char *out)
{
	out[0] = (char)d->first;
	put_word(d->middle, out + 1);
	put_word(d->last, out + 9);
}

/*
 * The digits with a point after the first whole of them (1 … 6). The front is
 * put together in a register: moving bytes that were just stored would stall.
 */
static inline void
put_17_with_point(const struct digits *d, unsigned whole, char *out)
{
	uint64_t front = d->first | d->middle << 8;
	uint64_t mask = ((uint64_t)1 << 8 * whole) - 1;

	put_word(d->middle, out + 2);
	put_word(d->last, out + 10);
	put_word((front & mask) | (uint64_t)'.' << 8 * whole | (front & ~mask) << 8, out);
}

/* "e+06", "e-308": always a sign, at least two digits. */
static char *
put_exponent(int x, char *p)
{
	uint32_t size = (uint32_t)(x < 0 ? -x : x);

	*p++ = 'e';
	*p++ = x < 0 ? '-' : '+';
	*p = (char)('0' + size / 100);
	p += size >= 100;
	put_2(size % 100, p);
	return p + 2;
}

/* The layout "d.ddde+XX" of count digits that start at out + 1. */
static inline size_t
scientific(size_t count, int x, char *out)
{
	out[0] = out[1];
	out[1] = '.';
	return (size_t)(put_exponent(x, out + (count > 1 ? count + 1 : 1)) - out);
}

static size_t
lay_out(struct decimal decimal, char *out)
{
	struct digits d = split(decimal.digits);
	int x = decimal.exponent;

	if (x < 0 && x >= -4) {
		memcpy(out, "0.000", 5);
		put_17(&d, out + 1 - x);
		return (size_t)(1 - x) + d.count;
	}
	if (x >= 0 && x <= 5) {
		put_17_with_point(&d, (unsigned)x + 1, out);
		return d.count + 1; /* invariant 2 */
	}
	put_17(&d, out + 1);
	return scientific(d.count, x, out);
}

/* A whole number from 1 to 2^53 - 1 is its own shortest digits. */
static size_t
whole_text(uint64_t v, char *out)
{
	size_t count, kept;

	if (v < PLAIN_WHOLE_END)
		return cpromi_u64_text(v, out);
	kept = count = cpromi_u64_text(v, out + 1);
	while (out[kept] == '0')
		kept--;
	return scientific(kept, (int)count - 1, out);
}

/* A finite double other than zero, without its sign. */
static size_t
finite_text(uint64_t fraction, int biased, char *out)
{
	uint64_t c = fraction | (uint64_t)1 << FRACTION_BITS;
	int below_point = EXPONENT_BIAS + FRACTION_BITS - biased; /* bits of c */
	uint64_t whole;

	if (biased == 0)
		return lay_out(shortest(fraction, 1 - EXPONENT_BIAS - FRACTION_BITS, 0), out);
	if (below_point >= 0 && below_point <= FRACTION_BITS) {
		whole = c >> below_point;
		if (whole << below_point == c)
			return whole_text(whole, out);
	}
	return lay_out(shortest(c, -below_point, fraction == 0 && biased > 1), out);
}

size_t
cpromi_double_text(double v, char *out)
{
	uint64_t bits = double_bits(v), fraction = bits & FRACTION_MASK;
	int biased = (int)(bits >> FRACTION_BITS) & EXPONENT_MASK;
	size_t sign = (size_t)(bits >> 63);

	if (UNLIKELY(biased == EXPONENT_MASK)) {
		if (fraction != 0) {
			memcpy(out, "NaN", 3);
			return 3;
		}
		memcpy(out, sign ? "-Inf" : "+Inf", 4);
		return 4;
	}
	if (bits << 1 == 0) {
		*out = '0';
		return 1;
	}
	*out = '-'; /* overwritten if there is no sign */
	return sign + finite_text(fraction, biased, out + sign);
}
