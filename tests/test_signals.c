/* SPDX-License-Identifier: MIT */
/*
 * Tests of signals: a handler that updates what the code under it is updating loses nothing.
 *
 * Two ways to interrupt an update. A storm: timers send signals as fast as they can, while
 * totals are kept beside the library. And every instruction: a
 * child is run under ptrace(2), once for each boundary between two instructions of
 * one update, and there the handler runs. The second needs x86-64 and is left out
 * under sanitizers, which deliver signals when they like.
 *
 * All amounts are sums of powers of two, so totals are exact.
 */
#define _GNU_SOURCE /* processor sets */
#include "epoch.h"
#include "registry.h"
#include "sketch.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* ---- one of each -------------------------------------------------------------- */

#define LOW 1.0 /* what summaries see; the other value comes in the end, to tell a loss */
#define HIGH 1.5

struct metrics {
	cprom_registry *registry;
	cprom_counter *counter;
	cprom_gauge *gauge;
	cprom_histogram *histogram;
	cprom_summary *summary;
	cprom_summary *quantiles;
	cprom_gauge *part; /* in a shared registry one of each process */
	cprom_counter *labelled, *a, *b;
};

static struct metrics m;          /* of the test at hand */
static uint64_t sketch_ns = 1000; /* the time of observations made straight in a sketch */

/* By a thread that has a seat there afterwards. */
static void
make_metrics(bool shared, unsigned lanes)
{
	cprom_registry *r = cprom_registry_new(.shared = shared, .max_lanes = lanes,
					       .max_bytes = (size_t)8 << 20);

	m.registry = r;
	m.counter = cprom_counter_new("c_total", "C.", .registry = r);
	m.gauge = cprom_gauge_new("g", "G.", .registry = r);
	m.histogram = cprom_histogram_new("h", "H.", .registry = r, .buckets = CPROM_BUCKETS(1, 2));
	m.summary = cprom_summary_new("s", "S.", .registry = r);
	m.quantiles = cprom_summary_new("q", "Q.", .registry = r,
					.quantiles = CPROM_QUANTILES(0.5));
	m.part = cprom_gauge_new("p", "P.", .registry = r, .multiprocess_mode = CPROM_GAUGE_SUM);
	m.labelled = cprom_counter_new("l_total", "L.", .registry = r,
				       .labels = CPROM_LABELS("who"));
	m.a = cprom_labels(m.labelled, "a");
	m.b = cprom_labels(m.labelled, "b");
}

static void
counter_inc(void)
{
	cprom_counter_inc(m.counter);
}

static void
counter_add_3(void)
{
	cprom_counter_add(m.counter, 3);
}

static void
counter_add_half(void)
{
	cprom_counter_add(m.counter, 0.5);
}

static void
gauge_inc(void)
{
	cprom_gauge_inc(m.gauge);
}

static void
gauge_dec(void)
{
	cprom_gauge_dec(m.gauge);
}

static void
gauge_add_half(void)
{
	cprom_gauge_add(m.gauge, 0.5);
}

static void
gauge_sub_4(void)
{
	cprom_gauge_sub(m.gauge, 4);
}

static void
gauge_max_8(void)
{
	cprom_gauge_set_max(m.gauge, 8);
}

static void
gauge_max_16(void)
{
	cprom_gauge_set_max(m.gauge, 16);
}

static void
histogram_observe(void)
{
	cprom_histogram_observe(m.histogram, 0.5);
}

static void
histogram_observe_many(void)
{
	cprom_histogram_observe_many(m.histogram, 0.5, 3);
}

static void
summary_observe(void)
{
	cprom_summary_observe(m.summary, 0.5);
}

static void
quantiles_observe(void)
{
	cprom_summary_observe(m.quantiles, LOW);
}

static void
sketch_observe(void)
{
	cpromi_sketch_observe((const struct series *)m.quantiles, LOW, sketch_ns);
}

static void
part_add_half(void)
{
	cprom_gauge_add(m.part, 0.5);
}

static void
part_set_7(void)
{
	cprom_gauge_set(m.part, 7);
}

static void
labels_inc(void)
{
	cprom_counter_inc(cprom_labels(m.labelled, "a"));
}

static unsigned entered;

static void
epoch_enter(void)
{
	const struct lanes *l = &m.registry->lanes;
	struct epoch_guard g;

	if (!cpromi_epoch_enter(&m.registry->epoch, &g))
		return;
	entered += g.seat >= l->row.seats && g.seat < l->row.seats + l->max;
	cpromi_epoch_leave(&g);
}

static void
labels_make(void)
{
	cprom_labels(m.labelled, "new");
}

static void
labels_remove(void)
{
	cprom_remove(m.labelled, "b");
}

enum what {
	COUNTER,
	GAUGE,
	GAUGE_MAX, /* the larger one stays */
	PART,
	PART_SET,
	HISTOGRAM,
	SUMMARY,
	QUANTILES,
	SKETCH,
	LABELLED,
	ENTERED, /* epochs, on the right seat */
	NOTHING, /* that is counted here */
	WHATS
};

/* An update, and what it adds. */
struct deed {
	const char *name;
	void (*run)(void);
	enum what what;
	double sum;
	unsigned count;
};

static const struct deed inc = {"counter inc", counter_inc, COUNTER, 1, 0};
static const struct deed add_3 = {"counter add 3", counter_add_3, COUNTER, 3, 0};
static const struct deed add_half = {"counter add 0.5", counter_add_half, COUNTER, 0.5, 0};
static const struct deed g_inc = {"gauge inc", gauge_inc, GAUGE, 1, 0};
static const struct deed g_dec = {"gauge dec", gauge_dec, GAUGE, -1, 0};
static const struct deed g_add = {"gauge add 0.5", gauge_add_half, GAUGE, 0.5, 0};
static const struct deed g_sub = {"gauge sub 4", gauge_sub_4, GAUGE, -4, 0};
static const struct deed g_max_8 = {"gauge max 8", gauge_max_8, GAUGE_MAX, 8, 0};
static const struct deed g_max_16 = {"gauge max 16", gauge_max_16, GAUGE_MAX, 16, 0};
static const struct deed observe = {"histogram observe", histogram_observe, HISTOGRAM, 0.5, 1};
static const struct deed observe_3 = {"histogram observe 3", histogram_observe_many, HISTOGRAM, 1.5,
				      3};
