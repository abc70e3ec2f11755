/* SPDX-License-Identifier: MIT */
/*
 * stress: scrapes a registry while threads update, create, remove and register in it.
 *
 * usage: stress [SECONDS [LANES [DIRECTORY [EVERY]]]]
 *
 * Two threads scrape, one with large reads and one a few bytes at a time; four
 * update, two create children and two remove them, one registers and unregisters
 * families and collectors, and threads that live shortly come and go. With fewer
 * LANES than threads (default 64) some of them share the overflow lane. Every
 * EVERYth page (default 100) of a scraper is written to DIRECTORY/large or /small,
 * which must be there, for another judge.
 *
 * What must hold in every page
 *  P1  Each line is well-formed, each family is there once, its lines together.
 *  P2  No sample, name and labels, is there twice.
 *  P3  What counts in stable series never goes down, and no stable series is missing.
 *  P4  Buckets are cumulative, _count is the +Inf bucket, and with a lane for each
 *      thread the sum fits the buckets; quantiles ascend.
 *  P5  A family or series that was there all the time that a scrape took is in it.
 * And in the end
 *  P6  Totals are exactly what the threads counted themselves.
 *  P7  What comes and goes leaves no memory behind.
 *  P8  Every collector's argument was released once.
 */
#include "atomic.h"
#include "long_run.h"

#include <cprom.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 8 /* label sets of a stable family; number KEYS is the one without labels */
#define CHURN_KEYS 64
#define CHURN_SETS 4
#define FLUX 8 /* families that come and go */
#define BOUNDS 4
#define MAX_EIGHTHS 80 /* observations are 1/8 … 10: their sums are exact */
#define MAX_VALUE (MAX_EIGHTHS / 8.0)
#define MEMORY_SAMPLES 10
#define MAX_COMPLAINTS 20

static const double bounds[BOUNDS] = {1, 2, 4, 8};
static const double quantiles[] = {0, 0.5, 0.9, 1};
static const char *const key_names[KEYS] = {
	"a", "b\\c", "d\"e", "f\ng", "", "é", "\xf0\x9f\x8c\xb3", "h h"};
static char churn_names[CHURN_KEYS][16];
static const char *const set_names[CHURN_SETS] = {"s0", "s1", "s2", "s3"};

static cprom_registry *registry;
static unsigned lanes = 64;
static const char *directory;
static unsigned every = 100;
static atomic_u32 stop;
static atomic_u32 complaints;
static atomic_u64 family_anchor; /* highest number whose family is there to stay a while */
static atomic_u64 series_anchor;
static atomic_u32 collectors_made, collectors_released;
static atomic_u64 pages, churned, threads_ended;
static double run_seconds = 30;

static cprom_counter *counter[KEYS + 1], *counters;
static cprom_gauge *gauge[KEYS + 1], *gauges;
static cprom_histogram *histogram[KEYS + 1], *histograms;
static cprom_summary *summary[KEYS + 1], *summaries;
static cprom_counter *churn_counter;
static cprom_gauge *churn_gauge;
static cprom_histogram *churn_histogram;
static cprom_summary *churn_summary;

static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list args;

	if (add_relaxed(&complaints, 1) >= MAX_COMPLAINTS)
		return;
	va_start(args, format);
	fputs("FAIL: ", stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
}

/* ---- what a scraper remembers of each sample -------------------------------- */

struct seen {
	char *key; /* name and labels */
	size_t length;
	uint64_t page; /* the last one that it was in */
	double value;
};

struct map {
	struct seen *slots;
	size_t capacity, count;
};

static struct seen *
map_find(const struct map *m, const char *key, size_t length)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3;
	for (h ^= h >> 32;; h++) {
		struct seen *s = &m->slots[h & (m->capacity - 1)];

		if (s->key == NULL || (s->length == length && memcmp(s->key, key, length) == 0))
			return s;
	}
}

static void
map_grow(struct map *m)
{
	struct map old = *m;

	m->capacity = old.capacity == 0 ? 4096 : 2 * old.capacity;
	m->slots = calloc(m->capacity, sizeof(*m->slots));
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].key != NULL)
			*map_find(m, old.slots[i].key, old.slots[i].length) = old.slots[i];
	free(old.slots);
}

static struct seen *
map_enter(struct map *m, const char *key, size_t length)
{
	struct seen *s;

	if (2 * m->count >= m->capacity)
		map_grow(m);
	s = map_find(m, key, length);
	if (s->key == NULL) {
		s->key = malloc(length + 1);
		memcpy(s->key, key, length);
		s->key[length] = '\0';
		s->length = length;
		m->count++;
	}
	return s;
}

static void
map_free(struct map *m)
{
	for (size_t i = 0; i < m->capacity; i++)
		free(m->slots[i].key);
	free(m->slots);
}

/* ---- the strict reader ------------------------------------------------------ */

enum type { NO_TYPE, COUNTER, GAUGE, HISTOGRAM, SUMMARY };

struct reader {
	const char *who;
	struct map map;
	uint64_t page;
	const char *text, *p, *end;
	const char *family; /* in the text */
	size_t family_length;
	enum type type;
	/* The histogram or summary whose lines are being read. */
	bool in_series;
	const char *labels; /* without the bound */
	size_t labels_length;
	double last_bound, last_value, infinite;
	double least, most; /* that the sum can be */
	uint64_t stable;    /* samples of stable families */
	uint64_t stable_last;
};

/* The line at p, for messages. */
static int
line_length(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return (int)((newline == NULL ? end : newline) - p);
}

