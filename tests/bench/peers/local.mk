# SPDX-License-Identifier: MIT
# tests/bench/peers/local.mk: programs that ask other libraries; build.sh makes them, not this Makefile.
EXTRA_DIST += \
	tests/bench/peers/build.sh \
	tests/bench/peers/peer.cc \
	tests/bench/peers/peer.go \
	tests/bench/peers/peer.py \
	tests/bench/peers/peer.rs
