/* SPDX-License-Identifier: MIT */
/*
 * fetch_url: documents from the web.
 */
#include <stdio.h>

#include "../http.h"
#include "fetch.h"

#define MAX_DOCUMENT ((size_t)16 << 20) /* bytes that a URL may send */

const char *
fetch_url_refusal(const struct source *s)
{
	return http_refusal(s->url, s->token);
}

json_t *
fetch_url(const struct source *s, enum trouble *trouble, json_error_t *error)
{
	json_t *document = NULL;
	struct http h;
	long status = 0;

	if (!http_open(&h, s->token, s->timeout_ms, MAX_DOCUMENT) ||
	    (status = http_get(&h, s->url)) == 0)
		snprintf(error->text, sizeof(error->text), "%.*s", (int)sizeof(error->text) - 1,
			 h.reason);
	else if (status != 200)
		snprintf(error->text, sizeof(error->text), "status %ld", status);
	else
		document = json_loadb(h.body, h.length, JSON_FLAGS, error);
	if (document == NULL)
		*trouble = status == 200 ? PARSE_TROUBLE : FETCH_TROUBLE;
	http_close(&h);
	return document;
}
