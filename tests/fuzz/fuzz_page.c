/* SPDX-License-Identifier: MIT */
/*
 * fuzz_page: whatever names, texts and values go into a registry, the page gives back: in text,
 * OpenMetrics and protobuf, read by strict readers of our own.
 *
 * The input is records that end in ';', of fields that end in '|':
 *
 *    KINDS|name|help|unit|numbers|label|value|label|value…;    a family, and its first series
 *    +|numbers|value|value…;                                    one more series of it
 *
 * The first of KINDS is a type (c g h s i t u G); '*': from a collector; 'k': labels are
 * constant; 'n': bounds below 0; 'e': with exemplars; 'm': the first number is a time, too. A 'T'
 * before all shows created timestamps.
 */
#include <cprom.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FAMILIES 12
#define MOST_SERIES 8
#define MOST_FIELDS 24
#define MOST_NUMBERS 6
#define MOST_LABELS 8
#define MOST_ITEMS 4096
#define BOUNDS 3
#define LARGEST 1e100 /* of what is added up */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind { TEXT, OPENMETRICS, PROTOBUF };

struct series {
	cprom_metric *metric;
	const char *labels[2 * MOST_LABELS]; /* name, value, … */
	size_t label_count;
	double numbers[MOST_NUMBERS]; /* of a sample of a collector */
	size_t number_count;
	long long time_ms;            /* of a sample of a collector; 0: none */
	double value, sum, magnitude; /* magnitude: of what was added up */
	uint64_t count, buckets[BOUNDS + 1];
};

struct family {
	char type;
	bool collected, constant, below_zero, exemplars, timed;
	char *name;
	const char *help, *unit;
	cprom_metric *metric;
	size_t label_count;
	struct series series[MOST_SERIES];
	size_t series_count;
	bool added[MOST_SERIES]; /* by the collector, in this page */
};

/* One sample of a page: its name and sorted labels as bytes, and what it says. */
struct item {
	char *key;
	size_t length;
	double value, tolerance;
	long long time_ms;
};

struct items {
	struct item of[MOST_ITEMS];
	size_t count;
};

struct label {
	char *name, *value;
};

static struct family families[MOST_FAMILIES];
static size_t family_count;
static cprom_registry *registry;
static bool created;
static struct items expected, found;

static const double plain_bounds[BOUNDS] = {0.125, 1, 1e6};
static const double low_bounds[BOUNDS] = {-2.5, 0, 3};

static void
demand(bool what)
{
	if (!what)
		abort();
}

/* ---- what is put in ------------------------------------------------------------ */

static size_t
read_numbers(const char *text, double *out)
{
	size_t n = 0;

	while (n < MOST_NUMBERS && *text != '\0') {
		char *end;

		out[n++] = strtod(text, &end);
		text = end + strcspn(end, ",");
		text += *text == ',';
	}
	return n;
}

static const double *
bounds_of(const struct family *f)
{
	return f->below_zero ? low_bounds : plain_bounds;
}

static void
count_observation(const struct family *f, struct series *s, double v)
{
	size_t i = 0;

	while (i < BOUNDS && v > bounds_of(f)[i])
		i++;
	s->buckets[i]++;
	s->count++;
}

static void
update(struct family *f, struct series *s, double v)
{
	const char *labels[] = {"t", f->help};
	cprom_strings exemplar = {labels, f->exemplars ? 2 : 0};

	if (f->type == 'g') {
		cprom_gauge_set((cprom_gauge *)s->metric, v);
		s->value = v;
		return;
	}
	if (!(fabs(v) <= LARGEST))
		return;
	if (f->type == 'c') {
		v = fabs(v);
		cprom_counter_add_exemplar((cprom_counter *)s->metric, v, exemplar);
		s->value += v;
	} else if (f->type == 'h') {
		cprom_histogram_observe_exemplar((cprom_histogram *)s->metric, v, exemplar);
		count_observation(f, s, v);
	} else {
		cprom_summary_observe((cprom_summary *)s->metric, v);
		s->count++;
	}
	s->sum += v;
	s->magnitude += fabs(v);
}

