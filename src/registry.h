/* SPDX-License-Identifier: MIT */
/*
 * registry: owns families, series and the memory that they all live in.
 */
#ifndef CPROMI_REGISTRY_H
#define CPROMI_REGISTRY_H

#include "family.h"
#include "hash.h"

/* What the library's own metrics count beside dropped updates. */
enum self_count {
	SELF_LABELS_REJECTED, /* label values that were not valid */
	SELF_OVERFLOWS,       /* look-ups that got the overflow series */
	SELF_REGISTRATIONS_FAILED,
	SELF_COLLECTORS_FAILED,
	SELF_SAMPLES_INVALID, /* of collectors */
	SELF_SAMPLES_DUPLICATE,
	SELF_EXEMPLARS_INVALID,
	SELF_EXEMPLARS_WITHOUT_MEMORY,
	SELF_QUANTILES_MISSED, /* observations that a summary's quantiles leave out */
	SELF_NAMES_COLLIDED,   /* once escaped for a reader: left out */
	SELF_COUNTS
};

#define EXEMPLAR_CLASSES 3 /* of memory for an exemplar */

struct cprom_registry {
	struct region region; /* first: the region starts here */
	struct lanes lanes;
	struct epoch epoch;
	struct table table;
	struct hash_key key;
	atomic_ptr families;                    /* the list's head */
	atomic_u64 free_families[FAMILY_TYPES]; /* stacks */
	atomic_ptr shapes;
	atomic_u64 births;         /* of series and families, in order of publication */
	atomic_u64 tickets;        /* of families */
	atomic_u64 last_collector; /* highest ticket of a collector; set before its birth */
	atomic_u32 series;         /* live */
	atomic_u32 family_count;   /* live, without collectors */
	uint32_t max_series;
	bool created;    /* constant: series have the time when they were made */
	bool utf8_names; /* names need not be of the legacy charset */
	atomic_u64 drops[DROP_REASONS];
	atomic_u64 counts[SELF_COUNTS];
	atomic_u64 exemplars[EXEMPLAR_CLASSES]; /* stacks of free notes: exemplar.h */
};

/* As cprom_registry_create(), but without the library's own metrics. */
cprom_registry *cpromi_registry_open(const cprom_registry_options *o);

/* r, or the default registry if r is NULL; NULL if that cannot be made. Made in default.c. */
cprom_registry *cpromi_registry_or_default(cprom_registry *r);

/* The one that a handle's series lives in. */
static inline cprom_registry *
cpromi_registry_of(const struct handle *h)
{
	return (cprom_registry *)h->chunk->shape->region; /* it starts with its region */
}

static inline void
cpromi_registry_count(cprom_registry *r, enum self_count what)
{
	add_relaxed(&r->counts[what], 1);
}

/* The same, but the default registry only if it has been made. */
cprom_registry *cpromi_registry_if_made(cprom_registry *r);

/* Labels of a series: labels.c. In an epoch. */

/* A series of f with these values, not published; text as it stands in a line. NULL without memory. */
struct series *cpromi_series_make(struct family *f, cprom_strings values);

/* Removes a series of f; false if somebody else did. */
bool cpromi_series_remove(struct family *f, struct series *s);

/* Removes all of f's series, but for the overflow series. */
void cpromi_series_clear(struct family *f);

/* Of a series that nobody can reach any more: gives text, cells and memory back. */
void cpromi_series_reclaim(struct cprom_registry *r, struct series *s);

/* Of what an info said: gives its memory back. NULL is none. */
void cpromi_info_text_free(struct cprom_registry *r, struct info_text *t);

/* Is it at this place of f's index, and was it born by then? */
bool cpromi_series_is_due(const struct family *f, const struct series *s, uint32_t place,
			  uint64_t birth_limit);

/* Publishes it: gives it a birth and a place. False without memory. */
bool cpromi_series_publish(struct family *f, struct series *s);

#endif
