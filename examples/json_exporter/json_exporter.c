/* SPDX-License-Identifier: MIT */
/*
 * json_exporter: turns JSON documents, such as the status pages of Dask and JupyterHub, into
 * metrics, when Prometheus asks for them.
 *
 *	json_exporter MAPPING [address]          # 127.0.0.1:8000 unless told otherwise
 *	json_exporter --dashboard MAPPING        # a Grafana dashboard of these metrics
 *
 * The mapping lists sources, and what becomes of each. README.md says how; ../json/mapping.json is
 * one.
 *
 * A source that is not there, late, or not what the mapping says, has no metrics in that page, 0 in
 * json_exporter_up, and 1 more in json_exporter_errors_total. All others are there as always: the
 * timeouts of all URLs together leave a scrape in time. Sources are fetched one after the other, in
 * the one thread, so scrapes that come meanwhile wait for their turn.
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "collect.h"
#include "dashboard.h"
#include "mapping.h"

#define DEFAULT_ADDRESS "127.0.0.1:8000"

static struct mapping mapping;

/*
 * In this thread rather than in one of the server's own, which has 256 KiB of stack: libjansson
 * takes nearly as much for a document that is nested as deeply as it allows.
 */
static void
serve(cprom_server *server, const sigset_t *stop)
{
	struct pollfd ready[] = {{cprom_server_fd(server), POLLIN, 0},
				 {signalfd(-1, stop, SFD_CLOEXEC), POLLIN, 0}};

	if (ready[1].fd == -1)
		die("signalfd: %s", strerror(errno));
	while (ready[1].revents == 0) {
		if (poll(ready, 2, -1) == -1 && errno != EINTR)
			die("poll: %s", strerror(errno));
		cprom_server_step(server, 0);
	}
	close(ready[1].fd);
}

static void
run(const char *address)
{
	cprom_server *server;
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN); /* libcurl's TLS writes without asking for none */
	collect_register(&mapping);
	server = cprom_server_open(address);
	if (server == NULL)
		die("%s", cprom_error());
	printf("json_exporter: /metrics on port %d\n", cprom_server_port(server));
	fflush(stdout);
	serve(server, &stop);
	cprom_server_stop(server);
}

int
main(int argc, char **argv)
{
	int dashboard = argc == 3 && strcmp(argv[1], "--dashboard") == 0;

	if (argc < 2 || argc > 3)
		die("usage: json_exporter MAPPING [address] | json_exporter --dashboard MAPPING");
	mapping_load(&mapping, argv[1 + dashboard]);
	collect_check(&mapping);
	if (dashboard)
		return dashboard_write(&mapping) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	/* Files are named from where the mapping is. */
	if (chdir(dirname(argv[1])) != 0)
		die("cannot change to the mapping's directory");
	run(argc == 3 ? argv[2] : DEFAULT_ADDRESS);
	return EXIT_SUCCESS;
}
