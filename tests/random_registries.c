/* SPDX-License-Identifier: MIT */
/*
 * random_registries: fills registries at random and prints each in every format, for
 * check_formats.py to compare.
 *
 *    random_registries SEED COUNT
 *
 * For each registry a line "registry SEED", and for each format a line of its length and its
 * Content-Type, and the page.
 */
#include <cprom.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define MOST_LABELS 3
#define PROTOBUF                                                                                   \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

static uint64_t state;

/* splitmix64, by S. Vigna. */
static uint64_t
draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned
below(unsigned n)
{
	return (unsigned)(draw() % n);
}

/* A text of characters of all lengths in UTF-8, among them those that are escaped. */
static const char *
text(void)
{
	static const char *const characters[] = {"a", "Z",  "0",      " ",    "\"",	 "\\", "\n",
						 "{", "}",  ",",      "=",    "#",	 "\t", "é",
						 "ß", "日", "\x7f",   "😀",   "\\n",	 "n",  "_",
						 "ʘ", "￿",	"\U0010ffff", "\"}", "x"};
	static char texts[16][128];
	static unsigned next;
	char *out = texts[next++ % array_len(texts)];

	out[0] = '\0';
	for (unsigned n = below(2) * below(12); n > 0; n--)
		strcat(out, characters[below(array_len(characters))]);
	return out;
}

static double
positive(void)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return below(100);
	case 2:
		return below(1000) / 8.0;
	case 3:
		return (double)(draw() >> below(64));
	case 4:
		return below(2) ? DBL_MAX / 4 : DBL_MIN;
	default:
		return ldexp((double)(draw() >> 11), (int)below(120) - 110);
	}
}

static double
any_value(void)
{
	static const double odd[] = {INFINITY, -INFINITY, NAN, -0.0, DBL_MAX, 5e-324};

	if (below(10) == 0)
		return odd[below(array_len(odd))];
	return below(2) ? positive() : -positive();
}

/* ---- metrics ------------------------------------------------------------------- */

static cprom_registry *registry;
static const char *labels[MOST_LABELS], *const_labels[2];
static unsigned label_count;

static void
name_of(char *out, const char *suffix, unsigned family)
{
	static const char *const words[] = {"acme", "jobs", "rx", "disk:io", "_x", "queue_total",
					    "Ab9",  "info"};

	sprintf(out, "%s_%u%s", words[below(array_len(words))], family, suffix);
}

static void
draw_labels(void)
{
	static const char *const names[] = {"method", "code", "_z9"};

	label_count = below(MOST_LABELS + 1);
	for (unsigned i = 0; i < label_count; i++)
		labels[i] = names[i];
}

static cprom_strings
drawn_constants(void)
{
	const_labels[0] = "zone";
	const_labels[1] = text();
	return (cprom_strings){const_labels, below(4) == 0 ? 2 : 0};
}

static cprom_strings
values(void)
{
	static const char *drawn[MOST_LABELS];

	for (unsigned i = 0; i < label_count; i++)
		drawn[i] = text();
	return (cprom_strings){drawn, label_count};
}

/* A child, or the metric itself without labels. */
static cprom_metric *
child(cprom_metric *m)
{
	return label_count == 0 ? m : cprom_metric_labels(m, values());
}

static unsigned
children(void)
{
	return label_count == 0 ? 1 : below(5);
}

#define COMMON                                                                                     \
	.registry = registry, .labels = {labels, label_count}, .const_labels = drawn_constants()

/* prometheus_client looks for the brace behind an exemplar's labels inside of them, too. */
static const char *
text_without_brace(void)
{
	const char *drawn = text();

	while (strchr(drawn, '}') != NULL)
		drawn = text();
	return drawn;
}

static cprom_strings
exemplar(void)
{
	static const char *items[4];

	items[0] = "trace_id";
	items[1] = below(2) ? "4bf92f3577b34da6a3ce929d0e0e4736" : text_without_brace();
	items[2] = "span";
	items[3] = text_without_brace();
	return (cprom_strings){items, 2 + 2 * below(2)};
}

static void
add_counter(const char *help, unsigned family)
{
	static const char *const suffixes[] = {"_total", "_bytes_total", "", "_seconds_total"};
	char name[64];
	cprom_metric *m;

	name_of(name, suffixes[below(array_len(suffixes))], family);
	m = CPROM_METRIC(cprom_counter_new(name, help, COMMON,
					   .unit = below(2) ? "bytes" : "seconds"));
	for (unsigned n = children(); n > 0; n--) {
		cprom_counter *c = (cprom_counter *)child(m);

		if (below(3) == 0)
			cprom_counter_add_exemplar(c, positive(), exemplar());
		else
			cprom_counter_add(c, positive());
	}
}

static void
add_gauge(const char *help, unsigned family)
{
	char name[64];
	cprom_metric *m;

	name_of(name, below(2) ? "_bytes" : "", family);
	m = CPROM_METRIC(cprom_gauge_new(name, help, COMMON, .unit = below(2) ? "bytes" : NULL));
	for (unsigned n = children(); n > 0; n--)
		cprom_gauge_set((cprom_gauge *)child(m), any_value());
}

static size_t
ascending(double *out, size_t n, double from)
{
	for (size_t i = 0; i < n; i++)
		out[i] = from += 0.25 + below(100) / 4.0;
	return n;
}

