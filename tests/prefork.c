/* SPDX-License-Identifier: MIT */
/*
 * prefork: kills processes in the middle of their updates of a shared registry, which it serves.
 *
 * usage: prefork [SECONDS [LANES [DIRECTORY [EVERY]]]]
 *
 * The parent makes the registry and its metrics and forks workers of one or more
 * threads, which update as fast as they can, through handles and look-ups, create and
 * remove series of ever new labels, and scrape; some end by themselves. The parent sends
 * SIGKILL at random instants, forks others in their place, and scrapes, a piece of a
 * page between two kills. With fewer LANES than threads (default 64) some share the
 * overflow lane. Every EVERYth page of the parent (default 20) is written to DIRECTORY.
 * The parent prints the port on which it serves the pages meanwhile, for others to read.
 *
 * Beside the registry each thread keeps a tally in memory that the library knows nothing
 * of: how much of each quantity it has begun to count, and how much of that is done.
 *
 * What must hold in every page
 *  P1  Each sample lies between what was done before the page was begun and what was
 *      begun before it was ended: nothing is lost but what was in flight, nothing is
 *      counted twice.
 *  P2  Each line is well-formed, no sample and no family is there twice, what counts
 *      never goes down, _count is the +Inf bucket, and no stable sample is missing.
 *  P3  A series of new labels starts from zero, whoever had its cells before.
 * And in the end
 *  P4  A killed thread left at most one update in flight.
 *  P5  Nobody waits for the dead: workers that are asked to end do so.
 *  P6  Seats and lanes of the dead are taken again: no more than there were threads.
 *  P7  Epochs go on, and what is removed is used again: a death costs an object at most,
 *      and series that come and go afterwards need no new memory.
 *  P8  Gauges of processes show exactly what the living, or all there ever were, set.
 *  P9  A child that has stopped its copy of the server, and in the end the parent, have the
 *      descriptors that they had before the server was there, and in the second half of a long
 *      run the parent needs no memory but the registry's.
 */
#include "atomic.h"
#include "long_run.h"
#include "registry.h"

#include <cprom.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 8
#define THREADS 3 /* of a worker at most */
#define KEYS 2    /* label values of the stable series */
#define BOUNDS 3
#define RING 8             /* series of ever new labels that a thread keeps at a time */
#define END_SECONDS 20     /* that workers may take to end: P5 */
#define PAGE_SAMPLES 16384 /* a power of two above twice the samples of a page */
#define MEMORY_SAMPLES 8
#define MAX_COMPLAINTS 20
#define LONG_SECONDS 120 /* of a run in which memory has to be flat from half of it on */
#define OWN_KIB 1024     /* by which the parent may grow then: a few pages under way more */

/* What is tallied, for each key. */
enum quantity {
	CALLS,
	BYTES,
	QUARTERS, /* of load_total */
	UPS,      /* of a gauge */
	DOWNS,
	PARTS,  /* of a gauge of processes */
	MARK,   /* what a gauge is set to by this thread, and another raised to */
	BUCKET, /* BOUNDS + 1 of them */
	SECONDS = BUCKET + BOUNDS + 1, /* their sum in eighths */
	SIZES,
	SIZES_SUM, /* in eighths */
	WAITS,
	WAITS_SUM, /* in eighths */
	QUANTITIES
};

/* Of one thread of one worker, one after the other; written by it alone. */
struct tally {
	_Alignas(CACHE_LINE) atomic_u64 begun[KEYS][QUANTITIES];
	atomic_u64 done[KEYS][QUANTITIES];
	atomic_u64 updates; /* begun */
	atomic_u64 finished;
};

/* Shared by parent and workers, outside of the registry. */
struct outside {
	struct tally tallies[WORKERS][THREADS];
	atomic_u32 stop;
	atomic_u32 complaints;
	atomic_u64 pages;   /* of workers */
	atomic_u64 churned; /* series removed */
};

static const double bounds[BOUNDS] = {1, 2, 4};
static const char *const key_names[KEYS] = {"a", "b\\\"c\n"};
static const char *const key_texts[KEYS] = {"a", "b\\\\\\\"c\\n"};

static struct outside *outside;
static cprom_registry *registry;
static unsigned lanes = 64;
static const char *directory;
static unsigned every = 20;
static double run_seconds = 8;
static cprom_server *server;
static int descriptors; /* without it */

/* The metrics, and their children of each key. */
struct metrics {
	cprom_counter *calls, *bytes, *load;
	cprom_gauge *level, *mark, *record, *parts, *live;
	cprom_histogram *seconds;
	cprom_summary *size, *wait;
};

static struct metrics parents, kept[KEYS];
static cprom_counter *churn_counter;
static cprom_gauge *churn_gauge;
static cprom_histogram *churn_histogram;
static cprom_summary *churn_summary;

static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list args;

	if (add_relaxed(&outside->complaints, 1) >= MAX_COMPLAINTS)
		return;
	va_start(args, format);
	printf("FAIL: %ld: ", (long)getpid());
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
}

/* ---- the tally outside of the registry --------------------------------------- */

static void
raise_word(atomic_u64 *word, uint64_t n)
{
	store_release(word, load_relaxed(word) + n);
}

/* Called before begin_update() for each quantity that the update changes. */
static void
begin(struct tally *t, uint32_t k, unsigned quantity, uint64_t n)
{
	raise_word(&t->begun[k][quantity], n);
}

static void
begin_update(struct tally *t)
{
	raise_word(&t->updates, 1);
	fence_full(); /* who sees the update sees that it was begun: the fence in note_begun() */
}

static void
end_update(struct tally *t, uint32_t k, unsigned quantity, uint64_t n)
{
	raise_word(&t->done[k][quantity], n);
	raise_word(&t->finished, 1);
}

/* The words of all threads, added up; of MARK the highest counts. */
struct totals {
	uint64_t words[KEYS][QUANTITIES];
};

static void
add_up(struct totals *to, atomic_u64 (*words)[QUANTITIES])
{
	for (int k = 0; k < KEYS; k++)
		for (int q = 0; q < QUANTITIES; q++) {
			uint64_t n = load_acquire(&words[k][q]);

			if (q != MARK)
				to->words[k][q] += n;
			else if (n > to->words[k][q])
				to->words[k][q] = n;
		}
}

/* Before a page is begun. */
static void
note_done(struct totals *done)
{
	memset(done, 0, sizeof(*done));
	for (int i = 0; i < WORKERS * THREADS; i++)
		add_up(done, outside->tallies[i / THREADS][i % THREADS].done);
}

