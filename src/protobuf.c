/* SPDX-License-Identifier: MIT */
/*
 * protobuf: io.prometheus.client.MetricFamily, each behind its length.
 *
 * The fields are those of metrics.proto (prometheus/client_model), the wire format is that of
 * https://protobuf.dev/programming-guides/encoding.
 *
 *  - A Metric is written back to front, the last byte first: so each length is known when its
 *    turn comes, there is no second set of functions that computes sizes, and none that
 *    could disagree with what is written. Labels alone run forward, as they are stored; they
 *    are written once for all Metrics of a series, into the room before them.
 *  - Fields ascend, but for the unit, which stands in the head, lest anything has to be known
 *    at the end of a family. Readers take fields in any order.
 *  - What is 0 is written like anything else: readers of proto2 tell it from what is missing.
 *  - The bucket of +Inf is left out, unless it has an exemplar: its count is sample_count, and
 *    all readers make it of that.
 *  - Of a histogram of gauges the type is HISTOGRAM (naming.c): with GAUGE_HISTOGRAM, Prometheus
 *    2.42 stores all of its series by the family's bare name.
 */
#include "protobuf.h"

#include "escape.h"
#include "exemplar.h"
#include "label_text.h"
#include "put.h"
#include "text.h"

#include <endian.h>

enum wire { WIRE_VARINT, WIRE_DOUBLE, WIRE_LENGTH };

/* Fields of each message, by the names of metrics.proto. */
enum { FAMILY_NAME = 1, FAMILY_HELP, FAMILY_TYPE, FAMILY_METRIC, FAMILY_UNIT };
enum { METRIC_LABEL = 1, METRIC_TIMESTAMP_MS = 6 };
enum { PAIR_NAME = 1, PAIR_VALUE };
enum { NUMBER_VALUE = 1, COUNTER_EXEMPLAR, COUNTER_CREATED }; /* of Gauge, Counter and Untyped */
enum { SUMMARY_COUNT = 1, SUMMARY_SUM, SUMMARY_QUANTILE, SUMMARY_CREATED };
enum { QUANTILE_QUANTILE = 1, QUANTILE_VALUE };
enum { HISTOGRAM_COUNT = 1, HISTOGRAM_SUM, HISTOGRAM_BUCKET };
enum { HISTOGRAM_SCHEMA = 5, HISTOGRAM_ZERO_THRESHOLD, HISTOGRAM_ZERO_COUNT };
enum { HISTOGRAM_NEGATIVE_SPAN = 9, HISTOGRAM_POSITIVE_SPAN = 12 }; /* deltas: the next one */
enum { HISTOGRAM_CREATED = 15, HISTOGRAM_EXEMPLARS };
enum { BUCKET_COUNT = 1, BUCKET_BOUND, BUCKET_EXEMPLAR };
enum { SPAN_OFFSET = 1, SPAN_LENGTH };
enum { EXEMPLAR_LABEL = 1, EXEMPLAR_VALUE, EXEMPLAR_TIMESTAMP };
enum { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS };

#define GAP_MAX 2 /* empty buckets that are listed, lest a new span begins: as client_golang does */

#define FIELD_TO_SKIP 15 /* of a family: not in use, and its tag is one byte */
#define SKIP_MAX 129     /* bytes of such a field whose length is one byte */

/* By the type that is shown: its number, and the field of a Metric that it is in. */
static const struct {
	unsigned char number, field;
} types[] = {
	[CPROM_TYPE_COUNTER] = {0, 3},   [CPROM_TYPE_GAUGE] = {1, 2},
	[CPROM_TYPE_SUMMARY] = {2, 4},   [CPROM_TYPE_UNTYPED] = {3, 5},
	[CPROM_TYPE_HISTOGRAM] = {4, 7},
};

/* ---- forward ---------------------------------------------------------------- */

static inline size_t
varint_size(uint64_t v)
{
	return (size_t)(64 - __builtin_clzll(v | 1) + 6) / 7;
}

static inline char *
put_varint(char *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (char)(v | 0x80);
	*p++ = (char)v;
	return p;
}

static inline uint32_t
tag(unsigned field, enum wire wire)
{
	return field << 3 | wire;
}

