/* SPDX-License-Identifier: MIT */
/*
 * exemplar: the last observation of a bucket, or addition to a counter, that came with labels.
 *
 * Each chunk has, from the first exemplar of one of its series on, one more block beside
 * those of its lanes, of a word per cell: the slots. Slot i of a series is its bucket i's,
 * slot 0 that of a counter or of a histogram without bounds. A series whose cells are fewer
 * than its buckets (a native histogram's are elsewhere) has an array of slots, made with its
 * first exemplar, which its word in the block names. A slot names a note, in which the exemplar
 * is written, and counts its changes.
 *
 *   chunk.exemplars ──► [ slots of series 0 ][ slots of series 1 ] …
 *   slot: changes << 32 | reference ──► note: birth, value, time, labels
 *
 * Invariants
 *  X1  While a slot names a note nobody writes to the note. Its words are filled before,
 *      by the one who took it from a pool; the compare-and-swap that puts it into the slot
 *      is their release, and pairs with the acquire of the slot by a reader.
 *  X2  Whoever takes a note out of a slot, by compare-and-swap, gives it to the pool of its
 *      size; a note is used again for notes alone, in any series of the registry.
 *  X3  So a reader that finds a slot unchanged after it has copied the note has one whole
 *      exemplar. Why: each word is stored with release and read with acquire. If one is of
 *      a later use of the note, its writer has it from the pool (acquire), where it was put
 *      (release) after the slot was changed: then the reader sees that change, too. The count
 *      makes every change of a slot visible, as in R4.
 *  X4  A note carries the birth of the series that it is for, as it was when the update
 *      began, and is shown for no other: not even if a thread that holds the handle of a
 *      removed series puts its exemplar into the slot of the one that has the memory next.
 *
 * Of writers that overlap, one puts its note into the slot; the others, whose
 * compare-and-swap fails, keep theirs, as if they had been the earlier ones.
 *
 * Progress: writing is lock-free (a pool), reading wait-free: after EXEMPLAR_TRIES changes
 * within as many copies the exemplar is left out. Writers may be signal handlers. A writer
 * that is stopped delays nobody; one that is killed takes one note with it, at most.
 */
#ifndef CPROMI_EXEMPLAR_H
#define CPROMI_EXEMPLAR_H

#include "series.h"

#define EXEMPLAR_TRIES 100

/*
 * What the text of an exemplar's labels takes at most: characters of 4 bytes. A label has 4
 * bytes of ="", beside, but a character of 1 byte, too: the first one of its name. What is
 * escaped has 2.
 */
#define EXEMPLAR_BYTES (4 * CPROM_MAX_EXEMPLAR_CHARACTERS + CPROM_MAX_LABELS)

struct exemplar {
	double value;
	int64_t time_ns;             /* since the Unix epoch */
	size_t length;               /* above 0 */
	char labels[EXEMPLAR_BYTES]; /* as in a line, without braces: trace_id="ab",span_id="cd" */
};

/* May the series have any? */
static inline bool
cpromi_exemplar_any(const struct series *s)
{
	return load_relaxed(&s->handle.chunk->exemplars) != 0;
}

/*
 * The exemplar of a bucket, or of a counter: bucket 0. False, and *out is undefined, if there is
 * none, or none that stays while it is read. In an epoch, as all that reads a series.
 */
bool cpromi_exemplar_read(const struct series *s, size_t bucket, struct exemplar *out);

/*
 * Keeps an exemplar of the time now. Without labels, or for a family, none; labels that are not
 * valid are counted, and so is it if there is no memory. Async-signal-safe.
 */
void cpromi_exemplar_put(const struct handle *h, size_t bucket, double v, cprom_strings labels);

/* Takes all exemplars of a series away, which nobody can reach any more. */
void cpromi_exemplar_forget(struct series *s);

/*
 * The process' hook, 0 if there is none. It is not in a region, so it is always a function of
 * this process. Counters do not look at it: a load and a branch made an inc take 3.0 ns
 * instead of 2.7.
 */
extern atomic_ptr cpromi_exemplar_hook;

/* With a hook, after an observation: asks it for an exemplar, if that of the bucket is old enough. */
void cpromi_exemplar_ask(const struct handle *h, size_t bucket, double v);

static inline bool
cpromi_exemplar_is_hooked(void)
{
	return UNLIKELY(load_relaxed(&cpromi_exemplar_hook) != 0);
}

#endif
