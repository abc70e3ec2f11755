/* SPDX-License-Identifier: MIT */
/*
 * wrapped_clock: clock_gettime() of a test that is linked with $(clock_ldflags), and defines the one in its place.
 */
#ifndef CPROM_TESTS_WRAPPED_CLOCK_H
#define CPROM_TESTS_WRAPPED_CLOCK_H

#include <time.h>

#if defined(__TIMESIZE) && __TIMESIZE == 32 /* what glibc calls the one of 64 bits */
#define __real_clock_gettime __real___clock_gettime64
#define __wrap_clock_gettime __wrap___clock_gettime64
#endif
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

#endif
