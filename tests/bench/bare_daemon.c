/* SPDX-License-Identifier: MIT */
/*
 * bare_daemon: what daemon.c is without cprom: its server has a ready-made page.
 */
#include "bare.h"

#include <unistd.h>

static const char page[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 80\r\n\r\n"
	"# HELP jobs_done_total Jobs finished.\n"
	"# TYPE jobs_done_total counter\n"
	"jobs_done_total 1\n";

int
main(void)
{
	struct bare_server s = {.listener = 3,
				.answer = page,
				.length = sizeof(page) - 1,
				.last_answer = page,
				.last_length = sizeof(page) - 1};
	char end;

	if (bare_start(&s) == -1)
		return 1;
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	return 0;
}
