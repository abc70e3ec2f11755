/* SPDX-License-Identifier: MIT */
/*
 * Tests of selection: pages of certain families, in every format, also of collectors.
 */
#include <cprom.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OPENMETRICS "application/openmetrics-text;version=1.0.0"
#define PROTOBUF                                                                                   \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="        \
	"delimited"
#define PAGE 16384

static cprom_registry *registry;
static int calls, runs, emit_failures;

static double
callback(void *arg)
{
	(void)arg;
	calls++;
	return 7;
}

static void
collect(cprom_sink *out, void *arg)
{
	(void)arg;
	runs++;
	emit_failures += cprom_sink_family(out, CPROM_TYPE_GAUGE, "one", "One.") != 0;
	emit_failures += cprom_sink_sample(out, 1) != 0;
	emit_failures += cprom_sink_family(out, CPROM_TYPE_COUNTER, "two_total", "Two.") != 0;
	emit_failures += cprom_sink_sample(out, 2) != 0;
	emit_failures += cprom_sink_sample(out, 2) == 0; /* the same again */
	emit_failures += cprom_sink_family(out, CPROM_TYPE_GAUGE, "three", "Three.") != 0;
	emit_failures += cprom_sink_sample(out, 3) != 0;
}

static int
set_up(void **state)
{
	cprom_counter *hits;

	(void)state;
	registry = cprom_registry_new(.shared = 0, .utf8_names = 1);
	hits = cprom_counter_new("hits_total", "Hits.", .registry = registry,
				 .labels = CPROM_LABELS("code"));
	cprom_counter_inc(cprom_labels(hits, "200"));
	cprom_counter_inc(cprom_labels(hits, "404"));
	cprom_histogram_observe(cprom_histogram_new("rpc_seconds", "Calls.", .registry = registry,
						    .buckets = CPROM_BUCKETS(1)),
				0.5);
	cprom_gauge_set(
		cprom_gauge_new("asked", "Asked.", .registry = registry, .callback = callback), 0);
	cprom_gauge_set(cprom_gauge_new("disk.io", "Disk.", .registry = registry), 5);
	assert_non_null(cprom_collector_new(collect, NULL, .registry = registry));
	calls = runs = emit_failures = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

/* The page of these families in pieces of the size; its length. */
static size_t
read_page(const char *accept, cprom_strings names, size_t piece, char page[PAGE])
{
	cprom_scrape *s = cprom_scrape_open_with(&(cprom_scrape_options){
		.size = sizeof(cprom_scrape_options),
		.registry = registry,
		.accept = accept,
		.names = names,
	});
	size_t n = 0;
	ssize_t got;

	assert_non_null(s);
	while ((got = cprom_scrape_read(s, page + n, piece)) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	cprom_scrape_close(s);
	page[n] = '\0';
	return n;
}

static void
assert_page(const char *accept, cprom_strings names, const char *expected)
{
	char page[PAGE];

	for (size_t piece = 1; piece < 2000; piece *= 3) {
		read_page(accept, names, piece, page);
		assert_string_equal(page, expected);
	}
}

static void
families_are_found_by_their_whole_names(void **state)
{
	(void)state;
	assert_page(NULL, CPROM_STRINGS("hits_total"),
		    "# HELP hits_total Hits.\n# TYPE hits_total counter\n"
		    "hits_total{code=\"200\"} 1\nhits_total{code=\"404\"} 1\n");
	assert_page(NULL, CPROM_STRINGS("asked", "nothing", "asked"),
		    "# HELP asked Asked.\n# TYPE asked gauge\nasked 7\n");
	assert_page(NULL, CPROM_STRINGS("disk.io"),
		    "# HELP disk_io Disk.\n# TYPE disk_io gauge\ndisk_io 5\n");
	assert_page(NULL,
		    CPROM_STRINGS("hits", "rpc_seconds_bucket", "disk_io", "Asked", "aske", ""),
		    "");
}

static void
collectors_run_and_their_other_families_are_left_out(void **state)
{
	(void)state;
	assert_page(NULL, CPROM_STRINGS("two_total"),
		    "# HELP two_total Two.\n# TYPE two_total counter\ntwo_total 2\n");
	assert_page(NULL, CPROM_STRINGS("three", "one"),
		    "# HELP one One.\n# TYPE one gauge\none 1\n"
		    "# HELP three Three.\n# TYPE three gauge\nthree 3\n");
	assert_true(runs > 2);
	assert_int_equal(emit_failures, 0);
}

static void
callbacks_of_other_families_are_not_called(void **state)
{
	(void)state;
	assert_page(NULL, CPROM_STRINGS("two_total"),
		    "# HELP two_total Two.\n# TYPE two_total counter\ntwo_total 2\n");
	assert_int_equal(calls, 0);
}

static void
openmetrics_ends_as_ever(void **state)
{
	(void)state;
	assert_page(OPENMETRICS, CPROM_STRINGS("nothing"), "# EOF\n");
	assert_page(OPENMETRICS, CPROM_STRINGS("two_total", "hits_total"),
		    "# TYPE hits counter\n# HELP hits Hits.\n"
		    "hits_total{code=\"200\"} 1\nhits_total{code=\"404\"} 1\n"
		    "# TYPE two counter\n# HELP two Two.\ntwo_total 2\n# EOF\n");
}

/* The pages of one family each, one behind the other, are the page of all. */
static void
families_in_protobuf_are_those_of_the_whole_page(void **state)
{
	static const char *const all[] = {"hits_total", "rpc_seconds", "asked", "disk.io",
					  "one",        "two_total",   "three"};
	char whole[PAGE], parts[PAGE];
	size_t n = read_page(PROTOBUF, (cprom_strings){NULL, 0}, 100, whole), sum = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		size_t one = read_page(PROTOBUF, (cprom_strings){&all[i], 1}, 100, parts + sum);

		assert_true(one > 0);
		sum += one;
	}
	assert_int_equal(sum, n);
	assert_memory_equal(parts, whole, n);
}

static void
no_names_are_all_families(void **state)
{
	char *page = cprom_render(registry, NULL, NULL);

	(void)state;
	assert_non_null(page);
	assert_page(NULL, (cprom_strings){NULL, 0}, page);
	free(page);
}

static void
assert_refused(size_t size, cprom_strings names)
{
	errno = 0;
	assert_null(cprom_scrape_open_with(
		&(cprom_scrape_options){.size = size, .registry = registry, .names = names}));
	assert_int_equal(errno, EINVAL);
}

static void
impossible_options_are_refused(void **state)
{
	const char *names[CPROM_MAX_SCRAPE_NAMES + 1];
	char page[PAGE];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		names[i] = "one";
	assert_true(read_page(NULL, (cprom_strings){names, CPROM_MAX_SCRAPE_NAMES}, 100, page) > 0);
	assert_refused(sizeof(cprom_scrape_options), (cprom_strings){names, COUNT(names)});
	assert_refused(sizeof(cprom_scrape_options), (cprom_strings){NULL, 1});
	names[1] = NULL;
	assert_refused(sizeof(cprom_scrape_options), (cprom_strings){names, 2});
	assert_refused(0, (cprom_strings){NULL, 0});
	assert_refused(5000, (cprom_strings){NULL, 0});
	errno = 0;
	assert_null(cprom_scrape_open_with(NULL));
	assert_int_equal(errno, EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(families_are_found_by_their_whole_names, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			collectors_run_and_their_other_families_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(callbacks_of_other_families_are_not_called, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(openmetrics_ends_as_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(families_in_protobuf_are_those_of_the_whole_page,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_names_are_all_families, set_up, tear_down),
		cmocka_unit_test_setup_teardown(impossible_options_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
