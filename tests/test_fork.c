/* SPDX-License-Identifier: MIT */
/*
 * Tests of fork and its kin: who counts where, with threads, generations, collectors and
 * servers. What is expected is exact, in parent and child.
 *
 * A child says by its exit status at which step it failed.
 */
#include "registry.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "emulated.h"
#include "page.h"

#include <cprom.h>

#define THREADS 5
#define FORKS 40          /* while threads update */
#define CHILD_SECONDS 120 /* that a child may take: one that hangs fails, and does not stay */

extern char **environ;

/* ThreadSanitizer knows no threads that a child of many threads starts. */
#if defined(__has_feature)
#define HAS_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#else
#define HAS_TSAN 0
#endif

/*
 * LeakSanitizer asks this: leaks are none of a child's that ends as its last thread, for it
 * has what the parent allocated.
 */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

static pid_t first_process;

int
__lsan_is_turned_off(void)
{
	return getpid() != first_process;
}

static void
need_threads_in_children(void)
{
	if (HAS_TSAN)
		skip();
	skip_if_emulated("a child of a process with threads dies when it starts one");
}

/* ---- children ------------------------------------------------------------------ */

static int
status_of(pid_t pid)
{
	int status = -1;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pid_t
fork_child(int (*work)(void *arg), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		_exit(work(arg));
	}
	return pid;
}

static int
in_child(int (*work)(void *arg), void *arg)
{
	return status_of(fork_child(work, arg));
}

/* ---- what is counted ------------------------------------------------------------ */

struct metrics {
	cprom_registry *registry;
	cprom_counter *whole, *fraction;
	cprom_gauge *gauge;
	cprom_histogram *histogram;
	cprom_histogram *native;
	cprom_summary *summary;
};

static struct metrics
make(int shared, unsigned max_lanes)
{
	cprom_registry *r = cprom_registry_new(.shared = shared, .max_lanes = max_lanes);
	struct metrics m = {
		r,
		cprom_counter_new("whole_total", "W.", .registry = r),
		cprom_counter_new("fraction_total", "F.", .registry = r),
		cprom_gauge_new("gauge", "G.", .registry = r),
		cprom_histogram_new("histogram", "H.", .registry = r, .buckets = CPROM_BUCKETS(1)),
		cprom_histogram_new("native", "N.", .registry = r, .native = CPROM_NATIVE()),
		cprom_summary_new("summary", "S.", .registry = r,
				  .quantiles = CPROM_QUANTILES(0.5)),
	};

	assert_non_null(m.summary);
	return m;
}

static void
update(const struct metrics *m, int times)
{
	for (int i = 0; i < times; i++) {
		cprom_counter_inc(m->whole);
		cprom_counter_add(m->fraction, 0.25);
		cprom_gauge_inc(m->gauge);
		cprom_histogram_observe(m->histogram, i % 2 ? 0.5 : 2);
		cprom_histogram_observe(m->native, i % 3 - 1);
		cprom_summary_observe(m->summary, 3);
	}
}

/* Has each been updated between least and most times? */
static bool
is_between(const struct metrics *m, double least, double most)
{
	double values[] = {cprom_counter_value(m->whole),
			   cprom_counter_value(m->fraction) * 4,
			   cprom_gauge_value(m->gauge),
			   (double)cprom_histogram_count(m->histogram),
			   (double)cprom_histogram_count(m->native),
			   (double)cprom_summary_count(m->summary),
			   cprom_summary_sum(m->summary) / 3};

	for (size_t i = 0; i < array_len(values); i++)
		if (!(values[i] >= least && values[i] <= most)) {
			fprintf(stderr, "%ld: value %zu is %g, and should be %g to %g\n",
				(long)getpid(), i, values[i], least, most);
			return false;
		}
	return true;
}

static bool
is_exactly(const struct metrics *m, double times)
{
	return is_between(m, times, times);
}

static bool
count_owned(struct seat *s, void *arg)
{
	*(unsigned *)arg += load_acquire(&s->owner) != 0;
	return true;
}

static unsigned
seats_owned(cprom_registry *r)
{
	unsigned n = 0;

	cpromi_lanes_each_seat(&r->lanes, count_owned, &n);
	return n;
}

