#!/bin/sh
# SPDX-License-Identifier: MIT
# house_text: licence lines, one version, no file forgotten, and nothing that is true on one machine only.
. "${0%/*}/common.sh"

for file in $(house_sources); do
	head -n 2 "$top_srcdir/$file" | sed '/^#!/d' | sed 1q |
		grep -q '^[^ ]* *SPDX-License-Identifier: MIT' ||
		complain "$file does not begin with its SPDX line"
done

for file in $(house_sources); do
	case $file in
	*/*.mk | .ci/*) continue ;;
	*/*) ;;
	*) continue ;;
	esac
	name=$file
	case $file in
	tests/*.c | examples/*.c) name=${file%.c} ;;
	esac
	# Of its folder, or of the nearest one above that has one.
	list=${file%/*}
	while ! test -f "$top_srcdir/$list/local.mk"; do
		list=${list%/*}
	done
	grep -q -w -F -e "$name" "$top_srcdir/$list/local.mk" || complain "$file is not in $list/local.mk"
done

version=$(sed -n 's/^AC_INIT(\[cprom\], \[\([0-9.]*\)\])$/\1/p' "$top_srcdir/configure.ac")
test -n "$version" || complain "configure.ac: no version in AC_INIT"
test "$version" = "${PACKAGE_VERSION:-$version}" || complain "configure.ac says $version, the build $PACKAGE_VERSION"
grep -m 1 '^cprom [0-9]' "$top_srcdir/NEWS" | grep -q "^cprom $version\( \|\$\)" ||
	complain "NEWS does not begin with $version"
for file in $(house_sources); do
	case $file in
	configure.ac) found= ;;
	*.[ch]) found=$(code "$top_srcdir/$file" | grep -n -F -w -e "$version") ;;
	*) found=$(grep -n -F -w -e "$version" "$top_srcdir/$file") ;;
	esac
	test -z "$found" || complain "$file: the version is AC_INIT's alone to say: $found"
done

# Written apart, so that this file does not find itself.
for file in $(house_sources) README.md HACKING.md NEWS; do
	grep -n -E -e '(^|[^A-Za-z0-9_.])/(ho''me|ro''ot|wo''rk|Us''ers)/' "$top_srcdir/$file" | sed "s|^|$file:|"
done | grep . && complain "a path of one machine"

finish "version $version"
