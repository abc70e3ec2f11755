/* SPDX-License-Identifier: MIT */
/*
 * render: what a line of a page costs, read in pieces of 64 KiB; beside it, what copying the page costs.
 *
 * The bound, which has the digits to make as well, is bound_render.cc. Of some pages the same samples
 * in each format, and what each takes in bytes.
 */
#include "bench.h"
#include "rendered.h"

#include <stdio.h>
#include <string.h>

#define OPENMETRICS "application/openmetrics-text;version=1.0.0"
#define PROTOBUF                                                                                   \
	"application/"                                                                             \
	"vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

/* A page of rendered.c in some format. */
struct formatted {
	const char *what, *accept;
	size_t rendered;
};

static const struct formatted formatted[] = {
	{"line of 1k histograms, whole numbers, as OpenMetrics", OPENMETRICS, 4},
	{"line of 1k histograms, whole numbers, as protobuf", PROTOBUF, 4},
	{"line of 100k counters, 17 digits, as OpenMetrics", OPENMETRICS, 5},
	{"line of 100k counters, 17 digits, as protobuf", PROTOBUF, 5},
	{"line of 100k counters, whole numbers, as OpenMetrics", OPENMETRICS, 7},
	{"line of 100k counters, whole numbers, as protobuf", PROTOBUF, 7},
};

#define FORMATTED_COUNT (sizeof(formatted) / sizeof(formatted[0]))

static char piece[RENDERED_PIECE];

/* The bytes of the page. */
static size_t
read_page(cprom_registry *r, const char *accept)
{
	cprom_scrape *scrape = cprom_scrape_open(r, accept);
	size_t bytes = 0;
	ssize_t n;

	while ((n = cprom_scrape_read(scrape, piece, sizeof(piece))) > 0)
		bytes += (size_t)n;
	cprom_scrape_close(scrape);
	return bytes;
}

static uint64_t
scrape(struct bench_thread *t)
{
	const struct rendered *s = t->subject;

	read_page(s->registry, NULL);
	return s->lines;
}

static uint64_t
scrape_formatted(struct bench_thread *t)
{
	const struct formatted *f = t->subject;

	read_page(rendered[f->rendered].registry, f->accept);
	return rendered[f->rendered].lines;
}

static void
print_size(const char *what, double bytes)
{
	char name[128];
	const struct bench_case c = {name, BENCH_CPROM, 1, NULL, NULL, NULL};

	snprintf(name, sizeof(name), "size of a %s", what);
	bench_row("render", &c, bench_first(), bytes, "B");
}

/* Of those that were made. */
static void
print_sizes(void)
{
	for (size_t i = 0; i < FORMATTED_COUNT; i++) {
		const struct rendered *s = &rendered[formatted[i].rendered];

		if (s->registry != NULL)
			print_size(formatted[i].what,
				   (double)read_page(s->registry, formatted[i].accept) /
					   (double)s->lines);
	}
	for (size_t i = 0; i < RENDERED_COUNT; i++)
		if (rendered[i].registry != NULL)
			print_size(rendered[i].what,
				   (double)rendered[i].bytes / (double)rendered[i].lines);
}

static uint64_t
copy(struct bench_thread *t)
{
	const struct rendered *s = t->subject;

	for (size_t at = 0; at < s->bytes; at += sizeof(piece)) {
		size_t rest = s->bytes - at;

		memcpy(piece, s->page + at, rest < sizeof(piece) ? rest : sizeof(piece));
	}
	return s->lines;
}

int
main(int argc, char **argv)
{
	struct bench_case cases[2 * RENDERED_COUNT + FORMATTED_COUNT];
	size_t n = 0;
	int status;

	rendered_make(argc > 3 ? argv[3] : "");
	for (size_t i = 0; i < RENDERED_COUNT; i++) {
		const char *what = rendered[i].what;

		cases[n++] = (struct bench_case){what, "copy", 1, copy, &rendered[i], NULL};
		cases[n++] = (struct bench_case){what, BENCH_CPROM, 1, scrape, &rendered[i], NULL};
	}
	for (size_t i = 0; i < FORMATTED_COUNT; i++)
		if (rendered[formatted[i].rendered].registry != NULL)
			cases[n++] = (struct bench_case){formatted[i].what, BENCH_CPROM,   1,
							 scrape_formatted,  &formatted[i], NULL};
	status = bench_run(argc, argv, "render", cases, n);
	print_sizes();
	return status;
}
