/* SPDX-License-Identifier: MIT */
/*
 * emulated: what qemu-user cannot do for the programs that it runs; tests/cross.sh sets CPROM_EMULATED.
 */
#ifndef CPROM_TESTS_EMULATED_H
#define CPROM_TESTS_EMULATED_H

#include <stdio.h>
#include <stdlib.h>

/* Skips the test, after setjmp.h … cmocka.h, if it is about what the emulator gets wrong. */
#define skip_if_emulated(what)                                                                     \
	do {                                                                                       \
		if (getenv("CPROM_EMULATED") != NULL) {                                            \
			printf("skipped, under qemu-user: %s\n", (what));                          \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

#endif
