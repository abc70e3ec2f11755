/* SPDX-License-Identifier: MIT */
/*
 * Collectors: run once in each scrape, free to do anything in it, released once when nobody runs them.
 */
#include "collector.h"

#include "error.h"
#include "registry.h"

#include <cprom.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "page.h"

#define REGISTRY_OPTIONS /* the page is what the test puts there */
#include "with_registry.h"

/* What a collector of these tests works with; static, for the registry outlives the test. */
struct work {
	const char *name; /* of the gauge that it emits */
	int runs;
	int released;
	cprom_collector *self;
	void (*inside)(struct work *w);
	cprom_collector *other;
};

static void
work(cprom_sink *out, void *arg)
{
	struct work *w = arg;

	assert_int_equal(w->released, 0);
	w->runs++;
	if (w->inside != NULL)
		w->inside(w);
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_GAUGE, w->name, "Work."), 0);
	assert_int_equal(cprom_sink_sample(out, w->runs), 0);
}

static void
release(void *arg)
{
	struct work *w = arg;

	w->released++;
}

static void
start(struct work *w, const char *name)
{
	w->name = name;
	w->self = cprom_collector_new(work, w, .registry = registry, .release = release);
	assert_non_null(w->self);
}

#define PAGE_OF(name, value) "# HELP " name " Work.\n# TYPE " name " gauge\n" name " " value "\n"

/* ---- making ------------------------------------------------------------------ */

static void
a_collector_needs_a_function(void **state)
{
	cprom_collector_options o = {.size = 3, .collect = work};

	(void)state;
	assert_null(cprom_collector_new(NULL, NULL, .registry = registry));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_collector_create(NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(cprom_collector_create(&o));
	assert_int_equal(errno, EINVAL);
	o.size = 1 << 20;
	assert_null(cprom_collector_create(&o));
	assert_int_equal(errno, EINVAL);
	assert_page(registry, "");
}

static void
without_memory_there_is_no_collector(void **state)
{
	static struct work w = {0};
	int made = 0;
	cprom_registry *r = cprom_registry_new(.max_bytes = 1 << 18);

	(void)state;
	while (cprom_collector_new(work, &w, .registry = r) != NULL)
		assert_true(++made < 10000);
	assert_int_equal(errno, ENOMEM);
	assert_true(made > 10);
	cprom_registry_free(r);
}

static void
an_older_caller_has_fewer_options(void **state)
{
	static struct work w = {.name = "w"};
	cprom_collector_options o = {.size = offsetof(cprom_collector_options, release),
				     .collect = work,
				     .arg = &w,
				     .registry = registry,
				     .release = release};
	cprom_collector *c = cprom_collector_create(&o);

	(void)state;
	assert_page(registry, PAGE_OF("w", "1"));
	cprom_collector_unregister(c);
	assert_int_equal(w.released, 0);
}

static void
it_runs_once_in_each_scrape_in_its_place(void **state)
{
	static struct work a = {0}, b = {0};

	(void)state;
	cprom_gauge_new("first", "Work.", .registry = registry);
	start(&a, "z");
	cprom_gauge_new("middle", "Work.", .registry = registry);
	start(&b, "y");
	assert_page(registry, PAGE_OF("first", "0") PAGE_OF("z", "1") PAGE_OF("middle", "0")
				      PAGE_OF("y", "1"));
	assert_page(registry, PAGE_OF("first", "0") PAGE_OF("z", "2") PAGE_OF("middle", "0")
				      PAGE_OF("y", "2"));
	assert_int_equal(a.runs, 2);
	assert_int_equal(b.runs, 2);
}

static void
it_runs_once_even_if_the_page_is_read_byte_by_byte(void **state)
{
	static struct work a = {0};
	cprom_scrape *s;
	char *page;

	(void)state;
	start(&a, "a");
	s = cprom_scrape_open(registry, NULL);
	page = read_rest(s, 1);
	assert_string_equal(page, PAGE_OF("a", "1"));
	assert_int_equal(a.runs, 1);
	free(page);
	cprom_scrape_close(s);
}

static void
collectors_are_found_by_their_function(void **state)
{
	static struct work a, b;

	(void)state;
	assert_false(cpromi_collector_exists(registry, work));
	cprom_gauge_new("g", "G.", .registry = registry);
	assert_false(cpromi_collector_exists(registry, work));
	start(&a, "a");
	start(&b, "b");
	cprom_collector_unregister(a.self);
	assert_true(cpromi_collector_exists(registry, work));
	cprom_collector_unregister(b.self);
	assert_false(cpromi_collector_exists(registry, work));
}

static void
emit_nothing(cprom_sink *out, void *arg)
{
	(void)out;
	(void)arg;
}

static void
collectors_are_removed_by_their_function(void **state)
{
	static struct work a, b, c;

	(void)state;
	start(&a, "a");
	cprom_gauge_new("g", "Work.", .registry = registry);
	cprom_collector_new(emit_nothing, NULL, .registry = registry);
	start(&b, "b");
	start(&c, "c");
	cprom_collector_unregister(c.self);
	cpromi_collector_remove(registry, work);
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 1);
	assert_int_equal(c.released, 1);
	assert_false(cpromi_collector_exists(registry, work));
	assert_true(cpromi_collector_exists(registry, emit_nothing));
	cpromi_collector_remove_own(registry);
	assert_false(cpromi_collector_exists(registry, emit_nothing));
	assert_page(registry, PAGE_OF("g", "0"));
}

