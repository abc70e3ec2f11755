/* SPDX-License-Identifier: MIT */
/*
 * collector: a function that emits families at scrape time; a family without a name.
 */
#include "collector.h"

#include "error.h"
#include "registry.h"

#include <errno.h>

cprom_collector *
cprom_collector_create(const cprom_collector_options *from)
{
	static const struct shape_key shape = {.type = CPROMI_TYPE_COLLECTOR};
	cprom_collector_options o = {0};
	struct family_spec spec = {.shape = shape};

	if (from == NULL || from->size < offsetof(cprom_collector_options, arg) ||
	    from->size > 4096) {
		cpromi_fail(EINVAL, "collector options without their size");
		return NULL;
	}
	memcpy(&o, from, from->size < sizeof(o) ? from->size : sizeof(o));
	if (o.collect == NULL) {
		cpromi_fail(EINVAL, "a collector needs a function");
		return NULL;
	}
	spec.common.registry = o.registry;
	spec.collect = o.collect;
	spec.release = o.release;
	spec.arg = o.arg;
	return (cprom_collector *)cpromi_family_register(&spec);
}

void
cprom_collector_unregister(cprom_collector *c)
{
	struct family *f = (struct family *)c;
	struct epoch_guard g;
	bool removed;

	if (f == NULL || f->handle.kind != HANDLE_FAMILY || f->handle.type != CPROMI_TYPE_COLLECTOR)
		return;
	if (!cpromi_epoch_enter(&f->registry->epoch, &g)) {
		cpromi_family_mark(f);
		return;
	}
	removed = cpromi_family_remove(f, g.seat);
	cpromi_epoch_leave(&g);
	if (removed)
		cpromi_family_retire(f, g.seat);
}

/* The first collector of that function, or of any if it is NULL, that is ours. In an epoch. */
static struct family *
find(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg),
     bool (*is_ours)(const struct family *f))
{
	struct family *f = NULL;

	do
		f = cpromi_family_after(r, f, f == NULL ? 0 : load_relaxed(&f->ticket), UINT64_MAX);
	while (f != NULL &&
	       (f->collect == NULL || (collect != NULL && f->collect != collect) || !is_ours(f)));
	return f;
}

bool
cpromi_collector_exists(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg))
{
	struct epoch_guard g;
	bool found;

	if (!cpromi_epoch_enter(&r->epoch, &g))
		return false;
	found = find(r, collect, cpromi_family_is_callable) != NULL;
	cpromi_epoch_leave(&g);
	return found;
}

static int
remove_all(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg),
	   bool (*is_ours)(const struct family *f))
{
	struct family *f;
	struct epoch_guard g;

	do {
		bool removed;

		if (!cpromi_epoch_enter(&r->epoch, &g))
			return cpromi_fail(ENOMEM,
					   "the registry has no memory for one more thread");
		f = find(r, collect, is_ours);
		removed = f != NULL && cpromi_family_remove(f, g.seat);
		cpromi_epoch_leave(&g);
		if (removed)
			cpromi_family_retire(f, g.seat);
	} while (f != NULL);
	return 0;
}

int
cpromi_collector_remove(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg))
{
	return remove_all(r, collect, cpromi_family_is_callable);
}

/* Was it registered by this very process, or is the registry its own anyway? */
static bool
is_own(const struct family *f)
{
	return !f->registry->region.shared || f->maker.tag == cpromi_kinship_stamp().tag;
}

void
cpromi_collector_remove_own(cprom_registry *r)
{
	remove_all(r, NULL, is_own);
}
