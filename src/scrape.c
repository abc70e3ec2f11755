/* SPDX-License-Identifier: MIT */
/*
 * scrape: one pass over a registry, pulled by the caller, resumable anywhere.
 *
 * The unit is a series with all its lines (and its family's head, before the
 * first one): values are read and spelled at once, into the caller's buffer if they
 * surely fit, else into a stage from which reads are served. Between reads the
 * cursor is a family's ticket and a place in its index, numbers that stay valid
 * whatever is created or removed meanwhile.
 *
 * What is in the page: every series that was there when the scrape was opened and
 * still is when the scrape comes by, once (labels.c), in order of creation.
 *
 * Callbacks and collectors run outside of the epoch: they may take their time, and
 * call anything.
 *
 * In protobuf a family is a message whose length comes first, and which may not fit in memory.
 * So its Metrics are held while they are few; when they become more than MESSAGE_HELD bytes,
 * they are only measured, to the last series; then the length is shown, a promise, and the series
 * are read and written a second time. Nobody waits meanwhile, so they may change:
 *
 *  B1  Between the two no series appears: what was born since the scrape was opened is not due.
 *      One that was removed leaves bytes of the promise, which are filled with a field that
 *      readers skip (cpromi_protobuf_fill()).
 *  B2  Counters and gauges keep their size, so the promise is exact. Counts are varints, which
 *      grow; exemplars and native buckets appear; a process sets its part of a gauge for the
 *      first time. Such a family is promised a 32nd more than it measured. A count takes one
 *      byte more when it is 128 times as large.
 *  B3  If that is not enough, the message is filled up and closed. The series that did not fit
 *      is a message of its own, of the same name, whose size is known when it is written; those
 *      behind it are measured anew. So each time one series more is done, whatever happens.
 *      Servers take a family in pieces. Only a Pushgateway would keep the last one alone.
 *  B4  One byte cannot be filled: a Metric that would leave one goes the way of B3.
 *  B5  A native histogram may be reset when it is read, and then has to be shown. So the first
 *      time it is only looked at; if its family is small, it is held the second time, however
 *      much it grows meanwhile.
 */
#include "definition.h"
#include "error.h"
#include "label_text.h"
#include "negotiate.h"
#include "openmetrics.h"
#include "protobuf.h"
#include "selection.h"
#include "sink.h"

#include <errno.h>
#include <stdlib.h>

#define MESSAGE_HELD 16384
#define MESSAGE_FILLED 512   /* at once */
#define SERIES_MEASURED 256  /* in one epoch */
#define ONE_BYTE_LENGTHS 128 /* in all of a Metric that is shorter */

/* The MetricFamily at hand: see B1. */
struct message {
	enum {
		MESSAGE_NONE, /* what is shown is a message by itself */
		MESSAGE_MEASURED,
		MESSAGE_WRITTEN
	} phase;
	uint32_t start; /* place of its first series */
	uint64_t size;  /* measured */
	uint64_t
		left; /* promised, not written yet: to be filled when it is not being written any more */
	bool grows;         /* its series may: B2 */
	size_t beside_text; /* what a Metric of one value takes more than its text; 0: not known */
	bool native;
	bool again;            /* what is measured will be shown: B5 */
	struct buffer held;    /* its Metrics, up to MESSAGE_HELD */
	struct buffer metrics; /* of one series, while it is shown */
};

struct cprom_scrape {
	cprom_registry *registry;
	struct format format;
	bool escapes;         /* names have to be escaped, and may collide then */
	bool respells;        /* so do the label names of the family at hand */
	struct naming naming; /* of the family at hand, unless it is a collector */
	struct message message;
	uint64_t birth_limit;  /* what was born later is left out */
	struct family *family; /* the one at hand, or the last one; a hint between reads */
	uint64_t ticket;       /* its position */
	struct seat *seat;     /* in a read: the thread's */
	uint32_t place;        /* the next series' */
	bool in_family;        /* its series are being read */
	bool head_shown;
	bool at_end;
	bool failed;           /* without memory, for good: what was lost left a hole in the page */
	bool created;          /* constant: a series may have more than its values to show */
	struct buffer pending; /* spelled, not read yet: a stage or a collector's spool */
	size_t pending_read;
	uint64_t last_collector; /* no collector behind this ticket */
	struct buffer
		names; /* type and name of the families shown, as far as a collector follows */
	struct buffer values;  /* SAMPLE_BYTES for each line of a series */
	struct buffer labels;  /* of a series, respelled: a struct text */
	struct buffer shown;   /* see shown.h */
	struct selection only; /* whose names stand behind this struct */
};

