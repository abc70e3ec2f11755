#!/bin/sh
# SPDX-License-Identifier: MIT
# house_doors: each hazard has one door; no other file of src/ goes through it.
. "${0%/*}/common.sh"

scratch

# The code of src/, comments aside, as "file:line:text".
for file in "$top_srcdir"/src/*.[ch]; do
	code "$file" | grep -n '' | sed "s|^|${file##*/}:|"
done >"$tmp/code"

# door NAME PATTERN FILES…: only those files of src/ may have code that matches the pattern.
door()
{
	name=$1
	grep -E -e "$2" "$tmp/code" >"$tmp/found"
	shift 2
	for file; do
		sed -i "/^$file:/d" "$tmp/found"
	done
	test ! -s "$tmp/found" || complain "$name outside ${*:-(nowhere)}: $(cat "$tmp/found")"
}

call='(^|[^A-Za-z0-9_.>])'

door "atomic operations" '<stdatomic\.h>|'"$call"'(__atomic_|__sync_|atomic_(load|store|fetch|exchange|compare))' atomic.h
door "memory mappings" '<sys/mman\.h>|'"$call"'(mmap|munmap|mremap|madvise|mprotect) *\(' region.c
door "sockets" '<(sys/socket|sys/un|netinet/[a-z]+|arpa/inet|netdb)\.h>|'"$call"'(socket|bind|listen|accept4?|recv|send|sendmsg|getaddrinfo) *\(' \
	address.c address.h http_conn.c http_loop.c
door "/proc" '"/proc' process.c
door "the clock" "$call"'(clock_gettime|gettimeofday|time|clock) *\(' clock.c
door "floating point through printf" '(^|[^%])%[-+#0]*[0-9*]*(\.[0-9*]*)?(l|L)?[aefgAEFG]' ''
door "numbers out of text by locale" "$call"'(strtod|strtof|strtold|atof|sscanf|setlocale) *\(' ''
# The registry and what updates it live in the region alone.
door "the heap" "$call"'(malloc|calloc|realloc|reallocarray|strdup|strndup|free|asprintf) *\(' \
	buffer.c http_loop.c http_page.c http_reply.c instrument.c scrape.c server.c sink.c textfile.c
door "printing" "$call"'(v?printf|v?fprintf|puts|fputs|putchar|perror|syslog) *\(' ''
door "ending the program" "$call"'(exit|_exit|_Exit|abort|raise|quick_exit) *\(' ''
door "changing signals" "$call"'(signal|sigaction|sigprocmask) *\(' ''

finish "one door per hazard"
