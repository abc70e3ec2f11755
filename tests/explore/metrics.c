/* SPDX-License-Identifier: MIT */
/*
 * metrics: programs over the public calls, in a private registry.
 */
#include "atomic.h"
#include "machine.h"
#include "page.h"
#include "registry.h"
#include "sketch.h"

static cprom_registry *r;
static cprom_counter *parent;
static cprom_counter *stable; /* a child that nobody removes */
static cprom_counter *child;  /* "a" */
static cprom_histogram *histogram;
static cprom_summary *summary;

static EXPLORE_STATE void *got[MACHINE_THREADS];
static EXPLORE_STATE int results[MACHINE_THREADS];
static EXPLORE_STATE uint32_t steps_before;
static EXPLORE_STATE bool inside, torn;
static EXPLORE_STATE char page[PAGE_BYTES]; /* of the one thread that scrapes, or the check */

#define IS(value, x) ((value) == (x))
#define IS_NAN(value) ((value) != (value))

/* ---- setting up and taking down ------------------------------------------------------- */

static void
open_registry(unsigned lanes)
{
	r = cprom_registry_new(.max_bytes = 512 << 10, .max_lanes = lanes);
	EXPECT(r != NULL);
}

static void
open_parent(size_t max_series)
{
	parent = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r,
				   .max_series = max_series);
	EXPECT(parent != NULL);
}

static void
setup_parent(void)
{
	open_registry(4);
	open_parent(0);
	machine_thread_exit();
}

static void
setup_children(void)
{
	open_registry(4);
	open_parent(0);
	stable = cprom_labels(parent, "s");
	child = cprom_labels(parent, "a");
	cprom_counter_add(stable, 7);
	cprom_counter_add(child, 5);
	machine_thread_exit();
}

/* As setup_children(), with the next retirement about to go on to the next epoch. */
static void
setup_advancing(void)
{
	setup_children();
	store_relaxed(&r->epoch.count, 63);
}

/* So many children were removed that their places in the index are used again. */
static void
setup_reusing(void)
{
	char label[] = "00";

	open_registry(4);
	open_parent(0);
	for (int i = 0; i < INDEX_REUSE + 4; i++) {
		label[0] = (char)('0' + i / 8);
		label[1] = (char)('0' + i % 8);
		EXPECT(cprom_labels(parent, label) != NULL);
	}
	EXPECT(cprom_clear(parent) == 0);
	machine_thread_exit();
}

/* Two threads count, and neither has a lane. */
static void
setup_no_lane(void)
{
	open_registry(1);
	open_parent(0);
	stable = cprom_labels(parent, "s");
}

static void
setup_limited(void)
{
	open_registry(4);
	open_parent(1);
	machine_thread_exit();
}

static void
setup_one_lane(void)
{
	open_registry(1);
	open_parent(0);
	stable = cprom_labels(parent, "s");
	machine_thread_exit();
}

/* Nothing is kept that nobody has: all that was removed comes back. */
static void
close_registry(void)
{
	cprom_registry_free(r);
	machine_thread_exit();
	EXPECT(machine_mapped() == 0);
}

/* The series that count, with the page and all else in accord. */
static void
check_series(unsigned wanted)
{
	struct family *f = (struct family *)parent;
	unsigned lines = 0, indexed = 0;

	for (uint32_t i = 0; i < cpromi_index_end(&f->index); i++)
		indexed += cpromi_index_at(&f->index, i) != NULL;
	EXPECT(indexed == wanted);

	EXPECT(load_relaxed(&r->series) == wanted);
	EXPECT(load_relaxed(&r->table.count) == wanted);
	page_read(r, page);
	for (const char *p = page; (p = strstr(p, "\nx{")) != NULL; p++)
		lines++;
	EXPECT(lines == wanted);
}

static double
value_of(const char *label)
{
	return cprom_counter_value(cprom_labels(parent, label));
}

/* ---- create ------------------------------------------------------------------------------- */

static void
create_a(unsigned t)
{
	cprom_counter *c = cprom_labels(parent, "a");

	EXPECT(c != NULL);
	cprom_counter_inc(c);
	got[t] = c;
}

