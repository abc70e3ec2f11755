/* SPDX-License-Identifier: MIT */
/*
 * address: what an address text means, and the listening socket for it.
 *
 * Hosts are numeric, or "localhost". Other names are not looked up: that needs
 * the system's resolver, which a static program does not carry, and which waits.
 */
#define _GNU_SOURCE 1 /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "address.h"

#include "activation.h"
#include "error.h"
#include "platform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096 /* at most what the system allows: who finds it full waits for a second */

/* ---- text ---- */

static void
add_in(struct address *a, struct in_addr host, int port)
{
	struct endpoint *way = &a->ways[a->count++];

	way->family = AF_INET;
	way->n = sizeof(way->at.in);
	way->at.in = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host};
}

static void
add_in6(struct address *a, struct in6_addr host, int port)
{
	struct endpoint *way = &a->ways[a->count++];

	way->family = AF_INET6;
	way->n = sizeof(way->at.in6);
	way->at.in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = host};
}

/* host ends in NUL here; bracketed: it stood in [ ]. */
static bool
add_host(struct address *a, const char *host, bool bracketed, int port)
{
	struct in_addr in = {.s_addr = htonl(INADDR_ANY)};
	struct in6_addr in6 = in6addr_any;

	if (bracketed) {
		if (inet_pton(AF_INET6, host, &in6) != 1)
			return false;
		add_in6(a, in6, port);
	} else if (*host == '\0') {
		a->dual = true;
		add_in6(a, in6, port);
		add_in(a, in, port);
	} else if (strcmp(host, "localhost") == 0) {
		in.s_addr = htonl(INADDR_LOOPBACK);
		add_in(a, in, port);
		add_in6(a, in6addr_loopback, port);
	} else {
		if (inet_pton(AF_INET, host, &in) != 1)
			return false;
		add_in(a, in, port);
	}
	return true;
}

static int
parse_tcp(const char *text, struct address *a)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	bool bracketed = *text == '[';
	size_t n;
	int port;

	if (colon == NULL)
		return cpromi_fail(EINVAL, "address \"%s\" has no port (such as 127.0.0.1:9464)",
				   text);
	port = cpromi_whole_number(colon + 1, 65535);
	if (port < 0)
		return cpromi_fail(EINVAL, "address \"%s\" does not end in a port of 0 to 65535",
				   text);
	n = (size_t)(colon - text);
	if (bracketed) {
		if (n < 2 || colon[-1] != ']')
			return cpromi_fail(EINVAL, "address \"%s\" lacks the ] of an IPv6 address",
					   text);
		text++;
		n -= 2;
	}
	if (n < sizeof(host)) {
		memcpy(host, text, n);
		host[n] = '\0';
		if (add_host(a, host, bracketed, port))
			return 0;
	}
	return cpromi_fail(
		EINVAL,
		"address \"%s\" has a host that is neither an IPv4 address, an IPv6 address "
		"in [ ], nor localhost; other names are not looked up",
		text - bracketed);
}

static int
parse_unix(const char *text, const char *path, struct address *a)
{
	struct endpoint *way = &a->ways[0];
	size_t n = strlen(path);

	if (n == 0 || (*path == '@' && n == 1))
		return cpromi_fail(EINVAL, "address \"%s\" has no path", text);
	if (n >= sizeof(way->at.un.sun_path))
		return cpromi_fail(EINVAL,
				   "address \"%s\" is longer than the %zu bytes of a socket path",
				   text, sizeof(way->at.un.sun_path) - 1);
	a->count = 1;
	way->family = AF_UNIX;
	way->at.un = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(way->at.un.sun_path, path, n);
	if (*path == '@')
		way->at.un.sun_path[0] = '\0'; /* the name is the n bytes, no NUL behind it */
	else
		n++;
	way->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

int
cpromi_address_parse(const char *text, struct address *a)
{
	*a = (struct address){.fd = -1};
	if (text == NULL || *text == '\0')
		return cpromi_fail(EINVAL, "an address is needed, such as 127.0.0.1:9464");
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text, text + 5, a);
	if (strncmp(text, "systemd:", 8) == 0) {
		a->fd = cpromi_activation_fd(text, text + 8);
		return a->fd < 0 ? -1 : 0;
	}
	if (strncmp(text, "fd:", 3) != 0)
		return parse_tcp(text, a);
	a->fd = cpromi_whole_number(text + 3, 1 << 24);
	if (a->fd < 0)
		return cpromi_fail(EINVAL, "address \"%s\" does not name a descriptor", text);
	return 0;
}

/* ---- sockets ---- */

/* Says why there is no socket for the address; errno stays as the failed call has set it. */
static int
fail_listen(const char *text)
{
	int err = errno;

	if (err == EADDRINUSE)
		return cpromi_fail(err, "address \"%s\" is in use", text);
	if (err == EADDRNOTAVAIL)
		return cpromi_fail(err, "address \"%s\" is not one of this machine", text);
	return cpromi_fail(err, "cannot listen on address \"%s\": %s", text, strerror(err));
}

