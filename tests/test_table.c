/* SPDX-License-Identifier: MIT */
/*
 * Tests of table: T1 to T3 against a model, with colliding hashes, and under threads.
 */
#include "table.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define THREADS 4
#define KEYS 2000

struct item {
	uint32_t link;
	uint32_t key;
	atomic_u32 live;
	struct node node;
};

struct home {
	struct region region;
	struct lanes lanes;
	struct epoch epoch;
	struct table table;
	atomic_u32 reclaimed;
	atomic_u32 wrong;
};

static struct home *home;
static struct table *t;
static uint32_t (*hash_of)(uint32_t key);

/* ---- hashes ------------------------------------------------------------------- */

static uint32_t
spread(uint32_t key)
{
	return key * 2654435761u;
}

static uint32_t
all_the_same(uint32_t key)
{
	(void)key;
	return 0x80000000u; /* that of a marker, too */
}

static uint32_t
few(uint32_t key)
{
	static const uint32_t hashes[] = {0,          1,          0x3fffffff, 0x40000000,
					  0x7fffffff, 0x80000000, 0xc0000000, UINT32_MAX};

	return hashes[key % array_len(hashes)];
}

static uint32_t
in_one_corner(uint32_t key)
{
	return UINT32_MAX - key;
}

static uint32_t
markers(uint32_t key)
{
	return key << 21;
}

/* With how many keys each is bearable: some make the table one list. */
static const struct {
	uint32_t (*of)(uint32_t);
	uint32_t keys;
} hashes[] = {
	{spread, KEYS}, {all_the_same, 100}, {few, 200}, {in_one_corner, 200}, {markers, KEYS}};

/* ---- fixture ------------------------------------------------------------------ */

static void
reclaim(struct epoch *e, void *object)
{
	struct home *h = (struct home *)((char *)e - offsetof(struct home, epoch));
	struct item *i = object;

	if (exchange_acq_rel(&i->live, 0) != 1) /* T2: handed over once */
		add_relaxed(&h->wrong, 1);
	add_relaxed(&h->reclaimed, 1);
	cpromi_region_free(&h->region, i, sizeof(*i));
}

static int
open_home(void **state)
{
	struct region *r = cpromi_region_create((uint64_t)16 << 20, false, sizeof(struct home));

	(void)state;
	home = (struct home *)r;
	if (r == NULL || cpromi_lanes_open(&home->lanes, r, 8) == -1)
		return -1;
	cpromi_epoch_init(&home->epoch, &home->lanes, offsetof(struct item, link), reclaim);
	cpromi_table_init(&home->table, &home->epoch, offsetof(struct item, node));
	t = &home->table;
	hash_of = spread;
	return 0;
}

static int
close_home(void **state)
{
	(void)state;
	cpromi_lanes_close(&home->lanes);
	return 0;
}

static void
reopen_home(void)
{
	assert_int_equal(close_home(NULL), 0);
	assert_int_equal(open_home(NULL), 0);
}

static void
enter(struct epoch_guard *g)
{
	if (cpromi_epoch_enter(&home->epoch, g))
		return;
	*g = (struct epoch_guard){NULL, false};
	add_relaxed(&home->wrong, 1);
}

static struct item *
item_of(struct node *n)
{
	return (struct item *)((char *)n - offsetof(struct item, node));
}

static bool
has_key(const struct node *n, const void *key)
{
	return item_of((struct node *)n)->key == *(const uint32_t *)key;
}

static struct item *
find(uint32_t key)
{
	struct node *n = cpromi_table_find(t, hash_of(key), has_key, &key);

	return n == NULL ? NULL : item_of(n);
}

static struct item *
make(uint32_t key)
{
	struct item *i = cpromi_region_alloc(&home->region, sizeof(*i));

	if (i == NULL)
		return NULL;
	i->key = key;
	i->node.hash = hash_of(key);
	store_relaxed(&i->live, 1);
	return i;
}

/* The item of that key: this one, or the one that was there. */
static struct item *
insert(struct item *i)
{
	uint32_t key = i->key;

	return item_of(cpromi_table_insert(t, &i->node, has_key, &key));
}

