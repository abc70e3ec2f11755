/* SPDX-License-Identifier: MIT */
/*
 * shape: what series of one kind have in common, and where their cells are.
 *
 * A shape is a type with its bucket bounds (or quantiles and window, or states). Equal
 * definitions share one shape; shapes are never freed. A series of a shape owns
 * a run of consecutive cells in a chunk, in each lane, for ever: series and cells
 * are used again together, by another series of the same shape. So a handle that
 * outlived its series still finds cells of the right number and bounds.
 *
 *   chunk: cells of `capacity` series, `run` cells each
 *     blocks[plane][column of lane] ──► [ run of series 0 ][ run of series 1 ] …
 *
 * Invariants
 *  S1  Cells of a lane are written by its owner with plain stores, those of lane 0
 *      with atomic read-modify-writes by anybody. Lane 0 is there from the start.
 *  S2  A block is set once, by an owner of its lane, and never freed. In column 0 there
 *      never is one (lane.h).
 *  S3  A handle but for its link never changes once the series is made.
 *
 * Gauges, infos and statesets are one word in lane 0, which any thread stores into.
 * A counter has two planes: whole numbers, and fractions as doubles. A summary
 * with quantiles has a second one whose lane 0 holds the roots of its sketches. A native
 * histogram has no block but in lane 0, whose one cell points to its record (record.h).
 */
#ifndef CPROMI_SHAPE_H
#define CPROMI_SHAPE_H

#include "bucket.h"
#include "lane.h"

#include <cprom.h>

#define SPARSE_LEAF 64 /* keys of a leaf: sparse.h */

/* Types beyond those that a page knows. */
enum { CPROMI_TYPE_COLLECTOR = 100, CPROMI_TYPE_LEAF, CPROMI_TYPE_RECORD };

#define GAUGE_PART_CELLS 4 /* of a process: part.h */

enum handle_kind {
	HANDLE_SERIES = 1,
	HANDLE_FAMILY,
	HANDLE_PARTS,  /* a gauge that is one: part.h */
	HANDLE_NATIVE, /* a histogram that has a record: record.h */
	HANDLE_RECORD,
	HANDLE_TEXT /* what an info says, once it is retired: series.h */
};

/* What every public metric handle points to: a series, or the family that has labels. */
struct handle {
	uint32_t link;    /* of free lists and retired objects */
	int32_t entry_at; /* of the registry: cpromi_lane_entry_at(); in a family of none */
	struct chunk *chunk;
	uint32_t offset; /* of the run in each block, in cells */
	uint8_t type;
	uint8_t kind;
};

/* Is it a series that observations and additions are counted in, native or not? */
static inline bool
cpromi_handle_counts(const struct handle *h)
{
	return h->kind == HANDLE_SERIES || h->kind == HANDLE_NATIVE;
}

/* `le="0.5"` or `quantile="0.99"`, as it stands in a line. */
struct bound_text {
	unsigned char length;
	char text[39];
};

/* Of a histogram or a summary; canonical as OpenMetrics wants it: le="1.0". */
void cpromi_bound_spell(struct bound_text *t, uint32_t type, double bound, bool canonical);

/* What the user asked of a native histogram; max_buckets is 0 in what is none. */
struct native_limits {
	int32_t schema;
	uint32_t max_buckets;
	double zero_threshold;
	double max_zero_threshold;
	uint64_t min_reset_ns; /* 0: never */
};

struct shape {
	struct shape *next; /* the registry's list, only ever prepended to */
	struct region *region;
	struct lanes *lanes;
	const atomic_u32 *used_lanes;
	atomic_u64 *drops; /* the registry's counts of dropped updates */
	uint32_t type;
	uint32_t run; /* cells of a series */
	uint32_t planes;
	atomic_u32 fractions; /* of a counter: plane 1 may hold other than 0 */
	uint32_t mode;        /* of a gauge: enum cprom_multiprocess_mode */
	bool flags;           /* of a stateset: any number of states is on, not one */
	bool parts;           /* lanes are the processes' (part.h), not the threads' */
	bool has_lanes;       /* what is one word and has no parts has lane 0 alone */
	uint32_t snapshot;    /* cells of one: see cpromi_snapshot(); 0: none */
	atomic_u64 free;      /* stack of series */
	atomic_u64 spare;     /* stack of chunks that lost the race to be the next one */
	atomic_ptr chunk;     /* the one that new series are carved from */
	atomic_u32 chunks;
	struct chunk *none;    /* of no series: what the handle of a family points to */
	uint32_t slices;       /* of a summary's window, else 0 */
	uint64_t slice_ns;     /* length of one */
	atomic_u64 last_slice; /* any that was: sketch.c */
	struct native_limits native;
	struct shape *record;               /* of a native histogram */
	struct shape *leaf;                 /* of a summary's sketch, or a record */
	size_t count;                       /* bounds */
	const double *bounds;               /* or quantiles */
	struct bucket_table buckets;        /* of a histogram: how bounds are searched */
	const struct bound_text *texts;     /* count of them, and for a histogram le="+Inf" */
	const struct bound_text *canonical; /* as many */
	cprom_strings states;               /* of a stateset: their names */
};