static void
wrong(const struct reader *r, const char *line, const char *what)
{
	complain("%s page %llu at %zu: %s: %.*s", r->who, (unsigned long long)r->page,
		 (size_t)(line - r->text), what, line_length(line, r->end), line);
}

static bool
name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (!first && c >= '0' && c <= '9');
}

static size_t
read_name(struct reader *r)
{
	const char *begin = r->p;

	while (r->p < r->end && name_byte(*r->p, r->p == begin))
		r->p++;
	return (size_t)(r->p - begin);
}

static bool
eat(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

/* A label's value, with its quotes. */
static bool
read_quoted(struct reader *r)
{
	if (!eat(r, "\""))
		return false;
	for (; r->p < r->end && *r->p != '"'; r->p++) {
		if (*r->p == '\n')
			return false;
		if (*r->p == '\\' && ++r->p < r->end && strchr("\\\"n", *r->p) == NULL)
			return false;
	}
	return eat(r, "\"");
}

/* NaN, +Inf, -Inf, or a decimal number of digits that are needed. */
static bool
read_number(struct reader *r, double *v)
{
	char copy[40];
	size_t n = strcspn(r->p, " \n\""); /* the text ends in NUL */
	char *stop_at;

	if (n == 0 || n >= sizeof(copy))
		return false;
	memcpy(copy, r->p, n);
	copy[n] = '\0';
	r->p += n;
	if (strcmp(copy, "NaN") == 0 || strcmp(copy, "+Inf") == 0 || strcmp(copy, "-Inf") == 0) {
		*v = strtod(copy, NULL);
		return true;
	}
	if (strspn(copy, "0123456789+-.e") != n || copy[0] == '+')
		return false;
	*v = strtod(copy, &stop_at);
	return *stop_at == '\0';
}

struct sample {
	const char *line, *name, *labels;
	size_t name_length, labels_length; /* labels with braces, the bound left out */
	size_t key_length;                 /* from name on */
	const char *bound_name;            /* le or quantile */
	double bound, value;
};

/* {a="b",…}; the last label may be a bound. */
static bool
read_labels(struct reader *r, struct sample *s)
{
	s->labels = r->p;
	if (!eat(r, "{"))
		return true;
	do {
		const char *label = r->p;
		size_t n = read_name(r);

		s->labels_length = (size_t)(label - s->labels) - 1; /* if this one is the bound */
		if (n == 0 || memchr(label, ':', n) != NULL || !eat(r, "="))
			return false;
		if ((n == 2 && memcmp(label, "le", n) == 0) ||
		    (n == 8 && memcmp(label, "quantile", n) == 0)) {
			s->bound_name = label;
			if (!eat(r, "\"") || !read_number(r, &s->bound) || !eat(r, "\""))
				return false;
			return eat(r, "}");
		}
		if (!read_quoted(r))
			return false;
	} while (eat(r, ","));
	s->labels_length = (size_t)(r->p - s->labels);
	return eat(r, "}");
}

static bool
read_sample(struct reader *r, struct sample *s)
{
	*s = (struct sample){.line = r->p, .name = r->p};
	s->name_length = read_name(r);
	if (s->name_length == 0 || !read_labels(r, s))
		return false;
	s->key_length = (size_t)(r->p - s->name);
	return eat(r, " ") && read_number(r, &s->value) && eat(r, "\n");
}

static bool
begins(const char *text, size_t length, const char *with)
{
	return length >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* What follows the family's name in the sample's, NULL if that begins otherwise. */
static const char *
suffix_of(const struct reader *r, const struct sample *s, size_t *length)
{
	*length = s->name_length - r->family_length;
	if (s->name_length < r->family_length || memcmp(s->name, r->family, r->family_length) != 0)
		return NULL;
	return s->name + r->family_length;
}

static bool
is_suffix(const char *suffix, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(suffix, text, n) == 0;
}

static void
begin_series(struct reader *r, const struct sample *s)
{
	r->in_series = true;
	r->labels = s->labels;
	r->labels_length = s->labels_length;
	r->last_bound = r->type == HISTOGRAM ? 0 : -1;
	r->last_value = 0;
	r->infinite = -1;
	r->least = r->most = 0;
}

static bool
same_series(const struct reader *r, const struct sample *s)
{
	return r->in_series && r->labels_length == s->labels_length &&
	       memcmp(r->labels, s->labels, s->labels_length) == 0;
}

static const char *
check_bucket(struct reader *r, const struct sample *s)
{
	double n = s->value - r->last_value;

	if (s->bound_name == NULL || (!isinf(s->bound) && !(s->bound > r->last_bound)))
		return "the bounds do not ascend";
	if (!(n >= 0))
		return "the buckets are not cumulative";
	r->least += n * r->last_bound;
	r->most += n * (isinf(s->bound) ? MAX_VALUE : s->bound);
	r->last_bound = s->bound;
	r->last_value = s->value;
	if (isinf(s->bound))
		r->infinite = s->value;
	return NULL;
}

static const char *
check_quantile(struct reader *r, const struct sample *s)
{
	if (s->bound_name == NULL || !(s->bound > r->last_bound))
		return "the quantiles do not ascend";
	if (s->value < r->last_value || s->value > MAX_VALUE * 1.011)
		return "the values of the quantiles do not ascend, or are out of range";
	r->last_bound = s->bound;
	if (!isnan(s->value))
		r->last_value = s->value;
	return NULL;
}

/* With a lane for each thread a snapshot lacks at most what is half-way in a lane. */
static bool
sum_fits(const struct reader *r, double sum)
{
	double slack = 64 * MAX_VALUE;

	if (sum < 0)
		return false;
	return lanes < 64 || !begins(r->family, r->family_length, "stable_") ||
	       (sum >= r->least - slack && sum <= r->most + slack);
}

/* A line of a histogram or summary: bounds, _sum and _count, in this order. */
static const char *
check_line(struct reader *r, const struct sample *s, const char *suffix, size_t n)
{
	if (is_suffix(suffix, n, r->type == HISTOGRAM ? "_bucket" : "")) {
		if (!r->in_series)
			begin_series(r, s);
		if (!same_series(r, s))
			return "a series is cut short";
		return r->type == HISTOGRAM ? check_bucket(r, s) : check_quantile(r, s);
	}
	if (!r->in_series && r->type == SUMMARY)
		begin_series(r, s); /* without quantiles */
	if (!same_series(r, s))
		return "a series is cut short";
	if (is_suffix(suffix, n, "_sum"))
		return r->type == HISTOGRAM && !sum_fits(r, s->value)
			       ? "the sum does not fit the buckets"
			       : NULL;
	if (!is_suffix(suffix, n, "_count"))
		return "a sample that its family does not have";
	r->in_series = false;
	if (r->type == HISTOGRAM && s->value != r->infinite)
		return "_count is not the +Inf bucket";
	return NULL;
}

static const char *
check_sample(struct reader *r, const struct sample *s, bool *counts)
{
	size_t n;
	const char *suffix = suffix_of(r, s, &n);

	*counts = r->type != GAUGE && !(r->type == SUMMARY && s->bound_name != NULL);
	if (suffix == NULL)
		return "a sample of another family";
	if (r->type == HISTOGRAM || r->type == SUMMARY)
		return check_line(r, s, suffix, n);
	if (n != 0)
		return "a sample of another family";
	return *counts && !(s->value >= 0) ? "a counter below 0" : NULL;
}

static void
remember(struct reader *r, const struct sample *s, bool counts)
{
	struct seen *seen = map_enter(&r->map, s->name, s->key_length);
	bool stable = begins(s->name, s->name_length, "stable_");

	if (seen->page == r->page)
		wrong(r, s->line, "this sample is there twice");
	if (counts && (stable || begins(s->name, s->name_length, "cprom_")) && seen->page != 0 &&
	    s->value < seen->value) {
		complain("%s: was %.17g before", r->who, seen->value);
		wrong(r, s->line, "went down");
	}
	r->stable += stable;
	seen->page = r->page;
	seen->value = s->value;
}

static enum type
read_type(struct reader *r)
{
	static const char *const names[] = {"", "counter\n", "gauge\n", "histogram\n", "summary\n"};

	for (enum type t = COUNTER; t <= SUMMARY; t++)
		if (eat(r, names[t]))
			return t;
	return NO_TYPE;
}

/* # HELP and # TYPE; the name is remembered as if it were a sample, to find it twice. */
static bool
read_head(struct reader *r)
{
	const char *help = r->p + 7;
	char key[80];
	struct seen *seen;
	size_t n;

	if (!eat(r, "# HELP "))
		return false;
	r->family = help;
	r->family_length = n = read_name(r);
	if (n == 0 || n > 64 || !eat(r, " "))
		return false;
	r->p = memchr(r->p, '\n', (size_t)(r->end - r->p));
	if (r->p == NULL || !eat(r, "\n# TYPE ") || memcmp(r->p, r->family, n) != 0)
		return false;
	r->p += n;
	if (!eat(r, " "))
		return false;
	r->type = read_type(r);
	snprintf(key, sizeof(key), "# %.*s", (int)n, r->family);
	seen = map_enter(&r->map, key, n + 2);
	if (seen->page == r->page)
		wrong(r, help, "this family is there twice");
	seen->page = r->page;
	return r->type != NO_TYPE;
}

static void
read_line(struct reader *r)
{
	const char *line = r->p, *why, *newline;
	struct sample s;
	bool counts;

	if (*line == '#') {
		if (r->in_series)
			wrong(r, line, "the series before is cut short");
		r->in_series = false;
		if (read_head(r))
			return;
		wrong(r, line, "this is not the head of a family");
	} else if (read_sample(r, &s)) {
		why = check_sample(r, &s, &counts);
		if (why != NULL)
			wrong(r, line, why);
		remember(r, &s, counts);
		return;
	} else {
		wrong(r, line, "this is not a sample");
	}
	newline = memchr(line, '\n', (size_t)(r->end - line));
	r->p = newline == NULL ? r->end : newline + 1;
}

/* P1 to P4 of one page, which ends in NUL. */
static void
check_page(struct reader *r, const char *text, size_t length)
{
	r->page++;
	r->text = r->p = text;
	r->end = text + length;
	r->family_length = 0;
	r->in_series = false;
	r->stable = 0;
	while (r->p < r->end)
		read_line(r);
	if (length == 0 || text[length - 1] != '\n' || r->in_series)
		complain("%s page %llu is cut short", r->who, (unsigned long long)r->page);
	if (r->stable < r->stable_last)
		complain("%s page %llu has %llu stable samples, the one before %llu", r->who,
			 (unsigned long long)r->page, (unsigned long long)r->stable,
			 (unsigned long long)r->stable_last);
	r->stable_last = r->stable;
}

/* The value of a sample that must be in the last page. */
static double
value_of(const struct reader *r, const char *key)
{
	const struct seen *s = map_find(&r->map, key, strlen(key));

	if (s->key != NULL && s->page == r->page)
		return s->value;
	complain("%s page %llu lacks %s", r->who, (unsigned long long)r->page, key);
	return NAN;
}

/* ---- scraping --------------------------------------------------------------- */

struct page {
	char *bytes;
	size_t length, capacity;
};

struct scraper {
	struct reader reader;
	struct page page;
	uint64_t random;
	bool large;
	double memory[MEMORY_SAMPLES + 1];
	int memory_count;
};

static size_t
next_read(struct scraper *s)
{
	uint32_t x;

	if (s->large)
		return 65536;
	x = next_random(&s->random);
	if (x % 2048 == 0)
		pause_us(x % 500); /* a slow reader: much comes and goes meanwhile */
	return x % 64 == 0 ? 4096 : 1 + x % 97;
}

static bool
scrape(struct scraper *s)
{
	cprom_scrape *scrape = cprom_scrape_open(registry, NULL);
	struct page *page = &s->page;
	ssize_t n = -1;

	page->length = 0;
	while (scrape != NULL) {
		size_t want = next_read(s);

		if (page->capacity < page->length + want + 1) {
			page->capacity = 2 * (page->length + want + 1);
			page->bytes = realloc(page->bytes, page->capacity);
		}
		n = cprom_scrape_read(scrape, page->bytes + page->length, want);
		if (n <= 0)
			break;
		page->length += (size_t)n;
	}
	cprom_scrape_close(scrape);
	if (n != 0) {
		complain("%s: a scrape failed: %s", s->reader.who, cprom_error());
		return false;
	}
	page->bytes[page->length] = '\0';
	add_relaxed(&pages, 1);
	return true;
}

static void
write_page(const struct scraper *s)
{
	char path[512];
	FILE *f;

	if (directory == NULL || s->reader.page % every != 0)
		return;
	snprintf(path, sizeof(path), "%s/%s/%08llu.prom", directory, s->reader.who,
		 (unsigned long long)s->reader.page);
	f = fopen(path, "w");
	if (f == NULL || fwrite(s->page.bytes, 1, s->page.length, f) != s->page.length ||
	    fclose(f) != 0)
		complain("%s cannot be written: %s", path, strerror(errno));
}

/* P5: the anchors that stood before and after the scrape. */
static void
check_anchors(const struct reader *r, uint64_t family, uint64_t series)
{
	char key[80];

	if (family != 0 && load_acquire(&family_anchor) == family) {
		snprintf(key, sizeof(key), "anchor_%llu", (unsigned long long)family);
		if (value_of(r, key) != (double)family)
			complain("%s has not its value", key);
	}
	if (series != 0 && load_acquire(&series_anchor) == series) {
		snprintf(key, sizeof(key), "churn_total{set=\"anchor\",key=\"%llu\"}",
			 (unsigned long long)series);
		value_of(r, key);
	}
}

static void
note_memory(struct scraper *s)
{
	double due = run_seconds * s->memory_count / MEMORY_SAMPLES;

	if (s->memory_count <= MEMORY_SAMPLES && elapsed() >= due)
		s->memory[s->memory_count++] = value_of(&s->reader, "cprom_memory_bytes");
}

static void *
scraping(void *arg)
{
	struct scraper *s = arg;

	while (load_relaxed(&stop) < 2) {
		uint64_t family = load_acquire(&family_anchor),
			 series = load_acquire(&series_anchor);

		if (!scrape(s))
			break;
		check_page(&s->reader, s->page.bytes, s->page.length);
		check_anchors(&s->reader, family, series);
		write_page(s);
		if (s->large)
			note_memory(s);
	}
	return NULL;
}

/* ---- updating --------------------------------------------------------------- */

/* What was done to one key. */
struct tally {
	uint64_t whole, quarters;
	int64_t level;
	uint64_t buckets[BOUNDS + 1], histogram_eighths;
	uint64_t observations, summary_eighths;
};

static struct tally totals[KEYS + 1];
static uint32_t highest; /* value that a gauge was raised to */
static pthread_mutex_t totals_mutex = PTHREAD_MUTEX_INITIALIZER;
static cprom_gauge *record;

struct updater {
	struct tally tally[KEYS + 1];
	uint64_t random;
	uint32_t highest;
};

static void
add_up(const struct updater *u)
{
	pthread_mutex_lock(&totals_mutex);
	for (int k = 0; k <= KEYS; k++) {
		const struct tally *from = &u->tally[k];
		struct tally *to = &totals[k];

		to->whole += from->whole;
		to->quarters += from->quarters;
		to->level += from->level;
		for (int i = 0; i <= BOUNDS; i++)
			to->buckets[i] += from->buckets[i];
		to->histogram_eighths += from->histogram_eighths;
		to->observations += from->observations;
		to->summary_eighths += from->summary_eighths;
	}
	if (u->highest > highest)
		highest = u->highest;
	pthread_mutex_unlock(&totals_mutex);
}

static void
update_counter(struct tally *t, cprom_counter *c, uint32_t x)
{
	if (x % 4 == 0) {
		cprom_counter_add(c, x % 16 * 0.25);
		t->quarters += x % 16;
	} else if (x % 4 == 1) {
		cprom_counter_add(c, x % 16);
		t->whole += x % 16;
	} else {
		cprom_counter_inc(c);
		t->whole++;
	}
}

static void
update_gauge(struct tally *t, cprom_gauge *g, uint32_t x)
{
	if (x % 2 == 0) {
		cprom_gauge_inc(g);
		t->level++;
	} else {
		cprom_gauge_sub(g, x % 8);
		t->level -= x % 8;
	}
}

static void
update_histogram(struct tally *t, cprom_histogram *h, uint32_t x)
{
	uint32_t eighths = 1 + x % MAX_EIGHTHS, times = 1 + (x % 8 == 0) * 2;
	int bucket = 0;

	while (bucket < BOUNDS && eighths / 8.0 > bounds[bucket])
		bucket++;
	if (times == 1)
		cprom_histogram_observe(h, eighths / 8.0);
	else
		cprom_histogram_observe_many(h, eighths / 8.0, times);
	t->buckets[bucket] += times;
	t->histogram_eighths += eighths * times;
}

static void
update_summary(struct tally *t, cprom_summary *s, uint32_t x)
{
	uint32_t eighths = 1 + x % MAX_EIGHTHS;

	cprom_summary_observe(s, eighths / 8.0);
	t->observations++;
	t->summary_eighths += eighths;
}

/* One update of one key, by its handle or by a look-up. */
static void
update(struct updater *u)
{
	uint32_t x = next_random(&u->random);
	uint32_t k = x % (KEYS + 1);
	struct tally *t = &u->tally[k];
	bool look_up = k < KEYS && (x >> 8) % 2;
	const char *name = look_up ? key_names[k] : "";

	switch (x >> 10 & 3) {
	case 0:
		update_counter(t, look_up ? cprom_labels(counters, "x", name) : counter[k],
			       x >> 16);
		break;
	case 1:
		update_gauge(t, look_up ? cprom_labels(gauges, "x", name) : gauge[k], x >> 16);
		break;
	case 2:
		update_histogram(t, look_up ? cprom_labels(histograms, "x", name) : histogram[k],
				 x >> 16);
		break;
	default:
		update_summary(t, look_up ? cprom_labels(summaries, "x", name) : summary[k],
			       x >> 16);
	}
	if (x >> 20 == 0) {
		cprom_gauge_set_max(record, x & 0xFFFFF);
		if ((x & 0xFFFFF) > u->highest)
			u->highest = x & 0xFFFFF;
	}
}

static void *
updating(void *arg)
{
	struct updater *u = arg;

	while (!load_relaxed(&stop))
		for (int i = 0; i < 64; i++)
			update(u);
	add_up(u);
	return NULL;
}

/* ---- threads that live shortly ---------------------------------------------- */

#define BATCH 6

static void *
visiting(void *arg)
{
	struct updater *u = arg;

	for (int i = 0; i < 200; i++)
		update(u);
	/* A definition that is there gives the metric that is there. */
	if (cprom_counter_new("stable_total", "Counts.", .registry = registry,
			      .labels = CPROM_LABELS("kind", "key")) != counters)
		complain("the same definition gave another counter: %s", cprom_error());
	add_up(u);
	return NULL;
}

static void *
spawning(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	struct updater visitors[BATCH];
	pthread_t threads[BATCH];

	while (!load_relaxed(&stop)) {
		memset(visitors, 0, sizeof(visitors));
		for (int i = 0; i < BATCH; i++) {
			visitors[i].random = 1 | (uint64_t)next_random(&random) << 32;
			pthread_create(&threads[i], NULL, visiting, &visitors[i]);
		}
		for (int i = 0; i < BATCH; i++)
			pthread_join(threads[i], NULL);
		add_relaxed(&threads_ended, BATCH);
	}
	return NULL;
}

/* ---- creating and removing children ----------------------------------------- */

/* The two sides pick from the same names. A handle may be removed while it is used. */
static void *
creating(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	while (!load_relaxed(&stop)) {
		uint32_t x = next_random(&random), k = x % CHURN_KEYS;
		const char *set = set_names[k % CHURN_SETS], *key = churn_names[k];

		switch (x >> 10 & 3) {
		case 0:
			cprom_counter_add(cprom_labels(churn_counter, set, key), 0.5);
			break;
		case 1:
			cprom_gauge_set(cprom_labels(churn_gauge, set, key), k);
			break;
		case 2:
			cprom_histogram_observe(cprom_labels(churn_histogram, set, key), x % 16);
			break;
		default:
			cprom_summary_observe(cprom_labels(churn_summary, set, key), x % 4 + 2);
		}
		if ((x >> 16) % 256 == 0)
			pause_us(50);
	}
	return NULL;
}

static void
remove_one(cprom_metric *m, const char *set, const char *key)
{
	const char *const values[] = {set, key};

	if (cprom_metric_remove(m, (cprom_strings){values, 2}) == 0)
		add_relaxed(&churned, 1);
	else if (errno != ENOENT)
		complain("a child cannot be removed: %s", cprom_error());
}

static void *
removing(void *arg)
{
	cprom_metric *metrics[] = {CPROM_METRIC(churn_counter), CPROM_METRIC(churn_gauge),
				   CPROM_METRIC(churn_histogram), CPROM_METRIC(churn_summary)};
	uint64_t random = *(uint64_t *)arg;

	while (!load_relaxed(&stop)) {
		uint32_t x = next_random(&random), k = x % CHURN_KEYS;
		cprom_metric *m = metrics[x >> 10 & 3];

		if ((x >> 12) % 512 == 0 && m != metrics[0]) /* anchors are there */
			cprom_metric_clear(m);
		else if ((x >> 12) % 128 == 1)
			cprom_metric_remove_matching(m, "set", set_names[k % CHURN_SETS]);
		else
			remove_one(m, set_names[k % CHURN_SETS], churn_names[k]);
		if ((x >> 22) % 256 == 0)
			pause_us(50);
	}
	return NULL;
}

/* ---- registering and unregistering ------------------------------------------ */

static _Thread_local char inner_name[32];
static atomic_u32 inner_names;

static void
collect(cprom_sink *out, void *arg)
{
	static const uint64_t counts[] = {3, 0, 2, 1, 4};
	cprom_doubles b = {bounds, BOUNDS};
	cprom_gauge *inner;

	if (*(uint64_t *)arg != 0x636f6c6c656374)
		complain("a collector runs with an argument that was released");
	if (inner_name[0] == '\0')
		snprintf(inner_name, sizeof(inner_name), "inner_%u", add_relaxed(&inner_names, 1));
	inner = cprom_gauge_new(inner_name, "Made in a collector.", .registry = registry);
	cprom_gauge_set(inner, 1);
	cprom_unregister(inner);
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "collected_total", "Collected.");
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("key", "a"));
	cprom_sink_sample(out, 2, .labels = CPROM_LABELS("key", "b"));
	cprom_sink_sample(out, 3, .labels = CPROM_LABELS("key", "a"));
	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "collected_seconds", "Collected.");
	cprom_sink_sample(out, 0, .bounds = b, .counts = counts, .sum = 40);
	/* A family of this name comes and goes. */
	if (cprom_sink_family(out, CPROM_TYPE_GAUGE, "flux_0", "Collected.") == 0)
		cprom_sink_sample(out, 1);
}

