/* SPDX-License-Identifier: MIT */
/*
 * selection: the names of the families that a page is to have, where it is not to have all.
 *
 * They are the names that users gave, whatever becomes of them in a format. They stand one
 * behind the other, in memory of whoever selects; there are few, so they are just compared.
 */
#ifndef CPROMI_SELECTION_H
#define CPROMI_SELECTION_H

#include <cprom.h>
#include <stdbool.h>

struct selection {
	const char *names; /* each with its NUL */
	size_t length;     /* of them all; 0: there is no selection */
};

/* The bytes that the names take; 0, or -1 with EINVAL. */
int cpromi_selection_measure(cprom_strings names, size_t *bytes);

/* Puts them there. */
struct selection cpromi_selection_put(char *to, cprom_strings names);

bool cpromi_selection_names(const struct selection *s, const char *name);

/* Is the family of that name to be in the page? */
static inline bool
cpromi_selection_has(const struct selection *s, const char *name)
{
	return s->length == 0 || cpromi_selection_names(s, name);
}

#endif
