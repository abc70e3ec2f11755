/* SPDX-License-Identifier: MIT */
/*
 * Tests of exemplar: what is kept and what is not, X1 to X4 while threads, signal handlers and
 * processes write and are killed, what it takes of memory, and the hook.
 */
#include "exemplar.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "expect.h"
#include "registry.h"
#include "with_registry.h"

#define SECOND 1000000000

static cprom_counter *counter;
static cprom_histogram *histogram; /* buckets 1, 2, +Inf */

static void
make_metrics(cprom_registry *r)
{
	counter = cprom_counter_new("c_total", "C.", .registry = r);
	histogram = cprom_histogram_new("h", "H.", .registry = r, .buckets = CPROM_BUCKETS(1, 2));
	assert_true(counter != NULL && histogram != NULL);
}

static int
setup_metrics(void **state)
{
	if (setup(state) == -1)
		return -1;
	make_metrics(registry);
	return 0;
}

static int
teardown_hook(void **state)
{
	return cprom_exemplar_hook(NULL, 0) == -1 || teardown(state) == -1 ? -1 : 0;
}

static bool
read_bucket(const void *metric, size_t bucket, struct exemplar *e)
{
	struct epoch_guard g = {NULL, false};
	const struct series *s = metric;
	struct cprom_registry *r = (struct cprom_registry *)s->handle.chunk->shape->region;
	bool found;

	assert_true(cpromi_epoch_enter(&r->epoch, &g));
	found = cpromi_exemplar_any(s) && cpromi_exemplar_read(s, bucket, e);
	cpromi_epoch_leave(&g);
	return found;
}

static void
assert_none(const void *metric, size_t bucket)
{
	struct exemplar e;

	assert_false(read_bucket(metric, bucket, &e));
}

static void
assert_exemplar(const void *metric, size_t bucket, double value, const char *labels)
{
	struct exemplar e;
	int64_t now = cpromi_unix_coarse_ns();

	if (!read_bucket(metric, bucket, &e))
		fail_msg("bucket %zu has no exemplar", bucket);
	assert_double(e.value, value);
	if (e.length != strlen(labels) || memcmp(e.labels, labels, e.length) != 0)
		fail_msg("the labels are %.*s, not %s", (int)e.length, e.labels, labels);
	assert_true(e.time_ns <= now && now - e.time_ns < 100 * (int64_t)SECOND);
}

static double
left_out(const char *reason)
{
	char series[128];

	snprintf(series, sizeof(series), "cprom_exemplars_dropped_total{reason=\"%s\"}", reason);
	return sample(registry, series);
}

/* ---- one thread ------------------------------------------------------------------ */

static void
the_last_one_of_each_bucket_is_kept(void **state)
{
	(void)state;
	assert_none(counter, 0);
	for (size_t i = 0; i < 3; i++)
		assert_none(histogram, i);
	cprom_histogram_observe_exemplar(histogram, 1, CPROM_LABELS("trace_id", "first"));
	cprom_histogram_observe_exemplar(histogram, 1.5, CPROM_LABELS("a", "1", "b", "2"));
	cprom_histogram_observe_exemplar(histogram, 0.5, CPROM_LABELS("trace_id", "second"));
	cprom_histogram_observe(histogram, 0.25);
	assert_exemplar(histogram, 0, 0.5, "trace_id=\"second\"");
	assert_exemplar(histogram, 1, 1.5, "a=\"1\",b=\"2\"");
	assert_none(histogram, 2);
	cprom_histogram_observe_exemplar(histogram, HUGE_VAL, CPROM_LABELS("x", ""));
	assert_exemplar(histogram, 2, HUGE_VAL, "x=\"\"");
	assert_int_equal(cprom_histogram_count(histogram), 5);

	cprom_counter_add_exemplar(counter, 2, CPROM_LABELS("n", "2"));
	cprom_counter_add_exemplar(counter, 0.5, CPROM_LABELS("n", "half"));
	cprom_counter_inc(counter);
	assert_exemplar(counter, 0, 0.5, "n=\"half\"");
	assert_double(cprom_counter_value(counter), 3.5);
}

