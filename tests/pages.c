/* SPDX-License-Identifier: MIT */
/*
 * pages: prints a page for other programs to judge, and writes down what was put into it.
 *
 *    pages NAME FILE [BYTES [ACCEPT]]
 *                               the page to the output, read in pieces of BYTES bytes, as
 *                               for a reader that sends this Accept
 *    pages list                 the names
 *    pages decimal-point        that of the locale of the environment
 *
 * FILE has a line per family and one per line of the page that is expected, in order:
 *
 *    F type name help            "*" for a help that is not known; the name as in the text format
 *    U unit                      of that family, where OpenMetrics shows one
 *    S name value timestamp label=text … label:number …
 *    A …                        as S, but within 1.1 % of the value
 *    C name time timestamp label=text …
 *                                since when those before it count, in milliseconds; not in the text format
 *
 * Texts are "x" and their bytes in hexadecimal, numbers the 16 digits of their bits, a timestamp
 * that is not there is "-". A single line "*" says that anything may be in the page.
 */
#include <cprom.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define MANY 100000

static FILE *book; /* what was put in */
static cprom_registry *registry;

/* ---- writing down -------------------------------------------------------------- */

static void
write_text(const char *text)
{
	fputc('x', book);
	for (; *text != '\0'; text++)
		fprintf(book, "%02x", (unsigned)(unsigned char)*text);
}

static void
write_number(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	fprintf(book, "%016llx", (unsigned long long)bits);
}

static void
put_family(const char *type, const char *name, const char *help)
{
	fprintf(book, "F %s %s ", type, name);
	write_text(help);
	fputc('\n', book);
}

static void
put_unit(const char *unit)
{
	fprintf(book, "U %s\n", unit);
}

static void
put_labels(cprom_strings labels)
{
	for (size_t i = 0; i < labels.count; i += 2) {
		fprintf(book, " %s=", labels.items[i]);
		write_text(labels.items[i + 1]);
	}
}

static void
put_created(const char *name, int64_t created_ms, cprom_strings labels, int64_t timestamp_ms)
{
	fprintf(book, "C %s %lld", name, (long long)created_ms);
	if (timestamp_ms == 0)
		fputs(" -", book);
	else
		fprintf(book, " %lld", (long long)timestamp_ms);
	put_labels(labels);
	fputc('\n', book);
}

/* One line of the page; bound is NULL, "le" or "quantile". */
static void
put_line(char kind, const char *name, const char *suffix, cprom_strings labels, const char *bound,
	 double bound_value, double value, int64_t timestamp_ms)
{
	fprintf(book, "%c %s%s ", kind, name, suffix);
	write_number(value);
	if (timestamp_ms == 0)
		fputs(" -", book);
	else
		fprintf(book, " %lld", (long long)timestamp_ms);
	put_labels(labels);
	if (bound != NULL) {
		fprintf(book, " %s:", bound);
		write_number(bound_value);
	}
	fputc('\n', book);
}

static void
put_value(const char *name, cprom_strings labels, double value, int64_t timestamp_ms)
{
	put_line('S', name, "", labels, NULL, 0, value, timestamp_ms);
}

/* counts: of each bucket and, last, of what is above all bounds. */
static void
put_histogram(const char *name, cprom_strings labels, cprom_doubles bounds, const uint64_t *counts,
	      double sum, int64_t timestamp_ms)
{
	uint64_t total = 0;

	for (size_t i = 0; i <= bounds.count; i++) {
		total += counts[i];
		put_line('S', name, "_bucket", labels, "le",
			 i < bounds.count ? bounds.items[i] : INFINITY, (double)total,
			 timestamp_ms);
	}
	put_line('S', name, "_sum", labels, NULL, 0, sum, timestamp_ms);
	put_line('S', name, "_count", labels, NULL, 0, (double)total, timestamp_ms);
}

/* The i-th quantile is about values[i]. */
static void
put_summary(char kind, const char *name, cprom_strings labels, cprom_doubles quantiles,
	    const double *values, uint64_t count, double sum, int64_t timestamp_ms)
{
	for (size_t i = 0; i < quantiles.count; i++)
		put_line(kind, name, "", labels, "quantile", quantiles.items[i], values[i],
			 timestamp_ms);
	put_line('S', name, "_sum", labels, NULL, 0, sum, timestamp_ms);
	put_line('S', name, "_count", labels, NULL, 0, (double)count, timestamp_ms);
}

#define NO_LABELS ((cprom_strings){NULL, 0})

/* ---- what is hostile ------------------------------------------------------------- */

static char long_backslashes[4001], long_trees[4 * 1000 + 1], long_quotes[3001];

