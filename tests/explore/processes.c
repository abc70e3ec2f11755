/* SPDX-License-Identifier: MIT */
/*
 * processes: programs over the public calls, in a registry that processes share.
 *
 * Process 0 sets up, forks 1 and 2, and checks; the first of them may be killed at any
 * operation. What it does it notes before and after: `begun` and `done` bound what must be
 * found of it.
 */
#include "atomic.h"
#include "machine.h"
#include "native.h"
#include "page.h"
#include "part.h"
#include "registry.h"
#include "sketch.h"

static cprom_registry *r;
static cprom_counter *parent, *plain;
static cprom_gauge *gauge;
static cprom_histogram *histogram;
static cprom_summary *summary;
static unsigned gauge_mode;

static EXPLORE_STATE double begun, done;
static EXPLORE_STATE void *got[2];
static EXPLORE_STATE int results[2];
static EXPLORE_STATE char page[PAGE_BYTES];

#define IS(value, x) ((value) == (x))
#define IS_NAN(value) ((value) != (value))

/* ---- setting up ---------------------------------------------------------------------- */

static void
open_registry(unsigned lanes)
{
	r = cprom_registry_new(.shared = 1, .max_bytes = 512 << 10, .max_lanes = lanes);
	EXPECT(r != NULL);
	parent = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r);
	plain = cprom_counter_new("p", "h", .registry = r);
	EXPECT(parent != NULL && plain != NULL);
}

static void
fork_workers(void)
{
	machine_thread_exit();
	machine_fork(1);
	machine_fork(2);
}

static void
setup_counters(void)
{
	open_registry(2);
	cprom_counter_inc(cprom_labels(parent, "a"));
	fork_workers();
}

static void
setup_one_lane(void)
{
	open_registry(1);
	fork_workers();
}

static void
setup_empty(void)
{
	open_registry(2);
	fork_workers();
}

static void
setup_gauge(enum cprom_multiprocess_mode mode, unsigned lanes)
{
	open_registry(lanes);
	gauge_mode = mode;
	gauge = cprom_gauge_new("g", "h", .registry = r, .multiprocess_mode = mode);
	EXPECT(gauge != NULL);
	fork_workers();
}

static void
setup_sum(void)
{
	setup_gauge(CPROM_GAUGE_SUM, 2);
}

static void
setup_live_sum(void)
{
	setup_gauge(CPROM_GAUGE_LIVE_SUM, 2);
}

/* A place for each thread, if all of them find one before the first is noted. */
static void
setup_places(void)
{
	setup_gauge(CPROM_GAUGE_LIVE_SUM, 4);
}

/* One place, which the second takes over from the first, or has to do without. */
static void
setup_one_place(void)
{
	open_registry(1);
	gauge_mode = CPROM_GAUGE_SUM;
	gauge = cprom_gauge_new("g", "h", .registry = r, .multiprocess_mode = CPROM_GAUGE_SUM);
	EXPECT(gauge != NULL);
	fork_workers();
}

static void
setup_observed(void)
{
	open_registry(1);
	histogram = cprom_histogram_new("h", "h", .buckets = CPROM_BUCKETS(1), .registry = r);
	summary = cprom_summary_new("q", "h", .quantiles = CPROM_QUANTILES(0.5), .max_age = 1,
				    .age_buckets = 1, .registry = r);
	EXPECT(histogram != NULL && summary != NULL);
	fork_workers();
}

/* ---- afterwards ------------------------------------------------------------------------ */

static bool
was_killed(void)
{
	return machine_killed(0) && results[0] == 0;
}

/* The dead hinder nobody: the epoch goes on, what was retired comes back, seats are free. */
static void
check_life_goes_on(void)
{
	uint64_t before = load_relaxed(&r->epoch.global);

	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&r->epoch);
	EXPECT(load_relaxed(&r->epoch.global) == before + 4);
	for (int i = 0; i < 3; i++)
		EXPECT((uint32_t)load_relaxed(&r->epoch.retired[i]) == 0);
	EXPECT(cpromi_lane_own(&r->lanes) != LANE_OVERFLOW);
	machine_thread_exit();
	for (uint32_t i = 0; i < r->lanes.max; i++)
		EXPECT(load_relaxed(&r->lanes.row.seats[i].owner) == 0 ||
		       cpromi_seat_reap(&r->lanes.row.seats[i]));
	cprom_registry_free(r);
	machine_thread_exit();
	EXPECT(machine_mapped() == 0);
}

