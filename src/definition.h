/* SPDX-License-Identifier: MIT */
/*
 * definition: what the user said of a metric, checked, copied, compared.
 */
#ifndef CPROMI_DEFINITION_H
#define CPROMI_DEFINITION_H

#include "family.h"

/* 0, or -1 with EINVAL and what is wrong with it. utf8: names need not be legal. */
int cpromi_definition_check(const struct family_spec *spec, bool utf8);

/*
 * Labels beside those of the definition, name, value, …: 0, or -1 with EINVAL and what is wrong
 * with them; the bytes that they take at most; their text, as it stands in a line, to p.
 */
int cpromi_more_labels_check(const struct definition *d, cprom_strings more);
size_t cpromi_more_labels_bound(cprom_strings more);
char *cpromi_more_labels_put(char *p, cprom_strings more);

/*
 * The states of a stateset as its labels, `name="state"`: the bytes that they take; their text to
 * p, and where in it each one is to leads.
 */
size_t cpromi_states_bytes(const char *name, cprom_strings states);
char *cpromi_states_put(char *p, const char *name, cprom_strings states, struct lead *leads);

/* A copy in the region; NULL without memory. */
struct definition *cpromi_definition_make(struct region *r, const struct family_spec *spec);

/* What differs between the family and the spec, as a noun; NULL if nothing does. */
const char *cpromi_definition_difference(const struct family *f, const struct family_spec *spec,
					 const struct shape *shape);

/* "counter", "gauge", … */
const char *cpromi_type_name(uint32_t type);

#endif
