/* SPDX-License-Identifier: MIT */
/*
 * Tests of names beyond the legacy charset: where they are taken, and what each reader gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#define REGISTRY_OPTIONS .utf8_names = 1
#include "with_registry.h"

#define UTF8 "text/plain;escaping=allow-utf-8"
#define OPEN "application/openmetrics-text;version=1.0.0;escaping="

static void
assert_page(const char *accept, const char *expected)
{
	char *page = cprom_render(registry, accept, NULL);

	assert_non_null(page);
	assert_string_equal(page, expected);
	free(page);
}

/* ---- who takes them --------------------------------------------------------- */

static void
only_a_registry_that_says_so_takes_them(void **state)
{
	cprom_registry *legacy = cprom_registry_new();

	(void)state;
	assert_null(cprom_gauge_new("disk.io", "G.", .registry = legacy));
	assert_reason(EINVAL, "\"disk.io\" is not a metric name");
	assert_null(
		cprom_gauge_new("g", "G.", .registry = legacy, .labels = CPROM_LABELS("dev.id")));
	assert_reason(EINVAL, "\"dev.id\"");
	assert_non_null(cprom_gauge_new("disk.io", "G.", .registry = registry,
					.labels = CPROM_LABELS("dev.id")));
	cprom_registry_free(legacy);
}

static void
empty_names_and_what_is_not_utf8_are_refused(void **state)
{
	static const char *const bad[] = {"", "a\xff", "\xc3", "\xed\xa0\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(cprom_gauge_new(bad[i], "G.", .registry = registry));
		assert_reason(EINVAL, "is not a metric name");
		assert_null(cprom_gauge_new("g", "G.", .registry = registry,
					    .labels = CPROM_LABELS(bad[i])));
		assert_reason(EINVAL, "is not a label name");
		assert_null(cprom_gauge_new("g", "G.", .registry = registry,
					    .const_labels = CPROM_LABELS(bad[i], "v")));
		assert_reason(EINVAL, "is not a label name");
	}
}

static void
reserved_labels_and_units_are_as_ever(void **state)
{
	static const char *const reserved[] = {"le", "quantile", "__x", "__\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		assert_null(cprom_gauge_new("g.h", "G.", .registry = registry,
					    .labels = CPROM_LABELS(reserved[i])));
		assert_reason(EINVAL, "reserved");
	}
	assert_null(cprom_gauge_new("g.h", "G.", .registry = registry, .unit = "m/s"));
	assert_reason(EINVAL, "unit");
	assert_null(cprom_gauge_new("g.h", "G.", .registry = registry,
				    .labels = CPROM_LABELS("a.b", "a.b")));
	assert_reason(EINVAL, "twice");
}

static void
long_names_count_as_they_are_spelled(void **state)
{
	char name[CPROM_MAX_NAME_BYTES + 1];

	(void)state;
	memset(name, '"', sizeof(name));
	name[CPROM_MAX_NAME_BYTES] = '\0';
	assert_non_null(
		cprom_gauge_new(name, "G.", .registry = registry, .labels = CPROM_LABELS(name)));
	assert_null(cprom_gauge_new("g", "G.", .registry = registry,
				    .labels = CPROM_LABELS(name, name + 1, name + 2, name + 3)));
	assert_reason(EINVAL, "longer than");
}

static void
a_definition_is_known_again(void **state)
{
	cprom_gauge *g = cprom_gauge_new("a.b", "G.", .registry = registry,
					 .const_labels = CPROM_LABELS("c.d", "\"e", "f", "g\n"));

	(void)state;
	assert_non_null(g);
	assert_ptr_equal(g,
			 cprom_gauge_new("a.b", "G.", .registry = registry,
					 .const_labels = CPROM_LABELS("c.d", "\"e", "f", "g\n")));
	assert_null(cprom_gauge_new("a.b", "G.", .registry = registry,
				    .const_labels = CPROM_LABELS("c:d", "\"e", "f", "g\n")));
	assert_reason(EEXIST, "the constant labels");
}

static void
suffixes_collide_as_ever(void **state)
{
	(void)state;
	assert_non_null(cprom_histogram_new("a.b", "H.", .registry = registry));
	assert_null(cprom_gauge_new("a.b_sum", "G.", .registry = registry));
	assert_reason(EEXIST, "collides");
}

/* ---- children --------------------------------------------------------------- */

/*
 * Values that look like what stands between two values; names whose quotes could be taken for
 * theirs. Every pair is a child of its own, and is found again.
 */
