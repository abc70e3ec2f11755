/* SPDX-License-Identifier: MIT */
/*
 * Label values that were chosen to collide cost no more than random ones.
 *
 * Who can send label values, and knows how a table hashes them, can make each look-up walk past
 * all that he sent before. So 100,000 values are made that collide under hashes without a key, or
 * with a key that is known: this library's own, too. What they cost is counted, not timed: the
 * nodes that a look-up of each comes by, and the places that a collector's samples probe.
 */
#include "crc32.h"
#include "hash.h"
#include "registry.h"
#include "sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "long_run.h"

#ifdef SANITIZED
#define VALUES 5000u
#define STAGES 13 /* 2^STAGES values or more */
#else
#define VALUES 100000u
#define STAGES 17
#endif
#define BLOCK 6
#define LENGTH 104 /* of a value, with its NUL */

_Static_assert(VALUES <= 1u << STAGES && STAGES * BLOCK < LENGTH, "values fit");

static char (*values)[LENGTH];

/* ---- hashes whose state is 32 bits ------------------------------------------------ */

static uint32_t
fnv1a(uint32_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 0x01000193;
	return h;
}

static uint32_t
djb2(uint32_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = h * 33 + (unsigned char)p[i];
	return h;
}

static uint32_t
crc32(uint32_t h, const char *p, size_t n)
{
	return cpromi_crc32(h, p, n);
}

/* A block by its number. */
static void
spell(uint32_t number, char *block)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t dice = (number + 1) * 0x9e3779b97f4a7c15;

	dice ^= dice >> 29;
	for (int i = 0; i < BLOCK; i++, dice /= 64)
		block[i] = letters[dice % 64];
}

#define SEEN ((size_t)1 << 20)

/* Two blocks that lead from one state to the same one, by a birthday search; that state. */
static uint32_t
find_pair(uint32_t (*hash)(uint32_t, const char *, size_t), uint32_t from, char pair[2][BLOCK])
{
	uint32_t *seen = calloc(SEEN, sizeof(*seen)); /* numbers + 1, by hash */
	uint32_t to = 0;

	assert_non_null(seen);
	for (uint32_t number = 0;; number++) {
		size_t i;

		spell(number, pair[0]);
		to = hash(from, pair[0], BLOCK);
		for (i = to % SEEN; seen[i] != 0; i = (i + 1) % SEEN) {
			spell(seen[i] - 1, pair[1]);
			if (hash(from, pair[1], BLOCK) == to &&
			    memcmp(pair[0], pair[1], BLOCK) != 0)
				break;
		}
		if (seen[i] != 0)
			break;
		assert_true(number < SEEN / 2);
		seen[i] = number + 1;
	}
	free(seen);
	return to;
}

/* A. Joux, "Multicollisions in iterated hash functions" (2004): pair behind pair. */
static void
collide(uint32_t (*hash)(uint32_t, const char *, size_t), uint32_t begin)
{
	char pairs[STAGES][2][BLOCK];
	uint32_t state = begin;

	for (int s = 0; s < STAGES; s++)
		state = find_pair(hash, state, pairs[s]);
	for (uint32_t i = 0; i < VALUES; i++) {
		for (int s = 0; s < STAGES; s++)
			memcpy(values[i] + s * BLOCK, pairs[s][i >> s & 1], BLOCK);
		values[i][STAGES * BLOCK] = '\0';
		assert_int_equal(hash(begin, values[i], STAGES * BLOCK), state);
	}
}

static void
collide_fnv1a(void)
{
	collide(fnv1a, 0x811c9dc5);
}

static void
collide_djb2(void)
{
	collide(djb2, 5381);
}

static void
collide_crc32(void)
{
	collide(crc32, 0);
}

/* ---- others ------------------------------------------------------------------------ */

static inline uint64_t
turn(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void
sip_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turn(v[1], 13) ^ v[0];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] = turn(v[0], 32) + v[3];
		v[2] += v[1];
		v[1] = turn(v[1], 17) ^ v[2];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] = turn(v[2], 32);
	}
}

