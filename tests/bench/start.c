/* SPDX-License-Identifier: MIT */
/*
 * start: how a minimal daemon starts: size, time, memory, page faults and system calls until the
 * first scrape is answered.
 *
 *    start REPETITIONS NAME BARE DAEMON [NAME BARE DAEMON]…
 *
 * BARE and DAEMON are programs, the latter with cprom (bare_daemon.c and daemon.c), built alike
 * by start.sh, which runs this. They get a listening socket, where a connection
 * with a request waits already when they are executed; so nothing is polled. Time runs from
 * fork() to the last byte of the answer. Resident memory and page faults are those
 * of that moment, as /proc says; what is resident but not anonymous are pages of files, which
 * other processes share. System calls are those of a run under strace(1), to the end.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LISTENER 3 /* of the daemons */

struct start {
	pid_t pid;
	int input;  /* its standard input; it ends when this is closed */
	int client; /* a connection to it */
	int listener;
};

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* A listening socket with a request that waits there. */
static int
prepare(struct start *s)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(s->listener, 8) != 0 ||
	    getsockname(s->listener, (struct sockaddr *)&a, &n) != 0 ||
	    connect(s->client, (struct sockaddr *)&a, sizeof(a)) != 0)
		return -1;
	return write(s->client, request, sizeof(request) - 1) > 0 ? 0 : -1;
}

/* Runs the program, by strace into that file if there is one. */
static int
launch(struct start *s, const char *program, const char *summary)
{
	int in[2];

	if (pipe(in) == -1)
		return -1;
	s->pid = fork();
	if (s->pid == 0) {
		int listener = dup(s->listener);

		dup2(in[0], STDIN_FILENO);
		close(in[0]);
		close(in[1]);
		if (listener != LISTENER)
			dup2(listener, LISTENER);
		if (summary == NULL)
			execl(program, program, (char *)NULL);
		else
			execlp("strace", "strace", "-f", "-c", "-o", summary, program,
			       (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	s->input = in[1];
	return s->pid > 0 ? 0 : -1;
}

/* Reads one answer, of known length or in chunks; false if it is not 200. */
static int
read_answer(int fd)
{
	static char text[1 << 20];
	size_t length = 0;
	const char *body, *announced;

	while (length < sizeof(text) - 1) {
		ssize_t n = read(fd, text + length, sizeof(text) - 1 - length);

		if (n <= 0)
			return 0;
		length += (size_t)n;
		text[length] = '\0';
		body = strstr(text, "\r\n\r\n");
		if (body == NULL)
			continue;
		announced = strstr(text, "Content-Length: ");
		if (announced != NULL
			    ? strlen(body + 4) >= strtoul(announced + 16, NULL, 10)
			    : length >= 5 && memcmp(text + length - 5, "0\r\n\r\n", 5) == 0)
			return strncmp(text, "HTTP/1.1 200 ", 13) == 0;
	}
	return 0;
}

static int
finish(struct start *s)
{
	int status = 1;

	close(s->input);
	close(s->client);
	close(s->listener);
	return waitpid(s->pid, &status, 0) == s->pid && status == 0;
}

/* The number behind a word at a line's begin in /proc/PID/smaps_rollup, in bytes. */
static double
memory_bytes(pid_t pid, const char *word)
{
	char path[64], line[256];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, word, strlen(word)) == 0)
			kib = strtod(line + strlen(word), NULL);
	if (f != NULL)
		fclose(f);
	return kib * 1024;
}

/* Minor and major ones. */
static double
page_faults(pid_t pid)
{
	char path[64];
	double minor = 0, major = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f != NULL) {
		if (fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %lf %*f %lf", &minor, &major) !=
		    2)
			minor = major = 0;
		fclose(f);
	}
	return minor + major;
}

static void
row(const char *kind, const char *name, int is_bare, unsigned repetition, double value,
    const char *unit)
{
	char what[96];
	struct bench_case c = {what, is_bare ? BENCH_BOUND : BENCH_CPROM, 1, NULL, NULL, NULL};

	snprintf(what, sizeof(what), "%s, %s", kind, name);
	bench_row("start", &c, repetition, value, unit);
}

static int
measure(const char *program, const char *name, int is_bare, unsigned repetition)
{
	double begin, answered, resident, anonymous, faults;
	struct start s;

	if (prepare(&s) == -1)
		return -1;
	begin = now_ns();
	if (launch(&s, program, NULL) == -1 || !read_answer(s.client))
		return -1;
	answered = now_ns();
	resident = memory_bytes(s.pid, "Rss:");
	anonymous = memory_bytes(s.pid, "Anonymous:");
	faults = page_faults(s.pid);
	row("exec to first answer", name, is_bare, repetition, answered - begin, "ns");
	row("resident memory", name, is_bare, repetition, resident, "B");
	row("of it anonymous memory", name, is_bare, repetition, anonymous, "B");
	row("page faults", name, is_bare, repetition, faults, "faults");
	return finish(&s) ? 0 : -1;
}

static int
count_calls(const char *program, const char *name, int is_bare)
{
	char summary[] = "/tmp/bench-start-XXXXXX", line[256];
	FILE *f = fdopen(mkstemp(summary), "r");
	double calls = 0;
	struct start s;

	if (system("command -v strace >/dev/null 2>&1") != 0)
		return 0;
	if (f == NULL || prepare(&s) == -1 || launch(&s, program, summary) == -1 ||
	    !read_answer(s.client) || !finish(&s))
		return -1;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, "total") != NULL)
			sscanf(line, "%*s %*s %*s %lf", &calls);
	fclose(f);
	unlink(summary);
	row("system calls", name, is_bare, 0, calls, "calls");
	return 0;
}

/* What does not vary. */
static int
measure_once(const char *program, const char *name, int is_bare)
{
	struct stat st;

	if (stat(program, &st) == -1)
		return -1;
	row("size", name, is_bare, 0, (double)st.st_size, "B");
	return count_calls(program, name, is_bare);
}

int
main(int argc, char **argv)
{
	int failed = 0;

	signal(SIGPIPE, SIG_IGN);
	bench_header();
	for (unsigned r = bench_first(), n = bench_repetitions(argc, argv); n > 0; r++, n--) {
		for (int i = 2; i + 2 < argc; i += 3) {
			for (int k = 0; k < 2 && !failed; k++) {
				failed = (r == 0 &&
					  measure_once(argv[i + 1 + k], argv[i], k == 0)) ||
					 measure(argv[i + 1 + k], argv[i], k == 0, r) == -1;
				if (failed)
					fprintf(stderr, "start: %s failed\n", argv[i + 1 + k]);
			}
		}
	}
	return failed;
}
