/* SPDX-License-Identifier: MIT */
/*
 * Tests of shape: which definitions share one, S1 to S3, zero cells, snapshots.
 */
#include "shape.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "series.h"

#define THREADS 4
#define MAX_LANES 8

struct home {
	struct region region;
	struct lanes lanes;
	atomic_ptr list;
	atomic_u64 drops[DROP_REASONS];
};

static struct home *home;
static struct shape_home parts;

static int
open_home(void **state)
{
	struct region *r = cpromi_region_create((uint64_t)16 << 20, false, sizeof(struct home));

	(void)state;
	home = (struct home *)r;
	if (r == NULL || cpromi_lanes_open(&home->lanes, r, MAX_LANES) == -1)
		return -1;
	parts = (struct shape_home){&home->list, r, &home->lanes, home->drops};
	return 0;
}

static int
close_home(void **state)
{
	(void)state;
	cpromi_lanes_close(&home->lanes);
	return 0;
}

static const double bounds[] = {0.5, 1, 2.5};

static struct shape *
get(uint32_t type, uint32_t slices, uint64_t slice_ns, size_t count)
{
	struct shape_key key = {
		.type = type, .slices = slices, .slice_ns = slice_ns, .bounds = {bounds, count}};

	return cpromi_shape_get(&parts, &key);
}

static struct shape *
counters(void)
{
	return get(CPROM_TYPE_COUNTER, 0, 0, 0);
}

static struct shape *
histograms(void)
{
	return get(CPROM_TYPE_HISTOGRAM, 0, 0, 3);
}

/* Runs body in n threads that are there at the same time, so each has its own lane. */
struct worker {
	struct handle *handle;
	void *result;
	uint64_t n;
	unsigned id;
	pthread_t thread;
	pthread_barrier_t *all;
};

static struct worker workers[THREADS];

static void
run_workers(void *(*body)(void *), struct handle *h, uint64_t n)
{
	pthread_barrier_t all;

	pthread_barrier_init(&all, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.handle = h, .n = n, .id = i, .all = &all};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&all);
}

/* ---- sharing ------------------------------------------------------------------- */

static void
equal_definitions_share_a_shape_and_others_do_not(void **state)
{
	struct shape *all[8] = {
		counters(),
		get(CPROM_TYPE_GAUGE, 0, 0, 0),
		histograms(),
		get(CPROM_TYPE_HISTOGRAM, 0, 0, 2),
		get(CPROM_TYPE_SUMMARY, 0, 0, 0),
		get(CPROM_TYPE_SUMMARY, 5, 1000, 3),
		get(CPROM_TYPE_SUMMARY, 6, 1000, 3),
		get(CPROM_TYPE_SUMMARY, 5, 1001, 3),
	};
	double copy[] = {0.5, 1, 2.5}, moved[] = {0.5, 1, 2.25};
	struct shape_key key = {.type = CPROM_TYPE_HISTOGRAM, .bounds = {copy, 3}};
	struct shape_key other = {.type = CPROM_TYPE_HISTOGRAM, .bounds = {moved, 3}};

	(void)state;
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
	assert_ptr_equal(counters(), all[0]);
	assert_ptr_equal(cpromi_shape_get(&parts, &key), all[2]); /* by value */
	assert_ptr_not_equal(cpromi_shape_get(&parts, &other), all[2]);
	assert_ptr_not_equal(all[2]->bounds, bounds); /* R3: a copy in the region */
	assert_memory_equal(all[2]->bounds, bounds, sizeof(bounds));
}

static void
runs_and_planes_are_as_each_type_needs(void **state)
{
	struct shape *s = get(CPROM_TYPE_SUMMARY, 5, 1000, 3);

	(void)state;
	assert_int_equal(counters()->run, 1);
	assert_int_equal(counters()->planes, 2);
	assert_int_equal(histograms()->run, 2 + 3 + 1);
	assert_int_equal(histograms()->planes, 1);
	assert_int_equal(get(CPROM_TYPE_GAUGE, 0, 0, 0)->has_lanes, 0);
	assert_int_equal(s->run, 3);
	assert_int_equal(s->planes, 2);
	assert_non_null(s->leaf);
	assert_int_equal(s->leaf->run % 5, 0);
	assert_null(get(CPROM_TYPE_SUMMARY, 0, 0, 0)->leaf);
}

