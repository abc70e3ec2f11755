/* SPDX-License-Identifier: MIT */
/*
 * number: doubles and whole numbers to text, in no locale.
 *
 * Long fractions and large values go through Schubfach (Raffaello Giulietti, "The
 * Schubfach way to render doubles", 2020), nearly all of them by a shorter way that
 * needs one product of its three; whole numbers below 2^53 and short fractions
 * are their own shortest digits. All arithmetic is on integers, so neither the rounding
 * mode nor the floating-point flags of the program matter or change. There is
 * no state but constant tables.
 *
 * What holds
 *  1. c × 2^q / 10^k, where c is 2^52 … 2^53-1 and 10^k the next power of ten below
 *     2^q (below 3/4 × 2^q if c is 2^52), is 10^15 … 10^17-1, before rounding and after.
 *  2. A value with an exponent of ten in 0 … 5 that reaches lay_out() has a
 *     fraction: whole numbers below 10^6 are printed as such before, and no
 *     other double has a whole number for its shortest digits there.
 *  3. Stores may go past the end of the text, but never past the
 *     CPROMI_NUMBER_MAX bytes that the caller has: sign, 17 digits and what
 *     lay_out() puts around them end at byte 24 in the longest case.
 *  4. Two decimals of at most 15 digits never read back to the same double. So if the
 *     exact value of a double has no more, these digits are the shortest. n/128 below
 *     10^6 has 6 before the point at most, and 7 behind it.
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
#define SHORT_PLACES 7                 /* binary places of a short fraction: so many decimal ones */

/* Seventeen digits, the first of which is not 0: 16 and the last; and the first one's power of ten. */
struct decimal {
	uint64_t front;
	uint32_t last;
	int exponent;
};

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

/* digits × 10^exponent; digits are 1 … 10^17-1. */
static inline struct decimal
left_align(uint64_t digits, int exponent)
{
	unsigned count = digit_count(digits);

	if (count == MAX_DIGITS)
		return (struct decimal){digits / 10, (uint32_t)(digits % 10), exponent + 16};
	return (struct decimal){digits * ten_to[16 - count], 0, exponent + (int)count - 1};
}

/*
 * Eight decimal digits as eight bytes 0 … 9 of a word, the first in the lowest:
 * halves, quarters and digits are split off side by side, x/100 and x/10 as
 * multiplications that are exact for the few digits that x has there.
 */
static inline uint64_t
eight_digits(uint32_t v)
{
	uint64_t halves = ((uint64_t)v << 32) - v / 10000 * (((uint64_t)10000 << 32) - 1);
	uint64_t hundreds = (halves * 10486 >> 20) & 0x0000007f0000007f;
	uint64_t quarters = (halves << 16) - hundreds * ((100 << 16) - 1);
	uint64_t tens = (quarters * 103 >> 10) & 0x000f000f000f000f;

	return (quarters << 8) - tens * ((10 << 8) - 1);
}

/* How many of them there are up to the last one that is not 0; not all are. */
static inline size_t
significant(uint64_t digits)
{
	return 1 + (63 ^ (size_t)__builtin_clzll(digits)) / 8;
}

/* The lowest byte first, on every machine. */
static inline void
put_word(uint64_t w, char *out)
{
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		w = __builtin_bswap64(w);
	memcpy(out, &w, sizeof(w));
}

/* Exactly eight digits, zeros in front. */
static inline void
put_8(uint64_t v, char *out)
{
	put_word(eight_digits((uint32_t)v) + EIGHT_ZEROS, out);
}

/* Up to eight digits, no zeros in front; stores eight bytes. */
static inline size_t
put_short(uint64_t v, char *out)
{
	uint64_t digits;
	unsigned zeros;

	if (v < 10) {
		*out = (char)('0' + v);
		return 1;
	}
	digits = eight_digits((uint32_t)v);
	zeros = (unsigned)__builtin_ctzll(digits | (uint64_t)1 << 56) / 8;
	put_word((digits + EIGHT_ZEROS) >> 8 * zeros, out);
	return 8 - zeros;
}

