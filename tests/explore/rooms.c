/* SPDX-License-Identifier: MIT */
/*
 * rooms: programs over single rooms of the core: region, lane, epoch, index, table, shape.
 */
#include "atomic.h"
#include "index.h"
#include "machine.h"
#include "series.h"
#include "table.h"

#define OBJECTS 4
#define KEYS 8

struct object {
	uint32_t link;
	uint32_t number;
	uint32_t value; /* plain: who reads it while another owns it races */
	uint32_t retired;
	struct node node;
};

struct home {
	struct region region;
	struct lanes lanes;
	struct epoch epoch;
	struct table table;
	struct index index;
	atomic_u64 stack;
	atomic_ptr shelf;
	atomic_ptr shapes;
	atomic_u64 drops[DROP_REASONS];
	struct object *objects[KEYS];
};

static struct home *home;
static struct shape *shape;
static atomic_u32 finished;
static EXPLORE_STATE void *got[MACHINE_THREADS][OBJECTS];
static EXPLORE_STATE uint32_t reclaimed[KEYS];
static EXPLORE_STATE int results[MACHINE_THREADS];

/* ---- setting up -------------------------------------------------------------------- */

static struct object *
new_object(uint32_t number)
{
	struct object *o = cpromi_region_alloc(&home->region, sizeof(*o));

	EXPECT(o != NULL);
	o->number = number;
	o->value = number;
	return o;
}

static void
reclaim(struct epoch *e, void *object)
{
	struct object *o = object;

	(void)e;
	reclaimed[o->number]++;
	o->value = 0xdead;
	cpromi_region_free(&home->region, o, sizeof(*o));
}

static void
open_home_with(unsigned max_lanes, bool shared)
{
	struct region *r = cpromi_region_create(REGION_FIRST_BYTES * 4, shared,
						sizeof(struct home));

	EXPECT(r != NULL);
	home = (struct home *)r;
	EXPECT(cpromi_lanes_open(&home->lanes, r, max_lanes) == 0);
	cpromi_epoch_init(&home->epoch, &home->lanes, 0, reclaim);
	cpromi_table_init(&home->table, &home->epoch, offsetof(struct object, node));
}

static void
open_home(void)
{
	open_home_with(3, false);
}

static void
open_shared_home(void)
{
	open_home_with(3, true);
}

static void
close_home(void)
{
	cpromi_lanes_close(&home->lanes);
	EXPECT(machine_mapped() == 0);
}

/* ---- region: stacks ---------------------------------------------------------------- */

static void
setup_stack(void)
{
	open_home();
	for (uint32_t i = 0; i < 3; i++) {
		home->objects[i] = new_object(i);
		cpromi_stack_push(&home->region, &home->stack, home->objects[i]);
	}
}

/* Takes an object and works on it: a second owner would race. */
static struct object *
pop(void)
{
	struct object *o = cpromi_stack_pop(&home->region, &home->stack);

	if (o != NULL)
		o->value++;
	return o;
}

static void
push(struct object *o)
{
	if (o != NULL) {
		o->value++;
		cpromi_stack_push(&home->region, &home->stack, o);
	}
}

static void
pop_one(void)
{
	got[0][0] = pop();
}

static void
pop_two_push_first(void)
{
	struct object *first = pop();

	got[1][0] = pop();
	push(first);
}

static void
pop_and_push(void)
{
	push(pop());
	got[2][0] = pop();
}

/* Each object is in one place. */
static void
check_stack(void)
{
	unsigned seen[3] = {0};
	struct object *o;

	for (unsigned t = 0; t < MACHINE_THREADS; t++)
		if (got[t][0] != NULL)
			seen[((struct object *)got[t][0])->number]++;
	while ((o = cpromi_stack_pop(&home->region, &home->stack)) != NULL)
		EXPECT(seen[o->number]++ == 0);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(seen[i] == 1);
	close_home();
}

/* ---- region: allocation -------------------------------------------------------------- */

