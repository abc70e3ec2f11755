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

#define CPROM_PASTE_(a, b) a##b
#define CPROM_CONCAT_(a, b) CPROM_PASTE_(a, b)

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
#define cprom_info_new(metric_name, ...)                                                           \
	cprom_info_create(                                                                         \
		CPROM_OPTIONS_(cprom_info_options, .name = (metric_name), .help = __VA_ARGS__))
#define cprom_stateset_new(metric_name, ...)                                                       \
	cprom_stateset_create(                                                                     \
		CPROM_OPTIONS_(cprom_stateset_options, .name = (metric_name), .help = __VA_ARGS__))
#define cprom_info_set(info, ...) cprom_info_put((info), CPROM_STRINGS(__VA_ARGS__))
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
#define cprom_sink_family(sink, family_type, metric_name, ...)                                     \
	cprom_sink_begin((sink), CPROM_OPTIONS_(cprom_family_options, .type = (family_type),       \
						.name = (metric_name), .help = __VA_ARGS__))
#define cprom_sink_sample(sink, ...)                                                               \
	cprom_sink_add((sink), CPROM_OPTIONS_(cprom_sample, .value = __VA_ARGS__))

/* .native = CPROM_NATIVE(.growth = 1.1), of a histogram; every option may be left out. */
#define CPROM_NATIVE(...) (&(const cprom_native){.size = sizeof(cprom_native), __VA_ARGS__})

/* Any of the six types as a cprom_metric *; anything else does not compile. */
#define CPROM_METRIC(m)                                                                            \
	_Generic((m), cprom_counter *: (cprom_metric *)(m), cprom_gauge *: (cprom_metric *)(m),    \
		 cprom_histogram *: (cprom_metric *)(m), cprom_summary *: (cprom_metric *)(m),     \
		 cprom_info *: (cprom_metric *)(m), cprom_stateset *: (cprom_metric *)(m),         \
		 cprom_metric *: (m))

static inline cprom_counter *
cprom_counter_labels(cprom_counter *counter, cprom_strings values)
{
	return (cprom_counter *)cprom_metric_labels((cprom_metric *)counter, values);
}

static inline cprom_gauge *
cprom_gauge_labels(cprom_gauge *gauge, cprom_strings values)
{
	return (cprom_gauge *)cprom_metric_labels((cprom_metric *)gauge, values);
}

static inline cprom_histogram *
cprom_histogram_labels(cprom_histogram *histogram, cprom_strings values)
{
	return (cprom_histogram *)cprom_metric_labels((cprom_metric *)histogram, values);
}

static inline cprom_summary *
cprom_summary_labels(cprom_summary *summary, cprom_strings values)
{
	return (cprom_summary *)cprom_metric_labels((cprom_metric *)summary, values);
}

static inline cprom_info *
cprom_info_labels(cprom_info *info, cprom_strings values)
{
	return (cprom_info *)cprom_metric_labels((cprom_metric *)info, values);
}

static inline cprom_stateset *
cprom_stateset_labels(cprom_stateset *stateset, cprom_strings values)
{
	return (cprom_stateset *)cprom_metric_labels((cprom_metric *)stateset, values);
}

#define cprom_labels(m, ...)                                                                       \
	_Generic((m), cprom_counter *: cprom_counter_labels, cprom_gauge *: cprom_gauge_labels,    \
		 cprom_histogram *: cprom_histogram_labels,                                        \
		 cprom_summary *: cprom_summary_labels, cprom_info *: cprom_info_labels,           \
		 cprom_stateset *: cprom_stateset_labels)((m), CPROM_STRINGS(__VA_ARGS__))
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
	static void __attribute__((constructor)) CPROM_CONCAT_(cprom_define_, ident)(void)         \
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
CPROM_NEW_(info)
CPROM_NEW_(stateset)
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

