/* SPDX-License-Identifier: MIT */
/*
 * hub_usage_backfill: what a Prometheus would have scraped of the hubs until now, as an OpenMetrics
 * page with the time of each sample, of which promtool makes blocks.
 *
 *	hub_usage_backfill [days [step]] >history.om      # 93 days, a sample each 300 s
 *	promtool tsdb create-blocks-from --max-block-duration=720h openmetrics history.om data
 *
 * Prometheus looks 5 minutes back for a sample, so with larger steps there are times without.
 *
 * cprom holds a page that is emitted in memory until it is read: about 75 bytes for each sample.
 * So who has more real history than MOST_SAMPLES writes it as several pages, of some months each.
 */
#include "hubs.h"
#include "text.h"

#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_DAYS 3660
#define MOST_SAMPLES 110000 /* of each series: a year, one each 5 minutes */

struct history {
	time_t first, last;
	time_t step;
	bool incomplete;
};

/* One series, oldest sample first: it is emitted as a whole before the next one begins. */
static bool
emit_series(cprom_sink *out, const struct history *past, const struct hub *h,
	    const struct period *p)
{
	cprom_strings labels = CPROM_LABELS("period", p->name, "namespace", h->namespace);

	for (time_t t = past->first; t <= past->last; t += past->step)
		if (hub_is_up(h, t) &&
		    cprom_sink_sample(out, (double)hub_users(h, p, t), .labels = labels,
				      .timestamp_ms = (int64_t)t * 1000) == -1)
			return false;
	return true;
}

static void
collect(cprom_sink *out, void *arg)
{
	struct history *past = arg;

	cprom_sink_family(out, CPROM_TYPE_GAUGE, HUBS_METRIC, HUBS_HELP);
	for (const struct hub *h = hubs; h < hubs + HUB_COUNT; h++)
		for (const struct period *p = periods; p < periods + PERIOD_COUNT; p++)
			past->incomplete |= !emit_series(out, past, h, p);
}

/* To standard output. The page ends in "# EOF", without which promtool would not take it. */
static bool
write_page(cprom_registry *r)
{
	cprom_scrape *scrape = cprom_scrape_open(r, "application/openmetrics-text");
	char piece[65536];
	ssize_t n = -1;

	while (scrape != NULL && (n = cprom_scrape_read(scrape, piece, sizeof(piece))) > 0)
		fwrite(piece, 1, (size_t)n, stdout);
	cprom_scrape_close(scrape);
	return n == 0;
}

/* A whole number in least … most, or the program ends. */
static long
number(const char *what, const char *text, long least, long most)
{
	long n = text_number(text, least, most);

	if (n > 0)
		return n;
	fprintf(stderr,
		"hub_usage_backfill: %s: \"%s\" is not a number of %ld to %ld\n"
		"usage: hub_usage_backfill [days [step in seconds]] >history.om\n",
		what, text, least, most);
	exit(EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
	long days = number("days", argc > 1 ? argv[1] : "93", 1, MOST_DAYS);
	long least = days * DAY / MOST_SAMPLES + 1;
	struct history past = {.step = number("step", argc > 2 ? argv[2] : "300", least, DAY)};
	cprom_registry *r = cprom_registry_new();

	past.last = time(NULL) / past.step * past.step;
	past.first = past.last - days * DAY;
	if (r == NULL || cprom_collector_new(collect, &past, .registry = r) == NULL ||
	    !write_page(r) || past.incomplete) {
		fprintf(stderr, "hub_usage_backfill: %s\n", cprom_error());
		return EXIT_FAILURE;
	}
	cprom_registry_free(r);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("hub_usage_backfill: standard output");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
