/* SPDX-License-Identifier: MIT */
/*
 * Each function that reads what comes from outside, with input that ends at a page which may
 * not be touched, or begins behind one.
 *
 * Each input is cut off at each of its bytes, and each of these pieces is read at the end of
 * the room and at its beginning, there with other bytes behind it. What is made of it must be
 * the same: else a byte was looked at that is not of the input, though it could be read.
 *
 * Strings that are not cut, but made by the library itself (labels as they are stored), are
 * read as a whole. Options and lists, which are read by their size and count, come last.
 */
#define _GNU_SOURCE 1 /* putenv */
#include "access.h"
#include "activation.h"
#include "address.h"
#include "collision.h"
#include "crc32.h"
#include "escape.h"
#include "hash.h"
#include "http_body.h"
#include "http_query.h"
#include "label_text.h"
#include "name.h"
#include "negotiate.h"
#include "process.h"
#include "selection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "guard_page.h"
#include "platform.h"

#define LONGEST 1024 /* bytes of an input */

/* ---- what was made of an input ------------------------------------------------- */

static uint64_t digest;

static void
note(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		digest = (digest ^ p[i]) * 0x100000001b3;
}

static void
note_number(uint64_t v)
{
	note(&v, sizeof(v));
}

static void
note_text(const char *text)
{
	note(text == NULL ? "?" : text, text == NULL ? 1 : strlen(text) + 1);
}

/* Of a call that gives 0, or -1 and a reason. */
static void
note_result(int result)
{
	note_number((uint64_t)result);
	note_text(result < 0 ? cprom_error() : "");
}

/* ---- requests ------------------------------------------------------------------- */

static void
read_request(const struct http_head *h, char *p)
{
	struct http_access access = {.arg = NULL};
	struct cprom_request q;
	char room[512];
	struct http_buffer joined = {.data = room, .cap = sizeof(room), .fixed = true};
	const char *values[4];

	assert_int_equal(
		cpromi_access_set(&access, &(cprom_server_options){.bearer_token = "secret",
								   .basic_user = "a",
								   .basic_password = "b"}),
		0);
	note_number((uint64_t)cpromi_http_request_open(&q, h, p));
	note_text(q.method);
	note_text(q.path);
	note_text(cprom_request_header(&q, "x"));
	cpromi_http_request_join(&q, "ACCEPT", &joined);
	note(room, joined.n);
	note_number((uint64_t)cpromi_access_check(&access, &q));
	if (h->query.n > 0)
		note_number((uint64_t)cpromi_http_query_take(p + h->query.at, "a", values, 4));
}

static void
read_head(char *p, size_t n)
{
	struct http_head h = {0};
	enum http_result result = cpromi_http_head_parse(&h, p, n);

	note_number(result);
	note_number((uint64_t)h.status);
	note_number(h.end);
	if (result == HTTP_DONE && h.end == n)
		read_request(&h, p);
}

static void
skip_body(char *p, size_t n, const struct http_head *h)
{
	struct http_body b;
	size_t used = 0;

	assert_int_equal(cpromi_http_body_begin(&b, h), HTTP_MORE);
	note_number(cpromi_http_body_skip(&b, p, n, &used));
	note_number(used);
	note_number((uint64_t)b.status);
}

static void
read_body(char *p, size_t n)
{
	skip_body(p, n, &(struct http_head){.chunked = true});
	skip_body(p, n, &(struct http_head){.sized = true, .length = 20});
}

static void
read_token(char *p, size_t n)
{
	note_number(cpromi_http_is_token(p, n));
	note_number(cpromi_http_same(p, n, "bearer"));
}

static void
read_escapes(char *p, size_t n)
{
	char copy[LONGEST + 1];

	memcpy(copy, p, n);
	note_number(cpromi_http_decode(p, n, false));
	memcpy(p, copy, n);
	note_number(cpromi_http_decode(p, n, true));
	note_text(p);
}

static void
read_query(char *p, size_t n)
{
	const char *values[2];
	int count = cpromi_http_query_take(p, "name[]", values, 2);

	(void)n;
	note_number((uint64_t)count);
	for (int i = 0; i < count; i++)
		note_text(values[i]);
}

static void
read_accept(char *p, size_t n)
{
	struct format f = cpromi_negotiate(p);

	(void)n;
	note_number(f.kind);
	note_number(f.escaping);
	note_number(f.old_version);
	note_number(cpromi_accepts_gzip(p));
}