/* All can be created, counted, shown and removed as if nothing had happened. */
static void
check_family(cprom_counter *family, const char *sample_a)
{
	cprom_counter *a = cprom_labels(family, "a");
	double before;

	EXPECT(a != NULL && cprom_labels(family, "a") == a);
	before = cprom_counter_value(a);
	cprom_counter_inc(a);
	page_read(r, page);
	EXPECT(IS(page_value(page, sample_a), before + 1));
	EXPECT(cprom_remove(family, "a") == 0);
	page_read(r, page);
	EXPECT(IS_NAN(page_value(page, sample_a)));
	EXPECT(cprom_labels(family, "a") != NULL);
	page_read(r, page);
	EXPECT(IS(page_value(page, sample_a), 0));
}

/* ---- counting ---------------------------------------------------------------------------- */

static void
add(cprom_counter *c, double v)
{
	begun += v;
	cprom_counter_add(c, v);
	done += v;
}

static void
count_and_die(void)
{
	add(plain, 1);
	add(plain, 0.5);
	add(plain, 2);
	results[0] = 1;
}

static void
count(void)
{
	cprom_counter_add(plain, 16);
	cprom_counter_add(plain, 0.25);
	cprom_counter_add(plain, 32);
	results[1] = 1;
}

static void
check_counted(void)
{
	double value = cprom_counter_value(plain);

	EXPECT(results[1] == 1);
	EXPECT(was_killed() || IS(begun, 3.5));
	EXPECT(IS(value, done + 48.25) || IS(value, begun + 48.25));
	check_life_goes_on();
}

/* ---- creating and removing ------------------------------------------------------------------ */

static void
create_and_die(void)
{
	got[0] = cprom_labels(parent, "a");
	EXPECT(got[0] != NULL);
	add(got[0], 1);
	results[0] = 1;
}

static void
create(void)
{
	got[1] = cprom_labels(parent, "a");
	EXPECT(got[1] != NULL);
	cprom_counter_inc(got[1]);
}

/* A process that died between being counted in and linking its series is counted for ever. */
static void
check_series_count(uint32_t lines)
{
	uint32_t series = load_relaxed(&r->series);

	EXPECT(series == lines || (was_killed() && series <= lines + 1 && series + 1 >= lines));
}

static void
check_created(void)
{
	double value = cprom_counter_value(got[1]);

	page_read(r, page);
	EXPECT(cprom_labels(parent, "a") == got[1] && (got[0] == NULL || got[0] == got[1]));
	EXPECT(IS(page_value(page, "x{l=\"a\"}"), value));
	EXPECT(IS(value, done + 1) || IS(value, begun + 1));
	check_series_count(2);
	check_family(parent, "x{l=\"a\"}");
	check_life_goes_on();
}

static void
remove_and_die(void)
{
	cprom_remove(parent, "a");
	results[0] = 1;
}

/* It has 1 of before, or is new. */
static void
check_removed(void)
{
	double a;

	page_read(r, page);
	a = page_value(page, "x{l=\"a\"}");
	EXPECT(IS_NAN(a) || IS(a, 1) || IS(a, 2));
	EXPECT(IS_NAN(a) || cprom_labels(parent, "a") == got[1]);
	check_series_count(1 + !IS_NAN(a));
	check_family(parent, "x{l=\"a\"}");
	check_life_goes_on();
}

static void
remove_create_and_die(void)
{
	cprom_remove(parent, "a");
	create_and_die();
}

static void
remove_and_create(void)
{
	cprom_remove(parent, "a");
	create();
}

static void
check_recreated(void)
{
	page_read(r, page);
	check_family(parent, "x{l=\"a\"}");
	check_life_goes_on();
}

/* ---- epochs ------------------------------------------------------------------------------------ */

