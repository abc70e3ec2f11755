/* SPDX-License-Identifier: MIT */
/*
 * cplusplus: every macro and generic call of the header from C++17.
 *
 * Says what failed, and exits with 1 then.
 */
#include <cprom.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			std::printf("%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__,    \
				    #condition, cprom_error());                                    \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

CPROM_COUNTER(file_counter, "file_total", "C.", [](auto &o) { o.labels = CPROM_LABELS("kind"); });
CPROM_GAUGE(file_gauge, "file_gauge", "G.");
CPROM_HISTOGRAM(file_histogram, "file_seconds", "H.",
		[](auto &o) { o.buckets = CPROM_BUCKETS(0.1, 1, 10); });
static CPROM_HISTOGRAM(file_native, "file_native_seconds", "N.", [](auto &o) {
	o.native = CPROM_NATIVE([](auto &n) { n.growth = 1.5; }, [](auto &n) { n.min_reset = 60; });
});
static CPROM_SUMMARY(file_summary, "file_summary_seconds", "S.", [](auto &o) {
	o.quantiles = CPROM_QUANTILES(0.5, 0.99);
	o.max_age = 60;
});
CPROM_INFO(file_info, "file_build", "I.");
static CPROM_STATESET(file_stateset, "file_mode", "M.", [](auto &o) {
	o.labels = CPROM_LABELS("unit");
	o.states = CPROM_STATES("idle", "busy");
});
CPROM_INSTRUMENT(file_instrument, "file_work", "W.");
static CPROM_INSTRUMENT(file_instrument_by_kind, "file_work_by_kind", "W.",
			[](auto &o) { o.labels = CPROM_LABELS("kind"); });

static cprom_registry *registry;
static cprom_counter *counter;
static cprom_gauge *gauge;
static cprom_histogram *histogram;
static cprom_summary *summary;
static cprom_instrument work;

static const auto here = [](auto &o) { o.registry = registry; };

/* How many observations the histogram got since the last call. */
static unsigned
observed()
{
	static uint64_t before;
	uint64_t now = cprom_histogram_count(histogram);
	unsigned n = static_cast<unsigned>(now - before);

	before = now;
	return n;
}

static bool
counted(const cprom_instrument &i, unsigned calls, unsigned errors)
{
	return cprom_counter_value(i.calls) == calls && cprom_counter_value(i.errors) == errors &&
	       cprom_histogram_count(i.seconds) == calls && cprom_gauge_value(i.in_progress) == 0;
}

static bool
page_has(const char *text)
{
	std::unique_ptr<char, void (*)(void *)> page(cprom_render(registry, nullptr, nullptr),
						     std::free);

	return page != nullptr && std::strstr(page.get(), text) != nullptr;
}

static void
metrics_are_made_with_options()
{
	double room[3];

	registry = cprom_registry_new([](auto &o) { o.max_series = 1000; });
	counter = cprom_counter_new("c_total", "C.", here);
	gauge = cprom_gauge_new("g", "G.", here);
	histogram = cprom_histogram_new("h_seconds", "H.", here,
					[&room](auto &o) { o.buckets = cprom_linear_buckets(1, 1, 3, room); });
	summary = cprom_summary_new("s_seconds", "S.", here);
	CHECK(counter && gauge && histogram && summary);
	CHECK(page_has("h_seconds_bucket{le=\"3\"} 0\n"));
	CHECK(cprom_instrument_new(&work, "work", "W.", here) == 0);
	CHECK(cprom_build_info("myd", here, [](auto &o) { o.version = "1"; }) != nullptr);
	CHECK(page_has("myd_build_info{version=\"1\"} 1\n"));
	CHECK(cprom_counter_new("not a name", "X.", here) == nullptr);
}

static void
infos_and_statesets_say_what_is_on()
{
	cprom_info *info = cprom_info_new("build", "I.", here, [](auto &o) { o.labels = CPROM_LABELS("of"); });
	cprom_stateset *mode = cprom_stateset_new("mode", "M.", here, [](auto &o) {
		o.states = CPROM_STATES("off", "on");
	});

	CHECK(info && mode && file_info && file_stateset);
	CHECK(cprom_info_set(file_info, "version", "1.2", "commit", "a") == 0);
	CHECK(cprom_info_set(cprom_labels(info, "x"), "version", "1.2") == 0);
	CHECK(page_has("build_info{of=\"x\",version=\"1.2\"} 1\n"));
	cprom_stateset_set(mode, 1);
	CHECK(page_has("mode{mode=\"off\"} 0\nmode{mode=\"on\"} 1\n"));
	CHECK(cprom_stateset_set_name(cprom_labels(file_stateset, "a"), "busy") == 0);
	CHECK(cprom_stateset_value(cprom_labels(file_stateset, "a")) == 2);
	CHECK(cprom_remove(file_stateset, "a") == 0 && cprom_clear(info) == 0);
	CHECK(cprom_unregister(info) == 0 && cprom_unregister(file_stateset) == 0);
}

