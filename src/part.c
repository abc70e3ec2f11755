/* SPDX-License-Identifier: MIT */
/*
 * part: what each process set a gauge to, in a registry that processes share.
 */
#include "part.h"

#include "clock.h"

#define NO_PLACE 0
#define CANONICAL_NAN 0x7ff8000000000000
#define UNSET 0x7ff863726f6d2121 /* a NaN that is never stored, so that a zeroed word is unset */

static uint64_t
word_of_value(double v)
{
	return (v == v ? double_bits(v) : CANONICAL_NAN) ^ UNSET;
}

static double
value_of_word(uint64_t word)
{
	return word == 0 ? 0 : bits_double(word ^ UNSET);
}

/* ---- modes ----------------------------------------------------------------- */

/* Which of the first five a mode is, live or not. */
static uint32_t
basic(uint32_t mode)
{
	return mode % CPROM_GAUGE_LIVE_MOST_RECENT;
}

static bool
keeps(uint32_t mode)
{
	return mode == CPROM_GAUGE_SUM || mode == CPROM_GAUGE_MIN || mode == CPROM_GAUGE_MAX;
}

/* Two words in one; a NaN gives way where the extreme is asked for. */
static uint64_t
merge(uint32_t mode, uint64_t a, uint64_t b)
{
	double x = value_of_word(a), y = value_of_word(b);

	if (a == 0 || b == 0)
		return a == 0 ? b : a;
	switch (basic(mode)) {
	case CPROM_GAUGE_MIN:
		return y < x || x != x ? b : a;
	case CPROM_GAUGE_MAX:
		return y > x || x != x ? b : a;
	default:
		return word_of_value(x + y);
	}
}

/* ---- taking a place -------------------------------------------------------- */

static struct cprom_registry *
registry_of(const struct handle *h)
{
	return (struct cprom_registry *)h->chunk->shape->region; /* it starts with its region */
}

/* What a dead process left in one part becomes kept, or is dropped: G3. */
static void
inherit_part(const struct handle *h, uint32_t place)
{
	uint32_t mode = h->chunk->shape->mode;
	atomic_u64 *cells = cpromi_cells(h, 0, place);
	uint64_t turn, own, next;

	if (cells == NULL)
		return;
	turn = load_acquire(&cells[PART_TURN]);
	own = load_acquire(&cells[PART_OWN]);
	if (keeps(mode) && own != 0 && !(turn & 1)) {
		next = turn + 2;
		store_release(&cells[PART_KEPT + (next >> 1 & 1)],
			      merge(mode, load_relaxed(&cells[PART_KEPT + (turn >> 1 & 1)]), own));
		/* Release: with what is kept. Pairs with load_acquire in part_word(). */
		store_release(&cells[PART_TURN], next | 1);
		turn = next | 1;
	}
	store_release(&cells[PART_OWN], 0);
	if (turn & 1)
		store_release(&cells[PART_TURN], turn & ~(uint64_t)1);
}

static void
inherit_family(struct family *f, uint32_t place)
{
	if (!f->shape->parts)
		return;
	if (f->only != NULL)
		inherit_part(&f->only->handle, place);
	for (uint32_t i = 0; i < cpromi_index_end(&f->index); i++) {
		struct series *s = cpromi_index_at(&f->index, i);

		if (s != NULL && s->family == f->self)
			inherit_part(&s->handle, place);
	}
}

/* Takes the place of a dead process: G2. In an epoch: G4. */
static bool
take_over(struct cprom_registry *r, uint32_t place, uint64_t me)
{
	atomic_u64 *owner = &r->lanes.places[place - 1];
	struct family *f = NULL;
	uint64_t ticket = 0;

	if (!cpromi_identity_succeed(owner, me))
		return false;
	while ((f = cpromi_family_after(r, f, ticket, UINT64_MAX)) != NULL) {
		ticket = load_relaxed(&f->ticket);
		inherit_family(f, place);
	}
	store_release(owner, me); /* pairs with load_acquire of owners */
	return true;
}

static bool
take_free(struct cprom_registry *r, uint32_t place, uint64_t me)
{
	uint64_t none = 0;

	return cas_acq_rel(&r->lanes.places[place - 1], &none, me);
}

