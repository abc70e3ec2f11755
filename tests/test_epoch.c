/* SPDX-License-Identifier: MIT */
/*
 * Tests of epoch: when a retired object comes back, and that it does.
 */
#include "epoch.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 30000
#define SHELF 8
#define BACKLOG 1000 /* objects retired and not reclaimed at which churn waits */

enum { LIVE = 0x11111111, DEAD = 0x22222222 };

struct object {
	uint32_t other;
	uint32_t link;
	atomic_u32 state;
	atomic_u32 retired_at; /* low bits of the global epoch as it was just before */
};

struct home {
	struct region region;
	struct lanes lanes;
	struct epoch epoch;
	atomic_u32 outstanding; /* retired, not reclaimed */
	atomic_u32 most;        /* that outstanding ever was */
	atomic_u32 reclaimed;
	atomic_u32 wrong;
	atomic_u32 again; /* retire each object once more before it goes */
	atomic_u32 flag;
	atomic_ptr shelf[SHELF];
};

static struct home *
home_of(struct epoch *e)
{
	return (struct home *)((char *)e - offsetof(struct home, epoch));
}

static void
reclaim(struct epoch *e, void *object)
{
	struct home *h = home_of(e);
	struct object *o = object;

	/* E3: two epochs on. */
	if ((uint32_t)load_relaxed(&e->global) - load_relaxed(&o->retired_at) < 2)
		add_relaxed(&h->wrong, 1);
	if (load_relaxed(&h->again) && o->other++ == 0) {
		store_relaxed(&o->retired_at, (uint32_t)load_seq_cst(&e->global));
		cpromi_epoch_retire(e, o);
		return;
	}
	if (exchange_acq_rel(&o->state, DEAD) != LIVE)
		add_relaxed(&h->wrong, 1);
	add_relaxed(&h->reclaimed, 1);
	sub_relaxed(&h->outstanding, 1);
	cpromi_region_free(&h->region, o, sizeof(*o));
}

static struct home *
open_home(bool shared)
{
	struct region *r = cpromi_region_create((uint64_t)1 << 20, shared, sizeof(struct home));
	struct home *h = (struct home *)r;

	assert_non_null(r);
	assert_int_equal(cpromi_lanes_open(&h->lanes, r, 8), 0);
	cpromi_epoch_init(&h->epoch, &h->lanes, offsetof(struct object, link), reclaim);
	return h;
}

static void
close_home(struct home *h)
{
	assert_int_equal(load_relaxed(&h->wrong), 0);
	cpromi_lanes_close(&h->lanes);
}

static struct object *
make_object(struct home *h)
{
	struct object *o = cpromi_region_alloc(&h->region, sizeof(*o));

	if (o != NULL)
		store_relaxed(&o->state, LIVE);
	return o;
}

/* Retires it from inside an epoch of the calling thread. */
static void
retire(struct home *h, struct object *o)
{
	uint32_t now = add_relaxed(&h->outstanding, 1) + 1;
	uint32_t most = load_relaxed(&h->most);

	while (most < now && !cas_relaxed(&h->most, &most, now))
		;
	store_relaxed(&o->retired_at, (uint32_t)load_seq_cst(&h->epoch.global));
	cpromi_epoch_retire(&h->epoch, o);
}

static void
enter(struct home *h, struct epoch_guard *g)
{
	if (cpromi_epoch_enter(&h->epoch, g))
		return;
	*g = (struct epoch_guard){NULL, false};
	add_relaxed(&h->wrong, 1);
}

static struct object *
retire_new(struct home *h)
{
	struct object *o = make_object(h);
	struct epoch_guard g;

	enter(h, &g);
	retire(h, o);
	cpromi_epoch_leave(&g);
	return o;
}

static uint64_t
global(struct home *h)
{
	return load_relaxed(&h->epoch.global);
}

/* ---- enter and leave ------------------------------------------------------------ */

