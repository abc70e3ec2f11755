/* SPDX-License-Identifier: MIT */
/*
 * bounds: bucket bounds and quantiles, checked; and series of bounds, computed.
 */
#include "bounds.h"

#include "error.h"
#include "number.h"

#include <errno.h>
#include <stdbool.h>

/* A number as C text, for messages. */
struct spelled {
	char text[CPROMI_NUMBER_MAX + 1];
};

static struct spelled
spell(double v)
{
	struct spelled s;

	s.text[cpromi_double_text(v, s.text)] = '\0';
	return s;
}

static int
check_ascending(const char *name, const char *what, const cprom_doubles *d)
{
	if (name == NULL)
		name = "(null)";
	for (size_t i = 0; i < d->count; i++) {
		if (d->items[i] != d->items[i])
			return cpromi_fail(EINVAL, "%s: a %s is not a number", name, what);
		if (i > 0 && !(d->items[i - 1] < d->items[i]))
			return cpromi_fail(
				EINVAL, "%s: the %ss do not ascend: %s is followed by %s", name,
				what, spell(d->items[i - 1]).text, spell(d->items[i]).text);
	}
	return 0;
}

static int
too_many(const char *name, const char *what, int limit)
{
	return cpromi_fail(EINVAL, "%s: more than %d %s", name == NULL ? "(null)" : name, limit,
			   what);
}

int
cpromi_bounds_check(const char *name, cprom_doubles *b)
{
	if (b->items == NULL)
		return cpromi_fail(EINVAL, "%s: the buckets are NULL",
				   name == NULL ? "(null)" : name);
	/* First of all: a count that is a mistake would have us read what is not there. */
	if (b->count > CPROM_MAX_BUCKETS + 1)
		return too_many(name, "buckets", CPROM_MAX_BUCKETS);
	if (check_ascending(name, "bucket", b) == -1)
		return -1;
	if (b->items[b->count - 1] == __builtin_inf())
		b->count--;
	return b->count > CPROM_MAX_BUCKETS ? too_many(name, "buckets", CPROM_MAX_BUCKETS) : 0;
}

int
cpromi_quantiles_check(const char *name, const cprom_doubles *q)
{
	if (q->items == NULL && q->count > 0)
		return cpromi_fail(EINVAL, "%s: the quantiles are NULL",
				   name == NULL ? "(null)" : name);
	if (q->count > CPROM_MAX_QUANTILES)
		return too_many(name, "quantiles", CPROM_MAX_QUANTILES);
	if (check_ascending(name, "quantile", q) == -1)
		return -1;
	if (q->count > 0 && !(q->items[0] >= 0 && q->items[q->count - 1] <= 1))
		return cpromi_fail(EINVAL, "%s: a quantile is not between 0 and 1",
				   name == NULL ? "(null)" : name);
	return 0;
}

/* out as a list, or an empty one and EINVAL: not valid, or not ascending to a finite end. */
static cprom_doubles
finish(const char *function, double *out, size_t count, bool valid)
{
	cprom_doubles made = {out, count};

	if (count == 0 || out == NULL)
		cpromi_fail(EINVAL, "%s: no buckets asked for", function);
	else if (valid && check_ascending(function, "bucket", &made) == 0 &&
		 out[count - 1] < __builtin_inf())
		return made;
	else
		cpromi_fail(EINVAL, "%s: the arguments give no ascending buckets", function);
	return (cprom_doubles){NULL, 0};
}

cprom_doubles
cprom_linear_buckets(double start, double width, size_t count, double *out)
{
	for (size_t i = 0; i < count && out != NULL; i++)
		out[i] = start + (double)i * width;
	return finish("cprom_linear_buckets", out, count, true);
}

cprom_doubles
cprom_exponential_buckets(double start, double factor, size_t count, double *out)
{
	bool valid = start > 0;

	for (size_t i = 0; i < count && out != NULL; i++, start *= factor)
		out[i] = start;
	return finish("cprom_exponential_buckets", out, count, valid);
}

static double
power(double base, size_t n)
{
	double p = 1;

	for (; n > 0; n >>= 1, base *= base)
		if (n & 1)
			p *= base;
	return p;
}

/*
 * The n-th root of ratio ≥ 1: the largest double whose n-th power does not exceed
 * it, found by halving the range of bit patterns, which are ordered as the
 * positive doubles are. 62 steps, no libm.
 */
static double
root(double ratio, size_t n)
{
	uint64_t low = double_bits(1), high = double_bits(ratio);

	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;

		if (power(bits_double(middle), n) <= ratio)
			low = middle;
		else
			high = middle - 1;
	}
	return bits_double(low);
}

cprom_doubles
cprom_exponential_buckets_range(double min, double max, size_t count, double *out)
{
	double factor;

	if (!(min > 0 && max > min && max < __builtin_inf() && max / min < __builtin_inf()) ||
	    count < 2)
		return finish("cprom_exponential_buckets_range", out, count, false);
	factor = root(max / min, count - 1);
	for (size_t i = 0; i < count && out != NULL; i++)
		out[i] = i == count - 1 ? max : min * power(factor, i);
	return finish("cprom_exponential_buckets_range", out, count, true);
}
