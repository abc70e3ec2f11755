/* SPDX-License-Identifier: MIT */
/*
 * Tests of threads: however many come, at once or one after the other, and however they
 * end, nothing that they counted is lost and what they used is used again.
 *
 * All amounts are sums of powers of two, so totals are exact.
 */
#include "epoch.h"
#include "registry.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define REGISTRY_OPTIONS .max_lanes = 64
#include "expect.h"
#include "with_registry.h"

#if defined(SANITIZED)
#define SLOWER 8 /* what takes long is done so much less often */
#define RESIDENT_MATTERS false
#else
#define SLOWER 1
#define RESIDENT_MATTERS true /* a sanitizer's own memory is resident, too */
#endif

/* ---- one of each type ---------------------------------------------------------- */

static cprom_counter *counter;
static cprom_gauge *gauge;
static cprom_histogram *histogram;
static cprom_summary *summary;

static int
set_up(void **state)
{
	if (setup(state) == -1)
		return -1;
	counter = cprom_counter_new("c_total", "C.", .registry = registry);
	gauge = cprom_gauge_new("g", "G.", .registry = registry);
	histogram = cprom_histogram_new("h", "H.", .registry = registry,
					.buckets = CPROM_BUCKETS(1, 2));
	summary = cprom_summary_new("s", "S.", .registry = registry,
				    .quantiles = CPROM_QUANTILES(0.5));
	return summary == NULL ? -1 : 0;
}

/* One round of updates, of each type and of both planes of a counter. */
static void
count(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		cprom_counter_inc(counter);
		cprom_counter_add(counter, 0.25);
		cprom_gauge_add(gauge, 0.5);
		cprom_histogram_observe(histogram, 1.5);
		cprom_summary_observe(summary, 2.5);
	}
}

static void
assert_counted(uint64_t rounds)
{
	double n = (double)rounds;

	assert_double(cprom_counter_value(counter), 1.25 * n);
	assert_double(cprom_gauge_value(gauge), 0.5 * n);
	assert_int_equal(cprom_histogram_count(histogram), rounds);
	assert_double(cprom_histogram_sum(histogram), 1.5 * n);
	assert_int_equal(cprom_summary_count(summary), rounds);
	assert_double(cprom_summary_sum(summary), 2.5 * n);
	assert_double(sample(registry, "h_bucket{le=\"1\"}"), 0);
	assert_double(sample(registry, "h_bucket{le=\"2\"}"), n);
}

static bool
count_owned(struct seat *s, void *arg)
{
	*(unsigned *)arg += load_acquire(&s->owner) != 0;
	return true;
}

static unsigned
seats_owned(void)
{
	unsigned n = 0;

	cpromi_lanes_each_seat(&registry->lanes, count_owned, &n);
	return n;
}

static unsigned
lanes_used(void)
{
	return load_acquire(&registry->lanes.used);
}

static uint64_t
region_used(void)
{
	return load_relaxed(&registry->region.used);
}

static long
resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*s %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static pthread_t
start(void *(*work)(void *), void *arg, size_t stack)
{
	pthread_attr_t a;
	pthread_t t;

	assert_int_equal(pthread_attr_init(&a), 0);
	assert_int_equal(pthread_attr_setstacksize(&a, stack), 0);
	assert_int_equal(pthread_create(&t, &a, work, arg), 0);
	pthread_attr_destroy(&a);
	return t;
}

#define STACK ((size_t)256 << 10)

/* ---- many, one after the other -------------------------------------------------- */

#define SHORT_LIVES 10000u
#define SPAWNERS 8u
#define ROUNDS_OF_A_LIFE 3u
#define LANE_BYTES 8192u /* more than the blocks of one lane take here */

static void *
live_shortly(void *unused)
{
	count(ROUNDS_OF_A_LIFE);
	return unused;
}

struct spawner {
	pthread_t thread;
	void *(*life)(void *);
	unsigned lives;
};

static void *
spawn(void *arg)
{
	struct spawner *s = arg;

	for (unsigned i = 0; i < s->lives; i++)
		pthread_join(start(s->life, NULL, STACK), NULL);
	return NULL;
}

/* Some of them end while others begin; SPAWNERS are alive at a time. */
static void
spawn_in_parallel(void *(*life)(void *), unsigned lives)
{
	struct spawner spawners[SPAWNERS];

	for (unsigned i = 0; i < SPAWNERS; i++) {
		spawners[i].life = life;
		spawners[i].lives = lives / SPAWNERS;
		spawners[i].thread = start(spawn, &spawners[i], STACK);
	}
	for (unsigned i = 0; i < SPAWNERS; i++)
		assert_int_equal(pthread_join(spawners[i].thread, NULL), 0);
}

