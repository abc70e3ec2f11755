/* SPDX-License-Identifier: MIT */
/*
 * family: a metric as the user names it, or a collector; the registry's list of them.
 */
#include "family.h"

#include "collision.h"
#include "definition.h"
#include "error.h"
#include "registry.h"

#include <errno.h>

static struct family *
family_at(uintptr_t word)
{
	return (struct family *)(word & ~FAMILY_REMOVED);
}

struct family *
cpromi_family_colliding(struct cprom_registry *r, uint32_t type, const char *name)
{
	struct family *f = family_at(load_acquire(&r->families));

	for (; f != NULL; f = family_at(load_acquire(&f->next)))
		if (f->collect == NULL && !cpromi_family_is_removed(f) &&
		    cpromi_names_collide(type, name, f->handle.type, f->def->name))
			return f;
	return NULL;
}

enum clash
cpromi_family_note_clash(struct cprom_registry *r, uint32_t type, const char *name)
{
	struct family *f = family_at(load_acquire(&r->families));
	enum clash found = CLASH_NONE;

	for (; f != NULL; f = family_at(load_acquire(&f->next))) {
		if (f->collect != NULL || cpromi_family_is_removed(f) ||
		    !cpromi_names_clash(type, name, f->handle.type, f->def->name))
			continue;
		if (load_relaxed(&f->clashes) == 0)
			found = CLASH_NEW;
		else if (found == CLASH_NONE)
			found = CLASH_NOTED;
		store_relaxed(&f->clashes, 1);
	}
	return found;
}

/* ---- making ---------------------------------------------------------------- */

int
cpromi_spec_init(struct family_spec *spec, void *options, size_t size, const void *from)
{
	size_t given = from == NULL ? 0 : *(const size_t *)from;

	memset(spec, 0, sizeof(*spec));
	if (given < offsetof(struct common_options, registry) || given > 4096)
		return cpromi_fail(EINVAL, "options without their size");
	memset(options, 0, size);
	memcpy(options, from, given < size ? given : size);
	memcpy(&spec->common, options, sizeof(spec->common));
	if (spec->common.max_series == 0)
		spec->common.max_series = CPROM_DEFAULT_MAX_FAMILY_SERIES;
	if (spec->common.max_series > INT32_MAX)
		spec->common.max_series = INT32_MAX;
	return 0;
}

/* The series that a family has from the start: its only one, or where overflow goes. */
static bool
add_first_series(struct family *f)
{
	static const char *const overflow[CPROM_MAX_LABELS] = {
#define FOUR "overflow", "overflow", "overflow", "overflow"
#define SIXTEEN FOUR, FOUR, FOUR, FOUR
		SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN};
	struct series *s;

	if (f->collect != NULL)
		return true;
	s = cpromi_series_make(f, (cprom_strings){overflow, f->def->label_count});
	if (f->def->label_count == 0)
		f->only = s;
	else
		f->overflow = s;
	return s != NULL;
}

/* Families are used again by families of their type alone: so the handle of one that was
 * unregistered gives, at worst, children of the right type. */
static unsigned
free_stack(uint32_t type)
{
	return type < FAMILY_TYPES ? type : 0;
}

/* Takes apart what add_first_series() and make() put together. */
static void
unmake(struct family *f)
{
	struct cprom_registry *r = f->registry;

	if (f->only != NULL)
		cpromi_series_reclaim(r, f->only);
	if (f->overflow != NULL)
		cpromi_series_reclaim(r, f->overflow);
	if (f->def != NULL)
		cpromi_region_free(&r->region, f->def, f->def->bytes);
	cpromi_index_free(&f->index, &r->region);
	store_release(&f->next,
		      FAMILY_REMOVED); /* for handles of one that had this memory before */
	cpromi_stack_push(&r->region, &r->free_families[free_stack(f->handle.type)], f);
}

/* A family's memory; it is only ever a family's (F1). */
static struct family *
take_memory(struct cprom_registry *r, uint32_t type)
{
	struct family *f = cpromi_stack_pop(&r->region, &r->free_families[free_stack(type)]);

	if (f != NULL)
		return f;
	f = cpromi_region_carve(&r->region, sizeof(*f), CACHE_LINE);
	if (f == NULL)
		return NULL;
	/* Set once: a handle that outlived its family is read here outside of an epoch. */
	f->handle.entry_at = cpromi_lane_entry_at(0);
	f->handle.type = (uint8_t)type;
	f->handle.kind = HANDLE_FAMILY;
	f->registry = r;
	f->self = cpromi_region_ref(&r->region, f);
	return f;
}

