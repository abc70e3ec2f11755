/* SPDX-License-Identifier: MIT */
/*
 * No call of cprom.h (the server's aside) crashes on NULL, empty, over-long or
 * invalid arguments; where it promises an error, errno and cprom_error() tell.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"

#define MIB ((size_t)1 << 20)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static cprom_registry *registry;
static char *long_name, *long_value; /* 1 MiB each: of a letter, of quotes */

static int
setup(void **state)
{
	(void)state;
	long_name = malloc(MIB + 1);
	long_value = malloc(MIB + 1);
	if (long_name == NULL || long_value == NULL)
		return -1;
	memset(long_name, 'n', MIB);
	memset(long_value, '"', MIB);
	long_name[MIB] = long_value[MIB] = '\0';
	registry = cprom_registry_new(.max_bytes = 8 * MIB, .self_metrics = 1);
	return registry == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	free(long_name);
	free(long_value);
	return 0;
}

/* Texts to be given wherever a text is taken. */
static const char *
text(size_t i)
{
	const char *const texts[] = {NULL, "",     "x",      long_name,  long_value, "\xff\xfe",
				     "\n", "\"\\", "%s%n%d", "overflow", "le",       "\xc3"};

	return i < COUNT(texts) ? texts[i] : NULL;
}
#define TEXTS ((size_t)12)

static const double numbers[] = {0,       -0.0,         1,    -1,       DBL_MAX,   -DBL_MAX,
				 DBL_MIN, DBL_TRUE_MIN, 1e19, INFINITY, -INFINITY, NAN,
				 0x1p63,  0x1p64,       0.5};

/* After a call that must have failed: errno was set, and the reason is one line of UTF-8. */
static void
assert_told(const void *made)
{
	assert_null(made);
	assert_true(errno == EINVAL || errno == ENOMEM || errno == EEXIST || errno == ENOENT);
	assert_true(strlen(cprom_error()) > 5 && strlen(cprom_error()) < 256);
	errno = 0;
}

static void
assert_minus_1(ssize_t result)
{
	assert_int_equal(result, -1);
	assert_told(NULL);
}

/* ---- NULL ----------------------------------------------------------------- */

static void
updates_of_null_do_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		cprom_counter_add(NULL, numbers[i]);
		cprom_gauge_set(NULL, numbers[i]);
		cprom_gauge_add(NULL, numbers[i]);
		cprom_gauge_sub(NULL, numbers[i]);
		cprom_gauge_set_max(NULL, numbers[i]);
		cprom_gauge_set_min(NULL, numbers[i]);
		cprom_histogram_observe(NULL, numbers[i]);
		cprom_histogram_observe_many(NULL, numbers[i], UINT64_MAX);
		cprom_summary_observe(NULL, numbers[i]);
		assert_true(isnan(cprom_summary_quantile(NULL, numbers[i])));
	}
	cprom_counter_inc(NULL);
	cprom_gauge_inc(NULL);
	cprom_gauge_dec(NULL);
	cprom_gauge_set_to_current_time(NULL);
	assert_true(cprom_counter_value(NULL) == 0 && cprom_gauge_value(NULL) == 0);
	assert_true(cprom_histogram_count(NULL) == 0 && cprom_histogram_sum(NULL) == 0);
	assert_true(cprom_summary_count(NULL) == 0 && cprom_summary_sum(NULL) == 0);
}

static void
calls_that_need_something_tell_that_it_is_null(void **state)
{
	char byte;

	(void)state;
	assert_told(cprom_registry_create(NULL));
	assert_told(cprom_counter_create(NULL));
	assert_told(cprom_gauge_create(NULL));
	assert_told(cprom_histogram_create(NULL));
	assert_told(cprom_summary_create(NULL));
	assert_told(cprom_collector_create(NULL));
	assert_told(cprom_build_info_create(NULL));
	assert_told(cprom_metric_labels(NULL, (cprom_strings){NULL, 0}));
	assert_told(cprom_metric_labels(NULL, CPROM_LABELS("x")));
	assert_minus_1(cprom_metric_remove(NULL, CPROM_LABELS("x")));
	assert_minus_1(cprom_metric_remove_matching(NULL, "x", "y"));
	assert_minus_1(cprom_metric_clear(NULL));
	assert_minus_1(cprom_metric_unregister(NULL));
	assert_minus_1(cprom_sink_family(NULL, CPROM_TYPE_GAUGE, "x", "X."));
	assert_minus_1(cprom_sink_add(NULL, NULL));
	assert_minus_1(cprom_scrape_read(NULL, &byte, 1));
	assert_minus_1(cprom_write_textfile(registry, NULL));
	assert_minus_1(cprom_instrument_create(NULL, NULL));
	cprom_sink_fail(NULL, NULL);
	cprom_registry_free(NULL);
	cprom_collector_unregister(NULL);
	cprom_scrape_close(NULL);
	(void)cprom_scrape_content_type(NULL);
}

