/* SPDX-License-Identifier: MIT */
/*
 * Tests of cache lines: what a thread with a lane writes in an update, no other
 * thread's update writes or reads. So updates of any number of such threads scale.
 *
 * The judge is the machine, not the library's own arithmetic. While one thread makes its
 * updates, all memory that the process may write is protected, but for the threads' own
 * stacks, where their thread-local data is, too: the registry from reading and writing, the
 * rest from writing. Each access faults; the handler notes its line, opens
 * the page for that one instruction, which is single-stepped, and closes it again. Stores
 * that change nothing are found as well. One thread at a time is judged, while
 * all of them live and have their lanes; afterwards the lines are compared.
 *
 * An instruction is taken to touch one line of a page, which is so where all words are
 * aligned. Needs x86-64, which says of a fault whether it was a store; is left out under
 * sanitizers, which write where they like.
 */
#define _GNU_SOURCE /* pthread_getattr_np */
#include "epoch.h"
#include "registry.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"

#if defined(__x86_64__) && !defined(SANITIZED)

#define LANES 64
#define THREADS (LANES + 2) /* the last two share the overflow lane */
#define ADJACENT 16         /* counters whose cells are consecutive */
#define PAGE 4096
#define MAX_RANGES 512
#define MAX_OPEN 8 /* pages that one instruction touches */
#define MAX_ACCESSES (1 << 19)

/* ---- what is judged ------------------------------------------------------------ */

static struct {
	cprom_registry *registry, *other;
	cprom_counter *adjacent[ADJACENT], *requests, *elsewhere;
	cprom_histogram *histogram;
	cprom_summary *summary, *quantiles;
	cprom_gauge *gauge;
} m;

/* The thread that makes them has a lane, too. */
static void
make_metrics(bool shared)
{
	char name[32];

	m.registry = cprom_registry_new(.max_lanes = LANES + 1, .shared = shared,
					.max_bytes = (size_t)64 << 20);
	m.other = cprom_registry_new(.max_lanes = LANES + 1, .shared = shared,
				     .max_bytes = (size_t)64 << 20);
	for (unsigned i = 0; i < ADJACENT; i++) {
		snprintf(name, sizeof(name), "c%u_total", i);
		m.adjacent[i] = cprom_counter_new(name, "C.", .registry = m.registry);
	}
	m.requests = cprom_counter_new("l_total", "L.", .registry = m.registry,
				       .labels = CPROM_LABELS("method", "code"));
	m.elsewhere = cprom_counter_new("c_total", "C.", .registry = m.other);
	m.histogram = cprom_histogram_new("h", "H.", .registry = m.registry);
	m.summary = cprom_summary_new("s", "S.", .registry = m.registry);
	/* One write in an age is to a common line: the first observation of a slice notes where it is. */
	m.quantiles = cprom_summary_new("q", "Q.", .registry = m.registry, .max_age = 366 * 86400,
					.quantiles = CPROM_QUANTILES(0.5, 0.99));
	m.gauge = cprom_gauge_new("g", "G.", .registry = m.registry);
}

static void
inc_adjacent(void)
{
	for (unsigned i = 0; i < ADJACENT; i++)
		cprom_counter_inc(m.adjacent[i]);
}

static void
add_whole(void)
{
	cprom_counter_add(m.adjacent[0], 3);
}

static void
add_fraction(void)
{
	cprom_counter_add(m.adjacent[0], 0.5);
}

static void
inc_elsewhere(void)
{
	cprom_counter_inc(m.elsewhere);
}

static void
observe(void)
{
	cprom_histogram_observe(m.histogram, 0.3);
}

static void
observe_many(void)
{
	cprom_histogram_observe_many(m.histogram, 3, 7);
}

static void
observe_summary(void)
{
	cprom_summary_observe(m.summary, 0.3);
}

static void
observe_quantiles(void)
{
	cprom_summary_observe(m.quantiles, 0.3);
}

