# SPDX-License-Identifier: MIT
# examples/local.mk: programs that show how the library is used; built, not installed.
noinst_PROGRAMS = examples/handlers examples/prefork examples/treecounter/treecounter
examples_handlers_LDADD = libcprom.la
examples_prefork_LDADD = libcprom.la
examples_treecounter_treecounter_LDADD = libcprom.la
if HAVE_MICROHTTPD
noinst_PROGRAMS += examples/microhttpd
endif
examples_microhttpd_LDADD = libcprom.la $(MICROHTTPD_LIBS)

# For those that ask other servers.
examples_http = examples/http.c examples/http.h

EXTRA_DIST += examples/prometheus.yml

# All around the tree counter: the workshop of its README.
EXTRA_DIST += \
	examples/treecounter/Dockerfile \
	examples/treecounter/Dockerfile.dockerignore \
	examples/treecounter/README.md \
	examples/treecounter/docker-compose.yml \
	examples/treecounter/graph.png \
	examples/treecounter/grafana/dashboards/treecounter.json \
	examples/treecounter/grafana/provisioning/dashboards/treecounter.yml \
	examples/treecounter/grafana/provisioning/datasources/prometheus.yml \
	examples/treecounter/prometheus.yml

# How a program finds and links the library.
EXTRA_DIST += \
	examples/embedding/CMakeLists.txt \
	examples/embedding/README.md \
	examples/embedding/meson.build \
	examples/embedding/program.c

# How a release becomes a Debian package.
EXTRA_DIST += \
	examples/packaging/README.md \
	examples/packaging/debian/changelog \
	examples/packaging/debian/control \
	examples/packaging/debian/copyright \
	examples/packaging/debian/libcprom-dev.install \
	examples/packaging/debian/libcprom0.install \
	examples/packaging/debian/rules \
	examples/packaging/debian/source/format

# TLS in front of a daemon, by others.
EXTRA_DIST += \
	examples/tls/certificates.sh \
	examples/tls/nginx.conf \
	examples/tls/prometheus.yml \
	examples/tls/stunnel.conf