/* What one step did. */
enum step {
	STEP_WENT_ON,
	STEP_PAUSE,     /* the epoch is to be left for a moment */
	STEP_USER_CODE, /* the family at hand has a callback to be run, outside of the epoch */
	STEP_END,
	STEP_NO_MEMORY
};

/* Where lines go. */
struct target {
	char *p;
	char *end;
};

/* ---- lines ----------------------------------------------------------------- */

/*
 * A place for n bytes: the caller's buffer if they fit and nothing waits to be read before
 * them, else the stage; NULL without memory.
 */
static char *
place_for(cprom_scrape *s, struct target *t, size_t n)
{
	if ((size_t)(t->end - t->p) >= n && s->pending.length == 0)
		return t->p;
	return cpromi_buffer_room(&s->pending, n);
}

static void
advance_to(cprom_scrape *s, struct target *t, const char *begin, char *end)
{
	if (begin == t->p)
		t->p = end;
	else
		s->pending.length += (size_t)(end - begin);
}

/*
 * Notes the family as shown: if it is removed before a collector comes by that
 * emits one of the same name, nothing else would tell that it is in this page.
 */
static bool
note_family(cprom_scrape *s, const struct family *f)
{
	char tag = (char)f->handle.type;

	return s->ticket >= s->last_collector ||
	       (cpromi_buffer_add(&s->names, &tag, 1) &&
		cpromi_buffer_add(&s->names, f->def->name, f->def->name_length + 1));
}

/* The labels of a series as the reader knows them; NULL without memory. */
static NOINLINE const struct text *
respell(cprom_scrape *s, const struct text *t)
{
	struct text *to;

	s->labels.length = 0;
	to = (struct text *)cpromi_buffer_room(&s->labels,
					       sizeof(*t) + LABELS_RESPELLED_BOUND(t->length));
	if (to == NULL)
		return NULL;
	to->length = (uint32_t)cpromi_labels_respell(s->format.escaping, t->bytes, t->length,
						     to->bytes);
	to->escaped = t->escaped;
	return to;
}

static inline const struct text *
labels_of(cprom_scrape *s, const struct series *series)
{
	return UNLIKELY(s->respells) ? respell(s, series->text) : series->text;
}

static bool
show_head(cprom_scrape *s, struct target *t)
{
	struct family_view v = cpromi_family_view(s->family);
	char *p = place_for(s, t, cpromi_text_head_bound(&s->naming, &v));

	if (p == NULL || !note_family(s, s->family))
		return false;
	advance_to(s, t, p, cpromi_openmetrics_or_text_head(p, &s->naming, &v));
	s->head_shown = true;
	return true;
}

/* ---- messages --------------------------------------------------------------- */

/* What fills up the one before, if it has to be; then the head of a message, and Metrics. */
static enum step
show_message(cprom_scrape *s, struct target *t, uint64_t body, const char *metrics, size_t size)
{
	struct family_view v = cpromi_family_view(s->family);
	size_t fill = (size_t)s->message.left;
	char *begin = place_for(s, t, fill + cpromi_protobuf_head_bound(&s->naming, &v) + size), *p;

	if (begin == NULL || (!s->head_shown && !note_family(s, s->family)))
		return STEP_NO_MEMORY;
	p = cpromi_protobuf_fill(begin, fill);
	p = cpromi_protobuf_head(p, &s->naming, &v, body);
	if (size > 0)
		memcpy(p, metrics, size);
	advance_to(s, t, begin, p + size);
	s->message.left = 0;
	s->head_shown = true;
	return STEP_WENT_ON;
}

