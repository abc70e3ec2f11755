/* SPDX-License-Identifier: MIT */
/*
 * deflate: bytes made smaller, for gzip (RFC 1951 and 1952), a piece at a time in constant memory.
 *
 * Made for pages of metrics: a line begins as one before it did, and ends in a number.
 *
 *  1. Where bytes stood last is kept by a hash of six of them. The matches of three to five that
 *     this leaves out are digits as a rule, and cost more than the digits do.
 *  2. Where that finds nothing, the line before is looked into at the place where the last match
 *     came from: there the labels go on behind a digit that has changed.
 *  3. A match is made longer to the front as well, for not every place has been noted.
 *  4. Of eight digits in a row none but the first is looked up or noted.
 *  5. The first match is taken. Of all that it covers, two places are noted.
 *
 * A block has codes of its own (3.2.7 in RFC 1951); it ends when its runs or its literals fill
 * their room, so that pages of many kinds get many codes. Where that would be longer than the
 * bytes themselves, they are stored.
 *
 * Invariants:
 *
 *  I1. Places in seen are below the one that is looked up, and of bytes that are there: a place
 *      is noted when it is passed, and slide() moves all of them. 0 stands for "none" as well: it
 *      is a place like others, for what was found there is compared.
 *  I2. A block's literals and runs are all that its compressed form needs: the window may slide
 *      before it is full. Its bytes are needed to store it alone; and of a block that begins before
 *      the window half of the bytes at least are in matches, so that there is no need to.
 *  I3. Whatever is written at once needs no more than DEFLATE_UNIT bytes; where the caller has
 *      fewer, it goes to the stage, from which any number can be read.
 */
#include "deflate.h"

#include "crc32.h"
#include "platform.h"

#include <assert.h>

#define MATCH_MIN 3 /* of the format */
#define MATCH_MAX 258
#define END_OF_BLOCK 256
#define CODE_BITS 12 /* at most: four literals are written at once. Longer ones gain nothing */
#define ITEMS 19     /* codes for the lengths of codes */
#define ITEM_BITS 7

static_assert(DEFLATE_WINDOW <= 32768, "a distance is at most 32768, a stored block 65535 bytes");
static_assert(DEFLATE_HISTORY >= 2 * DEFLATE_LITERALS, "I2");
static_assert(DEFLATE_UNIT >
		      (17 + 3 * ITEMS + ITEM_BITS * (DEFLATE_SYMBOLS + DEFLATE_DISTANCES)) / 8 + 16,
	      "a block's head is written at once");

/* ---- bits ---- */

/* Where bits go, lowest first; in registers while they do. */
struct bit_writer {
	unsigned char *p;
	uint64_t bits;
	unsigned count;
};

static inline void
put(struct bit_writer *w, uint64_t bits, unsigned count)
{
	w->bits |= bits << w->count;
	w->count += count;
}

static inline void
put_code(struct bit_writer *w, struct huffman_code c)
{
	put(w, c.bits, c.length);
}

/* Writes the whole bytes; 8 of room are needed, and up to 7 bits stay. */
static inline void
flush(struct bit_writer *w)
{
	store_le64(w->p, w->bits);
	w->p += w->count / 8;
	w->bits >>= w->count & ~7U;
	w->count &= 7;
}

static inline void
flush_to_byte(struct bit_writer *w)
{
	put(w, 0, -w->count & 7);
	flush(w);
}

static inline struct bit_writer
resume(const struct deflate *d, unsigned char *p)
{
	return (struct bit_writer){p, d->bits, d->bit_count};
}

static inline unsigned char *
suspend(struct deflate *d, const struct bit_writer *w)
{
	d->bits = w->bits;
	d->bit_count = w->count;
	return w->p;
}

/* ---- codes of lengths and distances (RFC 1951, 3.2.5) ---- */

#define LAST_LENGTH_CODE 28 /* of 258 alone */

/* By length - 3: the code, counted from 257. */
static const uint8_t length_codes[DEFLATE_LENGTHS] = {
	0,  1,  2,  3,  4,  5,  6,  7,  8,  8,  9,  9,  10, 10, 11, 11, 12, 12, 12, 12, 13, 13,
	13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17,
	17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19, 19, 19, 20, 20,
	20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 21, 21, 21, 21, 21, 21, 21, 21,
	21, 21, 21, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22,
	22, 22, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 24, 24, 24, 24,
	24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24,
	24, 24, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25,
	25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 26, 26, 26, 26, 26, 26,
	26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26,
	26, 26, 26, 26, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27,
	27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 28,
};

