/* SPDX-License-Identifier: MIT */
/*
 * scale: what many threads cost: updates of up to 128 threads, lanes in a scrape, a thread's
 * first update and its end.
 *
 * Updates: all threads on one counter, each on its own of adjacent counters (whose cells
 * share lines within a lane), and each on its own registry. The registries have 64 lanes, so
 * of 128 threads 64 share the overflow lane; then 128 lanes; and 64 that others hold, so that all share. Two processors show
 * what the code costs, not what lines cost that go from one processor to another. That
 * none does, with a lane, tests/test_lines.c shows from the addresses; perf c2c would count it,
 * but a virtual machine has no such events.
 *
 * 128 processors: as many threads give way with sched_yield(2) after each update, so that
 * every update meets the lines as another thread left them. What was counted must
 * be exact, or the program fails.
 *
 * Lanes: a line in a scrape of 10,000 counters of whole numbers, and of 1,000 histograms, all of
 * whose cells 1, 8 and 64 threads have touched. The bound copies the page and adds up
 * a word of each lane for each line.
 *
 * Threads: making and joining one that does nothing, and one that updates a counter; and
 * the first updates of one thread in many registries, where each time it takes a
 * lane and the cells' block is made.
 */
#include "bench.h"
#include "bound.h"

#include <cprom.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 1024
#define FEW_IN_TURN 64
#define THREADS 128
#define LANES 64
#define FRESH 200 /* registries */

/* ---- updates --------------------------------------------------------------------- */

/* With 64 and with 128 lanes, and with 64 that other threads have. */
static struct subject {
	cprom_registry *registry;
	cprom_counter *one, *adjacent[THREADS];
	cprom_histogram *histogram;
} normal, wide, taken;

static cprom_counter *own[THREADS]; /* each in its own registry */
static struct bound bound;

static void
make_subject(struct subject *s, unsigned lanes)
{
	char name[32];

	s->registry = cprom_registry_new(.max_lanes = lanes);
	s->one = cprom_counter_new("one_total", "One.", .registry = s->registry);
	for (unsigned i = 0; i < THREADS; i++) {
		snprintf(name, sizeof(name), "adjacent_%u_total", i);
		s->adjacent[i] = cprom_counter_new(name, "Adjacent.", .registry = s->registry);
	}
	s->histogram = cprom_histogram_new("seconds", "Times.", .registry = s->registry);
}

static void *
hold_lane(void *barrier)
{
	cprom_counter_inc(taken.one);
	pthread_barrier_wait(barrier);
	for (;;)
		pause();
	return NULL;
}

/* All lanes of one subject, by threads that stay. */
static void
take_lanes(void)
{
	static pthread_barrier_t barrier;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, LANES + 1);
	for (unsigned i = 0; i < LANES; i++) {
		pthread_create(&thread, NULL, hold_lane, &barrier);
		pthread_detach(thread);
	}
	pthread_barrier_wait(&barrier);
}

static void
inc_often(cprom_counter *c)
{
	for (int i = 0; i < BATCH; i++)
		cprom_counter_inc(c);
}

static uint64_t
bare_inc(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_inc(&bound);
	return BATCH;
}

static uint64_t
inc_one(struct bench_thread *t)
{
	(void)t;
	inc_often(normal.one);
	return BATCH;
}

static uint64_t
inc_adjacent(struct bench_thread *t)
{
	inc_often(normal.adjacent[t->number]);
	return BATCH;
}

static uint64_t
inc_own(struct bench_thread *t)
{
	inc_often(own[t->number]);
	return BATCH;
}

static uint64_t
inc_one_wide(struct bench_thread *t)
{
	(void)t;
	inc_often(wide.one);
	return BATCH;
}

static uint64_t
inc_without_lane(struct bench_thread *t)
{
	(void)t;
	inc_often(taken.one);
	return BATCH;
}