/* After it has ended. */
static void
note_begun(struct totals *begun)
{
	fence_full();
	memset(begun, 0, sizeof(*begun));
	for (int i = 0; i < WORKERS * THREADS; i++)
		add_up(begun, outside->tallies[i / THREADS][i % THREADS].begun);
}

/* ---- pages -------------------------------------------------------------------- */

struct sample {
	const char *key; /* name and labels, or the TYPE line; in the page's text */
	size_t length;
	double value;
};

struct page {
	char *text;
	size_t length;
	uint64_t number;
	unsigned count, stable;
	struct sample samples[PAGE_SAMPLES];
};

/* Where the sample is, or would be. */
static struct sample *
find(struct page *p, const char *key, size_t length)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3;
	for (h ^= h >> 32;; h++) {
		struct sample *s = &p->samples[h % PAGE_SAMPLES];

		if (s->key == NULL || (s->length == length && memcmp(s->key, key, length) == 0))
			return s;
	}
}

static void
wrong(const struct page *p, const char *line, const char *what)
{
	complain("page %llu: %s: %.*s", (unsigned long long)p->number, what,
		 (int)strcspn(line, "\n"), line);
}

static void
enter(struct page *p, const char *key, size_t length, double value)
{
	struct sample *s = find(p, key, length);

	if (s->key != NULL) {
		wrong(p, key, "this is there twice");
		return;
	}
	if (++p->count > PAGE_SAMPLES / 2) {
		complain("a page has more samples than there ever were");
		_exit(1);
	}
	*s = (struct sample){key, length, value};
	p->stable += strncmp(key, "stable_", 7) == 0;
}

/* Labels are not taken apart: check_page.py does that with the pages that are kept. */
static void
read_line(struct page *p, const char *line)
{
	size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
	const char *key_end = line + name, *close;
	char *end;
	double value;

	if (strncmp(line, "# HELP ", 7) == 0)
		return;
	if (strncmp(line, "# TYPE ", 7) == 0) {
		enter(p, line, strcspn(line + 7, " ") + 7, 0);
		return;
	}
	if (*key_end == '{') {
		close = strstr(line, "} ");
		key_end = close == NULL || memchr(line, '\n', (size_t)(close - line)) ? line
										      : close + 1;
	}
	if (name == 0 || key_end == line || *key_end != ' ') {
		wrong(p, line, "this is not a line of a page");
		return;
	}
	value = strtod(key_end + 1, &end);
	if (*end != '\n' || end == key_end + 1)
		wrong(p, line, "this has no value");
	enter(p, line, (size_t)(key_end - line), value);
}

static void
read_page(struct page *p)
{
	const char *line = p->text, *newline;

	p->count = p->stable = 0;
	memset(p->samples, 0, sizeof(p->samples));
	for (; (newline = strchr(line, '\n')) != NULL; line = newline + 1)
		read_line(p, line);
	if (p->length == 0 || *line != '\0')
		complain("page %llu is cut short", (unsigned long long)p->number);
}

static bool
ends_in(const struct sample *s, const char *suffix)
{
	size_t name = strcspn(s->key, "{ "), n = strlen(suffix);

	return name >= n && memcmp(s->key + name - n, suffix, n) == 0;
}

/* What counts in stable series is no less than in the page before. P2 */
static void
compare(struct page *now, struct page *before)
{
	for (int i = 0; i < PAGE_SAMPLES; i++) {
		const struct sample *s = &now->samples[i], *old;

		if (s->key == NULL || strncmp(s->key, "stable_", 7) != 0 ||
		    !(ends_in(s, "_total") || ends_in(s, "_bucket") || ends_in(s, "_count")))
			continue;
		old = find(before, s->key, s->length);
		if (old->key != NULL && s->value < old->value)
			wrong(now, s->key, "went down");
	}
	if (now->stable < before->stable)
		complain("page %llu has %u stable samples, the one before %u",
			 (unsigned long long)now->number, now->stable, before->stable);
}

/* ---- P1: the bounds of a page ------------------------------------------------- */

static double
value_of(struct page *p, const char *key)
{
	const struct sample *s = find(p, key, strlen(key));

	if (s->key != NULL)
		return s->value;
	complain("page %llu lacks %s", (unsigned long long)p->number, key);
	return NAN;
}

/* A sample of a stable series is the sum of some quantities, in a unit, less others. */
struct rule {
	const char *name, *bound;
	unsigned first, last;
	unsigned less; /* QUANTITIES: none */
	double unit;
};

static const struct rule rules[] = {
	{"calls_total", "", CALLS, CALLS, QUANTITIES, 1},
	{"bytes_total", "", BYTES, BYTES, QUANTITIES, 1},
	{"load_total", "", QUARTERS, QUARTERS, QUANTITIES, 4},
	{"level", "", UPS, UPS, DOWNS, 1},
	{"record", "", MARK, MARK, QUANTITIES, 1},
	{"parts", "", PARTS, PARTS, QUANTITIES, 1},
	{"seconds_bucket", ",le=\"1\"", BUCKET, BUCKET, QUANTITIES, 1},
	{"seconds_bucket", ",le=\"2\"", BUCKET, BUCKET + 1, QUANTITIES, 1},
	{"seconds_bucket", ",le=\"4\"", BUCKET, BUCKET + 2, QUANTITIES, 1},
	{"seconds_bucket", ",le=\"+Inf\"", BUCKET, BUCKET + 3, QUANTITIES, 1},
	{"seconds_count", "", BUCKET, BUCKET + 3, QUANTITIES, 1},
	{"seconds_sum", "", SECONDS, SECONDS, QUANTITIES, 8},
	{"size_count", "", SIZES, SIZES, QUANTITIES, 1},
	{"size_sum", "", SIZES_SUM, SIZES_SUM, QUANTITIES, 8},
	{"wait_count", "", WAITS, WAITS, QUANTITIES, 1},
	{"wait_sum", "", WAITS_SUM, WAITS_SUM, QUANTITIES, 8},
};

static double
add_quantities(const struct rule *r, const uint64_t *plus, const uint64_t *minus)
{
	uint64_t sum = 0;

	for (unsigned q = r->first; q <= r->last; q++)
		sum += plus[q];
	return ((double)sum - (r->less == QUANTITIES ? 0 : (double)minus[r->less])) / r->unit;
}

