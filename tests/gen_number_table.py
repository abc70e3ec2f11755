#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes src/number_table.h to standard output: the powers of ten that number.c prints with.

	python3 tests/gen_number_table.py > src/number_table.h

The output is the same to the byte on every run. Before anything is written, the
whole table (which a parser would need) is compared with known checksums.
"""

import sys

FIRST, LAST = -342, 324          # what printing and parsing need together
KEPT_FIRST, KEPT_LAST = -292, 324  # what printing needs
WORD = (1 << 64) - 1


def log2_of_power(q):
    """floor(log2(10^q)), exactly."""
    if q >= 0:
        return (10**q).bit_length() - 1
    return -(10**-q).bit_length()  # 10^-q is never a power of two


def entry(q):
    """10^q in 128 bits with the top bit set: cut for q >= 0, rounded up for q < 0."""
    log2 = log2_of_power(q)
    assert log2 == (q * 1741647) >> 19, "the formula of number.c"
    shift = 127 - log2
    if q >= 0:
        return 10**q << shift if shift >= 0 else 10**q >> -shift
    return (1 << shift) // 10**-q + 1


def checksums(first, last):
    xor = total = 0
    for q in range(first, last + 1):
        t = entry(q)
        assert t >> 127 == 1
        for half in (t >> 64, t & WORD):
            xor ^= half
            total = (total + half) & WORD
    return xor, total


def main():
    assert checksums(FIRST, LAST) == (0x357C5BBC997E3CE8, 0x3AA2ECF3ABFA6918)
    # number.c adds 1 to the low half where q >= 0.
    assert all(entry(q) & WORD != WORD for q in range(0, LAST + 1))
    out = sys.stdout.write
    out("/* SPDX-License-Identifier: MIT */\n")
    out("/*\n")
    out(" * number_table: powers of ten in 128 bits, written by tests/gen_number_table.py.\n")
    out(" *\n")
    out(" * Entry q - POWERS_FIRST is 10^q, scaled by a power of two so that the top bit is\n")
    out(" * set, high word first; cut for q >= 0 (exact up to 55), rounded up for q < 0.\n")
    out(" * XOR of all words %016x, sum %016x.\n" % checksums(KEPT_FIRST, KEPT_LAST))
    out(" */\n")
    out("#ifndef CPROMI_NUMBER_TABLE_H\n#define CPROMI_NUMBER_TABLE_H\n\n")
    out("#include <stdint.h>\n\n")
    out("#define POWERS_FIRST (%d)\n#define POWERS_LAST %d\n\n" % (KEPT_FIRST, KEPT_LAST))
    out("/* clang-format off */\n")
    out("static const uint64_t powers[POWERS_LAST - POWERS_FIRST + 1][2] = {\n")
    for q in range(KEPT_FIRST, KEPT_LAST + 1):
        t = entry(q)
        out("\t{0x%016x, 0x%016x}, /* %d */\n" % (t >> 64, t & WORD, q))
    out("};\n/* clang-format on */\n\n#endif\n")


if __name__ == "__main__":
    main()
