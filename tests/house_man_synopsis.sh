#!/bin/sh
# SPDX-License-Identifier: MIT
# house_man_synopsis: the manual has all that is public, and declares it as the headers do.
. "${0%/*}/common.sh"
need "$PYTHON3"

"$PYTHON3" "$top_srcdir/tests/check_synopsis.py" "$top_srcdir" || complain "headers and manual differ"

finish "headers and manual agree"