static void
look_up(void)
{
	cprom_counter_inc(cprom_labels(m.requests, "GET", "200"));
}

static void
time_block(void)
{
	CPROM_TIME (m.histogram) {
	}
}

static void
inc_gauge(void)
{
	cprom_gauge_inc(m.gauge);
}

static const struct deed {
	const char *name;
	void (*run)(void);
	bool common; /* all threads write one word, by design */
} deeds[] = {
	{"inc of adjacent counters", inc_adjacent, false},
	{"add of a whole number", add_whole, false},
	{"add of a fraction", add_fraction, false},
	{"inc in another registry", inc_elsewhere, false},
	{"observe of a histogram", observe, false},
	{"observe_many of a histogram", observe_many, false},
	{"observe of a summary", observe_summary, false},
	{"observe of a summary with quantiles", observe_quantiles, false},
	{"look-up and inc", look_up, false},
	{"timed block", time_block, false},
	{"inc of a gauge", inc_gauge, true},
};

/* ---- the judge ----------------------------------------------------------------- */

struct range {
	uintptr_t start, end;
	int protection; /* while a thread is judged */
};

struct access {
	uintptr_t line;
	uint16_t thread;
	uint8_t deed;
	bool wrote;
};

/* In memory of its own, which is never protected. */
static struct judge {
	sem_t judged[THREADS], may_end, done;
	struct range guarded[MAX_RANGES], spared[THREADS + 3];
	unsigned guards, spares;
	struct {
		uintptr_t page;
		int protection;
	} open[MAX_OPEN];
	unsigned opens;
	unsigned thread, deed; /* at work */
	size_t accesses;
	struct access log[MAX_ACCESSES];
} * judge;

static const struct range *
range_of(const struct range *r, unsigned count, uintptr_t address)
{
	for (unsigned i = 0; i < count; i++)
		if (address >= r[i].start && address < r[i].end)
			return &r[i];
	return NULL;
}

static void
protect(uintptr_t start, uintptr_t end, int protection)
{
	/* What was mapped when it was looked up may be gone: the memory of a stream, with musl. */
	if (mprotect((void *)start, end - start, protection) != 0 && errno != ENOMEM)
		abort();
}

/* Signal handler: an access to a guarded page. */
static void
note_access(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t address = (uintptr_t)info->si_addr, page = address & ~(uintptr_t)(PAGE - 1);
	const struct range *r = range_of(judge->guarded, judge->guards, address);
	bool wrote = regs[REG_ERR] & 2;

	if (r == NULL || judge->opens == MAX_OPEN || judge->accesses == MAX_ACCESSES) {
		signal(signo, SIG_DFL); /* a real one */
		return;
	}
	judge->log[judge->accesses++] = (struct access){address & ~(uintptr_t)(CACHE_LINE - 1),
							(uint16_t)judge->thread,
							(uint8_t)judge->deed, wrote};
	judge->open[judge->opens].page = page;
	judge->open[judge->opens++].protection = r->protection;
	/* Of a page that is only read, a store of the same instruction faults again. */
	protect(page, page + PAGE, wrote ? PROT_READ | PROT_WRITE : PROT_READ);
	regs[REG_EFL] |= 0x100; /* trap after the instruction */
}

/* Signal handler: that instruction is done. */
static void
close_pages(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)info;
	while (judge->opens > 0) {
		judge->opens--;
		protect(judge->open[judge->opens].page, judge->open[judge->opens].page + PAGE,
			judge->open[judge->opens].protection);
	}
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)0x100;
}

static void
run_all(void)
{
	for (unsigned i = 0; i < array_len(deeds); i++) {
		judge->deed = i;
		deeds[i].run();
	}
}

static void
run_judged(unsigned thread)
{
	judge->thread = thread;
	for (unsigned i = 0; i < judge->guards; i++)
		protect(judge->guarded[i].start, judge->guarded[i].end,
			judge->guarded[i].protection);
	run_all();
	for (unsigned i = 0; i < judge->guards; i++)
		protect(judge->guarded[i].start, judge->guarded[i].end, PROT_READ | PROT_WRITE);
}

