/* SPDX-License-Identifier: MIT */
/*
 * table: a frame as text, for eyes or for other programs.
 */
#include "frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whole numbers as such, others as they are, in 32 bytes; nothing where nothing is known. */
static const char *
number_text(char text[32], double v)
{
	if (isnan(v))
		return "";
	snprintf(text, 32, "%.15g", v);
	return text;
}

/* ---- table ---- */

/* Behind the last hub, and below the last day, are the sums. */
static double
value_at(const struct frame *f, size_t column, size_t row)
{
	double sum = 0;

	if (column < f->count)
		return row < f->days ? f->columns[column].users[row] : f->columns[column].sum;
	if (row < f->days)
		return frame_sum_of_day(f, row);
	for (size_t i = 0; i < f->count; i++)
		sum += f->columns[i].sum;
	return sum;
}

static const char *
name_of(const struct frame *f, size_t column)
{
	return column < f->count ? f->columns[column].hub : "sum";
}

/* Of UTF-8: the places that it takes, as a rule. */
static int
characters(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int
width_of(const struct frame *f, size_t column)
{
	int width = characters(name_of(f, column));
	char text[32];

	for (size_t row = 0; row <= f->days; row++) {
		int n = characters(number_text(text, value_at(f, column, row)));

		width = n > width ? n : width;
	}
	return width;
}

static void
put_cell(FILE *to, int width, const char *text)
{
	fprintf(to, "  %*s%s", width - characters(text), "", text);
}

bool
table_print(FILE *to, const struct frame *f)
{
	int *widths = malloc((f->count + 1) * sizeof(*widths));
	char text[32], day[DAY_TEXT];

	if (widths == NULL)
		return false;
	fprintf(to, "%-10s", "day");
	for (size_t i = 0; i <= f->count; i++) {
		widths[i] = width_of(f, i);
		put_cell(to, widths[i], name_of(f, i));
	}
	for (size_t row = 0; row <= f->days; row++) {
		fprintf(to, "\n%-10s",
			row == f->days ? "sum" : day_text(day, f->first + (long)row, "%F"));
		for (size_t i = 0; i <= f->count; i++)
			put_cell(to, widths[i], number_text(text, value_at(f, i, row)));
	}
	putc('\n', to);
	free(widths);
	return true;
}

/* ---- CSV, as of RFC 4180 ---- */

/* A spreadsheet would calculate what begins like a formula, and others name the hubs. */
static void
put_name(FILE *to, const char *text)
{
	bool quoted = strpbrk(text, ",\"") != NULL;

	if (quoted)
		putc('"', to);
	if (*text != '\0' && strchr("=+-@", *text) != NULL)
		putc('\'', to);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putc('"', to);
		putc(*text, to);
	}
	if (quoted)
		putc('"', to);
}

void
csv_print(FILE *to, const struct frame *f)
{
	char day[DAY_TEXT], text[32];

	fputs("day", to);
	for (size_t i = 0; i < f->count; i++) {
		putc(',', to);
		put_name(to, f->columns[i].hub);
	}
	fputs("\r\n", to);
	for (size_t row = 0; row < f->days; row++) {
		fputs(day_text(day, f->first + (long)row, "%F"), to);
		for (size_t i = 0; i < f->count; i++)
			fprintf(to, ",%s", number_text(text, f->columns[i].users[row]));
		fputs("\r\n", to);
	}
}
