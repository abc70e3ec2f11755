/* SPDX-License-Identifier: MIT */
/*
 * shape: what series of one kind have in common, and where their cells are.
 */
#include "shape.h"

#include "number.h"
#include "series.h"

#define FIRST_CHUNK_CELLS 64
#define MAX_CHUNK_CELLS 1024
_Static_assert(MAX_CHUNK_CELLS <= UINT16_MAX && CPROM_MAX_LANES + 2 <= UINT16_MAX,
	       "a chunk's numbers fit");
#define NONE_BYTES (sizeof(struct chunk) + sizeof(atomic_ptr)) /* column 0 */

/* ---- finding and making ---------------------------------------------------- */

static bool
same_limits(const struct native_limits *a, const struct native_limits *b)
{
	return a->schema == b->schema && a->max_buckets == b->max_buckets &&
	       double_bits(a->zero_threshold) == double_bits(b->zero_threshold) &&
	       double_bits(a->max_zero_threshold) == double_bits(b->max_zero_threshold) &&
	       a->min_reset_ns == b->min_reset_ns;
}

bool
cpromi_shape_differs_natively(const struct shape *a, const struct shape *b)
{
	return !same_limits(&a->native, &b->native);
}

static bool
same_states(cprom_strings a, cprom_strings b)
{
	if (a.count != b.count)
		return false;
	for (size_t i = 0; i < a.count; i++)
		if (strcmp(a.items[i], b.items[i]) != 0)
			return false;
	return true;
}

static bool
has_key(const struct shape *s, const struct shape_key *key)
{
	return s->type == key->type && s->mode == key->mode && s->slices == key->slices &&
	       s->slice_ns == key->slice_ns && same_limits(&s->native, &key->native) &&
	       s->flags == key->flags && same_states(s->states, key->states) &&
	       s->count == key->bounds.count &&
	       (s->count == 0 ||
		memcmp(s->bounds, key->bounds.items, s->count * sizeof(double)) == 0);
}

void
cpromi_bound_spell(struct bound_text *t, uint32_t type, double bound, bool canonical)
{
	const char *label = type == CPROM_TYPE_SUMMARY ? "quantile=\"" : "le=\"";
	size_t n = strlen(label);

	memcpy(t->text, label, n);
	n += canonical ? cpromi_canonical_text(bound, t->text + n)
		       : cpromi_double_text(bound, t->text + n);
	t->text[n++] = '"';
	t->length = (unsigned char)n;
}

static size_t
bounds_bytes(size_t count)
{
	return count * sizeof(double);
}

static bool
add_buckets(struct shape *s)
{
	void *place;

	s->buckets = cpromi_bucket_plan(s->bounds, s->count);
	place = cpromi_region_alloc(s->region, s->buckets.bytes);
	if (place == NULL)
		return false;
	cpromi_bucket_fill(&s->buckets, place, s->bounds, s->count);
	return true;
}

/* Lines that a bound tells apart. */
static size_t
bound_lines(const struct shape *s)
{
	return s->count + (s->type == CPROM_TYPE_HISTOGRAM);
}

static bool
copy_bounds(struct shape *s, const struct shape_key *key)
{
	double *bounds = cpromi_region_alloc(s->region, bounds_bytes(key->bounds.count));
	struct bound_text *texts;
	size_t lines;

	s->bounds = bounds;
	s->count = key->bounds.count;
	lines = bound_lines(s);
	s->texts = texts = cpromi_region_alloc(s->region, 2 * lines * sizeof(*texts));
	if (bounds == NULL || texts == NULL)
		return false;
	for (size_t i = 0; i < s->count; i++)
		bounds[i] = key->bounds.items[i];
	for (size_t i = 0; i < lines; i++) {
		double bound = i < s->count ? bounds[i] : __builtin_inf();

		cpromi_bound_spell(&texts[i], s->type, bound, false);
		cpromi_bound_spell(&texts[lines + i], s->type, bound, true);
	}
	s->canonical = texts + lines;
	return s->type != CPROM_TYPE_HISTOGRAM || add_buckets(s);
}

static uint32_t
snapshot_of(const struct shape_key *key)
{
	switch (key->type) {
	case CPROM_TYPE_HISTOGRAM:
	case CPROMI_TYPE_RECORD:
		return 2 + (uint32_t)key->bounds.count + 1; /* sequence, sum, buckets, +Inf */
	case CPROM_TYPE_SUMMARY:
		return 3; /* sequence, sum, count */
	default:
		return 0;
	}
}

static size_t
states_bytes(cprom_strings states)
{
	size_t n = states.count * sizeof(char *);

	for (size_t i = 0; i < states.count; i++)
		n += strlen(states.items[i]) + 1;
	return n;
}

