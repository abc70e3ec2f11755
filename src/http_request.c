/* SPDX-License-Identifier: MIT */
/*
 * http_request: a request as a handler sees it, as C strings made in place in the connection's buffer.
 *
 * Nothing is copied: behind each part of a head stands a byte that is not
 * needed any more (a blank, '?', CR or LF), and it becomes the string's NUL.
 * NUL cannot be in a good head, so the fields can still be walked afterwards: a
 * line ends at its first LF or NUL, and what lies between that and the next
 * name is CR, LF, NUL and blanks.
 */
#include "http_request.h"

#include "error.h"
#include "http_query.h"
#include "platform.h"

#include <errno.h>

int
cpromi_http_request_open(struct cprom_request *q, const struct http_head *h, char *text)
{
	*q = (struct cprom_request){.text = text, .head = h, .path = "/", .query = ""};
	text[h->name.at + h->name.n] = '\0';
	q->method = text + h->name.at;
	if (h->query.at > 0) {
		text[h->query.at + h->query.n] = '\0';
		q->query = text + h->query.at;
	}
	if (h->path.n > 0) {
		q->path = text + h->path.at;
		return cpromi_http_decode(text + h->path.at, h->path.n, false) ? 0 : -1;
	}
	return 0;
}

static bool
is_line_end(char c)
{
	return c == '\0' || c == '\n';
}

static bool
is_padding(char c)
{
	return c == '\r' || c == ' ' || c == '\t';
}

/* The value of the field that stands from line to end, if it has that name, else NULL. */
static char *
value_of(char *line, char *end, const char *name)
{
	while (*name != '\0' && *line != ':' &&
	       cpromi_http_fold(*line) == cpromi_http_fold(*name)) {
		line++;
		name++;
	}
	if (*name != '\0' || *line != ':')
		return NULL;
	line++;
	while (line < end && is_padding(*line))
		line++;
	while (end > line && is_padding(end[-1]))
		end--;
	*end = '\0';
	return line;
}

/*
 * The value of the next field of that name at or behind *at, as a string;
 * *at goes behind it. NULL: there is none.
 */
static char *
next_field(const struct cprom_request *q, const char *name, size_t *at)
{
	char *end = q->text + q->head->end;
	char *p = q->text + *at;

	while (p < end) {
		char *line = p;
		char *value;

		while (!is_line_end(*p))
			p++;
		value = p > line ? value_of(line, p, name) : NULL;
		while (p < end && (is_line_end(*p) || is_padding(*p)))
			p++;
		*at = (size_t)(p - q->text);
		if (value != NULL)
			return value;
	}
	return NULL;
}

void
cpromi_http_request_join(const struct cprom_request *q, const char *name, struct http_buffer *out)
{
	size_t at = q->head->fields;
	const char *value;
	bool first = true;

	while ((value = next_field(q, name, &at)) != NULL) {
		if (!first)
			cpromi_http_buffer_text(out, ",");
		cpromi_http_buffer_text(out, value);
		first = false;
	}
	if (!first)
		cpromi_http_buffer_add(out, "", 1);
}

static const char *
missing_request(void)
{
	cpromi_fail(EINVAL, "a request is needed");
	return NULL;
}

const char *
cprom_request_method(const cprom_request *q)
{
	return q != NULL ? q->method : missing_request();
}

const char *
cprom_request_path(const cprom_request *q)
{
	return q != NULL ? q->path : missing_request();
}

const char *
cprom_request_query(const cprom_request *q)
{
	return q != NULL ? q->query : missing_request();
}

int
cprom_request_peer(const cprom_request *q, uid_t *uid, gid_t *gid)
{
	if (q == NULL) {
		missing_request();
		return -1;
	}
	if (q->peer == NULL || !q->peer->known)
		return cpromi_fail(ENOTCONN, "the request did not come over a Unix socket");
	if (uid != NULL)
		*uid = q->peer->uid;
	if (gid != NULL)
		*gid = q->peer->gid;
	return 0;
}

const char *
cprom_request_header(const cprom_request *q, const char *name)
{
	size_t at;

	if (q == NULL || name == NULL)
		return missing_request();
	at = q->head->fields;
	return next_field(q, name, &at);
}
