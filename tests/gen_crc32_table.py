#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes src/crc32_table.h to standard output: what crc32.c looks up and multiplies by.

	python3 tests/gen_crc32_table.py > src/crc32_table.h

The output is the same to the byte on every run. It is checked by zlib's own
CRC-32, both the tables and the constants, before anything is written.
"""

import os
import zlib

POLYNOMIAL = 0x104C11DB7  # x^32 + x^26 + ... + 1, the highest power first
SLICES = 8


def reversed_bits(v, width):
    return int(format(v, "0%db" % width)[::-1], 2)


REFLECTED = reversed_bits(POLYNOMIAL & 0xFFFFFFFF, 32)


def tables():
    """t[k][b]: the CRC, without its inversions, of byte b and k zero bytes behind it."""
    first = []
    for b in range(256):
        for _ in range(8):
            b = b >> 1 ^ (REFLECTED if b & 1 else 0)
        first.append(b)
    t = [first]
    for _ in range(SLICES - 1):
        t.append([first[v & 255] ^ v >> 8 for v in t[-1]])
    return t


def remainder(power):
    """x^power mod the polynomial."""
    r = 1
    for _ in range(power):
        r <<= 1
        if r >> 32:
            r ^= POLYNOMIAL
    return r


def fold_constant(distance):
    """What a half of a block is multiplied by to stand so many bits further on, reflected.

    The product of two reflected words stands one bit too low, which the shift makes good.
    """
    return reversed_bits(remainder(distance), 32) << 1


def multiply(a, b):
    r = 0
    while b:
        if b & 1:
            r ^= a
        a <<= 1
        b >>= 1
    return r


def bytewise(t, crc, data):
    for byte in data:
        crc = t[0][(crc ^ byte) & 255] ^ crc >> 8
    return crc


def check(t, constants):
    data = bytes((i * i * 7 + 3) & 255 for i in range(4096))
    assert bytewise(t, 0xFFFFFFFF, data) ^ 0xFFFFFFFF == zlib.crc32(data)
    for k in range(SLICES):
        assert all(t[k][b] == bytewise(t, 0, bytes([b]) + bytes(k)) for b in range(256))
    for bits, (low, high) in constants.items():
        block = int.from_bytes(data[:16], "little")
        moved = multiply(block & (1 << 64) - 1, low) ^ multiply(block >> 64, high)
        assert bytewise(t, 0, data[:16] + bytes(bits // 8)) == bytewise(
            t, 0, moved.to_bytes(16, "little"))


def main():
    t = tables()
    # Of 16 bytes the first 8, which stand low in the word, have 64 bits further to go; a
    # reflected word's lowest bit is its highest power, x^31 of the constant's 33 bits.
    constants = {bits: (fold_constant(bits + 32), fold_constant(bits - 32)) for bits in (128, 512)}
    check(t, constants)
    print("/* SPDX-License-Identifier: MIT */")
    print("/*")
    print(" * crc32_table: what crc32.c looks up and multiplies by. Written by tests/gen_crc32_table.py.")
    print(" */")
    print("#ifndef CPROMI_CRC32_TABLE_H")
    print("#define CPROMI_CRC32_TABLE_H")
    print()
    print("#include <stdint.h>")
    print()
    print("/* clang-format off */")
    print()
    print("/* Rows of the table, %d: at -Os one, which takes the bytes one at a time. */" % SLICES)
    print("#ifdef __OPTIMIZE_SIZE__")
    print("#define CRC32_ROWS 1")
    print("#else")
    print("#define CRC32_ROWS %d" % SLICES)
    print("#endif")
    print()
    print("/* [k][b]: the remainder of byte b with k zero bytes behind it. */")
    print("static const uint32_t crc32_table[CRC32_ROWS][256] = {")
    for k, row in enumerate(t):
        if k == 1:
            print("#if CRC32_ROWS > 1")
        print("\t{")
        for at in range(0, 256, 6):
            print("\t\t" + " ".join("0x%08X," % v for v in row[at:at + 6]))
        print("\t},")
    print("#endif")
    print("};")
    print()
    print("/* What moves 16 bytes on by so many bits: for their first 8, and for their last 8. */")
    for bits, pair in constants.items():
        print("static const uint64_t crc32_by_%d[2] = {0x%XU, 0x%XU};" % (bits, *pair))
    print()
    print("/* clang-format on */")
    print()
    print("#endif")


if __name__ == "__main__":
    main()
