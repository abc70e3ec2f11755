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

	if (from == NULL || from->size < offsetof(cprom_collector_options, arg) || from->size > 4096) {
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

	if (f == NULL || f->handle.kind != HANDLE_FAMILY || !cpromi_epoch_enter(&f->registry->epoch, &g))
		return;
	cpromi_family_remove(f);
	cpromi_epoch_leave(&g);
}

cprom_collector *
cpromi_collector_find(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg))
{
	struct family *f = NULL;
	struct epoch_guard g;

	if (!cpromi_epoch_enter(&r->epoch, &g))
		return NULL;
	do
		f = cpromi_family_after(r, f, f == NULL ? 0 : load_relaxed(&f->ticket), UINT64_MAX);
	while (f != NULL && f->collect != collect);
	cpromi_epoch_leave(&g);
	return (cprom_collector *)f;
}
