#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_tls: examples/tls as it stands, but for ports and paths: who comes through, and who must not.
. "${0%/*}/common.sh"
. "${0%/*}/daemons.sh"
: "${STUNNEL:=stunnel}"
need "$CURL" "$NGINX" "$STUNNEL" openssl "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
scratch

examples=$top_srcdir/examples/tls
token=the-token
for ca in ours theirs; do
	for host in 127.0.0.1 ::1 localhost; do # the last one is served
		sh "$examples/certificates.sh" "$tmp/$ca" "$host" >"$tmp/certificates.log" 2>&1 || die "certificates.sh"
		cp "$tmp/$ca/server.crt" "$tmp/$ca/$host.crt"
	done
done
for host in 127.0.0.1 ::1; do # no name, and of the CA of the last run
	openssl verify -CAfile "$tmp/ours/ca.crt" -verify_ip "$host" "$tmp/ours/$host.crt" >"$tmp/verdict" 2>&1 ||
		complain "the certificate of $host: $(cat "$tmp/verdict")"
done
echo "$token" >"$tmp/ours/token"

start tcp "$top_builddir/tests/http_daemon" -b "$token" 127.0.0.1:0
daemon=127.0.0.1:$port
start unix "$top_builddir/tests/http_daemon" -b "$token" "unix:$tmp/socket"
answer 200 --oauth2-bearer "$token" "http://$daemon/metrics"
mv "$tmp/body" "$tmp/page"

# example FILE PORT [DAEMON]: with that port of loopback, in front of that daemon.
example()
{
	sed -e "s|listen 9465|listen 127.0.0.1:$2|; s|accept = 9465|accept = 127.0.0.1:$2|" \
		-e "s|metrics\.example\.org:9465|localhost:$2|; s|127\.0\.0\.1:9464|${3-}|" \
		-e "s|/etc/metrics/|$tmp/ours/|" "$examples/$1"
}

# with WORD…: the lines are in force that begin with one of these, and were comments.
with()
{
	for word; do
		set -- "$@" -e "s/^\([[:space:]]*\)[#;]\($word\)/\1\2/"
		shift
	done
	sed "$@"
}

free_ports nginx nginx_mutual stunnel stunnel_mutual
{
	example nginx.conf "$nginx" "$daemon"
	example nginx.conf "$nginx_mutual" "unix:$tmp/socket" | with ssl_
} >"$tmp/servers"
start_nginx "$nginx" "$tmp/servers"
for kind in stunnel stunnel_mutual; do
	printf 'foreground = yes\nsyslog = no\npid =\n' >"$tmp/$kind.conf"
done
example stunnel.conf "$stunnel" "$daemon" >>"$tmp/stunnel.conf"
example stunnel.conf "$stunnel_mutual" "$tmp/socket" | with CAfile verify >>"$tmp/stunnel_mutual.conf"
start_at "$stunnel" stunnel "$STUNNEL" "$tmp/stunnel.conf"
start_at "$stunnel_mutual" stunnel_mutual "$STUNNEL" "$tmp/stunnel_mutual.conf"

# ---- curl

# client CA: the options for a certificate of that CA.
client()
{
	echo "--cert $tmp/$1/client.crt --key $tmp/$1/client.key"
}

# cut_off ARGUMENT…: what curl is told with these gets no answer.
cut_off()
{
	"$CURL" -sS -m 20 -o "$tmp/body" "$@" 2>"$tmp/error" && complain "an answer: curl $*"
}

# admitted URL OPTION…: all that one may want comes through to those who have the token.
admitted()
{
	url=$1
	shift
	answer 401 "$@" "$url/metrics"
	set -- "$@" --oauth2-bearer "$token"
	answer 200 "$@" "$url/metrics"
	body_is "$tmp/page"
	answer 200 "$@" --compressed "$url/metrics"
	body_is "$tmp/page"
	head_has 'content-encoding: gzip'
	answer 200 "$@" -I "$url/metrics"
	answer 200 "$@" "$url/metrics?name[]=jobs_total"
	test "$(grep -c '^[^#]' "$tmp/body")" = 2 || complain "name[]: $(cat "$tmp/body")"
	test "$("$CURL" -sS -m 20 -w '%{num_connects}' "$@" "$url/metrics" -o "$tmp/body" "$url/metrics" -o "$tmp/body")" = 10 ||
		complain "$url: a connection is not kept alive"
}

