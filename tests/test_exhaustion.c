/* SPDX-License-Identifier: MIT */
/*
 * Each call of cprom.h while the n-th request for memory is refused, for n from 1 until none is.
 *
 * Requests are what malloc() and its kin, the registry's region and the system are asked for:
 * mappings, descriptors, threads. One is refused, or that one and all behind it. Each time
 * there is a new registry, private or shared, and a new thread, which has nothing in it yet, and in
 * some finds no lane either.
 *
 *  1. The call works, or fails as cprom.h says: -1 or NULL, errno, a reason.
 *  2. It works when there is memory again. Updates count in any case.
 *  3. Other families are in the page as before.
 *  4. Nothing is left: no block of the heap, no descriptor, no file, and in the registry no
 *     memory either.
 *  5. No call is forgotten: src/cprom.sym has those that the scenarios name.
 */
#define _GNU_SOURCE 1 /* accept4 */
#include "buffer.h"
#include "process.h"
#include "registry.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "heap.h"

#define MOST_REQUESTS 200 /* of one call */

/* ---- what the library asks the system for ----------------------------------------- */

void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__real_cpromi_region_alloc(struct region *r, size_t size);
void *__wrap_cpromi_region_alloc(struct region *r, size_t size);
void *__real_cpromi_region_carve(struct region *r, size_t size, size_t align);
void *__wrap_cpromi_region_carve(struct region *r, size_t size, size_t align);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_accept4(int fd, struct sockaddr *at, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *at, socklen_t *n, int flags);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static bool
refuses(int err)
{
	if (!heap_refuses())
		return false;
	errno = err;
	return true;
}

void *
__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	return refuses(ENOMEM) ? MAP_FAILED : __real_mmap(at, n, protection, flags, fd, offset);
}

void *
__wrap_cpromi_region_alloc(struct region *r, size_t size)
{
	return refuses(errno) ? NULL : __real_cpromi_region_alloc(r, size);
}

void *
__wrap_cpromi_region_carve(struct region *r, size_t size, size_t align)
{
	return refuses(errno) ? NULL : __real_cpromi_region_carve(r, size, align);
}

int
__wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
	return heap_refuses() ? EAGAIN : __real_pthread_create(t, a, f, arg);
}

int
__wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return refuses(EMFILE) ? -1 : __real_open(path, flags, mode);
}

int
__wrap_socket(int domain, int type, int protocol)
{
	return refuses(EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

int
__wrap_accept4(int fd, struct sockaddr *at, socklen_t *n, int flags)
{
	return refuses(EMFILE) ? -1 : __real_accept4(fd, at, n, flags);
}

int
__wrap_epoll_create1(int flags)
{
	return refuses(EMFILE) ? -1 : __real_epoll_create1(flags);
}

int
__wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return operation == EPOLL_CTL_ADD && refuses(ENOMEM)
		       ? -1
		       : __real_epoll_ctl(epoll, operation, fd, event);
}

int
__wrap_eventfd(unsigned value, int flags)
{
	return refuses(EMFILE) ? -1 : __real_eventfd(value, flags);
}

int
__wrap_timerfd_create(int clock, int flags)
{
	return refuses(EMFILE) ? -1 : __real_timerfd_create(clock, flags);
}

/* Inside libc it would ask libc's own malloc(). */
char *
__wrap_strdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = __wrap_malloc(n);

	return copy == NULL ? NULL : memcpy(copy, text, n);
}

/* ---- the world in which a call is made ------------------------------------------------ */

#define EXPECTED_TEXTS 3

static const char *const accepts[EXPECTED_TEXTS] = {
	NULL, "application/openmetrics-text;version=1.0.0",
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	"encoding=delimited"};

struct world {
	cprom_registry *registry;
	cprom_counter *counter, *requests;
	cprom_gauge *gauge, *part;
	cprom_histogram *histogram, *native;
	cprom_summary *summary;
	cprom_info *info;
	cprom_stateset *states;
	cprom_instrument instrument;
	cprom_collector *collector;
	cprom_server *server;
	char *pages[EXPECTED_TEXTS];
	char directory[32];
	int null;        /* descriptor of /dev/null */
	unsigned worked; /* calls, of the scenario at hand */
};

static struct world w;

/* The families that no scenario touches. */
static void
make_bystanders(void)
{
	cprom_histogram *h = cprom_histogram_new("by_seconds", "B.", .registry = w.registry,
						 .labels = CPROM_LABELS("a"));

	cprom_counter_add(cprom_counter_new("by_total", "B.", .registry = w.registry), 3);
	cprom_histogram_observe(cprom_labels(h, "x"), 0.5);
	cprom_histogram_observe(cprom_labels(h, "\"\n"), 5);
	cprom_info_set(cprom_info_new("by", "B.", .registry = w.registry), "k", "v");
}