static struct family *
make(struct cprom_registry *r, const struct family_spec *spec, struct shape *shape)
{
	struct family *f = take_memory(r, spec->shape.type);

	if (f == NULL)
		return NULL;
	f->handle.chunk = shape->none;
	store_relaxed(&f->ticket, 0);
	store_relaxed(&f->birth, 0);
	store_relaxed(&f->released, 0);
	store_relaxed(&f->clashes, 0);
	store_relaxed(&f->live, 0);
	f->maker = cpromi_kinship_stamp();
	f->shape = shape;
	f->only = NULL;
	f->overflow = NULL;
	f->max_series = (uint32_t)spec->common.max_series;
	f->callback = spec->callback;
	f->collect = spec->collect;
	f->release = spec->release;
	f->arg = spec->arg;
	f->def = cpromi_definition_make(&r->region, spec);
	if (f->def != NULL && add_first_series(f))
		return f;
	unmake(f);
	return NULL;
}

/* ---- adding ---------------------------------------------------------------- */

/* Why the family cannot be added beside this one, or that this one is the same. */
static int
compare(struct family *f, const struct family_spec *spec, const struct shape *shape, bool *same)
{
	const char *name = spec->common.name;
	const char *difference;

	*same = false;
	if (f->collect != NULL || spec->collect != NULL)
		return 0;
	if (strcmp(f->def->name, name) == 0) {
		difference = cpromi_definition_difference(f, spec, shape);
		*same = difference == NULL;
		return *same ? 0
			     : cpromi_fail(EEXIST, "%s is registered already as a %s: %s differ%s",
					   name, cpromi_type_name(f->handle.type), difference,
					   difference[strlen(difference) - 1] == 's' ? "" : "s");
	}
	if (cpromi_names_collide(spec->shape.type, name, f->handle.type, f->def->name))
		return cpromi_fail(EEXIST, "%s (%s) collides with the samples of %s (%s)", name,
				   cpromi_type_name(spec->shape.type), f->def->name,
				   cpromi_type_name(f->handle.type));
	return 0;
}

/* A family that is refused in the end may leave a mark: then the other is shown as unknown for nothing. */
static void
note_clash(struct family *f, struct family *other)
{
	if (f->collect != NULL || other->collect != NULL ||
	    !cpromi_names_clash(f->handle.type, f->def->name, other->handle.type, other->def->name))
		return;
	store_relaxed(&f->clashes, 1);
	store_relaxed(&other->clashes, 1);
}

/* Unlinks removed families behind *link; the word it ends with, the next living family. */
static uintptr_t
skip_removed(struct cprom_registry *r, atomic_ptr *link)
{
	uintptr_t word = load_acquire(link);

	while (word != 0 && !(word & FAMILY_REMOVED)) {
		struct family *f = family_at(word);
		uintptr_t next = load_acquire(&f->next);

		if (!(next & FAMILY_REMOVED))
			break;
		if (!cas_acq_rel(link, &word, next & ~FAMILY_REMOVED))
			continue;
		cpromi_epoch_retire(&r->epoch, f);
		word = next & ~FAMILY_REMOVED;
	}
	return word;
}

static void
give_birth(struct family *f)
{
	uint64_t none = 0;

	if (load_acquire(&f->birth) == 0)
		cas_acq_rel(&f->birth, &none, add_acq_rel(&f->registry->births, 1) + 1);
}

/*
 * Walks to the end of the list comparing and links f there. The family that is
 * in the list in the end: f, one of the same definition, or NULL for a collision.
 */
static struct family *
link_last(struct cprom_registry *r, struct family *f, const struct family_spec *spec)
{
	atomic_ptr *link = &r->families;
	bool same;

	/*
	 * Until now it was removed to who has a handle of the last owner of its memory.
	 * Release: F1, and it is complete. Pairs with load_acquire in cpromi_family_stays()
	 * and cpromi_family_is_removed().
	 */
	store_release(&f->next, 0);
	for (;;) {
		uintptr_t word = skip_removed(r, link);
		struct family *there = family_at(word);

		if (word & FAMILY_REMOVED) { /* the one we stand on was removed */
			link = &r->families;
		} else if (there != NULL) {
			if (compare(there, spec, f->shape, &same) == -1)
				return NULL;
			if (same)
				return there;
			note_clash(f, there);
			link = &there->next;
		} else {
			/* The ticket is drawn after the end was seen: F1. */
			store_relaxed(&f->ticket, add_acq_rel(&r->tickets, 1) + 1);
			/* Release: F2. Pairs with load_acquire of links. */
			if (cas_acq_rel(link, &word, (uintptr_t)f))
				return f;
		}
	}
}

