/* SPDX-License-Identifier: MIT */
/*
 * put: memcpy() for the pieces that a page is made of, a few bytes each.
 */
#ifndef CPROMI_PUT_H
#define CPROMI_PUT_H

#include <string.h>

static inline void
cpromi_put_16(char *p, const char *bytes)
{
	memcpy(p, bytes, 16);
}

static inline char *
cpromi_put_long(char *p, const char *bytes, size_t n)
{
	for (size_t i = 0; i + 16 <= n; i += 16)
		cpromi_put_16(p + i, bytes + i);
	cpromi_put_16(p + n - 16, bytes + n - 16);
	return p + n;
}

/*
 * Copies to p, and returns the end. A call would cost more than the copy: two copies from
 * either end overlap as the length wants it.
 */
static inline char *
cpromi_put(char *p, const char *bytes, size_t n)
{
	if (n > 64)
		return cpromi_put_long(p, bytes, n);
	if (n >= 16) {
		cpromi_put_16(p, bytes);
		if (n > 32) {
			cpromi_put_16(p + 16, bytes + 16);
			cpromi_put_16(p + n - 32, bytes + n - 32);
		}
		cpromi_put_16(p + n - 16, bytes + n - 16);
	} else if (n >= 8) {
		memcpy(p, bytes, 8);
		memcpy(p + n - 8, bytes + n - 8, 8);
	} else if (n >= 4) {
		memcpy(p, bytes, 4);
		memcpy(p + n - 4, bytes + n - 4, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			p[i] = bytes[i];
	}
	return p + n;
}

static inline char *
cpromi_put_string(char *p, const char *text)
{
	return cpromi_put(p, text, strlen(text));
}

#endif
