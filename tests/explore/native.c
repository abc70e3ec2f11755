/* SPDX-License-Identifier: MIT */
/*
 * native: programs over native histograms: observers against reads that limit and reset.
 *
 * Buckets grow by the factor 256, or 65536 if they have to. 1, 2 and 300 are in three of
 * the first kind and in two of the second; two are allowed.
 */
#include "native.h"
#include "atomic.h"
#include "machine.h"
#include "registry.h"

#define SECOND ((uint64_t)1000000000)
#define VIEW_BYTES 4096

static cprom_registry *r;
static cprom_histogram *parent, *histogram, *another;

static EXPLORE_STATE _Alignas(8) char memory[2][VIEW_BYTES];
static EXPLORE_STATE double shown[2]; /* counts in views of what was reset */
static EXPLORE_STATE uint32_t steps_before;
static EXPLORE_STATE bool inside, torn;

#define IS(value, x) ((value) == (x))

/* ---- setting up and taking down ------------------------------------------------------- */

static cprom_histogram *
make_child(const char *label)
{
	cprom_histogram *child = cprom_labels(parent, label);

	EXPECT(child != NULL);
	return child;
}

static void
open_native(unsigned lanes, double min_reset)
{
	machine_set_clock(SECOND);
	r = cprom_registry_new(.max_bytes = 512 << 10, .max_lanes = lanes);
	EXPECT(r != NULL);
	parent = cprom_histogram_new(
		"h", "h", .labels = CPROM_LABELS("l"), .registry = r, .buckets = CPROM_BUCKETS(1),
		.native = CPROM_NATIVE(.growth = 256, .max_buckets = 2, .min_reset = min_reset));
	EXPECT(parent != NULL);
	histogram = make_child("a");
	EXPECT(cpromi_native_bytes(((struct handle *)histogram)->chunk->shape) <= VIEW_BYTES);
}

static void
observe_three(void)
{
	cprom_histogram_observe(histogram, 1);
	cprom_histogram_observe(histogram, 2);
	cprom_histogram_observe(histogram, 300);
}

static void
setup_empty(void)
{
	open_native(3, 0);
	machine_thread_exit();
}

static void
setup_full(void)
{
	open_native(3, 0);
	observe_three();
	machine_thread_exit();
}

static void
setup_due(void)
{
	open_native(3, 1);
	observe_three();
	machine_set_clock(10 * SECOND);
	machine_thread_exit();
}

/* The one lane is the main thread's. */
static void
setup_due_no_lane(void)
{
	open_native(1, 1);
	observe_three();
	machine_set_clock(10 * SECOND);
}

static void
close_registry(void)
{
	cprom_registry_free(r);
	machine_thread_exit();
	EXPECT(machine_mapped() == 0);
}

/* ---- views ----------------------------------------------------------------------------- */

/* One that a server accepts. */
static void
read_view(struct native_view *v, cprom_histogram *m, void *own)
{
	struct epoch_guard g;
	uint64_t sum, buckets = 0;

	EXPECT(cpromi_epoch_enter(&r->epoch, &g));
	cpromi_native_read(v, (struct handle *)m, own);
	cpromi_epoch_leave(&g);
	sum = v->zero_count;
	for (size_t i = 0; i < v->bucket_count; i++) {
		EXPECT(i == 0 || v->buckets[i - 1].index < v->buckets[i].index);
		sum += v->buckets[i].counts[0] + v->buckets[i].counts[1];
		buckets += (v->buckets[i].counts[0] != 0) + (v->buckets[i].counts[1] != 0);
	}
	EXPECT(sum == v->count && v->classic[0] <= v->count && buckets <= 2);
}

static uint64_t
in_bucket(const struct native_view *v, int32_t index)
{
	for (size_t i = 0; i < v->bucket_count; i++)
		if (v->buckets[i].index == index)
			return v->buckets[i].counts[0];
	return 0;
}

/* Notes whether the reader ran while an observation was half done. */
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

/* ---- observe against read -------------------------------------------------------------- */

static void
observe_two(void)
{
	observe_whole(1);
	observe_whole(300);
}

static void
read_whole(void)
{
	struct native_view v;
	double sum;

	read_view(&v, histogram, memory[1]);
	EXPECT(v.schema == -3 && v.count <= 2);
	sum = (double)in_bucket(&v, 0) + 300 * (double)in_bucket(&v, 2);
	EXPECT((IS(v.sum, sum) && v.classic[0] == in_bucket(&v, 0)) || torn || inside);
}

static void
check_two(void)
{
	struct native_view v;

	read_view(&v, histogram, memory[0]);
	EXPECT(in_bucket(&v, 0) == 1 && in_bucket(&v, 2) == 1 && v.count == 2);
	EXPECT(v.classic[0] == 1 && IS(v.sum, 301) && cprom_histogram_count(histogram) == 2);
	close_registry();
}

/* ---- limits ------------------------------------------------------------------------------ */

/* The observation goes where the other reader did not look, if it looks no more. */
static void
limit_and_observe(void)
{
	struct native_view v;

	read_view(&v, histogram, memory[0]);
	EXPECT(v.schema == -4);
	cprom_histogram_observe(histogram, 1);
}

static void
limit(void)
{
	struct native_view v;

	read_view(&v, histogram, memory[1]);
	EXPECT(v.schema == -4 && v.count >= 3 && v.count <= 5);
	EXPECT(in_bucket(&v, 0) >= 1 && in_bucket(&v, 1) >= 2);
}