static void
release(void *arg)
{
	*(uint64_t *)arg = 0;
	free(arg);
	add_relaxed(&collectors_released, 1);
}

static cprom_collector *
make_collector(void)
{
	uint64_t *arg = malloc(sizeof(*arg));
	cprom_collector *c;

	*arg = 0x636f6c6c656374;
	c = cprom_collector_new(collect, arg, .release = release, .registry = registry);
	if (c == NULL)
		complain("no collector: %s", cprom_error());
	add_relaxed(&collectors_made, 1);
	return c;
}

static double
call_back(void *arg)
{
	return *(const double *)arg;
}

static cprom_metric *
make_flux(const char *name, uint32_t x)
{
	static double value = 5;
	cprom_metric *m;

	if (x % 5 == 0) {
		m = CPROM_METRIC(cprom_gauge_new(name, "Comes and goes.", .registry = registry,
						 .callback = call_back, .arg = &value));
	} else if (x % 5 == 1) {
		cprom_counter *c = cprom_counter_new(name, "Comes and goes.", .registry = registry,
						     .labels = CPROM_LABELS("key"));

		for (uint32_t i = 0; i < x >> 8 % 8; i++)
			cprom_counter_inc(cprom_labels(c, churn_names[i % CHURN_KEYS]));
		m = CPROM_METRIC(c);
	} else if (x % 5 == 2) {
		cprom_histogram *h = cprom_histogram_new(name, "Comes and goes.",
							 .registry = registry,
							 .labels = CPROM_LABELS("set", "key"));

		cprom_histogram_observe(cprom_labels(h, "s", "a"), 0.3);
		m = CPROM_METRIC(h);
	} else if (x % 5 == 3) {
		m = CPROM_METRIC(cprom_summary_new(name, "Comes and goes.", .registry = registry,
						   .quantiles = CPROM_QUANTILES(0.5)));
	} else {
		m = CPROM_METRIC(cprom_counter_new(name, "Comes and goes.", .registry = registry));
	}
	if (m == NULL)
		complain("%s: %s", name, cprom_error());
	return m;
}

