#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_http: the server as curl, nginx and Prometheus meet it, each used as its users do.
. "${0%/*}/common.sh"
. "${0%/*}/daemons.sh"
need "$CURL" "$NGINX" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
scratch

token="token-that-nobody-says"
password="password-that-nobody-says"
encoded=$(printf %s "someone:$password" | base64)

daemon()
{
	name=$1
	shift
	start "$name" "$top_builddir/tests/http_daemon" "$@"
}
daemon small 127.0.0.1:0
small_pid=$!
small=http://127.0.0.1:$port
daemon large -n 20000 127.0.0.1:0
large_pid=$!
large=http://127.0.0.1:$port
daemon closed -b "$token" -u someone -p "$password" 127.0.0.1:0
closed=http://127.0.0.1:$port

# letters N: so many.
letters()
{
	printf "%$1s" "" | tr ' ' a
}
letters 60000 >"$tmp/upload"
letters 70000 >"$tmp/upload-too-large"

# connections ARGUMENT…: how many curl made for each of its requests, status first.
connections()
{
	"$CURL" -sS -g -m 20 -w '%{http_code}:%{num_connects}\n' "$@" | grep -a -o '[0-9]*:[0-9]*$' | tr '\n' ' '
}

# ---- curl: methods, versions, bodies

answer 200 "$small/metrics"
head_has 'HTTP/1\.1 200 OK' 'content-type: text/plain; version=0\.0\.4' "content-length: $(wc -c <"$tmp/body")"
"$PROMTOOL" check metrics <"$tmp/body" || complain "promtool check metrics"
mv "$tmp/body" "$tmp/small"
answer 200 "$large/metrics"
head_has 'transfer-encoding: chunked'
"$PROMTOOL" check metrics <"$tmp/body" || complain "promtool check metrics: a large page"
mv "$tmp/body" "$tmp/large"

answer 200 -I "$small/metrics"
head_has "content-length: $(wc -c <"$tmp/small")"
answer 200 -I "$large/metrics"
head_has 'transfer-encoding: chunked'
for method in POST PUT DELETE; do
	answer 405 -X "$method" "$small/metrics"
	head_has 'allow: GET, HEAD, OPTIONS'
done
answer 405 -d a=b "$small/metrics"
answer 204 -X OPTIONS "$small/metrics"
answer 204 -X OPTIONS --request-target '*' "$small"
head_has 'allow: GET, HEAD, OPTIONS'
answer 400 --request-target '*' "$small"
answer 501 -X BREW "$small/metrics"

for page in small large; do
	eval "base=\$$page"
	answer 200 --http1.0 "$base/metrics"
	body_is "$tmp/$page"
	head_has 'connection: close'
	head_lacks transfer-encoding
	answer 200 --compressed "$base/metrics"
	body_is "$tmp/$page"
	head_has 'content-encoding: gzip'
	answer 200 --http2 "$base/metrics"
	body_is "$tmp/$page"
	answer 200 --range 0-9 "$base/metrics"
	body_is "$tmp/$page"
	"$CURL" -sS -m 20 --http2-prior-knowledge -o "$tmp/body" "$base/metrics" 2>"$tmp/error" &&
		complain "HTTP/2 out of the blue"
done

echo 'POST query' >"$tmp/echo"
for expect in '100-continue' ''; do
	answer 200 -H "Expect: $expect" --data-binary "@$tmp/upload" "$small/echo?query"
	body_is "$tmp/echo"
	answer 200 -H "Expect: $expect" -H 'Transfer-Encoding: chunked' --data-binary "@$tmp/upload" "$small/echo?query"
	body_is "$tmp/echo"
	answer 413 -H "Expect: $expect" --data-binary "@$tmp/upload-too-large" "$small/echo"
	answer 413 -H "Expect: $expect" -H 'Transfer-Encoding: chunked' \
		--data-binary "@$tmp/upload-too-large" "$small/echo"
done
answer 200 -H 'Expect: 100-continue' --data-binary "@$tmp/upload" "$small/echo?query"
head_has 'HTTP/1\.1 100' 'HTTP/1\.1 200'
answer 413 -H 'Expect: 100-continue' --data-binary "@$tmp/upload-too-large" "$small/echo"
head_lacks 'HTTP/1\.1 100'
answer 417 -H 'Expect: a cake' "$small/metrics"

# ---- curl: targets, fields

answer 200 -x "$small" http://other.example/metrics
body_is "$tmp/small"
answer 200 -x "$small" 'http://other.example/echo?a=b'
test "$("$CURL" -sS -m 20 -p -x "$small" -o "$tmp/body" -w '%{http_connect}' http://other.example/ 2>"$tmp/error")" = 405 ||
	complain "CONNECT"
