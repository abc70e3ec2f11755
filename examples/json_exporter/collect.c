/* SPDX-License-Identifier: MIT */
/*
 * collect: fetches a source's document in each scrape, and emits the metrics that it maps to.
 *
 *  C1 All or nothing: a source whose document is not there or not right has no metrics in that
 *     scrape. Half of them would look like the whole.
 *  C2 What is not there is no error: workers come and go. What is null is not there.
 *  C3 What is there has to be of the kind that the mapping says.
 *
 * All of it runs in the thread that serves, so nothing here is locked.
 */
#define _GNU_SOURCE /* strptime, timegm */
#include "collect.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fetch.h"

/* On the way from a document to the samples of one metric. */
struct walk {
	cprom_sink *out;
	const struct metric *metric;
	const char *labels[2 * MAX_STEPS]; /* name, value, … of the * so far */
	size_t label_count;
	bool refused; /* by the library, which has told why */
};

static int walk(struct walk *w, json_t *at, size_t step);

/* In the picture, 0 is any digit, and a * at its end whatever follows. */
static bool
is_like(const char *text, const char *picture)
{
	for (; *picture != '\0' && *picture != '*'; text++, picture++)
		if (*picture == '0' ? !isdigit((unsigned char)*text) : *text != *picture)
			return false;
	return *picture == '*' || *text == '\0';
}

/* "Z", "+02:00", "+0200" or "+02"; without a zone, as some write it, it is UTC. 0, or -1. */
static int
parse_zone(const char *text, int *seconds)
{
	int hours = 0, minutes = 0;

	*seconds = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0)
		return 0;
	if (!is_like(text + 1, "00:00") && !is_like(text + 1, "0000") && !is_like(text + 1, "00"))
		return -1;
	sscanf(text + 1, text[3] == ':' ? "%2d:%2d" : "%2d%2d", &hours, &minutes);
	*seconds = (*text == '-' ? -60 : 60) * (60 * hours + minutes);
	return (*text == '+' || *text == '-') && hours < 24 && minutes < 60 ? 0 : -1;
}

/* 0, or -1: the text is no time. */
static int
parse_time(const char *text, double *v)
{
	struct tm tm = {0};
	const char *rest;
	char *end;
	double minute, seconds;
	int day, zone;

	/* The picture first, for strptime() takes blanks, too. */
	if (!is_like(text, "0000-00-00T00:00:00*") ||
	    (rest = strptime(text, "%Y-%m-%dT%H:%M:", &tm)) == NULL)
		return -1;
	day = tm.tm_mday;
	minute = (double)timegm(&tm);
	seconds = strtod(rest, &end);
	/* 30 February is another day by now. */
	if (tm.tm_mday != day || end != rest + strspn(rest, "0123456789.") || !(seconds < 61) ||
	    parse_zone(end, &zone) != 0)
		return -1;
	*v = minute + seconds - zone;
	return 0;
}

static int
value_of(const json_t *at, enum value_kind kind, double *v)
{
	if (kind == TIME_VALUE)
		return json_is_string(at) ? parse_time(json_string_value(at), v) : -1;
	if (kind == LENGTH_VALUE) {
		*v = (double)(json_is_array(at) ? json_array_size(at) : json_object_size(at));
		return json_is_array(at) || json_is_object(at) ? 0 : -1;
	}
	*v = json_is_boolean(at) ? json_is_true(at) : json_number_value(at);
	return json_is_boolean(at) || json_is_number(at) ? 0 : -1;
}

static int
emit(struct walk *w, const json_t *at)
{
	double v;

	if (value_of(at, w->metric->value, &v) != 0)
		return -1;
	w->refused = cprom_sink_sample(w->out, v * w->metric->scale,
				       .labels = {w->labels, w->label_count}) != 0;
	return w->refused ? -1 : 0;
}

/* Goes on into one of several members or elements, with a label. */
static int
walk_one(struct walk *w, json_t *at, size_t step, const char *name)
{
	const struct step *s = &w->metric->steps[step];
	const char *value = name;
	int result;

	if (json_is_null(at))
		return 0;
	if (s->from != NULL && (value = json_string_value(json_object_get(at, s->from))) == NULL)
		return -1;
	w->labels[w->label_count++] = s->label;
	w->labels[w->label_count++] = value;
	result = walk(w, at, step + 1);
	w->label_count -= 2;
	return result;
}

static int
walk_all(struct walk *w, json_t *at, size_t step)
{
	const char *key;
	char number[24];
	json_t *value;
	size_t i;

	if (!json_is_array(at) && !json_is_object(at))
		return -1;
	json_array_foreach (at, i, value) {
		snprintf(number, sizeof(number), "%zu", i);
		if (walk_one(w, value, step, number) != 0)
			return -1;
	}
	json_object_foreach (at, key, value) {
		if (walk_one(w, value, step, key) != 0)
			return -1;
	}
	return 0;
}

/* What is called so, or has this number, goes to *found, NULL if nothing; -1: nothing could be. */
static int
find_member(const json_t *at, const char *name, json_t **found)
{
	char *end;
	size_t i = strtoul(name, &end, 10);

	if (json_is_object(at))
		*found = json_object_get(at, name);
	else if (json_is_array(at) && end != name && *end == '\0')
		*found = json_array_get(at, i);
	else
		return -1;
	return 0;
}