/* A family that stays until the next one is there. */
static cprom_gauge *
move_family_anchor(cprom_gauge *last)
{
	uint64_t number = load_relaxed(&family_anchor) + 1;
	cprom_gauge *g;
	char name[32];

	snprintf(name, sizeof(name), "anchor_%llu", (unsigned long long)number);
	g = cprom_gauge_new(name, "Stays a while.", .registry = registry);
	if (g == NULL)
		complain("%s: %s", name, cprom_error());
	cprom_gauge_set(g, (double)number);
	store_release(&family_anchor, number);
	if (last != NULL && cprom_unregister(last) == -1)
		complain("an anchor cannot be unregistered: %s", cprom_error());
	return g;
}

static void
move_series_anchor(void)
{
	uint64_t number = load_relaxed(&series_anchor) + 1;
	char name[32], last[32];

	snprintf(name, sizeof(name), "%llu", (unsigned long long)number);
	snprintf(last, sizeof(last), "%llu", (unsigned long long)number - 1);
	cprom_counter_inc(cprom_labels(churn_counter, "anchor", name));
	store_release(&series_anchor, number);
	if (number > 1 && cprom_remove(churn_counter, "anchor", last) == -1)
		complain("the anchor %s cannot be removed: %s", last, cprom_error());
}

static void
flip_flux(cprom_metric **flux, uint32_t x)
{
	uint32_t i = x % FLUX;
	char name[16];

	snprintf(name, sizeof(name), "flux_%u", i);
	if (flux[i] == NULL) {
		flux[i] = make_flux(name, x >> 8);
		return;
	}
	if (cprom_metric_unregister(flux[i]) == -1)
		complain("%s cannot be unregistered: %s", name, cprom_error());
	flux[i] = NULL;
}

