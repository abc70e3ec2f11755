/* SPDX-License-Identifier: MIT */
/*
 * collision: do two families have samples of one name?
 */
#ifndef CPROMI_COLLISION_H
#define CPROMI_COLLISION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * In some format, with no way out: so both cannot be in one registry. Types are enum cprom_type.
 * "_created" is taken by a histogram or summary, whether it is shown or not: readers of
 * OpenMetrics refuse another metric of that name.
 */
bool cpromi_names_collide(uint32_t type_a, const char *a, uint32_t type_b, const char *b);

/*
 * In OpenMetrics, where the name of a counter's family lacks the "_total" of its samples, to
 * which "_created" is a sibling, and that of an info the "_info": so a counter jobs_total
 * collides with a gauge jobs there alone, and gives way (naming.h).
 */
bool cpromi_names_clash(uint32_t type_a, const char *a, uint32_t type_b, const char *b);

#endif