static const struct deed sum = {"summary observe", summary_observe, SUMMARY, 0.5, 1};
static const struct deed quantile = {"quantiles observe", quantiles_observe, QUANTILES, LOW, 1};
static const struct deed sketch = {"sketch observe", sketch_observe, SKETCH, 0, 1};
static const struct deed part_add = {"gauge of processes add 0.5", part_add_half, PART, 0.5, 0};
static const struct deed part_set = {"gauge of processes set 7", part_set_7, PART_SET, 7, 0};
static const struct deed labels = {"labels and inc", labels_inc, LABELLED, 1, 0};
static const struct deed enter = {"epoch enter and leave", epoch_enter, ENTERED, 1, 0};
static const struct deed make = {"labels of a new series", labels_make, NOTHING, 0, 0};
static const struct deed drop = {"remove", labels_remove, NOTHING, 0, 0};

/* ---- dumps ---------------------------------------------------------------------- */

static int dump_fd;       /* of a file without a name */
static char *page_before; /* of the update that is interrupted */

static void
dump_anew(void)
{
	/* In place of an assertion, which a handler cannot make: nothing is no page. */
	if (ftruncate(dump_fd, 0) == -1 || lseek(dump_fd, 0, SEEK_SET) == -1 ||
	    cprom_dump_fd(m.registry, dump_fd) == -1)
		(void)!ftruncate(dump_fd, 0);
}

static const struct deed dump = {"a dump", dump_anew, NOTHING, 0, 0};

/* What the last dump wrote. */
static const char *
dumped(void)
{
	static char text[65536];
	ssize_t n = pread(dump_fd, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* Is it the page of before, or that of now? */
static bool
is_page(const char *text)
{
	char *now = cprom_render(m.registry, NULL, NULL);
	bool same = strcmp(text, now) == 0 || strcmp(text, page_before) == 0;

	free(now);
	return same;
}

/* ---- what must have come of it ------------------------------------------------ */

struct account {
	double sum;
	unsigned count;
};

static void
enter_in(struct account *a, const struct deed *d, unsigned times)
{
	if (d->what == GAUGE_MAX || d->what == PART_SET)
		a->sum = times > 0 ? fmax(a->sum, d->sum) : a->sum;
	else
		a->sum += times * d->sum;
	a->count += times * d->count;
}

static double
sum_now(enum what what)
{
	switch (what) {
	case COUNTER:
		return cprom_counter_value(m.counter);
	case HISTOGRAM:
		return cprom_histogram_sum(m.histogram);
	case SUMMARY:
		return cprom_summary_sum(m.summary);
	case QUANTILES:
		return cprom_summary_sum(m.quantiles);
	case LABELLED:
		return cprom_counter_value(m.a);
	case PART:
	case PART_SET:
		return cprom_gauge_value(m.part);
	case ENTERED:
		return entered;
	case SKETCH:
	case NOTHING:
		return 0;
	default:
		return cprom_gauge_value(m.gauge);
	}
}

static uint64_t
count_now(enum what what)
{
	switch (what) {
	case HISTOGRAM:
		return cprom_histogram_count(m.histogram);
	case SUMMARY:
		return cprom_summary_count(m.summary);
	case QUANTILES:
		return cprom_summary_count(m.quantiles);
	default:
		return 0;
	}
}

/*
 * Does the window hold so many of LOW? As many of HIGH are added: then the median is
 * still LOW, which one less would change.
 */
static bool
window_holds(unsigned count, uint64_t now_ns)
{
	const struct series *s = (const struct series *)m.quantiles;
	const double half = 0.5;
	double median;

	for (unsigned i = 0; i < count; i++)
		cpromi_sketch_observe(s, HIGH, now_ns);
	cpromi_sketch_quantiles(s, &half, 1, now_ns, &median);
	return fabs(median - LOW) < 0.02;
}

/* ---- states in which an update meets its handler ------------------------------ */

enum state {
	HOT,        /* the thread has its lane and the cells */
	NEW_CELLS,  /* it has its lane, but never touched the cells */
	NEW_LANE,   /* its first update in the registry */
	SHARED,     /* it has a seat, but no lane */
	NEW_SHARED, /* its first update, and no lane is left */
	REGAINED,   /* it has no lane, will look for one now, and one is free */
	NO_ENTRY,   /* other registries have all entries */
	TURNING,    /* the sketch has counts of an earlier slice */
	COMMON,     /* as HOT, in a registry that processes share */
	NEW_COMMON, /* as NEW_LANE, in such a one */
	FIRST,      /* as NEW_COMMON, in a process of its own */
	STATES
};

static const char *const state_names[] = {
	"hot",
	"new cells",
	"new lane",
	"shared lane",
	"new shared lane",
	"a lane regained",
	"no entry",
	"window turns",
	"shared registry",
	"new in a shared registry",
	"new in a process",
};

struct scene {
	const struct deed *under; /* what is interrupted */
	const struct deed *over;  /* what the handler does */
	enum state state;
	bool elsewhere; /* the handler updates another registry first */
	bool loose;     /* a page may show half of the update */
};

/* Another registry, with its counter. */
static struct neighbour {
	cprom_registry *registry;
	cprom_counter *counter;
	double expected;
} neighbour;

static void
make_neighbour(void)
{
	neighbour.registry = cprom_registry_new(.max_bytes = 1 << 20);
	neighbour.counter = cprom_counter_new("n_total", "N.", .registry = neighbour.registry);
}

static void
update_elsewhere(void)
{
	cprom_counter_inc(neighbour.counter);
	neighbour.expected++;
}

static cprom_registry *fillers[LANE_ENTRIES]; /* that have the entries: NO_ENTRY */

static const struct deed stray = {"another registry", update_elsewhere, NOTHING, 0, 0};

/* Another thread makes the registry; it has a lane there until it is told to leave. */
static struct {
	pthread_t thread;
	bool shared;
	unsigned lanes;
	pid_t tid;
	sem_t ready, leave;
} tenant;

static void *
tenant_main(void *unused)
{
	make_metrics(tenant.shared, tenant.lanes);
	tenant.tid = gettid();
	sem_post(&tenant.ready);
	sem_wait(&tenant.leave);
	return unused;
}

/* On its way to sleep it could meet what a tracer puts into the code. */
static void
tenant_sleeps(void)
{
	char path[64], line[128] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tenant.tid);
	while (strstr(line, ") S ") == NULL) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, line, sizeof(line) - 1);

		assert_true(n > 0);
		line[n] = '\0';
		close(fd);
		sched_yield();
	}
}

static void
tenant_comes(bool shared, unsigned lanes)
{
	tenant.shared = shared;
	tenant.lanes = lanes;
	sem_init(&tenant.ready, 0, 0);
	sem_init(&tenant.leave, 0, 0);
	pthread_create(&tenant.thread, NULL, tenant_main, NULL);
	sem_wait(&tenant.ready);
}

static void
tenant_leaves(void)
{
	sem_post(&tenant.leave);
	pthread_join(tenant.thread, NULL);
}

