/* SPDX-License-Identifier: MIT */
/*
 * long_run: time, memory and chance for the programs that run for seconds or minutes.
 */
#ifndef CPROM_TESTS_LONG_RUN_H
#define CPROM_TESTS_LONG_RUN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct timespec started; /* by start_clock() */

static inline void
start_clock(void)
{
	clock_gettime(CLOCK_MONOTONIC, &started);
}

/* Seconds since then. */
static inline double
elapsed(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)(t.tv_sec - started.tv_sec) + (double)(t.tv_nsec - started.tv_nsec) * 1e-9;
}

static inline void
pause_us(long us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&t, NULL);
}

/* Resident memory in KiB: the exact sum of smaps_rollup, not the rounded one of status. */
static inline long
resident_kib(void)
{
	static char text[4096];
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	const char *line;
	size_t n;

	if (f == NULL)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	line = strstr(text, "\nRss:");
	return line == NULL ? -1 : strtol(line + strlen("\nRss:"), NULL, 10);
}

/* G. Marsaglia, "Xorshift RNGs" (2003); *state is not 0. */
static inline uint32_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

#endif
