/* SPDX-License-Identifier: MIT */
/*
 * labels: from label values to series: look-up, creation, removal.
 *
 * Guarantees
 *  - Two look-ups of the same values that find or make a series which nobody
 *    removes in between give the same handle.
 *  - A look-up that hits writes nothing but the calling thread's own epoch word.
 *  - A page never shows two series of equal labels. Why: a removal takes the
 *    series out of the index before it is marked in the table, and only then can
 *    the next one of these labels be inserted, which gets its birth after that. If
 *    a scrape still found the old one in the index, the new one's birth is later
 *    than the scrape's start, and the scrape leaves it out.
 *
 * Progress: a look-up that hits is wait-free, all else lock-free.
 */
#include "clock.h"
#include "error.h"
#include "escape.h"
#include "exemplar.h"
#include "record.h"
#include "registry.h"

#include <errno.h>

/* ---- comparing ------------------------------------------------------------- */

/* Label values that are looked for; what is needed twice is found out once. */
struct values_key {
	const struct family *family; /* NULL: they were refused */
	const char *const *values;
	size_t text_length; /* without what is escaped */
	size_t escapes;     /* how many more bytes those take: see inspect() */
	uint32_t hash;
	bool plain; /* ASCII, and nothing to be escaped: the same */
	size_t lengths[CPROM_MAX_LABELS];
};

/* Says what is wrong with the values: their number, else one is NULL. */
static COLD bool
refuse(struct values_key *key, const struct family *f, cprom_strings values)
{
	const struct definition *d = f->def;
	size_t count = values.items == NULL ? 0 : values.count, i = 0;

	key->family = NULL;
	cpromi_registry_count(f->registry, SELF_LABELS_REJECTED);
	if (count != d->label_count) {
		cpromi_fail(EINVAL, "%s has %u labels, %zu values were given", d->name,
			    (unsigned)d->label_count, count);
		return false;
	}
	while (i + 1 < count && values.items[i] != NULL)
		i++;
	cpromi_fail(EINVAL, "%s: the value of the label \"%s\" is NULL", d->name, d->labels[i]);
	return false;
}

/* False with EINVAL if there are not as many values as labels, all of them strings. */
static inline bool
set_key(struct values_key *key, const struct family *f, cprom_strings values)
{
	const struct definition *d = f->def;
	const struct hash_key *random = &f->registry->key;
	/* By ticket: series that a killed process left of an earlier family are not found. */
	uint64_t h = hash_begin(random, (uint32_t)load_relaxed(&f->ticket));
	size_t length = (size_t)d->leads_length + 1;

	if (values.count != d->label_count || (values.items == NULL && values.count > 0))
		return refuse(key, f, values);
	for (size_t i = 0; i < values.count; i++) {
		size_t n;

		if (UNLIKELY(values.items[i] == NULL))
			return refuse(key, f, values);
		n = strlen(values.items[i]);
		h = hash_add(random, h, values.items[i], n);
		key->lengths[i] = n;
		length += n;
	}
	key->family = f;
	key->values = values.items;
	key->text_length = length;
	key->hash = hash_end(h);
	return true;
}

/* Does the escaped text at *p begin with the value? Then *p goes behind it. */
static bool
eat_escaped(const char **p, const char *end, const char *value)
{
	const char *q = *p;

	for (; *value != '\0'; value++) {
		char c = *value;

		if (c == '\\' || c == '\n' || c == '"') {
			if (q >= end || *q++ != '\\')
				return false;
			c = c == '\n' ? 'n' : c;
		}
		if (q >= end || *q++ != c)
			return false;
	}
	*p = q;
	return true;
}

/*
 * Compared in full: the text is the leads and values in turn, and a last quote. Leads are the
 * same in all series of a family, and no stored value has a quote in it here. Say that the
 * first value which is looked for with another length than the one stored there is shorter:
 * then it ends inside that, at no quote. So it is longer, and all that follow stand too far right.
 * Each of those has a quote before it, outside of the stored values: so it stands behind the whole
 * stored one of its turn, and is too far right by more than that is long. But the last one cannot
 * be: both end at the last quote. So the lengths are the same, and each is compared in its place.
 */
