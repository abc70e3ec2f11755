/* SPDX-License-Identifier: MIT */
/*
 * Tests of who may see what: secrets, as clients send them, and the program's own rule.
 *
 * The credentials that clients send stand here as curl makes them, not as the library would.
 */
#include "access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the request with these fields, each ended by CRLF, is answered. */
static int
check(const struct http_access *a, const char *fields)
{
	char text[4096];
	struct http_head head = {0};
	struct cprom_request q;
	int n = snprintf(text, sizeof(text), "GET /metrics HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(cpromi_http_head_parse(&head, text, (size_t)n), HTTP_DONE);
	assert_int_equal(cpromi_http_request_open(&q, &head, text), 0);
	return cpromi_access_check(a, &q);
}

static int
check_value(const struct http_access *a, const char *value)
{
	char fields[3072];

	snprintf(fields, sizeof(fields), "Authorization: %s\r\n", value);
	return check(a, fields);
}

static struct http_access
access_of(const cprom_server_options *o)
{
	struct http_access a = {.arg = NULL};

	if (cpromi_access_set(&a, o) < 0)
		fail_msg("%s", cprom_error());
	return a;
}

static bool
is_zero(const void *data, size_t n)
{
	const char *bytes = data;

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static void
without_options_everybody_may(void **state)
{
	struct http_access a = access_of(&(cprom_server_options){.size = 0});

	(void)state;
	assert_int_equal(check(&a, ""), 0);
	assert_int_equal(check_value(&a, "Bearer x"), 0);
}

static void
a_bearer_token_is_taken_and_nothing_near_it(void **state)
{
	static const char *const others[] = {
		"Bearer",         "Bearer ",           "Bearer secre",    "Bearer secret1",
		"Bearer secreT",  "Bearer secret,",    "Bearer secret a", "Bearersecret",
		"secret",         "Basic secret",      "Digest secret",   "Bearer  secre",
		"Bearer\tsecret", "Bearer \"secret\"",
	};
	struct http_access a = access_of(&(cprom_server_options){.bearer_token = "secret"});

	(void)state;
	assert_int_equal(check_value(&a, "Bearer secret"), 0);
	assert_int_equal(check_value(&a, "bEARER   secret"), 0);
	assert_int_equal(check(&a, "AUTHORIZATION:Bearer secret \t\r\n"), 0);
	assert_int_equal(check(&a, ""), 401);
	assert_int_equal(check_value(&a, "Basic"), 401); /* no secret is not an empty one */
	assert_int_equal(check_value(&a, ""), 401);
	assert_int_equal(check(&a, "Proxy-Authorization: Bearer secret\r\n"), 401);
	for (size_t i = 0; i < COUNT(others); i++)
		if (check_value(&a, others[i]) != 401)
			fail_msg("%s", others[i]);
}

static void
credentials_that_come_twice_are_refused(void **state)
{
	struct http_access a = access_of(&(cprom_server_options){.bearer_token = "secret"});

	(void)state;
	assert_int_equal(
		check(&a, "Authorization: Bearer secret\r\nAuthorization: Bearer secret\r\n"), 401);
	assert_int_equal(check(&a, "Authorization: Bearer x\r\nAuthorization: Bearer secret\r\n"),
			 401);
}

static const struct {
	const char *user, *password, *encoded;
} pairs[] = {
	{"Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, /* RFC 7617, 2 */
	{"test", "123\xC2\xA3", "dGVzdDoxMjPCow=="},                /* RFC 7617, 2.1 */
	{"a", "b", "YTpi"},
	{"a", "bc", "YTpiYw=="},
	{"a", "bcd", "YTpiY2Q="},
	{"u", "a:b>?~", "dTphOmI+P34="},
};

static void
user_and_password_are_taken_as_the_rfc_encodes_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct http_access a = access_of(&(cprom_server_options){
			.basic_user = pairs[i].user, .basic_password = pairs[i].password});
		char value[128];

		snprintf(value, sizeof(value), "Basic %s", pairs[i].encoded);
		assert_int_equal(check_value(&a, value), 0);
		value[strlen(value) - 1] ^= 1;
		assert_int_equal(check_value(&a, value), 401);
		assert_int_equal(check_value(&a, "Bearer YTpi"), 401);
		assert_int_equal(check_value(&a, "Bearer"), 401);
	}
}

/* Texts that a lax decoder would take for a:bc. */
static void
base64_is_read_strictly(void **state)
{
	static const char *const lax[] = {
		"YTpiYw",     "YTpiYw=",  "YTpiYw===",        "YTpiYx==", "YTpi Yw==",
		"YTpiYw== x", "YTpi-w==", "YTpiYw==YTpiYw==", "=YTpiYw=",
	};
	struct http_access a = access_of(
		&(cprom_server_options){.basic_user = "a", .basic_password = "bc"});

	(void)state;
	assert_int_equal(check_value(&a, "Basic YTpiYw=="), 0);
	for (size_t i = 0; i < COUNT(lax); i++) {
		char value[128];

		snprintf(value, sizeof(value), "Basic %s", lax[i]);
		if (check_value(&a, value) != 401)
			fail_msg("%s", lax[i]);
	}
}

static void
either_of_both_is_enough(void **state)
{
	struct http_access a = access_of(&(cprom_server_options){
		.bearer_token = "secret", .basic_user = "a", .basic_password = "b"});

	(void)state;
	assert_int_equal(check_value(&a, "Bearer secret"), 0);
	assert_int_equal(check_value(&a, "Basic YTpi"), 0);
	assert_int_equal(check_value(&a, "Basic secret"), 401);
	assert_int_equal(check_value(&a, "Bearer YTpi"), 401);
}

static void
secrets_of_the_largest_size_are_taken(void **state)
{
	char token[CPROMI_SECRET_MAX + 2], value[CPROMI_SECRET_MAX + 16];
	cprom_server_options o = {.bearer_token = token};
	struct http_access a;

	(void)state;
	memset(token, 'x', sizeof(token));
	token[CPROMI_SECRET_MAX] = '\0';
	a = access_of(&o);
	snprintf(value, sizeof(value), "Bearer %s", token);
	assert_int_equal(check_value(&a, value), 0);
	value[strlen(value) - 1] = 'y';
	assert_int_equal(check_value(&a, value), 401);
	memset(token, 'x', sizeof(token));
	token[CPROMI_SECRET_MAX + 1] = '\0';
	assert_int_equal(cpromi_access_set(&a, &o), -1);
	o = (cprom_server_options){.basic_user = "u", .basic_password = token};
	token[CPROMI_SECRET_MAX - 2] = '\0';
	a = access_of(&o);
	assert_int_equal(a.basic.n, sizeof(a.basic.text));
	token[CPROMI_SECRET_MAX - 2] = 'x';
	token[CPROMI_SECRET_MAX - 1] = '\0';
	assert_int_equal(cpromi_access_set(&a, &o), -1);
}

/* Longer than any room, as an attacker may send it. */
static void
credentials_that_are_too_long_are_refused(void **state)
{
	struct http_access a = access_of(&(cprom_server_options){.bearer_token = "x"});
	char value[2600];

	(void)state;
	for (size_t n = 1360; n < sizeof(value) - 1; n++) {
		memset(value, 'x', n);
		value[n] = '\0';
		memcpy(value, "Bearer ", 7);
		assert_int_equal(check_value(&a, value), 401);
	}
}

static const cprom_server_options bad[] = {
	{.bearer_token = ""},
	{.bearer_token = "SECRET\n"},
	{.bearer_token = "SECRET b"},
	{.bearer_token = "SECRET\xC3\xA4"},
	{.bearer_token = "SECRET\x7F"},
	{.basic_user = "SECRET"},
	{.basic_password = "SECRET"},
	{.basic_user = "", .basic_password = "SECRET"},
	{.basic_user = "SECRET", .basic_password = ""},
	{.basic_user = "SEC:RET", .basic_password = "SECRET"},
	{.basic_user = "SECRET\n", .basic_password = "SECRET"},
	{.basic_user = "u", .basic_password = "SECRET\r"},
};

static void
a_bad_secret_is_an_error_that_does_not_tell_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct http_access a = {.arg = NULL};

		errno = 0;
		assert_int_equal(cpromi_access_set(&a, &bad[i]), -1);
		assert_int_equal(errno, EINVAL);
		assert_null(strstr(cprom_error(), "SEC"));
		assert_non_null(strstr(cprom_error(), "_"));
		assert_true(is_zero(&a, sizeof(a)));
	}
}

