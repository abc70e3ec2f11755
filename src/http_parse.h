/* SPDX-License-Identifier: MIT */
/*
 * http_parse: reads the head of one HTTP/1.x request; bytes only, no allocation, no copy.
 */
#ifndef CPROMI_HTTP_PARSE_H
#define CPROMI_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPROMI_HTTP_HEAD_MAX 8192 /* bytes of a request line and its fields, unless told */

enum http_result { HTTP_MORE, HTTP_DONE, HTTP_BAD };

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_CONNECT,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_PATCH,
	HTTP_UNKNOWN,
};

/* Some bytes of the buffer that holds the head, counted from its first byte. */
struct http_span {
	uint32_t at;
	uint32_t n;
};

/* Starts as all zeros but for the limit; all else is written by cpromi_http_head_parse() alone. */
struct http_head {
	uint32_t limit;   /* of the bytes of the head; 0: CPROMI_HTTP_HEAD_MAX */
	uint32_t line;    /* where the line that is being read begins */
	uint32_t scanned; /* bytes that need not be looked at again */
	uint32_t fields;  /* where the first field begins; 0: no request line yet */
	uint32_t end;     /* first byte after the head; 0: not complete */
	int status;       /* what to answer a bad head; 0: not bad */

	enum http_method method;
	struct http_span name;  /* of the method */
	struct http_span path;  /* raw; empty: "/"; "*" alone: the server itself */
	struct http_span query; /* raw, without the '?' */
	uint8_t minor;          /* HTTP/1.minor, 0 or 1 */
	uint8_t hosts;          /* Host fields, counted up to 2 */

	bool close, keep;             /* what Connection says */
	bool expects, expects_other;  /* 100-continue; anything else */
	bool coded, chunked, unknown; /* what Transfer-Encoding says */
	bool sized;                   /* there is a Content-Length, */
	uint64_t length;              /* which is this; UINT64_MAX if larger */

	bool keep_alive;      /* the connection may serve another request */
	bool expect_continue; /* the client waits for 100 before it sends the body */
};

/*
 * Reads on in buf, which holds the first n bytes of the request; called again
 * with the same bytes and more until it is not HTTP_MORE. Looks at each byte
 * once, whatever the number of calls. HTTP_BAD: answer h->status and close.
 */
enum http_result cpromi_http_head_parse(struct http_head *h, const char *buf, size_t n);

/* An ASCII letter in lower case, in every locale; any other byte as it is. */
static inline char
cpromi_http_fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* May all of these bytes be in a method or field name? Not if there are none. */
bool cpromi_http_is_token(const char *s, size_t n);

/* Are the n bytes at s this text, which is in lower case, in any case? */
bool cpromi_http_same(const char *s, size_t n, const char *lower);

#endif
