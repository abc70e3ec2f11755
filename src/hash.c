/* SPDX-License-Identifier: MIT */
/*
 * hash: a keyed hash of label values.
 */
#include "hash.h"

#include "clock.h"

#include <sys/random.h>

void
cpromi_hash_key_make(struct hash_key *key)
{
	if (getrandom(key, sizeof(*key), GRND_NONBLOCK) != (ssize_t)sizeof(*key)) {
		key->k[0] = cpromi_monotonic_coarse_ns() ^ double_bits(cpromi_unix_seconds());
		key->k[1] = hash_fold(key->k[0], (uintptr_t)key | 1);
	}
	key->k[1] |= 1; /* a factor of 0 would fold everything to 0 */
}
