/* SPDX-License-Identifier: MIT */
/*
 * Tests of registry: options, limits, many registries, threads that come and go,
 * memory that is shared with processes and memory that is not.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "region.h"

#define SMALL ((size_t)64 << 10) /* the least that a registry takes */

/* ---- options -------------------------------------------------------------- */

static void
refuse(cprom_registry_options o)
{
	errno = 0;
	assert_null(cprom_registry_create(&o));
	assert_reason(EINVAL, "");
	assert_true(strlen(cprom_error()) > 10);
}

static void
options_out_of_range_are_refused(void **state)
{
	size_t size = sizeof(cprom_registry_options);

	(void)state;
	assert_null(cprom_registry_create(NULL));
	assert_reason(EINVAL, "size");
	refuse((cprom_registry_options){.size = 0});
	refuse((cprom_registry_options){.size = size, .max_bytes = SMALL - 1});
	refuse((cprom_registry_options){.size = size, .max_bytes = (size_t)REGION_MAX_BYTES + 1});
	refuse((cprom_registry_options){.size = size, .max_bytes = SIZE_MAX});
	refuse((cprom_registry_options){.size = size, .max_series = SIZE_MAX});
	refuse((cprom_registry_options){.size = size, .max_lanes = CPROM_MAX_LANES + 1});
	refuse((cprom_registry_options){.size = size, .max_lanes = UINT32_MAX, .shared = 1});
}

static void
an_older_program_gives_fewer_options(void **state)
{
	cprom_registry_options o = {.size = offsetof(cprom_registry_options, max_series),
				    .max_series = SIZE_MAX, /* not looked at, as it is not there */
				    .self_metrics = 1};
	cprom_registry *r = cprom_registry_create(&o);

	(void)state;
	assert_non_null(r);
	assert_false(has_sample(r, "cprom_families"));
	cprom_registry_free(r);
}

static void
limits_are_shown_as_they_were_given(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = 1 << 20, .max_series = 77,
					       .self_metrics = 1);
	cprom_registry *d = cprom_registry_new(.self_metrics = 1);
	cprom_registry *s = cprom_registry_new(.self_metrics = 1, .shared = 1);

	(void)state;
	assert_double(sample(r, "cprom_memory_limit_bytes"), 1 << 20);
	assert_double(sample(r, "cprom_series_limit"), 77);
	assert_double(sample(d, "cprom_memory_limit_bytes"), CPROM_DEFAULT_MAX_BYTES);
	assert_double(sample(d, "cprom_series_limit"), CPROM_DEFAULT_MAX_SERIES);
	assert_double(sample(s, "cprom_memory_limit_bytes"), CPROM_DEFAULT_MAX_SHARED_BYTES);
	cprom_registry_free(r);
	cprom_registry_free(d);
	cprom_registry_free(s);
}

/* ---- limits --------------------------------------------------------------- */

static void
past_the_series_limit_every_family_overflows(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_series = 5, .self_metrics = 1);
	cprom_counter *a = cprom_counter_new("a_total", "A.", .registry = r,
					     .labels = CPROM_LABELS("l"));
	cprom_counter *b = cprom_counter_new("b_total", "B.", .registry = r,
					     .labels = CPROM_LABELS("l"));
	char value[32];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(value, sizeof(value), "%d", i);
		cprom_counter_inc(cprom_labels(i % 2 == 0 ? a : b, value));
	}
	assert_sample(r, "a_total{l=\"4\"}", "1");
	assert_sample(r, "a_total{l=\"overflow\"}", "2");
	assert_sample(r, "b_total{l=\"overflow\"}", "3");
	assert_double(sum_of_lines(r, "a_total{"), 5);
	assert_double(sample(r, "cprom_series"), 5);
	assert_double(sample(r, "cprom_labels_overflowed_total"), 5);
	cprom_clear(a);
	cprom_counter_inc(cprom_labels(b, "9"));
	assert_sample(r, "b_total{l=\"9\"}", "1");
	cprom_registry_free(r);
}

