#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_prometheus: Debian's Prometheus scrapes the example each second, and PromQL gives back what was driven.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
scratch

visits=160    # of /treecounter, with a pause of 50 ms after each: about 15 s
strays_every=4 # visits, one request for a page that is not there
window=10     # seconds before the end over which rates are taken

# visit PATH: one request; its end, duration and status go to visits.log.
visit()
{
	took=$("$CURL" -sS -m 10 -o /dev/null -w '%{time_total} %{http_code}' "$app$1") || complain "GET $1"
	echo "$(date +%s.%N) $took" >>"$tmp/visits.log"
}

# of_visits AWK: a figure over the successful visits, sorted by duration in d[1 … n]; t is their sum.
of_visits()
{
	awk '$3 == 200' "$tmp/visits.log" | sort -k 2,2n |
		awk -v now="$now" -v window="$window" '
			{ d[++n] = $2; t += $2; recent += $1 > now - window }
			END { print '"$1"' }'
}

# bucket_above SECONDS: the upper bound of the bucket that this duration falls into.
bucket_above()
{
	echo .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10 |
		awk -v v="$1" '{ for (i = 1; i < NF && v > $i; i++); print $i }'
}

start_treecounter
sed "s|127\.0\.0\.1:8001|${app#http://}|" "$top_srcdir/examples/prometheus.yml" >"$tmp/prometheus.yml"
start_prometheus "$tmp/prometheus.yml"
want 'up{job="treecounter"}' 1 1 15

stray=0
for i in $(seq "$visits"); do
	visit /treecounter
	test $((i % strays_every)) -ne 0 || {
		visit "/stray/$i"
		stray=$((stray + 1))
	}
	sleep 0.05
done

# While the last ten seconds were busy: the rate is that of the visits then.
now=$(date +%s.%N)
expected=$(of_visits 'recent / window')
echo "driven: $visits visits, $stray strays, $expected visits/s in the last $window s"
low=$(echo "$expected" | awk '{ print $1 * 0.8 }')
high=$(echo "$expected" | awk '{ print $1 * 1.2 }')
want "rate(requests_total{status=\"200\",endpoint=\"/treecounter\"}[${window}s])" "$low" "$high"

# After a scrape: the totals, exactly.
want 'requests_total{status="200",endpoint="/treecounter"}' "$visits" "$visits" 5
want 'requests_total{status="404",endpoint="other"}' "$stray" "$stray" 5
want 'sum(requests_total)' $((visits + stray)) $((visits + stray))
want 'request_latency_seconds_count{endpoint="/treecounter"}' "$visits" "$visits"
want 'request_latency_seconds_bucket{endpoint="/treecounter",le="+Inf"}' "$visits" "$visits"
want 'up' 1 1
want 'min_over_time(up[20s])' 1 1

# Durations against those that the clients saw, which are a little longer.
quantile='request_latency_seconds_bucket{endpoint="/treecounter"}'
want 'request_latency_seconds_sum{endpoint="/treecounter"}' "$(of_visits 't / 3')" "$(of_visits t)"
want "histogram_quantile(0.5, $quantile)" 0.01 "$(bucket_above "$(of_visits 'd[int(n / 2) + 1]')")"
want "histogram_quantile(0.99, $quantile)" 0.025 "$(bucket_above "$(of_visits 'd[n]')")"
# Over more than the test takes, for on a busy machine the queries above take their time.
want "histogram_quantile(0.5, rate(${quantile}[5m]))" 0.005 \
	"$(bucket_above "$(of_visits 'd[int(n * 0.9)]')")"

# The process metrics, against what the system says of the process.
want 'process_resident_memory_bytes' 100000 1e9
want 'process_virtual_memory_bytes' 1000000 1e15
want 'process_cpu_seconds_total' 0 60
want 'process_open_fds' 4 100
want 'process_max_fds' 4 1e10
want 'process_threads' 2 100
want 'time() - process_start_time_seconds' 10 300
want 'count({__name__=~"process_.+",job="treecounter"})' 9 100

"$CURL" -sS -m 10 "$app/metrics" >"$tmp/page" || complain "GET /metrics"
"$PROMTOOL" check metrics <"$tmp/page" || complain "promtool check metrics"

finish "Prometheus sees what was driven"
