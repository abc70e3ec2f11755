#!/bin/sh
# SPDX-License-Identifier: MIT
# e2e_hub_usage: examples/hub_usage from made-up history to report: promtool makes blocks of what cprom wrote, a
# real Prometheus has them and scrapes the exporter, and the report asks it through a stand-in for Grafana.
. "${0%/*}/common.sh"
need "$CURL" "$PROMETHEUS" "$PROMTOOL" "$PYTHON3"
programs=$top_builddir/examples/hub_usage
test -x "$programs/hub_usage_report" || skip "hub_usage_report needs jansson and libcurl"
scratch

no_proxy=*
export no_proxy

# What the reports are judged by ends half an hour before the last full one: there all of the history is, and no
# sample is within reach that an hour or a day before had.
end=$(($(date +%s) / 3600 * 3600 - 1800))
until=$(date -u -d "@$end" +%Y-%m-%dT%H:%M)

# ---- history ----

# A page of the newest hours is judged as such; the long one by promtool, which takes it whole.
"$programs/hub_usage_backfill" 2 3600 >"$tmp/short.om" || die "hub_usage_backfill"
"$PYTHON3" "$top_srcdir/tests/check_openmetrics.py" --sound "$tmp/short.om"
test $? -eq 0 -o $? -eq 77 || complain "the page is not sound"
"$programs/hub_usage_backfill" >"$tmp/history.om" || die "hub_usage_backfill"
lines=$(grep -c '^jupyterhub_active_users{' "$tmp/history.om")
test "$lines" -gt 300000 || complain "a history of $lines samples"
"$PROMTOOL" tsdb create-blocks-from --max-block-duration=720h openmetrics "$tmp/history.om" "$tmp/data" \
	>"$tmp/promtool.log" 2>&1 || die "promtool does not take the history"
for wrong in 0 -1 1x '' '1 0' '1 86401' '62 40' 400; do
	# shellcheck disable=SC2086 # two arguments
	"$programs/hub_usage_backfill" ${wrong:-''} >/dev/null 2>"$tmp/said" && complain "backfill takes \"$wrong\""
	grep -q '^usage: ' "$tmp/said" || complain "no usage after \"$wrong\""
done
"$programs/hub_usage_backfill" 1 >/dev/full 2>"$tmp/said" && complain "nobody notices that the disk is full"

# ---- servers ----

start exporter "$programs/hub_usage_exporter" 127.0.0.1:0
sed "s/127\.0\.0\.1:8004/127.0.0.1:$port/; s/scrape_interval: .*/scrape_interval: 1s/" \
	"$top_srcdir/examples/hub_usage/prometheus.yml" >"$tmp/prometheus.yml"
start_prometheus "$tmp/prometheus.yml" --storage.tsdb.retention.time=1y
GRAFANA_TOKEN=glsa_$(od -An -N 12 -t x1 /dev/urandom | tr -d ' \n')
export GRAFANA_TOKEN
start grafana "$PYTHON3" "$top_srcdir/tests/grafana_proxy.py" "$prometheus" "$tmp/asked"
grafana=http://127.0.0.1:$port
"$PYTHON3" "$top_srcdir/tests/promql.py" "$prometheus" 'min(up{job="hubs"})' 1 1 15 || die "the exporter is not scraped"

# ---- reports ----

runs=0
# report OPTION…: what it says on either side is in $tmp/out.N and $tmp/err.N; its status. No proxy stands before this machine.
report()
{
	runs=$((runs + 1))
	out=$tmp/out.$runs
	err=$tmp/err.$runs
	http_proxy=http://127.0.0.1:1 no_proxy='' timeout 20 "$programs/hub_usage_report" "$@" >"$out" 2>"$err"
}

# refuse WORDS OPTION…: it fails, says so in one line, and nothing else.
refuse()
{
	words=$1
	shift
	report "$@" && complain "no failure: $*"
	grep -q "^hub_usage_report: .*$words" "$err" || complain "not \"$words\": $(cat "$err")"
	test "$(wc -l <"$err")" -eq 1 -a ! -s "$out" || complain "it says more: $*"
}

# judge TIMES OPTION…: a report whose CSV and picture are judged.
judge()
{
	times=$1
	shift
	report --csv --svg="$tmp/out.svg" --end="$until" "$@" || complain "$* fails: $(cat "$err")"
	"$PYTHON3" "$top_srcdir/tests/check_hub_usage.py" "$prometheus" "$end" "$times" "$out" "$tmp/out.svg" ||
		complain "the report of $*"
}

judge 1 "$grafana"
test ! -s "$err" || complain "it complains: $(cat "$err")"
cp "$out" "$tmp/first.csv"
judge 1 --source=Hubs "$grafana/"
judge 1 -s pilot/ü "$grafana"
judge 2 --all "$grafana"
test "$(cat "$err")" = "hub_usage_report: left out: Gone?[31m: HTTP status 502" || complain "$(cat "$err")"
# What a source told before it failed is no part of the sum.
judge 1 --all "$grafana/half"
grep -q '^hub_usage_report: left out: Pilot: a value' "$err" || complain "$(cat "$err")"
judge 1 --all "$grafana/twice"
grep -q '^hub_usage_report: left out: Pilot: more than one series of climate' "$err" || complain "$(cat "$err")"

