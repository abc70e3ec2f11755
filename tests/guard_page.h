/* SPDX-License-Identifier: MIT */
/*
 * guard_page: a page behind which nothing can be touched, for each group of tests. Included
 * behind <cmocka.h>.
 */
#ifndef CPROM_TESTS_GUARD_PAGE_H
#define CPROM_TESTS_GUARD_PAGE_H

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static char *page_end; /* the first byte of a page that may not be touched */

static int
lay_guard_page(void **state)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (p == MAP_FAILED || mprotect(p + PAGE, PAGE, PROT_NONE) != 0)
		return -1;
	page_end = p + PAGE;
	return 0;
}

static int
lift_guard_page(void **state)
{
	(void)state;
	return munmap(page_end - PAGE, 2 * PAGE);
}

/* A copy whose last byte is the last of its page. */
static char *
at_guard(const void *bytes, size_t n)
{
	return memcpy(page_end - n, bytes, n);
}

#endif
