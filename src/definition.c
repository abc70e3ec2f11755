/* SPDX-License-Identifier: MIT */
/*
 * definition: what the user said of a metric, checked, copied, compared.
 */
#include "definition.h"

#include "error.h"
#include "escape.h"
#include "label_text.h"
#include "name.h"

#include <errno.h>

const char *
cpromi_type_name(uint32_t type)
{
	static const char *const names[] = {"",          "counter",  "gauge",
					    "histogram", "summary",  "untyped",
					    "info",      "stateset", "gauge histogram"};

	return type < array_len(names) ? names[type] : "collector";
}

/* ---- checking -------------------------------------------------------------- */

static bool
is_reserved(const char *label)
{
	return strncmp(label, "__", 2) == 0 || strcmp(label, "le") == 0 ||
	       strcmp(label, "quantile") == 0;
}

/* The i-th label name of both lists: first the constant ones. */
static const char *
nth_label(const struct common_options *o, size_t i)
{
	size_t constants = o->const_labels.count / 2;

	return i < constants ? o->const_labels.items[2 * i] : o->labels.items[i - constants];
}

static int
check_label(const struct common_options *o, size_t i, bool utf8)
{
	const char *name = nth_label(o, i);

	if (!cpromi_name_is_valid(NAME_OF_LABEL, utf8, name))
		return cpromi_fail(EINVAL, "%s: \"%s\" is not a label name", o->name,
				   name == NULL ? "(null)" : name);
	if (is_reserved(name))
		return cpromi_fail(EINVAL, "%s: the label name \"%s\" is reserved", o->name, name);
	for (size_t j = 0; j < i; j++)
		if (strcmp(nth_label(o, j), name) == 0)
			return cpromi_fail(EINVAL, "%s: the label \"%s\" is named twice", o->name,
					   name);
	return 0;
}

static int
check_labels(const struct common_options *o, bool utf8)
{
	size_t constants = o->const_labels.count / 2;

	if ((o->labels.items == NULL && o->labels.count > 0) ||
	    (o->const_labels.items == NULL && o->const_labels.count > 0))
		return cpromi_fail(EINVAL, "%s: the labels are NULL", o->name);
	if (o->const_labels.count % 2 != 0)
		return cpromi_fail(EINVAL, "%s: a constant label has no value", o->name);
	if (o->labels.count > CPROM_MAX_LABELS || constants > CPROM_MAX_LABELS)
		return cpromi_fail(EINVAL, "%s: more than %d labels", o->name, CPROM_MAX_LABELS);
	for (size_t i = 0; i < constants + o->labels.count; i++)
		if (check_label(o, i, utf8) == -1)
			return -1;
	for (size_t i = 0; i < constants; i++) {
		const char *value = o->const_labels.items[2 * i + 1];

		if (value == NULL || !cpromi_utf8_valid(value, strlen(value)))
			return cpromi_fail(
				EINVAL, "%s: the value of the constant label \"%s\" is not UTF-8",
				o->name, o->const_labels.items[2 * i]);
	}
	return 0;
}

static int
check_texts(const struct common_options *o, bool utf8)
{
	if (!cpromi_name_is_valid(NAME_OF_METRIC, utf8, o->name))
		return cpromi_fail(EINVAL, "\"%s\" is not a metric name",
				   o->name == NULL ? "(null)" : o->name);
	if (o->help == NULL || !cpromi_utf8_valid(o->help, strlen(o->help)))
		return cpromi_fail(EINVAL, "%s: the help text is %s", o->name,
				   o->help == NULL ? "missing" : "not UTF-8");
	if (o->unit != NULL && *o->unit != '\0' &&
	    !cpromi_name_is_valid(NAME_OF_METRIC, false, o->unit))
		return cpromi_fail(EINVAL, "%s: \"%s\" is not a unit", o->name, o->unit);
	return 0;
}

static size_t
spelled_length(const char *label)
{
	return cpromi_label_name_spell(label, strlen(label), NULL);
}

size_t
cpromi_more_labels_bound(cprom_strings more)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < more.count; i += 2) {
		const char *value = more.items[i + 1];

		n += spelled_length(more.items[i]) + strlen("=\"\",");
		n += cpromi_escape(value, strlen(value), true, NULL);
	}
	return n;
}

static size_t
const_label_bytes(const struct common_options *o)
{
	return cpromi_more_labels_bound(o->const_labels);
}

static size_t
label_name_bytes(const struct common_options *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->labels.count; i++)
		n += spelled_length(o->labels.items[i]) + strlen("=\"\",");
	return n;
}

/*
 * A gauge that shows each process' value names it by a label pid, a stateset each state by one
 * that is called as the stateset is.
 */
static int
check_added_label(const struct family_spec *spec)
{
	const struct common_options *o = &spec->common;
	const char *added = NULL;

	if (cpromi_mode_is_all(spec->shape.mode))
		added = "pid";
	else if (spec->shape.type == CPROM_TYPE_STATESET)
		added = o->name;
	for (size_t i = 0; added != NULL && i < o->const_labels.count / 2 + o->labels.count; i++)
		if (strcmp(nth_label(o, i), added) == 0)
			return cpromi_fail(EINVAL, "%s: it adds a label \"%s\" by itself", o->name,
					   added);
	return 0;
}