/* The tag and the length of n bytes that follow. */
static inline char *
put_length(char *p, unsigned field, size_t n)
{
	return put_varint(put_varint(p, tag(field, WIRE_LENGTH)), n);
}

static inline size_t
length_size(unsigned field, size_t n)
{
	return varint_size(tag(field, WIRE_LENGTH)) + varint_size(n);
}

/* ---- families --------------------------------------------------------------- */

char *
cpromi_protobuf_head(char *p, const struct naming *n, const struct family_view *v, uint64_t body)
{
	size_t unit = cpromi_naming_shows_unit(n, v) ? strlen(v->unit) : 0;
	size_t fields = length_size(FAMILY_NAME, n->name_length) + n->name_length +
			length_size(FAMILY_HELP, v->help_length) + v->help_length + 2 +
			(unit > 0 ? length_size(FAMILY_UNIT, unit) + unit : 0);

	p = put_varint(p, fields + body);
	p = put_length(p, FAMILY_NAME, n->name_length);
	p = cpromi_put(p, n->name, n->name_length);
	p = put_length(p, FAMILY_HELP, v->help_length);
	p = cpromi_put(p, v->help, v->help_length);
	p = put_varint(p, tag(FAMILY_TYPE, WIRE_VARINT));
	p = put_varint(p, types[n->type].number);
	if (unit > 0)
		p = cpromi_put(put_length(p, FAMILY_UNIT, unit), v->unit, unit);
	return p;
}

void
cpromi_protobuf_finish(struct buffer *b, size_t start, const struct naming *n,
		       const struct family_view *v)
{
	size_t body = b->length - start, bound = cpromi_protobuf_head_bound(n, v), length;
	char *room = cpromi_buffer_room(b, 2 * bound), *head;

	if (room == NULL)
		return;
	head = room + bound;
	length = (size_t)(cpromi_protobuf_head(head, n, v, body) - head);
	memmove(b->bytes + start + length, b->bytes + start, body);
	memcpy(b->bytes + start, head, length);
	b->length += length;
}

char *
cpromi_protobuf_fill(char *p, size_t n)
{
	while (n > 0) {
		size_t field = n <= SKIP_MAX ? n : n == SKIP_MAX + 1 ? SKIP_MAX - 1 : SKIP_MAX;

		p = put_length(p, FIELD_TO_SKIP, field - 2);
		memset(p, 0, field - 2);
		p += field - 2;
		n -= field;
	}
	return p;
}

/* ---- back to front ---------------------------------------------------------- */

/* Each puts something before p, and returns where it begins. */

static inline char *
before_varint(char *p, uint64_t v)
{
	if (LIKELY(v < 0x80)) {
		*--p = (char)v;
		return p;
	}
	p -= varint_size(v);
	put_varint(p, v);
	return p;
}

static inline char *
before_uint(char *p, unsigned field, uint64_t v)
{
	return before_varint(before_varint(p, v), tag(field, WIRE_VARINT));
}

static inline char *
before_double(char *p, unsigned field, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bits = htole64(bits);
	p -= sizeof(bits);
	memcpy(p, &bits, sizeof(bits));
	return before_varint(p, tag(field, WIRE_DOUBLE));
}

