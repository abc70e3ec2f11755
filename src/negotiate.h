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

/* The Content-Type of a page in this format; static. */
const char *cpromi_format_content_type(const struct format *format);

#endif
