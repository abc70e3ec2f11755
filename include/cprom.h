/* SPDX-License-Identifier: MIT */
/*
 * cprom: Prometheus metrics for C programs. The one header to include.
 *
 * Conventions, true of every call unless its comment says otherwise
 *
 *  - Failure: pointers are NULL, integers are -1, errno says the class and
 *    cprom_error() the reason in a sentence. Nothing prints, exits or aborts.
 *  - NULL handles are legal everywhere: updates do nothing, values are 0,
 *    calls that must find something fail with EINVAL. A NULL registry is the
 *    default registry.
 *  - Strings and arrays that are passed in are copied; the caller keeps them.
 *  - Strings are UTF-8 and end in NUL. Time is in seconds, memory in bytes.
 *
 * Which calls may run where
 *
 *    calls                                threads  in a signal handler  progress
 *    updates: inc add sub set observe     any      yes (1)              wait-free (6)
 *    updates with an exemplar             any      yes (1)              lock-free
 *    cprom_info_set                       any      no                   lock-free
 *    cprom_labels of an existing series   any      yes                  wait-free (7)
 *    cprom_labels of a new series,        any      no                   lock-free
 *      remove, clear, unregister, *_new,
 *      *_enable, *_disable, *_hook,
 *      default_registry
 *    value                                any      yes                  wait-free
 *    count, sum, quantile                 any      no                   lock-free
 *    timers, scopes and calls             any      yes (1)              as updates
 *    error, version                       any      yes                  wait-free
 *    scrape, render, textfile             any (2)  no                   lock-free (3)
 *    dump_fd                              any      yes                  lock-free (3)
 *    server calls                         one (4)  no                   as stated
 *    sink, request and response calls     one (8)  no                   lock-free (3)
 *    registry_free                        one (5)  no                   lock-free
 *
 *    Wait-free: it ends after a bounded number of steps, whatever others do.
 *    Lock-free: nobody waits for anybody; a thread that is stopped anywhere, or a
 *    process that is killed there, delays nobody else. Only what another thread
 *    completes meanwhile can make a step repeat.
 *
 *    (1) The first update that a thread makes in a registry may ask the
 *        system for memory with mmap(2).
 *    (2) One cprom_scrape belongs to one thread at a time.
 *    (3) But for the file I/O of a textfile, write(2) of a dump, malloc(3) of
 *        scrapes and answers, and what callbacks and collectors do.
 *    (4) One cprom_server belongs to one thread at a time.
 *    (5) Nothing else may use that registry any more.
 *    (6) Lock-free: a thread's first update in a registry, or in a block of its memory;
 *        all changes of a gauge but set, and one flag of a stateset; updates of threads
 *        that have no lane; the first update of a gauge that has a part per process.
 *    (7) But for children of nearly equal hash that are added in front of it meanwhile.
 *    (8) The one that called the collector or handler, until that returns.
 *
 * After fork() parent and child each go on with their own copy of a private
 * registry, and with one common copy of a shared one. Threads do not survive
 * fork(), so a server that was started does not run in the child.
 */
#ifndef CPROM_H
#define CPROM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CPROM_API __attribute__((visibility("default")))
#define CPROM_MUST_USE __attribute__((warn_unused_result))

typedef struct cprom_registry cprom_registry;
typedef struct cprom_metric cprom_metric; /* any of the six types below */
typedef struct cprom_counter cprom_counter;
typedef struct cprom_gauge cprom_gauge;
typedef struct cprom_histogram cprom_histogram;
typedef struct cprom_summary cprom_summary;
typedef struct cprom_info cprom_info;
typedef struct cprom_stateset cprom_stateset;
typedef struct cprom_collector cprom_collector;
typedef struct cprom_exemplar cprom_exemplar;
typedef struct cprom_sink cprom_sink;
typedef struct cprom_scrape cprom_scrape;
typedef struct cprom_server cprom_server;
typedef struct cprom_request cprom_request;
typedef struct cprom_response cprom_response;

/* Lists, as options and label values take them. Empty is { NULL, 0 }. */
typedef struct cprom_strings {
	const char *const *items;
	size_t count;
} cprom_strings;

typedef struct cprom_doubles {
	const double *items;
	size_t count;
} cprom_doubles;

#ifndef __cplusplus
#define CPROM_STRINGS(...)                                                                         \
	((cprom_strings){(const char *const[]){__VA_ARGS__},                                       \
			 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)})
#define CPROM_DOUBLES(...)                                                                         \
	((cprom_doubles){(const double[]){__VA_ARGS__},                                            \
			 sizeof((const double[]){__VA_ARGS__}) / sizeof(double)})
