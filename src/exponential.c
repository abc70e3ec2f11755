/* SPDX-License-Identifier: MIT */
/*
 * exponential: which exponential bucket a value is in, and where a bucket ends.
 */
#include "exponential.h"

#include "exponential_table.h"

int32_t
cpromi_exponential_index_rare(double v)
{
	uint64_t bits = double_bits(v);
	int shift;

	if (v == __builtin_inf())
		return EXPONENTIAL_LAST_INDEX + 1;
	shift = __builtin_clzll(bits) - 11; /* a subnormal: bring its first bit to bit 52 */
	return exponential_index_of((bits << shift) & DOUBLE_MANTISSA, -1021 - shift);
}

/* 2^e · x in two steps, either of which may be subnormal or large. */
static double
scale(double x, int32_t e)
{
	int32_t half = e / 2;

	return x * bits_double((uint64_t)(half + 1023) << 52) *
	       bits_double((uint64_t)(e - half + 1023) << 52);
}

double
cpromi_exponential_bound(int32_t schema, int32_t index)
{
	int32_t i = cpromi_exponential_end(index, (uint32_t)(EXPONENTIAL_MAX_SCHEMA - schema));
	double f = bits_double((uint64_t)1022 << 52 | cpromi_bound_mantissas[i & 255]);

	if (i > EXPONENTIAL_LAST_INDEX)
		return __builtin_inf();
	if (i == EXPONENTIAL_LAST_INDEX)
		return 0x1.fffffffffffffp1023;
	return scale(f, (i >> 8) + 1);
}

/*
 * The schema n of b = 2^(2^-n): b ≤ factor as b^(2^k) ≤ factor^(2^k), k = 8 … -4. So
 * the factor is squared until it is 2 or more; or its root is taken, which is to compare
 * it with 2, 4, 16, 256, 65536. No libm.
 */
int32_t
cpromi_exponential_schema(double factor)
{
	int32_t schema = 0;

	for (double b = 4; schema > EXPONENTIAL_MIN_SCHEMA && factor >= b; b *= b)
		schema--;
	for (; schema < EXPONENTIAL_MAX_SCHEMA && factor < 2; factor *= factor)
		schema++;
	return schema;
}
