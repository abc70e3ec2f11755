/* SPDX-License-Identifier: MIT */
/*
 * hooks: plain accesses, as the compiler and the core tell of them.
 */
#include "core.h"

#include "atomic.h"

#undef memmove
#undef memset
#undef memcmp
#undef strlen

#define CALLER __builtin_return_address(0)

void *
explore_memcpy(void *to, const void *from, size_t n)
{
	memory_plain(from, n, false, CALLER);
	memory_plain(to, n, true, CALLER);
	return memmove(to, from, n);
}

void *
explore_memset(void *to, int c, size_t n)
{
	memory_plain(to, n, true, CALLER);
	return memset(to, c, n);
}

int
explore_memcmp(const void *a, const void *b, size_t n)
{
	memory_plain(a, n, false, CALLER);
	memory_plain(b, n, false, CALLER);
	return memcmp(a, b, n);
}

size_t
explore_strlen(const char *s)
{
	size_t n = strlen(s);

	memory_plain(s, n + 1, false, CALLER);
	return n;
}

int
explore_strncmp(const char *a, const char *b, size_t n)
{
	size_t common = 0;

	while (common < n && a[common] != '\0' && a[common] == b[common])
		common++;
	memory_plain(a, common + (common < n), false, CALLER);
	memory_plain(b, common + (common < n), false, CALLER);
	return common == n ? 0 : (unsigned char)a[common] - (unsigned char)b[common];
}

int
explore_strcmp(const char *a, const char *b)
{
	return explore_strncmp(a, b, SIZE_MAX);
}

/* What -fsanitize=thread calls. They are fifty, and their names are given: hence the macros. */
#define ACCESS(name, n, write)                                                                     \
	void name(void *p);                                                                        \
	void name(void *p)                                                                         \
	{                                                                                          \
		memory_plain(p, n, write, CALLER);                                                 \
	}
#define ACCESSES(n)                                                                                \
	ACCESS(__tsan_read##n, n, false)                                                           \
	ACCESS(__tsan_write##n, n, true)                                                           \
	ACCESS(__tsan_unaligned_read##n, n, false)                                                 \
	ACCESS(__tsan_unaligned_write##n, n, true)                                                 \
	ACCESS(__tsan_volatile_read##n, n, false)                                                  \
	ACCESS(__tsan_volatile_write##n, n, true)                                                  \
	ACCESS(__tsan_unaligned_volatile_read##n, n, false)                                        \
	ACCESS(__tsan_unaligned_volatile_write##n, n, true)                                        \
	ACCESS(__tsan_read_write##n, n, true)                                                      \
	ACCESS(__tsan_unaligned_read_write##n, n, true)

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memset(void *to, int c, size_t n);

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *caller)
{
	(void)caller;
}

void
__tsan_func_exit(void)
{
}

void
__tsan_read_range(void *p, size_t n)
{
	memory_plain(p, n, false, CALLER);
}

void
__tsan_write_range(void *p, size_t n)
{
	memory_plain(p, n, true, CALLER);
}

void *
__tsan_memcpy(void *to, const void *from, size_t n)
{
	return explore_memcpy(to, from, n);
}

void *
__tsan_memmove(void *to, const void *from, size_t n)
{
	return explore_memcpy(to, from, n);
}

void *
__tsan_memset(void *to, int c, size_t n)
{
	return explore_memset(to, c, n);
}