static bool
has_no_lane(enum state s)
{
	return s == SHARED || s == NEW_SHARED;
}

static bool
is_first(enum state s)
{
	return s == NEW_LANE || s == NEW_SHARED || s == NEW_COMMON || s == FIRST;
}

static void
warm_up(const struct scene *s, struct account *a)
{
	s->over->run();
	enter_in(a, s->over, 1);
	if (s->under->what == NOTHING)
		return; /* what it does is done once */
	s->under->run();
	enter_in(a, s->under, 1);
}

/* Brings the registry into that state; a: what was counted meanwhile. */
static void
set_up(const struct scene *s, struct account *a)
{
	*a = (struct account){0};
	entered = 0;
	for (unsigned i = 0; s->state == NO_ENTRY && i < LANE_ENTRIES; i++)
		fillers[i] = cprom_registry_new(.max_bytes = 1 << 16);
	tenant_comes(s->state >= COMMON, has_no_lane(s->state) || s->state == REGAINED ? 1 : 4);
	if (s->state != REGAINED && !has_no_lane(s->state))
		tenant_leaves();
	if (s->state == NEW_CELLS)
		cpromi_lane_seat(&m.registry->lanes);
	else if (!is_first(s->state))
		warm_up(s, a);
	if (s->state == REGAINED) {
		tenant_leaves();
		cpromi_lane_entries[m.registry->lanes.entry].retry = 1;
	}
	if (s->state == TURNING) {
		sketch_ns += 6 * 120 * (uint64_t)1000000000; /* the same slot, for another slice */
		a->count = 0;
	}
	if (s->over == &dump)
		page_before = cprom_render(m.registry, NULL, NULL);
	if (has_no_lane(s->state))
		tenant_sleeps();
}

static bool
count_seats(struct seat *s, void *arg)
{
	*(unsigned *)arg += load_relaxed(&s->owner) != 0;
	if (load_relaxed(&s->epoch) != 0)
		*(unsigned *)arg += 1000;
	return true;
}

/* What is wrong with the seats: no more than threads, or one that waits for its thread's end. */
static const char *
judge_seats(const struct scene *s)
{
	unsigned n = 0, most = has_no_lane(s->state) || s->state == REGAINED ? 2 : 1;

	cpromi_lanes_each_seat(&m.registry->lanes, count_seats, &n);
	if (n >= 1000)
		return "a seat was left in an epoch";
	if (n > most)
		return "more seats than threads";
	if (cpromi_lane_entries[m.registry->lanes.entry].retry > 1 << 20)
		return "the thread will not look for a lane again";
	return NULL;
}

/* Says what went wrong in out, or makes it empty. */
static void
judge(const struct scene *s, const struct account *expected, char *out, size_t size)
{
	enum what what = s->over->what == NOTHING ? s->under->what : s->over->what;
	double got = sum_now(what);
	uint64_t count = count_now(what);
	const char *seats = judge_seats(s);
	bool loose = s->state == NEW_SHARED; /* K3: lane 0 may leave it out of the window */

	out[0] = '\0';
	if (got != expected->sum)
		snprintf(out, size, "sum %g, not %g", got, expected->sum);
	else if (what != SKETCH && count != expected->count)
		snprintf(out, size, "count %u, not %u", (unsigned)count, expected->count);
	else if (what == SKETCH && !loose && !window_holds(expected->count, sketch_ns))
		snprintf(out, size, "the window does not hold %u", expected->count);
	else if (s->over == &dump && !s->loose && !is_page(dumped()))
		snprintf(out, size, "the dump is neither the page before nor the one after");
	else if (cprom_counter_value(neighbour.counter) != neighbour.expected)
		snprintf(out, size, "the other registry counts %g, not %g",
			 cprom_counter_value(neighbour.counter), neighbour.expected);
	else if (seats != NULL)
		snprintf(out, size, "%s", seats);
}

static void
tear_down(const struct scene *s)
{
	if (has_no_lane(s->state))
		tenant_leaves();
	free(page_before);
	page_before = NULL;
	cprom_registry_free(m.registry);
	m = (struct metrics){0};
	for (unsigned i = 0; i < LANE_ENTRIES; i++) {
		cprom_registry_free(fillers[i]);
		fillers[i] = NULL;
	}
}

/* ---- a child that is interrupted at one instruction ---------------------------- */

#if defined(__x86_64__) && !defined(SANITIZED)

#define MAX_POINTS 100000
#define NO_PTRACE 77
#define ROUND_SECONDS 60
#define TRAP 0xCC

/* Between the tracer and the traced child. */
static struct stage {
	volatile bool stop, left_epoch;
	volatile unsigned handled;
	char wrong[120];
} * stage;

static const struct scene *scene; /* that the child plays */

static void
interrupt(int signo)
{
	struct seat *seat = cpromi_lane_entries[m.registry->lanes.entry].seat;
	uint64_t epoch = seat == NULL ? 0 : load_relaxed(&seat->epoch);

	(void)signo;
	if (scene->elsewhere)
		update_elsewhere();
	scene->over->run();
	stage->handled++;
	stage->left_epoch |= epoch != 0 && load_relaxed(&seat->epoch) != epoch;
}

static _Noreturn void
play(void)
{
	struct account a;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(NO_PTRACE);
	signal(SIGUSR1, interrupt);
	while (!stage->stop) {
		set_up(scene, &a);
		stage->handled = 0;
		alarm(ROUND_SECONDS);                  /* should it wait for itself */
		__asm__ volatile("int3" ::: "memory"); /* the tracer makes its plans */
		scene->under->run();
		__asm__ volatile("int3" ::: "memory");
		enter_in(&a, scene->under, 1);
		enter_in(&a, scene->over, stage->handled);
		if (stage->handled == 0 && scene->over == &dump)
			dump_anew();
		judge(scene, &a, stage->wrong, sizeof(stage->wrong));
		if (stage->left_epoch)
			strcpy(stage->wrong, "the handler left the epoch of what it interrupted");
		tear_down(scene);
	}
	_exit(0);
}

/* A boundary between two instructions: before this one is executed for the n-th time. */
struct point {
	uintptr_t address;
	unsigned before;
};

static struct point points[MAX_POINTS];

static uintptr_t
address_of(pid_t pid)
{
	errno = 0;
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
}

/* Lets the child go on with that signal until it stops for us. */
static uintptr_t
go_on(pid_t pid, int how, int signo)
{
	int status = 0;

	do {
		assert_int_equal(ptrace(how, pid, NULL, (void *)(intptr_t)signo), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		signo = SIGUSR1; /* if it was blocked, it comes now */
	} while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1);
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		fail_msg("%s, %s: the child stops with status %#x", scene->under->name,
			 state_names[scene->state], (unsigned)status);
	return address_of(pid);
}

