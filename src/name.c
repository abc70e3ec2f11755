/* SPDX-License-Identifier: MIT */
/*
 * name: which names are legal, and how others are spelled for readers that know no others.
 *
 * The schemes are those of prometheus/common (model.EscapeName). Of a character that may stand
 * where it does, "ok", nothing is changed but the underscores that the scheme needs for itself:
 *
 *   underscores  all others are `_`
 *   dots         `_` is `__`, `.` is `_dot_`, all others are `__`
 *   values       `U__` in front; `_` is `__`, all others are `_` and their number in hex and `_`
 */
#include "name.h"

#include "escape.h"

#include <cprom.h>
#include <stdint.h>
#include <string.h>

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_ok(enum name_kind kind, char c, bool first)
{
	return is_letter(c) || (c == ':' && kind == NAME_OF_METRIC) ||
	       (c >= '0' && c <= '9' && !first);
}

bool
cpromi_name_is_legal(enum name_kind kind, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_ok(kind, name[i], i == 0))
			return false;
	return n > 0;
}

bool
cpromi_name_is_valid(enum name_kind kind, bool utf8, const char *name)
{
	size_t n = name == NULL ? 0 : strnlen(name, CPROM_MAX_NAME_BYTES + 1);

	return n > 0 && n <= CPROM_MAX_NAME_BYTES &&
	       (cpromi_name_is_legal(kind, name, n) || (utf8 && cpromi_utf8_valid(name, n)));
}

/* ---- escaping --------------------------------------------------------------- */

/* The number of the character at p; *length is what it takes of n bytes. */
static uint32_t
decode(const char *p, size_t n, size_t *length)
{
	static const unsigned char payload[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	uint32_t code;

	*length = cpromi_utf8_length(p, n);
	if (*length == 0) {
		*length = 1;
		return 0xFFFD;
	}
	code = (unsigned char)p[0] & payload[*length];
	for (size_t i = 1; i < *length; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3F);
	return code;
}

static char *
put(char *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p, text, n);
	return p + n;
}

static char *
put_code(char *p, uint32_t code)
{
	int shift = 0;

	while (code >> shift > 15)
		shift += 4;
	*p++ = '_';
	for (; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[code >> shift & 15];
	*p++ = '_';
	return p;
}

static char *
put_character(char *p, enum escaping scheme, uint32_t code, bool ok)
{
	if (code == '_' && scheme != ESCAPING_UNDERSCORES)
		return put(p, "__");
	if (ok) {
		*p++ = (char)code;
		return p;
	}
	if (scheme == ESCAPING_VALUES)
		return put_code(p, code);
	if (scheme == ESCAPING_UNDERSCORES)
		return put(p, "_");
	return put(p, code == '.' ? "_dot_" : "__");
}

size_t
cpromi_name_escape(enum escaping scheme, enum name_kind kind, const char *name, size_t n, char *out)
{
	char *p = out;
	size_t length;

	if (n == 0 || scheme == ESCAPING_ALLOW_UTF8 || cpromi_name_is_legal(kind, name, n)) {
		memcpy(out, name, n);
		return n;
	}
	if (scheme == ESCAPING_VALUES)
		p = put(p, "U__");
	for (size_t i = 0; i < n; i += length) {
		uint32_t code = decode(name + i, n - i, &length);
		bool ok = length == 1 && is_ok(kind, name[i], i == 0);

		p = put_character(p, scheme, code, ok);
	}
	return (size_t)(p - out);
}