static bool
copy_states(struct shape *s, cprom_strings states)
{
	const char **items;
	char *p;

	if (states.count == 0)
		return true;
	items = cpromi_region_alloc(s->region, states_bytes(states));
	if (items == NULL)
		return false;
	p = (char *)(items + states.count);
	for (size_t i = 0; i < states.count; i++) {
		size_t n = strlen(states.items[i]) + 1;

		items[i] = memcpy(p, states.items[i], n);
		p += n;
	}
	s->states = (cprom_strings){items, states.count};
	return true;
}

/* Is a series of the type one word that is stored into? */
static bool
is_word(uint32_t type)
{
	return type == CPROM_TYPE_GAUGE || type == CPROM_TYPE_INFO || type == CPROM_TYPE_STATESET;
}

static uint32_t
run_of(const struct shape *s, const struct shape_key *key)
{
	switch (key->type) {
	case CPROM_TYPE_GAUGE:
		return s->parts ? GAUGE_PART_CELLS : 1;
	case CPROM_TYPE_HISTOGRAM:
		return key->native.max_buckets > 0 ? 1 : s->snapshot;
	case CPROM_TYPE_SUMMARY:
		return s->snapshot;
	case CPROMI_TYPE_RECORD:
		return s->snapshot + 1; /* zero bucket */
	case CPROMI_TYPE_LEAF:
		return key->slices == 0 ? SPARSE_LEAF : key->slices * (1 + SPARSE_LEAF);
	default:
		return 1;
	}
}

static void
drop_parts(struct shape *s)
{
	struct region *r = s->region;

	cpromi_region_free(r, (void *)s->bounds, bounds_bytes(s->count));
	cpromi_region_free(r, (void *)s->texts, 2 * bound_lines(s) * sizeof(*s->texts));
	cpromi_region_free(r, (void *)s->buckets.keys, s->buckets.bytes);
	if (s->states.count > 0)
		cpromi_region_free(r, (void *)s->states.items, states_bytes(s->states));
	cpromi_region_free(r, s->none, NONE_BYTES);
	cpromi_region_free(r, s, sizeof(*s));
}

