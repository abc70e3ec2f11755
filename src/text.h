/* SPDX-License-Identifier: MIT */
/*
 * text: the Prometheus text exposition format 0.0.4.
 */
#ifndef CPROMI_TEXT_H
#define CPROMI_TEXT_H

#include "family.h"
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

/* The line of a series that has one value. */
char *cpromi_text_value(char *p, const struct definition *d, const struct text *labels,
			double value);

static inline size_t
cpromi_text_value_bound(const struct definition *d, const struct text *labels)
{
	return cpromi_text_line_bound(&(struct text_line){.name_length = d->name_length,
							  .labels_length = labels->length});
}

/*
 * A line for each of n > 0 values, which differ in that and the extra label alone: so not those
 * of l, nor its timestamp, but these. p has room for n times the bound of l, and the extras.
 */
char *cpromi_text_samples(char *p, const struct text_line *l, const double *values,
			  const struct bound_text *extras, size_t n);

#endif