static void
set_states(struct family *f, struct series *s, size_t states)
{
	unsigned on = isfinite(s->numbers[0]) ? (unsigned)fabs(fmod(s->numbers[0], 64)) : 64;

	cprom_stateset_set((cprom_stateset *)s->metric, on);
	s->value = on < states ? on : 0;
	(void)f;
}

static struct series *
series_of(struct family *f, cprom_metric *m)
{
	for (size_t i = 0; i < f->series_count; i++)
		if (m != NULL && f->series[i].metric == m)
			return &f->series[i];
	f->series[f->series_count] = (struct series){.metric = m};
	return &f->series[f->series_count++];
}

static long long
first_as_time(const struct series *s)
{
	double v = s->number_count > 0 ? fabs(s->numbers[0]) : 0;

	return isnan(v) ? 0 : v < 0x1p50 ? (long long)v : 1;
}

/* The values stand in labels at 1, 3, … */
static void
add_series(struct family *f, const char **labels, const char *numbers)
{
	const char *values[MOST_LABELS];
	cprom_metric *m = f->metric;
	struct series *s;

	if (f->series_count == MOST_SERIES)
		return;
	for (size_t i = 0; i < f->label_count; i++)
		values[i] = labels[2 * i + 1];
	if (!f->collected && f->label_count > 0 && !f->constant && f->type != 't')
		m = cprom_metric_labels(m, (cprom_strings){values, f->label_count});
	if (!f->collected && m == NULL)
		return;
	s = series_of(f, f->collected ? NULL : m);
	memcpy(s->labels, labels, 2 * f->label_count * sizeof(*labels));
	s->label_count = f->label_count;
	s->number_count = read_numbers(numbers, s->numbers);
	s->time_ms = f->timed && f->collected ? first_as_time(s) : 0;
	if (f->collected || f->type == 'i')
		return;
	if (f->type == 't') {
		set_states(f, s, f->label_count);
		return;
	}
	for (size_t i = 0; i < s->number_count; i++)
		update(f, s, s->numbers[i]);
}

#define COMMON                                                                                     \
	.name = f->name, .help = f->help, .unit = *f->unit == '\0' ? NULL : f->unit,               \
	.registry = registry, .labels = {names, f->constant ? 0 : f->label_count},                 \
	.const_labels = {labels, f->constant ? 2 * f->label_count : 0}