struct chunk {
	uint32_t link; /* of the spare chunks */
	uint16_t capacity;
	uint16_t stride; /* columns of a plane */
	atomic_u32 used;
	atomic_u32 exemplars; /* reference of their slots, 0: none yet (exemplar.h) */
	struct shape *shape;
	char *series;        /* capacity of them, side by side as a scrape reads them */
	atomic_ptr blocks[]; /* plane × stride + column */
};

static inline bool
cpromi_mode_is_live(uint32_t mode)
{
	return mode >= CPROM_GAUGE_LIVE_MOST_RECENT;
}

static inline bool
cpromi_mode_is_all(uint32_t mode)
{
	return mode == CPROM_GAUGE_ALL || mode == CPROM_GAUGE_LIVE_ALL;
}

/* What makes two shapes the same. */
struct shape_key {
	uint32_t type;
	uint32_t mode;
	uint32_t slices;
	uint64_t slice_ns;
	struct native_limits native;
	cprom_doubles bounds;
	cprom_strings states;
	bool flags;
};

/* The registry's own parts that a new shape refers to. */
struct shape_home {
	atomic_ptr *list;
	struct region *region;
	struct lanes *lanes;
	atomic_u64 *drops;
};

/* The shape of that key, made if it is new; NULL without memory. */
struct shape *cpromi_shape_get(const struct shape_home *home, const struct shape_key *key);

/* Do what was asked of two native histograms differ, or is one none? */
bool cpromi_shape_differs_natively(const struct shape *a, const struct shape *b);

/* A series of the shape with zero cells, its fields beyond the handle as they were last. NULL without memory. */
struct handle *cpromi_shape_take(struct shape *s);

/* Gives it back; no thread can reach it any more. Its cells count as zero from now on. */
void cpromi_shape_give(struct handle *h);

/* The blocks of a series' chunk, by lane. */
static inline atomic_ptr *
cpromi_lane_blocks(const struct handle *h, unsigned plane)
{
	return h->chunk->blocks + plane * (size_t)h->chunk->stride + COLUMN_OF_LANE(0);
}

/* The cells of a series in one lane; NULL if that lane never touched its chunk. */
static inline atomic_u64 *
cpromi_cells(const struct handle *h, unsigned plane, unsigned lane)
{
	uintptr_t block = load_acquire(&cpromi_lane_blocks(h, plane)[lane]);

	return block == 0 ? NULL : (atomic_u64 *)block + h->offset;
}

/* One past the last lane that may hold counts of this shape. */
static inline unsigned
cpromi_lane_end(const struct shape *s)
{
	return s->has_lanes ? load_acquire(s->used_lanes) + 1 : 1;
}

/* The block of a series' chunk in the lane at that column; NULL as below. */
static inline atomic_u64 *
cpromi_block_at(const struct handle *h, unsigned plane, size_t column)
{
	const atomic_ptr *row = h->chunk->blocks;

	if (plane > 0)
		row += plane * (size_t)h->chunk->stride;
	/* Relaxed: this thread, or who had the lane before it (L2), set it. */
	return (atomic_u64 *)load_relaxed(&row[column]);
}

/*
 * The calling thread's own block, where the cells of the series from its offset on are to be
 * written with plain stores. NULL if its lane has not touched the chunk before, or is in a
 * section (L5): then ask cpromi_own_cells_slow(), in a function of its own, so that the
 * way here needs no stack.
 */
static inline atomic_u64 *
cpromi_found_block(const struct handle *h, unsigned plane)
{
	return cpromi_block_at(h, plane, cpromi_lane_column(h->entry_at));
}

/*
 * The cells there, in a lane or block that is taken or made now. NULL if there is none, and
 * the caller must add atomically to cpromi_shared_cells(), or if h is not a series.
 */
atomic_u64 *cpromi_own_cells_slow(const struct handle *h, unsigned plane) COLD;

/* The cells of a series in one lane, which is the caller's to write; made now. NULL without memory. */
atomic_u64 *cpromi_make_cells(const struct handle *h, unsigned plane, unsigned lane) COLD;

static inline atomic_u64 *
cpromi_own_cells(const struct handle *h, unsigned plane)
{
	atomic_u64 *block = cpromi_found_block(h, plane);

	return LIKELY(block != NULL) ? block + h->offset : cpromi_own_cells_slow(h, plane);
}

/* Those in lane 0: S1. */
static inline atomic_u64 *
cpromi_shared_cells(const struct handle *h, unsigned plane)
{
	uintptr_t block = load_acquire(&cpromi_lane_blocks(h, plane)[LANE_OVERFLOW]);

	return (atomic_u64 *)block + h->offset;
}

