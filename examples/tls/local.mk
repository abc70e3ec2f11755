# SPDX-License-Identifier: MIT
# examples/tls/local.mk: TLS in front of a daemon, by others; run by tests/e2e_tls.sh.
EXTRA_DIST += \
	examples/tls/certificates.sh \
	examples/tls/nginx.conf \
	examples/tls/prometheus.yml \
	examples/tls/stunnel.conf
