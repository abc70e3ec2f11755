/* SPDX-License-Identifier: MIT */
/*
 * cprom_macros: named options, generic calls and file-scope definitions, for C11
 * and for C++17. Included by <cprom.h>; not to be included by itself.
 *
 * C:    cprom_counter_new("x_total", "Help.", .labels = CPROM_LABELS("a", "b"));
 * C++:  cprom_counter_new("x_total", "Help.", [](auto &o) { o.labels = CPROM_LABELS("a", "b"); });
 */
#ifndef CPROM_MACROS_H
#define CPROM_MACROS_H

#define CPROM_CONCAT_(a, b) a##b
#define CPROM_CONCAT(a, b) CPROM_CONCAT_(a, b)

#ifndef __cplusplus

#define CPROM_OPTIONS_(type, ...) (&(type){.size = sizeof(type), __VA_ARGS__})

#define cprom_registry_new(...) cprom_registry_create(CPROM_OPTIONS_(cprom_registry_options, __VA_ARGS__))

/* name, help, .option = …; the help is the first of the variable arguments. */
#define cprom_counter_new(metric_name, ...)                                                        \
	cprom_counter_create(                                                                      \
		CPROM_OPTIONS_(cprom_counter_options, .name = (metric_name), .help = __VA_ARGS__))
#define cprom_gauge_new(metric_name, ...)                                                          \
	cprom_gauge_create(                                                                        \
		CPROM_OPTIONS_(cprom_gauge_options, .name = (metric_name), .help = __VA_ARGS__))
#define cprom_histogram_new(metric_name, ...)                                                      \
	cprom_histogram_create(                                                                    \
		CPROM_OPTIONS_(cprom_histogram_options, .name = (metric_name), .help = __VA_ARGS__))
#define cprom_summary_new(metric_name, ...)                                                        \
	cprom_summary_create(                                                                      \
		CPROM_OPTIONS_(cprom_summary_options, .name = (metric_name), .help = __VA_ARGS__))
#define cprom_collector_new(function, ...)                                                         \
	cprom_collector_create(                                                                    \
		CPROM_OPTIONS_(cprom_collector_options, .collect = (function), .arg = __VA_ARGS__))
#define cprom_build_info(...)                                                                      \
	cprom_build_info_create(                                                                   \
		CPROM_OPTIONS_(cprom_build_info_options, .application = __VA_ARGS__))
#define cprom_server_start(...)                                                                    \
	cprom_server_start_with(CPROM_OPTIONS_(cprom_server_options, .address = __VA_ARGS__))
#define cprom_server_open(...)                                                                     \
	cprom_server_open_with(CPROM_OPTIONS_(cprom_server_options, .address = __VA_ARGS__))
#define cprom_sink_sample(sink, ...)                                                               \
	cprom_sink_add((sink), CPROM_OPTIONS_(cprom_sample, .value = __VA_ARGS__))

/* Any of the four types as a cprom_metric *; anything else does not compile. */
#define CPROM_METRIC(m)                                                                            \
	_Generic((m), cprom_counter *: (cprom_metric *)(m), cprom_gauge *: (cprom_metric *)(m),    \
		 cprom_histogram *: (cprom_metric *)(m), cprom_summary *: (cprom_metric *)(m),     \
		 cprom_metric *: (m))

static inline cprom_counter *
cprom_counter_labels(cprom_counter *m, cprom_strings values)
{
	return (cprom_counter *)cprom_metric_labels((cprom_metric *)m, values);
}

static inline cprom_gauge *
cprom_gauge_labels(cprom_gauge *m, cprom_strings values)
{
	return (cprom_gauge *)cprom_metric_labels((cprom_metric *)m, values);
}

static inline cprom_histogram *
cprom_histogram_labels(cprom_histogram *m, cprom_strings values)
{
	return (cprom_histogram *)cprom_metric_labels((cprom_metric *)m, values);
}

static inline cprom_summary *
cprom_summary_labels(cprom_summary *m, cprom_strings values)
{
	return (cprom_summary *)cprom_metric_labels((cprom_metric *)m, values);
}

#define cprom_labels(m, ...)                                                                       \
	_Generic((m), cprom_counter *: cprom_counter_labels, cprom_gauge *: cprom_gauge_labels,    \
		 cprom_histogram *: cprom_histogram_labels,                                        \
		 cprom_summary *: cprom_summary_labels)((m), CPROM_STRINGS(__VA_ARGS__))
#define cprom_remove(m, ...) cprom_metric_remove(CPROM_METRIC(m), CPROM_STRINGS(__VA_ARGS__))
#define cprom_remove_matching(m, label, value)                                                     \
	cprom_metric_remove_matching(CPROM_METRIC(m), (label), (value))
#define cprom_clear(m) cprom_metric_clear(CPROM_METRIC(m))
#define cprom_unregister(m) cprom_metric_unregister(CPROM_METRIC(m))

/*
 * At file scope: a variable of that name, registered before main(). To use it
 * in other files, declare it there: extern cprom_counter *ident;. To keep it in
 * this one, put static in front.
 */
