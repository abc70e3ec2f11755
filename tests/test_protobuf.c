/* SPDX-License-Identifier: MIT */
/*
 * Protobuf pages: the bytes that the format wants, and lengths that are kept whatever happens
 * between the moment when they are promised and the one when they are read.
 */
#include "protobuf.h"

#include "registry.h"

#include <cprom.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "heap.h"
#include "page.h"

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"
#include "wrapped_clock.h"

#define ACCEPT                                                                                     \
	"application/"                                                                             \
	"vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define MANY 3000 /* series, of which the Metrics are not held */

/* ---- the clock ------------------------------------------------------------------ */

static struct timespec stopped;

static void
stop_clock(time_t seconds, long nanos)
{
	stopped = (struct timespec){seconds, nanos};
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	if (stopped.tv_sec == 0)
		return __real_clock_gettime(id, t);
	*t = stopped;
	return 0;
}

static int
teardown_clock(void **state)
{
	stop_clock(0, 0);
	return teardown(state);
}

/* ---- a reader ------------------------------------------------------------------ */

struct bytes {
	const unsigned char *p, *end;
};

struct field {
	unsigned number;
	uint64_t word; /* of a varint or a double */
	struct bytes content;
};

static uint64_t
take_varint(struct bytes *b)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		assert_true(b->p < b->end && shift < 70);
		v |= (uint64_t)(*b->p & 0x7f) << shift;
		if (*b->p++ < 0x80)
			return v;
	}
}

static struct bytes
take(struct bytes *b, uint64_t n)
{
	struct bytes taken = {b->p, b->p + n};

	assert_true(n <= (uint64_t)(b->end - b->p));
	b->p += n;
	return taken;
}

static bool
take_field(struct bytes *b, struct field *f)
{
	uint64_t tag;

	if (b->p == b->end)
		return false;
	tag = take_varint(b);
	*f = (struct field){.number = (unsigned)(tag >> 3)};
	assert_true(f->number > 0);
	switch (tag & 7) {
	case 0:
		f->word = take_varint(b);
		break;
	case 1:
		f->content = take(b, 8);
		for (unsigned i = 8; i-- > 0;)
			f->word = f->word << 8 | f->content.p[i];
		break;
	case 2:
		f->content = take(b, take_varint(b));
		break;
	default:
		fail_msg("wire type %u", (unsigned)(tag & 7));
	}
	return true;
}

/* What is in a page of series that are told apart by the label i, a number. */
struct seen {
	size_t messages, metrics, filled;
	uint64_t counts;               /* of histograms, in all */
	unsigned char times[2 * MANY]; /* each was there */
};

/* SIZE_MAX if it is another label. */
static size_t
label_number(struct bytes pair)
{
	struct field f;
	size_t number = 0;

	assert_true(take_field(&pair, &f) && f.number == 1);
	if (*f.content.p != 'i')
		return SIZE_MAX;
	while (take_field(&pair, &f))
		for (const unsigned char *p = f.content.p; f.number == 2 && p < f.content.end; p++)
			number = 10 * number + *p - '0';
	return number;
}

static void
read_histogram(struct bytes histogram, struct seen *seen)
{
	struct field f, g;
	uint64_t count = 0, last = 0;

	while (take_field(&histogram, &f)) {
		if (f.number == 1)
			count = f.word;
		if (f.number == 3 && take_field(&f.content, &g)) {
			assert_true(g.word >= last && g.word <= count);
			last = g.word;
		}
	}
	seen->counts += count;
}

static void
read_metric(struct bytes metric, struct seen *seen)
{
	struct field f;

	seen->metrics++;
	while (take_field(&metric, &f)) {
		if (f.number == 1) {
			size_t i = label_number(f.content);

			assert_true(i == SIZE_MAX || i < sizeof(seen->times));
			if (i != SIZE_MAX)
				assert_int_equal(seen->times[i]++, 0);
		}
		if (f.number == 7)
			read_histogram(f.content, seen);
	}
}

/* The whole page: every length in it is right, or the test fails. */
static void
read_page(struct bytes page, struct seen *seen)
{
	struct field f;

	memset(seen, 0, sizeof(*seen));
	while (page.p < page.end) {
		struct bytes message = take(&page, take_varint(&page));

		seen->messages++;
		while (take_field(&message, &f)) {
			if (f.number == 4)
				read_metric(f.content, seen);
			else if (f.number == 15)
				seen->filled += (size_t)(f.content.end - f.content.p) + 2;
			else
				assert_in_range(f.number, 1, 5);
		}
	}
}

static void
assert_all_once(const struct seen *seen, size_t from, size_t to)
{
	for (size_t i = 0; i < sizeof(seen->times); i++)
		if (seen->times[i] != (i >= from && i < to))
			fail_msg("series %zu was there %d times", i, seen->times[i]);
}

/* ---- pages ---------------------------------------------------------------------- */

/* Bytes, from their hexadecimal digits; blanks are passed over. */
static size_t
from_hex(const char *hex, unsigned char *out)
{
	size_t n = 0;
	unsigned byte;

	for (; *hex != '\0'; hex += 2) {
		while (*hex == ' ')
			hex++;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[n++] = (unsigned char)byte;
	}
	return n;
}

static void
assert_bytes(const void *got, size_t length, const char *hex)
{
	unsigned char expected[2048];
	char text[4096];
	size_t n = from_hex(hex, expected);

	for (size_t i = 0; i < length && i < 1000; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)got)[i]);
	if (length != n || memcmp(got, expected, n) != 0)
		fail_msg("%s\nwanted: %s", text, hex);
}

static void
assert_message(const char *hex)
{
	size_t length;
	char *page = cprom_render(registry, ACCEPT, &length);

	assert_non_null(page);
	assert_bytes(page, length, hex);
	free(page);
}

