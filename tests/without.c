/* SPDX-License-Identifier: MIT */
/*
 * without: runs a command for which the kernel lacks something, by a seccomp filter or a limit.
 *
 *    without [-c CALL=ERROR]... [-o] [-i] [-l RESOURCE=LIMIT]... [-u UID] COMMAND...
 *
 * -c  that system call fails with ENOSYS, as where it is not known, or EPERM, as where it is
 *     forbidden
 * -o  as in a container that is older than Linux 3.17: every call since then fails with EPERM,
 *     but clone3 with ENOSYS, for which C libraries insist on that
 * -i  there is no IPv6
 * -l  as, data, nofile or nproc, soft and hard (setrlimit(2))
 * -u  as that user, without groups
 *
 * The status is 77 if this system cannot do that, else the command's.
 */
#define _GNU_SOURCE 1                /* setresuid */
#if __has_include(<linux/seccomp.h>) /* not there where libc is musl */
#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define CANNOT 77
#define MAX_LENGTH 256

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_HALF 4
#else
#define LOW_HALF 0
#endif

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{"accept4", SYS_accept4},
	{"clone3", SYS_clone3},
	{"epoll_create1", SYS_epoll_create1},
	{"epoll_ctl", SYS_epoll_ctl},
	{"eventfd2", SYS_eventfd2},
	{"getdents64", SYS_getdents64},
	{"getrandom", SYS_getrandom},
	{"getrusage", SYS_getrusage},
	{"gettid", SYS_gettid},
	{"membarrier", SYS_membarrier},
	{"prctl", SYS_prctl},
	{"prlimit64", SYS_prlimit64},
	{"rseq", SYS_rseq},
	{"tgkill", SYS_tgkill},
	{"timerfd_create", SYS_timerfd_create},
	{"timerfd_settime", SYS_timerfd_settime},
};

static const struct {
	const char *name;
	int number;
} resources[] = {
	{"as", RLIMIT_AS},
	{"data", RLIMIT_DATA},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
};

static struct sock_filter filter[MAX_LENGTH];
static unsigned short length;

static _Noreturn void
fail(const char *what, int status)
{
	fprintf(stderr, "without: %s: %s\n", what, strerror(errno));
	exit(status);
}

static _Noreturn void
usage(void)
{
	fputs("usage: without [-c CALL=ERROR] [-o] [-i] [-l RESOURCE=LIMIT] [-u UID] COMMAND...\n",
	      stderr);
	exit(2);
}

/* ---- the filter ------------------------------------------------------------------ */

static void
append(struct sock_filter instruction)
{
	if (length == MAX_LENGTH)
		usage();
	filter[length++] = instruction;
}

static void
load(size_t offset)
{
	append((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* If what was loaded compares so, the call fails; else the filter goes on. */
static void
fail_if(unsigned short comparison, unsigned with, unsigned error)
{
	append((struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, with, 0, 1));
	append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
}

static void
forbid(char *rule)
{
	char *equals = strchr(rule, '=');
	unsigned error;

	if (equals == NULL)
		usage();
	*equals = '\0';
	error = strcmp(equals + 1, "ENOSYS") == 0 ? ENOSYS : EPERM;
	for (size_t i = 0; i < array_len(calls); i++)
		if (strcmp(rule, calls[i].name) == 0) {
			fail_if(BPF_JEQ, calls[i].number, error);
			return;
		}
	usage();
}

/* Where calls for sockets have numbers of their own, the numbers say when a call came. */
static void
forbid_newer(void)
{
	errno = ENOTSUP;
	if (SYS_accept4 > SYS_getrandom)
		fail("numbers of system calls", CANNOT);
	fail_if(BPF_JEQ, SYS_clone3, ENOSYS);
	fail_if(BPF_JGE, SYS_getrandom, EPERM);
}

/* The last of the rules, for it loads something else. */
static void
forbid_ipv6(void)
{
	append((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3));
	load(offsetof(struct seccomp_data, args[0]) + LOW_HALF);
	fail_if(BPF_JEQ, AF_INET6, EAFNOSUPPORT);
}

static void
install(void)
{
	struct sock_fprog program = {.filter = filter};

	append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program.len = length;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		fail("seccomp", CANNOT);
}

/* ---- limits ---------------------------------------------------------------------- */

static void
limit(char *rule)
{
	char *equals = strchr(rule, '=');
	struct rlimit to;

	if (equals == NULL)
		usage();
	*equals = '\0';
	to.rlim_cur = to.rlim_max = strtoul(equals + 1, NULL, 10);
	for (size_t i = 0; i < array_len(resources); i++)
		if (strcmp(rule, resources[i].name) == 0) {
			if (setrlimit(resources[i].number, &to) != 0)
				fail(rule, CANNOT);
			return;
		}
	usage();
}

static void
become(const char *user)
{
	unsigned id = (unsigned)strtoul(user, NULL, 10);

	if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0)
		fail(user, CANNOT);
}

int
main(int argc, char **argv)
{
	int option, ipv6 = 1;

	load(offsetof(struct seccomp_data, nr));
	while ((option = getopt(argc, argv, "+c:oil:u:")) != -1)
		switch (option) {
		case 'c':
			forbid(optarg);
			break;
		case 'o':
			forbid_newer();
			break;
		case 'i':
			ipv6 = 0;
			break;
		case 'l':
			limit(optarg);
			break;
		case 'u':
			become(optarg);
			break;
		default:
			usage();
		}
	if (optind == argc)
		usage();
	if (!ipv6)
		forbid_ipv6();
	if (length > 1)
		install();
	execvp(argv[optind], argv + optind);
	fail(argv[optind], 127);
}
#else
int
main(void)
{
	return 77;
}
#endif
