/* SPDX-License-Identifier: MIT */
/*
 * Tests of lane: L1 to L4 with threads, children and many registries.
 */
#include "lane.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <cprom.h>

#define MANY 200

static bool numberless; /* gettid(2) is refused */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c);

long
__wrap_syscall(long number, long a, long b, long c)
{
	if (!numberless || number != SYS_gettid)
		return __real_syscall(number, a, b, c);
	errno = EPERM;
	return -1;
}

struct home {
	struct region region;
	struct lanes lanes;
};

static struct lanes *
open_lanes(uint64_t bytes, bool shared, uint32_t max)
{
	struct home *h = (struct home *)cpromi_region_create(bytes, shared, sizeof(struct home));

	assert_non_null(h);
	assert_int_equal(cpromi_lanes_open(&h->lanes, &h->region, max), 0);
	return &h->lanes;
}

static struct lanes *
open_private(uint32_t max)
{
	return open_lanes((uint64_t)1 << 20, false, max);
}

/* Where the calling thread sits. */
struct spot {
	struct seat *seat;
	uint32_t lane;
};

static struct spot
sit_down(struct lanes *l)
{
	struct spot s = {cpromi_lane_seat(l), cpromi_lane_own(l)};

	return s;
}

static pid_t
owner_of(struct seat *s)
{
	return (pid_t)(load_acquire(&s->owner) >> 22 & 0x3FFFFF);
}

static bool
count_owned(struct seat *s, void *arg)
{
	*(unsigned *)arg += load_acquire(&s->owner) != 0;
	return true;
}

static unsigned
seats_owned(struct lanes *l)
{
	unsigned n = 0;

	assert_true(cpromi_lanes_each_seat(l, count_owned, &n));
	return n;
}

