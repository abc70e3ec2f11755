/* SPDX-License-Identifier: MIT */
/*
 * http: GET requests by libcurl, with a bearer token or without. The examples share it.
 *
 *  H1 A token goes to the server that was named and nowhere else: no redirect is followed.
 *  H2 Nobody on the way reads a token: without TLS it stays on this machine.
 *  H3 What leads to this machine goes there itself. All else goes by the proxy that http_proxy,
 *     https_proxy, ALL_PROXY and no_proxy name, if they do; through it, https:// is a tunnel.
 *  H4 No server makes the program wait or grow for ever.
 */
#ifndef HTTP_H
#define HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Stays where it was opened. */
struct http {
	CURL *curl;
	const char *token; /* the caller's; NULL: none */
	char *body;        /* of the last answer, ending in NUL */
	size_t length, capacity, most;
	const char *cut_off;          /* why the rest of the body was not taken; NULL: it was */
	char reason[CURL_ERROR_SIZE]; /* why the last call failed */
};

/* NULL, or why http_get() will not send this token to this URL. */
const char *http_refusal(const char *url, const char *token);

/* For answers of so many bytes at most. False with a reason, and to be closed all the same. */
bool http_open(struct http *h, const char *token, long timeout_ms, size_t most);
void http_close(struct http *h);

/* The status of the answer; 0 with a reason: there is none. */
long http_get(struct http *h, const char *url);

/* Where the last answer, of a status 3xx, wanted to send the request. */
const char *http_redirect(const struct http *h);

#endif
