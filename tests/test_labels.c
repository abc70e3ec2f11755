/* SPDX-License-Identifier: MIT */
/*
 * Tests of labels: which values mean which child, what is refused, what removal leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "registry.h"

static cprom_registry *registry;
static cprom_counter *one, *two; /* with one label, with two */

static int
setup(void **state)
{
	(void)state;
	registry = cprom_registry_new(.self_metrics = 1);
	one = cprom_counter_new("one_total", "One label.", .registry = registry,
				.labels = CPROM_LABELS("a"));
	two = cprom_counter_new("two_total", "Two labels.", .registry = registry,
				.labels = CPROM_LABELS("a", "b"));
	return one == NULL || two == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	cprom_registry_free(registry);
	return 0;
}

static double
rejected(void)
{
	return sample(registry, "cprom_labels_rejected_total");
}

/* ---- identity ------------------------------------------------------------- */

static void
equal_values_give_the_same_child(void **state)
{
	cprom_counter *c = cprom_labels(two, "x", "y");
	char x[] = "x", y[] = "y";

	(void)state;
	assert_non_null(c);
	assert_ptr_not_equal(c, two);
	assert_ptr_equal(cprom_labels(two, "x", "y"), c);
	assert_ptr_equal(cprom_labels(two, x, y), c);
	x[0] = 'z'; /* it was copied */
	assert_ptr_equal(cprom_labels(two, "x", "y"), c);
	assert_ptr_not_equal(cprom_labels(two, "y", "x"), c);
	cprom_counter_inc(c);
	assert_sample(registry, "two_total{a=\"x\",b=\"y\"}", "1");
	assert_sample(registry, "two_total{a=\"y\",b=\"x\"}", "0");
}

static void
every_type_has_children(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("a"));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .labels = CPROM_LABELS("a"));
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry,
					     .labels = CPROM_LABELS("a"));

	(void)state;
	cprom_gauge_set(cprom_labels(g, "v"), 2);
	cprom_histogram_observe(cprom_labels(h, "v"), 3);
	cprom_summary_observe(cprom_labels(s, "v"), 4);
	assert_sample(registry, "g{a=\"v\"}", "2");
	assert_sample(registry, "h_sum{a=\"v\"}", "3");
	assert_sample(registry, "h_bucket{a=\"v\",le=\"+Inf\"}", "1");
	assert_sample(registry, "s_sum{a=\"v\"}", "4");
	assert_ptr_equal(cprom_labels(g, "v"), cprom_labels(g, "v"));
	assert_ptr_equal(cprom_labels(h, "v"), cprom_labels(h, "v"));
	assert_ptr_equal(cprom_labels(s, "v"), cprom_labels(s, "v"));
}

static void
the_same_values_of_two_metrics_are_two_children(void **state)
{
	cprom_counter *other = cprom_counter_new("other_total", "One label.", .registry = registry,
						 .labels = CPROM_LABELS("a"));

	(void)state;
	assert_ptr_not_equal(cprom_labels(one, "x"), cprom_labels(other, "x"));
}

/* Values made to look like each other's text in a page. */
static const char *const hostile[] = {
	"",        "\"",   "\\", "\n",     "n",          "\\n",        "\\\\", "\\\\n",     "\"\"",
	"\\\"",    "\"\\", "a",  "a\"",    "\"a",        "a\\",        "a\n",  "x\",b=\"y", "x",
	"\",b=\"", ",b=",  "=",  "{",      "}",          " ",          "\t",   "\r",        "\x01",
	"\x7f",    "#",    "é",  "\u20ac", "\U0001f333", "overflow\n",
};
#define HOSTILE (sizeof(hostile) / sizeof(*hostile))