static inline bool
has_plain_values(const struct text *t, const struct values_key *key)
{
	const struct definition *d = key->family->def;
	const char *p = t->bytes;

	if (t->length != key->text_length)
		return false;
	for (uint32_t i = 0; i < d->label_count; i++) {
		size_t n = key->lengths[i];

		p += d->leads[i].length;
		if (p[-1] != '"' || p[n] != '"' || !hash_same(p, key->values[i], n))
			return false;
		p += n;
	}
	return true;
}

static COLD bool
has_escaped_values(const struct text *t, const struct values_key *key)
{
	const struct definition *d = key->family->def;
	const char *p = t->bytes, *end = p + t->length;

	for (uint32_t i = 0; i < d->label_count; i++) {
		p += d->leads[i].length;
		if (!eat_escaped(&p, end, key->values[i]) || p >= end || *p != '"')
			return false;
	}
	return end - p == 1;
}

static inline bool
has_values(const struct node *n, const void *arg)
{
	const struct values_key *key = arg;
	const struct series *s = series_of_node((struct node *)n);

	/* The shape, too: cells of another one would be out of bounds. */
	if (s->family != key->family->self || s->handle.chunk->shape != key->family->shape)
		return false;
	return UNLIKELY(s->text->escaped) ? has_escaped_values(s->text, key)
					  : has_plain_values(s->text, key);
}

/* ---- making ---------------------------------------------------------------- */

/* What only a new series has to know of its values. */
static void
inspect(struct values_key *key)
{
	key->escapes = 0;
	key->plain = true;
	for (uint32_t i = 0; i < key->family->def->label_count; i++) {
		size_t n = key->lengths[i];

		if (cpromi_text_is_plain(key->values[i], n))
			continue;
		key->plain = false;
		key->escapes += cpromi_escape(key->values[i], n, true, NULL) - n;
	}
}

static void
write_text(struct text *t, const struct values_key *key)
{
	const struct definition *d = key->family->def;
	char *p = t->bytes;

	if (d->label_count == 0) {
		memcpy(p, d->const_labels, d->const_length);
		return;
	}
	for (uint32_t i = 0; i < d->label_count; i++) {
		memcpy(p, d->leads[i].bytes, d->leads[i].length);
		p += d->leads[i].length;
		if (t->escaped) {
			p += cpromi_escape(key->values[i], key->lengths[i], true, p);
			continue;
		}
		memcpy(p, key->values[i], key->lengths[i]);
		p += key->lengths[i];
	}
	*p = '"';
}

static struct text *
make_text(struct family *f, const struct values_key *key)
{
	const struct definition *d = f->def;
	size_t n = d->label_count == 0 ? d->const_length : key->text_length + key->escapes;
	bool created = f->registry->created;
	struct text *t = cpromi_region_alloc(&f->registry->region, text_bytes(n, created));

	if (t == NULL)
		return NULL;
	t->length = (uint32_t)n;
	t->escaped = key->escapes != 0;
	write_text(t, key);
	if (UNLIKELY(created))
		*text_created(t) = cpromi_unix_ms();
	return t;
}

static struct series *
make_series(struct family *f, const struct values_key *key)
{
	struct handle *h = cpromi_shape_take(f->shape);
	struct series *s = (struct series *)h;

	if (h == NULL)
		return NULL;
	s->text = make_text(f, key);
	if (s->text == NULL || !cpromi_record_attach(h)) {
		cpromi_series_reclaim(f->registry, s);
		return NULL;
	}
	s->family = f->self;
	s->node.hash = key->hash;
	store_relaxed(&s->node.next, 0);
	store_relaxed(&s->slot, SLOT_NONE);
	store_relaxed(&s->birth, 0);
	return s;
}

struct series *
cpromi_series_make(struct family *f, cprom_strings values)
{
	struct values_key key;

	if (!set_key(&key, f, values))
		return NULL;
	inspect(&key);
	return make_series(f, &key);
}

void
cpromi_info_text_free(struct cprom_registry *r, struct info_text *t)
{
	if (t != NULL)
		cpromi_region_free(&r->region, t, sizeof(*t) + t->length);
}

/* What an info says goes with it. */
static void
drop_info_text(struct cprom_registry *r, const struct handle *h)
{
	uint64_t word = exchange_acq_rel(cpromi_shared_cells(h, 0), 0);

	cpromi_info_text_free(r, (struct info_text *)(uintptr_t)word);
}

