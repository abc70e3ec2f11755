/* SPDX-License-Identifier: MIT */
/*
 * scrape_memory: what one scrape takes of memory, for registries of ever more series.
 *
 *    scrape_memory BOUND_KIB WHAT ACCEPT SERIES...
 *
 * WHAT is "heap", what malloc gave at the most, or "all", the growth of the resident memory too.
 * Prints a line for each number of series; the status is 1 if any figure is above the bound.
 */
#include <cprom.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

#define PIECE 16384
#define LOOKS 40 /* at the resident memory, in one scrape */

struct figures {
	size_t bytes, lines;
	size_t heap;
	long rss_kib; /* growth at the most */
};

/* Resident memory in KiB: the exact sum of smaps_rollup, not the rounded one of status. */
static long
resident_kib(void)
{
	static char text[4096]; /* not of the heap */
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	const char *line;
	size_t n;

	if (f == NULL)
		return -1;
	setvbuf(f, NULL, _IONBF, 0);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	line = strstr(text, "\nRss:");
	return line == NULL ? -1 : strtol(line + strlen("\nRss:"), NULL, 10);
}

/* So many series, each updated: 90 % counters, 9 % gauges, the rest histograms. */
static bool
fill(cprom_registry *r, size_t series)
{
	static const char *const methods[] = {"GET", "PUT", "POST"};
	cprom_counter *c = cprom_counter_new("requests_total", "Requests.", .registry = r,
					     .max_series = series + 1,
					     .labels = CPROM_LABELS("method", "client"));
	cprom_gauge *g = cprom_gauge_new("depth", "Depth.", .registry = r, .max_series = series + 1,
					 .labels = CPROM_LABELS("queue"));
	cprom_histogram *h = cprom_histogram_new("wait_seconds", "Wait.", .registry = r,
						 .max_series = series + 1,
						 .labels = CPROM_LABELS("queue"));
	char index[24];

	for (size_t i = 0; i < series; i++) {
		snprintf(index, sizeof(index), "%zu", i);
		if (i % 100 == 0)
			cprom_histogram_observe(cprom_labels(h, index), 0.3);
		else if (i % 100 < 10)
			cprom_gauge_set(cprom_labels(g, index), (double)i);
		else
			cprom_counter_add(cprom_labels(c, methods[i % 3], index), (double)i + 0.5);
	}
	return c != NULL && g != NULL && h != NULL;
}

/* In protobuf that byte is the tag of each label: no fewer than series, either. */
static size_t
lines_in(const char *bytes, size_t n)
{
	const char *end = bytes + n;
	size_t lines = 0;

	while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		lines++;
		bytes++;
	}
	return lines;
}

/* One scrape; look_every: bytes of the page between two looks. */
static bool
measure(cprom_registry *r, const char *accept, size_t look_every, struct figures *f)
{
	static char piece[PIECE];
	long before = resident_kib(), now;
	size_t next_look = 0;
	cprom_scrape *s;
	ssize_t n;

	memset(f, 0, sizeof(*f));
	heap_watch(0, false);
	s = cprom_scrape_open(r, accept);
	while ((n = cprom_scrape_read(s, piece, sizeof(piece))) > 0) {
		f->bytes += (size_t)n;
		f->lines += lines_in(piece, (size_t)n);
		if (f->bytes < next_look)
			continue;
		next_look = f->bytes + look_every;
		now = resident_kib();
		if (now - before > f->rss_kib)
			f->rss_kib = now - before;
	}
	now = resident_kib();
	cprom_scrape_close(s);
	if (now - before > f->rss_kib)
		f->rss_kib = now - before;
	f->heap = heap.peak;
	return n == 0 && before != -1 && heap.blocks == 0;
}

static int
measure_series(size_t series, const char *accept, size_t bound_kib, bool rss_too)
{
	cprom_registry *r = cprom_registry_new(.max_series = series + 4,
					       .max_bytes = (size_t)4 << 30);
	struct figures f;

	if (r == NULL || !fill(r, series) || !measure(r, accept, series * 50 / LOOKS, &f)) {
		fprintf(stderr, "scrape_memory: %s\n", cprom_error());
		return 1;
	}
	printf("%9zu series, %9zu lines, %9zu bytes: %6zu bytes of heap", series, f.lines, f.bytes,
	       f.heap);
	if (rss_too)
		printf(", resident memory grew by %ld KiB", f.rss_kib);
	putchar('\n');
	cprom_registry_free(r);
	if (f.lines < series) {
		fprintf(stderr, "scrape_memory: there are series missing\n");
		return 1;
	}
	return f.heap > bound_kib << 10 || (rss_too && f.rss_kib > (long)bound_kib);
}

int
main(int argc, char **argv)
{
	struct figures warm;
	int failed = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc < 5) {
		fprintf(stderr, "usage: scrape_memory BOUND_KIB heap|all ACCEPT SERIES...\n");
		return 2;
	}
	/* What the first scrape of a process touches is not of its page. */
	measure(cprom_default_registry(), argv[3], 1, &warm);
	for (int i = 4; i < argc; i++)
		failed |= measure_series(strtoul(argv[i], NULL, 10), argv[3],
					 strtoul(argv[1], NULL, 10), strcmp(argv[2], "all") == 0);
	return failed;
}