/* ---- threads that count, and wait until they may count again ---------------------- */

struct crew {
	const struct metrics *metrics;
	pthread_t threads[THREADS];
	pthread_barrier_t turn;
};

static void *
count_twice(void *arg)
{
	struct crew *c = arg;

	update(c->metrics, 100);
	pthread_barrier_wait(&c->turn);
	pthread_barrier_wait(&c->turn);
	update(c->metrics, 100);
	return NULL;
}

/* Returns when each has counted once. */
static void
start_crew(struct crew *c, const struct metrics *m)
{
	c->metrics = m;
	pthread_barrier_init(&c->turn, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&c->threads[i], NULL, count_twice, c), 0);
	pthread_barrier_wait(&c->turn);
}

/* Returns when each has counted again, and is gone. */
static void
end_crew(struct crew *c)
{
	pthread_barrier_wait(&c->turn);
	for (int i = 0; i < THREADS; i++)
		pthread_join(c->threads[i], NULL);
	pthread_barrier_destroy(&c->turn);
}

static int
add_ten_to_500(void *arg)
{
	struct metrics *m = arg;

	if (!is_exactly(m, 500))
		return 1;
	update(m, 10);
	return is_exactly(m, 510) ? 0 : 2;
}

static void
a_child_of_many_threads_has_their_counts_and_goes_on_alone(void **state)
{
	struct metrics m = make(0, 0);
	struct crew crew;

	(void)state;
	start_crew(&crew, &m);
	for (int i = 0; i < 3; i++)
		assert_int_equal(in_child(add_ten_to_500, &m), 0);
	end_crew(&crew);
	assert_true(is_exactly(&m, 1000));
	assert_int_equal(seats_owned(m.registry), 1); /* who made the metrics */
	cprom_registry_free(m.registry);
}

static void
a_child_of_many_threads_counts_beside_them_in_a_shared_registry(void **state)
{
	struct metrics m = make(1, 0);
	struct crew crew;

	(void)state;
	start_crew(&crew, &m);
	assert_int_equal(in_child(add_ten_to_500, &m), 0);
	assert_true(is_exactly(&m, 510));
	end_crew(&crew);
	assert_true(is_exactly(&m, 1010));
	assert_int_equal(seats_owned(m.registry), 2); /* and the child's, which did not leave it */
	assert_int_equal(load_acquire(&m.registry->lanes.used), THREADS + 2);
	cprom_registry_free(m.registry);
}

/* ---- threads that count all the time ----------------------------------------------- */

struct tally {
	_Alignas(CACHE_LINE) atomic_u64 begun;
	atomic_u64 done;
};

struct runners {
	struct metrics metrics;
	pthread_t threads[THREADS];
	struct tally tallies[THREADS];
	atomic_u32 next, stop;
};

static void *
run(void *arg)
{
	struct runners *r = arg;
	struct tally *t = &r->tallies[add_relaxed(&r->next, 1)];

	while (!load_relaxed(&r->stop)) {
		add_acq_rel(&t->begun, 1);
		update(&r->metrics, 1);
		add_acq_rel(&t->done, 1);
	}
	return NULL;
}

static void
start_runners(struct runners *r, int shared)
{
	memset(r, 0, sizeof(*r));
	r->metrics = make(shared, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&r->threads[i], NULL, run, r), 0);
}

static void
sum_tallies(struct runners *r, uint64_t *begun, uint64_t *done)
{
	*begun = *done = 0;
	for (int i = 0; i < THREADS; i++) {
		*done += load_acquire(&r->tallies[i].done);
		*begun += load_acquire(&r->tallies[i].begun);
	}
}

