/* SPDX-License-Identifier: MIT */
/*
 * sink: what a collector emits, checked and spelled into a spool.
 */
#include "sink.h"

#include "bounds.h"
#include "collision.h"
#include "definition.h"
#include "error.h"
#include "escape.h"
#include "label_text.h"
#include "openmetrics.h"
#include "protobuf.h"
#include "stateset.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SETS 64

static int
refuse(cprom_sink *out, enum self_count why)
{
	cpromi_registry_count(out->registry, why);
	return -1;
}

/* ---- families -------------------------------------------------------------- */

static bool
is_registered(cprom_registry *r, uint32_t type, const char *name)
{
	struct epoch_guard g;
	bool found;

	if (!cpromi_epoch_enter(&r->epoch, &g))
		return true;
	found = cpromi_family_colliding(r, type, name) != NULL;
	cpromi_epoch_leave(&g);
	return found;
}

static bool
is_emitted(const struct buffer *names, uint32_t type, const char *name)
{
	for (size_t i = 0; i < names->length; i += 1 + strlen(names->bytes + i + 1) + 1)
		if (cpromi_names_collide(type, name, (unsigned char)names->bytes[i],
					 names->bytes + i + 1))
			return true;
	return false;
}

static bool
is_clashing(const struct buffer *names, uint32_t type, const char *name)
{
	for (size_t i = 0; i < names->length; i += 1 + strlen(names->bytes + i + 1) + 1)
		if (cpromi_names_clash(type, name, (unsigned char)names->bytes[i],
				       names->bytes + i + 1))
			return true;
	return false;
}

static enum clash
clash_with_registered(cprom_registry *r, uint32_t type, const char *name)
{
	struct epoch_guard g;
	enum clash found;

	if (!cpromi_epoch_enter(&r->epoch, &g))
		return CLASH_NEW;
	found = cpromi_family_note_clash(r, type, name);
	cpromi_epoch_leave(&g);
	return found;
}

/*
 * A counter or an info gives way to the name that it clashes with (naming.c). Another type
 * cannot: it is refused if what it clashes with may be in the page by its short name.
 */
static bool
may_stand(cprom_sink *out, cprom_type type, const char *name)
{
	enum clash registered = clash_with_registered(out->registry, type, name);
	bool emitted = is_clashing(out->names, type, name);

	out->clashes = registered != CLASH_NONE || emitted;
	return out->format->kind != FORMAT_OPENMETRICS || type == CPROM_TYPE_COUNTER ||
	       type == CPROM_TYPE_INFO || !(emitted || registered == CLASH_NEW);
}

static struct family_view
view_of(const cprom_sink *out)
{
	struct family_view v = {
		.name = out->head.bytes,
		.name_length = strlen(out->head.bytes),
		.type = out->type,
		.clashes = out->clashes,
	};

	v.legal = cpromi_name_is_legal(NAME_OF_METRIC, v.name, v.name_length);
	v.help = v.name + v.name_length + 1;
	v.help_length = strlen(v.help);
	v.unit = v.help + v.help_length + 1;
	return v;
}

/* A large table is not cleared for each of many small families that follow. */
static void
forget_sets(cprom_sink *out)
{
	out->set_count = 0;
	if (out->set_capacity > 16 * FIRST_SETS) {
		free(out->sets);
		out->sets = NULL;
		out->set_capacity = 0;
	} else if (out->sets != NULL) {
		memset(out->sets, 0, out->set_capacity * sizeof(*out->sets));
	}
}

static bool
unit_valid(const cprom_family_options *o)
{
	return o->unit == NULL || *o->unit == '\0' ||
	       (o->type != CPROM_TYPE_INFO && o->type != CPROM_TYPE_STATESET &&
		cpromi_name_is_valid(NAME_OF_METRIC, false, o->unit));
}

