/* SPDX-License-Identifier: MIT */
/*
 * bench: measures cases beside their bounds, interleaved, and prints one row per repetition.
 *
 * usage of every program: PROGRAM [REPETITIONS [MILLISECONDS [WORD]]]
 *
 * A case is a piece of work that is done again and again for some milliseconds by
 * some threads at the same time. All cases of a program are run once, in order,
 * then all once more, and so on, so that a case and the bound that it is held
 * against meet the same machine. WORD picks the cases that have it in their name,
 * and their bounds.
 *
 * Rows: group, what, threads, repetition, value, unit, bound; with tabs between
 * them. The value is time divided by all operations of all threads. The time is the
 * CPU time of the threads divided by how many of them the machine can run at once:
 * wall time, on a machine that does nothing else meanwhile. (Work that sleeps would
 * look too good; none of the cases does.)
 */
#ifndef CPROM_BENCH_H
#define CPROM_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* What a thread brings along; plain memory of its own. */
struct bench_thread {
	unsigned number;
	uint64_t at; /* where it is in a list of inputs */
};

struct bench_case {
	const char *what;
	const char *bound; /* the case that it is held against; NULL: none */
	unsigned threads;
	uint64_t (*batch)(struct bench_thread *t); /* does some work; how many operations */
};

/* Runs the cases of a group; the exit status. A second thread is parked meanwhile. */
int bench_run(int argc, char **argv, const char *group, const struct bench_case *cases,
	      size_t count);

/* For groups that measure in a way of their own. */
unsigned bench_repetitions(int argc, char **argv);
void bench_park(void);       /* the second thread: without it libc leaves atomics out */
uint64_t bench_cpu_ns(void); /* of the calling thread */
void bench_header(void);
void bench_row(const char *group, const struct bench_case *c, unsigned repetition, double value,
	       const char *unit);

/* Inputs that no branch predictor learns, the same for all. */
#define BENCH_INPUTS 16384
extern double bench_doubles[BENCH_INPUTS];  /* about 1 ms … 20 s, evenly on a log scale */
extern uint8_t bench_choices[BENCH_INPUTS]; /* 0 … 63 */
void bench_inputs(void);

#endif
