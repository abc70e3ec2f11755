/* SPDX-License-Identifier: MIT */
/*
 * memory: what the threads of an execution share, and what each of them may see of it.
 *
 * Watched memory is the arena, which mmap() gives out, and the static data of the core and
 * the programs, of which every process has its own. It is counted in places of 4 bytes.
 *
 *  - A place knows which threads read and wrote it atomically in this execution; if that is
 *    a conflict it gets a number, in this search, and is a word with a history of stores.
 *  - A place knows when each thread last read and wrote it in this execution: races.
 *  - A page that was written is put back before the next execution.
 */
#include "core.h"

#include "atomic.h"

#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef mmap
#undef strlen

#define PAGES (PLACES * 4 / PAGE)
#define TLS_BYTES 4096

/* When each thread last did what here. */
struct place {
	uint32_t number;
	uint16_t plain_read[MACHINE_THREADS], plain_write[MACHINE_THREADS];
	uint16_t atomic_read[MACHINE_THREADS], atomic_write[MACHINE_THREADS];
	uint8_t touched; /* atomically, by which threads */
	bool written;
};

extern char explore_first_bss[], explore_last_bss[], explore_first_data[], explore_last_data[];
extern char __start_explore_tls[], __stop_explore_tls[];
extern char __start_explore_state[], __stop_explore_state[];

static struct place *places;
static uint16_t *word_at; /* [place]: number of the word, 0: none */
static char *kept;        /* the arena after set-up */
static bool is_kept[PAGES];
static bool dirty[PAGES];
static unsigned word_count;   /* that were found */
static unsigned active_count; /* that this search knows: the first of them */

static char *statics[MACHINE_PROCESSES], *kept_statics[MACHINE_PROCESSES];
static char *kept_tls[MACHINE_THREADS + 1], *process_tls[MACHINE_PROCESSES];
static char *kept_state;
static unsigned process_now;
static bool is_forked[MACHINE_PROCESSES];

/* ---- where things are -------------------------------------------------------- */

static size_t
statics_length(void)
{
	return (size_t)(explore_last_bss - explore_first_bss);
}

static size_t
tls_length(void)
{
	return (size_t)(__stop_explore_tls - __start_explore_tls);
}

static size_t
state_length(void)
{
	return (size_t)(__stop_explore_state - __start_explore_state);
}

int
memory_place(const void *p)
{
	uintptr_t in_arena = (uintptr_t)p - ARENA;
	uintptr_t in_statics = (uintptr_t)p - (uintptr_t)explore_first_bss;

	if (in_arena < ARENA_BYTES)
		return (int)(in_arena / 4);
	if (in_statics < statics_length())
		return (int)(ARENA_PLACES + process_now * STATICS_PLACES + in_statics / 4);
	return -1;
}

