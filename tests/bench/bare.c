/* SPDX-License-Identifier: MIT */
/*
 * bare: the least of an HTTP server: a ready-made answer to whatever it reads.
 */
#define _GNU_SOURCE /* accept4 */
#include "bare.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
take_connection(const struct bare_server *s)
{
	struct epoll_event e = {.events = EPOLLIN};
	int one = 1;

	e.data.fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (e.data.fd < 0)
		return;
	setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, e.data.fd, &e);
}

static int
send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

static void
answer(const struct bare_server *s, int fd)
{
	char request[4096];
	ssize_t n = read(fd, request, sizeof(request));
	int failed, last;

	if (n <= 0) {
		close(fd);
		return;
	}
	last = memmem(request, (size_t)n, "lose\r\n", 6) != NULL;
	failed = last ? send_all(fd, s->last_answer, s->last_length)
		      : send_all(fd, s->answer, s->length);
	if (last || failed)
		close(fd);
}

static void *
serve(void *arg)
{
	const struct bare_server *s = arg;
	struct epoll_event events[64];

	for (;;) {
		int n = epoll_wait(s->epoll, events, 64, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == s->listener)
				take_connection(s);
			else
				answer(s, events[i].data.fd);
	}
	return NULL;
}

int
bare_start(struct bare_server *s)
{
	struct epoll_event e = {.events = EPOLLIN};
	pthread_t thread;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	e.data.fd = s->listener;
	if (s->epoll == -1 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e) == -1 ||
	    pthread_create(&thread, NULL, serve, s) != 0)
		return -1;
	pthread_detach(thread);
	return 0;
}