static void
children_have_their_own(void **state)
{
	cprom_counter *parent = cprom_counter_new("p_total", "P.", .registry = registry,
						  .labels = CPROM_LABELS("who"));
	cprom_counter *a = cprom_labels(parent, "a"), *b = cprom_labels(parent, "b");

	(void)state;
	cprom_counter_add_exemplar(a, 1, CPROM_LABELS("id", "of a"));
	assert_none(b, 0);
	cprom_counter_add_exemplar(b, 2, CPROM_LABELS("id", "of b"));
	assert_exemplar(a, 0, 1, "id=\"of a\"");
	assert_exemplar(b, 0, 2, "id=\"of b\"");
}

/* Their cells are elsewhere: the slots of one must not be those of its neighbour. */
static void
native_histograms_have_one_for_each_classic_bucket(void **state)
{
	cprom_histogram *parent = cprom_histogram_new(
		"n", "N.", .registry = registry, .labels = CPROM_LABELS("who"),
		.buckets = CPROM_BUCKETS(1, 2), .native = CPROM_NATIVE(.growth = 1.1));
	cprom_histogram *only = cprom_histogram_new("o", "O.", .registry = registry,
						    .native = CPROM_NATIVE(.growth = 1.1));
	cprom_histogram *a = cprom_labels(parent, "a"), *b = cprom_labels(parent, "b");
	cprom_histogram *both[] = {a, b};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 3; k++) {
			char id[8];

			snprintf(id, sizeof(id), "%u", i);
			cprom_histogram_observe_exemplar(both[i], k + 0.5, CPROM_LABELS("id", id));
		}
	for (unsigned k = 0; k < 3; k++) {
		assert_exemplar(a, k, k + 0.5, "id=\"0\"");
		assert_exemplar(b, k, k + 0.5, "id=\"1\"");
	}
	assert_none(only, 0);
	cprom_histogram_observe_exemplar(only, 7, CPROM_LABELS("id", "o"));
	assert_exemplar(only, 0, 7, "id=\"o\"");
	assert_int_equal(cprom_remove(parent, "a"), 0);
	cpromi_epoch_reclaim(&registry->epoch);
	a = cprom_labels(parent, "c");
	for (unsigned k = 0; k < 3; k++) {
		assert_none(a, k);
		assert_exemplar(b, k, k + 0.5, "id=\"1\"");
	}
}

static void
values_are_escaped(void **state)
{
	(void)state;
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("a", "\"\\\n", "b", "\xC3\xBC"));
	assert_exemplar(counter, 0, 1, "a=\"\\\"\\\\\\n\",b=\"\xC3\xBC\"");
}

/* name="xxx…" with n times the character in it. */
static void
check_length(const char *character, size_t n, bool accepted)
{
	char value[4 * 200 + 1] = "", expected[4 * 200 + 64] = "i=\"";
	bool escaped = strchr("\\\"", character[0]) != NULL;

	for (size_t i = 0; i < n; i++) {
		strcat(value, character);
		strcat(expected, escaped ? "\\" : "");
		strcat(expected, character);
	}
	strcat(expected, "\"");
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("i", "before"));
	cprom_counter_add_exemplar(counter, 2, CPROM_LABELS("i", value));
	if (accepted)
		assert_exemplar(counter, 0, 2, expected);
	else
		assert_exemplar(counter, 0, 1, "i=\"before\"");
}

