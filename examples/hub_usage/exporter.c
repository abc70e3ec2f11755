/* SPDX-License-Identifier: MIT */
/*
 * hub_usage_exporter: how many people are active on several JupyterHubs, for Prometheus to scrape.
 *
 *	hub_usage_exporter [address]        # 127.0.0.1:8004 unless told otherwise
 *
 * The hubs are simulated (hubs.h). Who has real ones asks them, or their database, in collect().
 */
#include "hubs.h"

#include <cprom.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_ADDRESS "127.0.0.1:8004"

/* Runs in each scrape: what is shown is what is so now, and nothing has to be kept up to date. */
static void
collect(cprom_sink *out, void *arg)
{
	time_t now = time(NULL);

	(void)arg;
	cprom_sink_family(out, CPROM_TYPE_GAUGE, HUBS_METRIC, HUBS_HELP);
	for (const struct hub *h = hubs; h < hubs + HUB_COUNT; h++) {
		if (!hub_is_up(h, now))
			continue;
		for (const struct period *p = periods; p < periods + PERIOD_COUNT; p++)
			cprom_sink_sample(out, (double)hub_users(h, p, now),
					  .labels = CPROM_LABELS("period", p->name, "namespace",
								 h->namespace));
	}
}

int
main(int argc, char **argv)
{
	const char *address = argc > 1 ? argv[1] : DEFAULT_ADDRESS;
	cprom_server *server;
	sigset_t stop;
	int which;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);

	server = cprom_collector_new(collect, NULL) == NULL ? NULL : cprom_server_start(address);
	if (server == NULL) {
		fprintf(stderr, "hub_usage_exporter: %s\n", cprom_error());
		return EXIT_FAILURE;
	}
	printf("hub_usage_exporter: /metrics on port %d\n", cprom_server_port(server));
	fflush(stdout);

	sigwait(&stop, &which);
	cprom_server_stop(server);
	return EXIT_SUCCESS;
}
