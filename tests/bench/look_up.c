/* SPDX-License-Identifier: MIT */
/*
 * look_up: what it costs to find a child by its label values, and to count one in it.
 *
 * A miss is a look-up past the limit of series: it finds nothing, and then the overflow
 * child. (A look-up that makes the child is not a miss but the group `create`.)
 */
#include "bench.h"
#include "bound.h"

#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1024
#define MAX_LABELS 10
#define WIDTH 16
#define FEW 64
#define SOME 10000
#define LARGE 1000000
#define RING 1024

struct subject {
	cprom_counter *counter;
	struct bound_table *table;
	char (*values)[WIDTH]; /* of each key as many as there are labels */
	uint32_t *order;       /* keys at random, or in turn; mask + 1 of them */
	size_t mask;
	unsigned labels;
};

#define COUNTS 4
static const unsigned label_counts[COUNTS] = {1, 2, 5, 10};
static struct subject few[COUNTS], some[COUNTS], large, in_turn, past_limit, churned;

/* The texts are a program's own, as if it had read them off a request. */
static inline void
next_key(struct bench_thread *t, const struct subject *s, const char **values, unsigned labels)
{
	const char(*v)[WIDTH] = (const char(*)[WIDTH])s->values;

	v += (size_t)s->order[t->at++ & s->mask] * labels;
	for (unsigned k = 0; k < labels; k++)
		values[k] = v[k];
}

/* The number of labels is a constant in both loops, as it is in a program. */
static inline __attribute__((always_inline)) uint64_t
bare_look_up_of(struct bench_thread *t, const struct subject *s, unsigned labels)
{
	const char *values[MAX_LABELS];

	for (int i = 0; i < BATCH; i++) {
		next_key(t, s, values, labels);
		bound_look_up(s->table, values, labels);
	}
	return BATCH;
}

static inline __attribute__((always_inline)) uint64_t
look_up_of(struct bench_thread *t, const struct subject *s, unsigned labels)
{
	const char *values[MAX_LABELS];
	cprom_strings strings = {values, labels};

	for (int i = 0; i < BATCH; i++) {
		next_key(t, s, values, labels);
		cprom_counter_inc(cprom_counter_labels(s->counter, strings));
	}
	return BATCH;
}

static uint64_t
bare_look_up(struct bench_thread *t)
{
	const struct subject *s = t->subject;

	switch (s->labels) {
	case 1:
		return bare_look_up_of(t, s, 1);
	case 2:
		return bare_look_up_of(t, s, 2);
	case 5:
		return bare_look_up_of(t, s, 5);
	default:
		return bare_look_up_of(t, s, 10);
	}
}

static uint64_t
look_up(struct bench_thread *t)
{
	const struct subject *s = t->subject;

	switch (s->labels) {
	case 1:
		return look_up_of(t, s, 1);
	case 2:
		return look_up_of(t, s, 2);
	case 5:
		return look_up_of(t, s, 5);
	default:
		return look_up_of(t, s, 10);
	}
}

/* A new child, and away with one that is RING children older. */
static uint64_t
create_and_remove(struct bench_thread *t)
{
	const struct subject *s = t->subject;
	char name[WIDTH];

	snprintf(name, sizeof(name), "%u", (unsigned)t->at % 1000000);
	cprom_counter_inc(cprom_labels(s->counter, "new", name));
	snprintf(name, sizeof(name), "%u", (unsigned)(t->at++ - RING) % 1000000);
	cprom_remove(s->counter, "new", name);
	return 1;
}

/* Label number k of n of key i, so that no two keys are the same. */
static void
spell(char *out, unsigned i, unsigned k, unsigned n)
{
	static const char *const verbs[] = {"GET",     "POST",     "PUT",  "DELETE",
					    "OPTIONS", "PROPFIND", "HEAD", "PATCH"};

	if (k == n - 1)
		snprintf(out, WIDTH, "%u", 200 + i / (n > 1 ? 8 : 1) * 100);
	else if (k == 0)
		snprintf(out, WIDTH, "%s", verbs[i % 8]);
	else
		snprintf(out, WIDTH, "zone-%u", (i + k) % 5);
}