/* Retires, and goes on to where that comes back, as far as the other lets it. */
static void
remove_and_advance(void)
{
	cprom_remove(parent, "a");
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&r->epoch);
	cprom_counter_inc(cprom_labels(parent, "b"));
}

static void
look_up_and_die(void)
{
	cprom_counter *c = cprom_labels(parent, "a");

	EXPECT(c != NULL);
	results[0] = 1;
}

static void
check_advanced(void)
{
	EXPECT(cprom_counter_value(cprom_labels(parent, "b")) >= 1);
	check_family(parent, "x{l=\"a\"}");
	check_life_goes_on();
}

/* ---- families ------------------------------------------------------------------------------------ */

static void
register_and_die(void)
{
	got[0] = cprom_counter_new("y", "h", .labels = CPROM_LABELS("l"), .registry = r);
	EXPECT(got[0] != NULL);
	results[0] = 1;
}

static void
register_family(void)
{
	got[1] = cprom_counter_new("y", "h", .labels = CPROM_LABELS("l"), .registry = r);
	EXPECT(got[1] != NULL);
}

static void
check_registered(void)
{
	EXPECT(got[0] == NULL || got[0] == got[1]);
	EXPECT(cprom_counter_new("y", "h", .labels = CPROM_LABELS("l"), .registry = r) == got[1]);
	check_family(got[1], "y{l=\"a\"}");
	check_life_goes_on();
}

static void
unregister_and_die(void)
{
	cprom_unregister(parent);
	results[0] = 1;
}

static void
create_or_fail(void)
{
	cprom_counter_inc(cprom_labels(parent, "b"));
}

/* It is there, whole, or it is gone with all its series, now that a grace period is over. */
static void
check_unregistered(void)
{
	cprom_counter *again;

	cprom_unregister(parent);
	for (int i = 0; i < 6; i++)
		cpromi_epoch_advance(&r->epoch);
	page_read(r, page);
	EXPECT(strstr(page, "\nx{") == NULL && strstr(page, "# TYPE x ") == NULL);
	EXPECT(!IS_NAN(page_value(page, "p")));
	again = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r);
	EXPECT(again != NULL);
	check_family(again, "x{l=\"a\"}");
	check_life_goes_on();
}

/* ---- gauges ---------------------------------------------------------------------------------------- */

static void
change_and_die(void)
{
	begun = 1;
	cprom_gauge_inc(gauge);
	done = 1;
	begun = 3;
	cprom_gauge_add(gauge, 2);
	done = 3;
	results[0] = 1;
}

static void
change(void)
{
	cprom_gauge_add(gauge, 16);
	cprom_gauge_sub(gauge, 8);
}

/* What the dead left counts in a sum, and not in one of the living. */
static void
check_gauge(void)
{
	double value = cprom_gauge_value(gauge);

	if (gauge_mode == CPROM_GAUGE_LIVE_SUM && machine_killed(0))
		EXPECT(IS(value, 8));
	else
		EXPECT(IS(value, done + 8) || IS(value, begun + 8));
	cprom_gauge_add(gauge, 32); /* takes a place, that of the dead if there is no other */
	EXPECT(IS(cprom_gauge_value(gauge), value + 32));
	page_read(r, page);
	EXPECT(IS(page_value(page, "g"), value + 32));
	check_life_goes_on();
}

static void
read_gauge(void)
{
	double before = done, value = cprom_gauge_value(gauge);

	EXPECT(IS(value, 0) || IS(value, 1) || IS(value, 3));
	EXPECT(value <= begun && (value >= before || !machine_is_sc()));
}

/* ---- the place of a process ---------------------------------------------------------------------------- */

/* Each thread adds a bit of its own, once. */
static void
add_1(void)
{
	cprom_gauge_add(gauge, 1);
}

static void
add_2(void)
{
	cprom_gauge_add(gauge, 2);
}

static void
add_4(void)
{
	cprom_gauge_add(gauge, 4);
}

static void
add_8(void)
{
	cprom_gauge_add(gauge, 8);
}

