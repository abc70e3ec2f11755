/* SPDX-License-Identifier: MIT */
/*
 * collision: do two families have samples of one name?
 */
#include "collision.h"

#include <cprom.h>
#include <string.h>

/* The names that a family takes: its base name with each of the suffixes. */
struct names {
	const char *base;
	size_t length;
	const char *const *suffixes; /* ends in NULL */
};

static const char *const only_itself[] = {"", NULL};
static const char *const of_info[] = {"_info", NULL};
static const char *const of_summary[] = {"", "_sum", "_count", "_created", NULL};
static const char *const of_histogram[] = {"", "_sum", "_count", "_bucket", "_created", NULL};
static const char *const of_gauge_histogram[] = {"",        "_sum",  "_count", "_bucket",
						 "_gcount", "_gsum", NULL};

static const char *const openmetrics_counter[] = {"", "_total", "_created", NULL};
static const char *const openmetrics_info[] = {"", "_info", NULL};

static struct names
without(const char *name, const char *suffix, const char *const *suffixes)
{
	size_t length = strlen(name), n = strlen(suffix);

	if (length > n && strcmp(name + length - n, suffix) == 0)
		length -= n;
	return (struct names){name, length, suffixes};
}

static struct names
names_of(uint32_t type, const char *name)
{
	switch (type) {
	case CPROM_TYPE_INFO:
		return without(name, "_info", of_info);
	case CPROM_TYPE_HISTOGRAM:
		return without(name, "", of_histogram);
	case CPROM_TYPE_GAUGE_HISTOGRAM:
		return without(name, "", of_gauge_histogram);
	case CPROM_TYPE_SUMMARY:
		return without(name, "", of_summary);
	default:
		return without(name, "", only_itself);
	}
}

static struct names
openmetrics_names_of(uint32_t type, const char *name)
{
	switch (type) {
	case CPROM_TYPE_COUNTER:
		return without(name, "_total", openmetrics_counter);
	case CPROM_TYPE_INFO:
		return without(name, "_info", openmetrics_info);
	default:
		return names_of(type, name);
	}
}

/* Is a + suffix_a the same as b + suffix_b, a being no longer than b? */
static bool
same_joined(const struct names *a, const char *suffix_a, const struct names *b,
	    const char *suffix_b)
{
	size_t more = b->length - a->length;

	return strlen(suffix_a) >= more && memcmp(suffix_a, b->base + a->length, more) == 0 &&
	       strcmp(suffix_a + more, suffix_b) == 0;
}

static bool
have_common(struct names a, struct names b)
{
	struct names shorter = a.length <= b.length ? a : b;
	struct names longer = a.length <= b.length ? b : a;

	if (memcmp(shorter.base, longer.base, shorter.length) != 0)
		return false;
	for (size_t i = 0; shorter.suffixes[i] != NULL; i++)
		for (size_t j = 0; longer.suffixes[j] != NULL; j++)
			if (same_joined(&shorter, shorter.suffixes[i], &longer, longer.suffixes[j]))
				return true;
	return false;
}

bool
cpromi_names_collide(uint32_t type_a, const char *a, uint32_t type_b, const char *b)
{
	return have_common(names_of(type_a, a), names_of(type_b, b));
}

bool
cpromi_names_clash(uint32_t type_a, const char *a, uint32_t type_b, const char *b)
{
	return have_common(openmetrics_names_of(type_a, a), openmetrics_names_of(type_b, b));
}
