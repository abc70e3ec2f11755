#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_handlers: examples/handlers measures what is let in; examples/microhttpd shows the page that cprom's own server would.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
test -x "$top_builddir/examples/microhttpd" || skip "built without libmicrohttpd"
scratch
mkdir "$tmp/text" "$tmp/openmetrics" || die "mkdir"

# get STATUS ARGUMENT…: curl; its answer's body goes to $tmp/body, its head to $tmp/head.
get()
{
	wanted=$1
	shift
	status=$("$CURL" -sS -m 10 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" 2>"$tmp/curl.log")
	test "$status" = "$wanted" || complain "$*: $status, not $wanted: $(cat "$tmp/curl.log")"
}

# value FILE SERIES: what the page shows of it.
value()
{
	awk -v series="$2" '$1 == series { print $2 }' "$1"
}

# shows FILE SERIES VALUE
shows()
{
	test "$(value "$1" "$2")" = "$3" || complain "$2 is \"$(value "$1" "$2")\", and should be $3"
}

# pages NAME ARGUMENT…: the page in both formats, for the judges.
pages()
{
	name=$1
	shift
	get 200 "$@"
	cp "$tmp/body" "$tmp/text/$name"
	"$PROMTOOL" check metrics <"$tmp/body" >"$tmp/verdict" 2>&1 || complain "promtool, $name: $(cat "$tmp/verdict")"
	get 200 -H 'Accept: application/openmetrics-text; version=1.0.0' "$@"
	cp "$tmp/body" "$tmp/openmetrics/$name"
}

# ---- handlers ----------------------------------------------------------------

unset HANDLERS_TOKEN
"$top_builddir/examples/handlers" 127.0.0.1:0 >"$tmp/refused" 2>&1 && complain "it starts without a token"
HANDLERS_TOKEN=s3cret start handlers "$top_builddir/examples/handlers" 127.0.0.1:0
handlers=http://127.0.0.1:$port handlers_pid=$pid
instances=$handlers/rucio-jupyterlab/instances
purge=$handlers/rucio-jupyterlab/purge-cache

# call STATUS ARGUMENT…: with credentials.
call()
{
	wanted=$1
	shift
	get "$wanted" -H 'Authorization: Bearer s3cret' "$@"
}

pages nothing -H 'Authorization: Bearer s3cret' "$handlers/metrics"
shows "$tmp/text/nothing" my_jupyterlab_extension_requests_total 0
shows "$tmp/text/nothing" my_jupyterlab_extension_request_latency_seconds_count 0

began=$(date +%s.%N)
for _ in 1 2 3; do
	get 401 "$instances"
	grep -qi '^www-authenticate: bearer' "$tmp/head" || complain "401 without WWW-Authenticate"
	get 401 -X PUT "$instances?instance=atlas&auth=userpass"
	get 401 -X POST -H 'Authorization: Bearer wrong' "$purge"
	get 401 -X POST -H 'Authorization: Basic czNjcmV0Og==' "$purge"
	get 401 "$handlers/metrics"
	call 200 "$instances"
	call 200 -X POST "$purge"
done
call 200 "$instances"
grep -q '"active_instance": "cern"' "$tmp/body" || complain "who was refused has changed the instance"
call 400 -X PUT "$instances?instance=%3Cscript%3E"
call 400 -X PUT "$instances?instance=atlas&auth=x509-proxy"
call 400 -X PUT "$instances?instance=atlas&auth=a_type_of_more_than_31_characters"
call 400 -X PUT "$instances?instance=nowhere&auth=oidc"
call 200 "$instances"
grep -q '"active_instance": "cern", "auth_type": "x509_proxy"' "$tmp/body" || complain "what was refused has an effect"
call 200 -X PUT -d '{"dropped": true}' "$instances?instance=escape&auth=oidc"
call 200 "$instances"
grep -q '"active_instance": "escape", "auth_type": "oidc"' "$tmp/body" || complain "PUT had no effect"
"$PYTHON3" -m json.tool "$tmp/body" >/dev/null || complain "no JSON: $(cat "$tmp/body")"
call 404 "$handlers/rucio-jupyterlab/nothing"
call 404 -X DELETE "$instances"
call 201 -X POST "$handlers/api/kernels"
call 201 -X POST "$handlers/api/kernels"
took=$(echo "$(date +%s.%N) $began" | awk '{ print $1 - $2 }')

pages handlers -H 'Authorization: Bearer s3cret' "$handlers/metrics"
page=$tmp/text/handlers
shows "$page" my_jupyterlab_extension_requests_total 14
shows "$page" my_jupyterlab_extension_request_latency_seconds_count 14
value "$page" my_jupyterlab_extension_request_latency_seconds_sum |
	awk -v most="$took" '{ exit !($1 >= 0.06 && $1 < most) }' || complain "three calls of 20 ms and more are not in the sum"
grep -q '^# TYPE my_jupyterlab_extension_request_latency_seconds summary$' "$page" || complain "no summary"
shows "$page" 'notebook_answers_total{code="200"}' 10
shows "$page" 'notebook_answers_total{code="201"}' 2
shows "$page" 'notebook_answers_total{code="400"}' 4
shows "$page" 'notebook_answers_total{code="404"}' 2
shows "$page" 'notebook_answers_total{code="401"}' ''
shows "$page" notebook_kernels_running 2
grep -q '^process_start_time_seconds ' "$page" || complain "no process metrics"

# ---- microhttpd --------------------------------------------------------------

# The example, and in the same process cprom's own server, and calls that fail when they are asked to.
cat >"$tmp/beside.c" <<'END'
#include <cprom.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

cprom_scrape *__real_cprom_scrape_open_with(const cprom_scrape_options *o);
ssize_t __real_cprom_scrape_read(cprom_scrape *s, void *buf, size_t n);
static cprom_scrape *breaks;

cprom_scrape *
__wrap_cprom_scrape_open_with(const cprom_scrape_options *o)
{
	cprom_scrape *s = __real_cprom_scrape_open_with(o);
	breaks = s == breaks ? NULL : breaks; /* the memory of one that is closed */
	if (o->accept != NULL && strcmp(o->accept, "broken/open") == 0) {
		cprom_scrape_close(s);
		errno = ENOMEM;
		return NULL;
	}
	if (o->accept != NULL && strcmp(o->accept, "broken/read") == 0)
		breaks = s;
	return s;
}

ssize_t
__wrap_cprom_scrape_read(cprom_scrape *s, void *buf, size_t n)
{
	static int calls;
	if (s != breaks)
		return __real_cprom_scrape_read(s, buf, n);
	return calls++ == 0 ? __real_cprom_scrape_read(s, buf, 100) : -1;
}

__attribute__((constructor)) static void
serve(void)
{
	cprom_server *server = cprom_server_start("127.0.0.1:0");
	printf("own: port %d\n", cprom_server_port(server));
}
END
# shellcheck disable=SC2086 # words
$CC -std=gnu11 -pthread -I"$top_srcdir/include" -Wl,--wrap=cprom_scrape_open_with -Wl,--wrap=cprom_scrape_read \
	"$tmp/beside.c" "$top_srcdir/examples/microhttpd.c" "$top_builddir/.libs/libcprom.a" $sanitizer_flags \
	-lmicrohttpd -o "$tmp/beside" || die "the example does not compile with a server beside it"

start microhttpd "$tmp/beside" 0
foreign=http://127.0.0.1:$port
own=http://127.0.0.1:$(sed -n 's/^own: port //p' "$tmp/microhttpd.log")

for _ in 1 2 3; do
	get 200 "$foreign/"
	test "$(cat "$tmp/body")" = 'Hello!' || complain "no greeting"
done
get 200 -H 'Accept-Language: eo' "$foreign/"
get 404 "$foreign/nowhere"
get 405 -d 'a body' "$foreign/metrics"
grep -qi '^allow: GET, HEAD' "$tmp/head" || complain "405 without Allow"
get 200 -I "$foreign/metrics"
test ! -s "$tmp/body" || grep -q '^HTTP' "$tmp/body" || complain "HEAD has a body"

pages microhttpd "$foreign/metrics"
page=$tmp/text/microhttpd
shows "$page" 'app_greetings_total{language="en"}' 3
shows "$page" 'app_greetings_total{language="eo"}' 1
shows "$page" app_greeting_seconds_count 4
shows "$page" 'app_greeting_seconds_bucket{le="+Inf"}' 4
grep -q '^process_start_time_seconds ' "$page" || complain "no process metrics"

# still FILE: the page without what changes by itself from one moment to the next.
still()
{
	sed 's/^\(\(process\|cprom\)_[^ ]*\) .*/\1/' "$1"
}

protobuf='application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'
for accept in '*/*' 'application/openmetrics-text;version=1.0.0' "$protobuf" \
	"$protobuf,application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5" 'image/png'; do
	for query in '' '?name[]=app_greetings_total' '?name%5B%5D=app_greeting_seconds&name%5b%5d=nothing&x=1' '?name[]' '?name[]='; do
		get 200 -g -H "Accept: $accept" "$own/metrics$query"
		mv "$tmp/body" "$tmp/own"
		grep -i '^content-type' "$tmp/head" >"$tmp/own.type"
		get 200 -g -H "Accept: $accept" "$foreign/metrics$query"
		grep -i '^content-type' "$tmp/head" | cmp -s - "$tmp/own.type" || complain "$accept: $(cat "$tmp/head")"
		case $accept$query in
		"$protobuf"*\?*) cmp "$tmp/own" "$tmp/body" || complain "$accept $query: another page" ;;
		"$protobuf"*) test -s "$tmp/body" || complain "$accept: an empty page" ;;
		*)
			still "$tmp/own" >"$tmp/own.still"
			still "$tmp/body" | diff "$tmp/own.still" - || complain "$accept $query: another page"
			;;
		esac
	done