static int
check_family(cprom_sink *out, const cprom_family_options *o)
{
	cprom_type type = o->type;
	const char *name = o->name, *help = o->help;

	if (type < CPROM_TYPE_COUNTER || type > CPROM_TYPE_GAUGE_HISTOGRAM)
		cpromi_fail(EINVAL, "%d is not a type", (int)type);
	else if (!cpromi_name_is_valid(NAME_OF_METRIC, out->registry->utf8_names, name))
		cpromi_fail(EINVAL, "\"%s\" is not a metric name", name == NULL ? "(null)" : name);
	else if (help == NULL || !cpromi_utf8_valid(help, strlen(help)))
		cpromi_fail(EINVAL, "%s: the help text is %s", name,
			    help == NULL ? "missing" : "not UTF-8");
	else if (!unit_valid(o))
		cpromi_fail(EINVAL, "%s: \"%s\" is not a unit of its type", name, o->unit);
	else if (type == CPROM_TYPE_STATESET && !cpromi_name_is_valid(NAME_OF_LABEL, false, name))
		cpromi_fail(EINVAL, "%s: a stateset is called as one of its labels is", name);
	else if (is_registered(out->registry, type, name) || is_emitted(out->names, type, name) ||
		 !may_stand(out, type, name)) {
		cpromi_fail(EEXIST, "%s is in the page already", name);
		return refuse(out, SELF_SAMPLES_DUPLICATE);
	} else
		return 0;
	return refuse(out, SELF_SAMPLES_INVALID);
}

/* In protobuf the head, which tells how long the family is, comes last. */
static void
end_family(cprom_sink *out)
{
	struct family_view v;

	if (out->open && out->format->kind == FORMAT_PROTOBUF &&
	    out->spool->length > out->family_start) {
		v = view_of(out);
		cpromi_protobuf_finish(out->spool, out->family_start, &out->naming, &v);
	}
	out->open = false;
}

static bool
add_string(struct buffer *b, const char *text)
{
	return cpromi_buffer_add(b, text, strlen(text) + 1);
}

static int
no_memory(const char *name)
{
	return cpromi_fail(ENOMEM, "%s: no memory for it in this scrape", name);
}

/* Settles how the family is called, and that no other one is called so. */
static int
set_naming(cprom_sink *out)
{
	struct family_view view = view_of(out);

	cpromi_naming_set(&out->naming, &view, out->format);
	out->left_out = !cpromi_selection_has(out->only, view.name);
	switch (out->escapes && !out->left_out ? cpromi_shown_note(out->shown, &out->naming)
					       : SHOWN_NEW) {
	case SHOWN_BEFORE:
		cpromi_fail(EEXIST, "%s is in the page already, by the name that it is escaped to",
			    view.name);
		return refuse(out, SELF_NAMES_COLLIDED);
	case SHOWN_NO_MEMORY:
		return no_memory(view.name);
	default:
		return 0;
	}
}

int
cprom_sink_begin(cprom_sink *out, const cprom_family_options *from)
{
	cprom_family_options o = {0};
	size_t names;
	char tag;

	if (out == NULL || from == NULL || from->size < offsetof(cprom_family_options, unit) ||
	    from->size > 4096)
		return cpromi_fail(EINVAL, "a family needs a sink and the size of its options");
	memcpy(&o, from, from->size < sizeof(o) ? from->size : sizeof(o));
	end_family(out);
	out->shown_head = false;
	out->type = o.type;
	out->head.length = 0;
	out->labels.length = 0;
	out->last_start = 0;
	forget_sets(out);
	if (check_family(out, &o) == -1)
		return -1;
	if (!add_string(&out->head, o.name) || !add_string(&out->head, o.help) ||
	    !add_string(&out->head, o.unit == NULL ? "" : o.unit))
		return no_memory(o.name);
	if (set_naming(out) == -1)
		return -1;
	tag = (char)o.type;
	names = out->names->length;
	out->open = cpromi_buffer_add(out->names, &tag, 1) && add_string(out->names, o.name);
	if (!out->open) {
		out->names->length = names; /* no tag without its name */
		return no_memory(o.name);
	}
	out->family_start = out->spool->length;
	return 0;
}

/* ---- labels ---------------------------------------------------------------- */

/* The label that tells the lines of one sample apart. */
static const char *
own_label(const cprom_sink *out)
{
	switch (out->type) {
	case CPROM_TYPE_HISTOGRAM:
	case CPROM_TYPE_GAUGE_HISTOGRAM:
		return "le";
	case CPROM_TYPE_SUMMARY:
		return "quantile";
	case CPROM_TYPE_STATESET:
		return out->head.bytes;
	default:
		return "__name__";
	}
}

