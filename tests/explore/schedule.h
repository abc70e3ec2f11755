/* SPDX-License-Identifier: MIT */
/*
 * schedule: the list of choices, as the search works on it.
 */
#ifndef EXPLORE_SCHEDULE_H
#define EXPLORE_SCHEDULE_H

#include "core.h"

#define MAX_CHOICES 16384
#define MAX_OPTIONS 12
#define MAX_TOKENS 256

struct choice {
	uint8_t kind;
	uint8_t chosen;
	uint8_t options;
	uint32_t arrival;
	uint8_t what[MAX_OPTIONS];
};

/* One word of a schedule: 57>2, 57~1, 57!3; 57>9 strikes the running thread. */
struct token {
	uint32_t arrival;
	uint8_t kind;
	uint8_t what;
};

enum choose_how { CHOOSE_ALL, CHOOSE_RANDOM, CHOOSE_SCRIPT };

struct choices {
	enum choose_how how;
	unsigned depth; /* of list */
	unsigned next;  /* of list, or of the script */
	uint64_t states;
	uint64_t random;
	unsigned script_length;
	struct token script[MAX_TOKENS];
	struct choice list[MAX_CHOICES];
};

extern struct choices choices;

void print_schedule(void);
bool prepare(const struct program *p);

#endif
