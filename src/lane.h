/* SPDX-License-Identifier: MIT */
/*
 * lane: which thread writes which lane, and where it announces what it reads.
 *
 * A thread that works in a registry sits on one seat there. The first max_lanes
 * seats have a lane each, a private copy of the cell space; the seats behind
 * them, made as needed, have none: their threads share the overflow lane 0 with
 * atomic adds. A seat also holds the epoch word of its thread (epoch.h).
 *
 * Invariants
 *  L1  A seat is written by the one live thread whose identity is its owner; a lane
 *      is written by the owner of its seat only. An identity holds random bits of
 *      the process beside the numbers of process and thread, which may come again.
 *  L2  A seat passes from hand to hand by owner alone: the old owner's release
 *      store of 0 pairs with the new owner's acquiring compare-and-swap, so the
 *      new one goes on from the counts that the old one left.
 *  L3  The seat of a thread or process that died without leaving it may be taken
 *      once the kernel says that the thread is gone. So all processes of a shared
 *      registry must be in one PID namespace.
 *  L4  A cached seat is used only if the cached registry number is that of the
 *      handle at hand. Numbers are not 0 and never used twice (but see NUMBER below).
 *
 * Progress: finding one's lane is wait-free; taking a seat is lock-free.
 * Signals: are blocked while a thread takes or leaves a seat, so that a handler
 * finds an entry of the cache whole.
 * Fork: the child starts with an empty cache; in its copy of a private registry
 * all seats are free again, in a shared one those of the parent are left alone.
 */
#ifndef CPROMI_LANE_H
#define CPROMI_LANE_H

#include "region.h"

#include <cprom.h>
#include <signal.h>

#define LANE_OVERFLOW 0
#define LANE_NO_NUMBER UINT32_MAX /* belongs to no registry, is cached by no thread */
#define LANE_CACHE 8
#define SEAT_USERS 8

struct seat {
	_Alignas(CACHE_LINE) atomic_u64 owner; /* L1, L2; 0: free */
	atomic_u64 epoch;                      /* written by the owner; 0: outside */
	atomic_u32
		users[SEAT_USERS]; /* by the owner: families whose functions it runs (family.h) */
};

/* A row of seats; rows are only ever appended. */
struct seat_row {
	atomic_ptr next;
	uint32_t count;
	struct seat *seats;
};

/*
 * NUMBER: a registry's number is its slot in the process' table (10 bits) and
 * how often that slot was used (21 bits). Slots are used in turn, so a number comes
 * again after two thousand million registries.
 */
struct lanes {
	struct region *region;
	uint32_t number;
	uint32_t max;        /* seats with a lane */
	atomic_u32 used;     /* lanes that were ever taken are 1 … used */
	struct seat_row row; /* the seats with a lane */
	atomic_u64 *places;  /* max of them, of processes: part.h; NULL in a private registry */
	atomic_u32 used_places;
};

/* What a thread knows of its seat in one registry. */
struct lane_cache {
	atomic_u64 owned; /* registry number << 32 | lane, 0 if the seat has no lane: one word, for
			   * a signal handler may give the entry to another registry at any time */
	struct seat *seat;
	uint32_t number;  /* registry number if there is a seat at all */
	uint32_t retry;   /* shared updates until a look for a free lane */
	uint32_t changes; /* of seat and number: tells a reader of both that they belong together */
};

extern THREAD_LOCAL struct lane_cache cpromi_lane_cache[LANE_CACHE];

/*
 * Which place (part.h) this process has in a registry: registry number << 32 | place, by
 * number modulo their count. Forgotten in a forked child.
 */
extern atomic_u64 cpromi_lane_places[CPROM_MAX_REGISTRIES];

static inline struct lane_cache *
cpromi_lane_cached(uint32_t number)
{
	return &cpromi_lane_cache[number % LANE_CACHE];
}

/* Where a registry's entry is, in bytes, as handles know it. */
static inline uint16_t
cpromi_lane_cache_at(uint32_t number)
{
	return (uint16_t)(number % LANE_CACHE * sizeof(struct lane_cache));
}

/* The word `owned` of the entry there. Compilers load the thread's address first, and add. */
#if defined(THREAD_BASE_IN_FS)
static inline uint64_t
cpromi_lane_owned(uint16_t at)
{
	uint64_t owned;

	__asm__ volatile("movq cpromi_lane_cache@gottpoff(%%rip), %0\n\t"
			 "movq %%fs:(%0,%1), %0"
			 : "=&r"(owned)
			 : "r"((uint64_t)at));
	return owned;
}
#else
static inline uint64_t
cpromi_lane_owned(uint16_t at)
{
	struct lane_cache *c = (struct lane_cache *)((char *)cpromi_lane_cache + at);

	return load_relaxed(&c->owned);
}
#endif

/*
 * Enters the registry in the process' table and lays out the first row of seats.
 * 0, or -1 with errno ENFILE (table full) or ENOMEM.
 */
int cpromi_lanes_open(struct lanes *l, struct region *region, uint32_t max);

/* Ends it; the region is destroyed when the last thread that is just leaving it has left. */
void cpromi_lanes_close(struct lanes *l);

/*
 * Not for the fast path, which looks into the cache itself: the calling thread's seat
 * in this registry, NULL if there is no memory for one; and its lane, LANE_OVERFLOW
 * if it has none. A thread without a lane looks for a free one from time to time.
 */
struct seat *cpromi_lane_seat(struct lanes *l);
uint32_t cpromi_lane_own(struct lanes *l);

/*
 * A seat for the while: it is not noted in the cache, nor given back when the thread
 * ends, and a signal handler of the thread does not take it for its own. NULL without memory.
 */
struct seat *cpromi_lane_borrow(struct lanes *l);
void cpromi_lane_return(struct seat *s);

/* Raises a number of lanes, or places, that were ever used. */
void cpromi_lane_raise(atomic_u32 *used, uint32_t to);

/* Calls visit for every seat, until it returns false. Was it true to the end? */
bool cpromi_lanes_each_seat(struct lanes *l, bool (*visit)(struct seat *s, void *arg), void *arg);

/* Frees the seat if its owner is dead; says whether it did. */
bool cpromi_seat_reap(struct seat *s);

/* Has it an owner, and one that lives? */
bool cpromi_seat_is_occupied(struct seat *s);

/* Is it a seat of this process, not of the one that it was forked from? */
bool cpromi_seat_is_ours(struct seat *s);

/*
 * Who owns a seat or place: REAPING | 19 random bits of the process | process | thread. Process
 * and thread numbers have 22 bits on Linux (PID_MAX_LIMIT).
 */
#define IDENTITY_BITS 22
#define IDENTITY_MASK (((uint64_t)1 << IDENTITY_BITS) - 1)
#define IDENTITY_REAPING ((uint64_t)1 << 63)

/* The calling thread's, or that of the process: of its first thread. */
uint64_t cpromi_identity_of_thread(void);
uint64_t cpromi_identity_of_process(void);
bool cpromi_identity_is_alive(uint64_t owner);

static inline uint32_t
cpromi_identity_pid(uint64_t owner)
{
	return owner >> IDENTITY_BITS & IDENTITY_MASK;
}

/*
 * Blocks all signals: what a handler must not find half done, such as two words of a
 * cache that belong together, is done meanwhile.
 */
void cpromi_block_signals(sigset_t *old);

#endif