static void
end_family(cprom_scrape *s)
{
	s->in_family = false;
	s->message.phase = MESSAGE_NONE;
}

/* Will what is read now be in the page? */
static bool
is_shown(const cprom_scrape *s)
{
	return s->message.phase != MESSAGE_MEASURED || s->message.again;
}

/* One for the series from the place at hand on. */
static void
measure_message(cprom_scrape *s)
{
	struct message *m = &s->message;

	m->phase = MESSAGE_MEASURED;
	m->start = s->place;
	m->size = 0;
	m->grows = m->native = m->again = false;
	m->beside_text = 0;
	m->held.length = 0;
}

static enum step
end_measuring(cprom_scrape *s, struct target *t)
{
	struct message *m = &s->message;
	uint64_t promise = m->size + (m->grows ? m->size / 32 : 0);
	enum step done;

	if (m->native && !m->again && m->size <= MESSAGE_HELD) {
		s->place = m->start;
		measure_message(s);
		m->again = true;
		return STEP_WENT_ON;
	}
	if (m->size <= MESSAGE_HELD || m->again) {
		end_family(s);
		return m->size == 0 ? STEP_WENT_ON
				    : show_message(s, t, m->size, m->held.bytes, (size_t)m->size);
	}
	done = show_message(s, t, promise, NULL, 0);
	m->phase = MESSAGE_WRITTEN;
	m->left = promise;
	s->place = m->start;
	return done;
}

/* Of what was promised, and is not needed. */
static enum step
fill_message(cprom_scrape *s, struct target *t)
{
	uint64_t left = s->message.left;
	size_t n = left <= MESSAGE_FILLED       ? (size_t)left
		   : left == MESSAGE_FILLED + 1 ? MESSAGE_FILLED - 1
						: MESSAGE_FILLED;
	char *p = place_for(s, t, n);

	if (p == NULL)
		return STEP_NO_MEMORY;
	advance_to(s, t, p, cpromi_protobuf_fill(p, n));
	s->message.left -= n;
	return STEP_WENT_ON;
}

static enum step
add_to_measured(struct message *m, const char *metrics, size_t size)
{
	m->size += size;
	return (m->size > MESSAGE_HELD && !m->again) || cpromi_buffer_add(&m->held, metrics, size)
		       ? STEP_WENT_ON
		       : STEP_NO_MEMORY;
}

static enum step
add_to_written(cprom_scrape *s, struct target *t, const char *metrics, size_t size)
{
	char *p = place_for(s, t, size);

	if (p == NULL)
		return STEP_NO_MEMORY;
	memcpy(p, metrics, size);
	advance_to(s, t, p, p + size);
	s->message.left -= size;
	return STEP_WENT_ON;
}

/* By themselves; in the middle of a message, that ends here. */
static enum step
show_apart(cprom_scrape *s, struct target *t, const char *metrics, size_t size)
{
	bool amid = s->message.phase == MESSAGE_WRITTEN;
	enum step done;

	done = show_message(s, t, size, metrics, size);
	if (amid)
		measure_message(s);
	return done == STEP_WENT_ON && amid ? STEP_PAUSE : done;
}

/* The Metrics of a series as it was read. */
static NOINLINE enum step
show_metrics(cprom_scrape *s, struct target *t, const struct samples *r)
{
	struct message *m = &s->message;
	size_t size;
	char *p;

	m->metrics.length = 0;
	p = cpromi_protobuf_spell(&m->metrics, &s->naming, r, &size);
	if (p == NULL)
		return STEP_NO_MEMORY;
	if (m->phase == MESSAGE_MEASURED)
		return add_to_measured(m, p, size);
	if (m->phase == MESSAGE_WRITTEN && (size == m->left || size + 2 <= m->left)) /* B4 */
		return add_to_written(s, t, p, size);
	return show_apart(s, t, p, size);
}

