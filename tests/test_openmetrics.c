/* SPDX-License-Identifier: MIT */
/*
 * Tests of openmetrics: pages byte for byte. That parsers take them is shown by page_judges.sh.
 */
#include <cprom.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "page.h"

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define OPENMETRICS "application/openmetrics-text;version=1.0.0"

#define assert_openmetrics(expected) assert_openmetrics_page(registry, (expected))

static void
an_empty_registry_is_a_page_that_ends(void **state)
{
	(void)state;
	assert_openmetrics("# EOF\n");
}

static void
the_end_comes_once_however_the_page_is_read(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry);
	static const char expected[] = "# TYPE g gauge\n# HELP g G.\ng 1\n# EOF\n";

	(void)state;
	cprom_gauge_set(g, 1);
	for (size_t n = 1; n < sizeof(expected) + 1; n++) {
		cprom_scrape *s = cprom_scrape_open(registry, OPENMETRICS);
		char *page = read_rest(s, n);

		assert_string_equal(page, expected);
		free(page);
		assert_int_equal(cprom_scrape_read(s, &(char){0}, 1), 0);
		cprom_scrape_close(s);
	}
}

static void
heads_name_the_family_and_its_unit(void **state)
{
	(void)state;
	cprom_counter_new("rx_bytes_total", "A \"b\" \\\n.", .registry = registry, .unit = "bytes");
	cprom_counter_new("hits", "H.", .registry = registry, .unit = "seconds");
	cprom_gauge_new("bytes", "", .registry = registry, .unit = "bytes");
	assert_openmetrics("# TYPE rx_bytes counter\n# UNIT rx_bytes bytes\n"
			   "# HELP rx_bytes A \\\"b\\\" \\\\\\n.\nrx_bytes_total 0\n"
			   "# TYPE hits counter\n# HELP hits H.\nhits_total 0\n"
			   "# TYPE bytes gauge\n# HELP bytes \nbytes 0\n"
			   "# EOF\n");
}

static void
bounds_and_quantiles_are_canonical(void **state)
{
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .buckets = CPROM_BUCKETS(0, 0.5, 1, 1e6));

	(void)state;
	cprom_histogram_observe(h, 1);
	cprom_summary_new("s", "S.", .registry = registry, .quantiles = CPROM_QUANTILES(0, 0.5, 1));
	assert_openmetrics(
		"# TYPE h histogram\n# HELP h H.\nh_bucket{le=\"0.0\"} 0\nh_bucket{le=\"0.5\"} 0\n"
		"h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"1e+06\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
		"h_sum 1\nh_count 1\n"
		"# TYPE s summary\n# HELP s S.\ns{quantile=\"0.0\"} NaN\ns{quantile=\"0.5\"} NaN\n"
		"s{quantile=\"1.0\"} NaN\ns_sum 0\ns_count 0\n# EOF\n");
}

static void
what_the_format_does_not_allow_is_left_out(void **state)
{
	cprom_histogram *below = cprom_histogram_new("below", "B.", .registry = registry,
						     .buckets = CPROM_BUCKETS(-1));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .buckets = CPROM_BUCKETS(1));
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry);
	char *page;

	(void)state;
	cprom_histogram_observe(below, 2);
	cprom_histogram_observe(h, -2);
	cprom_summary_observe(s, INFINITY);
	cprom_summary_observe(s, -INFINITY); /* the sum is NaN */
	assert_openmetrics("# TYPE below histogram\n# HELP below B.\n"
			   "below_bucket{le=\"-1.0\"} 0\nbelow_bucket{le=\"+Inf\"} 1\n"
			   "# TYPE h histogram\n# HELP h H.\n"
			   "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
			   "# TYPE s summary\n# HELP s S.\n# EOF\n");
	cprom_histogram_observe(h, 3);
	page = cprom_render(registry, OPENMETRICS, NULL);
	assert_non_null(strstr(page, "h_sum 1\nh_count 2\n"));
	free(page);
}

static void
quantiles_below_zero_are_left_out(void **state)
{
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry,
					     .quantiles = CPROM_QUANTILES(0, 1));
	char *page;

	(void)state;
	cprom_summary_observe(s, -1);
	cprom_summary_observe(s, 8);
	page = cprom_render(registry, OPENMETRICS, NULL);
	assert_null(strstr(page, "quantile=\"0.0\""));
	assert_non_null(strstr(page, "quantile=\"1.0\""));
	assert_non_null(strstr(page, "s_sum 7\ns_count 2\n"));
	free(page);
}

static void
a_counter_whose_short_name_is_taken_is_unknown(void **state)
{
	(void)state;
	cprom_counter_new("jobs_total", "C.", .registry = registry);
	cprom_gauge_new("jobs", "G.", .registry = registry);
	assert_openmetrics("# TYPE jobs_total unknown\n# HELP jobs_total C.\njobs_total 0\n"
			   "# TYPE jobs gauge\n# HELP jobs G.\njobs 0\n# EOF\n");
}

static void
emit_times(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "t", "T.");
	for (int64_t ms = 1; ms < 1000000; ms *= 10)
		cprom_sink_sample(out, 1, .timestamp_ms = ms,
				  .labels = CPROM_LABELS("ms", ms == 1       ? "1"
							       : ms == 10    ? "10"
							       : ms == 100   ? "100"
							       : ms == 1000  ? "1000"
							       : ms == 10000 ? "10000"
									     : "100000"));
	cprom_sink_sample(out, 1, .timestamp_ms = 1754006400125);
}

static void
times_are_in_seconds(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_times, NULL, .registry = registry));
	assert_openmetrics("# TYPE t gauge\n# HELP t T.\n"
			   "t{ms=\"1\"} 1 0.001\nt{ms=\"10\"} 1 0.010\nt{ms=\"100\"} 1 0.100\n"
			   "t{ms=\"1000\"} 1 1\nt{ms=\"10000\"} 1 10\nt{ms=\"100000\"} 1 100\n"
			   "t 1 1754006400.125\n# EOF\n");
}

static void
emit_both(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "jobs", "G.");
	cprom_sink_sample(out, 1);
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "jobs_total", "C.");
	cprom_sink_sample(out, 2);
}

static void
a_collectors_counter_gives_way_too(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_both, NULL, .registry = registry));
	assert_openmetrics(
		"# TYPE jobs gauge\n# HELP jobs G.\njobs 1\n"
		"# TYPE jobs_total unknown\n# HELP jobs_total C.\njobs_total 2\n# EOF\n");
}

static void
a_registered_counter_gives_way_to_a_collector_from_the_next_page_on(void **state)
{
	(void)state;
	cprom_counter_new("jobs", "C.", .registry = registry);
	assert_non_null(cprom_collector_new(emit_both, NULL, .registry = registry));
	free(cprom_render(registry, OPENMETRICS, NULL));
	assert_openmetrics(
		"# TYPE jobs unknown\n# HELP jobs C.\njobs 0\n"
		"# TYPE jobs_total unknown\n# HELP jobs_total C.\njobs_total 2\n# EOF\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_registry_is_a_page_that_ends),
		TEST(the_end_comes_once_however_the_page_is_read),
		TEST(heads_name_the_family_and_its_unit),
		TEST(bounds_and_quantiles_are_canonical),
		TEST(what_the_format_does_not_allow_is_left_out),
		TEST(quantiles_below_zero_are_left_out),
		TEST(a_counter_whose_short_name_is_taken_is_unknown),
		TEST(times_are_in_seconds),
		TEST(a_collectors_counter_gives_way_too),
		TEST(a_registered_counter_gives_way_to_a_collector_from_the_next_page_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
