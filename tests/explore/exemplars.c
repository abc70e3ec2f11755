/* SPDX-License-Identifier: MIT */
/*
 * exemplars: programs over the slots of exemplar.h, by threads and by processes.
 *
 * What is put is number n: value n, and a text whose every word depends on n. A reader may see
 * a number that was put, and nothing that is not one.
 */
#include "atomic.h"
#include "exemplar.h"
#include "machine.h"
#include "registry.h"

static cprom_registry *r;
static cprom_counter *parent, *counter; /* counter: a child of parent */
static const struct series *series;     /* the same */
static const struct series *beside;

static EXPLORE_STATE unsigned seen[2];
static EXPLORE_STATE bool finished;
static EXPLORE_STATE const struct series *later; /* that was made after it, perhaps in its memory */
static EXPLORE_STATE uint32_t steps_before;

static void
put_at(const struct series *s, size_t bucket, unsigned n)
{
	char first[] = "0", second[] = "00000000";

	first[0] = (char)(first[0] + n);
	memset(second, first[0], sizeof(second) - 1);
	cpromi_exemplar_put(&s->handle, bucket, n, CPROM_LABELS("abc", first, "d", second));
}

static void
put_in(const struct series *s, unsigned n)
{
	put_at(s, 0, n);
}

static void
put(unsigned n)
{
	put_in(series, n);
}

/* The number that is found there, 0: none. */
static unsigned
get_at(const struct series *s, size_t bucket)
{
	struct epoch_guard g;
	struct exemplar e;
	unsigned n;
	bool found;

	EXPECT(cpromi_epoch_enter(&r->epoch, &g));
	found = cpromi_exemplar_read(s, bucket, &e);
	cpromi_epoch_leave(&g);
	if (!found)
		return 0;
	n = (unsigned)e.value;
	EXPECT(n >= 1 && n <= 9 && e.value == n);
	EXPECT(e.length == sizeof("abc=\"0\",d=\"00000000\"") - 1);
	for (size_t i = 0; i < e.length; i++)
		EXPECT(e.labels[i] == "abc=\"0\",d=\"00000000\""[i] ||
		       e.labels[i] == (char)('0' + n));
	EXPECT(e.labels[5] == (char)('0' + n) && e.labels[11] == e.labels[5] &&
	       e.labels[18] == e.labels[5]);
	return n;
}

static unsigned
get(const struct series *s)
{
	return get_at(s, 0);
}

/* ---- setting up and taking down ------------------------------------------------------ */

static void
open_registry(bool shared)
{
	r = cprom_registry_new(.shared = shared, .max_bytes = 512 << 10, .max_lanes = 2);
	EXPECT(r != NULL);
	parent = cprom_counter_new("x", "h", .labels = CPROM_LABELS("l"), .registry = r);
	counter = cprom_labels(parent, "a");
	EXPECT(counter != NULL);
	series = (struct series *)counter;
}

/* None yet; two series of one block. */
static void
setup_none(void)
{
	open_registry(false);
	beside = (const struct series *)cprom_labels(parent, "b");
	EXPECT(beside != NULL && beside->handle.chunk == series->handle.chunk);
	machine_thread_exit();
}

/* A native histogram with two classic buckets. */
static void
setup_array(void)
{
	open_registry(false);
	beside = (const struct series *)cprom_histogram_new("h", "h", .registry = r,
							    .buckets = CPROM_BUCKETS(1),
							    .native = CPROM_NATIVE(.growth = 2));
	EXPECT(beside != NULL && beside->handle.chunk->shape->run <= 1);
	machine_thread_exit();
}

/* One is there, and the pool has a note. */
static void
setup_one(void)
{
	open_registry(false);
	put(8);
	put(9);
	machine_thread_exit();
}

static void
setup_processes(void)
{
	open_registry(true);
	put(8);
	put(9);
	machine_thread_exit();
	machine_fork(1);
	machine_fork(2);
}

/* None is in two places, and the slot goes on. */
static void
check_notes(const struct series *s)
{
	uint64_t used = 0;

	for (unsigned n = 1; n <= 4; n++) {
		put_in(s, n);
		EXPECT(get(s) == n);
		EXPECT(n < 3 || load_relaxed(&r->region.used) == used);
		used = load_relaxed(&r->region.used);
	}
	EXPECT(load_relaxed(&r->counts[SELF_EXEMPLARS_WITHOUT_MEMORY]) == 0);
}

static void
close_registry(void)
{
	cprom_registry_free(r);
	machine_thread_exit();
	EXPECT(machine_mapped() == 0);
}

/* ---- threads -------------------------------------------------------------------------- */

static void
put_1_2(void)
{
	put(1);
	put(2);
}

static void
put_3(void)
{
	put(3);
}

static void
put_3_4(void)
{
	put(3);
	put(4);
}

static void
get_one(void)
{
	seen[0] = get(series);
}

