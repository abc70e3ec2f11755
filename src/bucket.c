/* SPDX-License-Identifier: MIT */
/*
 * bucket: which of ascending bounds is the first that a value does not exceed.
 */
#include "bucket.h"

#define MOST_SLOTS(count) (64 + 4 * (uint64_t)(count)) /* of 2 bytes; a bound has 48 elsewhere */

/* No value may exceed a bound of -0 that is 0. */
static int64_t
key_of_bound(double bound)
{
	return cpromi_bucket_key(bound == 0 ? 0 : bound);
}

static uint64_t
slots(const struct bucket_table *t)
{
	return (((uint64_t)t->highest - (uint64_t)t->lowest) >> t->shift) + 1;
}

static uint16_t
fullest_slot(const struct bucket_table *t, const double *bounds, size_t count)
{
	uint16_t most = 1, n = 0;

	for (size_t i = 0, last = 0; i < count; i++) {
		size_t slot = cpromi_bucket_slot(t, key_of_bound(bounds[i]));

		n = slot == last ? n + 1 : 1;
		last = slot;
		most = n > most ? n : most;
	}
	return most;
}

struct bucket_table
cpromi_bucket_plan(const double *bounds, size_t count)
{
	struct bucket_table t = {.shift = 63}, best;

	if (count > 0) {
		t.lowest = key_of_bound(bounds[0]);
		t.highest = key_of_bound(bounds[count - 1]);
	}
	do {
		t.last = (uint32_t)(slots(&t) - 1);
		t.window = fullest_slot(&t, bounds, count);
		if (t.shift == 63 || t.window < best.window)
			best = t;
	} while (best.window > 1 && t.shift-- > 0 && slots(&t) <= MOST_SLOTS(count));
	best.bytes = (uint32_t)((count + 1) * sizeof(*t.keys) + slots(&best) * sizeof(*t.first));
	return best;
}

void
cpromi_bucket_fill(struct bucket_table *t, void *place, const double *bounds, size_t count)
{
	int64_t *keys = place;
	uint16_t *first = (uint16_t *)(keys + count + 1);
	/* A window may start before its slot does, but not end behind the last key. */
	size_t last = count + 1 - t->window, at = 0;

	for (size_t i = 0; i < count; i++)
		keys[i] = key_of_bound(bounds[i]);
	keys[count] = INT64_MAX;
	for (size_t slot = 0; slot < slots(t); slot++) {
		while (at < last && cpromi_bucket_slot(t, keys[at]) < slot)
			at++;
		first[slot] = (uint16_t)at;
	}
	t->keys = keys;
	t->first = first;
}
