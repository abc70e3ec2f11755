/* SPDX-License-Identifier: MIT */
/*
 * http_reply: the text of answers, in a buffer that remembers when memory ran out.
 */
#include "http_reply.h"

#include "error.h"
#include "http_parse.h"
#include "number.h"
#include "platform.h"

#include <errno.h>
#include <stdlib.h>

/* ---- buffer ---- */

static bool
grow(struct http_buffer *b, size_t need)
{
	size_t cap = b->cap > 0 ? b->cap : 256;
	char *data;

	while (cap < need && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (b->fixed || cap < need)
		return false;
	data = realloc(b->data, cap);
	if (data == NULL)
		return false;
	b->data = data;
	b->cap = cap;
	return true;
}

void
cpromi_http_buffer_add(struct http_buffer *b, const void *data, size_t n)
{
	if (b->failed || n == 0)
		return;
	if (n > b->cap - b->n && (n > SIZE_MAX - b->n || !grow(b, b->n + n))) {
		b->failed = true;
		return;
	}
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

void
cpromi_http_buffer_text(struct http_buffer *b, const char *text)
{
	cpromi_http_buffer_add(b, text, strlen(text));
}

void
cpromi_http_buffer_free(struct http_buffer *b)
{
	if (!b->fixed)
		free(b->data);
	*b = (struct http_buffer){0};
}

/* ---- head ---- */

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *
cpromi_http_reason(int status)
{
	for (size_t i = 0; i < array_len(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static void
add_number(struct http_buffer *b, uint64_t v)
{
	char text[CPROMI_NUMBER_MAX];

	cpromi_http_buffer_add(b, text, cpromi_u64_text(v, text));
}

/* 204 and 304 have no body, and 204 must not say how long it is (RFC 9110, 8.6). */
static bool
has_body(int status)
{
	return status != 204 && status != 304;
}

static void
add_framing(struct http_buffer *b, const struct http_reply *r)
{
	if (r->framing == HTTP_CHUNKED) {
		cpromi_http_buffer_text(b, "Transfer-Encoding: chunked\r\n");
	} else if (r->framing == HTTP_LENGTH && has_body(r->status)) {
		cpromi_http_buffer_text(b, "Content-Length: ");
		add_number(b, r->length);
		cpromi_http_buffer_text(b, "\r\n");
	}
}

void
cpromi_http_reply_head(struct http_buffer *b, const struct http_reply *r)
{
	/* Always 1.1: the version of the server, not of the request (RFC 9110, 6.2). */
	cpromi_http_buffer_text(b, "HTTP/1.1 ");
	add_number(b, (uint64_t)r->status);
	cpromi_http_buffer_text(b, " ");
	cpromi_http_buffer_text(b, cpromi_http_reason(r->status));
	cpromi_http_buffer_text(b, "\r\n");
	if (r->type != NULL) {
		cpromi_http_buffer_text(b, "Content-Type: ");
		cpromi_http_buffer_text(b, r->type);
		cpromi_http_buffer_text(b, "\r\n");
	}
	if (r->headers != NULL)
		cpromi_http_buffer_add(b, r->headers->data, r->headers->n);
	add_framing(b, r);
	if (!r->keep_alive)
		cpromi_http_buffer_text(b, "Connection: close\r\n");
	else if (r->old)
		cpromi_http_buffer_text(b, "Connection: keep-alive\r\n");
	cpromi_http_buffer_text(b, "\r\n");
}

/* ---- a handler's response ---- */

void
cprom_response_status(cprom_response *p, int status)
{
	if (p != NULL)
		p->status = status >= 200 && status <= 599 ? status : 500;
}

static bool
is_field_value(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7F)
			return false;
	return true;
}

/* Fields that say how the message is framed; they are the server's. */
static bool
is_framing(const char *name, size_t n)
{
	return cpromi_http_same(name, n, "content-length") ||
	       cpromi_http_same(name, n, "transfer-encoding") ||
	       cpromi_http_same(name, n, "connection") || cpromi_http_same(name, n, "trailer") ||
	       cpromi_http_same(name, n, "upgrade") || cpromi_http_same(name, n, "keep-alive");
}

/* 0, or why this header cannot be set. */
static int
check_header(const cprom_response *p, const char *name, const char *value)
{
	size_t n;

	if (p == NULL || name == NULL || value == NULL)
		return cpromi_fail(EINVAL, "a response, a header name and a value are needed");
	n = strlen(name);
	if (!cpromi_http_is_token(name, n))
		return cpromi_fail(EINVAL, "\"%s\" is not a header name", name);
	if (!is_field_value(value))
		return cpromi_fail(EINVAL, "the value of header %s has control characters", name);
	if (is_framing(name, n))
		return cpromi_fail(EINVAL, "header %s is set by the server itself", name);
	if (p->typed && cpromi_http_same(name, n, "content-type"))
		return cpromi_fail(EEXIST, "the response has a Content-Type already");
	return 0;
}

int
cprom_response_header(cprom_response *p, const char *name, const char *value)
{
	if (check_header(p, name, value) < 0)
		return -1;
	cpromi_http_buffer_text(&p->headers, name);
	cpromi_http_buffer_text(&p->headers, ": ");
	cpromi_http_buffer_text(&p->headers, value);
	cpromi_http_buffer_text(&p->headers, "\r\n");
	if (p->headers.failed)
		return cpromi_fail(ENOMEM, "no memory for header %s of a response", name);
	if (cpromi_http_same(name, strlen(name), "content-type"))
		p->typed = true;
	return 0;
}

int
cprom_response_write(cprom_response *p, const void *data, size_t n)
{
	if (p == NULL || (data == NULL && n > 0))
		return cpromi_fail(EINVAL, "a response and its data are needed");
	cpromi_http_buffer_add(&p->body, data, n);
	if (p->body.failed)
		return cpromi_fail(ENOMEM, "no memory for %zu bytes of a response", n);
	return 0;
}

int
cprom_response_text(cprom_response *p, const char *text)
{
	if (p == NULL || text == NULL)
		return cpromi_fail(EINVAL, "a response and its text are needed");
	return cprom_response_write(p, text, strlen(text));
}

/*
 * Head and body go out in one write, so the body is moved behind the head, in
 * its own buffer: a second one would double the memory of a long body.
 */
static void
join(struct http_buffer *head, struct http_buffer *body, struct http_buffer *out)
{
	size_t n = body->n;

	if (n == 0 || head->failed) {
		*out = *head;
		*head = (struct http_buffer){0};
		return;
	}
	cpromi_http_buffer_add(body, head->data, head->n);
	if (!body->failed) {
		memmove(body->data + head->n, body->data, n);
		memcpy(body->data, head->data, head->n);
	}
	*out = *body;
	*body = (struct http_buffer){0};
}

void
cpromi_http_response_finish(struct cprom_response *p, struct http_reply *r, bool head_only,
			    struct http_buffer *out)
{
	struct http_buffer head = {0};

	if (!has_body(p->status))
		p->body.n = 0;
	r->status = p->status;
	r->framing = HTTP_LENGTH;
	r->length = p->body.n;
	r->headers = &p->headers;
	if (!p->typed && has_body(p->status))
		r->type = "text/plain; charset=utf-8";
	cpromi_http_reply_head(&head, r);
	if (head_only)
		p->body.n = 0;
	head.failed = head.failed || p->headers.failed || p->body.failed;
	join(&head, &p->body, out);
	cpromi_http_buffer_free(&head);
	cpromi_http_buffer_free(&p->headers);
	cpromi_http_buffer_free(&p->body);
}
