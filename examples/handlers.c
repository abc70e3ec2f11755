/* SPDX-License-Identifier: MIT */
/*
 * handlers: an application and an extension of it, whose handlers are measured by a decorator,
 * on one /metrics that shows what both have, and the process.
 *
 *	HANDLERS_TOKEN=secret handlers [address]        # 127.0.0.1:8002
 *
 *	curl -H 'Authorization: Bearer secret' http://127.0.0.1:8002/rucio-jupyterlab/instances
 *
 * Authentication comes before the decorator: the server itself asks for the token before it calls
 * anything of ours, so a call that is refused is neither counted nor timed. It asks for it
 * on /metrics, too; .authorize is for rules that tell one path from another.
 */
#include <cprom.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_ADDRESS "127.0.0.1:8002"
#define array_len(a) (sizeof(a) / sizeof((a)[0]))

/* The application's own. */
static CPROM_COUNTER(answers, "notebook_answers_total", "Answers of the application, by status.",
		     .labels = CPROM_LABELS("code"));
static CPROM_GAUGE(kernels, "notebook_kernels_running", "Kernels that run.");

/* The extension's. All are in the default registry, whose page is /metrics. */
static CPROM_COUNTER(requests, "my_jupyterlab_extension_requests_total",
		     "Total number of HTTP requests");
static CPROM_SUMMARY(latency, "my_jupyterlab_extension_request_latency_seconds",
		     "Latency of HTTP requests");

static const char *const instances[] = {"atlas", "cern", "escape"};

/* What the extension remembers. Handlers run in the server's one thread: no lock is needed. */
static char instance[32] = "cern", auth[32] = "x509_proxy";

/* Evaluated by the decorator at the start of each call. */
static cprom_summary *
count_request(void)
{
	cprom_counter_inc(requests);
	return latency;
}

/* In front of the body of a handler: its calls are counted and timed, whichever way it returns. */
#define MEASURED(handler) CPROM_TIMED(count_request(), int, handler, (struct call * call), (call))

struct call {
	cprom_request *request;
	cprom_response *response;
};

/* Every handler returns the status that it has answered with. */
static int
reply(struct call *call, int status, const char *json)
{
	cprom_response_status(call->response, status);
	cprom_response_header(call->response, "Content-Type", "application/json");
	cprom_response_text(call->response, json);
	return status;
}

static MEASURED(get_instances)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{\"active_instance\": \"%s\", \"auth_type\": \"%s\", "
		 "\"instances\": [\"%s\", \"%s\", \"%s\"]}\n",
		 instance, auth, instances[0], instances[1], instances[2]);
	return reply(call, 200, json);
}

static int
is_instance(const char *name)
{
	for (size_t i = 0; i < array_len(instances); i++)
		if (strcmp(instances[i], name) == 0)
			return 1;
	return 0;
}

/* ?instance=NAME&auth=TYPE and no more: in the query, for the server drops the bodies of requests. */
static MEASURED(put_instances)
{
	const char *query = cprom_request_query(call->request);
	char name[sizeof(instance)], type[sizeof(auth)];
	int end;

	if (sscanf(query, "instance=%31[a-z0-9_]&auth=%31[a-z0-9_]%n", name, type, &end) != 2 ||
	    query[end] != '\0' || !is_instance(name))
		return reply(call, 400, "{\"success\": false}\n");
	strcpy(instance, name);
	strcpy(auth, type);
	return reply(call, 200, "{\"success\": true}\n");
}

static MEASURED(purge_cache)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* stands for work */
	return reply(call, 200, "{\"success\": true}\n");
}

/* Handlers of the application are not the extension's to measure. */
static int
start_kernel(struct call *call)
{
	cprom_gauge_inc(kernels);
	return reply(call, 201, "{\"kernel\": \"started\"}\n");
}

static const struct route {
	const char *method, *path;
	int (*handle)(struct call *call);
} routes[] = {
	{"GET", "/rucio-jupyterlab/instances", get_instances},
	{"PUT", "/rucio-jupyterlab/instances", put_instances},
	{"POST", "/rucio-jupyterlab/purge-cache", purge_cache},
	{"POST", "/api/kernels", start_kernel},
};

static const struct route *
find_route(const cprom_request *request)
{
	for (size_t i = 0; i < array_len(routes); i++)
		if (strcmp(cprom_request_method(request), routes[i].method) == 0 &&
		    strcmp(cprom_request_path(request), routes[i].path) == 0)
			return &routes[i];
	return NULL;
}

static int
answer(cprom_request *request, cprom_response *response, void *arg)
{
	const struct route *route = find_route(request);
	struct call call = {request, response};
	int status = route == NULL ? 404 : route->handle(&call);
	char code[16];

	(void)arg;
	snprintf(code, sizeof(code), "%d", status);
	cprom_counter_inc(cprom_labels(answers, code));
	return route == NULL ? -1 : 0;
}

int
main(int argc, char **argv)
{
	const char *token = getenv("HANDLERS_TOKEN");
	cprom_server *server;
	sigset_t stop;
	int which;

	if (token == NULL) {
		fprintf(stderr, "handlers: HANDLERS_TOKEN is not set\n");
		return EXIT_FAILURE;
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);

	server = cprom_server_start(argc > 1 ? argv[1] : DEFAULT_ADDRESS, .handler = answer,
				    .bearer_token = token);
	if (server == NULL) {
		fprintf(stderr, "handlers: %s\n", cprom_error());
		return EXIT_FAILURE;
	}
	printf("handlers: /rucio-jupyterlab and /metrics on port %d\n", cprom_server_port(server));
	fflush(stdout);

	sigwait(&stop, &which);
	cprom_server_stop(server);
	return EXIT_SUCCESS;
}