static const char *const hostile[] = {
	"plain",
	"",
	" ",
	"  blanks around  ",
	"\"",
	"\\",
	"\n",
	"\"\"",
	"\\\\",
	"\n\n",
	"\\n",
	"\\\"",
	"\"\\\n",
	"ends with a backslash\\",
	"C:\\Program Files\\new",
	"say \"hi\"",
	"two\nlines",
	"a=\"1\",b=\"2\"",
	"}",
	"{le=\"1\"} 5",
	"x 1\n# TYPE y counter\ny 2",
	"# HELP x y",
	"\t",
	"\r",
	"\r\n",
	"a\rb",
	"\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f",
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f",
	"100 % %s %n",
	"L\xc3\xa4nge",
	"\xe2\x82\xac",
	"\xf0\x9f\x8c\xb3",
	"\xf0\x9f\x8c\xb3\\\xf0\x9f\x8c\xb3\"\xf0\x9f\x8c\xb3\n\xf0\x9f\x8c\xb3",
	"\xf4\x8f\xbf\xbf",
	"\xef\xbf\xbf",
	"\xef\xbb\xbf",
	"\xc2\x85",
	"\xc2\xa0",
	"\xe2\x80\xa8\xe2\x80\xa9",
	"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
	"e\xcc\x81",
	"\xed\x9f\xbf\xee\x80\x80",
	"NaN",
	"+Inf",
	"1,5",
	long_backslashes,
	long_trees,
	long_quotes,
};

static void
make_long_texts(void)
{
	memset(long_backslashes, '\\', sizeof(long_backslashes) - 1);
	memset(long_quotes, '"', sizeof(long_quotes) - 1);
	for (size_t i = 0; i < sizeof(long_trees) - 1; i += 4)
		memcpy(long_trees + i, "\xf0\x9f\x8c\xb3", 4);
}

/* ---- every type with every option ---------------------------------------------------- */

static double
return_value(void *arg)
{
	return *(double *)arg;
}

static void
counters(void)
{
	static double called = 4711.5;
	cprom_counter *c;

	c = cprom_counter_new("acme_plain_total", "Plain.", .registry = registry);
	cprom_counter_inc(c);
	cprom_counter_add(c, 41);
	put_family("counter", "acme_plain_total", "Plain.");
	put_value("acme_plain_total", NO_LABELS, 42, 0);

	c = cprom_counter_new("acme_rx_bytes_total", "Labels, constant labels and unit.",
			      .registry = registry, .labels = CPROM_LABELS("method", "code"),
			      .const_labels = CPROM_LABELS("site", "a\"b", "rack", "7"),
			      .unit = "bytes", .max_series = 2);
	cprom_counter_add(cprom_labels(c, "GET", "200"), 0.25);
	cprom_counter_inc(cprom_labels(c, "GET", "200"));
	cprom_labels(c, "PUT", "");
	cprom_counter_add(cprom_labels(c, "POST", "500"), 3);
	cprom_counter_add(cprom_labels(c, "HEAD", "500"), 4);
	put_family("counter", "acme_rx_bytes_total", "Labels, constant labels and unit.");
	put_unit("bytes");
	put_value("acme_rx_bytes_total",
		  CPROM_LABELS("site", "a\"b", "rack", "7", "method", "GET", "code", "200"), 1.25,
		  0);
	put_value("acme_rx_bytes_total",
		  CPROM_LABELS("site", "a\"b", "rack", "7", "method", "PUT", "code", ""), 0, 0);
	put_value(
		"acme_rx_bytes_total",
		CPROM_LABELS("site", "a\"b", "rack", "7", "method", "overflow", "code", "overflow"),
		7, 0);

	cprom_counter_new("acme_called_total", "Callback.", .registry = registry,
			  .callback = return_value, .arg = &called);
	put_family("counter", "acme_called_total", "Callback.");
	put_value("acme_called_total", NO_LABELS, 4711.5, 0);
}