static void *
registering(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	cprom_metric *flux[FLUX] = {NULL};
	cprom_collector *collector = NULL;
	cprom_gauge *anchor = NULL;

	while (!load_relaxed(&stop)) {
		uint32_t x = next_random(&random);

		flip_flux(flux, x >> 4);
		if (x % 16 == 0)
			anchor = move_family_anchor(anchor);
		if (x % 16 == 1)
			move_series_anchor();
		if (x % 16 == 2) {
			cprom_collector_unregister(collector);
			collector = collector == NULL ? make_collector() : NULL;
		}
		if (x % 8 == 3)
			pause_us(200);
	}
	cprom_collector_unregister(collector);
	return NULL;
}

/* ---- the end ---------------------------------------------------------------- */

static void
same(const char *what, int key, double is, double should)
{
	if (is != should)
		complain("%s of key %d is %.17g, and should be %.17g", what, key, is, should);
}

/* A key's name as it stands in a page. */
static void
escape(const char *name, char *out)
{
	for (; *name != '\0'; name++) {
		if (strchr("\\\"\n", *name) != NULL)
			*out++ = '\\';
		*out++ = *name == '\n' ? 'n' : *name;
	}
	*out = '\0';
}

static void
check_shown(const struct reader *r, int k, const char *suffix, const char *bound, double should)
{
	char key[160], name[32];

	if (k < KEYS) {
		escape(key_names[k], name);
		snprintf(key, sizeof(key), "stable_%s{kind=\"x\",key=\"%s\"%s%s}", suffix, name,
			 bound[0] ? "," : "", bound);
	} else {
		snprintf(key, sizeof(key), bound[0] ? "stable_plain_%s{%s}" : "stable_plain_%s",
			 suffix, bound);
	}
	same(key, k, value_of(r, key), should);
}

