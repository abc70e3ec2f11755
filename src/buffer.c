/* SPDX-License-Identifier: MIT */
/*
 * buffer: bytes that grow on the heap; an append that fails is remembered.
 */
#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 512

char *
cpromi_buffer_grow(struct buffer *b, size_t n)
{
	size_t capacity = b->capacity == 0 ? FIRST_CAPACITY : b->capacity;
	char *bytes;

	if (b->failed || n > SIZE_MAX / 4 || b->length > SIZE_MAX / 4) {
		b->failed = true;
		return NULL;
	}
	while (capacity < b->length + n)
		capacity *= 2;
	if (capacity == b->capacity)
		return b->bytes + b->length;
	bytes = realloc(b->bytes, capacity);
	if (bytes == NULL) {
		b->failed = true;
		return NULL;
	}
	b->bytes = bytes;
	b->capacity = capacity;
	return bytes + b->length;
}

bool
cpromi_buffer_add(struct buffer *b, const void *bytes, size_t n)
{
	char *room = cpromi_buffer_room(b, n);

	if (room == NULL)
		return false;
	if (n > 0)
		memcpy(room, bytes, n);
	b->length += n;
	return true;
}

void
cpromi_buffer_free(struct buffer *b)
{
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}