static void
use_memory(unsigned t, unsigned i, size_t size)
{
	char *p = cpromi_region_alloc(&home->region, size);

	EXPECT(p != NULL);
	for (size_t k = 0; k < size; k++)
		EXPECT(p[k] == 0);
	p[0] = 'x';
	p[size - 1] = 'x';
	got[t][i] = p;
}

static void
setup_alloc(void)
{
	open_home();
	cpromi_region_free(&home->region, new_object(0), sizeof(struct object));
}

static void
alloc_free_alloc(unsigned t)
{
	use_memory(t, 0, sizeof(struct object));
	cpromi_region_free(&home->region, got[t][0], sizeof(struct object));
	use_memory(t, 0, sizeof(struct object));
	use_memory(t, 1, sizeof(struct object));
}

static void
alloc_first(void)
{
	alloc_free_alloc(0);
}

static void
alloc_second(void)
{
	alloc_free_alloc(1);
}

static void
check_alloc(void)
{
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < i; k++)
			EXPECT(got[i / 2][i % 2] != got[k / 2][k % 2]);
	close_home();
}

static void
carve_large(unsigned t)
{
	use_memory(t, 0, 32768 + 16);
}

static void
carve_first(void)
{
	carve_large(0);
}

static void
carve_second(void)
{
	carve_large(1);
}

/* Both go beyond the first segment: one mapping is too much, and goes back. */
static void
check_carve(void)
{
	char *a = got[0][0], *b = got[1][0];

	EXPECT(a - b >= 32768 || b - a >= 32768);
	EXPECT(machine_mapped() == 3 * REGION_FIRST_BYTES);
	EXPECT(cpromi_region_at(&home->region, cpromi_region_ref(&home->region, a)) == a);
	EXPECT(cpromi_region_at(&home->region, cpromi_region_ref(&home->region, b)) == b);
	close_home();
}

/* ---- epoch ------------------------------------------------------------------------------ */

static void
setup_epoch(void)
{
	home->objects[0] = new_object(0);
	home->objects[1] = new_object(1);
	home->objects[2] = new_object(2);
	store_relaxed(&home->shelf, (uintptr_t)home->objects[0]);
}

static void
setup_private_epoch(void)
{
	open_home();
	setup_epoch();
}

static void
setup_shared_epoch(void)
{
	open_shared_home();
	setup_epoch();
}

static void
enter(struct epoch_guard *g)
{
	EXPECT(cpromi_epoch_enter(&home->epoch, g));
}

/* Holds what it found for a while. */
static void
read_shelf(void)
{
	struct epoch_guard g;
	struct object *o;

	enter(&g);
	o = (struct object *)load_acquire(&home->shelf);
	EXPECT(o->value == o->number);
	machine_point();
	EXPECT(o->value == o->number);
	cpromi_epoch_leave(&g);
}

static void
read_shelf_twice(void)
{
	read_shelf();
	read_shelf();
}

/* Unlinks as the table does. */
static void
replace(uint32_t with)
{
	struct epoch_guard g;
	uintptr_t old;

	enter(&g);
	old = load_acquire(&home->shelf);
	while (!cas_acq_rel(&home->shelf, &old, (uintptr_t)home->objects[with]))
		;
	cpromi_epoch_retire(&home->epoch, (void *)old);
	cpromi_epoch_leave(&g);
}

static void
replace_and_advance(void)
{
	replace(1);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&home->epoch);
}

static void
replace_again_and_advance(void)
{
	replace(2);
	for (int i = 0; i < 2; i++)
		cpromi_epoch_advance(&home->epoch);
}

/* What was retired comes back once, what is on the shelf does not. */
static void
check_epoch(void)
{
	struct object *left = (struct object *)load_relaxed(&home->shelf);

	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&home->epoch);
	EXPECT(left->value == left->number);
	EXPECT(reclaimed[0] == 1);
	EXPECT(reclaimed[1] + reclaimed[2] <= 1);
	EXPECT(reclaimed[left->number] == 0);
	close_home();
}

