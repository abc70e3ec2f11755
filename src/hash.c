/* SPDX-License-Identifier: MIT */
/*
 * hash: a keyed hash of label values.
 */
#include "hash.h"

#include "clock.h"

#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

/*
 * Of what the kernel gave the program at its start, which its forked children have, too, and
 * of what tells them and their registries apart. Every bit depends on all of it: kinship.c
 * tells processes apart by the highest.
 */
static void
make_without_kernel(struct hash_key *key)
{
	const void *given = (const void *)getauxval(AT_RANDOM);
	struct hash_key seed = {{0x9E3779B97F4A7C15, 0xD1342543DE82EF95}};

	if (given != NULL)
		memcpy(&seed, given, sizeof(seed));
	key->k[0] = hash_fold(seed.k[0] ^ cpromi_monotonic_ns(), seed.k[1] ^ (uint64_t)getpid());
	key->k[1] = hash_fold(seed.k[1] ^ key->k[0], seed.k[0] ^ (uintptr_t)key);
}

void
cpromi_hash_key_make(struct hash_key *key)
{
	if (getrandom(key, sizeof(*key), GRND_NONBLOCK) != (ssize_t)sizeof(*key))
		make_without_kernel(key);
	key->k[1] |= 1; /* a factor of 0 would fold everything to 0 */
}
