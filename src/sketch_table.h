/* SPDX-License-Identifier: MIT */
/*
 * sketch_table: the bounds of schema 5 between 0.5 and 1, as Prometheus has them.
 *
 * Entry k stands for 2^(k/32 - 1); the mantissa bits (52) of the doubles that
 * client_golang and Prometheus ship, which are not the correctly rounded powers.
 * bucket_guess[m]: how many of them are below a mantissa whose first 6 bits are m,
 * but for at most one that shares these bits.
 */
#ifndef CPROMI_SKETCH_TABLE_H
#define CPROMI_SKETCH_TABLE_H

#include <stdint.h>

/* clang-format off */
static const uint64_t bound_mantissas[33] = {
	0x0000000000000u, 0x059b0d3158574u, 0x0b5586cf9890fu, 0x11301d0125b50u,
	0x172b83c7d517bu, 0x1d4873168b9aau, 0x2387a6e756238u, 0x29e9df51fdee1u,
	0x306fe0a31b715u, 0x371a7373aa9cau, 0x3dea64c123422u, 0x44e086061892du,
	0x4bfdad5362a27u, 0x5342b569d4f81u, 0x5ab07dd485429u, 0x6247eb03a5584u,
	0x6a09e667f3bccu, 0x71f75e8ec5f73u, 0x7a11473eb0186u, 0x82589994cce11u,
	0x8ace5422aa0dbu, 0x93737b0cdc5e4u, 0x9c49182a3f08fu, 0xa5503b23e255bu,
	0xae89f995ad3acu, 0xb7f76f2fb5e45u, 0xc199bdd85529au, 0xcb720dcef9066u,
	0xd5818dcfba486u, 0xdfc97337b9b5du, 0xea4afa2a490d8u, 0xf50765b6e453eu,
	0x10000000000000u, /* above all */
};

static const uint8_t bucket_guess[64] = {
	0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 8, 9, 10, 10,
	11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18, 19,
	19, 20, 20, 21, 21, 22, 22, 22, 23, 23, 24, 24, 25, 25, 26, 26,
	26, 27, 27, 28, 28, 28, 29, 29, 30, 30, 30, 31, 31, 31, 32, 32,
};
/* clang-format on */

#endif
