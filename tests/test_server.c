/* SPDX-License-Identifier: MIT */
/*
 * Tests of the server through its public calls and a small blocking client.
 *
 * Most run the server step by step in the test's own thread, so that what it
 * sees, and when, is decided here. Pages come from a registry of one counter
 * with as many series as the test needs.
 */
#define _GNU_SOURCE 1
#include <cprom.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "emulated.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HOST "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define HEALTHY GET("/-/healthy")
#define MANY 40000 /* series that make a page of more than a socket's buffers */

static bool accept_refused;

int __real_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags);

int
__wrap_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
	if (!accept_refused)
		return __real_accept4(fd, from, n, flags);
	errno = EPERM;
	return -1;
}

static cprom_registry *small; /* a page of less than 64 KiB */
static cprom_registry *large; /* one of more than a MiB */

static cprom_registry *
make_registry(int series)
{
	cprom_registry *r = cprom_registry_new(.shared = 0);
	cprom_counter *c = cprom_counter_new("a_rather_long_name_for_a_counter_total", "Help.",
					     .registry = r, .labels = CPROM_LABELS("series"));

	for (int i = 0; i < series; i++) {
		char value[32];

		snprintf(value, sizeof(value), "%d", i);
		if (cprom_labels(c, value) == NULL)
			return NULL;
	}
	return r;
}

static int
set_up(void **state)
{
	(void)state;
	small = make_registry(10);
	large = make_registry(MANY);
	return small != NULL && large != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	cprom_registry_free(small);
	cprom_registry_free(large);
	return 0;
}

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the client ---- */

struct client {
	int fd;
	cprom_server *server; /* to be stepped while the client waits; NULL: it has a thread */
	size_t n;             /* bytes that came and are not part of a reply yet */
	char *bytes;
	size_t cap;
};

struct reply {
	int status;
	char *head;
	char *body;
	size_t length;
};

/* from: an address of the same kind, or NULL. */
static struct client
connect_socket(cprom_server *step, const struct sockaddr *from, const struct sockaddr *to,
	       socklen_t n, int buffer)
{
	struct client c = {.fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0),
			   .server = step};
	int on = 1;

	assert_true(c.fd >= 0);
	if (buffer > 0)
		setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (from != NULL)
		assert_int_equal(bind(c.fd, from, n), 0);
	assert_int_equal(connect(c.fd, to, n), 0);
	setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return c;
}

/* 127.0.0.HOST */
static struct sockaddr_in
loopback(uint32_t host, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr = {htonl((INADDR_LOOPBACK & ~0xFFu) | host)}};
}

static struct client
connect_port(cprom_server *step, int port, int buffer)
{
	struct sockaddr_in to = loopback(1, port);

	return connect_socket(step, NULL, (struct sockaddr *)&to, sizeof(to), buffer);
}

/* To a server that the test steps. */
static struct client
connect_to(cprom_server *s)
{
	return connect_port(s, cprom_server_port(s), 0);
}

static struct client
connect_unix(cprom_server *step, const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	memcpy(to.sun_path, path, strlen(path));
	return connect_socket(step, NULL, (struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)),
			      0);
}

static void
disconnect(struct client *c)
{
	close(c->fd);
	free(c->bytes);
	*c = (struct client){.fd = -1};
}

static void
say(struct client *c, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(c->fd, text, n,
				    MSG_NOSIGNAL | (c->server != NULL ? MSG_DONTWAIT : 0));

		if (sent < 0 && errno == EAGAIN) {
			assert_int_equal(cprom_server_step(c->server, 10), 0);
			continue;
		}
		if (sent < 0)
			return; /* the server has closed: what it said tells why */
		text += sent;
		n -= (size_t)sent;
	}
}

static void
say_text(struct client *c, const char *text)
{
	say(c, text, strlen(text));
}

/* Waits for bytes; steps the server meanwhile. 1, or 0 at the end, or -1 if the connection was reset. */
static int
hear(struct client *c)
{
	long end = now_ms() + 20000;

	if (c->cap - c->n < 65536) {
		c->cap = c->cap * 2 + 65536;
		c->bytes = realloc(c->bytes, c->cap);
		assert_non_null(c->bytes);
	}
	while (now_ms() < end) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		ssize_t n;

		if (c->server != NULL)
			assert_int_equal(cprom_server_step(c->server, 0), 0);
		if (poll(&p, 1, c->server != NULL ? 1 : 1000) == 0)
			continue;
		n = recv(c->fd, c->bytes + c->n, c->cap - c->n, 0);
		if (n <= 0)
			return n == 0 ? 0 : -1;
		c->n += (size_t)n;
		return 1;
	}
	fail_msg("nothing came within 20 s");
	return -1;
}

static void
assert_closed(struct client *c)
{
	assert_int_equal(hear(c), 0);
	assert_int_equal(c->n, 0);
}

/* Is the connection still open, with nothing to read, after the server had its turn? */
static void
assert_open(struct client *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	for (int i = 0; i < 3; i++)
		assert_int_equal(cprom_server_step(c->server, 5), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void
take(struct client *c, size_t n)
{
	memmove(c->bytes, c->bytes + n, c->n - n);
	c->n -= n;
}

/* Waits until the text is there; returns the offset behind it. */
static size_t
hear_text(struct client *c, const char *text)
{
	for (;;) {
		char *at = c->n > 0 ? memmem(c->bytes, c->n, text, strlen(text)) : NULL;

		if (at != NULL)
			return (size_t)(at - c->bytes) + strlen(text);
		if (hear(c) != 1)
			fail_msg("the connection ended before \"%s\"", text);
	}
}

static const char *
header(const struct reply *r, const char *name)
{
	static char value[256];
	char line[64];
	char *at;

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	at = strstr(r->head, line);
	if (at == NULL)
		return NULL;
	at += strlen(line);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

static void
add_body(struct client *c, struct reply *r, size_t n)
{
	while (c->n < n)
		if (hear(c) != 1)
			fail_msg("the connection ended in a body");
	r->body = realloc(r->body, r->length + n + 1);
	memcpy(r->body + r->length, c->bytes, n);
	r->length += n;
	take(c, n);
}

static void
hear_chunks(struct client *c, struct reply *r)
{
	size_t size = 1;

	while (size > 0) {
		size_t line = hear_text(c, "\r\n");

		size = strtoul(c->bytes, NULL, 16);
		take(c, line);
		add_body(c, r, size);
		assert_int_equal(hear_text(c, "\r\n"), 2);
		take(c, 2);
	}
}

/* Takes one reply from the connection, framed as its head says. */
static struct reply
hear_reply(struct client *c, bool head_only)
{
	struct reply r = {.body = calloc(1, 1)};
	size_t n = hear_text(c, "\r\n\r\n");
	const char *length;
	const char *coding;

	r.head = strndup(c->bytes, n);
	take(c, n);
	assert_memory_equal(r.head, "HTTP/1.1 ", 9);
	r.status = atoi(r.head + 9);
	if (head_only || r.status == 204 || r.status == 304 || r.status == 100)
		return r;
	length = header(&r, "Content-Length");
	if (length != NULL) {
		add_body(c, &r, strtoul(length, NULL, 10));
	} else if ((coding = header(&r, "Transfer-Encoding")) != NULL) {
		assert_string_equal(coding, "chunked");
		hear_chunks(c, &r);
	} else {
		assert_string_equal(header(&r, "Connection"), "close");
		while (hear(c) == 1)
			;
		add_body(c, &r, c->n);
	}
	r.body[r.length] = '\0';
	return r;
}

/* Takes the compression off the body, which has to have it. */
#if HAVE_ZLIB
static void
decode(struct reply *r)
{
	size_t most = 100 * r->length + 1000;
	char *plain = malloc(most + 1);
	z_stream z = {.next_in = (unsigned char *)r->body, .avail_in = (uInt)r->length};

	assert_non_null(plain);
	z.next_out = (unsigned char *)plain;
	z.avail_out = (uInt)most;
	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	free(r->body);
	r->body = plain;
	r->length = z.total_out;
	r->body[r->length] = '\0';
	inflateEnd(&z);
}
#else
static void
decode(struct reply *r)
{
	(void)r;
	skip();
}
#endif

static void
free_reply(struct reply *r)
{
	free(r->head);
	free(r->body);
}

static void
expect_status(struct client *c, int status, bool head_only)
{
	struct reply r = hear_reply(c, head_only);

	if (r.status != status)
		fail_msg("%d instead of %d", r.status, status);
	free_reply(&r);
}

static void
expect_healthy(struct client *c)
{
	struct reply r;

	say_text(c, HEALTHY);
	r = hear_reply(c, false);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "OK\n");
	free_reply(&r);
}

/* Does nothing wake the server for so long? */
static bool
is_quiet(cprom_server *s, int ms)
{
	return poll(&(struct pollfd){.fd = cprom_server_fd(s), .events = POLLIN}, 1, ms) == 0;
}

/* Runs the server until it has nothing to do at once. */
static void
run_out(cprom_server *s)
{
	do
		assert_int_equal(cprom_server_step(s, 0), 0);
	while (!is_quiet(s, 2));
}

/* Steps the server for so long. */
static void
run_for(cprom_server *s, long ms)
{
	for (long end = now_ms() + ms; now_ms() < end;)
		assert_int_equal(cprom_server_step(s, 5), 0);
}

static cprom_server *
open_small(void)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small);

	if (s == NULL)
		fail_msg("%s", cprom_error());
	return s;
}

