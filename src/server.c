/* SPDX-License-Identifier: MIT */
/*
 * server: makes a server from its options and runs it, with a thread of its own or without.
 *
 * One thread runs a server: its own, or the one that calls step. Nothing but the
 * stop flag, the wake descriptor and what a forked child may look at (http_loop.c) is
 * shared.
 */
#define _GNU_SOURCE 1 /* pthread_setname_np */
#include "atomic.h"
#include "error.h"
#include "http_loop.h"
#include "platform.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK (256 << 10) /* handlers and collectors run on it */
#define MAX_CONNECTIONS (1u << 20)
#define MAX_PATH_BYTES 1024
#define LEAST_HEAD_BYTES 1024 /* a request of Prometheus takes about half of that */
#define MAX_HEAD_BYTES 65536

struct cprom_server {
	struct http_loop loop;
	int port;
	pid_t pid;
	bool threaded;
	pthread_t thread;
	atomic_u32 stop; /* written by cprom_server_stop(), read by the thread */
	int64_t stop_timeout;
};

static void *
serve(void *arg)
{
	struct cprom_server *s = arg;

	pthread_setname_np(pthread_self(), "cprom");
	while (load_acquire(&s->stop) == 0) /* pairs with cprom_server_stop() */
		if (cpromi_http_loop_turn(&s->loop, -1) < 0)
			break;
	cpromi_http_loop_drain(&s->loop, s->stop_timeout);
	return NULL;
}

/* ---- making and freeing ---- */

static void
free_server(struct cprom_server *s)
{
	cpromi_http_loop_free(&s->loop);
	free(s->loop.site.path);
	cpromi_access_forget(&s->loop.site.access);
	free(s);
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
	if (o->max_head_bytes != 0 &&
	    (o->max_head_bytes < LEAST_HEAD_BYTES || o->max_head_bytes > MAX_HEAD_BYTES))
		return cpromi_fail(EINVAL, "max_head_bytes %u is not between %d and %d",
				   o->max_head_bytes, LEAST_HEAD_BYTES, MAX_HEAD_BYTES);
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
	struct http_site *site = &s->loop.site;
	struct http_queue *queues = s->loop.queues;

	site->registry = o->registry != NULL ? o->registry : cprom_default_registry();
	site->path = strdup(o->path);
	site->handler = o->handler;
	site->handler_arg = o->handler_arg;
	site->no_gzip = o->no_gzip != 0;
	site->max_head = or_default(o->max_head_bytes, CPROMI_HTTP_HEAD_MAX);
	site->max_scrapes = or_default(o->max_scrapes, 16);
	queues[HTTP_WANT_REQUEST].timeout = or_default(o->idle_timeout_ms, 300000);
	queues[HTTP_WANT_INPUT].timeout = or_default(o->head_timeout_ms, 10000);
	queues[HTTP_WANT_OUTPUT].timeout = or_default(o->write_timeout_ms, 30000);
	s->stop_timeout = or_default(o->stop_timeout_ms, 5000);
}

/* All but the listener. */
static int
set_up(struct cprom_server *s, const cprom_server_options *o, bool threaded)
{
	s->pid = getpid();
	set_options(s, o);
	if (cpromi_http_loop_open(&s->loop, or_default(o->max_connections, 256), threaded) < 0 ||
	    cpromi_access_set(&s->loop.site.access, o) < 0)
		return -1;
	if (s->loop.site.path == NULL)
		return cpromi_fail(ENOMEM, "no memory for a server");
	return s->loop.site.registry != NULL ? 0 : -1;
}

/* What depends on where it listens. */
static int
look_at_listener(struct cprom_server *s, const cprom_server_options *o)
{
	s->port = cpromi_listener_port(&s->loop.listener);
	s->loop.site.access.local = s->port == 0;
	if (s->port != 0 && o->check_peer != 0)
		return cpromi_fail(EINVAL, "check_peer needs a Unix socket, not address \"%s\"",
				   o->address);
	return 0;
}

/* A server that did not start owns nothing: an inherited socket stays open. */
static void
give_back_listener(struct cprom_server *s)
{
	if (s->loop.listener.inherited)
		s->loop.listener.fd = -1;
	cpromi_listener_close(&s->loop.listener);
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
				 &s->loop.listener) == 0 &&
	    look_at_listener(s, &o) == 0 && cpromi_http_loop_listen(&s->loop) == 0)
		return s;
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
	return s != NULL ? s->loop.epoll : cpromi_fail(EINVAL, "a server is needed");
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
	if (cpromi_http_loop_is_running(&s->loop))
		return cpromi_fail(EDEADLK, "a handler cannot run the server that runs it");
	return cpromi_http_loop_turn(&s->loop, timeout_ms);
}

void
cprom_server_stop(cprom_server *s)
{
	if (s == NULL)
		return;
	if (s->pid != getpid()) {
		cpromi_http_loop_abandon(&s->loop, s->threaded);
		free_server(s);
		return;
	}
	if (cpromi_http_loop_is_running(&s->loop)) {
		cpromi_fail(EDEADLK, "a handler cannot stop the server that runs it");
		return;
	}
	if (s->threaded) {
		store_release(&s->stop, 1); /* pairs with serve() */
		cpromi_http_loop_wake(&s->loop);
		pthread_join(s->thread, NULL);
	} else {
		cpromi_http_loop_drain(&s->loop, s->stop_timeout);
	}
	cpromi_http_loop_close(&s->loop);
	free_server(s);
}