static void
timers_instruments_and_calls_of_null_do_nothing(void **state)
{
	cprom_timer t = cprom_metric_timer(NULL), none = {NULL, 0};
	cprom_instrument i = cprom_instrument_child(NULL, CPROM_LABELS("x")), empty = {0};
	cprom_call c = cprom_call_begin(NULL), d = cprom_call_begin(&empty);

	(void)state;
	assert_true(cprom_timer_observe(&t) >= 0);
	assert_true(cprom_timer_observe(&t) == 0);
	assert_true(cprom_timer_observe(&none) == 0);
	assert_true(cprom_timer_observe(NULL) == 0);
	assert_true(cprom_metric_timer_observe(NULL, NULL) == 0);
	cprom_timer_discard(NULL);
	assert_true(i.calls == NULL && i.errors == NULL && i.in_progress == NULL &&
		    i.seconds == NULL);
	i = cprom_instrument_child(&empty, (cprom_strings){NULL, 9});
	assert_null(i.calls);
	cprom_call_end(&c);
	cprom_call_end(&d);
	cprom_call_end(NULL);
}

/* ---- options -------------------------------------------------------------- */

#define COMMON .size = size, .name = "a", .help = "A.", .registry = registry

static void
options_of_a_wrong_size_are_refused(void **state)
{
	static const size_t sizes[] = {0, 1, sizeof(size_t) - 1, 4097, MIB, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t size = sizes[i];

		assert_told(cprom_registry_create(&(cprom_registry_options){.size = size}));
		assert_told(cprom_counter_create(&(cprom_counter_options){COMMON}));
		assert_told(cprom_gauge_create(&(cprom_gauge_options){COMMON}));
		assert_told(cprom_histogram_create(&(cprom_histogram_options){COMMON}));
		assert_told(cprom_summary_create(&(cprom_summary_options){COMMON}));
		if (size < sizeof(size_t) || size > 4096)
			assert_told(
				cprom_collector_create(&(cprom_collector_options){.size = size}));
	}
	assert_double(sample(registry, "cprom_families"), 0);
}

static void
made_or_told(cprom_metric *m)
{
	if (m == NULL)
		assert_told(NULL);
	else
		assert_int_equal(cprom_metric_unregister(m), 0);
}

static void
texts_of_every_kind_make_a_metric_or_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS * TEXTS * 2; i++) {
		const char *a = text(i % TEXTS), *b = text(i / TEXTS % TEXTS),
			   *c = text(i * 7 / 3 % TEXTS);

		made_or_told(
			CPROM_METRIC(cprom_counter_new(a, b, .registry = registry, .unit = c)));
		made_or_told(CPROM_METRIC(cprom_gauge_new(a, "G.", .registry = registry,
							  .labels = CPROM_LABELS(b, c))));
		made_or_told(CPROM_METRIC(cprom_histogram_new("h", a, .registry = registry,
							      .const_labels = CPROM_LABELS(b, c))));
		made_or_told(
			CPROM_METRIC(cprom_summary_new("s", "S.", .registry = registry, .unit = a,
						       .const_labels = CPROM_LABELS("x", b, c))));
		made_or_told(CPROM_METRIC(
			cprom_build_info(a, .version = b, .branch = c, .registry = registry)));
	}
	assert_double(sample(registry, "cprom_families"), 0);
}

