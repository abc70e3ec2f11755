/* SPDX-License-Identifier: MIT */
/*
 * dashboard: a Grafana dashboard of what a mapping maps.
 */
#ifndef DASHBOARD_H
#define DASHBOARD_H

#include "mapping.h"

/* Writes it to standard output; 0, or -1. */
int dashboard_write(const struct mapping *mapping);

#endif