/* The page as a scrape gives it. */
static char *
page_of(cprom_registry *r, size_t *length)
{
	cprom_scrape *s = cprom_scrape_open(r, NULL);
	size_t cap = 8 << 20;
	char *page = malloc(cap);
	ssize_t n;

	assert_non_null(s);
	*length = 0;
	while ((n = cprom_scrape_read(s, page + *length, cap - *length)) > 0)
		*length += (size_t)n;
	assert_int_equal(n, 0);
	cprom_scrape_close(s);
	return page;
}

static void
assert_page(const struct reply *r, cprom_registry *registry)
{
	size_t length;
	char *page = page_of(registry, &length);

	assert_int_equal(r->status, 200);
	assert_string_equal(header(r, "Content-Type"),
			    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
	assert_int_equal(r->length, length);
	assert_memory_equal(r->body, page, length);
	free(page);
}

/* ---- requests ---- */

/* keeps: the connection then serves another request; else it is closed. */
static const struct {
	int status;
	bool keeps;
	const char *text;
} requests[] = {
	{200, true, GET("/metrics")},
	{200, true, "GET /metrics?name[]=a%20b HTTP/1.1\r\n" HOST "\r\n"},
	{200, true, "GET http://a:1/metrics HTTP/1.1\r\n" HOST "\r\n"},
	{200, true, "GET /m%65trics HTTP/1.1\r\n" HOST "\r\n"},
	{200, true, "GET /metrics HTTP/1.1\nHost: a\n\n"},
	{200, true, "\r\n" GET("/metrics")},
	{200, true, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n"},
	{200, true, GET("/")},
	{200, true, "HEAD / HTTP/1.1\r\n" HOST "\r\n"},
	{200, true, "GET http://a HTTP/1.1\r\n" HOST "\r\n"},
	{200, true, HEALTHY},
	{200, false, "GET /metrics HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"},
	{200, false, "GET /metrics HTTP/1.0\r\n\r\n"},
	{200, true, "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
	{200, true, "GET /metrics HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"},
	{200, true,
	 "GET /metrics HTTP/1.1\r\n" HOST
	 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{200, true,
	 "GET /metrics HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nxx"},
	{204, true, "OPTIONS /metrics HTTP/1.1\r\n" HOST "\r\n"},
	{204, true, "OPTIONS / HTTP/1.1\r\n" HOST "\r\n"},
	{204, true, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
	{400, false, "GET /metrics\r\n"},
	{400, false, "GET /metrics HTTP/1.1\r\n\r\n"},
	{400, false, "GET /metrics HTTP/1.1\r\n" HOST HOST "\r\n"},
	{400, false, "GET /metrics HTTP/1.1\r\n" HOST " folded\r\n\r\n"},
	{400, false, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n"},
	{400, true, "GET /%zz HTTP/1.1\r\n" HOST "\r\n"},
	{400, true, "GET /metrics%00 HTTP/1.1\r\n" HOST "\r\n"},
	{400, true, "GET /metrics%0 HTTP/1.1\r\n" HOST "\r\n"},
	{400, false,
	 "POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"},
	{400, false,
	 "POST / HTTP/1.1\r\n" HOST
	 "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{400, false, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"},
	{404, true, GET("/nowhere")},
	{404, true, GET("/metrics/")},
	{404, true, GET("//metrics")},
	{404, true, GET("/METRICS")},
	{404, true, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"},
	{405, true, "POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"},
	{405, true,
	 "PUT /metrics HTTP/1.1\r\n" HOST
	 "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"},
	{405, true, "DELETE / HTTP/1.1\r\n" HOST "\r\n"},
	{405, true, "PATCH /-/healthy HTTP/1.1\r\n" HOST "\r\n"},
	{405, true, "TRACE /metrics HTTP/1.1\r\n" HOST "\r\n"},
	{405, false, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"},
	{413, false, "POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n"},
	{413, false,
	 "POST /metrics HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10001\r\n"},
	{417, false, "GET /metrics HTTP/1.1\r\n" HOST "Expect: rain\r\n\r\n"},
	{501, false, "BREW /metrics HTTP/1.1\r\n" HOST "\r\n"},
	{501, false, "POST /metrics HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
	{505, false, "GET /metrics HTTP/2.0\r\n" HOST "\r\n"},
	{505, false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
};

static bool
is_head(const char *text)
{
	return strncmp(text, "HEAD", 4) == 0;
}

static void
every_request_gets_its_status_and_leaves_the_next_one_in_place(void **state)
{
	cprom_server *s = open_small();

	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct client c = connect_to(s);
		struct reply r;

		say_text(&c, requests[i].text);
		r = hear_reply(&c, is_head(requests[i].text));
		if (r.status != requests[i].status)
			fail_msg("%d instead of %d for\n%s", r.status, requests[i].status,
				 requests[i].text);
		if (r.status == 405 || r.status == 204)
			assert_string_equal(header(&r, "Allow"), "GET, HEAD, OPTIONS");
		free_reply(&r);
		if (requests[i].keeps)
			expect_healthy(&c);
		else
			assert_closed(&c);
		disconnect(&c);
	}
	cprom_server_stop(s);
}

static void
a_request_split_at_every_byte_is_answered(void **state)
{
	static const size_t chosen[] = {0, 2, 4, 6, 14, 15, 38};
	cprom_server *s = open_small();

	(void)state;
	for (size_t i = 0; i < COUNT(chosen); i++) {
		const char *text = requests[chosen[i]].text;
		struct client c = connect_to(s);

		for (size_t split = 1; split < strlen(text); split++) {
			say(&c, text, split);
			run_out(s);
			say_text(&c, text + split);
			expect_status(&c, requests[chosen[i]].status, is_head(text));
		}
		disconnect(&c);
	}
	cprom_server_stop(s);
}

static void
a_request_that_drips_in_is_answered(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);

	(void)state;
	for (const char *p = requests[37].text; *p != '\0'; p++) {
		say(&c, p, 1);
		assert_int_equal(cprom_server_step(s, 0), 0);
	}
	expect_status(&c, 405, false);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);
	char all[16384] = "";
	int rounds = 5;

	(void)state;
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < COUNT(requests); i++)
			if (requests[i].keeps && strstr(requests[i].text, "Expect") == NULL)
				strcat(all, requests[i].text);
	say_text(&c, all);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < COUNT(requests); i++)
			if (requests[i].keeps && strstr(requests[i].text, "Expect") == NULL)
				expect_status(&c, requests[i].status, is_head(requests[i].text));
	assert_int_equal(c.n, 0);
	expect_healthy(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
a_long_target_is_414_and_long_fields_are_431(void **state)
{
	cprom_server *s = open_small();
	char *text = malloc(20000);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client c = connect_to(s);

		memset(text, 'a', 19999);
		text[19999] = '\0';
		memcpy(text, i == 0 ? "GET /" : "GET / HTTP/1.1\r\n", i == 0 ? 5 : 16);
		say_text(&c, text);
		expect_status(&c, i == 0 ? 414 : 431, false);
		assert_closed(&c);
		disconnect(&c);
	}
	free(text);
	cprom_server_stop(s);
}

static void
a_client_that_waits_is_told_to_continue(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);

	(void)state;
	say_text(&c, "POST /metrics HTTP/1.1\r\n" HOST
		     "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	expect_status(&c, 100, false);
	say_text(&c, "abc");
	expect_status(&c, 405, false);
	expect_healthy(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

/* The client sends all of a body that is refused; the answer must not drown in a reset. */
static void
a_refusal_reaches_a_client_that_goes_on_sending(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);
	char *text = calloc(1, 300000);

	(void)state;
	say_text(&c, "POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 300000\r\n\r\n");
	run_out(s);
	say(&c, text, 300000);
	expect_status(&c, 413, false);
	assert_closed(&c);
	free(text);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
a_half_closed_client_gets_its_answer(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);

	(void)state;
	say_text(&c, GET("/metrics"));
	shutdown(c.fd, SHUT_WR);
	expect_status(&c, 200, false);
	assert_closed(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

/* ---- the page ---- */

static void
a_small_page_has_a_length_for_get_and_head_alike(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);
	struct reply r;
	char length[32];

	(void)state;
	say_text(&c, GET("/metrics"));
	r = hear_reply(&c, false);
	assert_page(&r, small);
	assert_non_null(header(&r, "Content-Length"));
	snprintf(length, sizeof(length), "%zu", r.length);
	free_reply(&r);
	say_text(&c, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n");
	r = hear_reply(&c, true);
	assert_string_equal(header(&r, "Content-Length"), length);
	assert_string_equal(header(&r, "Content-Type"),
			    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
	free_reply(&r);
	expect_healthy(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
a_large_page_is_chunked_for_1_1_and_ends_with_the_connection_for_1_0(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large);
	struct client c = connect_to(s);
	struct reply r;

	(void)state;
	say_text(&c, GET("/metrics"));
	r = hear_reply(&c, false);
	assert_string_equal(header(&r, "Transfer-Encoding"), "chunked");
	assert_page(&r, large);
	free_reply(&r);
	say_text(&c, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n");
	r = hear_reply(&c, true);
	assert_int_equal(r.status, 200);
	free_reply(&r);
	expect_healthy(&c);
	say_text(&c, "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	r = hear_reply(&c, false);
	assert_null(header(&r, "Transfer-Encoding"));
	assert_null(header(&r, "Content-Length"));
	assert_page(&r, large);
	free_reply(&r);
	disconnect(&c);
	cprom_server_stop(s);
}

/* Its length is known from the last time, so there is a buffer that takes it whole. */
static void
a_page_of_80_kb_goes_out_whole_the_second_time(void **state)
{
	cprom_registry *registry = make_registry(1500);
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = registry);
	struct client c = connect_to(s);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct reply r;

		say_text(&c, GET("/metrics"));
		r = hear_reply(&c, false);
		assert_page(&r, registry);
		assert_in_range(r.length, 65537, 100000);
		if (i == 0)
			assert_string_equal(header(&r, "Transfer-Encoding"), "chunked");
		else
			assert_int_equal(strtoul(header(&r, "Content-Length"), NULL, 10), r.length);
		free_reply(&r);
	}
	disconnect(&c);
	cprom_server_stop(s);
	cprom_registry_free(registry);
}

#define GET_GZIP                                                                                   \
	"GET /metrics HTTP/1.1\r\n" HOST "Accept-Encoding: deflate\r\naccept-encoding: "           \
	"GZIP\r\n\r\n"

static void
a_page_is_compressed_for_who_accepts_it(void **state)
{
	cprom_registry *registry = make_registry(500);
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = registry);
	struct client c = connect_to(s);
	char length[32];
	struct reply r;

	(void)state;
	say_text(&c, GET_GZIP);
	r = hear_reply(&c, false);
	assert_string_equal(header(&r, "Content-Encoding"), "gzip");
	assert_string_equal(header(&r, "Vary"), "Accept, Accept-Encoding");
	assert_string_equal(header(&r, "Content-Type"),
			    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
	snprintf(length, sizeof(length), "%zu", r.length);
	assert_string_equal(header(&r, "Content-Length"), length);
	say_text(&c, "HEAD /metrics HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
	decode(&r);
	assert_page(&r, registry);
	free_reply(&r);
	r = hear_reply(&c, true);
	assert_string_equal(header(&r, "Content-Encoding"), "gzip");
	assert_string_equal(header(&r, "Content-Length"), length);
	free_reply(&r);
	expect_healthy(&c);
	disconnect(&c);
	cprom_server_stop(s);
	cprom_registry_free(registry);
}

static void
a_page_is_sent_as_it_is_for_who_does_not(void **state)
{
	static const char *const plain[] = {
		GET("/metrics"),
		"GET /metrics HTTP/1.1\r\n" HOST "Accept-Encoding: identity\r\n\r\n",
		"GET /metrics HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n\r\n",
		"GET /metrics HTTP/1.1\r\n" HOST "Accept-Encoding: br, zstd\r\n\r\n",
	};
	cprom_registry *registry = make_registry(500);
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = registry);
	struct client c = connect_to(s);

	(void)state;
	for (size_t i = 0; i < COUNT(plain); i++) {
		struct reply r;

		say_text(&c, plain[i]);
		r = hear_reply(&c, false);
		assert_null(header(&r, "Content-Encoding"));
		assert_string_equal(header(&r, "Vary"), "Accept, Accept-Encoding");
		assert_page(&r, registry);
		free_reply(&r);
	}
	disconnect(&c);
	cprom_server_stop(s);
	cprom_registry_free(registry);
}

static void
a_short_page_is_not_compressed_nor_where_that_is_switched_off(void **state)
{
	cprom_registry *registry = make_registry(500);
	cprom_server *servers[] = {
		cprom_server_open("127.0.0.1:0", .registry = small),
		cprom_server_open("127.0.0.1:0", .registry = registry, .no_gzip = 1),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		struct client c = connect_to(servers[i]);
		struct reply r;

		say_text(&c, GET_GZIP);
		r = hear_reply(&c, false);
		assert_null(header(&r, "Content-Encoding"));
		assert_int_equal(strtoul(header(&r, "Content-Length"), NULL, 10), r.length);
		assert_page(&r, i == 0 ? small : registry);
		free_reply(&r);
		disconnect(&c);
		cprom_server_stop(servers[i]);
	}
	cprom_registry_free(registry);
}

/* And so it does by turns with what is not, which has other buffers. */
static void
a_large_page_is_compressed_in_parts(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large);
	struct client c = connect_to(s);
	struct reply r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		say_text(&c, GET_GZIP);
		r = hear_reply(&c, false);
		assert_string_equal(header(&r, "Transfer-Encoding"), "chunked");
		assert_string_equal(header(&r, "Content-Encoding"), "gzip");
		decode(&r);
		assert_page(&r, large);
		free_reply(&r);
		say_text(&c, "HEAD /metrics HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
		r = hear_reply(&c, true);
		assert_string_equal(header(&r, "Content-Encoding"), "gzip");
		free_reply(&r);
		say_text(&c, GET("/metrics"));
		r = hear_reply(&c, false);
		assert_null(header(&r, "Content-Encoding"));
		assert_page(&r, large);
		free_reply(&r);
	}
	say_text(&c, "GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
	r = hear_reply(&c, false);
	assert_string_equal(header(&r, "Connection"), "close");
	decode(&r);
	assert_page(&r, large);
	free_reply(&r);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
http_1_0_is_kept_alive_only_on_request(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);
	struct reply r;

	(void)state;
	say_text(&c, "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	r = hear_reply(&c, false);
	assert_string_equal(header(&r, "Connection"), "keep-alive");
	assert_page(&r, small);
	free_reply(&r);
	say_text(&c, "GET /metrics HTTP/1.0\r\n\r\n");
	r = hear_reply(&c, false);
	assert_string_equal(header(&r, "Connection"), "close");
	assert_page(&r, small);
	free_reply(&r);
	assert_closed(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
a_slow_reader_gets_the_whole_page_and_others_do_not_wait(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large);
	struct client slow = connect_port(s, cprom_server_port(s), 4096);
	struct client c = connect_to(s);
	struct reply r;

	(void)state;
	say_text(&slow, GET("/metrics"));
	run_out(s);
	expect_healthy(&c);
	say_text(&c, GET("/metrics"));
	r = hear_reply(&c, false);
	assert_page(&r, large);
	free_reply(&r);
	r = hear_reply(&slow, false);
	assert_page(&r, large);
	free_reply(&r);
	disconnect(&c);
	disconnect(&slow);
	cprom_server_stop(s);
}

static void
the_landing_page_links_to_the_metrics(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small,
					    .path = "/other/path");
	struct client c = connect_to(s);
	struct reply r;

	(void)state;
	say_text(&c, GET("/"));
	r = hear_reply(&c, false);
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "Content-Type"), "text/html; charset=utf-8");
	assert_non_null(strstr(r.body, "href=\"/other/path\""));
	assert_int_equal(r.length, strlen(r.body));
	free_reply(&r);
	say_text(&c, GET("/other/path"));
	r = hear_reply(&c, false);
	assert_page(&r, small);
	free_reply(&r);
	say_text(&c, GET("/metrics"));
	expect_status(&c, 404, false);
	disconnect(&c);
	cprom_server_stop(s);
}

/* ---- limits and deadlines ---- */

/* A client that asks for a large page and does not read it. */
static struct client
stall(cprom_server *s)
{
	struct client c = connect_port(s, cprom_server_port(s), 4096);

	say_text(&c, GET("/metrics"));
	run_out(s);
	return c;
}

/* Reads so much that the server saw that it is read. */
static void
read_some(struct client *c)
{
	while (c->n < 600000)
		assert_int_equal(hear(c), 1);
	run_out(c->server);
}

static void
assert_cut(struct client *c)
{
	int result;

	while ((result = hear(c)) == 1)
		;
	assert_int_equal(result, -1);
}

#define WINDOW 32768 /* is read quickly, and yet does not take what is left of a large page */

/* A client that reads its page, and pauses: it keeps its place for a second. */
static struct client
pause_in_page(cprom_server *s)
{
	struct client c = connect_port(s, cprom_server_port(s), WINDOW);

	say_text(&c, GET("/metrics"));
	run_out(s);
	read_some(&c);
	return c;
}

static void
expect_large_page(struct client *c)
{
	struct reply r = hear_reply(c, false);

	assert_page(&r, large);
	free_reply(&r);
}

static void
finish_page(struct client *c)
{
	expect_large_page(c);
	disconnect(c);
}

/* A client of 127.0.0.HOST that asks, and does not read what comes. */
static struct client
ask_from(cprom_server *s, uint32_t host, const char *text)
{
	struct sockaddr_in from = loopback(host, 0), to = loopback(1, cprom_server_port(s));
	struct client c = connect_socket(s, (struct sockaddr *)&from, (struct sockaddr *)&to,
					 sizeof(to), WINDOW);

	say_text(&c, text);
	run_out(s);
	return c;
}

static bool
is_answered(const struct client *c)
{
	return poll(&(struct pollfd){.fd = c->fd, .events = POLLIN}, 1, 0) == 1;
}

static void
one_page_too_many_is_503_after_a_while(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = pause_in_page(s);
	long begin = now_ms();
	struct client c = ask_from(s, 2, GET("/metrics"));
	struct reply r;

	(void)state;
	r = hear_reply(&c, false);
	assert_int_equal(r.status, 503);
	assert_string_equal(header(&r, "Retry-After"), "1");
	assert_string_equal(header(&r, "Connection"), "close");
	assert_true(now_ms() - begin >= 500);
	free_reply(&r);
	assert_closed(&c);
	disconnect(&c);
	finish_page(&slow);
	c = ask_from(s, 1, GET("/metrics"));
	finish_page(&c);
	cprom_server_stop(s);
}

static void
a_page_that_nobody_reads_makes_room_for_another(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = stall(s);
	struct client c = connect_to(s);
	struct reply r;

	(void)state;
	run_for(s, 500); /* what it may take begins when its socket is full */
	say_text(&c, GET("/metrics"));
	r = hear_reply(&c, false);
	assert_page(&r, large);
	free_reply(&r);
	assert_cut(&slow);
	disconnect(&c);
	disconnect(&slow);
	cprom_server_stop(s);
}

static void
one_page_too_many_waits_for_its_place(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = pause_in_page(s);
	struct client c = ask_from(s, 1, GET("/metrics"));
	struct client healthy = connect_to(s);

	(void)state;
	expect_healthy(&healthy);
	say_text(&c, HEALTHY);
	run_out(s);
	assert_false(is_answered(&c));
	finish_page(&slow);
	expect_large_page(&c);
	expect_status(&c, 200, false);
	run_for(s, 100);
	assert_true(is_quiet(s, 100));
	disconnect(&c);
	disconnect(&healthy);
	cprom_server_stop(s);
}

static void
the_next_request_of_a_connection_does_not_overtake_who_waits(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client twice = ask_from(s, 1, GET("/metrics") GET("/metrics"));
	struct client c;

	(void)state;
	read_some(&twice);
	c = ask_from(s, 2, GET("/metrics"));
	expect_large_page(&twice);
	run_out(s);
	assert_true(is_answered(&c));
	assert_true(twice.n == 0 && !is_answered(&twice));
	disconnect(&c);
	finish_page(&twice);
	cprom_server_stop(s);
}

/* The server wakes by itself to see that nobody reads, and not only when the wait is over. */
static void
who_waits_for_a_page_that_nobody_reads_is_not_refused(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = stall(s);
	struct client c = ask_from(s, 2, GET("/metrics"));
	int turns = 0;

	(void)state;
	for (; !is_answered(&c); turns++)
		assert_int_equal(cprom_server_step(s, 10000), 0);
	assert_true(turns > 3);
	finish_page(&c);
	assert_cut(&slow);
	disconnect(&slow);
	cprom_server_stop(s);
}

static void
hosts_take_turns_at_the_places(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = pause_in_page(s);
	struct client first = ask_from(s, 2, GET("/metrics"));
	struct client second = ask_from(s, 2, GET("/metrics"));
	struct client other = ask_from(s, 3, GET("/metrics"));

	(void)state;
	disconnect(&slow);
	run_out(s);
	assert_true(is_answered(&first));
	assert_false(is_answered(&other) || is_answered(&second));
	disconnect(&first);
	run_out(s);
	assert_true(is_answered(&other));
	assert_false(is_answered(&second));
	disconnect(&other);
	disconnect(&second);
	cprom_server_stop(s);
}

static void
who_goes_while_waiting_lets_the_next_one_in(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = pause_in_page(s);
	struct client gone = ask_from(s, 2, GET("/metrics"));
	struct client next = ask_from(s, 2, GET("/metrics"));
	struct linger at_once = {.l_onoff = 1};

	(void)state;
	setsockopt(gone.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	disconnect(&gone);
	for (int turns = 0; !is_quiet(s, 2); turns++) {
		assert_true(turns < 20);
		assert_int_equal(cprom_server_step(s, 0), 0);
	}
	disconnect(&slow);
	finish_page(&next);
	cprom_server_stop(s);
}

static void
who_waits_behind_another_of_its_host_makes_room(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1,
					    .max_connections = 5);
	struct client slow = pause_in_page(s);
	struct client first = ask_from(s, 2, GET("/metrics"));
	struct client second = ask_from(s, 2, GET("/metrics"));
	struct client third = ask_from(s, 2, GET("/metrics") HEALTHY);
	struct client other = ask_from(s, 3, GET("/metrics"));
	struct client c = connect_to(s);

	(void)state;
	expect_healthy(&c);
	expect_status(&third, 503, false);
	assert_closed(&third);
	assert_false(is_answered(&first) || is_answered(&second) || is_answered(&other));
	disconnect(&slow);
	disconnect(&first);
	disconnect(&second);
	disconnect(&third);
	disconnect(&other);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
no_more_than_256_wait(void **state)
{
	enum { CROWD = 256 };
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1,
					    .max_connections = CROWD + 9);
	struct client slow = pause_in_page(s);
	struct client crowd[CROWD], other;

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = connect_to(s);
		say_text(&crowd[i], GET("/metrics"));
	}
	run_out(s);
	other = ask_from(s, 2, GET("/metrics"));
	expect_status(&crowd[CROWD - 1], 503, false);
	assert_false(is_answered(&other) || is_answered(&crowd[0]));
	for (int i = 0; i < CROWD; i++)
		disconnect(&crowd[i]);
	disconnect(&slow);
	finish_page(&other);
	cprom_server_stop(s);
}

static void
a_host_with_several_pages_loses_one_to_a_host_that_has_none(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 2);
	struct client slow = pause_in_page(s), other = pause_in_page(s);
	struct client c = ask_from(s, 2, GET("/metrics"));

	(void)state;
	assert_false(is_answered(&c));
	finish_page(&c);
	assert_cut(&slow);
	finish_page(&other);
	disconnect(&slow);
	cprom_server_stop(s);
}

static void
a_host_does_not_cut_off_its_own_pages(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 2);
	struct client slow = pause_in_page(s), other = pause_in_page(s);
	struct client c = ask_from(s, 1, GET("/metrics"));

	(void)state;
	expect_status(&c, 503, false);
	finish_page(&slow);
	finish_page(&other);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
a_server_that_is_stepped_late_refuses_nobody_who_has_a_place(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = pause_in_page(s);
	struct client c = ask_from(s, 1, GET("/metrics"));
	const struct timespec late = {.tv_nsec = 700000000};

	(void)state;
	disconnect(&slow);
	nanosleep(&late, NULL);
	finish_page(&c);
	cprom_server_stop(s);
}

static void
head_and_http_1_0_wait_too(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1);
	struct client slow = pause_in_page(s);
	struct client head = ask_from(s, 1, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n" HEALTHY);
	struct client old = ask_from(s, 1, "GET /metrics HTTP/1.0\r\n\r\n");

	(void)state;
	assert_false(is_answered(&head) || is_answered(&old));
	disconnect(&slow);
	expect_status(&head, 200, true);
	expect_status(&head, 200, false);
	hear_text(&old, "HTTP/1.1 200 OK\r\n");
	while (hear(&old) == 1)
		;
	assert_true(old.n > 1000000);
	disconnect(&head);
	disconnect(&old);
	cprom_server_stop(s);
}

static void
stopping_ends_who_waits(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1,
					    .stop_timeout_ms = 20);
	struct client slow = pause_in_page(s);
	struct client c = ask_from(s, 2, GET("/metrics"));

	(void)state;
	assert_false(is_answered(&c));
	cprom_server_stop(s);
	c.server = slow.server = NULL;
	expect_status(&c, 503, false);
	assert_closed(&c);
	assert_cut(&slow);
	disconnect(&c);
	disconnect(&slow);
}

/* Bytes that the kernel holds of what the server in this process has sent to the client. */
static int
held_for(const struct client *c)
{
	struct sockaddr_in own, peer;
	socklen_t n = sizeof(own);
	int held = -1;

	assert_int_equal(getsockname(c->fd, (struct sockaddr *)&own, &n), 0);
	for (int fd = 3; fd < 1024; fd++) {
		n = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0 &&
		    peer.sin_port == own.sin_port)
			assert_int_equal(ioctl(fd, TIOCOUTQ, &held), 0);
	}
	return held;
}

static void
the_kernel_holds_little_of_a_page_that_nobody_reads(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large);
	struct client slow = stall(s);

	(void)state;
	assert_in_range(held_for(&slow), 1, 400000);
	disconnect(&slow);
	cprom_server_stop(s);
}

static void
a_reader_that_stops_is_cut_off(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large,
					    .write_timeout_ms = 50);
	struct client slow = stall(s);

	(void)state;
	run_for(s, 150);
	assert_cut(&slow);
	disconnect(&slow);
	cprom_server_stop(s);
}

static void
a_head_that_does_not_end_is_408_and_silence_is_just_closed(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small,
					    .head_timeout_ms = 50);
	struct client silent = connect_to(s);
	struct client slow = connect_to(s);
	struct client body = connect_to(s);

	(void)state;
	say_text(&slow, "GET /metrics HTTP/1.1\r\n");
	say_text(&body, "POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
	expect_status(&slow, 408, false);
	assert_closed(&slow);
	expect_status(&body, 408, false);
	assert_closed(&body);
	assert_closed(&silent);
	disconnect(&silent);
	disconnect(&slow);
	disconnect(&body);
	cprom_server_stop(s);
}

static void
dripping_does_not_extend_the_head_deadline(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small,
					    .head_timeout_ms = 100);
	struct client c = connect_to(s);
	long begin = now_ms();

	(void)state;
	say_text(&c, "GET /");
	while (now_ms() - begin < 200) {
		say_text(&c, "x");
		run_for(s, 5);
	}
	expect_status(&c, 408, false);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
an_idle_connection_is_closed_after_its_time(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small,
					    .idle_timeout_ms = 100);
	struct client c = connect_to(s);
	long begin = now_ms();

	(void)state;
	for (int i = 0; i < 3; i++) {
		expect_healthy(&c);
		run_for(s, 50);
	}
	assert_true(now_ms() - begin >= 150);
	assert_closed(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
the_longest_idle_connection_makes_room(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small, .max_connections = 2);
	struct client first = connect_to(s);
	struct client second, third;

	(void)state;
	expect_healthy(&first);
	second = connect_to(s);
	expect_healthy(&second);
	run_for(s, 5);
	expect_healthy(&first);
	third = connect_to(s);
	expect_healthy(&third);
	assert_closed(&second);
	assert_open(&first);
	expect_healthy(&first);
	disconnect(&first);
	disconnect(&second);
	disconnect(&third);
	cprom_server_stop(s);
}

static void
slow_heads_in_every_place_do_not_keep_others_out(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small, .max_connections = 2);
	struct client a = connect_to(s), b = connect_to(s), c;
	long begin = now_ms();

	(void)state;
	say_text(&a, "GET /");
	say_text(&b, "GET /");
	run_out(s);
	c = connect_to(s);
	expect_healthy(&c);
	assert_true(now_ms() - begin < 1000);
	assert_closed(&a);
	assert_open(&b);
	disconnect(&a);
	disconnect(&b);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
slow_heads_go_before_an_idle_scraper(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small, .max_connections = 2);
	struct client idle = connect_to(s), slow, c;

	(void)state;
	expect_healthy(&idle);
	slow = connect_to(s);
	say_text(&slow, "GET /");
	run_for(s, 600);
	c = connect_to(s);
	expect_healthy(&c);
	assert_closed(&slow);
	expect_healthy(&idle);
	disconnect(&idle);
	disconnect(&slow);
	disconnect(&c);
	cprom_server_stop(s);
}

/* Says so many requests that the server has no room for its answers any more, and stops reading. */
static struct client
stall_in_short_answers(cprom_server *s)
{
	struct client c = connect_port(s, cprom_server_port(s), 4096);
	ssize_t sent;

	do {
		while ((sent = send(c.fd, GET("/"), sizeof(GET("/")) - 1, MSG_DONTWAIT)) > 0)
			;
		run_out(s);
		sent = send(c.fd, GET("/"), sizeof(GET("/")) - 1, MSG_DONTWAIT);
	} while (sent > 0);
	return c;
}

static void
unread_answers_in_every_place_do_not_keep_others_out(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small, .max_connections = 2);
	struct client a = stall_in_short_answers(s), b = stall_in_short_answers(s);
	struct client c = connect_to(s);

	(void)state;
	expect_healthy(&c);
	disconnect(&a);
	disconnect(&b);
	disconnect(&c);
	cprom_server_stop(s);
}

/* More than the server sees in one turn; all of them ask while a newcomer waits. */
static void
who_has_asked_is_answered_before_making_room(void **state)
{
	enum { CLIENTS = 100 };
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small,
					    .max_connections = CLIENTS);
	struct client clients[CLIENTS], c;

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = connect_to(s);
		expect_healthy(&clients[i]);
	}
	c = connect_to(s);
	for (int i = 0; i < CLIENTS; i++)
		say_text(&clients[i], HEALTHY);
	expect_healthy(&c);
	for (int i = 0; i < CLIENTS; i++) {
		expect_status(&clients[i], 200, false);
		disconnect(&clients[i]);
	}
	disconnect(&c);
	cprom_server_stop(s);
}

