/* SPDX-License-Identifier: MIT */
/*
 * fuzz_number: any double and any whole number as text. It reads back to the same, has no
 * more digits than printf needs, and is spelled as Go spells it.
 *
 * The input is a number in digits, and its first eight bytes are the bits of another one.
 */
#include "number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIGITS 17

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool what)
{
	if (!what)
		abort();
}

/* What the function writes into exactly as much room as it may have. */
#define TEXT_OF(function, v, text)                                                                 \
	do {                                                                                       \
		char *room_ = malloc(CPROMI_NUMBER_MAX);                                           \
		size_t n_ = function(v, room_);                                                    \
		demand(n_ > 0 && n_ <= CPROMI_NUMBER_MAX);                                         \
		memcpy(text, room_, n_);                                                           \
		(text)[n_] = '\0';                                                                 \
		free(room_);                                                                       \
	} while (0)

/* The digits of "-d.ddde±xx", without the point; the exponent. */
static int
split_digits(const char *printed, char *digits)
{
	const char *p = printed + (*printed == '-');

	for (; *p != 'e'; p++)
		if (*p != '.')
			*digits++ = *p;
	*digits = '\0';
	return atoi(p + 1);
}

/* The fewest digits of printf that read back to v, laid out by Go's rule for 'g'. */
static void
spell(double v, char *out)
{
	char printed[40], digits[MOST_DIGITS + 1];
	int precision = 0, exponent, n;

	do
		snprintf(printed, sizeof(printed), "%.*e", precision, v);
	while (strtod(printed, NULL) != v && ++precision < MOST_DIGITS);
	exponent = split_digits(printed, digits);
	n = (int)strlen(digits);
	if (signbit(v))
		*out++ = '-';
	if (exponent < -4 || exponent >= 6)
		sprintf(out, "%c%s%se%c%02d", digits[0], n > 1 ? "." : "", digits + 1,
			exponent < 0 ? '-' : '+', abs(exponent));
	else if (exponent < 0)
		sprintf(out, "0.%.*s%s", -exponent - 1, "000", digits);
	else if (n > exponent + 1)
		sprintf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
	else
		sprintf(out, "%s%.*s", digits, exponent + 1 - n, "00000");
}

static void
check_canonical(double v, const char *text)
{
	char canonical[CPROMI_NUMBER_MAX + 1], right[CPROMI_NUMBER_MAX + 3];

	TEXT_OF(cpromi_canonical_text, v, canonical);
	strcpy(right, text);
	if (isfinite(v) && strpbrk(text, ".e") == NULL)
		strcat(right, ".0");
	demand(strcmp(canonical, right) == 0);
}

static void
check_double(double v)
{
	char text[CPROMI_NUMBER_MAX + 1], right[64], *end;
	double back;

	TEXT_OF(cpromi_double_text, v, text);
	check_canonical(v, text);
	if (!isfinite(v)) {
		demand(strcmp(text, isnan(v) ? "NaN" : v < 0 ? "-Inf" : "+Inf") == 0);
		return;
	}
	back = strtod(text, &end);
	demand(*end == '\0' && back == v && (v == 0 || signbit(back) == signbit(v)));
	if (v == 0)
		strcpy(right, "0");
	else
		spell(v, right);
	/* Beside a power of two printf may miss the shortest ones, which are on the wider side. */
	demand(strcmp(text, right) == 0 || strlen(text) < strlen(right));
}

static void
check_whole(uint64_t v)
{
	char text[CPROMI_NUMBER_MAX + 1], right[32];

	TEXT_OF(cpromi_u64_text, v, text);
	sprintf(right, "%llu", (unsigned long long)v);
	demand(strcmp(text, right) == 0);
	TEXT_OF(cpromi_i64_text, (int64_t)v, text);
	sprintf(right, "%lld", (long long)(int64_t)v);
	demand(strcmp(text, right) == 0);
}

/* The value, its neighbours, and the whole numbers that have its bits. */
static void
check(double v)
{
	uint64_t bits;

	check_double(v);
	check_double(-v);
	check_double(nextafter(v, INFINITY));
	check_double(nextafter(v, -INFINITY));
	memcpy(&bits, &v, sizeof(bits));
	check_whole(bits);
	check_whole(bits >> (bits & 63));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[400];
	double v;

	if (size > sizeof(text) - 1)
		size = sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	check(strtod(text, NULL));
	check_whole(strtoull(text, NULL, 10));
	if (size < sizeof(v))
		return 0;
	memcpy(&v, data, sizeof(v));
	check(v);
	return 0;
}