static void
make_metrics(void)
{
#define HERE .registry = w.registry
	w.counter = cprom_counter_new("c_total", "C.", HERE);
	w.requests = cprom_counter_new("r_total", "R.", HERE, .labels = CPROM_LABELS("a", "b"));
	w.gauge = cprom_gauge_new("g", "G.", HERE);
	w.part = cprom_gauge_new("p", "P.", HERE, .multiprocess_mode = CPROM_GAUGE_SUM);
	w.histogram = cprom_histogram_new("h", "H.", HERE);
	w.native = cprom_histogram_new("n", "N.", HERE, .native = CPROM_NATIVE(.growth = 2));
	w.summary = cprom_summary_new("s", "S.", HERE, .quantiles = CPROM_QUANTILES(0.5));
	w.info = cprom_info_new("i", "I.", HERE);
	w.states = cprom_stateset_new("t", "T.", HERE, .states = CPROM_STATES("x", "y"),
				      .flags = 1);
	assert_non_null(cprom_labels(w.requests, "there", "x"));
	assert_int_equal(cprom_instrument_create(&w.instrument,
						 &(cprom_instrument_options){
							 .size = sizeof(cprom_instrument_options),
							 .name = "op",
							 .help = "Op.",
							 HERE}),
			 0);
}

static void
open_world(bool shared, bool lane_less)
{
	w = (struct world){.null = open("/dev/null", O_WRONLY | O_CLOEXEC)};
	w.registry = cprom_registry_new(.shared = shared, .max_bytes = (size_t)2 << 20,
					.max_lanes = lane_less ? 1 : 64);
	assert_non_null(w.registry);
	make_bystanders();
	make_metrics();
	snprintf(w.directory, sizeof(w.directory), "exhaustion.XXXXXX");
	assert_non_null(mkdtemp(w.directory));
}

static void
close_world(void)
{
	assert_int_equal(rmdir(w.directory), 0); /* it is empty */
	cprom_server_stop(w.server);
	for (size_t i = 0; i < EXPECTED_TEXTS; i++)
		free(w.pages[i]);
	cprom_registry_free(w.registry);
	close(w.null);
}

static char *
page_of_bystanders(size_t *length)
{
	static char page[4096];
	cprom_scrape *s = cprom_scrape_open_with(
		&(cprom_scrape_options){.size = sizeof(cprom_scrape_options),
					.registry = w.registry,
					.names = CPROM_STRINGS("by_total", "by_seconds", "by")});
	ssize_t n;

	assert_non_null(s);
	*length = 0;
	while ((n = cprom_scrape_read(s, page + *length, sizeof(page) - *length)) > 0)
		*length += (size_t)n;
	assert_int_equal(n, 0);
	cprom_scrape_close(s);
	return page;
}

/* ---- scenarios: metrics ---------------------------------------------------------------- */

/* Each returns 0, or -1 as the call that it is about did; 1: it was refused, and does not say so. */

static int
made(const void *p)
{
	return p == NULL ? -1 : 0;
}

static int
create_counter(void)
{
	return made(
		cprom_counter_new("new_total", "N.", HERE, .const_labels = CPROM_LABELS("a", "b")));
}

static int
create_gauge(void)
{
	return made(cprom_gauge_new("new", "N.", HERE, .multiprocess_mode = CPROM_GAUGE_LIVE_MAX));
}

static int
create_histogram(void)
{
	return made(cprom_histogram_new("new", "N.", HERE, .labels = CPROM_LABELS("a"),
					.buckets = CPROM_BUCKETS(1, 2, 7)));
}

static int
create_native(void)
{
	return made(cprom_histogram_new("new", "N.", HERE, .native = CPROM_NATIVE(.growth = 1.5)));
}

static int
create_summary(void)
{
	return made(cprom_summary_new("new", "N.", HERE, .quantiles = CPROM_QUANTILES(0.1, 0.7)));
}

static int
create_info(void)
{
	return made(cprom_info_new("new", "N.", HERE));
}

static int
create_stateset(void)
{
	return made(cprom_stateset_new("new", "N.", HERE, .states = CPROM_STATES("a", "b", "c")));
}

static int
create_build_info(void)
{
	return made(cprom_build_info("app", .version = "1", HERE));
}

static int
create_instrument(void)
{
	cprom_instrument i;

	return cprom_instrument_create(
		&i, &(cprom_instrument_options){.size = sizeof(cprom_instrument_options),
						.name = "new",
						.help = "N.",
						.labels = CPROM_LABELS("a"),
						HERE});
}

