/* SPDX-License-Identifier: MIT */
/*
 * collect: a collector for each source.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include "mapping.h"

/* Has the library judge the metrics, or ends the program with what it says against one. */
void collect_check(struct mapping *mapping);

/* Registers the collectors of all sources, and what the exporter says of itself. */
void collect_register(struct mapping *mapping);

#endif
