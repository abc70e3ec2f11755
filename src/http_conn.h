/* SPDX-License-Identifier: MIT */
/*
 * http_conn: one client's connection, as a machine that runs until its socket would block.
 */
#ifndef CPROMI_HTTP_CONN_H
#define CPROMI_HTTP_CONN_H

#include "http_body.h"
#include "http_site.h"

/*
 * Room behind a head of the largest size, through which its body passes. So a
 * head never moves while its body is read.
 */
#define CPROMI_HTTP_BODY_ROOM 512

/* What a connection waits for; each has its own deadline. */
enum http_want {
	HTTP_WANT_REQUEST, /* the first byte of the next request */
	HTTP_WANT_INPUT,   /* the rest of a request */
	HTTP_WANT_PLACE,   /* a place among the pages under way */
	HTTP_WANT_OUTPUT,  /* room for more of the answer, or just another turn */
	HTTP_WANT_LINGER,  /* the client's own end of the connection, after the last answer */
	HTTP_WANT_CLOSE,   /* nothing: close it */
	HTTP_WANT_RESET,   /* nothing: close it so that the client sees that something is missing */
	HTTP_GO_ON,        /* inside http_conn only */
};

enum http_phase { HTTP_READ_HEAD, HTTP_READ_BODY, HTTP_WAIT, HTTP_SEND, HTTP_LINGER };

/* All of it belongs to the thread that runs the server. */
struct http_conn {
	struct http_site *site;
	int fd;
	struct http_peer peer;
	enum http_phase phase;
	bool may_read; /* in this run */
	bool faulty;   /* the client's requests cannot be told apart any more */
	bool progress; /* the last run sent something */
	bool full;     /* the socket was, when the answer was last sent from; */
	bool flows;    /* and yet some more of it was sent since */
	int credit;    /* work that this run may still do */
	struct http_head head;
	struct http_body body;
	struct http_answer answer;
	size_t n;     /* bytes in buffer: a head, then what follows it */
	char *buffer; /* of cpromi_http_conn_room() bytes */
};

static inline size_t
cpromi_http_conn_room(const struct http_site *site)
{
	return (size_t)site->max_head + CPROMI_HTTP_BODY_ROOM;
}

/* Takes over the non-blocking socket fd; the buffer is the caller's, and has to last as long. */
void cpromi_http_conn_begin(struct http_conn *c, struct http_site *site, int fd, char *buffer);

/*
 * Does what can be done now, a bounded amount of it. Called when the socket is
 * ready for what the last run wanted (for HTTP_WANT_OUTPUT: for writing; for
 * HTTP_WANT_PLACE: once admitted, or when the client has gone; else for reading).
 */
enum http_want cpromi_http_conn_run(struct http_conn *c);

/* The deadline of what it wants has passed, or who waits for a place is not to get one. */
enum http_want cpromi_http_conn_expire(struct http_conn *c);

/* Closes the socket, with a reset if so told, and frees what the answer holds. */
void cpromi_http_conn_end(struct http_conn *c, bool reset);

/*
 * The same in a child of fork(), where the parent's connection must go on. whole:
 * it was not running when the copy was made. Else only fd can be trusted: the
 * answer may have been copied between free() and the store that forgets it.
 */
void cpromi_http_conn_abandon(struct http_conn *c, bool whole);

#endif
