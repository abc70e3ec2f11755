/* SPDX-License-Identifier: MIT */
/*
 * http_query: %-escapes, and the parameters of a query, read in place.
 *
 * Parameters are as the URL standard has them (application/x-www-form-urlencoded, 5.1). Those
 * of other names are nobody's business here, broken ones included.
 */
#include "http_query.h"

#include "platform.h"

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)((at - digits) & 15);
}

bool
cpromi_http_decode(char *s, size_t n, bool form)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++, to++) {
		int high;
		int low;

		s[to] = form && s[i] == '+' ? ' ' : s[i];
		if (s[i] != '%')
			continue;
		if (n - i < 3)
			return false;
		high = hex_value(s[i + 1]);
		low = hex_value(s[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return false;
		s[to] = (char)(high * 16 + low);
		i += 2;
	}
	s[to] = '\0';
	return true;
}

/* Ends s at the first mark, if there is one; what is behind it, or NULL. */
static char *
cut(char *s, char mark)
{
	char *at = strchr(s, mark);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

int
cpromi_http_query_take(char *query, const char *name, const char **values, int max)
{
	int count = 0;
	char *next;

	for (; query != NULL; query = next) {
		char *value;

		next = cut(query, '&');
		value = cut(query, '=');
		if (!cpromi_http_decode(query, strlen(query), true) || strcmp(query, name) != 0)
			continue;
		if (count == max ||
		    (value != NULL && !cpromi_http_decode(value, strlen(value), true)))
			return -1;
		values[count++] = value != NULL ? value : "";
	}
	return count;
}
