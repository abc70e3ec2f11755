/* SPDX-License-Identifier: MIT */
/*
 * text: the Prometheus text exposition format 0.0.4.
 */
#include "text.h"

#include "escape.h"
#include "number.h"

#include <string.h>

static inline char *
put(char *p, const char *bytes, size_t n)
{
	memcpy(p, bytes, n);
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

size_t
cpromi_text_line_bound(const struct text_line *l)
{
	return l->name_length + l->suffix_length + l->labels_length + l->extra_length +
	       2 * CPROMI_NUMBER_MAX + 8;
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