static unsigned
length_extra_bits(unsigned code)
{
	return code < 8 || code == LAST_LENGTH_CODE ? 0 : code / 4 - 1;
}

/* Without a branch: distances are hard to predict. */
static inline unsigned
distance_extra_bits(uint32_t distance)
{
	unsigned log2 = 31 - (unsigned)__builtin_clz((distance - 1) | 1);

	return log2 - (log2 > 0);
}

static inline unsigned
distance_code(uint32_t distance)
{
	unsigned log2 = 31 - (unsigned)__builtin_clz((distance - 1) | 1);

	return 2 * log2 + ((distance - 1) >> distance_extra_bits(distance) & 1);
}

/* ---- parsing ---- */

static inline uint32_t
hash(uint64_t word)
{
	return (uint32_t)((word << 16) * 0x9E3779B97F4A7C15U >> (64 - DEFLATE_HASH_BITS));
}

/* How many bytes at a and b are the same, of those before a's end. */
static inline uint32_t
same_bytes(const unsigned char *a, const unsigned char *b, const unsigned char *end)
{
	const unsigned char *begin = a;

	while (end - a >= 8) {
		uint64_t differ = load_le64(a) ^ load_le64(b);

		if (differ != 0)
			return (uint32_t)(a - begin) + (uint32_t)__builtin_ctzll(differ) / 8;
		a += 8;
		b += 8;
	}
	while (a < end && *a == *b) {
		a++;
		b++;
	}
	return (uint32_t)(a - begin);
}

static inline uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Are all eight bytes among "./0123456789"? Carries come from bytes that are not. */
static inline bool
all_digits(uint64_t word)
{
	const uint64_t each = 0x0101010101010101U;

	return (((word + each * (0x7F - '9')) | (word - each * '.')) & each * 0x80) == 0;
}

/* Notes the place, where these bytes stand; how far back the same ones stand, or 0. */
static inline uint32_t
look_up(struct deflate *d, uint32_t at, uint64_t word, uint32_t last_distance)
{
	uint16_t *seen = &d->seen[hash(word)];
	uint32_t place = *seen;

	*seen = (uint16_t)at;
	if ((load_le64(d->window + place) ^ word) << 16 == 0)
		return at - place;
	if (last_distance <= at &&
	    (uint32_t)(load_le64(d->window + at - last_distance) ^ word) == 0)
		return last_distance;
	return 0;
}

/* How many bytes before at are also the same at this distance, up to most. */
static inline uint32_t
same_before(const struct deflate *d, uint32_t at, uint32_t distance, uint32_t most)
{
	const unsigned char *p = d->window + at - 8;

	if (UNLIKELY(at < distance + 8))
		return 0;
	return least(most,
		     (uint32_t)__builtin_clzll((load_le64(p) ^ load_le64(p - distance)) | 1) / 8);
}

/* What changes while bytes are parsed, in registers: stores to the literals could be to anything. */
struct parser {
	uint32_t parsed;
	struct deflate_run *run;
	unsigned char *literal;
};

/* Adds what is not parsed yet as literals, and a match behind them; then both are. */
static inline void
add_run(const struct deflate *d, struct parser *to, uint32_t literals, uint32_t length,
	uint32_t distance)
{
	const unsigned char *from = d->window + to->parsed;
	unsigned char *end = to->literal + literals;

	for (unsigned char *p = to->literal; p < end; p += 8, from += 8)
		memcpy(p, from, 8);
	to->literal = end;
	to->parsed += literals + length;
	*to->run++ = (struct deflate_run){(uint16_t)literals, (uint16_t)length, (uint16_t)distance};
}

/* Beside the parsing, which waits for memory and branches, this takes hardly any time. */
static inline void
count_match(struct deflate_counts *c, uint32_t length, uint32_t distance)
{
	c->symbols[END_OF_BLOCK + 1 + length_codes[length - MATCH_MIN]]++;
	c->distances[distance_code(distance)]++;
}

/*
 * Parses on, until all of the input is in the block or the block is full. A place is looked up
 * if a word stands there; the first byte of all has nothing before it.
 */