static void
past_the_byte_budget_updates_still_land_somewhere(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = SMALL, .self_metrics = 1);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r,
					     .labels = CPROM_LABELS("l"));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = r,
						 .labels = CPROM_LABELS("l"));
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = r, .labels = CPROM_LABELS("l"),
					     .quantiles = CPROM_QUANTILES(0.5), .max_age = 60);
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = r, .labels = CPROM_LABELS("l"));
	char value[32];

	(void)state;
	assert_true(c != NULL && h != NULL && s != NULL && g != NULL);
	for (int i = 0; i < 2000; i++) {
		snprintf(value, sizeof(value), "value %d", i);
		assert_non_null(cprom_labels(c, value));
		cprom_counter_inc(cprom_labels(c, value));
		cprom_counter_add(cprom_labels(c, value), 0.5);
		cprom_histogram_observe(cprom_labels(h, value), i);
		cprom_summary_observe(cprom_labels(s, value), i);
		cprom_gauge_inc(cprom_labels(g, value));
	}
	assert_true(sample(r, "cprom_labels_overflowed_total") > 4000);
	assert_double(sum_of_lines(r, "c_total{"), 3000);
	assert_double(sum_of_lines(r, "h_count{"), 2000);
	assert_double(sum_of_lines(r, "s_count{"), 2000);
	assert_double(sum_of_lines(r, "g{"), 2000);
	assert_true(sample(r, "cprom_memory_bytes") <= SMALL);
	cprom_registry_free(r);
}

static void
without_memory_a_metric_cannot_be_made(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = SMALL, .self_metrics = 1);
	char name[32];
	int made = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		cprom_counter *c;

		snprintf(name, sizeof(name), "c%d_total", i);
		c = cprom_counter_new(name, "C.", .registry = r);
		made += c != NULL;
		if (c == NULL)
			assert_reason(ENOMEM, "65536 bytes are used up");
		cprom_counter_inc(c);
	}
	assert_true(made > 10 && made < 1000);
	assert_double(sum_of_lines(r, "c"), made + sum_of_lines(r, "cprom"));
	assert_double(sample(r, "cprom_registrations_failed_total"), 1000 - made);
	assert_double(sample(r, "cprom_families"), made);
	cprom_registry_free(r);
}

/* ---- many registries ------------------------------------------------------ */

static bool
is_mapped(const void *p)
{
	uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char in_core;

	return mincore((void *)((uintptr_t)p & -page_size), page_size, &in_core) == 0;
}

static void
fill_and_free(int shared)
{
	static cprom_counter *children[3000];
	cprom_registry *r = cprom_registry_new(.max_bytes = (size_t)4 << 20, .shared = shared);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r,
					     .labels = CPROM_LABELS("l"));
	char value[32];

	for (int i = 0; i < 3000; i++) {
		snprintf(value, sizeof(value), "%d", i);
		children[i] = cprom_labels(c, value);
		cprom_counter_inc(children[i]);
		assert_true(is_mapped(children[i]));
	}
	cprom_registry_free(r);
	assert_false(is_mapped(c));
	for (int i = 0; i < 3000; i++)
		assert_false(is_mapped(children[i]));
}

static void
a_freed_registry_gives_its_memory_back(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		fill_and_free(i % 2);
	cprom_registry_free(NULL);
}

static void
there_may_be_as_many_registries_as_the_header_says(void **state)
{
	static cprom_registry *all[CPROM_MAX_REGISTRIES + 1];
	int n = 0;

	(void)state;
	while (n <= CPROM_MAX_REGISTRIES &&
	       (all[n] = cprom_registry_new(.max_bytes = SMALL)) != NULL)
		n++;
	assert_int_equal(n, CPROM_MAX_REGISTRIES);
	assert_reason(ENFILE, "1024");
	cprom_registry_free(all[500]);
	all[500] = cprom_registry_new();
	assert_non_null(all[500]);
	while (n > 0)
		cprom_registry_free(all[--n]);
}

#define REGISTRIES 20 /* more than a thread's cache remembers */
#define ROUNDS 500

