/* SPDX-License-Identifier: MIT */
/*
 * number: doubles and whole numbers to text, in no locale.
 */
#ifndef CPROMI_NUMBER_H
#define CPROMI_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define CPROMI_NUMBER_MAX 24 /* bytes that any number takes at most */

/*
 * Write the number to out, which has room for CPROMI_NUMBER_MAX bytes; return
 * how many were written. No NUL is added. Async-signal-safe.
 *
 * double: the shortest text that reads back to the same double, spelled as Go's
 * strconv.FormatFloat(v, 'g', -1, 64) spells it ("1e+06", "0.25", "+Inf", "NaN"),
 * but "0" for both zeros. canonical: the same with ".0" behind whole numbers. u64: decimal digits; i64: with a sign if negative.
 */
size_t cpromi_double_text(double v, char *out);
size_t cpromi_canonical_text(double v, char *out);
size_t cpromi_u64_text(uint64_t v, char *out);
size_t cpromi_i64_text(int64_t v, char *out);

#endif
