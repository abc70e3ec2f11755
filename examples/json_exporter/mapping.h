/* SPDX-License-Identifier: MIT */
/*
 * mapping: which documents there are, and which of their values become which metrics.
 */
#ifndef MAPPING_H
#define MAPPING_H

#include <cprom.h>
#include <jansson.h>

#define MAX_STEPS 16

/* Why a source has no metrics in a scrape. */
enum trouble { NO_TROUBLE, FETCH_TROUBLE, PARSE_TROUBLE, VALUE_TROUBLE, TROUBLES };

enum value_kind {
	NUMBER_VALUE, /* true and false are 1 and 0 */
	TIME_VALUE,   /* a text such as 2026-03-01T08:15:00.5Z or …+02:00, as Unix time */
	LENGTH_VALUE, /* of an array or object */
};

/* One step of a path, from an object or array to what is in it. */
struct step {
	const char *name;  /* of a member, or number of an element; NULL: all of them, each with */
	const char *label; /* this label, whose value is its name or number, */
	const char *from;  /* or what this member of it says, unless NULL */
};

struct metric {
	const char *name, *help, *unit;
	cprom_type type;
	enum value_kind value;
	double scale;
	size_t step_count;
	struct step steps[MAX_STEPS];
};

struct source {
	const char *name;
	const char *file, *url; /* one of them */
	const char *token_env;  /* the variable with the URL's token; NULL: it needs none */
	long timeout_ms;        /* of the URL */
	size_t metric_count;
	struct metric *metrics;
	/* The collector's. */
	const char *token;
	cprom_gauge *up;
	cprom_counter *errors[TROUBLES];
	enum trouble last;
};

/* All of it lives as long as the program. */
struct mapping {
	json_t *document; /* has the strings */
	size_t source_count;
	struct source *sources;
};

/* Fills the mapping from that file, or ends the program with a message that says what is wrong in it. */
void mapping_load(struct mapping *mapping, const char *path);

/* "json_exporter: …" on standard error, then the end of the program. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