# The table has the same numbers, and sums.
report --end="$until" "$grafana" || complain "no table"
awk 'NF > 1 && $1 != "sum" { $NF = ""; print $1, $2, $3 }' "$out" >"$tmp/table"
awk -F , '$2 != "" && $3 != "" { sub(/\r/, ""); print $1, $2, $3 }' "$tmp/first.csv" >"$tmp/wanted"
grep -v -F -x -f "$tmp/table" "$tmp/wanted" && complain "the table has not what the CSV has"
awk '$1 ~ /^2/ && $NF ~ /^[0-9]+$/ { n += $NF } $1 == "sum" { sum = $NF } END { exit n == 0 || n != sum }' "$out" ||
	complain "the sum of sums"
report -e 2026-01-04T00:00 -m 1 "$grafana/wide" || complain "no wide table"
cmp - "$out" <<'EOF' || complain "columns run into each other: $(cat "$out")"
day                 üüüüüüüüü      x                sum
2026-01-01  0.333333333333333  -1000  -999.666666666667
2026-01-02  0.333333333333333         0.333333333333333
2026-01-03  0.333333333333333   1000   1000.33333333333
sum                         1      0                  1
EOF

# Until now: the last day is what the exporter says in these minutes.
live()
{
	"$CURL" -sS -m 10 "$prometheus/api/v1/query" --data-urlencode \
		'query=max(jupyterhub_active_users{job="hubs",period="24h",namespace="climate"})' |
		sed 's/.*,"\([0-9]*\)"\].*/\1/'
}
before=$(live)
report --months=1 --csv "$grafana" || complain "no report until now"
tr -d '\r' <"$out" | awk -F , -v before="$before" -v after="$(live)" '
	NR == 1 { for (i = 1; i <= NF; i++) if ($i == "climate") c = i }
	END { exit $c != before && $c != after }' || complain "the last day has not the $before of the exporter"

# Three months are to the same day, or the last one of its month.
report --end=2026-05-15T00:00 "$grafana/nothing" && complain "nothing is something"
grep -q '/nothing/.*query_range?.*&start=1771113600&end=1778803200&step=1d$' "$tmp/asked" || complain "15 February"
report --end=2026-05-31T00:00 "$grafana/nothing" && complain "nothing is something"
grep -q '/nothing/.*query_range?.*&start=1772236800&end=1780185600&step=1d$' "$tmp/asked" || complain "28 February"

# ---- other queries ----

# What a day lacks is empty, what a hub is called harms neither CSV nor XML, a bar has no height below 0.
report -c -g "$tmp/odd.svg" -T 'A & B' -e 2026-01-04T00:00 -m 1 "$grafana/odd" || complain "odd: $(cat "$err")"
printf 'day,"?[31m,ü%s","a<b>&""c""",(no namespace)\r\n%s\r\n%s\r\n%s\r\n' xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx \
	2026-01-01,3,1.5, 2026-01-02,,,-1 2026-01-03,2,, | cmp - "$out" || complain "the odd CSV: $(cat "$out")"
"$PYTHON3" - "$tmp/odd.svg" <<'EOF' || complain "the odd picture"
import sys, xml.etree.ElementTree as tree
texts = [t.strip() for t in tree.parse(sys.argv[1]).getroot().itertext()]
assert 'A & B' in texts and 'a<b>&"c", 2026-01-01: 1.5' in texts and '?[31m,ü' + 'x' * 10 + '…' in texts, texts
EOF
clean='??31m a? b??? c??? d??ü€😀'
dirty=$(printf 'T\302\233\033\357\277\276\303\340\200\200\355\240\200\364\220\200\200\377ü')
report -c -g "$tmp/clean.svg" -T "$dirty" -e 2026-01-04T00:00 -m 1 "$grafana/steered" || complain "steered: $(cat "$err")"
test "$(sed -n '1s/\r//p' "$out")" = "day,$(echo "$clean" | tr ' ' ,)" || complain "names: $(sed -n 1l "$out")"
"$PYTHON3" - "$tmp/clean.svg" "$clean" <<'EOF' || complain "the picture of what was steered"
import os, sys, xml.etree.ElementTree as tree
texts = [t.strip() for t in tree.parse(sys.argv[1]).getroot().itertext()]
assert 'T' + 18 * '?' + 'ü' in texts and set(os.fsencode(sys.argv[2]).decode().split()) <= set(texts), texts
EOF
report -c -e 2026-01-04T00:00 -m 1 "$grafana/formulas" || complain "formulas: $(cat "$err")"
printf 'day,,'\''+1,'\''-1,"'\''=HYPERLINK(""http://x"",""y"")",'\''@x,x=1\r\n2026-01-01,-1,-1,-1,-1,-1,-1\r\n' |
	cmp - "$out" || complain "a name is a formula: $(cat "$out")"
