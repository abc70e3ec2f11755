/* SPDX-License-Identifier: MIT */
/*
 * Tests of negotiate: what each reader gets. The headers of the first table were sent by the
 * programs named, or stand in their source; the others are made up.
 */
#include "negotiate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guard_page.h"

#define PROTO                                                                                      \
	"application/"                                                                             \
	"vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define OPEN "application/openmetrics-text"
#define TEXT "text/plain"
#define UTF8 ";escaping=allow-utf-8"

/* Answers: the Content-Type up to its escaping. */
#define T "text/plain; version=0.0.4; charset=utf-8"
#define O1 "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define O0 "application/openmetrics-text; version=0.0.1; charset=utf-8"
#define P                                                                                          \
	"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "               \
	"encoding=delimited"

struct row {
	const char *accept, *type, *escaping;
};

static void
check(const struct row *row)
{
	struct format f = cpromi_negotiate(row->accept);
	const char *answer = cpromi_format_content_type(&f);
	size_t n = strlen(row->type);

	if (strncmp(answer, row->type, n) != 0 || strncmp(answer + n, "; escaping=", 11) != 0 ||
	    strcmp(answer + n + 11, row->escaping) != 0)
		fail_msg("'%s' gets '%s', not '%s; escaping=%s'",
			 row->accept == NULL ? "(none)" : row->accept, answer, row->type,
			 row->escaping);
}

static void
check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&rows[i]);
}

#define check_all(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- who asks --------------------------------------------------------------- */

static void
prometheus_gets_what_it_asks_for(void **state)
{
	static const struct row rows[] = {
		/* up to 2.32: with a blank, then without */
		{OPEN "; version=0.0.1," TEXT ";version=0.0.4;q=0.5,*/*;q=0.1", O0, "underscores"},
		{OPEN ";version=0.0.1," TEXT ";version=0.0.4;q=0.5,*/*;q=0.1", O0, "underscores"},
		/* 2.42 to 2.48; with native histograms */
		{OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75," TEXT
		      ";version=0.0.4;q=0.5,*/*;q=0.1",
		 O1, "underscores"},
		{PROTO "," OPEN ";version=1.0.0;q=0.8," OPEN ";version=0.0.1;q=0.75," TEXT
		       ";version=0.0.4;q=0.5,*/*;q=0.1",
		 P, "underscores"},
		/* 2.49.0; 2.49.1 to 2.55 */
		{OPEN ";version=1.0.0;q=0.5," OPEN ";version=0.0.1;q=0.4," TEXT
		      ";version=0.0.4;q=0.3,*/*;q=2",
		 O1, "underscores"},
		{OPEN ";version=1.0.0;q=0.5," OPEN ";version=0.0.1;q=0.4," TEXT
		      ";version=0.0.4;q=0.3,*/*;q=0.2",
		 O1, "underscores"},
		/* 2.49 to 2.55, protobuf first */
		{PROTO ";q=0.5," OPEN ";version=1.0.0;q=0.4," OPEN ";version=0.0.1;q=0.3," TEXT
		       ";version=0.0.4;q=0.2,*/*;q=0.1",
		 P, "underscores"},
		/* 3.0 to 3.2; 3.3 */
		{OPEN ";version=1.0.0" UTF8 ";q=0.6," OPEN ";version=0.0.1" UTF8 ";q=0.5," TEXT
		      ";version=1.0.0" UTF8 UTF8 ";q=0.4," TEXT ";version=0.0.4" UTF8
		      ";q=0.3,*/*" UTF8 ";q=0.2",
		 O1, "allow-utf-8"},
		{OPEN ";version=1.0.0" UTF8 ";q=0.6," OPEN ";version=0.0.1" UTF8 ";q=0.5," TEXT
		      ";version=1.0.0" UTF8 ";q=0.4," TEXT ";version=0.0.4" UTF8 ";q=0.3,*/*" UTF8
		      ";q=0.2",
		 O1, "allow-utf-8"},
		{PROTO UTF8 ";q=0.6," OPEN ";version=1.0.0" UTF8 ";q=0.5," TEXT
			    ";version=0.0.4" UTF8 ";q=0.2,*/*" UTF8 ";q=0.1",
		 P, "allow-utf-8"},
		/* 3.4 to 3.14; protobuf first; of legacy names; text alone, either version first */
		{OPEN ";version=1.0.0" UTF8 ";q=0.6," OPEN ";version=0.0.1;q=0.5," TEXT
		      ";version=1.0.0" UTF8 ";q=0.4," TEXT ";version=0.0.4;q=0.3,*/*;q=0.2",
		 O1, "allow-utf-8"},
		{PROTO ";q=0.6," OPEN ";version=1.0.0" UTF8 ";q=0.5," OPEN
		       ";version=0.0.1;q=0.4," TEXT ";version=1.0.0" UTF8 ";q=0.3," TEXT
		       ";version=0.0.4;q=0.2,*/*;q=0.1",
		 P, "underscores"},
		{OPEN ";version=1.0.0;escaping=underscores;q=0.6," OPEN ";version=0.0.1;q=0.5," TEXT
		      ";version=1.0.0;escaping=underscores;q=0.4," TEXT
		      ";version=0.0.4;q=0.3,*/*;q=0.2",
		 O1, "underscores"},
		{TEXT ";version=1.0.0" UTF8 ";q=0.6," TEXT ";version=0.0.4;q=0.5,*/*;q=0.4", T,
		 "allow-utf-8"},
		{TEXT ";version=0.0.4;q=0.6," TEXT ";version=1.0.0" UTF8 ";q=0.5,*/*;q=0.4", T,
		 "underscores"},
		{TEXT ";version=0.0.4;q=0.6,*/*;q=0.5", T, "underscores"},
		{OPEN ";version=0.0.1;q=0.6,*/*;q=0.5", O0, "underscores"},
		/* 1.x and the first of 2.x */
		{PROTO ";q=0.7," TEXT ";version=0.0.4;q=0.3,*/*;q=0.1", P, "underscores"},
		{TEXT ";version=0.0.4;q=1,*/*;q=0.1", T, "underscores"},
	};

	(void)state;
	check_all(rows);
}

