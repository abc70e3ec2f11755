/* SPDX-License-Identifier: MIT */
/*
 * Tests of http_parse and http_body: what is taken, what is refused and with which status.
 */
#include "http_body.h"
#include "http_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard_page.h"

#define HOST "Host: a\r\n"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* status 0: a good head. */
static const struct {
	int status;
	const char *text;
} heads[] = {
	{0, "GET / HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET / HTTP/1.1\nHost: a\n\n"},
	{0, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET / HTTP/1.0\r\n\r\n"},
	{0, "GET / HTTP/1.9\r\n" HOST "\r\n"},
	{0, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
	{0, "GET / HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n"},
	{0, "GET / HTTP/1.1\r\n" HOST "X-Text: caf\xc3\xa9 \t\r\n\r\n"},
	{0, "GET / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\n"},
	{0, "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n"},
	{0, "GET http://a/x HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET HTTPS://a:1 HTTP/1.1\r\n" HOST "\r\n"},
	{0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
	{0, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET /m?name[]=a&name[]=b HTTP/1.1\r\n" HOST "\r\n"},
	{0, "GET / HTTP/1.0\r\nExpect: the impossible\r\n\r\n"},
	{400, "GET /\r\n" HOST "\r\n"},
	{400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.1 \r\n" HOST "\r\n"},
	{400, " GET / HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"},
	{400, "G(T / HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET / http/1.1\r\n" HOST "\r\n"},
	{400, "GET / HTTP/11\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.10\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.x\r\n" HOST "\r\n"},
	{400, "GET * HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET x HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET http:///x HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
	{400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST ": no name\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\r\n" HOST "\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n" HOST "X: \x7f\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 2\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: ,\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
	{400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST
	      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n"},
	{501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
	{400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"},
	{501, "BREW / HTTP/1.1\r\n" HOST "\r\n"},
	{501, "get / HTTP/1.1\r\n" HOST "\r\n"},
	{417, "POST / HTTP/1.1\r\n" HOST "Expect: a cake\r\n\r\n"},
	{505, "GET / HTTP/2.0\r\n" HOST "\r\n"},
	{505, "GET / HTTP/0.9\r\n" HOST "\r\n"},
	{505, "PRI * HTTP/2.0\r\n\r\n"},
};

/* Feeds the text step bytes at a time, from memory that ends where the bytes end. */
static enum http_result
parse(struct http_head *h, const char *text, size_t n, size_t step)
{
	enum http_result result = HTTP_MORE;

	*h = (struct http_head){0};
	for (size_t given = 0; given < n && result == HTTP_MORE;) {
		char *copy;

		given = n - given < step ? n : given + step;
		copy = malloc(given);
		memcpy(copy, text, given);
		result = cpromi_http_head_parse(h, copy, given);
		free(copy);
	}
	return result;
}

static void
a_head_gets_its_status_however_it_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		size_t n = strlen(heads[i].text);

		for (size_t step = 1; step <= n; step++) {
			struct http_head h;
			enum http_result result = parse(&h, heads[i].text, n, step);

			if (h.status != heads[i].status)
				fail_msg("%d instead of %d in steps of %zu for\n%s", h.status,
					 heads[i].status, step, heads[i].text);
			assert_int_equal(result, h.status == 0 ? HTTP_DONE : HTTP_BAD);
			if (h.status == 0)
				assert_int_equal(h.end, n);
		}
	}
}

static void
nothing_is_decided_before_the_blank_line(void **state)
{
	static const char text[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct http_head h = {0};

		assert_int_equal(cpromi_http_head_parse(&h, text, n), HTTP_MORE);
	}
}

static void
a_control_byte_is_refused_as_soon_as_it_is_seen(void **state)
{
	static const char hello[] = "\x16\x03\x01";
	struct http_head h = {0};

	(void)state;
	assert_int_equal(cpromi_http_head_parse(&h, hello, 3), HTTP_BAD);
	assert_int_equal(h.status, 400);
	h = (struct http_head){0};
	assert_int_equal(cpromi_http_head_parse(&h, "GET /\0", 6), HTTP_BAD);
	assert_int_equal(h.status, 400);
}

static void
assert_span(const char *text, struct http_span span, const char *expected)
{
	assert_int_equal(span.n, strlen(expected));
	assert_memory_equal(text + span.at, expected, span.n);
}

static void
the_target_is_taken_apart(void **state)
{
	static const struct {
		const char *target, *path, *query;
	} rows[] = {
		{"/a/b", "/a/b", ""},    {"/a?b=c?d", "/a", "b=c?d"}, {"/a?", "/a", ""},
		{"/?q", "/", "q"},       {"http://h/a?b", "/a", "b"}, {"http://h:1", "", ""},
		{"http://h?b", "", "b"}, {"/a%20b", "/a%20b", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[128];
		struct http_head h = {0};

		strcpy(text, "GET ");
		strcat(text, rows[i].target);
		strcat(text, " HTTP/1.0\r\n\r\n");
		assert_int_equal(cpromi_http_head_parse(&h, text, strlen(text)), HTTP_DONE);
		assert_span(text, h.path, rows[i].path);
		assert_span(text, h.query, rows[i].query);
		assert_span(text, h.name, "GET");
	}
}

static void
keep_alive_follows_version_and_connection(void **state)
{
	static const struct {
		bool keep;
		const char *text;
	} rows[] = {
		{true, "GET / HTTP/1.1\r\n" HOST "\r\n"},
		{false, "GET / HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n"},
		{false, "GET / HTTP/1.0\r\n\r\n"},
		{true, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"},
		{false, "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n"},
		{true, "GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_head h = {0};

		assert_int_equal(cpromi_http_head_parse(&h, rows[i].text, strlen(rows[i].text)),
				 HTTP_DONE);
		assert_int_equal(h.keep_alive, rows[i].keep);
	}
}

static void
a_head_past_the_limit_says_which_part_is_too_long(void **state)
{
	static const struct {
		int status;
		const char *begin;
	} rows[] = {
		{414, "GET /"},
		{501, "GET"},
		{431, "GET / HTTP/1.1\r\nX: "},
		{431, "GET / HTTP/1.1\r\nX"},
	};
	char *text = malloc(CPROMI_HTTP_HEAD_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_head h;

		memset(text, 'a', CPROMI_HTTP_HEAD_MAX);
		memcpy(text, rows[i].begin, strlen(rows[i].begin));
		h = (struct http_head){0};
		assert_int_equal(cpromi_http_head_parse(&h, text, CPROMI_HTTP_HEAD_MAX - 1),
				 HTTP_MORE);
		assert_int_equal(cpromi_http_head_parse(&h, text, CPROMI_HTTP_HEAD_MAX), HTTP_BAD);
		assert_int_equal(h.status, rows[i].status);
	}
	free(text);
}

static void
a_head_of_just_the_limit_is_good(void **state)
{
	char *text = malloc(CPROMI_HTTP_HEAD_MAX + 100);
	static const char begin[] = "GET / HTTP/1.0\r\nX: ";
	struct http_head h = {0};

	(void)state;
	memset(text, 'a', CPROMI_HTTP_HEAD_MAX + 100);
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + CPROMI_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(cpromi_http_head_parse(&h, text, CPROMI_HTTP_HEAD_MAX + 100), HTTP_DONE);
	assert_int_equal(h.end, CPROMI_HTTP_HEAD_MAX);
	free(text);
}

/* Every prefix of every head, right before a page that must not be touched. */
static void
no_byte_behind_the_given_ones_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++)
		for (size_t n = 0; n <= strlen(heads[i].text); n++) {
			struct http_head h = {0};

			if (cpromi_http_head_parse(&h, at_guard(heads[i].text, n), n) == HTTP_DONE)
				assert_int_equal(h.end, n);
		}
}

/* ---- bodies ---- */

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* The status of a body of which all bytes are given step at a time; *used: how many it took. */
static int
drop_body(const char *head, const char *body, size_t step, size_t *used)
{
	struct http_head h = {0};
	struct http_body b;
	enum http_result result;
	size_t n = strlen(body);

	*used = 0;
	assert_int_equal(cpromi_http_head_parse(&h, head, strlen(head)), HTTP_DONE);
	result = cpromi_http_body_begin(&b, &h);
	while (result == HTTP_MORE && *used < n) {
		size_t part = n - *used < step ? n - *used : step;
		size_t taken;

		result = cpromi_http_body_skip(&b, body + *used, part, &taken);
		*used += taken;
		if (result == HTTP_MORE)
			assert_int_equal(taken, part);
	}
	if (result == HTTP_BAD)
		return b.status;
	return result == HTTP_DONE ? 0 : -1;
}

/* length: of the body, all but what follows it; status -1: there should be more. */
static void
a_chunked_body_ends_where_it_should(void **state)
{
	static const struct {
		int status;
		size_t rest;
		const char *body;
	} rows[] = {
		{0, 3, "0\r\n\r\nGET"},
		{0, 3, "5\r\nhello\r\n0\r\n\r\nGET"},
		{0, 0, "5;a=\"b;c\"\r\nhello\r\n0005 ;\r\nhello\r\n0;x\r\n\r\n"},
		{0, 2, "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\nX: y\r\nZ: \r\n\r\nab"},
		{-1, 0, "5\r\nhello\r\n0\r\nX: y\r\n"},
		{-1, 0, "5\r\nhel"},
		{400, 0, "\r\n"},
		{400, 0, "g\r\n"},
		{400, 0, "5\nhello"},
		{400, 0, "5\r\nhelloX\r\n"},
		{400, 0, "5\r\nhello\n0\r\n\r\n"},
		{400, 0, "-1\r\n"},
		{400, 0, "0x1\r\n"},
		{400, 0, " 1\r\n"},
		{400, 0, "1;a\n"},
		{400, 0, "1 \r\nx\r\n"},
		{400, 0, "1 a\r\nx\r\n"},
		{400, 0, "1;\x7f\r\nx\r\n"},
		{400, 0, "0\r\n\n"},
		{400, 0, "0\r\nX: y\n\r\n"},
		{413, 0, "10001\r\n"},
		{413, 0, "ffffffffffffffffffffffff1\r\n"},
		{413, 0, "1\r\nx\r\n10000\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t step = 1; step < 40; step++) {
			size_t used;
			int status = drop_body(CHUNKED, rows[i].body, step, &used);

			if (status != rows[i].status)
				fail_msg("%d instead of %d for %s", status, rows[i].status,
					 rows[i].body);
			if (status == 0)
				assert_int_equal(used, strlen(rows[i].body) - rows[i].rest);
		}
}

static void
a_body_of_known_length_ends_where_it_should(void **state)
{
	size_t used;

	(void)state;
	for (size_t step = 1; step < 8; step++) {
		assert_int_equal(drop_body("PUT / HTTP/1.0\r\nContent-Length: 5\r\n\r\n",
					   "helloGET", step, &used),
				 0);
		assert_int_equal(used, 5);
		assert_int_equal(drop_body("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "hell",
					   step, &used),
				 -1);
	}
	assert_int_equal(drop_body("PUT / HTTP/1.0\r\n\r\n", "hello", 5, &used), 0);
	assert_int_equal(used, 0);
	assert_int_equal(
		drop_body("PUT / HTTP/1.0\r\nContent-Length: 65536\r\n\r\n", "x", 1, &used), -1);
	assert_int_equal(
		drop_body("PUT / HTTP/1.0\r\nContent-Length: 65537\r\n\r\n", "x", 1, &used), 413);
	assert_int_equal(
		drop_body("PUT / HTTP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n", "x",
			  1, &used),
		413);
}

static void
framing_without_end_is_refused(void **state)
{
	char *body = malloc(CPROMI_HTTP_BODY_MAX + 100);
	size_t used;

	(void)state;
	memset(body, 'a', CPROMI_HTTP_BODY_MAX + 99);
	body[CPROMI_HTTP_BODY_MAX + 99] = '\0';
	memcpy(body, "0;", 2);
	assert_int_equal(drop_body(CHUNKED, body, 1000, &used), 413);
	memcpy(body, "0\r\nX", 4);
	assert_int_equal(drop_body(CHUNKED, body, 1000, &used), 413);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_gets_its_status_however_it_arrives),
		cmocka_unit_test(nothing_is_decided_before_the_blank_line),
		cmocka_unit_test(a_control_byte_is_refused_as_soon_as_it_is_seen),
		cmocka_unit_test(the_target_is_taken_apart),
		cmocka_unit_test(keep_alive_follows_version_and_connection),
		cmocka_unit_test(a_head_past_the_limit_says_which_part_is_too_long),
		cmocka_unit_test(a_head_of_just_the_limit_is_good),
		cmocka_unit_test(no_byte_behind_the_given_ones_is_read),
		cmocka_unit_test(a_chunked_body_ends_where_it_should),
		cmocka_unit_test(a_body_of_known_length_ends_where_it_should),
		cmocka_unit_test(framing_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, lay_guard_page, lift_guard_page);
}