static cprom_metric *
register_family(struct family *f, const char **labels)
{
	const char *names[MOST_LABELS], *states[MOST_LABELS];

	for (size_t i = 0; i < f->label_count; i++) {
		names[i] = labels[2 * i];
		states[i] = labels[2 * i + 1];
	}
	switch (f->type) {
	case 'c':
		return (cprom_metric *)cprom_counter_create(
			&(cprom_counter_options){.size = sizeof(cprom_counter_options), COMMON});
	case 'g':
		return (cprom_metric *)cprom_gauge_create(
			&(cprom_gauge_options){.size = sizeof(cprom_gauge_options), COMMON});
	case 'h':
		return (cprom_metric *)cprom_histogram_create(
			&(cprom_histogram_options){.size = sizeof(cprom_histogram_options),
						   COMMON,
						   .buckets = {bounds_of(f), BOUNDS}});
	case 's':
		return (cprom_metric *)cprom_summary_create(
			&(cprom_summary_options){.size = sizeof(cprom_summary_options), COMMON});
	case 'i':
		return (cprom_metric *)cprom_info_create(
			&(cprom_info_options){.size = sizeof(cprom_info_options), COMMON});
	case 't':
		return (cprom_metric *)cprom_stateset_create(
			&(cprom_stateset_options){.size = sizeof(cprom_stateset_options),
						  .name = f->name,
						  .help = f->help,
						  .registry = registry,
						  .states = {states, f->label_count}});
	default:
		return NULL;
	}
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
emit_summary(cprom_sink *out, cprom_sample *sample, struct series *s)
{
	static const double quantiles[MOST_NUMBERS] = {0, 0.25, 0.5, 0.75, 0.99, 1};

	for (size_t i = 0; i < s->number_count; i++)
		if (isnan(s->numbers[i]))
			s->numbers[i] = 0;
	qsort(s->numbers, s->number_count, sizeof(double), compare_doubles);
	sample->quantiles = (cprom_doubles){quantiles, s->number_count};
	sample->values = s->numbers;
	s->sum = sample->sum = s->number_count == 0 ? 0 : s->numbers[0];
	s->count = sample->count = s->number_count;
	return cprom_sink_add(out, sample);
}

static int
emit_histogram(cprom_sink *out, cprom_sample *sample, struct family *f, struct series *s)
{
	s->count = 0;
	for (size_t i = 0; i <= BOUNDS; i++) {
		double n = i < s->number_count ? fabs(s->numbers[i]) : 0;

		s->buckets[i] = n < 0x1p50 ? (uint64_t)n : 7;
		s->count += s->buckets[i];
	}
	s->sum = sample->sum = s->number_count == 0 ? 0 : s->numbers[0];
	sample->bounds = (cprom_doubles){bounds_of(f), BOUNDS};
	sample->counts = s->buckets;
	return cprom_sink_add(out, sample);
}

static int
emit(cprom_sink *out, struct family *f, struct series *s)
{
	cprom_sample sample = {
		.size = sizeof(sample),
		.labels = {s->labels, 2 * s->label_count},
		.timestamp_ms = s->time_ms,
	};
	const char *states[MOST_LABELS];

	s->value = s->number_count == 0 ? 0 : s->numbers[0];
	switch (f->type) {
	case 'h':
	case 'G':
		return emit_histogram(out, &sample, f, s);
	case 's':
		return emit_summary(out, &sample, s);
	case 't':
		for (size_t i = 0; i < f->label_count; i++)
			states[i] = s->labels[2 * i + 1];
		s->value = 0;
		sample.labels.count = 0;
		sample.states = (cprom_strings){states, f->label_count};
		sample.on = 1;
		return cprom_sink_add(out, &sample);
	default:
		sample.value = s->value;
		return cprom_sink_add(out, &sample);
	}
}

static cprom_type
type_of(const struct family *f)
{
	static const char letters[] = "cghsuitG";

	return (cprom_type)(strchr(letters, f->type) - letters + 1);
}

static void
collect(cprom_sink *out, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < family_count; i++) {
		struct family *f = &families[i];

		memset(f->added, 0, sizeof(f->added));
		if (!f->collected ||
		    cprom_sink_family(out, type_of(f), f->name, f->help, .unit = f->unit) == -1)
			continue;
		for (size_t j = 0; j < f->series_count; j++)
			f->added[j] = emit(out, f, &f->series[j]) == 0;
	}
}

/* fields: KINDS, name, help, unit, numbers, labels. No family has the first letter of another. */
static void
add_family(char **fields, size_t n)
{
	struct family *f = &families[family_count];
	const char *kinds = fields[0], **labels = (const char **)fields + 5;

	if (n < 5 || family_count == MOST_FAMILIES || *kinds == '\0' ||
	    strchr("cghsituG", *kinds) == NULL)
		return;
	*f = (struct family){
		.type = *kinds,
		.collected = strchr(kinds, '*') != NULL || strchr("uG", *kinds) != NULL,
		.below_zero = strchr(kinds, 'n') != NULL,
		.exemplars = strchr(kinds, 'e') != NULL && *fields[2] != '\0',
		.timed = strchr(kinds + 1, 'm') != NULL,
		.help = fields[2],
		.unit = fields[3],
		.label_count = (n - 5) / 2 < MOST_LABELS ? (n - 5) / 2 : MOST_LABELS,
	};
	f->constant = strchr(kinds, 'k') != NULL && !f->collected && f->type != 't';
	f->name = malloc(strlen(fields[1]) + 2);
	f->name[0] = (char)('A' + family_count);
	strcpy(f->name + 1, fields[1]);
	if (!f->collected && (f->metric = register_family(f, labels)) == NULL) {
		free(f->name);
		return;
	}
	family_count++;
	add_series(f, labels, fields[4]);
}