static bool
label_valid(const cprom_sink *out, const char *name, const char *value)
{
	return cpromi_name_is_valid(NAME_OF_LABEL, out->registry->utf8_names, name) &&
	       strncmp(name, "__", 2) != 0 && strcmp(name, own_label(out)) != 0 && value != NULL &&
	       cpromi_utf8_valid(value, strlen(value));
}

static int
check_labels(const cprom_sink *out, cprom_strings labels)
{
	if (labels.items == NULL && labels.count > 0)
		return cpromi_fail(EINVAL, "%s: the labels are NULL", out->head.bytes);
	for (size_t i = 0; i + 1 < labels.count; i += 2) {
		if (!label_valid(out, labels.items[i], labels.items[i + 1]))
			return cpromi_fail(EINVAL, "%s: the label \"%s\" or its value is not valid",
					   out->head.bytes,
					   labels.items[i] == NULL ? "(null)" : labels.items[i]);
		for (size_t j = 0; j < i; j += 2)
			if (strcmp(labels.items[i], labels.items[j]) == 0)
				return cpromi_fail(EINVAL, "%s: the label \"%s\" is there twice",
						   out->head.bytes, labels.items[i]);
	}
	if (labels.count % 2 != 0)
		return cpromi_fail(EINVAL, "%s: a label has no value", out->head.bytes);
	return 0;
}

static char *
put_label_name(const cprom_sink *out, const char *name, size_t n, char *p)
{
	return p + (out->escapes
			    ? cpromi_name_escape(out->format->escaping, NAME_OF_LABEL, name, n, p)
			    : cpromi_label_name_spell(name, n, p));
}

/* Appends the text of the labels, and a NUL that keeps empty ones apart, to out->labels. */
static bool
spell_labels(cprom_sink *out, cprom_strings labels)
{
	struct buffer *b = &out->labels;

	for (size_t i = 0; i + 1 < labels.count; i += 2) {
		const char *name = labels.items[i], *value = labels.items[i + 1];
		size_t n = strlen(name), length = strlen(value);
		char *p = cpromi_buffer_room(b, NAME_ESCAPED_BOUND(n) + 2 * length + 4);

		if (p == NULL)
			return false;
		if (i > 0)
			*p++ = ',';
		p = put_label_name(out, name, n, p);
		*p++ = '=';
		*p++ = '"';
		p += cpromi_escape(value, length, true, p);
		*p++ = '"';
		b->length = (size_t)(p - b->bytes);
	}
	return cpromi_buffer_add(b, "", 1);
}

/*
 * Labels in another order are the same labels, and a label of no value is as none:
 * each that has a value is hashed by itself and the hashes are added.
 */
static uint32_t
hash_labels(const cprom_sink *out, const char *text, size_t n)
{
	const struct hash_key *key = &out->registry->key;
	const char *end = text + n;
	struct label_piece l;
	uint32_t sum = 0;

	while (text < end) {
		uint64_t h = hash_begin(key, 0);

		text = cpromi_label_next(text, end, &l);
		if (l.value_length == 0)
			continue;
		h = hash_add(key, h, l.name, l.name_length);
		h = hash_add(key, h, l.value, l.value_length);
		sum += hash_end(h);
	}
	return sum;
}

static bool
same_label(const struct label_piece *a, const struct label_piece *b)
{
	return a->name_length == b->name_length && a->value_length == b->value_length &&
	       memcmp(a->name, b->name, a->name_length) == 0 &&
	       memcmp(a->value, b->value, a->value_length) == 0;
}

static bool
contains_label(const char *text, const struct label_piece *label)
{
	const char *end = text + strlen(text);
	struct label_piece l;

	while (text < end) {
		text = cpromi_label_next(text, end, &l);
		if (same_label(&l, label))
			return true;
	}
	return false;
}

/* Does the text contain each label of the other one that has a value? */
static bool
contains_labels(const char *text, const char *others)
{
	const char *end = others + strlen(others);
	struct label_piece l;

	while (others < end) {
		others = cpromi_label_next(others, end, &l);
		if (l.value_length > 0 && !contains_label(text, &l))
			return false;
	}
	return true;
}

