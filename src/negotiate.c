/* SPDX-License-Identifier: MIT */
/*
 * negotiate: from what a reader accepts to the format that it gets.
 *
 * The rules are those of prometheus/common (expfmt.NegotiateIncludingOpenMetrics), and where
 * those leave a doubt, RFC 9110 (8.3.1, 12.4.2, 12.5.1):
 *
 *  1. Clauses are tried by q, the first of equals first. A q above 1 is 1 (Prometheus 2.49.0 sends
 *     2), one that is not a number is 0, and 0 means "not this".
 *  2. Wildcards choose nothing: who takes anything gets text, as browsers and curl should.
 *  3. Of `escaping` the last known value counts that is met on the way to the clause which is taken.
 *     So a clause may set it for one behind it; but Prometheus' protobuf clause, which comes first
 *     and has none, gets underscores.
 *  4. What is no media range is passed over. Types and names of parameters are compared in any case,
 *     values as they are, in quotes or not. A comma ends a clause in quotes, too: nobody sends one.
 *  5. `text/plain;version=1.0.0` is text, so that a reader which puts it before OpenMetrics gets what
 *     it wants, and is answered as version 0.0.4: the bytes differ in nothing but quoted names, which
 *     escaping=allow-utf-8 announces; readers of 1.0.0 take 0.0.4, the reverse is not true. That is
 *     what client_golang says to the same request.
 *
 * A header is read once, up to NEGOTIATE_CLAUSES commas. So the time is linear in its length
 * whatever is in it, but for sorting so many clauses.
 */
#include "negotiate.h"

#include "platform.h"

#include <stddef.h>
#include <stdint.h>

#define Q_ONE 1000000000u

/* Some bytes of the header. */
struct piece {
	const char *p;
	size_t n;
};

enum version { VERSION_NONE, VERSION_0_0_1, VERSION_0_0_4, VERSION_1_0_0, VERSION_OTHER };

struct clause {
	uint32_t q; /* in parts of Q_ONE */
	bool matches;
	bool has_escaping;
	struct format format; /* escaping: if it has one; the rest: if it matches */
};

/* What the parameters of a clause say. */
struct parameters {
	struct clause *clause;
	enum version version;
	bool metric_family, delimited;
};

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool
is(struct piece s, const char *text)
{
	return strlen(text) == s.n && memcmp(s.p, text, s.n) == 0;
}

/* The same in any case; text is lower case. */
static bool
is_like(struct piece s, const char *text)
{
	size_t i;

	for (i = 0; i < s.n && text[i] != '\0' && fold(s.p[i]) == text[i]; i++)
		;
	return i == s.n && text[i] == '\0';
}

static struct piece
trim(struct piece s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Takes what stands before the next c, or all of it, off the front of *s. */
static struct piece
take_until(struct piece *s, char c)
{
	const char *at = memchr(s->p, c, s->n);
	struct piece front = {s->p, at == NULL ? s->n : (size_t)(at - s->p)};
	size_t taken = front.n + (at != NULL);

	s->p += taken;
	s->n -= taken;
	return trim(front);
}

static struct piece
unquote(struct piece s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return (struct piece){s.p + 1, s.n - 2};
	return s;
}

/* ---- parameters ------------------------------------------------------------- */

/* Digits with or without a point among them; anything else is 0. */
static uint32_t
read_q(struct piece s)
{
	uint64_t q = 0;
	uint32_t unit = Q_ONE;
	bool point = false;

	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(s.p[i] - '0');

		if (s.p[i] == '.' && !point)
			point = true;
		else if (digit > 9)
			return 0;
		else if (point)
			q += digit * (uint64_t)(unit /= 10);
		else if (q < Q_ONE)
			q = q * 10 + digit * (uint64_t)Q_ONE;
	}
	return q > Q_ONE ? Q_ONE : (uint32_t)q;
}

static enum version
read_version(struct piece s)
{
	return is(s, "1.0.0")   ? VERSION_1_0_0
	       : is(s, "0.0.4") ? VERSION_0_0_4
	       : is(s, "0.0.1") ? VERSION_0_0_1
				: VERSION_OTHER;
}

static void
read_escaping(struct clause *c, struct piece s)
{
	static const char *const names[] = {
		[ESCAPING_UNDERSCORES] = "underscores",
		[ESCAPING_DOTS] = "dots",
		[ESCAPING_VALUES] = "values",
		[ESCAPING_ALLOW_UTF8] = "allow-utf-8",
	};

	for (size_t i = 0; i < array_len(names); i++) {
		if (is(s, names[i])) {
			c->format.escaping = (enum escaping)i;
			c->has_escaping = true;
		}
	}
}

static void
read_parameter(struct parameters *to, struct piece parameter)
{
	struct piece value = parameter;
	struct piece name = take_until(&value, '=');

	if (name.n == parameter.n) /* there is no = */
		return;
	value = unquote(trim(value));
	if (is_like(name, "q"))
		to->clause->q = read_q(value);
	else if (is_like(name, "version"))
		to->version = read_version(value);
	else if (is_like(name, "escaping"))
		read_escaping(to->clause, value);
	else if (is_like(name, "proto"))
		to->metric_family = is(value, "io.prometheus.client.MetricFamily");
	else if (is_like(name, "encoding"))
		to->delimited = is(value, "delimited");
}