/* ---- lane --------------------------------------------------------------------------------- */

static void
setup_lane(void)
{
	open_home_with(1, false);
}

static void
setup_lanes(void)
{
	open_home_with(2, false);
}

/* Counts in its lane's word, which is whose it is; or in the one of all. */
static void
count_in_lane(void)
{
	uint32_t lane = cpromi_lane_own(&home->lanes);

	if (lane == LANE_OVERFLOW)
		add_relaxed(&home->drops[0], 1);
	else
		add_owned_release(&home->drops[lane], 1);
}

static void
count_twice(void)
{
	count_in_lane();
	count_in_lane();
}

static void
check_lane(unsigned wanted)
{
	EXPECT(load_relaxed(&home->drops[0]) + load_relaxed(&home->drops[1]) +
		       load_relaxed(&home->drops[2]) ==
	       wanted);
	EXPECT(load_relaxed(&home->lanes.used) <= home->lanes.max);
	for (uint32_t i = 0; i < home->lanes.max; i++) {
		EXPECT(load_relaxed(&home->lanes.row.seats[i].owner) == 0);
		EXPECT(load_relaxed(&home->lanes.row.seats[i].epoch) == 0);
	}
	close_home();
}

static void
check_lane_4(void)
{
	check_lane(4);
}

static void
check_lane_3(void)
{
	check_lane(3);
}

/* What is left to be done is that it ends. */
static void
leave_registry(void)
{
	count_in_lane();
	store_release(&finished, 1);
}

static void
close_registry(void)
{
	if (load_acquire(&finished))
		cpromi_lanes_close(&home->lanes);
}

static void
check_closed(void)
{
	if (machine_mapped() > 0)
		cpromi_lanes_close(&home->lanes);
	EXPECT(machine_mapped() == 0);
}

/* The registry is freed, and the next one made, while a thread has a seat noted in its entry. */
static atomic_ptr next_home;

static void
count_here_and_there(void)
{
	int32_t at = cpromi_lane_entry_at(home->lanes.entry);
	struct home *next;

	count_in_lane();
	store_release(&finished, 1);
	next = (struct home *)load_acquire(&next_home);
	if (next == NULL)
		return;
	/* L4: what stands in the entry is of this registry, and it has nothing there yet. */
	EXPECT(cpromi_lane_column(cpromi_lane_entry_at(next->lanes.entry)) == COLUMN_NONE);
	EXPECT(cpromi_lane_own(&next->lanes) != LANE_OVERFLOW);
	EXPECT(cpromi_lane_column(at) == COLUMN_NONE); /* and is free for a third one */
}

static void
free_and_make_another(void)
{
	if (!load_acquire(&finished))
		return;
	cpromi_lanes_close(&home->lanes);
	open_home();
	EXPECT(cpromi_lane_own(&home->lanes) != LANE_OVERFLOW);
	store_release(&next_home, (uintptr_t)home);
}

/* What is used in a section that began before it was retired is not given back before its end. */
static atomic_u32 in_use;

static void
use_in_section(void)
{
	int32_t at = cpromi_lane_entry_at(home->lanes.entry);
	struct seat *seat;
	size_t column;

	EXPECT(cpromi_lane_own(&home->lanes) != LANE_OVERFLOW);
	column = cpromi_lane_column(at);
	seat = cpromi_section_enter(at);
	store_release(&in_use, 1);
	EXPECT(home->objects[0]->value == 0);
	home->objects[0]->value = 0;
	cpromi_section_leave(at, column, seat);
}

static void
retire_what_is_in_use(void)
{
	struct epoch_guard g;

	if (!load_acquire(&in_use))
		return;
	EXPECT(cpromi_epoch_enter(&home->epoch, &g));
	cpromi_epoch_retire(&home->epoch, home->objects[0]);
	cpromi_epoch_leave(&g);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&home->epoch);
}

