/* SPDX-License-Identifier: MIT */
/*
 * machine: runs small programs over the real core under every interleaving within bounds.
 *
 * A program is a set-up, one to four threads and a check. The machine runs it again and
 * again, deterministically, each time with another list of choices, depth-first, until
 * there is no other list within the bounds. A thread is a coroutine; where it may stop,
 * which store a load reads and which thread goes on when one ends is a choice.
 *
 * Bounds
 *  preemptions  switches away from a thread that could go on. At the end of a thread the
 *               choice of the next one is free.
 *  stale        choices of memory that an interleaving alone would not give: loads of
 *               another than the newest store, stores and read-modify-writes that take
 *               effect before a store that was made earlier.
 *
 * Why stopping at some operations only loses nothing. A thread can be stopped before an
 * atomic operation on a word in conflict: one that two threads touched while they ran,
 * one of them writing, in the same execution, be it any so far. After an execution that
 * finds a new such word the search begins again, with the larger set; what that execution
 * did is void. In the last search no execution touched a conflict outside the set. Suppose
 * an execution within the bounds did: up to that first touch all its other operations
 * commute with those of other threads, so they can be moved up to the next conflict of
 * their own thread without a further preemption; that gives an execution which was
 * searched, and which would have met the conflict. Plain accesses commute likewise, or
 * they race, and that is looked for in every execution. Fences commute with plain accesses
 * only, so they are stops too.
 *
 * Memory: operational RC11, after H.-H. Dang et al., "RustBelt meets relaxed memory"
 * (POPL 2020), without its promises. Each word in conflict has its stores in modification
 * order. A thread has a view, the oldest store of each word that it may still read;
 * release stores carry the view of their thread, acquiring loads take it over, relaxed
 * ones keep it for a fence. A full fence exchanges views with a global one, in both
 * directions; seq_cst accesses do so for their word. membarrier(2) is a full fence on each
 * thread of the process in turn, between which others may run. A second clock, of what
 * happens before, knows release and acquire alone: fences order, but only they synchronize.
 * Release sequences are those of C11: a thread's own later stores continue them.
 *
 *  sc   loads read the newest store. Races are found by happens-before all the same, so
 *       most missing releases and acquires are found here already.
 *  tso  stores release, loads acquire, read-modify-writes are full fences. This is
 *       "strong release-acquire", of which x86-TSO is a part (O. Lahav et al., "Taming
 *       release-acquire consistency", POPL 2016): modification order is the order in
 *       which buffers drain, a load that passes the thread's own buffered stores is a stale
 *       one. Readers that disagree on the order of two writers are allowed beyond TSO.
 *  pso  loads acquire, stores are as declared. Contains PSO: let the modification order of
 *       a word be that in which buffers drain into it. What a thread loads from memory
 *       comes from an ever newer memory, so a view that grows by what was read allows it;
 *       a relaxed store carries no view, so others may see it before what was stored
 *       earlier; one that drains after a store made later takes an earlier place.
 *  c11  all as declared, so missing acquires are found, too.
 *
 * Who is told by tgkill(2) that a thread is gone knows all that it did: the kernel sees to
 * that on its way out. Nothing else of the system orders anything.
 *
 * Not modelled: a load that reads a store of another thread which depends on what this
 * thread stores later (load buffering, which RC11 forbids and hardware may show); the
 * failure of a weak compare-and-swap; signal handlers; stale reads by peek_u32(), which
 * is not looked at for races either. Words in shared memory that a check reads are read as
 * their newest store.
 *
 * Races: plain accesses of src/ and of the programs come in through the calls that
 * -fsanitize=thread puts before them (hooks.c). Each 4-byte granule of the
 * mapped memory and of the core's static data knows the last accesses of each thread;
 * set-up and check happen before and after all else and are not noted.
 *
 * Variants
 *  freeze  at any operation one thread stops for good until all others have ended. The
 *          steps that those needed are bounded by the program's number.
 *  kill    at any operation a process dies; tgkill(2) says so. The others go on and end.
 */
#ifndef EXPLORE_MACHINE_H
#define EXPLORE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_THREADS 4
#define MACHINE_PROCESSES 4

enum machine_mode { MODE_SC, MODE_TSO, MODE_PSO, MODE_C11, MODES };
enum machine_variant { VARIANT_RUN, VARIANT_FREEZE, VARIANT_KILL };

#define IN(mode) (1u << (mode))
#define IN_ALL (IN(MODES) - 1)
#define IN_WEAK (IN_ALL & ~IN(MODE_SC))

struct program {
	const char *name;
	const char *about;
	void (*setup)(void);
	void (*threads[MACHINE_THREADS])(void);
	void (*check)(void);
	uint8_t process[MACHINE_THREADS]; /* of each thread; 0 also sets up and checks */
	unsigned litmus; /* modes in which machine_outcome() must be told true, and no others */
	bool is_litmus;
	bool no_membarrier;
	unsigned
		progress; /* steps that the others need at most while one is frozen; 0: not frozen */
	unsigned killable; /* bits of threads; 0: not killed */
	unsigned depth[3]; /* preemptions: sc, weak modes, strikes; for a search of seconds */
};

/* Tables of programs, each ends with a nameless one. */
extern const struct program litmus_programs[];
extern const struct program room_programs[];
extern const struct program metric_programs[];
extern const struct program native_programs[];
extern const struct program process_programs[];
extern const struct program exemplar_programs[];
extern const struct program failing_programs[]; /* that have to fail */

/*
 * A program's own notes, which belong to all its processes and are as after set-up in each
 * execution. Not watched: only for what one thread writes, or the check reads.
 */
#define EXPLORE_STATE __attribute__((section("explore_state")))

#define EXPECT(holds)                                                                              \
	do {                                                                                       \
		if (!(holds))                                                                      \
			machine_fail("%s:%d: not so: %s", __FILE__, __LINE__, #holds);             \
	} while (0)

__attribute__((format(printf, 1, 2), noreturn)) void machine_fail(const char *format, ...);

/* Litmus programs: did this execution end so? */
void machine_outcome(bool seen);

/* In a set-up: makes process p by fork() of the one that runs it. */
void machine_fork(unsigned p);

/* What a thread does at its end, now: for a set-up that shall leave no seat taken. */
void machine_thread_exit(void);

/* In a check: the thread that was frozen or killed in this execution, or -1. */
int machine_struck(void);

/* Was that thread, with its process, killed? */
bool machine_killed(int thread);

/* Are loads always of the newest store? */
bool machine_is_sc(void);

/* In a check: go on in another process, as its thread that never ran. */
void machine_enter(unsigned p);

/* Sets the clock that the core reads, in nanoseconds. */
void machine_set_clock(uint64_t ns);

/* A stop that any thread may be preempted at, whatever it touches. */
void machine_point(void);

/* Operations that a thread began in this execution. */
uint32_t machine_steps(int thread);

/* Bytes that are mapped now. */
uint64_t machine_mapped(void);

#endif
