/* SPDX-License-Identifier: MIT */
/*
 * fuzz_api: any sequence of calls, against a model in plain arrays. What the library says of its
 * values, handles and errors is what the model says, in a registry that is small enough to overflow
 * and to run out of memory.
 *
 * Each call is a letter, the digit of a family, the digit of a series, and a value up to the next
 * letter: "a13 2.5" adds 2.5 to series 3 of family 1. Bytes that are no call are skipped.
 */
#include <cprom.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES 6
#define SERIES 10     /* by label values "0" … "9" */
#define MOST_SERIES 6 /* of one family; beyond is overflow */
#define BOUNDS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum type { COUNTER, GAUGE, HISTOGRAM, SUMMARY, INFO, STATESET };

/* Family i is of type i. */
struct series {
	bool there;
	cprom_metric *metric;
	double value, magnitude;
	uint64_t count, whole;
};

struct family {
	cprom_metric *metric; /* NULL: not registered */
	bool native;
	struct series series[SERIES], overflow;
};

static struct family families[FAMILIES];
static cprom_registry *registry;
static cprom_scrape *scrape;
static size_t max_bytes;

static void
demand(bool what)
{
	if (!what)
		abort();
}

/* ---- handles ------------------------------------------------------------------ */

#define COMMON .registry = registry, .labels = CPROM_LABELS("l", "m"), .max_series = MOST_SERIES

static cprom_metric *
create(size_t type, bool native)
{
	const cprom_native *sparse = native ? CPROM_NATIVE(.growth = 1.5, .max_buckets = 8) : NULL;

	switch (type) {
	case COUNTER:
		return (cprom_metric *)cprom_counter_new("c", "C.", COMMON);
	case GAUGE:
		return (cprom_metric *)cprom_gauge_new("g", "G.", COMMON);
	case HISTOGRAM:
		return (cprom_metric *)cprom_histogram_new("h", "H.", COMMON, .native = sparse,
							   .buckets = CPROM_BUCKETS(-1, 0.5, 10));
	case SUMMARY:
		return (cprom_metric *)cprom_summary_new("s", "S.", COMMON,
							 .quantiles = CPROM_QUANTILES(0.5, 1));
	case INFO:
		return (cprom_metric *)cprom_info_new("i", "I.", COMMON);
	default:
		return (cprom_metric *)cprom_stateset_new(
			"t", "T.", COMMON, .states = CPROM_STATES("a", "b", "c"), .flags = 1);
	}
}

static size_t
living(const struct family *f)
{
	size_t n = 0;

	for (size_t i = 0; i < SERIES; i++)
		n += f->series[i].there;
	return n;
}

static cprom_strings
values_of(size_t series)
{
	static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
	static const char *values[2];

	values[0] = digits[series];
	values[1] = digits[series % 2];
	return (cprom_strings){values, 2};
}

/* The model of the child, which is the overflow child when there is no room. */
static struct series *
child(struct family *f, size_t series)
{
	struct series *s = &f->series[series];
	cprom_metric *m;

	if (f->metric == NULL)
		return NULL;
	m = cprom_metric_labels(f->metric, values_of(series));
	demand(m != NULL);
	if (s->there) {
		demand(m == s->metric);
		return s;
	}
	for (size_t i = 0; i < SERIES; i++)
		demand(!f->series[i].there || f->series[i].metric != m);
	if (f->overflow.there && m == f->overflow.metric) {
		demand(living(f) == MOST_SERIES || max_bytes > 0);
		return &f->overflow;
	}
	demand(living(f) <= MOST_SERIES);
	if (living(f) == MOST_SERIES || max_bytes > 0) {
		/* Perhaps the first one that overflows; who asks for it by name gets it shown. */
		const char *const overflow[] = {"overflow", "overflow"};

		f->overflow.there = true;
		f->overflow.metric = cprom_metric_labels(f->metric, (cprom_strings){overflow, 2});
		if (f->overflow.metric == m)
			return &f->overflow;
	}
	demand(living(f) < MOST_SERIES);
	*s = (struct series){.there = true, .metric = m};
	return s;
}

/* ---- values ------------------------------------------------------------------------ */

static bool
near(double a, double b, double magnitude)
{
	return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= magnitude * 1e-12 ||
	       !isfinite(magnitude);
}