static void
names_and_values_have_128_characters_at_most(void **state)
{
	static const char *const characters[] = {"x",        "\"",           "\\",
						 "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};

	(void)state;
	for (size_t i = 0; i < array_len(characters); i++) {
		check_length(characters[i], 127, true);
		check_length(characters[i], 128, false);
	}
	for (size_t n = 0; n < 128; n++)
		check_length("y", n, true);
	assert_double(left_out("invalid"), array_len(characters));
}

/* n labels of one character each: as many bytes between them as there can be. */
static void
check_many(size_t n, bool accepted)
{
	char names[CPROM_MAX_LABELS + 1][3], last[4 * 128 + 1] = "", expected[EXEMPLAR_BYTES + 1];
	const char *items[2 * (CPROM_MAX_LABELS + 1)];
	size_t characters = 0, length = 0;

	for (size_t i = 0; i < n; i++) {
		names[i][0] = "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i % 53];
		names[i][1] = i < 53 ? '\0' : '1';
		names[i][2] = '\0';
		items[2 * i] = names[i];
		items[2 * i + 1] = i + 1 < n ? "" : last;
		characters += strlen(names[i]);
	}
	while (characters++ < CPROM_MAX_EXEMPLAR_CHARACTERS)
		strcat(last, "\xF0\x9F\x98\x80");
	for (size_t i = 0; i < n; i++) {
		assert_true(length + strlen(items[2 * i + 1]) + 6 < sizeof(expected) || !accepted);
		if (accepted)
			length += (size_t)sprintf(expected + length, "%s%s=\"%s\"",
						  i > 0 ? "," : "", items[2 * i], items[2 * i + 1]);
	}
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("i", "before"));
	cprom_counter_add_exemplar(counter, 2, (cprom_strings){items, 2 * n});
	assert_exemplar(counter, 0, accepted ? 2 : 1, accepted ? expected : "i=\"before\"");
}

static void
any_number_of_labels_up_to_the_limit_fits(void **state)
{
	(void)state;
	for (size_t n = 1; n <= CPROM_MAX_LABELS; n++)
		check_many(n, true);
	check_many(CPROM_MAX_LABELS + 1, false);
}

static void
labels_that_are_not_valid_are_counted_and_the_update_is_made(void **state)
{
	static const char *const odd[] = {"a", "1", "b"};
	static const char *const null_name[] = {NULL, "1"}, *const null_value[] = {"a", NULL};
	static const char *const twice[] = {"a", "1", "b", "2", "a", "3"};
	static const char *const bad[][2] = {
		{"", "1"},    {"1a", "1"},   {"a-b", "1"},  {"a:b", "1"},         {"\xC3\xBC", "1"},
		{"__a", "1"}, {"a", "\xFF"}, {"a", "\xC3"}, {"a", "\xED\xA0\x80"}};
	const cprom_strings lists[] = {{odd, 3},        {odd, 1},   {null_name, 2},
				       {null_value, 2}, {twice, 6}, {NULL, 2}};
	unsigned n = 0;

	(void)state;
	cprom_histogram_observe_exemplar(histogram, 1, CPROM_LABELS("i", "good"));
	for (size_t i = 0; i < array_len(lists); i++, n++)
		cprom_histogram_observe_exemplar(histogram, 0.5, lists[i]);
	for (size_t i = 0; i < array_len(bad); i++, n++)
		cprom_histogram_observe_exemplar(histogram, 0.5, (cprom_strings){bad[i], 2});
	assert_double(left_out("invalid"), n);
	assert_double(left_out("memory"), 0);
	assert_int_equal(cprom_histogram_count(histogram), n + 1);
	assert_exemplar(histogram, 0, 1, "i=\"good\"");
}

static void
without_labels_there_is_none(void **state)
{
	(void)state;
	cprom_counter_add_exemplar(counter, 1, (cprom_strings){NULL, 0});
	assert_none(counter, 0);
	assert_double(cprom_counter_value(counter), 1);
	assert_double(left_out("invalid"), 0);
}

static void
an_update_that_is_dropped_leaves_none(void **state)
{
	cprom_histogram *parent = cprom_histogram_new("p", "P.", .registry = registry,
						      .labels = CPROM_LABELS("who"));

	(void)state;
	cprom_counter_add_exemplar(NULL, 1, CPROM_LABELS("i", "1"));
	cprom_histogram_observe_exemplar(NULL, 1, CPROM_LABELS("i", "1"));
	cprom_counter_add_exemplar(counter, -1, CPROM_LABELS("i", "1"));
	cprom_counter_add_exemplar(counter, HUGE_VAL, CPROM_LABELS("i", "1"));
	cprom_histogram_observe_exemplar(histogram, (double)NAN, CPROM_LABELS("i", "1"));
	cprom_histogram_observe_exemplar(parent, 1, CPROM_LABELS("i", "1"));
	assert_none(counter, 0);
	for (size_t i = 0; i < 3; i++)
		assert_none(histogram, i);
	assert_double(dropped(registry, "negative"), 1);
	assert_double(dropped(registry, "infinite"), 1);
	assert_double(dropped(registry, "nan"), 1);
	assert_double(dropped(registry, "labels_missing"), 1);
}