static uint64_t
bare_yield(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < FEW_IN_TURN; i++) {
		bound_inc(&bound);
		sched_yield();
	}
	return FEW_IN_TURN;
}

static uint64_t
inc_yield(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < FEW_IN_TURN; i++) {
		cprom_counter_inc(normal.one);
		sched_yield();
	}
	return FEW_IN_TURN;
}

static uint64_t
inc_yield_wide(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < FEW_IN_TURN; i++) {
		cprom_counter_inc(wide.one);
		sched_yield();
	}
	return FEW_IN_TURN;
}

/* ---- is it exact? ------------------------------------------------------------------ */

#define ROUNDS 2000

static void *
count_and_yield(void *arg)
{
	const struct subject *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		cprom_counter_inc(s->one);
		cprom_counter_add(s->adjacent[0], 0.5);
		cprom_histogram_observe(s->histogram, i % 2);
		sched_yield();
	}
	return NULL;
}

/* 128 threads that take turns; did all of it arrive? */
static int
is_exact(unsigned lanes)
{
	pthread_t threads[THREADS];
	struct subject s;
	uint64_t all = (uint64_t)THREADS * ROUNDS;
	int exact;

	make_subject(&s, lanes);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count_and_yield, &s);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	exact = cprom_counter_value(s.one) == (double)all &&
		cprom_counter_value(s.adjacent[0]) == (double)all / 2 &&
		cprom_histogram_count(s.histogram) == all &&
		cprom_histogram_sum(s.histogram) == (double)all / 2;
	if (!exact)
		fprintf(stderr, "scale: with %u lanes, counts of %u threads are not exact\n", lanes,
			THREADS);
	cprom_registry_free(s.registry);
	return exact;
}

/* ---- a scrape over many lanes ------------------------------------------------------ */

#define COUNTERS 10000
#define HISTOGRAMS 1000
#define PIECE 65536

struct page {
	cprom_registry *registry;
	cprom_counter *counters[COUNTERS];
	cprom_histogram *histograms[HISTOGRAMS];
	unsigned lanes;
	char *text;
	size_t lines, bytes;
	uint64_t *words; /* of the bound: lines of them for each lane */
	pthread_barrier_t barrier;
};

static struct page counts[3], buckets[3]; /* 1, 8, 64 lanes */
static char piece[PIECE];

static void *
touch(void *arg)
{
	struct page *p = arg;

	for (unsigned i = 0; i < COUNTERS && p->counters[0] != NULL; i++)
		cprom_counter_add(p->counters[i], i * 37);
	for (unsigned i = 0; i < HISTOGRAMS && p->histograms[0] != NULL; i++)
		for (unsigned k = 0; k < 20; k++)
			cprom_histogram_observe(p->histograms[i], (i + k) % 12);
	pthread_barrier_wait(&p->barrier); /* all of them live at once */
	return NULL;
}

static void
touch_lanes(struct page *p, unsigned lanes)
{
	pthread_t threads[LANES];

	pthread_barrier_init(&p->barrier, NULL, lanes);
	for (unsigned i = 0; i < lanes; i++)
		pthread_create(&threads[i], NULL, touch, p);
	for (unsigned i = 0; i < lanes; i++)
		pthread_join(threads[i], NULL);
	p->lanes = lanes;
	p->text = cprom_render(p->registry, NULL, &p->bytes);
	for (char *t = p->text; *t != '\0'; t = strchr(t, '\n') + 1)
		p->lines += *t != '#';
	p->words = malloc(lanes * p->lines * sizeof(*p->words));
	for (size_t i = 0; i < lanes * p->lines; i++)
		p->words[i] = i;
}