static int
create_registry(void)
{
	cprom_registry *r = cprom_registry_new(.shared = 1, .max_bytes = 1 << 20,
					       .self_metrics = 1);

	cprom_registry_free(r);
	return made(r);
}

static int
make_child(void)
{
	cprom_counter *child = cprom_labels(w.requests, "new", "\"");

	cprom_counter_inc(child);
	return made(child);
}

/* What could not be made counted in the overflow child. */
static void
check_child(void)
{
	double sum = sum_of_lines(w.registry, "r_total{");

	assert_double(sum, w.worked);
}

static int
remove_child(void)
{
	int result = cprom_remove(w.requests, "there", "x");

	return result == -1 && errno == ENOENT ? 0 : result;
}

static int
remove_matching(void)
{
	return cprom_remove_matching(w.requests, "a", "there") >= 0 ? 0 : -1;
}

static int
clear(void)
{
	return cprom_clear(w.requests);
}

static void
check_removed(void)
{
	assert_false(has_sample(w.registry, "r_total{a=\"there\",b=\"x\"}"));
}

static int
unregister(void)
{
	int result = cprom_unregister(w.requests);

	return result == -1 && errno == ENOENT ? 0 : result;
}

static int
say_info(void)
{
	return cprom_info_set(w.info, "k", "v");
}

static int
make_instrument_child(void)
{
	cprom_instrument i = cprom_instrument_child(&w.instrument, (cprom_strings){NULL, 0});

	return i.calls == NULL || i.errors == NULL || i.in_progress == NULL || i.seconds == NULL
		       ? -1
		       : 0;
}

/* ---- scenarios: updates ----------------------------------------------------------------- */

static int
count(void)
{
	cprom_counter_inc(w.counter);
	cprom_counter_add(w.counter, 2);
	cprom_counter_add(w.counter, 0.5);
	cprom_counter_add_exemplar(w.counter, 4, CPROM_LABELS("id", "x"));
	return 0;
}

static void
check_count(void)
{
	assert_double(cprom_counter_value(w.counter), 7.5 * w.worked);
}

static int
set_gauges(void)
{
	cprom_gauge_set_to_current_time(w.gauge);
	cprom_gauge_set(w.gauge, 5);
	cprom_gauge_set_max(w.gauge, 8);
	cprom_gauge_set_min(w.gauge, 7);
	cprom_gauge_add(w.gauge, 4);
	cprom_gauge_sub(w.gauge, 2);
	cprom_gauge_inc(w.gauge);
	cprom_gauge_inc(w.gauge);
	cprom_gauge_dec(w.gauge);
	cprom_gauge_set(w.part, 10);
	return 0;
}

/*
 * A part that had no memory once has none ever after, for a region only fills. Here there is some
 * again: then what went to the part of all who have none (part.h) is a part beside the own one.
 */
static void
check_gauges(void)
{
	double part = cprom_gauge_value(w.part);

	assert_double(cprom_gauge_value(w.gauge), 10);
	assert_true(part == 10 || part == 20);
}

static void
give_exemplar(cprom_exemplar *e)
{
	cprom_exemplar_labels(e, CPROM_LABELS("id", "hooked"));
}

static int
observe(void)
{
	int result = cprom_exemplar_hook(give_exemplar, 0);

	cprom_histogram_observe(w.histogram, 0.5);
	cprom_histogram_observe_many(w.histogram, 0.25, 2);
	cprom_histogram_observe_exemplar(w.histogram, 3, CPROM_LABELS("id", "x"));
	return result != 0 ? result : cprom_exemplar_hook(NULL, 0);
}

static void
check_observed(void)
{
	assert_int_equal(cprom_histogram_count(w.histogram), 4 * w.worked);
	assert_double(cprom_histogram_sum(w.histogram), 4 * w.worked);
}

/* A native bucket is memory by itself: without it the observation is dropped, and counted. */
static int
observe_natively(void)
{
	cprom_histogram_observe(w.native, 0.5);
	cprom_histogram_observe_many(w.native, 100, 2);
	cprom_histogram_observe_exemplar(w.native, 0, CPROM_LABELS("id", "x"));
	return 0;
}

static void
check_observed_natively(void)
{
	uint64_t lost = load_relaxed(&w.registry->drops[DROP_NO_MEMORY]);

	assert_true(cprom_histogram_count(w.native) >= 4 * (w.worked - 1));
	assert_true(cprom_histogram_count(w.native) + lost <= 4 * w.worked);
	assert_true(cprom_histogram_count(w.native) + 2 * lost >= 4 * w.worked);
}

