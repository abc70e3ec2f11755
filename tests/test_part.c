/* SPDX-License-Identifier: MIT */
/*
 * Tests of part: gauges that several processes set, in each mode, while they live and after
 * they died; G1 to G4.
 */
#include "part.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"

#define LANES 4
#define REGISTRY_OPTIONS .shared = 1, .max_lanes = LANES
#include "with_registry.h"

/* ---- children that set something and wait to be killed -------------------------- */

struct child {
	pid_t pid;
	int go; /* what is written here is told to the child, which answers */
	int answer;
};

static void
tell(const struct child *c, double v)
{
	char done;

	assert_int_equal(write(c->go, &v, sizeof(v)), sizeof(v));
	assert_int_equal(read(c->answer, &done, 1), 1);
}

/* A child that does `update` with each number that it is told. */
static struct child
start(cprom_gauge *g, void (*update)(cprom_gauge *g, double v))
{
	int go[2], answer[2];
	struct child c;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(answer), 0);
	c.pid = fork();
	assert_int_not_equal(c.pid, -1);
	if (c.pid == 0) {
		double v;

		close(go[1]);
		while (read(go[0], &v, sizeof(v)) == sizeof(v)) {
			update(g, v);
			if (write(answer[1], "", 1) != 1)
				break;
		}
		_exit(0);
	}
	close(go[0]);
	close(answer[1]);
	c.go = go[1];
	c.answer = answer[0];
	return c;
}

static void
end(struct child *c)
{
	assert_int_equal(kill(c->pid, SIGKILL), 0);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
	close(c->go);
	close(c->answer);
}

static cprom_gauge *
make(cprom_multiprocess_mode mode)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .multiprocess_mode = mode);

	assert_non_null(g);
	return g;
}

/* The value while two children live that set 3 and 5, when the second is dead, and when both are. */
static void
check_mode(cprom_multiprocess_mode mode, double both, double first, double none)
{
	cprom_gauge *g = make(mode);
	struct child a = start(g, cprom_gauge_set), b = start(g, cprom_gauge_set);

	assert_double(sample(registry, "g"), 0);
	tell(&a, 7);
	tell(&a, 3);
	tell(&b, 5);
	assert_double(sample(registry, "g"), both);
	assert_double(cprom_gauge_value(g), both);
	end(&b);
	assert_double(sample(registry, "g"), first);
	end(&a);
	assert_double(sample(registry, "g"), none);
	assert_int_equal(cprom_unregister(g), 0);
}

static void
each_mode_merges_as_it_says(void **state)
{
	(void)state;
	check_mode(CPROM_GAUGE_MOST_RECENT, 5, 5, 5);
	check_mode(CPROM_GAUGE_SUM, 8, 8, 8);
	check_mode(CPROM_GAUGE_MIN, 3, 3, 3);
	check_mode(CPROM_GAUGE_MAX, 5, 5, 5);
	check_mode(CPROM_GAUGE_LIVE_MOST_RECENT, 5, 3, 0);
	check_mode(CPROM_GAUGE_LIVE_SUM, 8, 3, 0);
	check_mode(CPROM_GAUGE_LIVE_MIN, 3, 3, 0);
	check_mode(CPROM_GAUGE_LIVE_MAX, 5, 3, 0);
}

static double
of_pid(const char *name, pid_t pid)
{
	char series[64];

	snprintf(series, sizeof(series), "%s{pid=\"%d\"}", name, (int)pid);
	return has_sample(registry, series) ? sample(registry, series) : -1;
}

