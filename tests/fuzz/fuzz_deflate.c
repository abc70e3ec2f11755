/* SPDX-License-Identifier: MIT */
/*
 * fuzz_deflate: whatever is put into deflate, in whatever pieces, zlib gives back.
 *
 * The first four bytes say how large the pieces are that go in and come out; the fifth how often
 * the rest comes again, so that a short input fills windows.
 */
#include "deflate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHOICES 5

struct input {
	const uint8_t *bytes;
	size_t n, times, piece;
	size_t at; /* of n * times */
};

/* The next piece of the input, room at most; each time it comes again its first byte differs. */
static size_t
take(struct input *in, uint8_t *to, size_t room)
{
	size_t n = 0;

	while (n < room && n < in->piece && in->at < in->n * in->times) {
		size_t i = in->at % in->n;

		to[n++] = i == 0 ? (uint8_t)(in->bytes[0] + in->at / in->n) : in->bytes[i];
		in->at++;
	}
	return n;
}

static void
check(int good)
{
	if (!good)
		abort();
}

/* Inflates what came out; it has to be the input. */
static void
judge(uint8_t *squeezed, size_t size, struct input in)
{
	size_t n = in.n * in.times;
	uint8_t *back = malloc(n + 1), *right = malloc(n + 1);
	z_stream z = {.next_in = squeezed, .avail_in = (uInt)size};

	check(back != NULL && right != NULL);
	in.at = 0;
	in.piece = n;
	check(take(&in, right, n) == n);
	z.next_out = back;
	z.avail_out = (uInt)n + 1;
	check(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
	check(inflate(&z, Z_FINISH) == Z_STREAM_END);
	check(z.total_out == n && z.avail_in == 0 && memcmp(back, right, n) == 0);
	inflateEnd(&z);
	free(right);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct deflate d;
	struct input in = {0};
	size_t out_piece, got = 0, room, bound;
	uint8_t *out;

	if (size <= CHOICES)
		return 0;
	in.bytes = data + CHOICES;
	in.n = size - CHOICES;
	in.piece = 1 + (size_t)(data[0] | data[1] << 8);
	out_piece = 1 + (size_t)(data[2] | data[3] << 8);
	in.times = 1 + data[4] % 64;
	bound = in.n * in.times * 102 / 100 + 1000;
	out = malloc(bound + out_piece);
	check(out != NULL);
	cpromi_deflate_begin(&d);
	while (!cpromi_deflate_ended(&d)) {
		uint8_t *to = cpromi_deflate_room(&d, &room);
		size_t n = take(&in, to, room);

		cpromi_deflate_add(&d, n);
		if (room > 0 && n == 0)
			cpromi_deflate_finish(&d);
		check(got <= bound);
		got += cpromi_deflate_read(&d, out + got, out_piece);
	}
	judge(out, got, in);
	free(out);
	return 0;
}