static void
hostile_values_equal_only_themselves(void **state)
{
	cprom_counter *children[HOSTILE];

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		children[i] = cprom_labels(one, hostile[i]);
		assert_non_null(children[i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(children[i], children[j]);
	}
	for (size_t i = 0; i < HOSTILE; i++)
		assert_ptr_equal(cprom_labels(one, hostile[i]), children[i]);
	assert_true(has_sample(registry, "one_total{a=\"x\\\",b=\\\"y\"}"));
	assert_true(has_sample(registry, "one_total{a=\"\\n\"}"));
	assert_true(has_sample(registry, "one_total{a=\"\\\\n\"}"));
}

static void
hostile_pairs_equal_only_themselves(void **state)
{
	static cprom_counter *children[HOSTILE * HOSTILE];

	(void)state;
	for (size_t i = 0; i < HOSTILE * HOSTILE; i++) {
		children[i] = cprom_labels(two, hostile[i / HOSTILE], hostile[i % HOSTILE]);
		assert_non_null(children[i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(children[i], children[j]);
	}
	for (size_t i = 0; i < HOSTILE * HOSTILE; i++)
		assert_ptr_equal(cprom_labels(two, hostile[i / HOSTILE], hostile[i % HOSTILE]),
				 children[i]);
}

/* As k[1]: every value that has A where the second factor comes from has the same hash. */
#define ALL_A 0x4141414141414141

static void
values_whose_hashes_are_equal_are_told_apart(void **state)
{
	static const char *const values[] = {
		"BBBBAAAACCCCAAAA",   "CCCCAAAABBBBAAAA",         "AAAAAAAA",
		"AAAAAAAAAAAAAAAA",   "BBBBBBBBBBBBAAAACCCCAAAA", "CCCCCCCCBBBBAAAACCCCAAAA",
		"AAA\"AAAA\"AAAAAAA", "AAA\\AAAA\\AAAAAAA"};
	cprom_registry *r = cprom_registry_new();
	cprom_counter *c, *children[8];

	(void)state;
	r->key.k[1] = ALL_A;
	c = cprom_counter_new("c_total", "C.", .registry = r, .labels = CPROM_LABELS("a"));
	for (int i = 0; i < 8; i++) {
		children[i] = cprom_labels(c, values[i]);
		assert_int_equal(((struct series *)children[i])->node.hash,
				 ((struct series *)children[0])->node.hash);
		for (int j = 0; j <= i; j++) {
			assert_ptr_equal(cprom_labels(c, values[j]), children[j]);
			assert_true(j == i || children[j] != children[i]);
		}
	}
	assert_int_equal(cprom_remove(c, "AAAAAAAA"), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(cprom_remove(c, values[i]), i == 2 ? -1 : 0);
	cprom_registry_free(r);
}

/*
 * Raw, a value with quotes in it can be what stands in the text of another series from
 * the first value to within the second. Their hashes are equal.
 */
static void
a_value_with_quotes_is_not_found_across_those_of_a_text(void **state)
{
	cprom_registry *r = cprom_registry_new();
	cprom_counter *c, *plain, *across;

	(void)state;
	r->key.k[1] = ALL_A;
	c = cprom_counter_new("c_total", "C.", .registry = r, .labels = CPROM_LABELS("a", "label"));
	plain = cprom_labels(c, "v", "1234AAAAAAAAAAAA");
	across = cprom_labels(c, "v\",label=", "AAAAAAAA");
	assert_ptr_not_equal(across, plain);
	assert_int_equal(((struct series *)across)->node.hash, ((struct series *)plain)->node.hash);
	assert_ptr_equal(cprom_labels(c, "v", "1234AAAAAAAAAAAA"), plain);
	assert_ptr_equal(cprom_labels(c, "v\",label=", "AAAAAAAA"), across);
	assert_int_equal(cprom_remove(c, "v\",label=", "AAAAAAAA"), 0);
	assert_int_equal(cprom_remove(c, "v\",label=", "AAAAAAAA"), -1);
	assert_true(has_sample(r, "c_total{a=\"v\",label=\"1234AAAAAAAAAAAA\"}"));
	cprom_registry_free(r);
}

/* ---- what is refused ------------------------------------------------------ */

static void
a_wrong_number_of_values_is_refused(void **state)
{
	(void)state;
	assert_null(cprom_labels(two, "x"));
	assert_reason(EINVAL, "two_total has 2 labels, 1 values");
	assert_null(cprom_labels(two, "x", "y", "z"));
	assert_reason(EINVAL, "two_total has 2 labels, 3 values");
	assert_null(cprom_metric_labels(CPROM_METRIC(two), (cprom_strings){NULL, 0}));
	assert_reason(EINVAL, "two_total");
	assert_null(cprom_metric_labels(CPROM_METRIC(two), (cprom_strings){NULL, 2}));
	assert_reason(EINVAL, "two_total");
	assert_double(rejected(), 4);
}

static void
a_value_must_be_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xff",
		"\xc3",
		"a\xc3(",
		"\xc0\x80",
		"\xe0\x80\x80",
		"\xed\xa0\x80",
		"\xf4\x90\x80\x80",
		"\xf0\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"ok\xe2\x82",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		errno = 0;
		assert_null(cprom_labels(two, "x", bad[i]));
		assert_reason(EINVAL, "two_total: the value of the label \"b\" is not UTF-8");
		assert_double(rejected(), (double)i + 1);
	}
	assert_null(cprom_labels(two, NULL, "y"));
	assert_reason(EINVAL, "the value of the label \"a\" is NULL");
	assert_non_null(cprom_labels(two, "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"));
}

static void
values_may_be_as_long_as_the_header_says(void **state)
{
	static char value[CPROM_MAX_LABEL_BYTES + 1];
	size_t room = CPROM_MAX_LABEL_BYTES - strlen("a=\"\"");

	(void)state;
	memset(value, 'v', room + 1);
	assert_null(cprom_labels(one, value));
	assert_reason(EINVAL, "longer than 16384 bytes");
	value[room] = '\0';
	assert_non_null(cprom_labels(one, value));
	value[0] = '"'; /* takes two bytes */
	assert_null(cprom_labels(one, value));
	assert_reason(EINVAL, "one_total");
	value[room - 1] = '\0';
	assert_non_null(cprom_labels(one, value));
	assert_ptr_equal(cprom_labels(one, value), cprom_labels(one, value));
	assert_double(rejected(), 2);
}

static void
a_child_has_no_children(void **state)
{
	cprom_counter *c = cprom_labels(one, "x");

	(void)state;
	assert_null(cprom_labels(c, "x"));
	assert_reason(EINVAL, "child");
	assert_int_equal(cprom_remove(c, "x"), -1);
	assert_reason(EINVAL, "child");
	assert_int_equal(cprom_remove_matching(c, "a", "x"), -1);
	assert_reason(EINVAL, "child");
	assert_int_equal(cprom_clear(c), -1);
	assert_reason(EINVAL, "child");
	assert_int_equal(cprom_unregister(c), -1);
	assert_reason(EINVAL, "child");
	assert_true(has_sample(registry, "one_total{a=\"x\"}"));
}

static void
a_metric_without_labels_is_its_own_child(void **state)
{
	cprom_counter *c = cprom_counter_new("none_total", "No label.", .registry = registry);

	(void)state;
	assert_ptr_equal(cprom_metric_labels(CPROM_METRIC(c), (cprom_strings){NULL, 0}),
			 CPROM_METRIC(c));
	assert_null(cprom_labels(c, "x"));
	assert_reason(EINVAL, "has 0 labels, 1 values");
	assert_int_equal(cprom_metric_remove(CPROM_METRIC(c), (cprom_strings){NULL, 0}), -1);
	assert_reason(ENOENT, "no such child");
	assert_int_equal(cprom_remove_matching(c, "a", "x"), -1);
	assert_reason(EINVAL, "no label \"a\"");
	assert_int_equal(cprom_clear(c), 0);
	assert_sample(registry, "none_total", "0");
}

/* ---- removing ------------------------------------------------------------- */

static void
a_removed_child_starts_again_at_0(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		assert_double(cprom_counter_value(cprom_labels(one, "x")), 0);
		cprom_counter_add(cprom_labels(one, "x"), 1.5);
		cprom_counter_inc(cprom_labels(one, "x"));
		assert_int_equal(cprom_remove(one, "x"), 0);
		errno = 0;
		assert_int_equal(cprom_remove(one, "x"), -1);
		assert_reason(ENOENT, "no such child");
		assert_int_equal(cprom_remove(one, "never"), -1);
	}
	assert_false(has_sample(registry, "one_total{a=\"x\"}"));
	assert_false(has_sample(registry, "one_total{a=\"never\"}"));
}

static void
remove_matching_removes_what_matches_and_says_how_many(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTILE; i++)
		for (size_t j = 0; j < 3; j++)
			assert_non_null(cprom_labels(two, hostile[i], hostile[j]));
	for (size_t i = 0; i < HOSTILE; i++) {
		assert_int_equal(cprom_remove_matching(two, "a", hostile[i]), 3);
		assert_int_equal(cprom_remove_matching(two, "a", hostile[i]), 0);
		assert_double(sample(registry, "cprom_series"), (double)(HOSTILE - 1 - i) * 3);
	}
	for (size_t i = 0; i < HOSTILE; i++)
		for (size_t j = 0; j < HOSTILE; j++)
			assert_non_null(cprom_labels(two, hostile[j], hostile[i]));
	for (size_t i = 0; i < HOSTILE; i++)
		assert_int_equal(cprom_remove_matching(two, "b", hostile[i]), HOSTILE);
	assert_double(sample(registry, "cprom_series"), 0);
}

