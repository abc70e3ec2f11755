/* SPDX-License-Identifier: MIT */
/*
 * atomic: the second implementation of src/atomic.h, for the explorer; and the system as
 * the explorer plays it.
 *
 * Included before everything else (-include), so the guard below keeps src/atomic.h out and
 * src/ compiles unchanged: every atomic operation becomes a call with its order, its text
 * and its place. The types are plain words here: an access that goes round the names of
 * this header is seen as a plain one, and is a race.
 *
 * What the core asks of the system is redirected by macros with arguments, which leave
 * fields of the same names alone; hence all system headers that it uses come first.
 */
#ifndef CPROMI_ATOMIC_H
#define CPROMI_ATOMIC_H

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

typedef uint32_t atomic_u32;
typedef uint64_t atomic_u64;
typedef uintptr_t atomic_ptr;

/* Bits: what an operation does beyond being indivisible. */
enum {
	EXPLORE_RELAXED = 0,
	EXPLORE_ACQUIRE = 1,
	EXPLORE_RELEASE = 2,
	EXPLORE_ACQ_REL = 3,
	EXPLORE_SEQ_CST = 4,
};

enum explore_change { EXPLORE_ADD, EXPLORE_EXCHANGE };

uint64_t explore_load(const void *p, size_t size, unsigned order, const char *site);
void explore_store(void *p, size_t size, uint64_t v, unsigned order, const char *site);
uint64_t explore_change(void *p, size_t size, enum explore_change how, uint64_t v, unsigned order,
			const char *site);
bool explore_cas(void *p, size_t size, void *expected, uint64_t v, unsigned order, unsigned failed,
		 const char *site);
void explore_fence(const char *site);
uint32_t explore_peek(const void *p, const char *site);

#define EXPLORE_TEXT(x) #x
#define EXPLORE_LINE(x) EXPLORE_TEXT(x)
#define EXPLORE_SITE(text) __FILE__ ":" EXPLORE_LINE(__LINE__) ": " text

#define EXPLORE_LOAD(p, order, text)                                                               \
	((__typeof__(*(p) + 0))explore_load((p), sizeof(*(p)), (order), EXPLORE_SITE(text)))
#define EXPLORE_STORE(p, v, order, text)                                                           \
	explore_store((p), sizeof(*(p)), (uint64_t)(v), (order), EXPLORE_SITE(text))
#define EXPLORE_CHANGE(p, how, v, order, text)                                                     \
	((__typeof__(*(p) + 0))explore_change((p), sizeof(*(p)), (how), (uint64_t)(v), (order),    \
					      EXPLORE_SITE(text)))
#define EXPLORE_CAS(p, expected, v, order, failed, text)                                           \
	explore_cas((p), sizeof(*(p)), (expected), (uint64_t)(v), (order), (failed),               \
		    EXPLORE_SITE(text))

#define load_relaxed(p) EXPLORE_LOAD(p, EXPLORE_RELAXED, "load_relaxed(" #p ")")
#define load_acquire(p) EXPLORE_LOAD(p, EXPLORE_ACQUIRE, "load_acquire(" #p ")")
#define load_seq_cst(p) EXPLORE_LOAD(p, EXPLORE_ACQUIRE | EXPLORE_SEQ_CST, "load_seq_cst(" #p ")")