static void
read_secret(char *p, size_t n)
{
	struct http_access a = {.arg = NULL};

	(void)n;
	note_result(cpromi_access_set(&a, &(cprom_server_options){.bearer_token = p}));
	note_result(cpromi_access_set(
		&a, &(cprom_server_options){.basic_user = p, .basic_password = p}));
	note(a.bearer.text, a.bearer.n);
	note(a.basic.text, a.basic.n);
}

/* ---- addresses -------------------------------------------------------------------- */

static void
read_address(char *p, size_t n)
{
	struct address a;

	(void)n;
	note_result(cpromi_address_parse(p, &a));
	note_number((uint64_t)a.fd);
	for (unsigned i = 0; i < a.count; i++)
		note(&a.ways[i].at, a.ways[i].n);
	note_number((uint64_t)cpromi_whole_number(p, 70000));
}

/* A variable of the environment stays where putenv() was given it. */
static void
read_variable(char *p, size_t n)
{
	char self[32];

	(void)n;
	snprintf(self, sizeof(self), "%ld", (long)getpid());
	setenv("LISTEN_PID", self, 1);
	setenv("LISTEN_FDS", "3", 1); /* more than there are names */
	putenv(p);
	note_number((uint64_t)cpromi_activation_fd("systemd:", ""));
	note_number((uint64_t)cpromi_activation_fd("systemd:web", "web"));
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

/* ---- texts and names ---------------------------------------------------------------- */

static void
read_text(char *p, size_t n)
{
	char out[2 * LONGEST];

	note_number(n > 0 ? cpromi_utf8_length(p, n) : 0);
	note_number(cpromi_utf8_valid(p, n));
	for (int quotes = 0; quotes < 2; quotes++) {
		note_number(cpromi_escape(p, n, quotes, NULL));
		note(out, cpromi_escape(p, n, quotes, out));
	}
	note_number(cpromi_unescape(p, n, NULL));
	note(out, cpromi_unescape(p, n, out));
	note_number(cpromi_crc32(0, p, n));
}

/* These may read the NUL, too. */
static void
read_value(char *p, size_t n)
{
	static const struct hash_key key = {{0x9e3779b97f4a7c15, 0xd1b54a32d192ed03}};
	char copy[LONGEST + 1];

	memcpy(copy, p, n + 1);
	note_number(hash_add(&key, hash_begin(&key, 1), p, n));
	assert_true(hash_same(p, copy, n) && hash_same(copy, p, n));
	note_number(cpromi_text_is_plain(p, n));
}

static void
read_name(char *p, size_t n)
{
	static const enum name_kind kinds[] = {NAME_OF_METRIC, NAME_OF_LABEL};
	static const enum escaping schemes[] = {ESCAPING_UNDERSCORES, ESCAPING_DOTS,
						ESCAPING_VALUES, ESCAPING_ALLOW_UTF8};
	char out[NAME_ESCAPED_BOUND(LONGEST)];

	for (size_t k = 0; k < array_len(kinds); k++) {
		note_number(cpromi_name_is_legal(kinds[k], p, n));
		for (size_t s = 0; s < array_len(schemes); s++)
			note(out, cpromi_name_escape(schemes[s], kinds[k], p, n, out));
	}
	note(out, cpromi_label_name_spell(p, n, out));
}

static void
read_name_string(char *p, size_t n)
{
	static const char *const others[] = {"x", "x_total", "x_sum", "x_info", ""};
	cprom_strings names = {(const char *const[]){p, "x"}, 2};
	struct selection s;
	char copy[LONGEST + 3];
	size_t bytes = 0;

	(void)n;
	for (int utf8 = 0; utf8 < 2; utf8++) {
		note_number(cpromi_name_is_valid(NAME_OF_METRIC, utf8, p));
		note_number(cpromi_name_is_valid(NAME_OF_LABEL, utf8, p));
	}
	for (uint32_t type = CPROM_TYPE_COUNTER; type <= CPROM_TYPE_GAUGE_HISTOGRAM; type++)
		for (size_t i = 0; i < array_len(others); i++) {
			note_number(cpromi_names_collide(type, p, CPROM_TYPE_GAUGE, others[i]));
			note_number(cpromi_names_clash(CPROM_TYPE_HISTOGRAM, others[i], type, p));
		}
	assert_int_equal(cpromi_selection_measure(names, &bytes), 0);
	s = cpromi_selection_put(copy, names);
	assert_int_equal(s.length, bytes);
	assert_true(cpromi_selection_names(&s, p));
	note(copy, bytes);
}

static void
read_labels(char *p, size_t n)
{
	char out[LABELS_RESPELLED_BOUND(LONGEST)];
	const char *end = p + n;
	struct label_piece l;

	note_number(cpromi_labels_have(p, n, "b", 1));
	note_number(cpromi_labels_are_distinct(p, n));
	note(out, cpromi_labels_respell(ESCAPING_VALUES, p, n, out));
	for (const char *at = p; at < end;) {
		at = cpromi_label_next(at, end, &l);
		note(l.name, l.name_length);
		note(l.value, l.value_length);
		note_number(l.quoted + 2u * l.escaped);
	}
}

/* ---- /proc -------------------------------------------------------------------------- */

static void
read_stat(char *p, size_t n)
{
	struct process_stat s = {0};
	struct btime_scan scan = {0};
	uint64_t value = 0;

	note_number(cpromi_process_parse_stat(p, n, &s));
	note_number(s.threads + s.start_ticks + s.virtual_bytes + s.resident_pages);
	note_number(cpromi_process_parse_field(p, n, "wchar", &value));
	note_number(value);
	note_number(cpromi_process_scan_btime(&scan, p, n));
	note_number(scan.seconds);
}

static void
read_entries(char *p, size_t n)
{
	note_number(cpromi_process_count_entries(p, n));
}

/* As getdents64(2) writes them: see process.c. */
static char entries[3 * 24];

static void
make_entries(void)
{
	static const char *const names[] = {".", "0", "12"};

	for (size_t i = 0; i < array_len(names); i++) {
		uint16_t length = 24;

		memcpy(entries + 24 * i + 16, &length, sizeof(length));
		memcpy(entries + 24 * i + 19, names[i], strlen(names[i]));
	}
}

/* ---- public calls -------------------------------------------------------------------- */

static cprom_registry *registry; /* the text at hand is told to its families and its collector */

static void
note_metric(cprom_metric *m)
{
	note_result(m == NULL ? -1 : 0);
}

static void
emit(cprom_sink *out, void *text)
{
	const char *p = text;

	note_result(cprom_sink_family(out, CPROM_TYPE_GAUGE, p, p, .unit = p));
	note_result(cprom_sink_sample(out, 1, .labels = CPROM_LABELS(p, "v", "k", p)));
	note_result(cprom_sink_family(out, CPROM_TYPE_STATESET, "emitted", "E."));
	note_result(cprom_sink_sample(out, 0, .labels = CPROM_LABELS("k", p),
				      .states = CPROM_STRINGS(p, "x")));
	if (*p == 'f')
		cprom_sink_fail(out, p);
}

static void
make_metrics(const char *p)
{
	cprom_instrument i = {NULL, NULL, NULL, NULL};

	note_metric(CPROM_METRIC(cprom_counter_new(p, p, .registry = registry)));
	note_metric(CPROM_METRIC(cprom_gauge_new("g", "G.", .unit = p, .registry = registry)));
	note_metric(CPROM_METRIC(cprom_summary_new("s", "S.", .labels = CPROM_LABELS("x", p),
						   .registry = registry)));
	note_metric(CPROM_METRIC(cprom_histogram_new("h", "H.", .registry = registry,
						     .const_labels = CPROM_LABELS("x", p))));
	note_metric(CPROM_METRIC(cprom_histogram_new("h", "H.", .registry = registry,
						     .const_labels = CPROM_LABELS("x", p))));
	note_metric(CPROM_METRIC(cprom_info_new("i", "I.", .registry = registry,
						.const_labels = CPROM_LABELS(p, "x"))));
	note_metric(CPROM_METRIC(cprom_stateset_new("t", "T.", .registry = registry,
						    .states = CPROM_STATES("x", p))));
	note_metric(CPROM_METRIC(
		cprom_build_info(p, .version = p, .revision = p, .registry = registry)));
	note_result(cprom_instrument_create(
		&i, &(cprom_instrument_options){
			    .size = sizeof(i), .name = p, .help = p, .registry = registry}));
}

static void
use_labels(const char *p)
{
	cprom_counter *c = cprom_counter_new("c", "C.", .registry = registry,
					     .labels = CPROM_LABELS("a", "b"));
	cprom_counter *plain = cprom_counter_new("plain", "P.", .registry = registry);
	cprom_info *i = cprom_info_new("j", "J.", .registry = registry);
	cprom_stateset *s = cprom_stateset_new("u", "U.", .registry = registry,
					       .states = CPROM_STATES("x", "on"));

	note_metric(CPROM_METRIC(cprom_labels(c, p, "y")));
	note_metric(CPROM_METRIC(cprom_labels(c, "y", p)));
	note_metric(CPROM_METRIC(cprom_labels(c, p, p)));
	note_result(cprom_remove(c, p, "y"));
	note_result((int)cprom_remove_matching(c, "b", p));
	note_result((int)cprom_remove_matching(c, p, "y"));
	note_metric(CPROM_METRIC(cprom_labels(c, p, "left")));
	note_result(cprom_info_set(i, "k", p));
	note_result(cprom_info_set(i, p, p));
	note_result(cprom_stateset_set_name(s, p));
	cprom_counter_add_exemplar(plain, 1, CPROM_LABELS("k", p));
	cprom_counter_add_exemplar(plain, 1, CPROM_LABELS(p, "v"));
}

static void
read_pages(const char *p)
{
	static const char *const accepts[] = {NULL, "application/openmetrics-text;version=1.0.0"};
	cprom_scrape *s = cprom_scrape_open_with(
		&(cprom_scrape_options){.size = sizeof(cprom_scrape_options),
					.registry = registry,
					.accept = p,
					.names = CPROM_STRINGS(p, "c")});
	char buf[512];

	while (cprom_scrape_read(s, buf, sizeof(buf)) > 0)
		;
	cprom_scrape_close(s);
	for (size_t i = 0; i < array_len(accepts); i++) {
		char *page = cprom_render(registry, accepts[i], NULL);
		char *exemplar = strstr(page, " # {"); /* has the time behind it */

		if (exemplar != NULL)
			*strchr(exemplar, '}') = '\0';
		note_text(page);
		free(page);
	}
}

static void
tell_public_calls(char *p, size_t n)
{
	(void)n;
	registry = cprom_registry_new(.utf8_names = 1);
	assert_non_null(registry);
	assert_non_null(cprom_collector_new(emit, p, .registry = registry));
	make_metrics(p);
	use_labels(p);
	read_pages(p);
	cprom_registry_free(registry);
}

static void
tell_server(char *p, size_t n)
{
	cprom_response r = {.status = 200};
	struct http_reply reply = {.status = 200};
	struct http_buffer out = {.data = NULL};

	assert_null(cprom_server_open("fd:-1", .path = p, .registry = registry));
	note_text(cprom_error());
	assert_null(cprom_server_open("fd:-1", .bearer_token = p, .basic_user = p));
	note_result(cprom_response_header(&r, p, p));
	note_result(cprom_response_header(&r, "X", p));
	note_result(cprom_response_text(&r, p));
	note_result(cprom_response_write(&r, p, n));
	cpromi_http_response_finish(&r, &reply, false, &out);
	note_number(out.failed);
	cpromi_http_buffer_free(&out);
}

/* Directories all, lest a file is left. */
static void
tell_path(char *p, size_t n)
{
	(void)n;
	registry = cprom_registry_new(.max_lanes = 1);
	note_result(cprom_write_textfile(registry, p));
	cprom_registry_free(registry);
}

/* ---- the table ------------------------------------------------------------------------- */

enum how { BYTES, STRING, WHOLE };

#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct reader {
	const char *name;
	enum how how;
	void (*read)(char *p, size_t n);
	const char *const *inputs;
} readers[] = {
	{"request heads", BYTES, read_head,
	 INPUTS("\r\nGET /a%20b?a=%41&a=2&b HTTP/1.1\r\nHost: a:1\r\nX:\r\nAccept: a\r\n"
		"Connection: close , keep-alive\r\nAccept: b \r\nAuthorization: Basic YTpi\r\n\r\n",
		"POST http://a/%zz HTTP/1.0\nExpect: 100-continue\nContent-Length: 5, 5\n"
		"authorization: Bearer secret\nX : y\n\n",
		"GET /?a HTTP/1.1\r\nHost: [::1]:9\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"CONNECT a%41:1 HTTP/1.1\r\nHost: %4\r\n\r\n", "GET https://[ HTTP/1.1\r\n\r\n",
		"GET /?a=%4 HTTP/1.1\r\nHost:a\r\nAuthorization:\r\nAuthorization: Basic\r\n\r\n")},
	{"bodies", BYTES, read_body,
	 INPUTS("5;x=y\r\nabcde\r\n1 ;\r\na\r\n0\r\nTrailer: x\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n",
		"abcdefghijklmnopqrst")},
	{"tokens", BYTES, read_token, INPUTS("Bearer", "GET", "bearer!#$%&'*+-.^_`|~x")},
	{"escapes", STRING, read_escapes, INPUTS("/a%20b+%c3%a4%zz", "%4%41%00", "%%")},
	{"queries", STRING, read_query,
	 INPUTS("name[]=a&name%5B%5D=b+c&x&=&name[]=%4", "&&name[]&n%61me[]=%zz", "name[]=%")},
	{"Accept", STRING, read_accept,
	 INPUTS("application/openmetrics-text;version=1.0.0;escaping=\"allow-utf-8\";q=0.6 ,"
		"text/plain ; version=0.0.4 ; q=0.30, */*",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		"encoding=delimited;q=1.5,gzip;q=\"",
		"gzip, *;q=0.1,identity;q=0")},
	{"secrets", STRING, read_secret, INPUTS("secret-0123456789", "a\xc3\xa4:b", "line\n")},
	{"addresses", STRING, read_address,
	 INPUTS("127.0.0.1:9464", "[::1]:9464", "[::ffff:127.0.0.1]:65536", "localhost:0",
		"unix:/run/x.sock", "unix:@x", "fd:123456789", "systemd:web", "[]:1", ":",
		"18446744073709551616")},
	{"LISTEN_FDNAMES", STRING, read_variable,
	 INPUTS("LISTEN_FDNAMES=web:ssh:", "LISTEN_FDNAMES=::web", "LISTEN_FDS=99999")},
	{"texts", BYTES, read_text,
	 INPUTS("a\\n\\\\\\\"\"\n\\x\\", "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4z", "\xed\xa0\x80",
		"\xf4\x8f\xbf\xbf\xc3", "\xf0\x90")},
	{"values", STRING, read_value,
	 INPUTS("0123456789abcdef0123456789abcdef01\n", "\"", "ab\\", "\xc3\xa4")},
	{"names", BYTES, read_name,
	 INPUTS("http_requests:total9", "9a.b_c-\xc3\xa4\xe2\x82\xac\"\xff")},
	{"name strings", STRING, read_name_string,
	 INPUTS("x_total", "x_gcount_bucket", "x_created_info", "\xc3\xa4")},
	{"labels", WHOLE, read_labels,
	 INPUTS("a=\"\"", "a=\"x\\\"\\\\\",b=\"y\"", "\"a.\\\"b\"=\"\\n\",_c9=\"\xc3\xa4\"",
		"__name__=\"a\",a=\"b\",a=\"c\"")},
	{"/proc", BYTES, read_stat,
	 INPUTS("1 (a) b) S 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25\n",
		"rchar: 1\nwchar:  18446744073709551615\nwchar: 2\n",
		"wchar: 99999999999999999999\n", "cpu 1 2\nbtim 3\nbtime 1700000000\nx", ") ) )")},
	{"public calls", STRING, tell_public_calls,
	 INPUTS("fail_total", "a.b\xe2\x82\xac\"", "on\\\n", "\xf0\x9f\x98\xf0")},
	{"server calls", STRING, tell_server, INPUTS("/metrics-1?", "a: b\r\n", "\xc3\xa4")},
	{"paths", STRING, tell_path, INPUTS("./.././")},
};

