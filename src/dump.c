/* SPDX-License-Identifier: MIT */
/*
 * dump: a page written to a descriptor from anywhere, a signal handler of a crash included.
 *
 * What is called on the way is async-signal-safe: no heap, no lock, no user code, less
 * than 4 KB of stack. The memory is static and serves one dump at a time. The thread
 * enters the epoch once for all of it, on a seat that it has or borrows, so that whatever
 * it was doing to the registry when it was interrupted may be half done.
 *
 * The unit is a line. HELP texts that do not fit the memory are left out.
 */
#include "error.h"
#include "text.h"

#include <errno.h>
#include <unistd.h>

#define MAX_SAMPLES (CPROM_MAX_BUCKETS + 3)
#define BUFFER_BYTES 32768

_Static_assert(MAX_SAMPLES > CPROM_MAX_LANES + 1 && MAX_SAMPLES > CPROM_MAX_QUANTILES + 2,
	       "the samples of any series");
_Static_assert(BUFFER_BYTES > CPROM_MAX_LABEL_BYTES + CPROM_MAX_LABEL_BYTES / 2 +
				      4 * CPROM_MAX_NAME_BYTES + 256,
	       "any line, what an info says or the name of a state included");

static atomic_u32 dumper; /* the process that writes one; of a fork's copy, the parent */
static struct dump {
	cprom_registry *registry;
	int fd;
	uint64_t birth_limit;
	size_t length;        /* of bytes */
	struct naming naming; /* of the family at hand */
	char bytes[BUFFER_BYTES];
	_Alignas(double) char samples[MAX_SAMPLES * SAMPLE_BYTES];
} the_dump;

static bool
flush(struct dump *d)
{
	size_t written = 0;

	while (written < d->length) {
		ssize_t n = write(d->fd, d->bytes + written, d->length - written);

		if (n > 0) {
			written += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			errno = n == 0 ? EIO : errno;
			return false;
		}
	}
	d->length = 0;
	return true;
}

/* Room for n bytes, at most BUFFER_BYTES; NULL if what is there cannot be written. */
static char *
room(struct dump *d, size_t n)
{
	if (d->length + n > BUFFER_BYTES && !flush(d))
		return NULL;
	return d->bytes + d->length;
}

/* Nobody was asked what names he can read: so that none is lost, they are as they were given. */
static const struct format every_name = {.kind = FORMAT_TEXT, .escaping = ESCAPING_ALLOW_UTF8};

static bool
dump_head(struct dump *d, const struct family *f)
{
	struct family_view v = cpromi_family_view(f);
	char *p;

	cpromi_naming_set(&d->naming, &v, &every_name);
	if (cpromi_text_head_bound(&d->naming, &v) > BUFFER_BYTES)
		v.help_length = 0;
	p = room(d, cpromi_text_head_bound(&d->naming, &v));
	if (p == NULL)
		return false;
	d->length = (size_t)(cpromi_text_head(p, &d->naming, &v) - d->bytes);
	return true;
}

/* The i-th sample; extra, if it is not NULL, tells it apart. */
static bool
dump_line(struct dump *d, struct text_line *l, const struct samples *r, size_t i,
	  const struct bound_text *extra)
{
	char *p = room(d, cpromi_text_sample_bound(l, r));

	if (p == NULL)
		return false;
	l->value = r->values[i];
	p = extra == NULL ? cpromi_text_line(p, l)
			  : cpromi_text_lines(p, l, &r->values[i], extra, 1);
	d->length = (size_t)(p - d->bytes);
	return true;
}

static bool
dump_series(struct dump *d, const struct family *f, const struct series *s, bool *head_shown)
{
	size_t max = cpromi_samples_count(&s->handle);
	const struct bound_text *extras;
	struct bound_text pid;
	struct text_line l;
	struct samples r;

	cpromi_samples_read(&r, s, false, d->samples, max < MAX_SAMPLES ? max : MAX_SAMPLES);
	if (r.count > 0 && !*head_shown && !dump_head(d, f))
		return false;
	*head_shown |= r.count > 0;
	cpromi_text_begin(&l, &d->naming, &r);
	for (size_t i = 0, n = 0, k; i < r.count; i += n) {
		n = cpromi_text_alike(&l, &r, i, &extras, &pid);
		for (k = 0; k < n; k++)
			if (!dump_line(d, &l, &r, i + k, extras == NULL ? NULL : extras + k))
				return false;
	}
	return true;
}

static bool
dump_family(struct dump *d, struct family *f)
{
	bool head_shown = false;

	if (f->collect != NULL || f->callback != NULL)
		return true;
	if (f->only != NULL)
		return dump_series(d, f, f->only, &head_shown);
	for (uint32_t place = 0; place < cpromi_index_end(&f->index); place++) {
		const struct series *s = cpromi_index_at(&f->index, place);

		if (s != NULL && cpromi_series_is_due(f, s, place, d->birth_limit) &&
		    !dump_series(d, f, s, &head_shown))
			return false;
	}
	return true;
}

static bool
dump_all(struct dump *d)
{
	struct family *f = NULL;
	uint64_t ticket = 0;

	d->birth_limit = load_acquire(&d->registry->births);
	while ((f = cpromi_family_after(d->registry, f, ticket, d->birth_limit)) != NULL) {
		ticket = load_relaxed(&f->ticket);
		if (!dump_family(d, f))
			return false;
	}
	return flush(d);
}

/* In an epoch, on the thread's seat if it has one. */
static int
dump_inside(struct dump *d)
{
	struct epoch *e = &d->registry->epoch;
	struct epoch_guard g = {.seat = cpromi_epoch_own_seat(e)};
	bool borrowed = g.seat == NULL;
	bool done;

	if (borrowed && (g.seat = cpromi_lane_borrow(e->lanes)) == NULL)
		return cpromi_fail_in_handler(ENOMEM,
					      "the registry has no memory for one more thread");
	cpromi_epoch_announce(e, &g);
	done = dump_all(d);
	cpromi_epoch_leave(&g);
	if (borrowed)
		cpromi_lane_return(g.seat);
	return done ? 0 : cpromi_fail_in_handler(errno, "the page could not be written");
}

int
cprom_dump_fd(cprom_registry *from, int fd)
{
	cprom_registry *r = cpromi_registry_if_made(from);
	uint32_t me = (uint32_t)getpid(), other = load_relaxed(&dumper);
	int saved = errno, result;

	if (r == NULL)
		return 0;
	if (other == me || !cas_acq_rel(&dumper, &other, me))
		return cpromi_fail_in_handler(EBUSY, "another dump is being written");
	the_dump.registry = r;
	the_dump.fd = fd;
	the_dump.length = 0;
	result = dump_inside(&the_dump);
	store_release(&dumper, 0); /* pairs with the acquire of the next one */
	if (result == 0)
		errno = saved;
	return result;
}