static void
file_scope_metrics_are_there()
{
	CHECK(file_counter && file_gauge && file_histogram && file_native && file_summary);
	CHECK(file_instrument.calls && file_instrument.errors && file_instrument.in_progress &&
	      file_instrument.seconds);
	CHECK(cprom_instrument_labels(&file_instrument_by_kind, "a").seconds != nullptr);
	cprom_gauge_set(file_gauge, 3);
	CHECK(cprom_gauge_value(file_gauge) == 3);
}

static void
labels_remove_and_clear()
{
	std::string a = "a";
	cprom_counter *child = cprom_labels(file_counter, a.c_str());

	cprom_counter_add(child, 2.5);
	CHECK(cprom_counter_value(cprom_labels(file_counter, "a")) == 2.5);
	CHECK(cprom_labels(file_counter, "a", "b") == nullptr);
	cprom_counter_inc(cprom_labels(file_counter, "b"));
	cprom_counter_inc(cprom_labels(file_counter, "c"));
	CHECK(cprom_remove(file_counter, "a") == 0);
	CHECK(cprom_remove_matching(file_counter, "kind", "b") == 1);
	CHECK(cprom_clear(file_counter) == 0);
	CHECK(cprom_unregister(file_counter) == 0);
}

static void
collect(cprom_sink *out, void *arg)
{
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "collected", "By a collector.");
	cprom_sink_sample(out, *static_cast<double *>(arg),
			  [](auto &s) { s.labels = CPROM_LABELS("a", "b"); });
	cprom_sink_family(out, CPROM_TYPE_GAUGE, "collected_bytes", "With a unit.",
			  [](auto &f) { f.unit = "bytes"; });
}

static void
collectors_emit_samples()
{
	double value = 1.5;
	cprom_collector *c = cprom_collector_new(collect, &value, here);

	CHECK(c != nullptr);
	CHECK(page_has("collected{a=\"b\"} 1.5\n"));
	cprom_collector_unregister(c);
	CHECK(!page_has("collected"));
}

static void
servers_start_and_stop()
{
	cprom_server *threaded = cprom_server_start("127.0.0.1:0", here);
	cprom_server *stepped = cprom_server_open("127.0.0.1:0", here);

	CHECK(threaded != nullptr && cprom_server_port(threaded) > 0);
	CHECK(stepped != nullptr && cprom_server_port(stepped) > 0);
	cprom_server_stop(threaded);
	cprom_server_stop(stepped);
}

/* ---- timing -------------------------------------------------------------- */

static void
timers_record_once()
{
	cprom_timer t = cprom_timer_start(histogram);

	usleep(1000);
	CHECK(cprom_timer_observe(&t) >= 0.001);
	CHECK(cprom_timer_observe(&t) == 0);
	CHECK(observed() == 1);
	t = cprom_timer_start(nullptr);
	CHECK(cprom_timer_observe_with(&t, summary) > 0);
	CHECK(cprom_summary_count(summary) == 1);
	t = cprom_timer_start(NULL);
	usleep(1000);
	CHECK(cprom_timer_observe_with(&t, gauge) >= 0.001);
	CHECK(cprom_gauge_value(gauge) >= 0.001);
	t = cprom_timer_start(CPROM_METRIC(histogram));
	cprom_timer_discard(&t);
	CHECK(cprom_timer_observe(&t) == 0);
	CHECK(observed() == 0);
	cprom_gauge_set(gauge, 0);
}

static int
leave_by_return()
{
	CPROM_TIME(histogram) {
		return 7;
	}
	return 0;
}

static void
leave_by_throw()
{
	CPROM_TIME(histogram) {
		CPROM_IN_PROGRESS(gauge) {
			throw std::runtime_error("left");
		}
	}
}

