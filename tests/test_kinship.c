/* SPDX-License-Identifier: MIT */
/*
 * test_kinship: which process may use what another one left in shared memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kinship.h"

#include <cprom.h>
#include <stdlib.h>
#include <string.h>

/* What several processes tell each other. */
static struct stamp *shared;

/* Runs check in a child; its result. */
static bool
in_child(bool (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(check() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
inherits_0(void)
{
	return cpromi_kinship_inherits(&shared[0]);
}

static bool
a_child_inherits_0(void)
{
	return in_child(inherits_0);
}

static bool
stamps_0(void)
{
	shared[0] = cpromi_kinship_stamp();
	return cpromi_kinship_inherits(&shared[0]);
}

static void
a_process_has_its_own(void **state)
{
	struct stamp own = cpromi_kinship_stamp();

	(void)state;
	assert_true(cpromi_kinship_inherits(&own));
	assert_int_not_equal(own.tag, 0);
	assert_false(cpromi_kinship_inherits(&(struct stamp){own.tag ^ 2, 0}));
	assert_false(cpromi_kinship_inherits(&(struct stamp){0, 1}));
}

static void
children_and_grandchildren_inherit_what_was_before_them(void **state)
{
	(void)state;
	shared[0] = cpromi_kinship_stamp();
	assert_true(in_child(inherits_0));
	assert_true(in_child(a_child_inherits_0));
	assert_true(in_child(a_child_inherits_0)); /* however often the parent forks */
}

static void
a_parent_does_not_have_what_its_child_left(void **state)
{
	(void)state;
	assert_true(in_child(stamps_0));
	assert_false(inherits_0());
	assert_false(in_child(inherits_0)); /* nor does a sibling */
}

static void
a_child_does_not_have_what_came_after_it(void **state)
{
	int go[2];
	char byte = 0;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0)
		_exit(read(go[0], &byte, 1) == 1 && !inherits_0() && !a_child_inherits_0() ? 0 : 1);
	shared[0] = cpromi_kinship_stamp();
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(in_child(inherits_0));
	close(go[0]);
	close(go[1]);
}

static double
seven(void *arg)
{
	return *(double *)arg;
}

static void
emit_one(cprom_sink *out, void *arg)
{
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "emitted", "By a collector.");
	cprom_sink_sample(out, *(double *)arg);
}

static bool
page_has(cprom_registry *r, const char *text)
{
	char *page = cprom_render(r, NULL, NULL);
	bool has = page != NULL && strstr(page, text) != NULL;

	free(page);
	return has;
}

static cprom_registry *registry;

/* A worker registers functions with memory of its own, and leaves. */
static bool
a_worker_comes_and_goes(void)
{
	double *own = malloc(sizeof(*own));
	bool seen;

	*own = 7;
	cprom_gauge_new("of_worker", "A callback.", .registry = registry, .callback = seven,
			.arg = own);
	cprom_collector_new(emit_one, own, .registry = registry);
	seen = page_has(registry, "of_worker 7\n") && page_has(registry, "emitted 7\n") &&
	       page_has(registry, "of_maker 5\n");
	free(own);
	return seen;
}

static bool
a_worker_frees_the_registry(void)
{
	cprom_registry_free(registry);
	return true;
}

static void
functions_of_a_shared_registry_run_where_their_memory_is(void **state)
{
	double five = 5;

	(void)state;
	registry = cprom_registry_new(.shared = 1, .max_bytes = 1 << 20);
	assert_non_null(registry);
	cprom_gauge_new("of_maker", "A callback.", .registry = registry, .callback = seven,
			.arg = &five);
	assert_true(in_child(a_worker_comes_and_goes));
	assert_true(page_has(registry, "of_maker 5\n"));
	assert_false(page_has(registry, "of_worker"));
	assert_false(page_has(registry, "emitted"));
	cprom_registry_free(registry);
}

static void
a_worker_that_frees_a_shared_registry_leaves_it_to_the_others(void **state)
{
	double five = 5;

	(void)state;
	registry = cprom_registry_new(.shared = 1, .max_bytes = 1 << 20);
	cprom_collector_new(emit_one, &five, .registry = registry);
	assert_true(in_child(a_worker_frees_the_registry));
	assert_true(page_has(registry, "emitted 5\n"));
	cprom_registry_free(registry);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_its_own),
		cmocka_unit_test(children_and_grandchildren_inherit_what_was_before_them),
		cmocka_unit_test(a_parent_does_not_have_what_its_child_left),
		cmocka_unit_test(a_child_does_not_have_what_came_after_it),
		cmocka_unit_test(functions_of_a_shared_registry_run_where_their_memory_is),
		cmocka_unit_test(a_worker_that_frees_a_shared_registry_leaves_it_to_the_others),
	};

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cprom_default_registry(); /* kinship begins with the first registry */
	return shared == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