static int
child_status(pid_t pid)
{
	int status = -1;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- threads that sit and wait ------------------------------------------------ */

struct sitter {
	struct lanes *lanes;
	struct spot got;
	pthread_t thread;
	pthread_barrier_t *start, *seated, *leave;
};

static void *
sit(void *arg)
{
	struct sitter *s = arg;

	if (s->start != NULL)
		pthread_barrier_wait(s->start);
	s->got = sit_down(s->lanes);
	if (s->seated != NULL) {
		pthread_barrier_wait(s->seated);
		pthread_barrier_wait(s->leave);
	}
	return NULL;
}

struct party {
	struct sitter sitters[MANY];
	unsigned count;
	pthread_barrier_t start, seated, leave;
};

/* Returns when n threads have their seats, which they keep. */
static struct party *
start_party(struct lanes *l, unsigned n)
{
	static struct party p;

	p.count = n;
	pthread_barrier_init(&p.start, NULL, n);
	pthread_barrier_init(&p.seated, NULL, n + 1);
	pthread_barrier_init(&p.leave, NULL, n + 1);
	for (unsigned i = 0; i < n; i++) {
		p.sitters[i] = (struct sitter){l, .start = &p.start, .seated = &p.seated,
					       .leave = &p.leave};
		assert_int_equal(pthread_create(&p.sitters[i].thread, NULL, sit, &p.sitters[i]), 0);
	}
	pthread_barrier_wait(&p.seated);
	return &p;
}

static void
end_party(struct party *p)
{
	pthread_barrier_wait(&p->leave);
	for (unsigned i = 0; i < p->count; i++)
		pthread_join(p->sitters[i].thread, NULL);
	pthread_barrier_destroy(&p->start);
	pthread_barrier_destroy(&p->seated);
	pthread_barrier_destroy(&p->leave);
}

/* What a thread gets that sits down and ends. */
static struct spot
visit(struct lanes *l)
{
	struct sitter s = {.lanes = l};

	assert_int_equal(pthread_create(&s.thread, NULL, sit, &s), 0);
	assert_int_equal(pthread_join(s.thread, NULL), 0);
	return s.got;
}

/* ---- before the first registry of the process ------------------------------------ */

/* In a child, so that the key of the library is not there yet. */
static int
run_without_a_key(void)
{
	void *value_of_0;
	pthread_key_t key;
	struct lanes *l;

	while (pthread_key_create(&key, NULL) == 0)
		;
	value_of_0 = pthread_getspecific(0);
	l = open_private(2);
	if (sit_down(l).lane != 1)
		return 2;
	if (pthread_getspecific(0) != value_of_0) /* the number of a key that was never made */
		return 3;
	for (int i = 0; i < 5; i++) {
		int tries = 0;

		while (visit(l).lane != 2 && ++tries < 2000) /* reaped, since not left: L3 */
			usleep(500); /* a joined thread may be on its way out of the kernel yet */
		if (tries == 2000)
			return 4;
	}
	return 0;
}

static void
without_a_free_thread_key_seats_are_reaped_and_no_foreign_key_is_touched(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(run_without_a_key());
	assert_int_equal(child_status(pid), 0);
}

/* ---- one registry --------------------------------------------------------------- */

static void
a_thread_keeps_its_seat_and_lane(void **state)
{
	struct lanes *l = open_private(8);
	struct spot first = sit_down(l);
	struct lane_entry *e = &cpromi_lane_entries[l->entry];

	(void)state;
	assert_int_equal(first.lane, 1);
	assert_ptr_equal(first.seat, &l->row.seats[0]);
	assert_int_equal(owner_of(first.seat), getpid());
	assert_ptr_equal(e->seat, first.seat);
	assert_int_equal(cpromi_lane_column(cpromi_lane_entry_at(l->entry)), COLUMN_OF_LANE(1));
	for (int i = 0; i < 3000; i++) {
		assert_ptr_equal(cpromi_lane_seat(l), first.seat);
		assert_int_equal(cpromi_lane_own(l), 1);
	}
	assert_int_equal(seats_owned(l), 1);
	assert_int_equal(load_relaxed(&l->used), 1);
	cpromi_lanes_close(l);
}

static void
check_party_of_8(struct lanes *l)
{
	struct party *p = start_party(l, 8);
	uint32_t lanes_seen = 0;

	for (unsigned i = 0; i < 8; i++) {
		struct spot *got = &p->sitters[i].got;

		assert_in_range(got->lane, 1, 8);
		assert_ptr_equal(got->seat, &l->row.seats[got->lane - 1]);
		lanes_seen |= 1u << got->lane;
	}
	assert_int_equal(lanes_seen, 0x1FE); /* L1 */
	assert_int_equal(load_relaxed(&l->used), 8);
	assert_int_equal(seats_owned(l), 8);
	end_party(p);
	assert_int_equal(seats_owned(l), 0);
}

static void
each_thread_has_its_own_lane(void **state)
{
	struct lanes *l = open_private(8);

	(void)state;
	for (int round = 0; round < 100; round++)
		check_party_of_8(l);
	cpromi_lanes_close(l);
}

static void
a_thread_that_ends_leaves_its_lane_to_the_next(void **state)
{
	struct lanes *l = open_private(8);

	(void)state;
	sit_down(l);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(visit(l).lane, 2);
		assert_int_equal(seats_owned(l), 1);
	}
	assert_int_equal(load_relaxed(&l->used), 2);
	cpromi_lanes_close(l);
}

static void
threads_past_the_bound_share_the_overflow_lane(void **state)
{
	struct lanes *l = open_private(64);
	struct party *p = start_party(l, MANY);
	unsigned with_lane = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct spot *got = &p->sitters[i].got;

		with_lane += got->lane != LANE_OVERFLOW;
		assert_non_null(got->seat);
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(got->seat, p->sitters[j].got.seat);
	}
	assert_int_equal(with_lane, 64);
	assert_int_equal(load_relaxed(&l->used), 64);
	assert_int_equal(seats_owned(l), MANY);
	end_party(p);
	assert_int_equal(seats_owned(l), 0);
	assert_int_not_equal(visit(l).lane, LANE_OVERFLOW);
	cpromi_lanes_close(l);
}

