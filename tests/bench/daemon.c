/* SPDX-License-Identifier: MIT */
/*
 * daemon: a minimal one with cprom, whose start is measured: a counter, a histogram, a server.
 *
 * The listening socket is its file descriptor 3; it ends with its standard input.
 */
#include <cprom.h>
#include <unistd.h>

CPROM_COUNTER(jobs, "jobs_done_total", "Jobs finished.");
CPROM_HISTOGRAM(latency, "job_seconds", "Time spent in a job.");

int
main(void)
{
	cprom_server *server = cprom_server_start("fd:3");
	char end;

	if (server == NULL)
		return 1;
	CPROM_TIME (latency) {
		cprom_counter_inc(jobs);
	}
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	return 0;
}
