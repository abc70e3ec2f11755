/* SPDX-License-Identifier: MIT */
/*
 * lane: which thread writes which lane, and where it announces what it reads.
 */
#include "lane.h"

#include "epoch.h"
#include "kinship.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS CPROM_MAX_REGISTRIES
#define SLOT_BITS 10
#define MAX_USES 0x1FFFFF
#define ROW_SEATS 64

_Static_assert(sizeof(struct seat_row) <= CACHE_LINE, "seats begin behind it");
#define RETRY_INTERVAL 1024

/*
 * Who has which entry (L4): number << 32 | how many threads have a seat noted in it. The
 * number is 0 when the registry was freed.
 */
static atomic_u64 entries[LANE_ENTRIES];

/*
 * The table of this process' registries, for threads that end: they must reach
 * each registry that they have a seat in, unless it was freed.
 * state: number << 32 | alive << 31 | how many hold it (the registry itself is one).
 * A slot is free when it is not alive and nobody holds it.
 */
struct slot {
	atomic_u64 state;
	struct lanes *lanes; /* set before alive, read by holders */
};

#define ALIVE ((uint64_t)1 << 31)
#define HOLDERS (ALIVE - 1)

_Static_assert(SLOTS == 1 << SLOT_BITS, "a slot has SLOT_BITS bits");
_Static_assert(sizeof(struct seat) == CACHE_LINE, "seats share no cache line");

THREAD_LOCAL struct lane_entry cpromi_lane_entries[LANE_ENTRIES];
atomic_u64 cpromi_lane_places[CPROM_MAX_REGISTRIES];
static THREAD_LOCAL uint32_t looks; /* for a lane, by a thread that has none */
static THREAD_LOCAL bool elsewhere; /* there may be seats that no entry has */
static struct slot slots[SLOTS];
static atomic_u32 next_slot;
static pthread_key_t exit_key;
static bool has_exit_key; /* if there was none left, seats wait until they are reaped: L3 */
static pthread_once_t once = PTHREAD_ONCE_INIT, watching = PTHREAD_ONCE_INIT;

/* The random bits, in their place. */
static uint64_t
process_bits(void)
{
	return cpromi_kinship_stamp().tag >> 45 << (2 * IDENTITY_BITS);
}

static uint64_t
identity(uint64_t process, uint64_t thread)
{
	return process_bits() | (process & IDENTITY_MASK) << IDENTITY_BITS |
	       (thread & IDENTITY_MASK);
}

/* 0: gettid(2) is forbidden (seccomp), and this thread cannot be told from others. */
uint64_t
cpromi_identity_of_thread(void)
{
	int saved = errno;
	long thread = syscall(SYS_gettid);

	errno = saved;
	return thread > 0 ? identity((uint64_t)getpid(), (uint64_t)thread) : 0;
}

uint64_t
cpromi_identity_of_process(void)
{
	return identity((uint64_t)getpid(), (uint64_t)getpid());
}

bool
cpromi_identity_is_alive(uint64_t owner)
{
	pid_t process = (pid_t)cpromi_identity_pid(owner);
	int saved = errno;
	bool alive;

	if (process == getpid() && (owner & ~IDENTITY_REAPING) >> (2 * IDENTITY_BITS) !=
					   process_bits() >> (2 * IDENTITY_BITS))
		return false; /* one that had our number before us */
	alive = syscall(SYS_tgkill, process, (pid_t)(owner & IDENTITY_MASK), 0) == 0 ||
		errno != ESRCH;
	errno = saved;
	return alive;
}

void
cpromi_block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, old);
}

/* ---- the table ------------------------------------------------------------ */

static struct lanes *
hold(uint32_t number)
{
	struct slot *slot = &slots[number % SLOTS];
	uint64_t state = load_acquire(&slot->state);

	do {
		if (state >> 32 != number || !(state & ALIVE))
			return NULL;
	} while (!cas_acq_rel(&slot->state, &state, state + 1));
	return slot->lanes;
}

