/* SPDX-License-Identifier: MIT */
/*
 * fuzz_accept: any bytes as an Accept header. The answer has a Content-Type that there is, and
 * what means nothing changes nothing: case of types, order of parameters, blanks, clauses at
 * the end that choose nothing.
 */
#include "negotiate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool what)
{
	if (!what)
		abort();
}

static bool
is_among(const char *text, const char *const *of)
{
	while (*of != NULL && strcmp(text, *of) != 0)
		of++;
	return *of != NULL;
}

static void
check_content_type(const char *answer)
{
	static const char *const types[] = {
		"text/plain; version=0.0.4; charset=utf-8",
		"application/openmetrics-text; version=1.0.0; charset=utf-8",
		"application/openmetrics-text; version=0.0.1; charset=utf-8",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
		"encoding=delimited",
		NULL};
	static const char *const escapings[] = {"; escaping=underscores", "; escaping=dots",
						"; escaping=values", "; escaping=allow-utf-8",
						NULL};
	const char *escaping = strstr(answer, "; escaping=");
	char type[128] = "";

	demand(escaping != NULL && (size_t)(escaping - answer) < sizeof(type));
	memcpy(type, answer, (size_t)(escaping - answer));
	demand(is_among(type, types) && is_among(escaping, escapings));
}

static bool
same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "="), m = strcspn(b, "=");

	/* Blanks aside: names are only compared to be on the safe side. */
	while (n > 0 && strchr(" \t", *a) != NULL)
		a++, n--;
	while (m > 0 && strchr(" \t", *b) != NULL)
		b++, m--;
	while (n > 0 && strchr(" \t", a[n - 1]) != NULL)
		n--;
	while (m > 0 && strchr(" \t", b[m - 1]) != NULL)
		m--;
	return n == m && strncasecmp(a, b, n) == 0;
}

#define MOST 16 /* parameters of a clause that are put in another order */

/* The parameters of a clause, the last first if none is there twice, with blanks between them. */
static char *
turn_parameters(char *p, char *parameters)
{
	char *found[MOST];
	size_t count = 0;

	for (char *next; parameters != NULL && count < MOST; parameters = next) {
		found[count] = strsep(&parameters, ";");
		next = parameters;
		for (size_t i = 0; i < count; i++)
			if (same_name(found[i], found[count]))
				return NULL;
		count++;
	}
	if (parameters != NULL)
		return NULL;
	while (count > 0) {
		p = stpcpy(p, "\t ; ");
		p = stpcpy(p, found[--count]);
	}
	return p;
}

static char *
turn_clause(char *p, const char *clause)
{
	char *copy = strdup(clause), *parameters = copy, *end;
	char *type = strsep(&parameters, ";");

	p = stpcpy(p, " ");
	for (; *type != '\0'; type++)
		*p++ = (char)(*type >= 'a' && *type <= 'z' ? *type - 32 : *type);
	end = parameters == NULL ? p : turn_parameters(p, parameters);
	if (end == NULL) {
		p = stpcpy(p, strchr(clause, ';'));
		end = p;
	}
	free(copy);
	return stpcpy(end, " \t");
}

/* The same in other words. */
static char *
turn(const char *accept)
{
	char *copy = strdup(accept), *rest = copy;
	char *turned = malloc(8 * strlen(accept) + 64), *p = turned;

	for (char *clause; (clause = strsep(&rest, ",")) != NULL;) {
		p = turn_clause(p, clause);
		if (rest != NULL)
			*p++ = ',';
	}
	strcpy(p, ",*/*,x/y;escaping=dots;q=0");
	free(copy);
	return turned;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *accept = malloc(size + 1), *turned;
	struct format f, g;

	memcpy(accept, data, size);
	accept[size] = '\0';
	f = cpromi_negotiate(accept);
	check_content_type(cpromi_format_content_type(&f));
	turned = turn(accept);
	g = cpromi_negotiate(turned);
	demand(cpromi_format_content_type(&f) == cpromi_format_content_type(&g));
	free(turned);
	free(accept);
	return 0;
}
