/* SPDX-License-Identifier: MIT */
/*
 * grafana: the data sources of a Grafana, and queries to those that are a Prometheus, by its proxy.
 */
#ifndef GRAFANA_H
#define GRAFANA_H

#include "../http.h"
#include "frame.h"

#include <time.h>

#define REASON_SIZE 512

struct grafana {
	struct http http;
	const char *url;          /* without a slash at the end */
	char reason[REASON_SIZE]; /* why the last call failed */
};

struct source {
	char *name, *uid, *type;
};

struct sources {
	struct source *of;
	size_t count;
};

struct query {
	const char *promql;
	time_t start, end; /* both are asked for; between them each day */
};

/* All of it returns false with a reason. */
bool grafana_sources(struct grafana *g, struct sources *out);
void sources_free(struct sources *s);

/*
 * Fills a frame without hubs by what the query gives: a column for each namespace, which may have
 * one series alone.
 */
bool grafana_query(struct grafana *g, const struct source *s, const struct query *q,
		   struct frame *f);

#endif