static void
check_histogram(const struct reader *r, int k, const struct tally *t)
{
	static const char *const texts[] = {"le=\"1\"", "le=\"2\"", "le=\"4\"", "le=\"8\"",
					    "le=\"+Inf\""};
	uint64_t count = 0;

	for (int i = 0; i <= BOUNDS; i++) {
		count += t->buckets[i];
		check_shown(r, k, "seconds_bucket", texts[i], (double)count);
	}
	check_shown(r, k, "seconds_sum", "", (double)t->histogram_eighths / 8);
	same("histogram count", k, (double)cprom_histogram_count(histogram[k]), (double)count);
	same("histogram sum", k, cprom_histogram_sum(histogram[k]),
	     (double)t->histogram_eighths / 8);
}

/* P6, by the values and in a last page. */
static void
check_totals(struct scraper *s)
{
	if (!scrape(s))
		return;
	check_page(&s->reader, s->page.bytes, s->page.length);
	for (int k = 0; k <= KEYS; k++) {
		const struct tally *t = &totals[k];
		double count = (double)t->whole + (double)t->quarters / 4;

		same("counter", k, cprom_counter_value(counter[k]), count);
		check_shown(&s->reader, k, "total", "", count);
		same("gauge", k, cprom_gauge_value(gauge[k]), (double)t->level);
		check_shown(&s->reader, k, "level", "", (double)t->level);
		check_histogram(&s->reader, k, t);
		same("summary count", k, (double)cprom_summary_count(summary[k]),
		     (double)t->observations);
		same("summary sum", k, cprom_summary_sum(summary[k]),
		     (double)t->summary_eighths / 8);
		check_shown(&s->reader, k, "size_count", "", (double)t->observations);
		check_shown(&s->reader, k, "size_sum", "", (double)t->summary_eighths / 8);
	}
	same("record", 0, cprom_gauge_value(record), highest);
}