static void
setup_section(void)
{
	open_home();
	home->objects[0] = new_object(0);
}

/* ---- index --------------------------------------------------------------------------------- */

#define ITEM(n) ((void *)(uintptr_t)(0x1000 + 16 * (n)))

/* So full of free places that they are used again. */
static void
setup_index(void)
{
	uint32_t places[INDEX_REUSE + 4];

	open_home();
	for (uint32_t i = 0; i < array_len(places); i++)
		places[i] = cpromi_index_put(&home->index, &home->region, ITEM(i));
	for (uint32_t i = 1; i < array_len(places); i++)
		cpromi_index_clear(&home->index, places[i] - 1);
}

static void
setup_new_index(void)
{
	open_home();
	for (uint32_t i = 0; i + 1 < INDEX_INLINE; i++)
		EXPECT(cpromi_index_put(&home->index, &home->region, ITEM(i)) == i + 1);
}

static void
put_clear_put(unsigned t)
{
	uint32_t place = cpromi_index_put(&home->index, &home->region, ITEM(100 + t));

	EXPECT(place != 0 && cpromi_index_at(&home->index, place - 1) == ITEM(100 + t));
	cpromi_index_clear(&home->index, place - 1);
	place = cpromi_index_put(&home->index, &home->region, ITEM(200 + t));
	EXPECT(place != 0 && cpromi_index_at(&home->index, place - 1) == ITEM(200 + t));
}

static void
put_clear_put_first(void)
{
	put_clear_put(0);
}

static void
put_clear_put_second(void)
{
	put_clear_put(1);
}

static void
put_first(void)
{
	EXPECT(cpromi_index_put(&home->index, &home->region, ITEM(200)) != 0);
}

static void
put_put_clear_first(void)
{
	uint32_t place = cpromi_index_put(&home->index, &home->region, ITEM(101));

	EXPECT(place != 0);
	EXPECT(cpromi_index_put(&home->index, &home->region, ITEM(201)) != 0);
	cpromi_index_clear(&home->index, place - 1);
}

static void
put_second(void)
{
	EXPECT(cpromi_index_put(&home->index, &home->region, ITEM(201)) != 0);
}

/* What is read is whole, and the item that nobody touches is there. */
static void
read_index(void)
{
	uint32_t end = cpromi_index_end(&home->index);

	EXPECT(cpromi_index_at(&home->index, 0) == ITEM(0));
	for (uint32_t i = end - 1; i + 4 > end; i--) {
		uintptr_t item = (uintptr_t)cpromi_index_at(&home->index, i);

		EXPECT(item == 0 || (item >= 0x1000 && item < 0x3000 && item % 16 == 0));
	}
}

static void
check_index(void)
{
	unsigned found[2] = {0}, free_places = 0;

	for (uint32_t i = 0; i < cpromi_index_end(&home->index); i++) {
		void *item = cpromi_index_at(&home->index, i);

		free_places += item == NULL;
		found[0] += item == ITEM(200);
		found[1] += item == ITEM(201);
	}
	EXPECT(found[0] == 1 && found[1] == 1);
	EXPECT(load_relaxed(&home->index.free_count) == free_places);
	/* The list of free places has each of them once. */
	for (uint32_t next = (uint32_t)load_relaxed(&home->index.free); next != 0; free_places--) {
		uint32_t place = next - 1;
		atomic_ptr *segment = place < INDEX_INLINE ? home->index.inlined : NULL;

		if (segment == NULL) {
			unsigned k = 31u - (unsigned)__builtin_clz(place / INDEX_INLINE);

			segment = (atomic_ptr *)home->index.segments[k] - (INDEX_INLINE << k);
		}
		EXPECT(free_places > 0 && (segment[place] & 1) == 1);
		next = (uint32_t)(segment[place] >> 1);
	}
	EXPECT(free_places == 0);
	close_home();
}

/* ---- table ----------------------------------------------------------------------------------- */