static void
blocks_are_timed_on_every_way_out()
{
	int passes = 0;

	CPROM_TIME(histogram) {
		passes++;
	}
	CHECK(observed() == 1);
	CPROM_TIME(histogram) {
		passes++;
		break;
	}
	CHECK(observed() == 1);
	CPROM_TIME(histogram) {
		passes++;
		continue;
	}
	CHECK(observed() == 1);
	CPROM_TIME(histogram) {
		passes++;
		goto out;
	}
	passes = -100;
out:
	CHECK(observed() == 1);
	CHECK(passes == 4);
	CHECK(leave_by_return() == 7);
	CHECK(observed() == 1);
	try {
		leave_by_throw();
		CHECK(!"an exception was lost");
	} catch (const std::runtime_error &) {
		CHECK(observed() == 1);
	}
	CHECK(cprom_gauge_value(gauge) == 0);
}

static int
scopes(int value, bool early)
{
	int result = 0;
	CPROM_TIME_SCOPE(histogram);
	CPROM_TIME_SCOPE(histogram); CPROM_TIME_SCOPE(nullptr);
	CPROM_IN_PROGRESS_SCOPE(gauge);
	CPROM_COUNT_ERRORS_SCOPE(counter, result);

	CHECK(cprom_gauge_value(gauge) == 1);
	result = value;
	if (early)
		return result;
	CPROM_TIME(histogram) CPROM_TIME(histogram) {
		CPROM_IN_PROGRESS(gauge) {
			CHECK(cprom_gauge_value(gauge) == 2);
		}
	}
	return result;
}

static void
scopes_end_on_every_way_out()
{
	CHECK(scopes(0, true) == 0);
	CHECK(observed() == 2);
	CHECK(cprom_counter_value(counter) == 0);
	CHECK(scopes(-1, false) == -1);
	CHECK(observed() == 4);
	CHECK(cprom_counter_value(counter) == 1);
	CHECK(cprom_gauge_value(gauge) == 0);
}

static int evaluations;

static cprom_histogram *
evaluated()
{
	evaluations++;
	return histogram;
}

static void
arguments_are_evaluated_once()
{
	CPROM_TIME(evaluated()) {
		CPROM_TIME_SCOPE(evaluated());
	}
	CHECK(evaluations == 2);
	CHECK(observed() == 2);
}

/* ---- exemplars ------------------------------------------------------------ */

static void
exemplars_take_arrays_and_constants_and_a_lambda_is_a_hook()
{
	const std::string id = "17";
	const char *const items[] = {"trace_id", id.c_str()};

	cprom_counter_add_exemplar(counter, 1, CPROM_LABELS("trace_id", "0"));
	cprom_histogram_observe_exemplar(histogram, 0.5, {items, 2});
	CHECK(cprom_exemplar_hook(
		      [](cprom_exemplar *e) {
			      cprom_exemplar_labels(e, CPROM_LABELS("span_id", "of the hook"));
		      },
		      0) == 0);
	cprom_histogram_observe(histogram, 5);
	CHECK(cprom_exemplar_hook(nullptr, 0) == 0);
	char *page = cprom_render(registry, "application/openmetrics-text;version=1.0.0", nullptr);
	CHECK(page != nullptr && std::strstr(page, "# {trace_id=\"0\"} 1") != nullptr);
	CHECK(page != nullptr && std::strstr(page, "# {trace_id=\"17\"} 0.5") != nullptr);
	CHECK(page != nullptr && std::strstr(page, "# {span_id=\"of the hook\"} 5") != nullptr);
	std::free(page);
	CHECK(observed() == 2);
}

/* ---- decorators ---------------------------------------------------------- */

int timed(int x);

CPROM_TIMED(histogram, int, timed, (int x), (x))
{
	if (x < 0)
		return -x;
	return x + 1;
}

static CPROM_TIMED(cprom_labels(by, method.c_str()), std::string, timed_by_argument,
		   (cprom_histogram *by, const std::string &method), (by, method))
{
	return cprom_histogram_count(by) == 0 ? method : "?";
}

static CPROM_TIMED_VOID(histogram, timed_void, (bool fail), (fail))
{
	if (fail)
		throw std::runtime_error("timed");
}