/*
 * The size of a series of one value, without writing it: as long as each length in it is one
 * byte, and nothing is escaped, it differs from others of the family by the length of its text.
 */
static inline bool
is_measured_by_text(struct message *m, const struct text *text)
{
	size_t size = m->beside_text + text->length;

	if (m->phase != MESSAGE_MEASURED || m->size <= MESSAGE_HELD || m->beside_text == 0 ||
	    text->escaped || size >= ONE_BYTE_LENGTHS)
		return false;
	m->size += size;
	return true;
}

static enum step
show_metric_of_value(cprom_scrape *s, struct target *t, const struct series *series,
		     const struct text *labels, double value)
{
	const struct samples r = {
		.type = series->handle.type,
		.count = 1,
		.values = &value,
		.labels = labels->bytes,
		.labels_length = labels->length,
	};

	struct message *m = &s->message;
	uint64_t before = m->size;
	enum step done = show_metrics(s, t, &r);

	if (m->phase == MESSAGE_MEASURED && !series->text->escaped &&
	    m->size - before < ONE_BYTE_LENGTHS)
		m->beside_text = (size_t)(m->size - before) - series->text->length;
	return done;
}

/* ---- series ----------------------------------------------------------------- */

static inline bool
show_first_head(cprom_scrape *s, struct target *t)
{
	return LIKELY(s->head_shown) || show_head(s, t);
}

/* A series that has one sample. */
static enum step
show_value(cprom_scrape *s, struct target *t, const struct series *series, double value)
{
	const struct text *labels = labels_of(s, series);
	char *p;

	if (UNLIKELY(labels == NULL))
		return STEP_NO_MEMORY;
	if (s->format.kind == FORMAT_PROTOBUF)
		return show_metric_of_value(s, t, series, labels, value);
	if (!show_first_head(s, t))
		return STEP_NO_MEMORY;
	p = place_for(s, t, cpromi_text_value_bound(&s->naming, labels));
	if (UNLIKELY(p == NULL))
		return STEP_NO_MEMORY;
	advance_to(s, t, p, cpromi_text_value(p, &s->naming, labels, value));
	return STEP_WENT_ON;
}

/* The lines of a series as it was read. */
static enum step
show_samples(cprom_scrape *s, struct target *t, struct samples *r)
{
	struct text_line l;
	char *p;

	if (r->count == 0)
		return STEP_WENT_ON;
	if (s->format.kind == FORMAT_PROTOBUF) {
		s->message.grows |= r->count > 1 || r->states != NULL || r->exemplars != NULL;
		s->message.native |= r->native != NULL;
		return show_metrics(s, t, r);
	}
	if (!show_first_head(s, t))
		return STEP_NO_MEMORY;
	if (s->naming.openmetrics)
		cpromi_openmetrics_trim(r);
	cpromi_text_begin(&l, &s->naming, r);
	p = place_for(s, t, cpromi_text_samples_bound(&l, r));
	if (UNLIKELY(p == NULL))
		return STEP_NO_MEMORY;
	advance_to(s, t, p, cpromi_text_samples(p, &l, &s->naming, r));
	return STEP_WENT_ON;
}

/* Was a label escaped to one that the state of a stateset has, or what an info says? */
static COLD bool
collides_with_extra(const struct samples *r)
{
	const char *p = r->states[0].bytes, *end = p + r->states[0].length;
	struct label_piece l;

	while (p < end) {
		p = cpromi_label_next(p, end, &l);
		if (cpromi_labels_have(r->labels, r->labels_length, l.name, l.name_length))
			return true;
	}
	return false;
}

