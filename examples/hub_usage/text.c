/* SPDX-License-Identifier: MIT */
/*
 * text: what arguments say, and what of others' words may be shown.
 */
#include "text.h"

#include <stdlib.h>

long
text_number(const char *text, long least, long most)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text != '\0' && *end == '\0' && n >= least && n <= most ? n : 0;
}

/* How many bytes the character there has; 0 if it must not be shown. */
static int
length_shown(const unsigned char *p)
{
	/* The first character of so many bytes that is no control character. */
	static const unsigned int least[] = {0, ' ', 0xa0, 0x800, 0x10000};
	int n = *p < 0x80 ? 1 : *p < 0xc0 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf8 ? 4 : 0;
	unsigned int c = n < 2 ? *p : *p & (0x7fu >> n);

	for (int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c == 0x7f || (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe ||
	    c == 0xffff || c > 0x10ffff)
		return 0;
	return n;
}

void
text_clean(char *text)
{
	while (*text != '\0') {
		int n = length_shown((const unsigned char *)text);

		if (n == 0)
			*text = '?';
		text += n == 0 ? 1 : n;
	}
}
