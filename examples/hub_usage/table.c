/* SPDX-License-Identifier: MIT */
/*
 * table: a frame as text, for eyes or for other programs.
 */
#include "frame.h"

#include <math.h>
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

/* Of a column: as wide as its name, or the sum below it. */
static int
width_of(const char *name, double sum)
{
	char text[32];
	size_t a = strlen(name), b = strlen(number_text(text, sum));

	return (int)(a > b ? a : b) + 2;
}

static double
sum_of_all(const struct frame *f)
{
	double sum = 0;

	for (size_t i = 0; i < f->count; i++)
		sum += f->columns[i].sum;
	return sum;
}

static void
print_row(FILE *to, const struct frame *f, const char *start, const size_t *row)
{
	char text[32];

	fprintf(to, "%-10s", start);
	for (size_t i = 0; i < f->count; i++) {
		const struct column *c = &f->columns[i];

		fprintf(to, "%*s", width_of(c->hub, c->sum),
			number_text(text, row == NULL ? c->sum : c->users[*row]));
	}
	fprintf(to, "%*s\n", width_of("sum", sum_of_all(f)),
		number_text(text, row == NULL ? sum_of_all(f) : frame_sum_of_day(f, *row)));
}

void
table_print(FILE *to, const struct frame *f)
{
	char day[DAY_TEXT];

	fprintf(to, "%-10s", "day");
	for (size_t i = 0; i < f->count; i++)
		fprintf(to, "%*s", width_of(f->columns[i].hub, f->columns[i].sum),
			f->columns[i].hub);
	fprintf(to, "%*s\n", width_of("sum", sum_of_all(f)), "sum");
	for (size_t row = 0; row < f->days; row++)
		print_row(to, f, day_text(day, f->first + (long)row, "%F"), &row);
	print_row(to, f, "sum", NULL);
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