static void
so_do_other_scrapers(void **state)
{
	static const struct row rows[] = {
		/* the OpenTelemetry collector, Grafana Agent and Alloy: Prometheus' library */
		{OPEN ";version=1.0.0;q=0.5," OPEN ";version=0.0.1;q=0.4," TEXT
		      ";version=0.0.4;q=0.3,*/*;q=0.2",
		 O1, "underscores"},
		/* an OpenTelemetry issue: by hand, as the specification spells it */
		{OPEN "; version=1.0.0; charset=utf-8", O1, "underscores"},
		/* telegraf, old and new; metricbeat; netdata; nri-prometheus */
		{PROTO ";q=0.7," TEXT ";version=0.0.4;q=0.3,*/*;q=0.1", P, "underscores"},
		{PROTO ";q=0.7," TEXT ";version=0.0.4;q=0.3", P, "underscores"},
		{TEXT ";version=0.0.4;q=0.5,*/*;q=0.1", T, "underscores"},
		{TEXT ";version=0.0.4;q=1,*/*;q=0.1", T, "underscores"},
		{TEXT, T, "underscores"},
	};

	(void)state;
	check_all(rows);
}

static void
people_get_text(void **state)
{
	static const struct row rows[] = {
		{NULL, T, "underscores"},  /* HTTP/1.0, nc */
		{"*/*", T, "underscores"}, /* curl, wget 1.x, Python */
		{"*/*;q=0.8", T, "underscores"},
		/* Firefox up to 91; 92 to 127; 128; 132 */
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", T,
		 "underscores"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/"
		 "*;q=0.8",
		 T, "underscores"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
		 "image/png,image/svg+xml,*/*;q=0.8",
		 T, "underscores"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", T,
		 "underscores"}, /* Safari, too */
		/* Chrome and Edge */
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
		 "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
		 T, "underscores"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/"
		 "*;q=0.8,application/signed-exchange;v=b3;q=0.9",
		 T, "underscores"},
		/* lynx; w3m; Java; the old Internet Explorer */
		{"text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01", T,
		 "underscores"},
		{"text/html, text/*;q=0.5, image/*, application/*", T, "underscores"},
		{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", T, "underscores"},
		{"image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, application/x-ms-xbap, */*",
		 T, "underscores"},
	};

	(void)state;
	check_all(rows);
}