#else
/* Arguments must be constants: the array outlives the expression. */
#define CPROM_STRINGS(...)                                                                         \
	([]() -> cprom_strings {                                                                   \
		static const char *const cprom_a_[] = {__VA_ARGS__};                               \
		return {cprom_a_, sizeof(cprom_a_) / sizeof(cprom_a_[0])};                         \
	}())
#define CPROM_DOUBLES(...)                                                                         \
	([]() -> cprom_doubles {                                                                   \
		static const double cprom_a_[] = {__VA_ARGS__};                                    \
		return {cprom_a_, sizeof(cprom_a_) / sizeof(cprom_a_[0])};                         \
	}())
#endif
#define CPROM_LABELS(...) CPROM_STRINGS(__VA_ARGS__)    /* names; in .const_labels and samples: name, value, … */
#define CPROM_BUCKETS(...) CPROM_DOUBLES(__VA_ARGS__)   /* upper bounds, ascending; +Inf is implied */
#define CPROM_QUANTILES(...) CPROM_DOUBLES(__VA_ARGS__) /* 0 … 1, ascending */
#define CPROM_STATES(...) CPROM_STRINGS(__VA_ARGS__)    /* of a stateset, by number from 0 on */

/*
 * Why the last call of this thread failed, as one sentence without a final
 * newline; "" before any failure. Valid until the next failing call of the thread.
 */
CPROM_API const char *cprom_error(void);

/* The version of the library that is linked, such as "0.1.0". */
CPROM_API const char *cprom_version(void);

/* ---- registries ---------------------------------------------------------- */

#define CPROM_DEFAULT_MAX_BYTES ((size_t)256 << 20)       /* of one private registry */
#define CPROM_DEFAULT_MAX_SHARED_BYTES ((size_t)64 << 20) /* of one shared registry */
#define CPROM_DEFAULT_MAX_SERIES 1000000                  /* of one registry */
#define CPROM_DEFAULT_MAX_FAMILY_SERIES 100000            /* of one family */
#define CPROM_DEFAULT_MAX_LANES 64
#define CPROM_MAX_LANES 1024
#define CPROM_MAX_REGISTRIES 1024    /* of one process at a time */
#define CPROM_MAX_NAME_BYTES 1024    /* of a metric or label name */
#define CPROM_MAX_LABELS 64          /* of one family */
#define CPROM_MAX_LABEL_BYTES 16384  /* of one series: names, values and quotes, escaped */
#define CPROM_MAX_EXEMPLAR_CHARACTERS 128 /* of one exemplar: names and values, in code points */
#define CPROM_MAX_BUCKETS 1024       /* of one histogram; also native ones */
#define CPROM_MAX_QUANTILES 64       /* of one summary */
#define CPROM_MAX_AGE_BUCKETS 60     /* of one summary */
#define CPROM_MAX_STATES 64          /* of one stateset */
#define CPROM_MAX_SCRAPE_NAMES 64    /* of families that one scrape asks for */

typedef struct cprom_registry_options {
	size_t size;
	int shared;          /* memory is shared with processes forked later */
	size_t max_series;   /* 0: CPROM_DEFAULT_MAX_SERIES */
	size_t max_bytes;    /* 0: CPROM_DEFAULT_MAX_(SHARED_)BYTES; at most 32 GiB; of 32 bits, 2 GiB */
	unsigned max_lanes;  /* threads that count without sharing; 0: CPROM_DEFAULT_MAX_LANES */
	int self_metrics;    /* show the library's own metrics, as the default registry does */
	int created_timestamps; /* show when counters, histograms and summaries began, where the format can */
	int utf8_names;      /* names of metrics and labels may be any UTF-8 but "" */
} cprom_registry_options;

/*
 * A new, empty registry. EINVAL: an option is out of range. ENOMEM: the
 * system gave no memory. ENFILE: CPROM_MAX_REGISTRIES exist.
 * A shared registry reserves address space for all of max_bytes, but uses
 * memory only as it fills.
 */
CPROM_API CPROM_MUST_USE cprom_registry *cprom_registry_create(const cprom_registry_options *options);

/*
 * Gives all memory back; every handle into the registry becomes invalid. Calls .release of its
 * collectors; of a shared registry, of those that this process registered. NULL and the default
 * registry: does nothing.
 */
CPROM_API void cprom_registry_free(cprom_registry *registry);

