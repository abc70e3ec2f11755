/* SPDX-License-Identifier: MIT */
/*
 * label_text: the labels of a series as they are stored, `a="x",b="y"`, piece by piece.
 */
#include "label_text.h"

#include <string.h>

/* The closing quote of the text at p; *escaped is set if it has a backslash. */
static const char *
closing_quote(const char *p, bool *escaped)
{
	for (; *p != '"'; p++) {
		if (*p == '\\') {
			*escaped = true;
			p++;
		}
	}
	return p;
}

const char *
cpromi_label_next(const char *p, const char *end, struct label_piece *label)
{
	label->escaped = false;
	label->quoted = *p == '"';
	label->name = p + label->quoted;
	p = label->quoted ? closing_quote(label->name, &label->escaped)
			  : memchr(p, '=', (size_t)(end - p));
	label->name_length = (size_t)(p - label->name);
	p += label->quoted + sizeof("=\"") - 1;
	label->value = p;
	p = closing_quote(p, &label->escaped);
	label->value_length = (size_t)(p - label->value);
	p++;
	return p + (p < end); /* the comma */
}
