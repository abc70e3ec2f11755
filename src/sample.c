/* SPDX-License-Identifier: MIT */
/*
 * sample: the samples of a series: their values, read at once, and what each is called.
 */
#include "sample.h"

#include "clock.h"
#include "definition.h"
#include "number.h"
#include "record.h"
#include "sketch.h"

/* ---- values ---------------------------------------------------------------- */

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
histogram_values(const struct handle *h, double *out, uint64_t *words)
{
	size_t n = h->chunk->shape->count + 1;
	uint64_t *counts = words, total = 0;

	cpromi_snapshot(cpromi_record_cells(h), &out[n], counts, words + n);
	for (size_t i = 0; i < n; i++) {
		total += counts[i];
		out[i] = (double)total;
	}
	out[n + 1] = (double)total;
}

static void
summary_values(const struct handle *h, double *out, uint64_t *words)
{
	const struct shape *s = h->chunk->shape;

	if (s->count > 0)
		cpromi_sketch_quantiles((const struct series *)h, s->bounds, s->count,
					cpromi_monotonic_coarse_ns(), out);
	cpromi_snapshot(h, &out[s->count], words, words + 1);
	out[s->count + 1] = (double)words[0];
}

static void
gauge_values(const struct handle *h, struct samples *r, double *out, struct part *parts)
{
	const struct shape *s = h->chunk->shape;

	if (!s->parts) {
		out[0] = cprom_gauge_value((const cprom_gauge *)h);
		return;
	}
	r->count = cpromi_part_read(h, parts, r->count);
	for (size_t i = 0; i < r->count; i++)
		out[i] = parts[i].value;
	if (cpromi_mode_is_all(s->mode))
		r->parts = parts;
}

void
cpromi_samples_read(struct samples *r, const struct handle *h, void *memory, size_t max)
{
	double *out = memory;
	void *rest = out + max;

	*r = (struct samples){max, out, NULL};
	switch (h->type) {
	case CPROM_TYPE_COUNTER:
		out[0] = cprom_counter_value((const cprom_counter *)h);
		break;
	case CPROM_TYPE_GAUGE:
		gauge_values(h, r, out, rest);
		break;
	case CPROM_TYPE_HISTOGRAM:
		histogram_values(h, out, rest);
		break;
	case CPROM_TYPE_SUMMARY:
		summary_values(h, out, rest);
		break;
	}
}

/* ---- lines ----------------------------------------------------------------- */

struct text_head
cpromi_samples_head(const struct family *f)
{
	const struct definition *d = f->def;

	return (struct text_head){d->name, d->help, d->name_length, d->help_length,
				  cpromi_type_name(f->handle.type)};
}

/* pid="1234"; those that have no place of their own (part.h) are together "overflow". */
static void
spell_pid(struct bound_text *t, uint32_t pid)
{
	memcpy(t->text, "pid=\"overflow", 13);
	t->length = (unsigned char)(pid == 0 ? 13 : 5 + cpromi_i64_text(pid, t->text + 5));
	t->text[t->length++] = '"';
}

size_t
cpromi_samples_alike(struct text_line *l, const struct shape *s, const struct samples *r, size_t i,
		     const struct bound_text **extras, struct bound_text *pid)
{
	bool histogram = s->type == CPROM_TYPE_HISTOGRAM;
	size_t bounded = s->count + histogram;

	*extras = NULL;
	if (i < bounded) {
		l->suffix = "_bucket";
		l->suffix_length = histogram ? 7 : 0;
		*extras = s->texts + i;
		return bounded - i;
	}
	if (s->snapshot) {
		l->suffix = i == bounded ? "_sum" : "_count";
		l->suffix_length = i == bounded ? 4 : 6;
	} else if (r->parts != NULL) {
		spell_pid(pid, r->parts[i].pid);
		*extras = pid;
	}
	return 1;
}
