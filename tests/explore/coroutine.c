/* SPDX-License-Identifier: MIT */
/*
 * coroutine: by hand on x86-64, where swapcontext(3) would take two system calls for each
 * switch; by swapcontext elsewhere.
 */
#include "coroutine.h"

#include <stdint.h>

#if defined(__x86_64__)

__asm__(".text\n"
	".globl coroutine_switch\n"
	".type coroutine_switch, @function\n"
	"coroutine_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size coroutine_switch, .-coroutine_switch\n");

void *
coroutine_make(char *stack, void (*run)(void))
{
	uintptr_t *top = (uintptr_t *)(void *)(stack + COROUTINE_STACK - 64);

	/* Where `ret` finds run, with the stack as after a call: 8 off a multiple of 16. */
	top[0] = (uintptr_t)run;
	top[1] = 0;
	for (int i = 1; i <= 6; i++)
		top[-i] = 0;
	return top - 6;
}

#else

#include <ucontext.h>

void *
coroutine_make(char *stack, void (*run)(void))
{
	ucontext_t *c = (ucontext_t *)(void *)stack;

	getcontext(c);
	c->uc_stack.ss_sp = stack + sizeof(*c) + 64;
	c->uc_stack.ss_size = COROUTINE_STACK - sizeof(*c) - 64;
	c->uc_link = 0;
	makecontext(c, run, 0);
	return c;
}

void
coroutine_switch(void **from, void *to)
{
	ucontext_t here;

	*from = &here;
	swapcontext(&here, to);
}

#endif
