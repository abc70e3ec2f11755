/* SPDX-License-Identifier: MIT */
/*
 * Tests of escape: UTF-8 against a decoder and a guard page, escapes and back.
 */
#include "escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guard_page.h"

static bool
valid(const void *bytes, size_t n)
{
	return cpromi_utf8_valid(at_guard(bytes, n), n);
}

/* The oracle: decode whatever the lead byte says, then judge the number. */
static bool
is_one_character(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80             ? 1
			: (p[0] & 0xE0) == 0xC0 ? 2
			: (p[0] & 0xF0) == 0xE0 ? 3
			: (p[0] & 0xF8) == 0xF0 ? 4
						: 0;
	uint32_t code = length == 1 ? p[0] : p[0] & (0xFFu >> (length + 1));

	if (length != n)
		return false;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return false;
		code = code << 6 | (p[i] & 0x3F);
	}
	return code >= least[n] && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
}

/* ---- UTF-8 ------------------------------------------------------------------ */

static void
the_empty_text_and_ascii_are_valid(void **state)
{
	unsigned char all[128];

	(void)state;
	assert_true(valid("", 0));
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	assert_true(valid(all, sizeof(all)));
}

static void
every_pair_of_bytes_is_judged_as_by_the_decoder(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		unsigned char one = (unsigned char)i;

		assert_int_equal(valid(&one, 1), i < 0x80);
		for (unsigned j = 0; j < 256; j++) {
			unsigned char p[] = {one, (unsigned char)j};

			assert_int_equal(valid(p, 2),
					 (i < 0x80 && j < 0x80) || is_one_character(p, 2));
		}
	}
}

/* What may stand third and fourth has no exceptions, so its borders are enough. */
static void
longer_sequences_are_judged_as_by_the_decoder(void **state)
{
	static const unsigned char borders[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

	(void)state;
	for (unsigned i = 0; i < 128 * 256; i++)
		for (size_t j = 0; j < sizeof(borders); j++)
			for (size_t k = 0; k < sizeof(borders); k++) {
				unsigned char p[] = {(unsigned char)(0x80 | i >> 8),
						     (unsigned char)i, borders[j], borders[k]};
				bool three = is_one_character(p, 3);
				bool pair = is_one_character(p, 2) && is_one_character(p + 2, 2);

				assert_int_equal(valid(p, 3),
						 three || (is_one_character(p, 2) && p[2] < 0x80));
				assert_int_equal(valid(p, 4), is_one_character(p, 4) || pair ||
								      (three && p[3] < 0x80) ||
								      (is_one_character(p, 2) &&
								       p[2] < 0x80 && p[3] < 0x80));
			}
}

static const struct {
	const char *bytes;
	bool ok;
} boundaries[] = {
	{"\xc2\x80", true},
	{"\xdf\xbf", true},
	{"\xe0\xa0\x80", true},
	{"\xed\x9f\xbf", true},
	{"\xee\x80\x80", true},
	{"\xef\xbf\xbf", true},
	{"\xf0\x90\x80\x80", true},
	{"\xf4\x8f\xbf\xbf", true},
	{"\xef\xbb\xbf", true},
	{"\xc0\x80", false},
	{"\xc1\xbf", false},
	{"\xe0\x9f\xbf", false},
	{"\xed\xa0\x80", false},
	{"\xed\xbf\xbf", false},
	{"\xf0\x8f\xbf\xbf", false},
	{"\xf4\x90\x80\x80", false},
	{"\xf5\x80\x80\x80", false},
	{"\xf8\x88\x80\x80\x80", false},
	{"\x80", false},
	{"\xbf", false},
	{"\xfe", false},
	{"\xff", false},
	{"a\x80", false},
	{"\xc3\xa9\xa9", false},
};

static void
the_borders_of_unicode_are_where_its_table_3_7_has_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(boundaries) / sizeof(boundaries[0]); i++)
		assert_int_equal(valid(boundaries[i].bytes, strlen(boundaries[i].bytes)),
				 boundaries[i].ok);
}

static void
a_text_that_ends_inside_a_character_is_invalid_and_not_read_past(void **state)
{
	static const char *const whole[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xab"};
	char text[40];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t before = 0; before < 20; before++)
			for (size_t n = 0; n <= strlen(whole[i]); n++) {
				memset(text, 'a', before);
				memcpy(text + before, whole[i], n);
				assert_int_equal(valid(text, before + n),
						 n == 0 || n == strlen(whole[i]));
			}
}

