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
#include "sample.h"
#include "sink.h"

#include <errno.h>
#include <stdlib.h>

struct cprom_scrape {
	cprom_registry *registry;
	uint64_t birth_limit;  /* what was born later is left out */
	struct family *family; /* the one at hand, or the last one; a hint between reads */
	uint64_t ticket;       /* its position */
	struct seat *seat;     /* in a read: the thread's */
	uint32_t place;        /* the next series' */
	bool in_family;        /* its series are being read */
	bool head_shown;
	bool at_end;
	bool failed;           /* without memory, for good: what was lost left a hole in the page */
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

/* A place for n bytes: the caller's buffer if they fit, else the stage; NULL without memory. */
static char *
place_for(cprom_scrape *s, struct target *t, size_t n)
{
	return (size_t)(t->end - t->p) >= n ? t->p : cpromi_buffer_room(&s->pending, n);
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

/* Spells a series as it was read, behind the family's head if it is the first. */
static enum step
show(cprom_scrape *s, struct target *t, const struct series *series, const struct samples *r)
{
	const struct family *f = s->family;
	struct text_head head = {0};
	struct bound_text pid;
	struct text_line l;
	char *begin, *p;
	size_t n;

	if (r->count == 0)
		return STEP_WENT_ON;
	cpromi_samples_begin(&l, f->def, series);
	n = r->count * cpromi_samples_line_bound(&l);
	if (!s->head_shown) {
		head = cpromi_samples_head(f);
		n += cpromi_text_head_bound(&head);
	}
	begin = p = place_for(s, t, n);
	if (p == NULL || (!s->head_shown && !note_family(s, f)))
		return STEP_NO_MEMORY;
	if (!s->head_shown)
		p = cpromi_text_head(p, &head);
	s->head_shown = true;
	for (size_t i = 0; i < r->count; i++) {
		cpromi_samples_line(&l, f->shape, r, i, &pid);
		p = cpromi_text_line(p, &l);
	}
	advance_to(s, t, begin, p);
	return STEP_WENT_ON;
}

static enum step
show_series(cprom_scrape *s, struct target *t, const struct series *series)
{
	size_t count = cpromi_samples_count(&series->handle);
	struct samples r;
	char *memory;

	s->values.length = 0;
	memory = cpromi_buffer_room(&s->values, count * SAMPLE_BYTES);
	if (memory == NULL)
		return STEP_NO_MEMORY;
	cpromi_samples_read(&r, &series->handle, memory, count);
	return show(s, t, series, &r);
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
	while (s->place < cpromi_index_end(&f->index)) {
		const struct series *series = cpromi_index_at(&f->index, s->place++);

		if (series != NULL && cpromi_series_is_due(f, series, s->place - 1, s->birth_limit))
			return show_series(s, t, series);
	}
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
		cpromi_sink_run(s->registry, f, &s->pending, &s->names);
	} else {
		double value = f->callback(f->arg);
		struct samples r = {1, &value, NULL};

		if (f->handle.type == CPROM_TYPE_COUNTER && !(value >= 0))
			cpromi_registry_count(s->registry, SELF_SAMPLES_INVALID);
		else
			done = show(s, t, f->only, &r);
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
	while (done == STEP_WENT_ON && t->p < t->end && s->pending.length == 0)
		done = step(s, t);
	cpromi_epoch_leave(&g);
	return done;
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

	(void)accept; /* whatever is asked for, there is one format */
	if (r == NULL)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		cpromi_fail(ENOMEM, "no memory for a scrape");
		return NULL;
	}
	s->registry = r;
	/* Acquire: a series born later was inserted after this. Pairs with the births. */
	s->birth_limit = load_acquire(&r->births);
	s->last_collector = load_relaxed(&r->last_collector); /* set before the births */
	return s;
}

const char *
cprom_scrape_content_type(const cprom_scrape *s)
{
	(void)s;
	return CPROMI_TEXT_CONTENT_TYPE;
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