static int
summarize(void)
{
	cprom_summary_observe(w.summary, 2);
	cprom_summary_observe(w.summary, 4);
	return 0;
}

static void
check_summary(void)
{
	double q = cprom_summary_quantile(w.summary, 0.5);

	assert_int_equal(cprom_summary_count(w.summary), 2 * w.worked);
	assert_double(cprom_summary_sum(w.summary), 6 * w.worked);
	if (w.worked > 1) /* the first ones may have found no memory for their buckets */
		assert_true(q > 1.9 && q < 4.1);
}

static int
set_states(void)
{
	cprom_stateset_set(w.states, 0);
	cprom_stateset_enable(w.states, 0, 0);
	return cprom_stateset_set_name(w.states, "y");
}

static void
check_states(void)
{
	assert_int_equal(cprom_stateset_value(w.states), 2);
}

static int
time_calls(void)
{
	cprom_call call = cprom_call_begin(&w.instrument);
	cprom_timer t = cprom_metric_timer(CPROM_METRIC(w.histogram));
	cprom_timer later = cprom_metric_timer(NULL), none = t;

	cprom_timer_observe(&t);
	cprom_metric_timer_observe(&later, CPROM_METRIC(w.histogram));
	cprom_timer_discard(&none);
	call.failed = 1;
	cprom_call_end(&call);
	return 0;
}

static void
check_calls(void)
{
	assert_int_equal(cprom_histogram_count(w.histogram), 2 * w.worked);
	assert_int_equal(cprom_histogram_count(w.instrument.seconds), w.worked);
	assert_double(cprom_counter_value(w.instrument.calls), w.worked);
	assert_double(cprom_counter_value(w.instrument.errors), w.worked);
	assert_double(cprom_gauge_value(w.instrument.in_progress), 0);
}

static int
compute_bounds(void)
{
	double out[3];

	return cprom_linear_buckets(1, 2, 3, out).count == 3 &&
			       cprom_exponential_buckets(1, 2, 3, out).count == 3 &&
			       cprom_exponential_buckets_range(1, 9, 3, out).count == 3 &&
			       *cprom_version() != '\0' && cprom_error() != NULL
		       ? 0
		       : -1;
}

/* ---- scenarios: collectors and pages ------------------------------------------------------ */

static void
collect(cprom_sink *out, void *fails)
{
	char value[16];

	(void)cprom_sink_family(out, CPROM_TYPE_GAUGE, "collected", "C.");
	for (int i = 0; i < 200; i++) {
		snprintf(value, sizeof(value), "%d", i);
		(void)cprom_sink_sample(out, i, .labels = CPROM_LABELS("i", value));
	}
	(void)cprom_sink_family(out, CPROM_TYPE_SUMMARY, "collected_too", "C.");
	(void)cprom_sink_sample(out, 0, .quantiles = CPROM_QUANTILES(0.5),
				.values = (const double[]){1});
	if (fails != NULL)
		cprom_sink_fail(out, fails);
}

static int
create_collector(void)
{
	if (w.collector == NULL)
		w.collector = cprom_collector_new(collect, NULL, HERE);
	return made(w.collector);
}

static void
prepare_collector(void)
{
	assert_int_equal(create_collector(), 0);
	assert_non_null(cprom_collector_new(collect, "on purpose", HERE));
}

static int
render_collected(void)
{
	for (size_t i = 0; i < EXPECTED_TEXTS; i++) {
		char *page = cprom_render(w.registry, accepts[i], NULL);

		if (page == NULL)
			return -1;
		free(page);
	}
	return 0;
}

static void
check_collected(void)
{
	assert_sample(w.registry, "collected{i=\"199\"}", "199");
	assert_sample(w.registry, "collected_too{quantile=\"0.5\"}", "1");
}

static int
unregister_collector(void)
{
	cprom_collector_unregister(w.collector);
	return 0;
}

static void
check_uncollected(void)
{
	assert_false(has_sample(w.registry, "collected{i=\"199\"}"));
}

/* Each with a family that is too large to be held, as protobuf has it. */
static void
prepare_pages(void)
{
	cprom_gauge *g = cprom_gauge_new("many.", "M.", HERE, .labels = CPROM_LABELS("i"));

	assert_null(g); /* the name is not legal here */
	g = cprom_gauge_new("many", "M.", HERE, .labels = CPROM_LABELS("i"));
	for (int i = 0; i < 1000; i++) {
		char value[16];

		snprintf(value, sizeof(value), "%d", i);
		cprom_gauge_set(cprom_labels(g, value), i);
	}
	for (size_t i = 0; i < EXPECTED_TEXTS; i++)
		w.pages[i] = cprom_render(w.registry, accepts[i], NULL);
}