answer 200 "$small/metrics?$(letters 8000)"
answer 414 "$small/metrics?$(letters 9000)"
answer 200 -H "X: $(letters 8000)" "$small/metrics"
answer 431 -H "X: $(letters 9000)" "$small/metrics"
answer 400 -H 'Host:' "$small/metrics"
answer 200 --http1.0 -H 'Host:' "$small/metrics"
answer 400 -H "$(printf 'X: y\r\nHost: other')" "$small/metrics"
answer 400 -H 'Host: a b' "$small/metrics"
answer 400 -H "$(printf 'X: a\r\n b')" "$small/metrics"

answer 200 "$small/metrics?name[]=jobs_total"
grep -v '^#' "$tmp/body" | grep -v '^jobs_total{' && complain "more than name[] asked for"
mv "$tmp/body" "$tmp/jobs"
answer 200 -G --data-urlencode 'name[]=item_bytes' --data-urlencode 'name[]=no_such' "$small/metrics"
cat "$tmp/jobs" "$tmp/body" | cmp - "$tmp/small" || complain "name[]: the parts are not the whole"
answer 400 "$small/metrics?name[]=%zz"

# ---- curl: connections

case $(connections "$small/metrics" "$small/nowhere" "$small/metrics" "$large/metrics" "$large/metrics") in
"200:1 404:0 200:0 200:1 200:0 ") ;;
*) complain "a connection is not kept alive" ;;
esac
one="-g -sS -m 20 -w %{http_code}:%{num_connects}\\n $small/echo"
# shellcheck disable=SC2086 # words, all of them
case $(connections -I "$small/metrics" "$small/metrics" --next $one -d hello --next $one -T "$tmp/upload" -X POST \
	--next $one -H 'Transfer-Encoding: chunked' -d hello --next $one -X TRACE --next $one) in
"200:1 200:0 200:0 200:0 200:0 405:0 200:0 ") ;;
*) complain "a connection is not kept alive after some method or body" ;;
esac
test "$(connections --http1.0 "$small/metrics" "$small/metrics")" = "200:1 200:1 " || complain "HTTP/1.0 is kept alive"
test "$(connections -H 'Connection: close' "$small/echo" "$small/echo")" = "200:1 200:1 " || complain "Connection: close"
# statuses ARGUMENT…: how often curl got which, with [1-9] in URLs as it takes it.
statuses()
{
	"$CURL" -s -m 60 -w '%{http_code}\n' "$@" 2>"$tmp/error" | sort | uniq -c | awk '{ print $1 "x" $2 }'
}
got=$(statuses --parallel --parallel-max 20 -o "$tmp/parallel" "$small/echo?[1-100]")
test "$got" = 100x200 || complain "in parallel: $got"

# ---- curl: Unix sockets, access

daemon unix "unix:$tmp/socket"
answer 200 --unix-socket "$tmp/socket" http://localhost/metrics
body_is "$tmp/small"
daemon abstract "unix:@cprom-test.$$"
answer 200 --abstract-unix-socket "cprom-test.$$" http://localhost/metrics
body_is "$tmp/small"

answer 200 "$closed/-/healthy"
answer 200 --oauth2-bearer "$token" "$closed/metrics"
body_is "$tmp/small"
for scheme in --basic --anyauth; do
	answer 200 "$scheme" -u "someone:$password" "$closed/metrics"
	body_is "$tmp/small"
done

# refused ARGUMENT…: with 401, and nothing of a secret in the answer.
refused()
{
	answer 401 "$@"
	head_has 'www-authenticate: Basic realm=' 'www-authenticate: Bearer realm='
	cat "$tmp/head" "$tmp/body" | grep -qi -e says -e "$encoded" && complain "a secret in the answer: curl $*"
}
refused "$closed/metrics"
refused "$closed/nowhere"
refused -I "$closed/"
refused -d hello "$closed/echo"
refused --oauth2-bearer "${token}x" "$closed/metrics"
refused --oauth2-bearer "${token%?}" "$closed/metrics"
refused --oauth2-bearer "$password" "$closed/metrics"
refused -u "someone:${password}x" "$closed/metrics"
refused -u "other:$password" "$closed/metrics"
refused -u someone: "$closed/metrics"
refused -u "$token:" "$closed/metrics"
refused --anyauth -u "someone:$token" "$closed/metrics"
refused --digest -u "someone:$password" "$closed/metrics"
refused --oauth2-bearer "$token" -H 'Authorization: Bearer' "$closed/metrics"

# ---- curl: as many pages under way as there may be

daemon few -s 1 -n 90000 "unix:$tmp/few"
"$CURL" -sS -N --limit-rate 1M --unix-socket "$tmp/few" -o "$tmp/slow" http://localhost/metrics &
slow_pid=$!
pids="$pids $slow_pid"
for _ in $(seq 100); do
	test ! -s "$tmp/slow" || break
	sleep 0.05
