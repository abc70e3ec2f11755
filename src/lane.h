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
 *  L4  What a thread knows of its seat stands in an entry of thread-local memory, which
 *      is one registry's in all threads. It becomes another's only when that registry
 *      was freed and no thread has anything in it. So what a thread finds in an entry is
 *      of the registry whose handles name it, or nothing. Registries that find no
 *      entry free count in lane 0.
 *  L5  In a section the owner of a lane changes what takes more than one step. It closes
 *      its entry meanwhile: a signal handler of the thread finds no lane, and adds to
 *      lane 0. Its seat says that it is in a section: see E5 in epoch.h.
 *
 * Progress: finding one's lane is wait-free; taking a seat is lock-free.
 * Signals: are blocked while a thread takes or leaves a seat, so that a handler
 * finds an entry whole.
 * Fork: the child starts with an empty cache; in its copy of a private registry
 * all seats are free again, in a shared one those of the parent are left alone.
 */
#ifndef CPROMI_LANE_H
#define CPROMI_LANE_H

#include "region.h"

#include <cprom.h>
#include <signal.h>
#include <stddef.h>

#define LANE_OVERFLOW 0
#define LANE_ENTRIES 16 /* number 0 is nobody's, and always empty */
#define SEAT_USERS 8

struct seat {
	_Alignas(CACHE_LINE) atomic_u64 owner; /* L1, L2; 0: free */
	atomic_u64 epoch;                      /* written by the owner; 0: outside */
	/* By the owner: families whose functions it runs (family.h). */
	atomic_u32 users[SEAT_USERS];
	atomic_u32 in_section; /* by the owner: L5 */
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
	uint32_t entry;      /* L4; 0: none */
	uint32_t max;        /* seats with a lane */
	atomic_u32 used;     /* lanes that were ever taken are 1 … used */
	struct seat_row row; /* the seats with a lane */
	atomic_u64 *places;  /* max of them, of processes: part.h; NULL in a private registry */
	atomic_u32 used_places;
};

/*
 * Where a lane's block stands among those of a chunk (shape.h): at its column. The
 * first one holds none, so that who has no lane finds no block.
 */
#define COLUMN_NONE 0
#define COLUMN_OF_LANE(lane) ((lane) + 1)

/* What a thread knows of its seat in one registry: L4. */
struct lane_entry {
	atomic_u32 column; /* COLUMN_NONE: the seat has no lane, or is in a section */
	atomic_u32 retry; /* of a seat without a lane: shared updates until a look for a free one */
	struct seat *seat; /* NULL: nothing is known, and the column is COLUMN_NONE */
};

extern THREAD_LOCAL struct lane_entry cpromi_lane_entries[LANE_ENTRIES];

/*
 * Which place (part.h) this process has in a registry: registry number << 32 | place, by
 * number modulo their count. Forgotten in a forked child.
 */
extern atomic_u64 cpromi_lane_places[CPROM_MAX_REGISTRIES];

/*
 * Where an entry is, as handles know it: its distance from the thread's own address, the
 * same in all threads, where one instruction can reach it so; else from the first entry.
 */
#if defined(THREAD_BASE_IN_FS)
static inline int32_t
cpromi_lane_entry_at(uint32_t entry)
{
	char *thread;

	__asm__("movq %%fs:0, %0" : "=r"(thread));
	return (int32_t)((char *)&cpromi_lane_entries[entry] - thread);
}

/* Compilers would load the distance of the entries from memory, and add. */
static inline size_t
cpromi_lane_column(int32_t at)
{
	size_t column;

	__asm__ volatile("movl %%fs:(%1), %k0" : "=r"(column) : "r"((int64_t)at));
	return column;
}

static inline struct seat *
lane_close_entry(int32_t at)
{
	struct seat *seat;

	__asm__ volatile("movl %2, %%fs:(%1)\n\t"
			 "movq %%fs:%c3(%1), %0"
			 : "=r"(seat)
			 : "r"((int64_t)at), "i"(COLUMN_NONE),
			   "i"(offsetof(struct lane_entry, seat))
			 : "memory");
	return seat;
}

