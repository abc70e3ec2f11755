/* SPDX-License-Identifier: MIT */
/*
 * server: accepts clients, runs their connections, keeps their deadlines; with a thread of its own or without.
 *
 *  1. One thread runs a server: its own, or the one that calls step. Nothing but
 *     the stop flag, the wake descriptor and the slots is shared.
 *  2. Every client stands in the queue of what it waits for, and all in a queue
 *     wait equally long, so the first of a queue is the one whose deadline comes
 *     first. A deadline costs no system call: the timer is only ever set to an
 *     earlier time, and when it fires too early it is set again.
 *  3. A client that is dropped is freed at the end of the turn, because events
 *     of the same turn may still point to it. It is taken out of epoll by name:
 *     closing is not enough where a forked child holds a copy of the socket.
 *  4. In a child of fork(), only the slots are trusted: they change by single
 *     stores, while the queues may have been copied in the middle of a change. So
 *     a child gives back the clients, and leaves alone what a thread that it does
 *     not have was answering them with.
 */
#define _GNU_SOURCE 1 /* accept4, pthread_setname_np */
#include "address.h"
#include "atomic.h"
#include "clock.h"
#include "error.h"
#include "http_conn.h"
#include "platform.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS 64           /* taken from epoll in one turn */
#define ACCEPTS 16          /* clients accepted in one turn */
#define ACCEPT_PAUSE_MS 100 /* when there is no descriptor or no place for another */
#define LINGER_MS 2000      /* for a refused client to read why */
#define HEAD_GRACE_MS 500   /* when full, a head that takes longer makes room */
#define STALL_GRACE_MS 1000 /* when full, a page nobody reads makes room */
#define STACK (256 << 10)   /* handlers and collectors run on it */
#define MAX_CONNECTIONS (1u << 20)
#define MAX_PATH_BYTES 1024
#define NEVER INT64_MAX

enum wait { WAIT_REQUEST, WAIT_INPUT, WAIT_OUTPUT, WAIT_LINGER, WAITS, DROPPED };

struct client {
	struct client *next; /* in its queue, or among the dropped */
	struct client *prev;
	enum wait wait;
	uint32_t events; /* that epoll watches */
	unsigned slot;
	int64_t since; /* when the wait began */
	struct http_conn conn;
};

struct queue {
	struct client *first; /* waits longest */
	struct client *last;
	int64_t timeout;
};

struct cprom_server {
	struct http_site site; /* first: make_room() finds the server by it */
	struct listener listener;
	int port;
	int epoll;
	int timer;
	int wake; /* eventfd; -1: no thread */
	pid_t pid;
	bool threaded;
	pthread_t thread;
	atomic_u32 stop;   /* written by cprom_server_stop(), read by the thread */
	int64_t now;       /* of this turn */
	int64_t armed;     /* when the timer fires */
	int64_t accept_at; /* when accepting goes on; NEVER: it is not paused */
	int64_t stop_timeout;
	unsigned max_clients;
	unsigned clients;
	unsigned slot_hint;
	atomic_ptr *slots; /* the clients; written by the thread, read by a forked child */
	struct queue queues[WAITS];
	struct client *dropped;
};

/* The server whose handlers this thread runs, if it is inside one. */
static THREAD_LOCAL struct cprom_server *running;

/* ---- queues ---- */

static void
enqueue(struct cprom_server *s, struct client *c, enum wait wait)
{
	struct queue *q = &s->queues[wait];

	c->wait = wait;
	c->since = s->now;
	c->next = NULL;
	c->prev = q->last;
	if (q->last != NULL)
		q->last->next = c;
	else
		q->first = c;
	q->last = c;
}