static void
check_text(const struct bound_text *t, const char *expected)
{
	assert_int_equal(t->length, strlen(expected));
	assert_memory_equal(t->text, expected, t->length);
}

static void
bounds_are_spelled_once(void **state)
{
	struct shape *s = histograms();

	(void)state;
	check_text(&s->texts[0], "le=\"0.5\"");
	check_text(&s->texts[1], "le=\"1\"");
	check_text(&s->texts[3], "le=\"+Inf\"");
	check_text(&get(CPROM_TYPE_SUMMARY, 5, 1000, 3)->texts[2], "quantile=\"2.5\"");
}

#define SHAPES 500

/* Who is ahead makes shapes, who is behind finds them and catches up: so they meet often. */
static void *
get_many(void *arg)
{
	struct worker *w = arg;
	static struct shape *got[THREADS][SHAPES];

	w->result = got[w->id];
	pthread_barrier_wait(w->all);
	for (unsigned i = 0; i < SHAPES; i++)
		got[w->id][i] = get(CPROM_TYPE_HISTOGRAM, 0, i, 3);
	return NULL;
}

static void
of_threads_that_make_the_same_shape_all_get_one(void **state)
{
	unsigned count = 0;

	(void)state;
	run_workers(get_many, NULL, 0);
	for (unsigned i = 0; i < SHAPES; i++)
		for (int j = 0; j < THREADS; j++)
			assert_ptr_equal(((struct shape **)workers[j].result)[i],
					 get(CPROM_TYPE_HISTOGRAM, 0, i, 3));
	for (struct shape *s = (struct shape *)load_relaxed(&home->list); s != NULL; s = s->next)
		count++;
	assert_int_equal(count, SHAPES);
}

/* ---- series ---------------------------------------------------------------------- */

static int
by_cell(const void *a, const void *b)
{
	const atomic_u64 *x = *(atomic_u64 *const *)a, *y = *(atomic_u64 *const *)b;

	return (x > y) - (x < y);
}

static void
series_have_cells_of_their_own(void **state)
{
	static atomic_u64 *cells[2000];
	struct shape *s = histograms();

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		struct handle *h = cpromi_shape_take(s);

		assert_non_null(h);
		assert_int_equal(h->entry_at, cpromi_lane_entry_at(home->lanes.entry));
		assert_int_equal(h->kind, HANDLE_SERIES);
		assert_int_equal(h->type, CPROM_TYPE_HISTOGRAM);
		cells[2 * i] = cpromi_shared_cells(h, 0);
		cells[2 * i + 1] = cpromi_own_cells(h, 0);
		assert_non_null(cells[2 * i]);
		assert_non_null(cells[2 * i + 1]);
		for (uint32_t c = 0; c < s->run; c++)
			assert_true(load_relaxed(&cells[2 * i][c]) == 0 &&
				    load_relaxed(&cells[2 * i + 1][c]) == 0);
	}
	qsort(cells, 2000, sizeof(cells[0]), by_cell);
	for (size_t i = 1; i < 2000; i++)
		assert_true(cells[i] - cells[i - 1] >= (ptrdiff_t)s->run);
}

static void *
take_and_mark(void *arg)
{
	struct worker *w = arg;
	struct shape *s = counters();

	pthread_barrier_wait(w->all);
	for (int i = 0; i < 20000; i++) {
		struct handle *h = cpromi_shape_take(s);

		w->n += h == NULL || exchange_acq_rel(&cpromi_shared_cells(h, 0)[0], 1) != 0;
	}
	return NULL;
}

