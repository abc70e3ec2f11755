/* SPDX-License-Identifier: MIT */
/*
 * Tests of openmetrics: pages byte for byte. That parsers take them is shown by page_judges.sh.
 */
#include <cprom.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
what_a_histogram_may_show_cannot_be_registered_beside_it(void **state)
{
	(void)state;
	cprom_histogram_new("h", "H.", .registry = registry);
	assert_null(cprom_gauge_new("h_created", "G.", .registry = registry));
	assert_int_equal(errno, EEXIST);
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
emit_infos(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_INFO, "i", "I.");
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "1"), .timestamp_ms = 2000);
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "2"));
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "3"), .timestamp_ms = 1000);
}

static void
infos_have_no_times(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_infos, NULL, .registry = registry));
	assert_openmetrics("# TYPE i info\n# HELP i I.\n"
			   "i_info{a=\"1\"} 1\ni_info{a=\"2\"} 1\ni_info{a=\"3\"} 1\n# EOF\n");
}

static void
emit_history(cprom_sink *out, void *arg)
{
	static const uint64_t counts[] = {1, 2};

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G.");
	cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", "1", "b", "2"), .timestamp_ms = 1000);
	cprom_sink_sample(out, 2, .labels = CPROM_LABELS("b", "2", "a", "1"), .timestamp_ms = 1001);
	cprom_sink_sample(out, 3, .labels = CPROM_LABELS("a", "1", "b", "2"), .timestamp_ms = 9000);
	cprom_sink_sample(out, 4, .timestamp_ms = 500);
	cprom_sink_sample(out, 5, .timestamp_ms = 600);
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "c", "C.");
	cprom_sink_sample(out, 1, .timestamp_ms = 1000, .created_ms = 500);
	cprom_sink_sample(out, 2, .timestamp_ms = 2000, .created_ms = 500);
	cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "H.");
	for (int64_t ms = 1000; ms <= 2000; ms += 1000)
		cprom_sink_sample(out, 0, .bounds = CPROM_DOUBLES(1), .counts = counts, .sum = 5,
				  .timestamp_ms = ms);
}

static void
a_series_may_have_several_samples_of_ascending_times(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_history, NULL, .registry = registry));
	assert_openmetrics(
		"# TYPE g gauge\n# HELP g G.\n"
		"g{a=\"1\",b=\"2\"} 1 1\ng{a=\"1\",b=\"2\"} 2 1.001\n"
		"g{a=\"1\",b=\"2\"} 3 9\ng 4 0.500\ng 5 0.600\n"
		"# TYPE c counter\n# HELP c C.\nc_total 1 1\nc_created 0.500 1\n"
		"c_total 2 2\nc_created 0.500 2\n"
		"# TYPE h histogram\n# HELP h H.\n"
		"h_bucket{le=\"1.0\"} 1 1\nh_bucket{le=\"+Inf\"} 3 1\nh_sum 5 1\nh_count 3 1\n"
		"h_bucket{le=\"1.0\"} 1 2\nh_bucket{le=\"+Inf\"} 3 2\nh_sum 5 2\nh_count 3 2\n"
		"# EOF\n");
}

static void
elsewhere_the_first_of_them_stays(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_history, NULL, .registry = registry));
	assert_page(registry, "# HELP g G.\n# TYPE g gauge\n"
			      "g{a=\"1\",b=\"2\"} 1 1000\ng 4 500\n"
			      "# HELP c C.\n# TYPE c counter\nc 1 1000\n"
			      "# HELP h H.\n# TYPE h histogram\n"
			      "h_bucket{le=\"1\"} 1 1000\nh_bucket{le=\"+Inf\"} 3 1000\n"
			      "h_sum 5 1000\nh_count 3 1000\n");
}

static int
emit_at(cprom_sink *out, const char *label, int64_t timestamp_ms)
{
	return cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a", label),
				 .timestamp_ms = timestamp_ms);
}