/* ---- unregistering ------------------------------------------------------------- */

static void
after_it_is_unregistered_it_does_not_run(void **state)
{
	static struct work a = {0};

	(void)state;
	start(&a, "a");
	free(page_of(registry));
	cprom_collector_unregister(a.self);
	assert_page(registry, "");
	assert_int_equal(a.runs, 1);
	cprom_collector_unregister(NULL);
}

static void
an_idle_one_is_released_at_once_and_once(void **state)
{
	static struct work a = {0}, b = {0};

	(void)state;
	start(&a, "a");
	start(&b, "b");
	free(page_of(registry));
	assert_int_equal(a.released, 0);
	cprom_collector_unregister(a.self);
	assert_int_equal(a.released, 1);
	for (int i = 0; i < 300; i++) /* until the memory is used again */
		cprom_unregister(cprom_gauge_new("g", "G.", .registry = registry));
	free(page_of(registry));
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 0);
}

static void
a_scrape_that_stands_still_does_not_delay_the_release(void **state)
{
	static struct work a = {0}, b = {0};
	cprom_scrape *s;
	char first[4], *rest;

	(void)state;
	start(&a, "a");
	start(&b, "b");
	s = cprom_scrape_open(registry, NULL);
	assert_int_equal(cprom_scrape_read(s, first, sizeof(first)), sizeof(first));
	assert_int_equal(a.runs, 1);
	cprom_collector_unregister(a.self);
	cprom_collector_unregister(b.self);
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 1);
	rest = read_rest(s, 100); /* what it emitted is the scrape's own */
	assert_string_equal(rest, &PAGE_OF("a", "1")[sizeof(first)]);
	free(rest);
	cprom_scrape_close(s);
}

static void
freeing_the_registry_releases_what_is_left_once(void **state)
{
	static struct work a = {0}, b = {0}, c = {0};
	cprom_registry *other = cprom_registry_new(), *kept = registry;

	(void)state;
	registry = other;
	start(&a, "a");
	start(&b, "b");
	start(&c, "c");
	registry = kept;
	cprom_collector_unregister(b.self);
	free(page_of(other));
	assert_int_equal(b.released, 1);
	cprom_registry_free(other);
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 1);
	assert_int_equal(c.released, 1);
}

/* A collector that waits inside. */
struct slow {
	sem_t inside;
	sem_t go_on;
	atomic_u32 released; /* counted */
	atomic_u32 running;
};

static void
wait_inside(cprom_sink *out, void *arg)
{
	struct slow *slow = arg;

	(void)out;
	add_relaxed(&slow->running, 1);
	sem_post(&slow->inside);
	sem_wait(&slow->go_on);
	if (load_relaxed(&slow->released) != 0)
		cprom_sink_fail(out, "released while it runs");
	sub_relaxed(&slow->running, 1);
}

static void
release_slow(void *arg)
{
	struct slow *slow = arg;

	/* Whoever released too early would see one running. */
	add_relaxed(&slow->released, load_relaxed(&slow->running) == 0 ? 1 : 1000);
}

static void *
render(void *arg)
{
	free(cprom_render(arg, NULL, NULL));
	return NULL;
}