/* How many shared updates until the calling thread has a lane; 3000: it never got one. */
static int
updates_until_own_lane(struct lanes *l)
{
	int n = 0;

	while (n < 3000 && cpromi_lane_own(l) == LANE_OVERFLOW)
		n++;
	return n;
}

static void
a_thread_without_a_lane_gets_one_when_one_is_free(void **state)
{
	struct lanes *l = open_private(2);
	struct party *p = start_party(l, 2);
	struct seat *shared = cpromi_lane_seat(l);

	(void)state;
	assert_int_equal(updates_until_own_lane(l), 3000);
	assert_int_equal(cpromi_lane_column(cpromi_lane_entry_at(l->entry)), COLUMN_NONE);
	assert_ptr_equal(cpromi_lane_seat(l), shared);
	end_party(p);
	assert_true(updates_until_own_lane(l) <= 1100);
	assert_in_range(cpromi_lane_own(l), 1, 2);
	assert_ptr_equal(cpromi_lane_seat(l), &l->row.seats[cpromi_lane_own(l) - 1]);
	assert_int_equal(owner_of(shared), getpid()); /* an interrupted enter may still use it */
	cpromi_lanes_close(l);
}

static void
taking_a_seat_leaves_the_signal_mask_as_it_was(void **state)
{
	struct lanes *l = open_private(1);
	struct party *p = start_party(l, 1);
	sigset_t some, now;

	(void)state;
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &some, NULL), 0);
	assert_non_null(cpromi_lane_seat(l));
	updates_until_own_lane(l);
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &some, &now), 0);
	for (int signo = 1; signo < 32; signo++)
		assert_int_equal(sigismember(&now, signo), signo == SIGUSR2);
	end_party(p);
	cpromi_lanes_close(l);
}

static void
no_memory_for_a_seat_is_no_seat(void **state)
{
	struct lanes *l = open_private(1);
	struct party *p = start_party(l, 1);

	(void)state;
	while (cpromi_region_alloc(l->region, 16) != NULL)
		;
	assert_null(cpromi_lane_seat(l));
	assert_int_equal(cpromi_lane_own(l), LANE_OVERFLOW);
	end_party(p);
	assert_int_equal(cpromi_lane_own(l), 1);
	cpromi_lanes_close(l);
}

static void
no_memory_for_the_first_row_is_enomem(void **state)
{
	struct home *h = (struct home *)cpromi_region_create(REGION_FIRST_BYTES, false,
							     sizeof(struct home));

	(void)state;
	errno = 0;
	assert_int_equal(cpromi_lanes_open(&h->lanes, &h->region, CPROM_MAX_LANES), -1);
	assert_int_equal(errno, ENOMEM);
	cpromi_region_destroy(&h->region);
}

/* ---- many registries -------------------------------------------------------------- */

#define CROWD (2 * LANE_ENTRIES + 4)

struct crowd {
	struct lanes *lanes[CROWD];
	unsigned wrong;
};

static void *
use_in_turn(void *arg)
{
	struct crowd *crowd = arg;
	struct seat *seats[CROWD] = {NULL};

	for (unsigned i = 0; i < 5 * CROWD; i++) {
		struct lanes *l = crowd->lanes[i % CROWD];
		struct spot s = sit_down(l);
		uint32_t lane = l->entry == 0 ? LANE_OVERFLOW : 1; /* L4 */

		crowd->wrong += s.lane != lane || s.seat != &l->row.seats[0];
		crowd->wrong += seats[i % CROWD] != NULL && seats[i % CROWD] != s.seat;
		seats[i % CROWD] = s.seat;
	}
	for (unsigned i = 0; i < CROWD; i++)
		crowd->wrong += seats_owned(crowd->lanes[i]) != 1;
	return NULL;
}

