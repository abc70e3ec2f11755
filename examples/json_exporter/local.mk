# SPDX-License-Identifier: MIT
# examples/json_exporter/local.mk: JSON documents as metrics; URLs where libcurl is.
if HAVE_JANSSON
noinst_PROGRAMS += examples/json_exporter/json_exporter
endif
examples_json_exporter_json_exporter_SOURCES = \
	examples/json_exporter/collect.c \
	examples/json_exporter/collect.h \
	examples/json_exporter/dashboard.c \
	examples/json_exporter/dashboard.h \
	examples/json_exporter/fetch.c \
	examples/json_exporter/fetch.h \
	examples/json_exporter/json_exporter.c \
	examples/json_exporter/mapping.c \
	examples/json_exporter/mapping.h
if HAVE_LIBCURL
examples_json_exporter_json_exporter_SOURCES += examples/json_exporter/fetch_url.c $(examples_http)
else
examples_json_exporter_json_exporter_SOURCES += examples/json_exporter/fetch_no_url.c
endif
examples_json_exporter_json_exporter_LDADD = libcprom.la $(JANSSON_LIBS) $(LIBCURL_LIBS)

EXTRA_DIST += \
	examples/json/dask-identity.json \
	examples/json/jupyterhub-users.json \
	examples/json/mapping.json \
	examples/json_exporter/README.md