#define ROUND 20000

/* Children and families that come and go while nobody else is there; the memory after that. */
static double
quiet_round(struct scraper *s)
{
	char number[32];

	for (int i = 0; i < ROUND; i++) {
		snprintf(number, sizeof(number), "quiet %d", i % 512);
		cprom_counter_add(cprom_labels(churn_counter, "q", number), 0.5);
		cprom_gauge_set(cprom_labels(churn_gauge, "q", number), 1);
		cprom_histogram_observe(cprom_labels(churn_histogram, "q", number), 1);
		cprom_summary_observe(cprom_labels(churn_summary, "q", number), 2);
		cprom_remove(churn_counter, "q", number);
		cprom_remove(churn_gauge, "q", number);
		cprom_remove(churn_histogram, "q", number);
		cprom_remove(churn_summary, "q", number);
		if (i % 16 == 0)
			cprom_metric_unregister(make_flux("quiet", (uint32_t)i / 16 | 0x300));
	}
	if (!scrape(s))
		return 0;
	check_page(&s->reader, s->page.bytes, s->page.length);
	return value_of(&s->reader, "cprom_memory_bytes");
}

/*
 * P7: the same once more needs no new memory. During the run some is needed to
 * the end: removed children wait for the slowest reader, and each time that more of
 * them wait than ever before, the next ones need new memory. So that is only shown.
 */
static void
check_memory(struct scraper *s)
{
	double first = quiet_round(s), second = quiet_round(s);

	printf("memory:");
	for (int i = 0; i < s->memory_count; i++)
		printf(" %.0f", s->memory[i]);
	printf(", then %.0f %.0f\n", first, second);
	if (second > first + 16384)
		complain("%d children more took %.0f bytes", 4 * ROUND, second - first);
}

static void
check_collectors(void)
{
	if (load_relaxed(&collectors_made) != load_relaxed(&collectors_released))
		complain("%u collectors were made, %u released", load_relaxed(&collectors_made),
			 load_relaxed(&collectors_released));
}

/* ---- the start -------------------------------------------------------------- */

