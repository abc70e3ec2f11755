/* SPDX-License-Identifier: MIT */
/*
 * native: the sparse exponential buckets of a native histogram, its limits and resets.
 */
#include "native.h"

#include "clock.h"
#include "registry.h"

#define ZERO UINT32_MAX /* in place of a key */
#define FEWEST_LEAVES 16
#define INDICES_OF_COARSEST 133 /* -67 … 65 */
#define OBSERVE_TRIES 3
#define READ_TRIES 8

/* ---- observing ------------------------------------------------------------- */

struct observation {
	double v;
	double sum;
	uint64_t n;
	size_t classic;
};

/* The key of a value under these limits, or ZERO. */
static inline uint32_t
key_of(const struct shape *s, uint64_t limits, double v)
{
	uint64_t bits = double_bits(v);
	double size = bits_double(bits & ~((uint64_t)1 << 63));
	uint32_t shift = record_shift(limits);
	int32_t finest;

	if (size <= s->native.zero_threshold)
		return ZERO;
	finest = cpromi_exponential_finest(size);
	if (UNLIKELY(finest <= record_zero_end(limits)))
		return ZERO;
	return cpromi_record_middle_key(shift, (unsigned)(bits >> 63)) +
	       (uint32_t)cpromi_exponential_merge(finest, shift);
}

static inline atomic_u64 *
zero_cell(const struct shape *s, atomic_u64 *cells)
{
	return &cells[s->snapshot];
}

/* Where a value counts among the own cells; NULL if there is no place yet. */
static inline atomic_u64 *
own_count(struct record *r, atomic_u64 *cells, size_t column, double v)
{
	const struct shape *s = r->handle.chunk->shape;
	uint32_t key = key_of(s, load_relaxed(&r->limits), v);
	const struct handle *leaf;
	atomic_u64 *block;

	if (key == ZERO)
		return zero_cell(s, cells);
	leaf = cpromi_sparse_leaf(&r->root, key);
	block = leaf == NULL ? NULL : cpromi_block_at(leaf, 0, column);
	return block == NULL ? NULL : block + leaf->offset + key % SPARSE_LEAF;
}

/* In a section: N4. */
static inline bool
add_own(const struct handle *h, size_t column, struct observation o)
{
	struct record *r = cpromi_record_of(h);
	atomic_u64 *cells = r == NULL ? NULL : cpromi_block_at(&r->handle, 0, column);
	atomic_u64 *count;
	uint64_t odd;

	if (UNLIKELY(cells == NULL))
		return false;
	cells += r->handle.offset;
	count = own_count(r, cells, column, o.v);
	if (UNLIKELY(count == NULL))
		return false;
	odd = cpromi_snapshot_begin(cells);
	add_owned_release(count, o.n);
	add_owned_release(&cells[o.classic], o.n); /* second: N2 */
	cpromi_add_own_double(&cells[1], o.sum);
	cpromi_snapshot_end(cells, odd);
	return true;
}

static inline bool
observe_own(const struct handle *h, struct observation o)
{
	int32_t at = h->entry_at;
	size_t column = cpromi_lane_column(at);
	struct seat *seat;
	bool done;

	if (UNLIKELY(column == COLUMN_NONE))
		return false;
	seat = cpromi_section_enter(at);
	done = add_own(h, column, o);
	cpromi_section_leave(at, column, seat);
	return done;
}

/* May another leaf be made at this shift? At -4 always: it has six. */
static bool
may_grow(struct record *r, uint32_t shift)
{
	const struct shape *s = r->handle.chunk->shape;
	uint32_t most = s->native.max_buckets < FEWEST_LEAVES ? FEWEST_LEAVES
							      : s->native.max_buckets;

	return shift == EXPONENTIAL_MAX_SHIFT ||
	       load_relaxed(&r->leaves) < most * (shift - record_first_shift(s) + 1);
}