static void
answers_under_way_keep_their_places(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_connections = 1);
	struct client slow = stall(s);
	struct client c;
	struct reply r;

	(void)state;
	read_some(&slow);
	c = connect_to(s);
	say_text(&c, HEALTHY);
	assert_open(&c);
	r = hear_reply(&slow, false);
	assert_page(&r, large);
	free_reply(&r);
	expect_status(&c, 200, false);
	disconnect(&slow);
	disconnect(&c);
	cprom_server_stop(s);
}

/* Runs in a child: there all descriptors are used up. 0: all is well. */
static int
run_without_descriptors(void)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);
	struct rlimit limit, none;
	int turns = 0;

	say_text(&c, HEALTHY);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	none = limit;
	none.rlim_cur = (rlim_t)c.fd + 1;
	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		return 2;
	for (long end = now_ms() + 350; now_ms() < end; turns++)
		if (cprom_server_step(s, 100) < 0)
			return 3;
	if (turns > 20)
		return 4;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 5;
	expect_status(&c, 200, false);
	disconnect(&c);
	cprom_server_stop(s);
	return 0;
}

/* The same, but for a client that is idle. */
static int
run_with_an_idle_client(void)
{
	cprom_server *s = open_small();
	struct client idle = connect_to(s), c;
	struct rlimit none = {0, 0};

	expect_healthy(&idle);
	c = connect_to(s);
	none.rlim_cur = none.rlim_max = (rlim_t)c.fd + 1;
	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		return 2;
	expect_healthy(&c);
	assert_closed(&idle);
	return 0;
}

