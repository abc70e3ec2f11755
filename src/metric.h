/* SPDX-License-Identifier: MIT */
/*
 * metric: what counters, gauges, histograms and summaries have in common.
 */
#ifndef CPROMI_METRIC_H
#define CPROMI_METRIC_H

#include <cprom.h>

/*
 * Records a duration in a histogram or summary, or sets a gauge to it. Anything
 * else, NULL too, is left alone. Async-signal-safe.
 */
void cpromi_metric_observe_seconds(cprom_metric *m, double seconds);

#endif
