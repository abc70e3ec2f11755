/* SPDX-License-Identifier: MIT */
/*
 * large: scrapes of many series, and what updates feel of them.
 *
 * A scrape: of 100,000 and of 1,000,000 counters of 3 labels with values of 16 or 17
 * digits, read in pieces of 64 KiB: CPU time per line, beside copying the page; the most
 * that it took from malloc, and by how much the resident memory grew meanwhile. With
 * BENCH_LONG set in the environment 10,000,000, too, without a page to copy (it needs 3 GB).
 *
 * An update: one thread times it, 16 increments of counters picked at random out of 64
 * between two reads of the clock; the bound are as many of plain memory, between such reads,
 * too. Meanwhile another thread scrapes that registry without a pause, or nobody does.
 * p50, p99.9 and the longest of all times; the machine's own interruptions, which are in
 * the latter two, the bound has as well.
 */
#include "bench.h"

#include "../heap.h"
#include "atomic.h"
#include "bound.h"

#include <cprom.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE 65536
#define UPDATES 16
#define PICKED 64
#define MILLISECONDS 200
#define LONGEST 1000000 /* ns; what takes longer is counted as that */

struct subject {
	const char *name;
	unsigned series;
	cprom_registry *registry;
	cprom_counter *picked[PICKED];
	char *page; /* ready-made, for the bound */
	size_t bytes;
};

static char piece[PIECE];

static size_t
read_page(const struct subject *s, char *into)
{
	cprom_scrape *scrape = cprom_scrape_open(s->registry, NULL);
	size_t bytes = 0;
	ssize_t n;

	while ((n = cprom_scrape_read(scrape, piece, sizeof(piece))) > 0) {
		if (into != NULL)
			memcpy(into + bytes, piece, (size_t)n);
		bytes += (size_t)n;
	}
	cprom_scrape_close(scrape);
	return bytes;
}