static void
dequeue(struct cprom_server *s, struct client *c)
{
	struct queue *q = &s->queues[c->wait];

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
watch(const struct cprom_server *s, int operation, int fd, uint32_t events, const void *who)
{
	struct epoll_event event = {.events = events, .data.ptr = (void *)who};

	return epoll_ctl(s->epoll, operation, fd, &event);
}

static void
pause_accepting(struct cprom_server *s)
{
	if (s->accept_at == NEVER)
		watch(s, EPOLL_CTL_DEL, s->listener.fd, 0,
		      NULL); /* MOD to 0 would still tell of EPOLLHUP */
	s->accept_at = s->now + ACCEPT_PAUSE_MS;
}

static void
resume_accepting(struct cprom_server *s)
{
	if (s->accept_at == NEVER || s->listener.fd < 0)
		return;
	s->accept_at = NEVER;
	watch(s, EPOLL_CTL_ADD, s->listener.fd, EPOLLIN, &s->listener);
}

static void
stop_listening(struct cprom_server *s)
{
	if (s->listener.fd < 0)
		return;
	watch(s, EPOLL_CTL_DEL, s->listener.fd, 0, NULL);
	cpromi_listener_close(&s->listener);
	s->accept_at = NEVER;
}

/* ---- clients ---- */

static void
drop(struct cprom_server *s, struct client *c, bool reset)
{
	watch(s, EPOLL_CTL_DEL, c->conn.fd, 0, NULL);
	dequeue(s, c);
	store_seq_cst(&s->slots[c->slot], 0);
	s->slot_hint = c->slot;
	s->clients--;
	cpromi_http_conn_end(&c->conn, reset);
	c->wait = DROPPED;
	c->next = s->dropped;
	s->dropped = c;
	resume_accepting(s);
}

static void
free_dropped(struct cprom_server *s)
{
	while (s->dropped != NULL) {
		struct client *c = s->dropped;

		s->dropped = c->next;
		free(c);
	}
}

/* Acts on what a connection wants after it ran. */
static void
settle(struct cprom_server *s, struct client *c, enum http_want want)
{
	static const enum wait waits[] = {
		[HTTP_WANT_REQUEST] = WAIT_REQUEST,
		[HTTP_WANT_INPUT] = WAIT_INPUT,
		[HTTP_WANT_OUTPUT] = WAIT_OUTPUT,
		[HTTP_WANT_LINGER] = WAIT_LINGER,
	};
	uint32_t events = want == HTTP_WANT_OUTPUT ? EPOLLOUT : EPOLLIN;

	if (want >= HTTP_WANT_CLOSE || (s->site.closing && want != HTTP_WANT_OUTPUT)) {
		drop(s, c, want == HTTP_WANT_RESET);
		return;
	}
	if (c->wait != waits[want] || c->conn.progress) {
		dequeue(s, c);
		enqueue(s, c, waits[want]);
	}
	if (c->events != events) {
		c->events = events;
		watch(s, EPOLL_CTL_MOD, c->conn.fd, events, c);
	}
}

/*
 * Makes room for one more client: drops the one that has been idle longest; else
 * one that was refused and lingers; else one that sends its head slowly, as an
 * attack does that holds every place.
 */
static bool
drop_longest_idle(struct cprom_server *s)
{
	struct client *c = s->queues[WAIT_REQUEST].first;

	if (c == NULL)
		c = s->queues[WAIT_LINGER].first;
	if (c == NULL) {
		c = s->queues[WAIT_INPUT].first;
		if (c != NULL && s->now - c->since < HEAD_GRACE_MS)
			c = NULL;
	}
	if (c != NULL)
		drop(s, c, false);
	return c != NULL;
}

/* Makes room for one more page: drops one whose reader has taken nothing for a while. */
static bool
drop_stalled_page(struct http_site *site)
{
	struct cprom_server *s = (struct cprom_server *)site;
	struct client *c = s->queues[WAIT_OUTPUT].first;

	while (c != NULL && c->conn.answer.counted == NULL)
		c = c->next;
	if (c == NULL || s->now - c->since < STALL_GRACE_MS)
		return false;
	drop(s, c, true);
	return true;
}

/* ---- accepting ---- */

static unsigned
find_slot(const struct cprom_server *s)
{
	unsigned slot = s->slot_hint;

	while (load_relaxed(&s->slots[slot]) != 0)
		slot = (slot + 1) % s->max_clients;
	return slot;
}

static void
add_client(struct cprom_server *s, int fd)
{
	int on = 1;
	struct client *c = malloc(sizeof(*c));

	if (c == NULL || watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, c) < 0) {
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
		   sizeof(on)); /* fails on a Unix socket, as it may */
	cpromi_http_conn_begin(&c->conn, &s->site, fd);
	c->events = EPOLLIN;
	c->slot = find_slot(s);
	enqueue(s, c, WAIT_INPUT);
	s->clients++;
	store_seq_cst(&s->slots[c->slot], (uintptr_t)c);
}