static struct shape *
make(const struct shape_home *home, const struct shape_key *key)
{
	struct shape *s = cpromi_region_alloc(home->region, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->region = home->region;
	s->lanes = home->lanes;
	s->drops = home->drops;
	s->type = key->type;
	s->mode = key->mode;
	s->parts = key->mode != CPROM_GAUGE_MOST_RECENT && home->region->shared;
	s->snapshot = snapshot_of(key);
	s->run = run_of(s, key);
	s->flags = key->flags;
	s->slices = key->slices;
	s->slice_ns = key->slice_ns;
	s->native = key->native;
	s->planes = 1;
	if (key->type == CPROM_TYPE_COUNTER || (key->type == CPROM_TYPE_SUMMARY && key->slices > 0))
		s->planes = 2;
	s->has_lanes = !is_word(key->type) || s->parts;
	s->used_lanes = s->parts ? &s->lanes->used_places : &s->lanes->used;
	s->none = cpromi_region_alloc(s->region, NONE_BYTES);
	if (copy_bounds(s, key) && copy_states(s, key->states) && s->none != NULL) {
		s->none->shape = s;
		return s;
	}
	drop_parts(s);
	return NULL;
}

static struct shape *
find(struct shape *s, const struct shape_key *key)
{
	while (s != NULL && !has_key(s, key))
		s = s->next;
	return s;
}

/* The shapes of what its series are made of, too, so that an update needs no look-up. */
static bool
add_parts(const struct shape_home *home, struct shape *s, const struct shape_key *key)
{
	struct shape_key part = *key;

	if (key->type == CPROM_TYPE_HISTOGRAM && key->native.max_buckets > 0) {
		part.type = CPROMI_TYPE_RECORD;
		s->record = cpromi_shape_get(home, &part);
		return s->record != NULL;
	}
	if (key->type != CPROMI_TYPE_RECORD &&
	    (key->type != CPROM_TYPE_SUMMARY || key->slices == 0))
		return true;
	part = (struct shape_key){
		.type = CPROMI_TYPE_LEAF, .slices = s->slices, .slice_ns = s->slice_ns};
	s->leaf = cpromi_shape_get(home, &part);
	return s->leaf != NULL;
}

struct shape *
cpromi_shape_get(const struct shape_home *home, const struct shape_key *key)
{
	uintptr_t head = load_acquire(home->list);
	struct shape *found = find((struct shape *)head, key);
	struct shape *s;

	if (found != NULL)
		return found;
	s = make(home, key);
	if (s == NULL)
		return NULL;
	if (!add_parts(home, s, key)) {
		drop_parts(s);
		return NULL;
	}
	head = load_acquire(home->list);
	do {
		found = find((struct shape *)head, key);
		if (found != NULL) {
			drop_parts(s); /* somebody else was first */
			return found;
		}
		s->next = (struct shape *)head;
		/* Release: the shape is complete. Pairs with load_acquire above. */
	} while (!cas_acq_rel(home->list, &head, (uintptr_t)s));
	return s;
}

/* ---- chunks and series ----------------------------------------------------- */

static size_t
whole_lines(size_t bytes)
{
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static size_t
block_bytes(const struct shape *s, uint32_t capacity)
{
	return whole_lines((size_t)capacity * s->run * sizeof(atomic_u64));
}

/* A chunk is one piece, so that nothing is lost if there is no memory for it. */
static struct chunk *
make_chunk(struct shape *s, uint32_t capacity)
{
	struct chunk *c;
	uint32_t stride = COLUMN_OF_LANE(s->has_lanes ? s->lanes->max : LANE_OVERFLOW) + 1;
	size_t series = capacity * sizeof(struct series), block = block_bytes(s, capacity);
	size_t head = whole_lines(sizeof(*c) + (size_t)s->planes * stride * sizeof(atomic_ptr));
	char *p = cpromi_region_carve(s->region, series + s->planes * block + head, CACHE_LINE);

	if (p == NULL)
		return NULL;
	c = (struct chunk *)(p + series + s->planes * block);
	c->shape = s;
	c->series = p;
	c->capacity = (uint16_t)capacity;
	c->stride = (uint16_t)stride;
	for (unsigned plane = 0; plane < s->planes; plane++)
		store_relaxed(&c->blocks[plane * stride + COLUMN_OF_LANE(LANE_OVERFLOW)],
			      (uintptr_t)(p + series + plane * block));
	return c;
}

/* Chunks grow with the shape, so that a small registry stays small; and shrink near its limit. */
static struct chunk *
next_chunk(struct shape *s)
{
	uint32_t n = load_relaxed(&s->chunks);
	uint32_t cells = n < 4 ? FIRST_CHUNK_CELLS << n : MAX_CHUNK_CELLS;
	struct chunk *c = cpromi_stack_pop(s->region, &s->spare);

	for (uint32_t i = cells < s->run ? 1 : cells / s->run; c == NULL && i > 0; i /= 2)
		c = make_chunk(s, i);
	return c;
}

static uint8_t
kind_of(const struct shape *s)
{
	if (s->type == CPROMI_TYPE_RECORD)
		return HANDLE_RECORD;
	if (s->record != NULL)
		return HANDLE_NATIVE;
	return s->parts ? HANDLE_PARTS : HANDLE_SERIES;
}

static struct handle *
take_series(struct chunk *c, uint32_t i)
{
	struct shape *s = c->shape;
	struct handle *h = (struct handle *)(c->series + i * sizeof(struct series));

	h->entry_at = cpromi_lane_entry_at(s->lanes->entry);
	h->chunk = c;
	h->offset = i * s->run;
	h->type = (uint8_t)s->type;
	h->kind = kind_of(s);
	return h;
}

struct handle *
cpromi_shape_take(struct shape *s)
{
	struct handle *h = cpromi_stack_pop(s->region, &s->free);

	while (h == NULL) {
		uintptr_t current = load_acquire(&s->chunk);
		struct chunk *c = (struct chunk *)current;
		uint32_t i = c == NULL ? 0 : add_relaxed(&c->used, 1);

		if (c != NULL && i < c->capacity)
			return take_series(c, i);
		if (c != NULL)
			sub_relaxed(&c->used, 1); /* or it would wrap one day */
		c = next_chunk(s);
		if (c == NULL)
			return NULL;
		/* Release: the chunk is complete. Pairs with load_acquire above. */
		if (cas_acq_rel(&s->chunk, &current, (uintptr_t)c))
			add_relaxed(&s->chunks, 1);
		else
			cpromi_stack_push(s->region, &s->spare, c);
	}
	return h;
}

/* ---- back to zero ---------------------------------------------------------- */

/*
 * Whole numbers are made zero by taking their sum off the overflow lane: a plain
 * store into a lane could be undone by its owner, which may be in the middle of an
 * update through a handle that was removed meanwhile.
 */
static void
fold_to_zero(struct handle *h, unsigned cell)
{
	sub_relaxed(&cpromi_shared_cells(h, 0)[cell], cpromi_sum_u64(h, 0, cell));
}

/*
 * Doubles would lose digits that way. Updates that began before the series was removed are
 * over (E5); one that comes later, through a handle kept too long, could undo the store.
 */
static void
store_zero(struct handle *h, unsigned plane, unsigned cell)
{
	for (unsigned lane = 0; lane < cpromi_lane_end(h->chunk->shape); lane++) {
		atomic_u64 *cells = cpromi_cells(h, plane, lane);

		if (cells != NULL)
			store_relaxed(&cells[cell], 0);
	}
}

void
cpromi_shape_give(struct handle *h)
{
	struct shape *s = h->chunk->shape;

	if (s->record != NULL) { /* its cell is no count */
		cpromi_stack_push(s->region, &s->free, h);
		return;
	}
	for (unsigned cell = 0; is_word(s->type) && cell < s->run; cell++)
		store_zero(h, 0, cell);
	if (s->snapshot)
		store_zero(h, 0, 1);
	if (s->type == CPROM_TYPE_COUNTER)
		store_zero(h, 1, 0);
	if (!is_word(s->type))
		for (unsigned cell = s->snapshot ? 2 : 0; cell < s->run; cell++)
			fold_to_zero(h, cell);
	cpromi_stack_push(s->region, &s->free, h);
}

/* ---- cells ----------------------------------------------------------------- */

/*
 * A block of the chunk, made now; 0 without memory. By compare-and-swap, for a signal
 * handler of this thread may make it at the same time, or another thread that has a part
 * in it (part.h).
 */
static uintptr_t
make_block(struct chunk *c, atomic_ptr *at)
{
	uintptr_t block = (uintptr_t)cpromi_region_carve(
		c->shape->region, block_bytes(c->shape, c->capacity), CACHE_LINE);
	uintptr_t there = 0;

	/* Release: zeroed before it is seen. Pairs with load_acquire in cpromi_cells(). */
	if (block == 0 || cas_acq_rel(at, &there, block))
		return block;
	return there;
}

atomic_u64 *
cpromi_make_cells(const struct handle *h, unsigned plane, unsigned lane)
{
	atomic_ptr *at = &cpromi_lane_blocks(h, plane)[lane];
	uintptr_t block = load_acquire(at);

	if (block == 0)
		block = make_block(h->chunk, at);
	return block == 0 ? NULL : (atomic_u64 *)block + h->offset;
}

atomic_u64 *
cpromi_own_cells_slow(const struct handle *h, unsigned plane)
{
	struct shape *s = h->chunk->shape;
	uint32_t lane;

	if ((h->kind != HANDLE_SERIES && h->kind != HANDLE_RECORD) || !s->has_lanes)
		return NULL;
	lane = cpromi_lane_own(s->lanes);
	return lane == LANE_OVERFLOW ? NULL : cpromi_make_cells(h, plane, lane);
}

/* ---- snapshots ------------------------------------------------------------- */

/* Reads one lane, from cell 1 on; was it written meanwhile? */
static bool
read_lane(atomic_u64 *cells, uint32_t end, uint64_t *copy)
{
	uint64_t before = load_acquire(&cells[0]);

	/* Acquire on each: a value of an observation makes its odd word visible below. */
	for (uint32_t i = 1; i < end; i++)
		copy[i - 1] = load_acquire(&cells[i]);
	return (before & 1) == 0 && load_relaxed(&cells[0]) == before;
}

void
cpromi_snapshot(const struct handle *h, double *sum, uint64_t *counts, uint64_t *scratch)
{
	const struct shape *s = h->chunk->shape;
	atomic_u64 *shared = cpromi_shared_cells(h, 0);
	uint32_t end = s->snapshot;

	*sum = bits_double(load_acquire(&shared[1]));
	for (uint32_t i = 2; i < end; i++)
		counts[i - 2] = load_acquire(&shared[i]);
	for (unsigned lane = LANE_OVERFLOW + 1, lanes = cpromi_lane_end(s); lane < lanes; lane++) {
		atomic_u64 *cells = cpromi_cells(h, 0, lane);
		int tries = SNAPSHOT_TRIES;

		if (cells == NULL)
			continue;
		while (!read_lane(cells, end, scratch) && --tries > 0)
			;
		*sum += bits_double(scratch[0]);
		for (uint32_t i = 2; i < end; i++)
			counts[i - 2] += scratch[i - 1];
	}
}

void
cpromi_snapshot_add_slow(const struct handle *h, size_t count, uint64_t n, double sum)
{
	atomic_u64 *cells;

	if (cpromi_own_cells_slow(h, 0) != NULL && cpromi_snapshot_own(h, count, n, sum))
		return;
	if (h->kind != HANDLE_SERIES) {
		cpromi_drop(h, DROP_NOT_A_SERIES);
		return;
	}
	cells = cpromi_shared_cells(h, 0);
	add_relaxed(&cells[count], n);
	cpromi_add_double(&cells[1], sum);
}

void
cpromi_drop(const struct handle *h, enum drop_reason why)
{
	add_relaxed(&h->chunk->shape->drops[why], 1);
}
