/* SPDX-License-Identifier: MIT */
/*
 * escape: which texts are legal, and how they are written into a page.
 */
#include "escape.h"

#include "hash.h"

#include <string.h>

/* Unicode 15, table 3-7 ("Well-formed UTF-8 byte sequences"): only the second byte has odd limits. */
size_t
cpromi_utf8_length(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xBF;
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

	if (length == 1)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4 || length > n)
		return 0;
	if (p[0] == 0xE0)
		low = 0xA0;
	else if (p[0] == 0xED)
		high = 0x9F;
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return length;
}

bool
cpromi_utf8_valid(const char *text, size_t n)
{
	size_t length;

	for (; n > 0; text += length, n -= length) {
		length = cpromi_utf8_length(text, n);
		if (length == 0)
			return false;
	}
	return true;
}

typedef unsigned char bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

/*
 * Of each byte the highest bit, set in any: is it not plain? Words by value: two stores are slow
 * to load as one. No vector is: how those are returned depends on what the processor has.
 */
static inline void
add_special(words2 *any, uint64_t first, uint64_t second)
{
	bytes16 b = (bytes16)(words2){first, second};

	*any |= (words2)(b | (bytes16)(b == '\\') | (bytes16)(b == '"') | (bytes16)(b == '\n'));
}

bool
cpromi_text_is_plain(const char *text, size_t n)
{
	uint64_t words[2] = {0, 0};
	words2 any = {0};

	for (; n > 16; text += 16, n -= 16) {
		memcpy(words, text, 16);
		add_special(&any, words[0], words[1]);
	}
	if (n < 3)
		words[0] = n == 0 ? 0 : hash_few(text, n);
	else
		hash_words(text, n, words);
	add_special(&any, words[0], words[1]);
	return ((any[0] | any[1]) & 0x8080808080808080) == 0;
}

size_t
cpromi_escape(const char *text, size_t n, bool quotes, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool escaped = c == '\\' || c == '\n' || (quotes && c == '"');

		if (escaped && out != NULL)
			out[length] = '\\';
		length += escaped;
		if (out != NULL)
			out[length] = c == '\n' ? 'n' : c;
		length++;
	}
	return length;
}

size_t
cpromi_unescape(const char *text, size_t n, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i], next = c == '\\' && i + 1 < n ? text[i + 1] : '\0';

		if (next == '\\' || next == 'n' || next == '"') {
			c = next == 'n' ? '\n' : next;
			i++;
		}
		if (out != NULL)
			out[length] = c;
		length++;
	}
	return length;
}
