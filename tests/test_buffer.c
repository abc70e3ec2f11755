/* SPDX-License-Identifier: MIT */
/*
 * Tests of buffer: appends against a model, and a failure that is remembered.
 */
#include "buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL_BYTES 100000

/* Under a sanitizer an allocation that is too large must fail as it does without. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
what_was_appended_is_there_in_order(void **state)
{
	static char model[MODEL_BYTES];
	struct buffer b = {0};
	size_t length = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(model); i++)
		model[i] = (char)(i * 7 + i / 256);
	for (size_t n = 1; length + n <= sizeof(model); n = (n * 13 + 5) % 977) {
		assert_true(cpromi_buffer_add(&b, model + length, n));
		length += n;
		assert_int_equal(b.length, length);
		assert_true(b.capacity >= b.length);
	}
	assert_memory_equal(b.bytes, model, length);
	cpromi_buffer_free(&b);
}

static void
room_may_be_written_to_the_last_byte_and_is_not_yet_content(void **state)
{
	struct buffer b = {0};

	(void)state;
	assert_true(cpromi_buffer_add(&b, "head", 4));
	for (size_t n = 1; n < 5000; n += 37) {
		char *room = cpromi_buffer_room(&b, n);

		assert_non_null(room);
		assert_ptr_equal(room, b.bytes + 4);
		memset(room, 'x', n);
		assert_int_equal(b.length, 4);
	}
	assert_memory_equal(b.bytes, "head", 4);
	cpromi_buffer_free(&b);
}

static void
room_for_what_fits_exactly_does_not_grow_it(void **state)
{
	struct buffer b = {0};
	size_t capacity;

	(void)state;
	assert_true(cpromi_buffer_add(&b, "x", 1));
	capacity = b.capacity;
	assert_non_null(cpromi_buffer_room(&b, capacity - 1));
	assert_int_equal(b.capacity, capacity);
	assert_non_null(cpromi_buffer_room(&b, capacity));
	assert_true(b.capacity > capacity);
	cpromi_buffer_free(&b);
}

static void
single_bytes_grow_it_a_few_times_only(void **state)
{
	struct buffer b = {0};
	size_t capacity = 0;
	unsigned growths = 0;

	(void)state;
	for (int i = 0; i < MODEL_BYTES; i++) {
		assert_true(cpromi_buffer_add(&b, "y", 1));
		growths += b.capacity != capacity;
		capacity = b.capacity;
	}
	assert_true(growths <= 20);
	cpromi_buffer_free(&b);
}

static void
appending_nothing_is_no_failure(void **state)
{
	struct buffer b = {0};

	(void)state;
	assert_true(cpromi_buffer_add(&b, NULL, 0));
	assert_int_equal(b.length, 0);
	assert_false(b.failed);
	cpromi_buffer_free(&b);
}

static void
check_failure_is_remembered(size_t too_much)
{
	struct buffer b = {0};

	assert_true(cpromi_buffer_add(&b, "kept", 4));
	assert_null(cpromi_buffer_room(&b, too_much));
	assert_true(b.failed);
	assert_false(cpromi_buffer_add(&b, "left out", 8));
	assert_null(cpromi_buffer_room(&b, 1));
	assert_int_equal(b.length, 4);
	assert_memory_equal(b.bytes, "kept", 4);
	cpromi_buffer_free(&b);
	assert_false(b.failed);
	assert_null(b.bytes);
	assert_true(cpromi_buffer_add(&b, "sound again", 11));
	assert_memory_equal(b.bytes, "sound again", 11);
	cpromi_buffer_free(&b);
}

static void
an_append_without_memory_is_remembered(void **state)
{
	(void)state;
	check_failure_is_remembered(SIZE_MAX / 4);
}

static void
a_length_that_would_overflow_fails(void **state)
{
	(void)state;
	check_failure_is_remembered(SIZE_MAX / 4 + 1);
	check_failure_is_remembered(SIZE_MAX - 3);
	check_failure_is_remembered(SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_appended_is_there_in_order),
		cmocka_unit_test(room_may_be_written_to_the_last_byte_and_is_not_yet_content),
		cmocka_unit_test(room_for_what_fits_exactly_does_not_grow_it),
		cmocka_unit_test(single_bytes_grow_it_a_few_times_only),
		cmocka_unit_test(appending_nothing_is_no_failure),
		cmocka_unit_test(an_append_without_memory_is_remembered),
		cmocka_unit_test(a_length_that_would_overflow_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