/* The children are made by a thread that ends, so that it keeps no lane. */
static void *
make_page(void *arg)
{
	struct page *p = arg;
	int histograms = p >= buckets && p < buckets + 3;
	char instance[16];
	cprom_counter *c;
	cprom_histogram *h;

	p->registry = cprom_registry_new(.max_bytes = (size_t)1 << 30);
	c = cprom_counter_new("http_requests_total", "Requests.", .registry = p->registry,
			      .labels = CPROM_LABELS("method", "instance"));
	h = cprom_histogram_new("http_request_seconds", "Requests.", .registry = p->registry,
				.labels = CPROM_LABELS("method", "instance"));
	for (unsigned i = 0; i < (histograms ? HISTOGRAMS : COUNTERS); i++) {
		snprintf(instance, sizeof(instance), "%06u", i);
		if (histograms)
			p->histograms[i] = cprom_labels(h, i % 2 ? "GET" : "POST", instance);
		else
			p->counters[i] = cprom_labels(c, i % 2 ? "GET" : "POST", instance);
	}
	return NULL;
}

static void
make_pages(void)
{
	static const unsigned lanes[] = {1, 8, LANES};
	pthread_t maker;

	for (unsigned i = 0; i < 3; i++) {
		pthread_create(&maker, NULL, make_page, &counts[i]);
		pthread_join(maker, NULL);
		touch_lanes(&counts[i], lanes[i]);
		pthread_create(&maker, NULL, make_page, &buckets[i]);
		pthread_join(maker, NULL);
		touch_lanes(&buckets[i], lanes[i]);
	}
}

static uint64_t
scrape(const struct page *p)
{
	cprom_scrape *s = cprom_scrape_open(p->registry, NULL);

	while (cprom_scrape_read(s, piece, sizeof(piece)) > 0)
		;
	cprom_scrape_close(s);
	return p->lines;
}

/* The page in pieces, and for each line a word of each lane. */
static uint64_t
bare_scrape(const struct page *p)
{
	for (size_t at = 0; at < p->bytes; at += PIECE)
		memcpy(piece, p->text + at, p->bytes - at < PIECE ? p->bytes - at : PIECE);
	for (size_t i = 0; i < p->lines; i++) {
		uint64_t sum = 0;

		for (unsigned lane = 0; lane < p->lanes; lane++)
			sum += p->words[lane * p->lines + i];
		piece[i % PIECE] = (char)sum;
	}
	return p->lines;
}

/* Nanoseconds of CPU per line, over so many milliseconds. */
static double
line_ns(uint64_t (*pass)(const struct page *p), const struct page *p, unsigned milliseconds)
{
	uint64_t start = bench_cpu_ns(), passed, lines = 0;

	do {
		lines += pass(p);
		passed = bench_cpu_ns() - start;
	} while (passed < milliseconds * (uint64_t)1000000);
	return (double)passed / (double)lines;
}

static void
measure_pages(const struct page *pages, const char *kind, unsigned repetition,
	      unsigned milliseconds)
{
	char what[64];
	struct bench_case bare = {what, BENCH_BOUND, 1, NULL, NULL, NULL};
	struct bench_case c = {what, BENCH_CPROM, 1, NULL, NULL, NULL};

	for (unsigned i = 0; i < 3; i++) {
		snprintf(what, sizeof(what), "line of %s, lanes: %u", kind, pages[i].lanes);
		bench_row("scale", &bare, repetition, line_ns(bare_scrape, &pages[i], milliseconds),
			  "ns");
		bench_row("scale", &c, repetition, line_ns(scrape, &pages[i], milliseconds), "ns");
	}
}

/* ---- threads that come and go ------------------------------------------------------- */

static void *
do_nothing(void *unused)
{
	return unused;
}

static void *
inc_once(void *unused)
{
	cprom_counter_inc(normal.one);
	return unused;
}

static void *
inc_in_eight(void *unused)
{
	for (unsigned i = 0; i < 8; i++)
		cprom_counter_inc(own[i]);
	return unused;
}

static uint64_t
one_thread(void *(*work)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
	return 1;
}

static uint64_t
bare_thread(struct bench_thread *t)
{
	(void)t;
	return one_thread(do_nothing);
}