/* Does a server listen on this Unix socket? Only a clear refusal says that it does not. */
static bool
is_alive(const struct endpoint *way)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive;

	if (fd < 0)
		return true;
	alive = connect(fd, &way->at.any, way->n) == 0 || errno != ECONNREFUSED;
	close(fd);
	return alive;
}

/* Removes the socket file of a server that is gone; false if there is no such file. */
static bool
remove_stale(const struct endpoint *way)
{
	struct stat st;

	return way->family == AF_UNIX && way->at.un.sun_path[0] != '\0' &&
	       lstat(way->at.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && !is_alive(way) &&
	       unlink(way->at.un.sun_path) == 0;
}

static int
bind_way(int fd, const struct endpoint *way)
{
	if (bind(fd, &way->at.any, way->n) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (!remove_stale(way)) {
		errno = EADDRINUSE;
		return -1;
	}
	return bind(fd, &way->at.any, way->n);
}

/*
 * Gives the new socket file its mode and remembers which file it is. Before
 * bind() the mode was set on the socket, so the file was never open to more
 * users than this; here it is set again because the umask took bits away.
 */
static int
adopt_file(struct listener *l, const char *path, mode_t mode)
{
	struct stat st;
	if (chmod(path, mode) < 0 || lstat(path, &st) < 0) {
		int err = errno;

		unlink(path); /* bound a moment ago, so it is ours */
		errno = err;
		return -1;
	}
	l->device = st.st_dev;
	l->inode = st.st_ino;
	memcpy(l->path, path, strlen(path) + 1);
	return 0;
}

static int
prepare_socket(int fd, const struct endpoint *way, bool dual, mode_t mode)
{
	int on = 1;
	int only = !dual;

	if (way->family == AF_UNIX)
		return fchmod(fd, mode);
	if (way->family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* Tries one way; false with errno, and nothing is left behind. */
static bool
listen_way(struct listener *l, const struct endpoint *way, bool dual, mode_t mode)
{
	const char *path = way->family == AF_UNIX ? way->at.un.sun_path : "";
	int err;

	l->fd = socket(way->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return false;
	if (prepare_socket(l->fd, way, dual, mode) == 0 && bind_way(l->fd, way) == 0) {
		if ((*path == '\0' || adopt_file(l, path, mode) == 0) &&
		    listen(l->fd, BACKLOG) == 0)
			return true;
	}
	err = errno;
	cpromi_listener_close(l);
	errno = err;
	return false;
}

static bool
is_absent_family(int err)
{
	return err == EAFNOSUPPORT || err == EPROTONOSUPPORT || err == EADDRNOTAVAIL;
}

/* Takes over a socket that somebody else made and that listens already. */
static int
inherit(struct listener *l, const char *text, int fd)
{
	int type = 0;
	int listens = 0;
	socklen_t n = sizeof(type);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return cpromi_fail(EINVAL, "address \"%s\": there is no such descriptor", text);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_STREAM)
		return cpromi_fail(EINVAL, "address \"%s\" is not a stream socket", text);
	n = sizeof(listens);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0 || !listens)
		return cpromi_fail(EINVAL, "address \"%s\" is not a listening socket", text);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return fail_listen(text);
	l->fd = fd;
	l->inherited = true;
	return 0;
}

int
cpromi_listener_open(const char *text, mode_t mode, struct listener *l)
{
	struct address a;

	*l = (struct listener){.fd = -1};
	if (cpromi_address_parse(text, &a) < 0)
		return -1;
	if (a.fd >= 0)
		return inherit(l, text, a.fd);
	for (unsigned i = 0; i < a.count; i++) {
		if (listen_way(l, &a.ways[i], a.dual, mode))
			return 0;
		if (!is_absent_family(errno))
			break;
	}
	return fail_listen(text);
}

int
cpromi_listener_port(const struct listener *l)
{
	struct endpoint at = {.n = sizeof(at.at)};

	if (getsockname(l->fd, &at.at.any, &at.n) < 0)
		return 0;
	if (at.at.any.sa_family == AF_INET)
		return ntohs(at.at.in.sin_port);
	return at.at.any.sa_family == AF_INET6 ? ntohs(at.at.in6.sin6_port) : 0;
}

uint64_t
cpromi_endpoint_origin(const struct endpoint *from)
{
	const struct in6_addr *in6 = &from->at.in6.sin6_addr;
	size_t begin = 0, end = 8;
	uint64_t origin = 0;

	if (from->at.any.sa_family == AF_INET)
		return ntohl(from->at.in.sin_addr.s_addr);
	if (from->at.any.sa_family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		begin = 12;
		end = 16;
	}
	for (size_t i = begin; i < end; i++)
		origin = origin << 8 | in6->s6_addr[i];
	return origin;
}

void
cpromi_listener_close(struct listener *l)
{
	struct stat st;

	if (l->inode != 0 && lstat(l->path, &st) == 0 && st.st_dev == l->device &&
	    st.st_ino == l->inode)
		unlink(l->path);
	if (l->fd >= 0 && !l->inherited)
		shutdown(l->fd, SHUT_RDWR);
	cpromi_listener_abandon(l);
}

void
cpromi_listener_abandon(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct listener){.fd = -1};
}
