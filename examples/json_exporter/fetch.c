/* SPDX-License-Identifier: MIT */
/*
 * fetch: a source's document.
 */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without waiting: a pipe that nobody writes to must not hold up the scrape. */
static json_t *
fetch_file(const char *path, enum trouble *trouble, json_error_t *error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	json_t *document;

	if (fd == -1) {
		*trouble = FETCH_TROUBLE;
		snprintf(error->text, sizeof(error->text), "%s", strerror(errno));
		return NULL;
	}
	document = json_loadfd(fd, JSON_FLAGS, error);
	if (document == NULL)
		*trouble = PARSE_TROUBLE;
	close(fd);
	return document;
}

json_t *
fetch(const struct source *s, enum trouble *trouble, json_error_t *error)
{
	if (s->file != NULL)
		return fetch_file(s->file, trouble, error);
	return fetch_url(s, trouble, error);
}