/* ---- what is guarded ------------------------------------------------------------- */

static void
spare(uintptr_t start, uintptr_t end)
{
	judge->spared[judge->spares++] = (struct range){start, end, 0};
}

static void
spare_stack(void)
{
	pthread_attr_t a;
	void *start;
	size_t size;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &start, &size);
	pthread_attr_destroy(&a);
	spare((uintptr_t)start, (uintptr_t)start + size);
}

static void
guard(uintptr_t start, uintptr_t end, int protection)
{
	assert_true(judge->guards < MAX_RANGES);
	judge->guarded[judge->guards++] = (struct range){start, end, protection};
}

static void
guard_registry(const cprom_registry *r)
{
	for (unsigned i = 0; i < REGION_SEGMENTS; i++) {
		uintptr_t start = load_relaxed(&r->region.segments[i]);
		uint64_t bytes = REGION_FIRST_BYTES << i;
		uint64_t left = r->region.limit - region_segment_start(i);

		if (start != 0)
			guard(start, start + (bytes < left ? bytes : left), PROT_NONE);
	}
}

/* What of a mapping is neither spared nor guarded yet; page by page, in pieces. */
static void
guard_rest(uintptr_t start, uintptr_t end)
{
	uintptr_t from = start;

	for (uintptr_t page = start; page <= end; page += PAGE) {
		if (page < end && range_of(judge->spared, judge->spares, page) == NULL &&
		    range_of(judge->guarded, judge->guards, page) == NULL)
			continue;
		if (page > from)
			guard(from, page, PROT_READ);
		from = page + PAGE;
	}
}

/* All that is writable now. */
static void
guard_all(void)
{
	static struct range found[MAX_RANGES];
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	char line[512];

	assert_non_null(maps);
	guard_registry(m.registry);
	guard_registry(m.other);
	while (fgets(line, sizeof(line), maps) != NULL) {
		struct range r = {0};
		char mode[5];

		assert_int_equal(sscanf(line, "%zx-%zx %4s", &r.start, &r.end, mode), 3);
		if (strstr(line, "[stack]") != NULL)
			spare(r.start, r.end);
		else if (mode[1] == 'w' && count < MAX_RANGES)
			found[count++] = r;
	}
	fclose(maps);
	for (unsigned i = 0; i < count; i++)
		guard_rest(found[i].start, found[i].end);
}

/* ---- threads ---------------------------------------------------------------------- */

static void *
work(void *number)
{
	unsigned n = (unsigned)(uintptr_t)number;

	spare_stack();
	run_all(); /* takes the lane, and the blocks of cells; functions of libc are bound */
	run_all();
	sem_post(&judge->done);
	sem_wait(&judge->judged[n]);
	run_judged(n);
	sem_post(&judge->done);
	sem_wait(&judge->may_end);
	return NULL;
}

static void
open_court(void)
{
	struct sigaction access = {.sa_sigaction = note_access, .sa_flags = SA_SIGINFO};
	struct sigaction trap = {.sa_sigaction = close_pages, .sa_flags = SA_SIGINFO};
	uintptr_t self = (uintptr_t)pthread_self() & ~(uintptr_t)(PAGE - 1);

	/* Shared, so that it is one mapping with no other. */
	judge = mmap(NULL, sizeof(*judge), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(judge != MAP_FAILED);
	spare((uintptr_t)judge, (uintptr_t)judge + (sizeof(*judge) | (PAGE - 1)) + 1);
	spare(self - PAGE, self + 2 * PAGE); /* the first thread's data is not on its stack */
	for (unsigned i = 0; i < THREADS; i++)
		sem_init(&judge->judged[i], 0, 0);
	sem_init(&judge->may_end, 0, 0);
	sem_init(&judge->done, 0, 0);
	sigaction(SIGSEGV, &access, NULL);
	sigaction(SIGTRAP, &trap, NULL);
}

/* All threads come, are judged one after the other, and go. */
static void
hold_court(void)
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i), 0);
		sem_wait(&judge->done); /* in turn: the last ones get no lane */
	}
	guard_all();
	for (unsigned i = 0; i < THREADS; i++) {
		sem_post(&judge->judged[i]);
		sem_wait(&judge->done);
	}
	for (unsigned i = 0; i < THREADS; i++)
		sem_post(&judge->may_end);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void
