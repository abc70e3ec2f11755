/* SPDX-License-Identifier: MIT */
/*
 * http_parse: reads the head of one HTTP/1.x request; bytes only, no allocation, no copy.
 *
 * What is strict and what is not (RFC 9112):
 *
 *  1. A line ends in CRLF or in LF alone (2.2). CR anywhere else, and every
 *     other control byte but HTAB, is refused as soon as it is seen.
 *  2. Blank lines before the request line are skipped (2.2).
 *  3. Folded fields, blanks before a colon, blanks and fragments in the target are 400 (5.1,
 *     5.2, 3.2). Other bytes that a URI must escape are taken as they are: name[] needs two.
 *  4. What tells where the message ends must leave no doubt: Content-Length
 *     beside Transfer-Encoding, two lengths that differ, codings in HTTP/1.0 or
 *     of which chunked is not the last are 400 (6.1, 6.3); others before it are 501.
 *  5. HTTP/1.1 has exactly one Host, of a host and a port as a URI has them (3.2).
 *
 * A line is judged when it is complete. No state is kept within a line but how
 * far it was scanned, so feeding a head byte by byte costs what feeding it at
 * once costs.
 */
#include "http_parse.h"

#include "platform.h"

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

bool
cpromi_http_is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_alpha(s[i]) && !is_digit(s[i]) && !is_one_of(s[i], "!#$%&'*+-.^_`|~"))
			return false;
	return n > 0;
}

bool
cpromi_http_same(const char *s, size_t n, const char *lower)
{
	size_t i;

	for (i = 0; i < n && lower[i] != '\0'; i++)
		if (cpromi_http_fold(s[i]) != lower[i])
			return false;
	return i == n && lower[i] == '\0';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* How many bytes at s are a host (RFC 3986, 3.2.2), which may be none; n + 1 if what is there is none. */
static size_t
host_length(const char *s, size_t n)
{
	const char *end;
	size_t i = 0;

	if (n > 0 && *s == '[') {
		end = memchr(s, ']', n);
		for (i = 1; end != NULL && s + i < end; i++)
			if (!is_hex(s[i]) && s[i] != ':' && s[i] != '.')
				return n + 1;
		return end != NULL && i > 1 ? i + 1 : n + 1;
	}
	for (; i < n && s[i] != ':'; i++) {
		if (s[i] == '%' && (n - i < 3 || !is_hex(s[i + 1]) || !is_hex(s[i + 2])))
			return n + 1;
		if (!is_alpha(s[i]) && !is_digit(s[i]) && !is_one_of(s[i], "-._~!$&'()*+,;=%"))
			return n + 1;
	}
	return i;
}

/*
 * Is this a host with or without a port, as Host and an absolute target have it? Host may be
 * empty; a target may not, nor the port of CONNECT (RFC 9110, 7.2, 4.2.1, 9.3.6).
 */
static bool
is_authority(const char *s, size_t n, bool needs_host, bool needs_port)
{
	size_t host = host_length(s, n);

	if (host > n || (needs_host && host == 0) || (needs_port && host + 1 >= n) ||
	    (host < n && s[host] != ':'))
		return false;
	for (size_t i = host + 1; i < n; i++)
		if (!is_digit(s[i]))
			return false;
	return true;
}

/* The next element of a comma-separated list, without blanks; false at its end. */
static bool
next_element(const char **s, const char *end, const char **element, size_t *n)
{
	const char *p = *s;

	while (p < end && (is_blank(*p) || *p == ','))
		p++;
	*element = p;
	while (p < end && *p != ',')
		p++;
	*s = p;
	while (p > *element && is_blank(p[-1]))
		p--;
	*n = (size_t)(p - *element);
	return *n > 0;
}

/* ---- request line ---- */

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
	{"PUT", HTTP_PUT},         {"DELETE", HTTP_DELETE}, {"CONNECT", HTTP_CONNECT},
	{"OPTIONS", HTTP_OPTIONS}, {"TRACE", HTTP_TRACE},   {"PATCH", HTTP_PATCH},
};

static enum http_method
find_method(const char *s, size_t n)
{
	for (size_t i = 0; i < array_len(methods); i++)
		if (strlen(methods[i].name) == n && memcmp(methods[i].name, s, n) == 0)
			return methods[i].method;
	return HTTP_UNKNOWN;
}

