/* SPDX-License-Identifier: MIT */
/*
 * exemplar: the last observation of a bucket, or addition to a counter, that came with labels.
 */
#include "exemplar.h"

#include "clock.h"
#include "error.h"
#include "escape.h"
#include "name.h"
#include "registry.h"

#include <errno.h>

/* A note. Words, for a reader may read what is being written: X3. */
struct note {
	uint32_t link; /* in a pool */
	uint32_t room; /* of text, in bytes; constant, so that a reader is never led beyond it */
	atomic_u64 birth;
	atomic_u64 value;
	atomic_u64 time;
	atomic_u64 length;
	atomic_u64 text[];
};

#define WORD sizeof(uint64_t)

/* A trace and a span id in hexadecimal, 70 bytes, fit two cache lines. */
static const uint32_t rooms[EXEMPLAR_CLASSES] = {128 - sizeof(struct note),
						 256 - sizeof(struct note), EXEMPLAR_BYTES};

_Static_assert(EXEMPLAR_BYTES % WORD == 0 && sizeof(struct note) % WORD == 0, "text is words");

/* ---- notes ----------------------------------------------------------------- */

static unsigned
class_of(size_t length)
{
	unsigned class = 0;

	while (rooms[class] < length)
		class ++;
	return class;
}

static struct note *
take_note(struct cprom_registry *r, size_t length)
{
	unsigned class = class_of(length);
	struct note *n = cpromi_stack_pop(&r->region, &r->exemplars[class]);

	if (n != NULL)
		return n;
	n = cpromi_region_carve(&r->region, sizeof(*n) + rooms[class], CACHE_LINE);
	if (n != NULL)
		n->room = rooms[class];
	return n;
}

static void
give_note(struct cprom_registry *r, struct note *n)
{
	cpromi_stack_push(&r->region, &r->exemplars[class_of(n->room)], n);
}

/* Release on each: X3. */
static void
fill(struct note *n, uint64_t birth, const struct exemplar *e)
{
	store_release(&n->birth, birth);
	store_release(&n->value, double_bits(e->value));
	store_release(&n->time, (uint64_t)e->time_ns);
	store_release(&n->length, e->length);
	for (size_t i = 0; i * WORD < e->length; i++) {
		uint64_t word;

		memcpy(&word, e->labels + i * WORD, WORD);
		store_release(&n->text[i], word);
	}
}

/* What comes out may be of several notes; acquire on each: X3. The birth. */
static uint64_t
copy(struct note *n, struct exemplar *out)
{
	uint64_t birth = load_acquire(&n->birth);
	uint64_t length = load_acquire(&n->length);

	out->value = bits_double(load_acquire(&n->value));
	out->time_ns = (int64_t)load_acquire(&n->time);
	out->length = length < n->room ? length : n->room;
	for (size_t i = 0; i * WORD < out->length; i++) {
		uint64_t word = load_acquire(&n->text[i]);

		memcpy(out->labels + i * WORD, &word, WORD);
	}
	return birth;
}

/* ---- slots ----------------------------------------------------------------- */

/* Does its run have no word for each slot? Then the first one names an array of them. */
static bool
has_array(const struct shape *s)
{
	return s->run <= s->count;
}

static void *
at(const struct handle *h, uint64_t ref)
{
	return cpromi_region_at(h->chunk->shape->region, (region_ref)ref);
}

/* The series' words of the block; NULL if that is none. */
static atomic_u64 *
words_at(const struct handle *h, region_ref block)
{
	return block == 0 ? NULL : (atomic_u64 *)at(h, block) + h->offset;
}

/* NULL: there are none yet. Acquire: zeroed before they are seen. */
static atomic_u64 *
found_slots(const struct handle *h)
{
	atomic_u64 *words = words_at(h, load_acquire(&h->chunk->exemplars));

	if (words == NULL || !has_array(h->chunk->shape))
		return words;
	return at(h, load_acquire(words));
}

/* Made now if there are none; NULL without memory. */
static atomic_u64 *
make_words(const struct handle *h)
{
	struct chunk *c = h->chunk;
	struct region *r = c->shape->region;
	size_t bytes = (size_t)c->capacity * c->shape->run * WORD;
	uint32_t there = load_acquire(&c->exemplars);
	region_ref block;
	void *p;

	if (there != 0)
		return words_at(h, there);
	p = cpromi_region_alloc(r, bytes);
	if (p == NULL)
		return NULL;
	block = cpromi_region_ref(r, p);
	/* Release: pairs with load_acquire in found_slots(). */
	if (cas_acq_rel(&c->exemplars, &there, block))
		return words_at(h, block);
	cpromi_region_free(r, p, bytes);
	return words_at(h, there);
}