/* Writes a byte of the child's code; returns what was there. */
static unsigned char
poke(pid_t pid, uintptr_t address, unsigned char byte)
{
	void *word = (void *)(address & ~(uintptr_t)7);
	unsigned shift = 8 * (address & 7);
	uint64_t old = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, word, NULL);
	uint64_t new = (old & ~((uint64_t)0xFF << shift)) | (uint64_t)byte << shift;

	assert_int_equal(ptrace(PTRACE_POKETEXT, pid, word, (void *)new), 0);
	return (unsigned char)(old >> shift);
}

/* Where the child stops before and behind the update. */
struct stops {
	uintptr_t begin, end;
};

/* Steps through the update, which nobody interrupts, and writes down the way. */
static unsigned
walk(pid_t pid, struct stops at)
{
	unsigned n = 0;

	for (uintptr_t a = at.begin; a != at.end; a = go_on(pid, PTRACE_SINGLESTEP, 0)) {
		if (n > 0 && points[n - 1].address == a)
			continue; /* one instruction that repeats itself */
		assert_true(n < MAX_POINTS);
		points[n] = (struct point){a, 0};
		for (unsigned i = 0; i < n; i++)
			points[n].before += points[i].address == a;
		n++;
	}
	return n;
}

/* Runs the update with the signal at that point; false if it took another way this time. */
static bool
interrupt_at(pid_t pid, struct stops at, const struct point *p)
{
	unsigned char byte = poke(pid, p->address, TRAP);
	unsigned before = 0;

	while (go_on(pid, PTRACE_CONT, 0) == p->address + 1) {
		poke(pid, p->address, byte);
		assert_int_equal(
			ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), p->address),
			0);
		if (before++ == p->before) {
			assert_true(go_on(pid, PTRACE_CONT, SIGUSR1) == at.end);
			return true;
		}
		go_on(pid, PTRACE_SINGLESTEP, 0);
		poke(pid, p->address, TRAP);
	}
	poke(pid, p->address, byte); /* before another thread comes this way */
	return false;
}

static cpu_set_t all_cpus;

/* Tracer and child by turns are four times faster there. */
static int
stay_on_one_cpu(void **state)
{
	cpu_set_t one;

	(void)state;
	sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

static int
use_all_cpus(void **state)
{
	(void)state;
	return sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
}

struct result {
	unsigned points, missed, wrong;
	char first[240];
};

static void
note_wrong(struct result *r, unsigned i)
{
	extern char __executable_start;

	if (stage->wrong[0] == '\0')
		return;
	if (r->wrong++ == 0)
		snprintf(r->first, sizeof(r->first), "boundary %u (at %#zx in the program): %s", i,
			 (size_t)(points[i].address - (uintptr_t)&__executable_start),
			 stage->wrong);
}

/* A child at the begin of its first update, and where that is; -1 if it may not be traced. */
static pid_t
begin_play(uintptr_t *begin)
{
	int status = 0;
	pid_t pid;

	memset(stage, 0, sizeof(*stage));
	pid = fork();
	if (pid == 0)
		play();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PTRACE)
		return -1;
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL);
	*begin = address_of(pid);
	return pid;
}

/* After the update: the verdict is in, and the child is at the next one. */
static void
next_round(pid_t pid, struct stops at)
{
	assert_true(go_on(pid, PTRACE_CONT, 0) == at.begin);
}

