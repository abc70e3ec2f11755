/* SPDX-License-Identifier: MIT */
/*
 * edge: linked twice, before and after the core and the programs, it marks where their
 * static data begins and ends.
 */
#define PASTE(a, b) a##b
#define NAME(a, b) PASTE(a, b)

char NAME(EDGE, _bss)[64] __attribute__((aligned(4096)));
char NAME(EDGE, _data)[64] __attribute__((aligned(64))) = {1};
