/* SPDX-License-Identifier: MIT */
/*
 * negotiate: from what a reader accepts to the format that it gets.
 */
#ifndef CPROMI_NEGOTIATE_H
#define CPROMI_NEGOTIATE_H

#include "format.h"

/* So many clauses of a header are considered, empty ones included. Prometheus sends 6, browsers 8. */
#define NEGOTIATE_CLAUSES 32

/*
 * The format for the value of an Accept header; NULL is none. Never fails: what fits nothing
 * gets text 0.0.4. Allocates nothing, and reads the header once.
 */
struct format cpromi_negotiate(const char *accept);

/*
 * May the answer be compressed, by the value of an Accept-Encoding header; NULL is none? If gzip, x-gzip
 * or, where neither is listed, "*" has a q above 0 that is not below the one of identity (RFC 9110, 12.5.3).
 */
bool cpromi_accepts_gzip(const char *header);

/* The Content-Type of a page in this format; static. */
const char *cpromi_format_content_type(const struct format *format);

#endif