/* ---- clauses ---------------------------------------------------------------- */

static bool
is_media_range(struct piece type)
{
	return is(type, "*") || memchr(type.p, '/', type.n) != NULL;
}

static void
match(struct clause *c, struct piece type, const struct parameters *with)
{
	enum version v = with->version;

	if (is_like(type, "application/vnd.google.protobuf")) {
		c->matches = with->metric_family && with->delimited;
		c->format.kind = FORMAT_PROTOBUF;
	} else if (is_like(type, "application/openmetrics-text")) {
		c->matches = v == VERSION_1_0_0 || v == VERSION_0_0_1 || v == VERSION_NONE;
		c->format.kind = FORMAT_OPENMETRICS;
		c->format.old_version = v != VERSION_1_0_0;
	} else if (is_like(type, "text/plain")) {
		c->matches = v == VERSION_0_0_4 || v == VERSION_1_0_0 || v == VERSION_NONE;
		c->format.kind = FORMAT_TEXT;
	}
}

static struct clause
read_clause(struct piece s)
{
	struct clause c = {.q = Q_ONE};
	struct parameters parameters = {.clause = &c};
	struct piece type = take_until(&s, ';');

	if (!is_media_range(type))
		return (struct clause){0};
	while (s.n > 0)
		read_parameter(&parameters, take_until(&s, ';'));
	match(&c, type, &parameters);
	return c;
}

/* Puts the clause behind those of the same q. */
static void
insert(struct clause *clauses, size_t count, struct clause c)
{
	size_t i = count;

	for (; i > 0 && clauses[i - 1].q < c.q; i--)
		clauses[i] = clauses[i - 1];
	clauses[i] = c;
}

/* Those that say something, by q; how many they are. */
static size_t
read_clauses(const char *accept, struct clause clauses[NEGOTIATE_CLAUSES])
{
	struct piece rest = {accept, strlen(accept)};
	size_t count = 0;

	for (size_t i = 0; i < NEGOTIATE_CLAUSES && rest.n > 0; i++) {
		struct clause c = read_clause(take_until(&rest, ','));

		if (c.q > 0 && (c.matches || c.has_escaping))
			insert(clauses, count++, c);
	}
	return count;
}

struct format
cpromi_negotiate(const char *accept)
{
	struct clause clauses[NEGOTIATE_CLAUSES];
	size_t count = accept == NULL ? 0 : read_clauses(accept, clauses);
	struct format f = {FORMAT_TEXT, false, ESCAPING_UNDERSCORES};

	for (size_t i = 0; i < count; i++) {
		if (clauses[i].has_escaping)
			f.escaping = clauses[i].format.escaping;
		if (clauses[i].matches) {
			f.kind = clauses[i].format.kind;
			f.old_version = clauses[i].format.old_version;
			break;
		}
	}
	return f;
}

/* ---- Accept-Encoding -------------------------------------------------------- */

static uint32_t
read_coding_q(struct piece s)
{
	struct clause c = {.q = Q_ONE};
	struct parameters parameters = {.clause = &c};

	while (s.n > 0)
		read_parameter(&parameters, take_until(&s, ';'));
	return c.q;
}

bool
cpromi_accepts_gzip(const char *header)
{
	struct piece rest = {header, header == NULL ? 0 : strlen(header)};
	uint32_t gzip = 0, identity = 0, others = 0;
	bool listed = false;

	while (rest.n > 0) {
		struct piece clause = take_until(&rest, ',');
		struct piece coding = take_until(&clause, ';');
		uint32_t q = read_coding_q(clause);

		if (is_like(coding, "gzip") || is_like(coding, "x-gzip")) {
			gzip = q > gzip ? q : gzip;
			listed = true;
		} else if (is_like(coding, "identity")) {
			identity = q;
		} else if (is(coding, "*")) {
			others = q;
		}
	}
	if (!listed)
		gzip = others;
	return gzip > 0 && gzip >= identity;
}

/* ---- Content-Type ----------------------------------------------------------- */

#define EACH_ESCAPING(type)                                                                        \
	{                                                                                          \
		[ESCAPING_UNDERSCORES] = type "; escaping=underscores",                            \
		[ESCAPING_DOTS] = type "; escaping=dots",                                          \
		[ESCAPING_VALUES] = type "; escaping=values",                                      \
		[ESCAPING_ALLOW_UTF8] = type "; escaping=allow-utf-8",                             \
	}

const char *
cpromi_format_content_type(const struct format *format)
{
	static const char *const text[] = EACH_ESCAPING("text/plain; version=0.0.4; charset=utf-8");
	static const char *const openmetrics[] = EACH_ESCAPING(
		"application/openmetrics-text; version=1.0.0; charset=utf-8");
	static const char *const old_openmetrics[] = EACH_ESCAPING(
		"application/openmetrics-text; version=0.0.1; charset=utf-8");
	static const char *const protobuf[] = EACH_ESCAPING(
		"application/vnd.google.protobuf; "
		"proto=io.prometheus.client.MetricFamily; encoding=delimited");

	switch (format->kind) {
	case FORMAT_OPENMETRICS:
		return (format->old_version ? old_openmetrics : openmetrics)[format->escaping];
	case FORMAT_PROTOBUF:
		return protobuf[format->escaping];
	default:
		return text[format->escaping];
	}
}
