/* SPDX-License-Identifier: MIT */
/*
 * address: what an address text means, and the listening socket for it.
 */
#ifndef CPROMI_ADDRESS_H
#define CPROMI_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* One way to bind, or who has connected; only the member that family names is set. */
struct endpoint {
	sa_family_t family;
	socklen_t n; /* bytes of the member */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} at;
};

struct address {
	int fd;                  /* of "fd:3", or "systemd:"; -1: none */
	bool dual;               /* the IPv6 socket takes IPv4 as well */
	unsigned count;          /* ways to bind; the second where the first cannot be */
	struct endpoint ways[2]; /* none of "fd:3" */
};

struct listener {
	int fd;
	bool inherited; /* others may listen on it: it is closed, never shut down */
	dev_t device;   /* of the socket file, */
	ino_t inode;    /* to know it again; 0: there is none */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
};

/*
 * "127.0.0.1:9464", "[::1]:9464", ":9464", "localhost:0", "unix:/path",
 * "unix:@abstract", "fd:3", "systemd:", "systemd:name". EINVAL: it is none of these; the message has the text.
 */
int cpromi_address_parse(const char *text, struct address *a);

/*
 * A listening socket, non-blocking and closed on exec. mode is of a Unix
 * socket's file. A socket file that nobody listens on any more is replaced.
 * errno as of socket, bind, listen; the message names the address.
 */
int cpromi_listener_open(const char *text, mode_t mode, struct listener *l);

/* The port; 0 if it has none. */
int cpromi_listener_port(const struct listener *l);

/*
 * Where a client comes from, to tell hosts apart: of IPv6 the network of 64 bits, in which a host
 * may have any address. All clients of a Unix socket are of one.
 */
uint64_t cpromi_endpoint_origin(const struct endpoint *from);

/*
 * Ends listening, also for descriptors that forked children still hold, and
 * closes the socket. Removes its file, if that is still the same file.
 */
void cpromi_listener_close(struct listener *l);

/* In a child of fork(): closes the child's descriptor, keeps the parent's file. */
void cpromi_listener_abandon(struct listener *l);

#endif