static struct handle *
grow(struct record *r, uint32_t key)
{
	const struct sparse counts = cpromi_record_counts(r);
	bool made;
	struct handle *leaf = cpromi_sparse_grow(&counts, key, &made);

	if (leaf != NULL && made)
		add_relaxed(&r->leaves, 1);
	return leaf;
}

/* The key of a value, and its leaf, made now if need be; NULL without memory. In an epoch. */
static struct handle *
find_leaf(struct record *r, double v, uint32_t *key)
{
	const struct shape *s = r->handle.chunk->shape;
	uint64_t limits = load_acquire(&r->limits);

	for (;;) {
		struct handle *leaf;

		*key = key_of(s, limits, v);
		if (*key == ZERO)
			return NULL;
		leaf = cpromi_sparse_leaf(&r->root, *key);
		if (leaf != NULL)
			return leaf;
		if (may_grow(r, record_shift(limits)))
			return grow(r, *key);
		if (cas_acq_rel(&r->limits, &limits, limits + 1)) /* a shift more */
			limits++;
	}
}

/* Makes a place for the value among the calling thread's own cells; false if there can be none. */
static COLD bool
make_place(const struct handle *h, double v)
{
	struct epoch_guard g;
	struct record *r;
	bool made = false;

	if (!cpromi_epoch_enter(&cpromi_registry_of(h)->epoch, &g))
		return false;
	r = cpromi_record_of(h);
	if (r != NULL && cpromi_own_cells_slow(&r->handle, 0) != NULL) {
		uint32_t key;
		struct handle *leaf = find_leaf(r, v, &key);

		made = key == ZERO || (leaf != NULL && cpromi_own_cells_slow(leaf, 0) != NULL);
	}
	cpromi_epoch_leave(&g);
	return made;
}

static bool
add_shared(struct record *r, struct observation o)
{
	atomic_u64 *cells = cpromi_shared_cells(&r->handle, 0), *count;
	uint32_t key;
	struct handle *leaf = find_leaf(r, o.v, &key);

	if (key == ZERO)
		count = zero_cell(r->handle.chunk->shape, cells);
	else if (leaf != NULL)
		count = cpromi_shared_cells(leaf, 0) + key % SPARSE_LEAF;
	else
		return false;
	add_relaxed(count, o.n);
	/* Release: N2. Pairs with load_acquire in read_cells(). */
	add_acq_rel(&cells[o.classic], o.n);
	cpromi_add_double(&cells[1], o.sum);
	return true;
}

static COLD void
observe_shared(const struct handle *h, struct observation o)
{
	struct epoch_guard g;
	struct record *r;
	bool done = false;

	if (cpromi_epoch_enter(&cpromi_registry_of(h)->epoch, &g)) {
		r = cpromi_record_of(h);
		done = r == NULL || add_shared(r, o);
		cpromi_epoch_leave(&g);
	}
	if (!done)
		cpromi_drop(h, DROP_NO_MEMORY);
}

/* A read may take record and leaves away again, hence the tries: by a reset. */
static COLD void
observe_slow(const struct handle *h, struct observation o)
{
	for (int i = 0; i < OBSERVE_TRIES && make_place(h, o.v); i++)
		if (observe_own(h, o))
			return;
	observe_shared(h, o);
}

FLATTEN void
cpromi_native_observe(const struct handle *h, size_t classic, double v, double sum, uint64_t n)
{
	const struct observation o = {v, sum, n, 2 + classic};

	if (UNLIKELY(!observe_own(h, o)))
		observe_slow(h, o);
}

/* ---- merging --------------------------------------------------------------- */

/* A view in the making. */
struct merge {
	const struct shape *shape;
	struct native_bucket *rows; /* by ascending index; cpromi_native_bytes() has room */
	size_t row_count;
	size_t buckets; /* counts in rows that are not 0 */
	uint32_t first_shift;
	uint32_t shift;
	int32_t zero_end;
	int32_t widest; /* the last bucket of schema 8 that zero may be widened to */
	uint64_t zero_count;
	double sum;
	uint64_t *classic;
};

static size_t
most_rows(const struct shape *s)
{
	size_t most = s->native.max_buckets;

	return (most < INDICES_OF_COARSEST ? INDICES_OF_COARSEST : most) + 1;
}

