/* SPDX-License-Identifier: MIT */
/*
 * http_conn: one client's connection, as a machine that runs until its socket would block.
 *
 *     READ_HEAD ──► READ_BODY ──► WAIT ──► SEND ──► READ_HEAD, LINGER or the end
 *
 *  1. A body is dropped before the request is answered, so the next request
 *     begins where it should, whatever the answer was.
 *  2. Each run reads once and does a bounded amount of work, so that one client
 *     cannot keep the others waiting. A run that still has work asks for
 *     HTTP_WANT_OUTPUT, which comes at once.
 *  3. Where the client may still be sending when the last answer is out, the
 *     socket lingers: closing it over unread input would reset the connection,
 *     and the client might never see the answer (RFC 9112, 9.6).
 *  4. What waits is a page for which there is no place yet among those under way (http_loop.c, 4).
 */
#define _GNU_SOURCE 1 /* struct ucred */
#include "http_conn.h"

#include "platform.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define CREDIT 40
#define PART_COST 8 /* of a part of the page; everything else costs 1 */

static enum http_want
refuse(struct http_conn *c, int status)
{
	c->faulty = true;
	cpromi_http_site_refuse(status, c->head.method == HTTP_HEAD, &c->answer);
	c->phase = HTTP_SEND;
	return HTTP_GO_ON;
}

static struct http_peer
find_peer(const struct http_conn *c)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (!c->site->access.local || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
		return (struct http_peer){.known = false};
	return (struct http_peer){.known = true, .uid = who.uid, .gid = who.gid};
}

/* A peer that is not admitted has its answer before it says anything: what it sends is never parsed. */
void
cpromi_http_conn_begin(struct http_conn *c, struct http_site *site, int fd, char *buffer)
{
	c->site = site;
	c->fd = fd;
	c->buffer = buffer;
	c->phase = HTTP_READ_HEAD;
	c->faulty = false;
	c->progress = false;
	c->full = c->flows = false;
	c->head = (struct http_head){.limit = site->max_head};
	c->answer = (struct http_answer){0};
	c->n = 0;
	c->peer = find_peer(c);
	if (!cpromi_access_admits(&site->access, &c->peer))
		refuse(c, 403);
}

/* Reads what fits: HTTP_GO_ON if bytes came, else what to wait for or HTTP_WANT_CLOSE. */
static enum http_want
receive(struct http_conn *c, enum http_want otherwise)
{
	size_t room = cpromi_http_conn_room(c->site);
	ssize_t got;

	if (!c->may_read)
		return otherwise;
	c->may_read = false;
	do
		got = recv(c->fd, c->buffer + c->n, room - c->n, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		c->n += (size_t)got;
		return HTTP_GO_ON;
	}
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? otherwise : HTTP_WANT_CLOSE;
}

/* The answer is there. */
static enum http_want
begin_to_send(struct http_conn *c)
{
	if (c->answer.page.buffer != NULL)
		c->credit -= PART_COST;
	c->phase = HTTP_SEND;
	return HTTP_GO_ON;
}

static enum http_want
answer(struct http_conn *c)
{
	cpromi_http_site_answer(c->site, &c->head, c->buffer, &c->peer, &c->answer);
	if (c->answer.waiting.text == NULL)
		return begin_to_send(c);
	c->phase = HTTP_WAIT;
	return HTTP_WANT_PLACE;
}

static enum http_want
begin_page(struct http_conn *c)
{
	if (c->answer.counted == NULL)
		return HTTP_WANT_CLOSE; /* the client has gone */
	cpromi_http_site_go_on(c->site, &c->answer);
	return begin_to_send(c);
}

/* Nothing else is on its way out now, so 25 bytes find room; if not, the client is not worth it. */
static enum http_want
send_continue(struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	ssize_t sent = send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL);

	return sent == (ssize_t)sizeof(text) - 1 ? HTTP_GO_ON : HTTP_WANT_CLOSE;
}

static enum http_want
read_head(struct http_conn *c)
{
	switch (cpromi_http_head_parse(&c->head, c->buffer, c->n)) {
	case HTTP_MORE:
		return receive(c, c->n == 0 ? HTTP_WANT_REQUEST : HTTP_WANT_INPUT);
	case HTTP_BAD:
		return refuse(c, c->head.status);
	default:
		break;
	}
	switch (cpromi_http_body_begin(&c->body, &c->head)) {
	case HTTP_DONE:
		return answer(c);
	case HTTP_BAD:
		return refuse(c, c->body.status);
	default:
		break;
	}
	c->phase = HTTP_READ_BODY;
	return c->head.expect_continue && c->n == c->head.end ? send_continue(c) : HTTP_GO_ON;
}

