/* SPDX-License-Identifier: MIT */
/*
 * instrument: calls, errors, in-progress and latency of one operation, as four families.
 *
 * The four families are independent: one that cannot be made is NULL, and the
 * others count all the same. Nothing is taken back on failure, since a family
 * may have been there before and have other users.
 */
#include "clock.h"
#include "error.h"

#include <assert.h>
#include <cprom.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What is being made: the options, room for texts, and the first failure. */
struct making {
	cprom_instrument_options o;
	char *name;
	char *help;
	size_t name_size, help_size;
	int err; /* 0: all well so far */
	char why[256];
};

#define ROOM 32 /* for any suffix or prefix, and the NUL */

static int
making_begin(struct making *m, const cprom_instrument_options *o)
{
	if (o == NULL || o->size < sizeof(o->size))
		return cpromi_fail(EINVAL, "an instrument needs options that state their size");
	memcpy(&m->o, o, o->size < sizeof(m->o) ? o->size : sizeof(m->o));
	if (m->o.name == NULL || m->o.help == NULL)
		return cpromi_fail(EINVAL, "an instrument needs a name and a help text");
	m->name_size = strlen(m->o.name) + ROOM;
	m->help_size = strlen(m->o.help) + ROOM;
	m->name = malloc(m->name_size + m->help_size);
	if (m->name == NULL)
		return cpromi_fail(ENOMEM, "no memory for the names of instrument '%s'", m->o.name);
	m->help = m->name + m->name_size;
	return 0;
}

static int
making_end(struct making *m)
{
	free(m->name);
	return m->err == 0 ? 0 : cpromi_fail(m->err, "%s", m->why);
}

static void
spell(struct making *m, const char *suffix, const char *prefix)
{
	assert(strlen(suffix) < ROOM && strlen(prefix) < ROOM);
	snprintf(m->name, m->name_size, "%s%s", m->o.name, suffix);
	snprintf(m->help, m->help_size, "%s%s", prefix, m->o.help);
}

static void *
check(struct making *m, void *family)
{
	if (family == NULL && m->err == 0) {
		m->err = errno;
		snprintf(m->why, sizeof(m->why), "%s", cprom_error());
	}
	return family;
}

#define HELP_AND_OPTIONS(m)                                                                        \
	(m)->help, .registry = (m)->o.registry, .labels = (m)->o.labels,                           \
		   .const_labels = (m)->o.const_labels, .max_series = (m)->o.max_series

static cprom_counter *
make_counter(struct making *m, const char *suffix, const char *prefix)
{
	spell(m, suffix, prefix);
	return check(m, cprom_counter_new(m->name, HELP_AND_OPTIONS(m)));
}

static cprom_gauge *
make_gauge(struct making *m, const char *suffix, const char *prefix)
{
	spell(m, suffix, prefix);
	/* Live: what a process was about when it died is no longer under way. */
	return check(m, cprom_gauge_new(m->name, HELP_AND_OPTIONS(m),
					.multiprocess_mode = CPROM_GAUGE_LIVE_SUM));
}

static cprom_histogram *
make_histogram(struct making *m, const char *suffix, const char *prefix)
{
	spell(m, suffix, prefix);
	return check(m, cprom_histogram_new(m->name, HELP_AND_OPTIONS(m), .buckets = m->o.buckets));
}

int
cprom_instrument_create(cprom_instrument *out, const cprom_instrument_options *o)
{
	struct making m = {.err = 0};

	if (out == NULL)
		return cpromi_fail(EINVAL, "an instrument needs a place to go");
	*out = (cprom_instrument){NULL, NULL, NULL, NULL};
	if (making_begin(&m, o) != 0)
		return -1;
	out->calls = make_counter(&m, "_calls_total", "Calls: ");
	out->errors = make_counter(&m, "_errors_total", "Calls that failed: ");
	out->in_progress = make_gauge(&m, "_in_progress", "Calls under way: ");
	out->seconds = make_histogram(&m, "_seconds", "Seconds per call: ");
	return making_end(&m);
}

cprom_instrument
cprom_instrument_child(const cprom_instrument *i, cprom_strings values)
{
	cprom_instrument child = {NULL, NULL, NULL, NULL};

	if (i == NULL)
		return child;
	child.calls = cprom_counter_labels(i->calls, values);
	child.errors = cprom_counter_labels(i->errors, values);
	child.in_progress = cprom_gauge_labels(i->in_progress, values);
	child.seconds = cprom_histogram_labels(i->seconds, values);
	return child;
}

/* ---- one call ------------------------------------------------------------ */

cprom_call
cprom_call_begin(const cprom_instrument *i)
{
	cprom_call call = {.failed = 0};

	if (i != NULL)
		call.instrument = *i;
	cprom_counter_inc(call.instrument.calls);
	cprom_gauge_inc(call.instrument.in_progress);
	call.start = cpromi_monotonic_ns();
	return call;
}

void
cprom_call_end(cprom_call *c)
{
	if (c == NULL || c->start == 0)
		return;
	cprom_histogram_observe(c->instrument.seconds, cpromi_seconds_since(c->start));
	cprom_gauge_dec(c->instrument.in_progress);
	if (c->failed)
		cprom_counter_inc(c->instrument.errors);
	*c = (cprom_call){.start = 0};
}
