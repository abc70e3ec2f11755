/* SPDX-License-Identifier: MIT */
/*
 * selection: the names of the families that a page is to have, where it is not to have all.
 */
#include "selection.h"

#include "error.h"
#include "platform.h"

#include <errno.h>

int
cpromi_selection_measure(cprom_strings names, size_t *bytes)
{
	size_t sum = 0;

	if (names.count > CPROM_MAX_SCRAPE_NAMES || (names.count > 0 && names.items == NULL))
		return cpromi_fail(EINVAL, "a scrape of certain families needs %d names at most",
				   CPROM_MAX_SCRAPE_NAMES);
	for (size_t i = 0; i < names.count; i++) {
		if (names.items[i] == NULL)
			return cpromi_fail(EINVAL, "the name of a family to be scraped is NULL");
		sum += strlen(names.items[i]) + 1;
	}
	*bytes = sum;
	return 0;
}

struct selection
cpromi_selection_put(char *to, cprom_strings names)
{
	char *p = to;

	for (size_t i = 0; i < names.count; i++) {
		size_t n = strlen(names.items[i]) + 1;

		memcpy(p, names.items[i], n);
		p += n;
	}
	return (struct selection){to, (size_t)(p - to)};
}

bool
cpromi_selection_names(const struct selection *s, const char *name)
{
	for (const char *p = s->names; p < s->names + s->length; p += strlen(p) + 1)
		if (strcmp(p, name) == 0)
			return true;
	return false;
}