static void
in_child(int (*run)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(run());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
without_descriptors_the_server_waits_and_recovers(void **state)
{
	(void)state;
	in_child(run_without_descriptors);
}

static void
without_descriptors_an_idle_connection_makes_room(void **state)
{
	(void)state;
	in_child(run_with_an_idle_client);
}

/* As by a filter for system calls that is there from the start. */
static void
a_server_that_may_not_accept_says_so(void **state)
{
	(void)state;
	accept_refused = true;
	assert_null(cprom_server_start("127.0.0.1:0", .registry = small));
	assert_int_equal(errno, EPERM);
	assert_non_null(strstr(cprom_error(), "accept4"));
	accept_refused = false;
}

/* As by one that comes later. */
static void
a_server_that_may_no_longer_accept_does_not_spin(void **state)
{
	cprom_server *s = open_small();
	struct client c = connect_to(s);
	int turns = 0;

	(void)state;
	say_text(&c, HEALTHY);
	accept_refused = true;
	for (long end = now_ms() + 350; now_ms() < end; turns++)
		assert_int_equal(cprom_server_step(s, 100), 0);
	assert_true(turns <= 20);
	accept_refused = false;
	expect_status(&c, 200, false);
	disconnect(&c);
	cprom_server_stop(s);
}

/* ---- addresses ---- */

static void
a_taken_port_is_an_error_that_names_the_address(void **state)
{
	cprom_server *s = open_small();
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "127.0.0.1:%d", cprom_server_port(s));
	assert_null(cprom_server_start(text, .registry = small));
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(cprom_error(), text));
	cprom_server_stop(s);
	s = cprom_server_start(text, .registry = small);
	assert_non_null(s);
	cprom_server_stop(s);
}

