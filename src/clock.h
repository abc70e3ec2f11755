/* SPDX-License-Identifier: MIT */
/*
 * clock: the time, for durations (monotonic) and for people (real).
 */
#ifndef CPROMI_CLOCK_H
#define CPROMI_CLOCK_H

#include <stdint.h>

/* Seconds since some point in the past; never goes back. Async-signal-safe, as all here. */
double cpromi_monotonic_seconds(void);

/* Milliseconds of the same clock. */
int64_t cpromi_monotonic_ms(void);

/* Nanoseconds of the same clock; and as of its last tick (up to 10 ms ago), at a fifth of the cost. */
uint64_t cpromi_monotonic_ns(void);
uint64_t cpromi_monotonic_coarse_ns(void);

/* Seconds since the Unix epoch. */
double cpromi_unix_seconds(void);

#endif