static void
gauges(void)
{
	static double called = -1e-7;
	cprom_gauge *g = cprom_gauge_new("acme_load_ratio", "Set, added to and taken from.",
					 .registry = registry, .unit = "ratio");

	cprom_gauge_set(g, 2);
	cprom_gauge_inc(g);
	cprom_gauge_dec(g);
	cprom_gauge_add(g, 0.5);
	cprom_gauge_sub(g, 4);
	put_family("gauge", "acme_load_ratio", "Set, added to and taken from.");
	put_unit("ratio");
	put_value("acme_load_ratio", NO_LABELS, -1.5, 0);

	g = cprom_gauge_new("acme_extremes", "Largest and smallest.", .registry = registry,
			    .labels = CPROM_LABELS("which"));
	cprom_gauge_set_max(cprom_labels(g, "max"), 7);
	cprom_gauge_set_max(cprom_labels(g, "max"), 3);
	cprom_gauge_set_min(cprom_labels(g, "min"), -7);
	cprom_gauge_set_min(cprom_labels(g, "min"), -3);
	put_family("gauge", "acme_extremes", "Largest and smallest.");
	put_value("acme_extremes", CPROM_LABELS("which", "max"), 7, 0);
	put_value("acme_extremes", CPROM_LABELS("which", "min"), -7, 0);

	cprom_gauge_new("acme_called", "Callback.", .registry = registry, .callback = return_value,
			.arg = &called, .const_labels = CPROM_LABELS("k", "\\"));
	put_family("gauge", "acme_called", "Callback.");
	put_value("acme_called", CPROM_LABELS("k", "\\"), -1e-7, 0);

	cprom_build_info("acme", .version = "1.2", .revision = "a\"b", .branch = "main",
			 .registry = registry);
}

