/* SPDX-License-Identifier: MIT */
/*
 * crc32: the checksum of gzip (RFC 1952, 8).
 */
#ifndef CPROMI_CRC32_H
#define CPROMI_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from what it was before these bytes; from 0 for the first. */
uint32_t cpromi_crc32(uint32_t crc, const void *data, size_t n);

/* The same by tables alone, as machines without a carry-less multiplication do it. */
uint32_t cpromi_crc32_portable(uint32_t crc, const void *data, size_t n);

#endif