static void *
take_and_give(void *arg)
{
	struct worker *w = arg;
	struct shape *s = counters();

	pthread_barrier_wait(w->all);
	for (int i = 0; i < 5000; i++) {
		struct handle *held[3];

		for (int j = 0; j < 3; j++) {
			held[j] = cpromi_shape_take(s);
			w->n += held[j] == NULL || cpromi_sum_u64(held[j], 0, 0) != 0;
			add_relaxed(&cpromi_shared_cells(held[j], 0)[0], 1);
		}
		for (int j = 0; j < 3; j++) {
			w->n += cpromi_sum_u64(held[j], 0, 0) != 1; /* only we count here */
			cpromi_shape_give(held[j]);
		}
	}
	return NULL;
}

static void
no_series_is_taken_by_two_threads(void **state)
{
	uint64_t used;

	(void)state;
	run_workers(take_and_mark, NULL, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].n, 0);
	run_workers(take_and_give, NULL, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].n, 0);
	used = load_relaxed(&home->region.used);
	run_workers(take_and_give, NULL, 0);
	assert_true(load_relaxed(&home->region.used) - used <=
		    3 * THREADS * 64 * 20); /* re-used, not made */
}

static void *
fill_own_cells(void *arg)
{
	struct worker *w = arg;
	const struct shape *s = w->handle->chunk->shape;
	unsigned planes = s->type == CPROM_TYPE_COUNTER ? 2 : 1;

	pthread_barrier_wait(w->all);
	for (unsigned plane = 0; plane < planes; plane++) {
		atomic_u64 *cells = cpromi_own_cells(w->handle, plane);

		for (uint32_t c = s->snapshot ? 1 : 0; c < s->run; c++) {
			bool is_double = plane == 1 || (s->snapshot && c == 1);

			store_relaxed(&cells[c], is_double ? double_bits(0.25) : w->id + 10);
			if (w->id == 0)
				store_relaxed(&cpromi_shared_cells(w->handle, plane)[c],
					      is_double ? double_bits(1.5) : 7);
		}
	}
	pthread_barrier_wait(w->all);
	return NULL;
}

static void
counts_in_all_lanes_are_summed_and_outlive_their_threads(void **state)
{
	struct handle *h = cpromi_shape_take(counters());

	(void)state;
	run_workers(fill_own_cells, h, 0);
	assert_int_equal(load_relaxed(&home->lanes.used), THREADS);
	assert_true(cpromi_sum_u64(h, 0, 0) == 10 + 11 + 12 + 13 + 7);
	assert_true(cpromi_sum_double(h, 1, 0) == 4 * 0.25 + 1.5);
	run_workers(fill_own_cells, h, 0);
	assert_true(cpromi_sum_u64(h, 0, 0) ==
		    10 + 11 + 12 + 13 + 7); /* L2: the same lanes again */
}

static void
check_zero_after_give(struct shape *s)
{
	struct handle *h = cpromi_shape_take(s), before = *h;
	double sum;
	uint64_t counts[4], scratch[5];

	run_workers(fill_own_cells, h, 0);
	cpromi_shape_give(h);
	assert_ptr_equal(cpromi_shape_take(s), h);
	assert_ptr_equal(h->chunk, before.chunk); /* S3 */
	assert_int_equal(h->offset, before.offset);
	assert_int_equal(h->entry_at, before.entry_at);
	assert_int_equal(h->type, before.type);
	for (uint32_t c = s->snapshot ? 2 : 0; c < s->run; c++)
		assert_true(cpromi_sum_u64(h, 0, c) == 0);
	if (s->type == CPROM_TYPE_COUNTER)
		assert_true(cpromi_sum_double(h, 1, 0) == 0);
	if (!s->snapshot)
		return;
	cpromi_snapshot(h, &sum, counts, scratch);
	assert_true(sum == 0);
	for (uint32_t c = 0; c < s->run - 2; c++)
		assert_true(counts[c] == 0);
}

