/* SPDX-License-Identifier: MIT */
/*
 * sample: the values of a series, read at once, in the order in which every format shows them.
 */
#ifndef CPROMI_SAMPLE_H
#define CPROMI_SAMPLE_H

#include "native.h"
#include "part.h"

/*
 * One value per line: first those that a bound, quantile, state or process tells apart, then
 * sum and count. Counts of buckets are cumulative, up to that of +Inf.
 */
struct samples {
	uint32_t type;
	size_t count;
	size_t told_apart; /* so many of count */
	const double *values;
	const double *bounds;            /* of buckets but +Inf, or quantiles */
	const struct bound_text *extras; /* the bounds, spelled as labels */
	const struct lead *states;       /* of a stateset: `name="state"`; of an info: all that it
					    says, as one; else NULL */
	const struct part *parts;        /* of a gauge that shows each process'; else NULL */
	const char *labels;              /* as they stand in a line */
	size_t labels_length;
	int64_t timestamp_ms; /* 0: none */
	int64_t created_ms;   /* when a counter, histogram or summary began; 0: not known */
	/* Whose are shown; NULL: there were none, and no more may be written than was measured. */
	const struct series *exemplars;
	const struct native_view *native; /* of a histogram read as such; else NULL */
};

/* What a sample takes beside its value while it is read. */
union sample_scratch {
	struct part part;
	struct lead lead;
	uint64_t snapshot[2];
};

#define SAMPLE_BYTES (sizeof(double) + sizeof(union sample_scratch))

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

/*
 * Reads them, at most max, into memory of max times SAMPLE_BYTES, aligned as a double.
 * Bounds are spelled as in the text format 0.0.4, or, if canonical, as in OpenMetrics.
 */
void cpromi_samples_read(struct samples *r, const struct series *s, bool canonical, void *memory,
			 size_t max);

/*
 * The same of a native histogram, and its native part in *v, into memory of cpromi_native_bytes()
 * more; may reset it, or just have a look at it.
 */
void cpromi_samples_read_native(struct samples *r, struct native_view *v, const struct series *s,
				bool may_reset, void *memory, size_t max);

#endif