/* Inserts the key and says whether it was new. */
static bool
add(uint32_t key)
{
	struct item *i = make(key);

	if (i != NULL && insert(i) == i)
		return true;
	cpromi_region_free(&home->region, i, sizeof(*i));
	return false;
}

/* T1 on a table at rest; how many series it has. */
static unsigned
check_order(void)
{
	struct node *n = (struct node *)load_relaxed(&t->root.next);
	uint32_t hash = 0;
	unsigned series = 0;
	bool series_of_this_hash = false;

	for (; n != NULL; n = (struct node *)load_relaxed(&n->next)) {
		assert_int_equal((uintptr_t)n & 1, 0);
		assert_true(n->hash >= hash);
		series_of_this_hash = series_of_this_hash && n->hash == hash;
		hash = n->hash;
		if (load_relaxed(&n->state) == NODE_SERIES) {
			series_of_this_hash = true;
			series++;
		} else {
			assert_int_equal(load_relaxed(&n->state), MARKER_READY);
			assert_false(series_of_this_hash); /* markers come first */
		}
	}
	return series;
}

/* ---- one thread ---------------------------------------------------------------- */

static void
an_empty_table_has_nothing(void **state)
{
	(void)state;
	for (uint32_t key = 0; key < 100; key++)
		assert_null(find(key));
	assert_int_equal(check_order(), 0);
}

static void
it_agrees_with_a_model(void **state)
{
	(void)state;
	for (size_t f = 0; f < array_len(hashes); f++) {
		bool model[KEYS] = {false};
		uint64_t dice = f;
		uint32_t keys = hashes[f].keys;
		unsigned count = 0;

		reopen_home();
		hash_of = hashes[f].of;
		for (int i = 0; i < 20000; i++) {
			struct epoch_guard g;
			uint32_t key;

			dice = dice * 6364136223846793005u + 1442695040888963407u;
			key = (uint32_t)(dice >> 40) % keys;
			enter(&g);
			assert_int_equal(find(key) != NULL, model[key]);
			if (dice >> 62 == 0 && model[key]) {
				assert_true(cpromi_table_remove(t, &find(key)->node));
				model[key] = false;
				count--;
			} else if (dice >> 62 != 0) {
				assert_int_equal(add(key), !model[key]);
				count += !model[key];
				model[key] = true;
			}
			cpromi_epoch_leave(&g);
			assert_int_equal(load_relaxed(&t->count), count);
		}
		for (uint32_t key = 0; key < keys; key++) {
			assert_int_equal(find(key) != NULL, model[key]);
			assert_true(find(key) == NULL || find(key)->key == key);
		}
		assert_int_equal(check_order(), count);
		assert_int_equal(load_relaxed(&home->wrong), 0);
	}
}

static void
an_item_of_a_known_key_stays_the_callers(void **state)
{
	struct item *first = make(7), *second = make(7);

	(void)state;
	assert_ptr_equal(insert(first), first);
	assert_ptr_equal(insert(second), first);
	assert_ptr_equal(find(7), first);
	assert_int_equal(check_order(), 1);
	assert_int_equal(load_relaxed(&t->count), 1);
}

static void
a_removed_item_is_gone_at_once_and_retired_once(void **state)
{
	struct item *i = make(7);
	struct epoch_guard g;

	(void)state;
	enter(&g);
	insert(i);
	assert_true(cpromi_table_remove(t, &i->node));
	assert_null(find(7));
	assert_int_equal(check_order(), 0); /* unlinked, not only marked */
	assert_false(cpromi_table_remove(t, &i->node));
	assert_true(add(7));
	cpromi_epoch_leave(&g);
	for (int n = 0; n < 5; n++)
		cpromi_epoch_advance(&home->epoch);
	assert_int_equal(load_relaxed(&home->reclaimed), 1);
	assert_int_equal(load_relaxed(&home->wrong), 0);
	assert_non_null(find(7));
}

