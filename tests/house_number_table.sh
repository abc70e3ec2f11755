#!/bin/sh
# SPDX-License-Identifier: MIT
# house_number_table: src/number_table.h is what tests/gen_number_table.py writes.
. "${0%/*}/common.sh"
need "$PYTHON3"
scratch

"$PYTHON3" "$top_srcdir/tests/gen_number_table.py" >"$tmp/table" || die "gen_number_table.py"
cmp "$tmp/table" "$top_srcdir/src/number_table.h" || die "src/number_table.h is not what it writes"

finish "the powers of ten are right"