/*
 * The registry that is meant where none is named. Made by the first call, with
 * the process metrics and the library's own metrics in it; never freed. If it could
 * not be made: NULL as above, and so of every call that needs it.
 */
CPROM_API cprom_registry *cprom_default_registry(void);

/* ---- metrics ------------------------------------------------------------- */

#define CPROM_COMMON_OPTIONS                                                                       \
	size_t size;                                                                               \
	const char *name;                                                                          \
	const char *help;                                                                          \
	cprom_registry *registry;                                                                  \
	cprom_strings labels;       /* label names */                                              \
	cprom_strings const_labels; /* name, value, name, value, … on every series */              \
	const char *unit;           /* base unit, such as "seconds" */                             \
	size_t max_series           /* 0: CPROM_DEFAULT_MAX_FAMILY_SERIES */

typedef struct cprom_counter_options {
	CPROM_COMMON_OPTIONS;
	double (*callback)(void *arg); /* asked for the value at scrape time; no labels then */
	void *arg;
} cprom_counter_options;

/*
 * What a gauge of a shared registry shows of the values that several processes gave it.
 * MOST_RECENT is one value for all: the last one that is set wins, additions add up. In
 * the other modes each process has a value of its own, which begins with its first update,
 * and is seen merged; ALL shows each, with a label pid. The live modes leave out the
 * values of processes that have died. Without .shared there is one value, whatever the mode.
 */
typedef enum cprom_multiprocess_mode {
	CPROM_GAUGE_MOST_RECENT,
	CPROM_GAUGE_SUM,
	CPROM_GAUGE_MIN,
	CPROM_GAUGE_MAX,
	CPROM_GAUGE_ALL,
	CPROM_GAUGE_LIVE_MOST_RECENT,
	CPROM_GAUGE_LIVE_SUM,
	CPROM_GAUGE_LIVE_MIN,
	CPROM_GAUGE_LIVE_MAX,
	CPROM_GAUGE_LIVE_ALL,
} cprom_multiprocess_mode;

typedef struct cprom_gauge_options {
	CPROM_COMMON_OPTIONS;
	double (*callback)(void *arg);
	void *arg;
	cprom_multiprocess_mode multiprocess_mode;
} cprom_gauge_options;

/*
 * Native histograms: sparse exponential buckets, as many as observations need, in place of or
 * beside those of .buckets. Only the protobuf format can carry them. More than max_buckets
 * are never shown, but for those of factor 65536, the coarsest there are: first the zero
 * bucket grows up to max_zero_threshold, then the resolution is halved, as often as needed.
 * A histogram that this happened to is reset when it is scraped and min_reset has passed since
 * its beginning or the last reset: that page shows it once more, then all of it begins anew.
 */
typedef struct cprom_native {
	size_t size;
	double growth;             /* most factor from bucket to bucket, above 1; 0: 1.1 */
	unsigned max_buckets;      /* 0: 160; at most CPROM_MAX_BUCKETS */
	double zero_threshold;     /* |v| up to it count as zero; 0: 2^-128; negative: zeros alone */
	double max_zero_threshold; /* 0: zero_threshold stays */
	double min_reset;          /* seconds, longer than between scrapes; 0: no reset */
} cprom_native;

typedef struct cprom_histogram_options {
	CPROM_COMMON_OPTIONS;
	cprom_doubles buckets; /* none: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10, if not .native */
	const cprom_native *native; /* CPROM_NATIVE(.growth = 1.1, …) */
} cprom_histogram_options;

typedef struct cprom_summary_options {
	CPROM_COMMON_OPTIONS;
	cprom_doubles quantiles; /* none: count and sum only */
	double max_age;          /* window of the quantiles in seconds; 0: 600 */
	unsigned age_buckets;    /* parts of the window; 0: 5 */
} cprom_summary_options;

typedef struct cprom_info_options {
	CPROM_COMMON_OPTIONS; /* no unit */
} cprom_info_options;

typedef struct cprom_stateset_options {
	CPROM_COMMON_OPTIONS; /* no unit */
	cprom_strings states; /* their names: at least one */
	int flags;            /* each is on or off, and off at first; else one is on, the first one at first */
} cprom_stateset_options;

/*
 * The metric of that definition in that registry: a new one, or the one that
 * is there already if its definition is the same. Without labels the result is
 * the metric itself and shows 0 from now on; with labels it is the parent that
 * cprom_labels() and the calls after it take. The result stays valid until
 * cprom_unregister() or cprom_registry_free().
 *
 * EINVAL: a name, label, bucket, quantile or option is not valid. EEXIST: the
 * name, or one that its samples need (x_count of a histogram x), is taken by a
 * different definition. ENOMEM: the registry's byte budget is used up.
 */
