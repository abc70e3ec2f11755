/* SPDX-License-Identifier: MIT */
/*
 * part: what each process set a gauge to, in a registry that processes share.
 *
 * A gauge whose mode is not "most recent" has a part per process, in blocks by place,
 * as counters have cells by lane. A process takes a place with the first gauge of that
 * kind that it sets, and keeps it until it dies; processes for which there is no place
 * share part 0. Numbers of places are those of lanes: 1 … max_lanes.
 *
 * Cells of a part: turn, kept, kept, own. A word is 0 while it is unset (word_of_value()
 * sees to it). `own` is what the process set. `kept` is what dead processes left that
 * had the place before, for modes that remember the dead: the word that bit 1 of the turn
 * selects. In the live modes and in "all" nothing is kept; there "most recent" has the
 * time of the last update in the place of the first kept word.
 *
 * Invariants
 *  G1  A place's owner is an identity as that of a seat (lane.h), of the process' first
 *      thread. Own words of its parts are written by threads of that process only.
 *  G2  A place whose owner is dead is taken by a compare-and-swap of the owner to
 *      REAPING | taker. While that stands, the taker alone writes its parts; if the taker
 *      dies, the next one does it over.
 *  G3  What was own becomes kept in one store, to turn: the kept word that is not in
 *      use gets the merged value first; then turn is stored, with bit 0 set, which says
 *      that own is in it already; then own is made unset; then bit 0 is cleared. So it may
 *      stop anywhere, and be done over, and the value is right throughout.
 *  G4  Places are taken inside an epoch, and the series found by the indexes of their
 *      families: so none is given back, and made zero, at the same time.
 *
 * Progress: updates are lock-free, wait-free for set; the first one of a process looks
 * through the places, and through all gauges of the kind if it takes that of a dead
 * process. Reading is wait-free. Signals are blocked while a place is taken.
 */
#ifndef CPROMI_PART_H
#define CPROMI_PART_H

#include "registry.h"

enum { PART_TURN, PART_KEPT, PART_TIME = PART_KEPT, PART_OWN = PART_KEPT + 2 };

_Static_assert(PART_OWN + 1 == GAUGE_PART_CELLS, "shape.c lays the parts out");

enum part_change { PART_SET, PART_ADD, PART_SET_MAX, PART_SET_MIN };

/* Changes the calling process' part; v is not NaN for max and min. h is of HANDLE_PARTS. */
void cpromi_part_change(const struct handle *h, enum part_change what, double v);

/* What one process set. */
struct part {
	double value;
	uint32_t pid; /* 0: those without a place */
};

/*
 * The parts to be shown, at most max of them, by place; how many. One, with pid 0, unless
 * the mode is "all": then none if no process has set it.
 */
size_t cpromi_part_read(const struct handle *h, struct part *parts, size_t max);

/* The most that cpromi_part_read() can give now. */
size_t cpromi_part_end(const struct handle *h);

/* Of mode "all" the calling process' own value, else the merged one. */
double cpromi_part_value(const struct handle *h);

#endif
