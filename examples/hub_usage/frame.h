/* SPDX-License-Identifier: MIT */
/*
 * frame: users by day and hub. Rows are consecutive days, columns are hubs.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DAY 86400   /* seconds */
#define DAY_TEXT 16 /* bytes for the text of a day */

struct column {
	char *hub;
	double *users; /* of each day; NAN: not known */
	double sum;
};

struct frame {
	long first; /* day, since 1970 */
	size_t days;
	struct column *columns;
	size_t count;
};

/* No hubs yet, all days from first to last. */
struct frame frame_of_days(long first, long last);
void frame_free(struct frame *f);

/* The hub's, until the next call; NULL without memory. Its name is cleaned (text.h). */
struct column *frame_column(struct frame *f, const char *hub);

/*
 * Adds to what is known of that day since 1970, as bars of one colour are stacked. NAN, infinities
 * and days that the frame does not have are passed by.
 */
void frame_add(struct frame *f, struct column *c, double day, double users);

/* Adds all of another frame; false without memory. */
bool frame_add_all(struct frame *f, const struct frame *other);

/* The hub with most users first; days before and behind all data leave. */
void frame_arrange(struct frame *f);

/* Of all hubs; NAN if no hub has one. */
double frame_sum_of_day(const struct frame *f, size_t row);

/* "2026-11-21". */
const char *day_text(char text[DAY_TEXT], long day, const char *format);

/* ---- ways to show it ---- */

/* False without memory. */
bool table_print(FILE *to, const struct frame *f);
void csv_print(FILE *to, const struct frame *f);

/* What the values are is written at their axis. */
void chart_print(FILE *to, const struct frame *f, const char *title, const char *what);

#endif
