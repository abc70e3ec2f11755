/* SPDX-License-Identifier: MIT */
/*
 * Tests of dump: the page is that of cprom_render(), but for what runs user code.
 */
#define _GNU_SOURCE 1 /* pipe2 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define REGISTRY_OPTIONS .max_lanes = 2
#include "expect.h"
#include "with_registry.h"

/* What a dump writes, to be freed; a pipe could not hold it. */
static char *
dump(cprom_registry *r)
{
	FILE *f = tmpfile();
	char *text;
	long n;

	assert_non_null(f);
	assert_int_equal(cprom_dump_fd(r, fileno(f)), 0);
	n = lseek(fileno(f), 0, SEEK_END);
	text = malloc((size_t)n + 1);
	assert_non_null(text);
	assert_int_equal(pread(fileno(f), text, (size_t)n, 0), n);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
assert_dump_is_the_page(cprom_registry *r)
{
	char *page = cprom_render(r, NULL, NULL), *dumped = dump(r);

	assert_non_null(page);
	assert_string_equal(dumped, page);
	free(page);
	free(dumped);
}

static void
every_type_is_as_in_a_page(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C\n\\.", .registry = registry,
					     .labels = CPROM_LABELS("a", "b"));
	cprom_gauge *g = cprom_gauge_new("g", "", .registry = registry,
					 .const_labels = CPROM_LABELS("k", "v\"w"));
	cprom_histogram *h = cprom_histogram_new("h", "H.", .registry = registry,
						 .labels = CPROM_LABELS("a"));
	cprom_summary *s = cprom_summary_new("s", "S.", .registry = registry,
					     .quantiles = CPROM_QUANTILES(0.5, 0.99));

	(void)state;
	assert_dump_is_the_page(registry);
	cprom_gauge_set(g, -1.5e300);
	for (unsigned i = 0; i < 3; i++) {
		char value[8];

		snprintf(value, sizeof(value), "%u\n", i);
		cprom_counter_add(cprom_labels(c, value, "\xc3\xa9"), i + 0.25);
		cprom_histogram_observe(cprom_labels(h, value), 0.1 * i);
		cprom_summary_observe(s, i);
	}
	assert_dump_is_the_page(registry);
	cprom_remove(c, "1\n", "\xc3\xa9");
	assert_dump_is_the_page(registry);
}

static void
the_largest_series_fit(void **state)
{
	static double bounds[CPROM_MAX_BUCKETS];
	static char help[100000], value[CPROM_MAX_LABEL_BYTES - 100];
	cprom_histogram *h;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	memset(help, 'h', 8000);
	h = cprom_histogram_new("h", help, .registry = registry, .labels = CPROM_LABELS("a"),
				.buckets = cprom_linear_buckets(1, 1, CPROM_MAX_BUCKETS, bounds));
	cprom_histogram_observe(cprom_labels(h, value), 5);
	assert_dump_is_the_page(registry);
}

static void
a_help_text_that_is_too_long_is_left_out(void **state)
{
	static char help[100001];
	char *text;

	(void)state;
	memset(help, 'h', sizeof(help) - 1);
	cprom_counter_inc(cprom_counter_new("c_total", help, .registry = registry));
	text = dump(registry);
	assert_string_equal(text, "# HELP c_total \n# TYPE c_total counter\nc_total 1\n");
	free(text);
}

static double
never(void *called)
{
	*(bool *)called = true;
	return 1;
}

static void
collect_never(cprom_sink *out, void *called)
{
	(void)out;
	*(bool *)called = true;
}

static void
user_code_is_not_run(void **state)
{
	bool called = false;
	char *text;

	(void)state;
	cprom_gauge_new("g", "G.", .registry = registry, .callback = never, .arg = &called);
	cprom_collector_new(collect_never, &called, .registry = registry);
	cprom_counter_new("c_total", "C.", .registry = registry);
	text = dump(registry);
	assert_string_equal(text, "# HELP c_total C.\n# TYPE c_total counter\nc_total 0\n");
	assert_false(called);
	free(text);
}

static void
what_write_says_is_passed_on(void **state)
{
	int ends[2];

	(void)state;
	cprom_counter_new("c_total", "C.", .registry = registry);
	assert_int_equal(cprom_dump_fd(registry, -1), -1);
	assert_reason(EBADF, "written");
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], "full", 4) > 0)
		;
	assert_int_equal(cprom_dump_fd(registry, ends[1]), -1);
	assert_int_equal(errno, EAGAIN);
	close(ends[0]);
	close(ends[1]);
	errno = 77;
	assert_dump_is_the_page(registry);
	assert_int_equal(errno, 77);
}

static void
without_a_default_registry_there_is_nothing_to_dump(void **state)
{
	(void)state;
	assert_int_equal(cprom_dump_fd(NULL, -1), 0);
}

static int full_pipe[2];

static void
dump_again(int signal)
{
	(void)signal;
	if (cprom_dump_fd(registry, STDOUT_FILENO) == -1 && errno == EBUSY)
		_exit(42);
}

/* A child whose dump waits in write(2), so that a handler comes in its middle. */
static void
one_dump_at_a_time(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	cprom_counter_new("c_total", "C.", .registry = registry);
	assert_int_equal(pipe2(full_pipe, O_NONBLOCK), 0);
	while (write(full_pipe[1], "full", 4) > 0)
		;
	fcntl(full_pipe[1], F_SETFL, 0);
	pid = fork();
	if (pid == 0) {
		signal(SIGALRM, dump_again);
		ualarm(50000, 50000);
		cprom_dump_fd(registry, full_pipe[1]);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	close(full_pipe[0]);
	close(full_pipe[1]);
}

static void *
dump_in_a_thread(void *text)
{
	*(char **)text = dump(registry);
	return NULL;
}

/* More threads than seats, none of which has used the registry: each gives its seat back. */
static void
threads_borrow_a_seat(void **state)
{
	cprom_counter *c = cprom_counter_new("c_total", "C.", .registry = registry);

	(void)state;
	cprom_counter_inc(c);
	for (unsigned i = 0; i < 100; i++) {
		char *text = NULL;
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, dump_in_a_thread, &text), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_non_null(strstr(text, "c_total 1\n"));
		free(text);
	}
	assert_double(cprom_counter_value(c), 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(every_type_is_as_in_a_page),
		test(the_largest_series_fit),
		test(a_help_text_that_is_too_long_is_left_out),
		test(user_code_is_not_run),
		test(what_write_says_is_passed_on),
		test(without_a_default_registry_there_is_nothing_to_dump),
		test(one_dump_at_a_time),
		test(threads_borrow_a_seat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