/* What they did; they are gone. */
static uint64_t
end_runners(struct runners *r)
{
	uint64_t begun, done;

	store_relaxed(&r->stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(r->threads[i], NULL);
	sum_tallies(r, &begun, &done);
	assert_true(begun == done);
	return done;
}

/* The child's copy of the tallies is as old as its copy of the registry. */
static int
go_on_from_the_copy(void *arg)
{
	struct runners *r = arg;
	struct metrics *m = &r->metrics;
	uint64_t begun, done, count;
	double before;
	char *page;

	sum_tallies(r, &begun, &done);
	if (!is_between(m, (double)done, (double)begun))
		return 1;
	before = cprom_counter_value(m->whole);
	count = cprom_histogram_count(m->histogram);
	update(m, 100);
	if (cprom_counter_value(m->whole) != before + 100 ||
	    cprom_histogram_count(m->histogram) != count + 100)
		return 2;
	page = cprom_render(m->registry, NULL, NULL);
	if (page == NULL || value_in(page, "whole_total") != before + 100 ||
	    value_in(page, "histogram_count") != value_in(page, "histogram_bucket{le=\"+Inf\"}"))
		return 3;
	free(page);
	return seats_owned(m->registry) == 1 ? 0 : 4;
}

static void
a_copy_made_while_threads_update_is_right_to_the_last_update(void **state)
{
	static struct runners r;

	(void)state;
	start_runners(&r, 0);
	for (int i = 0; i < FORKS; i++)
		assert_int_equal(in_child(go_on_from_the_copy, &r), 0);
	assert_true(is_exactly(&r.metrics, (double)end_runners(&r)));
	cprom_registry_free(r.metrics.registry);
}

static int
update_100_times(void *arg)
{
	update(arg, 100);
	return 0;
}

static void
children_of_threads_that_update_lose_nothing_in_a_shared_registry(void **state)
{
	static struct runners r;
	pid_t children[FORKS];

	(void)state;
	start_runners(&r, 1);
	for (int i = 0; i < FORKS; i++)
		children[i] = fork_child(update_100_times, &r.metrics);
	for (int i = 0; i < FORKS; i++)
		assert_int_equal(status_of(children[i]), 0);
	assert_true(is_exactly(&r.metrics, (double)end_runners(&r) + 100 * FORKS));
	cprom_registry_free(r.metrics.registry);
}

/* ---- a thread that forks -------------------------------------------------------------- */

#define MANY (LANE_ENTRIES - 3) /* registries: each has an entry (lane.h) */

static struct metrics many[MANY];

static int
end_as_a_thread(void *unused)
{
	for (int i = 0; i < MANY; i++) {
		if (!is_exactly(&many[i], 5))
			return 1;
		update(&many[i], 7);
	}
	(void)unused;
	pthread_exit(NULL); /* the last thread: the process ends with 0 */
}

static void *
fork_in_the_middle(void *arg)
{
	int *status = arg;

	for (int i = 0; i < MANY; i++)
		update(&many[i], 5);
	*status = in_child(end_as_a_thread, NULL);
	for (int i = 0; i < MANY; i++) {
		if (seats_owned(many[i].registry) != 2)
			*status = 100; /* the child has left its seat, and left alone the others */
		update(&many[i], 5);
	}
	return NULL;
}

static void
a_thread_that_forks_keeps_its_lanes_and_the_child_leaves_its_own(void **state)
{
	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		pthread_t thread;
		int status = -1;

		for (int i = 0; i < MANY; i++)
			many[i] = make(shared, 0);
		assert_int_equal(pthread_create(&thread, NULL, fork_in_the_middle, &status), 0);
		pthread_join(thread, NULL);
		assert_int_equal(status, 0);
		for (int i = 0; i < MANY; i++) {
			assert_true(is_exactly(&many[i], shared ? 17 : 10));
			assert_int_equal(seats_owned(many[i].registry), 1);
			assert_int_equal(load_acquire(&many[i].registry->lanes.used), 2 + shared);
			cprom_registry_free(many[i].registry);
		}
	}
}

/* ---- a program's own handler of fork ------------------------------------------------------- */

#define IN_A_RUN 300000 /* updates: both write at the same time for a while */

/* What the handler counts in; NULL, it does nothing. Both processes wait for each other. */
static struct early {
	cprom_counter *counter;
	struct lanes *lanes;
	uint32_t lane; /* of the child */
	int tell[2], hear[2];
} * early;

static void
count_a_run(cprom_counter *c)
{
	for (int i = 0; i < IN_A_RUN; i++)
		cprom_counter_inc(c);
}