/* ---- memory ------------------------------------------------------------------- */

static uint64_t
memory_used(void)
{
	return load_relaxed(&registry->region.used);
}

static void
memory_is_taken_with_the_first_one_and_used_again(void **state)
{
	char text[100];
	uint64_t before, after;

	(void)state;
	cprom_counter_inc(counter);
	before = memory_used();
	cprom_counter_inc(counter);
	assert_true(memory_used() == before);
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("trace_id", "1"));
	after = memory_used();
	assert_in_range(after - before, 128 + 8, 128 + 64 + 64 * 8); /* a note and slots */
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("trace_id", "2"));
	after = memory_used(); /* two notes: the one that is filled, and the one there */
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("trace_id", text));
	}
	assert_true(memory_used() == after);
	assert_exemplar(counter, 0, 1, "trace_id=\"9999\"");
}

static void
without_memory_the_update_is_made_and_the_exemplar_is_not(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	registry = cprom_registry_new(.max_bytes = (size_t)128 << 10);
	make_metrics(registry);
	cprom_counter_inc(counter);
	while (cpromi_region_carve(&registry->region, 64, 64) != NULL)
		;
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("i", "1"));
	assert_double(cprom_counter_value(counter), 2);
	assert_none(counter, 0);
	assert_int_equal(load_relaxed(&registry->counts[SELF_EXEMPLARS_WITHOUT_MEMORY]), 1);
}

static void
a_series_that_has_the_memory_of_another_has_not_its_exemplars(void **state)
{
	cprom_counter *parent = cprom_counter_new("p_total", "P.", .registry = registry,
						  .labels = CPROM_LABELS("n"));
	uint64_t used = 0;
	char n[16];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		cprom_counter *c;

		snprintf(n, sizeof(n), "%d", i % 100 + 100);
		c = cprom_labels(parent, n);
		assert_none(c, 0);
		cprom_counter_add_exemplar(c, i, CPROM_LABELS("i", n));
		assert_int_equal(cprom_remove(parent, n), 0);
		if (i == 1000)
			used = memory_used();
	}
	assert_true(memory_used() == used);
}

static void
a_metric_registered_again_has_none(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_none(counter, 0);
		cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("i", "1"));
		assert_exemplar(counter, 0, 1, "i=\"1\"");
		assert_int_equal(cprom_unregister(counter), 0);
		cpromi_epoch_reclaim(&registry->epoch);
		counter = cprom_counter_new("c_total", "C.", .registry = registry);
		assert_non_null(counter);
	}
}

static void
one_for_another_birth_is_not_shown(void **state)
{
	struct series *s = (struct series *)counter;

	(void)state;
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("i", "1"));
	add_relaxed(&s->birth, 1);
	assert_none(counter, 0);
	cprom_counter_add_exemplar(counter, 2, CPROM_LABELS("i", "2"));
	assert_exemplar(counter, 0, 2, "i=\"2\"");
}

/* ---- many at once ---------------------------------------------------------------- */

/* Of the number n: value n, label n, and n times the same character: each word depends on it. */
static void
observe_number(unsigned n)
{
	char text[12], fill[101];
	size_t length = n % 100;

	snprintf(text, sizeof(text), "%u", n);
	memset(fill, 'a' + (int)(n % 26), length);
	fill[length] = '\0';
	cprom_histogram_observe_exemplar(histogram, 3 + n, CPROM_LABELS("n", text, "fill", fill));
}

/* Is it one whole exemplar of observe_number()? */
static bool
is_whole(const struct exemplar *e)
{
	unsigned n = (unsigned)e->value - 3;
	char expected[256], fill[101];
	size_t length = n % 100;

	memset(fill, 'a' + (int)(n % 26), length);
	fill[length] = '\0';
	snprintf(expected, sizeof(expected), "n=\"%u\",fill=\"%s\"", n, fill);
	return e->length == strlen(expected) && memcmp(e->labels, expected, e->length) == 0;
}