/* 0, or the status to answer; so are all take_… below. */
static int
take_version(struct http_head *h, const char *s, size_t n)
{
	if (n != 8 || memcmp(s, "HTTP/", 5) != 0 || !is_digit(s[5]) || s[6] != '.' ||
	    !is_digit(s[7]))
		return 400;
	h->minor = s[7] > '0';
	return s[5] == '1' ? 0 : 505;
}

/* Skips "http://host" of an absolute target; returns how much, 0 if it is not one. */
static size_t
skip_origin(const char *s, size_t n)
{
	size_t begin;
	size_t i;

	if (n > 7 && cpromi_http_same(s, 7, "http://"))
		begin = 7;
	else if (n > 8 && cpromi_http_same(s, 8, "https://"))
		begin = 8;
	else
		return 0;
	for (i = begin; i < n && s[i] != '/' && s[i] != '?'; i++)
		;
	return is_authority(s + begin, i - begin, true, false) ? i : 0;
}

static int
take_target(struct http_head *h, const char *buf, size_t at, size_t n)
{
	const char *mark;

	for (size_t i = at; i < at + n; i++)
		if (buf[i] <= ' ' || buf[i] > '~' || buf[i] == '#')
			return 400;
	h->path = (struct http_span){(uint32_t)at, (uint32_t)n};
	if (h->method == HTTP_CONNECT)
		return is_authority(buf + at, n, true, true) ? 0 : 400;
	if (n == 1 && buf[at] == '*')
		return h->method == HTTP_OPTIONS || h->method == HTTP_UNKNOWN ? 0 : 400;
	if (n == 0 || buf[at] != '/') {
		size_t origin = skip_origin(buf + at, n);

		if (origin == 0)
			return 400;
		at += origin;
		n -= origin;
	}
	mark = n > 0 ? memchr(buf + at, '?', n) : NULL;
	h->path = (struct http_span){(uint32_t)at, (uint32_t)n};
	if (mark != NULL) {
		h->path.n = (uint32_t)(mark - (buf + at));
		h->query = (struct http_span){h->path.at + h->path.n + 1,
					      (uint32_t)n - h->path.n - 1};
	}
	return 0;
}

static int
take_request_line(struct http_head *h, const char *buf, size_t at, size_t n)
{
	const char *end = buf + at + n;
	const char *name = buf + at;
	const char *target = memchr(name, ' ', n);
	const char *version;
	int version_status;
	int target_status;

	if (target == NULL || !cpromi_http_is_token(name, (size_t)(target - name)))
		return 400;
	target++;
	version = memchr(target, ' ', (size_t)(end - target));
	if (version == NULL)
		return 400;
	h->name = (struct http_span){(uint32_t)at, (uint32_t)(target - 1 - name)};
	h->method = find_method(name, h->name.n);
	target_status = take_target(h, buf, (size_t)(target - buf), (size_t)(version - target));
	version_status = take_version(h, version + 1, (size_t)(end - version - 1));
	if (version_status != 0)
		return version_status;
	if (target_status != 0)
		return target_status;
	return h->method == HTTP_UNKNOWN ? 501 : 0;
}

/* ---- fields ---- */

static int
take_host(struct http_head *h, const char *s, size_t n)
{
	if (h->hosts < 2)
		h->hosts++;
	return is_authority(s, n, false, false) ? 0 : 400;
}

static int
take_connection(struct http_head *h, const char *s, size_t n)
{
	const char *end = s + n;
	const char *element;

	while (next_element(&s, end, &element, &n)) {
		h->close = h->close || cpromi_http_same(element, n, "close");
		h->keep = h->keep || cpromi_http_same(element, n, "keep-alive");
	}
	return 0;
}

static int
take_expect(struct http_head *h, const char *s, size_t n)
{
	if (cpromi_http_same(s, n, "100-continue"))
		h->expects = true;
	else
		h->expects_other = true;
	return 0;
}

/* A length too large for 64 bits is UINT64_MAX, which is too large for any use. */
static bool
parse_length(const char *s, size_t n, uint64_t *length)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return false;
		if (v >= UINT64_MAX / 10)
			v = UINT64_MAX;
		else
			v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*length = v;
	return n > 0;
}

