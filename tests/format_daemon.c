/* SPDX-License-Identifier: MIT */
/*
 * format_daemon: serves metrics of every type that do not change, until its input ends, for
 * scripts that have others read them.
 *
 *    format_daemon [WORD]...
 *
 * What else it does, as daemons do, before it counts anything, and the server is already there:
 *
 *    locale        takes the locale of the environment
 *    environment   has a thread that changes the environment all the time
 *    umask         takes all permissions from what it makes
 *    chroot        locks itself up in the working directory
 *    nobody        gives up its privileges
 */
#define _GNU_SOURCE 1 /* setresuid */
#include <cprom.h>
#include <grp.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define OBSERVATIONS 1000
#define LARGE 2000
#define NOBODY 65534

static const double bounds[] = {0.002, 0.01, 0.05, 0.5, 1, 2.5, 10};
static const double quantiles[] = {0.5, 0.9, 0.99};

/* So that the quantile q of all is near 0.001 × 1.01^(1000 q). */
static double
observation(int i)
{
	return 0.001 * pow(1.01, i);
}

static void
count_jobs(void)
{
	cprom_counter *jobs = cprom_counter_new("jobs_done_total", "Jobs finished, by \"queue\".",
						.labels = CPROM_LABELS("queue"));

	cprom_counter_add(cprom_labels(jobs, "even"), 12);
	cprom_counter_add(cprom_labels(jobs, "o\"d\\d\n"), 0.5);
	cprom_counter_add_exemplar(cprom_labels(jobs, "even"), 1, CPROM_LABELS("trace_id", "jobs"));
}

static void
set_gauges(void)
{
	cprom_gauge *load = cprom_gauge_new("load_ratio", "Load.", .labels = CPROM_LABELS("of"),
					    .unit = "ratio");

	cprom_gauge_set(cprom_labels(load, "cpu"), 0.1);
	cprom_gauge_set(cprom_labels(load, "limit"), INFINITY);
	cprom_gauge_set(cprom_labels(load, "debt"), -1e-9);
}

static void
observe(void)
{
	cprom_histogram *wait = cprom_histogram_new("wait_seconds", "Waiting.",
						    .buckets = {bounds, array_len(bounds)});
	cprom_histogram *native = cprom_histogram_new("native_seconds", "Sparse buckets.",
						      .native = CPROM_NATIVE(.growth = 1.1));
	cprom_histogram *both = cprom_histogram_new("both_seconds", "Buckets of both kinds.",
						    .buckets = {bounds, array_len(bounds)},
						    .native = CPROM_NATIVE(.growth = 1.1));
	cprom_summary *turn = cprom_summary_new("turn_seconds", "Turning.",
						.quantiles = {quantiles, array_len(quantiles)});

	for (int i = 0; i < OBSERVATIONS; i++) {
		cprom_histogram_observe(wait, observation(i));
		cprom_histogram_observe(native, observation(i));
		cprom_histogram_observe(both, observation(i));
		cprom_summary_observe(turn, observation(i));
	}
	cprom_histogram_observe_exemplar(wait, 0.25, CPROM_LABELS("trace_id", "wait"));
	cprom_histogram_observe_exemplar(both, 0.25, CPROM_LABELS("trace_id", "both"));
}

/* More than a scrape in protobuf holds at once: measured first, written then. */
static void
fill_large_families(void)
{
	cprom_counter *tasks = cprom_counter_new("tasks_done_total", "Many counters.",
						 .labels = CPROM_LABELS("task"));
	cprom_histogram *steps = cprom_histogram_new("steps_seconds", "Many histograms.",
						     .labels = CPROM_LABELS("task"),
						     .buckets = CPROM_BUCKETS(0.5, 1, 2.5));
	cprom_histogram *sparse = cprom_histogram_new("sparse_seconds", "Many native ones.",
						      .labels = CPROM_LABELS("task"),
						      .native = CPROM_NATIVE(.growth = 1.1));
	char task[16];

	for (int i = 0; i < LARGE; i++) {
		snprintf(task, sizeof(task), "%d", i);
		cprom_counter_add(cprom_labels(tasks, task), i + 0.25);
		cprom_histogram_observe_many(cprom_labels(steps, task), i % 4, 1 + i);
		cprom_histogram_observe(cprom_labels(sparse, task), observation(i % OBSERVATIONS));
	}
}

/* The first one tells some readers what the family is: it is empty, and has no zero bucket. */
static void
observe_both_signs(void)
{
	cprom_histogram *offset = cprom_histogram_new(
		"offset_seconds", "Sparse buckets on either side.", .labels = CPROM_LABELS("of"),
		.native = CPROM_NATIVE(.growth = 1.1, .zero_threshold = -1));

	cprom_labels(offset, "nothing");
	for (int i = 0; i < OBSERVATIONS; i++)
		cprom_histogram_observe(cprom_labels(offset, "clock"), i - OBSERVATIONS / 2 + 0.5);
}

/* ---- what daemons do --------------------------------------------------------------- */

static void *
change_environment(void *unused)
{
	static char put[] = "TZ=UTC-3";
	char name[16];

	for (unsigned i = 0;; i++) {
		snprintf(name, sizeof(name), "CPROM_%u", i % 100);
		setenv(name, name, 1);
		setenv("LC_ALL", i % 2 ? "C" : "de_DE.UTF-8", 1);
		putenv(put);
		unsetenv(i % 2 ? name : "TZ");
		if (i % 100 == 0)
			usleep(100);
	}
	return unused;
}

static bool
start_changing(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, change_environment, NULL) == 0 &&
	       pthread_detach(thread) == 0;
}

static bool
behave(const char *word)
{
	if (strcmp(word, "locale") == 0)
		return setlocale(LC_ALL, "") != NULL;
	if (strcmp(word, "environment") == 0)
		return start_changing();
	if (strcmp(word, "umask") == 0)
		return umask(0777) != 0777;
	if (strcmp(word, "chroot") == 0)
		return chroot(".") == 0;
	if (strcmp(word, "nobody") == 0)
		return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		       setresuid(NOBODY, NOBODY, NOBODY) == 0;
	return false;
}

int
main(int argc, char **argv)
{
	cprom_server *server = cprom_server_start("127.0.0.1:0");
	char byte;

	if (server == NULL) {
		fprintf(stderr, "%s\n", cprom_error());
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (!behave(argv[i])) {
			perror(argv[i]);
			return 1;
		}
	count_jobs();
	set_gauges();
	observe();
	observe_both_signs();
	fill_large_families();
	printf("port %d\n", cprom_server_port(server));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	cprom_server_stop(server);
	return 0;
}