static void
all_shows_each_process_by_its_number(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_ALL);
	cprom_gauge *live = cprom_gauge_new("live", "L.", .registry = registry,
					    .multiprocess_mode = CPROM_GAUGE_LIVE_ALL);
	struct child a = start(g, cprom_gauge_set), b = start(live, cprom_gauge_set);

	(void)state;
	assert_double(sum_of_lines(registry, "g"), 0);
	tell(&a, 3);
	tell(&b, 5);
	cprom_gauge_set(g, 2);
	assert_double(of_pid("g", a.pid), 3);
	assert_double(of_pid("g", getpid()), 2);
	assert_double(of_pid("live", b.pid), 5);
	assert_double(cprom_gauge_value(g), 2);
	assert_double(cprom_gauge_value(live), 0);
	end(&a);
	end(&b);
	assert_double(of_pid("g", a.pid), 3);
	assert_double(of_pid("live", b.pid), -1);
}

static void
labels_and_pid_stand_together(void **state)
{
	cprom_gauge *g = cprom_gauge_new(
		"g", "G.", .registry = registry, .labels = CPROM_LABELS("disk"),
		.const_labels = CPROM_LABELS("host", "h"), .multiprocess_mode = CPROM_GAUGE_ALL);
	char series[80];

	(void)state;
	cprom_gauge_set(cprom_labels(g, "sda"), 4);
	snprintf(series, sizeof(series), "g{host=\"h\",disk=\"sda\",pid=\"%d\"}", (int)getpid());
	assert_sample(registry, series, "4");
}

/* ---- every update ---------------------------------------------------------------- */

static void
every_update_is_of_the_own_part(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_SUM);
	struct child other = start(g, cprom_gauge_set);

	(void)state;
	tell(&other, 100);
	cprom_gauge_inc(g);
	cprom_gauge_add(g, 2.5);
	cprom_gauge_dec(g);
	cprom_gauge_sub(g, 0.5);
	assert_double(cprom_gauge_value(g), 102);
	cprom_gauge_set_max(g, 1);
	assert_double(cprom_gauge_value(g), 102);
	cprom_gauge_set_max(g, 8);
	assert_double(cprom_gauge_value(g), 108);
	cprom_gauge_set_min(g, -1);
	assert_double(cprom_gauge_value(g), 99);
	end(&other);
}

static void
the_first_extreme_needs_no_value_before(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_MIN);

	(void)state;
	cprom_gauge_set_min(g, 9);
	assert_double(cprom_gauge_value(g), 9);
	cprom_gauge_set_max(g, 12);
	assert_double(cprom_gauge_value(g), 12);
}

static void
numbers_of_every_kind_are_kept(void **state)
{
	static const double numbers[] = {-0.0, 1e308, -5e-324, __builtin_inf(), -__builtin_inf()};
	cprom_gauge *g = make(CPROM_GAUGE_LIVE_MAX);

	(void)state;
	for (size_t i = 0; i < array_len(numbers); i++) {
		cprom_gauge_set(g, numbers[i]);
		assert_double(cprom_gauge_value(g), numbers[i]);
	}
	cprom_gauge_set(g, __builtin_nan("0x63726f6d2121"));
	assert_sample(registry, "g", "NaN");
}

static void
a_nan_gives_way_to_an_extreme(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_MAX);
	struct child other = start(g, cprom_gauge_set);

	(void)state;
	tell(&other, -4);
	cprom_gauge_set(g, __builtin_nan(""));
	assert_double(cprom_gauge_value(g), -4);
	end(&other);
}

static void
the_parent_without_labels_drops(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1, .self_metrics = 1);
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = r, .labels = CPROM_LABELS("a"),
					 .multiprocess_mode = CPROM_GAUGE_SUM);

	(void)state;
	cprom_gauge_inc(g);
	assert_double(dropped(r, "labels_missing"), 1);
	cprom_registry_free(r);
}

/* ---- places -------------------------------------------------------------------- */

/* Many more processes than places, one after the other; each adds v. */
static void
run_generations(cprom_gauge *g, unsigned n, double v)
{
	for (unsigned i = 0; i < n; i++) {
		struct child c = start(g, cprom_gauge_add);

		tell(&c, v);
		end(&c);
	}
}