/* fields: "+", numbers, values. */
static void
add_another(char **fields, size_t n)
{
	struct family *f = &families[family_count == 0 ? 0 : family_count - 1];
	const char *labels[2 * MOST_LABELS];

	if (family_count == 0 || n < 2 || f->constant || f->type == 't' || f->series_count == 0 ||
	    n - 2 < f->label_count)
		return;
	for (size_t i = 0; i < f->label_count; i++) {
		labels[2 * i] = f->series[0].labels[2 * i];
		labels[2 * i + 1] = fields[2 + i];
	}
	add_series(f, labels, fields[1]);
}

static void
fill(char *text)
{
	for (char *record; (record = strsep(&text, ";")) != NULL;) {
		char *fields[MOST_FIELDS];
		size_t n = 0;

		while (record != NULL && n < MOST_FIELDS)
			fields[n++] = strsep(&record, "|");
		if (*fields[0] == '+')
			add_another(fields, n);
		else
			add_family(fields, n);
	}
}

/* ---- what is expected --------------------------------------------------------------- */

static int
compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void
add_item(struct items *to, const char *name, const char *suffix, struct label *labels, size_t n,
	 double value, double tolerance, long long time_ms)
{
	struct item *item = &to->of[to->count++];
	size_t room = strlen(name) + strlen(suffix) + 2;
	char *p;

	demand(to->count < MOST_ITEMS);
	for (size_t i = 0; i < n; i++)
		room += strlen(labels[i].name) + strlen(labels[i].value) + 2;
	qsort(labels, n, sizeof(*labels), compare_labels);
	item->key = malloc(room);
	p = stpcpy(stpcpy(item->key, name), suffix) + 1;
	for (size_t i = 0; i < n; i++) {
		demand(i == 0 || strcmp(labels[i - 1].name, labels[i].name) != 0);
		p = stpcpy(p, labels[i].name) + 1;
		p = stpcpy(p, labels[i].value) + 1;
	}
	item->length = (size_t)(p - item->key);
	item->value = value;
	item->tolerance = tolerance;
	item->time_ms = time_ms;
}

static size_t
labels_of(const struct series *s, struct label *labels)
{
	for (size_t i = 0; i < s->label_count; i++)
		labels[i] = (struct label){(char *)s->labels[2 * i], (char *)s->labels[2 * i + 1]};
	return s->label_count;
}

static void
expect(const char *name, const char *suffix, const struct series *s, const char *label,
       double bound, double value, double tolerance, long long time_ms)
{
	struct label labels[MOST_LABELS + 1];
	size_t n = labels_of(s, labels);
	char text[40];

	snprintf(text, sizeof(text), "%.17g", bound);
	if (label != NULL)
		labels[n++] = (struct label){(char *)label, text};
	add_item(&expected, name, suffix, labels, n, value, tolerance, time_ms);
}

/* OpenMetrics 1.0 on the sums of histograms and summaries; count and sum come together. */
static bool
shows_sum(const struct family *f, const struct series *s)
{
	if (f->type == 'G')
		return s->sum >= 0 || (f->below_zero && s->sum < 0);
	return s->sum >= 0 && !(f->type == 'h' && f->below_zero);
}

static void
expect_many(enum kind kind, const char *name, const struct family *f, const struct series *s)
{
	bool gauge = kind == OPENMETRICS && f->type == 'G';
	static const double quantiles[MOST_NUMBERS] = {0, 0.25, 0.5, 0.75, 0.99, 1};
	long long t = s->time_ms;
	uint64_t total = 0;

	for (size_t i = 0; f->type != 's' && i <= BOUNDS; i++) {
		total += s->buckets[i];
		expect(name, "_bucket", s, "le", i < BOUNDS ? bounds_of(f)[i] : INFINITY,
		       (double)total, 0, t);
	}
	for (size_t i = 0; f->type == 's' && f->collected && i < s->number_count; i++)
		if (kind != OPENMETRICS || !(s->numbers[i] < 0)) /* NaN may stand */
			expect(name, "", s, "quantile", quantiles[i], s->numbers[i], 0, t);
	if (kind == OPENMETRICS && !shows_sum(f, s))
		return;
	expect(name, gauge ? "_gsum" : "_sum", s, NULL, 0, s->sum,
	       f->collected ? 0 : s->magnitude * 1e-14, t);
	expect(name, gauge ? "_gcount" : "_count", s, NULL, 0, (double)s->count, 0, t);
}

