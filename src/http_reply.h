/* SPDX-License-Identifier: MIT */
/*
 * http_reply: the text of answers, in a buffer that remembers when memory ran out.
 */
#ifndef CPROMI_HTTP_REPLY_H
#define CPROMI_HTTP_REPLY_H

#include <cprom.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that grow. All zeros is an empty one. Once something did not fit,
 * failed stays set and nothing more is added: ask once, at the end.
 */
struct http_buffer {
	char *data; /* from malloc(), or the caller's if fixed */
	size_t n;
	size_t cap;
	bool fixed; /* never grows */
	bool failed;
};

void cpromi_http_buffer_add(struct http_buffer *b, const void *data, size_t n);
void cpromi_http_buffer_text(struct http_buffer *b, const char *text);
void cpromi_http_buffer_free(struct http_buffer *b);

/* How the client learns where the body ends. */
enum http_framing {
	HTTP_LENGTH,      /* Content-Length */
	HTTP_CHUNKED,     /* HTTP/1.1 only */
	HTTP_UNTIL_CLOSE, /* HTTP/1.0 only */
};

struct http_reply {
	int status;
	const char *type;                  /* Content-Type, or NULL */
	const struct http_buffer *headers; /* further lines, each ending in CRLF, or NULL */
	enum http_framing framing;
	size_t length;   /* if HTTP_LENGTH */
	bool old;        /* the request was HTTP/1.0 */
	bool keep_alive; /* the connection stays open */
};

/* Adds the head, up to and including the blank line. */
void cpromi_http_reply_head(struct http_buffer *b, const struct http_reply *r);

/* What a status is called; "Unknown" if it has no name here. */
const char *cpromi_http_reason(int status);

/* What a handler answers: the other half of <cprom.h>'s cprom_response. */
struct cprom_response {
	int status;
	bool typed; /* headers has a Content-Type */
	struct http_buffer headers;
	struct http_buffer body;
};

/* Puts the reply in out; body is left out for a HEAD request. Frees what the response holds. */
void cpromi_http_response_finish(struct cprom_response *p, struct http_reply *r, bool head_only,
				 struct http_buffer *out);

#endif
