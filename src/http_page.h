/* SPDX-License-Identifier: MIT */
/*
 * http_page: the metrics page on its way to one client, a buffer at a time.
 */
#ifndef CPROMI_HTTP_PAGE_H
#define CPROMI_HTTP_PAGE_H

#include "atomic.h"
#include "deflate.h"
#include "http_reply.h"
#include "http_request.h"

#include <cprom.h>

/*
 * Bytes of a page's buffer. What a scrape takes must be below 64 KiB however long its page
 * is; but where the last page would have fitted the larger one, the next goes out in one write.
 */
#define CPROMI_HTTP_PAGE_BUFFER 57344
#define CPROMI_HTTP_PAGE_BUFFER_LARGE 122880

/*
 * Of a compressed page's: what a thousand series come to. The state of the compression stands
 * behind it, so that such a scrape takes 77 KiB.
 */
#define CPROMI_HTTP_PAGE_BUFFER_GZIP 20480

/*
 * What a server's last page leaves for the next one: a request takes no memory and gives
 * none back, which is slow where the heap turns to the system for so much (musl).
 */
struct http_spare {
	atomic_ptr buffer; /* 0: none. Written by the server's thread, read by a forked child */
	size_t size;       /* of the buffer, without what stands behind it */
	size_t length;     /* of the last page that was read to its end, and not compressed */
};

/* Bytes start … end of buffer are to be sent; then comes cpromi_http_page_next(). */
struct http_page {
	char *buffer;            /* NULL: no page under way */
	size_t size;             /* of buffer */
	size_t length;           /* what has been read of the page */
	cprom_scrape *scrape;    /* NULL: all of the page has been read */
	struct deflate *deflate; /* behind the buffer; NULL: the page is sent as it is */
	struct http_spare *spare;
	enum http_framing framing;
	size_t start;
	size_t end;
};

/*
 * Opens a scrape and puts the head and the first part of the page into the
 * buffer; of a HEAD request, the head alone. r has what the caller knows of the
 * reply; its keep_alive is taken away where the page ends with the connection.
 * It is compressed if it may be, the client accepts that, and it is long enough to gain.
 * 0, or the status to answer instead; then nothing is held.
 */
int cpromi_http_page_open(struct http_page *p, struct http_spare *spare, cprom_registry *registry,
			  const struct cprom_request *q, bool may_compress, struct http_reply *r);

/* The next part. false: the page cannot be completed, break the connection. */
bool cpromi_http_page_next(struct http_page *p);

/* Has all of the page been in the buffer? */
bool cpromi_http_page_ended(const struct http_page *p);

/* Frees all that is held, but for what it leaves to the next page; fine for one that is not under way. */
void cpromi_http_page_close(struct http_page *p);

/* In a child of fork(): frees the memory, leaves the scrape to the parent's thread that runs it. */
void cpromi_http_page_abandon(struct http_page *p);

void cpromi_http_spare_free(struct http_spare *spare);

#endif
