/* SPDX-License-Identifier: MIT */
/*
 * name: which names are legal, and how others are spelled for readers that know no others.
 */
#ifndef CPROMI_NAME_H
#define CPROMI_NAME_H

#include "format.h"

#include <stddef.h>

enum name_kind { NAME_OF_METRIC, NAME_OF_LABEL };

/* Of the legacy charset? [a-zA-Z_:][a-zA-Z0-9_:]*, and of labels the same without a colon. */
bool cpromi_name_is_legal(enum name_kind kind, const char *name, size_t n);

/* May a registry have this name, a string or NULL? Legal, or, if utf8, any UTF-8; not too long. */
bool cpromi_name_is_valid(enum name_kind kind, bool utf8, const char *name);

/* A name of n bytes takes no more than this in any scheme. */
#define NAME_ESCAPED_BOUND(n) (6 * (n) + 3)

/*
 * Writes the name by the scheme to out; returns the number of bytes. Legal names stay as they are,
 * and with ESCAPING_ALLOW_UTF8 so do all. A byte that is not UTF-8 is taken for U+FFFD.
 *
 * What is legal depends on the kind: prometheus/common lets labels keep their colons, which no
 * reader of the text formats takes.
 */
size_t cpromi_name_escape(enum escaping scheme, enum name_kind kind, const char *name, size_t n,
			  char *out);

#endif
