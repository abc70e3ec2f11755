/* SPDX-License-Identifier: MIT */
/*
 * sink: what a collector emits, checked and spelled into a spool.
 *
 * A collector pushes, a scrape pulls: so what one collector emits is held as a
 * whole, in the spool of the scrape, until it was read.
 */
#ifndef CPROMI_SINK_H
#define CPROMI_SINK_H

#include "buffer.h"
#include "selection.h"
#include "shown.h"

/* Label sets of the family at hand, to find one that is there twice: open addressing. */
struct label_set {
	uint32_t hash;
	size_t start; /* of the labels in sink.labels, + 1; 0: free */
};

struct cprom_sink {
	cprom_registry *registry;
	const struct format *format;
	const struct selection *only;
	struct buffer *spool; /* where lines go */
	struct buffer *names; /* of this scrape's families of collectors: type, name, NUL */
	struct buffer *shown; /* of this scrape: see shown.h */
	bool escapes;         /* names have to be escaped, and may collide then */
	size_t spool_start;   /* where this collector's output begins, */
	size_t names_start;   /* to take it back if it fails */
	size_t family_start;  /* where the Metrics of the family at hand begin, in protobuf */
	size_t shown_start;
	bool failed;
	/* The family at hand. */
	cprom_type type;
	bool open;          /* it is valid: samples are taken */
	bool left_out;      /* it is not selected: they are checked, and go nowhere */
	bool shown_head;    /* its head is in the spool */
	struct buffer head; /* name, NUL, help, NUL, unit, NUL */
	struct naming naming;
	bool clashes;          /* as in struct family */
	struct buffer scratch; /* values and bounds of a sample */
	struct buffer labels;  /* label texts of its samples */
	struct label_set *sets;
	size_t set_count, set_capacity; /* capacity: a power of two */
	size_t last_start;              /* of the labels of its last sample, + 1; 0: it has none */
	int64_t last_ms;                /* the time of that */
};

/* Runs the collector into the scrape's buffers. Not in an epoch: it is user code. */
void cpromi_sink_run(cprom_registry *r, const struct format *format, const struct selection *only,
		     struct family *f, struct buffer *spool, struct buffer *names,
		     struct buffer *shown);

#endif