/* ---- rules ------------------------------------------------------------------ */

static void
each_media_type_is_known_by_its_parameters(void **state)
{
	static const struct row rows[] = {
		{"garbage", T, "underscores"},
		{"text/html", T, "underscores"},
		{"text/*;q=0.1", T, "underscores"},
		{"application/*", T, "underscores"},
		{"application/json", T, "underscores"},
		{TEXT ";q=0", T, "underscores"},
		{TEXT ";version=1.0.0", T, "underscores"},
		{TEXT ";version=2.0.0", T, "underscores"},
		{TEXT ";version=0.0.4;escaping=values", T, "values"},
		{TEXT ";escaping=bogus", T, "underscores"},
		{OPEN, O0, "underscores"},
		{OPEN ";version=0.0.1", O0, "underscores"},
		{OPEN ";version=1.0.0;escaping=dots", O1, "dots"},
		{OPEN ";version=2.0.0", T, "underscores"},
		{OPEN ";version=2.0.0," OPEN ";version=1.0.0;q=0.1", O1, "underscores"},
		{OPEN ";version=", T, "underscores"},
		{OPEN ";charset=utf-8;version=1.0.0", O1, "underscores"},
		{"application/openmetrics-textual;version=1.0.0", T, "underscores"},
		{"application/openmetrics-tex;version=1.0.0", T, "underscores"},
		{"application/vnd.google.protobuf", T, "underscores"},
		{"application/vnd.google.protobuf;encoding=delimited", T, "underscores"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", T,
		 "underscores"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		 "encoding=text",
		 T, "underscores"},
		{"application/vnd.google.protobuf;encoding=delimited;proto=other," OPEN
		 ";version=1.0.0",
		 O1, "underscores"},
		{PROTO ";escaping=values", P, "values"},
	};

	(void)state;
	check_all(rows);
}

static void
the_highest_q_wins_and_the_first_of_equals(void **state)
{
	static const struct row rows[] = {
		{TEXT ";version=0.0.4;q=0.3," OPEN ";version=1.0.0;q=0.9", O1, "underscores"},
		{TEXT "," OPEN, T, "underscores"},
		{OPEN "," TEXT, O0, "underscores"},
		{TEXT ";q=0.8," OPEN ";q=0.80", T, "underscores"},
		{TEXT ";q=0.8," OPEN ";q=0.801", O0, "underscores"},
		{TEXT ";q=0.5," OPEN ";q=7", O0, "underscores"},
		{TEXT ";q=1," OPEN ";q=7", T, "underscores"},
		{TEXT ";q=.5," OPEN ";q=1.", O0, "underscores"},
		{TEXT ";q=0.1," OPEN ";q=abc", T, "underscores"},
		{TEXT ";q=0.1," OPEN ";q=-1", T, "underscores"},
		{TEXT ";q=0.1," OPEN ";q=", T, "underscores"},
		{TEXT ";q=0.1," OPEN ";q=0.9x", T, "underscores"},
		{TEXT ";q=0.1," OPEN ";q=0.5.5", T, "underscores"},
		{TEXT ";q=0.1," OPEN ";q=NaN", T, "underscores"},
		{OPEN ";q=0", T, "underscores"},
		{OPEN ";q=0.000", T, "underscores"},
		{OPEN ";q=0.0000000000000000000000001", T, "underscores"},
		{OPEN ";q=99999999999999999999999999999999999999", O0, "underscores"},
		{OPEN ";q=0.5;q=0", T, "underscores"},
		{OPEN ";q", O0, "underscores"},
		{OPEN ";q=0.1,a/b;q=0.2,c/d,*/*;q=0.9," PROTO ";q=0.05", O0, "underscores"},
	};

	(void)state;
	check_all(rows);
}

