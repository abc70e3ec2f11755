# SPDX-License-Identifier: MIT
# examples/local.mk: programs that show how the library is used; built, not installed.
noinst_PROGRAMS = examples/prefork examples/treecounter
examples_prefork_LDADD = libcprom.la
examples_treecounter_LDADD = libcprom.la

EXTRA_DIST += examples/prometheus.yml

include examples/hub_usage/local.mk
