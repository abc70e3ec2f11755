/* SPDX-License-Identifier: MIT */
/*
 * hash: a keyed hash of label values, and their comparison.
 *
 * Sixteen bytes at a time are folded in by a 64 × 64 → 128-bit multiplication whose
 * halves are combined by exclusive or: the "multiply and fold" step of wyhash
 * (Wang Yi, https://github.com/wangyi-fudan/wyhash, public domain) and its kin.
 * The key is random per registry and never shown, so that values which collide
 * cannot be chosen from outside; a collision costs one comparison more.
 *
 * Label values are short and their lengths hard to predict: what costs most is not
 * arithmetic but a branch that goes the wrong way. So lengths of 3 to 16 take the same way.
 */
#ifndef CPROMI_HASH_H
#define CPROMI_HASH_H

#include "platform.h"

#include <stdbool.h>
#include <stddef.h>

struct hash_key {
	uint64_t k[2];
};

/* From getrandom(2); if that fails, from AT_RANDOM of getauxval(3) and the clock. */
void cpromi_hash_key_make(struct hash_key *key);

static inline uint64_t
hash_fold(uint64_t a, uint64_t b)
{
	uint64_t low;
	uint64_t high = mul_high(a, b, &low);

	return low ^ high;
}

static inline uint64_t
hash_begin(const struct hash_key *key, uint32_t salt)
{
	return key->k[0] ^ salt;
}

static inline uint64_t
hash_two_words(const char *p, const char *q)
{
	uint32_t a, b;

	memcpy(&a, p, sizeof(a));
	memcpy(&b, q, sizeof(b));
	return (uint64_t)a << 32 | b;
}

/*
 * All of 3 to 16 bytes, in four words that overlap. Of 3 bytes the one behind them is part
 * of it, too: it must be there.
 */
static inline void
hash_words(const char *p, size_t n, uint64_t words[2])
{
	size_t last = n < 4 ? 0 : n - 4, middle = n / 8 * 4;

	words[0] = hash_two_words(p, p + middle);
	words[1] = hash_two_words(p + last - middle, p + last);
}

/* Up to 2 bytes; of none the one behind is read. */
static inline uint64_t
hash_few(const char *p, size_t n)
{
	return (uint64_t)(unsigned char)p[0] << 8 | (unsigned char)p[n / 2];
}

static inline uint64_t
hash_turn(uint64_t v, size_t by)
{
	return v << (by & 63) | v >> (-by & 63);
}

/*
 * Adds a string, with the 0 that ends it behind its n bytes. Its length is part of it, so
 * ("ab", "c") differs from ("a", "bc"): it turns the key, for what is turned in the open
 * can be made up for by other bytes.
 */
static inline uint64_t
hash_add(const struct hash_key *key, uint64_t h, const char *p, size_t n)
{
	uint64_t words[2], turned = hash_turn(key->k[1], n);

	if (n < 3)
		return hash_fold(h ^ hash_few(p, n), turned);
	if (n > 16) {
		for (; n > 16; p += 16, n -= 16) {
			memcpy(words, p, 16);
			h = hash_fold(h ^ words[0], key->k[1] ^ words[1]);
		}
		p -= 16 - n; /* the last 16, some of them again */
		n = 16;
	}
	hash_words(p, n, words);
	return hash_fold(h ^ words[0], turned ^ words[1]);
}

static inline uint32_t
hash_end(uint64_t h)
{
	return (uint32_t)(h >> 32);
}

/* The bits in which four bytes differ. */
static inline uint32_t
hash_differ(const char *p, const char *q)
{
	uint32_t a, b;

	memcpy(&a, p, sizeof(a));
	memcpy(&b, q, sizeof(b));
	return a ^ b;
}

/* Are the n bytes the same? Both may be read one byte further. */
static inline bool
hash_same(const char *p, const char *q, size_t n)
{
	static const unsigned char three[4] = {255, 255, 255, 0};
	size_t last = n < 4 ? 0 : n - 4, middle = n / 8 * 4;
	uint32_t mask;

	if (n > 16)
		return memcmp(p, q, n) == 0;
	if (n < 3)
		return n == 0 || hash_few(p, n) == hash_few(q, n);
	memcpy(&mask, three, sizeof(mask));
	return ((hash_differ(p, q) | hash_differ(p + middle, q + middle) |
		 hash_differ(p + last - middle, q + last - middle) |
		 hash_differ(p + last, q + last)) &
		(n == 3 ? mask : UINT32_MAX)) == 0;
}

#endif