static void
values_with_quotes_are_not_taken_for_others(void **state)
{
	static const char *const values[] = {
		"",         "x",      "\"",    "\",",    "\",\"",
		"\",\"c.d", "c.d\"=", "\"=\"", "\"=\"x", "x\",\"c.d\"=\"",
		",",        "\\",     "\\\"",  "\n",     "=",
		"\xc3\xa9"};
	const size_t n = sizeof(values) / sizeof(values[0]);
	cprom_counter *family = cprom_counter_new("k.l", "K.", .registry = registry,
						  .labels = CPROM_LABELS("\"", "c.d", "e"));
	cprom_counter *children[4096];

	(void)state;
	assert_true(n * n * n <= 4096);
	for (size_t i = 0; i < n * n * n; i++) {
		children[i] = cprom_labels(family, values[i / n / n], values[i / n % n],
					   values[i % n]);
		assert_non_null(children[i]);
		cprom_counter_add(children[i], (double)i);
	}
	for (size_t i = 0; i < n * n * n; i++) {
		assert_ptr_equal(children[i], cprom_labels(family, values[i / n / n],
							   values[i / n % n], values[i % n]));
		assert_double(cprom_counter_value(children[i]), (double)i);
	}
}

static void
children_are_removed_by_a_quoted_label(void **state)
{
	cprom_gauge *g = cprom_gauge_new("a.b", "G.", .registry = registry,
					 .labels = CPROM_LABELS("c\"d", "e.f"));

	(void)state;
	cprom_gauge_set(cprom_labels(g, "1", "x"), 1);
	cprom_gauge_set(cprom_labels(g, "2", "y"), 2);
	cprom_gauge_set(cprom_labels(g, "\"", "x"), 3);
	assert_int_equal(cprom_remove_matching(g, "e.f", "x"), 2);
	assert_int_equal(cprom_remove_matching(g, "e_f", "y"), -1);
	assert_page(UTF8, "# HELP \"a.b\" G.\n# TYPE \"a.b\" gauge\n"
			  "{\"a.b\",\"c\\\"d\"=\"2\",\"e.f\"=\"y\"} 2\n");
}

/* ---- pages ------------------------------------------------------------------ */

static void
each_reader_gets_the_names_that_it_knows(void **state)
{
	cprom_counter *c = cprom_counter_new("disk.io", "Bytes \"moved\".", .registry = registry,
					     .labels = CPROM_LABELS("dev.id", "mode"));

	(void)state;
	cprom_counter_add(cprom_labels(c, "nvme0", "r\"w"), 17);
	assert_page(NULL, "# HELP disk_io Bytes \"moved\".\n# TYPE disk_io counter\n"
			  "disk_io{dev_id=\"nvme0\",mode=\"r\\\"w\"} 17\n");
	assert_page(UTF8, "# HELP \"disk.io\" Bytes \"moved\".\n# TYPE \"disk.io\" counter\n"
			  "{\"disk.io\",\"dev.id\"=\"nvme0\",mode=\"r\\\"w\"} 17\n");
	assert_page("text/plain;escaping=dots",
		    "# HELP disk_dot_io Bytes \"moved\".\n# TYPE disk_dot_io counter\n"
		    "disk_dot_io{dev_dot_id=\"nvme0\",mode=\"r\\\"w\"} 17\n");
	assert_page("text/plain;escaping=values",
		    "# HELP U__disk_2e_io Bytes \"moved\".\n# TYPE U__disk_2e_io counter\n"
		    "U__disk_2e_io{U__dev_2e_id=\"nvme0\",mode=\"r\\\"w\"} 17\n");
	assert_page(OPEN "allow-utf-8",
		    "# TYPE \"disk.io\" counter\n# HELP \"disk.io\" Bytes \\\"moved\\\".\n"
		    "{\"disk.io_total\",\"dev.id\"=\"nvme0\",mode=\"r\\\"w\"} 17\n# EOF\n");
	assert_page(OPEN "underscores",
		    "# TYPE disk_io counter\n# HELP disk_io Bytes \\\"moved\\\".\n"
		    "disk_io_total{dev_id=\"nvme0\",mode=\"r\\\"w\"} 17\n# EOF\n");
}

static void
what_has_no_labels_stands_in_braces_too(void **state)
{
	cprom_gauge *g = cprom_gauge_new("a b\n", "G.", .registry = registry, .unit = "b");

	(void)state;
	cprom_gauge_set(g, 1);
	assert_page(UTF8, "# HELP \"a b\\n\" G.\n# TYPE \"a b\\n\" gauge\n{\"a b\\n\"} 1\n");
	assert_page(OPEN "values", "# TYPE U__a_20_b_a_ gauge\n# HELP U__a_20_b_a_ G.\n"
				   "U__a_20_b_a_ 1\n# EOF\n");
}