void
cpromi_series_reclaim(struct cprom_registry *r, struct series *s)
{
	cpromi_exemplar_forget(s);
	if (s->handle.type == CPROM_TYPE_INFO)
		drop_info_text(r, &s->handle);
	if (s->text != NULL)
		cpromi_region_free(&r->region, s->text, text_bytes(s->text->length, r->created));
	s->text = NULL;
	cpromi_record_detach(&s->handle);
	cpromi_shape_give(&s->handle);
}

/* ---- limits ---------------------------------------------------------------- */

/*
 * A series counts from when it gets its place in the index until it loses it, so a process
 * that is killed leaves a count that is wrong only if that hits it between the two. As the
 * counts may be too low then, they are compared as signed numbers. Threads that create
 * at the same time may each see the last room: then the limit is exceeded by so many.
 */
static bool
may_grow(struct family *f)
{
	struct cprom_registry *r = f->registry;

	return (int32_t)load_relaxed(&f->live) < (int32_t)f->max_series &&
	       (int32_t)load_relaxed(&r->series) < (int32_t)r->max_series;
}

/* The overflow child does not count. by is 1 or -1. */
static void
count(struct family *f, const struct series *s, uint32_t by)
{
	if (s == f->overflow)
		return;
	add_relaxed(&f->live, by);
	add_relaxed(&f->registry->series, by);
}

/* ---- publishing ------------------------------------------------------------ */

bool
cpromi_series_publish(struct family *f, struct series *s)
{
	struct cprom_registry *r = f->registry;
	uint64_t unborn = 0;
	uint32_t none = SLOT_NONE;
	uint32_t place;

	if (load_acquire(&s->birth) == 0)
		cas_acq_rel(&s->birth, &unborn, add_acq_rel(&r->births, 1) + 1);
	if (load_acquire(&s->slot) != SLOT_NONE)
		return true;
	place = s == f->overflow ? cpromi_index_put_last(&f->index, &r->region, s)
				 : cpromi_index_put(&f->index, &r->region, s);
	if (place == 0)
		return false;
	/* Release: it is in the index. Pairs with the acquire of a scrape and of a removal. */
	if (cas_acq_rel(&s->slot, &none, place))
		count(f, s, 1);
	else
		cpromi_index_clear(&f->index, place - 1); /* published or removed by another */
	return true;
}

bool
cpromi_series_is_due(const struct family *f, const struct series *s, uint32_t place,
		     uint64_t birth_limit)
{
	uint64_t birth = load_acquire(&s->birth);

	/* The slot: it may be of a helper that came too late to publish it (series.h). */
	return load_acquire(&s->slot) == place + 1 && s->family == f->self && birth != 0 &&
	       birth <= birth_limit;
}

/* ---- overflow -------------------------------------------------------------- */

static struct series *
overflow_series(struct family *f)
{
	if (load_acquire(&f->overflow->slot) == SLOT_NONE)
		cpromi_series_publish(f, f->overflow);
	return f->overflow;
}

static bool
is_overflow(const struct values_key *key)
{
	for (uint32_t i = 0; i < key->family->def->label_count; i++)
		if (strcmp(key->values[i], "overflow") != 0)
			return false;
	return true;
}

/* ---- looking up ------------------------------------------------------------ */

static int
check_values(const struct values_key *key)
{
	const struct definition *d = key->family->def;

	for (uint32_t i = 0; i < d->label_count && !key->plain; i++)
		if (!cpromi_utf8_valid(key->values[i], key->lengths[i]))
			return cpromi_fail(EINVAL, "%s: the value of the label \"%s\" is not UTF-8",
					   d->name, d->labels[i]);
	if (key->text_length + key->escapes > CPROM_MAX_LABEL_BYTES)
		return cpromi_fail(EINVAL, "%s: the label values are longer than %d bytes in all",
				   d->name, CPROM_MAX_LABEL_BYTES);
	return 0;
}

static struct series *
overflow(struct family *f)
{
	cpromi_registry_count(f->registry, SELF_OVERFLOWS);
	return overflow_series(f);
}

/*
 * Is the series being removed? Then its removal is completed, here, for a new one of its
 * labels cannot be inserted before, and who began it may have died.
 */
static bool
is_gone(struct family *f, struct series *s)
{
	if (LIKELY(load_acquire(&s->slot) != SLOT_GONE))
		return false;
	cpromi_table_remove(&f->registry->table, &s->node);
	return true;
}

static COLD struct series *
settle(struct family *f, struct series *s)
{
	if (load_relaxed(&s->slot) == SLOT_NONE && !cpromi_series_publish(f, s))
		return overflow(f);
	return is_gone(f, s) ? NULL : s;
}

