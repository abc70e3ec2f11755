/* SPDX-License-Identifier: MIT */
/*
 * huffman: prefix codes of bounded length, as DEFLATE has them (RFC 1951, 3.2.2).
 *
 * The lengths of an optimal code, in place (A. Moffat and J. Katajainen, In-Place
 * Calculation of Minimum-Redundancy Codes, 1995). Those that are too long are cut, and a
 * shorter code made longer for each that has lost its place, as in zlib: not optimal, but
 * few blocks have such codes, and they lose less than a tenth of a percent.
 */
#include "huffman.h"

#include "platform.h"

#include <stdbool.h>

struct leaf {
	uint32_t weight; /* first of the leaf; then of an inner node, its parent, its depth */
	uint16_t symbol;
};

/* The symbols that occur, the rarest first: shell sort, for there are a hundred or so. */
static size_t
sort_leaves(const uint16_t *counts, size_t n, struct leaf *leaves)
{
	static const uint8_t gaps[] = {132, 57, 23, 10, 4, 1};
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (counts[i] > 0)
			leaves[used++] = (struct leaf){counts[i], (uint16_t)i};
	for (size_t g = 0; g < array_len(gaps); g++)
		for (size_t i = gaps[g]; i < used; i++) {
			struct leaf l = leaves[i];
			size_t to = i;

			for (; to >= gaps[g] && leaves[to - gaps[g]].weight > l.weight;
			     to -= gaps[g])
				leaves[to] = leaves[to - gaps[g]];
			leaves[to] = l;
		}
	return used;
}

/* Joins the two lightest again and again; weight becomes each inner node's parent. */
static void
join_leaves(struct leaf *t, size_t n)
{
	size_t leaf = 0, root = 0;

	for (size_t next = 0; next < n - 1; next++) {
		uint32_t weight = 0;

		for (int k = 0; k < 2; k++) {
			if (leaf >= n || (root < next && t[root].weight < t[leaf].weight)) {
				weight += t[root].weight;
				t[root++].weight = (uint32_t)next;
			} else {
				weight += t[leaf++].weight;
			}
		}
		t[next].weight = weight;
	}
}

/* How many codes have each length; those beyond the limit count as of it. */
static void
count_lengths(struct leaf *t, size_t n, unsigned limit, unsigned *of_length)
{
	size_t open = 1; /* places at a depth, */
	size_t inner;    /* of which so many are inner nodes */
	size_t next = n - 2;

	/* Inner nodes' depths; t[n - 2] is the root. */
	t[next].weight = 0;
	for (size_t i = next; i-- > 0;)
		t[i].weight = t[t[i].weight].weight + 1;
	for (unsigned depth = 0; open > 0; depth++) {
		for (inner = 0; next + 1 > 0 && t[next].weight == depth; inner++)
			next--;
		of_length[depth < limit ? depth : limit] += (unsigned)(open - inner);
		open = 2 * inner;
	}
}

/* Makes the codes fit: for each one too many, a shorter one goes one bit deeper. */
static void
keep_limit(unsigned limit, unsigned *of_length)
{
	uint32_t total = 0;

	for (unsigned i = 1; i <= limit; i++)
		total += (uint32_t)of_length[i] << (limit - i);
	for (; total > (uint32_t)1 << limit; total--) {
		unsigned i = limit - 1;

		while (of_length[i] == 0)
			i--;
		of_length[limit]--;
		of_length[i]--;
		of_length[i + 1] += 2;
	}
}

static uint16_t
reverse(unsigned code, unsigned length)
{
	code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
	code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
	code = (code & 0x0F0F) << 4 | (code >> 4 & 0x0F0F);
	code = (code & 0x00FF) << 8 | code >> 8;
	return (uint16_t)(code >> (16 - length));
}

/* Of one length the codes go up with the symbols. */
static void
number_codes(size_t n, unsigned limit, const unsigned *of_length, struct huffman_code *codes)
{
	unsigned next[CPROMI_HUFFMAN_BITS + 1] = {0};

	for (unsigned i = 1; i < limit; i++)
		next[i + 1] = (next[i] + of_length[i]) << 1;
	for (size_t s = 0; s < n; s++)
		if (codes[s].length > 0)
			codes[s].bits = reverse(next[codes[s].length]++, codes[s].length);
}

/* Two codes at least: a decoder need not take fewer. */
static size_t
add_leaves(struct leaf *leaves, size_t used)
{
	for (uint16_t s = 0; used < 2; s++)
		if (used == 0 || leaves[0].symbol != s)
			leaves[used++] = (struct leaf){1, s};
	return used;
}

void
cpromi_huffman_make(const uint16_t *counts, size_t n, unsigned limit, struct huffman_code *codes)
{
	struct leaf leaves[CPROMI_HUFFMAN_SYMBOLS];
	unsigned of_length[CPROMI_HUFFMAN_BITS + 1] = {0};
	size_t used = add_leaves(leaves, sort_leaves(counts, n, leaves));
	size_t at = 0;

	join_leaves(leaves, used);
	count_lengths(leaves, used, limit, of_length);
	keep_limit(limit, of_length);
	memset(codes, 0, n * sizeof(*codes));
	for (unsigned length = limit; length > 0; length--)
		for (unsigned i = 0; i < of_length[length]; i++)
			codes[leaves[at++].symbol].length = (uint8_t)length;
	number_codes(n, limit, of_length, codes);
}