static void
a_legal_name_with_other_labels_stands_before_the_braces(void **state)
{
	cprom_gauge *g = cprom_gauge_new("a:b", "G.", .registry = registry,
					 .const_labels = CPROM_LABELS("c:d", "e"));

	(void)state;
	cprom_gauge_set(g, 1);
	assert_page(UTF8, "# HELP a:b G.\n# TYPE a:b gauge\na:b{\"c:d\"=\"e\"} 1\n");
	assert_page(NULL, "# HELP a:b G.\n# TYPE a:b gauge\na:b{c_d=\"e\"} 1\n");
}

static void
suffixes_and_bounds_are_inside_the_quotes_and_behind(void **state)
{
	cprom_histogram *h = cprom_histogram_new("t.\xc3\xa9_s", "H.", .registry = registry,
						 .unit = "s", .buckets = CPROM_BUCKETS(1));
	cprom_summary *s = cprom_summary_new("s/s", "S.", .registry = registry,
					     .labels = CPROM_LABELS("k"));

	(void)state;
	cprom_histogram_observe(h, 1);
	cprom_summary_observe(cprom_labels(s, "v"), 2);
	assert_page(UTF8, "# HELP \"t.\xc3\xa9_s\" H.\n# TYPE \"t.\xc3\xa9_s\" histogram\n"
			  "{\"t.\xc3\xa9_s_bucket\",le=\"1\"} 1\n"
			  "{\"t.\xc3\xa9_s_bucket\",le=\"+Inf\"} 1\n"
			  "{\"t.\xc3\xa9_s_sum\"} 1\n{\"t.\xc3\xa9_s_count\"} 1\n"
			  "# HELP \"s/s\" S.\n# TYPE \"s/s\" summary\n"
			  "{\"s/s_sum\",k=\"v\"} 2\n{\"s/s_count\",k=\"v\"} 1\n");
	assert_page(OPEN "allow-utf-8",
		    "# TYPE \"t.\xc3\xa9_s\" histogram\n# UNIT \"t.\xc3\xa9_s\" s\n"
		    "# HELP \"t.\xc3\xa9_s\" H.\n"
		    "{\"t.\xc3\xa9_s_bucket\",le=\"1.0\"} 1\n"
		    "{\"t.\xc3\xa9_s_bucket\",le=\"+Inf\"} 1\n"
		    "{\"t.\xc3\xa9_s_sum\"} 1\n{\"t.\xc3\xa9_s_count\"} 1\n"
		    "# TYPE \"s/s\" summary\n# HELP \"s/s\" S.\n"
		    "{\"s/s_sum\",k=\"v\"} 2\n{\"s/s_count\",k=\"v\"} 1\n# EOF\n");
}

