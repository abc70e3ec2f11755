/* SPDX-License-Identifier: MIT */
/*
 * stateset: which of some named states are on; one atomic word, in lane 0 alone.
 *
 * With .flags bit i of the word is state i. Without, the word is the number of the one state
 * that is on: so no page ever has none or two.
 *
 * Progress: all are wait-free, but that changes of one flag repeat while others change.
 */
#include "stateset.h"

#include "error.h"
#include "escape.h"
#include "family.h"
#include "name.h"

#include <errno.h>

int
cpromi_states_check(const char *name, cprom_strings states)
{
	if (states.items == NULL || states.count == 0 || states.count > CPROM_MAX_STATES)
		return cpromi_fail(EINVAL, "%s: a stateset has 1 to %d states", name,
				   CPROM_MAX_STATES);
	for (size_t i = 0; i < states.count; i++) {
		const char *state = states.items[i];
		size_t n = state == NULL ? 0 : strnlen(state, CPROM_MAX_NAME_BYTES + 1);

		if (n == 0 || n > CPROM_MAX_NAME_BYTES || !cpromi_utf8_valid(state, n))
			return cpromi_fail(
				EINVAL, "%s: the name of a state is empty, too long or not UTF-8",
				name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(states.items[j], state) == 0)
				return cpromi_fail(EINVAL, "%s: the state \"%s\" is there twice",
						   name, state);
	}
	return 0;
}

static int
check(const cprom_stateset_options *o)
{
	const char *name = o->name == NULL ? "(null)" : o->name;

	if (!cpromi_name_is_valid(NAME_OF_LABEL, false, o->name))
		return cpromi_fail(EINVAL, "%s: a stateset is called as one of its labels is",
				   name);
	if (o->unit != NULL && *o->unit != '\0')
		return cpromi_fail(EINVAL, "%s: a stateset has no unit", name);
	return cpromi_states_check(name, o->states);
}

cprom_stateset *
cprom_stateset_create(const cprom_stateset_options *from)
{
	cprom_stateset_options o;
	struct family_spec spec;

	if (cpromi_spec_init(&spec, &o, sizeof(o), from) == -1)
		return NULL;
	if (check(&o) == -1)
		return (cprom_stateset *)cpromi_family_refuse(&spec);
	spec.shape.type = CPROM_TYPE_STATESET;
	spec.shape.states = o.states;
	spec.shape.flags = o.flags != 0;
	return (cprom_stateset *)cpromi_family_register(&spec);
}

/* May that state be changed? If not, that is counted. */
static inline bool
has_state(const struct handle *h, unsigned state)
{
	if (UNLIKELY(h == NULL))
		return false;
	if (LIKELY(h->kind == HANDLE_SERIES && state < h->chunk->shape->states.count))
		return true;
	cpromi_drop(h, h->kind == HANDLE_SERIES ? DROP_NO_STATE : DROP_NOT_A_SERIES);
	return false;
}

void
cprom_stateset_set(cprom_stateset *s, unsigned state)
{
	const struct handle *h = (const struct handle *)s;

	if (has_state(h, state))
		store_relaxed(cpromi_shared_cells(h, 0),
			      h->chunk->shape->flags ? (uint64_t)1 << state : state);
}

void
cprom_stateset_enable(cprom_stateset *s, unsigned state, int on)
{
	const struct handle *h = (const struct handle *)s;
	uint64_t old, bit = (uint64_t)1 << (state & 63);
	atomic_u64 *word;

	if (!has_state(h, state))
		return;
	if (!h->chunk->shape->flags) {
		cpromi_drop(h, DROP_NO_STATE);
		return;
	}
	word = cpromi_shared_cells(h, 0);
	old = load_relaxed(word);
	while (!cas_relaxed(word, &old, on ? old | bit : old & ~bit))
		;
}

int
cprom_stateset_set_name(cprom_stateset *s, const char *state)
{
	const struct handle *h = (const struct handle *)s;
	cprom_strings states = {NULL, 0};
	unsigned i = 0;

	if (h == NULL || state == NULL)
		return cpromi_fail(EINVAL, "the stateset, or the name of its state, is NULL");
	if (h->kind == HANDLE_SERIES)
		states = h->chunk->shape->states;
	while (i < states.count && strcmp(states.items[i], state) != 0)
		i++;
	cprom_stateset_set(s, i);
	if (h->kind != HANDLE_SERIES)
		return cpromi_fail(EINVAL, "the stateset has labels: one of its children is meant");
	return i < states.count ? 0 : cpromi_fail(EINVAL, "there is no state \"%s\"", state);
}

uint64_t
cprom_stateset_value(const cprom_stateset *s)
{
	const struct handle *h = (const struct handle *)s;

	return h == NULL || h->kind != HANDLE_SERIES ? 0 : cpromi_stateset_bits(h);
}
