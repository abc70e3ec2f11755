/* SPDX-License-Identifier: MIT */
/*
 * collector: a function that emits families at scrape time; a family without a name.
 */
#ifndef CPROMI_COLLECTOR_H
#define CPROMI_COLLECTOR_H

#include <cprom.h>

/* The registry's first collector of that function; NULL if there is none. */
cprom_collector *cpromi_collector_find(cprom_registry *r,
				       void (*collect)(cprom_sink *out, void *arg));

#endif