static void
make_series(struct subject *s)
{
	cprom_counter *c;
	char instance[16];

	s->registry = cprom_registry_new(.max_bytes = (size_t)16 << 30, .max_series = 20000000);
	c = cprom_counter_new("http_requests_seconds_total", "Requests.", .registry = s->registry,
			      .max_series = 20000000,
			      .labels = CPROM_LABELS("method", "code", "instance"));
	for (unsigned i = 0; i < s->series; i++) {
		cprom_counter *child;

		snprintf(instance, sizeof(instance), "%08u", i);
		child = cprom_labels(c, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", instance);
		cprom_counter_add(child, bench_doubles[i % BENCH_INPUTS] * (i + 1));
		if (i % (s->series / PICKED) == 0 && i / (s->series / PICKED) < PICKED)
			s->picked[i / (s->series / PICKED)] = child;
	}
}

static int
wants(int argc, char **argv, const char *what)
{
	return argc <= 3 || strstr(what, argv[3]) != NULL;
}

/* ---- scrapes --------------------------------------------------------------------- */

static void
row(const char *kind, const struct subject *s, const char *library, unsigned repetition,
    double value, const char *unit)
{
	char what[64];
	struct bench_case c = {what, library, 1, NULL, NULL, NULL};

	snprintf(what, sizeof(what), "%s, %s series", kind, s->name);
	bench_row("large", &c, repetition, value, unit);
}

static void
measure_scrape(const struct subject *s, unsigned repetition)
{
	double resident = bench_resident_bytes();
	uint64_t start;

	if (s->page != NULL) {
		start = bench_cpu_ns();
		for (size_t at = 0; at < s->bytes; at += PIECE)
			memcpy(piece, s->page + at, s->bytes - at < PIECE ? s->bytes - at : PIECE);
		row("line", s, "copy", repetition, (double)(bench_cpu_ns() - start) / s->series,
		    "ns");
	}
	resident = bench_resident_bytes();
	heap_watch(0, false);
	start = bench_cpu_ns();
	read_page(s, NULL);
	row("line", s, BENCH_CPROM, repetition, (double)(bench_cpu_ns() - start) / s->series, "ns");
	row("heap of a scrape", s, BENCH_CPROM, repetition, (double)heap.peak, "B");
	row("growth of the resident memory by a scrape", s, BENCH_CPROM, repetition,
	    bench_resident_bytes() - resident, "B");
}

/* ---- updates beside them ---------------------------------------------------------- */

static uint32_t times[LONGEST + 1]; /* how many took so many ns */
static atomic_u32 stop, scrapes;

static void *
scrape_on(void *arg)
{
	while (load_relaxed(&stop) == 0) {
		read_page(arg, NULL);
		add_relaxed(&scrapes, 1);
	}
	return NULL;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
update(const struct subject *s, unsigned choice)
{
	cprom_counter_inc(s->picked[choice]);
}

static void
update_bare(const struct subject *unused, unsigned choice)
{
	static struct bound bounds[PICKED];

	(void)unused;
	bounds[choice].cell = choice;
	bound_inc(&bounds[choice]);
}

/* Fills times. */
static void
time_updates(const struct subject *s, void (*update_one)(const struct subject *s, unsigned choice),
	     unsigned milliseconds)
{
	uint64_t end = now_ns() + milliseconds * (uint64_t)1000000;
	uint64_t before, after = 0, k = 0;

	memset(times, 0, sizeof(times));
	while (after < end) {
		before = now_ns();
		for (unsigned i = 0; i < UPDATES; i++)
			update_one(s, bench_choices[k++ % BENCH_INPUTS]);
		after = now_ns();
		times[after - before < LONGEST ? after - before : LONGEST]++;
	}
}

/* The least time that a share of all did not exceed. */
static double
quantile(double q)
{
	uint64_t all = 0, passed = 0;
	uint32_t ns = 0;

	for (uint32_t i = 0; i <= LONGEST; i++)
		all += times[i];
	while (ns < LONGEST && (passed += times[ns]) < (uint64_t)(q * (double)all))
		ns++;
	return ns;
}

static void
print_times(const char *beside, const char *library, unsigned repetition)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50", 0.5}, {"p99.9", 0.999}, {"longest", 1}};
	char what[96];
	struct bench_case c = {what, library, 1, NULL, NULL, NULL};

	for (unsigned i = 0; i < 3; i++) {
		snprintf(what, sizeof(what), "16 updates, %s, %s", quantiles[i].name, beside);
		bench_row("large", &c, repetition, quantile(quantiles[i].q), "ns");
	}
}

static void
measure_updates(struct subject *s, const char *beside, unsigned repetition, unsigned milliseconds)
{
	int scraped = strncmp(beside, "no", 2) != 0;
	pthread_t thread;

	store_relaxed(&stop, 0);
	store_relaxed(&scrapes, 0);
	if (scraped)
		pthread_create(&thread, NULL, scrape_on, s);
	time_updates(s, update_bare, milliseconds);
	print_times(beside, BENCH_BOUND, repetition);
	time_updates(s, update, milliseconds);
	print_times(beside, BENCH_CPROM, repetition);
	store_relaxed(&stop, 1);
	if (scraped)
		pthread_join(thread, NULL);
}

/* ---- all of it ---------------------------------------------------------------------- */

int
main(int argc, char **argv)
{
	static struct subject many = {.name = "100k", .series = 100000},
			      million = {.name = "1M", .series = 1000000},
			      ten = {.name = "10M", .series = 10000000};
	unsigned milliseconds = argc > 2 && atoi(argv[2]) > 0 ? (unsigned)atoi(argv[2])
							      : MILLISECONDS;
	struct subject *subjects[] = {&many, &million, getenv("BENCH_LONG") ? &ten : NULL};

	bench_inputs();
	bench_header();
	for (unsigned i = 0; i < 3 && subjects[i] != NULL; i++)
		make_series(subjects[i]);
	for (unsigned i = 0; i < 2; i++) {
		subjects[i]->bytes = read_page(subjects[i], NULL);
		subjects[i]->page = malloc(subjects[i]->bytes);
		read_page(subjects[i], subjects[i]->page);
	}
	memset(times, 0, sizeof(times)); /* resident from now on */
	for (unsigned r = bench_first(), n = bench_repetitions(argc, argv); n > 0; r++, n--) {
		for (unsigned i = 0; wants(argc, argv, "line") && i < 3 && subjects[i] != NULL; i++)
			measure_scrape(subjects[i], r);
		if (!wants(argc, argv, "updates"))
			continue;
		measure_updates(&many, "no scrape", r, milliseconds);
		measure_updates(&many, "scrapes of 100k series", r, milliseconds);
		measure_updates(&million, "scrapes of 1M series", r, milliseconds);
	}
	return 0;
}
