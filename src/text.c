/* SPDX-License-Identifier: MIT */
/*
 * text: lines of the Prometheus text exposition formats; heads of version 0.0.4.
 */
#include "text.h"

#include "escape.h"
#include "put.h"

/* ---- heads ----------------------------------------------------------------- */

char *
cpromi_text_family_name(char *p, const struct naming *n)
{
	if (UNLIKELY(n->quoted))
		*p++ = '"';
	p = cpromi_put(p, n->name, n->family_length);
	if (UNLIKELY(n->quoted))
		*p++ = '"';
	*p++ = ' ';
	return p;
}

char *
cpromi_text_head(char *p, const struct naming *n, const struct family_view *v)
{
	p = cpromi_put_string(p, "# HELP ");
	p = cpromi_text_family_name(p, n);
	p += cpromi_escape(v->help, v->help_length, false, p);
	p = cpromi_put_string(p, "\n# TYPE ");
	p = cpromi_text_family_name(p, n);
	p = cpromi_put_string(p, cpromi_naming_type(n));
	*p++ = '\n';
	return p;
}

/* ---- lines ----------------------------------------------------------------- */

/* {"name" and what stands between it and the first label. */
static NOINLINE char *
put_quoted_name(char *p, const struct text_line *l, bool labels)
{
	*p++ = '{';
	*p++ = '"';
	p = cpromi_put(p, l->name, l->name_length);
	p = cpromi_put(p, l->suffix, l->suffix_length);
	*p++ = '"';
	*p = ',';
	return p + labels;
}

static inline char *
put_name(char *p, const struct text_line *l, bool labels)
{
	if (UNLIKELY(l->quoted))
		return put_quoted_name(p, l, labels);
	p = cpromi_put(p, l->name, l->name_length);
	if (l->suffix_length > 0)
		p = cpromi_put(p, l->suffix, l->suffix_length);
	*p = '{';
	return p + labels;
}

/* Up to where the extra label goes, or else the value. */
static inline char *
put_front(char *p, const struct text_line *l, bool extra)
{
	p = put_name(p, l, l->labels_length > 0 || extra);
	if (l->labels_length == 0)
		return p;
	p = cpromi_put(p, l->labels, l->labels_length);
	*p = ',';
	return p + extra;
}

/* Behind the name, or the labels. */
static inline bool
has_braces(const struct text_line *l, bool extra)
{
	return l->labels_length > 0 || extra || l->quoted;
}

static inline char *
put_value(char *p, bool braces, double value)
{
	if (braces)
		*p++ = '}';
	*p++ = ' ';
	return p + cpromi_double_text(value, p);
}

/* As seconds, without an exponent, which would cost places. */
static char *
put_seconds(char *p, int64_t ms)
{
	p += cpromi_i64_text(ms / 1000, p);
	if (ms % 1000 == 0)
		return p;
	*p++ = '.';
	for (int64_t left = ms % 1000 * 10, unit = 1000; unit > 1; unit /= 10, left %= unit * 10)
		*p++ = (char)('0' + left / unit);
	return p;
}

static NOINLINE char *
put_timestamp(char *p, int64_t ms, bool seconds)
{
	*p++ = ' ';
	return seconds ? put_seconds(p, ms) : p + cpromi_i64_text(ms, p);
}

static NOINLINE char *
put_exemplar(char *p, const struct exemplar *e)
{
	p = cpromi_put_string(p, " # {");
	p = cpromi_put(p, e->labels, e->length);
	p = put_value(p, true, e->value);
	return put_timestamp(p, e->time_ns / 1000000, true);
}

static inline char *
end_line(char *p, const struct text_line *l)
{
	if (UNLIKELY(l->timestamp_ms != 0))
		p = put_timestamp(p, l->timestamp_ms, l->openmetrics);
	if (UNLIKELY(l->exemplar != NULL))
		p = put_exemplar(p, l->exemplar);
	*p++ = '\n';
	return p;
}

char *
cpromi_text_line(char *p, const struct text_line *l)
{
	p = put_front(p, l, l->extra_length > 0);
	p = cpromi_put(p, l->extra, l->extra_length);
	p = put_value(p, has_braces(l, l->extra_length > 0), l->value);
	return end_line(p, l);
}

char *
cpromi_text_value(char *p, const struct naming *n, const struct text *labels, double value)
{
	const struct text_line l = {
		.name = n->name,
		.name_length = n->name_length,
		.labels = labels->bytes,
		.labels_length = labels->length,
		.quoted = n->quoted,
	};

	p = put_value(put_front(p, &l, false), has_braces(&l, false), value);
	*p++ = '\n';
	return p;
}

char *
cpromi_text_lines(char *p, const struct text_line *l, const double *values,
		  const struct bound_text *extras, size_t n)
{
	const char *front = p;
	size_t length;

	p = put_front(p, l, true);
	length = (size_t)(p - front);
	for (size_t i = 0;;) {
		p = cpromi_put(p, extras[i].text, extras[i].length);
		p = end_line(put_value(p, true, values[i]), l);
		if (++i == n)
			return p;
		p = cpromi_put(p, front, length); /* in one piece, and it is in the cache */
	}
}

/* ---- series ---------------------------------------------------------------- */