/* What a name ends with says what it is: the text format tells neither from a gauge. */
static void
add_info(const char *help, unsigned family)
{
	char name[64];
	cprom_metric *m;

	name_of(name, below(2) ? "_info" : "", family);
	m = CPROM_METRIC(cprom_info_new(name, help, COMMON));
	for (unsigned n = children(); n > 0; n--)
		cprom_info_set((cprom_info *)child(m), "version", text(), "commit", text());
}

static void
add_stateset(const char *help, unsigned family)
{
	const char *states[] = {text(), "b\"\\\n", "c"};
	char name[64];
	cprom_metric *m;

	name_of(name, "_state", family);
	if (states[0][0] == '\0' || strcmp(states[0], "c") == 0)
		states[0] = "a";
	m = CPROM_METRIC(cprom_stateset_new(name, help, COMMON,
					    .states = {states, array_len(states)}));
	for (unsigned n = children(); n > 0; n--)
		cprom_stateset_set((cprom_stateset *)child(m), below(array_len(states)));
}

static void
observe_some(cprom_histogram *h)
{
	for (unsigned k = below(20); k > 0; k--) {
		double v = below(8) == 0 ? any_value() : below(800) / 4.0;

		if (below(3) == 0)
			cprom_histogram_observe_exemplar(h, v, exemplar());
		else
			cprom_histogram_observe(h, v);
	}
}

static void
add_native(const char *help, unsigned family)
{
	double bounds[8];
	char name[64];
	cprom_metric *m;
	size_t count = ascending(bounds, below(8), -0.25);
	cprom_native native = {.size = sizeof(native),
			       .growth = 1 + (1 + below(40)) / 20.0,
			       .max_buckets = 1 + below(60),
			       .zero_threshold = below(2) ? 0 : below(3) / 2.0,
			       .max_zero_threshold = below(2) ? 0 : 10};

	name_of(name, "_native_seconds", family);
	m = CPROM_METRIC(cprom_histogram_new(name, help, COMMON, .buckets = {bounds, count},
					     .native = &native));
	for (unsigned n = children(); n > 0; n--)
		observe_some((cprom_histogram *)child(m));
}

static void
add_histogram(const char *help, unsigned family)
{
	double bounds[8];
	char name[64];
	cprom_metric *m;
	size_t count = ascending(bounds, 1 + below(8), below(3) == 0 ? -20 : -0.25);

	name_of(name, "_seconds", family);
	m = CPROM_METRIC(cprom_histogram_new(name, help, COMMON, .buckets = {bounds, count}));
	for (unsigned n = children(); n > 0; n--)
		observe_some((cprom_histogram *)child(m));
}

static void
add_summary(const char *help, unsigned family)
{
	static const double quantiles[] = {0, 0.25, 0.5, 0.99, 1};
	char name[64];
	cprom_metric *m;

	name_of(name, "", family);
	m = CPROM_METRIC(cprom_summary_new(name, help, COMMON,
					   .quantiles = {quantiles, below(array_len(quantiles))}));
	for (unsigned n = children(); n > 0; n--) {
		cprom_summary *s = (cprom_summary *)child(m);

		for (unsigned k = below(20); k > 0; k--)
			cprom_summary_observe(s, below(8) == 0 ? any_value() : positive());
	}
}

static void
collect(cprom_sink *out, void *arg)
{
	int64_t when; /* one for all: OpenMetrics alone has several samples of ascending times */
	char name[64];

	(void)arg;
	state = 0x5eed ^ *(uint64_t *)arg; /* the same in each format */
	when = 1754006400000 + below(100000);
	name_of(name, "", 99);
	cprom_sink_family(out, below(2) ? CPROM_TYPE_GAUGE : CPROM_TYPE_UNKNOWN, name, text());
	for (unsigned n = below(4); n > 0; n--)
		cprom_sink_sample(out, any_value(), .labels = CPROM_LABELS("k", text()),
				  .timestamp_ms = below(2) ? 0 : when);
	name_of(name, "", 98);
	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, name, text());
	cprom_sink_sample(out, 0, .bounds = CPROM_DOUBLES(1, 2.5),
			  .counts = (const uint64_t[]){below(9), below(9), below(9)},
			  .sum = positive());
}

static void
fill(uint64_t *seed)
{
	static void (*const add[])(const char *help, unsigned family) = {
		add_counter, add_gauge,  add_info,   add_stateset,
		add_histogram, add_native, add_summary,
	};

	for (unsigned i = 0, n = below(8); i < n; i++) {
		const char *help = text();

		draw_labels();
		add[below(array_len(add))](help, i);
	}
	if (below(3) == 0 && cprom_collector_new(collect, seed, .registry = registry) == NULL)
		abort();
}

/* ---- pages --------------------------------------------------------------------- */

static void
print(const char *accept)
{
	cprom_scrape *s = cprom_scrape_open(registry, accept);
	size_t length;
	char *page = cprom_render(registry, accept, &length);

	if (s == NULL || page == NULL)
		exit(1);
	printf("%zu %s\n", length, cprom_scrape_content_type(s));
	fwrite(page, 1, length, stdout);
	cprom_scrape_close(s);
	free(page);
}

int
main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	for (uint64_t seed = first; seed < first + count; seed++) {
		state = seed * 0x9e3779b97f4a7c15;
		registry = cprom_registry_new(.created_timestamps = below(2));
		fill(&seed);
		printf("registry %llu\n", (unsigned long long)seed);
		print(NULL);
		print("application/openmetrics-text;version=1.0.0");
		print(PROTOBUF);
		cprom_registry_free(registry);
	}
	return 0;
}
