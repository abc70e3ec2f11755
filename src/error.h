/* SPDX-License-Identifier: MIT */
/*
 * error: why the last call of this thread failed.
 */
#ifndef CPROMI_ERROR_H
#define CPROMI_ERROR_H

#include "platform.h"

/*
 * Sets errno and the text of cprom_error(), cut at 255 bytes between two
 * characters of UTF-8; returns -1, so that a function can end in
 * `return cpromi_fail(EINVAL, …);`. No allocation; thread-safe.
 */
int cpromi_fail(int err, const char *format, ...) PRINTF_LIKE(2, 3) COLD;

/* The same for a signal handler, which must not format: the reason as it is. */
int cpromi_fail_in_handler(int err, const char *reason) COLD;

#endif
