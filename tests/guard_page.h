/* SPDX-License-Identifier: MIT */
/*
 * guard_page: room between two pages that cannot be touched, for each group of tests. Included
 * behind <cmocka.h>.
 */
#ifndef CPROM_TESTS_GUARD_PAGE_H
#define CPROM_TESTS_GUARD_PAGE_H

#include <string.h>
#include <sys/mman.h>

#define GUARDED                                                                                    \
	65536 /* bytes of the room, and of what is laid on either side: whole pages anywhere */

static char *page_begin; /* the first byte of the room */
static char *page_end;   /* the first byte behind it, which may not be touched */

static int
lay_guard_page(void **state)
{
	char *p = mmap(NULL, 3 * GUARDED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (p == MAP_FAILED || mprotect(p + GUARDED, GUARDED, PROT_READ | PROT_WRITE) != 0)
		return -1;
	page_begin = p + GUARDED;
	page_end = page_begin + GUARDED;
	return 0;
}

static int
lift_guard_page(void **state)
{
	(void)state;
	return munmap(page_begin - GUARDED, 3 * GUARDED);
}

/* A copy whose last byte is the last of the room. */
static inline char *
at_guard(const void *bytes, size_t n)
{
	return memcpy(page_end - n, bytes, n);
}

/* A copy whose first byte is the first of the room. */
static inline char *
behind_guard(const void *bytes, size_t n)
{
	return memcpy(page_begin, bytes, n);
}

#endif
