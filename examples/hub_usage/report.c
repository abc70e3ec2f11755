/* SPDX-License-Identifier: MIT */
/*
 * hub_usage_report: how many people used which hub on which day, as a Prometheus behind a Grafana
 * has it. See usage below; the token comes from the environment, and is never shown.
 */
#define _GNU_SOURCE /* strptime, timegm */
#include "grafana.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)64 << 20) /* of an answer */
#define MOST_MONTHS 120
#define MOST_SECONDS 3600
#define USERS_TITLE "Unique users in the last 24 hours"

static const char users_query[] =
	"max(jupyterhub_active_users{period=\"24h\", namespace=~\".*\"}) by (namespace)";

static const char usage[] =
	"usage: GRAFANA_TOKEN=... hub_usage_report [options] https://grafana.example\n"
	"\n"
	"  -s, --source=NAME     the data source of this name or uid; else the first Prometheus\n"
	"  -a, --all             every data source that is a Prometheus and answers, added up\n"
	"  -m, --months=N        so far back; else 3\n"
	"  -e, --end=TIME        until then, as in 2026-11-21T12:00 (UTC); else until now\n"
	"  -q, --query=PROMQL    another query than the users of the last 24 hours by namespace;\n"
	"                        one series of each namespace\n"
	"  -c, --csv             comma-separated values instead of a table\n"
	"  -g, --svg=FILE        a picture, too\n"
	"  -T, --title=TEXT      of the picture; with -q, else the query\n"
	"  -t, --timeout=SECONDS for each answer; else 30\n";

struct options {
	const char *grafana, *source, *svg, *title;
	struct query query;
	long months, timeout;
	bool all, csv;
};

/* To standard error. What others wrote may be part of it. */
static void
complain(const char *format, va_list arguments)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, arguments);
	text_clean(text);
	fprintf(stderr, "hub_usage_report: %s\n", text);
}

__attribute__((format(printf, 1, 2))) static void
warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void
die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	exit(EXIT_FAILURE);
}

/* ---- options ---- */

static long
number(const char *text, long most)
{
	long n = text_number(text, 1, most);

	if (n == 0)
		die("\"%s\" is not a number of 1 to %ld", text, most);
	return n;
}

static time_t
time_of(const char *text)
{
	struct tm date = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M", &date);

	if (end == NULL || *end != '\0')
		die("\"%s\" is not a time such as 2026-11-21T12:00", text);
	return timegm(&date);
}

/* The same day of the month then, or its last one, at the same time. */
static time_t
months_before(time_t end, long months)
{
	struct tm date;
	time_t start;
	int day;

	gmtime_r(&end, &date);
	day = date.tm_mday;
	date.tm_mon -= (int)months;
	start = timegm(&date);
	if (date.tm_mday != day) {
		date.tm_mday = 0;
		start = timegm(&date);
	}
	return start;
}

static void
take_option(struct options *o, int option)
{
	switch (option) {
	case 's':
		o->source = optarg;
		break;
	case 'a':
		o->all = true;
		break;
	case 'm':
		o->months = number(optarg, MOST_MONTHS);
		break;
	case 'e':
		o->query.end = time_of(optarg);
		break;
	case 'q':
		o->query.promql = optarg;
		break;
	case 'c':
		o->csv = true;
		break;
	case 'g':
		o->svg = optarg;
		break;
	case 'T':
		o->title = optarg;
		break;
	case 't':
		o->timeout = number(optarg, MOST_SECONDS);
		break;
	case 'h':
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	default:
		fputs(usage, stderr);
		exit(EXIT_FAILURE);
	}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{"source", required_argument, NULL, 's'},
		{"all", no_argument, NULL, 'a'},
		{"months", required_argument, NULL, 'm'},
		{"end", required_argument, NULL, 'e'},
		{"query", required_argument, NULL, 'q'},
		{"csv", no_argument, NULL, 'c'},
		{"svg", required_argument, NULL, 'g'},
		{"title", required_argument, NULL, 'T'},
		{"timeout", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;
	size_t n;

	while ((option = getopt_long(argc, argv, "s:am:e:q:cg:T:t:h", known, NULL)) != -1)
		take_option(o, option);
	if (optind != argc - 1 || (o->all && o->source != NULL))
		take_option(o, '?');
	n = strlen(argv[optind]);
	while (n > 0 && argv[optind][n - 1] == '/')
		argv[optind][--n] = '\0';
	o->grafana = argv[optind];
	o->query.start = months_before(o->query.end, o->months);
}

static const char *
token_of_environment(void)
{
	const char *token = getenv("GRAFANA_TOKEN");

	if (token == NULL || *token == '\0')
		die("there is no token in the environment: set GRAFANA_TOKEN");
	for (const char *p = token; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			die("GRAFANA_TOKEN has blanks, or characters that are in no token");
	return token;
}

/* ---- data sources ---- */

static bool
is_prometheus(const struct source *s)
{
	return strcmp(s->type, "prometheus") == 0;
}

static const struct source *
find_source(const struct sources *list, const char *wanted)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct source *s = &list->of[i];

		if (wanted == NULL ? is_prometheus(s)
				   : strcmp(s->name, wanted) == 0 || strcmp(s->uid, wanted) == 0)
			return s;
	}
	return NULL;
}