static unsigned
read_whole(void)
{
	struct exemplar e;

	if (!read_bucket(histogram, 2, &e))
		return 0;
	if (!is_whole(&e))
		fail_msg("torn: %g %.*s", e.value, (int)e.length, e.labels);
	return 1;
}

#define WRITERS 4
#ifdef SANITIZED
#define ROUNDS 5000
#else
#define ROUNDS 100000
#endif

static atomic_u32 writers_left;

static void *
write_many(void *arg)
{
	unsigned first = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		observe_number(first + i * WRITERS);
	sub_relaxed(&writers_left, 1);
	return NULL;
}

static void
a_reader_never_sees_half_of_one(void **state)
{
	pthread_t threads[WRITERS];
	unsigned seen = 0;

	(void)state;
	observe_number(1);
	store_relaxed(&writers_left, WRITERS);
	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, (void *)i), 0);
	while (load_relaxed(&writers_left) > 0)
		seen += read_whole();
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_true(seen > 0);
	assert_int_equal(read_whole(), 1);
	assert_int_equal(cprom_histogram_count(histogram), WRITERS * ROUNDS + 1);
}

/* Removes and makes the child again while others add to it; each has exemplars of its own life. */
static cprom_counter *family_of_lives;

static void *
live_and_die(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS / 10; i++) {
		cprom_counter *c = cprom_labels(family_of_lives, "x");
		struct exemplar e;

		assert_false(read_bucket(c, 0, &e) && e.value > 1);
		cprom_remove(family_of_lives, "x");
		cprom_counter_add_exemplar(cprom_labels(family_of_lives, "y"), 2,
					   CPROM_LABELS("child", "y"));
		cprom_remove(family_of_lives, "y");
	}
	sub_relaxed(&writers_left, 1);
	return NULL;
}

static void
churn_beside_writers_mixes_nothing_up(void **state)
{
	pthread_t thread;

	(void)state;
	family_of_lives = cprom_counter_new("l_total", "L.", .registry = registry,
					    .labels = CPROM_LABELS("child"));
	store_relaxed(&writers_left, 1);
	assert_int_equal(pthread_create(&thread, NULL, live_and_die, NULL), 0);
	while (load_relaxed(&writers_left) > 0)
		cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("child", "x"));
	pthread_join(thread, NULL);
	assert_exemplar(counter, 0, 1, "child=\"x\"");
}

static void
observe_in_handler(int signal)
{
	static unsigned n;

	(void)signal;
	observe_number(1000000 + n++ % 1000);
}

static void
a_signal_handler_may_write_one_into_the_same_bucket(void **state)
{
	struct sigaction action = {.sa_handler = observe_in_handler}, old;
	struct itimerval every = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		observe_number(i);
		assert_int_equal(read_whole(), 1);
	}
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	assert_true(cprom_histogram_count(histogram) > ROUNDS);
}

/* ---- processes ------------------------------------------------------------------- */

#ifdef SANITIZED
#define KILLS 20
#else
#define KILLS 200
#endif

/* Observes as fast as it can until it is killed. */
static pid_t
start_writer(unsigned first)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		alarm(60); /* should the test fail */
		for (unsigned i = first;; i++)
			observe_number(i);
	}
	return pid;
}

static void
a_writer_that_is_killed_leaves_the_bucket_whole_and_free(void **state)
{
	pid_t writers[2];
	unsigned seen = 0;

	(void)state;
	cprom_registry_free(registry);
	registry = cprom_registry_new(.shared = 1, .max_bytes = (size_t)8 << 20);
	make_metrics(registry);
	writers[0] = start_writer(0);
	writers[1] = start_writer(50000);
	for (unsigned i = 0; i < KILLS; i++) {
		pid_t *w = &writers[i % 2];
		struct timespec a_while = {0, 300000 + (long)i * 997 % 1000 * 1000};

		nanosleep(&a_while, NULL);
		seen += read_whole();
		assert_int_equal(kill(*w, SIGKILL), 0);
		assert_int_equal(waitpid(*w, NULL, 0), *w);
		observe_number(i);
		seen += read_whole();
		*w = start_writer(i * 1000);
	}
	for (unsigned i = 0; i < 2; i++) {
		kill(writers[i], SIGKILL);
		waitpid(writers[i], NULL, 0);
	}
	assert_true(seen >= KILLS / 2);
	observe_number(77);
	assert_exemplar(
		histogram, 2, 80,
		"n=\"77\",fill=\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		"zzzzzzzzzzzzzzzzzz\"");
}

