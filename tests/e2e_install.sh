#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_install: what `make install` puts down is enough to build a program both ways, and `make uninstall` takes it all away.
. "${0%/*}/common.sh"
need pkg-config
scratch
unset MAKEFLAGS MFLAGS MAKELEVEL

# As a packager does it: into a staging directory.
"$MAKE" -C "$top_builddir" install DESTDIR="$tmp/stage" >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	die "make install"
}
pc=$(cd "$tmp/stage" && find . -name cprom.pc)
test -n "$pc" || die "no cprom.pc was installed"
PKG_CONFIG_PATH=$tmp/stage/${pc%/*}
PKG_CONFIG_SYSROOT_DIR=$tmp/stage
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
test "$(pkg-config --modversion cprom)" = "$PACKAGE_VERSION" || complain "cprom.pc has another version"
libdir=${PKG_CONFIG_PATH%/pkgconfig}
test -f "$libdir/libcprom.a" || test -f "$libdir/libcprom.so" || die "no library beside cprom.pc"

cat >"$tmp/program.c" <<'END'
#include <cprom.h>
#include <stdio.h>
#include <stdlib.h>

CPROM_COUNTER(jobs, "jobs_done_total", "Jobs finished.", .labels = CPROM_LABELS("queue"));
CPROM_HISTOGRAM(latency, "job_seconds", "Time spent in a job.");

int main(void)
{
	char *page;

	CPROM_TIME(latency) {
		cprom_counter_inc(cprom_labels(jobs, "odd"));
	}
	page = cprom_render(NULL, NULL, NULL);
	if (page == NULL)
		return 1;
	fputs(page, stdout);
	free(page);
	return 0;
}
END

# shows PROGRAM: it runs, and its page has what it counted.
shows()
{
	LD_LIBRARY_PATH=$libdir "$1" >"$tmp/page" || complain "$1: status $?"
	grep -q '^jobs_done_total{queue="odd"} 1$' "$tmp/page" || complain "$1: no jobs_done_total"
	grep -q '^job_seconds_count 1$' "$tmp/page" || complain "$1: no job_seconds_count"
}

flags="-std=c11 -Wall -Wextra -Werror $sanitizer_flags"
if test -f "$libdir/libcprom.a"; then
	$CC $flags $(pkg-config --cflags cprom) -o "$tmp/static" "$tmp/program.c" \
		"$libdir/libcprom.a" -pthread && shows "$tmp/static" || complain "static"
fi
if test -f "$libdir/libcprom.so"; then
	$CC $flags $(pkg-config --cflags cprom) -o "$tmp/shared" "$tmp/program.c" \
		$(pkg-config --libs cprom) && shows "$tmp/shared" || complain "shared"
	LD_LIBRARY_PATH=$libdir ldd "$tmp/shared" | grep -q 'libcprom\.so\.0' ||
		complain "the shared program does not use libcprom.so.0"
fi

# Each name of a manual page leads to it.
find "$tmp/stage" -path '*/man*' -name '*.[1-9]' | while read -r page; do
	test -s "$page" || echo "$page leads nowhere"
done | grep . && complain "man pages"

"$MAKE" -C "$top_builddir" uninstall DESTDIR="$tmp/stage" >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	complain "make uninstall"
}
find "$tmp/stage" ! -type d | grep . && complain "make uninstall left files"

finish "install, build, uninstall"
