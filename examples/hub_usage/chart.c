/* SPDX-License-Identifier: MIT */
/*
 * chart: a frame as a picture: for each day a bar of what the hubs had, stacked, in SVG.
 */
#include "frame.h"

#include <math.h>
#include <string.h>

#define WIDTH 800
#define HEIGHT 600
#define LEFT 70 /* the plot */
#define RIGHT 590
#define TOP 60
#define BOTTOM 530
#define LEGEND 610
#define LEGEND_LINE 20
#define LEGEND_MOST 22 /* lines */
#define NAME_MOST 17   /* characters of a hub's name in the legend */
#define TITLE_MOST 75
#define MOST_TICKS 9

struct scale {
	double top, step; /* of the users, at the upper end; between two ticks */
	int ticks;        /* above 0, the last one at the upper end */
	double day;       /* the width of one */
};

/* ---- text ---- */

static void
put_text(FILE *to, const char *text, size_t n)
{
	for (; n > 0 && *text != '\0'; n--, text++) {
		const char *entity = *text == '<'   ? "&lt;"
				     : *text == '>' ? "&gt;"
				     : *text == '&' ? "&amp;"
				     : *text == '"' ? "&quot;"
						    : NULL;

		if (entity != NULL)
			fputs(entity, to);
		else
			putc(*text, to);
	}
}

/* The bytes of the first so many characters of UTF-8. */
static size_t
bytes_of(const char *text, size_t characters)
{
	size_t n = 0;

	while (text[n] != '\0' && (characters > 0 || ((unsigned char)text[n] & 0xc0) == 0x80))
		if (((unsigned char)text[n++] & 0xc0) != 0x80)
			characters--;
	return n;
}

static void
put_cut(FILE *to, const char *text, size_t most)
{
	size_t shown = bytes_of(text, most);

	put_text(to, text, shown);
	fputs(text[shown] == '\0' ? "" : "…", to);
}

/* ---- colours ---- */

/* Ten that are told apart easily; then hues as far from those before as can be. */
static void
put_colour(FILE *to, size_t i)
{
	static const char colours[10][8] = {"#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2",
					    "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#bab0ac"};

	if (i < 10)
		fputs(colours[i], to);
	else
		fprintf(to, "hsl(%.0f,%d%%,%d%%)", fmod((double)i * 137.508, 360), i % 2 ? 45 : 65,
			i % 3 == 0 ? 35 : 55);
}

/* ---- axes ---- */

/* What the hubs before have on that day. */
static double
below(const struct frame *f, size_t column, size_t row)
{
	double sum = 0;

	for (size_t i = 0; i < column; i++)
		sum += fmax(f->columns[i].users[row], 0); /* 0 for NAN, too */
	return sum;
}

/* 1, 2 or 5 times a power of ten, about a sixth of the highest bar. */
static struct scale
scale_of(const struct frame *f)
{
	struct scale s = {.day = (double)(RIGHT - LEFT) / (double)f->days};
	double most = 0, rest;

	for (size_t row = 0; row < f->days; row++)
		most = fmax(most, below(f, f->count, row));
	if (most < 1e-9) /* no bar, or none whose height is worth a number */
		most = 1;
	s.step = pow(10, floor(log10(most / 6)));
	rest = most / 6 / s.step;
	s.step *= rest > 5 ? 10 : rest > 2 ? 5 : rest > 1 ? 2 : 1;
	s.ticks = (int)ceil(most / s.step);
	s.top = s.ticks * s.step;
	return s;
}

static double
y_of(const struct scale *s, double users)
{
	return BOTTOM - users / s->top * (BOTTOM - TOP);
}

static void
put_values_axis(FILE *to, const struct scale *s, const char *what)
{
	fputs("<g class=\"axis\" text-anchor=\"end\">\n", to);
	for (int i = 0; i <= s->ticks; i++) {
		double v = i * s->step, y = y_of(s, v);

		fprintf(to, "<path d=\"M%d %.2fH%d\" stroke=\"%s\"/>", LEFT, y, RIGHT,
			v > 0 ? "#ddd" : "#333");
		fprintf(to, "<text x=\"%d\" y=\"%.2f\">%.15g</text>\n", LEFT - 8, y + 4, v);
	}
	fprintf(to,
		"<text text-anchor=\"middle\" transform=\"translate(22 %d) rotate(-90)\">"
		"%s</text>\n</g>\n",
		(TOP + BOTTOM) / 2, what);
}