static void
a_private_registry_is_copied_with_its_exemplars(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("in", "parent"));
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct exemplar e;
		bool inherited = read_bucket(counter, 0, &e) && e.value == 1;

		cprom_counter_add_exemplar(counter, 2, CPROM_LABELS("in", "child"));
		_exit(inherited && read_bucket(counter, 0, &e) && e.value == 2 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_exemplar(counter, 0, 1, "in=\"parent\"");
}

/* ---- the hook -------------------------------------------------------------------- */

static unsigned calls;
static const char *span = "7";

static void
give_span(cprom_exemplar *e)
{
	calls++;
	cprom_exemplar_labels(e, CPROM_LABELS("span_id", span));
}

static void
give_nothing(cprom_exemplar *e)
{
	(void)e;
	calls++;
}

static void
observe_in_hook(cprom_exemplar *e)
{
	calls++;
	cprom_histogram_observe(histogram, 1.5);
	cprom_exemplar_labels(e, CPROM_LABELS("n", "1"));
}

static int
set_hook(void (*hook)(cprom_exemplar *e), double interval)
{
	calls = 0;
	return cprom_exemplar_hook(hook, interval);
}

static void
a_hook_gives_plain_observations_theirs(void **state)
{
	(void)state;
	cprom_histogram_observe(histogram, 1);
	assert_int_equal(set_hook(give_span, 0), 0);
	cprom_histogram_observe(histogram, 0.5);
	cprom_histogram_observe_many(histogram, 1.5, 10);
	cprom_histogram_observe(histogram, (double)NAN);
	cprom_counter_inc(counter);
	assert_int_equal(calls, 2);
	CPROM_TIME (histogram) {
	}
	assert_int_equal(calls, 3);
	cprom_histogram_observe(histogram, 0.75);
	assert_exemplar(histogram, 0, 0.75, "span_id=\"7\"");
	assert_exemplar(histogram, 1, 1.5, "span_id=\"7\"");
	assert_none(histogram, 2);
	assert_none(counter, 0);
	assert_int_equal(set_hook(NULL, 0), 0);
	cprom_histogram_observe(histogram, 0.25);
	assert_int_equal(calls, 0);
	assert_exemplar(histogram, 0, 0.75, "span_id=\"7\"");
	assert_int_equal(cprom_histogram_count(histogram), 15);
}

static void
a_bucket_asks_for_one_per_interval(void **state)
{
	struct timespec a_while = {0, 30000000}; /* above a tick */

	(void)state;
	assert_int_equal(set_hook(give_span, 1000), 0);
	for (int i = 0; i < 1000; i++) {
		cprom_histogram_observe(histogram, 0.5);
		cprom_histogram_observe(histogram, 5);
	}
	assert_int_equal(calls, 2);
	assert_int_equal(set_hook(give_span, 0.01), 0);
	nanosleep(&a_while, NULL);
	cprom_histogram_observe(histogram, 0.25);
	assert_int_equal(calls, 1);
	assert_exemplar(histogram, 0, 0.25, "span_id=\"7\"");
}

static void
one_with_labels_of_its_own_counts_for_the_interval(void **state)
{
	(void)state;
	assert_int_equal(set_hook(give_span, 1000), 0);
	cprom_histogram_observe_exemplar(histogram, 1, CPROM_LABELS("mine", "1"));
	cprom_histogram_observe(histogram, 0.5);
	assert_int_equal(calls, 0);
	assert_exemplar(histogram, 0, 1, "mine=\"1\"");
}

/* The word of its note that holds a bucket's time. */
static atomic_u64 *
time_in_note(size_t bucket)
{
	const struct handle *h = (const struct handle *)histogram;
	struct region *r = h->chunk->shape->region;
	atomic_u64 *slots = cpromi_region_at(r, load_relaxed(&h->chunk->exemplars));
	uint64_t slot = load_relaxed(&slots[h->offset + bucket]);

	return (atomic_u64 *)cpromi_region_at(r, (region_ref)slot) + 3;
}

