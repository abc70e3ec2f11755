/* SPDX-License-Identifier: MIT */
/*
 * served: serves metrics of every type, which do not change, until its input ends.
 *
 *    served ADDRESS    prints "port N"
 */
#include <cprom.h>
#include <stdio.h>

#define SERIES 2000 /* of large families: more than a scrape holds at once */

static const char *
number_text(int i)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", i);
	return text;
}

static void
fill_classic(void)
{
	cprom_counter *c = cprom_counter_new("acme_jobs_total", "Jobs.",
					     .labels = CPROM_LABELS("which"));
	cprom_gauge *g = cprom_gauge_new("acme_load", "Hostile \\ \" \n help.",
					 .labels = CPROM_LABELS("l"));
	cprom_histogram *h = cprom_histogram_new("acme_wait_seconds", "Wait.",
						 .labels = CPROM_LABELS("queue"),
						 .buckets = CPROM_BUCKETS(0.5, 1, 2.5));
	cprom_summary *s = cprom_summary_new("acme_turn_seconds", "Turn.", .max_age = 3600,
					     .quantiles = CPROM_QUANTILES(0.5, 0.99));

	for (int i = 0; i < SERIES; i++) {
		cprom_counter_add(cprom_labels(c, number_text(i)), i + 0.25);
		cprom_histogram_observe_many(cprom_labels(h, number_text(i)), i % 4, 1 + i);
	}
	cprom_counter_add_exemplar(cprom_labels(c, "0"), 1, CPROM_LABELS("trace_id", "of a job"));
	cprom_histogram_observe_exemplar(cprom_labels(h, "0"), 2, CPROM_LABELS("trace_id", "in"));
	cprom_histogram_observe_exemplar(cprom_labels(h, "0"), 3,
					 CPROM_LABELS("trace_id", "above"));
	cprom_gauge_set(cprom_labels(g, "\\ \" \n \xf0\x9f\x8c\xb3"), -1.5);
	cprom_summary_observe(s, 2);
}

/* An empty one is the first: some readers tell by it what the family is. */
static void
fill_native(void)
{
	cprom_histogram *n = cprom_histogram_new("acme_native_seconds", "Native.",
						 .labels = CPROM_LABELS("queue"),
						 .native = CPROM_NATIVE(.zero_threshold = -1));

	cprom_labels(n, "empty");
	for (int i = 0; i < 1000; i++) {
		cprom_histogram_observe(cprom_labels(n, "even"), 1 + i / 100.0);
		cprom_histogram_observe(cprom_labels(n, "signs"), i - 500.5);
	}
	for (int i = 0; i < SERIES; i++)
		cprom_histogram_observe(cprom_labels(n, number_text(i)), 1 + i);
}

int
main(int argc, char **argv)
{
	cprom_server *server = cprom_server_start(argc > 1 ? argv[1] : "127.0.0.1:0");

	if (server == NULL) {
		fprintf(stderr, "served: %s\n", cprom_error());
		return 1;
	}
	fill_classic();
	fill_native();
	printf("port %d\n", cprom_server_port(server));
	fflush(stdout);
	while (getchar() != EOF)
		;
	cprom_server_stop(server);
	return 0;
}
