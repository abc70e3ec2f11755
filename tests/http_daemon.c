/* SPDX-License-Identifier: MIT */
/*
 * http_daemon: a page that never changes, behind the server's options, until SIGTERM; for the
 * scripts that have other programs ask for it.
 *
 *	http_daemon [-b TOKEN] [-u USER -p PASSWORD] [-s SCRAPES] [-n ITEMS] ADDRESS
 *
 * Beside the page there is /echo, which says the method and the query of a request.
 */
#include <cprom.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
echo(cprom_request *request, cprom_response *response, void *arg)
{
	(void)arg;
	if (strcmp(cprom_request_path(request), "/echo") != 0)
		return -1;
	cprom_response_text(response, cprom_request_method(request));
	cprom_response_text(response, " ");
	cprom_response_text(response, cprom_request_query(request));
	return cprom_response_text(response, "\n");
}

/* Without the metrics of the process, which change from page to page. */
static void
fill(cprom_registry *registry, int items)
{
	cprom_counter *jobs = cprom_counter_new("jobs_total", "Jobs, by \"queue\".",
						.registry = registry,
						.labels = CPROM_LABELS("queue"));
	cprom_gauge *sizes = cprom_gauge_new("item_bytes", "Many lines.", .registry = registry,
					     .labels = CPROM_LABELS("item"));
	char item[16];

	cprom_counter_add(cprom_labels(jobs, "even"), 12);
	cprom_counter_add(cprom_labels(jobs, "o\"d\\d\n"), 0.5);
	for (int i = 0; i < items; i++) {
		snprintf(item, sizeof(item), "%d", i);
		cprom_gauge_set(cprom_labels(sizes, item), i + 0.25);
	}
}

static void
serve(const cprom_server_options *o, const sigset_t *stop)
{
	cprom_server *server = cprom_server_start_with(o);
	int which;

	if (server == NULL) {
		fprintf(stderr, "%s\n", cprom_error());
		exit(EXIT_FAILURE);
	}
	printf("port %d\n", cprom_server_port(server));
	fflush(stdout);
	sigwait(stop, &which);
	cprom_server_stop(server);
}

int
main(int argc, char **argv)
{
	cprom_server_options o = {.size = sizeof(o), .handler = echo};
	int items = 200, option;
	sigset_t stop;

	while ((option = getopt(argc, argv, "b:u:p:s:n:")) != -1) {
		switch (option) {
		case 'b':
			o.bearer_token = optarg;
			break;
		case 'u':
			o.basic_user = optarg;
			break;
		case 'p':
			o.basic_password = optarg;
			break;
		case 's':
			o.max_scrapes = (unsigned)atoi(optarg);
			break;
		case 'n':
			items = atoi(optarg);
			break;
		default:
			return EXIT_FAILURE;
		}
	}
	o.address = argv[optind];
	o.registry = cprom_registry_new(.shared = 0);
	fill(o.registry, items);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	serve(&o, &stop);
	cprom_registry_free(o.registry);
	return EXIT_SUCCESS;
}
