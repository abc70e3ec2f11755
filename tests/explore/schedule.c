/* SPDX-License-Identifier: MIT */
/*
 * schedule: who runs, and the choices that an execution is made of.
 *
 * The list of choices is also the search: choices[0 … depth-1] are prescribed, what comes
 * after them takes its first alternative and is noted.
 */
#include "schedule.h"

#include "atomic.h"
#include "coroutine.h"

#include <setjmp.h>

#undef memcpy
#undef memset
#undef malloc
#undef free
#undef strlen

#define TRACES 65536
#define MAX_STEPS 20000

struct record {
	uint32_t arrival;
	int thread;
	const char *site;
	const void *p;
	uint64_t value;
	const char *remark;
};

struct execution now;
struct thread threads[MACHINE_THREADS + 1];
struct thread *running;
struct choices choices;

static struct record records[TRACES];
static uint32_t record_count;
static jmp_buf escape; /* of what fails in set-up or check */

/* ---- traces -------------------------------------------------------------------- */

void
trace(uint32_t arrival, const char *site, const void *p, uint64_t value, const char *remark)
{
	records[record_count++ % TRACES] = (struct record){arrival, running->index, site,
							   p,       value,          remark};
}

void
trace_print(unsigned last)
{
	uint32_t from = record_count > last ? record_count - last : 0;

	for (uint32_t i = from; i < record_count; i++) {
		const struct record *r = &records[i % TRACES];
		const char *name = strrchr(r->site, '/');

		printf("  %5u  T%d  %-70s", r->arrival, r->thread + 1,
		       name == NULL ? r->site : name + 1);
		if (r->p != NULL)
			printf(" [%05zx] %llx%s", (size_t)((uintptr_t)r->p % ARENA),
			       (unsigned long long)r->value, r->remark);
		putchar('\n');
	}
}

/* ---- choices ------------------------------------------------------------------- */

static uint64_t
next_random(void)
{
	choices.random ^= choices.random << 13;
	choices.random ^= choices.random >> 7;
	choices.random ^= choices.random << 17;
	return choices.random;
}

/* Seldom another than the first, or threads would never get anywhere. */
static unsigned
random_choice(enum choice_kind kind, unsigned options)
{
	if (kind == CHOICE_NEXT)
		return (unsigned)(next_random() % options);
	if (next_random() % 8 != 0)
		return 0;
	return (unsigned)(next_random() % options);
}

/* What the schedule that is replayed says; 0 if it says nothing of this choice. */
static unsigned
prescribed(enum choice_kind kind, uint32_t arrival, unsigned options, const uint8_t *what)
{
	const struct token *t = &choices.script[choices.next];

	if (choices.next == choices.script_length || t->kind != kind || t->arrival != arrival)
		return 0;
	choices.next++;
	for (unsigned i = 0; i < options; i++)
		if ((what == NULL ? i : what[i]) == t->what)
			return i;
	machine_fail("the schedule does not fit: %u%c%u is no choice", arrival, kind, t->what);
}

unsigned
choose(enum choice_kind kind, uint32_t arrival, unsigned options, const uint8_t *what)
{
	struct choice *c;

	if (options == 1)
		return 0;
	if (choices.next < choices.depth && choices.how == CHOOSE_ALL) {
		c = &choices.list[choices.next++];
		if (c->kind != kind || c->arrival != arrival || c->options != options) {
			now.grown = false;
			machine_fail("the program is not deterministic");
		}
		return c->chosen;
	}
	if (choices.depth == MAX_CHOICES)
		machine_fail("more than %d choices", MAX_CHOICES);
	c = &choices.list[choices.depth++];
	*c = (struct choice){kind, 0, (uint8_t)options, arrival, {0}};
	for (unsigned i = 0; i < options; i++)
		c->what[i] = what == NULL ? (uint8_t)i : what[i];
	switch (choices.how) {
	case CHOOSE_ALL:
		choices.next++;
		choices.states++;
		break;
	case CHOOSE_RANDOM:
		c->chosen = (uint8_t)random_choice(kind, options);
		break;
	case CHOOSE_SCRIPT:
		c->chosen = (uint8_t)prescribed(kind, arrival, options, what);
		break;
	}
	return c->chosen;
}

