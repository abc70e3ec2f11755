/* SPDX-License-Identifier: MIT */
/*
 * http: requests per second, CPU and system calls per request, by wrk(1) and strace(1).
 *
 * Pages of 10, 1,000 and 100,000 counters; 1, 8 and 256 connections that are kept
 * alive, and 8 that are closed after each answer. wrk has one thread and drives the
 * server for a second; the CPU time is that of this process, in which nothing else runs. The
 * bound is a server that writes a ready-made page to whatever it reads, right
 * before. The page of 1,000 series by 8 connections is measured in each repetition,
 * the others in every other one. (100,000 series by 256 connections are left out: in a
 * second hardly any of these pages of 9 MB is complete.)
 *
 * System calls are counted in a process of its own, where strace slows them down, while one
 * connection asks again and again; those of the start and the end, as a run without any
 * request shows, are taken off. In the first repetition alone, for they do not vary.
 */
#include "bare.h"
#include "bench.h"

#include <arpa/inet.h>
#include <cprom.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct subject {
	const char *name;
	unsigned series;
	cprom_server *server;
	struct bare_server bare;
	int port, bare_port;
};

static struct subject subjects[] = {{.name = "10", .series = 10},
				    {.name = "1k", .series = 1000},
				    {.name = "100k", .series = 100000}};

/* ---- servers --------------------------------------------------------------------- */

static cprom_registry *
make_page(unsigned series)
{
	cprom_registry *r = cprom_registry_new();
	cprom_counter *c = cprom_counter_new("http_requests_seconds_total", "Requests.",
					     .registry = r, .max_series = series,
					     .labels = CPROM_LABELS("method", "code", "instance"));
	char instance[16];

	for (unsigned i = 0; i < series; i++) {
		snprintf(instance, sizeof(instance), "%06u", i);
		cprom_counter_add(
			cprom_labels(c, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", instance),
			bench_doubles[i % BENCH_INPUTS] * (i + 1));
	}
	return r;
}

/* A socket that listens on a free port of the loopback interface; its port, too. */
static int
listen_anywhere(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return -1;
	*port = ntohs(a.sin_port);
	return fd;
}

static const char *
ready_made(const char *page, size_t length, const char *extra, size_t *all)
{
	char *answer = malloc(length + 256);

	*all = (size_t)sprintf(
		answer,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%sContent-Length: %zu\r\n\r\n",
		extra, length);
	memcpy(answer + *all, page, length);
	*all += length;
	return answer;
}

/* Starts one of the two servers, or both; -1 if that fails. */
static int
start(struct subject *s, int with_cprom, int with_bare)
{
	cprom_registry *r = make_page(s->series);
	struct bare_server *b = &s->bare;
	size_t length;
	char *page = cprom_render(r, NULL, &length);

	if (page == NULL)
		return -1;
	if (with_cprom) {
		s->server = cprom_server_start("127.0.0.1:0", .registry = r, .max_scrapes = 1024,
					       .max_connections = 1024);
		s->port = cprom_server_port(s->server);
	}
	if (with_bare) {
		b->listener = listen_anywhere(&s->bare_port);
		b->answer = ready_made(page, length, "", &b->length);
		b->last_answer = ready_made(page, length, "Connection: close\r\n", &b->last_length);
		if (b->listener == -1 || bare_start(b) == -1)
			return -1;
	}
	free(page);
	return s->port == -1 ? -1 : 0;
}

/* ---- requests -------------------------------------------------------------------- */

/* A second of wrk; requests per second, and in all. False if it found an error, which it says. */
static int
drive(int port, unsigned connections, int close_each, double *rate, double *requests)
{
	char line[256];
	int errors = 0;
	FILE *wrk;

	*rate = *requests = 0;
	snprintf(line, sizeof(line), "exec wrk -t1 -c%u -d1s %s http://127.0.0.1:%d/metrics",
		 connections, close_each ? "-H 'Connection: close'" : "", port);
	wrk = popen(line, "r");
	while (wrk != NULL && fgets(line, sizeof(line), wrk) != NULL) {
		sscanf(line, "Requests/sec: %lf", rate);
		sscanf(line, " %lf requests in", requests);
		if (strstr(line, "Non-2xx") != NULL || strstr(line, "errors") != NULL) {
			fprintf(stderr, "wrk: %s", line);
			errors++;
		}
	}
	return wrk != NULL && pclose(wrk) == 0 && errors == 0 && *rate > 0;
}

static double
cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec) * 1e9 +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e3;
}

struct load {
	const struct subject *subject;
	unsigned connections;
	int close_each;
};

