/* SPDX-License-Identifier: MIT */
/*
 * error: why the last call of this thread failed.
 */
#include "error.h"

#include <cprom.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static THREAD_LOCAL char last_error[256];

/* Takes away the bytes of a character that was cut in two. */
static void
trim_partial_utf8(char *text)
{
	size_t n = strlen(text);
	size_t tail = 0;

	while (tail < 3 && tail < n && ((unsigned char)text[n - 1 - tail] & 0xC0) == 0x80)
		tail++;
	if (tail < n && (unsigned char)text[n - 1 - tail] >= 0xC0)
		text[n - 1 - tail] = '\0';
}

int
cpromi_fail(int err, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(last_error, sizeof(last_error), format, args);
	va_end(args);
	if (n >= (int)sizeof(last_error))
		trim_partial_utf8(last_error);
	errno = err;
	return -1;
}

int
cpromi_fail_in_handler(int err, const char *reason)
{
	size_t n = strlen(reason);

	n = n < sizeof(last_error) ? n : sizeof(last_error) - 1;
	memcpy(last_error, reason, n);
	last_error[n] = '\0';
	errno = err;
	return -1;
}

const char *
cprom_error(void)
{
	return last_error;
}

const char *
cprom_version(void)
{
	return CPROM_VERSION;
}
