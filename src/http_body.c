/* SPDX-License-Identifier: MIT */
/*
 * http_body: finds the end of a request body, of known length or chunked, and drops it.
 *
 * Stricter than heads are: in chunked framing a line ends in CRLF and nothing
 * else, because two readers that differ here differ about where the next
 * request begins (RFC 9112, 7.1). Extensions and trailers are dropped unread.
 */
#include "http_body.h"

enum {
	BODY_END,
	BODY_LENGTH,     /* in a body of known length */
	CHUNK_SIZE,      /* at the first digit of a size line */
	CHUNK_SIZE_MORE, /* at a later digit, or at its end */
	CHUNK_BLANK,     /* behind the digits and a blank: an extension must follow */
	CHUNK_EXTENSION, /* behind the semicolon */
	CHUNK_SIZE_LF,   /* the LF of a size line */
	CHUNK_DATA,      /* in a chunk */
	CHUNK_DATA_CR,   /* the CR behind it */
	CHUNK_DATA_LF,   /* and the LF */
	TRAILER_LINE,    /* at the first byte of a trailer line or of the last CRLF */
	TRAILER_MORE,    /* in a trailer line */
	TRAILER_LF,      /* its LF */
	TRAILER_LAST_LF, /* the last LF of all */
};

static enum http_result
refuse(struct http_body *b, int status)
{
	b->status = status;
	return HTTP_BAD;
}

enum http_result
cpromi_http_body_begin(struct http_body *b, const struct http_head *h)
{
	*b = (struct http_body){.state = BODY_END};
	if (h->chunked) {
		b->state = CHUNK_SIZE;
	} else if (h->sized && h->length > 0) {
		b->state = BODY_LENGTH;
		b->left = h->length;
		if (h->length > CPROMI_HTTP_BODY_MAX)
			return refuse(b, 413);
	}
	return b->state == BODY_END ? HTTP_DONE : HTTP_MORE;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_text(char c)
{
	return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7F);
}

/* Between the digits and an extension: the state after c, or -1. */
static int
extension_mark(char c)
{
	if (c == ' ' || c == '\t')
		return CHUNK_BLANK;
	return c == ';' ? CHUNK_EXTENSION : -1;
}

/* Returns the state after c, or -1. */
static int
size_line(struct http_body *b, char c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		b->left = b->left * 16 + (uint64_t)digit;
		if (b->left > CPROMI_HTTP_BODY_MAX)
			b->left = CPROMI_HTTP_BODY_MAX + 1;
		return CHUNK_SIZE_MORE;
	}
	if (b->state == CHUNK_SIZE)
		return -1;
	if (c == '\r')
		return CHUNK_SIZE_LF;
	return extension_mark(c);
}

/* The size line is complete. */
static int
begin_chunk(struct http_body *b)
{
	if (b->left == 0)
		return TRAILER_LINE;
	b->content += (uint32_t)b->left;
	return CHUNK_DATA;
}

/* One byte of framing: the state after it, or -1. */
static int
framing_byte(struct http_body *b, char c)
{
	switch (b->state) {
	case CHUNK_SIZE:
	case CHUNK_SIZE_MORE:
		return size_line(b, c);
	case CHUNK_BLANK:
		return extension_mark(c);
	case CHUNK_EXTENSION:
		if (c == '\r')
			return CHUNK_SIZE_LF;
		return is_text(c) ? CHUNK_EXTENSION : -1;
	case CHUNK_SIZE_LF:
		return c == '\n' ? begin_chunk(b) : -1;
	case CHUNK_DATA_CR:
		return c == '\r' ? CHUNK_DATA_LF : -1;
	case CHUNK_DATA_LF:
		return c == '\n' ? CHUNK_SIZE : -1;
	case TRAILER_LINE:
		if (c == '\r')
			return TRAILER_LAST_LF;
		return is_text(c) ? TRAILER_MORE : -1;
	case TRAILER_MORE:
		if (c == '\r')
			return TRAILER_LF;
		return is_text(c) ? TRAILER_MORE : -1;
	case TRAILER_LF:
		return c == '\n' ? TRAILER_LINE : -1;
	default:
		return c == '\n' ? BODY_END : -1;
	}
}

/* Drops bytes whose number is known; returns how many. */
static size_t
skip_known(struct http_body *b, size_t n)
{
	if (n > b->left)
		n = (size_t)b->left;
	b->left -= n;
	if (b->left == 0)
		b->state = b->state == BODY_LENGTH ? BODY_END : CHUNK_DATA_CR;
	return n;
}

enum http_result
cpromi_http_body_skip(struct http_body *b, const char *s, size_t n, size_t *used)
{
	*used = 0;
	while (b->state != BODY_END && *used < n) {
		int next;

		if (b->state == BODY_LENGTH || b->state == CHUNK_DATA) {
			*used += skip_known(b, n - *used);
			continue;
		}
		next = framing_byte(b, s[(*used)++]);
		if (next < 0)
			return refuse(b, 400);
		b->state = (uint8_t)next;
		if (b->content > CPROMI_HTTP_BODY_MAX || ++b->framing > CPROMI_HTTP_BODY_MAX)
			return refuse(b, 413);
	}
	return b->state == BODY_END ? HTTP_DONE : HTTP_MORE;
}
