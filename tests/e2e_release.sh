#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_release: what a release holds becomes a Debian package, and with musl a small static daemon.
. "${0%/*}/common.sh"
need dpkg-buildpackage dh musl-gcc gcc-ar
test "$SANITIZER" = no || finish "nothing to do: packages have no sanitizer"
scratch
unset MAKEFLAGS MFLAGS MAKELEVEL

# The tarball, unpacked.
release=$tmp/cprom-$PACKAGE_VERSION
"$MAKE" -C "$top_builddir" distdir distdir="$release" >"$tmp/distdir.log" 2>&1 || die "make distdir"

# A daemon with /metrics, linked statically with musl, as small as README.md says how.
small="-Os -flto -fno-asynchronous-unwind-tables"
mkdir "$tmp/musl"
(cd "$tmp/musl" && "$release/configure" --quiet --disable-shared CC=musl-gcc AR=gcc-ar RANLIB=gcc-ranlib NM=gcc-nm \
	CFLAGS="$small" && "$MAKE" -s -j2 libcprom.la) >"$tmp/musl.log" 2>&1 || die "a build with musl"
musl-gcc $small -static -s -Wl,--gc-sections,-z,noseparate-code -pthread -I"$release/include" -o "$tmp/daemon" \
	"$release/tests/bench/daemon.c" "$tmp/musl/.libs/libcprom.a" 2>"$tmp/link.log" || die "no static daemon"
size=$(wc -c <"$tmp/daemon")
echo "a static daemon with musl: $size bytes"
test "$size" -lt $((150 * 1024)) || complain "the daemon has $size bytes"

# The package, which is built where the sources are, of what its README.md installs.
for package in $(sed -n 's/^Build-Depends: //p' "$release/examples/packaging/debian/control" |
	sed 's/-compat//; s/([^)]*)//g; s/<[^>]*>//g; s/,/ /g'); do
	grep -q "^apt-get install .*\b$package\b" "$release/examples/packaging/README.md" ||
		complain "README.md does not install $package"
done
cp -r "$release/examples/packaging/debian" "$release/debian"
(cd "$release" && DEB_BUILD_OPTIONS=parallel=2 dpkg-buildpackage --build=binary --no-sign -Pnocheck) \
	>"$tmp/deb.log" 2>&1 || die "dpkg-buildpackage"
for package in libcprom0 libcprom-dev; do
	dpkg-deb --extract "$tmp/$package"_*.deb "$tmp/root" || complain "no $package"
	dpkg-deb --contents "$tmp/$package"_*.deb >"$tmp/$package.contents"
done
grep -q '/libcprom\.so\.0$\|/libcprom\.so\.0 ' "$tmp/libcprom0.contents" || complain "no library in libcprom0"
for file in libcprom.a libcprom.so cprom.pc cprom-config.cmake cprom.h cprom_macros.h cprom.7.gz; do
	grep -q "/$file" "$tmp/libcprom-dev.contents" || complain "no $file in libcprom-dev"
done
grep -q '\.la$' "$tmp"/*.contents && complain "libtool's files are in the package"
dpkg-deb --field "$tmp"/libcprom0_*.deb Depends | grep -q libc6 || complain "libcprom0 does not ask for libc"

finish "a package and a daemon come out of the release"
