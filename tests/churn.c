/* SPDX-License-Identifier: MIT */
/*
 * churn: series that come and go for ever take no more memory than those that are there.
 *
 * usage: churn [SERIES [GROWTH_KIB]]
 *
 * Two threads make SERIES series (default 1,000,000) of the four types, each with label
 * values that were never there before and of lengths of several size classes, count in
 * them and remove them again, one by one, by a matching label, or all at once. Meanwhile
 * a thread looks series up and updates them, one reads pages as fast as it can, and one
 * is always in the middle of a page. Prints a line at 2, 10, 50 and 100 %.
 *
 * What must hold
 *  C1  A new series begins at zero, though its cells are those of one that was removed.
 *  C2  No limit is met: what was removed counts no longer.
 *  C3  After the first tenth the resident memory grows by no more than GROWTH_KIB
 *      (4096; 0: do not look), and what the region ever handed out as little. The
 *      smallest object lost with each series of a million would be 14 MiB.
 *  C4  What is stable is in the end exactly what was counted.
 *
 * A thread that the system does not run for 100 ms while it looks something up holds back
 * all that is removed meanwhile: by design, and no loss. So that its megabytes do not
 * hide one, who churns waits for it after some thousand series.
 *
 * `make check` runs a million. `make check-long` runs fifty: tests/churn 50000000, which
 * takes some minutes.
 */
#include "long_run.h"
#include "registry.h"

#include <cprom.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHURNERS 2
#define LIVE 256       /* series of one churner at a time; a power of two */
#define LONGEST 4000   /* bytes of a value */
#define STABLE 16      /* series that stay */
#define SAMPLE_MS 20   /* between two looks at the memory */
#define CLEAR_ALL 4096 /* every so many, the oldest are not removed one by one */
#define AHEAD 2048     /* removals before the epoch went on twice */

static uint64_t goal = 1000000;
static long growth_kib = 4096;
static cprom_registry *registry;
static atomic_u64 made, scrapes, bytes_scraped;
static atomic_u32 stop, complaints;

static void
complain(const char *what, double got)
{
	if (add_relaxed(&complaints, 1) < 10)
		printf("FAIL: %s: %g (%s)\n", what, got, cprom_error());
}

/* ---- those who churn ------------------------------------------------------------ */

enum { COUNTER, GAUGE, HISTOGRAM, SUMMARY, QUANTILES, KINDS };

/* What a churner has made and not yet removed, in turn. */
struct churner {
	pthread_t thread;
	unsigned id;
	cprom_metric *families[KINDS];
	char group[LIVE][24]; /* value of the first label */
	char *value[LIVE];    /* of the second */
	unsigned kind[LIVE];
};

static struct churner churners[CHURNERS];

static void
make_families(struct churner *c)
{
	static const char *const names[KINDS] = {"counter", "gauge", "histogram", "summary",
						 "quantiles"};
	char name[32];

	for (unsigned k = 0; k < KINDS; k++) {
		snprintf(name, sizeof(name), "%s_%u", names[k], c->id);
		if (k == COUNTER)
			c->families[k] = (cprom_metric *)cprom_counter_new(
				name, "C.", .registry = registry, .labels = CPROM_LABELS("g", "v"));
		else if (k == GAUGE)
			c->families[k] = (cprom_metric *)cprom_gauge_new(
				name, "G.", .registry = registry, .labels = CPROM_LABELS("g", "v"));
		else if (k == HISTOGRAM)
			c->families[k] = (cprom_metric *)cprom_histogram_new(
				name, "H.", .registry = registry, .labels = CPROM_LABELS("g", "v"),
				.buckets = CPROM_BUCKETS(1, 2, 4));
		else if (k == SUMMARY)
			c->families[k] = (cprom_metric *)cprom_summary_new(
				name, "S.", .registry = registry, .labels = CPROM_LABELS("g", "v"));
		else
			c->families[k] = (cprom_metric *)cprom_summary_new(
				name, "Q.", .registry = registry, .labels = CPROM_LABELS("g", "v"),
				.quantiles = CPROM_QUANTILES(0.5, 0.9));
	}
}

/* Most are counters; sketches are large, so they are few. */
static unsigned
kind_of(uint64_t n)
{
	static const unsigned char kinds[16] = {
		COUNTER, GAUGE,   HISTOGRAM, COUNTER, SUMMARY,   COUNTER, GAUGE, COUNTER,
		COUNTER, COUNTER, HISTOGRAM, GAUGE,   QUANTILES, COUNTER, GAUGE, COUNTER,
	};

	return kinds[n % 16];
}

/* Lengths from 16 on; each step up is as rare as it is longer. */
static size_t
length_of(uint64_t n)
{
	uint64_t r = n * 0x9E3779B97F4A7C15u >> 40;

	if (r % 1024 == 0)
		return LONGEST;
	if (r % 64 == 0)
		return 1000 + r / 64 % 500;
	return 16 + r % (r % 8 == 0 ? 300 : 40);
}