static void
options_out_of_range_are_errors(void **state)
{
	cprom_server_options o = {.size = 0, .address = "127.0.0.1:0"};

	(void)state;
	assert_null(cprom_server_open_with(NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_start_with(&o));
	assert_int_equal(errno, EINVAL);
	o.size = 4097;
	assert_null(cprom_server_open_with(&o));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_open(NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_open("example.org:80"));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(cprom_error(), "example.org:80"));
	assert_null(cprom_server_open("127.0.0.1:0", .path = "metrics"));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_open("127.0.0.1:0", .path = "/<b>"));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_open("127.0.0.1:0", .socket_mode = 01777));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_open("127.0.0.1:0", .max_connections = 0xFFFFFFFF));
	assert_int_equal(errno, EINVAL);
}

static void
options_of_an_older_program_are_honoured(void **state)
{
	cprom_server_options o = {.size = offsetof(cprom_server_options, handler),
				  .address = "127.0.0.1:0",
				  .registry = small,
				  .path = "/old",
				  .max_connections = 0xFFFFFFFF}; /* behind what the size covers */
	cprom_server *s = cprom_server_open_with(&o);
	struct client c;

	(void)state;
	assert_non_null(s);
	c = connect_to(s);
	say_text(&c, GET("/old"));
	expect_status(&c, 200, false);
	disconnect(&c);
	cprom_server_stop(s);
}

static void
null_handles_are_harmless(void **state)
{
	(void)state;
	cprom_server_stop(NULL);
	assert_int_equal(cprom_server_fd(NULL), -1);
	assert_int_equal(cprom_server_port(NULL), -1);
	assert_int_equal(cprom_server_step(NULL, 0), -1);
	assert_null(cprom_request_method(NULL));
	assert_null(cprom_request_path(NULL));
	assert_null(cprom_request_query(NULL));
	assert_null(cprom_request_header(NULL, "Host"));
	cprom_response_status(NULL, 200);
	assert_int_equal(cprom_response_header(NULL, "A", "b"), -1);
	assert_int_equal(cprom_response_write(NULL, "a", 1), -1);
	assert_int_equal(cprom_response_text(NULL, "a"), -1);
}

