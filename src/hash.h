/* SPDX-License-Identifier: MIT */
/*
 * hash: a keyed hash of label values.
 *
 * Eight bytes at a time are folded in by a 64 × 64 → 128-bit multiplication whose
 * halves are combined by exclusive or: the "multiply and fold" step of wyhash
 * (Wang Yi, https://github.com/wangyi-fudan/wyhash, public domain) and its kin.
 * The key is random per registry and never shown, so that values which collide
 * cannot be chosen from outside; a collision costs one comparison more.
 */
#ifndef CPROMI_HASH_H
#define CPROMI_HASH_H

#include "platform.h"

#include <stddef.h>

struct hash_key {
	uint64_t k[2];
};

/* From getrandom(2); if that fails, from the clock and an address. */
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

/* The n < 8 bytes at p as a number, without reading past them. */
static inline uint64_t
hash_tail(const char *p, size_t n)
{
	uint32_t head = 0, tail = 0;

	if (n >= 4) {
		memcpy(&head, p, 4);
		memcpy(&tail, p + n - 4, 4);
		return (uint64_t)head << 32 | tail;
	}
	if (n == 0)
		return 0;
	return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n >> 1] << 8 |
	       (unsigned char)p[n - 1];
}

/* Adds a string; its length is part of it, so ("ab", "c") differs from ("a", "bc"). */
static inline uint64_t
hash_add(const struct hash_key *key, uint64_t h, const char *p, size_t n)
{
	uint64_t word, length = (uint64_t)n << 32;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = hash_fold(h ^ word, key->k[1]);
	}
	return hash_fold(h ^ hash_tail(p, n), key->k[1] ^ length);
}

static inline uint32_t
hash_end(const struct hash_key *key, uint64_t h)
{
	return (uint32_t)(hash_fold(h, key->k[0] | 1) >> 32);
}

#endif