static void
the_seat_shows_the_epoch_between_the_outermost_enter_and_leave(void **state)
{
	struct home *h = open_home(false);
	struct epoch_guard outer, inner;

	(void)state;
	enter(h, &outer);
	assert_int_equal(load_relaxed(&outer.seat->epoch), global(h));
	assert_ptr_equal(outer.seat, cpromi_lane_entries[h->lanes.entry].seat);
	cpromi_epoch_advance(&h->epoch);
	enter(h, &inner);
	assert_int_equal(load_relaxed(&outer.seat->epoch),
			 global(h) - 1); /* E1: as it was on entering */
	cpromi_epoch_leave(&inner);
	assert_int_equal(load_relaxed(&outer.seat->epoch), global(h) - 1);
	cpromi_epoch_leave(&outer);
	assert_int_equal(load_relaxed(&outer.seat->epoch), 0);
	close_home(h);
}

static struct home *interrupted;
static atomic_u32 entered;

static void
enter_in_handler(int signo)
{
	struct epoch_guard g;

	(void)signo;
	if (cpromi_epoch_enter(&interrupted->epoch, &g)) {
		add_relaxed(&entered, 1);
		cpromi_epoch_leave(&g);
	}
}

static void
a_signal_handler_leaves_the_epoch_that_it_interrupted(void **state)
{
	struct sigaction act = {.sa_handler = enter_in_handler}, old;
	struct epoch_guard g;

	(void)state;
	interrupted = open_home(false);
	assert_int_equal(sigaction(SIGUSR1, &act, &old), 0);
	enter(interrupted, &g);
	raise(SIGUSR1);
	assert_int_equal(load_relaxed(&g.seat->epoch), global(interrupted));
	cpromi_epoch_leave(&g);
	raise(SIGUSR1);
	assert_int_equal(load_relaxed(&g.seat->epoch), 0);
	assert_int_equal(load_relaxed(&entered), 2);
	sigaction(SIGUSR1, &old, NULL);
	close_home(interrupted);
}

static void *
enter_without_memory(void *arg)
{
	struct home *h = arg;
	struct epoch_guard g;

	store_relaxed(&h->flag, cpromi_epoch_enter(&h->epoch, &g) ? 1 : 2);
	return NULL;
}

static void
a_thread_that_finds_no_seat_does_not_enter(void **state)
{
	struct home *h = open_home(false);
	uint64_t mine = load_relaxed(&cpromi_lane_seat(&h->lanes)->owner);
	pthread_t thread;

	(void)state;
	while (cpromi_region_alloc(&h->region, 16) != NULL)
		;
	for (unsigned i = 0; i < h->lanes.max; i++)
		store_relaxed(&h->lanes.row.seats[i].owner, mine);
	assert_int_equal(pthread_create(&thread, NULL, enter_without_memory, h), 0);
	pthread_join(thread, NULL);
	assert_int_equal(load_relaxed(&h->flag), 2);
	close_home(h);
}

/* ---- when objects come back ------------------------------------------------------- */

static void
an_object_comes_back_two_epochs_on_and_not_one(void **state)
{
	struct home *h = open_home(false);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		struct object *o = retire_new(h);
		uint64_t t = load_relaxed(&o->retired_at);

		assert_int_equal(global(h), t);
		cpromi_epoch_advance(&h->epoch);
		assert_int_equal(global(h), t + 1);
		assert_int_equal(load_relaxed(&h->reclaimed), i);
		cpromi_epoch_advance(&h->epoch);
		assert_int_equal(load_relaxed(&h->reclaimed), i + 1);
		assert_int_equal(load_relaxed(&o->state), DEAD);
	}
	close_home(h);
}

struct reader {
	struct home *home;
	pthread_barrier_t inside, leave, left;
};

static void *
read_for_long(void *arg)
{
	struct reader *r = arg;
	struct epoch_guard g;

	enter(r->home, &g);
	pthread_barrier_wait(&r->inside);
	pthread_barrier_wait(&r->leave);
	cpromi_epoch_leave(&g);
	pthread_barrier_wait(&r->left);
	return NULL;
}