static void
histograms(void)
{
	static const double defaults[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
	static double made[3];
	cprom_histogram *h;

	h = cprom_histogram_new("acme_wait_seconds", "Default buckets.", .registry = registry,
				.unit = "seconds");
	cprom_histogram_observe(h, 0.25);
	cprom_histogram_observe(h, 0.5);
	cprom_histogram_observe_many(h, 100, 3);
	put_family("histogram", "acme_wait_seconds", "Default buckets.");
	put_unit("seconds");
	put_histogram("acme_wait_seconds", NO_LABELS,
		      (cprom_doubles){defaults, array_len(defaults)},
		      (const uint64_t[]){0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 3}, 300.75, 0);

	h = cprom_histogram_new("acme_size_bytes", "Own buckets, the infinite one too.",
				.registry = registry, .labels = CPROM_LABELS("kind"),
				.const_labels = CPROM_LABELS("site", "x"),
				.buckets = CPROM_BUCKETS(-1, 0, 1e6, INFINITY));
	put_family("histogram", "acme_size_bytes", "Own buckets, the infinite one too.");
	cprom_histogram_observe(cprom_labels(h, "one"), -2);
	cprom_histogram_observe(cprom_labels(h, "one"), 1e6);
	cprom_histogram_observe(cprom_labels(h, "one"), 1000000.5);
	cprom_labels(h, "none");
	put_histogram("acme_size_bytes", CPROM_LABELS("site", "x", "kind", "one"),
		      CPROM_BUCKETS(-1, 0, 1e6), (const uint64_t[]){1, 0, 1, 1}, 1999998.5 + 0, 0);
	put_histogram("acme_size_bytes", CPROM_LABELS("site", "x", "kind", "none"),
		      CPROM_BUCKETS(-1, 0, 1e6), (const uint64_t[]){0, 0, 0, 0}, 0, 0);

	h = cprom_histogram_new("acme_made", "Computed buckets.", .registry = registry,
				.buckets = cprom_exponential_buckets(0.5, 4, 3, made));
	cprom_histogram_observe(h, INFINITY);
	put_family("histogram", "acme_made", "Computed buckets.");
	put_histogram("acme_made", NO_LABELS, CPROM_BUCKETS(0.5, 2, 8),
		      (const uint64_t[]){0, 0, 0, 1}, INFINITY, 0);

	h = cprom_histogram_new("acme_only_infinity", "No bound but +Inf.", .registry = registry,
				.buckets = CPROM_BUCKETS(INFINITY));
	cprom_histogram_observe(h, 1);
	put_family("histogram", "acme_only_infinity", "No bound but +Inf.");
	put_histogram("acme_only_infinity", NO_LABELS, (cprom_doubles){NULL, 0},
		      (const uint64_t[]){1}, 1, 0);
}

static void
summaries(void)
{
	static const double quantiles[] = {0, 0.5, 0.9, 0.99, 1};
	cprom_summary *s;

	s = cprom_summary_new("acme_plain_seconds", "Count and sum.", .registry = registry);
	cprom_summary_observe(s, 1.5);
	cprom_summary_observe(s, -4);
	put_family("summary", "acme_plain_seconds", "Count and sum.");
	put_summary('S', "acme_plain_seconds", NO_LABELS, (cprom_doubles){NULL, 0}, NULL, 2, -2.5,
		    0);

	s = cprom_summary_new("acme_turn_seconds", "Quantiles.", .registry = registry,
			      .labels = CPROM_LABELS("who"),
			      .quantiles = {quantiles, array_len(quantiles)}, .max_age = 3600,
			      .age_buckets = 2);
	for (int i = 0; i < 100; i++)
		cprom_summary_observe(cprom_labels(s, "\"busy\""), i < 50 ? 2 : 1024);
	cprom_labels(s, "idle");
	put_family("summary", "acme_turn_seconds", "Quantiles.");
	put_summary('A', "acme_turn_seconds", CPROM_LABELS("who", "\"busy\""),
		    (cprom_doubles){quantiles, array_len(quantiles)},
		    (const double[]){2, 2, 1024, 1024, 1024}, 100, 51300, 0);
	put_summary('S', "acme_turn_seconds", CPROM_LABELS("who", "idle"),
		    (cprom_doubles){quantiles, array_len(quantiles)},
		    (const double[]){NAN, NAN, NAN, NAN, NAN}, 0, 0, 0);
}

static const char *const state_names[] = {"off", "on", "o\"n\\\n", "\xe2\x82\xac"};

/* on: bit i is state i. */
static void
put_states(const char *name, cprom_strings labels, unsigned on, int64_t timestamp_ms)
{
	const char *items[16] = {NULL};

	for (size_t i = 0; i < labels.count; i++)
		items[i] = labels.items[i];
	items[labels.count] = name;
	for (size_t i = 0; i < array_len(state_names); i++) {
		items[labels.count + 1] = state_names[i];
		put_value(name, (cprom_strings){items, labels.count + 2}, on >> i & 1,
			  timestamp_ms);
	}
}

#define STATES ((cprom_strings){state_names, array_len(state_names)})

static void
infos_and_statesets(void)
{
	cprom_info *info = cprom_info_new("acme_os", "Named as the family.", .registry = registry,
					  .const_labels = CPROM_LABELS("kernel", "Linux\n"));
	cprom_stateset *s = cprom_stateset_new("acme_mode", "One is on.", .registry = registry,
					       .states = STATES);

	cprom_info_set(info, "gone", "x");
	cprom_info_set(info, "release", "6.1", "host", "a\"b");
	put_family("info", "acme_os_info", "Named as the family.");
	put_value("acme_os_info",
		  CPROM_LABELS("kernel", "Linux\n", "release", "6.1", "host", "a\"b"), 1, 0);
	cprom_stateset_set(s, 2);
	put_family("stateset", "acme_mode", "One is on.");
	put_states("acme_mode", NO_LABELS, 4, 0);

	info = cprom_info_new("acme_disk_info", "Named as the sample.", .registry = registry,
			      .labels = CPROM_LABELS("disk"));
	cprom_labels(info, "sda");
	cprom_info_set(cprom_labels(info, "sdb"), "model", "\\");
	put_family("info", "acme_disk_info", "Named as the sample.");
	put_value("acme_disk_info", CPROM_LABELS("disk", "sda"), 1, 0);
	put_value("acme_disk_info", CPROM_LABELS("disk", "sdb", "model", "\\"), 1, 0);

	s = cprom_stateset_new("acme_features", "Some are on.", .registry = registry, .flags = 1,
			       .states = STATES, .labels = CPROM_LABELS("of"));
	cprom_stateset_enable(cprom_labels(s, "x"), 0, 1);
	cprom_stateset_enable(cprom_labels(s, "x"), 3, 1);
	cprom_labels(s, "y");
	put_family("stateset", "acme_features", "Some are on.");
	put_states("acme_features", CPROM_LABELS("of", "x"), 9, 0);
	put_states("acme_features", CPROM_LABELS("of", "y"), 0, 0);
}

static void
page_types(void)
{
	cprom_gauge *empty = cprom_gauge_new("acme_empty", "No series, not shown.",
					     .registry = registry, .labels = CPROM_LABELS("l"));

	cprom_labels(empty, "x");
	cprom_clear(empty);
	counters();
	histograms();
	summaries();
	gauges();
	fputs("F gauge acme_build_info *\n", book);
	put_value("acme_build_info",
		  CPROM_LABELS("version", "1.2", "revision", "a\"b", "branch", "main"), 1, 0);
	infos_and_statesets();
}

/* ---- hostile labels and helps ---------------------------------------------------------- */

static void
page_labels(void)
{
	cprom_counter *c = cprom_counter_new("acme_pairs_total", "Hostile pairs.",
					     .registry = registry,
					     .labels = CPROM_LABELS("first", "second"));
	cprom_histogram *h;
	uint64_t counts[] = {1, 0};

	put_family("counter", "acme_pairs_total", "Hostile pairs.");
	for (size_t i = 0; i < array_len(hostile); i++)
		for (size_t j = 0; j < array_len(hostile); j++) {
			double value = (double)(i * array_len(hostile) + j);

			cprom_counter_add(cprom_labels(c, hostile[i], hostile[j]), value);
			put_value("acme_pairs_total",
				  CPROM_LABELS("first", hostile[i], "second", hostile[j]), value,
				  0);
		}
	h = cprom_histogram_new("acme_hostile", "Hostile.", .registry = registry,
				.labels = CPROM_LABELS("l"), .buckets = CPROM_BUCKETS(1));
	put_family("histogram", "acme_hostile", "Hostile.");
	for (size_t i = 0; i < array_len(hostile); i++) {
		cprom_histogram_observe(cprom_labels(h, hostile[i]), 0.5);
		put_histogram("acme_hostile", CPROM_LABELS("l", hostile[i]), CPROM_BUCKETS(1),
			      counts, 0.5, 0);
	}
}

/* As many labels as a family may have. */
static void
many_labels(void)
{
	static char names[CPROM_MAX_LABELS][16];
	const char *labels[CPROM_MAX_LABELS], *values[CPROM_MAX_LABELS],
		*pairs[2 * CPROM_MAX_LABELS];
	cprom_gauge *g;

	for (size_t i = 0; i < CPROM_MAX_LABELS; i++) {
		snprintf(names[i], sizeof(names[i]), "_l%zu", i);
		pairs[2 * i] = labels[i] = names[i];
		pairs[2 * i + 1] = values[i] = hostile[i % 40];
	}
	g = cprom_gauge_new("acme_many_labels", "Many.", .registry = registry,
			    .labels = {labels, CPROM_MAX_LABELS});
	g = (cprom_gauge *)cprom_metric_labels((cprom_metric *)g,
					       (cprom_strings){values, CPROM_MAX_LABELS});
	cprom_gauge_set(g, 64);
	put_family("gauge", "acme_many_labels", "Many.");
	put_value("acme_many_labels", (cprom_strings){pairs, 2 * CPROM_MAX_LABELS}, 64, 0);
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static void
helps(bool blank)
{
	char name[32];

	for (size_t i = 0; i < array_len(hostile); i++) {
		cprom_gauge *g;

		if (is_blank(hostile[i]) != blank)
			continue;
		snprintf(name, sizeof(name), "acme_help_%zu", i);
		g = cprom_gauge_new(name, hostile[i], .registry = registry,
				    .const_labels = CPROM_LABELS("l", hostile[i]));
		cprom_gauge_set(g, (double)i);
		put_family("gauge", name, hostile[i]);
		put_value(name, CPROM_LABELS("l", hostile[i]), (double)i, 0);
	}
}

static void
page_helps(void)
{
	helps(false);
	many_labels();
}

/* Legal, though a linter says that there is no help text. */
static void
page_blank_helps(void)
{
	helps(true);
}

/* ---- extreme numbers ---------------------------------------------------------------------- */

static const double numbers[] = {
	0.0,
	1,
	-1,
	DBL_MAX,
	-DBL_MAX,
	DBL_MIN,
	-DBL_MIN,
	0x1p-1074,
	-0x1p-1074,
	0x0.fffffffffffffp-1022,
	3 * 0x1p-1074,
	DBL_EPSILON,
	1 + DBL_EPSILON,
	1 - DBL_EPSILON / 2,
	INFINITY,
	-INFINITY,
	NAN,
	-0.0,
	0x1p53 - 1,
	0x1p53,
	0x1p53 + 2,
	-0x1p53 + 1,
	0x1p63,
	0x1p64,
	999999,
	999999.5,
	999999.9999999999,
	1e6,
	1000000.5,
	1000001,
	-1e6,
	0.0001,
	0.00001,
	0.00009999999999999999,
	0.001,
	0.1,
	0.2,
	0.1 + 0.2,
	1.0 / 3,
	2.0 / 3,
	123456,
	1234567,
	123456789,
	1e15,
	1e16,
	1e17,
	1e20,
	1e21,
	1e22,
	1e23,
	1e100,
	1e-100,
	9007199254740993.0,
	5e-324,
	1.7976931348623155e308,
	2.2250738585072011e-308,
	8.41e21,
	2.0919495182368195e19,
	1.5e7,
	1754006400.123,
};

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void
number_gauge(cprom_gauge *g, size_t i, double v)
{
	char index[16];

	snprintf(index, sizeof(index), "%zu", i);
	cprom_gauge_set(cprom_labels(g, index), v);
	put_value("acme_numbers", CPROM_LABELS("index", index), v, 0);
}

static void
number_histogram(void)
{
	static const double bounds[] = {-DBL_MAX, -1e6,   -2.5,   -0x1p-1074, 0, 0x1p-1074,
					DBL_MIN,  1e-5,   0.0001, 0.1,        1, 999999.5,
					1e6,      0x1p53, 1e21,   DBL_MAX};
	uint64_t counts[array_len(bounds) + 1] = {0};
	cprom_histogram *h = cprom_histogram_new("acme_bounds", "Extreme bounds.",
						 .registry = registry,
						 .buckets = {bounds, array_len(bounds)});
	double sum = 0;

	for (size_t i = 0; i < array_len(numbers); i++)
		for (int side = -1; side <= 1; side++) {
			double v = side == 0 ? numbers[i] : nextafter(numbers[i], side * INFINITY);
			size_t b = 0;

			if (isnan(v) || fabs(v) > 1e300) /* the sum is to stay a number */
				continue;
			while (b < array_len(bounds) && v > bounds[b])
				b++;
			counts[b]++;
			sum += v;
			cprom_histogram_observe(h, v);
		}
	put_family("histogram", "acme_bounds", "Extreme bounds.");
	put_histogram("acme_bounds", NO_LABELS, (cprom_doubles){bounds, array_len(bounds)}, counts,
		      sum, 0);
}

static void
page_numbers(void)
{
	cprom_gauge *g = cprom_gauge_new("acme_numbers", "Extreme numbers.", .registry = registry,
					 .labels = CPROM_LABELS("index"));
	uint64_t seed = 88172645463325252;
	cprom_counter *c;

	put_family("gauge", "acme_numbers", "Extreme numbers.");
	for (size_t i = 0; i < array_len(numbers); i++)
		number_gauge(g, i, numbers[i]);
	for (size_t i = array_len(numbers); i < 20000; i++) {
		uint64_t bits = next_random(&seed);
		double v;

		memcpy(&v, &bits, sizeof(v));
		number_gauge(g, i, v);
	}
	number_histogram();
	c = cprom_counter_new("acme_whole_total", "Whole numbers.", .registry = registry,
			      .labels = CPROM_LABELS("l"));
	put_family("counter", "acme_whole_total", "Whole numbers.");
	cprom_counter_add(cprom_labels(c, "2^53-1"), 0x1p53 - 1);
	put_value("acme_whole_total", CPROM_LABELS("l", "2^53-1"), 0x1p53 - 1, 0);
	cprom_counter_add(cprom_labels(c, "2^53+2"), 0x1p53 - 1);
	for (int i = 0; i < 3; i++)
		cprom_counter_inc(cprom_labels(c, "2^53+2"));
	put_value("acme_whole_total", CPROM_LABELS("l", "2^53+2"), 0x1p53 + 2, 0);
	cprom_counter_add(cprom_labels(c, "10^6"), 999999);
	cprom_counter_inc(cprom_labels(c, "10^6"));
	put_value("acme_whole_total", CPROM_LABELS("l", "10^6"), 1e6, 0);
	cprom_counter_add(cprom_labels(c, "2^63"), 0x1p63);
	put_value("acme_whole_total", CPROM_LABELS("l", "2^63"), 0x1p63, 0);
	cprom_counter_add(cprom_labels(c, "10^300"), 1e300);
	put_value("acme_whole_total", CPROM_LABELS("l", "10^300"), 1e300, 0);
}

/* ---- collectors ------------------------------------------------------------------------------ */

#define SECOND 1754006400123 /* of some day, in milliseconds */

static void
sample(cprom_sink *out, const cprom_sample *s)
{
	if (cprom_sink_add(out, s) == -1) {
		fprintf(stderr, "pages: %s\n", cprom_error());
		exit(1);
	}
}

#define SAMPLE(out, ...) sample(out, &(cprom_sample){.size = sizeof(cprom_sample), __VA_ARGS__})

static void
collect_values(cprom_sink *out, void *arg)
{
	static const struct {
		cprom_type type;
		const char *word, *name;
	} kinds[] = {{CPROM_TYPE_COUNTER, "counter", "acme_gathered_total"},
		     {CPROM_TYPE_GAUGE, "gauge", "acme_collected"},
		     {CPROM_TYPE_UNTYPED, "untyped", "acme_collected_untyped"}};

	(void)arg;
	for (size_t k = 0; k < array_len(kinds); k++) {
		cprom_sink_family(out, kinds[k].type, kinds[k].name, "Collected \\ \"so\".\n");
		put_family(kinds[k].word, kinds[k].name, "Collected \\ \"so\".\n");
		SAMPLE(out, .value = 3);
		put_value(kinds[k].name, NO_LABELS, 3, 0);
		for (size_t i = 0; i < array_len(hostile); i++) {
			cprom_strings labels = CPROM_LABELS("a", hostile[i], "le_not", "1");
			int64_t when = i % 3 == 0 ? 0 : SECOND + (int64_t)i;

			SAMPLE(out, .value = (double)i, .labels = labels, .timestamp_ms = when);
			put_value(kinds[k].name, labels, (double)i, when);
		}
	}
}

static void
collect_distributions(cprom_sink *out, void *arg)
{
	static const uint64_t counts[] = {1, 0, 7, 1};
	static const double values[] = {-1, NAN, 1e-5};
	cprom_doubles bounds = CPROM_BUCKETS(-0.5, 0.1, 1e6),
		      quantiles = CPROM_QUANTILES(0, 0.5, 0.999);

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "acme_collected_seconds", "Distribution.");
	put_family("histogram", "acme_collected_seconds", "Distribution.");
	for (size_t i = 0; i < array_len(hostile); i++) {
		cprom_strings labels = CPROM_LABELS("b", "x", "a", hostile[i]);

		SAMPLE(out, .labels = labels, .bounds = bounds, .counts = counts, .sum = -0.25,
		       .timestamp_ms = SECOND);
		put_histogram("acme_collected_seconds", labels, bounds, counts, -0.25, SECOND);
	}
	cprom_sink_family(out, CPROM_TYPE_SUMMARY, "acme_collected_bytes", "Distribution.");
	put_family("summary", "acme_collected_bytes", "Distribution.");
	for (size_t i = 0; i < array_len(hostile); i++) {
		cprom_strings labels = CPROM_LABELS("a", hostile[i]);

		SAMPLE(out, .labels = labels, .quantiles = quantiles, .values = values, .sum = 1e21,
		       .count = 5, .created_ms = SECOND - (int64_t)i);
		put_summary('S', "acme_collected_bytes", labels, quantiles, values, 5, 1e21, 0);
		put_created("acme_collected_bytes", SECOND - (int64_t)i, labels, 0);
	}
}

static void
collect_gauge_histograms(cprom_sink *out)
{
	static const struct {
		double lowest, sum;
	} kinds[] = {{0, 4}, {-1, -4}, {-1, 4}, {0, -4}, {0, NAN}, {-1, NAN}, {0, INFINITY}};
	static const uint64_t counts[] = {3, 0, 2};
	char index[16];

	cprom_sink_family(out, CPROM_TYPE_GAUGE_HISTOGRAM, "acme_ages_seconds", "Distribution.",
			  .unit = "seconds");
	put_family("gaugehistogram", "acme_ages_seconds", "Distribution.");
	put_unit("seconds");
	for (size_t i = 0; i < array_len(kinds); i++) {
		cprom_doubles bounds = CPROM_BUCKETS(kinds[i].lowest, 1e6);
		cprom_strings labels = CPROM_LABELS("index", index);

		snprintf(index, sizeof(index), "%zu", i);
		SAMPLE(out, .labels = labels, .bounds = bounds, .counts = counts,
		       .sum = kinds[i].sum, .timestamp_ms = i % 2 ? SECOND : 0);
		put_histogram("acme_ages_seconds", labels, bounds, counts, kinds[i].sum,
			      i % 2 ? SECOND : 0);
	}
}

static void
collect_types_of_openmetrics(cprom_sink *out, void *arg)
{
	(void)arg;
	collect_gauge_histograms(out);
	cprom_sink_family(out, CPROM_TYPE_INFO, "acme_collected_texts", "Texts.");
	put_family("info", "acme_collected_texts_info", "Texts.");
	for (size_t i = 0; i < array_len(hostile); i++) {
		cprom_strings labels = CPROM_LABELS("a", hostile[i], "b", "x");

		SAMPLE(out, .labels = labels, .timestamp_ms = SECOND);
		put_value("acme_collected_texts_info", labels, 1, SECOND);
	}
	cprom_sink_family(out, CPROM_TYPE_STATESET, "acme_collected_mode", "States.");
	put_family("stateset", "acme_collected_mode", "States.");
	for (unsigned on = 0; on < 1u << array_len(state_names); on++) {
		char text[16];
		cprom_strings labels = CPROM_LABELS("on", text);

		snprintf(text, sizeof(text), "%u", on);
		SAMPLE(out, .labels = labels, .states = STATES, .on = on,
		       .timestamp_ms = on == 7 ? SECOND : 0);
		put_states("acme_collected_mode", labels, on, on == 7 ? SECOND : 0);
	}
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "acme_since_total", "Since some day.");
	put_family("counter", "acme_since_total", "Since some day.");
	SAMPLE(out, .value = 1, .created_ms = SECOND - 1000, .timestamp_ms = SECOND);
	put_value("acme_since_total", NO_LABELS, 1, SECOND);
	put_created("acme_since_total", SECOND - 1000, NO_LABELS, SECOND);
}