/* o.native = CPROM_NATIVE([](auto &n) { n.growth = 1.1; }); valid until the thread is there again. */
template <class... Set>
inline const cprom_native *
CPROM_NATIVE(Set... set)
{
	static thread_local cprom_native n;
	n = cprom_native{};
	n.size = sizeof(n);
	(set(n), ...);
	return &n;
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
cprom_sink_family(cprom_sink *sink, cprom_type type, const char *name, const char *help, Set... set)
{
	cprom_family_options o{};
	o.size = sizeof(o);
	o.type = type;
	o.name = name;
	o.help = help;
	(set(o), ...);
	return cprom_sink_begin(sink, &o);
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
inline cprom_metric *CPROM_METRIC(cprom_info *m) { return reinterpret_cast<cprom_metric *>(m); }
inline cprom_metric *CPROM_METRIC(cprom_stateset *m) { return reinterpret_cast<cprom_metric *>(m); }

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

template <class... Text>
inline int
cprom_info_set(cprom_info *i, Text... text)
{
	const char *const texts[] = {text...};
	return cprom_info_put(i, {texts, sizeof...(text)});
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
#define CPROM_INFO(ident, ...) CPROM_DEFINE_(info, ident, __VA_ARGS__)
#define CPROM_STATESET(ident, ...) CPROM_DEFINE_(stateset, ident, __VA_ARGS__)

/* ---- timing ----------------------------------------------------------------
 *
 * Blocks: what follows in braces. All of them see every way out of the block:
 * its end, return, goto, break and continue; in C++ exceptions too. The block
 * is the body of a loop that runs once, so break and continue inside it leave
 * the block, not a loop around it. For the same reason compilers do not see
 * that it always runs: a function whose last statement is such a block needs a
 * return after it.
 *
 *    CPROM_TIME(metric) { … }            its seconds: observed by a histogram or
 *                                        summary, set in a gauge
 *    CPROM_IN_PROGRESS(gauge) { … }      1 up at the start, 1 down at the end
 *
 * Scopes: the rest of the block that they stand in.
 *
 *    CPROM_TIME_SCOPE(metric);
 *    CPROM_IN_PROGRESS_SCOPE(gauge);
 *    CPROM_COUNT_ERRORS_SCOPE(counter, result);
 *                                        1 up if the int variable result, which
 *                                        must be set by then, is negative at the end
 *    CPROM_CALL_SCOPE(ident, instrument);
 *                                        a cprom_call of that name; the code may
 *                                        set ident.failed = 1
 *
 * Decorators: in front of the body of a function, which keeps its name and type.
 * static may stand before them. The arguments are the parameters
 * again, without types; metric and instrument may use them.
 *
 *    CPROM_TIMED(latency, int, serve, (int fd, char *buf), (fd, buf)) { … }
 *    CPROM_TIMED_VOID(latency, tick, (void), ()) { … }
 *    CPROM_INSTRUMENTED(&orders, order *, find, (int id), (id)) { … }
 *    CPROM_INSTRUMENTED_VOID(&ticks, tick, (void), ()) { … }
 *
 * An instrumented call has failed if it returns a negative number or a null
 * pointer, and in C++ if an exception leaves it.
 *
 * Timers: cprom_timer_start(metric) runs one, for NULL too; then
 * cprom_timer_observe(&t), cprom_timer_observe_with(&t, metric) with the metric
 * known only now, or cprom_timer_discard(&t).
 *
 * Instruments: CPROM_INSTRUMENT(ident, "name", "help", options); at file scope
 * defines a cprom_instrument as CPROM_COUNTER does a counter;
 * cprom_instrument_new(&i, "name", "help", options) makes one anywhere, with the
 * options of cprom_instrument_options; cprom_instrument_labels(&i, "GET") is the
 * one with these label values. Where an instrument is asked for, it may be given
 * by value or by pointer.
 *
 * Every argument is evaluated once. longjmp() out of a block or scope skips its end.
 */

#ifdef __cplusplus
#include <type_traits>
#endif

/* A name that no other expansion has: blocks and scopes may be nested and repeated. */
#define CPROM_UNIQUE_(word) CPROM_CONCAT_(cprom_##word##_, __COUNTER__)

#ifndef __cplusplus

#define CPROM_INLINE_ static inline

/* A variable of the type, for whose end the function is called. */
#define CPROM_SCOPED_(type, end, ident) type ident __attribute__((cleanup(end), unused))

/* What can be timed into; a counter does not compile. */
#define CPROM_TIMEABLE_(m)                                                                         \
	_Generic((m), cprom_gauge *: (cprom_metric *)(m), cprom_histogram *: (cprom_metric *)(m),  \
		 cprom_summary *: (cprom_metric *)(m), cprom_metric *: (cprom_metric *)(m),        \
		 void *: (cprom_metric *)(m))

#define cprom_instrument_new(instrument, metric_name, ...)                                         \
	cprom_instrument_create((instrument),                                                      \
				CPROM_OPTIONS_(cprom_instrument_options, .name = (metric_name),    \
					       .help = __VA_ARGS__))
#define cprom_instrument_labels(instrument, ...)                                                   \
	cprom_instrument_child((instrument), CPROM_STRINGS(__VA_ARGS__))

#define CPROM_INSTRUMENT(ident, ...)                                                               \
	cprom_instrument ident;                                                                    \
	static void __attribute__((constructor)) CPROM_CONCAT_(cprom_define_, ident)(void)         \
	{                                                                                          \
		cprom_instrument_new(&ident, __VA_ARGS__);                                         \
	}                                                                                          \
	struct cprom_instrument

static inline cprom_call
cprom_call_of_value_(cprom_instrument i)
{
	return cprom_call_begin(&i);
}

#define CPROM_CALL_BEGIN_(i)                                                                       \
	_Generic((i), cprom_instrument: cprom_call_of_value_,                                      \
		 cprom_instrument *: cprom_call_begin,                                             \
		 const cprom_instrument *: cprom_call_begin)(i)

/*
 * Whether a variable is a negative number or a null pointer, for any type. Each
 * half compares the variable only if it is of a type that can be compared so.
 */
#define CPROM_SIGNED_OR_0_(v)                                                                      \
	_Generic((v), signed char: (v), short: (v), int: (v), long: (v), long long: (v),           \
		 float: (v), double: (v), long double: (v), default: 0)
#define CPROM_POINTER_OR_1_(v)                                                                     \
	__builtin_choose_expr(__builtin_classify_type(v) == 5 /* a pointer */, (v), 1)
#define CPROM_FAILED_(v) (CPROM_SIGNED_OR_0_(v) < 0 || !CPROM_POINTER_OR_1_(v))

#else /* C++ */

#define CPROM_INLINE_ inline

/* A C structure for whose end the function is called. */
template <class Type, void (*end)(Type *)>
struct cprom_scoped_ : Type {
	cprom_scoped_(const Type &value) : Type(value) {}
	cprom_scoped_(const cprom_scoped_ &) = delete;
	cprom_scoped_ &operator=(const cprom_scoped_ &) = delete;
	~cprom_scoped_() { end(this); }
};

#define CPROM_SCOPED_(type, end, ident) cprom_scoped_<type, end> ident

/* What can be timed into; a counter does not compile. */
inline cprom_metric *CPROM_TIMEABLE_(decltype(nullptr)) { return nullptr; }

template <class Metric>
inline cprom_metric *
CPROM_TIMEABLE_(Metric *m)
{
	static_assert(!std::is_same_v<Metric, cprom_counter>, "a counter cannot be timed into");
	return CPROM_METRIC(m);
}

template <class... Set>
inline int
cprom_instrument_new(cprom_instrument *instrument, const char *name, const char *help, Set... set)
{
	cprom_instrument_options o{};
	o.size = sizeof(o);
	o.name = name;
	o.help = help;
	(set(o), ...);
	return cprom_instrument_create(instrument, &o);
}

template <class... Value>
inline cprom_instrument
cprom_instrument_labels(const cprom_instrument *instrument, Value... value)
{
	const char *const values[] = {value...};
	return cprom_instrument_child(instrument, {values, sizeof...(value)});
}

template <class... Set>
inline cprom_instrument
cprom_instrument_made_(const char *name, const char *help, Set... set)
{
	cprom_instrument instrument;
	cprom_instrument_new(&instrument, name, help, set...);
	return instrument;
}

#define CPROM_INSTRUMENT(ident, ...) cprom_instrument ident = cprom_instrument_made_(__VA_ARGS__)

inline cprom_call CPROM_CALL_BEGIN_(const cprom_instrument &i) { return cprom_call_begin(&i); }
inline cprom_call CPROM_CALL_BEGIN_(const cprom_instrument *i) { return cprom_call_begin(i); }

/* Whether a value is a negative number or a null pointer, for any type. */
template <class Value>
inline bool
CPROM_FAILED_(const Value &v)
{
	if constexpr (std::is_enum_v<Value>)
		return CPROM_FAILED_(static_cast<std::underlying_type_t<Value>>(v));
	else if constexpr (std::is_pointer_v<Value>)
		return v == nullptr;
	else if constexpr (std::is_signed_v<Value>)
		return v < 0;
	else
		return false;
}

#endif

#define cprom_timer_start(m) cprom_metric_timer(CPROM_TIMEABLE_(m))
#define cprom_timer_observe_with(timer, m) cprom_metric_timer_observe((timer), CPROM_TIMEABLE_(m))

/* A block that is the scope of one variable: the loop is left when *_once is NULL. */
#define CPROM_BLOCK_(type, end, ident, value)                                                      \
	for (CPROM_SCOPED_(type, end, ident) = (value), *CPROM_CONCAT_(ident, _once) = &ident;     \
	     CPROM_CONCAT_(ident, _once) != NULL; CPROM_CONCAT_(ident, _once) = NULL)

CPROM_INLINE_ void
cprom_timer_end_(cprom_timer *t)
{
	cprom_timer_observe(t);
}

#define CPROM_TIME(m)                                                                              \
	CPROM_BLOCK_(cprom_timer, cprom_timer_end_, CPROM_UNIQUE_(time), cprom_timer_start(m))
#define CPROM_TIME_SCOPE(m)                                                                        \
	CPROM_SCOPED_(cprom_timer, cprom_timer_end_, CPROM_UNIQUE_(time)) = cprom_timer_start(m)

struct cprom_in_progress_ {
	cprom_gauge *gauge;
};

CPROM_INLINE_ struct cprom_in_progress_
cprom_in_progress_begin_(cprom_gauge *gauge)
{
	struct cprom_in_progress_ p = {gauge};

	cprom_gauge_inc(gauge);
	return p;
}

CPROM_INLINE_ void
cprom_in_progress_end_(struct cprom_in_progress_ *p)
{
	cprom_gauge_dec(p->gauge);
}

#define CPROM_IN_PROGRESS(gauge)                                                                   \
	CPROM_BLOCK_(struct cprom_in_progress_, cprom_in_progress_end_, CPROM_UNIQUE_(progress),   \
		     cprom_in_progress_begin_(gauge))
#define CPROM_IN_PROGRESS_SCOPE(gauge)                                                             \
	CPROM_SCOPED_(struct cprom_in_progress_, cprom_in_progress_end_, CPROM_UNIQUE_(progress)) = \
		cprom_in_progress_begin_(gauge)

struct cprom_error_count_ {
	cprom_counter *counter;
	const int *result;
};

CPROM_INLINE_ struct cprom_error_count_
cprom_error_count_begin_(cprom_counter *counter, const int *result)
{
	struct cprom_error_count_ e = {counter, result};

	return e;
}

CPROM_INLINE_ void
cprom_error_count_end_(struct cprom_error_count_ *e)
{
	if (*e->result < 0)
		cprom_counter_inc(e->counter);
}

#define CPROM_COUNT_ERRORS_SCOPE(counter, result)                                                  \
	CPROM_SCOPED_(struct cprom_error_count_, cprom_error_count_end_, CPROM_UNIQUE_(errors)) =  \
		cprom_error_count_begin_((counter), &(result))

#define CPROM_CALL_SCOPE(ident, instrument)                                                        \
	CPROM_SCOPED_(cprom_call, cprom_call_end, ident) = CPROM_CALL_BEGIN_(instrument)

/* The decorated function, then the head of a private one whose body is the one that follows. */
#define CPROM_TIMED(metric, return_type, name, params, args)                                       \
	return_type name params;                                                                   \
	static return_type cprom_body_##name params;                                               \
	return_type name params                                                                    \
	{                                                                                          \
		CPROM_TIME_SCOPE(metric);                                                          \
		return cprom_body_##name args;                                                     \
	}                                                                                          \
	static return_type cprom_body_##name params

#define CPROM_TIMED_VOID(metric, name, params, args)                                               \
	void name params;                                                                          \
	static void cprom_body_##name params;                                                      \
	void name params                                                                           \
	{                                                                                          \
		CPROM_TIME_SCOPE(metric);                                                          \
		cprom_body_##name args;                                                            \
	}                                                                                          \
	static void cprom_body_##name params

/* The call counts as failed until the body has come back. */
#define CPROM_INSTRUMENTED(instrument, return_type, name, params, args)                            \
	return_type name params;                                                                   \
	static return_type cprom_body_##name params;                                               \
	return_type name params                                                                    \
	{                                                                                          \
		CPROM_CALL_SCOPE(cprom_call_, instrument);                                         \
		cprom_call_.failed = 1;                                                            \
		{                                                                                  \
			return_type cprom_result_ = cprom_body_##name args;                        \
			cprom_call_.failed = CPROM_FAILED_(cprom_result_);                         \
			return cprom_result_;                                                      \
		}                                                                                  \
	}                                                                                          \
	static return_type cprom_body_##name params

#define CPROM_INSTRUMENTED_VOID(instrument, name, params, args)                                    \
	void name params;                                                                          \
	static void cprom_body_##name params;                                                      \
	void name params                                                                           \
	{                                                                                          \
		CPROM_CALL_SCOPE(cprom_call_, instrument);                                         \
		cprom_call_.failed = 1;                                                            \
		cprom_body_##name args;                                                            \
		cprom_call_.failed = 0;                                                            \
	}                                                                                          \
	static void cprom_body_##name params

#endif
