/* SPDX-License-Identifier: MIT */
/*
 * atomic: the only door to atomic operations; the order is in the name.
 *
 * Everything that threads or processes share is read and written through these
 * names alone, so that a second implementation of this header can hand each
 * operation to a scheduler. Orders follow C11; where a bare name would hide
 * one, it is spelled out. Loose fences are few (see below).
 */
#ifndef CPROMI_ATOMIC_H
#define CPROMI_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic(uint32_t) atomic_u32;
typedef _Atomic(uint64_t) atomic_u64 __attribute__((aligned(8))); /* gcc before 11, i386: 4 */
typedef _Atomic(uintptr_t) atomic_ptr; /* a pointer with tag bits, or a plain one */

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)

#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)

#define add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)

/* On failure *expected holds what was found, read with the second order. */
#define cas_relaxed(p, expected, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_relaxed,        \
						memory_order_relaxed)
#define cas_acq_rel(p, expected, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel,        \
						memory_order_acquire)
#define cas_seq_cst(p, expected, v)                                                                \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_seq_cst,        \
						memory_order_seq_cst)

/*
 * The asymmetric pair: if A stores x, fence_light(), loads y, and B stores y,
 * fence_heavy(), loads x, then at least one of them sees the other's store.
 * Where membarrier(2) works the light side costs nothing but a compiler barrier
 * and the heavy side a system call; else both are full fences. There is no
 * operation for the light side to sit on that would be free. The other loose fences
 * stand where a thread stores a word and then looks at one that another room writes:
 * a series is published, or a function's family named, while the family may go.
 * The compiler's fence is none of C11: clang 14 moves loads past atomic_signal_fence().
 */
#define fence_full() atomic_thread_fence(memory_order_seq_cst)
#define fence_compiler() __asm__ volatile("" ::: "memory")

/*
 * Change a word that only the calling thread writes, and its signal handlers: where the
 * machine has one instruction for it that needs no lock, a handler comes before or after
 * it; else it is an atomic operation, for nothing may be lost. Release order: what the
 * thread stored before is visible before the new value. Pair with load_acquire. On
 * failure *expected holds what was found.
 */
#if defined(__x86_64__) && !defined(CPROM_PORTABLE_ATOMICS) /* as with ThreadSanitizer */
static inline void
add_owned_release(atomic_u64 *p, uint64_t v)
{
	__asm__ volatile("addq %1, %0" : "+m"(*(uint64_t *)p) : "er"(v) : "memory", "cc");
}

static inline bool
cas_owned_release(atomic_u64 *p, uint64_t *expected, uint64_t v)
{
	bool done;

	__asm__ volatile("cmpxchgq %3, %1"
			 : "=@ccz"(done), "+m"(*(volatile uint64_t *)p), "+a"(*expected)
			 : "r"(v)
			 : "memory");
	return done;
}
#else
#define add_owned_release(p, v) ((void)atomic_fetch_add_explicit((p), (v), memory_order_release))
#define cas_owned_release(p, expected, v)                                                          \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_release,        \
						memory_order_relaxed)
#endif

/*
 * Reads the link of a free object that another thread may have taken, and be
 * filling, meanwhile. What comes out is garbage then, and the tagged
 * compare-and-swap that follows throws it away; the read itself is all that
 * ThreadSanitizer could object to, so it is told not to look.
 */
__attribute__((no_sanitize("thread"), noinline, unused)) static uint32_t
peek_u32(const void *p)
{
	return *(const volatile uint32_t *)p;
}

#endif