static void
a_unix_socket_serves_and_is_removed_at_stop(void **state)
{
	char directory[] = "/tmp/cprom_server_XXXXXX";
	char path[64], address[80];
	cprom_server *s;
	struct client c;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	snprintf(address, sizeof(address), "unix:%s", path);
	s = cprom_server_open(address, .registry = small, .socket_mode = 0600);
	assert_non_null(s);
	assert_int_equal(cprom_server_port(s), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	c = connect_unix(s, path);
	say_text(&c, GET("/metrics"));
	expect_status(&c, 200, false);
	disconnect(&c);
	cprom_server_stop(s);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(directory), 0);
}

static void
an_inherited_socket_is_served_and_closed_at_stop(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	char address[16];
	cprom_server *s;
	struct client c;

	(void)state;
	snprintf(address, sizeof(address), "fd:%d", fd);
	assert_null(cprom_server_start(address, .registry = small));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 5), 0);
	s = cprom_server_open(address, .registry = small);
	assert_non_null(s);
	assert_true(cprom_server_port(s) > 0);
	c = connect_to(s);
	expect_healthy(&c);
	disconnect(&c);
	cprom_server_stop(s);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
all_interfaces_take_ipv4(void **state)
{
	cprom_server *s = cprom_server_open(":0", .registry = small);
	struct client c;

	(void)state;
	assert_non_null(s);
	c = connect_to(s);
	expect_healthy(&c);
	disconnect(&c);
	cprom_server_stop(s);
}

/* ---- handlers ---- */

static cprom_server *handler_server;

/* Path decides what is tried; 0 in the body: all went as it should. */
static int
handle(cprom_request *q, cprom_response *p, void *arg)
{
	const char *path = cprom_request_path(q);

	*(int *)arg += 1;
	if (strcmp(path, "/echo me") == 0) {
		cprom_response_header(p, "X-Method", cprom_request_method(q));
		cprom_response_header(p, "content-type", "text/html");
		cprom_response_text(p, cprom_request_query(q));
		cprom_response_write(p, "|", 1);
		cprom_response_text(p, cprom_request_header(q, "x-one"));
		cprom_response_text(p, cprom_request_header(q, "X-TWO"));
		cprom_response_text(p, cprom_request_header(q, "X-Empty"));
		cprom_response_text(p, cprom_request_header(q, "x-one"));
		cprom_response_text(p, cprom_request_header(q, "X-None") == NULL ? "|" : "!");
		cprom_response_text(p, cprom_request_header(q, "X") == NULL ? "|" : "!");
		return 0;
	}
	if (strcmp(path, "/created") == 0) {
		cprom_response_status(p, 201);
		cprom_response_text(p, "made");
		return 0;
	}
	if (strcmp(path, "/empty") == 0) {
		cprom_response_status(p, 204);
		cprom_response_text(p, "dropped");
		return 0;
	}
	if (strcmp(path, "/odd") == 0) {
		cprom_response_status(p, 42);
		return 0;
	}
	if (strcmp(path, "/large") == 0) {
		for (int i = 0; i < 200000; i++)
			cprom_response_write(p, "0123456789", 10);
		return 0;
	}
	if (strcmp(path, "/bad") == 0) {
		int refused = 0;

		refused -= cprom_response_header(p, "X-A", "b\r\nX-C: d");
		refused -= cprom_response_header(p, "X-A", "b\nc");
		refused -= cprom_response_header(p, "X A", "b");
		refused -= cprom_response_header(p, "X-A:", "b");
		refused -= cprom_response_header(p, "", "b");
		refused -= cprom_response_header(p, "Content-Length", "0");
		refused -= cprom_response_header(p, "transfer-encoding", "chunked");
		refused -= cprom_response_header(p, "Connection", "close");
		refused -= cprom_response_header(p, NULL, "b");
		refused -= cprom_response_header(p, "X-A", NULL);
		refused -= cprom_response_text(p, NULL);
		refused -= cprom_response_write(p, NULL, 1);
		cprom_response_header(p, "Content-Type", "text/css");
		refused -= cprom_response_header(p, "Content-Type", "text/css");
		cprom_response_write(p, refused == 13 ? "0" : "1", 1);
		return 0;
	}
	if (strcmp(path, "/stop") == 0) {
		cprom_server_stop(handler_server);
		cprom_response_text(
			p,
			errno == EDEADLK && cprom_server_step(handler_server, 0) == -1 ? "0" : "1");
		return 0;
	}
	cprom_response_text(p, "not to be seen");
	return -1;
}

static void
expect_body(struct client *c, const char *text, int status, const char *body)
{
	struct reply r;

	say_text(c, text);
	r = hear_reply(c, false);
	assert_int_equal(r.status, status);
	assert_string_equal(r.body, body);
	free_reply(&r);
}

static void
a_handler_answers_other_paths(void **state)
{
	int calls = 0;
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small, .handler = handle,
					    .handler_arg = &calls);
	struct client c;
	struct reply r;

	(void)state;
	assert_non_null(s);
	handler_server = s;
	c = connect_to(s);
	say_text(&c,
		 "POST /echo%20me?a=%20b HTTP/1.1\r\nhost:a\r\nX-One: 1 \t\r\nx-two:2\nX-Empty:\r\n"
		 "Content-Length: 3\r\n\r\nabc");
	r = hear_reply(&c, false);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "a=%20b|121||");
	assert_string_equal(header(&r, "X-Method"), "POST");
	assert_string_equal(header(&r, "content-type"), "text/html");
	assert_null(header(&r, "Content-Type"));
	free_reply(&r);
	say_text(&c, GET("/created"));
	r = hear_reply(&c, false);
	assert_int_equal(r.status, 201);
	assert_string_equal(header(&r, "Content-Type"), "text/plain; charset=utf-8");
	assert_string_equal(r.body, "made");
	free_reply(&r);
	say_text(&c, "HEAD /created HTTP/1.1\r\n" HOST "\r\n");
	r = hear_reply(&c, true);
	assert_string_equal(header(&r, "Content-Length"), "4");
	free_reply(&r);
	say_text(&c, GET("/empty"));
	r = hear_reply(&c, false);
	assert_int_equal(r.status, 204);
	assert_null(header(&r, "Content-Length"));
	free_reply(&r);
	expect_body(&c, GET("/odd"), 500, "");
	expect_body(&c, GET("/bad"), 200, "0");
	expect_body(&c, GET("/stop"), 200, "0");
	expect_body(&c, GET("/nowhere"), 404, "404 Not Found\n");
	say_text(&c, GET("/large"));
	r = hear_reply(&c, false);
	assert_int_equal(r.length, 2000000);
	free_reply(&r);
	assert_int_equal(calls, 9);
	expect_healthy(&c);
	say_text(&c, GET("/metrics"));
	expect_status(&c, 200, false);
	assert_int_equal(calls, 9);
	disconnect(&c);
	cprom_server_stop(s);
}

/* ---- access ---- */

#define TOKEN "Authorization: Bearer a-token\r\n"

static int
count_call(cprom_request *request, cprom_response *response, void *arg)
{
	(void)request;
	++*(int *)arg;
	return cprom_response_text(response, "handled");
}

/* One request with the fields, on a connection that stays open. */
static void
expect_access(struct client *c, const char *line, const char *fields, int status)
{
	char text[256];
	struct reply r;

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "%s\r\n", line, fields);
	say_text(c, text);
	r = hear_reply(c, is_head(line));
	if (r.status != status)
		fail_msg("%d instead of %d for %s", r.status, status, line);
	if (status == 401)
		assert_string_equal(header(&r, "WWW-Authenticate"), "Bearer realm=\"metrics\"");
	else
		assert_null(header(&r, "WWW-Authenticate"));
	assert_null(strstr(r.body, "a-token"));
	free_reply(&r);
}

static void
a_token_opens_all_but_the_state_of_health(void **state)
{
	static const struct {
		const char *line;
		int status; /* with the token */
	} lines[] = {
		{"GET /metrics", 200},   {"HEAD /metrics", 200}, {"OPTIONS /metrics", 204},
		{"POST /metrics", 405},  {"GET /", 200},         {"HEAD /", 200},
		{"OPTIONS *", 204},      {"GET /own", 200},      {"POST /own", 200},
		{"GET /m%65trics", 200},
	};
	int calls = 0;
	char token[] = "a-token";
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small, .handler = count_call,
					    .handler_arg = &calls, .bearer_token = token);
	struct client c;

	(void)state;
	assert_non_null(s);
	memset(token, 'x', sizeof(token) - 1); /* it was copied */
	c = connect_to(s);
	for (size_t i = 0; i < COUNT(lines); i++) {
		expect_access(&c, lines[i].line, "", 401);
		expect_access(&c, lines[i].line, "Authorization: Bearer xxxxxxx\r\n", 401);
	}
	assert_int_equal(calls, 0);
	expect_healthy(&c);
	for (size_t i = 0; i < COUNT(lines); i++)
		expect_access(&c, lines[i].line, TOKEN, lines[i].status);
	assert_int_equal(calls, 2);
	disconnect(&c);
	cprom_server_stop(s);
}

