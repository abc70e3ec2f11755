/* SPDX-License-Identifier: MIT */
/*
 * bare: the least of an HTTP server: a ready-made answer to whatever it reads.
 */
#ifndef CPROM_BENCH_BARE_H
#define CPROM_BENCH_BARE_H

#include <stddef.h>

struct bare_server {
	int listener; /* a listening socket, from the caller */
	int epoll;
	const char *answer; /* head and page */
	size_t length;
	const char *last_answer; /* the same with "Connection: close", to who asks for that */
	size_t last_length;
};

/* Starts it in a thread of its own; 0, or -1. It never ends. */
int bare_start(struct bare_server *s);

#endif