static void
remove_matching_refuses_what_is_no_label(void **state)
{
	(void)state;
	assert_int_equal(cprom_remove_matching(two, "c", "x"), -1);
	assert_reason(EINVAL, "two_total has no label \"c\"");
	assert_int_equal(cprom_remove_matching(two, NULL, "x"), -1);
	assert_reason(EINVAL, "NULL");
	assert_int_equal(cprom_remove_matching(two, "a", NULL), -1);
	assert_reason(EINVAL, "NULL");
	assert_int_equal(cprom_remove_matching((cprom_counter *)NULL, "a", "x"), -1);
	assert_reason(EINVAL, "NULL");
}

static void
clear_removes_every_child(void **state)
{
	char value[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(value, sizeof(value), "%d", i);
		cprom_counter_inc(cprom_labels(one, value));
	}
	cprom_counter_inc(cprom_labels(two, "stays", "here"));
	assert_double(sample(registry, "cprom_series"), 101);
	assert_int_equal(cprom_clear(one), 0);
	assert_double(sample(registry, "cprom_series"), 1);
	assert_false(has_sample(registry, "one_total{a=\"7\"}"));
	assert_sample(registry, "two_total{a=\"stays\",b=\"here\"}", "1");
	assert_double(cprom_counter_value(cprom_labels(one, "7")), 0);
}