static int
render_pages(void)
{
	for (size_t i = 0; i < EXPECTED_TEXTS; i++) {
		char *page = cprom_render(w.registry, accepts[i], NULL);

		if (page == NULL)
			return -1;
		assert_string_equal(page, w.pages[i]);
		free(page);
	}
	return 0;
}

static int
scrape_pages(void)
{
	for (size_t i = 0; i < EXPECTED_TEXTS; i++) {
		cprom_scrape *s = cprom_scrape_open(w.registry, accepts[i]);
		char piece[4096];
		ssize_t n = -1;
		size_t at = 0;
		int err;

		for (; s != NULL && (n = cprom_scrape_read(s, piece, sizeof(piece))) > 0;
		     at += (size_t)n)
			assert_memory_equal(piece, w.pages[i] + at, (size_t)n);
		assert_non_null(cprom_scrape_content_type(s));
		if (n < 0 && s != NULL)
			assert_int_equal(cprom_scrape_read(s, piece, 1), -1); /* for good */
		err = errno;
		cprom_scrape_close(s);
		errno = err;
		if (n < 0)
			return -1;
	}
	return 0;
}

static int
scrape_some(void)
{
	cprom_scrape *s = cprom_scrape_open_with(
		&(cprom_scrape_options){.size = sizeof(cprom_scrape_options),
					HERE,
					.names = CPROM_STRINGS("by_total", "many")});

	cprom_scrape_close(s);
	return made(s);
}

static int
write_textfile(void)
{
	char path[64];
	int result;

	snprintf(path, sizeof(path), "%s/page.prom", w.directory);
	result = cprom_write_textfile(w.registry, path);
	if (result == 0)
		assert_int_equal(unlink(path), 0);
	return result;
}

static int
dump(void)
{
	return cprom_dump_fd(w.registry, w.null);
}

/* Also runs what the metrics of the process read. */
static int
enable_process(void)
{
	int result = cprom_process_enable(w.registry);
	char *page = cprom_render(w.registry, NULL, NULL);

	if (page == NULL)
		result = -1;
	free(page);
	return result;
}

static int
disable_process(void)
{
	return cprom_process_disable(w.registry);
}

static void
prepare_process(void)
{
	assert_int_equal(cprom_process_enable(w.registry), 0);
}

static void
check_disabled(void)
{
	assert_false(has_sample(w.registry, "process_cpu_seconds_total"));
}

/* ---- scenarios: servers --------------------------------------------------------------------- */

static int
handle(cprom_request *q, cprom_response *p, void *unused)
{
	uid_t uid;

	(void)unused;
	assert_string_equal(cprom_request_method(q), "GET");
	assert_string_equal(cprom_request_query(q), "q");
	assert_string_equal(cprom_request_header(q, "X"), "y");
	assert_int_equal(cprom_request_peer(q, &uid, NULL), -1);
	if (strcmp(cprom_request_path(q), "/own") != 0)
		return -1;
	cprom_response_status(p, 200);
	/* Not 0 if there is no memory: that is still no page that is not found. */
	return cprom_response_header(p, "X-Own", "1") | cprom_response_text(p, "own ") |
	       cprom_response_write(p, "page\n", 5);
}

static int
start_server(void)
{
	cprom_server *s = cprom_server_start("127.0.0.1:0", HERE, .stop_timeout_ms = 1);
	int result = made(s), err = errno;

	cprom_server_stop(s);
	errno = err;
	return result;
}

static int
open_server(void)
{
	cprom_server *s = cprom_server_open("localhost:0", HERE, .bearer_token = "x");
	int result = made(s), err = errno;

	cprom_server_stop(s);
	errno = err;
	return result;
}

static void
prepare_server(void)
{
	w.server = cprom_server_open("127.0.0.1:0", HERE, .handler = handle, .stop_timeout_ms = 1);
	assert_non_null(w.server);
	assert_true(cprom_server_fd(w.server) >= 0 && cprom_server_port(w.server) > 0);
}

