/* SPDX-License-Identifier: MIT */
/*
 * build_info: a gauge of value 1 whose labels say what was built.
 */
#include "error.h"

#include <cprom.h>
#include <errno.h>
#include <stdio.h>

#define SUFFIX "_build_info"

struct pairs {
	const char *items[6]; /* name, value, name, value, … */
	size_t count;
};

/* An empty label is the same as none to whoever reads the page, so it is none. */
static void
add_pair(struct pairs *p, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	p->items[p->count++] = name;
	p->items[p->count++] = value;
}

/* The texts are labels of the family, so that the gauge is complete without a child. */
static cprom_gauge *
create(const char *name, const cprom_build_info_options *o)
{
	struct pairs labels = {.count = 0};
	cprom_gauge *g;

	add_pair(&labels, "version", o->version);
	add_pair(&labels, "revision", o->revision);
	add_pair(&labels, "branch", o->branch);
	g = cprom_gauge_new(name, "Always 1; the labels say what the program was built from.",
			    .registry = o->registry, .const_labels = {labels.items, labels.count});
	cprom_gauge_set(g, 1);
	return g;
}

cprom_gauge *
cprom_build_info_create(const cprom_build_info_options *options)
{
	cprom_build_info_options o = {0};
	char name[CPROM_MAX_NAME_BYTES + 1];
	int n;

	if (options == NULL || options->size < sizeof(options->size)) {
		cpromi_fail(EINVAL, "build info needs options that state their size");
		return NULL;
	}
	memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	if (o.application == NULL || o.application[0] == '\0') {
		cpromi_fail(EINVAL, "build info needs the name of an application");
		return NULL;
	}
	n = snprintf(name, sizeof(name), "%s" SUFFIX, o.application);
	if (n < 0 || (size_t)n >= sizeof(name)) {
		cpromi_fail(EINVAL, "the application name '%s' is too long", o.application);
		return NULL;
	}
	return create(name, &o);
}
