/* SPDX-License-Identifier: MIT */
/*
 * http_page: the metrics page on its way to one client, a buffer at a time.
 *
 *     buffer  | head, or size of a chunk | part of the page | CRLF, last chunk |
 *               HEAD_ROOM                                     TAIL_ROOM
 *
 * The page is read into the middle, and what goes around it is put right
 * beside it, so that each part is one write. Only when the first part has been
 * read is it known whether it is the whole page, which then has a length.
 *
 * A compressed page is read into the window of the compression, and from there into the buffer.
 *
 * Buffers of other pages have two sizes, by the length of the page before: one write instead of two
 * saves a tenth of a request, while a long page gains nothing from larger parts.
 */
#include "http_page.h"

#include "http_query.h"
#include "negotiate.h"
#include "platform.h"

#include <errno.h>
#include <stdlib.h>

#define HEAD_ROOM 1024
#define LAST_CHUNK "0\r\n\r\n"
#define TAIL_ROOM (sizeof("\r\n" LAST_CHUNK) - 1)
#define PART_MAX(size) ((size)-HEAD_ROOM - TAIL_ROOM)
#define GZIP_LEAST 1024 /* bytes of a page: less fits one packet anyway */

/* ---- buffers ---- */

/* The spare one, which is from now on the caller's: a forked child must not find what may be freed. */
static char *
take_spare(struct http_spare *spare)
{
	char *buffer = (char *)load_relaxed(&spare->buffer);

	store_seq_cst(&spare->buffer, 0);
	return buffer;
}

void
cpromi_http_spare_free(struct http_spare *spare)
{
	free(take_spare(spare));
}

/* As the last page would have liked it. */
static size_t
size_of_buffer(const struct http_spare *spare)
{
	bool fits = spare->length < PART_MAX(CPROMI_HTTP_PAGE_BUFFER) ||
		    spare->length >= PART_MAX(CPROMI_HTTP_PAGE_BUFFER_LARGE);

	return fits ? CPROMI_HTTP_PAGE_BUFFER : CPROMI_HTTP_PAGE_BUFFER_LARGE;
}

/* false without memory. */
static bool
get_buffer(struct http_page *p, struct http_spare *spare, bool compressed)
{
	size_t size = compressed ? CPROMI_HTTP_PAGE_BUFFER_GZIP : size_of_buffer(spare);
	char *buffer = take_spare(spare);

	if (buffer != NULL && spare->size != size) {
		free(buffer);
		buffer = NULL;
	}
	if (buffer == NULL)
		buffer = malloc(compressed ? size + sizeof(struct deflate) : size);
	*p = (struct http_page){.buffer = buffer, .size = size, .spare = spare};
	if (buffer == NULL)
		return false;
	if (compressed) {
		p->deflate = (struct deflate *)(void *)(buffer + size);
		cpromi_deflate_begin(p->deflate);
	}
	return true;
}

static void
give_back_buffer(struct http_page *p)
{
	struct http_spare *spare = p->spare;

	cpromi_http_spare_free(spare);
	spare->size = p->size;
	store_seq_cst(&spare->buffer, (uintptr_t)p->buffer);
}

/* ---- parts ---- */

/* All of the page has been read. */
static void
end_scrape(struct http_page *p)
{
	cprom_scrape_close(p->scrape);
	p->scrape = NULL;
}

/* Reads until the room is full or the page ends: how many bytes, or -1. */
static ssize_t
read_plain(struct http_page *p, char *to, size_t room)
{
	size_t n = 0;
	ssize_t got = 1;

	while (n < room && got > 0) {
		got = cprom_scrape_read(p->scrape, to + n, room - n);
		if (got > 0)
			n += (size_t)got;
	}
	if (got < 0)
		return -1;
	p->length += n;
	if (got == 0) {
		end_scrape(p);
		p->spare->length = p->length;
	}
	return (ssize_t)n;
}

