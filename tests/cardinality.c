/* SPDX-License-Identifier: MIT */
/*
 * cardinality: who sends label values at random fills what one family may have, and nothing else.
 *
 * usage: cardinality [UPDATES [SERIES [GROWTH_KIB [PAGE]]]]
 *
 * Two threads update a counter and a histogram UPDATES times in all (default 300,000) under label
 * values that were never there before: of 1 to 200 bytes, with all that has to be escaped, and
 * some that are not UTF-8. Meanwhile two count in series that were there before, of the same and of
 * another family, and make new ones of a third. Then the same in a registry so small that
 * its bytes are used up long before SERIES (default: CPROM_DEFAULT_MAX_FAMILY_SERIES) are made.
 *
 * What must hold
 *  K1  What was counted in series that were there before is exact, whatever family they are of.
 *  K2  The attacked families have all updates but those of values that are not UTF-8: in children
 *      up to their limit, or the registry's, and in the overflow child.
 *  K3  Each look-up that gave the overflow child is counted, and so is each that was refused.
 *  K4  The registry's memory stays below its limit and, once the families are full, as it is,
 *      and the resident memory grows by no more than GROWTH_KIB (4096; 0: do not look).
 *  K5  Other families go on to make series, while there are bytes.
 *
 * The last page of the first attack goes to the file PAGE, for others to judge.
 */
#include "long_run.h"
#include "registry.h"

#include <cprom.h>
#include <pthread.h>
#include <stdbool.h>

#define ATTACKERS 2
#define STEADY 2
#define BEFORE 16 /* series that are there before, of each family */
#define LATE 200  /* that are made meanwhile */
#define LONGEST 200

static uint64_t updates = 300000;
static size_t limit = CPROM_DEFAULT_MAX_FAMILY_SERIES;
static long growth_kib = 4096;

static cprom_registry *registry;
static cprom_counter *attacked, *other, *late;
static cprom_histogram *timed;
static atomic_u64 refused, overflowed, steady_rounds;
static atomic_u32 stop, complaints;

static void
complain(const char *what, double got, double expected)
{
	if (add_relaxed(&complaints, 1) < 20)
		printf("FAIL: %s: %.17g, not %.17g (%s)\n", what, got, expected, cprom_error());
}

static void
expect(const char *what, double got, double expected)
{
	if (got != expected)
		complain(what, got, expected);
}

/* ---- those who attack --------------------------------------------------------------- */

/* Never the same twice; one in 256 is not UTF-8, and false is returned. */
static bool
make_value(uint64_t *dice, char *value)
{
	static const char *const pieces[] = {"a",  "Z",        "0", "\"", "\\",
					     "\n", "\xc3\xa4", "/", "{",  " "};
	size_t n = (size_t)snprintf(value, LONGEST, "%08x%08x", next_random(dice),
				    next_random(dice));
	size_t length = next_random(dice) % (LONGEST - 20);
	bool legal = next_random(dice) % 256 != 0;

	if (!legal)
		value[n++] = '\xff';
	while (n < length) {
		const char *piece = pieces[next_random(dice) % array_len(pieces)];

		memcpy(value + n, piece, strlen(piece));
		n += strlen(piece);
	}
	value[n] = '\0';
	return legal;
}

static void *
attack(void *arg)
{
	uint64_t dice = 88172645463325252 + (uintptr_t)arg * 7046029254386353131;
	cprom_counter *full = cprom_labels(attacked, "overflow");
	cprom_histogram *full_too = cprom_labels(timed, "overflow");
	char value[LONGEST + 8];

	for (uint64_t i = 0; i < updates / ATTACKERS; i++) {
		cprom_counter *c;
		cprom_histogram *h;
		bool legal = make_value(&dice, value);

		c = cprom_labels(attacked, value);
		h = cprom_labels(timed, value);
		cprom_counter_inc(c);
		cprom_histogram_observe(h, 0.25);
		if ((c != NULL) != legal || (h != NULL) != legal)
			complain("K3: a value that is UTF-8, or not", c != NULL, legal);
		add_relaxed(&refused, (c == NULL) + (h == NULL));
		add_relaxed(&overflowed, (c == full) + (h == full_too));
	}
	return NULL;
}

