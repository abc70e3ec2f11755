/* SPDX-License-Identifier: MIT */
/*
 * frame: users by day and hub.
 */
#include "frame.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct frame
frame_of_days(long first, long last)
{
	return (struct frame){.first = first, .days = (size_t)(last - first + 1)};
}

void
frame_free(struct frame *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->columns[i].hub);
		free(f->columns[i].users);
	}
	free(f->columns);
}

/* Takes the name over. */
static struct column *
new_column(struct frame *f, char *hub)
{
	struct column *columns = realloc(f->columns, (f->count + 1) * sizeof(*columns));
	double *users = malloc((f->days + 1) * sizeof(*users));

	if (columns != NULL)
		f->columns = columns;
	if (columns == NULL || users == NULL) {
		free(users);
		free(hub);
		return NULL;
	}
	for (size_t i = 0; i < f->days; i++)
		users[i] = NAN;
	columns[f->count] = (struct column){hub, users, 0};
	return &columns[f->count++];
}

struct column *
frame_column(struct frame *f, const char *hub)
{
	char *name = strdup(hub);

	if (name == NULL)
		return NULL;
	text_clean(name);
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->columns[i].hub, name) == 0) {
			free(name);
			return &f->columns[i];
		}
	return new_column(f, name);
}

void
frame_add(struct frame *f, struct column *c, double day, double users)
{
	double row = day - (double)f->first, *cell;

	if (!isfinite(users) || !(row >= 0 && row < (double)f->days))
		return;
	cell = &c->users[(size_t)row];
	*cell = isnan(*cell) ? users : *cell + users;
	c->sum += users;
}

bool
frame_add_all(struct frame *f, const struct frame *other)
{
	for (size_t i = 0; i < other->count; i++) {
		struct column *c = frame_column(f, other->columns[i].hub);

		if (c == NULL)
			return false;
		for (size_t row = 0; row < other->days; row++)
			frame_add(f, c, (double)other->first + (double)row,
				  other->columns[i].users[row]);
	}
	return true;
}

static int
compare_columns(const void *a, const void *b)
{
	const struct column *x = a, *y = b;

	return x->sum != y->sum ? (x->sum < y->sum) - (x->sum > y->sum) : strcmp(x->hub, y->hub);
}

double
frame_sum_of_day(const struct frame *f, size_t row)
{
	double sum = NAN;

	for (size_t i = 0; i < f->count; i++)
		if (!isnan(f->columns[i].users[row]))
			sum = (isnan(sum) ? 0 : sum) + f->columns[i].users[row];
	return sum;
}

void
frame_arrange(struct frame *f)
{
	size_t empty = 0;

	if (f->count > 0)
		qsort(f->columns, f->count, sizeof(*f->columns), compare_columns);
	while (f->days > 0 && isnan(frame_sum_of_day(f, f->days - 1)))
		f->days--;
	while (empty < f->days && isnan(frame_sum_of_day(f, empty)))
		empty++;
	f->first += (long)empty;
	f->days -= empty;
	for (size_t i = 0; i < f->count; i++)
		memmove(f->columns[i].users, f->columns[i].users + empty, f->days * sizeof(double));
}

const char *
day_text(char text[DAY_TEXT], long day, const char *format)
{
	time_t start = (time_t)day * DAY;
	struct tm date;

	gmtime_r(&start, &date);
	strftime(text, DAY_TEXT, format, &date);
	return text;
}
