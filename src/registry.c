/* SPDX-License-Identifier: MIT */
/*
 * registry: owns families, series and the memory that they all live in.
 */
#include "registry.h"

#include "error.h"
#include "record.h"

#include <errno.h>
_Static_assert(sizeof(struct cprom_registry) + CACHE_LINE < REGION_FIRST_BYTES,
	       "a registry fits its first segment");
_Static_assert(offsetof(struct cprom_registry, region) == 0, "a region starts with itself");
_Static_assert(offsetof(struct series, handle.link) == 0 &&
		       offsetof(struct family, handle.link) == 0 &&
		       offsetof(struct record, handle.link) == 0 &&
		       offsetof(struct info_text, handle.link) == 0,
	       "retired objects are linked at their start");

/* An object that no reader can see any more: a series, a family, a record of a native histogram,
 * or what an info said. */
static void
reclaim(struct epoch *e, void *object)
{
	struct cprom_registry *r = (struct cprom_registry *)((char *)e -
							     offsetof(struct cprom_registry,
								      epoch));
	struct handle *h = object;

	if (h->kind == HANDLE_FAMILY)
		cpromi_family_reclaim(object);
	else if (h->kind == HANDLE_RECORD)
		cpromi_record_give(object);
	else if (h->kind == HANDLE_TEXT)
		cpromi_info_text_free(r, object);
	else
		cpromi_series_reclaim(r, object);
}

/* The options with their defaults; false if one is out of range. */
static bool
complete(cprom_registry_options *o)
{
	if (o->max_series == 0)
		o->max_series = CPROM_DEFAULT_MAX_SERIES;
	if (o->max_bytes == 0)
		o->max_bytes = o->shared ? CPROM_DEFAULT_MAX_SHARED_BYTES : CPROM_DEFAULT_MAX_BYTES;
	if (o->max_lanes == 0)
		o->max_lanes = CPROM_DEFAULT_MAX_LANES;
	return o->max_series <= INT32_MAX && o->max_lanes <= CPROM_MAX_LANES &&
	       o->max_bytes >= REGION_FIRST_BYTES && o->max_bytes <= REGION_MAX_BYTES;
}

static void
fail_lanes(int err)
{
	if (err == ENFILE)
		cpromi_fail(err, "there are %d registries already", CPROM_MAX_REGISTRIES);
	else if (err == ENOSYS)
		cpromi_fail(err, "the system does not tell threads apart: gettid(2) is refused");
	else
		cpromi_fail(err, "no memory for the lanes of a registry");
}

static cprom_registry *
make(const cprom_registry_options *o)
{
	struct region *region = cpromi_region_create(o->max_bytes, o->shared != 0,
						     sizeof(cprom_registry));
	cprom_registry *r = (cprom_registry *)region;

	if (region == NULL) {
		cpromi_fail(errno, "the system gave no memory for a registry");
		return NULL;
	}
	if (cpromi_lanes_open(&r->lanes, region, o->max_lanes) == -1) {
		fail_lanes(errno);
		cpromi_region_destroy(region);
		return NULL;
	}
	cpromi_hash_key_make(&r->key);
	r->max_series = (uint32_t)o->max_series;
	r->created = o->created_timestamps != 0;
	r->utf8_names = o->utf8_names != 0;
	cpromi_epoch_init(&r->epoch, &r->lanes, 0, reclaim);
	cpromi_table_init(&r->table, &r->epoch, offsetof(struct series, node));
	return r;
}

cprom_registry *
cpromi_registry_open(const cprom_registry_options *o)
{
	cprom_registry_options own = {0};

	if (o == NULL || o->size < sizeof(o->size) || o->size > 4096) {
		cpromi_fail(EINVAL, "registry options without their size");
		return NULL;
	}
	memcpy(&own, o, o->size < sizeof(own) ? o->size : sizeof(own));
	if (!complete(&own)) {
		cpromi_fail(
			EINVAL,
			"a registry takes %llu bytes to %llu GiB, at most %d series and %d lanes",
			(unsigned long long)REGION_FIRST_BYTES,
			(unsigned long long)(REGION_MAX_BYTES >> 30), INT32_MAX, CPROM_MAX_LANES);
		return NULL;
	}
	return make(&own);
}
