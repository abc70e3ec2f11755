#!/bin/sh
# SPDX-License-Identifier: MIT
# house_crc32_table: src/crc32_table.h is what tests/gen_crc32_table.py writes.
. "${0%/*}/common.sh"
need "$PYTHON3"
scratch

"$PYTHON3" "$top_srcdir/tests/gen_crc32_table.py" >"$tmp/table" || die "gen_crc32_table.py"
cmp "$tmp/table" "$top_srcdir/src/crc32_table.h" || die "src/crc32_table.h is not what it writes"

finish "the tables are right"