static void
parse(struct deflate *d)
{
	struct parser to = {d->parsed, d->runs + d->run_count, d->literals + d->literal_count};
	const struct deflate_run *runs_end = d->runs + DEFLATE_RUNS - 1;
	const unsigned char *literals_end = d->literals + DEFLATE_LITERALS;
	uint32_t at = d->parsed > 0 ? d->parsed : 1, filled = d->filled, last = d->distance;
	uint32_t end = least(filled, to.parsed + (uint32_t)(literals_end - to.literal));

	while (at + 8 <= end && to.run < runs_end) {
		uint64_t word = load_le64(d->window + at);
		uint32_t distance = look_up(d, at, word, last), length, back;

		if (distance == 0) {
			at += all_digits(word) ? 8 : 1;
			continue;
		}
		length = same_bytes(d->window + at, d->window + at - distance,
				    d->window + least(filled, at + MATCH_MAX));
		back = same_before(d, at, distance, least(at - to.parsed, MATCH_MAX - length));
		add_run(d, &to, at - back - to.parsed, back + length, distance);
		count_match(&d->counts, back + length, distance);
		at += length;
		last = distance;
		if (at + 6 <= filled)
			d->seen[hash(load_le64(d->window + at - 2))] = (uint16_t)(at - 2);
		end = least(filled, to.parsed + (uint32_t)(literals_end - to.literal));
	}
	if (to.run < runs_end && to.parsed < end)
		add_run(d, &to, end - to.parsed, 0, 1);
	memset(to.literal, 0, 2); /* literals are read in threes */
	d->parsed = to.parsed;
	d->run_count = (uint32_t)(to.run - d->runs);
	d->literal_count = (uint32_t)(to.literal - d->literals);
	d->distance = last;
}

/* ---- a block's codes ---- */

/* Four by turns: a count that was just written is slow to read. */
static void
count_literals(const struct deflate *d, uint16_t *counts)
{
	const unsigned char *p = d->literals, *end = p + d->literal_count;
	uint16_t more[3][256] = {{0}};

	for (; end - p >= 4; p += 4) {
		counts[p[0]]++;
		more[0][p[1]]++;
		more[1][p[2]]++;
		more[2][p[3]]++;
	}
	while (p < end)
		counts[*p++]++;
	for (unsigned i = 0; i < 256; i++)
		counts[i] = (uint16_t)(counts[i] + more[0][i] + more[1][i] + more[2][i]);
}

/* Bits of all that was counted, in the codes made for it. */
static uint64_t
body_bits(const struct deflate *d, const struct deflate_counts *c)
{
	uint64_t bits = 0;

	for (unsigned s = 0; s < DEFLATE_SYMBOLS; s++)
		bits += (uint32_t)c->symbols[s] * d->symbols[s].length;
	for (unsigned s = END_OF_BLOCK + 1; s < DEFLATE_SYMBOLS; s++)
		bits += c->symbols[s] * length_extra_bits(s - END_OF_BLOCK - 1);
	for (unsigned s = 0; s < DEFLATE_DISTANCES; s++)
		bits += (uint32_t)c->distances[s] *
			(d->distances[s].length + (s < 4 ? 0 : s / 2 - 1));
	return bits;
}

/* ---- a block's head (3.2.7) ---- */

/* In this order the lengths of the items' codes are written. */
static const uint8_t item_order[ITEMS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
					  11, 4,  12, 3, 13, 2, 14, 1, 15};
static const uint8_t item_extra_bits[ITEMS] = {[16] = 2, [17] = 3, [18] = 7};

/* The lengths of all codes, as items: a length, or 16 … 18, how often one comes again. */
struct head {
	unsigned symbols, distances, items_coded; /* up to the last that has a code */
	unsigned count;
	uint8_t items[DEFLATE_SYMBOLS + DEFLATE_DISTANCES];
	uint8_t extra[DEFLATE_SYMBOLS + DEFLATE_DISTANCES];
	struct huffman_code codes[ITEMS];
};

/* Codes up to the last that is there, but not fewer than least. */
static unsigned
count_codes(const struct huffman_code *codes, unsigned n, unsigned fewest)
{
	while (n > fewest && codes[n - 1].length == 0)
		n--;
	return n;
}