/* Every day, or every so many weeks a Monday, so that not too many are named. */
static long
days_between_ticks(size_t days)
{
	long n = 1;

	while (days > (size_t)(MOST_TICKS * n))
		n = n == 1 ? 2 : n == 2 ? 7 : 2 * n;
	return n;
}

static void
put_days_axis(FILE *to, const struct frame *f, const struct scale *s)
{
	long between = days_between_ticks(f->days);
	char text[DAY_TEXT], last[DAY_TEXT];

	fputs("<g class=\"axis\" text-anchor=\"middle\">\n", to);
	for (size_t row = 0; row < f->days; row++) {
		long day = f->first + (long)row;
		double x = LEFT + ((double)row + 0.5) * s->day;

		if (between < 7 ? row % (size_t)between != 0 : (day - 4) % between != 0)
			continue; /* 1970-01-05 was a Monday */
		fprintf(to, "<path d=\"M%.2f %dv5\" stroke=\"#333\"/>", x, BOTTOM);
		fprintf(to, "<text x=\"%.2f\" y=\"%d\">%s</text>\n", x, BOTTOM + 19,
			day_text(text, day, "%e %b"));
	}
	fprintf(to, "<text x=\"%d\" y=\"%d\">Date (%s to %s)</text>\n</g>\n", (LEFT + RIGHT) / 2,
		BOTTOM + 45, day_text(text, f->first, "%F"),
		day_text(last, f->first + (long)f->days - 1, "%F"));
}

/* ---- bars and legend ---- */

/* Not where nothing is known (NAN), nor of less than nothing, which a query may find. */
static void
put_bars(FILE *to, const struct frame *f, const struct scale *s, size_t column)
{
	const struct column *c = &f->columns[column];
	char day[DAY_TEXT];

	fputs("<g class=\"hub\" fill=\"", to);
	put_colour(to, column);
	fputs("\">\n", to);
	for (size_t row = 0; row < f->days; row++) {
		double low = below(f, column, row);

		if (!(c->users[row] >= 0))
			continue;
		fprintf(to, "<rect x=\"%.2f\" y=\"%.3f\" width=\"%.2f\" height=\"%.3f\"><title>",
			LEFT + ((double)row + 0.1) * s->day, y_of(s, low + c->users[row]),
			0.8 * s->day, y_of(s, low) - y_of(s, low + c->users[row]));
		put_text(to, c->hub, strlen(c->hub));
		fprintf(to, ", %s: %.15g</title></rect>\n",
			day_text(day, f->first + (long)row, "%F"), c->users[row]);
	}
	fputs("</g>\n", to);
}

static void
put_legend_line(FILE *to, const struct frame *f, size_t column, int y)
{
	const struct column *c = &f->columns[column];

	fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"", LEGEND, y - 10);
	put_colour(to, column);
	fprintf(to, "\"/><text x=\"%d\" y=\"%d\">", LEGEND + 18, y);
	put_cut(to, c->hub, NAME_MOST);
	fprintf(to, "</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.15g</text>\n", WIDTH - 15,
		y, c->sum);
}

/* In the order of the table. */
static void
put_legend(FILE *to, const struct frame *f)
{
	size_t shown = f->count <= LEGEND_MOST ? f->count : LEGEND_MOST - 1;
	int y = TOP + 10;

	fprintf(to, "<g class=\"legend\">\n<text x=\"%d\" y=\"%d\" font-weight=\"bold\">Hub</text>",
		LEGEND, y);
	fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" font-weight=\"bold\">Sum</text>\n",
		WIDTH - 15, y);
	for (size_t i = 0; i < shown; i++)
		put_legend_line(to, f, i, y += LEGEND_LINE);
	if (shown < f->count)
		fprintf(to, "<text x=\"%d\" y=\"%d\">and %zu more</text>\n", LEGEND + 18,
			y + LEGEND_LINE, f->count - shown);
	fputs("</g>\n", to);
}

void
chart_print(FILE *to, const struct frame *f, const char *title, const char *what)
{
	struct scale s = scale_of(f);

	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n"
		"<text x=\"%d\" y=\"32\" font-size=\"18\">",
		WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
	put_cut(to, title, TITLE_MOST);
	fputs("</text>\n", to);
	put_values_axis(to, &s, what);
	for (size_t i = 0; i < f->count; i++)
		put_bars(to, f, &s, i);
	put_days_axis(to, f, &s);
	put_legend(to, f);
	fputs("</svg>\n", to);
}