static void
a_time_in_the_future_is_old(void **state)
{
	struct exemplar e;

	(void)state;
	assert_int_equal(set_hook(give_span, 1000), 0);
	cprom_histogram_observe(histogram, 1);
	assert_true(read_bucket(histogram, 0, &e));
	assert_int_equal(load_relaxed(time_in_note(0)), e.time_ns);
	cprom_histogram_observe(histogram, 1);
	assert_int_equal(calls, 1);
	/* As if the clock was set back by an hour. */
	store_relaxed(time_in_note(0), (uint64_t)e.time_ns + (uint64_t)3600 * SECOND);
	cprom_histogram_observe(histogram, 1);
	assert_int_equal(calls, 2);
}

static void
a_hook_without_labels_is_asked_again(void **state)
{
	(void)state;
	assert_int_equal(set_hook(give_nothing, 1000), 0);
	cprom_histogram_observe(histogram, 1);
	cprom_histogram_observe(histogram, 1);
	assert_int_equal(calls, 2);
	assert_none(histogram, 0);
	cprom_exemplar_labels(NULL, CPROM_LABELS("a", "1"));
}

static void
what_the_hook_observes_does_not_call_it(void **state)
{
	(void)state;
	assert_int_equal(set_hook(observe_in_hook, 0), 0);
	cprom_histogram_observe(histogram, 0.5);
	cprom_histogram_observe(histogram, 1.5);
	assert_int_equal(calls, 2);
	assert_int_equal(cprom_histogram_count(histogram), 4);
	assert_exemplar(histogram, 0, 0.5, "n=\"1\"");
	assert_exemplar(histogram, 1, 1.5, "n=\"1\"");
}

static void
an_interval_is_0_to_a_thousand_million_seconds(void **state)
{
	static const double bad[] = {-1, 1.1e9, HUGE_VAL, (double)NAN};

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		assert_int_equal(set_hook(give_span, bad[i]), -1);
		assert_reason(EINVAL, "interval");
	}
	cprom_histogram_observe(histogram, 1);
	assert_int_equal(calls, 0);
	assert_int_equal(set_hook(give_span, 1e9), 0);
}

static void
a_forked_child_has_the_hook(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	cprom_registry_free(registry);
	registry = cprom_registry_new(.shared = 1, .max_bytes = (size_t)8 << 20);
	make_metrics(registry);
	assert_int_equal(set_hook(give_span, 0), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		span = "of the child";
		cprom_histogram_observe(histogram, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_exemplar(histogram, 0, 1, "span_id=\"of the child\"");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup_metrics, teardown_hook)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(the_last_one_of_each_bucket_is_kept),
		test(children_have_their_own),
		test(native_histograms_have_one_for_each_classic_bucket),
		test(values_are_escaped),
		test(names_and_values_have_128_characters_at_most),
		test(any_number_of_labels_up_to_the_limit_fits),
		test(labels_that_are_not_valid_are_counted_and_the_update_is_made),
		test(without_labels_there_is_none),
		test(an_update_that_is_dropped_leaves_none),
		test(memory_is_taken_with_the_first_one_and_used_again),
		test(without_memory_the_update_is_made_and_the_exemplar_is_not),
		test(a_series_that_has_the_memory_of_another_has_not_its_exemplars),
		test(a_metric_registered_again_has_none),
		test(one_for_another_birth_is_not_shown),
		test(a_reader_never_sees_half_of_one),
		test(churn_beside_writers_mixes_nothing_up),
		test(a_signal_handler_may_write_one_into_the_same_bucket),
		test(a_writer_that_is_killed_leaves_the_bucket_whole_and_free),
		test(a_private_registry_is_copied_with_its_exemplars),
		test(a_hook_gives_plain_observations_theirs),
		test(a_bucket_asks_for_one_per_interval),
		test(one_with_labels_of_its_own_counts_for_the_interval),
		test(a_time_in_the_future_is_old),
		test(a_hook_without_labels_is_asked_again),
		test(what_the_hook_observes_does_not_call_it),
		test(an_interval_is_0_to_a_thousand_million_seconds),
		test(a_forked_child_has_the_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