static void
decorated_functions_are_timed()
{
	cprom_histogram *by = cprom_histogram_new(
		"by_seconds", "H.", here, [](auto &o) { o.labels = CPROM_LABELS("method"); });

	CHECK(timed(1) == 2);
	CHECK(timed(-4) == 4);
	CHECK(observed() == 2);
	CHECK(timed_by_argument(by, "GET") == "GET");
	CHECK(cprom_histogram_count(cprom_labels(by, "GET")) == 1);
	timed_void(false);
	try {
		timed_void(true);
		CHECK(!"an exception was lost");
	} catch (const std::runtime_error &) {
	}
	CHECK(observed() == 2);
}

enum mode { MODE_BAD = -1, MODE_GOOD };
enum class strict : short { bad = -1, good };

struct pair {
	int a, b;
};

int echo_int(int v);

CPROM_INSTRUMENTED(&work, int, echo_int, (int v), (v))
{
	CHECK(cprom_gauge_value(work.in_progress) == 1);
	if (v == 99)
		throw std::runtime_error("echo");
	return v;
}

static CPROM_INSTRUMENTED(work, short, echo_short, (short v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, double, echo_double, (double v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, bool, echo_bool, (bool v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, unsigned long, echo_ulong, (unsigned long v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, mode, echo_mode, (mode v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, strict, echo_strict, (strict v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, const char *, echo_text, (const char *v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, pair, echo_pair, (pair v), (v)) { return v; }
static CPROM_INSTRUMENTED(work, std::unique_ptr<int>, echo_unique, (int v), (v))
{
	return std::make_unique<int>(v);
}
static CPROM_INSTRUMENTED(work, int &, echo_reference, (int &v), (v)) { return v; }
static CPROM_INSTRUMENTED_VOID(&work, echo_void, (bool fail), (fail))
{
	if (fail)
		throw std::runtime_error("void");
}

static void
instrumented_functions_are_counted()
{
	int number = 5;

	CHECK(echo_int(1) == 1 && echo_short(1) == 1 && echo_double(NAN) != 0);
	CHECK(echo_bool(true) && echo_ulong(-1ul) == -1ul && echo_pair({-1, -2}).b == -2);
	CHECK(echo_mode(MODE_GOOD) == MODE_GOOD && echo_strict(strict::good) == strict::good);
	CHECK(std::strcmp(echo_text("x"), "x") == 0 && *echo_unique(3) == 3);
	CHECK(&echo_reference(number) == &number);
	echo_void(false);
	CHECK(counted(work, 12, 0));
	CHECK(echo_int(-1) == -1 && echo_short(-1) == -1 && echo_double(-0.5) == -0.5);
	CHECK(echo_mode(MODE_BAD) == MODE_BAD && echo_strict(strict::bad) == strict::bad);
	CHECK(echo_text(nullptr) == nullptr);
	CHECK(counted(work, 18, 6));
}

static void
an_exception_is_an_error()
{
	try {
		echo_int(99);
		CHECK(!"an exception was lost");
	} catch (const std::runtime_error &) {
	}
	try {
		echo_void(true);
		CHECK(!"an exception was lost");
	} catch (const std::runtime_error &) {
	}
	CHECK(counted(work, 20, 8));
}

static int
call_scopes(bool early)
{
	CPROM_CALL_SCOPE(call, &work);
	CPROM_CALL_SCOPE(other, work);

	other.failed = 1;
	if (early)
		return 1;
	call.failed = 1;
	return 2;
}

static void
call_scopes_end_on_every_way_out()
{
	cprom_call call = cprom_call_begin(&work);

	cprom_call_end(&call);
	cprom_call_end(&call);
	CHECK(counted(work, 21, 8));
	call_scopes(true);
	CHECK(counted(work, 23, 9));
	call_scopes(false);
	CHECK(counted(work, 25, 11));
}

int
main()
{
	metrics_are_made_with_options();
	infos_and_statesets_say_what_is_on();
	file_scope_metrics_are_there();
	labels_remove_and_clear();
	collectors_emit_samples();
	servers_start_and_stop();
	timers_record_once();
	blocks_are_timed_on_every_way_out();
	scopes_end_on_every_way_out();
	arguments_are_evaluated_once();
	exemplars_take_arrays_and_constants_and_a_lambda_is_a_hook();
	decorated_functions_are_timed();
	instrumented_functions_are_counted();
	an_exception_is_an_error();
	call_scopes_end_on_every_way_out();
	cprom_registry_free(registry);
	return failures != 0;
}
