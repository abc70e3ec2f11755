/* SPDX-License-Identifier: MIT */
/*
 * Tests of error: what cprom_error() says, to whom, and where it is cut.
 */
#include "error.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "escape.h"

#include <cprom.h>

#define LONGEST 255

static void
a_failure_is_minus_one_with_errno_and_a_sentence(void **state)
{
	(void)state;
	errno = 0;
	assert_int_equal(cpromi_fail(ERANGE, "%s is %d, at most %d", "x", 12, 7), -1);
	assert_int_equal(errno, ERANGE);
	assert_string_equal(cprom_error(), "x is 12, at most 7");
	cpromi_fail(EINVAL, "y");
	assert_int_equal(errno, EINVAL);
	assert_string_equal(cprom_error(), "y");
}

struct other_thread {
	char before[8];
	char after[8];
};

static void *
fail_elsewhere(void *arg)
{
	struct other_thread *t = arg;

	strncpy(t->before, cprom_error(), sizeof(t->before) - 1);
	cpromi_fail(ENOENT, "theirs");
	strncpy(t->after, cprom_error(), sizeof(t->after) - 1);
	return NULL;
}

static void
each_thread_has_its_own_sentence(void **state)
{
	struct other_thread t = {"?", ""};
	pthread_t thread;

	(void)state;
	cpromi_fail(EINVAL, "mine");
	assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(t.before, "");
	assert_string_equal(t.after, "theirs");
	assert_string_equal(cprom_error(), "mine");
}

static void
a_sentence_of_255_bytes_is_whole_and_a_longer_one_is_cut(void **state)
{
	char text[400];

	(void)state;
	for (size_t n = LONGEST - 2; n < sizeof(text); n++) {
		memset(text, 'a', n);
		text[n] = '\0';
		cpromi_fail(EINVAL, "%s", text);
		assert_int_equal(strlen(cprom_error()), n < LONGEST ? n : LONGEST);
	}
}

/* The character at every distance from the cut, with more of its kind behind it. */
static void
check_cut_of(const char *character)
{
	size_t width = strlen(character);
	char text[400];

	for (size_t ascii = LONGEST - 12; ascii <= LONGEST; ascii++) {
		size_t n = ascii, kept;

		memset(text, 'a', ascii);
		while (n + width < sizeof(text)) {
			memcpy(text + n, character, width);
			n += width;
		}
		text[n] = '\0';
		cpromi_fail(EINVAL, "%s", text);
		kept = strlen(cprom_error());
		assert_true(cpromi_utf8_valid(cprom_error(), kept));
		assert_true(kept <= LONGEST && kept >= LONGEST - 4);
		assert_memory_equal(cprom_error(), text, kept);
	}
}

static void
a_cut_falls_between_two_characters(void **state)
{
	(void)state;
	check_cut_of("\xc3\xa9");
	check_cut_of("\xe2\x82\xac");
	check_cut_of("\xf0\x9f\x90\xab");
}

static void
a_sentence_that_fits_keeps_its_last_character(void **state)
{
	char text[LONGEST + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + LONGEST - 4, "\xf0\x9f\x90\xab", 5);
	cpromi_fail(EINVAL, "%s", text);
	assert_string_equal(cprom_error(), text);
}

static void
bytes_that_are_no_text_do_not_upset_the_cut(void **state)
{
	char text[400];

	(void)state;
	for (unsigned byte = 0x80; byte <= 0xff; byte++) {
		memset(text, (int)byte, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		cpromi_fail(EINVAL, "%s", text);
		assert_true(strlen(cprom_error()) <= LONGEST);
		assert_true(strlen(cprom_error()) >= LONGEST - 4);
	}
}

static void
the_version_is_that_of_the_build(void **state)
{
	(void)state;
	assert_string_equal(cprom_version(), CPROM_VERSION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_minus_one_with_errno_and_a_sentence),
		cmocka_unit_test(each_thread_has_its_own_sentence),
		cmocka_unit_test(a_sentence_of_255_bytes_is_whole_and_a_longer_one_is_cut),
		cmocka_unit_test(a_cut_falls_between_two_characters),
		cmocka_unit_test(a_sentence_that_fits_keeps_its_last_character),
		cmocka_unit_test(bytes_that_are_no_text_do_not_upset_the_cut),
		cmocka_unit_test(the_version_is_that_of_the_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