void *
memory_reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void
memory_open(void)
{
	void *arena = mmap((void *)ARENA, ARENA_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	if (arena != (void *)ARENA || statics_length() > STATICS_BYTES ||
	    tls_length() > TLS_BYTES || explore_last_data - explore_first_data > 128) {
		fprintf(stderr, "explore: unexpected layout: statics %zu, tls %zu, data %td\n",
			statics_length(), tls_length(), explore_last_data - explore_first_data);
		exit(2);
	}
	places = memory_reserve(PLACES * sizeof(*places));
	word_at = memory_reserve(PLACES * sizeof(*word_at));
	kept = memory_reserve(ARENA_BYTES);
	model_open();
	kept_state = memory_reserve(state_length() + 1);
	for (unsigned p = 0; p < MACHINE_PROCESSES; p++) {
		statics[p] = memory_reserve(STATICS_BYTES);
		kept_statics[p] = memory_reserve(STATICS_BYTES);
		process_tls[p] = memory_reserve(TLS_BYTES);
	}
	for (unsigned t = 0; t <= MACHINE_THREADS; t++) {
		threads[t].tls = memory_reserve(TLS_BYTES);
		kept_tls[t] = memory_reserve(TLS_BYTES);
	}
}

/* ---- from execution to execution --------------------------------------------- */

static void
forget_words(void)
{
	memset(word_at, 0, PLACES * sizeof(*word_at));
	word_count = active_count = 0;
}

void
memory_begin_program(void)
{
	forget_words();
	for (size_t i = 0; i < ARENA_BYTES / PAGE; i++)
		if (dirty[i] || is_kept[i])
			memset((char *)ARENA + i * PAGE, 0, PAGE);
	memset(dirty, 0, sizeof(dirty));
	memset(is_kept, 0, sizeof(is_kept));
	memset(explore_first_bss, 0, statics_length());
	memset(__start_explore_tls, 0, tls_length());
	memset(__start_explore_state, 0, state_length());
	memset(is_forked, 0, sizeof(is_forked));
	for (unsigned p = 0; p < MACHINE_PROCESSES; p++)
		memset(process_tls[p], 0, TLS_BYTES);
	process_now = 0;
}

void
memory_keep(void)
{
	for (size_t i = 0; i < ARENA_BYTES / PAGE; i++) {
		is_kept[i] = dirty[i];
		if (is_kept[i])
			memcpy(kept + i * PAGE, (char *)ARENA + i * PAGE, PAGE);
	}
	memset(dirty, 0, sizeof(dirty));
	memcpy(kept_statics[0], explore_first_bss, statics_length());
	for (unsigned p = 1; p < MACHINE_PROCESSES; p++)
		if (is_forked[p])
			memcpy(kept_statics[p], statics[p], statics_length());
	for (unsigned t = 0; t < MACHINE_THREADS; t++)
		memcpy(kept_tls[t], process_tls[now.program->process[t]], tls_length());
	memcpy(kept_tls[MAIN], __start_explore_tls, tls_length());
	memcpy(kept_state, __start_explore_state, state_length());
}

void
memory_restore(void)
{
	for (size_t i = 0; i < ARENA_BYTES / PAGE; i++) {
		if (!dirty[i])
			continue;
		if (is_kept[i])
			memcpy((char *)ARENA + i * PAGE, kept + i * PAGE, PAGE);
		else
			memset((char *)ARENA + i * PAGE, 0, PAGE);
		dirty[i] = false;
	}
	memcpy(explore_first_bss, kept_statics[0], statics_length());
	for (unsigned p = 1; p < MACHINE_PROCESSES; p++)
		if (is_forked[p])
			memcpy(statics[p], kept_statics[p], statics_length());
	for (unsigned t = 0; t < MACHINE_THREADS; t++)
		memcpy(threads[t].tls, kept_tls[t], tls_length());
	memcpy(__start_explore_tls, kept_tls[MAIN], tls_length());
	memcpy(__start_explore_state, kept_state, state_length());
	process_now = 0;
	model_reset();
}

void
memory_leave(struct thread *t)
{
	memcpy(t->tls, __start_explore_tls, tls_length());
}

void
memory_enter(struct thread *t)
{
	memcpy(__start_explore_tls, t->tls, tls_length());
	if (t->process == process_now)
		return;
	memcpy(statics[process_now], explore_first_bss, statics_length());
	memcpy(explore_first_bss, statics[t->process], statics_length());
	process_now = t->process;
}

/* As fork() does; statics of the process at hand are in place. */
void
memory_copy_process(unsigned to)
{
	is_forked[to] = true;
	memcpy(statics[to], explore_first_bss, statics_length());
	memcpy(process_tls[to], __start_explore_tls, tls_length());
}

/* Set-up only: the data of the thread that a process has from the start. */
void
memory_set_process_tls(unsigned p)
{
	memcpy(process_tls[p], __start_explore_tls, tls_length());
}

unsigned
memory_words(void)
{
	return word_count;
}

unsigned
memory_active(void)
{
	return active_count;
}

void
memory_activate(void)
{
	active_count = word_count;
}

void
memory_dirty(const void *p, size_t n)
{
	uintptr_t first = (uintptr_t)p - ARENA;

	if (first < ARENA_BYTES)
		for (size_t i = first / PAGE; i <= (first + n - 1) / PAGE; i++)
			dirty[i] = true;
}

/* ---- races --------------------------------------------------------------------- */

static struct place *
place_now(int i)
{
	struct place *at = &places[i];

	if (at->number != now.number) {
		memset(at, 0, sizeof(*at));
		at->number = now.number;
	}
	return at;
}

__attribute__((noreturn)) static void
report_race(int i, const char *what, const char *other, int who, const void *caller)
{
	machine_fail("race: %s of %s+0x%zx by thread %d%s%p with %s of thread %d", what,
		     (size_t)i < ARENA_PLACES ? "arena" : "statics",
		     (size_t)i < ARENA_PLACES ? (size_t)i * 4 : (size_t)i * 4 - ARENA_BYTES,
		     running->index + 1, caller == NULL ? "" : " at ", caller, other, who + 1);
}

static inline void
look_for(int i, const uint16_t *when, const char *what, const char *other, const void *caller)
{
	const uint16_t *known = running->stand.now.of;

	for (int t = 0; t < MACHINE_THREADS; t++)
		if (__builtin_expect(when[t] > known[t] && t != running->index, 0))
			report_race(i, what, other, t, caller);
}

static void
note_plain(int i, bool write, const void *caller)
{
	struct place *at = place_now(i);
	int t = running->index;

	look_for(i, at->plain_write, write ? "write" : "read", "write", caller);
	look_for(i, at->atomic_write, write ? "write" : "read", "atomic write", caller);
	if (write) {
		look_for(i, at->plain_read, "write", "read", caller);
		look_for(i, at->atomic_read, "write", "atomic read", caller);
		at->plain_write[t] = running->stand.now.of[t];
		if (word_at[i] != 0)
			model_overwrite(word_at[i]);
	} else {
		at->plain_read[t] = running->stand.now.of[t];
	}
}

void
memory_note(int first, size_t size, bool write, const char *site)
{
	int t = running->index;

	for (int i = first; i < first + (int)size / 4; i++) {
		struct place *at = place_now(i);
		const char *what = write ? "atomic write" : "atomic read";

		look_for(i, at->plain_write, what, "write", site);
		if (write) {
			look_for(i, at->plain_read, what, "read", site);
			at->atomic_write[t] = running->stand.now.of[t];
		} else {
			at->atomic_read[t] = running->stand.now.of[t];
		}
	}
}

void
memory_plain(const void *p, size_t n, bool write, const void *caller)
{
	int first = memory_place(p);

	if (first < 0 || n == 0)
		return;
	if ((size_t)first < ARENA_PLACES && !system_is_mapped((uintptr_t)p, n))
		machine_fail("plain access to unmapped memory, arena+0x%zx, at %p",
			     (size_t)first * 4, caller);
	if (write)
		memory_dirty(p, n);
	if (!now.concurrent)
		return;
	for (int i = first; i <= first + (int)(((uintptr_t)p % 4 + n - 1) / 4); i++)
		note_plain(i, write, caller);
}

/* ---- conflicts ----------------------------------------------------------------- */

/* Is the place a word in conflict that this search knows? */
unsigned
memory_word(int place)
{
	unsigned id = word_at[place];

	return id <= active_count || now.every_word ? id : 0;
}

void
memory_touch(int place, bool write)
{
	struct place *at;

	if (memory_word(place) != 0)
		return;
	at = place_now(place);
	at->touched |= (uint8_t)(1u << running->index);
	at->written |= write;
	if (!now.every_word && (!at->written || (at->touched & (at->touched - 1)) == 0))
		return;
	now.grown |= !now.every_word;
	if (word_at[place] != 0)
		return;
	if (word_count + 1 == MAX_WORDS)
		machine_fail("more than %d words in conflict", MAX_WORDS);
	word_at[place] = (uint16_t)++word_count;
}
