/* SPDX-License-Identifier: MIT */
/*
 * format: what a page can be written in, as a reader and a scrape agree on it.
 */
#ifndef CPROMI_FORMAT_H
#define CPROMI_FORMAT_H

#include <stdbool.h>

enum format_kind { FORMAT_TEXT, FORMAT_OPENMETRICS, FORMAT_PROTOBUF };

/* What becomes of names beyond the legacy charset: see name.h. */
enum escaping { ESCAPING_UNDERSCORES, ESCAPING_DOTS, ESCAPING_VALUES, ESCAPING_ALLOW_UTF8 };

struct format {
	enum format_kind kind;
	bool old_version; /* OpenMetrics 0.0.1, by name: the bytes are those of 1.0.0 */
	enum escaping escaping;
};

#endif
