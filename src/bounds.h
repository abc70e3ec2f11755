/* SPDX-License-Identifier: MIT */
/*
 * bounds: bucket bounds and quantiles, checked; and series of bounds, computed.
 */
#ifndef CPROMI_BOUNDS_H
#define CPROMI_BOUNDS_H

#include <cprom.h>

/* Ascending, no NaN, at most CPROM_MAX_BUCKETS; a last +Inf is taken off. 0, or -1 with EINVAL. */
int cpromi_bounds_check(const char *name, cprom_doubles *bounds);

/* Ascending, from 0 to 1, at most CPROM_MAX_QUANTILES. 0, or -1 with EINVAL. */
int cpromi_quantiles_check(const char *name, const cprom_doubles *quantiles);

#endif