/* Collisions: 0 and 1, 2 and 3; 4 is the hash of a marker; 5 and 7 share a bucket of four. */
static uint32_t
hash_of(uint32_t key)
{
	static const uint32_t hashes[KEYS] = {0x10000000, 0x10000000, 0x90000000, 0x90000000,
					      0x80000000, 0x40000000, 0xc0000000, 0x50000000};

	return hashes[key];
}

static bool
match(const struct node *n, const void *key)
{
	const struct object *o = (const struct object *)((const char *)n -
							 offsetof(struct object, node));

	return o->number == *(const uint32_t *)key;
}

static struct node *
insert(uint32_t key)
{
	struct object *o = new_object(key);
	struct node *there;

	o->node.hash = hash_of(key);
	there = cpromi_table_insert(&home->table, &o->node, match, &key);
	if (there != &o->node)
		cpromi_region_free(&home->region, o, sizeof(*o));
	return there;
}

static struct node *
find(uint32_t key)
{
	struct node *n = cpromi_table_find(&home->table, hash_of(key), match, &key);

	if (n != NULL)
		EXPECT(match(n, &key) && n->hash == hash_of(key));
	return n;
}

static void
setup_table(void)
{
	struct epoch_guard g;

	open_home();
	enter(&g);
	insert(0);
	insert(2);
	cpromi_epoch_leave(&g);
	machine_thread_exit();
}

/* 7 is there, but its bucket gets a marker only when the table grows. */
static void
setup_unmarked_table(void)
{
	struct epoch_guard g;

	open_home();
	enter(&g);
	insert(7);
	cpromi_epoch_leave(&g);
	EXPECT(load_relaxed(&home->table.bits) == 1);
	machine_thread_exit();
}

static void
insert_5(void)
{
	struct epoch_guard g;

	enter(&g);
	insert(5);
	cpromi_epoch_leave(&g);
}

static void
find_7(void)
{
	struct epoch_guard g;

	enter(&g);
	EXPECT(find(7) != NULL);
	insert(6);
	EXPECT(find(7) != NULL);
	cpromi_epoch_leave(&g);
}

static void
insert_1_and_3(void)
{
	struct epoch_guard g;

	enter(&g);
	insert(1);
	EXPECT(find(1) != NULL);
	insert(3);
	EXPECT(find(0) != NULL || results[1] >= 0);
	cpromi_epoch_leave(&g);
}

static void
insert_same(unsigned t)
{
	struct epoch_guard g;
	struct node *n;

	enter(&g);
	n = insert(4);
	EXPECT(find(4) == n);
	got[t][0] = n;
	cpromi_epoch_leave(&g);
}

static void
insert_same_first(void)
{
	insert_same(0);
}

static void
insert_same_second(void)
{
	insert_same(1);
}

static void
remove_key(unsigned t, uint32_t key)
{
	struct epoch_guard g;
	struct node *n;

	enter(&g);
	n = find(key);
	results[t] = n != NULL && cpromi_table_remove(&home->table, n);
	cpromi_epoch_leave(&g);
}

static void
remove_0(void)
{
	remove_key(1, 0);
}

static void
remove_0_too(void)
{
	remove_key(2, 0);
}

static void
remove_2(void)
{
	remove_key(2, 2);
}

static void
find_2(void)
{
	struct epoch_guard g;

	enter(&g);
	EXPECT(find(2) != NULL);
	cpromi_epoch_leave(&g);
}

/* Removes 0, goes on until its memory is used again, for a node of another hash. */
static void
remove_0_insert_5(void)
{
	struct epoch_guard g;

	remove_key(1, 0);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_advance(&home->epoch);
	enter(&g);
	insert(5);
	cpromi_epoch_leave(&g);
}

static void
find_0_and_2(void)
{
	struct epoch_guard g;

	enter(&g);
	find(0);
	EXPECT(find(2) != NULL);
	cpromi_epoch_leave(&g);
}