static bool
same_labels(const char *a, const char *b)
{
	return contains_labels(a, b) && contains_labels(b, a);
}

static struct label_set *
find_set(cprom_sink *out, uint32_t hash, const char *text)
{
	for (size_t i = hash;; i++) {
		struct label_set *set = &out->sets[i & (out->set_capacity - 1)];

		if (set->start == 0 || (text != NULL && set->hash == hash &&
					same_labels(text, out->labels.bytes + set->start - 1)))
			return set;
	}
}

static bool
grow_sets(cprom_sink *out)
{
	size_t capacity = out->set_capacity == 0 ? FIRST_SETS : 2 * out->set_capacity;
	struct label_set *old = out->sets, *sets;
	size_t old_capacity = out->set_capacity;

	if (2 * out->set_count < out->set_capacity)
		return true;
	sets = calloc(capacity, sizeof(*sets));
	if (sets == NULL)
		return false;
	out->sets = sets;
	out->set_capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i].start != 0)
			*find_set(out, old[i].hash, NULL) = old[i];
	free(old);
	return true;
}

/* Takes what was spelled last off again; NULL. */
static const char *
take_back(cprom_sink *out, size_t start)
{
	out->labels.length = start;
	return NULL;
}

/* Readers of OpenMetrics take all samples of an info for one group: all have a time, or none has. */
static bool
shows_time(const cprom_sink *out)
{
	return out->naming.type != CPROM_TYPE_INFO;
}

/*
 * Is a sample of these labels what the last one became later? OpenMetrics alone has several
 * samples of one series: right behind each other, of ascending times.
 */
static bool
goes_on(const cprom_sink *out, const struct label_set *set, int64_t timestamp_ms)
{
	return out->format->kind == FORMAT_OPENMETRICS && shows_time(out) &&
	       set->start == out->last_start && out->last_ms > 0 && timestamp_ms > out->last_ms;
}

/* Spells a sample's labels and enters them; their text, or NULL if they cannot be in the page. */
static const char *
enter_labels(cprom_sink *out, const cprom_sample *s, size_t *length)
{
	size_t start = out->labels.length;
	struct label_set *set;
	const char *text;
	uint32_t hash;

	if (!grow_sets(out) || !spell_labels(out, s->labels)) {
		out->failed = true; /* nobody would see what is missing from the page */
		cpromi_fail(ENOMEM, "%s: no memory for a sample in this scrape", out->head.bytes);
		return take_back(out, start);
	}
	text = out->labels.bytes + start;
	*length = out->labels.length - start - 1;
	if (out->escapes && !cpromi_labels_are_distinct(text, *length)) {
		refuse(out, SELF_NAMES_COLLIDED);
		cpromi_fail(EEXIST, "%s: two labels have one name when they are escaped",
			    out->head.bytes);
		return take_back(out, start);
	}
	hash = hash_labels(out, text, *length);
	set = find_set(out, hash, text);
	if (set->start != 0 && goes_on(out, set, s->timestamp_ms)) {
		take_back(out, start);
		text = out->labels.bytes + set->start - 1;
		*length = strlen(text);
	} else if (set->start != 0) {
		refuse(out, SELF_SAMPLES_DUPLICATE);
		cpromi_fail(EEXIST, "%s: a sample of these labels is in the page already",
			    out->head.bytes);
		return take_back(out, start);
	} else {
		*set = (struct label_set){hash, start + 1};
		out->set_count++;
	}
	out->last_start = set->start;
	out->last_ms = s->timestamp_ms;
	return text;
}

/* ---- samples --------------------------------------------------------------- */

static void
show_head(cprom_sink *out)
{
	struct family_view v = view_of(out);
	char *p;

	if (out->shown_head)
		return;
	p = cpromi_buffer_room(out->spool, cpromi_text_head_bound(&out->naming, &v));
	if (p != NULL)
		out->spool->length = (size_t)(cpromi_openmetrics_or_text_head(p, &out->naming, &v) -
					      out->spool->bytes);
	out->shown_head = true;
}