CPROM_API cprom_counter *cprom_counter_create(const cprom_counter_options *options);
CPROM_API cprom_gauge *cprom_gauge_create(const cprom_gauge_options *options);
CPROM_API cprom_histogram *cprom_histogram_create(const cprom_histogram_options *options);
CPROM_API cprom_summary *cprom_summary_create(const cprom_summary_options *options);
CPROM_API cprom_info *cprom_info_create(const cprom_info_options *options);
CPROM_API cprom_stateset *cprom_stateset_create(const cprom_stateset_options *options);

/* Any metric as a cprom_metric *; what the generic calls below are made of. */
CPROM_API cprom_metric *cprom_metric_labels(cprom_metric *metric, cprom_strings values);
CPROM_API int cprom_metric_remove(cprom_metric *metric, cprom_strings values);
CPROM_API ssize_t cprom_metric_remove_matching(cprom_metric *metric, const char *label,
					       const char *value);
CPROM_API int cprom_metric_clear(cprom_metric *metric);
CPROM_API int cprom_metric_unregister(cprom_metric *metric);

/*
 * cprom_labels(metric, "GET", "200"): the child of these label values, in the
 * order of .labels, made if it is new. It has the type of the metric and stays
 * valid until it is removed. EINVAL: number of values, not UTF-8, too long; also of
 * the calls below. ENOENT: the metric was unregistered; also below. ENOMEM: no
 * memory for one more thread. Past a series limit, or without memory for one more, the
 * result is the family's overflow child, all of whose values are "overflow".
 *
 * cprom_remove(metric, …): 0, or -1; ENOENT: no such child. The child is invalid from now
 * on, as after free(); an update through it does no harm beyond a false count.
 * cprom_remove_matching(metric, label, value): how many were removed, or -1.
 * cprom_clear(metric): removes every child. The overflow child always stays.
 * cprom_unregister(metric): removes the whole family; its handles are invalid.
 * A callback may still be running in another thread when it returns.
 */

/* Counters only grow. Fractions are kept apart, so whole numbers are exact to 2^64. */
CPROM_API void cprom_counter_inc(cprom_counter *counter);
CPROM_API void cprom_counter_add(cprom_counter *counter, double v); /* finite, ≥ 0; else dropped, counted */
CPROM_API double cprom_counter_value(const cprom_counter *counter);

/* Gauges take any value, infinities and NaN included. One gauge is one atomic word, or one per process. */
CPROM_API void cprom_gauge_set(cprom_gauge *gauge, double v);
CPROM_API void cprom_gauge_inc(cprom_gauge *gauge);
CPROM_API void cprom_gauge_dec(cprom_gauge *gauge);
CPROM_API void cprom_gauge_add(cprom_gauge *gauge, double v);
CPROM_API void cprom_gauge_sub(cprom_gauge *gauge, double v);
CPROM_API void cprom_gauge_set_max(cprom_gauge *gauge, double v); /* keeps the larger; NaN is dropped */
CPROM_API void cprom_gauge_set_min(cprom_gauge *gauge, double v);
CPROM_API void cprom_gauge_set_to_current_time(cprom_gauge *gauge); /* Unix time in seconds */
CPROM_API double cprom_gauge_value(const cprom_gauge *gauge);

/* Histograms count an observation in the first bucket with v ≤ bound. NaN is dropped and counted. */
CPROM_API void cprom_histogram_observe(cprom_histogram *histogram, double v);
CPROM_API void cprom_histogram_observe_many(cprom_histogram *histogram, double v, uint64_t n); /* v, n times */
CPROM_API uint64_t cprom_histogram_count(const cprom_histogram *histogram);
CPROM_API double cprom_histogram_sum(const cprom_histogram *histogram);

/*
 * Exemplars: one update as an example, with labels that say where to look, such as the trace
 * that it belongs to. A counter keeps its last one, a histogram the last one of each bucket,
 * with the value of that update and the time now. Formats without exemplars leave them out.
 *
 * The update is made in any case. labels are name, value, name, value, …, at most
 * CPROM_MAX_EXEMPLAR_CHARACTERS characters in all and CPROM_MAX_LABELS labels: legal names that
 * do not start with "__", no name twice, values in UTF-8. An exemplar whose labels are not so,
 * or for which the registry has no memory, is left out and counted in the library's own
 * metrics. No labels: no exemplar. C++: {array, count} for labels that are not constants.
 */