/* Scrapes note the families before a collector (scrape.c); so they must know how far. */
static void
raise_last_collector(struct cprom_registry *r, uint64_t ticket)
{
	uint64_t last = load_relaxed(&r->last_collector);

	while (last < ticket && !cas_acq_rel(&r->last_collector, &last, ticket))
		;
}

static struct handle *
handle_of(struct family *f)
{
	return f->only != NULL ? &f->only->handle : &f->handle;
}

/* Counts the family, and its only series, by 1 or -1. */
static void
count(struct family *f, uint32_t by)
{
	if (f->collect == NULL)
		add_relaxed(&f->registry->family_count, by);
	if (f->only != NULL)
		add_relaxed(&f->registry->series, by);
}

static struct handle *
add(struct cprom_registry *r, const struct family_spec *spec)
{
	struct shape_home home = {&r->shapes, &r->region, &r->lanes, r->drops};
	struct shape *shape = cpromi_shape_get(&home, &spec->shape);
	struct family *f = shape == NULL ? NULL : make(r, spec, shape);
	struct family *there;

	if (f == NULL) {
		cpromi_fail(ENOMEM, "the registry's %llu bytes are used up",
			    (unsigned long long)r->region.limit);
		return NULL;
	}
	count(f, 1); /* before it is linked: it may be removed at once */
	there = link_last(r, f, spec);
	if (there != f) {
		count(f, (uint32_t)-1);
		unmake(f);
	}
	if (there == NULL)
		return NULL;
	if (spec->collect != NULL)
		raise_last_collector(r, load_relaxed(&f->ticket));
	give_birth(there);
	/* By each who gets its handle: the same number, should its maker have died. */
	if (there->only != NULL)
		store_relaxed(&there->only->birth, load_relaxed(&there->birth));
	return handle_of(there);
}

struct handle *
cpromi_family_refuse(const struct family_spec *spec)
{
	int saved = errno;
	cprom_registry *r = cpromi_registry_or_default(spec->common.registry);

	if (r != NULL)
		cpromi_registry_count(r, SELF_REGISTRATIONS_FAILED);
	errno = saved;
	return NULL;
}

struct handle *
cpromi_family_register(const struct family_spec *spec)
{
	cprom_registry *r = cpromi_registry_or_default(spec->common.registry);
	struct handle *h = NULL;
	struct epoch_guard g;

	if (r == NULL)
		return NULL;
	if (cpromi_definition_check(spec, r->utf8_names) == 0) {
		if (cpromi_epoch_enter(&r->epoch, &g)) {
			h = add(r, spec);
			cpromi_epoch_leave(&g);
		} else {
			cpromi_fail(ENOMEM, "the registry has no memory for one more thread");
		}
	}
	if (h == NULL)
		cpromi_registry_count(r, SELF_REGISTRATIONS_FAILED);
	return h;
}

/* ---- removing -------------------------------------------------------------- */

#define PASSIVE 1u /* bit 0 of a name on a seat; references of families are even */

_Static_assert(CACHE_LINE / 8 % 2 == 0, "families are aligned, references count 8 bytes");

/* The place of a name on a seat; of no name, 0, a free place. NULL if there is none. */
static atomic_u32 *
name_on(struct seat *seat, uint32_t name)
{
	/* Free places from the end, names from the beginning: what was named last goes first. */
	for (unsigned i = 0; i < SEAT_USERS; i++) {
		unsigned at = name == 0 ? SEAT_USERS - 1 - i : i;

		if (load_relaxed(&seat->users[at]) == name)
			return &seat->users[at];
	}
	return NULL;
}

struct name_search {
	region_ref family;
	bool passive; /* look for passive names, too */
	bool found;
};

/* Acquire: pairs with the release that took a name away. */
static bool
stands_there(const struct name_search *search, atomic_u32 *place)
{
	uint32_t name = load_acquire(place);

	return (name & ~PASSIVE) == search->family && (search->passive || !(name & PASSIVE));
}

/* Looked at twice: what stands there of a dead one is cleared before the seat is free. */
static bool
look_for_name(struct seat *seat, void *arg)
{
	struct name_search *search = arg;

	for (unsigned i = 0; i < SEAT_USERS && !search->found; i++)
		search->found = stands_there(search, &seat->users[i]) &&
				cpromi_seat_is_occupied(seat) &&
				stands_there(search, &seat->users[i]);
	return !search->found;
}

static bool
is_named(struct family *f, bool passive)
{
	struct name_search search = {f->self, passive, false};

	cpromi_lanes_each_seat(&f->registry->lanes, look_for_name, &search);
	return search.found;
}

