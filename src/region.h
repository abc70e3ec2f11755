/* SPDX-License-Identifier: MIT */
/*
 * region: the memory of one registry; mapped, bump-allocated, never moved.
 *
 * A region is one range of offsets, 0 … limit, laid over segments of which each
 * is twice as long as the one before. A private region maps a segment when the
 * first allocation reaches it; a shared one maps all of them when it is made,
 * before fork(), since a later mapping would be invisible to the others.
 *
 * Invariants
 *  R1  An object never crosses the end of a segment and never moves.
 *  R2  Memory is given back to the system only by cpromi_region_destroy(), so a
 *      stale pointer into the region is never a fault.
 *  R3  Nothing in a region points outside it, function pointers of callbacks
 *      and their arguments excepted.
 *  R4  A free object of a class is on that class's list once or not at all; the
 *      head carries a count of pops and pushes, so that a head read earlier
 *      cannot be mistaken for the same head (the ABA problem).
 *
 * Progress: lock-free; a thread that stops anywhere delays nobody. At worst a
 * thread that dies between taking an object and linking it loses that object.
 * All calls may run at the same time, destroy excepted.
 */
#ifndef CPROMI_REGION_H
#define CPROMI_REGION_H

#include "atomic.h"
#include "platform.h"

#include <stddef.h>

#define REGION_SEGMENTS 20
#define REGION_FIRST_BYTES ((uint64_t)64 << 10)
/* What 32-bit references can name; and of a 32-bit address space no more than half. */
#define REGION_MAX_BYTES ((uint64_t)(sizeof(void *) > 4 ? 32 : 2) << 30)
#define REGION_SMALL_CLASSES 64 /* of 16, 32, … 1024 bytes; then powers of two */
#define REGION_CLASSES (REGION_SMALL_CLASSES + 26)

struct region {
	atomic_ptr segments[REGION_SEGMENTS]; /* set once, by whoever maps it first */
	atomic_u64 used;                      /* offset of the first byte never handed out */
	uint64_t limit;                       /* constant */
	bool shared;                          /* constant */
	atomic_u64 free[REGION_CLASSES];      /* heads: count of changes << 32 | reference */
};

/*
 * A reference names an object in 32 bits, in units of 8 bytes; 0 names none.
 */
typedef uint32_t region_ref;

/*
 * Maps a region whose first header_bytes belong to the caller, zeroed, with the
 * struct region itself at their start. NULL with errno EINVAL (limit) or ENOMEM.
 */
struct region *cpromi_region_create(uint64_t limit, bool shared, size_t header_bytes);
void cpromi_region_destroy(struct region *r);

/* Zeroed memory that can be freed; aligned to 16 bytes. NULL if the limit is reached; errno is kept. */
void *cpromi_region_alloc(struct region *r, size_t size);

/* size as it was asked for. No other thread may still use the object. */
void cpromi_region_free(struct region *r, void *p, size_t size);

/* Zeroed memory that is never freed; align is a power of two up to 4096. */
void *cpromi_region_carve(struct region *r, size_t size, size_t align);

region_ref cpromi_region_ref(const struct region *r, const void *p);

static inline unsigned
region_segment(uint64_t offset)
{
	return 63u - (unsigned)__builtin_clzll(offset / REGION_FIRST_BYTES + 1);
}

static inline uint64_t
region_segment_start(unsigned segment)
{
	return REGION_FIRST_BYTES * (((uint64_t)1 << segment) - 1);
}

static inline void *
cpromi_region_at(const struct region *r, region_ref ref)
{
	uint64_t offset = (uint64_t)ref * 8;
	unsigned segment = region_segment(offset);

	if (ref == 0)
		return NULL;
	return (char *)load_acquire(&r->segments[segment]) +
	       (offset - region_segment_start(segment));
}

/*
 * A stack of objects whose first 32 bits are free for a link; the head is as in R4.
 * The building block of every free list.
 */
void cpromi_stack_push(const struct region *r, atomic_u64 *head, void *object);
void *cpromi_stack_pop(const struct region *r, atomic_u64 *head);

#endif