/* What the client itself asks for is not refused, nor counted. */
static int
connect_client(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)cprom_server_port(w.server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = __real_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Is the request answered as it should be? A server that is refused nothing has a second for it. */
static bool
is_answered(const char *request, const char *last)
{
	char answer[8192];
	size_t got = 0;
	ssize_t n = -1;
	int fd = connect_client();

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (int i = heap.fail_at == 0 ? 50 : 5; i > 0 && n != 0 && got < sizeof(answer) - 1; i--) {
		assert_int_equal(cprom_server_step(w.server, heap.fail_at == 0 ? 20 : 2), 0);
		while ((n = recv(fd, answer + got, sizeof(answer) - 1 - got, MSG_DONTWAIT)) > 0)
			got += (size_t)n;
		if (n < 0 && errno == ECONNRESET)
			n = 0;
	}
	close(fd);
	answer[got] = '\0';
	assert_false(strncmp(answer, "HTTP/1.1 404 ", 13) == 0);
	return strncmp(answer, "HTTP/1.1 200 ", 13) == 0 && strstr(answer, last) != NULL;
}

static int
answer_requests(void)
{
	bool page = is_answered("GET /metrics HTTP/1.0\r\n\r\n", "t{t=\"y\"} 0\n");
	bool own = is_answered("GET /own?q HTTP/1.0\r\nX: y\r\n\r\n", "\r\n\r\nown page\n");
	bool zipped = is_answered("GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n",
				  "Content-Encoding: gzip");

	return page && own && zipped ? 0 : 1;
}

/* ---- the table --------------------------------------------------------------------------------- */

static const struct scenario {
	const char *calls; /* that it is about */
	int (*call)(void);
	void (*check)(void); /* afterwards, when there is memory; or NULL */
	void (*prepare)(void);
	bool repeats; /* unmake() undoes it, or it changes nothing */
} scenarios[] = {
	{.calls = "cprom_counter_create", .call = create_counter, .repeats = true},
	{.calls = "cprom_gauge_create", .call = create_gauge, .repeats = true},
	{.calls = "cprom_histogram_create", .call = create_histogram, .repeats = true},
	{.calls = "cprom_histogram_create", .call = create_native, .repeats = true},
	{.calls = "cprom_summary_create", .call = create_summary, .repeats = true},
	{.calls = "cprom_info_create", .call = create_info, .repeats = true},
	{.calls = "cprom_stateset_create", .call = create_stateset, .repeats = true},
	{.calls = "cprom_build_info_create", .call = create_build_info, .repeats = true},
	{.calls = "cprom_instrument_create", .call = create_instrument, .repeats = true},
	{.calls = "cprom_registry_create cprom_registry_free", .call = create_registry},
	{.calls = "cprom_metric_labels", .call = make_child, .check = check_child, .repeats = true},
	{.calls = "cprom_metric_remove", .call = remove_child, .check = check_removed},
	{.calls = "cprom_metric_remove_matching", .call = remove_matching, .check = check_removed},
	{.calls = "cprom_metric_clear", .call = clear, .check = check_removed},
	{.calls = "cprom_metric_unregister", .call = unregister, .check = check_removed},
	{.calls = "cprom_info_put", .call = say_info, .repeats = true},
	{.calls = "cprom_instrument_child", .call = make_instrument_child, .repeats = true},
	{.calls = "cprom_counter_inc cprom_counter_add cprom_counter_add_exemplar "
		  "cprom_counter_value",
	 .call = count,
	 .check = check_count,
	 .repeats = true},
	{.calls = "cprom_gauge_set cprom_gauge_inc cprom_gauge_dec cprom_gauge_add cprom_gauge_sub "
		  "cprom_gauge_set_max cprom_gauge_set_min cprom_gauge_set_to_current_time "
		  "cprom_gauge_value",
	 .call = set_gauges,
	 .check = check_gauges,
	 .repeats = true},
	{.calls = "cprom_histogram_observe cprom_histogram_observe_many "
		  "cprom_histogram_observe_exemplar "
		  "cprom_histogram_count cprom_histogram_sum cprom_exemplar_hook "
		  "cprom_exemplar_labels",
	 .call = observe,
	 .check = check_observed,
	 .repeats = true},
	{.calls = "cprom_histogram_observe",
	 .call = observe_natively,
	 .check = check_observed_natively,
	 .repeats = true},
	{.calls = "cprom_summary_observe cprom_summary_count cprom_summary_sum "
		  "cprom_summary_quantile",
	 .call = summarize,
	 .check = check_summary,
	 .repeats = true},
	{.calls = "cprom_stateset_set cprom_stateset_enable cprom_stateset_set_name "
		  "cprom_stateset_value",
	 .call = set_states,
	 .check = check_states,
	 .repeats = true},
	{.calls = "cprom_call_begin cprom_call_end cprom_metric_timer cprom_timer_observe "
		  "cprom_metric_timer_observe cprom_timer_discard",
	 .call = time_calls,
	 .check = check_calls,
	 .repeats = true},
	{.calls = "cprom_linear_buckets cprom_exponential_buckets cprom_exponential_buckets_range "
		  "cprom_error cprom_version",
	 .call = compute_bounds},
	{.calls = "cprom_collector_create", .call = create_collector, .check = check_collected},
	{.calls = "cprom_collector_unregister",
	 .call = unregister_collector,
	 .check = check_uncollected,
	 .prepare = prepare_collector},
	{.calls = "cprom_sink_begin cprom_sink_add cprom_sink_fail",
	 .call = render_collected,
	 .check = check_collected,
	 .prepare = prepare_collector},
	{.calls = "cprom_render", .call = render_pages, .prepare = prepare_pages},
	{.calls =
		 "cprom_scrape_open cprom_scrape_read cprom_scrape_content_type cprom_scrape_close",
	 .call = scrape_pages,
	 .prepare = prepare_pages},
	{.calls = "cprom_scrape_open_with", .call = scrape_some, .repeats = true},
	{.calls = "cprom_write_textfile", .call = write_textfile, .repeats = true},
	{.calls = "cprom_dump_fd", .call = dump, .repeats = true},
	{.calls = "cprom_process_enable", .call = enable_process},
	{.calls = "cprom_process_disable",
	 .call = disable_process,
	 .check = check_disabled,
	 .prepare = prepare_process},
	{.calls = "cprom_server_start_with cprom_server_stop", .call = start_server},
	{.calls = "cprom_server_open_with", .call = open_server},
	{.calls = "cprom_server_step cprom_server_fd cprom_server_port cprom_request_method "
		  "cprom_request_path cprom_request_query cprom_request_header cprom_request_peer "
		  "cprom_response_status cprom_response_header cprom_response_text "
		  "cprom_response_write",
	 .call = answer_requests,
	 .prepare = prepare_server},
};

/* ---- tests ------------------------------------------------------------------------------------- */

/* What one call did. */
struct attempt {
	const struct scenario *scenario;
	long fail_at;
	bool only_one;
	int result, err;
	char reason[256];
	struct heap heap;
};

static void *
call(void *arg)
{
	struct attempt *a = arg;

	heap_watch(a->fail_at, a->only_one);
	a->result = a->scenario->call();
	a->err = errno;
	a->heap = heap;
	heap_watch(0, false);
	snprintf(a->reason, sizeof(a->reason), "%s", cprom_error());
	return NULL;
}

static void
call_in_thread(struct attempt *a)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, call, a), 0);
	pthread_join(t, NULL);
	w.worked += a->result == 0;
}