static void
count_in_the_handler(void)
{
	char byte;

	if (early == NULL)
		return;
	alarm(CHILD_SECONDS);
	cprom_counter_inc(early->counter);
	early->lane = cpromi_lane_own(early->lanes);
	if (write(early->tell[1], "", 1) != 1 || read(early->hear[0], &byte, 1) != 1)
		_exit(1);
	count_a_run(early->counter);
}

/* Before CPROM_COUNTER() below makes the first registry. */
__attribute__((constructor(102))) static void
handle_forks_early(void)
{
	pthread_atfork(NULL, NULL, count_in_the_handler);
}

static int
lane_in_the_handler(void *arg)
{
	return (int)((struct early *)arg)->lane;
}

static void
a_handler_of_the_program_counts_in_the_childs_own_lane(void **state)
{
	cprom_registry *r = cprom_registry_new(.shared = 1);
	cprom_counter *c = cprom_counter_new("forks_total", "F.", .registry = r);
	struct early e = {.counter = c, .lanes = &r->lanes};
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(e.tell), 0);
	assert_int_equal(pipe(e.hear), 0);
	cprom_counter_inc(c);
	assert_int_equal(cpromi_lane_own(&r->lanes), 1);
	early = &e;
	child = fork_child(lane_in_the_handler, &e);
	early = NULL;
	assert_int_equal(read(e.tell[0], &byte, 1), 1);
	assert_int_equal(write(e.hear[1], "", 1), 1);
	count_a_run(c);
	assert_int_equal(status_of(child), 2);
	assert_true(cprom_counter_value(c) == 2 * IN_A_RUN + 2);
	for (int i = 0; i < 2; i++) {
		close(e.tell[i]);
		close(e.hear[i]);
	}
	cprom_registry_free(r);
}

/* ---- vfork and posix_spawn --------------------------------------------------------------- */

static pid_t
run_true_by_vfork(void)
{
	char *const argv[] = {(char *)"true", NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/bin/true", argv, environ);
		_exit(127);
	}
	return pid;
}

static pid_t
run_true_by_spawn(void)
{
	char *const argv[] = {(char *)"true", NULL};
	pid_t pid = -1;

	assert_int_equal(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ), 0);
	return pid;
}

static void
other_programs_are_started_without_a_trace(void **state)
{
	static struct runners r;

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		struct seat *seat;

		start_runners(&r, shared);
		seat = cpromi_lane_seat(&r.metrics.registry->lanes);
		for (int i = 0; i < 20; i++) {
			update(&r.metrics, 1);
			assert_int_equal(
				status_of(i % 2 ? run_true_by_vfork() : run_true_by_spawn()), 0);
		}
		assert_ptr_equal(cpromi_lane_seat(&r.metrics.registry->lanes), seat);
		assert_true(is_exactly(&r.metrics, (double)end_runners(&r) + 20));
		assert_int_equal(load_acquire(&r.metrics.registry->lanes.used), THREADS + 1);
		cprom_registry_free(r.metrics.registry);
	}
}

/* ---- generations --------------------------------------------------------------------------- */

struct line {
	struct metrics metrics;
	cprom_gauge *live;
	uint64_t used;
	int generation, last;
};

/* Each generation counts, has the next one, and finds all of it when that has ended. */
static int
have_descendants(void *arg)
{
	struct line *l = arg;
	int mine = l->generation++, status = 0;

	if (!is_exactly(&l->metrics, mine))
		return 1;
	update(&l->metrics, 1);
	cprom_gauge_inc(l->live);
	if (!is_exactly(&l->metrics, mine + 1) || cprom_gauge_value(l->live) != mine + 1)
		return 2;
	if (mine < l->last)
		status = in_child(have_descendants, l);
	if (status != 0)
		return status;
	if (!is_exactly(&l->metrics, l->metrics.registry->region.shared ? l->last + 1 : mine + 1))
		return 3;
	return cprom_gauge_value(l->live) == mine + 1 ? 0 : 4; /* the descendants are dead */
}