static void
end_play(pid_t pid)
{
	int status = 0;

	stage->stop = true;
	go_on(pid, PTRACE_CONT, 0);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A new child, if the scene is about the first update of a process. */
static pid_t
refresh(pid_t pid)
{
	uintptr_t unused;

	if (scene->state != FIRST)
		return pid;
	end_play(pid);
	return begin_play(&unused);
}

static void
try_all(pid_t pid, struct stops at, struct result *r)
{
	r->points = walk(pid, at);
	next_round(pid, at);
	if (stage->wrong[0] != '\0')
		fail_msg("%s, %s, uninterrupted: %s", scene->under->name, state_names[scene->state],
			 stage->wrong);
	for (unsigned i = 0; i < r->points; i++) {
		bool hit = false;

		for (int tries = 0; tries < 2 && !hit; tries++) {
			pid = refresh(pid);
			hit = interrupt_at(pid, at, &points[i]);
			next_round(pid, at);
			note_wrong(r, i);
		}
		r->missed += !hit;
	}
	end_play(pid);
}

/* False if this machine does not let a process trace its child. */
static bool
run_scene(const struct scene *s, struct result *r)
{
	struct stops at;
	pid_t pid;

	*r = (struct result){0};
	scene = s;
	pid = begin_play(&at.begin);
	if (pid == -1)
		return false;
	at.end = go_on(pid, PTRACE_CONT, 0);
	next_round(pid, at); /* once before, lest it meet the dynamic linker */
	pid = refresh(pid);
	try_all(pid, at, r);
	return true;
}

/* Plays all of them; says which went wrong and fails then. */
static void
run_scenes(const struct scene *scenes, size_t n)
{
	unsigned points_in_all = 0, missed = 0, wrong = 0;
	struct result r;

	for (size_t i = 0; i < n; i++) {
		const struct scene *s = &scenes[i];

		if (!run_scene(s, &r))
			skip();
		points_in_all += r.points;
		missed += r.missed;
		wrong += r.wrong > 0;
		if (getenv("VERBOSE_SCENES") || r.wrong > 0)
			print_message("%s under %s%s, %s: %u boundaries, %u missed, %u wrong %s\n",
				      s->under->name, s->elsewhere ? "another registry and " : "",
				      s->over->name, state_names[s->state], r.points, r.missed,
				      r.wrong, r.first);
	}
	print_message("%zu scenes, %u boundaries, %u not met again\n", n, points_in_all, missed);
	assert_int_equal(wrong, 0);
	assert_true(missed <= points_in_all / 20);
}

/* ---- what a dump calls ------------------------------------------------------------ */

/* As signal-safety(7) has them, or system calls as such. */
static const struct {
	const char *name;
	void (*address)(void); /* whatever its type */
} safe[] = {
	{"write", (void (*)(void))write},
	{"getpid", (void (*)(void))getpid},
	{"syscall", (void (*)(void))syscall},
	{"clock_gettime", (void (*)(void))clock_gettime},
	{"memcpy", (void (*)(void))memcpy},
	{"memmove", (void (*)(void))memmove},
	{"memset", (void (*)(void))memset},
	{"memchr", (void (*)(void))memchr},
	{"strlen", (void (*)(void))strlen},
	{"__errno_location", (void (*)(void))__errno_location},
	/* Of the test's own deed. */
	{"ftruncate", (void (*)(void))ftruncate},
	{"lseek", (void (*)(void))lseek},
};

static const char *
safe_name(uintptr_t address)
{
	for (size_t i = 0; i < array_len(safe); i++)
		if ((uintptr_t)safe[i].address == address)
			return safe[i].name;
	return NULL;
}

static bool
in_program(uintptr_t address)
{
	extern char __executable_start, etext;

	return address >= (uintptr_t)&__executable_start && address < (uintptr_t)&etext;
}

static void
assert_calls_are_safe(unsigned n)
{
	unsigned calls = 0, unsafe = 0;

	for (unsigned i = 1; i < n; i++) {
		Dl_info info = {.dli_sname = NULL};

		if (!in_program(points[i - 1].address) || in_program(points[i].address))
			continue;
		calls++;
		if (safe_name(points[i].address) != NULL)
			continue;
		dladdr((void *)points[i].address, &info);
		print_message("the dump calls %s\n", info.dli_sname);
		unsafe++;
	}
	print_message("%u instructions, %u calls\n", n, calls);
	assert_true(calls > 10);
	assert_int_equal(unsafe, 0);
}

static void
a_dump_calls_async_signal_safe_functions_alone(void **state)
{
	static const struct scene dumping[] = {
		{&dump, &inc, HOT, false, true},      /* on the thread's seat */
		{&dump, &inc, NEW_LANE, false, true}, /* on one that is borrowed */
	};

	(void)state;
	if (getauxval(AT_BASE) == 0)
		skip(); /* linked statically: what is called is part of the program */
	for (size_t i = 0; i < array_len(dumping); i++) {
		struct stops at;
		pid_t pid;

		scene = &dumping[i];
		pid = begin_play(&at.begin);
		if (pid == -1)
			skip();
		at.end = go_on(pid, PTRACE_CONT, 0);
		next_round(pid, at); /* the dynamic linker has bound what it calls */
		assert_calls_are_safe(walk(pid, at));
		next_round(pid, at);
		end_play(pid);
	}
}

#else

static void
a_dump_calls_async_signal_safe_functions_alone(void **state)
{
	(void)state;
	skip();
}

static int
stay_on_one_cpu(void **state)
{
	(void)state;
	return 0;
}

#define use_all_cpus stay_on_one_cpu

static void
run_scenes(const struct scene *scenes, size_t n)
{
	(void)scenes;
	(void)n;
	(void)state_names;
	(void)set_up;
	(void)judge;
	(void)tear_down;
	skip();
}

#endif

/* The first ones have each a way of their own on a first update. */
static const struct {
	const struct deed *under, *over;
} pairs[] = {
	{&inc, &inc},           {&add_half, &add_half}, {&observe, &observe},
	{&sum, &sum},           {&quantile, &quantile}, {&sketch, &sketch},
	{&part_add, &part_add}, {&part_set, &part_set}, {&inc, &add_half},
	{&add_half, &add_3},    {&add_3, &add_3},       {&g_inc, &g_inc},
	{&g_dec, &g_inc},       {&g_add, &g_add},       {&g_sub, &g_add},
	{&g_max_8, &g_max_16},  {&g_max_16, &g_max_8},  {&observe, &observe_3},
	{&observe_3, &observe},
};

#define WAYS 8

static void
play_all(enum state state, bool elsewhere)
{
	struct scene scenes[array_len(pairs)];
	size_t n = is_first(state) || state == NEW_CELLS ? WAYS : array_len(pairs);

	for (size_t i = 0; i < n; i++)
		scenes[i] = (struct scene){pairs[i].under, pairs[i].over, state, elsewhere, false};
	run_scenes(scenes, n);
}

static void
at_each_instruction_of_an_update_a_handler_may_make_another(void **state)
{
	(void)state;
	play_all(HOT, false);
}

static void
at_each_instruction_of_the_first_update_of_a_series(void **state)
{
	(void)state;
	play_all(NEW_CELLS, false);
}

static void
at_each_instruction_of_the_first_update_of_a_thread(void **state)
{
	(void)state;
	play_all(NEW_LANE, false);
}

static void
at_each_instruction_of_an_update_without_a_lane(void **state)
{
	(void)state;
	play_all(SHARED, false);
	play_all(NEW_SHARED, false);
	play_all(REGAINED, false);
	play_all(NO_ENTRY, false);
}

static void
at_each_instruction_while_the_handler_updates_another_registry_first(void **state)
{
	(void)state;
	play_all(HOT, true);
	play_all(SHARED, true);
}

static void
at_each_instruction_of_the_turn_of_a_window(void **state)
{
	static const struct scene turn = {&sketch, &sketch, TURNING, false, false};

	(void)state;
	run_scenes(&turn, 1);
}

static void
at_each_instruction_the_handler_may_leave_the_entry_to_another_registry(void **state)
{
	static const struct scene scenes[] = {
		{&enter, &stray, HOT, false, false},    {&inc, &stray, HOT, false, false},
		{&add_half, &stray, HOT, false, false}, {&observe, &stray, HOT, false, false},
		{&quantile, &stray, HOT, false, false}, {&labels, &stray, HOT, false, false},
		{&inc, &stray, SHARED, false, false},   {&inc, &stray, REGAINED, false, false},
		{&inc, &stray, NEW_LANE, false, false},
	};

	(void)state;
	run_scenes(scenes, array_len(scenes));
}

static void
at_each_instruction_of_an_update_in_a_shared_registry(void **state)
{
	(void)state;
	play_all(COMMON, false);
	play_all(NEW_COMMON, false);
}

/* What the library does once in a process may wait for itself if it does that in an update. */
static void
at_each_instruction_of_the_first_update_of_a_process(void **state)
{
	static const struct scene scenes[] = {
		{&inc, &inc, FIRST, false, false},
		{&part_add, &part_add, FIRST, false, false},
	};

	(void)state;
	run_scenes(scenes, array_len(scenes));
}

static void
at_each_instruction_of_a_look_up_creation_or_removal(void **state)
{
	static const struct scene scenes[] = {
		{&labels, &labels, HOT, false, false},      {&labels, &labels, HOT, true, false},
		{&labels, &labels, NEW_LANE, false, false}, {&make, &labels, HOT, false, false},
		{&make, &labels, HOT, true, false},         {&drop, &labels, HOT, false, false},
		{&drop, &labels, HOT, true, false},
	};

	(void)state;
	run_scenes(scenes, array_len(scenes));
}

static void
at_each_instruction_a_dump_shows_the_page_before_or_after_it(void **state)
{
	static const struct scene scenes[] = {
		{&inc, &dump, HOT, false, false},         {&add_half, &dump, HOT, false, false},
		{&inc, &dump, NEW_LANE, false, false},    {&g_add, &dump, HOT, false, false},
		{&observe, &dump, HOT, false, true},      {&sum, &dump, HOT, false, true},
		{&quantile, &dump, HOT, false, true},     {&labels, &dump, HOT, false, false},
		{&make, &dump, HOT, false, false},        {&drop, &dump, HOT, false, false},
		{&part_add, &dump, COMMON, false, false},
	};

	(void)state;
	run_scenes(scenes, array_len(scenes));
}

/* ---- storms ------------------------------------------------------------------- */

#define STORM_SECONDS 3.0 /* at most */
#define STORM_THREADS 2
#define BATCH 32
#if defined(SANITIZED)
#define HAIL_US 400 /* a handler takes long there */
#define DUMP_HAIL_US 4000
#define STORM_SIGNALS 2000u
#define FEWEST_SIGNALS 1u /* they are held back there, too */
#else
#define STORM_SIGNALS 12000u
#define FEWEST_SIGNALS 200u
#define HAIL_US 29
#define DUMP_HAIL_US 300
#endif

static const struct deed *const storm_deeds[] = {
	&inc,   &add_3,   &add_half,  &g_inc, &g_dec,    &g_add,
	&g_sub, &observe, &observe_3, &sum,   &quantile, &part_add,
};

static struct storm {
	bool elsewhere;
	atomic_u32 over;
	atomic_u32 began;         /* newcomers */
	atomic_u64 done, handled; /* rounds of all deeds: by threads, by handlers */
	atomic_u64 seen;          /* signals, until now */
	pthread_t threads[STORM_THREADS];
	atomic_u32 came, tids[STORM_THREADS]; /* who is out in it */
} storm;

static _Thread_local atomic_u64 handled; /* by this thread's handlers, which may nest */

static void
do_all(void)
{
	for (size_t i = 0; i < array_len(storm_deeds); i++)
		storm_deeds[i]->run();
}

static void
handle_storm(int signo)
{
	int saved = errno;

	(void)signo;
	if (storm.elsewhere)
		cprom_counter_inc(neighbour.counter);
	do_all();
	add_relaxed(&handled, 1);
	add_acq_rel(&storm.seen, 1);
	errno = saved;
}

/* Of both signals; nested: each may interrupt the other. */
static void
handle_with(void (*handler)(int), bool nested)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigemptyset(&a.sa_mask);
	if (!nested) {
		sigaddset(&a.sa_mask, SIGUSR1);
		sigaddset(&a.sa_mask, SIGUSR2);
	}
	assert_int_equal(sigaction(SIGUSR1, &a, NULL), 0);
	assert_int_equal(sigaction(SIGUSR2, &a, NULL), 0);
}

