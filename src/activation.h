/* SPDX-License-Identifier: MIT */
/*
 * activation: the sockets that a service manager has passed, by the protocol of sd_listen_fds(3).
 */
#ifndef CPROMI_ACTIVATION_H
#define CPROMI_ACTIVATION_H

/* The number that all of the text is, at most max; -1 if it is none. */
int cpromi_whole_number(const char *text, int max);

/*
 * The descriptor that was passed under this name; "": the only one that was. All that were
 * passed are closed on exec from now on. -1: EINVAL; the message has the address, which is for it alone.
 */
int cpromi_activation_fd(const char *address, const char *name);

#endif