static NOINLINE enum step
show_all_samples(cprom_scrape *s, struct target *t, const struct series *series)
{
	const struct handle *h = &series->handle;
	bool native = s->format.kind == FORMAT_PROTOBUF && cpromi_native_is(h);
	size_t count = cpromi_samples_count(h);
	size_t native_bytes = native ? cpromi_native_bytes(h->chunk->shape) : 0;
	struct native_view view;
	const struct text *labels = labels_of(s, series);
	struct samples r;
	char *memory;

	s->values.length = 0;
	memory = cpromi_buffer_room(&s->values, count * SAMPLE_BYTES + native_bytes);
	if (UNLIKELY(memory == NULL || labels == NULL))
		return STEP_NO_MEMORY;
	if (native)
		cpromi_samples_read_native(&r, &view, series, is_shown(s), memory, count);
	else
		cpromi_samples_read(&r, series, s->format.kind == FORMAT_OPENMETRICS, memory,
				    count);
	r.labels = labels->bytes;
	r.labels_length = labels->length;
	if (UNLIKELY(s->respells) && r.states != NULL && collides_with_extra(&r)) {
		cpromi_registry_count(s->registry, SELF_NAMES_COLLIDED);
		return STEP_WENT_ON;
	}
	return show_samples(s, t, &r);
}

static enum step
show_series(cprom_scrape *s, struct target *t, const struct series *series)
{
	const struct handle *h = &series->handle;

	if (cpromi_samples_is_value(h) && LIKELY(!s->created) &&
	    !(s->format.kind != FORMAT_TEXT && cpromi_exemplar_any(series)))
		return is_measured_by_text(&s->message, series->text)
			       ? STEP_WENT_ON
			       : show_value(s, t, series, cpromi_samples_value(h));
	return show_all_samples(s, t, series);
}

/* ---- walking --------------------------------------------------------------- */

/* Do the labels of the family have names of their own still, when they are escaped? */
static enum shown
note_labels(cprom_scrape *s, const struct family *f)
{
	const struct series *any = f->only != NULL ? f->only : f->overflow;
	const struct text *labels = labels_of(s, any);

	if (labels == NULL)
		return SHOWN_NO_MEMORY;
	return cpromi_labels_are_distinct(labels->bytes, labels->length) ? SHOWN_NEW : SHOWN_BEFORE;
}

/* May the family be in the page, beside those that are? Collectors settle that for themselves. */
static COLD enum shown
note_escaped(cprom_scrape *s, const struct family *f)
{
	enum shown shown = note_labels(s, f);

	if (shown == SHOWN_NEW)
		shown = cpromi_shown_note(&s->shown, &s->naming);
	if (shown == SHOWN_BEFORE)
		cpromi_registry_count(s->registry, SELF_NAMES_COLLIDED);
	return shown;
}

static void
name_family(cprom_scrape *s)
{
	struct family_view v = cpromi_family_view(s->family);

	cpromi_naming_set(&s->naming, &v, &s->format);
}

static enum step
next_family(cprom_scrape *s)
{
	struct family *f = cpromi_family_after(s->registry, s->family, s->ticket, s->birth_limit);
	enum shown shown;

	if (f == NULL)
		return STEP_END;
	s->family = f;
	s->ticket = load_relaxed(&f->ticket);
	s->place = 0;
	s->head_shown = false;
	s->respells = s->escapes && !f->def->legal_labels;
	if (f->collect == NULL) {
		if (!cpromi_selection_has(&s->only, f->def->name))
			return STEP_WENT_ON;
		name_family(s);
		shown = UNLIKELY(s->escapes) ? note_escaped(s, f) : SHOWN_NEW;
		if (shown != SHOWN_NEW)
			return shown == SHOWN_BEFORE ? STEP_WENT_ON : STEP_NO_MEMORY;
	}
	if (f->collect != NULL || f->callback != NULL)
		return cpromi_family_is_callable(f) && cpromi_family_use(f, s->seat)
			       ? STEP_USER_CODE
			       : STEP_WENT_ON;
	s->in_family = true;
	if (s->format.kind == FORMAT_PROTOBUF && f->only == NULL)
		measure_message(s);
	return STEP_WENT_ON;
}

/* Is the family at hand still the one whose series were being read? */
static bool
family_stays(cprom_scrape *s)
{
	uintptr_t next;

	return cpromi_family_stays(s->family, s->ticket, &next);
}

