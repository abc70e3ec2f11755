/* SPDX-License-Identifier: MIT */
/*
 * http_request: a request as a handler sees it, as C strings made in place in the connection's buffer.
 */
#ifndef CPROMI_HTTP_REQUEST_H
#define CPROMI_HTTP_REQUEST_H

#include "http_parse.h"
#include "http_reply.h"

#include <cprom.h>

/* Who is at the other end of a Unix socket, as the kernel noted when it connected. */
struct http_peer {
	bool known;
	uid_t uid;
	gid_t gid;
};

/* The other half of <cprom.h>'s cprom_request. */
struct cprom_request {
	char *text;                   /* the head; NULs are written into it */
	const struct http_head *head; /* where things are in it */
	const char *method;
	const char *path;
	const char *query;
	const struct http_peer *peer; /* set by who opens it; NULL: not known */
};

/*
 * Makes strings of a good head at text: method, path (decoded) and query. 0, or
 * -1 if the path's %-escapes are broken or hide a NUL.
 */
int cpromi_http_request_open(struct cprom_request *q, const struct http_head *h, char *text);

/* Adds all values of the named field to out, joined by commas, with a final NUL; nothing if there is none. */
void cpromi_http_request_join(const struct cprom_request *q, const char *name,
			      struct http_buffer *out);

#endif
