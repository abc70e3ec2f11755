/* SPDX-License-Identifier: MIT */
/*
 * activation: the sockets that a service manager has passed, by the protocol of sd_listen_fds(3).
 *
 *     LISTEN_PID       whom they are for: a child that inherits these variables must not take them
 *     LISTEN_FDS       how many, from descriptor 3 on
 *     LISTEN_FDNAMES   what they are called, with colons between; it may be missing
 *
 * The variables stay, for another server may take another socket; nothing in them
 * is for a program that this one executes, since LISTEN_PID is not that program's after a fork.
 */
#include "activation.h"

#include "error.h"
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_FD 3
#define MAX_FDS 65536

int
cpromi_whole_number(const char *text, int max)
{
	int64_t v = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		v = v * 10 + (*text - '0');
		if (v > max)
			return -1;
	}
	return (int)v;
}

/* How many were passed to this process; -1: none. */
static int
count_passed(const char *address)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	int n;

	if (pid == NULL || fds == NULL)
		return cpromi_fail(
			EINVAL,
			"address \"%s\": no sockets were passed (LISTEN_PID and LISTEN_FDS "
			"are not set)",
			address);
	if (cpromi_whole_number(pid, INT32_MAX) != getpid())
		return cpromi_fail(
			EINVAL,
			"address \"%s\": sockets were passed to process %s (LISTEN_PID), "
			"and this is %ld",
			address, pid, (long)getpid());
	n = cpromi_whole_number(fds, MAX_FDS);
	if (n < 1)
		return cpromi_fail(EINVAL,
				   "address \"%s\": LISTEN_FDS is \"%s\", not 1 to %d sockets",
				   address, fds, MAX_FDS);
	return n;
}

/* Which of the names it is, and no other is the same; -1: none. */
static int
find_name(const char *address, const char *name, int passed)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t n = strlen(name);
	int found = -1;

	for (int i = 0; names != NULL && i < passed; i++) {
		size_t length = strcspn(names, ":");

		if (length == n && memcmp(names, name, n) == 0) {
			if (found >= 0)
				return cpromi_fail(
					EINVAL,
					"address \"%s\": more than one socket was passed "
					"under that name",
					address);
			found = i;
		}
		names = names[length] == ':' ? names + length + 1 : NULL;
	}
	if (found < 0)
		return cpromi_fail(EINVAL, "address \"%s\": no socket was passed under that name",
				   address);
	return found;
}

int
cpromi_activation_fd(const char *address, const char *name)
{
	int passed = count_passed(address);
	int which = 0;

	if (passed < 0)
		return -1;
	for (int i = 0; i < passed; i++)
		fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC); /* fails where it was closed already */
	if (*name != '\0')
		which = find_name(address, name, passed);
	else if (passed > 1)
		return cpromi_fail(
			EINVAL,
			"address \"%s\": %d sockets were passed; choose one by its name, "
			"such as systemd:metrics (FileDescriptorName= of its unit)",
			address, passed);
	return which < 0 ? -1 : FIRST_FD + which;
}
