/* SPDX-License-Identifier: MIT */
/*
 * self: the library's own metrics.
 */
#ifndef CPROMI_SELF_H
#define CPROMI_SELF_H

#include <cprom.h>

/* A collector; arg is the registry. */
void cpromi_self_collect(cprom_sink *out, void *arg);

#endif
