/* SPDX-License-Identifier: MIT */
/*
 * page: pages of small registries, as programs read them while others write.
 */
#ifndef EXPLORE_PAGE_H
#define EXPLORE_PAGE_H

#include "atomic.h"
#include "machine.h"

#include <cprom.h>

#define PAGE_BYTES 3072

/* Reads the whole page, in pieces, and looks whether each line is valid and none is there twice. */
void page_read(cprom_registry *r, char page[PAGE_BYTES]);

/* The value of a sample, spelled as in a line; NaN if it is not there. */
double page_value(const char *page, const char *sample);

#endif
