/* SPDX-License-Identifier: MIT */
/*
 * create: what a new series costs, in time and in memory, in small and large families.
 *
 * usage: create [REPETITIONS [MILLISECONDS [WORD]]]; the family grows to 1,000,000 series, and with the WORD
 * 10M, which takes 2 GB and a while, to ten times as many. The milliseconds are not used.
 *
 * The bound enters the label values in a table that has its final size from the start.
 */
#include "bench.h"
#include "bound.h"

#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP 100000
#define LABELS 3

typedef char name[8];

/* Either of the two. */
struct family {
	cprom_counter *counter;
	struct bound_table *table;
};

/* Creates STEP series and counts 1 in each; ns per series. */
static double
create(const struct family *f, const name *names)
{
	uint64_t start = bench_ns();

	for (unsigned i = 0; i < STEP; i++) {
		const char *values[LABELS] = {i % 2 ? "GET" : "POST", i % 3 ? "200" : "404",
					      names[i]};

		if (f->counter != NULL)
			cprom_counter_inc(
				cprom_counter_labels(f->counter, (cprom_strings){values, LABELS}));
		else {
			bound_enter(f->table, values, LABELS);
			bound_look_up(f->table, values, LABELS);
		}
	}
	return (double)(bench_ns() - start) / STEP;
}

static void
name_all(name *names, unsigned first)
{
	for (unsigned i = 0; i < STEP; i++)
		snprintf(names[i], sizeof(names[i]), "%07u", (first + i) % 10000000);
}

static void
row(const char *what, const char *library, unsigned number, double value, const char *unit)
{
	struct bench_case c = {what, library, 1, NULL, NULL, NULL};

	bench_row("create", &c, number, value, unit);
}

/* The first step, and the memory that it took. */
static void
begin(const struct family *f, const char *library, unsigned number, name *names)
{
	double before = bench_resident();

	name_all(names, 0);
	row("new series, the first 100k of a family", library, number,
	    create(f, (const name *)names), "ns");
	row("resident, counter of 3 labels, at 100k", library, number,
	    (bench_resident() - before) / STEP, "B");
}

/* All up to the last, of which there is a row. */
static void
go_on(const struct family *f, const char *library, unsigned number, unsigned last, name *names)
{
	double ns = 0;

	for (unsigned i = STEP; i < last; i += STEP) {
		name_all(names, i);
		ns = create(f, (const name *)names);
	}
	row(last > 10 * STEP ? "new series, the last 100k of 10M"
			     : "new series, the last 100k of 1M",
	    library, number, ns, "ns");
}

/* Two tables: a small family would not be given the memory of a large one. */
static void
fill_bound(unsigned number, unsigned last, name *names)
{
	struct family small = {NULL, bound_new_table(STEP)}, large = {NULL, bound_new_table(last)};

	if (small.table == NULL || large.table == NULL)
		abort();
	begin(&small, BENCH_BOUND, number, names);
	bound_free_table(small.table);
	go_on(&large, BENCH_BOUND, number, last, names);
	bound_free_table(large.table);
}

static void
fill_cprom(unsigned number, unsigned last, name *names)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = (size_t)4 << 30,
					       .max_series = last + STEP);
	struct family f = {cprom_counter_new("http_requests_total", "Requests.", .registry = r,
					     .max_series = last,
					     .labels = CPROM_LABELS("method", "code", "instance")),
			   NULL};

	begin(&f, BENCH_CPROM, number, names);
	go_on(&f, BENCH_CPROM, number, last, names);
	cprom_registry_free(r);
}

int
main(int argc, char **argv)
{
	unsigned last = argc > 3 && strcmp(argv[3], "10M") == 0 ? 100 * STEP : 10 * STEP;
	name *names = calloc(STEP, sizeof(*names));

	if (names == NULL)
		return 1;
	name_all(names, 0); /* its pages are there before any is counted */
	bench_park();
	bench_header();
	for (unsigned r = bench_first(), n = bench_repetitions(argc, argv); n > 0; r++, n--) {
		fill_bound(r, last, names);
		fill_cprom(r, last, names);
	}
	free(names);
	return 0;
}
