# SPDX-License-Identifier: MIT
# examples/local.mk: programs that show how the library is used; built, not installed.
noinst_PROGRAMS = examples/handlers examples/prefork examples/treecounter
examples_handlers_LDADD = libcprom.la
examples_prefork_LDADD = libcprom.la
examples_treecounter_LDADD = libcprom.la
if HAVE_MICROHTTPD
noinst_PROGRAMS += examples/microhttpd
endif
examples_microhttpd_LDADD = libcprom.la $(MICROHTTPD_LIBS)

EXTRA_DIST += examples/prometheus.yml