static void
make_order(struct subject *s, unsigned series, int random)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (s->mask = BENCH_INPUTS; s->mask < series; s->mask *= 2)
		;
	s->order = malloc(s->mask * sizeof(*s->order));
	s->mask--;
	if (s->order == NULL)
		abort();
	for (size_t i = 0; i <= s->mask; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		s->order[i] = (uint32_t)((random ? x >> 32 : i) % series);
	}
}

static void
enter(const struct subject *s, unsigned series)
{
	const char *values[MAX_LABELS];

	for (unsigned i = 0; i < series; i++) {
		for (unsigned k = 0; k < s->labels; k++)
			values[k] = s->values[i * s->labels + k];
		bound_enter(s->table, values, s->labels);
		cprom_counter_inc(
			cprom_counter_labels(s->counter, (cprom_strings){values, s->labels}));
	}
}

static void
make(struct subject *s, unsigned labels, unsigned series, unsigned room)
{
	static const char *const names[MAX_LABELS] = {"method", "code",  "zone",  "host", "user",
						      "path",   "agent", "proto", "peer", "port"};

	s->labels = labels;
	s->values = malloc((size_t)series * labels * WIDTH);
	s->table = bound_new_table(series);
	s->counter = cprom_counter_new("requests_total", "Requests.", .labels = {names, labels},
				       .max_series = room,
				       .registry = cprom_registry_new(.max_bytes = (size_t)4 << 30,
								      .max_series = room + 100));
	if (s->values == NULL || s->table == NULL || s->counter == NULL)
		abort();
	for (unsigned i = 0; i < series * labels; i++)
		spell(s->values[i], i / labels, i % labels, labels);
	make_order(s, series, s != &in_turn);
	enter(s, series);
}

static void
make_subjects(void)
{
	for (unsigned i = 0; i < COUNTS; i++) {
		make(&few[i], label_counts[i], FEW, FEW);
		make(&some[i], label_counts[i], SOME, SOME);
	}
	make(&large, 2, LARGE, LARGE);
	make(&in_turn, 2, FEW, FEW);
	make(&churned, 2, FEW, FEW + 2 * RING);
	make(&past_limit, 2, FEW, FEW);
	for (unsigned i = 0; i < FEW * 2; i++) /* the next ones, for which there is no room */
		spell(past_limit.values[i], FEW + i / 2, i % 2, 2);
}

/* clang-format off */
#define BESIDE(what, n, subject, thread)                                                           \
	{what, BENCH_BOUND, n, bare_look_up, subject, thread},                                     \
	{what, BENCH_CPROM, n, look_up, subject, thread}

static const struct bench_case cases[] = {
	BESIDE("look-up of 2 labels in 64 series, inc", 1, &few[1], NULL),
	BESIDE("look-up of 2 labels in 64 series, inc", 2, &few[1], NULL),
	BESIDE("look-up of 2 labels in 64 series in turn, inc", 1, &in_turn, NULL),
	BESIDE("look-up of 2 labels in 64 series in turn, inc", 2, &in_turn, NULL),
	BESIDE("look-up of 1 label in 64 series, inc", 1, &few[0], NULL),
	BESIDE("look-up of 5 labels in 64 series, inc", 1, &few[2], NULL),
	BESIDE("look-up of 10 labels in 64 series, inc", 1, &few[3], NULL),
	BESIDE("look-up of 1 label in 10k series, inc", 1, &some[0], NULL),
	BESIDE("look-up of 2 labels in 10k series, inc", 1, &some[1], NULL),
	BESIDE("look-up of 5 labels in 10k series, inc", 1, &some[2], NULL),
	BESIDE("look-up of 10 labels in 10k series, inc", 1, &some[3], NULL),
	BESIDE("look-up of 2 labels in 1M series, inc", 1, &large, NULL),
	BESIDE("look-up past the limit of 64 series, inc", 1, &past_limit, NULL),
	BESIDE("look-up beside a thread that makes and removes series, inc", 1, &churned,
	       create_and_remove),
};
/* clang-format on */

int
main(int argc, char **argv)
{
	make_subjects();
	return bench_run(argc, argv, "look_up", cases, sizeof(cases) / sizeof(cases[0]));
}