static double
shown(struct page *p, const struct rule *r, int k)
{
	char key[128];

	snprintf(key, sizeof(key), "stable_%s{key=\"%s\"%s}", r->name, key_texts[k], r->bound);
	return value_of(p, key);
}

static void
check_bounds(struct page *p, const struct totals *done, const struct totals *begun)
{
	for (size_t i = 0; i < KEYS * array_len(rules); i++) {
		const struct rule *r = &rules[i / KEYS];
		int k = (int)(i % KEYS);
		double least = add_quantities(r, done->words[k], begun->words[k]);
		double most = add_quantities(r, begun->words[k], done->words[k]);
		double value = shown(p, r, k);

		if (!(value >= least && value <= most))
			complain("page %llu: %s%s of %s is %.17g, and should be %.17g to %.17g",
				 (unsigned long long)p->number, r->name, r->bound, key_names[k],
				 value, least, most);
	}
}

/* The gauge that is set says who set it, and to what: no thread sets it to what it has not begun. */
static void
check_mark(struct page *p, int k)
{
	static const struct rule mark = {"mark", "", 0, 0, 0, 1};
	uint64_t value = (uint64_t)shown(p, &mark, k);
	unsigned who = value % (WORKERS * THREADS);
	uint64_t begun = load_acquire(
		&outside->tallies[who / THREADS][who % THREADS].begun[k][MARK]);

	if (value / (WORKERS * THREADS) > begun)
		complain("page %llu: thread %u never set its mark to %llu",
			 (unsigned long long)p->number, who, (unsigned long long)value);
}

static void
check_count(struct page *p, int k)
{
	static const struct rule infinite = {"seconds_bucket", ",le=\"+Inf\"", 0, 0, 0, 1};
	static const struct rule count = {"seconds_count", "", 0, 0, 0, 1};

	if (shown(p, &infinite, k) != shown(p, &count, k))
		complain("page %llu: _count is not the +Inf bucket", (unsigned long long)p->number);
}

/*
 * The gauge of updates under way, one of a thread at most: it heals after each death. Twice
 * as many, for while it is read one may die that was counted and another begin. Processes
 * without a place of their own leave what they had.
 */
static void
check_live(struct page *p, int k)
{
	static const struct rule live = {"live", "", 0, 0, 0, 1};
	double value = shown(p, &live, k);

	if (lanes > WORKERS && !(value >= 0 && value <= 2 * WORKERS * THREADS))
		complain("page %llu: %g updates are under way", (unsigned long long)p->number,
			 value);
}

/* All of P1 and P2; p->text and p->length are set. */
static void
check_page(struct page *p, struct page *before, const struct totals *done)
{
	struct totals begun;

	note_begun(&begun);
	p->number = before->number + 1;
	read_page(p);
	check_bounds(p, done, &begun);
	for (int k = 0; k < KEYS; k++) {
		check_mark(p, k);
		check_count(p, k);
		check_live(p, k);
	}
	compare(p, before);
}

/* ---- updates ------------------------------------------------------------------ */

struct thread {
	struct tally *tally;
	unsigned number;    /* among all threads */
	unsigned long life; /* updates until it ends by itself */
	uint64_t random;
	char worker[24]; /* label value of this incarnation */
	uint32_t made;   /* series of ever new labels; their numbers begin at */
	uint32_t first;
	bool scrapes;
};

static void
update_counter(struct tally *t, uint32_t k, cprom_counter *c, uint32_t x, unsigned quantity)
{
	uint64_t n = quantity == CALLS ? 1 : 1 + x % 8;

	begin(t, k, quantity, n);
	begin_update(t);
	if (quantity == CALLS)
		cprom_counter_inc(c);
	else
		cprom_counter_add(c, quantity == BYTES ? (double)n : (double)n / 4);
	end_update(t, k, quantity, n);
}

static void
update_level(struct tally *t, uint32_t k, cprom_gauge *g, uint32_t x, unsigned quantity)
{
	begin(t, k, quantity, 1 + x % 3);
	begin_update(t);
	if (quantity == DOWNS)
		cprom_gauge_sub(g, 1 + x % 3);
	else
		cprom_gauge_add(g, 1 + x % 3);
	end_update(t, k, quantity, 1 + x % 3);
}

/* One gauge is set to a number that says who did, another raised. */
static void
update_mark(struct thread *me, uint32_t k, cprom_gauge *mark, cprom_gauge *record)
{
	uint64_t n = load_relaxed(&me->tally->begun[k][MARK]) + 1;

	begin(me->tally, k, MARK, 1);
	begin_update(me->tally);
	cprom_gauge_set(mark, (double)(n * WORKERS * THREADS + me->number));
	cprom_gauge_set_max(record, (double)n);
	end_update(me->tally, k, MARK, 1);
}

static void
update_histogram(struct tally *t, uint32_t k, cprom_histogram *h, uint32_t x)
{
	uint32_t eighths = 1 + x % 40, bucket = 0;

	while (bucket < BOUNDS && eighths / 8.0 > bounds[bucket])
		bucket++;
	begin(t, k, BUCKET + bucket, 1);
	begin(t, k, SECONDS, eighths);
	begin_update(t);
	cprom_histogram_observe(h, eighths / 8.0);
	raise_word(&t->done[k][SECONDS], eighths);
	end_update(t, k, BUCKET + bucket, 1);
}

/* count is SIZES or WAITS; their sum is next to them. */
static void
update_summary(struct tally *t, uint32_t k, cprom_summary *s, uint32_t x, unsigned count)
{
	uint32_t eighths = 1 + x % 40;

	begin(t, k, count, 1);
	begin(t, k, count + 1, eighths);
	begin_update(t);
	cprom_summary_observe(s, eighths / 8.0);
	raise_word(&t->done[k][count + 1], eighths);
	end_update(t, k, count, 1);
}

/* A child by its kept handle, or looked up. */
#define CHILD(metric) (look_up ? cprom_labels(parents.metric, key_names[k]) : kept[k].metric)

