/* SPDX-License-Identifier: MIT */
/*
 * decode_values: reads names of the escaping scheme `values` back, as readers do it.
 */
#ifndef CPROM_TESTS_DECODE_VALUES_H
#define CPROM_TESTS_DECODE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static inline char *
put_utf8(char *p, unsigned long code)
{
	if (code < 0x80) {
		*p++ = (char)code;
		return p;
	}
	if (code < 0x800) {
		*p++ = (char)(0xC0 | code >> 6);
	} else if (code < 0x10000) {
		*p++ = (char)(0xE0 | code >> 12);
		*p++ = (char)(0x80 | (code >> 6 & 0x3F));
	} else {
		*p++ = (char)(0xF0 | code >> 18);
		*p++ = (char)(0x80 | (code >> 12 & 0x3F));
		*p++ = (char)(0x80 | (code >> 6 & 0x3F));
	}
	*p++ = (char)(0x80 | (code & 0x3F));
	return p;
}

/* The name, which ends in a NUL, to out; how many bytes that is, or 0 if it breaks a rule. */
static inline size_t
decode_values(const char *p, char *out)
{
	char *q = out, *stop;

	if (strncmp(p, "U__", 3) != 0)
		return 0;
	p += 3;
	while (*p != '\0') {
		if (*p != '_') {
			*q++ = *p++;
		} else if (p[1] == '_') {
			*q++ = '_';
			p += 2;
		} else {
			q = put_utf8(q, strtoul(p + 1, &stop, 16));
			if (stop == p + 1 || stop > p + 7 || *stop != '_')
				return 0;
			p = stop + 1;
		}
	}
	return (size_t)(q - out);
}

#endif