report -c -g "$tmp/many.svg" -e 2026-01-04T00:00 -m 1 "$grafana/many" || complain "many: $(cat "$err")"
grep -q 'and 19 more' "$tmp/many.svg" || complain "40 hubs in the legend"
for size in most least; do
	report -c -g "$tmp/$size.svg" -e 2026-01-04T00:00 -m 1 "$grafana/$size" || complain "$size: $(cat "$err")"
	grep -q -i '"[^"]*\<\(nan\|inf\)' "$tmp/$size.svg" && complain "no picture of $size"
done
test "$(grep -c 'stroke="#ddd"' "$tmp/most.svg")" -eq 6 || complain "ticks up to 3e15"
report -c -g "$tmp/query.svg" -q 'sum(jupyterhub_active_users{period="7d",namespace="staging"}) by (namespace)' \
	"$grafana" || complain "another query: $(cat "$err")"
head -n 1 "$out" | tr -d '\r' | grep -q -x 'day,staging' || complain "another query: $(head -n 1 "$out")"
grep -q '>sum(jupyterhub_active_users{period=&quot;7d&quot;,namespace=&quot;staging&quot;}) by (namespace…<' "$tmp/query.svg" ||
	complain "the query is not the title"
grep -q '>Value<' "$tmp/query.svg" || complain "what a query asks for are not always users"

# ---- what goes wrong ----

refuse 'HTTP status 400: .*parse error' -q 'max(' "$grafana"
refuse 'no data source of the name or uid "nobody"' -s nobody "$grafana"
refuse 'the data source "Logs" is a loki, not a Prometheus' -s Logs "$grafana"
refuse 'Gone.*HTTP status 502' -s gone "$grafana"
refuse 'no data source of this Grafana is a Prometheus' "$grafana/logs"
refuse 'no data source has answered' --all "$grafana/logs"
refuse 'the answer is not JSON' "$grafana/malformed"
refuse 'the answer is not JSON' "$grafana/page"
refuse 'the answer is not JSON' "$grafana/cut"
refuse 'not a list of data sources' "$grafana/object"
refuse 'lacks its name' "$grafana/nameless"
refuse 'HTTP status 500$' "$grafana/broken"
refuse 'HTTP status 404: Not found' "$grafana/nowhere/at/all"
refuse 'the token is refused (HTTP status 403)' "$grafana/forbidden"
refuse 'not that of a query over time' "$grafana/vector"
refuse 'a value in the answer' "$grafana/wrong"
refuse 'a value in the answer' "$grafana/timeless"
refuse 'a value in the answer, -1.7e+308, is beyond 1e+15' "$grafana/large"
refuse 'a value in the answer, 1.7e+308, is beyond' -q 'vector(1.7e308)' "$grafana"
refuse "HTTP status 422: $clean\$" "$grafana/steering"
refuse 'more than one series of [a-z-]*: .*by (namespace)' -q jupyterhub_active_users "$grafana"
refuse 'more than one series of (no namespace)' -q 'count by (period) (jupyterhub_active_users)' "$grafana"
refuse 'no result in this time' "$grafana/nothing"
refuse 'no answer: .*timed out' --timeout=1 "$grafana/slow"
for local in 127.0.0.1 127.1 localhost '[::1]'; do
	refuse 'no answer: .*connect' "http://$local:1"
done
for plain in http://grafana.example HTTP://grafana.example grafana.example http://127.0.0.1.example http://127.0.0.1@grafana.example; do
	refuse 'a token is not sent by http://' "$plain"
done
refuse 'no answer: .*[Pp]rotocol' file:///etc/hostname
refuse "redirects to http://localhost:${grafana##*:}/elsewhere, and the token" "$grafana/redirect"
grep elsewhere "$tmp/asked" && complain "the redirect is followed"
refuse 'is not a number' --months=0 "$grafana"
refuse 'is not a time' --end=yesterday "$grafana"
report --svg="$tmp/nowhere/out.svg" "$grafana" && complain "a picture in no directory"
grep -q 'nowhere/out.svg: No such file' "$err" || complain "$(cat "$err")"
timeout 20 "$programs/hub_usage_report" "$grafana" >/dev/full 2>"$tmp/err.full" && complain "a full disk"
for wrong in '' "$grafana $grafana" "-a -s Hubs $grafana" "--nonsense $grafana"; do
	# shellcheck disable=SC2086 # several arguments
	report $wrong && complain "it takes \"$wrong\""
	grep -q '^usage: ' "$err" || complain "no usage after \"$wrong\""
done

# ---- the token ----

grep -q '^without' "$tmp/asked" && complain "a request without the token"
right=$GRAFANA_TOKEN
GRAFANA_TOKEN=wrong
refuse 'the token is refused (HTTP status 401)' "$grafana"
GRAFANA_TOKEN="$right
X-More: 1"
refuse 'GRAFANA_TOKEN has blanks' "$grafana"
GRAFANA_TOKEN=
refuse 'no token in the environment' "$grafana"
unset GRAFANA_TOKEN
refuse 'no token in the environment' "$grafana"
grep -F -e "$right" "$tmp"/out.* "$tmp"/err.* "$tmp"/*.svg "$tmp"/*.log && complain "the token is shown"

finish "$runs reports of $lines samples"