static void
update(struct thread *me)
{
	uint32_t x = next_random(&me->random), k = x % KEYS;
	bool look_up = x & 4;
	struct tally *t = me->tally;

	switch ((x >> 4) % 9) {
	case 0:
		update_counter(t, k, CHILD(calls), x >> 8, CALLS);
		break;
	case 1:
		update_counter(t, k, CHILD(bytes), x >> 8, BYTES);
		break;
	case 2:
		update_counter(t, k, CHILD(load), x >> 8, QUARTERS);
		break;
	case 3:
		update_level(t, k, CHILD(level), x >> 8, x & 8 ? UPS : DOWNS);
		break;
	case 4:
		update_level(t, k, CHILD(parts), x >> 8, PARTS);
		break;
	case 5:
		update_mark(me, k, CHILD(mark), CHILD(record));
		break;
	case 6:
		update_histogram(t, k, CHILD(seconds), x >> 8);
		break;
	case 7:
		update_summary(t, k, CHILD(size), x >> 8, SIZES);
		break;
	default:
		update_summary(t, k, CHILD(wait), x >> 8, WAITS);
	}
}

/* ---- series of ever new labels ------------------------------------------------ */

static void
expect(const char *what, const char *label, double is, double should)
{
	if (is != should)
		complain("%s (%s) is %.17g, and should be %.17g", what, label, is, should);
}

/* Nobody else has these labels, so what this thread counts is what is there: P3. */
static void
create(const struct thread *me, unsigned type, const char *label)
{
	cprom_counter *c;
	cprom_gauge *g;
	cprom_histogram *h;
	cprom_summary *s;

	switch (type) {
	case 0:
		c = cprom_labels(churn_counter, me->worker, label);
		cprom_counter_inc(c);
		cprom_counter_add(c, 0.5);
		expect("the value", label, cprom_counter_value(c), 1.5);
		break;
	case 1:
		g = cprom_labels(churn_gauge, me->worker, label);
		cprom_gauge_inc(g);
		expect("the value", label, cprom_gauge_value(g), 1);
		break;
	case 2:
		h = cprom_labels(churn_histogram, me->worker, label);
		cprom_histogram_observe(h, 1.5);
		expect("the count", label, (double)cprom_histogram_count(h), 1);
		expect("the sum", label, cprom_histogram_sum(h), 1.5);
		break;
	default:
		s = cprom_labels(churn_summary, me->worker, label);
		cprom_summary_observe(s, 2);
		expect("the count", label, (double)cprom_summary_count(s), 1);
		expect("the sum", label, cprom_summary_sum(s), 2);
	}
}

/* Few are summaries, whose sketches are large. */
static unsigned
type_of(uint32_t i)
{
	return i % 16 == 15 ? 3 : i % 3;
}

static void
churn(struct thread *me)
{
	cprom_metric *metrics[] = {CPROM_METRIC(churn_counter), CPROM_METRIC(churn_gauge),
				   CPROM_METRIC(churn_histogram), CPROM_METRIC(churn_summary)};
	uint32_t i = me->first + me->made++;
	char label[48], old[48];
	const char *const values[] = {me->worker, old};

	snprintf(label, sizeof(label), "%u %.*s", i, (int)(i % 30),
		 "\"a rather long label value\" of it");
	create(me, type_of(i), label);
	if (me->made <= RING)
		return;
	i -= RING;
	snprintf(old, sizeof(old), "%u %.*s", i, (int)(i % 30),
		 "\"a rather long label value\" of it");
	if (cprom_metric_remove(metrics[type_of(i)], (cprom_strings){values, 2}) == -1)
		complain("a series cannot be removed: %s", cprom_error());
	add_relaxed(&outside->churned, 1);
}

/* ---- workers ------------------------------------------------------------------ */

static void
scrape(struct page *p, struct page *before)
{
	struct totals done;

	note_done(&done);
	free(p->text);
	p->text = cprom_render(registry, NULL, &p->length);
	if (p->text == NULL) {
		complain("no page: %s", cprom_error());
		return;
	}
	check_page(p, before, &done);
}

static void *
working(void *arg)
{
	static struct page pages[2]; /* one thread of a worker scrapes */
	struct thread *me = arg;

	for (unsigned long i = 0; i < me->life && !load_relaxed(&outside->stop); i++) {
		uint32_t x = next_random(&me->random);

		cprom_gauge_inc(kept[x % KEYS].live);
		for (uint32_t n = x % 64; n > 0; n--)
			update(me);
		cprom_gauge_dec(kept[x % KEYS].live);
		if ((x >> 8) % 16 == 0)
			churn(me);
		if (me->scrapes && (x >> 12) % 256 == 0) {
			scrape(&pages[0], &pages[1]);
			add_relaxed(&outside->pages, 1);
			scrape(&pages[1], &pages[0]);
		}
	}
	return NULL;
}

struct worker {
	pid_t pid;
	uint64_t incarnation;
	unsigned threads;
};

static int
count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

static void
stop_server(const char *who)
{
	int left;

	cprom_server_stop(server);
	left = count_descriptors();
	if (left != descriptors)
		complain("%s has %d descriptors, not %d", who, left, descriptors);
}

/* Until it is killed, told to end, or at the end of its life. */
static void
work(unsigned slot, const struct worker *w, uint64_t random)
{
	struct thread threads[THREADS] = {0};
	pthread_t ids[THREADS];
	unsigned long life = next_random(&random) % 8 == 0 ? next_random(&random) % 2000
							   : ULONG_MAX;

	for (unsigned i = 0; i < w->threads; i++) {
		threads[i].tally = &outside->tallies[slot][i];
		threads[i].number = slot * THREADS + i;
		threads[i].life = life;
		threads[i].random = random + i * 0x9e3779b97f4a7c15;
		threads[i].scrapes = i == 0 && slot % 4 == 1;
		snprintf(threads[i].worker, sizeof(threads[i].worker), "%llu",
			 (unsigned long long)w->incarnation);
		threads[i].first = i << 28; /* labels are a thread's own */
	}
	for (unsigned i = 1; i < w->threads; i++)
		if (pthread_create(&ids[i], NULL, working, &threads[i]) != 0)
			complain("no thread");
	working(&threads[0]);
	for (unsigned i = 1; i < w->threads; i++)
		pthread_join(ids[i], NULL);
}

/* ---- the parent: forks and kills ---------------------------------------------- */

struct figures {
	uint64_t forks, kills, ends, in_flight;
	unsigned threads_most; /* at a time */
	uint64_t memory[MEMORY_SAMPLES + 1], deaths[MEMORY_SAMPLES + 1], epochs[MEMORY_SAMPLES + 1];
	long resident[MEMORY_SAMPLES + 1], mapped[MEMORY_SAMPLES + 1]; /* KiB of the parent */
	int samples;
};