size_t
cpromi_u64_text(uint64_t v, char *out)
{
	size_t n;

	if (v < CHUNK)
		return put_short(v, out);
	n = cpromi_u64_text(v / CHUNK, out);
	put_8(v % CHUNK, out + n);
	return n + 8;
}

size_t
cpromi_i64_text(int64_t v, char *out)
{
	if (v >= 0)
		return cpromi_u64_text((uint64_t)v, out);
	*out = '-';
	return 1 + cpromi_u64_text(0 - (uint64_t)v, out + 1);
}

size_t
cpromi_canonical_text(double v, char *out)
{
	size_t n = cpromi_double_text(v, out);

	for (size_t i = 0; i < n; i++)
		if (out[i] == '.' || out[i] == 'e' || out[i] == 'N') /* NaN too; Inf has an n */
			return n;
	if (out[n - 1] == 'f')
		return n;
	out[n] = '.';
	out[n + 1] = '0';
	return n + 2;
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
static COLD struct decimal
shortest_exactly(uint64_t c, int q, int narrow)
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
 * The same of c that is not 2^52, by the value's distance from the multiple of ten below
 * it and half the distance to the next double. In their last bits, 2^-60, both are cut
 * off: less than 1.001 too small and, as powers of the table are cut or rounded up, less than
 * 0.001 too large. So value - half has the right sign unless it is -1 … 1, and value + half
 * is on the right side of ten unless it is ten - 2 … ten; likewise the fraction, in 2^-64, is on
 * that of one half unless it is 2^63 - 1 or 2^63. These few are left to the way above.
 */
static inline struct decimal
shortest(uint64_t c, int q)
{
	const uint64_t ten = (uint64_t)10 << 60;
	int k = (q * 1262611) >> 22;
	int shift = q + log2_of_power(-k) + 1; /* 1 … 4 */
	const uint64_t *power = powers[-k - POWERS_FIRST];
	uint64_t ignored, fraction, whole = mul_high(power[0], c << shift, &fraction);
	uint64_t carry = mul_high(power[1], c << shift, &ignored);
	uint64_t tens, digit, value, half;
	uint64_t below, above, last, full;

	fraction += carry;
	whole += fraction < carry;
	tens = whole / 10;
	digit = whole - tens * 10;
	value = digit << 60 | fraction >> 4; /* above 10 × tens, in 2^-60 */
	half = power[0] >> (5 - shift);
	if (UNLIKELY((value - half + 1 <= 2) | (value + half - ten + 2 <= 2) |
		     (fraction + 1 - ((uint64_t)1 << 63) <= 1)))
		return shortest_exactly(c, q, 0);
	below = value < half;       /* 10 × tens reads back */
	above = value + half > ten; /* 10 × tens + 10 does */
	/* Masks: what is as good as random must not become a branch. */
	last = (digit + (fraction >> 63)) & ((uint64_t)(below | above) - 1);
	tens += above;
	full = tens >= ten_to[15];
	return (struct decimal){tens + ((tens * 9 + last) & (full - 1)),
				(uint32_t)(last & (0 - full)), k + 15 + (int)full};
}

/* "e+06", "e-308": always a sign, at least two digits. */
static char *
put_exponent(int x, char *p)
{
	uint32_t size = (uint32_t)(x < 0 ? -x : x);

	memcpy(p, x < 0 ? "e-" : "e+", 2);
	p[2] = (char)('0' + size / 100);
	p += 2 + (size >= 100);
	p[0] = (char)('0' + size / 10 % 10);
	p[1] = (char)('0' + size % 10);
	return p + 2;
}

/* Layouts "0.000ddd", "ddd.ddd" and "d.ddde+XX". */
static size_t
lay_out(struct decimal d, char *out)
{
	uint64_t high = eight_digits((uint32_t)(d.front / CHUNK));
	uint64_t low = eight_digits((uint32_t)(d.front % CHUNK));
	size_t whole = d.exponent >= 0 && d.exponent <= 5 ? (size_t)d.exponent + 1 : 1;
	size_t count = 16 + (d.last != 0); /* without zeros at the end */

	if (UNLIKELY((low >> 56 | d.last) == 0))
		count = low != 0 ? 8 + significant(low) : significant(high);
	high += EIGHT_ZEROS;
	low += EIGHT_ZEROS;
	if (d.exponent < 0 && d.exponent >= -4) {
		memcpy(out, "0.000000", 8);
		out += 1 - d.exponent;
		put_word(high, out);
		put_word(low, out + 8);
		out[16] = (char)('0' + d.last);
		return (size_t)(1 - d.exponent) + count;
	}
	/* Digits before the point again behind it: moving bytes just stored would stall. */
	put_word(high, out);
	put_word(high >> 8 * whole, out + whole + 1);
	out[whole] = '.';
	put_word(low, out + 9);
	out[17] = (char)('0' + d.last);
	if (d.exponent >= 0 && d.exponent <= 5)
		return count + 1; /* invariant 2 */
	return (size_t)(put_exponent(d.exponent, out + (count > 1 ? count + 1 : 1)) - out);
}

/* A double that has no short fraction. */
static NOINLINE size_t
long_text(uint64_t bits, char *out)
{
	uint64_t fraction = bits & FRACTION_MASK, c = fraction | (uint64_t)1 << FRACTION_BITS;
	int biased = (int)(bits >> FRACTION_BITS) & EXPONENT_MASK;
	int below_point = EXPONENT_BIAS + FRACTION_BITS - biased; /* bits of c */
	size_t sign = (size_t)(bits >> 63);
	struct decimal d;

	if (UNLIKELY(biased == EXPONENT_MASK)) {
		if (fraction != 0) {
			memcpy(out, "NaN", 3);
			return 3;
		}
		memcpy(out, sign ? "-Inf" : "+Inf", 4);
		return 4;
	}
	*out = '-'; /* overwritten if there is no sign */
	if (below_point >= 0 && below_point <= FRACTION_BITS &&
	    c >> below_point << below_point == c)
		d = left_align(c >> below_point, 0); /* a whole number is its own shortest digits */
	else if (UNLIKELY(biased == 0))
		d = shortest_exactly(fraction, 1 - EXPONENT_BIAS - FRACTION_BITS, 0);
	else if (UNLIKELY(fraction == 0))
		d = shortest_exactly(c, -below_point, biased > 1);
	else
		d = shortest(c, -below_point);
	return sign + lay_out(d, out + sign);
}

/* A whole number below 10^6, and so many times 1/128. Their exact digits: invariant 4. */
static inline size_t
short_text(uint64_t whole, uint64_t parts, char *out)
{
	uint64_t digits = eight_digits((uint32_t)parts * (10 * 78125)); /* × 10 × 5^7 */
	size_t n = put_short(whole, out);

	if (parts == 0)
		return n;
	out[n] = '.';
	put_word(digits + EIGHT_ZEROS, out + n + 1);
	return n + 1 + significant(digits);
}

size_t
cpromi_double_text(double v, char *out)
{
	uint64_t bits = double_bits(v), parts;
	uint64_t c = (bits & FRACTION_MASK) | (uint64_t)1 << FRACTION_BITS;
	unsigned below_point = EXPONENT_BIAS + FRACTION_BITS -
			       (bits >> FRACTION_BITS & EXPONENT_MASK);
	size_t sign = (size_t)(bits >> 63);

	if (LIKELY(below_point >= SHORT_PLACES && below_point <= FRACTION_BITS + SHORT_PLACES)) {
		parts = c >> (below_point - SHORT_PLACES);
		if (parts << (below_point - SHORT_PLACES) == c &&
		    parts >> SHORT_PLACES < PLAIN_WHOLE_END) {
			*out = '-'; /* overwritten if there is no sign */
			return sign + short_text(parts >> SHORT_PLACES, parts % (1 << SHORT_PLACES),
						 out + sign);
		}
	} else if (bits << 1 == 0) {
		*out = '0';
		return 1;
	}
	return long_text(bits, out);
}
