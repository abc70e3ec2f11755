/* SPDX-License-Identifier: MIT */
/*
 * self: the library's own metrics.
 */
#include "self.h"

#include "registry.h"

static void
one(cprom_sink *out, cprom_type type, const char *name, const char *help, double value)
{
	cprom_sink_family(out, type, name, help);
	cprom_sink_sample(out, value);
}

static double
count_of(const cprom_registry *r, enum self_count what)
{
	return (double)load_relaxed(&r->counts[what]);
}

static void
dropped_updates(cprom_sink *out, const cprom_registry *r)
{
	static const char *const reasons[DROP_REASONS] = {
		[DROP_NAN] = "nan",
		[DROP_NEGATIVE] = "negative",
		[DROP_INFINITE] = "infinite",
		[DROP_NOT_A_SERIES] = "labels_missing",
		[DROP_NO_MEMORY] = "no_memory",
		[DROP_NO_STATE] = "no_such_state",
	};

	cprom_sink_family(out, CPROM_TYPE_COUNTER, "cprom_updates_dropped_total",
			  "Updates that were not counted, by what was wrong with them.");
	for (int i = 0; i < DROP_REASONS; i++)
		cprom_sink_sample(out, (double)load_relaxed(&r->drops[i]),
				  .labels = CPROM_LABELS("reason", reasons[i]));
}

static void
dropped_samples(cprom_sink *out, const cprom_registry *r)
{
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "cprom_collector_samples_dropped_total",
			  "Families and samples of collectors that were left out of a page.");
	cprom_sink_sample(out, count_of(r, SELF_SAMPLES_INVALID),
			  .labels = CPROM_LABELS("reason", "invalid"));
	cprom_sink_sample(out, count_of(r, SELF_SAMPLES_DUPLICATE),
			  .labels = CPROM_LABELS("reason", "duplicate"));
}

static void
dropped_exemplars(cprom_sink *out, const cprom_registry *r)
{
	cprom_sink_family(out, CPROM_TYPE_COUNTER, "cprom_exemplars_dropped_total",
			  "Exemplars that were left out; their updates were counted.");
	cprom_sink_sample(out, count_of(r, SELF_EXEMPLARS_INVALID),
			  .labels = CPROM_LABELS("reason", "invalid"));
	cprom_sink_sample(out, count_of(r, SELF_EXEMPLARS_WITHOUT_MEMORY),
			  .labels = CPROM_LABELS("reason", "memory"));
}

void
cpromi_self_collect(cprom_sink *out, void *arg)
{
	const cprom_registry *r = arg;

	dropped_updates(out, r);
	dropped_exemplars(out, r);
	dropped_samples(out, r);
	one(out, CPROM_TYPE_COUNTER, "cprom_quantile_observations_dropped_total",
	    "Observations that were left out of a summary's quantiles; count and sum have them.",
	    count_of(r, SELF_QUANTILES_MISSED));
	one(out, CPROM_TYPE_COUNTER, "cprom_collector_failures_total",
	    "Runs of a collector that failed, so that its families were left out of a page.",
	    count_of(r, SELF_COLLECTORS_FAILED));
	one(out, CPROM_TYPE_COUNTER, "cprom_names_collided_total",
	    "Families and samples left out of a page because escaping gave them the name of "
	    "another.",
	    count_of(r, SELF_NAMES_COLLIDED));
	one(out, CPROM_TYPE_COUNTER, "cprom_labels_rejected_total",
	    "Look-ups of a child that failed because the label values were not valid.",
	    count_of(r, SELF_LABELS_REJECTED));
	one(out, CPROM_TYPE_COUNTER, "cprom_labels_overflowed_total",
	    "Look-ups of a child that gave the overflow child because of a limit.",
	    count_of(r, SELF_OVERFLOWS));
	one(out, CPROM_TYPE_COUNTER, "cprom_registrations_failed_total",
	    "Metrics and collectors that could not be registered.",
	    count_of(r, SELF_REGISTRATIONS_FAILED));
	one(out, CPROM_TYPE_GAUGE, "cprom_families", "Metrics in the registry, without collectors.",
	    load_relaxed(&r->family_count));
	one(out, CPROM_TYPE_GAUGE, "cprom_series", "Series in the registry, without collectors.",
	    (int32_t)load_relaxed(&r->series));
	one(out, CPROM_TYPE_GAUGE, "cprom_series_limit", "Series that the registry may have.",
	    r->max_series);
	one(out, CPROM_TYPE_GAUGE, "cprom_memory_bytes", "Memory that the registry has handed out.",
	    (double)load_relaxed(&r->region.used));
	one(out, CPROM_TYPE_GAUGE, "cprom_memory_limit_bytes",
	    "Memory that the registry may hand out.", (double)r->region.limit);
	one(out, CPROM_TYPE_GAUGE, "cprom_lanes",
	    "Most threads that ever counted in lanes of their own.", load_relaxed(&r->lanes.used));
}