static void
every_generation_counts_in_a_shared_registry(void **state)
{
	struct line l = {.metrics = make(1, 0), .last = 30};

	(void)state;
	l.live = cprom_gauge_new("live", "L.", .registry = l.metrics.registry,
				 .multiprocess_mode = CPROM_GAUGE_LIVE_SUM);
	assert_int_equal(in_child(have_descendants, &l), 0);
	assert_true(is_exactly(&l.metrics, 31));
	assert_true(cprom_gauge_value(l.live) == 0);
	cprom_registry_free(l.metrics.registry);
}

static void
every_generation_goes_on_from_a_private_copy(void **state)
{
	struct line l = {.metrics = make(0, 0), .last = 30};

	(void)state;
	l.live = cprom_gauge_new("live", "L.", .registry = l.metrics.registry,
				 .multiprocess_mode = CPROM_GAUGE_LIVE_SUM);
	assert_int_equal(in_child(have_descendants, &l), 0);
	assert_true(is_exactly(&l.metrics, 0));
	cprom_registry_free(l.metrics.registry);
}

static int
take_the_same_lane(void *arg)
{
	struct line *l = arg;
	cprom_registry *r = l->metrics.registry;

	update(&l->metrics, 1);
	if (cpromi_lane_own(&r->lanes) != 1 || load_acquire(&r->lanes.used) != 1)
		return 1;
	if (l->used != 0 && load_relaxed(&r->region.used) != l->used)
		return 2;
	l->used = load_relaxed(&r->region.used);
	if (++l->generation < 100)
		return in_child(take_the_same_lane, l);
	return is_exactly(&l->metrics, 100) ? 0 : 3;
}

static void
a_hundred_generations_need_one_lane_of_a_private_registry(void **state)
{
	struct line l = {.metrics = make(0, 2)};

	(void)state;
	assert_int_equal(in_child(take_the_same_lane, &l), 0);
	cprom_registry_free(l.metrics.registry);
}

/* ---- collectors ------------------------------------------------------------------------------ */

enum childs_way { CHILD_ENDS, CHILD_GOES_ON, CHILD_IS_KILLED };

struct forker {
	enum childs_way way;
	pid_t child; /* 0 in it */
	bool forks;
	int released;
};

static void
fork_in_the_scrape(cprom_sink *out, void *arg)
{
	struct forker *f = arg;

	cprom_sink_family(out, CPROM_TYPE_GAUGE, "before_the_fork", "B.");
	cprom_sink_sample(out, 1);
	if (f->forks) {
		f->forks = false;
		f->child = fork();
		if (f->child == 0 && f->way == CHILD_ENDS)
			_exit(0);
		if (f->child == 0 && f->way == CHILD_IS_KILLED)
			raise(SIGKILL);
	}
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "after_the_fork", "A.");
	cprom_sink_sample(out, 2);
}

static void
release(void *arg)
{
	((struct forker *)arg)->released++;
}

/* Scrapes while the collector forks. The child, if it goes on, ends here. */
static void
scrape_and_fork(const struct metrics *m, struct forker *f, const char *expected)
{
	char *page;
	bool same;

	fflush(NULL);
	f->forks = true;
	f->child = -1;
	page = cprom_render(m->registry, NULL, NULL);
	same = page != NULL && strcmp(page, expected) == 0;
	free(page);
	if (f->child == 0)
		_exit(same ? 0 : 1);
	assert_true(same);
	assert_int_equal(status_of(f->child), f->way == CHILD_IS_KILLED ? -SIGKILL : 0);
}

static void
check_forking_collector(int shared, enum childs_way way)
{
	struct metrics m = make(shared, 0);
	struct forker f = {.way = way};
	cprom_collector *c = cprom_collector_new(fork_in_the_scrape, &f, .registry = m.registry,
						 .release = release);
	char *expected;

	assert_non_null(c);
	update(&m, 3);
	expected = page_of(m.registry);
	assert_non_null(strstr(expected, "\nafter_the_fork 2\n"));
	for (int i = 0; i < 3; i++)
		scrape_and_fork(&m, &f, expected);
	free(expected);
	assert_true(is_exactly(&m, 3));
	assert_int_equal(f.released, 0);
	cprom_collector_unregister(c);
	assert_int_equal(f.released, 1);
	expected = page_of(m.registry);
	assert_null(strstr(expected, "_the_fork"));
	free(expected);
	cprom_registry_free(m.registry);
}