static void
create_a_first(void)
{
	create_a(0);
}

static void
create_a_second(void)
{
	create_a(1);
}

static void
create_a_third(void)
{
	create_a(2);
}

static void
create_a_and_b(void)
{
	create_a(0);
	cprom_counter_inc(cprom_labels(parent, "b"));
}

static void
create_b_and_a(void)
{
	cprom_counter_inc(cprom_labels(parent, "b"));
	create_a(1);
}

static void
check_two_same(void)
{
	EXPECT(got[0] == got[1]);
	EXPECT(IS(value_of("a"), 2));
	check_series(1);
	close_registry();
}

static void
check_three_same(void)
{
	EXPECT(got[0] == got[1] && got[1] == got[2]);
	EXPECT(IS(value_of("a"), 3));
	check_series(1);
	close_registry();
}

static void
check_two_of_two(void)
{
	EXPECT(got[0] == got[1]);
	EXPECT(IS(value_of("a"), 2) && IS(value_of("b"), 2));
	check_series(2);
	close_registry();
}

/* One has the place that there is, or both, as they came at the same time; nothing is lost. */
static void
create_b(void)
{
	cprom_counter *c = cprom_labels(parent, "b");

	EXPECT(c != NULL);
	cprom_counter_inc(c);
	got[1] = c;
}

static void
check_limit(void)
{
	double a, b, overflow;
	uint32_t made;

	page_read(r, page);
	a = page_value(page, "x{l=\"a\"}");
	b = page_value(page, "x{l=\"b\"}");
	overflow = page_value(page, "x{l=\"overflow\"}");
	made = !IS_NAN(a) + !IS_NAN(b);
	EXPECT(made > 0 && load_relaxed(&r->series) == made);
	EXPECT((IS_NAN(a) || IS(a, 1)) && (IS_NAN(b) || IS(b, 1)));
	EXPECT(made == 2 ? IS_NAN(overflow) : IS(overflow, 1));
	close_registry();
}

/* ---- scrapes ------------------------------------------------------------------------------- */

static void
scrape(void)
{
	page_read(r, page);
}

static void
scrape_with_stable(void)
{
	page_read(r, page);
	EXPECT(IS(page_value(page, "x{l=\"s\"}"), 7));
}

/* What counters show never goes down. */
static void
scrape_twice(void)
{
	double first, second;

	page_read(r, page);
	first = page_value(page, "x{l=\"a\"}");
	page_read(r, page);
	second = page_value(page, "x{l=\"a\"}");
	EXPECT(IS_NAN(first) || second >= first);
}

static void
check_created_and_scraped(void)
{
	EXPECT(IS(value_of("a"), 1) && IS(value_of("b"), 1));
	check_series(2);
	close_registry();
}

/* ---- remove ----------------------------------------------------------------------------------- */

static void
remove_a(unsigned t)
{
	results[t] = cprom_remove(parent, "a");
}

static void
remove_a_first(void)
{
	remove_a(0);
}

static void
remove_a_second(void)
{
	remove_a(1);
}

static void
remove_and_create_a(void)
{
	remove_a(0);
	create_a(0);
}

static void
remove_and_create_a_second(void)
{
	remove_a(1);
	create_a(1);
}

/* The look-up came before the removal, and the series is gone; or after it, and it is new. */
static void
check_removed(void)
{
	double a;

	EXPECT(results[0] == 0);
	page_read(r, page);
	EXPECT(IS(page_value(page, "x{l=\"s\"}"), 7));
	a = page_value(page, "x{l=\"a\"}");
	EXPECT(IS_NAN(a) ? got[1] == child : IS(a, 1) && got[1] == cprom_labels(parent, "a"));
	check_series(IS_NAN(a) ? 1 : 2);
	close_registry();
}

static void
check_recreated(void)
{
	EXPECT(results[0] == 0);
	EXPECT(got[0] == cprom_labels(parent, "a"));
	EXPECT(IS(value_of("a"), 1 + (got[0] == got[1])));
	check_series(2);
	close_registry();
}