static struct bytes
rendered(void)
{
	size_t length;
	unsigned char *page = (unsigned char *)cprom_render(registry, ACCEPT, &length);

	assert_non_null(page);
	return (struct bytes){page, page + length};
}

static void
read_rendered(struct seen *seen)
{
	struct bytes page = rendered();

	read_page(page, seen);
	free((void *)page.p);
}

/* A scrape that is read in two parts. */
struct reading {
	cprom_scrape *scrape;
	unsigned char *bytes;
	size_t length, capacity;
};

static void
read_more(struct reading *r, size_t piece, size_t up_to)
{
	ssize_t n;

	do {
		if (r->capacity - r->length < piece) {
			r->capacity = 2 * r->capacity + piece;
			r->bytes = realloc(r->bytes, r->capacity);
			assert_non_null(r->bytes);
		}
		n = cprom_scrape_read(r->scrape, r->bytes + r->length, piece);
		assert_true(n >= 0);
		r->length += (size_t)n;
	} while (n > 0 && r->length < up_to);
}

static struct reading
start_reading(size_t piece, size_t up_to)
{
	struct reading r = {.scrape = cprom_scrape_open(registry, ACCEPT)};

	assert_non_null(r.scrape);
	read_more(&r, piece, up_to);
	return r;
}

static void
end_reading(struct reading *r, size_t piece, struct seen *seen)
{
	read_more(r, piece, SIZE_MAX);
	cprom_scrape_close(r->scrape);
	read_page((struct bytes){r->bytes, r->bytes + r->length}, seen);
	free(r->bytes);
}

static const char *
number_text(size_t i)
{
	static _Thread_local char text[24];

	snprintf(text, sizeof(text), "%zu", i);
	return text;
}

static cprom_counter *
many_counters(const char *name)
{
	cprom_counter *c = cprom_counter_new(name, "C.", .registry = registry,
					     .labels = CPROM_LABELS("i"));

	for (size_t i = 0; i < MANY; i++)
		cprom_counter_add(cprom_labels(c, number_text(i)), (double)i);
	return c;
}

static cprom_histogram *
many_histograms(size_t count)
{
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .labels = CPROM_LABELS("i"));

	for (size_t i = 0; i < count; i++)
		cprom_histogram_observe(cprom_labels(h, number_text(i)), 0.5);
	return h;
}

/* ---- bytes ------------------------------------------------------------------------ */

static void
a_counter_is_written_as_in_the_worked_body(void **state)
{
	(void)state;
	cprom_counter_add(cprom_counter_new("jobs_total", "J.", .registry = registry), 42);
	assert_message("1f 0a0a6a6f62735f746f74616c 12024a2e 1800 220b 1a09 090000000000004540");
}

static void
what_is_zero_is_written(void **state)
{
	(void)state;
	cprom_counter_new("c", "", .registry = registry);
	assert_message("14 0a0163 1200 1800 220b 1a09 090000000000000000");
}

static void
a_classic_histogram_is_written_as_in_the_worked_body(void **state)
{
	cprom_histogram *h = cprom_histogram_new("q_seconds", "Q.", .registry = registry,
						 .buckets = CPROM_BUCKETS(0.5, 2.5),
						 .const_labels = CPROM_LABELS("op", "get"));

	(void)state;
	cprom_histogram_observe_many(h, 0.5, 3);
	cprom_histogram_observe_many(h, 1.875, 4);
	assert_message("45 0a09715f7365636f6e6473 1202512e 1804 2232 0a090a026f701203676574 3a25"
		       "0807 110000000000002240"
		       "1a0b 0803 11000000000000e03f"
		       "1a0b 0807 110000000000000440");
}

/* As readers were shown to take it. */
static void
a_classic_histogram_is_written_as_in_the_readers_vector(void **state)
{
	cprom_histogram *h = cprom_histogram_new("h", "x", .registry = registry,
						 .buckets = CPROM_BUCKETS(1));

	(void)state;
	cprom_histogram_observe(h, 1);
	cprom_histogram_observe_many(h, 2, 2);
	assert_message(
		"240a01681201781804221a3a1808031100000000000014401a0b080111000000000000f03f");
}

static void
emit_summary(cprom_sink *out, void *arg)
{
	static const double values[] = {1};

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_SUMMARY, "s", "x");
	cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(0.5), .values = values, .count = 3,
			  .sum = 5);
}

static void
a_summary_is_written_as_in_the_readers_vector(void **state)
{
	(void)state;
	cprom_collector_new(emit_summary, NULL, .registry = registry);
	assert_message("2b 0a0173 120178 1802 2221 221f 0803 110000000000001440"
		       "1a12 09000000000000e03f 11000000000000f03f");
}

static void
labels_are_written_without_escapes(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "a\nb", .registry = registry,
					 .labels = CPROM_LABELS("l", "m"),
					 .const_labels = CPROM_LABELS("k", "\\"));

	(void)state;
	cprom_gauge_set(cprom_labels(g, "\"\n", ""), -1);
	assert_message("2f 0a0167 1203610a62 1801 2223"
		       "0a06 0a016b 12015c  0a07 0a016c 1202220a  0a05 0a016d 1200"
		       "1209 09000000000000f0bf");
}

static void
emit_each_type(cprom_sink *out, void *arg)
{
	static const uint64_t counts[] = {200, UINT64_MAX - 200};

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_UNTYPED, "u", "");
	cprom_sink_sample(out, 1, .timestamp_ms = 300);
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "none", "");
	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "");
	cprom_sink_sample(out, 0, .bounds = CPROM_BUCKETS(1), .counts = counts, .sum = 2,
			  .timestamp_ms = 1754006400125);
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "");
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "b"));
	cprom_sink_sample(out, 2);
}

