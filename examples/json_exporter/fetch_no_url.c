/* SPDX-License-Identifier: MIT */
/*
 * fetch_no_url: says that there is no libcurl in this build.
 */
#include <stdio.h>

#include "fetch.h"

json_t *
fetch_url(const struct source *s, enum trouble *trouble, json_error_t *error)
{
	*trouble = FETCH_TROUBLE;
	snprintf(error->text, sizeof(error->text), "no libcurl to fetch %s with", s->url);
	return NULL;
}

const char *
fetch_url_refusal(const struct source *s)
{
	(void)s;
	return NULL; /* files are served all the same */
}