/* T1, and the number of each key. */
static void
check_table_has(unsigned wanted)
{
	unsigned seen = 0, series = 0;
	uint32_t hash = 0;
	struct node *n = &home->table.root;

	for (; n != NULL; n = (struct node *)load_relaxed(&n->next)) {
		struct object *o = (struct object *)((char *)n - offsetof(struct object, node));

		EXPECT((load_relaxed(&n->next) & 1) == 0);
		EXPECT(n->hash >= hash);
		hash = n->hash;
		if (load_relaxed(&n->state) != NODE_SERIES)
			continue;
		EXPECT((seen & 1u << o->number) == 0);
		EXPECT(find(o->number) == n);
		seen |= 1u << o->number;
		series++;
	}
	EXPECT(seen == wanted);
	EXPECT(load_relaxed(&home->table.count) == series);
	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&home->epoch);
	close_home();
}

static void
check_grown(void)
{
	EXPECT(results[1] == 1);
	EXPECT(load_relaxed(&home->table.bits) >= 1);
	check_table_has(1u << 1 | 1u << 2 | 1u << 3);
	EXPECT(reclaimed[0] == 1);
}

static void
check_same(void)
{
	EXPECT(got[0][0] == got[1][0]);
	check_table_has(1u << 0 | 1u << 2 | 1u << 4);
}

static void
check_marked(void)
{
	check_table_has(1u << 5 | 1u << 6 | 1u << 7);
}

static void
check_removed_once(void)
{
	EXPECT(results[1] + results[2] == 1);
	check_table_has(1u << 2);
	EXPECT(reclaimed[0] == 1);
}

static void
check_removed_both(void)
{
	EXPECT(results[1] == 1 && results[2] == 1);
	check_table_has(1u << 1 | 1u << 3);
	EXPECT(reclaimed[0] == 1 && reclaimed[2] == 1);
}

static void
check_replaced(void)
{
	EXPECT(results[1] == 1);
	check_table_has(1u << 2 | 1u << 5);
	EXPECT(reclaimed[0] == 1);
}

/* ---- shape ------------------------------------------------------------------------------------ */

static double bounds[70];

static struct shape *
get_shape(uint32_t type, size_t count)
{
	struct shape_home h = {&home->shapes, &home->region, &home->lanes, home->drops};
	struct shape_key key = {.type = type, .bounds = {bounds, count}};

	for (size_t i = 0; i < count; i++)
		bounds[i] = (double)i;
	return cpromi_shape_get(&h, &key);
}

/* Each series fills a chunk of its own. */
static void
setup_chunks(void)
{
	open_home_with(2, false);
	shape = get_shape(CPROM_TYPE_HISTOGRAM, 62);
	EXPECT(shape != NULL);
}

static void
setup_shapes(void)
{
	open_home_with(2, false);
	bounds[0] = 0;
}

static void
take(unsigned t, unsigned i)
{
	struct handle *h = cpromi_shape_take(shape);

	EXPECT(h != NULL && h->chunk->shape == shape);
	EXPECT(h->offset + shape->run <= h->chunk->capacity * shape->run);
	((struct series *)h)->family = 1; /* a second owner would race */
	got[t][i] = h;
}

static void
take_two(void)
{
	take(0, 0);
	take(0, 1);
}

static void
take_give_take(void)
{
	take(1, 0);
	cpromi_shape_give(got[1][0]);
	take(1, 0);
}

static void
check_taken(void)
{
	struct handle *all[] = {got[0][0], got[0][1], got[1][0]};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < i; k++) {
			EXPECT(all[i] != all[k]);
			EXPECT(all[i]->chunk != all[k]->chunk || all[i]->offset != all[k]->offset);
		}
	EXPECT(load_relaxed(&shape->chunks) <= 4);
	close_home();
}

static void
get_first(void)
{
	got[0][0] = get_shape(CPROM_TYPE_COUNTER, 0);
	got[0][1] = get_shape(CPROM_TYPE_GAUGE, 0);
}

