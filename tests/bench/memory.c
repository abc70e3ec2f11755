/* SPDX-License-Identifier: MIT */
/*
 * memory: bytes per series, by type and by lanes touched; and what removal gives back.
 *
 * 100,000 series of 3 labels in one family (10,000 of a summary with quantiles) are made and
 * updated by 1, 8 or 64 threads that live at the same time, each of them all. Then the
 * growth of the process' resident memory is divided by the number of series, and so is
 * what the registry's region has handed out. The observations of a summary lie within a
 * factor of two, so that a sketch has one leaf or two; each further factor of four
 * would be one more leaf, and as much memory again.
 *
 * Removal: all children of a counter are removed and as many made of other names, ten
 * times; the figures are by how much region and resident memory grew in the first
 * round, and in all rounds after it.
 *
 * Memory does not vary: three repetitions are enough.
 */
#include "bench.h"

#include "registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 100000
#define MAX_THREADS 64
#define ROUNDS 10
#define REPETITIONS 3

static const char *const methods[] = {"POST", "GET"}, *const codes[] = {"404", "200", "200"};

struct kind {
	const char *name;
	unsigned series;
	void *(*make)(cprom_registry *r);
	void *(*child)(void *metric, unsigned i, const char *instance);
	void (*update)(void *child, unsigned i);
};

static double
region_bytes(const cprom_registry *r)
{
	return (double)load_relaxed(&r->region.used);
}

/* ---- types ----------------------------------------------------------------------- */

#define OPTIONS                                                                                    \
	.registry = r, .max_series = 2 * MANY, .labels = CPROM_LABELS("method", "code", "instance")

static void *
make_counter(cprom_registry *r)
{
	return cprom_counter_new("http_requests_total", "Requests.", OPTIONS);
}

static void *
make_gauge(cprom_registry *r)
{
	return cprom_gauge_new("http_requests", "Requests.", OPTIONS);
}

static void *
make_histogram(cprom_registry *r)
{
	return cprom_histogram_new("http_request_seconds", "Requests.", OPTIONS);
}

static void *
make_summary(cprom_registry *r)
{
	return cprom_summary_new("http_request_seconds", "Requests.",
				 .quantiles = CPROM_QUANTILES(0.5, 0.9, 0.99), OPTIONS);
}

static void *
counter_child(void *m, unsigned i, const char *instance)
{
	return cprom_labels((cprom_counter *)m, methods[i % 2], codes[i % 3], instance);
}

static void *
gauge_child(void *m, unsigned i, const char *instance)
{
	return cprom_labels((cprom_gauge *)m, methods[i % 2], codes[i % 3], instance);
}

static void *
histogram_child(void *m, unsigned i, const char *instance)
{
	return cprom_labels((cprom_histogram *)m, methods[i % 2], codes[i % 3], instance);
}

static void *
summary_child(void *m, unsigned i, const char *instance)
{
	return cprom_labels((cprom_summary *)m, methods[i % 2], codes[i % 3], instance);
}

static void
inc(void *child, unsigned i)
{
	(void)i;
	cprom_counter_inc(child);
}

static void
add(void *child, unsigned i)
{
	cprom_counter_add(child, i + 0.5);
}

static void
set(void *child, unsigned i)
{
	cprom_gauge_set(child, i);
}

static void
observe(void *child, unsigned i)
{
	for (unsigned k = 0; k < 8; k++)
		cprom_histogram_observe(child, bench_doubles[(i + k) % BENCH_INPUTS]);
}

static void
observe_quantile(void *child, unsigned i)
{
	for (unsigned k = 0; k < 8; k++)
		cprom_summary_observe(child, 0.1 + bench_choices[(i + k) % BENCH_INPUTS] / 640.0);
}

static const struct kind kinds[] = {
	{"counter", MANY, make_counter, counter_child, inc},
	{"counter, fractions", MANY, make_counter, counter_child, add},
	{"gauge", MANY, make_gauge, gauge_child, set},
	{"histogram, 11 buckets", MANY, make_histogram, histogram_child, observe},
	{"summary, quantiles", MANY / 10, make_summary, summary_child, observe_quantile},
};

/* ---- threads that all update all ---------------------------------------------------- */

