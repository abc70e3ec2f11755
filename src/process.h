/* SPDX-License-Identifier: MIT */
/*
 * process: the process_* metrics, from /proc/self and the system's accounting.
 *
 * The parsers take any bytes: text of length n, not ending in NUL, which may be
 * cut off anywhere. They answer false and leave *out alone unless the number is
 * there, whole, and fits.
 */
#ifndef CPROMI_PROCESS_H
#define CPROMI_PROCESS_H

#include <cprom.h>
#include <stdbool.h>

/* The collector behind cprom_process_enable(); arg is not used. */
void cpromi_process_collect(cprom_sink *out, void *arg);

/* What /proc/self/stat alone knows. */
struct process_stat {
	uint64_t threads;
	uint64_t start_ticks; /* from boot to the start of the process */
	uint64_t virtual_bytes;
	uint64_t resident_pages;
};

bool cpromi_process_parse_stat(const char *text, size_t n, struct process_stat *out);

/* The number in the line "key: 123" of /proc/self/io and its like. */
bool cpromi_process_parse_field(const char *text, size_t n, const char *key, uint64_t *out);

/*
 * The line "btime 123" of /proc/stat, which may come in pieces cut anywhere:
 * start with a zeroed scan, feed piece after piece until the answer is true;
 * the number is then in seconds.
 */
struct btime_scan {
	unsigned matched; /* bytes of "btime " found at the start of this line */
	unsigned digits;
	bool skip; /* this line is not the one */
	uint64_t seconds;
};

bool cpromi_process_scan_btime(struct btime_scan *s, const char *text, size_t n);

/* How many of the records, n bytes as getdents64(2) writes them, have a number for a name. */
size_t cpromi_process_count_entries(const char *records, size_t n);

/* Open descriptors, counted one by one, as systems before Linux 6.2 need it. */
bool cpromi_process_list_fds(double *count);

#endif
