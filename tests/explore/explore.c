/* SPDX-License-Identifier: MIT */
/*
 * explore: the command. Prints a line for each program that is searched.
 *
 *	explore [--mode sc|tso|pso|c11] [--preemptions P] [--stale S] [--freeze|--kill]
 *		[--seconds LIMIT] [--walks N] [--seed N] [--quiet] [PROGRAM…]
 *	explore [--mode M] [--freeze|--kill] --replay PROGRAM SCHEDULE
 *	explore --list
 *
 * Without --preemptions each program has a depth of its own. PROGRAM may end in `*`, or be
 * `litmus`: all of that kind.
 * 0: all is well. 1: something failed. 2: the command is wrong.
 */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct program *const tables[] = {litmus_programs,  room_programs,     metric_programs,
					       process_programs, exemplar_programs, native_programs,
					       failing_programs};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

struct options {
	struct bounds bounds;
	int preemptions; /* -1: the program's own */
	const char *replay;
	const char *schedule;
	bool list;
};

static int
usage(void)
{
	fprintf(stderr, "usage: explore [--mode sc|tso|pso|c11] [--preemptions P] [--stale S] "
			"[--freeze|--kill] [--seconds LIMIT] [--walks N] [--seed N] [--quiet] "
			"[--list] [--replay PROGRAM SCHEDULE | PROGRAM...]\n");
	return 2;
}

static bool
matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*')
		return strncmp(pattern, name, n - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool
is_named(const struct program *p, char **names)
{
	for (; *names != NULL; names++)
		if (matches(*names, p->name) || (p->is_litmus && strcmp(*names, "litmus") == 0))
			return true;
	return false;
}

/* Can it be run so at all? */
static bool
fits(const struct program *p, const struct bounds *b)
{
	return b->variant == VARIANT_RUN || (b->variant == VARIANT_FREEZE && p->progress > 0) ||
	       (b->variant == VARIANT_KILL && p->killable != 0);
}

static bool
set_mode(struct options *o, const char *name)
{
	static const char *const names[] = {"sc", "tso", "pso", "c11"};

	for (unsigned i = 0; i < MODES; i++)
		if (strcmp(names[i], name) == 0) {
			o->bounds.mode = (enum machine_mode)i;
			return true;
		}
	return false;
}

static bool
set_number(struct options *o, const char *option, const char *value)
{
	if (strcmp(option, "--preemptions") == 0)
		o->preemptions = atoi(value);
	else if (strcmp(option, "--stale") == 0)
		o->bounds.stale = (unsigned)atoi(value);
	else if (strcmp(option, "--seconds") == 0)
		o->bounds.seconds = atof(value);
	else if (strcmp(option, "--walks") == 0)
		o->bounds.walks = (unsigned)atoi(value);
	else if (strcmp(option, "--seed") == 0)
		o->bounds.seed = strtoull(value, NULL, 0) * 2654435761u + 1;
	else
		return false;
	return true;
}

/* The arguments behind the options, NULL if one is wrong. */
static char **
read_options(struct options *o, char **arg)
{
	for (arg++; *arg != NULL && strncmp(*arg, "--", 2) == 0; arg++) {
		if (strcmp(*arg, "--freeze") == 0) {
			o->bounds.variant = VARIANT_FREEZE;
		} else if (strcmp(*arg, "--kill") == 0) {
			o->bounds.variant = VARIANT_KILL;
		} else if (strcmp(*arg, "--quiet") == 0) {
			o->bounds.quiet = true;
		} else if (strcmp(*arg, "--list") == 0) {
			o->list = true;
		} else if (strcmp(*arg, "--replay") == 0 && arg[1] != NULL && arg[2] != NULL) {
			o->replay = *++arg;
			o->schedule = *++arg;
		} else if (arg[1] == NULL ||
			   !(strcmp(*arg, "--mode") == 0 ? set_mode(o, arg[1])
							 : set_number(o, *arg, arg[1]))) {
			return NULL;
		} else {
			arg++;
		}
	}
	return arg;
}

/* What has to fail is run by its name only. */
static bool
is_wanted(const struct program *p, const struct options *o, char **names, bool has_to_fail)
{
	if (o->list)
		return true;
	if (o->replay != NULL)
		return strcmp(o->replay, p->name) == 0;
	if (has_to_fail)
		return *names != NULL && strcmp(*names, p->name) == 0;
	return *names != NULL ? is_named(p, names) : fits(p, &o->bounds);
}

static unsigned
depth_of(const struct program *p, const struct options *o)
{
	if (o->preemptions >= 0)
		return (unsigned)o->preemptions;
	return p->depth[o->bounds.variant != VARIANT_RUN ? 2 : o->bounds.mode != MODE_SC];
}

static bool
run(const struct program *p, const struct options *o)
{
	struct bounds b = o->bounds;

	if (o->list) {
		printf("%-28s %s\n", p->name, p->about);
		return true;
	}
	b.preemptions = depth_of(p, o);
	if (p->is_litmus && b.stale < 2)
		b.stale = 2;
	return o->replay != NULL ? replay(p, &b, o->schedule) : search(p, &b);
}

int
main(int argc, char **argv)
{
	struct options o = {.bounds = {.stale = 1, .seconds = 1e9, .seed = 1}, .preemptions = -1};
	char **names = read_options(&o, argv);
	unsigned failures = 0, found = 0;

	(void)argc;
	if (names == NULL)
		return usage();
	memory_open();
	catch_faults();
	for (unsigned t = 0; t < TABLES; t++)
		for (const struct program *p = tables[t]; p->name != NULL; p++)
			if (is_wanted(p, &o, names, tables[t] == failing_programs)) {
				failures += !run(p, &o);
				found++;
			}
	if (found == 0)
		return usage();
	return failures > 0;
}