static void
a_thread_has_one_seat_in_each_of_more_registries_than_there_are_entries(void **state)
{
	struct crowd crowd = {.wrong = 0};
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < CROWD; i++) {
		crowd.lanes[i] = open_private(4);
		assert_int_equal(crowd.lanes[i]->entry, i < LANE_ENTRIES - 1 ? i + 1 : 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, use_in_turn, &crowd), 0);
	pthread_join(thread, NULL);
	assert_int_equal(crowd.wrong, 0);
	for (unsigned i = 0; i < CROWD; i++) { /* those that no entry has, too */
		assert_int_equal(seats_owned(crowd.lanes[i]), 0);
		cpromi_lanes_close(crowd.lanes[i]);
	}
}

static void
a_number_is_not_used_again_and_an_entry_is_empty_then(void **state)
{
	static uint32_t last[CPROM_MAX_REGISTRIES];

	(void)state;
	for (int i = 0; i < 2 * CPROM_MAX_REGISTRIES + 100; i++) {
		struct lanes *l = open_private(4);
		uint32_t slot = l->number % CPROM_MAX_REGISTRIES;

		assert_true(l->number > last[slot]);
		assert_int_equal(l->entry, 1); /* L4 */
		assert_null(cpromi_lane_entries[1].seat);
		assert_int_equal(cpromi_lane_column(cpromi_lane_entry_at(1)), COLUMN_NONE);
		assert_ptr_equal(sit_down(l).seat, &l->row.seats[0]);
		assert_int_equal(seats_owned(l), 1);
		last[slot] = l->number;
		cpromi_lanes_close(l);
	}
}

static void
the_table_of_registries_is_full_at_its_bound_and_not_for_ever(void **state)
{
	static struct lanes *all[CPROM_MAX_REGISTRIES];
	struct home *h = (struct home *)cpromi_region_create(REGION_FIRST_BYTES, false,
							     sizeof(struct home));

	(void)state;
	for (unsigned i = 0; i < CPROM_MAX_REGISTRIES; i++)
		all[i] = open_lanes(REGION_FIRST_BYTES, false, 1);
	errno = 0;
	assert_int_equal(cpromi_lanes_open(&h->lanes, &h->region, 1), -1);
	assert_int_equal(errno, ENFILE);
	cpromi_lanes_close(all[500]);
	all[500] = &h->lanes;
	assert_int_equal(cpromi_lanes_open(&h->lanes, &h->region, 1), 0);
	for (unsigned i = 0; i < CPROM_MAX_REGISTRIES; i++) {
		assert_non_null(cpromi_lane_seat(all[i]));
		cpromi_lanes_close(all[i]);
	}
}

static void
a_thread_may_outlive_the_registry_that_it_used(void **state)
{
	struct lanes *l = open_private(8), *next;
	struct party *p = start_party(l, 4);
	uint32_t slot = l->number % CPROM_MAX_REGISTRIES;

	(void)state;
	cpromi_lanes_close(l);
	next = open_private(8);
	while (next->number % CPROM_MAX_REGISTRIES != slot) { /* slots are used in turn */
		cpromi_lanes_close(next);
		next = open_private(8);
	}
	sit_down(next);
	end_party(p);
	assert_int_equal(seats_owned(next), 1);
	assert_int_equal(owner_of(&next->row.seats[0]), getpid());
	cpromi_lanes_close(next);
}

/* A thread of a pool, which works for each job in a registry of its own. */
struct pool {
	struct lanes *job; /* NULL: there is none any more */
	unsigned wrong;
	pthread_barrier_t begin, done;
};

static void *
work_for_jobs(void *arg)
{
	struct pool *p = arg;

	while (pthread_barrier_wait(&p->begin), p->job != NULL) {
		struct spot s = sit_down(p->job);

		p->wrong += s.lane != 1 || s.seat != &p->job->row.seats[0];
		pthread_barrier_wait(&p->done);
	}
	return NULL;
}

