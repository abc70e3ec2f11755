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
 *  L1  A seat is written by the one live thread whose identity (process << 32 |
 *      thread) is its owner; a lane is written by the owner of its seat only.
 *  L2  A seat passes from hand to hand by owner alone: the old owner's release
 *      store of 0 pairs with the new owner's acquiring compare-and-swap, so the
 *      new one goes on from the counts that the old one left.
 *  L3  The seat of a thread or process that died without leaving it may be taken
 *      once the kernel says that the thread is gone.
 *  L4  A cached seat is used only if the cached registry number is that of the
 *      handle at hand. Numbers are never used twice (but see NUMBER below).
 *
 * Progress: finding one's lane is wait-free; taking a seat is lock-free.
 * Signals: a handler that interrupts a thread while it takes a seat may take a
 * second one for the same thread; both are given back when the thread ends.
 * Fork: the child starts with an empty cache; in its copy of a private registry
 * all seats are free again, in a shared one those of the parent are left alone.
 */
#ifndef CPROMI_LANE_H
#define CPROMI_LANE_H

#include "region.h"

#define LANE_OVERFLOW 0
#define LANE_NO_NUMBER UINT32_MAX /* belongs to no registry, is cached by no thread */
#define LANE_CACHE 8

struct seat {
	_Alignas(CACHE_LINE) atomic_u64 owner; /* L1, L2; 0: free */
	atomic_u64 epoch;                       /* written by the owner; 0: outside */
};

/* A row of seats; rows are only ever appended. */
struct seat_row {
	atomic_ptr next;
	uint32_t first; /* number of its first seat */
	uint32_t count;
	struct seat *seats;
};

/*
 * NUMBER: a registry's number is its slot in the process' table (10 bits) and
 * how often that slot was used (21 bits); it repeats after two million registries
 * in one slot, by when no thread's cache holds the old one any more.
 */
struct lanes {
	struct region *region;
	uint32_t number;
	uint32_t max;        /* seats with a lane */
	atomic_u32 used;     /* lanes that were ever taken are 1 … used */
	struct seat_row row; /* the seats with a lane */
};

/* What a thread knows of its seat in one registry. */
struct lane_cache {
	uint32_t owned;  /* registry number if the seat has a lane, else 0: the fast check of updates */
	uint32_t lane;   /* LANE_OVERFLOW or the own lane */
	uint32_t number; /* registry number if there is a seat at all */
	uint32_t retry;  /* shared updates until a look for a free lane */
	struct seat *seat;
};

extern THREAD_LOCAL struct lane_cache cpromi_lane_cache[LANE_CACHE];

static inline struct lane_cache *
cpromi_lane_cached(uint32_t number)
{
	return &cpromi_lane_cache[number % LANE_CACHE];
}

/*
 * Enters the registry in the process' table and lays out the first row of seats.
 * 0, or -1 with errno ENFILE (table full) or ENOMEM.
 */
int cpromi_lanes_open(struct lanes *l, struct region *region, uint32_t max);

/* Ends it; the region is destroyed when the last thread that is just leaving it has left. */
void cpromi_lanes_close(struct lanes *l);

/*
 * The calling thread's entry for this registry, seated; NULL if there is no
 * memory for a seat. Not for the fast path: that looks into the cache itself.
 */
struct lane_cache *cpromi_lane_attach(struct lanes *l);

/*
 * Called for an update of a thread that has no lane: from time to time looks
 * whether one is free by now.
 */
struct lane_cache *cpromi_lane_retry(struct lanes *l, struct lane_cache *c);

/* Calls visit for every seat, until it returns false. Was it true to the end? */
bool cpromi_lanes_each_seat(struct lanes *l, bool (*visit)(struct seat *s, void *arg), void *arg);

/* Frees the seat if its owner is dead; says whether it did. */
bool cpromi_seat_reap(struct seat *s);

#endif
