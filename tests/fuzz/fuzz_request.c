/* SPDX-License-Identifier: MIT */
/*
 * fuzz_request: any bytes as requests on one connection. Where each ends and what it is does
 * not depend on how the bytes arrive, on the ends of lines, or on what follows; nothing is read
 * that has not arrived; and a good head that is written anew means the same.
 */
#include "http_body.h"
#include "http_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How the bytes are dealt out: each piece of 1 … most bytes. */
struct pieces {
	uint32_t state;
	size_t most;
};

struct verdict {
	enum http_result result;
	int status;
	size_t end; /* of what was used, if HTTP_DONE */
};

static void
demand(bool what)
{
	if (!what)
		abort();
}

static void *
copy_of(const char *s, size_t n)
{
	char *copy = malloc(n);

	demand(copy != NULL || n == 0);
	if (n > 0)
		memcpy(copy, s, n);
	return copy;
}

/* xorshift, by G. Marsaglia. */
static size_t
next_piece(struct pieces *p)
{
	p->state ^= p->state << 13;
	p->state ^= p->state >> 17;
	p->state ^= p->state << 5;
	return 1 + p->state % p->most;
}

/* ---- heads ------------------------------------------------------------------ */

static struct verdict
verdict_on(const struct http_head *h, enum http_result result)
{
	demand((result == HTTP_BAD) == (h->status != 0));
	demand((result == HTTP_DONE) == (h->status == 0 && h->end != 0));
	return (struct verdict){result, h->status, h->end};
}

static struct verdict
parse_pieces(struct http_head *h, const char *s, size_t n, struct pieces p)
{
	enum http_result result = HTTP_MORE;

	*h = (struct http_head){0};
	for (size_t at = 0; result == HTTP_MORE && at < n;) {
		char *arrived;

		at += next_piece(&p);
		if (at > n)
			at = n;
		arrived = copy_of(s, at);
		result = cpromi_http_head_parse(h, arrived, at);
		free(arrived);
	}
	return verdict_on(h, result);
}

static struct verdict
parse(struct http_head *h, const char *s, size_t n)
{
	return parse_pieces(h, s, n, (struct pieces){1, UINT32_MAX});
}

static void
demand_same(struct verdict a, struct verdict b)
{
	demand(a.result == b.result && a.status == b.status && a.end == b.end);
}

/* Every field but how far it was read. */
static bool
same_meaning(const struct http_head *a, const struct http_head *b)
{
	return a->method == b->method && a->minor == b->minor && a->hosts == b->hosts &&
	       a->close == b->close && a->keep == b->keep && a->expects == b->expects &&
	       a->expects_other == b->expects_other && a->coded == b->coded &&
	       a->chunked == b->chunked && a->unknown == b->unknown && a->sized == b->sized &&
	       a->length == b->length && a->keep_alive == b->keep_alive &&
	       a->expect_continue == b->expect_continue;
}

static bool
same_span(const char *a, struct http_span x, const char *b, struct http_span y)
{
	return x.n == y.n && memcmp(a + x.at, b + y.at, x.n) == 0;
}

static bool
same_head(const char *s, const struct http_head *a, const char *t, const struct http_head *b)
{
	return same_meaning(a, b) && same_span(s, a->name, t, b->name) &&
	       same_span(s, a->path, t, b->path) && same_span(s, a->query, t, b->query);
}

/* With CRLF where LF was alone. */
static void
check_line_ends(const char *s, size_t n, const struct http_head *h, struct verdict v)
{
	char *other = malloc(2 * n + 1);
	struct http_head h2;
	struct verdict v2;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n' && (i == 0 || s[i - 1] != '\r'))
			other[m++] = '\r';
		other[m++] = s[i];
	}
	v2 = parse(&h2, other, m);
	if (m < CPROMI_HTTP_HEAD_MAX) {
		demand(v.result == v2.result && v.status == v2.status);
		if (v.result == HTTP_DONE)
			demand(same_head(s, h, other, &h2));
	}
	free(other);
}

/* Behind so many blank lines that the head just fits, and one more. */
static void
check_limit(const char *s, const struct http_head *h)
{
	size_t pad = CPROMI_HTTP_HEAD_MAX - h->end;
	char *padded = malloc(pad + 1 + h->end);
	struct http_head h2;
	struct verdict v;

	memset(padded, '\n', pad + 1);
	memcpy(padded + pad + 1, s, h->end);
	v = parse(&h2, padded + 1, pad + h->end);
	demand(v.result == HTTP_DONE && v.end == CPROMI_HTTP_HEAD_MAX);
	demand(same_head(s, h, padded + 1, &h2));
	v = parse(&h2, padded, pad + 1 + h->end);
	demand(v.result == HTTP_BAD && v.status == 431);
	free(padded);
}

