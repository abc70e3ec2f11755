/* SPDX-License-Identifier: MIT */
/*
 * sample: the values of a series, read at once, in the order in which every format shows them.
 */
#include "sample.h"

#include "clock.h"
#include "exemplar.h"
#include "record.h"
#include "sketch.h"
#include "stateset.h"

size_t
cpromi_samples_count(const struct handle *h)
{
	const struct shape *s = h->chunk->shape;

	switch (s->type) {
	case CPROM_TYPE_HISTOGRAM:
		return s->count + 3; /* +Inf, sum, count */
	case CPROM_TYPE_SUMMARY:
		return s->count + 2;
	case CPROM_TYPE_STATESET:
		return s->states.count;
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

static bool
has_beginning(uint32_t type)
{
	return type == CPROM_TYPE_COUNTER || type == CPROM_TYPE_HISTOGRAM ||
	       type == CPROM_TYPE_SUMMARY;
}

static void
stateset_values(struct samples *r, const struct series *s, double *out)
{
	uint64_t on = cpromi_stateset_bits(&s->handle);

	for (size_t i = 0; i < r->count; i++)
		out[i] = (double)(on >> i & 1);
	r->states = cpromi_family_of_series(s)->def->states;
	r->told_apart = r->count;
}

/* What it says is read once, and stays until this thread leaves the epoch. */
static void
info_value(struct samples *r, const struct handle *h, double *out, struct lead *says)
{
	const struct info_text *t = (const struct info_text *)(uintptr_t)load_acquire(
		cpromi_shared_cells(h, 0));

	out[0] = 1;
	if (t == NULL)
		return;
	*says = (struct lead){t->bytes, t->length};
	r->states = says;
	r->told_apart = 1;
}

/*
 * Looked at once: another thread may make the first exemplar at any time, and what takes room for
 * the samples and what then writes them must agree.
 */
static const struct series *
exemplars_of(const struct series *s)
{
	return cpromi_exemplar_any(s) ? s : NULL;
}

/* What does not depend on the type. */
static void
begin(struct samples *r, const struct series *s, const double *values, size_t count)
{
	*r = (struct samples){
		.type = s->handle.type,
		.count = count,
		.values = values,
		.bounds = s->handle.chunk->shape->bounds,
		.labels = s->text->bytes,
		.labels_length = s->text->length,
		.exemplars = exemplars_of(s),
	};
}

void
cpromi_samples_read(struct samples *r, const struct series *s, bool canonical, void *memory,
		    size_t max)
{
	const struct handle *h = &s->handle;
	const struct shape *shape = h->chunk->shape;
	double *out = memory;
	void *rest = out + max;

	begin(r, s, out, max);
	r->extras = canonical ? shape->canonical : shape->texts;
	if (cpromi_family_of_series(s)->registry->created && has_beginning(h->type))
		r->created_ms = h->kind == HANDLE_NATIVE ? cpromi_record_of(h)->created_ms
							 : *text_created(s->text);
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
	case CPROM_TYPE_STATESET:
		stateset_values(r, s, out);
		break;
	case CPROM_TYPE_INFO:
		info_value(r, h, out, rest);
		break;
	}
}

void
cpromi_samples_read_native(struct samples *r, struct native_view *v, const struct series *s,
			   bool may_reset, void *memory, size_t max)
{
	const struct handle *h = &s->handle;
	const struct shape *shape = h->chunk->shape;
	double *out = memory;

	if (may_reset)
		cpromi_native_read(v, h, out + max);
	else
		cpromi_native_peek(v, h, out + max);
	for (size_t i = 0; i < shape->count; i++)
		out[i] = (double)v->classic[i];
	out[shape->count] = (double)v->count;
	out[shape->count + 1] = v->sum;
	out[shape->count + 2] = (double)v->count;
	begin(r, s, out, max);
	r->told_apart = shape->count + 1;
	r->native = v;
}
