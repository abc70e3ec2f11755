/* SPDX-License-Identifier: MIT */
/*
 * openmetrics: what OpenMetrics 1.0 writes otherwise than the text format 0.0.4.
 */
#include "openmetrics.h"

#include "escape.h"
#include "put.h"

static char *
begin_meta(char *p, const char *what, const struct naming *n)
{
	return cpromi_text_family_name(cpromi_put_string(p, what), n);
}

char *
cpromi_openmetrics_head(char *p, const struct naming *n, const struct family_view *v)
{
	p = begin_meta(p, "# TYPE ", n);
	p = cpromi_put_string(p, cpromi_naming_type(n));
	if (cpromi_naming_shows_unit(n, v)) {
		p = begin_meta(p, "\n# UNIT ", n);
		p = cpromi_put_string(p, v->unit);
	}
	p = begin_meta(p, "\n# HELP ", n);
	p += cpromi_escape(v->help, v->help_length, true, p);
	*p++ = '\n';
	return p;
}

/* Up to the last one below 0: values ascend with the quantiles, unless a collector emits nonsense. */
static void
trim_quantiles(struct samples *s)
{
	size_t n = s->told_apart;

	while (n > 0 && !(s->values[n - 1] < 0))
		n--;
	s->values += n;
	s->bounds += n;
	s->extras += n;
	s->count -= n;
	s->told_apart -= n;
}

/* May the sum be shown? Count and sum come together. */
static bool
allows_sum(const struct samples *s)
{
	double sum = s->values[s->told_apart];
	bool below_zero = s->told_apart > 1 && s->bounds[0] < 0;

	if (sum != sum) /* said apart: gcc 12 takes NaN for one of sum >= 0 and sum < 0 */
		return false;
	if (s->type == CPROM_TYPE_GAUGE_HISTOGRAM)
		return sum >= 0 || below_zero;
	return sum >= 0 && !(s->type == CPROM_TYPE_HISTOGRAM && below_zero);
}

void
cpromi_openmetrics_trim(struct samples *s)
{
	if (s->count != s->told_apart + 2)
		return;
	if (s->type == CPROM_TYPE_SUMMARY)
		trim_quantiles(s);
	if (!allows_sum(s))
		s->count = s->told_apart;
}
