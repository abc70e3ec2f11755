/* SPDX-License-Identifier: MIT */
/*
 * render: what a line of a page costs, read in pieces of 64 KiB; beside it, what copying the page costs.
 *
 * The bound, which has the digits to make as well, is bound_render.cc.
 */
#include "bench.h"
#include "rendered.h"

#include <string.h>

static char piece[RENDERED_PIECE];

static uint64_t
scrape(struct bench_thread *t)
{
	const struct rendered *s = t->subject;
	cprom_scrape *scrape = cprom_scrape_open(s->registry, NULL);

	while (cprom_scrape_read(scrape, piece, sizeof(piece)) > 0)
		;
	cprom_scrape_close(scrape);
	return s->lines;
}

static uint64_t
copy(struct bench_thread *t)
{
	const struct rendered *s = t->subject;

	for (size_t at = 0; at < s->bytes; at += sizeof(piece)) {
		size_t rest = s->bytes - at;

		memcpy(piece, s->page + at, rest < sizeof(piece) ? rest : sizeof(piece));
	}
	return s->lines;
}

int
main(int argc, char **argv)
{
	struct bench_case cases[2 * RENDERED_COUNT];
	size_t n = 0;

	rendered_make(argc > 3 ? argv[3] : "");
	for (size_t i = 0; i < RENDERED_COUNT; i++) {
		const char *what = rendered[i].what;

		cases[n++] = (struct bench_case){what, "copy", 1, copy, &rendered[i], NULL};
		cases[n++] = (struct bench_case){what, BENCH_CPROM, 1, scrape, &rendered[i], NULL};
	}
	return bench_run(argc, argv, "render", cases, n);
}