static void
expect_states(const char *name, const struct family *f, const struct series *s)
{
	for (size_t i = 0; i < f->label_count; i++) {
		struct label l = {f->name, (char *)s->labels[2 * i + 1]};

		add_item(&expected, name, "", &l, 1, (size_t)s->value == i, 0, s->time_ms);
	}
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static void
expect_series(enum kind kind, const struct family *f, const struct series *s)
{
	const char *suffix = f->type == 'i' ? "_info" : "";
	bool timeless = f->type == 'i' && kind == OPENMETRICS;

	if (kind == OPENMETRICS && f->type == 'c')
		suffix = "_total";
	if (strchr("hsG", f->type) != NULL)
		expect_many(kind, f->name, f, s);
	else if (f->type == 't')
		expect_states(f->name, f, s);
	else
		expect(f->name, ends_with(f->name, suffix) ? "" : suffix, s, NULL, 0,
		       f->type == 'i' ? 1 : s->value, f->collected ? 0 : s->magnitude * 1e-14,
		       timeless ? 0 : s->time_ms);
}

static void
expect_page(enum kind kind)
{
	for (size_t i = 0; i < family_count; i++)
		for (size_t j = 0; j < families[i].series_count; j++)
			if (!families[i].collected || families[i].added[j])
				expect_series(kind, &families[i], &families[i].series[j]);
}

/* ---- text and OpenMetrics --------------------------------------------------------------- */

static const struct family *
family_of(const char *name)
{
	size_t i = (size_t)(name[0] - 'A');

	demand(i < family_count);
	return &families[i];
}

static void
take(const char **p, const char *what)
{
	size_t n = strlen(what);

	demand(strncmp(*p, what, n) == 0);
	*p += n;
}

/* Up to the closing quote or, for a help text, the end of the line. */
static char *
take_escaped(const char **p, char end, bool quotes)
{
	char *text = malloc(strlen(*p) + 1), *out = text;

	while (**p != end) {
		demand(**p != '\0' && **p != '\n' && (**p != '"' || !quotes));
		if (**p == '\\') {
			++*p;
			demand(**p == '\\' || **p == 'n' || (quotes && **p == '"'));
			*out++ = **p == 'n' ? '\n' : **p;
		} else {
			*out++ = **p;
		}
		++*p;
	}
	*out = '\0';
	++*p;
	return text;
}

static bool
is_letter(char c, bool digits)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (digits && c >= '0' && c <= '9');
}

static char *
take_name(const char **p)
{
	const char *start = *p;

	if (*start == '"') {
		++*p;
		return take_escaped(p, '"', true);
	}
	demand(is_letter(*start, false));
	while (is_letter(**p, true))
		++*p;
	return strndup(start, (size_t)(*p - start));
}

static double
take_number(const char **p)
{
	char *end;
	double v;

	demand(strchr("+-0123456789N", **p) != NULL);
	v = strtod(*p, &end);
	demand(end > *p);
	*p = end;
	return v;
}

/* name="value",…} */
static size_t
take_labels(const char **p, struct label *labels)
{
	size_t n = 0;

	while (**p != '}') {
		demand(n < 2 * MOST_LABELS);
		if (n > 0)
			take(p, ",");
		labels[n].name = take_name(p);
		demand(strchr(labels[n].name, ':') == NULL || (*p)[-1] == '"');
		take(p, "=\"");
		labels[n++].value = take_escaped(p, '"', true);
	}
	++*p;
	return n;
}

static void
free_labels(struct label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(labels[i].name);
		free(labels[i].value);
	}
}

