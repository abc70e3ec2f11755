#!/bin/sh
# SPDX-License-Identifier: MIT
# build: makes what asks other libraries, as far as they are installed, for `make bench`.
#
# usage: build.sh SOURCES BENCH_O DIRECTORY; CXX and PYTHON3 are what to use.
#
# In DIRECTORY, `list` gets a line for each: its name and version, a tab, the command, which
# takes a group, milliseconds and a word. What could not be made says so in a log beside it.
# Nothing is fetched: Debian's packages have their sources where Go and Cargo look for them here.
set -u
sources=$(cd "$1" && pwd) harness=$2
mkdir -p "$3" && directory=$(cd "$3" && pwd) || exit 1
: "${CXX:=c++}" "${PYTHON3:=python3}"
: >"$directory/list"

# version PACKAGE: as Debian has it, without what Debian adds.
version()
{
	dpkg-query -W -f '${Version}' "$1" 2>/dev/null | sed 's/^[0-9]*://; s/[-+].*//'
}

# peer NAME PACKAGE FUNCTION COMMAND…: one more line if the function succeeds.
peer()
{
	name=$1 version=$(version "$2") build=$3
	shift 3
	if "$build" >"$directory/$name.log" 2>&1; then
		printf '%s\t%s\n' "$name${version:+ $version}" "$*" >>"$directory/list"
	else
		echo "without $name, see $directory/$name.log" >&2
	fi
}

prometheus_cpp()
{
	$CXX -std=c++17 -O2 -I"$sources/.." -o "$directory/prometheus-cpp" "$sources/peer.cc" "$harness" \
		-lprometheus-cpp-core -pthread
}

client_golang()
{
	GO111MODULE=off GOFLAGS='' GOPATH=/usr/share/gocode GOCACHE="$directory/go-cache" \
		go build -o "$directory/client_golang" "$sources/peer.go"
}

rust_prometheus()
(
	mkdir -p "$directory/rust/.cargo" && cd "$directory/rust" || return 1
	cat >.cargo/config.toml <<-END
		[source.crates-io]
		replace-with = "debian"
		[source.debian]
		directory = "/usr/share/cargo/registry"
	END
	cat >Cargo.toml <<-END
		[package]
		name = "peer"
		version = "0.0.0"
		edition = "2021"
		[[bin]]
		name = "peer"
		path = "$sources/peer.rs"
		[dependencies]
		prometheus = { version = "*", default-features = false }
	END
	CARGO_HOME=$directory/cargo-home cargo build --offline --release
)

client_python()
{
	"$PYTHON3" -c 'import prometheus_client'
}

peer prometheus-cpp prometheus-cpp-dev prometheus_cpp "$directory/prometheus-cpp"
peer client_golang golang-github-prometheus-client-golang-dev client_golang "$directory/client_golang"
peer rust-prometheus librust-prometheus-dev rust_prometheus "$directory/rust/target/release/peer"
peer client_python python3-prometheus-client client_python "$PYTHON3" "$sources/peer.py"