static void
an_entry_is_taken_again_when_all_threads_have_moved_on(void **state)
{
	struct pool p = {.wrong = 0};
	uint32_t last = 0;
	pthread_t thread;

	(void)state;
	pthread_barrier_init(&p.begin, NULL, 2);
	pthread_barrier_init(&p.done, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, work_for_jobs, &p), 0);
	for (int i = 0; i < 5 * LANE_ENTRIES; i++) {
		p.job = open_private(4);
		assert_int_not_equal(p.job->entry, 0);
		assert_int_not_equal(p.job->entry, last); /* the thread still has its seat there */
		last = p.job->entry;
		pthread_barrier_wait(&p.begin);
		pthread_barrier_wait(&p.done);
		cpromi_lanes_close(p.job);
	}
	p.job = NULL;
	pthread_barrier_wait(&p.begin);
	pthread_join(thread, NULL);
	assert_int_equal(p.wrong, 0);
}

static void
a_section_closes_the_entry_to_signal_handlers(void **state)
{
	struct lanes *l = open_private(4);
	struct spot mine = sit_down(l);
	int32_t at = cpromi_lane_entry_at(l->entry);
	size_t column = cpromi_lane_column(at);
	struct seat *seat = cpromi_section_enter(at);

	(void)state;
	assert_ptr_equal(seat, mine.seat);
	assert_int_equal(load_relaxed(&seat->in_section), 1);
	assert_int_equal(cpromi_lane_column(at), COLUMN_NONE);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(cpromi_lane_own(l), LANE_OVERFLOW);
	assert_ptr_equal(cpromi_lane_seat(l), seat);
	cpromi_section_leave(at, column, seat);
	assert_int_equal(load_relaxed(&seat->in_section), 0);
	assert_int_equal(cpromi_lane_own(l), mine.lane);
	assert_int_equal(cpromi_lane_column(at), column);
	cpromi_lanes_close(l);
}

static void
threads_may_leave_while_the_registry_is_closed(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct lanes *l = open_private(
			CPROM_MAX_LANES); /* so many that leaving takes a while */
		struct party *p = start_party(l, 4);

		pthread_barrier_wait(&p->leave);
		for (volatile int pause = i * 20; pause > 0; pause--)
			;
		cpromi_lanes_close(l); /* the last one out destroys the region */
		for (unsigned j = 0; j < 4; j++)
			pthread_join(p->sitters[j].thread, NULL);
	}
}

/* ---- fork -------------------------------------------------------------------------- */

static int
sit_in_private_copy(struct lanes *l)
{
	if (cpromi_lane_entries[l->entry].seat != NULL || seats_owned(l) != 0)
		return 1;
	if (sit_down(l).lane != 1)
		return 2;
	return owner_of(&l->row.seats[0]) == getpid() ? 0 : 3;
}

static void
in_the_childs_copy_of_a_private_registry_all_seats_are_free(void **state)
{
	struct lanes *l = open_private(8);
	struct spot mine = sit_down(l);
	struct party *p = start_party(l, 3);
	pid_t pid;

	(void)state;
	store_relaxed(&p->sitters[0].got.seat->epoch, 3);
	pid = fork();
	if (pid == 0)
		_exit(load_relaxed(&p->sitters[0].got.seat->epoch) != 0 ? 10
									: sit_in_private_copy(l));
	assert_int_equal(child_status(pid), 0);
	assert_int_equal(seats_owned(l), 4);
	assert_ptr_equal(cpromi_lane_entries[l->entry].seat, mine.seat);
	end_party(p);
	cpromi_lanes_close(l);
}

static int
sit_beside_the_parent(struct lanes *l, struct spot parents)
{
	struct lane_entry *e = &cpromi_lane_entries[l->entry];
	struct spot mine;

	if (e->seat != NULL || load_relaxed(&e->column) != COLUMN_NONE)
		return 1;
	if (seats_owned(l) != 1)
		return 2;
	mine = sit_down(l);
	if (mine.seat == parents.seat || mine.lane == parents.lane || seats_owned(l) != 2)
		return 3;
	return 0;
}