static void
what_the_dead_left_is_kept_when_their_place_is_taken(void **state)
{
	cprom_gauge *sum = make(CPROM_GAUGE_SUM);
	cprom_gauge *min = cprom_gauge_new("min", "M.", .registry = registry,
					   .multiprocess_mode = CPROM_GAUGE_MIN);

	(void)state;
	cprom_gauge_add(sum, 0.5);
	cprom_gauge_set(min, 3);
	run_generations(sum, 5 * LANES, 2);
	run_generations(min, 2 * LANES, 2);
	assert_double(cprom_gauge_value(sum), 0.5 + 5 * LANES * 2);
	assert_double(cprom_gauge_value(min), 2);
	assert_int_equal(load_relaxed(&registry->lanes.used_places), LANES);
}

static void
a_live_gauge_heals(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_LIVE_SUM);

	(void)state;
	run_generations(g, 3 * LANES, 1);
	assert_double(cprom_gauge_value(g), 0);
	cprom_gauge_inc(g);
	run_generations(g, 3 * LANES, 1);
	assert_double(cprom_gauge_value(g), 1);
}

static void
processes_without_a_place_share_one_part(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_SUM);
	cprom_gauge *all = cprom_gauge_new("all", "A.", .registry = registry,
					   .multiprocess_mode = CPROM_GAUGE_ALL);
	struct child c[LANES + 2];

	(void)state;
	for (unsigned i = 0; i < array_len(c); i++) {
		c[i] = start(i == LANES ? all : g, cprom_gauge_add);
		tell(&c[i], 1);
	}
	assert_double(cprom_gauge_value(g), LANES + 1);
	assert_sample(registry, "all{pid=\"overflow\"}", "1");
	for (unsigned i = 0; i < array_len(c); i++)
		end(&c[i]);
	assert_double(cprom_gauge_value(g), LANES + 1);
}

/* A taker of a place that died in the middle, at each of its steps: G2, G3. */
static void
a_place_can_be_inherited_again_after_any_step(void **state)
{
	static const struct {
		uint64_t turn, kept[2];
		bool own;
	} steps[] = {
		{0, {0, 0}, true},   /* before the first */
		{0, {0, 40}, true},  /* merged into the word that is not in use */
		{3, {0, 40}, true},  /* turned */
		{3, {0, 40}, false}, /* own is unset */
		{2, {0, 40}, false}, /* done */
	};
	cprom_gauge *g = make(CPROM_GAUGE_SUM);
	const struct handle *h = (const struct handle *)g;
	struct child dead = start(g, cprom_gauge_set);
	uint64_t word40, owner;
	atomic_u64 *cells;

	(void)state;
	tell(&dead, 40);
	cells = cpromi_cells(h, 0, 1);
	assert_non_null(cells);
	word40 = load_relaxed(&cells[PART_OWN]);
	owner = load_relaxed(&registry->lanes.places[0]);
	end(&dead);
	for (unsigned i = 2; i <= LANES; i++) /* no other place is free */
		store_relaxed(&registry->lanes.places[i - 1],
			      cpromi_identity_of_thread() ^ 1 << 30);
	for (size_t i = 0; i < array_len(steps); i++) {
		struct child heir = start(g, cprom_gauge_add);

		store_relaxed(&registry->lanes.places[0], owner | IDENTITY_REAPING);
		store_relaxed(&cells[PART_TURN], steps[i].turn);
		for (unsigned k = 0; k < 2; k++)
			store_relaxed(&cells[PART_KEPT + k], steps[i].kept[k] == 0 ? 0 : word40);
		store_relaxed(&cells[PART_OWN], steps[i].own ? word40 : 0);
		assert_double(cprom_gauge_value(g), 40);
		tell(&heir, 2);
		assert_double(cprom_gauge_value(g), 42);
		assert_int_equal(cpromi_identity_pid(load_relaxed(&registry->lanes.places[0])),
				 heir.pid);
		end(&heir);
	}
}

