/* SPDX-License-Identifier: MIT */
/*
 * Tests of index: order, the rules of re-use, memory, and threads that put and clear.
 */
#include "index.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define THREADS 4
#define EACH 5000

struct home {
	struct region region;
	struct index index;
};

static struct home *home;
static struct index *x;
static uint64_t items[THREADS * EACH];

static int
open_home(void **state)
{
	(void)state;
	home = (struct home *)cpromi_region_create((uint64_t)8 << 20, false, sizeof(struct home));
	x = &home->index;
	return home == NULL ? -1 : 0;
}

static int
close_home(void **state)
{
	(void)state;
	cpromi_region_destroy(&home->region);
	return 0;
}

static uint32_t
put(void *item)
{
	return cpromi_index_put(x, &home->region, item);
}

/* Puts items n … m-1, which get the places of the same numbers. */
static void
put_in_order(uint32_t n, uint32_t m)
{
	for (; n < m; n++)
		assert_int_equal(put(&items[n]), n + 1);
}

static void
places_are_numbered_in_order_and_never_move(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < EACH; n++) {
		assert_int_equal(cpromi_index_end(x), n);
		assert_int_equal(put(&items[n]), n + 1);
	}
	for (uint32_t n = 0; n < EACH; n++)
		assert_ptr_equal(cpromi_index_at(x, n), &items[n]);
}

static void
rows_hold_the_places_in_order(void **state)
{
	uint32_t rows = 0;

	(void)state;
	put_in_order(0, 1000);
	cpromi_index_clear(x, 77);
	for (uint32_t first = 0; first < 5; first++) {
		for (uint32_t n = first; n < 1000; rows++) {
			struct index_row row = cpromi_index_row(x, n);

			assert_true(row.count > 0 && row.count <= 1000 - n);
			for (uint32_t i = 0; i < row.count; i++, n++)
				assert_ptr_equal(cpromi_index_item(&row.words[i]),
						 cpromi_index_at(x, n));
		}
	}
	assert_true(rows < 5 * 10); /* they are long */
}

static void
places_not_yet_handed_out_hold_nothing(void **state)
{
	(void)state;
	for (uint32_t place = 0; place < 1000; place++)
		assert_null(cpromi_index_at(x, place));
	put_in_order(0, 6);
	for (uint32_t place = 6; place < 1000; place++)
		assert_null(cpromi_index_at(x, place));
}

static void
a_cleared_place_is_empty_and_its_neighbours_are_not(void **state)
{
	(void)state;
	put_in_order(0, 100);
	cpromi_index_clear(x, 7);
	cpromi_index_clear(x, 3);
	assert_null(cpromi_index_at(x, 7));
	assert_null(cpromi_index_at(x, 3));
	assert_ptr_equal(cpromi_index_at(x, 6), &items[6]);
	assert_ptr_equal(cpromi_index_at(x, 8), &items[8]);
	assert_int_equal(cpromi_index_end(x), 100);
}

static void
fewer_than_32_free_places_are_left_free(void **state)
{
	(void)state;
	put_in_order(0, 40);
	for (uint32_t place = 0; place < INDEX_REUSE - 1; place++)
		cpromi_index_clear(x, place);
	put_in_order(40, 44);
}

static void
less_than_half_is_left_free(void **state)
{
	(void)state;
	put_in_order(0, 200);
	for (uint32_t place = 0; place < 99; place++)
		cpromi_index_clear(x, place);
	put_in_order(200, 210);
}

static void
half_free_places_are_used_again_until_they_are_less(void **state)
{
	uint32_t place;

	(void)state;
	put_in_order(0, 200);
	for (place = 50; place < 150; place++)
		cpromi_index_clear(x, place);
	place = put(&items[300]);
	assert_true(place > 50 && place <= 150);
	assert_ptr_equal(cpromi_index_at(x, place - 1), &items[300]);
	assert_int_equal(put(&items[200]), 201);
}

static void
churn_keeps_the_index_short(void **state)
{
	uint32_t places[10] = {0};

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t *p = &places[i % 10];

		if (*p != 0)
			cpromi_index_clear(x, *p - 1);
		*p = put(&items[i % EACH]);
		assert_true(*p != 0);
		assert_ptr_equal(cpromi_index_at(x, *p - 1), &items[i % EACH]);
	}
	assert_true(cpromi_index_end(x) <= 2 * INDEX_REUSE);
}