/* Out into the storm: signals come from now on. Until settle(). */
static void
go_out(void)
{
	uint32_t i = add_relaxed(&storm.came, 1);

	store_release(&storm.tids[i], (uint32_t)gettid());
}

/* What this thread's handlers did; none comes any more. */
static void
settle(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	add_relaxed(&storm.handled, load_relaxed(&handled));
}

static void *
weather(void *unused)
{
	uint64_t n = 0;

	go_out();
	for (; !load_acquire(&storm.over); n += BATCH)
		for (unsigned i = 0; i < BATCH; i++)
			do_all();
	settle();
	add_relaxed(&storm.done, n);
	return unused;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A timer that sends the thread a signal every so many µs. */
static timer_t
start_timer(uint32_t tid, int signo, long us)
{
	struct itimerspec often = {{0, us * 1000}, {0, us * 1000}};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signo};
	timer_t t;

	event.sigev_notify_thread_id = (pid_t)tid;
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &t), 0);
	assert_int_equal(timer_settime(t, 0, &often, NULL), 0);
	return t;
}

/*
 * Two signals for each thread, of which each comes in the middle of the other's handler at
 * times; until there were enough, or it takes too long. The threads themselves could not end
 * it: where a handler takes as long as the next signal, that is all they come to do.
 */
static void
hail_on(unsigned threads, long us)
{
	double end = seconds() + STORM_SECONDS;
	timer_t timers[2 * STORM_THREADS];

	if (getenv("CPROM_EMULATED") != NULL)
		us *= 50; /* or handlers are all that an emulator gets done */
	for (unsigned i = 0; i < threads; i++) {
		uint32_t tid;

		while ((tid = load_acquire(&storm.tids[i])) == 0)
			usleep(100);
		timers[2 * i] = start_timer(tid, SIGUSR1, us);
		timers[2 * i + 1] = start_timer(tid, SIGUSR2, us + 2);
	}
	while (load_acquire(&storm.seen) < STORM_SIGNALS && seconds() < end)
		usleep(1000);
	store_release(&storm.over, 1);
	for (unsigned i = 0; i < 2 * threads; i++)
		timer_delete(timers[i]);
}

static void
run_storm(bool elsewhere)
{
	storm = (struct storm){.elsewhere = elsewhere};
	handle_with(handle_storm, true);
	for (unsigned i = 0; i < STORM_THREADS; i++)
		assert_int_equal(pthread_create(&storm.threads[i], NULL, weather, NULL), 0);
	hail_on(STORM_THREADS, HAIL_US);
	for (unsigned i = 0; i < STORM_THREADS; i++)
		assert_int_equal(pthread_join(storm.threads[i], NULL), 0);
}

static void
assert_exact(void)
{
	uint64_t done = load_relaxed(&storm.done), n = load_relaxed(&storm.handled);
	struct account accounts[WHATS] = {{0}};

	print_message("%u updates, interrupted %u times\n",
		      (unsigned)(done * array_len(storm_deeds)), (unsigned)n);
	for (size_t i = 0; i < array_len(storm_deeds); i++) {
		const struct deed *d = storm_deeds[i];

		enter_in(&accounts[d->what], d, (unsigned)(done + n));
	}
	for (enum what w = 0; w < LABELLED; w++)
		if (w != GAUGE_MAX && w != PART_SET && w != SKETCH) {
			assert_double(sum_now(w), accounts[w].sum);
			assert_int_equal(count_now(w), accounts[w].count);
		}
	assert_true(n >= FEWEST_SIGNALS);
}

static void
storm_over(bool shared, unsigned lanes, bool elsewhere)
{
	make_metrics(shared, lanes);
	neighbour.expected = cprom_counter_value(neighbour.counter);
	run_storm(elsewhere);
	assert_exact();
	if (elsewhere)
		assert_double(cprom_counter_value(neighbour.counter),
			      neighbour.expected + (double)load_relaxed(&storm.handled));
	cprom_registry_free(m.registry);
}

