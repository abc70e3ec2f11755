/* SPDX-License-Identifier: MIT */
/*
 * stateset: which of some named states are on; one atomic word, in lane 0 alone.
 */
#ifndef CPROMI_STATESET_H
#define CPROMI_STATESET_H

#include "shape.h"

/* Names that differ, none empty: 0, or -1 with EINVAL. name is that of the metric. */
int cpromi_states_check(const char *name, cprom_strings states);

/* Bit i: is state i on? h is a series. */
static inline uint64_t
cpromi_stateset_bits(const struct handle *h)
{
	uint64_t word = load_relaxed(cpromi_shared_cells(h, 0));

	return h->chunk->shape->flags ? word : (uint64_t)1 << (word & 63);
}

#endif