#define ROUND 2000 /* children */

/* Makes so many and counts in them; how much memory the registry has handed out then. */
static uint64_t
make_children(unsigned first)
{
	char value[32];

	for (unsigned i = 0; i < ROUND; i++) {
		snprintf(value, sizeof(value), "%08u", first + i);
		cprom_counter_inc(cprom_labels(one, value));
	}
	return load_relaxed(&registry->region.used);
}

static void
what_clear_removes_is_used_again_at_once(void **state)
{
	uint64_t first = make_children(0), second;

	(void)state;
	assert_int_equal(cprom_clear(one), 0);
	second = make_children(ROUND); /* the index may grow */
	assert_true(second - first < ROUND * sizeof(struct series) / 2);
	for (unsigned i = 2; i < 10; i++) {
		assert_int_equal(cprom_clear(one), 0);
		assert_int_equal(make_children(i * ROUND), second);
	}
}

static void
what_remove_matching_removes_is_used_again_at_once(void **state)
{
	char value[32];
	uint64_t used = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		for (unsigned k = 0; k < ROUND; k++) {
			snprintf(value, sizeof(value), "%08u", i * ROUND + k);
			cprom_counter_inc(cprom_labels(two, "same", value));
		}
		if (i == 1)
			used = load_relaxed(&registry->region.used);
		assert_int_equal(cprom_remove_matching(two, "a", "same"), ROUND);
	}
	assert_int_equal(load_relaxed(&registry->region.used), used);
}

