/* SPDX-License-Identifier: MIT */
/*
 * sample: the samples of a series: their values, read at once, and what each is called.
 */
#ifndef CPROMI_SAMPLE_H
#define CPROMI_SAMPLE_H

#include "part.h"
#include "text.h"

/*
 * One value per line, in the order of the lines. Of a gauge that shows the value of each
 * process, the processes, too.
 */
struct samples {
	size_t count;
	const double *values;
	const struct part *parts; /* NULL: there is nothing to tell them apart by */
};

/* Memory that a sample takes while it is read: value, and part or two words of a snapshot. */
#define SAMPLE_BYTES (sizeof(double) + sizeof(struct part))

/* Has the series one sample, of no suffix? Which is cpromi_samples_value(). */
static inline bool
cpromi_samples_is_value(const struct handle *h)
{
	return h->type == CPROM_TYPE_COUNTER ||
	       (h->type == CPROM_TYPE_GAUGE && h->kind == HANDLE_SERIES);
}

static inline double
cpromi_samples_value(const struct handle *h)
{
	return h->type == CPROM_TYPE_COUNTER ? cprom_counter_value((const cprom_counter *)h)
					     : cprom_gauge_value((const cprom_gauge *)h);
}

/* The most samples that the series can have now. */
size_t cpromi_samples_count(const struct handle *h);

/* Reads them, at most max, into memory of max times SAMPLE_BYTES, aligned as a double. */
void cpromi_samples_read(struct samples *r, const struct handle *h, void *memory, size_t max);

/* The family's HELP and TYPE. */
struct text_head cpromi_samples_head(const struct family *f);

/* A line of the series, but for what differs from line to line; and what it takes at most. */
static inline void
cpromi_samples_begin(struct text_line *l, const struct definition *d, const struct series *s)
{
	*l = (struct text_line){
		.name = d->name,
		.name_length = d->name_length,
		.labels = s->text->bytes,
		.labels_length = s->text->length,
	};
}

static inline size_t
cpromi_samples_line_bound(const struct text_line *l)
{
	return cpromi_text_line_bound(l) + sizeof("_bucket") + sizeof(struct bound_text);
}

/*
 * How many samples from the i-th on have the same name: its suffix is set in l. *extras is what
 * tells them apart, or NULL if there is one; a pid is spelled in *pid.
 */
size_t cpromi_samples_alike(struct text_line *l, const struct shape *s, const struct samples *r,
			    size_t i, const struct bound_text **extras, struct bound_text *pid);

#endif
