/* SPDX-License-Identifier: MIT */
/*
 * Tests of default: the one registry that is meant where none is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emulated.h"
#include "expect.h"

CPROM_COUNTER(hits, "hits_total", "Made before main().", .labels = CPROM_LABELS("page"));
CPROM_GAUGE(level, "level", "Made before main().");
static CPROM_HISTOGRAM(sizes, "sizes", "Made before main().", .buckets = CPROM_BUCKETS(1, 10));
CPROM_SUMMARY(ages, "ages", "Made before main().", .quantiles = CPROM_QUANTILES(0.5));

static void
metrics_of_file_scope_are_there_before_main(void **state)
{
	(void)state;
	cprom_counter_inc(cprom_labels(hits, "/"));
	cprom_gauge_set(level, 3);
	cprom_histogram_observe(sizes, 5);
	cprom_summary_observe(ages, 7);
	assert_sample(NULL, "hits_total{page=\"/\"}", "1");
	assert_sample(NULL, "level", "3");
	assert_sample(NULL, "sizes_bucket{le=\"10\"}", "1");
	assert_sample(NULL, "ages_sum", "7");
}

static cprom_registry *seen[8];

static void
ask(unsigned i, void *arg)
{
	(void)arg;
	seen[i] = cprom_default_registry();
}

static void
every_thread_gets_the_same_one(void **state)
{
	(void)state;
	run_threads(8, ask, NULL);
	for (int i = 0; i < 8; i++)
		assert_ptr_equal(seen[i], cprom_default_registry());
	assert_non_null(seen[0]);
}

static void
no_registry_means_the_default_one(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.");

	(void)state;
	assert_non_null(g);
	assert_ptr_equal(cprom_gauge_new("g", "G.", .registry = cprom_default_registry()), g);
	cprom_gauge_set(g, 9);
	assert_sample(cprom_default_registry(), "g", "9");
	assert_sample(NULL, "g", "9");
	assert_int_equal(cprom_unregister(g), 0);
	assert_false(has_sample(NULL, "g"));
}

static void
it_is_never_freed(void **state)
{
	(void)state;
	cprom_registry_free(cprom_default_registry());
	cprom_gauge_set(level, 4);
	assert_sample(NULL, "level", "4");
}

static void
it_shows_the_process_and_the_library(void **state)
{
	(void)state;
	skip_if_emulated("/proc/self/stat is the emulator's, and says 0");
	assert_true(sample(NULL, "process_resident_memory_bytes") > 0);
	assert_true(sample(NULL, "cprom_families") >= 4);
	assert_double(sample(NULL, "cprom_memory_limit_bytes"), CPROM_DEFAULT_MAX_BYTES);
}

static void
process_metrics_can_be_taken_out_and_put_in_again(void **state)
{
	cprom_registry *r = cprom_registry_new();

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cprom_process_disable(NULL), 0);
		assert_int_equal(cprom_process_disable(NULL), 0);
		assert_false(has_sample(NULL, "process_open_fds"));
		assert_int_equal(cprom_process_enable(NULL), 0);
		assert_int_equal(cprom_process_enable(NULL), 0);
		assert_true(has_sample(NULL, "process_open_fds"));
	}
	assert_false(has_sample(r, "process_open_fds"));
	assert_int_equal(cprom_process_enable(r), 0);
	assert_true(has_sample(r, "process_open_fds"));
	cprom_registry_free(r);
}

static void
a_registry_of_ones_own_shows_the_library_only_if_asked(void **state)
{
	cprom_registry *quiet = cprom_registry_new(), *loud = cprom_registry_new(.self_metrics = 1);
	size_t length;
	char *page = cprom_render(quiet, NULL, &length);

	(void)state;
	assert_int_equal(length, 0);
	assert_string_equal(page, "");
	assert_sample(loud, "cprom_families", "0");
	assert_sample(loud, "cprom_series", "0");
	free(page);
	cprom_registry_free(quiet);
	cprom_registry_free(loud);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_of_file_scope_are_there_before_main),
		cmocka_unit_test(every_thread_gets_the_same_one),
		cmocka_unit_test(no_registry_means_the_default_one),
		cmocka_unit_test(it_is_never_freed),
		cmocka_unit_test(it_shows_the_process_and_the_library),
		cmocka_unit_test(process_metrics_can_be_taken_out_and_put_in_again),
		cmocka_unit_test(a_registry_of_ones_own_shows_the_library_only_if_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
