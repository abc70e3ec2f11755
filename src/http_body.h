/* SPDX-License-Identifier: MIT */
/*
 * http_body: finds the end of a request body, of known length or chunked, and drops it.
 */
#ifndef CPROMI_HTTP_BODY_H
#define CPROMI_HTTP_BODY_H

#include "http_parse.h"

#define CPROMI_HTTP_BODY_MAX 65536 /* bytes of a body that are read to be dropped */

struct http_body {
	uint8_t state;
	int status;       /* what to answer a bad body; 0: not bad */
	uint64_t left;    /* of the body or chunk; the size line of a chunk gathers here */
	uint32_t content; /* bytes of chunks, with those of the chunk under way */
	uint32_t framing; /* bytes around chunks, so far */
};

/* The body that a good head announces. HTTP_BAD: answer b->status and close. */
enum http_result cpromi_http_body_begin(struct http_body *b, const struct http_head *h);

/* Drops what it can of n bytes; *used says how many belong to the body. */
enum http_result cpromi_http_body_skip(struct http_body *b, const char *s, size_t n, size_t *used);

#endif
