/* SPDX-License-Identifier: MIT */
/*
 * http_query: %-escapes, and the parameters of a query, read in place.
 */
#ifndef CPROMI_HTTP_QUERY_H
#define CPROMI_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes n bytes in place, in a form + to a blank, too, and ends them with NUL, for which
 * there has to be room behind them. false if an escape is broken or is NUL.
 */
bool cpromi_http_decode(char *s, size_t n, bool form);

/*
 * The decoded values of all parameters of that name, as strings in the query, which is
 * used up: their number, or -1 if there are more than max or one is broken.
 */
int cpromi_http_query_take(char *query, const char *name, const char **values, int max);

#endif