/* Is there room, and nothing that has to be read first? */
static bool
may_go_on(const cprom_scrape *s, const struct target *t)
{
	return t->p < t->end && s->pending.length == 0;
}

/* The series that are due of a row of the index, while there is room. */
static enum step
show_row(cprom_scrape *s, struct target *t, struct index_row row)
{
	bool measured = s->message.phase == MESSAGE_MEASURED;

	if (measured && row.count > SERIES_MEASURED)
		row.count = SERIES_MEASURED;
	for (uint32_t i = 0; i < row.count; i++) {
		const struct series *series = cpromi_index_item(&row.words[i]);
		enum step done;

		s->place++;
		if (series == NULL ||
		    !cpromi_series_is_due(s->family, series, s->place - 1, s->birth_limit))
			continue;
		done = show_series(s, t, series);
		if (done != STEP_WENT_ON || !may_go_on(s, t))
			return done;
	}
	return measured ? STEP_PAUSE : STEP_WENT_ON;
}

/* The next row of the family at hand. */
static enum step
step(cprom_scrape *s, struct target *t)
{
	struct family *f = s->family;

	if (s->message.left > 0 && s->message.phase != MESSAGE_WRITTEN)
		return fill_message(s, t);
	if (!s->in_family)
		return next_family(s);
	if (f->only != NULL) {
		s->in_family = false;
		return show_series(s, t, f->only);
	}
	if (s->place < cpromi_index_end(&f->index))
		return show_row(s, t, cpromi_index_row(&f->index, s->place));
	if (s->message.phase == MESSAGE_MEASURED)
		return end_measuring(s, t);
	end_family(s);
	return STEP_WENT_ON;
}

/* Runs the callback or collector of the family at hand, which is in use: its memory stays. */
static enum step
run_user_code(cprom_scrape *s, struct target *t)
{
	struct family *f = s->family;
	enum step done = STEP_WENT_ON;

	if (f->collect != NULL) {
		cpromi_sink_run(s->registry, &s->format, &s->only, f, &s->pending, &s->names,
				&s->shown);
	} else {
		double value = f->callback(f->arg);

		if (f->handle.type == CPROM_TYPE_COUNTER && !(value >= 0))
			cpromi_registry_count(s->registry, SELF_SAMPLES_INVALID);
		else
			done = show_value(s, t, f->only, value);
	}
	cpromi_family_unuse(f, s->seat);
	return done;
}

/* ---- reading --------------------------------------------------------------- */

static void
take_pending(cprom_scrape *s, struct target *t)
{
	size_t left = s->pending.length - s->pending_read, room = (size_t)(t->end - t->p);
	size_t n = left < room ? left : room;

	if (n == 0)
		return;
	memcpy(t->p, s->pending.bytes + s->pending_read, n);
	t->p += n;
	s->pending_read += n;
	if (s->pending_read == s->pending.length)
		s->pending_read = s->pending.length = 0;
}

/* Goes on inside the epoch until the buffer is full, or something else is to be done. */
static enum step
walk(cprom_scrape *s, struct target *t)
{
	enum step done = STEP_WENT_ON;
	struct epoch_guard g;

	if (!cpromi_epoch_enter(&s->registry->epoch, &g))
		return STEP_NO_MEMORY;
	s->seat = g.seat;
	if (s->in_family && !family_stays(s))
		end_family(s);
	while (done == STEP_WENT_ON && may_go_on(s, t))
		done = step(s, t);
	cpromi_epoch_leave(&g);
	return done;
}

/* Only now: what is cut short must not look complete. */
static bool
end_page(cprom_scrape *s)
{
	return s->format.kind != FORMAT_OPENMETRICS ||
	       cpromi_buffer_add(&s->pending, CPROMI_OPENMETRICS_END,
				 strlen(CPROMI_OPENMETRICS_END));
}