/* A value that was never there: the number, made longer. Some have to be escaped. */
static void
spell(struct churner *c, unsigned at, uint64_t n)
{
	size_t length = length_of(n);
	int digits = snprintf(c->value[at], LONGEST + 1, "%llu-%u%s", (unsigned long long)n, c->id,
			      n % 32 == 0 ? "\"" : "");

	if ((size_t)digits < length)
		memset(c->value[at] + digits, 'x', length - (size_t)digits);
	else
		length = (size_t)digits;
	c->value[at][length] = '\0';
	snprintf(c->group[at], sizeof(c->group[at]), "%llu", (unsigned long long)(n / LIVE));
	c->kind[at] = kind_of(n);
}

/* Counts in a new series; what it held before: C1. */
static double
use(cprom_metric *s, unsigned kind)
{
	double before;

	switch (kind) {
	case COUNTER:
		before = cprom_counter_value((cprom_counter *)s);
		cprom_counter_inc((cprom_counter *)s);
		cprom_counter_add((cprom_counter *)s, 0.5);
		return before;
	case GAUGE:
		before = cprom_gauge_value((cprom_gauge *)s);
		cprom_gauge_set((cprom_gauge *)s, 7);
		return before;
	case HISTOGRAM:
		before = cprom_histogram_sum((cprom_histogram *)s) +
			 (double)cprom_histogram_count((cprom_histogram *)s);
		cprom_histogram_observe((cprom_histogram *)s, 3);
		return before;
	default:
		before = cprom_summary_sum((cprom_summary *)s) +
			 (double)cprom_summary_count((cprom_summary *)s);
		cprom_summary_observe((cprom_summary *)s, 5);
		return before;
	}
}

static void
remove_one(struct churner *c, unsigned at)
{
	const char *values[] = {c->group[at], c->value[at]};

	if (c->value[at][0] == '\0')
		return; /* it went with its group */
	if (cprom_metric_remove(c->families[c->kind[at]], (cprom_strings){values, 2}) == -1)
		complain("a series cannot be removed", (double)c->kind[at]);
	c->value[at][0] = '\0';
}

/* All that there are of one churner: of its current groups, and all of a family. */
static void
remove_all(struct churner *c)
{
	for (unsigned k = 0; k < KINDS; k++) {
		if (k % 2 == 0)
			cprom_metric_clear(c->families[k]);
		for (unsigned at = 0; k % 2 == 1 && at < LIVE; at++)
			if (c->value[at][0] != '\0' && c->kind[at] == k)
				cprom_metric_remove_matching(c->families[k], "g", c->group[at]);
	}
	for (unsigned at = 0; at < LIVE; at++)
		c->value[at][0] = '\0';
}

static void
make_one(struct churner *c, uint64_t n)
{
	unsigned at = n % LIVE;
	const char *values[] = {c->group[at], c->value[at]};
	cprom_metric *s;
	double before;

	if (n % CLEAR_ALL == CLEAR_ALL - 1)
		remove_all(c);
	else
		remove_one(c, at);
	spell(c, at, n);
	s = cprom_metric_labels(c->families[c->kind[at]], (cprom_strings){values, 2});
	if (s == NULL) {
		complain("a series cannot be made", (double)n);
		return;
	}
	before = use(s, c->kind[at]);
	if (before != 0)
		complain("a new series begins at", before);
}

/* Until all that was removed before that epoch can be used again. */
static void
wait_for_readers(uint64_t epoch)
{
	while (load_relaxed(&registry->epoch.global) < epoch + 2) {
		cpromi_epoch_advance(&registry->epoch);
		sched_yield();
	}
}

static void *
churn(void *arg)
{
	struct churner *c = arg;
	uint64_t epoch = load_relaxed(&registry->epoch.global);

	for (uint64_t n = 0; n < goal / CHURNERS; n++) {
		make_one(c, n);
		if (n % 64 == 63)
			add_relaxed(&made, 64);
		if (n % AHEAD == 0) {
			wait_for_readers(epoch);
			epoch = load_relaxed(&registry->epoch.global);
		}
	}
	add_relaxed(&made, goal / CHURNERS % 64);
	return NULL;
}

/* ---- those who read --------------------------------------------------------------- */

static cprom_counter *stable;
static const char *const stable_names[STABLE] = {"a", "b", "c", "d", "e", "f", "g", "h",
						 "i", "j", "k", "l", "m", "n", "o", "p"};
static uint64_t stable_counted[STABLE];

static void *
look_up(void *unused)
{
	for (unsigned i = 0; !load_relaxed(&stop); i = (i + 1) % STABLE) {
		cprom_counter_inc(cprom_labels(stable, stable_names[i]));
		stable_counted[i]++;
	}
	return unused;
}

/* Reads pages until it has to stop; pause: between two pieces. */
static void
read_pages(size_t piece, long pause)
{
	static _Thread_local char text[65536];
	ssize_t n = 0;

	while (!load_relaxed(&stop)) {
		cprom_scrape *s = cprom_scrape_open(registry, NULL);

		while (!load_relaxed(&stop) && (n = cprom_scrape_read(s, text, piece)) > 0) {
			add_relaxed(&bytes_scraped, (uint64_t)n);
			if (pause > 0)
				pause_us(pause * 1000);
		}
		if (s == NULL || n == -1)
			complain("a page cannot be read", (double)n);
		cprom_scrape_close(s);
		add_relaxed(&scrapes, 1);
	}
}