static bool
is_own(struct cprom_registry *r, uint32_t place, uint64_t me)
{
	return load_acquire(&r->lanes.places[place - 1]) == me;
}

/* The place of one that had our number before us: nobody else would see that it is dead. */
static bool
take_namesakes(struct cprom_registry *r, uint32_t place, uint64_t me)
{
	uint64_t owner = load_acquire(&r->lanes.places[place - 1]);

	return owner != 0 && cpromi_identity_pid(owner) == cpromi_identity_pid(me) &&
	       take_over(r, place, me);
}

static uint32_t
find_place(struct cprom_registry *r, uint64_t me)
{
	bool (*const ways[])(struct cprom_registry *, uint32_t, uint64_t) = {is_own, take_namesakes,
									     take_free, take_over};

	for (size_t i = 0; i < array_len(ways); i++)
		for (uint32_t place = 1; place <= r->lanes.max; place++)
			if (ways[i](r, place, me))
				return place;
	return NO_PLACE;
}

/* By compare-and-swap: another thread may have found it, too, and given it back before. */
static void
give_back(struct cprom_registry *r, uint32_t place, uint64_t me)
{
	cas_acq_rel(&r->lanes.places[place - 1], &me, 0);
}

/* Finds a place and notes it, unless another thread of this process was faster. */
static uint32_t
settle(struct cprom_registry *r, atomic_u64 *noted)
{
	uint64_t me = cpromi_identity_of_process();
	uint32_t place = find_place(r, me);
	uint64_t there = load_acquire(noted);
	uint64_t number = (uint64_t)r->lanes.number << 32;

	cpromi_lane_raise(&r->lanes.used_places, place);
	do {
		if (there >> 32 == r->lanes.number) {
			if (place != NO_PLACE && place != (uint32_t)there)
				give_back(r, place, me);
			return (uint32_t)there;
		}
		/* Release: what was inherited. Pairs with load_acquire in own_place(). */
	} while (!cas_acq_rel(noted, &there, number | place));
	return place;
}

