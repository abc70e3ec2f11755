/* SPDX-License-Identifier: MIT */
/*
 * model: the histories of words in conflict, and what an atomic operation finds in them.
 *
 * Memory itself always holds the newest store. A plain write to a word in conflict starts
 * its history anew: who could still see an older store would race with it.
 *
 * A message is a store; those of a word are linked in modification order, with ascending
 * timestamps that leave room for one to be put in between. Views hold timestamps, so they
 * stay right when that happens.
 */
#include "core.h"

#include "atomic.h"

#undef memcpy
#undef memset

#define TS_GAP 4096
#define MESSAGES 65536
#define VIEW_BYTES ((size_t)32 << 20)

/* One store to a word. */
struct message {
	struct message *older;
	uint64_t value;
	int32_t ts;
	uint8_t heads; /* threads whose release sequence it belongs to */
	bool followed; /* a read-modify-write has the place right behind it */
	struct clock clock;
	const int32_t *view; /* what an acquire learns; NULL: nothing */
};

struct word {
	uint32_t number; /* of the execution that the rest is of */
	int32_t base;    /* the first message's */
	struct message *newest;
};

static struct word words[MAX_WORDS];
static struct message *messages;
static unsigned message_count;
static char *views;
static size_t views_used;
static int32_t global_view[MAX_WORDS];

void
model_open(void)
{
	messages = memory_reserve(MESSAGES * sizeof(*messages));
	views = memory_reserve(VIEW_BYTES);
}

void
model_reset(void)
{
	message_count = 0;
	views_used = 0;
	memset(global_view, 0, sizeof(global_view));
}

void
model_overwrite(unsigned id)
{
	struct word *w = &words[id];

	if (w->number != now.number || w->newest == NULL)
		return;
	w->base = w->newest->ts + TS_GAP;
	w->newest = NULL;
}

/* ---- messages -------------------------------------------------------------------- */

static void
join_clock(struct clock *to, const struct clock *from)
{
	for (int t = 0; t < MACHINE_THREADS; t++)
		to->of[t] = to->of[t] > from->of[t] ? to->of[t] : from->of[t];
}

/* With every word in conflict their number grows meanwhile. */
static unsigned
view_length(void)
{
	return now.every_word ? MAX_WORDS : memory_active() + 1;
}

static void
join_view(int32_t *to, const int32_t *from)
{
	for (unsigned i = 0, n = view_length(); i < n; i++)
		to[i] = to[i] > from[i] ? to[i] : from[i];
}

static int32_t *
new_view(const int32_t *from)
{
	size_t bytes = view_length() * sizeof(*from);
	int32_t *view = (int32_t *)(void *)(views + views_used);

	if (views_used + bytes > VIEW_BYTES)
		machine_fail("out of views");
	views_used += (bytes + 63) & ~(size_t)63;
	memcpy(view, from, bytes);
	return view;
}

static struct message *
new_message(void)
{
	struct message *m;

	if (message_count == MESSAGES)
		machine_fail("out of messages");
	m = &messages[message_count++];
	memset(m, 0, sizeof(*m));
	return m;
}

static uint64_t
read_memory(const void *p, size_t size)
{
	return size == 4 ? *(const volatile uint32_t *)p : *(const volatile uint64_t *)p;
}

static void
write_memory(void *p, size_t size, uint64_t v)
{
	if (size == 4)
		*(volatile uint32_t *)p = (uint32_t)v;
	else
		*(volatile uint64_t *)p = v;
}

static struct word *
word_now(unsigned id, const void *p, size_t size)
{
	struct word *w = &words[id];

	if (w->number != now.number) {
		w->number = now.number;
		w->base = 0;
		w->newest = NULL;
	}
	if (w->newest == NULL) {
		w->newest = new_message();
		w->newest->ts = w->base;
		w->newest->value = read_memory(p, size);
	}
	return w;
}

/* What reading the message teaches the running thread. */
static void
learn(unsigned id, const struct message *m, unsigned order)
{
	struct stand *s = &running->stand;
	bool acquire = (order & EXPLORE_ACQUIRE) != 0;

	if (s->view[id] < m->ts)
		s->view[id] = m->ts;
	join_clock(acquire ? &s->now : &s->kept, &m->clock);
	if (m->view != NULL)
		join_view(acquire ? s->view : s->kept_view, m->view);
}

/* What the message, right behind `behind`, will teach others. */
static void
teach(unsigned id, struct message *m, const struct message *behind, unsigned order, bool is_change)
{
	struct stand *s = &running->stand;
	uint8_t me = (uint8_t)(1u << running->index);
	bool release = (order & EXPLORE_RELEASE) != 0;
	int32_t *view = NULL;

	s->view[id] = m->ts;
	m->heads = release || s->has_fenced ? me : 0;
	m->clock = release ? s->now : s->fenced;
	if (now.mode != MODE_SC && (release || s->has_fenced))
		view = new_view(release ? s->view : s->fenced_view);
	if (is_change || (behind->heads & me) != 0) {
		m->heads |= behind->heads;
		join_clock(&m->clock, &behind->clock);
		if (behind->view != NULL && view == NULL)
			view = new_view(behind->view);
		else if (behind->view != NULL)
			join_view(view, behind->view);
	}
	m->view = view;
	if (release)
		s->now.of[running->index]++;
}