CPROM_API void cprom_counter_add_exemplar(cprom_counter *counter, double v, cprom_strings labels);
CPROM_API void cprom_histogram_observe_exemplar(cprom_histogram *histogram, double v,
						cprom_strings labels);

/*
 * Exemplars of plain observations. The hook is called after cprom_histogram_observe() and
 * _observe_many(), timers included, in the thread that observes, if the last exemplar of that
 * bucket is at least interval seconds old (0 … 1e9) or there is none. It may call
 * cprom_exemplar_labels(), with labels as above, and then they are an exemplar of that
 * observation; if it does not, the next one asks again. What it observes itself does not call
 * it. It must return, and be async-signal-safe if signal handlers observe.
 *
 * There is one hook in a process, for all registries; a forked child inherits it. NULL: none.
 * Any thread may set it at any time; the one before may still be running then, and be called
 * by observations that have begun. 0, or -1 with EINVAL: the interval.
 */
CPROM_API int cprom_exemplar_hook(void (*hook)(cprom_exemplar *e), double interval);
CPROM_API void cprom_exemplar_labels(cprom_exemplar *e, cprom_strings labels); /* in the hook alone */

/*
 * Bucket bounds for .buckets, written to out[0 … count-1], +Inf not included.
 * linear: start, start+width, …; exponential: start, start·factor, …;
 * range: count bounds from min to max, each the same factor apart.
 * An empty list and EINVAL if the arguments give no ascending bounds. Async-signal-safe
 * if they succeed.
 */
CPROM_API cprom_doubles cprom_linear_buckets(double start, double width, size_t count, double *out);
CPROM_API cprom_doubles cprom_exponential_buckets(double start, double factor, size_t count, double *out);
CPROM_API cprom_doubles cprom_exponential_buckets_range(double min, double max, size_t count, double *out);

/*
 * Summaries: count and sum over the whole life, quantiles over a sliding window
 * (NaN while it is empty), each within 1.1 % of a value that was observed.
 */
CPROM_API void cprom_summary_observe(cprom_summary *summary, double v);
CPROM_API uint64_t cprom_summary_count(const cprom_summary *summary);
CPROM_API double cprom_summary_sum(const cprom_summary *summary);
CPROM_API double cprom_summary_quantile(const cprom_summary *summary, double q); /* NaN: none to give */

/*
 * Infos are texts: a sample of value 1, named with "_info" at the end whether the metric is or
 * not, whose labels they are. Those of .labels and .const_labels stay as they are. Others
 * can be exchanged: cprom_info_set(info, "version", "1.2", "commit", "4711") says these (name,
 * value, …) from now on and nothing else. A page has all of the old ones or all of the new
 * ones. 0, or -1: EINVAL: no such label name, or a label of the metric; a value is not UTF-8;
 * too long. ENOENT: removed. ENOMEM: the registry's byte budget is used up.
 */
CPROM_API int cprom_info_put(cprom_info *info, cprom_strings texts); /* { NULL, 0 }: none */

/*
 * Statesets say which of some named states are on, each in a sample of value 1 or 0 with a label
 * that is called as the metric is: mode{mode="busy"} 1. States are numbers from 0 on, in the order
 * of .states. One stateset is one atomic word, in shared registries too, so changing it costs
 * what a gauge costs, and no page shows it half changed.
 *
 * set: this state is on, all others are off. enable: this one is on or off; only with .flags. Of
 * a state that is not there, they are dropped and counted. set_name: by name; 0, or -1 and EINVAL.
 * value: bit i is state i.
 */
CPROM_API void cprom_stateset_set(cprom_stateset *stateset, unsigned state);
CPROM_API void cprom_stateset_enable(cprom_stateset *stateset, unsigned state, int on);
CPROM_API int cprom_stateset_set_name(cprom_stateset *stateset, const char *state);
CPROM_API uint64_t cprom_stateset_value(const cprom_stateset *stateset);

/* ---- collectors ---------------------------------------------------------- */

typedef enum cprom_type {
	CPROM_TYPE_COUNTER = 1,
	CPROM_TYPE_GAUGE,
	CPROM_TYPE_HISTOGRAM,
	CPROM_TYPE_SUMMARY,
	CPROM_TYPE_UNTYPED,
	CPROM_TYPE_UNKNOWN = CPROM_TYPE_UNTYPED, /* as OpenMetrics calls it */
	CPROM_TYPE_INFO,
	CPROM_TYPE_STATESET,
	CPROM_TYPE_GAUGE_HISTOGRAM,
} cprom_type;

