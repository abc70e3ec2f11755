/* SPDX-License-Identifier: MIT */
/*
 * hubs: how many people used each of a few JupyterHubs. There are no such hubs: the numbers are
 * made up from the date alone, so that history and exporter agree, and a test can foretell them.
 *
 *	of a day:  the hub's users, of which there are a little more each day, times what
 *	           is usual on that day of the week, give or take a tenth
 *	24h:       of the last 24 hours, counted anew each full hour as JupyterHub does: so many
 *	           24ths of today's as hours are over, the rest of yesterday's
 *	7d, 30d:   the sum of so many 24h, less those who came more than once
 */
#ifndef HUBS_H
#define HUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define DAY 86400

#define HUBS_METRIC "jupyterhub_active_users"
#define HUBS_HELP "Number of users who were active in the given period of time."

struct hub {
	const char *namespace;
	long users;  /* on a good day, at the start of 2026 */
	long growth; /* each day, in ten thousandths of them */
	bool taught; /* there in the terms alone: February to May, September to December */
};

struct period {
	const char *name;
	long days;
	long different; /* users among a thousand visits of a day */
};

#define HUB_COUNT 5
#define PERIOD_COUNT 3
extern const struct hub hubs[HUB_COUNT];
extern const struct period periods[PERIOD_COUNT];

/* Is the hub there? */
bool hub_is_up(const struct hub *h, time_t now);

long hub_users(const struct hub *h, const struct period *p, time_t now);

#endif
