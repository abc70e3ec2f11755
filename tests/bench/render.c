/* SPDX-License-Identifier: MIT */
/*
 * render: what a line of a page costs, read in pieces of 64 KiB.
 */
#include "bench.h"

#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW 1000
#define MANY 100000
#define PIECE 65536

struct subject {
	cprom_registry *registry;
	char *page; /* ready-made, for the bound */
	size_t lines, bytes;
};

static struct subject few, many, whole, histograms;
static char piece[PIECE];

static uint64_t
scrape(const struct subject *s)
{
	cprom_scrape *scrape = cprom_scrape_open(s->registry, NULL);

	while (cprom_scrape_read(scrape, piece, sizeof(piece)) > 0)
		;
	cprom_scrape_close(scrape);
	return s->lines;
}

static uint64_t
copy(const struct subject *s)
{
	for (size_t at = 0; at < s->bytes; at += PIECE)
		memcpy(piece, s->page + at, s->bytes - at < PIECE ? s->bytes - at : PIECE);
	return s->lines;
}

static uint64_t
scrape_few(struct bench_thread *t)
{
	(void)t;
	return scrape(&few);
}

static uint64_t
scrape_many(struct bench_thread *t)
{
	(void)t;
	return scrape(&many);
}

static uint64_t
scrape_whole(struct bench_thread *t)
{
	(void)t;
	return scrape(&whole);
}

static uint64_t
scrape_histograms(struct bench_thread *t)
{
	(void)t;
	return scrape(&histograms);
}

static uint64_t
copy_few(struct bench_thread *t)
{
	(void)t;
	return copy(&few);
}

static uint64_t
copy_many(struct bench_thread *t)
{
	(void)t;
	return copy(&many);
}

static uint64_t
copy_whole(struct bench_thread *t)
{
	(void)t;
	return copy(&whole);
}

static uint64_t
copy_histograms(struct bench_thread *t)
{
	(void)t;
	return copy(&histograms);
}

static void
make_page(struct subject *s)
{
	s->page = cprom_render(s->registry, NULL, &s->bytes);
	for (char *p = s->page; *p != '\0'; p = strchr(p, '\n') + 1)
		s->lines += *p != '#';
}

static cprom_registry *
new_registry(void)
{
	return cprom_registry_new(.max_bytes = (size_t)1 << 30);
}

/* Lines of about 92 bytes with values of 16 or 17 digits, or of whole numbers. */
static void
make_counters(struct subject *s, unsigned n, int fractions)
{
	cprom_counter *c;
	char instance[16];

	s->registry = new_registry();
	c = cprom_counter_new("http_requests_seconds_total", "Requests.", .registry = s->registry,
			      .labels = CPROM_LABELS("method", "code", "instance"));
	for (unsigned i = 0; i < n; i++) {
		cprom_counter *child;

		snprintf(instance, sizeof(instance), "%06u", i);
		child = cprom_labels(c, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", instance);
		cprom_counter_add(child, fractions ? bench_doubles[i % BENCH_INPUTS] * (i + 1)
						   : (double)i * 37);
	}
	make_page(s);
}

static void
make_histograms(struct subject *s, unsigned n)
{
	cprom_histogram *h;
	char instance[16];

	s->registry = new_registry();
	h = cprom_histogram_new("http_request_seconds", "Requests.", .registry = s->registry,
				.labels = CPROM_LABELS("method", "instance"));
	for (unsigned i = 0; i < n; i++) {
		cprom_histogram *child;

		snprintf(instance, sizeof(instance), "%06u", i);
		child = cprom_labels(h, i % 2 ? "GET" : "POST", instance);
		for (unsigned k = 0; k < 20; k++)
			cprom_histogram_observe(child, (i + k) % 12);
	}
	make_page(s);
}

int
main(int argc, char **argv)
{
	static const struct bench_case cases[] = {
		{"bound: copy, 1k series", NULL, 1, copy_few},
		{"line of 1k counters, 17 digits", "bound: copy, 1k series", 1, scrape_few},
		{"bound: copy, 1k whole numbers", NULL, 1, copy_whole},
		{"line of 1k counters, whole numbers", "bound: copy, 1k whole numbers", 1,
		 scrape_whole},
		{"bound: copy, 100k series", NULL, 1, copy_many},
		{"line of 100k counters, 17 digits", "bound: copy, 100k series", 1, scrape_many},
		{"bound: copy, 1k histograms", NULL, 1, copy_histograms},
		{"line of 1k histograms, whole numbers", "bound: copy, 1k histograms", 1,
		 scrape_histograms},
	};

	bench_inputs();
	make_counters(&few, FEW, 1);
	make_counters(&whole, FEW, 0);
	make_counters(&many, MANY, 1);
	make_histograms(&histograms, FEW);
	fprintf(stderr, "bytes per line: %.1f, %.1f, %.1f, %.1f\n",
		(double)few.bytes / (double)few.lines, (double)whole.bytes / (double)whole.lines,
		(double)many.bytes / (double)many.lines,
		(double)histograms.bytes / (double)histograms.lines);
	return bench_run(argc, argv, "render", cases, sizeof(cases) / sizeof(cases[0]));
}