static void
clear_all(void)
{
	results[0] = cprom_clear(parent);
	results[1] = (int)cprom_remove_matching(parent, "l", "a");
}

/*
 * Either child of the other thread is there, if it was made behind the clearing, or is not.
 * If one was taken away before it was counted in, its count may be in the one made next.
 */
static void
check_cleared(void)
{
	double a, b;

	EXPECT(results[0] == 0 && results[1] >= 0);
	page_read(r, page);
	a = page_value(page, "x{l=\"a\"}");
	b = page_value(page, "x{l=\"b\"}");
	EXPECT((IS_NAN(a) || IS(a, 1)) && (IS_NAN(b) || IS(b, 1) || (IS(b, 2) && IS_NAN(a))));
	check_series(!IS_NAN(a) + !IS_NAN(b));
	close_registry();
}

static void
check_created_or_removed(void)
{
	double a;

	page_read(r, page);
	a = page_value(page, "x{l=\"a\"}");
	EXPECT(IS_NAN(a) == (results[1] == 0) && (IS_NAN(a) || IS(a, 1)));
	check_series(!IS_NAN(a));
	close_registry();
}

static void
check_removed_once(void)
{
	EXPECT((results[0] == 0) + (results[1] == 0) == 1);
	check_series(1);
	close_registry();
}

/* Each removal that succeeded took one series away; who created last has the one that is there. */
static void
check_both_recreated(void)
{
	cprom_counter *last;
	double a;

	EXPECT(results[0] == 0 || results[1] == 0);
	page_read(r, page);
	a = page_value(page, "x{l=\"a\"}");
	last = cprom_labels(parent, "a");
	EXPECT(!IS_NAN(a) && (got[0] == last || got[1] == last));
	EXPECT(IS(a, (got[0] == last) + (got[1] == last)));
	check_series(2);
	close_registry();
}

/* ---- reclamation -------------------------------------------------------------------------------- */

/* Removes a and makes its memory the next series'. */
static void
remove_a_create_b(void)
{
	struct epoch_guard g;

	remove_a(0);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&r->epoch);
	EXPECT(cpromi_epoch_enter(&r->epoch, &g));
	cpromi_epoch_leave(&g);
	got[0] = cprom_labels(parent, "b");
	EXPECT(got[0] != NULL);
	cprom_counter_inc(got[0]);
}

/* An update through a handle that is removed meanwhile may count in b, but only there. */
static void
check_reclaimed(void)
{
	double b = value_of("b");

	EXPECT(results[0] == 0);
	EXPECT(IS(b, 1) || (IS(b, 2) && got[1] == got[0]));
	EXPECT(IS(value_of("s"), 7));
	close_registry();
}

/* ---- lanes --------------------------------------------------------------------------------------- */

static void
count_stable(void)
{
	cprom_counter_inc(stable);
	cprom_counter_add(stable, 0.5);
	cprom_counter_inc(stable);
}

static void
scrape_stable_twice(void)
{
	double first, second;

	page_read(r, page);
	first = page_value(page, "x{l=\"s\"}");
	page_read(r, page);
	second = page_value(page, "x{l=\"s\"}");
	EXPECT(first <= second && second <= 5);
}

static void
check_counted(void)
{
	EXPECT(IS(cprom_counter_value(stable), 5));
	check_series(1);
	close_registry();
}

/* ---- histogram and summary --------------------------------------------------------------------------- */

static void
open_histogram(unsigned lanes)
{
	open_registry(lanes);
	histogram = cprom_histogram_new("h", "h", .buckets = CPROM_BUCKETS(1), .registry = r);
	summary = cprom_summary_new("q", "h", .quantiles = CPROM_QUANTILES(0.5), .max_age = 1,
				    .age_buckets = 1, .registry = r);
	EXPECT(histogram != NULL && summary != NULL);
	machine_thread_exit();
}

static void
setup_histogram(void)
{
	open_histogram(3);
}

static void
setup_shared_histogram(void)
{
	open_histogram(1);
}

