/* SPDX-License-Identifier: MIT */
/*
 * mapping: reads the mapping file.
 */
#include "mapping.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For all URLs, one after the other: below the 10 s that Prometheus waits by default. */
#define SCRAPE_MS 8000L

void
die(const char *format, ...)
{
	va_list list;

	fputs("json_exporter: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

static void *
allocate(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (p == NULL)
		die("no memory");
	return p;
}

static char *
copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(allocate(1, size), text, size);
}

/* The place of a word in a list that ends in NULL. */
static int
place_of(const char *word, const char *const list[], const char *metric)
{
	for (int i = 0; list[i] != NULL; i++)
		if (strcmp(word, list[i]) == 0)
			return i;
	die("%s: there is no \"%s\"", metric, word);
}

/* "workers.*.cpu" in three steps; the empty path is the document itself. */
static void
read_path(struct metric *m, const char *path)
{
	char *rest = *path == '\0' ? NULL : copy(path);

	for (char *name; (name = strsep(&rest, ".")) != NULL; m->step_count++) {
		if (m->step_count == MAX_STEPS)
			die("%s: a path of more than %d steps", m->name, MAX_STEPS);
		m->steps[m->step_count].name = strcmp(name, "*") == 0 ? NULL : name;
	}
}

/* A label for each * of the path: "worker", or "user=name" for what the member called name says. */
static void
read_labels(struct metric *m, const json_t *labels)
{
	size_t used = 0;

	for (size_t i = 0; i < m->step_count; i++) {
		const char *text = json_string_value(json_array_get(labels, used));
		char *rest;

		if (m->steps[i].name != NULL)
			continue;
		if (text == NULL)
			die("%s: as many labels as there are * in the path, please", m->name);
		rest = copy(text);
		m->steps[i].label = strsep(&rest, "=");
		m->steps[i].from = rest;
		used++;
	}
	if (json_array_size(labels) != used)
		die("%s: more labels than * in the path", m->name);
}

/* Some formats would add it: with it, the name is the same in all of them. */
static void
check_counter(const char *name)
{
	size_t length = strlen(name);

	if (length < 6 || strcmp(name + length - 6, "_total") != 0)
		die("%s: the name of a counter ends in _total", name);
}

static void
read_metric(struct metric *m, const char *source, json_t *entry)
{
	static const char *const types[] = {"counter", "gauge", NULL};
	static const char *const values[] = {"number", "time", "length", NULL};
	const char *path, *type, *value = values[NUMBER_VALUE];
	json_t *labels = NULL;
	json_error_t error;

	m->scale = 1;
	m->unit = "";
	if (json_unpack_ex(entry, &error, JSON_STRICT, "{s:s s:s s:s s:s s?o s?s s?s s?F}", "path",
			   &path, "name", &m->name, "type", &type, "help", &m->help, "labels",
			   &labels, "value", &value, "unit", &m->unit, "scale", &m->scale) != 0)
		die("%s: metric %s: %s", source, m->name == NULL ? "without name" : m->name,
		    error.text);
	m->type = place_of(type, types, m->name) == 0 ? CPROM_TYPE_COUNTER : CPROM_TYPE_GAUGE;
	m->value = (enum value_kind)place_of(value, values, m->name);
	if (m->type == CPROM_TYPE_COUNTER)
		check_counter(m->name);
	read_path(m, path);
	read_labels(m, labels);
}

static void
read_source(struct source *s, json_t *entry, long timeout_ms)
{
	double timeout = (double)timeout_ms / 1000, most = (double)SCRAPE_MS / 1000;
	json_error_t error;
	json_t *metrics, *metric;
	size_t i;

	if (json_unpack_ex(entry, &error, JSON_STRICT, "{s:s s?s s?s s?s s?F s:o}", "name",
			   &s->name, "file", &s->file, "url", &s->url, "token_env", &s->token_env,
			   "timeout", &timeout, "metrics", &metrics) != 0)
		die("a source: %s", error.text);
	if ((s->file == NULL) == (s->url == NULL))
		die("%s: a file or a url, please", s->name);
	if (!(timeout >= 0.001 && timeout <= most))
		die("%s: a timeout of 0.001 to %g seconds, please", s->name, most);
	s->timeout_ms = (long)(timeout * 1000);
	s->metric_count = json_array_size(metrics);
	if (s->metric_count == 0)
		die("%s: a list of metrics, please", s->name);
	s->metrics = allocate(s->metric_count, sizeof(*s->metrics));
	json_array_foreach (metrics, i, metric) {
		read_metric(&s->metrics[i], s->name, metric);
	}
}

static void
check_sources(const struct mapping *mapping)
{
	json_t *names = json_object();
	long sum_ms = 0;

	for (size_t i = 0; i < mapping->source_count; i++) {
		const struct source *s = &mapping->sources[i];

		if (json_object_get(names, s->name) != NULL)
			die("%s: twice", s->name);
		json_object_set_new(names, s->name, json_true());
		sum_ms += s->url != NULL ? s->timeout_ms : 0;
	}
	json_decref(names);
	if (sum_ms > SCRAPE_MS)
		die("the timeouts of all URLs add up to %g seconds: %g at most, please",
		    (double)sum_ms / 1000, (double)SCRAPE_MS / 1000);
}

void
mapping_load(struct mapping *mapping, const char *path)
{
	json_error_t error;
	json_t *sources, *source;
	size_t i;

	mapping->document = json_load_file(path, 0, &error);
	if (mapping->document == NULL)
		die("%s, line %d: %s", path, error.line, error.text);
	if (json_unpack_ex(mapping->document, &error, 0, "{s:o !}", "sources", &sources) != 0)
		die("%s: %s", path, error.text);
	mapping->source_count = json_array_size(sources);
	if (mapping->source_count == 0)
		die("%s: a list of sources, please", path);
	mapping->sources = allocate(mapping->source_count, sizeof(*mapping->sources));
	json_array_foreach (sources, i, source) {
		read_source(&mapping->sources[i], source, SCRAPE_MS / (long)mapping->source_count);
	}
	check_sources(mapping);
}
