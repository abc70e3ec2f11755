/* SPDX-License-Identifier: MIT */
/*
 * page: pages of small registries.
 */
#include "page.h"

/* Up to the space before the value; 0 if the line is none of a sample. */
static size_t
name_length(const char *line)
{
	size_t n = 0;
	bool quoted = false;

	while (line[n] != '\0' && line[n] != '\n' && (quoted || line[n] != ' '))
		quoted ^= line[n++] == '"';
	return line[n] == ' ' && n > 0 && !quoted ? n : 0;
}

static const char *
line_after(const char *line)
{
	const char *end = strchr(line, '\n');

	EXPECT(end != NULL);
	return end + 1;
}

static void
check_lines(const char *page)
{
	for (const char *line = page; *line != '\0'; line = line_after(line)) {
		size_t n = name_length(line);
		char *end;

		if (*line == '#') {
			n = (size_t)(line_after(line) - line);
		} else {
			EXPECT(n > 0);
			strtod(line + n, &end);
			EXPECT(*end == '\n');
		}
		for (const char *other = page; other < line; other = line_after(other))
			if (strncmp(other, line, n + 1) == 0)
				machine_fail("twice in the page: %.*s", (int)n, line);
	}
}

void
page_read(cprom_registry *r, char page[PAGE_BYTES])
{
	cprom_scrape *s = cprom_scrape_open(r, NULL);
	size_t length = 0;
	ssize_t n;

	EXPECT(s != NULL);
	while ((n = cprom_scrape_read(s, page + length, 300)) > 0) {
		length += (size_t)n;
		EXPECT(length + 300 < PAGE_BYTES);
	}
	EXPECT(n == 0);
	page[length] = '\0';
	cprom_scrape_close(s);
	check_lines(page);
}

double
page_value(const char *page, const char *sample)
{
	size_t n = strlen(sample);

	for (const char *line = page; *line != '\0'; line = line_after(line))
		if (*line != '#' && name_length(line) == n && strncmp(line, sample, n) == 0)
			return strtod(line + n, NULL);
	return __builtin_nan("");
}