static void
count_in_all(unsigned i, void *arg)
{
	cprom_counter **all = arg;

	for (unsigned n = 0; n < ROUNDS * REGISTRIES; n++)
		cprom_counter_add(all[(n + i) % REGISTRIES], (n + i) % REGISTRIES);
}

static void
many_registries_do_not_mix(void **state)
{
	cprom_registry *r[REGISTRIES];
	cprom_counter *c[REGISTRIES];

	(void)state;
	for (int i = 0; i < REGISTRIES; i++) {
		r[i] = cprom_registry_new(.max_lanes = 3);
		c[i] = cprom_counter_new("c_total", "C.", .registry = r[i]);
		assert_non_null(c[i]);
	}
	count_in_all(0, c);
	run_threads(6, count_in_all, c);
	for (int i = 0; i < REGISTRIES; i++) {
		assert_double(cprom_counter_value(c[i]), 7.0 * i * ROUNDS);
		cprom_registry_free(r[i]);
	}
}

static void
inc_each(unsigned i, void *arg)
{
	(void)i;
	for (int n = 0; n < REGISTRIES; n++)
		cprom_counter_inc(((cprom_counter **)arg)[n]);
}

static void
threads_leave_all_of_many_registries(void **state)
{
	cprom_registry *r[REGISTRIES];
	cprom_counter *c[REGISTRIES];

	(void)state;
	for (int i = 0; i < REGISTRIES; i++) {
		r[i] = cprom_registry_new(.self_metrics = 1);
		c[i] = cprom_counter_new("c_total", "C.", .registry = r[i]);
	}
	for (int i = 0; i < 25; i++)
		run_threads(2, inc_each, c);
	for (int i = 0; i < REGISTRIES; i++) {
		assert_double(cprom_counter_value(c[i]), 50);
		assert_true(sample(r[i], "cprom_lanes") <= 3);
		cprom_registry_free(r[i]);
	}
}

/* ---- threads that come and go --------------------------------------------- */

static void
inc_once(unsigned i, void *arg)
{
	(void)i;
	cprom_counter_inc(arg);
}

static void
threads_that_end_leave_lanes_and_counts(void **state)
{
	cprom_registry *r = cprom_registry_new(.self_metrics = 1);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r);

	(void)state;
	for (int i = 0; i < 200; i++)
		run_threads(2, inc_once, c);
	assert_double(cprom_counter_value(c), 400);
	assert_true(sample(r, "cprom_lanes") <= 3);
	cprom_registry_free(r);
}

static void
more_threads_than_memory_for_them_lose_nothing(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = SMALL, .max_lanes = 1);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r);
	char name[32];

	(void)state;
	for (int i = 0; i < 1000; i++) { /* until there is no memory left */
		snprintf(name, sizeof(name), "g%d", i);
		(void)cprom_gauge_new(name, "G.", .registry = r);
	}
	run_threads(100, inc_once, c);
	assert_double(cprom_counter_value(c), 100);
	cprom_registry_free(r);
}

/* ---- fork ----------------------------------------------------------------- */

/* Runs work in a child process; its exit status. */
static int
in_child(void (*work)(cprom_registry *r, cprom_counter *c), cprom_registry *r, cprom_counter *c)
{
	int status = -1;
	pid_t child = fork();

	assert_int_not_equal(child, -1);
	if (child == 0) {
		work(r, c);
		_exit(cprom_counter_value(c) >= 256 ? 255 : (int)cprom_counter_value(c));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
add_ten(cprom_registry *r, cprom_counter *c)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = r, .labels = CPROM_LABELS("l"));

	for (int i = 0; i < 10; i++)
		cprom_counter_inc(c);
	cprom_gauge_set(cprom_labels(g, "of a child"), 5);
}

static void
parent_and_child_go_on_with_their_own_private_registry(void **state)
{
	cprom_registry *r = cprom_registry_new();
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r);

	(void)state;
	cprom_counter_add(c, 100);
	run_threads(3, inc_once, c);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(in_child(add_ten, r, c), 113 + i);
		assert_double(cprom_counter_value(c), 103 + i);
		cprom_counter_inc(c);
	}
	assert_false(has_sample(r, "g{l=\"of a child\"}"));
	cprom_registry_free(r);
}