static void *
read_fast(void *unused)
{
	read_pages(65536, 0);
	return unused;
}

static void *
read_slowly(void *unused)
{
	read_pages(100, 1);
	return unused;
}

/* ---- the memory --------------------------------------------------------------------- */

struct figures {
	long resident; /* KiB */
	uint64_t region;
	bool set;
};

static struct figures
look(unsigned percent)
{
	struct figures f = {resident_kib(), load_relaxed(&registry->region.used), true};
	double now = elapsed();
	double n = (double)load_relaxed(&made);

	printf("%3u %%: %9.0f series, %6.1f s, %8.0f a second, resident %6ld KiB, region %8llu "
	       "bytes, "
	       "%llu pages\n",
	       percent, n, now, n / now, f.resident, (unsigned long long)f.region,
	       (unsigned long long)load_relaxed(&scrapes));
	return f;
}

/* Waits until the churners are done, and looks at what the memory is meanwhile. */
static void
watch(struct figures *tenth, long *peak)
{
	static const unsigned looks[] = {2, 10, 50};
	size_t next = 0;

	*peak = 0;
	while (load_relaxed(&made) < goal / CHURNERS * CHURNERS) {
		while (next < array_len(looks) && load_relaxed(&made) >= goal / 100 * looks[next]) {
			struct figures f = look(looks[next]);

			if (looks[next++] == 10)
				*tenth = f;
		}
		if (tenth->set && resident_kib() > *peak)
			*peak = resident_kib();
		pause_us(SAMPLE_MS * 1000);
	}
}

static void
judge_memory(const struct figures *tenth, const struct figures *end, long peak)
{
	if (!tenth->set) {
		complain("too few series to tell", (double)goal);
		return;
	}
	printf("after the first tenth: resident %+ld KiB (peak %+ld), region %+lld bytes\n",
	       end->resident - tenth->resident, peak - tenth->resident,
	       (long long)(end->region - tenth->region));
	if (growth_kib == 0)
		return;
	if (end->resident - tenth->resident > growth_kib || peak - tenth->resident > growth_kib)
		complain("the resident memory grew, KiB", (double)(peak - tenth->resident));
	if (end->region - tenth->region > (uint64_t)growth_kib << 10)
		complain("the region grew, bytes", (double)(end->region - tenth->region));
}

/* C2 and C4. */
static void
judge_counts(void)
{
	for (unsigned i = 0; i < STABLE; i++) {
		double v = cprom_counter_value(cprom_labels(stable, stable_names[i]));

		if (v != (double)stable_counted[i])
			complain("a stable counter misses", (double)stable_counted[i] - v);
	}
	if (load_relaxed(&registry->counts[SELF_OVERFLOWS]) > 0)
		complain("look-ups that met a limit",
			 (double)load_relaxed(&registry->counts[SELF_OVERFLOWS]));
	for (unsigned i = 0; i < CHURNERS; i++)
		remove_all(&churners[i]);
	if (load_relaxed(&registry->series) != STABLE)
		complain("series that are left beside the stable",
			 (double)load_relaxed(&registry->series) - STABLE);
}

static void
prepare(void)
{
	registry = cprom_registry_new(.max_bytes = (size_t)64 << 20);
	stable = cprom_counter_new("stable_total", "S.", .registry = registry,
				   .labels = CPROM_LABELS("who"));
	for (unsigned i = 0; i < CHURNERS; i++) {
		churners[i].id = i;
		make_families(&churners[i]);
		for (unsigned at = 0; at < LIVE; at++)
			churners[i].value[at] = calloc(1, LONGEST + 1);
	}
}

static void
tidy_up(void)
{
	for (unsigned i = 0; i < CHURNERS; i++)
		for (unsigned at = 0; at < LIVE; at++)
			free(churners[i].value[at]);
	cprom_registry_free(registry);
}

int
main(int argc, char **argv)
{
	void *(*const readers[])(void *) = {look_up, read_fast, read_slowly};
	pthread_t threads[array_len(readers)];
	struct figures tenth = {0}, end;
	long peak;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		goal = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		growth_kib = strtol(argv[2], NULL, 10);
	prepare();
	start_clock();
	for (size_t i = 0; i < array_len(readers); i++)
		pthread_create(&threads[i], NULL, readers[i], NULL);
	for (unsigned i = 0; i < CHURNERS; i++)
		pthread_create(&churners[i].thread, NULL, churn, &churners[i]);
	watch(&tenth, &peak);
	for (unsigned i = 0; i < CHURNERS; i++)
		pthread_join(churners[i].thread, NULL);
	end = look(100);
	store_relaxed(&stop, 1);
	for (size_t i = 0; i < array_len(readers); i++)
		pthread_join(threads[i], NULL);
	judge_memory(&tenth, &end, peak);
	judge_counts();
	tidy_up();
	return load_relaxed(&complaints) > 0;
}
