/* SPDX-License-Identifier: MIT */
/*
 * random_names: registries of random names, and their pages in each scheme, for read_names.py.
 *
 *    random_names SEED COUNT
 *
 * For each registry it prints what was registered, in order, and then its pages:
 *
 *    F type name help label …     a family, and the names of its labels
 *    S value label=value …        a series of it; of histograms and summaries the number of observations
 *    P format scheme bytes        and behind the line so many bytes of page
 *    .                            no more of this registry
 *
 * Names, helps and values of labels are "x" and their bytes in hexadecimal.
 */
#include <cprom.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_LABELS 3

static uint64_t state; /* of random(): xorshift64 (Marsaglia, 2003) */
static unsigned long refused, taken;

static unsigned
draw(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % below;
}

static void
draw_text(char *out, size_t size)
{
	static const char *const parts[] = {"a",
					    "a",
					    "b",
					    "io",
					    "_",
					    ".",
					    ".",
					    "/",
					    ":",
					    " ",
					    "1",
					    "\"",
					    "\\",
					    "\n",
					    "{",
					    "=",
					    ",",
					    "\x7f",
					    "_sum",
					    ".sum",
					    "_count",
					    "_total",
					    ".total",
					    "_info",
					    "\xc3\xa9",
					    "U__",
					    "\xdf\xbf",
					    "\xe6\x97\xa5",
					    "\xf0\x9f\x98\x80",
					    "\xef\xbf\xbd"};
	unsigned n = 1 + draw(4);

	*out = '\0';
	for (unsigned i = 0; i < n; i++)
		strncat(out, parts[draw(array_len(parts))], size - strlen(out) - 1);
}

static void
print_text(const char *text)
{
	putchar('x');
	for (; *text != '\0'; text++)
		printf("%02x", (unsigned)(unsigned char)*text);
}

static void
print_word(const char *text)
{
	putchar(' ');
	print_text(text);
}

static void
print_label(const char *name, const char *value)
{
	print_word(name);
	putchar('=');
	print_text(value);
}

/* What a family is made of. */
struct plan {
	char name[64], help[64];
	char labels[MAX_LABELS][64], constant[64], value[64];
	unsigned label_count;
	bool has_constant;
	const char *names[MAX_LABELS], *const_labels[2];
};

static void
draw_plan(struct plan *p)
{
	draw_text(p->name, sizeof(p->name));
	draw_text(p->help, sizeof(p->help));
	draw_text(p->constant, sizeof(p->constant));
	draw_text(p->value, sizeof(p->value));
	p->has_constant = draw(3) == 0;
	p->const_labels[0] = p->constant;
	p->const_labels[1] = p->value;
	p->label_count = draw(MAX_LABELS + 1);
	for (unsigned i = 0; i < p->label_count; i++) {
		draw_text(p->labels[i], sizeof(p->labels[i]));
		p->names[i] = p->labels[i];
	}
}

#define COMMON                                                                                     \
	.registry = r, .labels = {p->names, p->label_count},                                       \
	.const_labels = {p->const_labels, p->has_constant ? 2 : 0}

static cprom_metric *
make(cprom_registry *r, const struct plan *p, const char **type)
{
	switch (draw(4)) {
	case 0:
		*type = "counter";
		return (cprom_metric *)cprom_counter_new(p->name, p->help, COMMON);
	case 1:
		*type = "gauge";
		return (cprom_metric *)cprom_gauge_new(p->name, p->help, COMMON);
	case 2:
		*type = "histogram";
		return (cprom_metric *)cprom_histogram_new(p->name, p->help, COMMON,
							   .buckets = CPROM_BUCKETS(1));
	default:
		*type = "summary";
		return (cprom_metric *)cprom_summary_new(p->name, p->help, COMMON);
	}
}

/* Of each observation the value is a half. */
static void
update(cprom_metric *child, const char *type, unsigned n)
{
	if (*type == 'c')
		cprom_counter_add((cprom_counter *)child, n);
	else if (*type == 'g')
		cprom_gauge_set((cprom_gauge *)child, n);
	for (unsigned i = 0; i < n; i++) {
		if (*type == 'h')
			cprom_histogram_observe((cprom_histogram *)child, 0.5);
		else if (*type == 's')
			cprom_summary_observe((cprom_summary *)child, 0.5);
	}
}

static void
add_child(cprom_metric *family, const struct plan *p, const char *type, unsigned n)
{
	const char *values[MAX_LABELS];
	char texts[MAX_LABELS][80];

	for (unsigned i = 0; i < p->label_count; i++) {
		draw_text(texts[i], sizeof(texts[i]));
		if (i == 0) /* no child is made twice */
			snprintf(texts[i] + strlen(texts[i]), 8, "%u", n);
		values[i] = texts[i];
	}
	if (p->label_count > 0)
		family = cprom_metric_labels(family, (cprom_strings){values, p->label_count});
	update(family, type, n);
	printf("S %u", n);
	if (p->has_constant)
		print_label(p->constant, p->value);
	for (unsigned i = 0; i < p->label_count; i++)
		print_label(p->labels[i], values[i]);
	putchar('\n');
}

static void
add_family(cprom_registry *r)
{
	const char *type;
	struct plan p;
	cprom_metric *family;
	unsigned children;

	draw_plan(&p);
	family = make(r, &p, &type);
	if (family == NULL) { /* two names collide, or one is reserved */
		refused++;
		return;
	}
	taken++;
	children = p.label_count > 0 ? draw(4) : 1;
	printf("F %s", type);
	print_word(p.name);
	print_word(p.help);
	if (p.has_constant)
		print_word(p.constant);
	for (unsigned i = 0; i < p.label_count; i++)
		print_word(p.labels[i]);
	putchar('\n');
	for (unsigned i = 0; i < children; i++)
		add_child(family, &p, type, i + 1);
}

static bool
print_page(cprom_registry *r, const char *format, const char *type, const char *scheme)
{
	char accept[128];
	size_t n;
	char *page;

	snprintf(accept, sizeof(accept), "%s;escaping=%s", type, scheme);
	page = cprom_render(r, accept, &n);
	if (page == NULL)
		return false;
	printf("P %s %s %zu\n", format, scheme, n);
	fwrite(page, 1, n, stdout);
	free(page);
	return true;
}

static bool
print_registry(void)
{
	static const char *const schemes[] = {"underscores", "dots", "values", "allow-utf-8"};
	cprom_registry *r = cprom_registry_new(.utf8_names = 1);
	unsigned families = 1 + draw(8);
	bool done = r != NULL;

	for (unsigned i = 0; i < families; i++)
		add_family(r);
	for (size_t i = 0; i < array_len(schemes) && done; i++)
		done = print_page(r, "text", "text/plain;version=0.0.4", schemes[i]) &&
		       print_page(r, "openmetrics", "application/openmetrics-text;version=1.0.0",
				  schemes[i]);
	puts(".");
	cprom_registry_free(r);
	return done;
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
	for (long n = strtol(argv[2], NULL, 10); n > 0; n--) {
		if (!print_registry()) {
			fprintf(stderr, "%s\n", cprom_error());
			return 1;
		}
	}
	return taken > refused ? 0 : 1;
}