/* ---- reading at the edges ----------------------------------------------------------------- */

/* What is made of n bytes there. */
static uint64_t
digest_of(const struct reader *r, char *p, size_t n)
{
	digest = 0xcbf29ce484222325;
	r->read(p, n);
	return digest;
}

static void
read_at_edges(const struct reader *r, const char *input, size_t n)
{
	static const char around[] = {'0', '"', '\n', '\\', ':', '\0', '\xbf'};
	char piece[LONGEST + 1] = {0};
	size_t taken = n + (r->how == STRING);
	uint64_t made;

	memcpy(piece, input, n);
	memset(page_end - 2 * LONGEST, ' ', 2 * LONGEST);
	made = digest_of(r, at_guard(piece, taken), n);
	for (size_t i = 0; i < array_len(around); i++) {
		memset(page_begin, around[i], 2 * LONGEST);
		if (digest_of(r, behind_guard(piece, taken), n) != made)
			fail_msg("%s: %zu bytes of '%s' are read otherwise before '%c'", r->name, n,
				 input, around[i]);
	}
}

static void
nothing_but_the_input_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(readers); i++) {
		const struct reader *r = &readers[i];

		for (const char *const *input = r->inputs; *input != NULL; input++)
			for (size_t n = r->how == WHOLE ? strlen(*input) : 0; n <= strlen(*input);
			     n++)
				read_at_edges(r, *input, n);
	}
}