/* A new message right behind `behind`. */
static void
add_message(struct word *w, unsigned id, void *p, size_t size, struct message *behind, uint64_t v,
	    unsigned order, bool is_change)
{
	struct message *above = NULL, *m = new_message();

	for (struct message *i = w->newest; i != behind; i = i->older)
		above = i;
	m->older = behind;
	m->value = v;
	if (above == NULL) {
		m->ts = behind->ts + TS_GAP;
		w->newest = m;
		write_memory(p, size, v);
	} else {
		m->ts = behind->ts + (above->ts - behind->ts) / 2;
		above->older = m;
		if (m->ts == behind->ts)
			machine_fail("out of timestamps");
	}
	if (is_change)
		behind->followed = true;
	teach(id, m, behind, order, is_change);
	if (order & EXPLORE_SEQ_CST && global_view[id] < m->ts)
		global_view[id] = m->ts;
}

void
model_fence(struct thread *t)
{
	struct stand *s = &t->stand;

	join_clock(&s->now, &s->kept);
	if (now.mode != MODE_SC) {
		join_view(s->view, s->kept_view);
		join_view(s->view, global_view);
		memcpy(global_view, s->view, view_length() * sizeof(int32_t));
		memcpy(s->fenced_view, s->view, view_length() * sizeof(int32_t));
	}
	s->fenced = s->now;
	s->has_fenced = true;
	if (t->index < MACHINE_THREADS)
		s->now.of[t->index]++;
}

void
model_join(const struct thread *ended)
{
	join_clock(&running->stand.now, &ended->stand.now);
	if (now.mode != MODE_SC)
		join_view(running->stand.view, ended->stand.view);
}

/* ---- atomic operations ----------------------------------------------------------- */

/* An operation that has been let through. */
struct access {
	int place;   /* -1: not watched */
	unsigned id; /* of the word in conflict, 0: none */
	uint32_t arrival;
};

/* Before any atomic operation. */
static struct access
begin(const void *p, size_t size, bool write, const char *site)
{
	struct access a = {memory_place(p), 0, 0};

	if (a.place < 0)
		return a;
	if ((size_t)a.place < ARENA_PLACES && !system_is_mapped((uintptr_t)p, size))
		machine_fail("access to unmapped memory: %s", site);
	if (write)
		memory_dirty(p, size);
	if (!now.concurrent)
		return (struct access){-1, 0, 0};
	a.arrival = arrive();
	memory_touch(a.place, write);
	a.id = memory_word(a.place);
	stop(a.arrival, a.id != 0);
	memory_note(a.place, size, write, site);
	return a;
}

static bool
may_be_stale(void)
{
	return now.mode != MODE_SC && now.stale_left > 0;
}

static int32_t
oldest(unsigned id, unsigned order)
{
	int32_t ts = running->stand.view[id];

	return order & EXPLORE_SEQ_CST && global_view[id] > ts ? global_view[id] : ts;
}

/* The store that is read: the newest unless it is chosen to be otherwise. */
static struct message *
pick_load(struct word *w, const struct access *a, unsigned order)
{
	struct message *m = w->newest;
	unsigned options = 1;

	if (!may_be_stale())
		return m;
	for (; m->older != NULL && m->older->ts >= oldest(a->id, order); m = m->older)
		options++;
	options = choose(CHOICE_STORE, a->arrival, options, NULL);
	now.stale_left -= options > 0;
	for (m = w->newest; options > 0; options--)
		m = m->older;
	return m;
}

/* May something be put right behind m, which is not the newest? */
static bool
has_gap(const struct word *w, const struct message *m)
{
	const struct message *above = w->newest;

	while (above->older != m)
		above = above->older;
	return !m->followed && above->ts - m->ts > 1;
}

/*
 * The store that a new one is put behind: of a read-modify-write the one that it reads, and
 * any that it leaves as it is for not being *unless.
 */
static struct message *
pick_behind(struct word *w, const struct access *a, unsigned order, const uint64_t *unless)
{
	struct message *found[8] = {w->newest};
	unsigned options = 1;

	if (!may_be_stale() || now.mode < MODE_PSO)
		return w->newest;
	for (struct message *m = w->newest->older;
	     m != NULL && m->ts >= oldest(a->id, order) && options < 8; m = m->older)
		if ((unless != NULL && m->value != *unless) || has_gap(w, m))
			found[options++] = m;
	options = choose(CHOICE_STORE, a->arrival, options, NULL);
	now.stale_left -= options > 0;
	return found[options];
}