static void
take_exemplar(const char **p, const struct family *f)
{
	struct label labels[2 * MOST_LABELS];
	size_t n;

	take(p, " # {");
	n = take_labels(p, labels);
	demand(f->exemplars && n == 1 && strcmp(labels[0].name, "t") == 0 &&
	       strcmp(labels[0].value, f->help) == 0);
	free_labels(labels, n);
	take(p, " ");
	take_number(p);
	take(p, " ");
	take_number(p);
}

/* Bounds as the model spells them. */
static void
respell_bound(const struct family *f, const char *name, struct label *labels, size_t n)
{
	bool bucket = strchr("hG", f->type) != NULL && ends_with(name, "_bucket");
	char text[40];

	for (size_t i = 0; i < n; i++)
		if ((bucket && strcmp(labels[i].name, "le") == 0) ||
		    (f->type == 's' && strcmp(labels[i].name, "quantile") == 0)) {
			snprintf(text, sizeof(text), "%.17g", strtod(labels[i].value, NULL));
			free(labels[i].value);
			labels[i].value = strdup(text);
		}
}

static bool
is_created(const struct family *f, const char *name)
{
	return created && strchr("chs", f->type) != NULL && !f->collected &&
	       ends_with(name, "_created");
}

static void
take_sample(enum kind kind, const char **p)
{
	struct label labels[2 * MOST_LABELS];
	const struct family *f;
	double value, time = 0;
	char *name = NULL;
	size_t n = 0;

	if (**p == '{') {
		++*p;
		demand(**p == '"');
		name = take_name(p);
		if (**p == ',')
			++*p;
		else
			demand(**p == '}');
		n = take_labels(p, labels);
	} else {
		name = take_name(p);
		if (**p == '{') {
			++*p;
			n = take_labels(p, labels);
		}
	}
	f = family_of(name);
	take(p, " ");
	value = take_number(p);
	if (**p == ' ' && (*p)[1] != '#') {
		++*p;
		time = take_number(p) * (kind == OPENMETRICS ? 1000 : 1);
	}
	if (**p == ' ') {
		demand(kind == OPENMETRICS);
		take_exemplar(p, f);
	}
	take(p, "\n");
	respell_bound(f, name, labels, n);
	if (kind == OPENMETRICS && is_created(f, name))
		demand(value > 1e9);
	else
		add_item(&found, name, "", labels, n, value, 0, llround(time));
	free_labels(labels, n);
	free(name);
}

static const char *
type_word(enum kind kind, const struct family *f)
{
	switch (f->type) {
	case 'c':
		return "counter\n";
	case 'h':
		return "histogram\n";
	case 'G':
		return kind == TEXT ? "histogram\n" : "gaugehistogram\n";
	case 's':
		return "summary\n";
	case 'u':
		return kind == TEXT ? "untyped\n" : "unknown\n";
	case 'i':
		return kind == TEXT ? "gauge\n" : "info\n";
	case 't':
		return kind == TEXT ? "gauge\n" : "stateset\n";
	default:
		return "gauge\n";
	}
}

static void
take_meta(enum kind kind, const char **p)
{
	const char *what = *p + 2;
	const struct family *f;
	char *name, *help;

	*p += strlen("# TYPE ");
	name = take_name(p);
	f = family_of(name);
	take(p, " ");
	if (strncmp(what, "TYPE ", 5) == 0) {
		take(p, type_word(kind, f));
	} else if (strncmp(what, "UNIT ", 5) == 0) {
		demand(kind == OPENMETRICS && ends_with(name, f->unit) && *f->unit != '\0');
		take(p, f->unit);
		take(p, "\n");
	} else {
		demand(strncmp(what, "HELP ", 5) == 0);
		/* In 0.0.4 a quote stands for itself. */
		help = take_escaped(p, '\n', kind == OPENMETRICS);
		demand(strcmp(help, f->help) == 0);
		free(help);
	}
	free(name);
}

