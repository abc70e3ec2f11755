/* SPDX-License-Identifier: MIT */
/*
 * fetch_url: documents from the web, by libcurl.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"

struct text {
	char *data;
	size_t n;
};

/* libcurl's write callback: taking less than all ends the transfer with an error. */
static size_t
append(char *data, size_t size, size_t n, void *arg)
{
	struct text *t = arg;
	char *more;

	n *= size;
	if (n > MAX_DOCUMENT - t->n || (more = realloc(t->data, t->n + n + 1)) == NULL)
		return 0;
	memcpy(more + t->n, data, n);
	t->data = more;
	t->n += n;
	return n;
}

/* 0, or -1 and a sentence in why. */
static int
transfer(CURL *curl, const struct source *s, struct text *t, char *why, size_t size)
{
	CURLcode result;
	long status = 0;

	curl_easy_setopt(curl, CURLOPT_URL, s->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, s->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	if (s->token != NULL) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, s->token);
	}
	result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_OK && status == 200)
		return 0;
	if (result == CURLE_OK)
		snprintf(why, size, "status %ld", status);
	else
		snprintf(why, size, "%s", curl_easy_strerror(result));
	return -1;
}

json_t *
fetch_url(const struct source *s, enum trouble *trouble, json_error_t *error)
{
	CURL *curl = curl_easy_init();
	struct text t = {NULL, 0};
	json_t *document = NULL;

	if (transfer(curl, s, &t, error->text, sizeof(error->text)) != 0) {
		*trouble = FETCH_TROUBLE;
	} else {
		document = json_loadb(t.n > 0 ? t.data : "", t.n, JSON_FLAGS, error);
		if (document == NULL)
			*trouble = PARSE_TROUBLE;
	}
	free(t.data);
	curl_easy_cleanup(curl);
	return document;
}