static void
parent_and_children_count_in_one_shared_registry(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1, .max_lanes = 3, .self_metrics = 1);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r);

	(void)state;
	cprom_counter_inc(c);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(in_child(add_ten, r, c), 11 * i);
		cprom_counter_inc(c);
		assert_double(cprom_counter_value(c), 11 * i + 1);
	}
	assert_sample(r, "g{l=\"of a child\"}", "5");
	assert_sample(r, "c_total", "221");
	/* The second child took the lane of the first. */
	assert_double(sample(r, "cprom_lanes"), 2);
	cprom_registry_free(r);
}

static void
add_one(cprom_registry *r, cprom_counter *c)
{
	(void)r;
	cprom_counter_inc(c);
}

static void
children_that_die_take_no_more_memory_for_ever(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1, .max_lanes = 2, .self_metrics = 1);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r);
	double used = 0;

	(void)state;
	for (int i = 1; i <= 150; i++) {
		assert_int_equal(in_child(add_one, r, c), i);
		if (i == 1)
			used = sample(r, "cprom_memory_bytes");
	}
	assert_double(sample(r, "cprom_memory_bytes"), used); /* the dead one's lane was there */
	cprom_registry_free(r);
}

static void
count_until_killed(cprom_registry *r, cprom_counter *c, int done)
{
	cprom_counter *l = cprom_counter_new("l_total", "L.", .registry = r,
					     .labels = CPROM_LABELS("l"));
	char value[32];

	for (int i = 0; i < 1000; i++)
		cprom_counter_inc(c);
	if (write(done, "", 1) != 1)
		_exit(1);
	for (unsigned i = 0;; i++) { /* killed somewhere in here */
		snprintf(value, sizeof(value), "%u", i % 100);
		cprom_counter_inc(cprom_labels(l, value));
		cprom_remove(l, value);
	}
}

static void
a_killed_child_leaves_its_counts_and_blocks_nobody(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1);
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r), *l;
	int done[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(done), 0);
	for (int i = 1; i <= 20; i++) {
		pid_t child = fork();

		assert_int_not_equal(child, -1);
		if (child == 0)
			count_until_killed(r, c, done[1]);
		assert_int_equal(read(done[0], &byte, 1), 1);
		usleep((unsigned)i * 100);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_double(cprom_counter_value(c), 1000 * i);
	}
	l = cprom_counter_new("l_total", "L.", .registry = r, .labels = CPROM_LABELS("l"));
	assert_int_equal(cprom_clear(l), 0);
	for (int i = 0; i < 1000; i++) {
		cprom_counter_inc(cprom_labels(l, "x"));
		assert_double(cprom_counter_value(cprom_labels(l, "x")), 1);
		assert_int_equal(cprom_remove(l, "x"), 0);
	}
	assert_false(has_sample(r, "l_total{l=\"1\"}"));
	close(done[0]);
	close(done[1]);
	cprom_registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(an_older_program_gives_fewer_options),
		cmocka_unit_test(limits_are_shown_as_they_were_given),
		cmocka_unit_test(past_the_series_limit_every_family_overflows),
		cmocka_unit_test(past_the_byte_budget_updates_still_land_somewhere),
		cmocka_unit_test(without_memory_a_metric_cannot_be_made),
		cmocka_unit_test(a_freed_registry_gives_its_memory_back),
		cmocka_unit_test(there_may_be_as_many_registries_as_the_header_says),
		cmocka_unit_test(many_registries_do_not_mix),
		cmocka_unit_test(threads_leave_all_of_many_registries),
		cmocka_unit_test(threads_that_end_leave_lanes_and_counts),
		cmocka_unit_test(more_threads_than_memory_for_them_lose_nothing),
		cmocka_unit_test(parent_and_child_go_on_with_their_own_private_registry),
		cmocka_unit_test(parent_and_children_count_in_one_shared_registry),
		cmocka_unit_test(children_that_die_take_no_more_memory_for_ever),
		cmocka_unit_test(a_killed_child_leaves_its_counts_and_blocks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