static atomic_u64 *
make_slots(const struct handle *h)
{
	const struct shape *s = h->chunk->shape;
	size_t bytes = (s->count + 1) * WORD;
	atomic_u64 *words = make_words(h), *array;
	uint64_t there;

	if (words == NULL || !has_array(s))
		return words;
	there = load_acquire(words);
	if (there != 0)
		return at(h, there);
	array = cpromi_region_alloc(s->region, bytes);
	/* Release: pairs with load_acquire in found_slots(). */
	if (array == NULL || cas_acq_rel(words, &there, cpromi_region_ref(s->region, array)))
		return array;
	cpromi_region_free(s->region, array, bytes);
	return at(h, there);
}

/* Puts the note, or none, into the slot, if that still is as it was: X1. */
static bool
change(const struct handle *h, atomic_u64 *slot, uint64_t *was, const struct note *n)
{
	uint64_t count = (*was >> 32) + 1;
	region_ref ref = n == NULL ? 0 : cpromi_region_ref(h->chunk->shape->region, n);

	return cas_acq_rel(slot, was, count << 32 | ref);
}

bool
cpromi_exemplar_read(const struct series *s, size_t bucket, struct exemplar *out)
{
	atomic_u64 *slots = found_slots(&s->handle);

	for (int tries = 0; slots != NULL && tries < EXEMPLAR_TRIES; tries++) {
		uint64_t slot = load_acquire(&slots[bucket]);
		struct note *n = at(&s->handle, slot);
		uint64_t birth;

		if (n == NULL)
			return false;
		birth = copy(n, out);
		if (load_relaxed(&slots[bucket]) == slot)
			return birth == load_relaxed(&s->birth);
	}
	return false;
}

void
cpromi_exemplar_forget(struct series *s)
{
	atomic_u64 *slots = found_slots(&s->handle);

	for (size_t i = 0; slots != NULL && i <= s->handle.chunk->shape->count; i++) {
		uint64_t slot = load_acquire(&slots[i]);
		struct note *n = at(&s->handle, slot);

		if (n != NULL && change(&s->handle, &slots[i], &slot, NULL))
			give_note(cpromi_registry_of(&s->handle), n);
	}
}

static bool
put(const struct handle *h, size_t bucket, uint64_t birth, const struct exemplar *e)
{
	struct cprom_registry *r = cpromi_registry_of(h);
	atomic_u64 *slots = make_slots(h);
	struct note *n = slots == NULL ? NULL : take_note(r, e->length);
	uint64_t slot;

	if (n == NULL)
		return false;
	fill(n, birth, e);
	slot = load_acquire(&slots[bucket]);
	if (change(h, &slots[bucket], &slot, n))
		n = at(h, slot);
	if (n != NULL)
		give_note(r, n);
	return true;
}

/* ---- labels ---------------------------------------------------------------- */

static size_t
characters(const char *text, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)text[i] & 0xC0) != 0x80;
	return count;
}

/* Is the name legal, not reserved, and none of those before? */
static bool
is_new_name(const char *const *items, size_t at)
{
	if (!cpromi_name_is_valid(NAME_OF_LABEL, false, items[at]) ||
	    strncmp(items[at], "__", 2) == 0)
		return false;
	for (size_t i = 0; i < at; i += 2)
		if (strcmp(items[i], items[at]) == 0)
			return false;
	return true;
}

/* A value; what is needed twice is found out once. */
struct value {
	const char *text;
	size_t length;
	bool plain; /* ASCII, and nothing to be escaped */
};

/* False if there is none, or if it is not UTF-8. */
static bool
set_value(struct value *v, const char *text)
{
	if (text == NULL)
		return false;
	v->text = text;
	v->length = strlen(text);
	v->plain = cpromi_text_is_plain(text, v->length);
	return v->plain || cpromi_utf8_valid(text, v->length);
}