/* Errors of one client that has gone, or of the network under it; the next may be fine (accept(2)). */
static bool
is_passing(int err)
{
	return err == EINTR || err == ECONNABORTED || err == EPROTO || err == ENETDOWN ||
	       err == ENOPROTOOPT || err == EHOSTDOWN || err == ENONET || err == EHOSTUNREACH ||
	       err == EOPNOTSUPP || err == ENETUNREACH || err == EPERM || err == ETIMEDOUT;
}

static void
accept_clients(struct cprom_server *s)
{
	if (s->clients >= s->max_clients && !drop_longest_idle(s)) {
		pause_accepting(s);
		return;
	}
	for (int i = 0; i < ACCEPTS && s->clients < s->max_clients; i++) {
		int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			add_client(s, fd);
			continue;
		}
		if (is_passing(errno))
			continue;
		if (errno == EINVAL || errno == EBADF)
			stop_listening(s); /* an inherited socket that somebody has shut down */
		else if (errno != EAGAIN && errno != EWOULDBLOCK)
			pause_accepting(s); /* EMFILE and its kin */
		return;
	}
}

/* ---- deadlines ---- */

static int64_t
deadline(const struct queue *q)
{
	return q->first != NULL ? q->first->since + q->timeout : NEVER;
}

static void
expire(struct cprom_server *s)
{
	for (int i = 0; i < WAITS; i++)
		while (deadline(&s->queues[i]) <= s->now) {
			struct client *c = s->queues[i].first;

			settle(s, c, cpromi_http_conn_expire(&c->conn));
		}
	if (s->accept_at <= s->now)
		resume_accepting(s);
}

static void
arm_timer(struct cprom_server *s)
{
	struct itimerspec at = {{0, 0}, {0, 0}};
	int64_t first = s->accept_at;

	for (int i = 0; i < WAITS; i++)
		if (deadline(&s->queues[i]) < first)
			first = deadline(&s->queues[i]);
	if (first >= s->armed)
		return;
	s->armed = first;
	at.it_value.tv_sec = (time_t)(first / 1000);
	at.it_value.tv_nsec = (long)(first % 1000) * 1000000;
	timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &at, NULL);
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

/* Handles one event; true: there are clients to accept, which is done last (see 3). */
static bool
handle_event(struct cprom_server *s, const struct epoll_event *event)
{
	struct client *c = event->data.ptr;

	if (event->data.ptr == &s->listener)
		return true;
	if (event->data.ptr == &s->timer) {
		clear_count(s->timer);
		s->armed = NEVER;
	} else if (event->data.ptr == &s->wake) {
		clear_count(s->wake);
	} else if (c->wait != DROPPED) {
		settle(s, c, cpromi_http_conn_run(&c->conn));
	}
	return false;
}