static struct worker workers[WORKERS];
static struct figures figures;

static void
start_worker(unsigned slot, uint64_t *random)
{
	struct worker *w = &workers[slot];
	pid_t parent = getpid();
	uint64_t own = (uint64_t)next_random(random) << 32 | next_random(random) | 1;
	unsigned threads = 0;

	w->incarnation = ++figures.forks;
	w->threads = next_random(random) % 4 == 0 ? THREADS : 1;
	fflush(stdout);
	w->pid = fork();
	if (w->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		nice(5); /* there are more of them than processors */
		stop_server("a child");
		if (getppid() == parent)
			work(slot, w, own);
		_exit(0);
	}
	if (w->pid == -1)
		complain("fork: %s", strerror(errno));
	for (int i = 0; i < WORKERS; i++)
		threads += workers[i].pid > 0 ? workers[i].threads : 0;
	if (threads > figures.threads_most)
		figures.threads_most = threads;
}

/* P4: what the thread has begun and not done. */
static void
check_flight(struct tally *t)
{
	uint64_t left = load_acquire(&t->updates) - load_acquire(&t->finished);

	if (left > 1)
		complain("%llu updates of a thread were in flight", (unsigned long long)left);
	figures.in_flight += left;
	store_relaxed(&t->finished, load_relaxed(&t->updates));
}

/* The worker has ended: its series are removed, for it cannot. */
static void
bury(struct worker *w, int status)
{
	char name[24];

	w->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		figures.kills++;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		figures.ends++;
	else
		complain("a worker ended with status 0x%x", (unsigned)status);
	for (int i = 0; i < THREADS; i++)
		check_flight(&outside->tallies[w - workers][i]);
	snprintf(name, sizeof(name), "%llu", (unsigned long long)w->incarnation);
	if (cprom_remove_matching(churn_counter, "worker", name) == -1 ||
	    cprom_remove_matching(churn_gauge, "worker", name) == -1 ||
	    cprom_remove_matching(churn_histogram, "worker", name) == -1 ||
	    cprom_remove_matching(churn_summary, "worker", name) == -1)
		complain("a dead worker's series cannot be removed: %s", cprom_error());
}

/* Kills one to three. It takes the scheduler a while to end them: meanwhile others are killed. */
static void
kill_some(uint64_t *random)
{
	uint32_t x = next_random(random);

	for (uint32_t n = 0; n <= x % 8 % 3; n++) {
		const struct worker *w = &workers[(x >> 8 * n) % WORKERS];

		if (w->pid > 0)
			kill(w->pid, SIGKILL);
	}
}

/* How many workers are left. */
static int
bury_all(void)
{
	int left = 0, status;

	for (int i = 0; i < WORKERS; i++) {
		if (workers[i].pid > 0 &&
		    waitpid(workers[i].pid, &status, WNOHANG) == workers[i].pid)
			bury(&workers[i], status);
		left += workers[i].pid > 0;
	}
	return left;
}

static void
replace(uint64_t *random)
{
	if (bury_all() == WORKERS)
		return;
	for (unsigned i = 0; i < WORKERS; i++)
		if (workers[i].pid <= 0)
			start_worker(i, random);
}

/* P5 */
static void
end_workers(void)
{
	double limit = elapsed() + END_SECONDS;
	int left;

	store_release(&outside->stop, 1);
	while ((left = bury_all()) > 0 && elapsed() < limit)
		pause_us(1000);
	if (left > 0)
		complain("%d workers do not come to an end", left);
	for (int i = 0; i < WORKERS; i++)
		if (workers[i].pid > 0)
			kill(workers[i].pid, SIGKILL);
}

/* ---- the parent: scrapes, a piece at a time ----------------------------------- */

static struct page pages[2];

struct reading {
	cprom_scrape *scrape;
	struct totals done;
	size_t capacity;
	unsigned page;
};

static void
write_page(const struct page *p)
{
	char path[512];
	FILE *f;

	if (directory == NULL || p->number % every != 0)
		return;
	snprintf(path, sizeof(path), "%s/%08llu.prom", directory, (unsigned long long)p->number);
	f = fopen(path, "w");
	if (f == NULL || fwrite(p->text, 1, p->length, f) != p->length || fclose(f) != 0)
		complain("%s cannot be written: %s", path, strerror(errno));
}

static void
read_piece(struct reading *r, size_t want)
{
	struct page *p = &pages[r->page % 2];
	ssize_t n;

	if (r->scrape == NULL) {
		note_done(&r->done);
		p->length = 0;
		r->scrape = cprom_scrape_open(registry, NULL);
	}
	p->text = realloc(p->text, p->length + want + 1);
	n = cprom_scrape_read(r->scrape, p->text + p->length, want);
	if (n > 0) {
		p->length += (size_t)n;
		return;
	}
	if (n < 0)
		complain("a scrape failed: %s", cprom_error());
	p->text[p->length] = '\0';
	cprom_scrape_close(r->scrape);
	r->scrape = NULL;
	check_page(p, &pages[++r->page % 2], &r->done);
	write_page(p);
}

/* ---- the parent: lanes, epochs, memory ---------------------------------------- */

/* Of this process, shared memory that it has touched included. */
static void
note_process_memory(long *resident, long *mapped)
{
	long kib = sysconf(_SC_PAGESIZE) / 1024;
	FILE *f = fopen("/proc/self/statm", "r");

	*resident = *mapped = 0;
	if (f == NULL)
		return;
	if (fscanf(f, "%ld %ld", mapped, resident) == 2) {
		*mapped *= kib;
		*resident *= kib;
	}
	fclose(f);
}

static void
note_memory(bool at_end)
{
	struct figures *f = &figures;

	if (f->samples > MEMORY_SAMPLES ||
	    (!at_end && elapsed() < run_seconds * f->samples / MEMORY_SAMPLES))
		return;
	f->memory[f->samples] = load_relaxed(&registry->region.used);
	f->epochs[f->samples] = load_relaxed(&registry->epoch.global);
	f->deaths[f->samples] = f->kills + f->ends;
	note_process_memory(&f->resident[f->samples], &f->mapped[f->samples]);
	f->samples++;
}

struct seats {
	unsigned all, owned, dead;
};

static bool
count_seat(struct seat *s, void *arg)
{
	uint64_t owner = load_acquire(&s->owner);
	struct seats *n = arg;

	n->all++;
	n->owned += owner != 0;
	n->dead += owner != 0 && kill((pid_t)(owner >> 22 & 0x3FFFFF), 0) == -1;
	return true;
}