close_court(void)
{
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	munmap(judge, sizeof(*judge));
	cprom_registry_free(m.registry);
	cprom_registry_free(m.other);
}

/* ---- the verdict -------------------------------------------------------------------- */

static int
by_line(const void *a, const void *b)
{
	const struct access *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

static bool
has_lane(const struct access *a)
{
	return a->thread < LANES;
}

struct verdict {
	size_t stores;     /* in all */
	size_t with_lanes; /* pairs of accesses that share a line, one of them a store */
	size_t without;    /* of two threads without a lane */
	size_t common[array_len(deeds)]; /* the same, of deeds that share by design */
	struct access first[2];
};

/* Two accesses to one line. */
static void
compare(const struct access *a, const struct access *b, struct verdict *v)
{
	if (a->thread == b->thread || !(a->wrote || b->wrote))
		return;
	if (deeds[a->deed].common && deeds[b->deed].common)
		v->common[a->deed]++;
	else if (!has_lane(a) && !has_lane(b))
		v->without++;
	else if (v->with_lanes++ == 0) {
		v->first[0] = *a;
		v->first[1] = *b;
	}
}

static struct verdict
verdict(void)
{
	struct access *log = judge->log;
	struct verdict v = {0};

	qsort(log, judge->accesses, sizeof(*log), by_line);
	for (size_t i = 0; i < judge->accesses; i++) {
		v.stores += log[i].wrote;
		/* What is read by all and written by none needs no comparison of each with each. */
		for (size_t k = i + 1; k < judge->accesses && log[k].line == log[i].line; k++)
			if (log[i].wrote || log[k].wrote)
				compare(&log[i], &log[k], &v);
	}
	return v;
}

static void
judge_registry(bool shared)
{
	struct verdict v;
	char what[240];

	make_metrics(shared);
	open_court();
	hold_court();
	v = verdict();
	snprintf(what, sizeof(what), "%s of thread %u and %s of thread %u meet on line %#zx",
		 deeds[v.first[0].deed].name, v.first[0].thread, deeds[v.first[1].deed].name,
		 v.first[1].thread, (size_t)v.first[0].line);
	/* Not blind: each thread stored something for each of its updates, … */
	assert_true(v.stores >= THREADS * (ADJACENT + array_len(deeds) - 1));
	/* … threads without a lane meet, and so do all on a gauge. */
	assert_true(v.without > 0);
	for (unsigned i = 0; i < array_len(deeds); i++)
		assert_true(!deeds[i].common || v.common[i] >= (size_t)THREADS * (THREADS - 1) / 2);
	if (v.with_lanes > 0)
		fail_msg("%zu times: %s", v.with_lanes, what);
	close_court();
}

static void
lines_written_in_a_lane_are_touched_by_no_other_thread(void **state)
{
	(void)state;
	judge_registry(false);
}

static void
lines_written_in_a_lane_of_a_shared_registry_are_touched_by_no_other_thread(void **state)
{
	(void)state;
	judge_registry(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_written_in_a_lane_are_touched_by_no_other_thread),
		cmocka_unit_test(
			lines_written_in_a_lane_of_a_shared_registry_are_touched_by_no_other_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void
lines_are_judged_on_x86_64_without_sanitizers(void **state)
{
	(void)state;
	skip();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_judged_on_x86_64_without_sanitizers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
