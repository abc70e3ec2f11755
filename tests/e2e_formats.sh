#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_formats: one Prometheus reads the same daemon in each format; its answers are the same.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
scratch

# start_proxy JOB ACCEPT: readers of this job are given what ACCEPT asks for; "": what they ask for.
start_proxy()
{
	start "$1" "$PYTHON3" "$top_srcdir/tests/accept_proxy.py" "$daemon" "$2"
	cat >>"$tmp/prometheus.yml" <<-END
	  - job_name: $1
	    static_configs: [{targets: ['127.0.0.1:$port']}]
	END
}

# read_as JOB TYPE: the job's pages were of that type, and compressed.
read_as()
{
	grep -q "^200 gzip $2" "$tmp/$1.log" || complain "$1 got no $2 in gzip"
	test "$(grep -vc "^200 gzip $2" "$tmp/$1.log")" -eq 1 || complain "$1 got something else, too"
}

# exemplars JOB METRIC: the trace ids that the query API knows.
exemplars()
{
	now=$(date +%s)
	"$CURL" -sS -m 10 -G "$prometheus/api/v1/query_exemplars" --data-urlencode "query=$2{job=\"$1\"}" \
		--data "start=$((now - 300))" --data "end=$((now + 60))" |
		"$PYTHON3" -c 'import json, sys
print(*sorted({e["labels"]["trace_id"] for s in json.load(sys.stdin)["data"] for e in s["exemplars"]}))'
}

mkfifo "$tmp/input"
"$top_builddir/tests/format_daemon" <"$tmp/input" >"$tmp/daemon.log" 2>&1 &
pids="$pids $!"
exec 3>"$tmp/input"
wait_for_line "$tmp/daemon.log" 's/^port \([0-9]*\)$/\1/p' || die "the daemon does not say its port"
daemon=http://127.0.0.1:$line

cat >"$tmp/prometheus.yml" <<END
global: {scrape_interval: 1s}
scrape_configs:
END
start_proxy text 'text/plain;version=0.0.4'
start_proxy openmetrics 'application/openmetrics-text;version=1.0.0'
start_proxy protobuf ''
start_prometheus "$tmp/prometheus.yml" --enable-feature=native-histograms,exemplar-storage
for job in text openmetrics protobuf; do
	want "up{job=\"$job\"}" 1 1 20
	want "count_over_time(up{job=\"$job\"}[1m])" 2 100 20
done

"$PYTHON3" "$top_srcdir/tests/compare_jobs.py" "$prometheus" text openmetrics protobuf -- \
	'jobs_done_total{job="JOB"}' 'load_ratio{job="JOB"}' \
	'wait_seconds_bucket{job="JOB"}' 'wait_seconds_sum{job="JOB"}' 'wait_seconds_count{job="JOB"}' \
	'turn_seconds{job="JOB"}' 'turn_seconds_sum{job="JOB"}' 'turn_seconds_count{job="JOB"}' \
	'histogram_quantile(0.9, wait_seconds_bucket{job="JOB"})' \
	'tasks_done_total{job="JOB"}' 'steps_seconds_bucket{job="JOB"}' 'steps_seconds_sum{job="JOB"}' \
	'steps_seconds_count{job="JOB"}' 'count({__name__=~"process_.*",job="JOB"})' 'count({__name__=~"cprom_.*",job="JOB"})' ||
	complain "the answers differ"
"$PYTHON3" "$top_srcdir/tests/compare_jobs.py" "$prometheus" text openmetrics -- \
	'both_seconds_bucket{job="JOB"}' 'native_seconds_count{job="JOB"}' || complain "the answers differ"

# 0.001 × 1.01^(1000 q), within the half of a bucket of schema 3, 4.4 %, and one observation.
for histogram in native both; do
	want "histogram_quantile(0.5, ${histogram}_seconds{job=\"protobuf\"})" 0.1368 0.1530
	want "histogram_quantile(0.9, ${histogram}_seconds{job=\"protobuf\"})" 7.323 8.190
	want "histogram_count(${histogram}_seconds{job=\"protobuf\"})" 1000 1001
done

want 'histogram_count(sum(sparse_seconds{job="protobuf"}))' 2000 2000
want 'count(offset_seconds{job="protobuf"})' 2 2
want 'histogram_count(offset_seconds{of="nothing",job="protobuf"})' 0 0
want 'histogram_quantile(0.25, offset_seconds{of="clock",job="protobuf"})' -275 -225
want 'histogram_quantile(0.75, offset_seconds{of="clock",job="protobuf"})' 225 275

for job in openmetrics protobuf; do
	test "$(exemplars "$job" jobs_done_total)" = jobs || complain "$job: no exemplar of the counter"
	test "$(exemplars "$job" wait_seconds_bucket)" = wait || complain "$job: no exemplar of the histogram"
done
test -z "$(exemplars text jobs_done_total)" || complain "an exemplar came from text"

read_as text 'text/plain; version=0.0.4'
read_as openmetrics 'application/openmetrics-text; version=1.0.0'
read_as protobuf 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'

finish "Prometheus answers the same whatever it reads"