/* Waits for events, at most so long, and handles them. */
static int
turn(struct cprom_server *s, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	struct cprom_server *outer = running;
	bool incoming = false;
	int n = epoll_wait(s->epoll, events, EVENTS, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : cpromi_fail(errno, "the server cannot wait for events");
	running = s;
	s->now = cpromi_monotonic_ms();
	for (int i = 0; i < n; i++)
		incoming |= handle_event(s, &events[i]);
	expire(s);
	if (incoming && s->listener.fd >= 0 && s->accept_at == NEVER)
		accept_clients(s);
	free_dropped(s);
	arm_timer(s);
	running = outer;
	return 0;
}

/* Ends all that waits for a client; gives answers under way their time. */
static void
drain(struct cprom_server *s)
{
	int64_t end;

	s->now = cpromi_monotonic_ms();
	s->site.closing = true;
	end = s->now + s->stop_timeout;
	stop_listening(s);
	for (int i = 0; i < WAITS; i++)
		while (i != WAIT_OUTPUT && s->queues[i].first != NULL)
			drop(s, s->queues[i].first, false);
	for (;;) {
		int64_t left = end - cpromi_monotonic_ms();

		if (s->clients == 0 || left <= 0 ||
		    turn(s, left < INT_MAX ? (int)left : INT_MAX) < 0)
			return;
	}
}

static void *
serve(void *arg)
{
	struct cprom_server *s = arg;

	pthread_setname_np(pthread_self(), "cprom");
	while (load_acquire(&s->stop) == 0) /* pairs with cprom_server_stop() */
		if (turn(s, -1) < 0)
			break;
	drain(s);
	return NULL;
}

/* ---- making and freeing ---- */

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
free_server(struct cprom_server *s)
{
	close_fd(s->epoll);
	close_fd(s->timer);
	close_fd(s->wake);
	free(s->slots);
	free(s->site.path);
	free(s);
}

/* What is still under way is incomplete, so its connection is reset. */
static void
destroy(struct cprom_server *s)
{
	for (int i = 0; i < WAITS; i++)
		while (s->queues[i].first != NULL)
			drop(s, s->queues[i].first, true);
	free_dropped(s);
	stop_listening(s);
	free_server(s);
}

static void
abandon(struct cprom_server *s)
{
	for (unsigned i = 0; i < s->max_clients; i++) {
		struct client *c = (struct client *)load_seq_cst(&s->slots[i]);

		if (c == NULL)
			continue;
		cpromi_http_conn_abandon(&c->conn, !s->threaded);
		free(c);
	}
	cpromi_listener_abandon(&s->listener);
	free_server(s);
}

/* A path that needs no escaping, neither in a URL nor in HTML. */
static bool
is_plain_path(const char *path)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"/-._~!$()*+,;=:@";

	return *path == '/' && path[strspn(path, allowed)] == '\0' &&
	       strlen(path) <= MAX_PATH_BYTES;
}

/* Options of a program that was built with another version may have another size. */
static int
take_options(cprom_server_options *o, const cprom_server_options *given)
{
	*o = (cprom_server_options){.size = 0};
	if (given == NULL || given->size == 0 || given->size > 4096)
		return cpromi_fail(EINVAL, "server options have no size, or one above 4096");
	memcpy(o, given, given->size < sizeof(*o) ? given->size : sizeof(*o));
	if (o->path == NULL)
		o->path = "/metrics";
	if (!is_plain_path(o->path))
		return cpromi_fail(
			EINVAL,
			"path \"%s\" does not begin with / or has characters that need escaping",
			o->path);
	if (o->max_connections > MAX_CONNECTIONS)
		return cpromi_fail(EINVAL, "max_connections %u is above %u", o->max_connections,
				   MAX_CONNECTIONS);
	if (o->socket_mode > 0777)
		return cpromi_fail(EINVAL, "socket_mode 0%o is above 0777", o->socket_mode);
	return 0;
}

static unsigned
or_default(unsigned value, unsigned otherwise)
{
	return value != 0 ? value : otherwise;
}

static void
set_options(struct cprom_server *s, const cprom_server_options *o)
{
	s->site.registry = o->registry != NULL ? o->registry : cprom_default_registry();
	s->site.path = strdup(o->path);
	s->site.handler = o->handler;
	s->site.handler_arg = o->handler_arg;
	s->site.max_scrapes = or_default(o->max_scrapes, 16);
	s->site.make_room = drop_stalled_page;
	s->max_clients = or_default(o->max_connections, 256);
	s->slots = calloc(s->max_clients, sizeof(*s->slots));
	s->queues[WAIT_REQUEST].timeout = or_default(o->idle_timeout_ms, 300000);
	s->queues[WAIT_INPUT].timeout = or_default(o->head_timeout_ms, 10000);
	s->queues[WAIT_OUTPUT].timeout = or_default(o->write_timeout_ms, 30000);
	s->queues[WAIT_LINGER].timeout = LINGER_MS;
	s->stop_timeout = or_default(o->stop_timeout_ms, 5000);
}

/* All but the listener. */
static int
set_up(struct cprom_server *s, const cprom_server_options *o, bool threaded)
{
	s->pid = getpid();
	s->listener.fd = s->wake = -1;
	s->armed = s->accept_at = NEVER;
	set_options(s, o);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (threaded)
		s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->site.path == NULL || s->slots == NULL)
		return cpromi_fail(ENOMEM, "no memory for a server");
	if (s->epoll < 0 || s->timer < 0 || (threaded && s->wake < 0))
		return cpromi_fail(errno, "no descriptors for a server's events: %s",
				   strerror(errno));
	return s->site.registry != NULL ? 0 : -1;
}

