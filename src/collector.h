/* SPDX-License-Identifier: MIT */
/*
 * collector: a function that emits families at scrape time; a family without a name.
 */
#ifndef CPROMI_COLLECTOR_H
#define CPROMI_COLLECTOR_H

#include <cprom.h>
#include <stdbool.h>

/* Is there a collector of that function? */
bool cpromi_collector_exists(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg));

/* Removes all collectors of that function; all there are if it is NULL. */
void cpromi_collector_remove_all(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg));

#endif