/* ---- without memory ------------------------------------------------------- */

static char long_value[400];

/* Of the first segment of an index. */
#define SEGMENT_BYTES (INDEX_INLINE * sizeof(atomic_ptr))

/* A family whose next series has to make a segment of its index. */
static cprom_counter *
fill_index(cprom_registry *r)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = r,
					     .labels = CPROM_LABELS("a"));
	char value[] = "1";

	memset(long_value, 'v', sizeof(long_value) - 1);
	assert_non_null(cprom_labels(c, "overflow"));
	for (; value[0] < '0' + INDEX_INLINE - 1; value[0]++)
		cprom_counter_inc(cprom_labels(c, value));
	assert_int_equal(cpromi_index_end(&((struct family *)c)->index), INDEX_INLINE - 1);
	return c;
}

static void
exhaust(cprom_registry *r)
{
	for (size_t n = (size_t)1 << 16; n > 0; n = n > 1024 ? n / 2 : n - 16)
		while (cpromi_region_alloc(&r->region, n) != NULL)
			;
}

static bool
never(const struct node *n, const void *unused)
{
	(void)n;
	(void)unused;
	return false;
}

/* As a process leaves it that dies before it has published what it made. */
static struct series *
link_series(cprom_counter *c, const char *value)
{
	struct family *f = (struct family *)c;
	struct series *s = cpromi_series_make(f, CPROM_STRINGS(value));
	struct epoch_guard g = {0};

	assert_non_null(s);
	assert_true(cpromi_epoch_enter(&f->registry->epoch, &g));
	assert_ptr_equal(cpromi_table_insert(&f->registry->table, &s->node, never, NULL), &s->node);
	cpromi_epoch_leave(&g);
	return s;
}

static void
a_series_that_finds_no_place_is_the_overflow_child_until_there_is_one(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = 1 << 18);
	cprom_counter *c = fill_index(r), *overflow = cprom_labels(c, "overflow");
	struct series *s = link_series(c, "new");
	void *segment = cpromi_region_alloc(&r->region, SEGMENT_BYTES);

	(void)state;
	exhaust(r);
	for (uint32_t i = 1; i < 4; i++) {
		assert_ptr_equal(cprom_labels(c, "new"), overflow);
		assert_int_equal(load_relaxed(&r->counts[SELF_OVERFLOWS]), i);
		assert_int_equal(load_relaxed(&r->series), INDEX_INLINE - 2);
	}
	assert_false(has_sample(r, "c_total{a=\"new\"}"));
	cpromi_region_free(&r->region, segment, SEGMENT_BYTES);
	assert_ptr_equal(cprom_labels(c, "new"), s);
	assert_true(has_sample(r, "c_total{a=\"new\"}"));
	assert_int_equal(load_relaxed(&r->series), INDEX_INLINE - 1);
	cprom_registry_free(r);
}