static void
emit_wrong_histories(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G.");
	assert_int_equal(emit_at(out, "1", 1000), 0);
	assert_int_equal(emit_at(out, "1", 1000), -1); /* at the same time */
	assert_int_equal(errno, EEXIST);
	assert_int_equal(emit_at(out, "1", 999), -1);
	assert_int_equal(emit_at(out, "1", 0), -1);
	assert_int_equal(emit_at(out, "1", 1001), 0); /* what is refused changes nothing */
	assert_int_equal(emit_at(out, "2", 0), 0);
	assert_int_equal(emit_at(out, "2", 1), -1);    /* some with a time, some without */
	assert_int_equal(emit_at(out, "1", 2000), -1); /* another series stands between */
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "f", "F.");
	assert_int_equal(emit_at(out, "1", 1), 0); /* another family starts anew */
	cprom_sink_family(out, CPROM_TYPE_INFO, "i", "I.");
	assert_int_equal(emit_at(out, "1", 1000), 0);
	assert_int_equal(emit_at(out, "1", 2000), -1); /* its times are not shown */
}

static void
no_history_goes_back_or_is_interrupted(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_wrong_histories, NULL, .registry = registry));
	assert_openmetrics("# TYPE g gauge\n# HELP g G.\ng{a=\"1\"} 1 1\ng{a=\"1\"} 1 1.001\n"
			   "g{a=\"2\"} 1\n# TYPE f gauge\n# HELP f F.\nf{a=\"1\"} 1 0.001\n"
			   "# TYPE i info\n# HELP i I.\ni_info{a=\"1\"} 1\n# EOF\n");
}

static void
emit_falling_quantiles(cprom_sink *out, void *arg)
{
	static const double values[] = {5, -3, NAN, 1};

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_SUMMARY, "s", "S.");
	cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(0.25, 0.5, 0.75, 1),
			  .values = values, .count = 3, .sum = 3);
}

static void
no_quantile_is_below_zero_wherever_it_stands(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_falling_quantiles, NULL, .registry = registry));
	assert_openmetrics("# TYPE s summary\n# HELP s S.\ns{quantile=\"0.75\"} NaN\n"
			   "s{quantile=\"1.0\"} 1\ns_sum 3\ns_count 3\n# EOF\n");
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

/* The page, with each time of an exemplar taken out. */
static char *
page_without_times(void)
{
	char *page = cprom_render(registry, OPENMETRICS, NULL), *out = page, *p = page;

	assert_non_null(page);
	while (*p != '\0') {
		char *end = strchr(p, '\n');
		char *mark = strstr(p, " # {");

		if (mark != NULL && mark < end) {
			char *time = end;

			while (time[-1] != ' ')
				time--;
			assert_true(strtod(time, NULL) > 1.7e9);
			memmove(out, p, (size_t)(time - 1 - p));
			out += time - 1 - p;
		} else {
			memmove(out, p, (size_t)(end - p));
			out += end - p;
		}
		*out++ = '\n';
		p = end + 1;
	}
	*out = '\0';
	return page;
}

static void
exemplars_stand_on_counters_and_buckets(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry);
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .labels = CPROM_LABELS("l"),
						 .buckets = CPROM_BUCKETS(1, 2));
	char *page;

	(void)state;
	cprom_counter_add_exemplar(c, 2, CPROM_LABELS("trace_id", "a\"b", "span", "c"));
	cprom_histogram_observe(cprom_labels(h, "x"), 1);
	cprom_histogram_observe_exemplar(cprom_labels(h, "x"), 1.5, CPROM_LABELS("id", "mid"));
	cprom_histogram_observe_exemplar(cprom_labels(h, "x"), INFINITY, CPROM_LABELS("id", "inf"));
	page = page_without_times();
	assert_string_equal(page, "# TYPE c counter\n# HELP c C.\n"
				  "c_total 2 # {trace_id=\"a\\\"b\",span=\"c\"} 2\n"
				  "# TYPE h histogram\n# HELP h H.\n"
				  "h_bucket{l=\"x\",le=\"1.0\"} 1\n"
				  "h_bucket{l=\"x\",le=\"2.0\"} 2 # {id=\"mid\"} 1.5\n"
				  "h_bucket{l=\"x\",le=\"+Inf\"} 3 # {id=\"inf\"} +Inf\n"
				  "h_sum{l=\"x\"} +Inf\nh_count{l=\"x\"} 3\n# EOF\n");
	free(page);
}