static void
query_one(struct grafana *g, const struct sources *list, const struct options *o, struct frame *f)
{
	const struct source *s = find_source(list, o->source);

	if (s == NULL && o->source == NULL)
		die("no data source of this Grafana is a Prometheus");
	if (s == NULL)
		die("there is no data source of the name or uid \"%s\"", o->source);
	if (!is_prometheus(s))
		die("the data source \"%s\" is a %s, not a Prometheus", o->source, s->type);
	if (!grafana_query(g, s, &o->query, f))
		die("%s: %s", s->name, g->reason);
}

/* Each into a frame of its own: what one told before it failed is no part of the report. */
static void
query_all(struct grafana *g, const struct sources *list, const struct options *o, struct frame *f)
{
	size_t answered = 0;

	for (const struct source *s = list->of; s < list->of + list->count; s++) {
		struct frame part = frame_of_days(f->first, f->first + (long)f->days - 1);

		if (!is_prometheus(s))
			continue;
		if (!grafana_query(g, s, &o->query, &part))
			warn("left out: %s: %s", s->name, g->reason);
		else if (!frame_add_all(f, &part))
			die("no memory");
		else
			answered++;
		frame_free(&part);
	}
	if (answered == 0)
		die("no data source has answered");
}

/* ---- output ---- */

static void
write_chart(const struct frame *f, const struct options *o)
{
	bool users = o->query.promql == users_query;
	char *title = strdup(o->title != NULL ? o->title : users ? USERS_TITLE : o->query.promql);
	FILE *to = fopen(o->svg, "w");

	if (title == NULL || to == NULL)
		die("%s: %s", o->svg, strerror(errno));
	text_clean(title);
	chart_print(to, f, title, users ? "Users" : "Value");
	free(title);
	if (ferror(to) != 0 || fclose(to) != 0)
		die("%s: it cannot be written", o->svg);
}

static void
show(struct frame *f, const struct options *o)
{
	frame_arrange(f);
	if (f->days == 0)
		die("the query has no result in this time");
	if (o->csv)
		csv_print(stdout, f);
	else if (!table_print(stdout, f))
		die("no memory");
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		die("standard output: it cannot be written");
	if (o->svg != NULL)
		write_chart(f, o);
}

int
main(int argc, char **argv)
{
	struct options o = {
		.query.promql = users_query,
		.query.end = time(NULL),
		.months = 3,
		.timeout = 30,
	};
	struct sources list;
	struct grafana g;
	struct frame f;

	read_options(&o, argc, argv);
	g.url = o.grafana;
	if (!http_open(&g.http, token_of_environment(), 1000 * o.timeout, MOST_BYTES))
		die("%s", g.http.reason);
	if (!grafana_sources(&g, &list))
		die("Grafana: %s", g.reason);
	f = frame_of_days(o.query.start / DAY, o.query.end / DAY);
	if (o.all)
		query_all(&g, &list, &o, &f);
	else
		query_one(&g, &list, &o, &f);
	show(&f, &o);
	frame_free(&f);
	sources_free(&list);
	http_close(&g.http);
	return EXIT_SUCCESS;
}
