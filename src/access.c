/* SPDX-License-Identifier: MIT */
/*
 * access: who may see what a server serves.
 *
 *  1. A secret is compared as clients send it: Basic credentials are encoded once, when the
 *     server is made, so that nothing of a client's is ever decoded. Base64 with padding has one
 *     text for each sequence of bytes (RFC 4648, 3.5), so equal texts are equal credentials,
 *     and what a strict decoder would refuse is equal to none.
 *  2. A comparison reads all the room that a secret has, whatever was sent and however
 *     long the secret is: its time tells neither where they differ nor the length.
 *  3. Copies of secrets have their place in the server and, while a request is looked at, on the stack; both
 *     are zeroed by a call that no compiler leaves out.
 */
#include "access.h"

#include "error.h"
#include "platform.h"

#include <errno.h>
#include <unistd.h>

#define FIELD_ROOM 2048 /* a longer Authorization field cannot be right */
#define BEARER "WWW-Authenticate: Bearer realm=\"metrics\"\r\n"
#define BASIC "WWW-Authenticate: Basic realm=\"metrics\", charset=\"UTF-8\"\r\n"

/* ---- options ---- */

/* Are all bytes of the text above this one, and none DEL? */
static bool
is_above(const char *text, unsigned char least)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= least || *text == 0x7F)
			return false;
	return true;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text > 0x7F)
			return false;
	return true;
}

/* Behind the text so far, whose rest becomes base64 (RFC 4648, 4). */
static void
encode(struct secret *s, const char *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t three = 0;

		for (size_t k = 0; k < 3; k++)
			three = three << 8 | (i + k < n ? (unsigned char)bytes[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			s->text[s->n++] = k <= n - i ? digits[three >> (18 - 6 * k) & 63] : '=';
	}
}

static int
set_bearer(struct secret *s, const char *token)
{
	size_t n = strlen(token);

	if (n == 0 || n > CPROMI_SECRET_MAX)
		return cpromi_fail(EINVAL, "bearer_token is empty or longer than %d bytes",
				   CPROMI_SECRET_MAX);
	if (!is_above(token, ' ') || !is_ascii(token))
		return cpromi_fail(EINVAL,
				   "bearer_token has a byte that is not visible ASCII, such as the "
				   "line end of the file it was read from");
	memcpy(s->text, token, n);
	s->n = n;
	return 0;
}

static int
set_basic(struct secret *s, const char *user, const char *password)
{
	char both[CPROMI_SECRET_MAX];
	size_t user_n, password_n;

	if (user == NULL || password == NULL)
		return cpromi_fail(EINVAL, "basic_user and basic_password need each other");
	user_n = strlen(user);
	password_n = strlen(password);
	if (user_n == 0 || password_n == 0)
		return cpromi_fail(EINVAL, "basic_user or basic_password is empty");
	if (user_n >= sizeof(both) || password_n >= sizeof(both) - user_n)
		return cpromi_fail(
			EINVAL, "basic_user and basic_password are longer than %zu bytes together",
			sizeof(both) - 1);
	if (strchr(user, ':') != NULL)
		return cpromi_fail(EINVAL, "basic_user has a colon");
	if (!is_above(user, 0x1F) || !is_above(password, 0x1F))
		return cpromi_fail(EINVAL,
				   "basic_user or basic_password has a control character, such as "
				   "the line end of the file it was read from");
	memcpy(both, user, user_n);
	both[user_n] = ':';
	memcpy(both + user_n + 1, password, password_n);
	encode(s, both, user_n + 1 + password_n);
	explicit_bzero(both, sizeof(both));
	return 0;
}

int
cpromi_access_set(struct http_access *a, const cprom_server_options *o)
{
	a->authorize = o->authorize;
	a->arg = o->authorize_arg;
	a->check_peer = o->check_peer != 0;
	a->peer_uid = (uid_t)o->peer_uid;
	if (o->bearer_token != NULL && set_bearer(&a->bearer, o->bearer_token) < 0)
		return -1;
	if (o->basic_user != NULL || o->basic_password != NULL)
		return set_basic(&a->basic, o->basic_user, o->basic_password);
	return 0;
}

/* ---- requests ---- */

/* See 2. volatile: the compiler must not find out when the result is clear. */
static bool
is_secret(const struct secret *s, const char *text, size_t n)
{
	char given[sizeof(s->text)] = {0};
	volatile unsigned char differ = 0;

	if (n > sizeof(given))
		return false;
	memcpy(given, text, n);
	for (size_t i = 0; i < sizeof(given); i++)
		differ |= (unsigned char)(given[i] ^ s->text[i]);
	explicit_bzero(given, sizeof(given));
	return differ == 0 && s->n != 0;
}

/* Does the value of an Authorization field show that the client knows a secret? (RFC 9110, 11.4) */
static bool
is_good(const struct http_access *a, const char *value)
{
	size_t n = strcspn(value, " ");
	const char *text = value + n;

	text += strspn(text, " ");
	if (cpromi_http_same(value, n, "bearer"))
		return is_secret(&a->bearer, text, strlen(text));
	return cpromi_http_same(value, n, "basic") && is_secret(&a->basic, text, strlen(text));
}

/* Several fields are joined by commas, and so are equal to no credentials; nor is one that does not fit. */
static bool
has_secret(const struct http_access *a, const struct cprom_request *q)
{
	char room[FIELD_ROOM];
	struct http_buffer value = {.data = room, .cap = sizeof(room), .fixed = true};
	bool good;

	cpromi_http_request_join(q, "authorization", &value);
	good = value.n > 0 && !value.failed && is_good(a, room);
	explicit_bzero(room, sizeof(room));
	return good;
}

/* The server's user is the one it has now: a daemon may have dropped its privileges since it began. */
bool
cpromi_access_admits(const struct http_access *a, const struct http_peer *peer)
{
	if (!a->check_peer)
		return true;
	return peer->known &&
	       (peer->uid == 0 || peer->uid == geteuid() || peer->uid == a->peer_uid);
}

int
cpromi_access_check(const struct http_access *a, struct cprom_request *q)
{
	int status;

	if ((a->bearer.n != 0 || a->basic.n != 0) && !has_secret(a, q))
		return 401;
	status = a->authorize != NULL ? a->authorize(q, a->arg) : 0;
	return status == 0 || (status >= 400 && status <= 599) ? status : 403;
}

const char *
cpromi_access_challenge(const struct http_access *a)
{
	if (a->basic.n == 0)
		return BEARER;
	return a->bearer.n != 0 ? BASIC BEARER : BASIC;
}

void
cpromi_access_wipe(const struct http_access *a, void *data, size_t n)
{
	if (a->bearer.n != 0 || a->basic.n != 0 || a->authorize != NULL)
		explicit_bzero(data, n);
}

void
cpromi_access_forget(struct http_access *a)
{
	explicit_bzero(a, sizeof(*a));
}