static unsigned
run_of(const uint8_t *lengths, unsigned n)
{
	unsigned run = 1;

	while (run < n && lengths[run] == lengths[0])
		run++;
	return run;
}

/* The item that stands for the first of n lengths, and for how many more it does. */
static unsigned
next_item(struct head *h, const uint8_t *lengths, unsigned n, bool first)
{
	unsigned run = run_of(lengths, n);
	uint8_t item = lengths[0], extra = 0;

	if (lengths[0] == 0 && run >= 11) {
		run = least(run, 138);
		item = 18;
		extra = (uint8_t)(run - 11);
	} else if (lengths[0] == 0 && run >= 3) {
		item = 17;
		extra = (uint8_t)(run - 3);
	} else if (!first && run >= 3 && lengths[-1] == lengths[0]) {
		run = least(run, 6);
		item = 16;
		extra = (uint8_t)(run - 3);
	} else {
		run = 1;
	}
	h->items[h->count] = item;
	h->extra[h->count++] = extra;
	return run;
}

/* The head of a block of these codes; how many bits it has. */
static unsigned
make_head(struct head *h, const struct deflate *d)
{
	uint8_t lengths[DEFLATE_SYMBOLS + DEFLATE_DISTANCES];
	uint16_t counts[ITEMS] = {0};
	unsigned n, bits;

	h->count = 0;
	h->symbols = count_codes(d->symbols, DEFLATE_SYMBOLS, END_OF_BLOCK + 1);
	h->distances = count_codes(d->distances, DEFLATE_DISTANCES, 1);
	n = h->symbols + h->distances;
	for (unsigned i = 0; i < n; i++)
		lengths[i] = (i < h->symbols ? d->symbols[i] : d->distances[i - h->symbols]).length;
	for (unsigned i = 0; i < n;)
		i += next_item(h, lengths + i, n - i, i == 0);
	for (unsigned i = 0; i < h->count; i++)
		counts[h->items[i]]++;
	cpromi_huffman_make(counts, ITEMS, ITEM_BITS, h->codes);
	h->items_coded = ITEMS;
	while (h->items_coded > 4 && h->codes[item_order[h->items_coded - 1]].length == 0)
		h->items_coded--;
	bits = 17 + 3 * h->items_coded;
	for (unsigned i = 0; i < ITEMS; i++)
		bits += counts[i] * (0U + h->codes[i].length + item_extra_bits[i]);
	return bits;
}

static void
write_head(struct bit_writer *w, const struct head *h, bool last)
{
	put(w, last, 1);
	put(w, 2, 2);
	put(w, h->symbols - 257, 5);
	put(w, h->distances - 1, 5);
	put(w, h->items_coded - 4, 4);
	flush(w);
	for (unsigned i = 0; i < h->items_coded; i++) {
		put(w, h->codes[item_order[i]].length, 3);
		flush(w);
	}
	for (unsigned i = 0; i < h->count; i++) {
		put_code(w, h->codes[h->items[i]]);
		put(w, h->extra[i], item_extra_bits[h->items[i]]);
		flush(w);
	}
}

/* ---- blocks ---- */

#define LENGTH_BITS_SHIFT 24 /* the code and its extra bits are below */

/* Each length's code and extra bits together: one look-up instead of three. */
static void
make_lengths(struct deflate *d)
{
	uint32_t *next = d->lengths;

	for (unsigned code = 0; code < DEFLATE_SYMBOLS - END_OF_BLOCK - 1; code++) {
		struct huffman_code c = d->symbols[END_OF_BLOCK + 1 + code];
		unsigned extra = length_extra_bits(code);
		uint32_t entry = c.bits | (uint32_t)(c.length + extra) << LENGTH_BITS_SHIFT;

		if (code == LAST_LENGTH_CODE) /* the code before could say 258, too */
			next--;
		for (uint32_t i = 0; i < 1U << extra; i++)
			*next++ = entry | i << c.length;
	}
}

/* The head of a block whose bytes follow as they are (3.2.4). */
static void
write_stored_head(struct bit_writer *w, bool last, uint64_t n)
{
	put(w, last, 1);
	put(w, 0, 2);
	flush_to_byte(w);
	put(w, n | (n ^ 0xFFFF) << 16, 32);
	flush(w);
}