#define CPROM_DEFINE_(type, ident, ...)                                                            \
	cprom_##type *ident;                                                                       \
	static void __attribute__((constructor)) CPROM_CONCAT(cprom_define_, ident)(void)          \
	{                                                                                          \
		ident = cprom_##type##_new(__VA_ARGS__);                                           \
	}                                                                                          \
	struct cprom_##type

#else /* C++ */

/* The options that follow the required arguments are set by functions of them. */
#define CPROM_NEW_(type)                                                                           \
	template <class... Set>                                                                    \
	inline cprom_##type *cprom_##type##_new(const char *name, const char *help, Set... set)    \
	{                                                                                          \
		cprom_##type##_options o{};                                                        \
		o.size = sizeof(o);                                                                \
		o.name = name;                                                                     \
		o.help = help;                                                                     \
		(set(o), ...);                                                                     \
		return cprom_##type##_create(&o);                                                  \
	}

CPROM_NEW_(counter)
CPROM_NEW_(gauge)
CPROM_NEW_(histogram)
CPROM_NEW_(summary)
#undef CPROM_NEW_

template <class... Set>
inline cprom_registry *
cprom_registry_new(Set... set)
{
	cprom_registry_options o{};
	o.size = sizeof(o);
	(set(o), ...);
	return cprom_registry_create(&o);
}

template <class... Set>
inline cprom_collector *
cprom_collector_new(void (*collect)(cprom_sink *, void *), void *arg, Set... set)
{
	cprom_collector_options o{};
	o.size = sizeof(o);
	o.collect = collect;
	o.arg = arg;
	(set(o), ...);
	return cprom_collector_create(&o);
}

template <class... Set>
inline cprom_gauge *
cprom_build_info(const char *application, Set... set)
{
	cprom_build_info_options o{};
	o.size = sizeof(o);
	o.application = application;
	(set(o), ...);
	return cprom_build_info_create(&o);
}

template <class... Set>
inline cprom_server *
cprom_server_start(const char *address, Set... set)
{
	cprom_server_options o{};
	o.size = sizeof(o);
	o.address = address;
	(set(o), ...);
	return cprom_server_start_with(&o);
}

template <class... Set>
inline cprom_server *
cprom_server_open(const char *address, Set... set)
{
	cprom_server_options o{};
	o.size = sizeof(o);
	o.address = address;
	(set(o), ...);
	return cprom_server_open_with(&o);
}

template <class... Set>
inline int
cprom_sink_sample(cprom_sink *sink, double value, Set... set)
{
	cprom_sample s{};
	s.size = sizeof(s);
	s.value = value;
	(set(s), ...);
	return cprom_sink_add(sink, &s);
}

inline cprom_metric *CPROM_METRIC(cprom_metric *m) { return m; }
inline cprom_metric *CPROM_METRIC(cprom_counter *m) { return reinterpret_cast<cprom_metric *>(m); }
inline cprom_metric *CPROM_METRIC(cprom_gauge *m) { return reinterpret_cast<cprom_metric *>(m); }
inline cprom_metric *CPROM_METRIC(cprom_histogram *m) { return reinterpret_cast<cprom_metric *>(m); }
inline cprom_metric *CPROM_METRIC(cprom_summary *m) { return reinterpret_cast<cprom_metric *>(m); }

template <class Metric, class... Value>
inline Metric *
cprom_labels(Metric *m, Value... value)
{
	const char *const values[] = {value...};
	return reinterpret_cast<Metric *>(
		cprom_metric_labels(CPROM_METRIC(m), {values, sizeof...(value)}));
}

template <class Metric, class... Value>
inline int
cprom_remove(Metric *m, Value... value)
{
	const char *const values[] = {value...};
	return cprom_metric_remove(CPROM_METRIC(m), {values, sizeof...(value)});
}

template <class Metric>
inline ssize_t
cprom_remove_matching(Metric *m, const char *label, const char *value)
{
	return cprom_metric_remove_matching(CPROM_METRIC(m), label, value);
}

template <class Metric>
inline int
cprom_clear(Metric *m)
{
	return cprom_metric_clear(CPROM_METRIC(m));
}

template <class Metric>
inline int
cprom_unregister(Metric *m)
{
	return cprom_metric_unregister(CPROM_METRIC(m));
}

#define CPROM_DEFINE_(type, ident, ...) cprom_##type *ident = cprom_##type##_new(__VA_ARGS__)

#endif

#define CPROM_COUNTER(ident, ...) CPROM_DEFINE_(counter, ident, __VA_ARGS__)
#define CPROM_GAUGE(ident, ...) CPROM_DEFINE_(gauge, ident, __VA_ARGS__)
#define CPROM_HISTOGRAM(ident, ...) CPROM_DEFINE_(histogram, ident, __VA_ARGS__)
#define CPROM_SUMMARY(ident, ...) CPROM_DEFINE_(summary, ident, __VA_ARGS__)

#endif