static void
collect_many(cprom_sink *out, void *arg)
{
	char index[16];

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "acme_collected_many", "Many.");
	put_family("gauge", "acme_collected_many", "Many.");
	for (int i = 0; i < 20000; i++) {
		cprom_strings labels = CPROM_LABELS("index", index);

		snprintf(index, sizeof(index), "%d", i);
		SAMPLE(out, .labels = labels, .value = i, .timestamp_ms = i % 2 ? SECOND : 0);
		put_value("acme_collected_many", labels, i, i % 2 ? SECOND : 0);
	}
}

static void
collect_badly(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "acme_collected", "There already.");
	cprom_sink_sample(out, 1);
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "acme_once", "Each sample once.");
	put_family("gauge", "acme_once", "Each sample once.");
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "1", "b", "2"));
	put_value("acme_once", CPROM_LABELS("a", "1", "b", "2"), 1, 0);
	cprom_sink_sample(out, 2, .labels = CPROM_LABELS("b", "2", "a", "1"));
	cprom_sink_sample(out, 3, .labels = CPROM_LABELS("a", "1", "a", "2"));
	cprom_sink_sample(out, 3, .labels = CPROM_LABELS("a", "\xff"));
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "acme_no_samples", "Not shown.");
}

static void
collect_and_fail(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "acme_failed", "Not shown.");
	cprom_sink_sample(out, 1);
	cprom_sink_fail(out, "on purpose");
}