done
answer 503 --unix-socket "$tmp/few" http://localhost/metrics
head_has 'retry-after: 1'
answer 200 --unix-socket "$tmp/few" http://localhost/echo
kill "$slow_pid"
wait "$slow_pid" 2>/dev/null
answer 200 --retry 5 --unix-socket "$tmp/few" 'http://localhost/metrics?name[]=jobs_total'
body_is "$tmp/jobs"

# ---- nginx in front

free_ports nginx_port
{
	for page in small large; do
		eval "base=\$$page"
		echo "upstream $page { server ${base#http://}; keepalive 4; }"
	done
	echo "server { listen 127.0.0.1:$nginx_port; proxy_http_version 1.1; proxy_set_header Connection \"\";"
	for page in small large; do
		echo "location /$page/on/ { proxy_pass http://$page/; }"
		echo "location /$page/off/ { proxy_pass http://$page/; proxy_buffering off; proxy_request_buffering off; }"
		echo "location /$page/old/ { proxy_pass http://$page/; proxy_http_version 1.0; }"
	done
	echo "}"
} >"$tmp/servers"
start_nginx "$nginx_port" "$tmp/servers"
nginx=http://127.0.0.1:$nginx_port

# sockets PID: those of a process.
sockets()
{
	ls -l "/proc/$1/fd" | sed -n 's/.* \(socket:.*\)/\1/p' | sort
}

for page in small large; do
	eval "pid=\$${page}_pid"
	answer 200 "$nginx/$page/old/metrics"
	body_is "$tmp/$page"
	for buffering in on off; do
		through=$nginx/$page/$buffering
		answer 200 "$through/metrics"
		body_is "$tmp/$page"
		sockets "$pid" >"$tmp/before"
		test "$(wc -l <"$tmp/before")" -eq 2 || complain "$through: not one that listens, and one connection"
		answer 200 --http1.0 "$through/metrics"
		body_is "$tmp/$page"
		answer 200 --compressed "$through/metrics"
		body_is "$tmp/$page"
		head_has 'content-encoding: gzip' 'vary: accept'
		answer 200 -I "$through/metrics"
		answer 404 "$through/nowhere"
		answer 405 -d a=b "$through/metrics"
		head_has 'allow: GET'
		answer 200 --data-binary "@$tmp/upload" "$through/echo?query"
		body_is "$tmp/echo"
		answer 200 -H 'Transfer-Encoding: chunked' --data-binary "@$tmp/upload" "$through/echo?query"
		body_is "$tmp/echo"
		got=$(statuses -o "$tmp/body" "$through/metrics?[1-50]")
		test "$got" = 50x200 || complain "$through, in a row: $got"
		body_is "$tmp/$page"
		sockets "$pid" | cmp - "$tmp/before" || complain "$page, $buffering: not one connection for all"
		answer 413 -H 'Expect:' --data-binary "@$tmp/upload-too-large" "$through/echo"
	done
done

# ---- Prometheus

printf '%s\n' "$token" >"$tmp/token"
printf '%s\n' "$password" >"$tmp/password"
printf '%sx\n' "$token" >"$tmp/wrong"
cat >"$tmp/prometheus.yml" <<END
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: bearer
    authorization: {credentials_file: $tmp/token}
    static_configs: [{targets: ['${closed#http://}']}]
  - job_name: basic
    basic_auth: {username: someone, password_file: $tmp/password}
    static_configs: [{targets: ['${closed#http://}']}]
  - job_name: wrong
    authorization: {credentials_file: $tmp/wrong}
    static_configs: [{targets: ['${closed#http://}']}]
  - job_name: names
    params: {'name[]': [jobs_total, no_such]}
    static_configs: [{targets: ['${small#http://}']}]
  - job_name: nginx
    metrics_path: /small/on/metrics
    static_configs: [{targets: ['127.0.0.1:$nginx_port']}]
END
start_prometheus "$tmp/prometheus.yml"
# Twice at least, so that a second scrape on a connection is among them.
want 'count(count_over_time(up[1m]) >= 2)' 5 5 20
for job in bearer basic nginx; do
	want "up{job=\"$job\"}" 1 1
	want "count({job=\"$job\",__name__!~\"up|scrape_.*\"})" 202 202
	want "jobs_total{job=\"$job\",queue=\"even\"}" 12 12
	want "item_bytes{job=\"$job\",item=\"199\"}" 199.25 199.25
done
want 'up{job="names"}' 1 1
want 'count({job="names",__name__!~"up|scrape_.*"})' 2 2
want 'jobs_total{job="names",queue="o\"d\\d\n"}' 0.5 0.5
want 'max_over_time(up{job="wrong"}[1m])' 0 0

# ---- the end

for pid in $small_pid $large_pid; do
	kill -TERM "$pid"
	wait "$pid" || complain "SIGTERM: status $?"
done
finish "curl, nginx and Prometheus get what they should"