/* Readers take exemplars on these alone. */
static bool
takes_exemplars(const struct naming *n)
{
	return n->openmetrics && (n->type == CPROM_TYPE_COUNTER || n->type == CPROM_TYPE_HISTOGRAM);
}

void
cpromi_text_begin(struct text_line *l, const struct naming *n, const struct samples *s)
{
	*l = (struct text_line){
		.name = n->name,
		.name_length = n->name_length,
		.labels = s->labels,
		.labels_length = s->labels_length,
		.timestamp_ms = s->timestamp_ms,
		.openmetrics = n->openmetrics,
		.quoted = n->quoted,
	};
	if (takes_exemplars(n))
		l->exemplars = s->exemplars;
}

size_t
cpromi_text_sample_bound(const struct text_line *l, const struct samples *s)
{
	size_t state = 0;

	for (size_t i = 0; s->states != NULL && i < s->count; i++)
		if (s->states[i].length > state)
			state = s->states[i].length;
	return cpromi_text_line_bound(l) + sizeof("_bucket") + sizeof(struct bound_text) + state +
	       (l->exemplars == NULL ? 0 : sizeof(struct exemplar) + 2 * CPROMI_NUMBER_MAX);
}

size_t
cpromi_text_samples_bound(const struct text_line *l, const struct samples *s)
{
	size_t lines = s->count + (s->created_ms != 0);

	return lines * (cpromi_text_sample_bound(l, s) + sizeof("_created"));
}

/* pid="1234"; those that have no place of their own (part.h) are together "overflow". */
static void
spell_pid(struct bound_text *t, uint32_t pid)
{
	memcpy(t->text, "pid=\"overflow", 13);
	t->length = (unsigned char)(pid == 0 ? 13 : 5 + cpromi_i64_text(pid, t->text + 5));
	t->text[t->length++] = '"';
}

/* Of the sum, the first behind those that are told apart, or the count. */
static void
set_suffix(struct text_line *l, const struct samples *s, bool sum)
{
	if (l->openmetrics && s->type == CPROM_TYPE_GAUGE_HISTOGRAM)
		l->suffix = sum ? "_gsum" : "_gcount";
	else
		l->suffix = sum ? "_sum" : "_count";
	l->suffix_length = strlen(l->suffix);
}

static bool
has_buckets(const struct samples *s)
{
	return s->type == CPROM_TYPE_HISTOGRAM || s->type == CPROM_TYPE_GAUGE_HISTOGRAM;
}

size_t
cpromi_text_alike(struct text_line *l, const struct samples *s, size_t i,
		  const struct bound_text **extras, struct bound_text *pid)
{
	*extras = NULL;
	if (i >= s->told_apart) {
		if (s->count > 1)
			set_suffix(l, s, i == s->told_apart);
		l->extra_length = 0;
		return 1;
	}
	if (s->states != NULL) {
		l->extra = s->states[i].bytes;
		l->extra_length = s->states[i].length;
		return 1;
	}
	if (s->parts != NULL) {
		spell_pid(pid, s->parts[i].pid);
		*extras = pid;
		return 1;
	}
	l->suffix = "_bucket";
	l->suffix_length = has_buckets(s) ? strlen("_bucket") : 0;
	*extras = s->extras + i;
	return s->told_apart - i;
}

/* Lines of n > 0 buckets, or the one of a counter, if extras is NULL. */
static NOINLINE char *
put_with_exemplars(char *p, struct text_line *l, const struct samples *s,
		   const struct bound_text *extras, size_t n)
{
	struct exemplar e;

	for (size_t i = 0; i < n; i++) {
		l->exemplar = cpromi_exemplar_read(l->exemplars, i, &e) ? &e : NULL;
		l->value = s->values[i];
		p = extras == NULL ? cpromi_text_line(p, l)
				   : cpromi_text_lines(p, l, &s->values[i], &extras[i], 1);
	}
	l->exemplar = NULL;
	return p;
}

/* When the series began: behind its other samples, for readers look no further. */
static NOINLINE char *
put_created(char *p, const struct text_line *samples, const struct naming *n, int64_t ms)
{
	struct text_line l = *samples;

	l.name_length = n->family_length;
	l.suffix = "_created";
	l.suffix_length = strlen(l.suffix);
	p = put_front(p, &l, false);
	if (has_braces(&l, false))
		*p++ = '}';
	*p++ = ' ';
	return end_line(put_seconds(p, ms), &l);
}

char *
cpromi_text_samples(char *p, struct text_line *l, const struct naming *naming,
		    const struct samples *s)
{
	const struct bound_text *extras;
	struct bound_text pid;

	for (size_t i = 0, n; i < s->count; i += n) {
		n = cpromi_text_alike(l, s, i, &extras, &pid);
		l->value = s->values[i];
		if (UNLIKELY(l->exemplars != NULL) && i == 0)
			p = put_with_exemplars(p, l, s, extras, n);
		else if (extras == NULL)
			p = cpromi_text_line(p, l);
		else
			p = cpromi_text_lines(p, l, s->values + i, extras, n);
	}
	if (UNLIKELY(s->created_ms != 0) && naming->shows_created)
		p = put_created(p, l, naming, s->created_ms);
	return p;
}
