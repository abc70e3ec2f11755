#!/bin/sh
# SPDX-License-Identifier: MIT
# certificates: a CA of one's own, with a certificate for a server and one for its clients.
#
#	certificates.sh DIRECTORY HOST
#
# HOST is the name or address by which Prometheus knows the server. The server needs server.crt and
# server.key, and for mutual TLS ca.crt; Prometheus ca.crt, and for mutual TLS client.crt and
# client.key. ca.key makes further certificates, as this does when it is run again in DIRECTORY, and
# belongs on neither. All are valid for two years.
#
# Who has made the keys is the only one to read them. nginx and stunnel begin as root, but Debian's
# Prometheus runs as a user of its own: chown prometheus client.key.
set -eu
test $# -eq 2 || {
	echo "usage: certificates.sh DIRECTORY HOST" >&2
	exit 2
}
mkdir -p "$1"
cd "$1"
umask 077

# issue NAME SUBJECT EXTENSIONS OPTION…: a key, and a certificate for it that is signed as the options say.
issue()
{
	name=$1
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-keyout "$name.key" -out "$name.csr" -subj "/CN=$2"
	printf '%b\n' "$3" >"$name.ext"
	shift 3
	openssl x509 -req -days 730 -in "$name.csr" -extfile "$name.ext" -out "$name.crt" "$@"
	chmod 644 "$name.crt"
	rm "$name.csr" "$name.ext"
}

# Addresses are not names: Go looks for each kind by itself.
case $2 in
*:*) kind=IP ;;
*[!0-9.]*) kind=DNS ;;
*) kind=IP ;;
esac
test -e ca.crt || # what was given out stays valid
	issue ca "CA of metrics" 'basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign' -signkey ca.key
issue server "$2" "subjectAltName = $kind:$2\nextendedKeyUsage = serverAuth" -CA ca.crt -CAkey ca.key
issue client Prometheus 'extendedKeyUsage = clientAuth' -CA ca.crt -CAkey ca.key
