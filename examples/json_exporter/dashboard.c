/* SPDX-License-Identifier: MIT */
/*
 * dashboard: a row for each source, and in it a panel for each metric; above them the sources.
 */
#include "dashboard.h"

#include <stdio.h>
#include <string.h>

#define TEXT 2048 /* more than the longest name of a metric */
#define WIDTH 12  /* of the 24 columns of a dashboard */
#define HEIGHT 8

/* Where the next panel goes. */
struct grid {
	json_t *panels;
	int x, y;
};

static void
new_line(struct grid *g)
{
	g->y += g->x > 0 ? HEIGHT : 0;
	g->x = 0;
}

static void
add_row(struct grid *g, const char *title)
{
	new_line(g);
	json_array_append_new(g->panels,
			      json_pack("{s:i s:s s:s s:b s:[] s:{s:i s:i s:i s:i}}", "id",
					(int)json_array_size(g->panels) + 1, "type", "row", "title",
					title, "collapsed", 0, "panels", "gridPos", "x", 0, "y",
					g->y, "w", 24, "h", 1));
	g->y++;
}

static void
add_panel(struct grid *g, const char *title, const char *expression, const char *legend,
	  const char *unit)
{
	json_t *panel = json_pack(
		"{s:i s:s s:s s:{s:i s:i s:i s:i} s:{s:s s:s} s:{s:{s:s} s:[]} s:[{s:s s:s s:s}]}",
		"id", (int)json_array_size(g->panels) + 1, "type", "timeseries", "title", title,
		"gridPos", "x", g->x, "y", g->y, "w", WIDTH, "h", HEIGHT, "datasource", "type",
		"prometheus", "uid", "${datasource}", "fieldConfig", "defaults", "unit", unit,
		"overrides", "targets", "refId", "A", "expr", expression, "legendFormat", legend);

	json_array_append_new(g->panels, panel);
	g->x += WIDTH;
	if (g->x == 2 * WIDTH)
		new_line(g);
}

/* What Grafana calls a unit, and what it calls it per second. */
static const char *
grafana_unit(const struct metric *m)
{
	static const struct {
		const char *unit, *gauge, *rate;
	} units[] = {{"seconds", "s", "percentunit"},
		     {"bytes", "bytes", "Bps"},
		     {"ratio", "percentunit", "short"},
		     {"celsius", "celsius", "short"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(m->unit, units[i].unit) == 0)
			return m->type == CPROM_TYPE_COUNTER ? units[i].rate : units[i].gauge;
	return m->type == CPROM_TYPE_COUNTER ? "cps" : "short";
}

/* Counters by their rate, points in time by how long ago they were, all else as it is. */
static void
write_expression(char *text, size_t size, const struct metric *m)
{
	if (m->type == CPROM_TYPE_COUNTER)
		snprintf(text, size, "rate(%s[$__rate_interval])", m->name);
	else if (strstr(m->name, "_timestamp_seconds") != NULL)
		snprintf(text, size, "time() - %s", m->name);
	else
		snprintf(text, size, "%s", m->name);
}

/* The labels alone, or the name where there are none. */
static void
write_legend(char *text, size_t size, const struct metric *m)
{
	size_t n = 0;

	snprintf(text, size, "%s", m->name);
	for (size_t i = 0; i < m->step_count && n < size; i++)
		if (m->steps[i].name == NULL)
			n += (size_t)snprintf(text + n, size - n, "%s{{%s}}", n > 0 ? " " : "",
					      m->steps[i].label);
}

static void
add_metric(struct grid *g, const struct metric *m)
{
	char expression[TEXT], legend[TEXT];

	write_expression(expression, sizeof(expression), m);
	write_legend(legend, sizeof(legend), m);
	add_panel(g, m->help, expression, legend, grafana_unit(m));
}

static json_t *
panels_of(const struct mapping *mapping)
{
	struct grid g = {.panels = json_array()};

	add_row(&g, "Sources");
	add_panel(&g, "Whether the source's document was there and right", "json_exporter_up",
		  "{{source}}", "bool_yes_no");
	add_panel(&g, "Scrapes without the source's metrics",
		  "rate(json_exporter_errors_total[$__rate_interval])", "{{source}} {{reason}}",
		  "cps");
	for (size_t i = 0; i < mapping->source_count; i++) {
		add_row(&g, mapping->sources[i].name);
		for (size_t j = 0; j < mapping->sources[i].metric_count; j++)
			add_metric(&g, &mapping->sources[i].metrics[j]);
	}
	return g.panels;
}

int
dashboard_write(const struct mapping *mapping)
{
	json_t *dashboard = json_pack(
		"{s:s s:s s:i s:s s:{s:s s:s} s:{s:[{s:s s:s s:s}]} s:o}", "title", "JSON exporter",
		"uid", "json-exporter", "schemaVersion", 38, "refresh", "30s", "time", "from",
		"now-1h", "to", "now", "templating", "list", "name", "datasource", "type",
		"datasource", "query", "prometheus", "panels", panels_of(mapping));
	int result = json_dumpf(dashboard, stdout, JSON_INDENT(2));

	json_decref(dashboard);
	return result == 0 && putchar('\n') != EOF && fflush(stdout) == 0 ? 0 : -1;
}