static void
get_second(void)
{
	got[1][1] = get_shape(CPROM_TYPE_GAUGE, 0);
	got[1][0] = get_shape(CPROM_TYPE_COUNTER, 0);
}

static void
check_shapes(void)
{
	EXPECT(got[0][0] != NULL && got[0][1] != NULL && got[0][0] != got[0][1]);
	EXPECT(got[0][0] == got[1][0] && got[0][1] == got[1][1]);
	close_home();
}

/* An owner that is in the middle of an update while its series goes and comes again. */
static void
setup_reuse(void)
{
	open_home_with(2, false);
	shape = get_shape(CPROM_TYPE_COUNTER, 0);
	home->objects[0] = (struct object *)cpromi_shape_take(shape);
	EXPECT(home->objects[0] != NULL);
}

static void
update_stale(void)
{
	struct handle *h = (struct handle *)home->objects[0];
	atomic_u64 *cells = cpromi_own_cells(h, 0);

	EXPECT(cells != NULL);
	add_owned_release(&cells[0], 5);
	results[0] = 1;
	add_owned_release(&cells[0], 50);
}

static void
give_take_count(void)
{
	struct handle *h = (struct handle *)home->objects[0];
	atomic_u64 *cells;

	results[1] = results[0];
	cpromi_shape_give(h);
	h = cpromi_shape_take(shape);
	EXPECT(h == (struct handle *)home->objects[0]);
	cells = cpromi_own_cells(h, 0);
	EXPECT(cells != NULL);
	add_owned_release(&cells[0], 3);
}

/* A stale update may count in the new series or not; but none that was complete before. */
static void
check_reuse(void)
{
	uint64_t sum = cpromi_sum_u64((struct handle *)home->objects[0], 0, 0);

	EXPECT(sum == 3 || sum == 53 || sum == 58);
	EXPECT(sum != 58 || !results[1] || !machine_is_sc());
	close_home();
}