/* Notes whether the reader ran while an observation was half done: then it may tear it. */
static void
observe_whole(double v)
{
	machine_point();
	steps_before = machine_steps(1);
	inside = true;
	cprom_histogram_observe(histogram, v);
	inside = false;
	torn |= machine_steps(1) != steps_before;
}

static void
observe_two(void)
{
	observe_whole(1);
	observe_whole(2);
}

static void
observe_one(void)
{
	cprom_histogram_observe(histogram, 4);
}

static void
read_snapshot(void)
{
	uint64_t counts[2], scratch[4];
	double sum;

	cpromi_snapshot((const struct handle *)histogram, &sum, counts, scratch);
	EXPECT(counts[0] <= 1 && counts[1] <= 1);
	results[1] = !IS(sum, (double)counts[0] + 2 * (double)counts[1]);
	EXPECT(!results[1] || torn || inside);
}

static void
check_histogram(void)
{
	EXPECT(IS(cprom_histogram_sum(histogram), 3) && cprom_histogram_count(histogram) == 2);
	page_read(r, page);
	EXPECT(IS(page_value(page, "h_bucket{le=\"1\"}"), 1));
	EXPECT(IS(page_value(page, "h_sum"), 3) && IS(page_value(page, "h_count"), 2));
	close_registry();
}

static void
check_histograms(void)
{
	EXPECT(IS(cprom_histogram_sum(histogram), 12) && cprom_histogram_count(histogram) == 3);
	close_registry();
}

static void
observe_four(void)
{
	observe_one();
}

static void
scrape_histogram(void)
{
	double count;

	page_read(r, page);
	count = page_value(page, "h_count");
	EXPECT(IS(count, page_value(page, "h_bucket{le=\"+Inf\"}")) && count <= 3);
}

#define SLICE 1000000000u
#define OLD 1.0
#define NEW 1.25 /* in the same leaf */

/* The window turns: the slot of the first is that of the second. */
static void
observe_window(void)
{
	cpromi_sketch_observe((struct series *)summary, OLD, 10 * (uint64_t)SLICE);
	cpromi_sketch_observe((struct series *)summary, NEW, 12 * (uint64_t)SLICE);
	cpromi_sketch_observe((struct series *)summary, NEW, 12 * (uint64_t)SLICE);
}

static void
observe_new_window(void)
{
	cpromi_sketch_observe((struct series *)summary, NEW, 12 * (uint64_t)SLICE);
}

static double
quantile_of_window(void)
{
	double q = 0.01, value;

	cpromi_sketch_quantiles((struct series *)summary, &q, 1, 12 * (uint64_t)SLICE, &value);
	return value;
}

static bool
is_near(double value, double wanted)
{
	return value > wanted * 0.98 && value < wanted * 1.02;
}

/* Never what left the window. */
static void
read_window(void)
{
	double value = quantile_of_window();

	EXPECT(IS_NAN(value) || is_near(value, NEW));
}

/* Nor what came after it. */
static void
read_old_window(void)
{
	double q = 0.99, value;

	cpromi_sketch_quantiles((struct series *)summary, &q, 1, 10 * (uint64_t)SLICE, &value);
	EXPECT(IS_NAN(value) || is_near(value, OLD));
}

static void
check_window(void)
{
	EXPECT(is_near(quantile_of_window(), NEW));
	close_registry();
}

/* ---- families ------------------------------------------------------------------------------------------- */

static void
setup_registry(void)
{
	open_registry(4);
	machine_thread_exit();
}

static void
register_counter(unsigned t)
{
	cprom_counter *c = cprom_counter_new("x", "h", .registry = r);

	got[t] = c;
	cprom_counter_inc(c);
}

static void
register_first(void)
{
	register_counter(0);
}

static void
register_second(void)
{
	register_counter(1);
}

static void
register_gauge(void)
{
	got[2] = cprom_gauge_new("x", "h", .registry = r);
}

static void
register_histogram(void)
{
	got[1] = cprom_histogram_new("x", "h", .buckets = CPROM_BUCKETS(1), .registry = r);
}

