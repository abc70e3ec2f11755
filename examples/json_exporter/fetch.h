/* SPDX-License-Identifier: MIT */
/*
 * fetch: a source's document, from a file or from a URL.
 */
#ifndef FETCH_H
#define FETCH_H

#include "mapping.h"

#define MAX_DOCUMENT ((size_t)16 << 20)    /* bytes that a URL may send */
#define JSON_FLAGS JSON_DECODE_INT_AS_REAL /* metrics are doubles; and no integer is too big */

/* The document, owned by the caller; or NULL, *trouble, and a sentence in error->text. */
json_t *fetch(const struct source *s, enum trouble *trouble, json_error_t *error);

/* The part that needs libcurl: fetch_url.c, or fetch_no_url.c where there is none. */
json_t *fetch_url(const struct source *s, enum trouble *trouble, json_error_t *error);

#endif
