/* SPDX-License-Identifier: MIT */
/*
 * hubs: simulated users of JupyterHubs.
 */
#include "hubs.h"

#include <stdint.h>

#define START_OF_2026 20454 /* in days since 1970, which began on a Thursday */

const struct hub hubs[HUB_COUNT] = {
	{"astronomy", 42, 6, false},    {"climate", 96, 14, false}, {"intro-course", 180, 0, true},
	{"neuroscience", 60, 3, false}, {"staging", 7, 0, false},
};

const struct period periods[PERIOD_COUNT] = {
	{"24h", 1, 1000},
	{"7d", 7, 400},
	{"30d", 30, 125},
};

/* In thousandths of the users, Monday first. */
static const long usual[7] = {960, 1000, 1000, 980, 850, 330, 290};

bool
hub_is_up(const struct hub *h, time_t now)
{
	struct tm date;

	gmtime_r(&now, &date);
	return !h->taught || (date.tm_mon >= 1 && date.tm_mon <= 4) || date.tm_mon >= 8;
}

/* 900 to 1100: always the same for a day and hub. */
static long
chance(const struct hub *h, long day)
{
	uint32_t x = (uint32_t)day * 2654435761u + (uint32_t)(h - hubs) * 40503u;

	return 900 + (x ^ x >> 15) % 201;
}

static long
users_of_day(const struct hub *h, long day)
{
	long of_all = 10000 + h->growth * (day - START_OF_2026);

	if (!hub_is_up(h, (time_t)day * DAY) || of_all < 0)
		return 0;
	return h->users * of_all / 10000 * usual[(day + 3) % 7] * chance(h, day) / 1000000;
}

long
hub_users(const struct hub *h, const struct period *p, time_t now)
{
	long today = (long)(now / DAY), hour = (long)(now % DAY / 3600), visits = 0;

	for (long day = today; day > today - p->days; day--)
		visits += (users_of_day(h, day - 1) * (24 - hour) + users_of_day(h, day) * hour) /
			  24;
	return visits * p->different / 1000;
}
