# SPDX-License-Identifier: MIT
# tests/fuzz/local.mk: `make fuzz FUZZ_SECONDS=60` runs each target so long; `make check` has no part in it.
#
# A target NAME is tests/fuzz/fuzz_NAME.c, and inputs to begin with in tests/fuzz/corpus/NAME/, a text in each file.
# What is found goes to tests/fuzz/found/NAME/ of the build directory, and what breaks it to tests/fuzz/crashes/.
fuzz_targets = \
	accept \
	api \
	deflate \
	escaping \
	number \
	page \
	request

# What oracles need; a target links what it uses.
fuzz_libs = -lz

FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_TARGETS = $(fuzz_targets)

fuzz:
	@CC='$(FUZZ_CC)' $(SHELL) $(srcdir)/tests/fuzz/run.sh $(srcdir) tests/fuzz '$(fuzz_libs)' \
		$(FUZZ_SECONDS) $(FUZZ_TARGETS)

.PHONY: fuzz

EXTRA_DIST += \
	tests/fuzz/corpus \
	tests/fuzz/fuzz_accept.c \
	tests/fuzz/fuzz_api.c \
	tests/fuzz/fuzz_deflate.c \
	tests/fuzz/fuzz_escaping.c \
	tests/fuzz/fuzz_number.c \
	tests/fuzz/fuzz_page.c \
	tests/fuzz/fuzz_request.c \
	tests/fuzz/run.sh
