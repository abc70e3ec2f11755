/* SPDX-License-Identifier: MIT */
/*
 * http: GET requests by libcurl; http.h says what holds for them.
 */
#include "http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- where a URL leads, and whether a token may go there ---- */

struct way {
	bool plain;      /* http:// */
	bool local;      /* to this machine */
	const char *bad; /* why it is no URL */
};

/* As libcurl spells hosts: 127.1 is 127.0.0.1 by then. */
static bool
is_local(const char *host)
{
	struct in_addr address;

	if (inet_pton(AF_INET, host, &address) == 1)
		return ntohl(address.s_addr) >> 24 == 127;
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* By the parser that reads the URL again when it is asked. */
static struct way
way_to(const char *url)
{
	struct way way = {0};
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL;
	CURLUcode failure = CURLUE_OUT_OF_MEMORY;

	if (parts != NULL)
		failure = curl_url_set(parts, CURLUPART_URL, url,
				       CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME);
	if (failure == CURLUE_OK)
		failure = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	if (failure == CURLUE_OK) {
		way.plain = strcmp(scheme, "http") == 0;
		way.local = curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
			    is_local(host);
	} else {
		way.bad = curl_url_strerror(failure);
	}
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(parts);
	return way;
}

/* A line feed in it would begin another header. */
static bool
is_token(const char *token)
{
	for (const char *p = token; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return *token != '\0';
}

static const char *
refusal(struct way way, const char *token)
{
	if (way.bad != NULL || token == NULL)
		return way.bad;
	if (!is_token(token))
		return "the token is empty, or has characters that are in no token";
	if (way.plain && !way.local)
		return "a token is not sent by http:// to another machine: https://, please";
	return NULL;
}

const char *
http_refusal(const char *url, const char *token)
{
	return refusal(way_to(url), token);
}

/* ---- requests ---- */

/* With room for what comes next, so that many small pieces are not moved each time. */
static bool
has_room(struct http *h, size_t n)
{
	size_t capacity = 2 * (h->length + n) + 4096;
	char *body;

	if (h->length + n < h->capacity)
		return true;
	body = realloc(h->body, capacity);
	if (body == NULL)
		return false;
	h->body = body;
	h->capacity = capacity;
	return true;
}

/* libcurl's write callback: to take less than all ends the transfer with an error. */
static size_t
receive(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;

	n *= size;
	if (n > h->most - h->length)
		h->cut_off = "the answer is too large";
	else if (!has_room(h, n))
		h->cut_off = "no memory for the answer";
	if (h->cut_off != NULL)
		return 0;
	memcpy(h->body + h->length, data, n);
	h->length += n;
	h->body[h->length] = '\0';
	return n;
}

static CURLcode
set_options(struct http *h, long timeout_ms)
{
	CURLcode failure;

	if (h->curl == NULL || h->body == NULL)
		return CURLE_OUT_OF_MEMORY;
	if ((failure = curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, "http,https")) ||
	    (failure = curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, timeout_ms)) ||
	    (failure = curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L)) ||
	    (failure = curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, receive)) ||
	    (failure = curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h)) ||
	    (failure = curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->reason)))
		return failure;
	if (h->token == NULL ||
	    (failure = curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER)))
		return failure;
	return curl_easy_setopt(h->curl, CURLOPT_XOAUTH2_BEARER, h->token);
}

/* What libcurl told in its own words stays. */
static void
tell(struct http *h, const char *why)
{
	if (h->reason[0] == '\0')
		snprintf(h->reason, sizeof(h->reason), "%s", why);
}

bool
http_open(struct http *h, const char *token, long timeout_ms, size_t most)
{
	CURLcode failure;

	*h = (struct http){.curl = curl_easy_init(),
			   .token = token,
			   .body = calloc(1, 1),
			   .capacity = 1,
			   .most = most};
	failure = set_options(h, timeout_ms);
	if (failure != CURLE_OK)
		tell(h, curl_easy_strerror(failure));
	return failure == CURLE_OK;
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
	struct way way = way_to(url);
	const char *refused = refusal(way, h->token);
	CURLcode failure;
	long status = 0;

	h->length = 0;
	h->body[0] = '\0';
	h->cut_off = NULL;
	h->reason[0] = '\0';
	if (refused != NULL) {
		tell(h, refused);
		return 0;
	}
	if ((failure = curl_easy_setopt(h->curl, CURLOPT_URL, url)) == CURLE_OK &&
	    (failure = curl_easy_setopt(h->curl, CURLOPT_NOPROXY, way.local ? "*" : NULL)) ==
		    CURLE_OK)
		failure = curl_easy_perform(h->curl);
	if (failure == CURLE_OK)
		failure = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (h->cut_off != NULL)
		snprintf(h->reason, sizeof(h->reason), "%s", h->cut_off);
	if (failure != CURLE_OK)
		tell(h, curl_easy_strerror(failure));
	return status;
}

const char *
http_redirect(const struct http *h)
{
	const char *url = NULL;

	curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &url);
	return url == NULL ? "nowhere" : url;
}