static void
a_collector_may_fork_if_the_child_does_not_return(void **state)
{
	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		check_forking_collector(shared, CHILD_ENDS);
		check_forking_collector(shared, CHILD_IS_KILLED);
	}
}

static void
in_a_private_registry_the_child_may_finish_the_page(void **state)
{
	(void)state;
	check_forking_collector(0, CHILD_GOES_ON);
}

static void
die_in_the_scrape(cprom_sink *out, void *arg)
{
	(void)out;
	if (getpid() != *(const pid_t *)arg)
		raise(SIGKILL);
}

static void
note_release(void *arg)
{
	*(pid_t *)arg = 0;
}

static int
scrape_and_die(void *arg)
{
	free(cprom_render(((struct metrics *)arg)->registry, NULL, NULL));
	return 1;
}

static void
a_child_killed_inside_a_collector_keeps_nothing_from_its_release(void **state)
{
	struct metrics m = make(1, 0);
	pid_t mine = getpid();
	cprom_collector *c = cprom_collector_new(die_in_the_scrape, &mine, .registry = m.registry,
						 .release = note_release);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(in_child(scrape_and_die, &m), -SIGKILL);
	free(page_of(m.registry));
	cprom_collector_unregister(c);
	assert_int_equal(mine, 0);
	cprom_registry_free(m.registry);
}

/* ---- servers ----------------------------------------------------------------------------------- */

static int
threads_here(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = 0;

	for (const struct dirent *d; tasks != NULL && (d = readdir(tasks)) != NULL;)
		n += d->d_name[0] != '.';
	closedir(tasks);
	return n;
}

/* Of other threads that were joined; one may be on its way out of the kernel yet. */
static bool
is_alone(void)
{
	for (int tries = 0; tries < 2000 && threads_here() != 1; tries++)
		usleep(500);
	return threads_here() == 1;
}

/* The answer to GET path, with its head; "" if there is none. */
static const char *
get(int port, const char *path)
{
	static char answer[65536];
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {10, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t length = 0;
	ssize_t n = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    dprintf(fd, "GET %s HTTP/1.0\r\n\r\n", path) > 0)
		/* EINTR: a read with a timeout is not begun again after SIGCHLD, though ignored. */
		while ((n > 0 || errno == EINTR) && length < sizeof(answer) - 1) {
			errno = 0;
			n = read(fd, answer + length, sizeof(answer) - 1 - length);
			length += n > 0 ? (size_t)n : 0;
		}
	answer[length] = '\0';
	close(fd);
	return answer;
}

static bool
serves(int port, double times)
{
	char line[64];

	snprintf(line, sizeof(line), "\nwhole_total %g\n", times);
	return strstr(get(port, "/metrics"), line) != NULL;
}

struct service {
	struct metrics metrics;
	cprom_server *server;
	int port;
	int tell[2]; /* the child's pipe to the parent */
	int hear[2]; /* and back */
};

static void
start_service(struct service *s, int shared)
{
	s->metrics = make(shared, 0);
	s->server = cprom_server_start("127.0.0.1:0", .registry = s->metrics.registry);
	assert_non_null(s->server);
	s->port = cprom_server_port(s->server);
	assert_int_equal(pipe(s->tell), 0);
	assert_int_equal(pipe(s->hear), 0);
}

static void
end_service(struct service *s)
{
	cprom_server_stop(s->server);
	cprom_registry_free(s->metrics.registry);
	for (int i = 0; i < 2; i++) {
		close(s->tell[i]);
		close(s->hear[i]);
	}
}

/* A child that ends without a word is heard, too: the pipe is its alone. */
static void
hang_on(struct service *s)
{
	close(s->tell[1]);
	s->tell[1] = -1;
}

static int
serve_in_child(void *arg)
{
	struct service *s = arg;
	cprom_server *own;

	if (threads_here() != 1)
		return 1;
	if (cprom_server_port(s->server) != s->port) /* the copy can be asked */
		return 2;
	cprom_server_stop(s->server);
	if (!serves(s->port, 3)) /* the parent goes on */
		return 3;
	own = cprom_server_start("127.0.0.1:0", .registry = s->metrics.registry);
	if (own == NULL || threads_here() != 2)
		return 4;
	update(&s->metrics, 4);
	if (!serves(cprom_server_port(own), 7))
		return 5;
	cprom_server_stop(own);
	if (!is_alone())
		return 6;
	return serves(s->port, s->metrics.registry->region.shared ? 7 : 3) ? 0 : 7;
}