static void
numbers_of_every_kind_make_buckets_or_an_error(void **state)
{
	double out[4];

	(void)state;
	for (size_t i = 0; i < COUNT(numbers) * COUNT(numbers); i++) {
		double a = numbers[i % COUNT(numbers)], b = numbers[i / COUNT(numbers)];
		cprom_histogram *h;
		cprom_summary *s;

		for (size_t n = 0; n <= 4; n++) {
			cprom_doubles made[] = {cprom_linear_buckets(a, b, n, out),
						cprom_exponential_buckets(a, b, n, out),
						cprom_exponential_buckets_range(a, b, n, out)};

			for (int k = 0; k < 3; k++)
				assert_true(made[k].count == 0 ? made[k].items == NULL
							       : made[k].count == n);
		}
		h = cprom_histogram_new("h", "H.", .registry = registry,
					.buckets = CPROM_BUCKETS(a, b));
		s = cprom_summary_new("s", "S.", .registry = registry, .max_age = a,
				      .age_buckets = (unsigned)i, .quantiles = CPROM_QUANTILES(b));
		cprom_histogram_observe(h, a);
		cprom_histogram_observe_many(h, b, UINT64_MAX);
		cprom_summary_observe(s, a);
		(void)cprom_summary_quantile(s, b);
		if (h != NULL)
			assert_int_equal(cprom_unregister(h), 0);
		if (s != NULL)
			assert_int_equal(cprom_unregister(s), 0);
	}
}

/* ---- labels --------------------------------------------------------------- */

static void
values_of_every_kind_give_a_child_or_an_error(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("a", "b"));

	(void)state;
	for (size_t i = 0; i < TEXTS * TEXTS; i++) {
		const char *a = text(i % TEXTS), *b = text(i / TEXTS);
		cprom_gauge *child = cprom_labels(g, a, b);

		if (child == NULL)
			assert_told(NULL);
		cprom_gauge_set(child, 1);
		if (cprom_remove(g, a, b) == -1)
			assert_told(NULL);
		if (cprom_remove_matching(g, a, b) == -1)
			assert_told(NULL);
		if (cprom_remove_matching(g, "b", b) == -1)
			assert_told(NULL);
		for (size_t n = 0; n < 5; n++) {
			const char *const values[] = {a, b, a, b, a};

			if (n != 2)
				assert_told(cprom_metric_labels(CPROM_METRIC(g),
								(cprom_strings){values, n}));
		}
		assert_told(cprom_metric_labels(CPROM_METRIC(g), (cprom_strings){NULL, i}));
		assert_told(cprom_metric_labels(CPROM_METRIC(g), (cprom_strings){&a, SIZE_MAX}));
		assert_minus_1(cprom_metric_remove(CPROM_METRIC(g), (cprom_strings){&a, SIZE_MAX}));
	}
}

static void
an_instrument_of_every_text_is_whole_or_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS * TEXTS; i++) {
		const char *a = text(i % TEXTS), *b = text(i / TEXTS);
		cprom_instrument_options o = {.size = i % 5 == 4 ? 0 : sizeof(o),
					      .name = a,
					      .help = b,
					      .registry = registry,
					      .labels = i % 3 == 0 ? CPROM_LABELS(b)
								   : (cprom_strings){NULL, i % 2}};
		cprom_instrument in = {0};

		if (cprom_instrument_create(&in, &o) == -1)
			assert_told(NULL);
		else
			assert_true(in.calls != NULL && in.errors != NULL &&
				    in.in_progress != NULL && in.seconds != NULL);
		(void)cprom_instrument_child(&in, (cprom_strings){&a, 1});
		cprom_unregister(in.calls);
		cprom_unregister(in.errors);
		cprom_unregister(in.in_progress);
		cprom_unregister(in.seconds);
	}
}

/* ---- collectors and pages ------------------------------------------------- */

static void
emit_everything(cprom_sink *out, void *unused)
{
	static const uint64_t counts[] = {1, UINT64_MAX, 3};
	char name[32];

	(void)unused;
	for (size_t i = 0; i < TEXTS * TEXTS; i++) {
		const char *a = text(i % TEXTS), *b = text(i / TEXTS);
		cprom_sample s = {.size = sizeof(s), .value = numbers[i % COUNT(numbers)]};

		(void)cprom_sink_family(out, (cprom_type)(i % 9) - 1, a, b);
		(void)cprom_sink_add(out, NULL);
		(void)cprom_sink_sample(out, 1, .labels = CPROM_LABELS(a, b));
		(void)cprom_sink_sample(out, 1, .labels = CPROM_LABELS(a));
		snprintf(name, sizeof(name), "m%zu", i);
		(void)cprom_sink_family(out, (cprom_type)(i % 9) - 1, name, "Help.");
		(void)cprom_sink_sample(out, s.value, .labels = CPROM_LABELS(b, a));
		s.timestamp_ms = i % 2 ? INT64_MIN : INT64_MAX;
		s.labels = (cprom_strings){NULL, i};
		(void)cprom_sink_add(out, &s);
		s.labels.count = 0;
		s.counts = counts;
		s.bounds = CPROM_BUCKETS(numbers[i % COUNT(numbers)], numbers[i / COUNT(numbers)]);
		s.quantiles = s.bounds;
		s.values = i % 3 ? numbers : NULL;
		(void)cprom_sink_add(out, &s);
		s.bounds.items = NULL;
		s.counts = NULL;
		(void)cprom_sink_add(out, &s);
		s.size = i;
		(void)cprom_sink_add(out, &s);
		s.size = SIZE_MAX;
		(void)cprom_sink_add(out, &s);
	}
}