/*
 * What a look-up that found s gives: s, with a place, for its maker may have died; the
 * overflow child, if there is no memory for one; NULL if s is being removed, by its maker
 * perhaps, who found none either.
 */
static inline struct series *
settled(struct family *f, struct series *s)
{
	uint32_t slot = load_acquire(&s->slot);

	return LIKELY(slot != SLOT_NONE && slot != SLOT_GONE) ? s : settle(f, s);
}

/* Links s, or finds the living series that is there already, or the overflow child. */
static struct series *
insert(struct family *f, struct series *s, const struct values_key *key)
{
	struct series *there;

	do
		there = series_of_node(
			cpromi_table_insert(&f->registry->table, &s->node, has_values, key));
	while (there != s && (there = settled(f, there)) == NULL);
	return there;
}

/* Takes a series that found no place out of the table; false if another published it. */
static bool
withdraw(struct family *f, struct series *s)
{
	uint32_t none = SLOT_NONE;

	if (!cas_acq_rel(&s->slot, &none, SLOT_GONE))
		return false;
	cpromi_table_remove(&f->registry->table, &s->node);
	return true;
}

/* A new series of these values, or the one that somebody else made meanwhile. NULL if they are not valid. */
static struct series *
create(struct family *f, struct values_key *key)
{
	struct series *s, *there;

	inspect(key);
	if (check_values(key) == -1) {
		cpromi_registry_count(f->registry, SELF_LABELS_REJECTED);
		return NULL;
	}
	if (is_overflow(key))
		return overflow_series(f);
	s = may_grow(f) ? make_series(f, key) : NULL;
	if (s == NULL)
		return overflow(f);
	there = insert(f, s, key);
	if (there != s)
		cpromi_series_reclaim(f->registry, s);
	else if (!cpromi_series_publish(f, s) && withdraw(f, s))
		return overflow(f);
	if (there == f->overflow)
		return there;
	/* Published, then looked: with the fence of cpromi_family_remove() at least one of
	 * the two sees what the other did, and no series outlives its family (F3). */
	fence_full();
	if (cpromi_family_is_removed(f))
		cpromi_series_remove(f, there);
	return there;
}

/* The series of these values, NULL if there is none, or if they are refused. */
static struct series *
look_up(struct family *f, cprom_strings values, struct values_key *key)
{
	struct node *n;

	if (!set_key(key, f, values))
		return NULL;
	n = cpromi_table_find(&f->registry->table, key->hash, has_values, key);
	return n == NULL ? NULL : series_of_node(n);
}

static COLD struct family *
leave_removed(struct epoch_guard *g)
{
	cpromi_epoch_leave(g);
	cpromi_fail(ENOENT, "the metric was unregistered");
	return NULL;
}

/* The family of a call, in an epoch: its definition may not be read outside. NULL if it cannot be. */
static inline struct family *
open_family(cprom_metric *m, struct epoch_guard *g)
{
	struct family *f = cpromi_family_of(m);

	if (f == NULL)
		return NULL;
	if (!cpromi_epoch_enter(&f->registry->epoch, g)) {
		cpromi_fail(ENOMEM, "the registry has no memory for one more thread");
		return NULL;
	}
	/* Not born: a handle of an earlier family in this memory, which is not linked yet. */
	if (UNLIKELY(cpromi_family_is_removed(f) || load_acquire(&f->birth) == 0))
		return leave_removed(g);
	return f;
}

/* Of values that no series of the table has; NULL with errno if there can be none. */
static NOINLINE struct series *
find_elsewhere(struct family *f, struct values_key *key)
{
	if (key->family == NULL)
		return NULL;
	return f->only != NULL ? f->only : create(f, key);
}

FLATTEN cprom_metric *
cprom_metric_labels(cprom_metric *m, cprom_strings values)
{
	struct epoch_guard g;
	struct family *f = open_family(m, &g);
	struct values_key key;
	struct series *s;

	if (f == NULL)
		return NULL;
	s = look_up(f, values, &key);
	if (LIKELY(s != NULL))
		s = settled(f, s);
	if (UNLIKELY(s == NULL))
		s = find_elsewhere(f, &key);
	cpromi_epoch_leave(&g);
	return (cprom_metric *)s;
}

/* ---- removing -------------------------------------------------------------- */