static void
no_exemplar_stands_where_it_is_not_allowed(void **state)
{
	cprom_counter *c = cprom_counter_new("jobs_total", "C.", .registry = registry);
	char *page;

	(void)state;
	cprom_gauge_new("jobs", "G.", .registry = registry);
	cprom_counter_add_exemplar(c, 1, CPROM_LABELS("id", "x"));
	page = cprom_render(registry, OPENMETRICS, NULL);
	assert_null(strstr(page, " # {"));
	free(page);
	page = cprom_render(registry, NULL, NULL);
	assert_null(strstr(page, " # {"));
	free(page);
}

/* The value of the series right behind that line is a time between these, in seconds, to the ms. */
static void
assert_time_behind(const char *page, const char *line, const char *series, double from, double to)
{
	const char *at = strstr(page, line);
	size_t n = strlen(series);
	double value;

	if (at == NULL || strncmp(at + strlen(line), series, n) != 0)
		fail_msg("%s is not behind %s:\n%s", series, line, page);
	at += strlen(line) + n;
	value = strtod(at, NULL);
	assert_int_equal(strcspn(at, ".\n"), 10);
	assert_true(strcspn(at, "e\n") == strcspn(at, "\n"));
	assert_true(strcspn(at, "\n") <= 14);
	assert_true(value >= from - 0.001 && value <= to);
}

static double
unix_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
answer(void *arg)
{
	(void)arg;
	return 42;
}

static cprom_registry *
registry_of_all(int created)
{
	cprom_registry *r = cprom_registry_new(.created_timestamps = created);
	cprom_counter *c = cprom_counter_new("hits", "H.", .registry = r,
					     .labels = CPROM_LABELS("l"));

	cprom_counter_inc(cprom_labels(c, "x"));
	cprom_counter_add(cprom_labels(c, "yy"), 0.5);
	cprom_counter_new("plain_total", "P.", .registry = r);
	cprom_histogram_new("h", "H.", .registry = r, .const_labels = CPROM_LABELS("k", "v"),
			    .buckets = CPROM_BUCKETS(-1));
	cprom_summary_new("s", "S.", .registry = r);
	cprom_gauge_new("g", "G.", .registry = r);
	cprom_stateset_new("m", "M.", .registry = r, .states = CPROM_STATES("a"));
	cprom_info_new("i", "I.", .registry = r);
	cprom_counter_new("called", "C.", .registry = r, .callback = answer);
	cprom_counter_new("jobs_total", "C.", .registry = r);
	cprom_gauge_new("jobs", "G.", .registry = r);
	return r;
}

static void
created_is_behind_the_other_samples_of_its_series(void **state)
{
	double from = unix_seconds(), to;
	cprom_registry *r = registry_of_all(1);
	char *page = cprom_render(r, OPENMETRICS, NULL);

	(void)state;
	to = unix_seconds();
	assert_time_behind(page, "hits_total{l=\"x\"} 1\n", "hits_created{l=\"x\"} ", from, to);
	assert_time_behind(page, "hits_total{l=\"yy\"} 0.5\n", "hits_created{l=\"yy\"} ", from, to);
	assert_time_behind(page, "plain_total 0\n", "plain_created ", from, to);
	assert_time_behind(page, "h_bucket{k=\"v\",le=\"+Inf\"} 0\n", "h_created{k=\"v\"} ", from,
			   to);
	assert_time_behind(page, "s_count 0\n", "s_created ", from, to);
	/* Not of gauges and their kin, of callbacks, nor of what gives way to another name. */
	assert_int_equal(count_of_text(page, "_created"), 5);
	free(page);
	page = page_of(r);
	assert_int_equal(count_of_text(page, "_created"), 0);
	free(page);
	cprom_registry_free(r);
}