/* Whoever was last is there. */
static void
check_last(void)
{
	unsigned n = get(series);

	EXPECT(machine_struck() >= 0 || n == 2 || n == 3 || n == 4);
	check_notes(series);
	close_registry();
}

static void
check_seen(void)
{
	EXPECT(seen[0] == 0 || seen[0] == 9 || (seen[0] >= 1 && seen[0] <= 4));
	check_last();
}

static void
put_1(void)
{
	put(1);
}

static void
put_3_beside(void)
{
	put_in(beside, 3);
}

static void
put_1_in_array(void)
{
	put_at(beside, 0, 1);
}

static void
put_3_in_array(void)
{
	put_at(beside, 1, 3);
}

static void
check_array(void)
{
	EXPECT(get_at(beside, 0) == 1 || machine_struck() == 0);
	EXPECT(get_at(beside, 1) == 3 || machine_struck() == 1);
	check_notes(beside);
	close_registry();
}

static void
check_first(void)
{
	EXPECT(get(series) == 1 || machine_struck() == 0);
	EXPECT(get(beside) == 3 || machine_struck() == 1);
	check_notes(series);
	close_registry();
}

/* The memory of the series becomes that of another one, which must not show what was begun before. */
static void
put_late(void)
{
	put(5);
}

static void
become_another(void)
{
	EXPECT(cprom_remove(parent, "a") == 0);
	for (int i = 0; i < 3; i++)
		cpromi_epoch_reclaim(&r->epoch);
	steps_before = machine_steps(0);
	later = (const struct series *)cprom_labels(parent, "b");
	EXPECT(later != NULL);
}

static void
remove_and_create(void)
{
	become_another();
	seen[0] = get(later);
	/* The first step of the late one is to read the birth: X4. */
	EXPECT(seen[0] == 0 || (seen[0] == 5 && steps_before < 2 && later == series));
	put_in(later, 6);
}

static void
check_late(void)
{
	unsigned n = get(later);

	/* None, if the late one has taken the place with the birth that was. */
	EXPECT(n == 0 || n == 5 || n == 6);
	check_notes(later);
	close_registry();
}

/* Reads while the series is removed, and another one made. */
static void
get_in_epoch(void)
{
	struct epoch_guard g;

	EXPECT(cpromi_epoch_enter(&r->epoch, &g));
	if (load_acquire(&((struct series *)series)->slot) != SLOT_GONE)
		seen[1] = get(series);
	cpromi_epoch_leave(&g);
	EXPECT(seen[1] == 0 || seen[1] == 9 || seen[1] == 6);
}

static void
remove_and_put(void)
{
	become_another();
	EXPECT(get(later) == 0);
	put_in(later, 6);
	EXPECT(get(later) == 6);
}

static void
check_put(void)
{
	EXPECT(get(later) == 6);
	check_notes(later);
	close_registry();
}

/* ---- processes ------------------------------------------------------------------------ */

static void
put_and_die(void)
{
	put_1_2();
	finished = true;
}

static void
check_killed(void)
{
	unsigned n = get(series);

	EXPECT(n >= 1 && n <= 4);
	EXPECT(machine_killed(0) || finished);
	check_notes(series);
}

const struct program exemplar_programs[] = {
	{"exemplar-read",
	 "one puts two, one reads",
	 setup_one,
	 {put_1_2, get_one},
	 check_seen,
	 .progress = 600,
	 .depth = {4, 3, 2}},
	{"exemplar-three",
	 "two put, one reads",
	 setup_one,
	 {put_1_2, get_one, put_3},
	 check_seen,
	 .progress = 600,
	 .depth = {2, 2, 1}},
	{"exemplar-put",
	 "two put two each",
	 setup_one,
	 {put_1_2, put_3_4},
	 check_last,
	 .progress = 600,
	 .depth = {3, 2, 2}},
	{"exemplar-first",
	 "two put the first ones of their block",
	 setup_none,
	 {put_1, put_3_beside},
	 check_first,
	 .progress = 200,
	 .depth = {4, 3, 2}},
	{"exemplar-array",
	 "two put the first ones of a native histogram",
	 setup_array,
	 {put_1_in_array, put_3_in_array},
	 check_array,
	 .progress = 200,
	 .depth = {4, 3, 2}},
	{"exemplar-late",
	 "one is put while the series becomes another",
	 setup_one,
	 {put_late, remove_and_create},
	 check_late,
	 .depth = {2, 2, 0}},
	{"exemplar-removed",
	 "one is read while the series becomes another",
	 setup_one,
	 {get_in_epoch, remove_and_put},
	 check_put,
	 .depth = {2, 2, 0}},
	{"fork-exemplar",
	 "two processes put, one is killed",
	 setup_processes,
	 {put_and_die, put_3_4},
	 check_killed,
	 .process = {1, 2},
	 .killable = 1,
	 .progress = 600,
	 .depth = {3, 2, 2}},
	{0},
};
