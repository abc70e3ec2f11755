/* SPDX-License-Identifier: MIT */
/*
 * rendered: registries to render, and what their pages are.
 */
#include "rendered.h"

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rendered rendered[RENDERED_COUNT] = {
	{.what = "line of 1k counters, 17 digits", .kind = RENDERED_DIGITS, .series = 1000},
	{.what = "line of 1k counters, halves", .kind = RENDERED_HALVES, .series = 1000},
	{.what = "line of 1k counters, whole numbers", .kind = RENDERED_WHOLE, .series = 1000},
	{.what = "line of 1k gauges, NaN and Inf", .kind = RENDERED_SPECIALS, .series = 1000},
	{.what = "line of 1k histograms, whole numbers",
	 .kind = RENDERED_HISTOGRAMS,
	 .series = 1000},
	{.what = "line of 100k counters, 17 digits", .kind = RENDERED_DIGITS, .series = 100000},
	{.what = "line of 100k counters, halves", .kind = RENDERED_HALVES, .series = 100000},
	{.what = "line of 100k counters, whole numbers", .kind = RENDERED_WHOLE, .series = 100000},
	{.what = "line of 1M counters, 17 digits", .kind = RENDERED_DIGITS, .series = 1000000},
};

static void
fill_counters(struct rendered *s, cprom_counter *c)
{
	char instance[16];

	for (unsigned i = 0; i < s->series; i++) {
		cprom_counter *child;

		snprintf(instance, sizeof(instance), "%06u", i);
		child = cprom_labels(c, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", instance);
		if (s->kind == RENDERED_DIGITS)
			cprom_counter_add(child, bench_doubles[i % BENCH_INPUTS] * (i + 1));
		else
			cprom_counter_add(child, i * 37.0 + (s->kind == RENDERED_HALVES ? 0.5 : 0));
	}
}

static void
fill_gauges(struct rendered *s, cprom_gauge *g)
{
	static const double values[] = {NAN, INFINITY, -INFINITY};
	char instance[16];

	for (unsigned i = 0; i < s->series; i++) {
		snprintf(instance, sizeof(instance), "%06u", i);
		cprom_gauge_set(
			cprom_labels(g, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", instance),
			values[i % 3]);
	}
}

static void
fill_histograms(struct rendered *s, cprom_histogram *h)
{
	char instance[16];

	for (unsigned i = 0; i < s->series; i++) {
		cprom_histogram *child;

		snprintf(instance, sizeof(instance), "%06u", i);
		child = cprom_labels(h, i % 2 ? "GET" : "POST", instance);
		for (unsigned k = 0; k < 20; k++)
			cprom_histogram_observe(child, (i + k) % 12);
	}
}

/* Lines of counters are of about 92 bytes with 17 digits. */
static void
make(struct rendered *s)
{
	const cprom_strings labels = CPROM_LABELS("method", "code", "instance");
	cprom_registry *r = cprom_registry_new(.max_bytes = (size_t)1 << 30,
					       .max_series = s->series + 100);

	if (s->kind == RENDERED_HISTOGRAMS)
		fill_histograms(
			s, cprom_histogram_new("http_request_seconds", "Requests.", .registry = r,
					       .labels = CPROM_LABELS("method", "instance")));
	else if (s->kind == RENDERED_SPECIALS)
		fill_gauges(s, cprom_gauge_new("http_requests_seconds_total", "Requests.",
					       .registry = r, .labels = labels));
	else
		fill_counters(s, cprom_counter_new("http_requests_seconds_total", "Requests.",
						   .registry = r, .labels = labels,
						   .max_series = s->series));
	s->registry = r;
	s->page = cprom_render(r, NULL, &s->bytes);
	if (s->page == NULL)
		abort();
	for (const char *p = s->page; *p != '\0'; p = strchr(p, '\n') + 1)
		s->lines += *p != '#';
}

void
rendered_make(const char *word)
{
	bench_inputs();
	for (size_t i = 0; i < RENDERED_COUNT; i++)
		if (strstr(rendered[i].what, word) != NULL)
			make(&rendered[i]);
}