static void
register_count(void)
{
	got[0] = cprom_counter_new("x_count", "h", .registry = r);
}

static void
check_registered(void)
{
	bool counter = got[0] != NULL;

	EXPECT(got[0] == got[1] && counter == (got[2] == NULL));
	page_read(r, page);
	EXPECT(IS(page_value(page, "x"), counter ? 2 : 0));
	EXPECT(load_relaxed(&r->family_count) == 1 && load_relaxed(&r->series) == 1);
	EXPECT((strstr(page, "# TYPE x counter") != NULL) == counter);
	close_registry();
}

static void
check_collision(void)
{
	EXPECT((got[0] != NULL) != (got[1] != NULL));
	page_read(r, page);
	EXPECT(load_relaxed(&r->family_count) == 1);
	close_registry();
}

static void
unregister_first(void)
{
	results[0] = cprom_unregister(parent);
}

static void
create_b_or_fail(void)
{
	cprom_counter *c = cprom_labels(parent, "b");

	cprom_counter_inc(c);
	got[1] = c;
}

static void
advance_thrice(void)
{
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&r->epoch);
}

static void
register_other(void)
{
	got[1] = cprom_gauge_new("y", "h", .registry = r);
	EXPECT(got[1] != NULL);
}

static void
check_other(void)
{
	EXPECT(results[0] == 0);
	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&r->epoch);
	page_read(r, page);
	EXPECT(IS(page_value(page, "y"), 0) && strstr(page, "x{") == NULL);
	EXPECT(load_relaxed(&r->family_count) == 1 && load_relaxed(&r->series) == 1);
	parent = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r);
	EXPECT(cprom_counter_new("z", "h", .labels = CPROM_LABELS("l"), .registry = r) != parent);
	close_registry();
}

static void
unregister_and_advance(void)
{
	unregister_first();
	advance_thrice();
}

/* No series outlives its family. */
static void
check_unregistered(void)
{
	EXPECT(results[0] == 0);
	page_read(r, page);
	EXPECT(page[0] == '\0');
	EXPECT(load_relaxed(&r->family_count) == 0);
	EXPECT(load_relaxed(&r->series) == 0 && load_relaxed(&r->table.count) == 0);
	EXPECT(cprom_labels(parent, "c") == NULL);
	close_registry();
}

static void
unregister_and_register(void)
{
	unregister_first();
	got[0] = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r);
	EXPECT(got[0] != NULL);
	cprom_counter_inc(cprom_labels((cprom_counter *)got[0], "a"));
}

/* What the old handle made is gone with the old family, unless the new one has its memory. */
static void
check_registered_again(void)
{
	double a;

	EXPECT(results[0] == 0);
	page_read(r, page);
	a = page_value(page, "x{l=\"a\"}");
	EXPECT(IS(a, 1) && IS_NAN(page_value(page, "x{l=\"s\"}")));
	EXPECT(IS_NAN(page_value(page, "x{l=\"b\"}")));
	EXPECT(load_relaxed(&r->family_count) == 1 && load_relaxed(&r->series) == 1);
	close_registry();
}

static void
unregister_advance_register(void)
{
	unregister_first();
	advance_thrice();
	got[0] = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r);
	EXPECT(got[0] != NULL);
	cprom_counter_inc(cprom_labels((cprom_counter *)got[0], "a"));
}

/* The old handle may have made a child of the new family, for that has its memory. */
static void
check_registered_in_place(void)
{
	bool has_b;
	double a;

	EXPECT(results[0] == 0);
	page_read(r, page);
	has_b = !IS_NAN(page_value(page, "x{l=\"b\"}"));
	a = page_value(page, "x{l=\"a\"}");
	EXPECT(IS_NAN(page_value(page, "x{l=\"s\"}")) && (!has_b || got[0] == parent));
	/* Or the old handle's child is this one now, and was counted in meanwhile. */
	EXPECT(IS(a, 1) || (IS(a, 2) && got[1] == cprom_labels((cprom_counter *)got[0], "a")));
	EXPECT(load_relaxed(&r->family_count) == 1);
	EXPECT(load_relaxed(&r->series) == 1u + has_b);
	close_registry();
}

