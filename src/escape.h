/* SPDX-License-Identifier: MIT */
/*
 * escape: which texts are legal, and how they are written into a page.
 */
#ifndef CPROMI_ESCAPE_H
#define CPROMI_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the character at p, of n > 0 bytes; 0 if it is none. */
size_t cpromi_utf8_length(const char *p, size_t n);

/* Is it UTF-8 in shortest form, without surrogates, up to U+10FFFF? */
bool cpromi_utf8_valid(const char *text, size_t n);

/* Is it ASCII, and nothing in it to be escaped? The byte behind it may be read. */
bool cpromi_text_is_plain(const char *text, size_t n);

/*
 * Writes text to out with backslash and line feed escaped, and the double quote
 * too if quotes is set; returns the number of bytes. With out NULL it only counts.
 */
size_t cpromi_escape(const char *text, size_t n, bool quotes, char *out);

/*
 * The reverse of it with quotes set; NULL only counts. Any other pair of backslash and byte stays
 * as it is.
 */
size_t cpromi_unescape(const char *text, size_t n, char *out);

#endif