static bool
has_const_label(const struct definition *d, const char *name)
{
	const char *p = d->const_labels, *end = p + d->const_length;
	struct label_piece label;

	while (p < end) {
		p = cpromi_label_next(p, end, &label);
		if (label.name_length == strlen(name) &&
		    memcmp(label.name, name, label.name_length) == 0)
			return true;
	}
	return false;
}

int
cpromi_more_labels_check(const struct definition *d, cprom_strings more)
{
	struct common_options o = {
		.name = d->name, .labels = {d->labels, d->label_count}, .const_labels = more};

	if (check_labels(&o, true) == -1)
		return -1;
	for (size_t i = 0; i < more.count; i += 2)
		if (!cpromi_name_is_valid(NAME_OF_LABEL, false, more.items[i]))
			return cpromi_fail(EINVAL, "%s: \"%s\" is not a label name", d->name,
					   more.items[i]);
	for (size_t i = 0; i < more.count; i += 2)
		if (has_const_label(d, more.items[i]))
			return cpromi_fail(EINVAL, "%s: the label \"%s\" is named twice", d->name,
					   more.items[i]);
	if (cpromi_more_labels_bound(more) > CPROM_MAX_LABEL_BYTES / 2)
		return cpromi_fail(EINVAL, "%s: the labels are longer than %d bytes", d->name,
				   CPROM_MAX_LABEL_BYTES / 2);
	return 0;
}

int
cpromi_definition_check(const struct family_spec *spec, bool utf8)
{
	const struct common_options *o = &spec->common;

	if (spec->collect != NULL)
		return 0;
	if (check_texts(o, utf8) == -1 || check_labels(o, utf8) == -1 ||
	    check_added_label(spec) == -1)
		return -1;
	if (const_label_bytes(o) + label_name_bytes(o) > CPROM_MAX_LABEL_BYTES / 2)
		return cpromi_fail(EINVAL, "%s: the labels are longer than %d bytes", o->name,
				   CPROM_MAX_LABEL_BYTES / 2);
	if (spec->callback != NULL && o->labels.count > 0)
		return cpromi_fail(EINVAL, "%s: a callback gives one value, so it takes no labels",
				   o->name);
	return 0;
}

/* ---- copying --------------------------------------------------------------- */

/* Where the next string of a definition goes. */
struct writer {
	char *p;
};

static const char *
put(struct writer *w, const char *text, size_t n)
{
	char *at = w->p;

	memcpy(at, text, n);
	w->p += n;
	return at;
}

static const char *
put_string(struct writer *w, const char *text)
{
	return put(w, text, strlen(text) + 1);
}

/* With =" behind it. */
static void
put_label_name(struct writer *w, const char *name)
{
	w->p += cpromi_label_name_spell(name, strlen(name), w->p);
	put(w, "=\"", 2);
}

char *
cpromi_more_labels_put(char *p, cprom_strings more)
{
	struct writer w = {p};

	for (size_t i = 0; i + 1 < more.count; i += 2) {
		const char *value = more.items[i + 1];

		if (i > 0)
			put(&w, ",", 1);
		put_label_name(&w, more.items[i]);
		w.p += cpromi_escape(value, strlen(value), true, w.p);
		put(&w, "\"", 1);
	}
	return w.p;
}

static void
put_const_labels(struct writer *w, struct definition *d, const struct common_options *o)
{
	d->const_labels = w->p;
	w->p = cpromi_more_labels_put(w->p, o->const_labels);
	d->const_length = (uint32_t)(w->p - d->const_labels);
}

/* `const="x",first="`, `",second="`, … */
static void
put_leads(struct writer *w, struct definition *d, struct lead *leads)
{
	for (uint32_t i = 0; i < d->label_count; i++) {
		leads[i].bytes = w->p;
		if (i > 0)
			put(w, "\",", 2);
		else if (d->const_length > 0) {
			put(w, d->const_labels, d->const_length);
			put(w, ",", 1);
		}
		put_label_name(w, d->labels[i]);
		leads[i].length = (uint32_t)(w->p - leads[i].bytes);
		d->leads_length += leads[i].length;
	}
}

size_t
cpromi_states_bytes(const char *name, cprom_strings states)
{
	size_t n = states.count * (spelled_length(name) + strlen("=\"\""));

	for (size_t i = 0; i < states.count; i++)
		n += cpromi_escape(states.items[i], strlen(states.items[i]), true, NULL);
	return n;
}

char *
cpromi_states_put(char *p, const char *name, cprom_strings states, struct lead *leads)
{
	struct writer w = {p};

	for (size_t i = 0; i < states.count; i++) {
		leads[i].bytes = w.p;
		put_label_name(&w, name);
		w.p += cpromi_escape(states.items[i], strlen(states.items[i]), true, w.p);
		put(&w, "\"", 1);
		leads[i].length = (uint32_t)(w.p - leads[i].bytes);
	}
	return w.p;
}

