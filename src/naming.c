/* SPDX-License-Identifier: MIT */
/*
 * naming: how the name and the type of a family stand in a page of some format.
 *
 * In OpenMetrics the samples of a counter are called after the family, with "_total"
 * behind, in all formats those of an info with "_info"; the user may have named either
 * the family or the samples. Where that makes the names of two families equal (family.h),
 * the counter is shown as unknown and the info as a gauge, by their full names.
 *
 * A name beyond the legacy charset is first spelled by the scheme that the reader knows; what
 * follows then goes by the result, as prometheus/common does it.
 */
#include "naming.h"

#include "escape.h"

/* The text format and protobuf know fewer types. */
static uint32_t
plain_type(uint32_t type)
{
	switch (type) {
	case CPROM_TYPE_INFO:
	case CPROM_TYPE_STATESET:
		return CPROM_TYPE_GAUGE;
	case CPROM_TYPE_GAUGE_HISTOGRAM:
		return CPROM_TYPE_HISTOGRAM;
	default:
		return type;
	}
}

static uint32_t
type_despite_clash(uint32_t type)
{
	return type == CPROM_TYPE_COUNTER ? CPROM_TYPE_UNKNOWN
	       : type == CPROM_TYPE_INFO  ? CPROM_TYPE_GAUGE
					  : type;
}

static bool
ends_with(const struct naming *n, const char *suffix)
{
	size_t length = strlen(suffix);

	return n->name_length > length &&
	       memcmp(n->name + n->name_length - length, suffix, length) == 0;
}

static void
end_with(struct naming *n, const char *suffix)
{
	size_t length = strlen(suffix);

	if (ends_with(n, suffix))
		return;
	memmove(n->room, n->name, n->name_length);
	memcpy(n->room + n->name_length, suffix, length);
	n->name = n->room;
	n->name_length += length;
}

struct family_view
cpromi_family_view(const struct family *f)
{
	const struct definition *d = f->def;

	return (struct family_view){
		.name = d->name,
		.help = d->help,
		.unit = d->unit,
		.name_length = d->name_length,
		.help_length = d->help_length,
		.type = f->handle.type,
		.clashes = load_relaxed(&f->clashes) != 0,
		.legal = d->legal_name,
	};
}

/* A counter that clashes is unknown by now. */
static bool
shows_created(const struct naming *n)
{
	return n->openmetrics && (n->type == CPROM_TYPE_COUNTER ||
				  n->type == CPROM_TYPE_HISTOGRAM || n->type == CPROM_TYPE_SUMMARY);
}

/* In protobuf a name is a string like any other. */
static COLD void
spell(struct naming *n, const struct format *f)
{
	n->quoted = f->escaping == ESCAPING_ALLOW_UTF8 && f->kind != FORMAT_PROTOBUF;
	n->name_length = n->quoted ? cpromi_escape(n->name, n->name_length, true, n->room)
				   : cpromi_name_escape(f->escaping, NAME_OF_METRIC, n->name,
							n->name_length, n->room);
	n->name = n->room;
}

void
cpromi_naming_set(struct naming *n, const struct family_view *v, const struct format *f)
{
	n->openmetrics = f->kind == FORMAT_OPENMETRICS;
	n->name = v->name;
	n->name_length = v->name_length;
	n->escaped = !v->legal;
	n->quoted = false;
	if (UNLIKELY(!v->legal))
		spell(n, f);
	n->type = !n->openmetrics ? plain_type(v->type)
		  : v->clashes    ? type_despite_clash(v->type)
				  : v->type;
	n->shows_created = shows_created(n);
	if (v->type == CPROM_TYPE_INFO)
		end_with(n, "_info");
	else if (n->openmetrics && n->type == CPROM_TYPE_COUNTER)
		end_with(n, "_total");
	n->family_length = n->name_length;
	if (n->openmetrics && n->type == CPROM_TYPE_INFO)
		n->family_length -= strlen("_info");
	else if (n->openmetrics && n->type == CPROM_TYPE_COUNTER)
		n->family_length -= strlen("_total");
}

bool
cpromi_naming_shows_unit(const struct naming *n, const struct family_view *v)
{
	size_t length = strlen(v->unit), name = n->family_length;

	if (n->type == CPROM_TYPE_COUNTER && name == n->name_length && ends_with(n, "_total"))
		name -= strlen("_total");
	return length > 0 && name > length + 1 && v->type != CPROM_TYPE_INFO &&
	       v->type != CPROM_TYPE_STATESET && n->name[name - length - 1] == '_' &&
	       memcmp(n->name + name - length, v->unit, length) == 0;
}

const char *
cpromi_naming_type(const struct naming *n)
{
	static const char *const words[] = {
		[CPROM_TYPE_COUNTER] = "counter",
		[CPROM_TYPE_GAUGE] = "gauge",
		[CPROM_TYPE_HISTOGRAM] = "histogram",
		[CPROM_TYPE_SUMMARY] = "summary",
		[CPROM_TYPE_UNKNOWN] = "unknown",
		[CPROM_TYPE_INFO] = "info",
		[CPROM_TYPE_STATESET] = "stateset",
		[CPROM_TYPE_GAUGE_HISTOGRAM] = "gaugehistogram",
	};

	return n->type == CPROM_TYPE_UNTYPED && !n->openmetrics ? "untyped" : words[n->type];
}
