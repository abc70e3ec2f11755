/* SPDX-License-Identifier: MIT */
/*
 * collector: a function that emits families at scrape time; a family without a name.
 */
#ifndef CPROMI_COLLECTOR_H
#define CPROMI_COLLECTOR_H

#include <cprom.h>
#include <stdbool.h>

/* Is there a collector of that function that this process may run? */
bool cpromi_collector_exists(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg));

/* Removes those. 0, or -1 with ENOMEM. */
int cpromi_collector_remove(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg));

/* Removes all that this process registered; of a private registry, all there are. */
void cpromi_collector_remove_own(cprom_registry *r);

#endif