static int
measure_one(const struct load *l, int is_bound, unsigned repetition)
{
	static const char *const kinds[] = {"time per request", "CPU per request"};
	const char *library = is_bound ? BENCH_BOUND : BENCH_CPROM;
	char name[96];
	struct bench_case c = {name, library, 1, NULL, NULL, NULL};
	double rate, requests, before = cpu_ns();

	if (!drive(is_bound ? l->subject->bare_port : l->subject->port, l->connections,
		   l->close_each, &rate, &requests)) {
		fprintf(stderr, "http, %s: wrk did not get its pages\n", library);
		return 1;
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s, %s series, connections: %u%s", kinds[i],
			 l->subject->name, l->connections,
			 l->close_each ? ", closed each time" : "");
		bench_row("http", &c, repetition,
			  i == 0 ? 1e9 / rate : (cpu_ns() - before) / requests, "ns");
	}
	return 0;
}

static int
measure_all(unsigned repetition)
{
	static const struct load loads[] = {
		{&subjects[1], 8, 0},   {&subjects[0], 1, 0}, {&subjects[0], 8, 0},
		{&subjects[0], 256, 0}, {&subjects[1], 1, 0}, {&subjects[1], 256, 0},
		{&subjects[2], 1, 0},   {&subjects[2], 8, 0}, {&subjects[0], 8, 1},
		{&subjects[1], 8, 1},
	};
	unsigned count = repetition % 2 ? 1 : sizeof(loads) / sizeof(loads[0]);
	int failed = 0;

	for (unsigned i = 0; i < count && !failed; i++)
		failed = measure_one(&loads[i], 1, repetition) ||
			 measure_one(&loads[i], 0, repetition);
	return failed;
}

/* ---- system calls ------------------------------------------------------------------ */

/* `http --serve SERIES bare|cprom`: says its port, and serves until its input ends. */
static int
serve(unsigned series, int bare)
{
	struct subject s = {.series = series};
	char end;

	if (start(&s, !bare, bare) == -1)
		return 1;
	printf("%d\n", bare ? s.bare_port : s.port);
	fflush(stdout);
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	return 0;
}

/* A child that does that under strace; its input, output, and what strace says in the end. */
static pid_t
start_traced(const char *self, const struct subject *s, int bare, int *input, FILE **output,
	     const char *summary)
{
	int in[2], out[2];
	char series[16];
	pid_t pid;

	if (pipe(in) == -1 || pipe(out) == -1)
		return -1;
	snprintf(series, sizeof(series), "%u", s->series);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		execlp("strace", "strace", "-f", "-c", "-o", summary, self, "--serve", series,
		       bare ? "bare" : "cprom", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*input = in[1];
	*output = fdopen(out[0], "r");
	return pid;
}

/* The calls in the last line of a summary of strace -c. */
static double
total_calls(FILE *f)
{
	char line[256];
	double calls = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, "total") != NULL)
			sscanf(line, "%*s %*s %*s %lf", &calls);
	return calls;
}

/* How many calls the child makes in all; -1 if that fails. */
static double
count_calls(const char *self, const struct subject *s, int bare, int driven, double *requests)
{
	char summary[] = "/tmp/bench-http-XXXXXX";
	FILE *f = fdopen(mkstemp(summary), "r"), *output = NULL;
	int port = -1, input = -1, status = 1;
	double rate = 0, calls = -1;
	pid_t pid = start_traced(self, s, bare, &input, &output, summary);

	*requests = 0;
	if (output != NULL && fscanf(output, "%d", &port) != 1)
		port = -1;
	if (port != -1 && driven && !drive(port, 1, 0, &rate, requests))
		port = -1;
	close(input);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (port != -1 && status == 0 && f != NULL)
		calls = total_calls(f);
	unlink(summary);
	fclose(f);
	fclose(output);
	return calls;
}

static int
measure_calls(const char *self)
{
	char name[64];

	if (system("command -v strace >/dev/null 2>&1") != 0) {
		fputs("http: there is no strace\n", stderr);
		return 0;
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "system calls per request, %s series",
			 subjects[i].name);
		for (int bare = 1; bare >= 0; bare--) {
			struct bench_case c = {
				name, bare ? BENCH_BOUND : BENCH_CPROM, 1, NULL, NULL, NULL};
			double requests, none;
			double idle = count_calls(self, &subjects[i], bare, 0, &none);
			double calls = count_calls(self, &subjects[i], bare, 1, &requests);

			if (idle < 0 || calls < 0)
				return 1;
			bench_row("http", &c, 0, (calls - idle) / requests, "calls");
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	bench_inputs();
	if (argc == 4 && strcmp(argv[1], "--serve") == 0)
		return serve((unsigned)atoi(argv[2]), strcmp(argv[3], "bare") == 0);
	if (system("command -v wrk >/dev/null 2>&1") != 0) {
		fputs("http: there is no wrk\n", stderr);
		return 0;
	}
	for (unsigned i = 0; i < 3; i++) {
		if (start(&subjects[i], 1, 1) == -1) {
			fprintf(stderr, "http: no server: %s\n", cprom_error());
			return 1;
		}
	}
	bench_header();
	for (unsigned r = bench_first(), n = bench_repetitions(argc, argv); n > 0 && !failed;
	     r++, n--)
		failed = measure_all(r) || (r == 0 && measure_calls(argv[0]));
	for (unsigned i = 0; i < 3; i++)
		cprom_server_stop(subjects[i].server);
	return failed;
}
