/* SPDX-License-Identifier: MIT */
/*
 * system: what the core asks of the system, as the machine answers it.
 *
 * Process p has the number PROCESS + p, thread t the number THREAD + t; the thread that
 * sets up and checks has that of its process. Memory is given out in turn and never
 * twice, so that what comes too late is found; the heap is not watched.
 */
#include "atomic.h"
#include "core.h"
#include "process.h"

#undef memcpy
#undef memmove
#undef memset
#undef malloc
#undef free

#define PROCESS 1000
#define THREAD 2000
#define MAPPINGS 64
#define HANDLERS 4
#define HEAP_BYTES ((size_t)1 << 20)

struct mapping {
	uintptr_t start;
	size_t bytes;
	bool gone;
};

/* What an execution may change. */
struct system {
	struct mapping mappings[MAPPINGS];
	unsigned mapping_count;
	uintptr_t arena_used;
	size_t heap_used;
	uint64_t clock_ns;
	uint64_t random;
	void (*at_exit)(void *value);
	struct {
		void (*before)(void);
		void (*in_child)(void);
	} forks[HANDLERS];
	unsigned fork_count;
};

static struct system it, kept;
static char heap[HEAP_BYTES] __attribute__((aligned(16)));
static char kept_heap[HEAP_BYTES];

void
system_reset(void)
{
	memset(&it, 0, sizeof(it));
	it.arena_used = ARENA;
	it.clock_ns = 1000000000000;
	it.random = 88172645463325252u;
	memset(heap, 0, sizeof(heap));
}

void
system_keep(void)
{
	kept = it;
	memcpy(kept_heap, heap, it.heap_used);
}

void
system_restore(void)
{
	memset(heap + kept.heap_used, 0, it.heap_used - kept.heap_used);
	memcpy(heap, kept_heap, kept.heap_used);
	it = kept;
}

/* ---- memory -------------------------------------------------------------------- */

bool
system_is_mapped(uintptr_t p, size_t n)
{
	for (unsigned i = 0; i < it.mapping_count; i++)
		if (p - it.mappings[i].start < it.mappings[i].bytes)
			return !it.mappings[i].gone &&
			       p + n - it.mappings[i].start <= it.mappings[i].bytes;
	return false;
}

void *
explore_mmap(size_t bytes)
{
	uintptr_t start = it.arena_used;

	bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
	if (bytes > ARENA + ARENA_BYTES - start || it.mapping_count == MAPPINGS) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	it.mappings[it.mapping_count++] = (struct mapping){start, bytes, false};
	it.arena_used += bytes;
	return (void *)start;
}

int
explore_munmap(void *p, size_t bytes)
{
	bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
	for (unsigned i = 0; i < it.mapping_count; i++) {
		struct mapping *m = &it.mappings[i];

		if (m->start == (uintptr_t)p && m->bytes == bytes && !m->gone) {
			m->gone = true;
			return 0;
		}
	}
	machine_fail("munmap of what is not mapped: %p, %zu bytes", p, bytes);
}

uint64_t
machine_mapped(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < it.mapping_count; i++)
		sum += it.mappings[i].gone ? 0 : it.mappings[i].bytes;
	return sum;
}

void *
explore_malloc(size_t n)
{
	size_t *at = (size_t *)(void *)(heap + it.heap_used);

	n = (n + 15) & ~(size_t)15;
	if (n > HEAP_BYTES - it.heap_used - 16)
		machine_fail("out of heap");
	it.heap_used += n + 16;
	at[0] = n;
	return at + 2;
}

void *
explore_realloc(void *p, size_t n)
{
	void *to = explore_malloc(n);
	size_t old = p == NULL ? 0 : ((size_t *)p)[-2];

	return memcpy(to, p == NULL ? to : p, old < n ? old : n);
}

/* ---- processes and threads -------------------------------------------------------- */

pid_t
explore_getpid(void)
{
	return PROCESS + running->process;
}

