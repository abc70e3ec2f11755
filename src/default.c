/* SPDX-License-Identifier: MIT */
/*
 * default: making registries, and the one that is meant where none is named.
 */
#include "collector.h"
#include "error.h"
#include "process.h"
#include "registry.h"
#include "self.h"

#include <errno.h>

static atomic_ptr default_registry; /* set once, never freed */

static int
show(cprom_registry *r, void (*collect)(cprom_sink *out, void *arg))
{
	if (cpromi_collector_exists(r, collect))
		return 0;
	return cprom_collector_new(collect, r, .registry = r) == NULL ? -1 : 0;
}

cprom_registry *
cprom_registry_create(const cprom_registry_options *o)
{
	cprom_registry *r = cpromi_registry_open(o);

	if (r != NULL && o->size > offsetof(cprom_registry_options, self_metrics) &&
	    o->self_metrics && show(r, cpromi_self_collect) == -1) {
		cprom_registry_free(r);
		return NULL;
	}
	return r;
}

void
cprom_registry_free(cprom_registry *r)
{
	if (r == NULL || (uintptr_t)r == load_relaxed(&default_registry))
		return;
	cpromi_collector_remove_own(r); /* for .release */
	cpromi_lanes_close(&r->lanes);
}

/* Threads that come here first at the same time each make one; one of them stays. */
cprom_registry *
cprom_default_registry(void)
{
	uintptr_t there = load_acquire(&default_registry);
	cprom_registry *r;

	if (there != 0)
		return (cprom_registry *)there;
	r = cprom_registry_new(.self_metrics = 1);
	if (r == NULL)
		return NULL;
	if (cprom_process_enable(r) == 0 && cas_acq_rel(&default_registry, &there, (uintptr_t)r))
		return r;
	cprom_registry_free(r);
	return (cprom_registry *)there;
}

cprom_registry *
cpromi_registry_or_default(cprom_registry *r)
{
	return r != NULL ? r : cprom_default_registry();
}

cprom_registry *
cpromi_registry_if_made(cprom_registry *r)
{
	return r != NULL ? r : (cprom_registry *)load_acquire(&default_registry);
}

int
cprom_process_enable(cprom_registry *from)
{
	cprom_registry *r = cpromi_registry_or_default(from);

	return r == NULL ? -1 : show(r, cpromi_process_collect);
}

int
cprom_process_disable(cprom_registry *from)
{
	cprom_registry *r = cpromi_registry_or_default(from);

	return r == NULL ? -1 : cpromi_collector_remove(r, cpromi_process_collect);
}