/* Reads into the window until it is full or the page ends: how many bytes, or -1. */
static ssize_t
fill_window(struct http_page *p)
{
	size_t room, n = 0;
	char *to = cpromi_deflate_room(p->deflate, &room);
	ssize_t got = 1;

	while (n < room && got > 0) {
		got = cprom_scrape_read(p->scrape, to + n, room - n);
		if (got > 0)
			n += (size_t)got;
	}
	cpromi_deflate_add(p->deflate, n);
	if (got == 0)
		cpromi_deflate_finish(p->deflate);
	p->length += n;
	return got < 0 ? -1 : (ssize_t)n;
}

static ssize_t
read_compressed(struct http_page *p, char *to, size_t room)
{
	size_t n = 0;

	while (n < room && !cpromi_deflate_ended(p->deflate)) {
		if (fill_window(p) < 0)
			return -1;
		n += cpromi_deflate_read(p->deflate, to + n, room - n);
	}
	if (cpromi_deflate_ended(p->deflate))
		end_scrape(p);
	return (ssize_t)n;
}

static ssize_t
read_part(struct http_page *p)
{
	char *to = p->buffer + HEAD_ROOM;
	size_t room = PART_MAX(p->size);

	return p->deflate == NULL ? read_plain(p, to, room) : read_compressed(p, to, room);
}

/* A page that turns out to be short is sent as it is. */
static ssize_t
read_first_part(struct http_page *p)
{
	const char *window;
	size_t room;
	ssize_t n;

	if (p->deflate == NULL)
		return read_part(p);
	window = cpromi_deflate_room(p->deflate, &room);
	n = fill_window(p);
	if (n < 0 || n >= GZIP_LEAST)
		return n < 0 ? -1 : read_part(p);
	memcpy(p->buffer + HEAD_ROOM, window, (size_t)n);
	end_scrape(p);
	p->deflate = NULL;
	return n;
}

static void
put_before(struct http_page *p, const void *data, size_t n)
{
	p->start -= n;
	memcpy(p->buffer + p->start, data, n);
}

static void
put_behind(struct http_page *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p->buffer + p->end, text, n);
	p->end += n;
}

/* Makes n bytes of the page a part, as the framing has it. */
static void
frame(struct http_page *p, size_t n)
{
	char size[] = "\0\0\0\0\0\0\0\r\n";
	size_t at = 7;

	p->start = HEAD_ROOM;
	p->end = HEAD_ROOM + n;
	if (p->framing != HTTP_CHUNKED)
		return;
	if (n > 0) {
		for (size_t rest = n; rest > 0; rest /= 16)
			size[--at] = "0123456789abcdef"[rest % 16];
		put_before(p, size + at, sizeof(size) - 1 - at);
		put_behind(p, "\r\n");
	}
	if (p->scrape == NULL)
		put_behind(p, LAST_CHUNK);
}

static void
choose_framing(struct http_page *p, struct http_reply *r, size_t n)
{
	if (p->scrape == NULL)
		r->framing = HTTP_LENGTH;
	else
		r->framing = r->old ? HTTP_UNTIL_CLOSE : HTTP_CHUNKED;
	if (r->framing == HTTP_UNTIL_CLOSE)
		r->keep_alive = false;
	r->length = n;
	p->framing = r->framing;
}

/* Puts the head before the first part; false if it is too long for its room. */
static bool
put_head(struct http_page *p, const struct http_reply *r)
{
	char room[HEAD_ROOM - 16]; /* but for the size of a chunk */
	struct http_buffer head = {.data = room, .cap = sizeof(room), .fixed = true};

	cpromi_http_reply_head(&head, r);
	if (head.failed)
		return false;
	put_before(p, head.data, head.n);
	return true;
}

/* The value of a field, of all that have the name, in the room; NULL if there is none, or no room. */
static const char *
field(const struct cprom_request *q, const char *name, char room[CPROMI_HTTP_HEAD_MAX])
{
	struct http_buffer value = {.data = room, .cap = CPROMI_HTTP_HEAD_MAX, .fixed = true};

	cpromi_http_request_join(q, name, &value);
	return value.n > 0 && !value.failed ? value.data : NULL;
}

