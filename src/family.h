/* SPDX-License-Identifier: MIT */
/*
 * family: a metric as the user names it, or a collector; the registry's list of them.
 *
 * The list is in the order of registration. A family is added by one
 * compare-and-swap on the next word of the last one, after it was compared with
 * every family before it: so of two families whose names collide the second
 * always sees the first.
 *
 * Invariants
 *  F1  Tickets ascend along the list; they name a position for ever, for the
 *      memory of a family is only used again for families. A family that is not
 *      linked yet has ticket 0, so that who holds a pointer from an earlier epoch
 *      does not take it for the one before.
 *  F2  A family is complete when it is linked, its only series included. Its
 *      birth is set after that, by its maker or by who finds it without.
 *  F3  A removed family has bit 0 of its next word set. Its series are removed at
 *      once: by who removed it, or by who was just adding one; what a process left
 *      that died in between, when the family is reclaimed.
 *  F4  A family is not reclaimed while a seat names it among its users: a thread names
 *      a family in an epoch, before it runs its function or removes it. While the
 *      function runs the name is active; then it is made passive, and who finds the
 *      family removed and no name active, the remover or the last user, takes its name
 *      away and calls .release, once. A thread that dies loses its names with its seat.
 */
#ifndef CPROMI_FAMILY_H
#define CPROMI_FAMILY_H

#include "index.h"
#include "kinship.h"
#include "series.h"

struct cprom_registry;

/* What stands before a label's value in the text of a series. */
struct lead {
	const char *bytes;
	uint32_t length;
};

/* What the user said, copied; one piece of memory with all its strings. */
struct definition {
	size_t bytes;
	const char *name; /* NULL: a collector */
	const char *help;
	const char *unit; /* "" if none */
	uint32_t name_length;
	uint32_t help_length;
	uint32_t label_count;
	uint32_t leads_length;     /* of all leads */
	const char *const *labels; /* names */
	const struct lead *leads;
	const char *const_labels; /* as they stand in a line, without a comma behind */
	uint32_t const_length;
	const struct lead *states;     /* of a stateset: each as its label, `name="state"` */
	bool legal_name, legal_labels; /* all of them, constant ones too: of the legacy charset */
};

struct family {
	struct handle handle;
	atomic_ptr next;     /* F3; 0, with release, only after ticket is 0 */
	atomic_u64 ticket;   /* F1 */
	atomic_u64 birth;    /* F2; 0: none yet */
	atomic_u32 released; /* 1: by the one who calls .release, or called it (F4) */
	struct cprom_registry *registry;
	struct definition *def;
	struct shape *shape;
	struct series *only;     /* if there are no labels */
	struct series *overflow; /* if there are; in the index since its first use */
	struct index index;
	region_ref self;
	struct stamp maker; /* who registered it */
	atomic_u32
		clashes; /* 1: with another family's names, in OpenMetrics (collision.h); since registration */
	atomic_u32 live; /* series in the index, the overflow series aside */
	uint32_t max_series;
	double (*callback)(void *arg);
	void (*collect)(cprom_sink *out, void *arg);
	void (*release)(void *arg);
	void *arg;
};

/* The family that a series is in, or was in last. */
static inline struct family *
cpromi_family_of_series(const struct series *s)
{
	return cpromi_region_at(s->handle.chunk->shape->region, s->family);
}

#define FAMILY_TYPES (CPROM_TYPE_GAUGE_HISTOGRAM + 1) /* 0 stands for collectors */
#define FAMILY_REMOVED ((uintptr_t)1)

struct common_options {
	CPROM_COMMON_OPTIONS;
};

/* A definition to be registered. */
struct family_spec {
	struct shape_key shape;
	struct common_options common;
	double (*callback)(void *arg);
	void (*collect)(cprom_sink *out, void *arg);
	void (*release)(void *arg);
	void *arg;
};

/*
 * Fills spec from an options struct of the given full size, copied to options
 * first (fields that an older caller does not have are zero). 0, or -1 with EINVAL.
 */
int cpromi_spec_init(struct family_spec *spec, void *options, size_t size, const void *from);

/*
 * The handle of that definition in spec->common.registry: the only series if
 * there are no labels, else the family. NULL as cprom_counter_create() says.
 */
struct handle *cpromi_family_register(const struct family_spec *spec);

/* Counts a registration that failed before that; NULL. errno is kept. */
struct handle *cpromi_family_refuse(const struct family_spec *spec);

/*
 * Removes the family; false if somebody else did. Who did then calls retire, outside of
 * the epoch, with the same seat: it may run .release, and f is not reclaimed before (F4).
 */
bool cpromi_family_remove(struct family *f, struct seat *seat);
void cpromi_family_retire(struct family *f, struct seat *seat);

/*
 * Half of that, for a thread that can have no seat: from now on no scrape runs it; who uses it
 * now calls .release, and who removes another one unlinks it. False if somebody else did.
 */
bool cpromi_family_mark(struct family *f);

/* Of the retired family f: gives its memory back, or retires it again (F4). */
void cpromi_family_reclaim(struct family *f);

/*
 * The first family behind the position (a ticket; 0: the start), not removed,
 * born at or before the limit. hint may be the family at the position. In an epoch.
 */
struct family *cpromi_family_after(struct cprom_registry *r, struct family *hint, uint64_t ticket,
				   uint64_t birth_limit);

static inline bool
cpromi_family_is_removed(struct family *f)
{
	return (load_acquire(&f->next) & FAMILY_REMOVED) != 0;
}

/*
 * Is this memory, known from an earlier epoch, still the family of that ticket,
 * and not removed? Then *next is its next word. That is read first: had it been
 * read from a later family in this memory, the ticket would be another by then.
 */
static inline bool
cpromi_family_stays(struct family *f, uint64_t ticket, uintptr_t *next)
{
	*next = load_acquire(&f->next);
	return !(*next & FAMILY_REMOVED) && load_acquire(&f->ticket) == ticket;
}

/*
 * Around a callback, with the thread's seat: false if the family was removed, or if callbacks
 * call each other too deeply. use is called in an epoch.
 */
bool cpromi_family_use(struct family *f, struct seat *seat);
void cpromi_family_unuse(struct family *f, struct seat *seat);

/*
 * May this process call its functions? Not if a process that it does not descend from
 * registered them, or an ancestor after our branch was forked: then they may not be here.
 */
bool cpromi_family_is_callable(const struct family *f);

/* The same of what is none itself. */
struct family *cpromi_family_of_only(struct handle *h) COLD;

/* The family of a handle that may be a parent or an only series; NULL and EINVAL if it is a child. */
static inline struct family *
cpromi_family_of(cprom_metric *m)
{
	struct handle *h = (struct handle *)m;

	return LIKELY(h != NULL && h->kind == HANDLE_FAMILY) ? (struct family *)h
							     : cpromi_family_of_only(h);
}

/* Does any family of the registry collide with this name? In an epoch. */
struct family *cpromi_family_colliding(struct cprom_registry *r, uint32_t type, const char *name);

/* Of a name that is not registered, with those that are, in OpenMetrics (collision.h). */
enum clash { CLASH_NONE, CLASH_NOTED, CLASH_NEW };

/* Notes it with those families; NEW if it was not noted with one of them. In an epoch. */
enum clash cpromi_family_note_clash(struct cprom_registry *r, uint32_t type, const char *name);

#endif