/* Were the scrape open before, the refused ones would fill the only place. */
static void
a_refused_client_costs_no_scrape(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = large, .max_scrapes = 1,
					    .bearer_token = "a-token");
	struct client c, slow;

	(void)state;
	assert_non_null(s);
	slow = connect_port(s, cprom_server_port(s), 4096);
	say_text(&slow, "GET /metrics HTTP/1.1\r\n" HOST TOKEN "\r\n");
	read_some(&slow);
	c = connect_to(s);
	expect_access(&c, "GET /metrics", "", 401);
	expect_access(&c, "GET /metrics", TOKEN, 503);
	disconnect(&slow);
	disconnect(&c);
	cprom_server_stop(s);
}

static cprom_server *ruled;

/* Allows what has the right query; tries what it must not. */
static int
rule(cprom_request *request, void *arg)
{
	++*(int *)arg;
	if (cprom_server_step(ruled, 0) != -1 || errno != EDEADLK)
		return 500;
	return strcmp(cprom_request_query(request), "please") == 0 ? 0 : 403;
}

static void
the_programs_rule_is_asked_before_each_answer(void **state)
{
	int calls = 0;
	struct client c;

	(void)state;
	ruled = cprom_server_open("127.0.0.1:0", .registry = small, .authorize = rule,
				  .authorize_arg = &calls);
	assert_non_null(ruled);
	c = connect_to(ruled);
	expect_healthy(&c);
	assert_int_equal(calls, 0);
	expect_access(&c, "GET /metrics", "", 403);
	expect_access(&c, "HEAD /metrics", "", 403);
	expect_access(&c, "GET /nowhere", "", 403);
	expect_access(&c, "GET /nowhere?please", "", 404);
	expect_access(&c, "GET /metrics?please", "", 200);
	assert_int_equal(calls, 5);
	disconnect(&c);
	cprom_server_stop(ruled);
}

#define ABSTRACT "unix:@cprom_test_server"
#define STRANGER 54321

static int status_of_child;

static int
ask_as_stranger(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	socklen_t n = offsetof(struct sockaddr_un, sun_path) + sizeof(ABSTRACT) - 1 - 5;
	char answer[16] = "";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(to.sun_path, &ABSTRACT[5], sizeof(ABSTRACT) - 1 - 5);
	to.sun_path[0] = '\0';
	if (setgid(STRANGER) != 0 || setuid(STRANGER) != 0)
		return 1;
	if (connect(fd, (struct sockaddr *)&to, n) != 0 ||
	    send(fd, HEALTHY, sizeof(HEALTHY) - 1, MSG_NOSIGNAL) < 0 ||
	    recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) < 12)
		return 2;
	return atoi(answer + 9) == status_of_child ? 0 : 3;
}

static void
a_checked_peer_is_root_the_servers_user_or_the_one_named(void **state)
{
	static const struct {
		int check;
		unsigned uid;
		int status;
	} cases[] = {{0, 0, 200}, {1, 0, 403}, {1, STRANGER, 200}, {1, STRANGER + 1, 403}};

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < COUNT(cases); i++) {
		cprom_server *s = cprom_server_start(ABSTRACT, .registry = small,
						     .check_peer = cases[i].check,
						     .peer_uid = cases[i].uid);

		assert_non_null(s);
		status_of_child = cases[i].status;
		in_child(ask_as_stranger);
		cprom_server_stop(s);
	}
}

/* Allows the test itself, by what the kernel says of it. */
static int
peer_rule(cprom_request *request, void *arg)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	(void)arg;
	if (cprom_request_peer(request, &uid, &gid) < 0)
		return errno == ENOTCONN ? 418 : 500;
	if (cprom_request_peer(request, NULL, NULL) < 0)
		return 500;
	return uid == getuid() && gid == getgid() ? 0 : 403;
}

static void
the_rule_learns_who_the_peer_is(void **state)
{
	char directory[] = "/tmp/cprom_server_XXXXXX";
	char path[64], address[80];
	cprom_server *s;
	struct client c;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	snprintf(address, sizeof(address), "unix:%s", path);
	s = cprom_server_open(address, .registry = small, .authorize = peer_rule, .check_peer = 1,
			      .peer_uid = STRANGER);
	assert_non_null(s);
	c = connect_unix(s, path);
	expect_access(&c, "GET /metrics", "", 200);
	disconnect(&c);
	cprom_server_stop(s);
	assert_int_equal(rmdir(directory), 0);
	s = cprom_server_open("127.0.0.1:0", .registry = small, .authorize = peer_rule);
	assert_non_null(s);
	c = connect_to(s);
	expect_access(&c, "GET /metrics", "", 418);
	disconnect(&c);
	cprom_server_stop(s);
	assert_int_equal(cprom_request_peer(NULL, NULL, NULL), -1);
}

static void
peers_are_checked_on_unix_sockets_alone(void **state)
{
	(void)state;
	assert_null(cprom_server_open("127.0.0.1:0", .registry = small, .check_peer = 1));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(cprom_error(), "127.0.0.1:0"));
}

/* ---- loop, thread, fork and stop ---- */

static void
the_descriptor_tells_when_to_step(void **state)
{
	cprom_server *s = cprom_server_open("127.0.0.1:0", .registry = small,
					    .head_timeout_ms = 100);
	struct pollfd p = {.fd = cprom_server_fd(s), .events = POLLIN};
	struct client c;

	(void)state;
	assert_int_equal(poll(&p, 1, 20), 0);
	c = connect_to(s);
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_int_equal(cprom_server_step(s, 0), 0);
	say_text(&c, "GET /");
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_int_equal(cprom_server_step(s, 0), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(poll(&p, 1, 1000), 1); /* the deadline */
	expect_status(&c, 408, false);
	disconnect(&c);
	cprom_server_stop(s);
}

static int
open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
starting_and_stopping_leaves_no_descriptor(void **state)
{
	int before = open_descriptors();

	(void)state;
	for (int i = 0; i < 20; i++) {
		cprom_server *s = cprom_server_start("127.0.0.1:0", .registry = small);
		struct client c;

		assert_non_null(s);
		c = connect_port(NULL, cprom_server_port(s), 0);
		expect_healthy(&c);
		cprom_server_stop(s);
		assert_closed(&c);
		disconnect(&c);
	}
	assert_int_equal(open_descriptors(), before);
}

/* Does /proc/self/task/TASK/FILE have a line that begins so? Then line is that line. */
static bool
read_task_line(const char *task, const char *file, const char *begin, char *line, size_t n)
{
	bool found = false;
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/%s", task, file);
	f = fopen(path, "r");
	while (f != NULL && !found && fgets(line, (int)n, f) != NULL)
		found = strncmp(line, begin, strlen(begin)) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

/* The same of the thread that is named cprom. */
static bool
read_thread_line(const char *file, const char *begin, char *line, size_t n)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	bool found = false;

	assert_non_null(tasks);
	while (!found && (task = readdir(tasks)) != NULL)
		found = read_task_line(task->d_name, "comm", "cprom\n", line, n) &&
			read_task_line(task->d_name, file, begin, line, n);
	closedir(tasks);
	return found;
}

static void
the_thread_is_named_and_takes_no_signals(void **state)
{
	cprom_server *s;
	struct client c;
	char line[128];

	(void)state;
	skip_if_emulated("the kernel knows the emulator's mask of signals, not the program's");
	s = cprom_server_start("127.0.0.1:0", .registry = small);
	assert_non_null(s);
	c = connect_port(NULL, cprom_server_port(s), 0);
	expect_healthy(&c);
	assert_true(read_thread_line("status", "SigBlk:", line, sizeof(line)));
	assert_int_equal(strtoull(line + 7, NULL, 16) & 0x7FFBFEFF,
			 0x7FFBFEFF); /* all but KILL and STOP */
	assert_int_equal(cprom_server_step(s, 0), -1);
	assert_int_equal(errno, EINVAL);
	disconnect(&c);
	cprom_server_stop(s);
}

static void *
stop_in_thread(void *arg)
{
	cprom_server_stop(arg);
	return NULL;
}

static void
stopping_lets_an_answer_under_way_finish(void **state)
{
	cprom_server *s = cprom_server_start("127.0.0.1:0", .registry = large);
	int port = cprom_server_port(s);
	struct client slow = connect_port(NULL, port, 4096);
	struct client idle = connect_port(NULL, port, 0);
	struct reply r;
	pthread_t thread;

	(void)state;
	expect_healthy(&idle);
	say_text(&slow, GET("/metrics"));
	assert_int_equal(hear(&slow), 1);
	assert_int_equal(pthread_create(&thread, NULL, stop_in_thread, s), 0);
	assert_closed(&idle);
	r = hear_reply(&slow, false);
	assert_page(&r, large);
	free_reply(&r);
	assert_closed(&slow);
	pthread_join(thread, NULL);
	disconnect(&slow);
	disconnect(&idle);
}

static void
stopping_does_not_wait_longer_than_it_may(void **state)
{
	cprom_server *s = cprom_server_start("127.0.0.1:0", .registry = large,
					     .stop_timeout_ms = 100);
	struct client slow = connect_port(NULL, cprom_server_port(s), 4096);
	long begin;

	(void)state;
	say_text(&slow, GET("/metrics"));
	assert_int_equal(hear(&slow), 1);
	begin = now_ms();
	cprom_server_stop(s);
	assert_in_range(now_ms() - begin, 90, 1000);
	assert_cut(&slow);
	disconnect(&slow);
}

struct load {
	pthread_t thread;
	int port;
	int pages;
};

/* Asks for pages until the server is gone. */
static void *
load_server(void *arg)
{
	struct load *load = arg;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)load->port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char buffer[65536];

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		while (send(fd, GET("/metrics"), sizeof(GET("/metrics")) - 1, MSG_NOSIGNAL) > 0 &&
		       recv(fd, buffer, sizeof(buffer), 0) > 0)
			load->pages++;
	close(fd);
	return NULL;
}

