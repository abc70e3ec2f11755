#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_protobuf: a Prometheus that asks for protobuf knows what one knows that asks for OpenMetrics, and
# native histograms.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PYTHON3"
scratch

pids=
clean_up()
{
	status=$?
	exec 9>&-
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	test "$status" -eq 0 || tail -n 30 "$tmp"/*.log
	rm -rf "$tmp"
}
trap clean_up EXIT

# start_prometheus NAME FEATURES: its URL in $url.
start_prometheus()
{
	mkdir "$tmp/$1"
	"$PROMETHEUS" --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/$1" \
		--enable-feature="$2" --web.listen-address=127.0.0.1:0 >"$tmp/$1.log" 2>&1 &
	pids="$pids $!"
	wait_for_line "$tmp/$1.log" 's/.*msg="Listening on" address=\([0-9.:]*\).*/\1/p' ||
		die "Prometheus does not say its port"
	url=http://$line
}

# want URL EXPRESSION LOW HIGH [SECONDS]: what PromQL answers.
want()
{
	"$PYTHON3" "$top_srcdir/tests/promql.py" "$@" || complain "$2"
}

# ask FILE URL NAME: the series of that name and their values, one per line.
ask()
{
	"$CURL" -sS -m 10 -G "$2/api/v1/query" --data-urlencode "query=$3" | "$PYTHON3" -c '
import json, sys
for result in json.load(sys.stdin)["data"]["result"]:
    print(json.dumps([result["metric"], result["value"][1]], sort_keys=True))
' | sort >"$1"
}

mkfifo "$tmp/input"
"$top_builddir/tests/served" 127.0.0.1:0 <"$tmp/input" >"$tmp/served.log" 2>&1 &
pids=$!
exec 9>"$tmp/input"
wait_for_line "$tmp/served.log" 's/^port \([0-9]*\)$/\1/p' || die "served does not say its port"
app=127.0.0.1:$line
cat >"$tmp/prometheus.yml" <<END
global: {scrape_interval: 1s}
scrape_configs: [{job_name: acme, static_configs: [{targets: ["$app"]}]}]
END

start_prometheus openmetrics exemplar-storage
openmetrics=$url
start_prometheus protobuf exemplar-storage,native-histograms
protobuf=$url
for server in "$openmetrics" "$protobuf"; do
	want "$server" 'up' 1 1 15
	want "$server" 'count(acme_jobs_total)' 2000 2000 5
done

# The same in either, to the last label: all but the native histogram, which has other series.
for name in acme_jobs_total acme_load acme_wait_seconds_bucket acme_wait_seconds_count \
	acme_wait_seconds_sum acme_turn_seconds acme_turn_seconds_sum acme_turn_seconds_count; do
	ask "$tmp/openmetrics.answer" "$openmetrics" "$name"
	ask "$tmp/protobuf.answer" "$protobuf" "$name"
	cmp "$tmp/openmetrics.answer" "$tmp/protobuf.answer" || complain "$name: other answers"
	echo "$name: $(wc -l <"$tmp/protobuf.answer") series"
	test -s "$tmp/protobuf.answer" || complain "$name: no answer"
done

# Exemplars: their labels, values and times.
ask_exemplars()
{
	"$CURL" -sS -m 10 -G "$2/api/v1/query_exemplars" --data-urlencode 'query={__name__=~"acme_.+"}' \
		-d "start=$(($(date +%s) - 300))" -d "end=$(($(date +%s) + 10))" | "$PYTHON3" -c '
import json, sys
for series in json.load(sys.stdin)["data"]:
    print(json.dumps(series, sort_keys=True))
' | sort >"$1"
}
ask_exemplars "$tmp/openmetrics.exemplars" "$openmetrics"
ask_exemplars "$tmp/protobuf.exemplars" "$protobuf"
cmp "$tmp/openmetrics.exemplars" "$tmp/protobuf.exemplars" || complain "other exemplars"
test "$(wc -l <"$tmp/protobuf.exemplars")" -eq 3 || complain "not three exemplars"
cat "$tmp/protobuf.exemplars"

# The native histogram is one: no buckets, quantiles within the factor of a bucket (2^(1/8), 9 %).
want "$protobuf" 'count(acme_native_seconds)' 2003 2003
want "$protobuf" 'histogram_count(acme_native_seconds{queue="empty"})' 0 0
want "$protobuf" 'histogram_count(acme_native_seconds{queue="even"})' 1000 1000
want "$protobuf" 'histogram_sum(acme_native_seconds{queue="even"})' 5994 5996
want "$protobuf" 'histogram_quantile(0.5, acme_native_seconds{queue="even"})' 5.5 6.5
want "$protobuf" 'histogram_quantile(0.99, acme_native_seconds{queue="even"})' 10 12
want "$protobuf" 'histogram_quantile(0.25, acme_native_seconds{queue="signs"})' -275 -225
want "$protobuf" 'histogram_count(sum(acme_native_seconds{queue=~"[0-9]+"}))' 2000 2000
want "$protobuf" 'count(acme_native_seconds_bucket) or vector(0)' 0 0

# Nothing was refused.
sleep 2
for server in "$openmetrics" "$protobuf"; do
	want "$server" 'min_over_time(up[1m])' 1 1
done

finish "Prometheus knows the same in protobuf, and native histograms"
