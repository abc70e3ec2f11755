/* SPDX-License-Identifier: MIT */
/*
 * metric: what counters, gauges, histograms and summaries have in common.
 */
#include "metric.h"

#include "shape.h"

void
cpromi_metric_observe_seconds(cprom_metric *m, double seconds)
{
	const struct handle *h = (const struct handle *)m;

	if (h == NULL)
		return;
	if (h->type == CPROM_TYPE_HISTOGRAM)
		cprom_histogram_observe((cprom_histogram *)m, seconds);
	else if (h->type == CPROM_TYPE_SUMMARY)
		cprom_summary_observe((cprom_summary *)m, seconds);
	else if (h->type == CPROM_TYPE_GAUGE)
		cprom_gauge_set((cprom_gauge *)m, seconds);
}