static void
stopping_under_load_is_quick(void **state)
{
	cprom_server *s = cprom_server_start("127.0.0.1:0", .registry = small);
	struct load loads[8];
	long begin;
	int pages = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(loads); i++) {
		loads[i] = (struct load){.port = cprom_server_port(s)};
		assert_int_equal(pthread_create(&loads[i].thread, NULL, load_server, &loads[i]), 0);
	}
	usleep(200000);
	begin = now_ms();
	cprom_server_stop(s);
	assert_true(now_ms() - begin < 2000);
	for (size_t i = 0; i < COUNT(loads); i++) {
		pthread_join(loads[i].thread, NULL);
		pages += loads[i].pages;
	}
	assert_true(pages > 100);
}

static cprom_server *forked;

static int
stop_forked(void)
{
	int before = open_descriptors();

	if (cprom_server_fd(forked) < 0 || cprom_server_step(forked, 0) != -1)
		return 1;
	cprom_server_stop(forked);
	return open_descriptors() < before ? 0 : 2;
}

static void
stopping_in_a_forked_child_leaves_the_parents_server_alone(void **state)
{
	char directory[] = "/tmp/cprom_server_XXXXXX";
	char path[64], address[80];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	snprintf(address, sizeof(address), "unix:%s", path);
	for (int threaded = 0; threaded < 2; threaded++) {
		struct client c, later;

		forked = threaded ? cprom_server_start(address, .registry = small)
				  : cprom_server_open(address, .registry = small);
		assert_non_null(forked);
		c = connect_unix(threaded ? NULL : forked, path);
		expect_healthy(&c);
		in_child(stop_forked);
		expect_healthy(&c);
		assert_int_equal(access(path, F_OK), 0);
		later = connect_unix(c.server, path);
		expect_healthy(&later);
		disconnect(&c);
		disconnect(&later);
		cprom_server_stop(forked);
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_int_equal(rmdir(directory), 0);
}

/* A child that holds copies of all descriptors must not keep connections or the port. */
static void
a_forked_child_does_not_hold_what_the_server_closes(void **state)
{
	cprom_server *s = open_small();
	struct client idle = connect_to(s);
	struct client c = connect_to(s);
	int pipe_fds[2];
	char text[32];
	pid_t child;

	(void)state;
	expect_healthy(&idle);
	expect_healthy(&c);
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		char byte;

		close(pipe_fds[1]);
		close(idle.fd);
		close(c.fd);
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
	}
	say_text(&c, "GET / HTTP/1.0\r\n\r\n");
	expect_status(&c, 200, false);
	assert_closed(&c);
	run_out(s);
	snprintf(text, sizeof(text), "127.0.0.1:%d", cprom_server_port(s));
	cprom_server_stop(s);
	idle.server = NULL;
	assert_closed(&idle);
	s = cprom_server_open(text, .registry = small);
	assert_non_null(s);
	cprom_server_stop(s);
	close(pipe_fds[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipe_fds[0]);
	disconnect(&c);
	disconnect(&idle);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_gets_its_status_and_leaves_the_next_one_in_place),
		cmocka_unit_test(a_request_split_at_every_byte_is_answered),
		cmocka_unit_test(a_request_that_drips_in_is_answered),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_long_target_is_414_and_long_fields_are_431),
		cmocka_unit_test(a_client_that_waits_is_told_to_continue),
		cmocka_unit_test(a_refusal_reaches_a_client_that_goes_on_sending),
		cmocka_unit_test(a_half_closed_client_gets_its_answer),
		cmocka_unit_test(a_small_page_has_a_length_for_get_and_head_alike),
		cmocka_unit_test(
			a_large_page_is_chunked_for_1_1_and_ends_with_the_connection_for_1_0),
		cmocka_unit_test(a_page_of_80_kb_goes_out_whole_the_second_time),
		cmocka_unit_test(a_page_is_compressed_for_who_accepts_it),
		cmocka_unit_test(a_page_is_sent_as_it_is_for_who_does_not),
		cmocka_unit_test(a_short_page_is_not_compressed_nor_where_that_is_switched_off),
		cmocka_unit_test(a_large_page_is_compressed_in_parts),
		cmocka_unit_test(http_1_0_is_kept_alive_only_on_request),
		cmocka_unit_test(a_slow_reader_gets_the_whole_page_and_others_do_not_wait),
		cmocka_unit_test(the_landing_page_links_to_the_metrics),
		cmocka_unit_test(one_page_too_many_is_503_after_a_while),
		cmocka_unit_test(a_page_that_nobody_reads_makes_room_for_another),
		cmocka_unit_test(one_page_too_many_waits_for_its_place),
		cmocka_unit_test(the_next_request_of_a_connection_does_not_overtake_who_waits),
		cmocka_unit_test(who_waits_for_a_page_that_nobody_reads_is_not_refused),
		cmocka_unit_test(hosts_take_turns_at_the_places),
		cmocka_unit_test(who_goes_while_waiting_lets_the_next_one_in),
		cmocka_unit_test(who_waits_behind_another_of_its_host_makes_room),
		cmocka_unit_test(no_more_than_256_wait),
		cmocka_unit_test(a_host_with_several_pages_loses_one_to_a_host_that_has_none),
		cmocka_unit_test(a_host_does_not_cut_off_its_own_pages),
		cmocka_unit_test(a_server_that_is_stepped_late_refuses_nobody_who_has_a_place),
		cmocka_unit_test(head_and_http_1_0_wait_too),
		cmocka_unit_test(stopping_ends_who_waits),
		cmocka_unit_test(the_kernel_holds_little_of_a_page_that_nobody_reads),
		cmocka_unit_test(a_reader_that_stops_is_cut_off),
		cmocka_unit_test(a_head_that_does_not_end_is_408_and_silence_is_just_closed),
		cmocka_unit_test(dripping_does_not_extend_the_head_deadline),
		cmocka_unit_test(an_idle_connection_is_closed_after_its_time),
		cmocka_unit_test(the_longest_idle_connection_makes_room),
		cmocka_unit_test(slow_heads_in_every_place_do_not_keep_others_out),
		cmocka_unit_test(slow_heads_go_before_an_idle_scraper),
		cmocka_unit_test(unread_answers_in_every_place_do_not_keep_others_out),
		cmocka_unit_test(who_has_asked_is_answered_before_making_room),
		cmocka_unit_test(answers_under_way_keep_their_places),
		cmocka_unit_test(without_descriptors_the_server_waits_and_recovers),
		cmocka_unit_test(without_descriptors_an_idle_connection_makes_room),
		cmocka_unit_test(a_server_that_may_not_accept_says_so),
		cmocka_unit_test(a_server_that_may_no_longer_accept_does_not_spin),
		cmocka_unit_test(a_taken_port_is_an_error_that_names_the_address),
		cmocka_unit_test(options_out_of_range_are_errors),
		cmocka_unit_test(options_of_an_older_program_are_honoured),
		cmocka_unit_test(null_handles_are_harmless),
		cmocka_unit_test(a_unix_socket_serves_and_is_removed_at_stop),
		cmocka_unit_test(an_inherited_socket_is_served_and_closed_at_stop),
		cmocka_unit_test(all_interfaces_take_ipv4),
		cmocka_unit_test(a_handler_answers_other_paths),
		cmocka_unit_test(a_token_opens_all_but_the_state_of_health),
		cmocka_unit_test(a_refused_client_costs_no_scrape),
		cmocka_unit_test(the_programs_rule_is_asked_before_each_answer),
		cmocka_unit_test(a_checked_peer_is_root_the_servers_user_or_the_one_named),
		cmocka_unit_test(the_rule_learns_who_the_peer_is),
		cmocka_unit_test(peers_are_checked_on_unix_sockets_alone),
		cmocka_unit_test(the_descriptor_tells_when_to_step),
		cmocka_unit_test(starting_and_stopping_leaves_no_descriptor),
		cmocka_unit_test(the_thread_is_named_and_takes_no_signals),
		cmocka_unit_test(stopping_lets_an_answer_under_way_finish),
		cmocka_unit_test(stopping_does_not_wait_longer_than_it_may),
		cmocka_unit_test(stopping_under_load_is_quick),
		cmocka_unit_test(stopping_in_a_forked_child_leaves_the_parents_server_alone),
		cmocka_unit_test(a_forked_child_does_not_hold_what_the_server_closes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
