/* SPDX-License-Identifier: MIT */
/*
 * Tests of deflate: zlib gives back what was put in, however that was, and has nothing left over.
 */
#include "deflate.h"

#include <stdio.h>
#include <stdlib.h>

#if HAVE_ZLIB

#include <cprom.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define WHOLE ((size_t)1 << 20)

static uint64_t seed = 88172645463325252U;

static uint32_t
any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) % below);
}

static struct deflate *
new_deflate(void)
{
	struct deflate *d = malloc(sizeof(*d));

	assert_non_null(d);
	memset(d, 0xAA, sizeof(*d)); /* begin makes do with any memory */
	cpromi_deflate_begin(d);
	return d;
}

/* Puts in at most in_piece bytes at a time, reads at most out_piece: how many come out. */
static size_t
squeeze(const char *text, size_t n, size_t in_piece, size_t out_piece, unsigned char *out,
	size_t size)
{
	struct deflate *d = new_deflate();
	size_t at = 0, got = 0, room, piece;
	void *to;

	while (!cpromi_deflate_ended(d)) {
		to = cpromi_deflate_room(d, &room);
		piece = room < in_piece ? room : in_piece;
		piece = piece < n - at ? piece : n - at;
		if (piece > 0) {
			memcpy(to, text + at, piece);
			cpromi_deflate_add(d, piece);
			at += piece;
		} else if (room > 0) {
			cpromi_deflate_finish(d);
		}
		assert_true(got + out_piece < size);
		got += cpromi_deflate_read(d, out + got, out_piece);
	}
	assert_int_equal(at, n);
	assert_int_equal(cpromi_deflate_read(d, out + got, 1), 0);
	cpromi_deflate_room(d, &room);
	assert_int_equal(room, 0);
	free(d);
	return got;
}

/* zlib takes all of it, checks it, and has these bytes. */
static void
assert_inflates(unsigned char *squeezed, size_t size, const char *text, size_t n)
{
	unsigned char *back = malloc(n + 1);
	z_stream z = {.next_in = squeezed, .avail_in = (uInt)size};

	assert_non_null(back);
	z.next_out = back;
	z.avail_out = (uInt)n + 1;
	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	if (inflate(&z, Z_FINISH) != Z_STREAM_END)
		fail_msg("%zu of %zu bytes: %s", (size_t)z.total_out, n, z.msg ? z.msg : "no end");
	assert_int_equal(z.total_out, n);
	assert_int_equal(z.avail_in, 0);
	assert_memory_equal(back, text, n);
	inflateEnd(&z);
	free(back);
}

/* Room for what is never needed. */
static size_t
room_for(size_t n)
{
	return n + n / 50 + 4096 + WHOLE;
}

/* There and back at once; how many bytes it took. */
static size_t
round_trip(const char *text, size_t n)
{
	unsigned char *out = malloc(room_for(n));
	size_t size;

	assert_non_null(out);
	size = squeeze(text, n, WHOLE, WHOLE, out, room_for(n));
	assert_inflates(out, size, text, n);
	free(out);
	return size;
}

/* Whatever the pieces, the same bytes come out. */
static void
assert_pieces(const char *text, size_t n)
{
	static const size_t pieces[] = {1, 2, 7, 100, 383, 384, 385, 5000, WHOLE};
	unsigned char *whole = malloc(room_for(n)), *out = malloc(room_for(n));
	size_t size = squeeze(text, n, WHOLE, WHOLE, whole, room_for(n));

	assert_non_null(whole);
	assert_non_null(out);
	assert_inflates(whole, size, text, n);
	for (size_t i = 0; i < array_len(pieces); i++)
		for (size_t o = 0; o < array_len(pieces); o++) {
			assert_int_equal(squeeze(text, n, pieces[i], pieces[o], out, room_for(n)),
					 size);
			assert_memory_equal(out, whole, size);
		}
	free(out);
	free(whole);
}