static size_t
sample_count(const cprom_sink *out, const cprom_sample *s)
{
	switch (out->type) {
	case CPROM_TYPE_HISTOGRAM:
	case CPROM_TYPE_GAUGE_HISTOGRAM:
		return s->bounds.count + 3; /* +Inf, sum, count */
	case CPROM_TYPE_SUMMARY:
		return s->quantiles.count + 2;
	case CPROM_TYPE_STATESET:
		return s->states.count;
	default:
		return 1;
	}
}

/* The values in the order of lines; the total of counts. */
static void
copy_values(const cprom_sink *out, const cprom_sample *s, size_t count, double *values)
{
	uint64_t total = 0;

	if (count == 1) {
		values[0] = out->type == CPROM_TYPE_INFO ? 1 : s->value;
		return;
	}
	for (size_t i = 0; i < count - 2; i++) {
		if (out->type == CPROM_TYPE_SUMMARY) {
			values[i] = s->values[i];
		} else {
			total += s->counts[i];
			values[i] = (double)total;
		}
	}
	values[count - 2] = s->sum;
	values[count - 1] = (double)(out->type == CPROM_TYPE_SUMMARY ? s->count : total);
}

static void
spell_bounds(const cprom_sink *out, const struct samples *r, size_t count, struct bound_text *texts)
{
	for (size_t i = 0; i < r->told_apart; i++)
		cpromi_bound_spell(&texts[i], out->type, i < count ? r->bounds[i] : __builtin_inf(),
				   out->naming.openmetrics);
}

/* As read_sample(). */
static bool
read_states(cprom_sink *out, const cprom_sample *s, struct samples *r)
{
	size_t count = s->states.count;
	struct lead *leads;
	double *values;

	out->scratch.length = 0;
	values = (double *)cpromi_buffer_room(
		&out->scratch, count * (sizeof(double) + sizeof(struct lead)) +
				       cpromi_states_bytes(out->head.bytes, s->states));
	if (values == NULL)
		return false;
	leads = (struct lead *)(values + count);
	cpromi_states_put((char *)(leads + count), out->head.bytes, s->states, leads);
	for (size_t i = 0; i < count; i++)
		values[i] = (double)(s->on >> i & 1);
	*r = (struct samples){
		.type = out->type,
		.count = count,
		.told_apart = count,
		.values = values,
		.states = leads,
		.timestamp_ms = s->timestamp_ms,
	};
	return true;
}

/* In the scratch memory of the sink; false without memory. */
static bool
read_sample(cprom_sink *out, const cprom_sample *s, struct samples *r)
{
	size_t count = sample_count(out, s);
	cprom_doubles bounds = out->type == CPROM_TYPE_SUMMARY ? s->quantiles : s->bounds;
	double *values;

	if (out->type == CPROM_TYPE_STATESET)
		return read_states(out, s, r);
	out->scratch.length = 0;
	values = (double *)cpromi_buffer_room(&out->scratch,
					      count * (sizeof(double) + sizeof(struct bound_text)));
	if (values == NULL)
		return false;
	*r = (struct samples){
		.type = out->type,
		.count = count,
		.told_apart = count == 1 ? 0 : count - 2,
		.values = values,
		.bounds = bounds.items,
		.extras = (struct bound_text *)(values + count),
		.timestamp_ms = shows_time(out) ? s->timestamp_ms : 0,
		.created_ms = s->created_ms,
	};
	copy_values(out, s, count, values);
	spell_bounds(out, r, bounds.count, (struct bound_text *)(values + count));
	return true;
}

static void
show_metrics(cprom_sink *out, const struct samples *r)
{
	struct buffer *b = out->spool;
	size_t size;
	char *p = cpromi_protobuf_spell(b, &out->naming, r, &size);

	if (p == NULL)
		return;
	memmove(b->bytes + b->length, p, size);
	b->length += size;
}

static void
show_sample(cprom_sink *out, struct samples *r)
{
	struct text_line l;
	char *p;

	if (out->format->kind == FORMAT_PROTOBUF) {
		show_metrics(out, r);
		return;
	}
	show_head(out);
	if (out->naming.openmetrics)
		cpromi_openmetrics_trim(r);
	cpromi_text_begin(&l, &out->naming, r);
	p = cpromi_buffer_room(out->spool, cpromi_text_samples_bound(&l, r));
	if (p != NULL)
		out->spool->length = (size_t)(cpromi_text_samples(p, &l, &out->naming, r) -
					      out->spool->bytes);
}

