/* SPDX-License-Identifier: MIT */
/* program: counts a job, serves /metrics for a moment, and prints the page. */
#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>

static CPROM_COUNTER(jobs, "jobs_done_total", "Jobs finished.", .labels = CPROM_LABELS("queue"));

int
main(void)
{
	cprom_server *server = cprom_server_start("127.0.0.1:0"); /* any free port */
	char *page;

	cprom_counter_inc(cprom_labels(jobs, "odd"));
	page = cprom_render(NULL, NULL, NULL);
	if (server == NULL || page == NULL) {
		fprintf(stderr, "program: %s\n", cprom_error());
		return EXIT_FAILURE;
	}
	fputs(page, stdout);
	free(page);
	cprom_server_stop(server);
	return EXIT_SUCCESS;
}