static char *
spell_label(char *p, const char *name, size_t name_length, const struct value *v)
{
	memcpy(p, name, name_length);
	p += name_length;
	*p++ = '=';
	*p++ = '"';
	if (v->plain)
		memcpy(p, v->text, v->length);
	p += v->plain ? v->length : cpromi_escape(v->text, v->length, true, p);
	*p++ = '"';
	return p;
}

/* Sets the labels of e; false if they are not valid. */
static bool
spell(struct exemplar *e, cprom_strings labels)
{
	size_t left = CPROM_MAX_EXEMPLAR_CHARACTERS;
	char *p = e->labels;

	if (labels.items == NULL || labels.count % 2 != 0 || labels.count > CPROM_MAX_LABELS * 2)
		return false;
	for (size_t i = 0; i < labels.count; i += 2) {
		size_t n, used;
		struct value v;

		if (!is_new_name(labels.items, i) || !set_value(&v, labels.items[i + 1]))
			return false;
		n = strlen(labels.items[i]);
		used = n + (v.plain ? v.length : characters(v.text, v.length));
		if (used > left)
			return false;
		left -= used;
		if (i > 0)
			*p++ = ',';
		p = spell_label(p, labels.items[i], n, &v);
	}
	e->length = (size_t)(p - e->labels);
	while ((size_t)(p - e->labels) % WORD != 0)
		*p++ = 0; /* the rest of the last word is copied, too */
	return true;
}

static void
put_at(const struct handle *h, size_t bucket, double v, int64_t now, cprom_strings labels)
{
	uint64_t birth = load_acquire(&((const struct series *)h)->birth); /* first: X4 */
	struct exemplar e;

	if (labels.count == 0)
		return;
	e.value = v;
	e.time_ns = now;
	if (!spell(&e, labels))
		cpromi_registry_count(cpromi_registry_of(h), SELF_EXEMPLARS_INVALID);
	else if (!put(h, bucket, birth, &e))
		cpromi_registry_count(cpromi_registry_of(h), SELF_EXEMPLARS_WITHOUT_MEMORY);
}

void
cpromi_exemplar_put(const struct handle *h, size_t bucket, double v, cprom_strings labels)
{
	if (cpromi_handle_counts(h))
		put_at(h, bucket, v, cpromi_unix_coarse_ns(), labels);
}

/* ---- the hook -------------------------------------------------------------- */

typedef void (*hook_function)(cprom_exemplar *e);

struct cprom_exemplar {
	const struct handle *handle;
	size_t bucket;
	double value;
	int64_t now;
};

atomic_ptr cpromi_exemplar_hook;
static atomic_u64 interval_ns;
static THREAD_LOCAL bool inside; /* the hook: updates that it makes do not call it */

int
cprom_exemplar_hook(void (*hook)(cprom_exemplar *e), double interval)
{
	if (!(interval >= 0 && interval <= 1e9))
		return cpromi_fail(EINVAL, "the interval of exemplars is not 0 to 1e9 seconds");
	store_relaxed(&interval_ns, (uint64_t)(interval * 1e9));
	/* Release: what the hook works with. Pairs with load_acquire in cpromi_exemplar_ask(). */
	store_release(&cpromi_exemplar_hook, (uintptr_t)hook);
	return 0;
}

void
cprom_exemplar_labels(cprom_exemplar *e, cprom_strings labels)
{
	if (e != NULL)
		put_at(e->handle, e->bucket, e->value, e->now, labels);
}

/*
 * Is there none of the last interval? A time that a set clock made one of the future is old.
 * The note may be another's by now: then an observation is asked about too much, or too few.
 */
static bool
is_due(const struct handle *h, size_t bucket, int64_t now)
{
	atomic_u64 *slots = found_slots(h);
	struct note *n = slots == NULL ? NULL : at(h, load_acquire(&slots[bucket]));

	return n == NULL || (uint64_t)now - load_relaxed(&n->time) >= load_relaxed(&interval_ns);
}

void
cpromi_exemplar_ask(const struct handle *h, size_t bucket, double v)
{
	hook_function hook = (hook_function)load_acquire(&cpromi_exemplar_hook);
	struct cprom_exemplar e = {h, bucket, v, cpromi_unix_coarse_ns()};

	if (hook == NULL || inside || !cpromi_handle_counts(h) || !is_due(h, bucket, e.now))
		return;
	inside = true;
	hook(&e);
	inside = false;
}