static void *
count_once(void *arg)
{
	pthread_barrier_t *all = arg;

	cprom_counter_inc(cprom_labels(churn_counter, "end", "end"));
	pthread_barrier_wait(all);
	pthread_barrier_wait(all);
	return NULL;
}

/* P6: as many threads as there are seats get one each, whoever had them. */
static void
take_all_seats(struct seats *before, struct seats *after)
{
	pthread_t *threads;
	pthread_barrier_t all;

	cpromi_lanes_each_seat(&registry->lanes, count_seat, before);
	threads = calloc(before->all, sizeof(*threads));
	pthread_barrier_init(&all, NULL, before->all);
	for (unsigned i = 1; i < before->all; i++)
		pthread_create(&threads[i], NULL, count_once, &all);
	pthread_barrier_wait(&all);
	cpromi_lanes_each_seat(&registry->lanes, count_seat, after);
	pthread_barrier_wait(&all);
	for (unsigned i = 1; i < before->all; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all);
	free(threads);
	if (after->dead > 0 || after->owned < before->all || after->all > before->all)
		complain("%u threads on %u seats, %u of which the dead keep", before->all,
			 after->all, after->dead);
	if (lanes > WORKERS * THREADS && after->all > lanes)
		complain("there are %u seats for %u lanes", after->all, lanes);
}

/* Where series are: carved, free to be used again, in an index. */
struct accounts {
	unsigned carved, free, listed;
};

static unsigned
stack_length(atomic_u64 *head)
{
	region_ref ref = (region_ref)load_acquire(head);
	unsigned n = 0;

	for (; ref != 0; n++)
		ref = peek_u32(cpromi_region_at(&registry->region, ref));
	return n;
}

/* Chunks but the current one are full, and as large as shape.c makes them in turn. */
static unsigned
carved_from(const struct shape *s)
{
	const struct chunk *current = (const struct chunk *)load_acquire(&s->chunk);
	unsigned n = current == NULL ? 0 : load_relaxed(&current->used);

	for (uint32_t i = 0; i + 1 < load_relaxed(&s->chunks); i++) {
		uint32_t cells = i < 4 ? 64u << i : 1024;

		n += cells < s->run ? 1 : cells / s->run;
	}
	return n;
}

static unsigned
listed_in(struct family *f)
{
	unsigned n = f->only != NULL || f->overflow != NULL;

	for (uint32_t i = 0; i < cpromi_index_end(&f->index); i++) {
		struct series *s = cpromi_index_at(&f->index, i);

		n += s != NULL && s != f->overflow && load_acquire(&s->slot) == i + 1;
	}
	return n;
}

/* Nobody else is there. */
static struct accounts
take_stock(void)
{
	struct shape *s = (struct shape *)load_acquire(&registry->shapes);
	struct family *f = NULL;
	struct accounts a = {0};

	for (int i = 0; i < 4; i++)
		cpromi_epoch_advance(&registry->epoch);
	for (; s != NULL; s = s->next) {
		if (s->type > CPROM_TYPE_SUMMARY)
			continue; /* leaves stay with their summaries */
		a.carved += carved_from(s);
		a.free += stack_length(&s->free);
	}
	while ((f = cpromi_family_after(registry, f, f == NULL ? 0 : load_relaxed(&f->ticket),
					UINT64_MAX)) != NULL)
		a.listed += listed_in(f);
	return a;
}

/*
 * P7: what a death took is at most the series that the thread held in its hands, and the
 * one that is counted but not there. A chunk too many may have been reckoned as carved.
 */
static void
check_stock(void)
{
	struct accounts a = take_stock();
	unsigned lost = a.carved - a.free - a.listed;
	unsigned linked = load_relaxed(&registry->table.count);
	unsigned counted = load_relaxed(&registry->series);
	uint64_t deaths = figures.kills + figures.ends;

	printf("series: %u carved, %u free, %u listed: %u lost; %u in the table, %u counted; %llu "
	       "deaths\n",
	       a.carved, a.free, a.listed, lost, linked, counted, (unsigned long long)deaths);
	if ((int)lost < 0 || lost > deaths + 1024 || counted > a.listed + deaths)
		complain("%llu deaths took %u series", (unsigned long long)deaths, lost);
}

#define ROUND 20000

/* Series that come and go while nobody else is there. */
static uint64_t
quiet_round(void)
{
	struct thread me = {.worker = "the parent"};

	for (int i = 0; i < ROUND; i++)
		churn(&me);
	cprom_clear(churn_counter);
	cprom_clear(churn_gauge);
	cprom_clear(churn_histogram);
	cprom_clear(churn_summary);
	return load_relaxed(&registry->region.used);
}

/* The parent's own, beyond what the registry grew by, which has bounds of its own: P9. */
static void
check_flat(int middle, int last)
{
	const struct figures *f = &figures;
	long registrys = (long)(f->memory[last] - f->memory[middle]) / 1024;
	long resident = f->resident[last] - f->resident[middle] - registrys;
	long mapped = f->mapped[last] - f->mapped[middle];

	printf("the parent's KiB, resident and mapped:");
	for (int i = 0; i < f->samples; i++)
		printf(" %ld,%ld", f->resident[i], f->mapped[i]);
	printf("; in the second half beyond the registry: %+ld, %+ld\n", resident, mapped);
	if (run_seconds >= LONG_SECONDS && (resident > OWN_KIB || mapped > OWN_KIB))
		complain("the parent grew by more than %d KiB in the second half", OWN_KIB);
}

/*
 * P7: memory follows what waits for the slowest reader, which on a busy machine may be more
 * late than early; so the bound is wide, and check_stock() is the strict judge. But if nobody
 * dies and nobody reads, none more is needed.
 */
static void
check_memory(void)
{
	const struct figures *f = &figures;
	int middle = f->samples / 2, last = f->samples - 1;
	uint64_t first = quiet_round(), second = quiet_round();

	printf("memory in KiB, deaths:");
	for (int i = 0; i < f->samples; i++)
		printf(" %llu,%llu", (unsigned long long)f->memory[i] / 1024,
		       (unsigned long long)f->deaths[i]);
	printf("; then %llu %llu\n", (unsigned long long)first / 1024,
	       (unsigned long long)second / 1024);
	if (f->memory[last] > 2 * f->memory[middle] + (4 << 20))
		complain("memory grew from %llu to %llu bytes in the second half",
			 (unsigned long long)f->memory[middle],
			 (unsigned long long)f->memory[last]);
	if (second > first + 16384)
		complain("%d series more took %llu bytes", ROUND,
			 (unsigned long long)(second - first));
	if (f->epochs[last] <= f->epochs[middle])
		complain("the epoch stays at %llu", (unsigned long long)f->epochs[last]);
	check_flat(middle, last);
}