static void
the_challenge_names_what_is_taken(void **state)
{
	cprom_server_options o = {.size = 0};
	struct http_access a = access_of(&o);

	(void)state;
	assert_non_null(strstr(cpromi_access_challenge(&a), "WWW-Authenticate: Bearer "));
	assert_null(strstr(cpromi_access_challenge(&a), "Basic"));
	o = (cprom_server_options){.basic_user = "a", .basic_password = "b"};
	a = access_of(&o);
	assert_null(strstr(cpromi_access_challenge(&a), "Bearer"));
	assert_non_null(strstr(cpromi_access_challenge(&a), "WWW-Authenticate: Basic "));
	o.bearer_token = "t";
	a = access_of(&o);
	assert_non_null(strstr(cpromi_access_challenge(&a), "WWW-Authenticate: Bearer "));
	assert_non_null(strstr(cpromi_access_challenge(&a), "WWW-Authenticate: Basic "));
}

static int
answer_with(cprom_request *request, void *arg)
{
	assert_string_equal(cprom_request_path(request), "/metrics");
	assert_string_equal(cprom_request_header(request, "x-rule"), "r");
	return *(int *)arg;
}

static void
the_programs_rule_decides_after_the_secrets(void **state)
{
	static const struct {
		int result, status;
	} rules[] = {{0, 0},    {401, 401}, {403, 403}, {400, 400}, {599, 599},
		     {-1, 403}, {1, 403},   {200, 403}, {399, 403}, {600, 403}};
	int result;
	cprom_server_options o = {.authorize = answer_with, .authorize_arg = &result};
	struct http_access a = access_of(&o);

	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++) {
		result = rules[i].result;
		assert_int_equal(check(&a, "X-Rule: r\r\n"), rules[i].status);
	}
	o.bearer_token = "secret";
	a = access_of(&o);
	result = 403;
	assert_int_equal(check(&a, ""), 401); /* and is not asked: there is no X-Rule */
	assert_int_equal(check(&a, "Authorization: Bearer secret\r\nX-Rule: r\r\n"), 403);
	result = 0;
	assert_int_equal(check(&a, "Authorization: Bearer secret\r\nX-Rule: r\r\n"), 0);
}

