/* SPDX-License-Identifier: MIT */
/*
 * fetch: a source's document, from a file or from a URL.
 */
#ifndef FETCH_H
#define FETCH_H

#include "mapping.h"

#define JSON_FLAGS JSON_DECODE_INT_AS_REAL /* metrics are doubles; and no integer is too big */

/* The document, owned by the caller; or NULL, *trouble, and a sentence in error->text. */
json_t *fetch(const struct source *s, enum trouble *trouble, json_error_t *error);

/*
 * The part that needs libcurl: fetch_url.c, or fetch_no_url.c where there is none. The refusal is
 * why its URL, with its token, would never be fetched; NULL: it may be.
 */
json_t *fetch_url(const struct source *s, enum trouble *trouble, json_error_t *error);
const char *fetch_url_refusal(const struct source *s);

#endif