static void
let_go(uint32_t number, uint64_t also_clear)
{
	struct slot *slot = &slots[number % SLOTS];
	struct region *region = slot->lanes->region;
	uint64_t left = add_acq_rel(&slot->state, -(also_clear + 1)) - (also_clear + 1);

	if (!(left & ALIVE) && (left & HOLDERS) == 0)
		cpromi_region_destroy(region);
}

/* ---- entries -------------------------------------------------------------- */

static uint32_t
take_entry(uint32_t number)
{
	for (uint32_t i = 1; i < LANE_ENTRIES; i++) {
		uint64_t nobody = 0;

		/* Acquire: no thread has anything in it. Pairs with the release in forget(). */
		if (cas_acq_rel(&entries[i], &nobody, (uint64_t)number << 32))
			return i;
	}
	return 0;
}

/* Signals are blocked, here and below. */
static void
forget(uint32_t entry)
{
	memset(&cpromi_lane_entries[entry], 0, sizeof(cpromi_lane_entries[entry]));
	add_acq_rel(&entries[entry], (uint64_t)-1);
}

/* Empties the entries of registries that were freed. */
static void
forget_the_freed(void)
{
	for (uint32_t i = 1; i < LANE_ENTRIES; i++)
		if (cpromi_lane_entries[i].seat != NULL && load_relaxed(&entries[i]) >> 32 == 0)
			forget(i);
}