static void
cells_count_as_zero_after_a_series_was_given_back(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) { /* also when lane 0 has a balance already */
		check_zero_after_give(counters());
		check_zero_after_give(histograms());
		check_zero_after_give(get(CPROM_TYPE_SUMMARY, 0, 0, 0));
	}
}

static void
a_gauge_has_one_cell_in_lane_0_that_goes_to_zero(void **state)
{
	struct handle *h = cpromi_shape_take(get(CPROM_TYPE_GAUGE, 0, 0, 0));

	(void)state;
	assert_null(cpromi_own_cells(h, 0));
	store_relaxed(&cpromi_shared_cells(h, 0)[0], double_bits(3.5));
	assert_int_equal(cpromi_lane_end(h->chunk->shape), 1);
	assert_true(cpromi_sum_double(h, 0, 0) == 3.5);
	cpromi_shape_give(h);
	assert_true(cpromi_sum_double(h, 0, 0) == 0);
}

static void *
count_on(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(w->all);
	if (w->id == 0)
		for (int i = 0; i < 200; i++) {
			cpromi_shape_give(w->handle);
			w->n -= cpromi_shape_take(w->handle->chunk->shape) == w->handle;
		}
	else
		for (int i = 0; i < 20000; i++)
			add_owned_release(&cpromi_own_cells(w->handle, 0)[0], 1);
	return NULL;
}

static void
counting_through_a_removed_handle_never_makes_a_sum_negative(void **state)
{
	struct handle *h = cpromi_shape_take(counters());

	(void)state;
	run_workers(count_on, h, 200);
	assert_int_equal(workers[0].n, 0);
	assert_true(cpromi_sum_u64(h, 0, 0) <= (THREADS - 1) * 20000);
}

static void
what_is_no_series_has_no_own_cells(void **state)
{
	struct handle family = {.entry_at = cpromi_lane_entry_at(0),
				.chunk = counters()->none,
				.kind = HANDLE_FAMILY};

	(void)state;
	assert_null(cpromi_own_cells(&family, 0));
	cpromi_drop(&family, DROP_NOT_A_SERIES);
	cpromi_drop(&family, DROP_NOT_A_SERIES);
	cpromi_drop(&family, DROP_NAN);
	assert_true(load_relaxed(&home->drops[DROP_NOT_A_SERIES]) == 2);
	assert_true(load_relaxed(&home->drops[DROP_NAN]) == 1);
	assert_true(load_relaxed(&home->drops[DROP_NEGATIVE]) == 0);
}

static void
without_memory_lane_0_is_still_there(void **state)
{
	struct shape *s = counters();
	struct handle *h = cpromi_shape_take(s);

	(void)state;
	for (size_t size = 1 << 20; size >= 16; size /= 2)
		while (cpromi_region_alloc(&home->region, size) != NULL)
			;
	while (cpromi_region_carve(&home->region, 1, 1) != NULL)
		;
	while (cpromi_shape_take(s) != NULL) /* the rest of the chunk */
		;
	assert_null(cpromi_own_cells(h, 0));
	assert_non_null(cpromi_shared_cells(h, 0)); /* S1 */
	assert_non_null(cpromi_shared_cells(h, 1));
	assert_null(cpromi_shape_take(s));
	assert_null(histograms());
	assert_ptr_equal(counters(), s);
	cpromi_shape_give(h);
	assert_ptr_equal(cpromi_shape_take(s), h);
}

/* ---- snapshots --------------------------------------------------------------------- */

static void
observe(atomic_u64 *cells, uint64_t bucket)
{
	uint64_t odd = cpromi_snapshot_begin(cells);

	add_owned_release(&cells[2 + bucket], 1);
	store_release(&cells[1],
		      double_bits(bits_double(load_relaxed(&cells[1])) + (double)bucket + 1));
	cpromi_snapshot_end(cells, odd);
}

