/* SPDX-License-Identifier: MIT */
/*
 * bound: the least that the machine must do for each kind of work, in plain C.
 */
#include "bound.h"

#include "atomic.h"
#include "hash.h"

#include <string.h>
#include <time.h>

#define CELLS 4096
#define SLOTS 256

static _Thread_local uint64_t cells[CELLS];
static _Thread_local double sums[CELLS];

/* Two at a time, as any x86-64 or AArch64 can. */
typedef double pair __attribute__((vector_size(16)));
typedef int64_t pair_mask __attribute__((vector_size(16)));
#define PAIRS ((BOUND_BUCKETS + 1) / 2)
static pair edges[PAIRS] = {{.005, .01}, {.025, .05}, {.1, .25},
			    {.5, 1},     {2.5, 5},    {10, __builtin_inf()}};
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
bound_observe(const struct bound *b, double v)
{
	pair twice = {v, v};
	pair_mask below = {0, 0};

	for (size_t i = 0; i < PAIRS; i++)
		below -= edges[i] < twice; /* true is -1 */
	cells[b->cell + (size_t)(below[0] + below[1])]++;
	sums[b->cell] += v;
}

void
bound_quantile(const struct bound *b, double v)
{
	struct timespec t;
	uint64_t bits;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	memcpy(&bits, &v, sizeof(bits));
	cells[(b->cell + ((uint64_t)t.tv_sec & 1) * 2048 + (bits >> 47 & 2047)) % CELLS]++;
	cells[b->cell]++;
	sums[b->cell] += v;
}

void
bound_summary(const struct bound *b, double v)
{
	cells[b->cell]++;
	sums[b->cell] += v;
}

static uint64_t
bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

void
bound_set(double v)
{
	store_relaxed(&shared, bits_of(v));
}

void
bound_gauge_add(double v)
{
	uint64_t old = load_relaxed(&shared);
	double d;

	do
		memcpy(&d, &old, sizeof(d));
	while (!cas_relaxed(&shared, &old, bits_of(d + v)));
}

void
bound_timed(void)
{
	struct timespec s, e;

	clock_gettime(CLOCK_MONOTONIC, &s);
	clock_gettime(CLOCK_MONOTONIC, &e);
	sums[0] = (double)(e.tv_sec - s.tv_sec) + (double)(e.tv_nsec - s.tv_nsec) * 1e-9;
}

/* ---- look-up ---------------------------------------------------------------- */

static struct {
	char a[32], b[32];
	size_t a_length, b_length;
	uint32_t cell;
} table[SLOTS];

static const struct hash_key key = {{0x9e3779b97f4a7c15, 0xd1342543de82ef95}};

static size_t
slot_of(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t i = hash_end(
		hash_add(&key, hash_add(&key, hash_begin(&key, 1), a, a_length), b, b_length));

	for (;; i++) {
		size_t s = i % SLOTS;

		if (table[s].a_length == 0 ||
		    (table[s].a_length == a_length && table[s].b_length == b_length &&
		     memcmp(table[s].a, a, a_length) == 0 && memcmp(table[s].b, b, b_length) == 0))
			return s;
	}
}

void
bound_enter(const char *a, const char *b, uint32_t cell)
{
	size_t s = slot_of(a, strlen(a), b, strlen(b));

	table[s].a_length = strlen(a);
	table[s].b_length = strlen(b);
	memcpy(table[s].a, a, table[s].a_length);
	memcpy(table[s].b, b, table[s].b_length);
	table[s].cell = cell;
}

void
bound_look_up(const char *a, const char *b)
{
	cells[table[slot_of(a, strlen(a), b, strlen(b))].cell]++;
}