static void
what_collectors_emit_is_written_family_by_family(void **state)
{
	(void)state;
	cprom_collector_new(emit_each_type, NULL, .registry = registry);
	assert_message("17 0a0175 1200 1803 220e 2a09 09000000000000f03f 30ac02"
		       "34 0a0168 1200 1804 222b 30fdd8b6978633"
		       "  3a22 08ffffffffffffffffff01 110000000000000040"
		       "    1a0c 08c801 11000000000000f03f"
		       "29 0a0167 1200 1801"
		       "  2213 0a06 0a0161 120162 1209 09000000000000f03f"
		       "  220b 1209 090000000000000040");
}

static void
fail_after_a_family(cprom_sink *out, void *arg)
{
	emit_each_type(out, arg);
	cprom_sink_fail(out, "no");
}

static void
a_failed_collector_leaves_no_bytes(void **state)
{
	(void)state;
	cprom_collector_new(fail_after_a_family, NULL, .registry = registry);
	cprom_counter_new("c", "", .registry = registry);
	assert_message("14 0a0163 1200 1800 220b 1a09 090000000000000000");
}

static double
seven(void *arg)
{
	(void)arg;
	return 7;
}

static void
a_callback_is_a_message_of_its_own(void **state)
{
	(void)state;
	cprom_gauge_new("g", "", .registry = registry, .callback = seven);
	assert_message("14 0a0167 1200 1801 220b 1209 090000000000001c40");
}

static void
a_unit_is_written_if_the_name_ends_with_it(void **state)
{
	(void)state;
	cprom_counter_new("c_bytes_total", "", .registry = registry, .unit = "bytes");
	cprom_gauge_new("g", "", .registry = registry, .unit = "bytes");
	assert_message("27 0a0d635f62797465735f746f74616c 1200 1800 2a056279746573"
		       "  220b 1a09 090000000000000000"
		       "14 0a0167 1200 1801 220b 1209 090000000000000000");
}

/* ---- encoder -------------------------------------------------------------------------- */

static void
assert_metrics(uint32_t type, const struct samples *s, const char *hex)
{
	const struct naming n = {.type = type};
	size_t bound = cpromi_protobuf_bound(s);
	char *room = malloc(bound), *p;

	assert_non_null(room);
	p = cpromi_protobuf_metrics(room, room + bound, &n, s);
	assert_bytes(p, (size_t)(room + bound - p), hex);
	free(room);
}

static void
each_state_is_a_metric(void **state)
{
	static const struct lead states[] = {{"mode=\"on\"", 9}, {"mode=\"o\\\"f\"", 11}};
	static const double values[] = {0, 1};
	const struct samples s = {
		.type = CPROM_TYPE_STATESET,
		.count = 2,
		.told_apart = 2,
		.values = values,
		.states = states,
		.labels = "a=\"b\"",
		.labels_length = 5,
	};

	(void)state;
	assert_metrics(CPROM_TYPE_GAUGE, &s,
		       "221f 0a060a0161120162 0a0a0a046d6f646512026f6e 1209 090000000000000000"
		       "2220 0a060a0161120162 0a0b0a046d6f646512036f2266 1209 09000000000000f03f");
}

static void
each_process_is_a_metric(void **state)
{
	static const struct part parts[] = {{5, 77}, {6, 0}};
	static const double values[] = {5, 6};
	const struct samples s = {
		.type = CPROM_TYPE_GAUGE,
		.count = 2,
		.told_apart = 2,
		.values = values,
		.parts = parts,
		.labels = "",
	};

	(void)state;
	assert_metrics(CPROM_TYPE_GAUGE, &s,
		       "2216 0a090a0370696412023737 1209 090000000000001440"
		       "221c 0a0f0a0370696412086f766572666c6f77 1209 090000000000001840");
}

static void
what_an_info_says_are_labels(void **state)
{
	static const struct lead says[] = {{"a=\"b\",c=\"d\"", 11}};
	static const double values[] = {1};
	const struct samples s = {
		.type = CPROM_TYPE_INFO,
		.count = 1,
		.told_apart = 1,
		.values = values,
		.states = says,
		.labels = "",
	};

	(void)state;
	assert_metrics(CPROM_TYPE_GAUGE, &s,
		       "221b 0a060a0161120162 0a060a0163120164 1209 09000000000000f03f");
}

/* 1.5 s after the start of 1970. */
#define CREATED "0801 1080cab5ee01"

static void
created_is_written_of_what_counts(void **state)
{
	static const double values[] = {3, 1, 3};
	struct samples s = {
		.type = CPROM_TYPE_COUNTER,
		.count = 1,
		.values = values,
		.labels = "",
		.created_ms = 1500,
	};

	(void)state;
	assert_metrics(CPROM_TYPE_COUNTER, &s, "2215 1a13 090000000000000840 1a08" CREATED);
	s.type = CPROM_TYPE_HISTOGRAM;
	s.count = 3;
	s.told_apart = 1;
	assert_metrics(CPROM_TYPE_HISTOGRAM, &s, "2217 3a15 0803 11000000000000f03f 7a08" CREATED);
	s.type = CPROM_TYPE_SUMMARY;
	s.count = 2;
	s.told_apart = 0;
	s.values = values + 1;
	assert_metrics(CPROM_TYPE_SUMMARY, &s, "2217 2215 0803 11000000000000f03f 2208" CREATED);
}

static void
a_histogram_of_gauges_is_written_as_a_histogram(void **state)
{
	static const double values[] = {1, 3, -2, 3}, bounds[] = {0};
	const struct samples s = {
		.type = CPROM_TYPE_GAUGE_HISTOGRAM,
		.count = 4,
		.told_apart = 2,
		.values = values,
		.bounds = bounds,
		.labels = "",
	};

	(void)state;
	assert_metrics(CPROM_TYPE_HISTOGRAM, &s,
		       "221a 3a18 0803 1100000000000000c0 1a0b 0801 110000000000000000");
}

