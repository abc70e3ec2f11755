/* SPDX-License-Identifier: MIT */
/*
 * update: what an update by handle costs. Threads of a case work on the same metric unless it says otherwise.
 */
#include "bench.h"
#include "bound.h"

#include <cprom.h>
#include <math.h>
#include <stdio.h>

#define BATCH 1024
#define MANY 64

/* Each handle is read before the loop, the library's as well as the bound's. */
static cprom_counter *counter[1], *fraction[1], *many[MANY];
static cprom_gauge *gauge;
static cprom_summary *plain, *sketched;
static cprom_histogram *timer, *native, *native_and_11;
static struct bound bound[MANY];

#define SIZES 5
static const unsigned sizes[SIZES] = {5, 11, 20, 60, 200};
static cprom_histogram *histograms[SIZES];
static struct bound_buckets buckets[SIZES];

static inline double
next_double(struct bench_thread *t)
{
	return bench_doubles[t->at++ % BENCH_INPUTS];
}

static uint64_t
bare_inc(struct bench_thread *t)
{
	const struct bound *b = t->subject;

	for (int i = 0; i < BATCH; i++)
		bound_inc(b);
	return BATCH;
}

static uint64_t
inc(struct bench_thread *t)
{
	cprom_counter *c = *(cprom_counter *const *)t->subject;

	for (int i = 0; i < BATCH; i++)
		cprom_counter_inc(c);
	return BATCH;
}

static uint64_t
bare_inc_many(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_inc(&bound[i % MANY]);
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
	const struct bound *b = t->subject;

	for (int i = 0; i < BATCH; i++)
		bound_add(b, 1.5);
	return BATCH;
}

static uint64_t
add(struct bench_thread *t)
{
	cprom_counter *c = *(cprom_counter *const *)t->subject;

	for (int i = 0; i < BATCH; i++)
		cprom_counter_add(c, 1.5);
	return BATCH;
}

static uint64_t
bare_observe(struct bench_thread *t)
{
	const struct bound_buckets *b = t->subject;

	for (int i = 0; i < BATCH; i++)
		bound_observe(b, next_double(t));
	return BATCH;
}

static uint64_t
observe(struct bench_thread *t)
{
	cprom_histogram *h = *(cprom_histogram *const *)t->subject;

	for (int i = 0; i < BATCH; i++)
		cprom_histogram_observe(h, next_double(t));
	return BATCH;
}

static uint64_t
bare_summary(struct bench_thread *t)
{
	const struct bound *b = t->subject;

	for (int i = 0; i < BATCH; i++)
		bound_summary(b, next_double(t));
	return BATCH;
}

static uint64_t
bare_quantile(struct bench_thread *t)
{
	const struct bound *b = t->subject;

	for (int i = 0; i < BATCH; i++)
		bound_quantile(b, next_double(t));
	return BATCH;
}

static uint64_t
summarise(struct bench_thread *t)
{
	cprom_summary *s = *(cprom_summary *const *)t->subject;

	for (int i = 0; i < BATCH; i++)
		cprom_summary_observe(s, next_double(t));
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
	cprom_gauge *g = gauge;

	for (int i = 0; i < BATCH; i++)
		cprom_gauge_set(g, (double)t->number);
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
	cprom_gauge *g = gauge;

	(void)t;
	for (int i = 0; i < BATCH; i++)
		cprom_gauge_inc(g);
	return BATCH;
}

/* With the ids of a trace and a span, as those of OpenTelemetry are. */
static uint64_t
observe_exemplar(struct bench_thread *t)
{
	cprom_histogram *h = *(cprom_histogram *const *)t->subject;

	for (int i = 0; i < BATCH; i++)
		cprom_histogram_observe_exemplar(h, next_double(t),
						 CPROM_LABELS("trace_id",
							      "4bf92f3577b34da6a3ce929d0e0e4736",
							      "span_id", "00f067aa0ba902b7"));
	return BATCH;
}

static void
give_ids(cprom_exemplar *e)
{
	cprom_exemplar_labels(e, CPROM_LABELS("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736",
					      "span_id", "00f067aa0ba902b7"));
}