static void
created_is_not_there_unless_asked_for(void **state)
{
	cprom_registry *r = registry_of_all(0), *with = registry_of_all(1);
	char *page = cprom_render(r, OPENMETRICS, NULL), *text, *other;

	(void)state;
	assert_int_equal(count_of_text(page, "_created"), 0);
	free(page);
	text = page_of(r);
	other = page_of(with);
	assert_string_equal(text, other);
	free(text);
	free(other);
	cprom_registry_free(r);
	cprom_registry_free(with);
}

static void
created_is_when_the_child_was_made_even_in_used_memory(void **state)
{
	cprom_registry *r = cprom_registry_new(.created_timestamps = 1, .max_bytes = 1 << 20);
	cprom_counter *c = cprom_counter_new("c", "C.", .registry = r, .labels = CPROM_LABELS("l"));
	char *page;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		assert_non_null(cprom_labels(c, i % 2 ? "x" : "some longer text"));
		assert_int_equal(cprom_clear(c), 0);
	}
	cprom_labels(c, "x");
	page = cprom_render(r, OPENMETRICS, NULL);
	assert_time_behind(page, "c_total{l=\"x\"} 0\n", "c_created{l=\"x\"} ", unix_seconds() - 1,
			   unix_seconds());
	free(page);
	cprom_registry_free(r);
}

static void
emit_created(cprom_sink *out, void *arg)
{
	static const uint64_t counts[] = {1};

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "c", "C.");
	cprom_sink_sample(out, 1, .created_ms = 1754006400125);
	cprom_sink_sample(out, 2, .created_ms = 1754006400000, .timestamp_ms = 1754006401000,
			  .labels = CPROM_LABELS("a", "b"));
	assert_int_equal(
		cprom_sink_sample(out, 2, .created_ms = -1, .labels = CPROM_LABELS("a", "c")), -1);
	cprom_sink_family(out, CPROM_TYPE_GAUGE_HISTOGRAM, "q", "Q.");
	cprom_sink_sample(out, 1, .counts = counts, .created_ms = 1754006400125);
}

static void
collectors_say_what_was_created_when(void **state)
{
	(void)state;
	assert_non_null(cprom_collector_new(emit_created, NULL, .registry = registry));
	assert_openmetrics("# TYPE c counter\n# HELP c C.\nc_total 1\nc_created 1754006400.125\n"
			   "c_total{a=\"b\"} 2 1754006401\n"
			   "c_created{a=\"b\"} 1754006400 1754006401\n"
			   "# TYPE q gaugehistogram\n# HELP q Q.\nq_bucket{le=\"+Inf\"} 1\n"
			   "q_gsum 0\nq_gcount 1\n# EOF\n");
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
		TEST(exemplars_stand_on_counters_and_buckets),
		TEST(no_exemplar_stands_where_it_is_not_allowed),
		TEST(what_a_histogram_may_show_cannot_be_registered_beside_it),
		TEST(times_are_in_seconds),
		TEST(infos_have_no_times),
		TEST(a_series_may_have_several_samples_of_ascending_times),
		TEST(elsewhere_the_first_of_them_stays),
		TEST(no_history_goes_back_or_is_interrupted),
		TEST(no_quantile_is_below_zero_wherever_it_stands),
		TEST(a_collectors_counter_gives_way_too),
		TEST(created_is_behind_the_other_samples_of_its_series),
		TEST(created_is_not_there_unless_asked_for),
		TEST(created_is_when_the_child_was_made_even_in_used_memory),
		TEST(collectors_say_what_was_created_when),
		TEST(a_registered_counter_gives_way_to_a_collector_from_the_next_page_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