static void
it_is_released_when_the_last_thread_leaves_it(void **state)
{
	struct slow slow = {0};
	pthread_t threads[3];
	cprom_collector *c;

	(void)state;
	sem_init(&slow.inside, 0, 0);
	sem_init(&slow.go_on, 0, 0);
	c = cprom_collector_new(wait_inside, &slow, .registry = registry, .release = release_slow);
	for (size_t i = 0; i < array_len(threads); i++) {
		pthread_create(&threads[i], NULL, render, registry);
		sem_wait(&slow.inside);
	}
	cprom_collector_unregister(c);
	assert_page(registry, ""); /* new scrapes go past it; nobody waits */
	for (int i = 0; i < 300; i++)
		cprom_unregister(cprom_gauge_new("g", "G.", .registry = registry));
	for (size_t i = 0; i < array_len(threads); i++) {
		assert_int_equal(load_relaxed(&slow.released), 0);
		sem_post(&slow.go_on);
		if (i + 1 < array_len(threads))
			usleep(20000);
	}
	for (size_t i = 0; i < array_len(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(load_relaxed(&slow.released), 1);
	assert_int_equal(load_relaxed(&registry->counts[SELF_COLLECTORS_FAILED]), 0);
	sem_destroy(&slow.inside);
	sem_destroy(&slow.go_on);
}

#define RACES 20000

struct race {
	atomic_u32 running;
	atomic_u32 released;
};

static struct race races[RACES];
static atomic_u32 race_over, race_wrong, race_runs;

static void
race_collect(cprom_sink *out, void *arg)
{
	struct race *race = arg;

	add_acq_rel(&race->running, 1);
	add_relaxed(&race_runs, 1);
	if (load_acquire(&race->released) != 0)
		add_relaxed(&race_wrong, 1);
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "race", "R.");
	cprom_sink_sample(out, 1);
	if (load_acquire(&race->released) != 0)
		add_relaxed(&race_wrong, 1);
	add_acq_rel(&race->running, (uint32_t)-1);
}

static void
race_release(void *arg)
{
	struct race *race = arg;

	if (load_acquire(&race->running) != 0)
		add_relaxed(&race_wrong, 1);
	add_acq_rel(&race->released, 1);
}

static void *
race_render(void *arg)
{
	while (!load_relaxed(&race_over))
		render(arg);
	return NULL;
}

static void
scrapes_and_unregistrations_race_and_each_is_released_once(void **state)
{
	pthread_t threads[2];
	cprom_collector *old, *new;

	(void)state;
	memset(races, 0, sizeof(races));
	store_relaxed(&race_over, 0);
	store_relaxed(&race_runs, 0);
	old = cprom_collector_new(race_collect, &races[0], .registry = registry,
				  .release = race_release);
	for (size_t i = 0; i < array_len(threads); i++)
		pthread_create(&threads[i], NULL, race_render, registry);
	while (load_relaxed(&race_runs) < 10) /* they are on their way */
		usleep(100);
	for (size_t i = 1; i < RACES; i++) {
		new = cprom_collector_new(race_collect, &races[i], .registry = registry,
					  .release = race_release);
		assert_non_null(new);
		cprom_collector_unregister(old);
		old = new;
	}
	cprom_collector_unregister(old);
	store_relaxed(&race_over, 1);
	for (size_t i = 0; i < array_len(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(load_relaxed(&race_wrong), 0);
	for (size_t i = 0; i < RACES; i++)
		assert_int_equal(load_relaxed(&races[i].released), 1);
}

static void
coming_and_going_takes_no_memory_for_good(void **state)
{
	static struct work w = {.name = "w"};
	uint64_t used = 0;
	int last = 20000;

	(void)state;
	for (int i = 0; i <= last; i++) {
		start(&w, "w");
		if (i % 100 == 0)
			free(page_of(registry));
		cprom_collector_unregister(w.self);
		assert_int_equal(w.released, 1);
		w.released = 0;
		if (i == last / 10)
			used = load_relaxed(&registry->region.used);
	}
	assert_in_range(load_relaxed(&registry->region.used), 1, used + 4096);
}

/* ---- processes that are killed ------------------------------------------------- */

static int inside_now[2];

static void
stop_inside(cprom_sink *out, void *unused)
{
	(void)out;
	(void)unused;
	if (write(inside_now[1], "", 1) == 1)
		pause();
}

static void
count_release(void *arg)
{
	++*(int *)arg;
}

/* Registers a collector in a shared registry, kills a child that runs it, unregisters. */
static void
kill_one_inside(cprom_registry *r, int *released)
{
	cprom_collector *c = cprom_collector_new(stop_inside, released, .registry = r,
						 .release = count_release);
	char byte;
	pid_t pid;

	assert_non_null(c);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		free(cprom_render(r, NULL, NULL));
		_exit(0);
	}
	assert_int_equal(read(inside_now[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	cprom_collector_unregister(c);
}

static void
one_that_a_killed_process_ran_is_released_and_its_memory_used_again(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1);
	uint64_t used = 0;
	int released = 0;

	(void)state;
	assert_int_equal(pipe(inside_now), 0);
	for (int i = 1; i <= 40; i++) {
		kill_one_inside(r, &released);
		assert_int_equal(released, i);
		if (i == 20)
			used = load_relaxed(&r->region.used);
		for (int turn = 0; turn < 4; turn++)
			cpromi_epoch_advance(&r->epoch);
	}
	assert_int_equal(load_relaxed(&r->region.used), used);
	close(inside_now[0]);
	close(inside_now[1]);
	cprom_registry_free(r);
}

/* ---- from inside ----------------------------------------------------------------- */

static void
unregister_itself(struct work *w)
{
	cprom_collector_unregister(w->self);
	assert_int_equal(w->released, 0);
}

static void
a_collector_may_unregister_itself(void **state)
{
	static struct work a = {.inside = unregister_itself}, b = {0};

	(void)state;
	start(&a, "a");
	start(&b, "b");
	assert_page(registry, PAGE_OF("a", "1") PAGE_OF("b", "1"));
	assert_int_equal(a.released, 1);
	assert_page(registry, PAGE_OF("b", "2"));
	assert_int_equal(a.released, 1);
}

static void
unregister_other(struct work *w)
{
	cprom_collector_unregister(w->other);
	w->other = NULL;
}

static void
a_collector_may_unregister_one_that_comes_later(void **state)
{
	static struct work a = {.inside = unregister_other}, b = {0};

	(void)state;
	start(&a, "a");
	start(&b, "b");
	a.other = b.self;
	assert_page(registry, PAGE_OF("a", "1"));
	assert_int_equal(b.runs, 0);
	assert_int_equal(b.released, 1);
}

static void
a_collector_may_unregister_one_that_came_before(void **state)
{
	static struct work a = {0}, b = {.inside = unregister_other};

	(void)state;
	start(&a, "a");
	start(&b, "b");
	b.other = a.self;
	assert_page(registry, PAGE_OF("a", "1") PAGE_OF("b", "1"));
	assert_int_equal(a.released, 1);
	assert_page(registry, PAGE_OF("b", "2"));
}

static struct work born_inside[3];

static void
register_others(struct work *w)
{
	static const char *const names[] = {"i", "j", "k"};

	if (w->runs > (int)array_len(names))
		return;
	start(&born_inside[w->runs - 1], names[w->runs - 1]);
}

static void
one_that_is_registered_inside_runs_from_the_next_scrape_on(void **state)
{
	static struct work a = {.inside = register_others};

	(void)state;
	memset(born_inside, 0, sizeof(born_inside));
	start(&a, "a");
	assert_page(registry, PAGE_OF("a", "1"));
	assert_page(registry, PAGE_OF("a", "2") PAGE_OF("i", "1"));
	assert_page(registry, PAGE_OF("a", "3") PAGE_OF("i", "2") PAGE_OF("j", "1"));
}

static cprom_gauge *inside_gauge;

static void
register_and_unregister_families(struct work *w)
{
	(void)w;
	cprom_unregister(inside_gauge);
	inside_gauge = cprom_gauge_new("inside", "Work.", .registry = registry,
				       .labels = CPROM_LABELS("l"));
	for (int i = 0; i < 100; i++) {
		char value[32];

		snprintf(value, sizeof(value), "%d", i);
		cprom_gauge_set(cprom_labels(inside_gauge, value), i);
	}
	assert_int_equal(cprom_remove_matching(inside_gauge, "l", "7"), 1);
}

static void
families_may_be_registered_and_unregistered_inside(void **state)
{
	static struct work a = {.inside = register_and_unregister_families};

	(void)state;
	inside_gauge = NULL;
	start(&a, "a");
	for (int i = 1; i < 50; i++) {
		char *page = page_of(registry);

		/* Those of the last run went in this one, the new ones came too late. */
		assert_int_equal(count_of_text(page, "inside"), 0);
		assert_true(value_in(page, "a") == i);
		free(page);
	}
	cprom_collector_unregister(a.self);
	assert_true(value_of(registry, "inside{l=\"99\"}") == 99);
	assert_int_equal(value_of(registry, "inside{l=\"8\"}"), 8);
}

static void
render_inside(struct work *w)
{
	char *page;

	if (w->runs % 3 == 0)
		return;
	page = page_of(registry);
	assert_int_equal(count_of_text(page, "# TYPE a gauge\n"), 1);
	free(page);
}

static void
a_collector_may_render_its_own_registry(void **state)
{
	static struct work a = {.inside = render_inside};

	(void)state;
	start(&a, "a");
	assert_page(registry, PAGE_OF("a", "3"));
	assert_int_equal(a.runs, 3);
}

static void
unregister_itself_and_render(struct work *w)
{
	cprom_collector_unregister(w->self);
	assert_page(registry, "");
}

static void
one_that_unregistered_itself_is_not_run_by_a_scrape_inside_it(void **state)
{
	static struct work a = {.inside = unregister_itself_and_render};

	(void)state;
	start(&a, "a");
	assert_page(registry, PAGE_OF("a", "1"));
	assert_int_equal(a.released, 1);
}

static void
release_and_register(void *arg)
{
	struct work *w = arg;

	w->released++;
	cprom_gauge_set(cprom_gauge_new("released", "Work.", .registry = registry), 1);
	free(page_of(registry));
	cprom_collector_unregister(w->other);
}

static void
a_release_may_use_the_registry(void **state)
{
	static struct work a = {.name = "a"}, b = {0};

	(void)state;
	start(&b, "b");
	a.other = b.self;
	a.self = cprom_collector_new(work, &a, .registry = registry,
				     .release = release_and_register);
	cprom_collector_unregister(a.self);
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 1);
	assert_page(registry, PAGE_OF("released", "1"));
}

#define CHAIN 12 /* more than a seat has names */

static struct work chain[CHAIN];

static void
release_the_next(void *arg)
{
	struct work *w = arg;

	w->released++;
	cprom_collector_unregister(w->other);
}

static void
a_release_may_unregister_the_next_however_many_there_are(void **state)
{
	(void)state;
	memset(chain, 0, sizeof(chain));
	_Static_assert(CHAIN > SEAT_USERS, "the chain is longer than a seat");
	for (int i = CHAIN - 1; i >= 0; i--) {
		chain[i].name = "chain";
		chain[i].other = i + 1 < CHAIN ? chain[i + 1].self : NULL;
		chain[i].self = cprom_collector_new(work, &chain[i], .registry = registry,
						    .release = release_the_next);
		assert_non_null(chain[i].self);
	}
	cprom_collector_unregister(chain[0].self);
	for (int i = 0; i < CHAIN; i++)
		assert_int_equal(chain[i].released, 1);
	assert_page(registry, "");
	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&registry->epoch); /* reclaimed, and not released again */
	for (int i = 0; i < CHAIN; i++)
		assert_int_equal(chain[i].released, 1);
}

static void
one_arg_may_serve_two_registries(void **state)
{
	static struct work a = {0};
	cprom_registry *other = cprom_registry_new();

	(void)state;
	start(&a, "a");
	assert_non_null(cprom_collector_new(work, &a, .registry = other));
	assert_page(registry, PAGE_OF("a", "1"));
	assert_page(other, PAGE_OF("a", "2"));
	cprom_registry_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_collector_needs_a_function),
		TEST(without_memory_there_is_no_collector),
		TEST(an_older_caller_has_fewer_options),
		TEST(it_runs_once_in_each_scrape_in_its_place),
		TEST(it_runs_once_even_if_the_page_is_read_byte_by_byte),
		TEST(collectors_are_found_by_their_function),
		TEST(collectors_are_removed_by_their_function),
		TEST(after_it_is_unregistered_it_does_not_run),
		TEST(an_idle_one_is_released_at_once_and_once),
		TEST(a_scrape_that_stands_still_does_not_delay_the_release),
		TEST(freeing_the_registry_releases_what_is_left_once),
		TEST(it_is_released_when_the_last_thread_leaves_it),
		TEST(scrapes_and_unregistrations_race_and_each_is_released_once),
		TEST(coming_and_going_takes_no_memory_for_good),
		TEST(one_that_a_killed_process_ran_is_released_and_its_memory_used_again),
		TEST(a_collector_may_unregister_itself),
		TEST(a_collector_may_unregister_one_that_comes_later),
		TEST(a_collector_may_unregister_one_that_came_before),
		TEST(one_that_is_registered_inside_runs_from_the_next_scrape_on),
		TEST(families_may_be_registered_and_unregistered_inside),
		TEST(a_collector_may_render_its_own_registry),
		TEST(one_that_unregistered_itself_is_not_run_by_a_scrape_inside_it),
		TEST(a_release_may_use_the_registry),
		TEST(a_release_may_unregister_the_next_however_many_there_are),
		TEST(one_arg_may_serve_two_registries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
