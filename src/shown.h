/* SPDX-License-Identifier: MIT */
/*
 * shown: which names are in a page, where escaping may have made two of them equal.
 *
 * What is registered has names that differ, in all that a page shows of it (collision.h). But a
 * reader that knows the legacy charset alone may get disk.io and disk_io by one name: then the
 * later one is left out of its page.
 */
#ifndef CPROMI_SHOWN_H
#define CPROMI_SHOWN_H

#include "buffer.h"
#include "naming.h"
#include "registry.h"

/* Does this page need it? */
static inline bool
cpromi_escapes_names(const cprom_registry *r, const struct format *f)
{
	return r->utf8_names && f->escaping != ESCAPING_ALLOW_UTF8;
}

enum shown { SHOWN_NEW, SHOWN_BEFORE, SHOWN_NO_MEMORY };

/* Notes the names of a family in the list, unless they are there: those of another one. */
enum shown cpromi_shown_note(struct buffer *list, const struct naming *n);

#endif
