/* SPDX-License-Identifier: MIT */
/*
 * http_loop: the clients of one server, and what is waited for: their sockets, new clients, deadlines.
 *
 *  1. Every client stands in the queue of what it wants, and all in a queue
 *     wait equally long, so the first of a queue is the one whose deadline comes
 *     first. A deadline costs no system call: the timer is only ever set to an
 *     earlier time, and when it fires too early it is set again.
 *  2. A client that is dropped is freed at the end of the turn, because events
 *     of the same turn may still point to it. It is taken out of epoll by name:
 *     closing is not enough where a forked child holds a copy of the socket.
 *  3. In a child of fork(), only the slots and the spare buffer are trusted: they
 *     change by single stores, while the queues may have been copied in the middle
 *     of a change. So a child gives back the clients, and leaves alone what a thread
 *     that it does not have was answering them with.
 *  4. At the limit of pages, others wait for WAIT_MS rather than be refused: most pages end
 *     within milliseconds. Many requests of one host (of IPv6: network) must not keep another
 *     host's scraper from its page, so hosts take turns: of each, the client that has waited
 *     longest stands in line, and goes to the end of it if its host had the turn before.
 *     Finding them walks the clients that wait, which costs less than a page that is long enough for
 *     others to wait for.
 */
#define _GNU_SOURCE 1 /* accept4 */
#include "http_loop.h"

#include "clock.h"
#include "error.h"
#include "platform.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS 64           /* taken from epoll in one turn */
#define ACCEPTS 16          /* clients accepted in one turn */
#define ACCEPT_PAUSE_MS 50  /* when there is no descriptor or no place for another */
#define LINGER_MS 2000      /* for a refused client to read why */
#define SLOW_MS 500         /* when full, who takes longer for a request goes before the idle */
#define NEW_MS 50           /* when full, what a newcomer may take for it */
#define STUCK_MS 100        /* when full, an answer of which nothing is taken makes room */
#define STALLED_MS 400      /* at the limit of pages, one that nobody takes makes room */
#define WAIT_MS 600         /* for a place among the pages */
#define LOOK_MS 50          /* between two looks for a page that nobody takes, while others wait */
#define MOST_WAITING 256    /* clients: more would not get a page in time, and they are walked */
#define FLOWING_MS 1000     /* where the last two do not count: some was taken after a wait */
#define UNSENT_BYTES 131072 /* of an answer in the kernel, beside what its reader has room for */
#define NEVER INT64_MAX
#define DROPPED HTTP_WANT_CLOSE

struct client {
	struct client *next; /* in its queue, or among the dropped */
	struct client *prev;
	enum http_want want; /* its queue, or DROPPED */
	uint32_t events;     /* that epoll watches */
	unsigned slot;
	int64_t since;   /* when the wait began */
	uint64_t origin; /* the host */
	uint64_t turn;   /* at a place among the pages; 0: waits behind another of its origin */
	struct http_conn conn; /* whose buffer stands behind this struct */
};

/* The loop whose handlers this thread runs, if it is inside one. */
static THREAD_LOCAL struct http_loop *running;

/* ---- queues ---- */

/* The first of an origin from c on in its queue. */
static struct client *
find_origin(struct client *c, uint64_t origin)
{
	while (c != NULL && c->origin != origin)
		c = c->next;
	return c;
}

static void
enqueue(struct http_loop *l, struct client *c, enum http_want want)
{
	struct http_queue *q = &l->queues[want];

	if (want == HTTP_WANT_PLACE) {
		c->turn = find_origin(q->first, c->origin) == NULL ? ++l->turns : 0;
		l->site.waiting++;
	}
	c->want = want;
	c->since = l->now;
	c->next = NULL;
	c->prev = q->last;
	if (q->last != NULL)
		q->last->next = c;
	else
		q->first = c;
	q->last = c;
}

static void
dequeue(struct http_loop *l, struct client *c)
{
	struct http_queue *q = &l->queues[c->want];

	if (c->want == HTTP_WANT_PLACE) {
		struct client *heir = c->turn != 0 ? find_origin(c->next, c->origin) : NULL;

		if (heir != NULL)
			heir->turn = ++l->turns;
		l->site.waiting--;
	}
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		q->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		q->last = c->prev;
}

/* ---- listening ---- */

