/* SPDX-License-Identifier: MIT */
/*
 * deflate: what compressing 1000 bytes of a page takes, and how large the page is then; beside
 * zlib and libdeflate, each at its level 1, as far as they are installed.
 *
 * All get the whole page at once. The state is made anew for each page, as a scrape has to.
 */
#include "deflate.h"
#include "bench.h"
#include "rendered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define PAGES 8 /* at most */

/* Compresses n bytes into room that is large enough; how many there are then. */
typedef size_t squeeze_fn(char *page, size_t n, char *out, size_t room);

struct page {
	const char *what;
	char *text;
	size_t bytes;
};

struct work {
	const struct page *page;
	squeeze_fn *squeeze;
};

static char *out;
static size_t out_room;

static size_t
squeeze_cprom(char *page, size_t n, char *to, size_t room)
{
	static struct deflate d;
	size_t got = 0, at = 0, free_bytes;

	cpromi_deflate_begin(&d);
	while (!cpromi_deflate_ended(&d)) {
		void *in = cpromi_deflate_room(&d, &free_bytes);
		size_t piece = n - at < free_bytes ? n - at : free_bytes;

		memcpy(in, page + at, piece);
		cpromi_deflate_add(&d, piece);
		at += piece;
		if (at == n)
			cpromi_deflate_finish(&d);
		got += cpromi_deflate_read(&d, to + got, room - got);
	}
	return got;
}

#if HAVE_ZLIB
static size_t
squeeze_zlib(char *page, size_t n, char *to, size_t room)
{
	z_stream z = {.next_in = (unsigned char *)page, .avail_in = (uInt)n};
	size_t got;

	z.next_out = (unsigned char *)to;
	z.avail_out = (uInt)room;
	if (deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, 0) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	got = z.total_out;
	deflateEnd(&z);
	return got;
}
#endif

#if HAVE_LIBDEFLATE
static size_t
squeeze_libdeflate(char *page, size_t n, char *to, size_t room)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
	size_t got = libdeflate_gzip_compress(c, page, n, to, room);

	libdeflate_free_compressor(c);
	return got;
}
#endif

static const struct {
	const char *library;
	squeeze_fn *squeeze;
} compressors[] = {
	{BENCH_CPROM, squeeze_cprom},
#if HAVE_ZLIB
	{"zlib 1", squeeze_zlib},
#endif
#if HAVE_LIBDEFLATE
	{"libdeflate 1", squeeze_libdeflate},
#endif
};

#define COMPRESSORS (sizeof(compressors) / sizeof(compressors[0]))

static uint64_t
squeeze_page(struct bench_thread *t)
{
	const struct work *w = t->subject;

	w->squeeze(w->page->text, w->page->bytes, out, out_room);
	return (w->page->bytes + 500) / 1000;
}

/* What a daemon shows: a few of everything, its process among it. */
static void
make_daemon_page(struct page *p)
{
	cprom_registry *r = cprom_registry_new(.self_metrics = 1);
	cprom_counter *c = cprom_counter_new("http_requests_total",
					     "Requests by what became of them.", .registry = r,
					     .labels = CPROM_LABELS("method", "code"));
	cprom_histogram *h = cprom_histogram_new("http_request_duration_seconds",
						 "Time from the first byte in to the last one out.",
						 .registry = r, .labels = CPROM_LABELS("handler"));
	cprom_gauge *g = cprom_gauge_new("queue_depth", "Jobs that wait, by queue.", .registry = r,
					 .labels = CPROM_LABELS("queue"));
	char name[32];

	cprom_process_enable(r);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%u", 200 + i % 10);
		cprom_counter_add(cprom_labels(c, i % 3 ? "GET" : "POST", name), i * i * 131);
		snprintf(name, sizeof(name), "/api/v1/item%u", i);
		for (unsigned k = 0; k < 200; k++)
			cprom_histogram_observe(cprom_labels(h, name), bench_doubles[i * 200 + k]);
		snprintf(name, sizeof(name), "worker-%u", i);
		cprom_gauge_set(cprom_labels(g, name), i % 7);
	}
	p->what = "gzip of 1 kB: daemon of 40 handlers";
	p->text = cprom_render(r, NULL, &p->bytes);
	if (p->text == NULL)
		abort();
}

/* The same series for readers of protobuf. */
static struct page
protobuf_page(const struct rendered *r)
{
	struct page p = {.what = "gzip of 1 kB: 1k histograms, protobuf"};

	p.text = cprom_render(r->registry,
			      "application/vnd.google.protobuf;"
			      "proto=io.prometheus.client.MetricFamily;encoding=delimited",
			      &p.bytes);
	if (p.text == NULL)
		abort();
	return p;
}

static size_t
make_pages(struct page *pages)
{
	size_t n = 0;

	rendered_make("1k counters, 17");
	rendered_make("1k counters, whole");
	rendered_make("1k histograms");
	for (size_t i = 0; i < RENDERED_COUNT; i++) {
		static char names[RENDERED_COUNT][64];

		if (rendered[i].page == NULL)
			continue;
		snprintf(names[i], sizeof(names[i]), "gzip of 1 kB: %s",
			 rendered[i].what + strlen("line of "));
		pages[n++] = (struct page){names[i], rendered[i].page, rendered[i].bytes};
		if (rendered[i].kind == RENDERED_HISTOGRAMS)
			pages[n++] = protobuf_page(&rendered[i]);
	}
	make_daemon_page(&pages[n++]);
	for (size_t i = 0; i < n; i++)
		if (out_room < 2 * pages[i].bytes)
			out_room = 2 * pages[i].bytes;
	out = malloc(out_room);
	return out == NULL ? 0 : n;
}

/* The sizes, which no repetition changes. */
static void
print_sizes(const struct page *pages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < COMPRESSORS; k++) {
			struct bench_case c = {.library = compressors[k].library, .threads = 1};
			char what[96];

			snprintf(what, sizeof(what), "size by %s", pages[i].what);
			c.what = what;
			bench_row("deflate", &c, bench_first(),
				  (double)compressors[k].squeeze(pages[i].text, pages[i].bytes, out,
								 out_room) *
					  1000 / (double)pages[i].bytes,
				  "B");
		}
}

int
main(int argc, char **argv)
{
	struct bench_case cases[PAGES * COMPRESSORS];
	struct work works[PAGES * COMPRESSORS];
	struct page pages[PAGES];
	size_t count = make_pages(pages), n = 0;
	int status;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < COMPRESSORS; k++) {
			works[n] = (struct work){&pages[i], compressors[k].squeeze};
			cases[n] = (struct bench_case){
				pages[i].what, compressors[k].library, 1, squeeze_page, &works[n],
				NULL};
			n++;
		}
	status = bench_run(argc, argv, "deflate", cases, n);
	print_sizes(pages, count);
	return status;
}