static void
a_storm_over_threads_with_lanes_loses_nothing(void **state)
{
	(void)state;
	storm_over(false, 4, false);
}

static void
a_storm_over_threads_of_which_one_has_no_lane_loses_nothing(void **state)
{
	(void)state;
	storm_over(false, 2, false); /* one is the test's own */
	storm_over(false, 1, false);
}

static void
a_storm_over_a_shared_registry_loses_nothing(void **state)
{
	(void)state;
	storm_over(true, 4, false);
	storm_over(true, 1, false);
}

static void
a_storm_whose_handlers_take_the_entry_for_another_registry_loses_nothing(void **state)
{
	(void)state;
	storm_over(false, 4, true);
	storm_over(false, 1, true);
}

/* ---- what a thread does first in a handler ------------------------------------- */

#define NEWCOMERS 300

static void *
wait_for_handler(void *unused)
{
	add_acq_rel(&storm.began, 1);
	while (load_acquire(&handled) == 0)
		sched_yield();
	settle();
	return unused;
}

static bool
count_owned(struct seat *s, void *arg)
{
	*(unsigned *)arg += load_relaxed(&s->owner) != 0;
	return true;
}

static void
a_thread_may_make_its_first_update_in_a_handler_and_leaves_its_lane(void **state)
{
	unsigned owned = 0;

	(void)state;
	make_metrics(false, 4);
	storm = (struct storm){.elsewhere = false};
	handle_with(handle_storm, true);
	for (uint32_t i = 0; i < NEWCOMERS; i++) {
		assert_int_equal(pthread_create(&storm.threads[0], NULL, wait_for_handler, NULL),
				 0);
		while (load_acquire(&storm.began) == i)
			sched_yield();
		assert_int_equal(pthread_kill(storm.threads[0], SIGUSR1), 0);
		assert_int_equal(pthread_join(storm.threads[0], NULL), 0);
	}
	assert_int_equal(load_relaxed(&storm.handled), NEWCOMERS);
	assert_exact();
	assert_int_equal(load_relaxed(&m.registry->lanes.used), 2);
	cpromi_lanes_each_seat(&m.registry->lanes, count_owned, &owned);
	assert_int_equal(owned, 1);
	cprom_registry_free(m.registry);
}

/* ---- handlers over look-ups, creation, removal and pages ------------------------ */

#define UNDERTAKINGS 3000 /* at least */

static void
look_up(int signo)
{
	int saved = errno;

	(void)signo;
	if (storm.elsewhere)
		cprom_counter_inc(neighbour.counter);
	labels_inc();
	add_relaxed(&handled, 1);
	add_acq_rel(&storm.seen, 1);
	errno = saved;
}

/* Creates, updates, looks up, reads and removes; *arg: how often. */
static void *
come_and_go(void *arg)
{
	unsigned n = 0;
	char name[16];

	go_out();
	for (; n < UNDERTAKINGS || !load_acquire(&storm.over); n++) {
		snprintf(name, sizeof(name), "%u", n);
		cprom_counter_inc(cprom_labels(m.labelled, name));
		labels_inc();
		if (n % 16 == 0)
			free(cprom_render(m.registry, NULL, NULL));
		cprom_remove(m.labelled, name);
	}
	settle();
	*(unsigned *)arg = n;
	return NULL;
}

static void
look_ups_over_everything(bool elsewhere)
{
	unsigned inside = 0, n = 0;

	make_metrics(false, 4);
	storm = (struct storm){.elsewhere = elsewhere};
	handle_with(look_up, true);
	assert_int_equal(pthread_create(&storm.threads[0], NULL, come_and_go, &n), 0);
	hail_on(1, HAIL_US);
	assert_int_equal(pthread_join(storm.threads[0], NULL), 0);
	print_message("%u undertakings, interrupted %u times\n", n,
		      (unsigned)load_relaxed(&storm.handled));
	assert_double(sum_now(LABELLED), n + (double)load_relaxed(&storm.handled));
	assert_true(load_relaxed(&storm.handled) >= FEWEST_SIGNALS);
	cpromi_lanes_each_seat(&m.registry->lanes, count_seats, &inside);
	assert_true(inside < 1000); /* nobody is left in an epoch, so memory was used again */
	assert_true(load_relaxed(&m.registry->region.used) < (uint64_t)1 << 20);
	cprom_registry_free(m.registry);
}

static void
a_handler_may_look_up_and_update_over_look_ups_creation_removal_and_pages(void **state)
{
	(void)state;
	look_ups_over_everything(false);
	look_ups_over_everything(true);
}

/* ---- dumps from handlers ---------------------------------------------------------- */

static void
dump_now(int signo)
{
	int saved = errno;

	(void)signo;
	dump_anew();
	add_relaxed(&handled, 1);
	add_acq_rel(&storm.seen, 1);
	errno = saved;
}

/* Every line ends, each family has its head, and what is stable is there. */
static void
assert_whole(const char *page)
{
	assert_int_equal(
		strncmp(page, "# HELP c_total C.\n# TYPE c_total counter\nc_total 7\n", 50), 0);
	for (const char *end; *page != '\0'; page = end + 1) {
		end = strchr(page, '\n');
		assert_non_null(end);
		assert_true(strncmp(page, "# HELP ", 7) == 0 || strncmp(page, "# TYPE ", 7) == 0 ||
			    memchr(page, ' ', (size_t)(end - page)) != NULL);
	}
}