/* From here to the samples: 0, or -1 if something is not what the mapping says. */
static int
walk(struct walk *w, json_t *at, size_t step)
{
	const char *name;

	if (at == NULL || json_is_null(at))
		return 0;
	if (step == w->metric->step_count)
		return emit(w, at);
	name = w->metric->steps[step].name;
	if (name == NULL)
		return walk_all(w, at, step);
	return find_member(at, name, &at) == 0 ? walk(w, at, step + 1) : -1;
}

static int
emit_metric(cprom_sink *out, const struct metric *m, json_t *document, json_error_t *error)
{
	struct walk w = {.out = out, .metric = m};

	w.refused = cprom_sink_family(out, m->type, m->name, m->help, .unit = m->unit) != 0;
	if (!w.refused && walk(&w, document, 0) == 0)
		return 0;
	if (w.refused)
		snprintf(error->text, sizeof(error->text), "%s", cprom_error());
	else
		snprintf(error->text, sizeof(error->text), "%s: not what the mapping says",
			 m->name);
	return -1;
}

static enum trouble
emit_source(cprom_sink *out, const struct source *s, json_error_t *error)
{
	enum trouble trouble = NO_TROUBLE;
	json_t *document = fetch(s, &trouble, error);

	for (size_t i = 0; i < s->metric_count && trouble == NO_TROUBLE; i++)
		if (emit_metric(out, &s->metrics[i], document, error) != 0)
			trouble = VALUE_TROUBLE;
	json_decref(document);
	return trouble;
}

static void
collect(cprom_sink *out, void *arg)
{
	struct source *s = arg;
	json_error_t error;
	enum trouble trouble = emit_source(out, s, &error);

	cprom_gauge_set(s->up, trouble == NO_TROUBLE);
	if (trouble != NO_TROUBLE) {
		cprom_counter_inc(s->errors[trouble]);
		cprom_sink_fail(out, error.text);
	}
	/* Each change once, not each scrape. */
	if (trouble != s->last)
		fprintf(stderr, "json_exporter: %s: %s\n", s->name,
			trouble == NO_TROUBLE ? "well again" : error.text);
	s->last = trouble;
}

/* What the exporter says of itself. */
static void
make_own(cprom_registry *registry, cprom_gauge **up, cprom_counter **errors)
{
	*up = cprom_gauge_new("json_exporter_up",
			      "Whether the source's document was there and right.",
			      .labels = CPROM_LABELS("source"), .registry = registry);
	*errors = cprom_counter_new(
		"json_exporter_errors_total", "Scrapes without the source's metrics.",
		.labels = CPROM_LABELS("source", "reason"), .registry = registry);
}

/* Of its labels the names alone are known yet. */
static void
judge_metric(cprom_sink *out, const struct metric *m)
{
	const char *labels[2 * MAX_STEPS];
	size_t n = 0;

	for (size_t i = 0; i < m->step_count; i++)
		if (m->steps[i].name == NULL) {
			labels[n++] = m->steps[i].label;
			labels[n++] = "some";
		}
	if (cprom_sink_family(out, m->type, m->name, m->help, .unit = m->unit) != 0 ||
	    cprom_sink_sample(out, 0, .labels = {labels, n}) != 0)
		die("%s", cprom_error());
}

static void
judge(cprom_sink *out, void *arg)
{
	const struct mapping *mapping = arg;

	for (size_t i = 0; i < mapping->source_count; i++)
		for (size_t j = 0; j < mapping->sources[i].metric_count; j++)
			judge_metric(out, &mapping->sources[i].metrics[j]);
}

/* In a page that has all that the one that is served will have, and in the format of most rules. */
void
collect_check(struct mapping *mapping)
{
	cprom_registry *scratch = cprom_registry_new(.self_metrics = 1);
	cprom_counter *errors;
	cprom_gauge *up;
	char *page;

	if (scratch == NULL || cprom_process_enable(scratch) != 0 ||
	    cprom_collector_new(judge, mapping, .registry = scratch) == NULL)
		die("%s", cprom_error());
	make_own(scratch, &up, &errors);
	page = cprom_render(scratch, "application/openmetrics-text; version=1.0.0", NULL);
	if (page == NULL)
		die("%s", cprom_error());
	free(page);
	cprom_registry_free(scratch);
}

/* A secret is nothing for a file that others read, nor for a command line. */
static void
read_token(struct source *s)
{
	const char *why;

	if (s->token_env != NULL && (s->token = getenv(s->token_env)) == NULL)
		die("%s: %s is not in the environment", s->name, s->token_env);
	if (s->url != NULL && (why = fetch_url_refusal(s)) != NULL)
		die("%s: %s", s->name, why);
}

void
collect_register(struct mapping *mapping)
{
	static const char *const reasons[TROUBLES] = {
		[FETCH_TROUBLE] = "fetch", [PARSE_TROUBLE] = "parse", [VALUE_TROUBLE] = "value"};
	cprom_counter *errors;
	cprom_gauge *up;

	/* First, so that the page shows of the families below what its own collectors found. */
	for (size_t i = 0; i < mapping->source_count; i++)
		if (cprom_collector_new(collect, &mapping->sources[i]) == NULL)
			die("%s", cprom_error());
	make_own(NULL, &up, &errors);
	for (size_t i = 0; i < mapping->source_count; i++) {
		struct source *s = &mapping->sources[i];

		read_token(s);
		s->up = cprom_labels(up, s->name);
		for (int j = FETCH_TROUBLE; j < TROUBLES; j++)
			s->errors[j] = cprom_labels(errors, s->name, reasons[j]);
	}
}