/* ---- those who do not ---------------------------------------------------------------- */

static const char *const stable[BEFORE] = {"s0", "s1", "s2",  "s3",  "s4",  "s5",  "s6",  "s7",
					   "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15"};

static void
count_once(void)
{
	for (int i = 0; i < BEFORE; i++) {
		cprom_counter_inc(cprom_labels(attacked, stable[i]));
		cprom_counter_inc(cprom_labels(other, stable[i]));
		cprom_histogram_observe(cprom_labels(timed, stable[i]), 1);
	}
}

static void
make_late(unsigned number)
{
	char value[16];
	cprom_counter *c;

	snprintf(value, sizeof(value), "l%u", number);
	c = cprom_labels(late, value);
	cprom_counter_inc(c);
	add_relaxed(&overflowed, c == cprom_labels(late, "overflow"));
}

/* One of them also makes series of the third family, now and then. */
static void *
count_steadily(void *arg)
{
	bool makes = arg != NULL;
	unsigned made = 0;

	for (uint64_t round = 1; load_acquire(&stop) == 0; round++) {
		count_once();
		add_relaxed(&steady_rounds, 1);
		pause_us(100);
		if (makes && made < LATE && round % 8 == 0)
			make_late(made++);
	}
	while (makes && made < LATE)
		make_late(made++);
	return NULL;
}

/* ---- what must hold -------------------------------------------------------------------- */

static void
check_stable(void)
{
	double rounds = (double)load_relaxed(&steady_rounds);

	for (int i = 0; i < BEFORE; i++) {
		expect("K1: of the attacked counter",
		       cprom_counter_value(cprom_labels(attacked, stable[i])), rounds);
		expect("K1: of another counter",
		       cprom_counter_value(cprom_labels(other, stable[i])), rounds);
		expect("K1: of the attacked histogram",
		       (double)cprom_histogram_count(cprom_labels(timed, stable[i])), rounds);
	}
}

/* The value in a line that begins so, summed over all such lines of the page. */
static double
sum_of(const char *page, const char *prefix)
{
	size_t n = strlen(prefix);
	double sum = 0;

	for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, prefix, n) == 0) {
			size_t length = strcspn(line, "\n");

			while (line[length - 1] != ' ')
				length--;
			sum += strtod(line + length, NULL);
		}
	}
	return sum;
}

static void
check_page(const char *page)
{
	double steady = BEFORE * (double)load_relaxed(&steady_rounds);
	double lost = sum_of(page, "cprom_labels_rejected_total ");
	double sent = (double)(updates / ATTACKERS * ATTACKERS);
	double counted = sum_of(page, "attacked_total{"),
	       timed_sum = sum_of(page, "timed_seconds_count{");

	expect("K2: all updates", counted + timed_sum, 2 * (steady + sent) - lost);
	expect("K2: of both alike", counted, timed_sum);
	expect("K3: refused", lost, (double)load_relaxed(&refused));
	expect("K3: overflowed", sum_of(page, "cprom_labels_overflowed_total "),
	       (double)load_relaxed(&overflowed));
	expect("no update was dropped", sum_of(page, "cprom_updates_dropped_total{"), 0);
}

static void
write_page(const char *page, const char *path)
{
	FILE *f = path == NULL ? NULL : fopen(path, "w");

	if (path == NULL)
		return;
	if (f == NULL || fputs(page, f) < 0 || fclose(f) != 0)
		complain("the page cannot be written", 0, 0);
}

/* ---- the attack --------------------------------------------------------------------------- */