static void
give_up(cprom_sink *out, void *why)
{
	emit_everything(out, NULL);
	cprom_sink_fail(out, why);
	cprom_sink_fail(out, why);
}

static void
a_collector_may_emit_nonsense(void **state)
{
	cprom_collector *c = cprom_collector_new(emit_everything, NULL, .registry = registry);
	cprom_collector *d = cprom_collector_new(give_up, NULL, .registry = registry);
	cprom_collector *e = cprom_collector_new(give_up, long_value, .registry = registry);

	(void)state;
	assert_true(c != NULL && d != NULL && e != NULL);
	assert_told(cprom_collector_new(NULL, NULL, .registry = registry));
	for (int i = 0; i < 2; i++) /* what the first scrape counted, the second shows */
		assert_true(sample(registry, "cprom_families") == 0);
	assert_double(sample(registry, "cprom_collector_failures_total"), 4);
	assert_true(sample(registry, "cprom_collector_samples_dropped_total{reason=\"invalid\"}") >
		    100);
	cprom_collector_unregister(c);
	cprom_collector_unregister(d);
	cprom_collector_unregister(e);
}

static void
pages_are_given_for_any_accept_and_any_buffer(void **state)
{
	char buf[64];

	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		size_t length = 0;
		char *page = cprom_render(registry, text(i), &length);
		cprom_scrape *s = cprom_scrape_open(registry, text(i));
		ssize_t n, total = 0;

		assert_non_null(page);
		assert_int_equal(strlen(page), length);
		assert_non_null(s);
		assert_non_null(cprom_scrape_content_type(s));
		assert_minus_1(cprom_scrape_read(s, NULL, 1));
		assert_int_equal(cprom_scrape_read(s, NULL, 0), 0);
		assert_int_equal(cprom_scrape_read(s, buf, 0), 0);
		while ((n = cprom_scrape_read(s, buf, 1 + (size_t)total % sizeof(buf))) > 0)
			total += n;
		assert_int_equal(n, 0);
		assert_int_equal(total, length);
		assert_int_equal(cprom_scrape_read(s, buf, 1), 0);
		cprom_scrape_close(s);
		free(page);
	}
}

static void
a_textfile_is_written_or_an_error_told(void **state)
{
	static const char *const paths[] = {
		"", "/", ".", "/proc/none/x", "/dev/null/x", "no/such/dir/x"};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		errno = 0;
		assert_int_equal(cprom_write_textfile(registry, paths[i]), -1);
		assert_true(errno != 0 && strlen(cprom_error()) > 5);
	}
	assert_int_equal(cprom_write_textfile(registry, long_name), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void
the_version_is_a_text(void **state)
{
	(void)state;
	assert_true(strlen(cprom_version()) > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(updates_of_null_do_nothing),
		TEST(calls_that_need_something_tell_that_it_is_null),
		TEST(timers_instruments_and_calls_of_null_do_nothing),
		TEST(options_of_a_wrong_size_are_refused),
		TEST(texts_of_every_kind_make_a_metric_or_an_error),
		TEST(numbers_of_every_kind_make_buckets_or_an_error),
		TEST(values_of_every_kind_give_a_child_or_an_error),
		TEST(an_instrument_of_every_text_is_whole_or_an_error),
		TEST(a_collector_may_emit_nonsense),
		TEST(pages_are_given_for_any_accept_and_any_buffer),
		TEST(a_textfile_is_written_or_an_error_told),
		TEST(the_version_is_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