/* Adds to a double that others may write too. */
static inline void
cpromi_add_double(atomic_u64 *cell, double v)
{
	uint64_t old = load_relaxed(cell);

	while (!cas_relaxed(cell, &old, double_bits(bits_double(old) + v)))
		;
}

/* The same in a section: no one else writes it. Release: see add_owned_release(). */
static inline void
cpromi_add_own_double(atomic_u64 *cell, double v)
{
	store_release(cell, double_bits(bits_double(load_relaxed(cell)) + v));
}

/* The sum over all lanes of one cell of a series. */
static inline uint64_t
cpromi_sum_u64(const struct handle *h, unsigned plane, unsigned cell)
{
	atomic_ptr *blocks = cpromi_lane_blocks(h, plane);
	size_t at = (size_t)h->offset + cell;
	uint64_t sum = 0;

	for (size_t lane = 0, end = cpromi_lane_end(h->chunk->shape); lane < end; lane++) {
		atomic_u64 *block = (atomic_u64 *)load_acquire(&blocks[lane]);

		if (block != NULL)
			sum += load_acquire(&block[at]);
	}
	return sum;
}

static inline double
cpromi_sum_double(const struct handle *h, unsigned plane, unsigned cell)
{
	atomic_ptr *blocks = cpromi_lane_blocks(h, plane);
	size_t at = (size_t)h->offset + cell;
	double sum = 0;

	for (size_t lane = 0, end = cpromi_lane_end(h->chunk->shape); lane < end; lane++) {
		atomic_u64 *block = (atomic_u64 *)load_acquire(&blocks[lane]);

		if (block != NULL)
			sum += bits_double(load_acquire(&block[at]));
	}
	return sum;
}

/*
 * A snapshot of the first cells of a series, summed over all lanes: cell 0 is a sequence
 * word, cell 1 a sum, those up to the shape's snapshot-1 are counts. Writers go from cpromi_snapshot_begin() to _end(); neither side waits.
 *
 * A lane is read again if its sequence word shows that its owner was, or is,
 * writing: odd while it does. After SNAPSHOT_TRIES the lane is taken as it is:
 * then the sum may hold an observation that no bucket has yet, or the other way
 * round. Lane 0, written by many, has no sequence and is always read as it is.
 *
 * counts has room for snapshot-2 words, scratch for snapshot-1.
 */
#define SNAPSHOT_TRIES 100
void cpromi_snapshot(const struct handle *h, double *sum, uint64_t *counts, uint64_t *scratch);

/* Release stores follow: whoever reads one of them reads the odd word, too, or a later one. */
static inline uint64_t
cpromi_snapshot_begin(atomic_u64 *cells)
{
	uint64_t odd = load_relaxed(&cells[0]) | 1; /* odd before: its writer died in the middle */

	store_relaxed(&cells[0], odd);
	return odd;
}

static inline void
cpromi_snapshot_end(atomic_u64 *cells, uint64_t odd)
{
	store_release(&cells[0], odd + 1); /* pairs with load_acquire in cpromi_snapshot() */
}

/*
 * Adds to the sum and to one count, in the own cells, as one step for a snapshot. False
 * if there are none, as in cpromi_found_block(). A signal handler that observes meanwhile
 * does so in lane 0; a page that it takes may hold one half of the interrupted step.
 */
static inline bool
cpromi_snapshot_own(const struct handle *h, size_t count, uint64_t n, double sum)
{
	int32_t at = h->entry_at;
	size_t column = cpromi_lane_column(at);
	atomic_u64 *cells = cpromi_block_at(h, 0, column);
	struct seat *seat;
	uint64_t odd;

	if (UNLIKELY(cells == NULL))
		return false;
	cells += h->offset;
	seat = cpromi_section_enter(at);
	odd = cpromi_snapshot_begin(cells);
	add_owned_release(&cells[count], n);
	cpromi_add_own_double(&cells[1], sum);
	cpromi_snapshot_end(cells, odd);
	cpromi_section_leave(at, column, seat);
	return true;
}

/* The same where there are none yet, or none now; or h is not a series, which is counted. */
void cpromi_snapshot_add_slow(const struct handle *h, size_t count, uint64_t n, double sum) COLD;

/* The same, in whatever cells there are. */
static inline void
cpromi_snapshot_add(const struct handle *h, size_t count, uint64_t n, double sum)
{
	if (UNLIKELY(!cpromi_snapshot_own(h, count, n, sum)))
		cpromi_snapshot_add_slow(h, count, n, sum);
}

/* Why an update was dropped, as the library's own metrics count it. */
enum drop_reason {
	DROP_NAN,
	DROP_NEGATIVE,
	DROP_INFINITE,
	DROP_NOT_A_SERIES,
	DROP_NO_MEMORY,
	DROP_NO_STATE,
	DROP_REASONS
};

/* Counts a dropped update. h is not NULL. */
void cpromi_drop(const struct handle *h, enum drop_reason why) COLD;

#endif
