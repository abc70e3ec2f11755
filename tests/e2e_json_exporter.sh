#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_json_exporter: what examples/json_exporter shows of a file and a URL is what they say; a source that is broken costs itself alone.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
exporter_program=$top_builddir/examples/json_exporter/json_exporter
test -x "$exporter_program" || skip "built without jansson"
grep -q '^LIBCURL_LIBS = .' "$top_builddir/Makefile" || skip "built without libcurl"
scratch
mkdir "$tmp/text" "$tmp/openmetrics" "$tmp/documents" || die "mkdir"
documents=$tmp/documents
cp "$top_srcdir"/examples/json/*-*.json "$documents" && chmod u+w "$documents"/* || die "no samples"

start_sources()
{
	start sources "$PYTHON3" "$top_srcdir/tests/json_sources.py" "$documents" s3cret
	sources_pid=$pid
}

# check NAME [SOURCE=REASON]…: the page is sound, and has what the documents say but for those sources.
count=0
check()
{
	count=$((count + 1))
	name=$count-$1
	shift
	"$CURL" -sS -m 10 -H 'Accept: application/openmetrics-text; version=1.0.0' "$exporter/metrics" \
		>"$tmp/openmetrics/$name" || complain "$name: no OpenMetrics page"
	"$CURL" -sS -m 10 "$exporter/metrics" >"$tmp/text/$name" || complain "$name: no page"
	"$PYTHON3" "$top_srcdir/tests/json_expected.py" values "$mapping" "$documents" \
		"$tmp/openmetrics/$name" "$tmp/text/$name" "$@" ||
		complain "$name: the page is not right"
}

# ---- as the examples are -----------------------------------------------------

# Relative to the mapping, wherever it is started.
start example "$exporter_program" "$top_srcdir/examples/json/mapping.json" 127.0.0.1:0
exporter=http://127.0.0.1:$port
mapping=$top_srcdir/examples/json/mapping.json
check example
stop "$pid" || complain "SIGTERM: status $?"

# ---- one source a file, one a URL --------------------------------------------

start_sources
sources=http://127.0.0.1:$port
mapping=$tmp/mapping.json
sed -e "s|\"file\": \"dask-identity|\"file\": \"$documents/dask-identity|" \
	-e "s|\"file\": \"\(jupyterhub-users.json\)\"|\"url\": \"$sources/\1\", \"token_env\": \"HUB_TOKEN\", \"timeout\": 1|" \
	"$top_srcdir/examples/json/mapping.json" >"$mapping"
# No proxy stands between the exporter and its own machine.
HUB_TOKEN=s3cret start exporter env http_proxy=http://127.0.0.1:1 no_proxy= "$exporter_program" "$mapping" 127.0.0.1:0
exporter_pid=$pid
exporter=http://127.0.0.1:$port
check both
"$exporter_program" "$mapping" 127.0.0.1:0 >"$tmp/refused" 2>&1 && complain "it starts without its token"
grep -q HUB_TOKEN "$tmp/refused" || complain "what is missing: $(cat "$tmp/refused")"
for token in '' 's3cret
X-More: 1'; do
	HUB_TOKEN=$token timeout 5 "$exporter_program" "$mapping" 127.0.0.1:0 >"$tmp/refused" 2>&1
	grep -q '^json_exporter: jupyterhub: the token' "$tmp/refused" || complain "the token \"$token\": $(cat "$tmp/refused")"
done
for url in http://hub.example/ HTTP://hub.example/ hub.example/ http://127.0.0.1.example/ http://127.0.0.1@hub.example/; do
	sed "s|$sources/|$url|" "$mapping" >"$tmp/plain.json"
	HUB_TOKEN=s3cret timeout 5 "$exporter_program" "$tmp/plain.json" 127.0.0.1:0 >"$tmp/refused" 2>&1
	grep -q '^json_exporter: jupyterhub: a token .* https://' "$tmp/refused" || complain "a token in the clear to $url: $(cat "$tmp/refused")"
done

"$exporter_program" --dashboard "$mapping" >"$tmp/dashboard.json" || complain "--dashboard"
"$PYTHON3" "$top_srcdir/tests/json_expected.py" dashboard "$mapping" "$tmp/dashboard.json" >"$tmp/expressions" ||
	complain "the dashboard"

cat >"$tmp/prometheus.yml" <<END
global: {scrape_interval: 500ms}
scrape_configs:
  - job_name: json
    static_configs: [{targets: ['${exporter#http://}']}]
END
start_prometheus "$tmp/prometheus.yml"
prometheus_pid=$pid

want 'count_over_time(up[1m])' 2 1000 15
sed -i 's/"incoming_count_total": [0-9]*/&7/' "$documents/dask-identity.json" # 1840 to 18407
want 'rate(dask_worker_transfers_incoming_total{worker=~".*38041"}[1m])' 1 1e5 15
sed 's/\$__rate_interval/1m/' "$tmp/expressions" >"$tmp/queries"
test -s "$tmp/queries" || complain "no expressions"
while read -r expression; do
	want "$expression" -1e18 1e18 15
