# SPDX-License-Identifier: MIT
# tests/fuzz/local.mk: targets for libFuzzer.
EXTRA_DIST += tests/fuzz/fuzz_deflate.c