static void
assert_count(double count, const char *varint)
{
	const double values[] = {1, count};
	const struct samples s = {
		.type = CPROM_TYPE_SUMMARY,
		.count = 2,
		.values = values,
		.labels = "",
	};
	char hex[96];
	unsigned length = (unsigned)strlen(varint) / 2 + 10;

	snprintf(hex, sizeof(hex), "22%02x22%02x08%s11000000000000f03f", length + 2, length,
		 varint);
	assert_metrics(CPROM_TYPE_SUMMARY, &s, hex);
}

static void
counts_take_as_many_bytes_as_they_need(void **state)
{
	(void)state;
	assert_count(0, "00");
	assert_count(127, "7f");
	assert_count(128, "8001");
	assert_count(16383, "ff7f");
	assert_count(16384, "808001");
	assert_count(0x1p21 - 1, "ffff7f");
	assert_count(0x1p21, "80808001");
	assert_count(0x1p35, "808080808001");
	assert_count(0x1p53 - 1, "ffffffffffffff0f");
	assert_count(0x1p63, "80808080808080808001");
	assert_count(0x1p64, "ffffffffffffffffff01");
}

/* A label of this many bytes: lengths of one, two and three bytes, and the bound holds. */
static void
labels_may_have_any_length(void **state)
{
	static const double value = 1;
	static char text[40000];
	const struct naming n = {.type = CPROM_TYPE_GAUGE};

	(void)state;
	for (size_t length = 0; length < 33000; length = length < 300 ? length + 1 : 2 * length) {
		struct samples s = {.count = 1, .values = &value, .labels = text};
		struct bytes b;
		struct field f;
		size_t bound;
		char *p, *room;

		s.labels_length = (size_t)sprintf(text, "a=\"%0*d\",b=\"\"", (int)length, 0);
		if (length == 0)
			s.labels_length = (size_t)sprintf(text, "a=\"\",b=\"\"");
		bound = cpromi_protobuf_bound(&s);
		room = malloc(bound);
		p = cpromi_protobuf_metrics(room, room + bound, &n, &s);
		assert_true(p > room + length);
		b = (struct bytes){(unsigned char *)p, (unsigned char *)room + bound};
		assert_true(take_field(&b, &f) && b.p == b.end);
		b = f.content; /* the Metric */
		assert_true(take_field(&b, &f) && f.number == 1);
		assert_true(take_field(&f.content, &(struct field){0}));
		assert_true(take_field(&f.content, &(struct field){0}));
		assert_true(f.content.p == f.content.end);
		free(room);
	}
}

/* As another thread may write it between the two. */
static void
an_exemplar_that_comes_after_the_bound_is_left_out(void **state)
{
	static const struct naming n = {.type = CPROM_TYPE_COUNTER};
	cprom_counter *c = cprom_counter_new("c", "C.", .registry = registry);
	char value[CPROM_MAX_EXEMPLAR_CHARACTERS];
	struct bytes b;
	struct field f;
	struct samples s;
	double memory[8];
	size_t bound;
	char *room, *p;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	cpromi_samples_read(&s, (const struct series *)c, false, memory, 1);
	bound = cpromi_protobuf_bound(&s);
	cprom_counter_add_exemplar(c, 1, CPROM_LABELS("t", value));
	room = malloc(bound);
	p = cpromi_protobuf_metrics(room, room + bound, &n, &s);
	b = (struct bytes){(unsigned char *)p, (unsigned char *)room + bound};
	assert_true(take_field(&b, &f) && b.p == b.end);
	assert_int_equal(f.content.end - f.content.p, 11);
	free(room);
}

/* Exemplars as long as can be in every bucket, with buckets of both signs and all there is to tell. */
static void
the_longest_histogram_stays_in_its_bound(void **state)
{
	static const struct naming n = {.type = CPROM_TYPE_HISTOGRAM};
	static const double values[] = {0x1p63, 0x1p63, 0x1p64, -1, 0x1p64};
	static struct native_bucket buckets[400];
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .buckets = CPROM_BUCKETS(1, 2));
	struct native_view view = {8,       1, UINT64_MAX, UINT64_MAX, -1, 0x1p40 + 0.5,
				   buckets, 0, NULL};
	struct samples s = {.type = CPROM_TYPE_HISTOGRAM,
			    .count = 5,
			    .told_apart = 3,
			    .values = values,
			    .bounds = values,
			    .exemplars = (const struct series *)h,
			    .labels = "l=\"v\"",
			    .labels_length = 5,
			    .timestamp_ms = INT64_MAX,
			    .created_ms = INT64_MAX};
	char value[4 * CPROM_MAX_EXEMPLAR_CHARACTERS] = "";

	(void)state;
	for (size_t i = 1; i < CPROM_MAX_EXEMPLAR_CHARACTERS; i++)
		strcat(value, "\xF0\x9F\x98\x80");
	for (int i = 1; i < 4; i++)
		cprom_histogram_observe_exemplar(h, i, CPROM_LABELS("t", value));
	for (size_t gap = 1; gap < 5; gap++) {
		for (size_t i = 0; i < array_len(buckets); i++)
			buckets[i] = (struct native_bucket){(int32_t)(i * (gap < 4 ? gap : 100000)),
							    {i % 2 ? UINT64_MAX / 2 : 1, 1}};
		for (size_t count = 0; count <= array_len(buckets); count++) {
			size_t bound;
			char *room, *p;

			s.native = count % 2 || count > 2 ? &view : NULL;
			view.bucket_count = count;
			bound = cpromi_protobuf_bound(&s);
			room = malloc(bound);
			p = cpromi_protobuf_metrics(room, room + bound, &n, &s);
			assert_in_range(p - room, 1, bound);
			free(room);
		}
	}
}

static void
any_number_of_bytes_but_one_can_be_filled(void **state)
{
	char room[5000];

	(void)state;
	for (size_t n = 0; n < sizeof(room); n = n == 0 ? 2 : n + 1) {
		struct bytes b = {(unsigned char *)room, (unsigned char *)room + n};
		struct field f;

		assert_ptr_equal(cpromi_protobuf_fill(room, n), room + n);
		while (take_field(&b, &f))
			assert_int_equal(f.number, 15);
	}
}