static void
the_last_known_escaping_on_the_way_counts(void **state)
{
	static const struct row rows[] = {
		{"a/b;escaping=dots," TEXT, T, "dots"},
		{TEXT ";q=0.5,a/b;escaping=dots;q=0.6", T, "dots"},
		{TEXT ";q=0.5,a/b;escaping=dots;q=0.4", T, "underscores"},
		{"a/b;escaping=dots," TEXT ";escaping=values", T, "values"},
		{"a/b;escaping=dots," TEXT ";escaping=nothing", T, "dots"},
		{TEXT ";escaping=values;escaping=dots", T, "dots"},
		{TEXT ";escaping=values;escaping=what", T, "values"},
		{TEXT ";escaping=VALUES", T, "underscores"},
		{"a/b;escaping=dots;q=0," TEXT, T, "underscores"},
		{"a/b;escaping=dots,c/d;escaping=values", T, "values"},
		{"no media range;escaping=dots," TEXT, T, "underscores"},
		{"*;escaping=dots", T, "dots"},
		{OPEN ";version=2.0.0" UTF8 "," TEXT ";version=0.0.4;q=0.5", T, "allow-utf-8"},
	};

	(void)state;
	check_all(rows);
}

static void
blanks_case_and_quotes_make_no_difference(void **state)
{
	static const struct row rows[] = {
		{"  " OPEN "  ;  version = 1.0.0\t;\tq = 0.5  ,  " TEXT " ; q = 0.4", O1,
		 "underscores"},
		{"Application/OpenMetrics-Text;Version=1.0.0;Escaping=dots;Q=0.5," TEXT ";q=0.4",
		 O1, "dots"},
		{OPEN ";version=\"1.0.0\";q=\"0.5\";escaping=\"dots\"", O1, "dots"},
		{OPEN ";version=\"1.0.0", T, "underscores"},
		{OPEN ";version=\"", T, "underscores"},
		{OPEN ";;version=1.0.0;", O1, "underscores"},
		{",, ,\t," OPEN ";version=1.0.0,,", O1, "underscores"},
		{OPEN ";version=1.0.0=", T, "underscores"},
	};

	(void)state;
	check_all(rows);
}

static void
garbage_gets_text(void **state)
{
	static const struct row rows[] = {
		{"", T, "underscores"},
		{" ", T, "underscores"},
		{",", T, "underscores"},
		{";", T, "underscores"},
		{"=", T, "underscores"},
		{"/", T, "underscores"},
		{";q=1", T, "underscores"},
		{"*", T, "underscores"},
		{"text/plain\x01", T, "underscores"},
		{"\xff\xfe\x80/;=\"", T, "underscores"},
		{"a/b;" OPEN ";version=1.0.0", T, "underscores"},
		{"() { :; }; echo", T, "underscores"},
		{"application /openmetrics-text;version=1.0.0", T, "underscores"},
	};

	(void)state;
	check_all(rows);
}

/* ---- bounds ----------------------------------------------------------------- */

static void
so_many_clauses_are_considered_and_no_more(void **state)
{
	char accept[NEGOTIATE_CLAUSES + 64] = {0};

	(void)state;
	memset(accept, ',', NEGOTIATE_CLAUSES - 1);
	strcpy(accept + NEGOTIATE_CLAUSES - 1, OPEN);
	check(&(struct row){accept, O0, "underscores"});
	accept[NEGOTIATE_CLAUSES - 1] = ',';
	strcpy(accept + NEGOTIATE_CLAUSES, OPEN);
	check(&(struct row){accept, T, "underscores"});
}

