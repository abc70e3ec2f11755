# SPDX-License-Identifier: MIT
# include/local.mk: the headers that are installed.
include_HEADERS = \
	include/cprom.h \
	include/cprom_macros.h