static enum http_want
read_body(struct http_conn *c)
{
	size_t begin = c->head.end;
	size_t used;
	enum http_result result = cpromi_http_body_skip(&c->body, c->buffer + begin, c->n - begin,
							&used);

	memmove(c->buffer + begin, c->buffer + begin + used, c->n - begin - used);
	c->n -= used;
	if (result == HTTP_BAD)
		return refuse(c, c->body.status);
	return result == HTTP_DONE ? answer(c) : receive(c, HTTP_WANT_INPUT);
}

/* The answer is out: on to the next request, or to the end. */
static enum http_want
finish(struct http_conn *c)
{
	bool keep_alive = c->answer.keep_alive;
	size_t rest = c->n > c->head.end ? c->n - c->head.end : 0;

	cpromi_http_answer_end(&c->answer);
	c->full = c->flows = false;
	if (keep_alive) {
		memmove(c->buffer, c->buffer + c->head.end, rest);
		c->n = rest;
		c->head = (struct http_head){.limit = c->site->max_head};
		c->phase = HTTP_READ_HEAD;
		return rest > 0 ? HTTP_GO_ON : HTTP_WANT_REQUEST;
	}
	if (!c->faulty && rest == 0)
		return HTTP_WANT_CLOSE;
	shutdown(c->fd, SHUT_WR);
	c->phase = HTTP_LINGER;
	return HTTP_GO_ON;
}

static enum http_want
send_answer(struct http_conn *c)
{
	struct http_answer *a = &c->answer;
	ssize_t sent;
	int next;

	if (a->left == 0 && a->page.buffer != NULL)
		c->credit -= PART_COST;
	next = cpromi_http_answer_next(a);
	if (next < 0)
		return HTTP_WANT_RESET;
	if (next == 0)
		return finish(c);
	sent = send(c->fd, a->out, a->left, MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno == EINTR)
			return HTTP_GO_ON;
		c->full = true;
		return errno == EAGAIN || errno == EWOULDBLOCK ? HTTP_WANT_OUTPUT : HTTP_WANT_CLOSE;
	}
	c->progress = true;
	c->flows = c->flows || c->full;
	a->out += sent;
	a->left -= (size_t)sent;
	c->full = a->left > 0;
	return a->left > 0 ? HTTP_WANT_OUTPUT : HTTP_GO_ON;
}

static enum http_want
linger(struct http_conn *c)
{
	c->n = 0;
	return receive(c, HTTP_WANT_LINGER);
}

enum http_want
cpromi_http_conn_run(struct http_conn *c)
{
	static enum http_want (*const phases[])(struct http_conn *) = {
		[HTTP_READ_HEAD] = read_head, [HTTP_READ_BODY] = read_body,
		[HTTP_WAIT] = begin_page,     [HTTP_SEND] = send_answer,
		[HTTP_LINGER] = linger,
	};

	c->may_read = true;
	c->progress = false;
	for (c->credit = CREDIT; c->credit > 0; c->credit--) {
		enum http_want want = phases[c->phase](c);

		if (want != HTTP_GO_ON)
			return want;
	}
	return HTTP_WANT_OUTPUT;
}

enum http_want
cpromi_http_conn_expire(struct http_conn *c)
{
	if (c->phase == HTTP_SEND || c->answer.counted != NULL)
		return HTTP_WANT_RESET;
	if (c->phase == HTTP_LINGER || (c->phase == HTTP_READ_HEAD && c->n == 0))
		return HTTP_WANT_CLOSE;
	if (c->phase == HTTP_WAIT) {
		cpromi_http_site_go_on(c->site, &c->answer);
		c->phase = HTTP_SEND;
	} else {
		refuse(c, 408);
	}
	return cpromi_http_conn_run(c);
}

/*
 * A forked child may hold a copy of the descriptor, so close() alone might
 * neither end the connection nor reset it. Connecting to no address resets a
 * TCP connection whoever else holds it.
 */
void
cpromi_http_conn_end(struct http_conn *c, bool reset)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (!reset || connect(c->fd, &nowhere, sizeof(nowhere)) < 0)
		shutdown(c->fd, SHUT_RDWR);
	close(c->fd);
	cpromi_access_wipe(&c->site->access, c->buffer, sizeof(c->buffer));
	cpromi_http_answer_end(&c->answer);
}

void
cpromi_http_conn_abandon(struct http_conn *c, bool whole)
{
	close(c->fd);
	cpromi_access_wipe(&c->site->access, c->buffer, sizeof(c->buffer));
	if (whole)
		cpromi_http_answer_abandon(&c->answer);
}
