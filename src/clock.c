/* SPDX-License-Identifier: MIT */
/*
 * clock: the time, for durations (monotonic) and for people (real).
 */
#include "clock.h"

#include <time.h>

static struct timespec
now(clockid_t clock)
{
	struct timespec t = {0, 0};

	clock_gettime(clock, &t);
	return t;
}

int64_t
cpromi_monotonic_ms(void)
{
	struct timespec t = now(CLOCK_MONOTONIC);

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t
nanoseconds(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
cpromi_monotonic_coarse_ns(void)
{
	return nanoseconds(now(CLOCK_MONOTONIC_COARSE));
}

uint64_t
cpromi_monotonic_ns(void)
{
	return nanoseconds(now(CLOCK_MONOTONIC));
}

double
cpromi_seconds_since(uint64_t ns)
{
	int64_t passed = (int64_t)(cpromi_monotonic_ns() - ns);

	return passed > 0 ? (double)passed * 1e-9 : 0;
}

double
cpromi_unix_seconds(void)
{
	struct timespec t = now(CLOCK_REALTIME);

	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int64_t
cpromi_unix_coarse_ns(void)
{
	return (int64_t)nanoseconds(now(CLOCK_REALTIME_COARSE));
}

int64_t
cpromi_unix_ms(void)
{
	struct timespec t = now(CLOCK_REALTIME);

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