static void
a_child_has_no_server_and_starts_one_of_its_own(void **state)
{
	(void)state;
	need_threads_in_children();
	for (int shared = 0; shared < 2; shared++) {
		struct service s;

		start_service(&s, shared);
		update(&s.metrics, 3);
		assert_int_equal(in_child(serve_in_child, &s), 0);
		assert_true(serves(s.port, shared ? 7 : 3));
		end_service(&s);
	}
}

/* Without a word to the copy. */
static int
serve_beside_the_copy(void *arg)
{
	struct service *s = arg;
	cprom_server *own = cprom_server_start("127.0.0.1:0", .registry = s->metrics.registry);

	return own != NULL && serves(cprom_server_port(own), 3) && serves(s->port, 3) ? 0 : 1;
}

static int
take_the_port_over(void *arg)
{
	struct service *s = arg;
	char address[32], byte;
	cprom_server *own;

	cprom_server_stop(s->server);
	if (read(s->hear[0], &byte, 1) != 1) /* the parent has stopped */
		return 1;
	snprintf(address, sizeof(address), "127.0.0.1:%d", s->port);
	own = cprom_server_start(address, .registry = s->metrics.registry);
	if (own == NULL)
		return 2;
	update(&s->metrics, 1);
	if (write(s->tell[1], "", 1) != 1 || read(s->hear[0], &byte, 1) != 1)
		return 3;
	cprom_server_stop(own);
	return 0;
}

static void
a_child_takes_the_port_over_when_the_parent_has_stopped(void **state)
{
	struct service s;
	pid_t child;
	char byte;

	(void)state;
	need_threads_in_children();
	start_service(&s, 1);
	update(&s.metrics, 3);
	assert_int_equal(in_child(serve_beside_the_copy, &s), 0);
	child = fork_child(take_the_port_over, &s);
	hang_on(&s);
	cprom_server_stop(s.server);
	s.server = NULL;
	assert_int_equal(write(s.hear[1], "", 1), 1);
	assert_int_equal(read(s.tell[0], &byte, 1), 1);
	assert_true(serves(s.port, 4));
	assert_int_equal(write(s.hear[1], "", 1), 1);
	assert_int_equal(status_of(child), 0);
	end_service(&s);
}

/* ---- daemons -------------------------------------------------------------------------------------- */

/* What becomes of the program: tells its port, and waits for the end. */
static int
be_a_daemon(struct service *s)
{
	cprom_server *own;
	char byte;
	int port;

	cprom_server_stop(s->server);
	if (!is_exactly(&s->metrics, 3))
		return 1;
	update(&s->metrics, 4);
	own = cprom_server_start("127.0.0.1:0", .registry = s->metrics.registry);
	if (own == NULL || !is_exactly(&s->metrics, 7))
		return 2;
	port = cprom_server_port(own);
	if (write(s->tell[1], &port, sizeof(port)) != sizeof(port) ||
	    read(s->hear[0], &byte, 1) != 1)
		return 3;
	cprom_server_stop(own);
	return 0;
}

/* As daemon(3) does it: two forks, a session of its own. */
static int
daemonize(void *arg)
{
	struct service *s = arg;
	char status;
	pid_t pid;

	if (setsid() == -1)
		return 1;
	pid = fork();
	if (pid != 0)
		return pid > 0 ? 0 : 2;
	alarm(CHILD_SECONDS);
	status = (char)be_a_daemon(s);
	_exit(write(s->tell[1], &status, 1) == 1 ? 0 : 1);
}

