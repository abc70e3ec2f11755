# SPDX-License-Identifier: MIT
# examples/hub_usage/local.mk: hub usage, from exporter to report; README.md there says how they go together.
# Files are examples/hub_usage/NAME.c.
noinst_PROGRAMS += \
	examples/hub_usage/hub_usage_backfill \
	examples/hub_usage/hub_usage_exporter
examples_hub_usage_hub_usage_exporter_SOURCES = \
	examples/hub_usage/exporter.c \
	examples/hub_usage/hubs.c \
	examples/hub_usage/hubs.h
examples_hub_usage_hub_usage_exporter_LDADD = libcprom.la
examples_hub_usage_hub_usage_backfill_SOURCES = \
	examples/hub_usage/backfill.c \
	examples/hub_usage/hubs.c \
	examples/hub_usage/hubs.h \
	examples/hub_usage/text.c \
	examples/hub_usage/text.h
examples_hub_usage_hub_usage_backfill_LDADD = libcprom.la

# The report asks; it measures nothing, and links no cprom.
if HAVE_JANSSON
if HAVE_LIBCURL
noinst_PROGRAMS += examples/hub_usage/hub_usage_report
endif
endif
examples_hub_usage_hub_usage_report_SOURCES = \
	examples/hub_usage/chart.c \
	examples/hub_usage/frame.c \
	examples/hub_usage/frame.h \
	examples/hub_usage/grafana.c \
	examples/hub_usage/grafana.h \
	$(examples_http) \
	examples/hub_usage/report.c \
	examples/hub_usage/table.c \
	examples/hub_usage/text.c \
	examples/hub_usage/text.h
examples_hub_usage_hub_usage_report_LDADD = $(LIBCURL_LIBS) $(JANSSON_LIBS) -lm

EXTRA_DIST += \
	examples/hub_usage/README.md \
	examples/hub_usage/prometheus.yml