static void
nothing_is_left_of_secrets(void **state)
{
	struct http_access a = access_of(&(cprom_server_options){
		.bearer_token = "secret", .basic_user = "a", .basic_password = "b"});
	char sent[] = "Bearer secret";

	(void)state;
	cpromi_access_wipe(&a, sent, sizeof(sent));
	assert_true(is_zero(sent, sizeof(sent)));
	cpromi_access_forget(&a);
	assert_true(is_zero(&a, sizeof(a)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_everybody_may),
		cmocka_unit_test(a_bearer_token_is_taken_and_nothing_near_it),
		cmocka_unit_test(credentials_that_come_twice_are_refused),
		cmocka_unit_test(user_and_password_are_taken_as_the_rfc_encodes_them),
		cmocka_unit_test(base64_is_read_strictly),
		cmocka_unit_test(either_of_both_is_enough),
		cmocka_unit_test(secrets_of_the_largest_size_are_taken),
		cmocka_unit_test(credentials_that_are_too_long_are_refused),
		cmocka_unit_test(a_bad_secret_is_an_error_that_does_not_tell_it),
		cmocka_unit_test(the_challenge_names_what_is_taken),
		cmocka_unit_test(the_programs_rule_decides_after_the_secrets),
		cmocka_unit_test(nothing_is_left_of_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
