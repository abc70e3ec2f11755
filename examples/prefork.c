/* SPDX-License-Identifier: MIT */
/*
 * prefork: a small web server of several processes, whose one /metrics speaks for all.
 *
 *	prefork [metrics-address [port [workers]]]     # 127.0.0.1:8001 8080 4
 *
 * The master makes a shared registry and the metrics in it, listens, and forks workers,
 * which accept clients and count. What a worker that dies has counted stays, what it had
 * in progress does not, and another worker takes its place.
 *
 * What fails for a while, accept() or fork(), is tried again, and a client that says nothing is
 * given up.
 */
#include <arpa/inet.h>
#include <cprom.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 32

static cprom_counter *requests, *shares, *deaths;
static cprom_histogram *latency;
static cprom_gauge *in_progress;
static cprom_server *server;
static int listener;
static sigset_t signals;                              /* that the master waits for */
static pid_t workers[MAX_WORKERS];                    /* 0: none, dead or not born yet */
static const struct timeval patience = {.tv_sec = 5}; /* with a client that says nothing */

static void
make_metrics(cprom_registry *r)
{
	requests = cprom_counter_new("requests_total", "Requests by status.",
				     .labels = CPROM_LABELS("status"), .registry = r);
	shares = cprom_counter_new("worker_requests_total", "Requests by worker.", .registry = r,
				   .labels = CPROM_LABELS("worker"));
	deaths = cprom_counter_new("worker_deaths_total", "Dead workers.", .registry = r);
	latency = cprom_histogram_new("request_seconds", "Time to answer.", .registry = r);
	/* Live: a worker that dies over a request no longer counts. */
	in_progress = cprom_gauge_new("requests_in_progress", "Being answered.", .registry = r,
				      .multiprocess_mode = CPROM_GAUGE_LIVE_SUM);
}

/* Counts first: whoever has read the answer finds it in the metrics. */
static void
answer(int client)
{
	char request[4096];
	ssize_t n = read(client, request, sizeof(request));
	const char *status = n >= 4 && memcmp(request, "GET ", 4) == 0 ? "200" : "400";

	cprom_counter_inc(cprom_labels(requests, status));
	dprintf(client, "HTTP/1.0 %s \r\n\r\nAnswered by %d\n", status, getpid());
}

static _Noreturn void
work(int number)
{
	char name[16];
	cprom_counter *share;

	snprintf(name, sizeof(name), "%d", number); /* not its pid: there are only so many */
	share = cprom_labels(shares, name);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client == -1) { /* the network's errors pass, a lack of memory may last */
			nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
			continue;
		}
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		cprom_counter_inc(share);
		cprom_gauge_inc(in_progress);
		CPROM_TIME (latency) {
			answer(client);
		}
		cprom_gauge_dec(in_progress);
		close(client);
	}
}

static void
fork_worker(int number)
{
	pid_t master = getpid(), pid = fork();

	if (pid != 0) {
		workers[number] = pid == -1 ? 0 : pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* no worker outlives its master, */
	if (getppid() != master)          /* which may be dead by now */
		_exit(EXIT_FAILURE);
	signal(SIGPIPE, SIG_IGN); /* clients go away as they like */
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	cprom_server_stop(server); /* this process' copy: the master goes on serving */
	work(number);
}

/* At once: until it is waited for, a dead process counts as alive. */
static void
bury_dead(void)
{
	for (pid_t dead; (dead = waitpid(-1, NULL, WNOHANG)) > 0;) {
		cprom_counter_inc(deaths);
		for (int i = 0; i < MAX_WORKERS; i++)
			if (workers[i] == dead)
				workers[i] = 0;
	}
}

/* A socket on that port of loopback; *port is the one that it got. */
static int
listen_on(uint16_t *port)
{
	struct sockaddr_in to = {AF_INET, htons(*port), {htonl(INADDR_LOOPBACK)}, {0}};
	socklen_t size = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&to, size) == 0 && listen(fd, 64) == 0 &&
	    getsockname(fd, (struct sockaddr *)&to, &size) == 0) {
		*port = ntohs(to.sin_port);
		return fd;
	}
	perror("prefork: cannot listen");
	exit(EXIT_FAILURE);
}

static int
parse_number(const char *text, int min, int max)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < min || n > max) {
		fprintf(stderr,
			"usage: prefork [metrics-address [port [workers]]]; up to %d workers\n",
			MAX_WORKERS);
		exit(EXIT_FAILURE);
	}
	return (int)n;
}

int
main(int argc, char **argv)
{
	uint16_t port = (uint16_t)parse_number(argc > 2 ? argv[2] : "8080", 0, UINT16_MAX);
	int count = parse_number(argc > 3 ? argv[3] : "4", 1, MAX_WORKERS);
	cprom_registry *registry = cprom_registry_new(.shared = 1);

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	make_metrics(registry);
	listener = listen_on(&port);
	server = cprom_server_start(argc > 1 ? argv[1] : "127.0.0.1:8001", .registry = registry);
	if (registry == NULL || server == NULL) {
		fprintf(stderr, "prefork: %s\n", cprom_error());
		return EXIT_FAILURE;
	}
	printf("prefork: port %d, /metrics on port %d\n", port, cprom_server_port(server));
	fflush(stdout);
	do { /* whenever one dies, and once a second for those that could not be forked */
		bury_dead();
		for (int i = 0; i < count; i++)
			if (workers[i] == 0)
				fork_worker(i);
	} while (sigtimedwait(&signals, NULL, &(struct timespec){.tv_sec = 1}) != SIGTERM);
	for (int i = 0; i < count; i++)
		if (workers[i] > 0)
			kill(workers[i], SIGTERM);
	while (wait(NULL) > 0)
		;
	cprom_server_stop(server);
	cprom_registry_free(registry);
	return EXIT_SUCCESS;
}
