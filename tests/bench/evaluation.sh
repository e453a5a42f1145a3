#!/usr/bin/env bash
# What an evaluation costs the operator: a Prometheus with what the rules of so many profiles record, and a release binary that asks it.
# For people to read; nothing here passes or fails.
#
#   tests/bench/evaluation.sh [PROFILES]     5000, with two objectives each
#
# PLIMSOLL=target/image/plimsoll. Needs the lab, without profiles: what is measured is what they all share, the queries and what is made of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
eval "$(tests/lab/lab env)"
profiles=${1:-5000} binary=${PLIMSOLL:-target/image/plimsoll} every=10 rounds=6
. tests/bench/processes.sh

# The names that one profile records, from its own rules.
cat >"$work/profile.yaml" <<'Y'
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: web, namespace: shop}
spec:
  targetRef: {name: web}
  objectives:
  - {name: availability, target: "99.9", indicator: {ratio: {errors: 'http_requests_total{code=~"5.."}', total: http_requests_total}}}
Y
names=$("$binary" render --rules "$work/profile.yaml" 2>/dev/null | sed -n "s/^ *-\{0,1\} *record: //p" | tr -d "\"'" | sort -u | tr "\n" " ")
now=$(date +%s)
# Values differ from profile to profile, and not from one evaluation to the next: there is no news.
awk -v profiles="$profiles" -v now="$now" -v names="$names" 'BEGIN {
  count = split(names, name, " ")
  for (n = 1; n <= count; n++) {
    metric = name[n]
    for (i = 0; i < profiles; i++) for (o = 0; o < 2; o++) for (t = -60; t <= 0; t += 30)
      printf "%s{namespace=\"team-%d\",profile=\"web-%d\",objective=\"%s\"} %.6f %d\n", metric, i % 50, i, o ? "latency" : "availability", (i % 997) / 997, now + t
  }
  print "# EOF"
}' >"$work/series.txt"
promtool tsdb create-blocks-from openmetrics "$work/series.txt" "$work/data" >/dev/null
rm "$work/series.txt"
# Groups as many as the profiles have, that hold one rule each which the operator asks for, and do nothing.
awk -v profiles="$profiles" 'BEGIN {
  print "groups:"
  for (i = 0; i < profiles; i++) for (o = 0; o < 2; o++)
    printf "- {name: \"plimsoll.team-%d.web-%d.%d\", interval: 1d, rules: [{record: \"plimsoll:total:rate5m\", expr: \"vector(0) > 1\", labels: {namespace: team-%d, profile: web-%d, objective: o%d}}]}\n", i % 50, i, o, i % 50, i, o
}' >"$work/rules.yaml"
echo 'rule_files: [rules.yaml]' >"$work/prometheus.yaml"
prometheus --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:18490 \
  --query.lookback-delta=1h --query.max-samples=100000000 >"$work/prometheus.log" 2>&1 </dev/null &
pids+=($!)
until curl -sf http://127.0.0.1:18490/-/ready >/dev/null; do sleep 0.5; done
series=$(curl -sf http://127.0.0.1:18490/api/v1/query --data-urlencode 'query=count({__name__=~"plimsoll:.+"})' | jq -r '.data.result[0].value[1]')

kubectl apply --server-side -f crds/ >/dev/null
kubectl wait --for=condition=Established --timeout=30s -f crds/ >/dev/null
"$binary" run --leader-elect=false --metrics-address 127.0.0.1:18491 --prometheus-url http://127.0.0.1:18490 --evaluation-interval "${every}s" \
  --log-format json >"$work/operator.log" 2>&1 </dev/null &
operator=$!
pids+=("$operator")
evaluations() { curl -sf http://127.0.0.1:18491/metrics | awk '/^plimsoll_prometheus_query_duration_seconds_count/ { sum += $NF } END { print int(sum / 3) }'; }
until [ "$(evaluations)" -ge 2 ]; do sleep 0.5; done
sleep 2
before=$(cpu "$operator") first=$(evaluations)
sleep $((every * rounds))
after=$(cpu "$operator") last=$(evaluations)
curl -sf http://127.0.0.1:18491/metrics | grep -E '^plimsoll_prometheus_query_duration_seconds_(sum|count)' || true
echo "$profiles profiles, $series series recorded: $(awk -v a="$before" -v b="$after" -v n="$((last - first))" 'BEGIN { printf "%.2f s of CPU each in %d evaluations", (b - a) / n, n }'), three queries each, resident $(memory "$operator" VmRSS) MB (most $(memory "$operator" VmHWM) MB)"