typedef struct cprom_collector_options {
	size_t size;
	void (*collect)(cprom_sink *out, void *arg);
	void *arg;
	cprom_registry *registry;
	void (*release)(void *arg); /* called once: no scrape uses arg any more, or the registry is freed */
} cprom_collector_options;

/*
 * A function that is called in every scrape, by the thread that scrapes, to
 * emit whole families. No lock is held meanwhile: it may use every call of the
 * library, also register and unregister. Several scrapes may run it at once.
 * EINVAL: no function. ENOMEM: the registry's byte budget is used up.
 */
CPROM_API cprom_collector *cprom_collector_create(const cprom_collector_options *options);

/*
 * No scrape that starts later runs it. One that runs it now goes on: arg must
 * live until .release is called, which may be before this returns.
 */
CPROM_API void cprom_collector_unregister(cprom_collector *collector);

typedef struct cprom_family_options {
	size_t size;
	cprom_type type;
	const char *name;
	const char *help;
	const char *unit; /* base unit, such as "seconds"; not of an info or a stateset */
} cprom_family_options;

typedef struct cprom_sample {
	size_t size;
	double value;           /* counter, gauge, untyped; that of an info is 1 whatever stands here */
	cprom_strings labels;   /* name, value, name, value, … */
	int64_t timestamp_ms;   /* since the Unix epoch; 0: none, as is right for most */
	cprom_doubles bounds;   /* (gauge) histogram: upper bounds without +Inf */
	const uint64_t *counts; /* (gauge) histogram: bounds.count + 1 counts, not cumulative */
	cprom_doubles quantiles; /* summary */
	const double *values;    /* summary: one per quantile */
	uint64_t count;          /* summary */
	double sum;              /* (gauge) histogram, summary */
	cprom_strings states;    /* stateset: the names of all states */
	uint64_t on;             /* stateset: bit i is states.items[i] */
	int64_t created_ms;      /* counter, histogram, summary: since when it counts; 0: not known */
} cprom_sample;

/*
 * Inside a collector: cprom_sink_family(out, type, "name", "Help.", .unit = …) begins a family;
 * cprom_sink_sample(out, value, …) then adds samples to it. A family or sample that is not
 * valid, or that is in the page already, is left out, counted in the library's own metrics,
 * and -1 with EINVAL or EEXIST is returned. A family without samples is not shown. In
 * OpenMetrics a series may have several samples, one behind the other, of ascending timestamps.
 */
CPROM_API int cprom_sink_begin(cprom_sink *out, const cprom_family_options *options);
CPROM_API int cprom_sink_add(cprom_sink *out, const cprom_sample *sample);

/*
 * The collector could not do its work: all that it emitted in this scrape is left out. So it is
 * where begin or add return -1 with ENOMEM.
 */
CPROM_API void cprom_sink_fail(cprom_sink *out, const char *why);

/*
 * The process_* metrics of a registry (the default registry starts with them).
 * Each is left out where the system does not tell. 0, or -1 with ENOMEM.
 */
CPROM_API int cprom_process_enable(cprom_registry *registry);
CPROM_API int cprom_process_disable(cprom_registry *registry);

typedef struct cprom_build_info_options {
	size_t size;
	const char *application; /* "myd" gives myd_build_info */
	const char *version;
	const char *revision;
	const char *branch;
	cprom_registry *registry;
} cprom_build_info_options;

/* A gauge <application>_build_info of value 1 with the given texts as labels. errno as of a gauge. */
CPROM_API cprom_gauge *cprom_build_info_create(const cprom_build_info_options *options);

/* ---- output -------------------------------------------------------------- */

/*
 * One pass over a registry, pulled by the caller. accept is an HTTP Accept
 * value or NULL. open() gives a scrape to close(), or NULL with ENOMEM.
 * read() gives at most n bytes, 0 at the end of the page, -1
 * with ENOMEM, for good; it never waits. Memory stays constant, whatever the number of
 * series: what is held is at most the lines of one series, the output of one
 * collector, and the names of the families before the last collector.
 * A series that is made after open() is not in the page.
 */
CPROM_API CPROM_MUST_USE cprom_scrape *cprom_scrape_open(cprom_registry *registry, const char *accept);

/*
 * The same, of some families alone, which is what name[] in the query of a server's page asks
 * for. Names are those that families were made with, in each format ("hits_total", not
 * "hits"); those that no family has are passed by. Callbacks of other families are not called;
 * collectors all are, and what they emit of other families is left out. NULL with EINVAL: no
 * size, more than CPROM_MAX_SCRAPE_NAMES names, or NULL among them; else as open.
 */
