/* SPDX-License-Identifier: MIT */
/*
 * text: the Prometheus text exposition format 0.0.4.
 */
#include "text.h"

#include "escape.h"
#include "number.h"
#include "platform.h"

#include <string.h>

static inline void
put_16(char *p, const char *bytes)
{
	memcpy(p, bytes, 16);
}

static char *
put_long(char *p, const char *bytes, size_t n)
{
	for (size_t i = 0; i + 16 <= n; i += 16)
		put_16(p + i, bytes + i);
	put_16(p + n - 16, bytes + n - 16);
	return p + n;
}

/*
 * memcpy() for the pieces that a line is made of: here a call costs more than the copy. Two
 * copies from either end overlap as the length wants it.
 */
static inline char *
put(char *p, const char *bytes, size_t n)
{
	if (n > 64)
		return put_long(p, bytes, n);
	if (n >= 16) {
		put_16(p, bytes);
		if (n > 32) {
			put_16(p + 16, bytes + 16);
			put_16(p + n - 32, bytes + n - 32);
		}
		put_16(p + n - 16, bytes + n - 16);
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
put_string(char *p, const char *text)
{
	return put(p, text, strlen(text));
}

size_t
cpromi_text_head_bound(const struct text_head *h)
{
	return 2 * h->name_length + 2 * h->help_length + 64;
}

char *
cpromi_text_head(char *p, const struct text_head *h)
{
	p = put_string(p, "# HELP ");
	p = put(p, h->name, h->name_length);
	*p++ = ' ';
	p += cpromi_escape(h->help, h->help_length, false, p);
	p = put_string(p, "\n# TYPE ");
	p = put(p, h->name, h->name_length);
	*p++ = ' ';
	p = put_string(p, h->type);
	*p++ = '\n';
	return p;
}

/* Up to where the extra label goes, or else the value. */
static inline char *
put_front(char *p, const struct text_line *l, bool extra)
{
	p = put(p, l->name, l->name_length);
	if (l->suffix_length > 0)
		p = put(p, l->suffix, l->suffix_length);
	if (l->labels_length > 0) {
		*p++ = '{';
		p = put(p, l->labels, l->labels_length);
		*p = ',';
		p += extra;
	} else if (extra) {
		*p++ = '{';
	}
	return p;
}

static inline char *
put_value(char *p, bool braces, double value)
{
	if (braces)
		*p++ = '}';
	*p++ = ' ';
	return p + cpromi_double_text(value, p);
}

char *
cpromi_text_line(char *p, const struct text_line *l)
{
	p = put_front(p, l, l->extra_length > 0);
	p = put(p, l->extra, l->extra_length);
	p = put_value(p, l->labels_length + l->extra_length > 0, l->value);
	if (l->timestamp_ms != 0) {
		*p++ = ' ';
		p += cpromi_i64_text(l->timestamp_ms, p);
	}
	*p++ = '\n';
	return p;
}

char *
cpromi_text_value(char *p, const struct definition *d, const struct text *labels, double value)
{
	const struct text_line l = {
		.name = d->name,
		.name_length = d->name_length,
		.labels = labels->bytes,
		.labels_length = labels->length,
	};

	p = put_value(put_front(p, &l, false), labels->length > 0, value);
	*p++ = '\n';
	return p;
}

char *
cpromi_text_samples(char *p, const struct text_line *l, const double *values,
		    const struct bound_text *extras, size_t n)
{
	const char *front = p;
	size_t length;

	p = put_front(p, l, true);
	length = (size_t)(p - front);
	for (size_t i = 0;;) {
		p = put(p, extras[i].text, extras[i].length);
		p = put_value(p, true, values[i]);
		*p++ = '\n';
		if (++i == n)
			return p;
		p = put(p, front, length); /* in one piece, and it is in the cache */
	}
}