/* ---- without memory --------------------------------------------------------------------------------------- */

#define SEGMENT_BYTES (INDEX_INLINE * sizeof(atomic_ptr))

/* The next series finds no place: its index has to grow, and its first segment is not free. */
static void
setup_no_memory(void)
{
	struct series *s;

	setup_parent();
	EXPECT(cprom_labels(parent, "overflow") != NULL);
	EXPECT(cprom_labels(parent, "1") != NULL && cprom_labels(parent, "2") != NULL);
	s = cpromi_series_make((struct family *)parent, CPROM_STRINGS("a"));
	got[3] = cpromi_region_alloc(&r->region, SEGMENT_BYTES);
	for (size_t n = (size_t)1 << 16; n > 0; n = n > 1024 ? n / 2 : n - 16)
		while (cpromi_region_alloc(&r->region, n) != NULL)
			;
	cpromi_series_reclaim(r, s);
	machine_thread_exit();
}

static void
look_up_first(void)
{
	got[0] = cprom_labels(parent, "a");
}

static void
free_and_look_up(void)
{
	cpromi_region_free(&r->region, got[3], SEGMENT_BYTES);
	got[1] = cprom_labels(parent, "a");
}

/* Whoever got more than the overflow child got what is in the page. */
static void
check_found_place(void)
{
	void *overflow = cprom_labels(parent, "overflow");

	page_read(r, page);
	for (int i = 0; i < 2; i++) {
		EXPECT(got[i] != NULL);
		EXPECT(got[i] == overflow || !IS_NAN(page_value(page, "x{l=\"a\"}")));
		EXPECT(got[i] == overflow || got[i] == cprom_labels(parent, "a"));
	}
	close_registry();
}

/* ---- callbacks -------------------------------------------------------------------------------------------- */

static EXPLORE_STATE unsigned running_callbacks, released;

static void
collect(cprom_sink *out, void *arg)
{
	(void)arg;
	EXPECT(released == 0);
	running_callbacks++;
	machine_point();
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "c", "h");
	cprom_sink_sample(out, 1);
	running_callbacks--;
}

static void
release(void *arg)
{
	(void)arg;
	EXPECT(running_callbacks == 0);
	released++;
}

static void
setup_collector(void)
{
	open_registry(4);
	got[3] = cprom_collector_new(collect, NULL, .registry = r, .release = release);
	EXPECT(got[3] != NULL);
	machine_thread_exit();
}

static void
unregister_collector(void)
{
	cprom_collector_unregister(got[3]);
	advance_thrice();
}

static void
collect_other(cprom_sink *out, void *arg)
{
	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "d", "h");
	cprom_sink_sample(out, 1);
}

static void
replace_collector(void)
{
	unregister_collector();
	EXPECT(cprom_collector_new(collect_other, NULL, .registry = r) != NULL);
}

static EXPLORE_STATE bool is_nested;
static EXPLORE_STATE char inner_page[PAGE_BYTES];

/* A scrape of its own registry inside: the same collector may run in that, too. */
static void
collect_nested(cprom_sink *out, void *arg)
{
	EXPECT(released == 0);
	running_callbacks++;
	if (!is_nested) {
		is_nested = true;
		page_read(r, inner_page);
		machine_point();
	}
	collect(out, arg);
	running_callbacks--;
}

static void
setup_nested_collector(void)
{
	open_registry(2);
	got[3] = cprom_collector_new(collect_nested, NULL, .registry = r, .release = release);
	EXPECT(got[3] != NULL);
	machine_thread_exit();
}

static void
unregister_only(void)
{
	cprom_collector_unregister(got[3]);
}

static void
check_replaced(void)
{
	EXPECT(released == 1);
	page_read(r, page);
	EXPECT(IS(page_value(page, "d"), 1) && IS_NAN(page_value(page, "c")));
	close_registry();
}

static void
check_released(void)
{
	EXPECT(released == 1);
	page_read(r, page);
	EXPECT(page[0] == '\0');
	close_registry();
}