static void
page_collectors(void)
{
	cprom_collector_new(collect_values, NULL, .registry = registry);
	cprom_collector_new(collect_distributions, NULL, .registry = registry);
	cprom_collector_new(collect_types_of_openmetrics, NULL, .registry = registry);
	cprom_collector_new(collect_and_fail, NULL, .registry = registry);
	cprom_collector_new(collect_badly, NULL, .registry = registry);
	cprom_collector_new(collect_many, NULL, .registry = registry);
}

/* ---- much ---------------------------------------------------------------------------------------- */

static void
page_many(void)
{
	cprom_counter *c = cprom_counter_new("acme_many_total", "Many.", .registry = registry,
					     .labels = CPROM_LABELS("method", "index"));
	char index[16];

	put_family("counter", "acme_many_total", "Many.");
	for (int i = 0; i < MANY; i++) {
		const char *method = i % 2 == 0 ? "GET" : "P\"UT";

		snprintf(index, sizeof(index), "%d", i);
		cprom_counter_add(cprom_labels(c, method, index), i * 0.5);
		put_value("acme_many_total", CPROM_LABELS("method", method, "index", index),
			  i * 0.5, 0);
	}
}

/* The default registry: what the process and the library tell of themselves. */
static void
page_default(void)
{
	registry = NULL;
	fputs("*\n", book);
}