static void
a_dump_has_the_names_as_they_were_given(void **state)
{
	cprom_gauge *g = cprom_gauge_new("a.b", "G.", .registry = registry,
					 .const_labels = CPROM_LABELS("c.d", "e"));
	FILE *file = tmpfile();
	char text[256] = "";

	(void)state;
	cprom_gauge_set(g, 1);
	assert_int_equal(cprom_dump_fd(registry, fileno(file)), 0);
	rewind(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	assert_string_equal(text, "# HELP \"a.b\" G.\n# TYPE \"a.b\" gauge\n"
				  "{\"a.b\",\"c.d\"=\"e\"} 1\n");
	fclose(file);
}

/* ---- collisions ------------------------------------------------------------- */

static double
collided(void)
{
	return sample(registry, "cprom_names_collided_total");
}

static void
of_two_families_that_become_one_the_later_is_left_out(void **state)
{
	cprom_gauge_set(cprom_gauge_new("a.b", "First.", .registry = registry), 1);
	cprom_gauge_set(cprom_gauge_new("a_b", "Second.", .registry = registry), 2);
	cprom_gauge_set(cprom_gauge_new("a/b", "Third.", .registry = registry), 3);

	(void)state;
	assert_page(NULL, "# HELP a_b First.\n# TYPE a_b gauge\na_b 1\n");
	assert_page(UTF8, "# HELP \"a.b\" First.\n# TYPE \"a.b\" gauge\n{\"a.b\"} 1\n"
			  "# HELP a_b Second.\n# TYPE a_b gauge\na_b 2\n"
			  "# HELP \"a/b\" Third.\n# TYPE \"a/b\" gauge\n{\"a/b\"} 3\n");
	assert_page("text/plain;escaping=dots",
		    "# HELP a_dot_b First.\n# TYPE a_dot_b gauge\na_dot_b 1\n"
		    "# HELP a_b Second.\n# TYPE a_b gauge\na_b 2\n"
		    "# HELP a__b Third.\n# TYPE a__b gauge\na__b 3\n");
}

static void
a_family_whose_labels_become_one_is_left_out(void **state)
{
	cprom_gauge *twins = cprom_gauge_new("twins", "G.", .registry = registry,
					     .labels = CPROM_LABELS("a.b", "a_b"));
	cprom_gauge *named = cprom_gauge_new("named", "G.", .registry = registry,
					     .labels = CPROM_LABELS("..name.."));

	(void)state;
	cprom_gauge_set(cprom_labels(twins, "x", "y"), 1);
	cprom_gauge_set(cprom_labels(named, "x"), 1);
	assert_page(NULL, "");
	assert_page("text/plain;escaping=values", "# HELP twins G.\n# TYPE twins gauge\n"
						  "twins{U__a_2e_b=\"x\",a_b=\"y\"} 1\n"
						  "# HELP named G.\n# TYPE named gauge\n"
						  "named{U___2e__2e_name_2e__2e_=\"x\"} 1\n");
}

static void
what_a_stateset_or_an_info_adds_collides_too(void **state)
{
	cprom_stateset *s = cprom_stateset_new("mo_de", "S.", .registry = registry,
					       .states = CPROM_LABELS("on", "off"),
					       .labels = CPROM_LABELS("mo.de"));
	cprom_info *i = cprom_info_new("in_info", "I.", .registry = registry,
				       .labels = CPROM_LABELS("a.b"));

	(void)state;
	cprom_stateset_set((cprom_stateset *)cprom_metric_labels(
				   (cprom_metric *)s, (cprom_strings){(const char *[]){"x"}, 1}),
			   1);
	assert_int_equal(cprom_info_set((cprom_info *)cprom_metric_labels(
						(cprom_metric *)i,
						(cprom_strings){(const char *[]){"x"}, 1}),
					"a_b", "y"),
			 0);
	assert_page(NULL, "");
	assert_page("text/plain;escaping=dots", "# HELP mo_de S.\n# TYPE mo_de gauge\n"
						"mo_de{mo_dot_de=\"x\",mo_de=\"on\"} 0\n"
						"mo_de{mo_dot_de=\"x\",mo_de=\"off\"} 1\n"
						"# HELP in_info I.\n# TYPE in_info gauge\n"
						"in_info{a_dot_b=\"x\",a_b=\"y\"} 1\n");
}

static double
give_five(void *arg)
{
	(*(int *)arg)++;
	return 5;
}

static void
a_callback_whose_value_cannot_be_shown_is_not_asked(void **state)
{
	int asked = 0;

	(void)state;
	cprom_gauge_set(cprom_gauge_new("a_b", "G.", .registry = registry), 1);
	assert_non_null(cprom_gauge_new("a.b", "C.", .registry = registry, .callback = give_five,
					.arg = &asked));
	assert_page(NULL, "# HELP a_b G.\n# TYPE a_b gauge\na_b 1\n");
	assert_int_equal(asked, 0);
	free(cprom_render(registry, UTF8, NULL));
	assert_int_equal(asked, 1);
}

static void
emit(cprom_sink *out, void *arg)
{
	(void)arg;
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_GAUGE, "c.d", "C."), 0);
	assert_int_equal(cprom_sink_sample(out, 1, .labels = CPROM_LABELS("a.b", "x")), 0);
	cprom_sink_sample(out, 2, .labels = CPROM_LABELS("a_b", "x"));
	cprom_sink_sample(out, 3, .labels = CPROM_LABELS("a.b", "x", "a_b", "x"));
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "c_d", "D.");
	cprom_sink_sample(out, 4);
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_GAUGE, "", "E."), -1);
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_GAUGE, "e\xff", "E."), -1);
}

static void
collectors_are_held_to_the_same(void **state)
{
	(void)state;
	cprom_gauge_set(cprom_gauge_new("before", "G.", .registry = registry), 0);
	assert_non_null(cprom_collector_new(emit, NULL, .registry = registry));
	cprom_gauge_set(cprom_gauge_new("c/d", "G.", .registry = registry), 5);
	assert_page(NULL, "# HELP before G.\n# TYPE before gauge\nbefore 0\n"
			  "# HELP c_d C.\n# TYPE c_d gauge\nc_d{a_b=\"x\"} 1\n");
	assert_page(UTF8, "# HELP before G.\n# TYPE before gauge\nbefore 0\n"
			  "# HELP \"c.d\" C.\n# TYPE \"c.d\" gauge\n"
			  "{\"c.d\",\"a.b\"=\"x\"} 1\n{\"c.d\",a_b=\"x\"} 2\n"
			  "{\"c.d\",\"a.b\"=\"x\",a_b=\"x\"} 3\n"
			  "# HELP c_d D.\n# TYPE c_d gauge\nc_d 4\n"
			  "# HELP \"c/d\" G.\n# TYPE \"c/d\" gauge\n{\"c/d\"} 5\n");
}