static void
nor_of_directories(void **state)
{
	static const struct reader r = {"directories", BYTES, read_entries, NULL};

	(void)state;
	make_entries();
	for (size_t n = 0; n <= sizeof(entries); n++)
		read_at_edges(&r, entries, n);
	assert_int_equal(
		cpromi_process_count_entries(at_guard(entries, sizeof(entries)), sizeof(entries)),
		2);
}

/* ---- options and lists ---------------------------------------------------------------------- */

#define GUARDED_LIST(list) at_guard((list), sizeof(list))

/* Each before the guard page in its turn, while the others are on the stack. */
static void
lists_are_read_to_their_count(void **state)
{
	static const char *const labels[] = {"a", "b", "c", "d"};
	static const double bounds[] = {0.5, 0.9};
	cprom_registry *r = cprom_registry_new(.max_lanes = 1);
	cprom_counter *c;

	(void)state;
	c = cprom_counter_new("c", "C.", .registry = r,
			      .labels = {(void *)GUARDED_LIST(labels), array_len(labels)});
	assert_non_null(c);
	assert_non_null(cprom_metric_labels(
		CPROM_METRIC(c), (cprom_strings){(void *)GUARDED_LIST(labels), array_len(labels)}));
	assert_int_equal(
		cprom_metric_remove(CPROM_METRIC(c), (cprom_strings){(void *)GUARDED_LIST(labels),
								     array_len(labels)}),
		0);
	c = cprom_counter_new("d", "D.", .registry = r,
			      .const_labels = {(void *)GUARDED_LIST(labels), array_len(labels)});
	cprom_counter_add_exemplar(
		c, 1, (cprom_strings){(void *)GUARDED_LIST(labels), array_len(labels)});
	assert_double(cprom_counter_value(c), 1);
	assert_non_null(
		cprom_histogram_new("h", "H.", .registry = r,
				    .buckets = {(void *)GUARDED_LIST(bounds), array_len(bounds)}));
	assert_non_null(
		cprom_summary_new("s", "S.", .registry = r,
				  .quantiles = {(void *)GUARDED_LIST(bounds), array_len(bounds)}));
	assert_non_null(
		cprom_stateset_new("t", "T.", .registry = r,
				   .states = {(void *)GUARDED_LIST(labels), array_len(labels)}));
	assert_int_equal(
		cprom_info_put(cprom_info_new("i", "I.", .registry = r),
			       (cprom_strings){(void *)GUARDED_LIST(labels), array_len(labels)}),
		0);
	cprom_registry_free(r);
}