static int
take_content_length(struct http_head *h, const char *s, size_t n)
{
	const char *end = s + n;
	const char *element;
	uint64_t length;

	if (n == 0)
		return 400;
	while (next_element(&s, end, &element, &n)) {
		if (!parse_length(element, n, &length) || (h->sized && length != h->length))
			return 400;
		h->sized = true;
		h->length = length;
	}
	return h->sized ? 0 : 400;
}

static int
take_transfer_encoding(struct http_head *h, const char *s, size_t n)
{
	const char *end = s + n;
	const char *element;

	h->coded = true;
	while (next_element(&s, end, &element, &n)) {
		if (h->chunked)
			return 400;
		if (cpromi_http_same(element, n, "chunked"))
			h->chunked = true;
		else
			h->unknown = true;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct http_head *h, const char *s, size_t n);
} fields[] = {
	{"host", take_host},
	{"connection", take_connection},
	{"expect", take_expect},
	{"content-length", take_content_length},
	{"transfer-encoding", take_transfer_encoding},
};

static int
take_field(struct http_head *h, const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);
	const char *value;
	size_t name_n;

	if (colon == NULL)
		return 400;
	name_n = (size_t)(colon - s);
	if (!cpromi_http_is_token(s, name_n))
		return 400;
	value = colon + 1;
	n -= name_n + 1;
	while (n > 0 && is_blank(*value)) {
		value++;
		n--;
	}
	while (n > 0 && is_blank(value[n - 1]))
		n--;
	for (size_t i = 0; i < array_len(fields); i++)
		if (cpromi_http_same(s, name_n, fields[i].name))
			return fields[i].take(h, value, n);
	return 0;
}

/* What only the whole head can tell. */
static int
take_end(struct http_head *h)
{
	h->keep_alive = !h->close && (h->minor > 0 || h->keep);
	h->expect_continue = h->expects && h->minor > 0;
	if (h->hosts > 1 || (h->hosts == 0 && h->minor > 0))
		return 400;
	if (h->coded && (h->sized || h->minor == 0 || !h->chunked))
		return 400;
	if (h->unknown)
		return 501;
	return h->expects_other && h->minor > 0 ? 417 : 0;
}

/* ---- lines ---- */

static bool
is_text(unsigned char c)
{
	return (c >= ' ' && c != 0x7F) || c == '\t';
}

/* Scans to the LF of the line; false if it is not there yet or the line is bad. */
static bool
find_line(struct http_head *h, const char *buf, size_t n)
{
	size_t i = h->scanned;
	bool behind_cr = i > h->line && buf[i - 1] == '\r';

	if (!behind_cr) {
		while (i < n && is_text((unsigned char)buf[i]))
			i++;
		if (i < n && buf[i] == '\r')
			i++;
	}
	h->scanned = (uint32_t)i;
	if (i < n && buf[i] != '\n')
		h->status = 400;
	return i < n && buf[i] == '\n';
}

static int
take_line(struct http_head *h, const char *buf)
{
	size_t at = h->line;
	size_t n = h->scanned - at;
	int status;

	if (n > 0 && buf[at + n - 1] == '\r')
		n--;
	h->line = ++h->scanned;
	if (n > 0 && h->fields > 0)
		return take_field(h, buf + at, n);
	if (n > 0) {
		status = take_request_line(h, buf, at, n);
		h->fields = h->line;
		return status;
	}
	if (h->fields == 0)
		return 0;
	h->end = h->line;
	return take_end(h);
}

/* Why a head that fills all the room there is gets no further. */
static int
too_long(const struct http_head *h, const char *buf)
{
	size_t n = h->scanned - h->line;

	if (h->fields > 0)
		return 431;
	if (n == 0)
		return 400;
	return memchr(buf + h->line, ' ', n) != NULL ? 414 : 501;
}

enum http_result
cpromi_http_head_parse(struct http_head *h, const char *buf, size_t n)
{
	size_t limit = h->limit > 0 ? h->limit : CPROMI_HTTP_HEAD_MAX;

	if (n > limit)
		n = limit;
	while (h->status == 0 && h->end == 0 && find_line(h, buf, n))
		h->status = take_line(h, buf);
	if (h->status == 0 && h->end == 0 && h->scanned == limit)
		h->status = too_long(h, buf);
	if (h->status != 0)
		return HTTP_BAD;
	return h->end > 0 ? HTTP_DONE : HTTP_MORE;
}
