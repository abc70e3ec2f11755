/* SPDX-License-Identifier: MIT */
/*
 * treecounter: a small web application that says how many trees were planted,
 * and shows at /metrics how it is doing.
 *
 *	treecounter [address]        # 127.0.0.1:8001 unless told otherwise
 */
#include <cprom.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_ADDRESS "127.0.0.1:8001"
#define START_OF_2024 1704067200  /* in Unix time */
#define TREES_IN_2024 200000000UL /* on its first day; since then four in five seconds */

static CPROM_COUNTER(requests, "requests_total", "Requests by status and endpoint.",
		     .labels = CPROM_LABELS("status", "endpoint"));
static CPROM_HISTOGRAM(latency, "request_latency_seconds", "Time taken to answer a request.",
		       .labels = CPROM_LABELS("endpoint"));

static const char page[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\"><meta charset=\"utf-8\"><title>Tree counter</title>\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<style>\n"
	"body { margin: 0; min-height: 100vh; display: grid; place-content: center;\n"
	"  text-align: center; font: 1.2rem/1.5 system-ui, sans-serif;\n"
	"  color: #e8f5e9; background: #1b4332; }\n"
	"strong { display: block; font-size: clamp(2.5rem, 11vw, 7rem); line-height: 1.1;\n"
	"  font-variant-numeric: tabular-nums; }\n"
	"a { color: #95d5b2; }\n"
	"</style>\n"
	"<p><strong>%lu\u202f%03lu\u202f%03lu</strong> trees planted so far\n"
	"<p><a href=\"/metrics\">metrics</a>\n";

static unsigned long
trees_planted(void)
{
	return TREES_IN_2024 + (unsigned long)(time(NULL) - START_OF_2024) * 4 / 5;
}

/* Stands for a look-up somewhere else: 2 to 62 ms, 22 ms on average. */
static void
work(void)
{
	double random = drand48();

	nanosleep(&(struct timespec){.tv_nsec = (long)(2e6 + 60e6 * random * random)}, NULL);
}

/* The decorator times every call of the function, whichever way it returns. */
static CPROM_TIMED(cprom_labels(latency, "/treecounter"), int, answer_treecounter,
		   (cprom_response *response), (response))
{
	unsigned long trees = trees_planted();
	char text[sizeof(page) + 64];

	work();
	snprintf(text, sizeof(text), page, trees / 1000000, trees / 1000 % 1000, trees % 1000);
	cprom_response_header(response, "Content-Type", "text/html; charset=utf-8");
	return cprom_response_text(response, text);
}

/* Called for every path but /, /metrics and /-/healthy, which the server answers itself. */
static int
answer(cprom_request *request, cprom_response *response, void *arg)
{
	(void)arg;
	if (strcmp(cprom_request_path(request), "/treecounter") != 0) {
		/* Not the path itself: whoever asks could make as many series as he likes. */
		cprom_counter_inc(cprom_labels(requests, "404", "other"));
		return -1;
	}
	cprom_counter_inc(cprom_labels(requests, "200", "/treecounter"));
	return answer_treecounter(response);
}

int
main(int argc, char **argv)
{
	const char *address = argc > 1 ? argv[1] : DEFAULT_ADDRESS;
	cprom_server *server;
	sigset_t stop;
	int which;

	/* Known from the start, so that rate() sees the first request as a step up from 0. */
	cprom_labels(requests, "200", "/treecounter");
	cprom_labels(requests, "404", "other");
	cprom_labels(latency, "/treecounter");

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);

	server = cprom_server_start(address, .handler = answer);
	if (server == NULL) {
		fprintf(stderr, "treecounter: %s\n", cprom_error());
		return EXIT_FAILURE;
	}
	printf("treecounter: /treecounter and /metrics on port %d\n", cprom_server_port(server));
	fflush(stdout);

	sigwait(&stop, &which);
	cprom_server_stop(server);
	return EXIT_SUCCESS;
}