static unsigned
order_in_mode(unsigned order, bool load, bool store)
{
	if (load && (now.mode == MODE_TSO || now.mode == MODE_PSO))
		order |= EXPLORE_ACQUIRE;
	if (store && now.mode == MODE_TSO)
		order |= EXPLORE_RELEASE;
	return order;
}

uint64_t
explore_load(const void *p, size_t size, unsigned order, const char *site)
{
	struct access a = begin(p, size, false, site);
	uint64_t v;

	if (a.id == 0) {
		v = read_memory(p, size);
		if (a.place >= 0)
			trace(a.arrival, site, p, v, "");
		return v;
	}
	order = order_in_mode(order, true, false);
	struct message *m = pick_load(word_now(a.id, p, size), &a, order);

	learn(a.id, m, order);
	trace(a.arrival, site, p, m->value, m == words[a.id].newest ? "" : " (stale)");
	return m->value;
}

void
explore_store(void *p, size_t size, uint64_t v, unsigned order, const char *site)
{
	struct access a = begin(p, size, true, site);
	struct message *behind;
	struct word *w;

	if (size == 4)
		v = (uint32_t)v;
	if (a.place >= 0)
		trace(a.arrival, site, p, v, " stored");
	if (a.id == 0) {
		write_memory(p, size, v);
		return;
	}
	order = order_in_mode(order, false, true);
	w = word_now(a.id, p, size);
	behind = pick_behind(w, &a, order, NULL);
	add_message(w, a.id, p, size, behind, v, order, false);
}

uint64_t
explore_change(void *p, size_t size, enum explore_change how, uint64_t v, unsigned order,
	       const char *site)
{
	struct access a = begin(p, size, true, site);
	struct message *m;
	struct word *w;
	uint64_t old, new;

	if (a.id == 0) {
		old = read_memory(p, size);
		new = how == EXPLORE_ADD ? old + v : v;
		write_memory(p, size, new);
		if (a.place >= 0)
			trace(a.arrival, site, p, size == 4 ? (uint32_t) new : new, " new");
		return old;
	}
	if (now.mode == MODE_TSO)
		model_fence(running);
	order = order_in_mode(order, true, true);
	w = word_now(a.id, p, size);
	m = pick_behind(w, &a, order, NULL);
	old = m->value;
	new = how == EXPLORE_ADD ? old + v : v;
	new = size == 4 ? (uint32_t) new : new;
	learn(a.id, m, order);
	add_message(w, a.id, p, size, m, new, order, true);
	if (now.mode == MODE_TSO)
		model_fence(running);
	trace(a.arrival, site, p, new, " new");
	return old;
}

static bool
cas_memory(void *p, size_t size, void *expected, uint64_t v)
{
	uint64_t old = read_memory(p, size);

	if (old != read_memory(expected, size)) {
		write_memory(expected, size, old);
		return false;
	}
	write_memory(p, size, v);
	return true;
}

bool
explore_cas(void *p, size_t size, void *expected, uint64_t v, unsigned order, unsigned failed,
	    const char *site)
{
	struct access a = begin(p, size, true, site);
	uint64_t wanted = read_memory(expected, size);
	struct message *m;
	struct word *w;
	bool done;

	if (a.id == 0) {
		done = cas_memory(p, size, expected, v);
		if (a.place >= 0)
			trace(a.arrival, site, p, read_memory(p, size), done ? " new" : " failed");
		return done;
	}
	if (now.mode == MODE_TSO)
		model_fence(running);
	w = word_now(a.id, p, size);
	m = pick_behind(w, &a, order_in_mode(order, true, true), &wanted);
	done = m->value == wanted;
	learn(a.id, m, order_in_mode(done ? order : failed, true, false));
	if (done)
		add_message(w, a.id, p, size, m, size == 4 ? (uint32_t)v : v,
			    order_in_mode(order, true, true), true);
	else
		write_memory(expected, size, m->value);
	if (now.mode == MODE_TSO)
		model_fence(running);
	trace(a.arrival, site, p, done ? v : m->value, done ? " new" : " failed");
	return done;
}

void
explore_fence(const char *site)
{
	uint32_t arrival;

	if (!now.concurrent)
		return;
	arrival = arrive();
	stop(arrival, true);
	model_fence(running);
	trace(arrival, site, NULL, 0, "");
}

/* The one read that may meet a plain write: not looked at, but a stop. */
uint32_t
explore_peek(const void *p, const char *site)
{
	uint32_t arrival;
	int i = memory_place(p);

	if (i >= 0 && (size_t)i < ARENA_PLACES && !system_is_mapped((uintptr_t)p, 4))
		machine_fail("access to unmapped memory: %s", site);
	if (i >= 0 && now.concurrent) {
		arrival = arrive();
		stop(arrival, true);
		trace(arrival, site, p, *(const volatile uint32_t *)p, "");
	}
	return *(const volatile uint32_t *)p;
}