/* The name is passive, or becomes so, and goes; calls .release if it is this thread's turn: F4. */
static void
stop_using(struct family *f, struct seat *seat, uint32_t name)
{
	atomic_u32 *place = cpromi_seat_is_ours(seat) ? name_on(seat, name) : NULL;
	void (*release)(void *arg) = f->release;
	void *arg = f->arg;
	uint32_t no = 0;
	bool last;

	if (place == NULL) /* a child of fork() has left the callback of its parent */
		return;
	store_release(place, f->self | PASSIVE);
	/* Of those who took their names away, and the remover, at least one sees that it is
	 * the last; and who names it later sees that it is removed. */
	fence_full();
	last = release != NULL && cpromi_family_is_removed(f) && cpromi_family_is_callable(f) &&
	       !is_named(f, false) && cas_acq_rel(&f->released, &no, 1);
	store_release(place, 0); /* pairs with load_acquire in look_for_name() */
	if (last)
		release(arg);
}

bool
cpromi_family_use(struct family *f, struct seat *seat)
{
	atomic_u32 *place = name_on(seat, 0);

	if (place == NULL || place == seat->users) { /* the last one is for a removal */
		cpromi_registry_count(f->registry, SELF_COLLECTORS_FAILED);
		return false;
	}
	store_relaxed(place, f->self);
	fence_full(); /* the other half is in stop_using() of the remover */
	if (!cpromi_family_is_removed(f))
		return true;
	stop_using(f, seat, f->self);
	return false;
}

void
cpromi_family_unuse(struct family *f, struct seat *seat)
{
	stop_using(f, seat, f->self);
}

void
cpromi_family_retire(struct family *f, struct seat *seat)
{
	stop_using(f, seat, f->self | PASSIVE);
}

bool
cpromi_family_is_callable(const struct family *f)
{
	return !f->registry->region.shared || cpromi_kinship_inherits(&f->maker);
}

bool
cpromi_family_mark(struct family *f)
{
	uintptr_t next = load_acquire(&f->next);

	do {
		if (next & FAMILY_REMOVED)
			return false;
	} while (!cas_acq_rel(&f->next, &next, next | FAMILY_REMOVED));
	return true;
}

bool
cpromi_family_remove(struct family *f, struct seat *seat)
{
	struct cprom_registry *r = f->registry;
	atomic_u32 *place = name_on(seat, 0);
	atomic_ptr *link = &r->families;
	uintptr_t word;

	if (place != NULL) /* else .release is left to who uses it */
		store_relaxed(place, f->self | PASSIVE);
	if (!cpromi_family_mark(f)) {
		if (place != NULL)
			store_relaxed(place, 0);
		return false;
	}
	count(f, (uint32_t)-1);
	fence_full(); /* marked, then swept: the other half of F3 is in create() of labels.c */
	cpromi_series_clear(f);
	while ((word = skip_removed(r, link)) != 0)
		link = word & FAMILY_REMOVED ? &r->families : &family_at(word)->next;
	return true;
}

void
cpromi_family_reclaim(struct family *f)
{
	if (is_named(f, true)) { /* F4 */
		cpromi_epoch_retire(&f->registry->epoch, f);
		return;
	}
	cpromi_series_clear(f); /* F3 */
	unmake(f);
}

/* ---- walking --------------------------------------------------------------- */

struct family *
cpromi_family_after(struct cprom_registry *r, struct family *hint, uint64_t ticket,
		    uint64_t birth_limit)
{
	struct family *f;
	uintptr_t next;

	/* The hint was read in an earlier epoch. */
	if (hint != NULL && cpromi_family_stays(hint, ticket, &next))
		f = family_at(next);
	else
		f = family_at(load_acquire(&r->families));
	for (; f != NULL; f = family_at(load_acquire(&f->next))) {
		uint64_t birth = load_acquire(&f->birth);

		if (load_relaxed(&f->ticket) > ticket && !cpromi_family_is_removed(f) &&
		    birth != 0 && birth <= birth_limit)
			return f;
	}
	return NULL;
}

struct family *
cpromi_family_of_only(struct handle *h)
{
	struct series *s = (struct series *)h;
	struct family *f;

	if (h == NULL) {
		cpromi_fail(EINVAL, "the metric is NULL");
		return NULL;
	}
	f = cpromi_family_of_series(s);
	if (f != NULL && f->only == s)
		return f;
	cpromi_fail(EINVAL, "this is a child: the call takes the metric that it was made from");
	return NULL;
}