bool
cpromi_series_remove(struct family *f, struct series *s)
{
	/* Out of the index first: see the head of this file. */
	uint32_t slot = exchange_acq_rel(&s->slot, SLOT_GONE);

	if (slot == SLOT_GONE)
		return false;
	if (slot != SLOT_NONE) {
		count(f, s, (uint32_t)-1); /* first: too few do less harm than too many */
		cpromi_index_clear(&f->index, slot - 1);
	}
	cpromi_table_remove(&f->registry->table, &s->node); /* unless is_gone() did, elsewhere */
	return true;
}

/* Calls remove for each series that holds; how many were removed. */
static ssize_t
remove_where(struct family *f, bool (*holds)(const struct series *s, const void *arg),
	     const void *arg)
{
	ssize_t removed = 0;

	for (uint32_t i = 0; i < cpromi_index_end(&f->index); i++) {
		struct series *s = cpromi_index_at(&f->index, i);

		if (s != NULL && s != f->overflow && s->family == f->self &&
		    load_acquire(&s->slot) == i + 1 && holds(s, arg))
			removed += cpromi_series_remove(f, s);
	}
	return removed;
}

static bool
always(const struct series *s, const void *unused)
{
	(void)s;
	(void)unused;
	return true;
}

void
cpromi_series_clear(struct family *f)
{
	remove_where(f, always, NULL);
}

int
cprom_metric_clear(cprom_metric *m)
{
	struct epoch_guard g;
	struct family *f = open_family(m, &g);
	cprom_registry *r;

	if (f == NULL)
		return -1;
	r = f->registry;
	cpromi_series_clear(f);
	cpromi_epoch_leave(&g);
	cpromi_epoch_reclaim(&r->epoch);
	return 0;
}

int
cprom_metric_remove(cprom_metric *m, cprom_strings values)
{
	struct epoch_guard g;
	struct family *f = open_family(m, &g);
	struct values_key key;
	struct series *s;
	int result = -1;

	if (f == NULL)
		return -1;
	s = look_up(f, values, &key);
	if (s != NULL && cpromi_series_remove(f, s))
		result = 0;
	else if (key.family != NULL)
		cpromi_fail(ENOENT, "there is no such child");
	cpromi_epoch_leave(&g);
	return result;
}

struct matching_key {
	const struct definition *def;
	uint32_t label;
	const char *value;
};

/* Behind the value that begins at p. */
static const char *
skip_value(const char *p)
{
	for (; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p;
}

static bool
has_value(const struct series *s, const void *arg)
{
	const struct matching_key *key = arg;
	const char *p = s->text->bytes, *end = p + s->text->length;

	for (uint32_t i = 0;; i++) {
		p += key->def->leads[i].length;
		if (i == key->label)
			return eat_escaped(&p, end, key->value) && *p == '"';
		p = skip_value(p);
	}
}

static int
set_matching(struct matching_key *key, const struct definition *d, const char *label,
	     const char *value)
{
	if (label == NULL || value == NULL)
		return cpromi_fail(EINVAL, "%s: the label or its value is NULL", d->name);
	*key = (struct matching_key){d, 0, value};
	while (key->label < d->label_count && strcmp(d->labels[key->label], label) != 0)
		key->label++;
	if (key->label == d->label_count)
		return cpromi_fail(EINVAL, "%s has no label \"%s\"", d->name, label);
	return 0;
}

ssize_t
cprom_metric_remove_matching(cprom_metric *m, const char *label, const char *value)
{
	struct epoch_guard g;
	struct family *f = open_family(m, &g);
	struct matching_key key = {0};
	ssize_t removed = -1;
	cprom_registry *r;

	if (f == NULL)
		return -1;
	r = f->registry;
	if (set_matching(&key, f->def, label, value) == 0)
		removed = remove_where(f, has_value, &key);
	cpromi_epoch_leave(&g);
	if (removed > 0)
		cpromi_epoch_reclaim(&r->epoch);
	return removed;
}

int
cprom_metric_unregister(cprom_metric *m)
{
	struct epoch_guard g;
	struct family *f = open_family(m, &g);
	bool removed;

	if (f == NULL)
		return -1;
	removed = cpromi_family_remove(f, g.seat);
	cpromi_epoch_leave(&g);
	if (removed)
		cpromi_family_retire(f, g.seat);
	return removed ? 0 : cpromi_fail(ENOENT, "the metric was unregistered");
}