static void
ten_thousand_short_lives_take_the_lanes_of_those_that_are_alive(void **state)
{
	uint64_t used;
	unsigned lanes;
	long resident;

	(void)state;
	spawn_in_parallel(live_shortly, SHORT_LIVES / 10);
	lanes = lanes_used();
	used = region_used();
	resident = resident_kib();
	spawn_in_parallel(live_shortly, SHORT_LIVES - SHORT_LIVES / 10);
	assert_counted(SHORT_LIVES * ROUNDS_OF_A_LIFE);
	print_message("%u threads: %u lanes, region %u then %u bytes, resident %ld then %ld KiB\n",
		      SHORT_LIVES, lanes_used(), (unsigned)used, (unsigned)region_used(), resident,
		      resident_kib());
	assert_true(lanes_used() <= SPAWNERS + 1); /* and the test itself */
	assert_int_equal(seats_owned(), 1);
	assert_true(region_used() - used <= (lanes_used() - lanes) * LANE_BYTES);
	/* Under qemu-user it is the emulator's, which keeps memory of each thread that ended. */
	if (RESIDENT_MATTERS && getenv("CPROM_EMULATED") == NULL)
		assert_true(resident_kib() - resident < 512);
}

/* ---- many at once --------------------------------------------------------------- */

#define CROWD 500u
#define CROWD_ROUNDS (800u / SLOWER)

static pthread_barrier_t crowd_is_there, crowd_may_go;

static void *
stand_in_the_crowd(void *unused)
{
	count(1);
	pthread_barrier_wait(&crowd_is_there);
	count(CROWD_ROUNDS - 1);
	pthread_barrier_wait(&crowd_may_go);
	return unused;
}

static void
gather(void)
{
	static pthread_t crowd[CROWD];

	assert_int_equal(pthread_barrier_init(&crowd_is_there, NULL, CROWD), 0);
	assert_int_equal(pthread_barrier_init(&crowd_may_go, NULL, CROWD + 1), 0);
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i] = start(stand_in_the_crowd, NULL, STACK);
	pthread_barrier_wait(&crowd_may_go);
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(pthread_join(crowd[i], NULL), 0);
	pthread_barrier_destroy(&crowd_is_there);
	pthread_barrier_destroy(&crowd_may_go);
}

static void
five_hundred_at_once_share_what_lanes_there_are(void **state)
{
	uint64_t used;

	(void)state;
	gather();
	assert_counted(CROWD * CROWD_ROUNDS);
	assert_int_equal(lanes_used(), 64);
	assert_int_equal(seats_owned(), 1);
	used = region_used();
	gather();
	assert_counted(2 * CROWD * CROWD_ROUNDS);
	assert_int_equal(seats_owned(), 1);
	assert_int_equal(region_used(), used); /* the seats without lanes were used again, too */
}

/* ---- threads that are cancelled -------------------------------------------------- */

#define CANCELLED (400u / SLOWER)

struct victim {
	cprom_counter *parent; /* of children that it looks up, NULL: it only updates */
	int type;
	atomic_u64 counted; /* updates that it returned from */
};

static void *
be_cancelled(void *arg)
{
	struct victim *v = arg;

	cprom_counter_inc(counter); /* its lane is taken in peace */
	add_relaxed(&v->counted, 1);
	pthread_setcanceltype(v->type, NULL);
	for (;;) {
		cprom_counter_inc(v->parent == NULL ? counter : cprom_labels(v->parent, "a"));
		add_relaxed(&v->counted, 1);
		pthread_testcancel();
	}
	return NULL;
}

/* Cancels that many, each at some moment; how many updates they returned from. */
static uint64_t
cancel_many(cprom_counter *parent, int type)
{
	uint64_t counted = 0;

	for (unsigned i = 0; i < CANCELLED; i++) {
		struct victim v = {.parent = parent, .type = type};
		pthread_t t = start(be_cancelled, &v, STACK);
		void *how;

		while (load_acquire(&v.counted) < 2 + i % 50)
			sched_yield();
		assert_int_equal(pthread_cancel(t), 0);
		assert_int_equal(pthread_join(t, &how), 0);
		assert_ptr_equal(how, PTHREAD_CANCELED);
		counted += load_acquire(&v.counted);
	}
	return counted;
}

static void
a_cancelled_thread_leaves_its_lane_and_all_that_it_counted(void **state)
{
	uint64_t counted;

	(void)state;
#if defined(SANITIZED)
	skip(); /* AddressSanitizer keeps what it poisoned of a stack that was left like this */
#endif
	counted = cancel_many(NULL, PTHREAD_CANCEL_DEFERRED);
	assert_double(cprom_counter_value(counter), (double)counted);
	assert_int_equal(lanes_used(), 2);
	assert_int_equal(seats_owned(), 1);
}

/*
 * The header does not allow it, for no C library does; but should it happen in an update
 * or a look-up, at most that update is missing, and no lane and no memory is.
 */