static void
what_is_left_out_is_counted_once_a_page(void **state)
{
	cprom_registry *was = registry;

	(void)state;
	registry = cprom_registry_new(.utf8_names = 1, .self_metrics = 1);
	cprom_gauge_set(cprom_gauge_new("a.b", "First.", .registry = registry), 1);
	cprom_gauge_set(cprom_gauge_new("a_b", "Second.", .registry = registry), 2);
	cprom_gauge_set(cprom_gauge_new("g", "G.", .registry = registry,
					.const_labels = CPROM_LABELS("a.b", "", "a_b", "")),
			3);
	assert_double(collided(), 0);
	assert_double(collided(), 2);
	free(cprom_render(registry, UTF8, NULL));
	assert_double(collided(), 4);
	assert_non_null(cprom_collector_new(emit, NULL, .registry = registry));
	assert_double(collided(), 6);
	assert_double(collided(), 6 + 4); /* of the collector: two labels that are one, and c_d */
	cprom_registry_free(registry);
	registry = was;
}

static void
when_a_quoted_series_began_stands_in_braces(void **state)
{
	cprom_registry *was = registry;
	char *page;

	(void)state;
	registry = cprom_registry_new(.utf8_names = 1, .created_timestamps = 1);
	cprom_counter_inc(cprom_counter_new("a b", "A.", .registry = registry));
	page = cprom_render(
		registry, "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", NULL);
	assert_non_null(page);
	assert_non_null(strstr(page, "\n{\"a b_total\"} 1\n{\"a b_created\"} "));
	free(page);
	cprom_registry_free(registry);
	registry = was;
}

/* ---- reading in pieces ------------------------------------------------------- */

static void
a_page_read_byte_by_byte_is_the_same(void **state)
{
	static const char *const accepts[] = {NULL, UTF8, OPEN "values", OPEN "allow-utf-8"};
	cprom_gauge *g = cprom_gauge_new("a.b", "G.", .registry = registry,
					 .labels = CPROM_LABELS("c.d", "e"));

	(void)state;
	for (int i = 0; i < 100; i++) {
		char value[8];

		snprintf(value, sizeof(value), "%d", i);
		cprom_gauge_set(cprom_labels(g, value, "x"), i);
	}
	assert_non_null(cprom_collector_new(emit, NULL, .registry = registry));
	for (size_t i = 0; i < 4; i++) {
		char *page = cprom_render(registry, accepts[i], NULL), c;
		cprom_scrape *s = cprom_scrape_open(registry, accepts[i]);

		for (char *p = page; *p != '\0'; p++) {
			assert_int_equal(cprom_scrape_read(s, &c, 1), 1);
			assert_int_equal(c, *p);
		}
		assert_int_equal(cprom_scrape_read(s, &c, 1), 0);
		cprom_scrape_close(s);
		free(page);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(only_a_registry_that_says_so_takes_them),
		test(empty_names_and_what_is_not_utf8_are_refused),
		test(reserved_labels_and_units_are_as_ever),
		test(long_names_count_as_they_are_spelled),
		test(a_definition_is_known_again),
		test(suffixes_collide_as_ever),
		test(values_with_quotes_are_not_taken_for_others),
		test(children_are_removed_by_a_quoted_label),
		test(each_reader_gets_the_names_that_it_knows),
		test(what_has_no_labels_stands_in_braces_too),
		test(a_legal_name_with_other_labels_stands_before_the_braces),
		test(suffixes_and_bounds_are_inside_the_quotes_and_behind),
		test(a_dump_has_the_names_as_they_were_given),
		test(of_two_families_that_become_one_the_later_is_left_out),
		test(a_family_whose_labels_become_one_is_left_out),
		test(what_a_stateset_or_an_info_adds_collides_too),
		test(a_callback_whose_value_cannot_be_shown_is_not_asked),
		test(collectors_are_held_to_the_same),
		test(what_is_left_out_is_counted_once_a_page),
		test(when_a_quoted_series_began_stands_in_braces),
		test(a_page_read_byte_by_byte_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