/* In this thread, whose blocks are counted on. */
static void
call_again(struct attempt *a)
{
	long blocks = heap.blocks;

	call(a);
	heap.blocks = blocks + a->heap.blocks;
	w.worked += a->result == 0;
}

static void
check_refusal(const struct attempt *a)
{
	bool known = a->err == ENOMEM || a->err == EMFILE || a->err == EAGAIN;

	if (a->result == -1 && (!known || strlen(a->reason) < 10 || a->heap.failed == 0))
		fail_msg("%s, request %ld: errno %d, '%s'", a->scenario->calls, a->fail_at, a->err,
			 a->reason);
}

enum mode { SHARED = 1, ONLY_ONE = 2, LANE_LESS = 4, MODES = 8 };

#if defined(__SANITIZE_THREAD__)
#define MODE_STEP 7 /* none of them, and all: threads are slow to make, and alone here */
#else
#define MODE_STEP 1
#endif

/* Once; false if nothing was refused. */
static bool
run(const struct scenario *s, unsigned mode, long fail_at)
{
	struct attempt first = {.scenario = s, .fail_at = fail_at, .only_one = mode & ONLY_ONE};
	struct attempt second = {.scenario = s};
	size_t length, length_now;
	char before[4096];
	double fds, fds_now;

	assert_true(cpromi_process_list_fds(&fds));
	heap_watch(0, false);
	open_world(mode & SHARED, mode & LANE_LESS);
	if (s->prepare != NULL)
		s->prepare();
	memcpy(before, page_of_bystanders(&length), sizeof(before));
	call_in_thread(&first);
	check_refusal(&first);
	if (first.result == 0 && s->check != NULL)
		s->check();
	call_again(&second);
	if (second.result != 0)
		fail_msg("%s, request %ld: does not work any more: %s", s->calls, fail_at,
			 second.reason);
	if (s->check != NULL)
		s->check();
	assert_memory_equal(page_of_bystanders(&length_now), before, length);
	assert_int_equal(length_now, length);
	close_world();
	if (heap.blocks + first.heap.blocks != 0)
		fail_msg("%s, request %ld: %ld blocks are left", s->calls, fail_at,
			 heap.blocks + first.heap.blocks);
	assert_true(cpromi_process_list_fds(&fds_now));
	if (fds_now != fds)
		fail_msg("%s, request %ld: %g descriptors are left", s->calls, fail_at,
			 fds_now - fds);
	return first.heap.failed > 0;
}

