/* SPDX-License-Identifier: MIT */
/*
 * Sweeps number over random doubles: sweep_number MILLIONS [SEED].
 *
 * Two threads draw bit patterns, one in sixteen with the low bits of the
 * fraction cleared, and print each with cpromi_double_text(). strtod must read
 * every text back to the same bits. Of one text in 64 it is also shown that
 *  - no shorter one reads back: one digit less, rounded down or up, does not
 *    (any shorter decimal inside the interval that reads back has one of these
 *    two inside as well);
 *  - it is the closest of its length: printf, rounding the exact value to as
 *    many digits, gives the same (left out for powers of two, below which doubles
 *    are denser, so that the closest may not read back).
 * Exits with 0 if all is well, 1 after the first ten faults of a thread, 2 on bad usage.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "number.h"
#include "platform.h"

#define THREADS 2
#define SAMPLE 64 /* one text in so many is looked at closely */
#define MAX_FAULTS 10

struct worker {
	pthread_t thread;
	uint64_t state; /* of the random numbers */
	uint64_t patterns;
	uint64_t samples;
	uint64_t longest; /* bytes of the longest text */
	int faults;
};

/* digits × 10^exponent */
struct decimal {
	uint64_t digits;
	int exponent;
	int count; /* of digits */
};

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The bits of a finite double other than zero. */
static uint64_t
next_pattern(uint64_t *state)
{
	uint64_t bits, choice;

	do {
		bits = next_random(state);
		choice = next_random(state);
		if (choice % 16 == 0)
			bits = bits >> choice / 16 % 53 << choice / 16 % 53;
	} while ((bits >> 52 & 2047) == 2047 || bits << 1 == 0);
	return bits;
}

/* Any spelling without a sign, zeros at the end dropped. */
static struct decimal
parse(const char *text)
{
	struct decimal d = {0, 0, 0};
	const char *p;
	int point = 0;

	for (p = text; *p != '\0' && *p != 'e'; p++) {
		if (*p == '.') {
			point = 1;
			continue;
		}
		d.digits = d.digits * 10 + (uint64_t)(*p - '0');
		d.exponent -= point;
	}
	if (*p == 'e')
		d.exponent += atoi(p + 1);
	for (; d.digits % 10 == 0; d.exponent++)
		d.digits /= 10;
	for (uint64_t rest = d.digits; rest > 0; rest /= 10)
		d.count++;
	return d;
}

static int
reads_back(uint64_t digits, int exponent, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%llue%d", (unsigned long long)digits, exponent);
	return strtod(text, NULL) == v;
}

/* v > 0 */
static int
is_shortest_and_closest(const char *text, double v)
{
	struct decimal d = parse(text), rounded;
	char printed[40];

	if (d.count > 1 && (reads_back(d.digits / 10, d.exponent + 1, v) ||
			    reads_back(d.digits / 10 + 1, d.exponent + 1, v)))
		return 0;
	if (double_bits(v) << 12 == 0)
		return 1;
	snprintf(printed, sizeof(printed), "%.*e", d.count - 1, v);
	rounded = parse(printed);
	return rounded.digits == d.digits && rounded.exponent == d.exponent;
}

static void
report(struct worker *w, uint64_t bits, const char *text, const char *what)
{
	w->faults++;
	printf("%016llx: \"%s\" %s\n", (unsigned long long)bits, text, what);
}

static void
check(struct worker *w, uint64_t bits, int closely)
{
	char text[CPROMI_NUMBER_MAX + 1];
	double v = bits_double(bits);
	size_t n = cpromi_double_text(v, text);

	text[n] = '\0';
	if (n > w->longest)
		w->longest = n;
	if (double_bits(strtod(text, NULL)) != bits)
		report(w, bits, text, "does not read back");
	if (!closely)
		return;
	w->samples++;
	if (!is_shortest_and_closest(text + (text[0] == '-'), v < 0 ? -v : v))
		report(w, bits, text, "is not the shortest and closest");
}

static void *
sweep(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0; i < w->patterns && w->faults < MAX_FAULTS; i++)
		check(w, next_pattern(&w->state), i % SAMPLE == 0);
	return NULL;
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int
main(int argc, char **argv)
{
	struct worker workers[THREADS] = {{0}};
	uint64_t millions = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, samples = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, longest = 0;
	double start = seconds();
	int faults = 0;

	if (millions == 0 || argc > 3) {
		fprintf(stderr, "usage: sweep_number MILLIONS [SEED]\n");
		return 2;
	}
	for (int i = 0; i < THREADS; i++) {
		workers[i].state = seed << 32 ^ (uint64_t)i << 60;
		workers[i].patterns = millions * 1000000 / THREADS;
		if (pthread_create(&workers[i].thread, NULL, sweep, &workers[i]) != 0) {
			perror("pthread_create");
			return 2;
		}
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		faults += workers[i].faults;
		samples += workers[i].samples;
		if (workers[i].longest > longest)
			longest = workers[i].longest;
	}
	printf("%llu million doubles (seed %llu), %llu looked at closely, at most %llu bytes, "
	       "%.0f s: %d faults\n",
	       (unsigned long long)millions, (unsigned long long)seed, (unsigned long long)samples,
	       (unsigned long long)longest, seconds() - start, faults);
	return faults != 0;
}