static void
an_item_whose_remover_died_is_gone_all_the_same(void **state)
{
	struct item *i = make(7), *next = make(7);
	struct epoch_guard g;

	(void)state;
	enter(&g);
	insert(i);
	store_relaxed(&i->node.next, load_relaxed(&i->node.next) | 1); /* marked, not unlinked */
	assert_null(find(7));
	assert_ptr_equal(insert(next), next);
	assert_ptr_equal(find(7), next);
	assert_int_equal(check_order(), 1); /* T2: the insertion unlinked it … */
	cpromi_epoch_leave(&g);
	for (int n = 0; n < 5; n++)
		cpromi_epoch_advance(&home->epoch);
	assert_int_equal(load_relaxed(&home->reclaimed), 1); /* … and retired it */
}

static void
it_grows_with_its_series_and_moves_none(void **state)
{
	static struct item *items[50000];

	(void)state;
	for (uint32_t key = 0; key < array_len(items); key++) {
		items[key] = make(key);
		assert_ptr_equal(insert(items[key]), items[key]);
	}
	assert_int_equal(load_relaxed(&t->bits), 16); /* 2^15 < 50000 < 2^16 */
	for (uint32_t key = 0; key < array_len(items); key++)
		assert_ptr_equal(find(key), items[key]);
	assert_null(find(array_len(items)));
	assert_int_equal(check_order(), array_len(items));
}

static unsigned comparisons;

static bool
count_and_match(const struct node *n, const void *key)
{
	comparisons++;
	return has_key(n, key);
}

static void
only_what_has_the_whole_hash_is_compared(void **state)
{
	(void)state;
	for (uint32_t key = 0; key < 1000; key++)
		assert_true(add(key));
	for (uint32_t key = 0; key < 2000; key++)
		cpromi_table_find(t, hash_of(key), count_and_match, &key);
	assert_int_equal(comparisons, 1000);
}

static void
a_search_is_short_once_the_markers_are_there(void **state)
{
	unsigned ready = 0;
	struct node *n;

	(void)state;
	for (uint32_t key = 0; key < 4096; key++)
		assert_true(add(key));
	for (n = (struct node *)load_relaxed(&t->root.next); n != NULL;
	     n = (struct node *)load_relaxed(&n->next))
		ready += load_relaxed(&n->state) == MARKER_READY;
	assert_true(ready >= 4095); /* made in turn: all but those of the level that is new */
	assert_true(ready <= 1u << load_relaxed(&t->bits));
}

static void
a_marker_that_was_claimed_and_never_linked_costs_time_only(void **state)
{
	(void)state;
	for (uint32_t key = 0; key < 1024; key++)
		assert_true(add(key));
	for (uint32_t level = 1; level <= load_relaxed(&t->bits); level++) { /* T3: they all died */
		struct node *m = (struct node *)load_relaxed(&t->levels[level]);

		for (uint32_t i = 0; i < 1u << (level - 1); i++)
			if (load_relaxed(&m[i].state) == MARKER_EMPTY)
				store_relaxed(&m[i].state, MARKER_CLAIMED);
	}
	for (uint32_t key = 1024; key < 2048; key++)
		assert_true(add(key));
	for (uint32_t key = 0; key < 2048; key++)
		assert_non_null(find(key));
	assert_null(find(2048));
}

static void
without_memory_for_more_buckets_it_goes_on(void **state)
{
	static struct item *spare[3000];

	(void)state;
	for (uint32_t key = 0; key < array_len(spare); key++)
		spare[key] = make(key);
	for (size_t size = 1 << 20; size >= 16; size /= 2)
		while (cpromi_region_alloc(&home->region, size) != NULL)
			;
	for (uint32_t key = 0; key < array_len(spare); key++)
		assert_ptr_equal(insert(spare[key]), spare[key]);
	assert_int_equal(load_relaxed(&t->bits), 0);
	for (uint32_t key = 0; key < array_len(spare); key++)
		assert_ptr_equal(find(key), spare[key]);
	assert_int_equal(check_order(), array_len(spare));
}

/* ---- threads -------------------------------------------------------------------- */