/* Takes s->bounds by copy: a last +Inf is taken off. */
static int
check_sample(const cprom_sink *out, cprom_sample *s)
{
	const char *name = out->head.bytes;

	if (s->timestamp_ms < 0 || s->created_ms < 0)
		return cpromi_fail(EINVAL, "%s: a time before 1970 cannot be written", name);
	if (out->type == CPROM_TYPE_COUNTER && !(s->value >= 0))
		return cpromi_fail(EINVAL, "%s: a counter is not below 0, nor NaN", name);
	if (out->type == CPROM_TYPE_STATESET && cpromi_states_check(name, s->states) == -1)
		return -1;
	if (out->type == CPROM_TYPE_STATESET && s->states.count < 64 && s->on >> s->states.count)
		return cpromi_fail(EINVAL, "%s: a state is on that is not there", name);
	if (out->type == CPROM_TYPE_HISTOGRAM || out->type == CPROM_TYPE_GAUGE_HISTOGRAM) {
		if (s->counts == NULL)
			return cpromi_fail(EINVAL, "%s: the histogram has no counts", name);
		if (s->bounds.count > 0 && cpromi_bounds_check(name, &s->bounds) == -1)
			return -1;
	}
	if (out->type == CPROM_TYPE_SUMMARY && s->quantiles.count > 0) {
		if (s->quantiles.items == NULL || s->values == NULL)
			return cpromi_fail(EINVAL, "%s: the summary has no values", name);
		return cpromi_quantiles_check(name, &s->quantiles);
	}
	return 0;
}

int
cprom_sink_add(cprom_sink *out, const cprom_sample *from)
{
	struct samples r;
	cprom_sample s = {0};
	const char *labels;
	size_t length;

	if (out == NULL || from == NULL || from->size < offsetof(cprom_sample, labels) ||
	    from->size > 4096)
		return cpromi_fail(EINVAL, "a sample needs a sink and its size");
	if (!out->open) {
		cpromi_fail(EINVAL, "there is no valid family for the sample");
		return refuse(out, SELF_SAMPLES_INVALID);
	}
	memcpy(&s, from, from->size < sizeof(s) ? from->size : sizeof(s));
	if (check_sample(out, &s) == -1 || check_labels(out, s.labels) == -1)
		return refuse(out, SELF_SAMPLES_INVALID);
	labels = enter_labels(out, &s, &length);
	if (labels == NULL)
		return -1;
	if (!out->left_out && read_sample(out, &s, &r)) {
		r.labels = labels;
		r.labels_length = length;
		show_sample(out, &r);
	}
	return out->spool->failed || out->scratch.failed ? no_memory(out->head.bytes) : 0;
}

void
cprom_sink_fail(cprom_sink *out, const char *why)
{
	if (out == NULL)
		return;
	cpromi_fail(EIO, "a collector failed: %s", why == NULL ? "it does not say why" : why);
	out->failed = true;
}

/* ---- running --------------------------------------------------------------- */

void
cpromi_sink_run(cprom_registry *r, const struct format *format, const struct selection *only,
		struct family *f, struct buffer *spool, struct buffer *names, struct buffer *shown)
{
	cprom_sink out = {.registry = r,
			  .format = format,
			  .only = only,
			  .spool = spool,
			  .names = names,
			  .shown = shown,
			  .escapes = cpromi_escapes_names(r, format),
			  .spool_start = spool->length,
			  .names_start = names->length,
			  .shown_start = shown->length};

	f->collect(&out, f->arg);
	end_family(&out);
	if (out.failed || spool->failed || names->failed || shown->failed || out.head.failed ||
	    out.labels.failed || out.scratch.failed) {
		cpromi_registry_count(r, SELF_COLLECTORS_FAILED);
		spool->length = out.spool_start;
		names->length = out.names_start;
		shown->length = out.shown_start;
		spool->failed = names->failed = shown->failed = false;
	}
	cpromi_buffer_free(&out.head);
	cpromi_buffer_free(&out.labels);
	cpromi_buffer_free(&out.scratch);
	free(out.sets);
}
