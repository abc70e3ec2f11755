/* SPDX-License-Identifier: MIT */
/*
 * epoch: memory is used again only after every reader that could see it has left.
 *
 * Epoch-based reclamation after K. Fraser, "Practical lock-freedom" (2004), §5.2.3,
 * with the lists of retired objects in the region, so that any process goes on
 * where another one died.
 *
 * Invariants
 *  E1  A thread reads what it did not make only between enter and leave; its
 *      seat's epoch word then holds the global epoch as it read it on entering,
 *      with acquire.
 *  E2  The global epoch goes from e to e+1 only if every seat is outside or at e.
 *      So while a thread is inside at e, the global epoch is e or e+1.
 *  E3  An object is retired after it can no longer be reached, under the global
 *      epoch t that is read then, by a read-modify-write: so the step to t+1 comes behind
 *      it and carries the unlinking to all who enter at t+1. Who can still see the
 *      object entered at t or less. When the global epoch is t+2, all of them have left.
 *  E4  List t mod 3 carries t in its head. Objects of t are pushed while the
 *      global epoch is t or t+1 (E2); they are taken off when it is t+2 or more, one
 *      by one, by a compare-and-swap on the head, which fails if another epoch's stand there.
 *  E5  Nor does the global epoch go on while a seat is in a section (lane.h) that began
 *      before. So when an object is reclaimed, a section in which it was used before it
 *      was retired has ended.
 *
 * E1 needs the store of the epoch word to be visible before the reads that
 * follow, E2 the reads of the epoch words after what was unlinked before: the
 * asymmetric pair of fences, membarrier(2) where the system has it. Sections have the
 * light side of it in a private registry; in a shared one E5 holds for sections that
 * began longer ago than a processor keeps a store to itself.
 *
 * Progress: enter and leave are wait-free (the first time of a thread lock-free),
 * retire is lock-free. A thread that stops inside delays the re-use of memory, not
 * any other thread; one that dies inside is found out and its seat freed.
 */
#ifndef CPROMI_EPOCH_H
#define CPROMI_EPOCH_H

#include "lane.h"

struct epoch {
	atomic_u64 global;
	atomic_u64 retired[3]; /* epoch (low 32 bits) << 32 | reference of the first: E4 */
	atomic_u32 count;      /* retired since the last attempt to go on */
	bool asymmetric;       /* constant: membarrier(2) reaches all readers */
	struct lanes *lanes;
	/* Gives the object back; or retires it again if it cannot be given back yet. */
	void (*reclaim)(struct epoch *e, void *object);
	size_t link_offset; /* of the 32-bit word in an object that links the list */
};

/* Where a thread stands between enter and leave; plain data on its stack. */
struct epoch_guard {
	struct seat *seat;
	bool outermost; /* enter inside enter, as in a signal handler, leaves the word alone */
};

extern atomic_u32 cpromi_epoch_membarrier; /* 1: this process is registered for it */

void cpromi_epoch_init(struct epoch *e, struct lanes *l, size_t link_offset,
		       void (*reclaim)(struct epoch *e, void *object));

/* Registers the process for membarrier(2): at the start and in a forked child. */
void cpromi_epoch_after_fork(void);

/* The seat of the calling thread if its entry for this registry has one, else NULL. */
static inline struct seat *
cpromi_epoch_own_seat(const struct epoch *e)
{
	return cpromi_lane_entries[e->lanes->entry].seat;
}

/* Announces what the thread on the guard's seat may read from now on: E1. */
static inline void
cpromi_epoch_announce(struct epoch *e, struct epoch_guard *g)
{
	g->outermost = load_relaxed(&g->seat->epoch) == 0;
	if (!g->outermost)
		return;
	/* Acquire: who enters at e+1 sees what was unlinked before the epoch went there.
	 * Pairs with the compare-and-swap in cpromi_epoch_advance(). Release: who sees this
	 * seat inside knows that earlier reads are over, also those of who had it before.
	 * Pairs with load_acquire in does_not_hinder(). */
	store_release(&g->seat->epoch, load_acquire(&e->global));
	if (LIKELY(e->asymmetric && load_relaxed(&cpromi_epoch_membarrier)))
		fence_compiler(); /* light side; the heavy one is in cpromi_epoch_advance() */
	else
		fence_full();
}

static inline bool
cpromi_epoch_enter(struct epoch *e, struct epoch_guard *g)
{
	g->seat = cpromi_epoch_own_seat(e);
	if (UNLIKELY(g->seat == NULL) && (g->seat = cpromi_lane_seat(e->lanes)) == NULL)
		return false;
	cpromi_epoch_announce(e, g);
	return true;
}

static inline void
cpromi_epoch_leave(struct epoch_guard *g)
{
	/* Release: the reads are done. Pairs with load_acquire in advance. */
	if (g->outermost)
		store_release(&g->seat->epoch, 0);
}

/* Hands over an object that can no longer be reached. Inside an epoch only. */
void cpromi_epoch_retire(struct epoch *e, void *object);

/* Tries to go on to the next epoch and reclaims what that sets free. */
void cpromi_epoch_advance(struct epoch *e);

/* Outside of an epoch, after much was retired: reclaims all that no other thread may still see. */
void cpromi_epoch_reclaim(struct epoch *e);

#endif