static char *
write_head(const char *s, const struct http_head *h)
{
	static char text[2 * CPROMI_HTTP_HEAD_MAX];
	char *p = text;

	p += sprintf(p, "%.*s %.*s", (int)h->name.n, s + h->name.at, (int)h->path.n,
		     s + h->path.at);
	if (h->path.n == 0)
		*p++ = '/';
	if (h->query.at != 0)
		p += sprintf(p, "?%.*s", (int)h->query.n, s + h->query.at);
	p += sprintf(p, " HTTP/1.%d\r\n", h->minor);
	p += sprintf(p, "%s", h->hosts > 0 ? "host: a\r\n" : "");
	p += sprintf(p, "%s", h->keep ? "CONNECTION: keep-alive\r\n" : "");
	p += sprintf(p, "%s", h->close ? "Connection:,,Close , x\r\n" : "");
	p += sprintf(p, "%s", h->expects ? "Expect: 100-continue\r\n" : "");
	p += sprintf(p, "%s", h->expects_other ? "Expect: else\r\n" : "");
	p += sprintf(p, "%s", h->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	if (h->sized)
		p += sprintf(p, "Content-Length: %llu\r\n", (unsigned long long)h->length);
	strcpy(p, "\r\n");
	return text;
}

static void
check_good(const char *s, const struct http_head *h)
{
	char *text = write_head(s, h);
	size_t n = strlen(text);
	struct http_head h2;
	struct verdict v = parse(&h2, text, n);

	demand(h->end <= CPROMI_HTTP_HEAD_MAX && cpromi_http_is_token(s + h->name.at, h->name.n));
	if (n > CPROMI_HTTP_HEAD_MAX)
		return;
	demand(v.result == HTTP_DONE && v.end == n && same_meaning(h, &h2));
	demand(same_span(s, h->name, text, h2.name) && same_span(s, h->query, text, h2.query));
	demand(h->path.n == 0 ? h2.path.n == 1 && text[h2.path.at] == '/'
			      : same_span(s, h->path, text, h2.path));
}

static struct verdict
check_head(const char *s, size_t n, struct http_head *h)
{
	struct http_head h2;
	struct verdict v = parse(h, s, n);

	for (size_t most = 1; most < 256; most *= 16) {
		if (most == 1 && n > 512)
			continue;
		demand_same(v, parse_pieces(&h2, s, n, (struct pieces){(uint32_t)n + 1, most}));
		demand(v.result == HTTP_BAD || same_head(s, h, s, &h2));
	}
	check_line_ends(s, n, h, v);
	if (v.result != HTTP_DONE)
		return v;
	demand_same(v, parse(&h2, s, v.end));
	demand(parse(&h2, s, v.end - 1).result == HTTP_MORE);
	check_good(s, h);
	check_limit(s, h);
	return v;
}

/* ---- bodies ------------------------------------------------------------------ */

static struct verdict
skip_pieces(const struct http_head *h, const char *s, size_t n, struct pieces p)
{
	struct http_body b;
	enum http_result result = cpromi_http_body_begin(&b, h);
	size_t at = 0;

	while (result == HTTP_MORE && at < n) {
		size_t m = next_piece(&p), used;
		char *arrived;

		m = m < n - at ? m : n - at;
		arrived = copy_of(s + at, m);
		result = cpromi_http_body_skip(&b, arrived, m, &used);
		demand(used <= m && (result != HTTP_MORE || used == m));
		at += used;
		free(arrived);
	}
	demand((result == HTTP_BAD) == (b.status != 0));
	return (struct verdict){result, b.status, result == HTTP_DONE ? at : 0};
}

static struct verdict
check_body(const struct http_head *h, const char *s, size_t n)
{
	struct pieces all = {1, UINT32_MAX};
	struct verdict v = skip_pieces(h, s, n, all);

	for (size_t most = 1; most < 256; most *= 16)
		demand_same(v, skip_pieces(h, s, n, (struct pieces){(uint32_t)n + 1, most}));
	if (v.result == HTTP_DONE) {
		demand_same(v, skip_pieces(h, s, v.end, all));
		demand(v.end == 0 || skip_pieces(h, s, v.end - 1, all).result == HTTP_MORE);
		demand(h->chunked ? v.end >= 5 : v.end == (h->sized ? h->length : 0));
	}
	return v;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct verdict v = {.result = HTTP_DONE};
	struct http_head h;

	while (size > 0 && v.result == HTTP_DONE) {
		v = check_head(s, size, &h);
		if (v.result != HTTP_DONE)
			break;
		s += v.end;
		size -= v.end;
		v = check_body(&h, s, size);
		s += v.end;
		size -= v.end;
	}
	return 0;
}