/* Uses the heap all the time; *arg: dumps that were looked at. */
static void *
use_the_heap(void *arg)
{
	void *blocks[64] = {NULL};
	sigset_t all, old;
	char name[16];

	sigfillset(&all);
	go_out();
	for (unsigned n = 0; !load_acquire(&storm.over); n++) {
		snprintf(name, sizeof(name), "%u", n);
		cprom_counter_inc(cprom_labels(m.labelled, name));
		cprom_histogram_observe(m.histogram, 0.5);
		for (unsigned i = 0; i < array_len(blocks); i++) {
			free(blocks[i]);
			blocks[i] = malloc(16 + (n * 97 + i * 131) % 3000);
		}
		cprom_remove(m.labelled, name);
		if (n % 16 != 0 || load_relaxed(&handled) == 0)
			continue;
		pthread_sigmask(SIG_BLOCK, &all, &old);
		assert_whole(dumped());
		*(unsigned *)arg += 1;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	for (unsigned i = 0; i < array_len(blocks); i++)
		free(blocks[i]);
	settle();
	return NULL;
}

static void
a_handler_may_dump_over_the_heap_creation_and_removal(void **state)
{
	unsigned looked_at = 0;

	(void)state;
	make_metrics(false, 4);
	cprom_counter_add(m.counter, 7);
	storm = (struct storm){.elsewhere = false};
	handle_with(dump_now, false);
	assert_int_equal(pthread_create(&storm.threads[0], NULL, use_the_heap, &looked_at), 0);
	hail_on(1, DUMP_HAIL_US);
	assert_int_equal(pthread_join(storm.threads[0], NULL), 0);
	print_message("%u dumps, %u looked at\n", (unsigned)load_relaxed(&storm.handled),
		      looked_at);
	assert_true(looked_at > 10);
	cprom_registry_free(m.registry);
}

/* ---- the last page ---------------------------------------------------------------- */

#if defined(SANITIZED) || !defined(__OPTIMIZE__)
#define DUMP_STACK 65536
#else
#define DUMP_STACK 4096 /* as the header promises */
#endif
#define DUMPED 42
#define PAINT 0x5A

static unsigned char *crash_stack; /* the part that the handler may use, above a guard page */
static size_t crash_stack_bytes;

/* With what the kernel puts on it. */
static size_t
frame_bytes(void)
{
	size_t n = getauxval(AT_MINSIGSTKSZ);

	return n == 0 ? 4096 : n; /* an old kernel, or a machine with a small state */
}

static void
open_crash_stack(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t whole;
	unsigned char *p;

	crash_stack_bytes = frame_bytes() + DUMP_STACK;
	whole = (crash_stack_bytes + page - 1) / page * page;
	p = mmap(NULL, page + whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p, page, PROT_NONE), 0);
	crash_stack = p + page;
	memset(crash_stack, PAINT, whole);
}

/* What of it was used; the status of the child says it. */
static unsigned
crash_stack_used(const void *from)
{
	const unsigned char *p = crash_stack;

	while (*p == PAINT)
		p++;
	return (unsigned)((const unsigned char *)from - p);
}

static struct last_words {
	int result;
	unsigned stack;
} * last_words; /* shared with the child */

static void
leave_a_page(int signo)
{
	(void)signo;
	last_words->result = cprom_dump_fd(m.registry, dump_fd);
	last_words->stack = crash_stack_used(__builtin_frame_address(0));
	_exit(DUMPED);
}

static void
crash(int signo)
{
	struct sigaction a = {.sa_handler = leave_a_page, .sa_flags = SA_ONSTACK};
	const stack_t stack = {.ss_sp = crash_stack, .ss_size = crash_stack_bytes};

	sigemptyset(&a.sa_mask);
	sigaltstack(&stack, NULL);
	sigaction(signo, &a, NULL);
	if (signo == SIGABRT)
		abort();
	else
		*(volatile unsigned char *)(crash_stack - 1) = 1; /* the guard page */
	_exit(0);
}

static double
never(void *unused)
{
	(void)unused;
	abort();
}

static void
collect_never(cprom_sink *out, void *unused)
{
	(void)out;
	(void)unused;
	abort();
}

static void
assert_last_page(int signo, const char *expected)
{
	int status = 0;
	pid_t pid;

	assert_int_equal(ftruncate(dump_fd, 0), 0);
	assert_int_equal(lseek(dump_fd, 0, SEEK_SET), 0);
	*last_words = (struct last_words){-1, 0};
	pid = fork();
	if (pid == 0)
		crash(signo);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), DUMPED);
	assert_int_equal(last_words->result, 0);
	assert_string_equal(dumped(), expected);
	print_message("%s: %u bytes of stack, beside %zu of the kernel's\n", strsignal(signo),
		      last_words->stack, frame_bytes());
	assert_true(last_words->stack <= DUMP_STACK);
}

static void
a_process_that_crashes_leaves_a_page_on_a_small_stack(void **state)
{
	char *expected;

	(void)state;
	make_metrics(false, 4);
	do_all();
	expected = cprom_render(m.registry, NULL, NULL);
	/* Neither of them may be run now. */
	cprom_gauge_new("callback", "G.", .registry = m.registry, .callback = never);
	cprom_collector_new(collect_never, NULL, .registry = m.registry);
	open_crash_stack();
	last_words = mmap(NULL, sizeof(*last_words), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(last_words != MAP_FAILED);
	assert_last_page(SIGSEGV, expected);
	assert_last_page(SIGABRT, expected);
	free(expected);
	cprom_registry_free(m.registry);
}

static int
open_stage(void **state)
{
	(void)state;
	dump_fd = memfd_create("dump", 0);
	make_neighbour();
#if defined(__x86_64__) && !defined(SANITIZED)
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	return stage == MAP_FAILED ? -1 : 0;
#else
	return 0;
#endif
}

#define stepped(f) cmocka_unit_test_setup_teardown(f, stay_on_one_cpu, use_all_cpus)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		stepped(at_each_instruction_of_the_first_update_of_a_process), /* first */
		stepped(at_each_instruction_of_an_update_a_handler_may_make_another),
		stepped(at_each_instruction_of_the_turn_of_a_window),
		stepped(at_each_instruction_of_the_first_update_of_a_series),
		stepped(at_each_instruction_of_the_first_update_of_a_thread),
		stepped(at_each_instruction_of_an_update_without_a_lane),
		stepped(at_each_instruction_while_the_handler_updates_another_registry_first),
		stepped(at_each_instruction_the_handler_may_leave_the_entry_to_another_registry),
		stepped(at_each_instruction_of_an_update_in_a_shared_registry),
		stepped(at_each_instruction_of_a_look_up_creation_or_removal),
		stepped(a_dump_calls_async_signal_safe_functions_alone),
		stepped(at_each_instruction_a_dump_shows_the_page_before_or_after_it),
		cmocka_unit_test(a_storm_over_threads_with_lanes_loses_nothing),
		cmocka_unit_test(a_storm_over_threads_of_which_one_has_no_lane_loses_nothing),
		cmocka_unit_test(a_storm_over_a_shared_registry_loses_nothing),
		cmocka_unit_test(
			a_storm_whose_handlers_take_the_entry_for_another_registry_loses_nothing),
		cmocka_unit_test(
			a_thread_may_make_its_first_update_in_a_handler_and_leaves_its_lane),
		cmocka_unit_test(
			a_handler_may_look_up_and_update_over_look_ups_creation_removal_and_pages),
		cmocka_unit_test(a_handler_may_dump_over_the_heap_creation_and_removal),
		cmocka_unit_test(a_process_that_crashes_leaves_a_page_on_a_small_stack),
	};

	return cmocka_run_group_tests(tests, open_stage, NULL);
}
