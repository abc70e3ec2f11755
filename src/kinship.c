/* SPDX-License-Identifier: MIT */
/*
 * kinship: which process this is, and what it inherited from those it was forked from.
 */
#include "kinship.h"

#include "hash.h"

#define ANCESTORS 16

static uint64_t tag;     /* of this process; changed by a child's only thread alone */
static atomic_u64 forks; /* that this process made or tried */
static struct stamp ancestors[ANCESTORS]; /* nearest first, as of when our branch was forked */

void
cpromi_kinship_start(void)
{
	struct hash_key random;

	cpromi_hash_key_make(&random);
	tag = random.k[0] | 1; /* 0 is nobody's */
}

void
cpromi_kinship_before_fork(void)
{
	add_relaxed(&forks, 1);
}

void
cpromi_kinship_in_child(void)
{
	memmove(&ancestors[1], &ancestors[0], sizeof(ancestors) - sizeof(ancestors[0]));
	/* What the parent stamped before this fork: its count was one less then. */
	ancestors[0] = (struct stamp){tag, load_relaxed(&forks) - 1};
	store_relaxed(&forks, 0);
	cpromi_kinship_start();
}

struct stamp
cpromi_kinship_stamp(void)
{
	return (struct stamp){tag, load_relaxed(&forks)};
}

bool
cpromi_kinship_inherits(const struct stamp *s)
{
	if (s->tag == tag)
		return true;
	for (unsigned i = 0; i < ANCESTORS; i++)
		if (ancestors[i].tag == s->tag)
			return s->forks <= ancestors[i].forks;
	return false;
}