#define store_relaxed(p, v) EXPLORE_STORE(p, v, EXPLORE_RELAXED, "store_relaxed(" #p ")")
#define store_release(p, v) EXPLORE_STORE(p, v, EXPLORE_RELEASE, "store_release(" #p ")")
#define store_seq_cst(p, v)                                                                        \
	EXPLORE_STORE(p, v, EXPLORE_RELEASE | EXPLORE_SEQ_CST, "store_seq_cst(" #p ")")

#define add_relaxed(p, v) EXPLORE_CHANGE(p, EXPLORE_ADD, v, EXPLORE_RELAXED, "add_relaxed(" #p ")")
#define add_acq_rel(p, v) EXPLORE_CHANGE(p, EXPLORE_ADD, v, EXPLORE_ACQ_REL, "add_acq_rel(" #p ")")
#define sub_relaxed(p, v)                                                                          \
	EXPLORE_CHANGE(p, EXPLORE_ADD, -(uint64_t)(v), EXPLORE_RELAXED, "sub_relaxed(" #p ")")
#define exchange_acq_rel(p, v)                                                                     \
	EXPLORE_CHANGE(p, EXPLORE_EXCHANGE, v, EXPLORE_ACQ_REL, "exchange_acq_rel(" #p ")")

#define cas_relaxed(p, expected, v)                                                                \
	EXPLORE_CAS(p, expected, v, EXPLORE_RELAXED, EXPLORE_RELAXED, "cas_relaxed(" #p ")")
#define cas_acq_rel(p, expected, v)                                                                \
	EXPLORE_CAS(p, expected, v, EXPLORE_ACQ_REL, EXPLORE_ACQUIRE, "cas_acq_rel(" #p ")")
#define cas_seq_cst(p, expected, v)                                                                \
	EXPLORE_CAS(p, expected, v, EXPLORE_ACQ_REL | EXPLORE_SEQ_CST,                             \
		    EXPLORE_ACQUIRE | EXPLORE_SEQ_CST, "cas_seq_cst(" #p ")")

#define fence_full() explore_fence(EXPLORE_SITE("fence_full()"))
#define fence_compiler() ((void)0)

/* Without a lock prefix: a load and a store, and another thread may come in between. */
#define add_owned_release(p, v)                                                                    \
	EXPLORE_STORE(p,                                                                           \
		      EXPLORE_LOAD(p, EXPLORE_RELAXED, "add_owned_release(" #p "), load") + (v),   \
		      EXPLORE_RELEASE, "add_owned_release(" #p "), store")
#define cas_owned_release(p, expected, v)                                                          \
	explore_cas_owned((p), (expected), (v), EXPLORE_SITE("cas_owned_release(" #p ")"))

__attribute__((unused)) static bool
explore_cas_owned(atomic_u64 *p, uint64_t *expected, uint64_t v, const char *site)
{
	uint64_t found = explore_load(p, sizeof(*p), EXPLORE_RELAXED, site);
	bool same = found == *expected;

	*expected = found;
	if (same)
		explore_store(p, sizeof(*p), v, EXPLORE_RELEASE, site);
	return same;
}

#define peek_u32(p) explore_peek((p), EXPLORE_SITE("peek_u32(" #p ")"))

/* ---- the system ------------------------------------------------------------ */

/* Swapped when another thread goes on. */
#define THREAD_LOCAL __attribute__((section("explore_tls")))

long explore_syscall(long number, ...);
pid_t explore_getpid(void);
void *explore_mmap(size_t bytes);
int explore_munmap(void *p, size_t bytes);
int explore_once(pthread_once_t *once, void (*run)(void));
int explore_key_create(void (*at_exit)(void *value));
int explore_setspecific(const void *value);
int explore_atfork(void (*before)(void), void (*in_child)(void));
int explore_clock(struct timespec *t);
ssize_t explore_random(void *p, size_t n);
void *explore_malloc(size_t n);
void *explore_realloc(void *p, size_t n);
void *explore_memcpy(void *to, const void *from, size_t n);
void *explore_memset(void *to, int c, size_t n);
int explore_memcmp(const void *a, const void *b, size_t n);
size_t explore_strlen(const char *s);
int explore_strcmp(const char *a, const char *b);
int explore_strncmp(const char *a, const char *b, size_t n);

#define syscall(...) explore_syscall(__VA_ARGS__)
#define getpid() explore_getpid()
#define mmap(at, bytes, protection, flags, fd, offset) ((void)(flags), explore_mmap(bytes))
#define munmap(p, bytes) explore_munmap((p), (bytes))
#define pthread_once(once, run) explore_once((once), (run))
#define pthread_key_create(key, at_exit) (*(key) = 0, explore_key_create(at_exit))
#define pthread_setspecific(key, value) ((void)(key), explore_setspecific(value))
#define pthread_atfork(before, after, in_child) explore_atfork((before), (in_child))
#define pthread_sigmask(how, set, old) ((void)(set), 0)
#define clock_gettime(clock, t) ((void)(clock), explore_clock(t))
#define getrandom(p, n, flags) explore_random((p), (n))
#define malloc(n) explore_malloc(n)
#define calloc(n, size) explore_malloc((size_t)(n) * (size))
#define realloc(p, n) explore_realloc((p), (n))
#define free(p) ((void)(p))
#define memcpy(...) explore_memcpy(__VA_ARGS__)
#define memmove(...) explore_memcpy(__VA_ARGS__)
#define memset(...) explore_memset(__VA_ARGS__)
#define memcmp(...) explore_memcmp(__VA_ARGS__)
#define strlen(s) explore_strlen(s)
#define strcmp(a, b) explore_strcmp((a), (b))
#define strncmp(a, b, n) explore_strncmp((a), (b), (n))

#endif