done
grep -qi '^vary: accept' "$tmp/head" || complain "no Vary"

names=$(seq -f 'name[]=n%g' -s '&' 64)
get 200 -g "$foreign/metrics?$names"
get 400 -g "$foreign/metrics?$names&name[]=n65"
get 503 -H 'Accept: broken/open' "$foreign/metrics"
"$CURL" -sS -m 10 -H 'Accept: broken/read' "$foreign/metrics" >"$tmp/body" 2>"$tmp/curl.log" && complain "half a page looks whole"
test -s "$tmp/body" || complain "the half page is empty, so nothing was shown: $(cat "$tmp/curl.log")"
get 200 "$foreign/metrics"
shows "$tmp/body" app_greeting_seconds_count 4

start plain "$top_builddir/examples/microhttpd" 0
"$CURL" -sS -m 10 "http://127.0.0.1:$port/metrics" | grep -q '^app_greeting_seconds_count 0$' || complain "the example as it is"
stop "$pid" || complain "SIGTERM: status $?"
for port in x 8003x '' -1 70000; do
	timeout 5 "$top_builddir/examples/microhttpd" "$port" >"$tmp/refused" 2>&1
	test $? = 1 || complain "microhttpd takes \"$port\" for a port"
	grep -q '^usage: microhttpd' "$tmp/refused" || complain "no usage: $(cat "$tmp/refused")"
