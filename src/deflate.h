/* SPDX-License-Identifier: MIT */
/*
 * deflate: bytes made smaller, for gzip (RFC 1951 and 1952), a piece at a time in constant memory.
 *
 *	cpromi_deflate_begin(d);
 *	while (!cpromi_deflate_ended(d)) {
 *		in = cpromi_deflate_room(d, &room);
 *		if (room > 0)
 *			... put up to room bytes there, then cpromi_deflate_add(d, n);
 *			... or, if there are no more: cpromi_deflate_finish(d);
 *		got = cpromi_deflate_read(d, out, size);
 *	}
 *
 * The window is the caller's input buffer: what writes the bytes writes them where they stay.
 */
#ifndef CPROMI_DEFLATE_H
#define CPROMI_DEFLATE_H

#include "huffman.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes; so the whole is below 64 KiB. Larger windows gain little: most lines are like one near by. */
#define DEFLATE_WINDOW 32768  /* bytes at hand, as far back as the format can reach */
#define DEFLATE_HISTORY 12288 /* those that stay when the window is full */
#define DEFLATE_RUNS 1280     /* at most in a block */
#define DEFLATE_LITERALS 6144 /* at most in a block */
#define DEFLATE_HASH_BITS 12
#define DEFLATE_SYMBOLS 286  /* literals, the end of a block, codes for lengths */
#define DEFLATE_LENGTHS 256  /* of matches: 3 … 258 */
#define DEFLATE_DISTANCES 30 /* codes for them */
#define DEFLATE_UNIT 384     /* bytes that are enough for what is written as a whole */

/* Literals, then a match; either may be none. */
struct deflate_run {
	uint16_t literals;
	uint16_t length; /* of the match; 0: none */
	uint16_t distance;
};

/* How often each symbol and each code of a distance occurs. */
struct deflate_counts {
	uint16_t symbols[DEFLATE_SYMBOLS];
	uint16_t distances[DEFLATE_DISTANCES];
};

enum deflate_phase {
	DEFLATE_TAKES,   /* input, until the window is full or there is no more */
	DEFLATE_HEAD,    /* of a block is to be written, */
	DEFLATE_BODY,    /* then its runs, */
	DEFLATE_STORED,  /* or its bytes as they are */
	DEFLATE_TRAILER, /* behind all blocks */
	DEFLATE_ENDED,
};

/* To be begun by cpromi_deflate_begin(); no other file looks into it. */
struct deflate {
	enum deflate_phase phase;
	bool finishing;  /* there is no more input */
	bool last;       /* the block at hand, or the one before, is marked as the last */
	uint32_t crc;    /* of the input, */
	uint32_t length; /* and its length mod 2^32 */

	uint64_t bits; /* written, but not a whole byte yet */
	unsigned bit_count;

	/* Places in the window: what lies before parsed is in a block, before filled is there. */
	uint32_t filled;
	uint32_t parsed;
	uint32_t block; /* where the block at hand begins; UINT32_MAX: that has left the window */
	uint32_t distance; /* of the match before */

	/* The block at hand, and how far it is written. */
	uint32_t run_count, run;
	uint32_t literal_count, literal;
	struct deflate_counts counts; /* of what is in it, literals excepted until it is full */

	size_t staged;   /* bytes of stage, */
	size_t unstaged; /* and how many have been read */

	uint16_t seen[1 << DEFLATE_HASH_BITS]; /* where bytes of each hash stood last */

	/* Not looked at before they are set; all above is zero at the start. */
	unsigned char stage[DEFLATE_UNIT];
	struct huffman_code symbols[DEFLATE_SYMBOLS];
	struct huffman_code distances[DEFLATE_DISTANCES];
	uint32_t lengths[DEFLATE_LENGTHS]; /* codes with their extra bits, and how many these are */
	struct deflate_run runs[DEFLATE_RUNS];
	unsigned char literals[DEFLATE_LITERALS + 8]; /* copied by words */
	unsigned char window[DEFLATE_WINDOW + 8];     /* from here */
};

void cpromi_deflate_begin(struct deflate *d);

/* Where input is put, and how much fits: nothing while there is something to be read. */
void *cpromi_deflate_room(struct deflate *d, size_t *n);

/* So many bytes were put there. */
void cpromi_deflate_add(struct deflate *d, size_t n);

/* There is no more input. */
void cpromi_deflate_finish(struct deflate *d);

/* The next bytes of the result, n at most; fewer where it wants input, or at the end. */
size_t cpromi_deflate_read(struct deflate *d, void *out, size_t n);

/* Has everything been read? */
bool cpromi_deflate_ended(const struct deflate *d);

#endif