/* ---- texts ---- */

/* Pages of the library; free() them. */
static char *
make_page(unsigned series, double factor, size_t *n)
{
	cprom_registry *r = cprom_registry_new(.max_series = 2 * series + 10);
	cprom_counter *c = cprom_counter_new("http_requests_total", "Requests.", .registry = r,
					     .labels = CPROM_LABELS("method", "instance"),
					     .max_series = series + 1);
	cprom_histogram *h = cprom_histogram_new("http_seconds", "Time.", .registry = r,
						 .labels = CPROM_LABELS("instance"),
						 .max_series = series + 1);
	char *page;

	for (unsigned i = 0; i < series; i++) {
		char instance[16];

		snprintf(instance, sizeof(instance), "%06u", i);
		cprom_counter_add(cprom_labels(c, i % 2 ? "GET" : "POST", instance), i * factor);
		if (i % 10 == 0)
			cprom_histogram_observe(cprom_labels(h, instance), i % 12);
	}
	page = cprom_render(r, NULL, n);
	assert_non_null(page);
	cprom_registry_free(r);
	return page;
}

static char *
make_noise(size_t n)
{
	char *noise = malloc(n);

	assert_non_null(noise);
	for (size_t i = 0; i < n; i++)
		noise[i] = (char)any(256);
	return noise;
}

/* Some of everything: noise of few or many letters, copies from near and far, runs. */
static size_t
make_any(char *text, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t piece = 1 + any(any(8) == 0 ? 3000 : 40), kind = any(4), from;
		uint32_t letters = 1 + any(256);

		piece = piece < n - at ? piece : n - at;
		from = at > 0 ? at - 1 - any((uint32_t)(at < 40000 ? at : 40000)) : 0;
		for (size_t i = 0; i < piece; i++) {
			if (kind == 0)
				text[at + i] = (char)any(letters);
			else if (kind == 1)
				text[at + i] = (char)('0' + any(10));
			else
				text[at + i] = at > 0 ? text[from + i] : 'x';
		}
		at += piece;
	}
	return n;
}

/* ---- tests ---- */

static void
fits_its_bound(void **state)
{
	(void)state;
	assert_true(sizeof(struct deflate) <= 65536);
}

static void
takes_nothing(void **state)
{
	(void)state;
	assert_int_equal(round_trip("", 0), 20);
	assert_pieces("", 0);
}

static void
takes_every_length(void **state)
{
	size_t n;
	char *page = make_page(40, 0.1, &n);

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		round_trip(page, i);
	free(page);
}

static void
takes_every_byte(void **state)
{
	char text[512];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		text[0] = (char)i;
		round_trip(text, 1);
	}
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	assert_pieces(text, sizeof(text));
}

/* Matches of any length at any distance, the longest ones among them. */
static void
takes_repetitions(void **state)
{
	static char text[4000];

	(void)state;
	for (size_t period = 1; period <= 40; period++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (char)('a' + i % period);
		for (size_t n = 0; n < 600; n += 7)
			round_trip(text, n);
		round_trip(text, sizeof(text));
	}
	for (size_t n = 250; n < 530; n++) {
		make_any(text, n);
		memcpy(text + n, text, n);
		round_trip(text, 2 * n);
	}
}

/* Around each of its own sizes. */
static void
takes_sizes_around_its_own(void **state)
{
	static const size_t sizes[] = {DEFLATE_LITERALS, DEFLATE_HISTORY, DEFLATE_WINDOW,
				       DEFLATE_WINDOW + DEFLATE_WINDOW - DEFLATE_HISTORY};
	size_t most = 2 * DEFLATE_WINDOW, n;
	char *noise = make_noise(most), *page = make_page(1000, 0.1, &n);

	(void)state;
	assert_true(n > most);
	for (size_t i = 0; i < array_len(sizes); i++)
		for (size_t k = sizes[i] - 10; k < sizes[i] + 10; k++) {
			round_trip(noise, k);
			round_trip(page, k);
		}
	free(page);
	free(noise);
}