ours="--cacert $tmp/ours/ca.crt"
for port in $nginx $stunnel; do
	# shellcheck disable=SC2086 # words, all of them
	admitted "https://localhost:$port" $ours
done
for port in $nginx_mutual $stunnel_mutual; do
	# shellcheck disable=SC2046,SC2086
	admitted "https://localhost:$port" $ours $(client ours)
done
for port in $nginx $nginx_mutual $stunnel $stunnel_mutual; do
	# shellcheck disable=SC2046
	set -- $(client ours) --oauth2-bearer "$token"
	cut_off "$@" "https://localhost:$port/metrics"
	cut_off "$@" --cacert "$tmp/theirs/ca.crt" "https://localhost:$port/metrics"
	# shellcheck disable=SC2086
	cut_off "$@" $ours "https://127.0.0.1:$port/metrics"
	cut_off "$@" -f "http://127.0.0.1:$port/metrics"
done
# shellcheck disable=SC2086
set -- $ours --oauth2-bearer "$token"
answer 404 "$@" "https://localhost:$nginx/-/healthy"
answer 200 "$@" "https://localhost:$stunnel/-/healthy"
answer 400 "$@" "https://localhost:$nginx_mutual/metrics"
cut_off "$@" "https://localhost:$stunnel_mutual/metrics"
# shellcheck disable=SC2046
set -- "$@" $(client theirs)
answer 400 "$@" "https://localhost:$nginx_mutual/metrics"
cut_off "$@" "https://localhost:$stunnel_mutual/metrics"

# ---- Prometheus

# job NAME PORT: of the example, the token in force.
job()
{
	example prometheus.yml "$2" | with authorization | sed "1,/^scrape_configs:/d; s/job_name: daemon/job_name: $1/"
}

{
	echo 'global: {scrape_interval: 1s}'
	echo 'scrape_configs:'
	for kind in nginx stunnel; do
		eval "port=\$$kind mutual=\$${kind}_mutual"
		job "$kind" "$port"
		job "${kind}_mutual" "$mutual" | with cert_file key_file
		job "${kind}_wrong_ca" "$port" | sed "/ca_file/s|/ours/|/theirs/|"
		job "${kind}_wrong_client" "$mutual" | with cert_file key_file | sed "/cert_file\|key_file/s|/ours/|/theirs/|"
		job "${kind}_no_client" "$mutual"
	done
} >"$tmp/prometheus.yml"
start_prometheus "$tmp/prometheus.yml"

# refused JOB PATTERN: never up, for a reason like that.
refused()
{
	want "max_over_time(up{job=\"$1\"}[1m])" 0 0
	grep -q "^$1 .*$2" "$tmp/reasons.log" || complain "$1 is not refused for $2: $(grep "^$1 " "$tmp/reasons.log")"
}

want 'count(count_over_time(up[1m]) >= 2)' 10 10 20
for name in nginx nginx_mutual stunnel stunnel_mutual; do
	want "min_over_time(up{job=\"$name\"}[1m])" 1 1
	want "count({job=\"$name\",__name__!~\"up|scrape_.*\"})" 202 202
done
"$CURL" -sS -m 10 "$prometheus/api/v1/targets" | "$PYTHON3" -c 'import json, sys
for target in json.load(sys.stdin)["data"]["activeTargets"]:
    print(target["labels"]["job"], target["lastError"])' >"$tmp/reasons.log"
for kind in nginx stunnel; do
	refused "${kind}_wrong_ca" 'unknown authority'
done
for wrong in no wrong; do
	refused "nginx_${wrong}_client" 'HTTP status 400'
	refused "stunnel_${wrong}_client" 'tls: \|reset by peer\|broken pipe'
done

finish "the page comes through TLS to those whom it is for"
