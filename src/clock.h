/* SPDX-License-Identifier: MIT */
/*
 * clock: the time, for durations (monotonic) and for people (real).
 */
#ifndef CPROMI_CLOCK_H
#define CPROMI_CLOCK_H

#include <stdint.h>

/*
 * Nanoseconds since some point in the past, above 0; never goes back. As of the clock's last
 * tick (up to 10 ms ago) it is had at a fifth of the cost. Async-signal-safe, as all here.
 */
uint64_t cpromi_monotonic_ns(void);
uint64_t cpromi_monotonic_coarse_ns(void);

/* Seconds since then, at least 0. */
double cpromi_seconds_since(uint64_t ns);

/* Milliseconds of the same clock. */
int64_t cpromi_monotonic_ms(void);

/* Milliseconds and seconds since the Unix epoch; and nanoseconds as of the clock's last tick. */
int64_t cpromi_unix_ms(void);
double cpromi_unix_seconds(void);
int64_t cpromi_unix_coarse_ns(void);

#endif