static unsigned char *
begin_block(struct deflate *d, unsigned char *p)
{
	struct bit_writer w = resume(d, p);
	uint32_t size = d->parsed - d->block;
	struct deflate_counts *c = &d->counts;
	struct head h;
	uint64_t bits;

	count_literals(d, c->symbols);
	c->symbols[END_OF_BLOCK] = 1;
	cpromi_huffman_make(c->symbols, DEFLATE_SYMBOLS, CODE_BITS, d->symbols);
	cpromi_huffman_make(c->distances, DEFLATE_DISTANCES, CODE_BITS, d->distances);
	bits = make_head(&h, d) + body_bits(d, c);
	d->last = d->finishing && d->parsed == d->filled;
	if (d->block != UINT32_MAX && bits / 8 > size) {
		write_stored_head(&w, d->last, size);
		d->phase = DEFLATE_STORED;
	} else {
		write_head(&w, &h, d->last);
		make_lengths(d);
		d->phase = DEFLATE_BODY;
	}
	return suspend(d, &w);
}

static void
end_block(struct deflate *d)
{
	d->run = d->run_count = 0;
	d->literal = d->literal_count = 0;
	memset(&d->counts, 0, sizeof(d->counts));
	d->block = d->parsed;
	d->phase = DEFLATE_TAKES;
}

static inline void
put_if(struct bit_writer *w, struct huffman_code c, bool wanted)
{
	unsigned mask = -(unsigned)wanted;

	put(w, c.bits & mask, c.length & mask);
}

/* Up to three literals without a branch: how many is hard to predict. */
static inline void
put_few(struct bit_writer *w, const struct huffman_code *codes, const unsigned char *p, unsigned n)
{
	put_if(w, codes[p[0]], n > 0);
	put_if(w, codes[p[1]], n > 1);
	put_if(w, codes[p[2]], n > 2);
}

static inline void
put_four(struct bit_writer *w, const struct huffman_code *codes, const unsigned char *p)
{
	put_code(w, codes[p[0]]);
	put_code(w, codes[p[1]]);
	put_code(w, codes[p[2]]);
	put_code(w, codes[p[3]]);
}

static inline void
put_match(struct bit_writer *w, const struct deflate *d, struct deflate_run r)
{
	uint32_t length = d->lengths[r.length - MATCH_MIN];
	unsigned extra = distance_extra_bits(r.distance);

	put(w, length & ((1U << LENGTH_BITS_SHIFT) - 1), length >> LENGTH_BITS_SHIFT);
	put_code(w, d->distances[distance_code(r.distance)]);
	put(w, (r.distance - 1U) & ((1U << extra) - 1), extra);
}

/* Runs, as far as there is room; of one that has not, what is left stays. */
static unsigned char *
write_body(struct deflate *d, unsigned char *p, const unsigned char *end)
{
	struct bit_writer w = resume(d, p);
	const unsigned char *in = d->literals + d->literal, *stop = end - 24;
	uint32_t run = d->run;

	for (; run < d->run_count; run++) {
		struct deflate_run r = d->runs[run];

		for (; r.literals >= 4 && w.p < stop; r.literals -= 4, in += 4) {
			put_four(&w, d->symbols, in);
			flush(&w);
		}
		if (w.p >= stop) {
			d->runs[run].literals = r.literals;
			break;
		}
		put_few(&w, d->symbols, in, r.literals);
		flush(&w);
		in += r.literals;
		if (r.length > 0)
			put_match(&w, d, r);
		flush(&w);
	}
	d->run = run;
	d->literal = (uint32_t)(in - d->literals);
	if (run == d->run_count) {
		put_code(&w, d->symbols[END_OF_BLOCK]);
		flush(&w);
		end_block(d);
	}
	return suspend(d, &w);
}

static unsigned char *
write_stored(struct deflate *d, unsigned char *p, const unsigned char *end)
{
	size_t room = (size_t)(end - p);
	uint32_t left = d->parsed - d->block, n = room < left ? (uint32_t)room : left;

	memcpy(p, d->window + d->block, n);
	d->block += n;
	if (d->block == d->parsed)
		end_block(d);
	return p + n;
}

