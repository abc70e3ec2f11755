/* SPDX-License-Identifier: MIT */
/*
 * coroutine: threads that take turns on one thread of the system.
 */
#ifndef EXPLORE_COROUTINE_H
#define EXPLORE_COROUTINE_H

#define COROUTINE_STACK ((unsigned long)256 << 10)

/* Makes what coroutine_switch() can go to: run(), on this stack, which never returns. */
void *coroutine_make(char *stack, void (*run)(void));

/* Stops here, noted in *from, and goes on there. */
void coroutine_switch(void **from, void *to);

#endif