static void
a_thread_that_is_cancelled_within_a_call_does_no_harm(void **state)
{
	cprom_counter *parent = cprom_counter_new("p_total", "P.", .registry = registry,
						  .labels = CPROM_LABELS("who"));
	uint64_t counted, used;
	char name[16];

	(void)state;
#if defined(SANITIZED)
	skip(); /* they do not survive it themselves */
#endif
	counted = cancel_many(NULL, PTHREAD_CANCEL_ASYNCHRONOUS);
	counted += cancel_many(parent, PTHREAD_CANCEL_ASYNCHRONOUS);
	assert_in_range(cprom_counter_value(counter) +
				cprom_counter_value(cprom_labels(parent, "a")),
			counted, counted + 2 * CANCELLED);
	assert_int_equal(lanes_used(), 2);
	assert_int_equal(seats_owned(), 1);
	used = region_used();
	for (unsigned i = 0; i < 20000; i++) { /* nobody hinders the re-use of memory */
		snprintf(name, sizeof(name), "%u", i);
		assert_non_null(cprom_labels(parent, name));
		assert_int_equal(cprom_remove(parent, name), 0);
	}
	assert_true(region_used() - used < (uint64_t)256 << 10);
}

/* ---- destructors that count ------------------------------------------------------- */

#define HEIRS (640u / SLOWER) /* a multiple of SPAWNERS */
#define HEIR_ROUNDS 200u      /* enough to meet those of other threads */

static pthread_key_t heir_key;
static unsigned heir_times; /* that a thread's destructor runs */

/* Runs before or after the library's own; each time that it does not end here, one more. */
static void
count_at_the_end(void *left)
{
	count(HEIR_ROUNDS);
	if ((uintptr_t)left > 1)
		pthread_setspecific(heir_key, (void *)((uintptr_t)left - 1));
}

static void *
leave_an_heir(void *unused)
{
	count(1);
	pthread_setspecific(heir_key, (void *)(uintptr_t)heir_times);
	return unused;
}

static void
die_with_heirs(unsigned times)
{
	/* Keys are visited in turn: this one comes behind the library's. */
	assert_int_equal(pthread_key_create(&heir_key, count_at_the_end), 0);
	heir_times = times;
	spawn_in_parallel(leave_an_heir, HEIRS);
	assert_int_equal(pthread_key_delete(heir_key), 0);
	assert_counted((uint64_t)HEIRS * (times * HEIR_ROUNDS + 1));
}

static void
what_destructors_count_after_the_lane_was_left_is_not_lost(void **state)
{
	(void)state;
	die_with_heirs(1);
	assert_true(lanes_used() <= SPAWNERS + 1);
	assert_int_equal(seats_owned(), 1);
}

/* The lane of the last of them is not left any more; the next who needs one finds out. */
static void
destructors_that_never_end_cost_no_lane_for_good(void **state)
{
	(void)state;
#if defined(SANITIZED)
	skip(); /* their own destructors must be the last */
#endif
	die_with_heirs(PTHREAD_DESTRUCTOR_ITERATIONS);
	assert_true(lanes_used() <= 64);
	gather();
	assert_counted((uint64_t)HEIRS * (PTHREAD_DESTRUCTOR_ITERATIONS * HEIR_ROUNDS + 1) +
		       CROWD * CROWD_ROUNDS);
	assert_int_equal(seats_owned(), 1); /* the crowd had them all */
}

/* ---- detached threads ------------------------------------------------------------- */

#define DETACHED (1000u / SLOWER)

static atomic_u64 detached_done;

static void *
go_unseen(void *unused)
{
	count(1);
	add_acq_rel(&detached_done, 1);
	return unused;
}

static void
detached_threads_leave_their_lanes_too(void **state)
{
	unsigned at_once = 0;

	(void)state;
	store_relaxed(&detached_done, 0);
	for (unsigned i = 0; i < DETACHED; i++) {
		while (i - load_acquire(&detached_done) >= 32)
			sched_yield();
		assert_int_equal(pthread_detach(start(go_unseen, NULL, STACK)), 0);
	}
	while (load_acquire(&detached_done) < DETACHED)
		sched_yield();
	assert_counted(DETACHED);
	while (seats_owned() > 1 && ++at_once < 10000) /* they are on their way out */
		usleep(1000);
	assert_int_equal(seats_owned(), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			ten_thousand_short_lives_take_the_lanes_of_those_that_are_alive, set_up,
			teardown),
		cmocka_unit_test_setup_teardown(five_hundred_at_once_share_what_lanes_there_are,
						set_up, teardown),
		cmocka_unit_test_setup_teardown(
			a_cancelled_thread_leaves_its_lane_and_all_that_it_counted, set_up,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_thread_that_is_cancelled_within_a_call_does_no_harm, set_up, teardown),
		cmocka_unit_test_setup_teardown(
			what_destructors_count_after_the_lane_was_left_is_not_lost, set_up,
			teardown),
		cmocka_unit_test_setup_teardown(destructors_that_never_end_cost_no_lane_for_good,
						set_up, teardown),
		cmocka_unit_test_setup_teardown(detached_threads_leave_their_lanes_too, set_up,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
