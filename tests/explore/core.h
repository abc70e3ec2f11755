/* SPDX-License-Identifier: MIT */
/*
 * core: what the parts of the machine share. Nothing here is for programs.
 */
#ifndef EXPLORE_CORE_H
#define EXPLORE_CORE_H

#include "machine.h"

#include <stddef.h>

#define MAIN MACHINE_THREADS /* the thread that sets up and checks */
#define NOBODY (-1)
#define MAX_WORDS 2048 /* in conflict */

#define ARENA ((uintptr_t)0x200000000000)
#define ARENA_BYTES ((size_t)2 << 20)
#define STATICS_BYTES ((size_t)128 << 10) /* of one process, at most */
#define PAGE ((size_t)4096)
#define ARENA_PLACES (ARENA_BYTES / 4)
#define STATICS_PLACES (STATICS_BYTES / 4)
#define PLACES (ARENA_PLACES + MACHINE_PROCESSES * STATICS_PLACES)

/* Of what happens before: how far each thread is known. */
struct clock {
	uint16_t of[MACHINE_THREADS];
};

/* What a thread may assume of memory. view[word]: the oldest store that it may read. */
struct stand {
	struct clock now, kept,
		fenced; /* kept: of relaxed loads, for a fence; fenced: for relaxed stores */
	int32_t view[MAX_WORDS], kept_view[MAX_WORDS], fenced_view[MAX_WORDS];
	bool has_fenced;
};

enum thread_state { THREAD_ABSENT, THREAD_READY, THREAD_ENDED, THREAD_DEAD };

struct thread {
	void *stack_pointer;
	char *stack;
	char *tls;
	enum thread_state state;
	bool has_exit; /* pthread_setspecific() was called */
	uint8_t process;
	int index;
	int saved_errno;
	uint32_t steps;
	struct stand stand;
};

enum status { RUNNING, DONE, FAILED };

/* One execution, and what bounds it. */
struct execution {
	const struct program *program;
	enum machine_mode mode;
	enum machine_variant variant;
	bool concurrent; /* threads run, not set-up or check */
	bool grown;      /* a new conflict was found */
	enum status status;
	unsigned preemptions_left, stale_left;
	uint32_t arrivals; /* operations begun */
	int struck;        /* the thread that was frozen or killed */
	bool frozen;
	uint32_t after_strike; /* steps of the others since then */
	uint32_t number;       /* of this execution: what earlier ones noted is void */
	bool seen;             /* machine_outcome() */
	bool every_word;       /* replay: all words count as in conflict */
	char message[512];
};

extern struct execution now;
extern struct thread threads[MACHINE_THREADS + 1];
extern struct thread *running;

/* ---- memory.c -------------------------------------------------------------- */

void memory_open(void);
void *memory_reserve(size_t bytes);
void memory_begin_program(void);
void memory_keep(void); /* as it is now is how each execution begins */
void memory_restore(void);

/* Statics and thread-local data, at a switch and at a fork. */
void memory_leave(struct thread *t);
void memory_enter(struct thread *t);
void memory_copy_process(unsigned to);
void memory_set_process_tls(unsigned p);

/* Where it is, -1: not watched. */
int memory_place(const void *p);
void memory_dirty(const void *p, size_t n);

/* Words in conflict: all that were found, and how many of them this search knows. */
unsigned memory_words(void);
unsigned memory_active(void);
void memory_activate(void); /* the search begins anew and knows all */
void memory_touch(int place, bool write);
unsigned memory_word(int place); /* 0: none, as far as this search knows */

/* An access by the running thread; fails if it races. */
void memory_note(int first, size_t size, bool write, const char *site);
void memory_plain(const void *p, size_t n, bool write, const void *caller);

/* ---- model.c --------------------------------------------------------------- */

void model_open(void);
void model_reset(void);                      /* a new execution */
void model_overwrite(unsigned id);           /* by a plain write */
void model_fence(struct thread *t);          /* a full one */
void model_join(const struct thread *ended); /* the running thread learns all that it did */

/* ---- schedule.c ------------------------------------------------------------ */

enum choice_kind { CHOICE_POINT = '>', CHOICE_NEXT = '!', CHOICE_STORE = '~' };
#define CHOICE_STRIKE 9

/* 0 … options-1; what: how each is called in a schedule, NULL: as it is numbered. */
unsigned choose(enum choice_kind kind, uint32_t arrival, unsigned options, const uint8_t *what);

/* The running thread is about to do something; may go on later. Its number. */
uint32_t arrive(void);
void stop(uint32_t arrival, bool in_conflict);
void trace(uint32_t arrival, const char *site, const void *p, uint64_t value, const char *remark);
bool is_alive(unsigned process, int thread);
void trace_print(unsigned last);
void switch_to(struct thread *to);
void catch_faults(void);

/* ---- search.c -------------------------------------------------------------- */

struct bounds {
	enum machine_mode mode;
	enum machine_variant variant;
	unsigned preemptions, stale;
	double seconds;
	unsigned walks; /* random executions beside the search */
	uint64_t seed;
	bool quiet;
};

/* Runs the threads of now.program, from its set-up on. */
void execute(void);

/* True if all went well. */
bool search(const struct program *p, const struct bounds *b);
bool replay(const struct program *p, const struct bounds *b, const char *schedule);

/* ---- system.c -------------------------------------------------------------- */

void system_reset(void); /* a new program: nothing is mapped */
void system_keep(void);
void system_restore(void); /* as after set-up */
bool system_is_mapped(uintptr_t p, size_t n);
void system_thread_end(void); /* runs the destructor */

#endif
