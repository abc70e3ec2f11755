/* SPDX-License-Identifier: MIT */
/*
 * kinship: which process this is, and what it inherited from those it was forked from.
 *
 * Process numbers come again, so a process is known by a random tag, made anew in
 * every forked child. A pointer that another process stored in shared memory is valid
 * here only if it was stored by an ancestor of ours before our branch was forked: so a
 * process counts its forks, what it stores is stamped with tag and count, and a child
 * notes how far its parent had counted.
 */
#ifndef CPROMI_KINSHIP_H
#define CPROMI_KINSHIP_H

#include "atomic.h"

/* Whose memory, as of when. */
struct stamp {
	uint64_t tag;
	uint64_t forks;
};

/* At the start, before any stamp is made. */
void cpromi_kinship_start(void);

/* Around fork(): in the parent before it, and in the child. */
void cpromi_kinship_before_fork(void);
void cpromi_kinship_in_child(void);

/* Now and here. */
struct stamp cpromi_kinship_stamp(void);

/*
 * Is memory that was stamped so here as well? Of the nearest 16 ancestors; those
 * beyond count as strangers.
 */
bool cpromi_kinship_inherits(const struct stamp *s);

#endif