static bool
snapshot_agrees(const struct handle *h, uint64_t *total)
{
	uint64_t counts[4], scratch[5];
	double sum, expected = 0;

	cpromi_snapshot(h, &sum, counts, scratch);
	*total = 0;
	for (unsigned i = 0; i < 4; i++) {
		expected += (double)counts[i] * (i + 1);
		*total += counts[i];
	}
	return sum == expected;
}

static bool
is_being_written(const struct handle *h)
{
	for (unsigned lane = 1; lane < cpromi_lane_end(h->chunk->shape); lane++) {
		atomic_u64 *cells = cpromi_cells(h, 0, lane);

		if (cells != NULL && load_acquire(&cells[0]) & 1)
			return true;
	}
	return false;
}

static atomic_u32 looking;

/* Pauses between observations are longer than a reading, as in any real program. */
static void *
observe_or_look(void *arg)
{
	struct worker *w = arg;
	uint64_t before = 0, total, torn = 0;

	pthread_barrier_wait(w->all);
	for (; w->id != 0 && load_relaxed(&looking) != 0; w->n++) {
		observe(cpromi_own_cells(w->handle, 0), (w->n + w->id) % 4);
		for (volatile int pause = 0; pause < 100; pause++)
			;
	}
	for (int i = 0; w->id == 0 && i < 20000; i++) {
		/* A writer that was preempted in the middle may be seen torn. */
		torn += !snapshot_agrees(w->handle, &total) && !is_being_written(w->handle);
		w->n += total < before; /* counts never go back */
		before = total;
	}
	store_relaxed(&looking, 0);
	w->result = (void *)(uintptr_t)torn;
	return NULL;
}

static void
sum_and_buckets_belong_together_while_others_observe(void **state)
{
	struct handle *h = cpromi_shape_take(histograms());
	uint64_t total;

	(void)state;
	store_relaxed(&looking, 1);
	run_workers(observe_or_look, h, 0);
	assert_int_equal(workers[0].n, 0);
	assert_true((uintptr_t)workers[0].result <= 200); /* 1 %: of those that went on just then */
	assert_true(snapshot_agrees(h, &total));
	assert_true(total == workers[1].n + workers[2].n + workers[3].n);
}

static void
a_writer_that_died_in_the_middle_wedges_neither_readers_nor_heirs(void **state)
{
	struct handle *h = cpromi_shape_take(histograms());
	atomic_u64 *cells = cpromi_own_cells(h, 0);
	uint64_t total;

	(void)state;
	observe(cells, 2);
	cpromi_snapshot_begin(cells);
	add_owned_release(&cells[2], 1);
	assert_false(snapshot_agrees(h, &total));
	assert_int_equal(total, 2);
	assert_int_equal(load_relaxed(&cells[0]) & 1, 1);
	observe(cells, 0);
	assert_int_equal(load_relaxed(&cells[0]) & 1, 0); /* even again after the next one */
	snapshot_agrees(h, &total);
	assert_int_equal(total, 3);
}

#define in_home(test) cmocka_unit_test_setup_teardown(test, open_home, close_home)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_home(equal_definitions_share_a_shape_and_others_do_not),
		in_home(runs_and_planes_are_as_each_type_needs),
		in_home(bounds_are_spelled_once),
		in_home(of_threads_that_make_the_same_shape_all_get_one),
		in_home(series_have_cells_of_their_own),
		in_home(no_series_is_taken_by_two_threads),
		in_home(counts_in_all_lanes_are_summed_and_outlive_their_threads),
		in_home(cells_count_as_zero_after_a_series_was_given_back),
		in_home(a_gauge_has_one_cell_in_lane_0_that_goes_to_zero),
		in_home(counting_through_a_removed_handle_never_makes_a_sum_negative),
		in_home(what_is_no_series_has_no_own_cells),
		in_home(without_memory_lane_0_is_still_there),
		in_home(sum_and_buckets_belong_together_while_others_observe),
		in_home(a_writer_that_died_in_the_middle_wedges_neither_readers_nor_heirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