static void
of_a_new_series_that_finds_no_place_nothing_is_left(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_bytes = 1 << 18);
	cprom_counter *c = fill_index(r), *overflow = cprom_labels(c, "overflow");
	cprom_strings values = CPROM_STRINGS(long_value);
	struct series *s = cpromi_series_make((struct family *)c, values);

	(void)state;
	exhaust(r);
	for (int i = 0; i < 3; i++) {
		cpromi_series_reclaim(r, s);
		assert_ptr_equal(cprom_labels(c, long_value), overflow);
		assert_null(cpromi_series_make((struct family *)c, values)); /* it was there */
		for (int turn = 0; turn < 4; turn++)
			cpromi_epoch_advance(&r->epoch);
		assert_ptr_equal(cpromi_series_make((struct family *)c, values), s);
		assert_int_equal(cprom_remove(c, long_value), -1);
		assert_int_equal(load_relaxed(&r->series), INDEX_INLINE - 2);
	}
	cprom_registry_free(r);
}

/* ---- threads -------------------------------------------------------------- */

#define THREADS 4
#define VALUES 500

static cprom_counter *seen[THREADS][VALUES];

static void
ask_for_all(unsigned i, void *arg)
{
	char value[32];

	for (int n = 0; n < VALUES; n++) {
		snprintf(value, sizeof(value), "%d", n);
		seen[i][n] = cprom_labels((cprom_counter *)arg, value);
		cprom_counter_inc(seen[i][n]);
	}
}

static void
threads_that_ask_for_the_same_child_get_the_same(void **state)
{
	(void)state;
	run_threads(THREADS, ask_for_all, one);
	for (int n = 0; n < VALUES; n++) {
		for (int i = 1; i < THREADS; i++)
			assert_ptr_equal(seen[i][n], seen[0][n]);
		assert_double(cprom_counter_value(seen[0][n]), THREADS);
	}
	assert_double(sample(registry, "cprom_series"), VALUES);
}

static void
ask_and_remove(unsigned i, void *arg)
{
	char value[32];

	(void)arg;
	for (unsigned n = 0; n < 4 * VALUES; n++) {
		snprintf(value, sizeof(value), "%u", (n + i) % 5);
		cprom_counter_inc(cprom_labels(one, value));
		if (n % 3 == 0)
			cprom_remove(one, value);
		if (n % 100 == 0)
			cprom_remove_matching(one, "a", value);
		if (n % 500 == 0)
			cprom_clear(one);
	}
}

static void
threads_remove_what_others_use(void **state)
{
	(void)state;
	run_threads(THREADS, ask_and_remove, NULL);
	assert_true(sample(registry, "cprom_series") <= 5);
	assert_int_equal(cprom_clear(one), 0);
	assert_double(sample(registry, "cprom_series"), 0);
	assert_false(has_sample(registry, "one_total{a=\"0\"}"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_values_give_the_same_child),
		TEST(every_type_has_children),
		TEST(the_same_values_of_two_metrics_are_two_children),
		TEST(hostile_values_equal_only_themselves),
		TEST(hostile_pairs_equal_only_themselves),
		TEST(values_whose_hashes_are_equal_are_told_apart),
		TEST(a_value_with_quotes_is_not_found_across_those_of_a_text),
		TEST(a_wrong_number_of_values_is_refused),
		TEST(a_value_must_be_utf8),
		TEST(values_may_be_as_long_as_the_header_says),
		TEST(a_child_has_no_children),
		TEST(a_metric_without_labels_is_its_own_child),
		TEST(a_removed_child_starts_again_at_0),
		TEST(remove_matching_removes_what_matches_and_says_how_many),
		TEST(remove_matching_refuses_what_is_no_label),
		TEST(clear_removes_every_child),
		TEST(what_clear_removes_is_used_again_at_once),
		TEST(what_remove_matching_removes_is_used_again_at_once),
		TEST(a_series_that_finds_no_place_is_the_overflow_child_until_there_is_one),
		TEST(of_a_new_series_that_finds_no_place_nothing_is_left),
		TEST(threads_that_ask_for_the_same_child_get_the_same),
		TEST(threads_remove_what_others_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
