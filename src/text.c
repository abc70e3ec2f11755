/* SPDX-License-Identifier: MIT */
/*
 * text: the Prometheus text exposition format 0.0.4.
 */
#include "text.h"

#include "escape.h"
#include "number.h"

#include <string.h>

static inline void
put_16(char *p, const char *bytes)
{
	memcpy(p, bytes, 16);
}

/* memcpy() for the short pieces that a line is made of: here a call costs more than the copy. */
static inline char *
put(char *p, const char *bytes, size_t n)
{
	if (n >= 16) {
		for (size_t i = 0; i + 16 <= n; i += 16)
			put_16(p + i, bytes + i);
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

char *
cpromi_text_line(char *p, const struct text_line *l)
{
	p = put(p, l->name, l->name_length);
	p = put(p, l->suffix, l->suffix_length);
	if (l->labels_length + l->extra_length > 0) {
		*p++ = '{';
		p = put(p, l->labels, l->labels_length);
		if (l->labels_length > 0 && l->extra_length > 0)
			*p++ = ',';
		p = put(p, l->extra, l->extra_length);
		*p++ = '}';
	}
	*p++ = ' ';
	p += cpromi_double_text(l->value, p);
	if (l->timestamp_ms != 0) {
		*p++ = ' ';
		p += cpromi_i64_text(l->timestamp_ms, p);
	}
	*p++ = '\n';
	return p;
}