static void
observe_one(void)
{
	cprom_histogram_observe(histogram, 300);
}

static void
check_limited(void)
{
	struct native_view v;

	read_view(&v, histogram, memory[0]);
	EXPECT(v.schema == -4 && in_bucket(&v, 0) == 2 && in_bucket(&v, 1) == 3);
	EXPECT(v.count == 5 && IS(v.sum, 604) && cprom_histogram_count(histogram) == 5);
	close_registry();
}

/* As if it had too many leaves to be given another at this resolution. */
static void
setup_leaves(void)
{
	open_native(3, 0);
	cprom_histogram_observe(histogram, 1);
	store_relaxed(&cpromi_record_of((struct handle *)histogram)->leaves, 1000);
	machine_thread_exit();
}

static void
observe_elsewhere(void)
{
	cprom_histogram_observe(histogram, -300); /* negative ones have leaves of their own */
}

static void
read_any(void)
{
	struct native_view v;

	read_view(&v, histogram, memory[1]);
	EXPECT(v.count >= 1 && v.schema <= -3);
}

static void
check_leaves(void)
{
	struct native_view v;

	read_view(&v, histogram, memory[0]);
	EXPECT(v.schema == -4 && v.count == 2 && v.classic[0] == 2);
	EXPECT(in_bucket(&v, 0) == 1 && v.zero_count == 0);
	close_registry();
}

/* ---- resets ------------------------------------------------------------------------------ */

static void
observe_second(void)
{
	observe_whole(2);
}

static void
read_and_reset(unsigned t)
{
	struct native_view v;
	struct record *before = cpromi_record_of((struct handle *)histogram);

	read_view(&v, histogram, memory[t]);
	/* Only who took the record away has shown it for the last time. */
	if (v.created_ms == 1000 && before != cpromi_record_of((struct handle *)histogram))
		shown[t] = (double)v.count;
}

static void
reset_0(void)
{
	read_and_reset(0);
}

static void
reset_1(void)
{
	read_and_reset(1);
}

/* What was observed is shown before the reset, or after it; if it was under way, or on its way
 * to memory, perhaps not. */
static void
check_reset(void)
{
	struct native_view v;
	double sum;

	read_view(&v, histogram, memory[0]);
	sum = shown[1] + (double)v.count;
	EXPECT(IS(sum, 4) || (IS(sum, 3) && (torn || inside || !machine_is_sc())));
	EXPECT(v.classic[0] == 0 && (v.count == 0 || v.created_ms == 10000));
	close_registry();
}

/* Nobody has a record that somebody else has, too. */
static void
check_reset_once(void)
{
	struct record *records[6];
	char label[] = "0";

	EXPECT(cprom_histogram_count(histogram) == 0);
	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&r->epoch);
	for (int i = 0; i < 6; i++) {
		label[0] = (char)('0' + i);
		records[i] = cpromi_record_of((struct handle *)make_child(label));
		EXPECT(records[i] != cpromi_record_of((struct handle *)histogram));
		for (int j = 0; j < i; j++)
			EXPECT(records[i] != records[j]);
	}
	close_registry();
}

/* The old record goes to another child, if nobody is seen to use it. */
static void
reset_and_use_again(void)
{
	read_and_reset(1);
	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&r->epoch);
	another = make_child("b");
}

static void
check_used_again(void)
{
	struct native_view v;

	EXPECT(another != NULL || machine_struck() == 1);
	read_view(&v, make_child("b"), memory[0]);
	EXPECT(v.count == 0 && v.classic[0] == 0 && IS(v.sum, 0));
	EXPECT(cprom_histogram_count(make_child("b")) == 0);
	close_registry();
}

const struct program native_programs[] = {
	{"native",
	 "observe against a view",
	 setup_empty,
	 {observe_two, read_whole},
	 check_two,
	 .progress = 15000,
	 .depth = {2, 1, 0}},
	{"native-limits",
	 "two reads limit, and observations find limits that change",
	 setup_full,
	 {limit_and_observe, limit, observe_one},
	 check_limited,
	 .progress = 30000,
	 .depth = {1, 1, 0}},
	{"native-leaves",
	 "an observer halves the resolution for want of leaves, against a read",
	 setup_leaves,
	 {observe_elsewhere, read_any},
	 check_leaves,
	 .progress = 15000,
	 .depth = {2, 1, 0}},
	{"native-reset",
	 "a reset against an observer",
	 setup_due,
	 {observe_second, reset_1},
	 check_reset,
	 .progress = 30000,
	 .depth = {2, 1, 0}},
	{"native-reset-overflow",
	 "the same without lanes",
	 setup_due_no_lane,
	 {observe_second, reset_1},
	 check_reset,
	 .progress = 30000,
	 .depth = {2, 1, 0}},
	{"native-reset-twice",
	 "two reads want to reset",
	 setup_due,
	 {reset_0, reset_1},
	 check_reset_once,
	 .progress = 30000,
	 .depth = {2, 1, 0}},
	{"native-reuse",
	 "a record is used again while an observer has it",
	 setup_due,
	 {observe_second, reset_and_use_again},
	 check_used_again,
	 .progress = 30000,
	 .depth = {2, 1, 0}},
	{"native-reuse-overflow",
	 "the same without lanes",
	 setup_due_no_lane,
	 {observe_second, reset_and_use_again},
	 check_used_again,
	 .progress = 30000,
	 .depth = {2, 1, 0}},
	{0},
};
