/* SPDX-License-Identifier: MIT */
/*
 * openmetrics: what OpenMetrics 1.0 writes otherwise than the text format 0.0.4.
 */
#ifndef CPROMI_OPENMETRICS_H
#define CPROMI_OPENMETRICS_H

#include "text.h"

#define CPROMI_OPENMETRICS_END "# EOF\n"

/* TYPE, UNIT and HELP to p, which has room for cpromi_text_head_bound(); the end. */
char *cpromi_openmetrics_head(char *p, const struct naming *n, const struct family_view *v);

static inline char *
cpromi_openmetrics_or_text_head(char *p, const struct naming *n, const struct family_view *v)
{
	return n->openmetrics ? cpromi_openmetrics_head(p, n, v) : cpromi_text_head(p, n, v);
}

/*
 * Takes off the samples what the format does not allow: sum and count of a histogram with a
 * bound below 0, or whose sum is, or is NaN, as negative or infinite observations can make it;
 * likewise of a summary, and its quantiles below 0.
 */
void cpromi_openmetrics_trim(struct samples *s);

#endif