static void
give_entry(uint32_t entry, uint32_t number)
{
	sigset_t old;

	if (entry == 0)
		return;
	cpromi_block_signals(&old);
	if (cpromi_lane_entries[entry].seat != NULL)
		forget(entry);
	add_acq_rel(&entries[entry], -((uint64_t)number << 32));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
cpromi_lanes_close(struct lanes *l)
{
	give_entry(l->entry, l->number);
	let_go(l->number, ALIVE);
}

/* ---- leaving -------------------------------------------------------------- */

void
cpromi_lane_return(struct seat *s)
{
	for (unsigned i = 0; i < SEAT_USERS; i++)
		store_relaxed(&s->users[i], 0);
	store_relaxed(&s->epoch, 0);
	store_release(&s->owner, 0); /* L2 */
}

/* The same for one who cannot do it any more, and may have been stopped in a section. */
static void
return_for_the_dead(struct seat *s)
{
	store_relaxed(&s->in_section, 0);
	cpromi_lane_return(s);
}

static bool
leave_if_mine(struct seat *s, void *arg)
{
	if (load_relaxed(&s->owner) == *(uint64_t *)arg)
		cpromi_lane_return(s);
	return true;
}

static void
leave_registry(uint32_t number, uint64_t me)
{
	struct lanes *l = me == 0 ? NULL : hold(number);

	if (l == NULL)
		return;
	cpromi_lanes_each_seat(l, leave_if_mine, &me);
	let_go(number, 0);
}

/* At the end of a thread: gives all its seats back, with what was counted. */
static void
leave_all(void *unused)
{
	uint64_t me = cpromi_identity_of_thread();
	sigset_t old;

	(void)unused;
	cpromi_block_signals(&old);
	for (uint32_t i = 1; i < LANE_ENTRIES; i++) {
		if (cpromi_lane_entries[i].seat == NULL)
			continue;
		leave_registry((uint32_t)(load_relaxed(&entries[i]) >> 32), me);
		forget(i);
	}
	for (unsigned i = 0; elsewhere && i < SLOTS; i++)
		leave_registry((uint32_t)(load_acquire(&slots[i].state) >> 32), me);
	elsewhere = false;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- fork ----------------------------------------------------------------- */

static bool
vacate(struct seat *s, void *unused)
{
	(void)unused;
	return_for_the_dead(s);
	return true;
}

static THREAD_LOCAL sigset_t before_fork_mask;

/* Until the child has forgotten the parent's lanes, no handler may count in it. */
static void
before_fork(void)
{
	cpromi_block_signals(&before_fork_mask);
	cpromi_kinship_before_fork();
}

static void
after_fork_in_parent(void)
{
	pthread_sigmask(SIG_SETMASK, &before_fork_mask, NULL);
}

static void
after_fork_in_child(void)
{
	memset(cpromi_lane_entries, 0, sizeof(cpromi_lane_entries));
	memset(cpromi_lane_places, 0, sizeof(cpromi_lane_places));
	elsewhere = false;
	cpromi_kinship_in_child();
	cpromi_epoch_after_fork();
	for (unsigned i = 0; i < LANE_ENTRIES; i++)
		store_relaxed(&entries[i], load_relaxed(&entries[i]) & ~(uint64_t)UINT32_MAX);
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t state = load_acquire(&slots[i].state);

		if (!(state & ALIVE))
			continue;
		/* Threads that were just leaving a registry are not here to let go of it. */
		store_relaxed(&slots[i].state, (state & ~HOLDERS) | 1);
		if (!slots[i].lanes->region->shared)
			cpromi_lanes_each_seat(slots[i].lanes, vacate, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &before_fork_mask, NULL);
}

static void
watch_forks(void)
{
	cpromi_kinship_start();
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Before the program's own handlers, which may count in the child, are registered. */
__attribute__((constructor(101))) static void
watch_early(void)
{
	pthread_once(&watching, watch_forks);
}

static void
start_up(void)
{
	pthread_once(&watching, watch_forks);
	has_exit_key = pthread_key_create(&exit_key, leave_all) == 0;
	cpromi_epoch_after_fork();
}

/* ---- seats ---------------------------------------------------------------- */

bool
cpromi_lanes_each_seat(struct lanes *l, bool (*visit)(struct seat *s, void *arg), void *arg)
{
	struct seat_row *row = &l->row;

	for (; row != NULL; row = (struct seat_row *)load_acquire(&row->next))
		for (uint32_t i = 0; i < row->count; i++)
			if (!visit(&row->seats[i], arg))
				return false;
	return true;
}

bool
cpromi_seat_is_occupied(struct seat *s)
{
	uint64_t owner = load_acquire(&s->owner);

	return owner != 0 && !(owner & IDENTITY_REAPING) && cpromi_identity_is_alive(owner);
}

bool
cpromi_seat_is_ours(struct seat *s)
{
	uint64_t owner = load_relaxed(&s->owner) & ~IDENTITY_REAPING;

	return owner >> (2 * IDENTITY_BITS) == process_bits() >> (2 * IDENTITY_BITS);
}

bool
cpromi_identity_succeed(atomic_u64 *owner, uint64_t me)
{
	uint64_t old = load_acquire(owner);

	if (old == 0 || cpromi_identity_is_alive(old))
		return false;
	/* Through an owner of ours, lest two take it and one of them takes it from the next owner;
	 * marked, lest a signal handler of this thread takes a seat for its own. */
	return cas_acq_rel(owner, &old, me | IDENTITY_REAPING);
}

bool
cpromi_seat_reap(struct seat *s)
{
	if (!cpromi_identity_succeed(&s->owner, cpromi_identity_of_thread()))
		return false;
	return_for_the_dead(s);
	return true;
}

enum search { SEARCH_OWN, SEARCH_FREE, SEARCH_DEAD };

struct finding {
	enum search what;
	uint64_t me;
	struct seat *seat;
};

/* Takes the seat if it is what is looked for; false ends the search. */
static bool
take(struct seat *s, void *arg)
{
	struct finding *f = arg;
	uint64_t owner = load_relaxed(&s->owner);

	if (f->what == SEARCH_OWN) {
		if (owner == f->me)
			f->seat = s;
		return f->seat == NULL;
	}
	if (f->what == SEARCH_DEAD && cpromi_seat_reap(s))
		owner = 0;
	/* Acquire: L2. */
	if (owner == 0 && cas_acq_rel(&s->owner, &owner, f->me))
		f->seat = s;
	return f->seat == NULL;
}

static struct seat_row *
append_row(struct lanes *l)
{
	struct seat_row *last = &l->row;
	/* One piece, so that nothing is lost if there is no memory for it. */
	struct seat_row *row = cpromi_region_carve(
		l->region, CACHE_LINE + ROW_SEATS * sizeof(struct seat), CACHE_LINE);

	if (row == NULL)
		return NULL;
	row->count = ROW_SEATS;
	row->seats = (struct seat *)((char *)row + CACHE_LINE);
	for (;;) {
		uintptr_t next = 0;

		/* Release: the row is complete. Pairs with the acquire in each_seat. */
		if (cas_acq_rel(&last->next, &next, (uintptr_t)row))
			return row;
		last = (struct seat_row *)next;
	}
}

static void
take_lane(struct lanes *l, struct finding *f, enum search what, uint32_t from, uint32_t to)
{
	f->what = what;
	for (uint32_t i = from; i < to && f->seat == NULL; i++)
		take(&l->row.seats[i], f);
}

/*
 * A seat with a lane: a free one rather than a dead one's; but where processes are killed
 * a dead one's rather than one that was never used, for a lane costs memory.
 */
static struct seat *
find_lane(struct lanes *l, uint64_t me)
{
	struct finding f = {SEARCH_FREE, me, NULL};
	uint32_t used = load_relaxed(&l->used);

	take_lane(l, &f, SEARCH_FREE, 0, used);
	if (l->region->shared)
		take_lane(l, &f, SEARCH_DEAD, 0, used);
	take_lane(l, &f, SEARCH_FREE, used, l->max);
	take_lane(l, &f, SEARCH_DEAD, 0, l->max);
	return f.seat;
}

/* Any seat for that owner, a new one if need be. */
static struct seat *
find_any(struct lanes *l, uint64_t owner)
{
	struct finding f = {SEARCH_FREE, owner, NULL};

	for (; f.what <= SEARCH_DEAD && f.seat == NULL; f.what++)
		cpromi_lanes_each_seat(l, take, &f);
	f.what = SEARCH_FREE;
	while (f.seat == NULL && append_row(l) != NULL)
		cpromi_lanes_each_seat(l, take, &f);
	return f.seat;
}

static struct seat *
find_seat(struct lanes *l)
{
	struct finding f = {SEARCH_OWN, cpromi_identity_of_thread(), NULL};

	if (f.me == 0)
		return NULL;
	cpromi_lanes_each_seat(l, take, &f);
	if (f.seat == NULL)
		f.seat = find_lane(l, f.me);
	return f.seat != NULL ? f.seat : find_any(l, f.me);
}

struct seat *
cpromi_lane_borrow(struct lanes *l)
{
	uint64_t me = cpromi_identity_of_thread();

	return me == 0 ? NULL : find_any(l, me | IDENTITY_REAPING);
}

void
cpromi_lane_raise(atomic_u32 *used, uint32_t to)
{
	uint32_t there = load_relaxed(used);

	while (there < to && !cas_acq_rel(used, &there, to))
		;
}

static uint32_t
lane_of(const struct lanes *l, const struct seat *seat)
{
	bool has_lane = seat >= l->row.seats && seat < l->row.seats + l->max;

	return has_lane ? (uint32_t)(seat - l->row.seats) + 1 : LANE_OVERFLOW;
}

static void
remember(struct lanes *l, struct lane_entry *e, struct seat *seat)
{
	uint32_t lane = lane_of(l, seat);

	e->seat = seat;
	store_relaxed(&e->retry, RETRY_INTERVAL);
	if (lane == LANE_OVERFLOW)
		return;
	cpromi_lane_raise(&l->used, lane);
	store_relaxed(&e->column, COLUMN_OF_LANE(lane));
}

/* Signals are blocked. */
static struct seat *
sit_down(struct lanes *l)
{
	struct lane_entry *e = &cpromi_lane_entries[l->entry];
	struct seat *seat = e->seat;

	if (seat != NULL)
		return seat;
	forget_the_freed();
	seat = find_seat(l);
	if (seat == NULL)
		return NULL;
	if (l->entry == 0) {
		elsewhere = true;
	} else {
		add_relaxed(&entries[l->entry], 1);
		remember(l, e, seat);
	}
	if (has_exit_key)
		pthread_setspecific(exit_key, &elsewhere); /* any value but NULL */
	return seat;
}

struct seat *
cpromi_lane_seat(struct lanes *l)
{
	struct seat *seat;
	sigset_t old;

	cpromi_block_signals(&old);
	seat = sit_down(l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return seat;
}

/*
 * The seat without a lane is kept until the thread ends: whoever this is a signal
 * handler of may be about to enter an epoch on it.
 */
static void
look_for_lane(struct lanes *l, struct lane_entry *e)
{
	struct finding f = {SEARCH_FREE, cpromi_identity_of_thread(), NULL};
	uint32_t turn;

	if (load_relaxed(&e->retry) > 0)
		return;
	store_relaxed(&e->retry, RETRY_INTERVAL);
	take_lane(l, &f, SEARCH_FREE, 0, l->max);
	/* Is an owner dead? That takes a system call: one of them each time. */
	turn = looks++ % l->max;
	take_lane(l, &f, SEARCH_DEAD, turn, turn + 1);
	if (f.seat != NULL)
		remember(l, e, f.seat);
}

/* A thread without a lane comes here with each update: not a system call each time. */
static bool
may_have_lane(const struct lanes *l, struct lane_entry *e)
{
	uint32_t retry;

	if (l->entry == 0)
		return false; /* L4 */
	if (e->seat == NULL)
		return true;
	if (lane_of(l, e->seat) != LANE_OVERFLOW)
		return load_relaxed(&e->column) != COLUMN_NONE; /* else L5: it is a handler's */
	/* Once, and not decremented in place: a handler may count down between test and store. */
	retry = load_relaxed(&e->retry);
	if (retry == 0)
		return true;
	store_relaxed(&e->retry, retry - 1);
	return false;
}

uint32_t
cpromi_lane_own(struct lanes *l)
{
	struct lane_entry *e = &cpromi_lane_entries[l->entry];
	uint32_t lane = LANE_OVERFLOW;
	struct seat *seat;
	sigset_t old;

	if (!may_have_lane(l, e))
		return LANE_OVERFLOW;
	cpromi_block_signals(&old);
	seat = sit_down(l);
	if (seat != NULL && lane_of(l, seat) == LANE_OVERFLOW)
		look_for_lane(l, e);
	if (e->seat != NULL)
		lane = lane_of(l, e->seat);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return lane;
}

/* ---- opening -------------------------------------------------------------- */

static int
enter_table(struct lanes *l)
{
	/* In turn, so that a loop of making and freeing does not use up the numbers of one slot. */
	uint32_t first = add_relaxed(&next_slot, 1);

	for (uint32_t tried = 0; tried < SLOTS; tried++) {
		uint32_t i = (first + tried) % SLOTS;
		uint64_t state = load_acquire(&slots[i].state);
		uint64_t uses = (state >> (32 + SLOT_BITS)) % MAX_USES +
				1; /* never 0: no number is */
		uint64_t number = uses << SLOT_BITS | i;

		if ((state & (ALIVE | HOLDERS)) != 0)
			continue;
		/* Held but not alive yet: nobody else may fill the slot. */
		if (!cas_acq_rel(&slots[i].state, &state, number << 32 | 1))
			continue;
		slots[i].lanes = l;
		l->number = (uint32_t)number;
		l->entry = take_entry(l->number);
		/* Release: lanes is set. Pairs with the acquire in hold(). */
		store_release(&slots[i].state, number << 32 | ALIVE | 1);
		return 0;
	}
	errno = ENFILE;
	return -1;
}

int
cpromi_lanes_open(struct lanes *l, struct region *region, uint32_t max)
{
	l->region = region;
	l->max = max;
	l->row.count = max;
	l->row.seats = cpromi_region_carve(region, max * sizeof(struct seat), CACHE_LINE);
	if (region->shared)
		l->places = cpromi_region_carve(region, max * sizeof(*l->places), CACHE_LINE);
	if (l->row.seats == NULL || (region->shared && l->places == NULL)) {
		errno = ENOMEM;
		return -1;
	}
	if (cpromi_identity_of_thread() == 0) {
		errno = ENOSYS;
		return -1;
	}
	pthread_once(&once, start_up);
	return enter_table(l);
}