/* ---- exemplars and native histograms ------------------------------------------------------ */

static void
an_exemplar_of_a_counter_has_its_time(void **state)
{
	cprom_counter *c = cprom_counter_new("c", "", .registry = registry);

	(void)state;
	stop_clock(1754006400, 125000000);
	cprom_counter_add_exemplar(c, 2, CPROM_LABELS("t", "\""));
	assert_message(
		"34 0a0163 1200 1800 222b 1a29 090000000000000040"
		"  121e 0a06 0a0174 120122  110000000000000040  1a0b 0880 87b0c406 10c0b2cd3b");
}

static void
the_infinite_bucket_is_there_for_its_exemplar(void **state)
{
	cprom_histogram *h = cprom_histogram_new("h", "", .registry = registry,
						 .buckets = CPROM_BUCKETS(1));

	(void)state;
	stop_clock(1, 0);
	cprom_histogram_observe_exemplar(h, 2, CPROM_LABELS("t", "x"));
	assert_message("47 0a0168 1200 1804 223e 3a3c 0801 110000000000000040"
		       "  1a0b 0800 11000000000000f03f"
		       "  1a22 0801 11000000000000f07f"
		       "    1a15 0a06 0a0174 120178  110000000000000040  1a02 0801");
}

/* What another thread puts between the two stays out of what was measured without it. */
static void
the_first_exemplar_may_come_while_a_series_is_shown(void **state)
{
	const struct naming n = {.name = "h", .name_length = 1, .type = CPROM_TYPE_HISTOGRAM};
	cprom_histogram *h = cprom_histogram_new("h", "", .registry = registry,
						 .buckets = CPROM_BUCKETS(1));
	static double memory[4 * SAMPLE_BYTES / sizeof(double)];
	static char beside[4096];
	char label[CPROM_MAX_EXEMPLAR_CHARACTERS];
	struct samples s;
	size_t bound;

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	cpromi_samples_read(&s, (const struct series *)h, false, memory, 4);
	bound = cpromi_protobuf_bound(&s);
	cprom_histogram_observe_exemplar(h, 1, CPROM_LABELS("t", label));
	cprom_histogram_observe_exemplar(h, 2, CPROM_LABELS("t", label));
	assert_true(bound <= sizeof(beside) / 2);
	assert_true(cpromi_protobuf_metrics(beside + sizeof(beside) - bound,
					    beside + sizeof(beside), &n,
					    &s) >= beside + sizeof(beside) - bound);
	assert_true(cpromi_protobuf_bound(&s) == bound);
}

static const struct native_bucket few[] = {{-2, {2, 0}}, {-1, {1, 0}}, {3, {3, 0}}};

static void
the_worked_body_is_written_byte_for_byte(void **state)
{
	static const double values[] = {3, 7, 7, 9, 7}, bounds[] = {0.5, 2.5};
	const struct native_view view = {
		.schema = 1,
		.zero_threshold = 0x1p-128,
		.zero_count = 1,
		.created_ms = 1754000000000,
		.buckets = few,
		.bucket_count = 3,
	};
	const struct naming n = {
		.name = "q_seconds",
		.name_length = 9,
		.family_length = 9,
		.type = CPROM_TYPE_HISTOGRAM,
	};
	const struct family_view family = {.help = "Q.", .help_length = 2, .unit = ""};
	cprom_histogram *h = cprom_histogram_new("h", "", .registry = registry,
						 .buckets = CPROM_BUCKETS(0.5, 2.5));
	const struct samples s = {
		.type = CPROM_TYPE_HISTOGRAM,
		.count = 5,
		.told_apart = 3,
		.values = values,
		.bounds = bounds,
		.labels = "op=\"get\"",
		.labels_length = 8,
		.exemplars = (const struct series *)h,
		.native = &view,
	};
	struct buffer b = {0};
	size_t bound = cpromi_protobuf_bound(&s), size;
	char *room = malloc(bound), *p;

	(void)state;
	stop_clock(1754006400, 125000000);
	cprom_histogram_observe_exemplar(h, 2.5, CPROM_LABELS("trace_id", "ab1"));
	p = cpromi_protobuf_metrics(room, room + bound, &n, &s);
	size = (size_t)(room + bound - p);
	assert_true(cpromi_buffer_add(&b, p, size));
	cpromi_protobuf_finish(&b, 0, &n, &family);
	/* The body has no exemplars of the native histogram: 42 bytes, and the lengths around them. */
	assert_bytes(b.bytes, b.length,
		     "c001 0a09715f7365636f6e6473 1202512e 1804 22ac01"
		     "0a090a026f701203676574 3a9e01 0807 110000000000002240"
		     "1a0b 0803 11000000000000e03f"
		     "1a34 0807 110000000000000440"
		     "  1a27 0a0f0a0874726163655f69641203616231 110000000000000440"
		     "    1a0b 088087b0c406 10c0b2cd3b"
		     "2802 31000000000000f037 3801 620408031002 620408061001 6a03040104"
		     "7a060880d5afc406"
		     "820127 0a0f0a0874726163655f69641203616231 110000000000000440"
		     "    1a0b 088087b0c406 10c0b2cd3b");
	cpromi_buffer_free(&b);
	free(room);
}