static void
read_text(enum kind kind, const char *page, size_t length)
{
	const char *p = page;

	demand(strlen(page) == length);
	while (*p != '\0') {
		if (kind == OPENMETRICS && strcmp(p, "# EOF\n") == 0)
			return;
		if (*p == '#')
			take_meta(kind, &p);
		else
			take_sample(kind, &p);
	}
	demand(kind == TEXT);
}

/* ---- protobuf --------------------------------------------------------------------------- */

struct message {
	const uint8_t *p, *end;
};

struct field {
	uint64_t number, value; /* value: of a varint, or the bits of a double */
	struct message inside;
};

static uint64_t
take_varint(struct message *m)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		demand(m->p < m->end && shift < 64);
		v |= (uint64_t)(*m->p & 127) << shift;
		if (*m->p++ < 128)
			return v;
	}
}

static bool
next_field(struct message *m, struct field *f)
{
	uint64_t tag, n;

	if (m->p == m->end)
		return false;
	tag = take_varint(m);
	*f = (struct field){.number = tag >> 3};
	switch (tag & 7) {
	case 0:
		f->value = take_varint(m);
		return true;
	case 1:
		demand(m->end - m->p >= 8);
		for (int i = 0; i < 8; i++)
			f->value |= (uint64_t)*m->p++ << 8 * i;
		return true;
	default:
		demand((tag & 7) == 2);
		n = take_varint(m);
		demand(n <= (uint64_t)(m->end - m->p));
		f->inside = (struct message){m->p, m->p + n};
		m->p += n;
		return true;
	}
}

static double
as_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static char *
as_string(struct message m)
{
	return strndup((const char *)m.p, (size_t)(m.end - m.p));
}

static struct label
read_label(struct message m)
{
	struct label l = {0};
	struct field f;

	while (next_field(&m, &f)) {
		char **to = f.number == 1 ? &l.name : &l.value;

		demand((f.number == 1 || f.number == 2) && *to == NULL);
		*to = as_string(f.inside);
	}
	demand(l.name != NULL);
	if (l.value == NULL)
		l.value = strdup("");
	return l;
}

/* A metric under way: its labels, and what a label more adds. */
struct metric {
	const char *name;
	struct label labels[2 * MOST_LABELS];
	size_t count;
	long long time_ms;
};

static void
find_item(const struct metric *m, const char *suffix, const char *label, double bound, double value)
{
	struct label labels[2 * MOST_LABELS + 1];
	size_t n = m->count;
	char text[40];

	memcpy(labels, m->labels, n * sizeof(*labels));
	snprintf(text, sizeof(text), "%.17g", bound);
	if (label != NULL)
		labels[n++] = (struct label){(char *)label, text};
	add_item(&found, m->name, suffix, labels, n, value, 0, m->time_ms);
}

/* Fields 1 and 2 of a bucket are a count and a bound, of a quantile two doubles. */
static void
read_bucket(const struct metric *m, struct message in, bool summary)
{
	double first = 0, second = 0;
	struct field f;

	while (next_field(&in, &f))
		if (f.number == 1)
			first = summary ? as_double(f.value) : (double)f.value;
		else if (f.number == 2)
			second = as_double(f.value);
	if (summary)
		find_item(m, "", "quantile", first, second);
	else
		find_item(m, "_bucket", "le", second, first);
}

/* Its labels stand behind the name; le is "inf". */
static bool
is_last_bucket(const struct item *item)
{
	const char *end = item->key + item->length;

	for (const char *p = item->key + strlen(item->key) + 1; p < end;) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, "le") == 0)
			return strcmp(value, "inf") == 0;
		p = value + strlen(value) + 1;
	}
	return false;
}

static void
read_many(const struct metric *m, struct message in, bool summary)
{
	double count = 0, sum = 0;
	bool infinite = summary;
	struct message buckets = in;
	struct field f;

	while (next_field(&in, &f)) {
		if (f.number == 1)
			count = (double)f.value;
		else if (f.number == 2)
			sum = as_double(f.value);
	}
	while (next_field(&buckets, &f))
		if (f.number == 3) {
			size_t before = found.count;

			read_bucket(m, f.inside, summary);
			infinite = infinite || is_last_bucket(&found.of[before]);
		}
	/* The bucket of all need not be there. */
	if (!infinite)
		find_item(m, "_bucket", "le", INFINITY, count);
	find_item(m, "_sum", NULL, 0, sum);
	find_item(m, "_count", NULL, 0, count);
}

