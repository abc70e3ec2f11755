/* SPDX-License-Identifier: MIT */
/*
 * create: what a new series costs, in time and in memory, in small and large families.
 */
#include "bench.h"

#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP 100000
#define LARGE 1000000

/* Memory of this process that is in RAM. */
static double
resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (f != NULL) {
		if (fscanf(f, "%*u %lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (double)pages * 4096;
}

static cprom_counter *
new_family(cprom_registry **r)
{
	*r = cprom_registry_new(.max_bytes = (size_t)4 << 30, .max_series = 20000000);
	return cprom_counter_new("http_requests_total", "Requests.", .registry = *r,
				 .max_series = 20000000,
				 .labels = CPROM_LABELS("method", "code", "instance"));
}

/* Creates STEP series from number first on and counts 1 in each; ns per series. */
static double
create(cprom_counter *c, const char (*names)[8])
{
	uint64_t start = bench_cpu_ns();

	for (unsigned i = 0; i < STEP; i++)
		cprom_counter_inc(
			cprom_labels(c, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", names[i]));
	return (double)(bench_cpu_ns() - start) / STEP;
}

static void
name_all(char (*names)[8], unsigned first)
{
	for (unsigned i = 0; i < STEP; i++)
		snprintf(names[i], sizeof(names[i]), "%07u", (first + i) % 10000000);
}

static void
repetition(unsigned number, unsigned last, char (*names)[8])
{
	static const struct bench_case first_step = {"series, the first 100k of a family", NULL, 1,
						     NULL};
	static const struct bench_case last_step = {"series, the last 100k of 1M", NULL, 1, NULL};
	static const struct bench_case memory = {"resident, counter of 3 labels, at 100k", NULL, 1,
						 NULL};
	cprom_registry *r;
	double before = resident_bytes(), ns;
	cprom_counter *c = new_family(&r);

	for (unsigned i = 0; i < last; i += STEP) {
		name_all(names, i);
		ns = create(c, (const char(*)[8])names);
		if (i == 0) {
			bench_row("create", &first_step, number, ns, "ns");
			bench_row("memory", &memory, number, (resident_bytes() - before) / STEP,
				  "B");
		}
		if (i + STEP == LARGE)
			bench_row("create", &last_step, number, ns, "ns");
	}
	cprom_registry_free(r);
}

int
main(int argc, char **argv)
{
	unsigned repetitions = bench_repetitions(argc, argv);
	char(*names)[8] = calloc(STEP, sizeof(*names));

	if (names == NULL)
		return 1;
	name_all(names, 0); /* its pages are there before any is counted */
	bench_park();
	bench_header();
	for (unsigned r = 0; r < repetitions; r++)
		repetition(r, LARGE, names);
	free(names);
	return 0;
}