/* A signal handler forked in the middle of a section, and the child goes on with it. */
static int
end_the_parents_section(struct lanes *l, size_t column, struct seat *seat)
{
	int32_t at = cpromi_lane_entry_at(l->entry);

	cpromi_section_leave(at, column, seat);
	if (cpromi_lane_column(at) != COLUMN_NONE)
		return 1; /* two processes would write one lane: L1 */
	return sit_down(l).seat != seat ? 0 : 2;
}

static void
a_child_that_is_forked_in_a_section_has_no_lane_when_it_ends(void **state)
{
	struct lanes *l = open_lanes((uint64_t)1 << 20, true, 8);
	int32_t at = cpromi_lane_entry_at(l->entry);
	struct spot mine = sit_down(l);
	size_t column = cpromi_lane_column(at);
	struct seat *seat = cpromi_section_enter(at);
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(end_the_parents_section(l, column, seat));
	assert_int_equal(child_status(pid), 0);
	cpromi_section_leave(at, column, seat);
	assert_int_equal(cpromi_lane_own(l), mine.lane);
	cpromi_lanes_close(l);
}

static void
in_a_shared_registry_a_child_sits_beside_its_parent(void **state)
{
	struct lanes *l = open_lanes((uint64_t)1 << 20, true, 8);
	struct spot parents = sit_down(l);
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(sit_beside_the_parent(l, parents));
	assert_int_equal(child_status(pid), 0);
	assert_int_equal(parents.lane, 1);
	assert_int_equal(owner_of(parents.seat), getpid());
	cpromi_lanes_close(l);
}

static void
the_seat_of_a_dead_child_is_taken_with_its_lane(void **state)
{
	struct lanes *l = open_lanes((uint64_t)1 << 20, true, 1);
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		sit_down(l);
		raise(SIGKILL);
	}
	assert_int_equal(child_status(pid), -SIGKILL);
	assert_int_equal(seats_owned(l), 1);
	assert_int_equal(owner_of(&l->row.seats[0]), pid);
	assert_int_equal(cpromi_lane_own(l), 1); /* L3 */
	assert_int_equal(seats_owned(l), 1);
	cpromi_lanes_close(l);
}

static void
only_the_dead_are_reaped(void **state)
{
	struct lanes *l = open_lanes((uint64_t)1 << 20, true, 8);
	struct seat *free_seat = &l->row.seats[7], *own, *childs = &l->row.seats[1];
	int stop[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(stop), 0);
	own = cpromi_lane_seat(l);
	pid = fork();
	if (pid == 0) {
		char byte;

		close(stop[1]);
		sit_down(l);
		store_release(&childs->epoch, 3);
		_exit(read(stop[0], &byte, 1) == 0 ? 0 : 1);
	}
	while (load_acquire(&childs->epoch) == 0)
		usleep(100);
	errno = 77;
	assert_false(cpromi_seat_reap(free_seat));
	assert_false(cpromi_seat_reap(own));
	assert_false(cpromi_seat_reap(childs));
	close(stop[1]);
	assert_int_equal(child_status(pid), 0);
	assert_true(cpromi_seat_reap(childs));
	assert_int_equal(load_relaxed(&childs->owner), 0);
	assert_int_equal(load_relaxed(&childs->epoch), 0);
	assert_false(cpromi_seat_reap(childs));
	assert_int_equal(errno, 77);
	close(stop[0]);
	cpromi_lanes_close(l);
}

/* NULL if it finds none. */
static void *
look_for_seat(void *arg)
{
	struct lanes *l = arg;
	bool found;

	errno = 77;
	found = cpromi_lane_seat(l) != NULL || cpromi_lane_borrow(l) != NULL ||
		cpromi_lane_own(l) != LANE_OVERFLOW;
	return found || errno != 77 ? l : NULL;
}

/* Where a filter came after the registry. */
static void
a_thread_without_a_number_has_no_seat_and_takes_nobodys(void **state)
{
	struct lanes *l = open_private(4);
	struct spot own = sit_down(l);
	pthread_t thread;
	void *found;

	(void)state;
	numberless = true;
	pthread_create(&thread, NULL, look_for_seat, l);
	pthread_join(thread, &found);
	assert_null(found);
	assert_false(cpromi_seat_reap(own.seat));
	assert_int_equal(owner_of(own.seat), getpid());
	assert_int_equal(seats_owned(l), 1);
	assert_int_equal(cpromi_lane_own(l), own.lane);
	numberless = false;
	cpromi_lanes_close(l);
}