static COLD uint32_t
take_place(struct cprom_registry *r, atomic_u64 *noted)
{
	uint32_t place = NO_PLACE;
	struct epoch_guard g;
	sigset_t old;

	cpromi_block_signals(&old);
	if (cpromi_epoch_enter(&r->epoch, &g)) {
		place = settle(r, noted);
		cpromi_epoch_leave(&g);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return place;
}

static uint32_t
own_place(const struct handle *h)
{
	uint32_t number = h->chunk->shape->lanes->number;
	atomic_u64 *noted = &cpromi_lane_places[number % CPROM_MAX_REGISTRIES];
	uint64_t there = load_acquire(noted);

	return LIKELY(there >> 32 == number) ? (uint32_t)there : take_place(registry_of(h), noted);
}

/* ---- updates --------------------------------------------------------------- */

static atomic_u64 *
own_part(const struct handle *h)
{
	uint32_t place = own_place(h);
	atomic_u64 *cells = cpromi_cells(h, 0, place);

	if (UNLIKELY(cells == NULL))
		cells = cpromi_make_cells(h, 0, place);
	return LIKELY(cells != NULL) ? cells : cpromi_shared_cells(h, 0);
}

/* What the word becomes; itself if it stays. */
static uint64_t
changed(uint64_t word, enum part_change what, double v)
{
	double old = value_of_word(word);

	switch (what) {
	case PART_ADD:
		return word_of_value(old + v);
	case PART_SET_MAX:
		return word != 0 && old >= v ? word : word_of_value(v);
	case PART_SET_MIN:
		return word != 0 && old <= v ? word : word_of_value(v);
	default:
		return word_of_value(v);
	}
}

void
cpromi_part_change(const struct handle *h, enum part_change what, double v)
{
	atomic_u64 *cells = own_part(h);
	uint64_t old = load_relaxed(&cells[PART_OWN]);

	/* Release: with the turn that it came after. Pairs with load_acquire in part_word(). */
	if (what == PART_SET)
		store_release(&cells[PART_OWN], word_of_value(v));
	else
		while (!cas_acq_rel(&cells[PART_OWN], &old, changed(old, what, v)))
			;
	if (basic(h->chunk->shape->mode) == CPROM_GAUGE_MOST_RECENT)
		store_release(&cells[PART_TIME], cpromi_monotonic_ns());
}

/* ---- reading --------------------------------------------------------------- */

/* What a part holds, kept and own: G3. */
static uint64_t
part_word(const struct handle *h, atomic_u64 *cells)
{
	uint32_t mode = h->chunk->shape->mode;
	uint64_t turn, kept, own;
	int tries = SNAPSHOT_TRIES;

	do {
		turn = load_acquire(&cells[PART_TURN]);
		kept = keeps(mode) ? load_acquire(&cells[PART_KEPT + (turn >> 1 & 1)]) : 0;
		own = load_acquire(&cells[PART_OWN]);
	} while (load_relaxed(&cells[PART_TURN]) != turn && --tries > 0);
	return merge(mode, kept, turn & 1 ? 0 : own);
}

/* Does the place count, as far as its owner goes? */
static bool
counts(uint32_t mode, uint64_t owner)
{
	if (keeps(mode))
		return true;
	if (owner == 0 || (owner & IDENTITY_REAPING))
		return false;
	return !cpromi_mode_is_live(mode) || cpromi_identity_is_alive(owner);
}

/* The word of a place, 0 if it does not count; and whose it is. */
static uint64_t
shown_word(const struct handle *h, uint32_t place, uint64_t *owner)
{
	const struct shape *s = h->chunk->shape;
	atomic_u64 *cells = cpromi_cells(h, 0, place);
	int tries = SNAPSHOT_TRIES;
	uint64_t word = 0;

	*owner = 0;
	if (cells == NULL || place == NO_PLACE)
		return cells == NULL ? 0 : part_word(h, cells);
	do {
		*owner = load_acquire(&s->lanes->places[place - 1]);
		word = counts(s->mode, *owner) ? part_word(h, cells) : 0;
	} while (load_relaxed(&s->lanes->places[place - 1]) != *owner && --tries > 0);
	return word;
}

static uint64_t
time_of(const struct handle *h, uint32_t place)
{
	atomic_u64 *cells = cpromi_cells(h, 0, place);

	return cells == NULL ? 0 : load_acquire(&cells[PART_TIME]);
}

static uint64_t
merged(const struct handle *h)
{
	uint32_t mode = h->chunk->shape->mode;
	uint64_t result = 0, best = 0, owner;

	for (uint32_t place = 0; place < cpromi_lane_end(h->chunk->shape); place++) {
		uint64_t word = shown_word(h, place, &owner);

		if (basic(mode) != CPROM_GAUGE_MOST_RECENT) {
			result = merge(mode, result, word);
		} else if (word != 0 && time_of(h, place) >= best) {
			best = time_of(h, place);
			result = word;
		}
	}
	return result;
}

size_t
cpromi_part_end(const struct handle *h)
{
	const struct shape *s = h->chunk->shape;

	return cpromi_mode_is_all(s->mode) ? cpromi_lane_end(s) : 1;
}

size_t
cpromi_part_read(const struct handle *h, struct part *parts, size_t max)
{
	uint64_t owner;
	size_t n = 0;

	if (!cpromi_mode_is_all(h->chunk->shape->mode)) {
		*parts = (struct part){value_of_word(merged(h)), 0};
		return 1;
	}
	for (uint32_t place = 0; place < cpromi_lane_end(h->chunk->shape) && n < max; place++) {
		uint64_t word = shown_word(h, place, &owner);

		if (word != 0)
			parts[n++] = (struct part){value_of_word(word), cpromi_identity_pid(owner)};
	}
	return n;
}

double
cpromi_part_value(const struct handle *h)
{
	uint32_t number = h->chunk->shape->lanes->number;
	uint64_t there = load_acquire(&cpromi_lane_places[number % CPROM_MAX_REGISTRIES]);
	atomic_u64 *cells = NULL;

	if (!cpromi_mode_is_all(h->chunk->shape->mode))
		return value_of_word(merged(h));
	if (there >> 32 == number) /* else it has set none */
		cells = cpromi_cells(h, 0, (uint32_t)there);
	return cells == NULL ? 0 : value_of_word(part_word(h, cells));
}
