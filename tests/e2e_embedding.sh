#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_embedding: the installed library in the hands of others: examples/embedding (CMake, Meson, static, strict C11), C++17, dlopen.
. "${0%/*}/common.sh"
need pkg-config cmake meson ninja c++
test "$SANITIZER" = no || finish "nothing to do: others know nothing of sanitizers"
scratch
unset MAKEFLAGS MFLAGS MAKELEVEL

"$MAKE" -C "$top_builddir" install DESTDIR="$tmp/stage" >"$tmp/install.log" 2>&1 || die "make install"
pc=$(cd "$tmp/stage" && find . -name cprom.pc)
PKG_CONFIG_PATH=$tmp/stage/${pc%/*}
PKG_CONFIG_SYSROOT_DIR=$tmp/stage
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
libdir=${PKG_CONFIG_PATH%/pkgconfig}
test -f "$libdir/libcprom.so" && test -f "$libdir/libcprom.a" || skip "not both libraries were built"
LD_LIBRARY_PATH=$libdir
export LD_LIBRARY_PATH

example=$top_srcdir/examples/embedding
program=$example/program.c

# shows PROGRAM LINKAGE: it runs, its page has what it counted, and it uses the shared library or not.
shows()
{
	"$1" >"$tmp/page" || complain "$1: status $?"
	grep -q '^jobs_done_total{queue="odd"} 1$' "$tmp/page" || complain "$1: no jobs_done_total"
	ldd "$1" 2>/dev/null | grep -q libcprom && linkage=shared || linkage=static
	test "$linkage" = "$2" || complain "$1 is $linkage, not $2"
}

# As the manual says.
$CC -std=c11 -pedantic-errors -Wall -Wextra -Werror -o "$tmp/strict" "$program" \
	$(pkg-config --cflags --libs cprom) && shows "$tmp/strict" shared || complain "strict C11"
$CC -static -o "$tmp/static" "$program" $(pkg-config --cflags --libs --static cprom) &&
	shows "$tmp/static" static || complain "a static program"
cat >"$tmp/program.cc" <<'END'
#include <cprom.h>
#include <cstdio>
#include <cstdlib>
#include <memory>

static CPROM_COUNTER(jobs, "jobs_done_total", "Jobs finished.",
	[](auto &o) { o.labels = CPROM_LABELS("queue"); });

int main()
{
	cprom_counter_inc(cprom_labels(jobs, "odd"));
	std::unique_ptr<char, decltype(&std::free)> page(cprom_render(nullptr, nullptr, nullptr), &std::free);
	return page == nullptr || std::fputs(page.get(), stdout) < 0;
}
END
c++ -std=c++17 -pedantic-errors -Wall -Wextra -Werror -o "$tmp/cplusplus" "$tmp/program.cc" \
	$(pkg-config --cflags --libs cprom) && shows "$tmp/cplusplus" shared || complain "C++17"

mkdir "$tmp/cmake" "$tmp/meson"
cp "$program" "$example/CMakeLists.txt" "$tmp/cmake"
if CC=$CC cmake -S "$tmp/cmake" -B "$tmp/cmake/build" -DCMAKE_PREFIX_PATH="$libdir/.." >"$tmp/cmake.log" 2>&1 &&
	cmake --build "$tmp/cmake/build" >>"$tmp/cmake.log" 2>&1; then
	shows "$tmp/cmake/build/with_shared" shared
	shows "$tmp/cmake/build/with_static" static
else
	complain "CMake"
fi
sed -i 's/cprom 0\.1/cprom 99/' "$tmp/cmake/CMakeLists.txt"
CC=$CC cmake -S "$tmp/cmake" -B "$tmp/cmake/other" -DCMAKE_PREFIX_PATH="$libdir/.." >"$tmp/refused" 2>&1 &&
	complain "CMake takes this for version 99"
grep -q 'requested.*version' "$tmp/refused" || complain "CMake was refused for another reason"

cp "$program" "$example/meson.build" "$tmp/meson"
if CC=$CC meson setup "$tmp/meson/build" "$tmp/meson" >"$tmp/meson.log" 2>&1 &&
	ninja -C "$tmp/meson/build" >>"$tmp/meson.log" 2>&1; then
	shows "$tmp/meson/build/with_shared" shared
	shows "$tmp/meson/build/with_static" static
else
	complain "Meson"
fi

# A plug-in's host: the library comes late, is used by threads and over fork, and its dlclose() harms nobody.
cat >"$tmp/host.c" <<'END'
#include <cprom.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static __typeof__(&cprom_counter_inc) inc;
static cprom_counter *jobs;
static pthread_barrier_t closed;

static void *
work(void *arg)
{
	inc(jobs);
	pthread_barrier_wait(&closed);
	pthread_barrier_wait(&closed);
	return arg;
}

int main(int argc, char **argv)
{
	void *library = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW | RTLD_LOCAL);
	__typeof__(&cprom_counter_create) create;
	__typeof__(&cprom_render) render;
	cprom_counter_options options = {.size = sizeof(options), .name = "jobs_total", .help = "Jobs."};
	pthread_t thread;
	int status;
	pid_t child;
	char *page;

	if (library == NULL)
		return 1;
	create = (__typeof__(create))dlsym(library, "cprom_counter_create");
	inc = (__typeof__(inc))dlsym(library, "cprom_counter_inc");
	render = (__typeof__(render))dlsym(library, "cprom_render");
	if (create == NULL || inc == NULL || render == NULL)
		return 2;
	jobs = create(&options);
	inc(jobs);
	pthread_barrier_init(&closed, NULL, 2);
	pthread_create(&thread, NULL, work, NULL);
	pthread_barrier_wait(&closed);
	page = render(NULL, NULL, NULL);
	if (page == NULL)
		return 3;
	fputs(page, stdout);
	fflush(stdout);
	free(page);
	dlclose(library);
	child = fork();
	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return 4;
	pthread_barrier_wait(&closed);
	return pthread_join(thread, NULL);
}
END
$CC -std=gnu11 -Wall -Wextra -Werror -pthread -o "$tmp/host" "$tmp/host.c" $(pkg-config --cflags cprom) -ldl &&
	"$tmp/host" "$libdir/libcprom.so" >"$tmp/page" || complain "dlopen: status $?"
grep -q '^jobs_total 2$' "$tmp/page" || complain "dlopen: no jobs_total"

finish "CMake, Meson, static, C11, C++17 and dlopen"