static void
as_many_clauses_are_sorted_as_are_considered(void **state)
{
	char accept[64 * NEGOTIATE_CLAUSES] = {0}, *p = accept;

	(void)state;
	for (int i = 0; i < NEGOTIATE_CLAUSES; i++) {
		p = stpcpy(p, i > 0 ? "," : "");
		p = stpcpy(p, i == NEGOTIATE_CLAUSES - 1 ? OPEN : TEXT);
		p = stpcpy(p, ";q=0.");
		*p++ = (char)('1' + i / 4);
		*p++ = (char)('1' + i % 4);
	}
	check(&(struct row){accept, O0, "underscores"});
}

/* Long ones stand before a page that may not be read; what is said of the time is that it ends. */
static void
a_long_header_is_read_to_its_end_and_no_further(void **state)
{
	static const char *const fillers[] = {",", ";",  "=",     "\"",   " ",
					      "/", "q=", ";q=0.", "a/b,", "a/b;escaping=dots;"};
	const size_t size = 16384;
	char *header = page_end - size;

	(void)state;
	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
		for (size_t at = 0; at < size; at++)
			header[at] = fillers[i][at % strlen(fillers[i])];
		header[size - 1] = '\0';
		for (int again = 0; again < 100; again++)
			assert_int_equal(cpromi_negotiate(header).kind, FORMAT_TEXT);
	}
}

static void
gzip_is_for_those_who_ask(void **state)
{
	static const char *const yes[] = {
		"gzip",
		"GZip",
		"x-gzip",
		"*",
		"gzip, deflate, br, zstd",
		"deflate,gzip",
		"br;q=1.0, gzip;q=0.8, *;q=0.1",
		" , gzip ; q=0.001 ,",
		"gzip;Q=1",
		"gzip;q=2",
		"identity, gzip",
		"identity;q=0.5, *",
		"identity;q=0, gzip;q=0.1",
		"gzip;q=0, x-gzip",
		"*;q=0, gzip",
		"gzip;level=9",
	};
	static const char *const no[] = {
		NULL,
		"",
		"identity",
		"deflate, br",
		"gzip;q=0",
		"gzip;q=0.000",
		"gzip; q=0, *",
		"*;q=0",
		"gzip;q=half",
		"gzip;q=-1",
		"identity, gzip;q=0.5",
		"gzipped, igzip, gzi",
		"gzip gzip",
		";q=1",
		"\"gzip\"",
		",,,;;;===",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!cpromi_accepts_gzip(yes[i]))
			fail_msg("'%s' wants gzip", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (cpromi_accepts_gzip(no[i]))
			fail_msg("'%s' wants no gzip", no[i] == NULL ? "(none)" : no[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus_gets_what_it_asks_for),
		cmocka_unit_test(so_do_other_scrapers),
		cmocka_unit_test(people_get_text),
		cmocka_unit_test(each_media_type_is_known_by_its_parameters),
		cmocka_unit_test(the_highest_q_wins_and_the_first_of_equals),
		cmocka_unit_test(the_last_known_escaping_on_the_way_counts),
		cmocka_unit_test(blanks_case_and_quotes_make_no_difference),
		cmocka_unit_test(garbage_gets_text),
		cmocka_unit_test(so_many_clauses_are_considered_and_no_more),
		cmocka_unit_test(as_many_clauses_are_sorted_as_are_considered),
		cmocka_unit_test(a_long_header_is_read_to_its_end_and_no_further),
		cmocka_unit_test(gzip_is_for_those_who_ask),
	};

	return cmocka_run_group_tests(tests, lay_guard_page, lift_guard_page);
}