static void
check_value(size_t type, const struct series *s)
{
	const void *m = s->metric;

	switch (type) {
	case COUNTER:
		demand(near(cprom_counter_value(m), s->value + (double)s->whole,
			    s->magnitude + (double)s->whole));
		return;
	case GAUGE:
		demand(near(cprom_gauge_value(m), s->value, 0));
		return;
	case HISTOGRAM:
		demand(cprom_histogram_count(m) == s->count);
		demand(near(cprom_histogram_sum(m), s->value, s->magnitude));
		return;
	case SUMMARY:
		demand(cprom_summary_count(m) == s->count);
		demand(near(cprom_summary_sum(m), s->value, s->magnitude));
		return;
	case STATESET:
		demand(cprom_stateset_value(m) == s->whole);
		return;
	default:
		return;
	}
}

static void
check_all(void)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		const struct family *f = &families[i];

		for (size_t j = 0; f->metric != NULL && j < SERIES; j++)
			if (f->series[j].there)
				check_value(i, &f->series[j]);
		if (f->metric != NULL && f->overflow.there)
			check_value(i, &f->overflow);
	}
}

static void
count_up(struct series *s, double v, uint64_t n)
{
	s->count += n;
	s->value += v * (double)n;
	s->magnitude += fabs(v) * (double)n;
}

static void
add_to_counter(struct series *s, double v, cprom_strings exemplar)
{
	cprom_counter_add_exemplar((cprom_counter *)s->metric, v, exemplar);
	if (!isfinite(v) || v < 0)
		return;
	if (v < 0x1p53 && v == floor(v))
		s->whole += (uint64_t)v;
	else {
		s->value += v;
		s->magnitude += v;
	}
}

/* A native histogram drops what the registry has no memory for, as a whole. */
static void
observe(struct series *s, double v, uint64_t n)
{
	const char *const labels[] = {"id", "x"};
	cprom_histogram *h = (cprom_histogram *)s->metric;
	uint64_t before = cprom_histogram_count(h), more;

	if (n == 1)
		cprom_histogram_observe_exemplar(h, v, (cprom_strings){labels, 2});
	else
		cprom_histogram_observe_many(h, v, n);
	more = cprom_histogram_count(h) - before;
	if (isnan(v))
		n = 0;
	demand(more == n || (more == 0 && families[HISTOGRAM].native && max_bytes > 0));
	if (more > 0)
		count_up(s, v, more);
}

/* "a": adds to what adds up, and observes. */
static void
add(size_t type, struct series *s, double v)
{
	const char *const labels[] = {"id", "x"};

	switch (type) {
	case COUNTER:
		add_to_counter(s, v, (cprom_strings){labels, 2});
		return;
	case GAUGE:
		cprom_gauge_add((cprom_gauge *)s->metric, v);
		s->value += v;
		return;
	case HISTOGRAM:
		observe(s, v, 1);
		return;
	case SUMMARY:
		cprom_summary_observe((cprom_summary *)s->metric, v);
		if (!isnan(v))
			count_up(s, v, 1);
		return;
	default:
		return;
	}
}

/* "s": sets what can be set. */
static void
set(size_t type, struct series *s, double v)
{
	unsigned state = v >= 0 && v < 5 ? (unsigned)v : 5;
	char text[40];

	switch (type) {
	case COUNTER:
		cprom_counter_inc((cprom_counter *)s->metric);
		s->whole++;
		return;
	case GAUGE:
		cprom_gauge_set((cprom_gauge *)s->metric, v);
		s->value = v;
		return;
	case HISTOGRAM:
		observe(s, v, 3);
		return;
	case INFO:
		snprintf(text, sizeof(text), "%g", v);
		demand(cprom_info_set((cprom_info *)s->metric, "v", text) == 0 || errno == ENOMEM);
		return;
	case STATESET:
		cprom_stateset_enable((cprom_stateset *)s->metric, state,
				      s->whole >> state & 1 ? 0 : 1);
		if (state < 3)
			s->whole ^= 1u << state;
		return;
	default:
		return;
	}
}

/* ---- families, pages ------------------------------------------------------------------- */

static void
forget_children(struct family *f)
{
	for (size_t i = 0; i < SERIES; i++)
		f->series[i].there = false;
}

static void
new_family(size_t i, double v)
{
	struct family *f = &families[i];
	cprom_metric *m = create(i, v > 0);

	if (f->metric == NULL && m != NULL) {
		*f = (struct family){.metric = m, .native = v > 0};
		return;
	}
	/* The same again, or another definition of a histogram. */
	if (m == NULL)
		demand(errno == ENOMEM ? max_bytes > 0 : errno == EEXIST && i == HISTOGRAM);
	else
		demand(m == f->metric);
}

static void
remove_one(struct family *f, size_t series)
{
	struct series *s = &f->series[series];
	int result = cprom_metric_remove(f->metric, values_of(series));

	if (f->metric == NULL)
		demand(result == -1 && errno == EINVAL);
	else
		demand(s->there ? result == 0 : result == -1 && errno == ENOENT);
	s->there = false;
}

