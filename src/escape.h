/* SPDX-License-Identifier: MIT */
/*
 * escape: which texts are legal, and how they are written into a page.
 */
#ifndef CPROMI_ESCAPE_H
#define CPROMI_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Is it UTF-8 in shortest form, without surrogates, up to U+10FFFF? */
bool cpromi_utf8_valid(const char *text, size_t n);

/* Is it ASCII, and nothing in it to be escaped? The byte behind it may be read. */
bool cpromi_text_is_plain(const char *text, size_t n);

/* [a-zA-Z_:][a-zA-Z0-9_:]* and [a-zA-Z_][a-zA-Z0-9_]*, at most CPROM_MAX_NAME_BYTES long. */
bool cpromi_metric_name_valid(const char *name);
bool cpromi_label_name_valid(const char *name);

/*
 * Writes text to out with backslash and line feed escaped, and the double quote
 * too if quotes is set; returns the number of bytes. With out NULL it only counts.
 */
size_t cpromi_escape(const char *text, size_t n, bool quotes, char *out);

#endif
