/* SPDX-License-Identifier: MIT */
/*
 * http: GET requests that carry a bearer token, and carry it to one server alone.
 */
#ifndef HTTP_H
#define HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct http {
	CURL *curl;
	char *body; /* of the last answer, ending in NUL */
	size_t length;
	size_t capacity;
	char reason[CURL_ERROR_SIZE]; /* why there is no answer */
};

/* The token is copied. False without memory. */
bool http_open(struct http *h, const char *token, long timeout_seconds);
void http_close(struct http *h);

/* The status of the answer; 0: there is none, and h->reason says why. */
long http_get(struct http *h, const char *url);

/* Where the last answer, of a status 3xx, wanted to send the request. */
const char *http_redirect(const struct http *h);

#endif
