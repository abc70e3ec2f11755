/* SPDX-License-Identifier: MIT */
/*
 * naming: how the name and the type of a family stand in a page of some format.
 */
#ifndef CPROMI_NAMING_H
#define CPROMI_NAMING_H

#include "family.h"
#include "name.h"

/* A family as its user named it, whether it is registered or a collector's. */
struct family_view {
	const char *name, *help, *unit; /* unit: "" if there is none */
	size_t name_length, help_length;
	uint32_t type;
	bool clashes; /* as in struct family */
	bool legal;   /* the name is of the legacy charset */
};

struct naming {
	const char *name; /* of its samples, before the suffix that tells them apart */
	size_t name_length;
	size_t family_length; /* so much of it is the name of the family */
	uint32_t type;        /* as it is shown */
	bool openmetrics;
	bool shows_created; /* as a sample of its own */
	bool escaped;       /* the name is not what the user gave, but for a suffix */
	bool quoted;        /* the name belongs in quotes, and inside of the braces */
	char room[NAME_ESCAPED_BOUND(CPROM_MAX_NAME_BYTES) + sizeof("_total")]; /* for the name */
};

struct family_view cpromi_family_view(const struct family *f);

void cpromi_naming_set(struct naming *n, const struct family_view *v, const struct format *f);

/*
 * Has it a unit that readers take? They refuse one that the name does not end with (a counter's
 * name before "_total"), and one of an info or a stateset.
 */
bool cpromi_naming_shows_unit(const struct naming *n, const struct family_view *v);

/* The word of a TYPE line. */
const char *cpromi_naming_type(const struct naming *n);

#endif
