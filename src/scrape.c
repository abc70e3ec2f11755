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
 */
#include "definition.h"
#include "error.h"
#include "negotiate.h"
#include "openmetrics.h"
#include "sink.h"

#include <errno.h>
#include <stdlib.h>

struct cprom_scrape {
	cprom_registry *registry;
	struct format format;
	struct naming naming;  /* of the family at hand, once its head is shown */
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
	struct buffer values; /* SAMPLE_BYTES for each line of a series */
};

/* What one step did. */
enum step {
	STEP_WENT_ON,
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

static bool
show_head(cprom_scrape *s, struct target *t)
{
	struct family_view v = cpromi_family_view(s->family);
	char *p;

	cpromi_naming_set(&s->naming, &v, &s->format);
	p = place_for(s, t, cpromi_text_head_bound(&s->naming, &v));
	if (p == NULL || !note_family(s, s->family))
		return false;
	advance_to(s, t, p, cpromi_openmetrics_or_text_head(p, &s->naming, &v));
	s->head_shown = true;
	return true;
}

static inline bool
show_first_head(cprom_scrape *s, struct target *t)
{
	return LIKELY(s->head_shown) || show_head(s, t);
}

/* A series that has one sample. */
static enum step
show_value(cprom_scrape *s, struct target *t, const struct series *series, double value)
{
	char *p;

	if (!show_first_head(s, t))
		return STEP_NO_MEMORY;
	p = place_for(s, t, cpromi_text_value_bound(&s->naming, series->text));
	if (UNLIKELY(p == NULL))
		return STEP_NO_MEMORY;
	advance_to(s, t, p, cpromi_text_value(p, &s->naming, series->text, value));
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

static NOINLINE enum step
show_all_samples(cprom_scrape *s, struct target *t, const struct series *series)
{
	size_t count = cpromi_samples_count(&series->handle);
	struct samples r;
	char *memory;

	s->values.length = 0;
	memory = cpromi_buffer_room(&s->values, count * SAMPLE_BYTES);
	if (UNLIKELY(memory == NULL))
		return STEP_NO_MEMORY;
	cpromi_samples_read(&r, series, s->format.kind == FORMAT_OPENMETRICS, memory, count);
	return show_samples(s, t, &r);
}

static enum step
show_series(cprom_scrape *s, struct target *t, const struct series *series)
{
	const struct handle *h = &series->handle;

	if (cpromi_samples_is_value(h) && LIKELY(!s->created))
		return show_value(s, t, series, cpromi_samples_value(h));
	return show_all_samples(s, t, series);
}

/* ---- walking --------------------------------------------------------------- */

static enum step
next_family(cprom_scrape *s)
{
	struct family *f = cpromi_family_after(s->registry, s->family, s->ticket, s->birth_limit);

	if (f == NULL)
		return STEP_END;
	s->family = f;
	s->ticket = load_relaxed(&f->ticket);
	s->place = 0;
	s->head_shown = false;
	if (f->collect != NULL || f->callback != NULL)
		return cpromi_family_is_callable(f) && cpromi_family_use(f, s->seat)
			       ? STEP_USER_CODE
			       : STEP_WENT_ON;
	s->in_family = true;
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
	return STEP_WENT_ON;
}

/* The next row of the family at hand. */
static enum step
step(cprom_scrape *s, struct target *t)
{
	struct family *f = s->family;

	if (!s->in_family)
		return next_family(s);
	if (f->only != NULL) {
		s->in_family = false;
		return show_series(s, t, f->only);
	}
	if (s->place < cpromi_index_end(&f->index))
		return show_row(s, t, cpromi_index_row(&f->index, s->place));
	s->in_family = false;
	return STEP_WENT_ON;
}

/* Runs the callback or collector of the family at hand, which is in use: its memory stays. */
static enum step
run_user_code(cprom_scrape *s, struct target *t)
{
	struct family *f = s->family;
	enum step done = STEP_WENT_ON;

	if (f->collect != NULL) {
		cpromi_sink_run(s->registry, &s->format, f, &s->pending, &s->names);
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
		s->in_family = false;
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
cprom_scrape_open(cprom_registry *from, const char *accept)
{
	cprom_registry *r = cpromi_registry_or_default(from);
	cprom_scrape *s;

	if (r == NULL)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		cpromi_fail(ENOMEM, "no memory for a scrape");
		return NULL;
	}
	s->registry = r;
	s->format = cpromi_negotiate(accept);
	if (s->format.kind == FORMAT_PROTOBUF)
		s->format.kind = FORMAT_TEXT; /* as long as there is no encoder */
	s->created = r->created && s->format.kind != FORMAT_TEXT;
	/* Acquire: a series born later was inserted after this. Pairs with the births. */
	s->birth_limit = load_acquire(&r->births);
	s->last_collector = load_relaxed(&r->last_collector); /* set before the births */
	return s;
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
