/* SPDX-License-Identifier: MIT */
/*
 * http_page: the metrics page on its way to one client, a buffer at a time.
 */
#ifndef CPROMI_HTTP_PAGE_H
#define CPROMI_HTTP_PAGE_H

#include "http_reply.h"
#include "http_request.h"

#include <cprom.h>

#define CPROMI_HTTP_PAGE_BUFFER 65536

/* Bytes start … end of buffer are to be sent; then comes cpromi_http_page_next(). */
struct http_page {
	char *buffer;         /* NULL: no page under way */
	cprom_scrape *scrape; /* NULL: all of the page has been read */
	enum http_framing framing;
	size_t start;
	size_t end;
};

/*
 * Opens a scrape and puts the head and the first part of the page into the
 * buffer; of a HEAD request, the head alone. r has what the caller knows of the
 * reply; its keep_alive is taken away where the page ends with the connection.
 * 0, or the status to answer instead; then nothing is held.
 */
int cpromi_http_page_open(struct http_page *p, cprom_registry *registry,
			  const struct cprom_request *q, struct http_reply *r);

/* The next part. false: the page cannot be completed, break the connection. */
bool cpromi_http_page_next(struct http_page *p);

/* Has all of the page been in the buffer? */
bool cpromi_http_page_ended(const struct http_page *p);

/* Frees all that is held; fine for one that is not under way. */
void cpromi_http_page_close(struct http_page *p);

/* In a child of fork(): frees the memory, leaves the scrape to the parent's thread that runs it. */
void cpromi_http_page_abandon(struct http_page *p);

#endif