/* An empty block of fixed codes if no other was the last, and the trailer of RFC 1952. */
static unsigned char *
write_trailer(struct deflate *d, unsigned char *p)
{
	struct bit_writer w = resume(d, p);

	if (!d->last)
		put(&w, 1 | 1 << 1, 3 + 7);
	flush_to_byte(&w);
	put(&w, d->crc, 32);
	flush(&w);
	put(&w, d->length, 32);
	flush(&w);
	d->phase = DEFLATE_ENDED;
	return suspend(d, &w);
}

/* ---- the stream ---- */

/* Without a name, without a time; compressed fast, by an unknown system (RFC 1952, 2.3). */
static const unsigned char gzip_head[] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255};

void
cpromi_deflate_begin(struct deflate *d)
{
	memset(d, 0, offsetof(struct deflate, stage));
	d->distance = 1;
	memcpy(d->stage, gzip_head, sizeof(gzip_head));
	d->staged = sizeof(gzip_head);
}

/* Makes room in a window that is full and parsed. */
static void
slide(struct deflate *d)
{
	const uint16_t by = DEFLATE_WINDOW - DEFLATE_HISTORY;

	memcpy(d->window, d->window + by, DEFLATE_HISTORY);
	d->filled -= by;
	d->parsed -= by;
	d->block = d->block == UINT32_MAX || d->block < by ? UINT32_MAX : d->block - by;
	for (size_t i = 0; i < array_len(d->seen); i++)
		d->seen[i] = (uint16_t)(d->seen[i] > by ? d->seen[i] - by : 0);
}

void *
cpromi_deflate_room(struct deflate *d, size_t *n)
{
	if (d->phase == DEFLATE_TAKES && d->parsed == DEFLATE_WINDOW)
		slide(d);
	*n = d->phase == DEFLATE_TAKES && !d->finishing ? DEFLATE_WINDOW - d->filled : 0;
	return d->window + d->filled;
}

void
cpromi_deflate_add(struct deflate *d, size_t n)
{
	d->crc = cpromi_crc32(d->crc, d->window + d->filled, n);
	d->length += (uint32_t)n;
	d->filled += (uint32_t)n;
}

void
cpromi_deflate_finish(struct deflate *d)
{
	d->finishing = true;
}

/* Is there anything to be written? Parses if it is time to. */
static bool
has_output(struct deflate *d)
{
	if (d->phase != DEFLATE_TAKES)
		return d->phase != DEFLATE_ENDED;
	if (!d->finishing && d->filled < DEFLATE_WINDOW)
		return false;
	parse(d);
	if (d->parsed < d->filled || (d->finishing && d->run_count > 0))
		d->phase = DEFLATE_HEAD;
	else if (d->finishing)
		d->phase = DEFLATE_TRAILER;
	return d->phase != DEFLATE_TAKES;
}

/* Writes something, for which there are DEFLATE_UNIT bytes at least; returns where it ends. */
static unsigned char *
write_some(struct deflate *d, unsigned char *p, const unsigned char *end)
{
	switch (d->phase) {
	case DEFLATE_HEAD:
		return begin_block(d, p);
	case DEFLATE_BODY:
		return write_body(d, p, end);
	case DEFLATE_STORED:
		return write_stored(d, p, end);
	case DEFLATE_TRAILER:
		return write_trailer(d, p);
	case DEFLATE_TAKES:
	case DEFLATE_ENDED:
		break;
	}
	return p;
}

static size_t
take_staged(struct deflate *d, unsigned char *p, size_t n)
{
	size_t left = d->staged - d->unstaged;

	if (n > left)
		n = left;
	memcpy(p, d->stage + d->unstaged, n);
	d->unstaged += n;
	return n;
}

size_t
cpromi_deflate_read(struct deflate *d, void *out, size_t n)
{
	unsigned char *p = out, *end = p + n;

	p += take_staged(d, p, n);
	while (p < end && has_output(d)) {
		if ((size_t)(end - p) >= DEFLATE_UNIT) {
			p = write_some(d, p, end);
			continue;
		}
		d->unstaged = 0;
		d->staged = (size_t)(write_some(d, d->stage, d->stage + DEFLATE_UNIT) - d->stage);
		p += take_staged(d, p, (size_t)(end - p));
	}
	return (size_t)(p - (unsigned char *)out);
}

bool
cpromi_deflate_ended(const struct deflate *d)
{
	return d->phase == DEFLATE_ENDED && d->unstaged == d->staged;
}