void
print_schedule(void)
{
	const char *space = "";

	for (unsigned i = 0; i < choices.depth; i++) {
		const struct choice *c = &choices.list[i];

		if (c->chosen == 0)
			continue;
		printf("%s%u%c%u", space, c->arrival, c->kind, c->what[c->chosen]);
		space = " ";
	}
}

/* ---- threads ------------------------------------------------------------------- */

void
switch_to(struct thread *to)
{
	struct thread *from = running;

	if (to == from)
		return;
	from->saved_errno = errno;
	memory_leave(from);
	running = to;
	memory_enter(to);
	coroutine_switch(&from->stack_pointer, to->stack_pointer);
	errno = running->saved_errno;
}

void
machine_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(now.message, sizeof(now.message), format, args);
	va_end(args);
	now.status = FAILED;
	if (running->index == MAIN)
		longjmp(escape, 1);
	switch_to(&threads[MAIN]);
	abort();
}

bool
is_alive(unsigned process, int thread)
{
	if (thread == MAIN)
		return process == 0 || now.variant != VARIANT_KILL || now.struck < 0 ||
		       threads[now.struck].process != process;
	return threads[thread].process == process && threads[thread].state == THREAD_READY;
}

static bool
can_run(int t)
{
	return threads[t].state == THREAD_READY && !(now.frozen && now.struck == t);
}

/* The running thread does not go on: who does? */
static void
go_on(uint32_t arrival)
{
	uint8_t what[MACHINE_THREADS];
	unsigned n = 0;

	for (int t = 0; t < MACHINE_THREADS; t++)
		if (can_run(t))
			what[n++] = (uint8_t)(t + 1);
	if (n == 0 && now.frozen && threads[now.struck].state == THREAD_READY) {
		now.frozen = false;
		switch_to(&threads[now.struck]);
	} else if (n == 0) {
		switch_to(&threads[MAIN]);
	} else {
		switch_to(&threads[what[choose(CHOICE_NEXT, arrival, n, what)] - 1]);
	}
}

static bool
may_strike(void)
{
	unsigned others = 0;

	if (now.struck != NOBODY)
		return false;
	for (int t = 0; t < MACHINE_THREADS; t++)
		others += t != running->index && can_run(t);
	if (now.variant == VARIANT_FREEZE)
		return others > 0;
	return now.variant == VARIANT_KILL && (now.program->killable >> running->index & 1) != 0;
}

static void
strike(uint32_t arrival)
{
	now.struck = running->index;
	now.frozen = now.variant == VARIANT_FREEZE;
	for (int t = 0; t < MACHINE_THREADS && !now.frozen; t++)
		if (threads[t].process == running->process && threads[t].state == THREAD_READY)
			threads[t].state = THREAD_DEAD;
	trace(arrival, now.frozen ? "-- frozen here" : "-- killed here", NULL, 0, "");
	go_on(arrival);
}

uint32_t
arrive(void)
{
	if (++running->steps > MAX_STEPS)
		machine_fail("thread %d does not come to an end", running->index + 1);
	if (now.frozen && ++now.after_strike > now.program->progress)
		machine_fail("with thread %d stopped the others need more than %u steps",
			     now.struck + 1, now.program->progress);
	return ++now.arrivals;
}

void
stop(uint32_t arrival, bool in_conflict)
{
	uint8_t what[MACHINE_THREADS + 2];
	unsigned n = 0, k;

	what[n++] = (uint8_t)(running->index + 1);
	for (int t = 0; t < MACHINE_THREADS && in_conflict && now.preemptions_left > 0; t++)
		if (t != running->index && can_run(t))
			what[n++] = (uint8_t)(t + 1);
	if (may_strike())
		what[n++] = CHOICE_STRIKE;
	k = choose(CHOICE_POINT, arrival, n, what);
	if (k == 0)
		return;
	if (what[k] == CHOICE_STRIKE) {
		strike(arrival);
	} else {
		now.preemptions_left--;
		switch_to(&threads[what[k] - 1]);
	}
}