static size_t
classic_bytes(const struct shape *s)
{
	return s->count * sizeof(uint64_t);
}

size_t
cpromi_native_bytes(const struct shape *s)
{
	return classic_bytes(s) + most_rows(s) * sizeof(struct native_bucket);
}

static int32_t
widest_end(const struct shape *s)
{
	double most = s->native.max_zero_threshold;
	int32_t index;

	if (!(most > 0))
		return NOT_WIDENED;
	index = cpromi_exponential_finest(most);
	return cpromi_exponential_bound(EXPONENTIAL_MAX_SCHEMA, index) <= most ? index : index - 1;
}

static size_t
count_buckets(const struct native_bucket *b)
{
	return (b->counts[0] != 0) + (b->counts[1] != 0);
}

/* The row of an index, put in its place if there is none. */
static struct native_bucket *
get_row(struct merge *m, int32_t index)
{
	size_t low = 0, high = m->row_count;

	if (high > 0 && m->rows[high - 1].index < index)
		low = high; /* as a rule: leaves are read in order */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->rows[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == m->row_count || m->rows[low].index != index) {
		memmove(&m->rows[low + 1], &m->rows[low],
			(m->row_count++ - low) * sizeof(*m->rows));
		m->rows[low] = (struct native_bucket){.index = index};
	}
	return &m->rows[low];
}

/* Adds the first row to the zero bucket. */
static void
widen_zero(struct merge *m)
{
	struct native_bucket *first = m->rows;

	m->zero_end = cpromi_exponential_end(first->index, m->shift);
	m->zero_count += first->counts[0] + first->counts[1];
	m->buckets -= count_buckets(first);
	memmove(first, first + 1, --m->row_count * sizeof(*first));
}

static void
halve_resolution(struct merge *m)
{
	size_t kept = 0;

	m->shift++;
	m->buckets = 0;
	for (size_t i = 0; i < m->row_count; i++) {
		struct native_bucket b = m->rows[i];

		b.index = cpromi_exponential_merge(b.index, 1);
		if (kept > 0 && m->rows[kept - 1].index == b.index) {
			struct native_bucket *last = &m->rows[kept - 1];

			m->buckets -= count_buckets(last);
			b.counts[0] += last->counts[0];
			b.counts[1] += last->counts[1];
			kept--;
		}
		m->rows[kept++] = b;
		m->buckets += count_buckets(&b);
	}
	m->row_count = kept;
}

/*
 * As client_golang does, until there are few enough. That rows are added while this goes on
 * makes no difference: more of them never ask for fewer steps, and what comes below
 * zero_end or widest later is added to the zero bucket in merge_count().
 */
static void
limit(struct merge *m)
{
	while (m->buckets > m->shape->native.max_buckets) {
		if (m->shift == m->first_shift &&
		    cpromi_exponential_end(m->rows[0].index, m->shift) <= m->widest)
			widen_zero(m);
		else if (m->shift < EXPONENTIAL_MAX_SHIFT)
			halve_resolution(m);
		else
			return;
	}
}

/* Is the bucket of schema 8 that one ends with part of the zero bucket? */
static bool
is_zero(struct merge *m, int32_t end)
{
	if (end <= m->zero_end)
		return true;
	if (m->shift == m->first_shift)
		return false;
	/* Zero is widened as far as it goes before the resolution is halved. */
	end = cpromi_exponential_end(cpromi_exponential_merge(end, m->first_shift), m->first_shift);
	if (end > m->widest)
		return false;
	m->zero_end = m->zero_end > end ? m->zero_end : end;
	return true;
}

/* Adds what a bucket of the schema holds that is less than 8 by shift. */
static void
merge_count(struct merge *m, uint32_t shift, unsigned sign, int32_t index, uint64_t count)
{
	struct native_bucket *row;

	if (is_zero(m, cpromi_exponential_end(index, shift))) {
		m->zero_count += count;
		return;
	}
	row = get_row(m, cpromi_exponential_merge(index, m->shift - shift));
	m->buckets += row->counts[sign] == 0;
	row->counts[sign] += count;
	limit(m);
}