/* Who is told that a thread has ended knows what it did: the kernel saw to that. */
static long
thread_kill(int process, int thread)
{
	int index = thread >= THREAD ? thread - THREAD : MAIN;

	process -= PROCESS;
	if (process >= 0 && process < MACHINE_PROCESSES && index <= MACHINE_THREADS &&
	    is_alive((unsigned)process, index))
		return 0;
	for (int t = 0; t < MACHINE_THREADS && now.concurrent; t++)
		if (t == index || (index == MAIN && threads[t].process == process &&
				   threads[t].state == THREAD_DEAD))
			model_join(&threads[t]);
	errno = ESRCH;
	return -1;
}

static void
fence_of(struct thread *t, bool stops)
{
	uint32_t arrival = arrive();

	if (stops)
		stop(arrival, true);
	model_fence(t);
	trace(arrival, "membarrier", NULL, 0, "");
}

/*
 * A fence on each thread of the process; each at a time of its own, if that can matter. A
 * thread that ended had one when it left its processor.
 */
static long
membarrier(long command)
{
	if (now.program->no_membarrier) {
		errno = ENOSYS;
		return -1;
	}
	if (command != MEMBARRIER_CMD_PRIVATE_EXPEDITED || !now.concurrent)
		return 0;
	fence_of(running, true);
	for (int t = 0; t < MACHINE_THREADS; t++)
		if (t != running->index && threads[t].state != THREAD_ABSENT &&
		    threads[t].process == running->process)
			fence_of(&threads[t], now.mode != MODE_SC);
	fence_of(running, now.mode != MODE_SC);
	return 0;
}

long
explore_syscall(long number, ...)
{
	va_list args;
	long result = -1, first;
	int second;

	va_start(args, number);
	if (number == SYS_gettid) {
		result = running->index == MAIN ? explore_getpid() : THREAD + running->index;
	} else if (number == SYS_tgkill) {
		first = va_arg(args, int);
		second = va_arg(args, int);
		if (now.concurrent)
			stop(arrive(), true); /* its answer depends on who lives */
		result = thread_kill((int)first, second);
	} else if (number == SYS_membarrier) {
		result = membarrier(va_arg(args, int));
	} else {
		machine_fail("unexpected system call %ld", number);
	}
	va_end(args);
	return result;
}

int
explore_once(pthread_once_t *once, void (*run)(void))
{
	char *done = (char *)once;

	if (*done == 0) {
		*done = 1;
		run();
	}
	return 0;
}

int
explore_key_create(void (*destructor)(void *value))
{
	it.at_exit = destructor;
	return 0;
}

int
explore_setspecific(const void *value)
{
	running->has_exit = value != NULL;
	return 0;
}

void
system_thread_end(void)
{
	if (!running->has_exit)
		return;
	running->has_exit = false;
	it.at_exit(running);
}

int
explore_atfork(void (*before)(void), void (*child)(void))
{
	if (it.fork_count == HANDLERS)
		machine_fail("more than %d fork handlers", HANDLERS);
	it.forks[it.fork_count].before = before;
	it.forks[it.fork_count++].in_child = child;
	return 0;
}

void
machine_fork(unsigned p)
{
	for (unsigned i = it.fork_count; i-- > 0;)
		if (it.forks[i].before != NULL)
			it.forks[i].before();
	memory_copy_process(p);
	memory_leave(running);
	running->process = (uint8_t)p;
	memory_enter(running);
	for (unsigned i = 0; i < it.fork_count; i++)
		it.forks[i].in_child();
	memory_set_process_tls(p);
	running->process = 0;
	memory_enter(running);
}

/* ---- clock and chance --------------------------------------------------------------- */

int
explore_clock(struct timespec *t)
{
	t->tv_sec = (time_t)(it.clock_ns / 1000000000u);
	t->tv_nsec = (long)(it.clock_ns % 1000000000u);
	return 0;
}

void
machine_set_clock(uint64_t ns)
{
	it.clock_ns = ns;
}

ssize_t
explore_random(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		it.random = it.random * 6364136223846793005u + 1442695040888963407u;
		((unsigned char *)p)[i] = (unsigned char)(it.random >> 56);
	}
	return (ssize_t)n;
}

/* No program explores the process metrics; src/default.c names them. */
void
cpromi_process_collect(cprom_sink *out, void *arg)
{
	(void)out;
	(void)arg;
}