static int
watch_all(const struct cprom_server *s)
{
	if (watch(s, EPOLL_CTL_ADD, s->listener.fd, EPOLLIN, &s->listener) == 0 &&
	    watch(s, EPOLL_CTL_ADD, s->timer, EPOLLIN, &s->timer) == 0 &&
	    (s->wake < 0 || watch(s, EPOLL_CTL_ADD, s->wake, EPOLLIN, &s->wake) == 0))
		return 0;
	return cpromi_fail(errno, "the server cannot watch its descriptors: %s", strerror(errno));
}

/* A server that did not start owns nothing: an inherited socket stays open. */
static void
give_back_listener(struct cprom_server *s)
{
	if (s->listener.inherited)
		s->listener.fd = -1;
	cpromi_listener_close(&s->listener);
}

static cprom_server *
create(const cprom_server_options *given, bool threaded)
{
	cprom_server_options o;
	struct cprom_server *s;
	int err;

	if (take_options(&o, given) < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		cpromi_fail(ENOMEM, "no memory for a server");
		return NULL;
	}
	if (set_up(s, &o, threaded) == 0 &&
	    cpromi_listener_open(o.address, (mode_t)or_default(o.socket_mode, 0660),
				 &s->listener) == 0 &&
	    watch_all(s) == 0) {
		s->port = cpromi_listener_port(&s->listener);
		return s;
	}
	err = errno;
	give_back_listener(s);
	free_server(s);
	errno = err;
	return NULL;
}

/* The thread gets no signals: they are for the program's own threads. */
static int
start_thread(struct cprom_server *s)
{
	sigset_t all;
	sigset_t before;
	pthread_attr_t attributes;
	int err;

	sigfillset(&all);
	err = pthread_attr_init(&attributes);
	if (err != 0)
		return err;
	err = pthread_attr_setstacksize(&attributes, STACK + (size_t)PTHREAD_STACK_MIN);
	if (err == 0) {
		pthread_sigmask(SIG_SETMASK, &all, &before);
		err = pthread_create(&s->thread, &attributes, serve, s);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attributes);
	return err;
}

cprom_server *
cprom_server_open_with(const cprom_server_options *o)
{
	return create(o, false);
}

cprom_server *
cprom_server_start_with(const cprom_server_options *o)
{
	struct cprom_server *s = create(o, true);
	int err;

	if (s == NULL)
		return NULL;
	s->threaded = true;
	err = start_thread(s);
	if (err == 0)
		return s;
	give_back_listener(s);
	free_server(s);
	cpromi_fail(err, "the server's thread cannot start: %s", strerror(err));
	return NULL;
}

int
cprom_server_fd(const cprom_server *s)
{
	return s != NULL ? s->epoll : cpromi_fail(EINVAL, "a server is needed");
}

int
cprom_server_port(const cprom_server *s)
{
	return s != NULL ? s->port : cpromi_fail(EINVAL, "a server is needed");
}

int
cprom_server_step(cprom_server *s, int timeout_ms)
{
	if (s == NULL)
		return cpromi_fail(EINVAL, "a server is needed");
	if (s->threaded)
		return cpromi_fail(EINVAL, "the server has a thread of its own that runs it");
	if (s->pid != getpid())
		return cpromi_fail(EINVAL, "the server belongs to process %ld, not to its child",
				   (long)s->pid);
	if (running == s)
		return cpromi_fail(EDEADLK, "a handler cannot run the server that runs it");
	return turn(s, timeout_ms);
}

void
cprom_server_stop(cprom_server *s)
{
	uint64_t one = 1;

	if (s == NULL)
		return;
	if (s->pid != getpid()) {
		abandon(s);
		return;
	}
	if (running == s) {
		cpromi_fail(EDEADLK, "a handler cannot stop the server that runs it");
		return;
	}
	if (s->threaded) {
		ssize_t n;

		store_release(&s->stop, 1); /* pairs with serve() */
		n = write(s->wake, &one, sizeof(one));
		(void)n; /* EAGAIN alone is possible, and then it is awake anyway */
		pthread_join(s->thread, NULL);
	} else {
		drain(s);
	}
	destroy(s);
}