static const struct {
	const char *name;
	void (*fill)(void);
} pages[] = {
	{"types", page_types},
	{"labels", page_labels},
	{"helps", page_helps},
	{"numbers", page_numbers},
	{"many", page_many},
	{"default", page_default},
	{"collectors", page_collectors},
	{"blank_helps", page_blank_helps},
};

static int
print_page(size_t piece, const char *accept)
{
	cprom_scrape *s = cprom_scrape_open(registry, accept);
	char *bytes = malloc(piece);
	ssize_t n = -1;

	while (s != NULL && bytes != NULL && (n = cprom_scrape_read(s, bytes, piece)) > 0)
		if (fwrite(bytes, 1, (size_t)n, stdout) != (size_t)n)
			break;
	cprom_scrape_close(s);
	free(bytes);
	if (n != 0)
		fprintf(stderr, "pages: %s\n", cprom_error());
	return n == 0 && fflush(stdout) == 0 && fclose(book) == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	size_t piece = argc > 3 ? strtoul(argv[3], NULL, 10) : 4096;

	setlocale(LC_ALL, "");
	make_long_texts();
	registry = cprom_registry_new();
	if (argc == 2 && strcmp(argv[1], "decimal-point") == 0)
		return puts(localeconv()->decimal_point) == EOF;
	for (size_t i = 0; i < array_len(pages); i++)
		if (argc == 2 && strcmp(argv[1], "list") == 0) {
			puts(pages[i].name);
		} else if (argc > 2 && strcmp(argv[1], pages[i].name) == 0) {
			book = fopen(argv[2], "w");
			if (book == NULL || registry == NULL || piece == 0)
				break;
			pages[i].fill();
			return print_page(piece, argc > 4 ? argv[4] : NULL);
		}
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return 0;
	fprintf(stderr,
		"usage: pages NAME FILE [BYTES [ACCEPT]] | pages list | pages decimal-point\n");
	return 1;
}
