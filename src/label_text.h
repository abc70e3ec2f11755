/* SPDX-License-Identifier: MIT */
/*
 * label_text: the labels of a series as they are stored, `a="x",b="y"`, piece by piece.
 *
 * Values are between quotes and escaped. So is a name, if and only if it does not match
 * [a-zA-Z_][a-zA-Z0-9_]*: `"dev.id"="nvme0"`.
 */
#ifndef CPROMI_LABEL_TEXT_H
#define CPROMI_LABEL_TEXT_H

#include "format.h"

#include <stddef.h>

/* A label as it is spelled, but for the quotes: cpromi_unescape() gives the bytes meant. */
struct label_piece {
	const char *name, *value;
	size_t name_length, value_length;
	bool quoted;  /* the name is */
	bool escaped; /* there is a backslash in name or value */
};

/*
 * Reads the label at p. Returns where the next one begins, which is end behind the last.
 *
 *	while (p < end)
 *		p = cpromi_label_next(p, end, &label);
 */
const char *cpromi_label_next(const char *p, const char *end, struct label_piece *label);

/* Writes a name as it is stored to out; the number of bytes. With out NULL it only counts. */
size_t cpromi_label_name_spell(const char *name, size_t n, char *out);

/* What labels of n bytes take, with their names in any scheme. */
#define LABELS_RESPELLED_BOUND(n) (6 * (n))

/*
 * The labels of n bytes with their names by the scheme, to out, which has room for the bound; the
 * number of bytes. Names are at most CPROM_MAX_NAME_BYTES long.
 */
size_t cpromi_labels_respell(enum escaping scheme, const char *labels, size_t n, char *out);

/* Is there a label of that name, as it is spelled? */
bool cpromi_labels_have(const char *labels, size_t n, const char *name, size_t length);

/* Is no name there twice, or __name__, as schemes can make it? */
bool cpromi_labels_are_distinct(const char *labels, size_t n);

#endif
