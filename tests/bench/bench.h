/* SPDX-License-Identifier: MIT */
/*
 * bench: measures cases one after the other, again and again, and prints a row of each.
 *
 * usage of every program: PROGRAM [REPETITIONS [MILLISECONDS [WORD]]]
 *
 * A case is a piece of work that one library does again and again, for some
 * milliseconds, in some threads at the same time. All cases of a program are run
 * once, in order, then all once more, and so on, so that each meets the same machine
 * as the others of its name: the bound, which is the least that the machine must do,
 * and other libraries. WORD picks the cases that have it in their name.
 *
 * Rows: group, what, library, threads, repetition, value, unit; with tabs between them.
 * The value is the time from the start of the threads to the end of the last, divided by the
 * operations of all. Not their CPU time: a library whose threads sleep while they
 * wait for one another would look the better for it. With more threads than
 * processors it says how much the whole machine gets done, not how long one
 * update takes: a thread that is off its processor does nothing in vain. A run in which the
 * threads had less of the processors than they could use is done over, twice at the most.
 */
#ifndef CPROM_BENCH_H
#define CPROM_BENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a thread brings along; plain memory of its own. */
struct bench_thread {
	unsigned number;
	uint64_t at; /* where it is in a list of inputs */
	const void *subject;
};

struct bench_case {
	const char *what;
	const char *library; /* whose work it is: "bound", or a library's name and version */
	unsigned threads;
	uint64_t (*batch)(struct bench_thread *t); /* does some work; how many operations */
	const void *subject; /* what the batch works on, if it wants to know */
	uint64_t (*beside)(struct bench_thread *t); /* what one more thread does, uncounted */
};

#define BENCH_BOUND "bound"
#define BENCH_CPROM "cprom"

/* Runs the cases of a group; the exit status. A second thread is parked meanwhile. */
int bench_run(int argc, char **argv, const char *group, const struct bench_case *cases,
	      size_t count);

/* For groups that measure in a way of their own. */
unsigned bench_repetitions(int argc, char **argv);
unsigned bench_first(void); /* number of the first one: BENCH_REPETITION, as run.sh says, or 0 */
double bench_resident_bytes(void); /* of this process in RAM; takes nothing of the heap */
void bench_park(void);             /* the second thread: without it libc leaves atomics out */
uint64_t bench_ns(void);           /* of CLOCK_MONOTONIC */
uint64_t bench_cpu_ns(void);       /* of the calling thread */
double bench_resident(void);       /* bytes of this process that are in RAM */
void bench_header(void);
void bench_row(const char *group, const struct bench_case *c, unsigned repetition, double value,
	       const char *unit);

/* Inputs that no branch predictor learns, the same for all. */
#define BENCH_INPUTS 16384
extern double bench_doubles[BENCH_INPUTS];  /* about 1 ms … 20 s, evenly on a log scale */
extern uint8_t bench_choices[BENCH_INPUTS]; /* 0 … 63 */
void bench_inputs(void);

#ifdef __cplusplus
}
#endif

#endif
