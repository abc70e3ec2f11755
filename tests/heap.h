/* SPDX-License-Identifier: MIT */
/*
 * heap: malloc and its kin as the library under test calls them, counted and made to fail.
 *
 * For programs linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free.
 * Each thread has its own figures; the calls inside libc are not seen.
 */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>

struct heap {
	long calls;   /* that ask for memory, since heap_watch() */
	long fail_at; /* the call that fails and all after it, or that one alone; 0: none */
	bool only_one;
	long failed;  /* calls that did */
	long blocks;  /* given, not taken back */
	size_t bytes; /* in them, and the most there were */
	size_t peak;
	bool within; /* a call that is made of the others, in a static musl */
};

static _Thread_local struct heap heap;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

/* From now on the fail_at-th call fails; blocks and bytes are counted from 0. */
static inline void
heap_watch(long fail_at, bool only_one)
{
	heap = (struct heap){.fail_at = fail_at, .only_one = only_one};
}

static inline bool
heap_refuses(void)
{
	heap.calls++;
	if (heap.fail_at == 0 || heap.calls < heap.fail_at ||
	    (heap.only_one && heap.calls > heap.fail_at))
		return false;
	heap.failed++;
	errno = ENOMEM;
	return true;
}

static inline void *
heap_took(void *p)
{
	if (p != NULL) {
		heap.blocks++;
		heap.bytes += malloc_usable_size(p);
		if (heap.bytes > heap.peak)
			heap.peak = heap.bytes;
	}
	return p;
}

static inline void
heap_gave(void *p)
{
	if (p != NULL) {
		heap.blocks--;
		heap.bytes -= malloc_usable_size(p);
	}
}

void *
__wrap_malloc(size_t n)
{
	if (heap.within)
		return __real_malloc(n);
	return heap_refuses() ? NULL : heap_took(__real_malloc(n));
}

void *
__wrap_calloc(size_t count, size_t n)
{
	void *p;

	if (heap_refuses())
		return NULL;
	heap.within = true;
	p = __real_calloc(count, n);
	heap.within = false;
	return heap_took(p);
}

void *
__wrap_realloc(void *p, size_t n)
{
	void *moved;

	if (heap_refuses())
		return NULL;
	heap_gave(p);
	heap.within = true;
	moved = __real_realloc(p, n);
	heap.within = false;
	return heap_took(moved);
}

void
__wrap_free(void *p)
{
	if (!heap.within)
		heap_gave(p);
	__real_free(p);
}

#endif