static void
nothing_comes_back_while_a_reader_is_inside(void **state)
{
	struct reader r = {.home = open_home(false)};
	struct home *h = r.home;
	pthread_t thread;
	uint64_t before = global(h);

	(void)state;
	pthread_barrier_init(&r.inside, NULL, 2);
	pthread_barrier_init(&r.leave, NULL, 2);
	pthread_barrier_init(&r.left, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, read_for_long, &r), 0);
	pthread_barrier_wait(&r.inside);
	for (int i = 0; i < 500; i++) { /* tries to advance by itself, too */
		retire_new(h);
		cpromi_epoch_advance(&h->epoch);
	}
	assert_int_equal(load_relaxed(&h->reclaimed), 0);
	assert_true(global(h) <= before + 1); /* E2 */
	pthread_barrier_wait(&r.leave);
	pthread_barrier_wait(&r.left);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&h->epoch);
	assert_int_equal(load_relaxed(&h->reclaimed), 500);
	pthread_join(thread, NULL);
	close_home(h);
}

static void
retiring_alone_brings_objects_back(void **state)
{
	struct home *h = open_home(false);

	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_non_null(retire_new(h));
	assert_true(load_relaxed(&h->most) <= 3 * 64 + 1);
	close_home(h);
}

static void
objects_may_be_retired_again_when_they_come_back(void **state)
{
	struct home *h = open_home(false);
	struct epoch_guard g;

	(void)state;
	store_relaxed(&h->again, 1);
	for (int i = 0; i < 100; i++)
		retire_new(h);
	for (int i = 0; i < 8; i++) {
		assert_true(i >= 3 || load_relaxed(&h->reclaimed) == 0);
		enter(h, &g);
		cpromi_epoch_advance(&h->epoch);
		cpromi_epoch_leave(&g);
	}
	assert_int_equal(load_relaxed(&h->reclaimed), 100);
	close_home(h);
}

static void
a_list_left_by_an_advancer_that_died_is_found_by_the_next_object(void **state)
{
	struct home *h = open_home(false);

	(void)state;
	retire_new(h);
	retire_new(h);
	store_relaxed(&h->epoch.global, global(h) + 3); /* three got so far and no further */
	retire_new(h);
	assert_int_equal(load_relaxed(&h->reclaimed), 2); /* E4 */
	cpromi_epoch_advance(&h->epoch);
	cpromi_epoch_advance(&h->epoch);
	assert_int_equal(load_relaxed(&h->reclaimed), 3);
	close_home(h);
}

static void
the_epoch_passes_32_bits_unharmed(void **state)
{
	struct home *h = open_home(false);

	(void)state;
	store_relaxed(&h->epoch.global, ((uint64_t)1 << 32) - 7);
	for (uint32_t i = 0; i < 20; i++) {
		for (int j = 0; j < 3; j++)
			retire_new(h);
		cpromi_epoch_advance(&h->epoch);
		assert_int_equal(load_relaxed(&h->outstanding), 3);
	}
	assert_true(global(h) > (uint64_t)1 << 32);
	assert_int_equal(load_relaxed(&h->reclaimed), 3 * 19);
	close_home(h);
}

/* ---- threads ------------------------------------------------------------------------ */

/* Waits for others to leave when too much is retired; a preempted reader may take a while. */
static void
hold_back(struct home *h)
{
	for (int i = 0; i < 10000 && load_relaxed(&h->outstanding) > BACKLOG; i++) {
		cpromi_epoch_advance(&h->epoch);
		if (i > 3)
			usleep(100);
	}
}

static void *
churn(void *arg)
{
	struct home *h = arg;
	uint64_t dice = (uintptr_t)&dice;

	for (int i = 0; i < ROUNDS; i++) {
		struct epoch_guard g;
		struct object *o;
		atomic_ptr *place;

		dice = dice * 6364136223846793005u + 1442695040888963407u;
		place = &h->shelf[(dice >> 40) % SHELF];
		enter(h, &g);
		o = (struct object *)load_acquire(place);
		for (int j = 0; j < 3 && o != NULL; j++)
			if (load_relaxed(&o->state) != LIVE)
				add_relaxed(&h->wrong, 1);
		if ((dice >> 50) % 2 == 0) {
			o = (struct object *)exchange_acq_rel(place, (uintptr_t)make_object(h));
			if (o != NULL)
				retire(h, o);
		}
		cpromi_epoch_leave(&g);
		hold_back(h);
	}
	return NULL;
}

