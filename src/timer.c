/* SPDX-License-Identifier: MIT */
/*
 * timer: stopwatches for histograms, summaries and gauges.
 *
 * A timer runs while its start is not 0, which the clock never is; so one that
 * was observed, discarded, or only zeroed does nothing.
 */
#include "clock.h"
#include "metric.h"

#include <cprom.h>

cprom_timer
cprom_metric_timer(cprom_metric *m)
{
	return (cprom_timer){.metric = m, .start = cpromi_monotonic_ns()};
}

double
cprom_metric_timer_observe(cprom_timer *t, cprom_metric *m)
{
	double seconds;

	if (t == NULL || t->start == 0)
		return 0;
	seconds = cpromi_seconds_since(t->start);
	cprom_timer_discard(t);
	cpromi_metric_observe_seconds(m, seconds);
	return seconds;
}

double
cprom_timer_observe(cprom_timer *t)
{
	return t == NULL ? 0 : cprom_metric_timer_observe(t, t->metric);
}

void
cprom_timer_discard(cprom_timer *t)
{
	if (t != NULL)
		*t = (cprom_timer){0};
}