/* What follows schema, threshold and count of zeros. */
static void
assert_native(const struct native_bucket *buckets, size_t count, const char *hex)
{
	static const double values[] = {1, 1, 1};
	const struct native_view view = {
		.created_ms = 1000, .buckets = buckets, .bucket_count = count};
	const struct samples s = {
		.type = CPROM_TYPE_HISTOGRAM,
		.count = 3,
		.told_apart = 1,
		.values = values,
		.labels = "",
		.native = &view,
	};
	char whole[2048];
	unsigned length = 24 + 4;

	for (const char *p = hex; *p != '\0'; p++)
		length += *p != ' ';
	length = 28 + (length - 28) / 2;
	snprintf(whole, sizeof(whole),
		 "22%02x3a%02x 0801 11000000000000f03f 2800 310000000000000000 3800 %s 7a020801",
		 length + 2, length, hex);
	assert_metrics(CPROM_TYPE_HISTOGRAM, &s, whole);
}

static void
buckets_are_spans_and_deltas(void **state)
{
	static const struct native_bucket gap_of_two[] = {{-2, {2, 0}}, {-1, {1, 0}}, {2, {3, 0}}};
	static const struct native_bucket both[] = {{-5, {0, 1}}, {7, {300, 2}}};
	static const struct native_bucket far[] = {{INT32_MIN / 2, {UINT64_MAX >> 1, 0}},
						   {INT32_MAX / 2, {1, 0}}};

	(void)state;
	assert_native(few, 3, "620408031002 620408061001 6a03040104");
	/* 2, -1, -1, 0, 3 */
	assert_native(gap_of_two, 3, "620408031005 6a050401010006");
	assert_native(both, 2, "4a0408091001 4a0408161001 52020202 6204080e1001 6a02d804");
	assert_native(far, 2,
		      "620808ffffffff071001 620808fcffffff0f1001"
		      "6a14 feffffffffffffffff01 fbffffffffffffffff01");
}

/* Readers before Prometheus 2.47 look at deltas, later ones at spans. */
static void
an_empty_native_histogram_is_marked_as_one(void **state)
{
	(void)state;
	assert_native(NULL, 0, "620408001001 6a0100");
}

static void
a_native_histogram_is_written_as_in_the_readers_vector(void **state)
{
	cprom_histogram *h;

	(void)state;
	stop_clock(1, 0);
	h = cprom_histogram_new("h", "x", .registry = registry,
				.native = CPROM_NATIVE(.growth = 2, .zero_threshold = -1));
	cprom_histogram_observe(h, 1);
	cprom_histogram_observe_many(h, 2, 2);
	assert_message("32 0a0168 120178 1804 2228 3a26 0803 110000000000001440"
		       "2800 310000000000000000 3800 620408001002 6a020202 7a020801");
}

static cprom_histogram *
native_family(size_t count, size_t buckets)
{
	cprom_histogram *h = cprom_histogram_new(
		"h", "H.", .registry = registry, .labels = CPROM_LABELS("i"),
		.native = CPROM_NATIVE(.growth = 2, .max_buckets = 4, .min_reset = 1));

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < buckets; j++)
			cprom_histogram_observe(cprom_labels(h, number_text(i)), (double)(1 << j));
	return h;
}

/* More buckets than are shown: so it is due. */
static void
each_observation_is_shown_before_a_reset(void **state)
{
	static const size_t series[] = {3, 2000};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < array_len(series); i++) {
		cprom_histogram *h = native_family(series[i], 8);

		stop_clock(100, 0);
		read_rendered(&seen);
		assert_all_once(&seen, 0, series[i]);
		assert_int_equal(seen.counts, 8 * series[i]);
		assert_int_equal(seen.messages, 1);
		read_rendered(&seen);
		assert_int_equal(seen.counts, 0);
		assert_all_once(&seen, 0, series[i]);
		cprom_unregister(h);
		stop_clock(1, 0);
	}
}

static void
new_buckets_go_into_the_promise_or_another_message(void **state)
{
	cprom_histogram *h = native_family(2000, 1);
	struct seen seen;
	struct reading r = start_reading(10, 10);

	(void)state;
	for (size_t i = 0; i < 2000; i += 10)
		cprom_histogram_observe(cprom_labels(h, number_text(i)), 2);
	read_more(&r, 1000, 20000);
	for (size_t i = 0; i < 2000; i++)
		cprom_histogram_observe(cprom_labels(h, number_text(i)), 1 << 5);
	end_reading(&r, 1000, &seen);
	assert_in_range(seen.messages, 1, 4);
	assert_all_once(&seen, 0, 2000);
}

/* ---- promises --------------------------------------------------------------------------- */

static void
a_large_family_is_one_message_of_exactly_its_length(void **state)
{
	struct seen seen;

	(void)state;
	many_counters("c");
	read_rendered(&seen);
	assert_int_equal(seen.messages, 1);
	assert_int_equal(seen.filled, 0);
	assert_all_once(&seen, 0, MANY);
}

static void
the_bytes_do_not_depend_on_how_they_are_read(void **state)
{
	static const size_t pieces[] = {1, 2, 7, 100, 16384};
	struct bytes whole;
	struct reading r;

	(void)state;
	many_counters("c");
	many_histograms(500);
	cprom_gauge_new("last", "", .registry = registry);
	whole = rendered();
	for (size_t i = 0; i < array_len(pieces); i++) {
		r = start_reading(pieces[i], SIZE_MAX);
		assert_int_equal(r.length, whole.end - whole.p);
		assert_memory_equal(r.bytes, whole.p, r.length);
		cprom_scrape_close(r.scrape);
		free(r.bytes);
	}
	free((void *)whole.p);
}

static void
series_that_go_after_the_promise_leave_bytes_that_are_skipped(void **state)
{
	static const size_t removed[] = {1, 2, 3, 100, MANY - 1};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < array_len(removed); i++) {
		cprom_counter *c = many_counters("c");
		struct reading r = start_reading(10, 10);

		for (size_t j = MANY - removed[i]; j < MANY; j++)
			assert_int_equal(cprom_remove(c, number_text(j)), 0);
		end_reading(&r, 1000, &seen);
		assert_int_equal(seen.messages, 1);
		assert_all_once(&seen, 0, MANY - removed[i]);
		assert_in_range(seen.filled, removed[i] * 20, removed[i] * 40);
		cprom_unregister(c);
	}
}

