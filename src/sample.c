/* SPDX-License-Identifier: MIT */
/*
 * sample: the values of a series, read at once, in the order in which every format shows them.
 */
#include "sample.h"

#include "clock.h"
#include "record.h"
#include "sketch.h"

size_t
cpromi_samples_count(const struct handle *h)
{
	const struct shape *s = h->chunk->shape;

	switch (s->type) {
	case CPROM_TYPE_HISTOGRAM:
		return s->count + 3; /* +Inf, sum, count */
	case CPROM_TYPE_SUMMARY:
		return s->count + 2;
	default:
		return s->parts ? cpromi_part_end(h) : 1;
	}
}

static void
histogram_values(struct samples *r, const struct handle *h, double *out, uint64_t *words)
{
	size_t n = h->chunk->shape->count + 1;
	uint64_t *counts = words, total = 0;

	cpromi_snapshot(cpromi_record_cells(h), &out[n], counts, words + n);
	for (size_t i = 0; i < n; i++) {
		total += counts[i];
		out[i] = (double)total;
	}
	out[n + 1] = (double)total;
	r->told_apart = n;
}

static void
summary_values(struct samples *r, const struct handle *h, double *out, uint64_t *words)
{
	const struct shape *s = h->chunk->shape;

	if (s->count > 0)
		cpromi_sketch_quantiles((const struct series *)h, s->bounds, s->count,
					cpromi_monotonic_coarse_ns(), out);
	cpromi_snapshot(h, &out[s->count], words, words + 1);
	out[s->count + 1] = (double)words[0];
	r->told_apart = s->count;
}

static void
gauge_values(struct samples *r, const struct handle *h, double *out, struct part *parts)
{
	const struct shape *s = h->chunk->shape;

	if (!s->parts) {
		out[0] = cprom_gauge_value((const cprom_gauge *)h);
		return;
	}
	r->count = cpromi_part_read(h, parts, r->count);
	for (size_t i = 0; i < r->count; i++)
		out[i] = parts[i].value;
	if (cpromi_mode_is_all(s->mode)) {
		r->parts = parts;
		r->told_apart = r->count;
	}
}

void
cpromi_samples_read(struct samples *r, const struct series *s, bool canonical, void *memory,
		    size_t max)
{
	const struct handle *h = &s->handle;
	const struct shape *shape = h->chunk->shape;
	double *out = memory;
	void *rest = out + max;

	*r = (struct samples){
		.type = h->type,
		.count = max,
		.values = out,
		.bounds = shape->bounds,
		.extras = canonical ? shape->canonical : shape->texts,
		.labels = s->text->bytes,
		.labels_length = s->text->length,
		.series = s,
	};
	switch (h->type) {
	case CPROM_TYPE_COUNTER:
		out[0] = cprom_counter_value((const cprom_counter *)h);
		break;
	case CPROM_TYPE_GAUGE:
		gauge_values(r, h, out, rest);
		break;
	case CPROM_TYPE_HISTOGRAM:
		histogram_values(r, h, out, rest);
		break;
	case CPROM_TYPE_SUMMARY:
		summary_values(r, h, out, rest);
		break;
	}
}