static bool
accepts_gzip(const struct cprom_request *q)
{
	char room[CPROMI_HTTP_HEAD_MAX];

	return cpromi_accepts_gzip(field(q, "accept-encoding", room));
}

/* The families that the query names: how many, or -1. */
static int
take_names(const struct cprom_request *q, const char *names[CPROM_MAX_SCRAPE_NAMES])
{
	if (q->head->query.at == 0)
		return 0;
	return cpromi_http_query_take(q->text + q->head->query.at, "name[]", names,
				      CPROM_MAX_SCRAPE_NAMES);
}

/* The Accept value is built in the page's own buffer, which is free yet. */
static int
open_scrape(struct http_page *p, cprom_registry *registry, const struct cprom_request *q)
{
	const char *names[CPROM_MAX_SCRAPE_NAMES];
	int count = take_names(q, names);
	const cprom_scrape_options o = {
		.size = sizeof(o),
		.registry = registry,
		.accept = field(q, "accept", p->buffer),
		.names = {names, count > 0 ? (size_t)count : 0},
	};

	if (count < 0)
		return 400;
	p->scrape = cprom_scrape_open_with(&o);
	if (p->scrape == NULL)
		return errno == ENOMEM ? 503 : 500;
	return 0;
}

/* What the page depends on, beside its registry; and what it is. */
#define VARY "Vary: Accept, Accept-Encoding\r\n"
#define ENCODING "Content-Encoding: gzip\r\n"

/* The Content-Type must be taken before the scrape ends: it belongs to the scrape. */
static int
begin(struct http_page *p, struct http_reply *r, bool head_only)
{
	char type[256], lines[sizeof(VARY ENCODING)];
	struct http_buffer headers = {.data = lines, .cap = sizeof(lines), .fixed = true};
	const char *given = cprom_scrape_content_type(p->scrape);
	ssize_t n;
	bool fits;

	if (given == NULL || strlen(given) >= sizeof(type))
		return 500;
	memcpy(type, given, strlen(given) + 1);
	n = read_first_part(p);
	if (n < 0)
		return 500;
	r->status = 200;
	r->type = type;
	r->headers = &headers;
	cpromi_http_buffer_text(&headers, VARY);
	if (p->deflate != NULL)
		cpromi_http_buffer_text(&headers, ENCODING);
	choose_framing(p, r, (size_t)n);
	frame(p, (size_t)n);
	if (head_only) {
		end_scrape(p);
		p->start = p->end = HEAD_ROOM;
	}
	fits = put_head(p, r);
	r->type = NULL;
	r->headers = NULL;
	return fits ? 0 : 500;
}

int
cpromi_http_page_open(struct http_page *p, struct http_spare *spare, cprom_registry *registry,
		      const struct cprom_request *q, bool may_compress, struct http_reply *r)
{
	int status;

	if (!get_buffer(p, spare, may_compress && accepts_gzip(q)))
		return 503;
	status = open_scrape(p, registry, q);
	if (status == 0)
		status = begin(p, r, q->head->method == HTTP_HEAD);
	if (status != 0)
		cpromi_http_page_close(p);
	return status;
}

bool
cpromi_http_page_ended(const struct http_page *p)
{
	return p->scrape == NULL;
}

bool
cpromi_http_page_next(struct http_page *p)
{
	ssize_t n = read_part(p);

	if (n < 0)
		return false;
	frame(p, (size_t)n);
	return true;
}

void
cpromi_http_page_close(struct http_page *p)
{
	cprom_scrape_close(p->scrape);
	if (p->buffer != NULL)
		give_back_buffer(p);
	*p = (struct http_page){.buffer = NULL};
}

void
cpromi_http_page_abandon(struct http_page *p)
{
	free(p->buffer);
	*p = (struct http_page){.buffer = NULL};
}