static uint64_t
thread_one(struct bench_thread *t)
{
	(void)t;
	return one_thread(inc_once);
}

static uint64_t
thread_eight(struct bench_thread *t)
{
	(void)t;
	return one_thread(inc_in_eight);
}

static double fresh_ns;

static void *
inc_fresh(void *arg)
{
	cprom_counter **counters = arg;
	uint64_t start = bench_cpu_ns();

	for (unsigned i = 0; i < FRESH; i++)
		cprom_counter_inc(counters[i]);
	fresh_ns = (double)(bench_cpu_ns() - start) / FRESH;
	return NULL;
}

/* One thread in new registries, one after the other. */
static void
measure_fresh(unsigned repetition)
{
	static const struct bench_case c = {"first update in a registry, with lane and block",
					    BENCH_CPROM,
					    1,
					    NULL,
					    NULL,
					    NULL};
	cprom_registry *registries[FRESH];
	cprom_counter *counters[FRESH];
	pthread_t thread;

	for (unsigned i = 0; i < FRESH; i++) {
		registries[i] = cprom_registry_new();
		counters[i] = cprom_counter_new("c_total", "C.", .registry = registries[i]);
	}
	pthread_create(&thread, NULL, inc_fresh, counters);
	pthread_join(thread, NULL);
	bench_row("scale", &c, repetition, fresh_ns, "ns");
	for (unsigned i = 0; i < FRESH; i++)
		cprom_registry_free(registries[i]);
}

/* ---- all of it ----------------------------------------------------------------------- */

int
main(int argc, char **argv)
{
#define BESIDE(what, n, bare, batch)                                                               \
	{what, BENCH_BOUND, n, bare, NULL, NULL},                                                  \
	{                                                                                          \
		what, BENCH_CPROM, n, batch, NULL, NULL                                            \
	}
#define UPDATES(n)                                                                                 \
	BESIDE("inc, one counter", n, bare_inc, inc_one),                                          \
		BESIDE("inc, adjacent counters", n, bare_inc, inc_adjacent),                       \
		BESIDE("inc, a registry each", n, bare_inc, inc_own)
	static const struct bench_case cases[] = {
		UPDATES(1),
		UPDATES(2),
		UPDATES(8),
		UPDATES(64),
		UPDATES(128),
		BESIDE("inc, one counter, 128 lanes", 128, bare_inc, inc_one_wide),
		BESIDE("inc, one counter, no lane", 1, bare_inc, inc_without_lane),
		BESIDE("inc, one counter, no lane", 2, bare_inc, inc_without_lane),
		BESIDE("inc, then sched_yield", 128, bare_yield, inc_yield),
		BESIDE("inc, then sched_yield, 128 lanes", 128, bare_yield, inc_yield_wide),
		BESIDE("thread with one update", 1, bare_thread, thread_one),
		BESIDE("thread with updates in 8 registries", 1, bare_thread, thread_eight),
	};
	unsigned milliseconds = argc > 2 && atoi(argv[2]) > 0 ? (unsigned)atoi(argv[2]) : 100;
	int status;

	make_subject(&normal, LANES);
	make_subject(&wide, 128);
	make_subject(&taken, LANES);
	take_lanes();
	for (unsigned i = 0; i < THREADS; i++)
		own[i] = cprom_counter_new("own_total", "Own.", .registry = cprom_registry_new());
	if (!is_exact(LANES) || !is_exact(128))
		return 1;
	make_pages();
	status = bench_run(argc, argv, "scale", cases, sizeof(cases) / sizeof(cases[0]));
	for (unsigned r = bench_first(), n = bench_repetitions(argc, argv); argc <= 3 && n > 0;
	     r++, n--) {
		measure_pages(counts, "whole numbers", r, milliseconds);
		measure_pages(buckets, "histograms", r, milliseconds);
		measure_fresh(r);
	}
	return status;
}
