/* SPDX-License-Identifier: MIT */
/*
 * access: who may see what a server serves.
 */
#ifndef CPROMI_ACCESS_H
#define CPROMI_ACCESS_H

#include "http_request.h"

#include <cprom.h>
#include <stdbool.h>

#define CPROMI_SECRET_MAX 1024 /* bytes of a token, or of "user:password" */

/* What stands behind the scheme in an Authorization field; all zeros: the scheme is not taken. */
struct secret {
	char text[(CPROMI_SECRET_MAX + 2) / 3 * 4]; /* zeros behind the text */
	size_t n;
};

/* One per server; written before it runs, then read by the thread that runs it. */
struct http_access {
	struct secret bearer;
	struct secret basic; /* in base64, as clients send it */
	int (*authorize)(cprom_request *request, void *arg);
	void *arg;
	bool local;      /* clients come over a Unix socket; set when it listens */
	bool check_peer; /* they are root, the server's user, */
	uid_t peer_uid;  /* or this one */
};

/* Copies what the options say. -1: EINVAL, and a message that tells no secret. */
int cpromi_access_set(struct http_access *a, const cprom_server_options *o);

/* May who is at the other end ask for anything? */
bool cpromi_access_admits(const struct http_access *a, const struct http_peer *peer);

/* 0: the request may be answered; else the status to answer instead. The callback runs here. */
int cpromi_access_check(const struct http_access *a, struct cprom_request *q);

/* The fields that a 401 has to have (RFC 9110, 15.5.2): the schemes that are taken; Bearer if a callback decides. */
const char *cpromi_access_challenge(const struct http_access *a);

/* Zeros what clients have sent, if that may have been secrets. */
void cpromi_access_wipe(const struct http_access *a, void *data, size_t n);

/* Zeros the secrets themselves. */
void cpromi_access_forget(struct http_access *a);

#endif