struct subject {
	const struct kind *kind;
	cprom_registry *registry;
	void *metric;
	unsigned first; /* number in the names */
	pthread_barrier_t barrier;
};

static void *children[MANY];

static void
make_children(struct subject *s)
{
	char instance[16];

	for (unsigned i = 0; i < s->kind->series; i++) {
		snprintf(instance, sizeof(instance), "%07u", (s->first + i) % 10000000);
		children[i] = s->kind->child(s->metric, i, instance);
	}
}

/* The first one makes the children, so that there is no lane but those of the threads. */
static void *
touch(void *arg)
{
	struct subject *s = arg;
	int is_first = pthread_barrier_wait(&s->barrier) == PTHREAD_BARRIER_SERIAL_THREAD;

	if (is_first)
		make_children(s);
	pthread_barrier_wait(&s->barrier);
	for (unsigned i = 0; i < s->kind->series; i++)
		s->kind->update(children[i], i);
	pthread_barrier_wait(&s->barrier); /* all of them live at once */
	return NULL;
}

static void
run(struct subject *s, unsigned count)
{
	pthread_t threads[MAX_THREADS];

	pthread_barrier_init(&s->barrier, NULL, count);
	for (unsigned i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, touch, s);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&s->barrier);
}

/* Opened in a thread that ends: it needs a lane for it. */
static void *
open_subject(void *arg)
{
	struct subject *s = arg;

	s->registry = cprom_registry_new(.max_bytes = (size_t)16 << 30, .max_series = 2 * MANY);
	s->metric = s->kind->make(s->registry);
	return NULL;
}

static void
row(const char *what, const struct kind *k, unsigned lanes, unsigned repetition, double value)
{
	char text[96];
	struct bench_case c = {text, BENCH_CPROM, lanes, NULL, NULL, NULL};

	snprintf(text, sizeof(text), "%s, %s", what, k->name);
	bench_row("memory", &c, repetition, value, "B");
}

static void
measure(const struct kind *k, unsigned lanes, unsigned repetition)
{
	struct subject s = {.kind = k};
	double resident = bench_resident_bytes();
	pthread_t thread;

	pthread_create(&thread, NULL, open_subject, &s);
	pthread_join(thread, NULL);
	run(&s, lanes);
	row("resident per series", k, lanes, repetition,
	    (bench_resident_bytes() - resident) / k->series);
	row("region per series", k, lanes, repetition, region_bytes(s.registry) / k->series);
	cprom_registry_free(s.registry);
}

/* ---- removal ------------------------------------------------------------------------ */

static void
measure_removal(unsigned repetition)
{
	static const char *const names[] = {
		"growth of the resident memory by the 1st clear and re-creation",
		"growth of the region by it", "growth of the resident memory by 9 more",
		"growth of the region by them"};
	struct subject s = {.kind = &kinds[0]};
	double resident, region;

	open_subject(&s);
	run(&s, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i < 2) {
			resident = bench_resident_bytes();
			region = region_bytes(s.registry);
		}
		cprom_clear((cprom_counter *)s.metric);
		s.first += MANY;
		run(&s, 1);
		if (i > 0 && i < ROUNDS - 1)
			continue;
		row(names[i == 0 ? 0 : 2], s.kind, 1, repetition,
		    bench_resident_bytes() - resident);
		row(names[i == 0 ? 1 : 3], s.kind, 1, repetition,
		    region_bytes(s.registry) - region);
	}
	cprom_registry_free(s.registry);
}

int
main(int argc, char **argv)
{
	static const unsigned lanes[] = {1, 8, MAX_THREADS};
	struct subject warm = {.kind = &kinds[4]};

	memset(children, 1,
	       sizeof(children)); /* resident from now on, as are the threads' stacks */
	bench_inputs();
	bench_header();
	open_subject(&warm);
	run(&warm, MAX_THREADS);
	cprom_registry_free(warm.registry);
	for (unsigned r = bench_first(), n = bench_repetitions(argc, argv);
	     n > 0 && r < REPETITIONS; r++, n--) {
		for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			for (unsigned i = 0; i < 3; i++)
				measure(&kinds[k], lanes[i], r);
		measure_removal(r);
	}
	return 0;
}