static void
takes_any_pieces(void **state)
{
	size_t n;
	char *page = make_page(500, 0.1, &n), *noise = make_noise(50000);

	(void)state;
	assert_pieces(page, n);
	assert_pieces(noise, 50000);
	memcpy(noise + 20000, page, 20000);
	assert_pieces(noise, 50000);
	free(noise);
	free(page);
}

static void
takes_anything(void **state)
{
	char *text = malloc(200000);
	unsigned char *out = malloc(room_for(200000));

	(void)state;
	assert_non_null(text);
	assert_non_null(out);
	for (int round = 0; round < 600; round++) {
		size_t n = make_any(text, any(round % 20 == 0 ? 200000 : 20000)), size;

		size = squeeze(text, n, 1 + any(40000), 1 + any(3000), out, room_for(200000));
		assert_inflates(out, size, text, n);
	}
	free(out);
	free(text);
}

/* Five bytes for each stored block, which are of DEFLATE_LITERALS, and gzip's own. */
static void
hardly_grows(void **state)
{
	char *noise = make_noise(1000000);

	(void)state;
	for (size_t n = 1; n <= 1000000; n *= 10) {
		size_t size = round_trip(noise, n);

		assert_true(size <= n + 20 + 6 * (n / DEFLATE_LITERALS + 1));
	}
	free(noise);
}

/* zlib at its level 1, as `gzip -1` has it. */
static size_t
size_by_zlib(const char *text, size_t n)
{
	unsigned char *out = malloc(room_for(n));
	z_stream z = {.next_in = (unsigned char *)text, .avail_in = (uInt)n};
	size_t size;

	assert_non_null(out);
	z.next_out = out;
	z.avail_out = (uInt)room_for(n);
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size = z.total_out;
	deflateEnd(&z);
	free(out);
	return size;
}

static void
is_no_larger_than_gzip_1(void **state)
{
	static const struct {
		unsigned series;
		double factor;
	} pages[] = {{100, 1}, {1000, 0.123456789}, {1000, 37}, {20000, 1.7}};

	(void)state;
	for (size_t i = 0; i < array_len(pages); i++) {
		size_t n;
		char *page = make_page(pages[i].series, pages[i].factor, &n);
		size_t size = round_trip(page, n), zlib = size_by_zlib(page, n);

		if (size > zlib)
			fail_msg("page of %u series: %zu of %zu bytes, zlib %zu", pages[i].series,
				 size, n, zlib);
		free(page);
	}
}

static void
begins_anew(void **state)
{
	static unsigned char out[4096];
	struct deflate *d = new_deflate();
	size_t room, first = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		size_t got;

		cpromi_deflate_begin(d);
		memcpy(cpromi_deflate_room(d, &room), "some text", 9);
		cpromi_deflate_add(d, 9);
		cpromi_deflate_finish(d);
		got = cpromi_deflate_read(d, out, sizeof(out));
		assert_true(cpromi_deflate_ended(d));
		assert_inflates(out, got, "some text", 9);
		assert_true(i == 0 || got == first);
		first = got;
	}
	free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits_its_bound),     cmocka_unit_test(takes_nothing),
		cmocka_unit_test(takes_every_length), cmocka_unit_test(takes_every_byte),
		cmocka_unit_test(takes_repetitions),  cmocka_unit_test(takes_sizes_around_its_own),
		cmocka_unit_test(takes_any_pieces),   cmocka_unit_test(takes_anything),
		cmocka_unit_test(hardly_grows),       cmocka_unit_test(is_no_larger_than_gzip_1),
		cmocka_unit_test(begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* Skipped: there is no judge. */
int
main(void)
{
	fputs("no zlib\n", stderr);
	return getenv("CPROM_NO_SKIP") != NULL ? 1 : 77;
}

#endif