/* ---- reading --------------------------------------------------------------- */

static void
sum_leaf(const struct handle *leaf, uint64_t *sums)
{
	memset(sums, 0, SPARSE_LEAF * sizeof(*sums));
	for (unsigned lane = 0, end = cpromi_lane_end(leaf->chunk->shape); lane < end; lane++) {
		atomic_u64 *cells = cpromi_cells(leaf, 0, lane);

		for (unsigned i = 0; cells != NULL && i < SPARSE_LEAF; i++)
			sums[i] += load_acquire(&cells[i]);
	}
}

static void
merge_leaves(struct merge *m, struct record *r, uint32_t shift, unsigned sign)
{
	const struct sparse counts = cpromi_record_counts(r);
	uint32_t key = cpromi_record_first_key(shift, sign);
	uint32_t end = key + cpromi_record_keys(shift);
	int32_t middle = (int32_t)cpromi_record_middle_key(shift, sign);
	uint64_t sums[SPARSE_LEAF];
	struct handle *leaf;

	for (; (leaf = cpromi_sparse_next(&counts, &key, end)) != NULL; key += SPARSE_LEAF) {
		sum_leaf(leaf, sums);
		for (unsigned i = 0; i < SPARSE_LEAF; i++)
			if (sums[i] != 0)
				merge_count(m, shift, sign, (int32_t)(key + i) - middle, sums[i]);
	}
}

/* Sum and classic buckets, then the zero bucket: N2. */
static void
read_cells(struct merge *m, struct record *r)
{
	const struct shape *s = m->shape;

	for (unsigned lane = 0, end = cpromi_lane_end(s); lane < end; lane++) {
		atomic_u64 *cells = cpromi_cells(&r->handle, 0, lane);

		if (cells == NULL)
			continue;
		m->sum += bits_double(load_acquire(&cells[1]));
		for (size_t i = 0; i < s->count; i++)
			m->classic[i] += load_acquire(&cells[2 + i]);
	}
	m->zero_count = cpromi_sum_u64(&r->handle, 0, s->snapshot);
}

static void
merge_record(struct merge *m, struct record *r, uint64_t limits)
{
	uint32_t shift = record_first_shift(m->shape);

	m->row_count = m->buckets = 0;
	m->first_shift = m->shift = record_shift(limits);
	m->zero_end = record_zero_end(limits);
	m->sum = 0;
	memset(m->classic, 0, classic_bytes(m->shape));
	read_cells(m, r);
	for (uint32_t in_force = record_shift(limits); shift <= in_force; shift++)
		for (unsigned sign = NATIVE_POSITIVE; sign <= NATIVE_NEGATIVE; sign++)
			merge_leaves(m, r, shift, sign);
}

/* The sum of the lanes' sequence words, which only grow; odd while one is written. N3 */
static uint64_t
sequences(const struct record *r, bool *odd)
{
	uint64_t sum = 0;

	*odd = false;
	for (unsigned lane = LANE_OVERFLOW + 1, end = cpromi_lane_end(r->handle.chunk->shape);
	     lane < end; lane++) {
		atomic_u64 *cells = cpromi_cells(&r->handle, 0, lane);
		uint64_t sequence = cells == NULL ? 0 : load_acquire(&cells[0]);

		*odd |= sequence & 1;
		sum += sequence;
	}
	return sum;
}

static void
merge_untorn(struct merge *m, struct record *r, uint64_t limits)
{
	for (int i = 0; i < READ_TRIES; i++) {
		bool odd, ignored;
		uint64_t before = sequences(r, &odd);

		merge_record(m, r, limits);
		if (!odd && sequences(r, &ignored) == before)
			return;
	}
}

/*
 * Merges what is recorded until the limits that come out are in force. If others made them
 * coarser meanwhile it is done again: there may be counts under a schema that it did not
 * look at. Those limits are returned.
 */