/* Tells epoll what to watch on fd, and for whom. */
static int
watch(const struct http_loop *l, int operation, int fd, uint32_t events, const void *who)
{
	struct epoll_event event = {.events = events, .data.ptr = (void *)who};

	return epoll_ctl(l->epoll, operation, fd, &event);
}

static void
pause_accepting(struct http_loop *l)
{
	if (l->accept_at == NEVER)
		watch(l, EPOLL_CTL_DEL, l->listener.fd, 0,
		      NULL); /* MOD to 0 would still tell of EPOLLHUP */
	l->accept_at = l->now + ACCEPT_PAUSE_MS;
}

static void
resume_accepting(struct http_loop *l)
{
	bool watched;

	if (l->accept_at == NEVER || l->listener.fd < 0)
		return;
	watched = watch(l, EPOLL_CTL_ADD, l->listener.fd, EPOLLIN, &l->listener) == 0;
	l->accept_at = watched ? NEVER : l->now + ACCEPT_PAUSE_MS; /* ENOMEM, ENOSPC */
}

static void
stop_listening(struct http_loop *l)
{
	if (l->listener.fd < 0)
		return;
	watch(l, EPOLL_CTL_DEL, l->listener.fd, 0, NULL);
	cpromi_listener_close(&l->listener);
	l->accept_at = NEVER;
}

/* ---- clients ---- */

static void
drop(struct http_loop *l, struct client *c, bool reset)
{
	watch(l, EPOLL_CTL_DEL, c->conn.fd, 0, NULL);
	dequeue(l, c);
	store_seq_cst(&l->slots[c->slot], 0);
	l->slot_hint = c->slot;
	l->clients--;
	cpromi_http_conn_end(&c->conn, reset);
	c->want = DROPPED;
	c->next = l->dropped;
	l->dropped = c;
	resume_accepting(l);
}

static void
free_dropped(struct http_loop *l)
{
	while (l->dropped != NULL) {
		struct client *c = l->dropped;

		l->dropped = c->next;
		free(c);
	}
}

/* It makes room. An answer that is cut off must not look whole; who got none is told to come again. */
static void
dismiss(struct http_loop *l, struct client *c)
{
	if (c->want == HTTP_WANT_PLACE)
		cpromi_http_conn_expire(&c->conn);
	drop(l, c, c->want == HTTP_WANT_OUTPUT);
}

/* The last to come of those who wait for a place behind another of their origin; NULL if nobody does. */
static struct client *
find_follower(const struct http_loop *l)
{
	struct client *c = l->queues[HTTP_WANT_PLACE].last;

	while (c != NULL && c->turn != 0)
		c = c->prev;
	return c;
}

/* Lets one more client wait for a place, if need be instead of another: who would get none anyway. */
static void
make_waiting_room(struct http_loop *l)
{
	struct client *c;

	if (l->site.waiting < MOST_WAITING)
		return;
	c = find_follower(l);
	dismiss(l, c != NULL ? c : l->queues[HTTP_WANT_PLACE].first);
}

/* Who waits for a place is told of EPOLLHUP and EPOLLERR alone. */
static uint32_t
events_of(enum http_want want)
{
	return want == HTTP_WANT_OUTPUT ? EPOLLOUT : want == HTTP_WANT_PLACE ? 0 : EPOLLIN;
}

/* Acts on what a connection wants after it ran. */
static void
settle(struct http_loop *l, struct client *c, enum http_want want)
{
	uint32_t events = events_of(want);

	if (want >= HTTP_WANT_CLOSE || (l->site.closing && want != HTTP_WANT_OUTPUT)) {
		drop(l, c, want == HTTP_WANT_RESET);
		return;
	}
	if (want == HTTP_WANT_PLACE)
		make_waiting_room(l);
	if (c->want != want || c->conn.progress) {
		dequeue(l, c);
		enqueue(l, c, want);
	}
	if (c->events != events) {
		c->events = events;
		watch(l, EPOLL_CTL_MOD, c->conn.fd, events, c);
	}
}

/* ---- making room ---- */