static inline void
lane_open_entry(int32_t at, size_t column)
{
	__asm__ volatile("cmpq $0, %%fs:%c2(%1)\n\t"
			 "je 1f\n\t"
			 "movl %k0, %%fs:(%1)\n"
			 "1:"
			 :
			 : "r"(column), "r"((int64_t)at), "i"(offsetof(struct lane_entry, seat))
			 : "memory", "cc");
}
#else
static inline int32_t
cpromi_lane_entry_at(uint32_t entry)
{
	return (int32_t)(entry * sizeof(struct lane_entry));
}

static inline struct lane_entry *
lane_entry_of(int32_t at)
{
	return (struct lane_entry *)((char *)cpromi_lane_entries + at);
}

static inline size_t
cpromi_lane_column(int32_t at)
{
	return load_relaxed(&lane_entry_of(at)->column);
}

static inline struct seat *
lane_close_entry(int32_t at)
{
	store_relaxed(&lane_entry_of(at)->column, COLUMN_NONE);
	fence_compiler();
	return lane_entry_of(at)->seat;
}

static inline void
lane_open_entry(int32_t at, size_t column)
{
	fence_compiler();
	if (LIKELY(lane_entry_of(at)->seat != NULL))
		store_relaxed(&lane_entry_of(at)->column, (uint32_t)column);
}
#endif

/*
 * Around a section, by who has just found its lane at the column: L5. The entry is not
 * opened again if it was emptied meanwhile: a signal handler forked, and this is the child.
 */
static inline struct seat *
cpromi_section_enter(int32_t at)
{
	struct seat *seat = lane_close_entry(at);

	store_relaxed(&seat->in_section, 1);
	fence_compiler(); /* light side; the heavy one is in cpromi_epoch_advance(): E5 */
	return seat;
}

static inline void
cpromi_section_leave(int32_t at, size_t column, struct seat *seat)
{
	/* Release: what was changed. Pairs with load_acquire in is_in_section(). */
	store_release(&seat->in_section, 0);
	lane_open_entry(at, column);
}

/*
 * Enters the registry in the process' table and lays out the first row of seats.
 * 0, or -1 with errno ENFILE (table full), ENOMEM, or ENOSYS (threads have no numbers).
 */
int cpromi_lanes_open(struct lanes *l, struct region *region, uint32_t max);

/* Ends it; the region is destroyed when the last thread that is just leaving it has left. */
void cpromi_lanes_close(struct lanes *l);

/*
 * Not for the fast path, which looks into the entry itself: the calling thread's seat
 * in this registry, NULL if there is none for it; and the lane that it may write
 * now, LANE_OVERFLOW if there is none. A thread without a lane looks for a free one from
 * time to time.
 */
struct seat *cpromi_lane_seat(struct lanes *l);
uint32_t cpromi_lane_own(struct lanes *l);

/*
 * A seat for the while: it is not noted in an entry, nor given back when the thread
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

/*
 * The calling thread's, or that of the process: of its first thread. 0 where the system does
 * not tell a thread its number: such a thread gets no seat, and counts in lane 0.
 */
uint64_t cpromi_identity_of_thread(void);
uint64_t cpromi_identity_of_process(void);
bool cpromi_identity_is_alive(uint64_t owner);

/* Makes the owner, if it is dead, REAPING | me; says whether it did. */
bool cpromi_identity_succeed(atomic_u64 *owner, uint64_t me);

static inline uint32_t
cpromi_identity_pid(uint64_t owner)
{
	return owner >> IDENTITY_BITS & IDENTITY_MASK;
}

/*
 * Blocks all signals: what a handler must not find half done, such as two words of an
 * entry that belong together, is done meanwhile.
 */
void cpromi_block_signals(sigset_t *old);

#endif