/* 7 and 15 of them, of 24 and 23 bytes: one more than is filled at once, and none may be left over. */
static void
what_is_left_is_filled_to_the_last_byte(void **state)
{
	cprom_counter *c = many_counters("c");
	struct seen seen;
	struct reading r = start_reading(10, 10);

	(void)state;
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(cprom_remove(c, number_text(1000 + i)), 0);
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(cprom_remove(c, number_text(100 + i)), 0);
	end_reading(&r, 1000, &seen);
	assert_int_equal(seen.messages, 1);
	assert_int_equal(seen.filled, 513);
}

/* One of 24 bytes is removed, the last one grows by 23. */
static void
a_series_that_would_leave_one_byte_is_a_message_by_itself(void **state)
{
	cprom_counter *c = many_counters("c");
	struct seen seen;
	struct reading r = start_reading(10, 10);

	(void)state;
	stop_clock(1, 0);
	assert_int_equal(cprom_remove(c, number_text(1000)), 0);
	cprom_counter_add_exemplar(cprom_labels(c, number_text(MANY - 1)), 1,
				   CPROM_LABELS("t", "x"));
	end_reading(&r, 1000, &seen);
	assert_int_equal(seen.messages, 2);
	assert_int_equal(seen.metrics, MANY - 1);
	assert_int_equal(seen.filled, 48);
}

static void
labels_of_any_kind_are_measured_exactly(void **state)
{
	static const char *const values[] = {"plain", "\\\"\n", "", NULL, "\xf0\x9f\x8c\xb3"};
	cprom_gauge *g = cprom_gauge_new("g", "", .registry = registry,
					 .labels = CPROM_LABELS("i", "l"));
	struct seen seen;
	char text[400];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		const char *value = values[i % array_len(values)];

		snprintf(text, sizeof(text), "%0*zu", (int)(i % 399), i);
		cprom_gauge_set(cprom_labels(g, number_text(i), value == NULL ? text : value), 1);
	}
	read_rendered(&seen);
	assert_int_equal(seen.messages, 1);
	assert_int_equal(seen.filled, 0);
	assert_all_once(&seen, 0, MANY);
}

static void
a_family_that_goes_after_the_promise_is_filled_up(void **state)
{
	cprom_counter *c = many_counters("c");
	struct seen seen;
	struct reading r;

	(void)state;
	cprom_gauge_new("last", "", .registry = registry);
	r = start_reading(10, 2000);
	cprom_unregister(c);
	end_reading(&r, 1, &seen);
	assert_int_equal(seen.messages, 2);
	assert_true(seen.filled > MANY * 20);
}

static void
series_made_after_the_scrape_began_are_not_in_it(void **state)
{
	cprom_counter *c = many_counters("c");
	struct seen seen;
	struct reading r = start_reading(10, 10);

	(void)state;
	for (size_t i = MANY; i < MANY + 100; i++)
		cprom_counter_inc(cprom_labels(c, number_text(i)));
	end_reading(&r, 1000, &seen);
	assert_int_equal(seen.messages, 1);
	assert_int_equal(seen.filled, 0);
	assert_all_once(&seen, 0, MANY);
}

/* Each count takes one byte more than it did: less than what is promised beyond the need. */
static void
a_family_may_grow_a_little_within_its_promise(void **state)
{
	cprom_histogram *h = many_histograms(500);
	struct seen seen;
	struct reading r = start_reading(10, 10);

	(void)state;
	for (size_t i = 0; i < 500; i++)
		cprom_histogram_observe_many(cprom_labels(h, number_text(i)), 5, 300);
	end_reading(&r, 1000, &seen);
	assert_int_equal(seen.messages, 1);
	assert_all_once(&seen, 0, 500);
	assert_int_equal(seen.counts, 500 * 301);
}

static void
a_family_that_grows_beyond_its_promise_goes_on_in_another_message(void **state)
{
	static const size_t series[] = {100, 150, 500, MANY};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < array_len(series); i++) {
		cprom_histogram *h = many_histograms(series[i]);
		struct reading r = start_reading(10, 10);

		for (size_t j = 0; j < series[i]; j++)
			cprom_histogram_observe_many(cprom_labels(h, number_text(j)), 0.001,
						     UINT64_C(1) << 40);
		end_reading(&r, 1000, &seen);
		assert_in_range(seen.messages, 3, 4);
		assert_all_once(&seen, 0, series[i]);
		cprom_unregister(h);
	}
}

/* The first series grows so that it does not fit at all, each time. */
static void
a_series_that_outgrows_each_promise_is_shown_all_the_same(void **state)
{
	static double bounds[CPROM_MAX_BUCKETS];
	cprom_histogram *h;
	struct seen seen;
	struct reading r;

	(void)state;
	for (size_t i = 0; i < array_len(bounds); i++)
		bounds[i] = (double)i;
	h = cprom_histogram_new("h", "H.", .registry = registry, .labels = CPROM_LABELS("i"),
				.buckets = {bounds, array_len(bounds)});
	for (size_t i = 0; i < 8; i++)
		cprom_labels(h, number_text(i));
	r = start_reading(10, 10);
	for (size_t i = 0; i < 8; i++) {
		for (size_t j = 0; j < 8; j++)
			cprom_histogram_observe_many(cprom_labels(h, number_text(j)), -1,
						     UINT64_C(1) << 7 * i);
		read_more(&r, 1000, r.length + 14000);
	}
	end_reading(&r, 1000, &seen);
	assert_true(seen.messages > 2);
	assert_all_once(&seen, 0, 8);
}

/* ---- threads ---------------------------------------------------------------------------- */

struct churn {
	cprom_counter *c;
	cprom_histogram *h;
	atomic_u32 stop;
};

