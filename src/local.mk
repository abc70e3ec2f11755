# SPDX-License-Identifier: MIT
# src/local.mk: the library.
lib_LTLIBRARIES = libcprom.la

libcprom_la_SOURCES = \
	src/address.c \
	src/address.h \
	src/atomic.h \
	src/bounds.c \
	src/bounds.h \
	src/buffer.c \
	src/buffer.h \
	src/build_info.c \
	src/clock.c \
	src/clock.h \
	src/collector.c \
	src/collector.h \
	src/collision.c \
	src/collision.h \
	src/counter.c \
	src/default.c \
	src/definition.c \
	src/definition.h \
	src/dump.c \
	src/epoch.c \
	src/epoch.h \
	src/error.c \
	src/error.h \
	src/escape.c \
	src/escape.h \
	src/exemplar.c \
	src/exemplar.h \
	src/exponential.c \
	src/exponential.h \
	src/exponential_table.h \
	src/family.c \
	src/family.h \
	src/format.h \
	src/gauge.c \
	src/hash.c \
	src/hash.h \
	src/histogram.c \
	src/http_body.c \
	src/http_body.h \
	src/http_conn.c \
	src/http_conn.h \
	src/http_loop.c \
	src/http_loop.h \
	src/http_page.c \
	src/http_page.h \
	src/http_parse.c \
	src/http_parse.h \
	src/http_reply.c \
	src/http_reply.h \
	src/http_request.c \
	src/http_request.h \
	src/http_site.c \
	src/http_site.h \
	src/index.c \
	src/index.h \
	src/instrument.c \
	src/label_text.c \
	src/label_text.h \
	src/labels.c \
	src/kinship.c \
	src/lane.c \
	src/kinship.h \
	src/lane.h \
	src/metric.c \
	src/metric.h \
	src/naming.c \
	src/naming.h \
	src/name.c \
	src/name.h \
	src/negotiate.c \
	src/negotiate.h \
	src/native.c \
	src/native.h \
	src/number.c \
	src/number.h \
	src/number_table.h \
	src/openmetrics.c \
	src/openmetrics.h \
	src/part.c \
	src/part.h \
	src/platform.h \
	src/process.c \
	src/process.h \
	src/put.h \
	src/record.c \
	src/record.h \
	src/region.c \
	src/region.h \
	src/registry.c \
	src/registry.h \
	src/sample.c \
	src/sample.h \
	src/scrape.c \
	src/self.c \
	src/self.h \
	src/series.h \
	src/server.c \
	src/shape.c \
	src/shape.h \
	src/sink.c \
	src/sink.h \
	src/sketch.c \
	src/sketch.h \
	src/sparse.c \
	src/sparse.h \
	src/summary.c \
	src/table.c \
	src/table.h \
	src/text.c \
	src/text.h \
	src/textfile.c \
	src/timer.c

# Interface 0: nothing is promised between versions before 1.0. Only what
# src/cprom.sym lists leaves the shared library, and that leaves the process never: threads
# that end call into it.
libcprom_la_LDFLAGS = -pthread $(SANITIZER_FLAGS) -no-undefined -version-info 0:0:0 \
	-Wl,-z,nodelete \
	-export-symbols $(top_srcdir)/src/cprom.sym
EXTRA_libcprom_la_DEPENDENCIES = src/cprom.sym
EXTRA_DIST += src/cprom.sym
