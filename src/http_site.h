/* SPDX-License-Identifier: MIT */
/*
 * http_site: what a server serves, and how it answers one request.
 */
#ifndef CPROMI_HTTP_SITE_H
#define CPROMI_HTTP_SITE_H

#include "access.h"
#include "http_page.h"

#include <cprom.h>

/* One per server; read and written by the thread that runs it, and set up before. */
struct http_site {
	cprom_registry *registry;
	char *path; /* of the metrics page */
	int (*handler)(cprom_request *request, cprom_response *response, void *arg);
	void *handler_arg;
	struct http_access access;
	bool no_gzip;
	uint32_t max_head; /* bytes of a request's */
	unsigned max_scrapes;
	unsigned scrapes; /* pages under way, or about to be */
	unsigned waiting; /* clients that wait for a place among them */
	struct http_spare spare;
	bool closing; /* the server stops: no connection is kept alive */
};

/* One answer on its way out. All zeros is none. */
struct http_answer {
	const char *out; /* what is to be sent next, */
	size_t left;     /* and how much of it */
	struct http_buffer bytes;
	struct http_page page;
	struct http_site *counted; /* where the page counts as under way; NULL if it does not */
	bool keep_alive;
	struct cprom_request waiting; /* for a place among the pages; text NULL: it is not */
};

/* Answers the good request whose head is at text, or lets it wait; the handler and the scrape run here. */
void cpromi_http_site_answer(struct http_site *site, const struct http_head *h, char *text,
			     const struct http_peer *peer, struct http_answer *a);

/* Gives a place to one that waits. */
void cpromi_http_site_admit(struct http_site *site, struct http_answer *a);

/* Answers one that waited: with its page if it was given a place, else with 503. */
void cpromi_http_site_go_on(struct http_site *site, struct http_answer *a);

/* Answers a request that is at fault; the connection is to be closed. */
void cpromi_http_site_refuse(int status, bool head_only, struct http_answer *a);

/*
 * Gives the next bytes in out and left; 1, or 0 if all have been given, or -1 if
 * the answer cannot be completed and the connection must break.
 */
int cpromi_http_answer_next(struct http_answer *a);

/* Frees all that the answer holds. abandon: see cpromi_http_page_abandon(). */
void cpromi_http_answer_end(struct http_answer *a);
void cpromi_http_answer_abandon(struct http_answer *a);

#endif