/* Of the two processes each has one place, and what all threads added is there. */
static void
check_settled(void)
{
	uint64_t first = 0;
	unsigned taken = 0;

	for (uint32_t i = 0; i < r->lanes.max; i++) {
		uint64_t owner = load_relaxed(&r->lanes.places[i]);

		EXPECT(owner == 0 || owner != first);
		first = first == 0 ? owner : first;
		taken += owner != 0;
	}
	EXPECT(taken == 2);
	EXPECT(IS(cprom_gauge_value(gauge), 15));
	page_read(r, page);
	EXPECT(IS(page_value(page, "g"), 15));
	check_life_goes_on();
}

/* ---- histograms and summaries ------------------------------------------------------------------------- */

static void
observe_and_die(void)
{
	begun = 1;
	cprom_histogram_observe(histogram, 1);
	done = 1;
	results[0] = 1;
}

static void
observe(void)
{
	cprom_histogram_observe(histogram, 2);
	cprom_histogram_observe(histogram, 4);
}

/* Of the dead's last observation the sum or the bucket may be missing, no more. */
static void
check_observed(void)
{
	double sum = cprom_histogram_sum(histogram),
	       count = (double)cprom_histogram_count(histogram);

	EXPECT(IS(sum, 6 + done) || IS(sum, 6 + begun));
	EXPECT(IS(count, 2 + done) || IS(count, 2 + begun));
	cprom_histogram_observe(histogram, 8);
	page_read(r, page);
	EXPECT(IS(page_value(page, "h_sum"), sum + 8));
	EXPECT(IS(page_value(page, "h_count"), count + 1));
	EXPECT(IS(page_value(page, "h_bucket{le=\"+Inf\"}"), count + 1));
	check_life_goes_on();
}

/* ---- native histograms -------------------------------------------------------------------------------- */

/* Three buckets, of which two are allowed, and a reset is due. */
static void
setup_native(void)
{
	machine_set_clock(1000000000u);
	open_registry(1);
	histogram = cprom_histogram_new(
		"h", "h", .registry = r, .buckets = CPROM_BUCKETS(1),
		.native = CPROM_NATIVE(.growth = 256, .max_buckets = 2, .min_reset = 1));
	EXPECT(histogram != NULL);
	cprom_histogram_observe(histogram, 1);
	cprom_histogram_observe(histogram, 2);
	cprom_histogram_observe(histogram, 300);
	machine_set_clock(10000000000u);
	fork_workers();
}

/* What a server accepts; the count. */
static uint64_t
read_native(void)
{
	_Alignas(8) char memory[4096];
	struct epoch_guard g;
	struct native_view v;
	uint64_t sum;

	EXPECT(cpromi_native_bytes(((struct handle *)histogram)->chunk->shape) <= sizeof(memory));
	EXPECT(cpromi_epoch_enter(&r->epoch, &g));
	cpromi_native_read(&v, (struct handle *)histogram, memory);
	cpromi_epoch_leave(&g);
	sum = v.zero_count;
	for (size_t i = 0; i < v.bucket_count; i++)
		sum += v.buckets[i].counts[0] + v.buckets[i].counts[1];
	EXPECT(sum == v.count && v.classic[0] <= v.count);
	return v.count;
}

static void
observe_1_and_die(void)
{
	cprom_histogram_observe(histogram, 1);
	results[0] = 1;
}

static void
observe_and_read(void)
{
	cprom_histogram_observe(histogram, 2);
	EXPECT(read_native() <= 5);
}

static void
read_and_die(void)
{
	read_native();
	results[0] = 1;
}

/* Whatever came of it, the histogram goes on. */
static void
check_native(void)
{
	uint64_t before = read_native(), after;

	before = read_native(); /* now that it was reset, if it had to be */
	cprom_histogram_observe(histogram, 1);
	cprom_histogram_observe(histogram, -2);
	after = read_native();
	EXPECT(before <= 5 && after == before + 2);
	check_life_goes_on();
}

#define SLICE 1000000000u

static void
turn_and_die(void)
{
	cpromi_sketch_observe((struct series *)summary, 1, 10 * (uint64_t)SLICE);
	cpromi_sketch_observe((struct series *)summary, 1.25, 12 * (uint64_t)SLICE);
	results[0] = 1;
}