static bool
labels_are_legal(const struct common_options *o)
{
	for (size_t i = 0; i < o->const_labels.count / 2 + o->labels.count; i++)
		if (!cpromi_name_is_legal(NAME_OF_LABEL, nth_label(o, i), strlen(nth_label(o, i))))
			return false;
	return true;
}

static size_t
string_bytes(const struct common_options *o)
{
	return strlen(o->name) + strlen(o->help) + (o->unit == NULL ? 0 : strlen(o->unit)) + 3 +
	       2 * const_label_bytes(o) + 2 * label_name_bytes(o) + 1;
}

struct definition *
cpromi_definition_make(struct region *r, const struct family_spec *spec)
{
	static const struct common_options collector = {.name = "", .help = ""};
	const struct common_options *o = spec->collect == NULL ? &spec->common : &collector;
	cprom_strings states = spec->shape.states;
	size_t arrays = o->labels.count * (sizeof(char *) + sizeof(struct lead)) +
			states.count * sizeof(struct lead);
	size_t bytes = sizeof(struct definition) + arrays + string_bytes(o) +
		       cpromi_states_bytes(o->name, states);
	struct definition *d = cpromi_region_alloc(r, bytes);
	struct lead *leads;
	const char **labels;
	struct writer w;

	if (d == NULL)
		return NULL;
	leads = (struct lead *)(d + 1);
	labels = (const char **)(leads + o->labels.count + states.count);
	w.p = (char *)(labels + o->labels.count);
	d->bytes = bytes;
	d->name = put_string(&w, o->name);
	d->name_length = (uint32_t)strlen(o->name);
	d->legal_name = cpromi_name_is_legal(NAME_OF_METRIC, o->name, d->name_length);
	d->legal_labels = labels_are_legal(o);
	d->help = put_string(&w, o->help);
	d->help_length = (uint32_t)strlen(o->help);
	d->unit = put_string(&w, o->unit == NULL ? "" : o->unit);
	d->label_count = (uint32_t)o->labels.count;
	d->labels = labels;
	d->leads = leads;
	for (size_t i = 0; i < o->labels.count; i++)
		labels[i] = put_string(&w, o->labels.items[i]);
	put_const_labels(&w, d, o);
	put_leads(&w, d, leads);
	d->states = leads + o->labels.count;
	w.p = cpromi_states_put(w.p, d->name, states, leads + o->labels.count);
	return d;
}

/* ---- comparing ------------------------------------------------------------- */

static bool
same_labels(const struct definition *d, cprom_strings labels)
{
	if (d->label_count != labels.count)
		return false;
	for (size_t i = 0; i < labels.count; i++)
		if (strcmp(d->labels[i], labels.items[i]) != 0)
			return false;
	return true;
}

static bool
same_const_labels(const struct definition *d, const struct common_options *o)
{
	const char *p = d->const_labels, *end = p + d->const_length;
	char name[2 * CPROM_MAX_NAME_BYTES + 2], escaped[CPROM_MAX_LABEL_BYTES];

	for (size_t i = 0; i + 1 < o->const_labels.count; i += 2) {
		const char *label = o->const_labels.items[i], *value = o->const_labels.items[i + 1];
		size_t name_length = cpromi_label_name_spell(label, strlen(label), name);
		size_t length = cpromi_escape(value, strlen(value), true, escaped);
		size_t comma = i > 0;

		if ((size_t)(end - p) < comma + name_length + length + 3 ||
		    memcmp(p + comma, name, name_length) != 0 ||
		    memcmp(p + comma + name_length, "=\"", 2) != 0 ||
		    memcmp(p + comma + name_length + 2, escaped, length) != 0)
			return false;
		p += comma + name_length + length + 3;
	}
	return p == end;
}

const char *
cpromi_definition_difference(const struct family *f, const struct family_spec *spec,
			     const struct shape *shape)
{
	const struct definition *d = f->def;
	const struct common_options *o = &spec->common;

	if (f->handle.type != spec->shape.type)
		return "the type";
	if (strcmp(d->help, o->help) != 0)
		return "the help text";
	if (strcmp(d->unit, o->unit == NULL ? "" : o->unit) != 0)
		return "the unit";
	if (!same_labels(d, o->labels))
		return "the labels";
	if (!same_const_labels(d, o))
		return "the constant labels";
	if (f->shape->mode != shape->mode)
		return "the multiprocess mode";
	if (f->shape != shape && cpromi_shape_differs_natively(f->shape, shape))
		return "the native options";
	if (f->shape != shape)
		return spec->shape.type == CPROM_TYPE_HISTOGRAM  ? "the buckets"
		       : spec->shape.type == CPROM_TYPE_STATESET ? "the states"
								 : "the quantiles";
	if (f->max_series != o->max_series)
		return "max_series";
	if (f->callback != spec->callback || f->arg != spec->arg)
		return "the callback";
	return NULL;
}