static inline char *
before_zigzag(char *p, int64_t v)
{
	return before_varint(p, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

/* Tag and length of the message, or packed list, that is there up to the end. */
static inline char *
before_message(char *p, unsigned field, const char *end)
{
	return before_varint(before_varint(p, (uint64_t)(end - p)), tag(field, WIRE_LENGTH));
}

/* ---- labels ----------------------------------------------------------------- */

static char *
put_text(char *p, unsigned field, const char *text, size_t n, size_t plain)
{
	p = put_length(p, field, plain);
	if (plain == n)
		return cpromi_put(p, text, n);
	return p + cpromi_unescape(text, n, p);
}

/* LabelPairs, as that field of a message, of labels as they are stored. */
static char *
put_labels(char *p, unsigned field, const char *text, size_t length)
{
	const char *end = text + length;
	struct label_piece l;

	while (text < end) {
		size_t name, value;

		text = cpromi_label_next(text, end, &l);
		name = l.escaped ? cpromi_unescape(l.name, l.name_length, NULL) : l.name_length;
		value = l.escaped ? cpromi_unescape(l.value, l.value_length, NULL) : l.value_length;
		p = put_length(p, field,
			       length_size(PAIR_NAME, name) + name +
				       length_size(PAIR_VALUE, value) + value);
		p = put_text(p, PAIR_NAME, l.name, l.name_length, name);
		p = put_text(p, PAIR_VALUE, l.value, l.value_length, value);
	}
	return p;
}

/*
 * More than they take: of a label in t bytes of text, with at least 4 that are not its own, the
 * pair takes 6 more, and one for each 128.
 */
static inline size_t
labels_bound(size_t length)
{
	return 2 * length + 16;
}

/* ---- numbers and exemplars --------------------------------------------------- */

/* A count, which is a double by now: those that are too large for a word are its maximum. */
static inline uint64_t
count_of(double v)
{
	return v < 0x1p64 ? (uint64_t)v : UINT64_MAX;
}

static char *
before_time(char *p, unsigned field, int64_t seconds, uint32_t nanos)
{
	const char *end = p;

	if (nanos > 0)
		p = before_uint(p, TIMESTAMP_NANOS, nanos);
	p = before_uint(p, TIMESTAMP_SECONDS, (uint64_t)seconds);
	return before_message(p, field, end);
}

/* If it is known when the series began. */
static char *
before_created(char *p, unsigned field, int64_t ms)
{
	return ms == 0 ? p : before_time(p, field, ms / 1000, (uint32_t)(ms % 1000) * 1000000);
}

/* If the bucket, or the counter, has one. */
static char *
before_exemplar(char *p, unsigned field, const struct samples *s, size_t bucket)
{
	char labels[2 * EXEMPLAR_BYTES + 16]; /* labels_bound() */
	const char *end = p;
	struct exemplar e;
	size_t n;

	if (LIKELY(s->exemplars == NULL) || !cpromi_exemplar_read(s->exemplars, bucket, &e))
		return p;
	p = before_time(p, EXEMPLAR_TIMESTAMP, e.time_ns / 1000000000,
			(uint32_t)(e.time_ns % 1000000000));
	p = before_double(p, EXEMPLAR_VALUE, e.value);
	n = (size_t)(put_labels(labels, EXEMPLAR_LABEL, e.labels, e.length) - labels);
	p -= n;
	memcpy(p, labels, n);
	return before_message(p, field, end);
}

/* ---- native histograms ------------------------------------------------------ */

/* Of the first n buckets the last that is not empty on this side, + 1; 0: none is. */
static size_t
last_populated(const struct native_view *v, enum native_sign sign, size_t n)
{
	while (n > 0 && v->buckets[n - 1].counts[sign] == 0)
		n--;
	return n;
}

/* Empty buckets between the one at n - 1 and the populated one before it, at before - 1. */
static uint32_t
gap_between(const struct native_view *v, size_t n, size_t before)
{
	return (uint32_t)(v->buckets[n - 1].index - v->buckets[before - 1].index - 1);
}

/* Differences to the count before, of each bucket that is listed; the first one's to 0. */
static char *
before_deltas(char *p, unsigned field, const struct native_view *v, enum native_sign sign)
{
	const char *end = p;
	size_t before;

	for (size_t n = last_populated(v, sign, v->bucket_count); n > 0; n = before) {
		int64_t count = (int64_t)v->buckets[n - 1].counts[sign], last = 0;
		uint32_t gap = 0;

		before = last_populated(v, sign, n - 1);
		if (before > 0) {
			last = (int64_t)v->buckets[before - 1].counts[sign];
			gap = gap_between(v, n, before);
		}
		for (; gap > 0 && gap <= GAP_MAX; gap--) {
			p = before_zigzag(p, count);
			count = 0;
		}
		p = before_zigzag(p, count - last);
	}
	return p == end ? p : before_message(p, field, end);
}

static char *
before_span(char *p, unsigned field, int32_t offset, uint32_t length)
{
	const char *end = p;

	p = before_uint(p, SPAN_LENGTH, length);
	p = before_varint(before_zigzag(p, offset), tag(SPAN_OFFSET, WIRE_VARINT));
	return before_message(p, field, end);
}

static char *
before_spans(char *p, unsigned field, const struct native_view *v, enum native_sign sign)
{
	uint32_t length = 1, gap;
	size_t before;

	for (size_t n = last_populated(v, sign, v->bucket_count); n > 0; n = before) {
		before = last_populated(v, sign, n - 1);
		if (before == 0)
			return before_span(p, field, v->buckets[n - 1].index, length);
		gap = gap_between(v, n, before);
		if (gap <= GAP_MAX) {
			length += gap + 1;
			continue;
		}
		p = before_span(p, field, (int32_t)gap, length);
		length = 1;
	}
	return p;
}

static char *
before_side(char *p, unsigned field, const struct native_view *v, enum native_sign sign)
{
	return before_spans(before_deltas(p, field + 1, v, sign), field, v, sign);
}

/*
 * With nothing in it, and no zero bucket to speak of, readers would take it for a classic one. An
 * empty bucket tells all of them; the empty span of the specification none before 2.47.
 */
static char *
before_mark(char *p, const struct native_view *v)
{
	const char *end = p;

	if (v->bucket_count > 0 || v->zero_count > 0 || v->zero_threshold > 0)
		return p;
	p = before_message(before_zigzag(p, 0), HISTOGRAM_POSITIVE_SPAN + 1, end);
	return before_span(p, HISTOGRAM_POSITIVE_SPAN, 0, 1);
}

static char *
before_native(char *p, const struct samples *s)
{
	const struct native_view *v = s->native;

	for (size_t i = s->told_apart; i-- > 0;)
		p = before_exemplar(p, HISTOGRAM_EXEMPLARS, s, i);
	p = before_created(p, HISTOGRAM_CREATED, v->created_ms);
	p = before_side(p, HISTOGRAM_POSITIVE_SPAN, v, NATIVE_POSITIVE);
	p = before_mark(p, v);
	p = before_side(p, HISTOGRAM_NEGATIVE_SPAN, v, NATIVE_NEGATIVE);
	p = before_uint(p, HISTOGRAM_ZERO_COUNT, v->zero_count);
	p = before_double(p, HISTOGRAM_ZERO_THRESHOLD, v->zero_threshold);
	return before_varint(before_zigzag(p, v->schema), tag(HISTOGRAM_SCHEMA, WIRE_VARINT));
}

/* ---- values ----------------------------------------------------------------- */

/* That of +Inf is shown for its exemplar alone. */
static char *
before_bucket(char *p, const struct samples *s, size_t i)
{
	bool last = i == s->told_apart - 1;
	const char *end = p;

	p = before_exemplar(p, BUCKET_EXEMPLAR, s, i);
	if (last && p == end)
		return p;
	p = before_double(p, BUCKET_BOUND, last ? __builtin_inf() : s->bounds[i]);
	p = before_uint(p, BUCKET_COUNT, count_of(s->values[i]));
	return before_message(p, HISTOGRAM_BUCKET, end);
}

static char *
before_histogram(char *p, const struct samples *s)
{
	if (s->native != NULL)
		p = before_native(p, s);
	else
		p = before_created(p, HISTOGRAM_CREATED, s->created_ms);
	for (size_t i = s->told_apart; i-- > 0;)
		p = before_bucket(p, s, i);
	p = before_double(p, HISTOGRAM_SUM, s->values[s->told_apart]);
	return before_uint(p, HISTOGRAM_COUNT, count_of(s->values[s->told_apart + 1]));
}

static char *
before_summary(char *p, const struct samples *s)
{
	p = before_created(p, SUMMARY_CREATED, s->created_ms);
	for (size_t i = s->told_apart; i-- > 0;) {
		const char *end = p;

		p = before_double(p, QUANTILE_VALUE, s->values[i]);
		p = before_double(p, QUANTILE_QUANTILE, s->bounds[i]);
		p = before_message(p, SUMMARY_QUANTILE, end);
	}
	p = before_double(p, SUMMARY_SUM, s->values[s->told_apart]);
	return before_uint(p, SUMMARY_COUNT, count_of(s->values[s->told_apart + 1]));
}

static char *
before_number(char *p, const struct naming *n, const struct samples *s, size_t i)
{
	if (n->type == CPROM_TYPE_COUNTER) {
		p = before_created(p, COUNTER_CREATED, s->created_ms);
		p = before_exemplar(p, COUNTER_EXEMPLAR, s, 0);
	}
	return before_double(p, NUMBER_VALUE, s->values[i]);
}

/* What a Metric holds behind its labels, from the i-th sample on. */
static char *
before_value(char *p, const struct naming *n, const struct samples *s, size_t i)
{
	unsigned field = types[n->type].field;
	bool late = field > METRIC_TIMESTAMP_MS;
	const char *end;

	if (s->timestamp_ms != 0 && !late)
		p = before_uint(p, METRIC_TIMESTAMP_MS, (uint64_t)s->timestamp_ms);
	end = p;
	if (n->type == CPROM_TYPE_HISTOGRAM)
		p = before_histogram(p, s);
	else if (n->type == CPROM_TYPE_SUMMARY)
		p = before_summary(p, s);
	else
		p = before_number(p, n, s, i);
	p = before_message(p, field, end);
	if (s->timestamp_ms != 0 && late)
		p = before_uint(p, METRIC_TIMESTAMP_MS, (uint64_t)s->timestamp_ms);
	return p;
}

/* ---- series ----------------------------------------------------------------- */

/* On either side at most a span, and a delta for it and the gap before it. */
#define NATIVE_BUCKET_BYTES (2 * (14 + 10 * (1 + GAP_MAX)))

/* Does each sample have a Metric of its own, told apart by a label that is not of the format? */
static inline bool
has_many_metrics(const struct samples *s)
{
	return s->states != NULL || s->parts != NULL;
}

size_t
cpromi_protobuf_bound(const struct samples *s)
{
	size_t sample = 64, labels = labels_bound(s->labels_length), most = 0, more = 0;

	if (s->exemplars != NULL)
		more += 2 * s->count * (labels_bound(EXEMPLAR_BYTES) + 64);
	if (s->native != NULL)
		more += s->native->bucket_count * NATIVE_BUCKET_BYTES + 128;
	if (!has_many_metrics(s))
		return 2 * labels + s->count * 32 + 3 * sample + more;
	for (size_t i = 0; s->states != NULL && i < s->count; i++)
		if (s->states[i].length > most)
			most = s->states[i].length;
	labels += labels_bound(most + sizeof(struct bound_text));
	return labels + s->count * (labels + sample);
}

/* The label that tells the i-th sample from the others; where it ends. */
static NOINLINE char *
put_own_label(char *p, const struct samples *s, size_t i)
{
	const struct bound_text *extra;
	struct text_line l = {0};
	struct bound_text pid;

	cpromi_text_alike(&l, s, i, &extra, &pid);
	return extra != NULL ? put_labels(p, METRIC_LABEL, extra->text, extra->length)
			     : put_labels(p, METRIC_LABEL, l.extra, l.extra_length);
}

char *
cpromi_protobuf_metrics(char *room, char *end, const struct naming *n, const struct samples *s)
{
	char *labels_end = put_labels(room, METRIC_LABEL, s->labels, s->labels_length), *p = end;

	bool many = has_many_metrics(s);

	for (size_t i = many ? s->count : 1; i-- > 0;) {
		const char *metric_end = p;
		char *own_end = many ? put_own_label(labels_end, s, i) : labels_end;
		size_t labels = (size_t)(own_end - room);

		p = before_value(p, n, s, i) - labels;
		memcpy(p, room, labels);
		p = before_message(p, FAMILY_METRIC, metric_end);
	}
	return p;
}

char *
cpromi_protobuf_spell(struct buffer *b, const struct naming *n, const struct samples *s,
		      size_t *size)
{
	size_t bound = cpromi_protobuf_bound(s);
	char *room = cpromi_buffer_room(b, bound), *p;

	if (room == NULL)
		return NULL;
	p = cpromi_protobuf_metrics(room, room + bound, n, s);
	*size = (size_t)(room + bound - p);
	return p;
}