struct worker {
	uint32_t id;
	unsigned won;
	uint32_t keys; /* of the storm */
	struct item *seen[KEYS];
	pthread_t thread;
};

static struct worker workers[THREADS];

static void
run_workers(void *(*body)(void *), uint32_t keys)
{
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.id = i, .keys = keys};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	assert_int_equal(load_relaxed(&home->wrong), 0);
}

static void *
insert_all(void *arg)
{
	struct worker *w = arg;
	struct epoch_guard g;

	for (uint32_t n = 0; n < w->keys; n++) {
		uint32_t key = w->id % 2 ? w->keys - 1 - n : n;
		struct item *i;

		enter(&g);
		i = make(key);
		w->seen[key] = insert(i);
		w->won += w->seen[key] == i;
		if (find(key) != w->seen[key])
			add_relaxed(&home->wrong, 1);
		cpromi_epoch_leave(&g);
	}
	return NULL;
}

static void
of_threads_that_insert_the_same_keys_one_wins_each(void **state)
{
	(void)state;
	for (size_t f = 0; f < array_len(hashes); f++) {
		uint32_t keys = hashes[f].keys;
		unsigned won = 0;

		reopen_home();
		hash_of = hashes[f].of;
		run_workers(insert_all, keys);
		for (int i = 0; i < THREADS; i++)
			won += workers[i].won;
		assert_int_equal(won, keys);
		assert_int_equal(check_order(), keys);
		for (uint32_t key = 0; key < keys; key++)
			for (int i = 0; i < THREADS; i++)
				assert_ptr_equal(workers[i].seen[key], find(key));
	}
}

static void *
storm(void *arg)
{
	struct worker *w = arg;
	uint64_t dice = w->id;

	for (int n = 0; n < 8000; n++) {
		struct epoch_guard g;
		struct item *i;
		uint32_t key;

		dice = dice * 6364136223846793005u + 1442695040888963407u;
		key = (uint32_t)(dice >> 40) % w->keys;
		enter(&g);
		i = find(key);
		if (i != NULL && (i->key != key || load_relaxed(&i->live) != 1))
			add_relaxed(&home->wrong, 1);
		if (dice >> 63 == 0)
			w->won += add(key);
		else if (i != NULL)
			w->won -= cpromi_table_remove(t, &i->node);
		cpromi_epoch_leave(&g);
	}
	return NULL;
}

/* Keys so few that all threads meet at them, then more. */
static void
a_storm_of_insertions_removals_and_searches_leaves_what_was_not_removed(void **state)
{
	static const uint32_t keys[] = {1, 3, 50, KEYS};

	(void)state;
	for (size_t f = 0; f < array_len(hashes); f++)
		for (size_t k = 0; k < array_len(keys); k++) {
			unsigned left = 0;

			if (keys[k] > hashes[f].keys)
				continue;
			reopen_home();
			hash_of = hashes[f].of;
			run_workers(storm, keys[k]);
			for (int i = 0; i < THREADS; i++)
				left += workers[i].won;
			assert_int_equal(check_order(), left);
			assert_int_equal(load_relaxed(&t->count), left);
			assert_true(1u << load_relaxed(&t->bits) <=
				    8 * (keys[k] + THREADS)); /* no more than it needs */
		}
}

#define in_home(test) cmocka_unit_test_setup_teardown(test, open_home, close_home)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_home(an_empty_table_has_nothing),
		in_home(it_agrees_with_a_model),
		in_home(an_item_of_a_known_key_stays_the_callers),
		in_home(a_removed_item_is_gone_at_once_and_retired_once),
		in_home(an_item_whose_remover_died_is_gone_all_the_same),
		in_home(it_grows_with_its_series_and_moves_none),
		in_home(only_what_has_the_whole_hash_is_compared),
		in_home(a_search_is_short_once_the_markers_are_there),
		in_home(a_marker_that_was_claimed_and_never_linked_costs_time_only),
		in_home(without_memory_for_more_buckets_it_goes_on),
		in_home(of_threads_that_insert_the_same_keys_one_wins_each),
		in_home(a_storm_of_insertions_removals_and_searches_leaves_what_was_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
