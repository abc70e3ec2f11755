#!/bin/sh
# SPDX-License-Identifier: MIT
# house_man_promlint: promtool says of bad metrics what cprom_metrics(7) has of it, word for word.
. "${0%/*}/common.sh"
need "$PROMTOOL"
scratch

# One family for each rule: type, name and labels.
while read -r type name labels; do
	test "$name" = bad_silence || echo "# HELP $name Bad."
	echo "# TYPE $name $type"
	echo "$name$labels 1"
done >"$tmp/page" <<'END'
gauge bad_silence
gauge bad_wait_milliseconds
gauge bad_wait_ms
counter bad_requests
gauge bad_queue_total
gauge bad_leaky_bucket
gauge bad_thread_count
gauge bad_check_sum
gauge bad_bound {le="1"}
gauge bad_rank {quantile="0.5"}
gauge bad_load_gauge
gauge bad:load
gauge bad_queueSize
gauge bad_shard {shardId="1"}
END
"$PROMTOOL" check metrics <"$tmp/page" >"$tmp/said" 2>&1
test $? -eq 3 || complain "promtool does not return 3"

sed 's/^[^ ]* //' "$tmp/said" | sort >"$tmp/promtool"
sed -n '/^\.Ss What promtool/,/^\.Sh/s/^\.It Li //p' "$top_srcdir/man/cprom_metrics.7" |
	sed "s/\\\\(dq/\"/g; s/\\\\(aq/'/g" | sort >"$tmp/manual"
diff "$tmp/promtool" "$tmp/manual" || complain "promtool and cprom_metrics(7) differ (< promtool, > manual)"

finish "$(wc -l <"$tmp/manual") findings"