static void *
change_series(void *arg)
{
	struct churn *churn = arg;
	unsigned random = 1;

	while (load_relaxed(&churn->stop) == 0) {
		const char *i = number_text((random = random * 1103515245 + 12345) >> 8 & 1023);

		if (random & 1 << 20)
			cprom_remove(churn->c, i);
		else
			cprom_counter_inc(cprom_labels(churn->c, i));
		if (random & 1 << 21)
			cprom_remove(churn->h, i);
		else
			cprom_histogram_observe_many(cprom_labels(churn->h, i), 0.5, random);
	}
	return NULL;
}

static void
each_length_is_kept_while_series_come_and_go(void **state)
{
	static const size_t pieces[] = {1, 10, 1000, 16384};
	struct churn churn = {.c = many_counters("c"), .h = many_histograms(1024)};
	struct seen seen;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, change_series, &churn), 0);
	for (size_t i = 0; i < 40; i++) {
		struct reading r = start_reading(pieces[i % array_len(pieces)], 100);

		read_more(&r, pieces[i % array_len(pieces)], SIZE_MAX);
		cprom_scrape_close(r.scrape);
		/* Of each label there may be one in both families. */
		memset(&seen, 0, sizeof(seen));
		for (struct bytes page = {r.bytes, r.bytes + r.length}; page.p < page.end;) {
			struct bytes start = page;

			take(&page, take_varint(&page));
			start.end = page.p;
			read_page(start, &seen);
			assert_int_equal(seen.messages, 1);
		}
		free(r.bytes);
	}
	store_relaxed(&churn.stop, 1);
	pthread_join(thread, NULL);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void
a_scrape_without_memory_fails_and_leaks_nothing(void **state)
{
	struct bytes whole;
	struct reading r;
	long n = 0;

	(void)state;
	many_counters("c");
	many_histograms(10);
	cprom_collector_new(emit_summary, NULL, .registry = registry);
	whole = rendered();
	do {
		size_t length = 0;
		char *page;

		errno = 0;
		heap_watch(++n, true);
		page = cprom_render(registry, ACCEPT, &length);
		if (page == NULL)
			assert_int_equal(errno, ENOMEM);
		else if (heap.failed == 0)
			assert_int_equal(length, whole.end - whole.p);
		else /* without the collector's family */
			assert_int_equal(length, whole.end - whole.p - 44);
		free(page);
		assert_int_equal(heap.blocks, 0);
	} while (heap.failed > 0);
	heap_watch(0, false);
	assert_true(n > 8);
	free((void *)whole.p);
	r = start_reading(1, 100);
	cprom_scrape_close(r.scrape);
	free(r.bytes);
}

static void
an_empty_registry_is_an_empty_page(void **state)
{
	(void)state;
	cprom_counter_new("c", "", .registry = registry, .labels = CPROM_LABELS("l"));
	assert_message("");
}

#define with_registry(test) cmocka_unit_test_setup_teardown(test, setup, teardown_clock)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		with_registry(a_counter_is_written_as_in_the_worked_body),
		with_registry(what_is_zero_is_written),
		with_registry(a_classic_histogram_is_written_as_in_the_worked_body),
		with_registry(a_classic_histogram_is_written_as_in_the_readers_vector),
		with_registry(a_summary_is_written_as_in_the_readers_vector),
		with_registry(labels_are_written_without_escapes),
		with_registry(what_collectors_emit_is_written_family_by_family),
		with_registry(a_failed_collector_leaves_no_bytes),
		with_registry(a_callback_is_a_message_of_its_own),
		with_registry(a_unit_is_written_if_the_name_ends_with_it),
		cmocka_unit_test(each_state_is_a_metric),
		cmocka_unit_test(each_process_is_a_metric),
		cmocka_unit_test(what_an_info_says_are_labels),
		cmocka_unit_test(created_is_written_of_what_counts),
		cmocka_unit_test(a_histogram_of_gauges_is_written_as_a_histogram),
		cmocka_unit_test(counts_take_as_many_bytes_as_they_need),
		cmocka_unit_test(labels_may_have_any_length),
		with_registry(an_exemplar_that_comes_after_the_bound_is_left_out),
		with_registry(the_longest_histogram_stays_in_its_bound),
		cmocka_unit_test(any_number_of_bytes_but_one_can_be_filled),
		with_registry(an_exemplar_of_a_counter_has_its_time),
		with_registry(the_infinite_bucket_is_there_for_its_exemplar),
		with_registry(the_first_exemplar_may_come_while_a_series_is_shown),
		with_registry(the_worked_body_is_written_byte_for_byte),
		cmocka_unit_test(buckets_are_spans_and_deltas),
		cmocka_unit_test(an_empty_native_histogram_is_marked_as_one),
		with_registry(a_native_histogram_is_written_as_in_the_readers_vector),
		with_registry(each_observation_is_shown_before_a_reset),
		with_registry(new_buckets_go_into_the_promise_or_another_message),
		with_registry(a_large_family_is_one_message_of_exactly_its_length),
		with_registry(the_bytes_do_not_depend_on_how_they_are_read),
		with_registry(series_that_go_after_the_promise_leave_bytes_that_are_skipped),
		with_registry(labels_of_any_kind_are_measured_exactly),
		with_registry(a_series_that_would_leave_one_byte_is_a_message_by_itself),
		with_registry(what_is_left_is_filled_to_the_last_byte),
		with_registry(a_family_that_goes_after_the_promise_is_filled_up),
		with_registry(series_made_after_the_scrape_began_are_not_in_it),
		with_registry(a_family_may_grow_a_little_within_its_promise),
		with_registry(a_family_that_grows_beyond_its_promise_goes_on_in_another_message),
		with_registry(a_series_that_outgrows_each_promise_is_shown_all_the_same),
		with_registry(each_length_is_kept_while_series_come_and_go),
		with_registry(a_scrape_without_memory_fails_and_leaks_nothing),
		with_registry(an_empty_registry_is_an_empty_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