/* Is it the client that is slow, and not the server, for whom an event is there already? */
static bool
is_slow(const struct client *c)
{
	struct pollfd p = {.fd = c->conn.fd,
			   .events = c->want == HTTP_WANT_OUTPUT ? POLLOUT : POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* The slow client that waits longest for this, as long as given at least; NULL if there is none. */
static struct client *
find_slow(const struct http_loop *l, enum http_want want, int64_t ms, bool page)
{
	struct client *c = l->queues[want].first;

	for (; c != NULL && l->now - c->since >= ms; c = c->next) {
		if (page && c->conn.answer.counted == NULL)
			continue;
		if (c->conn.flows && l->now - c->since < FLOWING_MS)
			continue;
		if (is_slow(c))
			return c;
	}
	return NULL;
}

/*
 * Who has to go for one more client: the slowest of the first kind that there is; NULL if nobody. A scraper
 * that is idle between two pages goes before newcomers, who may be scrapers as well, but behind those who
 * look like an attack that holds every place. The last two times decide how fast newcomers get through
 * such a crowd; so they are short.
 */
static struct client *
find_for_client(const struct http_loop *l)
{
	static const struct {
		enum http_want want;
		int64_t ms;
	} kinds[] = {
		{HTTP_WANT_LINGER, STUCK_MS}, {HTTP_WANT_INPUT, SLOW_MS},
		{HTTP_WANT_REQUEST, 0},       {HTTP_WANT_PLACE, 0},
		{HTTP_WANT_INPUT, NEW_MS},    {HTTP_WANT_OUTPUT, STUCK_MS},
	};
	struct client *c = NULL;

	for (size_t i = 0; c == NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		c = kinds[i].want == HTTP_WANT_PLACE
			    ? find_follower(l)
			    : find_slow(l, kinds[i].want, kinds[i].ms, false);
	return c;
}

/* ---- pages ---- */

/* Who gets the next place: see 4. */
static struct client *
find_next(const struct http_loop *l)
{
	struct client *next = NULL;

	for (struct client *c = l->queues[HTTP_WANT_PLACE].first; c != NULL; c = c->next)
		if (c->turn != 0 && (next == NULL || c->turn < next->turn))
			next = c;
	return next;
}

/* The next client of an origin, from c on in its queue, to whom a page is under way. */
static struct client *
find_page(struct client *c, uint64_t origin)
{
	while ((c = find_origin(c, origin)) != NULL && c->conn.answer.counted == NULL)
		c = c->next;
	return c;
}

/* A slow client whose host has other pages under way, if who is next has waited for long, and its host has none. */
static struct client *
find_surplus(const struct http_loop *l, const struct client *next)
{
	struct client *c = l->queues[HTTP_WANT_OUTPUT].first;

	if (l->now - next->since < STALLED_MS || find_page(c, next->origin) != NULL)
		return NULL;
	while (c != NULL && (c->conn.answer.counted == NULL ||
			     find_page(c->next, c->origin) == NULL || !is_slow(c)))
		c = c->next;
	return c;
}

/* Is there a place for who is next? If not, a page may be cut off for it. */
static bool
has_place(struct http_loop *l, const struct client *next)
{
	struct client *c;

	if (l->site.scrapes < l->site.max_scrapes)
		return true;
	c = find_slow(l, HTTP_WANT_OUTPUT, STALLED_MS, true);
	if (c == NULL)
		c = find_surplus(l, next);
	if (c != NULL)
		dismiss(l, c);
	return c != NULL;
}

/* The pages begin in the next turn, for then the sockets can be written to. */
static void
give_places(struct http_loop *l)
{
	struct client *c;

	while ((c = find_next(l)) != NULL && has_place(l, c)) {
		cpromi_http_site_admit(&l->site, &c->conn.answer);
		settle(l, c, HTTP_WANT_OUTPUT);
	}
}

/* ---- accepting ---- */

static unsigned
find_slot(const struct http_loop *l)
{
	unsigned slot = l->slot_hint;

	while (load_relaxed(&l->slots[slot]) != 0)
		slot = (slot + 1) % l->max_clients;
	return slot;
}

static void
add_client(struct http_loop *l, int fd, uint64_t origin)
{
	int on = 1;
	int unsent = UNSENT_BYTES;
	struct client *c = malloc(sizeof(*c) + cpromi_http_conn_room(&l->site));

	if (c == NULL || watch(l, EPOLL_CTL_ADD, fd, EPOLLIN, c) < 0) {
		free(c);
		close(fd);
		return;
	}
	/* Both fail on a Unix socket, as they may. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	cpromi_http_conn_begin(&c->conn, &l->site, fd, (char *)(c + 1));
	c->events = EPOLLIN;
	c->origin = origin;
	c->slot = find_slot(l);
	enqueue(l, c, HTTP_WANT_INPUT);
	l->clients++;
	store_seq_cst(&l->slots[c->slot], (uintptr_t)c);
}

/* Errors of one client that has gone, or of the network under it; the next may be fine (accept(2)). */
static bool
is_passing(int err)
{
	return err == EINTR || err == ECONNABORTED || err == EPROTO || err == ENETDOWN ||
	       err == ENOPROTOOPT || err == EHOSTDOWN || err == ENONET || err == EHOSTUNREACH ||
	       err == EOPNOTSUPP || err == ENETUNREACH || err == ETIMEDOUT;
}

/* There is no socket to accept; false: for now. */
static bool
try_again(struct http_loop *l, int err)
{
	struct client *c;

	if (is_passing(err))
		return true;
	if (err == EINVAL || err == EBADF) {
		stop_listening(l); /* an inherited socket that somebody has shut down */
		return false;
	}
	if (err == EAGAIN || err == EWOULDBLOCK)
		return false;
	c = err == EMFILE ? find_for_client(l) : NULL;
	if (c != NULL)
		dismiss(l, c);
	else
		pause_accepting(l); /* no descriptor, here or in the system, or no memory */
	return c != NULL;
}

/* Nobody is dropped before it is known that there is somebody to come in. */
static void
accept_clients(struct http_loop *l)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct client *leaves = NULL;
		struct endpoint from = {.n = sizeof(from.at)};
		int fd;

		if (l->clients >= l->max_clients) {
			leaves = find_for_client(l);
			if (leaves == NULL) {
				pause_accepting(l);
				return;
			}
		}
		fd = accept4(l->listener.fd, &from.at.any, &from.n, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (try_again(l, errno))
				continue;
			return;
		}
		if (leaves != NULL)
			dismiss(l, leaves);
		add_client(l, fd, cpromi_endpoint_origin(&from));
	}
}

/* ---- deadlines ---- */

static int64_t
deadline(const struct http_queue *q)
{
	return q->first != NULL ? q->first->since + q->timeout : NEVER;
}

static void
expire(struct http_loop *l)
{
	for (int i = 0; i < CPROMI_HTTP_QUEUES; i++)
		while (deadline(&l->queues[i]) <= l->now) {
			struct client *c = l->queues[i].first;

			settle(l, c, cpromi_http_conn_expire(&c->conn));
		}
	if (l->accept_at <= l->now)
		resume_accepting(l);
}

static void
arm_timer(struct http_loop *l)
{
	struct itimerspec at = {{0, 0}, {0, 0}};
	int64_t first = l->accept_at;

	if (l->site.waiting > 0 && l->now + LOOK_MS < first)
		first = l->now + LOOK_MS;
	for (int i = 0; i < CPROMI_HTTP_QUEUES; i++)
		if (deadline(&l->queues[i]) < first)
			first = deadline(&l->queues[i]);
	if (first >= l->armed)
		return;
	l->armed = first;
	at.it_value.tv_sec = (time_t)(first / 1000);
	at.it_value.tv_nsec = (long)(first % 1000) * 1000000;
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* ---- turns ---- */

/* Empties a timer or event descriptor; there may be nothing in it. */
static void
clear_count(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

/* Handles one event; true: there are clients to accept, which is done last (see 2). */
static bool
handle_event(struct http_loop *l, const struct epoll_event *event)
{
	struct client *c = event->data.ptr;

	if (event->data.ptr == &l->listener)
		return true;
	if (event->data.ptr == &l->timer) {
		clear_count(l->timer);
		l->armed = NEVER;
	} else if (event->data.ptr == &l->wake) {
		clear_count(l->wake);
	} else if (c->want != DROPPED) {
		settle(l, c, cpromi_http_conn_run(&c->conn));
	}
	return false;
}

int
cpromi_http_loop_turn(struct http_loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	struct http_loop *outer = running;
	bool incoming = false;
	int n = epoll_wait(l->epoll, events, EVENTS, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : cpromi_fail(errno, "the server cannot wait for events");
	running = l;
	l->now = cpromi_monotonic_ms();
	for (int i = 0; i < n; i++)
		incoming |= handle_event(l, &events[i]);
	give_places(l); /* before anybody has waited too long for them */
	expire(l);
	if (incoming && l->listener.fd >= 0 && l->accept_at == NEVER)
		accept_clients(l);
	free_dropped(l);
	arm_timer(l);
	running = outer;
	return 0;
}

void
cpromi_http_loop_wake(const struct http_loop *l)
{
	uint64_t one = 1;
	ssize_t n = write(l->wake, &one, sizeof(one));

	(void)n; /* EAGAIN alone is possible, and then it is awake anyway */
}

bool
cpromi_http_loop_is_running(const struct http_loop *l)
{
	return running == l;
}

/* ---- making and freeing ---- */

/*
 * Makes the descriptors; the first call that the system refuses, with errno, or NULL. Those
 * that are made in a turn only are tried here, for then nobody could be told.
 */
static const char *
open_descriptors(struct http_loop *l, bool wakes)
{
	static const struct itimerspec never;
	struct epoll_event event;

	if ((l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return "epoll_create1";
	if (epoll_wait(l->epoll, &event, 1, 0) < 0)
		return "epoll_wait";
	if ((l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) < 0)
		return "timerfd_create";
	if (timerfd_settime(l->timer, 0, &never, NULL) < 0)
		return "timerfd_settime";
	if (wakes && (l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return "eventfd";
	return accept4(-1, NULL, NULL, SOCK_CLOEXEC) < 0 && errno != EBADF ? "accept4" : NULL;
}

int
cpromi_http_loop_open(struct http_loop *l, unsigned max_clients, bool wakes)
{
	const char *refused;

	l->listener.fd = l->epoll = l->timer = l->wake = -1;
	l->armed = l->accept_at = NEVER;
	l->queues[HTTP_WANT_PLACE].timeout = WAIT_MS;
	l->queues[HTTP_WANT_LINGER].timeout = LINGER_MS;
	l->max_clients = max_clients;
	l->slots = calloc(max_clients, sizeof(*l->slots));
	refused = open_descriptors(l, wakes);
	if (refused != NULL)
		return cpromi_fail(errno, "the system refuses a server %s(2): %s", refused,
				   strerror(errno));
	return l->slots != NULL ? 0 : cpromi_fail(ENOMEM, "no memory for a server");
}

int
cpromi_http_loop_listen(struct http_loop *l)
{
	if (watch(l, EPOLL_CTL_ADD, l->listener.fd, EPOLLIN, &l->listener) == 0 &&
	    watch(l, EPOLL_CTL_ADD, l->timer, EPOLLIN, &l->timer) == 0 &&
	    (l->wake < 0 || watch(l, EPOLL_CTL_ADD, l->wake, EPOLLIN, &l->wake) == 0))
		return 0;
	return cpromi_fail(errno, "the server cannot watch its descriptors: %s", strerror(errno));
}

void
cpromi_http_loop_drain(struct http_loop *l, int64_t ms)
{
	int64_t end;

	l->now = cpromi_monotonic_ms();
	l->site.closing = true;
	end = l->now + ms;
	stop_listening(l);
	for (int i = 0; i < CPROMI_HTTP_QUEUES; i++)
		while (i != HTTP_WANT_OUTPUT && l->queues[i].first != NULL)
			dismiss(l, l->queues[i].first);
	for (;;) {
		int64_t left = end - cpromi_monotonic_ms();

		if (l->clients == 0 || left <= 0 ||
		    cpromi_http_loop_turn(l, left < INT_MAX ? (int)left : INT_MAX) < 0)
			return;
	}
}

void
cpromi_http_loop_close(struct http_loop *l)
{
	for (int i = 0; i < CPROMI_HTTP_QUEUES; i++)
		while (l->queues[i].first != NULL)
			drop(l, l->queues[i].first, true);
	free_dropped(l);
	stop_listening(l);
}

void
cpromi_http_loop_abandon(struct http_loop *l, bool threaded)
{
	for (unsigned i = 0; i < l->max_clients; i++) {
		struct client *c = (struct client *)load_seq_cst(&l->slots[i]);

		if (c == NULL)
			continue;
		cpromi_http_conn_abandon(&c->conn, !threaded);
		free(c);
	}
	cpromi_listener_abandon(&l->listener);
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
cpromi_http_loop_free(struct http_loop *l)
{
	close_fd(l->epoll);
	close_fd(l->timer);
	close_fd(l->wake);
	free(l->slots);
	cpromi_http_spare_free(&l->site.spare);
}