const struct program metric_programs[] = {
	{"create-same",
	 "two get or create the same labels",
	 setup_parent,
	 {create_a_first, create_a_second},
	 check_two_same,
	 .progress = 600,
	 .depth = {2, 2, 1}},
	{"create-three",
	 "three get or create the same labels",
	 setup_parent,
	 {create_a_first, create_a_second, create_a_third},
	 check_three_same,
	 .progress = 900,
	 .depth = {1, 1, 0}},
	{"create-crossed",
	 "two create the same two in opposite order",
	 setup_parent,
	 {create_a_and_b, create_b_and_a},
	 check_two_of_two,
	 .progress = 900,
	 .depth = {2, 1, 0}},
	{"create-limited",
	 "two create different labels where one is allowed",
	 setup_limited,
	 {create_a_first, create_b},
	 check_limit,
	 .progress = 600,
	 .depth = {2, 2, 1}},
	{"create-no-memory",
	 "get or create the same labels, while memory for it is freed",
	 setup_no_memory,
	 {look_up_first, free_and_look_up},
	 check_found_place,
	 .depth = {2, 1, 0}},
	{"create-scrape",
	 "create against scrapes",
	 setup_parent,
	 {create_a_and_b, scrape_twice},
	 check_created_and_scraped,
	 .progress = 900,
	 .depth = {2, 1, 1}},
	{"create-remove",
	 "create against remove of the same labels",
	 setup_parent,
	 {create_a_first, remove_a_second},
	 check_created_or_removed,
	 .progress = 600,
	 .depth = {3, 2, 1}},
	{"create-clear",
	 "create against clear and remove matching",
	 setup_children,
	 {clear_all, create_a_and_b},
	 check_cleared,
	 .progress = 900,
	 .depth = {2, 1, 0}},
	{"create-clear-reuse",
	 "the same where places are used again",
	 setup_reusing,
	 {clear_all, create_a_and_b},
	 check_cleared,
	 .progress = 1500,
	 .depth = {2, 1, 0}},
	{"remove-lookup-scrape",
	 "remove, look up and scrape",
	 setup_children,
	 {remove_a_first, create_a_second, scrape_with_stable},
	 check_removed,
	 .progress = 900,
	 .depth = {2, 1, 0}},
	{"remove-lookup",
	 "remove against look up",
	 setup_advancing,
	 {remove_a_first, create_a_second},
	 check_removed,
	 .progress = 600,
	 .depth = {2, 2, 1}},
	{"remove-twice",
	 "two remove the same labels",
	 setup_children,
	 {remove_a_first, remove_a_second},
	 check_removed_once,
	 .progress = 600,
	 .depth = {3, 2, 1}},
	{"remove-create",
	 "remove and create again against look up",
	 setup_children,
	 {remove_and_create_a, create_a_second},
	 check_recreated,
	 .progress = 900,
	 .depth = {2, 2, 1}},
	{"remove-create-scrape",
	 "the same against a scrape",
	 setup_children,
	 {remove_and_create_a, create_a_second, scrape_with_stable},
	 check_recreated,
	 .progress = 1200,
	 .depth = {1, 1, 0}},
	{"remove-create-both",
	 "two remove and create again",
	 setup_children,
	 {remove_and_create_a, remove_and_create_a_second},
	 check_both_recreated,
	 .progress = 900,
	 .depth = {2, 1, 1}},
	{"reclaim-lookup",
	 "memory is used again against a look-up that stands on it",
	 setup_children,
	 {remove_a_create_b, create_a_second},
	 check_reclaimed,
	 .progress = 900,
	 .depth = {2, 2, 1}},
	{"reclaim-scrape",
	 "memory is used again against a scrape",
	 setup_children,
	 {remove_a_create_b, scrape_with_stable},
	 check_reclaimed,
	 .progress = 900,
	 .depth = {2, 1, 1}},
	{"overflow-lane",
	 "two threads, one lane, whole numbers and fractions",
	 setup_one_lane,
	 {count_stable, count_stable},
	 check_counted,
	 .progress = 600,
	 .depth = {2, 2, 1}},
	{"overflow-both",
	 "two threads without a lane",
	 setup_no_lane,
	 {count_stable, count_stable},
	 check_counted,
	 .progress = 600,
	 .depth = {2, 2, 1}},
	{"overflow-lane-scrape",
	 "the same against scrapes",
	 setup_one_lane,
	 {count_stable, count_stable, scrape_stable_twice},
	 check_counted,
	 .progress = 900,
	 .depth = {1, 1, 0}},
	{"histogram",
	 "observe against snapshot",
	 setup_histogram,
	 {observe_two, read_snapshot},
	 check_histogram,
	 .progress = 2000,
	 .depth = {2, 2, 1}},
	{"histogram-overflow",
	 "three observe in one lane and the overflow lane, and a scrape",
	 setup_shared_histogram,
	 {observe_one, observe_four, observe_one, scrape_histogram},
	 check_histograms,
	 .progress = 2000,
	 .depth = {1, 0, 0}},
	{"summary-window",
	 "the window turns against a quantile",
	 setup_histogram,
	 {observe_window, read_window},
	 check_window,
	 .progress = 2000,
	 .depth = {1, 1, 0}},
	{"summary-window-left",
	 "the window turns away from a quantile",
	 setup_histogram,
	 {observe_window, read_old_window},
	 check_window,
	 .progress = 2000,
	 .depth = {1, 1, 0}},
	{"summary-window-overflow",
	 "the same with an observer in the overflow lane",
	 setup_shared_histogram,
	 {observe_window, observe_new_window, read_window},
	 check_window,
	 .progress = 3000,
	 .depth = {1, 0, 0}},
	{"register",
	 "the same family twice and one that conflicts",
	 setup_registry,
	 {register_first, register_second, register_gauge},
	 check_registered,
	 .progress = 900,
	 .depth = {1, 0, 0}},
	{"register-collision",
	 "families whose samples collide",
	 setup_registry,
	 {register_count, register_histogram},
	 check_collision,
	 .progress = 900,
	 .depth = {2, 1, 0}},
	{"unregister-scrape",
	 "unregister against a scrape",
	 setup_children,
	 {unregister_and_advance, scrape},
	 check_unregistered,
	 .progress = 900,
	 .depth = {2, 1, 1}},
	{"unregister-create",
	 "unregister against create",
	 setup_children,
	 {unregister_first, create_b_or_fail},
	 check_unregistered,
	 .progress = 900,
	 .depth = {2, 2, 1}},
	{"unregister-register",
	 "unregister against a registration that walks past",
	 setup_children,
	 {unregister_first, register_other},
	 check_other,
	 .progress = 900,
	 .depth = {2, 2, 1}},
	{"unregister-create-scrape",
	 "unregister against create and scrape",
	 setup_children,
	 {unregister_first, create_b_or_fail, scrape},
	 check_unregistered,
	 .progress = 900,
	 .depth = {1, 1, 0}},
	{"register-again",
	 "unregister and register again against an old handle",
	 setup_children,
	 {unregister_and_register, create_b_or_fail},
	 check_registered_again,
	 .progress = 1200,
	 .depth = {2, 1, 1}},
	{"register-in-place",
	 "the same where the memory is used again",
	 setup_children,
	 {unregister_advance_register, create_b_or_fail},
	 check_registered_in_place,
	 .progress = 1200,
	 .depth = {2, 1, 0}},
	{"collector",
	 "unregister a collector that may be running",
	 setup_collector,
	 {unregister_collector, scrape},
	 check_released,
	 .progress = 900,
	 .depth = {2, 1, 1}},
	{"collector-again",
	 "the same, and another takes its place",
	 setup_collector,
	 {replace_collector, scrape},
	 check_replaced,
	 .progress = 900,
	 .depth = {2, 1, 1}},
	{"collector-nested",
	 "unregister a collector that may be running inside itself",
	 setup_nested_collector,
	 {unregister_only, scrape},
	 check_released,
	 .progress = 1200,
	 .depth = {2, 1, 1}},
	{0},
};