/* ---- gauges of processes: P8 ---------------------------------------------------- */

#define MODES (CPROM_GAUGE_LIVE_ALL + 1)
#define SHOWS 25

static const char *const mode_names[MODES] = {
	"part_recent",      "part_sum",      "part_min",      "part_max",      "part_all",
	"part_live_recent", "part_live_sum", "part_live_min", "part_live_max", "part_live_all",
};
static cprom_gauge *parts[MODES];

/* Processes that set all these gauges to their value, and wait to be killed. */
struct player {
	pid_t pid;
	double value;
};

struct cast {
	struct player players[WORKERS]; /* who live, in the order in which they set it */
	unsigned count;
	double values[MODES]; /* to be shown */
	double next;
};

static double
lesser(double a, double b)
{
	return a < b ? a : b;
}

/* What pages have to show of the living. */
static void
expect_living(struct cast *c)
{
	double *v = c->values + CPROM_GAUGE_LIVE_MOST_RECENT;

	memset(v, 0, (MODES - CPROM_GAUGE_LIVE_MOST_RECENT) * sizeof(*v));
	for (unsigned i = 0; i < c->count; i++) {
		double value = c->players[i].value;

		v[CPROM_GAUGE_MOST_RECENT] = value;
		v[CPROM_GAUGE_SUM] += value;
		v[CPROM_GAUGE_MIN] = i == 0 ? value : lesser(v[CPROM_GAUGE_MIN], value);
		v[CPROM_GAUGE_MAX] = i == 0 ? value : -lesser(-v[CPROM_GAUGE_MAX], -value);
	}
}

static void
play(double value, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int mode = 0; mode < MODES; mode++)
		cprom_gauge_set(parts[mode], value);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void
add_player(struct cast *c, const int *ready)
{
	struct player *p = &c->players[c->count++];
	bool first = c->next == 0;
	char byte;

	/* Now up, now down: the least and the greatest are not always the last. */
	c->next = c->next > 0 ? -c->next : 1 - c->next;
	p->value = c->next;
	fflush(stdout);
	p->pid = fork();
	if (p->pid == 0)
		play(p->value, ready[1]);
	if (p->pid == -1 || read(ready[0], &byte, 1) != 1)
		complain("no process: %s", strerror(errno));
	c->values[CPROM_GAUGE_MOST_RECENT] = p->value;
	c->values[CPROM_GAUGE_SUM] += p->value;
	c->values[CPROM_GAUGE_MIN] = first ? p->value
					   : lesser(c->values[CPROM_GAUGE_MIN], p->value);
	c->values[CPROM_GAUGE_MAX] = first ? p->value
					   : -lesser(-c->values[CPROM_GAUGE_MAX], -p->value);
}

/* Those whose bit is set, buried. */
static void
kill_players(struct cast *c, uint32_t which)
{
	unsigned left = 0;

	for (unsigned i = 0; i < c->count; i++) {
		if (which >> i & 1) {
			kill(c->players[i].pid, SIGKILL);
			waitpid(c->players[i].pid, NULL, 0);
		} else {
			c->players[left++] = c->players[i];
		}
	}
	c->count = left;
}

static unsigned
count_samples(const struct page *p, const char *prefix)
{
	unsigned n = 0;

	for (int i = 0; i < PAGE_SAMPLES; i++)
		n += p->samples[i].key != NULL &&
		     strncmp(p->samples[i].key, prefix, strlen(prefix)) == 0;
	return n;
}

static void
check_parts(struct cast *c)
{
	static struct page page;
	char key[64];

	expect_living(c);
	free(page.text);
	page.text = cprom_render(registry, NULL, &page.length);
	page.number++;
	read_page(&page);
	for (int mode = 0; mode < MODES; mode++) {
		if (mode % CPROM_GAUGE_LIVE_MOST_RECENT == CPROM_GAUGE_ALL)
			continue;
		expect(mode_names[mode], "in a page", value_of(&page, mode_names[mode]),
		       c->values[mode]);
		expect(mode_names[mode], "as a value", cprom_gauge_value(parts[mode]),
		       c->values[mode]);
	}
	for (unsigned i = 0; i < 2 * c->count; i++) {
		const struct player *p = &c->players[i / 2];

		snprintf(key, sizeof(key), "%s{pid=\"%ld\"}", i % 2 ? "part_all" : "part_live_all",
			 (long)p->pid);
		expect("the value of a process", key, value_of(&page, key), p->value);
	}
	expect("the number of", "part_live_all", count_samples(&page, "part_live_all{"), c->count);
	if (count_samples(&page, "part_all{") > lanes)
		complain("there are more values than places");
}

/* If there is a place for each: those without share one, which never dies. */
static void
check_processes(void)
{
	struct cast c = {.count = 0};
	uint64_t random = 0xd1342543de82ef95;
	int ready[2];

	if (lanes <= WORKERS || pipe(ready) == -1)
		return;
	for (int mode = 0; mode < MODES; mode++)
		parts[mode] = cprom_gauge_new(mode_names[mode], "Of processes.",
					      .registry = registry, .multiprocess_mode = mode);
	for (int i = 0; i < SHOWS; i++) {
		check_parts(&c);
		while (c.count < WORKERS)
			add_player(&c, ready);
		check_parts(&c);
		kill_players(&c, i == SHOWS - 1 ? UINT32_MAX : next_random(&random));
	}
	check_parts(&c);
	close(ready[0]);
	close(ready[1]);
}

/* ---- start and end ------------------------------------------------------------ */

