/* SPDX-License-Identifier: MIT */
/*
 * fuzz_escaping: any bytes as a name and as a label's value: legal in every scheme, within the
 * bound, and back again where that can be.
 */
#include "../decode_values.h"
#include "escape.h"
#include "label_text.h"
#include "name.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool what)
{
	if (!what)
		abort();
}

/* values: what is U+FFFD of it was perhaps no character. */
static void
check_reversal(const char *escaped, const char *name, size_t n)
{
	char *back = malloc(strlen(escaped) + 1);
	size_t length = decode_values(escaped, back);

	demand(length > 0 && cpromi_utf8_valid(back, length));
	if (cpromi_utf8_valid(name, n))
		demand(length == n && memcmp(back, name, n) == 0);
	free(back);
}

static void
check_scheme(enum escaping scheme, enum name_kind kind, const char *name, size_t n)
{
	char *out = malloc(NAME_ESCAPED_BOUND(n)), *again;
	size_t length = cpromi_name_escape(scheme, kind, name, n, out);

	demand(length <= NAME_ESCAPED_BOUND(n));
	out = realloc(out, length + 1);
	out[length] = '\0';
	again = malloc(NAME_ESCAPED_BOUND(length));
	demand(cpromi_name_escape(scheme, kind, out, length, again) == length &&
	       memcmp(out, again, length) == 0);
	if (scheme == ESCAPING_ALLOW_UTF8 || cpromi_name_is_legal(kind, name, n) || n == 0)
		demand(length == n && memcmp(out, name, n) == 0);
	else
		demand(cpromi_name_is_legal(kind, out, length));
	if (scheme == ESCAPING_VALUES && n > 0 && !cpromi_name_is_legal(kind, name, n))
		check_reversal(out, name, n);
	free(again);
	free(out);
}

/* "NAME"="VALUE", and what label_text makes of it. */
static void
check_label(const char *name, size_t n, const char *value, size_t m)
{
	char *text = malloc(2 * n + 2 * m + 5), *p = text, *back = malloc(n + m + 1);
	struct label_piece l;

	*p++ = '"';
	p += cpromi_escape(name, n, true, p);
	p = stpcpy(p, "\"=\"");
	p += cpromi_escape(value, m, true, p);
	*p++ = '"';
	demand(cpromi_label_next(text, p, &l) == p && l.quoted);
	demand(l.escaped == (memchr(text, '\\', (size_t)(p - text)) != NULL));
	demand(cpromi_unescape(l.name, l.name_length, back) == n && memcmp(back, name, n) == 0);
	demand(cpromi_unescape(l.value, l.value_length, back) == m && memcmp(back, value, m) == 0);
	free(back);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size), *value;
	size_t n;

	memcpy(name, data, size);
	for (int scheme = ESCAPING_UNDERSCORES; scheme <= ESCAPING_ALLOW_UTF8; scheme++) {
		check_scheme((enum escaping)scheme, NAME_OF_METRIC, name, size);
		check_scheme((enum escaping)scheme, NAME_OF_LABEL, name, size);
	}
	value = memchr(name, '=', size);
	n = value == NULL ? size : (size_t)(value - name);
	check_label(name, n, value == NULL ? "" : value, size - n);
	free(name);
	return 0;
}