/* The hook is the process', so by one thread alone. */
static uint64_t
observe_hooked(struct bench_thread *t)
{
	uint64_t n;

	cprom_exemplar_hook(give_ids, 1);
	n = observe(t);
	cprom_exemplar_hook(NULL, 0);
	return n;
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
bare_ticks(struct bench_thread *t)
{
	(void)t;
	for (int i = 0; i < BATCH; i++)
		bound_ticks();
	return BATCH;
}

static uint64_t
timed(struct bench_thread *t)
{
	cprom_histogram *h = timer;

	(void)t;
	for (int i = 0; i < BATCH; i++)
		CPROM_TIME (h) {
		}
	return BATCH;
}

/* The usual 11 bounds, or others from 1 ms to 20 s, as the values are, the same factor apart. */
static void
make_histogram(unsigned i, cprom_registry *r)
{
	static const double usual[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
	double edges[BOUND_MAX_BUCKETS];
	char name[32];

	for (unsigned k = 0; k < sizes[i]; k++)
		edges[k] = sizes[i] == sizeof(usual) / sizeof(usual[0])
				   ? usual[k]
				   : 0.001 * pow(20000, (k + 0.5) / sizes[i]);
	snprintf(name, sizeof(name), "seconds_%u", sizes[i]);
	histograms[i] = cprom_histogram_new(name, "Times.", .registry = r,
					    .buckets = {edges, sizes[i]});
	bound_make_buckets(&buckets[i], edges, sizes[i]);
}

static void
make_metrics(void)
{
	cprom_registry *r = cprom_registry_new();
	char name[32];

	counter[0] = cprom_counter_new("counter_total", "Counts.", .registry = r);
	fraction[0] = cprom_counter_new("fraction_total", "Counts.", .registry = r);
	gauge = cprom_gauge_new("level", "Level.", .registry = r);
	timer = cprom_histogram_new("block_seconds", "Times.", .registry = r);
	native = cprom_histogram_new("native_seconds", "Times.", .registry = r,
				     .native = CPROM_NATIVE());
	native_and_11 = cprom_histogram_new("both_seconds", "Times.", .registry = r,
					    .native = CPROM_NATIVE(),
					    .buckets = CPROM_BUCKETS(.005, .01, .025, .05, .1, .25,
								     .5, 1, 2.5, 5, 10));
	plain = cprom_summary_new("size", "Sizes.", .registry = r);
	sketched = cprom_summary_new("quantiles", "Sizes.", .registry = r,
				     .quantiles = CPROM_QUANTILES(0.5, 0.99));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many_%u_total", i);
		many[i] = cprom_counter_new(name, "Counts.", .registry = r);
		bound[i].cell = 64 + i;
	}
	for (unsigned i = 0; i < SIZES; i++)
		make_histogram(i, r);
}

/* clang-format off */
#define BESIDE(what, n, bare, bare_subject, batch, subject)                                        \
	{what, BENCH_BOUND, n, bare, bare_subject, NULL},                                          \
	{what, BENCH_CPROM, n, batch, subject, NULL}
#define TWICE(what, bare, bare_subject, batch, subject)                                            \
	BESIDE(what, 1, bare, bare_subject, batch, subject),                                       \
	BESIDE(what, 2, bare, bare_subject, batch, subject)

static const struct bench_case cases[] = {
	TWICE("counter inc", bare_inc, bound, inc, counter),
	BESIDE("counter inc", 8, bare_inc, bound, inc, counter),
	TWICE("counter inc, 64 in turn", bare_inc_many, NULL, inc_many, NULL),
	TWICE("counter add(1.5)", bare_add, bound, add, fraction),
	TWICE("histogram observe, 5 buckets", bare_observe, &buckets[0], observe, &histograms[0]),
	TWICE("histogram observe, 11 buckets", bare_observe, &buckets[1], observe, &histograms[1]),
	TWICE("histogram observe, 20 buckets", bare_observe, &buckets[2], observe, &histograms[2]),
	TWICE("histogram observe, 60 buckets", bare_observe, &buckets[3], observe, &histograms[3]),
	TWICE("histogram observe, 200 buckets", bare_observe, &buckets[4], observe, &histograms[4]),
	TWICE("histogram observe, native", bare_quantile, bound, observe, &native),
	TWICE("histogram observe, native and 11 buckets", bare_quantile, bound, observe, &native_and_11),
	BESIDE("histogram observe, exemplar hook", 1, bare_observe, &buckets[1], observe_hooked, &histograms[1]),
	TWICE("histogram observe with exemplar", bare_observe, &buckets[1], observe_exemplar, &histograms[1]),
	TWICE("summary observe", bare_summary, bound, summarise, &plain),
	TWICE("summary observe, quantiles", bare_quantile, bound, summarise, &sketched),
	TWICE("gauge set", bare_set, NULL, set, NULL),
	TWICE("gauge inc", bare_gauge_inc, NULL, gauge_inc, NULL),
	TWICE("timed block", bare_timed, NULL, timed, NULL),
	{"timed block by rdtsc alone", BENCH_BOUND, 1, bare_ticks, NULL, NULL},
};
/* clang-format on */

int
main(int argc, char **argv)
{
	make_metrics();
	return bench_run(argc, argv, "update", cases, sizeof(cases) / sizeof(cases[0]));
}
