/* SPDX-License-Identifier: MIT */
/*
 * buffer: bytes that grow on the heap; an append that fails is remembered.
 */
#ifndef CPROMI_BUFFER_H
#define CPROMI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *bytes; /* owned; NULL while capacity is 0 */
	size_t length;
	size_t capacity;
	bool failed; /* an append found no memory: what follows is left out, too */
};

char *cpromi_buffer_grow(struct buffer *b, size_t n);

/* Room for n more bytes behind length; NULL, and failed is set, without memory. */
static inline char *
cpromi_buffer_room(struct buffer *b, size_t n)
{
	if (n <= b->capacity - b->length && b->capacity > 0 && !b->failed)
		return b->bytes + b->length;
	return cpromi_buffer_grow(b, n);
}

/* Appends; false if failed. */
bool cpromi_buffer_add(struct buffer *b, const void *bytes, size_t n);

/* Frees the bytes; the buffer is empty and sound again. */
void cpromi_buffer_free(struct buffer *b);

#endif