static void
read_metric(const char *name, struct message in)
{
	struct metric m = {.name = name};
	struct message labels = in;
	struct field f, g;

	while (next_field(&labels, &f))
		if (f.number == 1) {
			demand(m.count < 2 * MOST_LABELS);
			m.labels[m.count++] = read_label(f.inside);
		} else if (f.number == 6) {
			m.time_ms = (long long)f.value;
		}
	while (next_field(&in, &f)) {
		double value = 0;

		if (f.number == 4 || f.number == 7) {
			read_many(&m, f.inside, f.number == 4);
			continue;
		}
		if (f.number != 2 && f.number != 3 && f.number != 5)
			continue;
		while (next_field(&f.inside, &g))
			value = g.number == 1 ? as_double(g.value) : value;
		find_item(&m, "", NULL, 0, value);
	}
	free_labels(m.labels, m.count);
}

static void
read_protobuf(const char *page, size_t length)
{
	struct message m = {(const uint8_t *)page, (const uint8_t *)page + length};

	while (m.p < m.end) {
		uint64_t n = take_varint(&m);
		struct message in = {m.p, m.p + n};
		char *name = NULL, *help = NULL;
		struct field f;

		demand(n <= (uint64_t)(m.end - m.p));
		m.p += n;
		while (next_field(&in, &f)) {
			if (f.number == 1)
				name = as_string(f.inside);
			else if (f.number == 2)
				help = as_string(f.inside);
			else if (f.number == 4)
				read_metric(name, f.inside);
		}
		demand(name != NULL &&
		       strcmp(help == NULL ? "" : help, family_of(name)->help) == 0);
		free(name);
		free(help);
	}
}

/* ---- comparing -------------------------------------------------------------------------- */

static int
compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t n = x->length < y->length ? x->length : y->length;
	int order = memcmp(x->key, y->key, n);

	if (order == 0)
		order = (x->length > y->length) - (x->length < y->length);
	/* A series has several samples if it goes on at a later time. */
	return order != 0 ? order : (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

static void
compare(void)
{
	demand(expected.count == found.count);
	qsort(expected.of, expected.count, sizeof(struct item), compare_items);
	qsort(found.of, found.count, sizeof(struct item), compare_items);
	for (size_t i = 0; i < expected.count; i++) {
		const struct item *x = &expected.of[i], *y = &found.of[i];

		demand(compare_items(x, y) == 0);
		demand(x->value == y->value || (isnan(x->value) && isnan(y->value)) ||
		       fabs(x->value - y->value) <= x->tolerance);
	}
}

static void
forget(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		free(items->of[i].key);
	items->count = 0;
}

static void
check_page(enum kind kind)
{
	static const char *const accepted[] = {
		"text/plain;version=1.0.0;escaping=allow-utf-8",
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		"encoding=delimited;escaping=allow-utf-8",
	};
	size_t length;
	char *page = cprom_render(registry, accepted[kind], &length);

	demand(page != NULL);
	expect_page(kind);
	if (kind == PROTOBUF)
		read_protobuf(page, length);
	else
		read_text(kind, page, length);
	compare();
	forget(&expected);
	forget(&found);
	free(page);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	created = *text == 'T';
	family_count = 0;
	registry = cprom_registry_new(.utf8_names = 1, .created_timestamps = created);
	demand(registry != NULL &&
	       cprom_collector_new(collect, NULL, .registry = registry) != NULL);
	fill(text + created);
	check_page(TEXT);
	check_page(OPENMETRICS);
	check_page(PROTOBUF);
	cprom_registry_free(registry);
	for (size_t i = 0; i < family_count; i++)
		free(families[i].name);
	free(text);
	return 0;
}
