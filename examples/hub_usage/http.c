/* SPDX-License-Identifier: MIT */
/*
 * http: GET requests with a bearer token.
 *
 * No redirect is followed: wherever it leads, the token was meant for the server that was named.
 */
#include "http.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (64 << 20) /* of an answer: no server makes the program grow for ever */

static size_t
receive(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;

	n *= size;
	if (n > MOST_BYTES - h->length)
		return 0;
	if (h->length + n >= h->capacity) {
		size_t capacity = 2 * (h->length + n) + 4096;
		char *body = realloc(h->body, capacity);

		if (body == NULL)
			return 0;
		h->body = body;
		h->capacity = capacity;
	}
	memcpy(h->body + h->length, data, n);
	h->length += n;
	h->body[h->length] = '\0';
	return n;
}

bool
http_open(struct http *h, const char *token, long timeout_seconds)
{
	*h = (struct http){.curl = curl_easy_init(), .body = calloc(1, 1), .capacity = 1};
	if (h->curl != NULL && h->body != NULL &&
	    curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
	    curl_easy_setopt(h->curl, CURLOPT_XOAUTH2_BEARER, token) == CURLE_OK &&
	    curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, timeout_seconds) == CURLE_OK &&
	    curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
	    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h) == CURLE_OK &&
	    curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->reason) == CURLE_OK)
		return true;
	http_close(h);
	return false;
}

void
http_close(struct http *h)
{
	curl_easy_cleanup(h->curl);
	free(h->body);
}

long
http_get(struct http *h, const char *url)
{
	CURLcode failure;
	long status = 0;

	h->length = 0;
	h->body[0] = '\0';
	h->reason[0] = '\0';
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	failure = curl_easy_perform(h->curl);
	if (failure == CURLE_WRITE_ERROR)
		strcpy(h->reason, "the answer is too large");
	else if (failure != CURLE_OK && h->reason[0] == '\0')
		strcpy(h->reason, curl_easy_strerror(failure));
	else if (failure == CURLE_OK)
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

const char *
http_redirect(const struct http *h)
{
	const char *url = NULL;

	curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &url);
	return url == NULL ? "nowhere" : url;
}
