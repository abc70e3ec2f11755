/* SPDX-License-Identifier: MIT */
/*
 * Requests as they may come from anybody, over a socket, each with the status that RFC 9110 and
 * 9112 ask for, and with whether the connection goes on.
 *
 * Whatever a request is, the one behind it is answered right, or the connection ends before it
 * is answered at all. So each row is said in front of a probe, whose answer is its own query:
 * as a whole; in two parts, for each place where it can be cut; byte by byte; and behind a probe
 * in one segment. The server is stepped by the test, so that each part is read by itself.
 */
#define _GNU_SOURCE 1
#include <cprom.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROW(status, after, text)                                                                   \
	{                                                                                          \
		status, after, sizeof(text) - 1, text                                              \
	}
#define HOST "Host: a\r\n"
#define G(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define WITH(lines) "GET /metrics HTTP/1.1\r\n" HOST lines "\r\n"
#define POST(lines, body) "POST /any HTTP/1.1\r\n" HOST lines "\r\n" body
#define CHUNKED(body) POST("Transfer-Encoding: chunked\r\n", body)
#define PROBE(what) "GET /probe?" what " HTTP/1.1\r\nHost: probe\r\n\r\n"

enum after { OPEN, SHUT };

struct row {
	int status;
	enum after after;
	size_t n;
	const char *text;
};