const struct program room_programs[] = {
	{"stack-aba",
	 "pop against pop, pop, push of the same objects",
	 setup_stack,
	 {pop_one, pop_two_push_first},
	 check_stack,
	 .progress = 60,
	 .depth = {4, 3, 2}},
	{"stack-three",
	 "three threads pop and push",
	 setup_stack,
	 {pop_one, pop_two_push_first, pop_and_push},
	 check_stack,
	 .progress = 120,
	 .depth = {3, 2, 1}},
	{"alloc",
	 "allocate, free, allocate",
	 setup_alloc,
	 {alloc_first, alloc_second},
	 check_alloc,
	 .progress = 100,
	 .depth = {4, 3, 2}},
	{"carve",
	 "two reach the next segment",
	 open_home,
	 {carve_first, carve_second},
	 check_carve,
	 .progress = 60,
	 .depth = {4, 3, 2}},
	{"epoch",
	 "a reader against retire and re-use, membarrier",
	 setup_private_epoch,
	 {read_shelf_twice, replace_and_advance},
	 check_epoch,
	 .progress = 300,
	 .depth = {3, 2, 1}},
	{"epoch-fences",
	 "the same with fences on both sides",
	 setup_private_epoch,
	 {read_shelf_twice, replace_and_advance},
	 check_epoch,
	 .no_membarrier = true,
	 .progress = 300,
	 .depth = {3, 2, 1}},
	{"epoch-shared",
	 "the same in a shared region",
	 setup_shared_epoch,
	 {read_shelf_twice, replace_and_advance},
	 check_epoch,
	 .progress = 300,
	 .depth = {3, 2, 1}},
	{"epoch-three",
	 "two retire and advance, one reads",
	 setup_private_epoch,
	 {read_shelf, replace_and_advance, replace_again_and_advance},
	 check_epoch,
	 .progress = 400,
	 .depth = {2, 1, 0}},
	{"lane",
	 "one lane for two: claim, overflow, exit",
	 setup_lane,
	 {count_twice, count_twice},
	 check_lane_4,
	 .progress = 200,
	 .depth = {3, 2, 1}},
	{"lane-three",
	 "claim, release and claim again",
	 setup_lanes,
	 {count_in_lane, count_in_lane, count_in_lane},
	 check_lane_3,
	 .progress = 600,
	 .depth = {2, 1, 1}},
	{"lane-close",
	 "a thread ends while the registry is freed",
	 open_home,
	 {leave_registry, close_registry},
	 check_closed,
	 .progress = 100,
	 .depth = {4, 3, 2}},
	{"lane-entry",
	 "an entry whose registry is freed, and the next registry",
	 open_home,
	 {count_here_and_there, free_and_make_another},
	 check_closed,
	 .progress = 200,
	 .depth = {4, 3, 2}},
	{"section",
	 "a section against retire and re-use",
	 setup_section,
	 {use_in_section, retire_what_is_in_use},
	 check_closed,
	 .progress = 300,
	 .depth = {4, 3, 2}},
	{"index",
	 "put, clear and put again, in free places",
	 setup_index,
	 {put_clear_put_first, put_clear_put_second},
	 check_index,
	 .progress = 100,
	 .depth = {4, 2, 2}},
	{"index-aba",
	 "put against put, put, clear of the same places",
	 setup_index,
	 {put_first, put_put_clear_first},
	 check_index,
	 .progress = 100,
	 .depth = {4, 2, 2}},
	{"index-read",
	 "the same against a reader",
	 setup_index,
	 {put_clear_put_first, put_second, read_index},
	 check_index,
	 .progress = 150,
	 .depth = {2, 2, 1}},
	{"index-grow",
	 "a new segment, twice",
	 setup_new_index,
	 {put_clear_put_first, put_second, read_index},
	 check_index,
	 .progress = 150,
	 .depth = {3, 2, 1}},
	{"table-grow",
	 "insertions that grow it against a removal and a look-up",
	 setup_table,
	 {insert_1_and_3, remove_0, find_2},
	 check_grown,
	 .progress = 600,
	 .depth = {2, 1, 0}},
	{"table-marker",
	 "a bucket gets its marker while it is searched",
	 setup_unmarked_table,
	 {insert_5, find_7},
	 check_marked,
	 .progress = 400,
	 .depth = {3, 2, 1}},
	{"table-same",
	 "two insert the same key",
	 setup_table,
	 {insert_same_first, insert_same_second},
	 check_same,
	 .progress = 400,
	 .depth = {3, 2, 1}},
	{"table-remove",
	 "two remove the same key, one looks",
	 setup_table,
	 {find_0_and_2, remove_0, remove_0_too},
	 check_removed_once,
	 .progress = 400,
	 .depth = {2, 1, 0}},
	{"table-remove-two",
	 "two keys are removed while two are inserted beside them",
	 setup_table,
	 {insert_1_and_3, remove_0, remove_2},
	 check_removed_both,
	 .progress = 600,
	 .depth = {2, 1, 0}},
	{"table-reuse",
	 "a look-up stands on a node whose memory is used again",
	 setup_table,
	 {find_0_and_2, remove_0_insert_5},
	 check_replaced,
	 .progress = 400,
	 .depth = {3, 2, 1}},
	{"chunks",
	 "series are taken and given; chunks of one series",
	 setup_chunks,
	 {take_two, take_give_take},
	 check_taken,
	 .progress = 600,
	 .depth = {2, 1, 0}},
	{"shapes",
	 "two make the same two shapes",
	 setup_shapes,
	 {get_first, get_second},
	 check_shapes,
	 .progress = 400,
	 .depth = {3, 2, 2}},
	{"cells-reuse",
	 "an update through a handle whose series is used again",
	 setup_reuse,
	 {update_stale, give_take_count},
	 check_reuse,
	 .progress = 300,
	 .depth = {3, 2, 1}},
	{0},
};