static void
a_daemon_goes_on_with_what_was_made_before(void **state)
{
	(void)state;
	need_threads_in_children();
	for (int shared = 0; shared < 2; shared++) {
		struct service s;
		int port = 0;
		char status = 1;

		start_service(&s, shared);
		update(&s.metrics, 3);
		assert_int_equal(in_child(daemonize, &s), 0);
		hang_on(&s);
		assert_int_equal(read(s.tell[0], &port, sizeof(port)), sizeof(port));
		assert_true(serves(port, 7));
		assert_true(serves(s.port, shared ? 7 : 3));
		update(&s.metrics, 1);
		assert_true(serves(port, shared ? 8 : 7));
		assert_int_equal(write(s.hear[1], "", 1), 1);
		assert_int_equal(read(s.tell[0], &status, 1), 1);
		assert_int_equal(status, 0);
		assert_true(is_exactly(&s.metrics, shared ? 8 : 4));
		end_service(&s);
	}
}

/* ---- a handler that forks ----------------------------------------------------------------------------- */

static int
fork_in_the_handler(cprom_request *request, cprom_response *response, void *arg)
{
	struct service *s = arg;
	pid_t pid = fork();
	int status = -1;

	(void)request;
	if (pid == 0) {
		update(&s->metrics, 5);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return cprom_response_text(response, status == 0 ? "the child counted" : "no child");
}

static void
a_handler_may_fork(void **state)
{
	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		struct service s = {.metrics = make(shared, 0)};
		double expected = 0;
		int port;

		s.server = cprom_server_start("127.0.0.1:0", .registry = s.metrics.registry,
					      .handler = fork_in_the_handler, .handler_arg = &s);
		assert_non_null(s.server);
		port = cprom_server_port(s.server);
		for (int i = 0; i < 5; i++) {
			assert_non_null(strstr(get(port, "/fork"), "\r\n\r\nthe child counted"));
			expected += shared ? 5 : 0;
			assert_true(serves(port, expected));
		}
		cprom_server_stop(s.server);
		cprom_registry_free(s.metrics.registry);
	}
}

/* ---- the default registry ---------------------------------------------------------------------------------- */

static CPROM_COUNTER(defined, "defined_total", "Made before main.");

static int
use_the_default_registry(void *unused)
{
	char *page;
	bool right;

	(void)unused;
	cprom_counter_inc(defined);
	page = cprom_render(NULL, NULL, NULL);
	right = page != NULL && strstr(page, "\ndefined_total 2\n") != NULL &&
		strstr(page, "\nprocess_start_time_seconds ") != NULL;
	free(page);
	return right ? 0 : 1;
}

static void
a_child_has_its_own_default_registry(void **state)
{
	(void)state;
	cprom_counter_inc(defined);
	assert_int_equal(in_child(use_the_default_registry, NULL), 0);
	assert_int_equal(in_child(use_the_default_registry, NULL), 0);
	assert_true(cprom_counter_value(defined) == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_of_many_threads_has_their_counts_and_goes_on_alone),
		cmocka_unit_test(a_child_of_many_threads_counts_beside_them_in_a_shared_registry),
		cmocka_unit_test(a_copy_made_while_threads_update_is_right_to_the_last_update),
		cmocka_unit_test(children_of_threads_that_update_lose_nothing_in_a_shared_registry),
		cmocka_unit_test(a_thread_that_forks_keeps_its_lanes_and_the_child_leaves_its_own),
		cmocka_unit_test(a_handler_of_the_program_counts_in_the_childs_own_lane),
		cmocka_unit_test(other_programs_are_started_without_a_trace),
		cmocka_unit_test(every_generation_counts_in_a_shared_registry),
		cmocka_unit_test(every_generation_goes_on_from_a_private_copy),
		cmocka_unit_test(a_hundred_generations_need_one_lane_of_a_private_registry),
		cmocka_unit_test(a_collector_may_fork_if_the_child_does_not_return),
		cmocka_unit_test(in_a_private_registry_the_child_may_finish_the_page),
		cmocka_unit_test(a_child_killed_inside_a_collector_keeps_nothing_from_its_release),
		cmocka_unit_test(a_child_has_no_server_and_starts_one_of_its_own),
		cmocka_unit_test(a_child_takes_the_port_over_when_the_parent_has_stopped),
		cmocka_unit_test(a_daemon_goes_on_with_what_was_made_before),
		cmocka_unit_test(a_handler_may_fork),
		cmocka_unit_test(a_child_has_its_own_default_registry),
	};

	first_process = getpid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