done <"$tmp/queries"
want 'up' 1 1 15
want 'json_exporter_up' 1 1 15
want 'sum(dask_worker_threads)' 16 16 15
want 'dask_worker_cpu_ratio{worker=~".*38041"}' 3.8739 3.8741 15
want 'jupyterhub_server_ready{user="user-a",server="gpu"}' 1 1 15
stop "$prometheus_pid" # else a scrape of its own might count an error between two of ours

# ---- what breaks -------------------------------------------------------------

dask=$documents/dask-identity.json
hub=$documents/jupyterhub-users.json
cp "$dask" "$tmp/dask" && cp "$hub" "$tmp/hub" || die "cp"

# The file: not JSON, not there, a pipe, and not what the mapping says.
head -c 1000 "$tmp/dask" >"$dask"
check truncated dask=parse
: >"$dask"
check empty dask=parse
rm "$dask"
check missing dask=fetch
mkfifo "$dask"
check pipe dask=parse
rm "$dask"
"$PYTHON3" -c 'print("[" * 2000 + "]" * 2000)' >"$dask"
check deep dask=value
"$PYTHON3" -c 'print("[" * 100000)' >"$dask"
check deeper dask=parse
for wrong in 's/"nthreads": 8/"nthreads": "8"/' 's/"workers": {$/"workers": 3, "old": {/' 's/"nthreads": 8/"nthreads": [8]/' \
	's/"incoming_count_total": 12/"incoming_count_total": -12/' 's/"started": /"started": 1e999, "x": /'; do
	sed "$wrong" "$tmp/dask" >"$dask"
	cmp -s "$dask" "$tmp/dask" && complain "$wrong changes nothing"
	case $wrong in
	*1e999*) check overflow dask=parse ;;
	*) check "wrong" dask=value ;;
	esac
done
# What is null or not there is no error; integers may be of any size.
sed -e 's/"nthreads": 8,/"nthreads": null,/' -e 's/"memory_limit": [0-9]*,/"memory_limit": 123456789012345678901234567890,/' \
	-e 's/"started": .*/"gone": 1,/' "$tmp/dask" >"$dask"
check null
cp "$tmp/dask" "$dask"
check again

# A * that meets a number, also where nothing else would notice.
long_mapping=$mapping
long_exporter=$exporter
mapping=$documents/mapping.json
sed '/"path": "workers",/,/"dask_workers"/d' "$top_srcdir/examples/json/mapping.json" >"$mapping"
start star "$exporter_program" "$mapping" 127.0.0.1:0
exporter=http://127.0.0.1:$port
check star
sed 's/"workers": {$/"workers": 3, "old": {/' "$tmp/dask" >"$dask"
check star-number dask=value
cp "$tmp/dask" "$dask"
mapping=$long_mapping
exporter=$long_exporter

# The URL.
for mode in slow drip 500 302 cut big empty; do
	echo $mode >"$documents/mode"
	case $mode in
	empty) check $mode jupyterhub=parse ;;
	*) check $mode jupyterhub=fetch ;;
	esac
done
rm "$documents/mode"
# 16 MiB, not what comes within the timeout.
if test "$SANITIZER" = no; then
	awk '/^VmHWM/ { exit $2 > 65536 }' "/proc/$exporter_pid/status" || complain "a large document: $(grep VmHWM "/proc/$exporter_pid/status")"
fi
sed 's/"user-b"/"user-a"/' "$tmp/hub" >"$hub"
check twins jupyterhub=value
grep -q '^json_exporter: jupyterhub: .*a sample of these labels' "$tmp/exporter.log" || complain "why: $(cat "$tmp/exporter.log")"
for wrong in yesterday 2026-13-20T07:01:00Z 2026-02-30T07:01:00Z 2026--1-20T07:01:00Z '2026-03- 2T07:01:00Z' 2026-03-20T99:01:00Z \
	2026-03-20T07:60:00Z 2026-03-20T07:01:61Z 2026-03-20T07:01:05e1Z 2026-03-20T07:01:00+02:00junk 2026-03-20T07:01:00+-1:30 \
	2026-03-20T07:01:00+02:60 2026-03-20T07:01:00+24 2026-03-20T07:01:00+020 2026-03-20T07:01:00=02 2026-03-20T07:01; do
	sed "s/\"2026-03-20T07:01:00Z\"/\"$wrong\"/" "$tmp/hub" >"$hub"
	check "$(echo "$wrong" | tr ' ' _)" jupyterhub=value