ssize_t
cprom_scrape_read(cprom_scrape *s, void *buf, size_t n)
{
	struct target t;
	enum step done;

	if (s == NULL || (buf == NULL && n > 0))
		return cpromi_fail(EINVAL, "there is no scrape, or no buffer, to read");
	if (n == 0)
		return 0;
	t.p = buf;
	t.end = t.p + (n > PTRDIFF_MAX ? PTRDIFF_MAX : n);
	take_pending(s, &t);
	while (t.p < t.end && !s->at_end && !s->failed) {
		done = walk(s, &t);
		if (done == STEP_USER_CODE)
			done = run_user_code(s, &t);
		if (done == STEP_END && !end_page(s))
			done = STEP_NO_MEMORY;
		s->at_end = done == STEP_END;
		s->failed = done == STEP_NO_MEMORY;
		take_pending(s, &t);
	}
	if (s->failed)
		return cpromi_fail(ENOMEM, "no memory to go on with the scrape");
	return t.p - (char *)buf;
}

cprom_scrape *
cprom_scrape_open_with(const cprom_scrape_options *from)
{
	cprom_scrape_options o = {0};
	cprom_registry *r;
	cprom_scrape *s;
	size_t names = 0;

	if (from == NULL || from->size < offsetof(cprom_scrape_options, names) ||
	    from->size > 4096) {
		cpromi_fail(EINVAL, "scrape options without their size");
		return NULL;
	}
	memcpy(&o, from, from->size < sizeof(o) ? from->size : sizeof(o));
	r = cpromi_registry_or_default(o.registry);
	if (r == NULL || cpromi_selection_measure(o.names, &names) == -1)
		return NULL;
	s = calloc(1, sizeof(*s) + names);
	if (s == NULL) {
		cpromi_fail(ENOMEM, "no memory for a scrape");
		return NULL;
	}
	s->registry = r;
	s->only = cpromi_selection_put((char *)(s + 1), o.names);
	s->format = cpromi_negotiate(o.accept);
	s->created = r->created && s->format.kind != FORMAT_TEXT;
	s->escapes = cpromi_escapes_names(r, &s->format);
	/* Acquire: a series born later was inserted after this. Pairs with the births. */
	s->birth_limit = load_acquire(&r->births);
	s->last_collector = load_relaxed(&r->last_collector); /* set before the births */
	return s;
}

cprom_scrape *
cprom_scrape_open(cprom_registry *r, const char *accept)
{
	return cprom_scrape_open_with(&(cprom_scrape_options){
		.size = sizeof(cprom_scrape_options), .registry = r, .accept = accept});
}

const char *
cprom_scrape_content_type(const cprom_scrape *s)
{
	static const struct format fallback = {.kind = FORMAT_TEXT};

	return cpromi_format_content_type(s == NULL ? &fallback : &s->format);
}

void
cprom_scrape_close(cprom_scrape *s)
{
	if (s == NULL)
		return;
	cpromi_buffer_free(&s->pending);
	cpromi_buffer_free(&s->names);
	cpromi_buffer_free(&s->values);
	cpromi_buffer_free(&s->message.held);
	cpromi_buffer_free(&s->message.metrics);
	cpromi_buffer_free(&s->labels);
	cpromi_buffer_free(&s->shown);
	free(s);
}

char *
cprom_render(cprom_registry *r, const char *accept, size_t *len)
{
	cprom_scrape *s = cprom_scrape_open(r, accept);
	struct buffer page = {0};
	ssize_t n = -1;

	while (s != NULL && cpromi_buffer_room(&page, 4096) != NULL) {
		n = cprom_scrape_read(s, page.bytes + page.length, page.capacity - page.length);
		if (n <= 0)
			break;
		page.length += (size_t)n;
	}
	cprom_scrape_close(s);
	if (s == NULL || n != 0 || !cpromi_buffer_add(&page, "", 1)) {
		if (page.failed)
			cpromi_fail(ENOMEM, "no memory for the page");
		cpromi_buffer_free(&page);
		return NULL;
	}
	if (len != NULL)
		*len = page.length - 1;
	return page.bytes;
}