static void
make_stable(void)
{
	cprom_strings names = CPROM_LABELS("kind", "key");
	cprom_doubles b = {bounds, BOUNDS}, q = {quantiles, 4};

	counters = cprom_counter_new("stable_total", "Counts.", .registry = registry,
				     .labels = names);
	gauges = cprom_gauge_new("stable_level", "Levels.", .registry = registry, .labels = names);
	histograms = cprom_histogram_new("stable_seconds", "Times.", .registry = registry,
					 .labels = names, .buckets = b);
	summaries = cprom_summary_new("stable_size", "Sizes.", .registry = registry,
				      .labels = names, .quantiles = q, .max_age = 0.5);
	for (int k = 0; k < KEYS; k++) {
		counter[k] = cprom_labels(counters, "x", key_names[k]);
		gauge[k] = cprom_labels(gauges, "x", key_names[k]);
		histogram[k] = cprom_labels(histograms, "x", key_names[k]);
		summary[k] = cprom_labels(summaries, "x", key_names[k]);
	}
	counter[KEYS] = cprom_counter_new("stable_plain_total", "Counts.", .registry = registry);
	gauge[KEYS] = cprom_gauge_new("stable_plain_level", "Levels.", .registry = registry);
	histogram[KEYS] = cprom_histogram_new("stable_plain_seconds", "Times.",
					      .registry = registry, .buckets = b);
	summary[KEYS] = cprom_summary_new("stable_plain_size", "Sizes.", .registry = registry);
	record = cprom_gauge_new("record", "The highest.", .registry = registry);
}

static void
make_churn(void)
{
	cprom_strings names = CPROM_LABELS("set", "key");

	for (int k = 0; k < CHURN_KEYS; k++)
		snprintf(churn_names[k], sizeof(churn_names[k]), "k\\%d", k);
	churn_counter = cprom_counter_new("churn_total", "Churn.", .registry = registry,
					  .labels = names);
	/* Fewer than there are names: the overflow child is used, too. */
	churn_gauge = cprom_gauge_new("churn_level", "Churn.", .registry = registry,
				      .labels = names, .max_series = CHURN_KEYS / 2);
	churn_histogram = cprom_histogram_new("churn_seconds", "Churn.", .registry = registry,
					      .labels = names);
	churn_summary = cprom_summary_new("churn_size", "Churn.", .registry = registry,
					  .labels = names, .quantiles = CPROM_QUANTILES(0.5, 0.9),
					  .age_buckets = 1);
}

#define UPDATERS 4
#define PAIRS 2

static void
run(struct scraper *scrapers)
{
	static struct updater updaters[UPDATERS];
	pthread_t scraper[2], worker[UPDATERS + 2 * PAIRS + 2];
	uint64_t seeds[2 * PAIRS + 2];
	int n = 0;

	for (int i = 0; i < 2 * PAIRS + 2; i++)
		seeds[i] = 0x9e3779b97f4a7c15 * (uint64_t)(i + 1);
	for (int i = 0; i < 2; i++)
		pthread_create(&scraper[i], NULL, scraping, &scrapers[i]);
	for (int i = 0; i < UPDATERS; i++) {
		updaters[i].random = 0xd1342543de82ef95 * (uint64_t)(i + 1);
		pthread_create(&worker[n++], NULL, updating, &updaters[i]);
	}
	for (int i = 0; i < PAIRS; i++) {
		pthread_create(&worker[n++], NULL, creating, &seeds[2 * i]);
		pthread_create(&worker[n++], NULL, removing, &seeds[2 * i + 1]);
	}
	pthread_create(&worker[n++], NULL, spawning, &seeds[2 * PAIRS]);
	pthread_create(&worker[n++], NULL, registering, &seeds[2 * PAIRS + 1]);
	while (elapsed() < run_seconds && load_relaxed(&complaints) < MAX_COMPLAINTS)
		pause_us(20000);
	store_relaxed(&stop, 1);
	while (n > 0)
		pthread_join(worker[--n], NULL);
	store_relaxed(&stop, 2);
	for (int i = 0; i < 2; i++)
		pthread_join(scraper[i], NULL);
}

int
main(int argc, char **argv)
{
	static struct scraper scrapers[2] = {
		{.reader.who = "large", .large = true},
		{.reader.who = "small", .random = 0x2545f4914f6cdd1d},
	};

	run_seconds = argc > 1 ? atof(argv[1]) : 30;
	lanes = argc > 2 ? (unsigned)atoi(argv[2]) : 64;
	directory = argc > 3 ? argv[3] : NULL;
	every = argc > 4 ? (unsigned)atoi(argv[4]) : 100;
	if (!(run_seconds > 0) || lanes == 0 || every == 0) {
		fputs("usage: stress [SECONDS [LANES [DIRECTORY [EVERY]]]]\n", stderr);
		return 2;
	}
	start_clock();
	registry = cprom_registry_new(.self_metrics = 1, .max_lanes = lanes);
	make_stable();
	make_churn();
	run(scrapers);
	check_totals(&scrapers[0]);
	check_memory(&scrapers[0]);
	check_collectors();
	cprom_registry_free(registry);
	for (int i = 0; i < 2; i++) {
		map_free(&scrapers[i].reader.map);
		free(scrapers[i].page.bytes);
	}
	printf("%s: %.1f s, %u lanes, %llu pages, %llu children removed, %llu threads ended, %u "
	       "complaints\n",
	       load_relaxed(&complaints) == 0 ? "ok" : "FAILED", elapsed(), lanes,
	       (unsigned long long)load_relaxed(&pages), (unsigned long long)load_relaxed(&churned),
	       (unsigned long long)load_relaxed(&threads_ended), load_relaxed(&complaints));
	return load_relaxed(&complaints) == 0 ? 0 : 1;
}
