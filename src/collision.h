/* SPDX-License-Identifier: MIT */
/*
 * collision: do two families have samples of one name?
 */
#ifndef CPROMI_COLLISION_H
#define CPROMI_COLLISION_H

#include <stdbool.h>
#include <stdint.h>

/* In every format: so both cannot be in one page. Types are enum cprom_type. */
bool cpromi_names_collide(uint32_t type_a, const char *a, uint32_t type_b, const char *b);

/*
 * In OpenMetrics, where the name of a counter's family lacks the "_total" of its samples,
 * that of an info the "_info", and "_created" may follow: so a counter jobs_total collides
 * with a gauge jobs there alone.
 */
bool cpromi_names_clash(uint32_t type_a, const char *a, uint32_t type_b, const char *b);

#endif
