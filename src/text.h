/* SPDX-License-Identifier: MIT */
/*
 * text: lines of the Prometheus text exposition formats; heads of version 0.0.4.
 */
#ifndef CPROMI_TEXT_H
#define CPROMI_TEXT_H

#include "exemplar.h"
#include "naming.h"
#include "number.h"
#include "sample.h"

/* One sample. labels and extra (`le="1"`) are as they stand between the braces. */
struct text_line {
	const char *name, *suffix, *labels, *extra;
	size_t name_length, suffix_length, labels_length, extra_length;
	double value;
	int64_t timestamp_ms; /* 0: none */
	bool openmetrics;
	const struct series *exemplars;  /* whose are to be shown; NULL: none */
	const struct exemplar *exemplar; /* of this line; NULL: none */
	bool quoted; /* the name: it stands in quotes, first between the braces */
};

/* ---- heads ----------------------------------------------------------------- */

/* More bytes than any head of the family takes. */
static inline size_t
cpromi_text_head_bound(const struct naming *n, const struct family_view *v)
{
	return 4 * n->name_length + 2 * v->help_length + 96;
}

/* The name of the family as it stands in a head, and a blank, to p; the end. */
char *cpromi_text_family_name(char *p, const struct naming *n);

/* HELP and TYPE to p, which has room for the bound; the end. */
char *cpromi_text_head(char *p, const struct naming *n, const struct family_view *v);

/* ---- lines ----------------------------------------------------------------- */

static inline size_t
cpromi_text_line_bound(const struct text_line *l)
{
	return l->name_length + l->suffix_length + l->labels_length + l->extra_length +
	       2 * CPROMI_NUMBER_MAX + 12;
}

/* Write to p, which has room for the bound; return the end. */
char *cpromi_text_line(char *p, const struct text_line *l);

/*
 * A line for each of n > 0 values, which differ in that and the extra label alone: so not those
 * of l, but these. p has room for n times the bound of l, and the extras.
 */
char *cpromi_text_lines(char *p, const struct text_line *l, const double *values,
			const struct bound_text *extras, size_t n);

/* The line of a series that has one value. */
char *cpromi_text_value(char *p, const struct naming *n, const struct text *labels, double value);

static inline size_t
cpromi_text_value_bound(const struct naming *n, const struct text *labels)
{
	return cpromi_text_line_bound(&(struct text_line){.name_length = n->name_length,
							  .labels_length = labels->length});
}

/* ---- series ---------------------------------------------------------------- */

/* A line of the series, but for what differs from line to line. */
void cpromi_text_begin(struct text_line *l, const struct naming *n, const struct samples *s);

/* What all of its lines take at most. */
size_t cpromi_text_samples_bound(const struct text_line *l, const struct samples *s);

/* What each of them takes, but "_created". */
size_t cpromi_text_sample_bound(const struct text_line *l, const struct samples *s);

/*
 * How many samples from the i-th on have the same name: its suffix is set in l. *extras is what
 * tells them apart; or NULL if there is one, and what tells it apart is in l, spelled in *pid
 * if it is that.
 */
size_t cpromi_text_alike(struct text_line *l, const struct samples *s, size_t i,
			 const struct bound_text **extras, struct bound_text *pid);

/* All lines of the series. */
char *cpromi_text_samples(char *p, struct text_line *l, const struct naming *n,
			  const struct samples *s);

#endif