static void
remove_matching(struct family *f, size_t series)
{
	ssize_t n = 0, result;

	if (f->metric == NULL)
		return;
	result = cprom_metric_remove_matching(f->metric, "m", series % 2 ? "1" : "0");
	for (size_t i = 0; i < SERIES; i++)
		if (i % 2 == series % 2) {
			n += f->series[i].there;
			f->series[i].there = false;
		}
	demand(result == n);
}

static void
unregister(struct family *f)
{
	int result = cprom_metric_unregister(f->metric);

	demand(f->metric == NULL ? result == -1 : result == 0);
	*f = (struct family){0};
}

/* How many lines of the page begin so. */
static size_t
lines(const char *page, const char *front)
{
	size_t n = 0;

	for (const char *p = page; p != NULL; p = strchr(p, '\n')) {
		p += *p == '\n';
		n += strncmp(p, front, strlen(front)) == 0;
		if (*p == '\0')
			break;
	}
	return n;
}

static void
render(double v)
{
	static const char *const fronts[] = {"c{", "g{", "h_count{", "s_count{", "i_info{", "t{"};
	static const char protobuf[] =
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		"encoding=delimited";
	size_t length;
	char *page = cprom_render(registry, v > 0 ? protobuf : NULL, &length);

	if (page == NULL) {
		demand(errno == ENOMEM && max_bytes > 0);
		return;
	}
	for (size_t i = 0; !(v > 0) && i < FAMILIES; i++) {
		const struct family *f = &families[i];
		size_t shown = lines(page, fronts[i]), n = i == STATESET ? 3 : 1;

		if (f->metric == NULL)
			demand(shown == 0);
		else
			demand(shown == n * (living(f) + f->overflow.there));
	}
	free(page);
}

/* A page that goes on while other calls are made. */
static void
read_on(double v)
{
	char buffer[64];
	ssize_t n = v > 0 && v < 64 ? (ssize_t)v : 64;

	if (scrape == NULL)
		scrape = cprom_scrape_open(registry, v < 0 ? "application/openmetrics-text" : NULL);
	if (scrape == NULL)
		return;
	n = cprom_scrape_read(scrape, buffer, (size_t)n);
	demand(n >= 0 && n <= 64);
	if (n == 0) {
		cprom_scrape_close(scrape);
		scrape = NULL;
	}
}

/* A new registry, of few bytes for some values. */
static void
begin(double v)
{
	cprom_scrape_close(scrape);
	scrape = NULL;
	cprom_registry_free(registry);
	memset(families, 0, sizeof(families));
	max_bytes = v >= 1 && v < 256 ? (size_t)v << 12 : 0;
	registry = cprom_registry_new(.max_bytes = max_bytes, .created_timestamps = v < 0);
	if (registry == NULL) {
		demand(max_bytes > 0);
		max_bytes = 0;
		registry = cprom_registry_new(.created_timestamps = 0);
	}
	demand(registry != NULL);
}

/* ---- calls ------------------------------------------------------------------------------- */

static void
call(char what, size_t i, size_t j, double v)
{
	struct family *f = &families[i % FAMILIES];
	struct series *s;

	switch (what) {
	case 'B':
		begin(v);
		return;
	case 'n':
		new_family(i % FAMILIES, v);
		return;
	case 'r':
		remove_one(f, j);
		return;
	case 'm':
		remove_matching(f, j);
		return;
	case 'C':
		demand(cprom_metric_clear(f->metric) == (f->metric == NULL ? -1 : 0));
		forget_children(f);
		return;
	case 'u':
		unregister(f);
		return;
	case 'p':
		render(v);
		return;
	case 'R':
		read_on(v);
		return;
	default:
		s = child(f, j);
		if (s != NULL && what == 'a')
			add(i % FAMILIES, s, v);
		else if (s != NULL)
			set(i % FAMILIES, s, v);
	}
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	begin(0);
	for (char *p = text; *p != '\0'; p++) {
		char *end;
		double v;

		if (strchr("BnrmCupRas", *p) == NULL || !is_digit(p[1]) || !is_digit(p[2]))
			continue;
		v = strtod(p + 3, &end);
		call(*p, (size_t)(p[1] - '0'), (size_t)(p[2] - '0'), v);
		p = end > p + 3 ? end - 1 : p + 2;
	}
	check_all();
	render(0);
	cprom_scrape_close(scrape);
	scrape = NULL;
	cprom_registry_free(registry);
	registry = NULL;
	free(text);
	return 0;
}
