/* SPDX-License-Identifier: MIT */
/*
 * region: the memory of one registry; mapped, bump-allocated, never moved.
 */
#include "region.h"

#include <errno.h>
#include <sys/mman.h>

static uint64_t
round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static void *
map(uint64_t bytes, bool shared)
{
	int flags = MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint64_t
segment_bytes(const struct region *r, unsigned segment)
{
	uint64_t start = region_segment_start(segment);
	uint64_t full = REGION_FIRST_BYTES << segment;

	return r->limit - start < full ? round_up(r->limit - start, 4096) : full;
}

struct region *
cpromi_region_create(uint64_t limit, bool shared, size_t header_bytes)
{
	struct region *r;
	uint64_t start;

	if (limit < REGION_FIRST_BYTES || limit > REGION_MAX_BYTES ||
	    header_bytes > REGION_FIRST_BYTES) {
		errno = EINVAL;
		return NULL;
	}
	r = map(shared ? round_up(limit, 4096) : REGION_FIRST_BYTES, shared);
	if (r == NULL)
		return NULL;
	r->limit = limit;
	r->shared = shared;
	store_relaxed(&r->used, round_up(header_bytes, CACHE_LINE));
	store_relaxed(&r->segments[0], (uintptr_t)r);
	for (unsigned i = 1; shared && (start = region_segment_start(i)) < limit; i++)
		store_relaxed(&r->segments[i], (uintptr_t)r + start);
	return r;
}

void
cpromi_region_destroy(struct region *r)
{
	uint64_t limit = r->limit;

	if (r->shared) {
		munmap(r, round_up(limit, 4096));
		return;
	}
	for (unsigned i = REGION_SEGMENTS - 1; i > 0; i--) {
		void *p = (void *)load_acquire(&r->segments[i]);

		if (p != NULL)
			munmap(p, segment_bytes(r, i));
	}
	munmap(r, REGION_FIRST_BYTES);
}

/* The address of a segment, mapped now if it was not; 0 if the system gives no memory. */
static uintptr_t
segment_address(struct region *r, unsigned segment)
{
	uintptr_t found = load_acquire(&r->segments[segment]);
	uintptr_t mapped;

	if (found != 0)
		return found;
	mapped = (uintptr_t)map(segment_bytes(r, segment), false);
	if (mapped == 0)
		return 0;
	/* Release: nothing was written yet, but the mapping itself must be there
	 * first. Pairs with load_acquire here and in cpromi_region_at(). */
	if (cas_acq_rel(&r->segments[segment], &found, mapped))
		return mapped;
	munmap((void *)mapped, segment_bytes(r, segment));
	return found;
}

/* Where an object goes if the first free byte is at used: R1. */
static uint64_t
place(uint64_t used, size_t size, size_t align)
{
	uint64_t start = round_up(used, align);

	for (;;) {
		uint64_t next = region_segment_start(region_segment(start) + 1);

		if (start + size <= next)
			return start;
		start = next;
	}
}

void *
cpromi_region_carve(struct region *r, size_t size, size_t align)
{
	uint64_t used = load_relaxed(&r->used);
	int saved = errno;

	for (;;) {
		uint64_t start = place(used, size, align);
		unsigned segment = region_segment(start);
		uintptr_t address;

		if (size > r->limit || start > r->limit - size)
			return NULL;
		address = segment_address(r, segment);
		if (address == 0) {
			errno = saved;
			return NULL;
		}
		if (cas_relaxed(&r->used, &used, start + size))
			return (char *)address + (start - region_segment_start(segment));
	}
}

region_ref
cpromi_region_ref(const struct region *r, const void *p)
{
	for (unsigned i = 0; i < REGION_SEGMENTS; i++) {
		uintptr_t start = load_acquire(&r->segments[i]);

		if (start != 0 && (uintptr_t)p - start < REGION_FIRST_BYTES << i)
			return (region_ref)((region_segment_start(i) + ((uintptr_t)p - start)) / 8);
	}
	return 0;
}

void
cpromi_stack_push(const struct region *r, atomic_u64 *head, void *object)
{
	region_ref ref = cpromi_region_ref(r, object);
	uint64_t old = load_relaxed(head);

	do {
		*(volatile uint32_t *)object = (uint32_t)old;
		/* Release: what was done to the object comes first. Pairs with the
		 * acquire in pop. */
	} while (!cas_acq_rel(head, &old,
			      (old & ~(uint64_t)UINT32_MAX) + ((uint64_t)1 << 32) + ref));
}

void *
cpromi_stack_pop(const struct region *r, atomic_u64 *head)
{
	uint64_t old = load_acquire(head);

	while ((uint32_t)old != 0) {
		void *object = cpromi_region_at(r, (uint32_t)old);
		uint32_t next = peek_u32(object);

		if (cas_acq_rel(head, &old,
				(old & ~(uint64_t)UINT32_MAX) + ((uint64_t)1 << 32) + next))
			return object;
	}
	return NULL;
}

/* The class of a size, and the size that objects of that class have. */
static unsigned
class_of(size_t size, size_t *rounded)
{
	unsigned log2 = 10;

	if (size <= 16 * REGION_SMALL_CLASSES) {
		unsigned class = size == 0 ? 0 : (unsigned)((size - 1) / 16);

		*rounded = ((size_t) class + 1) * 16;
		return class;
	}
	while ((size_t)1 << log2 < size)
		log2++;
	*rounded = (size_t)1 << log2;
	return REGION_SMALL_CLASSES + log2 - 11;
}

void *
cpromi_region_alloc(struct region *r, size_t size)
{
	size_t rounded;
	unsigned class;
	void *p;

	if (size > r->limit)
		return NULL;
	class = class_of(size, &rounded);
	p = cpromi_stack_pop(r, &r->free[class]);
	if (p != NULL)
		return memset(p, 0, rounded);
	return cpromi_region_carve(r, rounded, 16);
}

void
cpromi_region_free(struct region *r, void *p, size_t size)
{
	size_t rounded;

	if (p != NULL)
		cpromi_stack_push(r, &r->free[class_of(size, &rounded)], p);
}