static void
each_call_bears_each_refusal(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(scenarios); i++) {
		long requests = 0;

		for (unsigned mode = 0; mode < MODES; mode += MODE_STEP) {
			long n = 1;

			while (n < MOST_REQUESTS && run(&scenarios[i], mode, n))
				n++;
			assert_true(n < MOST_REQUESTS);
			requests += n - 1;
		}
		print_message("%4ld refusals in %.30s\n", requests, scenarios[i].calls);
	}
}

/* Made once in a process, so this comes first. */
static void
the_default_registry_is_made_when_there_is_memory(void **state)
{
	long refused = 0;
	cprom_registry *r;

	(void)state;
	do {
		heap_watch(++refused, false);
		r = cprom_default_registry();
		assert_true(r != NULL || (errno == ENOMEM && strlen(cprom_error()) > 10));
	} while (r == NULL);
	heap_watch(0, false);
	assert_true(refused > 3);
	assert_ptr_equal(cprom_default_registry(), r);
	assert_true(sample(r, "cprom_memory_limit_bytes") > 0);
}

static const char *const new_families[] = {
	"new_total",       "new",        "app_build_info", "new_calls_total", "new_errors_total",
	"new_in_progress", "new_seconds"};

/* Unregisters what the scenarios of creation make. */
static void
unmake(void)
{
	struct epoch_guard g = {NULL, false};

	for (size_t i = 0; i < array_len(new_families); i++)
		for (uint32_t type = CPROM_TYPE_COUNTER; type <= CPROM_TYPE_STATESET; type++) {
			struct family *f;

			assert_true(cpromi_epoch_enter(&w.registry->epoch, &g));
			f = cpromi_family_colliding(w.registry, type, new_families[i]);
			cpromi_epoch_leave(&g);
			if (f != NULL)
				assert_int_equal(cprom_metric_unregister((cprom_metric *)f), 0);
		}
	(void)cprom_clear(w.requests);
	for (int i = 0; i < 4; i++)
		cpromi_epoch_reclaim(&w.registry->epoch);
}

static void
refuse_each_request(const struct scenario *s, bool only_one)
{
	long n = 0;

	do {
		heap_watch(++n, only_one);
		(void)s->call();
	} while (heap.failed > 0 && n < MOST_REQUESTS);
	heap_watch(0, false);
}

static void
a_registry_loses_no_memory_by_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(scenarios); i++) {
		uint64_t used = 0;

		if (!scenarios[i].repeats)
			continue;
		open_world(false, false);
		for (int round = 0; round < 40; round++) {
			refuse_each_request(&scenarios[i], round & 1);
			unmake();
			if (round == 19)
				used = load_relaxed(&w.registry->region.used);
		}
		if (load_relaxed(&w.registry->region.used) != used)
			fail_msg("%s: %u bytes more", scenarios[i].calls,
				 (unsigned)(load_relaxed(&w.registry->region.used) - used));
		close_world();
	}
}

static bool
names_call(const char *calls, const char *name)
{
	size_t n = strlen(name);
	const char *at = calls;

	while ((at = strstr(at, name)) != NULL && at[n] != ' ' && at[n] != '\0')
		at += n;
	return at != NULL;
}

static void
no_call_is_forgotten(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[4096], name[128];
	unsigned names = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/src/cprom.sym", top == NULL ? "." : top);
	f = fopen(path, "r");
	if (f == NULL && top == NULL)
		skip();
	assert_non_null(f);
	for (; fscanf(f, "%127s", name) == 1; names++) {
		bool named = strcmp(name, "cprom_default_registry") == 0;

		for (size_t i = 0; i < array_len(scenarios); i++)
			named = named || names_call(scenarios[i].calls, name);
		if (!named)
			fail_msg("%s is in no scenario", name);
	}
	fclose(f);
	assert_true(names > 80);
}

/* Link-time optimisation may go past --wrap. */
static bool
sees_no_request(void)
{
	struct buffer b = {0};
	bool got;

	heap_watch(1, false);
	got = cpromi_buffer_room(&b, 1) != NULL;
	heap_watch(0, false);
	cpromi_buffer_free(&b);
	return got;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_registry_is_made_when_there_is_memory),
		cmocka_unit_test(each_call_bears_each_refusal),
		cmocka_unit_test(a_registry_loses_no_memory_by_refusals),
		cmocka_unit_test(no_call_is_forgotten),
	};

	if (sees_no_request())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
