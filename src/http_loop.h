/* SPDX-License-Identifier: MIT */
/*
 * http_loop: the clients of one server, and what is waited for: their sockets, new clients, deadlines.
 */
#ifndef CPROMI_HTTP_LOOP_H
#define CPROMI_HTTP_LOOP_H

#include "address.h"
#include "atomic.h"
#include "http_conn.h"

struct client;

/* The clients that want the same, and for how long they may. */
struct http_queue {
	struct client *first; /* waits longest */
	struct client *last;
	int64_t timeout;
};

/* What comes before HTTP_WANT_CLOSE has a queue. */
#define CPROMI_HTTP_QUEUES HTTP_WANT_CLOSE

/* Read and written by the thread that runs the server, but for what is set up before and the slots. */
struct http_loop {
	struct http_site site; /* set up by the server */
	struct listener listener;
	int epoll;
	int timer;
	int wake;          /* eventfd; -1: none */
	int64_t now;       /* of this turn */
	int64_t armed;     /* when the timer fires */
	uint64_t turns;    /* that clients were given, to get a page */
	int64_t accept_at; /* when accepting goes on; NEVER: it is not paused */
	unsigned max_clients;
	unsigned clients;
	unsigned slot_hint;
	atomic_ptr *slots; /* the clients; also read by a forked child */
	struct http_queue queues[CPROMI_HTTP_QUEUES];
	struct client *dropped;
};

/*
 * Makes what a loop needs beside a listener; wakes: another thread may wake it. On
 * failure, too, cpromi_http_loop_free() is due.
 */
int cpromi_http_loop_open(struct http_loop *l, unsigned max_clients, bool wakes);

/* Watches the listener, and all else that is not a client. */
int cpromi_http_loop_listen(struct http_loop *l);

/* Waits for events, at most so long, and handles them. */
int cpromi_http_loop_turn(struct http_loop *l, int timeout_ms);

/* From another thread: ends the wait of a turn. */
void cpromi_http_loop_wake(const struct http_loop *l);

/* Is the calling thread inside a turn of it, as a handler is? */
bool cpromi_http_loop_is_running(const struct http_loop *l);

/* Ends all that waits for a client; gives answers under way so much time. */
void cpromi_http_loop_drain(struct http_loop *l, int64_t ms);

/* Drops what is under way, with a reset, for it is incomplete; then closes the listener. */
void cpromi_http_loop_close(struct http_loop *l);

/* The same in a child of fork(); threaded: the parent's thread may have been inside a turn. */
void cpromi_http_loop_abandon(struct http_loop *l, bool threaded);

/* Closes and frees what cpromi_http_loop_open() made. */
void cpromi_http_loop_free(struct http_loop *l);

#endif
