/* SPDX-License-Identifier: MIT */
/*
 * search: one program, every list of choices within the bounds.
 *
 * Random executions come first: they find most conflicts at once, which saves beginning
 * the search anew for each, and reach depths that the search does not.
 */
#include "schedule.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const mode_names[] = {"sc", "tso", "pso", "c11"};
static const char *const variant_names[] = {"run", "freeze", "kill"};

#define WALKS 200
#define MOST_WALKS 4000
#define PATIENCE 300 /* executions, doubled each time */

struct figures {
	uint64_t executions;
	unsigned restarts;
	uint32_t steps; /* most, of one execution */
	uint32_t after_strike;
	bool seen;
	bool cut;
	bool failed;
};

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
begin(enum choose_how how, const struct bounds *b)
{
	choices.how = how;
	choices.next = 0;
	now.preemptions_left = how == CHOOSE_RANDOM ? 30 : b->preemptions;
	now.stale_left = b->mode == MODE_SC ? 0 : how == CHOOSE_RANDOM ? 20 : b->stale;
}

static void
note(struct figures *f)
{
	f->executions++;
	f->seen |= now.seen && !now.grown;
	f->failed = now.status == FAILED && !now.grown;
	if (f->steps < now.arrivals)
		f->steps = now.arrivals;
	if (f->after_strike < now.after_strike && !now.grown)
		f->after_strike = now.after_strike;
}

/* The search begins anew, with all the words that were found. */
static void
restart(struct figures *f)
{
	memory_activate();
	f->restarts++;
	choices.depth = 0;
	choices.states = 0;
}

/* Goes on to the next list of choices; false if this was the last one. */
static bool
next_list(void)
{
	while (choices.depth > 0) {
		struct choice *c = &choices.list[choices.depth - 1];

		if (c->chosen + 1 < c->options) {
			c->chosen++;
			return true;
		}
		choices.depth--;
	}
	return false;
}

static void
walk_randomly(const struct bounds *b, unsigned walks, struct figures *f)
{
	choices.random = b->seed;
	for (unsigned i = 0; i < walks && !f->failed; i++) {
		unsigned known = memory_words();

		begin(CHOOSE_RANDOM, b);
		choices.depth = 0;
		execute();
		note(f);
		memory_activate();
		if (memory_words() > known && i > walks / 2 && i < MOST_WALKS)
			walks = 2 * i;
	}
}

/* When a new word was found, a while is spent on finding more. */
static void
search_all(const struct bounds *b, double end, struct figures *f)
{
	unsigned next_patience = PATIENCE, patience = PATIENCE;
	bool more = true, grown = false;

	restart(f);
	while (more && !f->failed && !f->cut) {
		begin(CHOOSE_ALL, b);
		execute();
		note(f);
		grown |= now.grown;
		more = next_list();
		if (grown && (!more || --patience == 0)) {
			restart(f);
			next_patience *= 2;
			patience = next_patience;
			grown = false;
			more = true;
		}
		f->cut = f->executions % 64 == 0 && cpu_seconds() > end;
	}
}

static void
report_failure(const struct program *p, const struct bounds *b)
{
	printf("  %s\n  --mode %s%s%s --preemptions %u --stale %u --replay %s '", now.message,
	       mode_names[b->mode], b->variant == VARIANT_RUN ? "" : " --",
	       b->variant == VARIANT_RUN ? "" : variant_names[b->variant], b->preemptions, b->stale,
	       p->name);
	print_schedule();
	printf("'\n");
	if (!b->quiet)
		trace_print(40);
}

static bool
judge_litmus(const struct program *p, const struct bounds *b, const struct figures *f)
{
	bool expected = (p->litmus >> b->mode & 1) != 0;

	if (!p->is_litmus || f->seen == expected)
		return true;
	printf("  the outcome was %s in mode %s\n", f->seen ? "seen" : "not seen",
	       mode_names[b->mode]);
	return false;
}

bool
search(const struct program *p, const struct bounds *b)
{
	struct figures f = {0};
	double start = cpu_seconds();
	bool ok;

	now.mode = b->mode;
	now.variant = b->variant;
	now.every_word = false;
	if (!prepare(p)) {
		printf("%s: set-up: %s\n", p->name, now.message);
		return false;
	}
	choices.states = 0;
	walk_randomly(b, WALKS + b->walks, &f);
	if (!f.failed)
		search_all(b, start + b->seconds, &f);
	ok = !f.failed;
	printf("%-28s %-3s %-6s P=%u S=%u %9llu runs %9llu states %4u words %5u steps", p->name,
	       mode_names[b->mode], variant_names[b->variant], b->preemptions,
	       b->mode == MODE_SC ? 0 : b->stale, (unsigned long long)f.executions,
	       (unsigned long long)choices.states, memory_words(), f.steps);
	if (b->variant == VARIANT_FREEZE)
		printf(" (%u of the others)", f.after_strike);
	printf(" %6.2fs %s %s\n", cpu_seconds() - start, f.failed || !f.cut ? "complete" : "CUT",
	       ok ? "ok" : "FAIL");
	if (!ok)
		report_failure(p, b);
	ok = ok && judge_litmus(p, b, &f);
	fflush(stdout);
	return ok;
}

static bool
read_schedule(const char *text)
{
	char *end;

	choices.script_length = 0;
	for (; *text != '\0'; text = end) {
		struct token *t = &choices.script[choices.script_length++];

		if (choices.script_length == MAX_TOKENS)
			return false;
		t->arrival = (uint32_t)strtoul(text, &end, 10);
		if (end == text || strchr(">!~", *end) == NULL)
			return false;
		t->kind = (uint8_t)*end;
		text = end + 1;
		t->what = (uint8_t)strtoul(text, &end, 10);
		if (end == text)
			return false;
		while (isspace((unsigned char)*end))
			end++;
	}
	return true;
}

bool
replay(const struct program *p, const struct bounds *b, const char *schedule)
{
	now.mode = b->mode;
	now.variant = b->variant;
	now.every_word = true;
	if (!read_schedule(schedule) || !prepare(p)) {
		printf("%s: cannot be replayed\n", p->name);
		return false;
	}
	begin(CHOOSE_SCRIPT, b);
	now.preemptions_left = now.stale_left = MAX_TOKENS;
	choices.depth = 0;
	execute();
	trace_print(100000);
	if (choices.next != choices.script_length)
		printf("%s: of the schedule %u words were not used\n", p->name,
		       choices.script_length - choices.next);
	printf("%s: %s\n", p->name, now.status == FAILED ? now.message : "ok");
	return now.status != FAILED;
}
