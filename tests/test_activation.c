/* SPDX-License-Identifier: MIT */
/*
 * Tests of sockets that a service manager passes.
 *
 * A child lays out descriptors and variables as the manager does, and executes this program
 * again with an address; that opens the listener and says by its exit status which
 * descriptor it has got. cmocka runs in the first one alone.
 */
#define _GNU_SOURCE 1
#include "activation.h"
#include "address.h"

#include <cprom.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define REFUSED 100 /* exit statuses of the activated program, beside descriptors */
#define BROKEN 101
#define OTHER_PID "1"

/* What the activated program does. */
static int
activated(const char *address, const char *fragment)
{
	struct listener l;
	struct sockaddr_in at;
	socklen_t n = sizeof(at);
	const char *fds = getenv("LISTEN_FDS");

	if (cpromi_listener_open(address, 0600, &l) < 0) {
		if (errno == EINVAL && strstr(cprom_error(), address) != NULL &&
		    strstr(cprom_error(), fragment) != NULL)
			return REFUSED;
		fprintf(stderr, "%s\n", cprom_error());
		return BROKEN;
	}
	if (getsockname(l.fd, (struct sockaddr *)&at, &n) < 0 || !l.inherited ||
	    !(fcntl(l.fd, F_GETFL) & O_NONBLOCK))
		return BROKEN;
	for (int i = 0; i < atoi(fds); i++)
		if (fcntl(3 + i, F_GETFD) != FD_CLOEXEC)
			return BROKEN;
	return l.fd;
}

static int
listening_socket(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 5) < 0)
		return -1;
	return fd;
}

/* One start of the program. */
struct start {
	const char *address;
	int sockets;
	const char *fds;   /* NULL: not set */
	const char *names; /* likewise */
	const char *pid;   /* NULL: its own */
	int result;
	const char *fragment; /* of the message, if it is refused */
};

static void
set_variable(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* In the child: lays all out and becomes the activated program. */
static void
launch(const struct start *start)
{
	const char *fragment = start->fragment != NULL ? start->fragment : "";
	char pid[16];

	for (int fd = 3; fd < 16; fd++)
		close(fd);
	for (int i = 0; i < start->sockets; i++)
		if (listening_socket() != 3 + i)
			_exit(BROKEN);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	set_variable("LISTEN_PID", start->pid != NULL ? start->pid : pid);
	set_variable("LISTEN_FDS", start->fds);
	set_variable("LISTEN_FDNAMES", start->names);
	execl("/proc/self/exe", "test_activation", start->address, fragment, (char *)NULL);
	/* qemu-user starts no program for another machine: then this one is it. */
	_exit(errno == ENOEXEC ? activated(start->address, fragment) : BROKEN);
}

static void
expect(const struct start *start)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		launch(start);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != start->result)
		fail_msg("%d instead of %d for %s of %s (%s)", WEXITSTATUS(status), start->result,
			 start->address, start->fds, start->names);
}

static void
passed_sockets_are_taken(void **state)
{
	static const struct start starts[] = {
		{"systemd:", 1, "1", NULL, NULL, 3, NULL},
		{"systemd:", 1, "1", "unknown", NULL, 3, NULL},
		{"systemd:metrics", 1, "1", "metrics", NULL, 3, NULL},
		{"systemd:metrics", 3, "3", "web:metrics:admin", NULL, 4, NULL},
		{"systemd:web", 3, "3", "web:metrics:admin", NULL, 3, NULL},
		{"systemd:admin", 3, "3", "web:metrics:admin", NULL, 5, NULL},
		{"systemd:b", 3, "3", "a::b", NULL, 5, NULL},
		{"fd:4", 2, "2", NULL, OTHER_PID, BROKEN,
		 NULL}, /* nobody sets close-on-exec on 3 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(starts); i++)
		expect(&starts[i]);
}

static void
what_is_wrong_with_them_is_said(void **state)
{
	static const struct start starts[] = {
		{"systemd:", 1, NULL, NULL, NULL, REFUSED, "LISTEN_FDS"},
		{"systemd:", 1, "1", NULL, OTHER_PID, REFUSED, "process 1 "},
		{"systemd:", 1, "1", NULL, "", REFUSED, "LISTEN_PID"},
		{"systemd:", 1, "1", NULL, "99999999999999999999", REFUSED, "LISTEN_PID"},
		{"systemd:", 1, "0", NULL, NULL, REFUSED, "\"0\""},
		{"systemd:", 1, "-1", NULL, NULL, REFUSED, "\"-1\""},
		{"systemd:", 1, "1x", NULL, NULL, REFUSED, "\"1x\""},
		{"systemd:", 1, "4294967297", NULL, NULL, REFUSED, "LISTEN_FDS"},
		{"systemd:", 0, "1", NULL, NULL, REFUSED, "no such descriptor"},
		{"systemd:", 2, "2", "a:b", NULL, REFUSED, "by its name"},
		{"systemd:c", 2, "2", "a:b", NULL, REFUSED, "no socket"},
		{"systemd:b", 1, "1", "a:b", NULL, REFUSED, "no socket"},
		{"systemd:a:b", 2, "2", "a:b", NULL, REFUSED, "no socket"},
		{"systemd:a", 2, "2", "a:a", NULL, REFUSED, "more than one"},
		{"systemd:a", 1, "1", NULL, NULL, REFUSED, "no socket"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(starts); i++)
		expect(&starts[i]);
}

static void
a_program_that_nobody_activated_is_told_so(void **state)
{
	(void)state;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	errno = 0;
	assert_int_equal(cpromi_activation_fd("systemd:", ""), -1);
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(cprom_error(), "not set"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passed_sockets_are_taken),
		cmocka_unit_test(what_is_wrong_with_them_is_said),
		cmocka_unit_test(a_program_that_nobody_activated_is_told_so),
	};

	if (argc == 3)
		return activated(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