static void
check_churn(struct home *h)
{
	pthread_t threads[THREADS];
	uint64_t used = load_relaxed(&h->region.used);

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, h), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&h->epoch);
	assert_int_equal(load_relaxed(&h->outstanding), 0);
	assert_true(load_relaxed(&h->reclaimed) > ROUNDS);
	assert_true(load_relaxed(&h->most) <= BACKLOG + THREADS);
	assert_true(load_relaxed(&h->region.used) - used <=
		    (BACKLOG + SHELF + 2 * THREADS) * sizeof(struct object));
	close_home(h);
}

static void
readers_see_live_objects_only_and_churn_is_bounded(void **state)
{
	(void)state;
	check_churn(open_home(false));
}

static void
so_without_membarrier_and_in_a_shared_region(void **state)
{
	uint32_t has_membarrier = load_relaxed(&cpromi_epoch_membarrier);
	struct home *shared = open_home(true);

	(void)state;
	assert_false(shared->epoch.asymmetric);
	check_churn(shared);
	store_relaxed(&cpromi_epoch_membarrier, 0);
	check_churn(open_home(false));
	store_relaxed(&cpromi_epoch_membarrier, has_membarrier);
}

/* ---- processes ------------------------------------------------------------------------ */

static void
a_process_that_dies_inside_holds_up_nothing_and_loses_nothing(void **state)
{
	struct home *h = open_home(true);
	uint64_t before = global(h);
	int status, stop[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(stop), 0);
	pid = fork();
	if (pid == 0) {
		struct epoch_guard g;
		char byte;

		close(stop[1]);
		retire_new(h);
		enter(h, &g);
		store_release(&h->flag, 1);
		while (read(stop[0], &byte, 1) != 0)
			;
		raise(SIGKILL);
	}
	while (load_acquire(&h->flag) == 0)
		usleep(100);
	for (int i = 0; i < 10; i++)
		cpromi_epoch_advance(&h->epoch);
	assert_int_equal(load_relaxed(&h->reclaimed), 0);
	assert_true(global(h) <= before + 1);
	close(stop[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&h->epoch);
	assert_int_equal(load_relaxed(&h->reclaimed), 1);
	close(stop[0]);
	close_home(h);
}

static void
a_forked_child_is_still_registered_or_goes_without(void **state)
{
	uint32_t has_membarrier = load_relaxed(&cpromi_epoch_membarrier);
	struct home *h = open_home(false);
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct epoch_guard g;
		bool same = load_relaxed(&cpromi_epoch_membarrier) == has_membarrier;

		retire_new(h);
		for (int i = 0; i < 3; i++)
			cpromi_epoch_advance(&h->epoch);
		_exit(same && cpromi_epoch_enter(&h->epoch, &g) && load_relaxed(&h->reclaimed) == 1
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close_home(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seat_shows_the_epoch_between_the_outermost_enter_and_leave),
		cmocka_unit_test(a_signal_handler_leaves_the_epoch_that_it_interrupted),
		cmocka_unit_test(a_thread_that_finds_no_seat_does_not_enter),
		cmocka_unit_test(an_object_comes_back_two_epochs_on_and_not_one),
		cmocka_unit_test(nothing_comes_back_while_a_reader_is_inside),
		cmocka_unit_test(retiring_alone_brings_objects_back),
		cmocka_unit_test(objects_may_be_retired_again_when_they_come_back),
		cmocka_unit_test(a_list_left_by_an_advancer_that_died_is_found_by_the_next_object),
		cmocka_unit_test(the_epoch_passes_32_bits_unharmed),
		cmocka_unit_test(readers_see_live_objects_only_and_churn_is_bounded),
		cmocka_unit_test(so_without_membarrier_and_in_a_shared_region),
		cmocka_unit_test(a_process_that_dies_inside_holds_up_nothing_and_loses_nothing),
		cmocka_unit_test(a_forked_child_is_still_registered_or_goes_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
