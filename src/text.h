/* SPDX-License-Identifier: MIT */
/*
 * text: the Prometheus text exposition format 0.0.4.
 */
#ifndef CPROMI_TEXT_H
#define CPROMI_TEXT_H

#include "number.h"

#include <stddef.h>
#include <stdint.h>

#define CPROMI_TEXT_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* HELP and TYPE of a family. */
struct text_head {
	const char *name, *help;
	size_t name_length, help_length;
	const char *type;
};

/* One sample. labels and extra (`le="1"`) are as they stand between the braces. */
struct text_line {
	const char *name, *suffix, *labels, *extra;
	size_t name_length, suffix_length, labels_length, extra_length;
	double value;
	int64_t timestamp_ms; /* 0: none */
};

/* More bytes than the head or line takes. */
size_t cpromi_text_head_bound(const struct text_head *h);

static inline size_t
cpromi_text_line_bound(const struct text_line *l)
{
	return l->name_length + l->suffix_length + l->labels_length + l->extra_length +
	       2 * CPROMI_NUMBER_MAX + 8;
}

/* Write it to p, which has room for the bound; return the end. */
char *cpromi_text_head(char *p, const struct text_head *h);
char *cpromi_text_line(char *p, const struct text_line *l);

#endif
