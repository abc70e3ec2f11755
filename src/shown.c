/* SPDX-License-Identifier: MIT */
/*
 * shown: which names are in a page, where escaping may have made two of them equal.
 *
 * The list has for each family whether its name was escaped, its type as it is shown, its name and
 * a NUL. All are compared with each, as when they were registered.
 */
#include "shown.h"

#include "collision.h"

#define TAGS 2

/* Of names that are what the user gave it is known already how they go together. */
static bool
collide(const char *a, const char *b, bool openmetrics)
{
	uint32_t type_a = (unsigned char)a[1], type_b = (unsigned char)b[1];

	if (!a[0] && !b[0])
		return false;
	return openmetrics ? cpromi_names_clash(type_a, a + TAGS, type_b, b + TAGS)
			   : cpromi_names_collide(type_a, a + TAGS, type_b, b + TAGS);
}

enum shown
cpromi_shown_note(struct buffer *list, const struct naming *n)
{
	const char tags[TAGS] = {(char)n->escaped, (char)n->type};
	size_t before = list->length;

	if (!cpromi_buffer_add(list, tags, sizeof(tags)) ||
	    !cpromi_buffer_add(list, n->name, n->name_length) || !cpromi_buffer_add(list, "", 1))
		return SHOWN_NO_MEMORY;
	for (size_t i = 0; i < before; i += TAGS + strlen(list->bytes + i + TAGS) + 1) {
		if (collide(list->bytes + i, list->bytes + before, n->openmetrics)) {
			list->length = before;
			return SHOWN_BEFORE;
		}
	}
	return SHOWN_NEW;
}