done
for right in 2026-03-20T09:01:00+0200 2026-03-20T05:01:00.5-02 2028-02-29T23:59:59.999-00:30; do
	sed "s/\"2026-03-20T07:01:00Z\"/\"$right\"/" "$tmp/hub" >"$hub"
	check "$right"
done
sed 's/"2026-03-20T07:01:00Z"/"2026-03-20T08:01:00.25+01:00"/; s/"user-c"/"\\u00fcser \\"c\\\\\\n"/' "$tmp/hub" >"$hub"
check zone
cp "$tmp/hub" "$hub"
stop "$sources_pid"
rm "$dask"
check down jupyterhub=fetch dask=fetch
cp "$tmp/dask" "$dask"
check half jupyterhub=fetch

# Each change is told once.
test "$(grep -c '^json_exporter: dask: well again$' "$tmp/exporter.log")" -eq 2 || complain "what is told: $(cat "$tmp/exporter.log")"
grep -q s3cret "$tmp/exporter.log" "$tmp"/text/* && complain "the token is told"
stop "$exporter_pid" || complain "SIGTERM: status $?"

"$PYTHON3" "$top_srcdir/tests/check_page.py" --sound "$tmp"/text/* >"$tmp/verdict" || complain "the text pages: $(cat "$tmp/verdict")"
"$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" --sound "$tmp"/openmetrics/* >"$tmp/verdict" ||
	complain "the OpenMetrics pages: $(cat "$tmp/verdict")"
for page in "$tmp"/text/2-both "$tmp"/text/*-down; do
	"$PROMTOOL" check metrics <"$page" >"$tmp/verdict" 2>&1 || complain "promtool, $page: $(cat "$tmp/verdict")"
done

# ---- mappings that are not right ---------------------------------------------

# refused WORDS SED: the example's mapping, changed so, is refused with a message that has the words.
refused()
{
	sed "$2" "$top_srcdir/examples/json/mapping.json" >"$tmp/bad.json"
	cmp -s "$tmp/bad.json" "$top_srcdir/examples/json/mapping.json" && complain "$2 changes nothing"
	"$exporter_program" --dashboard "$tmp/bad.json" >"$tmp/refused" 2>&1 && complain "it takes: $2"
	grep -q "^json_exporter: .*$1" "$tmp/refused" || complain "$2: $(cat "$tmp/refused")"
}

refused 'line ' 's/{"sources/{sources/'
refused 'colour' 's/"scale"/"colour"/'
refused 'dask_workers: .*type' '/"dask_workers"/s/"type": "gauge", //'
refused 'there is no "jauge"' 's/"gauge"/"jauge"/'
refused 'ends in _total' 's/incoming_total/incoming/'
refused 'in the page already' 's/incoming_total/outgoing_total/'
refused 'in the page already' 's/"dask_workers"/"json_exporter_up"/'
refused 'in the page already' 's/"dask_workers"/"process_open_fds"/'
refused 'in the page already' 's/"dask_workers"/"json_exporter_errors"/' # a counter of OpenMetrics
refused 'in the page already' 's/outgoing_total", "type": "counter"/incoming", "type": "gauge"/'
refused 'twice' 's/"name": "jupyterhub"/"name": "dask"/'
refused 'list of sources' 's/.*/{"sources": []}/; 2,$d'
refused 'list of metrics' 's/"metrics": \[/"metrics": {}}]}/; 3,$d'
refused 'dask-workers' 's/"dask_workers"/"dask-workers"/'
refused '__worker' 's/\["worker"\]/["__worker"]/'
refused 'labels' 's/"labels": \["worker"\]/"labels": []/'
refused 'labels' 's/"labels": \["worker"\]/"labels": ["worker", "more"]/'
refused 'a file or a url' 's/"file"/"timeout": 1, "url": "x", "file"/'
refused 'a timeout' 's/"file": "dask/"timeout": 0.0009, &/'
refused 'a timeout' 's/"file": "dask/"timeout": 8.001, &/'
refused 'add up to 12 seconds' 's/"file": "dask/"timeout": 8, "url": "/; s/"file": "jup/"url": "/'
refused 'steps' 's/"path": "started"/"path": "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"/'
"$exporter_program" "$tmp/nowhere.json" >"$tmp/refused" 2>&1 && complain "a mapping that is not there"
"$exporter_program" >"$tmp/refused" 2>&1 && complain "no mapping"
grep -q usage "$tmp/refused" || complain "no usage"

finish "$count pages say what the documents do"
