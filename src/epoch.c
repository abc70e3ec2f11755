/* SPDX-License-Identifier: MIT */
/*
 * epoch: memory is used again only after every reader that could see it has left.
 */
#include "epoch.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ADVANCE_INTERVAL 64
#define SECTION_LOOKS 16

/* Of <linux/membarrier.h>, which is not there where libc is musl. */
#define PRIVATE_EXPEDITED (1 << 3)
#define REGISTER_PRIVATE_EXPEDITED (1 << 4)

atomic_u32 cpromi_epoch_membarrier;

static bool
membarrier(int command)
{
	int saved = errno;
	bool done = syscall(SYS_membarrier, command, 0, 0) == 0;

	errno = saved;
	return done;
}

void
cpromi_epoch_after_fork(void)
{
	store_relaxed(&cpromi_epoch_membarrier, membarrier(REGISTER_PRIVATE_EXPEDITED));
}

void
cpromi_epoch_init(struct epoch *e, struct lanes *l, size_t link_offset,
		  void (*reclaim)(struct epoch *e, void *object))
{
	e->lanes = l;
	e->link_offset = link_offset;
	e->reclaim = reclaim;
	/* Readers in other processes are out of a private membarrier's reach. */
	e->asymmetric = !l->region->shared;
	store_relaxed(&e->global, 3); /* 0 means outside; the lists start at 0 */
}

static atomic_u32 *
link_of(const struct epoch *e, void *object)
{
	return (atomic_u32 *)((char *)object + e->link_offset);
}

/*
 * Takes objects off a list that nobody pushes to any more (E4), one by one, so that a
 * process that is killed over it takes one object with it, not the list. An object that
 * another has taken meanwhile comes back under another epoch only, so the head differs.
 */
static void
reclaim_list(struct epoch *e, atomic_u64 *head, uint64_t old)
{
	uint64_t retired_at = old >> 32;

	while (old >> 32 == retired_at && (region_ref)old != 0) {
		void *object = cpromi_region_at(e->lanes->region, (region_ref)old);
		region_ref next = peek_u32(link_of(e, object));

		if (!cas_acq_rel(head, &old, retired_at << 32 | next))
			continue;
		e->reclaim(e, object);
		old = load_acquire(head);
	}
}

void
cpromi_epoch_retire(struct epoch *e, void *object)
{
	region_ref ref = cpromi_region_ref(e->lanes->region, object);
	uint64_t now = add_acq_rel(&e->global, 0); /* after the object was unlinked: E3 */
	atomic_u64 *head = &e->retired[now % 3];
	uint64_t old = load_acquire(head);

	do {
		if (old >> 32 != (uint32_t)now) { /* of epoch now-3 or older: E4 */
			reclaim_list(e, head, old);
			old = load_acquire(head);
		}
		store_relaxed(link_of(e, object), (region_ref)old);
		/* Release: the link and all that led here. Pairs with the acquire of who takes it. */
	} while (!cas_acq_rel(head, &old, now << 32 | ref));
	if (add_relaxed(&e->count, 1) % ADVANCE_INTERVAL == ADVANCE_INTERVAL - 1)
		cpromi_epoch_advance(e);
}

/*
 * A section is a few instructions: who is in one at each look may as well be stopped in it,
 * or have died there.
 */
static bool
is_in_section(struct seat *s)
{
	for (int i = 0; i < SECTION_LOOKS; i++)
		if (load_acquire(&s->in_section) == 0) /* pairs with the release in leave */
			return false;
	return true;
}

/* May the global epoch leave *arg behind, as far as this seat goes? */
static bool
does_not_hinder(struct seat *s, void *arg)
{
	uint64_t epoch = load_acquire(&s->epoch); /* pairs with the release in leave */

	if ((epoch == 0 || epoch == *(uint64_t *)arg) && !is_in_section(s))
		return true;
	return cpromi_seat_reap(s);
}

/*
 * The heavy side; false if the light sides before it were none. That happens once, if
 * membarrier(2) is forbidden to a program that was allowed it (seccomp): from then on
 * readers fence themselves. One that is just entering may have read the old flag; it
 * has the time until the epoch went on twice to complete its store.
 */
static bool
heavy_fence(const struct epoch *e)
{
	if (!e->asymmetric || !load_relaxed(&cpromi_epoch_membarrier)) {
		fence_full();
		return true;
	}
	if (membarrier(PRIVATE_EXPEDITED))
		return true;
	store_seq_cst(&cpromi_epoch_membarrier, 0);
	return false;
}

void
cpromi_epoch_advance(struct epoch *e)
{
	uint64_t now = load_seq_cst(&e->global);
	atomic_u64 *head;
	uint64_t old;

	if (!heavy_fence(e) || !cpromi_lanes_each_seat(e->lanes, does_not_hinder, &now))
		return;
	if (!cas_seq_cst(&e->global, &now, now + 1))
		return;
	/* The global epoch is now+1 or more: what is of now-1 or older may go (E3). */
	head = &e->retired[(now + 2) % 3];
	old = load_acquire(head);
	if ((uint32_t)((uint32_t)(now - 1) - (old >> 32)) < INT32_MAX)
		reclaim_list(e, head, old);
}

void
cpromi_epoch_reclaim(struct epoch *e)
{
	/* What was retired while the caller was inside is of its epoch or the next one, whose list
	 * goes two steps later, with the third. */
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(e);
}