static void
open_registry(size_t bytes)
{
	registry = cprom_registry_new(.self_metrics = 1, .max_bytes = bytes);
	attacked = cprom_counter_new("attacked_total", "A.", .registry = registry,
				     .labels = CPROM_LABELS("path"), .max_series = limit);
	timed = cprom_histogram_new("timed_seconds", "T.", .registry = registry,
				    .labels = CPROM_LABELS("path"), .max_series = limit,
				    .buckets = CPROM_BUCKETS(0.1, 1));
	other = cprom_counter_new("other_total", "O.", .registry = registry,
				  .labels = CPROM_LABELS("name"));
	late = cprom_counter_new("late_total", "L.", .registry = registry,
				 .labels = CPROM_LABELS("name"));
	store_relaxed(&refused, 0);
	store_relaxed(&overflowed, 0);
	store_relaxed(&steady_rounds, 1);
	store_relaxed(&stop, 0);
	count_once();
}

struct memory {
	uint64_t used;
	long resident;
};

static struct memory
memory_now(void)
{
	return (struct memory){load_relaxed(&registry->region.used), resident_kib()};
}

static bool
are_full(bool by_bytes)
{
	return by_bytes ? load_relaxed(&overflowed) > 0 : load_relaxed(&overflowed) > updates / 20;
}

/* Waits for the attackers; what the memory was when the families were full. */
static struct memory
watch(pthread_t *attackers, bool by_bytes)
{
	struct memory full = {0, 0};

	while (!are_full(by_bytes) && load_relaxed(&overflowed) + load_relaxed(&refused) < updates)
		pause_us(1000);
	full = memory_now();
	for (int i = 0; i < ATTACKERS; i++)
		pthread_join(attackers[i], NULL);
	return full;
}

static void
check_memory(struct memory full, uint64_t bytes)
{
	struct memory now = memory_now();

	printf("  region %.1f MB when full, %.1f MB in the end; resident %ld KiB, %ld KiB\n",
	       (double)full.used / 1e6, (double)now.used / 1e6, full.resident, now.resident);
	if (now.used > bytes)
		complain("K4: the limit of bytes", (double)now.used, (double)bytes);
	/* The third family's series, and what stood in the middle of being made. */
	if (now.used - full.used > 1 << 20)
		complain("K4: bytes more when full", (double)(now.used - full.used), 0);
	if (growth_kib > 0 && now.resident - full.resident > growth_kib)
		complain("K4: KiB more when full", (double)(now.resident - full.resident), 0);
}

static void
run(const char *what, size_t bytes, bool by_bytes, const char *path)
{
	pthread_t attackers[ATTACKERS], steady[STEADY];
	struct memory full;
	char *page;

	open_registry(bytes);
	start_clock();
	for (uintptr_t i = 0; i < STEADY; i++)
		pthread_create(&steady[i], NULL, count_steadily, (void *)i);
	for (uintptr_t i = 0; i < ATTACKERS; i++)
		pthread_create(&attackers[i], NULL, attack, (void *)(i + 1));
	full = watch(attackers, by_bytes);
	store_release(&stop, 1); /* pairs with count_steadily() */
	for (int i = 0; i < STEADY; i++)
		pthread_join(steady[i], NULL);
	printf("%s: %llu updates, %llu look-ups overflowed, %llu refused, %.1f s\n", what,
	       (unsigned long long)updates * 2, (unsigned long long)load_relaxed(&overflowed),
	       (unsigned long long)load_relaxed(&refused), elapsed());
	check_memory(full, bytes);
	check_stable();
	page = cprom_render(registry, NULL, NULL);
	check_page(page);
	expect("K5: late series", sum_of(page, "late_total{"), LATE);
	if (!by_bytes)
		expect("K5: late series by themselves", sum_of(page, "late_total{name=\"l"), LATE);
	write_page(page, path);
	free(page);
	cprom_registry_free(registry);
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		updates = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		limit = strtoul(argv[2], NULL, 10);
	if (argc > 3)
		growth_kib = strtol(argv[3], NULL, 10);
	run("series", CPROM_DEFAULT_MAX_BYTES, false, argc > 4 ? argv[4] : NULL);
	run("bytes", (size_t)1 << 20, true, NULL);
	return load_relaxed(&complaints) == 0 ? 0 : 1;
}
