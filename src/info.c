/* SPDX-License-Identifier: MIT */
/*
 * info: texts about the program, as labels of a sample whose value is 1.
 *
 * What cprom_info_put() says is one piece of memory that the series' only cell points to. It
 * is replaced by one exchange, and what was there is retired: so a page has all of the old
 * texts or all of the new ones, and of two threads that replace it each retires what it found.
 */
#include "definition.h"
#include "error.h"
#include "registry.h"

#include <errno.h>

cprom_info *
cprom_info_create(const cprom_info_options *from)
{
	cprom_info_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	if (o.unit != NULL && *o.unit != '\0') {
		cpromi_fail(EINVAL, "%s: an info has no unit", o.name == NULL ? "(null)" : o.name);
		return (cprom_info *)cpromi_family_refuse(&spec);
	}
	spec.shape.type = CPROM_TYPE_INFO;
	return (cprom_info *)cpromi_family_register(&spec);
}

static struct info_text *
make_text(cprom_registry *r, cprom_strings texts)
{
	char spelled[CPROM_MAX_LABEL_BYTES / 2];
	size_t n = (size_t)(cpromi_more_labels_put(spelled, texts) - spelled);
	struct info_text *t = cpromi_region_alloc(&r->region, sizeof(*t) + n);

	if (t == NULL)
		return NULL;
	t->handle.kind = HANDLE_TEXT;
	t->length = (uint32_t)n;
	memcpy(t->bytes, spelled, n);
	return t;
}

/*
 * The family of a series that is in it now, maybe not the one that the handle was given for;
 * else NULL. All infos are of one shape: texts that were checked for one series must not come
 * to be those of another. In an epoch, so that what is removed later is not used again yet.
 */
static struct family *
living_family(const struct series *s)
{
	uint32_t slot = load_acquire(&s->slot);
	struct family *f = cpromi_family_of_series(s);

	/* Not born: this memory was a family's, and will be another's, which is not linked yet. */
	if (cpromi_family_is_removed(f) || load_acquire(&f->birth) == 0)
		return NULL;
	return f->only == s || (f->only == NULL && slot != SLOT_NONE && slot != SLOT_GONE) ? f
											   : NULL;
}

/* In an epoch. */
static int
replace(const struct series *s, cprom_strings texts)
{
	struct family *f = living_family(s);
	struct info_text *t = NULL;
	cprom_registry *r;
	uint64_t old;

	if (f == NULL)
		return cpromi_fail(ENOENT, "the info was removed");
	r = f->registry;
	if (cpromi_more_labels_check(f->def, texts) == -1)
		return -1;
	if (texts.count > 0 && (t = make_text(r, texts)) == NULL)
		return cpromi_fail(ENOMEM, "the registry's %llu bytes are used up",
				   (unsigned long long)r->region.limit);
	/* Release: the text is complete. Pairs with load_acquire in sample.c. */
	old = exchange_acq_rel(cpromi_shared_cells(&s->handle, 0), (uint64_t)(uintptr_t)t);
	if (old != 0)
		cpromi_epoch_retire(&r->epoch, (void *)(uintptr_t)old);
	return 0;
}

int
cprom_info_put(cprom_info *i, cprom_strings texts)
{
	const struct handle *h = (const struct handle *)i;
	struct epoch_guard g;
	cprom_registry *r;
	int result;

	if (h == NULL)
		return cpromi_fail(EINVAL, "the info is NULL");
	if (h->kind != HANDLE_SERIES)
		return cpromi_fail(EINVAL, "the info has labels: one of its children is meant");
	r = cpromi_family_of_series((const struct series *)h)->registry;
	if (!cpromi_epoch_enter(&r->epoch, &g))
		return cpromi_fail(ENOMEM, "the registry has no memory for one more thread");
	result = replace((const struct series *)h, texts);
	cpromi_epoch_leave(&g);
	cpromi_epoch_reclaim(&r->epoch); /* texts are long: they do not wait for many */
	return result;
}