static void
without_memory_a_free_place_serves_or_none(void **state)
{
	uint32_t n = 0, end;

	(void)state;
	while (cpromi_region_alloc(&home->region, 16) != NULL)
		;
	while (put(&items[n]) != 0)
		n++;
	end = cpromi_index_end(x);
	assert_int_equal(n, end);
	assert_true(n >= INDEX_INLINE - 1);
	assert_int_equal(cpromi_index_put_last(x, &home->region, &items[n]), ++end);
	assert_ptr_equal(cpromi_index_at(x, n), &items[n]);
	assert_int_equal(cpromi_index_put_last(x, &home->region, &items[n]), 0);
	cpromi_index_clear(x, 1);
	assert_int_equal(put(&items[77]), 2);
	assert_ptr_equal(cpromi_index_at(x, 1), &items[77]);
	assert_int_equal(put(&items[78]), 0);
	assert_int_equal(cpromi_index_end(x), end);
}

static void
freeing_gives_all_memory_back_and_empties_it(void **state)
{
	uint64_t used;

	(void)state;
	put_in_order(0, EACH);
	used = load_relaxed(&home->region.used);
	for (int round = 0; round < 5; round++) {
		cpromi_index_free(x, &home->region);
		assert_int_equal(cpromi_index_end(x), 0);
		assert_null(cpromi_index_at(x, 0));
		assert_null(cpromi_index_at(x, 100));
		put_in_order(0, EACH);
	}
	assert_true(load_relaxed(&home->region.used) == used);
}

/* ---- threads ------------------------------------------------------------------ */

struct worker {
	uint32_t id;
	uint32_t wrong;
};

static void
run_workers(void *(*body)(void *), struct worker workers[THREADS])
{
	pthread_t threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void *
put_own_items(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 0; i < EACH; i++) {
		uint64_t *item = &items[w->id * EACH + i];
		uint32_t place = put(item);

		w->wrong += place == 0 || cpromi_index_at(x, place - 1) != item;
	}
	return NULL;
}

static void
items_put_by_threads_are_all_there_once_and_in_each_threads_order(void **state)
{
	struct worker workers[THREADS];
	uint32_t next[THREADS] = {0};

	(void)state;
	run_workers(put_own_items, workers);
	assert_int_equal(cpromi_index_end(x), THREADS * EACH);
	for (uint32_t place = 0; place < THREADS * EACH; place++) {
		uint64_t *item = cpromi_index_at(x, place);

		assert_in_range((uintptr_t)item, (uintptr_t)items,
				(uintptr_t)(items + THREADS * EACH - 1));
		assert_int_equal((size_t)(item - items) % EACH, next[(item - items) / EACH]++);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].wrong, 0);
}

/* Each thread keeps 16 items of its own; nobody else may put one into their places. */
static void *
put_and_clear(void *arg)
{
	struct worker *w = arg;
	uint32_t places[16] = {0};

	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t *mine = &items[w->id * EACH];
		uint32_t *p = &places[i % 16];

		if (*p != 0) {
			w->wrong += cpromi_index_at(x, *p - 1) != mine + i % 16;
			cpromi_index_clear(x, *p - 1);
		}
		*p = put(mine + i % 16);
		w->wrong += *p == 0;
	}
	for (uint32_t i = 0; i < 16; i++)
		cpromi_index_clear(x, places[i] - 1);
	return NULL;
}

static void
a_place_belongs_to_one_item_while_threads_put_and_clear(void **state)
{
	struct worker workers[THREADS];

	(void)state;
	run_workers(put_and_clear, workers);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].wrong, 0);
	assert_true(cpromi_index_end(x) <= 4 * 16 * THREADS);
	assert_int_equal(load_relaxed(&x->free_count), cpromi_index_end(x));
	for (uint32_t place = 0; place < cpromi_index_end(x); place++)
		assert_null(cpromi_index_at(x, place));
}

#define in_home(test) cmocka_unit_test_setup_teardown(test, open_home, close_home)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_home(places_are_numbered_in_order_and_never_move),
		in_home(rows_hold_the_places_in_order),
		in_home(places_not_yet_handed_out_hold_nothing),
		in_home(a_cleared_place_is_empty_and_its_neighbours_are_not),
		in_home(fewer_than_32_free_places_are_left_free),
		in_home(less_than_half_is_left_free),
		in_home(half_free_places_are_used_again_until_they_are_less),
		in_home(churn_keeps_the_index_short),
		in_home(without_memory_a_free_place_serves_or_none),
		in_home(freeing_gives_all_memory_back_and_empties_it),
		in_home(items_put_by_threads_are_all_there_once_and_in_each_threads_order),
		in_home(a_place_belongs_to_one_item_while_threads_put_and_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
