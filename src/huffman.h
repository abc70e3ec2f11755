/* SPDX-License-Identifier: MIT */
/*
 * huffman: prefix codes of bounded length, as DEFLATE has them (RFC 1951, 3.2.2).
 */
#ifndef CPROMI_HUFFMAN_H
#define CPROMI_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

#define CPROMI_HUFFMAN_SYMBOLS 288 /* at most */
#define CPROMI_HUFFMAN_BITS 15     /* of a code, at most */

/* A code with its first bit lowest. All zeros: the symbol has none. */
struct huffman_code {
	uint16_t bits;
	uint8_t length;
};

/*
 * Codes of no more than limit bits for the n symbols that occur so often (the sum being below
 * 2^31); none for those that do not occur, but at least two in all.
 */
void cpromi_huffman_make(const uint16_t *counts, size_t n, unsigned limit,
			 struct huffman_code *codes);

#endif