static void
make_stable(void)
{
	cprom_strings key = CPROM_LABELS("key");
	cprom_doubles b = {bounds, BOUNDS};
	struct metrics *m = &parents;

#define MAKE(type, name, ...)                                                                      \
	cprom_##type##_new("stable_" name, "Stays.", .registry = registry, .labels = key,          \
			   __VA_ARGS__)
	m->calls = MAKE(counter, "calls_total", .unit = NULL);
	m->bytes = MAKE(counter, "bytes_total", .unit = NULL);
	m->load = MAKE(counter, "load_total", .unit = NULL);
	m->level = MAKE(gauge, "level", .unit = NULL);
	m->mark = MAKE(gauge, "mark", .unit = NULL);
	m->record = MAKE(gauge, "record", .unit = NULL);
	m->parts = MAKE(gauge, "parts", .multiprocess_mode = CPROM_GAUGE_SUM);
	m->live = MAKE(gauge, "live", .multiprocess_mode = CPROM_GAUGE_LIVE_SUM);
	m->seconds = MAKE(histogram, "seconds", .buckets = b);
	m->size = MAKE(summary, "size", .unit = NULL);
	m->wait = MAKE(summary, "wait", .quantiles = CPROM_QUANTILES(0.5, 0.9), .max_age = 1);
	for (int k = 0; k < KEYS; k++) {
		const char *name = key_names[k];

		kept[k] = (struct metrics){
			.calls = cprom_labels(m->calls, name),
			.bytes = cprom_labels(m->bytes, name),
			.load = cprom_labels(m->load, name),
			.level = cprom_labels(m->level, name),
			.mark = cprom_labels(m->mark, name),
			.record = cprom_labels(m->record, name),
			.parts = cprom_labels(m->parts, name),
			.live = cprom_labels(m->live, name),
			.seconds = cprom_labels(m->seconds, name),
			.size = cprom_labels(m->size, name),
			.wait = cprom_labels(m->wait, name),
		};
	}
}

static void
make_churn(void)
{
	cprom_strings names = CPROM_LABELS("worker", "series");

	churn_counter = cprom_counter_new("churn_total", "Comes and goes.", .registry = registry,
					  .labels = names);
	churn_gauge = cprom_gauge_new("churn_level", "Comes and goes.", .registry = registry,
				      .labels = names);
	churn_histogram = cprom_histogram_new("churn_seconds", "Comes and goes.",
					      .registry = registry, .labels = names,
					      .buckets = CPROM_BUCKETS(1, 2));
	churn_summary = cprom_summary_new("churn_size", "Comes and goes.", .registry = registry,
					  .labels = names, .quantiles = CPROM_QUANTILES(0.5),
					  .age_buckets = 1);
}

/* For so long, or a little longer. */
static void
serve(uint32_t us)
{
	double end = elapsed() + us * 1e-6;

	do
		if (cprom_server_step(server, us < 1000 ? 0 : 1) == -1)
			complain("the server: %s", cprom_error());
	while (elapsed() < end);
}

static void
run(void)
{
	uint64_t random = 0x9e3779b97f4a7c15;
	struct reading reading = {0};

	for (unsigned i = 0; i < WORKERS; i++)
		start_worker(i, &random);
	while (elapsed() < run_seconds && load_relaxed(&outside->complaints) < MAX_COMPLAINTS) {
		uint32_t x = next_random(&random);

		serve(x % 8 == 0 ? 0 : x % 4000);
		kill_some(&random);
		replace(&random);
		read_piece(&reading, 1 + (x >> 16) % 16384);
		note_memory(false);
	}
	end_workers();
	stop_server("the parent");
	note_memory(true);
	while (reading.scrape != NULL)
		read_piece(&reading, 65536);
	scrape(&pages[reading.page % 2], &pages[(reading.page + 1) % 2]);
	for (int k = 0; k < KEYS && lanes > WORKERS; k++)
		expect("what is under way", key_names[k], cprom_gauge_value(kept[k].live), 0);
}

static uint64_t
updates_done(void)
{
	uint64_t n = 0;

	for (int i = 0; i < WORKERS * THREADS; i++)
		n += load_relaxed(&outside->tallies[i / THREADS][i % THREADS].finished);
	return n;
}

static int
report(void)
{
	const struct figures *f = &figures;
	struct seats before = {0}, after = {0};
	uint32_t lanes_used = load_relaxed(&registry->lanes.used);
	uint32_t complaints;

	take_all_seats(&before, &after);
	check_stock();
	check_memory();
	check_processes();
	if (lanes_used > WORKERS * THREADS + 8) /* a few more where two looked at once */
		complain("%u lanes were used", lanes_used);
	complaints = load_relaxed(&outside->complaints);
	printf("%s: %.1f s, %llu kills, %llu ends, %llu forks; %llu updates, %llu in flight at a "
	       "death; %llu series removed; pages: %llu + %llu of workers; lanes: %u of %u used by "
	       "at "
	       "most %u threads at a time; seats: %u of the dead, then %u; epoch %llu; %u "
	       "complaints\n",
	       complaints == 0 ? "ok" : "FAILED", elapsed(), (unsigned long long)f->kills,
	       (unsigned long long)f->ends, (unsigned long long)f->forks,
	       (unsigned long long)updates_done(), (unsigned long long)f->in_flight,
	       (unsigned long long)load_relaxed(&outside->churned),
	       (unsigned long long)pages[0].number,
	       (unsigned long long)load_relaxed(&outside->pages), lanes_used, lanes,
	       f->threads_most + 1, before.dead, after.dead,
	       (unsigned long long)load_relaxed(&registry->epoch.global), complaints);
	return complaints == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	int status;

	run_seconds = argc > 1 ? atof(argv[1]) : 8;
	lanes = argc > 2 ? (unsigned)atoi(argv[2]) : 64;
	directory = argc > 3 ? argv[3] : NULL;
	every = argc > 4 ? (unsigned)atoi(argv[4]) : 20;
	if (!(run_seconds > 0) || lanes == 0 || every == 0) {
		fputs("usage: prefork [SECONDS [LANES [DIRECTORY [EVERY]]]]\n", stderr);
		return 2;
	}
	start_clock();
	outside = mmap(NULL, sizeof(*outside), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	registry = cprom_registry_new(.shared = 1, .max_lanes = lanes);
	if (outside == MAP_FAILED || registry == NULL)
		return 2;
	make_stable();
	make_churn();
	descriptors = count_descriptors();
	server = cprom_server_open("127.0.0.1:0", .registry = registry, .max_connections = 64,
				   .head_timeout_ms = 1000, .write_timeout_ms = 2000);
	if (server == NULL)
		return 2;
	printf("port %d\n", cprom_server_port(server));
	fflush(stdout);
	run();
	status = report();
	cprom_registry_free(registry);
	free(pages[0].text);
	free(pages[1].text);
	return status;
}