/* SipHash-2-4 of 15 bytes (J.-P. Aumasson, D. J. Bernstein, 2012), the key all zeros. */
static uint64_t
siphash(const char *p)
{
	uint64_t v[4] = {0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261,
			 0x7465646279746573};

	for (int half = 0; half < 2; half++) {
		uint64_t m = half == 0 ? 0 : (uint64_t)15 << 56;

		for (int i = 0; i < 8 - half; i++)
			m |= (uint64_t)(unsigned char)p[8 * half + i] << 8 * i;
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Its state cannot be made to collide, but all values can be in one of 64 buckets. */
static void
collide_siphash(void)
{
	uint64_t number = 0;

	for (uint32_t i = 0; i < VALUES; i++)
		do
			snprintf(values[i], LENGTH, "%015llu", (unsigned long long)number++);
		while (siphash(values[i]) >> 58 != 0);
}

/*
 * With a known key one factor of the first fold can be made 0: then the eight bytes that make
 * the other one no longer matter, nor is anything left of them.
 */
#define EIGHT_A 0x4141414141414141

static struct hash_key known = {{0, 0xd1b54a32d192ed03}};

/* From which a hash of that family's values begins with EIGHT_A. */
static void
set_known_key(cprom_counter *c)
{
	known.k[0] = EIGHT_A ^ (uint32_t)load_relaxed(&cpromi_family_of(CPROM_METRIC(c))->ticket);
}

static void
collide_own(void)
{
	uint64_t first = 0;

	for (uint32_t i = 0; i < VALUES; i++) {
		uint64_t h;

		snprintf(values[i], LENGTH, "AAAAAAAA%08ubehind all those", i);
		h = hash_add(&known, EIGHT_A, values[i], strlen(values[i]));
		assert_true(i == 0 || h == first);
		first = h;
	}
}

static void
spell_random(void)
{
	uint64_t dice = 88172645463325252;

	for (uint32_t i = 0; i < VALUES; i++)
		snprintf(values[i], LENGTH, "%08x%08x%08u", next_random(&dice), next_random(&dice),
			 i);
}

/* ---- what they cost ------------------------------------------------------------------ */

struct cost {
	uint64_t steps; /* of all look-ups, and the longest */
	uint64_t longest;
	uint64_t probes; /* of a collector's samples, and the longest */
	uint64_t furthest;
	double seconds; /* of all look-ups */
};

static uint64_t
steps_to(struct table *t, struct node *n)
{
	uint32_t bits = load_relaxed(&t->bits);
	struct node *at = table_start(t, table_bucket(n->hash, bits), bits);
	uint64_t steps = 0;

	for (; at != n; steps++)
		at = node_at(load_relaxed(&at->next));
	return steps;
}

static void
look_up_all(cprom_counter *c, uint32_t count, struct cost *cost)
{
	struct table *t = &cpromi_family_of(CPROM_METRIC(c))->registry->table;

	for (uint32_t i = 0; i < count; i++)
		assert_non_null(cprom_labels(c, values[i]));
	start_clock();
	for (uint32_t i = 0; i < count; i++)
		cprom_counter_inc(cprom_labels(c, values[i]));
	cost->seconds = elapsed();
	for (uint32_t i = 0; i < count; i++) {
		struct series *s = (struct series *)cprom_labels(c, values[i]);
		uint64_t steps = steps_to(t, &s->node);

		cost->steps += steps;
		cost->longest = steps > cost->longest ? steps : cost->longest;
	}
	assert_int_equal(load_relaxed(&t->count), count);
}

static void
emit_all(cprom_sink *out, void *arg)
{
	struct cost *cost = arg;
	size_t mask;

	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_GAUGE, "emitted", "E."), 0);
	for (uint32_t i = 0; i < VALUES; i++)
		assert_int_equal(cprom_sink_sample(out, i, .labels = CPROM_LABELS("v", values[i])),
				 0);
	assert_int_equal(out->set_count, VALUES);
	mask = out->set_capacity - 1;
	for (size_t i = 0; i <= mask; i++)
		if (out->sets[i].start != 0) {
			uint64_t probes = (i - out->sets[i].hash) & mask;

			cost->probes += probes;
			cost->furthest = probes > cost->furthest ? probes : cost->furthest;
		}
}

static cprom_registry *
flooded(void)
{
	cprom_registry *r = cprom_registry_new(.max_series = VALUES);

	assert_non_null(r);
	return r;
}

static cprom_counter *
flooded_counter(cprom_registry *r)
{
	return cprom_counter_new("c_total", "C.", .registry = r, .labels = CPROM_LABELS("v"),
				 .max_series = VALUES);
}

static struct cost
cost_of(void (*make)(void))
{
	cprom_registry *r = flooded();
	cprom_counter *c = flooded_counter(r);
	struct cost cost = {0};

	set_known_key(c);
	make();
	look_up_all(c, VALUES, &cost);
	assert_non_null(cprom_collector_new(emit_all, &cost, .registry = r));
	free(cprom_render(r, NULL, NULL));
	cprom_registry_free(r);
	return cost;
}

static void
chosen_values_cost_what_random_ones_cost(void **state)
{
	static const struct {
		const char *name;
		void (*make)(void);
	} attacks[] = {
		{"random", spell_random},     {"FNV-1a", collide_fnv1a},
		{"djb2", collide_djb2},       {"CRC-32", collide_crc32},
		{"SipHash", collide_siphash}, {"our own with another key", collide_own},
	};
	struct cost random = {0};

	(void)state;
	for (size_t i = 0; i < array_len(attacks); i++) {
		struct cost cost = cost_of(attacks[i].make);

		print_message("%u values, %s: %.3f nodes (%u), %.3f places (%u), %.0f ns\n", VALUES,
			      attacks[i].name, (double)cost.steps / VALUES, (unsigned)cost.longest,
			      (double)cost.probes / VALUES, (unsigned)cost.furthest,
			      cost.seconds / VALUES * 1e9);
		if (i == 0)
			random = cost;
		assert_true(cost.steps < random.steps + random.steps / 10);
		assert_true(cost.longest <
			    32); /* evenly thrown ones reach 12 in no billion tables */
		assert_true(cost.probes < 2 * random.probes);
		assert_true(cost.furthest < 400);
	}
}

/* Else what was measured above would say nothing. */
static void
with_a_known_key_each_value_is_behind_all_others(void **state)
{
	cprom_registry *r = flooded();
	cprom_counter *c = flooded_counter(r);
	struct cost cost = {0};

	(void)state;
	set_known_key(c);
	collide_own();
	r->key = known;
	look_up_all(c, 2000, &cost);
	assert_true(cost.longest >= 2000);
	cprom_registry_free(r);
}

static int
make_room(void **state)
{
	(void)state;
	values = calloc(VALUES, sizeof(*values));
	return values == NULL ? -1 : 0;
}

static int
give_room_back(void **state)
{
	(void)state;
	free(values);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_values_cost_what_random_ones_cost),
		cmocka_unit_test(with_a_known_key_each_value_is_behind_all_others),
	};

	return cmocka_run_group_tests(tests, make_room, give_room_back);
}
