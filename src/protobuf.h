/* SPDX-License-Identifier: MIT */
/*
 * protobuf: io.prometheus.client.MetricFamily, each behind its length.
 */
#ifndef CPROMI_PROTOBUF_H
#define CPROMI_PROTOBUF_H

#include "buffer.h"
#include "naming.h"
#include "sample.h"

/* ---- families --------------------------------------------------------------- */

/* More bytes than any head of the family takes. */
static inline size_t
cpromi_protobuf_head_bound(const struct naming *n, const struct family_view *v)
{
	return n->name_length + v->help_length + strlen(v->unit) + 48;
}

/*
 * The length of a message with so many bytes of Metrics (and of what fills it up), and all of
 * it that stands before them, to p, which has room for the bound; the end.
 */
char *cpromi_protobuf_head(char *p, const struct naming *n, const struct family_view *v,
			   uint64_t body);

/* Puts the head before the Metrics that b holds from start on. */
void cpromi_protobuf_finish(struct buffer *b, size_t start, const struct naming *n,
			    const struct family_view *v);

/* Fills n bytes with what readers skip; not 1, which cannot be filled. Returns the end. */
char *cpromi_protobuf_fill(char *p, size_t n);

/* ---- series ----------------------------------------------------------------- */

/* More bytes than cpromi_protobuf_metrics() needs. */
size_t cpromi_protobuf_bound(const struct samples *s);

/*
 * The Metrics of a series, one or more, as fields of the family's message. Written so that they
 * end at end, with as much room before it as the bound says; returns where they begin.
 */
char *cpromi_protobuf_metrics(char *room, char *end, const struct naming *n,
			      const struct samples *s);

/*
 * The same in the room behind what b holds, which stays as long as it is: where they begin, and
 * *size; NULL without memory.
 */
char *cpromi_protobuf_spell(struct buffer *b, const struct naming *n, const struct samples *s,
			    size_t *size);

#endif