void
machine_point(void)
{
	if (now.concurrent)
		stop(arrive(), true);
}

static void
thread_main(void)
{
	now.program->threads[running->index]();
	system_thread_end();
	running->state = THREAD_ENDED;
	go_on(arrive());
	abort();
}

/* A wild pointer ends the execution, on a stack of its own. */
static void
on_fault(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	snprintf(now.message, sizeof(now.message), "thread %d: signal %d at %p", running->index + 1,
		 signal_number, info->si_addr);
	now.status = FAILED;
	running = &threads[MAIN];
	memory_enter(running);
	longjmp(escape, 1);
}

void
catch_faults(void)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
}

/* ---- one execution --------------------------------------------------------------- */

static void
begin_thread(int i)
{
	struct thread *t = &threads[i];
	bool there = i < MACHINE_THREADS && now.program->threads[i] != NULL;
	size_t words = now.every_word ? MAX_WORDS : memory_words() + 1;

	if (t->stack == NULL && i < MACHINE_THREADS)
		t->stack = malloc(COROUTINE_STACK);
	t->index = i;
	t->state = there ? THREAD_READY : THREAD_ABSENT;
	t->has_exit = false;
	t->process = i < MACHINE_THREADS ? now.program->process[i] : 0;
	t->steps = 0;
	t->saved_errno = 0;
	memset(&t->stand.now, 0, 3 * sizeof(struct clock));
	memset(t->stand.view, 0, sizeof(t->stand.view[0]) * words);
	memset(t->stand.kept_view, 0, sizeof(t->stand.view[0]) * words);
	memset(t->stand.fenced_view, 0, sizeof(t->stand.view[0]) * words);
	t->stand.has_fenced = false;
	if (there) {
		t->stand.now.of[i] = 1;
		t->stack_pointer = coroutine_make(t->stack, thread_main);
	}
}

static void
run_threads(void)
{
	uint8_t what[MACHINE_THREADS];
	unsigned n = 0;

	for (int t = 0; t < MACHINE_THREADS; t++)
		if (threads[t].state == THREAD_READY)
			what[n++] = (uint8_t)(t + 1);
	now.concurrent = true;
	switch_to(&threads[what[choose(CHOICE_NEXT, 0, n, what)] - 1]);
	now.concurrent = false;
}

void
execute(void)
{
	memory_restore();
	system_restore();
	now.concurrent = now.grown = now.seen = now.frozen = false;
	now.status = RUNNING;
	now.arrivals = now.after_strike = 0;
	now.struck = NOBODY;
	now.number++;
	record_count = 0;
	for (int i = 0; i <= MACHINE_THREADS; i++)
		begin_thread(i);
	running = &threads[MAIN];
	if (setjmp(escape) == 0) {
		run_threads();
		if (now.status == RUNNING) {
			now.program->check();
			now.status = DONE;
		}
	}
	now.concurrent = false;
	if (running->process != 0)
		machine_enter(0);
}

/* False, with now.message, if the set-up fails. */
bool
prepare(const struct program *p)
{
	now.program = p;
	now.concurrent = now.grown = false;
	now.status = RUNNING;
	now.struck = NOBODY;
	memory_begin_program();
	system_reset();
	for (int i = 0; i <= MACHINE_THREADS; i++)
		begin_thread(i);
	running = &threads[MAIN];
	if (setjmp(escape) != 0)
		return false;
	p->setup();
	memory_keep();
	system_keep();
	return true;
}

/* ---- for programs ---------------------------------------------------------------- */

int
machine_struck(void)
{
	return now.struck;
}

uint32_t
machine_steps(int thread)
{
	return threads[thread].steps;
}

bool
machine_killed(int thread)
{
	return now.variant == VARIANT_KILL && now.struck == thread;
}

bool
machine_is_sc(void)
{
	return now.mode == MODE_SC;
}

void
machine_outcome(bool seen)
{
	now.seen |= seen;
}

void
machine_enter(unsigned p)
{
	memory_leave(running);
	running->process = (uint8_t)p;
	memory_enter(running);
}

void
machine_thread_exit(void)
{
	system_thread_end();
}