static const struct row rows[] = {
	/* request lines */
	ROW(200, OPEN, G("/metrics")),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\nHost: a\n\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\r\nHost: a\n\r\n"),
	ROW(200, OPEN, "\r\nGET /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(200, OPEN, "\r\n\r\n\n\r\nGET /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(200, SHUT, "GET /metrics HTTP/1.0\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.2\r\n" HOST "\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.9\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics \r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET  /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics  HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1 \r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET\t/metrics\tHTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, " GET /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /met rics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.10\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/01.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/a.b\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP 1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics http/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTPS/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics ICY/1.1\r\n" HOST "\r\n"),
	ROW(505, SHUT, "GET /metrics HTTP/2.0\r\n" HOST "\r\n"),
	ROW(505, SHUT, "GET /metrics HTTP/3.0\r\n" HOST "\r\n"),
	ROW(505, SHUT, "GET /metrics HTTP/0.9\r\n" HOST "\r\n"),
	ROW(505, SHUT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	/* methods */
	ROW(200, OPEN, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(200, SHUT, "HEAD /metrics HTTP/1.0\r\n\r\n"),
	ROW(200, OPEN, "HEAD /-/healthy HTTP/1.1\r\n" HOST "\r\n"),
	ROW(404, OPEN, "HEAD /none HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "HEAD /metrics HTTP/1.1\r\n\r\n"),
	ROW(204, OPEN, "OPTIONS /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(204, OPEN, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
	ROW(204, SHUT, "OPTIONS * HTTP/1.0\r\n\r\n"),
	ROW(405, OPEN, "POST /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(405, OPEN, "PUT /metrics HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"),
	ROW(405, OPEN, "DELETE /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(405, OPEN, "PATCH / HTTP/1.1\r\n" HOST "\r\n"),
	ROW(405, OPEN, "TRACE /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(405, SHUT, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"),
	ROW(405, SHUT, "CONNECT [::1]:443 HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "CONNECT a HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "CONNECT a: HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "CONNECT :443 HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "CONNECT /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(501, SHUT, "BREW /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(501, SHUT, "get /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(501, SHUT, "GETS /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(501, SHUT, "M-SEARCH * HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "G(T /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "\"GET\" /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "G\xc3\x89T /metrics HTTP/1.1\r\n" HOST "\r\n"),
	/* targets */
	ROW(200, OPEN, G("/")),
	ROW(200, OPEN, G("/metrics?")),
	ROW(200, OPEN, G("/metrics?a=b&c=d?e/f")),
	ROW(200, OPEN, G("/metrics?%zz")),
	ROW(200, OPEN, G("/metrics?name[]=a_total&name%5B%5D=b")),
	ROW(200, OPEN, G("/metrics?name[]")),
	ROW(400, OPEN, G("/metrics?name[]=%zz")),
	ROW(400, OPEN, G("/metrics?name[]=a%00")),
	ROW(200, OPEN, G("/%6detrics")),
	ROW(200, OPEN, G("/%6D%65%74%72%69%63%73")),
	ROW(200, OPEN, G("http://a/metrics")),
	ROW(200, OPEN, G("http://a:9464/metrics?x")),
	ROW(200, OPEN, G("HTTP://[::1]:9464/metrics")),
	ROW(200, OPEN, G("https://a/metrics")),
	ROW(200, OPEN, G("http://a")),
	ROW(200, OPEN, G("http://a?x")),
	ROW(204, OPEN, "OPTIONS http://a HTTP/1.1\r\n" HOST "\r\n"),
	ROW(404, OPEN, G("/metrics/")),
	ROW(404, OPEN, G("//metrics")),
	ROW(404, OPEN, G("/METRICS")),
	ROW(404, OPEN, G("/a/../metrics")),
	ROW(404, OPEN, G("/metrics%3Fx")),
	ROW(404, OPEN, G("/%2A")),
	ROW(400, OPEN, G("/%")),
	ROW(400, OPEN, G("/%4")),
	ROW(400, OPEN, G("/%4g")),
	ROW(400, OPEN, G("/metrics%00")),
	ROW(400, SHUT, G("*")),
	ROW(400, SHUT, G("metrics")),
	ROW(400, SHUT, G("a:80")),
	ROW(400, SHUT, G("/metrics#top")),
	ROW(400, SHUT, G("http://")),
	ROW(400, SHUT, G("http:///metrics")),
	ROW(400, SHUT, G("http://:80/metrics")),
	ROW(400, SHUT, G("http://u:p@a/metrics")),
	ROW(400, SHUT, G("http://a:b/metrics")),
	ROW(400, SHUT, G("http://a:1:2/metrics")),
	ROW(400, SHUT, G("ftp://a/metrics")),
	ROW(400, SHUT, G("/caf\xc3\xa9")),
	ROW(400, SHUT, G("/me\x01trics")),
	ROW(400, SHUT, G("/me\0trics")),
	ROW(400, SHUT, G("/me\x7ftrics")),
	/* Host */
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\n" HOST HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\n" HOST "hOST: b\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.0\r\n" HOST HOST "\r\n"),
	ROW(400, SHUT, "GET http://a/metrics HTTP/1.1\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\r\nHost:\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\r\nHost:a\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\r\nHost: a.b-c:9464 \t\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\r\nHost: [fe80::1]\r\n\r\n"),
	ROW(200, OPEN, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:\r\n\r\n"),
	ROW(200, OPEN, "GET http://a/metrics HTTP/1.1\r\nHost: other\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: a b\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: a, b\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: a/b\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: u@a\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: a:b\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: [::1\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: []\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: a%4\r\n\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),
	/* fields */
	ROW(200, OPEN, WITH("X-Text: caf\xc3\xa9 \t \r\n")),
	ROW(200, OPEN, WITH("X:\r\nX: \r\n!#$%&'*+-.^_`|~: ok\r\n")),
	ROW(200, OPEN, WITH("TE: trailers\r\nUpgrade: h2c\r\nConnection: upgrade, te\r\n")),
	ROW(200, SHUT, WITH("Connection: close\r\n")),
	ROW(200, SHUT, WITH("connection: x , CLOSE\r\n")),
	ROW(200, SHUT, WITH("Connection: keep-alive\r\nConnection: close\r\n")),
	ROW(200, OPEN, WITH("Connection: closed\r\n")),
	ROW(400, SHUT, WITH("Name : value\r\n")),
	ROW(400, SHUT, WITH("Name\t: value\r\n")),
	ROW(400, SHUT, WITH(": value\r\n")),
	ROW(400, SHUT, WITH("no colon\r\n")),
	ROW(400, SHUT, WITH("na me: value\r\n")),
	ROW(400, SHUT, WITH("n(me: value\r\n")),
	ROW(400, SHUT, WITH("n\xc3\xa9: value\r\n")),
	ROW(400, SHUT, WITH("X: a\r\n b\r\n")),
	ROW(400, SHUT, WITH("X: a\r\n\tb\r\n")),
	ROW(400, SHUT, WITH("X: a\r\n \r\n")),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\n " HOST "\r\n"),
	ROW(400, SHUT, WITH("X: a\rb\r\n")),
	ROW(400, SHUT, WITH("X: a\r\r\n")),
	ROW(400, SHUT, WITH("X: a\0b\r\n")),
	ROW(400, SHUT, WITH("X: a\x01\r\n")),
	ROW(400, SHUT, WITH("X: a\x0b\r\n")),
	ROW(400, SHUT, WITH("X: a\x7f\r\n")),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r" HOST "\r\n"),
	ROW(400, SHUT, "GET /metrics HTTP/1.1\r\r\n" HOST "\r\n"),
	ROW(400, SHUT, "\rGET /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "\0GET /metrics HTTP/1.1\r\n" HOST "\r\n"),
	ROW(400, SHUT, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	/* Expect */
	ROW(405, OPEN, "POST /metrics HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n"),
	ROW(404, OPEN, POST("Expect: 100-continue\r\nContent-Length: 2\r\n", "hi")),
	ROW(404, OPEN, POST("expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
	ROW(200, SHUT, "GET /metrics HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),
	ROW(200, SHUT, "GET /metrics HTTP/1.0\r\nExpect: a cake\r\n\r\n"),
	ROW(417, SHUT, WITH("Expect: a cake\r\n")),
	ROW(417, SHUT, WITH("Expect: 100-continue, a cake\r\n")),
	/* bodies of known length */
	ROW(200, OPEN, WITH("Content-Length: 0\r\n")),
	ROW(200, OPEN, WITH("Content-Length: 5\r\n") "hello"),
	ROW(200, OPEN, WITH("Content-Length: 26\r\n") "GET /-/healthy HTTP/1.1\r\n\r"),
	ROW(404, OPEN, POST("Content-Length: 005\r\n", "hello")),
	ROW(404, OPEN, POST("Content-Length: 5, 5\r\n", "hello")),
	ROW(404, OPEN, POST("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
	ROW(404, OPEN, "DELETE /any HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n\r\n"),
	ROW(404, SHUT, "POST /any HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"),
	ROW(405, OPEN, "TRACE /any HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"),
	ROW(204, OPEN, "OPTIONS * HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"),
	ROW(400, SHUT, POST("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")),
	ROW(400, SHUT, POST("Content-Length: 5, 6\r\n", "hello")),
	ROW(400, SHUT, POST("Content-Length:\r\n", "")),
	ROW(400, SHUT, POST("Content-Length: ,\r\n", "")),
	ROW(400, SHUT, POST("Content-Length: -1\r\n", "")),
	ROW(400, SHUT, POST("Content-Length: +1\r\n", "h")),
	ROW(400, SHUT, POST("Content-Length: 0x1\r\n", "h")),
	ROW(400, SHUT, POST("Content-Length: 1e1\r\n", "h")),
	ROW(400, SHUT, POST("Content-Length: 1 2\r\n", "h")),
	ROW(400, SHUT, POST("Content-Length: 1;\r\n", "h")),
	ROW(400, SHUT, POST("Content-Length: \"1\"\r\n", "h")),
	ROW(413, SHUT, POST("Content-Length: 65537\r\n", "h")),
	ROW(413, SHUT, POST("Content-Length: 18446744073709551617\r\n", "h")),
	/* transfer codings */
	ROW(404, OPEN, CHUNKED("0\r\n\r\n")),
	ROW(404, OPEN, CHUNKED("5\r\nhello\r\n0\r\n\r\n")),
	ROW(404, OPEN, CHUNKED("a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n")),
	ROW(404, OPEN, CHUNKED("5;a=\"b;c\";d\r\nhello\r\n0;x\r\n\r\n")),
	ROW(404, OPEN, CHUNKED("5 ;a\r\nhello\r\n0\r\n\r\n")),
	ROW(404, OPEN, CHUNKED("2\r\n\r\n\r\n0\r\nTrailer: x\r\nZ:\r\n\r\n")),
	ROW(404, OPEN, POST("transfer-encoding: , Chunked ,\r\n", "0\r\n\r\n")),
	ROW(200, OPEN, WITH("Transfer-Encoding: chunked\r\n") "1\r\nx\r\n0\r\n\r\n"),
	ROW(200, OPEN,
	    "HEAD /metrics HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	ROW(400, SHUT, CHUNKED("\r\n")),
	ROW(400, SHUT, CHUNKED("g\r\n")),
	ROW(400, SHUT, CHUNKED("-1\r\n")),
	ROW(400, SHUT, CHUNKED("0x1\r\nh\r\n")),
	ROW(400, SHUT, CHUNKED(" 1\r\nh\r\n")),
	ROW(400, SHUT, CHUNKED("1 \r\nh\r\n")),
	ROW(400, SHUT, CHUNKED("1 1\r\nh\r\n")),
	ROW(400, SHUT, CHUNKED("1\nh\r\n")),
	ROW(400, SHUT, CHUNKED("1\rh\r\n")),
	ROW(400, SHUT, CHUNKED("1;a\nh\r\n")),
	ROW(400, SHUT, CHUNKED("1;a\0\r\nh\r\n")),
	ROW(400, SHUT, CHUNKED("1\r\nhello\r\n")),
	ROW(400, SHUT, CHUNKED("5\r\nhello\n0\r\n\r\n")),
	ROW(400, SHUT, CHUNKED("0\r\n\n")),
	ROW(400, SHUT, CHUNKED("0\r\nX: y\n\r\n")),
	ROW(400, SHUT, CHUNKED("0\r\nX: \0\r\n\r\n")),
	ROW(413, SHUT, CHUNKED("10001\r\n")),
	ROW(413, SHUT, CHUNKED("10000000000000000\r\n")),
	ROW(413, SHUT, CHUNKED("1\r\nh\r\n10000\r\n")),
	ROW(400, SHUT, POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
	ROW(400, SHUT,
	    POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding: identity\r\n", "")),
	ROW(400, SHUT, POST("Transfer-Encoding: gzip\r\n", "")),
	ROW(400, SHUT, POST("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding:\r\n", "")),
	ROW(400, SHUT,
	    POST("Transfer-Encoding: \x0b"
		 "chunked\r\n",
		 "0\r\n\r\n")),
	ROW(400, SHUT, POST("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, POST("X: y\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
	ROW(501, SHUT, POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
	ROW(501, SHUT,
	    POST("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
	ROW(400, SHUT, "POST /any HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
};

/* ---- the server and its client ---- */

static cprom_registry *registry;
static cprom_server *server;

/* Answers a probe with its query, and no other path. */
static int
probe(cprom_request *q, cprom_response *p, void *arg)
{
	(void)arg;
	if (strcmp(cprom_request_path(q), "/probe") != 0)
		return -1;
	return cprom_response_text(p, cprom_request_query(q));
}

static int
set_up(void **state)
{
	(void)state;
	registry = cprom_registry_new(.shared = 0);
	cprom_counter_inc(cprom_counter_new("a_total", "Help.", .registry = registry));
	cprom_gauge_set(cprom_gauge_new("b", "Help.", .registry = registry), 1);
	server = cprom_server_open("127.0.0.1:0", .registry = registry, .handler = probe);
	return server != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	cprom_server_stop(server);
	cprom_registry_free(registry);
	return 0;
}

struct client {
	int fd;
	bool ended;
	size_t n, at; /* bytes that came, and those that have been looked at */
	char bytes[16384];
};

static void
turn(void)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(cprom_server_step(server, 0), 0);
}

static void
begin(struct client *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)cprom_server_port(server)),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int on = 1;

	c->ended = false;
	c->n = c->at = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	turn();
}

/* With a reset, so that thousands of connections leave no port behind. */
static void
end(struct client *c)
{
	struct linger none = {1, 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(c->fd);
	turn();
}

/* Says it and lets the server read it; the server may have closed already. */
static void
say(struct client *c, const char *text, size_t n)
{
	if (n > 0 && send(c->fd, text, n, MSG_NOSIGNAL) < 0)
		assert_true(errno == EPIPE || errno == ECONNRESET);
	turn();
}

/* Takes all that the server has to say. */
static void
hear(struct client *c)
{
	for (int idle = 0; idle < 3 && !c->ended;) {
		ssize_t n;

		turn();
		n = recv(c->fd, c->bytes + c->n, sizeof(c->bytes) - 1 - c->n, MSG_DONTWAIT);
		if (n > 0)
			c->n += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			c->ended = true;
		else
			idle++;
	}
	c->bytes[c->n] = '\0';
}

struct reply {
	int status;
	bool close;
	bool allows;
	const char *body;
	size_t length;
};

/* The next reply in what came; status 0: there is none. */
static struct reply
take_reply(struct client *c, bool head_only)
{
	struct reply r = {0};
	char *head = c->bytes + c->at, *stop = strstr(head, "\r\n\r\n");
	char *length;

	if (stop == NULL || strncmp(head, "HTTP/1.1 ", 9) != 0)
		return r;
	r.status = atoi(head + 9);
	*stop = '\0';
	r.body = stop + 4;
	r.close = strstr(head, "\r\nConnection: close") != NULL;
	r.allows = strstr(head, "\r\nAllow: GET, HEAD") != NULL;
	length = strstr(head, "\r\nContent-Length: ");
	if (length != NULL && !head_only)
		r.length = strtoul(length + 18, NULL, 10);
	c->at = (size_t)(r.body - c->bytes) + r.length;
	if (c->at > c->n)
		r.status = 0;
	return r.status / 100 == 1 ? take_reply(c, head_only) : r;
}

/* ---- what each row has to do ---- */

static bool
is_head(const struct row *row)
{
	const char *text = row->text;

	while (*text == '\r' || *text == '\n')
		text++;
	return strncmp(text, "HEAD ", 5) == 0;
}

static bool
takes_probe(struct client *c, const char *what)
{
	struct reply r = take_reply(c, false);

	return r.status == 200 && r.length == strlen(what) && memcmp(r.body, what, r.length) == 0;
}

/* Did the row and the probe behind it get what they should, and nothing else come? */
static const char *
judge(struct client *c, const struct row *row)
{
	struct reply r;

	hear(c);
	r = take_reply(c, is_head(row));
	if (r.status != row->status)
		return "status";
	if (r.close != (row->after == SHUT))
		return "Connection";
	if ((r.status == 405 || r.status == 204) && !r.allows)
		return "Allow";
	if (row->after == OPEN && !takes_probe(c, "behind"))
		return "answer to the next request";
	if (c->at != c->n)
		return "end";
	return c->ended == (row->after == SHUT) ? NULL : "connection";
}

static void
judge_or_fail(struct client *c, const struct row *row, const char *how, size_t cut)
{
	const char *wrong = judge(c, row);

	if (wrong != NULL)
		fail_msg("%d, %s, at %zu: wrong %s: \"%.200s\" for\n%s", row->status, how, cut,
			 wrong, c->bytes, row->text);
}

static const char behind[] = PROBE("behind");

/* In two parts: cut == 0 is as a whole. */
static void
say_cut(struct client *c, const struct row *row, size_t cut)
{
	char text[1024];
	size_t n = row->n + sizeof(behind) - 1;

	assert_true(n <= sizeof(text));
	memcpy(text, row->text, row->n);
	memcpy(text + row->n, behind, sizeof(behind) - 1);
	if (cut > 0)
		say(c, text, cut);
	say(c, text + cut, n - cut);
}

static void
whole_or_cut_anywhere_each_gets_its_status(void **state)
{
	static struct client c;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut <= rows[i].n; cut++) {
			begin(&c);
			say_cut(&c, &rows[i], cut);
			judge_or_fail(&c, &rows[i], "cut", cut);
			end(&c);
		}
}

static void
byte_by_byte_each_gets_its_status(void **state)
{
	static struct client c;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(&c);
		for (size_t at = 0; at < rows[i].n; at++)
			say(&c, rows[i].text + at, 1);
		say(&c, behind, sizeof(behind) - 1);
		judge_or_fail(&c, &rows[i], "byte by byte", 0);
		end(&c);
	}
}

/* In one segment with two requests before it and one behind. */
static void
pipelined_each_gets_its_status(void **state)
{
	static const char before[] = PROBE("first") PROBE("second");
	static struct client c;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1024];
		size_t n = sizeof(before) - 1;

		memcpy(text, before, n);
		memcpy(text + n, rows[i].text, rows[i].n);
		n += rows[i].n;
		memcpy(text + n, behind, sizeof(behind) - 1);
		begin(&c);
		say(&c, text, n + sizeof(behind) - 1);
		hear(&c);
		assert_true(takes_probe(&c, "first") && takes_probe(&c, "second"));
		judge_or_fail(&c, &rows[i], "pipelined", 0);
		end(&c);
	}
}

/* All that leave it open, on one connection. */
static void
one_connection_serves_all_that_leave_it_open(void **state)
{
	static struct client c;

	(void)state;
	begin(&c);
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].after != OPEN)
			continue;
		c.n = c.at = 0;
		say_cut(&c, &rows[i], 0);
		judge_or_fail(&c, &rows[i], "on one connection", 0);
	}
	end(&c);
}

/* What is too long is made here: a beginning, then as many of one byte as it takes, and an end. */
static void
what_is_too_long_gets_its_status(void **state)
{
	static const struct {
		int status;
		enum after after;
		const char *begin;
		size_t fill;
		const char *end;
	} longs[] = {
		{501, SHUT, "G", 9000, " / HTTP/1.1\r\n" HOST "\r\n"},
		{414, SHUT, "GET /", 9000, " HTTP/1.1\r\n" HOST "\r\n"},
		{404, OPEN, "GET /", 8000, " HTTP/1.1\r\n" HOST "\r\n"},
		{414, SHUT, "GET /metrics?", 9000, " HTTP/1.1\r\n" HOST "\r\n"},
		{200, OPEN, "GET /metrics?", 8000, " HTTP/1.1\r\n" HOST "\r\n"},
		{431, SHUT, "GET /metrics HTTP/1.1\r\n" HOST "X: ", 9000, "\r\n\r\n"},
		{431, SHUT, "GET /metrics HTTP/1.1\r\n" HOST, 9000, ": x\r\n\r\n"},
		{200, OPEN, "GET /metrics HTTP/1.1\r\n" HOST "X: ", 8000, "\r\n\r\n"},
		{200, OPEN, "GET /metrics HTTP/1.1\r\n" HOST, 8000, ": x\r\n\r\n"},
		{404, OPEN, POST("Content-Length: 65536\r\n", ""), 65536, ""},
		{413, SHUT, POST("Content-Length: 65537\r\n", ""), 65537, ""},
		{404, OPEN, CHUNKED("10000\r\n"), 65536, "\r\n0\r\n\r\n"},
		{413, SHUT, CHUNKED("0;"), 65537, "\r\n\r\n"},
		{404, OPEN, CHUNKED("0\r\nX:"), 60000, "\r\n\r\n"},
		{413, SHUT, CHUNKED("0\r\nX:"), 65537, "\r\n\r\n"},
	};
	static char text[70000];
	static struct client c;

	(void)state;
	for (size_t i = 0; i < COUNT(longs); i++)
		for (size_t part = 997; part < sizeof(text); part *= 5) {
			size_t n = strlen(longs[i].begin), size;
			struct row row = {longs[i].status, longs[i].after, n, longs[i].begin};

			memcpy(text, longs[i].begin, n);
			memset(text + n, 'a', longs[i].fill);
			n += longs[i].fill;
			size = n + strlen(longs[i].end);
			memcpy(text + n, longs[i].end, size - n);
			begin(&c);
			for (size_t at = 0; at < size; at += part)
				say(&c, text + at, size - at < part ? size - at : part);
			say(&c, behind, sizeof(behind) - 1);
			judge_or_fail(&c, &row, "in parts", part);
			end(&c);
		}
}

/* The length of the page that has these names in its query; 0 also if it is refused. */
static size_t
page_length(const char *query, int *status)
{
	static struct client c;
	char text[4096];
	struct reply r;
	int n = snprintf(text, sizeof(text), "GET /metrics?%s HTTP/1.1\r\nHost: a\r\n\r\n", query);

	begin(&c);
	say(&c, text, (size_t)n);
	hear(&c);
	r = take_reply(&c, false);
	*status = r.status;
	n = r.status == 200 ? (int)r.length : 0;
	end(&c);
	return (size_t)n;
}

static void
name_selects_families(void **state)
{
	char many[65 * sizeof("name[]=b&")];
	size_t a, b, all;
	int status;

	(void)state;
	all = page_length("", &status);
	a = page_length("x=y&name[]=a_total", &status);
	b = page_length("name%5b%5D=%62", &status);
	assert_true(a > 0 && b > 0 && a + b == all);
	assert_int_equal(page_length("name[]=b&z&name[]=a_total", &status), all);
	assert_int_equal(page_length("name=b", &status), all);
	assert_int_equal(page_length("name[]=a", &status), 0);
	assert_int_equal(status, 200);
	many[0] = '\0';
	for (int i = 0; i < CPROM_MAX_SCRAPE_NAMES; i++)
		strcat(many, "name[]=b&");
	assert_int_equal(page_length(many, &status), b);
	strcat(many, "name[]=b");
	page_length(many, &status);
	assert_int_equal(status, 400);
}

/* The status of a request whose head is of so many bytes, in parts of 1000. */
static int
status_of_head(size_t bytes)
{
	static const char before[] = "GET /metrics HTTP/1.1\r\n" HOST "X: ";
	static char text[70000];
	static struct client c;
	int status;

	memset(text, 'a', bytes);
	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + bytes - 4, "\r\n\r\n", 4);
	begin(&c);
	for (size_t at = 0; at < bytes; at += 1000)
		say(&c, text + at, bytes - at < 1000 ? bytes - at : 1000);
	say(&c, behind, sizeof(behind) - 1);
	hear(&c);
	status = take_reply(&c, false).status;
	assert_int_equal(takes_probe(&c, "behind"), status == 200);
	end(&c);
	return status;
}

static void
the_longest_head_is_an_option(void **state)
{
	static const unsigned limits[] = {1024, 8193, 65536};
	cprom_server *usual = server;

	(void)state;
	assert_int_equal(status_of_head(8192), 200);
	assert_int_equal(status_of_head(8193), 431);
	for (size_t i = 0; i < COUNT(limits); i++) {
		server = cprom_server_open("127.0.0.1:0", .registry = registry, .handler = probe,
					   .max_head_bytes = limits[i]);
		assert_non_null(server);
		assert_int_equal(status_of_head(limits[i] - 1), 200);
		assert_int_equal(status_of_head(limits[i]), 200);
		assert_int_equal(status_of_head(limits[i] + 1), 431);
		cprom_server_stop(server);
	}
	server = usual;
	assert_null(cprom_server_open("127.0.0.1:0", .max_head_bytes = 1023));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_server_open("127.0.0.1:0", .max_head_bytes = 65537));
	assert_int_equal(errno, EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_or_cut_anywhere_each_gets_its_status),
		cmocka_unit_test(byte_by_byte_each_gets_its_status),
		cmocka_unit_test(pipelined_each_gets_its_status),
		cmocka_unit_test(one_connection_serves_all_that_leave_it_open),
		cmocka_unit_test(what_is_too_long_gets_its_status),
		cmocka_unit_test(name_selects_families),
		cmocka_unit_test(the_longest_head_is_an_option),
	};

	_Static_assert(COUNT(rows) >= 200, "requests");
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
