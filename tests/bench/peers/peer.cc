// SPDX-License-Identifier: MIT
/*
 * peer: the works of the benchmarks, done by prometheus-cpp.
 *
 * usage: peer GROUP [MILLISECONDS [WORD]]; BENCH_LIBRARY is what the rows call it.
 */
#include "bench.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace
{

constexpr int batch = 1024;
constexpr unsigned series = 64;

double
next_double(bench_thread *t)
{
	return bench_doubles[t->at++ % BENCH_INPUTS];
}

/* ---- update and look_up ------------------------------------------------------ */

struct metrics {
	prometheus::Registry registry;
	prometheus::Counter &counter = prometheus::BuildCounter()
					       .Name("counter_total")
					       .Help("Counts.")
					       .Register(registry)
					       .Add({});
	prometheus::Histogram &histogram =
		prometheus::BuildHistogram().Name("seconds").Help("Times.").Register(registry).Add(
			{}, prometheus::Histogram::BucketBoundaries{.005, .01, .025, .05, .1, .25,
								    .5, 1, 2.5, 5, 10});
	prometheus::Summary &summary = prometheus::BuildSummary()
					       .Name("quantiles")
					       .Help("Sizes.")
					       .Register(registry)
					       .Add({}, prometheus::Summary::Quantiles{
								{0.5, 0.05}, {0.99, 0.001}});
	prometheus::Gauge &gauge =
		prometheus::BuildGauge().Name("level").Help("Level.").Register(registry).Add({});
	prometheus::Family<prometheus::Counter> &requests = prometheus::BuildCounter()
								    .Name("requests_total")
								    .Help("Requests.")
								    .Register(registry);
	std::vector<std::string> methods, codes;

	metrics()
	{
		const char *const verbs[] = {"GET",     "POST",     "PUT",  "DELETE",
					     "OPTIONS", "PROPFIND", "HEAD", "PATCH"};

		for (unsigned i = 0; i < series; i++) {
			methods.push_back(verbs[i % 8]);
			codes.push_back(std::to_string(200 + i / 8 * 100));
			requests.Add({{"method", methods[i]}, {"code", codes[i]}});
		}
	}
};

std::unique_ptr<metrics> m;

uint64_t
inc(bench_thread *)
{
	auto &c = m->counter;

	for (int i = 0; i < batch; i++)
		c.Increment();
	return batch;
}

uint64_t
add(bench_thread *)
{
	auto &c = m->counter;

	for (int i = 0; i < batch; i++)
		c.Increment(1.5);
	return batch;
}

uint64_t
observe(bench_thread *t)
{
	auto &h = m->histogram;

	for (int i = 0; i < batch; i++)
		h.Observe(next_double(t));
	return batch;
}

uint64_t
summarise(bench_thread *t)
{
	auto &s = m->summary;

	for (int i = 0; i < batch; i++)
		s.Observe(next_double(t));
	return batch;
}

uint64_t
set(bench_thread *t)
{
	auto &g = m->gauge;

	for (int i = 0; i < batch; i++)
		g.Set(t->number);
	return batch;
}

uint64_t
gauge_inc(bench_thread *)
{
	auto &g = m->gauge;

	for (int i = 0; i < batch; i++)
		g.Increment();
	return batch;
}

uint64_t
look_up(bench_thread *t)
{
	for (int i = 0; i < batch; i++) {
		const unsigned k = bench_choices[t->at++ % BENCH_INPUTS];

		m->requests.Add({{"method", m->methods[k]}, {"code", m->codes[k]}}).Increment();
	}
	return batch;
}

/* ---- render ------------------------------------------------------------------ */

struct page {
	prometheus::Registry registry;
	std::size_t lines = 0;
};

uint64_t
render(bench_thread *t)
{
	const page *p = static_cast<const page *>(t->subject);
	const std::string text = prometheus::TextSerializer().Serialize(p->registry.Collect());

	return text.empty() ? 1 : p->lines;
}

void
count_lines(page *p)
{
	const std::string text = prometheus::TextSerializer().Serialize(p->registry.Collect());

	for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
		p->lines += text[at] != '#';
}

std::string
instance_of(unsigned i)
{
	char text[16];

	std::snprintf(text, sizeof(text), "%06u", i);
	return text;
}

std::unique_ptr<page>
page_of_counters(unsigned n, bool fractions)
{
	auto p = std::make_unique<page>();
	auto &family = prometheus::BuildCounter()
			       .Name("http_requests_seconds_total")
			       .Help("Requests.")
			       .Register(p->registry);

	for (unsigned i = 0; i < n; i++)
		family.Add({{"method", i % 2 ? "GET" : "POST"},
			    {"code", i % 3 ? "200" : "404"},
			    {"instance", instance_of(i)}})
			.Increment(fractions ? bench_doubles[i % BENCH_INPUTS] * (i + 1)
					     : i * 37.0);
	count_lines(p.get());
	return p;
}

std::unique_ptr<page>
page_of_histograms(unsigned n)
{
	auto p = std::make_unique<page>();
	auto &family = prometheus::BuildHistogram()
			       .Name("http_request_seconds")
			       .Help("Requests.")
			       .Register(p->registry);

	for (unsigned i = 0; i < n; i++) {
		auto &h = family.Add(
			{{"method", i % 2 ? "GET" : "POST"}, {"instance", instance_of(i)}},
			prometheus::Histogram::BucketBoundaries{.005, .01, .025, .05, .1, .25, .5,
								1, 2.5, 5, 10});

		for (unsigned k = 0; k < 20; k++)
			h.Observe((i + k) % 12);
	}
	count_lines(p.get());
	return p;
}

/* ---- create ------------------------------------------------------------------ */

int
create(const char *library)
{
	constexpr unsigned n = 100000;
	bench_case c = {
		"new series, the first 100k of a family", library, 1, nullptr, nullptr, nullptr};
	std::vector<std::string> names;
	prometheus::Registry registry;
	auto &family = prometheus::BuildCounter()
			       .Name("http_requests_total")
			       .Help("Requests.")
			       .Register(registry);
	uint64_t start;
	double before;

	for (unsigned i = 0; i < n; i++)
		names.push_back("0" + instance_of(i));
	bench_park();
	bench_header();
	before = bench_resident();
	start = bench_ns();
	for (unsigned i = 0; i < n; i++)
		family.Add({{"method", i % 2 ? "GET" : "POST"},
			    {"code", i % 3 ? "200" : "404"},
			    {"instance", names[i]}})
			.Increment();
	bench_row("create", &c, 0, static_cast<double>(bench_ns() - start) / n, "ns");
	c.what = "resident, counter of 3 labels, at 100k";
	bench_row("create", &c, 0, (bench_resident() - before) / n, "B");
	return 0;
}

int
update(int argc, char **argv, const char *library)
{
	const bench_case cases[] = {
		{"counter inc", library, 1, inc, nullptr, nullptr},
		{"counter inc", library, 2, inc, nullptr, nullptr},
		{"counter inc", library, 8, inc, nullptr, nullptr},
		{"counter add(1.5)", library, 1, add, nullptr, nullptr},
		{"counter add(1.5)", library, 2, add, nullptr, nullptr},
		{"histogram observe, 11 buckets", library, 1, observe, nullptr, nullptr},
		{"histogram observe, 11 buckets", library, 2, observe, nullptr, nullptr},
		{"summary observe, quantiles", library, 1, summarise, nullptr, nullptr},
		{"summary observe, quantiles", library, 2, summarise, nullptr, nullptr},
		{"gauge set", library, 1, set, nullptr, nullptr},
		{"gauge set", library, 2, set, nullptr, nullptr},
		{"gauge inc", library, 1, gauge_inc, nullptr, nullptr},
		{"gauge inc", library, 2, gauge_inc, nullptr, nullptr},
	};

	m = std::make_unique<metrics>();
	return bench_run(argc, argv, "update", cases, sizeof(cases) / sizeof(cases[0]));
}

int
look_up_all(int argc, char **argv, const char *library)
{
	const bench_case cases[] = {
		{"look-up of 2 labels in 64 series, inc", library, 1, look_up, nullptr, nullptr},
		{"look-up of 2 labels in 64 series, inc", library, 2, look_up, nullptr, nullptr},
	};

	m = std::make_unique<metrics>();
	return bench_run(argc, argv, "look_up", cases, sizeof(cases) / sizeof(cases[0]));
}

int
render_all(int argc, char **argv, const char *library)
{
	bench_inputs();
	const auto few = page_of_counters(1000, true), whole = page_of_counters(1000, false),
		   many = page_of_counters(100000, true), histograms = page_of_histograms(1000);
	const bench_case cases[] = {
		{"line of 1k counters, 17 digits", library, 1, render, few.get(), nullptr},
		{"line of 1k counters, whole numbers", library, 1, render, whole.get(), nullptr},
		{"line of 1k histograms, whole numbers", library, 1, render, histograms.get(),
		 nullptr},
		{"line of 100k counters, 17 digits", library, 1, render, many.get(), nullptr},
	};

	return bench_run(argc, argv, "render", cases, sizeof(cases) / sizeof(cases[0]));
}

} // namespace

/* bench_run() has a number of repetitions where this program has its group. */
int
main(int argc, char **argv)
{
	const std::string group = argc > 1 ? argv[1] : "";
	const char *library = std::getenv("BENCH_LIBRARY");
	char one[] = "1";

	if (argc > 1)
		argv[1] = one;
	if (library == nullptr)
		library = "prometheus-cpp";
	if (group == "update")
		return update(argc, argv, library);
	if (group == "look_up")
		return look_up_all(argc, argv, library);
	if (group == "render")
		return render_all(argc, argv, library);
	if (group == "create")
		return create(library);
	return 0;
}
