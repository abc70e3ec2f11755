/* SPDX-License-Identifier: MIT */
/*
 * update: what an update costs, by handle and by labels; all threads work on the same objects.
 */
#include "bench.h"
#include "bound.h"

#include <cprom.h>
#include <stdio.h>

#define BATCH 1024
#define MANY 64

static cprom_counter *counter, *fraction, *many[MANY], *requests;
static cprom_gauge *gauge;
static cprom_histogram *histogram;
static cprom_summary *plain, *sketched;
static struct bound bound, bound_many[MANY];
static char methods[BOUND_SERIES][16], codes[BOUND_SERIES][8];

static inline double
next_double(struct bench_thread *t)
{
	return bench_doubles[t->at++ % BENCH_INPUTS];
}

static inline unsigned
next_choice(struct bench_thread *t)
{
	return bench_choices[t->at++ % BENCH_INPUTS];
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
inc(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		cprom_counter_inc(counter);
	return BATCH;
}

static uint64_t
bare_inc_many(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_inc(&bound_many[i % MANY]);
	return BATCH;
}

static uint64_t
inc_many(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		cprom_counter_inc(many[i % MANY]);
	return BATCH;
}

static uint64_t
bare_add(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_add(&bound, 1.5);
	return BATCH;
}

static uint64_t
add(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		cprom_counter_add(fraction, 1.5);
	return BATCH;
}

static uint64_t
bare_look_up(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++) {
		unsigned k = next_choice(t);

		bound_look_up(methods[k], codes[k]);
	}
	return BATCH;
}

static uint64_t
look_up(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++) {
		unsigned k = next_choice(t);

		cprom_counter_inc(cprom_labels(requests, methods[k], codes[k]));
	}
	return BATCH;
}

static uint64_t
bare_look_up_in_turn(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++) {
		unsigned k = t->at++ % BOUND_SERIES;

		bound_look_up(methods[k], codes[k]);
	}
	return BATCH;
}

static uint64_t
look_up_in_turn(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++) {
		unsigned k = t->at++ % BOUND_SERIES;

		cprom_counter_inc(cprom_labels(requests, methods[k], codes[k]));
	}
	return BATCH;
}

static uint64_t
bare_observe(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		bound_observe(&bound, next_double(t));
	return BATCH;
}

static uint64_t
observe(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		cprom_histogram_observe(histogram, next_double(t));
	return BATCH;
}

static uint64_t
bare_summary(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		bound_summary(&bound, next_double(t));
	return BATCH;
}

static uint64_t
observe_plain(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		cprom_summary_observe(plain, next_double(t));
	return BATCH;
}

static uint64_t
bare_quantile(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		bound_quantile(&bound, next_double(t));
	return BATCH;
}

static uint64_t
observe_sketched(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		cprom_summary_observe(sketched, next_double(t));
	return BATCH;
}

static uint64_t
bare_set(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		bound_set((double)t->number);
	return BATCH;
}

static uint64_t
set(struct bench_thread *t)
{
	for (int i = 0; i < BATCH; i++)
		cprom_gauge_set(gauge, (double)t->number);
	return BATCH;
}

static uint64_t
bare_gauge_inc(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_gauge_add(1);
	return BATCH;
}

static uint64_t
gauge_inc(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		cprom_gauge_inc(gauge);
	return BATCH;
}

static uint64_t
bare_timed(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_timed();
	return BATCH;
}

static uint64_t
timed(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		CPROM_TIME (histogram) {
		}
	return BATCH;
}

static void
make_requests(cprom_registry *r)
{
	static const char *const verbs[] = {"GET",     "POST",     "PUT",  "DELETE",
					    "OPTIONS", "PROPFIND", "HEAD", "PATCH"};

	requests = cprom_counter_new("requests_total", "Requests.", .registry = r,
				     .labels = CPROM_LABELS("method", "code"));
	for (unsigned k = 0; k < BOUND_SERIES; k++) {
		snprintf(methods[k], sizeof(methods[k]), "%s", verbs[k % 8]);
		snprintf(codes[k], sizeof(codes[k]), "%u", 200 + k / 8 * 100);
		bound_enter(methods[k], codes[k], k);
		cprom_counter_inc(cprom_labels(requests, methods[k], codes[k]));
	}
}

static void
make_metrics(void)
{
	cprom_registry *r = cprom_registry_new();
	char name[32];

	counter = cprom_counter_new("counter_total", "Counts.", .registry = r);
	fraction = cprom_counter_new("fraction_total", "Counts.", .registry = r);
	gauge = cprom_gauge_new("level", "Level.", .registry = r);
	histogram = cprom_histogram_new("seconds", "Times.", .registry = r);
	plain = cprom_summary_new("size", "Sizes.", .registry = r);
	sketched = cprom_summary_new("quantiles", "Sizes.", .registry = r,
				     .quantiles = CPROM_QUANTILES(0.5, 0.99));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many_%u_total", i);
		many[i] = cprom_counter_new(name, "Counts.", .registry = r);
		bound_many[i].cell = 64 + i;
	}
	make_requests(r);
}

int
main(int argc, char **argv)
{
#define AT(n, bare, name, thing)                                                                   \
	{"bound: " name, NULL, n, bare},                                                           \
	{                                                                                          \
		name, "bound: " name, n, thing                                                     \
	}
	static const struct bench_case cases[] = {
		AT(1, bare_inc, "counter inc", inc),
		AT(2, bare_inc, "counter inc", inc),
		AT(8, bare_inc, "counter inc", inc),
		AT(1, bare_inc_many, "counter inc, 64 in turn", inc_many),
		AT(2, bare_inc_many, "counter inc, 64 in turn", inc_many),
		AT(1, bare_add, "counter add(1.5)", add),
		AT(2, bare_add, "counter add(1.5)", add),
		AT(1, bare_look_up, "look-up of 2 labels in 64 series at random, inc", look_up),
		AT(2, bare_look_up, "look-up of 2 labels in 64 series at random, inc", look_up),
		AT(1, bare_look_up_in_turn, "look-up of 2 labels in 64 series in turn, inc",
		   look_up_in_turn),
		AT(2, bare_look_up_in_turn, "look-up of 2 labels in 64 series in turn, inc",
		   look_up_in_turn),
		AT(1, bare_observe, "histogram observe, 11 buckets", observe),
		AT(2, bare_observe, "histogram observe, 11 buckets", observe),
		AT(1, bare_summary, "summary observe", observe_plain),
		AT(2, bare_summary, "summary observe", observe_plain),
		AT(1, bare_quantile, "summary observe, quantiles", observe_sketched),
		AT(2, bare_quantile, "summary observe, quantiles", observe_sketched),
		AT(1, bare_set, "gauge set", set),
		AT(2, bare_set, "gauge set", set),
		AT(1, bare_gauge_inc, "gauge inc", gauge_inc),
		AT(2, bare_gauge_inc, "gauge inc", gauge_inc),
		AT(1, bare_timed, "timed block", timed),
		AT(2, bare_timed, "timed block", timed),
	};

	make_metrics();
	return bench_run(argc, argv, "update", cases, sizeof(cases) / sizeof(cases[0]));
}
