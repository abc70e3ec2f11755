#!/bin/sh
# SPDX-License-Identifier: MIT
# tutorial: does what cprom_tutorial(7) says, block by block, with the library as it is installed, and compares what is printed.
#
# The blocks are taken as a terminal shows them. What stands before each says what it is: "Run:",
# "Put this into FILE:" or "It prints:", for which see same_output. Ports of the page become free ones.
. "${0%/*}/common.sh"
need "$MANDOC" "$PYTHON3" prometheus promtool curl pkg-config cc
test -f "$top_builddir/.libs/libcprom.a" || skip "no static library"
scratch
unset MAKEFLAGS MFLAGS MAKELEVEL

"$MAKE" -C "$top_builddir" install DESTDIR="$tmp/stage" >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	die "make install"
}
pc=$(find "$tmp/stage" -name cprom.pc)
PKG_CONFIG_PATH=${pc%/*}
PKG_CONFIG_SYSROOT_DIR=$tmp/stage
LD_LIBRARY_PATH=${PKG_CONFIG_PATH%/pkgconfig}
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH

ports=$("$PYTHON3" -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))')
"$MANDOC" -Tascii -Owidth=78 "$top_srcdir/man/cprom_tutorial.7" | sed "s/.$(printf '\b')//g" >"$tmp/page"
awk 'length($0) > 80' "$tmp/page" | grep . && complain "lines too long for a terminal"

# Block N is N.run with N.wanted, or N.text with its name in N.file; a line of a block is indented by 11.
mkdir "$tmp/blocks" "$tmp/empty"
awk -v stem="$tmp/blocks/" '
	function begin() {
		suffix = lead ~ /Run:$/ ? ".run" : lead ~ /It prints:$/ ? ".wanted" : ".text"
		n += suffix != ".wanted"
		if (suffix != ".text")
			return
		if (!match(lead, /Put this into [a-z.]+:$/))
			print "FAIL: what is the block behind \"" lead "\"?"
		print substr(lead, RSTART + 14, RLENGTH - 15) >(stem n ".file")
	}
	/^           / {
		if (!inside)
			begin()
		inside = 1
		for (; blank > 0; blank--)
			print "" >(stem n suffix)
		print (suffix == ".wanted" ? substr($0, 12) : $0) >(stem n suffix)
		next
	}
	/^ *$/ { blank += inside; next }
	{ inside = blank = 0; lead = $0 }
	END { print n >(stem "count") }
' "$tmp/page" >"$tmp/log"
sed -i "s/127\.0\.0\.1:9464/127.0.0.1:${ports% *}/g
	s/127\.0\.0\.1:9095/127.0.0.1:${ports#* }/g" "$tmp"/blocks/*
grep . "$tmp/log" && complain "blocks"
count=$(cat "$tmp/blocks/count")

# In a shell of its own, as the reader would, with all output where a terminal would have it.
cat >"$tmp/walk" <<'END'
. "$top_srcdir/tests/common.sh"
set +u
exec 3>&1 >"$tmp/printed" 2>&1
trap 'jobs -p >"$tmp/pids"; kill $(cat "$tmp/pids") 2>/dev/null; wait' EXIT

# printed_since LINES BLOCK: within 10 s, what is printed behind so many lines is what the page says.
printed_since()
{
	for _ in $(seq 100); do
		tail -n +$(($1 + 1)) "$tmp/printed" >"$tmp/section"
		same_output "$2.wanted" "$tmp/section" >/dev/null && return
		sleep 0.1
	done
	same_output "$2.wanted" "$tmp/section" >&3
	false
}

for block in $(seq -f "$tmp/blocks/%g" "$(cat "$tmp/blocks/count")"); do
	if test -f "$block.file"; then
		cp "$block.text" "$(cat "$block.file")"
		continue
	fi
	lines=$(wc -l <"$tmp/printed")
	. "$block.run"
	test ! -f "$block.wanted" || printed_since "$lines" "$block" || {
		cat "$block.run" >&3
		exit 1
	}
done
END
export tmp top_srcdir
(cd "$tmp/empty" && timeout 120 sh "$tmp/walk") || {
	complain "a block does not do what the page says"
	cat "$tmp/printed"
	tail -n 20 "$tmp/empty/prometheus.log" 2>/dev/null
}
test "$count" -ge 10 || complain "only $count blocks were found"

finish "$count blocks of the tutorial"
