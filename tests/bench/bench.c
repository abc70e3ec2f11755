/* SPDX-License-Identifier: MIT */
/*
 * bench: measures cases beside their bounds, interleaved, and prints one row per repetition.
 */
#include "bench.h"

#include "atomic.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPETITIONS 9
#define MILLISECONDS 200
#define MAX_THREADS 128

double bench_doubles[BENCH_INPUTS];
uint8_t bench_choices[BENCH_INPUTS];

struct runner {
	_Alignas(128) struct bench_thread self;
	pthread_t thread;
	const struct bench_case *work;
	uint64_t operations, cpu_ns;
};

static atomic_u32 waiting, phase; /* phase: 0 wait, 1 run, 2 stop */

uint64_t
bench_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *
park(void *mutex)
{
	pthread_mutex_lock(mutex); /* held for ever by who made this thread */
	return NULL;
}

void
bench_park(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;

	pthread_mutex_lock(&mutex);
	pthread_create(&thread, NULL, park, &mutex);
	pthread_detach(thread);
}

void
bench_inputs(void)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < BENCH_INPUTS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bench_choices[i] = (uint8_t)(x >> 32 & 63);
		bench_doubles[i] = exp((double)(x >> 11) * 0x1p-53 * log(20000)) * 0.001;
	}
}

unsigned
bench_repetitions(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : REPETITIONS;

	return n > 0 ? (unsigned)n : REPETITIONS;
}

void
bench_header(void)
{
	puts("group\twhat\tthreads\trepetition\tvalue\tunit\tbound");
}

void
bench_row(const char *group, const struct bench_case *c, unsigned repetition, double value,
	  const char *unit)
{
	printf("%s\t%s\t%u\t%u\t%.4g\t%s\t%s\n", group, c->what, c->threads, repetition, value,
	       unit, c->bound == NULL ? "" : c->bound);
	fflush(stdout);
}

static void *
run_one(void *arg)
{
	struct runner *r = arg;
	uint64_t operations = 0, start;

	r->work->batch(&r->self); /* warm: lanes are taken, blocks are there */
	add_acq_rel(&waiting, 1);
	while (load_acquire(&phase) == 0)
		;
	start = bench_cpu_ns();
	while (load_relaxed(&phase) == 1)
		operations += r->work->batch(&r->self);
	r->cpu_ns = bench_cpu_ns() - start;
	r->operations = operations;
	return NULL;
}

/* Nanoseconds per operation of one repetition; 0 if the machine had no time for it. */
static double
try_to_measure(const struct bench_case *c, unsigned milliseconds)
{
	static struct runner runners[MAX_THREADS];
	struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t cpu_ns = 0, operations = 0;

	store_relaxed(&waiting, 0);
	store_relaxed(&phase, 0);
	for (unsigned i = 0; i < c->threads; i++) {
		runners[i].self = (struct bench_thread){i, (uint64_t)i * 977};
		runners[i].work = c;
		pthread_create(&runners[i].thread, NULL, run_one, &runners[i]);
	}
	while (load_acquire(&waiting) < c->threads)
		;
	store_release(&phase, 1);
	nanosleep(&pause, NULL);
	store_release(&phase, 2);
	for (unsigned i = 0; i < c->threads; i++) {
		pthread_join(runners[i].thread, NULL);
		operations += runners[i].operations;
		cpu_ns += runners[i].cpu_ns;
	}
	if (cpu_ns < milliseconds * (uint64_t)250000)
		return 0;
	return (double)cpu_ns / (double)(c->threads < cpus ? c->threads : cpus) /
	       (double)operations;
}

static double
measure(const struct bench_case *c, unsigned milliseconds)
{
	double ns;

	do
		ns = try_to_measure(c, milliseconds);
	while (ns == 0);
	return ns;
}

/* Is it asked for, or the bound of one that is? */
static int
is_picked(const struct bench_case *cases, size_t count, const struct bench_case *c,
	  const char *word)
{
	if (strstr(c->what, word) != NULL)
		return 1;
	for (size_t i = 0; i < count; i++)
		if (cases[i].bound != NULL && strcmp(cases[i].bound, c->what) == 0 &&
		    cases[i].threads == c->threads && strstr(cases[i].what, word) != NULL)
			return 1;
	return 0;
}

int
bench_run(int argc, char **argv, const char *group, const struct bench_case *cases, size_t count)
{
	unsigned repetitions = bench_repetitions(argc, argv);
	int milliseconds = argc > 2 ? atoi(argv[2]) : MILLISECONDS;
	const char *word = argc > 3 ? argv[3] : "";

	if (milliseconds <= 0)
		milliseconds = MILLISECONDS;
	bench_park();
	bench_inputs();
	bench_header();
	for (unsigned r = 0; r < repetitions; r++)
		for (size_t i = 0; i < count; i++)
			if (is_picked(cases, count, &cases[i], word))
				bench_row(group, &cases[i], r,
					  measure(&cases[i], (unsigned)milliseconds), "ns");
	return 0;
}