typedef struct cprom_scrape_options {
	size_t size;
	cprom_registry *registry;
	const char *accept;
	cprom_strings names; /* of families, copied; count 0: all families */
} cprom_scrape_options;

CPROM_API CPROM_MUST_USE cprom_scrape *cprom_scrape_open_with(const cprom_scrape_options *options);
CPROM_API const char *cprom_scrape_content_type(const cprom_scrape *scrape);
CPROM_API ssize_t cprom_scrape_read(cprom_scrape *scrape, void *buf, size_t n);
CPROM_API void cprom_scrape_close(cprom_scrape *scrape);

/*
 * The whole page, ending in NUL, to be freed with free(), or NULL with ENOMEM. *len, if len is
 * not NULL, is its length.
 */
CPROM_API CPROM_MUST_USE char *cprom_render(cprom_registry *registry, const char *accept, size_t *len);

/*
 * Writes a page in text format 0.0.4 to a descriptor, from anywhere: async-signal-safe, so
 * that a handler of SIGSEGV or SIGABRT can leave a last page behind. Callbacks and
 * collectors are not run, so their families are not in it. A stack of 4 KB is enough. 0, or -1
 * with EBUSY (the process is writing one already), ENOMEM (no place in the registry for one more
 * thread) or as of write(2); then a part may have been written. On success errno is kept.
 */
CPROM_API int cprom_dump_fd(cprom_registry *registry, int fd);

/*
 * Writes the page to path at once or not at all: a temporary file beside it,
 * fsync, rename. Mode 0644 less the umask. errno as of open, write, fsync, rename.
 */
CPROM_API int cprom_write_textfile(cprom_registry *registry, const char *path);

/* ---- server -------------------------------------------------------------- */

typedef struct cprom_server_options {
	size_t size;
	const char *address;
	cprom_registry *registry;
	const char *path; /* NULL: "/metrics" */
	/* Answers other paths: 0 if it did, -1 for 404. Runs in the server's thread. */
	int (*handler)(cprom_request *request, cprom_response *response, void *arg);
	void *handler_arg;
	unsigned max_connections;  /* 0: 256; a slow or idle one makes room for a new one */
	unsigned max_scrapes;      /* pages under way at a time; more wait, then get 503; 0: 16 */
	unsigned head_timeout_ms;  /* for a whole request head; 0: 10 s */
	unsigned idle_timeout_ms;  /* between requests; 0: 300 s */
	unsigned write_timeout_ms; /* without progress of a reader; 0: 30 s */
	unsigned stop_timeout_ms;  /* for answers under way at stop; 0: 5 s */
	unsigned socket_mode;      /* of a Unix socket; 0: 0660 */
	int no_gzip;               /* the page is never compressed; else for clients that accept it */
	unsigned max_head_bytes; /* of a request, 1024 … 65536, longer ones get 431 or 414; 0: 8192 */
	/*
	 * Who may ask for anything but "/-/healthy"; others get 401. The texts are copied, and wiped when
	 * the server stops. With both, either is enough. Each 1 to 1024 bytes, both of basic together.
	 */
	const char *bearer_token; /* visible ASCII; NULL: none */
	const char *basic_user;   /* without a colon; NULL: none */
	const char *basic_password;
	/*
	 * The program's own rule, asked after the above: 0 to allow, or a status of 400 to 599 to answer
	 * instead (anything else: 403). Runs in the server's thread; as a handler, it may
	 * neither step nor stop the server.
	 */
	int (*authorize)(cprom_request *request, void *arg);
	void *authorize_arg;
	/*
	 * Not 0: clients of a Unix socket are root, the user that the server runs as, or peer_uid, by what
	 * the kernel says of them; others get 403 whatever they ask for. Else the mode of the file alone decides.
	 */
	int check_peer;
	unsigned peer_uid;
} cprom_server_options;

/*
 * A server for the registry's page, GET and HEAD on .path, beside a page at "/"
 * that links to it and "/-/healthy". Address: "127.0.0.1:9464", "[::1]:9464",
 * ":9464" (all interfaces), "localhost:0" (any free port), "unix:/path",
 * "unix:@abstract", "fd:3" (a listening socket, which the server then owns), "systemd:"
 * (the one that systemd passed), "systemd:name" (… under that name, if it passed several).
 *
 * start: with a thread of its own, in which all signals are blocked.
 * open: without; poll cprom_server_fd() for reading, then call step().
 * EINVAL: address or option. Else errno as of socket, bind, listen; the
 * message names the address.
 */