static void
turn(void)
{
	cpromi_sketch_observe((struct series *)summary, 1.25, 12 * (uint64_t)SLICE);
}

/* What was observed while another cleared may be left out; what left the window is not there. */
static void
check_turned(void)
{
	double q = 0.01, value;

	cpromi_sketch_quantiles((struct series *)summary, &q, 1, 12 * (uint64_t)SLICE, &value);
	EXPECT(IS_NAN(value) || (value > 1.22 && value < 1.28));
	cpromi_sketch_observe((struct series *)summary, 1.25, 13 * (uint64_t)SLICE);
	cpromi_sketch_quantiles((struct series *)summary, &q, 1, 13 * (uint64_t)SLICE, &value);
	EXPECT(value > 1.22 && value < 1.28);
	check_life_goes_on();
}

#define PROCESSES(name, about, setup, check, first, second, steps, ...)                            \
	{                                                                                          \
		name, about, setup, {first, second}, check, .process = {1, 2}, .killable = 1,      \
							    .progress = (steps), .depth = {        \
								    __VA_ARGS__                    \
							    }                                      \
	}

const struct program process_programs[] = {
	PROCESSES("fork-count", "two processes count", setup_empty, check_counted, count_and_die,
		  count, 600, 2, 2, 1),
	PROCESSES("fork-count-lane", "two processes count in one lane", setup_one_lane,
		  check_counted, count_and_die, count, 600, 2, 2, 1),
	PROCESSES("fork-create", "two processes create the same labels", setup_empty, check_created,
		  create_and_die, create, 900, 2, 1, 1),
	PROCESSES("fork-remove", "one removes, one looks up", setup_counters, check_removed,
		  remove_and_die, create, 900, 2, 1, 1),
	PROCESSES("fork-recreate", "both remove and create again", setup_counters, check_recreated,
		  remove_create_and_die, remove_and_create, 1200, 2, 1, 1),
	PROCESSES("fork-epoch", "one looks up, one removes and re-uses", setup_counters,
		  check_advanced, look_up_and_die, remove_and_advance, 900, 2, 1, 1),
	PROCESSES("fork-register", "both register the same family", setup_empty, check_registered,
		  register_and_die, register_family, 1200, 1, 1, 1),
	PROCESSES("fork-unregister", "one unregisters, one creates", setup_counters,
		  check_unregistered, unregister_and_die, create_or_fail, 1200, 2, 1, 1),
	PROCESSES("fork-gauge-sum", "a gauge that remembers the dead", setup_sum, check_gauge,
		  change_and_die, change, 900, 2, 1, 1),
	PROCESSES("fork-gauge-live", "a gauge that forgets the dead", setup_live_sum, check_gauge,
		  change_and_die, change, 900, 2, 1, 1),
	PROCESSES("fork-gauge-place", "the place of the dead is taken over", setup_one_place,
		  check_gauge, change_and_die, change, 900, 2, 1, 1),
	PROCESSES("fork-gauge-read", "a gauge is read while its process dies", setup_sum,
		  check_life_goes_on, change_and_die, read_gauge, 900, 2, 1, 1),
	{"fork-gauge-settle",
	 "three threads of one process find its place, another takes one",
	 setup_places,
	 {add_1, add_2, add_4, add_8},
	 check_settled,
	 .process = {1, 1, 1, 2},
	 .depth = {1, 1, 0}},
	PROCESSES("fork-histogram", "an observer dies, another has its lane", setup_observed,
		  check_observed, observe_and_die, observe, 900, 2, 1, 1),
	PROCESSES("fork-summary", "a window's observer dies while it turns it", setup_observed,
		  check_turned, turn_and_die, turn, 3000, 1, 1, 0),
	PROCESSES("fork-native", "an observer dies before a reset", setup_native, check_native,
		  observe_1_and_die, observe_and_read, 30000, 1, 1, 0),
	PROCESSES("fork-native-reset", "a reader dies while it resets", setup_native, check_native,
		  read_and_die, observe_and_read, 30000, 1, 1, 0),
	{0},
};