static void
the_place_of_a_namesake_is_not_ours(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_LIVE_SUM);

	(void)state;
	cprom_gauge_set(g, 1);
	/* As if it were of a dead process that had our number. */
	store_relaxed(&registry->lanes.places[0],
		      cpromi_identity_of_process() ^ (uint64_t)1 << (2 * IDENTITY_BITS));
	assert_double(cprom_gauge_value(g), 0);
	struct child c = start(g, cprom_gauge_set);

	tell(&c, 5);
	assert_double(cprom_gauge_value(g), 5);
	end(&c);
}

static void *
count_many(void *g)
{
	for (unsigned i = 0; i < OFTEN; i++)
		cprom_gauge_inc(g);
	return NULL;
}

static void
threads_of_a_process_share_its_part(void **state)
{
	cprom_gauge *g = make(CPROM_GAUGE_ALL);
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < array_len(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, g), 0);
	for (unsigned i = 0; i < array_len(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_double(of_pid("g", getpid()), 4.0 * OFTEN);
	assert_double(sum_of_lines(registry, "g"), 4.0 * OFTEN);
}

static void
a_removed_series_leaves_no_part_to_the_next(void **state)
{
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = registry,
					 .labels = CPROM_LABELS("a"),
					 .multiprocess_mode = CPROM_GAUGE_SUM);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_double(cprom_gauge_value(cprom_labels(g, name)), 0);
		cprom_gauge_set(cprom_labels(g, name), i);
		assert_int_equal(cprom_remove(g, name), 0);
	}
}

/* ---- definitions ----------------------------------------------------------------- */

static void
a_private_registry_has_one_value(void **state)
{
	cprom_registry *r = cprom_registry_new();
	cprom_gauge *g = cprom_gauge_new("g", "G.", .registry = r,
					 .multiprocess_mode = CPROM_GAUGE_LIVE_ALL);

	(void)state;
	cprom_gauge_set(g, 4);
	assert_sample(r, "g", "4");
	assert_double(cprom_gauge_value(g), 4);
	cprom_registry_free(r);
}

static void
modes_are_part_of_the_definition(void **state)
{
	(void)state;
	make(CPROM_GAUGE_SUM);
	assert_null(cprom_gauge_new("g", "G.", .registry = registry));
	assert_reason(EEXIST, "mode");
	assert_ptr_equal(make(CPROM_GAUGE_SUM), make(CPROM_GAUGE_SUM));
}

static void
what_is_no_mode_is_refused(void **state)
{
	(void)state;
	assert_null(cprom_gauge_new("x", "X.", .registry = registry,
				    .multiprocess_mode = (cprom_multiprocess_mode)10));
	assert_reason(EINVAL, "mode 10");
	assert_null(cprom_gauge_new("x", "X.", .registry = registry, .labels = CPROM_LABELS("pid"),
				    .multiprocess_mode = CPROM_GAUGE_ALL));
	assert_reason(EINVAL, "pid");
	assert_non_null(cprom_gauge_new("x", "X.", .registry = registry,
					.labels = CPROM_LABELS("pid"),
					.multiprocess_mode = CPROM_GAUGE_SUM));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(each_mode_merges_as_it_says),
		test(all_shows_each_process_by_its_number),
		test(labels_and_pid_stand_together),
		test(every_update_is_of_the_own_part),
		test(the_first_extreme_needs_no_value_before),
		test(numbers_of_every_kind_are_kept),
		test(a_nan_gives_way_to_an_extreme),
		test(the_parent_without_labels_drops),
		test(what_the_dead_left_is_kept_when_their_place_is_taken),
		test(a_live_gauge_heals),
		test(processes_without_a_place_share_one_part),
		test(a_place_can_be_inherited_again_after_any_step),
		test(the_place_of_a_namesake_is_not_ours),
		test(threads_of_a_process_share_its_part),
		test(a_removed_series_leaves_no_part_to_the_next),
		test(a_private_registry_has_one_value),
		test(modes_are_part_of_the_definition),
		test(what_is_no_mode_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
