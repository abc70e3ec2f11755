/* SPDX-License-Identifier: MIT */
/*
 * http: requests per second and CPU per request of a page of 1,000 series, by wrk(1).
 *
 * The bound is a server that writes a ready-made answer to whatever it reads.
 */
#define _GNU_SOURCE /* accept4 */
#include "bench.h"

#include <arpa/inet.h>
#include <cprom.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERIES 1000

struct bare_server {
	int listener, epoll;
	char *answer;
	size_t length;
};

static void
bare_accept(const struct bare_server *s)
{
	struct epoll_event e = {.events = EPOLLIN};
	int one = 1;

	e.data.fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (e.data.fd < 0)
		return;
	setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, e.data.fd, &e);
}

static void
bare_answer(const struct bare_server *s, int fd)
{
	char request[4096];
	size_t sent = 0;

	if (read(fd, request, sizeof(request)) <= 0) {
		close(fd);
		return;
	}
	while (sent < s->length) {
		ssize_t n = send(fd, s->answer + sent, s->length - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

static void *
bare_serve(void *arg)
{
	const struct bare_server *s = arg;
	struct epoll_event events[64];

	for (;;) {
		int n = epoll_wait(s->epoll, events, 64, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == s->listener)
				bare_accept(s);
			else
				bare_answer(s, events[i].data.fd);
	}
	return NULL;
}

/* Starts it; its port. */
static int
bare_start(struct bare_server *s, const char *page, size_t length)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event e = {.events = EPOLLIN};
	socklen_t n = sizeof(a);
	pthread_t thread;

	s->answer = malloc(length + 256);
	s->length = (size_t)sprintf(
		s->answer,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
		length);
	memcpy(s->answer + s->length, page, length);
	s->length += length;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(s->listener, 64) != 0 ||
	    getsockname(s->listener, (struct sockaddr *)&a, &n) != 0)
		return -1;
	e.data.fd = s->listener;
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e);
	pthread_create(&thread, NULL, bare_serve, s);
	pthread_detach(thread);
	return ntohs(a.sin_port);
}

static double
cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec) * 1e9 +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e3;
}

/* One second of wrk; requests per second, and in all. False if it found an error, which it says. */
static int
drive(int port, double *rate, double *requests)
{
	char line[256];
	int errors = 0;
	FILE *wrk;

	*rate = *requests = 0;
	snprintf(line, sizeof(line), "exec wrk -t1 -c8 -d1s http://127.0.0.1:%d/metrics", port);
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

static int
measure(const struct bench_case *c, const struct bench_case *cpu, unsigned repetition, int port)
{
	double rate, requests, before = cpu_ns();

	if (!drive(port, &rate, &requests)) {
		fprintf(stderr, "%s: wrk did not get its pages\n", c->what);
		return 1;
	}
	bench_row("http", c, repetition, 1e9 / rate, "ns");
	bench_row("http", cpu, repetition, (cpu_ns() - before) / requests, "ns");
	return 0;
}

static cprom_registry *
make_page(void)
{
	cprom_registry *r = cprom_registry_new();
	cprom_counter *c = cprom_counter_new("http_requests_seconds_total", "Requests.",
					     .registry = r,
					     .labels = CPROM_LABELS("method", "code", "instance"));
	char instance[16];

	bench_inputs();
	for (unsigned i = 0; i < SERIES; i++) {
		snprintf(instance, sizeof(instance), "%06u", i);
		cprom_counter_add(
			cprom_labels(c, i % 2 ? "GET" : "POST", i % 3 ? "200" : "404", instance),
			bench_doubles[i] * (i + 1));
	}
	return r;
}

int
main(int argc, char **argv)
{
	static const struct bench_case bound = {"bound: request of a ready-made page", NULL, 1,
						NULL};
	static const struct bench_case bound_cpu = {"bound: CPU of it", NULL, 1, NULL};
	static const struct bench_case request = {"request of a page of 1k series",
						  "bound: request of a ready-made page", 1, NULL};
	static const struct bench_case cpu = {"CPU of it", "bound: CPU of it", 1, NULL};
	struct bare_server bare;
	cprom_registry *r = make_page();
	cprom_server *server = cprom_server_start("127.0.0.1:0", .registry = r);
	size_t length;
	char *page = cprom_render(r, NULL, &length);
	int bare_port, failed = 0;

	if (system("command -v wrk >/dev/null 2>&1") != 0) {
		fputs("http: there is no wrk\n", stderr);
		return 0;
	}
	bare_port = page == NULL ? -1 : bare_start(&bare, page, length);
	if (server == NULL || bare_port < 0) {
		fprintf(stderr, "http: no server: %s\n", cprom_error());
		return 1;
	}
	bench_header();
	for (unsigned i = 0; i < bench_repetitions(argc, argv) && !failed; i++)
		failed = measure(&bound, &bound_cpu, i, bare_port) ||
			 measure(&request, &cpu, i, cprom_server_port(server));
	cprom_server_stop(server);
	cprom_registry_free(r);
	free(page);
	return failed;
}