CPROM_API cprom_server *cprom_server_start_with(const cprom_server_options *options);
CPROM_API cprom_server *cprom_server_open_with(const cprom_server_options *options);

/*
 * fd: owned by the server, to be polled alone. step: 0, or -1 with EINVAL (the server has a thread,
 * or is the parent's) or EDEADLK (inside its own handler, callback or collector).
 */
CPROM_API int cprom_server_fd(const cprom_server *server);
CPROM_API int cprom_server_step(cprom_server *server, int timeout_ms); /* -1 waits, as epoll_wait */
CPROM_API int cprom_server_port(const cprom_server *server);           /* 0: a Unix socket; -1: NULL */

/*
 * Stops listening, lets answers under way finish for at most stop_timeout_ms,
 * then frees all. In a child of fork() it frees the child's copy only. Inside its own
 * handler, callback or collector it does nothing but set errno to EDEADLK.
 */
CPROM_API void cprom_server_stop(cprom_server *server);

/* Inside a handler, or authorize; the strings live until it returns. */
CPROM_API const char *cprom_request_method(const cprom_request *request);
CPROM_API const char *cprom_request_path(const cprom_request *request);  /* decoded, without the query */
CPROM_API const char *cprom_request_query(const cprom_request *request); /* raw, "" if none */
CPROM_API const char *cprom_request_header(const cprom_request *request, const char *name); /* NULL if none */
/* Who connected to the Unix socket; each may be NULL. 0, or -1 with ENOTCONN: it is none. */
CPROM_API int cprom_request_peer(const cprom_request *request, uid_t *uid, gid_t *gid);
/*
 * 0, or -1: EINVAL: NULL, or not a header that a handler may set; EEXIST: a second Content-Type;
 * ENOMEM: the answer will be 503. What is written is copied.
 */
CPROM_API void cprom_response_status(cprom_response *response, int status); /* 200 unless set */
CPROM_API int cprom_response_header(cprom_response *response, const char *name, const char *value);
CPROM_API int cprom_response_write(cprom_response *response, const void *data, size_t n);
CPROM_API int cprom_response_text(cprom_response *response, const char *text);

/* ---- timing -------------------------------------------------------------- */

/*
 * A running stopwatch (CLOCK_MONOTONIC) for a histogram, summary or gauge, or
 * for none yet. Plain data on the caller's stack.
 */
typedef struct cprom_timer {
	cprom_metric *metric;
	uint64_t start; /* nanoseconds; 0: it does not run */
} cprom_timer;

CPROM_API cprom_timer cprom_metric_timer(cprom_metric *metric);
CPROM_API double cprom_timer_observe(cprom_timer *timer); /* seconds; records once; then 0 */
CPROM_API double cprom_metric_timer_observe(cprom_timer *timer, cprom_metric *metric); /* … known now */
CPROM_API void cprom_timer_discard(cprom_timer *timer);

/*
 * Calls, errors, in-progress and latency of one operation: NAME_calls_total,
 * NAME_errors_total, NAME_in_progress and the histogram NAME_seconds.
 * The pointers are NULL where a family could not be made, and may be used as
 * any other metric.
 */
typedef struct cprom_instrument {
	cprom_counter *calls;
	cprom_counter *errors;
	cprom_gauge *in_progress;
	cprom_histogram *seconds;
} cprom_instrument;

typedef struct cprom_instrument_options {
	size_t size;
	const char *name;
	const char *help;
	cprom_registry *registry;
	cprom_strings labels;
	cprom_strings const_labels;
	cprom_doubles buckets;
	size_t max_series;
} cprom_instrument_options;

/* 0, or -1 with errno as of the first family that could not be made; the families that could be made stay, and count. */
CPROM_API int cprom_instrument_create(cprom_instrument *instrument,
				      const cprom_instrument_options *options);

/* The same instrument for one combination of label values. */
CPROM_API cprom_instrument cprom_instrument_child(const cprom_instrument *instrument,
						  cprom_strings values);

/* One call under way: begin counts it, end records it. */
typedef struct cprom_call {
	cprom_instrument instrument;
	uint64_t start; /* nanoseconds; 0: it does not run */
	int failed; /* set by the call's own code, or by the decorator from its result */
} cprom_call;

CPROM_API cprom_call cprom_call_begin(const cprom_instrument *instrument);
CPROM_API void cprom_call_end(cprom_call *call);

#ifdef __cplusplus
}
#endif

#include <cprom_macros.h>

#endif