static void
one_bad_byte_anywhere_spoils_a_text(void **state)
{
	static const char good[] = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xab 0123456789abcdef";
	char text[sizeof(good)];

	(void)state;
	assert_true(valid(good, sizeof(good) - 1));
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		memcpy(text, good, sizeof(good));
		text[i] = (char)0xFF;
		assert_false(valid(text, sizeof(good) - 1));
	}
}

/* ---- escapes ---------------------------------------------------------------- */

static void
check_escape(const char *text, size_t n, bool quotes, const char *expected)
{
	size_t length = strlen(expected);
	char source[64], *out = page_end - length;

	memcpy(source, text, n);
	assert_int_equal(cpromi_escape(source, n, quotes, NULL), length);
	memset(out, '#', length);
	assert_int_equal(cpromi_escape(source, n, quotes, out),
			 length); /* a byte more would be a fault */
	assert_memory_equal(out, expected, length);
}

static void
backslash_line_feed_and_quote_are_escaped_and_nothing_else(void **state)
{
	(void)state;
	check_escape("", 0, true, "");
	check_escape("a\\b", 3, false, "a\\\\b");
	check_escape("a\nb", 3, false, "a\\nb");
	check_escape("a\"b", 3, false, "a\"b");
	check_escape("a\"b", 3, true, "a\\\"b");
	check_escape("\\\n\"", 3, true, "\\\\\\n\\\"");
	check_escape("\\n", 2, true, "\\\\n");
	check_escape("\t\r\x01\x7f' {}=,", 10, true, "\t\r\x01\x7f' {}=,");
	check_escape("caf\xc3\xa9", 5, true, "caf\xc3\xa9");
}

static void
an_escape_reads_its_bytes_and_no_further(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(cpromi_escape(at_guard("\\\n", 2), 2, true, out), 4);
	assert_memory_equal(out, "\\\\\\n", 4);
	assert_int_equal(cpromi_escape(page_end, 0, true, out), 0);
	assert_int_equal(cpromi_escape("\0x", 2, true, out), 2);
	assert_memory_equal(out, "\0x", 2);
}

static void
what_was_escaped_comes_back(void **state)
{
	static const char alphabet[] = "\\\"\nnab";
	char text[6], escaped[12], back[12];

	(void)state;
	for (unsigned i = 0; i < 6 * 6 * 6 * 6 * 6 * 6; i++) {
		size_t n = 0, length;

		for (unsigned rest = i; n < sizeof(text); rest /= 6)
			text[n++] = alphabet[rest % 6];
		n = i % 7;
		length = cpromi_escape(text, n, true, escaped);
		assert_int_equal(cpromi_unescape(at_guard(escaped, length), length, back), n);
		assert_memory_equal(back, text, n);
	}
}

static void
what_no_escape_makes_is_kept(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(cpromi_unescape(at_guard("\\t\\", 3), 3, out), 3);
	assert_memory_equal(out, "\\t\\", 3);
}

static void
text_is_plain_unless_one_of_its_bytes_is_not(void **state)
{
	char text[41];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		assert_true(cpromi_text_is_plain(text, n));
		for (size_t i = 0; i < n; i++) {
			for (int c = 1; c < 256; c++) {
				text[i] = (char)c;
				assert_int_equal(cpromi_text_is_plain(text, n),
						 c < 128 && strchr("\\\"\n", c) == NULL);
			}
			text[i] = 'x';
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_plain_unless_one_of_its_bytes_is_not),
		cmocka_unit_test(the_empty_text_and_ascii_are_valid),
		cmocka_unit_test(every_pair_of_bytes_is_judged_as_by_the_decoder),
		cmocka_unit_test(longer_sequences_are_judged_as_by_the_decoder),
		cmocka_unit_test(the_borders_of_unicode_are_where_its_table_3_7_has_them),
		cmocka_unit_test(a_text_that_ends_inside_a_character_is_invalid_and_not_read_past),
		cmocka_unit_test(one_bad_byte_anywhere_spoils_a_text),
		cmocka_unit_test(backslash_line_feed_and_quote_are_escaped_and_nothing_else),
		cmocka_unit_test(an_escape_reads_its_bytes_and_no_further),
		cmocka_unit_test(what_was_escaped_comes_back),
		cmocka_unit_test(what_no_escape_makes_is_kept),
	};

	return cmocka_run_group_tests(tests, lay_guard_page, lift_guard_page);
}
