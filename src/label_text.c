/* SPDX-License-Identifier: MIT */
/*
 * label_text: the labels of a series as they are stored, `a="x",b="y"`, piece by piece.
 */
#include "label_text.h"

#include "escape.h"
#include "name.h"

#include <cprom.h>
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

size_t
cpromi_label_name_spell(const char *name, size_t n, char *out)
{
	size_t length;

	if (cpromi_name_is_legal(NAME_OF_LABEL, name, n)) {
		if (out != NULL)
			memcpy(out, name, n);
		return n;
	}
	length = cpromi_escape(name, n, true, out == NULL ? NULL : out + 1);
	if (out != NULL)
		out[0] = out[1 + length] = '"';
	return length + 2;
}

size_t
cpromi_labels_respell(enum escaping scheme, const char *labels, size_t n, char *out)
{
	const char *end = labels + n;
	char name[CPROM_MAX_NAME_BYTES], *p = out;
	struct label_piece l;

	while (labels < end) {
		size_t length;

		labels = cpromi_label_next(labels, end, &l);
		length = cpromi_unescape(l.name, l.name_length, name);
		if (p > out)
			*p++ = ',';
		p += cpromi_name_escape(scheme, NAME_OF_LABEL, name, length, p);
		*p++ = '=';
		memcpy(p, l.value - 1, l.value_length + 2); /* with its quotes */
		p += l.value_length + 2;
	}
	return (size_t)(p - out);
}

bool
cpromi_labels_have(const char *labels, size_t n, const char *name, size_t length)
{
	const char *end = labels + n;
	struct label_piece l;

	while (labels < end) {
		labels = cpromi_label_next(labels, end, &l);
		if (l.name_length == length && memcmp(l.name, name, length) == 0)
			return true;
	}
	return false;
}

bool
cpromi_labels_are_distinct(const char *labels, size_t n)
{
	const char *end = labels + n;
	struct label_piece l;

	if (cpromi_labels_have(labels, n, "__name__", strlen("__name__")))
		return false;
	while (labels < end) {
		labels = cpromi_label_next(labels, end, &l);
		if (cpromi_labels_have(labels, (size_t)(end - labels), l.name, l.name_length))
			return false;
	}
	return true;
}
