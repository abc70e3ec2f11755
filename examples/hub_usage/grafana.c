/* SPDX-License-Identifier: MIT */
/*
 * grafana: what is asked by its HTTP API, and what the answers say.
 */
#define _GNU_SOURCE /* asprintf */
#include "grafana.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_USERS 1e15 /* in one value: so far all whole numbers are exact, and no sum overflows */

/* Always false. */
__attribute__((format(printf, 2, 3))) static bool
fail(struct grafana *g, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(g->reason, sizeof(g->reason), format, arguments);
	va_end(arguments);
	return false;
}

/* ---- answers ---- */

/* Prometheus, and Grafana, say in JSON what is wrong. */
static bool
fail_by_answer(struct grafana *g, long status)
{
	json_t *answer = json_loadb(g->http.body, g->http.length, 0, NULL);
	const char *why = json_string_value(json_object_get(answer, "error"));

	if (why == NULL)
		why = json_string_value(json_object_get(answer, "message"));
	fail(g, "HTTP status %ld%s%s", status, why == NULL ? "" : ": ", why == NULL ? "" : why);
	json_decref(answer);
	return false;
}

/* The JSON at the path; NULL with a reason. */
static json_t *
get_json(struct grafana *g, const char *path)
{
	json_error_t where;
	json_t *answer;
	char *url;
	long status;

	if (asprintf(&url, "%s%s", g->url, path) == -1) {
		fail(g, "no memory");
		return NULL;
	}
	status = http_get(&g->http, url);
	free(url);
	if (status == 200) {
		answer = json_loadb(g->http.body, g->http.length, 0, &where);
		if (answer == NULL)
			fail(g, "the answer is not JSON: line %d: %s", where.line, where.text);
		return answer;
	}
	if (status == 0)
		fail(g, "no answer: %s", g->http.reason);
	else if (status == 401 || status == 403)
		fail(g, "the token is refused (HTTP status %ld)", status);
	else if (status >= 300 && status < 400)
		fail(g, "it redirects to %s, and the token is not sent there",
		     http_redirect(&g->http));
	else
		fail_by_answer(g, status);
	return NULL;
}

/* ---- data sources ---- */

static char *
copy_member(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value == NULL ? NULL : strdup(value);
}

static bool
add_source(struct grafana *g, struct sources *out, const json_t *from)
{
	struct source *s = &out->of[out->count++];

	*s = (struct source){copy_member(from, "name"), copy_member(from, "uid"),
			     copy_member(from, "type")};
	return (s->name != NULL && s->uid != NULL && s->type != NULL) ||
	       fail(g, "a data source lacks its name, uid or type");
}

bool
grafana_sources(struct grafana *g, struct sources *out)
{
	json_t *list = get_json(g, "/api/datasources");
	bool good = list != NULL;

	*out = (struct sources){0};
	if (good && !json_is_array(list))
		good = fail(g, "the answer is not a list of data sources");
	if (good && (out->of = calloc(json_array_size(list) + 1, sizeof(*out->of))) == NULL)
		good = fail(g, "no memory");
	for (size_t i = 0; good && i < json_array_size(list); i++)
		good = add_source(g, out, json_array_get(list, i));
	json_decref(list);
	return good;
}

void
sources_free(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->of[i].name);
		free(s->of[i].uid);
		free(s->of[i].type);
	}
	free(s->of);
}

/* ---- queries ---- */

static char *
query_path(struct grafana *g, const struct source *s, const struct query *q)
{
	char *uid = curl_easy_escape(g->http.curl, s->uid, 0);
	char *promql = curl_easy_escape(g->http.curl, q->promql, 0), *path = NULL;

	if (uid == NULL || promql == NULL ||
	    asprintf(&path,
		     "/api/datasources/proxy/uid/%s/api/v1/"
		     "query_range?query=%s&start=%lld&end=%lld&step=1d",
		     uid, promql, (long long)q->start, (long long)q->end) == -1) {
		fail(g, "no memory");
		path = NULL;
	}
	curl_free(uid);
	curl_free(promql);
	return path;
}

/* One [seconds, "value"]. */
static bool
add_value(struct grafana *g, struct frame *f, struct column *c, const json_t *pair)
{
	const json_t *time = json_array_get(pair, 0);
	const char *text = json_string_value(json_array_get(pair, 1));
	char *end = NULL;
	double value = text == NULL ? 0 : strtod(text, &end);

	if (!json_is_number(time) || text == NULL || end == text || *end != '\0')
		return fail(g, "a value in the answer is not one of Prometheus");
	if (isfinite(value) && fabs(value) > MOST_USERS)
		return fail(g, "a value in the answer, %g, is beyond %g", value, MOST_USERS);
	frame_add(f, c, floor(json_number_value(time) / DAY), value);
	return true;
}

static bool
add_series(struct grafana *g, struct frame *f, const json_t *series)
{
	const json_t *labels = json_object_get(series, "metric");
	const char *hub = json_string_value(json_object_get(labels, "namespace"));
	const json_t *values = json_object_get(series, "values");
	size_t before = f->count;
	struct column *c;

	if (!json_is_array(values))
		return fail(g, "the answer is not that of a query over time");
	if (hub == NULL)
		hub = "(no namespace)";
	c = frame_column(f, hub);
	if (c == NULL)
		return fail(g, "no memory");
	if (f->count == before)
		return fail(g, "more than one series of %s: end the query in \"by (namespace)\"",
			    hub);
	for (size_t i = 0; i < json_array_size(values); i++)
		if (!add_value(g, f, c, json_array_get(values, i)))
			return false;
	return true;
}

bool
grafana_query(struct grafana *g, const struct source *s, const struct query *q, struct frame *f)
{
	char *path = query_path(g, s, q);
	json_t *answer = path == NULL ? NULL : get_json(g, path);
	json_t *result = json_object_get(json_object_get(answer, "data"), "result");
	bool good = answer != NULL;

	free(path);
	if (good && !json_is_array(result))
		good = fail(g, "the answer is not that of a Prometheus");
	for (size_t i = 0; good && i < json_array_size(result); i++)
		good = add_series(g, f, json_array_get(result, i));
	json_decref(answer);
	return good;
}