static uint64_t
settle(struct merge *m, struct record *r)
{
	uint64_t limits = load_acquire(&r->limits);

	for (;;) {
		uint64_t before = limits, wanted;

		merge_untorn(m, r, limits);
		wanted = record_limits(m->shift, m->zero_end);
		if (wanted != limits) {
			if (cas_acq_rel(&r->limits, &limits, wanted))
				return wanted;
		} else {
			limits = load_acquire(&r->limits);
			if (limits == before)
				return limits;
		}
	}
}

static double
threshold_of(const struct merge *m)
{
	double least = m->shape->native.zero_threshold, end;

	if (m->zero_end == NOT_WIDENED)
		return least;
	end = cpromi_exponential_bound(EXPONENTIAL_MAX_SCHEMA, m->zero_end);
	return end > least ? end : least;
}

static uint64_t
read_record(struct native_view *v, struct record *r, void *memory)
{
	const struct shape *s = r->handle.chunk->shape;
	struct merge m = {.shape = s, .classic = memory, .widest = widest_end(s)};
	uint64_t limits;

	m.rows = (struct native_bucket *)((char *)memory + classic_bytes(s));
	limits = settle(&m, r);
	*v = (struct native_view){
		.schema = EXPONENTIAL_MAX_SCHEMA - (int32_t)m.shift,
		.zero_threshold = threshold_of(&m),
		.zero_count = m.zero_count,
		.count = m.zero_count,
		.sum = m.sum,
		.created_ms = r->created_ms,
		.buckets = m.rows,
		.bucket_count = m.row_count,
		.classic = m.classic,
	};
	for (size_t i = 0; i < m.row_count; i++)
		v->count += m.rows[i].counts[0] + m.rows[i].counts[1];
	for (size_t i = 1; i < s->count; i++)
		m.classic[i] += m.classic[i - 1];
	return limits;
}

static bool
is_reset_due(const struct record *r, uint64_t limits)
{
	const struct shape *s = r->handle.chunk->shape;

	return s->native.min_reset_ns > 0 &&
	       limits != record_limits(record_first_shift(s), NOT_WIDENED) &&
	       cpromi_monotonic_ns() - r->started >= s->native.min_reset_ns;
}

/* Gives the series an empty record in place of this one. False without memory, or if another did. */
static bool
reset(const struct handle *h, struct record *old)
{
	struct record *fresh = cpromi_record_take(h->chunk->shape->record);
	uint64_t there = (uintptr_t)old;

	if (fresh == NULL)
		return false;
	/* Release: it is empty. Pairs with load_acquire in cpromi_record_of(). */
	if (cas_acq_rel(cpromi_shared_cells(h, 0), &there, (uintptr_t)fresh))
		return true;
	cpromi_record_give(fresh);
	return false;
}

void
cpromi_native_read(struct native_view *v, const struct handle *h, void *memory)
{
	struct record *r = cpromi_record_of(h);
	uint64_t limits = read_record(v, r, memory);

	if (!is_reset_due(r, limits) || !reset(h, r))
		return;
	read_record(v, r, memory);
	cpromi_epoch_retire(&cpromi_registry_of(h)->epoch, r);
}

void
cpromi_native_peek(struct native_view *v, const struct handle *h, void *memory)
{
	read_record(v, cpromi_record_of(h), memory);
}

/* ---- count and sum --------------------------------------------------------- */

void
cpromi_native_totals(const struct handle *h, uint64_t *count, double *sum)
{
	struct epoch_guard g;
	struct record *r;

	*count = 0;
	*sum = 0;
	if (!cpromi_epoch_enter(&cpromi_registry_of(h)->epoch, &g))
		return;
	r = cpromi_record_of(h);
	if (r != NULL) {
		for (unsigned i = 2; i < r->handle.chunk->shape->snapshot; i++)
			*count += cpromi_sum_u64(&r->handle, 0, i);
		*sum = cpromi_sum_double(&r->handle, 0, 1);
	}
	cpromi_epoch_leave(&g);
}