done
timeout 5 "$top_builddir/examples/microhttpd" "${foreign##*:}" >"$tmp/refused" 2>&1
test $? = 1 || complain "two on one port"
grep -qi 'bind' "$tmp/refused" || complain "it does not say why: $(cat "$tmp/refused")"

# ---- Prometheus --------------------------------------------------------------

"$PYTHON3" "$top_srcdir/tests/check_page.py" --sound "$tmp"/text/* || complain "the text pages"
"$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" --sound "$tmp"/openmetrics/* || complain "the OpenMetrics pages"

cat >"$tmp/prometheus.yml" <<END
global: {scrape_interval: 500ms}
scrape_configs:
  - job_name: handlers
    authorization: {credentials: s3cret}
    static_configs: [{targets: ['${handlers#http://}']}]
  - job_name: stranger
    static_configs: [{targets: ['${handlers#http://}']}]
  - job_name: microhttpd
    static_configs: [{targets: ['${foreign#http://}']}]
END
start_prometheus "$tmp/prometheus.yml"
want 'up{job="handlers"}' 1 1 15
want 'up{job="microhttpd"}' 1 1 15
want 'up{job="stranger"}' 0 0 15
want 'my_jupyterlab_extension_requests_total{job="handlers"}' 14 14 15
want 'my_jupyterlab_extension_request_latency_seconds_count{job="handlers"}' 14 14 15
want 'notebook_kernels_running' 2 2 15
want 'sum(app_greetings_total)' 4 4 15
want 'app_greeting_seconds_bucket{le="+Inf"}' 4 4 15

stop "$handlers_pid" || complain "SIGTERM: status $?"
finish "handlers are measured behind authentication; a foreign server shows the same page"
