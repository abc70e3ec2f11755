/* SPDX-License-Identifier: MIT */
/*
 * bound: the least that the machine must do for each kind of work, in plain C.
 */
#include "bound.h"

#include "atomic.h"
#include "platform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CELLS 8192

static _Thread_local uint64_t cells[CELLS];
static _Thread_local double sums[CELLS];

static _Alignas(64) atomic_u64 shared;

void
bound_inc(const struct bound *b)
{
	cells[b->cell]++;
}

void
bound_add(const struct bound *b, double v)
{
	sums[b->cell] += v;
}

void
bound_summary(const struct bound *b, double v)
{
	cells[b->cell]++;
	sums[b->cell] += v;
}

/* 64 parts of an octave, of one width: the middle of each is within 0.8 %. */
void
bound_quantile(const struct bound *b, double v)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	cells[4096 + ((uint64_t)t.tv_sec & 1) * 2048 + (double_bits(v) >> 46 & 2047)]++;
	cells[b->cell]++;
	sums[b->cell] += v;
}

void
bound_set(double v)
{
	store_relaxed(&shared, double_bits(v));
}

void
bound_gauge_add(double v)
{
	uint64_t old = load_relaxed(&shared);

	while (!cas_relaxed(&shared, &old, double_bits(bits_double(old) + v)))
		;
}

void
bound_timed(void)
{
	struct timespec s, e;

	clock_gettime(CLOCK_MONOTONIC, &s);
	clock_gettime(CLOCK_MONOTONIC, &e);
	sums[0] = (double)(e.tv_sec - s.tv_sec) + (double)(e.tv_nsec - s.tv_nsec) * 1e-9;
}

#if defined(__x86_64__)
static inline uint64_t
ticks(void)
{
	return __builtin_ia32_rdtsc();
}
#elif defined(__aarch64__)
static inline uint64_t
ticks(void)
{
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
}
#else
static inline uint64_t
ticks(void)
{
	return (uint64_t)clock();
}
#endif

void
bound_ticks(void)
{
	uint64_t start = ticks();

	cells[0] = ticks() - start;
}

/* ---- buckets ---------------------------------------------------------------- */

void
bound_make_buckets(struct bound_buckets *b, const double *edges, size_t count)
{
	size_t first = 0;

	memcpy(b->edges, edges, count * sizeof(*edges));
	b->edges[count] = INFINITY;
	memset(b->first, 0, sizeof(b->first));
	for (uint64_t i = 0; i < sizeof(b->first) / 2; i++) {
		while (first < count && edges[first] < bits_double(i << 47))
			first++;
		b->first[i] = (uint8_t)first;
	}
}

void
bound_observe(const struct bound_buckets *b, double v)
{
	size_t i = b->first[double_bits(v) >> 47];

	i += b->edges[i] < v;
	cells[b->cell + i]++;
	sums[b->cell] += v;
}

/* ---- look-up ---------------------------------------------------------------- */

#define MAX_WORDS 32
#define ONES 0x0101010101010101u

/* What is found is a number among the calling thread's cells; 0 is for what is not there. */
struct slot {
	uint32_t hash;
	uint32_t at; /* of its words; 0: free */
};

struct bound_table {
	struct slot *slots;
	uint64_t *words; /* of each series: its cell, then its values, each with zeros after it */
	size_t mask, used, series;
};

static _Thread_local uint64_t *found;
static _Thread_local size_t found_count;

struct bound_table *
bound_new_table(size_t series)
{
	struct bound_table *t = calloc(1, sizeof(*t));
	size_t slots = 2;

	if (t == NULL)
		return NULL;
	while (slots <= series * 2)
		slots *= 2;
	t->mask = slots - 1;
	t->used = 1;
	t->slots = calloc(slots, sizeof(*t->slots));
	t->words = calloc(series * (MAX_WORDS + 1) + 1, sizeof(*t->words));
	if (t->slots != NULL && t->words != NULL)
		return t;
	bound_free_table(t);
	return NULL;
}

void
bound_free_table(struct bound_table *t)
{
	free(t->slots);
	free(t->words);
	free(t);
}

/* The string at p, which ends before the page does. */
static __attribute__((noinline)) uint64_t
read_string(const char *p)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < sizeof(word) && p[i] != '\0'; i++)
		word |= (uint64_t)(unsigned char)p[i] << 8 * i;
	return word;
}

/* Eight bytes at p, or fewer with zeros after them if a page could end there. */
static inline uint64_t
read_word(const char *p)
{
	uint64_t word;

	if (((uintptr_t)p & 4095) > 4096 - sizeof(word))
		return read_string(p);
	memcpy(&word, p, sizeof(word));
	return word;
}

struct key {
	uint64_t words[MAX_WORDS];
	size_t count;
	uint32_t hash;
};

/* Little-endian. A last word has a zero byte, so ("ab", "c") differs from ("a", "bc"). */
static inline void
make_key(struct key *key, const char *const *values, size_t count)
{
	uint64_t h = 0x9e3779b97f4a7c15, low, zeros, word;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		for (const char *p = values[i];; p += 8) {
			word = read_word(p);
			zeros = (word - ONES) & ~word & ONES << 7;
			if (zeros != 0)
				word &= (zeros & -zeros) - 1;
			key->words[n++] = word;
			h = mul_high(h ^ word, 0xd1342543de82ef95, &low) ^ low;
			if (zeros != 0 || n == MAX_WORDS)
				break;
		}
	key->count = n;
	key->hash = (uint32_t)(h >> 32);
}

/* Where it is, or where it would be. */
static inline const struct slot *
slot_of(const struct bound_table *t, const struct key *key)
{
	for (size_t i = key->hash;; i++) {
		const struct slot *s = &t->slots[i & t->mask];
		const uint64_t *words = t->words + s->at + 1;
		size_t k = 0;

		if (s->at == 0)
			return s;
		if (s->hash != key->hash)
			continue;
		while (k < key->count && words[k] == key->words[k])
			k++;
		if (k == key->count)
			return s;
	}
}

void
bound_enter(struct bound_table *t, const char *const *values, size_t count)
{
	struct key key;
	struct slot *s;

	make_key(&key, values, count);
	s = (struct slot *)slot_of(t, &key);
	if (s->at != 0)
		return;
	s->hash = key.hash;
	s->at = (uint32_t)t->used;
	t->words[t->used++] = ++t->series;
	memcpy(t->words + t->used, key.words, key.count * sizeof(*key.words));
	t->used += key.count;
}

/* This thread's cells grow to hold that one. */
static __attribute__((noinline)) void
make_room(uint64_t cell)
{
	size_t count = found_count == 0 ? 128 : found_count;

	while (count <= cell)
		count *= 2;
	found = realloc(found, count * sizeof(*found));
	if (found == NULL)
		abort();
	memset(found + found_count, 0, (count - found_count) * sizeof(*found));
	found_count = count;
}

void
bound_look_up(const struct bound_table *t, const char *const *values, size_t count)
{
	const struct slot *s;
	struct key key;
	uint64_t cell;

	make_key(&key, values, count);
	s = slot_of(t, &key);
	cell = s->at == 0 ? 0 : t->words[s->at];
	if (cell >= found_count)
		make_room(cell);
	found[cell]++;
}