/* A sample as a collector emits it, its arrays one after the other before the guard page. */
static void
emit_lists(cprom_sink *out, void *unused)
{
	static const char *const labels[] = {"a", "b", "c", "d"};
	static const double bounds[] = {0.5, 0.9};
	static const uint64_t counts[] = {1, 2, 3};

	(void)unused;
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_HISTOGRAM, "h", "H."), 0);
	assert_int_equal(cprom_sink_sample(out, 0, .bounds = {bounds, array_len(bounds)},
					   .counts = (void *)GUARDED_LIST(counts)),
			 0);
	assert_int_equal(
		cprom_sink_sample(out, 0, .labels = {labels, 2}, .counts = counts,
				  .bounds = {(void *)GUARDED_LIST(bounds), array_len(bounds)}),
		0);
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_SUMMARY, "s", "S."), 0);
	assert_int_equal(cprom_sink_sample(out, 0, .quantiles = {bounds, array_len(bounds)},
					   .values = (void *)GUARDED_LIST(bounds)),
			 0);
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_STATESET, "t", "T."), 0);
	assert_int_equal(
		cprom_sink_sample(out, 0, .on = 1,
				  .states = {(void *)GUARDED_LIST(labels), array_len(labels)}),
		0);
	assert_int_equal(cprom_sink_family(out, CPROM_TYPE_GAUGE, "g", "G."), 0);
	assert_int_equal(
		cprom_sink_sample(out, 0,
				  .labels = {(void *)GUARDED_LIST(labels), array_len(labels)}),
		0);
}

