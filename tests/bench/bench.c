/* SPDX-License-Identifier: MIT */
/*
 * bench: measures cases one after the other, again and again, and prints a row of each.
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
#define TRIES 3

double bench_doubles[BENCH_INPUTS];
uint8_t bench_choices[BENCH_INPUTS];

struct runner {
	_Alignas(128) struct bench_thread self;
	pthread_t thread;
	uint64_t (*batch)(struct bench_thread *t);
	uint64_t operations, cpu_ns;
};

static atomic_u32 waiting, phase; /* phase: 0 wait, 1 run, 2 stop */

static uint64_t
nanoseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
bench_ns(void)
{
	return nanoseconds(CLOCK_MONOTONIC);
}

uint64_t
bench_cpu_ns(void)
{
	return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

double
bench_resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (f != NULL) {
		if (fscanf(f, "%*u %lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
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

double
bench_resident_bytes(void)
{
	static char text[4096]; /* not of the heap */
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	const char *line = NULL;

	if (f != NULL) {
		setvbuf(f, NULL, _IONBF, 0);
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		line = strstr(text, "\nRss:");
		fclose(f);
	}
	return line == NULL ? 0 : strtod(line + strlen("\nRss:"), NULL) * 1024;
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

unsigned
bench_first(void)
{
	const char *first = getenv("BENCH_REPETITION");

	return first == NULL ? 0 : (unsigned)atoi(first);
}

void
bench_header(void)
{
	puts("group\twhat\tlibrary\tthreads\trepetition\tvalue\tunit");
}

void
bench_row(const char *group, const struct bench_case *c, unsigned repetition, double value,
	  const char *unit)
{
	printf("%s\t%s\t%s\t%u\t%u\t%.4g\t%s\n", group, c->what, c->library, c->threads, repetition,
	       value, unit);
	fflush(stdout);
}

static void *
run_one(void *arg)
{
	struct runner *r = arg;
	uint64_t operations = 0, start;

	r->batch(&r->self); /* warm: lanes are taken, blocks are there */
	add_acq_rel(&waiting, 1);
	while (load_acquire(&phase) == 0)
		;
	start = bench_cpu_ns();
	while (load_relaxed(&phase) == 1)
		operations += r->batch(&r->self);
	r->cpu_ns = bench_cpu_ns() - start;
	r->operations = operations;
	return NULL;
}

static void
start(struct runner *runners, unsigned count, const struct bench_case *c)
{
	store_relaxed(&waiting, 0);
	store_relaxed(&phase, 0);
	for (unsigned i = 0; i < count; i++) {
		runners[i].self = (struct bench_thread){i, (uint64_t)i * 977, c->subject};
		runners[i].batch = i < c->threads ? c->batch : c->beside;
		pthread_create(&runners[i].thread, NULL, run_one, &runners[i]);
	}
	while (load_acquire(&waiting) < count)
		;
}

/* Nanoseconds per operation; false if the threads were kept from the processors. */
static bool
try_to_measure(const struct bench_case *c, unsigned milliseconds, double *ns)
{
	static struct runner runners[MAX_THREADS];
	struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	unsigned count = c->threads + (c->beside != NULL);
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t wall_ns, cpu_ns = 0, operations = 0;

	start(runners, count, c);
	wall_ns = bench_ns();
	store_release(&phase, 1);
	nanosleep(&pause, NULL);
	store_release(&phase, 2);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(runners[i].thread, NULL);
		operations += i < c->threads ? runners[i].operations : 0;
		cpu_ns += runners[i].cpu_ns;
	}
	wall_ns = bench_ns() - wall_ns;
	*ns = (double)wall_ns / (double)operations;
	return operations > 0 && cpu_ns >= wall_ns / 10 * 9 * (count < cpus ? count : cpus);
}

static double
measure(const struct bench_case *c, unsigned milliseconds)
{
	double ns = 0;

	for (int i = 0; i < TRIES; i++)
		if (try_to_measure(c, milliseconds, &ns))
			break;
	return ns;
}

int
bench_run(int argc, char **argv, const char *group, const struct bench_case *cases, size_t count)
{
	unsigned first = bench_first(), end = first + bench_repetitions(argc, argv);
	int milliseconds = argc > 2 ? atoi(argv[2]) : MILLISECONDS;
	const char *word = argc > 3 ? argv[3] : "";

	if (milliseconds <= 0)
		milliseconds = MILLISECONDS;
	bench_park();
	bench_inputs();
	bench_header();
	for (unsigned r = first; r < end; r++)
		for (size_t i = 0; i < count; i++)
			if (strstr(cases[i].what, word) != NULL)
				bench_row(group, &cases[i], r,
					  measure(&cases[i], (unsigned)milliseconds), "ns");
	return 0;
}