static void *
sit_and_lose_number(void *arg)
{
	struct seat *seat = cpromi_lane_seat(arg);

	numberless = true;
	return seat;
}

/* It cannot tell its seat from those that are free, or about to be taken. */
static void
a_thread_that_lost_its_number_leaves_its_seat_to_be_reaped(void **state)
{
	struct lanes *l = open_private(4);
	struct seat *own = cpromi_lane_seat(l), *free_seat = &l->row.seats[3];
	pthread_t thread;
	void *others;

	(void)state;
	store_relaxed(&free_seat->epoch, 3);
	pthread_create(&thread, NULL, sit_and_lose_number, l);
	pthread_join(thread, &others);
	numberless = false;
	assert_int_equal(load_relaxed(&free_seat->epoch), 3);
	store_relaxed(&free_seat->epoch, 0);
	assert_int_equal(seats_owned(l), 2);
	assert_false(cpromi_seat_reap(own));
	/* A thread that was joined may stand in the kernel for a moment more. */
	for (int i = 0; i < 10000 && !cpromi_seat_reap(others); i++)
		usleep(1000);
	assert_int_equal(seats_owned(l), 1);
	cpromi_lanes_close(l);
}

static void
a_registry_needs_numbers_of_threads(void **state)
{
	(void)state;
	numberless = true;
	assert_null(cprom_registry_new());
	assert_int_equal(errno, ENOSYS);
	assert_non_null(strstr(cprom_error(), "gettid"));
	numberless = false;
	cprom_registry_free(cprom_registry_new());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			without_a_free_thread_key_seats_are_reaped_and_no_foreign_key_is_touched), /* first */
		cmocka_unit_test(a_thread_keeps_its_seat_and_lane),
		cmocka_unit_test(each_thread_has_its_own_lane),
		cmocka_unit_test(a_thread_that_ends_leaves_its_lane_to_the_next),
		cmocka_unit_test(threads_past_the_bound_share_the_overflow_lane),
		cmocka_unit_test(a_thread_without_a_lane_gets_one_when_one_is_free),
		cmocka_unit_test(taking_a_seat_leaves_the_signal_mask_as_it_was),
		cmocka_unit_test(no_memory_for_a_seat_is_no_seat),
		cmocka_unit_test(no_memory_for_the_first_row_is_enomem),
		cmocka_unit_test(
			a_thread_has_one_seat_in_each_of_more_registries_than_there_are_entries),
		cmocka_unit_test(a_number_is_not_used_again_and_an_entry_is_empty_then),
		cmocka_unit_test(an_entry_is_taken_again_when_all_threads_have_moved_on),
		cmocka_unit_test(a_section_closes_the_entry_to_signal_handlers),
		cmocka_unit_test(a_child_that_is_forked_in_a_section_has_no_lane_when_it_ends),
		cmocka_unit_test(the_table_of_registries_is_full_at_its_bound_and_not_for_ever),
		cmocka_unit_test(a_thread_may_outlive_the_registry_that_it_used),
		cmocka_unit_test(threads_may_leave_while_the_registry_is_closed),
		cmocka_unit_test(in_the_childs_copy_of_a_private_registry_all_seats_are_free),
		cmocka_unit_test(in_a_shared_registry_a_child_sits_beside_its_parent),
		cmocka_unit_test(the_seat_of_a_dead_child_is_taken_with_its_lane),
		cmocka_unit_test(only_the_dead_are_reaped),
		cmocka_unit_test(a_thread_without_a_number_has_no_seat_and_takes_nobodys),
		cmocka_unit_test(a_thread_that_lost_its_number_leaves_its_seat_to_be_reaped),
		cmocka_unit_test(a_registry_needs_numbers_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