static void
lists_of_samples_are_read_to_their_count(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_lanes = 1);

	(void)state;
	assert_non_null(cprom_collector_new(emit_lists, NULL, .registry = r));
	free(cprom_render(r, NULL, NULL));
	cprom_registry_free(r);
}

static void
collect_nothing(cprom_sink *out, void *unused)
{
	(void)out;
	(void)unused;
}

/* Options whose first size bytes are all that there is of them. */
static const void *
cut_options(const void *options, size_t size)
{
	char *p = at_guard(options, size);

	memcpy(p, &size, sizeof(size));
	return p;
}

/* What is made of that is another test's matter. */
static void
give_options(cprom_registry *r, size_t size)
{
#define COMMON .name = "m", .help = "M.", .registry = r
#define CUT(type, ...) cut_options(&(type){__VA_ARGS__}, size < sizeof(type) ? size : sizeof(type))
	cprom_native native = {.growth = 2};
	cprom_instrument i;

	cprom_registry_free(cprom_registry_create(CUT(cprom_registry_options, .max_lanes = 1)));
	cprom_unregister(cprom_counter_create(CUT(cprom_counter_options, COMMON)));
	cprom_unregister(cprom_gauge_create(CUT(cprom_gauge_options, COMMON)));
	cprom_unregister(cprom_histogram_create(CUT(cprom_histogram_options, COMMON)));
	cprom_unregister(cprom_histogram_new(
		"m", "M.", .registry = r,
		.native = cut_options(&native, size < sizeof(native) ? size : sizeof(native))));
	cprom_unregister(cprom_summary_create(CUT(cprom_summary_options, COMMON)));
	cprom_unregister(cprom_info_create(CUT(cprom_info_options, COMMON)));
	cprom_unregister(cprom_stateset_create(
		CUT(cprom_stateset_options, COMMON, .states = CPROM_STATES("x"))));
	cprom_unregister(cprom_build_info_create(
		CUT(cprom_build_info_options, .application = "a", .registry = r)));
	cprom_collector_unregister(cprom_collector_create(
		CUT(cprom_collector_options, .collect = collect_nothing, .registry = r)));
	if (cprom_instrument_create(&i, CUT(cprom_instrument_options, COMMON)) == 0)
		assert_int_equal(cprom_unregister(i.calls) + cprom_unregister(i.errors) +
					 cprom_unregister(i.in_progress) +
					 cprom_unregister(i.seconds),
				 0);
	cprom_scrape_close(cprom_scrape_open_with(CUT(cprom_scrape_options, .registry = r)));
	assert_null(cprom_server_open_with(
		CUT(cprom_server_options, .address = "fd:-1", .registry = r)));
}

static void
emit_options(cprom_sink *out, void *arg)
{
	size_t size = *(size_t *)arg;

	cprom_sink_begin(out, CUT(cprom_family_options, .type = CPROM_TYPE_GAUGE, .name = "e",
				  .help = "E."));
	cprom_sink_add(out, CUT(cprom_sample, .value = 1));
}

static void
options_are_read_to_their_size(void **state)
{
	cprom_registry *r = cprom_registry_new(.max_lanes = 1);
	size_t size;

	(void)state;
	assert_non_null(cprom_default_registry()); /* where an option registry is cut off */
	assert_non_null(cprom_collector_new(emit_options, &size, .registry = r));
	for (size = sizeof(size_t); size <= 256; size += sizeof(size_t)) {
		give_options(r, size);
		free(cprom_render(r, NULL, NULL));
	}
	assert_true(has_sample(r, "e"));
	cprom_registry_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_but_the_input_is_read),
		cmocka_unit_test(nor_of_directories),
		cmocka_unit_test(lists_are_read_to_their_count),
		cmocka_unit_test(lists_of_samples_are_read_to_their_count),
		cmocka_unit_test(options_are_read_to_their_size),
	};

	return cmocka_run_group_tests(tests, lay_guard_page, lift_guard_page);
}
